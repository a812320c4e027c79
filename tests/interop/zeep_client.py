"""zeep: the file inline as base64, SOAP 1.1 and 1.2, HTTP Basic and WS-Security, every kind of fault.

zeep encodes the bytes itself and, because the WSDL names wsaw:Action, sends WS-Addressing headers
with every request. So this suite also proves that the server bears those.
"""

import gzip
import os
import subprocess
import sys
import traceback
from pathlib import Path

import requests
import zeep
from zeep.wsse.username import UsernameToken

BASE = os.environ["INTEROP_BASE"]
PASSWORD = os.environ["INTEROP_PASSWORD"]
DIGEST_NAME = os.environ["INTEROP_DIGEST_NAME"]
DIGEST_SECRET = os.environ["INTEROP_DIGEST_SECRET"]
BIG = Path(os.environ["INTEROP_BIG"])
PORTS = {"1.1": "UserAdminHttpsSoap11Endpoint", "1.2": "UserAdminHttpsSoap12Endpoint"}
AXIS2 = "{http://org.apache.axis2/xsd}"
COMMON = "{http://common.mgt.user.carbon.wso2.org/xsd}"
OURS = "{urn:muster:soap:fault:1}"
DUPLICATES = (
    "Bulk User Import was completed with Errors. "
    "Success count : 0,  Failed Count : 0, Duplicate Count : 3."
)
DENIED = "Access Denied. Authentication failed - Invalid credentials provided."

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


def service(version, *, user="admin", password=PASSWORD, wsse=None, plugins=(), transport=zeep.Transport):
    session = requests.Session()
    if wsse is None and user:
        session.auth = (user, password)
    client = zeep.Client(
        BASE + "/services/UserAdmin?wsdl",
        transport=transport(session=session, timeout=30, operation_timeout=60),
        wsse=wsse,
        plugins=list(plugins),
    )
    return client.bind("UserAdmin", PORTS[version])


def sample(names):
    """Three rows; the last one uses defaultPassword."""
    rows = ["UserName,Password,Claims"]
    for name in names:
        password = "" if name == names[-1] else "Passw0rd-1"
        rows.append(f"{name},{password},http://wso2.org/claims/emailaddress={name}@example.com")
    return ("\n".join(rows) + "\n").encode()


def request(prefix):
    names = [f"{prefix}-{name}" for name in ("ann", "bob", "cleo")]
    return names, {"fileName": "users.csv", "handler": sample(names), "defaultPassword": "admin"}


def imports(prefix, version, remark="", **how):
    def action():
        names, parameters = request(prefix)
        answer = service(version, **how).bulkImportUsers(**parameters)
        assert answer is None, f"an import that succeeds returns nil, not {answer!r}"
        for name in names:
            print("imported", name, f"{name}@example.com", sep="\t")
        return remark

    return action


def big(prefix):
    file = BIG / f"{prefix}.csv"
    subprocess.run([sys.executable, Path(__file__).with_name("big_file.py"), prefix, file], check=True)
    return {"fileName": "users.csv", "handler": file.read_bytes(), "defaultPassword": "admin"}


def imports_big(prefix, **how):
    def action():
        service("1.1", **how).bulkImportUsers(**big(prefix))
        print("imported-many", prefix, 5000, sep="\t")

    return action


def refusal(call):
    """The fault of a call; a call that succeeds fails the mode."""
    try:
        answer = call()
    except zeep.exceptions.Fault as fault:
        return fault
    raise AssertionError(f"expected a fault, got {answer!r}")


def check_ours(fault, rule):
    """The second detail entry: Muster's own code for programs."""
    code = fault.detail.find(f"{OURS}importFault/{OURS}code")
    assert code is not None and code.text == rule, code if code is None else code.text


def exception_message(fault):
    entry = fault.detail.find(f"{AXIS2}UserAdminUserAdminException/{AXIS2}UserAdminException/{COMMON}message")
    assert entry is not None, "the detail holds no UserAdminException message"
    return entry.text


def fault_rows(version):
    def action():
        _, parameters = request(f"zeep-rows{version.replace('.', '')}")
        bound = service(version)
        bound.bulkImportUsers(**parameters)
        fault = refusal(lambda: bound.bulkImportUsers(**parameters))
        assert fault.message == DUPLICATES, fault.message
        assert exception_message(fault) == DUPLICATES
        problems = fault.detail.findall(f".//{OURS}problem")
        assert len(problems) == 3, f"{len(problems)} problems are listed"
        return "Fault.message, and Fault.detail as lxml elements"

    return action


def fault_password(version):
    def action():
        name = f"zeep-stranger{version.replace('.', '')}"
        fault = refusal(
            lambda: service(version, password="not-" + PASSWORD).bulkImportUsers(
                fileName="users.csv", handler=sample([name]), defaultPassword="admin"
            )
        )
        assert fault.message == DENIED, fault.message
        if version == "1.1":
            assert fault.code.endswith(":50977"), fault.code
            remark = "Fault.code ends in 50977"
        else:
            assert fault.code.endswith(":Sender"), fault.code
            assert fault.detail.findtext(f".//{OURS}number") == "50977"
            remark = "Fault.code ends in Sender; the number is in the detail"
        print("refused", name, sep="\t")
        return remark

    return action


def unauthorized(**parameters):
    try:
        service("1.1", user=None).bulkImportUsers(**parameters)
    except zeep.exceptions.TransportError as error:
        assert error.status_code == 401, error.status_code
        return "TransportError with status_code 401"
    raise AssertionError("a call without credentials raised nothing")


def fault_401():
    remark = unauthorized(fileName="users.csv", handler=sample(["zeep-unauthorized"]), defaultPassword="admin")
    print("refused", "zeep-unauthorized", sep="\t")
    return remark


def fault_401_big():
    """The response arrives before most of the request is sent."""
    remark = unauthorized(**big("zeep-unauthorized-big"))
    print("imported-many", "zeep-unauthorized-big", 0, sep="\t")
    return remark


class Spoil(zeep.Plugin):
    """Puts text into the handler that is not base64, which zeep itself never does."""

    def egress(self, envelope, http_headers, operation, binding_options):
        envelope.find(f".//{AXIS2}handler").text = "%%% no base64 %%%"
        return envelope, http_headers


def fault_handler(version):
    def action():
        _, parameters = request("zeep-spoilt")
        fault = refusal(lambda: service(version, plugins=[Spoil()]).bulkImportUsers(**parameters))
        assert "base64" in fault.message, fault.message
        check_ours(fault, "IMP-BASE64")
        print("refused", "zeep-spoilt-ann", sep="\t")
        return "Fault.message names base64"

    return action


def fault_domain(version):
    def action():
        _, parameters = request("zeep-nowhere")
        fault = refusal(lambda: service(version).bulkImportUsers(userStoreDomain="NOWHERE", **parameters))
        assert "NOWHERE" in fault.message, fault.message
        assert "NOWHERE" in exception_message(fault)
        check_ours(fault, "IMP-DOMAIN")
        print("refused", "zeep-nowhere-ann", sep="\t")
        return "typed; Fault.message names the domain"

    return action


def fault_replay():
    """The same nonce twice: the first is accepted, the second is refused."""
    _, first = request("zeep-nonce1")
    _, second = request("zeep-nonce2")
    token = UsernameToken(DIGEST_NAME, DIGEST_SECRET, use_digest=True, nonce="interop-nonce-1")
    service("1.1", wsse=token).bulkImportUsers(**first)
    fault = refusal(lambda: service("1.1", wsse=token).bulkImportUsers(**second))
    check_ours(fault, "IMP-WSSE-REPLAY")
    print("refused", "zeep-nonce2-ann", sep="\t")
    return "a nonce that was used before"


def fault_digest():
    """A digest for an operator whose password is stored only as a hash."""
    _, parameters = request("zeep-hashed")
    token = UsernameToken("admin", PASSWORD, use_digest=True)
    fault = refusal(lambda: service("1.1", wsse=token).bulkImportUsers(**parameters))
    check_ours(fault, "IMP-WSSE-DIGEST")
    assert "digest_callers" in fault.message, fault.message
    print("refused", "zeep-hashed-ann", sep="\t")
    return "a caller whose secret is not in the settings"


class Gzip(zeep.Transport):
    """Sends the envelope compressed."""

    def post(self, address, message, headers):
        return super().post(address, gzip.compress(message), {**headers, "Content-Encoding": "gzip"})


class Chunked(zeep.Transport):
    """Sends the envelope in chunks, without a Content-Length."""

    def post(self, address, message, headers):
        pieces = (message[at : at + 100] for at in range(0, len(message), 100))
        return super().post(address, pieces, headers)


def text_token():
    return UsernameToken("admin", PASSWORD)


def digest_token(nonce):
    return UsernameToken(DIGEST_NAME, DIGEST_SECRET, use_digest=True, nonce=nonce)


print("client", "zeep", zeep.__version__, sep="\t")
print("result", "generated", "works", "loaded when the client starts", sep="\t")
for soap in PORTS:
    short = soap.replace(".", "")
    mode(f"inline {soap} basic", imports(f"zeep{short}", soap))
    mode(f"inline {soap} wsse-text", imports(f"zeep-text{short}", soap, wsse=text_token()))
    mode(
        f"inline {soap} wsse-digest",
        imports(f"zeep-digest{short}", soap, wsse=digest_token(f"interop-{short}")),
    )
mode("inline 1.1 gzip", imports("zeep-gzip", "1.1", "with a custom Transport", transport=Gzip))
mode("inline 1.1 chunked", imports("zeep-chunked", "1.1", "with a custom Transport", transport=Chunked))
mode("inline 1.1 5mb", imports_big("zeep-big"))
mode("inline 1.1 5mb wsse-text", imports_big("zeep-big-text", wsse=text_token()))
mode("inline 1.1 5mb gzip", imports_big("zeep-big-gzip", transport=Gzip))
print("result", "mtom", "cannot", "zeep reads MTOM answers and sends none", sep="\t")
print("result", "swa", "cannot", "zeep sends no attachments", sep="\t")
for soap in PORTS:
    mode(f"fault rows {soap}", fault_rows(soap))
    mode(f"fault password {soap}", fault_password(soap))
    mode(f"fault handler {soap}", fault_handler(soap))
    mode(f"fault domain {soap}", fault_domain(soap))
mode("fault 401", fault_401)
mode("fault 401 5mb", fault_401_big)
mode("fault replay", fault_replay)
mode("fault digest", fault_digest)
sys.exit(1 if bad else 0)
