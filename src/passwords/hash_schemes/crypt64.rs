//! The encoding of phpass and MD5-crypt: three bytes as four characters of `./0-9A-Za-z`, the lowest six bits
//! first.

/// The characters.
const SIGNS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Encodes `bytes` in these characters.
pub(super) fn encode(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let mut value = 0;
        for (byte, shift) in group.iter().zip([0, 8, 16]) {
            value |= u32::from(*byte) << shift;
        }
        for _ in 0..=group.len() {
            text.extend(SIGNS.get(value as usize & 0x3f));
            value >>= 6;
        }
    }
    text
}

/// The value of the character `sign`.
pub(super) fn value(sign: u8) -> Option<u64> {
    let place = SIGNS.iter().position(|known| *known == sign)?;
    u64::try_from(place).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lowest_bits_are_encoded_first() {
        assert_eq!(encode(&[]), b"");
        assert_eq!(encode(&[1]), b"/.");
        assert_eq!(encode(&[0, 1]), b".2.");
        assert_eq!(encode(&[0xff, 0xff, 0xff]), b"zzzz");
        assert_eq!(encode(&[0, 0, 4]), b".../");
        assert_eq!(
            (value(b'.'), value(b'B'), value(b'$')),
            (Some(0), Some(13), None)
        );
    }
}
