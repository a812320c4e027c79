//! The frequency of non-ASCII letters in languages, for guessing a charset.
//!
//! The numbers are approximate shares of these letters in names and running text. Capitals count as their
//! lower-case letters.

/// The letters of one language.
pub(super) struct Language {
    pub(super) script: Script,
    /// The logarithm of the prior probability of the language.
    pub(super) prior: f32,
    /// The letters with their shares, in any unit.
    pub(super) letters: Letters,
}

/// The letters of a language.
pub(super) enum Letters {
    /// Each letter with its share.
    Shares(&'static [(char, f32)]),
    /// From the most frequent to the rarest; each has nine tenths of the share of the one before.
    Ranked(&'static str),
}

/// A script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Script {
    Latin,
    Cyrillic,
    Greek,
    Hebrew,
    Arabic,
    Thai,
}

impl Script {
    /// The script of a letter; `None` for other characters and other scripts.
    pub(super) fn of(letter: char) -> Option<Self> {
        match letter {
            'a'..='z' | 'A'..='Z' => Some(Script::Latin),
            '\u{c0}'..='\u{24f}' if letter.is_alphabetic() => Some(Script::Latin),
            '\u{386}'..='\u{3ce}' if letter.is_alphabetic() => Some(Script::Greek),
            '\u{400}'..='\u{491}' if letter.is_alphabetic() => Some(Script::Cyrillic),
            '\u{5d0}'..='\u{5ea}' => Some(Script::Hebrew),
            '\u{621}'..='\u{64a}' => Some(Script::Arabic),
            '\u{e01}'..='\u{e4e}' => Some(Script::Thai),
            _ => None,
        }
    }
}

impl Letters {
    /// Each letter with its share, in any unit.
    pub(super) fn shares(&self) -> Vec<(char, f32)> {
        match self {
            Letters::Shares(shares) => shares.to_vec(),
            Letters::Ranked(letters) => {
                let mut share = 10.0;
                let next = |letter| {
                    share *= 0.9;
                    (letter, share)
                };
                letters.chars().map(next).collect()
            }
        }
    }
}

const fn latin(prior: f32, shares: &'static [(char, f32)]) -> Language {
    Language {
        script: Script::Latin,
        prior,
        letters: Letters::Shares(shares),
    }
}

const fn ranked(script: Script, prior: f32, letters: &'static str) -> Language {
    Language {
        script,
        prior,
        letters: Letters::Ranked(letters),
    }
}

#[rustfmt::skip]
pub(super) static LANGUAGES: [Language; 29] = [
    // German
    latin(0.0, &[('ü', 35.0), ('ä', 30.0), ('ö', 22.0), ('ß', 10.0), ('é', 2.0)]),
    // French
    latin(0.0, &[('é', 55.0), ('è', 12.0), ('ç', 8.0), ('à', 6.0), ('ë', 5.0), ('ê', 4.0), ('ô', 3.0),
        ('ï', 3.0), ('î', 2.0), ('â', 2.0), ('œ', 1.0), ('û', 1.0), ('ù', 0.5), ('ü', 0.5), ('ÿ', 0.2)]),
    // Spanish
    latin(0.0, &[('í', 22.0), ('é', 15.0), ('á', 20.0), ('ó', 20.0), ('ñ', 15.0), ('ú', 6.0), ('ü', 1.0)]),
    // Portuguese
    latin(-0.3, &[('ã', 22.0), ('ç', 16.0), ('á', 14.0), ('é', 14.0), ('õ', 6.0), ('ó', 9.0), ('í', 8.0),
        ('ê', 5.0), ('â', 4.0), ('ú', 4.0), ('ô', 3.0), ('à', 1.0)]),
    // Italian
    latin(-0.5, &[('è', 28.0), ('à', 25.0), ('ò', 18.0), ('ù', 14.0), ('ì', 12.0), ('é', 4.0)]),
    // Catalan
    latin(-1.5, &[('à', 22.0), ('é', 17.0), ('è', 13.0), ('ó', 18.0), ('ò', 8.0), ('í', 11.0), ('ç', 6.0),
        ('ú', 5.0), ('ï', 2.0), ('ü', 1.0)]),
    // Swedish, Finnish
    latin(-0.2, &[('ä', 42.0), ('ö', 32.0), ('å', 24.0), ('é', 3.0)]),
    // Danish, Norwegian
    latin(-0.3, &[('ø', 38.0), ('å', 35.0), ('æ', 25.0), ('é', 2.0)]),
    // Icelandic
    latin(-2.5, &[('á', 20.0), ('í', 16.0), ('ð', 15.0), ('ó', 12.0), ('ö', 9.0), ('ú', 8.0), ('é', 8.0),
        ('þ', 8.0), ('æ', 6.0), ('ý', 4.0)]),
    // Dutch
    latin(-0.8, &[('ë', 42.0), ('é', 25.0), ('ï', 18.0), ('ö', 6.0), ('ü', 5.0), ('è', 4.0)]),
    // Polish
    latin(-0.2, &[('ł', 24.0), ('ę', 12.0), ('ą', 12.0), ('ó', 12.0), ('ś', 10.0), ('ż', 10.0), ('ń', 9.0),
        ('ć', 7.0), ('ź', 2.0)]),
    // Czech
    latin(-0.3, &[('á', 20.0), ('í', 19.0), ('é', 8.0), ('ě', 9.0), ('ý', 8.0), ('ž', 7.0), ('š', 8.0),
        ('č', 9.0), ('ř', 9.0), ('ů', 3.0), ('ú', 2.0), ('ň', 2.0), ('ó', 1.0), ('ť', 0.5), ('ď', 0.7)]),
    // Slovak
    latin(-0.8, &[('á', 20.0), ('í', 13.0), ('é', 9.0), ('ý', 11.0), ('ž', 8.0), ('š', 9.0), ('č', 11.0),
        ('ľ', 4.0), ('ť', 5.0), ('ú', 6.0), ('ň', 2.0), ('ô', 2.0), ('ä', 1.5), ('ó', 2.0), ('ď', 1.0),
        ('ĺ', 0.3), ('ŕ', 0.3)]),
    // Hungarian
    latin(-0.5, &[('á', 29.0), ('é', 24.0), ('ö', 9.0), ('ó', 11.0), ('ő', 8.0), ('ü', 5.0), ('í', 6.0),
        ('ú', 3.0), ('ű', 2.0)]),
    // Romanian
    latin(-0.8, &[('ă', 33.0), ('â', 10.0), ('î', 11.0), ('ş', 12.0), ('ţ', 11.0), ('ș', 12.0), ('ț', 11.0)]),
    // Croatian, Slovene, Serbian in Latin letters
    latin(-0.7, &[('č', 26.0), ('ć', 24.0), ('š', 24.0), ('ž', 17.0), ('đ', 8.0)]),
    // Turkish
    latin(-0.2, &[('ı', 30.0), ('ü', 14.0), ('ş', 14.0), ('ç', 10.0), ('ğ', 11.0), ('ö', 10.0), ('İ', 8.0),
        ('â', 1.0)]),
    // Albanian
    latin(-2.5, &[('ë', 85.0), ('ç', 15.0)]),
    // Estonian
    latin(-1.5, &[('ä', 32.0), ('ü', 26.0), ('õ', 26.0), ('ö', 10.0), ('š', 3.0), ('ž', 2.0)]),
    // Lithuanian
    latin(-1.0, &[('ė', 25.0), ('š', 20.0), ('ų', 12.0), ('ž', 15.0), ('ū', 8.0), ('č', 7.0), ('ą', 7.0),
        ('į', 5.0), ('ę', 2.0)]),
    // Latvian
    latin(-1.2, &[('ā', 32.0), ('ī', 20.0), ('ē', 18.0), ('ū', 7.0), ('š', 9.0), ('ž', 4.0), ('ņ', 5.0),
        ('ļ', 4.0), ('č', 2.0), ('ķ', 3.0), ('ģ', 2.0)]),
    ranked(Script::Cyrillic, 0.0, "оаеинтрсвлкмдпуяыьгзбчйхжшюцщэфёъ"),
    // Ukrainian
    ranked(Script::Cyrillic, -0.7, "оанкіеиврстлдмпузяьбгйчхцшюєжїщфґ"),
    // Bulgarian
    ranked(Script::Cyrillic, -1.0, "аоиетнрсвлкдпмяуъзбгчжщцхшюфйь"),
    // Serbian, Macedonian
    ranked(Script::Cyrillic, -1.2, "аоиенрјтсувдкпмлзбгњчжћшљђцхфџ"),
    ranked(Script::Greek, 0.0, "αοιετσνηυρπκμλςάέίόήωδγχθύφβώξζψϊϋΐΰ"),
    ranked(Script::Hebrew, -0.5, "יוהלאםרתבשמןעדנחקפצכגסטזךףץ"),
    ranked(Script::Arabic, -0.5, "اليمنرتبوسعدهفقكحجشصطخغذثزضظةىءأإؤئآ"),
    ranked(Script::Thai, -0.5, "านรอกเงมยลวดทสตะปบคหแจพชขใไโผถซธณฐภศษญฉฮฟ"),
];
