//! Known answers: made with passlib, argon2-cffi, hashlib and glibc's `crypt(3)`, kept here.

use super::*;

const PASSWORD: &str = "Grüße-von-4711";

/// Scheme, and a hash of [`PASSWORD`].
const HASHES: &[(&str, &str)] = &[
    (
        "argon2id",
        "$argon2id$v=19$m=1024,t=2,p=4$Oz4gckg+mEuJ1XKF$dxfjs3DB/onZRPLDslyjXN+Dl4avNUhd",
    ),
    (
        "argon2i",
        "$argon2i$v=19$m=512,t=3,p=1$5byU74BFX7BfROdckvGwMg$MiW23/8eu7FLIIM8JHVE4zMKiYCYO37sGtlUqpcKR3Y",
    ),
    (
        "bcrypt",
        "$2a$04$PXjtH7q83umPCcxPnwqjDeSWOD1pQHQl7mYDwVGnINDUlwxmA8AHa",
    ),
    (
        "bcrypt",
        "$2b$04$aUV1i3V9KMpvpwmfG/l9lu5k8HNQasalo7LngCaYB0j3yKBNezn7K",
    ),
    (
        "bcrypt",
        "$2y$04$SXLXzygIC2uD/lgwY.3nSu1IYe0le24Ab0lOHVb.epGuCHJeMF1oC",
    ),
    (
        "pbkdf2-sha256",
        "$pbkdf2-sha256$29$./..IHNhbHR5$BbG7RtEtaWgny4EIOqT3zJPWlvqEoEL6YviRmTBksEk",
    ),
    (
        "pbkdf2-sha512",
        "$pbkdf2-sha512$1000$./..IHNhbHR5$L9k3w46FDzpV3lDHE5sATZ3.OrXO4ooKx0eaVe3nliSN1A4hPsOgr89r1582U/drPzRraqXFTzIgkEcOsC2uGQ",
    ),
    (
        "pbkdf2-sha256",
        "$pbkdf2-sha256$i=700,l=32$c2l4dGVlbiBieXRlcyBvaw$bolLjYWLze9EUnHK4SylH4T6PKIY9Qk+9aTBOUiUT2c",
    ),
    (
        "pbkdf2-sha512",
        "$pbkdf2-sha512$i=700,l=64$c2l4dGVlbiBieXRlcyBvaw$TivRGr4okFCiWGziXs0K6Mz8i4BfYNYTXw3xEfKmTlSiX15F1N4kuydjxfUPsVyaUX9KCvVY3DpbFihETlsz2A",
    ),
    (
        "pbkdf2-sha256",
        "pbkdf2_sha256$1500$Xy7saltSALT9$0Rh684aAGU9LJzJyowTtS4yL3kanylmbruQhXbuPuFk=",
    ),
    (
        "scrypt",
        "$scrypt$ln=4,r=8,p=2$+/++IHNhbHR5$v2nX31Unb3qVeh3QOH09qZLS5uMc4ZmQw6GWWEytWTU",
    ),
    (
        "scrypt",
        "$scrypt$ln=5,r=4,p=1$c2l4dGVlbiBieXRlcyBvaw$CxxFDEddyeQ5Mv/W7tflBssxgG9pSt67Fihl+ufNonY",
    ),
    (
        "sha256-crypt",
        "$5$rounds=1000$Salt./9$kPlxtj2T8Rm8.kLfUsVyKZAl37/zw6oLOHUJNFbntIB",
    ),
    (
        "sha256-crypt",
        "$5$saltstring012345$Q46fh8LPEcW7jmC7n86Msgqvs.mSRcDxCDEz3yev7kB",
    ),
    (
        "sha512-crypt",
        "$6$rounds=1200$Salt./9$V3BtRzr1j1RWieguQ86KTMfukHLyfpmPDy2Q.sAQM5V71yUDHH6EJVJxxYsm/9Aw9zI0U5A0hwADm3ySyK1L20",
    ),
    (
        "sha512-crypt",
        "$6$saltstring012345$NPdCHTnXOR7tnSN6LrERxZnFC5IncP35oWr84fyVr3nepalk9nmfc7WzZLu8Z5Lq.nrFBx7ukwUN80ueFyjwf0",
    ),
    ("ssha", "{SSHA}JcnhbGjfZGv+82onMyiWmALBzsMB/jhieXRlcw=="),
    (
        "ssha256",
        "{SSHA256}+qe8MJFyQ1bNGFNMS8km3BUOJPt/sWyFcEN4AQ9MCf8B/jhieXRlcw==",
    ),
    (
        "ssha512",
        "{SSHA512}GWhqWiSLGkr+BdESGtcXOpgxPuGN9+XtTRdUp42rYsarePXPT3A5QwCWA8Npuqgyl96+tSrN4nNYvKR6bFppGgH+OGJ5dGVz",
    ),
    ("ssha", "{SSHA}QLdGj6lkjYp8m3CB025cILj4gdVhYmNk"),
    (
        "wso2-sha256",
        "{WSO2-SHA256}AAECAwQFBgcICQoLDA0ODw==$TNpkWi+Mupa8+Yo0bAF5vrWTp7to5t9wtkd+AAbC6W4=",
    ),
    (
        "sha512-crypt",
        "{CRYPT}$6$rounds=1000$abcdefgh$f5kubIp1x9yVxvTnONzfJ3mQwLVlUPr.I0tMhAWW9lmH1gCg9JQgDn74ikmOdGKcWjqIjhN4vWVFLdGgR4M691",
    ),
];

/// A bcrypt hash of 71 × `x` and `AB`, of which the `B` does not count.
const LONG: &str = "$2b$04$7iK50sjWI5oIXV5ATNusJeySFfTY/3gCeCB8wVVf1G48u/vQL1PS2";

fn known_hash(text: &str) -> KnownHash<'_> {
    match recognise(text) {
        Some(Recognised::Known(hash)) => hash,
        Some(Recognised::Foreign(name)) => panic!("{name} is foreign"),
        None => panic!("{text} is not recognised"),
    }
}

#[test]
fn known_answers_of_every_scheme() {
    for (scheme, text) in HASHES {
        let hash = known_hash(text);
        assert_eq!(hash.scheme(), *scheme, "{text}");
        assert_eq!(hash.check(), Ok(()), "{text}");
        assert!(verify(text, PASSWORD.as_bytes()), "{text}");
        assert!(!verify(text, b"Gruesse-von-4711"), "{text}");
        assert!(!verify(text, b""), "{text}");
    }
    let covered = |name| HASHES.iter().any(|(scheme, _)| *scheme == name);
    assert_eq!(names().filter(|name| !covered(*name)).count(), 0);
    assert_eq!(names().count(), 12);
}

#[test]
fn the_examples_of_the_standards() {
    // SHA-crypt's document, and Openwall's crypt_blowfish.
    assert!(verify(
        "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.",
        b"Hello world!"
    ));
    assert!(verify(
        "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5",
        b"Hello world!"
    ));
    assert!(verify(
        "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        b"U*U"
    ));
}

#[test]
fn only_72_bytes_count_for_bcrypt() {
    let with_end = |end: &str| format!("{}{end}", "x".repeat(71));
    assert!(verify(LONG, with_end("AB").as_bytes()));
    assert!(verify(LONG, with_end("AC").as_bytes()));
    assert!(!verify(LONG, with_end("BB").as_bytes()));
}

#[test]
fn a_hash_that_lost_or_won_a_character_has_no_form() {
    for (_, text) in HASHES {
        for wrong in [
            &text[..text.len() - 1],
            &format!("{text}A"),
            &format!("{text}\u{e9}"),
            &format!("{text} "),
            &format!("{text}$"),
        ] {
            // A text that is shorter or longer by one may still be base64 of a shorter or longer salt
            // or digest; then it is a good form and a wrong password.
            let sound = known_hash(wrong).check().is_ok();
            assert!(!verify(wrong, PASSWORD.as_bytes()), "{wrong}");
            assert!(!sound || wrong.ends_with('A'), "{wrong}");
        }
    }
}

#[test]
fn bounds_are_named() {
    let refused = |text: &str, words: &str| {
        let error = known_hash(text).check().unwrap_err().to_string();
        assert!(error.contains(words), "{text}: {error}");
        if !text.starts_with("$argon2id$") {
            assert!(!verify(text, PASSWORD.as_bytes()));
        }
    };
    let argon2 = |cost: &str| {
        format!("$argon2id$v=19${cost}$S50D6CDWVBEgdB3k$+BG/0bcyOS7APtpCYJOcvW69JRcJUAI9")
    };
    refused(
        &argon2("m=262145,t=1,p=1"),
        "memory in KiB (m) has to lie between 8 and 262144",
    );
    refused(&argon2("m=31,t=1,p=4"), "between 32 and");
    refused(&argon2("m=1024,t=0,p=1"), "passes (t)");
    refused(
        &argon2("m=262144,t=17,p=1"),
        "times passes has to lie between 8 and 4194304",
    );
    refused(&argon2("m=1024,t=2,p=65"), "lanes");
    refused(&argon2("m=1024,t=2,p=1,keyid=AA"), "$argon2id$v=19");
    let bcrypt =
        |cost: &str| format!("$2b${cost}$U/ajJ0QTOF3S1feOMJlipu3SMYOEnQBjbu9tMuxqeCYIvYvpInG32");
    refused(&bcrypt("03"), "cost has to lie between 4 and 16");
    refused(&bcrypt("31"), "cost has to lie between 4 and 16");
    refused(&bcrypt("4"), "two digits of cost");
    let scrypt = |cost: &str| {
        format!("$scrypt${cost}$+/++IHNhbHR5$v2nX31Unb3qVeh3QOH09qZLS5uMc4ZmQw6GWWEytWTU")
    };
    refused(
        &scrypt("ln=20,r=8,p=1"),
        "128 × r × N) has to lie between 1 and 262144",
    );
    refused(&scrypt("ln=63,r=8,p=1"), "ln has to");
    refused(&scrypt("ln=17,r=8,p=40"), "times lanes");
    let django = "$Xy7saltSALT9$0Rh684aAGU9LJzJyowTtS4yL3kanylmbruQhXbuPuFk=";
    refused(
        &format!("pbkdf2_sha256$5000001{django}"),
        "rounds has to lie between 1 and 5000000",
    );
    refused(&format!("pbkdf2_sha256$0{django}"), "rounds");
    let crypt = |rounds: &str| {
        format!("$5$rounds={rounds}$Salt./9$kPlxtj2T8Rm8.kLfUsVyKZAl37/zw6oLOHUJNFbntIB")
    };
    refused(
        &crypt("999999999"),
        "rounds has to lie between 1000 and 1000000",
    );
    refused(&crypt("999"), "rounds has to lie between 1000 and 1000000");
    refused(
        "{SSHA}xmRhAh00G8IGGyRVOd6EzxHJZZM=",
        "a salt of 4 to 64 bytes",
    );
    refused(
        "$pbkdf2-sha256$i=700,l=16$c2l4dGVlbiBieXRlcyBvaw$bolLjYWLze9EUnHK4SylH4T6PKIY9Qk+9aTBOUiUT2c",
        "length (l)",
    );
}

#[test]
fn hashes_of_other_schemes_are_known_by_name() {
    let foreign = |text| match recognise(text) {
        Some(Recognised::Foreign(name)) => name,
        _ => panic!("{text}"),
    };
    for (text, name) in [
        ("$1$abcdefgh$b3wXt8giy.lDghqbNz9Gb/", "md5-crypt"),
        ("$P$6abcdefghTDkOBt/eF2uBrlFbc6L8a1", "phpass"),
        ("{sha}xmRhAh00G8IGGyRVOd6EzxHJZZM=", "sha"),
        ("{SMD5}89qFEwnDnYHwOKzOpUuPPlJK6V0=", "smd5"),
        ("{CRYPT}$1$abcdefgh$b3wXt8giy.lDghqbNz9Gb/", "crypt"),
        (
            "$argon2d$v=19$m=512,t=3,p=1$G+41kcEoITDxKo40CsPl+g$x",
            "argon2d",
        ),
    ] {
        assert_eq!(foreign(text), name, "{text}");
        assert!(!verify(text, PASSWORD.as_bytes()));
    }
}

#[test]
fn passwords_are_not_taken_for_hashes() {
    for text in [
        "",
        "$",
        "$2",
        "$2b",
        "$P$ecial-Offer",
        "{curly}",
        "password",
        "argon2",
        "argon2id",
        "bcrypt$",
        "$$$$",
        "{SSHA",
        "pbkdf2",
        "ä$5$",
        "Summer{SSHA}",
    ] {
        assert!(recognise(text).is_none(), "{text}");
    }
    let shouted = HASHES[0].1.replace("argon2id", "ARGON2ID");
    assert!(known_hash(&shouted).check().is_err());
    // These begin like hashes, and are hashes without a form.
    for text in ["$2b$", "$6$for-beer", "{ssha}", "$argon2id$"] {
        assert!(known_hash(text).check().is_err(), "{text}");
    }
}

#[test]
fn a_hash_is_current_when_it_costs_as_much_as_ours() {
    let hash = |cost: &str| {
        format!("$argon2id$v=19${cost}$S50D6CDWVBEgdB3k$+BG/0bcyOS7APtpCYJOcvW69JRcJUAI9")
    };
    let current = |cost: &str| is_current(&hash(cost), 7168, 5);
    assert!(current("m=7168,t=5,p=1"));
    assert!(current("m=65536,t=3,p=4"));
    assert!(!current("m=7168,t=4,p=1"));
    assert!(!current("m=7167,t=9,p=1"));
    assert!(!current("m=19456,t=1,p=1"));
    assert!(!is_current(HASHES[1].1, 512, 1), "argon2i");
    assert!(!is_current(HASHES[2].1, 1024, 1), "bcrypt");
}
