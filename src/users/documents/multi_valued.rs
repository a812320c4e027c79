//! How multi-valued attributes of users are stored.
//!
//! A CSV file's claims hold one value each: `mobile`, `emails.work`, `country`. The same values are
//! elements of SCIM's multi-valued attributes, and each is stored once, under its claim. If a
//! client wrote something that claims cannot express (a second number of the same type, `display`,
//! an order), the list is stored as well, its elements without the values that are in claims.

use serde_json::{Map, Value};

/// Prefix of the key, among a user's attributes, of a list that claims cannot express.
pub const LIST_PREFIX: &str = "scim:";

/// The e-mail address has its own field, separate from the attributes.
const EMAILS: &str = "emails";

/// The sub-attribute that holds an element's value.
const VALUE: &str = "value";

/// A claim, and the attribute and type of the element that holds its value. If two claims have the
/// same type, the first is written.
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

/// Attributes whose values are lists, in display order. Addresses consist of several claims each
/// and have their own table.
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

/// A claim, and its sub-attribute of the only address that claims can express.
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

/// Adds the multi-valued attributes of a user to a document.
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

/// Moves the multi-valued attributes of a canonical document to a user's attributes; returns the
/// e-mail address.
///
/// Several claims can express the same value. `before` is what the user had: each value stays under
/// the claim that the user's file used, and unchanged values are kept exactly.
pub fn take(
    document: &mut Map<String, Value>,
    before: (Option<&str>, &Map<String, Value>),
    attributes: &mut Map<String, Value>,
) -> Option<String> {
    let (email_before, before) = before;
    let mut email = None;
    for name in LISTS {
        let Some(Value::Array(list)) = document.remove(*name) else {
            continue;
        };
        if elements(name, email_before, before) == list {
            let claims = claims_of(name).map(|(claim, _)| claim);
            copy(before, claims, &key(name), attributes);
            if *name == EMAILS {
                email = email_before.map(str::to_owned);
            }
        } else {
            email = keep(name, &list, before, attributes).or(email);
        }
    }
    if let Some(Value::Array(list)) = document.remove(ADDRESSES) {
        if addresses(before) == list {
            let claims = ADDRESS_CLAIMS.iter().map(|(claim, _)| *claim);
            copy(before, claims, &key(ADDRESSES), attributes);
        } else {
            keep_addresses(list, before, attributes);
        }
    }
    email
}

/// Keeps these claims, and the list stored with them, unchanged.
fn copy<'n>(
    before: &Map<String, Value>,
    claims: impl Iterator<Item = &'n str>,
    list: &'n str,
    attributes: &mut Map<String, Value>,
) {
    for name in claims.chain([list]) {
        if let Some(value) = before.get(name) {
            attributes.insert(name.to_owned(), value.clone());
        }
    }
}

/// Of the claims that can express a value: the one that already does, else one that the user has,
/// else the first.
fn choose<'c>(
    claims: impl Iterator<Item = &'c str> + Clone,
    value: &str,
    before: &Map<String, Value>,
) -> Option<&'c str> {
    let mut says = claims
        .clone()
        .filter(|claim| before.get(*claim).and_then(Value::as_str) == Some(value));
    let mut has = claims.clone().filter(|claim| before.contains_key(*claim));
    let mut any = claims;
    says.next().or_else(|| has.next()).or_else(|| any.next())
}

fn key(name: &str) -> String {
    format!("{LIST_PREFIX}{name}")
}

fn kind(element: &Map<String, Value>) -> Option<&str> {
    element.get("type").and_then(Value::as_str)
}

fn claims_of(name: &str) -> impl Iterator<Item = (&'static str, Option<&'static str>)> + Clone {
    CLAIMS
        .iter()
        .filter(move |(_, attribute, _)| *attribute == name)
        .map(|(claim, _, kind)| (*claim, *kind))
}

/// The claims that can store the value of an element of this type.
fn target_claims(name: &str, kind: Option<&str>) -> impl Iterator<Item = &'static str> + Clone {
    claims_of(name)
        .filter(move |(_, of)| match (of, kind) {
            (Some(of), Some(kind)) => of.eq_ignore_ascii_case(kind),
            (None, None) => true,
            _ => false,
        })
        .map(|(claim, _)| claim)
}

/// The position of the element that the e-mail address, or the address in claims, represents.
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
                // The element was written without a value.
                Some(Value::Null) => {
                    element.remove(VALUE);
                }
                Some(_) => {}
                None => {
                    let value = if name == EMAILS && position == main {
                        main_shown = true;
                        email
                    } else {
                        let claim = target_claims(name, kind(&element))
                            .find(|claim| !used.contains(claim) && attributes.contains_key(*claim));
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

/// Stores a list so that it is shown unchanged later.
fn keep(
    name: &str,
    list: &[Value],
    before: &Map<String, Value>,
    attributes: &mut Map<String, Value>,
) -> Option<String> {
    // Several elements of a type can have a claim each, unless that would change their order.
    let (mut email, mut claims, mut kept) = split(name, list, before, true);
    let shown = |email: &Option<String>, claims: &Map<String, Value>| {
        elements(name, email.as_deref(), claims) == list
    };
    if !shown(&email, &claims) {
        claims.insert(key(name), kept.into());
        if !shown(&email, &claims) {
            (email, claims, kept) = split(name, list, before, false);
            claims.insert(key(name), kept.into());
        }
    }
    attributes.extend(claims);
    email
}

/// The e-mail address, the claims that elements are stored as, and the rest of the elements.
fn split(
    name: &str,
    list: &[Value],
    before: &Map<String, Value>,
    several: bool,
) -> (Option<String>, Map<String, Value>, Vec<Value>) {
    let main = main_position(list);
    let (mut email, mut claims) = (None, Map::new());
    let mut kept = Vec::with_capacity(list.len());
    for (position, element) in list.iter().enumerate() {
        let Value::Object(element) = element else {
            continue;
        };
        let mut element = element.clone();
        match element.get(VALUE).and_then(Value::as_str) {
            Some(value) if name == EMAILS && position == main => {
                email = Some(value.to_owned());
                element.remove(VALUE);
            }
            Some(value) => {
                let of = kind(&element).map(str::to_owned);
                let target_claims = target_claims(name, of.as_deref());
                let taken = |claim: &&str| claims.contains_key(*claim);
                let claim = match several || !target_claims.clone().any(|claim| taken(&claim)) {
                    true => choose(target_claims.filter(|claim| !taken(claim)), value, before),
                    false => None,
                };
                if let Some(claim) = claim {
                    claims.insert(claim.to_owned(), value.into());
                    element.remove(VALUE);
                }
            }
            None => {
                element.insert(VALUE.to_owned(), Value::Null);
            }
        }
        kept.push(Value::Object(element));
    }
    (email, claims, kept)
}

fn addresses(attributes: &Map<String, Value>) -> Vec<Value> {
    let mut from_claims = Map::new();
    for (claim, sub) in ADDRESS_CLAIMS {
        if let Some(value) = attributes.get(*claim).and_then(Value::as_str)
            && !from_claims.contains_key(*sub)
        {
            from_claims.insert((*sub).to_owned(), value.into());
        }
    }
    let Some(Value::Array(list)) = attributes.get(&key(ADDRESSES)) else {
        return match from_claims.is_empty() {
            true => Vec::new(),
            false => vec![Value::Object(from_claims)],
        };
    };
    let main = main_position(list);
    let mut shown = list.clone();
    if let Some(Value::Object(element)) = shown.get_mut(main) {
        element.extend(from_claims);
    }
    shown
}

fn keep_addresses(
    list: Vec<Value>,
    before: &Map<String, Value>,
    attributes: &mut Map<String, Value>,
) {
    let main = main_position(&list);
    let mut kept = list.clone();
    if let Some(Value::Object(element)) = kept.get_mut(main) {
        for (_, sub) in ADDRESS_CLAIMS {
            let Some(Value::String(value)) = element.remove(*sub) else {
                continue;
            };
            let claims = ADDRESS_CLAIMS.iter().filter(|(_, of)| of == sub);
            if let Some(claim) = choose(claims.map(|(claim, _)| *claim), &value, before) {
                attributes.insert(claim.to_owned(), Value::String(value));
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

    /// What is stored for a document, and how it is shown afterwards.
    fn kept(document: Value) -> (Option<String>, Value) {
        let mut taken = map(document.clone());
        let mut attributes = Map::new();
        let unknown_user = Map::new();
        let email = take(&mut taken, (None, &unknown_user), &mut attributes);
        assert!(taken.is_empty(), "{taken:?}");
        let mut again = Map::new();
        show(email.as_deref(), &attributes, &mut again);
        assert_eq!(Value::Object(again), document);
        (email, Value::Object(attributes))
    }

    #[test]
    fn claims_of_a_file_are_shown_as_elements() {
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
    fn elements_that_claims_can_express_are_stored_as_claims() {
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
    fn other_elements_are_stored_as_lists_and_shown_unchanged() {
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
    fn a_claim_changed_by_a_later_file_is_shown() {
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

    /// What is stored for a document of a user who had these attributes.
    fn kept_of(before: Value, email: &str, document: Value) -> (Option<String>, Value) {
        let (mut attributes, before) = (Map::new(), map(before));
        let mut taken = map(document.clone());
        let email = take(&mut taken, (Some(email), &before), &mut attributes);
        let mut again = Map::new();
        show(email.as_deref(), &attributes, &mut again);
        assert_eq!(Value::Object(again), document);
        (email, Value::Object(attributes))
    }

    #[test]
    fn values_stay_under_the_claims_that_the_file_used() {
        let before = json!({
            "phoneNumbers.work": "1", "telephone": "2", "region": "BW", "addresses": "Rue 1",
            "emails.home": "h@x"
        });
        let unchanged = shown(Some("a@x"), before.clone());
        let (email, attributes) = kept_of(before.clone(), "a@x", unchanged);
        assert_eq!((email.as_deref(), &attributes), (Some("a@x"), &before));
        let changed = json!({
            "emails": [{"value": "b@x", "primary": true}],
            "phoneNumbers": [{"value": "2", "type": "work"}, {"value": "3", "type": "work"}],
            "addresses": [{"formatted": "Rue 1", "region": "BY"}]
        });
        let (email, attributes) = kept_of(before.clone(), "a@x", changed);
        assert_eq!(email.as_deref(), Some("b@x"));
        assert_eq!(
            attributes,
            json!({"telephone": "2", "phoneNumbers.work": "3", "region": "BY", "addresses": "Rue 1"})
        );
        let other_order = json!({
            "phoneNumbers": [{"value": "1", "type": "work"}, {"value": "2", "type": "work"}]
        });
        let (_, attributes) = kept_of(before, "a@x", other_order);
        assert_eq!(
            attributes,
            json!({
                "phoneNumbers.work": "1",
                "scim:phoneNumbers": [{"type": "work"}, {"value": "2", "type": "work"}]
            })
        );
    }
}
