//! The definition of a preset: the headings that identify a product's file, and the use of each column.

/// How a preset uses a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The column of this name, or the claim of this URI.
    Column(&'static str),
    /// The column is not read.
    Dropped,
}

/// How the cells of a column are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cells {
    /// Unchanged.
    Plain,
    /// Without the apostrophe that the product puts before every text.
    Apostrophe,
    /// Words of the product and their meaning here, ignoring case. Other words are unchanged.
    Words(&'static [(&'static str, &'static str)]),
    /// Asterisks mean "keep the password" and are not a password.
    Asterisks,
    /// The hash function of the row's password, or empty. Only `crypt` hashes name their scheme themselves.
    HashFunction,
    /// Unchanged; a cell that begins with `Example: ` marks the row as the template's example and not a user.
    Example,
}

/// The cell of [`Cells::HashFunction`] if the hash names its scheme itself.
const CRYPT: &str = "crypt";

/// The beginning of the example cell of a template. No valid user name has it, because of the space.
const EXAMPLE: &str = "example: ";

/// Whether a cell marks its row as the example of a template.
pub fn is_example(cell: &str) -> bool {
    let beginning = cell.trim_start().get(..EXAMPLE.len());
    beginning.is_some_and(|it| it.eq_ignore_ascii_case(EXAMPLE))
}

impl Cells {
    /// The value of the cell.
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

    /// Whether the cell marks its row as an example.
    pub fn is_example(self, cell: &str) -> bool {
        self == Cells::Example && is_example(cell)
    }

    /// Whether the cell says that the row's password is a hash that cannot be verified.
    pub fn is_foreign_hash(self, cell: &str) -> bool {
        let cell = cell.trim();
        self == Cells::HashFunction && !cell.is_empty() && !cell.eq_ignore_ascii_case(CRYPT)
    }
}

/// The rule of a preset for one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// It is this column.
    To(&'static str),
    /// It is both the user name and the e-mail address.
    NameAndEmail,
    /// It is this column, in words of the product.
    Words(&'static str, &'static [(&'static str, &'static str)]),
    /// It is this column, and it marks the template's example.
    Example(&'static str),
    /// It is the password, or asterisks.
    Password,
    /// It names the hash function of the password.
    HashFunction,
    /// It is not read.
    Drop,
}

/// A file format of one product, exported or imported.
#[derive(Debug)]
pub struct Preset {
    /// The product and its file, such as "Okta (CSV import template)".
    pub name: &'static str,
    /// At least one heading of each group must be present.
    pub(super) signature: &'static [&'static [&'static str]],
    /// None of these may be present: they belong to another product with otherwise similar headings.
    pub(super) without: &'static [&'static str],
    /// Returns the part of a heading that identifies the column.
    pub(super) key: fn(&str) -> &str,
    /// The columns by heading; the first one that matches according to [`fits`] is used.
    pub(super) columns: &'static [&'static [(&'static str, Rule)]],
    /// Whether every text has an apostrophe before it.
    pub(super) apostrophes: bool,
}

impl Preset {
    /// Whether a file with these headings has this format.
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

    /// Whether the heading is defined by the product and not by its users.
    pub fn names(&self, heading: &str) -> bool {
        let column = self.column(heading);
        column.is_some_and(|(pattern, _)| !pattern.starts_with('*') && !pattern.ends_with('*'))
    }

    /// How the column is used; none if the product has no such column. No product has claim URIs.
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

    /// The second column with the same cells: an address that is the user name is the e-mail address too.
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

    /// How the cells of a column are read whose meaning the caller has specified.
    pub fn mapped_cells(&self) -> Cells {
        match self.apostrophes {
            true => Cells::Apostrophe,
            false => Cells::Plain,
        }
    }
}

/// The whole heading identifies the column.
pub(super) fn whole(heading: &str) -> &str {
    heading
}

/// The heading without the apostrophe before it.
pub(super) fn without_apostrophe(heading: &str) -> &str {
    heading.strip_prefix('\'').unwrap_or(heading)
}

/// The text in the last square brackets of the heading: `displayName` in `Name [displayName] Required`. Empty
/// for a heading without brackets.
pub(super) fn in_brackets(heading: &str) -> &str {
    heading
        .rsplit_once('[')
        .and_then(|(_, rest)| rest.split_once(']'))
        .map_or("", |(key, _)| key)
}

/// The text before the square brackets of the heading: `First Name ` in `First Name [Required]`.
pub(super) fn before_brackets(heading: &str) -> &str {
    heading.split_once('[').map_or(heading, |(key, _)| key)
}

/// Whether `key` matches `pattern`. Case is ignored, and so are blanks, hyphens and underscores except at the
/// end after a `*`. `*` at one end of the pattern is any text, `#` at its end a number.
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

/// The part of `key` after `beginning`; it may be empty.
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
    fn headings_match_regardless_of_case_and_separators() {
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
    fn part_of_a_heading_identifies_the_column() {
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
    fn cells_are_read_in_the_form_of_the_product() {
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
        assert!(is_example(" EXAMPLE: kim") && !is_example("Example:kim"));
        assert!(!Cells::Plain.is_example("Example: Chris Green"));
    }
}
