//! A reader that fails when its source exceeds a limit.

use std::io::{self, Read};

use crate::wire::error::WireError;

/// Passes on at most `limit` bytes; one more is an error.
#[derive(Debug)]
pub struct Limited<R> {
    source: R,
    limit: u64,
    left: u64,
}

impl<R: Read> Limited<R> {
    /// Passes on at most `limit` bytes of `source`.
    pub fn new(source: R, limit: u64) -> Self {
        Limited {
            source,
            limit,
            left: limit,
        }
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        match self.left.checked_sub(count as u64) {
            Some(left) => {
                self.left = left;
                Ok(count)
            }
            None => Err(WireError::HttpTooLarge { limit: self.limit }.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_of_exactly_the_limit_passes_and_one_byte_more_fails() {
        let mut all = Vec::new();
        Limited::new(&b"12345"[..], 5)
            .read_to_end(&mut all)
            .unwrap();
        let error = Limited::new(&b"123456"[..], 5)
            .read_to_end(&mut all)
            .unwrap_err();
        assert_eq!(WireError::from_io(error).code(), "IMP-HTTP-TOO-LARGE");
    }
}
