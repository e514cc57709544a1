//! Who may see what is under a path, by name and password (RFC 7617).
//!
//! A password's hash is meant to be expensive. So few are worked out at a time, on threads of their
//! own, and who was let in is not asked again for a while.

use anyhow::Context;
use argon2::Argon2;
use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::PasswordHash;
use data_encoding::BASE64;
use lru::LruCache;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// How long somebody is not asked again.
const REMEMBERED: Duration = Duration::from_secs(300);

/// People who are remembered.
const MOST: NonZeroUsize = NonZeroUsize::new(1_024).unwrap();

/// Hashes that are worked out at a time.
const AT_A_TIME: usize = 2;

/// Those that wait for it; beyond, a request is told to come back.
const WAITING: usize = 32;

/// Longest `Authorization` that is looked at.
const LONGEST: usize = 1_024;

/// People by name, with the hash of their password.
pub struct Passwords {
    people: Arc<HashMap<String, PasswordHash>>,
    /// Digests of what somebody was let in with, and until when.
    known: Mutex<LruCache<[u8; 32], Instant>>,
    waiting: Semaphore,
    working: Semaphore,
}

/// Whether somebody may see what was asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    Known,
    Unknown,
    /// Too many are asking.
    Busy,
}

impl Passwords {
    /// # Errors
    /// A file that cannot be read, or a line that is not `NAME:HASH`.
    pub fn read(files: &[&Path]) -> anyhow::Result<Self> {
        let mut people = HashMap::new();
        for file in files {
            let name = || file.display().to_string();
            let text = fs::read_to_string(file).with_context(name)?;
            for (nth, line) in text.lines().enumerate() {
                let line = line.trim();
                if line.is_empty() || line.starts_with('#') {
                    continue;
                }
                let read = line.split_once(':').and_then(|(who, hash)| {
                    let hash = PasswordHash::new(hash).ok()?;
                    let is_argon2 =
                        hash.hash.is_some() && hash.algorithm.as_str().starts_with("argon2");
                    is_argon2.then_some((who.to_owned(), hash))
                });
                // Without what it says: it may be a password.
                let (who, hash) = read.with_context(|| {
                    format!(
                        "{}:{} is not NAME:HASH, with a hash of `headcount passwd`",
                        name(),
                        nth + 1
                    )
                })?;
                people.insert(who, hash);
            }
        }
        Ok(Self {
            people: Arc::new(people),
            known: Mutex::new(LruCache::new(MOST)),
            waiting: Semaphore::new(WAITING),
            working: Semaphore::new(AT_A_TIME),
        })
    }

    /// Whether who sends this in `Authorization` is one of them.
    pub async fn judge(&self, authorization: &[u8]) -> Verdict {
        let Some((who, password)) = credentials(authorization) else { return Verdict::Unknown };
        let digest: [u8; 32] = Sha256::digest(authorization).into();
        if self.remembers(&digest) {
            return Verdict::Known;
        }
        let Ok(_waits) = self.waiting.try_acquire() else { return Verdict::Busy };
        let Ok(_works) = self.working.acquire().await else { return Verdict::Busy };
        // Others with the same may have been let in meanwhile.
        if self.remembers(&digest) {
            return Verdict::Known;
        }
        let people = self.people.clone();
        let verify = move || {
            // A name that nobody has takes as long.
            let hash = people.get(&who).or_else(|| people.values().next());
            let fits = hash.is_some_and(|hash| {
                Argon2::default().verify_password(password.as_bytes(), hash).is_ok()
            });
            fits && people.contains_key(&who)
        };
        match tokio::task::spawn_blocking(verify).await {
            Ok(true) => {
                let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                known.put(digest, Instant::now() + REMEMBERED);
                Verdict::Known
            }
            Ok(false) | Err(_) => Verdict::Unknown,
        }
    }

    fn remembers(&self, digest: &[u8; 32]) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(digest).is_some_and(|until| Instant::now() < *until)
    }
}

/// Name and password.
fn credentials(authorization: &[u8]) -> Option<(String, String)> {
    if authorization.len() > LONGEST {
        return None;
    }
    let text = std::str::from_utf8(authorization).ok()?;
    let (scheme, encoded) = text.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64.decode(encoded.trim().as_bytes()).ok()?).ok()?;
    let (who, password) = decoded.split_once(':')?;
    Some((who.to_owned(), password.to_owned()))
}
