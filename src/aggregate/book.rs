//! A (site, day) as a shard counts it: its rows, each with a place of its own, and what has
//! gathered in them since the last flush.
//!
//! Rows stay where they are when their counts are taken, so that who counts in the same rows again
//! (a visit does, with every view) need not look them up by name. A [`Window`] is what is taken.

use super::claims::Claim;
use super::event::{Added, Event};
use super::profile::Profile;
use crate::clock::Millis;
use crate::model::rollup::{self, Dimension, Metric, Row, join};
use crate::model::{EventList, Traits, VisitorHash, Window};
use foldhash::fast::{FixedState, RandomState};
use indexmap::{Equivalent, IndexMap};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where a row is in its book.
pub type Place = u32;

/// Rows are kept for their places: so many, and twice as many as count in a window. With more a book
/// begins anew, or it would remember what nobody asks for.
const KEPT: usize = 2_000;

/// Increments to an event that tells of what was gathered.
const GATHERED_ROWS: usize = 100;

/// Where the total is, in every book.
pub const TOTAL: Place = 0;

/// What one (site, day) has to add to the store.
#[derive(Debug)]
pub struct Book {
    /// Tells books apart: places are good in one only.
    serial: u64,
    /// Numbers claims.
    hasher: FixedState,
    rows: IndexMap<(Dimension, Arc<str>), Entry, RandomState>,
    /// Rows that have something to add.
    touched: Vec<Place>,
    /// The slot that was asked for last.
    slot: (i64, Arc<str>, Place),
    /// How many hits went in.
    pub hits: u64,
    visitors: Vec<VisitorHash>,
    confirmed: Vec<VisitorHash>,
    events: EventList,
    /// What the hit at work has added so far, for its event.
    added: Vec<Added>,
    /// Increments that need no event for each hit: they are nobody's. When the last came.
    gathered: IndexMap<(Place, Metric), i64, RandomState>,
    latest: Millis,
    /// Times, until they are gathered. One may be here more than once: to find it each time it comes
    /// costs more.
    timed: Vec<Times>,
    /// So many of them that it is time to add up those that are alike.
    many: usize,
}

/// See [`Book::many`].
const MANY_TIMES: usize = 16_384;

/// Of a page something took so long, by [`crate::model::sketch::bucket`], and so often.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Times {
    page: Place,
    bucket: u32,
    what: &'static str,
    /// How many hits there were when it first did: names have to come up in an order that does not
    /// depend on places.
    since: u64,
    times: u32,
}

/// A row at its place. What every view asks for lies together.
#[derive(Debug)]
#[repr(C)]
struct Entry {
    touched: bool,
    /// What visitors claim the row with, by [`Claim`].
    claims: [u64; 2],
    counts: Row,
}

/// A row's key that owns nothing.
#[derive(Hash)]
struct Name<'a>(Dimension, &'a str);

impl Equivalent<(Dimension, Arc<str>)> for Name<'_> {
    fn equivalent(&self, key: &(Dimension, Arc<str>)) -> bool {
        self.0 == key.0 && *self.1 == *key.1
    }
}

impl Book {
    pub fn new(hasher: FixedState) -> Self {
        let mut book = Self {
            serial: next_serial(),
            hasher,
            rows: IndexMap::default(),
            touched: Vec::new(),
            slot: (i64::MIN, Arc::default(), 0),
            hits: 0,
            visitors: Vec::new(),
            confirmed: Vec::new(),
            events: EventList::default(),
            added: Vec::new(),
            gathered: IndexMap::default(),
            latest: 0,
            timed: Vec::new(),
            many: MANY_TIMES,
        };
        let total = book.place(Dimension::Total, &Arc::default());
        debug_assert_eq!(total, TOTAL);
        book
    }

    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// Where a row is. A new one's name is made by `owned`.
    fn place_of(
        &mut self,
        dimension: Dimension,
        value: &str,
        owned: impl FnOnce() -> Arc<str>,
    ) -> Place {
        let at = self.rows.get_index_of(&Name(dimension, value)).unwrap_or_else(|| {
            let claims = [Claim::Seen, Claim::Confirmed]
                .map(|kind| kind.number(&self.hasher, dimension, value));
            let entry = Entry { counts: Row::default(), touched: false, claims };
            self.rows.insert_full((dimension, owned()), entry).0
        });
        at as Place
    }

    pub fn place(&mut self, dimension: Dimension, value: &Arc<str>) -> Place {
        self.place_of(dimension, value, || value.clone())
    }

    /// The same for a value that is not held by itself.
    pub fn place_named(&mut self, dimension: Dimension, value: &str) -> Place {
        self.place_of(dimension, value, || value.into())
    }

    /// The row at a place of this book, to count in. Takes no note: whoever counts in many notes
    /// them all in one.
    pub fn at(&mut self, place: Place) -> &mut Row {
        let entry = &mut self.rows[place as usize];
        if !entry.touched {
            entry.touched = true;
            self.touched.push(place);
        }
        &mut entry.counts
    }

    /// What a visitor claims the row at a place with.
    pub fn claim(&self, place: Place, kind: Claim) -> u64 {
        self.rows[place as usize].claims[kind as usize]
    }

    /// Whose row is at a place.
    fn name(&self, place: Place) -> (Dimension, Arc<str>) {
        let Some(((dimension, value), _)) = self.rows.get_index(place as usize) else {
            unreachable!("a place of another book")
        };
        (*dimension, value.clone())
    }

    /// The slot that a time falls in, and its row.
    pub fn slot(&mut self, at: Millis) -> (Arc<str>, Place) {
        let slot = rollup::slot(at);
        if self.slot.0 != slot {
            let value: Arc<str> = slot.to_string().into();
            let place = self.place(Dimension::Slot, &value);
            self.slot = (slot, value, place);
        }
        (self.slot.1.clone(), self.slot.2)
    }

    /// Adds to the rows of a profile.
    pub fn add_to_profile(&mut self, profile: &Profile, more: &[(Metric, i64)]) {
        for place in profile.places(self) {
            self.at(place).add_all(more);
        }
    }

    pub fn add(&mut self, dimension: Dimension, value: &Arc<str>, metric: Metric, by: i64) {
        if by != 0 {
            let place = self.place(dimension, value);
            self.add_at(place, metric, by);
        }
    }

    pub fn add_at(&mut self, place: Place, metric: Metric, by: i64) {
        if by != 0 {
            self.at(place).add(metric, by);
            let (dimension, value) = self.name(place);
            self.note(Added::One { dimension, value, metric, by });
        }
    }

    pub fn add_row_at(&mut self, place: Place, more: &Row) {
        self.at(place).merge(more);
        let (dimension, value) = self.name(place);
        self.note(Added::Row { dimension, value, row: Box::new(*more) });
    }

    /// Adds to the total, its slot and a page.
    pub fn add_on_page(&mut self, at: Millis, page: Place, metric: Metric, by: i64) {
        if by != 0 {
            let (slot, slot_place) = self.slot(at);
            for place in [TOTAL, slot_place, page] {
                self.at(place).add(metric, by);
            }
            let (_, page) = self.name(page);
            self.note(Added::OnPage { slot, page, metric, by });
        }
    }

    /// Counts how long something of a page took.
    pub fn time(&mut self, at: Millis, what: &'static str, page: Place, bucket: u32) {
        self.timed.push(Times { page, bucket, what, since: self.hits, times: 1 });
        self.latest = self.latest.max(at);
        if self.timed.len() >= self.many {
            self.add_up_times();
            self.many = MANY_TIMES.max(2 * self.timed.len());
        }
    }

    fn add_up_times(&mut self) {
        self.timed.sort_unstable();
        self.timed.dedup_by(|one, first| {
            let of = |times: &Times| (times.page, times.bucket, times.what);
            let alike = of(one) == of(first);
            first.times += if alike { one.times } else { 0 };
            alike
        });
    }

    /// The times of each page and of all, with their rows' names. These are long and many, so they are
    /// made once for a window, and nobody looks for them among the others.
    fn take_times(
        &mut self,
        mut admit: impl FnMut(Dimension, &str, u32) -> Arc<str>,
    ) -> Vec<(Arc<str>, i64)> {
        self.add_up_times();
        let mut timed = std::mem::take(&mut self.timed);
        timed.sort_unstable_by_key(|times| times.since);
        let mut all = BTreeMap::new();
        let of_page = |Times { page, bucket, what, times, .. }| {
            *all.entry((what, bucket)).or_insert(0) += i64::from(times);
            let (_, page) = self.name(page);
            let name = join([what, &bucket.to_string(), &page]);
            (admit(Dimension::Timing, &name, times), i64::from(times))
        };
        let mut rows: Vec<_> = timed.into_iter().map(of_page).collect();
        rows.extend(all.into_iter().map(|((what, bucket), times)| {
            let name = join([what, &bucket.to_string(), ""]);
            (name.into(), times)
        }));
        rows
    }

    /// Adds to one count without an event of the hit's own, see [`Book::tell_gathered`].
    pub fn gather(
        &mut self,
        at: Millis,
        dimension: Dimension,
        value: &str,
        metric: Metric,
        by: i64,
    ) {
        if by != 0 {
            let place = self.place_named(dimension, value);
            *self.gathered.entry((place, metric)).or_default() += by;
            self.latest = self.latest.max(at);
        }
    }

    /// Adds what was gathered.
    fn take_gathered(&mut self) -> Vec<Added> {
        let gathered = std::mem::take(&mut self.gathered);
        let add = |((place, metric), by)| {
            self.at(place).add(metric, by);
            let (dimension, value) = self.name(place);
            Added::One { dimension, value, metric, by }
        };
        gathered.into_iter().filter(|(_, by)| *by != 0).map(add).collect()
    }

    /// Tells of what was gathered, with few events: every increment is in one, so that a day can be
    /// made again from them, but what is told in every second should not push people's events out
    /// of the list.
    fn tell_gathered(&mut self, gathered: Vec<Added>) {
        let mut gathered = gathered.into_iter().peekable();
        while gathered.peek().is_some() {
            self.added.extend(gathered.by_ref().take(GATHERED_ROWS));
            let (page, traits) = (Arc::default(), Traits::default());
            let (at, kind) = (self.latest, "activity");
            self.record(&Event { at, kind, page, visitor: None, traits });
        }
    }

    /// Notes what the hit at work has added.
    pub fn note(&mut self, added: Added) {
        self.added.push(added);
    }

    /// A visitor of the day, for its sketches.
    pub fn seen(&mut self, visitor: VisitorHash) {
        self.visitors.push(visitor);
        self.note(Added::Visitor(visitor));
    }

    pub fn confirmed(&mut self, visitor: VisitorHash) {
        self.confirmed.push(visitor);
        self.note(Added::Confirmed(visitor));
    }

    /// Whether the hit at work has added anything.
    pub fn is_at_work(&self) -> bool {
        !self.added.is_empty()
    }

    /// The hit at work is through: its event joins the list.
    pub fn record(&mut self, event: &Event) {
        self.events.write(|line| event.write(line, Some(&self.added)));
        self.added.clear();
    }

    /// Whether nothing has gathered since [`Book::take`].
    pub fn is_idle(&self) -> bool {
        self.hits == 0
            && self.touched.is_empty()
            && self.gathered.is_empty()
            && self.timed.is_empty()
            && self.events.is_empty()
    }

    /// Takes what has gathered since the last time; `None`: nothing has. `admit` says which row a
    /// value counts in that came so many times.
    pub fn take(&mut self, admit: impl FnMut(Dimension, &str, u32) -> Arc<str>) -> Option<Window> {
        let times = self.take_times(admit);
        let mut gathered = self.take_gathered();
        let mut rows = Vec::with_capacity(self.touched.len() + times.len());
        for (value, times) in times {
            let (dimension, metric) = (Dimension::Timing, Metric::Events);
            let mut row = Row::default();
            row.add(metric, times);
            rows.push(((dimension, value.clone()), row));
            gathered.push(Added::One { dimension, value, metric, by: times });
        }
        self.tell_gathered(gathered);
        if self.is_idle() {
            return None;
        }
        let most = KEPT + 2 * self.touched.len();
        for place in self.touched.drain(..) {
            if let Some((key, entry)) = self.rows.get_index_mut(place as usize) {
                entry.touched = false;
                rows.push((key.clone(), std::mem::take(&mut entry.counts)));
            }
        }
        let window = Window {
            hits: std::mem::take(&mut self.hits),
            rows,
            visitors: std::mem::take(&mut self.visitors),
            confirmed: std::mem::take(&mut self.confirmed),
            events: std::mem::take(&mut self.events),
        };
        // What comes next must not tell of what was before: the same hits make the same window.
        self.latest = 0;
        self.added.clear();
        if self.rows.len() > most {
            *self = Self::new(self.hasher.clone());
        }
        Some(window)
    }
}

fn next_serial() -> u64 {
    static SERIAL: AtomicU64 = AtomicU64::new(1);
    SERIAL.fetch_add(1, Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_times_is_something() {
        let mut book = Book::new(FixedState::default());
        let page = book.place(Dimension::Page, &"/".into());
        assert!(book.is_idle());
        book.time(0, "LCP", page, 9);
        assert!(!book.is_idle());
        let window = book.take(|_, value, _| value.into()).expect("what was timed");
        assert_eq!((window.rows.len(), window.events.len()), (2, 1), "of the page, and of all");
        assert!(book.is_idle());
    }
}
