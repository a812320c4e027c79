//! The layers of the code: imports run down only, and no two files need each other.
//!
//! The plan is read from the first page of `src/lib.rs`, where a newcomer reads it; a module that is missing there
//! breaks a rule too. Every path that begins with `crate::`, `self::` or `super::` in every file below `src` is
//! checked, the tests in these files included.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Modules of `src`, each with its layer; higher ones know lower ones.
type Plan = BTreeMap<String, u32>;

/// Something in `src` that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
struct Offence {
    file: String,
    line: usize,
    path: String,
    rule: &'static str,
}

const UPWARDS: &str = "imports run down only: this is a layer above, or beside";
const UNPLANNED: &str = "this module has no layer in the plan of src/lib.rs";
const SLICES: &str = "slices never import each other; what they share is in http/ beside them";
const SHARED: &str = "what slices share does not know them; only http/server.rs puts them together";

/// Folders whose files need one another in a circle today. A folder that is clean is taken off this list.
const CIRCLES: [&str; 2] = ["stores/memory/", "stores/sqlite/"];

#[test]
fn no_two_files_need_each_other() {
    let needs = needs(&source());
    let found: Vec<_> = circles(&needs)
        .into_iter()
        .filter(|files| {
            !CIRCLES
                .iter()
                .any(|folder| files.iter().all(|file| file.starts_with(folder)))
        })
        .collect();
    assert!(found.is_empty(), "these files need one another: {found:#?}");
    let own: Vec<_> = own_mod_rs(&needs)
        .into_iter()
        .filter(|line| !CIRCLES.iter().any(|folder| line.contains(folder)))
        .collect();
    assert!(own.is_empty(), "a mod.rs is a table of contents: {own:#?}");
}

#[test]
fn circles_are_found_behind_urls_in_texts_and_not_in_tests() {
    let file = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let found = |files: &[(String, String)]| circles(&needs(files));
    let pair = ["users/a.rs".to_owned(), "users/b.rs".to_owned()];
    // The `//` of a URL begins no comment, and a quotation mark in a character no text.
    let a = file(
        "users/a.rs",
        "const URL: &str = \"http://x\"; const MARK: char = '\"'; use crate::users::b::B;\n",
    );
    let b = file("users/b.rs", "fn f(a: super::a::A) {}\n");
    assert_eq!(found(&[a.clone(), b]), [pair]);
    let b = file(
        "users/b.rs",
        "#[cfg(test)]\nmod tests {\n    use crate::users::a::A;\n}\n",
    );
    assert_eq!(found(&[a.clone(), b]), Vec::<Vec<String>>::new());
    let listed = file(
        "users/mod.rs",
        "pub mod a;\npub const NAME: &str = \"x\";\n",
    );
    let a = file("users/a.rs", "use super::NAME;\n");
    assert_eq!(
        own_mod_rs(&needs(&[listed, a])),
        ["src/users/a.rs imports users::NAME of users/mod.rs"]
    );
}

#[test]
fn imports_run_down_only() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let plan = plan(&read(&folder.join("lib.rs")));
    let slices = folders(&folder.join("http"));
    let offences: Vec<_> = source()
        .iter()
        .flat_map(|(name, text)| check(name, text, &plan, &slices))
        .collect();
    assert!(offences.is_empty(), "{}", report(&offences));
}

/// Every file below `src`, named relative to it, with its text.
fn source() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = rust_files(&folder).into_iter();
    files
        .map(|path| {
            let name = path.strip_prefix(&folder).expect("it is in there");
            let name = name.to_str().expect("names are UTF-8").to_owned();
            (name, read(&path))
        })
        .collect()
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
    let layers = [
        ("clock", 1),
        ("http", 2),
        ("main", 3),
        ("users", 1),
        ("wire", 1),
    ];
    let expected: Plan = layers
        .map(|(module_name, layer)| (module_name.to_owned(), layer))
        .into();
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
    .map(|(module_name, layer)| (module_name.to_owned(), layer))
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

/// Layer and modules of every line of the plan. Words that are not the name of a module, or name one further down, say
/// what is inside.
fn plan(lib: &str) -> Plan {
    let modules: Vec<&str> = lib
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .chain(["main"])
        .collect();
    let mut plan = Plan::new();
    for line in lib.lines().filter_map(|line| line.strip_prefix("//! ")) {
        let mut words = line.split([' ', ',', ':']);
        let Some(layer) = words.next().and_then(|word| word.parse().ok()) else {
            continue;
        };
        for module_name in words.filter(|word| modules.contains(word)) {
            plan.insert(module_name.to_owned(), layer);
        }
    }
    plan
}

/// Every rule against one file, named relative to `src`.
fn check(file: &str, text: &str, plan: &Plan, slices: &[String]) -> Vec<Offence> {
    let module = module_of(file);
    let module_name = module.first().cloned().unwrap_or_default();
    // The crate's root holds the declarations of all modules.
    if module_name.is_empty() {
        return Vec::new();
    }
    let own_slice = module.get(1).filter(|name| slices.contains(name));
    let in_http = module_name == "http";
    let mut offences = Vec::new();
    for (line, path) in paths(text, &module, true) {
        let Some(target) = path.first() else { continue };
        let target_slice = path.get(1).filter(|name| slices.contains(name));
        let rule = if *target != module_name {
            match (plan.get(&module_name), plan.get(target)) {
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

/// Every path from the crate's root that the code names, with its line. Comments and texts are no code; what is
/// compiled for tests only is left out when `with_tests` is false.
fn paths(text: &str, module: &[String], with_tests: bool) -> Vec<(usize, Vec<String>)> {
    let code: TokenStream = text.parse().expect("the file is Rust");
    let mut found = Vec::new();
    walk(code, module, with_tests, &mut found);
    found
}

fn walk(
    code: TokenStream,
    module: &[String],
    with_tests: bool,
    found: &mut Vec<(usize, Vec<String>)>,
) {
    let tokens: Vec<TokenTree> = code.into_iter().collect();
    let is = |at: usize, text: &str| tokens.get(at).is_some_and(|it| it.to_string() == text);
    let mut for_tests = false;
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '#' && is_group(&tokens, at + 1) => {
                let attribute = tokens[at + 1].to_string().replace(' ', "");
                for_tests |= attribute == "[cfg(test)]";
                at += 2;
            }
            // What stands in its braces has this module around it; a file's own module has the same name already.
            TokenTree::Ident(word) if word == "mod" && is_group(&tokens, at + 2) => {
                let inner = [module, &[tokens[at + 1].to_string()]].concat();
                if let Some(TokenTree::Group(body)) = tokens.get(at + 2)
                    && (with_tests || !for_tests)
                {
                    walk(body.stream(), &inner, with_tests, found);
                }
                for_tests = false;
                at += 3;
            }
            TokenTree::Ident(word)
                if (word == "crate" || word == "super" || word == "self")
                    && is(at + 1, ":")
                    && is(at + 2, ":")
                    && !(at > 0 && is(at - 1, "$")) =>
            {
                let line = word.span().start().line;
                let mut root = match word.to_string().as_str() {
                    "crate" => Vec::new(),
                    "self" => module.to_vec(),
                    _ => parent(module),
                };
                at += 3;
                while is(at, "super") && is(at + 1, ":") && is(at + 2, ":") {
                    root.pop();
                    at += 3;
                }
                let mut ends = Vec::new();
                spread(&tokens, &mut at, &root, &mut ends);
                found.extend(ends.into_iter().map(|path| (line, path)));
            }
            TokenTree::Group(group) => {
                // `pub(in crate::http)` names a place for what is declared, and needs nothing of it.
                let scope = at > 0 && is(at - 1, "pub");
                if !scope && (with_tests || !for_tests) {
                    walk(group.stream(), module, with_tests, found);
                }
                for_tests &= group.delimiter() != Delimiter::Brace;
                at += 1;
            }
            TokenTree::Punct(punct) if punct.as_char() == ';' => {
                for_tests = false;
                at += 1;
            }
            _ => at += 1,
        }
    }
}

fn is_group(tokens: &[TokenTree], at: usize) -> bool {
    matches!(tokens.get(at), Some(TokenTree::Group(_)))
}

fn parent(module: &[String]) -> Vec<String> {
    module[..module.len().saturating_sub(1)].to_vec()
}

/// A use tree: `a::{b, c::d}` are the paths `a::b` and `a::c::d`. `at` is moved to the token after it.
fn spread(tokens: &[TokenTree], at: &mut usize, root: &[String], ends: &mut Vec<Vec<String>>) {
    let mut path = root.to_vec();
    loop {
        match tokens.get(*at) {
            Some(TokenTree::Ident(name)) => {
                if name != "self" {
                    path.push(name.to_string());
                }
                *at += 1;
            }
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                let mut next = 0;
                while next < inner.len() {
                    match &inner[next] {
                        TokenTree::Punct(comma) if comma.as_char() == ',' => next += 1,
                        _ => {
                            let before = next;
                            spread(&inner, &mut next, &path, ends);
                            next = next.max(before + 1);
                        }
                    }
                }
                *at += 1;
                return;
            }
            Some(TokenTree::Punct(star)) if star.as_char() == '*' => *at += 1,
            _ => {}
        }
        let colons = |at: usize| {
            matches!(tokens.get(at), Some(TokenTree::Punct(it)) if it.as_char() == ':')
                && matches!(tokens.get(at + 1), Some(TokenTree::Punct(it)) if it.as_char() == ':')
        };
        // `f::<T>()` has types after its colons, which are walked by themselves.
        let more = matches!(
            tokens.get(*at + 2),
            Some(TokenTree::Ident(_)) | Some(TokenTree::Group(_))
        ) || matches!(tokens.get(*at + 2), Some(TokenTree::Punct(it)) if it.as_char() == '*');
        if !colons(*at) || !more {
            break;
        }
        *at += 2;
    }
    ends.push(path);
}

/// The file that a path leads to: that of the innermost module in it.
fn file_of<'f>(path: &[String], files: &'f BTreeMap<Vec<String>, String>) -> Option<&'f str> {
    (1..=path.len())
        .rev()
        .find_map(|length| files.get(&path[..length]))
        .map(String::as_str)
}

/// Which files each file needs, without what is compiled for tests only.
fn needs(source: &[(String, String)]) -> BTreeMap<String, BTreeMap<String, String>> {
    let files: BTreeMap<Vec<String>, String> = source
        .iter()
        .map(|(file, _)| (module_of(file), file.clone()))
        .filter(|(module, _)| !module.is_empty())
        .collect();
    let mut needs: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (file, text) in source {
        let found = needs.entry(file.clone()).or_default();
        // The tests of a module may lie in a file of their own.
        if file.ends_with("tests.rs") || file.ends_with("vectors.rs") {
            continue;
        }
        for (_, path) in paths(text, &module_of(file), false) {
            if let Some(target) = file_of(&path, &files).filter(|target| target != file) {
                found
                    .entry(target.to_owned())
                    .or_insert_with(|| path.join("::"));
            }
        }
    }
    needs
}

/// Imports of a `mod.rs` by a file below it, which the `mod.rs` lists.
fn own_mod_rs(needs: &BTreeMap<String, BTreeMap<String, String>>) -> Vec<String> {
    let mut found = Vec::new();
    for (file, targets) in needs {
        for (target, path) in targets {
            let folder = target.strip_suffix("mod.rs").filter(|it| !it.is_empty());
            if folder.is_some_and(|folder| file.starts_with(folder)) {
                found.push(format!("src/{file} imports {path} of {target}"));
            }
        }
    }
    found
}

/// Sets of files that all need one another.
fn circles(needs: &BTreeMap<String, BTreeMap<String, String>>) -> Vec<Vec<String>> {
    let reachable = |from: &str| {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&str> = vec![from];
        while let Some(file) = open.pop() {
            for target in needs.get(file).into_iter().flat_map(BTreeMap::keys) {
                if seen.insert(target.as_str()) {
                    open.push(target);
                }
            }
        }
        seen
    };
    let reach: BTreeMap<&str, BTreeSet<&str>> = needs
        .keys()
        .map(|file| (file.as_str(), reachable(file)))
        .collect();
    let mut found: BTreeSet<Vec<String>> = BTreeSet::new();
    for (file, others) in &reach {
        if others.contains(file) {
            let together = others
                .iter()
                .filter(|other| reach.get(*other).is_some_and(|back| back.contains(file)));
            found.insert(together.map(|it| (*it).to_owned()).collect());
        }
    }
    found.into_iter().collect()
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
