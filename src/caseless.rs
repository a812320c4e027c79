//! Case-insensitive comparison of text: Unicode lower case, then NFC (RFC 8265 §3.3, UsernameCaseMapped).

use std::borrow::Cow;

use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizer;

/// The form of `text` for case-insensitive comparison, as used in the keys of names: lower case, then NFC.
pub fn caseless(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return lower_ascii(text);
    }
    Cow::Owned(lower_composed(
        &ComposingNormalizer::new_nfc().normalize(text),
    ))
}

/// ASCII text in lower case.
pub(crate) fn lower_ascii(text: &str) -> Cow<'_, str> {
    match text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(text.to_ascii_lowercase()),
        false => Cow::Borrowed(text),
    }
}

/// Lowers each character independent of its context. The result may not be in NFC, so it is composed again.
pub(crate) fn lower_composed(composed: &str) -> String {
    let cases = CaseMapper::new();
    let mut lower = String::with_capacity(composed.len());
    for character in composed.chars() {
        match character {
            // The only character that becomes two (SpecialCasing.txt, unconditional mappings).
            '\u{130}' => lower.push_str("i\u{307}"),
            'ς' => lower.push('σ'),
            other => lower.push(cases.simple_lowercase(other)),
        }
    }
    ComposingNormalizer::new_nfc()
        .normalize(&lower)
        .into_owned()
}
