//! The users of a step, many to a statement: what a statement costs is paid once for all of them, and
//! its cursors stay where the row before was. One at a time costs twice as much.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use rusqlite::{CachedStatement, Connection};
use uuid::Uuid;

use crate::stores::sqlite::change::change;
use crate::stores::sqlite::members::touch;
use crate::stores::sqlite::step::signed;
use crate::users::batch::{NewUser, Piece};
use crate::users::merge::Glance;
use crate::users::options::ConflictPolicy;
use crate::users::role_name::ROLE_SEPARATOR;
use crate::users::step::{ImportStep, Outcome};

/// Users of a statement at the most.
pub(super) const MOST: usize = 1 << (SIZES - 1);

/// Statements have 1, 2, 4 … users. With more than 16 their values no longer fit into the memory that
/// SQLite keeps at hand for a connection, and each costs an allocation.
const SIZES: usize = 5;

/// What a user may lack, and no user has in many a file: its column, and what comes in it. A column that no
/// user of a step has costs nothing.
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

/// What a user has in a column.
type Value = for<'u> fn(&NewUser<'u>) -> Option<&'u str>;

/// Parameters that all users of a step have in common, in front of those of each.
const COMMON: usize = 3;

/// Parameters that each user has, in front of those of the optional columns.
const OF_EACH: usize = 4;

/// The statement that inserts so many users with these of the optional columns.
///
/// A statement that breaks a rule need not be able to take its first users back (FAIL), which would have
/// SQLite copy every page it touches: the step ends with the error, and nothing of it stays.
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

/// What all users of a step have in common.
pub(super) struct Rows<'s> {
    db: &'s Connection,
    step: &'s ImportStep,
    space: i64,
    /// The import's number.
    import: i64,
    /// The optional columns that are used.
    optional: Vec<(&'static str, Value)>,
    /// By size, with what all users have in common bound.
    inserts: [Option<CachedStatement<'s>>; SIZES],
    /// Roles that have got users.
    joined: BTreeSet<String>,
}

impl<'s> Rows<'s> {
    /// Users of this space, who come by the import of this number.
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

    /// Writes users, or deals with those who exist, in this order; tells the outcome of each that is not
    /// made. Either all of them have a password or none has one: only somebody who exists can do without.
    pub(super) fn write(
        &mut self,
        mut users: &[NewUser<'_>],
        tell: &mut impl FnMut(&NewUser<'_>, Outcome),
    ) -> rusqlite::Result<()> {
        while let Some(size) = users.len().min(MOST).checked_ilog2() {
            let (these, others) = users.split_at(1 << size);
            self.write_some(size as usize, these, tell)?;
            users = others;
        }
        Ok(())
    }

    /// Marks the groups as changed that have got users, each of them once.
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
        tell: &mut impl FnMut(&NewUser<'_>, Outcome),
    ) -> rusqlite::Result<()> {
        let conflict = self.step.conflict;
        if users.iter().any(|user| !user.password_missing) {
            let made = self.insert(size, users)?;
            if made == users.len() {
                return users.iter().try_for_each(|user| self.give_roles(user));
            }
            if made == 0 && !conflict.changes_users() {
                users.iter().for_each(|user| tell(user, met(conflict)));
                return Ok(());
            }
        }
        let found = self.find(size, users)?;
        let mut before = None;
        for (user, found) in users.iter().zip(found) {
            // What the row before has done to the same user was not there yet to be found.
            let again = before.replace(user.key) == Some(user.key);
            match found {
                Found::Made => self.give_roles(user)?,
                Found::Nobody => tell(user, Outcome::PasswordMissing),
                _ if !conflict.changes_users() => tell(user, met(conflict)),
                Found::AsTheRowSays if !again => tell(user, Outcome::Unchanged),
                _ => tell(user, change(self.db, self.step, self.import, user)?),
            }
        }
        Ok(())
    }

    /// Inserts those who do not exist; answers how many that were.
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

    /// What is there of each user after they were inserted.
    fn find(&self, size: usize, users: &[NewUser<'_>]) -> rusqlite::Result<Vec<Found>> {
        let mut found = vec![Found::Nobody; users.len()];
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
            let glance = Glance {
                given_name: text(2)?,
                family_name: text(3)?,
                email: text(4)?,
                external_id: text(5)?,
                attributes: text(6)?,
            };
            *place = if row.get::<_, Uuid>(1)? == user.id {
                Found::Made
            } else if glance.shows(user) {
                Found::AsTheRowSays
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

/// Who has the name of a row.
#[derive(Debug, Clone, Copy)]
enum Found {
    /// Nobody.
    Nobody,
    /// The user that the row made.
    Made,
    /// Somebody who was there, and is as the row says.
    AsTheRowSays,
    /// Somebody who was there.
    Other,
}

/// What becomes of a row whose user exists, where users are not changed.
fn met(conflict: ConflictPolicy) -> Outcome {
    match conflict {
        ConflictPolicy::Fail => Outcome::Exists,
        _ => Outcome::Duplicate,
    }
}
