//! Parses filters: recursive descent with limited depth, over tokens that are scanned once.

use crate::scim::date_time;
use crate::scim::error::{ErrorType, ScimError};
use crate::scim::filter::{Filter, Operand, Operator};
use crate::scim::filter_tokens::{Malformed, Placed, Token, Tokens};
use crate::scim::path::AttributePath;
use crate::scim::schema::{ResourceType, Returned, Type};

/// Maximum length of a filter, in bytes.
pub const MAX_LENGTH: usize = 8 * 1024;

/// Maximum number of nested brackets.
pub const MAX_DEPTH: usize = 32;

/// Whether text must be in quotation marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quotes {
    /// As in RFC 7644 §3.4.2.2.
    Required,
    /// A single word may be unquoted.
    Optional,
}

/// Parses a filter, or the text in the brackets of a path.
pub(super) struct Parser<'t> {
    tokens: Tokens<'t>,
    next: Placed<'t>,
    resource_type: &'t ResourceType,
    /// The keyword of errors.
    error: ErrorType,
    quotes: Quotes,
    depth: usize,
}

impl<'t> Parser<'t> {
    /// A parser at the beginning of `text`.
    ///
    /// # Errors
    /// `text` is too long, or its first token is malformed.
    pub(super) fn new(
        text: &'t str,
        resource_type: &'t ResourceType,
        error: ErrorType,
        quotes: Quotes,
    ) -> Result<Self, ScimError> {
        if text.len() > MAX_LENGTH {
            let what = noun(error);
            return Err(ScimError::of(
                error,
                format!(
                    "The {what} has {} bytes but the maximum is {MAX_LENGTH}; use a shorter one.",
                    text.len()
                ),
            ));
        }
        let mut tokens = Tokens::new(text);
        let next = tokens.next();
        let next = next.map_err(|broken| broken_text(&tokens, error, broken))?;
        Ok(Parser {
            tokens,
            next,
            resource_type,
            error,
            quotes,
            depth: 0,
        })
    }

    /// The next token.
    pub(super) fn peek(&self) -> &Placed<'t> {
        &self.next
    }

    /// Consumes the next token and returns it.
    pub(super) fn advance(&mut self) -> Result<Placed<'t>, ScimError> {
        let next = self.tokens.next();
        let next = next.map_err(|broken| broken_text(&self.tokens, self.error, broken))?;
        Ok(std::mem::replace(&mut self.next, next))
    }

    /// An error at a byte offset of the text.
    pub(super) fn fail(&self, at: usize, reason: &str) -> ScimError {
        fail(&self.tokens, self.error, at, reason)
    }

    /// Parses alternatives joined by `or`. In brackets, `scope` is the attribute before them.
    pub(super) fn filter(&mut self, scope: Option<&AttributePath>) -> Result<Filter, ScimError> {
        let mut alternatives = vec![self.conjunction(scope)?];
        while self.takes_word("or")? {
            alternatives.push(self.conjunction(scope)?);
        }
        Ok(joined(alternatives, Filter::Or))
    }

    fn conjunction(&mut self, scope: Option<&AttributePath>) -> Result<Filter, ScimError> {
        let mut terms = vec![self.term(scope)?];
        while self.takes_word("and")? {
            terms.push(self.term(scope)?);
        }
        Ok(joined(terms, Filter::And))
    }

    fn term(&mut self, scope: Option<&AttributePath>) -> Result<Filter, ScimError> {
        let first = self.advance()?;
        match first.token {
            Token::Open => self.group(first.at, scope),
            Token::Word(word) if word.eq_ignore_ascii_case("not") => {
                let open = self.advance()?;
                if open.token != Token::Open {
                    return Err(self.fail(open.at, "expected ( after not"));
                }
                Ok(Filter::Not(Box::new(self.group(open.at, scope)?)))
            }
            Token::Word(word) => {
                let path = self.path(word, first.at, scope)?;
                self.attribute(path, first.at, scope)
            }
            _ => Err(self.fail(first.at, "expected an attribute, not or (")),
        }
    }

    /// Parses the text in parentheses; the opening one is already consumed.
    fn group(&mut self, at: usize, scope: Option<&AttributePath>) -> Result<Filter, ScimError> {
        self.enter(at)?;
        let inside = self.filter(scope)?;
        self.closed_by(&Token::Close, "expected ), and or or")?;
        Ok(inside)
    }

    /// Parses the rest of an expression after its attribute.
    fn attribute(
        &mut self,
        path: AttributePath,
        at: usize,
        scope: Option<&AttributePath>,
    ) -> Result<Filter, ScimError> {
        if self.next.token == Token::OpenBracket && !self.next.spaced {
            if scope.is_some() {
                return Err(self.fail(self.next.at, "brackets cannot be nested"));
            }
            let inside = self.element(&path)?;
            return match self.sub_attribute(&path)? {
                None => Ok(Filter::Element(path, Box::new(inside))),
                Some((sub, at)) => {
                    let compared = self.comparison(sub, at)?;
                    Ok(of_element(path, inside, compared))
                }
            };
        }
        self.comparison(path, at)
    }

    /// Parses the sub-attribute after the brackets of a value path, and its position. Entra ID uses this in filters, as
    /// `emails[type eq "work"].value eq "…"`, which the grammar of RFC 7644 has only in PATCH paths.
    fn sub_attribute(
        &mut self,
        parent: &AttributePath,
    ) -> Result<Option<(AttributePath, usize)>, ScimError> {
        let Token::Word(word) = self.next.token else {
            return Ok(None);
        };
        let Some(name) = word.strip_prefix('.').filter(|_| !self.next.spaced) else {
            return Ok(None);
        };
        let at = self.advance()?.at;
        self.path(name, at, Some(parent)).map(|sub| Some((sub, at)))
    }

    /// Parses the comparison after an attribute.
    fn comparison(&mut self, path: AttributePath, at: usize) -> Result<Filter, ScimError> {
        let word = self.advance()?;
        let Token::Word(name) = word.token else {
            return Err(self.fail(word.at, EXPECTED_OPERATOR));
        };
        if name.eq_ignore_ascii_case("pr") {
            return Ok(Filter::Present(path));
        }
        let operator =
            Operator::parse(name).ok_or_else(|| self.fail(word.at, EXPECTED_OPERATOR))?;
        let literal = self.advance()?;
        if !literal.spaced {
            return Err(self.fail(literal.at, "expected a blank and a value"));
        }
        let path = path.compared(self.resource_type);
        let operand = operand(&path, operator, literal.token, self.quotes);
        match operand {
            Ok(operand) => Ok(Filter::Compare(path, operator, operand)),
            Err((Wrong::Value, reason)) => Err(self.fail(literal.at, &reason)),
            Err((Wrong::Attribute, reason)) => Err(self.fail(at, &reason)),
            Err((Wrong::Operator, reason)) => Err(self.fail(word.at, &reason)),
        }
    }

    /// Parses the filter in brackets after `path`; the opening bracket is the next token.
    pub(super) fn element(&mut self, path: &AttributePath) -> Result<Filter, ScimError> {
        let open = self.advance()?;
        if !path.multi_valued || path.kind != Type::Complex || path.sub.is_some() {
            let reason =
                format!("brackets follow only multi-valued complex attributes, not {path}");
            return Err(self.fail(open.at, &reason));
        }
        self.enter(open.at)?;
        let inside = self.filter(Some(path))?;
        self.closed_by(&Token::CloseBracket, "expected ], and or or")?;
        Ok(inside)
    }

    fn path(
        &self,
        word: &str,
        at: usize,
        scope: Option<&AttributePath>,
    ) -> Result<AttributePath, ScimError> {
        let path = match scope {
            Some(parent) => parent.child(word, self.resource_type),
            None => AttributePath::parse_bare(word, self.resource_type),
        };
        let path = path.map_err(|sentence| self.fail(at, &sentence))?;
        let attribute = path.target(self.resource_type);
        if attribute.is_some_and(|attribute| attribute.returned == Returned::Never) {
            let reason =
                format!("{path} is never returned, so it cannot be searched by; leave it out");
            return Err(self.fail(at, &reason));
        }
        Ok(path)
    }

    fn enter(&mut self, at: usize) -> Result<(), ScimError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let reason = format!("more than {MAX_DEPTH} brackets are nested");
            return Err(self.fail(at, &reason));
        }
        Ok(())
    }

    fn closed_by(&mut self, token: &Token<'_>, expected: &str) -> Result<(), ScimError> {
        let found = self.advance()?;
        if found.token != *token {
            return Err(self.fail(found.at, expected));
        }
        self.depth -= 1;
        Ok(())
    }

    /// Consumes the word, in any case, if it is next.
    fn takes_word(&mut self, word: &str) -> Result<bool, ScimError> {
        let Token::Word(found) = self.next.token else {
            return Ok(false);
        };
        if !found.eq_ignore_ascii_case(word) {
            return Ok(false);
        }
        if !self.next.spaced {
            return Err(self.fail(self.next.at, "expected a blank"));
        }
        let at = self.advance()?.at;
        if !self.next.spaced {
            return Err(self.fail(at + word.len(), "expected a blank"));
        }
        Ok(true)
    }
}

const EXPECTED_OPERATOR: &str = "expected eq, ne, co, sw, ew, gt, ge, lt, le or pr";

/// The part of a comparison that is invalid.
enum Wrong {
    Attribute,
    Operator,
    Value,
}

/// The value to compare with, if the comparison is valid (RFC 7644 §3.4.2.2). The error message does not quote the
/// text.
fn operand(
    path: &AttributePath,
    operator: Operator,
    literal: Token<'_>,
    quotes: Quotes,
) -> Result<Operand, (Wrong, String)> {
    let operand = match literal {
        Token::Text(text) => Operand::Text(text),
        Token::Word(word) if quotes == Quotes::Optional && is_bare_text(path, word) => {
            Operand::Text(word.to_owned())
        }
        Token::Word("true") => Operand::Boolean(true),
        Token::Word("false") => Operand::Boolean(false),
        Token::Word("null") => Operand::Null,
        Token::Word(word) => match serde_json::from_str::<f64>(word) {
            Ok(number) => Operand::Number(number),
            Err(_) => return Err((Wrong::Value, EXPECTED_VALUE.to_owned())),
        },
        _ => return Err((Wrong::Value, EXPECTED_VALUE.to_owned())),
    };
    let equality = matches!(operator, Operator::Equal | Operator::NotEqual);
    if operand == Operand::Null {
        return match equality {
            true => Ok(operand),
            false => Err((
                Wrong::Operator,
                "null compares only by eq and ne".to_owned(),
            )),
        };
    }
    let wanted = match path.kind {
        Type::Complex => {
            let reason = format!("{path} has parts; compare one of its sub-attributes");
            return Err((Wrong::Attribute, reason));
        }
        Type::Boolean => "true or false",
        Type::Decimal | Type::Integer => "a number",
        Type::DateTime => "a time such as \"2011-05-13T04:42:34Z\"",
        Type::String | Type::Binary | Type::Reference => "text in quotation marks",
    };
    let permitted = match path.kind {
        Type::Boolean => equality,
        Type::Binary => !operator.is_order(),
        Type::DateTime | Type::Decimal | Type::Integer => equality || operator.is_order(),
        Type::String | Type::Reference | Type::Complex => true,
    };
    if !permitted {
        let kind = path.kind.as_str();
        let reason = format!("{path} is a {kind} value, which {operator} does not compare");
        return Err((Wrong::Operator, reason));
    }
    let converted = match (path.kind, operand) {
        // Entra ID writes booleans in quotation marks.
        (Type::Boolean, Operand::Text(text)) => match text.to_ascii_lowercase().as_str() {
            "true" => Some(Operand::Boolean(true)),
            "false" => Some(Operand::Boolean(false)),
            _ => None,
        },
        (Type::DateTime, Operand::Text(text)) => {
            date_time::parse(&text).map(|moment| Operand::Moment(moment.0))
        }
        (Type::String | Type::Binary | Type::Reference, text @ Operand::Text(_)) => Some(text),
        (Type::Boolean, boolean @ Operand::Boolean(_)) => Some(boolean),
        (Type::Decimal | Type::Integer, number @ Operand::Number(_)) => Some(number),
        _ => None,
    };
    converted.ok_or_else(|| (Wrong::Value, format!("expected {wanted} for {path}")))
}

/// Whether an unquoted word is the text to compare with.
fn is_bare_text(path: &AttributePath, word: &str) -> bool {
    word != "null" && !matches!(path.kind, Type::Decimal | Type::Integer)
}

/// A condition on a sub-attribute of the matching elements: `emails[type eq "work"].value eq "…"` is evaluated for one
/// element at a time, and `ne` is `not (eq)`, as without brackets.
fn of_element(path: AttributePath, inside: Filter, compared: Filter) -> Filter {
    let (compared, negated) = match compared {
        Filter::Compare(sub, Operator::Equal, Operand::Null) => (Filter::Present(sub), true),
        Filter::Compare(sub, Operator::NotEqual, Operand::Null) => (Filter::Present(sub), false),
        Filter::Compare(sub, Operator::NotEqual, operand) => {
            (Filter::Compare(sub, Operator::Equal, operand), true)
        }
        compared => (compared, false),
    };
    let both = match inside {
        Filter::And(mut all) => {
            all.push(compared);
            all
        }
        inside => vec![inside, compared],
    };
    let element = Filter::Element(path, Box::new(Filter::And(both)));
    match negated {
        true => Filter::Not(Box::new(element)),
        false => element,
    }
}

const EXPECTED_VALUE: &str = "expected text in quotation marks, a number, true, false or null";

impl Filter {
    /// Parses a filter for resources of this type. It may have at most [`MAX_LENGTH`] bytes and [`MAX_DEPTH`] nested
    /// brackets.
    ///
    /// # Errors
    /// `invalidFilter`: it is malformed, refers to an attribute that does not exist or is never returned, or compares
    /// values that cannot be compared.
    pub fn parse(text: &str, resource_type: &ResourceType) -> Result<Self, ScimError> {
        Filter::parse_with(text, resource_type, Quotes::Required)
    }

    /// The same, with optional quotation marks around text, as in the samples of WSO2 Identity Server
    /// (`userName Eq kim`).
    ///
    /// # Errors
    /// Same as [`Filter::parse`].
    pub fn parse_with(
        text: &str,
        resource_type: &ResourceType,
        quotes: Quotes,
    ) -> Result<Self, ScimError> {
        let mut parser = Parser::new(text, resource_type, ErrorType::InvalidFilter, quotes)?;
        let filter = parser.filter(None)?;
        let end = parser.peek();
        if end.token != Token::End {
            return Err(parser.fail(end.at, "expected and, or or the end"));
        }
        Ok(filter)
    }
}

/// One filter, or several joined.
fn joined(mut filters: Vec<Filter>, together: fn(Vec<Filter>) -> Filter) -> Filter {
    match filters.pop() {
        Some(only) if filters.is_empty() => only,
        Some(last) => {
            filters.push(last);
            together(filters)
        }
        None => together(filters),
    }
}

fn broken_text(tokens: &Tokens<'_>, error: ErrorType, broken: Malformed) -> ScimError {
    fail(tokens, error, broken.at, broken.reason)
}

fn fail(tokens: &Tokens<'_>, error: ErrorType, at: usize, reason: &str) -> ScimError {
    let (what, character) = (noun(error), tokens.character(at));
    ScimError::of(
        error,
        format!("The {what} is wrong at character {character}: {reason}."),
    )
}

fn noun(error: ErrorType) -> &'static str {
    match error {
        ErrorType::InvalidPath => "path",
        _ => "filter",
    }
}
