//! Cursors (RFC 9865): every user exactly once, also while users are added and removed.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::app::{TestApp, inline};
use crate::scim::{SEARCH, ask, document, get, make_user, names, refused, scim_error};

/// Starts a server with `count` users, `user0000` and following.
fn filled(count: usize, url: &str) -> TestApp {
    let server = TestApp::start_with(|options| options.app.store.url = url.into());
    let rows: String = (0..count)
        .map(|number| format!("user{number:04}\n"))
        .collect();
    let response = server.post("text/xml", inline(&format!("username\n{rows}")).as_bytes());
    assert_eq!(response.status, 200, "{}", response.body);
    server
}

const SQLITE: &str = "sqlite:muster.db";

#[test]
fn item_71_every_user_appears_once_by_cursor_and_by_index() {
    for url in [SQLITE, "memory:"] {
        let server = filled(2_500, url);
        for (sort, count) in [
            ("", 333),
            ("&sortBy=userName", 1_000),
            ("&sortBy=userName&sortOrder=descending", 250),
            ("&sortBy=title", 500),
        ] {
            let (mut cursor, mut seen, mut pages) = (String::new(), Vec::new(), 0);
            loop {
                let list = get(
                    &server,
                    &format!(
                        "/scim/v2/Users?count={count}{sort}&attributes=userName&cursor={cursor}"
                    ),
                );
                assert_eq!(list["totalResults"], 2_500);
                assert_eq!(list.get("startIndex"), None);
                seen.extend(names(&list));
                pages += 1;
                match list["nextCursor"].as_str() {
                    Some(next) => {
                        assert_eq!(list["itemsPerPage"], count);
                        next.clone_into(&mut cursor);
                    }
                    None => break,
                }
            }
            assert_eq!(pages, 2_500_usize.div_ceil(count), "{sort}");
            assert_once(&seen, 2_500);
        }
        let mut seen = Vec::new();
        for start in (1..=2_500).step_by(700) {
            let list = get(
                &server,
                &format!("/scim/v2/Users?count=700&startIndex={start}&sortBy=userName"),
            );
            seen.extend(names(&list));
        }
        assert_once(&seen, 2_500);
        // No page is longer than the advertised limit.
        let list = get(&server, "/scim/v2/Users?count=2000");
        assert_eq!(
            (names(&list).len(), &list["itemsPerPage"]),
            (1_000, &json!(1_000))
        );
    }
}

#[track_caller]
fn assert_once(seen: &[String], count: usize) {
    let set: BTreeSet<_> = seen.iter().collect();
    assert_eq!((seen.len(), set.len()), (count, count));
}

#[test]
fn item_71_remaining_users_appear_once_while_others_are_added_and_removed() {
    for url in [SQLITE, "memory:"] {
        let server = filled(300, url);
        let ids: Vec<String> = server
            .users()
            .iter()
            .map(|user| user.id.to_string())
            .collect();
        for (sort, order) in [
            ("&sortBy=userName", "ascending"),
            ("&sortBy=userName", "descending"),
            ("", "ascending"),
        ] {
            let (mut cursor, mut seen, mut round) = (String::new(), Vec::new(), 0);
            loop {
                let list = get(
                    &server,
                    &format!("/scim/v2/Users?count=25{sort}&sortOrder={order}&cursor={cursor}"),
                );
                seen.extend(names(&list));
                let Some(next) = list["nextCursor"].as_str() else {
                    break;
                };
                next.clone_into(&mut cursor);
                // Remove the last user of the page, and add users before and after it.
                let last = list["Resources"][24]["id"].as_str().unwrap();
                if !ids.iter().any(|id| id == last) || round < 4 {
                    ask(
                        &server,
                        "DELETE",
                        &format!("/scim/v2/Users/{last}"),
                        &Value::Null,
                    );
                }
                make_user(
                    &server,
                    &format!("a{sort}{order}{round}").replace(['&', '='], ""),
                );
                make_user(
                    &server,
                    &format!("z{sort}{order}{round}").replace(['&', '='], ""),
                );
                round += 1;
                assert!(round < 100);
            }
            let before = seen.len();
            let unique: BTreeSet<_> = seen.iter().cloned().collect();
            assert_eq!(before, unique.len(), "no user twice");
            for name in server
                .user_names()
                .iter()
                .filter(|name| name.starts_with("user"))
            {
                assert!(unique.contains(name), "{name} is missing: {sort} {order}");
            }
        }
    }
}

#[test]
fn item_71_invalid_cursors_are_refused() {
    let server = TestApp::start_with(|options| options.app.scim.cursor_seconds = 1);
    (0..5).for_each(|number| drop(make_user(&server, &format!("user{number}"))));
    let first = get(&server, "/scim/v2/Users?count=2&cursor&sortBy=userName");
    let cursor = first["nextCursor"].as_str().unwrap().to_owned();
    let (text, seal) = cursor.split_once('.').unwrap();
    let refusal = |query: &str| {
        let response = ask(&server, "GET", &format!("/scim/v2/{query}"), &Value::Null);
        assert_eq!(response.status, 400, "{query}: {}", response.body);
        refused(&response).1
    };
    for forged in [
        "x",
        "x.y",
        ".",
        text,
        &format!("{text}."),
        &format!("{text}.{}", &seal[1..]),
        &format!("A{text}.{seal}"),
        &"a".repeat(5_000),
    ] {
        assert_eq!(
            refusal(&format!("Users?count=2&sortBy=userName&cursor={forged}")),
            "invalidCursor"
        );
    }
    for other in [
        "Users?count=2&sortBy=userName&sortOrder=descending",
        "Users?count=2&sortBy=title",
        "Users?count=2",
        "Users?count=2&sortBy=userName&filter=userName+pr",
        "Groups?count=2&sortBy=displayName",
    ] {
        assert_eq!(
            refusal(&format!("{other}&cursor={cursor}")),
            "invalidCursor",
            "{other}"
        );
    }
    assert_eq!(
        refusal(&format!("Users?count=3&sortBy=userName&cursor={cursor}")),
        "invalidCount"
    );
    let message = json!({"schemas": [SEARCH], "count": 2, "cursor": ""});
    let response = ask(&server, "POST", "/scim/v2/.search", &message);
    assert_eq!(refused(&response), scim_error(400, "invalidCursor"));
    // The same query as a message and without a count: the page size stays the same.
    let message = json!({"schemas": [SEARCH], "sortBy": "userName", "cursor": cursor});
    let page = ask(&server, "POST", "/scim2/Users/.search", &message);
    assert_eq!(names(&document(&page)), ["user2", "user3"]);
    std::thread::sleep(std::time::Duration::from_millis(1_200));
    assert_eq!(
        refusal(&format!("Users?count=2&sortBy=userName&cursor={cursor}")),
        "expiredCursor"
    );
}
