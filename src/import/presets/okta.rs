//! Okta: the template of "Import users from CSV", whose headings are the attributes of the user profile, and
//! the export of the administrators' extension rockstar, which Okta's documentation recommends.

use crate::import::presets::preset::{Preset, Rule, Rule::Drop, Rule::To, Rule::Words, whole};

/// `login,firstName,lastName,middleName,…,managerId,manager`, and attributes defined by the organization.
pub(super) static TEMPLATE: Preset = Preset {
    name: "Okta (CSV import template)",
    signature: &[
        &["login"],
        &["secondEmail", "primaryPhone"],
        &["firstName", "lastName", "email"],
    ],
    without: &[],
    key: whole,
    columns: &[TEMPLATE_COLUMNS],
    apostrophes: false,
};

const TEMPLATE_COLUMNS: &[(&str, Rule)] = &[
    ("login", To("username")),
    ("firstName", To("givenname")),
    ("lastName", To("lastname")),
    ("middleName", To("middleName")),
    ("honorificPrefix", To("honorificPrefix")),
    ("honorificSuffix", To("honorificSuffix")),
    ("email", To("emailaddress")),
    ("title", To("title")),
    ("displayName", To("displayName")),
    ("nickName", To("nickname")),
    ("profileUrl", To("profileUrl")),
    ("secondEmail", To("emails.other")),
    ("mobilePhone", To("mobile")),
    ("primaryPhone", To("telephone")),
    ("streetAddress", To("streetaddress")),
    ("city", To("locality")),
    ("state", To("stateorprovince")),
    ("zipCode", To("postalcode")),
    ("countryCode", To("country")),
    ("postalAddress", To("addresses.formatted")),
    ("preferredLanguage", To("preferredLanguage")),
    ("locale", To("local")),
    ("timezone", To("timeZone")),
    ("userType", To("userType")),
    ("employeeNumber", To("employeeNumber")),
    ("costCenter", To("costCenter")),
    ("organization", To("organization")),
    ("division", To("division")),
    ("department", To("department")),
    ("manager", To("manager")),
    ("managerId", Drop),
    ("id", To("externalid")),
    (
        "status",
        Words("http://wso2.org/claims/identity/accountDisabled", STATES),
    ),
    ("password", To("password")),
    ("groupid", Drop),
    ("group*", Drop),
    ("role*", Drop),
    // Attributes that the organization added to the profile.
    ("*", Drop),
];

/// `User Id,Status,Username,First name,Last name,Primary email`, and further attributes by title.
pub(super) static EXPORT: Preset = Preset {
    name: "Okta (export by rockstar)",
    signature: &[&["username"], &["primary email"], &["user id", "status"]],
    without: &[],
    key: whole,
    columns: &[EXPORT_COLUMNS],
    apostrophes: false,
};

const EXPORT_COLUMNS: &[(&str, Rule)] = &[
    ("username", To("username")),
    ("user id", To("externalid")),
    (
        "status",
        Words("http://wso2.org/claims/identity/accountDisabled", STATES),
    ),
    ("first name", To("givenname")),
    ("last name", To("lastname")),
    ("middle name", To("middleName")),
    ("honorific prefix", To("honorificPrefix")),
    ("honorific suffix", To("honorificSuffix")),
    ("primary email", To("emailaddress")),
    ("secondary email", To("emails.other")),
    ("title", To("title")),
    ("display name", To("displayName")),
    ("nickname", To("nickname")),
    ("profile url", To("profileUrl")),
    ("mobile phone", To("mobile")),
    ("primary phone", To("telephone")),
    ("street address", To("streetaddress")),
    ("city", To("locality")),
    ("state", To("stateorprovince")),
    ("zip code", To("postalcode")),
    ("country code", To("country")),
    ("postal address", To("addresses.formatted")),
    ("preferred language", To("preferredLanguage")),
    ("locale", To("local")),
    ("time zone", To("timeZone")),
    ("user type", To("userType")),
    ("employee number", To("employeeNumber")),
    ("cost center", To("costCenter")),
    ("organization", To("organization")),
    ("division", To("division")),
    ("department", To("department")),
    ("manager", To("manager")),
    // Dates, the identity provider, and attributes that the organization added to the profile.
    ("*", Drop),
];

/// Whether an account in this state is disabled. Users can sign in, some after they set a password, unless
/// the account is locked out, suspended or was never activated. Any other word fails the row.
const STATES: &[(&str, &str)] = &[
    ("ACTIVE", "false"),
    ("PROVISIONED", "false"),
    ("RECOVERY", "false"),
    ("PASSWORD_EXPIRED", "false"),
    ("PASSWORD_RESET", "false"),
    ("STAGED", "true"),
    ("LOCKED_OUT", "true"),
    ("SUSPENDED", "true"),
    ("DEPROVISIONED", "true"),
];
