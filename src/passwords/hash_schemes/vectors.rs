//! Known answers. Those in `fixtures/passwords/hashes.tsv` were computed with passlib, argon2-cffi, Django,
//! Werkzeug, hashlib, glibc and libxcrypt, and the encoders of Spring Security and Shiro; the others are published
//! examples.

use super::*;

/// The password of every hash in [`hashes`].
pub(super) const PASSWORD: &str = "Grüße-von-4711";

/// Scheme, and a hash of [`PASSWORD`].
pub(super) fn hashes() -> impl Iterator<Item = (&'static str, &'static str)> {
    let table = include_str!("../../../fixtures/passwords/hashes.tsv");
    table
        .lines()
        .map(|line| line.split_once('\t').expect("two columns"))
}

/// The first of these hashes whose scheme or text begins with `start`.
pub(super) fn hash(start: &str) -> &'static str {
    let found = hashes().find(|(scheme, text)| *scheme == start || text.starts_with(start));
    found.expect("there is one").1
}

pub(super) fn known_hash(text: &str) -> KnownHash<'_> {
    match recognise(text) {
        Some(Recognised::Known(hash)) => hash,
        Some(Recognised::Foreign(name)) => panic!("{name} is foreign"),
        Some(_) => panic!("{text} is recognised, but without a name"),
        None => panic!("{text} is not recognised"),
    }
}

#[test]
fn known_answers_of_every_scheme() {
    for (scheme, text) in hashes() {
        let hash = known_hash(text);
        assert_eq!(hash.scheme(), scheme, "{text}");
        assert_eq!(hash.check(), Ok(()), "{text}");
        assert!(verify(text, PASSWORD.as_bytes()), "{text}");
        assert!(!verify(text, b"Gruesse-von-4711"), "{text}");
        assert!(!verify(text, b""), "{text}");
    }
    let covered = |name| hashes().any(|(scheme, _)| scheme == name);
    assert_eq!(names().find(|name| !covered(*name)), None);
    let mut sorted: Vec<_> = names().collect();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(
        sorted.len(),
        names().count(),
        "rows with the same name are adjacent"
    );
}

/// Hash and password, with the source.
const PUBLIC: &[(&str, &str)] = &[
    // The SHA-crypt specification.
    (
        "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.",
        "Hello world!",
    ),
    (
        "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5",
        "Hello world!",
    ),
    // Openwall's crypt_blowfish, phpass and yescrypt.
    (
        "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "U*U",
    ),
    ("$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0", "test12345"),
    (
        "$y$j4/$LdJMENpBA/$tHlkpTQ8V/eEnTVau1uW36T97LIXlfPrEzdeV5SE5K7",
        "pleaseletmein",
    ),
    // WordPress.
    (
        "$wp$2y$10$Q1xinFjrZeLWJBvxviIL6u834Fu.evIEFHAUVisQ5O.w9Dm0sMdES",
        "admin",
    ),
    // hashcat's examples.
    (
        "$S$C33783772bRXEx1aCsvY.dqgaaSu76XmVlKrW9Qu8IQlvxHlmzLf",
        "hashcat",
    ),
    ("$1$28772684$iEwNOgGugqO9.bIz5sk8k/", "hashcat"),
    ("$apr1$71850310$gh9m4xcAn3MGxogwX/ztb.", "hashcat"),
    // The tests of ASP.NET Identity.
    (
        "AAABAgMEBQYHCAkKCwwNDg+ukCEMDf0yyQ29NYubggHIVY0sdEUfdyeM+E1LtH1uJg==",
        "my password",
    ),
    (
        "ANXrDknc7fGPpigibZXXZFMX4aoqz44JveK6jQuwY3eH/UyPhvr5xTPeGYEckLxz9A==",
        "my password",
    ),
    (
        "AQAAAAEAACcQAAAAEAABAgMEBQYHCAkKCwwNDg+yWU7rLgUwPZb1Itsmra7cbxw2EFpwpVFIEtP+JIuUEw==",
        "my password",
    ),
    // The tests of WSO2's hash provider.
    (
        "{WSO2-PBKDF2-SHA256}20000$GzgyTT0M0TSvgMaXZEbD1Q==$dos1WOO13Hv01bJ9pLcd7g==",
        "vijee123",
    ),
    (
        "{WSO2-PBKDF2-SHA256}10000$GzgyTT0M0TSvgMaXZEbD1Q==$KV/l28Zm91sx/xWleyWClooPfcb1PNZ5nA0OOXFiYGE=",
        "nisho123",
    ),
    (
        "{WSO2-PBKDF2-SHA1}25000$GzgyTT0IOweHJgcXZEbD1Q==$+tFsn/xvh3tLLPraNZbc70JZzKpyQMGprGRzG1jAwNWWU8+Y5Zn4QhLqUv3NUH1wY9lgFERZT/gXpd5vkw7jdA==",
        "john123",
    ),
    // 389 Directory Server, from LDIF.
    (
        "{PBKDF2_SHA256}AAAnEGTxXtnR/oox922/jZyjH6fmiIdW4AwIYZE2LfCVL/SUz5GbAHfjRj4NbN2u8ul0/j/dUzJ4gQSawGALGHZV74nOAtPttoZDTsh7BeGCLD/Ps7vRugwDdz9uPARXzF3bD/8qCpumvRGb4pehzfQsk+FnGgTwi0rUeVaN8a7Kbv8ZpRfU2sd+208F/YL42BWAh/2tv0I4vY7ZsrCZcrUJtgKWy5Nr+t78zmPkrZsX/kgfnGdXhr50kN10cmkLQ0/cZOXo9CAkpeZyFu+wQ5vQdUaES2Vd5kBjJYPCkr4b2ocr4ETQi3IGO2GGCoCetmMIETsudRVSxUNBbva+Vgxin5Apu4wIP/0ZyuGK6TuWLqLnNpmK3RkRx0xjqJ4nN2Ok0ul0XYBJcYIBt4UoaVM2uSa/Etw28Uy+zAsUv2AOiRo5",
        "Password123",
    ),
    // The tests of Django (tests/auth_tests/test_hashers.py).
    (
        "scrypt$16384$seasalt$8$1$Qj3+9PPyRjSJIebHnG81TMjsqtaIGxNQG/aEB/NYafTJ7tibgfYz71m0ldQESkXFRkdVCBhhY8mx7rQwite/Pw==",
        "lètmein",
    ),
    // The reference of Spring Security (Password Storage, DelegatingPasswordEncoder).
    (
        "{bcrypt}$2a$10$dXJ3SW6G7P50lGmMkkmwe.20cQQubK3.HZWzG3YB1tlRy.fqvM/BG",
        "password",
    ),
    (
        "{pbkdf2}5d923b44a6d129f3ddf3e3c8d29412723dcbde72445e8ef6bf3b508fbf17fa4ed4d6b99ca763d8dc",
        "password",
    ),
    (
        "{scrypt}$e0801$8bWJaSu2IKSn9Z9kM+TPXfOc/9bdYSrN1oD9qfVThWEwdRTnO7re7Ei+fUZRJ68k9lTyuTeUp4of4g24hHnazw==$OAOec05+bXxvuu/1qZ6NUR+xQYvYv7BeL1QxwRpY5Pc=",
        "password",
    ),
    // The SHA-crypt specification, with Dovecot's prefix.
    (
        "{SHA512-CRYPT}$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
        "Hello world!",
    ),
    // The tests of openssl_slappasswd.sh.
    (
        "{SSHA384}/0PuiFKwMu6qDH65znVfwmheUB0z9z+pd+MvjTD9kSXKIzoU2tck5d1Eo0dim6Vs8Fdnaq6TlXg=",
        "openssl_slappasswd.sh",
    ),
    // Shiro's defaults.
    (
        "$shiro1$SHA-256$500000$mSdYLGFgcYvWReNVrh40Fg==$pkWR9MJ+niIdHMyqoXfLzl8t35miE0TviSHGPZVY5w0=",
        "test",
    ),
];

#[test]
fn public_examples() {
    for (text, password) in PUBLIC {
        assert_eq!(known_hash(text).check(), Ok(()), "{text}");
        assert!(verify(text, password.as_bytes()), "{text}");
        assert!(!verify(text, format!("{password}x").as_bytes()), "{text}");
    }
}
