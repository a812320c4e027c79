//! Decrypts .xls workbooks that are encrypted with the well-known default password: Excel uses it if only the
//! structure of a workbook is protected, and opens such files without asking (MS-OFFCRYPTO 2.4.2.3).
//!
//! There are three methods: XOR (MS-OFFCRYPTO 2.3.7), RC4 (2.3.6) and RC4 CryptoAPI (2.3.5). None of them provides
//! security, and nothing is written with them.

use md5::{Digest, Md5};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use crate::formats::biff;
use crate::formats::compound::{u16_at, u32_at};

/// The default password.
const PASSWORD: &[u8] = b"VelvetSweatshop";

const BOF: u16 = 0x0809;
const FILE_PASS: u16 = 0x002f;
const INTERFACE: u16 = 0x00e1;
const REVISION_HEAD: u16 = 0x0138;
const EXCLUSIVE: u16 = 0x0194;
const FILE_LOCK: u16 = 0x0195;
const REVISION: u16 = 0x0196;
const BOUND_SHEET: u16 = 0x0085;

/// The number of bytes of the stream that are encrypted with one key.
const BLOCK: usize = 1024;

enum Cipher {
    Xor([u8; 16]),
    Rc4(Keys),
}

/// The material from which the keys of the blocks are derived.
enum Keys {
    Plain([u8; 5]),
    CryptoApi { hash: [u8; 20], bytes: usize },
}

/// Decrypts the stream in place if it is encrypted; `None` if another password was set.
pub(super) fn decrypt(stream: &mut [u8]) -> Option<()> {
    let found = biff::records(stream).find(|record| matches!(record.kind, FILE_PASS | EOF));
    let Some(record) = found.filter(|record| record.kind == FILE_PASS) else {
        return Some(());
    };
    let mut cipher = Cipher::of(record.data)?;
    let mut records = Vec::new();
    for record in biff::records(stream) {
        let start = stream.len() - record.rest.len() - record.data.len();
        let plain = match record.kind {
            BOF | FILE_PASS | INTERFACE | REVISION_HEAD | EXCLUSIVE | FILE_LOCK | REVISION => {
                continue;
            }
            // The offset of the sheet in the stream is not encrypted.
            BOUND_SHEET => record.data.len().min(4),
            _ => 0,
        };
        records.push((start, plain, record.data.len()));
    }
    for (start, plain, length) in records {
        let data = stream.get_mut(start..start + length)?;
        cipher.decrypt(data, start, plain);
    }
    Some(())
}

const EOF: u16 = 0x000a;

impl Cipher {
    /// Parses the FilePass record; `None` if the password is not the default one.
    fn of(data: &[u8]) -> Option<Self> {
        let kinds = (u16_at(data, 0)?, u16_at(data, 2)?, u16_at(data, 4)?);
        match kinds {
            (0, key, verifier) => (verifier == xor_verifier()).then(|| Cipher::Xor(xor_array(key))),
            (1, 1, 1) => {
                let salt = data.get(6..22)?;
                let first = md5(&wide(PASSWORD));
                let mut salted = Vec::new();
                for _ in 0..16 {
                    salted.extend(first.get(..5)?);
                    salted.extend(salt);
                }
                let key = *md5(&salted).first_chunk()?;
                let keys = Keys::Plain(key);
                let mut verifier = data.get(22..54)?.to_vec();
                keys.stream(0).apply(&mut verifier);
                let (text, hash) = verifier.split_at_checked(16)?;
                (md5(text).as_slice() == hash).then_some(Cipher::Rc4(keys))
            }
            (1, 2..=4, 2) => {
                let size = u32_at(data, 10)? as usize;
                let bits = u32_at(data, 30)? as usize;
                let rest = data.get(14..)?.get(size..)?;
                let salt = rest.get(4..20)?;
                let hash = sha1(&[salt, &wide(PASSWORD)].concat())?;
                let bytes = match bits {
                    0 => 5,
                    bits => (bits / 8).clamp(5, 16),
                };
                let keys = Keys::CryptoApi { hash, bytes };
                let mut verifier = [rest.get(20..36)?, rest.get(40..60)?].concat();
                keys.stream(0).apply(&mut verifier);
                let (text, hash) = verifier.split_at_checked(16)?;
                (sha1(text)?.as_slice() == hash).then_some(Cipher::Rc4(keys))
            }
            _ => None,
        }
    }

    /// Decrypts the data of a record at `start`, except for the first `plain` bytes.
    fn decrypt(&mut self, data: &mut [u8], start: usize, plain: usize) {
        match self {
            Cipher::Xor(array) => {
                let first = start + data.len();
                for (place, byte) in data.iter_mut().enumerate().skip(plain) {
                    let key = array.get((first + place) % 16).copied().unwrap_or_default();
                    *byte = byte.rotate_left(3) ^ key;
                }
            }
            Cipher::Rc4(keys) => {
                let mut place = plain;
                while place < data.len() {
                    let at = start + place;
                    let end = (place + BLOCK - at % BLOCK).min(data.len());
                    // The key stream also covers bytes that are not encrypted.
                    let mut key = keys.stream((at / BLOCK) as u32);
                    key.skip(at % BLOCK);
                    if let Some(piece) = data.get_mut(place..end) {
                        key.apply(piece);
                    }
                    place = end;
                }
            }
        }
    }
}

impl Keys {
    /// The key stream of the block with this number.
    fn stream(&self, block: u32) -> Rc4 {
        let number = block.to_le_bytes();
        match self {
            Keys::Plain(key) => Rc4::new(&md5(&[&key[..], &number].concat())),
            Keys::CryptoApi { hash, bytes } => {
                let whole = sha1(&[&hash[..], &number].concat()).unwrap_or_default();
                let mut key = whole.get(..*bytes).unwrap_or_default().to_vec();
                if *bytes == 5 {
                    key.resize(16, 0);
                }
                Rc4::new(&key)
            }
        }
    }
}

/// An RC4 key stream.
struct Rc4 {
    state: [u8; 256],
    i: u8,
    j: u8,
}

impl Rc4 {
    fn new(key: &[u8]) -> Self {
        let mut state = [0; 256];
        for (value, number) in state.iter_mut().zip(0..=255) {
            *value = number;
        }
        let mut rc4 = Rc4 { state, i: 0, j: 0 };
        for (i, key) in (0..=255_u8).zip(key.iter().cycle()) {
            rc4.j = rc4.j.wrapping_add(rc4.at(i)).wrapping_add(*key);
            rc4.state.swap(usize::from(i), usize::from(rc4.j));
        }
        rc4.j = 0;
        rc4
    }

    fn at(&self, place: u8) -> u8 {
        self.state
            .get(usize::from(place))
            .copied()
            .unwrap_or_default()
    }

    fn next(&mut self) -> u8 {
        self.i = self.i.wrapping_add(1);
        self.j = self.j.wrapping_add(self.at(self.i));
        self.state.swap(usize::from(self.i), usize::from(self.j));
        self.at(self.at(self.i).wrapping_add(self.at(self.j)))
    }

    fn skip(&mut self, count: usize) {
        for _ in 0..count {
            self.next();
        }
    }

    fn apply(&mut self, data: &mut [u8]) {
        for byte in data {
            *byte ^= self.next();
        }
    }
}

fn sha1(data: &[u8]) -> Option<[u8; 20]> {
    digest(&SHA1_FOR_LEGACY_USE_ONLY, data)
        .as_ref()
        .try_into()
        .ok()
}

/// The password in UTF-16.
fn wide(password: &[u8]) -> Vec<u8> {
    password.iter().flat_map(|byte| [*byte, 0]).collect()
}

/// MS-OFFCRYPTO 2.3.7.1.
fn xor_verifier() -> u16 {
    let turned = |value: u16| (value >> 14 & 1) | (value << 1 & 0x7fff);
    let length = PASSWORD.len() as u16;
    let verifier = PASSWORD
        .iter()
        .rev()
        .fold(0, |verifier, byte| turned(verifier) ^ u16::from(*byte));
    turned(verifier) ^ length ^ 0xce4b
}

/// MS-OFFCRYPTO 2.3.7.2, for a password of 15 characters.
fn xor_array(key: u16) -> [u8; 16] {
    let mut array = [0xbb; 16];
    for (to, from) in array.iter_mut().zip(PASSWORD) {
        *to = *from;
    }
    for (byte, key) in array.iter_mut().zip(key.to_le_bytes().into_iter().cycle()) {
        *byte = (*byte ^ key).rotate_left(2);
    }
    array
}

fn md5(data: &[u8]) -> [u8; 16] {
    Md5::digest(data).into()
}
