//! What undoing an import came to.

use serde::Serialize;

/// The outcome of an undo.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Undone {
    /// Users that the import had made and that are gone.
    pub removed: u64,
    /// Users that the import had changed and that are as they were before.
    pub restored: u64,
    /// Users that stay as they are.
    pub left_total: u64,
    /// Some of them, with the reason.
    pub left: Vec<Left>,
}

/// A user that an undo left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Left {
    /// The user's name.
    pub user_name: String,
    /// Why.
    pub reason: &'static str,
}

/// How many of them are listed; the others are counted.
const LEFT_LISTED: usize = 1_000;

/// Somebody changed the user after the import.
pub const TOUCHED: &str = "changed since the import";

/// What the user was before is no longer kept.
pub const NO_IMAGE: &str = "what it was before the import is no longer kept";

impl Undone {
    /// Counts a user that stays.
    pub fn leave(&mut self, user_name: &str, reason: &'static str) {
        self.left_total += 1;
        if self.left.len() < LEFT_LISTED {
            self.left.push(Left {
                user_name: user_name.to_owned(),
                reason,
            });
        }
    }

    /// What it came to, in a sentence.
    pub fn sentence(&self) -> String {
        let Undone {
            removed,
            restored,
            left_total,
            ..
        } = self;
        format!("undone: {removed} users removed, {restored} restored, {left_total} left")
    }
}
