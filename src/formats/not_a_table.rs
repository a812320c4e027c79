//! Detects text that is not a table by its beginning. Without this check it would be read as rows: a JSON
//! document, for example, as lines with names such as `{`.

/// The format of a text, if it is not a table. The caller has removed a byte-order mark.
pub(super) fn recognize(beginning: &[u8]) -> Option<&'static str> {
    let text = beginning.trim_ascii_start();
    let lossy = String::from_utf8_lossy(text);
    let mut lines = lossy.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next()?.trim_end();
    let second = lines.next().map(str::trim_end).unwrap_or_default();
    let found = match first.as_bytes() {
        [b'<', ..] => Some("an XML document"),
        [b'{' | b'[', ..] => bracketed(&lossy, second),
        [b'-', ..] => dashed(first, second, &lossy),
        [b'#' | b'/' | b'%', ..] => commented(first, &lossy),
        _ => None,
    };
    found.or_else(|| first_words(first, second))
}

/// JSON, or a settings file.
fn bracketed(text: &str, second: &str) -> Option<&'static str> {
    let inside = text.get(1..)?.trim_start();
    let opens = text.starts_with('{');
    let is_json = match inside.chars().next() {
        Some('"') => opens || has_json_list(inside),
        Some('}') => opens,
        Some('{' | '[' | ']') => !opens,
        _ => false,
    };
    if is_json {
        return Some("JSON");
    }
    let first = text.lines().next().unwrap_or_default().trim_end();
    (first.starts_with('[') && first.ends_with(']') && second.contains('='))
        .then_some("a settings file (INI or TOML)")
}

/// Whether a list of strings continues as in JSON.
fn has_json_list(inside: &str) -> bool {
    let rest = inside.get(1..).and_then(|text| text.split_once('"'));
    rest.is_some_and(|(_, rest)| rest.trim_start().starts_with([',', ']']))
}

/// PEM, a multipart message, YAML, or SQL after a comment.
fn dashed(first: &str, second: &str, text: &str) -> Option<&'static str> {
    if first.starts_with("-----BEGIN ") {
        return Some("a PEM key, certificate or message");
    }
    if first.starts_with("--") && has_prefix(second, "content-") {
        return Some("a multipart message");
    }
    if first == "---" && (is_pair(second) || second.ends_with(':') || second.starts_with("- ")) {
        return Some("YAML");
    }
    let item = first.strip_prefix("- ").map(str::trim_start);
    if item.is_some_and(|item| is_pair(item) || item.ends_with(':') || item.starts_with('{')) {
        return Some("YAML");
    }
    (first.starts_with("--") && has_statement(text)).then_some("SQL")
}

/// Text that begins with a comment character.
fn commented(first: &str, text: &str) -> Option<&'static str> {
    if first.starts_with("#!/") {
        return Some("a script");
    }
    if first.starts_with("%YAML") {
        return Some("YAML");
    }
    if first.starts_with("%!PS") {
        return Some("a PostScript document");
    }
    if first.starts_with('#') && text.lines().any(|line| has_prefix(line, "dn:")) {
        return Some("LDIF");
    }
    let is_sql = first.starts_with("/*!") || first.starts_with("/*") && has_statement(text);
    is_sql.then_some("SQL")
}

/// Text that begins with a word that no header line begins with.
fn first_words(first: &str, second: &str) -> Option<&'static str> {
    const WORDS: [(&str, &str); 20] = [
        ("dn: ", "LDIF"),
        ("dn:: ", "LDIF"),
        ("begin:vcard", "vCards"),
        ("begin:vcalendar", "a calendar"),
        ("insert into ", "SQL"),
        ("create table ", "SQL"),
        ("create database ", "SQL"),
        ("drop table ", "SQL"),
        ("begin transaction;", "SQL"),
        ("pragma foreign_keys", "SQL"),
        ("set names ", "SQL"),
        ("set sql_mode", "SQL"),
        ("http/1.", "an HTTP response with its head"),
        ("begin 6", "uuencoded"),
        ("return-path:", "an e-mail"),
        ("received: ", "an e-mail"),
        ("delivered-to: ", "an e-mail"),
        ("mime-version: ", "an e-mail"),
        ("message-id: ", "an e-mail"),
        ("version: 1", "LDIF"),
    ];
    let found = WORDS.iter().find(|(word, _)| has_prefix(first, word));
    match found {
        Some((_, "LDIF")) if has_prefix(first, "version") && !has_prefix(second, "dn:") => {}
        Some((_, found)) => return Some(found),
        None => {}
    }
    const MAIL: [&str; 6] = ["from:", "to:", "subject:", "date:", "content-type:", "x-"];
    let is_mail = |line: &str| is_pair(line) && MAIL.iter().any(|word| has_prefix(line, word));
    if is_mail(first) && is_mail(second) {
        return Some("an e-mail");
    }
    if is_pair(first) && is_pair(second) {
        return Some("a list of `name: value` lines, such as YAML");
    }
    let opens = first.strip_suffix(':').is_some_and(is_word);
    (opens && second.starts_with([' ', '\t', '-'])).then_some("YAML")
}

/// Whether the line is `name: value` and contains no delimiter.
fn is_pair(line: &str) -> bool {
    let Some((name, value)) = line.split_once(':') else {
        return false;
    };
    is_word(name.trim_start())
        && value.starts_with([' ', '\t'])
        && !line.trim_start().contains([',', ';', '|', '\t'])
}

fn is_word(text: &str) -> bool {
    let is_part = |char: char| char.is_alphanumeric() || matches!(char, '_' | '-' | '.');
    !text.is_empty() && text.chars().all(is_part)
}

fn has_prefix(text: &str, word: &str) -> bool {
    text.get(..word.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(word))
}

fn has_statement(text: &str) -> bool {
    text.lines().any(|line| {
        ["insert into ", "create table ", "copy ", "drop table "]
            .iter()
            .any(|word| has_prefix(line, word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_not_a_table_is_detected_by_its_beginning() {
        for (text, found) in [
            ("<users/>", "an XML document"),
            ("{\"userName\": \"mira\"}", "JSON"),
            ("{\"userName\":\"mira\"}\n{\"userName\":\"otto\"}\n", "JSON"),
            ("\n [\n  {\n   \"userName\": \"mira\"\n  }\n]", "JSON"),
            ("[\"mira\", \"otto\"]", "JSON"),
            ("{}", "JSON"),
            ("[]", "JSON"),
            ("[users]\nmira = 1\n", "a settings file (INI or TOML)"),
            ("---\n- username: mira\n", "YAML"),
            ("---\nusers:\n  - mira\n", "YAML"),
            ("%YAML 1.2\n---\n", "YAML"),
            ("- username: mira\n  email: m@x.org\n", "YAML"),
            ("- {username: mira, email: m@x.org}\n", "YAML"),
            ("users:\n  - username: mira\n", "YAML"),
            ("users:\n- username: mira\n", "YAML"),
            (
                "username: mira\nemail: m@x.org\n",
                "a list of `name: value` lines, such as YAML",
            ),
            ("dn: uid=mira,dc=x\nuid: mira\n", "LDIF"),
            ("version: 1\n\ndn: uid=mira,dc=x\n", "LDIF"),
            ("# extended LDIF\n#\n# LDAPv3\ndn: uid=mira,dc=x\n", "LDIF"),
            ("BEGIN:VCARD\nVERSION:3.0\n", "vCards"),
            ("INSERT INTO users VALUES ('mira');\n", "SQL"),
            ("-- MySQL dump 10.13\n--\nCREATE TABLE `users` (\n", "SQL"),
            ("/*!40101 SET NAMES utf8 */;\n", "SQL"),
            ("/* users */\ninsert into users values (1);\n", "SQL"),
            (
                "-----BEGIN CERTIFICATE-----\nMIIC\n",
                "a PEM key, certificate or message",
            ),
            ("From: a@x.org\nTo: b@x.org\n\nhello\n", "an e-mail"),
            ("Received: from x\n by y\n", "an e-mail"),
            (
                "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\na,b\r\n",
                "a multipart message",
            ),
            ("HTTP/1.1 200 OK\r\n", "an HTTP response with its head"),
            ("#!/bin/sh\n", "a script"),
        ] {
            assert_eq!(recognize(text.as_bytes()), Some(found), "{text:?}");
        }
    }

    #[test]
    fn tables_are_not_refused() {
        for text in [
            "UserName,Password,Claims\nkim,{SSHA}x,\n",
            "username\nkim\n",
            "user\nkim\n",
            "[username],[email]\nkim,k@x.org\n",
            "# users of May\nusername,email\n",
            "-- users --\nusername,email\n",
            "---\nusername,email\n",
            "---------\nusername\n",
            "username:\nkim\n",
            "Name: kim, lee\nkim,lee\n",
            "dn,username\nuid=kim,kim\n",
            "version,username\n1,kim\n",
            "from,to\na,b\n",
            "http://wso2.org/claims/username,http://wso2.org/claims/mobile\nkim,1\n",
            "insert,username\n1,kim\n",
            "{id},username\n1,kim\n",
            "{\nx\n",
            "\"username\",\"email\"\n",
            "",
        ] {
            assert_eq!(recognize(text.as_bytes()), None, "{text:?}");
        }
    }
}
