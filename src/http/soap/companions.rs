//! The operations that bulk-import clients call besides the import: they check that the users exist,
//! add a role first, or clean up. Each returns the content of its response element.

use crate::access::basic::Credentials;
use crate::access::gate::Caller;
use crate::admin::administration::DomainNames;
use crate::app::App;
use crate::http::soap::answer::{Done, Session};
use crate::http::soap::beans::{Bean, Field, FlaggedName, nil_return, text_return};
use crate::http::soap::fault::Fault;
use crate::http::soap::operation::{CompanionOperation, Entry, RemoteUserStoreManagerOperation};
use crate::http::soap::parameters::Parameters;
use crate::http::soap::settings::Settings;
use crate::import::edits::Edits;
use crate::import::report::Report;
use crate::import::request::ImportRequest;
use crate::import::selection::Selection;
use crate::import::single_user::SingleUser;
use crate::passwords::secret::Secret;
use crate::users::actor::Actor;
use crate::users::built_in::{INTERNAL_DOMAIN, PRIMARY_DOMAIN};
use crate::users::channel::Channel;
use crate::users::operator::Role;
use crate::users::options::ImportOptions;
use crate::users::role_name::{ADMIN_ROLE, EVERYONE_ROLE};
use crate::users::user::User;

/// The context of such an operation.
#[derive(Debug)]
pub struct Companion<'a> {
    /// The app.
    pub app: &'a App,
    /// `[soap]` of the settings.
    pub settings: &'a Settings,
    /// The caller.
    pub caller: &'a Caller,
}

impl Companion<'_> {
    /// Runs the operation.
    ///
    /// # Errors
    /// The operation failed, and nothing was changed.
    pub fn run(
        &self,
        operation: CompanionOperation,
        entry: &'static Entry,
        parameters: &Parameters,
    ) -> Result<Done, Fault> {
        let content = match operation {
            CompanionOperation::ListUsers => self.list_users(parameters)?,
            CompanionOperation::ListAllUsers => self.list_all_users(parameters)?,
            CompanionOperation::GetUserRealmInfo => self.user_realm_info(),
            CompanionOperation::HasMultipleUserStores => {
                text_return(&(self.app.domains.names().len() > 1).to_string())
            }
            CompanionOperation::GetAllRolesNames => self.all_roles_names(parameters)?,
            CompanionOperation::GetRolesOfUser => self.roles_of_user(parameters)?,
            CompanionOperation::AddUser => return self.add_user(entry, parameters),
            CompanionOperation::DeleteUser => {
                let name = parameters.required("userName")?;
                self.app.admin.delete_user(&self.actor(), name)?;
                self.log(entry);
                nil_return()
            }
            CompanionOperation::ChangePassword => {
                let name = parameters.required("userName")?;
                let password = Secret::from(parameters.required("newPassword")?);
                let role = self.caller.role;
                self.app
                    .admin
                    .set_password(&self.actor(), role, name, password)?;
                self.log(entry);
                nil_return()
            }
            CompanionOperation::AddRole => {
                self.add_role(parameters)?;
                self.log(entry);
                nil_return()
            }
        };
        Ok(Done::new(entry, content))
    }

    /// Runs an operation of the service for user stores.
    ///
    /// # Errors
    /// The name is missing or invalid, or the store failed.
    pub fn run_in_user_store(
        &self,
        operation: RemoteUserStoreManagerOperation,
        entry: &'static Entry,
        parameters: &Parameters,
    ) -> Result<Done, Fault> {
        let content = match operation {
            RemoteUserStoreManagerOperation::IsExistingUser => {
                let name = parameters.required("userName")?;
                let exists = self.app.admin.exists(&self.caller.organization, name)?;
                text_return(&exists.to_string())
            }
        };
        Ok(Done::new(entry, content))
    }

    fn actor(&self) -> Actor {
        self.caller.actor(Channel::Soap)
    }

    fn log(&self, entry: &Entry) {
        let (operation, operator) = (entry.name, self.caller.name.as_str());
        tracing::info!(operation, operator, "a user or role was changed");
    }

    fn list_users(&self, parameters: &Parameters) -> Result<String, Fault> {
        let found = self.users(parameters)?;
        let names = found.iter().flat_map(DomainNames::qualified);
        Ok(names.map(|name| text_return(&name)).collect())
    }

    fn list_all_users(&self, parameters: &Parameters) -> Result<String, Fault> {
        let found = self.users(parameters)?;
        let names = found.iter().flat_map(DomainNames::qualified);
        let flagged = names.map(|name| FlaggedName {
            item_display_name: name.clone(),
            item_name: name,
            editable: true,
            ..FlaggedName::default()
        });
        Ok(list(flagged.collect(), &found))
    }

    fn all_roles_names(&self, parameters: &Parameters) -> Result<String, Fault> {
        let found = self.roles(parameters, self.limit(parameters)?)?;
        Ok(list(flagged_roles(&found, |_, _| false), &found))
    }

    /// If the limit is 0, only the user's own roles, like the original.
    fn roles_of_user(&self, parameters: &Parameters) -> Result<String, Fault> {
        let name = parameters.required("userName")?;
        let user = self.app.admin.user(&self.caller.organization, name)?;
        let only_own = parameters.int("limit")? == Some(0);
        let limit = match only_own {
            true => self.settings.list_limit,
            false => self.limit(parameters)?,
        };
        let mut found = self.roles(parameters, limit)?;
        found.retain(|names| [INTERNAL_DOMAIN, user.domain.as_str()].contains(&&*names.domain));
        let mut roles = flagged_roles(&found, |domain, role| has(&user, domain, role));
        if only_own {
            roles.retain(|role| role.selected);
        }
        Ok(list(roles, &found))
    }

    fn users(&self, parameters: &Parameters) -> Result<Vec<DomainNames>, Fault> {
        let filter = parameters.text("filter").unwrap_or_default();
        let limit = self.limit(parameters)?;
        Ok(self
            .app
            .admin
            .find_users(&self.caller.organization, filter, limit)?)
    }

    fn roles(&self, parameters: &Parameters, limit: usize) -> Result<Vec<DomainNames>, Fault> {
        let filter = parameters.text("filter").unwrap_or_default();
        Ok(self
            .app
            .admin
            .find_roles(&self.caller.organization, filter, limit)?)
    }

    /// The requested limit, at most the setting; the setting if it is negative or absent.
    fn limit(&self, parameters: &Parameters) -> Result<usize, Fault> {
        let max = self.settings.list_limit;
        let requested = parameters.int("limit")?;
        Ok(requested.map_or(max, |limit| {
            usize::try_from(limit).map_or(max, |limit| limit.min(max))
        }))
    }

    fn add_user(&self, entry: &'static Entry, parameters: &Parameters) -> Result<Done, Fault> {
        let name = parameters.required("userName")?;
        let (domain, _) = self.app.domains.split(name)?;
        let roles: Vec<String> = parameters.texts("roles").map(str::to_owned).collect();
        let user = SingleUser::new(
            name.to_owned(),
            parameters.text("password").map(Secret::from),
            &roles,
            parameters.pairs("claims", ("claimURI", "value")),
        );
        let request = ImportRequest {
            organization: self.caller.organization.clone(),
            domain,
            channel: Channel::Soap,
            operator: self.caller.name.clone(),
            may_grant_admin: self.caller.role == Role::Admin,
            request_id: self.caller.request_id.clone(),
            file_name: entry.name.to_owned(),
            default_password: None,
            generated_passwords: None,
            options: ImportOptions::default(),
            key: None,
            selection: Selection::All,
            edits: Edits::default(),
            keep: None,
        };
        let report = self.app.importer.add_user(request, &user)?;
        if report.counters.created == 1 {
            let done = Done::new(entry, nil_return());
            return Ok(Done {
                report: Some(report),
                ..done
            });
        }
        Err(not_added(name, report))
    }

    fn add_role(&self, parameters: &Parameters) -> Result<(), Fault> {
        let name = parameters.required("roleName")?;
        if parameters.boolean("isSharedRole")? {
            return Err(Fault::operation(
                "IMP-ROLE-SHARED",
                "Shared roles are not supported; omit isSharedRole or send false.",
            ));
        }
        let members: Vec<String> = parameters.texts("userList").map(str::to_owned).collect();
        let permissions = parameters.texts("permissions").map(str::to_owned).collect();
        self.app
            .admin
            .add_role(&self.actor(), name, &members, permissions)?;
        Ok(())
    }

    fn user_realm_info(&self) -> String {
        let text = |text: &str| Field::Text(Some(text.to_owned()));
        let domains = self.app.domains.names();
        let stores: Vec<Bean> = domains
            .iter()
            .map(|name| self.user_store_info(name))
            .collect();
        let primary = stores
            .iter()
            .zip(&domains)
            .find(|(_, name)| **name == PRIMARY_DOMAIN)
            .map(|(store, _)| store.clone());
        let fields = vec![
            ("adminRole", text(ADMIN_ROLE)),
            ("adminUser", text(crate::access::first_operator::NAME)),
            ("bulkImportSupported", Field::Boolean(true)),
            (
                "defaultUserClaims",
                Field::Texts(self.app.importer.claims.uris()),
            ),
            (
                "domainNames",
                Field::Texts(domains.iter().map(|name| (*name).to_owned()).collect()),
            ),
            ("enableUIPageCache", Field::Boolean(true)),
            ("everyOneRole", text(EVERYONE_ROLE)),
            ("maxItemsPerUIPage", Field::Int(15)),
            ("maxUIPagesInCache", Field::Int(6)),
            ("multipleUserStore", Field::Boolean(domains.len() > 1)),
            (
                "primaryUserStoreInfo",
                Field::Beans(primary.into_iter().collect()),
            ),
            ("requiredUserClaims", Field::Texts(Vec::new())),
            ("userClaims", Field::Texts(self.app.importer.claims.uris())),
            ("userStoresInfo", Field::Beans(stores)),
        ];
        Bean::new("UserRealmInfo", fields).to_return()
    }

    fn user_store_info(&self, name: &str) -> Bean {
        let rule = self.app.domains.find(Some(name)).ok();
        let user_name_rule = rule.and_then(|domain| domain.user_name_rule).map_or_else(
            || r"^\S{1,255}$".to_owned(),
            |rule| rule.as_str().to_owned(),
        );
        let limit = i32::try_from(self.settings.list_limit).unwrap_or(i32::MAX);
        let fields = vec![
            ("bulkImportSupported", Field::Boolean(true)),
            ("caseSensitiveUsername", Field::Boolean(false)),
            ("domainName", Field::Text(Some(name.to_owned()))),
            ("externalIdP", Field::Text(None)),
            ("maxRoleLimit", Field::Int(limit)),
            ("maxUserLimit", Field::Int(limit)),
            (
                "passwordRegEx",
                Field::Text(Some(self.app.passwords.initial_rule.as_str().to_owned())),
            ),
            ("passwordRegExViolationErrorMsg", Field::Text(None)),
            ("passwordsExternallyManaged", Field::Boolean(false)),
            ("readGroupsEnabled", Field::Boolean(true)),
            ("readOnly", Field::Boolean(false)),
            ("roleNameRegEx", Field::Text(None)),
            ("userNameRegEx", Field::Text(Some(user_name_rule))),
            ("usernameRegExViolationErrorMsg", Field::Text(None)),
            ("writeGroupsEnabled", Field::Boolean(true)),
        ];
        Bean::new("UserStoreInfo", fields)
    }
}

/// The name and the password of a login, if both are present.
pub fn credentials(parameters: &Parameters) -> Option<Credentials> {
    let given = parameters.text("username").zip(parameters.text("password"));
    given
        .filter(|(name, password)| !name.is_empty() && !password.is_empty())
        .map(|(name, password)| Credentials {
            name: name.to_owned(),
            password: Secret::from(password),
        })
}

/// The answer to a login: true and the cookie of the opened session, or false.
pub fn logged_in(entry: &'static Entry, opened: Option<String>) -> Done {
    if opened.is_none() {
        tracing::warn!("a login was refused");
    }
    let done = Done::new(entry, text_return(&opened.is_some().to_string()));
    Done {
        session: opened.map_or(Session::Unchanged, Session::Opened),
        ..done
    }
}

/// Ends the session of the call, if it has one.
pub fn log_out(app: &App, entry: &'static Entry, session: Option<&str>) -> Done {
    if let Some(session) = session {
        app.gate.log_out(session);
    }
    Done {
        session: Session::Closed,
        ..Done::new(entry, nil_return())
    }
}

/// The names, sorted like the original's, and the final entry that is not a name.
fn list(mut names: Vec<FlaggedName>, found: &[DomainNames]) -> String {
    names.sort_by_key(|name| name.item_name.to_lowercase());
    let truncated = |domain: &&DomainNames| domain.more;
    let primary_truncated = found
        .iter()
        .filter(truncated)
        .any(|it| it.domain == PRIMARY_DOMAIN);
    let others: Vec<String> = found
        .iter()
        .filter(truncated)
        .filter(|it| it.domain != PRIMARY_DOMAIN && it.domain != INTERNAL_DOMAIN)
        .map(|it| it.domain.clone())
        .collect();
    names.push(FlaggedName::last_entry(primary_truncated, &others));
    names.iter().map(FlaggedName::to_return).collect()
}

fn flagged_roles(found: &[DomainNames], selected: impl Fn(&str, &str) -> bool) -> Vec<FlaggedName> {
    let mut roles = Vec::new();
    for domain in found {
        let internal = domain.domain == INTERNAL_DOMAIN;
        for name in &domain.names {
            let qualified = match domain.domain.as_str() {
                PRIMARY_DOMAIN | INTERNAL_DOMAIN => name.clone(),
                other => format!("{other}/{name}"),
            };
            roles.push(FlaggedName {
                item_display_name: qualified.clone(),
                item_name: qualified,
                domain_name: Some(domain.domain.clone()),
                role_type: Some(if internal { "Internal" } else { "External" }),
                editable: true,
                selected: selected(&domain.domain, name),
            });
        }
    }
    roles
}

/// Every user has the role `everyone`.
fn has(user: &User, domain: &str, role: &str) -> bool {
    role == EVERYONE_ROLE
        || ((domain == INTERNAL_DOMAIN || domain == user.domain)
            && user.roles.iter().any(|own| own == role))
}

/// The reason why the user was not added, with the original's number where it is known.
fn not_added(name: &str, report: Report) -> Fault {
    let message = if report.counters.duplicate == 1 {
        format!(
            "30004 - UserAlreadyExisting Username {name} already exists in the system. Please pick \
             another username."
        )
    } else {
        let problems: Vec<&str> = report.problems().map(|it| it.message.as_str()).collect();
        format!("The user was not added: {}.", problems.join("; "))
    };
    Fault {
        report: Some(Box::new(report)),
        ..Fault::operation("IMP-USER-REFUSED", message)
    }
}
