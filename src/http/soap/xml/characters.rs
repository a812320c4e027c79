//! Parses what is between tags: XML 1.0 §2.4 (character data), §2.5
//! (comments), §2.7 (CDATA sections) and §2.11 (line ends).
//!
//! Nothing here buffers up to an end. Text of any length is returned in pieces
//! and comments are skipped. Every byte is searched once, with `memchr`.

use std::io::Read;

use memchr::{memchr2, memchr3, memmem};

use super::error::{XmlError, XmlErrorKind};
use super::reference::{self, Found};
use super::source::Source;

/// A piece of text ends when it reaches this length. Including its last run it
/// stays below twice that.
const PIECE: usize = 32 * 1024;

const COMMENT_END: &str = "-->";
const CDATA_END: &str = "]]>";

/// Appends the next piece of text, up to markup or the end of the document.
pub(super) fn read_text<R: Read>(
    source: &mut Source<R>,
    piece: &mut String,
) -> Result<(), XmlError> {
    while piece.len() < PIECE {
        // Enough to recognize "]]>".
        let ahead = source.ahead(CDATA_END.len())?;
        match ahead.as_bytes().first() {
            None | Some(b'<') => break,
            Some(b'&') => read_reference(source, piece)?,
            Some(b'\r') => read_line_end(source, piece)?,
            Some(_) => {
                let run = text_run(ahead);
                if let Some(at) = memmem::find(run.as_bytes(), CDATA_END.as_bytes()) {
                    let sentence = "\"]]>\" is not allowed in text; write ]]&gt;";
                    return Err(source.error_at(at, XmlErrorKind::malformed(sentence)));
                }
                piece.push_str(run);
                let length = run.len();
                source.consume(length);
            }
        }
    }
    Ok(())
}

/// The text before the next special character. A possible beginning of "]]>" is
/// left for the next run.
fn text_run(ahead: &str) -> &str {
    let end = memchr3(b'<', b'&', b'\r', ahead.as_bytes()).unwrap_or_else(|| {
        let brackets = ahead.len() - ahead.trim_end_matches(']').len();
        let more_may_follow = ahead.len() >= CDATA_END.len();
        ahead.len() - if more_may_follow { brackets.min(2) } else { 0 }
    });
    ahead.get(..end).unwrap_or_default()
}

fn read_reference<R: Read>(source: &mut Source<R>, piece: &mut String) -> Result<(), XmlError> {
    let mut wanted = "&lt;".len();
    let name = loop {
        let ahead = source.ahead(wanted)?;
        let length = ahead.len();
        match reference::find(ahead) {
            Found::Complete(name) => break name,
            Found::Unfinished if length >= wanted => wanted = length + 1,
            Found::Unfinished => return Err(source.error(reference::not_a_reference())),
            Found::Invalid(kind) => return Err(source.error(kind)),
        }
    };
    let length = "&;".len() + name.len();
    let resolved = reference::resolve(name);
    piece.push(resolved.map_err(|kind| source.error(kind))?);
    source.consume(length);
    Ok(())
}

/// Every line end is reported as one line feed.
fn read_line_end<R: Read>(source: &mut Source<R>, piece: &mut String) -> Result<(), XmlError> {
    piece.push('\n');
    let pair = source.ahead("\r\n".len())?.starts_with("\r\n");
    source.consume(if pair { "\r\n".len() } else { "\r".len() });
    Ok(())
}

/// Appends the next piece of a CDATA section; true when the section has ended.
pub(super) fn read_cdata<R: Read>(
    source: &mut Source<R>,
    piece: &mut String,
) -> Result<bool, XmlError> {
    while piece.len() < PIECE {
        let ahead = source.ahead(CDATA_END.len())?;
        if ahead.starts_with(CDATA_END) {
            source.consume(CDATA_END.len());
            return Ok(true);
        }
        match ahead.as_bytes().first() {
            None => {
                let kind = XmlErrorKind::Unclosed("a CDATA section".to_owned());
                return Err(source.error(kind));
            }
            Some(b'\r') => read_line_end(source, piece)?,
            Some(b']') => {
                piece.push(']');
                source.consume("]".len());
            }
            Some(_) => {
                let end = memchr2(b']', b'\r', ahead.as_bytes()).unwrap_or(ahead.len());
                piece.push_str(ahead.get(..end).unwrap_or_default());
                source.consume(end);
            }
        }
    }
    Ok(false)
}

/// Skips a comment, whose `<!--` has been read.
pub(super) fn skip_comment<R: Read>(source: &mut Source<R>) -> Result<(), XmlError> {
    loop {
        let ahead = source.ahead(COMMENT_END.len())?;
        if ahead.starts_with(COMMENT_END) {
            source.consume(COMMENT_END.len());
            return Ok(());
        }
        if ahead.len() < COMMENT_END.len() {
            return Err(source.error(XmlErrorKind::Unclosed("a comment".to_owned())));
        }
        if ahead.starts_with("--") {
            let sentence = "\"--\" is not allowed in a comment; remove it or close with \"-->\"";
            return Err(source.error(XmlErrorKind::malformed(sentence)));
        }
        // A hyphen at the end may be the first of a pair.
        let hyphens = usize::from(ahead.ends_with('-'));
        let next = memmem::find(ahead.as_bytes(), b"--").unwrap_or(ahead.len() - hyphens);
        source.consume(next);
    }
}
