"""Items 61 to 71: lists, filters, order, pages, projections."""

import re

from probe_endpoint import ENTERPRISE, LIST, MESSAGES, USER, group, name, same, user


def crowd(endpoint, count=5):
    """Users of one department, created in the order of their names."""
    department = name("department")
    made = [
        endpoint.make(
            {
                **user(title=f"t{number}", active=number % 2 == 0),
                "schemas": [USER, ENTERPRISE],
                ENTERPRISE: {"department": department},
            }
        )
        for number in range(count)
    ]
    return f'{ENTERPRISE}:department eq "{department}"', [one["userName"] for one in made]


def item_61_list_response(endpoint):
    filter, names = crowd(endpoint)
    answer = endpoint.find(filter)
    same(answer["schemas"], [LIST])
    same((answer["totalResults"], answer["itemsPerPage"], answer["startIndex"]), (5, 5, 1))
    same({one["userName"] for one in answer["Resources"]}, set(names))


def item_61_nothing_found_is_200(endpoint):
    answer = endpoint.find('userName eq "absent at all"')
    same((answer["totalResults"], answer.get("Resources", [])), (0, []))
    endpoint.get("/Groups", params={"filter": 'displayName eq "no group"'})


def item_62_pages(endpoint):
    filter, names = crowd(endpoint)
    seen = []
    for start in (1, 3, 5):
        page = endpoint.find(filter, startIndex=start, count=2)
        same((page["totalResults"], page["startIndex"]), (5, start))
        same(page["itemsPerPage"], len(page["Resources"]))
        assert len(page["Resources"]) <= 2
        seen += [one["userName"] for one in page["Resources"]]
    same(sorted(seen), sorted(names), "all pages together")


def item_62_bounds(endpoint):
    filter, _ = crowd(endpoint)
    for start in (0, -7):
        same(endpoint.find(filter, startIndex=start)["startIndex"], 1)
    same(len(endpoint.find(filter, count=1)["Resources"]), 1)
    for count in (0, -3):
        page = endpoint.find(filter, count=count)
        same((page["totalResults"], page.get("Resources", []), page["itemsPerPage"]), (5, [], 0))
    same(endpoint.find(filter, startIndex=100).get("Resources", []), [])
    for wrong in ({"count": "many"}, {"startIndex": "1.5"}):
        endpoint.get("/Users", 400, params=wrong)


def item_62_maximum_page_size(endpoint):
    most = endpoint.get("/ServiceProviderConfig").json()["filter"]["maxResults"]
    page = endpoint.get("/Users", params={"count": most + 1}).json()
    assert len(page["Resources"]) <= most


def item_63_the_grammar(endpoint):
    filter, names = crowd(endpoint)
    a, b, c, d, e = names

    def finds(more, *wanted):
        same(sorted(endpoint.names(f"{filter} and ({more})")), sorted(wanted), more)

    finds(f'userName eq "{a}"', a)
    finds(f'userName EQ "{a}"', a)
    finds(f'USERNAME eq "{a}"', a)
    finds(f'{USER}:userName eq "{a}"', a)
    finds(f'userName ne "{a}"', b, c, d, e)
    finds('title co "T"', *names)
    finds('title sw "t"', *names)
    finds('title ew "3"', d)
    finds('title gt "t2"', d, e)
    finds('title ge "t2"', c, d, e)
    finds('title lt "t2"', a, b)
    finds('title le "t2"', a, b, c)
    finds("title pr", *names)
    finds("nickName pr")
    finds("active eq true", a, c, e)
    finds("active eq false", b, d)
    finds("not (active eq true)", b, d)
    finds('title eq "t0" or title eq "t1" and active eq false', a, b)
    finds('(title eq "t0" or title eq "t1") and active eq false', b)
    finds('meta.created gt "2001-01-01T00:00:00Z"', *names)
    finds('meta.lastModified lt "2001-01-01T00:00:00Z"')
    finds('emails[type eq "work"]')
    finds('title eq "t\\u0030"', a)


def item_63_elements_of_one_value(endpoint):
    one = endpoint.make(
        user(emails=[{"value": "x@example.com", "type": "work"}, {"value": "y@example.com", "type": "home"}])
    )
    me = f'id eq "{one["id"]}"'
    same(endpoint.names(f'{me} and emails[type eq "work" and value eq "x@example.com"]'), [one["userName"]])
    same(endpoint.names(f'{me} and emails[type eq "work" and value eq "y@example.com"]'), [])
    same(endpoint.names(f'{me} and emails.type eq "work" and emails.value eq "y@example.com"'), [one["userName"]])
    same(endpoint.names(f'{me} and emails eq "y@example.com"'), [one["userName"]])


def item_64_malformed_filters(endpoint):
    for filter in (
        "userName",
        "userName eq",
        'userName zz "a"',
        'userName eq "a',
        'userName eq "a" and',
        '(userName eq "a"',
        "active gt true",
        'active co "t"',
        'meta.created gt "yesterday"',
        'emails[type eq "work"',
        'x509Certificates.value gt "AAAA"',
        "(" * 500 + "title pr" + ")" * 500,
    ):
        endpoint.refuse(endpoint.get("/Users", 400, params={"filter": filter}), 400, "invalidFilter")


def item_64_unknown_attribute(endpoint):
    answer = endpoint.get("/Users", (200, 400), params={"filter": 'nothing eq "a"'})
    if answer.status_code == 400:
        same(answer.json()["scimType"], "invalidFilter")
    else:
        same(answer.json()["totalResults"], 0)


def item_65_many_results_are_paged(endpoint):
    filter, _ = crowd(endpoint)
    page = endpoint.find(filter, count=2)
    same((page["totalResults"], page["itemsPerPage"]), (5, 2))


def item_66_order(endpoint):
    filter, names = crowd(endpoint)
    same(endpoint.names(filter, sortBy="title"), names)
    same(endpoint.names(filter, sortBy="title", sortOrder="descending"), names[::-1])
    same(endpoint.names(filter, sortBy="userName", sortOrder="ascending"), sorted(names, key=str.lower))
    same(endpoint.names(filter, sortBy="meta.created"), names)


def item_66_missing_values_come_last(endpoint):
    filter, names = crowd(endpoint, 3)
    one = endpoint.find(f'userName eq "{names[0]}"')["Resources"][0]
    endpoint.patch(f"/Users/{one['id']}", {"op": "remove", "path": "title"})
    same(endpoint.names(filter, sortBy="title"), [names[1], names[2], names[0]])
    same(endpoint.names(filter, sortBy="title", sortOrder="descending"), [names[0], names[2], names[1]])


def item_67_attributes(endpoint):
    one = endpoint.make(user(title="t", displayName="d", name={"givenName": "g", "familyName": "f"}))
    where = f"/Users/{one['id']}"
    for attributes in ("title,name.givenName", f"{USER}:title,{USER}:name.givenName", "TITLE,Name.GivenName"):
        shown = endpoint.get(where, params={"attributes": attributes}).json()
        same(set(shown), {"schemas", "id", "title", "name"}, f"names of attributes={attributes}")
        same(shown["name"], {"givenName": "g"})
    hidden = endpoint.get(where, params={"excludedAttributes": "title,id,schemas,name.familyName"}).json()
    assert "title" not in hidden and hidden["id"] == one["id"] and hidden["schemas"], hidden
    same(hidden["name"], {"givenName": "g"})


def item_67_attributes_of_every_method(endpoint):
    only = {"attributes": "title"}
    made = endpoint.post("/Users", user(title="t"), params=only).json()
    where = f"/Users/{made['id']}"
    title = {"op": "replace", "path": "title", "value": "u"}
    for shown in (
        made,
        endpoint.put(where, user(title="t"), params=only).json(),
        endpoint.patch(where, title, params=only).json(),
        endpoint.find(f'id eq "{made["id"]}"', **only)["Resources"][0],
    ):
        same(set(shown), {"schemas", "id", "title"})


def search(endpoint, where, **asked):
    return endpoint.post(where, {"schemas": [MESSAGES + "SearchRequest"], **asked}, 200).json()


def item_68_search(endpoint):
    filter, names = crowd(endpoint)
    asked = {"filter": filter, "sortBy": "title", "startIndex": 2, "count": 2, "attributes": ["userName"]}
    page = search(endpoint, "/Users/.search", **asked)
    same([one["userName"] for one in page["Resources"]], names[1:3])
    same((page["totalResults"], page["startIndex"], page["itemsPerPage"]), (5, 2, 2))
    same(set(page["Resources"][0]), {"schemas", "id", "userName"})
    endpoint.post("/Users/.search", {"filter": filter}, 200 if endpoint.wso2 else 400)


def item_68_search_of_all_types(endpoint):
    shared = name("shared")
    endpoint.make(user(displayName=shared))
    endpoint.make(group(shared))
    found = search(endpoint, "/.search", filter=f'displayName eq "{shared}"')
    same({one["meta"]["resourceType"] for one in found["Resources"]}, {"User", "Group"})


def item_69_filter_in_a_message(endpoint):
    one = endpoint.make(user(externalId=name("personal")))
    found = search(endpoint, "/Users/.search", filter=f'externalId eq "{one["externalId"]}"')
    same([each["id"] for each in found["Resources"]], [one["id"]])


def item_70_queries_of_provisioning_clients(endpoint):
    email = name() + "@example.com"
    one = endpoint.make(user(externalId=name("ext"), emails=[{"value": email, "type": "work"}]))
    crew = endpoint.make(group(externalId=name("ext"), members=[{"value": one["id"]}]))
    for filter in (
        f'userName eq "{one["userName"]}"',
        f'externalId eq "{one["externalId"]}"',
        f'emails[value eq "{email}"]',
        f'emails[type eq "work" and value eq "{email}"]',
        f'emails.value eq "{email}"',
        f'groups.value eq "{crew["id"]}"',
    ):
        same(endpoint.names(filter), [one["userName"]], filter)
    for filter in (
        f'displayName eq "{crew["displayName"]}"',
        f'externalId eq "{crew["externalId"]}"',
        f'members[value eq "{one["id"]}"]',
        f'id eq "{crew["id"]}" and members eq "{one["id"]}"',
    ):
        same([each["id"] for each in endpoint.find(filter, "/Groups")["Resources"]], [crew["id"]], filter)


def item_70_disabled_users_are_found(endpoint):
    one = endpoint.make(user(active=False))
    found = endpoint.find(f'userName eq "{one["userName"].upper()}"')["Resources"]
    same([each["active"] for each in found], [False])


def item_71_cursors(endpoint):
    filter, names = crowd(endpoint)
    seen, cursor, pages = [], "", 0
    while cursor is not None:
        page = endpoint.find(filter, sortBy="title", count=2, cursor=cursor)
        same(page["totalResults"], 5)
        seen += [one["userName"] for one in page["Resources"]]
        cursor, pages = page.get("nextCursor"), pages + 1
        assert cursor is None or re.fullmatch("[A-Za-z0-9._~-]+", cursor), cursor
    same((seen, pages), (names, 3))
    same(endpoint.find(filter, count=0, cursor="").get("Resources", []), [])


def item_71_cursors_are_bound_to_their_query(endpoint):
    filter, _ = crowd(endpoint)
    cursor = endpoint.find(filter, count=2, cursor="")["nextCursor"]
    for asked, scim_type in (
        ({"filter": filter, "count": 3, "cursor": cursor}, "invalidCount"),
        ({"filter": "title pr", "count": 2, "cursor": cursor}, "invalidCursor"),
        ({"filter": filter, "count": 2, "cursor": cursor[:-2] + "AA"}, "invalidCursor"),
        ({"filter": filter, "count": 2, "cursor": "x"}, "invalidCursor"),
    ):
        endpoint.refuse(endpoint.get("/Users", 400, params=asked), 400, scim_type)
    page = search(endpoint, "/Users/.search", filter=filter, count=2, cursor=cursor)
    same(len(page["Resources"]), 2)
