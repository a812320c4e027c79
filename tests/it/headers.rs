//! Header lines, cells and rows without names, through every channel: what is understood is read, and what is
//! not is refused with a sentence that names it.

use crate::channels::{Bench, Channel, Upload};

const CLAIM: &str = "http://wso2.org/claims/country=FR";

/// Imports the file through every channel and asks each outcome.
fn each(file: &str, ask: impl Fn(&crate::channels::Outcome, Channel, &Bench)) {
    for channel in Channel::ALL {
        let bench = Bench::start(channel);
        let outcome = bench.import(&Upload::new("users.csv", file.as_bytes()));
        ask(&outcome, channel, &bench);
    }
}

/// The file is refused by every channel, with these words and no user.
fn refused(file: &str, words: &[&str]) {
    each(file, |outcome, channel, _| {
        let sentence = outcome.refused.as_deref();
        let sentence = sentence.unwrap_or_else(|| panic!("{channel:?}, {file:?}: {outcome:?}"));
        for word in words {
            assert!(sentence.contains(word), "{channel:?}: {sentence}");
        }
        assert!(outcome.users.is_empty(), "{channel:?}: {outcome:?}");
    });
}

#[test]
fn headers_that_nearly_name_columns_are_refused_in_one_sentence() {
    refused(
        "username (required),email (optional)\nmira,mira@example.com\n",
        &["username (required)", "email (optional)", "header"],
    );
    refused("id,upn\n4711,mira@example.com\n", &["\"id\"", "header"]);
}

#[test]
fn lines_above_the_header_are_named() {
    refused(
        "# exported 2026-11-01\nusername,email\nmira,mira@example.com\n",
        &["line 2"],
    );
}

#[test]
fn a_title_of_two_cells_makes_no_user_and_no_passwords() {
    for title in ["Generated,2026-12-01T08:00:00Z", "Stand:,12.Dez.2026"] {
        for before in ["", "\n"] {
            let file = format!("{before}{title}\nusername,givenname\nkim,Kimberley\n");
            let line = format!("line {}", 2 + before.len());
            refused(&file, &[&line, "header"]);
        }
    }
    refused("Kundennr,Telefon1\n4711,030-1234\n", &["\"Kundennr\""]);
    refused(
        "\nusername:,password:\nkim,Pass-1-xx\n",
        &["is it username?"],
    );
}

#[test]
fn another_header_between_the_rows_fails_and_is_no_account() {
    let rows: String = (0..30)
        .map(|row| format!("u{row},Meadow-{row}\n"))
        .collect();
    let file = format!("name,pwd\n{rows}username,displayname\nsep=,\nlogin,pass\nlee,Meadow-99\n");
    each(&file, |outcome, channel, _| {
        assert_eq!(outcome.user_names().len(), 31, "{channel:?}");
        let mut codes = outcome.codes();
        codes.sort();
        let expected = [
            (1, "header-not-understood"),
            (32, "header-repeated"),
            (33, "separator-line-skipped"),
            (34, "header-repeated"),
        ];
        assert_eq!(codes, expected, "{channel:?}");
        let counted = (outcome.counters.failed, outcome.counters.skipped);
        assert_eq!(counted, (1, 2), "{channel:?}");
    });
}

#[test]
fn a_row_in_one_cell_makes_no_user_and_is_not_repeated() {
    let file = "UserName,Password,Claims\n\"mira,Meadow-Lark-77,\"\nlee,Meadow-Lark-78,\n";
    each(file, |outcome, channel, _| {
        assert_eq!(outcome.user_names(), ["lee"], "{channel:?}");
        assert_eq!(outcome.codes(), [(2, "field-count")], "{channel:?}");
        let told = format!("{}{:?}", outcome.answer, outcome.findings);
        assert!(!told.contains("Meadow-Lark-77"), "{channel:?}: {told}");
    });
}

#[test]
fn errors_of_spreadsheets_fail_in_any_language() {
    let words = [
        "#N/D",
        "#N/B",
        "#Н/Д",
        "#YOK",
        "#SAKNAS!",
        "#WAARDE!",
        "#VALORE!",
        "#RIF!",
        "#ARG!",
        "#ЗНАЧ!",
        "#MACRO?",
        "#DIV/0",
        "#VALUE",
        "#REF",
        "#####",
        "Err:502",
    ];
    let rows: String = words
        .iter()
        .enumerate()
        .map(|(number, word)| format!("u{number},{word}\n{word},Dr\n"))
        .collect();
    let file = format!("username,title\n{rows}kim,#NEWS\nlee,#Team-7!\n");
    each(&file, |outcome, channel, _| {
        assert_eq!(outcome.user_names(), ["kim", "lee"], "{channel:?}");
        assert_eq!(outcome.user("kim").attributes["title"], "#NEWS");
        let mut codes = outcome.codes();
        // A name that is an error is none.
        codes.retain(|(_, code)| *code != "name-missing");
        assert_eq!(codes.len(), 2 * words.len(), "{channel:?}: {codes:?}");
        assert!(
            codes.iter().all(|(_, code)| *code == "cell-error"),
            "{codes:?}"
        );
    });
}

#[test]
fn a_first_line_that_is_a_user_is_imported_and_said_so() {
    let file = format!("mira,Meadow-77,{CLAIM}\notto,Meadow-78\n");
    each(&file, |outcome, channel, _| {
        assert_eq!(outcome.user_names(), ["mira", "otto"], "{channel:?}");
        assert_eq!(outcome.codes(), [(1, "first-line-is-data")], "{channel:?}");
    });
}

#[test]
fn an_empty_first_line_takes_no_user_away() {
    each(
        "\nmira,Meadow-77\notto,Meadow-78\n",
        |outcome, channel, bench| {
            assert_eq!(outcome.user_names(), ["mira", "otto"], "{channel:?}");
            assert!(outcome.findings.is_empty(), "{channel:?}: {outcome:?}");
            assert!(
                bench.check_password(&outcome.organization, "mira", "Meadow-77"),
                "{channel:?}"
            );
        },
    );
}

#[test]
fn a_header_that_comes_again_is_no_user() {
    let again = "username,email,password\nmira,m@x.org,Meadow-77\nUserName,EMail,Password\notto,o@x.org,Meadow-78\n";
    each(again, |outcome, channel, _| {
        assert_eq!(outcome.user_names(), ["mira", "otto"], "{channel:?}");
        assert_eq!(outcome.codes(), [(3, "header-repeated")], "{channel:?}");
        assert_eq!(outcome.counters.skipped, 1, "{channel:?}");
    });
    let original =
        format!("name,pwd\nmira,Meadow-77,{CLAIM}\nname,pwd\nusername,password\notto,Meadow-78\n");
    each(&original, |outcome, channel, _| {
        assert_eq!(outcome.user_names(), ["mira", "otto"], "{channel:?}");
    });
}

#[test]
fn a_row_with_data_and_no_name_fails_and_a_blank_one_is_nothing() {
    each(
        "username,email,givenname\n,mira@example.com,Mira\n,,\n \u{a0},otto@example.com,\nkim,,\n",
        |outcome, channel, _| {
            assert_eq!(outcome.user_names(), ["kim"], "{channel:?}");
            let codes = [(2, "name-missing"), (4, "name-missing")];
            assert_eq!(outcome.codes(), codes, "{channel:?}");
            assert_eq!(
                (outcome.counters.failed, outcome.counters.total),
                (2, 4),
                "{channel:?}"
            );
        },
    );
}

#[test]
fn cells_are_tidied_and_errors_fail_their_rows() {
    let file = "username,email,employeeNumber,password\n\
        \u{a0}mira , mira@example.com\u{200b},=\"00077\", Meadow-77 \n\
        otto,#N/A,1,\n\
        #NAME?,o@x.org,1,\n\
        kim,NULL,(null),\n\
        lee,lee at example.com,1,\n";
    each(file, |outcome, channel, bench| {
        assert_eq!(outcome.user_names(), ["kim", "mira"], "{channel:?}");
        let mira = outcome.user("mira");
        assert_eq!(mira.email.as_deref(), Some("mira@example.com"));
        assert_eq!(
            mira.attributes
                .get("employeeNumber")
                .and_then(|it| it.as_str()),
            Some("00077")
        );
        assert!(
            bench.check_password(&outcome.organization, "mira", "Meadow-77"),
            "{channel:?}"
        );
        assert_eq!(outcome.user("kim").email, None, "{channel:?}");
        let codes: Vec<(u64, &str)> = outcome.codes();
        for expected in [
            (2, "password-trimmed"),
            (3, "cell-error"),
            (4, "cell-error"),
            (6, "email-form"),
        ] {
            assert!(codes.contains(&expected), "{channel:?}: {codes:?}");
        }
    });
}

#[test]
fn rows_may_end_early_and_claims_may_stand_behind_known_columns() {
    let file = format!(
        "username,email,title\r\nmira,m@x.org,Dr,{CLAIM}\r\notto,o@x.org\r\nkim,k@x.org,,surplus\r\n"
    );
    each(&file, |outcome, channel, _| {
        assert_eq!(outcome.user_names(), ["mira", "otto"], "{channel:?}");
        let country = outcome.user("mira").attributes.get("country");
        assert_eq!(
            country.and_then(|it| it.as_str()),
            Some("FR"),
            "{channel:?}"
        );
        assert_eq!(outcome.codes(), [(4, "field-count")], "{channel:?}");
    });
}
