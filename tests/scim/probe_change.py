"""Items 51 to 60: resources replaced, changed, removed."""

from probe_door import (
    ENTERPRISE,
    MESSAGES,
    NOBODY,
    USER,
    group,
    name,
    patch,
    same,
    user,
)

EMAILS = [
    {"value": "w@example.com", "type": "work", "primary": True},
    {"value": "h@example.com", "type": "home"},
]


def changed(door, resource, *operations):
    """What a patch of a fresh resource leaves."""
    one = door.make(resource)
    where = one["meta"]["location"].removeprefix(door.base)
    return door.patch(where, *operations).json()


def refused(door, resource, scim_type, *operations, status=400):
    """A patch that is refused leaves everything as it was."""
    one = door.make(resource)
    where = one["meta"]["location"].removeprefix(door.base)
    before = door.get(where).json()
    door.refuse(door.patch(where, *operations, status=status), status, scim_type)
    same(door.get(where).json(), before, "what a refused patch leaves")


def item_51_put_clears_what_it_leaves_out(door):
    one = door.make(user(title="t", nickName="n", emails=EMAILS, name={"givenName": "K"}))
    kept = door.put(f"/Users/{one['id']}", user(one["userName"], nickName="m")).json()
    same(kept["nickName"], "m")
    assert not {"title", "emails", "name"} & set(kept), kept
    same((kept["id"], kept["meta"]["created"]), (one["id"], one["meta"]["created"]))


def item_51_put_keeps_the_password(door):
    # What never is returned cannot be sent back by a client that reads and replaces.
    one = door.make(user(password="Spring-Meadow-42"))
    door.put(f"/Users/{one['id']}", user(one["userName"]))


def item_51_put_does_not_create(door):
    for where, resource in (("/Users", user()), ("/Groups", group())):
        door.put(f"{where}/{NOBODY}", resource, 404)
        door.put(f"{where}/mine", resource, 404)


def item_51_put_of_what_was_read_changes_nothing(door):
    one = door.make(user(emails=EMAILS, **{ENTERPRISE: {"department": "d"}}, schemas=[USER, ENTERPRISE]))
    again = door.put(f"/Users/{one['id']}", one).json()
    same(again, one)


def item_51_a_user_is_renamed(door):
    one, wanted = door.make(user()), name()
    same(door.put(f"/Users/{one['id']}", user(wanted)).json()["userName"], wanted)
    same(door.find(f'userName eq "{one["userName"]}"')["totalResults"], 0)


def item_52_put_needs_what_is_required(door):
    one, other = door.make(user()), door.make(group())
    door.refuse(door.put(f"/Users/{one['id']}", {"schemas": [USER], "title": "t"}, 400), 400, "invalidValue")
    door.refuse(door.put(f"/Groups/{other['id']}", {**group(), "displayName": None}, 400), 400, "invalidValue")


def item_53_what_a_patch_is(door):
    one = door.make(user())
    removal = [{"op": "remove", "path": "title"}]
    other = ({"Operations": removal}, {"schemas": [USER], "Operations": removal})
    for body in (
        # The original looks at no schemas.
        *(() if door.wso2 else other),
        {"schemas": [MESSAGES + "PatchOp"]},
        patch(),
        patch({"op": "move", "path": "title", "value": "x"}),
        patch({"path": "title", "value": "x"}),
        patch({"op": "add", "path": "title"}),
    ):
        answer = door.call("PATCH", f"/Users/{one['id']}", 400, json=body)
        assert answer.json()["scimType"] in ("invalidSyntax", "invalidValue"), answer.text
    door.refuse(door.patch(f"/Users/{one['id']}", {"op": "remove"}, status=400), 400, "noTarget")
    nowhere = {"op": "add", "path": "nothing", "value": 1}
    door.refuse(door.patch(f"/Users/{one['id']}", nowhere, status=400), 400, "invalidPath")
    door.patch(f"/Users/{NOBODY}", {"op": "remove", "path": "title"}, status=404)


def item_53_add_replace_and_remove(door):
    one = changed(
        door,
        user(title="t", nickName="n"),
        {"op": "add", "path": "displayName", "value": "d"},
        {"op": "replace", "path": "title", "value": "u"},
        {"op": "remove", "path": "nickName"},
        {"op": "add", "value": {"locale": "de-DE", "name": {"familyName": "F"}}},
        {"op": "add", "path": ENTERPRISE + ":department", "value": "Sales"},
    )
    same((one["displayName"], one["title"], one["locale"], one["name"]["familyName"]), ("d", "u", "de-DE", "F"))
    assert "nickName" not in one, one
    same(one[ENTERPRISE], {"department": "Sales"})


def item_54_a_patch_is_whole_or_nothing(door):
    refused(
        door,
        user(title="t"),
        "noTarget",
        {"op": "replace", "path": "title", "value": "new"},
        {"op": "remove"},
    )


def item_55_a_patch_answers_with_the_resource(door):
    one = changed(door, user(), {"op": "add", "path": "title", "value": "t"})
    same(one, door.get(f"/Users/{one['id']}").json())


def item_56_nothing_new_changes_nothing(door):
    one = door.make(user(title="t", emails=EMAILS))
    crew = door.make(group(members=[{"value": one["id"]}]))
    for where, operation in (
        (f"/Users/{one['id']}", {"op": "add", "path": "title", "value": "t"}),
        (f"/Users/{one['id']}", {"op": "replace", "path": "title", "value": "t"}),
        (f"/Users/{one['id']}", {"op": "add", "path": "emails", "value": [EMAILS[1]]}),
        (f"/Users/{one['id']}", {"op": "remove", "path": "nickName"}),
        (f"/Groups/{crew['id']}", {"op": "add", "path": "members", "value": [{"value": one["id"]}]}),
    ):
        before = door.get(where)
        door.patch(where, operation)
        after = door.get(where)
        same(after.json(), before.json(), f"what {operation} leaves")
        same(after.headers["etag"], before.headers["etag"])


def item_57_value_paths(door):
    one = changed(
        door,
        user(emails=EMAILS),
        {"op": "replace", "path": 'emails[type eq "work"].value', "value": "new@example.com"},
        {"op": "remove", "path": 'emails[type eq "home"]'},
    )
    same([(email["type"], email["value"]) for email in one["emails"]], [("work", "new@example.com")])


def item_57_a_value_path_that_finds_nothing(door):
    replace = {"op": "replace", "path": 'emails[value eq "nobody@example.com"].type', "value": "x"}
    refused(door, user(emails=EMAILS), "noTarget", replace)
    refused(door, user(emails=EMAILS), None, {"op": "remove", "path": 'emails[type zz "x"]'})


def item_58_what_cannot_be_removed_or_changed(door):
    refused(door, user(), "mutability", {"op": "remove", "path": "userName"})
    refused(door, user(), "mutability", {"op": "remove", "path": "id"})
    refused(door, user(), "mutability", {"op": "replace", "path": "id", "value": NOBODY})
    refused(door, user(), "mutability", {"op": "replace", "path": "meta.created", "value": "2001-01-01T00:00:00Z"})
    refused(door, group(), "mutability", {"op": "remove", "path": "displayName"})


def item_58_immutable_members(door):
    one, other = door.make(user()), door.make(user())
    crew = group(members=[{"value": one["id"]}])
    path = f'members[value eq "{one["id"]}"].value'
    refused(door, crew, "mutability", {"op": "replace", "path": path, "value": other["id"]})


def item_59_words_in_capitals_and_booleans_as_text(door):
    one = changed(
        door,
        user(title="t"),
        {"op": "Replace", "path": "active", "value": "False"},
        {"op": "Add", "path": "displayName", "value": "d"},
        {"op": "Remove", "path": "title"},
    )
    same((one["active"], one["displayName"], one.get("title")), (False, "d", None))
    same(changed(door, user(), {"op": "replace", "value": {"active": "False"}})["active"], False)


def item_59_no_path_and_keys_that_are_paths(door):
    one = changed(
        door,
        user(),
        {
            "op": "Replace",
            "value": {
                "name.givenName": "K",
                "name.familyName": "J",
                ENTERPRISE + ":department": "D",
                "title": "t",
            },
        },
        {"op": "Add", "value": {ENTERPRISE: {"costCenter": "7"}}},
    )
    same((one["name"]["givenName"], one["name"]["familyName"], one["title"]), ("K", "J", "t"))
    same((one[ENTERPRISE]["department"], one[ENTERPRISE]["costCenter"]), ("D", "7"))


def item_59_the_manager_as_text_or_object(door):
    boss = door.make(user())["id"]
    path = ENTERPRISE + ":manager"
    for value in (boss, {"value": boss}, {"value": boss, "displayName": "x"}):
        one = changed(door, user(), {"op": "Add", "path": path, "value": value})
        same(one[ENTERPRISE]["manager"]["value"], boss)
    one = door.patch(f"/Users/{one['id']}", {"op": "Remove", "path": path}).json()
    assert ENTERPRISE not in one, one


def item_59_a_missing_value_is_added(door):
    one = changed(door, user(), {"op": "Add", "path": 'emails[type eq "work"].value', "value": "w@example.com"})
    same([(email["type"], email["value"]) for email in one["emails"]], [("work", "w@example.com")])
    one = changed(door, user(), {"op": "Replace", "path": 'phoneNumbers[type eq "mobile"].value', "value": "7"})
    same([(number["type"], number["value"]) for number in one["phoneNumbers"]], [("mobile", "7")])


def members(one):
    return {member["value"] for member in one.get("members", [])}


def item_59_forms_of_members(door):
    a, b, c = (door.make(user())["id"] for _ in range(3))
    crew = door.make(group(members=[{"value": a}]))
    where = f"/Groups/{crew['id']}"

    def after(operation, *left):
        same(members(door.patch(where, operation).json()), set(left), f"members after {operation}")

    after({"op": "Add", "path": "members", "value": [{"value": b}]}, a, b)
    after({"op": "add", "path": "members", "value": {"value": c}}, a, b, c)
    after({"op": "remove", "path": f'members[value eq "{a}"]'}, b, c)
    after({"op": "Remove", "path": "members", "value": [{"value": b}]}, c)
    after({"op": "Remove", "path": "members", "value": [{"value": NOBODY}]}, c)
    after({"op": "replace", "path": "members", "value": [{"value": a}, {"value": b}]}, a, b)
    after({"op": "add", "value": {"members": [{"value": c}]}}, a, b, c)
    after({"op": "replace", "value": {"members": [{"value": c}]}}, c)
    after({"op": "remove", "path": "members"})


def item_59_fifty_members_at_once(door):
    ids = [door.make(user())["id"] for _ in range(50)]
    crew = door.make(group())
    adds = [{"op": "add", "path": "members", "value": [{"value": one}]} for one in ids]
    same(members(door.patch(f"/Groups/{crew['id']}", *adds).json()), set(ids))


def item_60_removed(door):
    one = door.make(user())
    crew = door.make(group(members=[{"value": one["id"]}]))
    where = f"/Users/{one['id']}"
    same(door.delete(where).content, b"")
    door.get(where, 404)
    door.put(where, user(one["userName"]), 404)
    door.patch(where, {"op": "remove", "path": "title"}, status=404)
    door.delete(where, 404)
    same(door.find(f'userName eq "{one["userName"]}"')["totalResults"], 0)
    same(members(door.get(f"/Groups/{crew['id']}").json()), set())
    again = door.make(user(one["userName"]))
    assert again["id"] != one["id"]
    door.delete(f"/Groups/{crew['id']}")
    door.get(f"/Groups/{crew['id']}", 404)
    door.make(group(crew["displayName"]))
