//! What the daily job and the operator's commands ask of a store, beyond counting and reading.
//!
//! Apart from [`Store`], whose calls happen every few seconds: these happen once a day or by hand,
//! and may replace or remove what is kept. Each call is whole or not at all, and may be repeated
//! after a lost answer.

use super::old_keys::OldKeys;
use super::{Result, Store};
use crate::clock::Millis;
use crate::model::rollup::Field;
use crate::model::row::RowsOf;
use crate::model::site::{Day, Month};
use crate::model::{PackedRows, VisitorHash};
use async_trait::async_trait;

/// A day summed up anew, to take the place of the stored one.
#[derive(Debug, Clone, Default)]
pub struct Rebuilt {
    /// The name that it is built under, which nobody else builds under.
    pub run: String,
    /// None twice.
    pub fields: Vec<(Field, i64)>,
    pub visitors: Vec<VisitorHash>,
    pub confirmed: Vec<VisitorHash>,
    /// The stored visitors and confirmed visitors stay, and the two above are empty.
    pub keeps_visitors: bool,
}

/// Blocks of a list of event rows, and what is to take their place.
#[derive(Debug, Clone, PartialEq)]
pub struct Rewrite {
    /// Place of the first of them in the list.
    pub from: usize,
    pub old: Vec<PackedRows>,
    /// No more than the old ones, and not none.
    pub new: Vec<PackedRows>,
}

impl Rewrite {
    /// The first and the last of the old blocks; `None`: it makes no sense.
    pub(super) fn ends(&self) -> Option<(&PackedRows, &PackedRows)> {
        let fits = (1..=self.old.len()).contains(&self.new.len());
        self.old.first().zip(self.old.last()).filter(|_| fits)
    }
}

/// How visitors and confirmed visitors of a day are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sketches {
    Hashes([Vec<VisitorHash>; 2]),
    /// Redis' own strings; empty where there is none.
    HyperLogLogs([Vec<u8>; 2]),
}

#[async_trait]
pub trait Upkeep: Store {
    /// Destroys what has expired and trims the event rows of a site, people's and others', to
    /// `cap` each over all days: the oldest blocks go, and those of days that have most.
    async fn trim(&self, site: &str, cap: usize, now: Millis) -> Result<()>;

    /// Event rows of a site, people's or others', whichever are more: as many as stayed when it was
    /// trimmed from here, and what has joined them since, from all nodes as far as this one can
    /// see. `None`: it was not trimmed yet. Known without asking the store.
    fn rows_held(&self, site: &str) -> Option<u64>;

    /// Days of a site of which counts, visitors or events are kept, oldest first.
    async fn kept(&self, site: &str) -> Result<Vec<Day>>;

    /// Moves counts of a day from one field to another: `(from, to)`. What arrives meanwhile is
    /// neither lost nor counted twice.
    async fn fold(&self, site: &str, day: Day, moves: &[(Field, Field)]) -> Result<()>;

    /// Replaces the roll-up of a month, unless it is frozen (false). `freeze`: from now on it is
    /// all there is of the month.
    async fn put_month(
        &self,
        site: &str,
        month: Month,
        fields: &[(Field, i64)],
        freeze: bool,
    ) -> Result<bool>;

    /// Days of a site that another program has counted, oldest first.
    async fn kept_imported(&self, site: &str) -> Result<Vec<Day>>;

    /// Puts what another program has counted of a day in the place of what is known of that.
    async fn put_imported(&self, site: &str, day: Day, fields: &[(Field, i64)]) -> Result<()>;

    /// Removes all that is kept of a day, its salt too.
    async fn forget(&self, site: &str, day: Day) -> Result<()>;

    /// Months of a site that are rolled up, oldest first.
    async fn kept_months(&self, site: &str) -> Result<Vec<Month>>;

    /// Removes the roll-up of a month, a frozen one too.
    async fn forget_month(&self, site: &str, month: Month) -> Result<()>;

    /// Removes what else is a site's: salts of days without counts, the daily job's diary, what
    /// nodes share.
    async fn forget_rest(&self, site: &str) -> Result<()>;

    /// Visitors and confirmed visitors of a day, as they are kept.
    async fn sketches(&self, site: &str, day: Day) -> Result<Sketches>;

    /// Puts HyperLogLogs in the place of a day's; false: this store keeps none.
    async fn put_sketches(&self, _site: &str, _day: Day, _sketches: &[Vec<u8>; 2]) -> Result<bool> {
        Ok(false)
    }

    /// Builds a day beside the stored one, and gives visitors and confirmed visitors as
    /// [`Reads::uniques`](super::Reads::uniques) would. What never takes its place is forgotten
    /// after a day, or by [`Upkeep::unstage`].
    async fn stage(&self, site: &str, day: Day, rebuilt: &Rebuilt) -> Result<(u64, u64)>;

    /// Puts a staged day in the place of the stored one, at once, if that still has `version`
    /// (otherwise false). Event rows and the nodes' markers stay.
    async fn swap(&self, site: &str, day: Day, rebuilt: &Rebuilt, version: u64) -> Result<bool>;

    /// Puts blocks of rows in the place of others, at once, if the old ones are where it says: the
    /// first and the last of them are compared (otherwise false). What stands before and behind
    /// them stays there, also what is appended meanwhile. Raises the day's version: who reads a
    /// list in several pieces knows that they may not fit.
    async fn replace_rows(&self, site: &str, day: Day, of: RowsOf, with: &Rewrite) -> Result<bool>;

    /// Lets go the hashes of a day's visitors, where they are kept one by one; how many there were
    /// stays. For a day whose salt is gone.
    async fn forget_hashes(&self, _site: &str, _day: Day) -> Result<()> {
        Ok(())
    }

    /// Removes the event rows of all days before `first`.
    async fn forget_rows(&self, site: &str, first: Day) -> Result<()>;

    /// Lets go what was staged.
    async fn unstage(&self, site: &str, day: Day, rebuilt: &Rebuilt) -> Result<()>;

    /// What an older layout or another program may have left in it. A file has nothing of the kind.
    fn old_keys(&self) -> Option<&dyn OldKeys> {
        None
    }
}
