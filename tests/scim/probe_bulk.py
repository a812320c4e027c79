"""Items 1 to 32: Bulk."""

import json
import time

import server
from probe_door import (
    ENTERPRISE,
    ERROR,
    MESSAGES,
    NOBODY,
    USER,
    Door,
    add_group,
    add_user,
    id_of,
    name,
    only,
    patch,
    same,
    user,
)


def manager(reference):
    return {"schemas": [USER, ENTERPRISE], ENTERPRISE: {"manager": {"value": reference}}}


def nobody_called(door, user_name):
    same(door.find(f'userName eq "{user_name}"')["totalResults"], 0, f"users called {user_name}")


def item_01_bulk_is_supported(door):
    assert door.get("/ServiceProviderConfig").json()["bulk"]["supported"] is True
    same(door.codes(door.bulk(add_user("a"))), [201])


def item_02_limits_are_told(door):
    bulk = door.get("/ServiceProviderConfig").json()["bulk"]
    same((bulk["maxOperations"], bulk["maxPayloadSize"]), (1000, 1048576), "the limits")


def item_03_too_many_operations(door):
    first = name()
    operations = [add_user("0", first)] + [add_user(str(number)) for number in range(1, 1001)]
    answer = door.bulk(*operations, status=413)
    assert "maxOperations (1000)" in answer.json()["detail"], answer.text
    nobody_called(door, first)


def item_03_exactly_as_many_operations_as_may(door):
    operation = {"method": "DELETE", "path": f"/Users/{NOBODY}"}
    same(len(door.bulk(*[operation] * 1000)), 1000)


def item_04_too_long(door):
    first = name()
    request = json.dumps(door.bulk_request(add_user("a", first, title="x" * 1048576))).encode()
    answer = door.call("POST", "/Bulk", 413, content=request)
    assert "maxPayloadSize (1048576)" in answer.json()["detail"], answer.text
    nobody_called(door, first)


def item_04_too_long_in_chunks(door):
    first = name()
    request = json.dumps(door.bulk_request(add_user("a", first, title="x" * 1048576))).encode()
    chunks = (request[at : at + 65536] for at in range(0, len(request), 65536))
    answer = door.call("POST", "/Bulk", 413, content=chunks)
    same("transfer-encoding" in answer.request.headers, True, "chunked")
    assert "maxPayloadSize (1048576)" in answer.json()["detail"], answer.text
    nobody_called(door, first)


def item_05_not_a_bulk_request(door):
    other = ({"Operations": []}, {"schemas": [MESSAGES + "PatchOp"], "Operations": []})
    for body in (
        # The original looks at no schemas.
        *(() if door.wso2 else other),
        {"schemas": [MESSAGES + "BulkRequest"]},
        {"schemas": [MESSAGES + "BulkRequest"], "Operations": {}},
    ):
        answer = door.post("/Bulk", body, 400)
        assert answer.json()["scimType"] in ("invalidSyntax", "invalidValue"), answer.text


def item_06_no_json(door):
    for body in (b"", b"{", b"[]", b'{"schemas": \xff}'):
        door.refuse(door.call("POST", "/Bulk", content=body), 400, "invalidSyntax")


def item_07_all_failed_is_200(door):
    same(door.codes(door.bulk({"method": "DELETE", "path": f"/Users/{NOBODY}"})), [404])


def item_08_the_answers_message(door):
    answer = door.post("/Bulk", door.bulk_request(add_user("a"), failOnErrors=1), 200).json()
    same(answer["schemas"], [MESSAGES + "BulkResponse"])
    same(set(answer), {"schemas", "Operations"})


def item_09_results_in_the_order_of_the_request(door):
    operations = [add_group("g", members=[{"value": "bulkId:u1"}]), add_user("u1"), add_group("h"), add_user("u2")]
    same([one["bulkId"] for one in door.bulk(*operations)], ["g", "u1", "h", "u2"])


def item_10_method_and_bulk_id_are_echoed(door):
    one = door.make(user())
    results = door.bulk(add_user("x"), {"method": "DELETE", "path": f"/Users/{one['id']}"})
    same([(result["method"], result.get("bulkId")) for result in results], [("POST", "x"), ("DELETE", None)])


def item_11_location(door):
    one = door.make(user())
    path = f"/Users/{one['id']}"
    made, failed, changed, refused, removed = door.bulk(
        add_user("a"),
        add_user("b", one["userName"]),
        {"method": "PATCH", "path": path, "data": patch({"op": "add", "path": "title", "value": "t"})},
        {"method": "PATCH", "path": path, "data": patch({"op": "add", "path": "nothing", "value": "t"})},
        {"method": "DELETE", "path": path},
    )
    assert made["location"].startswith(door.base + "/Users/"), made
    assert "location" not in failed, failed
    for result in (changed, refused, removed):
        same(result["location"], door.base + path)


def item_12_codes_of_single_requests(door):
    one, other = door.make(user()), door.make(user())
    path = f"/Users/{one['id']}"
    results = door.bulk(
        add_user("a"),
        {"method": "PUT", "path": path, "data": user(one["userName"], title="t")},
        {"method": "PATCH", "path": path, "data": patch({"op": "remove", "path": "title"})},
        {"method": "PUT", "path": path, "data": user(other["userName"])},
        {"method": "DELETE", "path": path},
        {"method": "DELETE", "path": path},
        {"method": "POST", "path": "/Users", "bulkId": "b", "data": {"schemas": [USER]}},
    )
    same(door.codes(results), [201, 200, 200, 409, 204, 404, 400])


@only("/scim2")
def item_12_the_originals_status_says_why(door):
    failed = door.bulk({"method": "DELETE", "path": f"/Users/{NOBODY}"})[0]
    same(failed["status"], {"code": 404, "description": door.error(failed)["detail"]})


def item_13_a_failure_has_an_error(door):
    one = door.make(user())
    made, failed = door.bulk(add_user("a"), add_user("b", one["userName"]))
    assert "response" not in made, made
    error = door.error(failed)
    same((error["schemas"], error["status"], error["scimType"]), ([ERROR], "409", "uniqueness"))
    assert error["detail"], error


def item_14_failures_do_not_stop_the_rest(door):
    gone = {"method": "DELETE", "path": f"/Users/{NOBODY}"}
    same(door.codes(door.bulk(gone, add_user("a"), gone, add_user("b"))), [404, 201, 404, 201])


def item_15_fail_on_errors(door):
    gone = {"method": "DELETE", "path": f"/Users/{NOBODY}"}
    last = name()
    request = [gone, add_user("a"), gone, add_user("b", last)]
    same(door.codes(door.bulk(*request, failOnErrors=2)), [404, 201, 404])
    nobody_called(door, last)
    same(door.codes(door.bulk(*request[:2], failOnErrors=1)), [404])
    same(len(door.bulk(gone, gone, failOnErrors=0)), 2)


def item_15_fail_on_errors_is_a_whole_number(door):
    for wrong in (-1, "1", 1.5):
        door.refuse(door.bulk(add_user("a"), status=400, failOnErrors=wrong), 400, "invalidValue")


def item_16_what_succeeded_stays(door):
    first = name()
    gone = {"method": "DELETE", "path": f"/Users/{NOBODY}"}
    door.bulk(add_user("a", first), gone, add_user("b"), failOnErrors=1)
    same(door.names(f'userName eq "{first}"'), [first])


def item_17_references_backward(door):
    boss, clerk, crew = door.bulk(
        add_user("boss"),
        add_user("clerk", **manager("bulkId:boss")),
        add_group("crew", members=[{"value": "bulkId:boss"}, {"value": "bulkId:clerk", "type": "User"}]),
    )
    kept = door.get(f"/Users/{id_of(clerk)}").json()
    same(kept[ENTERPRISE]["manager"]["value"], id_of(boss))
    members = door.get(f"/Groups/{id_of(crew)}").json()["members"]
    same({one["value"] for one in members}, {id_of(boss), id_of(clerk)})


def item_18_references_forward(door):
    crew, clerk, boss = door.bulk(
        add_group("crew", members=[{"value": "bulkId:boss"}, {"value": "bulkId:clerk"}]),
        add_user("clerk", **manager("bulkId:boss")),
        add_user("boss"),
    )
    kept = door.get(f"/Users/{id_of(clerk)}").json()
    same(kept[ENTERPRISE]["manager"]["value"], id_of(boss))
    members = door.get(f"/Groups/{id_of(crew)}").json()["members"]
    same({one["value"] for one in members}, {id_of(boss), id_of(clerk)})


def item_19_circles_of_users(door):
    results = door.bulk(
        add_user("a", **manager("bulkId:b")),
        add_user("b", **manager("bulkId:c")),
        add_user("c", **manager("bulkId:a")),
    )
    same(door.codes(results), [201, 201, 201])
    ids = [id_of(one) for one in results]
    for number, one in enumerate(ids):
        kept = door.get(f"/Users/{one}").json()
        same(kept[ENTERPRISE]["manager"]["value"], ids[(number + 1) % 3])


def item_19_circles_of_groups(door):
    results = door.bulk(
        add_group("a", members=[{"value": "bulkId:b"}]), add_group("b", members=[{"value": "bulkId:a"}])
    )
    codes = door.codes(results)
    assert codes in ([201, 201], [409, 409], [201, 409], [409, 201]), codes
    text = json.dumps([door.get(f"/Groups/{id_of(one)}").json() for one in results if "location" in one])
    assert "bulkId" not in text, text


def item_19_a_circle_with_a_failure_fails(door):
    taken = door.make(user())["userName"]
    results = door.bulk(add_user("a", **manager("bulkId:b")), add_user("b", taken, **manager("bulkId:a")))
    same(door.codes(results), [409, 409])


def item_20_the_order_is_kept(door):
    one = door.make(user())
    path = f"/Users/{one['id']}"
    results = door.bulk(
        {"method": "PATCH", "path": path, "data": patch({"op": "add", "path": "title", "value": "1"})},
        {"method": "PATCH", "path": path, "data": patch({"op": "add", "path": "title", "value": "2"})},
        {"method": "DELETE", "path": path},
        add_user("again", one["userName"]),
    )
    same(door.codes(results), [200, 200, 204, 201])


def item_21_references_to_nothing(door):
    one, other = name(), name()
    results = door.bulk(add_user("a", one, **manager("bulkId:nobody")), add_user("b", other))
    same(door.code(results[1]), 201)
    assert door.code(results[0]) in (400, 409), results
    nobody_called(door, one)


def item_21_references_to_what_failed(door):
    taken = door.make(user())["userName"]
    crew = name("group")
    results = door.bulk(add_user("a", taken), add_group("g", crew, members=[{"value": "bulkId:a"}]))
    same(door.codes(results), [409, 409])
    same(door.find(f'displayName eq "{crew}"', "/Groups")["totalResults"], 0)


def item_22_references_in_paths_and_patches(door):
    results = door.bulk(
        add_group("g"),
        add_user("u"),
        {
            "method": "PATCH",
            "path": "/Groups/bulkId:g",
            "data": patch({"op": "add", "path": "members", "value": [{"value": "bulkId:u"}]}),
        },
        {"method": "PATCH", "path": "/Users/bulkId:u", "data": patch({"op": "add", "value": {"title": "chief"}})},
        add_user("w"),
        {"method": "DELETE", "path": "/Users/bulkId:w"},
    )
    same(door.codes(results), [201, 201, 200, 200, 201, 204])
    members = door.get(f"/Groups/{id_of(results[0])}").json()["members"]
    same([one["value"] for one in members], [id_of(results[1])])
    same(door.get(f"/Users/{id_of(results[1])}").json()["title"], "chief")
    door.get(f"/Users/{id_of(results[4])}", 404)


def item_22_a_reference_in_a_value_path(door):
    results = door.bulk(
        add_user("u"),
        add_group("g", members=[{"value": "bulkId:u"}]),
        {
            "method": "PATCH",
            "path": "/Groups/bulkId:g",
            "data": patch({"op": "remove", "path": 'members[value eq "bulkId:u"]'}),
        },
    )
    same(door.codes(results), [201, 201, 200])
    assert "members" not in door.get(f"/Groups/{id_of(results[1])}").json()


BROKEN_FRAMES = (
    {"method": "POST", "path": "/Users", "data": {"schemas": [USER], "userName": "broken"}},
    {"path": "/Users", "bulkId": "x", "data": {"schemas": [USER], "userName": "broken"}},
    {"method": "POST", "bulkId": "x", "data": {"schemas": [USER], "userName": "broken"}},
)


@only("/scim/v2")
def item_23_a_broken_frame_fails_alone(door):
    for broken in BROKEN_FRAMES:
        same(door.codes(door.bulk(broken, add_user("good"))), [400, 201], broken)


@only("/scim2")
def item_23_a_broken_frame_fails_the_request(door):
    for broken in BROKEN_FRAMES:
        first = name()
        door.bulk(add_user("good", first), broken, status=400)
        nobody_called(door, first)


def item_23_what_a_method_needs(door):
    one = door.make(user())
    path = f"/Users/{one['id']}"
    results = door.bulk(
        {"method": "POST", "path": path, "bulkId": "a", "data": user()},
        {"method": "POST", "path": "/Users", "bulkId": "b"},
        {"method": "PUT", "path": "/Users", "data": user()},
        {"method": "PUT", "path": path},
        {"method": "PATCH", "path": path},
        {"method": "PATCH", "path": "/Users", "data": patch({"op": "remove", "path": "title"})},
        add_user("good"),
    )
    same(door.codes(results), [400] * 6 + [201])


@only("/scim/v2")
def item_24_a_repeated_bulk_id(door):
    results = door.bulk(add_user("a"), add_user("a"), add_user("b"))
    same(door.codes(results), [201, 400, 201])
    same(results[1]["response"]["scimType"], "invalidValue")


@only("/scim2")
def item_24_a_repeated_bulk_id_fails_the_request(door):
    first = name()
    door.refuse(door.bulk(add_user("a", first), add_user("a"), status=400), 400, "invalidValue")
    nobody_called(door, first)


def item_25_an_unknown_path_fails_alone(door):
    results = door.bulk(
        {"method": "POST", "path": "/Robots", "bulkId": "r", "data": {}},
        {"method": "DELETE", "path": "/Users/1/2/3"},
        add_user("a"),
    )
    assert door.code(results[0]) in (400, 404) and door.code(results[1]) in (400, 404), results
    same(door.code(results[2]), 201)


def item_26_what_bulk_does_not_do(door):
    one = door.make(user())
    results = door.bulk(
        {"method": "POST", "path": "/Bulk", "bulkId": "b", "data": door.bulk_request()},
        {"method": "DELETE", "path": "/Users"},
        {"method": "GET", "path": f"/Users/{one['id']}"},
        {"method": "BREW", "path": f"/Users/{one['id']}"},
        {"method": "PATCH", "path": "/ServiceProviderConfig", "data": patch({"op": "add", "value": {}})},
    )
    assert all(code in (400, 404, 405, 501) for code in door.codes(results)), results
    door.get(f"/Users/{one['id']}")


def item_27_a_stale_version(door):
    one = door.make(user())
    path = f"/Users/{one['id']}"
    door.patch(path, {"op": "add", "path": "title", "value": "new"})
    now = door.get(path).json()["meta"]["version"]
    change = patch({"op": "add", "path": "title", "value": "newer"})
    stale, fresh = door.bulk(
        {"method": "PATCH", "path": path, "version": one["meta"]["version"], "data": change},
        {"method": "PATCH", "path": path, "version": now, "data": change},
    )
    same(door.codes([stale, fresh]), [412, 200])
    same(door.code(door.bulk({"method": "DELETE", "path": path, "version": now})[0]), 412)


@only("/scim/v2")
def item_27_versions_in_results(door):
    made = door.bulk(add_user("a"))[0]
    path = f"/Users/{id_of(made)}"
    same(made["version"], door.get(path).json()["meta"]["version"])
    change = patch({"op": "add", "path": "title", "value": "t"})
    changed = door.bulk({"method": "PATCH", "path": path, "data": change})[0]
    same(changed["version"], door.get(path).headers["etag"])
    assert changed["version"] != made["version"]


def item_28_ids_are_no_bulk_ids(door):
    made = door.make({**user(), "id": "bulkId:x"})
    assert "bulkid" not in made["id"].lower(), made
    assert "bulkid" not in id_of(door.bulk(add_user("a"))[0]).lower()


def item_29_rights_are_asked_for_each_operation(door):
    one = door.make(user())
    with Door(door.mount, "reader") as reader:
        results = reader.bulk(add_user("a"), {"method": "DELETE", "path": f"/Users/{one['id']}"})
        same(reader.codes(results), [403, 403])
    door.get(f"/Users/{one['id']}")


def item_30_names_are_taken_in_any_case(door):
    stored, fresh = door.make(user())["userName"], name()
    results = door.bulk(
        add_user("a", stored.upper()), add_user("b", fresh), add_user("c", fresh.upper()), add_user("d", fresh)
    )
    same(door.codes(results), [409, 201, 409, 409])
    same({door.error(one)["scimType"] for one in results if "response" in one}, {"uniqueness"})


def item_31_other_methods(door):
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        answer = door.call(method, "/Bulk", (405, 404))
        same(answer.headers["allow"], "POST")


def item_32_forms_of_method_and_path(door):
    results = door.bulk(
        {"method": "post", "path": "/Users", "bulkId": "a", "data": user()},
        {"method": "POST", "path": "Users", "bulkId": "b", "data": user()},
        {"method": "POST", "path": "/v2/Users", "bulkId": "c", "data": user()},
        {"method": "POST", "path": door.base + "/Users", "bulkId": "d", "data": user()},
        {"method": "POST", "path": "", "bulkId": "e", "data": user()},
        {"method": "DELETE", "path": "/Users/%00"},
    )
    codes = door.codes(results)
    same((codes[0], codes[1]), (400, 201))
    assert all(code in (201, 400, 404) for code in codes[2:]), codes


def wait_for(door, location):
    for _ in range(200):
        answer = door.http.get(location)
        if answer.status_code == 200:
            return answer
        same(answer.status_code, 202, "status of what waits")
        time.sleep(0.05)
    raise AssertionError("it waits for ever")


def item_84_respond_async(door):
    first = name()
    request = door.bulk_request(add_user("a", first), {"method": "DELETE", "path": f"/Users/{NOBODY}"})
    answer = door.post("/Bulk", request, 202, headers={"Prefer": "respond-async"})
    same(answer.content, b"", "the body")
    same(answer.headers["preference-applied"], "respond-async")
    transaction, location = answer.headers["set-txn"], answer.headers["location"]
    same(location, f"{door.base}/Bulk/{transaction}")
    later = wait_for(door, location).json()
    same(later["schemas"], [MESSAGES + "BulkResponse"])
    same(door.codes(later["Operations"]), [201, 404])
    same(door.names(f'userName eq "{first}"'), [first])
    with_nothing = server.http(door.mount, "bearer")
    del with_nothing.headers["authorization"]
    with with_nothing:
        same(with_nothing.get(location).status_code, 401, "without credentials")
    door.get(f"/Bulk/{NOBODY}", 404)


def item_84_idempotency_key(door):
    first = name()
    request, key = door.bulk_request(add_user("a", first)), {"Idempotency-Key": name("key")}
    once = door.post("/Bulk", request, 200, headers=key)
    again = door.post("/Bulk", request, 200, headers=key)
    same(again.json(), once.json(), "the second answer")
    other = door.bulk_request(add_user("a"))
    door.post("/Bulk", other, (409, 422), headers=key)
