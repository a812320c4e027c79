//! WordPress: `wp user list --format=csv`, the file of `wp user import-csv`, the table `wp_users`, and the
//! files of common export plugins: the same names, followed by any keys of `wp_usermeta`.

use crate::import::presets::preset::{Preset, Rule, Rule::Drop, Rule::To, whole};

/// `ID,user_login,display_name,user_email,user_registered,roles`, `user_pass`, and further fields.
pub(super) static PRESET: Preset = Preset {
    name: "WordPress (users)",
    signature: &[
        &["user_login"],
        &[
            "user_email",
            "user_pass",
            "user_nicename",
            "user_registered",
            "user_status",
        ],
    ],
    without: &[],
    key: whole,
    columns: &[COLUMNS],
    apostrophes: false,
};

const COLUMNS: &[(&str, Rule)] = &[
    ("user_login", To("username")),
    ("user_pass", To("password")),
    ("user_email", To("emailaddress")),
    ("id", To("externalid")),
    ("first_name", To("givenname")),
    ("last_name", To("lastname")),
    ("display_name", To("displayName")),
    ("nickname", To("nickname")),
    ("user_url", To("url")),
    ("locale", To("local")),
    // In a network of sites: marked as spam, marked as deleted.
    (
        "spam",
        To("http://wso2.org/claims/identity/accountDisabled"),
    ),
    (
        "deleted",
        To("http://wso2.org/claims/identity/accountLocked"),
    ),
    // WooCommerce's customer address.
    ("billing_company", To("organization")),
    ("billing_address_1", To("streetaddress")),
    ("billing_city", To("locality")),
    ("billing_state", To("stateorprovince")),
    ("billing_postcode", To("postalcode")),
    ("billing_country", To("country")),
    ("billing_phone", To("telephone")),
    // Roles and capabilities are specific to WordPress; `wp_usermeta` may have any key.
    ("*", Drop),
];
