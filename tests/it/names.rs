//! User names in any case and with user-store prefixes, over every channel.

use serde_json::json;

use crate::app::{TestApp, envelope};
use crate::channels::{Bench, Channel, Upload};
use crate::process::Home;
use crate::scim::{ask, document, make, user};

/// Names of different users that full case folding would treat as one.
const APART: [[&str; 2]; 4] = [
    ["straße", "strasse"],
    ["ﬁona", "fiona"],
    ["ışık", "işık"],
    ["ſam", "sam"],
];

/// Spellings of one user's name.
const ONE: [[&str; 2]; 5] = [
    ["STRAẞE", "straße"],
    ["ΝΙΚΟΣ.Α", "νικος.α"],
    ["JOSÉ", "jose\u{301}"],
    ["Ǆ-ivan", "ǅ-ivan"],
    ["KIM", "kim"],
];

#[test]
fn names_that_differ_by_more_than_case_are_two_users_over_every_channel() {
    for channel in Channel::ALL {
        let bench = Bench::start(channel);
        let mut file = "username,password,title\n".to_owned();
        for (number, name) in APART.iter().flatten().enumerate() {
            file.push_str(&format!("{name},Spring-Meadow-42,{number}\n"));
        }
        let outcome = bench.import(&Upload::new("users.csv", file.as_bytes()));
        assert_eq!(outcome.counters.created, 8, "{channel:?}: {outcome:?}");
        for (number, name) in APART.iter().flatten().enumerate() {
            assert_eq!(outcome.user(name).attributes["title"], number.to_string());
        }
    }
}

#[test]
fn names_that_differ_only_by_case_are_one_user_over_every_channel() {
    for channel in Channel::ALL {
        let bench = Bench::start(channel);
        let mut file = "UserName,Password,Claims\n".to_owned();
        for name in ONE.iter().flatten() {
            file.push_str(&format!("{name},Spring-Meadow-42,\n"));
        }
        let outcome = bench.import(&Upload::new("users.csv", file.as_bytes()));
        let counted = (outcome.counters.created, outcome.counters.duplicate);
        assert_eq!(counted, (5, 5), "{channel:?}");
    }
}

#[test]
fn an_update_of_one_name_does_not_change_the_other() {
    let home = Home::new();
    home.write(
        "first.csv",
        "username,password,title\nStraße,Spring-Meadow-42,first\n",
    );
    home.run(&["import", "first.csv"]).ended(0);
    home.write(
        "second.csv",
        "username,password,title\nSTRASSE,Autumn-Meadow-43,second\n",
    );
    let update = ["import", "second.csv", "--conflict", "update", "--json"];
    assert_eq!(home.run(&update).ended(0).json()["created"], 1);
    let title =
        |name| home.run(&["users", "show", name, "--json"]).ended(0).json()["attributes"].clone();
    assert_eq!(title("straße"), json!({"title": "first"}));
    assert_eq!(title("strasse"), json!({"title": "second"}));
    let check = |name, password| home.run_with_input(&["users", "check-password", name], password);
    assert_eq!(check("STRAẞE", "Spring-Meadow-42").ended(0).out, "right\n");
    assert_eq!(check("Straße", "Autumn-Meadow-43").ended(1).out, "wrong\n");
}

#[test]
fn filters_compare_names_as_keys_do() {
    let server = TestApp::start();
    for name in ["Straße", "strasse", "Νίκος"] {
        make(&server, "/scim/v2/Users", &user(name, json!({})));
    }
    let found = |filter: &str| {
        let search = json!({"schemas": [crate::scim::SEARCH], "filter": filter});
        let answer = document(&ask(&server, "POST", "/scim/v2/Users/.search", &search));
        let names = answer["Resources"].as_array().cloned().unwrap_or_default();
        let names = names
            .iter()
            .map(|it| it["userName"].as_str().map(str::to_owned));
        names.collect::<Option<Vec<String>>>().expect("names")
    };
    assert_eq!(found("userName eq \"STRAẞE\""), ["Straße"]);
    assert_eq!(found("userName eq \"STRASSE\""), ["strasse"]);
    assert_eq!(found("userName sw \"straß\""), ["Straße"]);
    assert_eq!(found("userName co \"ASS\""), ["strasse"]);
    assert_eq!(found("userName eq \"ΝΊΚΟΣ\""), ["Νίκος"]);
    assert_eq!(found("userName ew \"ΚΟΣ\""), ["Νίκος"]);
}

#[test]
fn only_user_store_prefixes_are_removed_from_user_names_over_every_channel() {
    let file = "UserName,Password,Claims\n\
                primary/ann,,\nSales/bob,,\nPRIMARY/x/y,,\n\
                https://example.com/eve,,\n#HR/eve,,\n/wso2.org/claims/country=DE,,\na/b/c,,\nHR/dan,,\n\
                \"mira,Meadow-Lark-77,http://wso2.org/claims/country=DE\",,\n";
    for channel in Channel::ALL {
        let bench = Bench::start(channel);
        let outcome = bench.import(&Upload::new("users.csv", file.as_bytes()));
        assert!(!outcome.answer.contains("Meadow-Lark-77"), "{channel:?}");
        assert_eq!(outcome.user_names(), ["ann", "bob", "x/y"], "{channel:?}");
        let mut expected = vec![(3, "domain-prefix-dropped")];
        expected.extend((5..=9).map(|line| (line, "domain-unknown")));
        expected.push((10, "field-count"));
        assert_eq!(outcome.codes(), expected, "{channel:?}");
        let shown = format!("{:?}", outcome.findings);
        assert!(!shown.contains("Meadow-Lark-77"), "{channel:?}: {shown}");
    }
}

#[test]
fn another_user_store_removes_its_own_prefix_and_the_primary_prefix_with_a_warning() {
    let server = TestApp::start();
    let file =
        crate::message::base64("UserName,Password,Claims\nsales/ann,,\nPrimary/bob,,\nHR/dan,,\n");
    let call = envelope(&format!(
        "<userStoreDomain>SALES</userStoreDomain><fileName>users.csv</fileName><handler>{file}</handler>\
         <defaultPassword>Initial-Pass-1</defaultPassword>"
    ));
    server.post("text/xml", call.as_bytes());
    let users = server.users();
    let users: Vec<_> = users
        .iter()
        .map(|it| (&*it.domain, &*it.user_name))
        .collect();
    assert_eq!(users, [("SALES", "ann"), ("SALES", "bob")]);
    let codes: Vec<_> = server
        .findings()
        .into_iter()
        .map(|it| (it.0, it.2))
        .collect();
    assert_eq!(
        codes,
        [
            (3, "domain-prefix-dropped".to_owned()),
            (4, "domain-unknown".to_owned())
        ]
    );
}

#[test]
fn roles_without_a_user_store_are_matched_in_any_case() {
    let home = Home::new();
    home.write("first.csv", "username,password\nfirst,Spring-Meadow-42\n");
    home.run(&["import", "first.csv"]).ended(0);
    for role in ["internal/agents", "APPLICATION/shop", "sales"] {
        home.run(&["role", "add", role]).ended(0);
    }
    home.write(
        "users.csv",
        "username,password,roles\n\
         ann,Spring-Meadow-42,INTERNAL/Agents:application/Shop:internal/EVERYONE\n\
         bob,Spring-Meadow-42,primary/Sales\n\
         dan,Spring-Meadow-42,HR/sales\n",
    );
    let report = home.run(&["import", "users.csv", "--json"]).ended(2).json();
    let found = &report["findings"][0];
    assert_eq!(
        (&found["line"], &found["code"]),
        (&json!(4), &json!("domain-unknown"))
    );
    let roles =
        |name| home.run(&["users", "show", name, "--json"]).ended(0).json()["roles"].clone();
    assert_eq!(
        roles("ann"),
        json!(["Application/shop", "Internal/agents", "Internal/everyone"])
    );
    assert_eq!(roles("bob"), json!(["sales"]));
}
