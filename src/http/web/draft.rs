//! A file between its upload and its import, and what the operator has decided about it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::clock::Moment;
use crate::http::web::check_state::Check;

use crate::import::edits::Edits;
use crate::passwords::secret::Secret;
use crate::users::import_id::ImportId;
use crate::users::options::ImportOptions;
use crate::users::problem::Problem;

/// Who uploaded a file. No other session sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The organization.
    pub organization: String,
    /// The operator.
    pub operator: String,
    /// The public id of the session.
    pub session: String,
}

/// An uploaded file.
#[derive(Debug)]
pub struct Draft {
    /// Its id.
    pub id: ImportId,
    /// Its owner.
    pub owner: Owner,
    /// The file's name.
    pub file_name: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was uploaded.
    pub uploaded: Moment,
    decisions: Mutex<Decisions>,
}

/// The password of users whose row has none.
#[derive(Debug, Clone, Default)]
pub enum RowPasswords {
    /// Such a row fails, unless the user exists.
    #[default]
    None,
    /// This one.
    Typed(Secret),
    /// A generated one each.
    Generated,
}

/// The steps of the way from a file to its import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The file.
    File = 1,
    /// How it is understood.
    Columns = 2,
    /// The options of the import.
    Options = 3,
    /// What the import would do.
    Check = 4,
}

/// What the operator has decided, and what was found.
#[derive(Debug)]
pub struct Decisions {
    /// The last use.
    pub used: Instant,
    /// The last step that may be opened.
    pub reached: Step,
    /// How the file was read, such as `csv, UTF-8, semicolons`.
    pub read_as: String,
    /// The options of the import.
    pub options: ImportOptions,
    /// The user store; none: the default one.
    pub domain: Option<String>,
    /// The password of users whose row has none.
    pub passwords: RowPasswords,
    /// Whether the mapping of an earlier import was applied.
    pub remembered: bool,
    /// The digest of the headings, by which their mapping is remembered.
    pub header_key: Option<String>,
    /// Corrections.
    pub edits: Edits,
    /// What was found when single rows were checked again after an edit, by line.
    pub rechecked: BTreeMap<u64, Vec<Problem>>,
    /// Whether something was changed since the last check of the whole file.
    pub outdated: bool,
    /// The check.
    pub check: Check,
}

impl Draft {
    /// A file that was just uploaded.
    pub fn new(id: ImportId, owner: Owner, file_name: String, size: u64, uploaded: Moment) -> Self {
        Draft {
            id,
            owner,
            file_name,
            size,
            uploaded,
            decisions: Mutex::new(Decisions {
                used: Instant::now(),
                reached: Step::Columns,
                read_as: String::new(),
                options: ImportOptions::default(),
                domain: None,
                passwords: RowPasswords::None,
                remembered: false,
                header_key: None,
                edits: Edits::default(),
                rechecked: BTreeMap::new(),
                outdated: false,
                check: Check::None,
            }),
        }
    }

    /// What was decided; locked until the guard is dropped.
    pub fn decisions(&self) -> MutexGuard<'_, Decisions> {
        self.decisions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The last use.
    pub fn used(&self) -> Instant {
        self.decisions().used
    }
}
