"""Checks the three shapes of the server's description: well-formed, complete, and loadable by zeep.

All are fetched without credentials, because code generators never send any. The original's shape
and the one for older generators are then used for one import each, since a client that was generated
from it is what each is for.
"""

import os

import requests
import zeep
from lxml import etree

BASE = os.environ["INTEROP_BASE"]
PASSWORD = os.environ["INTEROP_PASSWORD"]
NS = {
    "wsdl": "http://schemas.xmlsoap.org/wsdl/",
    "xs": "http://www.w3.org/2001/XMLSchema",
}
PORTS = [
    "UserAdminHttpsSoap11Endpoint",
    "UserAdminHttpsSoap12Endpoint",
    "UserAdminHttpsEndpoint",
]
# Operations that the original describes with an input and a fault only.
SILENT = {
    "bulkImportUsers",
    "addRole",
    "addInternalRole",
    "deleteRole",
    "updateRoleName",
    "updateRolesOfUser",
    "addRemoveUsersOfRole",
    "addRemoveRolesOfUser",
    "setRoleUIPermission",
}
PARAMETERS = ["userStoreDomain", "fileName", "handler", "defaultPassword"]


def fetch(query):
    answer = requests.get(f"{BASE}/services/UserAdmin?{query}", timeout=30)
    assert answer.status_code == 200, f"?{query}: HTTP {answer.status_code}"
    kind = answer.headers["Content-Type"]
    assert "xml" in kind, f"?{query}: Content-Type {kind}"
    assert b"@BASE_URL@" not in answer.content, f"?{query}: an address was left unfilled"
    return etree.fromstring(answer.content)


def check(query, has_output, expected_ports=PORTS):
    root = fetch(query)
    assert root.get("targetNamespace") == "http://mgt.user.carbon.wso2.org"

    ports = root.findall("wsdl:service[@name='UserAdmin']/wsdl:port", NS)
    assert [port.get("name") for port in ports] == expected_ports
    for port in ports:
        location = port[0].get("location")
        expected = f"{BASE}/services/UserAdmin.{port.get('name')}/"
        assert location == expected, f"?{query}: {location}, not {expected}"

    parameters = root.findall(
        ".//xs:element[@name='bulkImportUsers']/xs:complexType/xs:sequence/xs:element", NS
    )
    assert [parameter.get("name") for parameter in parameters] == PARAMETERS

    operations = root.findall("wsdl:portType/wsdl:operation", NS)
    assert len(operations) == 30, f"?{query}: {len(operations)} operations"
    for operation in operations:
        name = operation.get("name")
        assert operation.find("wsdl:fault", NS) is not None, f"?{query}: {name} has no fault"
        answers = 0 if name in SILENT and not has_output else 1
        places = root.findall(f"wsdl:binding/wsdl:operation[@name='{name}']", NS)
        count = len(expected_ports)
        assert len(places) == count, f"?{query}: {name} stands in {len(places)} bindings"
        for place in [operation, *places]:
            found = len(place.findall("wsdl:output", NS))
            assert found == answers, f"?{query}: {name} has {found} outputs"


def import_with(shape):
    session = requests.Session()
    session.auth = ("admin", PASSWORD)
    client = zeep.Client(
        BASE + "/services/UserAdmin?wsdl&shape=" + shape,
        transport=zeep.Transport(session=session, timeout=30, operation_timeout=30),
    )
    name = f"shape-{shape}-ann"
    row = f"{name},,http://wso2.org/claims/emailaddress={name}@example.com\n"
    request = {
        "fileName": "users.csv",
        "handler": b"UserName,Password,Claims\n" + row.encode(),
        "defaultPassword": "admin",
    }
    client.service.bulkImportUsers(**request)
    print("imported", name, f"{name}@example.com", sep="\t")

    try:
        client.service.bulkImportUsers(**request)
    except zeep.exceptions.Fault as fault:
        assert "Duplicate Count : 1." in fault.message, fault.message
    else:
        raise AssertionError(f"a duplicate row raised no fault under the shape {shape}")


print("client", "zeep", zeep.__version__, sep="\t")
check("wsdl", has_output=True)
check("wsdl&shape=in-only", has_output=False)
check("wsdl&shape=soap11", has_output=True, expected_ports=PORTS[:1])
import_with("in-only")
print("result", "in-only 1.1", "works", "the description in the original's shape, without an output", sep="\t")
import_with("soap11")
print("result", "soap11 1.1", "works", "the description for older generators", sep="\t")
