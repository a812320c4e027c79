//! Options for a file's columns: the header line, the meaning of columns, and the sheet. Every channel with options
//! accepts them.

use muster::import::request::ImportRequest;
use muster::users::import_record::ImportState;
use muster::users::options::{ColumnMap, HeaderLine, ImportOptions};
use rust_xlsxwriter::Workbook;

use crate::app::{TestApp, admin};
use crate::channels::{Bench, Channel, KEY, Outcome, Upload};
use crate::jobs;

/// A file whose headings are unknown without a map.
const FOREIGN: &[u8] = b"Login Id,E-Mail Address,Ext.,Rufname,Geheimnis\n\
    kim,kim@example.com,1234,Kim,Spring-Meadow-42\nlee,lee@example.com,,Lee,\n";

/// Its map; a column may be identified by its number.
const MAP: &[(&str, &str)] = &[
    ("map", "Login Id=username"),
    ("map", "E-Mail Address=emailaddress"),
    ("map", "Ext.=_"),
    ("map", "4=givenname"),
    ("map", "geheimnis=password"),
];

fn with_options() -> impl Iterator<Item = Channel> {
    Channel::ALL
        .into_iter()
        .filter(|channel| channel.takes_options())
}

#[track_caller]
fn import(bench: &Bench, file: &[u8], options: &[(&str, &str)]) -> Outcome {
    bench.import(&Upload::new("users.csv", file).with(options))
}

/// The message of a refusal, which contains all these words.
#[track_caller]
fn refused(outcome: &Outcome, words: &[&str]) {
    let sentence = outcome.refused.as_deref().unwrap_or_default();
    let all = words.iter().all(|word| sentence.contains(word));
    assert!(all && !sentence.is_empty(), "{words:?}: {outcome:?}");
    assert_eq!(outcome.users, [], "{words:?}");
}

#[test]
fn map_defines_the_meaning_of_columns() {
    for channel in Channel::ALL {
        let bench = Bench::start(channel);
        refused(&import(&bench, FOREIGN, &[]), &["Login Id", "map"]);
        if !channel.takes_options() {
            continue;
        }
        let done = import(&bench, FOREIGN, MAP);
        assert_eq!(done.counters.created, 2, "{channel:?}: {done:?}");
        let kim = done.user("kim");
        assert_eq!(kim.email.as_deref(), Some("kim@example.com"), "{channel:?}");
        assert_eq!(kim.given_name.as_deref(), Some("Kim"), "{channel:?}");
        assert!(kim.attributes.is_empty(), "{channel:?}: {kim:?}");
        let right = |name, password| bench.check_password(&done.organization, name, password);
        assert!(
            right("kim", "Spring-Meadow-42") && right("lee", "Initial-Pass-1"),
            "{channel:?}"
        );
        // A partial map is not enough, and the missing part is named.
        refused(&import(&bench, FOREIGN, &MAP[..2]), &["Ext."]);
        let absent = [MAP, &[("map", "Phone=_")]].concat();
        refused(&import(&bench, FOREIGN, &absent), &["Phone"]);
    }
}

#[test]
fn header_line_can_be_selected() {
    let titled = b"Staff of 2026\n\nusername,emailaddress\nkim,kim@example.com\n";
    let bare = b"kim,Spring-Meadow-42\nlee,Autumn-Forest-9\n";
    for channel in with_options() {
        let bench = Bench::start(channel);
        refused(&import(&bench, titled, &[]), &["line 3"]);
        for options in [
            &[("header", "3")][..],
            &[("header", "3"), ("map", "2=email")],
        ] {
            let done = import(&bench, titled, options);
            assert_eq!(done.user_names(), ["kim"], "{channel:?}: {done:?}");
            let email = done.user("kim").email.as_deref();
            assert_eq!(email, Some("kim@example.com"), "{channel:?}");
        }
        let done = import(&bench, bare, &[("header", "none")]);
        assert_eq!(done.user_names(), ["kim", "lee"], "{channel:?}: {done:?}");
        assert!(bench.check_password(&done.organization, "kim", "Spring-Meadow-42"));
        let done = import(&bench, bare, &[("header", "1")]);
        assert_eq!(done.user_names(), ["lee"], "{channel:?}: {done:?}");
    }
}

/// A workbook with users on the second sheet.
fn two_sheets() -> Vec<u8> {
    let mut workbook = Workbook::new();
    for (name, user) in [("Guests", "pat"), ("Staff & Friends", "kim")] {
        let sheet = workbook.add_worksheet();
        sheet.set_name(name).unwrap();
        sheet.write(0, 0, "username").unwrap();
        sheet.write(1, 0, user).unwrap();
    }
    workbook.save_to_buffer().unwrap()
}

#[test]
fn sheet_is_selected_by_name() {
    let workbook = two_sheets();
    for channel in with_options() {
        let bench = Bench::start(channel);
        let import = |options: &[(&str, &str)]| {
            bench.import(&Upload::new("users.xlsx", &workbook).with(options))
        };
        assert_eq!(import(&[]).user_names(), ["pat"], "{channel:?}");
        let done = import(&[("sheet", "staff & friends")]);
        assert_eq!(done.user_names(), ["kim"], "{channel:?}: {done:?}");
        refused(
            &import(&[("sheet", "Staff")]),
            &["Staff", "Guests", "Friends"],
        );
    }
}

#[test]
fn invalid_values_are_refused() {
    for channel in with_options() {
        let bench = Bench::start(channel);
        let refused = |options: &[(&str, &str)], words: &[&str]| {
            let outcome = import(&bench, FOREIGN, options);
            refused(&outcome, words);
            assert_eq!(outcome.record, None, "{channel:?}: {options:?}");
        };
        refused(&[("header", "first")], &["header", "first", "auto", "none"]);
        refused(&[("header", "0")], &["header", "\"0\""]);
        refused(&[("map", "Login Id")], &["map", "\"Login Id\""]);
        refused(&[("map", "=username")], &["map", "\"=username\""]);
        let twice = [("map", "Login Id=username"), ("map", "Login Id=_")];
        refused(&twice, &["map", "twice", "Login Id"]);
    }
}

#[test]
fn dry_run_accepts_them_and_shows_the_columns() {
    for channel in with_options() {
        let bench = Bench::start(channel);
        let options = [MAP, &[("dryRun", "true")]].concat();
        let done = import(&bench, FOREIGN, &options);
        assert_eq!((&done.refused, done.users.len()), (&None, 0), "{done:?}");
        for word in ["Login Id", "userName", "emails", "2"] {
            assert!(done.answer.contains(word), "{channel:?}: {done:?}");
        }
    }
}

#[test]
fn they_are_in_the_record_and_the_response() {
    let options = [MAP, &[("header", "1"), ("sheet", "Staff")]].concat();
    for channel in with_options() {
        let bench = Bench::start(channel);
        let done = import(&bench, FOREIGN, &options);
        let record = done.record.as_ref().expect("a record");
        assert_eq!(record.options, expected(), "{channel:?}");
        let kept = match channel {
            Channel::UserImport => {
                "<ns:header>1</ns:header><ns:map>4=givenname</ns:map>\
                 <ns:map>E-Mail Address=emailaddress</ns:map><ns:map>Ext.=_</ns:map>\
                 <ns:map>Login Id=username</ns:map><ns:map>geheimnis=password</ns:map>\
                 <ns:sheet>Staff</ns:sheet>"
            }
            _ => {
                "\"header\":\"1\",\"map\":{\"4\":\"givenname\",\
                 \"E-Mail Address\":\"emailaddress\",\"Ext.\":\"_\",\"Login Id\":\"username\",\
                 \"geheimnis\":\"password\"},\"sheet\":\"Staff\""
            }
        };
        assert!(done.answer.contains(kept), "{channel:?}: {}", done.answer);
    }
}

/// [`MAP`] with a header line and a sheet, which a text file does not need.
fn expected() -> ImportOptions {
    let mut map = ColumnMap::default();
    for (_, entry) in MAP {
        map.add(entry).expect("an entry");
    }
    ImportOptions {
        header: HeaderLine::Line(1),
        map,
        sheet: Some("Staff".into()),
        ..ImportOptions::default()
    }
}

#[test]
fn same_key_with_other_options_is_refused() {
    for channel in with_options() {
        let bench = Bench::start(channel);
        let options = [MAP, &[(KEY, "k-1")]].concat();
        let upload = Upload::new("users.csv", FOREIGN);
        let first = bench.import(&upload.with(&options));
        assert_eq!(first.counters.created, 2, "{channel:?}: {first:?}");
        let again = |options: &[(&str, &str)]| {
            bench.import_into(&first.organization, &upload.with(options))
        };
        let same = again(&options);
        let id = |outcome: &Outcome| outcome.record.as_ref().map(|record| record.id);
        assert_eq!(id(&same), id(&first), "{channel:?}");
        assert!(!same.answer.contains("was used"), "{channel:?}: {same:?}");
        let other_map = [&[("map", "Login Id=user")], &options[1..]].concat();
        for more in [("header", "1"), ("sheet", "Staff"), ("map", "1=username")] {
            let more = [&options[..], &[more]].concat();
            assert!(is_reused(&again(&more)), "{channel:?}: {more:?}");
        }
        assert!(is_reused(&again(&other_map)), "{channel:?}");
        assert!(!is_reused(&again(&options)), "{channel:?}");
    }
}

/// Whether the call was refused because its key belongs to another call.
fn is_reused(outcome: &Outcome) -> bool {
    let words = ["k-1", "which had a different file or different options"];
    words.iter().all(|word| outcome.answer.contains(word))
}

#[test]
fn waiting_import_keeps_them_after_a_restart() {
    let folder = jobs::folder();
    let app = jobs::new_app(&folder, |_| {});
    let request = ImportRequest {
        options: expected(),
        ..jobs::request(&app, Some("k"))
    };
    app.jobs.queue(request, FOREIGN).expect("it waits");
    drop(app);
    let app = jobs::new_app(&folder, |_| {});
    let found = app.store.import_by_key("default", "k");
    let waiting = found.expect("works").expect("a record");
    assert_eq!(
        (waiting.state, &waiting.options),
        (ImportState::Queued, &expected())
    );
    app.jobs.begin().expect("the queue moves");
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let record = loop {
        let record = jobs::record(&app, waiting.id);
        if record.state.is_final() {
            break record;
        }
        assert!(std::time::Instant::now() < until, "timeout: {record:?}");
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    assert_eq!(record.state, ImportState::Completed, "{record:?}");
    let users = app.store.users("default", None, None, 10).expect("works");
    let emails: Vec<_> = users.iter().map(|user| user.email.as_deref()).collect();
    assert_eq!(emails, [Some("kim@example.com"), Some("lee@example.com")]);
}

#[test]
fn preview_accepts_them() {
    let server = TestApp::start();
    let query = "?header=1&map=Login%20Id%3Dusername&map=E-Mail+Address%3Demail&map=Ext.%3D_\
                 &map=4%3D_&map=5%3D_&sheet=Staff";
    let path = format!("/api/v1/imports/preview{query}");
    let shown = server.post_as(&path, Some(&admin()), "text/csv", &[], FOREIGN);
    assert_eq!(shown.status, 200, "{}", shown.body);
    let report: serde_json::Value = serde_json::from_str(&shown.body).expect("JSON");
    let columns = &report["preview"]["columns"];
    let stands_for: Vec<_> = (0..5).map(|at| columns[at]["standsFor"].as_str()).collect();
    assert_eq!(
        stands_for,
        [Some("userName"), Some("emails"), None, None, None]
    );
    let map = "<map>Login Id=username</map><map>E-Mail Address=email</map><map>Ext.=_</map>\
               <map>4=_</map><map>5=_</map>";
    let body = format!(
        "<e:Envelope xmlns:e=\"{}\"><e:Body><previewImport xmlns=\"{}\"><file>{}</file>\
         <fileName>users.csv</fileName><header>1</header>{map}<sheet>Staff</sheet></previewImport>\
         </e:Body></e:Envelope>",
        crate::message::SOAP_11,
        muster::http::soap::namespace::USER_IMPORT,
        crate::message::base64(std::str::from_utf8(FOREIGN).expect("ASCII")),
    );
    let path = "/services/UserImport";
    let shown = server.post_as(path, Some(&admin()), "text/xml", &[], body.as_bytes());
    assert_eq!(shown.status, 200, "{}", shown.body);
    assert!(shown.body.contains("<ns:standsFor>emails</ns:standsFor>"));
    assert_eq!(server.user_names(), [""; 0]);
}
