//! Finds matching users or groups, and the page of them.
//!
//! If SQL can evaluate the filter and the order, it does all of the work. Otherwise it returns
//! candidate rows, each is checked as a document, and the matches are sorted by their sort keys.

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Row, params_from_iter};
use uuid::Uuid;

use crate::scim::document::Document;
use crate::scim::evaluate::SortValue;
use crate::scim::evaluate::{matches, sort_value};
use crate::scim::filter::{Filter, Operand, Operator};
use crate::stores::sqlite::filter::{Compiled, Table, compile};
use crate::stores::sqlite::filter_fields::{Field, field};
use crate::stores::sqlite::step::unsigned;
use crate::stores::sqlite::users::i64_of;
use crate::users::built_in::{INTERNAL_DOMAIN, PRIMARY_DOMAIN};
use crate::users::page::{Page, Selection, by_id};
use crate::users::resources::{Keyset, Order, ResourceQuery};

/// What is searched, and how a row becomes a document.
pub(super) struct Search<'s> {
    pub table: Table,
    pub organization: &'s str,
    pub query: &'s ResourceQuery<'s>,
    /// The columns that `document` reads.
    pub columns: &'s str,
}

/// The sort order in SQL.
enum Sorting {
    /// By id only.
    Id,
    /// By this expression (text, number or null), then by id.
    Expression(String),
}

impl Search<'_> {
    /// Whether an index finds the matches, so that few other rows are read.
    pub(super) fn is_lookup(&self) -> bool {
        let filter = self.query.filter;
        filter.is_some_and(|filter| is_lookup(filter, self.table))
    }

    /// The keys of the page.
    pub(super) fn page(
        &self,
        db: &Connection,
        document: impl FnMut(&Row<'_>) -> rusqlite::Result<(Uuid, Document)>,
    ) -> rusqlite::Result<Page> {
        let condition = self.query.filter.map(|filter| compile(filter, self.table));
        let exact = condition.as_ref().is_none_or(|condition| condition.exact);
        match self.sorting().filter(|_| exact) {
            Some(sorting) => self.page_by_sql(db, condition, &sorting),
            None => self.page_by_documents(db, condition, document),
        }
    }

    fn page_by_sql(
        &self,
        db: &Connection,
        condition: Option<Compiled>,
        sorting: &Sorting,
    ) -> rusqlite::Result<Page> {
        let query = self.query;
        let (rows, mut parameters) = self.rows(condition);
        let count = |parameters: &[Value]| {
            db.prepare_cached(&format!("SELECT count(*) {rows}"))?
                .query_row(params_from_iter(parameters), |row| row.get(0).map(unsigned))
        };
        if query.limit == 0 {
            return Ok(Page::cut(Vec::new(), count(&parameters)?, 0));
        }
        let counted = parameters.clone();
        let statement = self.statement(&rows, sorting, &mut parameters);
        let keys: Vec<Keyset> = db
            .prepare_cached(&statement)?
            .query_map(params_from_iter(&parameters), |row| {
                Ok(Keyset {
                    id: row.get(0)?,
                    value: sorted_by(row.get_ref(1)?),
                })
            })?
            .collect::<rusqlite::Result<_>>()?;
        // If the first page is not full, it contains all matches.
        let all = keys.len() <= query.limit && query.skip == 0 && query.after.is_none();
        let total = match all {
            true => keys.len() as u64,
            false => count(&counted)?,
        };
        Ok(Page::cut(keys, total, query.limit))
    }

    /// The statement for the keys of the page, and one more.
    fn statement(&self, rows: &str, sorting: &Sorting, parameters: &mut Vec<Value>) -> String {
        let query = self.query;
        // The plus keeps SQLite from scanning all users by id if an index finds the few matches.
        let id = match query.filter {
            Some(_) => format!("+{}", self.id()),
            None => self.id().to_owned(),
        };
        let descending = query.order.is_some_and(|it| it.descending);
        let (value, order) = match sorting {
            Sorting::Id if descending => ("NULL", format!("{id} DESC")),
            Sorting::Id => ("NULL", id.clone()),
            Sorting::Expression(value) => {
                let direction = match descending {
                    true => "DESC NULLS FIRST",
                    false => "ASC NULLS LAST",
                };
                (value.as_str(), format!("{value} {direction}, {id}"))
            }
        };
        let after_key = match query.after {
            Some(after) => after_key(sorting, descending, after, parameters),
            None => "1",
        };
        let after_key = after_key.replace("$id", &id).replace("$value", value);
        parameters.push(Value::Integer(i64_of(query.limit.saturating_add(1))));
        parameters.push(Value::Integer(i64_of(query.skip)));
        format!("SELECT {id}, {value} {rows} AND ({after_key}) ORDER BY {order} LIMIT ? OFFSET ?")
    }

    fn page_by_documents(
        &self,
        db: &Connection,
        condition: Option<Compiled>,
        mut document: impl FnMut(&Row<'_>) -> rusqlite::Result<(Uuid, Document)>,
    ) -> rusqlite::Result<Page> {
        let exact = condition.as_ref().is_none_or(|condition| condition.exact);
        let filter = self.query.filter.filter(|_| !exact);
        let order = self.query.order.filter(|order| !by_id(Some(*order)));
        let (from, parameters) = self.rows(condition);
        let mut query = db.prepare_cached(&format!("SELECT {} {from}", self.columns))?;
        let mut rows = query.query(params_from_iter(&parameters))?;
        let mut selection = Selection::new(self.query);
        while let Some(row) = rows.next()? {
            let (id, document) = document(row)?;
            if filter.is_none_or(|filter| matches(filter, &document)) {
                selection.add(Keyset {
                    value: order.and_then(|order| sort_value(order.path, &document)),
                    id,
                });
            }
        }
        Ok(selection.finish())
    }

    /// The rows that satisfy the condition, and the values of its `?`.
    fn rows(&self, condition: Option<Compiled>) -> (String, Vec<Value>) {
        let (table, groups) = match self.table {
            Table::Users => ("people u", String::new()),
            Table::Groups => ("roles r", format!("AND r.domain <> '{INTERNAL_DOMAIN}'")),
        };
        let mut parameters = vec![Value::Text(self.organization.to_owned())];
        let domain = self.query.domain.map(|domain| {
            parameters.push(Value::Text(domain.to_owned()));
            "AND domain = ?"
        });
        let domain = domain.unwrap_or_default();
        let condition = condition.map(|condition| {
            parameters.extend(condition.parameters);
            format!("AND ({})", condition.sql)
        });
        let condition = condition.unwrap_or_default();
        let rows = format!("FROM {table} WHERE organization = ? {domain} {groups} {condition}");
        (rows, parameters)
    }

    fn id(&self) -> &'static str {
        match self.table {
            Table::Users => "u.id",
            Table::Groups => "r.id",
        }
    }

    /// The sort order in SQL, if there is one.
    fn sorting(&self) -> Option<Sorting> {
        let Some(order) = self.query.order.filter(|order| !by_id(Some(*order))) else {
            return Some(Sorting::Id);
        };
        self.expression(order).map(Sorting::Expression)
    }

    fn expression(&self, order: Order<'_>) -> Option<String> {
        match field(order.path, self.table)? {
            Field::Name(domain, key) => Some(format!(
                "iif({domain} = '{PRIMARY_DOMAIN}', {key}, muster_caseless({domain}) || '/' || {key})"
            )),
            Field::Column(column) if order.path.case_exact => Some(column.to_owned()),
            Field::Column(column) => Some(format!("muster_caseless({column})")),
            Field::Moment(column) => Some(format!("{column} / 1000 * 1000")),
            _ => None,
        }
    }
}

fn is_lookup(filter: &Filter, table: Table) -> bool {
    match filter {
        Filter::And(all) => all.iter().any(|one| is_lookup(one, table)),
        Filter::Or(all) => all.iter().all(|one| is_lookup(one, table)),
        Filter::Compare(path, Operator::Equal, Operand::Text(_)) => matches!(
            field(path, table),
            Some(Field::Id(_) | Field::Name(..) | Field::Column("u.external_id"))
        ),
        Filter::Compare(..) | Filter::Not(_) | Filter::Present(_) | Filter::Element(..) => false,
    }
}

/// The condition for rows after a key, with placeholders `$id` and `$value`.
fn after_key(
    sorting: &Sorting,
    descending: bool,
    after: &Keyset,
    parameters: &mut Vec<Value>,
) -> &'static str {
    let own_id = Value::Blob(after.id.as_bytes().to_vec());
    let value = after.value.as_ref().map(|value| match value {
        SortValue::Boolean(boolean) => Value::Integer(i64::from(*boolean)),
        SortValue::Number(number) => Value::Real(*number),
        SortValue::Text(text) => Value::Text(text.clone()),
    });
    match (sorting, value) {
        (Sorting::Id, _) => {
            parameters.push(own_id);
            if descending { "$id < ?" } else { "$id > ?" }
        }
        (Sorting::Expression(_), None) => {
            parameters.push(own_id);
            match descending {
                true => "($value IS NULL AND $id > ?) OR $value IS NOT NULL",
                false => "$value IS NULL AND $id > ?",
            }
        }
        (Sorting::Expression(_), Some(value)) => {
            parameters.extend([value.clone(), value, own_id]);
            match descending {
                true => "$value < ? OR ($value = ? AND $id > ?)",
                false => "$value > ? OR ($value = ? AND $id > ?) OR $value IS NULL",
            }
        }
    }
}

fn sorted_by(value: ValueRef<'_>) -> Option<SortValue> {
    match value {
        ValueRef::Text(text) => Some(SortValue::Text(String::from_utf8_lossy(text).into_owned())),
        // Microseconds of this magnitude are exact in a double.
        ValueRef::Integer(number) => Some(SortValue::Number(number as f64)),
        ValueRef::Real(number) => Some(SortValue::Number(number)),
        ValueRef::Null | ValueRef::Blob(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::filter::Filter;
    use crate::scim::schema::Schemas;
    use crate::stores::sqlite::connection::add_functions;
    use crate::stores::sqlite::migrations::migrate;

    fn plan(text: &str) -> String {
        let filter = Filter::parse(text, &Schemas::new([]).user).unwrap();
        plan_of(&ResourceQuery {
            filter: Some(&filter),
            limit: 10,
            ..ResourceQuery::default()
        })
    }

    fn plan_of(query: &ResourceQuery<'_>) -> String {
        let mut db = Connection::open_in_memory().unwrap();
        migrate(&mut db).unwrap();
        add_functions(&db).unwrap();
        let search = Search {
            table: Table::Users,
            organization: "default",
            query,
            columns: "u.id",
        };
        let condition = query.filter.map(|filter| compile(filter, Table::Users));
        let (rows, mut parameters) = search.rows(condition);
        let statement = search.statement(&rows, &Sorting::Id, &mut parameters);
        let mut plan = db
            .prepare(&format!("EXPLAIN QUERY PLAN {statement}"))
            .unwrap();
        let steps = plan
            .query_map(params_from_iter(&parameters), |row| row.get::<_, String>(3))
            .unwrap();
        steps.map(Result::unwrap).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn frequent_searches_use_an_index() {
        let by_name = plan("userName eq \"kim\"");
        assert!(by_name.contains("name_key=?"), "{by_name}");
        let by_external_id = plan("externalId eq \"7\"");
        assert!(
            by_external_id.contains("users_by_external_id"),
            "{by_external_id}"
        );
    }

    #[test]
    fn pages_of_all_users_are_read_in_id_order() {
        let by_id = "SEARCH u USING COVERING INDEX sqlite_autoindex_users_2";
        let mut query = ResourceQuery {
            limit: 10,
            ..ResourceQuery::default()
        };
        let first = plan_of(&query);
        assert!(first.contains(by_id), "{first}");
        let after = Keyset {
            value: None,
            id: Uuid::nil(),
        };
        query.after = Some(&after);
        let next = plan_of(&query);
        assert!(
            next.contains(&format!("{by_id} (space=? AND id>?)")),
            "{next}"
        );
    }
}
