#!/usr/bin/env python3
"""Imports a file with zeep, by the types of Muster's own service: the report comes back as an object.

Usage: import_zeep.py FILE

zeep sends the file inside the envelope and holds it in memory; import_mtom.py does not. The variables and the exit code
are those of import_mtom.py.
"""

import hashlib
import os
import sys
from pathlib import Path

import requests
import zeep


def main():
    if len(sys.argv) != 2:
        print("usage: import_zeep.py FILE", file=sys.stderr)
        return 1
    path = Path(sys.argv[1])
    session = requests.Session()
    session.auth = (os.environ["MUSTER_USER"], os.environ["MUSTER_PASSWORD"])
    session.verify = os.environ.get("MUSTER_CA") or True
    client = zeep.Client(
        os.environ.get("MUSTER_URL", "http://127.0.0.1:9763") + "/services/UserImport?wsdl",
        # Refuses answers that are not as the description declares them.
        settings=zeep.Settings(strict=True),
        transport=zeep.Transport(session=session, operation_timeout=600),
    )
    content = path.read_bytes()
    try:
        report = client.service.importUsers(
            file=content,
            fileName=path.name,
            defaultPassword=os.environ.get("MUSTER_DEFAULT_PASSWORD"),
            # The same call again, after a lost answer, gets the same report.
            idempotencyKey=hashlib.sha256(content).hexdigest(),
        )
    except zeep.exceptions.Fault as fault:
        print(fault.message, file=sys.stderr)
        return 1
    counters = report.counters
    print(f"{report.id}: {counters.created} created, {counters.duplicate} duplicate, {counters.failed} failed")
    for problem in report.problem:
        print(f"line {problem.line}: {problem.code}: {problem.message}")
    if counters.failed == 0 and counters.duplicate == 0:
        return 0
    return 2 if counters.created > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
