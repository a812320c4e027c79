//! Pseudorandom choices, determined by a seed.

use std::time::SystemTime;

/// SplitMix64 (Steele, Lea, Flood 2014).
pub struct Chosen(u64);

impl Chosen {
    /// Seeded by `TRIAL_SEED` or the clock; prints the seed.
    pub fn new() -> Self {
        let seed = number("TRIAL_SEED").unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            now.map_or(1, |time| u64::from(time.subsec_nanos()))
        });
        eprintln!("TRIAL_SEED={seed}");
        Chosen(seed)
    }

    /// A number from 0 to below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }

    /// One of these.
    pub fn one_of<'t>(&mut self, all: &[&'t str]) -> &'t str {
        let end = all.len() as u64;
        all[usize::try_from(self.below(end)).expect("a small number")]
    }
}

/// The number in an environment variable.
pub fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("a number"))
}
