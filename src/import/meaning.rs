//! The meaning of a heading: by the caller's map, by the heading itself, or by the product that exported the
//! file.

use std::collections::HashMap;

use crate::formats::cell_name::column_letter;
use crate::import::columns::{REJECT_COLUMNS, is_extra_column};
use crate::import::header_error::{HeaderError, quote};
use crate::import::presets::{self, Cells, Preset, Target};
use crate::passwords::rules;
use crate::users::claims::{ClaimTable, Field};
use crate::users::options::{ColumnMap, IGNORED_COLUMN};

/// The meaning of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// This field.
    Field(Field),
    /// Ignored, because a map or the heading says so.
    Ignored,
    /// Ignored, because there is no equivalent of the product's column.
    Dropped,
    /// Unknown.
    Unknown,
}

/// The meanings of the headings in one line.
pub(super) struct Meanings<'m> {
    claims: &'m ClaimTable,
    /// The maps, by heading or column number.
    mapped: HashMap<String, Meaning>,
    preset: Option<&'static Preset>,
}

impl<'m> Meanings<'m> {
    /// The meanings of `headings`, which are trimmed.
    ///
    /// # Errors
    /// The caller's map names a heading that does not exist, or a map names a column that does not exist.
    pub(super) fn new(
        headings: &[&str],
        map: &ColumnMap,
        settings_map: &ColumnMap,
        claims: &'m ClaimTable,
    ) -> Result<Self, HeaderError> {
        let mut mapped = HashMap::new();
        for (heading, meaning) in settings_map.entries() {
            mapped.insert(folded(heading), column(heading, meaning, claims)?);
        }
        for (heading, meaning) in map.entries() {
            let key = folded(heading);
            let is_heading = headings.iter().any(|it| folded(it) == key);
            let is_number = key
                .parse::<usize>()
                .is_ok_and(|number| (1..=headings.len()).contains(&number));
            if !is_heading && !is_number {
                let heading = heading.to_owned();
                return Err(HeaderError::NotThere { heading });
            }
            mapped.insert(key, column(heading, meaning, claims)?);
        }
        let mut meanings = Meanings {
            claims,
            mapped,
            preset: None,
        };
        let mut each = headings.iter().enumerate();
        let all_known = each.all(|(position, heading)| {
            heading.is_empty() || meanings.of(position, heading) != Meaning::Unknown
        });
        if !(all_known && meanings.has_user_name(headings)) {
            meanings.preset = presets::find(headings);
        }
        Ok(meanings)
    }

    /// The same, without the entries of the maps for which [`new`](Self::new) fails.
    pub(super) fn lenient(
        headings: &[&str],
        map: &ColumnMap,
        settings_map: &ColumnMap,
        claims: &'m ClaimTable,
    ) -> Self {
        let entries = settings_map.entries().chain(map.entries());
        let mapped = entries.filter_map(|(heading, meaning)| {
            Some((folded(heading), column(heading, meaning, claims).ok()?))
        });
        let mut meanings = Meanings {
            claims,
            mapped: mapped.collect(),
            preset: None,
        };
        if !meanings.has_user_name(headings) {
            meanings.preset = presets::find(headings);
        }
        meanings
    }

    /// The meaning of the column at `position`, from 0, with this heading.
    pub(super) fn of(&self, position: usize, heading: &str) -> Meaning {
        if let Some(meaning) = self.by_map(position, heading) {
            return meaning.clone();
        }
        if heading.starts_with('_') {
            return match self.preset {
                // Columns of a product are listed like its other dropped columns.
                Some(_) if !REJECT_COLUMNS.contains(&heading) && !is_extra_column(heading) => {
                    Meaning::Dropped
                }
                _ => Meaning::Ignored,
            };
        }
        let known = |name: &str| self.claims.column(name).cloned().map(Meaning::Field);
        let by_preset = self.preset.and_then(|preset| preset.target(heading));
        match by_preset {
            Some(Target::Column(name)) => known(name).unwrap_or(Meaning::Unknown),
            Some(Target::Dropped) => Meaning::Dropped,
            None => known(heading).unwrap_or(Meaning::Unknown),
        }
    }

    /// The second meaning of the column, for the product that exported the file.
    pub(super) fn second(&self, position: usize, heading: &str) -> Option<Field> {
        let preset = self
            .preset
            .filter(|_| self.by_map(position, heading).is_none())?;
        self.claims.column(preset.second_target(heading)?).cloned()
    }

    /// How the product that exported the file writes the cells of the column.
    pub(super) fn cells(&self, position: usize, heading: &str) -> Cells {
        match (self.preset, self.by_map(position, heading)) {
            (None, _) => Cells::Plain,
            (Some(preset), None) => preset.cells(heading),
            (Some(preset), Some(_)) => preset.mapped_cells(),
        }
    }

    fn by_map(&self, position: usize, heading: &str) -> Option<&Meaning> {
        let by_number = || self.mapped.get(&(position + 1).to_string());
        self.mapped.get(&folded(heading)).or_else(by_number)
    }

    /// The product that exported the file, if the headings are not known otherwise.
    pub(super) fn preset(&self) -> Option<&'static Preset> {
        self.preset
    }

    /// Whether one of the columns is the user name.
    pub(super) fn has_user_name(&self, headings: &[&str]) -> bool {
        let mut each = headings.iter().enumerate();
        each.any(|(position, heading)| {
            self.of(position, heading) == Meaning::Field(Field::UserName)
        })
    }

    /// An unknown heading as messages show it. If the line is not a header, the second cell may be a
    /// password, and so may any cell that looks like one: it is quoted only if it contains a known column.
    /// The columns of a workbook have letters.
    pub(super) fn described(&self, position: usize, heading: &str, is_workbook: bool) -> String {
        let near = self.near(heading);
        let place = |word: &str| match is_workbook {
            true => format!("column {}", column_letter(position)),
            false => format!("{word} {}", position + 1),
        };
        match near {
            _ if heading.is_empty() => format!("{} (it has no heading)", place("column")),
            Some(known) => format!("{} (is it {known}?)", quote(heading)),
            None if position == 1 && !is_workbook => "the second one".to_owned(),
            None if position == 1 || rules::looks_like_password(heading) => place("number"),
            None => quote(heading),
        }
    }

    /// Whether the heading nearly names a known column. `mail.desk` and `City*2026` do not: they continue
    /// after the sign, as names and passwords do.
    pub(super) fn nearly_names(&self, heading: &str) -> bool {
        self.near(heading).is_some_and(|bare| {
            let end = heading.find(bare).map_or(0, |start| start + bare.len());
            let mut rest = heading.get(end..).unwrap_or_default().trim().chars();
            match rest.next() {
                Some('(' | '[' | '{' | '<') => heading.ends_with([')', ']', '}', '>', '*', ':']),
                _ => rest.next().is_none_or(|next| !next.is_alphanumeric()),
            }
        })
    }

    /// The known column that the heading nearly names: `username (required)`, `E-Mail:`.
    fn near<'h>(&self, heading: &'h str) -> Option<&'h str> {
        let bare = heading
            .split(['(', '[', '{', '<', '*', ':', '/', '?', '.'])
            .map(str::trim)
            .find(|piece| !piece.is_empty())?;
        self.claims.column(bare).map(|_| bare)
    }
}

fn column(heading: &str, meaning: &str, claims: &ClaimTable) -> Result<Meaning, HeaderError> {
    if meaning == IGNORED_COLUMN {
        return Ok(Meaning::Ignored);
    }
    let field = claims.column(meaning).or_else(|| claims.claim(meaning));
    let field = field.cloned().map(Meaning::Field);
    field.ok_or_else(|| HeaderError::NoMeaning {
        heading: heading.to_owned(),
        meaning: meaning.to_owned(),
        known: claims.column_names().join(", "),
    })
}

/// Headings are compared without regard to case and white space.
fn folded(heading: &str) -> String {
    let words: Vec<String> = heading.split_whitespace().map(str::to_lowercase).collect();
    words.join(" ")
}
