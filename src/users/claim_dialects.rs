//! The claim URIs of the other default dialects of WSO2 Identity Server (WS-Trust, OpenID Attribute
//! Exchange, SCIM), and the claims of its own dialect that they map to.
//!
//! The table follows the `claim-config.xml` that WSO2 Identity Server ships, with three exceptions:
//! the enterprise extension of SCIM 2.0 and `profileUrl`, which it maps to claims of another
//! meaning, and groups, which are given by roles. Claims whose names are not URIs (OpenID Connect's
//! `given_name`) are left out.

/// A URI prefix, and the claims for the rest of the URI.
type Dialect = (&'static str, &'static [(&'static str, &'static str)]);

/// The table.
const DIALECTS: &[Dialect] = &[
    (
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/",
        &[
            ("givenname", "givenname"),
            ("nickname", "nickname"),
            ("surname", "lastname"),
            ("emailaddress", "emailaddress"),
            ("dateofbirth", "dob"),
            ("gender", "gender"),
            ("country", "country"),
            ("streetaddress", "streetaddress"),
            ("homephone", "phoneNumbers.home"),
            ("otherphone", "otherphone"),
            ("mobile", "mobile"),
            // The dialect's specification spells this one with "phone".
            ("mobilephone", "mobile"),
            ("locality", "locality"),
            ("stateorprovince", "stateorprovince"),
            ("postalcode", "postalcode"),
            ("privatepersonalidentifier", "im"),
        ],
    ),
    (
        "http://axschema.org/",
        &[
            ("namePerson/first", "givenname"),
            ("namePerson/last", "lastname"),
            ("contact/email", "emailaddress"),
            ("contact/country/home", "country"),
            ("pref/timezone", "timeZone"),
            ("birthDate", "dob"),
            ("contact/postalCode/home", "postalcode"),
            ("person/gender", "gender"),
            ("pref/language", "preferredLanguage"),
        ],
    ),
    ("urn:scim:schemas:core:1.0:", SCIM),
    (
        "urn:scim:schemas:core:1.0:",
        &[
            ("id", "userid"),
            // An earlier version used this spelling.
            ("local", "local"),
            ("addresses.locality", "addresses.locality"),
            ("addresses.region", "region"),
            ("addresses.streetAddress", "streetaddress"),
            ("addresses.postalCode", "postalcode"),
            ("addresses.country", "country"),
            ("roles", "role"),
            ("entitlements", "entitlements"),
            ("x509Certificates", "x509Certificates"),
        ],
    ),
    (
        "urn:ietf:params:scim:schemas:core:2.0:",
        &[
            ("id", "userid"),
            ("externalId", "externalid"),
            ("meta.created", "created"),
            ("meta.lastModified", "modified"),
            ("meta.resourceType", "resourceType"),
            ("meta.location", META),
            ("meta.version", META),
        ],
    ),
    ("urn:ietf:params:scim:schemas:core:2.0:User:", SCIM),
    (
        "urn:ietf:params:scim:schemas:core:2.0:User:",
        &[
            ("addresses.home", "addresses.locality"),
            ("addresses.work", "region"),
            ("roles.default", "role"),
            ("entitlements.default", "entitlements"),
            ("x509Certificates.default", "x509Certificates"),
        ],
    ),
    (
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:",
        &[
            ("employeeNumber", "employeeNumber"),
            ("costCenter", "costCenter"),
            ("organization", "organization"),
            ("division", "division"),
            ("department", "department"),
            ("manager.value", "manager"),
            ("manager.$ref", "extendedRef"),
            ("manager.displayName", "extendedDisplayName"),
            ("accountLocked", "identity/accountLocked"),
            ("accountDisabled", "identity/accountDisabled"),
            ("askPassword", "identity/askPassword"),
            ("verifyEmail", "identity/verifyEmail"),
        ],
    ),
];

/// Attributes that both versions of SCIM have.
const SCIM: &[(&str, &str)] = &[
    ("externalId", "externalid"),
    ("meta.created", "created"),
    ("meta.lastModified", "modified"),
    ("meta.resourceType", "resourceType"),
    ("meta.location", META),
    ("meta.version", META),
    ("userName", "username"),
    ("name.givenName", "givenname"),
    ("name.familyName", "lastname"),
    ("name.formatted", "formattedName"),
    ("name.middleName", "middleName"),
    ("name.honorificPrefix", "honorificPrefix"),
    ("name.honorificSuffix", "honorificSuffix"),
    ("displayName", "displayName"),
    ("nickName", "nickname"),
    ("profileUrl", "profileUrl"),
    ("title", "title"),
    ("userType", "userType"),
    ("preferredLanguage", "preferredLanguage"),
    ("locale", "local"),
    ("timeZone", "timeZone"),
    ("timezone", "timeZone"),
    ("active", "active"),
    ("emails", "emailaddress"),
    ("emails.work", "emails.work"),
    ("emails.home", "emails.home"),
    ("emails.other", "emails.other"),
    ("phoneNumbers", "phoneNumbers"),
    ("phoneNumbers.mobile", "mobile"),
    ("phoneNumbers.home", "phoneNumbers.home"),
    ("phoneNumbers.work", "phoneNumbers.work"),
    ("phoneNumbers.fax", "phoneNumbers.fax"),
    ("phoneNumbers.pager", "phoneNumbers.pager"),
    ("phoneNumbers.other", "phoneNumbers.other"),
    ("ims", "im"),
    ("ims.gtalk", "gtalk"),
    ("ims.skype", "skype"),
    ("photos", "photos"),
    ("photos.photo", "photourl"),
    ("photos.thumbnail", "thumbnail"),
    ("addresses", "addresses"),
    ("addresses.formatted", "addresses.formatted"),
];

/// The server's own claims on a resource, which have no counterpart in WSO2's dialect.
pub const META: &str = "meta";

/// Each URI, and the local name of the claim that it maps to.
pub fn aliases() -> impl Iterator<Item = (String, &'static str)> {
    DIALECTS.iter().flat_map(|(dialect, claims)| {
        claims
            .iter()
            .map(move |(name, local)| (format!("{dialect}{name}"), *local))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_uri_maps_to_two_claims() {
        let mut seen = HashSet::new();
        for (uri, _) in aliases() {
            assert!(seen.insert(uri.clone()), "{uri}");
        }
        assert!(seen.len() > 120, "{}", seen.len());
    }
}
