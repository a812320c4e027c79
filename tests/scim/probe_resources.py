"""Items 33 to 50: users and groups, made and read."""

from probe_door import (
    ENTERPRISE,
    GROUP,
    NOBODY,
    USER,
    group,
    name,
    patch,
    same,
    user,
)


def item_33_made(door):
    for where, resource in (("/Users", user()), ("/Groups", group())):
        answer = door.post(where, resource)
        body = answer.json()
        same(answer.headers["location"], body["meta"]["location"], "Location")
        same(body["meta"]["location"], f"{door.base}{where}/{body['id']}")
        same(door.get(f"{where}/{body['id']}").json(), body)


def item_34_the_server_says_id_and_meta(door):
    meta = {"resourceType": "Robot", "created": "2001-01-01T00:00:00Z", "version": "x", "location": "http://x/"}
    one = door.make(user(id="mine", meta=meta))
    assert one["id"] != "mine"
    same(one["meta"]["resourceType"], "User")
    assert not one["meta"]["created"].startswith("2001"), one
    same(set(one["meta"]), {"resourceType", "created", "lastModified", "location", "version"})
    again = door.put(f"/Users/{one['id']}", {**one, "id": NOBODY, "meta": meta}).json()
    same((again["id"], again["meta"]), (one["id"], one["meta"]))


def item_35_last_modified_begins_as_created(door):
    for resource in (user(), group()):
        meta = door.make(resource)["meta"]
        same(meta["lastModified"], meta["created"])


def item_36_a_name_that_is_taken(door):
    one, other = door.make(user()), door.make(group())
    door.refuse(door.post("/Users", user(one["userName"].upper()), 409), 409, "uniqueness")
    door.refuse(door.post("/Groups", group(other["displayName"]), 409), 409, "uniqueness")
    free = door.make(user())
    answer = door.put(f"/Users/{free['id']}", user(one["userName"]), 409)
    door.refuse(answer, 409, "uniqueness")


def item_37_read_only_input_is_ignored(door):
    one = door.make(user(groups=[{"value": NOBODY}]))
    assert "groups" not in one, one


def item_38_required_and_typed(door):
    for body in (
        {"schemas": [USER]},
        {**user(), "userName": ""},
        user(active="perhaps"),
        user(emails=7),
        user(name="Kim"),
        {**user(), "userName": 7},
        user(displayName=["a", "b"]),
    ):
        door.refuse(door.post("/Users", body, 400), 400, "invalidValue")
    door.refuse(door.post("/Groups", {"schemas": [GROUP]}, 400), 400, "invalidValue")


def item_38_schemas_are_required(door):
    door.post("/Users", {"schemas": USER, "userName": name()}, 400)
    for body in ({"userName": name()}, {"schemas": [], "userName": name()}):
        if door.wso2:
            door.post("/Users", body, 201)
            continue
        answer = door.post("/Users", body, 400)
        assert answer.json()["scimType"] in ("invalidSyntax", "invalidValue"), answer.text


def item_39_schemas_and_extensions(door):
    one = door.make({**user(), "schemas": [ENTERPRISE, USER], ENTERPRISE: {"department": "Sales"}})
    same(sorted(one["schemas"]), sorted([USER, ENTERPRISE]))
    same(one[ENTERPRISE]["department"], "Sales")
    door.post("/Users", {**user(), "schemas": [USER, "urn:example:unknown"]}, 400)
    door.post("/Users", {**user(), "schemas": [GROUP]}, 400)


def item_39_without_extension_data(door):
    same(door.make({**user(), "schemas": [USER, ENTERPRISE]})["schemas"], [USER])


def item_40_names_in_any_case(door):
    wanted = name()
    body = {"SCHEMAS": [USER], "username": wanted, "Emails": [{"VALUE": "k@example.com"}]}
    one = door.post("/Users", body).json()
    same((one["userName"], one["emails"][0]["value"]), (wanted, "k@example.com"))


def item_41_null_absent_and_empty(door):
    one = door.make(user(title=None, emails=[], name={"givenName": None}))
    assert not {"title", "emails", "name"} & set(one), one
    path = f"/Users/{one['id']}"
    before = door.get(path).headers["etag"]
    door.put(path, user(one["userName"], phoneNumbers=[], nickName=None))
    same(door.get(path).headers["etag"], before, "the version")


def primaries(one):
    return [email["value"] for email in one["emails"] if email.get("primary")]


def item_42_at_most_one_primary(door):
    two = [
        {"value": "a@example.com", "type": "work", "primary": True},
        {"value": "b@example.com", "type": "home", "primary": True},
    ]
    answer = door.post("/Users", user(emails=two), (201, 400))
    if answer.status_code == 201:
        same(len(primaries(answer.json())), 1, "primaries")


def item_42_a_new_primary_takes_the_place_of_the_old(door):
    emails = [
        {"value": "a@example.com", "type": "work", "primary": True},
        {"value": "b@example.com", "type": "home"},
    ]
    one = door.make(user(emails=emails))
    added = {"value": "c@example.com", "type": "other", "primary": True}
    changed = door.patch(f"/Users/{one['id']}", {"op": "add", "path": "emails", "value": [added]}).json()
    same(primaries(changed), ["c@example.com"])
    turned = {"op": "replace", "path": 'emails[type eq "home"].primary', "value": True}
    changed = door.patch(f"/Users/{one['id']}", turned).json()
    same(primaries(changed), ["b@example.com"])


def item_42_no_pair_of_type_and_value_twice(door):
    twice = [{"value": "a@example.com", "type": "work"}, {"value": "a@example.com", "type": "work"}]
    answer = door.post("/Users", user(emails=twice), (201, 400))
    if answer.status_code == 201:
        same(len(answer.json()["emails"]), 1, "e-mail addresses")


def item_43_the_password_is_never_shown(door):
    secret = "Spring-Meadow-42"
    answer = door.post("/Users", user(password=secret), params={"attributes": "userName,password"})
    assert "password" not in answer.json() and secret not in answer.text, answer.text
    path = f"/Users/{answer.json()['id']}"
    for text in (
        door.get(path, params={"attributes": "password"}).text,
        door.get(path).text,
        door.patch(path, {"op": "replace", "path": "password", "value": secret + "x"}).text,
    ):
        assert "assword" not in text and secret not in text, text


def item_43_the_password_is_no_filter(door):
    for filter in ('password eq "a"', "password pr", 'userName eq "a" or password sw "b"'):
        door.refuse(door.get("/Users", 400, params={"filter": filter}), 400)
    door.refuse(door.get("/Users", 400, params={"sortBy": "password"}), 400)


def item_44_external_id(door):
    one = door.make(user(externalId="HR-7"))
    same(one["externalId"], "HR-7")
    assert "externalId" not in door.make(user())
    assert "externalId" not in door.put(f"/Users/{one['id']}", user(one["userName"])).json()


def item_45_groups_are_read_only(door):
    one, other = door.make(user()), door.make(group())
    path = f"/Users/{one['id']}"
    added = {"op": "add", "path": "groups", "value": [{"value": other["id"]}]}
    door.refuse(door.patch(path, added, status=400), 400, "mutability")
    door.patch(f"/Groups/{other['id']}", {"op": "add", "path": "members", "value": [{"value": one["id"]}]})
    groups = door.get(path).json()["groups"]
    same(groups[0]["value"], other["id"])
    same(groups[0]["$ref"], f"{door.base}/Groups/{other['id']}")
    kept = door.put(path, {**user(one["userName"]), "groups": []}).json()
    same(kept["groups"][0]["value"], other["id"], "what a PUT leaves")


def item_46_members(door):
    one, inner = door.make(user()), door.make(group())
    outer = door.make(group(members=[{"value": one["id"], "type": "User"}, {"value": inner["id"]}]))
    found = {member["value"]: member for member in outer["members"]}
    same(found[one["id"]]["$ref"], f"{door.base}/Users/{one['id']}")
    same((found[one["id"]]["type"], found[inner["id"]]["type"]), ("User", "Group"))
    for wrong in ({"value": NOBODY}, {"value": one["id"], "type": "Group"}, {"type": "User"}):
        door.refuse(door.post("/Groups", group(members=[wrong]), 400), 400, "invalidValue")


def item_46_a_member_who_can_be_nobody_is_left_out_and_that_is_said(door):
    one, crew = door.make(user()), door.make(group())
    added = {"op": "add", "path": "members", "value": [{"value": one["id"]}, {"value": "made-up"}]}
    answer = door.patch(f"/Groups/{crew['id']}", added)
    same(answer.headers["muster-left-out"], "members=1")
    same([member["value"] for member in answer.json()["members"]], [one["id"]])
    made = door.post("/Groups", group(members=[{"value": "made-up"}, {"value": one["id"]}]), 201)
    same(made.headers["muster-left-out"], "members=1")
    # What could be an id and is nobody's is refused, and Bulk refuses both.
    nobody = {"op": "add", "path": "members", "value": [{"value": NOBODY}]}
    door.refuse(door.patch(f"/Groups/{crew['id']}", nobody, status=400), 400, "invalidValue")
    made_up = {"method": "PATCH", "path": f"/Groups/{crew['id']}", "data": patch(added)}
    same(door.codes(door.bulk(made_up)), [400])


def item_47_types_of_values(door):
    for wrong in (
        {"x509Certificates": [{"value": "no base64!"}]},
        {"profileUrl": 7},
        {"active": 1},
        {"emails": [{"value": True}]},
        {"emails": [{"value": "a@example.com", "primary": "maybe"}]},
    ):
        door.refuse(door.post("/Users", user(**wrong), 400), 400, "invalidValue")
    meta = door.make(user())["meta"]
    assert meta["created"].endswith("Z") and "T" in meta["created"], meta


def item_48_read(door):
    one = door.make(user())
    answer = door.get(f"/Users/{one['id']}")
    same(answer.headers["content-location"], one["meta"]["location"])
    for where in (f"/Users/{NOBODY}", "/Users/7", f"/Groups/{one['id']}", f"/Groups/{NOBODY}"):
        door.get(where, 404)


def item_49_case_of_names_and_addresses(door):
    wanted = name("Case")
    door.make(user(wanted, emails=[{"value": f"{wanted}@Example.COM", "type": "work"}]))
    same(door.names(f'userName eq "{wanted.upper()}"'), [wanted])
    same(door.names(f'emails.value eq "{wanted.lower()}@example.com"'), [wanted])
    same(door.names(f'emails[type eq "WORK" and value sw "{wanted.upper()}"]'), [wanted])


def item_49_letters_beyond_ascii(door):
    wanted = name("Jörg-Straße")
    door.make(user(wanted))
    same(door.names(f'userName eq "{wanted.upper().replace("SS", "ß")}"'), [wanted])
    door.post("/Users", user(wanted.replace("Jö", "JO\u0308")), 409)


def item_49_ids_are_case_exact(door):
    wanted = name("HR")
    door.make(user(externalId=wanted))
    same(door.find(f'externalId eq "{wanted}"')["totalResults"], 1)
    same(door.find(f'externalId eq "{wanted.lower()}"')["totalResults"], 0)


def item_50_case_is_kept(door):
    wanted = name("CaMel")
    one = door.make(user(wanted, displayName="dE lA CrUz"))
    same((one["userName"], one["displayName"]), (wanted, "dE lA CrUz"))
    changed = door.patch(f"/Users/{one['id']}", {"op": "replace", "path": "displayName", "value": "DE la"}).json()
    same(changed["displayName"], "DE la")

