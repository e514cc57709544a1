//! What only the server knows: bytes of pages, feeds, and what machines fetch.

use super::shard::{Counted, Shard, Spot};
use crate::model::rollup::Dimension;
use crate::model::row::{EventRow, Flags, Kind};
use crate::model::site::Day;
use crate::model::{PageKind, Served, Traits};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Feeds and their readers remembered for a day's most subscribers.
pub(super) const FEEDS_MAX: usize = 10_000;

/// The most subscribers a reader has named of a feed on a day.
#[derive(Serialize, Deserialize)]
pub(super) struct Subscribers {
    day: Day,
    most: u32,
}

impl Shard {
    /// A page is through, and `more` of it was sent than was known.
    pub(super) fn served(&mut self, spot: Spot, served: Served) -> Counted {
        let Served { page, kind, more } = served;
        let kind = if kind == PageKind::Prefetch { Kind::Prefetch } else { Kind::Sent };
        let mut row = EventRow::new(spot.at, kind, Arc::default(), page.clone());
        row.numbers[0] = more;
        match kind {
            _ if more == 0 => {}
            Kind::Prefetch => self.write_of_nobody(spot, row),
            _ => self.write_now(spot, row),
        }
        ("", page, None)
    }

    /// A feed was fetched. Readers fetch many times a day for the same subscribers: the day's most
    /// counts, by what each fetch adds to it.
    pub(super) fn feed(
        &mut self,
        spot: Spot,
        path: &Arc<str>,
        reader: Arc<str>,
        subscribers: Option<u32>,
    ) -> Counted {
        let more = subscribers.map_or(0, |told| {
            let key = self.number((spot.site, path, &reader));
            let day = spot.day;
            let known = self.feeds.get_or_insert_mut(key, || Subscribers { day, most: 0 });
            if day > known.day {
                *known = Subscribers { day, most: 0 };
            }
            let more = if day == known.day { told.saturating_sub(known.most) } else { 0 };
            known.most += more;
            more
        });
        let mut row = EventRow::new(spot.at, Kind::Feed, Arc::default(), path.clone());
        (row.name, row.numbers[0]) = (reader, more.into());
        self.write_of_nobody(spot, row);
        ("", path.clone(), None)
    }

    pub(super) fn bot(
        &mut self,
        spot: Spot,
        name: Arc<str>,
        class: Arc<str>,
        page: Arc<str>,
        status: u16,
        read: bool,
    ) -> Counted {
        let mut row = EventRow::new(spot.at, Kind::Bot, Arc::default(), page.clone());
        row.flags = Flags::ANSWERED.and_if(Flags::READ, read);
        (row.name, row.detail, row.numbers[0]) = (name.clone(), class.clone(), status.into());
        self.write_of_nobody(spot, row);
        let traits = Traits::from([(Dimension::BotName, name), (Dimension::BotClass, class)]);
        ("bot", page, Some(traits))
    }

    pub(super) fn bot_beacon(&mut self, spot: Spot, name: Arc<str>, class: Arc<str>) -> Counted {
        let mut row = EventRow::new(spot.at, Kind::Bot, Arc::default(), Arc::default());
        (row.flags, row.name, row.detail) = (Flags::BEACON, name.clone(), class);
        self.write_of_nobody(spot, row);
        ("", name, None)
    }
}
