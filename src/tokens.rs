//! Bearer tokens of programs, as the settings have them: who may ask for numbers, and who may tell
//! of visitors in their name.
//!
//! Apart because both the admin port and the site ask for them, and every comparison of a token
//! stands here.

use data_encoding::HEXLOWER_PERMISSIVE;
use hmac::digest::CtOutput;
use sha2::{Digest, Sha256};
use std::fmt;

/// SHA-256 of each token, compared in constant time.
#[derive(Clone, Default)]
pub struct Tokens(Vec<CtOutput<Sha256>>);

/// A token that could never match, by its number, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("token number {0} is empty, or not 64 hexadecimal digits after `sha256:`")]
pub struct BadToken(usize);

impl Tokens {
    /// Each a token as it is, or `sha256:` and the hexadecimal digest of one.
    ///
    /// # Errors
    /// One that could never match.
    pub fn new(tokens: &[String]) -> Result<Self, BadToken> {
        let digests = tokens.iter().zip(1..).map(|(token, nth)| digest(token).ok_or(BadToken(nth)));
        Ok(Self(digests.collect::<Result<_, _>>()?))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Judges the value of an `Authorization` header.
    pub fn accept(&self, authorization: &str) -> bool {
        let Some((scheme, token)) = authorization.split_once(' ') else { return false };
        if !scheme.eq_ignore_ascii_case("bearer") {
            return false;
        }
        let digest = CtOutput::new(Sha256::digest(token.trim()));
        // Every token is compared: how long that takes does not tell which one matched.
        self.0.iter().fold(false, |found, known| found | (*known == digest))
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tokens", self.0.len())
    }
}

fn digest(token: &str) -> Option<CtOutput<Sha256>> {
    let digest = match token.strip_prefix("sha256:") {
        None if token.is_empty() => return None,
        None => Sha256::digest(token),
        Some(hex) => {
            let bytes = HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok()?;
            <[u8; 32]>::try_from(bytes).ok()?.into()
        }
    };
    Some(CtOutput::new(digest))
}
