//! What the daily job and the operator's commands ask of a store, beyond counting and reading.
//!
//! Apart from [`Store`], whose calls happen every few seconds: these happen once a day or by hand,
//! and may replace or remove what is kept. Each call is whole or not at all, and may be repeated
//! after a lost answer.

mod redis;
mod sqlite;

use super::{Result, Store};
use crate::site::{Day, Month};
use async_trait::async_trait;

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
}
