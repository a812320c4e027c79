//! The result of undoing an import.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use serde::Serialize;
use uuid::Uuid;

/// The outcome of an undo.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Undone {
    /// Users that the import had created and that were removed.
    pub removed: u64,
    /// Users that the import had changed or removed and that were restored.
    pub restored: u64,
    /// Groups that the import had created and that were removed, or that it had changed or removed
    /// and that were restored.
    pub groups: u64,
    /// Users and groups that could not be undone.
    pub left_total: u64,
    /// Some of these, with the reason.
    pub left: Vec<Left>,
}

/// A user or group that an undo did not change; both names are empty if it is not known which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Left {
    /// The user's name; empty if it is not a user.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user_name: String,
    /// The group's name, if it is a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The reason.
    pub reason: &'static str,
}

/// The largest number of listed entries; more are only counted.
const LEFT_LISTED: usize = 1_000;

/// The user was changed after the import.
pub const TOUCHED: &str = "changed since the import";

/// It was removed after the import, which had created or changed it.
pub const GONE: &str = "removed since the import";

/// Its state before the import is no longer stored.
pub const NO_IMAGE: &str = "its state before the import is no longer stored";

/// Its name before the import is taken.
pub const NAME_TAKEN: &str = "its name before the import is now taken";

/// The import's actions were not recorded at the time.
pub const NOT_KEPT: &str = "the server version that ran the import did not record its changes to \
    groups and removed users";

/// A user that an import renamed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renamed<K> {
    /// The user's id.
    pub id: Uuid,
    /// The key of the earlier name.
    pub before: K,
}

/// The users that cannot get their earlier name back because another user keeps it. Users may have
/// exchanged names among themselves, so all of them are considered together.
///
/// # Errors
/// Errors of `holder`, which returns the current holder of a name.
pub fn blocked<K: Eq + Hash, E>(
    renamed: &[Renamed<K>],
    mut holder: impl FnMut(&K) -> Result<Option<Uuid>, E>,
) -> Result<HashSet<Uuid>, E> {
    let moving: HashSet<Uuid> = renamed.iter().map(|user| user.id).collect();
    let mut waiting: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
    let (mut wanted, mut stay) = (HashSet::new(), Vec::new());
    for user in renamed {
        match holder(&user.before)? {
            _ if !wanted.insert(&user.before) => stay.push(user.id),
            Some(id) if !moving.contains(&id) => stay.push(user.id),
            Some(id) => waiting.entry(id).or_default().push(user.id),
            None => {}
        }
    }
    let mut blocked = HashSet::new();
    while let Some(id) = stay.pop() {
        if blocked.insert(id) {
            stay.extend(waiting.remove(&id).unwrap_or_default());
        }
    }
    Ok(blocked)
}

impl Undone {
    /// Counts a user that could not be undone.
    pub fn leave(&mut self, user_name: &str, reason: &'static str) {
        self.list(Left {
            user_name: user_name.to_owned(),
            group: None,
            reason,
        });
    }

    /// Counts a group that could not be undone.
    pub fn leave_group(&mut self, name: &str, reason: &'static str) {
        self.list(Left {
            user_name: String::new(),
            group: Some(name.to_owned()),
            reason,
        });
    }

    /// Counts something unknown that could not be undone.
    pub fn leave_unknown(&mut self, reason: &'static str) {
        self.list(Left {
            user_name: String::new(),
            group: None,
            reason,
        });
    }

    fn list(&mut self, left: Left) {
        // A group that was changed several times is listed once.
        if left.group.is_some() && self.left.contains(&left) {
            return;
        }
        self.left_total += 1;
        if self.left.len() < LEFT_LISTED {
            self.left.push(left);
        }
    }

    /// The result as a sentence.
    pub fn sentence(&self) -> String {
        let Undone {
            removed,
            restored,
            groups,
            left_total,
            ..
        } = self;
        let groups = match groups {
            0 => String::new(),
            1 => ", 1 group restored".to_owned(),
            more => format!(", {more} groups restored"),
        };
        format!("undone: {removed} users removed, {restored} restored{groups}, {left_total} left")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exchanged_names_are_restored_unless_another_user_keeps_one() {
        let id = Uuid::from_u128;
        let user = |who, before| Renamed {
            id: id(who),
            before,
        };
        // Now 1 is b, 2 is c, 3 is x and 4 is y; a belongs to an unrelated user, and d to none.
        let now = HashMap::from([("b", 1), ("c", 2), ("x", 3), ("y", 4), ("a", 9)]);
        let holder = |name: &&str| Ok::<_, ()>(now.get(name).map(|who| id(*who)));
        let chain = [user(1, "a"), user(2, "b")];
        assert_eq!(
            blocked(&chain, holder),
            Ok(HashSet::from([id(1), id(2)])),
            "a user who keeps their name blocks another who wants it"
        );
        let swap = [user(3, "y"), user(4, "x")];
        assert_eq!(blocked(&swap, holder), Ok(HashSet::new()));
        let open = [user(1, "d"), user(2, "b")];
        assert_eq!(blocked(&open, holder), Ok(HashSet::new()));
    }
}
