//! A table of names of hash schemes, encryptions and markers that other systems write before a password: between `$`
//! (crypt(5), PHC), in braces (RFC 3112, Dovecot, Spring Security), or before a `$` or `:` (Django, Werkzeug). Our
//! own schemes are included.

/// The context that a name requires, so that it is not just a word in a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Sufficient alone, in any place.
    Sure,
    /// Sufficient in braces; elsewhere, text that looks like a digest must follow.
    Braces,
    /// Text that looks like a digest must follow.
    Weak,
    /// Sufficient, but only between `$`.
    Id,
    /// Only between `$`, and text that looks like a digest must follow.
    WeakId,
}

/// Where a name was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Between two `$`.
    Dollars,
    /// In braces.
    Braces,
    /// At the beginning, before a `$` or other punctuation.
    Bare,
}

/// An entry found in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Named {
    /// The scheme's name in messages.
    pub name: &'static str,
    /// Whether the name is sufficient without a digest.
    pub sure: bool,
}

/// The word to compare (lower case, letters and digits only), the context that it requires, and the name in
/// messages.
#[rustfmt::skip]
const WORDS: &[(&str, Kind, &str)] = &[
    // crypt(5) and its successors.
    ("1", Kind::Id, "md5-crypt"),
    ("2", Kind::Id, "bcrypt"),
    ("2a", Kind::Id, "bcrypt"),
    ("2b", Kind::Id, "bcrypt"),
    ("2x", Kind::Id, "2x bcrypt"),
    ("2y", Kind::Id, "bcrypt"),
    ("3", Kind::WeakId, "nthash"),
    ("4", Kind::WeakId, "cisco type 4"),
    ("5", Kind::Id, "sha256-crypt"),
    ("6", Kind::Id, "sha512-crypt"),
    ("7", Kind::Id, "scrypt-crypt"),
    ("8", Kind::WeakId, "cisco type 8"),
    ("9", Kind::WeakId, "cisco type 9"),
    ("14", Kind::WeakId, "cisco type 10"),
    ("apr1", Kind::Id, "apr1"),
    ("gy", Kind::Id, "gost-yescrypt"),
    ("y", Kind::Id, "yescrypt"),
    ("sm3", Kind::Sure, "sm3-crypt"),
    ("p", Kind::WeakId, "phpass"),
    ("h", Kind::WeakId, "phpass"),
    ("q", Kind::WeakId, "phpass"),
    ("s", Kind::WeakId, "drupal"),
    ("t", Kind::WeakId, "phpass"),
    ("u", Kind::WeakId, "phpass"),
    ("wp", Kind::WeakId, "wordpress bcrypt"),
    ("s0", Kind::WeakId, "scrypt"),
    ("s1", Kind::WeakId, "scrypt"),
    ("s2", Kind::WeakId, "argon2"),
    ("ml", Kind::WeakId, "pbkdf2 of macOS"),
    ("nt", Kind::Weak, "nthash"),
    ("lm", Kind::Weak, "lanman"),
    ("md5crypt", Kind::Sure, "md5-crypt"),
    ("sha1crypt", Kind::Sure, "sha1-crypt"),
    ("sha256crypt", Kind::Sure, "sha256-crypt"),
    ("sha512crypt", Kind::Sure, "sha512-crypt"),
    ("sm3crypt", Kind::Sure, "sm3-crypt"),
    ("descrypt", Kind::Sure, "des-crypt"),
    ("bsdicrypt", Kind::Sure, "bsdi-crypt"),
    ("blfcrypt", Kind::Sure, "bcrypt"),
    ("wmcrypt", Kind::Sure, "wm-crypt"),
    ("crypt", Kind::Braces, "crypt"),
    ("unix", Kind::Braces, "crypt"),
    // Memory-hard and iterated schemes.
    ("argon2", Kind::Sure, "argon2"),
    ("argon2d", Kind::Sure, "argon2d"),
    ("argon2i", Kind::Sure, "argon2i"),
    ("argon2id", Kind::Sure, "argon2id"),
    ("balloon", Kind::Weak, "balloon"),
    ("bcrypt", Kind::Sure, "bcrypt"),
    ("bcryptsha256", Kind::Sure, "bcrypt-sha256"),
    ("bscrypt", Kind::Sure, "bscrypt"),
    ("firescrypt", Kind::Sure, "firebase scrypt"),
    ("gostyescrypt", Kind::Sure, "gost-yescrypt"),
    ("lyra2", Kind::Sure, "lyra2"),
    ("pomelo", Kind::Weak, "pomelo"),
    ("rscrypt", Kind::Sure, "scrypt"),
    ("scrypt", Kind::Sure, "scrypt"),
    ("yescrypt", Kind::Sure, "yescrypt"),
    ("p5k2", Kind::Sure, "pbkdf2-sha1"),
    ("pbkdf1", Kind::Sure, "pbkdf1"),
    ("pbkdf2", Kind::Sure, "pbkdf2-sha1"),
    ("pbkdf2md5", Kind::Sure, "pbkdf2-md5"),
    ("pbkdf2sha", Kind::Sure, "pbkdf2-sha1"),
    ("pbkdf2sha1", Kind::Sure, "pbkdf2-sha1"),
    ("pbkdf2sha224", Kind::Sure, "pbkdf2-sha224"),
    ("pbkdf2sha256", Kind::Sure, "pbkdf2-sha256"),
    ("pbkdf2sha384", Kind::Sure, "pbkdf2-sha384"),
    ("pbkdf2sha512", Kind::Sure, "pbkdf2-sha512"),
    ("pbkdf2sha3256", Kind::Sure, "pbkdf2-sha3-256"),
    ("pbkdf2sha3512", Kind::Sure, "pbkdf2-sha3-512"),
    ("pbkdf2blake2b512", Kind::Sure, "pbkdf2-blake2b-512"),
    ("pbkdf2hmacsha1", Kind::Sure, "pbkdf2-sha1"),
    ("pbkdf2hmacsha256", Kind::Sure, "pbkdf2-sha256"),
    ("pbkdf2hmacsha384", Kind::Sure, "pbkdf2-sha384"),
    ("pbkdf2hmacsha512", Kind::Sure, "pbkdf2-sha512"),
    ("pbkdf2withhmacsha1", Kind::Sure, "pbkdf2-sha1"),
    ("pbkdf2withhmacsha224", Kind::Sure, "pbkdf2-sha224"),
    ("pbkdf2withhmacsha256", Kind::Sure, "pbkdf2-sha256"),
    ("pbkdf2withhmacsha384", Kind::Sure, "pbkdf2-sha384"),
    ("pbkdf2withhmacsha512", Kind::Sure, "pbkdf2-sha512"),
    ("ctapbkdf2sha1", Kind::Sure, "pbkdf2-sha1"),
    ("dlitzpbkdf2sha1", Kind::Sure, "pbkdf2-sha1"),
    ("grubpbkdf2sha512", Kind::Sure, "pbkdf2-sha512"),
    ("pkcs5s2", Kind::Sure, "pkcs5s2"),
    ("fshp0", Kind::Sure, "fshp"),
    ("fshp1", Kind::Sure, "fshp"),
    ("fshp2", Kind::Sure, "fshp"),
    ("fshp3", Kind::Sure, "fshp"),
    ("scram", Kind::Id, "scram"),
    ("scramsha1", Kind::Sure, "scram-sha-1"),
    ("scramsha256", Kind::Sure, "scram-sha-256"),
    ("scramsha384", Kind::Sure, "scram-sha-384"),
    ("scramsha512", Kind::Sure, "scram-sha-512"),
    // Digests, with and without salt.
    ("blake2b", Kind::Sure, "blake2b"),
    ("blake2s", Kind::Sure, "blake2s"),
    ("blake3", Kind::Sure, "blake3"),
    ("hmacmd5", Kind::Sure, "hmac-md5"),
    ("hmacsha1", Kind::Sure, "hmac-sha1"),
    ("hmacsha256", Kind::Sure, "hmac-sha256"),
    ("hmacsha512", Kind::Sure, "hmac-sha512"),
    ("md2", Kind::Sure, "md2"),
    ("md4", Kind::Sure, "md4"),
    ("md5", Kind::Sure, "md5"),
    ("smd5", Kind::Sure, "smd5"),
    ("saltedmd5", Kind::Sure, "smd5"),
    ("unsaltedmd5", Kind::Sure, "md5"),
    ("plainmd4", Kind::Sure, "md4"),
    ("plainmd5", Kind::Sure, "md5"),
    ("ldapmd5", Kind::Sure, "md5"),
    ("nsmtamd5", Kind::Sure, "ns-mta-md5"),
    ("ripemd160", Kind::Sure, "ripemd-160"),
    ("sha", Kind::Braces, "sha"),
    ("sha0", Kind::Sure, "sha"),
    ("sha1", Kind::Sure, "sha1"),
    ("sha2", Kind::Sure, "sha2"),
    ("sha224", Kind::Sure, "sha224"),
    ("sha256", Kind::Sure, "sha256"),
    ("sha384", Kind::Sure, "sha384"),
    ("sha512", Kind::Sure, "sha512"),
    ("sha3224", Kind::Sure, "sha3-224"),
    ("sha3256", Kind::Sure, "sha3-256"),
    ("sha3384", Kind::Sure, "sha3-384"),
    ("sha3512", Kind::Sure, "sha3-512"),
    ("unsaltedsha1", Kind::Sure, "sha1"),
    ("saltedsha1", Kind::Sure, "ssha"),
    ("saltedsha256", Kind::Sure, "ssha256"),
    ("saltedsha512", Kind::Sure, "ssha512"),
    ("ssha", Kind::Sure, "ssha"),
    ("ssha1", Kind::Sure, "ssha"),
    ("ssha224", Kind::Sure, "ssha224"),
    ("ssha256", Kind::Sure, "ssha256"),
    ("ssha384", Kind::Sure, "ssha384"),
    ("ssha512", Kind::Sure, "ssha512"),
    ("ssha3256", Kind::Sure, "ssha3-256"),
    ("ssha3512", Kind::Sure, "ssha3-512"),
    ("ssm3", Kind::Sure, "ssm3"),
    ("whirlpool", Kind::Weak, "whirlpool"),
    ("wso2sha256", Kind::Sure, "wso2-sha256"),
    ("issha", Kind::Sure, "x-issha"),
    ("issha224", Kind::Sure, "x-issha224"),
    ("issha256", Kind::Sure, "x-issha256"),
    ("issha384", Kind::Sure, "x-issha384"),
    ("issha512", Kind::Sure, "x-issha512"),
    // Schemes of products.
    ("aspnet", Kind::Weak, "aspnet"),
    ("drupal7", Kind::Sure, "drupal"),
    ("episerver", Kind::Sure, "episerver"),
    ("imail", Kind::Braces, "imail"),
    ("mssql", Kind::Sure, "mssql"),
    ("mysql", Kind::Weak, "mysql"),
    ("mysqlna", Kind::Sure, "mysql"),
    ("oracle", Kind::Weak, "oracle"),
    ("phpass", Kind::Sure, "phpass"),
    ("racf", Kind::Weak, "racf"),
    ("racfkdfaes", Kind::Sure, "racf"),
    ("mongodb", Kind::Weak, "mongodb"),
    ("mongodbscram", Kind::Sure, "mongodb"),
    ("mssql05", Kind::Sure, "mssql"),
    ("mssql12", Kind::Sure, "mssql"),
    ("mysqlsha2", Kind::Sure, "mysql"),
    ("oracle11", Kind::Sure, "oracle"),
    ("oracle12c", Kind::Sure, "oracle"),
    ("postgres", Kind::Weak, "postgresql"),
    ("dcc", Kind::Weak, "domain cached credentials"),
    ("dcc2", Kind::Sure, "domain cached credentials 2"),
    ("mscash", Kind::Sure, "domain cached credentials"),
    ("mscash2", Kind::Sure, "domain cached credentials 2"),
    ("netlm", Kind::Sure, "netlm"),
    ("netntlm", Kind::Sure, "netntlm"),
    ("netntlmv2", Kind::Sure, "netntlmv2"),
    ("krb5asrep", Kind::Sure, "kerberos"),
    ("krb5pa", Kind::Sure, "kerberos"),
    ("krb5tgs", Kind::Sure, "kerberos"),
    ("dominosec", Kind::Sure, "domino"),
    ("lotus5", Kind::Weak, "domino"),
    ("dominosha1", Kind::Sure, "domino"),
    ("django", Kind::Weak, "django"),
    ("hmailserver", Kind::Sure, "hmailserver"),
    ("sapb", Kind::Weak, "sap"),
    ("sapg", Kind::Weak, "sap"),
    ("saph", Kind::Weak, "sap"),
    ("sybasease", Kind::Sure, "sybase"),
    ("xsha", Kind::Weak, "xsha"),
    ("xsha512", Kind::Sure, "xsha512"),
    ("wbb3", Kind::Weak, "wbb3"),
    ("cisco4", Kind::Weak, "cisco type 4"),
    ("cisco8", Kind::Weak, "cisco type 8"),
    ("cisco9", Kind::Weak, "cisco type 9"),
    ("shiro1", Kind::Sure, "shiro1"),
    ("shiro2", Kind::Sure, "shiro2"),
    ("lanman", Kind::Sure, "lanman"),
    ("lmhash", Kind::Sure, "lanman"),
    ("nthash", Kind::Sure, "nthash"),
    ("ntlm", Kind::Sure, "nthash"),
    // Not digests, but not plain passwords either: encrypted, marked as plain text, or stored elsewhere.
    ("3des", Kind::Braces, "3des"),
    ("aes", Kind::Weak, "aes"),
    ("aes128", Kind::Braces, "aes"),
    ("aes256", Kind::Braces, "aes"),
    ("base64", Kind::Braces, "base64"),
    ("blowfish", Kind::Weak, "blowfish"),
    ("cipher", Kind::Weak, "cipher"),
    ("clear", Kind::Braces, "cleartext"),
    ("cleartext", Kind::Braces, "cleartext"),
    ("crammd5", Kind::Sure, "cram-md5"),
    ("des", Kind::Weak, "des"),
    ("digestmd5", Kind::Sure, "digest-md5"),
    ("enc", Kind::Weak, "an encryption"),
    ("encrypted", Kind::Weak, "an encryption"),
    ("hash", Kind::Weak, "hash"),
    ("hotp", Kind::Braces, "hotp"),
    ("kerberos", Kind::Braces, "kerberos"),
    ("ldap", Kind::Braces, "ldap"),
    ("noop", Kind::Braces, "noop"),
    ("obf", Kind::Weak, "obf"),
    ("otp", Kind::Braces, "otp"),
    ("plain", Kind::Braces, "plain"),
    ("plaintext", Kind::Braces, "plain"),
    ("plaintrunc", Kind::Sure, "plain"),
    ("rc4", Kind::Braces, "rc4"),
    ("rpa", Kind::Braces, "rpa"),
    ("sasl", Kind::Braces, "sasl"),
    ("skey", Kind::Braces, "s/key"),
    ("totp", Kind::Braces, "totp"),
    ("totp1", Kind::Braces, "totp"),
    ("totp256", Kind::Braces, "totp"),
    ("totp512", Kind::Braces, "totp"),
    ("totp1andpw", Kind::Braces, "totp"),
    ("totp256andpw", Kind::Braces, "totp"),
    ("totp512andpw", Kind::Braces, "totp"),
    ("hotp1", Kind::Braces, "hotp"),
    ("hotp256", Kind::Braces, "hotp"),
    ("hotp512", Kind::Braces, "hotp"),
    ("vault", Kind::Weak, "vault"),
    ("xor", Kind::Braces, "xor"),
];

/// Longer than any word of the table, including punctuation.
const LONGEST: usize = 40;

/// Looks up the word, in any case and spelling (`SSHA-256`, `x-issha, 1024`, `Pbkdf2_SHA1`).
pub(super) fn find(word: &str, place: Place) -> Option<Named> {
    // In braces, parameters may follow: `x-issha, 1024`, `FSHP1|8|4096`, `pbkdf2@SpringSecurity_v5_8`.
    let end = word.find([',', ';', '@', '|', ':', '=']);
    let name = match end.filter(|_| place == Place::Braces) {
        Some(end) => word.get(..end)?.trim(),
        None => word.trim(),
    };
    // The encodings of Dovecot: `PLAIN.B64`, `SSHA256.hex`.
    let name = match name.rsplit_once('.') {
        Some((bare, encoding)) if place == Place::Braces && is_encoding(encoding) => bare,
        _ => name,
    };
    let name = match name.get(..2) {
        Some(x) if x.eq_ignore_ascii_case("x-") => name.get(2..)?,
        _ => name,
    };
    if name.is_empty() || name.len() > LONGEST {
        return None;
    }
    let mut buffer = [0; LONGEST];
    let mut length = 0;
    for byte in name.bytes() {
        match byte {
            b'-' | b'_' | b' ' | b'.' | b'/' => continue,
            _ if byte.is_ascii_alphanumeric() => {}
            _ => return None,
        }
        *buffer.get_mut(length)? = byte.to_ascii_lowercase();
        length += 1;
    }
    let plain = std::str::from_utf8(buffer.get(..length)?).ok()?;
    let entry = WORDS.iter().find(|(word, _, _)| *word == plain);
    let (kind, name) = match entry {
        Some((_, kind, name)) => (*kind, *name),
        None if is_dynamic(plain) => (Kind::Sure, "dynamic"),
        None => return None,
    };
    let sure = match kind {
        Kind::Sure => true,
        Kind::Braces => place == Place::Braces,
        Kind::Weak => false,
        Kind::Id | Kind::WeakId if place != Place::Dollars => return None,
        Kind::Id => true,
        Kind::WeakId => false,
    };
    Some(Named { name, sure })
}

fn is_encoding(word: &str) -> bool {
    ["b64", "base64", "hex"]
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known))
}

/// The numbered formats of John the Ripper (`dynamic_82`).
fn is_dynamic(word: &str) -> bool {
    word.strip_prefix("dynamic").is_some_and(|number| {
        !number.is_empty() && number.len() <= 4 && number.bytes().all(|it| it.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_any_spelling() {
        let name = |word, place| find(word, place).map(|it| (it.name, it.sure));
        for word in [
            "SSHA256",
            "ssha-256",
            "Ssha_256",
            " SSHA 256 ",
            "x-SSHA-256",
        ] {
            assert_eq!(name(word, Place::Braces), Some(("ssha256", true)), "{word}");
        }
        assert_eq!(
            name("x-issha, 1024", Place::Braces),
            Some(("x-issha", true))
        );
        assert_eq!(name("FSHP1|8|4096", Place::Braces), Some(("fshp", true)));
        assert_eq!(
            name("pbkdf2@SpringSecurity_v5_8", Place::Braces),
            Some(("pbkdf2-sha1", true))
        );
        assert_eq!(name("dynamic_82", Place::Dollars), Some(("dynamic", true)));
        assert_eq!(name("PLAIN.B64", Place::Braces), Some(("plain", true)));
        assert_eq!(name("Clear.hex", Place::Braces), Some(("cleartext", true)));
        assert_eq!(name("SHA256.Base64", Place::Braces), Some(("sha256", true)));
        assert_eq!(name("y=5", Place::Dollars), None);
        assert_eq!(name("", Place::Braces), None);
        assert_eq!(name("ssha\u{e9}", Place::Braces), None);
        assert_eq!(name(&"a".repeat(60), Place::Braces), None);
    }

    #[test]
    fn place_of_a_word_decides_its_meaning() {
        let sure = |word, place| find(word, place).map(|it| it.sure);
        assert_eq!(sure("6", Place::Dollars), Some(true));
        assert_eq!(sure("6", Place::Braces), None);
        assert_eq!(sure("6", Place::Bare), None);
        assert_eq!(sure("P", Place::Dollars), Some(false));
        assert_eq!(sure("SASL", Place::Braces), Some(true));
        assert_eq!(sure("sasl", Place::Bare), Some(false));
        assert_eq!(sure("des", Place::Braces), Some(false));
    }

    #[test]
    fn table_has_each_word_once_in_its_compared_form() {
        let mut words: Vec<_> = WORDS.iter().map(|(word, _, _)| *word).collect();
        let all = words.len();
        assert!(all >= 120, "{all}");
        for word in &words {
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            assert!(word.bytes().all(plain), "{word}");
            assert!(word.len() < LONGEST, "{word}");
        }
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), all);
    }
}
