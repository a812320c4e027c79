//! Power losses: what a disk may have of the writes of a server at any moment is a store with all confirmed rows.
//!
//! The system calls of a server are recorded. A moment is chosen, and the files are put together as a disk could have
//! them then: every write before the last completed sync of its file, and of the later ones any, as a whole or in
//! sectors. A server is started on the result.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::chosen::{Chosen, number};
use crate::fault::{attach, upload};
use crate::process::{Home, Serving, database};
use crate::system_calls::users;

/// Many small commits.
const SETTINGS: &str = "[import]\nfirst_batch_users = 200\nbatch_users = 400\n";

/// Rows of each call.
const ROWS: [usize; 14] = [1, 40, 3, 6_000, 1, 1, 200, 10_000, 2, 50, 12_000, 1, 30, 5];

/// What a disk writes at once.
const SECTOR: usize = 512;

const CALLS: &str = "pwrite64,fdatasync,fsync,ftruncate,unlink,unlinkat,sendto,writev,write";

/// The files of the store by name, without the shared memory, which is rebuilt.
type Files = BTreeMap<String, Vec<u8>>;

/// Something that the server did, in its order.
#[derive(Debug, PartialEq, Eq)]
enum Event {
    Write(String, usize, Vec<u8>),
    Truncate(String, usize),
    Sync(String),
    /// A response that confirms an import leaves the server.
    Confirmed,
}

#[test]
fn power_loss_at_any_moment_loses_no_confirmed_row() {
    let mut chosen = Chosen::new();
    let home = Home::with_settings(SETTINGS);
    let server = Serving::start(&home);
    let before = files(&home.data());
    let log = home.path("calls");
    // The paths of files (-y), and all data in hexadecimal escapes (-xx, -s).
    let trace = format!("trace={CALLS}");
    let output = log.to_str().expect("UTF-8");
    let options = ["-y", "-xx", "-s", "1048576", "-o", output, "-e", &trace];
    let Some(trace) = attach(&server, &options) else {
        return;
    };
    for (call, rows) in ROWS.into_iter().enumerate() {
        let mut csv = String::from("username\n");
        (0..rows).for_each(|row| csv.push_str(&format!("call{call}row{row}\n")));
        assert_eq!(upload(&server, "", "", &csv).status, 201);
    }
    drop(trace);
    server.kill();
    let text = fs::read_to_string(&log).expect("strace writes text");
    let events = events(&text);
    let confirmed = events.iter().filter(|event| **event == Event::Confirmed);
    assert_eq!(confirmed.count(), ROWS.len(), "all responses are recorded");
    let syncs = events.iter().filter(|it| matches!(it, Event::Sync(_)));
    assert!(syncs.count() >= ROWS.len(), "every commit is synced");

    let trials = number("TRIAL_COUNT").unwrap_or(60);
    let mut partly = 0;
    for trial in 0..trials {
        let end = usize::try_from(chosen.below(events.len() as u64 + 1)).expect("small");
        let (happened, _) = events.split_at(end);
        let what = format!("trial {trial}, after {end} of {} calls", events.len());
        let (disk, unsynced) = after_power_loss(&before, happened, &mut chosen);
        partly += u64::from(unsynced > 0);
        let copy = Home::with_settings(SETTINGS);
        fs::create_dir_all(copy.data()).expect("a folder");
        for (name, bytes) in &disk {
            fs::write(copy.data().join(name), bytes).expect("a file");
        }
        let server = Serving::start(&copy);
        let there = users(&copy.data(), &what);
        let confirmed = happened
            .iter()
            .filter(|it| **it == Event::Confirmed)
            .count();
        let least: usize = ROWS.iter().take(confirmed).sum();
        assert!(there >= least, "{there} users of {least} confirmed; {what}");
        let db = database(&copy.data());
        for (call, rows) in ROWS.into_iter().enumerate().take(confirmed) {
            let names = format!("call{call}row%");
            let sql = "SELECT count(*) FROM users WHERE name_key LIKE ?1";
            let count: i64 = db
                .query_row(sql, [names], |row| row.get(0))
                .expect("a count");
            assert_eq!(
                count,
                i64::try_from(rows).expect("small"),
                "call {call}; {what}"
            );
        }
        drop(db);
        assert_eq!(
            upload(&server, "", "", "username\nlater\n").status,
            201,
            "{what}"
        );
        server.stop();
    }
    eprintln!(
        "{trials} power losses in {} calls, {partly} with writes that were not synced",
        events.len()
    );
    assert!(
        partly * 4 >= trials,
        "only {partly} of {trials} lost something"
    );
}

#[test]
fn writes_before_a_sync_are_kept_and_later_ones_may_be_lost() {
    let write = |at, byte| Event::Write("muster.db-wal".into(), at, vec![byte; SECTOR]);
    let sync = Event::Sync("muster.db-wal".into());
    let events = [write(0, 1), sync, write(SECTOR, 2)];
    let mut seen = [false; 2];
    let mut chosen = Chosen::new();
    for _ in 0..100 {
        let (disk, unsynced) = after_power_loss(&Files::new(), &events, &mut chosen);
        assert_eq!(unsynced, 1);
        let wal = &disk["muster.db-wal"];
        assert_eq!(wal[..SECTOR], [1; SECTOR]);
        seen[usize::from(wal.len() > SECTOR)] = true;
    }
    assert_eq!(seen, [true; 2]);
}

#[test]
fn recorded_calls_are_read_in_their_order() {
    let text = "1 pwrite64(5</d/muster.db-wal>, \"\\x61\\x62\", 2, 32 <unfinished ...>\n\
        2 pwrite64(6</d/other>, \"\\x61\", 1, 0) = 1\n\
        1 <... pwrite64 resumed>) = 2\n\
        1 fdatasync(5</d/muster.db-wal> <unfinished ...>\n\
        3 writev(9<socket:[12]>, [{iov_base=\"\\x48\\x54\\x54\\x50\\x2f\\x31\\x2e\\x31\\x20\\x32\\x30\\x31\", iov_len=12}], 1) = 12\n\
        1 <... fdatasync resumed>) = 0\n\
        1 ftruncate(5</d/muster.db-wal>, 7) = 0\n\
        1 fsync(5</d/muster.db>) = -1 EIO (Input/output error)\n";
    let wal = || "muster.db-wal".to_owned();
    assert_eq!(
        events(text),
        [
            Event::Write(wal(), 32, b"ab".to_vec()),
            Event::Confirmed,
            Event::Sync(wal()),
            Event::Truncate(wal(), 7),
        ]
    );
}

/// The files of the store in a data directory.
fn files(data: &Path) -> Files {
    let entries = fs::read_dir(data).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let names = names.map(|name| name.into_string().expect("UTF-8"));
    names
        .filter(|name| is_of_the_store(name))
        .map(|name| {
            let bytes = fs::read(data.join(&name)).expect("a file");
            (name, bytes)
        })
        .collect()
}

fn is_of_the_store(name: &str) -> bool {
    matches!(name, "muster.db" | "muster.db-wal" | "muster.db-journal")
}

/// The events in what strace wrote. A write counts from its beginning, when the disk may get a part of it, and a sync
/// from its end.
fn events(text: &str) -> Vec<Event> {
    let mut events = Vec::new();
    let mut syncing: BTreeMap<&str, String> = BTreeMap::new();
    for line in text.lines() {
        let Some((thread, call)) = line.split_once(' ') else {
            continue;
        };
        let call = call.trim_start();
        if call.starts_with("<... fdatasync resumed>") || call.starts_with("<... fsync resumed>") {
            let file = syncing.remove(thread).expect("it has begun");
            if call.ends_with("= 0") {
                events.extend(Some(file).filter(|it| is_of_the_store(it)).map(Event::Sync));
            }
            continue;
        }
        let Some((name, arguments)) = call.split_once('(') else {
            continue;
        };
        let path = arguments.split_once('<');
        let path = path.and_then(|(_, it)| it.split_once('>'));
        let path = unescaped(path.map_or("", |(path, _)| path));
        let file = path.rsplit('/').next().unwrap_or_default();
        let is_store = is_of_the_store(file);
        let failed = call.contains(") = -1 ");
        let numbers = || -> Vec<usize> {
            let after = arguments.rsplit_once('"').map_or(arguments, |(_, it)| it);
            let words = after.split(|c: char| !c.is_ascii_digit());
            words.filter_map(|word| word.parse().ok()).collect()
        };
        match name {
            _ if failed => {}
            "pwrite64" if is_store => {
                let at = numbers()[1];
                events.push(Event::Write(file.to_owned(), at, bytes(arguments)));
            }
            "ftruncate" if is_store => {
                let (_, after) = arguments.split_once(">, ").expect("a length");
                let length = after.split(|c: char| !c.is_ascii_digit()).next();
                let length = length.and_then(|it| it.parse().ok()).expect("a length");
                events.push(Event::Truncate(file.to_owned(), length));
            }
            "fdatasync" | "fsync" if call.ends_with("<unfinished ...>") => {
                syncing.insert(thread, file.to_owned());
            }
            "fdatasync" | "fsync" if is_store => events.push(Event::Sync(file.to_owned())),
            "sendto" | "writev" | "write" if bytes(arguments).starts_with(b"HTTP/1.1 201") => {
                events.push(Event::Confirmed);
            }
            "unlink" | "unlinkat" => assert!(!arguments.contains("muster.db"), "{line}"),
            _ => {}
        }
    }
    events
}

/// The bytes of the first quoted text.
fn bytes(arguments: &str) -> Vec<u8> {
    let mut pieces = arguments.splitn(3, '"').skip(1);
    let text = pieces.next().unwrap_or_default();
    let digits = text.split("\\x").skip(1);
    digits
        .map(|digits| u8::from_str_radix(digits, 16).expect("two digits"))
        .collect()
}

/// A path, which is in hexadecimal escapes too.
fn unescaped(path: &str) -> String {
    match path.starts_with("\\x") {
        true => String::from_utf8(bytes(&format!("\"{path}\""))).expect("UTF-8"),
        false => path.to_owned(),
    }
}

/// What a disk may have after these events, and how many of the writes were not synced.
fn after_power_loss(before: &Files, events: &[Event], chosen: &mut Chosen) -> (Files, usize) {
    let mut disk = before.clone();
    let mut unsynced: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in events {
        match event {
            Event::Write(file, ..) | Event::Truncate(file, _) => {
                unsynced.entry(file).or_default().push(event);
            }
            Event::Sync(file) => {
                for event in unsynced.remove(file.as_str()).unwrap_or_default() {
                    apply(&mut disk, event, &mut |_| true);
                }
            }
            Event::Confirmed => {}
        }
    }
    let left: Vec<&Event> = unsynced.into_values().flatten().collect();
    for event in &left {
        match chosen.below(4) {
            0 => {}
            1 => apply(&mut disk, event, &mut |_| chosen.below(2) == 0),
            _ => apply(&mut disk, event, &mut |_| true),
        }
    }
    (disk, left.len())
}

/// Applies those sectors of a write, or a truncation as a whole.
fn apply(disk: &mut Files, event: &Event, takes: &mut dyn FnMut(usize) -> bool) {
    match event {
        Event::Write(file, at, bytes) => {
            let content = disk.entry(file.clone()).or_default();
            let mut done = 0;
            while done < bytes.len() {
                let begin = at + done;
                let end = bytes.len().min(done + SECTOR - begin % SECTOR);
                if takes(begin / SECTOR) {
                    let needed = at + end;
                    content.resize(content.len().max(needed), 0);
                    content[begin..needed].copy_from_slice(&bytes[done..end]);
                }
                done = end;
            }
        }
        Event::Truncate(file, length) => {
            disk.entry(file.clone()).or_default().resize(*length, 0);
        }
        Event::Sync(_) | Event::Confirmed => {}
    }
}
