//! Enums of which each variant has a word: as it is stored, measured, or written in an answer.
//!
//! The word stands beside its variant and nowhere else, and nobody keeps a list of all variants.

/// Makes such an enum: with all of its variants, the word of each, and the way back from a word.
macro_rules! words {
    ($(#[$about:meta])* $visible:vis enum $name:ident {
        $($(#[$about_it:meta])* $variant:ident = $word:literal,)*
    }) => {
        $(#[$about])*
        $visible enum $name { $($(#[$about_it])* $variant,)* }

        #[allow(dead_code, reason = "not all of them are read back")]
        impl $name {
            /// All of them, in their order.
            pub const ALL: [Self; [$($word),*].len()] = [$(Self::$variant),*];

            /// Its word.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The one with this word.
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

pub(crate) use words;
