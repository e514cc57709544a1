//! What nodes share of ACME in a store, encrypted with a key made of the secret they share.
//!
//! Whoever reads the store, or writes to it, learns no key and puts none of their own in the place
//! of one: AES-256-GCM, with the name of what is sealed as associated data.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use data_encoding::HEXLOWER;

/// Tells these keys from others that may be made of the same secret.
const SALT: &[u8] = b"headcount acme";

/// Seals and opens what is shared under one secret.
pub struct Seal {
    key: LessSafeKey,
    group: String,
}

/// Bytes of a group's name.
struct Name;

impl KeyType for Name {
    fn len(&self) -> usize {
        8
    }
}

impl Seal {
    /// # Errors
    /// None that a secret could cause.
    pub fn new(secret: &str) -> Result<Self, Unspecified> {
        let made: Prk = Salt::new(HKDF_SHA256, SALT).extract(secret.as_bytes());
        let key = UnboundKey::from(made.expand(&[b"key"], &AES_256_GCM)?);
        let mut name = [0; 8];
        made.expand(&[b"name"], Name)?.fill(&mut name)?;
        Ok(Self { key: LessSafeKey::new(key), group: HEXLOWER.encode(&name) })
    }

    /// Names those who know the secret: others on the same store have another.
    pub fn group(&self) -> &str {
        &self.group
    }

    /// # Errors
    /// None for what fits into memory.
    pub fn seal(&self, name: &str, plain: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let nonce: [u8; NONCE_LEN] = rand::random();
        let mut sealed = plain.to_vec();
        let aad = Aad::from(name.as_bytes());
        self.key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)?;
        sealed.splice(0..0, nonce);
        Ok(sealed)
    }

    /// `None`: it was not sealed under this name with this secret.
    pub fn open(&self, name: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut plain = rest.to_vec();
        let aad = Aad::from(name.as_bytes());
        let length = self.key.open_in_place(nonce, aad, &mut plain).ok()?.len();
        plain.truncate(length);
        Some(plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_secret_and_name_open() {
        let seal = Seal::new("a secret of many characters, truly").unwrap();
        let sealed = seal.seal("state", b"a private key").unwrap();
        assert_eq!(seal.open("state", &sealed).as_deref(), Some(&b"a private key"[..]));
        assert!(!sealed.windows(7).any(|part| part == b"private"));
        assert_ne!(sealed, seal.seal("state", b"a private key").unwrap(), "a nonce of its own");

        let other = Seal::new("a secret of many characters, other").unwrap();
        assert_ne!(seal.group(), other.group());
        assert_eq!(other.open("state", &sealed), None);
        assert_eq!(seal.open("challenges", &sealed), None);
        for at in [0, NONCE_LEN, sealed.len() - 1] {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(seal.open("state", &changed), None, "{at}");
        }
        assert_eq!(seal.open("state", &sealed[..NONCE_LEN - 1]), None);
        assert_eq!(seal.open("state", b""), None);
        assert_eq!(Seal::new("a secret of many characters, truly").unwrap().group(), seal.group());
    }
}
