//! A day's roll-up as read back, packed.
//!
//! Apart from [`rollup`](super::rollup), whose words it is made of, because of how it is held: a
//! site of 2,000 pages has tens of thousands of rows a day, most with a count or two of the twenty
//! there could be, and readers hold months of days. So a dimension's values stand one behind the
//! other in one text, and its counts in one list; a [`Row`] is put together when it is asked for.

use super::rollup::{Dimension, Field, Metric, Row, field, parse_field};
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::ops::Range;

/// What is known of a day beside its totals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Detail {
    /// All of its rows.
    #[default]
    Rows,
    /// The rows of its whole month, which stand on the month's first day.
    Month,
    /// Nothing.
    None,
}

/// A day's roll-up as read back.
#[derive(Debug, Clone, Default)]
pub struct DayCounts {
    /// Raised by every batch applied; 0 for a day without any.
    pub version: u64,
    /// What it is told of.
    pub detail: Detail,
    tables: HashMap<Dimension, Table>,
}

impl DayCounts {
    /// Adds a stored field; what is not a count is ignored.
    pub fn add_field(&mut self, field: &str, count: i64) {
        if let Some((dimension, value, metric)) = parse_field(field) {
            self.add(dimension, value, metric, count);
        }
    }

    /// Adds to one count.
    pub fn add(&mut self, dimension: Dimension, value: &str, metric: Metric, count: i64) {
        self.tables.entry(dimension).or_default().add(value, [(metric, count)]);
    }

    /// Adds to all counts of a row.
    pub fn add_row(&mut self, dimension: Dimension, value: &str, more: &Row) {
        self.tables.entry(dimension).or_default().add(value, more.counts());
    }

    /// Every row, of all dimensions.
    pub fn all_rows(&self) -> impl Iterator<Item = (Dimension, &str, Row)> {
        self.tables.iter().flat_map(|(dimension, table)| {
            table.iter().map(|(value, row)| (*dimension, value, row))
        })
    }

    /// Every count that is not zero.
    pub fn fields(&self) -> impl Iterator<Item = (Field, i64)> + '_ {
        self.all_rows().flat_map(|(dimension, value, row)| {
            let counts = row.counts();
            counts.map(|(metric, n)| (field(dimension, value, metric), n)).collect::<Vec<_>>()
        })
    }

    /// All rows of a dimension, in no order.
    pub fn rows(&self, dimension: Dimension) -> impl Iterator<Item = (&str, Row)> {
        self.tables.get(&dimension).into_iter().flat_map(Table::iter)
    }

    /// How many rows a dimension has.
    pub fn len(&self, dimension: Dimension) -> usize {
        self.tables.get(&dimension).map_or(0, |table| table.rows.len())
    }

    /// One row; an empty one where there is none.
    pub fn row(&self, dimension: Dimension, value: &str) -> Row {
        self.tables.get(&dimension).and_then(|table| table.get(value)).unwrap_or_default()
    }

    /// Lets go of room for more, once all is in it.
    pub fn shrink(&mut self) {
        self.tables.values_mut().for_each(Table::shrink);
    }

    /// Bytes of memory that it takes.
    pub fn size(&self) -> usize {
        self.tables.values().map(Table::size).sum()
    }
}

/// The rows of a dimension.
#[derive(Debug, Clone, Default)]
struct Table {
    /// Values, one behind the other.
    text: String,
    rows: Vec<Packed>,
    counts: Vec<i64>,
    /// Places in `rows`, by value.
    places: HashTable<u32>,
}

/// Where a row's value and its counts are.
#[derive(Debug, Clone, Copy)]
struct Packed {
    /// Where its value begins in the text; it ends where the next begins.
    value: u32,
    /// The metrics that it has, a bit each.
    metrics: u32,
    /// Where its counts begin, in the order of the metrics.
    counts: u32,
}

const _: () = assert!(Metric::ALL.len() <= u32::BITS as usize);

impl Packed {
    fn counts(&self) -> Range<usize> {
        let first = self.counts as usize;
        first..first + self.metrics.count_ones() as usize
    }

    /// How many counts stand before that of a metric.
    fn before(&self, metric: Metric) -> usize {
        (self.metrics & ((1 << metric as u32) - 1)).count_ones() as usize
    }

    fn has(&self, metric: Metric) -> bool {
        self.metrics & (1 << metric as u32) != 0
    }
}

impl Table {
    fn value(&self, place: usize) -> &str {
        let end = self.rows.get(place + 1).map_or(self.text.len(), |next| next.value as usize);
        &self.text[self.rows[place].value as usize..end]
    }

    fn find(&self, value: &str) -> Option<usize> {
        let same = |place: &u32| self.value(*place as usize) == value;
        Some(*self.places.find(hash(value), same)? as usize)
    }

    fn get(&self, value: &str) -> Option<Row> {
        self.find(value).map(|place| self.row(place))
    }

    fn row(&self, place: usize) -> Row {
        let packed = self.rows[place];
        let mut row = Row::default();
        let mut left = packed.metrics;
        for count in &self.counts[packed.counts()] {
            row.add(Metric::ALL[left.trailing_zeros() as usize], *count);
            left &= left - 1;
        }
        row
    }

    fn iter(&self) -> impl Iterator<Item = (&str, Row)> {
        (0..self.rows.len()).map(|place| (self.value(place), self.row(place)))
    }

    fn add(&mut self, value: &str, counts: impl IntoIterator<Item = (Metric, i64)>) {
        // Stores tell what belongs together in a row, most do.
        let last = self.rows.len().checked_sub(1).filter(|last| self.value(*last) == value);
        let place = last.or_else(|| self.find(value)).unwrap_or_else(|| self.insert(value));
        for (metric, count) in counts.into_iter().filter(|(_, count)| *count != 0) {
            *self.count(place, metric) += count;
        }
    }

    fn insert(&mut self, value: &str) -> usize {
        let place = self.rows.len();
        let (text, counts) = (self.text.len() as u32, self.counts.len() as u32);
        self.text.push_str(value);
        self.rows.push(Packed { value: text, metrics: 0, counts });
        let Self { text, rows, places, .. } = self;
        places.insert_unique(hash(value), place as u32, |place| {
            let place = *place as usize;
            let end = rows.get(place + 1).map_or(text.len(), |next| next.value as usize);
            hash(&text[rows[place].value as usize..end])
        });
        place
    }

    /// A count of a row, which gets it if it has none.
    fn count(&mut self, place: usize, metric: Metric) -> &mut i64 {
        let packed = &mut self.rows[place];
        let before = packed.before(metric);
        if !packed.has(metric) {
            // The last row grows where it is; another moves, and what it leaves is given up.
            if packed.counts().end < self.counts.len() {
                let counts = packed.counts();
                packed.counts = self.counts.len() as u32;
                self.counts.extend_from_within(counts);
            }
            packed.metrics |= 1 << metric as u32;
            self.counts.insert(packed.counts as usize + before, 0);
        }
        &mut self.counts[packed.counts as usize + before]
    }

    fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.rows.shrink_to_fit();
        self.counts.shrink_to_fit();
    }

    fn size(&self) -> usize {
        self.text.capacity()
            + self.rows.capacity() * size_of::<Packed>()
            + self.counts.capacity() * size_of::<i64>()
            + self.places.allocation_size()
    }
}

fn hash(value: &str) -> u64 {
    FixedState::with_seed(0).hash_one(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn holds_what_a_plain_map_holds(
            added in prop::collection::vec((0..3usize, "[ab/é]{0,2}", 0..Metric::ALL.len(), -3i64..4), 0..80),
        ) {
            let dimensions = [Dimension::Page, Dimension::Source, Dimension::Total];
            let mut counts = DayCounts::default();
            let mut plain: BTreeMap<(Dimension, String), BTreeMap<Metric, i64>> = BTreeMap::new();
            for (dimension, value, metric, n) in added {
                let (dimension, metric) = (dimensions[dimension], Metric::ALL[metric]);
                counts.add(dimension, &value, metric, n);
                *plain.entry((dimension, value)).or_default().entry(metric).or_default() += n;
            }
            let mut doubled = counts.clone();
            for (dimension, value, row) in counts.all_rows() {
                doubled.add_row(dimension, value, &row);
            }
            doubled.shrink();
            prop_assert_eq!(counts.all_rows().count(), plain.len());
            for dimension in dimensions {
                let of_it = plain.keys().filter(|(of, _)| *of == dimension).count();
                prop_assert_eq!((counts.len(dimension), counts.rows(dimension).count()), (of_it, of_it));
            }
            for ((dimension, value), metrics) in &plain {
                for metric in Metric::ALL {
                    let n = metrics.get(&metric).copied().unwrap_or_default();
                    prop_assert_eq!(counts.row(*dimension, value).get(metric), n);
                    prop_assert_eq!(doubled.row(*dimension, value).get(metric), 2 * n);
                }
            }
            let fields: BTreeMap<Field, i64> = counts.fields().collect();
            let told = plain.iter().flat_map(|((dimension, value), metrics)| {
                metrics.iter().filter(|(_, n)| **n != 0).map(|(m, n)| (field(*dimension, value, *m), *n))
            });
            prop_assert_eq!(fields, told.collect::<BTreeMap<_, _>>());
            prop_assert_eq!(counts.row(Dimension::City, "a"), Row::default());
        }
    }

    /// What readers reckon with.
    #[test]
    fn rows_with_a_count_or_two_are_small() {
        let mut counts = DayCounts::default();
        for nth in 0..10_000 {
            counts.add(Dimension::Timing, &format!("TTFB/12/a-page-{nth:05}"), Metric::Events, 1);
        }
        counts.shrink();
        assert!(counts.size() < 10_000 * 64, "{}", counts.size());
    }
}
