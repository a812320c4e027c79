//! Recognizes masks that an export writes instead of a password: one repeated character, or words in brackets.

/// Minimum length of a mask, in characters.
const LEAST: usize = 4;

/// Words, in lower case, that mark a hidden value when they are in brackets. Every word of the text must be in this
/// list or in [`FURTHER`].
const WORDS: &[&str] = &[
    "anonymized",
    "blank",
    "censored",
    "classified",
    "concealed",
    "confidential",
    "displayed",
    "disclosed",
    "empty",
    "encrypted",
    "exported",
    "filtered",
    "hash",
    "hashed",
    "hidden",
    "included",
    "invisible",
    "keep",
    "mask",
    "masked",
    "n/a",
    "nil",
    "none",
    "null",
    "obfuscated",
    "obscured",
    "omitted",
    "passwd",
    "password",
    "passwordhash",
    "private",
    "protected",
    "pwd",
    "redacted",
    "removed",
    "revealed",
    "same",
    "sanitized",
    "scrubbed",
    "secret",
    "sensitive",
    "set",
    "shown",
    "stripped",
    "suppressed",
    "unavailable",
    "unchanged",
    "undefined",
    "undisclosed",
    "unknown",
    "unset",
    "withheld",
    // German
    "anonymisiert",
    "angezeigt",
    "ausgeblendet",
    "entfernt",
    "exportiert",
    "gehasht",
    "geheim",
    "gelöscht",
    "geschützt",
    "geschwärzt",
    "kennwort",
    "leer",
    "maskiert",
    "passwort",
    "sichtbar",
    "unbekannt",
    "unverändert",
    "verborgen",
    "verdeckt",
    "verschlüsselt",
    "versteckt",
    "vertraulich",
    // French
    "affiché",
    "aucun",
    "caché",
    "chiffré",
    "confidentiel",
    "disponible",
    "expurgé",
    "haché",
    "inchangé",
    "inconnu",
    "masqué",
    "protégé",
    "supprimé",
    "vide",
    // Spanish, Portuguese
    "borrado",
    "cifrado",
    "confidencial",
    "contraseña",
    "criptografado",
    "criptografada",
    "desconocido",
    "disponível",
    "eliminada",
    "eliminado",
    "enmascarado",
    "exibida",
    "exibido",
    "mascarada",
    "mascarado",
    "mostrada",
    "mostrado",
    "oculta",
    "oculto",
    "protegida",
    "protegido",
    "removida",
    "removido",
    "secreto",
    "senha",
    "vacía",
    "vacío",
    "vazio",
    // Italian
    "crittografata",
    "invariato",
    "mascherato",
    "mostrata",
    "nascosta",
    "nascosto",
    "protetta",
    "riservato",
    "rimossa",
    "rimosso",
    "visualizzata",
    "visualizzato",
    "vuoto",
    // Dutch, Swedish, Danish, Norwegian
    "adgangskode",
    "dold",
    "dolt",
    "fjernet",
    "gemaskeerd",
    "getoond",
    "leeg",
    "lösenord",
    "maskerad",
    "maskeret",
    "ongewijzigd",
    "passord",
    "skjult",
    "verwijderd",
    "versleuteld",
    "visas",
    "vises",
    "wachtwoord",
    "weergegeven",
    // Polish, Czech, Russian
    "hasło",
    "heslo",
    "puste",
    "skryto",
    "ukryte",
    "ukryty",
    "usunięte",
    "wyświetlane",
    "zamaskowane",
    "отображается",
    "пароль",
    "показан",
    "скрыт",
    "скрыто",
    "удалено",
];

/// Words that may occur together with those, or after `not`.
const FURTHER: &[&str] = &[
    "a",
    "admin",
    "administrator",
    "and",
    "available",
    "been",
    "by",
    "change",
    "changed",
    "current",
    "data",
    "existing",
    "field",
    "for",
    "from",
    "has",
    "in",
    "intentionally",
    "is",
    "leave",
    "left",
    "no",
    "not",
    "of",
    "policy",
    "privacy",
    "purposes",
    "reasons",
    "security",
    "system",
    "the",
    "this",
    "user",
    "value",
    "was",
    // Other languages.
    "aus",
    "de",
    "del",
    "der",
    "die",
    "durch",
    "ej",
    "ikke",
    "inte",
    "kein",
    "mot",
    "nicht",
    "nie",
    "niet",
    "no",
    "non",
    "não",
    "passe",
    "per",
    "pour",
    "sin",
    "vom",
    "von",
    "wurde",
    "не",
];

/// Phrases that are masks although none of their words is in the first list.
const PHRASES: &[&str] = &[
    "keep current",
    "keep existing",
    "leave unchanged",
    "no change",
    "no value",
    "not available",
    "not changed",
    "intentionally left",
];

/// Whether `text`, without surrounding blanks, is a mask and not a password.
pub fn is_mask(text: &str) -> bool {
    let text = text.trim();
    let Some(first) = text.chars().next() else {
        return false;
    };
    is_repeated(text, first)
        || is_partly_hidden(text)
        || is_bracketed(text, first)
        || is_repeated_unit(text, first)
}

/// One character repeated four times or more, with or without blanks between: `********`, `••••`, `xxxxxxxx`,
/// `* * * *`. ASCII letters other than `x`, and digits, are accepted: they are weak passwords, but passwords. Any
/// other repeated letter is a bullet that was decoded with the wrong charset.
fn is_repeated(text: &str, first: char) -> bool {
    if !is_mask_character(first) {
        return false;
    }
    let mut count = 0;
    let is_one_sign = text.chars().all(|it| {
        count += usize::from(it == first);
        it == first || it == ' '
    });
    is_one_sign && count >= LEAST
}

fn is_mask_character(sign: char) -> bool {
    matches!(sign, 'x' | 'X') || !sign.is_ascii_alphanumeric()
}

/// A bullet encoded as several characters, repeated four times or more: `â€¢` is UTF-8 decoded with another charset,
/// `&bull;` is HTML, `\u2022` is JSON, `%E2%80%A2` is from a URL.
fn is_repeated_unit(text: &str, first: char) -> bool {
    let bytes = text.as_bytes();
    let length = match first {
        '&' => memchr::memchr(b';', bytes).map_or(0, |end| end + 1),
        '\\' => 6,
        '%' => 9,
        _ if bytes.is_ascii() => return false,
        _ => {
            // The unit starts again at its second or third character.
            let mut later = text.char_indices().skip(2).take(2);
            let start = later.find(|(_, it)| *it == first);
            start.map_or(0, |(place, _)| place)
        }
    };
    let Some(unit) = text.get(..length).filter(|unit| !unit.is_empty()) else {
        return false;
    };
    let is_bullet = match first {
        '&' => (4..=9).contains(&length),
        '\\' => unit.starts_with("\\u"),
        '%' => unit.bytes().step_by(3).all(|it| it == b'%'),
        _ => !unit.is_ascii(),
    };
    let mut units = bytes.chunks(length);
    is_bullet && bytes.len() >= LEAST * length && units.all(|it| it == unit.as_bytes())
}

/// Bullets within a text, which no keyboard has; or asterisks between the first and the last characters of a
/// password (`S********7`, `*****1234`): six of them, or four at one end.
fn is_partly_hidden(text: &str) -> bool {
    // Most passwords contain neither.
    let bytes = text.as_bytes();
    if bytes.is_ascii() && memchr::memchr(b'*', bytes).is_none() {
        return false;
    }
    let count = |is_mask_character: fn(char) -> bool| {
        text.chars().filter(|it| is_mask_character(*it)).count()
    };
    let bullets = count(|it| matches!(it, '•' | '●' | '∙' | '⬤' | '■' | '█' | '＊'));
    if bullets >= LEAST {
        return true;
    }
    let inner = text.trim_matches(|it| it != '*');
    let is_at_one_end = text.starts_with('*') != text.ends_with('*');
    inner.len() >= if is_at_one_end { LEAST } else { 6 }
        && inner.bytes().all(|it| it == b'*')
        && text.chars().count() - inner.len() <= 4
}

/// `[hidden]`, `<redacted>`, `(unchanged)`, `{masked}`, `**removed**`, `--hidden--`, `"*****"`.
fn is_bracketed(text: &str, first: char) -> bool {
    let last = match first {
        '[' => ']',
        '<' => '>',
        '(' => ')',
        '{' => '}',
        '*' | '-' | '_' | '"' | '\'' => first,
        '«' => '»',
        '“' => '”',
        _ => return false,
    };
    let inner = text.trim_start_matches(first);
    if !inner.ends_with(last) || inner.len() > 80 {
        return false;
    }
    let inner = inner.trim_end_matches(last).trim();
    if inner.starts_with(|sign| is_mask_character(sign) && sign != first)
        && inner
            .chars()
            .next()
            .is_some_and(|sign| is_repeated(inner, sign))
    {
        return true;
    }
    // Text in quotation marks may be a password.
    if matches!(first, '"' | '\'' | '“') {
        return inner
            .chars()
            .next()
            .is_some_and(|sign| sign != first && is_bracketed(inner, sign));
    }
    let mut plain = String::with_capacity(inner.len());
    let words = inner.split(['_', '-', ' ', '.', '\u{a0}']);
    let mut says = false;
    for word in words.filter(|it| !it.is_empty()) {
        let word = word.to_lowercase();
        let is_one = WORDS.contains(&word.as_str());
        if !is_one && !FURTHER.contains(&word.as_str()) {
            return false;
        }
        says |= is_one;
        if !plain.is_empty() {
            plain.push(' ');
        }
        plain.push_str(&word);
    }
    says || PHRASES.contains(&plain.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_not_passwords() {
        for text in [
            "****",
            "********",
            "••••",
            "●●●●●●●●",
            "xxxxxxxx",
            "XXXXXX",
            "########",
            "--------",
            "????????",
            " ******** ",
            "S********7",
            "M•••••••77",
            "[hidden]",
            "[ Hidden ]",
            "<redacted>",
            "<REDACTED>",
            "(unchanged)",
            "{masked}",
            "***REDACTED***",
            "--not set--",
            "[FILTERED]",
            "<password>",
            "(no_password)",
            "[NULL]",
            "(null)",
            "(hashed)",
            "[hash]",
            "<PASSWORD_HASH>",
            "[not disclosed]",
            "<not displayed>",
            "[password removed]",
            "(redacted by admin)",
            "[hidden for security reasons]",
            "(intentionally left blank)",
            "[keep current]",
            "{no_change}",
            "[Nicht angezeigt]",
            "<Passwort entfernt>",
            "[masqué]",
            "(mot de passe non affiché)",
            "(verborgen)",
            "<no mostrado>",
            "[niet weergegeven]",
            "(Не показан)",
            "*****1234",
            "12****",
            "(****)",
            "\"*****\"",
            "'••••'",
            "[xxxxxxxx]",
            "\"[hidden]\"",
            "* * * * *",
            "- - - -",
        ] {
            assert!(is_mask(text), "{text}");
        }
    }

    #[test]
    fn bullets_in_wrong_charsets_or_as_entities_are_masks() {
        let bytes = |charset: &'static encoding_rs::Encoding, bytes: &[u8]| {
            charset.decode_without_bom_handling(bytes).0.into_owned()
        };
        for text in [
            // The bullet of windows-1252 decoded as IBM866 and windows-1251, that of Macintosh as both and as
            // windows-1252.
            bytes(encoding_rs::IBM866, &[0x95; 8]),
            bytes(encoding_rs::WINDOWS_1251, &[0x95; 8]),
            bytes(encoding_rs::IBM866, &[0xa5; 8]),
            bytes(encoding_rs::WINDOWS_1252, &[0xa5; 8]),
            bytes(encoding_rs::WINDOWS_1251, &[0xa5; 8]),
            // Bullets of Shift_JIS and UTF-8 decoded with other charsets.
            bytes(encoding_rs::IBM866, &b"\x81\x9c".repeat(8)),
            bytes(encoding_rs::WINDOWS_1250, &b"\x81\x9c".repeat(8)),
            bytes(encoding_rs::WINDOWS_1252, "•".repeat(4).as_bytes()),
            bytes(encoding_rs::MACINTOSH, "●".repeat(8).as_bytes()),
            "&bull;".repeat(8),
            "&#8226;".repeat(4),
            "&#x2022;".repeat(4),
            "\\u2022".repeat(6),
            "%E2%80%A2".repeat(5),
        ] {
            assert!(is_mask(&text), "{text}");
        }
        for text in [
            "äöüäöü",
            "Пароль-77",
            "ããb",
            "&amp;-77",
            "нини",
            "\\u2022x",
            "žába-žába",
        ] {
            assert!(!is_mask(text), "{text}");
        }
    }

    #[test]
    fn passwords_with_punctuation_or_brackets_are_not_masks() {
        for text in [
            "",
            "***",
            "xxx",
            "xxxxxy",
            "aaaaaaaa",
            "11111111",
            "*Stern*2024",
            "**Stern**",
            "[brackets]-9",
            "<3-my-cat",
            "(Sunshine)",
            "{Spring}2024-x",
            "hidden",
            "redacted",
            "Xxxx-1234",
            "a****b",
            "2*3*4*5*6*7*8",
            "--Hidden-Valley-7--",
            "Grün•Blau•7",
            "(not-my-Dog-7)",
            "\"quoted\"",
            "'Sommer'",
            "[for the admin]",
            "* * *",
            "****-Hotel-2024",
            "x x x x y",
        ] {
            assert!(!is_mask(text), "{text}");
        }
    }
}
