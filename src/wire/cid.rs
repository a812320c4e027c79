//! Content-IDs and the references to them.
//!
//! Compares a `cid:` URL (RFC 2392) or a `start` parameter (RFC 2387 §3.2) with the Content-ID of a
//! part. References are only compared: this service never fetches or opens the target of one, even
//! if it looks like `cid:http://example.org/a`.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Whether a `cid:` URL refers to the part with this Content-ID.
///
/// The scheme is case-insensitive, the rest is case-sensitive. Some clients escape a character only
/// in the reference (as RFC 2392 requires), some in both places and some differently in each, so the
/// decoded reference is compared with the Content-ID both undecoded and decoded. A plus sign is
/// literal. A reference that contains a control character after decoding refers to no part.
pub fn content_id_matches(reference: &str, content_id: &str) -> bool {
    let Some((scheme, address)) = reference.trim().split_once(':') else {
        return false;
    };
    let wanted = Cow::from(percent_decode_str(without_brackets(address)));
    scheme.eq_ignore_ascii_case("cid")
        && !wanted.is_empty()
        && !wanted.iter().any(u8::is_ascii_control)
        && readings(content_id).contains(&wanted)
}

/// Whether a `start` parameter, with or without brackets, refers to the part with this Content-ID.
pub fn start_matches(start: &str, content_id: &str) -> bool {
    without_brackets(start) == without_brackets(content_id)
}

/// Whether one reference could refer to both Content-IDs.
pub(crate) fn content_ids_collide(one: &str, other: &str) -> bool {
    let others = readings(other);
    readings(one).iter().any(|reading| others.contains(reading))
}

/// The identifier without its angle brackets, if it has any.
pub(crate) fn without_brackets(identifier: &str) -> &str {
    let identifier = identifier.trim();
    let inner = identifier
        .strip_prefix('<')
        .and_then(|inner| inner.strip_suffix('>'));
    inner.map_or(identifier, str::trim)
}

/// A Content-ID undecoded and percent-decoded: the values that a decoded reference may equal.
fn readings(content_id: &str) -> [Cow<'_, [u8]>; 2] {
    let content_id = without_brackets(content_id);
    [
        Cow::Borrowed(content_id.as_bytes()),
        Cow::from(percent_decode_str(content_id)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_of_real_clients_match() {
        for (reference, content_id) in [
            ("cid:133299223356", "133299223356"),
            ("cid:133299223356", "<133299223356>"),
            ("CID:a1@x", "a1@x"),
            (" cid:a1@x\n", "a1@x"),
            ("cid:<a1@x>", "a1@x"),
            ("cid:a1%40x", "a1@x"),
            ("cid:a1%40x", "a1%40x"),
            ("cid:a1%40x%3A", "a1%40x:"),
            ("cid:a%2540b", "a%40b"),
            (
                "cid:http%3A%2F%2Ftempuri.org%2F1%2F636",
                "http://tempuri.org/1/636",
            ),
            ("cid:http://example.org/me.png", "http://example.org/me.png"),
            ("cid:users%20list%40x", "users list@x"),
            (
                "cid:rootpart*uuid@example.jaxws.sun.com",
                "rootpart*uuid@example.jaxws.sun.com",
            ),
            (
                "cid:1.urn:uuid:3ABC@apache.org",
                "1.urn:uuid:3ABC@apache.org",
            ),
            ("cid:m%C3%BCller", "m\u{fc}ller"),
            ("cid:a+b", "a+b"),
            ("cid:100%", "100%"),
            ("cid:100%zz", "100%zz"),
        ] {
            assert!(
                content_id_matches(reference, content_id),
                "{reference} {content_id}"
            );
        }
    }

    #[test]
    fn references_to_no_part_do_not_match() {
        for (reference, content_id) in [
            ("cid:a1@x", "A1@x"),
            ("cid:a1@x", "a2@x"),
            ("cid:a+b", "a b"),
            ("cid:", ""),
            ("cid:<>", ""),
            ("cid:%00", "\0"),
            ("cid:a%0d%0ab", "a%0d%0ab"),
            ("cid:a%00b", "a%00b"),
            ("a1@x", "a1@x"),
            ("http://example.org/a", "http://example.org/a"),
            ("file:a", "a"),
            ("xcid:a", "a"),
        ] {
            assert!(
                !content_id_matches(reference, content_id),
                "{reference} {content_id}"
            );
        }
    }

    #[test]
    fn one_pair_of_brackets_is_removed() {
        assert_eq!(without_brackets(" <a@b> "), "a@b");
        assert_eq!(without_brackets("< a@b >"), "a@b");
        assert_eq!(without_brackets("<<a@b>>"), "<a@b>");
        assert_eq!(without_brackets("a@b"), "a@b");
        assert_eq!(without_brackets("<a@b"), "<a@b");
        assert_eq!(without_brackets("<>"), "");
        assert!(start_matches("<root>", "root"));
        assert!(start_matches("root", "root"));
        assert!(!start_matches("Root", "root"));
    }

    #[test]
    fn ids_that_one_reference_could_mean_collide() {
        assert!(content_ids_collide("a", "a"));
        assert!(content_ids_collide("a@b", "a%40b"));
        assert!(content_ids_collide("a%40b", "a%2540b"));
        assert!(!content_ids_collide("a", "A"));
        assert!(!content_ids_collide("a", "b"));
    }
}
