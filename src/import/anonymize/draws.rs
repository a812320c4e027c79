//! Random numbers under the key of one run: HMAC-SHA-256 of a counter.

use ring::hmac;

/// Gives random numbers.
pub(super) struct Draws {
    key: hmac::Key,
    counter: u64,
    block: Vec<u8>,
}

impl Draws {
    /// Those under `key`: the same ones for the same key.
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Draws {
            key: hmac::Key::new(hmac::HMAC_SHA256, key),
            counter: 0,
            block: Vec::new(),
        }
    }

    fn byte(&mut self) -> u8 {
        if let Some(byte) = self.block.pop() {
            return byte;
        }
        self.counter += 1;
        let tag = hmac::sign(&self.key, &self.counter.to_be_bytes());
        self.block = tag.as_ref().to_vec();
        self.block.pop().unwrap_or_default()
    }

    /// A number below `most`, each as likely as the others; 0 where there is none.
    pub(super) fn below(&mut self, most: usize) -> usize {
        let Ok(most) = u32::try_from(most) else {
            return 0;
        };
        if most < 2 {
            return 0;
        }
        // Numbers from here on would make the first ones likelier.
        let end = u32::MAX - u32::MAX % most;
        loop {
            let number = u32::from_be_bytes([self.byte(), self.byte(), self.byte(), self.byte()]);
            if number < end {
                return usize::try_from(number % most).unwrap_or_default();
            }
        }
    }

    /// One of these.
    pub(super) fn one_of(&mut self, characters: &[char]) -> Option<char> {
        let place = self.below(characters.len());
        characters.get(place).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_below_the_bound_and_told_by_the_key() {
        let draw = |key: u8| {
            let mut draws = Draws::new(&[key; 32]);
            (0..1000).map(|_| draws.below(7)).collect::<Vec<_>>()
        };
        let first = draw(1);
        assert_eq!(first, draw(1));
        assert_ne!(first, draw(2));
        for number in 0..7 {
            let count = first.iter().filter(|it| **it == number).count();
            assert!((80..220).contains(&count), "{number}: {count}");
        }
    }
}
