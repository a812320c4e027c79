"""Runs Apache Synapse and Spring Integration with the files of examples/esb against a real Muster.

Usage: checks.py PATH-TO-MUSTER WORK-FOLDER   (run.sh calls this)

The files are used unchanged, except for values that differ on every machine: addresses and ports, the folder, and the
timeout for a response. Each check tests the bus's response to its caller and then the result in Muster: the import's
record (state, counts, the SHA-256 of the file), the number of imports with that key, and the users.

Prints a line for each check, and `esb: N passed, N failed` at the end. The logs of the buses are in WORK-FOLDER/logs.
"""

import base64
import hashlib
import http.client
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from relay import Relay

BINARY, WORK = sys.argv[1], Path(sys.argv[2])
EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "esb"
LOGS = WORK / "logs"
NS = "http://org.apache.axis2/xsd"
ENVELOPES = {
    "1.1": "http://schemas.xmlsoap.org/soap/envelope/",
    "1.2": "http://www.w3.org/2003/05/soap-envelope",
}
# Values of the example to replace: the address of Muster's service, Synapse's port, its folder, and its timeout.
ADDRESS, PORT, FOLDER, WAIT = "127.0.0.1:9763", ">8280<", "file:///srv/import", "<duration>600000<"
BUS, BUS_PASSWORD = "bus", "change-this-password"

passed, failed = [], []
printing = threading.Lock()


# --- Checks --------------------------------------------------------------------------------------


def check(name, body):
    """Runs one check; a failure does not prevent the others from running."""
    start = time.monotonic()
    try:
        remark = body() or ""
    except Exception as failure:  # noqa: BLE001
        with printing:
            failed.append(name)
            print(f"FAIL {name} ({time.monotonic() - start:.1f} s): {failure}"[:1500], flush=True)
            if not isinstance(failure, Wrong):
                traceback.print_exc(file=sys.stdout)
        return
    with printing:
        passed.append(name)
        print(f"ok   {name} ({time.monotonic() - start:.1f} s){remark and ': ' + remark}", flush=True)


class Wrong(Exception):
    """A check failed."""


def expect(holds, what):
    if not holds:
        raise Wrong(what)


def same(found, expected, what):
    expect(found == expected, f"{what}: {found!r} instead of {expected!r}")


def until(seconds, what, ask):
    """Polls until the result is true."""
    end = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        expect(time.monotonic() < end, f"{what}: not within {seconds} s")
        time.sleep(0.1)


def last(seen):
    """The last request; it must exist."""
    expect(seen, "Muster did not receive it")
    return seen[-1]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


# --- Muster --------------------------------------------------------------------------------------


class Muster:
    def __init__(self, folder, processes):
        self.config = folder / "muster.toml"
        self.admin_password = secrets.token_urlsafe(12)
        # Cheap hashes: the tests are about the requests that pass through the buses.
        self.config.write_text(
            f'[server]\nhttp = "127.0.0.1:{free_port()}"\nhttps = "off"\n'
            f'[access]\nlogin_failures_per_account = 1000000\nlogin_failures_per_address = 1000000\n'
            f'[store]\ndata = "{folder}/store"\n[passwords]\nmemory_kib = 1024\npasses = 1\n'
        )
        (LOGS / "muster.out").write_text("")
        with open(LOGS / "muster.out", "w") as out, open(LOGS / "muster.err", "w") as err:
            self.process = subprocess.Popen(
                [BINARY, "serve", "--config", self.config],
                stdout=out,
                stderr=err,
                env={**os.environ, "MUSTER_ADMIN_PASSWORD": self.admin_password},
            )
        processes.append(self.process)
        found = until(30, "the server's address", self._address)
        self.address = (found[1], int(found[2]))

    def _address(self):
        expect(self.process.poll() is None, f"Muster ended: {(LOGS / 'muster.err').read_text()}")
        return re.search(r"REST +http://([^:]+):(\d+)/", (LOGS / "muster.out").read_text())

    def run(self, *words, secret=None):
        command = [BINARY, *words, "--config", self.config]
        given = None if secret is None else secret + "\n"
        done = subprocess.run(command, input=given, text=True, capture_output=True, timeout=60)
        same(done.returncode, 0, f"{' '.join(words)}: {done.stderr}")
        return done.stdout

    def rest(self, method, path, body=None, fields=(), who=None):
        """Calls Muster directly, not through the bus; returns status, fields and response."""
        name, password = who or ("admin", self.admin_password)
        connection = http.client.HTTPConnection(*self.address, timeout=60)
        connection.request(method, "/api/v1" + path, body, {**basic(name, password), **dict(fields)})
        answer = connection.getresponse()
        read = answer.read()
        connection.close()
        return answer.status, json.loads(read)

    def record(self, import_id):
        status, record = self.rest("GET", f"/imports/{import_id}")
        same(status, 200, f"GET /imports/{import_id}")
        return record

    def imports_of(self, file_name):
        """The records of all imports of a file with this name, the newest first."""
        status, page = self.rest("GET", "/imports?limit=1000")
        same(status, 200, "GET /imports")
        return [record for record in page["imports"] if record["fileName"] == file_name]

    def only_import_of(self, file_name):
        records = self.imports_of(file_name)
        same(len(records), 1, f"imports of {file_name}")
        return records[0]

    def holds(self, record, content, created, total=None, **counts):
        """Checks that the record is of exactly this file, completed, with these counts."""
        same(record["state"], "completed", "state")
        same(record["sha256"], hashlib.sha256(content).hexdigest(), "SHA-256 of what arrived")
        same(record["created"], created, "rows created")
        same(record["total"], created if total is None else total, "rows")
        for name in ("failed", "duplicate"):
            same(record[name], counts.get(name, 0), f"rows {name}")

    def has_user(self, name):
        done = subprocess.run(
            [BINARY, "users", "show", name, "--config", self.config], capture_output=True, timeout=60
        )
        return done.returncode == 0


def basic(name, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def rows(prefix, count, bad=0, padding=0):
    """A file of users; the last `bad` ones have an invalid e-mail address."""
    heading = "username,emailaddress" + (",_padding" if padding else "")
    lines = [heading]
    for number in range(count):
        address = "none" if number >= count - bad else f"{prefix}-{number}@example.com"
        lines.append(f"{prefix}-{number},{address}" + ("," + "x" * padding if padding else ""))
    return ("\n".join(lines) + "\n").encode()


# --- A caller of the bus -------------------------------------------------------------------------


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.fields = response.headers
        self.type = response.headers.get("Content-Type", "")
        self.text = response.read().decode()

    def import_id(self):
        found = re.search(r'id="([^"]+)"', self.fields.get("Muster-Import", ""))
        expect(found, f"no Muster-Import in {self.status} {dict(self.fields)} {self.text[:300]}")
        return found[1]

    def envelope(self):
        """The response as XML. A multipart body with an XML Content-Type is not accepted."""
        try:
            root = ElementTree.fromstring(self.text)
        except ElementTree.ParseError as error:
            raise Wrong(f"the answer is no XML: {error}: {self.text[:300]}") from None
        expect(root.tag.endswith("}Envelope"), f"the response is not an envelope: {root.tag}")

    def is_success(self):
        self.envelope()
        expect(
            self.status == 200 and "bulkImportUsersResponse" in self.text and self.type.startswith(
                ("text/xml", "application/soap+xml")
            ),
            f"no success: {self.status} {self.type} {self.text[:300]}",
        )

    def counts(self):
        """The counts of the summary fault, and the content of the detail."""
        self.envelope()
        found = re.search(r"Success count : (\d+),\s+Failed Count : (\d+), Duplicate Count : (\d+)\.", self.text)
        expect(found, f"no summary: {self.status} {self.text[:300]}")
        stored = re.search(r"<m:rowsStored>(\d+)<", self.text)
        expect(stored and ">IMP-ROWS<" in self.text, f"no detail: {self.text[:600]}")
        lines = re.findall(r'<m:problem [^>]*line="(\d+)"', self.text)
        return tuple(map(int, found.groups())), int(stored[1]), [int(line) for line in lines]


def request(form, version, file_name, content, message_id=None):
    """A bulkImportUsers: its fields and its body."""
    if form == "inline":
        handler = base64.b64encode(content).decode()
    elif form == "mtom":
        handler = '<x:Include xmlns:x="http://www.w3.org/2004/08/xop/include" href="cid:file@caller"/>'
    else:
        handler = "cid:file@caller"
    header = ""
    if message_id:
        header = f'<a:MessageID xmlns:a="http://www.w3.org/2005/08/addressing">{message_id}</a:MessageID>'
    envelope = (
        f'<s:Envelope xmlns:s="{ENVELOPES[version]}"><s:Header>{header}</s:Header><s:Body>'
        f'<b:bulkImportUsers xmlns:b="{NS}"><b:fileName>{file_name}</b:fileName>'
        f"<b:defaultPassword>Welcome-2-Muster</b:defaultPassword><b:handler>{handler}</b:handler>"
        f"</b:bulkImportUsers></s:Body></s:Envelope>"
    ).encode()
    media = "text/xml" if version == "1.1" else "application/soap+xml"
    fields = {"SOAPAction": '"urn:bulkImportUsers"'} if version == "1.1" else {}
    if form == "inline":
        action = "" if version == "1.1" else '; action="urn:bulkImportUsers"'
        return {"Content-Type": f"{media}; charset=UTF-8{action}", **fields}, envelope
    boundary = "part-" + secrets.token_hex(12)
    root = f'application/xop+xml; charset=UTF-8; type="{media}"' if form == "mtom" else f"{media}; charset=UTF-8"
    kind = "application/xop+xml" if form == "mtom" else media
    body = b"\r\n".join(
        [
            f"--{boundary}\r\nContent-Type: {root}\r\nContent-ID: <root@caller>\r\n".encode(),
            envelope,
            f"--{boundary}\r\nContent-Type: text/csv\r\nContent-Transfer-Encoding: binary\r\n"
            f"Content-ID: <file@caller>\r\n".encode(),
            content,
            f"--{boundary}--\r\n".encode(),
        ]
    )
    start_info = f'; start-info="{media}"' if form == "mtom" else ""
    outer = f'multipart/related; boundary="{boundary}"; type="{kind}"; start="<root@caller>"{start_info}'
    return {"Content-Type": outer, **fields}, body


# --- Apache Synapse ------------------------------------------------------------------------------


class Synapse:
    """Apache Synapse with the example's configuration; a relay for each way into Muster."""

    HEAP_MIB = 64
    # Synapse's callout mediator changes a timeout of 30 seconds or less to 60 seconds.
    FILE_WAIT = 31
    # The timeout of each proxy of the example here, in milliseconds; two of them are as long as in the example.
    WAITS = {
        "ImportUsers": FILE_WAIT * 1000,
        "UserAdminMtom": 8000,
        "UserAdminRead": 8000,
        "UserAdmin": 600000,
        "PostImports": 600000,
    }

    def __init__(self, muster, folder, processes):
        self.muster = muster
        self.home = folder / "synapse"
        self.files = folder / "import"
        self.port = free_port()
        self.relays = {name: Relay(muster.address) for name in self.WAITS}
        shutil.copytree(EXAMPLES / "synapse", self.home)
        for name in ("inbox", "done", "failed", "post/inbox", "post/sent", "post/answers", "post/failed"):
            (self.files / name).mkdir(parents=True)
        proxies = self.home / "synapse-config" / "proxy-services"
        same({path.stem for path in proxies.iterdir()}, set(self.relays), "the example's proxies")
        for name, relay in self.relays.items():
            self._replace(proxies / f"{name}.xml", ADDRESS, f"127.0.0.1:{relay.port}")
            self._replace(proxies / f"{name}.xml", WAIT, f"<duration>{self.WAITS[name]}<")
        self._replace(self.home / "axis2.xml", PORT, f">{self.port}<")
        for path in self.home.rglob("*.xml"):
            if FOLDER in path.read_text():
                self._replace(path, FOLDER, f"file://{self.files}")
        self.log = LOGS / "synapse.log"
        temporary = folder / "synapse-tmp"
        temporary.mkdir()
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [self.home / "start.sh"],
                env={
                    **os.environ,
                    "LIBRARIES": (WORK / "synapse.path").read_text().strip(),
                    "JAVA_OPTIONS": f"-Xmx{self.HEAP_MIB}m -Djava.io.tmpdir={temporary}",
                },
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        processes.append(self.process)
        until(60, "Synapse", self._started)

    @staticmethod
    def _replace(path, old, new):
        text = path.read_text()
        expect(old in text, f"{path.name} has no {old}")
        path.write_text(text.replace(old, new))

    def _started(self):
        text = self.log.read_text()
        expect(self.process.poll() is None, f"Synapse ended: {text[-2000:]}")
        return "Apache Synapse started successfully" in text

    def call(self, proxy, form, version, file_name, content, who=(BUS, BUS_PASSWORD), fields=(), **more):
        head, body = request(form, version, file_name, content, **more)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection.request("POST", f"/services/{proxy}", body, {**head, **basic(*who), **dict(fields)})
        answer = Answer(connection.getresponse())
        connection.close()
        return answer

    def drop(self, name, content, inbox="inbox"):
        """Moves a complete file into the folder."""
        part = self.files / (name + ".part")
        part.write_bytes(content)
        part.rename(self.files / inbox / name)

    def end_of(self, name, seconds=60, ends=("done", "failed")):
        """The folder that the file ends in, and the reason file next to it."""

        def ask():
            for end in ends:
                if (self.files / end / name).exists() and not (self.files / "inbox" / name).exists():
                    return end

        end = until(seconds, f"{name} in {' or '.join(ends)}", ask)
        reason = self.files / end / (name + ".txt")
        return end, reason.read_text() if reason.exists() else ""

    def put_back(self, name, end="failed", inbox="inbox"):
        (self.files / end / (name + ".txt")).unlink(missing_ok=True)
        (self.files / end / name).rename(self.files / inbox / name)


def passes_through(muster, synapse, form, version):
    """Request and response pass unchanged, including the fault with its counts."""
    name = f"pass-{form}-{version}.csv"
    prefix = name[:-4].replace(".", "")
    content = rows(prefix, 5000)
    answer = synapse.call("UserAdmin", form, version, name, content)
    answer.is_success()
    same(answer.import_id(), muster.only_import_of(name)["id"], "the import that the answer names")
    muster.holds(muster.record(answer.import_id()), content, created=5000)
    seen = last(synapse.relays["UserAdmin"].requests_with(name))
    expect(("multipart/related" in seen) == (form != "inline"), f"the form was changed: {seen[:400]}")
    expect(ENVELOPES[version] in seen, "the SOAP version was changed")

    content = rows(prefix, 20, bad=3) + f"{prefix}-new,{prefix}-new@example.com\n".encode()
    answer = synapse.call("UserAdmin", form, version, "again-" + name, content)
    same(answer.status, 500, "status of the summary")
    expect(ENVELOPES[version] in answer.text, "the fault is of another SOAP version")
    counts, stored, lines = answer.counts()
    same(counts, (1, 3, 17), "counts of the fault")
    same(stored, 1, "rowsStored")
    same(sorted(lines), list(range(2, 22)), "lines of the fault's problems")
    muster.holds(muster.record(answer.import_id()), content, created=1, total=21, failed=3, duplicate=17)
    expect(muster.has_user(f"{prefix}-new"), "the good row of the second file does not exist")


def reads_the_answer(muster, synapse):
    """A proxy that reads the response finds Muster's content and passes it on as XML."""
    content = rows("read", 50)
    answer = synapse.call("UserAdminRead", "mtom", "1.1", "read.csv", content)
    answer.is_success()
    same(answer.fields["Import-Code"], "bulkImportUsersResponse", "what the proxy saw")
    muster.holds(muster.record(answer.import_id()), content, created=50)

    content = rows("read", 60, bad=5)
    answer = synapse.call("UserAdminRead", "mtom", "1.1", "read-bad.csv", content)
    same(answer.fields["Import-Code"], "IMP-ROWS", "what the proxy saw of the summary")
    record = muster.only_import_of("read-bad.csv")
    same(answer.fields["Import-Id"], record["id"], "the id that the proxy saw")
    same(answer.counts()[:2], ((5, 5, 50), 5), "counts after the proxy")
    muster.holds(record, content, created=5, total=60, failed=5, duplicate=50)

    answer = synapse.call("UserAdminRead", "inline", "1.1", "read-denied.csv", content, who=(BUS, "wrong"))
    same(answer.fields["Import-Code"], "IMP-ACCESS-CREDENTIALS", "what the proxy saw of the refusal")
    same(muster.imports_of("read-denied.csv"), [], "imports of the refused call")


def builds_mtom(muster, synapse, form, version):
    """For every form of request, Muster gets SOAP 1.1 with MTOM, and the caller a response that it can read."""
    name = f"built-{form}-{version}.csv"
    content = rows(name[:-4].replace(".", ""), 5000)
    answer = synapse.call("UserAdminMtom", form, version, name, content)
    answer.is_success()
    muster.holds(muster.record(answer.import_id()), content, created=5000)
    seen = last(synapse.relays["UserAdminMtom"].requests_with(name))
    for word in ("multipart/related", "application/xop+xml", ENVELOPES["1.1"]):
        expect(word in seen, f"Muster did not receive {word}: {seen[:600]}")
    # A file that came as text stays text, within the multipart message.
    same("xop/include" in seen, form == "mtom", "whether the file went as an attachment")


def attachment_is_dropped(muster, synapse):
    """Synapse drops an attachment that only text refers to; Muster's fault names the missing part."""
    answer = synapse.call("UserAdminMtom", "swa", "1.1", "dropped.csv", rows("dropped", 3))
    same(answer.status, 500, "status")
    expect("IMP-CID" in answer.text or "cid:file@caller" in answer.text, f"the fault: {answer.text[:600]}")
    same([record["created"] for record in muster.imports_of("dropped.csv") if record["created"]], [], "rows created")


def message_id_is_the_key(muster, synapse):
    """The caller's message id becomes the key, though Synapse drops its header: the second call finds the first."""
    content = rows("twice", 100)
    message_id = "urn:uuid:" + secrets.token_hex(16)
    ids = []
    for _ in range(2):
        answer = synapse.call("UserAdminMtom", "inline", "1.1", "twice.csv", content, message_id=message_id)
        answer.is_success()
        ids.append(answer.import_id())
    same(ids[0], ids[1], "the import of the second call")
    record = muster.only_import_of("twice.csv")
    same(record["key"], message_id, "the import's key")
    muster.holds(record, content, created=100)
    seen = last(synapse.relays["UserAdminMtom"].requests_with("twice.csv"))
    expect("MessageID" not in seen, "Synapse passed on the header, so the mapping was not needed")

    # If the message passes unchanged, the header itself is the key.
    for _ in range(2):
        answer = synapse.call(
            "UserAdmin", "mtom", "1.1", "twice-through.csv", rows("through", 10), message_id=message_id + "-2"
        )
        answer.is_success()
    same(muster.only_import_of("twice-through.csv")["key"], message_id + "-2", "the key of the untouched call")


def lost_answer_is_found(muster, synapse, proxy):
    """The bus times out although the rows are stored; repeating the call returns the import's result."""
    name = f"answer-lost-{proxy}.csv"
    content = rows("lost-" + proxy, 2000)
    message_id = "urn:uuid:" + secrets.token_hex(16)
    answer = synapse.call(proxy, "mtom", "1.1", name, content, message_id=message_id)
    same(answer.status, 500, "status after the time-out")
    answer.envelope()
    expect("Muster did not answer the bus (" in answer.text, f"the fault after the timeout: {answer.text[:400]}")
    expect("Authorization" not in answer.fields, "the fault's fields include the caller's credentials")
    first = until(20, "the import", lambda: muster.imports_of(name))[0]
    muster.holds(first, content, created=2000)
    answer = synapse.call(proxy, "mtom", "1.1", name, content, message_id=message_id)
    answer.is_success()
    same(answer.import_id(), first["id"], "the import of the repeated call")
    muster.holds(muster.only_import_of(name), content, created=2000)


def late_answer_arrives(muster, synapse):
    """A response that takes longer than the transport's own 60 seconds still arrives."""
    content = rows("late", 10)
    start = time.monotonic()
    answer = synapse.call("UserAdmin", "inline", "1.1", "answer-late.csv", content)
    took = time.monotonic() - start
    answer.is_success()
    expect(took > 60, f"the answer was not late: {took:.1f} s")
    muster.holds(muster.only_import_of("answer-late.csv"), content, created=10)


def muster_is_down(muster, synapse, proxy):
    """The caller gets a fault that reports it, without the fields of the request."""
    relay = synapse.relays[proxy]
    relay.refuse()
    try:
        answer = synapse.call(proxy, "mtom", "1.1", f"down-{proxy}.csv", rows("down", 3))
    finally:
        relay.listen()
    same(answer.status, 500, "status")
    answer.envelope()
    expect("<faultstring>Muster did not answer the bus (101" in answer.text, answer.text[:400])
    expect("Authorization" not in answer.fields, "the fault's fields include the caller's credentials")
    same(muster.imports_of(f"down-{proxy}.csv"), [], "imports of a server that is down")
    # A connection in Synapse's pool may still be a closed one; then the caller gets the fault once more.
    content = rows("up-" + proxy, 3)
    until(20, "success", lambda: synapse.call(proxy, "mtom", "1.1", f"down-{proxy}.csv", content).status == 200)
    muster.holds(muster.only_import_of(f"down-{proxy}.csv"), content, created=3)


# Files in the folder of ImportUsers.


def file_streams(muster, synapse):
    """100,000 rows, about as large as Synapse's memory, are sent as a chunked attachment."""
    name, count = "big.csv", 100_000
    content = rows("big", count, padding=500)
    expect(len(content) > 50 << 20, "the file is too small to show that it streams")
    synapse.drop(name, content)
    same(synapse.end_of(name, 180), ("done", ""), "where the file is")
    record = muster.only_import_of(name)
    muster.holds(record, content, created=count)
    same((record["operator"], record["door"]), (BUS, "soap"), "who imported, and how")
    seen = synapse.relays["ImportUsers"].requests_with(name)
    same(len(seen), 1, "requests; the credentials go with the first")
    seen = seen[0]
    head = seen.partition("\r\n\r\n")[0].lower()
    expect("multipart/related" in head and "transfer-encoding: chunked" in head, head)
    expect("xop/include" in seen and "authorization" not in head, seen[:2000])
    expect(seen.index("defaultPassword") < seen.index("xop/include"), "the file is not the last part")
    expect(muster.has_user(f"big-{count - 1}"), "the last row's user does not exist")
    return f"{len(content) >> 20} MiB, heap {synapse.HEAP_MIB} MiB"


def file_with_bad_rows(muster, synapse):
    content = rows("drop-rows", 30, bad=2)
    synapse.drop("drop-rows.csv", content)
    end, reason = synapse.end_of("drop-rows.csv")
    same(end, "failed", "where the file is")
    record = muster.only_import_of("drop-rows.csv")
    muster.holds(record, content, created=28, total=30, failed=2)
    for words in ("Success count : 28,  Failed Count : 2", "IMP-ROWS", record["id"], "rows stored 28", "line 30"):
        expect(words in reason, f"the reason lacks {words!r}: {reason}")
    # The same file again: the same import, not thirty duplicates.
    synapse.put_back("drop-rows.csv")
    end, reason = synapse.end_of("drop-rows.csv")
    expect(end == "failed" and "Success count : 28" in reason and record["id"] in reason, f"{end}: {reason}")
    muster.only_import_of("drop-rows.csv")
    # The corrected file: another file, so another import.
    mended = rows("drop-rows", 30)
    (synapse.files / "failed" / "drop-rows.csv").unlink()
    (synapse.files / "failed" / "drop-rows.csv.txt").unlink()
    synapse.drop("drop-rows.csv", mended)
    end, reason = synapse.end_of("drop-rows.csv")
    muster.holds(muster.imports_of("drop-rows.csv")[0], mended, created=2, total=30, duplicate=28)
    expect(end == "failed" and "Success count : 2,  Failed Count : 0, Duplicate Count : 28" in reason, reason)


def file_with_any_name(muster, synapse):
    """A name with a blank and an umlaut: imported, or failed with a reason file of that name."""
    name, content = "drop names ä.csv", rows("drop-names", 3)
    synapse.drop(name, content)
    same(synapse.end_of(name), ("done", ""), "where the file is")
    muster.holds(muster.only_import_of(name), content, created=3)
    bad = "drop names ö.csv"
    synapse.drop(bad, content)
    end, reason = synapse.end_of(bad)
    expect(end == "failed" and bad in reason and "Duplicate Count : 3" in reason, f"{end}: {reason}")
    muster.holds(muster.only_import_of(bad), content, created=0, total=3, duplicate=3)


def file_that_is_refused(muster, synapse):
    synapse.drop("drop-quote.csv", b'username,emailaddress\n"drop-quote,\n')
    end, reason = synapse.end_of("drop-quote.csv")
    expect(end == "failed" and "IMP-CSV-QUOTE" in reason and "rows stored 0" in reason, f"{end}: {reason}")
    same(muster.only_import_of("drop-quote.csv")["created"], 0, "rows created")


def file_with_wrong_password(muster, synapse):
    muster.run("operator", "password", BUS, "--password-stdin", secret="another-password-now")
    content = rows("drop-denied", 3)
    try:
        synapse.drop("drop-denied.csv", content)
        end, reason = synapse.end_of("drop-denied.csv")
    finally:
        muster.run("operator", "password", BUS, "--password-stdin", secret=BUS_PASSWORD)
    expect(end == "failed" and "IMP-ACCESS-CREDENTIALS" in reason, f"{end}: {reason}")
    same(muster.imports_of("drop-denied.csv"), [], "imports")
    synapse.put_back("drop-denied.csv")
    same(synapse.end_of("drop-denied.csv", ends=("done",)), ("done", ""), "with the right password")
    muster.holds(muster.only_import_of("drop-denied.csv"), content, created=3)


def file_while_muster_is_down(muster, synapse):
    content = rows("drop-down", 3)
    synapse.relays["ImportUsers"].refuse()
    try:
        synapse.drop("drop-down.csv", content)
        end, reason = synapse.end_of("drop-down.csv")
    finally:
        synapse.relays["ImportUsers"].listen()
    expect(end == "failed" and "No answer from Muster" in reason, f"{end}: {reason}")
    expect("Connection refused" in synapse.log.read_text(), "Synapse's log lacks the cause")
    same(muster.imports_of("drop-down.csv"), [], "imports")
    synapse.put_back("drop-down.csv")
    same(synapse.end_of("drop-down.csv", ends=("done",)), ("done", ""), "with Muster there again")
    muster.holds(muster.only_import_of("drop-down.csv"), content, created=3)


def file_whose_answer_is_lost(muster, synapse):
    """No response arrives although the rows are stored: the file is in failed/; moved back, it finds its import."""
    name = "answer-lost-drop.csv"
    content = rows("drop-lost", 300)
    start = time.monotonic()
    synapse.drop(name, content)
    end, reason = synapse.end_of(name, synapse.FILE_WAIT + 20)
    took = time.monotonic() - start
    expect(end == "failed" and "No answer from Muster" in reason, f"{end}: {reason}")
    expect(took >= synapse.FILE_WAIT, f"Synapse gave up after {took:.1f} s")
    expect("Read timed out" in synapse.log.read_text(), "Synapse's log lacks the cause")
    record = muster.only_import_of(name)
    muster.holds(record, content, created=300)
    expect(record["key"] in reason, f"the reason lacks the key {record['key']!r}: {reason}")
    synapse.put_back(name)
    same(synapse.end_of(name, ends=("done",)), ("done", ""), "where the file is the second time")
    same(muster.only_import_of(name)["id"], record["id"], "the import")
    muster.holds(muster.record(record["id"]), content, created=300)


# The transfer by POST /api/v1/imports.


def post_hands_over(muster, synapse):
    name, content = "post.csv", rows("post", 2000, bad=1)
    synapse.drop(name, content, "post/inbox")
    same(synapse.end_of(name, ends=("post/sent", "post/failed"))[0], "post/sent", "where the file is")
    answer = synapse.files / "post" / "answers" / f"{name}.201.json"
    until(30, "the answer", lambda: answer.exists() and answer.read_text().strip().endswith("}"))
    record = muster.only_import_of(name)
    muster.holds(record, content, created=1999, total=2000, failed=1)
    told = json.loads(answer.read_text())
    same(told["id"], record["id"], "the import that the answer names")
    same((record["operator"], record["door"]), (BUS, "rest"), "who imported, and how")
    seen = last(synapse.relays["PostImports"].requests_with(name))
    expect("username,emailaddress\n" in seen and "text/csv" in seen, f"the body is not the file: {seen[:600]}")
    # The second time: the same import, and 200 instead of 201.
    synapse.put_back(name, "post/sent", "post/inbox")
    again = synapse.files / "post" / "answers" / f"{name}.200.json"
    until(30, "the second answer", lambda: again.exists() and again.read_text().strip().endswith("}"))
    same(json.loads(again.read_text())["id"], record["id"], "the import of the second hand-over")
    muster.only_import_of(name)


def post_while_muster_is_down(muster, synapse):
    """sent/ only means sent: without a response, a watcher looks up the key and moves the file back."""
    name, content = "post-down.csv", rows("post-down", 3)
    synapse.relays["PostImports"].refuse()
    try:
        synapse.drop(name, content, "post/inbox")
        same(synapse.end_of(name, ends=("post/sent", "post/failed"))[0], "post/sent", "where the file is")
        until(30, "the line in the log", lambda: f"no answer = {name}" in synapse.log.read_text())
    finally:
        synapse.relays["PostImports"].listen()
    same(list((synapse.files / "post" / "answers").glob(name + "*")), [], "answers")
    told = watch(synapse.files / "post" / "sent", muster)
    same(told.get(name), "not imported", "what the watcher says")
    same(told.get("post.csv"), "1 of 2000 rows failed", "what the watcher says of the other file")
    synapse.put_back(name, "post/sent", "post/inbox")
    until(30, "the import", lambda: muster.imports_of(name))
    until(30, "the file in sent/", lambda: (synapse.files / "post" / "sent" / name).exists())
    expect(name not in watch(synapse.files / "post" / "sent", muster), "the watcher still names the file")
    muster.holds(until(30, "the record", lambda: muster.imports_of(name))[0], content, created=3)


def watch(folder, muster):
    """The output of the example's watcher for the files of a folder, by name."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / "watch.py", folder],
        env={
            **os.environ,
            "MUSTER_URL": "http://%s:%d" % muster.address,
            "MUSTER_USER": BUS,
            "MUSTER_PASSWORD": BUS_PASSWORD,
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    expect(done.returncode in (0, 1), f"watch.py: {done.stderr}")
    return dict(line.split("\t")[:2] for line in done.stdout.splitlines())


def post_by_itself(muster):
    """The statements of docs/esb.md about POST /api/v1/imports, without a bus."""
    content = rows("plain", 5)
    fields = {
        "Content-Type": "text/csv",
        "Idempotency-Key": hashlib.sha256(content).hexdigest(),
        "Muster-Default-Password": "Welcome-2-Muster",
    }
    who = (BUS, BUS_PASSWORD)
    status, report = muster.rest("POST", "/imports?fileName=plain.csv", content, fields, who)
    same((status, report["created"]), (201, 5), "the first time")
    status, again = muster.rest("POST", "/imports?fileName=plain.csv", content, fields, who)
    same((status, again["id"]), (200, report["id"]), "the second time")
    status, other = muster.rest("POST", "/imports?fileName=plain.csv", content + b"plain-x,\n", fields, who)
    same(status, 422, f"the same key with another file: {other}")
    muster.holds(muster.only_import_of("plain.csv"), content, created=5)
    waiting = {**fields, "Idempotency-Key": "plain-later", "Prefer": "respond-async"}
    status, later = muster.rest("POST", "/imports?fileName=later.csv", rows("later", 5), waiting, who)
    same(status, 202, f"respond-async: {later}")
    record = until(
        30,
        "the import that waited",
        lambda: [found for found in muster.imports_of("later.csv") if found["state"] == "completed"],
    )[0]
    muster.holds(record, rows("later", 5), created=5)


# --- Spring Integration --------------------------------------------------------------------------


class Spring:
    """The example's program with one folder."""

    WAIT = 5

    def __init__(self, muster, folder, soap, mtom):
        self.name = f"{'mtom' if mtom else 'inline'}-{soap}"
        self.relay = Relay(muster.address)
        self.files = folder / f"spring-{self.name}"
        (self.files / "inbox").mkdir(parents=True)
        self.log = LOGS / f"spring-{self.name}.log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [
                    "java",
                    "-Xmx128m",
                    "-XX:TieredStopAtLevel=1",
                    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                    "-cp",
                    f"{WORK / 'classes'}:{(WORK / 'spring-integration.path').read_text().strip()}",
                    "ImportUsers",
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={
                    **os.environ,
                    "MUSTER_URL": f"http://127.0.0.1:{self.relay.port}/services/UserAdmin",
                    "MUSTER_USER": "spring",
                    "MUSTER_PASSWORD": BUS_PASSWORD,
                    "MUSTER_DEFAULT_PASSWORD": "Welcome-2-Muster",
                    "MUSTER_FOLDER": str(self.files),
                    "MUSTER_SOAP": soap,
                    "MUSTER_MTOM": str(mtom).lower(),
                    "MUSTER_SECONDS": str(self.WAIT),
                },
            )

    drop = Synapse.drop
    end_of = Synapse.end_of
    put_back = Synapse.put_back


def spring_imports(muster, spring, soap, mtom):
    name = f"spring-{spring.name}.csv"
    prefix = name[:-4].replace(".", "")
    content = rows(prefix, 5000)
    spring.drop(name, content)
    end, reason = spring.end_of(name, 90)
    same(end, "done", f"where the file is; {reason} {spring.log.read_text()[-500:]}")
    record = muster.only_import_of(name)
    muster.holds(record, content, created=5000)
    same(record["key"], hashlib.sha256(content).hexdigest(), "the key")
    seen = spring.relay.requests_with(name)
    same(len(seen), 1, "requests; the credentials go with the first")
    seen = seen[0]
    expect("transfer-encoding: chunked" in seen.partition("\r\n\r\n")[0].lower(), f"not in pieces: {seen[:600]}")
    expect(ENVELOPES[soap] in seen, "the SOAP version")
    expect(("xop/include" in seen) == mtom, f"the form: {seen[:1500]}")

    bad = "bad-" + name
    content = rows(prefix, 12, bad=2)
    spring.drop(bad, content)
    end, reason = spring.end_of(bad)
    same(end, "failed", "where the file with bad rows is")
    record = muster.only_import_of(bad)
    for words in ("Success count : 0,  Failed Count : 2, Duplicate Count : 10", "IMP-ROWS", record["id"], 'line="13"'):
        expect(words in reason, f"the reason lacks {words!r}: {reason}")
    muster.holds(record, content, created=0, total=12, failed=2, duplicate=10)


def spring_fails(muster, spring):
    """Muster down, wrong password, no response, lost response: failed/ with the reason, and the recovery."""
    content = rows("spring-down", 3)
    spring.relay.refuse()
    try:
        spring.drop("spring-down.csv", content)
        end, reason = spring.end_of("spring-down.csv")
    finally:
        spring.relay.listen()
    expect(end == "failed" and "refused" in reason, f"down: {end}: {reason}")
    same(muster.imports_of("spring-down.csv"), [], "imports of a server that is down")

    muster.run("operator", "password", "spring", "--password-stdin", secret="another-password-now")
    try:
        spring.drop("spring-denied.csv", content)
        end, reason = spring.end_of("spring-denied.csv")
    finally:
        muster.run("operator", "password", "spring", "--password-stdin", secret=BUS_PASSWORD)
    expect(end == "failed" and "IMP-ACCESS-CREDENTIALS" in reason, f"wrong password: {end}: {reason}")
    same(muster.imports_of("spring-denied.csv"), [], "imports of a caller who is refused")

    spring.drop("never-answered-spring.csv", content)
    end, reason = spring.end_of("never-answered-spring.csv")
    expect(end == "failed" and "timed out" in reason, f"no answer: {end}: {reason}")
    same(muster.imports_of("never-answered-spring.csv"), [], "imports of a call that did not arrive")

    name = "answer-lost-spring.csv"
    content = rows("spring-lost", 200)
    spring.drop(name, content)
    end, reason = spring.end_of(name)
    expect(end == "failed" and "timed out" in reason, f"lost answer: {end}: {reason}")
    record = muster.only_import_of(name)
    muster.holds(record, content, created=200)
    spring.put_back(name)
    same(spring.end_of(name, ends=("done",))[0], "done", "where the repeated file is")
    same(muster.only_import_of(name)["id"], record["id"], "the import of the repeated file")


# --- All of it -----------------------------------------------------------------------------------


def main():
    folder = Path(tempfile.mkdtemp(prefix="muster-esb-"))
    processes = []
    try:
        muster = Muster(folder, processes)
        for name in (BUS, "spring"):
            muster.run("operator", "add", name, "--role", "import", "--password-stdin", secret=BUS_PASSWORD)
        synapse = Synapse(muster, folder, processes)
        run(muster, synapse, folder, processes)
    finally:
        for process in reversed(processes):
            end(process)
        shutil.rmtree(folder, ignore_errors=True)
    print(f"esb: {len(passed)} passed, {len(failed)} failed", flush=True)
    return 1 if failed else 0


def end(process):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def run(muster, synapse, folder, processes):
    def waits():
        check("synapse: an answer after more than a minute", lambda: late_answer_arrives(muster, synapse))

    def files():
        check("synapse: file drop, 100,000 rows streamed", lambda: file_streams(muster, synapse))
        check("synapse: file drop, rows rejected", lambda: file_with_bad_rows(muster, synapse))
        check("synapse: file drop, any name", lambda: file_with_any_name(muster, synapse))
        check("synapse: file drop, file refused", lambda: file_that_is_refused(muster, synapse))
        check("synapse: file drop, wrong password", lambda: file_with_wrong_password(muster, synapse))
        check("synapse: file drop, Muster down", lambda: file_while_muster_is_down(muster, synapse))
        check("synapse: POST hands over", lambda: post_hands_over(muster, synapse))
        check("synapse: POST, Muster down", lambda: post_while_muster_is_down(muster, synapse))
        check("synapse: file drop, no answer, though stored", lambda: file_whose_answer_is_lost(muster, synapse))

    def springs():
        for soap, mtom in (("1.1", True), ("1.2", True), ("1.1", False), ("1.2", False)):
            spring = Spring(muster, folder, soap, mtom)
            processes.append(spring.process)
            check(f"spring: {spring.name}", lambda: spring_imports(muster, spring, soap, mtom))
            if soap == "1.1" and mtom:
                check("spring: failures", lambda: spring_fails(muster, spring))
            end(spring.process)
            processes.remove(spring.process)

    beside = [threading.Thread(target=body) for body in (waits, files)]
    for thread in beside:
        thread.start()
    check("POST /api/v1/imports by itself", lambda: post_by_itself(muster))
    for form in ("mtom", "swa", "inline"):
        for version in ENVELOPES:
            check(
                f"synapse: passed through, {form} {version}", lambda: passes_through(muster, synapse, form, version)
            )
    check("synapse: a proxy that reads the answer", lambda: reads_the_answer(muster, synapse))
    for form in ("mtom", "inline"):
        for version in ENVELOPES:
            check(f"synapse: MTOM built of {form} {version}", lambda: builds_mtom(muster, synapse, form, version))
    check("synapse: SwA into a proxy that builds", lambda: attachment_is_dropped(muster, synapse))
    check("synapse: the message id is the key", lambda: message_id_is_the_key(muster, synapse))
    for proxy in ("UserAdminRead", "UserAdminMtom"):
        check(f"synapse: a lost answer is found, {proxy}", lambda: lost_answer_is_found(muster, synapse, proxy))
        check(f"synapse: Muster down, {proxy}", lambda: muster_is_down(muster, synapse, proxy))
    springs()
    for thread in beside:
        thread.join()


if __name__ == "__main__":
    sys.exit(main())
