//! Computes the SHA-256 (FIPS 180-4) of a file while it is read.

use std::io::{self, Read};

use ring::digest::{Context, SHA256};

use crate::hex;
use crate::import::control::Control;

/// A reader that digests everything it reads.
pub struct Fingerprint<'c, R> {
    source: R,
    control: &'c Control,
    context: Context,
}

impl<'c, R: Read> Fingerprint<'c, R> {
    /// Digests what is read from `source`, and reports the number of bytes to `control`.
    pub fn new(source: R, control: &'c Control) -> Self {
        Fingerprint {
            source,
            control,
            context: Context::new(&SHA256),
        }
    }

    /// The digest of everything read so far, in hexadecimal.
    pub fn hex(&self) -> String {
        hex::encode(self.context.clone().finish().as_ref())
    }
}

impl<R: Read> Read for Fingerprint<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.control.read(count);
        self.context.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_is_sha_256() {
        let control = Control::new(None);
        let mut reader = Fingerprint::new(&b"abc"[..], &control);
        io::copy(&mut reader, &mut io::sink()).unwrap();
        assert_eq!(
            reader.hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
