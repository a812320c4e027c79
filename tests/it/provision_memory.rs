//! The memory that a large Bulk request needs.

use std::io::Write;
use std::time::Instant;

use serde_json::json;

use crate::provision::{BULK, USER, call, large, post_group, sqlite};

/// Peak of this process's memory, in KiB.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number
        .and_then(|number| number.parse().ok())
        .expect("a number")
}

/// The test below runs this one in a separate process.
#[test]
#[ignore = "it measures its process"]
fn a_hundred_thousand_operations_in_a_separate_process() {
    let ahead = std::env::var_os("MUSTER_TEST_AHEAD").is_some();
    let app = sqlite(large);
    let body = app.folder.path().join("body.json");
    let mut length = 0;
    {
        let file = std::fs::File::create(&body).expect("a file");
        let mut file = std::io::BufWriter::new(file);
        write!(file, "{{\"schemas\":[\"{BULK}\"],\"Operations\":[").expect("written");
        if ahead {
            let group = post_group("g", "g", &["bulkId:b99998"]);
            write!(file, "{group},").expect("written");
        }
        for at in 0..(if ahead { 99_999 } else { 100_000 }) {
            let comma = if at == 0 { "" } else { "," };
            let data = json!({
                "schemas": [USER], "userName": format!("user{at:06}"), "externalId": at.to_string(),
                "name": {"givenName": "Kim", "familyName": "Lee", "formatted": "Kim Lee"},
                "emails": [{"value": format!("user{at:06}@example.com"), "type": "work", "primary": true}],
                "phoneNumbers": [{"value": "+49 711 000000", "type": "mobile"}],
                "title": "Tour guide", "preferredLanguage": "de", "active": true
            });
            let post = json!({
                "method": "POST", "path": "/Users", "bulkId": format!("b{at}"), "data": data
            });
            write!(file, "{comma}{post}").expect("written");
        }
        write!(file, "]}}").expect("written");
        file.flush().expect("written");
        length += std::fs::metadata(&body).expect("a file").len();
    }
    let before = peak();
    let began = Instant::now();
    let file = std::fs::File::open(&body).expect("the file");
    let answer = app.app.provisioner.bulk(&call(None), file).expect("done");
    let seconds = began.elapsed().as_secs_f64();
    assert_eq!(answer.record.counters.created, 100_000);
    let (length, peak) = (length / 1024, peak().saturating_sub(before));
    writeln!(std::io::stdout(), "figure {length} {peak} {seconds:.1}")
        .expect("standard output is writable");
}

#[test]
fn a_hundred_thousand_operations_need_less_memory_than_five_times_their_body() {
    for ahead in [false, true] {
        let program = std::env::current_exe().expect("this program");
        let mut command = std::process::Command::new(program);
        command.args([
            "--exact",
            "provision_memory::a_hundred_thousand_operations_in_a_separate_process",
            "--ignored",
            "--nocapture",
        ]);
        if ahead {
            command.env("MUSTER_TEST_AHEAD", "1");
        }
        let output = command.output().expect("it runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}");
        let line = text.lines().find_map(|line| line.split_once("figure "));
        let (_, figures) = line.unwrap_or_else(|| panic!("{text}"));
        let mut figures = figures
            .split(' ')
            .map(|it| it.parse::<f64>().expect("a number"));
        let (body, peak) = (figures.next().expect("body"), figures.next().expect("peak"));
        assert!(
            peak < body * 4.5,
            "{peak} KiB for a body of {body} KiB, ahead {ahead}"
        );
    }
}
