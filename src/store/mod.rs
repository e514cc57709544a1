//! Where counts are kept: two implementations, one test suite over both. What is asked of them is
//! told apart by who asks: [`Batches`] are delivered, [`Reads`] answered, [`SharedValues`] agreed
//! on, and [`Upkeep`] is for the daily job and the operator's commands.
//!
//! The only room that knows a key or a table. It applies numbered batches exactly once, answers
//! reads, keeps the shared secrets (daily salts, view-id keys) and trims. It knows nothing of what
//! a field means beyond [`crate::model::rollup`].
//!
//! - `url`: store URLs as typed, and which store they open;
//! - `redis`, over `keys` (the layout), `apply.lua` and `put_secret.lua`; `servers`, which Redis a
//!   key is asked of: `link` (one, by a connection that `dial` makes), `sentinel` (who is the one),
//!   `cluster` (many); `shared`, how it keeps the log in which nodes count together;
//! - `sqlite`, over `tables` (the statements) and `schema.sql`;
//! - what both need: `fair`, which event rows stay; `tally`, how many there are; `chunks`, how a
//!   list of them is read;
//! - `log`, in which nodes count together; `trouble`: what can be wrong with a store, and what to do
//!   about it; `upkeep`: what only the daily job and the operator's commands ask of either.
//!
//! Either can be left out; a store of somebody's own needs no more than a [`CountStore`].

mod chunks;
mod fair;
#[allow(missing_docs)]
mod log;
#[allow(missing_docs)]
mod old_keys;
#[cfg_attr(not(feature = "redis"), path = "without_redis.rs")]
mod redis;
#[cfg_attr(not(feature = "sqlite"), path = "without_sqlite.rs")]
mod sqlite;
mod tally;
mod trouble;
#[allow(missing_docs)]
mod upkeep;
mod url;

use crate::clock::Millis;
use crate::model::DayCounts;
use crate::model::row::RowsOf;
use crate::model::site::{Day, Month};
use crate::model::{Batch, PackedRows};
use async_trait::async_trait;
use once_cell::sync::Lazy;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

#[doc(hidden)]
pub use self::log::{Appended, Lead, Lease, LogStatus, Save, SharedLog};
#[doc(hidden)]
pub use self::old_keys::{Holds, Legacy, Misfit, OldKeys};
#[cfg(feature = "redis")]
#[doc(hidden)]
pub use self::redis::RedisStore;
#[cfg(feature = "sqlite")]
#[doc(hidden)]
pub use self::sqlite::SqliteStore;
pub use self::trouble::{Trouble, Troubles};
#[doc(hidden)]
pub use self::upkeep::{Rebuilt, Rewrite, Sketches, Upkeep};
#[doc(hidden)]
pub use self::url::{BadStoreUrl, StoreUrl, hide_passwords, open};

/// What became of a batch.
#[allow(missing_docs, reason = "fields are what they are called")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// Counted now.
    Now,
    /// Counted before: a retry after a lost answer.
    Before,
    /// Not counted: the store has only seen this node's batches up to `have`.
    Gap { have: u64 },
}

/// Why a store has not done what it was asked.
#[allow(missing_docs, reason = "fields are what they are called")]
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// No answer, or a passing refusal (loading, read-only, out of memory): worth a retry. Whether
    /// the batch was applied is unknown; sending it again is safe.
    #[error("{store} is unreachable: {reason}")]
    Unreachable { store: String, reason: String },
    /// A key of another type stands where a count belongs; nothing was applied.
    #[error("{key} holds another type of value than counts, which wait; run `headcount migrate`")]
    WrongType { key: String },
    /// The store answered, but not with anything sensible.
    #[error("{store} refused: {reason}")]
    Refused { store: String, reason: String },
}

/// What a store answers.
pub type Result<T> = std::result::Result<T, StoreError>;

/// A value that nodes share and agree on, or a node and the store: whoever writes says what it
/// takes to be stored.
#[allow(missing_docs, reason = "fields are what they are called")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Secret {
    /// The salt of a site's day.
    Salt { site: Arc<str>, day: Day },
    /// The keys view ids are made with.
    ViewKeys,
    /// What nodes note for each other on a site's daily job: no secret, but agreed on like one.
    Diary { site: Arc<str> },
    /// The nonce of a node's last start.
    Lease { node: Arc<str> },
    /// What nodes that share sessions spread clients over lanes with.
    Spread { site: Arc<str> },
    /// What owners keep of a site, by what it is, or of all sites together: no secrets either, but
    /// kept beside the counts.
    Kept { what: &'static str, site: Option<Arc<str>> },
    /// A report or an alert of a site: who sends it, and what became of it.
    Notice { site: Arc<str>, name: Arc<str> },
    /// A part of what nodes share of ACME, which they encrypt.
    Acme { name: Arc<str> },
}

/// What owners keep of a site: its named filters, notes on its days, and the rest.
#[doc(hidden)]
pub const KEPT: [&str; 4] = ["segments", "notes", "settings", "imports"];

/// The same of all sites together: who may look.
#[doc(hidden)]
pub const KEPT_OF_ALL: &str = "access";

/// When a value is to be forgotten that stays: at the end of the year 9999.
pub const NEVER: Millis = 253_402_300_800_000;

/// Event rows of a day as they are stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredRows {
    /// Oldest first.
    pub blocks: Vec<PackedRows>,
    /// What else lies there: events of an earlier release.
    pub foreign: usize,
}

impl StoredRows {
    fn add(&mut self, item: Vec<u8>) {
        match PackedRows::from_bytes(item) {
            Some(packed) => self.blocks.push(packed),
            None => self.foreign += 1,
        }
    }
}

/// Who is asked, and how that goes. Whatever is asked of a store is safe to repeat.
#[async_trait]
pub trait Backend: Send + Sync {
    /// Its address, without a password: for messages.
    fn name(&self) -> &str;

    /// Commands (Redis, those inside scripts included) or statements (SQLite) sent so far.
    fn commands(&self) -> &AtomicU64;

    /// What went wrong with it so far, by kind.
    fn troubles(&self) -> &Troubles {
        static NONE: Lazy<Troubles> = Lazy::new(Troubles::default);
        &NONE
    }

    /// Answers if the store does.
    async fn ping(&self) -> Result<()>;

    /// How often a connection was made. After one more, a store that keeps its last moments in
    /// memory may have lost them.
    fn connections(&self) -> u64 {
        0
    }
}

/// Takes numbered batches, and keeps the log that nodes share.
#[async_trait]
pub trait Batches: Backend {
    /// Applies a batch, all of it or nothing, unless its number was applied before.
    async fn apply(&self, batch: &Batch) -> Result<Applied>;

    /// The same for batches of one (site, day), in their order: for the first, and for as many more
    /// as the store can apply in the same piece. Says what became of each of these.
    async fn apply_some(&self, batches: &[&Batch]) -> Result<Vec<Applied>> {
        match batches.first() {
            Some(first) => Ok(vec![self.apply(first).await?]),
            None => Ok(Vec::new()),
        }
    }

    /// The number of the last batch of `node` that was applied to a day; 0 for none.
    async fn marker(&self, site: &str, day: Day, node: &str) -> Result<u64>;

    /// The log that nodes share, where a store can keep one.
    #[doc(hidden)]
    fn shared_log(&self) -> Option<&dyn SharedLog> {
        None
    }
}

/// Answers questions about what is counted.
#[async_trait]
pub trait Reads: Backend {
    /// Versions of days, in the order asked; 0 for a day without counts.
    async fn versions(&self, site: &str, days: &[Day]) -> Result<Vec<u64>>;

    /// Roll-ups of days, in the order asked; an empty one for a day without counts.
    async fn days(&self, site: &str, days: &[Day]) -> Result<Vec<DayCounts>>;

    /// The roll-up of one day.
    async fn day(&self, site: &str, day: Day) -> Result<DayCounts> {
        Ok(self.days(site, &[day]).await?.pop().unwrap_or_default())
    }

    /// Versions of the months whose days are gone, in the order asked; 0 for all others.
    async fn frozen(&self, site: &str, months: &[Month]) -> Result<Vec<u64>>;

    /// Whether the days of a month are gone.
    async fn is_frozen(&self, site: &str, month: Month) -> Result<bool> {
        Ok(self.frozen(site, &[month]).await?.first().is_some_and(|version| *version > 0))
    }

    /// Roll-ups of months, in the order asked; an empty one for a month not rolled up yet.
    async fn months(&self, site: &str, months: &[Month]) -> Result<Vec<DayCounts>>;

    /// Visitors and confirmed visitors of a day as the sketches have them (Redis: HyperLogLog,
    /// about 0.8 % standard error; SQLite: exact).
    async fn uniques(&self, site: &str, day: Day) -> Result<(u64, u64)>;

    /// Totals of days that another program has counted, in the order asked; empty ones where there
    /// are none.
    async fn imported(&self, _site: &str, days: &[Day]) -> Result<Vec<DayCounts>> {
        Ok(days.iter().map(|_| DayCounts::default()).collect())
    }

    /// Event rows of a day, oldest first.
    async fn rows(&self, site: &str, day: Day, of: RowsOf) -> Result<StoredRows> {
        self.rows_after(site, day, of, 0).await
    }

    /// The same without the first `known` blocks.
    async fn rows_after(
        &self,
        site: &str,
        day: Day,
        of: RowsOf,
        known: usize,
    ) -> Result<StoredRows>;
}

/// Keeps values that nodes agree on.
#[async_trait]
pub trait SharedValues: Backend {
    /// Reads a secret.
    async fn secret(&self, which: &Secret) -> Result<Option<Vec<u8>>>;

    /// Writes a secret if what is stored is `expected` (`None`: nothing), to be forgotten at
    /// `expires`. Gives back what is stored now: `new`, or what another node wrote first. If both
    /// write the same, the caller cannot tell which. Empty: nothing is stored, though something was
    /// expected.
    async fn put_secret(
        &self,
        which: &Secret,
        expected: Option<&[u8]>,
        new: &[u8],
        expires: Millis,
    ) -> Result<Vec<u8>>;
}

/// All that counting needs of a store: one of somebody's own may be no more.
pub trait CountStore: Batches + SharedValues {}

impl<S: Batches + SharedValues> CountStore for S {}

/// A place for counts, from which they are read.
pub trait Store: CountStore + Reads {}

impl<S: CountStore + Reads> Store for S {}
