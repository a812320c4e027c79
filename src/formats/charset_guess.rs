//! Guesses the charset of a text that is not UTF-8: the one in which its bytes form plausible words.
//!
//! Each single-byte charset is scored by the characters that its bytes become: how frequent the letters are in a
//! language that has all of them (`languages.rs`), whether capitals are at the start of words, and whether symbols
//! appear in place of letters. A wrong multi-byte charset would consume letters. It is therefore chosen only if
//! no single-byte charset gives plausible words, if there are enough multi-byte characters, and if all of them
//! belong to its scripts. If no charset that is scored here gives plausible words (Vietnamese), chardetng's guess
//! is used.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::Encoding;

use crate::formats::charset::TextCharset;
use crate::formats::code_pages::{IBM437, IBM850, IBM852, IBM857};
use crate::formats::languages::{LANGUAGES, Language, Script};

/// The number of non-ASCII bytes that are scored.
const ENOUGH: usize = 4000;

/// The average score per byte below which a charset gives no plausible words.
const MIN_SCORE: f32 = -5.5;

/// The minimum number of multi-byte characters for a multi-byte charset.
const CHARACTERS: usize = 6;

/// The bonus in the score for the charset that chardetng guesses.
const SECOND_OPINION: f32 = 1.5;

/// A candidate charset, and the logarithm of its prior probability.
struct Candidate {
    charset: TextCharset,
    prior: f32,
}

const fn standard(charset: &'static Encoding, prior: f32) -> Candidate {
    Candidate {
        charset: TextCharset::Standard(charset),
        prior,
    }
}

static CANDIDATES: [Candidate; 21] = [
    standard(encoding_rs::WINDOWS_1252, 0.0),
    standard(encoding_rs::WINDOWS_1250, -0.5),
    standard(encoding_rs::WINDOWS_1251, -0.3),
    standard(encoding_rs::WINDOWS_1253, -0.3),
    standard(encoding_rs::WINDOWS_1254, -0.5),
    standard(encoding_rs::WINDOWS_1255, -0.8),
    standard(encoding_rs::WINDOWS_1256, -0.8),
    standard(encoding_rs::WINDOWS_1257, -1.8),
    standard(encoding_rs::WINDOWS_874, -0.8),
    standard(encoding_rs::ISO_8859_15, -2.0),
    standard(encoding_rs::ISO_8859_2, -1.2),
    standard(encoding_rs::ISO_8859_5, -2.5),
    standard(encoding_rs::ISO_8859_7, -2.0),
    standard(encoding_rs::KOI8_U, -1.5),
    standard(encoding_rs::IBM866, -1.2),
    standard(encoding_rs::MACINTOSH, -2.0),
    standard(encoding_rs::X_MAC_CYRILLIC, -2.0),
    Candidate {
        charset: TextCharset::Page(&IBM850),
        prior: -1.5,
    },
    Candidate {
        charset: TextCharset::Page(&IBM437),
        prior: -1.8,
    },
    Candidate {
        charset: TextCharset::Page(&IBM852),
        prior: -2.0,
    },
    Candidate {
        charset: TextCharset::Page(&IBM857),
        prior: -2.2,
    },
];

/// The most likely charset of `text`, which follows the ASCII text `before`. `whole`: the text is complete.
pub(super) fn guess(before: &[u8], text: &[u8], whole: bool) -> TextCharset {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(before, false);
    detector.feed(text, whole);
    let second = detector.guess(None, Utf8Detection::Deny);
    let sample = Sample::of(before, text);
    let languages = LanguageModel::all();
    let judged = CANDIDATES.iter().filter_map(|candidate| {
        let likely = sample.judge(&candidate.charset.high()?, &languages);
        let agrees = candidate.charset == TextCharset::Standard(second);
        let bonus = if agrees { SECOND_OPINION } else { 0.0 };
        Some((candidate.charset, likely, likely + candidate.prior + bonus))
    });
    let best = judged.max_by(|(_, _, a), (_, _, b)| a.total_cmp(b));
    let Some((charset, likely, _)) = best else {
        return TextCharset::Standard(second);
    };
    let is_plausible = likely / sample.len() as f32 > MIN_SCORE;
    if is_plausible {
        return charset;
    }
    let is_judged = |encoding| {
        CANDIDATES
            .iter()
            .any(|candidate| candidate.charset == TextCharset::Standard(encoding))
    };
    let takes = match second.is_single_byte() {
        true => {
            !is_judged(second)
                && second
                    .decode_without_bom_handling_and_without_replacement(text)
                    .is_some()
        }
        false => is_of_several_bytes(second, before, text, whole),
    };
    match takes {
        true => TextCharset::Standard(second),
        false => charset,
    }
}

/// Whether a text is in this multi-byte charset: all of it can be decoded, and few ASCII letters are next to
/// multi-byte characters, as they would be if half of a character were an accented letter.
fn is_of_several_bytes(
    encoding: &'static Encoding,
    before: &[u8],
    text: &[u8],
    whole: bool,
) -> bool {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut decoded = String::with_capacity(text.len() * 3 + 16);
    let (result, _) = decoder.decode_to_string_without_replacement(text, &mut decoded, whole);
    if !matches!(result, encoding_rs::DecoderResult::InputEmpty) {
        return false;
    }
    let is_wide = |char: char| {
        matches!(char,
            '\u{3000}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}'
            | '\u{f900}'..='\u{faff}' | '\u{ff01}'..='\u{ff5e}')
    };
    let (mut wide, mut other, mut beside) = (0, 0, 0);
    let mut last = before.last().map_or(' ', |byte| char::from(*byte));
    for char in decoded.chars() {
        wide += usize::from(is_wide(char));
        other += usize::from(!char.is_ascii() && !is_wide(char));
        let letters = |one: char, two: char| is_wide(one) && two.is_ascii_alphabetic();
        beside += usize::from(letters(last, char) || letters(char, last));
        last = char;
    }
    wide >= CHARACTERS && other * 20 <= wide && beside * 10 <= wide
}

/// Non-ASCII bytes, each with its neighbours.
struct Sample(Vec<[u8; 4]>);

impl Sample {
    fn of(before: &[u8], text: &[u8]) -> Self {
        let byte = |place: usize, back: usize| match place.checked_sub(back) {
            Some(place) => text.get(place).copied(),
            None => before
                .len()
                .checked_sub(back - place)
                .and_then(|place| before.get(place).copied()),
        };
        let high = text.iter().enumerate().filter(|(_, byte)| !byte.is_ascii());
        let sample = high.take(ENOUGH).map(|(place, high)| {
            let next = text.get(place + 1).copied();
            [
                byte(place, 2).unwrap_or(b'\n'),
                byte(place, 1).unwrap_or(b'\n'),
                *high,
                next.unwrap_or(b'\n'),
            ]
        });
        Sample(sample.collect())
    }

    fn len(&self) -> usize {
        self.0.len().max(1)
    }

    /// The log-likelihood of the bytes in the most likely language, if they mean these characters.
    fn judge(&self, high: &[char; 128], languages: &[LanguageModel]) -> f32 {
        let char = |byte: u8| match usize::from(byte).checked_sub(0x80) {
            Some(place) => high.get(place).copied().unwrap_or('\u{fffd}'),
            None => char::from(byte),
        };
        let mut together = 0.0;
        let mut letters: Vec<Letter> = Vec::new();
        for bytes in &self.0 {
            let [before_last, last, this, next] = bytes.map(char);
            together += context_likelihood(before_last, last, this, next);
            let Some(script) = Script::of(this) else {
                continue;
            };
            let letter = lower(this);
            match letters.iter_mut().find(|known| known.letter == letter) {
                Some(known) => known.count += 1.0,
                None => letters.push(Letter {
                    letter,
                    script,
                    count: 1.0,
                    script_share: script_share(letter, script, languages),
                }),
            }
        }
        let best = languages
            .iter()
            .map(|language| language.judge(&letters))
            .max_by(f32::total_cmp);
        together + best.unwrap_or_default()
    }
}

/// A letter of a sample.
struct Letter {
    letter: char,
    script: Script,
    count: f32,
    /// Its average share in the languages of its script.
    script_share: f32,
}

/// The lower-case form of a letter; the dotted capital I remains a letter of its own.
fn lower(letter: char) -> char {
    match letter {
        'İ' => 'İ',
        _ => letter.to_lowercase().next().unwrap_or(letter),
    }
}

/// A language with the relative frequency of each of its letters.
struct LanguageModel {
    script: Script,
    prior: f32,
    shares: Vec<(char, f32)>,
}

impl LanguageModel {
    fn all() -> Vec<Self> {
        let model = |language: &Language| {
            let shares = language.letters.shares();
            let all: f32 = shares.iter().map(|(_, share)| share).sum();
            let of_all = |(letter, share): (char, f32)| (letter, share / all);
            LanguageModel {
                script: language.script,
                prior: language.prior,
                shares: shares.into_iter().map(of_all).collect(),
            }
        };
        LANGUAGES.iter().map(model).collect()
    }

    fn share(&self, letter: char) -> f32 {
        let own = self.shares.iter().find(|(one, _)| *one == letter);
        own.map_or(0.0, |(_, share)| *share)
    }

    /// The log-likelihood of the letters in this language. A file also contains names from other languages.
    fn judge(&self, letters: &[Letter]) -> f32 {
        const OF_OTHERS: f32 = 0.08;
        let likely = |known: &Letter| {
            let others = match known.script == self.script {
                true => known.script_share,
                false => 1e-5,
            };
            let own = self.share(known.letter);
            known.count
                * ((1.0 - OF_OTHERS) * own + OF_OTHERS * others)
                    .max(1e-6)
                    .ln()
        };
        self.prior + letters.iter().map(likely).sum::<f32>()
    }
}

/// The average share of a letter in the languages of its script.
fn script_share(letter: char, script: Script, languages: &[LanguageModel]) -> f32 {
    let (mut sum, mut weights) = (1e-5, 1.0);
    for language in languages.iter().filter(|one| one.script == script) {
        let weight = language.prior.exp();
        sum += weight * language.share(letter);
        weights += weight;
    }
    sum / weights
}

/// The log-likelihood of a character between its neighbours, whatever the language.
fn context_likelihood(before_last: char, last: char, this: char, next: char) -> f32 {
    let Some(script) = Script::of(this) else {
        return symbol_likelihood(last, this, next);
    };
    let mut likely = sound_likelihood(script, last, this, next);
    if this == 'ß' {
        likely *= sharp_s(before_last, last, next);
    }
    for neighbour in [last, next] {
        if Script::of(neighbour).is_some_and(|other| other != script) {
            likely *= 1e-4;
        }
    }
    let is_alone = Script::of(last).is_none() && Script::of(next).is_none();
    if script != Script::Latin && is_alone {
        likely *= 0.05;
    }
    if script == Script::Latin && !last.is_ascii() && last.is_alphabetic() {
        likely *= 0.1;
    }
    likely *= match (this.is_uppercase(), last.is_alphabetic()) {
        (true, true) if last.is_lowercase() => 1e-3,
        (true, true) if next.is_lowercase() => 0.02,
        (true, true) => 0.75,
        (true, false) if next.is_lowercase() => 0.2,
        (true, false) => 0.08,
        (false, true)
            if last.is_uppercase() && (next.is_uppercase() || before_last.is_uppercase()) =>
        {
            0.02
        }
        (false, true) if next.is_uppercase() => 0.05,
        (false, true) => 0.85,
        (false, false) if this.is_lowercase() => 0.15,
        (false, false) => 0.3,
    };
    likely.ln()
}

/// How much more likely an ß is after the letters that it often follows: Straße, groß, Weißmann.
fn sharp_s(before_last: char, last: char, next: char) -> f32 {
    let goes_on = !next.is_alphabetic() || "eberhmlkdgw".contains(next);
    match (lower(before_last), lower(last)) {
        ('r', 'a') if next == 'e' || !next.is_alphabetic() => 15.0,
        ('e', 'i') | ('r', 'o') | ('e', 'u') | ('f', 'u') if goes_on => 15.0,
        _ => 1.0,
    }
}

/// The likelihood of a letter by sound: words have vowels between consonants, and some letters occur only at the
/// end of a word.
fn sound_likelihood(script: Script, last: char, this: char, next: char) -> f32 {
    const VOWELS: &str = "aeiouyáàäâãåæéèêëíìîïóòôöõøœúùûüůűőýāēīūąęėįųıăěİ";
    // Vowels that occur next to another vowel: María, Anaïs, João.
    const PAIRED: &str = "íúïëüãõ";
    let ends = |letters: &str| letters.contains(this) == next.is_alphabetic();
    if script == Script::Greek && matches!(this, 'ς' | 'σ') && ends("ς")
        || script == Script::Hebrew && "ךםןףץ".contains(this) && ends("ךםןףץ")
    {
        return 0.02;
    }
    if script != Script::Latin {
        return 1.0;
    }
    let this = lower(this);
    let is_vowel = |letter: char| {
        let is_one = VOWELS.contains(lower(letter));
        letter.is_alphabetic().then_some(is_one)
    };
    let likely = match (is_vowel(last), is_vowel(this), is_vowel(next)) {
        (Some(false), Some(false), Some(false)) => 0.1,
        (None, Some(false), Some(false)) => 0.3,
        (Some(false), Some(false), _) | (_, Some(false), Some(false)) => 0.7,
        (Some(true), Some(true), Some(true)) => 0.1,
        (Some(true), Some(true), _) | (_, Some(true), Some(true)) if !PAIRED.contains(this) => 0.3,
        _ => 1.0,
    };
    // These pairs do not occur in any of the languages.
    if matches!(
        (lower(last), this),
        ('a', 'á' | 'à') | ('o', 'ò') | ('i', 'ì')
    ) {
        return 0.01;
    }
    match this == 'õ' && lower(next) != 'e' {
        true => likely * 0.2,
        false => likely,
    }
}

/// The log-likelihood of a character that is not a letter of a scored script.
fn symbol_likelihood(last: char, this: char, next: char) -> f32 {
    let beside = usize::from(last.is_alphabetic()) + usize::from(next.is_alphabetic());
    let likely: f32 = match this {
        '\u{80}'..='\u{9f}' | '\u{fffd}' => 1e-9,
        '’' if beside == 2 => 2e-2,
        // Double names: Anna–Lena.
        '–' | '—' if beside == 2 && next.is_uppercase() => 2e-3,
        // Nº 5, Mª Carmen, 1º.
        'º' | '°' if matches!(last, 'N' | 'n') && !next.is_alphabetic() => 0.1,
        'ª' if last == 'M' && !next.is_alphabetic() => 0.1,
        'º' | 'ª' if last.is_ascii_digit() && !next.is_alphabetic() => 2e-2,
        '’' | '‘' | '–' | '“' | '”' | '„' | '«' | '»' if beside < 2 => 2e-3,
        '€' if beside == 0 => 2e-3,
        '\u{a0}' => 1e-3,
        'º' | 'ª' | '°' if beside < 2 => 5e-4,
        '·' if beside == 2 => 1e-3,
        '¿' | '¡' if !last.is_alphabetic() => 5e-4,
        '§' | '©' | '®' | '™' | '£' | '¥' | '…' | '—' | '•' | '±' | '²' | '³' | 'µ' | '½' | '¼'
        | '¾' | '№' | '×' | '¢'
            if beside == 0 =>
        {
            2e-4
        }
        _ if this.is_alphabetic() => 1e-5,
        '\u{2200}'..='\u{25ff}' => 1e-8,
        _ if beside == 2 => 1e-6,
        _ => 1e-5,
    };
    likely.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GERMAN: &[&str] = &[
        "Jürgen Müller",
        "Jörg Schäfer",
        "Björn Groß",
        "Käthe Weiß",
        "Günther Köhler",
        "Änne Öztürk",
        "Renée Fußmann",
        "Grüner Bär",
        "Döring Lüdecke",
        "Übelacker",
    ];
    const FRENCH: &[&str] = &[
        "François Lefèvre",
        "Chloé Bérénice",
        "Hélène Noël",
        "Jérôme Beauchêne",
        "Zoé Gaëlle",
        "Agnès Côté",
        "Benoît Maïté",
        "Éric Gérard",
        "Irène Crésus",
    ];
    const SPANISH: &[&str] = &[
        "José Muñoz",
        "María García",
        "Íñigo Peña",
        "Ángel Núñez",
        "Begoña Martínez",
        "Jesús Ibáñez",
        "Mónica Gutiérrez",
        "Raúl Rodríguez",
    ];
    const POLISH: &[&str] = &[
        "Michał Wałęsa",
        "Łukasz Koźmiński",
        "Stanisław Żuławski",
        "Małgorzata Dąbrowska",
        "Józef Gałązka",
        "Święcicki",
        "Paweł Ćwikła",
        "Agnieszka Wójcik",
        "Elżbieta Wiśniewska",
    ];
    const CZECH: &[&str] = &[
        "Jiří Dvořák",
        "Šárka Nováková",
        "Tomáš Procházka",
        "Lenka Černá",
        "Zdeněk Růžička",
        "Věra Kučerová",
        "Ondřej Křížek",
        "Žaneta Veselá",
        "Luboš Němec",
    ];
    const HUNGARIAN: &[&str] = &[
        "Szabó László",
        "Kovács Erzsébet",
        "Tóth Győző",
        "Nagy Ágnes",
        "Szűcs Ödön",
        "Horváth Béla",
    ];
    const TURKISH: &[&str] = &[
        "Ayşe Yılmaz",
        "Gökçe Öztürk",
        "İbrahim Çelik",
        "Işıl Şahin",
        "Uğur Doğan",
        "Çağla Yıldırım",
        "Ömer Güneş",
    ];
    const RUSSIAN: &[&str] = &[
        "Иван Петров",
        "Анна Кузнецова",
        "Сергей Смирнов",
        "Ольга Попова",
        "Дмитрий Васильев",
        "Екатерина Соколова",
        "Михаил Щербаков",
        "Юлия Жукова",
    ];
    const UKRAINIAN: &[&str] = &[
        "Іван Шевченко",
        "Олексій Їжак",
        "Євген Бойко",
        "Наталія Кравчук",
    ];
    const GREEK: &[&str] = &[
        "Γιώργος Παπαδόπουλος",
        "Μαρία Νικολάου",
        "Δημήτρης Οικονόμου",
        "Ελένη Κωνσταντίνου",
        "Ιωάννης Βασιλείου",
        "Αθηνά Χρήστου",
    ];
    const SWEDISH: &[&str] = &[
        "Åsa Sjöström",
        "Göran Lindström",
        "Märta Åkesson",
        "Björn Hägg",
        "Hans Öberg",
    ];
    const DANISH: &[&str] = &[
        "Søren Kjær",
        "Åse Bjørn",
        "Mads Østergård",
        "Lærke Sørensen",
    ];
    const JAPANESE: &[&str] = &[
        "山田太郎",
        "佐藤花子",
        "鈴木一郎",
        "高橋美咲",
        "田中健太",
        "渡辺さくら",
        "伊藤翔",
        "中村ゆい",
    ];
    const CHINESE: &[&str] = &[
        "王伟",
        "李娜",
        "张敏",
        "刘洋",
        "陈静",
        "杨帆",
        "赵磊",
        "黄晓明",
        "周杰",
    ];

    fn encode(label: &str, text: &str) -> Vec<u8> {
        let charset = TextCharset::for_label(label).unwrap();
        if let TextCharset::Standard(encoding) = charset
            && label != "ibm866"
        {
            let (bytes, _, unmappable) = encoding.encode(text);
            assert!(!unmappable, "{label}: {text}");
            return bytes.into_owned();
        }
        let high = charset.high().unwrap();
        let byte = |char: char| match char.is_ascii() {
            true => char as u8,
            false => 0x80 + high.iter().position(|one| *one == char).unwrap() as u8,
        };
        text.chars().map(byte).collect()
    }

    /// The text as read.
    fn read(bytes: &[u8]) -> (String, &'static str) {
        let mut decoded = crate::formats::decode::Decoded::new(bytes, None);
        let mut text = Vec::new();
        std::io::Read::read_to_end(&mut decoded, &mut text).unwrap();
        (
            String::from_utf8_lossy(&text).into_owned(),
            decoded.charset().name,
        )
    }

    /// A file with these names, and with user names and addresses in ASCII.
    fn file(names: &[&str], times: usize) -> String {
        let rows = (0..times).flat_map(|time| {
            names.iter().enumerate().map(move |(number, name)| {
                format!("user{time}x{number};{name};user{number}@example.com\r\n")
            })
        });
        ["username;displayname;email\r\n".to_owned()]
            .into_iter()
            .chain(rows)
            .collect()
    }

    const CASES: &[(&str, &[&str])] = &[
        ("windows-1252", GERMAN),
        ("windows-1252", FRENCH),
        ("windows-1252", SPANISH),
        ("windows-1252", SWEDISH),
        ("windows-1252", DANISH),
        ("windows-1250", POLISH),
        ("windows-1250", CZECH),
        ("windows-1250", HUNGARIAN),
        ("windows-1251", RUSSIAN),
        ("windows-1251", UKRAINIAN),
        ("windows-1253", GREEK),
        ("windows-1254", TURKISH),
        ("iso-8859-2", POLISH),
        ("iso-8859-2", CZECH),
        ("iso-8859-2", HUNGARIAN),
        ("iso-8859-15", GERMAN),
        ("iso-8859-15", FRENCH),
        ("iso-8859-5", RUSSIAN),
        ("iso-8859-7", GREEK),
        ("iso-8859-9", TURKISH),
        ("x-mac-cyrillic", RUSSIAN),
        ("koi8-r", RUSSIAN),
        ("koi8-u", UKRAINIAN),
        ("cp850", GERMAN),
        ("cp850", FRENCH),
        ("cp850", SPANISH),
        ("cp850", SWEDISH),
        ("cp850", DANISH),
        ("cp437", GERMAN),
        ("cp437", SWEDISH),
        ("cp852", POLISH),
        ("cp852", CZECH),
        ("cp852", HUNGARIAN),
        ("cp857", TURKISH),
        ("cp866", RUSSIAN),
        ("macroman", GERMAN),
        ("macroman", FRENCH),
        ("macroman", SPANISH),
        ("macroman", SWEDISH),
        ("macroman", DANISH),
        ("shift_jis", JAPANESE),
        ("euc-jp", JAPANESE),
        ("gbk", CHINESE),
    ];

    /// Files with this many of the names, each beginning with a different one.
    fn files(names: &[&str], count: usize) -> impl Iterator<Item = String> {
        (0..names.len()).map(move |start| {
            let some: Vec<&str> = names
                .iter()
                .cycle()
                .skip(start)
                .take(count)
                .copied()
                .collect();
            file(&some, 1)
        })
    }

    #[test]
    fn files_with_few_and_many_names_are_decoded_correctly() {
        for (label, names) in CASES {
            let is_judged = !["shift_jis", "euc-jp", "gbk"].contains(label);
            let small = files(names, 3).chain(files(names, 5));
            for text in small.filter(|_| is_judged).chain([file(names, 300)]) {
                let (found, name) = read(&encode(label, &text));
                let first = text.lines().nth(1).unwrap();
                assert_eq!(found, text, "{label} as {name}: {first}");
            }
        }
    }

    #[test]
    fn capitals_are_decoded_correctly() {
        for (label, names) in CASES {
            if ["shift_jis", "euc-jp", "gbk"].contains(label) || names.contains(&TURKISH[0]) {
                continue;
            }
            let capitals: Vec<String> = names.iter().map(|name| name.to_uppercase()).collect();
            let names: Vec<&str> = capitals.iter().map(String::as_str).collect();
            let text = file(&names, 1).replace("ẞ", "SS");
            let (found, name) = read(&encode(label, &text));
            assert_eq!(found, text, "{label} as {name}");
        }
    }

    #[test]
    fn no_letter_is_lost_in_short_files() {
        let (mut right, mut all) = (0, 0);
        for (label, names) in CASES {
            if ["shift_jis", "euc-jp", "gbk"].contains(label) {
                continue;
            }
            for text in files(names, 1) {
                let (found, name) = read(&encode(label, &text));
                assert_eq!(
                    found.chars().count(),
                    text.chars().count(),
                    "{label} as {name}"
                );
                let ascii = |text: &str| text.replace(|char: char| !char.is_ascii(), "");
                assert_eq!(ascii(&found), ascii(&text), "{label} as {name}");
                all += 1;
                right += usize::from(found == text);
            }
        }
        assert!(
            right * 100 >= all * 95,
            "{right} of {all} files of one name"
        );
    }

    #[test]
    fn usual_charset_of_a_language_is_chosen() {
        for (label, names, name) in [
            ("windows-1252", GERMAN, "windows-1252"),
            ("iso-8859-15", GERMAN, "windows-1252"),
            ("cp850", GERMAN, "IBM850"),
            ("cp437", GERMAN, "IBM850"),
            ("macroman", FRENCH, "macintosh"),
            ("windows-1250", CZECH, "windows-1250"),
            ("iso-8859-2", CZECH, "ISO-8859-2"),
            ("cp866", RUSSIAN, "IBM866"),
            ("shift_jis", JAPANESE, "Shift_JIS"),
            ("gbk", CHINESE, "GBK"),
        ] {
            let text = file(names, 2);
            assert_eq!(read(&encode(label, &text)), (text, name));
        }
    }

    #[test]
    fn symbols_and_a_single_sharp_s_are_decoded_correctly() {
        for (label, cell) in [
            ("windows-1252", "Anna–Lena"),
            ("windows-1252", "Karl–Heinz Meier"),
            ("windows-1252", "Nº 5"),
            ("windows-1252", "Calle Mayor, nº 12"),
            ("windows-1252", "Mª Carmen"),
            ("windows-1252", "Edificio 2º B"),
            ("windows-1252", "Hauptstraße"),
            ("windows-1252", "María"),
            ("windows-1252", "Julián"),
            ("windows-1252", "Tomás"),
            ("windows-1252", "Croácia"),
            ("cp850", "Hauptstraße"),
            ("cp437", "Hauptstraße"),
            ("cp850", "Große Gasse"),
            ("cp437", "Weiß"),
            ("cp850", "Ulf Preuß"),
        ] {
            let text = file(&[cell], 1);
            let (found, name) = read(&encode(label, &text));
            assert_eq!(found, text, "{label} as {name}");
        }
    }

    #[test]
    fn replacement_characters_alone_are_read_as_utf_8() {
        for text in [
            "username,displayname\nm,M\u{fffd}ller\n",
            "username\n\u{fffd}\n",
        ] {
            assert_eq!(read(text.as_bytes()), (text.to_owned(), "UTF-8"));
        }
    }

    #[test]
    fn euro_and_letters_of_iso_8859_15_are_distinguished_from_symbols() {
        let text = "username;displayname\nmira;Šárka Œuvrard\notto;Žofie Cœur 5 €\n";
        let (found, name) = read(&encode("iso-8859-15", text));
        assert_eq!((found.as_str(), name), (text, "ISO-8859-15"));
    }
}
