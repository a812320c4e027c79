//! The services of the original that Muster offers, and where each is found.

use crate::http::soap::{AXIS2, UMGT};

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
}

impl Service {
    /// Every service.
    pub const ALL: [Service; 3] = [
        Service::UserAdmin,
        Service::AuthenticationAdmin,
        Service::RemoteUserStoreManager,
    ];

    /// The name in addresses and in the WSDL.
    pub fn name(self) -> &'static str {
        match self {
            Service::UserAdmin => "UserAdmin",
            Service::AuthenticationAdmin => "AuthenticationAdmin",
            Service::RemoteUserStoreManager => "RemoteUserStoreManagerService",
        }
    }

    /// The namespace of the wrapper elements.
    pub fn namespace(self) -> &'static str {
        match self {
            Service::UserAdmin => AXIS2,
            Service::AuthenticationAdmin => "http://authentication.services.core.carbon.wso2.org",
            Service::RemoteUserStoreManager => "http://service.ws.um.carbon.wso2.org",
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

    /// The paths of its addresses: the bare one and the original's three endpoints, without the
    /// slash that may follow.
    pub fn paths(self) -> [String; 4] {
        let name = self.name();
        let path = |endpoint: &str| format!("/services/{name}{endpoint}");
        [
            path(""),
            path(&format!(".{name}HttpsSoap11Endpoint")),
            path(&format!(".{name}HttpsSoap12Endpoint")),
            path(&format!(".{name}HttpsEndpoint")),
        ]
    }
}
