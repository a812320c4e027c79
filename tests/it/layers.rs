//! The floors of the app: imports run down only.
//!
//! The plan is read where a newcomer reads it, from the first page of `src/lib.rs`; a wing that is
//! not in it is an offence too. Looked at is every path that begins with `crate::`, `self::` or
//! `super::` in every file below `src`, tests in the files included.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Wings of `src`, each with its floor; higher ones know lower ones.
type Plan = BTreeMap<String, u32>;

/// Something in `src` that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
struct Offence {
    file: String,
    line: usize,
    path: String,
    rule: &'static str,
}

const UPWARDS: &str = "imports run down only: this is a floor above, or beside";
const UNPLANNED: &str = "this wing has no floor in the plan of src/lib.rs";
const SLICES: &str = "slices never import each other; what they share stands beside them in http/";
const SHARED: &str = "what slices share does not know them; only http/server.rs puts them together";

#[test]
fn imports_run_down_only() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let plan = plan(&read(&source.join("lib.rs")));
    let slices = folders(&source.join("http"));
    let mut offences = Vec::new();
    for path in rust_files(&source) {
        let name = path.strip_prefix(&source).expect("it is in there");
        let name = name.to_str().expect("names are UTF-8");
        offences.extend(check(name, &read(&path), &plan, &slices));
    }
    assert!(offences.is_empty(), "{}", report(&offences));
}

fn report(offences: &[Offence]) -> String {
    let line = |offence: &Offence| {
        let Offence {
            file,
            line,
            path,
            rule,
        } = offence;
        format!("src/{file}:{line}: {path}: {rule}\n")
    };
    offences.iter().map(line).collect()
}

#[test]
fn the_plan_is_read_from_the_documentation() {
    let lib = "//! # Layers\n//!\n//! ```text\n//! 3 main\n//! 2 http   soap (a slice) over intake, users\n\
        //! 1 users  wire   clock\n//! ```\npub mod users;\npub mod wire;\npub mod http;\npub mod clock;\n";
    let floors = [
        ("clock", 1),
        ("http", 2),
        ("main", 3),
        ("users", 1),
        ("wire", 1),
    ];
    let expected: Plan = floors.map(|(wing, floor)| (wing.to_owned(), floor)).into();
    assert_eq!(plan(lib), expected);
}

#[test]
fn the_checker_finds_offenders() {
    let plan: Plan = [
        ("cli", 6),
        ("http", 5),
        ("app", 4),
        ("import", 3),
        ("stores", 2),
        ("formats", 2),
        ("users", 1),
        ("wire", 1),
    ]
    .map(|(wing, floor)| (wing.to_owned(), floor))
    .into();
    let slices = ["soap".to_owned(), "scim".to_owned()];
    let found = |file: &str, text: &str| {
        let offences = check(file, text, &plan, &slices).into_iter();
        offences
            .map(|found| (found.line, found.path, found.rule))
            .collect::<Vec<_>>()
    };
    let up = |line, path: &str| vec![(line, path.to_owned(), UPWARDS)];

    assert_eq!(
        found(
            "import/importer.rs",
            "use crate::users::Name;\nuse crate::formats::csv;\n"
        ),
        []
    );
    assert_eq!(
        found("users/name.rs", "use crate::users::pattern::Pattern;\n"),
        []
    );
    assert_eq!(
        found(
            "users/name.rs",
            "/// See [`crate::http`].\n//! crate::cli\n"
        ),
        []
    );
    assert_eq!(
        found("users/name.rs", "const TEXT: &str = \"crate::cli\";\n"),
        []
    );
    assert_eq!(found("main.rs", "use muster::cli;\n"), []);

    assert_eq!(
        found("users/name.rs", "\nuse crate::import::report::Report;\n"),
        up(2, "import::report::Report")
    );
    assert_eq!(
        found("stores/memory.rs", "use crate::formats::csv;"),
        up(1, "formats::csv")
    );
    assert_eq!(
        found(
            "users/name.rs",
            "fn f() {\n    crate::wire::pipe::pipe();\n}\n"
        ),
        up(2, "wire::pipe::pipe")
    );
    assert_eq!(
        found(
            "formats/csv.rs",
            "use crate::{\n    users::Name,\n    import::{report, request::{Kind, Other}},\n};\n"
        ),
        [
            (1, "import::report".to_owned(), UPWARDS),
            (1, "import::request::Kind".to_owned(), UPWARDS),
            (1, "import::request::Other".to_owned(), UPWARDS),
        ]
    );
    assert_eq!(
        found("users/name.rs", "use super::super::wire::pipe;\n"),
        up(1, "wire::pipe")
    );
    assert_eq!(
        found("users/mod.rs", "use super::stores;\n"),
        up(1, "stores")
    );
    assert_eq!(
        found("app.rs", "pub(in crate::http) fn f() {}\n"),
        up(1, "http")
    );
    assert_eq!(
        found("users/name.rs", "use crate::attic::Thing;\n"),
        [(1, "attic::Thing".to_owned(), UNPLANNED)]
    );
    assert_eq!(
        found(
            "http/soap/fault.rs",
            "use crate::http::scim::error;\nuse crate::http::intake;\n"
        ),
        [(1, "http::scim::error".to_owned(), SLICES)]
    );
    assert_eq!(
        found("http/intake.rs", "use crate::http::soap::fault;\n"),
        [(1, "http::soap::fault".to_owned(), SHARED)]
    );
    assert_eq!(found("http/server.rs", "use crate::http::soap;\n"), []);
}

/// Floor and wings of every line of the plan. Words that are no wing, or name a wing that comes further
/// down, say what is inside.
fn plan(lib: &str) -> Plan {
    let modules: Vec<&str> = lib
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .chain(["main"])
        .collect();
    let mut plan = Plan::new();
    for line in lib.lines().filter_map(|line| line.strip_prefix("//! ")) {
        let mut words = line.split([' ', ',', ':']);
        let Some(floor) = words.next().and_then(|word| word.parse().ok()) else {
            continue;
        };
        for wing in words.filter(|word| modules.contains(word)) {
            plan.insert(wing.to_owned(), floor);
        }
    }
    plan
}

/// Every rule against one file, named relative to `src`.
fn check(file: &str, text: &str, plan: &Plan, slices: &[String]) -> Vec<Offence> {
    let module = module_of(file);
    let wing = module.first().cloned().unwrap_or_default();
    // The crate's root holds the declarations of all wings.
    if wing.is_empty() {
        return Vec::new();
    }
    let own_slice = module.get(1).filter(|name| slices.contains(name));
    let in_http = wing == "http";
    let mut offences = Vec::new();
    for (line, path) in paths(text, &module) {
        let Some(target) = path.first() else { continue };
        let target_slice = path.get(1).filter(|name| slices.contains(name));
        let rule = if *target != wing {
            match (plan.get(&wing), plan.get(target)) {
                (Some(from), Some(to)) if to < from => continue,
                (Some(_), Some(_)) => UPWARDS,
                _ => UNPLANNED,
            }
        } else if in_http && target_slice.is_some() && target_slice != own_slice {
            match own_slice {
                Some(_) => SLICES,
                None if matches!(file, "http/server.rs" | "http/mod.rs") => continue,
                None => SHARED,
            }
        } else {
            continue;
        };
        offences.push(Offence {
            file: file.to_owned(),
            line,
            path: path.join("::"),
            rule,
        });
    }
    offences
}

/// `stores/sqlite/mod.rs` is the module `stores::sqlite`.
fn module_of(file: &str) -> Vec<String> {
    let names = file.strip_suffix(".rs").unwrap_or(file).split('/');
    let names = names.filter(|name| !matches!(*name, "mod" | "lib"));
    names.map(str::to_owned).collect()
}

/// Every path from the crate's root that the text names, with its line.
fn paths(text: &str, module: &[String]) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    let code = without_comments_and_strings(text);
    let mut rest = code.as_str();
    let mut line = 1;
    while let Some(at) = next_path(rest) {
        let (before, path) = rest.split_at(at);
        line += before.matches('\n').count();
        let mut root = Vec::new();
        let mut tail = path;
        if let Some(behind) = tail.strip_prefix("crate") {
            tail = behind;
        } else {
            root = module.to_vec();
            while let Some(behind) = tail.strip_prefix("super") {
                root.pop();
                tail = behind.strip_prefix("::").unwrap_or(behind);
                if !tail.starts_with("super") {
                    // Put the separator back for the tree.
                    tail = behind;
                }
            }
        }
        let tree = tail.strip_prefix("::").unwrap_or_default();
        let mut ends = Vec::new();
        spread(tree, &root, &mut ends);
        found.extend(ends.into_iter().map(|path| (line, path)));
        let (skipped, behind) = path.split_at(path.len() - tail.len());
        line += skipped.matches('\n').count();
        rest = behind;
    }
    found
}

/// Where the next `crate` or `super` that begins a path stands.
fn next_path(text: &str) -> Option<usize> {
    let starts_path = |at: &usize| {
        let before = text[..*at].chars().next_back();
        let in_word = before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | ':' | '$'));
        // `pub(crate)` and `pub(super)` name nothing.
        let behind = &text[at + 5..];
        !in_word && behind.starts_with("::")
    };
    let in_scope = text.match_indices("in crate::").map(|(at, _)| at + 3);
    ["crate", "super"]
        .iter()
        .flat_map(|word| text.match_indices(word).map(|(at, _)| at))
        .chain(in_scope)
        .filter(starts_path)
        .min()
}

/// A use tree: `a::{b, c::d}` are the paths `a::b` and `a::c::d`.
fn spread(tree: &str, root: &[String], ends: &mut Vec<Vec<String>>) {
    let tree = tree.trim_start();
    if let Some(group) = tree.strip_prefix('{') {
        let mut depth = 0;
        let mut start = 0;
        for (at, character) in group.char_indices() {
            match character {
                '{' => depth += 1,
                '}' if depth == 0 => return spread_if_any(&group[start..at], root, ends),
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    spread_if_any(&group[start..at], root, ends);
                    start = at + 1;
                }
                _ => {}
            }
        }
        return;
    }
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let end = tree.find(|c| !is_name(c)).unwrap_or(tree.len());
    let (name, behind) = tree.split_at(end);
    let mut path = root.to_vec();
    if !matches!(name, "" | "self") {
        path.push(name.to_owned());
    }
    match behind.strip_prefix("::") {
        Some(behind) if !name.is_empty() => spread(behind, &path, ends),
        _ => ends.push(path),
    }
}

fn spread_if_any(tree: &str, root: &[String], ends: &mut Vec<Vec<String>>) {
    if !tree.trim().is_empty() {
        spread(tree, root, ends);
    }
}

/// The text with comments and strings blanked out, its lines kept.
fn without_comments_and_strings(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    for line in text.lines() {
        let line = line.split("//").next().unwrap_or_default();
        for (number, piece) in line.split('"').enumerate() {
            code.push_str(if number % 2 == 0 { piece } else { "\"\"" });
        }
        code.push('\n');
    }
    code
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn folders(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("the folder can be read");
    entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_dir())
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .collect()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("the file can be read")
}
