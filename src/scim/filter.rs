//! Filters (RFC 7644 §3.4.2.2): their structure, and how they are written.

use std::fmt;

use crate::clock::Moment;
use crate::scim::path::AttributePath;
use crate::words::words;

/// A filter with resolved paths.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All of the filters match.
    And(Vec<Filter>),
    /// One of the filters matches.
    Or(Vec<Filter>),
    /// The filter does not match.
    Not(Box<Filter>),
    /// The value is present and not empty.
    Present(AttributePath),
    /// One of the values compares.
    Compare(AttributePath, Operator, Operand),
    /// One element of a multi-valued complex attribute matches: `emails[type eq "work"]`. The paths in the filter are
    /// complete (`emails.type`).
    Element(AttributePath, Box<Filter>),
}

/// A comparison operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `eq`
    Equal,
    /// `ne`
    NotEqual,
    /// `co`
    Contains,
    /// `sw`
    StartsWith,
    /// `ew`
    EndsWith,
    /// `gt`
    Greater,
    /// `ge`
    GreaterOrEqual,
    /// `lt`
    Less,
    /// `le`
    LessOrEqual,
}

/// The value to compare with.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// Text.
    Text(String),
    /// A number.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// A time, in microseconds since 1970-01-01T00:00:00Z.
    Moment(i64),
    /// `null`: equal to a missing value.
    Null,
}

impl Filter {
    /// Whether the filter refers to the core attribute `name`, in the schema's spelling. A document to evaluate it on
    /// must then have that attribute.
    pub fn mentions(&self, name: &str) -> bool {
        match self {
            Filter::And(all) | Filter::Or(all) => all.iter().any(|one| one.mentions(name)),
            Filter::Not(inside) => inside.mentions(name),
            Filter::Present(path) | Filter::Compare(path, ..) | Filter::Element(path, _) => {
                path.extension.is_none() && path.name == name
            }
        }
    }

    /// Writes the filter of an attribute's elements as it follows the attribute.
    pub(super) fn in_brackets(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        write(f, self, true)?;
        f.write_str("]")
    }
}

words!(Operator {
    Equal => "eq",
    NotEqual => "ne",
    Contains => "co",
    StartsWith => "sw",
    EndsWith => "ew",
    Greater => "gt",
    GreaterOrEqual => "ge",
    Less => "lt",
    LessOrEqual => "le",
});

impl Operator {
    /// The operator with this name, in any case. `pr` is not one of them.
    pub fn parse(name: &str) -> Option<Self> {
        Operator::ALL
            .into_iter()
            .find(|operator| operator.as_str().eq_ignore_ascii_case(name))
    }

    /// Whether it compares by order.
    pub fn is_order(self) -> bool {
        matches!(
            self,
            Operator::Greater | Operator::GreaterOrEqual | Operator::Less | Operator::LessOrEqual
        )
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operand::Text(text) => write!(f, "{}", serde_json::Value::from(text.as_str())),
            Operand::Number(number) => write!(f, "{number}"),
            Operand::Boolean(boolean) => write!(f, "{boolean}"),
            Operand::Moment(moment) => match jiff::Timestamp::from_microsecond(*moment) {
                Ok(timestamp) => write!(f, "\"{timestamp:.6}\""),
                Err(_) => write!(f, "\"{}\"", Moment(*moment).to_rfc3339()),
            },
            Operand::Null => f.write_str("null"),
        }
    }
}

/// SCIM syntax, with canonical names and the fewest parentheses.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self, false)
    }
}

/// In brackets only the sub-attribute is named.
fn write(f: &mut fmt::Formatter<'_>, filter: &Filter, in_brackets: bool) -> fmt::Result {
    let path = |f: &mut fmt::Formatter<'_>, path: &AttributePath| match &path.sub {
        Some(sub) if in_brackets => f.write_str(sub),
        _ => write!(f, "{path}"),
    };
    match filter {
        Filter::And(all) | Filter::Or(all) => {
            let conjunction = matches!(filter, Filter::And(_));
            for (number, one) in all.iter().enumerate() {
                if number > 0 {
                    f.write_str(if conjunction { " and " } else { " or " })?;
                }
                match one {
                    Filter::Or(_) => parenthesised(f, one, in_brackets)?,
                    Filter::And(_) if conjunction => parenthesised(f, one, in_brackets)?,
                    _ => write(f, one, in_brackets)?,
                }
            }
            Ok(())
        }
        Filter::Not(inside) => {
            f.write_str("not ")?;
            parenthesised(f, inside, in_brackets)
        }
        Filter::Present(attribute) => {
            path(f, attribute)?;
            f.write_str(" pr")
        }
        Filter::Compare(attribute, operator, operand) => {
            path(f, attribute)?;
            write!(f, " {operator} {operand}")
        }
        Filter::Element(attribute, inside) => {
            write!(f, "{attribute}")?;
            inside.in_brackets(f)
        }
    }
}

fn parenthesised(f: &mut fmt::Formatter<'_>, filter: &Filter, in_brackets: bool) -> fmt::Result {
    f.write_str("(")?;
    write(f, filter, in_brackets)?;
    f.write_str(")")
}

#[cfg(test)]
mod tests {
    use crate::scim::error::ErrorType;
    use crate::scim::filter_parser::{MAX_DEPTH, MAX_LENGTH};

    use super::*;
    use crate::scim::schema::Schemas;

    fn read(text: &str) -> Result<String, String> {
        let user = Schemas::new(["gender"]).user;
        match Filter::parse(text, &user) {
            Ok(filter) => {
                let written = filter.to_string();
                assert_eq!(Filter::parse(&written, &user), Ok(filter), "{written}");
                Ok(written)
            }
            Err(error) => {
                assert_eq!(error.status, 400);
                assert_eq!(error.scim_type, Some(ErrorType::InvalidFilter));
                Err(error.detail)
            }
        }
    }

    #[test]
    fn examples_of_the_rfc_are_parsed() {
        for text in [
            "userName eq \"bjensen\"",
            "name.familyName co \"O'Malley\"",
            "userName sw \"J\"",
            "title pr",
            "meta.lastModified gt \"2011-05-13T04:42:34.000000Z\"",
            "title pr and userType eq \"Employee\"",
            "title pr or userType eq \"Intern\"",
            "schemas eq \"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User\"",
            "userType eq \"Employee\" and (emails.value co \"example.com\" or emails.value co \"e.org\")",
            "userType ne \"Employee\" and not (emails.value co \"example.com\")",
            "userType eq \"Employee\" and emails.type eq \"work\"",
            "userType eq \"Employee\" and emails[type eq \"work\" and value co \"@example.com\"]",
            "emails[type eq \"work\" and value co \"@x\"] or ims[type eq \"xmpp\" and value co \"@f\"]",
        ] {
            assert_eq!(read(text).as_deref(), Ok(text));
        }
    }

    #[test]
    fn names_and_operators_are_case_insensitive() {
        for (text, written) in [
            (
                "URN:ietf:params:scim:schemas:core:2.0:User:USERNAME SW \"J\"",
                "userName sw \"J\"",
            ),
            (
                "urn:scim:schemas:extension:custom:User:GENDER Pr",
                "urn:scim:schemas:extension:custom:User:gender pr",
            ),
            ("NOT(title PR)AND id pr", ""),
            ("NOT(title PR) AND (id pr)", "not (title pr) and id pr"),
            ("emails EQ \"a\"", "emails.value eq \"a\""),
            ("emails pr", "emails pr"),
            ("members pr", ""),
            ("active eq \"TRUE\"", "active eq true"),
            ("emails[Primary eq true]", "emails[primary eq true]"),
            ("nickName eq null", "nickName eq null"),
            ("name ne null", "name ne null"),
            (
                "meta.created le \"2020-01-01T02:00:00+02:00\"",
                "meta.created le \"2020-01-01T00:00:00.000000Z\"",
            ),
            (
                "x509Certificates sw \"MII\"",
                "x509Certificates.value sw \"MII\"",
            ),
            (" ( ( title pr ) ) ", "title pr"),
            (
                "title eq \"\\u00e9\\ud83d\\ude00\\\"\"",
                "title eq \"é😀\\\"\"",
            ),
        ] {
            match written {
                "" => assert!(read(text).is_err(), "{text}"),
                _ => assert_eq!(read(text).as_deref(), Ok(written)),
            }
        }
    }

    #[test]
    fn not_binds_tighter_than_and_which_binds_tighter_than_or() {
        let user = Schemas::new([]).user;
        let parse = |text: &str| Filter::parse(text, &user).unwrap();
        let pr = |name| parse(&format!("{name} pr"));
        assert_eq!(
            parse("id pr or title pr and not (active pr) or locale pr"),
            Filter::Or(vec![
                pr("id"),
                Filter::And(vec![pr("title"), Filter::Not(Box::new(pr("active")))]),
                pr("locale"),
            ])
        );
        assert_eq!(
            parse("(id pr or title pr) and locale pr"),
            Filter::And(vec![Filter::Or(vec![pr("id"), pr("title")]), pr("locale")])
        );
    }

    #[test]
    fn malformed_filter_is_refused_with_its_position() {
        for (text, sentence) in [
            ("", "1: expected an attribute, not or ("),
            (
                "title",
                "6: expected eq, ne, co, sw, ew, gt, ge, lt, le or pr",
            ),
            (
                "title xx \"a\"",
                "7: expected eq, ne, co, sw, ew, gt, ge, lt, le or pr",
            ),
            ("title eq", "9: expected a blank and a value"),
            (
                "title eq ",
                "10: expected text in quotation marks, a number, true, false or null",
            ),
            ("title eq\"a\"", "9: expected a blank and a value"),
            (
                "title eq abc",
                "10: expected text in quotation marks, a number, true, false or null",
            ),
            (
                "title eq True",
                "10: expected text in quotation marks, a number, true, false or null",
            ),
            ("title eq \"é\" x", "14: expected and, or or the end"),
            (
                "title eq \"a",
                "10: the closing quotation mark of this text is missing",
            ),
            (
                "title eq \"\\ud83d\"",
                "10: this is not a JSON string; check its escapes and control characters",
            ),
            ("title eq \"a\"and id pr", "13: expected a blank"),
            ("title pr and", "13: expected a blank"),
            ("title pr and ", "14: expected an attribute, not or ("),
            ("(title pr", "10: expected ), and or or"),
            ("title pr)", "9: expected and, or or the end"),
            ("not title pr", "5: expected ( after not"),
            ("not(not title pr)", "9: expected ( after not"),
            ("emails[type pr", "15: expected ], and or or"),
            (
                "emails [type pr]",
                "8: expected eq, ne, co, sw, ew, gt, ge, lt, le or pr",
            ),
            (
                "name[givenName pr]",
                "5: brackets follow only multi-valued complex attributes, not name",
            ),
            (
                "emails.value[type pr]",
                "13: brackets follow only multi-valued complex attributes, not emails.value",
            ),
            ("emails[type[value pr]]", "12: brackets cannot be nested"),
            (
                "emails[emails.type pr]",
                "8: there is no sub-attribute \"emails.type\" of emails",
            ),
            (
                "name eq \"a\"",
                "1: name has parts; compare one of its sub-attributes",
            ),
            (
                "addresses eq \"a\"",
                "1: addresses has parts; compare one of its sub-attributes",
            ),
            (
                "active gt true",
                "8: active is a boolean value, which gt does not compare",
            ),
            (
                "active co \"t\"",
                "8: active is a boolean value, which co does not compare",
            ),
            ("active eq 1", "11: expected true or false for active"),
            ("active eq \"yes\"", "11: expected true or false for active"),
            (
                "x509Certificates ge \"a\"",
                "18: x509Certificates.value is a binary value, which ge does not compare",
            ),
            (
                "meta.created sw \"2011\"",
                "14: meta.created is a dateTime value, which sw does not compare",
            ),
            (
                "meta.created eq \"2011\"",
                "17: expected a time such as \"2011-05-13T04:42:34Z\" for meta.created",
            ),
            (
                "title eq 7",
                "10: expected text in quotation marks for title",
            ),
            (
                "title eq 1e999",
                "10: expected text in quotation marks, a number, true, false or null",
            ),
            (
                "title co true",
                "10: expected text in quotation marks for title",
            ),
            ("title gt null", "7: null compares only by eq and ne"),
            (
                "password eq \"hunter2\"",
                "1: password is never returned, so it cannot be searched by; leave it out",
            ),
            (
                "nosuch pr",
                "1: there is no attribute \"nosuch\" in urn:ietf:params:scim:schemas:core:2.0:User",
            ),
        ] {
            let whole = format!("The filter is wrong at character {sentence}.");
            assert_eq!(read(text), Err(whole), "{text}");
        }
    }

    #[test]
    fn hostile_filters_do_not_cause_deep_recursion() {
        let nested = |depth| format!("{}title pr{}", "(".repeat(depth), ")".repeat(depth));
        assert_eq!(read(&nested(MAX_DEPTH)).as_deref(), Ok("title pr"));
        assert!(
            read(&nested(MAX_DEPTH + 1))
                .unwrap_err()
                .contains("character 33: more than 32 brackets")
        );
        for text in [
            "(".repeat(MAX_LENGTH),
            "not(".repeat(MAX_LENGTH / 4),
            "emails[".repeat(MAX_LENGTH / 7),
            "\"".repeat(MAX_LENGTH),
            "\\".repeat(MAX_LENGTH),
            format!("title eq \"{}", "\\\"".repeat(4000)),
            "a.".repeat(MAX_LENGTH / 2),
            "urn:".repeat(MAX_LENGTH / 4),
            "title pr and ".repeat(600),
            ")".repeat(MAX_LENGTH),
        ] {
            assert!(read(&text).unwrap_err().len() < 300);
        }
        let long = "x".repeat(MAX_LENGTH + 1);
        assert_eq!(
            read(&long),
            Err("The filter has 8193 bytes but the maximum is 8192; use a shorter one.".to_owned())
        );
        // Brackets next to each other are not nested.
        let chain = vec!["(id pr)"; 600].join(" and ");
        let Ok(Filter::And(terms)) = Filter::parse(&chain, &Schemas::new([]).user) else {
            panic!("a chain is not a conjunction");
        };
        assert_eq!(terms.len(), 600);
    }
}
