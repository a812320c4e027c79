//! A strict, namespace-aware pull reader for XML. It is the only code that
//! parses XML from outside, and its memory does not depend on the document.
//!
//! quick-xml finds the ends of tags and splits attributes, but it does not
//! validate: of 242 documents of the W3C suite that are not well-formed and
//! have no DTD, it accepts 148. This module adds all missing checks and the
//! limits. The meaning of a document (envelope, operation, parameters) is left
//! to the callers, and so is the conversion of UTF-16 to UTF-8.
//!
//! Follows XML 1.0, fifth edition, and Namespaces in XML 1.0, third edition,
//! without the two things that SOAP 1.1 §3 forbids: document type declarations
//! and processing instructions. Entities can therefore never be declared, and
//! nothing here opens a file or a connection.

pub mod escape;
mod reader;
mod source;
mod declaration;
mod tag;
mod namespaces;
mod characters;
mod reference;
mod chars;
mod error;

#[cfg(test)]
mod tests;

pub use declaration::DeclaredEncoding;
pub use error::{Position, XmlError, XmlErrorKind};
pub use reader::{XmlEvent, XmlLimits, XmlReader};
pub use tag::{Attribute, Element};
