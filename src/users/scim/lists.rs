//! Multi-valued attributes of users and how they are kept.
//!
//! A CSV file's claims hold one value each: `mobile`, `emails.work`, `country`. The same values are
//! elements of SCIM's multi-valued attributes, and each is kept once, under its claim. Where a client
//! wrote what claims cannot say (a second number of the same type, `display`, an order), the list is
//! kept beside them, its elements without the values that are in claims.

use serde_json::{Map, Value};

/// Begins the key, among a user's attributes, of a list that claims cannot say.
pub const LIST_PREFIX: &str = "scim:";

/// The e-mail address has a place of its own beside the attributes.
const EMAILS: &str = "emails";

/// The sub-attribute that holds an element's value.
const VALUE: &str = "value";

/// A claim, and the element that holds its value: attribute and type. Of two with the same type the
/// first is the one that is written.
const CLAIMS: &[(&str, &str, Option<&str>)] = &[
    ("emails.work", EMAILS, Some("work")),
    ("emails.home", EMAILS, Some("home")),
    ("emails.other", EMAILS, Some("other")),
    ("telephone", "phoneNumbers", Some("work")),
    ("mobile", "phoneNumbers", Some("mobile")),
    ("otherphone", "phoneNumbers", Some("other")),
    ("phoneNumbers.work", "phoneNumbers", Some("work")),
    ("phoneNumbers.home", "phoneNumbers", Some("home")),
    ("phoneNumbers.fax", "phoneNumbers", Some("fax")),
    ("phoneNumbers.pager", "phoneNumbers", Some("pager")),
    ("phoneNumbers.other", "phoneNumbers", Some("other")),
    ("im", "ims", None),
    ("photourl", "photos", Some("photo")),
    ("thumbnail", "photos", Some("thumbnail")),
    ("photos", "photos", None),
    ("entitlements", "entitlements", None),
    ("x509Certificates", "x509Certificates", None),
];

/// Attributes whose values are lists, in the order in which they are shown; addresses are made of
/// several claims each and have a table of their own.
const LISTS: &[&str] = &[
    EMAILS,
    "phoneNumbers",
    "ims",
    "photos",
    "entitlements",
    "roles",
    "x509Certificates",
];

const ADDRESSES: &str = "addresses";

/// A claim, and the sub-attribute of the one address that claims can say.
const ADDRESS_CLAIMS: &[(&str, &str)] = &[
    ("addresses.formatted", "formatted"),
    ("addresses", "formatted"),
    ("streetaddress", "streetAddress"),
    ("locality", "locality"),
    ("addresses.locality", "locality"),
    ("stateorprovince", "region"),
    ("region", "region"),
    ("postalcode", "postalCode"),
    ("country", "country"),
];

/// Puts the multi-valued attributes of a user into a document.
pub fn show(
    email: Option<&str>,
    attributes: &Map<String, Value>,
    document: &mut Map<String, Value>,
) {
    for name in LISTS {
        let list = elements(name, email, attributes);
        if !list.is_empty() {
            document.insert((*name).to_owned(), Value::Array(list));
        }
    }
    let list = addresses(attributes);
    if !list.is_empty() {
        document.insert(ADDRESSES.to_owned(), Value::Array(list));
    }
}

/// Takes the multi-valued attributes out of a canonical document and into a user's attributes;
/// answers the e-mail address.
pub fn take(
    document: &mut Map<String, Value>,
    attributes: &mut Map<String, Value>,
) -> Option<String> {
    let mut email = None;
    for name in LISTS {
        if let Some(Value::Array(list)) = document.remove(*name) {
            keep(name, list, &mut email, attributes);
        }
    }
    if let Some(Value::Array(list)) = document.remove(ADDRESSES) {
        keep_addresses(list, attributes);
    }
    email
}

fn key(name: &str) -> String {
    format!("{LIST_PREFIX}{name}")
}

fn kind(element: &Map<String, Value>) -> Option<&str> {
    element.get("type").and_then(Value::as_str)
}

fn claims_of(name: &str) -> impl Iterator<Item = (&'static str, Option<&'static str>)> {
    CLAIMS
        .iter()
        .filter(move |(_, attribute, _)| *attribute == name)
        .map(|(claim, _, kind)| (*claim, *kind))
}

/// The claim that the value of an element of this type is written to.
fn home(name: &str, kind: Option<&str>) -> Option<&'static str> {
    claims_of(name)
        .find(|(_, of)| match (of, kind) {
            (Some(of), Some(kind)) => of.eq_ignore_ascii_case(kind),
            (None, None) => true,
            _ => false,
        })
        .map(|(claim, _)| claim)
}

/// The position of the element that the e-mail address, or the address of the claims, stands for.
fn main_position(list: &[Value]) -> usize {
    list.iter()
        .position(|element| element.get("primary") == Some(&Value::Bool(true)))
        .unwrap_or(0)
}

fn elements(name: &str, email: Option<&str>, attributes: &Map<String, Value>) -> Vec<Value> {
    let mut used: Vec<&str> = Vec::new();
    let mut shown = Vec::new();
    let mut main_shown = false;
    if let Some(Value::Array(list)) = attributes.get(&key(name)) {
        let main = main_position(list);
        for (position, element) in list.iter().enumerate() {
            let Value::Object(element) = element else {
                continue;
            };
            let mut element = element.clone();
            match element.get(VALUE) {
                // It was written without a value.
                Some(Value::Null) => {
                    element.remove(VALUE);
                }
                Some(_) => {}
                None => {
                    let value = if name == EMAILS && position == main {
                        main_shown = true;
                        email
                    } else {
                        let claim = home(name, kind(&element));
                        used.extend(claim);
                        claim.and_then(|claim| attributes.get(claim)?.as_str())
                    };
                    // The claim has been cleared since.
                    let Some(value) = value else { continue };
                    element.insert(VALUE.to_owned(), value.into());
                }
            }
            shown.push(Value::Object(element));
        }
    }
    if name == EMAILS
        && !main_shown
        && let Some(email) = email
    {
        let primary = !shown
            .iter()
            .any(|element| element.get("primary") == Some(&Value::Bool(true)));
        let mut element = Map::new();
        element.insert(VALUE.to_owned(), email.into());
        if primary {
            element.insert("primary".to_owned(), true.into());
        }
        shown.push(element.into());
    }
    for (claim, kind) in claims_of(name) {
        if used.contains(&claim) {
            continue;
        }
        if let Some(value) = attributes.get(claim).and_then(Value::as_str) {
            let mut element = Map::new();
            element.insert(VALUE.to_owned(), value.into());
            if let Some(kind) = kind {
                element.insert("type".to_owned(), kind.into());
            }
            shown.push(element.into());
        }
    }
    shown
}

fn keep(
    name: &str,
    list: Vec<Value>,
    email: &mut Option<String>,
    attributes: &mut Map<String, Value>,
) {
    let main = main_position(&list);
    let mut kept = Vec::with_capacity(list.len());
    for (position, element) in list.iter().enumerate() {
        let Value::Object(element) = element else {
            continue;
        };
        let mut element = element.clone();
        match element.get(VALUE).and_then(Value::as_str) {
            Some(value) if name == EMAILS && position == main => {
                *email = Some(value.to_owned());
                element.remove(VALUE);
            }
            Some(value) => {
                let claim = home(name, kind(&element)).filter(|c| !attributes.contains_key(*c));
                if let Some(claim) = claim {
                    attributes.insert(claim.to_owned(), value.into());
                    element.remove(VALUE);
                }
            }
            None => {
                element.insert(VALUE.to_owned(), Value::Null);
            }
        }
        kept.push(Value::Object(element));
    }
    if elements(name, email.as_deref(), attributes) != list {
        attributes.insert(key(name), Value::Array(kept));
    }
}

fn addresses(attributes: &Map<String, Value>) -> Vec<Value> {
    let mut said = Map::new();
    for (claim, sub) in ADDRESS_CLAIMS {
        if let Some(value) = attributes.get(*claim).and_then(Value::as_str)
            && !said.contains_key(*sub)
        {
            said.insert((*sub).to_owned(), value.into());
        }
    }
    let Some(Value::Array(list)) = attributes.get(&key(ADDRESSES)) else {
        return match said.is_empty() {
            true => Vec::new(),
            false => vec![Value::Object(said)],
        };
    };
    let main = main_position(list);
    let mut shown = list.clone();
    if let Some(Value::Object(element)) = shown.get_mut(main) {
        element.extend(said);
    }
    shown
}

fn keep_addresses(list: Vec<Value>, attributes: &mut Map<String, Value>) {
    let main = main_position(&list);
    let mut kept = list.clone();
    if let Some(Value::Object(element)) = kept.get_mut(main) {
        for (claim, sub) in ADDRESS_CLAIMS {
            if let Some(Value::String(value)) = element.remove(*sub) {
                attributes.insert((*claim).to_owned(), Value::String(value));
            }
        }
    }
    if addresses(attributes) != list {
        attributes.insert(key(ADDRESSES), Value::Array(kept));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    fn shown(email: Option<&str>, attributes: Value) -> Value {
        let mut document = Map::new();
        show(email, &map(attributes), &mut document);
        Value::Object(document)
    }

    /// What is kept of a document, and what it looks like afterwards.
    fn kept(document: Value) -> (Option<String>, Value) {
        let mut taken = map(document.clone());
        let mut attributes = Map::new();
        let email = take(&mut taken, &mut attributes);
        assert!(taken.is_empty(), "{taken:?}");
        let mut again = Map::new();
        show(email.as_deref(), &attributes, &mut again);
        assert_eq!(Value::Object(again), document);
        (email, Value::Object(attributes))
    }

    #[test]
    fn claims_of_a_file_are_elements() {
        assert_eq!(
            shown(
                Some("kim@example.com"),
                json!({"mobile": "1", "country": "FR", "streetaddress": "Rue 1", "emails.home": "k@home"})
            ),
            json!({
                "emails": [
                    {"value": "kim@example.com", "primary": true},
                    {"value": "k@home", "type": "home"}
                ],
                "phoneNumbers": [{"value": "1", "type": "mobile"}],
                "addresses": [{"streetAddress": "Rue 1", "country": "FR"}]
            })
        );
        assert_eq!(shown(None, json!({"title": "Dr"})), json!({}));
    }

    #[test]
    fn elements_that_claims_can_say_are_kept_as_claims() {
        let (email, attributes) = kept(json!({
            "emails": [{"value": "a@x", "primary": true}, {"value": "b@x", "type": "home"}],
            "phoneNumbers": [{"value": "1", "type": "mobile"}],
            "addresses": [{"country": "FR"}]
        }));
        assert_eq!(email.as_deref(), Some("a@x"));
        assert_eq!(
            attributes,
            json!({"emails.home": "b@x", "mobile": "1", "country": "FR"})
        );
    }

    #[test]
    fn the_rest_is_kept_beside_them_and_comes_back_as_it_was() {
        let (email, attributes) = kept(json!({
            "emails": [
                {"value": "a@x", "type": "work"},
                {"value": "b@x", "type": "home", "primary": true, "display": "Bee"}
            ],
            "phoneNumbers": [
                {"value": "2", "type": "mobile", "display": "two"},
                {"value": "3", "type": "mobile"},
                {"type": "work"}
            ],
            "roles": [{"value": "guide"}],
            "addresses": [{"type": "work", "country": "DE"}, {"type": "home", "primary": true, "country": "FR"}]
        }));
        assert_eq!(email.as_deref(), Some("b@x"));
        assert_eq!(attributes["emails.work"], "a@x");
        assert_eq!(attributes["mobile"], "2");
        assert_eq!(attributes["country"], "FR");
        assert_eq!(
            attributes["scim:phoneNumbers"],
            json!([
                {"type": "mobile", "display": "two"},
                {"value": "3", "type": "mobile"},
                {"type": "work", "value": null}
            ])
        );
    }

    #[test]
    fn a_claim_that_a_file_changes_afterwards_is_the_one_that_is_shown() {
        let (_, attributes) = kept(json!({
            "emails": [{"value": "a@x", "type": "work", "primary": true}],
            "phoneNumbers": [{"value": "2", "type": "mobile", "display": "two"}]
        }));
        let mut attributes = map(attributes);
        attributes.insert("mobile".into(), "9".into());
        let mut document = Map::new();
        show(Some("new@x"), &attributes, &mut document);
        assert_eq!(
            Value::Object(document),
            json!({
                "emails": [{"type": "work", "primary": true, "value": "new@x"}],
                "phoneNumbers": [{"type": "mobile", "display": "two", "value": "9"}]
            })
        );
    }
}
