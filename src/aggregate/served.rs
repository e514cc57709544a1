//! What only the server knows: bytes of pages, files, feeds, and what machines fetch.

use super::downloads::Download;
use super::feeds::Subscribers;
use super::shard::{Counted, Shard};
use super::visit::TIMEOUT;
use super::visitor::Spot;
use crate::model::rollup::Dimension;
use crate::model::row::{EventRow, Flags, Kind};
use crate::model::{PageKind, Proof, Served, Traits};
use std::sync::Arc;

impl Shard {
    /// A page is through, and `more` of it was sent than was known.
    pub(super) fn served(&mut self, spot: Spot, served: Served) -> Counted {
        let Served { page, kind, more } = served;
        let kind = if kind == PageKind::Prefetch { Kind::Prefetch } else { Kind::Sent };
        let mut row = spot.row(kind, &page);
        row.numbers[0] = more;
        match kind {
            _ if more == 0 => {}
            Kind::Prefetch => self.write_of_nobody(spot, row),
            _ => self.write_now(spot, row),
        }
        ("", page, None)
    }

    /// Of a file `bytes` were sent, from `first` on.
    pub(super) fn download(
        &mut self,
        spot: Spot,
        path: &Arc<str>,
        first: u64,
        bytes: u64,
        length: Option<u64>,
    ) -> Counted {
        let (key, running) = self.running_download(spot, path);
        let begins = running.is_none();
        let mut download = running.unwrap_or_else(|| Download::begun(spot.day, spot.at, length));
        let completes = download.add(spot.at, first, bytes, length);
        let flags = Flags::default().with_if(Flags::BEGINS, begins);
        let mut row = spot.row(Kind::Download, path);
        row.numbers[0] = i64::try_from(bytes).unwrap_or(0);
        if completes && download.day != spot.day {
            let begun = EventRow { flags: Flags::COMPLETE, numbers: [0; 2], ..row.clone() };
            self.write_of_nobody(Spot { day: download.day, ..spot }, begun);
            row.flags = flags;
        } else {
            row.flags = flags.with_if(Flags::COMPLETE, completes);
        }
        self.write_of_nobody(spot, row);
        if let Some(key) = key {
            self.downloads.push(key, download);
        }
        (if begins { "download" } else { "" }, path.clone(), None)
    }

    /// The key to remember a download under (`None`: it is nobody's), and the one that goes on,
    /// taken out of `downloads`. One begun under yesterday's hash goes on under today's.
    fn running_download(&mut self, spot: Spot, path: &str) -> (Option<u64>, Option<Download>) {
        let [today, yesterday] = [spot.visitor, spot.before_midnight]
            .map(|visitor| visitor.map(|visitor| self.number((spot.site, visitor, path))));
        let known = [today, yesterday].into_iter().flatten().find_map(|k| self.downloads.pop(&k));
        (today, known.filter(|download| spot.at - download.last <= TIMEOUT))
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
            self.feeds.get_or_insert_mut(key, || Subscribers::new(day)).more(day, told)
        });
        let mut row = spot.row(Kind::Feed, path);
        (row.name, row.numbers[0]) = (reader, more.into());
        self.write_of_nobody(spot, row);
        ("", path.clone(), None)
    }

    pub(super) fn bot(
        &mut self,
        spot: Spot,
        machine: Machine,
        page: Arc<str>,
        status: u16,
        flags: Flags,
    ) -> Counted {
        let mut row = machine.row(spot, &page);
        row.flags = Flags::ANSWERED.with(flags);
        row.numbers[0] = status.into();
        self.write_of_nobody(spot, row);
        let Machine { name, class, .. } = machine;
        let traits = Traits::from([(Dimension::BotName, name), (Dimension::BotClass, class)]);
        ("bot", page, Some(traits))
    }

    pub(super) fn bot_beacon(&mut self, spot: Spot, machine: Machine) -> Counted {
        let mut row = machine.row(spot, &Arc::default());
        row.flags = Flags::BEACON;
        self.write_of_nobody(spot, row);
        ("", machine.name, None)
    }
}

/// A machine, and how it is known which.
pub(super) struct Machine {
    pub name: Arc<str>,
    pub class: Arc<str>,
    pub proof: Option<Proof>,
}

impl Machine {
    fn row(&self, spot: Spot, page: &Arc<str>) -> EventRow {
        let mut row = spot.row(Kind::Bot, page);
        (row.name, row.detail) = (self.name.clone(), self.class.clone());
        row.numbers[1] = self.proof.map_or(0, Proof::number);
        row
    }
}
