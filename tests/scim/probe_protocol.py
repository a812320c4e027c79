"""Items 72 to 86: errors, header fields, discovery, who may call."""

import socket
from urllib.parse import urlsplit

import server
from probe_door import (
    CORE,
    ENTERPRISE,
    ERROR,
    LIST,
    MESSAGES,
    NOBODY,
    USER,
    Door,
    add_user,
    group,
    name,
    only,
    same,
    user,
)

DISCOVERY = ("/ServiceProviderConfig", "/ResourceTypes", "/Schemas")


def without_credentials(door):
    return {"Authorization": ""}


def item_72_every_error_is_scims(door):
    # The media type and the body of each are looked at by the door.
    door.get("/nothing", 404)
    door.get("/Users/1/2", 404)
    door.get(f"/Users/{NOBODY}", 404)
    door.call("DELETE", "/Users", 405)
    door.call("POST", "/Users", 415, content=b"<user/>", headers={"Content-Type": "application/xml"})
    door.call("POST", "/Users", 400, content=b"{")
    door.call("POST", "/Users", 413, content=b'{"a":"' + b"x" * 1048577 + b'"}')
    door.get("/Users", 406, headers={"Accept": "text/html"})
    door.get("/Users", 401, headers=without_credentials(door))
    with Door(door.mount, "reader") as reader:
        reader.post("/Users", user(), 403)
        reader.post("/Groups", group(), 403)


def item_73_media_types(door):
    for accept in ("application/scim+json", "application/json", "*/*", "application/json;q=0.5, text/html"):
        door.get("/Users", headers={"Accept": accept})
    for kind in (
        "application/scim+json",
        "application/json",
        "application/scim+json; charset=utf-8",
        "Application/JSON;charset=UTF-8",
    ):
        door.post("/Users", user(), headers={"Content-Type": kind})


def item_73_utf_8(door):
    shown = "Ægir 日本 😀"
    one = door.make(user(displayName=shown))
    same(door.get(f"/Users/{one['id']}").json()["displayName"], shown)


def item_74_a_401_names_each_scheme(door):
    for wrong in ("", server.basic("admin", "wrong"), "Bearer muster_wrong", "Digest x"):
        answer = door.get("/Users", 401, headers={"Authorization": wrong})
        schemes = " ".join(answer.headers.get_list("www-authenticate"))
        assert 'Basic realm="' in schemes and "Bearer" in schemes, schemes
    assert "invalid_token" in " ".join(
        door.get("/Users", 401, headers={"Authorization": "Bearer x"}).headers.get_list("www-authenticate")
    )


def item_74_both_schemes_are_taken(door):
    for scheme in ("basic", "bearer"):
        with Door(door.mount, scheme) as other:
            other.get("/Users")


def item_75_entity_tags(door):
    for resource, where in ((user(), "/Users"), (group(), "/Groups")):
        made = door.post(where, resource)
        one = made.json()
        tag, path = made.headers["etag"], f"{where}/{one['id']}"
        assert tag.startswith('W/"'), tag
        same(one["meta"]["version"], tag)
        same(door.get(path).headers["etag"], tag)


def item_75_if_none_match(door):
    made = door.post("/Users", user())
    path, tag = f"/Users/{made.json()['id']}", made.headers["etag"]
    answer = door.get(path, 304, headers={"If-None-Match": tag})
    same((answer.content, answer.headers["etag"]), (b"", tag))
    door.get(path, 304, headers={"If-None-Match": f'W/"x", {tag}'})
    door.get(path, 200, headers={"If-None-Match": 'W/"x"'})


def item_75_if_match(door):
    made = door.post("/Users", user())
    path, tag = f"/Users/{made.json()['id']}", made.headers["etag"]
    title = {"op": "replace", "path": "title", "value": "t"}
    old = {"If-Match": 'W/"old"'}
    door.patch(path, title, status=412, headers=old)
    door.put(path, user(), 412, headers=old)
    door.delete(path, 412, headers=old)
    changed = door.patch(path, title, headers={"If-Match": tag})
    assert changed.headers["etag"] != tag
    door.patch(path, {**title, "value": "u"}, status=412, headers={"If-Match": tag})
    door.delete(path, headers={"If-Match": "*"})


def item_76_discovery(door):
    config = door.get("/ServiceProviderConfig").json()
    same(config["schemas"], [CORE + "ServiceProviderConfig"])
    for feature in ("patch", "bulk", "filter", "sort", "etag", "changePassword"):
        assert type(config[feature]["supported"]) is bool, feature
    for where, wanted in (
        ("/ResourceTypes", {"User", "Group"}),
        ("/Schemas", {USER, CORE + "Group", ENTERPRISE}),
    ):
        listed = door.get(where).json()
        same(listed["schemas"], [LIST])
        same(listed["totalResults"], len(listed["Resources"]))
        assert wanted <= {one["id"] for one in listed["Resources"]}, listed
        for one in listed["Resources"]:
            same(door.get(f"{where}/{one['id']}").json(), one)
            same(one["meta"]["location"], f"{door.base}{where}/{one['id']}")


def item_76_discovery_cannot_be_filtered(door):
    for where in ("/ResourceTypes", "/Schemas"):
        door.get(where, 403, params={"filter": 'id eq "User"'})
        whole = door.get(where).json()
        same(door.get(where, params={"sortBy": "id", "startIndex": 2, "count": 1}).json(), whole)


def item_77_the_configuration_is_for_everybody(door):
    config = door.get("/ServiceProviderConfig", headers=without_credentials(door)).json()
    schemes = {scheme["type"]: scheme for scheme in config["authenticationSchemes"]}
    same(set(schemes), {"oauthbearertoken", "httpbasic"})
    for scheme in schemes.values():
        assert scheme["name"] and scheme["description"], scheme


def item_78_resource_types_point_to_schemas(door):
    schemas = {one["id"] for one in door.get("/Schemas").json()["Resources"]}
    for one in door.get("/ResourceTypes").json()["Resources"]:
        named = {one["schema"]} | {extension["schema"] for extension in one.get("schemaExtensions", [])}
        assert named <= schemas, named - schemas
        same(one["endpoint"], f"/{one['id']}s")
        same({extension["required"] for extension in one.get("schemaExtensions", [])} - {False}, set())


def item_79_messages_are_no_schemas(door):
    for one in door.get("/Schemas").json()["Resources"]:
        assert not one["id"].startswith(MESSAGES), one["id"]
    door.get(f"/Schemas/{ERROR}", 404)


def item_80_discovery_is_only_read(door):
    for where in (*DISCOVERY, "/ResourceTypes/User", f"/Schemas/{USER}"):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            answer = door.call(method, where, 405, json={})
            same(answer.headers["allow"], "GET")


def item_80_unknown_ids_of_discovery(door):
    door.get("/ResourceTypes/Robot", 404)
    door.get("/Schemas/urn:nothing", 404)


@only("/scim/v2")
def item_81_other_versions(door):
    for path in ("/scim/v1/Users", "/scim/v3/Users", "/scim/Users"):
        answer = door.http.get(server.SERVER + path)
        same((answer.status_code, answer.json()["scimType"]), (404, "invalidVers"))


def item_82_me(door):
    door.get("/Me", 404)
    with Door(door.mount, "reader") as reader:
        reader.get("/Me", 404)
        one = door.make(user("reader"))
        try:
            answer = reader.get("/Me")
            same(answer.json(), one)
            same(answer.headers["location"], one["meta"]["location"])
            reader.delete("/Me", 403)
        finally:
            door.delete(f"/Users/{one['id']}")


def item_83_no_token_in_an_address(door):
    for parameter in ("access_token", "token", "authorization"):
        door.get("/Users", 401, headers=without_credentials(door), params={parameter: server.TOKEN})


def item_84_changes_are_in_the_audit_without_values(door):
    title = name("Chief of")
    one = door.make(user(title=title, password="Spring-Meadow-42"))
    audit = door.http.get(server.SERVER + "/api/v1/audit").text
    assert one["userName"] in audit, "the user is not in the audit"
    assert "title" in audit, "no attribute is named"
    assert title not in audit and "Spring-Meadow" not in audit, "the audit has values"


def item_85_no_other_method_by_a_header(door):
    one = door.make(user())
    path = f"/Users/{one['id']}"
    override = {"X-HTTP-Method-Override": "DELETE"}
    door.post(path, {}, 405, headers=override)
    door.get(path, headers=override)
    door.get(path)


def item_85_head_and_options(door):
    one = door.make(user())
    answer = door.call("HEAD", f"/Users/{one['id']}", 200)
    same((answer.content, answer.headers["etag"]), (b"", one["meta"]["version"]))
    assert door.call("OPTIONS", "/Users").status_code in (200, 204, 405)


def item_85_two_requests_over_one_connection(door):
    # A body that was not read must not become the next request.
    where = urlsplit(server.SERVER)
    head = f"Host: {where.netloc}\r\nAuthorization: Bearer {server.TOKEN}\r\n"
    bad = f"POST {door.mount}/Schemas HTTP/1.1\r\n{head}Content-Length: 2\r\n\r\n{{}}"
    good = f"GET {door.mount}/ServiceProviderConfig HTTP/1.1\r\n{head}Connection: close\r\n\r\n"
    with socket.create_connection((where.hostname, where.port), timeout=10) as connection:
        connection.sendall((bad + good).encode())
        text = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    assert text.startswith("HTTP/1.1 405 "), text[:200]
    same(text.count("HTTP/1.1 "), 2, "answers")


FACTS = {
    "name",
    "type",
    "multiValued",
    "description",
    "required",
    "caseExact",
    "mutability",
    "returned",
    "uniqueness",
}


def item_86_schemas_are_complete(door):
    def look(attributes):
        for one in attributes:
            assert FACTS <= set(one), (one["name"], FACTS - set(one))
            assert one["mutability"] in ("readOnly", "readWrite", "immutable", "writeOnly"), one
            assert one["returned"] in ("always", "never", "default", "request"), one
            assert one["uniqueness"] in ("none", "server", "global"), one
            same("subAttributes" in one, one["type"] == "complex", one["name"])
            same("referenceTypes" in one, one["type"] == "reference", one["name"])
            look(one.get("subAttributes", []))

    for schema in door.get("/Schemas").json()["Resources"]:
        look(schema["attributes"])


def item_86_canonical_values_are_those_that_are_enforced(door):
    listed = {}
    for schema in door.get("/Schemas").json()["Resources"]:
        for one in schema["attributes"]:
            for sub in one.get("subAttributes", []):
                if "canonicalValues" in sub:
                    listed[f"{one['name']}.{sub['name']}"] = sub["canonicalValues"]
    same(listed, {"members.type": ["User", "Group"]})
    door.make(user(emails=[{"value": "a@example.com", "type": "beach house"}]))


def item_86_a_bulk_request_is_seen_by_single_ones(door):
    result = door.bulk(add_user("a"))[0]
    same(door.http.get(result["location"]).status_code, 200)
