//! One pass over the event rows of a range of days: read, unpacked and written block by block, so
//! that no more than a day's packed blocks and one unpacked are held.

use super::columns::Told;
use super::format::{Format, Writer};
use crate::model::row::RowsOf;
use crate::model::site::Day;
use crate::model::{PackedRows, block};
use crate::store::{Reads, StoreError};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Why an export ends before its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("event rows of {day}: {error}")]
    Damaged { day: Day, error: block::Damaged },
    #[error("event rows could not be written: {0}")]
    Unwritable(String),
}

/// A part of an export: of text, whole lines.
#[derive(Debug, Default)]
pub struct Piece {
    pub bytes: Vec<u8>,
    pub rows: usize,
    /// Events of an earlier release that lie there and are not in it.
    pub foreign: usize,
    /// Days that are done with it.
    pub days: usize,
}

/// An export on its way.
pub struct Pass {
    store: Arc<dyn Reads>,
    site: Arc<str>,
    /// Until all is written.
    writer: Option<Writer>,
    /// Days to come.
    days: VecDeque<Day>,
    began: bool,
    now: Option<Now>,
}

/// The day at hand.
struct Now {
    day: Day,
    /// Lists of it that are to come.
    lists: VecDeque<RowsOf>,
    blocks: VecDeque<PackedRows>,
    visits: Numbers,
}

/// Visits of a day by their keys, numbered as they appear.
#[derive(Default)]
struct Numbers(HashMap<u64, u32>);

impl Numbers {
    fn of(&mut self, visit: u64) -> Option<u32> {
        let next = self.0.len() as u32 + 1;
        // 0 is no visit.
        (visit != 0).then(|| *self.0.entry(visit).or_insert(next))
    }
}

impl Pass {
    /// Of `days`, oldest first, those that have counts.
    ///
    /// # Errors
    /// The store's.
    pub async fn new(
        store: Arc<dyn Reads>,
        site: Arc<str>,
        format: Format,
        days: Vec<Day>,
    ) -> Result<Self, Error> {
        let versions = store.versions(&site, &days).await?;
        let days = days.into_iter().zip(versions).filter(|(_, version)| *version > 0);
        let days = days.map(|(day, _)| day).collect();
        let writer = Some(Writer::new(format).map_err(unwritable)?);
        Ok(Self { store, site, writer, days, began: false, now: None })
    }

    /// Days that are still to be done.
    pub fn days(&self) -> usize {
        self.days.len() + usize::from(self.now.is_some())
    }

    /// What comes next; `None`: that was all.
    ///
    /// # Errors
    /// The store's; blocks that cannot be read. What was given so far is not all then.
    pub async fn next(&mut self) -> Result<Option<Piece>, Error> {
        let mut piece = Piece::default();
        if !self.began {
            piece.bytes = self.writer.as_mut().map(Writer::head).unwrap_or_default();
            self.began = true;
            // Before a word is said: whether there is an answer at all.
            self.look(&mut piece).await?;
            return Ok(Some(piece));
        }
        while piece.bytes.is_empty() && self.days() > 0 {
            self.look(&mut piece).await?;
        }
        if self.days() == 0
            && let Some(writer) = self.writer.take()
        {
            piece.bytes.extend(writer.end().map_err(unwritable)?);
        }
        Ok((piece.days > 0 || !piece.bytes.is_empty()).then_some(piece))
    }

    /// Goes a step on: a block, a list or a day.
    async fn look(&mut self, piece: &mut Piece) -> Result<(), Error> {
        let Some(mut now) = self.now.take().or_else(|| self.days.pop_front().map(Now::new)) else {
            return Ok(());
        };
        if let Some(packed) = now.blocks.pop_front() {
            piece.rows += packed.len();
            let ended = || Error::Unwritable("all has been written".into());
            let mut writer = self.writer.take().ok_or_else(ended)?;
            let written = tokio::task::spawn_blocking(move || {
                let bytes = write(&mut writer, &packed, &mut now);
                (bytes, now, writer)
            });
            let (bytes, now, writer) = written.await.map_err(unwritable)?;
            (self.now, self.writer) = (Some(now), Some(writer));
            piece.bytes.extend(bytes?);
        } else if let Some(of) = now.lists.pop_front() {
            let stored = self.store.rows(&self.site, now.day, of).await?;
            piece.foreign += stored.foreign;
            now.blocks = stored.blocks.into();
            self.now = Some(now);
        } else {
            piece.days += 1;
        }
        Ok(())
    }
}

impl Now {
    fn new(day: Day) -> Self {
        let (blocks, visits) = Default::default();
        Self { day, lists: RowsOf::ALL.into(), blocks, visits }
    }
}

fn unwritable(error: impl std::fmt::Display) -> Error {
    Error::Unwritable(error.to_string())
}

fn write(writer: &mut Writer, packed: &PackedRows, now: &mut Now) -> Result<Vec<u8>, Error> {
    let Now { day, visits, .. } = now;
    let day = *day;
    let block = packed.block().map_err(|error| Error::Damaged { day, error })?;
    let rows: Vec<_> = block.rows().collect();
    let told = rows.iter().map(|row| Told { row, day, visit: visits.of(row.of.visit) });
    writer.rows(&told.collect::<Vec<_>>()).map_err(unwritable)
}
