//! Reading filters: recursive descent whose depth is limited, over tokens that are looked at once.

use crate::scim::date_time;
use crate::scim::error::{ErrorType, ScimError};
use crate::scim::filter::{Filter, Operand, Operator};
use crate::scim::filter_tokens::{Broken, Placed, Token, Tokens};
use crate::scim::path::AttributePath;
use crate::scim::schema::{ResourceType, Returned, Type};

/// The longest filter, in bytes.
pub const MAX_LENGTH: usize = 8 * 1024;

/// How many brackets may stand inside one another.
pub const MAX_DEPTH: usize = 32;

/// Whether text has to stand in quotation marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quotes {
    /// As RFC 7644 §3.4.2.2 has it.
    Required,
    /// One word may stand without them.
    Optional,
}

/// Reads a filter, or what stands in the brackets of a path.
pub(super) struct Parser<'t> {
    tokens: Tokens<'t>,
    next: Placed<'t>,
    resource_type: &'t ResourceType,
    /// What an error is called.
    error: ErrorType,
    quotes: Quotes,
    depth: usize,
}

impl<'t> Parser<'t> {
    /// A parser at the beginning of `text`.
    ///
    /// # Errors
    /// `text` is too long, or does not even begin well.
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
                    "The {what} has {} bytes and may have {MAX_LENGTH}; ask for less at a time.",
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

    /// The token that comes next.
    pub(super) fn peek(&self) -> &Placed<'t> {
        &self.next
    }

    /// Takes the next token away.
    pub(super) fn advance(&mut self) -> Result<Placed<'t>, ScimError> {
        let next = self.tokens.next();
        let next = next.map_err(|broken| broken_text(&self.tokens, self.error, broken))?;
        Ok(std::mem::replace(&mut self.next, next))
    }

    /// An error at a byte of the text.
    pub(super) fn fail(&self, at: usize, reason: &str) -> ScimError {
        fail(&self.tokens, self.error, at, reason)
    }

    /// Alternatives joined by `or`. Inside brackets, `scope` is the attribute in front of them.
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

    /// What stands in parentheses, the first of which is taken already.
    fn group(&mut self, at: usize, scope: Option<&AttributePath>) -> Result<Filter, ScimError> {
        self.enter(at)?;
        let inside = self.filter(scope)?;
        self.closed_by(&Token::Close, "expected ), and or or")?;
        Ok(inside)
    }

    /// What is said of an attribute that is taken already.
    fn attribute(
        &mut self,
        path: AttributePath,
        at: usize,
        scope: Option<&AttributePath>,
    ) -> Result<Filter, ScimError> {
        if self.next.token == Token::OpenBracket && !self.next.spaced {
            if scope.is_some() {
                return Err(self.fail(self.next.at, "brackets cannot stand in brackets"));
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

    /// The sub-attribute behind the brackets of a value path, and where it stands: Entra ID asks so, as
    /// `emails[type eq "work"].value eq "…"`, which the grammar of RFC 7644 has in PATCH paths alone.
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

    /// The comparison of an attribute that is taken already.
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

    /// What stands in brackets behind `path`; the first of them comes next.
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
            let reason = format!("{path} is never shown, so nobody can search by it; leave it out");
            return Err(self.fail(at, &reason));
        }
        Ok(path)
    }

    fn enter(&mut self, at: usize) -> Result<(), ScimError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let reason = format!("more than {MAX_DEPTH} brackets stand inside one another");
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

    /// Takes the word, in any case, when it comes next.
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

/// The part of a comparison that cannot be.
enum Wrong {
    Attribute,
    Operator,
    Value,
}

/// The value to compare with, if it can be compared so (RFC 7644 §3.4.2.2). What was written is not
/// repeated in the reason.
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
        // Entra writes its truth values in quotation marks.
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

/// Whether a word without quotation marks is the text to compare with.
fn is_bare_text(path: &AttributePath, word: &str) -> bool {
    word != "null" && !matches!(path.kind, Type::Decimal | Type::Integer)
}

/// What is said of a sub-attribute of those elements that match: `emails[type eq "work"].value eq "…"` is asked
/// of one element at a time, and `ne` is `not (eq)` here as it is without brackets.
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
    /// Reads a filter for resources of this type. It has at most [`MAX_LENGTH`] bytes, and at most
    /// [`MAX_DEPTH`] brackets inside one another.
    ///
    /// # Errors
    /// `invalidFilter`: it cannot be read, names what does not exist or is never shown, or compares
    /// what cannot be compared.
    pub fn parse(text: &str, resource_type: &ResourceType) -> Result<Self, ScimError> {
        Filter::parse_with(text, resource_type, Quotes::Required)
    }

    /// The same where text may stand without quotation marks, as the samples of WSO2 Identity Server write it
    /// (`userName Eq kim`).
    ///
    /// # Errors
    /// As of [`Filter::parse`].
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

/// One filter, or several together.
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

fn broken_text(tokens: &Tokens<'_>, error: ErrorType, broken: Broken) -> ScimError {
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
