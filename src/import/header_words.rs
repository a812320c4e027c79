//! Words used as column headings: those of the original dialect, those of other languages, and a quick test
//! whether a cell may be a heading at all.

use crate::users::claims::{ClaimTable, Field};

/// Headings of user names in the original dialect, [folded].
const USER_NAMES: [&str; 4] = ["user", "username", "name", "login"];

/// Headings of passwords in the original dialect, [folded].
const PASSWORDS: [&str; 4] = ["password", "pass", "pwd", "credential"];

/// Other words for a user name, in English and other languages, [folded].
const OTHER_USER_NAMES: [&str; 33] = [
    "account",
    "accountname",
    "anmeldename",
    "benutzer",
    "benutzerkennung",
    "benutzername",
    "brugernavn",
    "brukernavn",
    "gebruiker",
    "gebruikersnaam",
    "identifiant",
    "kasutajanimi",
    "kennung",
    "kullanıcıadı",
    "käyttäjätunnus",
    "loginid",
    "nazwaużytkownika",
    "nomd'utilisateur",
    "nombredeusuario",
    "nomedeusuário",
    "nomeutente",
    "nutzername",
    "uid",
    "userid",
    "usuario",
    "usuário",
    "utente",
    "utilisateur",
    "uživatel",
    "användarnamn",
    "användare",
    "имяпользователя",
    "логин",
];

/// Other words for a password, in English and other languages, [folded].
const OTHER_PASSWORDS: [&str; 26] = [
    "adgangskode",
    "clave",
    "contrasena",
    "contraseña",
    "geslo",
    "haslo",
    "hasło",
    "heslo",
    "kennwort",
    "lösenord",
    "lozinka",
    "motdepasse",
    "parola",
    "parole",
    "passcode",
    "passord",
    "passphrase",
    "passwd",
    "passwort",
    "pin",
    "salasana",
    "secret",
    "senha",
    "wachtwoord",
    "şifre",
    "пароль",
];

/// Headings of other columns that often end with a number: `Telefon1`.
const NUMBERED: [&str; 24] = [
    "addr",
    "adr",
    "address",
    "adresse",
    "attribute",
    "attribut",
    "champ",
    "column",
    "colonne",
    "custom",
    "direccion",
    "extra",
    "feld",
    "field",
    "fax",
    "merkmal",
    "ort",
    "phone",
    "spalte",
    "strasse",
    "straße",
    "tel",
    "telefon",
    "telefono",
];

/// A heading normalized for comparison: lower case, without blanks, hyphens and underscores.
pub(super) fn folded(heading: &str) -> String {
    let letters = heading
        .chars()
        .filter(|sign| !matches!(sign, ' ' | '-' | '_' | '\u{a0}'));
    letters.flat_map(char::to_lowercase).collect()
}

/// Whether the heading is one of the original dialect's for user names, or similar.
pub(super) fn is_user_name(heading: &str) -> bool {
    USER_NAMES.contains(&folded(heading).as_str())
}

/// Whether the heading is one of the original dialect's for passwords, or similar.
pub(super) fn is_password(heading: &str) -> bool {
    PASSWORDS.contains(&folded(heading).as_str())
}

/// Whether the heading seems to name passwords or hashes, in any known language.
pub(super) fn names_password(heading: &str) -> bool {
    // Short words occur within others: `pin` in `shipping`, `pass` in `passport`.
    const WITHIN: usize = 6;
    const MORE: [&str; 7] = [
        "pwd",
        "passwd",
        "credential",
        "geheim",
        "hash",
        "\u{5bc6}\u{7801}",
        "\u{30d1}\u{30b9}\u{30ef}\u{30fc}\u{30c9}",
    ];
    let whole = folded(heading);
    let own = || PASSWORDS.iter().chain(&OTHER_PASSWORDS);
    let mut words = heading.split(|sign: char| !sign.is_alphanumeric());
    own().any(|known| whole == **known)
        || words.any(|word| own().any(|known| folded(word) == **known))
        || MORE.iter().any(|known| whole.contains(known))
        || own().any(|known| {
            let is_long = known.chars().count() >= WITHIN;
            is_long && whole.replace("secretar", "").contains(known)
        })
}

/// Whether two cells are the words for a user name and a password, in any known language.
pub(super) fn are_user_and_password(first: &str, second: &str) -> bool {
    let (first, second) = (folded(first), folded(second));
    let is_one = |word: &String, own: &[&str], other: &[&str]| {
        own.contains(&word.as_str()) || other.contains(&word.as_str())
    };
    is_one(&first, &USER_NAMES, &OTHER_USER_NAMES) && is_one(&second, &PASSWORDS, &OTHER_PASSWORDS)
}

/// Whether the text is a heading that ends with a number (`Telefon1`, `Address 2`). `Password1` is not: it is
/// a common password.
pub(super) fn is_numbered(text: &str, claims: &ClaimTable) -> bool {
    let word = text.trim_end_matches(|sign: char| sign.is_ascii_digit());
    if word.len() == text.len() || text.len() - word.len() > 2 {
        return false;
    }
    let is_column = || {
        claims
            .column(word)
            .is_some_and(|field| *field != Field::Password)
    };
    NUMBERED.contains(&folded(word).as_str()) || is_column()
}

/// The headings that any file may have, indexed by first letter and length. Most rows are not header lines,
/// and this test excludes nearly all of them.
#[derive(Debug)]
pub(super) struct HeaderWords([u64; 26]);

impl HeaderWords {
    /// The column names of the table, and the words for user names.
    pub(super) fn new(claims: &ClaimTable) -> Self {
        let mut words = HeaderWords([0; 26]);
        let columns = claims.column_names();
        let columns = columns.into_iter().chain(USER_NAMES);
        let all = columns.chain(OTHER_USER_NAMES).chain(["sep=", "sep=,"]);
        all.for_each(|name| words.add(name));
        words
    }

    /// Adds a heading of the file.
    pub(super) fn add(&mut self, heading: &str) {
        if let Some(set) = first_letter(heading).and_then(|letter| self.0.get_mut(letter)) {
            *set |= 1 << letters(heading);
        }
    }

    /// Whether the cell may be a heading, written as one word or with blanks, hyphens and underscores.
    #[inline]
    pub(super) fn may_be(&self, cell: &str) -> bool {
        let Some(set) = first_letter(cell).and_then(|letter| self.0.get(letter)) else {
            return cell.starts_with(|first: char| !first.is_ascii_alphanumeric());
        };
        set & (1 << letters(cell)) != 0
    }
}

/// The number of characters that are compared, limited to the bits of a set.
fn letters(heading: &str) -> usize {
    let mut others = 0_u8;
    for byte in heading.bytes() {
        others = others.saturating_add(u8::from(matches!(byte, b' ' | b'-' | b'_')));
    }
    heading.len().saturating_sub(usize::from(others)).min(63)
}

fn first_letter(text: &str) -> Option<usize> {
    let letter = text.as_bytes().first()?.to_ascii_lowercase();
    letter
        .is_ascii_lowercase()
        .then(|| usize::from(letter - b'a'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_that_name_passwords_are_found_within_others() {
        for heading in [
            "Password",
            "Initial password",
            "user_pass",
            "PIN",
            "PIN code",
            "Mot de passe",
            "Kennwort (neu)",
            "Benutzerpasswort",
            "pwd_1",
            "Secret",
            "Geheimnis",
            "Password Hash",
            "Credentials",
            "\u{5bc6}\u{7801}",
        ] {
            assert!(names_password(heading), "{heading}");
        }
        for heading in [
            "",
            "Shipping",
            "Passport",
            "Secretary",
            "Pinnwand",
            "E-Mail",
            "Spin",
        ] {
            assert!(!names_password(heading), "{heading}");
        }
    }

    #[test]
    fn words_are_folded() {
        let lists: [&[&str]; 5] = [
            &USER_NAMES,
            &PASSWORDS,
            &OTHER_USER_NAMES,
            &OTHER_PASSWORDS,
            &NUMBERED,
        ];
        for word in lists.into_iter().flatten() {
            assert_eq!(folded(word), *word);
        }
    }

    #[test]
    fn heading_pairs_are_distinguished_from_users() {
        for (first, second) in [
            ("Benutzer", "Kennwort"),
            ("USER_NAME", "Pass"),
            ("Nom d'utilisateur", "Mot de passe"),
            ("usuario", "contraseña"),
            ("Login", "Пароль"),
        ] {
            assert!(are_user_and_password(first, second), "{first},{second}");
        }
        for (first, second) in [("kim", "Passwort"), ("Benutzer", "Sommer-77"), ("", "")] {
            assert!(!are_user_and_password(first, second), "{first},{second}");
        }
    }

    #[test]
    fn numbered_headings_are_distinguished_from_passwords() {
        let table = ClaimTable::new(&Default::default());
        for heading in [
            "Telefon1",
            "Address2",
            "Column 12",
            "E-Mail2",
            "Straße3",
            "phone1",
        ] {
            assert!(is_numbered(heading, &table), "{heading}");
        }
        for text in [
            "Password1",
            "Pass-1",
            "Telefon",
            "Telefon123",
            "Sommer77",
            "1",
        ] {
            assert!(!is_numbered(text, &table), "{text}");
        }
    }
}
