//! The files at the top of the repository agree with each other and with what is there.

use std::collections::BTreeSet;
use std::path::PathBuf;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    let path = root().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What stands between `before` and the next `after`, wherever it is.
fn between<'a>(text: &'a str, before: &'a str, after: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(before)
        .skip(1)
        .filter_map(move |rest| rest.split_once(after).map(|(found, _)| found))
}

/// The suites of the table in `tests/run.sh`.
fn suites() -> BTreeSet<String> {
    let script = read("tests/run.sh");
    let table = between(&script, "table=(\n", "\n)")
        .next()
        .expect("a table");
    let name = |line: &str| Some(line.trim().strip_prefix('"')?.split(' ').next()?.to_owned());
    let suites: BTreeSet<String> = table.lines().filter_map(name).collect();
    assert!(suites.len() > 15, "{suites:?}");
    suites
}

#[test]
fn contributing_names_files_that_are_there() {
    let text = read("CONTRIBUTING.md");
    let places = ["src/", "tests/", "docs/", "fixtures/", "examples/", "wsdl/"];
    let named: Vec<&str> = text
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|code| places.iter().any(|place| code.starts_with(place)))
        // A command: its first word is the file.
        .filter_map(|code| code.split_whitespace().next())
        .collect();
    assert!(named.len() > 10, "{named:?}");
    for path in named {
        assert!(root().join(path).exists(), "CONTRIBUTING.md names {path}");
    }
}

#[test]
fn the_compiler_is_the_same_everywhere() {
    let toolchain = read("rust-toolchain.toml");
    let full = between(&toolchain, "channel = \"", "\"").next();
    let full = full.expect("a channel");
    let manifest = read("Cargo.toml");
    let short = between(&manifest, "rust-version = \"", "\"").next();
    let short = short.expect("a version");
    assert!(full.starts_with(&format!("{short}.")), "{full}, {short}");
    let counts = read("benches/instructions.txt");
    let made = format!("# Made with rustc {full},");
    assert!(counts.contains(&made), "benches/instructions.txt: {made}");
}

#[test]
fn workflows_run_suites_that_there_are() {
    let suites = suites();
    let mut run = BTreeSet::new();
    for name in ["ci.yml", "trials.yml"] {
        let workflow = read(&format!(".github/workflows/{name}"));
        assert!(workflow.contains("tests/run.sh ${{ matrix."), "{name}");
        // `suites:` with a list below it, or `suite: [one, another]`.
        let listed = between(&workflow, "suites:\n", "    steps:").flat_map(str::lines);
        let listed = listed.filter_map(|line| line.trim().strip_prefix("- "));
        run.extend(listed.flat_map(str::split_whitespace).map(str::to_owned));
        let inline = between(&workflow, "suite: [", "]").flat_map(|list| list.split(", "));
        run.extend(inline.map(str::to_owned));
    }
    assert!(run.len() > 10, "{run:?}");
    let unknown: Vec<_> = run.difference(&suites).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    // Left out: what they bring along, and what reads folders that are not in the repository.
    let without = ["tools", "xml-suite", "captures", "corpora", "cases"];
    let never: Vec<_> = suites
        .difference(&run)
        .filter(|suite| !without.contains(&suite.as_str()))
        .collect();
    assert!(never.is_empty(), "no workflow runs {never:?}");
}

#[test]
fn ignored_tests_with_material_have_a_suite() {
    let script = read("tests/run.sh");
    let mut modules = 0;
    for entry in std::fs::read_dir(root().join("tests/it")).expect("a folder") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        // This file has the words too, but not as an attribute.
        if !text.contains("\n#[ignore = \"needs MUSTER_") {
            continue;
        }
        modules += 1;
        let module = path.file_stem().and_then(|name| name.to_str());
        let module = format!("{}::", module.expect("a name"));
        // Once to run them, and once to leave them out of the tests that measure.
        let named = script.matches(&module).count();
        assert_eq!(named, 2, "tests/run.sh names {module}");
    }
    assert_eq!(modules, 4);
}

#[test]
fn every_example_has_a_readme_that_names_its_test() {
    let suites = suites();
    let index = read("examples/README.md");
    for entry in std::fs::read_dir(root().join("examples")).expect("a folder") {
        let path = entry.expect("an entry").path();
        if !path.is_dir() {
            continue;
        }
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.expect("a name");
        assert!(index.contains(&format!("]({name})")), "the index: {name}");
        let readme = read(&format!("examples/{name}/README.md"));
        let named: Vec<&str> = between(&readme, "`tests/run.sh ", "`").collect();
        assert!(!named.is_empty(), "{name} names no test");
        for suite in named {
            assert!(suites.contains(suite), "{name}: there is no suite {suite}");
        }
    }
}

#[test]
fn the_licence_is_the_one_that_the_package_names() {
    assert!(read("Cargo.toml").contains("license = \"Apache-2.0\""));
    let licence = read("LICENSE");
    assert!(licence.contains("Apache License") && licence.contains("Version 2.0, January 2004"));
}
