//! Anonymous events, for the rolling list: what happened, and what exactly it added.
//!
//! An event carries its own increments, so that a day can be summed up again from its list without
//! any rule, any order and any memory of visitors: [`Replayed`] is the way back. It never carries a
//! view id. Written per hit, so increments are noted by the armful ([`Added`]) and spelled out only
//! when the event is sealed.
//!
//! As JSON: `{"t":…,"type":"view","page":"/","visitor":"…","device":"Desktop",…,"in":"v","add":
//! [["server 1 visitors 1","total","slot","page","entry_page:/a","*"],…]}`. Each list in `add` is
//! what to add, and to which rows: `dimension:value`, a bare `page`, `entry_page`, `exit_page` or
//! `slot` for the event's own page and time, `*` for every trait of the visit (those in `visit`, or
//! else the event's own). `in` says whose sketches the visitor joins: `v` visitors, `c` confirmed
//! ones.

use crate::capture::Traits;
use crate::rollup::{self, Dimension, Metric, Row};
use crate::visitor::VisitorHash;
use serde::ser::{SerializeMap, SerializeSeq, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::sync::Arc;

/// An anonymous event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Milliseconds since the epoch.
    pub at: i64,
    /// `activity`: nothing to tell, only to add.
    pub kind: &'static str,
    pub page: Arc<str>,
    /// The day's anonymous hash.
    pub visitor: Option<VisitorHash>,
    /// Device, place, source.
    pub traits: Arc<Traits>,
    /// What the event has added to its day; `None` in one that is only told (the live stream's).
    pub added: Option<Vec<Added>>,
}

/// Increments of one hit to one (site, day).
#[derive(Debug, Clone, PartialEq)]
pub enum Added {
    One {
        dimension: Dimension,
        value: Arc<str>,
        metric: Metric,
        by: i64,
    },
    Row {
        dimension: Dimension,
        value: Arc<str>,
        row: Box<Row>,
    },
    /// One of each metric to every row of a view (total, slot, page, entry page, traits), and to
    /// those whose bit is set in `claimed`, in this order, one to `visitors`.
    View {
        slot: Arc<str>,
        page: Arc<str>,
        entry: Option<Arc<str>>,
        traits: Arc<Traits>,
        metrics: &'static [Metric],
        visitors: Metric,
        claimed: u64,
    },
    /// The same to every row of a visit.
    Visit {
        slot: Arc<str>,
        entry: Arc<str>,
        exit: Arc<str>,
        traits: Arc<Traits>,
        more: Box<Row>,
    },
    Visitor(VisitorHash),
    Confirmed(VisitorHash),
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut visitor = self.visitor;
        let (mut seen, mut confirmed) = (false, false);
        let mut of_visit = None;
        for added in self.added.iter().flatten() {
            match added {
                Added::Visitor(v) => (visitor, seen) = (Some(*v), true),
                Added::Confirmed(v) => (visitor, confirmed) = (Some(*v), true),
                Added::View { traits, .. } | Added::Visit { traits, .. } => {
                    of_visit.get_or_insert(traits);
                }
                Added::One { .. } | Added::Row { .. } => {}
            }
        }
        let mut map = s.serialize_map(None)?;
        map.serialize_entry("t", &self.at)?;
        map.serialize_entry("type", self.kind)?;
        map.serialize_entry("page", &self.page)?;
        if let Some(visitor) = visitor {
            map.serialize_entry("visitor", &format_args!("{visitor}"))?;
        }
        for (dimension, value) in self.traits.iter() {
            map.serialize_entry(dimension.as_str(), value)?;
        }
        if let Some(traits) = of_visit.filter(|traits| !same(traits, &self.traits)) {
            map.serialize_entry("visit", &ByName(traits))?;
        }
        match (seen, confirmed) {
            (true, true) => map.serialize_entry("in", "vc")?,
            (true, false) => map.serialize_entry("in", "v")?,
            (false, true) => map.serialize_entry("in", "c")?,
            (false, false) => {}
        }
        if let Some(added) = &self.added {
            let told = Told { own: Own::of(self.at, &self.page), traits: of_visit };
            map.serialize_entry("add", &Lists { told, added })?;
        }
        map.end()
    }
}

/// Most often they are one and the same in memory.
fn same(a: &Arc<Traits>, b: &Arc<Traits>) -> bool {
    Arc::ptr_eq(a, b) || a == b
}

struct ByName<'a>(&'a Traits);

impl Serialize for ByName<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_map(self.0.iter().map(|(dimension, value)| (dimension.as_str(), value)))
    }
}

/// What of an event need not be said again.
struct Told<'a> {
    own: Own<'a>,
    traits: Option<&'a Arc<Traits>>,
}

/// What a bare dimension stands for: the event's own page, its own time.
struct Own<'a> {
    page: &'a str,
    slot: String,
}

impl<'a> Own<'a> {
    fn of(at: i64, page: &'a str) -> Self {
        Self { page, slot: rollup::slot(at).to_string() }
    }

    fn value(&self, dimension: Dimension) -> &str {
        match dimension {
            Dimension::Page | Dimension::EntryPage | Dimension::ExitPage => self.page,
            Dimension::Slot => &self.slot,
            _ => "",
        }
    }
}

struct Lists<'a> {
    told: Told<'a>,
    added: &'a [Added],
}

impl Serialize for Lists<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut lists = s.serialize_seq(None)?;
        let mut list = |counts: &Row, rows: &[(Dimension, &str)], traits, which| {
            if which == 0 || *counts == Row::default() {
                return Ok(());
            }
            lists.serialize_element(&List { told: &self.told, counts, rows, traits, which })
        };
        for added in self.added {
            match added {
                Added::One { dimension, value, metric, by } => {
                    let mut counts = Row::default();
                    counts.add(*metric, *by);
                    list(&counts, &[(*dimension, value)], None, ALL)?;
                }
                Added::Row { dimension, value, row } => {
                    list(row, &[(*dimension, value)], None, ALL)?;
                }
                Added::Visit { slot, entry, exit, traits, more } => {
                    let rows = [
                        (Dimension::Total, ""),
                        (Dimension::Slot, &**slot),
                        (Dimension::EntryPage, entry),
                        (Dimension::ExitPage, exit),
                    ];
                    list(more, &rows, Some(traits), ALL)?;
                }
                Added::View { slot, page, entry, traits, metrics, visitors, claimed } => {
                    let rows = [
                        (Dimension::Total, ""),
                        (Dimension::Slot, &**slot),
                        (Dimension::Page, page),
                        (Dimension::EntryPage, entry.as_deref().unwrap_or_default()),
                    ];
                    let rows = if entry.is_some() { &rows[..] } else { &rows[..3] };
                    let mut counts = Row::default();
                    metrics.iter().for_each(|metric| counts.add(*metric, 1));
                    let there_are = ALL >> (64 - rows.len() - traits.len()).min(63);
                    list(&counts, rows, Some(traits), there_are & !claimed)?;
                    counts.add(*visitors, 1);
                    list(&counts, rows, Some(traits), there_are & claimed)?;
                }
                Added::Visitor(_) | Added::Confirmed(_) => {}
            }
        }
        lists.end()
    }
}

/// Of every row.
const ALL: u64 = u64::MAX;

/// Counts, and the rows they were added to: those of `rows` and `traits`, one after the other,
/// whose bit is set in `which`. There are fewer dimensions than bits.
struct List<'a> {
    told: &'a Told<'a>,
    counts: &'a Row,
    rows: &'a [(Dimension, &'a str)],
    traits: Option<&'a Arc<Traits>>,
    which: u64,
}

impl Serialize for List<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut list = s.serialize_seq(None)?;
        list.serialize_element(&Sum(self.counts))?;
        let mut which = self.which;
        let mut next = || {
            let this = which & 1 == 1;
            which >>= 1;
            this
        };
        for (dimension, value) in self.rows {
            if next() {
                list.serialize_element(&RowName {
                    own: &self.told.own,
                    dimension: *dimension,
                    value,
                })?;
            }
        }
        if let Some(traits) = self.traits {
            let every = ALL >> (64 - traits.len()).min(63);
            if self.which >> self.rows.len() & every == every
                && self.told.traits.is_some_and(|told| same(told, traits))
            {
                list.serialize_element("*")?;
            } else {
                for (dimension, value) in traits.iter().filter(|_| next()) {
                    list.serialize_element(&RowName {
                        own: &self.told.own,
                        dimension: *dimension,
                        value,
                    })?;
                }
            }
        }
        list.end()
    }
}

struct RowName<'a> {
    own: &'a Own<'a>,
    dimension: Dimension,
    value: &'a str,
}

impl Serialize for RowName<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let word = self.dimension.as_str();
        if self.value == self.own.value(self.dimension) {
            return s.serialize_str(word);
        }
        s.collect_str(&format_args!("{word}:{}", self.value))
    }
}

struct Sum<'a>(&'a Row);

impl Serialize for Sum<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl fmt::Display for Sum<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (metric, by)) in self.0.counts().enumerate() {
            let gap = if i > 0 { " " } else { "" };
            write!(f, "{gap}{} {by}", metric.as_str())?;
        }
        Ok(())
    }
}

/// What an event had added, read back from the list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Replayed {
    pub counts: Vec<(Dimension, String, Metric, i64)>,
    /// Whose event it was, and which sketches they join.
    pub visitor: Option<VisitorHash>,
    pub seen: bool,
    pub confirmed: bool,
}

impl Replayed {
    /// Reads an event; `None` if it does not say what it added (it is of an older version, or was
    /// not written by us).
    pub fn read(json: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Stored {
            t: i64,
            page: String,
            #[serde(default)]
            visitor: Option<String>,
            #[serde(default)]
            visit: Option<serde_json::Map<String, Value>>,
            #[serde(default, rename = "in")]
            joins: String,
            add: Vec<Vec<String>>,
            #[serde(flatten)]
            more: serde_json::Map<String, Value>,
        }
        let stored: Stored = serde_json::from_str(json).ok()?;
        let traits = stored.visit.as_ref().unwrap_or(&stored.more);
        let own = Own::of(stored.t, &stored.page);
        let mut counts = Vec::new();
        for list in &stored.add {
            let (sum, rows) = list.split_first()?;
            let sum = read_sum(sum)?;
            let mut add = |dimension: Dimension, value: &str| {
                counts.extend(sum.iter().map(|(m, by)| (dimension, value.to_owned(), *m, *by)));
            };
            for row in rows {
                match row.split_once(':') {
                    Some((word, value)) => add(Dimension::parse(word)?, value),
                    None if row == "*" => {
                        for (word, value) in traits {
                            if let Some(dimension) = Dimension::parse(word) {
                                add(dimension, value.as_str()?);
                            }
                        }
                    }
                    None => {
                        let dimension = Dimension::parse(row)?;
                        add(dimension, own.value(dimension));
                    }
                }
            }
        }
        let (seen, confirmed) = (stored.joins.contains('v'), stored.joins.contains('c'));
        let visitor = match stored.visitor {
            Some(text) => Some(VisitorHash::parse(&text)?),
            None => None,
        };
        Some(Self { counts, visitor, seen, confirmed })
    }
}

fn read_sum(text: &str) -> Option<Vec<(Metric, i64)>> {
    let words: Vec<&str> = text.split(' ').collect();
    let pairs = words.chunks(2).map(|pair| match pair {
        [metric, by] => Some((Metric::parse(metric)?, by.parse().ok()?)),
        _ => None,
    });
    pairs.collect()
}
