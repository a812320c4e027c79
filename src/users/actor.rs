//! The caller of an action, and the channel.

use crate::users::built_in::DEFAULT_ORGANIZATION;
use crate::users::channel::Channel;

/// The caller of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The organization.
    pub organization: String,
    /// The operator's name.
    pub operator: String,
    /// The channel.
    pub channel: Channel,
    /// The id of the HTTP request, if there is one.
    pub request_id: Option<String>,
}

impl Actor {
    /// The same actor in this organization; none means the default organization, where app-wide
    /// entries are kept.
    #[must_use]
    pub fn within(&self, organization: Option<&str>) -> Self {
        Actor {
            organization: organization.unwrap_or(DEFAULT_ORGANIZATION).to_owned(),
            ..self.clone()
        }
    }
}
