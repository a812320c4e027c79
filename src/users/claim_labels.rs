//! Names of fields for people, as a menu shows them.

use std::borrow::Cow;

use crate::users::claims::Field;

/// Labels of attributes whose names are not understood by themselves.
const ATTRIBUTE_LABELS: [(&str, &str); 63] = [
    ("active", "Active"),
    ("addresses", "Address"),
    ("addresses.formatted", "Address, formatted"),
    ("addresses.locality", "Address, city"),
    ("country", "Country"),
    ("costCenter", "Cost center"),
    ("department", "Department"),
    ("displayName", "Display name"),
    ("division", "Division"),
    ("dob", "Date of birth"),
    ("employeeNumber", "Employee number"),
    ("emails.home", "E-mail, home"),
    ("emails.other", "E-mail, other"),
    ("emails.work", "E-mail, work"),
    ("entitlements", "Entitlements"),
    ("extendedDisplayName", "Display name of the manager"),
    ("extendedExternalId", "External id, extended"),
    ("extendedRef", "Reference of the manager"),
    ("formattedName", "Name, formatted"),
    ("fullname", "Full name"),
    ("gender", "Gender"),
    ("gtalk", "Google Talk"),
    ("honorificPrefix", "Title before the name"),
    ("honorificSuffix", "Suffix after the name"),
    ("im", "Instant messaging"),
    ("local", "Locale"),
    ("locality", "City"),
    ("location", "Location"),
    ("manager", "Manager"),
    ("middleName", "Middle name"),
    ("mobile", "Mobile phone"),
    ("nickname", "Nickname"),
    ("organization", "Organization"),
    ("otherphone", "Phone, other"),
    ("phoneNumbers", "Phone numbers"),
    ("phoneNumbers.fax", "Fax"),
    ("phoneNumbers.home", "Phone, home"),
    ("phoneNumbers.other", "Phone number, other"),
    ("phoneNumbers.pager", "Pager"),
    ("phoneNumbers.work", "Phone, work"),
    ("photos", "Photos"),
    ("photourl", "Photo, URL"),
    ("postalcode", "Postal code"),
    ("preferredLanguage", "Preferred language"),
    ("profileUrl", "Profile, URL"),
    ("region", "Region"),
    ("skype", "Skype"),
    ("stateorprovince", "State or province"),
    ("streetaddress", "Street"),
    ("telephone", "Phone"),
    ("thumbnail", "Thumbnail"),
    ("timeZone", "Time zone"),
    ("title", "Job title"),
    ("url", "Web site"),
    ("userType", "User type"),
    ("x509Certificates", "X.509 certificates"),
    ("identity/accountDisabled", "Account disabled"),
    ("identity/accountLocked", "Account locked"),
    ("identity/askPassword", "Ask for a password"),
    ("identity/emailVerified", "E-mail verified"),
    ("identity/phoneVerified", "Phone verified"),
    ("identity/preferredChannel", "Preferred channel"),
    ("identity/verifyEmail", "Verify the e-mail"),
];

/// The label of a field: `E-mail address`. An attribute of the settings has its own name.
pub fn label(field: &Field) -> Cow<'_, str> {
    let label = match field {
        Field::UserName => "User name",
        Field::Password => "Password",
        Field::GivenName => "Given name",
        Field::FamilyName => "Family name",
        Field::Email => "E-mail address",
        Field::ExternalId => "External id",
        Field::Roles => "Roles, separated by colons",
        Field::Groups => "Roles, separated by vertical bars",
        Field::ClaimCells => "Claims (claimURI=value)",
        Field::SetByServer(_) => "Set by the server, ignored",
        Field::Attribute(name) => {
            let known = ATTRIBUTE_LABELS.iter().find(|(known, _)| known == name);
            return known.map_or(Cow::Borrowed(name.as_ref()), |(_, label)| {
                Cow::Borrowed(*label)
            });
        }
    };
    Cow::Borrowed(label)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::users::claims::ClaimTable;

    #[test]
    fn every_built_in_attribute_has_a_label_of_its_own() {
        let table = ClaimTable::new(&Default::default());
        let mut seen = HashSet::new();
        for field in table.targets() {
            let label = label(field);
            if let Field::Attribute(name) = field {
                let known = ATTRIBUTE_LABELS.iter().any(|(known, _)| known == name);
                assert!(known, "{name} has no label");
            }
            assert!(seen.insert(label.clone()), "{label} is used twice");
        }
        assert!(seen.len() > 60, "{} labels", seen.len());
        let own = Field::Attribute("badge".into());
        assert_eq!(label(&own), "badge");
    }
}
