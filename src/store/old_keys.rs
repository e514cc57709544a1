//! What an older layout or another program may have left in a store, as [`Upkeep`](super::Upkeep)
//! shows it. Only a Redis has such keys.

use super::Result;
use crate::model::site::Day;
use async_trait::async_trait;

/// A key that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    pub key: String,
    /// The end of a sentence that begins with the key.
    pub why: String,
}

/// A key that was moved aside, by its new name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Legacy {
    pub key: String,
    pub holds: Holds,
}

/// What a key held, or should have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// A day's roll-up, of a type that cannot be read.
    Unreadable(Day),
    /// A day's counts in the first layout.
    Counts(Day),
    /// Counts of all time by page, in the first layout.
    Pages,
    /// Visitors of a day; `true`: the confirmed ones.
    Visitors(Day, bool),
    Other,
}

/// Keys of the wrong type or of an older layout, and what was in them.
#[async_trait]
pub trait OldKeys: Send + Sync {
    /// Keys of a site that are of the wrong type or of an older layout.
    async fn misfits(&self, site: &str) -> Result<Vec<Misfit>>;

    /// Moves a key aside, and gives its new name. Nothing is deleted or overwritten.
    async fn set_aside(&self, misfit: &Misfit) -> Result<String>;

    /// Everything that was moved aside, now or earlier.
    async fn legacy(&self, site: &str) -> Result<Vec<Legacy>>;

    /// Adds visitors that were moved aside to their day's sketch; others hold none. Repeating it
    /// changes nothing.
    async fn adopt(&self, site: &str, legacy: &Legacy) -> Result<()>;

    /// Whole numbers by name, of a hash that was moved aside, always in the same order; none of
    /// what is no hash.
    async fn legacy_counts(&self, legacy: &Legacy) -> Result<Vec<(String, i64)>>;

    /// Marks what was moved aside as read in for good: [`OldKeys::legacy`] no longer names it.
    async fn settle(&self, legacy: &Legacy) -> Result<()>;
}
