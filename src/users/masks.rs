//! What stands in a password's place when an export hides it: one sign repeated, or a word in brackets.

/// Signs of a mask at the least.
const LEAST: usize = 4;

/// Words that stand in brackets instead of a password, lower case, single blanks.
const WORDS: &[&str] = &[
    "blank",
    "censored",
    "classified",
    "concealed",
    "confidential",
    "empty",
    "encrypted",
    "filtered",
    "hidden",
    "hidden for security",
    "intentionally left blank",
    "keep",
    "keep current",
    "keep existing",
    "leave unchanged",
    "mask",
    "masked",
    "n/a",
    "nil",
    "no change",
    "no password",
    "none",
    "not available",
    "not changed",
    "not exported",
    "not set",
    "not shown",
    "null",
    "obscured",
    "omitted",
    "password",
    "password hidden",
    "password not shown",
    "private",
    "protected",
    "pwd",
    "redacted",
    "removed",
    "same",
    "secret",
    "sensitive",
    "set",
    "stripped",
    "suppressed",
    "unchanged",
    "undefined",
    "unknown",
    "unset",
    "withheld",
];

/// Whether `text`, without blanks around it, is a mask and no password.
pub fn is_mask(text: &str) -> bool {
    let text = text.trim();
    let Some(first) = text.chars().next() else {
        return false;
    };
    is_repeated(text, first) || is_partly_hidden(text) || is_bracketed(text, first)
}

/// One sign, four times or more: `********`, `••••`, `xxxxxxxx`. Letters but `x` and digits are left: they
/// make weak passwords, but passwords.
fn is_repeated(text: &str, first: char) -> bool {
    let hides = matches!(first, 'x' | 'X') || !first.is_alphanumeric();
    hides && text.chars().all(|it| it == first) && text.chars().nth(LEAST - 1).is_some()
}

/// Bullets within a text, which no keyboard has, or six stars and more between the first and the last
/// characters of a password (`S********7`).
fn is_partly_hidden(text: &str) -> bool {
    // Most passwords have neither.
    let bytes = text.as_bytes();
    if bytes.is_ascii() && memchr::memchr(b'*', bytes).is_none() {
        return false;
    }
    let count = |hides: fn(char) -> bool| text.chars().filter(|it| hides(*it)).count();
    let bullets = count(|it| matches!(it, '•' | '●' | '∙' | '⬤' | '■' | '█' | '＊'));
    if bullets >= LEAST {
        return true;
    }
    let inner = text.trim_matches(|it| it != '*');
    inner.len() >= 6
        && inner.bytes().all(|it| it == b'*')
        && text.chars().count() - inner.len() <= 4
}

/// `[hidden]`, `<redacted>`, `(unchanged)`, `{masked}`, `**removed**`, `--hidden--`.
fn is_bracketed(text: &str, first: char) -> bool {
    let last = match first {
        '[' => ']',
        '<' => '>',
        '(' => ')',
        '{' => '}',
        '*' | '-' | '_' => first,
        '«' => '»',
        _ => return false,
    };
    let inner = text.trim_start_matches(first);
    if !inner.ends_with(last) || inner.len() > 40 {
        return false;
    }
    let words = inner.trim_end_matches(last).split(['_', '-', ' ']);
    let mut plain = String::with_capacity(inner.len());
    for word in words.filter(|it| !it.is_empty()) {
        if !plain.is_empty() {
            plain.push(' ');
        }
        plain.push_str(&word.to_lowercase());
    }
    WORDS.contains(&plain.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_no_passwords() {
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
        ] {
            assert!(is_mask(text), "{text}");
        }
    }

    #[test]
    fn passwords_that_hold_signs_or_brackets_are_none() {
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
        ] {
            assert!(!is_mask(text), "{text}");
        }
    }
}
