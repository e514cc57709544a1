//! Event rows in Redis: a list of blocks for each day, of people and of others.

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

/// How many blocks to ask for next, after these.
fn next_chunk(items: &[Vec<u8>]) -> usize {
    let bytes: usize = items.iter().map(Vec::len).sum();
    (BYTES_AT_ONCE * items.len() / bytes.max(1)).clamp(1, 1_000)
}

/// Bytes that a site's rows may take, of people and of others each, whatever their number.
pub const BYTES_MAX: usize = 256 << 20;

impl RedisStore {
    pub(super) async fn read_rows(&self, site: &str, day: Day, of: RowsOf) -> Result<StoredRows> {
        let key = keys::rows(site, day, of);
        let mut stored = StoredRows::default();
        let mut chunk = FIRST;
        loop {
            let first = stored.blocks.len() + stored.foreign;
            let range = cmd("LRANGE").arg(&key).arg(first).arg(first + chunk - 1).take();
            let items: Vec<Vec<u8>> = self.ask(&key, range).await?;
            let last = items.len() < chunk;
            chunk = next_chunk(&items);
            items.into_iter().for_each(|item| stored.add(item));
            if last {
                return Ok(stored);
            }
        }
    }

    /// Keeps the newest rows of a site, whole blocks of them: at most `cap`.
    pub(super) async fn trim_rows(&self, site: &str, of: RowsOf, cap: usize) -> Result<()> {
        let mut days = Vec::new();
        let pattern = keys::pattern(site);
        self.scan(&pattern, |key| days.extend(keys::rows_day(site, key, of))).await?;
        days.sort_unstable_by(|a, b| b.cmp(a));
        // A SCAN may name a key twice.
        days.dedup();
        let (mut rows, mut bytes) = (0, 0);
        for day in days {
            let key = keys::rows(site, day, of);
            let full = |rows, bytes| rows > cap || bytes > BYTES_MAX;
            let mut kept = 0;
            let mut whole = false;
            // The newest blocks are the smallest, so a chunk is never large: older ones follow.
            let mut chunk = FIRST;
            while !full(rows, bytes) && !whole {
                // Counted from the end, so that what is appended meanwhile stays.
                let (first, last) = (-((kept + chunk) as i64), -(kept as i64) - 1);
                let range = cmd("LRANGE").arg(&key).arg(first).arg(last).take();
                let items: Vec<Vec<u8>> = self.ask(&key, range).await?;
                whole = items.len() < chunk;
                chunk = next_chunk(&items).min(64);
                for item in items.into_iter().rev() {
                    bytes += item.len();
                    rows += PackedRows::from_bytes(item).map_or(1, |packed| packed.len());
                    if full(rows, bytes) {
                        break;
                    }
                    kept += 1;
                }
            }
            if kept == 0 && full(rows, bytes) {
                self.ask::<()>(&key, cmd("UNLINK").arg(&key).take()).await?;
            } else if full(rows, bytes) {
                let first = -(kept as i64);
                self.ask::<()>(&key, cmd("LTRIM").arg(&key).arg(first).arg(-1).take()).await?;
            }
        }
        Ok(())
    }
}
