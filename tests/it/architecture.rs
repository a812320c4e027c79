//! The map in ARCHITECTURE.md: the files that it names exist, and its glossary stays short.

use std::path::Path;

/// Terms that a newcomer can learn in one reading.
const MAX_TERMS: usize = 20;

/// Endings of the names that are checked; a name that ends with `/` is a folder.
const CHECKED: [&str; 8] = [".rs", ".md", ".sh", ".txt", ".json", ".wsdl", ".toml", "/"];

/// Every name of a file or folder in backticks. Diagrams are in fenced blocks and are not read; addresses such as
/// `/api/` begin with a slash.
fn names(page: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut in_fence = false;
    for (number, line) in (1..).zip(page.lines()) {
        if line.starts_with("```") {
            in_fence = !in_fence;
            continue;
        }
        if in_fence {
            continue;
        }
        for quoted in line.split('`').skip(1).step_by(2) {
            let is_path = quoted.contains('/') || quoted.ends_with(".rs");
            let is_name = !quoted.starts_with('/') && !quoted.contains(' ');
            if is_path && is_name && CHECKED.iter().any(|end| quoted.ends_with(end)) {
                found.push((number, quoted));
            }
        }
    }
    found
}

/// The names that are neither below `src` nor below the project's root.
fn missing<'p>(page: &'p str, root: &Path) -> Vec<(usize, &'p str)> {
    names(page)
        .into_iter()
        .filter(|(_, name)| {
            let exists = |path: &Path| match name.ends_with('/') {
                true => path.is_dir(),
                false => path.is_file(),
            };
            !exists(&root.join("src").join(name)) && !exists(&root.join(name))
        })
        .collect()
}

/// The first cells of the glossary's table, without its head.
fn terms(page: &str) -> Vec<&str> {
    page.lines()
        .skip_while(|line| *line != "## Glossary")
        .skip(1)
        .take_while(|line| !line.starts_with("## "))
        .filter_map(|line| line.strip_prefix("| ")?.split(" |").next())
        .filter(|term| *term != "term")
        .collect()
}

fn page_of(root: &Path) -> String {
    std::fs::read_to_string(root.join("ARCHITECTURE.md")).expect("the page can be read")
}

#[test]
fn files_named_in_the_architecture_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = page_of(root);
    assert!(names(&page).len() > 100, "the names are found");
    let missing = missing(&page, root);
    assert!(missing.is_empty(), "no such files: {missing:?}");
}

#[test]
fn glossary_has_at_most_twenty_terms() {
    let page = page_of(Path::new(env!("CARGO_MANIFEST_DIR")));
    let terms = terms(&page);
    assert!(
        terms.contains(&"import"),
        "the glossary is found: {terms:?}"
    );
    assert!(terms.len() <= MAX_TERMS, "{} terms", terms.len());
}

#[test]
fn missing_files_and_folders_are_found() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = "`import/importer.rs`, `src/lib.rs`, `app.rs`, `stores/`, `/api/`, `a / b/`\n\
                ```text\n`none.rs`\n```\n\
                `import/none.rs` `none/` `none.rs`, `lib/app.rs`\n";
    let expected: [(usize, &str); 4] = [
        (5, "import/none.rs"),
        (5, "none/"),
        (5, "none.rs"),
        (5, "lib/app.rs"),
    ];
    assert_eq!(missing(page, root), expected);
}

#[test]
fn glossary_ends_at_the_next_heading() {
    let page = "| a | b |\n## Glossary\n\n| term | meaning |\n|---|---|\n| row | a line |\n| user store, domain | x |\n\
                \n## Next\n| c | d |\n";
    assert_eq!(terms(page), ["row", "user store, domain"]);
}
