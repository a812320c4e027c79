//! Enums whose variants have words: the words are listed once, and the compiler checks that none is missing.

/// Implements `ALL` and `as_str` for an enum without fields, from one table of variants and words. A variant that is
/// missing in the table does not compile.
macro_rules! words {
    ($type:ident { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $type {
            /// Every variant, in the order in which they are listed.
            pub const ALL: [$type; [$($word),+].len()] = [$($type::$variant),+];

            /// The word used in settings, messages and stores.
            pub fn as_str(self) -> &'static str {
                match self {
                    $($type::$variant => $word),+
                }
            }
        }
    };
}

/// The same with `parse`, for enums whose words are compared exactly.
macro_rules! parsed_words {
    ($type:ident $table:tt) => {
        $crate::words::words!($type $table);

        impl $type {
            /// The variant that `word` names.
            pub fn parse(word: &str) -> Option<Self> {
                $type::ALL.into_iter().find(|one| one.as_str() == word)
            }
        }
    };
}

pub(crate) use {parsed_words, words};

#[cfg(test)]
mod tests {
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Fruit {
        Apple,
        Pear,
    }

    parsed_words!(Fruit {
        Apple => "apple",
        Pear => "pear",
    });

    #[test]
    fn words_are_parsed_as_they_are_written() {
        assert_eq!(Fruit::ALL, [Fruit::Apple, Fruit::Pear]);
        for fruit in Fruit::ALL {
            assert_eq!(Fruit::parse(fruit.as_str()), Some(fruit));
        }
        assert_eq!(Fruit::parse("Apple"), None);
        assert_eq!(Fruit::parse(""), None);
    }
}
