//! Tests of recognition and form. The known answers are in [`vectors`].

use super::vectors::{PASSWORD, hash, hashes, known_hash};
use super::*;

/// A bcrypt hash of 71 × `x` and `AB`; the `B` is ignored.
const LONG: &str = "$2b$04$7iK50sjWI5oIXV5ATNusJeySFfTY/3gCeCB8wVVf1G48u/vQL1PS2";

#[test]
fn bcrypt_uses_only_72_bytes() {
    let with_end = |end: &str| format!("{}{end}", "x".repeat(71));
    assert!(verify(LONG, with_end("AB").as_bytes()));
    assert!(verify(LONG, with_end("AC").as_bytes()));
    assert!(!verify(LONG, with_end("BB").as_bytes()));
}

#[test]
fn hash_with_a_missing_or_extra_character_is_malformed() {
    for (_, text) in hashes() {
        // Directory servers write this base64 with or without padding.
        if text.starts_with("{PBKDF2-") && text.ends_with('=') {
            continue;
        }
        for wrong in [
            &text[..text.len() - 1],
            &format!("{text}A"),
            &format!("{text}\u{e9}"),
            &format!("{text} "),
            &format!("{text}$"),
        ] {
            // A text that is longer or shorter by one character may still be base64 of a longer or shorter salt or
            // digest; then its form is right and the password is wrong.
            let sound = match recognise(wrong) {
                Some(Recognised::Known(hash)) => hash.check().is_ok(),
                _ => false,
            };
            assert!(!verify(wrong, PASSWORD.as_bytes()), "{wrong}");
            assert!(!sound || wrong.ends_with('A'), "{wrong}");
        }
    }
}

#[test]
fn exceeded_bound_is_named() {
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
        "memory in KiB (m) must be between 8 and 262144",
    );
    refused(&argon2("m=31,t=1,p=4"), "between 32 and");
    refused(&argon2("m=1024,t=0,p=1"), "passes (t)");
    refused(
        &argon2("m=262144,t=17,p=1"),
        "times passes must be between 8 and 4194304",
    );
    refused(&argon2("m=1024,t=2,p=65"), "lanes");
    refused(&argon2("m=1024,t=2,p=1,keyid=AA"), "$argon2id$v=19");
    let bcrypt =
        |cost: &str| format!("$2b${cost}$U/ajJ0QTOF3S1feOMJlipu3SMYOEnQBjbu9tMuxqeCYIvYvpInG32");
    refused(&bcrypt("03"), "cost must be between 4 and 16");
    refused(&bcrypt("31"), "cost must be between 4 and 16");
    refused(&bcrypt("4"), "two digits of cost");
    let scrypt = |cost: &str| {
        format!("$scrypt${cost}$+/++IHNhbHR5$v2nX31Unb3qVeh3QOH09qZLS5uMc4ZmQw6GWWEytWTU")
    };
    refused(
        &scrypt("ln=20,r=8,p=1"),
        "128 × r × N) must be between 1 and 262144",
    );
    refused(&scrypt("ln=63,r=8,p=1"), "ln must be");
    refused(&scrypt("ln=17,r=8,p=40"), "times lanes");
    let django = "$Xy7saltSALT9$0Rh684aAGU9LJzJyowTtS4yL3kanylmbruQhXbuPuFk=";
    refused(
        &format!("pbkdf2_sha256$5000001{django}"),
        "rounds must be between 1 and 5000000",
    );
    refused(&format!("pbkdf2_sha256$0{django}"), "rounds");
    let crypt = |rounds: &str| {
        format!("$5$rounds={rounds}$Salt./9$kPlxtj2T8Rm8.kLfUsVyKZAl37/zw6oLOHUJNFbntIB")
    };
    refused(
        &crypt("999999999"),
        "rounds must be between 1000 and 1000000",
    );
    refused(&crypt("999"), "rounds must be between 1000 and 1000000");
    refused(
        &format!("pbkdf2_sha1$5000001{django}").replace("BuFk=", "="),
        "rounds must be between 1 and 5000000",
    );
    let werkzeug = "$Xy7saltSALT9$86fe6e5242e1da635c4be686195aa5cb0b242e81";
    refused(&format!("pbkdf2:sha1:9999999{werkzeug}"), "rounds must be");
    refused(&format!("pbkdf2:sha1:{werkzeug}"), "pbkdf2:sha256:rounds$");
    refused(&format!("pbkdf2:sha256:800{werkzeug}"), "the whole digest");
    let scrypt_of = |n: &str| format!("scrypt${n}$Xy7saltSALT9$8$1${}==", "A".repeat(86));
    refused(
        &scrypt_of("524288"),
        "128 × r × N) must be between 1 and 262144",
    );
    refused(
        &scrypt_of("33554432"),
        "cost (N) must be between 2 and 16777216",
    );
    refused(&scrypt_of("16383"), "N a power of two");
    refused(&scrypt_of("1"), "cost (N)");
    let spring = |cost: &str| {
        format!(
            "{{scrypt}}${cost}$eB+Qd2c6lapwBlwYEw879Q==$0SQ+NY3y0CbWs1tkFXudvwJHaWW8p7k+HQWNut3WURQ="
        )
    };
    refused(&spring("140801"), "128 × r × N) must be");
    refused(&spring("ff0801"), "ln must be between 1 and 24");
    refused(&spring("e0001"), "block size (r)");
    refused(&spring("e08"), "two digits each");
    refused(&spring("+e0801"), "two digits each");
    refused(
        "$y$jH5$abcdefgh$48wQUsqAMa4Tgs37CrqlKlal8JTeJ2IEYQQOTO8u1s3",
        "128 × r × N) must be between 1 and 262144",
    );
    refused(
        "$y$j75.0$abcdefgh$48wQUsqAMa4Tgs37CrqlKlal8JTeJ2IEYQQOTO8u1s3",
        "N and r one character each",
    );
    let start = hash("phpass").replace("$P$5", "$P$L");
    refused(&start, "doublings of its rounds) must be between 7 and 22");
    refused(&start.replace("$P$L", "$P$4"), "between 7 and 22");
    refused(&hash("drupal7").replace("$S$5", "$S$J"), "between 7 and 20");
    refused(
        "$shiro1$SHA-256$5000001$q5RIr84VIVVYTzto5Tlsew==$FpLXaflVp6f4MxgBdZHMKXKMKuZAQiGpbUtFcdueeTQ=",
        "rounds must be between 1 and 5000000",
    );
    refused(
        "$shiro1$SHA-256$500$$FpLXaflVp6f4MxgBdZHMKXKMKuZAQiGpbUtFcdueeTQ=",
        "the salt of 1 to 64 bytes",
    );
    refused(
        "AQAAAAEAmJaAAAAAEAcICQoLDA0ODxAREhMUFRY5TQjVRHIiQwXCOQOuJl0W5HAHICxXuN+ZK6Ord2Nurw==",
        "rounds must be between 1 and 5000000",
    );
    refused(
        "AQAAAAMAAAOEAAAAEAcICQoLDA0ODxAREhMUFRY5TQjVRHIiQwXCOQOuJl0W5HAHICxXuN+ZK6Ord2Nurw==",
        "the keyed digest (0 to 2)",
    );
    refused(
        "AQAAAAEAAAOE/////wcICQoLDA0ODxAREhMUFRY5TQjVRHIiQwXCOQOuJl0W5HAHICxXuN+ZK6Ord2Nurw==",
        "ASP.NET Identity 3",
    );
    refused(
        &format!(
            "{{PBKDF2_SHA256}}/////{}",
            hash("{PBKDF2_SHA256}").get(20..).unwrap()
        ),
        "rounds must be between 1 and 5000000",
    );
    refused("{PBKDF2}700:abcdef", "80 hexadecimal digits");
    refused(
        "{WSO2-PBKDF2-SHA256}9999999$c2FsdA==$AAAAAAAAAAAAAAAAAAAAAA==",
        "rounds must be",
    );
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
fn hashes_of_other_schemes_are_recognised_by_name() {
    let foreign = |text| match recognise(text) {
        Some(Recognised::Foreign(name)) => name,
        _ => panic!("{text}"),
    };
    for (text, name) in [
        ("{sha}xmRhAh00G8IGGyRVOd6EzxHJZZM=", "sha"),
        ("{SMD5}89qFEwnDnYHwOKzOpUuPPlJK6V0=", "smd5"),
        (
            "{CRYPT}$gy$j75$abcdefgh$2DVYqeDl7KldcwlW.eMmGxqcZBqj3c2ReyZRur1oDW6",
            "crypt",
        ),
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
fn passwords_are_not_recognised_as_hashes() {
    for text in [
        "",
        "$",
        "$2",
        "$2b",
        "$P$ecial-Offer",
        "$S$ecret-Word-2024",
        "U$S$-Dollar-99",
        "scrypt:for-beer",
        "scrypt$9",
        "pbkdf2:sha256:x",
        "Alphabet",
        "{\"curly\": 1}",
        "[secretData]",
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
    let shouted = hash("argon2id").replace("argon2id", "ARGON2ID");
    assert!(known_hash(&shouted).check().is_err());
    // These begin like hashes, but are malformed.
    for text in [
        "$2b$",
        "$6$for-beer",
        "{ssha}",
        "$argon2id$",
        "$1$for-beer",
        "$y$no",
        "{pkcs5s2}",
    ] {
        assert!(known_hash(text).check().is_err(), "{text}");
    }
}

#[test]
fn hash_is_current_if_it_costs_at_least_as_much_as_ours() {
    let stored = hash;
    let hash = |cost: &str| {
        format!("$argon2id$v=19${cost}$S50D6CDWVBEgdB3k$+BG/0bcyOS7APtpCYJOcvW69JRcJUAI9")
    };
    let current = |cost: &str| is_current(&hash(cost), 7168, 5);
    assert!(current("m=7168,t=5,p=1"));
    assert!(current("m=65536,t=3,p=4"));
    assert!(!current("m=7168,t=4,p=1"));
    assert!(!current("m=7167,t=9,p=1"));
    assert!(!current("m=19456,t=1,p=1"));
    assert!(!is_current(stored("$argon2i$"), 512, 1), "argon2i");
    assert!(!is_current(stored("bcrypt"), 1024, 1), "bcrypt");
}

#[test]
fn keycloak_credential_must_be_one_password() {
    let good = hash("{\"type\":\"password\",\"secretData\":{\"value\":\"q3");
    assert_eq!(known_hash(good).check(), Ok(()));
    for (from, to) in [
        ("\"password\"", "\"otp\""),
        ("\"id\"", "\"d\""),
        ("\"1.3\"", "\"1.0\""),
        ("argon2\"", "bcrypt\""),
        ("\"value\"", "\"val\""),
        ("==\"", "=\""),
        ("\"1024\"", "1024"),
    ] {
        let wrong = good.replace(from, to);
        assert_ne!(wrong, good);
        let error = known_hash(&wrong).check().unwrap_err().to_string();
        assert!(
            error.starts_with("it must have the form one password credential"),
            "{error}"
        );
        assert!(!verify(&wrong, PASSWORD.as_bytes()), "{wrong}");
    }
    let dear = good.replace("\"1024\"", "\"1048576\"");
    let error = known_hash(&dear).check().unwrap_err().to_string();
    assert!(error.contains("memory in KiB (m) must be"), "{error}");
    let pbkdf2 = hash("{\"type\":\"password\",\"secretData\":{\"value\":\"i6");
    let dear = pbkdf2.replace("900", "9000000");
    let error = known_hash(&dear).check().unwrap_err().to_string();
    assert!(error.contains("rounds must be"), "{error}");
    let two = format!("[{good},{good}]");
    let long = good.replace(
        "\"type\"",
        &format!("\"userLabel\":\"{}\",\"type\"", "x".repeat(4_096)),
    );
    for wrong in [
        two.as_str(),
        long.as_str(),
        "{\"secretData\":1}",
        "[\"secretData\"]",
    ] {
        assert!(known_hash(wrong).check().is_err(), "{wrong}");
    }
    // The order of the members does not matter, and other members are ignored.
    let turned = "{\"x\":[1,{\"y\":null}],\"credentialData\":\"{\\\"algorithm\\\":\\\"pbkdf2-sha256\\\",\\\"hashIterations\\\":900}\",\
        \"secretData\": {\"salt\":\"AwQFBgcICQoLDA0ODxAREg==\",\"value\":\"i6vrjlory+79cSW6fN0IK/LvLj7KMFVvalcHfo5W42w=\"} }";
    assert!(verify(turned, PASSWORD.as_bytes()));
}

#[test]
fn words_in_braces_and_hexadecimal_are_case_insensitive() {
    for (from, to) in [
        ("{PKCS5S2}", "{pkcs5s2}"),
        ("{BLF-CRYPT}", "{blf-crypt}"),
        ("{WSO2-PBKDF2-SHA1}", "{wso2-pbkdf2-sha1}"),
        (
            "{argon2@SpringSecurity_v5_8}",
            "{argon2@springsecurity_V5_8}",
        ),
    ] {
        let text = hash(from).replace(from, to);
        assert!(verify(&text, PASSWORD.as_bytes()), "{text}");
    }
    let (start, digest) = hash("pbkdf2:sha256:").rsplit_once('$').unwrap();
    let shouted = format!("{start}${}", digest.to_uppercase());
    assert!(verify(&shouted, PASSWORD.as_bytes()));
}

#[test]
fn very_long_password_is_wrong_in_schemes_that_read_it_every_round() {
    let long = "x".repeat(form::PASSWORD + 1);
    for scheme in ["phpass", "drupal7", "md5-crypt", "apr1", "sha512-crypt"] {
        assert!(!verify(hash(scheme), long.as_bytes()), "{scheme}");
    }
}

/// The lines of a fixture, without its comment.
fn lines(text: &str) -> Vec<&str> {
    text.lines()
        .filter(|line| !line.starts_with("# "))
        .collect()
}

#[test]
fn hashes_in_every_spelling_are_recognised() {
    let texts = lines(include_str!("../../../fixtures/passwords/hashes.txt"));
    assert!(texts.len() >= 140, "{}", texts.len());
    for text in texts {
        assert!(recognise(text).is_some(), "{text}");
        assert!(!verify(text, text.as_bytes()), "{text}");
    }
}

#[test]
fn passwords_with_punctuation_of_hashes_are_not_recognised() {
    let passwords = lines(include_str!("../../../fixtures/passwords/clear.txt"));
    assert!(passwords.len() >= 60, "{}", passwords.len());
    for text in passwords {
        assert!(recognise(text).is_none(), "{text}");
    }
}

#[test]
fn locked_hashes_and_marks_are_distinguished_from_hashes() {
    let locked = |text: &str| matches!(recognise(text), Some(Recognised::Locked));
    for (_, hash) in hashes() {
        for lock in ["!", "!!", "*", "*LK*"] {
            let text = format!("{lock}{hash}");
            assert!(locked(&text), "{text}");
            assert!(!verify(&text, PASSWORD.as_bytes()), "{text}");
        }
    }
    for text in [
        "!",
        "!!",
        "*",
        "!*",
        "*LK*",
        "*NP*",
        "*locked*",
        "!Q7xVb2LmZ0tRk9WcYpN4sDfGh8JaE1uTiO3BvMnK",
    ] {
        assert!(
            matches!(recognise(text), Some(Recognised::Unusable)),
            "{text}"
        );
    }
}

#[test]
fn hash_is_verified_in_wrappers_of_known_programs() {
    for (scheme, hash) in hashes() {
        for text in [
            format!("b'{hash}'"),
            format!("'{hash}'"),
            format!("\"{hash}\""),
        ] {
            assert_eq!(known_hash(&text).scheme(), scheme, "{text}");
            assert!(known_hash(&text).check().is_ok(), "{text}");
        }
        if hash.starts_with('$') {
            assert!(known_hash(&format!("3|{hash}")).check().is_ok(), "{hash}");
        }
    }
    let bcrypt = hash("$2b$");
    for text in [
        format!("#jbcrypt:{bcrypt}"),
        format!("1|{bcrypt}"),
        format!("b'{bcrypt}'"),
    ] {
        assert!(verify(&text, PASSWORD.as_bytes()), "{text}");
    }
    // Quotation marks around a password are part of it.
    assert!(recognise("'$5$-in-cash'").is_none());
}

#[test]
fn truncated_hash_is_still_recognised() {
    // JSON and base64 must be complete.
    let named = hashes().filter(|(_, text)| text.contains('$') || text.starts_with("{SSHA"));
    for (_, hash) in named {
        for end in hash.len() / 2..hash.len() {
            let Some(text) = hash.get(..end) else {
                continue;
            };
            assert!(recognise(text).is_some(), "{text}");
        }
    }
}

#[test]
fn no_text_takes_long_or_panics() {
    for piece in [
        "$", "{", "!", "*", ":", "}", "$1$", "{SSHA}", "a1:", "e1NT", "\u{e9}$", "b'", "|",
    ] {
        for times in [1, 2, 3, 40, 5_000] {
            let text = piece.repeat(times);
            let _ = recognise(&text);
            let _ = recognise(&format!("x{text}'"));
        }
    }
}
