//! Increments gathered since the last flush, by (site, day).

use super::event::{Added, Event, write_traits};
use super::list::EventList;
use crate::clock::Millis;
use crate::rollup::{Dimension, Metric, Row};
use crate::site::Day;
use crate::visitor::{Traits, VisitorHash};
use indexmap::{Equivalent, IndexMap};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

type Rows = IndexMap<(Dimension, Arc<str>), Row, foldhash::fast::RandomState>;

/// What one (site, day) has to add to the store. Windows of the same (site, day) add up.
#[derive(Debug, Default)]
pub struct Window {
    /// How many hits went in.
    pub hits: u64,
    pub rows: Rows,
    /// Visitors for the day's sketches.
    pub visitors: HashSet<VisitorHash>,
    pub confirmed: HashSet<VisitorHash>,
    /// As JSON.
    pub events: EventList,
    /// The sets of traits that were counted, by their addresses.
    sets: HashMap<usize, Set, foldhash::fast::RandomState>,
    /// What the hit at work has added so far, for its event.
    added: Vec<Added>,
    /// Increments that need no event for each hit: they are nobody's. When the last came.
    gathered: Rows,
    latest: Millis,
}

/// A set of traits, at work in a window: what would else be looked up for each view.
#[derive(Debug)]
struct Set {
    /// Held, so that its address stays its own.
    traits: Arc<Traits>,
    /// Where the rows of its traits are.
    rows: Box<[usize]>,
    json: Box<str>,
}

/// Rows to an event that tells of what was gathered.
const GATHERED_ROWS: usize = 100;

/// Windows by site (its index) and day.
pub type Windows = HashMap<(usize, Day), Window, foldhash::fast::RandomState>;

/// A row's key that owns nothing.
#[derive(Hash)]
struct Name<'a>(Dimension, &'a str);

impl Equivalent<(Dimension, Arc<str>)> for Name<'_> {
    fn equivalent(&self, key: &(Dimension, Arc<str>)) -> bool {
        self.0 == key.0 && *self.1 == *key.1
    }
}

/// A row by its name, which is `owned` only for a new one.
fn row<'r>(
    rows: &'r mut Rows,
    dimension: Dimension,
    value: &str,
    owned: impl FnOnce() -> Arc<str>,
) -> &'r mut Row {
    let known = rows.get_index_of(&Name(dimension, value));
    let at = known.unwrap_or_else(|| rows.insert_full((dimension, owned()), Row::default()).0);
    &mut rows[at]
}

impl Window {
    /// The row to count in. Takes no note: whoever counts in many notes them all in one.
    pub fn row(&mut self, dimension: Dimension, value: &Arc<str>) -> &mut Row {
        row(&mut self.rows, dimension, value, || value.clone())
    }

    /// The rows of a set of traits, in its order. Takes no note either.
    pub fn each_trait(
        &mut self,
        traits: &Arc<Traits>,
        mut count: impl FnMut(Dimension, &str, &mut Row),
    ) {
        let rows = &mut self.rows;
        let set = self.sets.entry(Arc::as_ptr(traits).addr()).or_insert_with(|| {
            let mut json = String::new();
            write_traits(&mut json, traits);
            let place = |(dimension, value): &(Dimension, Arc<str>)| {
                rows.entry((*dimension, value.clone())).or_default();
                rows.get_index_of(&Name(*dimension, value)).unwrap_or_default()
            };
            let rows = traits.iter().map(place).collect();
            Set { traits: traits.clone(), rows, json: json.into() }
        });
        for ((dimension, value), at) in set.traits.iter().zip(&set.rows) {
            count(*dimension, value, &mut self.rows[*at]);
        }
    }

    pub fn add(&mut self, dimension: Dimension, value: &Arc<str>, metric: Metric, by: i64) {
        if by != 0 {
            self.row(dimension, value).add(metric, by);
            self.note(Added::One { dimension, value: value.clone(), metric, by });
        }
    }

    pub fn add_row(&mut self, dimension: Dimension, value: &Arc<str>, more: &Row) {
        self.row(dimension, value).merge(more);
        self.note(Added::Row { dimension, value: value.clone(), row: Box::new(*more) });
    }

    /// Adds to one count without an event of the hit's own, see [`Window::tell_gathered`].
    pub fn gather(
        &mut self,
        at: Millis,
        dimension: Dimension,
        value: &str,
        metric: Metric,
        by: i64,
    ) {
        if by != 0 {
            row(&mut self.gathered, dimension, value, || value.into()).add(metric, by);
            self.latest = self.latest.max(at);
        }
    }

    /// Adds what was gathered, with few events: every increment is in one, so that a day can be
    /// made again from them, but a page's bytes should not push people's events out of the list.
    pub fn tell_gathered(&mut self) {
        let mut gathered = std::mem::take(&mut self.gathered).into_iter().peekable();
        while gathered.peek().is_some() {
            for ((dimension, value), row) in gathered.by_ref().take(GATHERED_ROWS) {
                self.add_row(dimension, &value, &row);
            }
            let (page, traits) = (Arc::default(), Arc::default());
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
        self.visitors.insert(visitor);
        self.note(Added::Visitor(visitor));
    }

    pub fn confirmed(&mut self, visitor: VisitorHash) {
        self.confirmed.insert(visitor);
        self.note(Added::Confirmed(visitor));
    }

    /// Whether the hit at work has added anything.
    pub fn is_at_work(&self) -> bool {
        !self.added.is_empty()
    }

    /// The hit at work is through: its event joins the list.
    pub fn record(&mut self, event: &Event) {
        let sets = &self.sets;
        let say =
            |out: &mut String, traits: &Arc<Traits>| match sets.get(&Arc::as_ptr(traits).addr()) {
                Some(set) => out.push_str(&set.json),
                None => write_traits(out, traits),
            };
        self.events.write(|line| event.write(line, Some(&self.added), say));
        self.added.clear();
    }

    /// Adds a later window of the same (site, day).
    pub fn merge(&mut self, later: Window) {
        self.hits += later.hits;
        for (key, row) in later.rows {
            self.rows.entry(key).or_default().merge(&row);
        }
        self.visitors.extend(later.visitors);
        self.confirmed.extend(later.confirmed);
        self.events.append(later.events);
        debug_assert!(later.gathered.is_empty(), "only sealed windows are merged");
    }
}
