//! Whole documents through the reader: its events, whatever the size of the
//! reads, and its memory. X01 to X28 refer to the list of hostile documents.

use std::fmt::Write;
use std::io::{self, Read};

use super::*;

/// A source that returns at most so many bytes per read.
struct Trickle<'a>(&'a [u8], usize);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let max = buffer.len().min(self.1);
        self.0.read(&mut buffer[..max])
    }
}

/// A source without an end, which counts the bytes read from it.
struct Endless<'a> {
    start: &'a [u8],
    then: &'a [u8],
    given: usize,
}

impl Read for Endless<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut read = self.start.read(buffer)?;
        if read == 0 {
            while let Some(space) = buffer.get_mut(read..read + self.then.len()) {
                space.copy_from_slice(self.then);
                read += self.then.len();
            }
        }
        self.given += read;
        Ok(read)
    }
}

/// All events of a document in one line: `<name`, its text in quotes, `>`.
fn events(source: impl Read) -> Result<String, XmlError> {
    let mut reader = XmlReader::new(source, XmlLimits::default());
    let mut line = String::new();
    let mut text = String::new();
    loop {
        let event = reader.next()?;
        if let XmlEvent::Text(piece) = event {
            assert!(!piece.is_empty() && piece.len() <= 64 * 1024);
            text.push_str(piece);
            continue;
        }
        if !text.is_empty() {
            write!(line, "{:?}", std::mem::take(&mut text)).unwrap();
        }
        match event {
            XmlEvent::Start(element) => {
                let namespace = element.namespace.iter().map(|name| format!("{{{name}}}"));
                write!(line, "<{}{}", namespace.collect::<String>(), element.local).unwrap();
                for attribute in &element.attributes {
                    write!(line, " {}={:?}", attribute.local, attribute.value).unwrap();
                }
            }
            XmlEvent::End => line.push('>'),
            XmlEvent::Eof => return Ok(line),
            XmlEvent::Text(_) => unreachable!(),
        }
    }
}

/// The events of a document, or the code, line and column of its error; checks
/// that they do not depend on the size of the reads.
fn read(document: impl AsRef<[u8]>) -> Result<String, (&'static str, u64, u64)> {
    let document = document.as_ref();
    let answer = |size| {
        events(Trickle(document, size)).map_err(|error| {
            let Position { line, column, .. } = error.position;
            (error.code(), line, column)
        })
    };
    let whole = answer(usize::MAX);
    for size in [1, 3] {
        assert_eq!(answer(size), whole, "reads of {size} bytes");
    }
    whole
}

fn code(document: impl AsRef<[u8]>) -> &'static str {
    read(document).map_or_else(|(code, ..)| code, |_| "accepted")
}

fn assert_read(document: impl AsRef<[u8]>, events: &str) {
    assert_eq!(read(document).as_deref(), Ok(events));
}

#[test]
fn elements_text_and_attributes() {
    assert_read("<a/>", "<a>");
    assert_read("<a></a >", "<a>");
    assert_read(
        "\u{FEFF}<?xml version='1.0' encoding='utf-8'?>\n<!-- x -->\n<a b='1'>t<c/>u</a>\n<!-- y -->\n",
        "<a b=\"1\"\"t\"<c>\"u\">",
    );
    assert_read("<a>é &lt;&#x1F600;&gt;</a>", "<a\"é <😀>\">");
}

#[test]
fn namespaces_follow_the_elements() {
    assert_read(
        "<s:a xmlns:s='urn:s' xmlns='urn:d'><b s:x='1' x='2'/><s:c xmlns:s='urn:t'/></s:a>",
        "<{urn:s}a<{urn:d}b x=\"1\" x=\"2\"><{urn:t}c>>",
    );
    assert_eq!(
        code("<a><p:b xmlns:p='urn:p'/><p:b/></a>"),
        "IMP-XML-NAMESPACE"
    );
}

#[test]
fn line_ends_are_line_feeds() {
    assert_read(
        "<a>1\r\n2\r3\n4\r\r\n&#13;\r</a>",
        r#"<a"1\n2\n3\n4\n\n\r\n">"#,
    );
    assert_read("<a><![CDATA[1\r\n2\r]]>\r\n</a>", r#"<a"1\n2\n\n">"#);
}

#[test]
fn brackets_in_text() {
    assert_read("<a>]] ]>]]&gt; ]]</a>", "<a\"]] ]>]]> ]]\">");
    assert_read("<a>]]<!-- -->></a>", "<a\"]]>\">");
    assert_read("<a><![CDATA[]]]></a>", "<a\"]\">");
    assert_read("<a><![CDATA[]]]]><![CDATA[>&lt;]]></a>", "<a\"]]>&lt;\">");
    assert_eq!(read("<a>x]]>y</a>"), Err(("IMP-XML-MALFORMED", 1, 5)));
    assert_eq!(read("<a>]]]]></a>"), Err(("IMP-XML-MALFORMED", 1, 6)));
}

#[test]
fn comments() {
    assert_read("<a><!----><!-- - -> <b> & -->x</a>", "<a\"x\">");
    assert_eq!(read("<a><!-- -- --></a>"), Err(("IMP-XML-MALFORMED", 1, 9)));
    assert_eq!(code("<a><!-- ---></a>"), "IMP-XML-MALFORMED");
    assert_read("<a><!--->-->x</a>", "<a\"x\">");
    assert_eq!(code("<a><!-- \u{1} --></a>"), "IMP-XML-CHAR");
}

#[test]
fn x01_to_x04_a_document_type_is_refused_at_its_start() {
    for document in [
        "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>",
        "<!DOCTYPE a SYSTEM \"http://127.0.0.1:9/x.dtd\"><a/>",
        "<!DOCTYPE a [<!ENTITY % p SYSTEM \"http://127.0.0.1:9/\">%p;]><a/>",
        "<!doctype a><a/>",
        "<!DOCTYPE",
    ] {
        assert_eq!(read(document), Err(("IMP-XML-DTD", 1, 1)), "{document}");
    }
    assert_eq!(read("<a>\n <!DOCTYPE a></a>"), Err(("IMP-XML-DTD", 2, 2)));

    let laughs = "<!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">";
    let (mut source, reads) = (laughs.as_bytes(), XmlLimits::default());
    let mut reader = XmlReader::new(b"<!DOCTYPE a [".chain(&mut source), reads);
    assert_eq!(
        reader.next().err().map(|error| error.code()),
        Some("IMP-XML-DTD")
    );
    assert_eq!(source.len(), laughs.len(), "the declaration was read");
}

#[test]
fn x05_x06_references() {
    assert_eq!(read("<a>x &foo;</a>"), Err(("IMP-XML-ENTITY", 1, 6)));
    assert_eq!(read("<a b='&foo;'/>"), Err(("IMP-XML-ENTITY", 1, 4)));
    for reference in ["&#0;", "&#xFFFE;", "&#x110000;", "&#xD800;", "&#11;"] {
        assert_eq!(
            code(format!("<a>{reference}</a>")),
            "IMP-XML-CHAR",
            "{reference}"
        );
        assert_eq!(
            code(format!("<a b='{reference}'/>")),
            "IMP-XML-CHAR",
            "{reference}"
        );
    }
    for text in [
        "&", "& ", "&;", "&lt", "&lt ;", "&#;", "&#x;", "&#X41;", "&<b/>",
    ] {
        assert_eq!(
            code(format!("<a>{text}</a>")),
            "IMP-XML-MALFORMED",
            "{text}"
        );
    }
    assert_read(format!("<a>&#{}65;</a>", "0".repeat(200)), "<a\"A\">");
    let long = format!("<a>&#{};</a>", "0".repeat(1_000));
    assert_eq!(read(long), Err(("IMP-XML-TOKEN", 1, 4)));
    let long = format!("<a b='&{} '/>", "x".repeat(1_000));
    assert_eq!(read(long), Err(("IMP-XML-TOKEN", 1, 4)));
    assert_eq!(code("&#32;<a/>"), "IMP-XML-MALFORMED");
}

#[test]
fn x07_depth() {
    let nested = |depth| "<a>".repeat(depth) + &"</a>".repeat(depth);
    assert!(read(nested(100)).is_ok());
    assert_eq!(read(nested(101)), Err(("IMP-XML-DEPTH", 1, 301)));
    assert_eq!(code(nested(100_000)), "IMP-XML-DEPTH");
    let last = "<a>".repeat(99) + &"<b/>".repeat(3) + &"</a>".repeat(99);
    assert!(read(last).is_ok());
}

#[test]
fn x08_x09_attributes_are_counted_before_they_are_compared() {
    let flood = |count| (0..count).fold("<a".to_owned(), |tag, n| format!("{tag} b{n}=''")) + "/>";
    assert!(read(flood(500)).is_ok());
    assert_eq!(code(flood(501)), "IMP-XML-ATTRIBUTES");
    assert_eq!(
        code("<a".to_owned() + &" b=''".repeat(501) + "/>"),
        "IMP-XML-ATTRIBUTES"
    );
    assert_eq!(
        code("<a".to_owned() + &" xmlns:b=''".repeat(501) + "/>"),
        "IMP-XML-ATTRIBUTES"
    );
    // The length is checked before the number.
    assert_eq!(
        code("<a".to_owned() + &" b=''".repeat(80_000) + "/>"),
        "IMP-XML-TOKEN"
    );
}

#[test]
fn x09_lookups_stay_fast_with_many_namespaces_in_scope() {
    let declared = (0..500).fold(String::new(), |all, n| {
        format!("{all} xmlns:p{n}='urn:{n}'")
    });
    let used = (0..500).fold(String::new(), |all, n| format!("{all} p{n}:b=''"));
    let document = format!("<a{declared}>").repeat(99)
        + &format!("<b{used}/>").repeat(100)
        + &"</a>".repeat(99);
    assert!(events(document.as_bytes()).is_ok());
}

#[test]
fn x10_token_length_is_limited() {
    let tag = |length: usize| format!("<{}/>", "a".repeat(length - "</>".len()));
    assert!(read(tag(64 * 1024)).is_ok());
    assert_eq!(read(tag(64 * 1024 + 1)), Err(("IMP-XML-TOKEN", 1, 1)));
    let value = format!("<a>\n<b c='{}'/></a>", "x".repeat(100_000));
    assert_eq!(read(value), Err(("IMP-XML-TOKEN", 2, 1)));
    let declaration = format!("<?xml version='1.0'{}?><a/>", " ".repeat(100_000));
    assert_eq!(read(declaration), Err(("IMP-XML-TOKEN", 1, 1)));
}

#[test]
fn x11_reading_stops_at_the_limit_of_an_unterminated_token() {
    for start in ["<a b=\"", "<a", "</", "<?xml ", "<a>&"] {
        let mut source = Endless {
            start: start.as_bytes(),
            then: b"x",
            given: 0,
        };
        let refused = events(&mut source).err().map(|error| error.code());
        assert_eq!(refused, Some("IMP-XML-TOKEN"), "{start}");
        assert!(
            source.given <= 64 * 1024 + 2 * 32 * 1024,
            "{}",
            source.given
        );
    }
}

#[test]
fn x15_x16_comments_and_cdata_do_not_split_text() {
    assert_read("<p>s3c<!-- x -->ret</p>", "<p\"s3cret\">");
    assert_read("<p>adm<!---->in</p>", "<p\"admin\">");
    assert_read("<f><![CDATA[a]]>b</f>", "<f\"ab\">");
    assert_read("<f><![CDATA[]]></f>", "<f>");
    assert_read("<f><![CDATA[<b>&amp;</b>]]></f>", "<f\"<b>&amp;</b>\">");
    for document in [
        "<![CDATA[a]]><f/>",
        "<f><![cdata[a]]></f>",
        "<f><![CDATA [a]]></f>",
    ] {
        assert_eq!(code(document), "IMP-XML-MALFORMED", "{document}");
    }
}

#[test]
fn x17_processing_instructions() {
    assert_eq!(read("<?x?><a/>"), Err(("IMP-XML-PI", 1, 1)));
    assert_eq!(
        read("<a>\n<?xml-stylesheet?></a>"),
        Err(("IMP-XML-PI", 2, 1))
    );
    assert_eq!(code("<a/><?x y?>"), "IMP-XML-PI");
    assert_eq!(code("<?XML version='1.0'?><a/>"), "IMP-XML-PI");
    for late in [" <?xml version='1.0'?><a/>", "<a><?xml version='1.0'?></a>"] {
        assert_eq!(code(late), "IMP-XML-MALFORMED", "{late}");
    }
}

#[test]
fn x18_a_child_element_inside_text_is_reported() {
    assert_read("<fileName><b/></fileName>", "<fileName<b>>");
}

#[test]
fn x24_other_encodings() {
    let latin_1 = b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xE9</a>";
    assert_eq!(read(latin_1), Err(("IMP-XML-ENCODING", 1, 1)));
    assert_eq!(code(b"\xFF\xFE<\0a\0/\0>\0"), "IMP-XML-ENCODING");
    assert_eq!(code(b"\xFE\xFF\0<\0a\0/\0>"), "IMP-XML-ENCODING");
    assert_eq!(code(b"\0\0\0<\0\0\0a\0\0\0/\0\0\0>"), "IMP-XML-CHAR");
    assert_eq!(code(b"\x4C\x6F\xA7\x94\x93"), "IMP-XML-ENCODING");
    assert_eq!(code("+ADw-a/+AD4-"), "IMP-XML-MALFORMED");
    assert_eq!(code("\u{FEFF}\u{FEFF}<a/>"), "IMP-XML-MALFORMED");
    assert_eq!(
        code("\u{FEFF} <?xml version='1.0'?><a/>"),
        "IMP-XML-MALFORMED"
    );

    let decoded = "<?xml version='1.0' encoding='UTF-16'?><a/>".as_bytes();
    assert_eq!(code(decoded), "IMP-XML-ENCODING");
    let limits = XmlLimits::default();
    let mut reader = XmlReader::with_declared_encoding(decoded, limits, DeclaredEncoding::UTF_16);
    assert!(reader.next().is_ok());
}

#[test]
fn x25_invalid_utf_8_is_reported_at_its_position() {
    for bytes in [
        &b"\xC0\xAE"[..],
        b"\xED\xA0\x80",
        b"\x80",
        b"\xF4\x90\x80\x80",
        b"\xE2\x82<",
    ] {
        let document = [b"<a>\n\xC3\xA9", bytes, b"</a>"].concat();
        assert_eq!(
            read(&document),
            Err(("IMP-XML-ENCODING", 2, 2)),
            "{bytes:?}"
        );
        let error = events(&*document).unwrap_err();
        assert_eq!(error.position.offset, 6);
    }
    assert_eq!(code(b"<a b='\x80'/>"), "IMP-XML-ENCODING");
    assert_eq!(code(b"<a/>\xE2\x82"), "IMP-XML-ENCODING");
}

#[test]
fn x25_characters_may_be_split_between_reads() {
    for before in 0..4 {
        let text = "x".repeat(before) + &"€😀é".repeat(20_000);
        assert_read(format!("<a>{text}</a>"), &format!("<a{text:?}>"));
    }
}

#[test]
fn x26_control_characters() {
    for document in [
        "<a>\0</a>",
        "\u{1}<a/>",
        "<a/>\u{C}",
        "<a b='\u{B}'/>",
        "<a\u{1}/>",
        "<a><![CDATA[\u{1F}]]></a>",
        "<a>\u{FFFE}</a>",
        "<a>\u{FFFF}</a>",
    ] {
        assert_eq!(code(document), "IMP-XML-CHAR", "{document:?}");
    }
    assert_eq!(read("<a>\nx\0</a>"), Err(("IMP-XML-CHAR", 2, 2)));
    assert!(read("<a>\t\u{7F}\u{85}\u{FFFD}</a>").is_ok());
}

#[test]
fn x27_a_document_truncated_anywhere_is_refused() {
    let document = "\u{FEFF}<?xml version='1.0'?>\n<!-- é --><s:a xmlns:s='urn:s' b='é'>\
                    1&amp;2\r\n<![CDATA[]]]]><c/>é</s:a>";
    for end in 0..document.len() {
        let cut = &document.as_bytes()[..end];
        assert!(read(cut).is_err(), "{:?}", String::from_utf8_lossy(cut));
    }
    assert!(read(document).is_ok());
    assert_eq!(read("<a>\n<b>x"), Err(("IMP-XML-UNCLOSED", 2, 5)));
    let error = events("<a>\n<b>x".as_bytes()).unwrap_err();
    assert!(
        error.to_string().contains("inside the element <b>;"),
        "{error}"
    );
    for open in [
        "<a",
        "<a b='",
        "<a></",
        "<a><!-- ",
        "<a><![CDATA[ ",
        "<a><!-",
        "<?xml version",
    ] {
        assert_eq!(code(open), "IMP-XML-UNCLOSED", "{open}");
    }
    for empty in ["", "\u{FEFF}", " \n", "<?xml version='1.0'?>", "<!-- x -->"] {
        assert_eq!(code(empty), "IMP-XML-EMPTY", "{empty:?}");
    }
}

#[test]
fn x28_nothing_may_follow_the_root() {
    for document in [
        "<a/><b/>",
        "<a></a> <a></a>",
        "<a/>x",
        "<a/>&#32;",
        "<a/><![CDATA[]]>",
    ] {
        assert_eq!(code(document), "IMP-XML-ROOTS", "{document}");
    }
    for document in [
        "x<a/>",
        "</a>",
        "<a/></a>",
        "<a></b>",
        "<a><b></a></b>",
        "<a></a b='1'>",
    ] {
        assert_eq!(code(document), "IMP-XML-MALFORMED", "{document}");
    }
    assert_read("<a/> \r\n\t<!-- x -->\n", "<a>");
}

#[test]
fn end_tag_must_repeat_the_name_as_written() {
    let document = "<p:a xmlns:p='urn:x' xmlns:q='urn:x'></q:a>";
    assert_eq!(code(document), "IMP-XML-MALFORMED");
}

#[test]
fn positions_count_characters_and_bytes() {
    assert_eq!(
        read("<?xml version=1.0?><a/>"),
        Err(("IMP-XML-MALFORMED", 1, 15))
    );
    assert_eq!(read("<a é='1'\n b/>"), Err(("IMP-XML-MALFORMED", 2, 3)));
    let error = events("\u{FEFF}<a>é&b;</a>".as_bytes()).unwrap_err();
    let Position { column, offset, .. } = error.position;
    assert_eq!((column, offset), (5, 8));
}

#[test]
fn an_interrupted_read_is_retried() {
    struct Interrupted(bool);
    impl Read for Interrupted {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            self.0 = !self.0;
            if self.0 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            Ok(0)
        }
    }
    let source = "<a>"
        .as_bytes()
        .chain(Interrupted(false))
        .chain("</a>".as_bytes());
    assert_eq!(events(source).ok().as_deref(), Some("<a>"));
}

#[test]
fn nothing_is_read_after_an_error() {
    let mut reader = XmlReader::new("<a>&foo;</a>".as_bytes(), XmlLimits::default());
    assert!(reader.next().is_ok());
    assert!(reader.next().is_err());
    assert!(reader.next().is_err());
}

#[test]
fn eof_is_repeated() {
    let mut reader = XmlReader::new("<a/>\n".as_bytes(), XmlLimits::default());
    while reader.next().unwrap() != XmlEvent::Eof {}
    assert_eq!(reader.next().unwrap(), XmlEvent::Eof);
    assert_eq!(reader.position().offset, 5);
}

#[test]
fn an_error_of_the_source_is_returned() {
    struct Truncated;
    impl Read for Truncated {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "IMP-MIME-TRUNCATED",
            ))
        }
    }
    for start in ["", "<a", "<a>text", "<a/>"] {
        let error = events(start.as_bytes().chain(Truncated)).unwrap_err();
        assert_eq!(error.position.offset, start.len() as u64);
        let XmlErrorKind::Io(error) = error.kind else {
            panic!("{error}");
        };
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(error.to_string(), "IMP-MIME-TRUNCATED");
    }
}

#[test]
fn memory_does_not_depend_on_the_length_of_the_text() {
    for (start, then) in [
        ("<a>", "QUJD"),
        ("<a>", "x]"),
        ("<a>", "&amp;\r\n"),
        ("<a><![CDATA[", "x]"),
        ("<a><!--", "x "),
        ("", " "),
    ] {
        let endless = Endless {
            start: start.as_bytes(),
            then: then.as_bytes(),
            given: 0,
        };
        let mut reader = XmlReader::new(endless.take(4_000_000), XmlLimits::default());
        let mut longest = 0;
        while let Ok(event) = reader.next() {
            if let XmlEvent::Text(piece) = event {
                longest = longest.max(piece.len());
            }
        }
        assert!(reader.position().offset > 3_900_000, "{start}{then}");
        assert!(longest <= 64 * 1024, "{start}{then}: {longest}");
        assert!(
            reader.held() <= 256 * 1024,
            "{start}{then}: {}",
            reader.held()
        );
    }
}
