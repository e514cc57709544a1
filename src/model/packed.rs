//! Event rows packed: as they are delivered and stored.

use super::block::{Block, Damaged, is_aged};
use serde::{Deserialize, Serialize};

/// A [`Block`] as bytes, with the number of its rows in front (four bytes, little-endian), so that
/// rows can be counted without unpacking them. Empty without rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PackedRows(#[serde(with = "serde_bytes")] Vec<u8>);

/// Blocks have fewer rows. A list of an earlier release holds text, whose first four bytes are a
/// larger number.
const ROWS_MAX: usize = 1 << 24;

impl PackedRows {
    /// As [`PackedRows::bytes`] gave them; `None`: these are none.
    pub fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        let packed = Self(bytes);
        (1..ROWS_MAX).contains(&packed.len()).then_some(packed)
    }

    /// As they are stored.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Rows in it.
    pub fn len(&self) -> usize {
        self.0.first_chunk().map_or(0, |rows| u32::from_le_bytes(*rows) as usize)
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes it takes.
    pub fn size(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing in it recognises a visitor any more.
    pub fn is_aged(&self) -> bool {
        self.0.get(4..).is_some_and(is_aged)
    }

    /// The rows, column by column.
    ///
    /// # Errors
    /// If they are damaged.
    pub fn block(&self) -> Result<Block, Damaged> {
        match self.0.get(4..) {
            Some(block) => {
                Block::decode(block).ok().filter(|b| b.len() == self.len()).ok_or(Damaged)
            }
            None => Ok(Block::default()),
        }
    }
}

impl From<&Block> for PackedRows {
    fn from(block: &Block) -> Self {
        match u32::try_from(block.len()) {
            Ok(0) | Err(_) => Self::default(),
            Ok(rows) => Self([&rows.to_le_bytes()[..], &block.encode()].concat()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::block::RowBuilder;
    use crate::model::row::{EventRow, Kind};

    #[test]
    fn packed_and_unpacked() {
        let mut rows = RowBuilder::default();
        for at in 0..1_000 {
            rows.push(&EventRow::new(at, Kind::View, Default::default(), "/".into()));
        }
        let block = rows.finish();
        let packed = PackedRows::from(&block);
        assert_eq!((packed.len(), packed.block()), (1_000, Ok(block)));
        assert_eq!(PackedRows::from_bytes(packed.bytes().to_vec()), Some(packed.clone()));
        assert_eq!(PackedRows::from(&Block::default()), PackedRows::default());
        assert_eq!(PackedRows::default().block(), Ok(Block::default()));
        for none in [vec![], vec![1, 0, 0], b"{\"t\":1}".to_vec(), vec![0; 9]] {
            assert_eq!(PackedRows::from_bytes(none), None);
        }
        let mut cut = packed.bytes().to_vec();
        cut.pop();
        assert_eq!(PackedRows::from_bytes(cut).unwrap().block(), Err(Damaged));
    }
}
