//! Microsoft 365 admin center: the template of "Add multiple users" and the file of "Export users".

use crate::import::presets::preset::{Preset, Rule, Rule::Drop, Rule::To, whole};

/// `Username,First name,Last name,Display name,Job title,…`; older templates begin with `User Name`.
pub(super) static TEMPLATE: Preset = Preset {
    name: "Microsoft 365 admin center (template)",
    signature: &[
        &["username"],
        &["office number", "office phone"],
        &[
            "state or province",
            "zip or postal code",
            "country or region",
        ],
    ],
    without: &[],
    key: whole,
    columns: &[TEMPLATE_COLUMNS],
    apostrophes: false,
};

const TEMPLATE_COLUMNS: &[(&str, Rule)] = &[
    ("username", To("username")),
    ("first name", To("givenname")),
    ("last name", To("lastname")),
    ("display name", To("displayName")),
    ("job title", To("title")),
    ("department", To("department")),
    ("office number", To("location")),
    ("office phone", To("telephone")),
    ("mobile phone", To("mobile")),
    ("fax", To("phoneNumbers.fax")),
    ("alternate email address", To("emails.other")),
    ("address", To("streetaddress")),
    ("city", To("locality")),
    ("state or province", To("stateorprovince")),
    ("zip or postal code", To("postalcode")),
    ("country or region", To("country")),
];

/// `Block credential,City,Country/Region,…,User principal name,When created`.
pub(super) static EXPORT: Preset = Preset {
    name: "Microsoft 365 admin center (export)",
    signature: &[&["user principal name"], &["block credential"]],
    without: &[],
    key: whole,
    columns: &[EXPORT_COLUMNS],
    apostrophes: false,
};

const EXPORT_COLUMNS: &[(&str, Rule)] = &[
    ("user principal name", To("username")),
    ("display name", To("displayName")),
    ("first name", To("givenname")),
    ("last name", To("lastname")),
    ("object id", To("externalid")),
    (
        "block credential",
        To("http://wso2.org/claims/identity/accountDisabled"),
    ),
    ("title", To("title")),
    ("department", To("department")),
    ("office", To("location")),
    ("street address", To("streetaddress")),
    ("city", To("locality")),
    ("state", To("stateorprovince")),
    ("stateorprovince", To("stateorprovince")),
    ("postal code", To("postalcode")),
    ("country/region", To("country")),
    ("countryorregion", To("country")),
    ("phone number", To("telephone")),
    ("mobile phone", To("mobile")),
    ("fax", To("phoneNumbers.fax")),
    ("preferred language", To("preferredLanguage")),
    ("alternate email addresses", To("emails.other")),
    ("proxy addresses", Drop),
    ("dirsyncenabled", Drop),
    ("last dirsync time", Drop),
    ("last password change time stamp", Drop),
    ("license assignment details", Drop),
    ("licenses", Drop),
    ("oath token meta data", Drop),
    ("password never expires", Drop),
    ("strong password required", Drop),
    ("preferred data location", Drop),
    ("release track", Drop),
    ("soft deletion time stamp", Drop),
    ("usage location", Drop),
    ("when created", Drop),
];
