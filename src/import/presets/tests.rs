//! Tests each preset with the files of its product in `fixtures/presets/`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{Cells, PRESETS, Target, find, is_preface};
use crate::formats::csv::CsvRows;
use crate::formats::delimiter::Delimiter;
use crate::users::claims::{ClaimTable, Field};

/// The fixtures and their presets.
const FIXTURES: &[(&str, &str)] = &[
    ("auth0-attributes", "Auth0 (user export)"),
    ("auth0-users", "Auth0 (user export)"),
    (
        "entra-template",
        "Microsoft Entra ID (bulk create template)",
    ),
    ("entra-users", "Microsoft Entra ID (list of users)"),
    ("google-template", "Google Workspace (template or download)"),
    ("google-users", "Google Workspace (template or download)"),
    (
        "keycloak-user-entity",
        "Keycloak (users, or the table user_entity)",
    ),
    (
        "keycloak-users",
        "Keycloak (users, or the table user_entity)",
    ),
    (
        "microsoft-365-template",
        "Microsoft 365 admin center (template)",
    ),
    ("microsoft-365-users", "Microsoft 365 admin center (export)"),
    (
        "moodle-download",
        "Moodle (upload users, or a download of them)",
    ),
    (
        "moodle-upload",
        "Moodle (upload users, or a download of them)",
    ),
    ("okta-template", "Okta (CSV import template)"),
    ("okta-users", "Okta (export by rockstar)"),
    ("salesforce-data-loader", "Salesforce (object User)"),
    ("salesforce-export", "Salesforce (object User)"),
    ("wordpress-export", "WordPress (users)"),
    ("wordpress-list", "WordPress (users)"),
    ("wordpress-table", "WordPress (users)"),
];

/// The headings of a fixture, without the lines above them.
fn headings(name: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/presets");
    let file = std::fs::read(folder.join(format!("{name}.csv"))).unwrap();
    let text = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&file);
    let delimiter = (name == "moodle-upload").then_some(Delimiter::Semicolon);
    let mut rows = CsvRows::new(text, delimiter);
    loop {
        let row = rows.next_row().unwrap().unwrap();
        let row = row.text().unwrap();
        let cells: Vec<&str> = row.iter().map(str::trim).collect();
        if !is_preface(&cells) {
            return cells.into_iter().map(str::to_owned).collect();
        }
    }
}

fn borrowed(headings: &[String]) -> Vec<&str> {
    headings.iter().map(String::as_str).collect()
}

#[test]
fn every_fixture_matches_one_preset_that_knows_all_its_headings() {
    for (file, name) in FIXTURES {
        let headings = headings(file);
        let headings = borrowed(&headings);
        let preset = find(&headings).unwrap_or_else(|| panic!("{file} has no preset"));
        assert_eq!(preset.name, *name, "{file}");
        let of: BTreeSet<&str> = PRESETS
            .iter()
            .filter(|preset| preset.is_of(&headings))
            .map(|preset| preset.name)
            .collect();
        assert_eq!(of.len(), 1, "{file} is of {of:?}");
        let unknown: Vec<_> = headings
            .iter()
            .filter(|heading| preset.target(heading).is_none())
            .collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?}");
        let mut taken = BTreeMap::new();
        for heading in &headings {
            let second = preset.second_target(heading).map(Target::Column);
            for target in preset.target(heading).into_iter().chain(second) {
                if let Target::Column(column) = target
                    && let Some(earlier) = taken.insert(column, heading)
                {
                    panic!("{file}: {earlier} and {heading} are both {column}");
                }
            }
        }
        assert!(taken.contains_key("username"), "{file}");
    }
}

#[test]
fn presets_and_fixtures_correspond() {
    let named: BTreeSet<&str> = FIXTURES.iter().map(|(_, name)| *name).collect();
    let all: BTreeSet<&str> = PRESETS.iter().map(|preset| preset.name).collect();
    assert_eq!(named, all);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/presets");
    let files: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let listed: BTreeSet<String> = FIXTURES
        .iter()
        .map(|(file, _)| format!("{file}.csv"))
        .collect();
    assert_eq!(files, listed);
}

#[test]
fn every_column_of_a_preset_exists() {
    let table = ClaimTable::new(&Default::default());
    for preset in PRESETS {
        let mut seen = BTreeSet::new();
        for (heading, rule) in preset.columns.iter().copied().flatten() {
            assert!(seen.insert(heading), "{}: {heading} twice", preset.name);
            if let super::preset::Rule::To(column) | super::preset::Rule::Words(column, _) = rule {
                assert!(table.column(column).is_some(), "{}: {column}", preset.name);
            }
        }
    }
    assert_eq!(table.column("username"), Some(&Field::UserName));
    assert_eq!(table.column("password"), Some(&Field::Password));
    assert_eq!(table.column("emailaddress"), Some(&Field::Email));
}

#[test]
fn presets_match_in_any_order_and_case_and_with_further_headings() {
    for (file, name) in FIXTURES {
        let mut headings = headings(file);
        headings.reverse();
        for heading in &mut headings {
            *heading = heading.to_uppercase();
        }
        headings.push("Favourite colour".to_owned());
        let preset = find(&borrowed(&headings)).unwrap();
        assert_eq!(preset.name, *name, "{file}");
    }
}

#[test]
fn plain_files_match_no_preset() {
    for header in [
        "username,password",
        "UserName,Password,Claims",
        "username,firstname,lastname,email,colour",
        "User Name,First Name,Last Name,Department,Job",
        "login,first name,last name,email,country code",
        "login,password,zip code,city",
        "id,upn",
        "id,email,name,connection",
        "id,username,email,status",
        "id,username,name,email,phone,city,state,country",
        "username,email,email verified",
        "username,email,enabled",
        "username,email,group1,role1",
        "user_login,first_name,last_name",
        "user_email,display_name",
        "First Name,Last Name,Email Address,Password",
        "first name,last name,e-mail address,city,zip,work phone,home phone",
        "username,title,office,fax,colour",
        "Username,Alias,Email,IsActive",
        "DistinguishedName,Enabled,GivenName,Name,ObjectGUID,SamAccountName,SID,Surname,UserPrincipalName",
        "userPrincipalName,mail,colour",
        "displayName,surname,givenName,mail",
        "vorname,nachname,benutzername,kennwort",
        "",
    ] {
        let headings: Vec<&str> = header.split(',').collect();
        let found = find(&headings).map(|preset| preset.name);
        assert_eq!(found, None, "{header}");
    }
    assert!(find(&[]).is_none());
}

/// For a fixture: `heading=column` for the columns that are read, and the other headings.
fn plan(file: &str) -> (Vec<String>, Vec<String>) {
    let headings = headings(file);
    let preset = find(&borrowed(&headings)).unwrap();
    let (mut read, mut dropped) = (Vec::new(), Vec::new());
    for heading in &headings {
        match preset.target(heading).unwrap() {
            Target::Column(column) => {
                let second = preset.second_target(heading);
                let second = second.map(|second| format!("+{second}"));
                read.push(format!("{heading}={column}{}", second.unwrap_or_default()));
            }
            Target::Dropped => dropped.push(heading.clone()),
        }
    }
    (read, dropped)
}

#[test]
fn user_name_and_account_state_have_the_products_meaning() {
    for (file, columns) in [
        (
            "entra-template",
            &[
                "User name [userPrincipalName] Required=username",
                "Initial password [passwordProfile] Required=password",
                "Block sign in (Yes/No) [accountEnabled] Required=\
                 http://wso2.org/claims/identity/accountDisabled",
            ] as &[&str],
        ),
        (
            "entra-users",
            &[
                "userPrincipalName=username",
                "mail=emailaddress",
                "id=externalid",
                "accountEnabled=active",
            ],
        ),
        ("microsoft-365-template", &["Username=username"]),
        (
            "microsoft-365-users",
            &[
                "User principal name=username",
                "Object Id=externalid",
                "Block credential=http://wso2.org/claims/identity/accountDisabled",
            ],
        ),
        (
            "google-users",
            &[
                "Email Address [Required]=username+emailaddress",
                "Password [Required]=password",
                "Status [READ ONLY]=http://wso2.org/claims/identity/accountDisabled",
                "New Status [UPLOAD ONLY]=http://wso2.org/claims/identity/accountLocked",
            ],
        ),
        ("okta-template", &["login=username", "email=emailaddress"]),
        (
            "okta-users",
            &[
                "User Id=externalid",
                "Status=http://wso2.org/claims/identity/accountDisabled",
                "Username=username",
                "Primary email=emailaddress",
            ],
        ),
        (
            "keycloak-user-entity",
            &["id=externalid", "enabled=active", "username=username"],
        ),
        (
            "moodle-upload",
            &[
                "username=username",
                "password=password",
                "suspended=http://wso2.org/claims/identity/accountDisabled",
            ],
        ),
        (
            "auth0-attributes",
            &[
                "user_id=externalid",
                "username=username",
                "email=emailaddress",
                "blocked=http://wso2.org/claims/identity/accountDisabled",
            ],
        ),
        (
            "auth0-users",
            &["Id=externalid", "Email=username+emailaddress"],
        ),
        (
            "salesforce-data-loader",
            &["USERNAME=username", "EMAIL=emailaddress", "ISACTIVE=active"],
        ),
        (
            "wordpress-table",
            &[
                "ID=externalid",
                "user_login=username",
                "user_pass=password",
                "user_email=emailaddress",
            ],
        ),
    ] {
        let (read, _) = plan(file);
        for column in columns {
            assert!(
                read.iter().any(|it| it == column),
                "{file}: {column}: {read:?}"
            );
        }
    }
}

#[test]
fn product_specific_columns_are_dropped() {
    for (file, expected) in [
        ("entra-template", "Usage location [usageLocation]"),
        ("okta-template", "managerId,badgeColour"),
        ("keycloak-users", "createdTimestamp"),
        (
            "moodle-upload",
            "auth,maildisplay,profile_field_year,cohort1,course1,group1,role1,enrolperiod1",
        ),
        ("auth0-users", "Connection,Created At,Updated At"),
        ("wordpress-list", "user_registered,roles"),
        (
            "salesforce-data-loader",
            "ALIAS,EMAILENCODINGKEY,PROFILEID,PROFILE.NAME,USERROLE.NAME",
        ),
    ] {
        assert_eq!(plan(file).1.join(","), expected, "{file}");
    }
}

#[test]
fn unknown_headings_are_reported() {
    for file in [
        "entra-template",
        "google-users",
        "moodle-upload",
        "keycloak-users",
    ] {
        let headings = headings(file);
        let preset = find(&borrowed(&headings)).unwrap();
        assert_eq!(preset.target("Favourite colour"), None, "{file}");
        assert_eq!(preset.target(""), None, "{file}");
    }
    let wordpress = find(&["user_login", "user_pass"]).unwrap();
    assert_eq!(wordpress.target("any_meta_key"), Some(Target::Dropped));
    assert_eq!(wordpress.target("http://wso2.org/claims/country"), None);
}

#[test]
fn product_headings_are_distinguished_from_user_defined_ones() {
    let auth0 = find(&["user_id", "email", "email_verified"]).unwrap();
    assert!(auth0.names("identities[0].connection"));
    assert!(!auth0.names("user_metadata.Summer-2024!"));
    let wordpress = find(&["user_login", "user_pass"]).unwrap();
    assert!(wordpress.names("user_email"));
    assert!(!wordpress.names("Summer-2024!"));
    assert!(!wordpress.names(""));
}

#[test]
fn cells_use_the_products_words() {
    let cells = |file: &str, heading| {
        let headings = headings(file);
        find(&borrowed(&headings)).unwrap().cells(heading)
    };
    assert_eq!(cells("okta-users", "Status").read("LOCKED_OUT"), "true");
    assert_eq!(cells("okta-users", "Status").read("PROVISIONED"), "false");
    assert_eq!(
        cells("google-users", "Status [READ ONLY]").read("Suspended"),
        "true"
    );
    assert_eq!(
        cells("google-users", "New Status [UPLOAD ONLY]").read("Suspended"),
        "true"
    );
    assert_eq!(
        cells("google-users", "Password [Required]").read("****"),
        ""
    );
    assert_eq!(
        cells("google-users", "Password Hash Function [UPLOAD ONLY]"),
        Cells::HashFunction
    );
    assert_eq!(
        cells("auth0-users", "Family Name").read("''t Hof"),
        "'t Hof"
    );
    assert_eq!(cells("okta-users", "Username"), Cells::Plain);
}

#[test]
fn line_above_a_templates_headings_is_skipped() {
    for line in [
        "version:v1.0",
        "version:v1.0,,,",
        "Version:V2.13",
        " version:v1.0 , ",
    ] {
        let cells: Vec<&str> = line.split(',').collect();
        assert!(is_preface(&cells), "{line}");
    }
    for line in [
        "",
        "version",
        "version:v",
        "version:vx",
        "version:v1.0,a",
        "version:v1 beta",
        "a,b",
    ] {
        let cells: Vec<&str> = line.split(',').collect();
        assert!(!is_preface(&cells), "{line}");
    }
    assert!(!is_preface(&[]));
}

#[test]
fn template_example_is_recognized() {
    let headings = headings("entra-template");
    let preset = find(&borrowed(&headings)).unwrap();
    assert_eq!(preset.cells("Name [displayName] Required"), Cells::Example);
    assert_eq!(preset.cells("First name [givenName]"), Cells::Plain);
    assert_eq!(preset.mapped_cells(), Cells::Plain);
}

#[test]
fn every_preset_is_documented() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/files.md");
    let page = std::fs::read_to_string(page).unwrap();
    for preset in PRESETS {
        let section = format!("\n### {}\n", preset.name);
        assert!(page.contains(&section), "{}", preset.name);
    }
}
