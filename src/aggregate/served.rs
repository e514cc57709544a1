//! What only the server knows: bytes of pages, feeds, and what machines fetch.

use super::shard::{Counted, Shard, Spot};
use crate::model::rollup::{Dimension, Metric, join};
use crate::model::site::Day;
use crate::model::{BotClass, PageKind, Served, Traits};
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
    /// A page is through, and `more` of it was sent than was known. Whose it was does not matter,
    /// so it is no event of its own.
    pub(super) fn served(&mut self, spot: Spot, served: Served) -> Counted {
        let Served { page, kind, more } = served;
        let dimension = match kind {
            PageKind::Prefetch => Dimension::Prefetch,
            _ => Dimension::Page,
        };
        let page = self.admit(spot, dimension, &page);
        self.sent(spot, dimension, &page, more);
        ("", page, None)
    }

    /// Bytes of a page, or of a prefetched one.
    pub(super) fn sent(&mut self, spot: Spot, dimension: Dimension, page: &str, bytes: i64) {
        let (at, book) = (spot.at, self.book(spot));
        book.gather(at, dimension, page, Metric::Bytes, bytes);
        if dimension == Dimension::Page && bytes != 0 {
            book.gather(at, Dimension::Total, "", Metric::Bytes, bytes);
            let (slot, _) = book.slot(at);
            book.gather(at, Dimension::Slot, &slot, Metric::Bytes, bytes);
        }
    }

    /// A feed was fetched. Readers fetch many times a day for the same subscribers: the day's most
    /// counts, by what each fetch adds to it.
    pub(super) fn feed(
        &mut self,
        spot: Spot,
        path: &str,
        reader: &str,
        subscribers: Option<u32>,
    ) -> Counted {
        let row = self.admit(spot, Dimension::Feed, &join([path, reader]));
        let more = subscribers.map_or(0, |told| {
            let key = self.number((spot.site, path, reader));
            let day = spot.day;
            let known = self.feeds.get_or_insert_mut(key, || Subscribers { day, most: 0 });
            if day > known.day {
                *known = Subscribers { day, most: 0 };
            }
            let more = if day == known.day { told.saturating_sub(known.most) } else { 0 };
            known.most += more;
            more
        });
        let book = self.book(spot);
        book.add(Dimension::Feed, &row, Metric::Responses, 1);
        book.add(Dimension::Feed, &row, Metric::Subscribers, more.into());
        ("", path.into(), None)
    }

    pub(super) fn bot(
        &mut self,
        spot: Spot,
        name: &Arc<str>,
        class: Arc<str>,
        path: &Arc<str>,
        status: u16,
        read: bool,
    ) -> Counted {
        let page = self.admit(spot, Dimension::BotPage, path);
        let name = self.admit(spot, Dimension::BotName, name);
        let status = status.to_string().into();
        let book = self.book(spot);
        for (dimension, value) in [
            (Dimension::BotName, &name),
            (Dimension::BotClass, &class),
            (Dimension::BotPage, &page),
            (Dimension::BotStatus, &status),
        ] {
            book.add(dimension, value, Metric::Responses, 1);
        }
        let purpose = match &*class {
            c if c == BotClass::AiTraining.as_str() => Some("training"),
            c if c == BotClass::AiAssistant.as_str() => Some("assistant"),
            _ => None,
        };
        if let Some(purpose) = purpose.filter(|_| read) {
            self.ai(spot, purpose, path);
        }
        let traits = Traits::from([(Dimension::BotName, name), (Dimension::BotClass, class)]);
        ("bot", page, Some(traits))
    }

    pub(super) fn bot_beacon(&mut self, spot: Spot, name: &Arc<str>, class: &Arc<str>) -> Counted {
        let name = self.admit(spot, Dimension::BotName, name);
        let book = self.book(spot);
        book.add(Dimension::BotName, &name, Metric::Beacons, 1);
        book.add(Dimension::BotClass, class, Metric::Beacons, 1);
        ("", name, None)
    }

    /// What AI had to do with a page.
    pub(super) fn ai(&mut self, spot: Spot, purpose: &str, page: &str) {
        let value = self.admit_parts(spot, Dimension::AiPage, &join([purpose, page]));
        self.book(spot).add(Dimension::AiPage, &value, Metric::Responses, 1);
    }
}
