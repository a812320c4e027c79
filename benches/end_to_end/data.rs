//! The data: users in random order, the same for the same number of them; about 75 bytes a row of
//! CSV.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

const GIVEN: [&str; 16] = [
    "Alice", "Bruno", "Chiara", "David", "Elif", "Farid", "Greta", "Hana", "Ivan", "Jonas", "Kofi",
    "Lucia", "Marek", "Nora", "Oscar", "Priya",
];

const FAMILY: [&str; 16] = [
    "Almeida", "Becker", "Castro", "Dubois", "Eriksen", "Fischer", "Garcia", "Hansen", "Ito",
    "Jensen", "Kowal", "Larsen", "Moreau", "Novak", "Okafor", "Petrov",
];

const COUNTRIES: [&str; 8] = [
    "Sweden", "France", "Germany", "Italy", "Lanka", "Nigeria", "Poland", "Portugal",
];

/// What is in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data {
    /// CSV, six columns, about 75 bytes a row, names in random order; passwords are empty, so that every
    /// row takes the default one.
    Csv,
    /// CSV, names and empty passwords alone, in ascending order.
    Short,
    /// The same as [`Data::Csv`], each row with a password of its own.
    OwnPasswords,
    /// The same, each row with a hash that was made elsewhere.
    Hashed,
    /// The same as [`Data::Csv`] in a workbook.
    Xlsx,
    /// A Bulk request of SCIM (RFC 7644 §3.7), about 460 bytes an operation.
    Bulk,
}

/// The header line.
const HEADER: [&str; 6] = [
    "username",
    "password",
    "givenname",
    "familyname",
    "emailaddress",
    "country",
];

/// A hash of the right form; nobody knows its password, and nobody has to.
const HASH: &str = "$argon2id$v=19$m=7168,t=5,p=1$c2FsdHNhbHRzYWx0c2FsdA$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

impl Data {
    /// Writes the file; its length in bytes.
    ///
    /// # Errors
    /// A sentence: the file cannot be written.
    pub fn write(self, path: &Path, rows: u64) -> Result<u64, String> {
        match self {
            Data::Csv => write_csv(path, rows, |_| String::new()),
            Data::OwnPasswords => write_csv(path, rows, |row| format!("Own-Password-{row}")),
            // There are commas in it.
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
    write(path, |file| {
        writeln!(file, "{}", HEADER.join(","))?;
        for person in people(rows) {
            let Person {
                number,
                given,
                family,
                country,
            } = person;
            let password = password(number);
            writeln!(
                file,
                "user{number:08},{password},{given},{family},\
                 {given}.{family}{number:08}@people.example.com,{country}"
            )?;
        }
        Ok(())
    })
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

struct Person {
    number: u64,
    given: &'static str,
    family: &'static str,
    country: &'static str,
}

fn people(count: u64) -> impl Iterator<Item = Person> {
    (0..count).map(move |row| {
        let number = scattered(row, count);
        Person {
            number,
            given: pick(&GIVEN, number),
            family: pick(&FAMILY, number / 16),
            country: pick(&COUNTRIES, number / 256),
        }
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

fn pick(table: &[&'static str], number: u64) -> &'static str {
    let place = number % table.len() as u64;
    usize::try_from(place)
        .ok()
        .and_then(|place| table.get(place))
        .copied()
        .unwrap_or_default()
}

/// Every number below `count` once, in random order: rounds of a mixing permutation of the next power
/// of two, walked until the number is below `count`.
pub fn scattered(row: u64, count: u64) -> u64 {
    const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
    let bits = u64::BITS - count.saturating_sub(1).leading_zeros();
    let mask = (1u64 << bits.max(2)) - 1;
    let half = bits.max(2) / 2;
    let mut number = row;
    loop {
        // Multiplying by an odd number and folding the upper half down are both one to one.
        for factor in [
            0xd6e8_feb8_6659_fd93,
            0xca5a_8263_9512_1157,
            0x9e6c_63d0_676a_9a99u64,
        ] {
            number = (number ^ SEED).wrapping_mul(factor) & mask;
            number ^= number >> half;
        }
        if number < count {
            return number;
        }
    }
}
