//! The parameters of a list, from a query (RFC 7644 §3.4.2) or a message (§3.4.3).

use serde_json::{Map, Value};

use crate::scim::check::Leniency;
use crate::scim::error::ScimError;

/// URN of the message.
pub const SEARCH_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// The parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListRequest {
    /// The filter.
    pub filter: Option<String>,
    /// Attributes to return.
    pub attributes: Option<Vec<String>>,
    /// Attributes not to return.
    pub excluded_attributes: Option<Vec<String>>,
    /// The attribute to sort by.
    pub sort_by: Option<String>,
    /// Whether to sort in descending order.
    pub descending: bool,
    /// The position of the first resource, from 1.
    pub start_index: Option<usize>,
    /// Maximum number of resources.
    pub count: Option<usize>,
    /// The start of the page (RFC 9865); blank for the first one.
    pub cursor: Option<String>,
    /// The user store, a parameter of WSO2 Identity Server.
    pub domain: Option<String>,
}

impl ListRequest {
    /// Parses the parameters of a query; unknown ones are ignored (RFC 7644 §3.9).
    ///
    /// # Errors
    /// `invalidValue`: a parameter has an invalid value.
    pub fn of_query(query: &str) -> Result<Self, ScimError> {
        let mut request = ListRequest::default();
        for (name, value) in parameters(query)? {
            request.set(&name, Given::Text(value))?;
        }
        Ok(request)
    }

    /// Parses a message; unless `leniency` allows otherwise, its `schemas` must name it.
    ///
    /// # Errors
    /// It is not a valid search request.
    pub fn of_message(message: Value, leniency: Leniency) -> Result<Self, ScimError> {
        let Value::Object(members) = message else {
            return Err(ScimError::syntax("A search request must be a JSON object."));
        };
        if leniency.schemas_required {
            check_schemas(&members)?;
        }
        let mut request = ListRequest::default();
        for (name, value) in members {
            match value {
                Value::Null => {}
                value => request.set(&name, Given::Json(value))?,
            }
        }
        Ok(request)
    }

    fn set(&mut self, name: &str, given: Given) -> Result<(), ScimError> {
        match name.to_ascii_lowercase().as_str() {
            "filter" => self.filter = Some(given.text(name)?),
            "attributes" => self.attributes = given.list(name)?,
            "excludedattributes" => self.excluded_attributes = given.list(name)?,
            "sortby" => self.sort_by = Some(given.text(name)?).filter(|text| !text.is_empty()),
            "sortorder" => {
                self.descending = match given.text(name)?.to_ascii_lowercase().as_str() {
                    "" | "ascending" => false,
                    "descending" => true,
                    _ => {
                        return Err(ScimError::value(
                            "sortOrder must be ascending or descending.",
                        ));
                    }
                }
            }
            // A value less than 1 counts as 1, a count less than 0 as 0 (RFC 7644 §3.4.2.4).
            "startindex" => self.start_index = Some(given.number(name)?.max(1)),
            "count" => self.count = Some(given.number(name)?),
            "cursor" => self.cursor = Some(given.text(name)?),
            "domain" => self.domain = Some(given.text(name)?).filter(|text| !text.is_empty()),
            _ => {}
        }
        Ok(())
    }
}

/// The decoded names and values of a query.
///
/// # Errors
/// `invalidValue`: it is malformed.
pub fn parameters(query: &str) -> Result<Vec<(String, String)>, ScimError> {
    actix_web::web::Query::from_query(query)
        .map(actix_web::web::Query::into_inner)
        .map_err(|error| ScimError::value(format!("The query is malformed: {error}.")))
}

fn check_schemas(members: &Map<String, Value>) -> Result<(), ScimError> {
    let schemas = members
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("schemas"))
        .and_then(|(_, value)| value.as_array());
    let named = schemas.is_some_and(|schemas| {
        schemas.iter().any(|urn| {
            urn.as_str()
                .is_some_and(|urn| urn.eq_ignore_ascii_case(SEARCH_REQUEST))
        })
    });
    match named {
        true => Ok(()),
        false => Err(ScimError::syntax(format!(
            "schemas of a search request must be [\"{SEARCH_REQUEST}\"]."
        ))),
    }
}

enum Given {
    Text(String),
    Json(Value),
}

impl Given {
    fn text(self, name: &str) -> Result<String, ScimError> {
        match self {
            Given::Text(text) | Given::Json(Value::String(text)) => Ok(text),
            Given::Json(_) => Err(ScimError::value(format!("{name} must be text."))),
        }
    }

    /// An integer; negative ones count as 0.
    fn number(self, name: &str) -> Result<usize, ScimError> {
        let number = match &self {
            // In a query numbers are text, and some clients send text in messages too.
            Given::Text(text) | Given::Json(Value::String(text)) => {
                let text = text.trim();
                text.parse::<i64>()
                    .ok()
                    .or_else(|| integer(text.parse().ok()?))
            }
            Given::Json(value) => value.as_i64().or_else(|| integer(value.as_f64()?)),
        };
        match number {
            Some(number) => Ok(usize::try_from(number.max(0)).unwrap_or(usize::MAX)),
            None => Err(ScimError::value(format!("{name} must be an integer."))),
        }
    }

    fn list(self, name: &str) -> Result<Option<Vec<String>>, ScimError> {
        let invalid = || ScimError::value(format!("{name} must be a list of attribute names."));
        let names: Vec<String> = match self {
            Given::Text(text) | Given::Json(Value::String(text)) => {
                text.split(',').map(|name| name.trim().to_owned()).collect()
            }
            Given::Json(Value::Array(values)) => values
                .into_iter()
                .map(|value| match value {
                    Value::String(text) => Ok(text),
                    _ => Err(invalid()),
                })
                .collect::<Result<_, _>>()?,
            Given::Json(_) => return Err(invalid()),
        };
        let names: Vec<String> = names.into_iter().filter(|name| !name.is_empty()).collect();
        Ok(Some(names).filter(|names| !names.is_empty()))
    }
}

/// Converts a JSON number to an integer; JSON does not distinguish `5` and `5.0` (RFC 8259 §6).
fn integer(number: f64) -> Option<i64> {
    // Above this a double cannot represent every integer.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let is_whole = number.fract() == 0.0 && number.abs() <= EXACT;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it is an integer within the exact range"
    )]
    is_whole.then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_query_and_a_message_are_equivalent() {
        let query = "filter=userName%20eq%20%22kim%22&attributes=userName,%20emails&sortBy=meta.created\
                     &sortOrder=descending&startIndex=-3&count=5&other=x";
        let message = json!({
            "schemas": [SEARCH_REQUEST], "filter": "userName eq \"kim\"",
            "attributes": ["userName", "emails"], "sortBy": "meta.created",
            "sortOrder": "descending", "startIndex": -3, "count": 5, "other": 1,
        });
        let request = ListRequest::of_query(query).unwrap();
        let strict = Leniency::default();
        assert_eq!(request, ListRequest::of_message(message, strict).unwrap());
        assert_eq!(request.start_index, Some(1));
        assert_eq!(request.attributes.unwrap(), ["userName", "emails"]);
        assert!(request.descending);
    }

    #[test]
    fn invalid_values_are_refused() {
        for query in ["count=x", "startIndex=1.5", "sortOrder=up"] {
            assert!(ListRequest::of_query(query).is_err(), "{query}");
        }
        for message in [
            json!([]),
            json!({}),
            json!({"schemas": ["urn:x"]}),
            json!({"schemas": [SEARCH_REQUEST], "count": "x"}),
            json!({"schemas": [SEARCH_REQUEST], "count": 1.5}),
            json!({"schemas": [SEARCH_REQUEST], "startIndex": "1.5"}),
            json!({"schemas": [SEARCH_REQUEST], "count": true}),
            json!({"schemas": [SEARCH_REQUEST], "attributes": 7}),
            json!({"schemas": [SEARCH_REQUEST], "attributes": [7]}),
            json!({"schemas": [SEARCH_REQUEST], "filter": 5}),
        ] {
            assert!(
                ListRequest::of_message(message.clone(), Leniency::default()).is_err(),
                "{message}"
            );
        }
    }
    #[test]
    fn numbers_may_be_strings_and_lists_comma_separated() {
        let strict = Leniency::default();
        let read = |members: Value| {
            let mut message = json!({ "schemas": [SEARCH_REQUEST] });
            let members = members.as_object().unwrap().clone();
            message.as_object_mut().unwrap().extend(members);
            ListRequest::of_message(message, strict).unwrap()
        };
        let plain = read(json!({
            "startIndex": 2, "count": 5, "attributes": ["userName", "id"],
            "excludedAttributes": ["emails"],
        }));
        for same in [
            json!({"startIndex": "2", "count": "5", "attributes": "userName,id",
                "excludedAttributes": "emails"}),
            json!({"startIndex": 2.0, "count": 5.0, "attributes": "userName, id",
                "excludedAttributes": "emails,"}),
            json!({"startIndex": " 2 ", "count": "5.0", "attributes": ["userName", "id"],
                "excludedAttributes": ["emails"]}),
            json!({"startIndex": 2, "count": 5e0, "attributes": "userName,id",
                "excludedAttributes": "emails"}),
        ] {
            assert_eq!(read(same.clone()), plain, "{same}");
        }
        assert_eq!(ListRequest::of_query("count=5.0").unwrap().count, Some(5));
        assert_eq!(read(json!({"count": "-7"})).count, Some(0));
        assert!(ListRequest::of_query("count=1e300").is_err());
    }
}
