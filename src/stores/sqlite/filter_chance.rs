//! Tests random filters, on rows by SQL and on documents by the evaluator.

use rusqlite::{Connection, params, params_from_iter};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::clock::Moment;
use crate::scim::evaluate::matches;
use crate::scim::filter::Filter;
use crate::scim::schema::{CUSTOM, ENTERPRISE, Schemas};
use crate::stores::sqlite::connection::add_functions;
use crate::stores::sqlite::filter::{Table, compile};
use crate::stores::sqlite::migrations::migrate;
use crate::stores::sqlite::spaces::find_or_create;
use crate::users::name::lookup_key;

/// A reproducible pseudo-random generator (xorshift64*).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }

    fn maybe<'a>(&mut self, all: &[&'a str]) -> Option<&'a str> {
        (self.below(3) > 0).then(|| self.of(all))
    }
}

const TEXTS: &[&str] = &[
    "a",
    "A",
    "ab",
    "AB c",
    "stra\u{df}e",
    "STRASSE",
    "jose\u{301}",
    "Jos\u{e9}",
    "\u{130}x",
    "100%",
    "_",
    "\"q\"",
    "back\\slash",
    "l\u{2028}ine",
    "\u{1f600}",
    "true",
    "a\u{301}b",
    "",
    "'",
];
const NAMES: &[&str] = &["kim", "Kim2", "Jos\u{e9}", "STRASSE", "a.b@x", "x/y", "_a%"];
const MOMENTS: &[i64] = &[
    1_767_225_600_000_000,
    1_767_225_600_000_999,
    1_767_225_600_001_000,
];

fn id(number: usize) -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + number as u128)
}

/// Inserts users, groups and memberships, and returns their documents.
fn fill(db: &Connection, chance: &mut Chance) -> (Vec<Value>, Vec<Value>) {
    let groups: Vec<(Uuid, &str, String)> = (0..12)
        .map(|number| {
            let domain = ["PRIMARY", "SALES"][number % 2];
            (
                id(1000 + number),
                domain,
                format!("{} {number}", NAMES[number % 5]),
            )
        })
        .collect();
    let mut members: Vec<Vec<Value>> = vec![Vec::new(); groups.len()];
    let mut users = Vec::new();
    for number in 0..150 {
        let domain = chance.of(&["PRIMARY", "PRIMARY", "SALES"]);
        let name = format!("{}{}", chance.of(NAMES), number / 3);
        let (given, family) = (chance.maybe(TEXTS), chance.maybe(TEXTS));
        let (email, external) = (chance.maybe(TEXTS), chance.maybe(TEXTS));
        let created = MOMENTS[chance.below(3)];
        let modified = (chance.below(2) == 0).then(|| MOMENTS[chance.below(3)]);
        let mut attributes = Map::new();
        for flat in [
            "title",
            "profileUrl",
            "emails.work",
            "mobile",
            "department",
            "manager",
            "identity/accountLocked",
        ] {
            if let Some(text) = chance.maybe(TEXTS) {
                attributes.insert(flat.to_owned(), text.into());
            }
        }
        if let Some(active) = chance.maybe(&["true", "false", "False", "x", ""]) {
            attributes.insert("active".to_owned(), active.into());
        }
        let json = (!attributes.is_empty()).then(|| json!(attributes).to_string());
        let added = db.execute(
            "INSERT INTO users (space, name_key, id, user_name, given_name, family_name,
                 email, external_id, attributes, must_change, created_at, modified_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, ?10, ?11) ON CONFLICT DO NOTHING",
            params![
                find_or_create(db, "o", domain).unwrap(),
                lookup_key(&name),
                id(number),
                name,
                given,
                family,
                email,
                external,
                json,
                created,
                modified
            ],
        );
        if added != Ok(1) {
            continue;
        }
        let mut in_groups = Vec::new();
        for (position, (group, of, role)) in groups.iter().enumerate() {
            if *of == domain && chance.below(4) == 0 {
                db.execute(
                    "INSERT INTO role_members VALUES ('o', ?1, ?2, ?3)",
                    params![domain, id(number), role],
                )
                .unwrap();
                let display = match domain {
                    "PRIMARY" => role.clone(),
                    domain => format!("{domain}/{role}"),
                };
                in_groups.push(
                    json!({"value": group.to_string(), "display": display, "type": "direct"}),
                );
                members[position].push(json!({"value": id(number).to_string(), "type": "User"}));
            }
        }
        let at = |flat: &str| attributes.get(flat).cloned().unwrap_or_default();
        let active = crate::users::account_state::shown_active(&attributes);
        users.push(json!({
            "id": id(number).to_string(),
            "userName": qualified(domain, &name),
            "externalId": external,
            "name": {"givenName": given, "familyName": family},
            "active": active,
            "title": at("title"),
            "profileUrl": at("profileUrl"),
            "emails": [
                {"value": email, "primary": true},
                {"value": at("emails.work"), "type": "work"},
            ],
            "phoneNumbers": [{"value": at("mobile"), "type": "mobile"}],
            "groups": in_groups,
            "meta": meta("User", created, modified),
            ENTERPRISE: {"department": at("department"), "manager": {"value": at("manager")}},
            CUSTOM: {"accountLocked": at("identity/accountLocked")},
        }));
    }
    let mut documents = Vec::new();
    for (number, (id, domain, name)) in groups.iter().enumerate() {
        let external = chance.maybe(TEXTS);
        let created = MOMENTS[chance.below(3)];
        db.execute(
            "INSERT INTO roles (organization, domain, name, name_key, id, external_id, created_at)
             VALUES ('o', ?1, ?2, ?3, ?4, ?5, ?6)",
            params![domain, name, lookup_key(name), id, external, created],
        )
        .unwrap();
        let nested = groups[(number + 1) % groups.len()].0;
        db.execute(
            "INSERT INTO role_groups VALUES ('o', ?1, ?2)",
            params![id, nested],
        )
        .unwrap();
        members[number].push(json!({"value": nested.to_string(), "type": "Group"}));
        documents.push(json!({
            "id": id.to_string(),
            "displayName": qualified(domain, name),
            "externalId": external,
            "members": members[number],
            "meta": meta("Group", created, None),
        }));
    }
    (users, documents)
}

fn qualified(domain: &str, name: &str) -> String {
    match domain {
        "PRIMARY" => name.to_owned(),
        _ => format!("{domain}/{name}"),
    }
}

fn meta(kind: &str, created: i64, modified: Option<i64>) -> Value {
    json!({
        "resourceType": kind,
        "created": Moment(created).to_rfc3339(),
        "lastModified": Moment(modified.unwrap_or(created)).to_rfc3339(),
    })
}

/// A condition on an attribute, with or without its own column.
fn condition(chance: &mut Chance, table: Table) -> String {
    let user_texts = [
        "userName",
        "userName",
        "externalId",
        "name.givenName",
        "name.familyName",
        "title",
        "profileUrl",
        "emails",
        "emails.value",
        "emails.type",
        "phoneNumbers.value",
        "nickName",
        "meta.resourceType",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
        "urn:scim:schemas:extension:custom:User:accountLocked",
    ];
    let group_texts = [
        "displayName",
        "displayName",
        "externalId",
        "members.type",
        "meta.resourceType",
    ];
    let text = match chance.below(6) {
        0 => chance.of(NAMES).to_owned(),
        1 => format!("Sales/{}{}", chance.of(NAMES), chance.below(50)),
        2 => format!("{}{}", chance.of(NAMES), chance.below(50)),
        3 => chance
            .of(&["User", "Group", "group", "work", "sales", "sTr"])
            .to_owned(),
        _ => chance.of(TEXTS).to_owned(),
    };
    let text = json!(text);
    let operator = chance.of(&["eq", "eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]);
    let number = chance.below(10);
    match (number, table) {
        (0, _) => format!(
            "id {} \"{}\"",
            chance.of(&["eq", "ne", "gt"]),
            id(chance.below(150))
        ),
        (1, _) => {
            let at = chance.of(&["00:00:00Z", "00:00:00.0005Z", "01:00:00.001+01:00"]);
            let path = chance.of(&["meta.created", "meta.lastModified"]);
            let operator = chance.of(&["eq", "ne", "gt", "ge", "lt", "le"]);
            format!("{path} {operator} \"2026-01-01T{at}\"")
        }
        (2, Table::Users) => {
            let operator = chance.of(&["eq", "ne"]);
            format!("active {operator} {}", chance.of(&["true", "false"]))
        }
        (3, Table::Users) if chance.below(2) == 0 => {
            let names = [
                "kim 0",
                "KIM 5",
                "sales/Kim2 1",
                "Sales/kim 5",
                "jos\u{e9} 2",
                "x",
            ];
            format!("groups.display {operator} {}", json!(chance.of(&names)))
        }
        (3, Table::Users) => format!(
            "groups[value {operator} \"{}\"]",
            id(1000 + chance.below(12))
        ),
        (3, Table::Groups) => {
            let member = [id(chance.below(150)), id(1000 + chance.below(12))][chance.below(2)];
            format!("members {operator} \"{member}\"")
        }
        (4, Table::Users) => {
            let join = chance.of(&["and", "or"]);
            format!("emails[type eq \"work\" {join} value {operator} {text}]")
        }
        (4, Table::Groups) => {
            let member = id(chance.below(150));
            let join = chance.of(&["and", "or", "and not (value pr) or"]);
            format!("members[value {operator} \"{member}\" {join} type eq \"Group\"]")
        }
        (5, _) => {
            let path = match table {
                Table::Users => chance.of(&user_texts),
                Table::Groups => chance.of(&group_texts),
            };
            format!("{path} {}", chance.of(&["pr", "eq null", "ne null"]))
        }
        (_, Table::Users) => format!("{} {operator} {text}", chance.of(&user_texts)),
        (_, Table::Groups) => format!("{} {operator} {text}", chance.of(&group_texts)),
    }
}

fn filter(chance: &mut Chance, table: Table, depth: usize) -> String {
    match chance.below(if depth == 0 { 1 } else { 6 }) {
        0 | 1 => condition(chance, table),
        2 => format!("not ({})", filter(chance, table, depth - 1)),
        kind => {
            let word = if kind == 3 { " or " } else { " and " };
            let parts: Vec<String> = (0..2 + chance.below(2))
                .map(|_| format!("({})", filter(chance, table, depth - 1)))
                .collect();
            parts.join(word)
        }
    }
}

#[test]
fn sql_finds_all_matches_and_only_matches_if_exact() {
    let mut chance = Chance(20_261_122);
    let mut db = Connection::open_in_memory().unwrap();
    migrate(&mut db).unwrap();
    add_functions(&db).unwrap();
    let (users, groups) = fill(&db, &mut chance);
    let schemas = Schemas::new(["accountLocked"]);
    let (mut exact, mut found) = (0, 0);
    for round in 0..6000 {
        let (table, resource_type, documents, query) = match round % 3 {
            0 => (
                Table::Groups,
                &schemas.group,
                &groups,
                "roles r WHERE r.organization = ?1",
            ),
            _ => (
                Table::Users,
                &schemas.user,
                &users,
                "people u WHERE u.organization = ?1",
            ),
        };
        let text = filter(&mut chance, table, 3);
        let parsed = match Filter::parse(&text, resource_type) {
            Ok(parsed) => parsed,
            Err(error) => panic!("{text}: {error}"),
        };
        let compiled = compile(&parsed, table);
        let sql = format!("SELECT id FROM {query} AND ({})", compiled.sql);
        let organization = rusqlite::types::Value::from("o".to_owned());
        let parameters = std::iter::once(organization).chain(compiled.parameters.clone());
        let rows: Vec<Uuid> = db
            .prepare(&sql)
            .unwrap()
            .query_map(params_from_iter(parameters), |row| row.get(0))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        exact += usize::from(compiled.exact);
        for document in documents {
            let id = Uuid::try_parse(document["id"].as_str().unwrap()).unwrap();
            let is_row = rows.contains(&id);
            let is_match = matches(&parsed, document.as_object().unwrap());
            found += usize::from(is_match);
            assert!(is_row || !is_match, "{text}\n{sql}\nleaves out {document}");
            assert!(
                is_match || !is_row || !compiled.exact,
                "{text}\n{sql}\n{:?}\nis not exact about {document}",
                compiled.parameters
            );
        }
    }
    // The test is meaningful only if filters of both kinds match some documents and not others.
    assert!(exact > 1000 && exact < 5500, "{exact} filters are exact");
    assert!(found > 10_000 && found < 400_000, "{found} documents match");
}

#[test]
fn long_chains_do_not_make_deep_expressions() {
    let mut db = Connection::open_in_memory().unwrap();
    migrate(&mut db).unwrap();
    add_functions(&db).unwrap();
    for word in [" and ", " or "] {
        let user = Schemas::new([]).user;
        let text = vec!["title pr"; 600].join(word);
        let compiled = compile(&Filter::parse(&text, &user).unwrap(), Table::Users);
        let sql = format!("SELECT count(*) FROM people u WHERE {}", compiled.sql);
        let count: i64 = db
            .query_row(&sql, params_from_iter(compiled.parameters), |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(count, 0);
    }
}

#[test]
fn frequent_lookups_use_an_index() {
    let mut db = Connection::open_in_memory().unwrap();
    migrate(&mut db).unwrap();
    add_functions(&db).unwrap();
    let user = Schemas::new([]).user;
    for text in [
        "userName eq \"kim\"",
        "userName eq \"SALES/kim\"",
        "externalId eq \"7\"",
        "id eq \"01900000-0000-7000-8000-000000000000\"",
        "userName eq \"kim\" and active eq true",
    ] {
        let compiled = compile(&Filter::parse(text, &user).unwrap(), Table::Users);
        let sql = format!(
            "EXPLAIN QUERY PLAN SELECT id FROM people u WHERE organization = ?1 AND ({})",
            compiled.sql
        );
        let organization = rusqlite::types::Value::from("o".to_owned());
        let parameters = std::iter::once(organization).chain(compiled.parameters);
        let plan: Vec<String> = db
            .prepare(&sql)
            .unwrap()
            .query_map(params_from_iter(parameters), |row| row.get(3))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        let plan = plan.join("; ");
        let columns = ["name_key=?", "external_id=?", "id=?"];
        let is_narrow = columns.iter().any(|column| plan.contains(column));
        assert!(is_narrow && !plan.contains("SCAN"), "{text}: {plan}");
    }
}
