//! On whose behalf something is done, and through which channel.

use crate::users::built_in::DEFAULT_ORGANIZATION;
use crate::users::channel::Channel;

/// Who does something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The organization they act in.
    pub organization: String,
    /// The operator's name.
    pub operator: String,
    /// The channel they came through.
    pub channel: Channel,
    /// The id of the request they made, over HTTP.
    pub request_id: Option<String>,
}

impl Actor {
    /// The same in this organization; none: in the default one, where those of all organizations look.
    #[must_use]
    pub fn within(&self, organization: Option<&str>) -> Self {
        Actor {
            organization: organization.unwrap_or(DEFAULT_ORGANIZATION).to_owned(),
            ..self.clone()
        }
    }
}
