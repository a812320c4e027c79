//! SHA-256 (FIPS 180-4) of a file while it is read.

use std::io::{self, Read};

use ring::digest::{Context, SHA256};

/// A reader that digests what goes through it.
pub struct Fingerprint<R> {
    source: R,
    context: Context,
}

impl<R: Read> Fingerprint<R> {
    /// Digests what is read from `source`.
    pub fn new(source: R) -> Self {
        Fingerprint {
            source,
            context: Context::new(&SHA256),
        }
    }

    /// The digest of all that was read, in hexadecimal.
    pub fn hex(&self) -> String {
        let digest = self.context.clone().finish();
        digest
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

impl<R: Read> Read for Fingerprint<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.context.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_sha_256() {
        let mut reader = Fingerprint::new(&b"abc"[..]);
        io::copy(&mut reader, &mut io::sink()).unwrap();
        assert_eq!(
            reader.hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
