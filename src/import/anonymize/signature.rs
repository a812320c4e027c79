//! What a cell comes to in an import, as far as it can be told of the cell alone. A text that has the same signature
//! fails in the same way in its place.

use crate::import::anonymize::words::{Rules, is_word_of_header};
use crate::import::cells::{
    is_address, is_claim_shaped, is_null_word, is_ruled, spreadsheet_error, text_marked, trimmed,
};
use crate::import::header_words;
use crate::passwords::hash_schemes::Recognised;
use crate::passwords::hash_schemes::digest_form::DigestForms;
use crate::passwords::password_masks::is_mask;
use crate::passwords::rules::{self, Fitness};
use crate::users::account_state::truth;
use crate::users::claims::Field;
use crate::users::domains::Qualified;
use crate::users::name::UserName;

/// What a cell comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Signature {
    /// Bytes of the text without blanks, and whether a spreadsheet's mark makes it text.
    bare: (usize, bool),
    is_blank: bool,
    hash: Option<Hash>,
    digest: (DigestForms, bool),
    is_mask: bool,
    /// What it is fit for as a password.
    password: Option<Fitness>,
    looks_like_password: bool,
    is_address: bool,
    /// Of `claimURI=value`: the claim, and whether the URI makes it one of roles.
    claim: Option<(Option<Field>, bool)>,
    error: (Option<&'static str>, Option<&'static str>),
    is_null: bool,
    truth: Option<bool>,
    column: Option<Field>,
    heading: [bool; 4],
    is_ruled: bool,
    is_role: bool,
    /// What stands before it and is a domain or none, and the rule that the name behind it breaks.
    name: (Prefix, Option<&'static str>),
}

/// What stands before the first `/` of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prefix {
    None,
    OtherDomain,
    Unknown,
}

/// A text that looks like a hash.
#[derive(Debug, PartialEq, Eq)]
enum Hash {
    /// The scheme, and what is wrong with it.
    Known(&'static str, Option<String>),
    Foreign(&'static str),
    Unnamed,
    Locked,
    Unusable,
}

impl Signature {
    /// That of a cell as the file has it.
    pub(super) fn of(cell: &str, rules: &Rules<'_>) -> Self {
        let whole = trimmed(cell);
        let marked = text_marked(whole);
        let bare = marked.map_or(whole, trimmed);
        let (prefix, name) = match rules.domain.strip(bare) {
            Qualified::Here(name) => (Prefix::None, name),
            Qualified::Elsewhere(name) => (Prefix::OtherDomain, name),
            Qualified::Unknown(_) => (Prefix::Unknown, bare),
        };
        let broken = UserName::parse(name, rules.domain.user_name_rule.as_ref());
        Signature {
            bare: (bare.len(), marked.is_some()),
            is_blank: bare.is_empty(),
            hash: hash(bare, rules),
            digest: (DigestForms::of(bare), rules.passwords.is_bare_digest(bare)),
            is_mask: is_mask(bare),
            password: rules.passwords.judge(bare).ok(),
            looks_like_password: rules::looks_like_password(bare),
            is_address: is_address(bare),
            claim: is_claim_shaped(bare).then(|| {
                let (uri, _) = bare.split_once('=').unwrap_or_default();
                let uri = uri.trim();
                (rules.claims.claim(uri).cloned(), uri.contains("role"))
            }),
            error: (
                spreadsheet_error(bare, false),
                spreadsheet_error(bare, true),
            ),
            is_null: is_null_word(bare),
            truth: truth(bare),
            column: rules.claims.column(bare).cloned(),
            heading: [
                is_word_of_header(bare),
                header_words::is_user_name(bare),
                header_words::is_password(bare),
                header_words::is_numbered(bare, rules.claims),
            ],
            is_ruled: is_ruled(std::iter::once(bare)),
            is_role: rules.is_role(bare),
            name: (prefix, broken.err().map(|error| error.code())),
        }
    }
}

fn hash(text: &str, rules: &Rules<'_>) -> Option<Hash> {
    Some(match rules.passwords.recognise(text)? {
        Recognised::Known(known) => {
            let wrong = known.check().err().map(|error| error.to_string());
            Hash::Known(known.scheme(), wrong)
        }
        Recognised::Foreign(name) => Hash::Foreign(name),
        Recognised::Unnamed => Hash::Unnamed,
        Recognised::Locked => Hash::Locked,
        Recognised::Unusable => Hash::Unusable,
    })
}
