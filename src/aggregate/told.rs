//! What the script tells of a page beside its views: events, attention, depth, clicks, speed.

use super::shard::{Counted, Shard, Spot};
use crate::model::rollup::{Dimension, FILE_DOWNLOAD, OUTBOUND_LINK};
use crate::model::row::{self, EventRow, Kind};
use crate::model::{Event, Told, Traits, VisitorHash, sketch};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Showings of pages remembered per visitor, for how far they were read.
const SHOWINGS_MAX: usize = 16;

/// A page shown to a visitor, as far as it was read.
#[derive(Serialize, Deserialize)]
pub(super) struct Showing {
    /// Of page and view, hashed.
    key: u64,
    /// As it has counted: a later depth adds to the same rows.
    screen: Option<Arc<str>>,
    /// The deepest percent.
    depth: u8,
}

impl Shard {
    pub(super) fn told(&mut self, spot: Spot, told: Told) -> Counted {
        let Told { page, event, n, .. } = told;
        if !self.is_new(n, spot) {
            return ("", page, None);
        }
        let row = |kind| EventRow::new(spot.at, kind, Arc::default(), page.clone());
        match event {
            Event::Custom { name, properties, value } => {
                let numbers = [value.unwrap_or(0), 0];
                let traits = Traits::from([(Dimension::Event, &*name)]);
                self.write_now(spot, EventRow { name, properties, numbers, ..row(Kind::Event) });
                ("event", page, Some(traits))
            }
            Event::Outbound { url } => {
                self.write_now(spot, EventRow { name: url, ..row(Kind::Outbound) });
                ("event", page, Some(Traits::from([(Dimension::Event, OUTBOUND_LINK)])))
            }
            Event::File { url } => {
                self.write_now(spot, EventRow { name: url, ..row(Kind::File) });
                ("event", page, Some(Traits::from([(Dimension::Event, FILE_DOWNLOAD)])))
            }
            Event::Engagement { millis, scroll, screen, view } => {
                let mut row = EventRow { numbers: [millis.into(), 0], ..row(Kind::Engagement) };
                if let (Some(depth), Some(visitor)) = (scroll, spot.visitor) {
                    let key = self.number((&*page, view));
                    let showing = Showing { key, screen, depth };
                    if let Some(deeper) = self.read_to(spot, visitor, showing) {
                        (row.numbers[1], row.detail) = deeper;
                    }
                }
                self.write_now(spot, row);
                ("", page, None)
            }
            Event::Click { screen, column, row: line } => {
                let numbers = [column.into(), line.into()];
                self.write_now(spot, EventRow { detail: screen, numbers, ..row(Kind::Click) });
                ("", page, None)
            }
            Event::Vital { name, value } => {
                let numbers = [sketch::bucket(value.into()).into(), 0];
                let name = name.as_str().into();
                self.write_now(spot, EventRow { name, numbers, ..row(Kind::Vital) });
                ("", page, None)
            }
        }
    }

    /// How far a page was read, as its row has it. Told more than once for a showing; only what
    /// goes deeper counts.
    fn read_to(
        &mut self,
        spot: Spot,
        visitor: VisitorHash,
        told: Showing,
    ) -> Option<(i64, Arc<str>)> {
        let showings = &mut self.visitor(visitor, spot).showings;
        let depth = told.depth;
        let (before, screen) = match showings.iter_mut().find(|s| s.key == told.key) {
            Some(known) if depth <= known.depth => return None,
            Some(known) => (Some(std::mem::replace(&mut known.depth, depth)), known.screen.clone()),
            None => {
                let screen = told.screen.clone();
                if showings.len() >= SHOWINGS_MAX {
                    showings.remove(0);
                }
                showings.push(told);
                (None, screen)
            }
        };
        Some((row::depth(before, depth), screen.unwrap_or_default()))
    }
}
