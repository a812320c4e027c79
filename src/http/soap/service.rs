//! The services: those of the original that Muster offers, and its own; where each is found.

use crate::http::soap::namespace::{AXIS2, UMGT, USER_IMPORT};

/// The bare address of [`Service::UserAdmin`].
pub const USER_ADMIN: &str = "/services/UserAdmin";

/// A service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Users: the bulk import and what its clients call beside it.
    UserAdmin,
    /// Sessions.
    AuthenticationAdmin,
    /// The one question of it that importing clients ask: whether a user exists.
    RemoteUserStoreManager,
    /// Our own: the import with everything that it can do, in types without the original's past.
    UserImport,
}

impl Service {
    /// Every service.
    pub const ALL: [Service; 4] = [
        Service::UserAdmin,
        Service::AuthenticationAdmin,
        Service::RemoteUserStoreManager,
        Service::UserImport,
    ];

    /// The name in addresses and in the WSDL.
    pub fn name(self) -> &'static str {
        match self {
            Service::UserAdmin => "UserAdmin",
            Service::AuthenticationAdmin => "AuthenticationAdmin",
            Service::RemoteUserStoreManager => "RemoteUserStoreManagerService",
            Service::UserImport => "UserImport",
        }
    }

    /// The namespace of the wrapper elements.
    pub fn namespace(self) -> &'static str {
        match self {
            Service::UserAdmin => AXIS2,
            Service::AuthenticationAdmin => "http://authentication.services.core.carbon.wso2.org",
            Service::RemoteUserStoreManager => "http://service.ws.um.carbon.wso2.org",
            Service::UserImport => USER_IMPORT,
        }
    }

    /// Whether wrapper elements may be in `namespace`: the service's own, or that of a very old copy
    /// of its WSDL.
    pub fn takes(self, namespace: &str) -> bool {
        namespace == self.namespace() || (self == Service::UserAdmin && namespace == UMGT)
    }

    /// The service at `path`.
    pub fn at(path: &str) -> Option<Self> {
        let path = path.strip_suffix('/').unwrap_or(path);
        Service::ALL
            .into_iter()
            .find(|service| service.paths().iter().any(|own| own == path))
    }

    /// Whether a caller has to say who they are before anything else: not to log in.
    pub fn asks_for_credentials(self) -> bool {
        self != Service::AuthenticationAdmin
    }

    /// Whether it is the original's, with its exceptions and numbered fault codes.
    pub fn is_the_originals(self) -> bool {
        self != Service::UserImport
    }

    /// What the names of operations stand behind in the WSDL's actions.
    pub fn action_prefix(self) -> String {
        match self.is_the_originals() {
            true => "urn:".to_owned(),
            false => format!("{}:", self.namespace()),
        }
    }

    /// The paths of its addresses, without the slash that may follow: the bare one, and the original's
    /// three endpoints.
    pub fn paths(self) -> Vec<String> {
        let name = self.name();
        let path = |endpoint: &str| format!("/services/{name}{endpoint}");
        let mut paths = vec![path("")];
        if self.is_the_originals() {
            for version in ["Soap11", "Soap12", ""] {
                paths.push(path(&format!(".{name}Https{version}Endpoint")));
            }
        }
        paths
    }
}
