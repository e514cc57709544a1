//! Credentials: a password for people, tokens for programs, and the sessions a password opens.
//!
//! Apart from the handlers so that every comparison of a secret stands in one file. It knows no
//! HTTP beyond a header's value.

use crate::clock::{HOUR, Millis};
use arc_swap::ArcSwap;
use argon2::Argon2;
use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::PasswordHash;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::net::SocketAddr;
use std::sync::Arc;

/// How long a session lasts without signing in again.
pub(super) const SESSION: Millis = 7 * 24 * HOUR;

/// Who may see the admin port. Without any credential: whoever reaches it on loopback.
pub struct Auth(ArcSwap<Credentials>);

#[derive(Clone)]
struct Credentials {
    password_hash: Option<PasswordHash>,
    /// SHA-256 of each token: comparing these gives nothing away about a token.
    tokens: Vec<[u8; 32]>,
    /// Signs sessions. Made new by each process, so that nothing in a file or the store can forge
    /// one; a restart asks for the password again. A whole block of SHA-256.
    session_key: [u8; 64],
}

#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    #[error("the password hash is not one that `headcount passwd` makes: {0}")]
    PasswordHash(String),
    #[error("token number {0} is empty, or not 64 hexadecimal digits after `sha256:`")]
    Token(usize),
    #[error("admin {0} is not a loopback address, and there would be no credentials")]
    Open(SocketAddr),
    #[error("no randomness for session keys: {0}")]
    Randomness(getrandom::Error),
}

impl Credentials {
    fn new(password_hash: Option<&str>, tokens: &[String]) -> Result<Self, AuthError> {
        let password_hash = password_hash
            .map(|hash| PasswordHash::new(hash).map_err(|e| AuthError::PasswordHash(e.to_string())))
            .transpose()?;
        let tokens = tokens
            .iter()
            .zip(1..)
            .map(|(token, nth)| digest(token).ok_or(AuthError::Token(nth)))
            .collect::<Result<_, _>>()?;
        let mut session_key = [0; 64];
        getrandom::fill(&mut session_key).map_err(AuthError::Randomness)?;
        Ok(Self { password_hash, tokens, session_key })
    }

    fn mac(&self, text: &str) -> Hmac<Sha256> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new(&self.session_key.into());
        mac.update(text.as_bytes());
        mac
    }
}

impl Auth {
    /// `password_hash` is an argon2 hash in PHC form; each of `tokens` a token as it is, or
    /// `sha256:` and the hexadecimal digest of one.
    ///
    /// # Errors
    /// If one of them could never match.
    pub fn new(password_hash: Option<&str>, tokens: &[String]) -> Result<Self, AuthError> {
        Credentials::new(password_hash, tokens).map(|new| Self(ArcSwap::from_pointee(new)))
    }

    /// From now on these, and the port is on `address`. Who signed in with a password that stays is
    /// not asked again.
    ///
    /// # Errors
    /// As [`Auth::new`]; or there are none, and the port may not be open to all. Those in use stay.
    pub fn replace(
        &self,
        password_hash: Option<&str>,
        tokens: &[String],
        address: SocketAddr,
    ) -> Result<(), AuthError> {
        let mut new = Credentials::new(password_hash, tokens)?;
        let now = self.0.load();
        if new.password_hash == now.password_hash {
            new.session_key = now.session_key;
        }
        if !Self(ArcSwap::from_pointee(new.clone())).allows_bind(address) {
            return Err(AuthError::Open(address));
        }
        self.0.store(Arc::new(new));
        Ok(())
    }

    /// No credentials are set.
    pub fn is_open(&self) -> bool {
        let known = self.0.load();
        known.password_hash.is_none() && known.tokens.is_empty()
    }

    /// Whether the admin port may listen on `address`: without credentials only on loopback.
    pub fn allows_bind(&self, address: SocketAddr) -> bool {
        !self.is_open() || address.ip().to_canonical().is_loopback()
    }

    pub(super) fn has_password(&self) -> bool {
        self.0.load().password_hash.is_some()
    }

    /// Costs tens of milliseconds and megabytes, on purpose: never on a thread that serves others.
    pub(super) fn password_is(&self, password: &str) -> bool {
        self.0.load().password_hash.as_ref().is_some_and(|hash| {
            Argon2::default().verify_password(password.as_bytes(), hash).is_ok()
        })
    }

    /// Judges the value of an `Authorization` header.
    pub(super) fn token_is_valid(&self, authorization: &str) -> bool {
        let Some((scheme, token)) = authorization.split_once(' ') else { return false };
        if !scheme.eq_ignore_ascii_case("bearer") {
            return false;
        }
        let digest: [u8; 32] = Sha256::digest(token.trim().as_bytes()).into();
        // Every token is compared, every byte of it.
        self.0.load().tokens.iter().fold(false, |found, known| found | same(known, &digest))
    }

    /// A session that ends at [`SESSION`] from now: when, and a MAC over it.
    pub(super) fn open_session(&self, now: Millis) -> String {
        let expires = (now + SESSION).to_string();
        let mac = self.0.load().mac(&expires).finalize().into_bytes();
        format!("{expires}.{}", BASE64_URL_SAFE_NO_PAD.encode(mac))
    }

    pub(super) fn session_is_valid(&self, session: &str, now: Millis) -> bool {
        let Some((expires, mac)) = session.split_once('.') else { return false };
        let Ok(mac) = BASE64_URL_SAFE_NO_PAD.decode(mac) else { return false };
        self.0.load().mac(expires).verify_slice(&mac).is_ok()
            && expires.parse::<Millis>().is_ok_and(|expires| now < expires)
    }
}

fn digest(token: &str) -> Option<[u8; 32]> {
    match token.strip_prefix("sha256:") {
        None => (!token.is_empty()).then(|| Sha256::digest(token.as_bytes()).into()),
        Some(hex) if hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()) => {
            let mut digest = [0; 32];
            for (byte, at) in digest.iter_mut().zip((0..64).step_by(2)) {
                *byte = u8::from_str_radix(&hex[at..at + 2], 16).ok()?;
            }
            Some(digest)
        }
        Some(_) => None,
    }
}

fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.iter().zip(b).fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(tokens: &[&str]) -> Result<Auth, AuthError> {
        Auth::new(None, &tokens.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn tokens_match_as_they_are_or_by_digest() {
        let abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let auth = tokens(&["first-token", abc]).unwrap();
        for good in ["Bearer first-token", "bearer abc", "Bearer  abc "] {
            assert!(auth.token_is_valid(good), "{good}");
        }
        for bad in
            ["Bearer first-toke", "Basic abc", "abc", "", "Bearer ", &format!("Bearer {abc}")]
        {
            assert!(!auth.token_is_valid(bad), "{bad}");
        }
    }

    #[test]
    fn credentials_that_could_never_match_are_refused() {
        for wrong in ["", "sha256:", "sha256:zz", &format!("sha256:{}", "+1".repeat(32))] {
            assert!(matches!(tokens(&["good-token", wrong]), Err(AuthError::Token(2))), "{wrong}");
        }
        assert!(matches!(Auth::new(Some("hunter2"), &[]), Err(AuthError::PasswordHash(_))));
    }

    #[test]
    fn a_session_ends_and_cannot_be_prolonged() {
        let auth = tokens(&[]).unwrap();
        let session = auth.open_session(1_000);
        assert!(auth.session_is_valid(&session, 1_000 + SESSION - 1));
        assert!(!auth.session_is_valid(&session, 1_000 + SESSION));
        let later = session.replace(&(1_000 + SESSION).to_string(), &(2_000 + SESSION).to_string());
        assert!(!auth.session_is_valid(&later, 1_000));
        assert!(!tokens(&[]).unwrap().session_is_valid(&session, 1_000));
        assert!(!auth.session_is_valid("", 1_000));
    }

    #[test]
    fn without_credentials_only_loopback() {
        let open = tokens(&[]).unwrap();
        for loopback in ["127.0.0.1:1", "127.8.8.8:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert!(open.allows_bind(loopback.parse().unwrap()), "{loopback}");
        }
        for other in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1"] {
            assert!(!open.allows_bind(other.parse().unwrap()), "{other}");
            assert!(tokens(&["some-token"]).unwrap().allows_bind(other.parse().unwrap()));
        }
    }
}
