//! Increments of one (site, day) on their way to be batches.
//!
//! Apart from [`Window`], which is never written down: what waits on disk must be readable by a
//! later version, so these have counts by name and rows in blocks, as a batch has.

use super::VisitorHash;
use super::list::{PACK, RowList};
use super::rollup::{self, Field};
use super::site::Day;
use super::window::Window;
use super::{BATCH_MAX, Batch};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::iter;
use std::sync::Arc;

type Hasher = foldhash::fast::RandomState;

/// Bytes an entry of a map takes in memory beside its text, about.
const ENTRY: usize = 48;

// What a window packs together goes into a batch as it is.
const _: () = assert!(PACK <= BATCH_MAX);

/// Increments that are not in a batch yet; those of the same (site, day) add up.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct PendingIncrements {
    /// How many hits went in.
    pub hits: u64,
    #[serde(deserialize_with = "rollup::known_fields::<HashMap<_, _>, _, _>")]
    fields: HashMap<Field, i64, Hasher>,
    visitors: HashSet<VisitorHash, Hasher>,
    confirmed: HashSet<VisitorHash, Hasher>,
    #[serde(default)]
    people: RowList,
    #[serde(default)]
    others: RowList,
    /// Bytes of all names of fields.
    names: usize,
}

/// A batch on its way, and how many hits are delivered once it is acknowledged.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cut {
    pub batch: Batch,
    pub hits: u64,
}

impl From<Window> for PendingIncrements {
    fn from(window: Window) -> Self {
        let mut pending = Self { hits: window.hits, ..Self::default() };
        for ((dimension, value), row) in &window.rows {
            for (metric, n) in row.counts() {
                let value = value.clone();
                pending.add(Field { dimension: *dimension, value, metric }, n);
            }
        }
        pending.visitors.extend(window.visitors);
        pending.confirmed.extend(window.confirmed);
        (pending.people, pending.others) = (window.people, window.others);
        pending
    }
}

/// Increments of a (site, day) as batches that `node` numbers from `first` on.
pub fn batches(
    window: Window,
    site: &Arc<str>,
    day: Day,
    node: &Arc<str>,
    first: u64,
) -> Vec<Batch> {
    let cut = PendingIncrements::from(window).cut(site, day, node, first);
    cut.into_iter().map(|cut| cut.batch).collect()
}

impl PendingIncrements {
    fn add(&mut self, field: Field, n: i64) {
        *self.fields.entry(field).or_insert_with_key(|new| {
            self.names += new.value.len();
            0
        }) += n;
    }

    /// Adds a later one.
    pub fn merge(&mut self, later: PendingIncrements) {
        self.hits += later.hits;
        later.fields.into_iter().for_each(|(field, n)| self.add(field, n));
        self.visitors.extend(later.visitors);
        self.confirmed.extend(later.confirmed);
        self.people.append(later.people);
        self.others.append(later.others);
    }

    /// Pieces that merge into these increments, so small that they hardly take memory beside it.
    pub fn pieces(&self) -> impl Iterator<Item = PendingIncrements> {
        let counts = PendingIncrements {
            hits: self.hits,
            fields: self.fields.clone(),
            visitors: self.visitors.clone(),
            confirmed: self.confirmed.clone(),
            names: self.names,
            ..PendingIncrements::default()
        };
        let people = |people| PendingIncrements { people, ..PendingIncrements::default() };
        let others = |others| PendingIncrements { others, ..PendingIncrements::default() };
        let rows = self.people.pieces().map(people).chain(self.others.pieces().map(others));
        iter::once(counts).chain(rows)
    }

    /// Forgets the oldest rows beyond `cap`, of people and of others.
    pub fn cap_rows(&mut self, cap: usize) {
        self.people.keep_newest(cap);
        self.others.keep_newest(cap);
    }

    pub fn has_rows(&self) -> bool {
        !self.people.is_empty() || !self.others.is_empty()
    }

    /// About how many bytes it holds in memory, and on disk hardly more.
    pub fn weight(&self) -> usize {
        let texts =
            self.names + self.fields.len() * ENTRY + self.people.size() + self.others.size();
        texts + (self.visitors.len() + self.confirmed.len()) * 16
    }

    /// Cuts it into batches, none if it adds nothing; the last one carries the hits. The same
    /// increments make the same batches, whoever cuts it: nodes that share sessions rely on that.
    pub fn cut(self, site: &Arc<str>, day: Day, node: &Arc<str>, first: u64) -> Vec<Cut> {
        let mut fields: Vec<(Field, i64)> = self.fields.into_iter().collect();
        fields.retain(|(_, n)| *n != 0);
        fields.sort_unstable();
        let (site, node) = (site.clone(), node.clone());
        let first = Batch { site, day, node, number: first, ..Batch::default() };
        let visitors = [self.visitors, self.confirmed].map(sorted);
        let rows = [self.people, self.others].map(RowList::into_packed);
        let batches = first.filled(fields.into_iter(), visitors, rows);
        let mut cut: Vec<Cut> = batches.into_iter().map(|batch| Cut { batch, hits: 0 }).collect();
        if let Some(last) = cut.last_mut() {
            last.hits = self.hits;
        }
        cut
    }
}

fn sorted(visitors: HashSet<VisitorHash, Hasher>) -> impl Iterator<Item = VisitorHash> {
    let mut visitors: Vec<VisitorHash> = visitors.into_iter().collect();
    visitors.sort_unstable();
    visitors.into_iter()
}
