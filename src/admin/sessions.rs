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

/// Sessions open at a time; one more ends the oldest of who has most, so nobody signs others out by
/// signing in.
const MOST: usize = 1_000;

/// Whose it is. With another epoch in the store it has ended, on all nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// Who has the file's password; `None`: the store did not answer when they signed in.
    File {
        epoch: Option<u64>,
    },
    Person {
        id: u64,
        epoch: u64,
    },
    /// Who has a link's password.
    Link {
        id: u64,
    },
}

impl Of {
    /// Who it is, whatever the epoch.
    pub(super) fn whose(self) -> String {
        match self {
            Self::File { .. } => "file".to_owned(),
            Self::Person { id, .. } => format!("person {id}"),
            Self::Link { id } => format!("link {id}"),
        }
    }
}

/// Those that are open: the digest of each name, when it ends, and whose it is.
#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<[u8; 32], (Millis, Of)>>);

impl Sessions {
    /// Opens one that ends at [`SESSION`] from now; its name.
    pub(super) fn open(&self, of: Of, now: Millis) -> String {
        let name = BASE64URL_NOPAD.encode(&rand::random::<[u8; 32]>());
        let mut open = self.lock();
        open.retain(|_, (end, _)| now < *end);
        if open.len() >= MOST {
            let mut each = HashMap::<String, (usize, Millis, [u8; 32])>::new();
            for (name, (end, of)) in &*open {
                let (count, oldest, its) = each.entry(of.whose()).or_insert((0, *end, *name));
                *count += 1;
                if end < oldest {
                    (*oldest, *its) = (*end, *name);
                }
            }
            if let Some((_, _, oldest)) = each.into_values().max_by_key(|(count, ..)| *count) {
                open.remove(&oldest);
            }
        }
        open.insert(digest(&name), (now + SESSION, of));
        name
    }

    /// Whose a session is that is open.
    pub(super) fn of(&self, name: &str, now: Millis) -> Option<Of> {
        let open = self.lock();
        open.get(&digest(name)).filter(|(end, _)| now < *end).map(|(_, of)| *of)
    }

    /// A session that was opened while the store was away is of this epoch.
    pub(super) fn adopt(&self, name: &str, now: u64) {
        if let Some((_, Of::File { epoch })) = self.lock().get_mut(&digest(name)) {
            *epoch = Some(now);
        }
    }

    pub(super) fn close(&self, name: &str) {
        self.lock().remove(&digest(name));
    }

    /// Ends those that the file's password opened.
    pub(super) fn close_of_file(&self) {
        self.lock().retain(|_, (_, of)| !matches!(of, Of::File { .. }));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], (Millis, Of)>> {
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

    const FILE: Of = Of::File { epoch: None };

    #[test]
    fn a_session_ends_by_itself_or_when_it_is_closed() {
        let sessions = Sessions::default();
        let (kept, left) = (sessions.open(FILE, 1_000), sessions.open(FILE, 1_000));
        let is_open = |name: &str, now: Millis| sessions.of(name, now).is_some();
        assert!(is_open(&kept, 1_000 + SESSION - 1));
        assert!(!is_open(&kept, 1_000 + SESSION));
        sessions.close(&left);
        assert!(is_open(&kept, 1_000) && !is_open(&left, 1_000));
        sessions.adopt(&kept, 7);
        assert_eq!(sessions.of(&kept, 1_000), Some(Of::File { epoch: Some(7) }));
        let person = sessions.open(Of::Person { id: 1, epoch: 0 }, 1_000);
        sessions.close_of_file();
        assert!(!is_open(&kept, 1_000) && is_open(&person, 1_000));
        assert!(!is_open("", 1_000));
    }

    #[test]
    fn many_sessions_do_not_fill_the_memory() {
        let sessions = Sessions::default();
        let first = sessions.open(FILE, 0);
        let more: Vec<String> = (1..=MOST as i64).map(|now| sessions.open(FILE, now)).collect();
        assert!(sessions.of(&first, 1).is_none());
        assert!(more.iter().all(|name| sessions.of(name, 1).is_some()));
        // Nor does who signs in without end sign others out.
        let person = Of::Person { id: 1, epoch: 0 };
        let other = sessions.open(person, 2);
        for now in 3..2 * MOST as i64 {
            sessions.open(FILE, now);
        }
        assert_eq!(sessions.of(&other, 3), Some(person));
        assert_eq!(sessions.lock().len(), MOST);
    }
}
