//! Unmodified files of other products over the channels: the users, their values, who can log in, and what the
//! report says about dropped columns.

use std::path::Path;

use muster::users::problem::Severity;
use muster::users::user::User;

use crate::channels::{Bench, Channel, Outcome, Upload};

/// The password of rows without one.
const DEFAULT: &str = "Initial-Pass-1";

/// A fixture and its expected result.
struct Expected {
    file: &'static str,
    /// The users by name, each with some of its values under the names of [`value`].
    users: &'static [(&'static str, &'static [(&'static str, &'static str)])],
    /// A user, a password, and whether the user can log in with it.
    passwords: &'static [(&'static str, &'static str, bool)],
    /// Line and code of the findings in rows.
    found: &'static [(u64, &'static str)],
    /// The headings that the report lists as dropped.
    dropped: &'static [&'static str],
}

const FILES: &[Expected] = &[
    Expected {
        file: "entra-template",
        users: &[
            (
                "anais.lindqvist@harbour.example",
                &[
                    ("displayName", "Anaïs Lindqvist"),
                    ("givenname", "Anaïs"),
                    ("lastname", "Lindqvist"),
                    ("title", "Dock planner"),
                    ("department", "Operations"),
                    ("streetaddress", "Hamngatan 3, 2 tr"),
                    ("locality", "Stockholm"),
                    ("postalcode", "111 47"),
                    ("country", "Sweden"),
                    ("location", "Quay 7"),
                    ("telephone", "+46 8 555 01 11"),
                    ("mobile", "+46 70 555 01 12"),
                    ("identity/accountDisabled", "false"),
                ],
            ),
            (
                "tomasz.wrona@harbour.example",
                &[("lastname", "Wrona"), ("identity/accountDisabled", "true")],
            ),
        ],
        passwords: &[
            ("anais.lindqvist@harbour.example", "Fjord-Lantern-42", true),
            ("tomasz.wrona@harbour.example", "Crane-Driver-77", false),
        ],
        found: &[(3, "example-skipped")],
        dropped: &["Usage location [usageLocation]"],
    },
    Expected {
        file: "entra-users",
        users: &[
            (
                "anais.lindqvist@harbour.example",
                &[
                    ("emailaddress", "anais@harbour.example"),
                    ("externalid", "6f1d1c9e-0d1c-4f39-9a52-1c2f2f0f8b11"),
                    ("organization", "Harbour AB"),
                    ("userType", "Member"),
                    ("streetaddress", "\"Hamngatan 3\""),
                    ("emails.other", "anais@post.example"),
                ],
            ),
            (
                "piotr_mail.example#EXT#@harbour.example",
                &[
                    ("userType", "Guest"),
                    ("emailaddress", "piotr@mail.example"),
                ],
            ),
        ],
        passwords: &[
            ("anais.lindqvist@harbour.example", DEFAULT, true),
            ("piotr_mail.example#EXT#@harbour.example", DEFAULT, false),
        ],
        found: &[],
        dropped: &["usageLocation", "creationType", "createdDateTime"],
    },
    Expected {
        file: "microsoft-365-template",
        users: &[
            (
                "noor.haddad@orchard.example",
                &[
                    ("displayName", "Noor Haddad"),
                    ("title", "Grower"),
                    ("location", "R-12"),
                    ("telephone", "555-0101"),
                    ("phoneNumbers.fax", "555-0103"),
                    ("emails.other", "noor@post.example"),
                    ("stateorprovince", "WA"),
                ],
            ),
            ("ben.okoro@orchard.example", &[("givenname", "Ben")]),
        ],
        passwords: &[("ben.okoro@orchard.example", DEFAULT, true)],
        found: &[],
        dropped: &[],
    },
    Expected {
        file: "microsoft-365-users",
        users: &[
            (
                "noor.haddad@orchard.example",
                &[
                    ("externalid", "0a1b2c3d-1111-4222-8333-444455556666"),
                    ("preferredLanguage", "en-US"),
                    ("telephone", "555-0101"),
                    ("country", "United States"),
                ],
            ),
            (
                "ben.okoro@orchard.example",
                &[("identity/accountDisabled", "true")],
            ),
        ],
        passwords: &[
            ("noor.haddad@orchard.example", DEFAULT, true),
            ("ben.okoro@orchard.example", DEFAULT, false),
        ],
        found: &[],
        dropped: &["Licenses", "Proxy addresses", "When created"],
    },
    Expected {
        file: "google-template",
        users: &[
            (
                "zoe.oneill@bakery.example",
                &[
                    ("emailaddress", "zoe.oneill@bakery.example"),
                    ("givenname", "Zoë"),
                    ("lastname", "O'Neill"),
                    ("emails.other", "zoe@post.example"),
                    ("phoneNumbers.other", "+353850000001"),
                    ("telephone", "+353 1 000 0002"),
                    ("addresses.formatted", "3 Mill Lane, Dublin"),
                    ("employeeNumber", "E-0042"),
                    ("costCenter", "CC-9"),
                    ("manager", "mario@bakery.example"),
                ],
            ),
            (
                "mario@bakery.example",
                &[("identity/accountLocked", "true")],
            ),
        ],
        passwords: &[
            ("zoe.oneill@bakery.example", "Sourdough-1907", true),
            ("mario@bakery.example", "Ciabatta-1982", false),
        ],
        found: &[(4, "password-hash-scheme")],
        dropped: &[
            "Password Hash Function [UPLOAD ONLY]",
            "Org Unit Path [Required]",
            "Change Password at Next Sign-In",
        ],
    },
    Expected {
        file: "google-users",
        users: &[
            (
                "zoe.oneill@bakery.example",
                &[
                    ("employeeNumber", "E-0042"),
                    ("department", "Ovens"),
                    ("identity/accountDisabled", "false"),
                ],
            ),
            (
                "mario@bakery.example",
                &[("identity/accountDisabled", "true")],
            ),
        ],
        passwords: &[
            ("zoe.oneill@bakery.example", DEFAULT, true),
            ("zoe.oneill@bakery.example", "****", false),
            ("mario@bakery.example", DEFAULT, false),
        ],
        found: &[],
        dropped: &["Last Sign In [READ ONLY]", "2sv Enrolled [READ ONLY]"],
    },
    Expected {
        file: "okta-template",
        users: &[
            (
                "ida.brandt@lighthouse.example",
                &[
                    ("emailaddress", "ida@lighthouse.example"),
                    ("middleName", "Maja"),
                    ("honorificPrefix", "Dr."),
                    ("nickname", "Idi"),
                    ("emails.other", "ida@post.example"),
                    ("postalcode", "09990"),
                    ("country", "DK"),
                    ("local", "da_DK"),
                    ("timeZone", "Europe/Copenhagen"),
                    ("employeeNumber", "00077"),
                    ("manager", "Jens Holm"),
                ],
            ),
            ("jens.holm", &[("emailaddress", "jens@lighthouse.example")]),
        ],
        passwords: &[("jens.holm", DEFAULT, true)],
        found: &[],
        dropped: &["managerId", "badgeColour"],
    },
    Expected {
        file: "okta-users",
        users: &[
            (
                "ida.brandt@lighthouse.example",
                &[
                    ("externalid", "00u1a2b3c4d5e6f7g8h9"),
                    ("department", "Light, north"),
                    ("postalcode", "09990"),
                ],
            ),
            ("jens.holm", &[("identity/accountDisabled", "true")]),
            ("ulla.bech", &[("identity/accountDisabled", "false")]),
        ],
        passwords: &[
            ("ida.brandt@lighthouse.example", DEFAULT, true),
            ("jens.holm", DEFAULT, false),
            ("ulla.bech", DEFAULT, true),
        ],
        found: &[],
        dropped: &["Last Login Date", "Credential Provider Type", "Manager Id"],
    },
    Expected {
        file: "keycloak-users",
        users: &[
            (
                "rosa.vidal",
                &[
                    ("externalid", "9b1c7a44-3f5e-4a52-8f44-0d7a0a5b1c01"),
                    ("emailaddress", "rosa@theatre.example"),
                    ("identity/emailVerified", "true"),
                ],
            ),
            ("luc.moreau", &[("lastname", "Moreau")]),
        ],
        passwords: &[
            ("rosa.vidal", DEFAULT, true),
            ("luc.moreau", DEFAULT, false),
        ],
        found: &[],
        dropped: &["createdTimestamp"],
    },
    Expected {
        file: "keycloak-user-entity",
        users: &[
            ("rosa.vidal", &[("givenname", "Rosa")]),
            ("luc.moreau", &[("lastname", "Moreau")]),
        ],
        passwords: &[
            ("rosa.vidal", DEFAULT, true),
            ("luc.moreau", DEFAULT, false),
        ],
        found: &[],
        dropped: &["email_constraint", "realm_id", "not_before"],
    },
    Expected {
        file: "moodle-upload",
        users: &[
            (
                "aino.virta",
                &[
                    ("employeeNumber", "0012"),
                    ("organization", "North School"),
                    ("telephone", "+358 8 000 001"),
                    ("mobile", "+358 40 000 002"),
                    ("preferredLanguage", "fi"),
                    ("country", "FI"),
                ],
            ),
            ("eero.laine", &[("identity/accountDisabled", "true")]),
        ],
        passwords: &[
            ("aino.virta", "Koulu-2024!", true),
            ("eero.laine", "changeme", false),
        ],
        found: &[],
        dropped: &[
            "profile_field_year",
            "cohort1",
            "course1",
            "group1",
            "role1",
        ],
    },
    Expected {
        file: "moodle-download",
        users: &[(
            "aino.virta",
            &[("externalid", "17"), ("employeeNumber", "0012")],
        )],
        passwords: &[("aino.virta", DEFAULT, true)],
        found: &[],
        dropped: &["icq", "skype"],
    },
    Expected {
        file: "auth0-users",
        users: &[
            (
                "vera@garden.example",
                &[
                    ("emailaddress", "vera@garden.example"),
                    ("externalid", "auth0|65a1b2c3d4e5f60718293a4b"),
                    ("givenname", "Vera"),
                    ("lastname", "van 't Hof"),
                    ("identity/emailVerified", "true"),
                ],
            ),
            (
                "hooft@garden.example",
                &[("givenname", "'t"), ("displayName", "'t Hooft")],
            ),
        ],
        passwords: &[("hooft@garden.example", DEFAULT, true)],
        found: &[],
        dropped: &["Connection", "Created At", "Updated At"],
    },
    Expected {
        file: "auth0-attributes",
        users: &[
            ("vera.vth", &[("emailaddress", "vera@garden.example")]),
            ("kees.b", &[("identity/accountDisabled", "true")]),
        ],
        passwords: &[("vera.vth", DEFAULT, true), ("kees.b", DEFAULT, false)],
        found: &[],
        dropped: &[
            "user_metadata.country",
            "identities[0].connection",
            "logins_count",
        ],
    },
    Expected {
        file: "salesforce-export",
        users: &[
            (
                "carla.ruiz@quarry.example.prod",
                &[
                    ("emailaddress", "carla@quarry.example"),
                    ("externalid", "005Ax000001AbCdIAK"),
                    ("streetaddress", "Calle Mayor 5\n3º izquierda"),
                    ("stateorprovince", "Castilla y León"),
                    ("postalcode", "04200"),
                    ("division", "Stone"),
                    ("timeZone", "Europe/Madrid"),
                    ("preferredLanguage", "es"),
                    ("employeeNumber", "0815"),
                ],
            ),
            ("old.user@quarry.example", &[("lastname", "User")]),
        ],
        passwords: &[
            ("carla.ruiz@quarry.example.prod", DEFAULT, true),
            ("old.user@quarry.example", DEFAULT, false),
        ],
        found: &[],
        dropped: &[
            "Alias",
            "ProfileId",
            "UserPermissionsMarketingUser",
            "Badge__c",
        ],
    },
    Expected {
        file: "salesforce-data-loader",
        users: &[
            ("carla.ruiz@quarry.example.prod", &[("local", "es_ES")]),
            ("old.user@quarry.example", &[]),
        ],
        passwords: &[
            ("carla.ruiz@quarry.example.prod", DEFAULT, true),
            ("old.user@quarry.example", DEFAULT, false),
        ],
        found: &[],
        dropped: &["PROFILEID", "PROFILE.NAME", "USERROLE.NAME"],
    },
    Expected {
        file: "wordpress-list",
        users: &[
            (
                "greta",
                &[("displayName", "Greta Blum"), ("externalid", "1")],
            ),
            ("hugo", &[("displayName", "Hugo \"Huey\" Roth")]),
        ],
        passwords: &[("greta", DEFAULT, true)],
        found: &[],
        dropped: &["user_registered", "roles"],
    },
    Expected {
        file: "wordpress-table",
        users: &[
            ("greta", &[("url", "https://letters.example/")]),
            ("hugo", &[("emailaddress", "hugo@letters.example")]),
        ],
        passwords: &[
            ("greta", "Granatapfel-9", true),
            ("hugo", "Kirschbaum-7", true),
            ("hugo", "$P$Bq3Fv8Lw0LDtsfFQOCZ1p0NzjTpeD4/", false),
        ],
        found: &[],
        dropped: &["user_nicename", "user_status"],
    },
    Expected {
        file: "wordpress-export",
        users: &[
            (
                "greta",
                &[
                    ("givenname", "Greta"),
                    ("lastname", "Blum"),
                    ("locality", "Basel"),
                    ("country", "CH"),
                    ("telephone", "+41 61 000 00 01"),
                ],
            ),
            ("hugo", &[("nickname", "hugo")]),
        ],
        passwords: &[("hugo", DEFAULT, true)],
        found: &[],
        dropped: &["description", "wp_capabilities", "session_tokens"],
    },
];

fn file(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/presets");
    std::fs::read(folder.join(format!("{name}.csv"))).unwrap()
}

/// The value of a user by the name of a column.
fn value<'u>(user: &'u User, name: &str) -> Option<&'u str> {
    match name {
        "givenname" => user.given_name.as_deref(),
        "lastname" => user.family_name.as_deref(),
        "emailaddress" => user.email.as_deref(),
        "externalid" => user.external_id.as_deref(),
        _ => user.attributes.get(name).and_then(|value| value.as_str()),
    }
}

/// The differences from the expected result, one sentence each.
fn differences(bench: &Bench, expected: &Expected, outcome: &Outcome) -> Vec<String> {
    let mut differences = Vec::new();
    let mut names: Vec<&str> = expected.users.iter().map(|(name, _)| *name).collect();
    let mut found = outcome.user_names();
    names.sort_unstable();
    found.sort_unstable();
    if found != names {
        let (refused, findings) = (&outcome.refused, &outcome.findings);
        return vec![format!("the users are {found:?}: {refused:?} {findings:?}")];
    }
    for (name, values) in expected.users {
        let user = outcome.user(name);
        for (key, expected) in *values {
            let found = value(user, key);
            if found != Some(*expected) {
                differences.push(format!("{name}: {key} is {found:?}, expected {expected:?}"));
            }
        }
    }
    for (name, password, right) in expected.passwords {
        let answer = bench.check_password(&outcome.organization, name, password);
        if answer != *right {
            differences.push(format!("{name} can log in with {password}: {answer}"));
        }
    }
    let of_columns = |code: &str| code == "columns-ignored";
    let mut rows = outcome.codes();
    // A password that is a digest, as the next column says, has its own warning.
    rows.retain(|(_, code)| !of_columns(code) && *code != "password-looks-like-digest");
    rows.dedup();
    if rows != expected.found {
        differences.push(format!("the findings in rows: {:?}", outcome.findings));
    }
    let listed = outcome.findings.iter().find(|it| of_columns(&it.code));
    if listed.is_some_and(|it| it.severity != Severity::Warning)
        || listed.is_some() == expected.dropped.is_empty()
    {
        differences.push(format!("the columns that were dropped: {listed:?}"));
    }
    let message = listed.map_or("", |it| it.message.as_ref());
    for heading in expected.dropped {
        if !message.contains(&format!("\"{heading}\"")) {
            differences.push(format!("{heading} is not listed: {message}"));
        }
    }
    differences
}

fn import_over(channel: Channel, chosen: impl Fn(&str) -> bool) {
    let bench = Bench::start(channel);
    let mut all = Vec::new();
    for expected in FILES.iter().filter(|expected| chosen(expected.file)) {
        let bytes = file(expected.file);
        let name = format!("{}.csv", expected.file);
        let outcome = bench.import(&Upload::new(&name, &bytes));
        let found = differences(&bench, expected, &outcome).into_iter();
        all.extend(found.map(|misfit| format!("{}: {misfit}", expected.file)));
    }
    assert!(all.is_empty(), "{channel:?}\n{}", all.join("\n"));
}

#[test]
fn files_of_other_products_are_imported_over_rest() {
    import_over(Channel::RestBody, |_| true);
}

#[test]
fn files_of_other_products_are_imported_over_soap() {
    import_over(Channel::SoapInline, |_| true);
}

#[test]
fn files_of_other_products_are_imported_at_the_terminal() {
    import_over(Channel::Terminal, |_| true);
}

#[test]
fn files_of_other_products_are_imported_over_the_other_channels() {
    for channel in [
        Channel::SoapMtom,
        Channel::SoapSwa,
        Channel::UserImport,
        Channel::RestForm,
    ] {
        import_over(channel, |file| {
            matches!(file, "entra-template" | "auth0-users" | "google-users")
        });
    }
}

#[test]
fn every_fixture_has_an_expected_result() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/presets");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let listed = FILES.iter().any(|it| format!("{}.csv", it.file) == name);
        assert!(listed, "{name}");
    }
}
