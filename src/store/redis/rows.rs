//! Event rows in Redis: a list of blocks for each day, of people and of others.

use super::{RedisStore, keys};
use crate::model::PackedRows;
use crate::model::row::RowsOf;
use crate::model::site::Day;
use crate::store::Result;
use crate::store::chunks::{FIRST, next_chunk};
use crate::store::fair::{self, Size};
use redis::cmd;

impl RedisStore {
    /// Lets go of a site's oldest rows where there are more than `cap`. Returns how many stay.
    pub(super) async fn trim_rows(&self, site: &str, of: RowsOf, cap: usize) -> Result<usize> {
        let mut days = self.found(site, |key| keys::rows_day(site, key, of)).await?;
        days.reverse();
        let mut sizes = Vec::with_capacity(days.len());
        for day in &days {
            let mut blocks = Vec::new();
            self.each_block(site, *day, of, 0, |item| {
                let bytes = item.len();
                let rows = PackedRows::from_bytes(item).map_or(1, |packed| packed.len());
                blocks.push(Size { rows, bytes });
            })
            .await?;
            sizes.push(blocks);
        }
        let (kept, rows) = fair::kept(&sizes, cap);
        for ((day, blocks), kept) in days.iter().zip(sizes).zip(kept) {
            let key = keys::rows(site, *day, of);
            if kept == 0 {
                self.unlink(&[key]).await?;
            } else if kept < blocks.len() {
                // Counted from the end: where blocks were merged meanwhile, none of them goes.
                let first = -(kept as i64);
                self.ask::<()>(&key, cmd("LTRIM").arg(&key).arg(first).arg(-1).take()).await?;
            }
        }
        Ok(rows)
    }

    /// Shows the blocks of a day's list but for the `first`, oldest first.
    pub(super) async fn each_block(
        &self,
        site: &str,
        day: Day,
        of: RowsOf,
        mut first: usize,
        mut show: impl FnMut(Vec<u8>),
    ) -> Result<()> {
        let key = keys::rows(site, day, of);
        let mut chunk = FIRST;
        loop {
            let range = cmd("LRANGE").arg(&key).arg(first).arg(first + chunk - 1).take();
            let items: Vec<Vec<u8>> = self.ask(&key, range).await?;
            let last = items.len() < chunk;
            first += items.len();
            chunk = next_chunk(items.iter().map(Vec::len));
            items.into_iter().for_each(&mut show);
            if last {
                return Ok(());
            }
        }
    }
}
