//! What the pages show: one struct for each template in `http/web/templates/`. All texts are ready to be shown; the
//! templates escape them.

use std::fmt::Write as _;

use askama::Template;
use askama::filters::Safe;

/// What every page has.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Path of the portal without a slash at the end, such as `/portal`; every link begins with it.
    pub base: String,
    /// A part of the assets' addresses that changes with their content.
    pub assets: String,
    /// The title.
    pub title: String,
    /// The token that every form sends back in the field `csrf`.
    pub csrf: String,
    /// The operator; none before they have signed in.
    pub operator: Option<Operator>,
    /// A message at the top of the page.
    pub notice: Option<Notice>,
}

/// The operator who has signed in.
#[derive(Debug, Clone)]
pub struct Operator {
    /// The name.
    pub name: String,
    /// The organization.
    pub organization: String,
    /// The role: `read`, `import` or `admin`.
    pub role: &'static str,
    /// Whether they may import.
    pub may_import: bool,
}

/// A message.
#[derive(Debug, Clone)]
pub struct Notice {
    /// `info`, `success`, `warning` or `error`.
    pub kind: &'static str,
    /// The sentence.
    pub text: String,
    /// The code, if there is one.
    pub code: String,
}

/// The entries of a menu.
pub type Menu = Vec<Entry>;

/// One entry of a menu.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// The value that the form sends.
    pub value: String,
    /// The text.
    pub label: String,
    /// Whether it is selected.
    pub selected: bool,
}

/// A label and its value.
#[derive(Debug, Clone)]
pub struct Fact {
    /// The label.
    pub label: &'static str,
    /// The value.
    pub value: String,
}

/// Links to the neighbours of a page of a list.
#[derive(Debug, Clone, Default)]
pub struct Pager {
    /// Such as `1 to 50 of 312`.
    pub shown: String,
    /// The address of the previous page; empty: there is none.
    pub previous: String,
    /// The address of the next page; empty: there is none.
    pub next: String,
    /// The number of this page, from 1; 0: the pages have no numbers.
    pub number: u64,
}

/// `GET /portal/sign-in`.
#[derive(Debug, Template)]
#[template(path = "sign_in.html")]
pub struct SignIn {
    /// The page.
    pub page: Page,
    /// The name that was entered.
    pub name: String,
    /// Where to go afterwards: a path below the base.
    pub next: String,
    /// What was wrong.
    pub error: String,
    /// Whether the first operator still has to set a password.
    pub first_run: bool,
}

/// `GET /portal/first-run`.
#[derive(Debug, Template)]
#[template(path = "first_run.html")]
pub struct FirstRun {
    /// The page.
    pub page: Page,
    /// The operator's name.
    pub name: String,
    /// What was wrong.
    pub error: String,
    /// The rules for the new password.
    pub rules: String,
}

/// `GET /portal/sessions`.
#[derive(Debug, Template)]
#[template(path = "sessions.html")]
pub struct Sessions {
    /// The page.
    pub page: Page,
    /// The operator's sessions, the latest first.
    pub sessions: Vec<SessionRow>,
    /// Minutes without use after which a session ends.
    pub idle_minutes: u64,
}

/// One session.
#[derive(Debug)]
pub struct SessionRow {
    /// Its public number, for the form that ends it.
    pub id: String,
    /// When it was opened.
    pub opened: String,
    /// When it was last used.
    pub used: String,
    /// The client's address.
    pub address: String,
    /// The browser.
    pub agent: String,
    /// Whether it is this session.
    pub current: bool,
}

/// `GET /portal/imports`.
#[derive(Debug, Template)]
#[template(path = "imports.html")]
pub struct Imports {
    /// The page.
    pub page: Page,
    /// States to filter by; the first entry is all.
    pub states: Menu,
    /// Channels to filter by; the first entry is all.
    pub channels: Menu,
    /// The operator to filter by.
    pub operator: String,
    /// The part of the file's name to filter by.
    pub file: String,
    /// First day, `2026-11-30`, or empty.
    pub since: String,
    /// Last day, or empty.
    pub until: String,
    /// Whether a filter is set.
    pub filtered: bool,
    /// What is wrong with the filter.
    pub error: String,
    /// The imports, newest first.
    pub rows: Vec<ImportRow>,
    /// Neighbouring pages.
    pub pager: Pager,
}

/// One import in the list.
#[derive(Debug)]
pub struct ImportRow {
    /// Its id.
    pub id: String,
    /// The file's name; empty: there was no file.
    pub file: String,
    /// The state.
    pub state: StateBadge,
    /// The channel.
    pub channel: &'static str,
    /// The operator.
    pub operator: String,
    /// When it began, for readers.
    pub started: String,
    /// When it began (RFC 3339).
    pub started_at: String,
    /// The duration.
    pub duration: String,
    /// The counters.
    pub figures: Figures,
}

/// The state of an import.
#[derive(Debug, Clone)]
pub struct StateBadge {
    /// `queued`, `running`, `completed`, `interrupted`, `failed`, `cancelled` or `undone`.
    pub code: &'static str,
    /// `good`, `warning`, `bad`, `live` or `plain`: a completed import of which rows failed is `warning`.
    pub tone: &'static str,
    /// The text, such as `completed, 3 rows failed`.
    pub text: String,
    /// Whether it is queued or running.
    pub live: bool,
}

/// Counters of rows, each as a number and as text with separators.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// All rows.
    pub rows: u64,
    /// Created, or to be created.
    pub created: u64,
    /// Updated.
    pub updated: u64,
    /// Unchanged.
    pub unchanged: u64,
    /// Duplicates.
    pub duplicate: u64,
    /// Failed.
    pub failed: u64,
    /// Skipped.
    pub skipped: u64,
    /// Warnings.
    pub warnings: u64,
    /// Cells that the operator changed.
    pub mended: u64,
}

/// One counter of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Counter {
    /// Identifies it for scripts and the style sheet.
    pub key: &'static str,
    /// The label.
    pub label: &'static str,
    /// The number of rows.
    pub count: u64,
    /// Where its part of the bar begins, in percent.
    pub from: f64,
    /// The width of its part of the bar, in percent.
    pub width: f64,
}

/// Width of the smallest part of the bar that can be seen, in percent.
const SMALLEST_PART: f64 = 0.5;

impl Figures {
    /// The counters of which each row is in exactly one, after an import.
    pub fn counted(&self) -> Vec<Counter> {
        let labels = [
            "Created",
            "Updated",
            "Unchanged",
            "Duplicates",
            "Failed",
            "Skipped",
        ];
        self.counters(labels)
    }

    /// The same, before an import.
    pub fn planned(&self) -> Vec<Counter> {
        let labels = [
            "To create",
            "To update",
            "Unchanged",
            "Duplicates",
            "Problems",
            "Skipped",
        ];
        self.counters(labels)
    }

    /// Rows that are in none of the counters, because they are still being processed or the import ended early.
    pub fn uncounted(&self) -> u64 {
        let counted: u64 = self.counted().iter().map(|counter| counter.count).sum();
        self.rows.saturating_sub(counted)
    }

    #[allow(clippy::cast_precision_loss, reason = "widths of a bar")]
    fn counters(&self, labels: [&'static str; 6]) -> Vec<Counter> {
        let keys = [
            "created",
            "updated",
            "unchanged",
            "duplicate",
            "failed",
            "skipped",
        ];
        let counts = [
            self.created,
            self.updated,
            self.unchanged,
            self.duplicate,
            self.failed,
            self.skipped,
        ];
        let widths = counts.map(|count| match count {
            0 => 0.0,
            _ => (count as f64 / self.rows.max(1) as f64 * 100.0).max(SMALLEST_PART),
        });
        let scale = 100.0 / widths.iter().sum::<f64>().max(100.0);
        let mut from = 0.0;
        let parts = keys
            .into_iter()
            .zip(labels)
            .zip(counts.into_iter().zip(widths));
        let counters = parts.map(|((key, label), (count, width))| {
            let width = width * scale;
            let counter = Counter {
                key,
                label,
                count,
                from,
                width,
            };
            from += width;
            counter
        });
        counters.collect()
    }
}

/// How a value is shown.
pub trait Shown {
    /// The value as HTML.
    fn shown(&self) -> Safe<String>;
}

/// A number with separators, and without them for programs.
impl Shown for u64 {
    fn shown(&self) -> Safe<String> {
        Safe(format!("<data value=\"{self}\">{}</data>", grouped(self)))
    }
}

/// A text from a file or a caller: its direction does not affect the text around it, and characters that cannot be
/// seen are marked.
impl Shown for String {
    fn shown(&self) -> Safe<String> {
        let inner = self.trim();
        let before = self.len() - self.trim_start().len();
        let inside = before..before + inner.len();
        let mut html = String::with_capacity(self.len() + 16);
        html.push_str("<bdi>");
        for (at, character) in self.char_indices() {
            let written = match character {
                '&' => write!(html, "&amp;"),
                '<' => write!(html, "&lt;"),
                '>' => write!(html, "&gt;"),
                '"' => write!(html, "&quot;"),
                '\'' => write!(html, "&#39;"),
                '\n' => write!(html, "<span class=\"mark\">\u{21b5}</span> "),
                '\t' => write!(html, "<span class=\"mark\">\u{21e5}</span>"),
                ' ' if !inside.contains(&at) => write!(html, "<span class=\"mark\"> </span>"),
                _ if is_hidden(character) => {
                    let code = u32::from(character);
                    write!(html, "<span class=\"mark\">U+{code:04X}</span>")
                }
                _ => write!(html, "{character}"),
            };
            debug_assert!(written.is_ok(), "a string takes every text");
        }
        html.push_str("</bdi>");
        Safe(html)
    }
}

/// Whether a character cannot be seen, or changes the order of others.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{a0}' | '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{2000}'..='\u{200f}'
                | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}' | '\u{3000}' | '\u{3164}' | '\u{feff}'
                | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

/// A number with separators between thousands: `20,000`.
pub fn grouped(number: &u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The head of the pages of one draft.
#[derive(Debug, Clone)]
pub struct DraftHead {
    /// Its id.
    pub id: String,
    /// The file's name.
    pub file: String,
    /// The file's size, such as `2.4 MB`.
    pub size: String,
    /// How the file was read, such as `CSV, UTF-8, semicolons`.
    pub read_as: String,
    /// The current step: 1 file, 2 columns, 3 options, 4 check, 5 run.
    pub step: u8,
    /// The last step that may be opened now.
    pub reached: u8,
}

/// `GET /portal/imports/new`: the step *File*.
#[derive(Debug, Template)]
#[template(path = "file.html")]
pub struct File {
    /// The page.
    pub page: Page,
    /// Files that this session has uploaded and not imported yet.
    pub drafts: Vec<DraftRow>,
    /// The largest file, such as `1 GiB`.
    pub limit: String,
    /// The largest file in bytes.
    pub limit_bytes: u64,
    /// What was wrong with the upload.
    pub error: String,
    /// The columns of the template.
    pub columns: Vec<TemplateColumn>,
}

/// A file that was uploaded and not imported yet.
#[derive(Debug)]
pub struct DraftRow {
    /// Its id.
    pub id: String,
    /// The file's name.
    pub file: String,
    /// Its size.
    pub size: String,
    /// When it was uploaded.
    pub uploaded: String,
}

/// A column that Muster knows.
#[derive(Debug)]
pub struct TemplateColumn {
    /// The heading.
    pub name: String,
    /// What it means.
    pub label: String,
}

/// `GET /portal/drafts/{id}/columns`: the step *Columns*.
#[derive(Debug, Template)]
#[template(path = "columns.html")]
pub struct Columns {
    /// The page.
    pub page: Page,
    /// The draft.
    pub draft: DraftHead,
    /// Charsets; the first entry is the detected one (`auto`).
    pub charsets: Menu,
    /// Delimiters; the first entry is the detected one; empty for a workbook.
    pub delimiters: Menu,
    /// Sheets; empty for a file without sheets.
    pub sheets: Menu,
    /// The header line: `auto`, `none`, or the first lines.
    pub headers: Menu,
    /// The preset that was recognized; empty: none.
    pub preset: String,
    /// Whether the mapping of an earlier import of the same headings was applied.
    pub remembered: bool,
    /// The columns.
    pub columns: Vec<ColumnRow>,
    /// The first rows.
    pub rows: Vec<PreviewRow>,
    /// Why the import cannot go on; empty: it can.
    pub error: String,
    /// The code of the error.
    pub error_code: String,
}

/// One column of the file.
#[derive(Debug)]
pub struct ColumnRow {
    /// Its number, from 1.
    pub number: usize,
    /// Its heading; empty: there is none.
    pub heading: String,
    /// Up to three values.
    pub samples: Vec<String>,
    /// What it can mean; the field's name is `map-NUMBER`.
    pub meanings: Menu,
    /// Whether it is read.
    pub ignored: bool,
    /// What is wrong with it.
    pub problem: String,
}

/// One row of a preview.
#[derive(Debug)]
pub struct PreviewRow {
    /// The line of the file.
    pub line: u64,
    /// The cells.
    pub cells: Vec<String>,
}

impl ColumnRow {
    /// What it means: the label of the selected meaning.
    pub fn meaning(&self) -> &str {
        let selected = self.meanings.iter().find(|meaning| meaning.selected);
        selected.map_or("", |meaning| &meaning.label)
    }
}

/// `GET /portal/drafts/{id}/options`: the step *Options*.
#[derive(Debug, Template)]
#[template(path = "options.html")]
pub struct Options {
    /// The page.
    pub page: Page,
    /// The draft.
    pub draft: DraftHead,
    /// User stores (`domain`).
    pub domains: Menu,
    /// `none`, `typed` or `generated` (`passwords`).
    pub passwords: String,
    /// Whether a default password was entered; its field is then empty, and stays valid if left empty.
    pub password_set: bool,
    /// Conflict policies (`conflict`), each with a sentence.
    pub conflicts: Vec<Conflict>,
    /// Roles for all users (`role`, repeated).
    pub roles: Menu,
    /// All or nothing (`all_or_nothing`).
    pub all_or_nothing: bool,
    /// Stop after this many failed rows (`stop_after`); empty: no limit.
    pub stop_after: String,
    /// Whether the file is still being counted.
    pub counting: bool,
    /// The estimate; empty: it is not known.
    pub estimate: Vec<Fact>,
    /// Which fields are wrong.
    pub errors: Vec<FieldError>,
}

/// A conflict policy.
#[derive(Debug)]
pub struct Conflict {
    /// The value.
    pub value: &'static str,
    /// Its name.
    pub label: &'static str,
    /// What it does.
    pub text: &'static str,
    /// Whether it is selected.
    pub selected: bool,
}

/// What is wrong with a field of a form.
#[derive(Debug)]
pub struct FieldError {
    /// The field's name.
    pub field: &'static str,
    /// The sentence.
    pub text: String,
}

impl Options {
    /// What is wrong with this field; empty: nothing.
    pub fn error(&self, field: &str) -> &str {
        let found = self.errors.iter().find(|error| error.field == field);
        found.map_or("", |error| &error.text)
    }
}

/// `GET /portal/drafts/{id}/check`: the step *Check*.
#[derive(Debug, Template)]
#[template(path = "check.html")]
pub struct Check {
    /// The page.
    pub page: Page,
    /// The draft.
    pub draft: DraftHead,
    /// `running`, `failed` or `done`.
    pub state: &'static str,
    /// While it runs: rows that have been checked.
    pub progress: Progress,
    /// Why the file could not be checked.
    pub error: String,
    /// The code of the error.
    pub error_code: String,
    /// What an import would do.
    pub figures: Figures,
    /// Whether edits were made after this check: the figures are those of before.
    pub outdated: bool,
    /// All or nothing was chosen.
    pub all_or_nothing: bool,
    /// Why the import cannot be started; empty: it can.
    pub blocked: String,
    /// The kinds of problems and warnings, the most frequent first.
    pub kinds: Vec<Kind>,
    /// The selected kind; empty: all.
    pub kind: String,
    /// Findings of the selected kind.
    pub problems: Vec<ProblemRow>,
    /// Neighbouring pages.
    pub pager: Pager,
    /// Which findings are not listed; empty: all are.
    pub not_listed: String,
    /// Corrections that apply to every row of a kind.
    pub mends: Vec<MendRow>,
    /// Number of cells that were edited.
    pub edited_cells: u64,
}

/// Whether the page lists another finding of the same line before this one.
fn continues_line(problems: &[ProblemRow], index: usize) -> bool {
    earlier(problems, index, |before, row| before.line == row.line)
}

/// Whether the page lists another finding of the same cell before this one.
fn continues_cell(problems: &[ProblemRow], index: usize) -> bool {
    earlier(problems, index, |before, row| {
        (before.line, before.column_number) == (row.line, row.column_number)
    })
}

fn earlier(
    problems: &[ProblemRow],
    index: usize,
    same: impl Fn(&ProblemRow, &ProblemRow) -> bool,
) -> bool {
    let Some((row, before)) = problems.get(..=index).and_then(<[_]>::split_last) else {
        return false;
    };
    before.iter().any(|before| same(before, row))
}

impl Check {
    /// Whether an element with the id of this finding's line is already on the page.
    pub fn continues_line(&self, index: &usize) -> bool {
        continues_line(&self.problems, *index)
    }

    /// Whether the cell of this finding can already be edited above.
    pub fn continues_cell(&self, index: &usize) -> bool {
        continues_cell(&self.problems, *index)
    }
}

impl Import {
    /// Whether an element with the id of this finding's line is already on the page.
    pub fn continues_line(&self, index: &usize) -> bool {
        continues_line(&self.problems, *index)
    }
}

/// A kind of problems.
#[derive(Debug)]
pub struct Kind {
    /// Identifies it in links and forms (`kind`).
    pub key: String,
    /// The problem's code.
    pub code: String,
    /// The column; empty: none.
    pub column: String,
    /// `problem` or `warning`.
    pub severity: &'static str,
    /// What to do about it.
    pub advice: String,
    /// How many.
    pub count: u64,
    /// The address of the page that lists only these.
    pub href: String,
    /// Whether it is selected.
    pub selected: bool,
    /// Whether all its rows can be corrected at once.
    pub mendable: bool,
    /// Whether the column holds passwords.
    pub password: bool,
}

/// A finding.
#[derive(Debug)]
pub struct ProblemRow {
    /// The line of the file.
    pub line: u64,
    /// The column's number from 1; 0: it concerns no single cell.
    pub column_number: usize,
    /// The column.
    pub column: String,
    /// The value; of a password its length and kind.
    pub value: String,
    /// The code.
    pub code: String,
    /// What is wrong and what to do.
    pub message: String,
    /// `problem`, `warning`, or `mended` if a new check of the row found nothing.
    pub severity: &'static str,
    /// Whether the cell can be edited.
    pub editable: bool,
    /// Whether the cell was edited.
    pub edited: bool,
    /// Whether the column holds passwords: the field is empty and of the type `password`.
    pub password: bool,
}

/// A correction that applies to every row of a kind.
#[derive(Debug)]
pub struct MendRow {
    /// Its index, for the form that removes it.
    pub index: usize,
    /// What it does, such as `trim the cell "E-mail" of rows with email-form`.
    pub text: String,
}

/// The progress of an import or a check.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// Rows so far.
    pub rows: u64,
    /// Rows per second.
    pub rows_per_second: u64,
    /// Such as `12 s`; empty: it is not known.
    pub left: String,
    /// From 0 to 100; none: it is not known.
    pub percent: Option<u8>,
}

/// `GET /portal/imports/{id}`: the steps *Run* and *Report*.
#[derive(Debug, Template)]
#[template(path = "import.html")]
pub struct Import {
    /// The page.
    pub page: Page,
    /// Its id.
    pub id: String,
    /// The file's name.
    pub file: String,
    /// The state.
    pub state: StateBadge,
    /// Why it ended early; empty: it did not.
    pub reason: String,
    /// While it runs.
    pub progress: Progress,
    /// The counters.
    pub figures: Figures,
    /// How it was requested: channel, operator, times, SHA-256, options.
    pub facts: Vec<Fact>,
    /// The kinds of its findings.
    pub kinds: Vec<Kind>,
    /// The selected kind; empty: all.
    pub kind: String,
    /// Findings.
    pub problems: Vec<ProblemRow>,
    /// Neighbouring pages.
    pub pager: Pager,
    /// Which findings are not listed; empty: all are.
    pub not_listed: String,
    /// Rows in the reject file; 0: there is none.
    pub rejects: u64,
    /// Rows that were rejected and are not in the reject file.
    pub rejects_missing: u64,
    /// Generated passwords that can be downloaded once; 0: none.
    pub passwords: u64,
    /// When the generated passwords were downloaded; empty: there were none, or they are still there.
    pub passwords_taken: String,
    /// Whether the operator may cancel it now.
    pub may_cancel: bool,
    /// Whether the operator may undo it now.
    pub may_undo: bool,
    /// Whether the rejected rows can be corrected and imported.
    pub may_mend: bool,
    /// Entries of the audit log; only for admins.
    pub audit: Vec<AuditRow>,
    /// Whether the portal started it: then the steps are shown.
    pub guided: bool,
}

/// An entry of the audit log.
#[derive(Debug)]
pub struct AuditRow {
    /// When.
    pub at: String,
    /// Who.
    pub operator: String,
    /// What.
    pub action: String,
    /// Details.
    pub details: String,
}

/// `POST /portal/imports/{id}/undo` without confirmation, and other questions before a change.
#[derive(Debug, Template)]
#[template(path = "confirm.html")]
pub struct Confirm {
    /// The page.
    pub page: Page,
    /// The question.
    pub question: String,
    /// What will happen.
    pub consequence: String,
    /// The path of the form's action, below the base.
    pub action: String,
    /// The button.
    pub button: &'static str,
    /// The path to go back to, below the base.
    pub back: String,
}

/// What an undo left as it is.
#[derive(Debug, Template)]
#[template(path = "undone.html")]
pub struct Undone {
    /// The page.
    pub page: Page,
    /// Users that were removed.
    pub removed: u64,
    /// Users that were restored.
    pub restored: u64,
    /// Users and groups that were left.
    pub left_total: u64,
    /// Some of them.
    pub left: Vec<LeftRow>,
    /// How many of them are not listed.
    pub not_listed: u64,
    /// The path to go back to, below the base.
    pub back: String,
}

/// A user or group that an undo left as it is.
#[derive(Debug)]
pub struct LeftRow {
    /// The name.
    pub name: String,
    /// Why.
    pub reason: &'static str,
}

/// The answer to a request that is refused or fails.
#[derive(Debug, Template)]
#[template(path = "error.html")]
pub struct Failure {
    /// The page.
    pub page: Page,
    /// The status code.
    pub status: u16,
    /// The heading.
    pub heading: String,
    /// What is wrong and what to do.
    pub text: String,
    /// The code.
    pub code: String,
    /// The request's id, to be found in the log.
    pub request_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_separators() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (20_000, "20,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(&number), text);
        }
        assert_eq!(20_000.shown().0, "<data value=\"20000\">20,000</data>");
    }

    #[test]
    fn texts_are_escaped_isolated_and_hidden_characters_are_marked() {
        for (text, html) in [
            ("<b>'\"&", "&lt;b&gt;&#39;&quot;&amp;"),
            (
                " a b ",
                "<span class=\"mark\"> </span>a b<span class=\"mark\"> </span>",
            ),
            ("a\u{202e}b", "a<span class=\"mark\">U+202E</span>b"),
            ("a\0", "a<span class=\"mark\">U+0000</span>"),
            ("a\nb", "a<span class=\"mark\">\u{21b5}</span> b"),
            (" ", "<span class=\"mark\"> </span>"),
            ("", ""),
            ("Zoë 東京", "Zoë 東京"),
        ] {
            assert_eq!(text.to_owned().shown().0, format!("<bdi>{html}</bdi>"));
        }
    }

    #[test]
    fn the_parts_of_the_bar_fill_it_and_small_ones_can_be_seen() {
        let figures = Figures {
            rows: 20_000,
            created: 19_999,
            failed: 1,
            ..Figures::default()
        };
        let counters = figures.counted();
        let end = counters.iter().map(|counter| counter.width).sum::<f64>();
        assert!((end - 100.0).abs() < 0.001, "{end}");
        let failed = counters
            .iter()
            .find(|counter| counter.key == "failed")
            .unwrap();
        assert!(failed.width > 0.4 && failed.from > 99.0, "{failed:?}");
        assert_eq!(figures.uncounted(), 0);
        let none = Figures::default().counted();
        assert!(none.iter().all(|counter| counter.width == 0.0));
    }

    #[test]
    fn a_line_and_a_cell_appear_once() {
        let row = |line, column_number| ProblemRow {
            line,
            column_number,
            column: String::new(),
            value: String::new(),
            code: String::new(),
            message: String::new(),
            severity: "problem",
            editable: true,
            edited: false,
            password: false,
        };
        let rows = [row(2, 1), row(2, 3), row(2, 1), row(3, 1)];
        let lines: Vec<_> = (0..5).map(|index| continues_line(&rows, index)).collect();
        assert_eq!(lines, [false, true, true, false, false]);
        let cells: Vec<_> = (0..5).map(|index| continues_cell(&rows, index)).collect();
        assert_eq!(cells, [false, false, true, false, false]);
    }
}
