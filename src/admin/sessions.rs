//! The sessions that a password opened, until they end.
//!
//! Apart from the credentials, which say who may open one. A session is a random name that only
//! this process knows, by its digest: nothing in a file or in the store can make one, signing out
//! ends it here and not only in the browser, and a restart asks for the password again.

use crate::clock::{HOUR, Millis};
use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How long a session lasts without signing in again.
pub(super) const SESSION: Millis = 7 * 24 * HOUR;

/// Sessions open at a time; one more ends the oldest.
const MOST: usize = 1_000;

/// Those that are open: the digest of each name, and when it ends.
#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<[u8; 32], Millis>>);

impl Sessions {
    /// Opens one that ends at [`SESSION`] from now; its name.
    pub(super) fn open(&self, now: Millis) -> String {
        let name = BASE64URL_NOPAD.encode(&rand::random::<[u8; 32]>());
        let mut open = self.lock();
        open.retain(|_, end| now < *end);
        if open.len() >= MOST
            && let Some(oldest) = open.iter().min_by_key(|(_, end)| **end).map(|(name, _)| *name)
        {
            open.remove(&oldest);
        }
        open.insert(digest(&name), now + SESSION);
        name
    }

    pub(super) fn is_open(&self, name: &str, now: Millis) -> bool {
        self.lock().get(&digest(name)).is_some_and(|end| now < *end)
    }

    pub(super) fn close(&self, name: &str) {
        self.lock().remove(&digest(name));
    }

    pub(super) fn close_all(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Millis>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looked up in the place of the name: how long that takes tells nothing about a name.
fn digest(name: &str) -> [u8; 32] {
    Sha256::digest(name).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_by_itself_or_when_it_is_closed() {
        let sessions = Sessions::default();
        let (kept, left) = (sessions.open(1_000), sessions.open(1_000));
        assert!(sessions.is_open(&kept, 1_000 + SESSION - 1));
        assert!(!sessions.is_open(&kept, 1_000 + SESSION));
        sessions.close(&left);
        assert!(sessions.is_open(&kept, 1_000) && !sessions.is_open(&left, 1_000));
        sessions.close_all();
        assert!(!sessions.is_open(&kept, 1_000));
        assert!(!sessions.is_open("", 1_000));
    }

    #[test]
    fn many_sessions_do_not_fill_the_memory() {
        let sessions = Sessions::default();
        let first = sessions.open(0);
        let more: Vec<String> = (1..=MOST as i64).map(|now| sessions.open(now)).collect();
        assert!(!sessions.is_open(&first, 1));
        assert!(more.iter().all(|name| sessions.is_open(name, 1)));
    }
}
