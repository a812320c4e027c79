//! The only place where XML from outside is parsed: a strict, namespace-aware
//! pull reader whose memory does not depend on the document.
//!
//! quick-xml finds where a tag ends and splits its attributes. It is no gate
//! by itself: of 242 documents of the W3C suite that are not well-formed and
//! have no DTD, it lets 148 through. Everything that makes the difference is
//! here, and so are the limits. What a document *means* (envelope, operation,
//! parameters) is left to the callers, and so is turning UTF-16 into UTF-8.
//!
//! Follows XML 1.0, fifth edition, and Namespaces in XML 1.0, third edition,
//! less two things that SOAP 1.1 §3 forbids: document type declarations and
//! processing instructions. So no entity is ever declared, and nothing here
//! could open a file or a connection.

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
