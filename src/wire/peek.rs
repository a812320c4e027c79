//! Reads the first bytes of a source without consuming them.

use std::io::{self, Cursor, Read};

/// Returns the first `max_bytes` bytes of `source`, or all of it if it is shorter, and a reader of the
/// complete source.
///
/// # Errors
/// The source failed.
pub fn peek<R: Read>(mut source: R, max_bytes: u64) -> io::Result<(Vec<u8>, impl Read)> {
    let mut start = Vec::with_capacity(usize::try_from(max_bytes).unwrap_or_default());
    source.by_ref().take(max_bytes).read_to_end(&mut start)?;
    Ok((start.clone(), Cursor::new(start).chain(source)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peeked_bytes_are_read_again() {
        let (start, mut source) = peek(&b"abcdef"[..], 3).unwrap();
        let mut all = String::new();
        source.read_to_string(&mut all).unwrap();
        assert_eq!((start.as_slice(), all.as_str()), (&b"abc"[..], "abcdef"));
        assert_eq!(peek(&b"a"[..], 3).unwrap().0, b"a");
    }
}
