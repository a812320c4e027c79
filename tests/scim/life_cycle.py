"""One life cycle with scim2-client, which checks every response against the schemas that it discovered.

On both mounts: discovery, users and groups created, read, searched, replaced, patched, deleted; entity tags;
on the RFCs' mount, Bulk with backward, forward and circular references (the client must refuse the
status objects of the original's dialect). Then the same users by SOAP: users created by SCIM are
listed by SOAP, and the claims of users imported by SOAP are SCIM attributes.
"""

import sys
import traceback

import server
import zeep
from requests import Session
from requests.auth import HTTPBasicAuth
from scim2_client import SCIMClientException
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_models import (
    BulkOperation,
    BulkRequest,
    Error,
    PatchOp,
    PatchOperation,
    SearchRequest,
)

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
CLAIMS = "http://wso2.org/claims/"

steps, failures = 0, 0


def step(mount, name, action, *arguments):
    """Runs one step; a failure does not prevent the others from running."""
    global steps, failures
    try:
        action(*arguments)
        steps += 1
        print("ok  ", mount, name)
    except Exception as error:
        failures += 1
        print("FAIL", mount, name, " ".join(f"{type(error).__name__}: {error}".split()))
        traceback.print_exc(file=sys.stdout)


class Life:
    """The client at one mount, and the resources that it created."""

    def __init__(self, mount, http):
        self.mount, self.http = mount, http
        self.stem = "life-" + mount.strip("/").replace("/", "")
        self.client = SyncSCIMClient(http)

    def discovery(self):
        self.client.discover()
        self.User = self.client.get_resource_model("User")
        self.Group = self.client.get_resource_model("Group")
        assert self.client.provider.config.bulk.max_operations == 1000
        # Built from the core schema and the discovered extensions.
        self.Enterprise = self.User.get_extension_model(ENTERPRISE)
        assert self.Enterprise is not None

    def user(self, number, **more):
        return self.User(
            user_name=f"{self.stem}-{number}",
            display_name=f"Number {number}",
            emails=[{"value": f"{self.stem}-{number}@example.com", "type": "work", "primary": True}],
            **more,
        )

    def create(self):
        self.made = [self.client.create(self.user(number)) for number in range(5)]
        for one in self.made:
            assert one.id and one.meta.created == one.meta.last_modified, one
        members = [{"value": one.id, "type": "User"} for one in self.made[:2]]
        self.group = self.client.create(self.Group(display_name=f"{self.stem}-crew", members=members))
        assert {one.value for one in self.group.members} == {one.id for one in self.made[:2]}

    def duplicate(self):
        answer = self.client.create(self.user(0), raise_scim_errors=False)
        assert isinstance(answer, Error) and answer.status == 409, answer
        assert answer.scim_type == "uniqueness", answer

    def read(self):
        for one in self.made:
            again = self.client.query(self.User, one.id)
            assert again.user_name == one.user_name and again.meta.version
        first = self.client.query(self.User, self.made[0].id)
        assert first.groups[0].value == self.group.id, first.groups
        # The client sends If-None-Match, and returns its own object for a 304.
        assert self.client.query(first) is first

    def ours(self, **more):
        return SearchRequest(filter=f'userName sw "{self.stem}-"', **more)

    def names(self, page):
        return [one.user_name for one in page.resources or []]

    def lists(self):
        page = self.client.query(self.User, query_parameters=self.ours(sort_by="userName"))
        assert page.total_results == 5 and self.names(page) == [one.user_name for one in self.made]
        order = SearchRequest.SortOrder.descending
        page = self.client.query(self.User, query_parameters=self.ours(sort_by="userName", sort_order=order))
        assert self.names(page) == [one.user_name for one in self.made][::-1]
        page = self.client.query(self.User, query_parameters=SearchRequest(filter='userName eq "absent"'))
        assert page.total_results == 0

    def pages_by_index(self):
        seen = []
        for start in (1, 3, 5):
            asked = self.ours(sort_by="userName", start_index=start, count=2)
            seen += self.names(self.client.query(self.User, query_parameters=asked))
        assert seen == [one.user_name for one in self.made], seen

    def pages_by_cursor(self):
        seen, cursor = [], ""
        while cursor is not None:
            asked = self.ours(sort_by="userName", cursor=cursor, count=2)
            page = self.client.query(self.User, query_parameters=asked)
            seen += self.names(page)
            cursor = page.next_cursor
        assert seen == [one.user_name for one in self.made], seen

    def search(self):
        page = self.client.search(self.ours(count=50))
        assert page.total_results == 5, page

    def replace(self):
        one = self.client.query(self.User, self.made[0].id)
        one.title, one.display_name = "Chief", None
        one.emails = [{"value": "other@example.com", "type": "home"}]
        again = self.client.replace(one)
        assert again.title == "Chief" and again.display_name is None
        assert [email.value for email in again.emails] == ["other@example.com"]
        # The client sends If-Match with the version that it has, which is outdated by now.
        one.title = "Too late"
        answer = self.client.replace(one, raise_scim_errors=False, expected_status_codes=None)
        assert isinstance(answer, Error) and answer.status == 412, answer

    def patch(self):
        change = PatchOp[self.User](
            operations=[
                PatchOperation(op="add", path="nickName", value="Nick"),
                PatchOperation(op="replace", path='emails[type eq "work"].value', value="w@example.com"),
                PatchOperation(op="add", path=f"{ENTERPRISE}:department", value="Sales"),
            ]
        )
        one = self.client.modify(self.User, self.made[1].id, change)
        assert (one.nick_name, one.emails[0].value) == ("Nick", "w@example.com"), one
        assert one[self.Enterprise].department == "Sales", one
        change = PatchOp[self.Group](
            operations=[
                PatchOperation(op="add", path="members", value=[{"value": self.made[2].id}]),
                PatchOperation(op="remove", path=f'members[value eq "{self.made[0].id}"]'),
            ]
        )
        group = self.client.modify(self.Group, self.group.id, change)
        assert {one.value for one in group.members} == {one.id for one in self.made[1:3]}

    def operations(self, stem):
        """Circular and forward references to managers; a group before and a group after its members."""

        def person(bulk_id, manager):
            user = self.User(user_name=f"{self.stem}bulk-{stem}-{bulk_id}")
            user[self.Enterprise] = self.Enterprise(manager={"value": f"bulkId:{manager}"})
            return BulkOperation[self.User](method="POST", path="/Users", bulk_id=bulk_id, data=user)

        def crew(bulk_id, *members):
            members = [{"value": f"bulkId:{one}"} for one in members]
            group = self.Group(display_name=f"{self.stem}bulk-{stem}-{bulk_id}", members=members)
            return BulkOperation[self.Group](method="POST", path="/Groups", bulk_id=bulk_id, data=group)

        return [
            crew("before", "a", "c"),
            person("a", "b"),
            person("b", "a"),
            person("c", "d"),
            person("d", "a"),
            crew("after", "b", "d", "before"),
        ]

    def bulk(self):
        request = BulkRequest[self.User | self.Group](operations=self.operations("rfc"))
        answer = self.client.bulk(request)
        assert [one.status for one in answer.operations] == [201] * 6, answer
        ids = {one.bulk_id: one.location.rsplit("/", 1)[1] for one in answer.operations}
        for one, manager in (("a", "b"), ("b", "a"), ("c", "d"), ("d", "a")):
            user = self.client.query(self.User, ids[one])
            assert user[self.Enterprise].manager.value == ids[manager], user
        for group, members in (("before", "ac"), ("after", ("b", "d", "before"))):
            found = self.client.query(self.Group, ids[group])
            assert {one.value for one in found.members} == {ids[one] for one in members}, found
        removals = [
            BulkOperation[self.User](method="DELETE", path=f"/Users/{ids[one]}") for one in "abcd"
        ]
        removals.append(removals[0])
        answer = self.client.bulk(BulkRequest[self.User](operations=removals))
        assert [one.status for one in answer.operations] == [204] * 4 + [404], answer
        assert answer.operations[4].response.status == 404

    def bulk_of_the_original(self):
        """The response is checked unparsed; the client correctly refuses it, because RFC 7644 requires text."""
        request = BulkRequest[self.User | self.Group](operations=self.operations("wso2"))
        answer = self.client.bulk(request, check_response_payload=False)
        assert [one["status"] for one in answer["Operations"]] == [{"code": 201}] * 6, answer
        request = BulkRequest[self.User](
            operations=[BulkOperation[self.User](method="DELETE", path=f"/Users/{self.made[4].id}")]
        )
        try:
            self.client.bulk(request)
        except SCIMClientException:
            return
        raise AssertionError("the client takes status objects by now: check them with it")

    def delete(self):
        self.client.delete(self.User, self.made[3].id)
        answer = self.client.query(self.User, self.made[3].id, raise_scim_errors=False)
        assert isinstance(answer, Error) and answer.status == 404, answer
        self.client.delete(self.Group, self.group.id)
        self.client.create(self.user(3))

    def go(self):
        bulk = self.bulk_of_the_original if self.mount == "/scim2" else self.bulk
        for name, action in (
            ("discovery", self.discovery),
            ("users and groups are made", self.create),
            ("a name that is taken", self.duplicate),
            ("they are read, with entity tags", self.read),
            ("they are found and sorted", self.lists),
            ("pages by index", self.pages_by_index),
            ("pages by cursor", self.pages_by_cursor),
            ("search", self.search),
            ("PUT, and a version that is old", self.replace),
            ("PATCH of users and members", self.patch),
            ("Bulk backward, forward and in a circle", bulk),
            ("DELETE, and the name is free", self.delete),
        ):
            step(self.mount, name, action)


def soap():
    session = Session()
    session.auth = HTTPBasicAuth("admin", server.PASSWORD)
    session.trust_env = False
    return zeep.Client(
        server.SERVER + "/services/UserAdmin?wsdl",
        transport=zeep.Transport(session=session, timeout=30, operation_timeout=60),
    ).service


def scim_users_are_listed_by_soap(life):
    listed = soap().listUsers(filter=f"{life.stem}-*", limit=100)
    assert set(listed) >= {f"{life.stem}-{number}" for number in (0, 1, 2, 3)}, listed


def imported_claims_are_attributes(life):
    name = f"{life.stem}-imported"
    claims = {
        "givenname": "Kim",
        "lastname": "Jensen",
        "emailaddress": f"{name}@example.com",
        "title": "Engineer",
        "mobile": "+49 170 1",
        "country": "DE",
        "department": "Sales",
    }
    cells = ",".join(f"{CLAIMS}{claim}={value}" for claim, value in claims.items())
    file = f"UserName,Password,Claims\n{name},Passw0rd-1,{cells}\n".encode()
    soap().bulkImportUsers(fileName="users.csv", handler=file, defaultPassword="Welcome-2-Muster")
    page = life.client.query(life.User, query_parameters=SearchRequest(filter=f'userName eq "{name}"'))
    assert page.total_results == 1, page
    one = page.resources[0]
    assert (one.name.given_name, one.name.family_name, one.title) == ("Kim", "Jensen", "Engineer"), one
    assert [email.value for email in one.emails] == [f"{name}@example.com"], one.emails
    assert [number.value for number in one.phone_numbers] == ["+49 170 1"], one.phone_numbers
    assert [address.country for address in one.addresses] == ["DE"], one.addresses
    assert one[life.Enterprise].department == "Sales", one
    assert one.active is True
    one.title = "Chief"
    life.client.replace(one)
    again = life.client.query(life.User, one.id)
    assert (again.title, again.name.given_name) == ("Chief", "Kim"), again


def main():
    for mount, scheme in (("/scim/v2", "bearer"), ("/scim2", "basic")):
        with server.http(mount, scheme) as http:
            life = Life(mount, http)
            life.go()
            step(mount, "users made here are listed by SOAP", scim_users_are_listed_by_soap, life)
            step(mount, "claims imported by SOAP are attributes here", imported_claims_are_attributes, life)
    print(f"{steps} steps, {failures} failed")
    return failures


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
