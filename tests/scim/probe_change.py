"""Items 51 to 60: resources replaced, changed, removed."""

from probe_endpoint import (
    ENTERPRISE,
    MESSAGES,
    UNKNOWN_ID,
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


def changed(endpoint, resource, *operations):
    """A new resource after a patch."""
    one = endpoint.make(resource)
    where = one["meta"]["location"].removeprefix(endpoint.base)
    return endpoint.patch(where, *operations).json()


def refused(endpoint, resource, scim_type, *operations, status=400):
    """Checks that a patch is refused and changes nothing."""
    one = endpoint.make(resource)
    where = one["meta"]["location"].removeprefix(endpoint.base)
    before = endpoint.get(where).json()
    endpoint.refuse(endpoint.patch(where, *operations, status=status), status, scim_type)
    same(endpoint.get(where).json(), before, "what a refused patch leaves")


def item_51_put_clears_missing_attributes(endpoint):
    one = endpoint.make(user(title="t", nickName="n", emails=EMAILS, name={"givenName": "K"}))
    kept = endpoint.put(f"/Users/{one['id']}", user(one["userName"], nickName="m")).json()
    same(kept["nickName"], "m")
    assert not {"title", "emails", "name"} & set(kept), kept
    same((kept["id"], kept["meta"]["created"]), (one["id"], one["meta"]["created"]))


def item_51_put_keeps_the_password(endpoint):
    # A value that is never returned cannot be sent back by a client that reads and replaces.
    one = endpoint.make(user(password="Spring-Meadow-42"))
    endpoint.put(f"/Users/{one['id']}", user(one["userName"]))


def item_51_put_does_not_create(endpoint):
    for where, resource in (("/Users", user()), ("/Groups", group())):
        endpoint.put(f"{where}/{UNKNOWN_ID}", resource, 404)
        endpoint.put(f"{where}/mine", resource, 404)


def item_51_put_of_an_unchanged_resource_changes_nothing(endpoint):
    one = endpoint.make(user(emails=EMAILS, **{ENTERPRISE: {"department": "d"}}, schemas=[USER, ENTERPRISE]))
    again = endpoint.put(f"/Users/{one['id']}", one).json()
    same(again, one)


def item_51_user_is_renamed(endpoint):
    one, wanted = endpoint.make(user()), name()
    same(endpoint.put(f"/Users/{one['id']}", user(wanted)).json()["userName"], wanted)
    same(endpoint.find(f'userName eq "{one["userName"]}"')["totalResults"], 0)


def item_52_put_needs_required_attributes(endpoint):
    one, other = endpoint.make(user()), endpoint.make(group())
    endpoint.refuse(endpoint.put(f"/Users/{one['id']}", {"schemas": [USER], "title": "t"}, 400), 400, "invalidValue")
    endpoint.refuse(endpoint.put(f"/Groups/{other['id']}", {**group(), "displayName": None}, 400), 400, "invalidValue")


def item_53_patch_message(endpoint):
    one = endpoint.make(user())
    removal = [{"op": "remove", "path": "title"}]
    other = ({"Operations": removal}, {"schemas": [USER], "Operations": removal})
    for body in (
        # The original does not check schemas.
        *(() if endpoint.wso2 else other),
        {"schemas": [MESSAGES + "PatchOp"]},
        patch(),
        patch({"op": "move", "path": "title", "value": "x"}),
        patch({"path": "title", "value": "x"}),
        patch({"op": "add", "path": "title"}),
    ):
        answer = endpoint.call("PATCH", f"/Users/{one['id']}", 400, json=body)
        assert answer.json()["scimType"] in ("invalidSyntax", "invalidValue"), answer.text
    endpoint.refuse(endpoint.patch(f"/Users/{one['id']}", {"op": "remove"}, status=400), 400, "noTarget")
    nowhere = {"op": "add", "path": "nothing", "value": 1}
    endpoint.refuse(endpoint.patch(f"/Users/{one['id']}", nowhere, status=400), 400, "invalidPath")
    endpoint.patch(f"/Users/{UNKNOWN_ID}", {"op": "remove", "path": "title"}, status=404)


def item_53_add_replace_and_remove(endpoint):
    one = changed(
        endpoint,
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


def item_54_patch_is_atomic(endpoint):
    refused(
        endpoint,
        user(title="t"),
        "noTarget",
        {"op": "replace", "path": "title", "value": "new"},
        {"op": "remove"},
    )


def item_55_patch_returns_the_resource(endpoint):
    one = changed(endpoint, user(), {"op": "add", "path": "title", "value": "t"})
    same(one, endpoint.get(f"/Users/{one['id']}").json())


def item_56_equal_values_change_nothing(endpoint):
    one = endpoint.make(user(title="t", emails=EMAILS))
    crew = endpoint.make(group(members=[{"value": one["id"]}]))
    for where, operation in (
        (f"/Users/{one['id']}", {"op": "add", "path": "title", "value": "t"}),
        (f"/Users/{one['id']}", {"op": "replace", "path": "title", "value": "t"}),
        (f"/Users/{one['id']}", {"op": "add", "path": "emails", "value": [EMAILS[1]]}),
        (f"/Users/{one['id']}", {"op": "remove", "path": "nickName"}),
        (f"/Groups/{crew['id']}", {"op": "add", "path": "members", "value": [{"value": one["id"]}]}),
    ):
        before = endpoint.get(where)
        endpoint.patch(where, operation)
        after = endpoint.get(where)
        same(after.json(), before.json(), f"what {operation} leaves")
        same(after.headers["etag"], before.headers["etag"])


def item_57_value_paths(endpoint):
    one = changed(
        endpoint,
        user(emails=EMAILS),
        {"op": "replace", "path": 'emails[type eq "work"].value', "value": "new@example.com"},
        {"op": "remove", "path": 'emails[type eq "home"]'},
    )
    same([(email["type"], email["value"]) for email in one["emails"]], [("work", "new@example.com")])


def item_57_value_path_without_a_match(endpoint):
    replace = {"op": "replace", "path": 'emails[value eq "absent@example.com"].type', "value": "x"}
    refused(endpoint, user(emails=EMAILS), "noTarget", replace)
    refused(endpoint, user(emails=EMAILS), None, {"op": "remove", "path": 'emails[type zz "x"]'})


def item_58_required_and_read_only_attributes(endpoint):
    refused(endpoint, user(), "mutability", {"op": "remove", "path": "userName"})
    refused(endpoint, user(), "mutability", {"op": "remove", "path": "id"})
    refused(endpoint, user(), "mutability", {"op": "replace", "path": "id", "value": UNKNOWN_ID})
    refused(endpoint, user(), "mutability", {"op": "replace", "path": "meta.created", "value": "2001-01-01T00:00:00Z"})
    refused(endpoint, group(), "mutability", {"op": "remove", "path": "displayName"})


def item_58_immutable_members(endpoint):
    one, other = endpoint.make(user()), endpoint.make(user())
    crew = group(members=[{"value": one["id"]}])
    path = f'members[value eq "{one["id"]}"].value'
    refused(endpoint, crew, "mutability", {"op": "replace", "path": path, "value": other["id"]})


def item_59_capitalized_operations_and_booleans_as_text(endpoint):
    one = changed(
        endpoint,
        user(title="t"),
        {"op": "Replace", "path": "active", "value": "False"},
        {"op": "Add", "path": "displayName", "value": "d"},
        {"op": "Remove", "path": "title"},
    )
    same((one["active"], one["displayName"], one.get("title")), (False, "d", None))
    same(changed(endpoint, user(), {"op": "replace", "value": {"active": "False"}})["active"], False)


def item_59_missing_path_and_keys_that_are_paths(endpoint):
    one = changed(
        endpoint,
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


def item_59_the_manager_as_text_or_object(endpoint):
    boss = endpoint.make(user())["id"]
    path = ENTERPRISE + ":manager"
    for value in (boss, {"value": boss}, {"value": boss, "displayName": "x"}):
        one = changed(endpoint, user(), {"op": "Add", "path": path, "value": value})
        same(one[ENTERPRISE]["manager"]["value"], boss)
    one = endpoint.patch(f"/Users/{one['id']}", {"op": "Remove", "path": path}).json()
    assert ENTERPRISE not in one, one


def item_59_missing_value_is_added(endpoint):
    one = changed(endpoint, user(), {"op": "Add", "path": 'emails[type eq "work"].value', "value": "w@example.com"})
    same([(email["type"], email["value"]) for email in one["emails"]], [("work", "w@example.com")])
    one = changed(endpoint, user(), {"op": "Replace", "path": 'phoneNumbers[type eq "mobile"].value', "value": "7"})
    same([(number["type"], number["value"]) for number in one["phoneNumbers"]], [("mobile", "7")])


def members(one):
    return {member["value"] for member in one.get("members", [])}


def item_59_forms_of_members(endpoint):
    a, b, c = (endpoint.make(user())["id"] for _ in range(3))
    crew = endpoint.make(group(members=[{"value": a}]))
    where = f"/Groups/{crew['id']}"

    def after(operation, *left):
        same(members(endpoint.patch(where, operation).json()), set(left), f"members after {operation}")

    after({"op": "Add", "path": "members", "value": [{"value": b}]}, a, b)
    after({"op": "add", "path": "members", "value": {"value": c}}, a, b, c)
    after({"op": "remove", "path": f'members[value eq "{a}"]'}, b, c)
    after({"op": "Remove", "path": "members", "value": [{"value": b}]}, c)
    after({"op": "Remove", "path": "members", "value": [{"value": UNKNOWN_ID}]}, c)
    after({"op": "replace", "path": "members", "value": [{"value": a}, {"value": b}]}, a, b)
    after({"op": "add", "value": {"members": [{"value": c}]}}, a, b, c)
    after({"op": "replace", "value": {"members": [{"value": c}]}}, c)
    after({"op": "remove", "path": "members"})


def item_59_fifty_members_at_once(endpoint):
    ids = [endpoint.make(user())["id"] for _ in range(50)]
    crew = endpoint.make(group())
    adds = [{"op": "add", "path": "members", "value": [{"value": one}]} for one in ids]
    same(members(endpoint.patch(f"/Groups/{crew['id']}", *adds).json()), set(ids))


def item_60_removed(endpoint):
    one = endpoint.make(user())
    crew = endpoint.make(group(members=[{"value": one["id"]}]))
    where = f"/Users/{one['id']}"
    same(endpoint.delete(where).content, b"")
    endpoint.get(where, 404)
    endpoint.put(where, user(one["userName"]), 404)
    endpoint.patch(where, {"op": "remove", "path": "title"}, status=404)
    endpoint.delete(where, 404)
    same(endpoint.find(f'userName eq "{one["userName"]}"')["totalResults"], 0)
    same(members(endpoint.get(f"/Groups/{crew['id']}").json()), set())
    again = endpoint.make(user(one["userName"]))
    assert again["id"] != one["id"]
    endpoint.delete(f"/Groups/{crew['id']}")
    endpoint.get(f"/Groups/{crew['id']}", 404)
    endpoint.make(group(crew["displayName"]))
