//! Words that are kept, because an import gives them a meaning and they identify no person.

use std::collections::HashSet;

use crate::import::cells::{
    is_claim_shaped, is_null_word, is_ruled, is_separator_line, spreadsheet_error, trimmed,
};
use crate::import::columns::CLEAR;
use crate::import::header_words;
use crate::import::presets;
use crate::passwords::hash_schemes::Recognised;
use crate::passwords::password_masks::is_mask;
use crate::passwords::rules as passwords;
use crate::users::account_state::truth;
use crate::users::claims::{ClaimTable, WSO2_DIALECT};
use crate::users::domains::Domain;
use crate::users::name::lookup_key;

/// What the file and the settings say of words.
#[derive(Debug)]
pub(super) struct Rules<'r> {
    pub claims: &'r ClaimTable,
    pub passwords: &'r passwords::Settings,
    pub domain: &'r Domain,
    /// Roles that exist, by their keys.
    pub roles: HashSet<String>,
    /// The headings, in lower case.
    pub headings: HashSet<String>,
    /// Words of the product that exported the file, in lower case.
    pub words: HashSet<String>,
    /// Whether the names of columns are kept wherever they stand: the file could not be divided into cells.
    pub keeps_columns: bool,
}

/// Parts of names that are kept: prefixes of roles, schemes of URLs, marks of examples.
const TOKENS: [&str; 17] = [
    "admin",
    "everyone",
    "internal",
    "application",
    "workflow",
    "example",
    "http",
    "https",
    "ftp",
    "ldap",
    "ldaps",
    "mailto",
    "urn",
    "sep",
    "version",
    "base64",
    "data",
];

/// Words by which texts are recognized that are not tables (`formats/not_a_table.rs`).
const OF_OTHER_TEXTS: [&str; 51] = [
    "begin",
    "body",
    "br",
    "cell",
    "charset",
    "com",
    "content",
    "copy",
    "create",
    "database",
    "date",
    "delivered",
    "div",
    "dn",
    "doctype",
    "drop",
    "excel",
    "foreign",
    "from",
    "head",
    "html",
    "id",
    "insert",
    "into",
    "keys",
    "message",
    "meta",
    "microsoft",
    "mime",
    "names",
    "office",
    "path",
    "pragma",
    "ps",
    "received",
    "return",
    "row",
    "schemas",
    "script",
    "set",
    "spreadsheet",
    "sql",
    "style",
    "subject",
    "table",
    "title",
    "to",
    "transaction",
    "vcalendar",
    "vcard",
    "xml",
];

impl Rules<'_> {
    /// Whether the token is kept wherever it stands.
    pub(super) fn keeps_token(&self, token: &str) -> bool {
        let lower = token.to_lowercase();
        let is_domain = || {
            let mut all = self.domain.all.iter();
            all.any(|domain| domain.eq_ignore_ascii_case(token))
        };
        TOKENS.contains(&lower.as_str())
            || is_domain()
            || self.keeps_columns
                && (self.claims.column(token).is_some() || OF_OTHER_TEXTS.contains(&lower.as_str()))
    }

    /// Whether the cell is kept as a whole, without what is blank at its ends.
    pub(super) fn keeps(&self, cell: &str) -> bool {
        let lower = cell.to_lowercase();
        self.is_heading(cell)
            || self.words.contains(&lower)
            || cell == CLEAR
            || truth(cell).is_some()
            || is_null_word(cell)
            || self.is_error(cell)
            || self.is_role(cell)
            || self.is_mark_of_account(cell)
            || (is_mask(cell) && !shows_something(cell))
            || is_separator_line(std::iter::once(cell))
            || presets::is_preface(&[cell])
            || is_ruled(std::iter::once(cell))
    }

    /// Whether the cell is one of the file's headings, or could be one of any file.
    fn is_heading(&self, cell: &str) -> bool {
        self.headings.contains(&cell.to_lowercase())
            || self.claims.column(cell).is_some()
            || is_word_of_header(cell)
            || header_words::is_numbered(cell, self.claims)
    }

    fn is_error(&self, cell: &str) -> bool {
        // Known words; what only looks like an error of a spreadsheet may be anything.
        spreadsheet_error(cell, true).is_some()
            || cell.starts_with(['E', 'e']) && spreadsheet_error(cell, false).is_some()
    }

    /// Whether the cell is a role that exists.
    pub(super) fn is_role(&self, cell: &str) -> bool {
        self.roles.contains(&lookup_key(cell))
    }

    /// Whether the cell is the mark of an account that cannot log in, and nothing else.
    fn is_mark_of_account(&self, cell: &str) -> bool {
        cell.len() <= 16 && matches!(self.passwords.recognise(cell), Some(Recognised::Unusable))
    }
}

/// Whether the cell is a word for user names or passwords over a column, in any language that is known.
pub(super) fn is_word_of_header(cell: &str) -> bool {
    header_words::are_user_and_password(cell, "password")
        || header_words::are_user_and_password("user", cell)
}

/// Whether a mask leaves characters of what it hides, such as `S********7`.
fn shows_something(mask: &str) -> bool {
    let hides = |it: char| matches!(it, '*' | '•' | '●' | '∙' | '⬤' | '■' | '█' | '＊');
    // What stands between stars is a word such as `**removed**`.
    let is_bracketed = mask.starts_with('*') && mask.ends_with('*');
    mask.contains(hides) && mask.contains(char::is_alphanumeric) && !is_bracketed
}

/// Beginnings of claim URIs whose other part is a name like a heading, whether it is known or not.
const DIALECTS: [&str; 4] = [
    WSO2_DIALECT,
    "urn:ietf:params:scim:",
    "urn:scim:",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/",
];

/// How much of a cell that reads `claimURI=value` is its URI, with the sign, and whether that is kept: it is where the
/// claim is known or could be one of a known dialect. Any other URI may be an address with a query.
pub(super) fn claim_uri(cell: &str, rules: &Rules<'_>) -> Option<(usize, bool)> {
    if !is_claim_shaped(trimmed(cell)) {
        return None;
    }
    let sign = cell.find('=')?;
    let uri = trimmed(cell.get(..sign)?);
    let begins = |dialect: &str| {
        let rest = uri.strip_prefix(dialect);
        rest.is_some_and(|rest| !rest.contains(['?', '@', '&']))
    };
    let is_kept = rules.claims.claim(uri).is_some() || DIALECTS.into_iter().any(begins);
    Some((sign + 1, is_kept))
}
