//! Credentials: a password for people, tokens for programs, and browsers that have signed in.
//!
//! Apart from the handlers so that every comparison of a secret stands in one file. It knows no
//! HTTP beyond a header's value.

use super::sessions::Sessions;
use crate::tokens::{BadToken, Tokens};
use arc_swap::ArcSwap;
use argon2::Argon2;
use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::PasswordHash;
use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::net::SocketAddr;
use std::sync::Arc;

/// Who may see the admin port. Without any credential: whoever reaches it on loopback.
pub struct Auth {
    credentials: ArcSwap<Credentials>,
    pub(super) sessions: Sessions,
}

#[derive(Clone)]
struct Credentials {
    password_hash: Option<PasswordHash>,
    tokens: Tokens,
}

#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    #[error("the password hash is not one that `headcount passwd` makes: {0}")]
    PasswordHash(String),
    #[error(transparent)]
    Token(#[from] BadToken),
    #[error("admin {0} is not a loopback address, and there would be no credentials")]
    Open(SocketAddr),
}

impl Credentials {
    fn new(password_hash: Option<&str>, tokens: &[String]) -> Result<Self, AuthError> {
        let password_hash = password_hash
            .map(|hash| PasswordHash::new(hash).map_err(|e| AuthError::PasswordHash(e.to_string())))
            .transpose()?;
        let tokens = Tokens::new(tokens)?;
        Ok(Self { password_hash, tokens })
    }

    fn are_none(&self) -> bool {
        self.password_hash.is_none() && self.tokens.is_empty()
    }

    /// Signs the number of a browser in which somebody has signed in, by the password's hash: so a
    /// mark is good for as long as the password, on every node and after every restart.
    fn mac(&self, browser: &str, whose: &str) -> Option<Hmac<Sha256>> {
        let key = self.password_hash.as_ref()?.to_string();
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(key.as_bytes()).ok()?;
        mac.update(format!("{browser} {whose}").as_bytes());
        Some(mac)
    }
}

impl Auth {
    /// `password_hash` is an argon2 hash in PHC form; each of `tokens` a token as it is, or
    /// `sha256:` and the hexadecimal digest of one.
    ///
    /// # Errors
    /// If one of them could never match.
    pub fn new(password_hash: Option<&str>, tokens: &[String]) -> Result<Self, AuthError> {
        let credentials = Credentials::new(password_hash, tokens)?;
        Ok(Self { credentials: ArcSwap::from_pointee(credentials), sessions: Sessions::default() })
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
        let new = Arc::new(Credentials::new(password_hash, tokens)?);
        if new.are_none() && !is_loopback(address) {
            return Err(AuthError::Open(address));
        }
        let before = self.credentials.swap(new.clone());
        if new.password_hash != before.password_hash {
            self.sessions.close_of_file();
        }
        Ok(())
    }

    /// No credentials are set.
    pub fn is_open(&self) -> bool {
        self.credentials.load().are_none()
    }

    /// Whether the admin port may listen on `address`: without credentials only on loopback.
    pub fn allows_bind(&self, address: SocketAddr) -> bool {
        !self.is_open() || is_loopback(address)
    }

    /// How many tokens there are.
    pub(super) fn tokens(&self) -> usize {
        self.credentials.load().tokens.len()
    }

    pub(super) fn has_password(&self) -> bool {
        self.credentials.load().password_hash.is_some()
    }

    /// Costs tens of milliseconds and megabytes, on purpose: never on a thread that serves others.
    pub(super) fn password_is(&self, password: &str) -> bool {
        self.credentials.load().password_hash.as_ref().is_some_and(|hash| {
            Argon2::default().verify_password(password.as_bytes(), hash).is_ok()
        })
    }

    /// Judges the value of an `Authorization` header.
    pub(super) fn token_is_valid(&self, authorization: &str) -> bool {
        self.credentials.load().tokens.accept(authorization)
    }

    /// A mark for a browser in which somebody has signed in: its number, and a MAC over both.
    pub(super) fn mark(&self, browser: u64, whose: &str) -> Option<String> {
        let browser = format!("{browser:016x}");
        let mac = self.credentials.load().mac(&browser, whose)?.finalize().into_bytes();
        Some(format!("{browser}.{}", BASE64URL_NOPAD.encode(&mac)))
    }

    /// The number in a mark, if it is ours and for this one.
    pub(super) fn marked(&self, mark: &str, whose: &str) -> Option<u64> {
        let (browser, mac) = mark.split_once('.')?;
        let mac = BASE64URL_NOPAD.decode(mac.as_bytes()).ok()?;
        self.credentials.load().mac(browser, whose)?.verify_slice(&mac).ok()?;
        u64::from_str_radix(browser, 16).ok()
    }
}

fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::sessions::Of;
    use argon2::password_hash::PasswordHasher;

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
            let refused = tokens(&["good-token", wrong]).err().unwrap().to_string();
            assert!(refused.starts_with("token number 2 is"), "{wrong}: {refused}");
        }
        assert!(matches!(Auth::new(Some("hunter2"), &[]), Err(AuthError::PasswordHash(_))));
    }

    /// The least work that argon2 can be asked for.
    fn hash(password: &str) -> String {
        let quick = argon2::Params::new(8, 1, 1, None).unwrap();
        let argon2 = Argon2::new(Default::default(), Default::default(), quick);
        argon2.hash_password(password.as_bytes()).unwrap().to_string()
    }

    #[test]
    fn a_mark_is_good_for_as_long_as_the_password() {
        let (one, other) = (hash("one"), hash("other"));
        let auth = Auth::new(Some(&one), &[]).unwrap();
        let mark = auth.mark(7, "A").unwrap();
        assert_eq!(auth.marked(&mark, "A"), Some(7));
        assert_eq!(auth.marked(&mark, "B"), None, "for another");
        let restarted = Auth::new(Some(&one), &[]).unwrap();
        assert_eq!(restarted.marked(&mark, "A"), Some(7), "after a restart");
        for wrong in ["", ".", "7.", &mark.replacen('7', "8", 1), &format!("{mark}A")] {
            assert_eq!(auth.marked(wrong, "A"), None, "{wrong}");
        }
        assert_eq!(Auth::new(Some(&other), &[]).unwrap().marked(&mark, "A"), None);
        assert_eq!(tokens(&["some-token"]).unwrap().mark(7, "A"), None);
    }

    #[test]
    fn another_password_ends_all_sessions() {
        let (one, other) = (hash("one"), hash("other"));
        let address = "127.0.0.1:1".parse().unwrap();
        let auth = Auth::new(Some(&one), &[]).unwrap();
        let session = auth.sessions.open(Of::File { epoch: None }, 0);
        auth.replace(Some(&one), &["some-token".into()], address).unwrap();
        assert!(auth.sessions.of(&session, 0).is_some());
        auth.replace(Some(&other), &["some-token".into()], address).unwrap();
        assert!(auth.sessions.of(&session, 0).is_none());
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
