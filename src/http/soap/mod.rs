//! SOAP, all of it: addresses, envelope, attachments, operations, answers, faults, WSDL.
//!
//! The wire of WSO2 Identity Server's `UserAdmin` service, in its newest generation; where Muster
//! chose otherwise, README.md says so. Beside it `UserImport`, a service of our own. Read `call.rs`
//! first: it is one request from top to bottom.

pub mod settings;
pub mod version;
pub mod charset;
pub mod xml;
pub mod head;
pub mod call;
pub mod sender;
pub mod elements;
pub mod envelope;
pub mod security;
pub mod addressing;
pub mod service;
pub mod operation;
pub mod parameters;
pub mod plain_text;
pub mod file_element;
pub mod import_call;
pub mod bulk_import_users;
pub mod user_import;
pub mod user_import_xml;
pub mod companions;
pub mod beans;
pub mod mtom;
pub mod attached_file;
pub mod answer;
pub mod fault;
pub mod fault_xml;
pub mod wsdl;
mod endpoint;

pub use endpoint::{SoapFrontEnd, before_the_body, routes};
pub use settings::Settings;

/// Namespace of the wrapper elements (axis2's `schemaNamespace` of the original).
pub const AXIS2: &str = "http://org.apache.axis2/xsd";

/// Namespace of the beans, the fault's `message` among them.
pub const COMMON: &str = "http://common.mgt.user.carbon.wso2.org/xsd";

/// Target namespace of the original's WSDL; a very old copy has the wrappers in it.
pub const UMGT: &str = "http://mgt.user.carbon.wso2.org";

/// Namespace of the service of our own, its types included.
pub const USER_IMPORT: &str = "urn:muster:user-import:1";
