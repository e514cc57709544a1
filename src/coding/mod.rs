//! Content codings (RFC 9110 §8.4.1): gzip, br and zstd, undone and done piece by piece.
//!
//! Apart because a page that gains the script's tag needs both directions, and compression one of
//! them. What has been put in so far can be had at any time, so that nothing a website has sent
//! waits for the end of its answer, and memory is bounded by the coding's window, however long the
//! text is. It knows nothing of HTTP but the names.

mod decode;
mod encode;

pub use decode::Decoder;
pub use encode::Encoder;

/// A content coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    Gzip,
    Brotli,
    Zstd,
}

impl Coding {
    pub const ALL: [Self; 3] = [Self::Gzip, Self::Brotli, Self::Zstd];

    /// By its name, in any case; `x-gzip` is gzip (RFC 9110 §8.4.1.3).
    pub fn named(name: &[u8]) -> Option<Self> {
        let is = |word: &str| name.eq_ignore_ascii_case(word.as_bytes());
        let coding = Self::ALL.into_iter().find(|coding| is(coding.as_str()));
        coding.or_else(|| is("x-gzip").then_some(Self::Gzip))
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }
}

/// What cannot be decoded, or coded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {why}", coding.as_str())]
pub struct BadCoding {
    coding: Coding,
    why: String,
}

impl BadCoding {
    fn new(coding: Coding, why: impl ToString) -> Self {
        Self { coding, why: why.to_string() }
    }
}

#[cfg(test)]
mod tests;
