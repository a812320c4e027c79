"""zeep with UserImport, Muster's own service: every operation, with the types of its description.

zeep sends no attachments, but reads responses that have one.
"""

import os
import sys
import time
import traceback

import requests
import zeep

BASE = os.environ["INTEROP_BASE"]
PASSWORD = os.environ["INTEROP_PASSWORD"]
PORTS = {"1.1": "UserImportSoap11Port", "1.2": "UserImportSoap12Port"}
FAULT = "{urn:muster:soap:fault:1}importFault"
UNKNOWN = "01989e3a-7c51-7c4e-9d6b-0a1b2c3d4e5f"

bad = 0


def mode(name, action):
    """Runs one mode; a failure does not prevent the others from running."""
    global bad
    try:
        print("result", name, "works", action() or "", sep="\t", flush=True)
    except Exception as error:
        bad += 1
        print("result", name, "fails", " ".join(f"{type(error).__name__}: {error}".split()), sep="\t")
        traceback.print_exc(file=sys.stdout)


def client():
    session = requests.Session()
    session.auth = ("admin", PASSWORD)
    # Strict, so that a response that does not match its declaration is refused.
    return zeep.Client(
        BASE + "/services/UserImport?wsdl",
        settings=zeep.Settings(strict=True),
        transport=zeep.Transport(session=session, timeout=30, operation_timeout=60),
    )


def file(prefix):
    """Two good rows, and between them one with white space in its name."""
    names = [f"{prefix}-ann", f"{prefix} bob", f"{prefix}-cleo"]
    rows = [f"{name},,{name.replace(' ', '-')}@example.com" for name in names]
    return ("username,password,emailaddress\n" + "\n".join(rows) + "\n").encode()


def request(prefix, **more):
    return {"file": file(prefix), "fileName": "users.csv", "defaultPassword": "Initial-Pass-1", **more}


def imported(*names):
    for name in names:
        print("imported", name, f"{name}@example.com", sep="\t")


def imports(version, prefix):
    def action():
        service = client().bind("UserImport", PORTS[version])
        report = service.importUsers(**request(prefix))
        counters = report.counters
        assert (report.state, report.problemsTotal) == ("completed", 1), report
        assert (counters.total, counters.created, counters.failed) == (3, 2, 1), counters
        problem = report.problem[0]
        assert (problem.line, problem.code) == (3, "name-white-space"), problem
        assert report.options.conflict == "skip" and report.options.dryRun is False

        record = service.getImport(id=report.id)
        assert (record.state, record.operator) == ("completed", "admin"), record
        assert record.startedAt.tzinfo is not None, record.startedAt
        page = service.listProblems(id=report.id, skip=0, limit=10)
        assert (page.total, page.kept, len(page.problem)) == (1, 1, 1), page
        page = service.listProblems(id=report.id, skip=1)
        assert page.problem == [], page

        rejects = service.getRejectFile(id=report.id)
        assert (rejects.rows, rejects.fileName) == (1, "users-rejects.csv"), rejects
        assert f"{prefix} bob".encode() in rejects.file, rejects.file
        mended = rejects.file.replace(f"{prefix} bob".encode(), f"{prefix}-bob".encode())
        report = service.importUsers(file=mended, fileName=rejects.fileName, defaultPassword="Initial-Pass-1")
        assert report.counters.created == 1, report
        imported(f"{prefix}-ann", f"{prefix}-bob", f"{prefix}-cleo")
        return "report, record, problems, rejects mended"

    return action


def attachment(version, prefix):
    def action():
        bound = client()
        service = bound.bind("UserImport", PORTS[version])
        report = service.importUsers(**request(prefix))
        imported(f"{prefix}-ann", f"{prefix}-cleo")
        inline = service.getRejectFile(id=report.id).file
        answer = service.getRejectFile(id=report.id, asAttachment=True)
        # zeep returns a message with attachments; its root has the file in place of the xop:Include.
        found = answer if hasattr(answer, "file") else answer.root.rejectFile
        # It strips line ends from the end of an attachment.
        assert found.file == inline.rstrip(b"\r\n"), found
        return "an MTOM answer; line ends at the end of the file are lost"

    return action


def preview():
    report = client().service.previewImport(**request("own-preview"))
    assert report.options.dryRun is True
    assert [column.standsFor for column in report.preview.column][0] == "userName", report.preview
    assert len(report.preview.row) == 3, report.preview
    print("refused", "own-preview-ann", sep="\t")


def queue():
    service = client().service
    report = service.importUsers(**request("own-queue", respondAsync=True, idempotencyKey="own-queue-1"))
    for _ in range(300):
        record = service.getImport(id=report.id)
        if record.state == "completed":
            break
        time.sleep(0.1)
    assert record.counters.created == 2, record
    again = service.importUsers(**request("own-queue", idempotencyKey="own-queue-1"))
    assert again.id == report.id, again
    assert service.cancelImport(id=report.id).outcome == "tooLate"
    imported("own-queue-ann", "own-queue-cleo")


def undo():
    service = client().service
    report = service.importUsers(**request("own-undo"))
    undone = service.undoImport(id=report.id)
    assert (undone.removed, undone.leftTotal, undone.left) == (2, 0, []), undone
    print("refused", "own-undo-ann", sep="\t")


def fault(version):
    def action():
        bound = client()
        service = bound.bind("UserImport", PORTS[version])
        try:
            service.getImport(id=UNKNOWN)
        except zeep.exceptions.Fault as raised:
            entry = raised.detail.find(FAULT)
            typed = bound.get_element(FAULT).parse(entry, bound.wsdl.types)
            assert typed.code == "IMP-IMPORT-UNKNOWN", typed
            assert typed.message == raised.message, typed
            return "typed by the declared element"
        raise AssertionError("an import that there is not was found")

    return action


print("client", "zeep", zeep.__version__, sep="\t")
for soap in PORTS:
    short = soap.replace(".", "")
    mode(f"own inline {soap}", imports(soap, f"own{short}"))
    mode(f"own attachment {soap}", attachment(soap, f"own-xop{short}"))
    mode(f"own fault {soap}", fault(soap))
mode("own preview", preview)
mode("own queue", queue)
mode("own undo", undo)
sys.exit(1 if bad else 0)
