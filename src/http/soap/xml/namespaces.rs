//! Which prefix stands for which namespace, element by element: Namespaces in
//! XML 1.0 §3 (reserved names), §5 (prefix declared) and §6 (scope).

use std::collections::HashMap;
use std::sync::Arc;

use super::error::{XmlErrorKind, excerpt};

/// What `xml:` always stands for.
const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// What `xmlns:` always stands for.
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// The namespaces of the open elements.
///
/// A table by prefix, so that finding one costs the same however many there
/// are: fifty thousand may be open at once.
#[derive(Default)]
pub(super) struct Namespaces {
    /// Of each prefix all open declarations, the innermost last. The empty
    /// prefix is the default namespace; `None` takes it away.
    bound: HashMap<Arc<str>, Vec<Option<Arc<str>>>>,
    /// The prefixes that each open element declares.
    scopes: Vec<Vec<Arc<str>>>,
}

impl Namespaces {
    /// Opens an element.
    pub(super) fn open(&mut self) {
        self.scopes.push(Vec::new());
    }

    /// Declares, for the innermost element, what a prefix stands for; the
    /// empty prefix for `xmlns="…"`.
    pub(super) fn declare(&mut self, prefix: &str, namespace: &str) -> Result<(), XmlErrorKind> {
        check(prefix, namespace)?;
        let prefix: Arc<str> = prefix.into();
        let namespace = Some(namespace).filter(|name| !name.is_empty());
        let bound = self.bound.entry(prefix.clone()).or_default();
        bound.push(namespace.map(Arc::from));
        if let Some(scope) = self.scopes.last_mut() {
            scope.push(prefix);
        }
        Ok(())
    }

    /// Closes the innermost element.
    pub(super) fn close(&mut self) {
        for prefix in self.scopes.pop().unwrap_or_default() {
            if let Some(bound) = self.bound.get_mut(&prefix) {
                bound.pop();
                if bound.is_empty() {
                    self.bound.remove(&prefix);
                }
            }
        }
    }

    /// The default namespace: of elements without a prefix, never of attributes.
    pub(super) fn unprefixed(&self) -> Option<Arc<str>> {
        self.bound.get("")?.last()?.clone()
    }

    /// What a prefix stands for here.
    pub(super) fn of(&self, prefix: &str) -> Result<Arc<str>, XmlErrorKind> {
        if prefix == "xml" {
            return Ok(XML.into());
        }
        let innermost = self.bound.get(prefix).and_then(|bound| bound.last());
        innermost.cloned().flatten().ok_or_else(|| {
            XmlErrorKind::Namespace(format!(
                "the prefix \"{0}\" is not declared; add xmlns:{0}=\"…\"",
                excerpt(prefix)
            ))
        })
    }
}

fn check(prefix: &str, namespace: &str) -> Result<(), XmlErrorKind> {
    let refusal = match (prefix, namespace) {
        ("xml", XML) => return Ok(()),
        ("xml", _) => "the prefix \"xml\" cannot stand for another namespace".to_owned(),
        ("xmlns", _) => "the prefix \"xmlns\" cannot be declared".to_owned(),
        (_, XML | XMLNS) => format!("no prefix but its own can stand for {namespace}"),
        ("", _) => return Ok(()),
        (_, "") => format!(
            "xmlns:{}=\"\" takes a prefix away, which XML 1.0 does not know; name a namespace",
            excerpt(prefix)
        ),
        _ => return Ok(()),
    };
    Err(XmlErrorKind::Namespace(refusal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_declaration_counts() -> Result<(), XmlErrorKind> {
        let mut open = Namespaces::default();
        open.open();
        open.declare("", "urn:one")?;
        open.declare("p", "urn:p")?;
        open.open();
        open.declare("", "")?;
        open.declare("p", "urn:q")?;
        assert_eq!(open.unprefixed(), None);
        assert_eq!(&*open.of("p")?, "urn:q");
        open.close();
        assert_eq!(&*open.of("p")?, "urn:p");
        assert_eq!(open.unprefixed().as_deref(), Some("urn:one"));
        open.close();
        assert!(open.of("p").is_err());
        assert!(open.bound.is_empty());
        assert_eq!(&*open.of("xml")?, XML);
        Ok(())
    }

    #[test]
    fn x12_reserved_names_stay_reserved() {
        let refused = [
            ("xml", "urn:x"),
            ("xml", ""),
            ("xmlns", XMLNS),
            ("xmlns", "urn:x"),
            ("p", XML),
            ("", XML),
            ("p", XMLNS),
            ("", XMLNS),
            ("p", ""),
        ];
        for (prefix, namespace) in refused {
            let declared = Namespaces::default().declare(prefix, namespace);
            let code = declared.map_err(|kind| kind.code());
            assert_eq!(code, Err("IMP-XML-NAMESPACE"), "{prefix} {namespace}");
        }
        assert!(Namespaces::default().declare("xml", XML).is_ok());
    }
}
