//! From a file to another one of the same form: its texts are gathered, replaced, and compared one by one with what
//! they were to an import; those that came to something else are drawn again.

use std::collections::{HashMap, HashSet};

use crate::formats::charset::TextCharset;
use crate::formats::kind::FileKind;
use crate::formats::open::{KnownColumns, Options};
use crate::formats::replace::document::{CannotReplace, Document};
use crate::formats::replace::text::Text;
use crate::import::anonymize::alphabet::Alphabet;
use crate::import::anonymize::digests;
use crate::import::anonymize::draws::Draws;
use crate::import::anonymize::headings::{self, Headings};
use crate::import::anonymize::parts::{self, Cell, Part, What};
use crate::import::anonymize::signature::Signature;
use crate::import::anonymize::tokens::Tokens;
use crate::import::anonymize::words::Rules;
use crate::import::header::Wanted;
use crate::import::importer::Importer;
use crate::passwords::rules as passwords;
use crate::users::domains::Domain;
use crate::users::name::lookup_key;
use crate::users::options::{HeaderLine, ImportOptions};
use crate::users::store_error::StoreError;

/// How often what came to something else is drawn again, in a file with few different texts and in one with many.
const ROUNDS: usize = 40;
const FEW_ROUNDS: usize = 8;

/// Different texts of a file that has many.
const MANY: usize = 50_000;

/// Letters and digits of a text that has to be another one.
const LONG: usize = 4;

/// A file that is to be anonymized.
#[derive(Debug, Clone, Copy)]
pub struct Source<'s> {
    /// Its bytes.
    pub bytes: &'s [u8],
    /// Its name.
    pub name: &'s str,
    /// The domain that its users would go to.
    pub domain: &'s Domain,
    /// How it would be imported.
    pub options: &'s ImportOptions,
}

/// Why a file cannot be anonymized.
#[derive(Debug, thiserror::Error)]
pub enum AnonymizeError {
    /// It cannot be written with other texts.
    #[error(transparent)]
    Document(#[from] CannotReplace),
    /// The roles that exist could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An anonymized file.
#[derive(Debug)]
pub struct Anonymized {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Cells whose content was replaced.
    pub replaced: u64,
    /// Cells that are kept because they mean something to an import, besides the headings.
    pub words: u64,
    /// Cells of which no other form was found: they are as they were.
    pub unreplaced: u64,
}

/// A file whose texts are gathered.
pub struct Anonymizer<'i> {
    importer: &'i Importer,
    source: Source<'i>,
    document: Document,
    headings: Headings,
    roles: HashSet<String>,
    contents: Vec<Content>,
}

/// A text of the file.
struct Content {
    text: String,
    form: Form,
    cell: Cell,
    /// How many cells have it.
    count: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Form {
    Cell,
    Number,
    Date,
}

fn form(text: Text<'_>) -> (Form, &str) {
    match text {
        Text::Cell(text) => (Form::Cell, text),
        Text::Number(text) => (Form::Number, text),
        Text::Date(text) => (Form::Date, text),
    }
}

impl<'i> Anonymizer<'i> {
    /// Gathers the texts of the file, as `importer` would read it.
    ///
    /// # Errors
    /// Its content cannot be replaced.
    pub fn new(
        importer: &'i Importer,
        source: Source<'i>,
        organization: &str,
    ) -> Result<Self, AnonymizeError> {
        let known = |name: &str| importer.claims.column(name).is_some();
        let options = options(importer, source, &known);
        let document = Document::open(source.bytes.to_vec(), &options)?;
        let wanted = Wanted {
            line: match source.options.header {
                HeaderLine::Auto => importer.files.header,
                asked => asked,
            },
            map: &source.options.map,
            settings_map: &importer.files.map,
        };
        let headings = headings::find(source.bytes, &options, wanted, &importer.claims);
        let roles = importer.store.roles(organization, &source.domain.name)?;
        let mut anonymizer = Anonymizer {
            importer,
            source,
            document,
            headings,
            roles: roles.iter().map(|role| lookup_key(role)).collect(),
            contents: Vec::new(),
        };
        anonymizer.contents = anonymizer.gather(&options)?;
        Ok(anonymizer)
    }

    /// The line of the headings, and the headings, which are kept; 0: there are none.
    pub fn headings(&self) -> (u64, &[String]) {
        (self.headings.line, &self.headings.cells)
    }

    /// Whether the file is a workbook, whose sheets keep their names.
    pub fn is_workbook(&self) -> bool {
        self.document.is_workbook()
    }

    fn rules(&self) -> Rules<'_> {
        let headings = self.headings.cells.iter().filter(|it| !it.is_empty());
        Rules {
            claims: &self.importer.claims,
            passwords: &self.importer.passwords,
            domain: self.source.domain,
            roles: self.roles.clone(),
            headings: headings.map(|it| it.to_lowercase()).collect(),
            words: self
                .headings
                .words
                .iter()
                .map(|it| it.to_lowercase())
                .collect(),
            keeps_columns: !self.document.is_table(),
        }
    }

    fn gather(&self, options: &Options<'_>) -> Result<Vec<Content>, CannotReplace> {
        let rules = self.rules();
        let mut places: HashMap<(Form, String), usize> = HashMap::new();
        let mut contents: Vec<Content> = Vec::new();
        self.document.texts(options, &mut |text| {
            let (form, text) = form(text);
            if let Some(place) = places.get(&(form, text.to_owned())) {
                if let Some(content) = contents.get_mut(*place) {
                    content.count += 1;
                }
                return;
            }
            places.insert((form, text.to_owned()), contents.len());
            contents.push(Content {
                text: text.to_owned(),
                form,
                cell: match form {
                    Form::Cell => parts::of_cell(text, &rules),
                    Form::Number => Cell::Parts(parts::of_number(text)),
                    Form::Date => Cell::Parts(vec![Part {
                        place: 0..text.len(),
                        what: What::Date,
                    }]),
                },
                count: 1,
            });
        })?;
        Ok(contents)
    }

    /// The file with other texts, drawn under this key.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn anonymized(&self, key: &[u8; 32]) -> Result<Anonymized, AnonymizeError> {
        let known = |name: &str| self.importer.claims.column(name).is_some();
        let options = options(self.importer, self.source, &known);
        let rules = self.rules();
        let mut drawing = Drawing::new(self, key, &rules);
        let new = drawing.draw_all();
        let mut found = Anonymized {
            bytes: Vec::new(),
            replaced: 0,
            words: 0,
            unreplaced: 0,
        };
        let mut table: HashMap<(Form, &str), &str> = HashMap::new();
        for (content, new) in self.contents.iter().zip(&new) {
            table.insert((content.form, &content.text), new);
            let is_long = content
                .text
                .chars()
                .filter(|it| it.is_alphanumeric())
                .count()
                >= LONG;
            let count = match &content.cell {
                Cell::Empty => continue,
                Cell::Word => &mut found.words,
                Cell::Parts(_) if *new != content.text => &mut found.replaced,
                Cell::Parts(_) if is_well_known(&content.text) => &mut found.words,
                Cell::Parts(_) if is_long && content.form == Form::Cell => &mut found.unreplaced,
                Cell::Parts(_) => continue,
            };
            *count += content.count;
        }
        let headings: u64 = self
            .headings
            .cells
            .iter()
            .filter(|it| !it.is_empty())
            .count() as u64;
        found.words = found.words.saturating_sub(headings);
        found.bytes = self.document.rewritten(&options, &mut |text| {
            table.get(&form(text)).map(|new| (*new).to_owned())
        })?;
        Ok(found)
    }
}

fn options<'o>(
    importer: &'o Importer,
    source: Source<'o>,
    known: &'o (dyn Fn(&str) -> bool + Sync),
) -> Options<'o> {
    let stated = source.options.charset.as_deref();
    Options {
        called: FileKind::called(source.name),
        charset: stated.and_then(TextCharset::for_label),
        settings: &importer.files,
        spool: &importer.spool,
        memory: &importer.workbooks,
        sheet: source.options.sheet.as_deref(),
        columns: KnownColumns(known),
    }
}

fn is_well_known(text: &str) -> bool {
    passwords::common().contains(&text.trim().to_lowercase().as_str())
}

/// Draws the texts of a file under one key.
struct Drawing<'d> {
    contents: &'d [Content],
    document: &'d Document,
    rules: &'d Rules<'d>,
    tokens: Tokens,
    alphabet: Alphabet,
    draws: Draws,
    /// What stands in the place of parts other than tokens.
    others: HashMap<(What, String), String>,
}

impl<'d> Drawing<'d> {
    fn new(anonymizer: &'d Anonymizer<'_>, key: &[u8; 32], rules: &'d Rules<'d>) -> Self {
        let mut drawing = Drawing {
            contents: &anonymizer.contents,
            document: &anonymizer.document,
            rules,
            tokens: Tokens::new(),
            alphabet: Alphabet::new(anonymizer.document.has_alphabet()),
            draws: Draws::new(key),
            others: HashMap::new(),
        };
        for content in drawing.contents {
            drawing.alphabet.see(&content.text);
            for token in tokens(content) {
                drawing.tokens.see(token);
            }
        }
        drawing
    }

    /// The new texts, in the order of the old ones.
    fn draw_all(&mut self) -> Vec<String> {
        let contents = self.contents;
        let mut new: Vec<String> = vec![String::new(); contents.len()];
        let rounds = if contents.len() > MANY {
            FEW_ROUNDS
        } else {
            ROUNDS
        };
        for round in 0..=rounds {
            let mut unlike = Vec::new();
            for (place, (content, new)) in contents.iter().zip(&mut new).enumerate() {
                let drawn = self.replaced(content);
                if drawn != *new || round == 0 {
                    *new = drawn;
                    if !self.is_like(content, new) {
                        unlike.push(place);
                    }
                }
            }
            if unlike.is_empty() {
                break;
            }
            let unlike = unlike
                .iter()
                .filter_map(|place| Some((*place, contents.get(*place)?)));
            for (place, content) in unlike {
                if round < rounds {
                    tokens(content).for_each(|token| self.tokens.forget(token));
                } else if is_well_known(&content.text)
                    && let Some(new) = new.get_mut(place)
                {
                    // A well-known password is public.
                    new.clone_from(&content.text);
                }
            }
        }
        new
    }

    fn is_like(&self, content: &Content, new: &str) -> bool {
        match (&content.cell, content.form) {
            (Cell::Parts(_), Form::Cell) => {
                Signature::of(&content.text, self.rules) == Signature::of(new, self.rules)
            }
            _ => true,
        }
    }

    /// The text with other parts.
    fn replaced(&mut self, content: &Content) -> String {
        let Cell::Parts(parts) = &content.cell else {
            return content.text.clone();
        };
        let mut new = String::with_capacity(content.text.len());
        let mut end = 0;
        for part in parts {
            new.push_str(content.text.get(end..part.place.start).unwrap_or_default());
            let text = content.text.get(part.place.clone()).unwrap_or_default();
            match (part.what, content.form) {
                (What::Token, _) => {
                    let document = self.document;
                    let fits = |old, new| document.fits(old, new);
                    let (alphabet, draws) = (&mut self.alphabet, &mut self.draws);
                    new.push_str(&self.tokens.replaced(text, alphabet, draws, &fits));
                }
                (what, form) => new.push_str(&self.other(what, form, text)),
            }
            end = part.place.end;
        }
        new.push_str(content.text.get(end..).unwrap_or_default());
        new
    }

    /// What stands in the place of a part other than a token.
    fn other(&mut self, what: What, form: Form, text: &str) -> String {
        let key = (what, text.to_owned());
        if let Some(new) = self.others.get(&key) {
            return new.clone();
        }
        let new = match what {
            What::Date if form == Form::Date => serial(text, &mut self.draws),
            What::Date => parts::other_date(text, &mut |most| self.draws.below(most)),
            What::Password => well_known(text, &mut self.draws),
            What::Digest | What::Token => {
                let old = Signature::of(text, self.rules);
                let rules = self.rules;
                let is_like = |new: &str| Signature::of(new, rules) == old;
                let new = digests::replaced(text, &mut self.draws, &is_like);
                // Better something that fails in another way than the hash itself.
                new.unwrap_or_else(|| digests::draw(text, 4, 0, &mut self.draws))
            }
        };
        self.others.insert(key, new.clone());
        new
    }
}

/// The tokens of a text that are replaced.
fn tokens(content: &Content) -> impl Iterator<Item = &str> {
    let parts = match &content.cell {
        Cell::Parts(parts) => parts.as_slice(),
        Cell::Empty | Cell::Word => &[],
    };
    parts
        .iter()
        .filter(|part| part.what == What::Token)
        .filter_map(|part| content.text.get(part.place.clone()))
}

/// Another day in the place of one that is counted from the epoch; the time of day has other digits.
fn serial(text: &str, draws: &mut Draws) -> String {
    let whole = text
        .find(|it: char| !it.is_ascii_digit())
        .unwrap_or(text.len());
    let (days, rest) = text.split_at(whole);
    let days = match days.len() {
        // Of a century around now.
        5 => (20_000 + draws.below(35_000)).to_string(),
        _ => days.to_owned(),
    };
    // Behind the second digit of the time, so that the time stays valid.
    let digits = rest.char_indices().map(|(place, old)| match old {
        '1'..='9' if place > 1 && !rest.contains(['e', 'E']) => {
            char::from_digit(1 + u32::try_from(draws.below(9)).unwrap_or_default(), 10)
                .unwrap_or(old)
        }
        _ => old,
    });
    days + &digits.collect::<String>()
}

/// Another one of the best-known passwords of the same form; the text where there is no other one.
fn well_known(text: &str, draws: &mut Draws) -> String {
    let lower = text.to_lowercase();
    let is_alike = |other: &&&str| {
        let mut pairs = other.bytes().zip(lower.bytes());
        other.len() == lower.len()
            && **other != lower
            && pairs.all(|(new, old)| {
                new == old
                    || new.is_ascii_digit() && old.is_ascii_digit()
                    || new.is_ascii_alphabetic() && old.is_ascii_alphabetic()
            })
    };
    let all: Vec<&&str> = passwords::common().iter().filter(is_alike).collect();
    let Some(new) = all.get(draws.below(all.len())) else {
        return text.to_owned();
    };
    let letters = new.chars().zip(text.chars());
    letters
        .map(|(new, old)| {
            if old.is_uppercase() {
                new.to_ascii_uppercase()
            } else {
                new
            }
        })
        .collect()
}
