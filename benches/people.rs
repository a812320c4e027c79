//! The people that benchmarks import, in random order; always the same for the same number of people.

use std::io::{self, Write};

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

/// The columns of the CSV file.
pub const HEADER: [&str; 6] = [
    "username",
    "password",
    "givenname",
    "familyname",
    "emailaddress",
    "country",
];

/// A person.
pub struct Person {
    /// The unique user name.
    pub number: u64,
    /// The given name.
    pub given: &'static str,
    /// The family name.
    pub family: &'static str,
    /// The country.
    pub country: &'static str,
}

/// Generates `count` people.
pub fn people(count: u64) -> impl Iterator<Item = Person> {
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

/// Writes `count` people as CSV, about 75 bytes per row, each with the password for its number.
///
/// # Errors
/// The file cannot be written.
pub fn write_csv(
    file: &mut impl Write,
    rows: u64,
    password: impl Fn(u64) -> String,
) -> io::Result<()> {
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
}

/// The same in memory, without passwords.
///
/// # Errors
/// Not enough memory.
pub fn csv(rows: u64) -> io::Result<Vec<u8>> {
    let mut file = Vec::new();
    write_csv(&mut file, rows, |_| String::new())?;
    Ok(file)
}

fn pick(table: &[&'static str], number: u64) -> &'static str {
    let place = number % table.len() as u64;
    usize::try_from(place)
        .ok()
        .and_then(|place| table.get(place))
        .copied()
        .unwrap_or_default()
}

/// A permutation of the numbers below `count`: rounds of a mixing permutation of the next power of two, repeated until
/// the number is below `count`.
pub fn scattered(row: u64, count: u64) -> u64 {
    const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
    let bits = u64::BITS - count.saturating_sub(1).leading_zeros();
    let mask = (1u64 << bits.max(2)) - 1;
    let half = bits.max(2) / 2;
    let mut number = row;
    loop {
        // Multiplying by an odd number and folding the upper half down are both bijective.
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
