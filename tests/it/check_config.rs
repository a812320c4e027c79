//! `muster check-config`: problems with their keys and sources, and the settings in effect.

use crate::process::{Home, finish};

fn check(home: &Home) -> crate::process::Finished {
    home.run(&["check-config"])
}

#[test]
fn settings_in_effect_are_shown_with_their_source() {
    let home = Home::with_settings(
        "[soap]\nproblems_in_fault = 7\n[[soap.security.digest_callers]]\nname = 'esb'\n\
         secret = 'geheim-42'\n[domains.SALES]\nuser_name_rule = '[a-z]+'\n\
         [claims]\n'http://example.com/badge' = 'badge'\n[files]\ncharset = 'windows-1252'\ndelimiter = ';'\n",
    );
    let mut command = home.command(&["check-config"]);
    command.env("MUSTER_SERVER_HTTP", "127.0.0.1:1234");
    command.env("MUSTER_ADMIN_PASSWORD", "geheim-43");
    let done = finish(command, "").ended(0);
    let line = |text: &str| {
        let found = done.out.lines().find(|line| line.starts_with(text));
        found
            .unwrap_or_else(|| panic!("{text}: {}", done.out))
            .to_owned()
    };
    assert!(line("http = \"127.0.0.1:1234\"").ends_with("# MUSTER_SERVER_HTTP"));
    assert!(line("problems_in_fault = 7").ends_with("settings.toml"));
    assert!(line("list_limit = 100").ends_with("# default"));
    assert!(line("data = ").ends_with("# the command line"));
    assert!(line("charset = \"windows-1252\"").ends_with("settings.toml"));
    assert!(line("delimiter = \"semicolon\"").ends_with("settings.toml"));
    assert!(line("user_name_rule = ").ends_with("settings.toml"));
    assert!(line("\"http://example.com/badge\" = \"badge\"").ends_with("settings.toml"));
    assert!(line("secret = \"***\"").ends_with("\"***\""));
    assert!(!done.out.contains("geheim"), "{}", done.out);
    assert!(!home.data().exists(), "nothing is created");

    home.write("settings.toml", &done.out);
    let again = home.bare_command(&["check-config", "--config", "settings.toml"]);
    let again = finish(again, "").ended(0);
    let values = |text: &str| -> Vec<String> {
        let value = |line: &str| {
            line.split("  #")
                .next()
                .unwrap_or(line)
                .trim_end()
                .to_owned()
        };
        text.lines().map(value).collect()
    };
    assert_eq!(
        values(&again.out),
        values(&done.out),
        "the output is a valid settings file"
    );
}

#[test]
fn problems_are_reported_with_their_source() {
    let home = Home::new();
    for (settings, words) in [
        ("[server]\nhttpp = 'x'\n", &["settings.toml", "httpp"][..]),
        (
            "[server]\nhttp = 'nowhere'\n",
            &["server.http", "settings.toml"],
        ),
        (
            "[passwords]\npasses = 0\n",
            &["passwords.passes", "settings.toml"],
        ),
        (
            "[passwords]\ninitial_rule = '('\n",
            &["settings.toml", "initial_rule"],
        ),
        (
            "[passwords]\nhash_schemes = ['rot13']\n",
            &["passwords.hash_schemes", "rot13"],
        ),
        (
            "[domains.X]\nuser_name_rule = '['\n",
            &["settings.toml", "user_name_rule"],
        ),
        (
            "[import]\nworkers = 0\n",
            &["import.workers", "settings.toml"],
        ),
        ("[log]\nlevel = 'no=such=level'\n", &["log.level"]),
        ("[store]\nurl = 'oracle:x'\n", &["store.url", "oracle"]),
        (
            "[files]\ncharset = 'klingon'\n",
            &["settings.toml", "klingon"],
        ),
        (
            "[server]\ntls_certificate = 'no.pem'\ntls_key = 'no.pem'\n",
            &["server.tls_certificate", "no.pem", "settings.toml"],
        ),
        (
            "[[soap.security.digest_callers]]\nname = 'esb'\nsecret_file = 'no.secret'\n",
            &["soap.security.digest_callers", "no.secret", "settings.toml"],
        ),
    ] {
        home.write("settings.toml", settings);
        let refused = check(&home).ended(1);
        for word in words {
            assert!(
                refused.err.contains(word),
                "{settings}: {word}: {refused:?}"
            );
        }
        assert!(refused.out.is_empty(), "{refused:?}");
    }
    home.write(
        "settings.toml",
        "[passwords]\npasses = 0\nmemory_kib = 1\n[import]\nworkers = 0\n",
    );
    let both = check(&home).ended(1);
    assert!(both.err.contains("passwords.memory_kib") && both.err.contains("import.workers"));
    let mut command = home.command(&["check-config"]);
    command.env("MUSTER_ADMIN_PASSWORD_FILE", "no.password");
    home.write("settings.toml", "");
    let missing = finish(command, "").ended(1);
    assert!(missing.err.contains("no.password"), "{missing:?}");
}

#[test]
fn line_with_a_secret_is_not_quoted() {
    let home = Home::new();
    home.write(
        "settings.toml",
        "[soap]\n\n[[soap.security.digest_callers]]\nsecret = \"geheim-42\n",
    );
    let refused = check(&home).ended(1);
    assert!(refused.err.contains("settings.toml, line 4"), "{refused:?}");
    assert!(!refused.err.contains("geheim"), "{refused:?}");
}
