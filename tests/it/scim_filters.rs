//! Compares our filter parser with that of the crate `scim_v2`, whose grammar a parser generator made from
//! the RFC's.
//!
//! `scim_v2` knows no schemas, so it also accepts comparisons that the schemas forbid; [`is_of_the_schema`]
//! recognizes our messages for those. Otherwise both must accept the same filters, except for the differences
//! in [`is_only_ours`] and [`is_only_theirs`].

use muster::scim::filter::Filter;
use muster::scim::filter_parser::MAX_LENGTH;
use muster::scim::schema::Schemas;
use scim_v2::filter::Filter as Other;

/// A reproducible pseudo-random number generator (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }
}

const PIECES: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    "not (",
    "not",
    "and",
    "OR",
    "Eq",
    "pr",
    "title",
    "emails",
    "emails.type",
    "value",
    "active",
    "urn:ietf:params:scim:schemas:core:2.0:User:userName",
    "sw",
    "gt",
    "\"a\"",
    "\"\\u00e9\\\"\"",
    "\"\\ud83d\"",
    "\"",
    "true",
    "null",
    "1.5",
    "01",
    ".",
    "_x",
];

/// Generates a filter; about half of them are broken in one or two places.
fn filter(random: &mut Random) -> String {
    let conditions = [
        "title pr",
        "userName eq \"kim\"",
        "NOT (name.familyName CO \"x\")",
        "(emails.value sw \"\\u00e9\")",
        "emails[type eq \"work\" and (value ew \"x\" or primary eq true)]",
        "nickName ne null",
    ];
    let mut words: Vec<String> = Vec::new();
    for number in 0..=random.below(3) {
        if number > 0 {
            words.push(["and", "or", "AND"][random.below(3)].to_owned());
        }
        let condition = conditions[random.below(conditions.len())];
        words.extend(condition.split(' ').map(str::to_owned));
    }
    for _ in 0..random.below(3) {
        let at = random.below(words.len());
        match random.below(3) {
            0 if words.len() > 1 => {
                words.remove(at);
            }
            1 => words.insert(at, PIECES[random.below(PIECES.len())].to_owned()),
            _ => {
                let piece = PIECES[random.below(PIECES.len())];
                match words.get_mut(at) {
                    Some(word) if random.below(2) == 0 => word.push_str(piece),
                    Some(word) => word.insert_str(0, piece),
                    None => {}
                }
            }
        }
    }
    words.join(" ")
}

/// Whether the schemas forbid the filter, which the other parser does not check.
fn is_of_the_schema(detail: &str) -> bool {
    [
        "there is no ",
        "does not begin with the URN of a schema",
        "has no sub-attributes",
        "has parts; compare",
        "does not compare",
        "is never returned",
        "brackets follow only",
        "null compares only",
        "for title",
        "for userName",
        "for active",
        "for name.",
        "for nickName",
        "for emails.",
    ]
    .iter()
    .any(|part| detail.contains(part))
}

/// What only our parser accepts: figure 1 of the RFC allows `not` directly before its parenthesis, but the
/// other parser requires a space.
fn is_only_ours(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower.contains("not(")
}

/// What only the other parser accepts: it takes any number of spaces, or none, where figure 1 allows none or
/// exactly one.
fn is_only_theirs(detail: &str) -> bool {
    ["expected a blank", "expected eq, ne"]
        .iter()
        .any(|part| detail.contains(part))
}

#[test]
fn filters_are_accepted_and_refused_as_by_another_parser() {
    let user = Schemas::new([]).user;
    let mut random = Random(20_261_122);
    let (mut taken, mut refused, mut apart) = (0, 0, 0);
    for _ in 0..20_000 {
        let text = filter(&mut random);
        let other = text.parse::<Other>();
        match (Filter::parse(&text, &user), other) {
            (Ok(_), Ok(_)) => taken += 1,
            (Err(_), Err(_)) => refused += 1,
            (Ok(_), Err(error)) => {
                assert!(is_only_ours(&text), "only ours accepts {text}: {error}");
                apart += 1;
            }
            (Err(error), Ok(_)) => {
                let detail = &error.detail;
                assert!(
                    is_of_the_schema(detail) || is_only_theirs(detail),
                    "only the other parser accepts {text}: {detail}"
                );
                apart += 1;
            }
        }
    }
    eprintln!("{taken} accepted, {refused} refused, {apart} decided differently");
    assert!(taken > 5_000 && refused > 3_000 && apart < 6_000);
}

/// Parsing steps cannot be counted from outside, so the time for a filter is compared with the time for half
/// of it: a parser that backtracks takes far more than twice as long.
#[test]
fn parsing_time_is_linear_in_the_length_of_a_filter() {
    let user = Schemas::new([]).user;
    let shapes: [fn(usize) -> String; 6] = [
        |size| "(".repeat(size),
        |size| "not (".repeat(size / 5),
        |size| format!("title eq \"{}", "\\\"".repeat(size / 2)),
        |size| format!("title eq \"{}\"", "a".repeat(size)),
        |size| format!("{}title pr", "title pr and ".repeat(size / 13)),
        |size| "emails[type eq \"work\" or ".repeat(size / 24),
    ];
    let rounds = 200;
    let time = |text: &str| {
        let best = (0..7).map(|_| {
            let started = std::time::Instant::now();
            for _ in 0..rounds {
                std::hint::black_box(Filter::parse(text, &user)).ok();
            }
            started.elapsed()
        });
        best.min().unwrap_or_default()
    };
    for shape in shapes {
        let (half, whole) = (shape(MAX_LENGTH / 2 - 20), shape(MAX_LENGTH - 40));
        let (half, whole) = (time(&half), time(&whole));
        // A factor of ten allows for a busy machine and for times too short to measure.
        let limit = half * 10 + std::time::Duration::from_millis(20);
        assert!(whole < limit, "{whole:?} instead of {half:?}");
    }
}
