//! The log that nodes share, as whoever keeps it offers it ([`crate::shared`] says what it means).
//!
//! Apart from the [`Store`](super::Store), which keeps counts.

use super::{Applied, Result};
use crate::clock::Millis;
use crate::model::{Chunk, Done, Entry, Item, LogPlace};
use async_trait::async_trait;
use std::sync::Arc;

/// Who counts, and until when by the store's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub who: String,
    pub until: Millis,
}

/// How things stand in the log.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogStatus {
    /// The last number of the name that asked.
    pub have: u64,
    pub lease: Option<Lease>,
    pub done: Done,
}

/// What became of an item.
#[derive(Debug)]
pub struct Appended {
    pub applied: Applied,
    pub status: LogStatus,
}

/// The answer to who asked to count.
#[derive(Debug, Clone, Copy)]
pub struct Lead {
    /// It is theirs to do.
    pub granted: bool,
    /// And was before: nobody else has led since.
    pub kept: bool,
    /// The time by the store's clock.
    pub now: Millis,
    /// The last chunk that was agreed on.
    pub chunk: u64,
}

/// A log that nodes write together. Every call is safe to repeat.
#[async_trait]
pub trait SharedLog: Send + Sync {
    /// Writes an entry, unless it was written before or one before it is missing.
    async fn append(&self, site: &str, entry: &Entry) -> Result<Appended>;

    /// Writes that a node rests. `name`: as what it numbers its entries.
    async fn rest(&self, site: &str, node: &Arc<str>, name: &str) -> Result<Appended>;

    /// How things stand for who numbers as `name`.
    async fn status(&self, site: &str, name: &str) -> Result<LogStatus>;

    /// Items after a place, or from the first on, at most `limit`; an item that makes no sense here
    /// is none.
    async fn items(
        &self,
        site: &str,
        after: Option<LogPlace>,
        limit: usize,
    ) -> Result<Vec<(LogPlace, Option<Item>)>>;

    /// Takes or renews the lease on counting for `long` milliseconds; 0 gives it up. With `done`
    /// also stores what is counted, for all nodes.
    async fn lead(&self, site: &str, who: &str, long: Millis, done: Option<&Done>) -> Result<Lead>;

    /// Writes a chunk, if it is the next. False: another one was first, or one before it is
    /// missing.
    async fn agree(&self, site: &str, chunk: &Chunk) -> Result<bool>;

    /// The last state that was saved.
    async fn state(&self, site: &str) -> Result<Option<Vec<u8>>>;

    /// Saves a state that goes up to `chunk`, unless there is one, or a newer one, already (false).
    async fn save(&self, site: &str, chunk: u64, state: &[u8], how: Save) -> Result<bool>;

    /// Forgets what numbers names have come to, which nobody uses any more.
    async fn forget(&self, site: &str, names: &[Arc<str>]) -> Result<()>;
}

/// What a state is to the one that is stored.
#[derive(Debug, Clone, Copy)]
pub enum Save {
    /// There is none yet.
    First,
    /// It is newer, and the log is needed from here on only.
    Next(Option<LogPlace>),
    /// The store has lost what went before: all goes on from here.
    Anew,
}
