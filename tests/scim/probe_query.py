"""Items 61 to 71: lists, filters, order, pages, projections."""

import re

from probe_door import ENTERPRISE, LIST, MESSAGES, USER, group, name, same, user


def crowd(door, count=5):
    """Users of one department, made in the order of their names."""
    department = name("department")
    made = [
        door.make(
            {
                **user(title=f"t{number}", active=number % 2 == 0),
                "schemas": [USER, ENTERPRISE],
                ENTERPRISE: {"department": department},
            }
        )
        for number in range(count)
    ]
    return f'{ENTERPRISE}:department eq "{department}"', [one["userName"] for one in made]


def item_61_list_response(door):
    filter, names = crowd(door)
    answer = door.find(filter)
    same(answer["schemas"], [LIST])
    same((answer["totalResults"], answer["itemsPerPage"], answer["startIndex"]), (5, 5, 1))
    same({one["userName"] for one in answer["Resources"]}, set(names))


def item_61_nothing_found_is_200(door):
    answer = door.find('userName eq "nobody at all"')
    same((answer["totalResults"], answer.get("Resources", [])), (0, []))
    door.get("/Groups", params={"filter": 'displayName eq "no group"'})


def item_62_pages(door):
    filter, names = crowd(door)
    seen = []
    for start in (1, 3, 5):
        page = door.find(filter, startIndex=start, count=2)
        same((page["totalResults"], page["startIndex"]), (5, start))
        same(page["itemsPerPage"], len(page["Resources"]))
        assert len(page["Resources"]) <= 2
        seen += [one["userName"] for one in page["Resources"]]
    same(sorted(seen), sorted(names), "all pages together")


def item_62_bounds(door):
    filter, _ = crowd(door)
    for start in (0, -7):
        same(door.find(filter, startIndex=start)["startIndex"], 1)
    same(len(door.find(filter, count=1)["Resources"]), 1)
    for count in (0, -3):
        page = door.find(filter, count=count)
        same((page["totalResults"], page.get("Resources", []), page["itemsPerPage"]), (5, [], 0))
    same(door.find(filter, startIndex=100).get("Resources", []), [])
    for wrong in ({"count": "many"}, {"startIndex": "1.5"}):
        door.get("/Users", 400, params=wrong)


def item_62_never_more_than_the_greatest_page(door):
    most = door.get("/ServiceProviderConfig").json()["filter"]["maxResults"]
    page = door.get("/Users", params={"count": most + 1}).json()
    assert len(page["Resources"]) <= most


def item_63_the_grammar(door):
    filter, names = crowd(door)
    a, b, c, d, e = names

    def finds(more, *wanted):
        same(sorted(door.names(f"{filter} and ({more})")), sorted(wanted), more)

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


def item_63_elements_of_one_value(door):
    one = door.make(
        user(emails=[{"value": "x@example.com", "type": "work"}, {"value": "y@example.com", "type": "home"}])
    )
    me = f'id eq "{one["id"]}"'
    same(door.names(f'{me} and emails[type eq "work" and value eq "x@example.com"]'), [one["userName"]])
    same(door.names(f'{me} and emails[type eq "work" and value eq "y@example.com"]'), [])
    same(door.names(f'{me} and emails.type eq "work" and emails.value eq "y@example.com"'), [one["userName"]])
    same(door.names(f'{me} and emails eq "y@example.com"'), [one["userName"]])


def item_64_filters_that_are_none(door):
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
        door.refuse(door.get("/Users", 400, params={"filter": filter}), 400, "invalidFilter")


def item_64_an_unknown_attribute(door):
    answer = door.get("/Users", (200, 400), params={"filter": 'nothing eq "a"'})
    if answer.status_code == 400:
        same(answer.json()["scimType"], "invalidFilter")
    else:
        same(answer.json()["totalResults"], 0)


def item_65_many_results_come_in_pages(door):
    filter, _ = crowd(door)
    page = door.find(filter, count=2)
    same((page["totalResults"], page["itemsPerPage"]), (5, 2))


def item_66_order(door):
    filter, names = crowd(door)
    same(door.names(filter, sortBy="title"), names)
    same(door.names(filter, sortBy="title", sortOrder="descending"), names[::-1])
    same(door.names(filter, sortBy="userName", sortOrder="ascending"), sorted(names, key=str.lower))
    same(door.names(filter, sortBy="meta.created"), names)


def item_66_missing_values_come_last(door):
    filter, names = crowd(door, 3)
    one = door.find(f'userName eq "{names[0]}"')["Resources"][0]
    door.patch(f"/Users/{one['id']}", {"op": "remove", "path": "title"})
    same(door.names(filter, sortBy="title"), [names[1], names[2], names[0]])
    same(door.names(filter, sortBy="title", sortOrder="descending"), [names[0], names[2], names[1]])


def item_67_attributes(door):
    one = door.make(user(title="t", displayName="d", name={"givenName": "g", "familyName": "f"}))
    where = f"/Users/{one['id']}"
    for attributes in ("title,name.givenName", f"{USER}:title,{USER}:name.givenName", "TITLE,Name.GivenName"):
        shown = door.get(where, params={"attributes": attributes}).json()
        same(set(shown), {"schemas", "id", "title", "name"}, f"names of attributes={attributes}")
        same(shown["name"], {"givenName": "g"})
    hidden = door.get(where, params={"excludedAttributes": "title,id,schemas,name.familyName"}).json()
    assert "title" not in hidden and hidden["id"] == one["id"] and hidden["schemas"], hidden
    same(hidden["name"], {"givenName": "g"})


def item_67_attributes_of_every_method(door):
    only = {"attributes": "title"}
    made = door.post("/Users", user(title="t"), params=only).json()
    where = f"/Users/{made['id']}"
    title = {"op": "replace", "path": "title", "value": "u"}
    for shown in (
        made,
        door.put(where, user(title="t"), params=only).json(),
        door.patch(where, title, params=only).json(),
        door.find(f'id eq "{made["id"]}"', **only)["Resources"][0],
    ):
        same(set(shown), {"schemas", "id", "title"})


def search(door, where, **asked):
    return door.post(where, {"schemas": [MESSAGES + "SearchRequest"], **asked}, 200).json()


def item_68_search(door):
    filter, names = crowd(door)
    asked = {"filter": filter, "sortBy": "title", "startIndex": 2, "count": 2, "attributes": ["userName"]}
    page = search(door, "/Users/.search", **asked)
    same([one["userName"] for one in page["Resources"]], names[1:3])
    same((page["totalResults"], page["startIndex"], page["itemsPerPage"]), (5, 2, 2))
    same(set(page["Resources"][0]), {"schemas", "id", "userName"})
    door.post("/Users/.search", {"filter": filter}, 200 if door.wso2 else 400)


def item_68_search_of_all_types(door):
    shared = name("shared")
    door.make(user(displayName=shared))
    door.make(group(shared))
    found = search(door, "/.search", filter=f'displayName eq "{shared}"')
    same({one["meta"]["resourceType"] for one in found["Resources"]}, {"User", "Group"})


def item_69_a_filter_in_a_message(door):
    one = door.make(user(externalId=name("personal")))
    found = search(door, "/Users/.search", filter=f'externalId eq "{one["externalId"]}"')
    same([each["id"] for each in found["Resources"]], [one["id"]])


def item_70_what_provisioning_asks(door):
    email = name() + "@example.com"
    one = door.make(user(externalId=name("ext"), emails=[{"value": email, "type": "work"}]))
    crew = door.make(group(externalId=name("ext"), members=[{"value": one["id"]}]))
    for filter in (
        f'userName eq "{one["userName"]}"',
        f'externalId eq "{one["externalId"]}"',
        f'emails[value eq "{email}"]',
        f'emails[type eq "work" and value eq "{email}"]',
        f'emails.value eq "{email}"',
        f'groups.value eq "{crew["id"]}"',
    ):
        same(door.names(filter), [one["userName"]], filter)
    for filter in (
        f'displayName eq "{crew["displayName"]}"',
        f'externalId eq "{crew["externalId"]}"',
        f'members[value eq "{one["id"]}"]',
        f'id eq "{crew["id"]}" and members eq "{one["id"]}"',
    ):
        same([each["id"] for each in door.find(filter, "/Groups")["Resources"]], [crew["id"]], filter)


def item_70_disabled_users_are_found(door):
    one = door.make(user(active=False))
    found = door.find(f'userName eq "{one["userName"].upper()}"')["Resources"]
    same([each["active"] for each in found], [False])


def item_71_cursors(door):
    filter, names = crowd(door)
    seen, cursor, pages = [], "", 0
    while cursor is not None:
        page = door.find(filter, sortBy="title", count=2, cursor=cursor)
        same(page["totalResults"], 5)
        seen += [one["userName"] for one in page["Resources"]]
        cursor, pages = page.get("nextCursor"), pages + 1
        assert cursor is None or re.fullmatch("[A-Za-z0-9._~-]+", cursor), cursor
    same((seen, pages), (names, 3))
    same(door.find(filter, count=0, cursor="").get("Resources", []), [])


def item_71_cursors_fit_their_query_alone(door):
    filter, _ = crowd(door)
    cursor = door.find(filter, count=2, cursor="")["nextCursor"]
    for asked, scim_type in (
        ({"filter": filter, "count": 3, "cursor": cursor}, "invalidCount"),
        ({"filter": "title pr", "count": 2, "cursor": cursor}, "invalidCursor"),
        ({"filter": filter, "count": 2, "cursor": cursor[:-2] + "AA"}, "invalidCursor"),
        ({"filter": filter, "count": 2, "cursor": "x"}, "invalidCursor"),
    ):
        door.refuse(door.get("/Users", 400, params=asked), 400, scim_type)
    page = search(door, "/Users/.search", filter=filter, count=2, cursor=cursor)
    same(len(page["Resources"]), 2)
