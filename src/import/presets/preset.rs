//! What a preset is: the headings by which a product's file is told, and what becomes of each column.

/// What a preset makes of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The column of this name, or the claim of this URI.
    Column(&'static str),
    /// Nothing: it is not read.
    Dropped,
}

/// How the cells of a column are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cells {
    /// As they are.
    Plain,
    /// Without the apostrophe that the product puts before every text.
    Apostrophe,
    /// Words of the product, and what they mean here; in any case. Other words stay as they are.
    Words(&'static [(&'static str, &'static str)]),
    /// Asterisks stand for "leave the password as it is", which is no password.
    Asterisks,
    /// What the password of the row was hashed with, or nothing. Only `crypt` says so itself.
    HashFunction,
    /// As they are; one that begins with `Example:` tells that the row is the template's example and no
    /// user.
    Example,
}

/// What the column [`Cells::HashFunction`] says when the hash tells its scheme itself.
const CRYPT: &str = "crypt";

/// What the example of a template begins with.
const EXAMPLE: &str = "example:";

impl Cells {
    /// What the cell says.
    pub fn read(self, cell: &str) -> &str {
        match self {
            Cells::Plain | Cells::HashFunction | Cells::Example => cell,
            Cells::Apostrophe => cell.strip_prefix('\'').unwrap_or(cell),
            Cells::Words(words) => {
                let word = words
                    .iter()
                    .find(|(word, _)| word.eq_ignore_ascii_case(cell.trim()));
                word.map_or(cell, |(_, meaning)| meaning)
            }
            Cells::Asterisks if cell.bytes().all(|byte| byte == b'*') => "",
            Cells::Asterisks => cell,
        }
    }

    /// Whether the cell says that its row is an example.
    pub fn is_example(self, cell: &str) -> bool {
        let beginning = cell.trim_start().get(..EXAMPLE.len());
        self == Cells::Example && beginning.is_some_and(|it| it.eq_ignore_ascii_case(EXAMPLE))
    }

    /// Whether the cell says that the row's password is a hash of a kind that cannot be verified.
    pub fn is_foreign_hash(self, cell: &str) -> bool {
        let cell = cell.trim();
        self == Cells::HashFunction && !cell.is_empty() && !cell.eq_ignore_ascii_case(CRYPT)
    }
}

/// What a preset says of one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// It is this column.
    To(&'static str),
    /// It is both, the user name and the e-mail address.
    NameAndEmail,
    /// It is this column, in words of the product.
    Words(&'static str, &'static [(&'static str, &'static str)]),
    /// It is this column, by which the template's example is told.
    Example(&'static str),
    /// It is the password, or asterisks.
    Password,
    /// It says what the password was hashed with.
    HashFunction,
    /// It is not read.
    Drop,
}

/// The files that one product writes, or takes.
#[derive(Debug)]
pub struct Preset {
    /// The product and its file, such as "Okta (CSV import template)".
    pub name: &'static str,
    /// Of each group at least one heading has to be there.
    pub(super) signature: &'static [&'static [&'static str]],
    /// None of these may be there: they belong to another product that shares the others.
    pub(super) without: &'static [&'static str],
    /// The part of a heading that tells the column.
    pub(super) key: fn(&str) -> &str,
    /// The columns by their headings, the first that fits as [`fits`] says.
    pub(super) columns: &'static [&'static [(&'static str, Rule)]],
    /// Every text has an apostrophe before it.
    pub(super) apostrophes: bool,
}

impl Preset {
    /// Whether these are the headings of such a file.
    pub(super) fn is_of(&self, headings: &[&str]) -> bool {
        let has = |pattern: &&str| {
            let mut keys = headings.iter().map(|heading| (self.key)(heading));
            keys.any(|key| fits(pattern, key))
        };
        self.signature.iter().all(|group| group.iter().any(has)) && !self.without.iter().any(has)
    }

    fn column(&self, heading: &str) -> Option<&(&'static str, Rule)> {
        let key = (self.key)(heading);
        if key.trim().is_empty() || key.contains("://") {
            return None;
        }
        let mut columns = self.columns.iter().copied().flatten();
        columns.find(|(pattern, _)| fits(pattern, key))
    }

    fn rule(&self, heading: &str) -> Option<Rule> {
        self.column(heading).map(|(_, rule)| *rule)
    }

    /// Whether the heading is the product's own, and not one that its users may choose.
    pub fn names(&self, heading: &str) -> bool {
        let column = self.column(heading);
        column.is_some_and(|(pattern, _)| !pattern.starts_with('*') && !pattern.ends_with('*'))
    }

    /// What becomes of the column; none: the product has no such column. A claim URI is none of any product.
    pub fn target(&self, heading: &str) -> Option<Target> {
        Some(match self.rule(heading)? {
            Rule::To(column) | Rule::Words(column, _) | Rule::Example(column) => {
                Target::Column(column)
            }
            Rule::NameAndEmail => Target::Column("username"),
            Rule::Password => Target::Column("password"),
            Rule::HashFunction | Rule::Drop => Target::Dropped,
        })
    }

    /// The other column that has the same cells: the address that is the user name is the e-mail address
    /// too.
    pub fn second_target(&self, heading: &str) -> Option<&'static str> {
        (self.rule(heading)? == Rule::NameAndEmail).then_some("emailaddress")
    }

    /// How the column's cells are read.
    pub fn cells(&self, heading: &str) -> Cells {
        match self.rule(heading) {
            Some(Rule::Words(_, words)) => Cells::Words(words),
            Some(Rule::Password) => Cells::Asterisks,
            Some(Rule::HashFunction) => Cells::HashFunction,
            Some(Rule::Example(_)) => Cells::Example,
            _ => self.mapped_cells(),
        }
    }

    /// How the cells of a column are read that the caller says the meaning of.
    pub fn mapped_cells(&self) -> Cells {
        match self.apostrophes {
            true => Cells::Apostrophe,
            false => Cells::Plain,
        }
    }
}

/// The whole heading tells the column.
pub(super) fn whole(heading: &str) -> &str {
    heading
}

/// The heading without an apostrophe before it.
pub(super) fn without_apostrophe(heading: &str) -> &str {
    heading.strip_prefix('\'').unwrap_or(heading)
}

/// The text in the heading's last square brackets: `displayName` of `Name [displayName] Required`.
/// A heading without any tells nothing.
pub(super) fn in_brackets(heading: &str) -> &str {
    heading
        .rsplit_once('[')
        .and_then(|(_, rest)| rest.split_once(']'))
        .map_or("", |(key, _)| key)
}

/// The text before the heading's square brackets: `First Name` of `First Name [Required]`.
pub(super) fn before_brackets(heading: &str) -> &str {
    heading.split_once('[').map_or(heading, |(key, _)| key)
}

/// Whether `key` is what `pattern` describes. Case makes no difference, and blanks, hyphens and underscores
/// make none but at the end behind a `*`. `*` at one end of the pattern is any text, `#` at its end a number.
pub(super) fn fits(pattern: &str, key: &str) -> bool {
    if let Some(beginning) = pattern.strip_suffix('*') {
        return after(beginning, key).is_some();
    }
    if let Some(beginning) = pattern.strip_suffix('#') {
        let number = after(beginning, key);
        return number.is_some_and(|rest| {
            !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit())
        });
    }
    if let Some(end) = pattern.strip_prefix('*') {
        let front = key
            .trim()
            .len()
            .checked_sub(end.len())
            .filter(|front| *front > 0);
        let found = front.and_then(|front| key.trim().get(front..));
        return found.is_some_and(|found| found.eq_ignore_ascii_case(end));
    }
    letters(pattern).eq(letters(key))
}

/// What follows in `key` behind `beginning`; it may be empty.
fn after<'k>(beginning: &str, key: &'k str) -> Option<&'k str> {
    let mut rest = key.char_indices();
    let mut wanted = letters(beginning);
    let Some(mut next) = wanted.next() else {
        return Some(key);
    };
    loop {
        let (_, found) = rest.find(|(_, letter)| !is_skipped(*letter))?;
        if found.to_ascii_lowercase() != next {
            return None;
        }
        match wanted.next() {
            Some(letter) => next = letter,
            None => return Some(rest.as_str()),
        }
    }
}

fn letters(text: &str) -> impl Iterator<Item = char> {
    let letters = text.chars().filter(|letter| !is_skipped(*letter));
    letters.map(|letter| letter.to_ascii_lowercase())
}

fn is_skipped(letter: char) -> bool {
    matches!(letter, ' ' | '\u{a0}' | '-' | '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_fit_in_any_case_and_spelling_of_blanks() {
        for (pattern, key, whether) in [
            ("email verified", "email_verified", true),
            ("email verified", "Email Verified", true),
            ("email verified", "emailVerified", true),
            ("email verified", "email verified at", false),
            ("email", "e-mail", true),
            ("email", "emails", false),
            ("course#", "course1", true),
            ("course#", "Course12", true),
            ("course#", "course", false),
            ("course#", "course1a", false),
            ("profile field *", "profile_field_year", true),
            ("profile field *", "profile", false),
            ("*__c", "Badge__c", true),
            ("*__c", "__c", false),
            ("*__c", "Music", false),
            ("*usage", "Email Usage ", true),
            ("*", "anything", true),
            ("name", "náme", false),
            ("name*", "ná", false),
            ("*name", "é", false),
        ] {
            assert_eq!(fits(pattern, key), whether, "{pattern} {key}");
        }
    }

    #[test]
    fn a_heading_is_told_by_a_part_of_it() {
        assert_eq!(in_brackets("Name [displayName] Required"), "displayName");
        assert_eq!(
            in_brackets("Name (e.g. [x]) [displayName] *"),
            "displayName"
        );
        assert_eq!(in_brackets("displayName"), "");
        assert_eq!(in_brackets("Name ["), "");
        assert_eq!(before_brackets("First Name [Required]"), "First Name ");
        assert_eq!(before_brackets("Work Phone"), "Work Phone");
    }

    #[test]
    fn cells_are_read_as_the_product_writes_them() {
        assert_eq!(Cells::Plain.read("'a"), "'a");
        assert_eq!(Cells::Apostrophe.read("''t Hooft"), "'t Hooft");
        assert_eq!(Cells::Apostrophe.read("2024-01-02"), "2024-01-02");
        let states = Cells::Words(&[("Suspended", "false")]);
        assert_eq!(states.read(" suspended "), "false");
        assert_eq!(states.read("Other"), "Other");
        assert_eq!(Cells::Asterisks.read("****"), "");
        assert_eq!(Cells::Asterisks.read("*Stern*2024*"), "*Stern*2024*");
        for (cell, whether) in [
            ("", false),
            ("Crypt", false),
            ("SHA-1", true),
            ("MD5", true),
        ] {
            assert_eq!(Cells::HashFunction.is_foreign_hash(cell), whether, "{cell}");
        }
        assert!(!Cells::Plain.is_foreign_hash("MD5"));
        assert!(Cells::Example.is_example("Example: Chris Green"));
        assert!(!Cells::Example.is_example("Chris Green"));
        assert!(!Cells::Plain.is_example("Example: Chris Green"));
    }
}
