//! Decoding of MIME transfer encodings.
//!
//! Contains [`TransferEncoding`], the value in the header of a part, and [`TransferReader`], which
//! reads the decoded content. The decoders are in `base64` and `quoted_printable`.
//!
//! Follows RFC 2045 §6, except that a missing encoding means binary, not 7bit: SOAP clients that omit
//! the field send the file unencoded.
//! out send the file as it is.

use std::io::{self, Read};

use crate::wire::base64::Base64Reader;
use crate::wire::error::{WireError, excerpt};
use crate::wire::quoted_printable::QuotedPrintableReader;

/// The transfer encoding of a part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TransferEncoding {
    /// Declared as ASCII lines; read unchanged.
    SevenBit,
    /// Declared as lines; read unchanged.
    EightBit,
    /// Any bytes.
    #[default]
    Binary,
    /// Base64 text.
    Base64,
    /// Quoted-printable text.
    QuotedPrintable,
}

impl TransferEncoding {
    /// Parses the value of a Content-Transfer-Encoding header; an empty value counts as missing.
    ///
    /// # Errors
    /// The encoding is not one that MIME defines.
    pub fn parse(value: &str) -> Result<TransferEncoding, WireError> {
        match value.trim().to_ascii_lowercase().as_str() {
            "7bit" => Ok(TransferEncoding::SevenBit),
            "8bit" => Ok(TransferEncoding::EightBit),
            "binary" | "" => Ok(TransferEncoding::Binary),
            "base64" => Ok(TransferEncoding::Base64),
            "quoted-printable" => Ok(TransferEncoding::QuotedPrintable),
            other => Err(WireError::MimeEncoding {
                encoding: excerpt(other),
            }),
        }
    }
}

/// A reader of the decoded content of a part.
pub enum TransferReader<R> {
    /// Unencoded content.
    Plain(R),
    /// Content in base64.
    Base64(Base64Reader<R>),
    /// Content in quoted-printable.
    QuotedPrintable(QuotedPrintableReader<R>),
}

impl<R: Read> TransferReader<R> {
    /// A reader that decodes `source`.
    pub fn new(source: R, encoding: TransferEncoding) -> Self {
        match encoding {
            TransferEncoding::SevenBit | TransferEncoding::EightBit | TransferEncoding::Binary => {
                TransferReader::Plain(source)
            }
            TransferEncoding::Base64 => TransferReader::Base64(Base64Reader::new(source)),
            TransferEncoding::QuotedPrintable => {
                TransferReader::QuotedPrintable(QuotedPrintableReader::new(source))
            }
        }
    }
}

impl<R: Read> Read for TransferReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            TransferReader::Plain(source) => source.read(into),
            TransferReader::Base64(reader) => reader.read(into),
            TransferReader::QuotedPrintable(reader) => reader.read(into),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding_names_are_case_insensitive() {
        for (value, encoding) in [
            ("", TransferEncoding::Binary),
            ("binary", TransferEncoding::Binary),
            (" 7BIT ", TransferEncoding::SevenBit),
            ("8bit", TransferEncoding::EightBit),
            ("Base64", TransferEncoding::Base64),
            ("Quoted-Printable", TransferEncoding::QuotedPrintable),
        ] {
            assert_eq!(TransferEncoding::parse(value).unwrap(), encoding);
        }
    }

    #[test]
    fn unknown_encoding_is_quoted_in_the_error() {
        let error = TransferEncoding::parse("X-uuencode").unwrap_err();
        assert_eq!(error.code(), "IMP-MIME-ENCODING");
        assert!(error.to_string().contains("\"x-uuencode\""));
        assert!(TransferEncoding::parse("gzip").is_err());
    }

    #[test]
    fn each_encoding_is_decoded() {
        for (encoding, content) in [
            (TransferEncoding::SevenBit, "=3D Zg=="),
            (TransferEncoding::EightBit, "=3D Zg=="),
            (TransferEncoding::Binary, "=3D Zg=="),
            (TransferEncoding::Base64, "PTNEIFpn\r\nPT0="),
            (TransferEncoding::QuotedPrintable, "=3D3D Zg=3D=\r\n=3D"),
        ] {
            let mut undone = String::new();
            let mut reader = TransferReader::new(content.as_bytes(), encoding);
            reader.read_to_string(&mut undone).unwrap();
            assert_eq!(undone, "=3D Zg==", "{encoding:?}");
        }
    }
}
