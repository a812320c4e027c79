//! Text files that are not quite CSV, or not a table at all, on every channel: each is read correctly, or
//! fails in the row or as a whole with a message.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use muster::users::user::User;

use crate::channels::{Bench, Channel, Outcome, Upload};

/// Imports each file on every channel, with a fresh server for each channel, and passes every outcome to
/// `look`.
fn by_every_channel(files: &[&[u8]], look: impl Fn(usize, &Outcome)) {
    for channel in Channel::ALL {
        let bench = Bench::start(channel);
        for (number, file) in files.iter().enumerate() {
            let name = if file.starts_with(b"PK") {
                "users.xlsx"
            } else {
                "users.csv"
            };
            let outcome = bench.import(&Upload::new(name, file));
            eprintln!("{channel:?}, file {number}: {:?}", outcome.refused);
            look(number, &outcome);
        }
    }
}

fn shown(user: &User) -> &str {
    let name = user.attributes.get("displayName");
    name.and_then(|name| name.as_str()).unwrap_or_default()
}

/// Returns name and display name of every user.
fn names(outcome: &Outcome) -> Vec<(&str, &str)> {
    let users = outcome.users.iter();
    users
        .map(|user| (user.user_name.as_str(), shown(user)))
        .collect()
}

#[test]
fn quotation_marks_after_backslashes_are_read_with_a_warning() {
    let file = b"username,displayname,email\r\n\
        mira,\"Mira \\\"Mimi\\\" Falk\",mira@example.com\r\n\
        otto,\"Otto says \\\"\",otto@example.com\r\n\
        ruth,\"Ruth\",ruth@example.com\r\n";
    by_every_channel(&[file], |_, outcome| {
        let expected = [
            ("mira", "Mira \"Mimi\" Falk"),
            ("otto", "Otto says \""),
            ("ruth", "Ruth"),
        ];
        assert_eq!(names(outcome), expected);
        assert_eq!(outcome.codes(), [(0, "csv-quotes")]);
    });
}

#[test]
fn ambiguous_quotation_marks_fail_their_row_alone() {
    let file = b"username,displayname\n\
        a,\"Mira\" Falk\n\
        b,\"Mira \"Mimi\" Falk\"\n\
        c,Mira \"Mimi, the\" Falk\n\
        d,\"a \\\"b\\\" c \"\"d\"\"\"\n\
        e, \"Falk, Mira\"\n\
        f,5\" pipe\n\
        g,Mira \"Mimi\" Falk\n";
    by_every_channel(&[file], |_, outcome| {
        let expected = [
            ("e", "Falk, Mira"),
            ("f", "5\" pipe"),
            ("g", "Mira \"Mimi\" Falk"),
        ];
        assert_eq!(names(outcome), expected);
        let mut codes = outcome.codes();
        codes.sort();
        let quotes = |line| (line, "csv-quotes");
        assert_eq!(codes, [0, 2, 3, 4, 5].map(quotes));
        assert_eq!(outcome.counters.failed, 4);
    });
}

#[test]
fn row_that_includes_following_lines_names_them() {
    let file = b"username,displayname\nmira,\"Mira\nlee,Lee\notto,\"Otto\"\nann,Ann\n";
    by_every_channel(&[file], |_, outcome| {
        assert_eq!(names(outcome), [("ann", "Ann")]);
        assert_eq!(outcome.codes(), [(2, "csv-quotes")]);
        assert!(
            outcome.findings[0].message.contains("lines 2 to 4"),
            "{outcome:?}"
        );
    });
}

#[test]
fn nul_characters_fail_their_row_and_a_final_dos_end_mark_is_ignored() {
    let nul = b"username,displayname\nmira,Mira\0Falk\not\0to,Otto\nann,\"A\0\"\nlee,Lee\n";
    let end = b"username,displayname\r\nlee,Lee\r\n\x1a";
    let middle = b"username,displayname\nmira,Mi\x1ara\n\x1a\nlee,Lee\n";
    by_every_channel(&[nul, end, middle], |number, outcome| {
        assert_eq!(names(outcome), [("lee", "Lee")]);
        let expected: &[(u64, &str)] = match number {
            0 => &[
                (2, "nul-character"),
                (3, "nul-character"),
                (4, "nul-character"),
            ],
            1 => &[],
            _ => &[(2, "end-mark"), (3, "end-mark")],
        };
        assert_eq!(outcome.codes(), expected);
    });
}

#[test]
fn line_ends_of_every_kind_separate_rows() {
    let files: [&[u8]; 4] = [
        b"username,displayname\rmira,Mira\rotto,\"Otto\"\r",
        b"username,displayname\r\nmira,Mira\notto,Otto\r\n",
        b"username,displayname\n\r\nmira,Mira\r\r\notto,Otto",
        b"username,displayname\nmira,Mira\n\x0cotto,Otto\n",
    ];
    by_every_channel(&files, |_, outcome| {
        assert_eq!(names(outcome), [("mira", "Mira"), ("otto", "Otto")]);
        assert_eq!((outcome.counters.failed, outcome.codes()), (0, vec![]));
    });
}

#[test]
fn unusual_delimiters_are_read_if_the_header_is_known_and_refused_otherwise() {
    let read: [&[u8]; 5] = [
        b"username#displayname\nmira#Mira, F.\n",
        b"username:displayname\nmira:\"Mira, F.\"\n",
        b"username~displayname\nmira~Mira, F.\n",
        b"username\x1fdisplayname\nmira\x1fMira, F.\n",
        b"sep=^\nusername^displayname\nmira^Mira, F.\n",
    ];
    by_every_channel(&read, |_, outcome| {
        assert_eq!(names(outcome), [("mira", "Mira, F.")]);
        assert_eq!(outcome.codes(), []);
    });
    let refused: [&[u8]; 4] = [
        b"username;;displayname\nmira;;Mira\n",
        "username\u{a6}displayname\nmira\u{a6}Mira\n".as_bytes(),
        b"username#favouritecolour\nmira#red\n",
        b"username||displayname\nmira||Mira\n",
    ];
    by_every_channel(&refused, |_, outcome| {
        let message = outcome.refused.as_deref().expect("it is refused");
        assert!(message.contains("separated by"), "{message}");
        assert_eq!(outcome.user_names(), [""; 0]);
    });
}

#[test]
fn text_that_is_not_a_table_is_refused_with_its_format() {
    let files: [(&str, &str); 12] = [
        ("[{\"userName\": \"mira\"}]", "JSON"),
        (
            "{\"userName\": \"mira\"}\n{\"userName\": \"otto\"}\n",
            "JSON",
        ),
        ("---\n- username: mira\n- username: otto\n", "YAML"),
        ("username: mira\nemail: mira@example.com\n", "YAML"),
        ("dn: uid=mira,dc=example\nuid: mira\n", "LDIF"),
        ("BEGIN:VCARD\nFN:Mira\nEND:VCARD\n", "vCards"),
        ("-- dump\nINSERT INTO users VALUES ('mira');\n", "SQL"),
        ("INSERT INTO users VALUES ('mira', 'x');\n", "SQL"),
        (
            "-----BEGIN CERTIFICATE-----\nMIIBIjAN\n-----END CERTIFICATE-----\n",
            "PEM",
        ),
        (
            "From: a@example.com\nTo: b@example.com\n\nHello\n",
            "an e-mail",
        ),
        ("\u{feff}[\n  {\"userName\": \"mira\"}\n]\n", "JSON"),
        ("<users><user>mira</user></users>", "XML"),
    ];
    let bytes: Vec<&[u8]> = files.iter().map(|(file, _)| file.as_bytes()).collect();
    by_every_channel(&bytes, |number, outcome| {
        let message = outcome.refused.as_deref().expect("it is refused");
        assert!(message.contains(files[number].1), "{message}");
        assert_eq!(outcome.user_names(), [""; 0]);
    });
}

#[test]
fn base64_in_one_line_is_decoded_and_other_base64_refused() {
    const TABLE: &str = "username,displayname\nmira,Mira\notto,Otto\n";
    let once = STANDARD.encode(TABLE);
    let url = format!("data:text/csv;base64,{once}");
    let half = format!(";base64,{once}");
    let bare = format!("base64,{once}");
    // Longer than the part that is used to detect base64.
    let long = STANDARD.encode(TABLE.to_owned() + &",\n".repeat(3_000));
    by_every_channel(
        &[
            once.as_bytes(),
            url.as_bytes(),
            half.as_bytes(),
            bare.as_bytes(),
            long.as_bytes(),
        ],
        |_, outcome| {
            assert_eq!(names(outcome), [("mira", "Mira"), ("otto", "Otto")]);
            assert_eq!(outcome.codes(), [(0, "base64-unwrapped")]);
        },
    );
    let lines = |text: &str| {
        let lines: Vec<String> = text
            .as_bytes()
            .chunks(76)
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect();
        lines.join("\n")
    };
    let rows: String = (0..50)
        .map(|row| format!("user{row},User {row}\n"))
        .collect();
    let table = format!("username,displayname\n{rows}");
    let in_lines = lines(&STANDARD.encode(&table));
    let thrice = STANDARD.encode(STANDARD.encode(&table));
    let noise: Vec<u8> = (0..900u32).map(|n| (n * 7919 % 251) as u8).collect();
    let noise = lines(&STANDARD.encode(noise));
    let text = "data:text/csv,username%0Amira";
    let half = format!(";base64,{}", STANDARD.encode([0, 1, 2, 3, 4, 5, 250, 251]));
    by_every_channel(
        &[
            half.as_bytes(),
            in_lines.as_bytes(),
            thrice.as_bytes(),
            noise.as_bytes(),
            text.as_bytes(),
        ],
        |_, outcome| {
            let message = outcome.refused.as_deref().expect("it is refused");
            assert!(message.contains("base64"), "{message}");
            assert_eq!(outcome.user_names(), [""; 0]);
        },
    );
}

#[test]
fn charset_is_guessed_from_the_text_and_the_guess_is_reported() {
    let files: [(&[u8], &str); 9] = [
        (
            b"username;displayname\r\nmira;Anna\x96Lena\r\n",
            "Anna–Lena",
        ),
        (b"username;displayname\r\nmira;N\xba 5\r\n", "Nº 5"),
        (
            b"username;displayname\r\nmira;Hauptstra\xe1e\r\n",
            "Hauptstraße",
        ),
        (
            b"username;displayname\r\nmira;Mira M\x81ller\r\n",
            "Mira Müller",
        ),
        (
            b"username;displayname\r\nmira;Mira M\x9fller\r\n",
            "Mira Müller",
        ),
        (
            b"username;displayname\r\nmira;Mira M\xfcller\r\n",
            "Mira Müller",
        ),
        (
            b"username;displayname\r\nmira;Miros\xb3aw Wa\xb3\xeasa\r\n",
            "Mirosław Wałęsa",
        ),
        (
            b"username;displayname\r\nmira;\xcc\xe8\xf0\xe0 \xcf\xe5\xf2\xf0\xee\xe2\xe0\r\n",
            "Мира Петрова",
        ),
        (
            b"username;displayname\r\nmira;Mira \xd6zt\xfcrk Y\xfdld\xfdr\xfdm\r\n",
            "Mira Öztürk Yıldırım",
        ),
    ];
    let bytes: Vec<&[u8]> = files.iter().map(|(file, _)| *file).collect();
    by_every_channel(&bytes, |number, outcome| {
        assert_eq!(names(outcome), [("mira", files[number].1)]);
        assert_eq!(outcome.codes(), [(0, "charset-guessed")]);
    });
    let wide: Vec<u8> = "username,displayname\nmira,Mira Müller\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    by_every_channel(&[&wide], |_, outcome| {
        assert_eq!(names(outcome), [("mira", "Mira Müller")]);
        assert_eq!(outcome.codes(), [(0, "charset-guessed")]);
    });
}

#[test]
fn file_with_white_space_only_is_refused_as_empty() {
    let files: [&[u8]; 7] = [
        b"  \n \n",
        b",,,\n,,\n",
        b"\"\"\n",
        "\u{a0}\n\u{a0}\u{200b}\n".as_bytes(),
        b"\n\n,\n",
        b"version:v1.0,,\n,,\n",
        b" ; ; \r\n;;\r\n",
    ];
    by_every_channel(&files, |_, outcome| {
        let message = outcome.refused.as_deref().expect("it is refused");
        assert!(message.contains("empty"), "{message}");
        assert_eq!(outcome.user_names(), [""; 0]);
    });
    let blank = {
        let mut workbook = rust_xlsxwriter::Workbook::new();
        let sheet = workbook.add_worksheet();
        for row in 0..3 {
            sheet.write(row, 0, "\u{a0}").expect("a cell");
        }
        workbook.save_to_buffer().expect("a workbook")
    };
    by_every_channel(&[&blank], |_, outcome| {
        let message = outcome.refused.as_deref().expect("it is refused");
        assert!(message.contains("Sheet1"), "{message}");
    });
}

#[test]
fn files_under_eight_bytes_do_not_succeed_without_a_user() {
    let files: [&[u8]; 10] = [
        b"kim",
        b"a,b",
        b"x\ny\n",
        b"0",
        b" ",
        b"\n",
        b"\xef\xbb\xbf",
        b"{}",
        b"a;b\nc",
        b"kim\r\n",
    ];
    by_every_channel(&files, |_, outcome| {
        assert!(outcome.refused.is_some(), "{outcome:?}");
        assert_eq!(outcome.user_names(), [""; 0]);
    });
    let read: [&[u8]; 2] = [b"user\nk\n", b"\nk,Pa-12"];
    by_every_channel(&read, |_, outcome| {
        assert_eq!(outcome.user_names(), ["k"], "{outcome:?}");
    });
}

#[test]
fn messages_that_list_file_name_extensions_include_tsv() {
    for channel in Channel::ALL {
        if channel == Channel::Terminal {
            // The terminal detects the kind from the content alone.
            continue;
        }
        let bench = Bench::start(channel);
        for name in ["users.pdf", "users.json", "users.ods"] {
            let outcome = bench.import(&Upload::new(name, b"username\nmira\n"));
            let message = outcome.refused.as_deref().unwrap_or_default();
            for end in ["csv", "tsv", "xlsx", "xls"] {
                assert!(message.contains(end), "{channel:?}, {name}: {outcome:?}");
            }
            assert_eq!(outcome.user_names(), [""; 0]);
        }
    }
}

#[test]
fn file_with_only_a_header_succeeds() {
    let files: [&[u8]; 3] = [b"username\n", b"UserName,Password", b"username#email"];
    by_every_channel(&files, |_, outcome| {
        assert_eq!(outcome.refused, None);
        assert_eq!(outcome.codes(), [(0, "no-rows")]);
    });
}
