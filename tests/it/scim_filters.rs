//! Filters as another reader takes them: the crate `scim_v2`, whose grammar was made from the RFC's by a
//! parser generator.
//!
//! It knows no schemas, so it also takes filters that compare what cannot be compared; ours refuses
//! those in sentences that are told apart here. Otherwise what one takes the other takes, but for the
//! differences of [`is_only_ours`] and [`is_only_theirs`].

use muster::scim::filter::Filter;
use muster::scim::filter_parser::MAX_LENGTH;
use muster::scim::schema::Schemas;
use scim_v2::filter::Filter as Other;

/// Numbers that look like chance and come again (xorshift64*).
struct Chance(u64);

impl Chance {
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

/// Conditions, half of them broken in one or two places.
fn filter(chance: &mut Chance) -> String {
    let conditions = [
        "title pr",
        "userName eq \"kim\"",
        "NOT (name.familyName CO \"x\")",
        "(emails.value sw \"\\u00e9\")",
        "emails[type eq \"work\" and (value ew \"x\" or primary eq true)]",
        "nickName ne null",
    ];
    let mut words: Vec<String> = Vec::new();
    for number in 0..=chance.below(3) {
        if number > 0 {
            words.push(["and", "or", "AND"][chance.below(3)].to_owned());
        }
        let condition = conditions[chance.below(conditions.len())];
        words.extend(condition.split(' ').map(str::to_owned));
    }
    for _ in 0..chance.below(3) {
        let at = chance.below(words.len());
        match chance.below(3) {
            0 if words.len() > 1 => {
                words.remove(at);
            }
            1 => words.insert(at, PIECES[chance.below(PIECES.len())].to_owned()),
            _ => {
                let piece = PIECES[chance.below(PIECES.len())];
                match words.get_mut(at) {
                    Some(word) if chance.below(2) == 0 => word.push_str(piece),
                    Some(word) => word.insert_str(0, piece),
                    None => {}
                }
            }
        }
    }
    words.join(" ")
}

/// What the schemas forbid, which the other does not know.
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

/// What ours takes and the other does not: figure 1 has nothing between `not` and its parenthesis, but
/// the other wants a blank there.
fn is_only_ours(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower.contains("not(")
}

/// What the other takes and ours does not: it reads over blanks anywhere, or none, where figure 1 has
/// none, or one.
fn is_only_theirs(detail: &str) -> bool {
    ["expected a blank", "expected eq, ne"]
        .iter()
        .any(|part| detail.contains(part))
}

#[test]
fn filters_are_taken_and_refused_as_another_reader_does() {
    let user = Schemas::new([]).user;
    let mut chance = Chance(20_261_122);
    let (mut taken, mut refused, mut apart) = (0, 0, 0);
    for _ in 0..20_000 {
        let text = filter(&mut chance);
        let other = text.parse::<Other>();
        match (Filter::parse(&text, &user), other) {
            (Ok(_), Ok(_)) => taken += 1,
            (Err(_), Err(_)) => refused += 1,
            (Ok(_), Err(error)) => {
                assert!(is_only_ours(&text), "only ours takes {text}: {error}");
                apart += 1;
            }
            (Err(error), Ok(_)) => {
                let detail = &error.detail;
                assert!(
                    is_of_the_schema(detail) || is_only_theirs(detail),
                    "only the other takes {text}: {detail}"
                );
                apart += 1;
            }
        }
    }
    eprintln!("{taken} taken, {refused} refused, {apart} told apart");
    assert!(taken > 5_000 && refused > 3_000 && apart < 6_000);
}

/// The steps that reading takes cannot be counted from outside, so the time of the whole is measured
/// against half of it: what backtracks takes far more than twice as long.
#[test]
fn a_filter_twice_as_long_takes_about_twice_as_long() {
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
        // Ten times allows for a busy machine and for what is too short to be measured.
        let limit = half * 10 + std::time::Duration::from_millis(20);
        assert!(whole < limit, "{whole:?} instead of {half:?}");
    }
}
