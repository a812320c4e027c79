//! What the parts of one Bulk request share while it runs.

use crate::provision::operation::Operation;
use crate::provision::outcome::OperationOutcome;
use crate::provision::plan::Plan;
use crate::provision::provisioner::Provisioner;
use crate::provision::rights::Authority;
use crate::provision::rights::allowed;
use crate::scim::check::Leniency;
use crate::scim::error::ScimError;
use crate::users::import_record::ImportRecord;

/// What a request came to, and what is still to be written of it.
pub(super) struct Run<'a> {
    pub provisioner: &'a Provisioner,
    pub authority: &'a Authority,
    pub leniency: Leniency,
    pub plan: Plan,
    pub record: ImportRecord,
    /// Whether the record is in the store already.
    pub recorded: bool,
    /// Whether the outcomes are kept for whoever asks later.
    pub keep: bool,
    /// Whether the outcomes have the resources as they were made.
    pub show: bool,
    /// The outcomes so far, in the order of the request.
    pub outcomes: Vec<OperationOutcome>,
    pub errors: u64,
}

impl Run<'_> {
    /// The operation at this position, if the caller may do it.
    pub fn operation(&self, position: usize) -> Result<Operation, ScimError> {
        let operation = self.plan.operation(position)?;
        allowed(&operation, self.authority)?;
        Ok(operation)
    }
}
