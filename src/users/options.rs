//! How an import is to go about its rows.

use serde::{Deserialize, Serialize};

/// What is done with a row whose user exists already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConflictPolicy {
    /// Nothing; the row counts as a duplicate, as in the original.
    #[default]
    Skip,
    /// The fields that the row gives replace the user's; an empty cell leaves what is there, and the
    /// cell `\N` clears it.
    Update,
    /// The fields that the row gives are added where the user has none.
    Fill,
    /// Nothing; the row counts as failed.
    Fail,
}

impl ConflictPolicy {
    /// Every policy, in the order in which they are listed.
    pub const ALL: [ConflictPolicy; 4] = [
        ConflictPolicy::Skip,
        ConflictPolicy::Update,
        ConflictPolicy::Fill,
        ConflictPolicy::Fail,
    ];

    /// The word used in requests, on the terminal and in stores.
    pub fn as_str(self) -> &'static str {
        match self {
            ConflictPolicy::Skip => "skip",
            ConflictPolicy::Update => "update",
            ConflictPolicy::Fill => "fill",
            ConflictPolicy::Fail => "fail",
        }
    }

    /// The policy that `word` names.
    ///
    /// # Errors
    /// A sentence that lists the words.
    pub fn parse(word: &str) -> Result<Self, String> {
        ConflictPolicy::ALL
            .into_iter()
            .find(|policy| policy.as_str() == word)
            .ok_or_else(|| {
                format!("{word:?} is no conflict policy; use skip, update, fill or fail")
            })
    }

    /// Whether users that exist are changed.
    pub fn changes_users(self) -> bool {
        matches!(self, ConflictPolicy::Update | ConflictPolicy::Fill)
    }
}

/// The options of one import.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ImportOptions {
    /// What is done with a row whose user exists already.
    pub conflict: ConflictPolicy,
    /// Everything is checked, the store's unique keys included, and nothing is written.
    pub dry_run: bool,
    /// The file is written only when not one of its rows has a problem.
    pub validate_first: bool,
    /// The import ends when so many rows have failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_after: Option<u64>,
    /// Of a SCIM request: its documents need not say which schemas they are of.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub schemas_optional: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_survive_their_words() {
        for policy in ConflictPolicy::ALL {
            assert_eq!(ConflictPolicy::parse(policy.as_str()), Ok(policy));
        }
        assert!(
            ConflictPolicy::parse("replace")
                .unwrap_err()
                .contains("skip, update")
        );
    }

    #[test]
    fn options_survive_their_json() {
        let options = ImportOptions {
            conflict: ConflictPolicy::Fill,
            stop_after: Some(3),
            ..ImportOptions::default()
        };
        let json = serde_json::to_string(&options).unwrap();
        assert_eq!(
            serde_json::from_str::<ImportOptions>(&json).unwrap(),
            options
        );
        assert_eq!(
            serde_json::from_str::<ImportOptions>("{}").unwrap(),
            ImportOptions::default()
        );
    }
}
