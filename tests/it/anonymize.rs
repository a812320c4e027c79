//! `muster anonymize`: the new file fails in the same way as the old one, has the same form, and has nothing of its
//! content.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use muster::formats::open::{KnownColumns, Options, open};
use muster::formats::settings::Settings;
use muster::formats::workbook_memory::WorkbookMemory;
use muster::passwords::password_masks::is_mask;
use muster::passwords::rules as passwords;
use muster::users::claims::ClaimTable;
use muster::wire::spool::SpoolSettings;
use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook};
use serde_json::Value;

use crate::old_files;
use crate::process::{Finished, Home};

/// What is kept, besides headings, masks and well-known passwords: words that mean something.
const WORDS: [&str; 27] = [
    "true",
    "false",
    "null",
    "(null)",
    "<null>",
    "internal/everyone",
    "admin",
    "#n/a",
    "#ref!",
    "#value!",
    "#name?",
    "err:502",
    "primary",
    "*lk*",
    "sep=;",
    "active",
    // Roles, words of products, and headings with a number, which may stand in any row.
    "admin:internal/everyone",
    "admin|internal/everyone",
    "suspended",
    "provisioned",
    "version:v1.0",
    "field 4",
    "extra 1",
    "extra 2",
    "claim 1",
    "secret",
    "name",
];

/// A file that was anonymized.
struct Done {
    finished: Finished,
    old: Vec<u8>,
    new: Vec<u8>,
    extension: String,
}

/// Asserts the exit code.
#[track_caller]
fn ended(finished: &Finished, code: i32) {
    assert_eq!(finished.code, Some(code), "{finished:?}");
}

/// Anonymizes a file of this name with further arguments.
fn anonymize(home: &Home, name: &str, bytes: &[u8], arguments: &[&str]) -> Done {
    let (stem, extension) = name.rsplit_once('.').expect("an extension");
    let new = format!("{stem}.anonymized.{extension}");
    // One home serves many files.
    let _ = fs::remove_file(home.path(&new));
    fs::write(home.path(name), bytes).expect("the folder can be written to");
    let finished = home.run(&[&["anonymize", name], arguments].concat());
    Done {
        finished,
        old: bytes.to_vec(),
        new: fs::read(home.path(&new)).unwrap_or_default(),
        extension: extension.to_owned(),
    }
}

/// What a dry run at the terminal says of a file: what ended it, how the file was read, the counters, and each finding's
/// place and code.
fn rehearsed(home: &Home, name: &str, arguments: &[&str]) -> Vec<String> {
    let done = home.run(&[&["import", "--dry-run", "--json", name], arguments].concat());
    let Ok(report) = serde_json::from_str::<Value>(&done.out) else {
        panic!("no report: {done:?}");
    };
    let counters = [
        "charset",
        "charsetFrom",
        "delimiter",
        "total",
        "created",
        "duplicate",
        "failed",
        "skipped",
        "warnings",
        "findingsTotal",
    ];
    let file = |key: &str| report.get(key).or_else(|| report["file"].get(key)).cloned();
    let mut said: Vec<String> = counters
        .iter()
        .map(|key| format!("{key}: {:?}", file(key)))
        .collect();
    let findings = report["findings"].as_array().expect("findings");
    let mut found: Vec<String> = findings
        .iter()
        .map(|it| {
            format!(
                "{} {} {} {}",
                it["line"], it["column"], it["severity"], it["code"]
            )
        })
        .collect();
    found.sort();
    said.extend(found);
    said.push(format!("exit {:?}", done.code));
    said
}

/// Every cell of a file, as an import reads it.
fn cells(bytes: &[u8], name: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let (settings, claims) = (Settings::default(), ClaimTable::new(&Default::default()));
    let known = |name: &str| claims.column(name).is_some();
    let memory = WorkbookMemory::new(&settings);
    let spool = SpoolSettings {
        folder: folder.path().to_owned(),
        limit: u64::MAX,
    };
    let options = Options {
        called: muster::formats::kind::FileKind::called(name),
        charset: None,
        settings: &settings,
        spool: &spool,
        memory: &memory,
        sheet: None,
        columns: KnownColumns(&known),
    };
    let mut cells = Vec::new();
    let Ok(mut opened) = open(bytes, &options) else {
        return cells;
    };
    let Ok(mut rows) = opened.rows() else {
        return cells;
    };
    while let Ok(Some(row)) = rows.next_row() {
        cells.extend(
            row.fields()
                .map(|field| String::from_utf8_lossy(field).into_owned()),
        );
    }
    cells
}

/// What of a cell may be in the new file: nothing, but for words that mean something.
fn secret(cell: &str, headings: &[String]) -> Option<String> {
    let claims = ClaimTable::new(&Default::default());
    let value = match cell.split_once('=') {
        Some((uri, value)) if claims.claim(uri.trim()).is_some() => value,
        Some((uri, value)) if uri.starts_with("http://wso2.org/claims/") => value,
        _ => cell,
    };
    let value = value
        .trim()
        .trim_start_matches("=\"")
        .trim_matches('"')
        .trim();
    let lower = value.to_lowercase();
    let is_kept = claims.column(value).is_some()
        || headings.contains(&lower)
        || WORDS.contains(&lower.as_str())
        || is_mask(value)
        || passwords::common().contains(&lower.as_str())
        || value.chars().filter(|it| it.is_alphanumeric()).count() < 4
        || value.chars().filter(|it| !matches!(it, '0')).count() < 4;
    (!is_kept).then(|| value.to_owned())
}

/// Cells of the old file that are in the new one.
fn leaks(done: &Done) -> Vec<String> {
    let name = format!("users.{}", done.extension);
    let (old, new) = (cells(&done.old, &name), cells(&done.new, &name));
    let headings: Vec<String> = done
        .finished
        .out
        .lines()
        .find(|line| line.starts_with("headings are kept (line"))
        .and_then(|line| line.split_once("): "))
        .map(|(_, headings)| headings.split(", ").map(str::to_lowercase).collect())
        .unwrap_or_default();
    let headings: Vec<String> = headings.iter().map(|it| it.trim().to_owned()).collect();
    old.iter()
        .filter_map(|cell| secret(cell, &headings))
        .filter(|secret| {
            let is_long = secret.chars().count() >= 8;
            new.iter().any(|cell| {
                let cell = cell.trim();
                cell == secret || (is_long && cell.contains(secret.as_str()))
            })
        })
        .collect()
}

/// What is wrong with how a file is anonymized.
fn faults(home: &Home, name: &str, bytes: &[u8], arguments: &[&str]) -> Vec<String> {
    let done = anonymize(home, name, bytes, arguments);
    let mut wrong = Vec::new();
    if done.finished.code != Some(0)
        || !done
            .finished
            .out
            .contains("both files fail in the same way")
    {
        wrong.push(format!("{:?}", done.finished));
        return wrong;
    }
    if done.finished.out.contains("NOT replaced") {
        wrong.push(format!("not all was replaced: {}", done.finished.out));
    }
    if !name.ends_with("xlsx") && !bytes.starts_with(b"PK") && done.new.len() != bytes.len() {
        wrong.push(format!("{} bytes became {}", bytes.len(), done.new.len()));
    }
    let (stem, extension) = name.rsplit_once('.').expect("an extension");
    let new = format!("{stem}.anonymized.{extension}");
    let (was, is) = (
        rehearsed(home, name, arguments),
        rehearsed(home, &new, arguments),
    );
    if was != is {
        wrong.push(format!("{was:?}\n became {is:?}"));
    }
    let leaked = leaks(&done);
    if !leaked.is_empty() {
        wrong.push(format!("these cells are in the new file: {leaked:?}"));
    }
    wrong
}

#[track_caller]
fn are_alike(files: &[(&str, &str, Vec<u8>)], arguments: &[&str]) {
    let home = Home::new();
    let wrong: Vec<String> = files
        .iter()
        .flat_map(|(says, name, bytes)| {
            let wrong = faults(&home, name, bytes, arguments).into_iter();
            wrong.map(move |wrong| format!("{says}: {wrong}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn latin_1(text: &str) -> Vec<u8> {
    text.chars()
        .map(|it| u8::try_from(it).expect("Latin-1"))
        .collect()
}

fn in_charset(text: &str, label: &str) -> Vec<u8> {
    let encoding = encoding_rs::Encoding::for_label(label.as_bytes()).expect("a label");
    let (bytes, _, lost) = encoding.encode(text);
    assert!(!lost, "{label}");
    bytes.into_owned()
}

fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(unit).collect()
}

#[test]
fn the_new_file_has_the_form_of_the_old_one_and_none_of_its_content() {
    let home = Home::new();
    let file = "\u{feff}username;password;emailaddress;telephone\r\n\
        Mira.Falk;Secret-Pass-77;mira.falk@firma.example;+46 70 1234567\r\n\
        \r\n\
        \"Otto\";\"Two; \"\"marks\"\"\";otto@firma.example;0701234567\r\n\
        mira.falk;Other-Pass-88;x@firma.example;";
    let done = anonymize(&home, "users.csv", file.as_bytes(), &[]);
    ended(&done.finished, 0);
    let new = String::from_utf8(done.new.clone()).expect("UTF-8");
    assert_eq!(new.len(), file.len());
    for (old, new) in file.chars().zip(new.chars()) {
        match old {
            _ if old.is_ascii_digit() => assert!(new.is_ascii_digit(), "{old} {new}"),
            _ if old.is_lowercase() => assert!(new.is_lowercase(), "{old} {new}"),
            _ if old.is_uppercase() => assert!(new.is_uppercase(), "{old} {new}"),
            _ => assert_eq!(old, new),
        }
    }
    let lines: Vec<&str> = new.split("\r\n").collect();
    assert_eq!(lines[0], "\u{feff}username;password;emailaddress;telephone");
    let cell = |line: usize, column: usize| lines[line].split(';').nth(column).expect("a cell");
    // The same user in other letters, and the same domain for all addresses.
    assert_eq!(cell(1, 0).to_lowercase(), cell(4, 0));
    assert_eq!(cell(1, 2).split('@').next(), Some(cell(4, 0)));
    assert_eq!(cell(1, 2).split('@').nth(1), cell(4, 2).split('@').nth(1));
    assert!(cell(4, 2).ends_with(".example"));
    for secret in [
        "mira", "falk", "secret", "pass", "firma", "otto", "marks", "1234567",
    ] {
        let rows = new.split_once('\n').expect("two lines").1;
        assert!(!rows.to_lowercase().contains(secret), "{secret}: {rows}");
    }
    for said in [
        "users.anonymized.csv written",
        "replaced: 11 cells",
        "headings are kept (line 1): username, password, emailaddress, telephone",
        "read as csv, UTF-8 (byte-order mark), semicolons",
        "3 rows: 2 created, 1 duplicate",
        "checked: both files fail in the same way",
    ] {
        assert!(
            done.finished.out.contains(said),
            "{said}: {}",
            done.finished.out
        );
    }
    let mode = fs::metadata(home.path("users.anonymized.csv"))
        .expect("the file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!home.data().exists(), "the data directory is not touched");
}

#[test]
fn every_run_makes_another_file_and_none_is_written_over() {
    let home = Home::new();
    let file = "username,password\nmira,Secret-77\notto,Secret-88\n";
    home.write("users.csv", file);
    ended(&home.run(&["anonymize", "users.csv"]), 0);
    ended(
        &home.run(&["anonymize", "users.csv", "-o", "second.csv"]),
        0,
    );
    let first = fs::read(home.path("users.anonymized.csv")).expect("the first file");
    let second = fs::read(home.path("second.csv")).expect("the second file");
    assert_ne!(first, second);
    let refused = home.run(&["anonymize", "users.csv", "-o", "second.csv"]);
    ended(&refused, 1);
    assert!(refused.err.contains("is not overwritten"), "{refused:?}");
    assert_eq!(
        fs::read(home.path("second.csv")).expect("it is there"),
        second
    );
    assert_eq!(
        fs::read(home.path("users.csv")).expect("it is there"),
        file.as_bytes()
    );
}

#[test]
fn what_cannot_be_replaced_is_refused_and_no_file_is_left() {
    let home = Home::new();
    let old_workbook = fs::read("fixtures/workbooks/users.xls")
        .unwrap_or_else(|_| [&b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"[..], &[0; 4096]].concat());
    for (name, bytes, said) in [
        ("old.xls", old_workbook, "save it as .xlsx"),
        (
            "users.csv",
            b"\x1f\x8b\x08\0\0\0\0\0".to_vec(),
            "compressed with gzip",
        ),
        (
            "damaged.xlsx",
            b"PK\x03\x04 and no archive".to_vec(),
            "cannot be read",
        ),
    ] {
        let done = anonymize(&home, name, &bytes, &[]);
        ended(&done.finished, 1);
        assert!(done.finished.err.contains(said), "{:?}", done.finished);
        assert!(
            done.finished.err.contains("is not anonymized"),
            "{:?}",
            done.finished
        );
        assert!(done.new.is_empty());
    }
    let charset = anonymize(
        &home,
        "users.csv",
        b"username\nmira\n",
        &["--charset", "iso-2022-jp"],
    );
    ended(&charset.finished, 1);
    assert!(
        charset.finished.err.contains("ISO-2022-JP"),
        "{:?}",
        charset.finished
    );
    let missing = home.run(&["anonymize", "nosuch.csv"]);
    assert!(
        missing.err.contains("cannot open nosuch.csv"),
        "{missing:?}"
    );
}

#[test]
fn old_files_fail_and_pass_as_ever() {
    let files: Vec<_> = old_files::files()
        .into_iter()
        .filter(|(_, _, bytes)| !bytes.starts_with(b"\xd0\xcf\x11\xe0"))
        .collect();
    assert!(files.len() > 40, "{}", files.len());
    are_alike(&files, &[]);
}

#[test]
fn text_in_every_charset_stays_in_it() {
    let german = "username,displayname,city\nmueller,Jürgen Müller,Köln\ngroß,Änne Groß,Düsseldorf\n\
                  schoene,Käthe Schöne,Nürnberg\nweiss,Jörg Weiß,Osnabrück\n";
    let russian = "username,displayname,city\nivan,Иван Петров,Москва\nanna,Анна Смирнова,Новосибирск\n\
                   oleg,Олег Кузнецов,Екатеринбург\nvera,Вера Попова,Казань\nnina,Нина Волкова,Самара\n";
    let greek = "username,displayname,city\nnikos,Νικος Παπαδοπουλος,Αθηνα\nmaria,Μαρια Γεωργιου,Πατρα\n\
                 kostas,Κωστας Δημητριου,Λαρισα\neleni,Ελενη Αντωνιου,Βολος\n";
    let japanese = "username,displayname,city\ntaro,山田太郎,東京都\nhanako,鈴木花子,大阪市\njiro,佐藤次郎,名古屋市\n\
                    yuki,田中雪,札幌市\n";
    are_alike(
        &[
            ("UTF-8", "users.csv", german.into()),
            ("UTF-8, Cyrillic", "users.csv", russian.into()),
            ("UTF-8, Greek", "users.csv", greek.into()),
            ("UTF-8, Japanese", "users.csv", japanese.into()),
            (
                "UTF-8, Hebrew",
                "users.csv",
                "username,city\ndana,ירושלים\nnoa,חיפה\n".into(),
            ),
            (
                "UTF-8, Hangul",
                "users.csv",
                "username,city\nminsu,서울특별시\njiwoo,부산광역시\n".into(),
            ),
            (
                "UTF-8 in two normal forms",
                "users.csv",
                "username,city\njosé,x\njose\u{301},y\n".into(),
            ),
            ("Latin-1 by a guess", "users.csv", latin_1(german)),
            (
                "windows-1251 by a guess",
                "users.csv",
                in_charset(russian, "windows-1251"),
            ),
            (
                "KOI8-R by a guess",
                "users.csv",
                in_charset(russian, "koi8-u"),
            ),
            (
                "windows-1253 by a guess",
                "users.csv",
                in_charset(greek, "windows-1253"),
            ),
            (
                "UTF-16 with a mark",
                "users.csv",
                utf16(&format!("\u{feff}{german}"), u16::to_le_bytes),
            ),
            (
                "UTF-16 without one",
                "users.csv",
                utf16(german, u16::to_be_bytes),
            ),
            (
                "invalid bytes",
                "users.csv",
                [german.as_bytes(), b"bad,Zo\xeb,x\n", german.as_bytes()].concat(),
            ),
            (
                "a NUL and an end mark",
                "users.csv",
                b"username,city\nmi\0ra,x\notto,Lund\x1a\nann,Malmo\n\x1a".to_vec(),
            ),
        ],
        &[],
    );
    are_alike(
        &[(
            "code page 850",
            "users.csv",
            b"username,city\nmira,M\x81nchen\n".to_vec(),
        )],
        &["--charset", "cp850"],
    );
    are_alike(
        &[("Shift_JIS", "users.csv", in_charset(japanese, "shift_jis"))],
        &["--charset", "shift_jis"],
    );
    are_alike(
        &[("a lie", "users.csv", latin_1(german))],
        &["--charset", "utf-8"],
    );
}

#[test]
fn quotation_marks_delimiters_and_line_breaks_stay_in_place() {
    are_alike(
        &[
            ("line breaks", "users.csv", "username,streetaddress\r\nmira,\"Storgatan 12\r\nLund\"\r\notto,\"a \"\"b\"\" c\"\r\n".into()),
            ("unclear", "users.csv", "username,displayname\nanna,\"Mira\" Falk\nberta,\"Mira \"Mimi\" Falk\"\ncarl,5\" pipe\n".into()),
            ("backslashes and blanks", "users.csv", "username,displayname\nanna,\"Mira \\\"Mimi\\\" Falk\"\nberta, \"Falk, Otto\"\n".into()),
            ("never closed", "users.csv", "username,displayname\nanna,Anna\nberta,\"Berta\ncarl,Carl\n".into()),
            ("semicolons", "users.csv", "username;title\nmira;\"Dr; phil\"\n".into()),
            ("TABs", "users.tsv", "username\ttitle\nmira\tDr, phil\n".into()),
            ("sep=", "users.csv", "sep=;\r\nusername;title\r\nmira;Doctor\r\n".into()),
            ("a number sign", "users.csv", "username#title\nmira#Doctor\n".into()),
            ("two characters", "users.csv", "username;;title\nmira;;Doctor\n".into()),
            ("no delimiter that can be told", "users.csv", "alpha,beta;gamma;delta\nmira\n".into()),
            ("CR alone", "users.csv", "username,title\rmira,Doctor\r\rotto,Professor".into()),
            ("ragged rows", "users.csv", "username,title\nmira\notto,Doctor,more,and more\nann,,\n".into()),
        ],
        &[],
    );
}

#[test]
fn base64_around_a_file_stays_around_it() {
    let table = "username,emailaddress\nmira.falk,mira@firma.example\notto,otto@firma.example\n";
    let once = STANDARD.encode(table);
    let lines: Vec<&str> = once
        .as_bytes()
        .chunks(40)
        .map(|line| std::str::from_utf8(line).expect("ASCII"))
        .collect();
    are_alike(
        &[
            ("a table", "users.csv", once.clone().into()),
            (
                "without padding, with a line end",
                "users.csv",
                format!("{}\r\n", once.trim_end_matches('=')).into(),
            ),
            (
                "a URL",
                "users.csv",
                format!("data:text/csv;base64,{once}").into(),
            ),
            ("encoded twice", "users.csv", STANDARD.encode(&once).into()),
            ("in lines", "users.csv", lines.join("\n").into()),
            (
                "another URL",
                "users.csv",
                "data:text/csv,username%2Cemail".into(),
            ),
        ],
        &[],
    );
    let home = Home::new();
    let workbook = STANDARD.encode(workbook());
    let done = anonymize(&home, "users.xlsx", workbook.as_bytes(), &[]);
    ended(&done.finished, 0);
    let inside = STANDARD.decode(done.new).expect("base64");
    assert!(inside.starts_with(b"PK"));
}

#[test]
fn texts_that_are_not_tables_are_refused_for_the_same_reason() {
    are_alike(
        &[
            (
                "XML",
                "users.csv",
                "<?xml version=\"1.0\"?>\n<Mitarbeiter><Name>Mira Falk</Name></Mitarbeiter>\n"
                    .into(),
            ),
            (
                "JSON",
                "users.csv",
                "[{\"userName\": \"mira.falk\", \"title\": \"Geheimrat\"}]\n".into(),
            ),
            (
                "HTML",
                "users.xls",
                "<html><body><table><tr><td>Mira Falk</td></tr></table></body></html>".into(),
            ),
            (
                "LDIF",
                "users.csv",
                "dn: uid=mira.falk,ou=Vertrieb,o=Falk\nobjectClass: person\ncn: Mira Falk\n".into(),
            ),
            (
                "SQL",
                "users.csv",
                "INSERT INTO users VALUES ('mira.falk', 'Geheimrat');\n".into(),
            ),
        ],
        &[],
    );
}

#[test]
fn every_reason_to_reject_a_row_stays() {
    let uri = "http://wso2.org/claims/";
    let headed = "username,password,emailaddress,roles,accountlocked,manager\n\
        two words,Secret-77,a@firma.example,,,\n\
        zero\u{200b}width,Secret-77,a@firma.example,,,\n\
        NOWHERE/mira,Secret-77,a@firma.example,,,\n\
        primary/otto,Secret-77,a@firma.example,admin:Internal/everyone,yes,\n\
        berta,Secret-77,not an address,,,\n\
        carl,Secret-77,two@at@firma.example,,,\n\
        dora,Secret-77,d@firma.example,Sales:admin,,\n\
        emil,Secret-77,e@firma.example,,perhaps,otto\n\
        frida,abc,f@firma.example,,no,\n\
        gustav,password,g@firma.example,,no,\n\
        Gustav,Secret-77,h@firma.example,,0,\n\
        hanna,********,h@firma.example,,1,\n\
        iris,S******7,h@firma.example,,,\n\
        jan,[hidden],h@firma.example,,,\n\
        karl,!,h@firma.example,,,\n\
        lena,#N/A,h@firma.example,,,\n\
        mona,Secret-77,#NAME?,,,\n\
        nils,Secret-77,NULL,,,\n\
        olga, Secret-77 ,o@firma.example,,,\n\
        paul,Secret-77,p@firma.example,,,,surplus\n\
        ,Secret-77,q@firma.example,,,\n\
        username,password,emailaddress,roles,accountlocked,manager\n\
        -----,-----,-----,-----,-----,-----\n\
        \"rita,Secret-77,r@firma.example\",,,,,\n\
        stig,,s@firma.example,,,\n\
        true,Secret-77,t@firma.example,\\N,,\n";
    let claims = format!(
        "UserName,Password,Claims\n\
         mira,Secret-77,{uri}emailaddress=mira@firma.example,{uri}country=Frankland\n\
         otto,Secret-77,{uri}nosuchclaim=Wert\n\
         berta,Secret-77,no claim at all\n\
         carl,Secret-77,{uri}givenname=A=B\n\
         dora,Dora@firma.example,{uri}givenname=Dora\n\
         emil,emil,{uri}givenname=Emil\n\
         frida,Frida,{uri}lastname=frida\n\
         gustav,Gusto,{uri}username=other\n\
         hanna,Hanne,{uri}givenname=hanne\n"
    );
    are_alike(
        &[
            ("headed", "users.csv", headed.into()),
            ("the original's", "users.csv", claims.into()),
            (
                "no header",
                "users.csv",
                "mira,Secret-77\notto,Secret-88\nberta,Geheim-99\n".into(),
            ),
            (
                "unknown headings",
                "users.csv",
                "username,password,Lieblingsfarbe\nmira,Secret-77,purpur\n".into(),
            ),
            (
                "no user name",
                "users.csv",
                "emailaddress,givenname\nmira@firma.example,Mira\n".into(),
            ),
            (
                "twice",
                "users.csv",
                "username,email,mail\nmira,a@firma.example,b@firma.example\n".into(),
            ),
            (
                "nothing is known",
                "users.csv",
                "Mitarbeiter,Standort,Kostenstelle\nMira Falk,Lund,Vertrieb\n".into(),
            ),
            (
                "lines above",
                "users.csv",
                "Liste vom 1.12.2026\nusername,title\nmira,Doctor\n".into(),
            ),
            (
                "a comment",
                "users.csv",
                "# Firma Falk\nusername,title\nmira,Doctor\n".into(),
            ),
            ("only a header", "users.csv", "username,title\n".into()),
            ("empty", "users.csv", "\n\n".into()),
            (
                "blank rows",
                "users.csv",
                "username,title\n,\nmira,Doctor\n ,\n".into(),
            ),
            (
                "called otherwise",
                "users.xlsx",
                "username,title\nmira,Doctor\n".into(),
            ),
        ],
        &[],
    );
    are_alike(
        &[(
            "none",
            "users.csv",
            "mira,Secret-77\nname,password\n".into(),
        )],
        &["--header", "none"],
    );
    are_alike(
        &[("a map", "users.csv", "Kennung,Farbe\nmira,purpur\n".into())],
        &["--map", "Kennung=username", "--map", "Farbe=_"],
    );
    are_alike(
        &[(
            "a map that does not fit",
            "users.csv",
            "Kennung\nmira\n".into(),
        )],
        &["--map", "Login=username"],
    );
    are_alike(
        &[(
            "a line",
            "users.csv",
            "Firma Falk\nusername,title\nmira,Doctor\n".into(),
        )],
        &["--header", "2"],
    );
}

/// The lines of a fixture, without its comment.
fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.starts_with("# "))
}

/// A file with these passwords, and one user each.
fn with_passwords<'p>(passwords: impl Iterator<Item = &'p str>) -> Vec<u8> {
    let mut file = "username,password,title\n".to_owned();
    for (number, password) in passwords.enumerate() {
        file.push_str(&format!(
            "kollegin{number},\"{}\",Doctor\n",
            password.replace('"', "\"\"")
        ));
    }
    file.into_bytes()
}

#[test]
fn hashes_of_every_scheme_stay_so_and_are_others() {
    let known = include_str!("../../fixtures/passwords/hashes.tsv").lines();
    let known = known.map(|line| line.split_once('\t').expect("two columns").1);
    let all = lines(include_str!("../../fixtures/passwords/hashes.txt"));
    let digests: Vec<String> = (0..30)
        .map(|number| {
            format!(
                "{:032x}",
                0x5f4d_cc3b_5aa7_65d6_u128 * (number + 77_777_777_777)
            )
        })
        .collect();
    are_alike(
        &[
            ("verified ones", "users.csv", with_passwords(known)),
            ("others", "users.csv", with_passwords(all)),
            (
                "a column of digests",
                "users.csv",
                with_passwords(digests.iter().map(String::as_str)),
            ),
        ],
        &[],
    );
}

#[test]
fn passwords_and_masks_are_judged_as_they_were() {
    let clear = lines(include_str!("../../fixtures/passwords/clear.txt"));
    let masks = lines(include_str!("../../fixtures/passwords/masks.txt"));
    are_alike(
        &[
            ("in the clear", "users.csv", with_passwords(clear)),
            ("masks", "users.csv", with_passwords(masks)),
            (
                "well-known",
                "users.csv",
                with_passwords(passwords::common().iter().copied()),
            ),
        ],
        &[],
    );
}

fn workbook() -> Vec<u8> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.set_name("Belegschaft").expect("a name");
    for (column, heading) in [
        "username",
        "password",
        "employeeNumber",
        "dob",
        "active",
        "title",
    ]
    .iter()
    .enumerate()
    {
        sheet
            .write_string(0, column.try_into().expect("small"), *heading)
            .expect("a cell");
    }
    let date = Format::new().set_num_format("yyyy-mm-dd \"Falk\"");
    for (row, name) in [
        (1, "Mira.Falk"),
        (2, "otto"),
        (4, "mira.falk"),
        (5, "two words"),
    ] {
        sheet.write_string(row, 0, name).expect("a cell");
        sheet
            .write_string(row, 1, "Secret-Pass-77")
            .expect("a cell");
        sheet
            .write_number(row, 2, 4_711_815.0 + f64::from(row))
            .expect("a cell");
        let day = ExcelDateTime::from_ymd(1987, 6, 5).expect("a date");
        sheet
            .write_datetime_with_format(row, 3, &day, &date)
            .expect("a cell");
        sheet.write_boolean(row, 4, true).expect("a cell");
    }
    let formula = Formula::new("=CONCATENATE(\"Geheimrat\",A2)").set_result("Geheimrat Falk");
    sheet.write_formula(1, 5, formula).expect("a cell");
    sheet
        .write_formula(2, 5, Formula::new("=A1&\"Geheimrat\"").set_result(""))
        .expect("a cell");
    sheet
        .insert_note(1, 1, &rust_xlsxwriter::Note::new("Notiz zu Falk"))
        .expect("a note");
    sheet
        .write_url(1, 6, "https://intranet.falk.example/")
        .expect("a link");
    let second = workbook.add_worksheet();
    second
        .write_string(0, 0, "Nebenblatt-Geheimnis")
        .expect("a cell");
    let properties = rust_xlsxwriter::DocProperties::new()
        .set_author("Mira Falk")
        .set_company("Falk AG");
    workbook.set_properties(&properties);
    workbook.save_to_buffer().expect("a workbook")
}

#[test]
fn workbooks_keep_their_cells_and_lose_what_is_not_read() {
    are_alike(&[("a workbook", "users.xlsx", workbook())], &[]);
    let home = Home::new();
    let done = anonymize(&home, "users.xlsx", &workbook(), &[]);
    ended(&done.finished, 0);
    assert!(
        done.finished.out.contains("names of sheets are kept"),
        "{:?}",
        done.finished
    );
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&done.new)).expect("an archive");
    for place in 0..archive.len() {
        let mut part = archive.by_index(place).expect("a part");
        let name = part.name().expect("a name").into_owned();
        let mut text = String::new();
        std::io::Read::read_to_string(&mut part, &mut text).expect("text");
        for secret in [
            "Falk",
            "falk",
            "Geheim",
            "geheim",
            "Secret",
            "4711816",
            "intranet",
            "Notiz",
            "CONCATENATE",
        ] {
            assert!(!text.contains(secret), "{secret} in {}: {text}", name);
        }
        roxmltree::Document::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", name));
    }
    let mut book: calamine::Xlsx<_> =
        calamine::open_workbook_from_rs(std::io::Cursor::new(done.new))
            .expect("another reader opens it");
    let range = calamine::Reader::worksheet_range(&mut book, "Belegschaft").expect("the sheet");
    assert_eq!(
        range.get_value((0, 0)).map(ToString::to_string).as_deref(),
        Some("username")
    );
    let name = |row| {
        range
            .get_value((row, 0))
            .map(|it| it.to_string().to_lowercase())
    };
    assert_eq!(name(1), name(4));
    assert_ne!(name(1), name(2));
}

#[test]
fn a_planted_secret_is_nowhere_in_the_new_file() {
    let home = Home::new();
    const SECRET: &str = "xq7Vahnsinn";
    let file = format!(
        "Auszug {SECRET}\nusername,password,displayname,{SECRET}\n{SECRET},{SECRET}!,Frau {SECRET},\"a {SECRET}\nb\"\n\
         x{SECRET}@{SECRET}.{SECRET},http://{SECRET}/{SECRET}?{SECRET}={SECRET},={SECRET},#{SECRET}!\n"
    );
    let done = anonymize(&home, "users.csv", file.as_bytes(), &[]);
    assert!(!done.new.is_empty(), "{:?}", done.finished);
    let new = String::from_utf8(done.new).expect("UTF-8").to_lowercase();
    assert!(!new.contains(&SECRET.to_lowercase()[..6]), "{new}");
    let shown = format!("{}{}", done.finished.out, done.finished.err);
    assert!(!shown.contains(SECRET), "{shown}");
    // Headings are kept, and said; what stands in the rows below is not.
    let file = file.split_once('\n').expect("two lines").1;
    let file = file.replacen(SECRET, "Kostenstelle 9", 1);
    let done = anonymize(&home, "users.csv", file.as_bytes(), &[]);
    let new = String::from_utf8(done.new).expect("UTF-8");
    assert!(
        new.starts_with("username,password,displayname,Kostenstelle 9\n"),
        "{new}"
    );
    assert!(
        !new.to_lowercase().contains(&SECRET.to_lowercase()[..6]),
        "{new}"
    );
    let said = "username, password, displayname, Kostenstelle 9";
    assert!(done.finished.out.contains(said), "{:?}", done.finished);
}

#[test]
fn a_file_that_would_fail_in_another_way_is_named() {
    let home = Home::with_settings("[domains.STAFF]\nuser_name_rule = \"^(mira|otto)[0-9]*$\"\n");
    let file = "username,password\nmira1,Secret-77\nanna,Secret-88\n";
    let done = anonymize(&home, "users.csv", file.as_bytes(), &["--domain", "staff"]);
    ended(&done.finished, 2);
    for said in [
        "do not fail in the same way",
        "line 2: nothing; anonymized: name-pattern",
    ] {
        assert!(
            done.finished.out.contains(said),
            "{said}: {}",
            done.finished.out
        );
    }
    assert!(!done.new.is_empty());
}

#[test]
fn exports_of_other_products_are_still_recognised() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/presets");
    let files = files_of_cases(&folder);
    assert!(files.len() > 15, "{}", files.len());
    let files: Vec<(&str, &str, Vec<u8>)> = files
        .iter()
        .map(|(path, name, bytes)| (path.as_str(), name.as_str(), bytes.clone()))
        .collect();
    are_alike(&files, &[]);
}

/// Files below a folder, and those that requests in it have in them as base64 are left out.
fn files_of_cases(folder: &Path) -> Vec<(String, String, Vec<u8>)> {
    let mut files = Vec::new();
    let entries = fs::read_dir(folder).expect("the folder can be read");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            files.extend(files_of_cases(&path));
            continue;
        }
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a name")
            .to_owned();
        let is_file = ["csv", "tsv", "xlsx", "xls"]
            .iter()
            .any(|end| name.ends_with(end));
        if is_file {
            let bytes = fs::read(&path).expect("a file");
            files.push((path.display().to_string(), name, bytes));
        }
    }
    files
}

#[test]
fn files_of_the_cases_fail_in_the_same_way() {
    let Some(cases) = std::env::var_os("MUSTER_CASES") else {
        eprintln!("skipped: MUSTER_CASES names no folder");
        return;
    };
    let files = files_of_cases(Path::new(&cases));
    assert!(files.len() > 20, "{}", files.len());
    let is_old = |bytes: &[u8]| bytes.starts_with(b"\xd0\xcf\x11\xe0");
    let (old, others): (Vec<_>, Vec<_>) = files.iter().partition(|(_, _, bytes)| is_old(bytes));
    let others: Vec<(&str, &str, Vec<u8>)> = others
        .into_iter()
        .map(|(path, name, bytes)| (path.as_str(), name.as_str(), bytes.clone()))
        .collect();
    are_alike(&others, &[]);
    let home = Home::new();
    for (path, name, bytes) in old {
        let done = anonymize(&home, name, bytes, &[]);
        assert!(
            done.finished.err.contains("save it as .xlsx"),
            "{path}: {:?}",
            done.finished
        );
    }
}
