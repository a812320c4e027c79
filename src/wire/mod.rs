//! Incoming bytes: the bounded pipe where async ends, and everything that turns the body of a message
//! into the bytes of its parts. Nothing here depends on SOAP, on file formats or on a store.

pub mod error;
pub mod framing;
pub mod pipe;
pub mod limit;
pub mod peek;
pub mod inflate;
pub mod spool;
pub mod media_type;
pub mod preface;
pub mod mime;
pub mod delimiter;
mod encoded_word;
pub mod part_header;
pub mod cid;
pub mod transfer;
pub mod decoder;
pub mod base64;
pub mod quoted_printable;
pub mod transcode;
