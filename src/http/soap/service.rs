//! The services, both the original's and Muster's own, and their addresses.

use crate::http::soap::namespace::{AXIS2, UMGT, USER_IMPORT};

/// The short address of [`Service::UserAdmin`].
pub const USER_ADMIN: &str = "/services/UserAdmin";

/// A service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Users: the bulk import and the operations that its clients call besides.
    UserAdmin,
    /// Sessions.
    AuthenticationAdmin,
    /// Only the operation that importing clients use: it checks whether a user exists.
    RemoteUserStoreManager,
    /// Muster's own: the import with all its options, free of the original's legacy types.
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

    /// Whether wrapper elements may be in `namespace`: the service's own, or the one from very old copies
    /// of its WSDL.
    pub fn accepts_namespace(self, namespace: &str) -> bool {
        namespace == self.namespace() || (self == Service::UserAdmin && namespace == UMGT)
    }

    /// The service at `path`.
    pub fn at(path: &str) -> Option<Self> {
        let path = path.strip_suffix('/').unwrap_or(path);
        Service::ALL
            .into_iter()
            .find(|service| service.paths().iter().any(|own| own == path))
    }

    /// Whether the caller must be authenticated first. Only a login needs no credentials.
    pub fn asks_for_credentials(self) -> bool {
        self != Service::AuthenticationAdmin
    }

    /// Whether the service comes from the original, with its exceptions and numbered fault codes.
    pub fn is_original(self) -> bool {
        self != Service::UserImport
    }

    /// The prefix of operation names in the WSDL's actions.
    pub fn action_prefix(self) -> String {
        match self.is_original() {
            true => "urn:".to_owned(),
            false => format!("{}:", self.namespace()),
        }
    }

    /// The paths of its addresses without an optional final slash: the short one, and the original's
    /// three endpoints.
    pub fn paths(self) -> Vec<String> {
        let name = self.name();
        let path = |endpoint: &str| format!("/services/{name}{endpoint}");
        let mut paths = vec![path("")];
        if self.is_original() {
            for version in ["Soap11", "Soap12", ""] {
                paths.push(path(&format!(".{name}Https{version}Endpoint")));
            }
        }
        paths
    }
}
