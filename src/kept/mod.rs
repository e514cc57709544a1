//! What owners keep in the store while the program runs: notes, segments, goals, who may look.
//!
//! Apart from the settings, which a file holds and a restart reads. Everything is a typed
//! [`Document`], of a site or of all sites together. A change is made to what the store has at that
//! moment and written only if nobody else was ahead, so two nodes or two owners never overwrite
//! each other. Documents are held for a moment, so that a question costs no round trip.

mod access;
mod imports;
mod notes;
mod settings;

use crate::budget::Budget;
use crate::report::{Invalid, Reason, Segments};
use crate::store::{self, NEVER, Secret, Store, StoreError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

pub use access::{Access, Link, Person, Rights, Role, Scope, Token, origins};
pub use imports::{Imported, Imports};
pub use notes::{Note, Notes};
pub use settings::{Kind, SiteSettings};

/// How long a document is believed to be as it was read. Another node's change is seen after that.
const FRESH: Duration = Duration::from_secs(2);

/// The same where the store's commands are counted.
const FRESH_ON_BUDGET: Duration = Duration::from_secs(60);

/// How often a change is tried again that another node was ahead of.
const ATTEMPTS: usize = 16;

/// Bytes of a document as it is stored.
const MOST: usize = 512 * 1024;

/// Something that is kept as one piece.
pub trait Document: Default + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Part of its key; of a site one of [`store::KEPT`].
    const NAME: &'static str;
}

impl Document for Segments {
    const NAME: &'static str = "segments";
}

/// Why a document cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The change itself is wrong.
    #[error("{0}")]
    Invalid(#[from] Invalid),
    /// It is no document, or others were ahead each time.
    #[error("{0}")]
    Lost(Lost),
}

/// What became of a document, which is nobody's fault who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    #[error("what is kept in the store cannot be read")]
    Unreadable,
    #[error("what was to be kept cannot be written")]
    Unwritable,
    #[error("there is no more room for this: delete some first")]
    Full,
    #[error("others changed the same at the same time; try again")]
    Overtaken,
}

/// The documents of a store.
pub struct Kept {
    store: Arc<dyn Store>,
    fresh: Duration,
    slots: Mutex<HashMap<Secret, Arc<Slot>>>,
    changes: Notify,
}

/// One of them, as it was last read. Whoever reads it, others wait for.
#[derive(Default)]
struct Slot {
    reading: tokio::sync::Mutex<()>,
    held: Mutex<Held>,
}

#[derive(Default, Clone)]
struct Held {
    /// When it was last read.
    asked: Option<Instant>,
    /// When it could not be read, and why: for those who waited meanwhile.
    failed: Option<(Instant, StoreError)>,
    stored: Option<Vec<u8>>,
    document: Option<Arc<dyn Any + Send + Sync>>,
}

impl Kept {
    pub fn new(store: Arc<dyn Store>, budget: Option<&Arc<Budget>>) -> Self {
        let fresh = if budget.is_some() { FRESH_ON_BUDGET } else { FRESH };
        Self { store, fresh, slots: Mutex::default(), changes: Notify::new() }
    }

    /// A document as it was a moment ago at most.
    ///
    /// # Errors
    /// The store does not answer, or has something else there.
    pub async fn get<D: Document>(&self, site: Option<&Arc<str>>) -> Result<Arc<D>, Error> {
        let which = of::<D>(site);
        let (slot, begun) = (self.slot(&which), Instant::now());
        if let Some(known) = self.fresh(&slot) {
            return Ok(known);
        }
        let _reading = slot.reading.lock().await;
        // Somebody else may have read it meanwhile, or found that it cannot be read.
        if let Some(known) = self.fresh(&slot) {
            return Ok(known);
        }
        let failed = lock(&slot.held).failed.clone();
        if let Some((_, error)) = failed.filter(|(at, _)| *at > begun) {
            return Err(error.into());
        }
        match self.store.secret(&which).await {
            Ok(stored) => self.hold(&slot, stored),
            Err(error) => {
                let mut held = lock(&slot.held);
                (held.asked, held.failed) = (None, Some((Instant::now(), error.clone())));
                Err(error.into())
            }
        }
    }

    /// A document as it was last read, however long ago.
    pub fn last<D: Document>(&self, site: Option<&Arc<str>>) -> Option<Arc<D>> {
        let held = lock(&self.slot(&of::<D>(site)).held).clone();
        held.document?.downcast().ok()
    }

    /// Changes a document: `change` may be called again, each time with what the store has then.
    ///
    /// # Errors
    /// The change's own; the store's; others were ahead each time.
    pub async fn change<D: Document, T, E: From<Error>>(
        &self,
        site: Option<&Arc<str>>,
        change: impl Fn(&mut D) -> Result<T, E>,
    ) -> Result<T, E> {
        let which = of::<D>(site);
        let slot = self.slot(&which);
        let store = |error: StoreError| E::from(Error::Store(error));
        let mut stored = self.store.secret(&which).await.map_err(store)?;
        for _ in 0..ATTEMPTS {
            let mut document: D = read(stored.as_deref())?;
            let changed = change(&mut document)?;
            let new = serde_json::to_vec(&document).map_err(|_| Error::Lost(Lost::Unwritable))?;
            if new.len() > MOST {
                return Err(Error::Lost(Lost::Full).into());
            }
            if stored.as_ref() == Some(&new) {
                return Ok(changed);
            }
            let now = self.store.put_secret(&which, stored.as_deref(), &new, NEVER).await;
            let now = now.map_err(store)?;
            if now == new {
                self.hold::<D>(&slot, Some(now))?;
                self.changes.notify_one();
                return Ok(changed);
            }
            stored = (!now.is_empty()).then_some(now);
        }
        Err(Error::Lost(Lost::Overtaken).into())
    }

    /// Until this process changes one of them. For one who waits.
    pub async fn changed(&self) {
        self.changes.notified().await;
    }

    fn slot(&self, which: &Secret) -> Arc<Slot> {
        lock(&self.slots).entry(which.clone()).or_default().clone()
    }

    fn fresh<D: Document>(&self, slot: &Slot) -> Option<Arc<D>> {
        let held = lock(&slot.held);
        held.asked.filter(|asked| asked.elapsed() < self.fresh)?;
        held.document.clone()?.downcast().ok()
    }

    fn hold<D: Document>(&self, slot: &Slot, stored: Option<Vec<u8>>) -> Result<Arc<D>, Error> {
        let mut held = lock(&slot.held);
        let same = held.stored == stored;
        let before = held.document.clone().filter(|_| same);
        let document = match before.and_then(|document| document.downcast::<D>().ok()) {
            Some(document) => document,
            None => Arc::new(read::<D>(stored.as_deref())?),
        };
        let any: Arc<dyn Any + Send + Sync> = document.clone();
        *held = Held { asked: Some(Instant::now()), failed: None, stored, document: Some(any) };
        Ok(document)
    }
}

fn of<D: Document>(site: Option<&Arc<str>>) -> Secret {
    debug_assert_eq!(site.is_some(), store::KEPT.contains(&D::NAME));
    Secret::Kept { what: D::NAME, site: site.cloned() }
}

fn read<D: Document>(stored: Option<&[u8]>) -> Result<D, Error> {
    let Some(stored) = stored.filter(|stored| !stored.is_empty()) else { return Ok(D::default()) };
    serde_json::from_slice(stored).map_err(|error| {
        tracing::error!("{} in the store cannot be read: {error}", D::NAME);
        Error::Lost(Lost::Unreadable)
    })
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A name that people give to something, without what stands around it.
///
/// # Errors
/// It is empty, too long, or has control characters.
fn named(what: &str, name: &str, most: usize) -> Result<String, Invalid> {
    let name = name.trim();
    let length = name.chars().count();
    if length == 0 || length > most || name.chars().any(char::is_control) {
        let wrong = Invalid::new(format!("{what} has 1 to {most} characters"));
        return Err(wrong.because(Reason::Length { most }));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::SqliteStore;

    fn store(folder: &tempfile::TempDir) -> Arc<dyn Store> {
        Arc::new(SqliteStore::open(&folder.path().join("counts.db")).unwrap())
    }

    /// Two processes, each with many owners at once: nothing is lost that was acknowledged.
    #[tokio::test(flavor = "multi_thread")]
    async fn many_owners_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let nodes = [0, 1].map(|_| Arc::new(Kept::new(store(&folder), None)));
        let site: Arc<str> = "a.example".into();
        let day = "2026-11-24".parse().unwrap();
        let mut all = tokio::task::JoinSet::new();
        for (nth, node) in (0..16).zip(nodes.iter().cycle()) {
            let (node, site) = (node.clone(), site.clone());
            all.spawn(async move {
                let text = format!("note {nth}");
                let add = |notes: &mut Notes| -> Result<u64, Error> { Ok(notes.add(day, &text)?) };
                node.change(Some(&site), add).await.map(|_| text.clone())
            });
        }
        let kept: Vec<String> = all.join_all().await.into_iter().flatten().collect();
        assert!(kept.len() >= 8, "{kept:?}");
        let read: Arc<Notes> = Kept::new(store(&folder), None).get(Some(&site)).await.unwrap();
        let mut texts: Vec<&str> = read.iter().map(|note| &*note.text).collect();
        let mut expected: Vec<&str> = kept.iter().map(String::as_str).collect();
        texts.sort_unstable();
        expected.sort_unstable();
        assert_eq!(texts, expected);
        let mut ids: Vec<u64> = read.iter().map(|note| note.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), kept.len(), "no number twice");
    }

    #[tokio::test]
    async fn a_document_is_held_for_a_moment_and_then_read_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (here, there) = (Kept::new(store(&folder), None), Kept::new(store(&folder), None));
        let site: Arc<str> = "a.example".into();
        let day = "2026-11-24".parse().unwrap();
        let add = |notes: &mut Notes| -> Result<u64, Error> { Ok(notes.add(day, "Launch")?) };
        let count =
            async |kept: &Kept| kept.get::<Notes>(Some(&site)).await.unwrap().iter().count();
        assert_eq!((count(&here).await, count(&there).await), (0, 0));
        here.change(Some(&site), add).await.unwrap();
        assert_eq!((count(&here).await, count(&there).await), (1, 0));
        tokio::time::sleep(FRESH + Duration::from_millis(50)).await;
        assert_eq!(count(&there).await, 1);
        let commands = || there.store.commands().load(std::sync::atomic::Ordering::Relaxed);
        let before = commands();
        for _ in 0..100 {
            count(&there).await;
        }
        assert!(commands() - before <= 4, "a question costs no round trip");
    }
}
