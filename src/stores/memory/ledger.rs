//! Imports, findings, rejected rows, and the audit.

use uuid::Uuid;

use crate::clock::Moment;
use crate::stores::memory::MemoryStore;
use crate::users::actor::Actor;
use crate::users::audit::AuditEntry;
use crate::users::import_filter::ImportFilter;
use crate::users::import_id::ImportId;
use crate::users::import_record::ABANDONED;
use crate::users::import_record::{ImportRecord, ImportState};
use crate::users::problem::Problem;
use crate::users::reject_block::{RejectCursor, RejectPage, page};
use crate::users::step::Finish;
use crate::users::store::ImportLedger;
use crate::users::store_error::StoreError;
use crate::users::undo::Undone;

impl ImportLedger for MemoryStore {
    fn import(&self, organization: &str, id: ImportId) -> Result<Option<ImportRecord>, StoreError> {
        Ok(self
            .content()
            .imports
            .get(&(organization.to_owned(), id))
            .cloned())
    }

    fn find_imports(
        &self,
        organization: &str,
        filter: &ImportFilter,
        before: Option<ImportId>,
        limit: usize,
    ) -> Result<Vec<ImportRecord>, StoreError> {
        let content = self.content();
        let own = content
            .imports
            .iter()
            .rev()
            .filter(|((owner, id), record)| {
                owner == organization
                    && before.is_none_or(|before| *id < before)
                    && filter.matches(record)
            });
        Ok(own.take(limit).map(|(_, record)| record.clone()).collect())
    }

    fn findings(
        &self,
        organization: &str,
        id: ImportId,
        skip: usize,
        limit: usize,
    ) -> Result<Vec<Problem>, StoreError> {
        let content = self.content();
        if !content.imports.contains_key(&(organization.to_owned(), id)) {
            return Ok(Vec::new());
        }
        let all = content.findings.get(&id).map(Vec::as_slice);
        Ok(by_line(all, |it| it.line, skip, limit))
    }

    fn import_by_key(
        &self,
        organization: &str,
        key: &str,
    ) -> Result<Option<ImportRecord>, StoreError> {
        let content = self.content();
        let found = content.imports.values().find(|record| {
            record.organization == organization && record.key.as_deref() == Some(key)
        });
        Ok(found.cloned())
    }

    fn add_import(&self, record: &ImportRecord) -> Result<(), StoreError> {
        let mut content = self.content();
        content.begin(record)?;
        content.audit.push(AuditEntry::import_begun(record));
        Ok(())
    }

    fn claim(
        &self,
        organization: &str,
        id: ImportId,
        at: Moment,
    ) -> Result<Option<ImportRecord>, StoreError> {
        let mut content = self.content();
        let key = (organization.to_owned(), id);
        let found = content.imports.get_mut(&key);
        let Some(record) = found.filter(|record| is_unfinished(record)) else {
            return Ok(None);
        };
        record.state = ImportState::Running;
        record.reason = None;
        record.finished_at = None;
        record.active_at = at;
        let taken = record.clone();
        content.cancel_requested.remove(&key);
        Ok(Some(taken))
    }

    fn still_running(
        &self,
        organization: &str,
        id: ImportId,
        at: Moment,
    ) -> Result<bool, StoreError> {
        let mut content = self.content();
        let key = (organization.to_owned(), id);
        let found = content.imports.get_mut(&key);
        let Some(record) = found.filter(|record| record.state == ImportState::Running) else {
            return Ok(false);
        };
        record.active_at = at;
        Ok(content.cancel_requested.contains(&key))
    }

    fn request_cancel(
        &self,
        organization: &str,
        id: ImportId,
        by: &Actor,
        at: Moment,
    ) -> Result<bool, StoreError> {
        let mut content = self.content();
        let key = (organization.to_owned(), id);
        let running = content
            .imports
            .get(&key)
            .is_some_and(|record| record.state == ImportState::Running);
        if running {
            content.cancel_requested.insert(key);
            content.audit.push(AuditEntry::cancel_requested(id, by, at));
        }
        Ok(running)
    }

    fn end_import(
        &self,
        organization: &str,
        id: ImportId,
        by: &Actor,
        finish: &Finish,
        at: Moment,
    ) -> Result<bool, StoreError> {
        let mut content = self.content();
        let found = content.imports.get_mut(&(organization.to_owned(), id));
        let open = |record: &&mut ImportRecord| {
            is_unfinished(record) || record.state == ImportState::Running
        };
        let Some(record) = found.filter(open) else {
            return Ok(false);
        };
        record.state = finish.state;
        record.reason.clone_from(&finish.reason);
        record.finished_at = Some(at);
        record.active_at = at;
        let entry = AuditEntry::import_ended(record, by, at);
        content.audit.push(entry);
        Ok(true)
    }

    fn unfinished(&self) -> Result<Vec<ImportRecord>, StoreError> {
        let content = self.content();
        let mut found: Vec<ImportRecord> = content
            .imports
            .values()
            .filter(|record| is_unfinished(record))
            .cloned()
            .collect();
        found.sort_by_key(|record| record.id);
        Ok(found)
    }

    fn rejects(
        &self,
        organization: &str,
        id: ImportId,
        cursor: RejectCursor,
        limit: usize,
    ) -> Result<RejectPage, StoreError> {
        let content = self.content();
        if !content.imports.contains_key(&(organization.to_owned(), id)) {
            return Ok(RejectPage::default());
        }
        let all = content.rejects.get(&id).map(Vec::as_slice);
        let mut blocks: Vec<_> = all.unwrap_or_default().iter().collect();
        blocks.sort_by_key(|(number, block)| (block.first_line, *number));
        let wanted = blocks
            .into_iter()
            .filter(|(_, block)| block.last_line >= cursor.first_line());
        page(wanted.cloned().map(Ok), cursor, limit, |error| {
            StoreError::Failed(error.to_string())
        })
    }

    fn undo(
        &self,
        organization: &str,
        id: ImportId,
        by: &Actor,
        at: Moment,
    ) -> Result<Option<Undone>, StoreError> {
        self.content().undo(organization, id, by, at)
    }

    fn forget_images(&self, before: Moment) -> Result<usize, StoreError> {
        let mut forgotten = 0;
        for images in self.content().images.values_mut() {
            images.retain(|_, image| {
                let keep = image.taken_at.0 >= before.0;
                forgotten += usize::from(!keep);
                keep
            });
        }
        self.content().images.retain(|_, images| !images.is_empty());
        for undo_steps in self.content().undo_steps.values_mut() {
            for kept in undo_steps {
                let less = kept.undo_step.forgotten();
                if kept.at.0 < before.0 && kept.undo_step != less {
                    (kept.undo_step, kept.removed) = (less, None);
                    forgotten += 1;
                }
            }
        }
        Ok(forgotten)
    }

    fn audit(
        &self,
        organization: &str,
        before: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let content = self.content();
        let own = content.audit.iter().rev().filter(|entry| {
            entry.organization == organization && before.is_none_or(|before| entry.id < before)
        });
        Ok(own.take(limit).cloned().collect())
    }

    fn audit_of_import(
        &self,
        organization: &str,
        id: ImportId,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let content = self.content();
        let own = content
            .audit
            .iter()
            .rev()
            .filter(|entry| entry.organization == organization && entry.import == Some(id));
        Ok(own.take(limit).cloned().collect())
    }

    fn close_abandoned(&self, at: Moment) -> Result<usize, StoreError> {
        let mut closed = 0;
        for record in self.content().imports.values_mut() {
            if record.state == ImportState::Running {
                record.state = ImportState::Interrupted;
                record.reason = Some(ABANDONED.into());
                record.finished_at = Some(at);
                closed += 1;
            }
        }
        Ok(closed)
    }
}

fn is_unfinished(record: &ImportRecord) -> bool {
    matches!(record.state, ImportState::Queued | ImportState::Interrupted)
}

/// Some of these, sorted by line.
fn by_line<T: Clone>(
    all: Option<&[T]>,
    line: impl Fn(&T) -> u64,
    skip: usize,
    limit: usize,
) -> Vec<T> {
    let mut all: Vec<&T> = all.unwrap_or_default().iter().collect();
    all.sort_by_key(|it| line(it));
    all.into_iter().skip(skip).take(limit).cloned().collect()
}
