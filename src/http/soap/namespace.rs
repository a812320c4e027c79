//! XML namespaces of the services.

/// Namespace of the wrapper elements (the `schemaNamespace` of the original's axis2).
pub const AXIS2: &str = "http://org.apache.axis2/xsd";

/// Namespace of the beans and of the fault's `message`.
pub const COMMON: &str = "http://common.mgt.user.carbon.wso2.org/xsd";

/// Target namespace of the original's WSDL; very old copies of it use it for the wrapper elements too.
pub const UMGT: &str = "http://mgt.user.carbon.wso2.org";

/// Namespace of Muster's own service and its types.
pub const USER_IMPORT: &str = "urn:muster:user-import:1";
