//! A user who is created by a call of its own, not by a row of a file.

use crate::import::columns::put_claim;
use crate::passwords::secret::Secret;
use crate::users::candidate::{Candidate, CandidateColumns};
use crate::users::claims::ClaimTable;
use crate::users::role_cell;

/// The content of the call.
#[derive(Debug)]
pub struct SingleUser {
    name: String,
    password: Option<Secret>,
    role_cell: Option<String>,
    claims: Vec<(String, String)>,
}

impl SingleUser {
    /// A user with these roles and claims (URI and value).
    pub fn new(
        name: String,
        password: Option<Secret>,
        roles: &[String],
        claims: Vec<(String, String)>,
    ) -> Self {
        let role_cell = role_cell::join(roles.iter().map(String::as_str));
        SingleUser {
            name,
            password,
            role_cell: Some(role_cell).filter(|cell| !cell.is_empty()),
            claims,
        }
    }

    /// The user as a candidate for the rules.
    pub(super) fn candidate<'r>(&'r self, table: &'r ClaimTable) -> Candidate<'r> {
        let mut candidate = Candidate {
            line: 1,
            user_name: &self.name,
            password: self.password.as_ref().map(Secret::expose),
            columns: CandidateColumns {
                user_name: "userName",
                password: "password",
                roles: "roles",
            },
            ..Candidate::default()
        };
        for (uri, value) in &self.claims {
            put_claim(&mut candidate, table, uri.trim(), value, "claims");
        }
        if self.role_cell.is_some() {
            candidate.roles = self.role_cell.as_deref();
            candidate.columns.roles = "roles";
        }
        candidate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_and_claims_reach_the_candidate() {
        let table = ClaimTable::new(&Default::default());
        let claims = [
            ("http://wso2.org/claims/emailaddress", "a@example.com"),
            ("http://wso2.org/claims/country", "FR"),
            ("http://example.com/none", "x"),
        ];
        let claims = claims.map(|(uri, value)| (uri.to_owned(), value.to_owned()));
        let roles = ["a:b".to_owned(), "admin".to_owned()];
        let user = SingleUser::new("alice".into(), None, &roles, claims.into());
        let candidate = user.candidate(&table);
        assert_eq!(candidate.roles, Some("\"a:b\":admin"));
        assert_eq!(candidate.email, Some("a@example.com"));
        assert_eq!(candidate.attributes, [("country", "FR")]);
        assert_eq!(candidate.problems[0].code, "claim-unknown");
        assert_eq!(candidate.columns.user_name, "userName");
    }
}
