//! What undoing an import came to.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use serde::Serialize;
use uuid::Uuid;

/// The outcome of an undo.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Undone {
    /// Users that the import had made and that are gone.
    pub removed: u64,
    /// Users that the import had changed or removed and that are as they were before.
    pub restored: u64,
    /// Groups that the import had made and that are gone, or that it had changed or removed and that are as they
    /// were before.
    pub groups: u64,
    /// Users and groups that stay as they are.
    pub left_total: u64,
    /// Some of them, with the reason.
    pub left: Vec<Left>,
}

/// A user or a group that an undo left alone; neither is named where it is not known which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Left {
    /// The user's name; empty where it is no user.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user_name: String,
    /// The group's name, where it is a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Why.
    pub reason: &'static str,
}

/// How many of them are listed; the others are counted.
const LEFT_LISTED: usize = 1_000;

/// Somebody changed the user after the import.
pub const TOUCHED: &str = "changed since the import";

/// Somebody removed it after the import, which had changed it or made it.
pub const GONE: &str = "removed since the import";

/// What the user was before is no longer kept.
pub const NO_IMAGE: &str = "what it was before the import is no longer kept";

/// The name it had before the import belongs to somebody else.
pub const NAME_TAKEN: &str = "its name before the import is taken by somebody else";

/// What the import did was not kept when it did it.
pub const NOT_KEPT: &str = "what the import did to groups and removed users was not kept by the version of the \
    server that carried it out";

/// A user whom an import gave another name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renamed<K> {
    /// The user's id.
    pub id: Uuid,
    /// The key of the name they had before.
    pub before: K,
}

/// Those who cannot have their earlier name back: somebody has it who keeps it. Users may have passed
/// names on among each other, so each of them is asked for together with the others.
///
/// # Errors
/// What `holder` met, who says whose a name is now.
pub fn barred<K: Eq + Hash, E>(
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
    let mut barred = HashSet::new();
    while let Some(id) = stay.pop() {
        if barred.insert(id) {
            stay.extend(waiting.remove(&id).unwrap_or_default());
        }
    }
    Ok(barred)
}

impl Undone {
    /// Counts a user that stays.
    pub fn leave(&mut self, user_name: &str, reason: &'static str) {
        self.list(Left {
            user_name: user_name.to_owned(),
            group: None,
            reason,
        });
    }

    /// Counts a group that stays.
    pub fn leave_group(&mut self, name: &str, reason: &'static str) {
        self.list(Left {
            user_name: String::new(),
            group: Some(name.to_owned()),
            reason,
        });
    }

    /// Counts something that stays, and of which no more is known.
    pub fn leave_something(&mut self, reason: &'static str) {
        self.list(Left {
            user_name: String::new(),
            group: None,
            reason,
        });
    }

    fn list(&mut self, left: Left) {
        // Of a group that was changed again and again it is said once.
        if left.group.is_some() && self.left.contains(&left) {
            return;
        }
        self.left_total += 1;
        if self.left.len() < LEFT_LISTED {
            self.left.push(left);
        }
    }

    /// What it came to, in a sentence.
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
            1 => ", 1 group taken back".to_owned(),
            more => format!(", {more} groups taken back"),
        };
        format!("undone: {removed} users removed, {restored} restored{groups}, {left_total} left")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_were_passed_on_go_back_unless_somebody_else_keeps_one() {
        let id = Uuid::from_u128;
        let user = |who, before| Renamed {
            id: id(who),
            before,
        };
        // Now 1 is b, 2 is c, 3 is x and 4 is y; a belongs to a stranger, and nobody is d.
        let now = HashMap::from([("b", 1), ("c", 2), ("x", 3), ("y", 4), ("a", 9)]);
        let holder = |name: &&str| Ok::<_, ()>(now.get(name).map(|who| id(*who)));
        let chain = [user(1, "a"), user(2, "b")];
        assert_eq!(
            barred(&chain, holder),
            Ok(HashSet::from([id(1), id(2)])),
            "who stays keeps the name that another one wants"
        );
        let swap = [user(3, "y"), user(4, "x")];
        assert_eq!(barred(&swap, holder), Ok(HashSet::new()));
        let open = [user(1, "d"), user(2, "b")];
        assert_eq!(barred(&open, holder), Ok(HashSet::new()));
    }
}
