//! Microsoft Entra ID: the template of "Bulk create" and the file of "Download users". Properties have the
//! names of Microsoft Graph. In the template they are in square brackets after a text that the portal
//! translates.

use crate::import::presets::preset::{
    Preset, Rule, Rule::Drop, Rule::Example, Rule::To, in_brackets, whole,
};

/// `Name [displayName] Required,User name [userPrincipalName] Required,…`, below `version:v1.0`.
pub(super) static TEMPLATE: Preset = Preset {
    name: "Microsoft Entra ID (bulk create template)",
    signature: &[&["userPrincipalName"], &["passwordProfile"]],
    without: &[],
    key: in_brackets,
    columns: &[TEMPLATE_COLUMNS],
    apostrophes: false,
};

const TEMPLATE_COLUMNS: &[(&str, Rule)] = &[
    ("displayName", Example("displayName")),
    ("userPrincipalName", To("username")),
    ("passwordProfile", To("password")),
    // The name of the property contradicts the heading: "Block sign in (Yes/No) [accountEnabled]".
    (
        "accountEnabled",
        To("http://wso2.org/claims/identity/accountDisabled"),
    ),
    ("givenName", To("givenname")),
    ("surname", To("lastname")),
    ("jobTitle", To("title")),
    ("department", To("department")),
    ("usageLocation", Drop),
    ("streetAddress", To("streetaddress")),
    ("state", To("stateorprovince")),
    ("country", To("country")),
    ("physicalDeliveryOfficeName", To("location")),
    ("city", To("locality")),
    ("postalCode", To("postalcode")),
    ("telephoneNumber", To("telephone")),
    ("mobile", To("mobile")),
];

/// Lists of properties: "Download users", and files for scripts with the same names.
pub(super) static EXPORT: Preset = Preset {
    name: "Microsoft Entra ID (list of users)",
    signature: &[
        &["userPrincipalName"],
        &[
            "accountEnabled",
            "objectId",
            "userType",
            "usageLocation",
            "creationType",
            "directorySynced",
            "mailNickname",
            "passwordProfile",
        ],
    ],
    // The last two belong to Active Directory, whose user name is a different property.
    without: &["blockCredential", "sAMAccountName", "distinguishedName"],
    key: whole,
    columns: &[EXPORT_COLUMNS],
    apostrophes: false,
};

const EXPORT_COLUMNS: &[(&str, Rule)] = &[
    ("userPrincipalName", To("username")),
    ("displayName", To("displayName")),
    ("surname", To("lastname")),
    ("givenName", To("givenname")),
    ("mail", To("emailaddress")),
    ("objectId", To("externalid")),
    ("id", To("externalid")),
    ("userType", To("userType")),
    ("jobTitle", To("title")),
    ("department", To("department")),
    ("companyName", To("organization")),
    ("employeeId", To("employeeNumber")),
    ("accountEnabled", To("active")),
    ("streetAddress", To("streetaddress")),
    ("state", To("stateorprovince")),
    ("country", To("country")),
    ("city", To("locality")),
    ("postalCode", To("postalcode")),
    ("physicalDeliveryOfficeName", To("location")),
    ("officeLocation", To("location")),
    ("telephoneNumber", To("telephone")),
    ("businessPhones", To("telephone")),
    ("mobile", To("mobile")),
    ("mobilePhone", To("mobile")),
    ("faxNumber", To("phoneNumbers.fax")),
    ("alternateEmailAddress", To("emails.other")),
    ("otherMails", To("emails.other")),
    ("preferredLanguage", To("preferredLanguage")),
    ("manager", To("manager")),
    ("password", To("password")),
    ("passwordProfile", To("password")),
    ("authenticationPhoneNumber", Drop),
    ("authenticationAlternativePhoneNumber", Drop),
    ("authenticationEmail", Drop),
    ("usageLocation", Drop),
    ("mailNickname", Drop),
    ("proxyAddresses", Drop),
    ("employeeType", Drop),
    ("employeeHireDate", Drop),
    ("ageGroup", Drop),
    ("consentProvidedForMinor", Drop),
    ("legalAgeGroupClassification", Drop),
    ("creationType", Drop),
    ("directorySynced", Drop),
    ("invitationState", Drop),
    ("externalUserState", Drop),
    ("identityIssuer", Drop),
    ("identities", Drop),
    ("createdDateTime", Drop),
    ("lastPasswordChangeDateTime", Drop),
    ("lastSignInDateTime", Drop),
    ("passwordPolicies", Drop),
    ("forceChangePasswordNextSignIn", Drop),
    ("assignedLicenses", Drop),
    ("licenses", Drop),
    ("onPremises*", Drop),
    ("extension_*", Drop),
];
