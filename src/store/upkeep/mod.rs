//! What the daily job and the operator's commands ask of a store, beyond counting and reading.
//!
//! Apart from [`Store`], whose calls happen every few seconds: these happen once a day or by hand,
//! and may replace or remove what is kept. Each call is whole or not at all, and may be repeated
//! after a lost answer.

mod redis;
mod sqlite;

use super::{Result, Store};
use crate::site::{Day, Month};
use crate::visitor::VisitorHash;
use async_trait::async_trait;

/// A day summed up anew, to take the place of the stored one.
#[derive(Debug, Clone, Default)]
pub struct Rebuilt {
    /// Roll-up fields, no name twice.
    pub fields: Vec<(String, i64)>,
    pub visitors: Vec<VisitorHash>,
    pub confirmed: Vec<VisitorHash>,
}

#[async_trait]
pub trait Upkeep: Store {
    /// Days of a site of which counts, visitors or events are kept, oldest first.
    async fn kept(&self, site: &str) -> Result<Vec<Day>>;

    /// Moves counts of a day from one field to another: `(from, to)`. What arrives meanwhile is
    /// neither lost nor counted twice.
    async fn fold(&self, site: &str, day: Day, moves: &[(String, String)]) -> Result<()>;

    /// Replaces the roll-up of a month, unless it is frozen (false). `freeze`: from now on it is
    /// all there is of the month.
    async fn put_month(
        &self,
        site: &str,
        month: Month,
        fields: &[(String, i64)],
        freeze: bool,
    ) -> Result<bool>;

    /// Removes all that is kept of a day, its salt too.
    async fn forget(&self, site: &str, day: Day) -> Result<()>;

    /// Events of a day, oldest first: at most `limit`, after `skip`.
    async fn event_page(
        &self,
        site: &str,
        day: Day,
        skip: usize,
        limit: usize,
    ) -> Result<Vec<String>>;

    /// Builds a day beside the stored one, under a name of its own (`run`), and gives visitors and
    /// confirmed visitors as [`Store::uniques`] would. What never takes its place is forgotten.
    async fn stage(&self, site: &str, day: Day, rebuilt: &Rebuilt, run: &str)
    -> Result<(u64, u64)>;

    /// Puts a staged day in the place of the stored one, at once, if that still has `version`
    /// (otherwise false). Events and the nodes' markers stay.
    async fn swap(
        &self,
        site: &str,
        day: Day,
        rebuilt: &Rebuilt,
        run: &str,
        version: u64,
    ) -> Result<bool>;
}
