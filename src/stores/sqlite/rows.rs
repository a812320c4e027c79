//! Writes the users of a step, many per statement: the cost of a statement is shared, and its
//! cursors stay near the previous row. One user per statement takes twice as long.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use rusqlite::{CachedStatement, Connection};
use uuid::Uuid;

use crate::stores::sqlite::change::change;
use crate::stores::sqlite::members::touch;
use crate::stores::sqlite::step::signed;
use crate::users::batch::{NewUser, Piece};
use crate::users::merge::StoredFields;
use crate::users::options::ConflictPolicy;
use crate::users::role_name::ROLE_SEPARATOR;
use crate::users::step::{ImportStep, Outcome};

/// The largest number of users per statement.
pub(super) const MAX_USERS: usize = 1 << (SIZES - 1);

/// Statements have 1, 2, 4 … users. With more than 16, their values no longer fit into the memory
/// that SQLite keeps for a connection, and each needs an allocation.
const SIZES: usize = 5;

/// Optional fields, absent for all users in many files: the column, and its value. A column that no
/// user of a step needs costs nothing.
const OPTIONAL: [(&str, Piece, Value); 7] = [
    ("user_name", Piece::Name, |user| {
        Some(user.name).filter(|name| *name != user.key)
    }),
    ("given_name", Piece::GivenName, |user| user.given_name),
    ("family_name", Piece::FamilyName, |user| user.family_name),
    ("email", Piece::Email, |user| user.email),
    ("external_id", Piece::ExternalId, |user| user.external_id),
    ("attributes", Piece::Attributes, |user| user.attributes),
    ("password_hash", Piece::Hash, |user| user.password_hash),
];

/// The value of a user in a column.
type Value = for<'u> fn(&NewUser<'u>) -> Option<&'u str>;

/// Parameters shared by all users of a step, before those of each user.
const COMMON: usize = 3;

/// Parameters of each user, before those of the optional columns.
const OF_EACH: usize = 4;

/// The statement that inserts this many users with these optional columns.
///
/// OR FAIL: a statement that violates a constraint need not undo its earlier rows, for which SQLite
/// would copy every page it modifies. The step ends with the error, and its transaction is rolled
/// back.
fn insert_statement(users: usize, optional: &[(&str, Value)]) -> String {
    let mut sql = String::from(
        "INSERT OR FAIL INTO users (space, created_in, created_at, name_key, id, must_change, created_line",
    );
    for (column, _) in optional {
        sql.push_str(", ");
        sql.push_str(column);
    }
    let width = OF_EACH + optional.len();
    for user in 0..users {
        sql.push_str(if user == 0 { ") VALUES (" } else { "), (" });
        sql.push_str("?1, ?2, ?3");
        let first = COMMON + 1 + user * width;
        for parameter in first..first + width {
            sql.push_str(", ?");
            sql.push_str(&parameter.to_string());
        }
    }
    sql.push_str(") ON CONFLICT (space, name_key) DO NOTHING");
    sql
}

static FIND: LazyLock<[String; SIZES]> = LazyLock::new(|| {
    std::array::from_fn(|size| {
        let names = (0..1 << size).map(|user| format!("({user}, ?{})", user + 2));
        format!(
            "SELECT named.column1, u.id, u.given_name, u.family_name, u.email, u.external_id,
                 u.attributes
             FROM (VALUES {}) named
             CROSS JOIN users u ON u.space = ?1 AND u.name_key = named.column2",
            names.collect::<Vec<_>>().join(", ")
        )
    })
});

/// The values shared by all users of a step.
pub(super) struct Rows<'s> {
    db: &'s Connection,
    step: &'s ImportStep,
    space: i64,
    /// The import's number.
    import: i64,
    /// The optional columns in use.
    optional: Vec<(&'static str, Value)>,
    /// By size, with the shared values bound.
    inserts: [Option<CachedStatement<'s>>; SIZES],
    /// Roles that got new members.
    joined: BTreeSet<String>,
}

impl<'s> Rows<'s> {
    /// Users of this space, imported by the import with this number.
    pub(super) fn new(db: &'s Connection, step: &'s ImportStep, space: i64, import: i64) -> Self {
        let used = OPTIONAL
            .iter()
            .filter(|(_, piece, _)| step.users.any(*piece));
        Rows {
            db,
            step,
            space,
            import,
            optional: used.map(|(column, _, value)| (*column, *value)).collect(),
            inserts: Default::default(),
            joined: BTreeSet::new(),
        }
    }

    /// Writes users, or handles existing ones, in this order; reports the outcome of each user that
    /// is not created. Either all of them have a password or none: only existing users may lack
    /// one.
    pub(super) fn write(
        &mut self,
        mut users: &[NewUser<'_>],
        report: &mut impl FnMut(&NewUser<'_>, Outcome),
    ) -> rusqlite::Result<()> {
        while let Some(size) = users.len().min(MAX_USERS).checked_ilog2() {
            let (these, others) = users.split_at(1 << size);
            self.write_some(size as usize, these, report)?;
            users = others;
        }
        Ok(())
    }

    /// Marks each group that got new members as changed, once.
    pub(super) fn finish(self) -> rusqlite::Result<()> {
        let step = self.step;
        for role in &self.joined {
            touch(self.db, &step.organization, &step.domain, role, step.at)?;
        }
        Ok(())
    }

    fn write_some(
        &mut self,
        size: usize,
        users: &[NewUser<'_>],
        report: &mut impl FnMut(&NewUser<'_>, Outcome),
    ) -> rusqlite::Result<()> {
        let conflict = self.step.conflict;
        if users.iter().any(|user| !user.password_missing) {
            let made = self.insert(size, users)?;
            if made == users.len() {
                return users.iter().try_for_each(|user| self.give_roles(user));
            }
            if made == 0 && !conflict.changes_users() {
                users
                    .iter()
                    .for_each(|user| report(user, outcome_of_existing(conflict)));
                return Ok(());
            }
        }
        let found = self.find(size, users)?;
        let mut before = None;
        for (user, found) in users.iter().zip(found) {
            // A previous row may have created the same user since.
            let again = before.replace(user.key) == Some(user.key);
            match found {
                Found::Made => self.give_roles(user)?,
                Found::Missing => report(user, Outcome::PasswordMissing),
                _ if !conflict.changes_users() => report(user, outcome_of_existing(conflict)),
                Found::Unchanged if !again => report(user, Outcome::Unchanged),
                _ => report(user, change(self.db, self.step, self.import, user)?),
            }
        }
        Ok(())
    }

    /// Inserts the users that do not exist; returns how many were inserted.
    fn insert(&mut self, size: usize, users: &[NewUser<'_>]) -> rusqlite::Result<usize> {
        let Some(place) = self.inserts.get_mut(size) else {
            return Ok(0);
        };
        let insert = match place {
            Some(insert) => insert,
            None => {
                let sql = insert_statement(1 << size, &self.optional);
                let mut insert = self.db.prepare_cached(&sql)?;
                insert.raw_bind_parameter(1, self.space)?;
                insert.raw_bind_parameter(2, self.import)?;
                insert.raw_bind_parameter(3, self.step.at.0)?;
                place.insert(insert)
            }
        };
        let mut parameters = COMMON + 1..;
        let mut next = || parameters.next().unwrap_or_default();
        for user in users {
            insert.raw_bind_parameter(next(), user.key)?;
            insert.raw_bind_parameter(next(), user.id)?;
            insert.raw_bind_parameter(next(), user.must_change)?;
            insert.raw_bind_parameter(next(), signed(user.line))?;
            for (_, value) in &self.optional {
                insert.raw_bind_parameter(next(), value(user))?;
            }
        }
        insert.raw_execute()
    }

    /// The state of each user after the insert.
    fn find(&self, size: usize, users: &[NewUser<'_>]) -> rusqlite::Result<Vec<Found>> {
        let mut found = vec![Found::Missing; users.len()];
        let sql = FIND.get(size).map_or("", String::as_str);
        let mut query = self.db.prepare_cached(sql)?;
        query.raw_bind_parameter(1, self.space)?;
        for (user, place) in users.iter().zip(2..) {
            query.raw_bind_parameter(place, user.key)?;
        }
        let mut rows = query.raw_query();
        while let Some(row) = rows.next()? {
            let position = usize::try_from(row.get::<_, u32>(0)?).unwrap_or(usize::MAX);
            let (Some(user), Some(place)) = (users.get(position), found.get_mut(position)) else {
                continue;
            };
            let text = |column| Ok::<_, rusqlite::Error>(row.get_ref(column)?.as_str_or_null()?);
            let glance = StoredFields {
                given_name: text(2)?,
                family_name: text(3)?,
                email: text(4)?,
                external_id: text(5)?,
                attributes: text(6)?,
            };
            *place = if row.get::<_, Uuid>(1)? == user.id {
                Found::Made
            } else if glance.shows(user) {
                Found::Unchanged
            } else {
                Found::Other
            };
        }
        Ok(found)
    }

    fn give_roles(&mut self, user: &NewUser<'_>) -> rusqlite::Result<()> {
        let Some(roles) = user.roles else {
            return Ok(());
        };
        let mut insert = self.db.prepare_cached(
            "INSERT INTO role_members (organization, domain, user_id, role) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO NOTHING",
        )?;
        for role in roles.split(ROLE_SEPARATOR) {
            insert.execute((&self.step.organization, &self.step.domain, user.id, role))?;
            if !self.joined.contains(role) {
                self.joined.insert(role.to_owned());
            }
        }
        Ok(())
    }
}

/// The holder of the name of a row.
#[derive(Debug, Clone, Copy)]
enum Found {
    /// None.
    Missing,
    /// The user created by the row.
    Made,
    /// An existing user, already as in the row.
    Unchanged,
    /// An existing user.
    Other,
}

/// The outcome of a row whose user exists, if users are not changed.
fn outcome_of_existing(conflict: ConflictPolicy) -> Outcome {
    match conflict {
        ConflictPolicy::Fail => Outcome::Exists,
        _ => Outcome::Duplicate,
    }
}
