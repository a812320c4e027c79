//! Retired words: terms that were replaced by standard ones must not return.

use std::path::{Path, PathBuf};

use regex::Regex;

/// Refused words, as case-insensitive regular expressions, and the words to use instead.
const RETIRED: [(&str, &str); 8] = [
    (r"\bdoors?\b", "channel, listener or mount"),
    (r"\btongues?\b", "protocol"),
    (r"\bhouses?\b", "app or server"),
    (r"\bwings?\b", "module"),
    (
        r"\b(whoever|nobody|somebody|anybody)\b",
        "the caller, no user, a user, anyone",
    ),
    (r"\bstands? behind\b", "implements, or is after"),
    (r"\bled astray\b", "internal error"),
    (r"\b(is|are) told\b", "is reported, or receives"),
];

/// Words that stay because programs read them, or because another product uses them.
const KEPT: [&str; 7] = [
    // The JSON field, XML element and database column for the channel of an import.
    "\"door\"",
    "`door`",
    "<door>",
    "door, ",
    "door WHEN",
    "    door  ",
    "door =",
];

fn offences(file: &str, text: &str) -> Vec<String> {
    let retired = RETIRED.map(|(pattern, instead)| {
        let pattern = format!("(?i){pattern}");
        (Regex::new(&pattern).expect("a valid pattern"), instead)
    });
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = KEPT
            .iter()
            .fold(line.to_owned(), |line, kept| line.replace(kept, ""));
        for (word, instead) in &retired {
            if let Some(found_word) = word.find(&line) {
                let word = found_word.as_str();
                found.push(format!("{file}:{number}: \"{word}\"; write {instead}"));
            }
        }
    }
    found
}

fn files(folder: &Path, ends: &[&str], found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, ends, found);
        } else if path
            .extension()
            .is_some_and(|end| ends.iter().any(|it| end == *it))
        {
            found.push(path);
        }
    }
}

#[test]
fn retired_words_are_in_no_source_document_or_message() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all: Vec<PathBuf> = [
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "config.default.toml",
    ]
    .map(|name| root.join(name))
    .into_iter()
    .filter(|path| path.exists())
    .collect();
    files(&root.join("src"), &["rs", "json", "sql", "wsdl"], &mut all);
    files(&root.join("docs"), &["md"], &mut all);
    files(&root.join("benches"), &["rs"], &mut all);
    assert!(all.len() > 300, "the sources are found");
    let mut found = Vec::new();
    for path in all {
        let text = std::fs::read_to_string(&path).expect("the file can be read");
        let name = path.strip_prefix(root).expect("it is in there");
        found.extend(offences(&name.display().to_string(), &text));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn retired_words_are_found_in_any_case_and_fields_that_programs_read_are_not() {
    let count = |text| offences("x.rs", text).len();
    assert_eq!(count("/// The Door it came through; Nobody is told."), 3);
    assert_eq!(count("    #[serde(rename = \"door\")]"), 0);
    assert_eq!(count("outdoor, warehouse, knowing"), 0);
}
