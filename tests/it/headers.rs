//! Header lines, cells and rows without names, over every channel: what can be interpreted is imported, and
//! the rest is refused with a message that quotes it.

use crate::channels::{Bench, Channel, Upload};

const CLAIM: &str = "http://wso2.org/claims/country=FR";

/// Imports the file over every channel and checks each outcome.
fn each(file: &str, check: impl Fn(&crate::channels::Outcome, Channel, &Bench)) {
    for channel in Channel::ALL {
        let bench = Bench::start(channel);
        let outcome = bench.import(&Upload::new("users.csv", file.as_bytes()));
        check(&outcome, channel, &bench);
    }
}

/// Asserts that every channel refuses the file with a message that contains these words, and stores no user.
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
fn headers_that_almost_match_columns_are_refused_with_one_message() {
    refused(
        "username (required),email (optional)\nmira,mira@example.com\n",
        &["username (required)", "email (optional)", "header"],
    );
    refused("id,upn\n4711,mira@example.com\n", &["\"id\"", "header"]);
}

#[test]
fn lines_above_the_header_are_reported() {
    refused(
        "# exported 2026-11-01\nusername,email\nmira,mira@example.com\n",
        &["line 2"],
    );
}

#[test]
fn a_title_line_of_two_cells_is_refused_and_creates_no_user() {
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
fn a_header_line_between_the_rows_creates_no_user() {
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
fn a_row_quoted_as_one_cell_creates_no_user_and_is_not_quoted_in_the_report() {
    let file = "UserName,Password,Claims\n\"mira,Meadow-Lark-77,\"\nlee,Meadow-Lark-78,\n";
    each(file, |outcome, channel, _| {
        assert_eq!(outcome.user_names(), ["lee"], "{channel:?}");
        assert_eq!(outcome.codes(), [(2, "field-count")], "{channel:?}");
        let report = format!("{}{:?}", outcome.answer, outcome.findings);
        assert!(!report.contains("Meadow-Lark-77"), "{channel:?}: {report}");
    });
}

#[test]
fn spreadsheet_error_values_fail_in_any_language() {
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
        // A row whose name is an error value is also reported as `name-missing`.
        codes.retain(|(_, code)| *code != "name-missing");
        assert_eq!(codes.len(), 2 * words.len(), "{channel:?}: {codes:?}");
        assert!(
            codes.iter().all(|(_, code)| *code == "cell-error"),
            "{codes:?}"
        );
    });
}

#[test]
fn a_first_line_with_user_data_is_imported_and_reported() {
    let file = format!("mira,Meadow-77,{CLAIM}\notto,Meadow-78\n");
    each(&file, |outcome, channel, _| {
        assert_eq!(outcome.user_names(), ["mira", "otto"], "{channel:?}");
        assert_eq!(outcome.codes(), [(1, "first-line-is-data")], "{channel:?}");
    });
}

#[test]
fn an_empty_first_line_drops_no_user() {
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
fn a_repeated_header_is_skipped() {
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
fn a_row_without_a_name_fails_and_a_blank_row_is_ignored() {
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
fn cells_are_normalized_and_error_values_fail_their_rows() {
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
fn rows_may_be_short_and_claims_may_follow_named_columns() {
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
