//! Who this process is, and the folder it keeps what must outlive it in.
//!
//! A node's folder (`headcount-SITE` in the data directory) holds its journal, its outbox and who
//! it is. Two things must never happen: that two processes write one folder, and that two folders
//! deliver the same hits.
//!
//! - A lock is held on the folder for as long as the process lives. Who finds it taken runs
//!   without a folder.
//! - A folder that was copied is not the node it says it is: what waits in it is the original's to
//!   deliver. No copying preserves the birth time of the lock file, so another one shows a copy,
//!   unless the node had ended in order (then the folder may have moved). The lease shows one, too:
//!   each start replaces the last start's nonce in the store by a new one, so of two folders with
//!   the same nonce only the first to start goes on. The other begins as a new node, with nothing.
//!
//! A store of this machine alone (SQLite) needs no lease: it is copied along.

use crate::clock::{HOUR, Millis};
use crate::model::random_name;
use crate::private;
use crate::private::is_locked;
use crate::store::{Secret, SharedValues, StoreError};
use serde::{Deserialize, Serialize};
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use tokio::time::Instant;

/// A lease that is not taken over for so long is forgotten by the store.
const LEASE: Millis = 90 * 24 * HOUR;

/// What clients are spread over lanes with is agreed on once.
const SPREAD: Millis = 100 * 365 * 24 * HOUR;

/// How long a start waits for the store to answer; then it goes on without.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often it is looked whether a folder is free.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A node, and the folder it has locked.
pub struct Node {
    path: PathBuf,
    /// Unlocked when dropped.
    _lock: File,
    who: Who,
}

/// What a node's folder says of it.
#[derive(Clone, Serialize, Deserialize)]
struct Who {
    id: String,
    /// Proves to the store that this is the folder that was started last.
    nonce: String,
    /// The nonce that is about to replace it: the store may know either.
    next: Option<String>,
    /// The birth of the lock file, nanoseconds since 1970. `None`: the file system does not tell.
    born: Option<u128>,
    /// The last process ended in order.
    ended: bool,
    /// How many lanes the journal has.
    lanes: usize,
    /// What shards number claims with.
    claims: u64,
    /// What clients are spread over lanes with.
    spread: u64,
}

impl Who {
    fn new(lanes: usize, born: Option<u128>) -> Self {
        Self {
            id: random_name(),
            nonce: random_name(),
            next: None,
            born,
            ended: false,
            lanes,
            claims: rand::random(),
            spread: rand::random(),
        }
    }
}

impl Node {
    /// Locks the folder, or makes it; a new one has `lanes` lanes. With a `store` that nodes
    /// share, makes sure that it is no copy; if the store does not answer, the birth of the lock
    /// file decides alone.
    ///
    /// # Errors
    /// If the folder cannot be used: in a word, why.
    pub async fn open(
        path: &Path,
        lanes: usize,
        store: Option<&dyn SharedValues>,
        now: Millis,
    ) -> io::Result<Self> {
        private::folder(path)?;
        let mut options = private::options();
        let lock = options.read(true).write(true).create(true).truncate(false);
        let lock = lock.open(path.join("lock"))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::other("another headcount uses it"),
            TryLockError::Error(error) => error,
        })?;
        for entry in std::fs::read_dir(path)? {
            private::tighten(&entry?.path());
        }
        let born = lock.metadata()?.created().ok();
        let born = born.and_then(|at| Some(at.duration_since(UNIX_EPOCH).ok()?.as_nanos()));
        let (who, known) = match read(path)? {
            Some(who) => (who, true),
            None => (Who::new(lanes, born), false),
        };
        let mut node = Self { path: path.to_owned(), _lock: lock, who };
        let moved = known && !node.who.ended && born.is_some() && node.who.born != born;
        node.who.born = born;
        if let Some(store) = store {
            let copy = moved || !node.lease(store, now).await?;
            if copy {
                node.begin_anew(lanes)?;
                node.lease(store, now).await?;
            }
        }
        node.who.ended = false;
        node.write()?;
        Ok(node)
    }

    /// Takes the lease over from the last start. False: someone else has. A store that does not
    /// answer leaves things as they are.
    async fn lease(&mut self, store: &dyn SharedValues, now: Millis) -> io::Result<bool> {
        let which = Secret::Lease { node: self.who.id.as_str().into() };
        let Some(stored) = answer(store.secret(&which)).await? else { return Ok(true) };
        let mine = |nonce: &[u8]| {
            let known = [Some(&self.who.nonce), self.who.next.as_ref()];
            known.into_iter().flatten().any(|own| own.as_bytes() == nonce)
        };
        if !stored.as_deref().is_none_or(mine) {
            return Ok(false);
        }
        // Written before the store is told, so that this folder knows the nonce whatever becomes
        // of the answer.
        let next = random_name();
        if let Some(text) = stored.as_deref().and_then(|nonce| str::from_utf8(nonce).ok()) {
            text.clone_into(&mut self.who.nonce);
        }
        self.who.next = Some(next.clone());
        self.write()?;
        let put = store.put_secret(&which, stored.as_deref(), next.as_bytes(), now + LEASE);
        let Some(stored) = answer(put).await? else { return Ok(true) };
        if stored != next.as_bytes() {
            return Ok(false);
        }
        (self.who.nonce, self.who.next) = (next, None);
        Ok(true)
    }

    /// What is here is another's: goes on as a new node.
    fn begin_anew(&mut self, lanes: usize) -> io::Result<()> {
        tracing::warn!(
            "{} is a copy of another node's folder, or was started elsewhere since; what waits in \
             it is that node's to deliver, and this one begins anew",
            self.path.display()
        );
        for entry in std::fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                std::fs::remove_dir_all(entry.path())?;
            } else if entry.file_name() != "lock" {
                std::fs::remove_file(entry.path())?;
            }
        }
        self.who = Who::new(lanes, self.who.born);
        Ok(())
    }

    fn write(&self) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(&self.who)?;
        text.push(b'\n');
        private::replace(&self.path.join("node.json"), &text)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A name for batches that no other run of any process has.
    pub fn name(&self) -> String {
        format!("{}.{}", self.who.id, random_name())
    }

    pub fn lanes(&self) -> usize {
        self.who.lanes
    }

    /// What shards number claims with.
    pub fn claims(&self) -> u64 {
        self.who.claims
    }

    /// What clients are spread over lanes with.
    pub fn spread(&self) -> u64 {
        self.who.spread
    }

    /// From now on clients are spread as on other nodes.
    ///
    /// # Errors
    /// The disk's; the next start then asks again.
    pub fn spread_as(&mut self, spread: u64) -> io::Result<()> {
        self.who.spread = spread;
        self.write()
    }

    /// The process ends in order: the folder may be moved.
    ///
    /// # Errors
    /// The disk's; a folder that is moved then counts as a copy.
    pub fn end(mut self) -> io::Result<()> {
        self.who.ended = true;
        self.write()
    }
}

/// What nodes that count together spread clients over lanes with: the first one's `own`. None if
/// the store does not tell.
pub async fn shared_spread(
    store: &dyn SharedValues,
    site: &Arc<str>,
    own: u64,
    now: Millis,
) -> Option<u64> {
    let which = Secret::Spread { site: site.clone() };
    let own = own.to_le_bytes();
    let put = store.put_secret(&which, None, &own, now + SPREAD);
    let stored = answer(put).await.ok()??;
    Some(u64::from_le_bytes(stored.try_into().ok()?))
}

/// Waits until no process has a folder locked, or `patience` is over.
pub async fn free(path: &Path, patience: Duration) {
    let deadline = Instant::now() + patience;
    while is_locked(&path.join("lock")) && Instant::now() < deadline {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// A store's answer, or none if it takes too long or is away.
async fn answer<T>(asked: impl Future<Output = Result<T, StoreError>>) -> io::Result<Option<T>> {
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(answer)) => Ok(Some(answer)),
        Err(_) | Ok(Err(StoreError::Unreachable { .. })) => Ok(None),
        Ok(Err(error)) => Err(io::Error::other(error)),
    }
}

fn read(path: &Path) -> io::Result<Option<Who>> {
    match std::fs::read(path.join("node.json")) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
