//! Increments gathered since the last flush, by (site, day).

use crate::rollup::{Dimension, Metric, Row};
use crate::site::Day;
use crate::visitor::VisitorHash;
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

type Rows = HashMap<(Dimension, Arc<str>), Row, foldhash::fast::RandomState>;

/// What one (site, day) has to add to the store. Windows of the same (site, day) add up.
#[derive(Debug, Default)]
pub struct Window {
    /// How many hits went in.
    pub hits: u64,
    pub rows: Rows,
    /// Visitors for the day's sketches.
    pub visitors: HashSet<VisitorHash>,
    pub confirmed: HashSet<VisitorHash>,
    /// Oldest first.
    pub events: Vec<Event>,
}

/// Windows by site (its index) and day.
pub type Windows = HashMap<(usize, Day), Window, foldhash::fast::RandomState>;

impl Window {
    /// The row to count in.
    pub fn row(&mut self, dimension: Dimension, value: &Arc<str>) -> &mut Row {
        self.rows.entry((dimension, value.clone())).or_default()
    }

    pub fn add(&mut self, dimension: Dimension, value: &Arc<str>, metric: Metric, by: i64) {
        if by != 0 {
            self.row(dimension, value).add(metric, by);
        }
    }

    pub fn add_row(&mut self, dimension: Dimension, value: &Arc<str>, more: &Row) {
        self.row(dimension, value).merge(more);
    }

    /// Adds a later window of the same (site, day).
    pub fn merge(&mut self, later: Window) {
        self.hits += later.hits;
        for (key, row) in later.rows {
            self.rows.entry(key).or_default().merge(&row);
        }
        self.visitors.extend(later.visitors);
        self.confirmed.extend(later.confirmed);
        self.events.extend(later.events);
    }
}

/// An anonymous event, for the rolling list. It never carries a view id.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Event {
    /// Milliseconds since the epoch.
    #[serde(rename = "t")]
    pub at: i64,
    #[serde(rename = "type")]
    pub kind: &'static str,
    #[serde(rename = "page")]
    pub page: Arc<str>,
    /// The day's anonymous hash, hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "hex")]
    pub visitor: Option<VisitorHash>,
    /// Device, place, source.
    #[serde(flatten, serialize_with = "map")]
    pub traits: Arc<Vec<(Dimension, Arc<str>)>>,
}

fn hex<S: serde::Serializer>(v: &Option<VisitorHash>, s: S) -> Result<S::Ok, S::Error> {
    match v {
        Some(v) => s.collect_str(v),
        None => s.serialize_none(),
    }
}

fn map<S: serde::Serializer>(
    traits: &Arc<Vec<(Dimension, Arc<str>)>>,
    s: S,
) -> Result<S::Ok, S::Error> {
    s.collect_map(traits.iter().map(|(d, v)| (d.as_str(), &**v)))
}
