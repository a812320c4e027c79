"""zeep: the file inline as base64, Basic credentials, SOAP 1.1 and SOAP 1.2.

zeep encodes the bytes itself and, because the WSDL names wsaw:Action, sends WS-Addressing headers
with every request. So this suite also proves that the server bears those.
"""

import os

import requests
import zeep

BASE = os.environ["INTEROP_BASE"]
PASSWORD = os.environ["INTEROP_PASSWORD"]
DUPLICATES = (
    "Bulk User Import was completed with Errors. "
    "Success count : 0,  Failed Count : 0, Duplicate Count : 3."
)
DENIED = "Access Denied. Authentication failed - Invalid credentials provided."
COMMON = "http://common.mgt.user.carbon.wso2.org/xsd"


def client(password=PASSWORD):
    session = requests.Session()
    session.auth = ("admin", password)
    transport = zeep.Transport(session=session, timeout=30, operation_timeout=30)
    return zeep.Client(BASE + "/services/UserAdmin?wsdl", transport=transport)


def sample(names):
    """Three rows; the last leaves its password to defaultPassword."""
    rows = ["UserName,Password,Claims"]
    for name in names:
        password = "" if name == names[-1] else "Passw0rd-1"
        rows.append(f"{name},{password},http://wso2.org/claims/emailaddress={name}@example.com")
    return ("\n".join(rows) + "\n").encode()


def refusal(call):
    """The fault that a call ends in; a call that succeeds is what fails the suite."""
    try:
        answer = call()
    except zeep.exceptions.Fault as fault:
        return fault
    raise AssertionError(f"expected a fault, got {answer!r}")


def import_through(port, prefix):
    service = client().bind("UserAdmin", port)
    names = [f"{prefix}-{name}" for name in ("ann", "bob", "cleo")]
    request = {
        "fileName": "users.csv",
        "handler": sample(names),
        "defaultPassword": "admin",
    }

    answer = service.bulkImportUsers(**request)
    assert answer is None, f"an import that succeeds returns nil, not {answer!r}"
    for name in names:
        print(f"imported {name} {name}@example.com")

    fault = refusal(lambda: service.bulkImportUsers(**request))
    assert fault.message == DUPLICATES, f"{port}: {fault.message!r}"
    message = fault.detail.find(f".//{{{COMMON}}}message")
    assert message is not None, f"{port}: the detail holds no UserAdminException message"
    assert message.text == DUPLICATES, f"{port}: {message.text!r}"


def import_with_wrong_password(port, prefix):
    service = client(password="not-" + PASSWORD).bind("UserAdmin", port)
    name = f"{prefix}-stranger"
    fault = refusal(
        lambda: service.bulkImportUsers(fileName="users.csv", handler=sample([name]), defaultPassword="admin")
    )
    assert DENIED in fault.message, f"{port}: {fault.message!r}"
    print(f"refused {name}")


for soap_port, user_prefix in (
    ("UserAdminHttpsSoap11Endpoint", "zeep11"),
    ("UserAdminHttpsSoap12Endpoint", "zeep12"),
):
    import_through(soap_port, user_prefix)
    import_with_wrong_password(soap_port, user_prefix)
