//! Characters by kinds: which ones are replaced, and by what.

use std::collections::HashMap;

use icu_normalizer::properties::{CanonicalCombiningClassMap, CanonicalDecomposition, Decomposed};

use crate::import::anonymize::draws::Draws;

/// What a character is replaced by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// A letter of ASCII.
    Letter,
    /// A digit of ASCII.
    Digit,
    /// Another letter or digit: its block of 128 code points, whether it has two cases, and whether it is a letter.
    Other(u32, bool, bool),
}

const VOWELS: [char; 5] = ['a', 'e', 'i', 'o', 'u'];
const CONSONANTS: [char; 21] = [
    'b', 'c', 'd', 'f', 'g', 'h', 'j', 'k', 'l', 'm', 'n', 'p', 'q', 'r', 's', 't', 'v', 'w', 'x',
    'y', 'z',
];
pub(super) const HEX_LETTERS: [char; 6] = ['a', 'b', 'c', 'd', 'e', 'f'];
pub(super) const DIGITS: [char; 10] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];

/// Whether a character is a mark that belongs to the one before it.
pub(super) fn is_mark(character: char) -> bool {
    !character.is_ascii() && CanonicalCombiningClassMap::new().get_u8(character) != 0
}

/// Whether a character belongs to a word.
pub(super) fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() || is_mark(character)
}

/// The small letter of one, where each is the other's; the character itself if it has only one case.
fn small(character: char) -> Option<char> {
    let mut lower = character.to_lowercase();
    let (small, None) = (lower.next()?, lower.next()) else {
        return None;
    };
    (character == small || large(small) == Some(character)).then_some(small)
}

/// The capital of a small letter; the character itself if it has only one case.
pub(super) fn large(small: char) -> Option<char> {
    let mut upper = small.to_uppercase();
    let (large, None) = (upper.next()?, upper.next()) else {
        return None;
    };
    let mut lower = large.to_lowercase();
    (lower.next() == Some(small) && lower.next().is_none()).then_some(large)
}

/// Whether the letter is of the Latin script, outside ASCII.
fn is_latin(character: char) -> bool {
    matches!(character, '\u{aa}' | '\u{b5}' | '\u{ba}' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}')
}

/// Whether the character stays where it is: a letter that is written in two ways, as one character or with marks
/// behind another; accented ones of the Latin script, by which the charset may have been detected; those that stand only
/// at the end of a word.
fn stays(character: char) -> bool {
    const AT_ENDS: &str = "σςךםןףץ";
    let is_hangul = ('\u{ac00}'..='\u{d7a3}').contains(&character);
    let is_composed = || CanonicalDecomposition::new().decompose(character) != Decomposed::Default;
    is_latin(character)
        || AT_ENDS.contains(character)
        || small(character).is_none()
        || !is_hangul && is_composed()
}

/// The kind of a character that is replaced; none: it stays.
pub(super) fn kind(character: char) -> Option<Kind> {
    match character {
        'a'..='z' | 'A'..='Z' => Some(Kind::Letter),
        '0'..='9' => Some(Kind::Digit),
        _ if character.is_ascii() || !character.is_alphanumeric() || stays(character) => None,
        _ => other(character),
    }
}

/// The kind of a letter outside ASCII, whether it would stay or not.
pub(super) fn other(character: char) -> Option<Kind> {
    let small = small(character)?;
    let has_case = large(small) != Some(small);
    let block = match u32::from(small) {
        // One script each.
        0x3400..=0x9fff => 0x4e00 / 128,
        0xac00..=0xd7a3 => 0xac00 / 128,
        code => code / 128,
    };
    (!small.is_ascii()).then_some(Kind::Other(block, has_case, character.is_alphabetic()))
}

/// The characters that a file may have.
#[derive(Debug, Default)]
pub(super) struct Alphabet {
    /// Those outside ASCII that the file has, as often as it has them, by their kinds; small letters.
    seen: HashMap<Kind, Vec<char>>,
    /// Whether no others may be used.
    is_closed: bool,
    /// All of a kind.
    blocks: HashMap<Kind, Vec<char>>,
}

impl Alphabet {
    /// The alphabet of a file; a closed one has only the letters outside ASCII that the file has.
    pub(super) fn new(is_closed: bool) -> Self {
        Alphabet {
            is_closed,
            ..Alphabet::default()
        }
    }

    /// Notes the letters of a text.
    pub(super) fn see(&mut self, text: &str) {
        if text.is_ascii() {
            return;
        }
        for character in text.chars().filter(|it| !it.is_ascii()) {
            let kind = match is_latin(character) {
                // Words of such letters alone are replaced.
                true => other(character),
                false => kind(character),
            };
            if let (Some(kind), Some(small)) = (kind, small(character)) {
                self.seen.entry(kind).or_default().push(small);
            }
        }
    }

    /// One that can stand in the place of a character, which is small.
    pub(super) fn draw(&mut self, kind: Kind, old: char, draws: &mut Draws) -> char {
        let drawn = match kind {
            Kind::Digit => draws.one_of(&DIGITS),
            // If the charset was detected by accented letters, their neighbours were vowels or consonants.
            Kind::Letter if self.is_closed && VOWELS.contains(&old) => draws.one_of(&VOWELS),
            Kind::Letter if self.is_closed => draws.one_of(&CONSONANTS),
            Kind::Letter => match draws.below(26) {
                number @ 0..5 => VOWELS.get(number).copied(),
                number => CONSONANTS.get(number - 5).copied(),
            },
            Kind::Other(..) if self.is_closed => {
                self.seen.get(&kind).and_then(|seen| draws.one_of(seen))
            }
            Kind::Other(..) => {
                let block = self.blocks.entry(kind).or_insert_with(|| block(kind));
                draws.one_of(block)
            }
        };
        drawn.unwrap_or(old)
    }
}

/// The small letters and digits of a kind that are not written in two ways.
fn block(kind: Kind) -> Vec<char> {
    let Kind::Other(block, ..) = kind else {
        return Vec::new();
    };
    let codes = match block {
        0x9c => 0x4e00..0xa000,
        0x158 => 0xac00..0xd7a4,
        block => block * 128..(block + 1) * 128,
    };
    let characters = codes.filter_map(char::from_u32);
    characters
        .filter(|it| other(*it) == Some(kind) && small(*it) == Some(*it) && !stays_in_block(*it))
        .collect()
}

/// Whether a character of a block is not used as a replacement.
fn stays_in_block(character: char) -> bool {
    !is_latin(character) && stays(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_that_are_written_in_two_ways_stay() {
        for character in [
            'é', 'ß', 'ø', 'ı', 'İ', 'ό', 'й', 'ς', 'ם', '-', ' ', '\u{301}',
        ] {
            assert_eq!(kind(character), None, "{character}");
        }
        assert_eq!(kind('m'), Some(Kind::Letter));
        assert_eq!(kind('7'), Some(Kind::Digit));
        for character in ['п', 'λ', '日', '한', 'א', 'ا', 'あ'] {
            assert!(
                matches!(kind(character), Some(Kind::Other(..))),
                "{character}"
            );
        }
    }

    #[test]
    fn a_letter_is_drawn_from_its_script() {
        let mut draws = Draws::new(&[1; 32]);
        let mut alphabet = Alphabet::new(false);
        for old in ['п', 'λ', '日', '한', 'א', 'あ'] {
            let kind = kind(old).unwrap();
            for _ in 0..100 {
                let new = alphabet.draw(kind, old, &mut draws);
                assert_eq!(super::kind(new), Some(kind), "{old} {new}");
                assert_eq!(old.len_utf8(), new.len_utf8());
            }
        }
    }

    #[test]
    fn a_closed_alphabet_has_the_letters_of_the_file() {
        let mut draws = Draws::new(&[1; 32]);
        let mut alphabet = Alphabet::new(true);
        alphabet.see("Иван");
        for _ in 0..50 {
            let new = alphabet.draw(kind('в').unwrap(), 'в', &mut draws);
            assert!("иван".contains(new));
            assert!(VOWELS.contains(&alphabet.draw(Kind::Letter, 'e', &mut draws)));
        }
    }
}
