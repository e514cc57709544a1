//! Event rows in Redis: a list of blocks for each day, of people and of others.

use super::fair::{self, Size};
use super::keys;
use super::redis::RedisStore;
use super::{Result, StoredRows};
use crate::model::PackedRows;
use crate::model::row::RowsOf;
use crate::model::site::Day;
use redis::cmd;

/// Blocks asked for first; large ones are up to some hundred kilobytes.
const FIRST: usize = 16;

/// Bytes of blocks to ask for at a time: it takes much less time than a server has to answer.
const BYTES_AT_ONCE: usize = 4 << 20;

/// How many blocks to ask for next, after some of these sizes.
fn next_chunk(sizes: impl ExactSizeIterator<Item = usize>) -> usize {
    let (blocks, bytes) = (sizes.len(), sizes.sum::<usize>());
    (BYTES_AT_ONCE * blocks / bytes.max(1)).clamp(1, 1_000)
}

impl StoredRows {
    /// Commands that a Redis takes to read them.
    pub fn commands(&self) -> u64 {
        let (mut commands, mut rest, mut chunk) = (1, &*self.blocks, FIRST);
        while let Some((asked, more)) = rest.split_at_checked(chunk) {
            chunk = next_chunk(asked.iter().map(PackedRows::size));
            (commands, rest) = (commands + 1, more);
        }
        commands
    }
}

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
