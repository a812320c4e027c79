//! Escapes text for XML (XML 1.0 §2.2, §2.4).

/// Escapes text for an element or an attribute; characters that XML does not allow become `?`.
pub fn escape(text: &str) -> String {
    let legal = |character: char| {
        matches!(character, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}'
            | '\u{10000}'..)
    };
    let legal: String = text
        .chars()
        .map(|c| if legal(c) { c } else { '?' })
        .collect();
    quick_xml::escape::escape(legal).into_owned()
}
