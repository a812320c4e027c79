//! Auth0: exports of its dashboard, its extension and its API as CSV. Headings are titles (`Email Verified`),
//! names of attributes (`email_verified`), or what was chosen for them. Every text has an apostrophe before
//! it, against formulas. Accounts of a database may have a user name beside the e-mail address; where the
//! file has none, the address is what users log in with.

use crate::import::presets::preset::{
    Preset, Rule, Rule::Drop, Rule::NameAndEmail, Rule::To, without_apostrophe,
};

/// With a column for user names.
pub(super) static BY_USER_NAME: Preset = Preset {
    name: "Auth0 (user export)",
    signature: &[&["username"], &["user_id", "id"], MARKS],
    without: OTHERS,
    key: without_apostrophe,
    columns: &[USER_NAME, COLUMNS],
    apostrophes: true,
};

/// Without one.
pub(super) static BY_EMAIL: Preset = Preset {
    name: "Auth0 (user export)",
    signature: &[&["email"], &["user_id", "id"], MARKS],
    without: OTHERS,
    key: without_apostrophe,
    columns: &[EMAIL_IS_USER_NAME, COLUMNS],
    apostrophes: true,
};

/// What no plain file has: one of these beside an id.
const MARKS: &[&str] = &[
    "email_verified",
    "identities*",
    "logins_count",
    "user_metadata*",
    "app_metadata*",
];

/// What Keycloak's files have.
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
