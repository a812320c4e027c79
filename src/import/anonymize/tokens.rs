//! Words and numbers, and what stands in the place of each: the same one wherever it stands, in any case, and
//! different ones for different ones as far as their lengths allow it.

use std::collections::{HashMap, HashSet};

use crate::caseless::caseless;
use crate::import::anonymize::alphabet::{
    Alphabet, DIGITS, HEX_LETTERS, Kind, is_mark, kind, large, other,
};
use crate::import::anonymize::draws::Draws;
use crate::passwords::rules as passwords;

/// How often something else is drawn before the next free one is taken.
const DRAWS: usize = 64;

/// How many are looked at for a free one.
const STEPS: usize = 2048;

/// Characters of a word of accented letters alone that is replaced.
const LONG: usize = 4;

/// The shortest text that is taken for hexadecimal.
const HEX: usize = 8;

/// What identifies a token: its text in lower case and NFC, and how many of its characters are replaced.
type Key = (String, usize);

/// The tokens of a file.
pub(super) struct Tokens {
    table: HashMap<Key, Vec<char>>,
    /// What stands in the place of something.
    used: HashSet<String>,
    /// What the file has.
    old: HashSet<String>,
}

/// A character that is replaced.
#[derive(Clone, Copy)]
struct Slot {
    /// Its place among the characters of the token.
    place: usize,
    kind: Kind,
    /// As a small letter.
    small: char,
}

/// How a token is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Number,
    Hex,
    Plain,
}

impl Tokens {
    pub(super) fn new() -> Self {
        Tokens {
            table: HashMap::new(),
            used: HashSet::new(),
            old: HashSet::new(),
        }
    }

    /// Notes that the file has a token.
    pub(super) fn see(&mut self, token: &str) {
        self.old.insert(caseless(token).into_owned());
    }

    /// What stands in the place of a token, whose new characters have to `fit` the old ones.
    pub(super) fn replaced(
        &mut self,
        token: &str,
        alphabet: &mut Alphabet,
        draws: &mut Draws,
        fits: &dyn Fn(char, char) -> bool,
    ) -> String {
        let slots = slots(token);
        // Zeros stay zeros: they may stand for a result that is not there.
        if slots.is_empty() || token.bytes().all(|byte| byte == b'0') {
            return token.to_owned();
        }
        let key = (caseless(token).into_owned(), slots.len());
        let new = match self.table.get(&key) {
            Some(new) => new,
            None => {
                let new = self.draw(token, &slots, alphabet, draws, fits);
                self.used
                    .insert(caseless(&written(token, &slots, &new)).into_owned());
                self.table.entry(key).or_insert(new)
            }
        };
        written(token, &slots, new)
    }

    /// Forgets what stands in the place of a token, so that something else is drawn.
    pub(super) fn forget(&mut self, token: &str) {
        let slots = slots(token);
        let key = (caseless(token).into_owned(), slots.len());
        if let Some(new) = self.table.remove(&key) {
            self.used
                .remove(caseless(&written(token, &slots, &new)).as_ref());
        }
    }

    fn draw(
        &self,
        token: &str,
        slots: &[Slot],
        alphabet: &mut Alphabet,
        draws: &mut Draws,
        fits: &dyn Fn(char, char) -> bool,
    ) -> Vec<char> {
        let own = caseless(token);
        let is_free = |new: &str| new != own && !self.used.contains(new);
        let is_new = |new: &str| is_free(new) && !self.old.contains(new);
        if let Some(new) = common(&own, draws, &is_free) {
            return new;
        }
        let form = form(slots, token);
        let text = |new: &[char]| caseless(&written(token, slots, new)).into_owned();
        let mut new = Vec::new();
        for _ in 0..DRAWS {
            new = self.candidate(slots, form, alphabet, draws, fits);
            if is_new(&text(&new)) {
                return new;
            }
        }
        // Nearly all short ones are taken: the next free one in order, or else one that the file has as well.
        let drawn = new.clone();
        for is_right in [&is_new as &dyn Fn(&str) -> bool, &is_free] {
            new.clone_from(&drawn);
            for _ in 0..STEPS {
                step(slots, form, &mut new);
                if is_right(&text(&new)) {
                    return new;
                }
            }
        }
        drawn
    }

    fn candidate(
        &self,
        slots: &[Slot],
        form: Form,
        alphabet: &mut Alphabet,
        draws: &mut Draws,
        fits: &dyn Fn(char, char) -> bool,
    ) -> Vec<char> {
        let mut is_leading = true;
        let mut new = Vec::with_capacity(slots.len());
        for (number, slot) in slots.iter().enumerate() {
            let drawn = match (slot.kind, form) {
                (Kind::Digit, Form::Number) => {
                    let digit = digit(slots, number, is_leading, draws);
                    is_leading &= slot.small == '0';
                    digit
                }
                (Kind::Letter, Form::Hex) => draws.one_of(&HEX_LETTERS).unwrap_or(slot.small),
                (kind, _) => alphabet.draw(kind, slot.small, draws),
            };
            let does_fit = slot.small.is_ascii() && drawn.is_ascii() || fits(slot.small, drawn);
            new.push(if does_fit { drawn } else { slot.small });
        }
        new
    }
}

/// A digit of a number: zeros in front stay, no others come, and a year stays in its millennium.
fn digit(slots: &[Slot], number: usize, is_leading: bool, draws: &mut Draws) -> char {
    let old = slots.get(number).map_or('0', |slot| slot.small);
    match old {
        '0' if is_leading => '0',
        '1' | '2' if number == 0 && slots.len() == 4 => old,
        _ if is_leading => draws
            .one_of(DIGITS.get(1..).unwrap_or_default())
            .unwrap_or(old),
        _ => draws.one_of(&DIGITS).unwrap_or(old),
    }
}

/// Another one of the best-known passwords, where a token is one.
fn common(own: &str, draws: &mut Draws, is_free: &dyn Fn(&str) -> bool) -> Option<Vec<char>> {
    if !passwords::common().contains(&own) {
        return None;
    }
    let is_word =
        |it: &&&str| it.len() == own.len() && it.bytes().all(|it| it.is_ascii_alphanumeric());
    // Letters stay letters, since one may be a capital; where no such password is free, any other word is drawn.
    let alike = |it: &&&str| {
        let mut pairs = it.bytes().zip(own.bytes());
        pairs.all(|(new, old)| new.is_ascii_digit() == old.is_ascii_digit())
    };
    let found: Vec<&&str> = passwords::common()
        .iter()
        .filter(is_word)
        .filter(alike)
        .filter(|it| is_free(it))
        .collect();
    found
        .get(draws.below(found.len()))
        .map(|it| it.chars().collect())
}

/// The characters of a token that are replaced.
fn slots(token: &str) -> Vec<Slot> {
    let slots = |kind: fn(char) -> Option<Kind>| -> Vec<Slot> {
        let mut characters = token.chars().enumerate().peekable();
        let mut slots = Vec::new();
        while let Some((place, character)) = characters.next() {
            let is_marked = characters.peek().is_some_and(|(_, next)| is_mark(*next));
            if let Some(kind) = kind(character).filter(|_| !is_marked) {
                let small = character.to_lowercase().next().unwrap_or(character);
                slots.push(Slot { place, kind, small });
            }
        }
        slots
    };
    let usual = slots(kind);
    match usual.is_empty() && token.chars().count() >= LONG {
        // Accented letters alone.
        true => slots(other),
        false => usual,
    }
}

fn form(slots: &[Slot], token: &str) -> Form {
    let digits = slots.iter().filter(|slot| slot.kind == Kind::Digit).count();
    let is_hex = token.bytes().all(|byte| byte.is_ascii_hexdigit());
    if token.bytes().all(|byte| byte.is_ascii_digit()) {
        Form::Number
    } else if is_hex && token.len() >= HEX && (1..token.len()).contains(&digits) {
        Form::Hex
    } else {
        Form::Plain
    }
}

/// The token with new characters, in the case of the old ones.
fn written(token: &str, slots: &[Slot], new: &[char]) -> String {
    let mut characters: Vec<char> = token.chars().collect();
    for (slot, new) in slots.iter().zip(new) {
        if let Some(old) = characters.get_mut(slot.place) {
            let is_large = old.is_uppercase();
            *old = if is_large {
                large(*new).unwrap_or(*new)
            } else {
                *new
            };
        }
    }
    characters.into_iter().collect()
}

/// The next characters in order, from the last one on.
fn step(slots: &[Slot], form: Form, new: &mut [char]) {
    for number in (0..slots.len()).rev() {
        let (Some(slot), Some(place)) = (slots.get(number), new.get_mut(number)) else {
            return;
        };
        let (first, last) = match slot.kind {
            Kind::Digit if form == Form::Number && slot.small == '0' && number == 0 => continue,
            Kind::Digit if form == Form::Number && number == 0 => ('1', '9'),
            Kind::Digit => ('0', '9'),
            Kind::Letter if form == Form::Hex => ('a', 'f'),
            Kind::Letter => ('a', 'z'),
            Kind::Other(..) => continue,
        };
        if *place < last {
            *place = char::from_u32(u32::from(*place) + 1).unwrap_or(first);
            return;
        }
        *place = first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replace_all(tokens: &[&str]) -> Vec<String> {
        let mut table = Tokens::new();
        tokens.iter().for_each(|token| table.see(token));
        let (mut alphabet, mut draws) = (Alphabet::new(false), Draws::new(&[7; 32]));
        tokens
            .iter()
            .map(|token| table.replaced(token, &mut alphabet, &mut draws, &|_, _| true))
            .collect()
    }

    #[test]
    fn equal_tokens_stay_equal_in_any_case_and_normal_form() {
        let new = replace_all(&["Mira", "MIRA", "mira", "Jose\u{301}", "JOSÉ", "josé"]);
        assert_ne!(new[0], "Mira");
        assert_eq!(new[0].to_lowercase(), new[2]);
        assert_eq!(new[1], new[2].to_uppercase());
        assert!(new[0].starts_with(char::is_uppercase));
        assert_eq!(caseless(&new[3]), caseless(&new[4]));
        assert_eq!(caseless(&new[4]), caseless(&new[5]));
        assert!(new[5].ends_with('é') && !new[5].starts_with("jos"));
    }

    #[test]
    fn different_tokens_stay_different_even_if_there_are_no_others() {
        let letters: Vec<String> = ('a'..='z').map(String::from).collect();
        let numbers: Vec<String> = (10..100).map(|it| it.to_string()).collect();
        let all: Vec<&str> = letters.iter().chain(&numbers).map(String::as_str).collect();
        let new = replace_all(&all);
        let different: HashSet<&String> = new.iter().collect();
        // The last one may have nothing left but itself.
        assert!(different.len() + 2 >= all.len(), "{new:?}");
    }

    #[test]
    fn numbers_keep_their_zeros_and_years_their_millennium() {
        for _ in 0..20 {
            let new = replace_all(&["007", "2026", "1987", "0", "000", "4711", "46012345678"]);
            assert!(
                new[0].starts_with("00") && !new[0].ends_with('0'),
                "{new:?}"
            );
            assert!(new[1].starts_with('2') && new[1] != "2026");
            assert!(new[2].starts_with('1') && new[2] != "1987");
            assert_eq!((new[3].as_str(), new[4].as_str()), ("0", "000"));
            assert!(new[5] != "4711" && !new[5].starts_with('0'));
            assert_eq!(new[6].len(), 11);
        }
    }

    #[test]
    fn hexadecimal_and_well_known_passwords_stay_so() {
        let new = replace_all(&["5f4dcc3b5aa765d6", "Password1", "qwertyuiop"]);
        assert!(new[0].bytes().all(|byte| byte.is_ascii_hexdigit()) && !new[0].contains("5f4d"));
        let lower = new[1].to_lowercase();
        assert!(
            passwords::common().contains(&lower.as_str()) && lower != "password1",
            "{lower}"
        );
        assert!(passwords::common().contains(&new[2].as_str()) && new[2] != "qwertyuiop");
    }

    #[test]
    fn words_of_accented_letters_alone_are_replaced() {
        let new = replace_all(&["ÅÄÖÜ", "Müller"]);
        assert_ne!(new[0], "ÅÄÖÜ");
        assert_eq!(new[0].len(), "ÅÄÖÜ".len());
        assert!(new[1].chars().nth(1) == Some('ü') && !new[1].contains("ller"));
    }
}
