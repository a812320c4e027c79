//! The step *Columns*: how the file is read, and what its columns mean.

use actix_web::http::StatusCode;
use ring::digest::{Context, SHA256};
use serde::Serialize;

use crate::formats::delimiter::Delimiter;
use crate::hex;
use crate::http::web::check;
use crate::http::web::check_state::Check;
use crate::http::web::draft::{Draft, Step};
use crate::http::web::draft_head::{address, draft, head};
use crate::http::web::fields::Fields;
use crate::http::web::file_page::label_of;
use crate::http::web::refusal::{Refusal, sentence};
use crate::http::web::reply::Reply;
use crate::http::web::shown::{self, entry};
use crate::http::web::views::{ColumnRow, Columns, Menu, PreviewRow};
use crate::http::web::visit::Visit;
use crate::import::edits::Edits;
use crate::import::look::{Choice, Look, LookFailure, choices};
use crate::quoted;
use crate::users::claims::ClaimTable;
use crate::users::options::{ColumnMap, HeaderLine, IGNORED_COLUMN, ImportOptions};

/// Charsets that can be chosen.
const CHARSETS: [&str; 12] = [
    "UTF-8",
    "windows-1252",
    "ISO-8859-15",
    "windows-1250",
    "windows-1251",
    "windows-1254",
    "UTF-16LE",
    "Shift_JIS",
    "gb18030",
    "IBM850",
    "IBM437",
    "macintosh",
];

/// The largest number of columns that can be mapped.
const COLUMNS: usize = 1_024;

/// The largest number of lines among which the header line can be chosen.
const HEADER_LINES: u64 = 20;

/// How the file is understood.
///
/// # Errors
/// The draft does not exist.
pub fn show_columns(visit: &Visit) -> Result<Reply, Refusal> {
    let draft = draft(visit)?;
    let look = look(visit, &draft)?;
    columns_page(visit, &draft, StatusCode::OK, look)
}

/// What can be said of a file.
type Looked = Result<Look, LookFailure>;

/// Looks at the beginning of the file, and applies a remembered mapping when headings are seen for the first time.
fn look(visit: &Visit, draft: &Draft) -> Result<Looked, Refusal> {
    let (app, organization) = (&visit.app, &visit.operator.caller.organization);
    let mut decisions = draft.decisions();
    loop {
        let (file, _) = visit.front_end.drafts.open(draft.id)?;
        let looked = app
            .importer
            .look(file, &draft.file_name, &decisions.options);
        let Ok(look) = &looked else {
            decisions.read_as.clear();
            return Ok(looked);
        };
        decisions.read_as = shown::read_as(&look.detected);
        let key = header_key(look);
        if decisions.header_key.as_ref() == Some(&key) {
            return Ok(looked);
        }
        decisions.header_key = Some(key.clone());
        if !decisions.options.map.is_empty() {
            return Ok(looked);
        }
        let Some(map) = app.store.column_map(organization, &key)? else {
            return Ok(looked);
        };
        decisions.options.map = map;
        decisions.remembered = true;
    }
}

/// A digest of the headings in their order.
fn header_key(look: &Look) -> String {
    let mut digest = Context::new(&SHA256);
    for column in &look.columns {
        digest.update(column.heading.as_bytes());
        digest.update(&[0]);
    }
    hex::encode(digest.finish().as_ref())
}

fn columns_page(
    visit: &Visit,
    draft: &Draft,
    status: StatusCode,
    looked: Looked,
) -> Result<Reply, Refusal> {
    let decisions = draft.decisions();
    let options = &decisions.options;
    let known = choices(&visit.app.importer.claims);
    let (look, names, error) = match looked {
        Ok(look) => (Some(look), Vec::new(), None),
        Err(failure) => {
            let error = (failure.code().to_owned(), sentence(&failure.to_string()));
            (None, failure.sheets, Some(error))
        }
    };
    let names = look
        .as_ref()
        .map_or(names.as_slice(), |look| look.sheets.as_slice());
    let of_look = look.as_ref().and_then(|look| look.error.as_ref());
    let unknown = unknown_columns(look.as_ref());
    let of_look = of_look.map(|error| {
        let text = match unknown.is_empty() {
            true => sentence(&error.message),
            false => not_understood(&unknown),
        };
        (error.code.to_owned(), text)
    });
    let (error_code, error) = error.or(of_look).unwrap_or_default();
    let columns = look.iter().flat_map(|look| &look.columns).map(|column| {
        let number = column.position + 1;
        let chosen = chosen(&options.map, number, &column.heading);
        ColumnRow {
            number,
            heading: column.heading.clone(),
            samples: column.samples.clone(),
            meanings: meanings(&known, column.meaning.as_deref(), column.ignored, chosen),
            ignored: column.ignored,
            problem: match unknown.iter().any(|(of, _)| *of == number) {
                true => "Choose a meaning, or do not import the column.".to_owned(),
                false => String::new(),
            },
        }
    });
    let rows = look
        .iter()
        .flat_map(|look| &look.rows)
        .map(|row| PreviewRow {
            line: row.line,
            cells: row.cells.clone(),
        });
    let detected = look.as_ref().map(|look| &look.detected);
    let current = detected.and_then(|detected| detected.sheet.as_deref());
    let is_workbook = match detected {
        Some(detected) => detected.charset.is_none(),
        None => draft.file_name.to_ascii_lowercase().contains(".xls"),
    };
    let view = Columns {
        draft: head(draft, &decisions, Step::Columns),
        charsets: match is_workbook {
            true => Menu::new(),
            false => charsets(
                options.forced_charset.as_deref(),
                detected.and_then(|it| it.charset.map(|it| it.name)),
            ),
        },
        delimiters: match is_workbook {
            true => Menu::new(),
            false => delimiters(
                options.delimiter.as_deref(),
                detected.and_then(|it| it.delimiter.map(|it| it.plural())),
            ),
        },
        sheets: sheets(names, current, options.sheet.as_deref()),
        headers: headers(
            options.header,
            look.as_ref().and_then(|look| look.header_line),
        ),
        preset: look
            .as_ref()
            .and_then(|look| look.preset)
            .unwrap_or_default()
            .to_owned(),
        remembered: decisions.remembered,
        columns: columns.collect(),
        rows: rows.collect(),
        error,
        error_code,
        page: visit.page(format!("Columns of {}", draft.file_name)),
    };
    Reply::page_with(status, &view)
}

/// The columns that are not understood: their numbers and headings.
fn unknown_columns(look: Option<&Look>) -> Vec<(usize, String)> {
    let columns = look.iter().flat_map(|look| &look.columns);
    columns
        .filter(|column| column.meaning.is_none() && !column.ignored)
        .map(|column| (column.position + 1, column.heading.clone()))
        .collect()
}

/// What is wrong with a file that has such columns.
fn not_understood(unknown: &[(usize, String)]) -> String {
    const NAMED: usize = 5;
    let named =
        unknown
            .iter()
            .take(NAMED)
            .map(|(number, heading)| match heading.trim().is_empty() {
                true => format!("number {number} (without a heading)"),
                false => format!("\"{}\"", quoted::name(heading)),
            });
    let mut list = named.collect::<Vec<_>>().join(", ");
    let more = unknown.len().saturating_sub(NAMED);
    if more > 0 {
        list.push_str(&format!(" and {more} more"));
    }
    let (columns, what) = match unknown.len() {
        1 => ("This column is", "what it means, or do not import it"),
        _ => ("These columns are", "what they mean, or do not import them"),
    };
    format!(
        "{columns} not understood: {list}. Choose below {what}. If another line has the headings, choose it as the header \
         line."
    )
}

/// The mapping of a column that the operator has chosen.
fn chosen<'m>(map: &'m ColumnMap, number: usize, heading: &str) -> Option<&'m str> {
    let by_number = number.to_string();
    let lower = heading.to_lowercase();
    let mut entries = map.entries();
    let found = entries.find(|(key, _)| *key == by_number || key.to_lowercase() == lower);
    found.map(|(_, meaning)| meaning)
}

fn meanings(known: &[Choice], meaning: Option<&str>, ignored: bool, chosen: Option<&str>) -> Menu {
    let automatic = match (chosen, meaning) {
        (Some(_), _) => "As detected".to_owned(),
        (None, Some(value)) => format!("{} (detected)", label_of(known, value)),
        (None, None) if ignored => "Not imported (detected)".to_owned(),
        (None, None) => "Choose a meaning".to_owned(),
    };
    let mut menu = vec![
        entry("", automatic, chosen.is_none()),
        entry(
            IGNORED_COLUMN,
            "Do not import",
            chosen == Some(IGNORED_COLUMN),
        ),
    ];
    menu.extend(known.iter().map(|choice| {
        entry(
            &choice.value,
            &choice.label,
            chosen == Some(choice.value.as_str()),
        )
    }));
    // A remembered claim that has no entry of its own.
    if let Some(other) = chosen.filter(|value| !menu.iter().any(|entry| entry.value == *value)) {
        menu.push(entry(other, other, true));
    }
    menu
}

fn charsets(forced: Option<&str>, detected: Option<&str>) -> Menu {
    with_detected(forced, detected, CHARSETS.map(|name| (name, name)))
}

fn delimiters(forced: Option<&str>, detected: Option<&str>) -> Menu {
    let every: Vec<_> = Delimiter::every()
        .map(|one| (one.word(), label(one)))
        .collect();
    let offered = every.iter().map(|(word, label)| (*word, label.as_str()));
    with_detected(forced, detected, offered)
}

/// Such as `Semicolon ;`.
fn label(delimiter: Delimiter) -> String {
    let mut name = delimiter.name().to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    match char::from(delimiter.byte()) {
        sign if sign.is_ascii_graphic() => format!("{name} {sign}"),
        _ => name,
    }
}

fn with_detected<'a>(
    forced: Option<&str>,
    detected: Option<&str>,
    offered: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Menu {
    let automatic = match (forced, detected) {
        (None, Some(found)) => format!("Detect ({found})"),
        _ => "Detect".to_owned(),
    };
    let offered = offered
        .into_iter()
        .map(|(value, label)| entry(value, label, forced == Some(value)));
    std::iter::once(entry("auto", automatic, forced.is_none()))
        .chain(offered)
        .collect()
}

fn sheets(names: &[String], current: Option<&str>, chosen: Option<&str>) -> Menu {
    let current = current.or(chosen);
    let mut menu: Menu = names
        .iter()
        .map(|name| entry(name, name, Some(name.as_str()) == current))
        .collect();
    if let Some(other) = chosen.filter(|name| !menu.iter().any(|entry| entry.value == *name)) {
        menu.push(entry(other, other, true));
    }
    menu
}

fn headers(chosen: HeaderLine, detected: Option<u64>) -> Menu {
    let automatic = match (chosen, detected) {
        (HeaderLine::Auto, Some(line)) => format!("Detect (line {line})"),
        (HeaderLine::Auto, None) => "Detect (none)".to_owned(),
        _ => "Detect".to_owned(),
    };
    let lines = (1..=HEADER_LINES).map(|line| {
        let selected = chosen == HeaderLine::Line(line);
        entry(line.to_string(), format!("Line {line}"), selected)
    });
    [
        entry("auto", automatic, chosen == HeaderLine::Auto),
        entry("none", "There is none", chosen == HeaderLine::None),
    ]
    .into_iter()
    .chain(lines)
    .collect()
}

/// Changes how the file is understood.
///
/// # Errors
/// The draft does not exist, or a field is invalid.
pub fn set_columns(visit: &Visit) -> Result<Reply, Refusal> {
    let (draft, form) = (draft(visit)?, &visit.form);
    {
        let mut decisions = draft.decisions();
        let before = decisions.options.clone();
        let chosen = with_columns_of(form, before.clone(), &visit.app.importer.claims)?;
        if chosen != before {
            decisions.remembered = false;
            decisions.check.stop();
            decisions.outdated = false;
            let rereads = |options: &ImportOptions| ImportOptions {
                map: ColumnMap::default(),
                ..options.clone()
            };
            if rereads(&chosen) != rereads(&before) {
                // Lines and positions may be those of other cells now.
                decisions.edits = Edits::default();
            }
            decisions.options = chosen;
        }
    }
    let looked = look(visit, &draft)?;
    let understood = matches!(&looked, Ok(look) if look.error.is_none());
    if form.get("action") != "continue" {
        return match visit.json {
            true => Ok(Reply::json(StatusCode::OK, &Understood { understood })),
            false => Ok(Reply::see_other(address(visit, &draft, "columns"))),
        };
    }
    if !understood {
        return columns_page(visit, &draft, StatusCode::UNPROCESSABLE_ENTITY, looked);
    }
    remember(visit, &draft)?;
    {
        let mut decisions = draft.decisions();
        decisions.reached = decisions.reached.max(Step::Options);
    }
    let is_checked = !matches!(draft.decisions().check, Check::None);
    if !is_checked {
        // Its result is the estimate of the next page.
        check::start(visit, &draft)?;
    }
    Ok(Reply::see_other(address(visit, &draft, "options")))
}

#[derive(Serialize)]
struct Understood {
    understood: bool,
}

/// The options with what the form of the page says about the columns.
fn with_columns_of(
    form: &Fields,
    options: ImportOptions,
    claims: &ClaimTable,
) -> Result<ImportOptions, Refusal> {
    let not_offered =
        |field: &str| Refusal::field(format!("The page does not offer this {field}."));
    let one_of = |name: &str, offered: &[&str], field: &str| match form.given(name) {
        None | Some("auto") => Ok(None),
        Some(value) if offered.contains(&value) => Ok(Some(value.to_owned())),
        Some(_) => Err(not_offered(field)),
    };
    let delimiters: Vec<&str> = Delimiter::every().map(Delimiter::word).collect();
    let header = match form.given("header") {
        Some(word) => HeaderLine::parse(word).map_err(|text| Refusal::field(sentence(&text)))?,
        None => options.header,
    };
    Ok(ImportOptions {
        forced_charset: one_of("charset", &CHARSETS, "charset")?,
        delimiter: one_of("delimiter", &delimiters, "delimiter")?,
        sheet: form.given("sheet").map(str::to_owned).or(options.sheet),
        header,
        map: map_of(form, &choices(claims))?,
        ..options
    })
}

/// The mapping that a form has; columns without a choice are left to the detection.
fn map_of(form: &Fields, known: &[Choice]) -> Result<ColumnMap, Refusal> {
    let mut map = ColumnMap::default();
    for number in 1..=COLUMNS {
        let Some(meaning) = form.given(&format!("map-{number}")) else {
            continue;
        };
        let is_known = meaning == IGNORED_COLUMN || known.iter().any(|it| it.value == meaning);
        if !is_known {
            let text = format!("Column {number} cannot have this meaning; choose another one.");
            return Err(Refusal::field(text));
        }
        map.add(&format!("{number}={meaning}"))
            .map_err(|text| Refusal::field(sentence(&text)))?;
    }
    Ok(map)
}

/// Keeps the mapping for the next file with the same headings.
fn remember(visit: &Visit, draft: &Draft) -> Result<(), Refusal> {
    let decisions = draft.decisions();
    let Some(key) = &decisions.header_key else {
        return Ok(());
    };
    let (store, now) = (&visit.app.store, visit.app.clock.now());
    let organization = &visit.operator.caller.organization;
    let map = &decisions.options.map;
    let known = store.column_map(organization, key)?;
    if known.as_ref().map_or(map.is_empty(), |known| known == map) {
        return Ok(());
    }
    store.keep_column_map(organization, key, map, now)?;
    Ok(())
}
