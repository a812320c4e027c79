//! The imports that run in this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::import::control::{Control, Progress};
use crate::users::actor::Actor;
use crate::users::import_id::ImportId;

/// An import and its organization.
pub(super) type JobKey = (String, ImportId);

/// The imports that run here, each with its control.
#[derive(Clone, Default)]
pub(super) struct Registry(Arc<Mutex<HashMap<JobKey, Arc<Control>>>>);

impl Registry {
    /// Registers an import as running here. It has to be registered before its record says so and until after
    /// the record no longer does. None if it is already running here.
    pub(super) fn register(&self, key: JobKey, size: Option<u64>) -> Option<Running> {
        let mut running = self.locked();
        if running.contains_key(&key) {
            return None;
        }
        let control = Arc::new(Control::new(size));
        running.insert(key.clone(), Arc::clone(&control));
        drop(running);
        Some(Running {
            registry: self.clone(),
            key,
            control,
        })
    }

    /// The control of an import; none if it does not run here.
    pub(super) fn control(&self, key: &JobKey) -> Option<Arc<Control>> {
        self.locked().get(key).cloned()
    }

    /// Whether an import with this id runs here, in whichever organization.
    pub(super) fn has_id(&self, id: ImportId) -> bool {
        self.locked().keys().any(|(_, running)| *running == id)
    }

    /// All that run here.
    pub(super) fn keys(&self) -> Vec<JobKey> {
        self.locked().keys().cloned().collect()
    }

    /// The progress of all that run here.
    pub(super) fn progress(&self) -> Vec<(ImportId, Progress)> {
        let running = self.locked();
        let one = |((_, id), control): (&JobKey, &Arc<Control>)| (*id, control.progress());
        running.iter().map(one).collect()
    }

    /// Cancels all that run here.
    pub(super) fn cancel_all(&self, by: &Actor) {
        for control in self.locked().values() {
            control.cancel(by);
        }
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<JobKey, Arc<Control>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An import that runs here as long as this value exists.
pub(super) struct Running {
    registry: Registry,
    key: JobKey,
    pub control: Arc<Control>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.registry.locked().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn an_import_runs_once_until_it_is_dropped() {
        let registry = Registry::default();
        let key = ("acme".to_owned(), ImportId(Uuid::nil()));
        let running = registry.register(key.clone(), None).expect("it is free");
        assert!(registry.register(key.clone(), None).is_none());
        assert!(registry.has_id(key.1));
        assert_eq!(registry.keys(), std::slice::from_ref(&key));
        drop(running);
        assert!(registry.control(&key).is_none());
        assert!(!registry.has_id(key.1));
    }
}
