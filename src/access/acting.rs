//! The operator that a caller claims to be and the organization to act in: `name` or `name@organization`.

use crate::users::built_in::DEFAULT_ORGANIZATION;
use crate::users::operator::Operator;
use crate::users::organization::canonical;
use crate::users::store::Store;
use crate::users::store_error::StoreError;

/// An operator and the organization to act in. It proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acting {
    /// The operator.
    pub operator: Operator,
    /// The organization's name as used in keys.
    pub organization: String,
    /// Whether the operator may act in any organization and has not named one.
    pub anywhere: bool,
}

impl Acting {
    /// An operator who has not named an organization: acts in the operator's own one, or in the default one
    /// for an operator of all organizations.
    pub fn new(operator: Operator) -> Self {
        let organization = operator.organization.clone();
        Acting {
            operator,
            anywhere: organization.is_none(),
            organization: organization.unwrap_or_else(|| DEFAULT_ORGANIZATION.to_owned()),
        }
    }

    /// The operator in this organization, if it exists and the operator may act in it.
    ///
    /// # Errors
    /// The store failed.
    pub fn within(
        store: &dyn Store,
        operator: Operator,
        organization: &str,
    ) -> Result<Option<Self>, StoreError> {
        let Some(organization) = canonical(store, organization)? else {
            return Ok(None);
        };
        let own = operator.organization.as_ref();
        Ok(own
            .is_none_or(|own| *own == organization)
            .then_some(Acting {
                operator,
                organization,
                anywhere: false,
            }))
    }

    /// Finds the operator for `name`. An operator of exactly that name comes first, because an operator's
    /// name may contain an `@`; otherwise the organization is the part after the last `@`.
    ///
    /// # Errors
    /// The store failed.
    pub fn find(store: &dyn Store, name: &str) -> Result<Option<Self>, StoreError> {
        if let Some(operator) = store.operator(name)? {
            return Ok(Some(Acting::new(operator)));
        }
        let Some((name, organization)) = name.rsplit_once('@') else {
            return Ok(None);
        };
        match store.operator(name)? {
            Some(operator) => Acting::within(store, operator, organization),
            None => Ok(None),
        }
    }
}
