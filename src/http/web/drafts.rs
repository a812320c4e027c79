//! All uploaded files that have not been imported yet: each in a file that only its owner may read, deleted at its
//! import, when it is discarded, when its session ends, and after an hour without use. A restart deletes all.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;

use crate::clock::Clock;
use crate::http::web::draft::{Draft, Owner};
use crate::http::web::refusal::Refusal;
use crate::import::upload::Uploads;
use crate::users::import_id::ImportId;

/// How long a file is kept without use.
const IDLE: Duration = Duration::from_secs(3600);

/// Maximum number of files of one operator, and of all.
const OF_ONE: usize = 20;
const OF_ALL: usize = 500;

/// The uploaded files.
#[derive(Debug)]
pub struct Drafts {
    uploads: Uploads,
    clock: Clock,
    by_id: Mutex<HashMap<ImportId, Arc<Draft>>>,
}

impl Drafts {
    /// No files; the folder must exist, and what an earlier process left in it is deleted.
    pub fn new(folder: &Path, limit: u64, clock: Clock) -> Self {
        let uploads = Uploads::new(folder, limit);
        uploads.forget_all_but(&[]);
        Drafts {
            uploads,
            clock,
            by_id: Mutex::default(),
        }
    }

    /// Stores a file. `name` is called with the beginning of the file when it is there.
    ///
    /// # Errors
    /// There are too many files, the upload was cut off or is too large, or its name is refused; nothing is left.
    pub fn add(
        &self,
        owner: Owner,
        source: impl Read,
        name: impl FnOnce(&mut File) -> Result<String, Refusal>,
    ) -> Result<Arc<Draft>, Refusal> {
        self.check_room(&owner)?;
        let id = ImportId(self.clock.new_id());
        self.uploads.keep(id, source)?;
        let stored = self.open(id).and_then(|(mut file, size)| {
            let file_name = name(&mut file)?;
            Ok(Draft::new(id, owner, file_name, size, self.clock.now()))
        });
        match stored {
            Ok(draft) => {
                let draft = Arc::new(draft);
                self.locked().insert(id, Arc::clone(&draft));
                Ok(draft)
            }
            Err(refusal) => {
                self.uploads.forget(id);
                Err(refusal)
            }
        }
    }

    fn check_room(&self, owner: &Owner) -> Result<(), Refusal> {
        let all = self.locked();
        let own = all.values().filter(|draft| {
            draft.owner.operator == owner.operator && draft.owner.organization == owner.organization
        });
        match own.count() >= OF_ONE || all.len() >= OF_ALL {
            true => Err(Refusal::new(
                StatusCode::CONFLICT,
                "IMP-PORTAL-FILES",
                format!(
                    "You have {OF_ONE} files that are neither imported nor discarded, or all operators together \
                     {OF_ALL}; import or discard some first."
                ),
            )),
            false => Ok(()),
        }
    }

    /// The file of this id, if it belongs to the session. It counts as used now.
    ///
    /// # Errors
    /// There is no such file.
    pub fn find(&self, id: &str, owner: &Owner) -> Result<Arc<Draft>, Refusal> {
        let id = id
            .parse()
            .map(ImportId)
            .map_err(|_| Refusal::no_such_draft())?;
        let draft = self.locked().get(&id).cloned();
        let draft = draft.filter(|draft| draft.owner == *owner);
        let draft = draft.ok_or_else(Refusal::no_such_draft)?;
        draft.decisions().used = Instant::now();
        Ok(draft)
    }

    /// The files of a session, newest first.
    pub fn of(&self, owner: &Owner) -> Vec<Arc<Draft>> {
        let all = self.locked();
        let own = all.values().filter(|draft| draft.owner == *owner);
        let mut own: Vec<_> = own.cloned().collect();
        own.sort_by_key(|draft| std::cmp::Reverse(draft.id.0));
        own
    }

    /// Opens the stored file; also returns its size in bytes.
    ///
    /// # Errors
    /// It has been deleted.
    pub fn open(&self, id: ImportId) -> Result<(File, u64), Refusal> {
        self.uploads.open(id).ok_or_else(Refusal::no_such_draft)
    }

    /// Deletes a file.
    pub fn forget(&self, id: ImportId) {
        if let Some(draft) = self.locked().remove(&id) {
            draft.decisions().check.stop();
        }
        self.uploads.forget(id);
    }

    /// Deletes the files of a session.
    pub fn forget_session(&self, session: &str) {
        self.forget_where(|draft| draft.owner.session == session);
    }

    /// Deletes the files that were not used for an hour, and those whose session is not open.
    pub fn sweep(&self, is_open: impl Fn(&str) -> bool) {
        let now = Instant::now();
        self.forget_where(|draft| {
            now.duration_since(draft.used()) >= IDLE || !is_open(&draft.owner.session)
        });
    }

    fn forget_where(&self, unwanted: impl Fn(&Draft) -> bool) {
        let all: Vec<_> = self.locked().values().cloned().collect();
        for draft in all.iter().filter(|draft| unwanted(draft)) {
            self.forget(draft.id);
        }
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<ImportId, Arc<Draft>>> {
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(session: &str) -> Owner {
        Owner {
            organization: "default".into(),
            operator: "admin".into(),
            session: session.into(),
        }
    }

    fn add(drafts: &Drafts, session: &str) -> Result<Arc<Draft>, Refusal> {
        drafts.add(owner(session), &b"username\nkim\n"[..], |_| {
            Ok("a.csv".into())
        })
    }

    #[test]
    fn a_file_belongs_to_its_session_and_ends_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let drafts = Drafts::new(folder.path(), 100, Clock::system());
        let draft = add(&drafts, "one").unwrap();
        let id = draft.id.to_string();
        assert!(drafts.find(&id, &owner("one")).is_ok());
        assert!(drafts.find(&id, &owner("two")).is_err());
        assert!(drafts.find("x", &owner("one")).is_err());
        let other = Owner {
            organization: "acme".into(),
            ..owner("one")
        };
        assert!(drafts.find(&id, &other).is_err());
        drafts.forget_session("two");
        assert_eq!(drafts.of(&owner("one")).len(), 1);
        drafts.sweep(|session| session != "one");
        assert!(drafts.find(&id, &owner("one")).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_refused_upload_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let drafts = Drafts::new(folder.path(), 5, Clock::system());
        assert_eq!(add(&drafts, "one").unwrap_err().status.as_u16(), 413);
        let drafts = Drafts::new(folder.path(), 100, Clock::system());
        let refused = drafts.add(owner("one"), &b"x"[..], |_| Err(Refusal::not_found()));
        assert!(refused.is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_number_of_files_is_limited() {
        let folder = tempfile::tempdir().unwrap();
        let drafts = Drafts::new(folder.path(), 100, Clock::system());
        for _ in 0..OF_ONE {
            add(&drafts, "one").unwrap();
        }
        assert_eq!(add(&drafts, "two").unwrap_err().code, "IMP-PORTAL-FILES");
    }
}
