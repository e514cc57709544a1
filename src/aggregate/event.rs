//! Anonymous events, for the rolling list: what happened, and what exactly it added.
//!
//! An event carries its own increments, so that a day can be summed up again from its list without
//! any rule, any order and any memory of visitors: [`Replayed`] is the way back. It never carries a
//! view id. Written per hit, so increments are noted by the armful ([`Added`]) and spelled out only
//! when the event is sealed.
//!
//! As JSON: `{"t":…,"type":"view","page":"/","visitor":"…","device":"Desktop",…,"in":"v","add":
//! [["server 1 visitors 1","total","slot:1994962","page","*"],…]}`. Each list in `add` is what to
//! add, and to which rows: `dimension:value`, a bare `page` for the event's own, `*` for every trait
//! of the visit (those in `visit`, or else the event's own). `in` says whose sketches the visitor
//! joins: `v` visitors, `c` confirmed ones.

use crate::capture::Traits;
use crate::rollup::{Dimension, Metric, Row};
use crate::visitor::VisitorHash;
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt::Write;
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
        let mut joins = String::new();
        let mut of_visit = None;
        for added in self.added.iter().flatten() {
            match added {
                Added::Visitor(v) => (visitor, _) = (Some(*v), joins.push('v')),
                Added::Confirmed(v) => (visitor, _) = (Some(*v), joins.push('c')),
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
        if let Some(traits) = of_visit.filter(|traits| **traits != self.traits) {
            map.serialize_entry("visit", &ByName(traits))?;
        }
        if !joins.is_empty() {
            map.serialize_entry("in", &joins)?;
        }
        if let Some(added) = &self.added {
            let told = Told { page: &self.page, traits: of_visit };
            map.serialize_entry("add", &told.lists(added))?;
        }
        map.end()
    }
}

struct ByName<'a>(&'a Traits);

impl Serialize for ByName<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_map(self.0.iter().map(|(dimension, value)| (dimension.as_str(), value)))
    }
}

/// What of an event need not be said again.
struct Told<'a> {
    page: &'a Arc<str>,
    traits: Option<&'a Arc<Traits>>,
}

impl Told<'_> {
    fn lists(&self, added: &[Added]) -> Vec<Vec<String>> {
        let mut lists = Vec::with_capacity(added.len() + 1);
        for added in added {
            match added {
                Added::One { dimension, value, metric, by } => {
                    lists.push(vec![sum([(*metric, *by)]), self.row(*dimension, value)]);
                }
                Added::Row { dimension, value, row } => {
                    lists.push(vec![sum(row.counts()), self.row(*dimension, value)]);
                }
                Added::Visit { slot, entry, exit, traits, more } => {
                    let mut list = vec![
                        sum(more.counts()),
                        self.row(Dimension::Total, ""),
                        self.row(Dimension::Slot, slot),
                        self.row(Dimension::EntryPage, entry),
                        self.row(Dimension::ExitPage, exit),
                    ];
                    self.all(traits, &mut list);
                    lists.push(list);
                }
                Added::View { slot, page, entry, traits, metrics, visitors, claimed } => {
                    let mut rows: Vec<(Dimension, &str)> = vec![
                        (Dimension::Total, ""),
                        (Dimension::Slot, slot),
                        (Dimension::Page, page),
                    ];
                    rows.extend(entry.iter().map(|entry| (Dimension::EntryPage, &**entry)));
                    let views = || metrics.iter().map(|metric| (*metric, 1));
                    let count = sum(views());
                    let with_visitor = sum(views().chain([(*visitors, 1)]));
                    let end = rows.len() + traits.len();
                    let all = 1u64.checked_shl(end as u32).map_or(u64::MAX, |bit| bit - 1);
                    if *claimed == 0 || *claimed == all {
                        let count = if *claimed == 0 { count } else { with_visitor };
                        let mut list = vec![count];
                        list.extend(
                            rows.iter().map(|(dimension, value)| self.row(*dimension, value)),
                        );
                        self.all(traits, &mut list);
                        lists.push(list);
                    } else {
                        rows.extend(traits.iter().map(|(dimension, value)| (*dimension, &**value)));
                        let (mut new, mut known) = (vec![with_visitor], vec![count]);
                        for (i, (dimension, value)) in rows.into_iter().enumerate() {
                            let claimed = claimed.checked_shr(i as u32).unwrap_or(0) & 1 == 1;
                            let list = if claimed { &mut new } else { &mut known };
                            list.push(self.row(dimension, value));
                        }
                        lists.extend([new, known]);
                    }
                }
                Added::Visitor(_) | Added::Confirmed(_) => {}
            }
        }
        // Nothing to add, or nowhere.
        lists.retain(|list| list.len() > 1 && !list[0].is_empty());
        lists
    }

    fn all(&self, traits: &Arc<Traits>, list: &mut Vec<String>) {
        if self.traits == Some(traits) {
            list.push("*".to_owned());
        } else {
            list.extend(traits.iter().map(|(dimension, value)| self.row(*dimension, value)));
        }
    }

    fn row(&self, dimension: Dimension, value: &str) -> String {
        let word = dimension.as_str();
        let bare = match dimension {
            Dimension::Page => *value == **self.page,
            _ => value.is_empty(),
        };
        if bare {
            return word.to_owned();
        }
        let mut row = String::with_capacity(word.len() + 1 + value.len());
        row.push_str(word);
        row.push(':');
        row.push_str(value);
        row
    }
}

fn sum(counts: impl IntoIterator<Item = (Metric, i64)>) -> String {
    let mut text = String::new();
    for (metric, by) in counts {
        let gap = if text.is_empty() { "" } else { " " };
        let _ = write!(text, "{gap}{} {by}", metric.as_str());
    }
    text
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
                    None => match Dimension::parse(row)? {
                        Dimension::Page => add(Dimension::Page, &stored.page),
                        other => add(other, ""),
                    },
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
