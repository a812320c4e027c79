//! Numbers, sizes, times and states as readers want them.

use std::time::Duration;

use crate::clock::Moment;
use crate::formats::detected::Detected;
use crate::http::web::views::{Entry, Figures, Progress, StateBadge};
use crate::import::control;
use crate::users::channel::Channel;
use crate::users::import_record::{Counters, ImportRecord, ImportState};

/// A number with separators, such as `20,000`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A size, such as `2.4 MiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    let (mut tenths, mut unit) = (bytes.saturating_mul(10) / 1024, 0);
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    match tenths % 10 {
        0 => format!("{} {name}", tenths / 10),
        rest => format!("{}.{rest} {name}", tenths / 10),
    }
}

/// A duration, such as `0.4 s`, `12 s`, `3 min 20 s` or `2 h 5 min`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{}.{} s", seconds, time.subsec_millis() / 100),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A time in UTC, such as `2026-11-30 14:05:09 UTC`.
pub fn time(moment: Moment) -> String {
    let text = moment.to_rfc3339();
    match text.split_once('T') {
        Some((day, time)) => format!("{day} {} UTC", time.get(..8).unwrap_or(time)),
        None => text,
    }
}

/// What a reader calls a channel.
pub fn channel(channel: Channel) -> &'static str {
    match channel {
        Channel::Soap => "SOAP",
        Channel::Terminal => "command line",
        Channel::Rest => "REST",
        Channel::Scim => "SCIM",
        Channel::Portal => "portal",
    }
}

/// The counters of an import or of a check.
pub fn figures(counters: &Counters, warnings: u64, mended: u64) -> Figures {
    Figures {
        rows: counters.total,
        created: counters.created,
        updated: counters.updated,
        unchanged: counters.unchanged,
        duplicate: counters.duplicate,
        failed: counters.failed,
        skipped: counters.skipped,
        warnings,
        mended,
    }
}

/// The progress of an import or a check.
pub fn progress(progress: &control::Progress) -> Progress {
    let left = progress.seconds_left.map(Duration::from_secs);
    Progress {
        rows: progress.counters.total,
        rows_per_second: progress.rows_per_second,
        left: left.map(duration).unwrap_or_default(),
        percent: progress.percent,
    }
}

/// The state of an import; one of which rows failed is never shown as a success.
pub fn state(record: &ImportRecord) -> StateBadge {
    let failed = record.counters.failed;
    let (tone, live) = match record.state {
        ImportState::Queued | ImportState::Running => ("live", true),
        ImportState::Completed if failed > 0 => ("warning", false),
        ImportState::Completed => ("good", false),
        ImportState::Interrupted | ImportState::Failed => ("bad", false),
        ImportState::Cancelled => ("warning", false),
        ImportState::Undone => ("plain", false),
    };
    let rows = if failed == 1 { "row" } else { "rows" };
    let text = match record.state {
        ImportState::Completed if failed > 0 => {
            format!("completed, {} {rows} failed", grouped(failed))
        }
        state => state.as_str().to_owned(),
    };
    StateBadge {
        code: record.state.as_str(),
        tone,
        text,
        live,
    }
}

/// How a file was read, such as `CSV, UTF-8, commas`.
pub fn read_as(detected: &Detected) -> String {
    let text = detected.to_string();
    match text.split_once(',') {
        Some((kind, rest)) => format!("{},{rest}", kind.to_uppercase()),
        None => text.to_uppercase(),
    }
}

/// An entry of a menu.
pub fn entry(value: impl Into<String>, label: impl Into<String>, selected: bool) -> Entry {
    Entry {
        value: value.into(),
        label: label.into(),
        selected,
    }
}

/// The first of `pages` of `size` entries that contains the entry with this index, from 1.
pub fn page_range(page: usize, size: usize, total: usize) -> (usize, usize) {
    let first = (page.saturating_sub(1)).saturating_mul(size).min(total);
    (first, (first + size).min(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_sizes_are_readable() {
        let numbers = [0, 999, 1_000, 1_234_567].map(grouped);
        assert_eq!(numbers, ["0", "999", "1,000", "1,234,567"]);
        let sizes = [0, 1023, 1024, 2_500_000, 1024 * 1024 * 1024].map(size);
        assert_eq!(
            sizes,
            ["0 bytes", "1023 bytes", "1 KiB", "2.3 MiB", "1 GiB"]
        );
    }

    #[test]
    fn times_and_durations_are_readable() {
        let durations = [0, 450, 9_990, 12_000, 200_000, 7_500_000].map(Duration::from_millis);
        assert_eq!(
            durations.map(duration),
            ["0.0 s", "0.4 s", "9.9 s", "12 s", "3 min 20 s", "2 h 5 min"]
        );
        assert_eq!(
            time(Moment(1_795_305_600_123_456)),
            "2026-11-22 00:00:00 UTC"
        );
    }

    #[test]
    fn pages_end_with_the_list() {
        assert_eq!(page_range(1, 50, 312), (0, 50));
        assert_eq!(page_range(7, 50, 312), (300, 312));
        assert_eq!(page_range(9, 50, 312), (312, 312));
        assert_eq!(page_range(0, 50, 0), (0, 0));
    }
}
