//! Namespace bindings, element by element: Namespaces in XML 1.0 §3 (reserved
//! names), §5 (prefix declared) and §6 (scope).

use std::collections::HashMap;
use std::sync::Arc;

use super::error::{XmlErrorKind, excerpt};

/// The namespace of the prefix `xml`.
const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// The namespace of the prefix `xmlns`.
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// The namespaces of the open elements.
///
/// A map by prefix, so that a lookup takes the same time however many are open:
/// that may be fifty thousand.
#[derive(Default)]
pub(super) struct Namespaces {
    /// For each prefix, all open declarations, the innermost last. The empty
    /// prefix is the default namespace; `None` removes it.
    bound: HashMap<Arc<str>, Vec<Option<Arc<str>>>>,
    /// The prefixes that each open element declares.
    scopes: Vec<Vec<Arc<str>>>,
}

impl Namespaces {
    /// Opens an element.
    pub(super) fn open(&mut self) {
        self.scopes.push(Vec::new());
    }

    /// Binds a prefix for the innermost element; the empty prefix is
    /// `xmlns="…"`.
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

    /// The default namespace, which applies to elements but not to attributes.
    pub(super) fn unprefixed(&self) -> Option<Arc<str>> {
        self.bound.get("")?.last()?.clone()
    }

    /// The namespace bound to a prefix here.
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
        ("xml", _) => "the prefix \"xml\" cannot be bound to another namespace".to_owned(),
        ("xmlns", _) => "the prefix \"xmlns\" cannot be declared".to_owned(),
        (_, XML | XMLNS) => format!("only its own prefix can be bound to {namespace}"),
        ("", _) => return Ok(()),
        (_, "") => format!(
            "xmlns:{}=\"\" removes a prefix, which XML 1.0 does not allow; name a namespace",
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
    fn the_innermost_declaration_applies() -> Result<(), XmlErrorKind> {
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
