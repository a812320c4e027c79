//! The SOAP front end: addresses, envelopes, attachments, operations, answers, faults and WSDL.
//!
//! It follows the newest generation of WSO2 Identity Server's `UserAdmin` service; README.md lists the
//! deliberate differences. `UserImport` is Muster's own service. Start with `call.rs`: it follows one
//! request from top to bottom.

pub mod settings;
pub mod version;
pub mod charset;
pub mod xml;
pub mod head;
pub mod namespace;
pub mod call;
pub mod sender;
pub mod elements;
pub mod envelope;
pub mod security_settings;
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
mod front_end;
mod endpoint;

pub use front_end::mount;
pub use settings::Settings;
