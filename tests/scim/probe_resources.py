"""Items 33 to 50: creating and reading users and groups."""

from probe_endpoint import (
    ENTERPRISE,
    GROUP,
    UNKNOWN_ID,
    USER,
    group,
    name,
    patch,
    same,
    user,
)


def item_33_created(endpoint):
    for where, resource in (("/Users", user()), ("/Groups", group())):
        answer = endpoint.post(where, resource)
        body = answer.json()
        same(answer.headers["location"], body["meta"]["location"], "Location")
        same(body["meta"]["location"], f"{endpoint.base}{where}/{body['id']}")
        same(endpoint.get(f"{where}/{body['id']}").json(), body)


def item_34_server_assigns_id_and_meta(endpoint):
    meta = {"resourceType": "Robot", "created": "2001-01-01T00:00:00Z", "version": "x", "location": "http://x/"}
    one = endpoint.make(user(id="mine", meta=meta))
    assert one["id"] != "mine"
    same(one["meta"]["resourceType"], "User")
    assert not one["meta"]["created"].startswith("2001"), one
    same(set(one["meta"]), {"resourceType", "created", "lastModified", "location", "version"})
    again = endpoint.put(f"/Users/{one['id']}", {**one, "id": UNKNOWN_ID, "meta": meta}).json()
    same((again["id"], again["meta"]), (one["id"], one["meta"]))


def item_35_last_modified_is_initially_created(endpoint):
    for resource in (user(), group()):
        meta = endpoint.make(resource)["meta"]
        same(meta["lastModified"], meta["created"])


def item_36_duplicate_name(endpoint):
    one, other = endpoint.make(user()), endpoint.make(group())
    endpoint.refuse(endpoint.post("/Users", user(one["userName"].upper()), 409), 409, "uniqueness")
    endpoint.refuse(endpoint.post("/Groups", group(other["displayName"]), 409), 409, "uniqueness")
    free = endpoint.make(user())
    answer = endpoint.put(f"/Users/{free['id']}", user(one["userName"]), 409)
    endpoint.refuse(answer, 409, "uniqueness")


def item_37_read_only_input_is_ignored(endpoint):
    one = endpoint.make(user(groups=[{"value": UNKNOWN_ID}]))
    assert "groups" not in one, one


def item_38_required_and_typed(endpoint):
    for body in (
        {"schemas": [USER]},
        {**user(), "userName": ""},
        user(active="perhaps"),
        user(emails=7),
        user(name="Kim"),
        {**user(), "userName": 7},
        user(displayName=["a", "b"]),
    ):
        endpoint.refuse(endpoint.post("/Users", body, 400), 400, "invalidValue")
    endpoint.refuse(endpoint.post("/Groups", {"schemas": [GROUP]}, 400), 400, "invalidValue")


def item_38_schemas_are_required(endpoint):
    endpoint.post("/Users", {"schemas": USER, "userName": name()}, 400)
    for body in ({"userName": name()}, {"schemas": [], "userName": name()}):
        if endpoint.wso2:
            endpoint.post("/Users", body, 201)
            continue
        answer = endpoint.post("/Users", body, 400)
        assert answer.json()["scimType"] in ("invalidSyntax", "invalidValue"), answer.text


def item_39_schemas_and_extensions(endpoint):
    one = endpoint.make({**user(), "schemas": [ENTERPRISE, USER], ENTERPRISE: {"department": "Sales"}})
    same(sorted(one["schemas"]), sorted([USER, ENTERPRISE]))
    same(one[ENTERPRISE]["department"], "Sales")
    endpoint.post("/Users", {**user(), "schemas": [USER, "urn:example:unknown"]}, 400)
    endpoint.post("/Users", {**user(), "schemas": [GROUP]}, 400)


def item_39_without_extension_data(endpoint):
    same(endpoint.make({**user(), "schemas": [USER, ENTERPRISE]})["schemas"], [USER])


def item_40_names_are_case_insensitive(endpoint):
    wanted = name()
    body = {"SCHEMAS": [USER], "username": wanted, "Emails": [{"VALUE": "k@example.com"}]}
    one = endpoint.post("/Users", body).json()
    same((one["userName"], one["emails"][0]["value"]), (wanted, "k@example.com"))


def item_41_null_absent_and_empty(endpoint):
    one = endpoint.make(user(title=None, emails=[], name={"givenName": None}))
    assert not {"title", "emails", "name"} & set(one), one
    path = f"/Users/{one['id']}"
    before = endpoint.get(path).headers["etag"]
    endpoint.put(path, user(one["userName"], phoneNumbers=[], nickName=None))
    same(endpoint.get(path).headers["etag"], before, "the version")


def primaries(one):
    return [email["value"] for email in one["emails"] if email.get("primary")]


def item_42_at_most_one_primary(endpoint):
    two = [
        {"value": "a@example.com", "type": "work", "primary": True},
        {"value": "b@example.com", "type": "home", "primary": True},
    ]
    answer = endpoint.post("/Users", user(emails=two), (201, 400))
    if answer.status_code == 201:
        same(len(primaries(answer.json())), 1, "primaries")


def item_42_new_primary_replaces_the_old(endpoint):
    emails = [
        {"value": "a@example.com", "type": "work", "primary": True},
        {"value": "b@example.com", "type": "home"},
    ]
    one = endpoint.make(user(emails=emails))
    added = {"value": "c@example.com", "type": "other", "primary": True}
    changed = endpoint.patch(f"/Users/{one['id']}", {"op": "add", "path": "emails", "value": [added]}).json()
    same(primaries(changed), ["c@example.com"])
    turned = {"op": "replace", "path": 'emails[type eq "home"].primary', "value": True}
    changed = endpoint.patch(f"/Users/{one['id']}", turned).json()
    same(primaries(changed), ["b@example.com"])


def item_42_type_and_value_are_unique(endpoint):
    twice = [{"value": "a@example.com", "type": "work"}, {"value": "a@example.com", "type": "work"}]
    answer = endpoint.post("/Users", user(emails=twice), (201, 400))
    if answer.status_code == 201:
        same(len(answer.json()["emails"]), 1, "e-mail addresses")


def item_43_password_is_never_returned(endpoint):
    secret = "Spring-Meadow-42"
    answer = endpoint.post("/Users", user(password=secret), params={"attributes": "userName,password"})
    assert "password" not in answer.json() and secret not in answer.text, answer.text
    path = f"/Users/{answer.json()['id']}"
    for text in (
        endpoint.get(path, params={"attributes": "password"}).text,
        endpoint.get(path).text,
        endpoint.patch(path, {"op": "replace", "path": "password", "value": secret + "x"}).text,
    ):
        assert "assword" not in text and secret not in text, text


def item_43_password_cannot_be_filtered(endpoint):
    for filter in ('password eq "a"', "password pr", 'userName eq "a" or password sw "b"'):
        endpoint.refuse(endpoint.get("/Users", 400, params={"filter": filter}), 400)
    endpoint.refuse(endpoint.get("/Users", 400, params={"sortBy": "password"}), 400)


def item_44_external_id(endpoint):
    one = endpoint.make(user(externalId="HR-7"))
    same(one["externalId"], "HR-7")
    assert "externalId" not in endpoint.make(user())
    assert "externalId" not in endpoint.put(f"/Users/{one['id']}", user(one["userName"])).json()


def item_45_groups_are_read_only(endpoint):
    one, other = endpoint.make(user()), endpoint.make(group())
    path = f"/Users/{one['id']}"
    added = {"op": "add", "path": "groups", "value": [{"value": other["id"]}]}
    endpoint.refuse(endpoint.patch(path, added, status=400), 400, "mutability")
    endpoint.patch(f"/Groups/{other['id']}", {"op": "add", "path": "members", "value": [{"value": one["id"]}]})
    groups = endpoint.get(path).json()["groups"]
    same(groups[0]["value"], other["id"])
    same(groups[0]["$ref"], f"{endpoint.base}/Groups/{other['id']}")
    kept = endpoint.put(path, {**user(one["userName"]), "groups": []}).json()
    same(kept["groups"][0]["value"], other["id"], "what a PUT leaves")


def item_46_members(endpoint):
    one, inner = endpoint.make(user()), endpoint.make(group())
    outer = endpoint.make(group(members=[{"value": one["id"], "type": "User"}, {"value": inner["id"]}]))
    found = {member["value"]: member for member in outer["members"]}
    same(found[one["id"]]["$ref"], f"{endpoint.base}/Users/{one['id']}")
    same((found[one["id"]]["type"], found[inner["id"]]["type"]), ("User", "Group"))
    for wrong in ({"value": UNKNOWN_ID}, {"value": one["id"], "type": "Group"}, {"type": "User"}):
        endpoint.refuse(endpoint.post("/Groups", group(members=[wrong]), 400), 400, "invalidValue")


def item_46_member_without_a_possible_id_is_skipped_with_a_warning(endpoint):
    one, crew = endpoint.make(user()), endpoint.make(group())
    added = {"op": "add", "path": "members", "value": [{"value": one["id"]}, {"value": "made-up"}]}
    answer = endpoint.patch(f"/Groups/{crew['id']}", added)
    same(answer.headers["muster-left-out"], "members=1")
    same([member["value"] for member in answer.json()["members"]], [one["id"]])
    made = endpoint.post("/Groups", group(members=[{"value": "made-up"}, {"value": one["id"]}]), 201)
    same(made.headers["muster-left-out"], "members=1")
    # A value that could be an id but does not exist is refused; Bulk refuses both.
    absent = {"op": "add", "path": "members", "value": [{"value": UNKNOWN_ID}]}
    endpoint.refuse(endpoint.patch(f"/Groups/{crew['id']}", absent, status=400), 400, "invalidValue")
    made_up = {"method": "PATCH", "path": f"/Groups/{crew['id']}", "data": patch(added)}
    same(endpoint.codes(endpoint.bulk(made_up)), [400])


def item_47_types_of_values(endpoint):
    for wrong in (
        {"x509Certificates": [{"value": "no base64!"}]},
        {"profileUrl": 7},
        {"active": 1},
        {"emails": [{"value": True}]},
        {"emails": [{"value": "a@example.com", "primary": "maybe"}]},
    ):
        endpoint.refuse(endpoint.post("/Users", user(**wrong), 400), 400, "invalidValue")
    meta = endpoint.make(user())["meta"]
    assert meta["created"].endswith("Z") and "T" in meta["created"], meta


def item_48_read(endpoint):
    one = endpoint.make(user())
    answer = endpoint.get(f"/Users/{one['id']}")
    same(answer.headers["content-location"], one["meta"]["location"])
    for where in (f"/Users/{UNKNOWN_ID}", "/Users/7", f"/Groups/{one['id']}", f"/Groups/{UNKNOWN_ID}"):
        endpoint.get(where, 404)


def item_49_case_of_names_and_addresses(endpoint):
    wanted = name("Case")
    endpoint.make(user(wanted, emails=[{"value": f"{wanted}@Example.COM", "type": "work"}]))
    same(endpoint.names(f'userName eq "{wanted.upper()}"'), [wanted])
    same(endpoint.names(f'emails.value eq "{wanted.lower()}@example.com"'), [wanted])
    same(endpoint.names(f'emails[type eq "WORK" and value sw "{wanted.upper()}"]'), [wanted])


def item_49_non_ascii_letters(endpoint):
    wanted = name("Jörg-Straße")
    endpoint.make(user(wanted))
    same(endpoint.names(f'userName eq "{wanted.upper().replace("SS", "ß")}"'), [wanted])
    endpoint.post("/Users", user(wanted.replace("Jö", "JO\u0308")), 409)


def item_49_ids_are_case_exact(endpoint):
    wanted = name("HR")
    endpoint.make(user(externalId=wanted))
    same(endpoint.find(f'externalId eq "{wanted}"')["totalResults"], 1)
    same(endpoint.find(f'externalId eq "{wanted.lower()}"')["totalResults"], 0)


def item_50_case_is_kept(endpoint):
    wanted = name("CaMel")
    one = endpoint.make(user(wanted, displayName="dE lA CrUz"))
    same((one["userName"], one["displayName"]), (wanted, "dE lA CrUz"))
    changed = endpoint.patch(f"/Users/{one['id']}", {"op": "replace", "path": "displayName", "value": "DE la"}).json()
    same(changed["displayName"], "DE la")

