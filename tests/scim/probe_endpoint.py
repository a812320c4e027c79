"""One mount, and helpers to create resources in it."""

import json
import itertools

import server

CORE = "urn:ietf:params:scim:schemas:core:2.0:"
USER, GROUP = CORE + "User", CORE + "Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
MESSAGES = "urn:ietf:params:scim:api:messages:2.0:"
ERROR = MESSAGES + "Error"
LIST = MESSAGES + "ListResponse"
UNKNOWN_ID = "01989e3a-7c51-7c4e-9d6b-0a1b2c3d4e5f"

numbers = itertools.count(1)


def only(*mounts):
    """Restricts a check to mounts on which the behavior applies."""

    def mark(check):
        check.mounts = mounts
        return check

    return mark


def name(stem="probe"):
    """A new, unused name."""
    return f"{stem}-{next(numbers)}"


def user(user_name=None, **more):
    return {"schemas": [USER], "userName": user_name or name(), **more}


def group(display_name=None, **more):
    return {"schemas": [GROUP], "displayName": display_name or name("group"), **more}


def patch(*operations):
    return {"schemas": [MESSAGES + "PatchOp"], "Operations": list(operations)}


def same(found, wanted, what=""):
    assert found == wanted, f"{what} is {found!r}, not {wanted!r}"


class Endpoint:
    """The mount; every response is checked."""

    def __init__(self, mount, scheme="bearer"):
        self.mount = mount
        self.base = server.SERVER + mount
        self.http = server.http(mount, scheme)
        self.wso2 = mount == "/scim2"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.http.close()

    def call(self, method, path, status=None, **how):
        answer = self.http.request(method, path, **how)
        if status is not None:
            wanted = status if isinstance(status, tuple) else (status,)
            assert answer.status_code in wanted, f"{method} {path}: {answer.status_code}: {answer.text[:400]}"
        if answer.content:
            same(answer.headers["content-type"], "application/scim+json", "Content-Type")
        if answer.status_code >= 400 and method != "HEAD":
            body = answer.json()
            same(body["schemas"], [ERROR], "schemas of the error")
            same(body["status"], str(answer.status_code), "status of the error")
            assert body["detail"], "the error has no detail"
        return answer

    def get(self, path, status=200, **how):
        return self.call("GET", path, status, **how)

    def post(self, path, body, status=201, **how):
        return self.call("POST", path, status, json=body, **how)

    def put(self, path, body, status=200, **how):
        return self.call("PUT", path, status, json=body, **how)

    def patch(self, path, *operations, status=200, **how):
        return self.call("PATCH", path, status, json=patch(*operations), **how)

    def delete(self, path, status=204, **how):
        return self.call("DELETE", path, status, **how)

    def make(self, resource):
        """Creates a user or a group; returns the response's body."""
        where = "/Users" if "userName" in resource else "/Groups"
        return self.post(where, resource).json()

    def refuse(self, answer, status, scim_type=None):
        same(answer.status_code, status, "status")
        if scim_type:
            same(answer.json().get("scimType"), scim_type, "scimType")

    def find(self, filter, where="/Users", **more):
        return self.get(where, params={"filter": filter, **more}).json()

    def names(self, filter, **more):
        return [one["userName"] for one in self.find(filter, **more)["Resources"]]

    # --- Bulk ---

    def bulk_request(self, *operations, **more):
        return {"schemas": [MESSAGES + "BulkRequest"], "Operations": list(operations), **more}

    def bulk(self, *operations, status=200, headers=None, **more):
        """The results of the operations."""
        request = self.bulk_request(*operations, **more)
        answer = self.post("/Bulk", request, status, headers=headers)
        return answer.json()["Operations"] if status == 200 else answer

    def code(self, result):
        """The status of an operation, which the two mounts format differently."""
        status = result["status"]
        if self.wso2:
            assert type(status["code"]) is int, status
            return status["code"]
        assert isinstance(status, str), status
        return int(status)

    def error(self, result):
        """The error of an operation, which is text in the original."""
        error = result["response"]
        assert isinstance(error, str) == self.wso2, error
        return json.loads(error) if self.wso2 else error

    def codes(self, results):
        return [self.code(result) for result in results]


def add_user(bulk_id, user_name=None, **more):
    return {"method": "POST", "path": "/Users", "bulkId": bulk_id, "data": user(user_name, **more)}


def add_group(bulk_id, display_name=None, **more):
    return {"method": "POST", "path": "/Groups", "bulkId": bulk_id, "data": group(display_name, **more)}


def id_of(result):
    return result["location"].rsplit("/", 1)[1]
