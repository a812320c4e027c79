//! The data: the people of `people.rs`, as files in each format.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::people::{self, HEADER, Person, people};

/// The content of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data {
    /// CSV, six columns, about 75 bytes per row, names in random order. Passwords are empty, so every row gets the
    /// default password.
    Csv,
    /// CSV with names and empty passwords only, in ascending order.
    Short,
    /// The same as [`Data::Csv`], with a password in each row.
    OwnPasswords,
    /// The same, with a hash from another system in each row.
    Hashed,
    /// The same as [`Data::Csv`], as a workbook.
    Xlsx,
    /// A SCIM Bulk request (RFC 7644 §3.7), about 460 bytes per operation.
    Bulk,
}

/// A well-formed hash of an unknown password, which is not needed.
const HASH: &str = "$argon2id$v=19$m=7168,t=5,p=1$c2FsdHNhbHRzYWx0c2FsdA$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

impl Data {
    /// Writes the file and returns its length in bytes.
    ///
    /// # Errors
    /// A message: the file cannot be written.
    pub fn write(self, path: &Path, rows: u64) -> Result<u64, String> {
        match self {
            Data::Csv => write_csv(path, rows, |_| String::new()),
            Data::OwnPasswords => write_csv(path, rows, |row| format!("Own-Password-{row}")),
            // It contains commas.
            Data::Hashed => write_csv(path, rows, |_| format!("\"{HASH}\"")),
            Data::Short => write(path, |file| {
                writeln!(file, "username,password")?;
                (0..rows).try_for_each(|row| writeln!(file, "user{row:08},"))
            }),
            Data::Xlsx => write_xlsx(path, rows),
            Data::Bulk => write_bulk(path, rows),
        }
    }
}

fn write_csv(path: &Path, rows: u64, password: impl Fn(u64) -> String) -> Result<u64, String> {
    write(path, |file| people::write_csv(file, rows, password))
}

fn write_xlsx(path: &Path, rows: u64) -> Result<u64, String> {
    let failed = |error: rust_xlsxwriter::XlsxError| format!("{}: {error}", path.display());
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    sheet.write_row(0, 0, HEADER).map_err(failed)?;
    for (row, person) in (1..).zip(people(rows)) {
        let Person {
            number,
            given,
            family,
            country,
        } = person;
        let cells = [
            format!("user{number:08}"),
            String::new(),
            given.to_owned(),
            family.to_owned(),
            format!("{given}.{family}{number:08}@people.example.com"),
            country.to_owned(),
        ];
        sheet.write_row(row, 0, cells).map_err(failed)?;
    }
    book.save(path).map_err(failed)?;
    std::fs::metadata(path)
        .map(|file| file.len())
        .map_err(|error| error.to_string())
}

fn write_bulk(path: &Path, rows: u64) -> Result<u64, String> {
    write(path, |file| {
        write!(
            file,
            "{{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:BulkRequest\"],\"Operations\":["
        )?;
        for (position, person) in people(rows).enumerate() {
            let Person {
                number,
                given,
                family,
                country,
            } = person;
            let comma = if position == 0 { "" } else { "," };
            write!(
                file,
                "{comma}{{\"method\":\"POST\",\"path\":\"/Users\",\"bulkId\":\"{number}\",\"data\":{{\
                 \"schemas\":[\"urn:ietf:params:scim:schemas:core:2.0:User\"],\
                 \"userName\":\"user{number:08}\",\"externalId\":\"ext-{number:08}\",\
                 \"name\":{{\"givenName\":\"{given}\",\"familyName\":\"{family}\",\
                 \"formatted\":\"{given} {family}\"}},\"displayName\":\"{given} {family}\",\
                 \"active\":true,\"emails\":[{{\
                 \"value\":\"{given}.{family}{number:08}@people.example.com\",\"type\":\"work\",\
                 \"primary\":true}}],\"addresses\":[{{\"country\":\"{country}\",\"type\":\"work\"}}]}}}}"
            )?;
        }
        write!(file, "]}}")
    })
}

fn write(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> Result<u64, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).map_err(failed)?);
    content(&mut file).map_err(failed)?;
    let file = file.into_inner().map_err(|error| error.to_string())?;
    file.metadata().map(|file| file.len()).map_err(failed)
}
