//! The tokens of filters and paths: brackets, words, and JSON strings (RFC 7644 figure 1).

/// A token of a filter.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token<'t> {
    /// `(`
    Open,
    /// `)`
    Close,
    /// `[`
    OpenBracket,
    /// `]`
    CloseBracket,
    /// A JSON string, unescaped.
    Text(String),
    /// A path, an operator, a number or another literal.
    Word(&'t str),
    /// The end.
    End,
}

/// A token with its position.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed<'t> {
    pub token: Token<'t>,
    /// The byte offset of its first byte.
    pub at: usize,
    /// Whether white space precedes it.
    pub spaced: bool,
}

/// A malformed token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed {
    /// The byte offset.
    pub at: usize,
    /// A message without a full stop. It contains none of the text, which may be a secret.
    pub reason: &'static str,
}

/// Returns the tokens one by one; each byte is scanned once or twice.
#[derive(Debug, Clone)]
pub(super) struct Tokens<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Tokens<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Tokens { text, at: 0 }
    }

    /// The next token; after the last one always [`Token::End`].
    pub(super) fn next(&mut self) -> Result<Placed<'t>, Malformed> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let trimmed = rest.trim_start_matches([' ', '\t', '\r', '\n']);
        let spaced = trimmed.len() < rest.len();
        let at = self.text.len() - trimmed.len();
        let (token, length) = match trimmed.bytes().next() {
            None => (Token::End, 0),
            Some(b'(') => (Token::Open, 1),
            Some(b')') => (Token::Close, 1),
            Some(b'[') => (Token::OpenBracket, 1),
            Some(b']') => (Token::CloseBracket, 1),
            Some(b'"') => text(trimmed).map_err(|reason| Malformed { at, reason })?,
            Some(_) => {
                let end = trimmed
                    .find([' ', '\t', '\r', '\n', '(', ')', '[', ']', '"'])
                    .unwrap_or(trimmed.len());
                (Token::Word(trimmed.get(..end).unwrap_or_default()), end)
            }
        };
        self.at = at + length;
        Ok(Placed { token, at, spaced })
    }

    /// The position of a byte in characters, starting at 1.
    pub(super) fn character(&self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or(self.text);
        before.chars().count() + 1
    }
}

/// Parses the JSON string at the beginning of `text`; returns its length with both quotation marks.
fn text<'t>(text: &str) -> Result<(Token<'t>, usize), &'static str> {
    let mut escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    let length = end.ok_or("the closing quotation mark of this text is missing")? + 2;
    match text.get(..length).map(serde_json::from_str) {
        Some(Ok(content)) => Ok((Token::Text(content), length)),
        _ => Err("this is not a JSON string; check its escapes and control characters"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<Token<'_>> {
        let mut tokens = Tokens::new(text);
        let mut all = Vec::new();
        loop {
            match tokens.next().unwrap().token {
                Token::End => return all,
                token => all.push(token),
            }
        }
    }

    #[test]
    fn words_brackets_and_text_are_distinguished() {
        assert_eq!(
            tokens(" emails[type eq \"a \\\"b\\\" \\u00e9\\ud83d\\ude00\"]\t(x)"),
            [
                Token::Word("emails"),
                Token::OpenBracket,
                Token::Word("type"),
                Token::Word("eq"),
                Token::Text("a \"b\" é😀".to_owned()),
                Token::CloseBracket,
                Token::Open,
                Token::Word("x"),
                Token::Close,
            ]
        );
        assert_eq!(tokens("\"\\\\\""), [Token::Text("\\".to_owned())]);
        assert_eq!(tokens(" \n"), []);
    }

    #[test]
    fn malformed_text_is_reported_at_its_beginning() {
        for (text, at) in [
            ("é \"abc", 3),
            ("\"\\", 0),
            ("\"abc\\\"", 0),
            ("\"\\ud83d\"", 0),
            ("\"\\ude00\\ud83d\"", 0),
            ("\"\\x\"", 0),
            ("\"a\nb\"", 0),
        ] {
            let mut tokens = Tokens::new(text);
            let broken = loop {
                match tokens.next() {
                    Ok(placed) => assert_ne!(placed.token, Token::End, "{text}"),
                    Err(broken) => break broken,
                }
            };
            assert_eq!(broken.at, at, "{text}");
        }
    }
}
