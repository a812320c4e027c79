//! Reads the query's parameters and the form's fields by name. Unknown names are refused, and so are
//! repeated ones that are not repeatable.

use actix_web::web;
use uuid::Uuid;

use crate::clock::Moment;
use crate::http::form_reader::parse_file_name;
use crate::http::rest::problem_details::ProblemDetails;
use crate::http::rest::routes::{REPEATABLE, Route};
use crate::passwords::secret::Secret;
use crate::quoted;
use crate::users::channel::Channel;
use crate::users::import_filter::ImportFilter;
use crate::users::import_record::ImportState;
use crate::users::options::{ConflictPolicy, HeaderLine, ImportOptions};

/// Default number of entries on a page.
const PAGE: usize = 100;

/// Maximum number of entries on a page.
const LARGEST_PAGE: usize = 1_000;

const PARAMETER: &str = "IMP-PARAMETER";

/// The parameters of a query.
#[derive(Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query (application/x-www-form-urlencoded, WHATWG URL §5.1).
    ///
    /// # Errors
    /// A parameter is unknown to the route, is repeated, or is a password.
    pub fn parse(route: &Route, text: &str) -> Result<Self, ProblemDetails> {
        let unreadable = || ProblemDetails::bad_request(PARAMETER, "The query is malformed.");
        let pairs = web::Query::<Vec<(String, String)>>::from_query(text)
            .map_err(|_| unreadable())?
            .into_inner();
        for (position, (name, _)) in pairs.iter().enumerate() {
            if name == "defaultPassword" {
                return Err(ProblemDetails::bad_request(
                    PARAMETER,
                    "A password must not be part of a URL, because URLs are logged; send it \
                     as a field of a form, or in the header field Muster-Default-Password.",
                ));
            }
            if !route.parameters.contains(&name.as_str()) {
                return Err(unknown("parameter", name, route.parameters));
            }
            let mut earlier = pairs.iter().take(position);
            if !REPEATABLE.contains(&name.as_str()) && earlier.any(|(earlier, _)| earlier == name) {
                return Err(repeated_name("parameter", name));
            }
        }
        Ok(Query(pairs))
    }

    /// Whether it has no parameters.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(candidate, _)| candidate == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The number of entries on a page.
    ///
    /// # Errors
    /// It is not a valid page size.
    pub fn limit(&self) -> Result<usize, ProblemDetails> {
        let Some(text) = self.get("limit") else {
            return Ok(PAGE);
        };
        let limit = text.parse().ok();
        limit
            .filter(|limit| (1..=LARGEST_PAGE).contains(limit))
            .ok_or_else(|| {
                let rule = format!("an integer from 1 to {LARGEST_PAGE}");
                invalid("limit", text, &rule)
            })
    }

    /// The number of entries to skip.
    ///
    /// # Errors
    /// It is not a non-negative integer.
    pub fn skip(&self) -> Result<usize, ProblemDetails> {
        let text = self.get("skip").unwrap_or("0");
        // No list is longer, and the store cannot count further.
        const MAX: u64 = i64::MAX as u64;
        let skip = text.parse::<u64>().ok().filter(|skip| *skip <= MAX);
        let skip = skip.and_then(|skip| usize::try_from(skip).ok());
        let rule = format!("an integer from 0 to {MAX}");
        skip.ok_or_else(|| invalid("skip", text, &rule))
    }

    /// The entry after which the page begins.
    ///
    /// # Errors
    /// It is not a cursor of an earlier page.
    pub fn cursor(&self) -> Result<Option<Uuid>, ProblemDetails> {
        let parse = |text: &str| {
            Uuid::try_parse(text)
                .map_err(|_| invalid("cursor", text, "the `next` of an earlier page"))
        };
        self.get("cursor").map(parse).transpose()
    }

    /// The filter of a list of imports. As in a form, a parameter without a value is no condition.
    ///
    /// # Errors
    /// A value is invalid.
    pub fn import_filter(&self) -> Result<ImportFilter, ProblemDetails> {
        let given = |name| self.get(name).filter(|text| !text.is_empty());
        let time = |name| {
            let parse = |text: &str| {
                let rule = "a date, or a time with its offset (RFC 3339): 2026-11-22T08:30:00Z";
                Moment::parse(text).ok_or_else(|| invalid(name, text, rule))
            };
            given(name).map(parse).transpose()
        };
        Ok(ImportFilter {
            state: one_of(
                "state",
                given("state"),
                &ImportState::ALL,
                ImportState::as_str,
            )?,
            channel: one_of("channel", given("channel"), &Channel::ALL, Channel::as_str)?,
            operator: given("operator").map(str::to_owned),
            file_name: given("fileName").map(str::to_owned),
            since: time("since")?,
            until: time("until")?,
        })
    }

    /// The options of an import.
    ///
    /// # Errors
    /// An option has an invalid value.
    pub fn options(self) -> Result<Parameters, ProblemDetails> {
        let mut parameters = Parameters::default();
        for (name, value) in self.0 {
            parameters.set(&name, Secret::new(value))?;
        }
        Ok(parameters)
    }
}

/// The parameters of an import.
#[derive(Debug, Default)]
pub struct Parameters {
    /// The domain.
    pub domain: Option<String>,
    /// The file's name.
    pub file_name: Option<String>,
    /// The password for rows that have none.
    pub default_password: Option<Secret>,
    /// Whether rows without a password get a generated one.
    pub generate_passwords: bool,
    /// How the import treats the file and its rows.
    pub options: ImportOptions,
}

impl Parameters {
    /// Sets the parameter `name`, whose name has been checked. A field without a value is ignored, because
    /// forms send the fields that were not filled in.
    ///
    /// # Errors
    /// The value is invalid.
    pub fn set(&mut self, name: &str, value: Secret) -> Result<(), ProblemDetails> {
        if value.is_empty() {
            return Ok(());
        }
        if name == "defaultPassword" {
            self.default_password = Some(value);
            return Ok(());
        }
        let text = value.expose();
        match name {
            "domain" => self.domain = Some(text.to_owned()),
            "fileName" => self.file_name = Some(parse_file_name(text)?),
            "conflict" => {
                self.options.conflict = ConflictPolicy::parse(text)
                    .map_err(|_| invalid(name, text, "skip, update, fill or fail"))?;
            }
            "generatePasswords" => self.generate_passwords = boolean(name, text)?,
            "dryRun" => self.options.dry_run = boolean(name, text)?,
            "validateFirst" => self.options.validate_first = boolean(name, text)?,
            "stopAfter" => {
                let number = text.parse().ok().filter(|number| *number > 0);
                let rule = "an integer of at least 1";
                self.options.stop_after = Some(number.ok_or_else(|| invalid(name, text, rule))?);
            }
            "header" => {
                self.options.header = HeaderLine::parse(text).map_err(|_| {
                    invalid(name, text, "auto, none or the number of a line, from 1")
                })?;
            }
            "map" => self.options.map.add(text).map_err(|sentence| {
                ProblemDetails::bad_request(PARAMETER, format!("map: {sentence}."))
            })?,
            "sheet" => self.options.sheet = Some(text.to_owned()),
            _ => return Err(unknown("parameter", name, &[])),
        }
        Ok(())
    }
}

/// The one of `all` whose word the parameter has, if it has a value.
fn one_of<T: Copy>(
    name: &str,
    text: Option<&str>,
    all: &[T],
    word: fn(T) -> &'static str,
) -> Result<Option<T>, ProblemDetails> {
    let Some(text) = text else { return Ok(None) };
    match all.iter().find(|one| word(**one) == text) {
        Some(found) => Ok(Some(*found)),
        None => {
            let words: Vec<&str> = all.iter().map(|one| word(*one)).collect();
            Err(invalid(name, text, &format!("one of {}", words.join(", "))))
        }
    }
}

fn boolean(name: &str, text: &str) -> Result<bool, ProblemDetails> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(invalid(name, text, "true or false")),
    }
}

/// The problem for an unknown parameter or field.
pub fn unknown(what: &str, name: &str, known: &[&str]) -> ProblemDetails {
    let known = match known {
        [] => "none".to_owned(),
        known => known.join(", "),
    };
    let name = shortened(name);
    ProblemDetails::bad_request(
        PARAMETER,
        format!("Unknown {what} {name:?}; the known ones are: {known}."),
    )
}

/// The problem for a repeated parameter or field.
pub fn repeated_name(what: &str, name: &str) -> ProblemDetails {
    let name = shortened(name);
    ProblemDetails::bad_request(PARAMETER, format!("The {what} {name:?} occurs twice."))
}

fn invalid(name: &str, value: &str, rule: &str) -> ProblemDetails {
    let value = shortened(value);
    ProblemDetails::bad_request(
        PARAMETER,
        format!("{name} is {value:?}; it must be {rule}."),
    )
}

fn shortened(text: &str) -> String {
    quoted::word(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::rest::routes::ROUTES;

    fn list_problems() -> &'static Route {
        let has_skip = |route: &&Route| route.parameters.contains(&"skip");
        ROUTES
            .iter()
            .find(has_skip)
            .expect("a list with the parameter")
    }

    #[test]
    fn queries_accept_only_the_parameters_of_the_route() {
        let [create, list, ..] = &ROUTES;
        let detail = |route, text| Query::parse(route, text).unwrap_err().detail;
        assert!(detail(create, "dry_run=true").contains("\"dry_run\""));
        assert!(detail(create, "domain=A&domain=B").contains("twice"));
        assert!(Query::parse(create, "map=A%3Demail&map=B%3D_").is_ok());
        let detail = detail(create, "defaultPassword=S3cret-word");
        assert!(
            detail.contains("URL") && !detail.contains("S3cret"),
            "{detail}"
        );
        let query = Query::parse(list, "limit=7").unwrap();
        assert_eq!((query.limit().unwrap(), query.cursor().unwrap()), (7, None));
        let skip = |text: &str| Query::parse(list_problems(), text).unwrap().skip();
        assert_eq!(
            skip("skip=5000000000").ok(),
            usize::try_from(5_000_000_000_u64).ok()
        );
        for text in ["skip=-1", "skip=x", "skip=1.5", "skip=99999999999999999999"] {
            let detail = skip(text).unwrap_err().detail;
            assert!(detail.contains("from 0 to 9223372036854775807"), "{detail}");
        }
        for text in ["limit=0", "limit=1001", "limit=x", "limit=-1"] {
            assert!(Query::parse(list, text).unwrap().limit().is_err(), "{text}");
        }
        assert!(Query::parse(list, "cursor=x").unwrap().cursor().is_err());
    }

    #[test]
    fn filters_are_read_and_invalid_values_are_named() {
        let [_, list, ..] = &ROUTES;
        let filter = |text| Query::parse(list, text).unwrap().import_filter();
        assert_eq!(filter("").unwrap(), ImportFilter::default());
        assert_eq!(
            filter("state=&operator=&since=").unwrap(),
            ImportFilter::default()
        );
        let text = "state=failed&channel=portal&operator=admin%40acme&fileName=users&since=2026-11-22\
                    &until=2026-11-23T00:30:00%2B01:00";
        let expected = ImportFilter {
            state: Some(ImportState::Failed),
            channel: Some(Channel::Portal),
            operator: Some("admin@acme".into()),
            file_name: Some("users".into()),
            since: Some(Moment(1_795_305_600_000_000)),
            until: Some(Moment(1_795_390_200_000_000)),
        };
        assert_eq!(filter(text).unwrap(), expected);
        for (text, advice) in [
            ("state=done", "queued, running, completed"),
            ("state=Failed", "\"Failed\""),
            ("channel=mail", "soap, terminal, rest, scim, portal"),
            ("since=yesterday", "RFC 3339"),
            ("until=2026-11-23T00:30:00", "offset"),
        ] {
            let detail = filter(text).unwrap_err().detail;
            assert!(detail.contains(advice), "{detail}");
        }
    }

    #[test]
    fn options_are_read_and_invalid_values_are_named() {
        let mut parameters = Parameters::default();
        let mut set = |name: &str, value: &str| parameters.set(name, value.into());
        for (name, value) in [
            ("conflict", "update"),
            ("dryRun", "true"),
            ("stopAfter", "3"),
            ("header", "3"),
            ("map", "E-Mail Address=emailaddress"),
            ("map", "Ext.=_"),
            ("sheet", "Staff"),
        ] {
            assert!(set(name, value).is_ok());
        }
        assert!(set("domain", "").is_ok());
        for (name, value) in [
            ("conflict", "merge"),
            ("dryRun", "yes"),
            ("stopAfter", "0"),
            ("stopAfter", "-1"),
            ("fileName", "users.docx"),
            ("header", "first"),
            ("map", "E-Mail Address"),
            ("map", "Ext.=department"),
        ] {
            let problem = set(name, value).unwrap_err();
            let value = value.split('=').next().unwrap();
            assert!(problem.detail.contains(value), "{}", problem.detail);
        }
        let options = parameters.options;
        assert!(options.dry_run && options.stop_after == Some(3));
        assert_eq!(options.header, HeaderLine::Line(3));
        assert_eq!(options.sheet.as_deref(), Some("Staff"));
        let map: Vec<_> = options.map.entries().collect();
        assert_eq!(map, [("E-Mail Address", "emailaddress"), ("Ext.", "_")]);
        assert_eq!(
            (options.conflict, parameters.domain),
            (ConflictPolicy::Update, None)
        );
    }
}
