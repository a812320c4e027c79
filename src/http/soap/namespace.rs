//! XML namespaces of the services.

/// Namespace of the wrapper elements (axis2's `schemaNamespace` of the original).
pub const AXIS2: &str = "http://org.apache.axis2/xsd";

/// Namespace of the beans, the fault's `message` among them.
pub const COMMON: &str = "http://common.mgt.user.carbon.wso2.org/xsd";

/// Target namespace of the original's WSDL; a very old copy has the wrappers in it.
pub const UMGT: &str = "http://mgt.user.carbon.wso2.org";

/// Namespace of the service of our own, its types included.
pub const USER_IMPORT: &str = "urn:muster:user-import:1";
