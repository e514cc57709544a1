//! Passwords of people and links: made here and compared here, as argon2 hashes.
//!
//! Each takes tens of milliseconds and megabytes, on purpose: never on a thread that serves others.

use crate::report::{Invalid, Reason};
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use once_cell::sync::Lazy;

/// Characters of a password.
pub(super) const SHORTEST: usize = 8;
const LONGEST: usize = 200;

/// Compared with where there is no hash, so that an unknown name takes as long to refuse.
static NOBODY: Lazy<String> = Lazy::new(|| hash("nobody has this one").unwrap_or_default());

/// # Errors
/// It is too short, or too long to be hashed for anybody who asks.
pub(super) fn check(password: &str) -> Result<(), Invalid> {
    match password.chars().count() {
        SHORTEST..=LONGEST => Ok(()),
        _ => {
            let line = format!("a password has {SHORTEST} to {LONGEST} characters");
            Err(Invalid::new(line).because(Reason::Password { least: SHORTEST, most: LONGEST }))
        }
    }
}

/// The hash of a password, in PHC form.
///
/// # Errors
/// There is no memory for it.
pub(super) fn hash(password: &str) -> Result<String, Invalid> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|e| Invalid::new(format!("cannot hash: {e}")))
}

/// Whether it is the password of a hash; of no hash it is not, which takes as long.
pub(super) fn is(hash: Option<&str>, password: &str) -> bool {
    let Ok(known) = PasswordHash::new(hash.unwrap_or(NOBODY.as_str())) else { return false };
    let fits = Argon2::default().verify_password(password.as_bytes(), &known).is_ok();
    fits && hash.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_fits_its_own_hash_only() {
        let hash = hash("correct horse").unwrap();
        assert!(is(Some(&hash), "correct horse"));
        assert!(!is(Some(&hash), "correct hors") && !is(None, "nobody has this one"));
        assert!(!is(Some("no hash"), "x"));
        assert!(check("short").is_err() && check("long enough").is_ok());
    }
}
