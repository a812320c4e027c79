//! Detects text where base64 is expected: some clients send the file itself.

/// Characters that occur in files of users, but neither in base64 nor in base64url.
const SIGNS: [char; 11] = [',', ';', '|', '@', '.', '"', '\'', ':', '#', '(', '&'];

/// Headings of the one column that every file of users has, in lower case and without `_`, `-` and blanks.
const HEADINGS: [&str; 5] = [
    "username",
    "loginname",
    "login",
    "userid",
    "userprincipalname",
];

/// Lines shorter than this are not base64 (RFC 2045 §6.8: 76 characters; PEM: 64).
const SHORT: usize = 40;

/// Whether text that cannot be decoded begins like a file of users: with a character that base64 does not have, or
/// with short lines that end in the middle of a group.
pub fn is_plain_text(head: &str) -> bool {
    let head = head.trim();
    let mut lines = head.lines().map(str::trim);
    // The last line may be cut off.
    lines.next_back();
    head.contains(SIGNS)
        || begins_with_heading(head)
        || lines.any(|line| line.len() < SHORT && line.len() % 4 != 0)
}

/// Whether the first of several lines is a heading, which could also be base64.
pub fn begins_with_heading(head: &str) -> bool {
    let head = head.trim_start();
    let Some((first, _)) = head.split_once(['\r', '\n']) else {
        return false;
    };
    let is_sign = |sign: &char| !matches!(sign, '_' | '-' | ' ');
    let folded: String = first.chars().filter(is_sign).take(32).collect();
    HEADINGS.contains(&folded.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_users_are_distinguished_from_base64() {
        for text in [
            "username|password\nkim|x1234567",
            "anna-lena,Meadow-77",
            "user_name,password\nkim,x",
            "username\nkim\nlee",
            "User Name\r\nkim\r\n",
            "kim\nlee\nmax\n",
            "anna-lena\nkim\n",
            "a#b",
        ] {
            assert!(is_plain_text(text), "{text:?}");
        }
        let wrapped = "VXNlck5hbWUsUGFzc3dvcmQsQ2xhaW1zCmtpbSwsCmxlZSwsCm1heCwsCnN1ZSws\nCmFu\n";
        for text in [wrapped, "Zm9v-_==", "Zm9v!g==", "Zm9v\nYg=", "", "\n"] {
            assert!(!is_plain_text(text), "{text:?}");
        }
        assert!(begins_with_heading("username\nkimm"));
        assert!(!begins_with_heading("username"));
        assert!(!begins_with_heading(wrapped));
    }
}
