//! Rows of a day as a question sees them: those a filter lets through, told apart by a property.
//!
//! Roll-ups hold one dimension a row. Some dimensions' values have several parts (an event, a
//! property, its value), and properties that are parts of the same values can be combined; others
//! cannot, and are refused here.

use super::property::{Place, Property, evidence, parts_of};
use super::{Filter, Invalid, PAGEVIEW};
use crate::model::DayCounts;
use crate::model::rollup::{Dimension, Metric as Stored, Row, parts};
use std::collections::HashMap;

/// Which rows, and what they are told apart by. One that exists can be read.
pub struct Selection<'a> {
    pub(super) source: Source,
    /// `None`: all rows together.
    pub(super) by: Option<Place>,
    pub(super) filter: Option<&'a Filter>,
    /// Where each of the filter's conditions finds its value.
    pub(super) places: Vec<Place>,
    /// Second part that rows of event properties must have.
    pub(super) event_key: Option<&'a str>,
    /// Pageviews are events too, of one name.
    views_are_events: bool,
}

/// Where rows are read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Total,
    Of(Dimension),
    Evidence,
    Suspected,
}

fn source(place: Place) -> Source {
    match place {
        Place::Value(dimension) | Place::Part(dimension, _) => Source::Of(dimension),
        Place::Evidence => Source::Evidence,
        Place::Suspected => Source::Suspected,
    }
}

impl<'a> Selection<'a> {
    /// # Errors
    /// If the properties involved are not counted together.
    pub fn new(by: Option<&'a Property>, filter: Option<&'a Filter>) -> Result<Self, Invalid> {
        let conditions = filter.map(Filter::properties).unwrap_or_default();
        let involved = || by.into_iter().chain(conditions.iter().copied());
        let Some(first) = involved().next() else {
            return Ok(Self {
                source: Source::Total,
                by: None,
                filter: None,
                places: Vec::new(),
                event_key: None,
                views_are_events: false,
            });
        };
        // The dimension that all of them can be read from, and that one of them is kept in: an
        // event with two properties has two rows, which must not be taken for two events.
        let within = |property: &Property, source_: Source| {
            property.places().find(|place| source(*place) == source_)
        };
        let common = first.places().map(source).find(|common| {
            involved().any(|property| source(property.home()) == *common)
                && involved().all(|property| within(property, *common).is_some())
        });
        let mut keys = involved().filter_map(Property::event_key);
        let event_key = keys.next();
        let refused = |a: &Property, b: &Property| {
            Invalid::new(format!(
                "`{}` and `{}` cannot be combined: counts are kept by one property at a time",
                a.as_str(),
                b.as_str()
            ))
        };
        let odd = |property: &&Property| {
            !property.places().any(|p| first.places().any(|f| source(f) == source(p)))
                || property.event_key().is_some_and(|key| event_key != Some(key))
        };
        match (common, involved().find(odd)) {
            (Some(source), None) => Ok(Self {
                source,
                by: by.and_then(|property| within(property, source)),
                filter,
                places: conditions.iter().filter_map(|p| within(p, source)).collect(),
                event_key,
                views_are_events: source == Source::Of(Dimension::Event),
            }),
            (_, Some(other)) => Err(refused(first, other)),
            (None, None) => Err(refused(first, involved().find(|p| *p != first).unwrap_or(first))),
        }
    }

    /// Events without pageviews.
    pub(super) fn without_views(self) -> Self {
        Self { views_are_events: false, ..self }
    }

    /// The dimension whose rows alone tell it.
    pub(super) fn dimension(&self) -> Option<Dimension> {
        match self.source {
            Source::Of(dimension) if !self.views_are_events => Some(dimension),
            _ => None,
        }
    }

    /// The sum of a day's rows.
    pub fn sum(&self, counts: &DayCounts) -> Row {
        match (self.source, self.filter.and_then(Filter::only)) {
            (Source::Total, _) => counts.row(Dimension::Total, ""),
            // A row of exactly that name needs no search, unless others are named so, too.
            (Source::Of(dimension), Some(value))
                if self.places.as_slice() == [Place::Value(dimension)]
                    && dimension == Dimension::Page =>
            {
                counts.row(dimension, value)
            }
            _ => {
                let mut sum = Row::default();
                self.each(counts, |_, row| sum.merge(row));
                if let Some(dimension) = self.takes_the_rest() {
                    sum.merge(&self.rest(counts, dimension));
                }
                sum
            }
        }
    }

    /// The dimension, if its sum must also hold what has no row in it: a visit without a campaign
    /// meets a filter that excludes one.
    fn takes_the_rest(&self) -> Option<Dimension> {
        match self.places.first() {
            Some(Place::Value(dimension)) => self
                .filter
                .filter(|filter| self.by.is_none() && filter.takes_all(""))
                .filter(|filter| filter.property().family() == "visit")
                .map(|_| *dimension),
            _ => None,
        }
    }

    /// What of the total is in no row of a dimension, as far as its rows add up.
    fn rest(&self, counts: &DayCounts, dimension: Dimension) -> Row {
        let known = self.known_of_sums();
        let mut rest = counts.row(Dimension::Total, "");
        for (_, row) in counts.rows(dimension) {
            row.counts().for_each(|(metric, n)| rest.add(metric, -n));
        }
        let mut row = Row::default();
        let known = rest.counts().filter(|(metric, _)| known.has(*metric));
        known.for_each(|(metric, n)| row.add(metric, n));
        row
    }

    /// Whether rows of `(other)` may hold what the filter asks for. Where rows are told apart by
    /// the filter's property, `(other)` is a row of its own, and nothing is in doubt.
    pub(super) fn hides(&self, counts: &DayCounts) -> bool {
        let (Some(filter), Source::Of(dimension)) = (self.filter, self.source) else {
            return false;
        };
        counts.rows(dimension).any(|(value, row)| {
            let values = self.places.iter().map(|p| (read(*p, value), self.by == Some(*p)));
            row != Row::default() && self.has_event_key(value) && filter.may_match(values)
        })
    }

    /// A day's rows, each value once, in no order.
    pub fn rows<'c>(&self, counts: &'c DayCounts, mut to: impl FnMut(&'c str, &Row)) {
        if !matches!(self.by, Some(Place::Part(..))) {
            return self.each(counts, to);
        }
        let mut rows: HashMap<&str, Row> = HashMap::new();
        self.each(counts, |value, row| rows.entry(value).or_default().merge(row));
        rows.iter().for_each(|(value, row)| to(value, row));
    }

    fn each<'c>(&self, counts: &'c DayCounts, mut to: impl FnMut(&'c str, &Row)) {
        let mut offer = |value: &'c str, row: &Row| {
            if self.takes(value) {
                let by = self.by.map_or(value, |place| read(place, value));
                to(by, row);
            }
        };
        match self.source {
            Source::Total => offer("", &counts.row(Dimension::Total, "")),
            Source::Of(dimension) => {
                counts.rows(dimension).for_each(|(v, row)| offer(v, &row));
                let views = Some(views(counts)).filter(|_| self.views_are_events);
                views.iter().for_each(|views| offer(PAGEVIEW, views));
            }
            Source::Evidence => evidence(&counts.row(Dimension::Total, ""))
                .iter()
                .for_each(|(value, row)| offer(value, row)),
            Source::Suspected => {
                suspected(counts).iter().for_each(|(value, row)| offer(value, row));
            }
        }
    }

    fn takes(&self, value: &str) -> bool {
        self.has_event_key(value)
            && self.filter.is_none_or(|filter| {
                filter.matches(self.places.iter().map(|place| read(*place, value)))
            })
    }

    fn has_event_key(&self, value: &str) -> bool {
        let of = Place::Part(Dimension::EventProperty, 1);
        self.event_key.is_none_or(|key| read(of, value) == key)
    }
}

fn read(place: Place, value: &str) -> &str {
    match place {
        Place::Part(dimension, nth) => {
            parts(value, parts_of(dimension)).nth(nth).unwrap_or_default()
        }
        _ => value,
    }
}

/// Pageviews, and who viewed.
fn views(counts: &DayCounts) -> Row {
    let (total, mut views) = (counts.row(Dimension::Total, ""), Row::default());
    for metric in [Stored::Server, Stored::Browser, Stored::Visitors] {
        views.add(metric, total.get(metric));
    }
    views
}

/// Suspected views stay in the totals; without them is the difference.
fn suspected(counts: &DayCounts) -> [(&'static str, Row); 2] {
    let yes = counts.row(Dimension::Suspected, "yes");
    let mut no = counts.row(Dimension::Total, "");
    yes.counts().for_each(|(metric, n)| no.add(metric, -n));
    [("no", no), ("yes", yes)]
}

/// Adds a day to a sum of days. Subscribers of a feed come again every day, so of them the most
/// on any day counts; all else adds up.
pub fn merge_day(sum: &mut Row, day: &Row) {
    let most = sum.get(Stored::Subscribers).max(day.get(Stored::Subscribers));
    sum.merge(day);
    sum.add(Stored::Subscribers, most - sum.get(Stored::Subscribers));
}
