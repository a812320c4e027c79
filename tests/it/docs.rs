//! The documentation against the code: `config.default.toml`, the codes of `docs/troubleshooting.md`, links, and
//! the length of the README. The command blocks are run by `tests/docs/run.sh`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use muster::scim::error::ErrorType;
use regex::Regex;

use crate::process::{Finished, Home, finish};

/// A key that no section of the settings has.
const PROBE: &str = "no_such_key";

/// String literals that look like problem codes and are none: names of threads.
const NOT_CODES: &[&str] = &["import-judge"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// README.md and all pages of docs/.
fn pages() -> Vec<PathBuf> {
    let folder = std::fs::read_dir(root().join("docs")).unwrap();
    let mut pages: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md"));
    pages.push(root().join("README.md"));
    pages.sort();
    pages
}

// --- config.default.toml -------------------------------------------------------------------------

fn check_config(home: &Home, settings: &str) -> Finished {
    home.write("probe.toml", settings);
    finish(
        home.bare_command(&["check-config", "--config", "probe.toml"]),
        "",
    )
}

/// The keys that the code knows in the table with this header; none: it is no such table.
fn keys_of(home: &Home, header: &str) -> Option<Vec<String>> {
    let refused = check_config(home, &format!("{header}\n{PROBE} = 1\n")).ended(1);
    let unknown = format!("unknown field `{PROBE}`");
    let (_, expected) = refused.err.split_once(&unknown)?;
    let expected = expected.split(" in `").next().unwrap_or_default();
    let names: Vec<String> = expected
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect();
    assert!(!names.is_empty(), "{refused:?}");
    Some(names)
}

/// Every setting that the code knows, such as `server.http`; the name of a table that the user chooses is `*`.
fn settings_of_code() -> &'static BTreeSet<String> {
    static SETTINGS: OnceLock<BTreeSet<String>> = OnceLock::new();
    SETTINGS.get_or_init(|| ask_for_settings(&Home::new()))
}

fn ask_for_settings(home: &Home) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open: Vec<String> = keys_of(home, "").expect("the sections");
    while let Some(path) = open.pop() {
        let forms = [
            (format!("[{path}]"), path.clone()),
            (format!("[[{path}]]"), path.clone()),
            (format!("[{path}.NAME]"), format!("{path}.*")),
        ];
        let table = forms
            .iter()
            .find_map(|(header, path)| Some((path, keys_of(home, header)?)));
        match table {
            Some((path, keys)) => open.extend(keys.iter().map(|key| format!("{path}.{key}"))),
            None => {
                found.insert(path);
            }
        }
    }
    found
}

/// Every setting that the text has, also those that are commented out as examples (`#key = …`).
fn settings_of_text(text: &str, of_code: &BTreeSet<String>) -> BTreeSet<String> {
    let header = Regex::new(r"^#?\[\[?([a-zA-Z_.]+)\]\]?\s*$").unwrap();
    let setting = Regex::new(r"^#?([a-z_0-9]+) = ").unwrap();
    let mut found = BTreeSet::new();
    let mut section = String::new();
    for line in text.lines() {
        if let Some(named) = header.captures(line) {
            let parts: Vec<&str> = named[1].split('.').collect();
            section = match parts.as_slice() {
                [map, _]
                    if of_code
                        .iter()
                        .any(|path| path.starts_with(&format!("{map}.*"))) =>
                {
                    format!("{map}.*")
                }
                parts => parts.join("."),
            };
            if of_code.contains(&section) {
                found.insert(section.clone());
            }
        } else if let Some(named) = setting.captures(line)
            && !of_code.contains(&section)
        {
            assert!(
                found.insert(format!("{section}.{}", &named[1])),
                "twice: {line}"
            );
        }
    }
    found
}

/// The settings in effect without where they come from, and the lines with it.
fn in_effect(done: &Finished) -> (Vec<String>, Vec<String>) {
    let lines: Vec<String> = done.out.lines().map(str::to_owned).collect();
    let is_setting = |line: &&String| line.contains(" = ") && !line.starts_with('#');
    let settings: Vec<String> = lines.iter().filter(is_setting).cloned().collect();
    let value = |line: &String| match line.rsplit_once("  # ") {
        Some((value, _)) => value.trim_end().to_owned(),
        None => line.clone(),
    };
    let headers = lines.iter().filter(|line| line.starts_with('['));
    let mut values: Vec<String> = settings.iter().map(value).collect();
    values.extend(headers.cloned());
    (values, settings)
}

#[test]
fn default_settings_file_has_every_setting_and_no_other() {
    let of_code = settings_of_code();
    for path in [
        "server.public_url",
        "soap.security.digest_callers.secret_file",
        "domains.*.user_name_rule",
        "files.map",
        "claims",
        "log.level",
    ] {
        assert!(of_code.contains(path), "{path}: {of_code:?}");
    }
    let of_text = settings_of_text(&read("config.default.toml"), of_code);
    assert_eq!(&of_text, of_code, "config.default.toml, and the code");
}

#[test]
fn default_settings_file_has_the_default_values() {
    let home = Home::new();
    let text = read("config.default.toml");
    let (defaults, _) = in_effect(&check_config(&home, "").ended(0));
    let (values, lines) = in_effect(&check_config(&home, &text).ended(0));
    assert_eq!(values, defaults);
    assert!(!lines.is_empty());
    let of_code = settings_of_code();
    for line in lines {
        // A list of tables is empty unless one of them is there, and is an example in the file.
        let key = line.split(" = ").next().unwrap_or_default();
        if line.contains(" = [] ")
            && of_code
                .iter()
                .any(|path| path.contains(&format!(".{key}.")))
        {
            continue;
        }
        assert!(
            line.ends_with("# probe.toml"),
            "not set in config.default.toml: {line}"
        );
    }
}

#[test]
fn examples_in_the_default_settings_file_are_valid() {
    let home = Home::new();
    let example = Regex::new(r#"(?m)^#([a-z"\[])"#).unwrap();
    let text = read("config.default.toml");
    assert!(
        example.find_iter(&text).count() > 8,
        "examples begin with # and no space"
    );
    let text = example.replace_all(&text, "$1");
    let refused = check_config(&home, &text).ended(1);
    for line in refused.err.lines() {
        let of_a_file = [
            "muster: server.tls_certificate, server.tls_key: ",
            "muster: soap.security.digest_callers: ",
        ];
        assert!(
            of_a_file
                .iter()
                .any(|beginning| line.starts_with(beginning)),
            "{refused:?}"
        );
    }
}

// --- Codes ---------------------------------------------------------------------------------------

/// The code of the product, without its tests: path below src/, and text.
fn product_code() -> Vec<(String, String)> {
    let source = root().join("src");
    let mut open = vec![source.clone()];
    let mut files = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                open.push(path);
            } else if name.ends_with(".rs") && name != "tests.rs" && !name.ends_with("_tests.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let tests = text.find("\n#[cfg(test)]\nmod ");
                let text = &text[..tests.unwrap_or(text.len())];
                let shown = path.strip_prefix(&source).unwrap().to_str().unwrap();
                files.push((shown.to_owned(), text.to_owned()));
            }
        }
    }
    files.sort();
    files
}

/// The string literals of Rust code. Comments are no code, and character literals no strings.
fn literals(code: &str) -> Vec<&str> {
    let token = Regex::new(
        r#"(?sx)
        //[^\n]* | /\*.*?\*/ | '(?:\\.[^']*|[^\\'])'
        | \br\#"(?<hashed>.*?)"\# | \br"(?<raw>[^"]*)" | "(?<plain>(?:\\.|[^"\\])*)""#,
    )
    .unwrap();
    token
        .captures_iter(code)
        .filter_map(|found| {
            let groups = ["hashed", "raw", "plain"];
            groups.iter().find_map(|group| found.name(group))
        })
        .map(|found| found.as_str())
        .collect()
}

#[test]
fn literals_are_told_from_comments_and_characters() {
    let code = "a(\"x-1\"); // \"x-2\"\n'\"'; \"\\\"x-3\"; r\"x-4\"; r#\"x\"5\"#; b\"x-6\"; '\\''; /* \"x-7\" */";
    assert_eq!(literals(code), ["x-1", "\\\"x-3", "x-4", "x\"5", "x-6"]);
}

/// The codes that the first cells of the tables below the heading name, each with the rest of its row.
fn documented(heading: &str) -> BTreeMap<String, String> {
    let page = read("docs/troubleshooting.md");
    let (_, section) = page
        .split_once(&format!("\n## {heading}\n"))
        .unwrap_or_else(|| panic!("no section {heading}"));
    let section = section.split("\n## ").next().unwrap_or_default();
    let mut found = BTreeMap::new();
    for line in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        assert_eq!(cells.len(), 3, "code, meaning, what to do: {line}");
        assert!(cells.iter().all(|cell| cell.len() > 2), "{line}");
        for code in cells[0].split(", ") {
            let code = code.trim_matches('`').to_owned();
            assert!(
                found.insert(code, line.to_owned()).is_none(),
                "twice: {line}"
            );
        }
    }
    found
}

#[track_caller]
fn assert_documented(of_code: &BTreeSet<String>, heading: &str) {
    let page: BTreeSet<String> = documented(heading).into_keys().collect();
    let missing: Vec<_> = of_code.difference(&page).collect();
    let unknown: Vec<_> = page.difference(of_code).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "docs/troubleshooting.md, {heading}: missing {missing:?}; not in the code {unknown:?}"
    );
}

/// Rules are literals wherever they stand, so that all of them are found by their beginning.
#[test]
fn every_rule_is_documented() {
    let rule = Regex::new("^IMP-[A-Z0-9]+(-[A-Z0-9]+)*$").unwrap();
    let code = product_code();
    let mut rules = BTreeSet::new();
    for (path, text) in &code {
        for literal in literals(text).into_iter().filter(|it| it.contains("IMP-")) {
            // A prefix that is compared, and a sentence that names a rule.
            let other = literal == "IMP-WSSE-" || literal.contains(' ');
            assert!(
                rule.is_match(literal) || other,
                "{path}: is {literal:?} a rule? It has to be one literal"
            );
            if !other {
                rules.insert(literal.to_owned());
            }
        }
    }
    assert!(rules.len() > 100, "{rules:?}");
    assert_documented(&rules, "Requests and files: `IMP-…`");
}

/// Problems are made in the layers from `import` down to `users`. There every literal of words with hyphens is a
/// code, or it is in `NOT_CODES`.
#[test]
fn every_problem_code_is_documented() {
    let elsewhere = [
        "http/", "cli/", "wire/", "stores/", "access/", "admin/", "formats/",
    ];
    let word = Regex::new("^[a-z0-9_]+(-[a-z0-9_]+)+$").unwrap();
    let mut codes = BTreeSet::new();
    for (path, text) in product_code() {
        if elsewhere.iter().any(|folder| path.starts_with(folder)) {
            assert!(
                !text.contains("Problem::new("),
                "{path} makes problems: take its folder out of the list"
            );
        } else if !path.contains("scheme") {
            let found = literals(&text);
            let found = found
                .into_iter()
                .filter(|it| word.is_match(it) && !NOT_CODES.contains(it));
            codes.extend(found.map(str::to_owned));
        }
    }
    assert!(codes.len() > 40, "{codes:?}");
    assert_documented(&codes, "Rows: problem codes");
}

/// The variants of an enum, out of its source.
fn variants(name: &str) -> Vec<String> {
    let head = format!("pub enum {name} {{");
    let code = product_code();
    let mut with_it = code.into_iter().filter(|(_, text)| text.contains(&head));
    let (path, text) = with_it.next().unwrap_or_else(|| panic!("no enum {name}"));
    assert!(with_it.next().is_none(), "two enums {name}");
    let (_, body) = text.split_once(&head).unwrap();
    let body = body.split("\n}").next().unwrap_or_default();
    let variant = Regex::new(r"(?m)^    ([A-Z][A-Za-z0-9]*)[,({ ]").unwrap();
    let found: Vec<String> = variant
        .captures_iter(body)
        .map(|found| found[1].to_owned())
        .collect();
    assert!(!found.is_empty(), "{path}: {name}");
    found
}

#[test]
fn every_scim_type_is_documented() {
    let words = ErrorType::ALL.map(|kind| kind.as_str().to_owned());
    assert_documented(&words.into(), "SCIM: `scimType`");
}

#[test]
fn every_fault_code_is_documented() {
    let variants = variants("FaultCode");
    let page = documented("SOAP: fault codes");
    for variant in variants {
        let words: &[&str] = match variant.as_str() {
            "Client" => &["Client", "Sender"],
            "NoSuchOperation" => &["rpc:ProcedureNotPresent"],
            "Server" => &["Server", "Receiver"],
            "VersionMismatch" => &["VersionMismatch"],
            "MustUnderstand" => &["MustUnderstand"],
            // HTTP 401, which is no fault.
            "NoCredentials" => &[],
            "Number" => &[],
            other => panic!("is the fault code {other} documented?"),
        };
        for word in words {
            assert!(page.contains_key(*word), "{word}: {page:?}");
        }
    }
    let number = Regex::new(r"FaultCode::Number\((\d+)\)").unwrap();
    let mut numbers = BTreeSet::new();
    for (_, text) in product_code() {
        numbers.extend(number.captures_iter(&text).map(|found| found[1].to_owned()));
    }
    assert!(!numbers.is_empty());
    for number in numbers {
        assert!(page.contains_key(&number), "{number}");
    }
}

// --- Pages ---------------------------------------------------------------------------------------

#[test]
fn readme_fits_on_a_screen_or_two() {
    let lines = read("README.md").lines().count();
    assert!(lines <= 130, "{lines} lines");
}

/// The anchor of a heading: lower case, without punctuation, hyphens for blanks.
fn anchor(heading: &str) -> String {
    let kept = |character: &char| character.is_alphanumeric() || " -_".contains(*character);
    let plain: String = heading.trim().to_lowercase().chars().filter(kept).collect();
    plain.replace(' ', "-")
}

#[test]
fn anchors_are_made_as_forges_make_them() {
    assert_eq!(
        anchor("Without SOAP: `POST /api/v1/imports`"),
        "without-soap-post-apiv1imports"
    );
}

/// The page without its code blocks.
fn prose(page: &str) -> String {
    let mut inside = false;
    let mut kept = Vec::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if !inside {
            kept.push(line);
        }
    }
    kept.join("\n")
}

#[test]
fn links_lead_to_pages_and_headings_that_exist() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let mut looked_at = 0;
    for page in pages() {
        let text = prose(&std::fs::read_to_string(&page).unwrap());
        for found in link.captures_iter(&text) {
            let target = &found[1];
            if target.contains("://") {
                continue;
            }
            looked_at += 1;
            let (file, fragment) = target.split_once('#').unwrap_or((target, ""));
            let path = match file {
                "" => page.clone(),
                file => page.parent().unwrap().join(file),
            };
            assert!(path.exists(), "{}: {target}", page.display());
            if !fragment.is_empty() {
                let text = prose(&std::fs::read_to_string(&path).unwrap());
                let headings = text.lines().filter(|line| line.starts_with('#'));
                let mut anchors = headings.map(|line| anchor(line.trim_start_matches('#')));
                assert!(
                    anchors.any(|anchor| anchor == fragment),
                    "{}: {target}",
                    page.display()
                );
            }
        }
    }
    assert!(looked_at > 30, "{looked_at}");
}

#[test]
fn readme_lists_every_page() {
    let readme = read("README.md");
    for page in pages() {
        let name = page.file_name().unwrap().to_str().unwrap();
        assert!(
            name == "README.md" || readme.contains(&format!("(docs/{name})")),
            "README.md has no link to docs/{name}"
        );
    }
}
