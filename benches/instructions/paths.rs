//! The table of paths.

use std::hint::black_box;
use std::io::{self, Read};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use muster::http::soap::envelope;
use muster::http::soap::fault::Fault;
use muster::http::soap::operation::UserAdminOperation;
use muster::http::soap::parameters::Parameters;
use muster::http::soap::version::SoapVersion;
use muster::http::soap::xml::{XmlLimits, XmlReader};
use muster::wire::base64::Base64Reader;
use muster::wire::mime::{MimeLimits, Multipart};
use muster::wire::spool::SpoolSettings;

use crate::people;
use crate::rows::RowPath;

const KIB: u64 = 1024;

/// A path to count.
pub struct Path {
    /// The name on the command line.
    pub name: &'static str,
    /// The amount that one repetition processes.
    pub amount: u64,
    /// The unit of the amount.
    pub unit: &'static str,
    /// Runs it on this amount, this many times.
    pub run: fn(u64, u32) -> Result<(), String>,
}

/// All paths.
pub const PATHS: &[Path] = &[
    Path {
        name: "rows",
        amount: 8_000,
        unit: "row",
        run: rows,
    },
    Path {
        name: "multipart",
        amount: 2_048,
        unit: "KiB",
        run: multipart,
    },
    Path {
        name: "base64",
        amount: 1_024,
        unit: "KiB",
        run: base64_in_one_line,
    },
    Path {
        name: "base64_lines",
        amount: 1_024,
        unit: "KiB",
        run: base64_in_lines,
    },
    Path {
        name: "envelope",
        amount: 200,
        unit: "envelope",
        run: envelopes,
    },
    Path {
        name: "inline",
        amount: 1_024,
        unit: "KiB",
        run: inline,
    },
];

/// CSV to checked users.
fn rows(amount: u64, repetitions: u32) -> Result<(), String> {
    let file = people::csv(amount).map_err(sentence)?;
    let path = RowPath::new()?;
    for _ in 0..repetitions {
        let users = path.users(&file)?;
        if users != amount {
            return Err(format!("{amount} rows gave {users} users"));
        }
    }
    Ok(())
}

/// Reads a message with an envelope and an unencoded CSV file, part by part.
fn multipart(amount: u64, repetitions: u32) -> Result<(), String> {
    let content = text(amount)?;
    let message = [
        &b"--bench\r\nContent-Type: text/xml\r\nContent-ID: <root>\r\n\r\n"[..],
        bulk_import_users(REFERENCE).as_bytes(),
        b"\r\n--bench\r\nContent-Type: text/csv\r\nContent-Transfer-Encoding: binary\r\n\
          Content-ID: <file>\r\n\r\n",
        &content,
        b"\r\n--bench--\r\n",
    ]
    .concat();
    for _ in 0..repetitions {
        let mut parts = Multipart::new(message.as_slice(), "bench", MimeLimits::default());
        let mut length = 0;
        while parts.next_part().map_err(sentence)?.is_some() {
            length = drain(&mut parts)?;
        }
        expect(length, content.len())?;
    }
    Ok(())
}

/// Base64 as in an envelope.
fn base64_in_one_line(amount: u64, repetitions: u32) -> Result<(), String> {
    decode_base64(&STANDARD.encode(text(amount / 4 * 3)?), repetitions)
}

/// Base64 as in MIME (RFC 2045 §6.8).
fn base64_in_lines(amount: u64, repetitions: u32) -> Result<(), String> {
    // Two of the 78 bytes of a line are its line end.
    let encoded = STANDARD.encode(text(amount / 78 * 76 / 4 * 3)?);
    let lines: Vec<&[u8]> = encoded.as_bytes().chunks(76).collect();
    let text = String::from_utf8(lines.join(&b"\r\n"[..])).map_err(sentence)?;
    decode_base64(&text, repetitions)
}

fn decode_base64(text: &str, repetitions: u32) -> Result<(), String> {
    let symbols = text.bytes().filter(|byte| !byte.is_ascii_whitespace());
    let bytes = symbols.count() / 4 * 3;
    for _ in 0..repetitions {
        expect(drain(&mut Base64Reader::new(text.as_bytes()))?, bytes)?;
    }
    Ok(())
}

/// Envelopes whose file is an attachment.
fn envelopes(amount: u64, repetitions: u32) -> Result<(), String> {
    let envelope = bulk_import_users(REFERENCE);
    for _ in 0..amount * u64::from(repetitions) {
        read_envelope(&envelope)?;
    }
    Ok(())
}

/// An envelope with a file in base64.
fn inline(amount: u64, repetitions: u32) -> Result<(), String> {
    let envelope = bulk_import_users(&STANDARD.encode(text(amount / 4 * 3)?));
    for _ in 0..repetitions {
        read_envelope(&envelope)?;
    }
    Ok(())
}

/// The content of the handler if the file is an attachment.
const REFERENCE: &str =
    "<xop:Include xmlns:xop=\"http://www.w3.org/2004/08/xop/include\" href=\"cid:file\"/>";

/// The call of a client that uses WS-Addressing 1.0.
fn bulk_import_users(handler: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:wsa=\"http://www.w3.org/2005/08/addressing\">\n  <soapenv:Header>\n    \
         <wsa:Action>urn:bulkImportUsers</wsa:Action>\n    \
         <wsa:MessageID>urn:uuid:3f0b5c1e-2d6a-4c55-9a51-6f2f6a6f7d10</wsa:MessageID>\n  \
         </soapenv:Header>\n  <soapenv:Body>\n    \
         <ns1:bulkImportUsers xmlns:ns1=\"http://org.apache.axis2/xsd\">\n      \
         <ns1:userStoreDomain>PRIMARY</ns1:userStoreDomain>\n      \
         <ns1:fileName>users.csv</ns1:fileName>\n      <ns1:handler>{handler}</ns1:handler>\n      \
         <ns1:defaultPassword>Initial-Pass-1</ns1:defaultPassword>\n    \
         </ns1:bulkImportUsers>\n  </soapenv:Body>\n</soapenv:Envelope>\n"
    )
}

fn read_envelope(envelope: &str) -> Result<(), String> {
    let spool = SpoolSettings {
        folder: std::env::temp_dir(),
        limit: u64::MAX,
    };
    let mut xml = XmlReader::new(envelope.as_bytes(), XmlLimits::default());
    let mut version = SoapVersion::V12;
    let mut parameters = envelope::read(&mut xml, &mut version, |_, element, xml| {
        let (_, entry) = UserAdminOperation::TABLE.find(element)?;
        Parameters::read(entry, xml, &spool)
    })
    .map_err(|fault: Fault| fault.message)?;
    black_box(parameters.take_file("handler"));
    Ok(())
}

/// CSV of this many KiB, cut at the end.
fn text(kibibytes: u64) -> Result<Vec<u8>, String> {
    let length = kibibytes * KIB;
    // A row has more than 64 bytes.
    let mut text = people::csv(length / 64).map_err(sentence)?;
    text.truncate(usize::try_from(length).map_err(sentence)?);
    Ok(text)
}

/// Reads to the end in pieces of 64 KiB, as the row reader does, and returns the number of bytes.
fn drain(source: &mut impl Read) -> Result<usize, String> {
    let (mut piece, mut length) = (vec![0; 64 * 1024], 0);
    loop {
        match source.read(&mut piece) {
            Ok(0) => return Ok(length),
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.to_string()),
        }
    }
}

fn expect(found: usize, wanted: usize) -> Result<(), String> {
    match found == wanted {
        true => Ok(()),
        false => Err(format!("{found} bytes were read instead of {wanted}")),
    }
}

fn sentence(error: impl std::error::Error) -> String {
    error.to_string()
}
