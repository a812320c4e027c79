//! The users of a step, many to a statement: what a statement costs is paid once for all of them, and
//! its cursors stay where the row before was. One at a time costs twice as much.

use std::sync::LazyLock;

use rusqlite::{Connection, Statement};
use uuid::Uuid;

use crate::stores::sqlite::change::change;
use crate::stores::sqlite::step::signed;
use crate::users::batch::NewUser;
use crate::users::merge::Glance;
use crate::users::options::ConflictPolicy;
use crate::users::policy::ROLE_SEPARATOR;
use crate::users::store::{ImportStep, Outcome};

/// Users of a statement at the most.
pub(super) const MOST: usize = 1 << (SIZES - 1);

/// Statements have 1, 2, 4 … users. With more than 16 their values no longer fit into the memory that
/// SQLite keeps at hand for a connection, and each costs an allocation.
const SIZES: usize = 5;

/// Parameters that all users of a step have in common, in front of those of each.
const COMMON: usize = 3;

/// Parameters of one user.
const OF_EACH: usize = 11;

// FAIL: a statement that breaks a rule need not be able to take its first users back, which would have
// SQLite copy every page it touches; the step ends with the error, and nothing of it stays.
static INSERT: LazyLock<[String; SIZES]> = LazyLock::new(|| {
    std::array::from_fn(|size| {
        let users = (0..1 << size).map(|user| {
            let own: Vec<String> = (0..OF_EACH)
                .map(|column| format!("?{}", COMMON + user * OF_EACH + column + 1))
                .collect();
            format!("(?1, ?2, ?3, {})", own.join(", "))
        });
        format!(
            "INSERT OR FAIL INTO users (space, created_in, created_at, name_key, id, user_name, given_name,
                 family_name, email, external_id, attributes, password_hash, must_change,
                 created_line)
             VALUES {} ON CONFLICT (space, name_key) DO NOTHING",
            users.collect::<Vec<_>>().join(", ")
        )
    })
});

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
    pub db: &'s Connection,
    pub step: &'s ImportStep,
    pub space: i64,
    /// The import's number.
    pub import: i64,
}

impl Rows<'_> {
    /// Writes users, or deals with those who exist, in this order; tells the outcome of each that is not
    /// made. Either all of them have a password or none has one: only somebody who exists can do without.
    pub(super) fn write(
        &self,
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

    fn write_some(
        &self,
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
    fn insert(&self, size: usize, users: &[NewUser<'_>]) -> rusqlite::Result<usize> {
        let mut insert = self.db.prepare_cached(sized(&INSERT, size))?;
        insert.raw_bind_parameter(1, self.space)?;
        insert.raw_bind_parameter(2, self.import)?;
        insert.raw_bind_parameter(3, self.step.at.0)?;
        for (user, place) in users.iter().zip((COMMON + 1..).step_by(OF_EACH)) {
            bind(&mut insert, place, user)?;
        }
        insert.raw_execute()
    }

    /// What is there of each user after they were inserted.
    fn find(&self, size: usize, users: &[NewUser<'_>]) -> rusqlite::Result<Vec<Found>> {
        let mut found = vec![Found::Nobody; users.len()];
        let mut query = self.db.prepare_cached(sized(&FIND, size))?;
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

    fn give_roles(&self, user: &NewUser<'_>) -> rusqlite::Result<()> {
        let Some(roles) = user.roles else {
            return Ok(());
        };
        let mut insert = self.db.prepare_cached(
            "INSERT INTO role_members (organization, domain, user_id, role) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO NOTHING",
        )?;
        for role in roles.split(ROLE_SEPARATOR) {
            insert.execute((&self.step.organization, &self.step.domain, user.id, role))?;
        }
        Ok(())
    }
}

/// Who has the name of a row.
#[derive(Debug, Clone, Copy)]
enum Found {
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

fn sized(statements: &[String; SIZES], size: usize) -> &str {
    statements.get(size).map_or("", String::as_str)
}

fn bind(insert: &mut Statement<'_>, place: usize, user: &NewUser<'_>) -> rusqlite::Result<()> {
    insert.raw_bind_parameter(place, user.key)?;
    insert.raw_bind_parameter(place + 1, user.id)?;
    insert.raw_bind_parameter(place + 2, Some(user.name).filter(|name| *name != user.key))?;
    insert.raw_bind_parameter(place + 3, user.given_name)?;
    insert.raw_bind_parameter(place + 4, user.family_name)?;
    insert.raw_bind_parameter(place + 5, user.email)?;
    insert.raw_bind_parameter(place + 6, user.external_id)?;
    insert.raw_bind_parameter(place + 7, user.attributes)?;
    insert.raw_bind_parameter(place + 8, user.password_hash)?;
    insert.raw_bind_parameter(place + 9, user.must_change)?;
    insert.raw_bind_parameter(place + 10, signed(user.line))
}
