//! Which operator somebody says to be, and in which organization they want to act: `name`, or
//! `name@organization`.

use crate::users::built_in::DEFAULT_ORGANIZATION;
use crate::users::operator::Operator;
use crate::users::organization::canonical;
use crate::users::store::Store;
use crate::users::store_error::StoreError;

/// An operator and the organization that they act in; nothing is proved by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acting {
    /// The operator.
    pub operator: Operator,
    /// The organization's name as keys have it.
    pub organization: String,
    /// Whether they may act in any organization and have said nothing of which.
    pub anywhere: bool,
}

impl Acting {
    /// Where the operator acts unless another organization is named: in their own one, or, of all, in
    /// the default one.
    pub fn at_home(operator: Operator) -> Self {
        let organization = operator.organization.clone();
        Acting {
            operator,
            anywhere: organization.is_none(),
            organization: organization.unwrap_or_else(|| DEFAULT_ORGANIZATION.to_owned()),
        }
    }

    /// The operator in this organization, if they may act in it and it is there.
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

    /// Whom `name` means. An operator of exactly that name comes first, since an operator's name may
    /// have an `@` of its own; otherwise the organization stands behind the last one.
    ///
    /// # Errors
    /// The store failed.
    pub fn find(store: &dyn Store, name: &str) -> Result<Option<Self>, StoreError> {
        if let Some(operator) = store.operator(name)? {
            return Ok(Some(Acting::at_home(operator)));
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
