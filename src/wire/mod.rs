//! Bytes on their way in: the bounded pipe where async ends, and all that turns a message's body into
//! the bytes of its parts. Nothing here knows of SOAP, files of users, or a store.

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
pub mod percent;
pub mod cid;
pub mod transfer;
pub mod decoder;
pub mod base64;
pub mod quoted_printable;
pub mod transcode;
