//! The operations of one transaction, ready to be executed: their passwords are hashed before it
//! begins.

use std::collections::HashMap;

use crate::provision::apply::{Applied, Executor};
use crate::provision::bulk_run::Run;
use crate::provision::operation::Done;
use crate::provision::prepare::Prepared;
use crate::scim::error::ScimError;
use crate::users::resources::{HashedPassword, Resources};

/// The operations of one transaction.
pub(super) enum HashedOperation {
    /// All of them, from this position on.
    Prepared {
        first: usize,
        prepared: Vec<Result<Prepared, ScimError>>,
    },
    /// They belong together and are too many to be kept in memory: only the hashes of their
    /// passwords are kept.
    Hashed(HashMap<usize, Vec<HashedPassword>>),
}

impl HashedOperation {
    /// Executes the operation at this position.
    pub fn apply(
        &self,
        executor: &mut Executor<'_>,
        tx: &mut dyn Resources,
        run: &Run<'_>,
        position: usize,
    ) -> Applied<Done> {
        match self {
            HashedOperation::Prepared { first, prepared } => {
                match prepared.get(position.saturating_sub(*first)) {
                    Some(Ok(prepared)) => executor.apply(tx, prepared),
                    Some(Err(error)) => Ok(Err(error.clone())),
                    None => Ok(Err(ScimError::new(500, "There is no such operation."))),
                }
            }
            HashedOperation::Hashed(hashes) => {
                let hashes = hashes.get(&position).cloned().unwrap_or_default();
                let prepared = run.operation(position).and_then(|operation| {
                    run.provisioner
                        .prepare_with(operation, run.leniency, hashes)
                });
                match prepared {
                    Ok(prepared) => executor.apply(tx, &prepared),
                    Err(error) => Ok(Err(error)),
                }
            }
        }
    }
}
