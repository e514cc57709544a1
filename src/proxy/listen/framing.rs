//! Where the body of a request ends, found while its bytes pass.
//!
//! What comes after it is the next request, so every byte of a chunked body's framing must be as
//! RFC 9112 §7.1 has it: where a proxy and a website could disagree, the request is refused.

use std::io;

/// Chunk extensions and trailers are of no use to anyone we know; their length is bounded.
const MAX_LINE: usize = 4096;
/// All trailers of a body together.
const MAX_TRAILERS: usize = 16 * 1024;

/// What is left of a body.
#[derive(Debug, PartialEq, Eq)]
pub enum Framing {
    /// Bytes to come.
    Length(u64),
    Chunked(Chunked),
}

#[derive(Debug, PartialEq, Eq)]
pub struct Chunked {
    expect: Expect,
    /// Size of the current chunk as far as it was read, or bytes of its data to come.
    size: u64,
    /// Bytes of the current line so far, or of all trailers.
    line: usize,
}

/// Which part of a chunked body the next byte belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    FirstDigit,
    Size,
    Extension,
    SizeLineFeed,
    Data,
    DataReturn,
    DataLineFeed,
    TrailerStart,
    Trailer,
    TrailerLineFeed,
    LastLineFeed,
    Nothing,
}

impl Framing {
    pub fn length(bytes: u64) -> Self {
        Self::Length(bytes)
    }

    pub fn chunked() -> Self {
        Self::Chunked(Chunked { expect: Expect::FirstDigit, size: 0, line: 0 })
    }

    pub fn is_over(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(chunked) => chunked.expect == Expect::Nothing,
        }
    }

    /// Takes in bytes of the connection. Returns how many of them belong to the body.
    ///
    /// # Errors
    /// `InvalidData`: the framing is malformed. What comes after is not to be trusted.
    pub fn pass(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Length(left) => {
                let taken = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= taken as u64;
                Ok(taken)
            }
            Self::Chunked(chunked) => chunked.pass(bytes),
        }
    }
}

impl Chunked {
    fn pass(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut at = 0;
        while at < bytes.len() && self.expect != Expect::Nothing {
            if self.expect == Expect::Data {
                let skipped =
                    (bytes.len() - at).min(usize::try_from(self.size).unwrap_or(usize::MAX));
                self.size -= skipped as u64;
                at += skipped;
                if self.size == 0 {
                    self.expect = Expect::DataReturn;
                }
                continue;
            }
            self.expect = self.next(bytes[at]).ok_or(io::ErrorKind::InvalidData)?;
            at += 1;
        }
        Ok(at)
    }

    /// What comes after a byte that is not data. `None`: malformed.
    fn next(&mut self, byte: u8) -> Option<Expect> {
        use Expect::*;
        match (self.expect, byte) {
            (FirstDigit | Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16)?;
                self.size = self.size.checked_mul(16)?.checked_add(u64::from(digit))?;
                (self.size <= i64::MAX as u64).then_some(Size)
            }
            (Size, b';' | b' ' | b'\t') => Some(Extension),
            (Size | Extension, b'\r') => {
                self.line = 0;
                Some(SizeLineFeed)
            }
            (Extension, b'\t' | b' '..=b'~' | 0x80..) => self.within(MAX_LINE, Extension),
            (SizeLineFeed, b'\n') if self.size == 0 => Some(TrailerStart),
            (SizeLineFeed, b'\n') => Some(Data),
            (DataReturn, b'\r') => Some(DataLineFeed),
            (DataLineFeed, b'\n') => Some(FirstDigit),
            (TrailerStart, b'\r') => Some(LastLineFeed),
            (LastLineFeed, b'\n') => Some(Nothing),
            (TrailerStart, b'!'..=b'~') | (Trailer, b'\t' | b' '..=b'~' | 0x80..) => {
                self.within(MAX_TRAILERS, Trailer)
            }
            (Trailer, b'\r') => Some(TrailerLineFeed),
            (TrailerLineFeed, b'\n') => Some(TrailerStart),
            _ => None,
        }
    }

    fn within(&mut self, bound: usize, next: Expect) -> Option<Expect> {
        self.line += 1;
        (self.line <= bound).then_some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// How many bytes belong to a chunked body; `None`: malformed, or more is to come.
    fn taken(bytes: &[u8]) -> Option<usize> {
        let mut framing = Framing::chunked();
        let taken = framing.pass(bytes).ok()?;
        framing.is_over().then_some(taken)
    }

    #[test]
    fn a_body_of_known_length_ends_there() {
        let mut framing = Framing::length(5);
        assert_eq!(framing.pass(b"abc").unwrap(), 3);
        assert!(!framing.is_over());
        assert_eq!(framing.pass(b"deGET /").unwrap(), 2);
        assert!(framing.is_over());
        assert_eq!(framing.pass(b"GET /").unwrap(), 0);
    }

    #[test]
    fn a_chunked_body_ends_after_its_trailers() {
        for body in [
            "0\r\n\r\n",
            "000\r\n\r\n",
            "3\r\nabc\r\n0\r\n\r\n",
            "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n",
            "3;name=\"value\"\r\nabc\r\n0;x\r\n\r\n",
            "3 ;x\r\nabc\r\n0\r\n\r\n",
            "3\r\n\r\n\n\r\n0\r\n\r\n",
            "0\r\nX: y\r\nZ: caf\u{e9}\r\n\r\n",
        ] {
            let both = format!("{body}GET / HTTP/1.1\r\n\r\n");
            assert_eq!(taken(both.as_bytes()), Some(body.len()), "{body:?}");
        }
    }

    #[test]
    fn malformed_chunks_are_refused() {
        for body in [
            "\r\n0\r\n\r\n",
            ";x\r\n0\r\n\r\n",
            " 3\r\nabc\r\n0\r\n\r\n",
            "-1\r\n",
            "+3\r\nabc\r\n0\r\n\r\n",
            "0x3\r\nabc\r\n0\r\n\r\n",
            "g\r\n",
            "3\nabc\r\n0\r\n\r\n",
            "3;x\nabc\r\n0\r\n\r\n",
            "3;x\rabc\r\n0\r\n\r\n",
            "3\r\nabcd\r\n0\r\n\r\n",
            "3\r\nabc\n0\r\n\r\n",
            "3\r\nabc0\r\n\r\n",
            "8000000000000000\r\n",
            "10000000000000000\r\n",
            "0\r\n\n",
            "0\r\nX: y\n\r\n",
            "0\r\n X: y\r\n\r\n",
            "0\r\nX: \0\r\n\r\n",
        ] {
            let mut framing = Framing::chunked();
            let error = framing.pass(body.as_bytes()).expect_err(body);
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{body:?}");
        }
        let long = format!("0;{}\r\n\r\n", "x".repeat(MAX_LINE + 1));
        assert!(Framing::chunked().pass(long.as_bytes()).is_err());
        let trailers = format!("0\r\n{}\r\n", "X: yyyyyyyyyyyy\r\n".repeat(MAX_TRAILERS / 8));
        assert!(Framing::chunked().pass(trailers.as_bytes()).is_err());
    }

    proptest! {
        /// However a connection cuts a body into pieces, the same bytes belong to it.
        #[test]
        fn pieces_make_no_difference(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6),
            cuts in prop::collection::vec(1usize..20, 1..100),
        ) {
            let mut body = Vec::new();
            for chunk in &chunks {
                body.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                body.extend_from_slice(chunk);
                body.extend_from_slice(b"\r\n");
            }
            body.extend_from_slice(b"0\r\n\r\n");
            let expected = body.len();
            body.extend_from_slice(b"GET /next HTTP/1.1\r\n\r\n");

            let (mut framing, mut rest, mut total) = (Framing::chunked(), &body[..], 0);
            for cut in cuts.iter().cycle() {
                if framing.is_over() || rest.is_empty() {
                    break;
                }
                let (piece, _) = rest.split_at((*cut).min(rest.len()));
                let taken = framing.pass(piece).unwrap();
                total += taken;
                rest = &rest[taken..];
            }
            prop_assert!(framing.is_over());
            prop_assert_eq!(total, expected);
        }
    }
}
