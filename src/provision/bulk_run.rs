//! The state shared by the parts of a running Bulk request.

use crate::provision::operation::Operation;
use crate::provision::outcome::OperationOutcome;
use crate::provision::plan::Plan;
use crate::provision::provisioner::Provisioner;
use crate::provision::rights::Authority;
use crate::provision::rights::allowed;
use crate::scim::check::Leniency;
use crate::scim::error::ScimError;
use crate::users::import_record::ImportRecord;

/// The state of a request: its results, and those that still have to be written.
pub(super) struct Run<'a> {
    pub provisioner: &'a Provisioner,
    pub authority: &'a Authority,
    pub leniency: Leniency,
    pub plan: Plan,
    pub record: ImportRecord,
    /// Whether the record is already stored.
    pub recorded: bool,
    /// Whether the outcomes are stored for later queries.
    pub keep: bool,
    /// Whether the outcomes contain the created resources.
    pub show: bool,
    /// The outcomes so far, in the order of the request.
    pub outcomes: Vec<OperationOutcome>,
    pub errors: u64,
}

impl Run<'_> {
    /// The operation at this position, if the caller may execute it.
    pub fn operation(&self, position: usize) -> Result<Operation, ScimError> {
        let operation = self.plan.operation(position)?;
        allowed(&operation, self.authority)?;
        Ok(operation)
    }
}
