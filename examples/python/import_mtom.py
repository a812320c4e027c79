#!/usr/bin/env python3
"""Imports a file by SOAP, as an MTOM attachment that is read from disk while it is sent.

Usage: import_mtom.py FILE

MUSTER_URL (http://127.0.0.1:9763), MUSTER_USER and MUSTER_PASSWORD say where Muster is and who calls.
MUSTER_DEFAULT_PASSWORD is the password of rows that have none; MUSTER_CA is a file with the certificate to trust.

The exit code is 0 when each row made a user, 2 when some did not, 1 when nothing was stored.
"""

import os
import sys
import uuid
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from xml.sax.saxutils import escape

import requests

SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
OURS = "{urn:muster:soap:fault:1}"

ENVELOPE = """\
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">
  <soapenv:Body>
    <bulkImportUsers xmlns="http://org.apache.axis2/xsd">
      <fileName>{name}</fileName>
      <handler><xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:file@example.com"/></handler>
      <defaultPassword>{password}</defaultPassword>
    </bulkImportUsers>
  </soapenv:Body>
</soapenv:Envelope>"""


class Message:
    """The message, in pieces. With its length, which requests asks for, it is not sent in chunks."""

    def __init__(self, path, password):
        boundary = f"part-{uuid.uuid4()}"
        envelope = ENVELOPE.format(name=escape(path.name), password=escape(password))
        self.path = path
        self.kind = (
            'multipart/related; type="application/xop+xml"; start="<envelope@example.com>"; '
            f'start-info="text/xml"; boundary="{boundary}"'
        )
        self.before = (
            f"--{boundary}\r\n"
            'Content-Type: application/xop+xml; charset=UTF-8; type="text/xml"\r\n'
            "Content-ID: <envelope@example.com>\r\n\r\n"
            f"{envelope}\r\n"
            f"--{boundary}\r\n"
            "Content-Type: application/octet-stream\r\n"
            "Content-Transfer-Encoding: binary\r\n"
            "Content-ID: <file@example.com>\r\n\r\n"
        ).encode()
        self.after = f"\r\n--{boundary}--\r\n".encode()

    def __len__(self):
        return len(self.before) + self.path.stat().st_size + len(self.after)

    def __iter__(self):
        yield self.before
        with self.path.open("rb") as file:
            while piece := file.read(64 * 1024):
                yield piece
        yield self.after


def show_problems(fault):
    """Each problem of the fault's detail, and whether rows are stored."""
    stored = 0
    for entry in fault.iter(f"{OURS}importFault"):
        stored = int(entry.findtext(f"{OURS}rowsStored") or 0)
        for problem in entry.iter(f"{OURS}problem"):
            print(f"line {problem.get('line')}: {problem.get('code')}: {problem.text}")
    return stored > 0


def main():
    if len(sys.argv) != 2:
        print("usage: import_mtom.py FILE", file=sys.stderr)
        return 1
    path = Path(sys.argv[1])
    message = Message(path, os.environ.get("MUSTER_DEFAULT_PASSWORD", ""))
    answer = requests.post(
        os.environ.get("MUSTER_URL", "http://127.0.0.1:9763") + "/services/UserAdmin",
        data=message,
        headers={"Content-Type": message.kind, "SOAPAction": '"urn:bulkImportUsers"'},
        auth=(os.environ["MUSTER_USER"], os.environ["MUSTER_PASSWORD"]),
        verify=os.environ.get("MUSTER_CA") or True,
        # To connect, and between two bytes of the answer, which comes when the last row is stored.
        timeout=(10, 600),
    )
    if "xml" not in answer.headers.get("Content-Type", ""):
        print(f"HTTP status {answer.status_code}: {answer.text.strip()}", file=sys.stderr)
        return 1
    body = ElementTree.fromstring(answer.content).find(f"{SOAP}Body")
    fault = body.find(f"{SOAP}Fault")
    if fault is None:
        print(answer.headers["Muster-Import"])
        return 0
    print(fault.findtext("faultstring"), file=sys.stderr)
    return 2 if show_problems(fault) else 1


if __name__ == "__main__":
    sys.exit(main())
