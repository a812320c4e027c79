//! The transfer encodings of MIME, undone.
//!
//! Owns [`TransferEncoding`], the word in a part's header, and [`TransferReader`], the content
//! without it. The decoders are in `base64` and `quoted_printable`.
//!
//! Follows RFC 2045 §6. No encoding counts as binary, not as 7bit: SOAP clients that leave the field
//! out send the file as it is.

use std::io::{self, Read};

use crate::wire::base64::Base64Reader;
use crate::wire::error::{WireError, excerpt};
use crate::wire::quoted_printable::QuotedPrintableReader;

/// How the content of a part is written down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TransferEncoding {
    /// Said to be ASCII lines; read as it is.
    SevenBit,
    /// Said to be lines; read as it is.
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
    /// Reads the value of a Content-Transfer-Encoding header; an empty one counts as none.
    ///
    /// # Errors
    /// It names something else.
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

/// A reader of a part's content with its transfer encoding undone.
pub enum TransferReader<R> {
    /// What is read as it is.
    Plain(R),
    /// What is decoded from base64.
    Base64(Base64Reader<R>),
    /// What is decoded from quoted-printable.
    QuotedPrintable(QuotedPrintableReader<R>),
}

impl<R: Read> TransferReader<R> {
    /// A reader that undoes this encoding.
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
    fn names_in_any_case() {
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
    fn an_unknown_name_is_told_back() {
        let error = TransferEncoding::parse("X-uuencode").unwrap_err();
        assert_eq!(error.code(), "IMP-MIME-ENCODING");
        assert!(error.to_string().contains("\"x-uuencode\""));
        assert!(TransferEncoding::parse("gzip").is_err());
    }

    #[test]
    fn each_encoding_is_undone() {
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
