//! Compiles filters to SQL: a condition that is true for every row that matches, and possibly for
//! others.
//!
//! [`evaluate`](crate::scim::evaluate) decides over documents; this decides over rows what can be
//! decided exactly there. The rest is left out, which makes the condition wider. A condition is
//! never null, so that it can be negated.

use rusqlite::types::Value;
use uuid::Uuid;

use crate::caseless::caseless;
use crate::scim::attribute_names::{ACTIVE, DISABLED, LOCKED};
use crate::scim::filter::{Filter, Operand, Operator};
use crate::scim::path::AttributePath;
use crate::stores::sqlite::filter_fields::{Field, field};
use crate::users::built_in::PRIMARY_DOMAIN;

pub(super) use crate::stores::sqlite::filter_fields::Table;

/// A condition, and the values of its `?`, in order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Compiled {
    pub sql: String,
    pub parameters: Vec<Value>,
    /// Whether it is true only for rows that match; otherwise the documents have to be checked.
    pub exact: bool,
}

/// The condition for `filter`; if nothing can be compiled, one that is always true.
pub(super) fn compile(filter: &Filter, table: Table) -> Compiled {
    Compiler { table }
        .filter(filter, false)
        .unwrap_or_else(|| Compiled::new("1").wider())
}

impl Compiled {
    fn new(sql: impl Into<String>) -> Self {
        Compiled {
            sql: sql.into(),
            parameters: Vec::new(),
            exact: true,
        }
    }

    fn of(holds: bool) -> Self {
        Compiled::new(if holds { "1" } else { "0" })
    }

    fn with(mut self, parameter: impl Into<Value>) -> Self {
        self.parameters.push(parameter.into());
        self
    }

    fn wider(self) -> Self {
        Compiled {
            exact: false,
            ..self
        }
    }

    fn negated(self) -> Self {
        Compiled {
            sql: format!("NOT ({})", self.sql),
            ..self
        }
    }
}

struct Compiler {
    table: Table,
}

impl Compiler {
    /// None if no condition is known. In brackets, one element has to satisfy all conditions,
    /// whereas each SQL condition may be satisfied by a different element.
    fn filter(&self, filter: &Filter, in_brackets: bool) -> Option<Compiled> {
        match filter {
            Filter::And(all) => {
                let known: Vec<Compiled> = all
                    .iter()
                    .filter_map(|one| self.filter(one, in_brackets))
                    .collect();
                let exact = known.len() == all.len() && !in_brackets;
                let together = joined(known, " AND ")?;
                Some(if exact { together } else { together.wider() })
            }
            Filter::Or(all) => {
                let known: Option<Vec<Compiled>> = all
                    .iter()
                    .map(|one| self.filter(one, in_brackets))
                    .collect();
                joined(known?, " OR ")
            }
            Filter::Not(inside) => self.not(self.filter(inside, in_brackets), in_brackets),
            Filter::Present(_) if in_brackets => None,
            Filter::Present(path) => self.present(path),
            Filter::Element(_, inside) => self.filter(inside, true),
            Filter::Compare(path, operator, operand) => match (operator, operand) {
                (Operator::Equal, Operand::Null) => self.not(self.present(path), in_brackets),
                (_, Operand::Null) if in_brackets => None,
                (_, Operand::Null) => self.present(path),
                (Operator::NotEqual, _) => {
                    let equal = self.compare(path, Operator::Equal, operand);
                    self.not(equal, in_brackets)
                }
                _ => self.compare(path, *operator, operand),
            },
        }
    }

    /// Negation turns a wider condition into a narrower one, and "some element" into "no element".
    fn not(&self, inside: Option<Compiled>, in_brackets: bool) -> Option<Compiled> {
        inside
            .filter(|inside| inside.exact && !in_brackets)
            .map(Compiled::negated)
    }

    fn present(&self, path: &AttributePath) -> Option<Compiled> {
        match field(path, self.table)? {
            Field::Id(_)
            | Field::Name(..)
            | Field::Moment(_)
            | Field::Active
            | Field::Constant(_) => Some(Compiled::of(true)),
            Field::Column(column) => Some(Compiled::new(format!("coalesce({column} <> '', 0)"))),
            Field::Attribute(name) => {
                let sql = format!("coalesce({ATTRIBUTE} <> '', 0)");
                Some(Compiled::new(sql).with(json_path(&name)))
            }
            Field::Somewhere(_)
            | Field::GroupsOfUser
            | Field::GroupNamesOfUser
            | Field::Members => None,
        }
    }

    fn compare(
        &self,
        path: &AttributePath,
        operator: Operator,
        operand: &Operand,
    ) -> Option<Compiled> {
        let field = field(path, self.table)?;
        match (field, operand) {
            (Field::Moment(column), Operand::Moment(moment)) => {
                let sign = sign(operator)?;
                let sql = format!("{column} / 1000 * 1000 {sign} ?");
                Some(Compiled::new(sql).with(*moment))
            }
            (Field::Active, Operand::Boolean(wanted)) => Some(active(*wanted)),
            // An empty text is left to the document, where the value may be absent; SQLite's text
            // functions do not support NUL.
            (field, Operand::Text(text)) if !text.is_empty() && !text.contains('\0') => {
                text_field(field, path.case_exact, operator, text)
            }
            _ => None,
        }
    }
}

/// Whether the user may log in, decided as in
/// [`shown_active`](crate::users::account_state::shown_active).
fn active(wanted: bool) -> Compiled {
    let locked = format!(
        "(coalesce(muster_truth({ATTRIBUTE}), 0) OR coalesce(muster_truth({ATTRIBUTE}), 0) \
         OR NOT coalesce(muster_truth({ATTRIBUTE}), 1))"
    );
    let not = if wanted { "NOT " } else { "" };
    // An empty claim is neither: the attribute is not shown.
    let sql = format!("({not}{locked} AND coalesce({ATTRIBUTE}, 'true') <> '')");
    [LOCKED, DISABLED, ACTIVE, ACTIVE]
        .into_iter()
        .fold(Compiled::new(sql), |sql, place| sql.with(json_path(place)))
}

fn text_field(
    field: Field,
    case_exact: bool,
    operator: Operator,
    wanted: &str,
) -> Option<Compiled> {
    let folded = |expression: String| match case_exact {
        true => expression,
        false => format!("muster_caseless({expression})"),
    };
    let wanted = match case_exact {
        true => wanted.to_owned(),
        false => caseless(wanted).into_owned(),
    };
    match field {
        Field::Id(column) => equal_to_id(operator, &wanted, |id| {
            Compiled::new(format!("{column} = ?")).with(blob(id))
        }),
        Field::Name(domain, key) if operator == Operator::Equal => {
            Some(equal_to_name(domain, key, &wanted))
        }
        Field::Name(domain, key) => {
            let whole = format!(
                "iif({domain} = '{PRIMARY_DOMAIN}', {key}, muster_caseless({domain}) || '/' || {key})"
            );
            text(&whole, None, operator, wanted)
        }
        // The bare column, so that an index on it can be used.
        Field::Column(column) if case_exact && operator == Operator::Equal => {
            Some(Compiled::new(format!("({column} IS NOT NULL AND {column} = ?)")).with(wanted))
        }
        Field::Column(column) => text(&folded(column.to_owned()), None, operator, wanted),
        Field::Attribute(name) => {
            let path = json_path(&name);
            text(&folded(ATTRIBUTE.to_owned()), Some(path), operator, wanted)
        }
        Field::Constant(constant) if operator == Operator::Equal => {
            let constant = if case_exact {
                constant.into()
            } else {
                caseless(constant)
            };
            Some(Compiled::of(constant == wanted))
        }
        Field::Somewhere(column) => somewhere(column, folded, operator, wanted),
        Field::GroupsOfUser => equal_to_id(operator, &wanted, |id| {
            in_a_group(Compiled::new("g.id = ?").with(blob(id)))
        }),
        Field::GroupNamesOfUser if operator == Operator::Equal => {
            Some(in_a_group(equal_to_name("g.domain", "g.name_key", &wanted)))
        }
        Field::Members => equal_to_id(operator, &wanted, |id| {
            Compiled::new(
                "(EXISTS (SELECT 1 FROM role_members m WHERE m.organization = r.organization
                    AND m.domain = r.domain AND m.role = r.name AND m.user_id = ?)
                 OR EXISTS (SELECT 1 FROM role_groups g WHERE g.organization = r.organization
                    AND g.role = r.id AND g.member = ?))",
            )
            .with(blob(id))
            .with(blob(id))
        }),
        Field::Moment(_) | Field::Active | Field::Constant(_) | Field::GroupNamesOfUser => None,
    }
}

/// Whether a user is in a group `g` that satisfies the condition.
fn in_a_group(condition: Compiled) -> Compiled {
    let sql = format!(
        "EXISTS (SELECT 1 FROM roles g JOIN role_members m ON m.organization = g.organization
            AND m.domain = g.domain AND m.role = g.name
         WHERE g.organization = u.organization AND {} AND g.domain <> 'INTERNAL'
            AND m.domain = u.domain AND m.user_id = u.id)",
        condition.sql
    );
    Compiled { sql, ..condition }
}

/// The value of one of a user's attributes; its JSON path is bound.
const ATTRIBUTE: &str = "u.attributes ->> ?";

/// The name comes from the table of claims or the settings, and contains no quotation marks.
fn json_path(name: &str) -> String {
    format!("$.\"{name}\"")
}

fn blob(id: Uuid) -> Value {
    Value::Blob(id.as_bytes().to_vec())
}

/// Ids are compared case-sensitively, and documents contain them in lower case.
fn equal_to_id(
    operator: Operator,
    wanted: &str,
    equal: impl FnOnce(Uuid) -> Compiled,
) -> Option<Compiled> {
    if operator != Operator::Equal {
        return None;
    }
    let id = Uuid::try_parse(wanted)
        .ok()
        .filter(|id| id.to_string() == wanted);
    Some(match id {
        Some(id) => equal(id),
        None => Compiled::of(false),
    })
}

/// A name of `PRIMARY` has no prefix, others have that of their domain; both have an index.
fn equal_to_name(domain: &str, key: &str, wanted: &str) -> Compiled {
    let primary = format!("({domain} = '{PRIMARY_DOMAIN}' AND {key} = ?)");
    let Some((front, name)) = wanted.split_once('/') else {
        return Compiled::new(primary).with(wanted.to_owned());
    };
    // Domains are stored in upper case; only for ASCII is the conversion certainly reversible.
    let (of_domain, front) = match front.is_ascii() {
        true => (domain.to_owned(), front.to_uppercase()),
        false => (format!("muster_caseless({domain})"), front.to_owned()),
    };
    Compiled::new(format!(
        "({primary} OR ({of_domain} = ? AND {domain} <> '{PRIMARY_DOMAIN}' AND {key} = ?))"
    ))
    .with(wanted.to_owned())
    .with(front)
    .with(name.to_owned())
}

/// Compares an expression that is a text or null; `bound` is the value of a `?` in it.
fn text(
    expression: &str,
    bound: Option<String>,
    operator: Operator,
    wanted: String,
) -> Option<Compiled> {
    let comparison = match operator {
        Operator::Contains | Operator::EndsWith => format!("instr({expression}, ?) > 0"),
        Operator::StartsWith => {
            let length = wanted.chars().count();
            format!("substr({expression}, 1, {length}) = ?")
        }
        _ => format!("{expression} {} ?", sign(operator)?),
    };
    let mut compiled = Compiled::new(format!("coalesce({comparison}, 0)"));
    compiled.parameters.extend(bound.map(Value::Text));
    let compiled = compiled.with(wanted);
    // An empty value is less than any other, unless the document omits it. The end of a text cannot
    // be checked if the text may contain a NUL.
    Some(match operator {
        Operator::EndsWith | Operator::Less | Operator::LessOrEqual => compiled.wider(),
        _ => compiled,
    })
}

/// A text contained in a value is also contained in the JSON text of the value, unless JSON escapes
/// it.
fn somewhere(
    column: Option<&str>,
    folded: impl Fn(String) -> String,
    operator: Operator,
    wanted: String,
) -> Option<Compiled> {
    let is_part = matches!(
        operator,
        Operator::Equal | Operator::Contains | Operator::StartsWith | Operator::EndsWith
    );
    let is_plain = |character: char| !matches!(character, '"' | '\\') && character >= ' ';
    if !is_part || !wanted.chars().all(is_plain) {
        return None;
    }
    let within = |column: &str| format!("coalesce(instr({}, ?) > 0, 0)", folded(column.to_owned()));
    let in_attributes = Compiled::new(within("u.attributes")).with(wanted.clone());
    let found = match column {
        Some(column) => {
            let own = Compiled::new(within(column)).with(wanted);
            joined(vec![own, in_attributes], " OR ")?
        }
        None => in_attributes,
    };
    Some(found.wider())
}

fn sign(operator: Operator) -> Option<&'static str> {
    match operator {
        Operator::Equal => Some("="),
        Operator::Greater => Some(">"),
        Operator::GreaterOrEqual => Some(">="),
        Operator::Less => Some("<"),
        Operator::LessOrEqual => Some("<="),
        _ => None,
    }
}

/// Joins all conditions in a balanced tree: SQLite refuses expressions with more than 1000 levels,
/// and a chain has one level per condition.
fn joined(conditions: Vec<Compiled>, by: &str) -> Option<Compiled> {
    let exact = conditions.iter().all(|condition| condition.exact);
    let mut level: Vec<String> = Vec::with_capacity(conditions.len());
    let mut parameters = Vec::new();
    for condition in conditions {
        level.push(condition.sql);
        parameters.extend(condition.parameters);
    }
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [one] => one.clone(),
                _ => format!("({})", pair.join(by)),
            })
            .collect();
    }
    Some(Compiled {
        sql: level.pop()?,
        parameters,
        exact,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::schema::Schemas;

    fn compiled(text: &str) -> (String, usize, bool) {
        let schemas = Schemas::new(["accountLocked"]);
        let filter = Filter::parse(text, &schemas.user).unwrap();
        let compiled = compile(&filter, Table::Users);
        assert_eq!(
            compiled.sql.matches('?').count(),
            compiled.parameters.len(),
            "{text}"
        );
        (compiled.sql, compiled.parameters.len(), compiled.exact)
    }

    #[test]
    fn attributes_with_a_column_are_compared_in_sql() {
        for (text, sql, exact) in [
            (
                "userName eq \"Kim\"",
                "(u.domain = 'PRIMARY' AND u.name_key = ?)",
                true,
            ),
            (
                "userName eq \"sales/Kim\"",
                "((u.domain = 'PRIMARY' AND u.name_key = ?) OR (u.domain = ? AND u.domain <> 'PRIMARY' \
                 AND u.name_key = ?))",
                true,
            ),
            (
                "externalId eq \"7\"",
                "(u.external_id IS NOT NULL AND u.external_id = ?)",
                true,
            ),
            ("id eq \"7\"", "0", true),
            ("id ne \"7\"", "NOT (0)", true),
            (
                "id eq \"0190a7a8-0000-7000-8000-0123456789ab\"",
                "u.id = ?",
                true,
            ),
            (
                "title sw \"Dr\"",
                "coalesce(substr(muster_caseless(u.attributes ->> ?), 1, 2) = ?, 0)",
                true,
            ),
            (
                "not (name.givenName pr)",
                "NOT (coalesce(u.given_name <> '', 0))",
                true,
            ),
            (
                "meta.created ge \"2026-01-01T00:00:00Z\"",
                "u.created_at / 1000 * 1000 >= ?",
                true,
            ),
            (
                "urn:scim:schemas:extension:custom:User:accountLocked eq \"true\"",
                "coalesce(muster_caseless(u.attributes ->> ?) = ?, 0)",
                true,
            ),
        ] {
            let (found, _, is_exact) = compiled(text);
            assert_eq!((found.as_str(), is_exact), (sql, exact), "{text}");
        }
    }

    #[test]
    fn attributes_without_sql_make_the_condition_wider() {
        let locale = "coalesce(muster_caseless(u.attributes ->> ?) = ?, 0)";
        let email = "(coalesce(instr(muster_caseless(u.email), ?) > 0, 0) OR \
                     coalesce(instr(muster_caseless(u.attributes), ?) > 0, 0))";
        for (text, sql) in [
            ("emails.type eq \"work\"", "1"),
            ("emails eq \"a@x\"", email),
            ("emails ne \"a@x\"", "1"),
            ("not (emails eq \"a@x\")", "1"),
            ("emails[type eq \"work\" and value eq \"a@x\"]", email),
            ("emails[type eq \"work\" or value eq \"a@x\"]", "1"),
            ("emails eq \"\\\"a\\\"@x\"", "1"),
            ("title eq \"\"", "1"),
            ("groups[value ne \"7\"]", "1"),
            ("addresses.type eq \"home\" and locale eq \"fr\"", locale),
            ("addresses.type eq \"home\" or locale eq \"fr\"", "1"),
        ] {
            let (found, _, exact) = compiled(text);
            assert_eq!((found.as_str(), exact), (sql, false), "{text}");
        }
    }
}
