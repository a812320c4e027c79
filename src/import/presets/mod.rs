//! The templates and exports of other products, recognized by their headings, so that they need no mapping.
//!
//! Each product has a file and its rows in one table. A preset is found by headings that together belong only
//! to that product; it defines for every column of the product how the column is used and how its cells are
//! written. The caller lists dropped columns in the report. A new preset needs a file, its row in the table,
//! a fixture in `fixtures/presets/` and its section in `docs/files.md`.

pub mod preset;
mod auth0;
mod entra;
mod google;
mod keycloak;
mod microsoft_365;
mod moodle;
mod okta;
mod salesforce;
mod wordpress;

pub use preset::{Cells, Preset, Target};

/// All presets. Among presets that share headings, the more specific one comes first.
static PRESETS: [&Preset; 13] = [
    &entra::TEMPLATE,
    &entra::EXPORT,
    &microsoft_365::TEMPLATE,
    &microsoft_365::EXPORT,
    &google::PRESET,
    &okta::TEMPLATE,
    &okta::EXPORT,
    &keycloak::PRESET,
    &moodle::PRESET,
    &auth0::BY_USER_NAME,
    &auth0::BY_EMAIL,
    &salesforce::PRESET,
    &wordpress::PRESET,
];

/// The preset for these headings (trimmed, in file order); none if they belong to no known product.
pub fn find(headings: &[&str]) -> Option<&'static Preset> {
    PRESETS
        .iter()
        .copied()
        .find(|preset| preset.is_of(headings))
}

/// Whether a first line is one that a template has above its headings and that is skipped: Entra's
/// `version:v1.0`.
pub fn is_preface(cells: &[&str]) -> bool {
    let Some((first, others)) = cells.split_first() else {
        return false;
    };
    let lower = first.trim().to_ascii_lowercase();
    let version = lower.strip_prefix("version:v");
    let is_number = |text: &str| {
        text.starts_with(|first: char| first.is_ascii_digit())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.')
    };
    version.is_some_and(is_number) && others.iter().all(|cell| cell.trim().is_empty())
}

#[cfg(test)]
mod tests;
