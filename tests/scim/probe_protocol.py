"""Items 72 to 86: errors, header fields, discovery, authorization."""

import socket
from urllib.parse import urlsplit

import server
from probe_endpoint import (
    CORE,
    ENTERPRISE,
    ERROR,
    LIST,
    MESSAGES,
    UNKNOWN_ID,
    USER,
    Endpoint,
    add_user,
    group,
    name,
    only,
    same,
    user,
)

DISCOVERY = ("/ServiceProviderConfig", "/ResourceTypes", "/Schemas")


def without_credentials(endpoint):
    return {"Authorization": ""}


def item_72_every_error_has_the_scim_format(endpoint):
    # The mount object checks the media type and the body of each response.
    endpoint.get("/nothing", 404)
    endpoint.get("/Users/1/2", 404)
    endpoint.get(f"/Users/{UNKNOWN_ID}", 404)
    endpoint.call("DELETE", "/Users", 405)
    endpoint.call("POST", "/Users", 415, content=b"<user/>", headers={"Content-Type": "application/xml"})
    endpoint.call("POST", "/Users", 400, content=b"{")
    endpoint.call("POST", "/Users", 413, content=b'{"a":"' + b"x" * 1048577 + b'"}')
    endpoint.get("/Users", 406, headers={"Accept": "text/html"})
    endpoint.get("/Users", 401, headers=without_credentials(endpoint))
    with Endpoint(endpoint.mount, "reader") as reader:
        reader.post("/Users", user(), 403)
        reader.post("/Groups", group(), 403)


def item_73_media_types(endpoint):
    for accept in ("application/scim+json", "application/json", "*/*", "application/json;q=0.5, text/html"):
        endpoint.get("/Users", headers={"Accept": accept})
    for kind in (
        "application/scim+json",
        "application/json",
        "application/scim+json; charset=utf-8",
        "Application/JSON;charset=UTF-8",
    ):
        endpoint.post("/Users", user(), headers={"Content-Type": kind})


def item_73_utf_8(endpoint):
    shown = "Ægir 日本 😀"
    one = endpoint.make(user(displayName=shown))
    same(endpoint.get(f"/Users/{one['id']}").json()["displayName"], shown)


def item_74_401_lists_each_scheme(endpoint):
    for wrong in ("", server.basic("admin", "wrong"), "Bearer muster_wrong", "Digest x"):
        answer = endpoint.get("/Users", 401, headers={"Authorization": wrong})
        schemes = " ".join(answer.headers.get_list("www-authenticate"))
        assert 'Basic realm="' in schemes and "Bearer" in schemes, schemes
    assert "invalid_token" in " ".join(
        endpoint.get("/Users", 401, headers={"Authorization": "Bearer x"}).headers.get_list("www-authenticate")
    )


def item_74_both_schemes_are_accepted(endpoint):
    for scheme in ("basic", "bearer"):
        with Endpoint(endpoint.mount, scheme) as other:
            other.get("/Users")


def item_75_entity_tags(endpoint):
    for resource, where in ((user(), "/Users"), (group(), "/Groups")):
        made = endpoint.post(where, resource)
        one = made.json()
        tag, path = made.headers["etag"], f"{where}/{one['id']}"
        assert tag.startswith('W/"'), tag
        same(one["meta"]["version"], tag)
        same(endpoint.get(path).headers["etag"], tag)


def item_75_if_none_match(endpoint):
    made = endpoint.post("/Users", user())
    path, tag = f"/Users/{made.json()['id']}", made.headers["etag"]
    answer = endpoint.get(path, 304, headers={"If-None-Match": tag})
    same((answer.content, answer.headers["etag"]), (b"", tag))
    endpoint.get(path, 304, headers={"If-None-Match": f'W/"x", {tag}'})
    endpoint.get(path, 200, headers={"If-None-Match": 'W/"x"'})


def item_75_if_match(endpoint):
    made = endpoint.post("/Users", user())
    path, tag = f"/Users/{made.json()['id']}", made.headers["etag"]
    title = {"op": "replace", "path": "title", "value": "t"}
    old = {"If-Match": 'W/"old"'}
    endpoint.patch(path, title, status=412, headers=old)
    endpoint.put(path, user(), 412, headers=old)
    endpoint.delete(path, 412, headers=old)
    changed = endpoint.patch(path, title, headers={"If-Match": tag})
    assert changed.headers["etag"] != tag
    endpoint.patch(path, {**title, "value": "u"}, status=412, headers={"If-Match": tag})
    endpoint.delete(path, headers={"If-Match": "*"})


def item_76_discovery(endpoint):
    config = endpoint.get("/ServiceProviderConfig").json()
    same(config["schemas"], [CORE + "ServiceProviderConfig"])
    for feature in ("patch", "bulk", "filter", "sort", "etag", "changePassword"):
        assert type(config[feature]["supported"]) is bool, feature
    for where, wanted in (
        ("/ResourceTypes", {"User", "Group"}),
        ("/Schemas", {USER, CORE + "Group", ENTERPRISE}),
    ):
        listed = endpoint.get(where).json()
        same(listed["schemas"], [LIST])
        same(listed["totalResults"], len(listed["Resources"]))
        assert wanted <= {one["id"] for one in listed["Resources"]}, listed
        for one in listed["Resources"]:
            same(endpoint.get(f"{where}/{one['id']}").json(), one)
            same(one["meta"]["location"], f"{endpoint.base}{where}/{one['id']}")


def item_76_discovery_cannot_be_filtered(endpoint):
    for where in ("/ResourceTypes", "/Schemas"):
        endpoint.get(where, 403, params={"filter": 'id eq "User"'})
        whole = endpoint.get(where).json()
        same(endpoint.get(where, params={"sortBy": "id", "startIndex": 2, "count": 1}).json(), whole)


def item_77_configuration_is_public(endpoint):
    config = endpoint.get("/ServiceProviderConfig", headers=without_credentials(endpoint)).json()
    schemes = {scheme["type"]: scheme for scheme in config["authenticationSchemes"]}
    same(set(schemes), {"oauthbearertoken", "httpbasic"})
    for scheme in schemes.values():
        assert scheme["name"] and scheme["description"], scheme


def item_78_resource_types_point_to_schemas(endpoint):
    schemas = {one["id"] for one in endpoint.get("/Schemas").json()["Resources"]}
    for one in endpoint.get("/ResourceTypes").json()["Resources"]:
        named = {one["schema"]} | {extension["schema"] for extension in one.get("schemaExtensions", [])}
        assert named <= schemas, named - schemas
        same(one["endpoint"], f"/{one['id']}s")
        same({extension["required"] for extension in one.get("schemaExtensions", [])} - {False}, set())


def item_79_messages_are_not_schemas(endpoint):
    for one in endpoint.get("/Schemas").json()["Resources"]:
        assert not one["id"].startswith(MESSAGES), one["id"]
    endpoint.get(f"/Schemas/{ERROR}", 404)


def item_80_discovery_is_read_only(endpoint):
    for where in (*DISCOVERY, "/ResourceTypes/User", f"/Schemas/{USER}"):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            answer = endpoint.call(method, where, 405, json={})
            same(answer.headers["allow"], "GET")


def item_80_unknown_ids_of_discovery(endpoint):
    endpoint.get("/ResourceTypes/Robot", 404)
    endpoint.get("/Schemas/urn:nothing", 404)


@only("/scim/v2")
def item_81_other_versions(endpoint):
    for path in ("/scim/v1/Users", "/scim/v3/Users", "/scim/Users"):
        answer = endpoint.http.get(server.SERVER + path)
        same((answer.status_code, answer.json()["scimType"]), (404, "invalidVers"))


def item_82_me(endpoint):
    endpoint.get("/Me", 404)
    with Endpoint(endpoint.mount, "reader") as reader:
        reader.get("/Me", 404)
        one = endpoint.make(user("reader"))
        try:
            answer = reader.get("/Me")
            same(answer.json(), one)
            same(answer.headers["location"], one["meta"]["location"])
            reader.delete("/Me", 403)
        finally:
            endpoint.delete(f"/Users/{one['id']}")


def item_83_token_in_a_url_is_refused(endpoint):
    for parameter in ("access_token", "token", "authorization"):
        endpoint.get("/Users", 401, headers=without_credentials(endpoint), params={parameter: server.TOKEN})


def item_84_changes_are_in_the_audit_without_values(endpoint):
    title = name("Chief of")
    one = endpoint.make(user(title=title, password="Spring-Meadow-42"))
    audit = endpoint.http.get(server.SERVER + "/api/v1/audit").text
    assert one["userName"] in audit, "the user is not in the audit"
    assert "title" in audit, "no attribute is named"
    assert title not in audit and "Spring-Meadow" not in audit, "the audit has values"


def item_85_method_override_headers_are_ignored(endpoint):
    one = endpoint.make(user())
    path = f"/Users/{one['id']}"
    override = {"X-HTTP-Method-Override": "DELETE"}
    endpoint.post(path, {}, 405, headers=override)
    endpoint.get(path, headers=override)
    endpoint.get(path)


def item_85_head_and_options(endpoint):
    one = endpoint.make(user())
    answer = endpoint.call("HEAD", f"/Users/{one['id']}", 200)
    same((answer.content, answer.headers["etag"]), (b"", one["meta"]["version"]))
    assert endpoint.call("OPTIONS", "/Users").status_code in (200, 204, 405)


def item_85_two_requests_over_one_connection(endpoint):
    # A body that was not read must not become the next request.
    where = urlsplit(server.SERVER)
    head = f"Host: {where.netloc}\r\nAuthorization: Bearer {server.TOKEN}\r\n"
    bad = f"POST {endpoint.mount}/Schemas HTTP/1.1\r\n{head}Content-Length: 2\r\n\r\n{{}}"
    good = f"GET {endpoint.mount}/ServiceProviderConfig HTTP/1.1\r\n{head}Connection: close\r\n\r\n"
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


def item_86_schemas_are_complete(endpoint):
    def look(attributes):
        for one in attributes:
            assert FACTS <= set(one), (one["name"], FACTS - set(one))
            assert one["mutability"] in ("readOnly", "readWrite", "immutable", "writeOnly"), one
            assert one["returned"] in ("always", "never", "default", "request"), one
            assert one["uniqueness"] in ("none", "server", "global"), one
            same("subAttributes" in one, one["type"] == "complex", one["name"])
            same("referenceTypes" in one, one["type"] == "reference", one["name"])
            look(one.get("subAttributes", []))

    for schema in endpoint.get("/Schemas").json()["Resources"]:
        look(schema["attributes"])


def item_86_canonical_values_are_enforced(endpoint):
    listed = {}
    for schema in endpoint.get("/Schemas").json()["Resources"]:
        for one in schema["attributes"]:
            for sub in one.get("subAttributes", []):
                if "canonicalValues" in sub:
                    listed[f"{one['name']}.{sub['name']}"] = sub["canonicalValues"]
    same(listed, {"members.type": ["User", "Group"]})
    endpoint.make(user(emails=[{"value": "a@example.com", "type": "beach house"}]))


def item_86_bulk_results_are_visible_to_single_requests(endpoint):
    result = endpoint.bulk(add_user("a"))[0]
    same(endpoint.http.get(result["location"]).status_code, 200)
