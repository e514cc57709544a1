//! How many blocks of event rows are asked of a Redis at a time, and what a list costs so. Apart
//! from the store, for who reads on a budget of commands has to know it beforehand.

use super::StoredRows;
use crate::model::PackedRows;

/// Blocks asked for first; large ones are up to some hundred kilobytes.
pub const FIRST: usize = 16;

/// Bytes of blocks to ask for at a time: it takes much less time than a server has to answer.
const BYTES_AT_ONCE: usize = 4 << 20;

/// How many blocks to ask for next, after some of these sizes.
pub fn next_chunk(sizes: impl ExactSizeIterator<Item = usize>) -> usize {
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
