//! The file: users in random order, about 75 bytes a row, the same for the same number of rows.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// The header line; passwords stay empty, so that every row takes the default one.
const HEADER: &str = "username,password,givenname,familyname,emailaddress,country";

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

/// Writes the file; its length in bytes.
///
/// # Errors
/// A sentence: the file cannot be written.
pub fn write(path: &Path, rows: u64) -> Result<u64, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).map_err(failed)?);
    writeln!(file, "{HEADER}").map_err(failed)?;
    for row in 0..rows {
        let number = scattered(row, rows);
        let (given, family) = (pick(&GIVEN, number), pick(&FAMILY, number / 16));
        let country = pick(&COUNTRIES, number / 256);
        writeln!(
            file,
            "user{number:08},,{given},{family},{given}.{family}{number:08}@people.example.com,{country}"
        )
        .map_err(failed)?;
    }
    let file = file.into_inner().map_err(|error| error.to_string())?;
    file.metadata().map(|file| file.len()).map_err(failed)
}

fn pick<'t>(table: &[&'t str], number: u64) -> &'t str {
    let place = number % table.len() as u64;
    usize::try_from(place)
        .ok()
        .and_then(|place| table.get(place))
        .copied()
        .unwrap_or_default()
}

/// Every number below `count` once, in random order: rounds of a mixing permutation of the next power
/// of two, walked until the number is below `count`.
fn scattered(row: u64, count: u64) -> u64 {
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
