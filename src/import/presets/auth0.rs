//! Auth0: CSV exports of its dashboard, its extension and its API. Headings are titles (`Email Verified`),
//! names of attributes (`email_verified`), or names chosen by the exporter. Every text has an apostrophe
//! before it, as a guard against formulas. Database accounts may have a user name in addition to the e-mail
//! address; in a file without user names, users log in with the address.

use crate::import::presets::preset::{
    Preset, Rule, Rule::Drop, Rule::NameAndEmail, Rule::To, without_apostrophe,
};

/// With a column of user names.
pub(super) static BY_USER_NAME: Preset = Preset {
    name: "Auth0 (user export)",
    signature: &[&["username"], &["user_id", "id"], MARKS],
    without: OTHERS,
    key: without_apostrophe,
    columns: &[USER_NAME, COLUMNS],
    apostrophes: true,
};

/// Without a column of user names.
pub(super) static BY_EMAIL: Preset = Preset {
    name: "Auth0 (user export)",
    signature: &[&["email"], &["user_id", "id"], MARKS],
    without: OTHERS,
    key: without_apostrophe,
    columns: &[EMAIL_IS_USER_NAME, COLUMNS],
    apostrophes: true,
};

/// Headings that no other file has together with an id.
const MARKS: &[&str] = &[
    "email_verified",
    "identities*",
    "logins_count",
    "user_metadata*",
    "app_metadata*",
];

/// Headings of Keycloak's files.
const OTHERS: &[&str] = &["enabled", "realm_id", "createdTimestamp"];

const USER_NAME: &[(&str, Rule)] = &[("username", To("username")), ("email", To("emailaddress"))];

const EMAIL_IS_USER_NAME: &[(&str, Rule)] = &[("email", NameAndEmail)];

const COLUMNS: &[(&str, Rule)] = &[
    ("user_id", To("externalid")),
    ("id", To("externalid")),
    ("given_name", To("givenname")),
    ("family_name", To("lastname")),
    ("name", To("displayName")),
    ("nickname", To("nickname")),
    ("phone_number", To("mobile")),
    ("locale", To("local")),
    ("picture", To("photourl")),
    (
        "email_verified",
        To("http://wso2.org/claims/identity/emailVerified"),
    ),
    (
        "phone_verified",
        To("http://wso2.org/claims/identity/phoneVerified"),
    ),
    (
        "blocked",
        To("http://wso2.org/claims/identity/accountDisabled"),
    ),
    ("connection", Drop),
    ("provider", Drop),
    ("identities[0].connection", Drop),
    ("identities[0].provider", Drop),
    ("identities[0].user_id", Drop),
    ("identities*", Drop),
    ("created_at", Drop),
    ("updated_at", Drop),
    ("last_login", Drop),
    ("last_ip", Drop),
    ("last_password_reset", Drop),
    ("logins_count", Drop),
    ("multifactor*", Drop),
    ("user_metadata*", Drop),
    ("app_metadata*", Drop),
];
