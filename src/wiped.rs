//! Memory that is overwritten before it is freed, for buffers that passwords pass through.
//!
//! It is zeroed at full speed, in a way that the compiler cannot optimize out. A buffer that grows beyond its
//! capacity is moved, and the allocator keeps the old copy until it reuses that memory; where this matters,
//! buffers start with the capacity that they need.

use std::fmt;
use std::hint::black_box;
use std::mem::take;
use std::ops::{Deref, DerefMut};

/// Bytes that are overwritten when they are dropped.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Wiped(Vec<u8>);

impl Wiped {
    /// An empty buffer that can grow to `capacity` bytes without being moved.
    pub fn with_capacity(capacity: usize) -> Self {
        Wiped(Vec::with_capacity(capacity))
    }

    /// Sets the length, padding with zeros. If the buffer must be moved, the old copy is wiped.
    pub fn set_len_zeroed(&mut self, length: usize) {
        if length > self.0.capacity() {
            let mut larger = Vec::with_capacity(length);
            larger.extend_from_slice(&self.0);
            wipe(&mut self.0);
            self.0 = larger;
        }
        self.0.resize(length, 0);
    }
}

impl From<Vec<u8>> for Wiped {
    fn from(bytes: Vec<u8>) -> Self {
        Wiped(bytes)
    }
}

impl Deref for Wiped {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Wiped {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// Hides the bytes, which may be a password.
impl fmt::Debug for Wiped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wiped({} bytes)", self.0.len())
    }
}

/// Text that is overwritten when it is dropped.
#[derive(Default)]
pub struct WipedText(String);

impl Deref for WipedText {
    type Target = String;

    fn deref(&self) -> &String {
        &self.0
    }
}

impl DerefMut for WipedText {
    fn deref_mut(&mut self) -> &mut String {
        &mut self.0
    }
}

impl Drop for WipedText {
    fn drop(&mut self) {
        wipe_text(&mut self.0);
    }
}

/// Overwrites all bytes up to the capacity, and empties the vector.
pub fn wipe(bytes: &mut Vec<u8>) {
    bytes.clear();
    bytes.resize(bytes.capacity(), 0);
    black_box(bytes.as_mut_slice());
    bytes.clear();
}

/// The same as [`wipe`], for text.
pub fn wipe_text(text: &mut String) {
    wipe(&mut take(text).into_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_capacity_is_overwritten() {
        let mut bytes = Vec::with_capacity(100);
        bytes.extend_from_slice(b"geheim-42");
        wipe(&mut bytes);
        assert!(bytes.is_empty());
        // The bytes after the length still exist; they must be zeros.
        bytes.resize(9, 1);
        assert_eq!(bytes.capacity(), 100);
        let mut text = "geheim-43".to_owned();
        wipe_text(&mut text);
        assert!(text.is_empty());
    }

    #[test]
    fn growing_keeps_the_content() {
        let mut bytes = Wiped::from(b"ab".to_vec());
        bytes.set_len_zeroed(1_000);
        assert!(bytes.starts_with(b"ab\0") && bytes.len() == 1_000);
        bytes.set_len_zeroed(1);
        assert_eq!(bytes.as_slice(), b"a");
    }

    #[test]
    fn debug_output_hides_the_bytes() {
        let wiped = Wiped::from(b"geheim".to_vec());
        assert_eq!(format!("{wiped:?}"), "Wiped(6 bytes)");
        assert_eq!(wiped.as_slice(), b"geheim");
    }
}
