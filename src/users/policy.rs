//! The rules for rows: a candidate goes in, a checked user or problems come out.
//!
//! All broken rules of a row are reported, not only the first, so that a file can be corrected in
//! one pass.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

use crate::passwords::rules::{self, Fitness, WeakPassword};
use crate::quoted;
use crate::scim::attribute_names::ASK_PASSWORD;
use crate::scim::attribute_names::IDENTITY;
use crate::users::account_state::{self, Reading};
use crate::users::candidate::{Candidate, CheckedPassword, CheckedUser};
use crate::users::domains::{Domain, Qualified};
use crate::users::merge::cleared;
use crate::users::name::{UserName, lookup_key};
use crate::users::options::ConflictPolicy;
use crate::users::password_cell;
use crate::users::problem::{NO_PASSWORD, PASSWORD_MISSING, Problem, Severity};
use crate::users::role_cell;
use crate::users::role_name;
use crate::users::role_name::ADMIN_ROLE;
use crate::users::role_name::ROLE_SEPARATOR;
use crate::users::store_error::StoreError;

/// The existing roles, and whether the caller may grant the administrators' role. They are read
/// when the first row names one: most files name none.
pub struct GrantableRoles<'s> {
    names: NamesOfRoles<'s>,
    by_key: OnceLock<Result<HashMap<String, String>, StoreError>>,
    admin_too: bool,
    /// Roles that every row gets in addition to its own.
    for_all: &'s [String],
}

/// Returns the names of all roles.
type NamesOfRoles<'s> = Box<dyn Fn() -> Result<Vec<String>, StoreError> + Send + Sync + 's>;

impl<'s> GrantableRoles<'s> {
    /// The roles that `names` returns; [`ADMIN_ROLE`] may be granted only if `admin_too`.
    pub fn new(
        names: impl Fn() -> Result<Vec<String>, StoreError> + Send + Sync + 's,
        admin_too: bool,
    ) -> Self {
        GrantableRoles {
            names: Box::new(names),
            by_key: OnceLock::new(),
            admin_too,
            for_all: &[],
        }
    }

    /// The same, with the names of roles that every row gets in addition to its own. They are checked like those
    /// of a row.
    #[must_use]
    pub fn for_all(self, names: &'s [String]) -> Self {
        GrantableRoles {
            for_all: names,
            ..self
        }
    }

    /// No roles.
    pub fn none() -> Self {
        GrantableRoles::new(|| Ok(Vec::new()), false)
    }

    /// Whether the roles could be read, if they were needed. If not, every role was unknown, and
    /// problems reported for rows that name one are invalid.
    ///
    /// # Errors
    /// The store failed.
    pub fn are_known(&self) -> Result<(), StoreError> {
        match self.by_key.get() {
            Some(Err(error)) => Err(error.clone()),
            Some(Ok(_)) | None => Ok(()),
        }
    }

    /// The role in its stored spelling.
    fn spelled(&self, name: &str) -> Option<&str> {
        let by_key = self.by_key.get_or_init(|| {
            let names = (self.names)()?;
            let by_key = names.into_iter().map(|name| (lookup_key(&name), name));
            Ok(by_key.collect())
        });
        let spelled = by_key.as_ref().ok()?.get(&lookup_key(name))?;
        Some(spelled)
    }
}

impl std::fmt::Debug for GrantableRoles<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GrantableRoles")
    }
}

/// The column that problems with the roles of the whole import name.
const ROLES_OF_IMPORT: &str = "roles";

/// The rules for the rows of one import.
#[derive(Debug)]
pub struct Policy<'a> {
    /// The domain that the users belong to.
    pub domain: &'a Domain,
    /// The rules for passwords.
    pub passwords: &'a rules::Settings,
    /// Whether the import has a default password, and the rule that it breaks, if any.
    pub default_password: Option<Result<(), WeakPassword>>,
    /// What happens to existing users.
    pub conflict: ConflictPolicy,
    /// Whether a password is generated for a row without one.
    pub generate_passwords: bool,
    /// Roles that rows may name.
    pub roles: &'a GrantableRoles<'a>,
}

impl Policy<'_> {
    /// Applies every rule. Warnings are added to `warnings`.
    ///
    /// # Errors
    /// All problems of the row; at least one.
    pub fn check<'r>(
        &self,
        mut candidate: Candidate<'r>,
        warnings: &mut Vec<Problem>,
    ) -> Result<CheckedUser<'r>, Vec<Problem>> {
        let mut problems = std::mem::take(&mut candidate.problems);
        warnings.append(&mut candidate.warnings);
        normalize_booleans(&mut candidate, &mut problems);
        let columns = candidate.columns;
        let name = self
            .without_domain(&candidate, candidate.user_name, columns.user_name, warnings)
            .map_err(|unknown| problems.push(unknown))
            .ok()
            .and_then(|bare| self.check_name(&candidate, bare, &mut problems));
        let roles = self.check_roles(&mut candidate, &mut problems, warnings);
        let password = self.check_password(&candidate, &mut problems, warnings);
        let (Some(name), Some(password), true) = (name, password, problems.is_empty()) else {
            let about = &*first_cell(candidate.user_name);
            return Err(problems
                .into_iter()
                .map(|problem| problem.about(about))
                .collect());
        };
        Ok(CheckedUser {
            line: candidate.line,
            name,
            given_name: candidate.given_name,
            family_name: candidate.family_name,
            email: candidate.email,
            external_id: candidate.external_id,
            attributes: last_of_each(candidate.attributes),
            cleared: candidate.cleared,
            roles,
            password,
        })
    }

    /// Removes the domain prefix from the name of a user or role. Another domain causes a warning,
    /// because the user is created in the request's domain anyway, as in WSO2's service. Any other
    /// prefix is not a domain, and the rest of the text may be anything.
    fn without_domain<'n>(
        &self,
        candidate: &Candidate<'_>,
        name: &'n str,
        column: &str,
        warnings: &mut Vec<Problem>,
    ) -> Result<&'n str, Problem> {
        let domain = &self.domain.name;
        match self.domain.strip(name) {
            Qualified::Here(bare) => Ok(bare),
            Qualified::Elsewhere(bare) => {
                warnings.push(
                    Problem::new(
                        Severity::Warning,
                        candidate.line,
                        Cow::Owned(column.to_owned()),
                        "domain-prefix-dropped",
                        format!(
                            "the prefix before the / names another user store than this \
                             import's; it was removed, and {domain} was used"
                        ),
                    )
                    .about(candidate.user_name),
                );
                Ok(bare)
            }
            Qualified::Unknown(prefix) => {
                // The prefix may be anything, even a password.
                let named = match is_word(prefix) && !rules::looks_like_password(prefix) {
                    true => format!("{prefix:?}, before the /,"),
                    false => "the text before the /".to_owned(),
                };
                Err(fail(
                    candidate.line,
                    column,
                    "domain-unknown",
                    format!(
                        "{named} is not a user store ({}); correct it, or prefix a name that \
                         contains a / with {domain}/",
                        self.domain.all.join(", ")
                    ),
                ))
            }
        }
    }

    fn check_name<'r>(
        &self,
        candidate: &Candidate<'r>,
        bare: &'r str,
        problems: &mut Vec<Problem>,
    ) -> Option<UserName<'r>> {
        match UserName::parse(bare, self.domain.user_name_rule.as_ref()) {
            Ok(name) => {
                if candidate.user_name_claim.is_some_and(|claim| claim != bare) {
                    problems.push(fail(
                        candidate.line,
                        candidate.columns.user_name,
                        "name-differs-from-claim",
                        "the user name and the username claim have to be the same",
                    ));
                }
                Some(name)
            }
            Err(error) => {
                let column = candidate.columns.user_name;
                problems.push(fail(
                    candidate.line,
                    column,
                    error.code(),
                    error.to_string(),
                ));
                None
            }
        }
    }

    fn check_roles<'r>(
        &self,
        candidate: &mut Candidate<'r>,
        problems: &mut Vec<Problem>,
        warnings: &mut Vec<Problem>,
    ) -> Cow<'r, str> {
        let for_all = self.roles.for_all;
        if candidate.roles.is_none() && candidate.groups.is_none() && for_all.is_empty() {
            return Cow::Borrowed("");
        }
        let mut found = String::new();
        let groups = candidate
            .groups
            .unwrap_or_default()
            .split('|')
            .map(str::trim);
        let of_row = role_cell::split(candidate.roles.unwrap_or_default())
            .chain(groups.filter(|name| !name.is_empty()).map(Cow::Borrowed));
        let of_import = for_all.iter().map(|name| Cow::Borrowed(name.as_str()));
        let wanted = of_row
            .map(|name| (name, true))
            .chain(of_import.map(|name| (name, false)));
        for (wanted, is_of_row) in wanted {
            let column = is_of_row.then_some(candidate.columns.roles);
            let hybrid = role_name::is_hybrid(&wanted);
            let name = match hybrid {
                true => Ok(wanted.as_ref()),
                false => self.without_domain(
                    candidate,
                    &wanted,
                    column.unwrap_or(ROLES_OF_IMPORT),
                    warnings,
                ),
            };
            let name = match name {
                Ok(name) => name,
                Err(unknown) => {
                    problems.push(unknown);
                    continue;
                }
            };
            let refused = |code, message: String| {
                let column = column.unwrap_or(ROLES_OF_IMPORT);
                fail(candidate.line, column, code, message)
            };
            let Some(spelled) = self.roles.spelled(name) else {
                let kind = if hybrid { "internal " } else { "" };
                // The columns may not match the header.
                let message = match rules::looks_like_password(name) {
                    true => format!(
                        "the row names a {kind}role that does not exist; create it first or \
                         remove it, and check that the columns are in the order of the header"
                    ),
                    false => format!(
                        "the {kind}role {:?} does not exist; create it first or remove it",
                        quoted::name(name)
                    ),
                };
                problems.push(refused("role-unknown", message));
                continue;
            };
            if spelled == ADMIN_ROLE && !self.roles.admin_too {
                problems.push(refused(
                    "role-not-yours-to-give",
                    "only an operator with the role admin may grant the role admin".into(),
                ));
                continue;
            }
            if !is_of_row && found.split(ROLE_SEPARATOR).any(|it| it == spelled) {
                continue;
            }
            if !found.is_empty() {
                found.push(ROLE_SEPARATOR);
            }
            found.push_str(spelled);
        }
        // An existing user whose roles the row clears keeps those of the import.
        if !for_all.is_empty() {
            candidate.cleared.retain(|name| *name != cleared::ROLES);
        }
        Cow::Owned(found)
    }

    fn check_password<'r>(
        &self,
        candidate: &Candidate<'r>,
        problems: &mut Vec<Problem>,
        warnings: &mut Vec<Problem>,
    ) -> Option<CheckedPassword<'r>> {
        let column = candidate.columns.password;
        let to_be_set = asks_password(candidate);
        let (code, message) = match candidate.password.filter(|own| !own.trim().is_empty()) {
            Some(own) => match password_cell::judge(own, candidate, self.passwords) {
                Ok((password, warning)) => {
                    warnings.extend(warning.map(|(code, message)| {
                        let column = Cow::Owned(column.to_owned());
                        Problem::new(Severity::Warning, candidate.line, column, code, message)
                            .about(&first_cell(candidate.user_name))
                    }));
                    return Some(match password {
                        // The user will choose another password.
                        CheckedPassword::Own(own, _) if to_be_set => {
                            CheckedPassword::Own(own, Fitness::InitialOnly)
                        }
                        other => other,
                    });
                }
                Err(why) => why,
            },
            None if to_be_set => {
                warnings.push(without_password(candidate));
                return Some(CheckedPassword::ToBeSet);
            }
            None if self.generate_passwords => return Some(CheckedPassword::Generated),
            None => match &self.default_password {
                Some(Ok(())) => return Some(CheckedPassword::Default),
                Some(Err(weak)) => (
                    "default-password-rule",
                    format!("the row needs the default password, which breaks a rule: {weak}"),
                ),
                None if self.conflict.changes_users() => return Some(CheckedPassword::Missing),
                None => (PASSWORD_MISSING, NO_PASSWORD.to_owned()),
            },
        };
        problems.push(fail(candidate.line, column, code, message));
        None
    }
}

fn fail(line: u64, column: &str, code: &'static str, message: impl Into<String>) -> Problem {
    Problem::new(
        Severity::Failed,
        line,
        Cow::Owned(column.to_owned()),
        code,
        message,
    )
}

/// Replaces boolean words with their stored form. A value that decides whether a user is locked
/// must be a boolean word.
fn normalize_booleans(candidate: &mut Candidate<'_>, problems: &mut Vec<Problem>) {
    for (name, value) in &mut candidate.attributes {
        let reading = account_state::reading(name);
        if reading == Reading::Text {
            continue;
        }
        match account_state::truth(value) {
            Some(truth) => *value = account_state::word(truth),
            None if reading == Reading::Truth => {
                let shown = name.strip_prefix(IDENTITY).unwrap_or(name);
                problems.push(fail(
                    candidate.line,
                    shown,
                    "truth-word",
                    format!(
                        "{shown} is neither true nor false; write true, false, yes, no, 1, 0, on \
                         or off, or leave it out"
                    ),
                ));
            }
            None => {}
        }
    }
}

/// Whether the row says that the user chooses the password.
fn asks_password(candidate: &Candidate<'_>) -> bool {
    let mut last_first = candidate.attributes.iter().rev();
    let requested = last_first.find(|(name, _)| *name == ASK_PASSWORD);
    requested.is_some_and(|(_, value)| account_state::truth(value) == Some(true))
}

/// The warning for a user who is expected to choose a password, because this server sends no
/// invitations.
fn without_password(candidate: &Candidate<'_>) -> Problem {
    Problem::new(
        Severity::Warning,
        candidate.line,
        Cow::Owned(candidate.columns.password.to_owned()),
        "password-to-be-set",
        "the row says askPassword and has no password: the new user cannot log in until one is \
         set; this server sends no invitation",
    )
    .about(candidate.user_name)
}

/// The part of a refused user name that may be shown: the name may be a whole line with a password
/// in it.
fn first_cell(name: &str) -> Cow<'_, str> {
    match name.split_once([',', ';', '|', '\t', '\n', '\r']) {
        Some((first, _)) => Cow::Owned(format!("{first}…")),
        None => Cow::Borrowed(name),
    }
}

/// Whether the text can be a name that is safe to show unchanged.
fn is_word(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// If a claim is repeated the last value counts, as in WSO2's service.
fn last_of_each<'r>(mut attributes: Vec<(&'r str, &'r str)>) -> Vec<(&'r str, &'r str)> {
    if attributes.len() > 1 {
        attributes.reverse();
        attributes.sort_by_key(|(name, _)| *name);
        attributes.dedup_by_key(|(name, _)| *name);
    }
    attributes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::users::domains::Domains;

    fn codes(candidate: Candidate<'_>, default: Option<Result<(), WeakPassword>>) -> Vec<String> {
        let domain = Domains::new(&Default::default()).find(None).unwrap();
        let names = || Ok(vec!["admin".to_owned(), "Internal/everyone".to_owned()]);
        let roles = GrantableRoles::new(names, false);
        let rules = rules::Settings::default();
        let policy = Policy {
            domain: &domain,
            passwords: &rules,
            default_password: default,
            generate_passwords: false,
            conflict: ConflictPolicy::Skip,
            roles: &roles,
        };
        match policy.check(candidate, &mut Vec::new()) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.into_iter().map(|p| p.code.into_owned()).collect(),
        }
    }

    #[test]
    fn every_broken_rule_of_a_row_is_reported() {
        let candidate = Candidate {
            line: 4,
            user_name: "carol, jr",
            roles: Some("nosuch:admin"),
            ..Candidate::default()
        };
        assert_eq!(
            codes(candidate, None),
            [
                "name-white-space",
                "role-unknown",
                "role-not-yours-to-give",
                "password-missing"
            ]
        );
    }

    #[test]
    fn blank_password_means_the_default_password() {
        let row = || Candidate {
            user_name: "bob",
            password: Some(" "),
            ..Candidate::default()
        };
        assert!(codes(row(), Some(Ok(()))).is_empty());
        assert_eq!(codes(row(), None), ["password-missing"]);
        let weak = rules::Settings::default().judge("x").unwrap_err();
        assert_eq!(codes(row(), Some(Err(weak))), ["default-password-rule"]);
    }

    #[test]
    fn text_that_begins_like_a_hash_is_a_hash_or_a_problem() {
        let row = |password| Candidate {
            user_name: "bob",
            password: Some(password),
            ..Candidate::default()
        };
        let checked = |password| codes(row(password), None);
        assert!(checked("{SSHA}QLdGj6lkjYp8m3CB025cILj4gdVhYmNk").is_empty());
        assert_eq!(checked("$2b$-my-password"), ["password-hash-form"]);
        assert_eq!(
            checked("{MD5}X03MO1qnZdYdgyfeuILPmQ=="),
            ["password-hash-scheme"]
        );
        assert!(checked("{braces}-and-$-signs").is_empty());
    }

    /// The result of a row in the domain SALES, when PRIMARY also exists: the user, or the codes of
    /// the problems; and the codes of the warnings.
    fn in_sales(
        candidate: Candidate<'_>,
        default: bool,
    ) -> (Result<String, Vec<String>>, Vec<String>) {
        let settings = toml::from_str("[sales]").unwrap();
        let domain = Domains::new(&settings).find(Some("SALES")).unwrap();
        let names = || {
            Ok(["Internal/everyone", "clerk", "a/b"]
                .map(str::to_owned)
                .into())
        };
        let roles = GrantableRoles::new(names, false);
        let rules = rules::Settings::default();
        let policy = Policy {
            domain: &domain,
            passwords: &rules,
            default_password: default.then_some(Ok(())),
            generate_passwords: false,
            conflict: ConflictPolicy::Skip,
            roles: &roles,
        };
        let mut warnings = Vec::new();
        let checked = policy.check(candidate, &mut warnings);
        let codes = |problems: Vec<Problem>| problems.into_iter().map(|it| it.code.into_owned());
        let checked = match checked {
            Ok(user) => Ok(format!(
                "{} {:?} {} {:?}",
                user.name.as_str(),
                user.password,
                user.roles.replace('\n', "+"),
                user.attributes
            )),
            Err(problems) => {
                let texts = problems.iter().map(|it| it.message.as_str());
                assert!(!texts.collect::<String>().contains("Meadow-Lark-77"));
                Err(codes(problems).collect())
            }
        };
        (checked, codes(warnings).collect())
    }

    fn row<'r>(user_name: &'r str, roles: &'r str) -> Candidate<'r> {
        Candidate {
            line: 7,
            user_name,
            password: Some("correct horse"),
            roles: Some(roles),
            ..Candidate::default()
        }
    }

    #[test]
    fn only_known_domains_are_stripped_from_user_names() {
        for name in ["kim", "sales/kim", "SALES/kim"] {
            let (user, warnings) = in_sales(row(name, ""), false);
            assert_eq!(user, Ok("kim Own(…, Permanent)  []".to_owned()), "{name}");
            assert!(warnings.is_empty(), "{name}");
        }
        let (user, warnings) = in_sales(row("Primary/kim", ""), false);
        assert_eq!(user, Ok("kim Own(…, Permanent)  []".to_owned()));
        assert_eq!(warnings, ["domain-prefix-dropped"]);
        let (user, _) = in_sales(row("SALES/x/y", ""), false);
        assert_eq!(user, Ok("x/y Own(…, Permanent)  []".to_owned()));
        for name in [
            "https://example.com/kim",
            "#N/A",
            "N/A",
            "/wso2.org/claims/country=DE",
            "/kim",
            "a/b/c",
            "OTHER/kim",
            "Internal/kim",
            "mira,Meadow-Lark-77,http://wso2.org/claims/country=DE",
            "Meadow-Lark-77/kim",
        ] {
            let (refused, warnings) = in_sales(row(name, ""), false);
            assert_eq!(refused, Err(vec!["domain-unknown".to_owned()]), "{name}");
            assert!(warnings.is_empty(), "{name}");
        }
        let (refused, _) = in_sales(row("SALES/", ""), false);
        assert_eq!(refused, Err(vec!["name-empty".to_owned()]));
    }

    #[test]
    fn only_known_domains_are_stripped_from_roles_which_get_their_stored_spelling() {
        for (cell, roles, code) in [
            ("CLERK", "clerk", None),
            ("sales/clerk:Sales/a/b", "clerk+a/b", None),
            ("internal/Everyone", "Internal/everyone", None),
            ("PRIMARY/clerk", "clerk", Some("domain-prefix-dropped")),
        ] {
            let (user, warnings) = in_sales(row("kim", cell), false);
            assert_eq!(
                user,
                Ok(format!("kim Own(…, Permanent) {roles} []")),
                "{cell}"
            );
            assert_eq!(warnings.first().map(String::as_str), code, "{cell}");
        }
        for (cell, code) in [
            ("a/b", "domain-unknown"),
            ("HR/clerk", "domain-unknown"),
            ("http", "role-unknown"),
            ("application/none", "role-unknown"),
            ("sales/none", "role-unknown"),
        ] {
            let (refused, _) = in_sales(row("kim", cell), false);
            assert_eq!(refused, Err(vec![code.to_owned()]), "{cell}");
        }
    }

    #[test]
    fn last_value_of_a_repeated_claim_counts() {
        let candidate = Candidate {
            attributes: vec![("country", "FR"), ("title", "Dr"), ("country", "DE")],
            ..row("kim", "")
        };
        let (user, _) = in_sales(candidate, false);
        let expected = r#"kim Own(…, Permanent)  [("country", "DE"), ("title", "Dr")]"#;
        assert_eq!(user, Ok(expected.to_owned()));
    }

    #[test]
    fn boolean_words_are_normalized_and_other_values_fail_the_row() {
        let with = |name, value| Candidate {
            attributes: vec![(name, value)],
            ..row("kim", "")
        };
        for (name, value, kept) in [
            ("identity/accountLocked", "Yes", "true"),
            ("identity/accountDisabled", "0", "false"),
            ("active", "OFF", "false"),
            ("active", "perhaps", "perhaps"),
            ("country", "No", "No"),
        ] {
            let (user, _) = in_sales(with(name, value), false);
            let expected = format!("kim Own(…, Permanent)  [({name:?}, {kept:?})]");
            assert_eq!(user, Ok(expected), "{name}");
        }
        for name in [
            "identity/accountLocked",
            "identity/accountDisabled",
            "identity/askPassword",
        ] {
            let (refused, _) = in_sales(with(name, "Meadow-Lark-77"), false);
            assert_eq!(refused, Err(vec!["truth-word".to_owned()]), "{name}");
        }
    }

    #[test]
    fn row_with_ask_password_needs_no_password_and_ignores_the_default() {
        let asking = |password, word| Candidate {
            password,
            attributes: vec![(ASK_PASSWORD, word)],
            ..row("kim", "")
        };
        for default in [false, true] {
            for password in [None, Some(""), Some(" ")] {
                let (user, warnings) = in_sales(asking(password, "TRUE"), default);
                let expected = r#"kim ToBeSet  [("identity/askPassword", "true")]"#;
                assert_eq!(user, Ok(expected.to_owned()));
                assert_eq!(warnings, ["password-to-be-set"]);
            }
        }
        let (user, warnings) = in_sales(asking(Some("correct horse"), "yes"), true);
        assert!(user.unwrap().contains("Own(…, InitialOnly)") && warnings.is_empty());
        let (user, _) = in_sales(asking(None, "false"), true);
        assert!(user.unwrap().contains("Default"));
        let (refused, _) = in_sales(asking(None, "no"), false);
        assert_eq!(refused, Err(vec![PASSWORD_MISSING.to_owned()]));
    }

    #[test]
    fn roles_of_the_import_are_added_to_those_of_the_row_under_the_same_rules() {
        let domain = Domains::new(&Default::default()).find(None).unwrap();
        let rules = rules::Settings::default();
        let check = |for_all: &[&str], cell, admin_too| {
            let for_all: Vec<String> = for_all.iter().map(|it| (*it).to_owned()).collect();
            let names = || Ok(["admin", "clerk", "guest"].map(str::to_owned).into());
            let roles = GrantableRoles::new(names, admin_too).for_all(&for_all);
            let policy = Policy {
                domain: &domain,
                passwords: &rules,
                default_password: Some(Ok(())),
                generate_passwords: false,
                conflict: ConflictPolicy::Update,
                roles: &roles,
            };
            let candidate = Candidate {
                user_name: "kim",
                roles: cell,
                cleared: vec![cleared::ROLES, cleared::EMAIL],
                ..Candidate::default()
            };
            let codes = |found: Vec<Problem>| {
                let codes = found.into_iter().map(|it| it.code.into_owned());
                codes.collect::<Vec<_>>().join(" ")
            };
            match policy.check(candidate, &mut Vec::new()) {
                Ok(user) => Ok((user.roles.replace(ROLE_SEPARATOR, " "), user.cleared)),
                Err(problems) => Err(codes(problems)),
            }
        };
        let both = vec![cleared::ROLES, cleared::EMAIL];
        let email = vec![cleared::EMAIL];
        assert_eq!(check(&[], None, false), Ok((String::new(), both)));
        for (for_all, cell, roles) in [
            (&["Clerk"][..], None, "clerk"),
            (&["clerk", "PRIMARY/guest"], None, "clerk guest"),
            (&["clerk", "clerk"], Some("guest:CLERK"), "guest clerk"),
        ] {
            let expected = Ok((roles.to_owned(), email.clone()));
            assert_eq!(check(for_all, cell, false), expected, "{for_all:?}");
        }
        let unknown = check(&["nosuch", "admin"], Some("clerk"), false);
        assert_eq!(
            unknown,
            Err("role-unknown role-not-yours-to-give".to_owned())
        );
        assert_eq!(check(&["admin"], None, true), Ok(("admin".into(), email)));
    }

    #[test]
    fn roles_are_read_once_and_only_if_a_row_names_one() {
        let domain = Domains::new(&Default::default()).find(None).unwrap();
        let rules = rules::Settings::default();
        let read = std::sync::atomic::AtomicU32::new(0);
        let check = |roles: &GrantableRoles<'_>, cell| {
            let policy = Policy {
                domain: &domain,
                passwords: &rules,
                default_password: Some(Ok(())),
                generate_passwords: false,
                conflict: ConflictPolicy::Skip,
                roles,
            };
            let candidate = Candidate {
                user_name: "kim",
                roles: cell,
                ..Candidate::default()
            };
            policy.check(candidate, &mut Vec::new()).is_ok()
        };
        let times = || read.load(std::sync::atomic::Ordering::Relaxed);
        let names = || {
            read.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Ok(vec!["clerk".to_owned()])
        };
        let roles = GrantableRoles::new(names, false);
        assert!(check(&roles, None));
        assert_eq!(times(), 0);
        assert!(check(&roles, Some("clerk")) && !check(&roles, Some("nosuch")));
        assert_eq!((times(), roles.are_known().is_ok()), (1, true));

        let gone = GrantableRoles::new(|| Err(StoreError::Closed), false);
        assert!(check(&gone, None) && gone.are_known().is_ok());
        assert!(!check(&gone, Some("clerk")) && gone.are_known().is_err());
    }
}
