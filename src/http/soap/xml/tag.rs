//! Parses one tag into an element: XML 1.0 §3.1, Namespaces in XML 1.0 §4
//! (qualified names) and §6.3 (uniqueness of attributes).

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use quick_xml::events::attributes::{AttrError, Attributes};

use super::chars::{self, SPACE};
use super::error::{TagError, XmlErrorKind, excerpt};
use super::namespaces::Namespaces;
use super::reference;

/// The start of an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// The namespace's name, if the element is in one.
    pub namespace: Option<Arc<str>>,
    /// The prefix as written. It has no meaning; compare `namespace`.
    pub prefix: Option<String>,
    /// The name without the prefix.
    pub local: String,
    /// The attributes in document order, without namespace declarations.
    pub attributes: Vec<Attribute>,
}

impl Element {
    /// Whether this is the element `local` of `namespace`.
    pub fn is(&self, namespace: &str, local: &str) -> bool {
        self.namespace.as_deref() == Some(namespace) && self.local == local
    }

    /// The value of the attribute `local`. An attribute without a prefix is in
    /// no namespace.
    pub fn attribute(&self, namespace: Option<&str>, local: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|attribute| {
                attribute.namespace.as_deref() == namespace && attribute.local == local
            })
            .map(|attribute| attribute.value.as_str())
    }
}

/// An attribute of an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The namespace's name, if the attribute has a prefix.
    pub namespace: Option<Arc<str>>,
    /// The name without the prefix.
    pub local: String,
    /// The value, with references replaced and white space normalised.
    pub value: String,
}

/// A parsed start tag or empty-element tag.
pub(super) struct StartTag<'a> {
    /// The name as written, which the end tag must repeat.
    pub(super) name: &'a str,
    pub(super) element: Element,
    /// Whether it is `<a/>`, which has no end tag.
    pub(super) is_empty: bool,
}

/// Parses `<name attribute="value" …>` or `<name …/>` and opens its namespaces.
pub(super) fn start<'a>(
    tag: &'a str,
    max_attributes: usize,
    namespaces: &mut Namespaces,
) -> Result<StartTag<'a>, TagError> {
    let inside = tag.strip_prefix('<').and_then(|tag| tag.strip_suffix('>'));
    let inside = inside.unwrap_or_default();
    let (body, is_empty) = match inside.strip_suffix('/') {
        Some(body) => (body, true),
        None => (inside, false),
    };
    let name = body.split(SPACE).next().unwrap_or_default();
    let read = read_start(body, name, max_attributes, namespaces);
    let element = read.map_err(|error| at(error.at + "<".len())(error.kind))?;
    Ok(StartTag {
        name,
        element,
        is_empty,
    })
}

/// An attribute as written, or a namespace declaration.
struct Written<'a> {
    /// Its offset in the tag.
    at: usize,
    prefix: Option<&'a str>,
    local: &'a str,
    value: String,
}

impl Written<'_> {
    /// The prefix that it declares; empty for the default namespace.
    fn declares(&self) -> Option<&str> {
        match (self.prefix, self.local) {
            (Some("xmlns"), prefix) => Some(prefix),
            (None, "xmlns") => Some(""),
            _ => None,
        }
    }
}

fn read_start(
    body: &str,
    name: &str,
    max_attributes: usize,
    namespaces: &mut Namespaces,
) -> Result<Element, TagError> {
    let (prefix, local) = split_name(name).map_err(at(0))?;
    let written = read_written(body, name.len(), max_attributes)?;

    namespaces.open();
    for attribute in &written {
        if let Some(prefix) = attribute.declares() {
            let declared = namespaces.declare(prefix, &attribute.value);
            declared.map_err(at(attribute.at))?;
        }
    }

    let namespace = match prefix {
        None => namespaces.unprefixed(),
        Some(prefix) => Some(namespaces.of(prefix).map_err(at(0))?),
    };
    Ok(Element {
        namespace,
        prefix: prefix.map(str::to_owned),
        local: local.to_owned(),
        attributes: resolve(written, namespaces)?,
    })
}

/// Everything after the name. The limit is checked first, so that a tag with too
/// many attributes costs no comparisons.
fn read_written(body: &str, start: usize, max: usize) -> Result<Vec<Written<'_>>, TagError> {
    let mut raw = Vec::new();
    for attribute in split_attributes(body, start) {
        if raw.len() == max {
            return Err(at(0)(XmlErrorKind::Attributes(max)));
        }
        raw.push(attribute?);
    }
    let mut seen = HashSet::with_capacity(raw.len());
    let mut written = Vec::with_capacity(raw.len());
    for attribute in raw {
        let (prefix, local) = split_name(attribute.name).map_err(at(attribute.at))?;
        if !seen.insert(attribute.name) {
            return Err(at(attribute.at)(twice(attribute.name)));
        }
        let value = reference::normalize_value(&attribute.value);
        written.push(Written {
            at: attribute.at,
            prefix,
            local,
            value: value.map_err(at(attribute.at))?,
        });
    }
    Ok(written)
}

/// Splits a name as written into prefix and local part.
fn split_name(name: &str) -> Result<(Option<&str>, &str), XmlErrorKind> {
    if !chars::is_name(name) {
        // It may be text of a file that was not escaped.
        return Err(XmlErrorKind::malformed(
            "this is not a name; for a plain \"<\" write &lt;",
        ));
    }
    chars::split_qname(name).ok_or_else(|| {
        let name = excerpt(name);
        let sentence = format!("\"{name}\" has its colon in the wrong place; write prefix:name");
        XmlErrorKind::Namespace(sentence)
    })
}

/// Resolves prefixes to namespaces, after which two attributes may be equal.
fn resolve(written: Vec<Written<'_>>, namespaces: &Namespaces) -> Result<Vec<Attribute>, TagError> {
    let mut attributes = Vec::with_capacity(written.len());
    let mut seen = HashSet::with_capacity(written.len());
    for attribute in written {
        if attribute.declares().is_some() {
            continue;
        }
        let namespace = attribute.prefix.map(|prefix| namespaces.of(prefix));
        let namespace = namespace.transpose().map_err(at(attribute.at))?;
        if namespace.is_some() && !seen.insert((namespace.clone(), attribute.local)) {
            return Err(at(attribute.at)(twice(attribute.local)));
        }
        attributes.push(Attribute {
            namespace,
            local: attribute.local.to_owned(),
            value: attribute.value,
        });
    }
    Ok(attributes)
}

fn twice(name: &str) -> XmlErrorKind {
    let name = excerpt(name);
    XmlErrorKind::Malformed(format!(
        "the attribute \"{name}\" occurs twice in this tag; keep one"
    ))
}

/// Adds an offset in bytes from the start of the tag to an error.
fn at(at: usize) -> impl Fn(XmlErrorKind) -> TagError {
    move |kind| TagError { at, kind }
}

/// One `name="value"`, not yet checked.
pub(super) struct RawAttribute<'a> {
    /// Its offset in the tag.
    pub(super) at: usize,
    pub(super) name: &'a str,
    pub(super) value: Cow<'a, str>,
}

/// Splits what follows the name, `start` bytes into a tag, at its quotation
/// marks, and requires the white space that quick-xml does not.
pub(super) fn split_attributes(
    body: &str,
    start: usize,
) -> impl Iterator<Item = Result<RawAttribute<'_>, TagError>> {
    let mut attributes = Attributes::new(body, start);
    attributes.with_checks(false);
    attributes.map(move |attribute| {
        let attribute = attribute.map_err(|error| syntax(&error))?;
        let name = attribute.key.into_inner();
        let offset = name.as_ptr().addr() - body.as_ptr().addr();
        if !body.get(..offset).unwrap_or_default().ends_with(SPACE) {
            let sentence = "white space is missing before this attribute";
            return Err(at(offset)(XmlErrorKind::malformed(sentence)));
        }
        Ok(RawAttribute {
            at: offset,
            name,
            value: attribute.value,
        })
    })
}

fn syntax(error: &AttrError) -> TagError {
    let (offset, sentence) = match *error {
        AttrError::ExpectedEq(at) => (at, "an attribute's name must be followed by =\"value\""),
        AttrError::ExpectedValue(at) => (at, "an attribute's value is missing after \"=\""),
        AttrError::UnquotedValue(at) => (at, "an attribute's value must be quoted"),
        AttrError::ExpectedQuote(at, _) => (at, "an attribute's value has no closing quote"),
        AttrError::Duplicated(at, _) => (at, "an attribute occurs twice in this tag; keep one"),
    };
    at(offset)(XmlErrorKind::malformed(sentence))
}

/// The name in `</name>`, which white space may follow.
pub(super) fn end(tag: &str) -> &str {
    let inside = tag.strip_prefix("</").and_then(|tag| tag.strip_suffix('>'));
    inside.unwrap_or_default().trim_end_matches(SPACE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(tag: &str) -> Result<Element, (&'static str, usize)> {
        start(tag, 3, &mut Namespaces::default())
            .map(|tag| tag.element)
            .map_err(|error| (error.kind.code(), error.at))
    }

    #[test]
    fn names_and_values() {
        let tag = "<s:a xmlns:s='urn:s' b = \"1 > '2'\"\ts:b='&#233;'\n>";
        let element = read(tag).unwrap();
        assert!(element.is("urn:s", "a"));
        assert!(!element.is("urn:s", "b") && !element.is("urn:t", "a"));
        assert_eq!(element.prefix.as_deref(), Some("s"));
        assert_eq!(element.attributes.len(), 2);
        assert_eq!(element.attribute(None, "b"), Some("1 > '2'"));
        assert_eq!(element.attribute(Some("urn:s"), "b"), Some("é"));
        assert_eq!(element.attribute(Some("urn:s"), "c"), None);
    }

    #[test]
    fn the_default_namespace_is_for_elements_only() {
        let element = read("<a xmlns='urn:d' b='1'/>").unwrap();
        assert!(element.is("urn:d", "a"));
        assert_eq!(element.attribute(None, "b"), Some("1"));
        assert_eq!(read("<a/>").unwrap().namespace, None);
    }

    #[test]
    fn empty_elements() {
        let mut none = Namespaces::default();
        for (tag, name, is_empty) in [
            ("<a/>", "a", true),
            ("<a b='1' />", "a", true),
            ("<a b='/'>", "a", false),
        ] {
            let tag = start(tag, 3, &mut none).unwrap();
            assert_eq!((tag.name, tag.is_empty), (name, is_empty));
        }
        assert_eq!(end("</a \n>"), "a");
    }

    #[test]
    fn broken_tags() {
        let malformed = [
            ("<>", 1),
            ("< a>", 1),
            ("</>", 1),
            ("<3a>", 1),
            ("<a/ >", 1),
            ("<a / >", 5),
            ("<a<b>", 1),
            ("<a b>", 4),
            ("<a b='1'c='2'>", 8),
            ("<a b='1'c>", 9),
            ("<a b=1>", 5),
            ("<a b=>", 5),
            ("<a ='1'>", 7),
            ("<a b='<'>", 3),
            ("<a b='1' c='&'>", 9),
            ("<a b='1' b='2'>", 9),
            ("<a 3='1'>", 3),
            ("<a xmlns:p='urn:p' xmlns:p='urn:q'>", 19),
            ("<a xmlns='urn:p' xmlns=''>", 17),
        ];
        for (tag, at) in malformed {
            assert_eq!(read(tag).err(), Some(("IMP-XML-MALFORMED", at)), "{tag}");
        }
    }

    #[test]
    fn broken_names() {
        for (tag, at) in [
            ("<p:a>", 1),
            ("<a p:b='1'>", 3),
            ("<:a>", 1),
            ("<a:>", 1),
            ("<p:a:b xmlns:p='urn:p'>", 1),
            ("<xmlns:a>", 1),
            ("<a xmlns:='urn:p'>", 3),
            ("<a xmlns:p=''>", 3),
            ("<a xml:b='1' xmlns:xml='urn:x'>", 13),
        ] {
            assert_eq!(read(tag).err(), Some(("IMP-XML-NAMESPACE", at)), "{tag}");
        }
    }

    #[test]
    fn the_same_attribute_under_two_prefixes() {
        let mut open = Namespaces::default();
        let outer = "<a xmlns:p='urn:p' xmlns:q='urn:p' xmlns:r='urn:r'>";
        assert!(start(outer, 3, &mut open).is_ok());
        assert!(start("<b p:c='1' r:c='2' c='3'>", 3, &mut open).is_ok());
        let refused = start("<b p:c='1' q:c='2'>", 3, &mut open).err().unwrap();
        assert_eq!((refused.kind.code(), refused.at), ("IMP-XML-MALFORMED", 11));
    }

    #[test]
    fn x08_x09_too_many_attributes() {
        assert!(read("<a xmlns:p='urn:p' b='1' c='2'>").is_ok());
        for tag in ["<a b='' c='' d='' e=''>", "<a b='' b='' b='' xmlns:p=''>"] {
            assert_eq!(read(tag).err(), Some(("IMP-XML-ATTRIBUTES", 1)), "{tag}");
        }
    }
}
