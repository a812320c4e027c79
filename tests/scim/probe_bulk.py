"""Items 1 to 32: Bulk."""

import json
import time

import server
from probe_endpoint import (
    ENTERPRISE,
    ERROR,
    MESSAGES,
    UNKNOWN_ID,
    USER,
    Endpoint,
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


def user_is_absent(endpoint, user_name):
    same(endpoint.find(f'userName eq "{user_name}"')["totalResults"], 0, f"users called {user_name}")


def item_01_bulk_is_supported(endpoint):
    assert endpoint.get("/ServiceProviderConfig").json()["bulk"]["supported"] is True
    same(endpoint.codes(endpoint.bulk(add_user("a"))), [201])


def item_02_limits_are_published(endpoint):
    bulk = endpoint.get("/ServiceProviderConfig").json()["bulk"]
    same((bulk["maxOperations"], bulk["maxPayloadSize"]), (1000, 1048576), "the limits")


def item_03_too_many_operations(endpoint):
    first = name()
    operations = [add_user("0", first)] + [add_user(str(number)) for number in range(1, 1001)]
    answer = endpoint.bulk(*operations, status=413)
    assert "maxOperations (1000)" in answer.json()["detail"], answer.text
    user_is_absent(endpoint, first)


def item_03_maximum_number_of_operations(endpoint):
    operation = {"method": "DELETE", "path": f"/Users/{UNKNOWN_ID}"}
    same(len(endpoint.bulk(*[operation] * 1000)), 1000)


def item_04_too_long(endpoint):
    first = name()
    request = json.dumps(endpoint.bulk_request(add_user("a", first, title="x" * 1048576))).encode()
    answer = endpoint.call("POST", "/Bulk", 413, content=request)
    assert "maxPayloadSize (1048576)" in answer.json()["detail"], answer.text
    user_is_absent(endpoint, first)


def item_04_too_long_in_chunks(endpoint):
    first = name()
    request = json.dumps(endpoint.bulk_request(add_user("a", first, title="x" * 1048576))).encode()
    chunks = (request[at : at + 65536] for at in range(0, len(request), 65536))
    answer = endpoint.call("POST", "/Bulk", 413, content=chunks)
    same("transfer-encoding" in answer.request.headers, True, "chunked")
    assert "maxPayloadSize (1048576)" in answer.json()["detail"], answer.text
    user_is_absent(endpoint, first)


def item_05_not_a_bulk_request(endpoint):
    other = ({"Operations": []}, {"schemas": [MESSAGES + "PatchOp"], "Operations": []})
    for body in (
        # The original does not check schemas.
        *(() if endpoint.wso2 else other),
        {"schemas": [MESSAGES + "BulkRequest"]},
        {"schemas": [MESSAGES + "BulkRequest"], "Operations": {}},
    ):
        answer = endpoint.post("/Bulk", body, 400)
        assert answer.json()["scimType"] in ("invalidSyntax", "invalidValue"), answer.text


def item_06_not_json(endpoint):
    for body in (b"", b"{", b"[]", b'{"schemas": \xff}'):
        endpoint.refuse(endpoint.call("POST", "/Bulk", content=body), 400, "invalidSyntax")


def item_07_all_failed_is_200(endpoint):
    same(endpoint.codes(endpoint.bulk({"method": "DELETE", "path": f"/Users/{UNKNOWN_ID}"})), [404])


def item_08_response_schema(endpoint):
    answer = endpoint.post("/Bulk", endpoint.bulk_request(add_user("a"), failOnErrors=1), 200).json()
    same(answer["schemas"], [MESSAGES + "BulkResponse"])
    same(set(answer), {"schemas", "Operations"})


def item_09_results_in_the_order_of_the_request(endpoint):
    operations = [add_group("g", members=[{"value": "bulkId:u1"}]), add_user("u1"), add_group("h"), add_user("u2")]
    same([one["bulkId"] for one in endpoint.bulk(*operations)], ["g", "u1", "h", "u2"])


def item_10_method_and_bulk_id_are_echoed(endpoint):
    one = endpoint.make(user())
    results = endpoint.bulk(add_user("x"), {"method": "DELETE", "path": f"/Users/{one['id']}"})
    same([(result["method"], result.get("bulkId")) for result in results], [("POST", "x"), ("DELETE", None)])


def item_11_location(endpoint):
    one = endpoint.make(user())
    path = f"/Users/{one['id']}"
    made, failed, changed, refused, removed = endpoint.bulk(
        add_user("a"),
        add_user("b", one["userName"]),
        {"method": "PATCH", "path": path, "data": patch({"op": "add", "path": "title", "value": "t"})},
        {"method": "PATCH", "path": path, "data": patch({"op": "add", "path": "nothing", "value": "t"})},
        {"method": "DELETE", "path": path},
    )
    assert made["location"].startswith(endpoint.base + "/Users/"), made
    assert "location" not in failed, failed
    for result in (changed, refused, removed):
        same(result["location"], endpoint.base + path)


def item_12_codes_of_single_requests(endpoint):
    one, other = endpoint.make(user()), endpoint.make(user())
    path = f"/Users/{one['id']}"
    results = endpoint.bulk(
        add_user("a"),
        {"method": "PUT", "path": path, "data": user(one["userName"], title="t")},
        {"method": "PATCH", "path": path, "data": patch({"op": "remove", "path": "title"})},
        {"method": "PUT", "path": path, "data": user(other["userName"])},
        {"method": "DELETE", "path": path},
        {"method": "DELETE", "path": path},
        {"method": "POST", "path": "/Users", "bulkId": "b", "data": {"schemas": [USER]}},
    )
    same(endpoint.codes(results), [201, 200, 200, 409, 204, 404, 400])


@only("/scim2")
def item_12_status_of_the_original_has_the_reason(endpoint):
    failed = endpoint.bulk({"method": "DELETE", "path": f"/Users/{UNKNOWN_ID}"})[0]
    same(failed["status"], {"code": 404, "description": endpoint.error(failed)["detail"]})


def item_13_failure_has_an_error(endpoint):
    one = endpoint.make(user())
    made, failed = endpoint.bulk(add_user("a"), add_user("b", one["userName"]))
    assert "response" not in made, made
    error = endpoint.error(failed)
    same((error["schemas"], error["status"], error["scimType"]), ([ERROR], "409", "uniqueness"))
    assert error["detail"], error


def item_14_failures_do_not_stop_the_rest(endpoint):
    gone = {"method": "DELETE", "path": f"/Users/{UNKNOWN_ID}"}
    same(endpoint.codes(endpoint.bulk(gone, add_user("a"), gone, add_user("b"))), [404, 201, 404, 201])


def item_15_fail_on_errors(endpoint):
    gone = {"method": "DELETE", "path": f"/Users/{UNKNOWN_ID}"}
    last = name()
    request = [gone, add_user("a"), gone, add_user("b", last)]
    same(endpoint.codes(endpoint.bulk(*request, failOnErrors=2)), [404, 201, 404])
    user_is_absent(endpoint, last)
    same(endpoint.codes(endpoint.bulk(*request[:2], failOnErrors=1)), [404])
    same(len(endpoint.bulk(gone, gone, failOnErrors=0)), 2)


def item_15_fail_on_errors_must_be_an_integer(endpoint):
    for wrong in (-1, "1", 1.5):
        endpoint.refuse(endpoint.bulk(add_user("a"), status=400, failOnErrors=wrong), 400, "invalidValue")


def item_16_successful_operations_are_kept(endpoint):
    first = name()
    gone = {"method": "DELETE", "path": f"/Users/{UNKNOWN_ID}"}
    endpoint.bulk(add_user("a", first), gone, add_user("b"), failOnErrors=1)
    same(endpoint.names(f'userName eq "{first}"'), [first])


def item_17_backward_references(endpoint):
    boss, clerk, crew = endpoint.bulk(
        add_user("boss"),
        add_user("clerk", **manager("bulkId:boss")),
        add_group("crew", members=[{"value": "bulkId:boss"}, {"value": "bulkId:clerk", "type": "User"}]),
    )
    kept = endpoint.get(f"/Users/{id_of(clerk)}").json()
    same(kept[ENTERPRISE]["manager"]["value"], id_of(boss))
    members = endpoint.get(f"/Groups/{id_of(crew)}").json()["members"]
    same({one["value"] for one in members}, {id_of(boss), id_of(clerk)})


def item_18_forward_references(endpoint):
    crew, clerk, boss = endpoint.bulk(
        add_group("crew", members=[{"value": "bulkId:boss"}, {"value": "bulkId:clerk"}]),
        add_user("clerk", **manager("bulkId:boss")),
        add_user("boss"),
    )
    kept = endpoint.get(f"/Users/{id_of(clerk)}").json()
    same(kept[ENTERPRISE]["manager"]["value"], id_of(boss))
    members = endpoint.get(f"/Groups/{id_of(crew)}").json()["members"]
    same({one["value"] for one in members}, {id_of(boss), id_of(clerk)})


def item_19_circular_references_of_users(endpoint):
    results = endpoint.bulk(
        add_user("a", **manager("bulkId:b")),
        add_user("b", **manager("bulkId:c")),
        add_user("c", **manager("bulkId:a")),
    )
    same(endpoint.codes(results), [201, 201, 201])
    ids = [id_of(one) for one in results]
    for number, one in enumerate(ids):
        kept = endpoint.get(f"/Users/{one}").json()
        same(kept[ENTERPRISE]["manager"]["value"], ids[(number + 1) % 3])


def item_19_circular_references_of_groups(endpoint):
    results = endpoint.bulk(
        add_group("a", members=[{"value": "bulkId:b"}]), add_group("b", members=[{"value": "bulkId:a"}])
    )
    codes = endpoint.codes(results)
    assert codes in ([201, 201], [409, 409], [201, 409], [409, 201]), codes
    text = json.dumps([endpoint.get(f"/Groups/{id_of(one)}").json() for one in results if "location" in one])
    assert "bulkId" not in text, text


def item_19_circular_reference_with_a_failure_fails(endpoint):
    taken = endpoint.make(user())["userName"]
    results = endpoint.bulk(add_user("a", **manager("bulkId:b")), add_user("b", taken, **manager("bulkId:a")))
    same(endpoint.codes(results), [409, 409])


def item_20_order_is_kept(endpoint):
    one = endpoint.make(user())
    path = f"/Users/{one['id']}"
    results = endpoint.bulk(
        {"method": "PATCH", "path": path, "data": patch({"op": "add", "path": "title", "value": "1"})},
        {"method": "PATCH", "path": path, "data": patch({"op": "add", "path": "title", "value": "2"})},
        {"method": "DELETE", "path": path},
        add_user("again", one["userName"]),
    )
    same(endpoint.codes(results), [200, 200, 204, 201])


def item_21_unknown_references(endpoint):
    one, other = name(), name()
    results = endpoint.bulk(add_user("a", one, **manager("bulkId:absent")), add_user("b", other))
    same(endpoint.code(results[1]), 201)
    assert endpoint.code(results[0]) in (400, 409), results
    user_is_absent(endpoint, one)


def item_21_references_to_failed_operations(endpoint):
    taken = endpoint.make(user())["userName"]
    crew = name("group")
    results = endpoint.bulk(add_user("a", taken), add_group("g", crew, members=[{"value": "bulkId:a"}]))
    same(endpoint.codes(results), [409, 409])
    same(endpoint.find(f'displayName eq "{crew}"', "/Groups")["totalResults"], 0)


def item_22_references_in_paths_and_patches(endpoint):
    results = endpoint.bulk(
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
    same(endpoint.codes(results), [201, 201, 200, 200, 201, 204])
    members = endpoint.get(f"/Groups/{id_of(results[0])}").json()["members"]
    same([one["value"] for one in members], [id_of(results[1])])
    same(endpoint.get(f"/Users/{id_of(results[1])}").json()["title"], "chief")
    endpoint.get(f"/Users/{id_of(results[4])}", 404)


def item_22_a_reference_in_a_value_path(endpoint):
    results = endpoint.bulk(
        add_user("u"),
        add_group("g", members=[{"value": "bulkId:u"}]),
        {
            "method": "PATCH",
            "path": "/Groups/bulkId:g",
            "data": patch({"op": "remove", "path": 'members[value eq "bulkId:u"]'}),
        },
    )
    same(endpoint.codes(results), [201, 201, 200])
    assert "members" not in endpoint.get(f"/Groups/{id_of(results[1])}").json()


BROKEN_FRAMES = (
    {"method": "POST", "path": "/Users", "data": {"schemas": [USER], "userName": "broken"}},
    {"path": "/Users", "bulkId": "x", "data": {"schemas": [USER], "userName": "broken"}},
    {"method": "POST", "bulkId": "x", "data": {"schemas": [USER], "userName": "broken"}},
)


@only("/scim/v2")
def item_23_malformed_operation_fails_alone(endpoint):
    for broken in BROKEN_FRAMES:
        same(endpoint.codes(endpoint.bulk(broken, add_user("good"))), [400, 201], broken)


@only("/scim2")
def item_23_malformed_operation_fails_the_request(endpoint):
    for broken in BROKEN_FRAMES:
        first = name()
        endpoint.bulk(add_user("good", first), broken, status=400)
        user_is_absent(endpoint, first)


def item_23_required_members_of_each_method(endpoint):
    one = endpoint.make(user())
    path = f"/Users/{one['id']}"
    results = endpoint.bulk(
        {"method": "POST", "path": path, "bulkId": "a", "data": user()},
        {"method": "POST", "path": "/Users", "bulkId": "b"},
        {"method": "PUT", "path": "/Users", "data": user()},
        {"method": "PUT", "path": path},
        {"method": "PATCH", "path": path},
        {"method": "PATCH", "path": "/Users", "data": patch({"op": "remove", "path": "title"})},
        add_user("good"),
    )
    same(endpoint.codes(results), [400] * 6 + [201])


@only("/scim/v2")
def item_24_repeated_bulk_id(endpoint):
    results = endpoint.bulk(add_user("a"), add_user("a"), add_user("b"))
    same(endpoint.codes(results), [201, 400, 201])
    same(results[1]["response"]["scimType"], "invalidValue")


@only("/scim2")
def item_24_repeated_bulk_id_fails_the_request(endpoint):
    first = name()
    endpoint.refuse(endpoint.bulk(add_user("a", first), add_user("a"), status=400), 400, "invalidValue")
    user_is_absent(endpoint, first)


def item_25_unknown_path_fails_alone(endpoint):
    results = endpoint.bulk(
        {"method": "POST", "path": "/Robots", "bulkId": "r", "data": {}},
        {"method": "DELETE", "path": "/Users/1/2/3"},
        add_user("a"),
    )
    assert endpoint.code(results[0]) in (400, 404) and endpoint.code(results[1]) in (400, 404), results
    same(endpoint.code(results[2]), 201)


def item_26_unsupported_operations(endpoint):
    one = endpoint.make(user())
    results = endpoint.bulk(
        {"method": "POST", "path": "/Bulk", "bulkId": "b", "data": endpoint.bulk_request()},
        {"method": "DELETE", "path": "/Users"},
        {"method": "GET", "path": f"/Users/{one['id']}"},
        {"method": "BREW", "path": f"/Users/{one['id']}"},
        {"method": "PATCH", "path": "/ServiceProviderConfig", "data": patch({"op": "add", "value": {}})},
    )
    assert all(code in (400, 404, 405, 501) for code in endpoint.codes(results)), results
    endpoint.get(f"/Users/{one['id']}")


def item_27_stale_version(endpoint):
    one = endpoint.make(user())
    path = f"/Users/{one['id']}"
    endpoint.patch(path, {"op": "add", "path": "title", "value": "new"})
    now = endpoint.get(path).json()["meta"]["version"]
    change = patch({"op": "add", "path": "title", "value": "newer"})
    stale, fresh = endpoint.bulk(
        {"method": "PATCH", "path": path, "version": one["meta"]["version"], "data": change},
        {"method": "PATCH", "path": path, "version": now, "data": change},
    )
    same(endpoint.codes([stale, fresh]), [412, 200])
    same(endpoint.code(endpoint.bulk({"method": "DELETE", "path": path, "version": now})[0]), 412)


@only("/scim/v2")
def item_27_versions_in_results(endpoint):
    made = endpoint.bulk(add_user("a"))[0]
    path = f"/Users/{id_of(made)}"
    same(made["version"], endpoint.get(path).json()["meta"]["version"])
    change = patch({"op": "add", "path": "title", "value": "t"})
    changed = endpoint.bulk({"method": "PATCH", "path": path, "data": change})[0]
    same(changed["version"], endpoint.get(path).headers["etag"])
    assert changed["version"] != made["version"]


def item_28_ids_are_not_bulk_ids(endpoint):
    made = endpoint.make({**user(), "id": "bulkId:x"})
    assert "bulkid" not in made["id"].lower(), made
    assert "bulkid" not in id_of(endpoint.bulk(add_user("a"))[0]).lower()


def item_29_rights_are_checked_for_each_operation(endpoint):
    one = endpoint.make(user())
    with Endpoint(endpoint.mount, "reader") as reader:
        results = reader.bulk(add_user("a"), {"method": "DELETE", "path": f"/Users/{one['id']}"})
        same(reader.codes(results), [403, 403])
    endpoint.get(f"/Users/{one['id']}")


def item_30_names_are_case_insensitive(endpoint):
    stored, fresh = endpoint.make(user())["userName"], name()
    results = endpoint.bulk(
        add_user("a", stored.upper()), add_user("b", fresh), add_user("c", fresh.upper()), add_user("d", fresh)
    )
    same(endpoint.codes(results), [409, 201, 409, 409])
    same({endpoint.error(one)["scimType"] for one in results if "response" in one}, {"uniqueness"})


def item_31_other_methods(endpoint):
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        answer = endpoint.call(method, "/Bulk", (405, 404))
        same(answer.headers["allow"], "POST")


def item_32_forms_of_method_and_path(endpoint):
    results = endpoint.bulk(
        {"method": "post", "path": "/Users", "bulkId": "a", "data": user()},
        {"method": "POST", "path": "Users", "bulkId": "b", "data": user()},
        {"method": "POST", "path": "/v2/Users", "bulkId": "c", "data": user()},
        {"method": "POST", "path": endpoint.base + "/Users", "bulkId": "d", "data": user()},
        {"method": "POST", "path": "", "bulkId": "e", "data": user()},
        {"method": "DELETE", "path": "/Users/%00"},
    )
    codes = endpoint.codes(results)
    same((codes[0], codes[1]), (400, 201))
    assert all(code in (201, 400, 404) for code in codes[2:]), codes


def wait_for(endpoint, location):
    for _ in range(200):
        answer = endpoint.http.get(location)
        if answer.status_code == 200:
            return answer
        same(answer.status_code, 202, "status of what waits")
        time.sleep(0.05)
    raise AssertionError("it waits for ever")


def item_84_respond_async(endpoint):
    first = name()
    request = endpoint.bulk_request(add_user("a", first), {"method": "DELETE", "path": f"/Users/{UNKNOWN_ID}"})
    answer = endpoint.post("/Bulk", request, 202, headers={"Prefer": "respond-async"})
    same(answer.content, b"", "the body")
    same(answer.headers["preference-applied"], "respond-async")
    transaction, location = answer.headers["set-txn"], answer.headers["location"]
    same(location, f"{endpoint.base}/Bulk/{transaction}")
    later = wait_for(endpoint, location).json()
    same(later["schemas"], [MESSAGES + "BulkResponse"])
    same(endpoint.codes(later["Operations"]), [201, 404])
    same(endpoint.names(f'userName eq "{first}"'), [first])
    with_nothing = server.http(endpoint.mount, "bearer")
    del with_nothing.headers["authorization"]
    with with_nothing:
        same(with_nothing.get(location).status_code, 401, "without credentials")
    endpoint.get(f"/Bulk/{UNKNOWN_ID}", 404)


def item_84_idempotency_key(endpoint):
    first = name()
    request, key = endpoint.bulk_request(add_user("a", first)), {"Idempotency-Key": name("key")}
    once = endpoint.post("/Bulk", request, 200, headers=key)
    again = endpoint.post("/Bulk", request, 200, headers=key)
    same(again.json(), once.json(), "the second answer")
    other = endpoint.bulk_request(add_user("a"))
    endpoint.post("/Bulk", other, (409, 422), headers=key)
