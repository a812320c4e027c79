//! Checks and preparation of an operation that do not need the store: its document, the rules for
//! name and password, and the password's hash.

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::passwords::hashing::HashError;
use crate::passwords::rules::Fitness;
use crate::passwords::secret::Secret;
use crate::provision::operation::{Act, Operation, Precondition};
use crate::provision::provisioner::Provisioner;
use crate::scim::check::{self, Leniency};
use crate::scim::error::ScimError;
use crate::scim::patch::{self, Patch};
use crate::users::candidate::{Candidate, CandidateColumns, CheckedPassword};
use crate::users::domains::Domain;
use crate::users::name::UserName;
use crate::users::options::ConflictPolicy;
use crate::users::policy::{GrantableRoles, Policy};
use crate::users::resources::{HashedPassword, Kind};
use crate::users::role_name;

/// A name that passed the rules, and its user store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    /// The user store.
    pub domain: String,
    /// The name, without the user store.
    pub name: String,
}

/// An operation that passed all checks that do not need the store.
pub(super) struct Prepared {
    pub kind: Kind,
    pub id: Uuid,
    pub act: PreparedAct,
    pub precondition: Precondition,
    /// The dialect of the request.
    pub leniency: Leniency,
}

pub(super) enum PreparedAct {
    CreateUser(UserDraft),
    ReplaceUser(UserDraft),
    /// The patch, and the hashes of the passwords in it.
    PatchUser(Patch, Vec<(Secret, HashedPassword)>),
    CreateGroup(GroupDraft),
    ReplaceGroup(GroupDraft),
    PatchGroup(Patch),
    Delete,
}

/// A user to be written.
pub(super) struct UserDraft {
    pub name: Name,
    /// The canonical document, without the password.
    pub document: Map<String, Value>,
    pub password: Option<HashedPassword>,
    /// Attributes that a replaced user keeps if the document lacks them.
    pub keeps: &'static [&'static str],
}

/// A group to be written.
pub(super) struct GroupDraft {
    pub name: Name,
    pub external_id: Option<String>,
    /// The members' elements.
    pub members: Vec<Value>,
}

/// A password that passed the rules.
enum AcceptedPassword {
    /// In plain text, and whether it has to be changed at the first login.
    Clear(Secret, bool),
    /// A hash made by another system.
    Hashed(String),
}

/// An operation whose passwords are not hashed yet.
struct Unhashed {
    prepared: Prepared,
    /// The place of each password: its placeholder in a patch, or none.
    passwords: Vec<(Option<Secret>, AcceptedPassword)>,
}

type UnhashedResults = Vec<Result<Unhashed, ScimError>>;

impl Unhashed {
    /// Fills in the hashes of the passwords.
    fn with_hashes(self, hashes: Vec<HashedPassword>) -> Prepared {
        let Unhashed {
            mut prepared,
            passwords,
        } = self;
        for ((text, _), hashed) in passwords.into_iter().zip(hashes) {
            match (&mut prepared.act, text) {
                (PreparedAct::PatchUser(_, known), Some(text)) => {
                    known.push((text, hashed));
                }
                (PreparedAct::CreateUser(draft) | PreparedAct::ReplaceUser(draft), None) => {
                    draft.password = Some(hashed);
                }
                _ => {}
            }
        }
        prepared
    }
}

impl Provisioner {
    /// Prepares operations; their passwords are hashed in parallel.
    ///
    /// # Errors
    /// Hashing failed for lack of resources.
    pub(super) fn prepare(
        &self,
        operations: impl IntoIterator<Item = Result<Operation, ScimError>>,
        leniency: Leniency,
    ) -> Result<Vec<Result<Prepared, ScimError>>, HashError> {
        let (results, hashes) = self.check_all(operations, leniency)?;
        let prepared = results.into_iter().zip(hashes);
        Ok(prepared
            .map(|(unhashed, hashes)| Ok(unhashed?.with_hashes(hashes)))
            .collect())
    }

    /// Only hashes the operations' passwords, if too many operations belong together to be kept
    /// prepared.
    ///
    /// # Errors
    /// Hashing failed for lack of resources.
    pub(super) fn hashes(
        &self,
        operations: impl IntoIterator<Item = Result<Operation, ScimError>>,
        leniency: Leniency,
    ) -> Result<Vec<Vec<HashedPassword>>, HashError> {
        Ok(self.check_all(operations, leniency)?.1)
    }

    /// Prepares an operation whose passwords are already hashed.
    ///
    /// # Errors
    /// The operation is refused.
    pub(super) fn prepare_with(
        &self,
        operation: Operation,
        leniency: Leniency,
        hashes: Vec<HashedPassword>,
    ) -> Result<Prepared, ScimError> {
        Ok(self.check_one(operation, leniency)?.with_hashes(hashes))
    }

    fn check_all(
        &self,
        operations: impl IntoIterator<Item = Result<Operation, ScimError>>,
        leniency: Leniency,
    ) -> Result<(UnhashedResults, Vec<Vec<HashedPassword>>), HashError> {
        let results: UnhashedResults = operations
            .into_iter()
            .map(|operation| self.check_one(operation?, leniency))
            .collect();
        let mut clear = Vec::new();
        for unhashed in results.iter().flatten() {
            for (_, agreed) in &unhashed.passwords {
                if let AcceptedPassword::Clear(secret, _) = agreed {
                    clear.push(secret.clone());
                }
            }
        }
        let mut hashes = match clear.is_empty() {
            true => Vec::new(),
            false => self.pool.hash_all(clear)?,
        }
        .into_iter();
        let hashed = results.iter().map(|unhashed| {
            let passwords = unhashed
                .as_ref()
                .map(|unhashed| unhashed.passwords.as_slice());
            let hashed = |(_, agreed): &(Option<Secret>, AcceptedPassword)| match agreed {
                AcceptedPassword::Hashed(hash) => HashedPassword {
                    hash: hash.clone(),
                    must_change: false,
                },
                AcceptedPassword::Clear(_, must_change) => HashedPassword {
                    hash: hashes.next().unwrap_or_default(),
                    must_change: *must_change,
                },
            };
            passwords.unwrap_or_default().iter().map(hashed).collect()
        });
        let hashed = hashed.collect();
        Ok((results, hashed))
    }

    fn check_one(&self, operation: Operation, leniency: Leniency) -> Result<Unhashed, ScimError> {
        let Operation {
            kind,
            id,
            act,
            precondition,
        } = operation;
        let mut passwords = Vec::new();
        let act = match (kind, act) {
            (_, Act::Delete) => PreparedAct::Delete,
            (Kind::User, Act::Create(data)) => {
                PreparedAct::CreateUser(self.user_draft(data, leniency, &mut passwords)?)
            }
            (Kind::User, Act::Replace(data)) => {
                PreparedAct::ReplaceUser(self.user_draft(data, leniency, &mut passwords)?)
            }
            (Kind::User, Act::Patch(data)) => {
                let patch = patch::parse_patch(data, &self.schemas.user, leniency)?;
                for text in patch::passwords(&patch) {
                    let agreed = self.check_password(text)?;
                    passwords.push((Some(text.into()), agreed));
                }
                PreparedAct::PatchUser(patch, Vec::new())
            }
            (Kind::Group, Act::Create(data)) => {
                PreparedAct::CreateGroup(self.group_draft(data, leniency)?)
            }
            (Kind::Group, Act::Replace(data)) => {
                PreparedAct::ReplaceGroup(self.group_draft(data, leniency)?)
            }
            (Kind::Group, Act::Patch(data)) => {
                PreparedAct::PatchGroup(patch::parse_patch(data, &self.schemas.group, leniency)?)
            }
        };
        Ok(Unhashed {
            prepared: Prepared {
                kind,
                id,
                act,
                precondition,
                leniency,
            },
            passwords,
        })
    }

    fn user_draft(
        &self,
        data: Value,
        leniency: Leniency,
        passwords: &mut Vec<(Option<Secret>, AcceptedPassword)>,
    ) -> Result<UserDraft, ScimError> {
        let mut document = check::check_document(data, &self.schemas.user, leniency)?;
        if let Some(text) = take_password(&mut document) {
            passwords.push((None, self.check_password(text.expose())?));
        }
        let name = text_of(&document, "userName");
        Ok(UserDraft {
            name: self.user_name(name, leniency)?,
            document,
            password: None,
            keeps: &[],
        })
    }

    fn group_draft(&self, data: Value, leniency: Leniency) -> Result<GroupDraft, ScimError> {
        let mut document = check::check_document(data, &self.schemas.group, leniency)?;
        let name = self.group_name(text_of(&document, "displayName"), leniency)?;
        Ok(group_of(&mut document, name))
    }

    /// The user store and the name in a `userName`.
    ///
    /// # Errors
    /// There is no such user store, or the name breaks a rule.
    pub(super) fn user_name(&self, qualified: &str, leniency: Leniency) -> Result<Name, ScimError> {
        let (domain, bare) = self.split(qualified)?;
        if leniency.plain_names() && bare.contains(char::is_whitespace) {
            let name = UserName::parse_words(bare, domain.user_name_rule.as_ref())
                .map_err(|error| ScimError::value(format!("userName: {error}")))?;
            return Ok(Name {
                name: name.as_str().to_owned(),
                domain: domain.name,
            });
        }
        // The rules treat the part before the first slash as the domain.
        let qualified = format!("{}/{bare}", domain.name);
        let candidate = Candidate {
            line: 1,
            user_name: &qualified,
            columns: COLUMNS,
            ..Candidate::default()
        };
        self.check_rules(&domain, candidate, |checked| {
            checked.name.as_str().to_owned()
        })
        .map(|name| Name {
            domain: domain.name.clone(),
            name,
        })
    }

    /// The user store and the name in the `displayName` of a group.
    ///
    /// # Errors
    /// There is no such user store, or the name is invalid.
    pub(super) fn group_name(
        &self,
        qualified: &str,
        leniency: Leniency,
    ) -> Result<Name, ScimError> {
        if role_name::is_hybrid(qualified) {
            return Err(ScimError::value(
                "displayName: roles that belong to no user store, such as Internal/…, are not \
                 groups; give another name.",
            ));
        }
        let (domain, bare) = match leniency.plain_names() {
            true => self
                .domains
                .split_known(qualified)
                .map_err(|error| ScimError::value(error.to_string()))?,
            false => self.split(qualified)?,
        };
        role_name::check(bare)
            .map_err(|why| ScimError::value(format!("displayName is not a valid name: {why}.")))?;
        Ok(Name {
            domain: domain.name,
            name: bare.to_owned(),
        })
    }

    fn split<'n>(&self, qualified: &'n str) -> Result<(Domain, &'n str), ScimError> {
        self.domains
            .split(qualified)
            .map_err(|error| ScimError::value(error.to_string()))
    }

    fn check_password(&self, text: &str) -> Result<AcceptedPassword, ScimError> {
        let domain = self
            .domains
            .find(None)
            .map_err(|error| ScimError::value(error.to_string()))?;
        let candidate = Candidate {
            line: 1,
            user_name: "user",
            password: Some(text),
            columns: COLUMNS,
            ..Candidate::default()
        };
        // Only the password is checked, so the domain's rules for names do not apply.
        let domain = Domain {
            user_name_rule: None,
            ..domain
        };
        self.check_rules(&domain, candidate, |checked| match checked.password {
            CheckedPassword::Own(own, fitness) => Some(AcceptedPassword::Clear(
                own.into(),
                fitness == Fitness::InitialOnly,
            )),
            CheckedPassword::Hashed(hash) => Some(AcceptedPassword::Hashed(hash.to_owned())),
            _ => None,
        })?
        .ok_or_else(|| ScimError::value("password is blank; leave it out, or give one."))
    }

    /// Applies the rules for rows of an import.
    fn check_rules<T>(
        &self,
        domain: &Domain,
        candidate: Candidate<'_>,
        take: impl FnOnce(crate::users::candidate::CheckedUser<'_>) -> T,
    ) -> Result<T, ScimError> {
        let policy = Policy {
            domain,
            passwords: &self.passwords,
            default_password: None,
            // With this default, a user without a password is not refused.
            conflict: ConflictPolicy::Update,
            generate_passwords: false,
            roles: &GrantableRoles::none(),
        };
        match policy.check(candidate, &mut Vec::new()) {
            Ok(checked) => Ok(take(checked)),
            Err(problems) => {
                let sentences: Vec<String> = problems
                    .iter()
                    .map(|problem| match &problem.column {
                        Some(column) => format!("{column}: {}", problem.message),
                        None => problem.message.clone(),
                    })
                    .collect();
                Err(ScimError::value(sentences.join("; ")))
            }
        }
    }
}

const COLUMNS: CandidateColumns<'static> = CandidateColumns {
    user_name: "userName",
    password: "password",
    roles: "groups",
};

/// The group in a canonical document, with this name.
pub(super) fn group_of(document: &mut Map<String, Value>, name: Name) -> GroupDraft {
    let external_id = match document.remove("externalId") {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    let members = match document.remove("members") {
        Some(Value::Array(members)) => members,
        _ => Vec::new(),
    };
    GroupDraft {
        name,
        external_id,
        members,
    }
}

/// Removes the password from a canonical document.
pub(super) fn take_password(document: &mut Map<String, Value>) -> Option<Secret> {
    match document.remove("password") {
        Some(Value::String(text)) => Some(Secret::new(text)),
        _ => None,
    }
}

pub(super) fn text_of<'d>(document: &'d Map<String, Value>, name: &str) -> &'d str {
    document
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
}
