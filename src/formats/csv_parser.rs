//! The parser of `csv-core`, used again by one file after the other: making its tables takes longer than
//! reading a short file with them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use crate::formats::delimiter::Delimiter;

/// Parsers that nobody uses, each with its delimiter.
static IDLE: Mutex<Vec<(Delimiter, Reader)>> = Mutex::new(Vec::new());

/// How many of them are kept.
const KEPT: usize = 64;

/// A parser at the beginning of a file, or where its file has brought it.
pub(super) struct Parser(Option<(Delimiter, Reader)>);

impl Parser {
    /// One for files whose columns are divided by this.
    pub(super) fn new(delimiter: Delimiter) -> Self {
        let mut idle = idle();
        let fitting = idle.iter().position(|(of, _)| *of == delimiter);
        let found = fitting.map(|place| idle.swap_remove(place));
        drop(idle);
        let (_, mut reader) = found.unwrap_or_else(|| {
            let made = ReaderBuilder::new().delimiter(delimiter.byte()).build();
            (delimiter, made)
        });
        reader.reset();
        // It steps over a byte-order mark of its own accord at its first call: that is used up here.
        let _ = reader.read_record(b"\n", &mut [0], &mut [0]);
        Parser(Some((delimiter, reader)))
    }

    /// `csv_core::Reader::read_record`.
    pub(super) fn read_record(
        &mut self,
        input: &[u8],
        output: &mut [u8],
        ends: &mut [usize],
    ) -> (ReadRecordResult, usize, usize, usize) {
        match &mut self.0 {
            Some((_, reader)) => reader.read_record(input, output, ends),
            None => (ReadRecordResult::End, 0, 0, 0),
        }
    }
}

impl Drop for Parser {
    fn drop(&mut self) {
        let mut idle = idle();
        if idle.len() < KEPT {
            idle.extend(self.0.take());
        }
    }
}

fn idle() -> MutexGuard<'static, Vec<(Delimiter, Reader)>> {
    IDLE.lock().unwrap_or_else(PoisonError::into_inner)
}
