//! Which imports a list contains.

use crate::caseless::caseless;
use crate::clock::Moment;
use crate::users::channel::Channel;
use crate::users::import_record::{ImportRecord, ImportState};

/// Conditions that an import meets to be listed; without any, every import is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportFilter {
    /// Its state, as recorded.
    pub state: Option<ImportState>,
    /// Its channel.
    pub channel: Option<Channel>,
    /// The operator that requested it, in any case.
    pub operator: Option<String>,
    /// A part of its file's name, in any case.
    pub file_name: Option<String>,
    /// It began at this moment or later.
    pub since: Option<Moment>,
    /// It began before this moment.
    pub until: Option<Moment>,
}

impl ImportFilter {
    /// Whether an import meets every condition.
    pub fn matches(&self, record: &ImportRecord) -> bool {
        let is = |wanted: &String| caseless(&record.operator) == caseless(wanted);
        let contains =
            |part: &String| caseless(&record.file_name).contains(caseless(part).as_ref());
        self.state.is_none_or(|state| record.state == state)
            && self.channel.is_none_or(|channel| record.channel == channel)
            && self.operator.as_ref().is_none_or(is)
            && self.file_name.as_ref().is_none_or(contains)
            && self.since.is_none_or(|since| record.started_at >= since)
            && self.until.is_none_or(|until| record.started_at < until)
    }
}
