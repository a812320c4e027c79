//! The fields of a form or a query (application/x-www-form-urlencoded, WHATWG URL §5.1).

use std::io::Read;

use actix_web::web;
use zeroize::{Zeroize, Zeroizing};

use crate::http::web::refusal::Refusal;
use crate::passwords::secret::Secret;
use crate::wire::error::WireError;

/// Maximum size of a form in bytes: that of the columns of a file with 1,024 columns needs about 100 KiB.
const LIMIT: u64 = 1024 * 1024;

/// Maximum number of fields.
const FIELDS: usize = 4_096;

/// The fields in their order. They may contain passwords, so they are wiped when dropped.
#[derive(Default)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads the body of a form.
    ///
    /// # Errors
    /// It was cut off, is too large, or is not such a form.
    pub fn read(body: impl Read) -> Result<Self, Refusal> {
        let mut text = Zeroizing::new(Vec::new());
        body.take(LIMIT + 1)
            .read_to_end(&mut text)
            .map_err(WireError::from_io)?;
        if text.len() as u64 > LIMIT {
            return Err(WireError::HttpTooLarge { limit: LIMIT }.into());
        }
        let text = std::str::from_utf8(&text).map_err(|_| unreadable())?;
        Fields::parse(text)
    }

    /// Reads a query.
    ///
    /// # Errors
    /// It is malformed.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let pairs =
            web::Query::<Vec<(String, String)>>::from_query(text).map_err(|_| unreadable())?;
        let fields = Fields(pairs.into_inner());
        match fields.0.len() > FIELDS {
            true => Err(Refusal::field(format!(
                "The form has more than {FIELDS} fields."
            ))),
            false => Ok(fields),
        }
    }

    /// The first value of a field; empty if there is none.
    pub fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(candidate, _)| candidate == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// The first value of a field, if it has one that is not blank.
    pub fn given(&self, name: &str) -> Option<&str> {
        Some(self.get(name).trim()).filter(|value| !value.is_empty())
    }

    /// The first value of a field that is a secret.
    pub fn secret(&self, name: &str) -> Secret {
        Secret::from(self.get(name))
    }

    /// All values of a field.
    pub fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        let named = self
            .0
            .iter()
            .filter(move |(candidate, _)| candidate == name);
        named.map(|(_, value)| value.as_str())
    }

    /// Whether there is a field of this name.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(candidate, _)| candidate == name)
    }
}

impl Drop for Fields {
    fn drop(&mut self) {
        for (_, value) in &mut self.0 {
            value.zeroize();
        }
    }
}

impl std::fmt::Debug for Fields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fields")
    }
}

fn unreadable() -> Refusal {
    Refusal::field("The form is malformed.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_decoded() {
        let fields = Fields::read(&b"a=1+2&b=%C3%A9&role=x&role=y&c="[..]).unwrap();
        assert_eq!(
            (fields.get("a"), fields.get("b"), fields.get("d")),
            ("1 2", "é", "")
        );
        assert_eq!(fields.all("role").collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!((fields.given("c"), fields.has("c")), (None, true));
        assert_eq!(format!("{fields:?}"), "Fields");
    }

    #[test]
    fn forms_that_are_too_large_are_refused() {
        let long = vec![b'a'; usize::try_from(LIMIT).unwrap() + 1];
        assert_eq!(Fields::read(&long[..]).unwrap_err().status.as_u16(), 413);
        let many = "a=1&".repeat(FIELDS + 1);
        assert_eq!(Fields::parse(&many).unwrap_err().status.as_u16(), 400);
        assert_eq!(
            Fields::read(&b"a=\xff"[..]).unwrap_err().status.as_u16(),
            400
        );
    }
}
