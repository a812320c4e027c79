//! Keycloak: users with the names of its REST API (`kcadm.sh get users`, and importers that read CSV), and
//! the table `user_entity` of its database. `kcadm.sh --format csv` itself writes no headings.

use crate::import::presets::preset::{Preset, Rule, Rule::Drop, Rule::To, whole};

/// `id,username,email,firstName,lastName,emailVerified,enabled,createdTimestamp`, in either spelling.
pub(super) static PRESET: Preset = Preset {
    name: "Keycloak (users, or the table user_entity)",
    signature: &[
        &["username"],
        &[
            "createdTimestamp",
            "emailVerified",
            "emailConstraint",
            "requiredActions",
            "realmRoles",
            "federationLink",
            "disableableCredentialTypes",
        ],
        &[
            "enabled",
            "createdTimestamp",
            "realmId",
            "realmRoles",
            "credentials",
            "requiredActions",
        ],
    ],
    // Auth0's files may also have a verified address.
    without: &["user_id", "connection", "identities*"],
    key: whole,
    columns: &[COLUMNS],
    apostrophes: false,
};

const COLUMNS: &[(&str, Rule)] = &[
    ("username", To("username")),
    ("id", To("externalid")),
    ("email", To("emailaddress")),
    ("firstName", To("givenname")),
    ("lastName", To("lastname")),
    ("enabled", To("active")),
    (
        "emailVerified",
        To("http://wso2.org/claims/identity/emailVerified"),
    ),
    ("password", To("password")),
    ("credentials", To("password")),
    ("locale", To("local")),
    ("attributes.locale", To("local")),
    ("temporary*", Drop),
    ("createdTimestamp", Drop),
    ("totp", Drop),
    ("notBefore", Drop),
    ("disableableCredentialTypes", Drop),
    ("requiredActions", Drop),
    ("realmId", Drop),
    ("emailConstraint", Drop),
    ("federat*", Drop),
    ("serviceAccountClient*", Drop),
    ("clientConsents", Drop),
    ("origin", Drop),
    ("self", Drop),
    ("access*", Drop),
    ("userProfileMetadata", Drop),
    ("groups", Drop),
    ("roles", Drop),
    ("realmRoles", Drop),
    ("clientRoles*", Drop),
    ("attributes*", Drop),
];
