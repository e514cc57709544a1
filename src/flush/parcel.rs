//! Increments of one (site, day) in the words of the store, on their way to be batches.
//!
//! Apart from [`Window`], which speaks the aggregator's words: what waits on disk must be readable
//! by a later version, so a parcel has fields by name and events as JSON, as a batch has.

use super::batch::{BATCH_MAX, Batch};
use super::pack::Pack;
use crate::aggregate::Window;
use crate::rollup;
use crate::site::Day;
use crate::visitor::VisitorHash;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet, VecDeque};
use std::iter;
use std::sync::Arc;

type Hasher = foldhash::fast::RandomState;

/// Bytes an entry of a map or list takes in memory beside its text, about.
const ENTRY: usize = 48;

/// What may still grow: parcels of the same (site, day) add up.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Parcel {
    /// How many hits went in.
    pub hits: u64,
    fields: HashMap<String, i64, Hasher>,
    visitors: HashSet<VisitorHash, Hasher>,
    confirmed: HashSet<VisitorHash, Hasher>,
    /// Oldest first.
    events: VecDeque<Pack>,
    /// Bytes of all field names.
    text: usize,
}

/// A batch on its way, and how many hits are delivered once it is acknowledged.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cut {
    /// Without its events.
    pub batch: Batch,
    events: Pack,
    pub hits: u64,
}

impl Cut {
    /// The batch as it is sent.
    pub fn whole(&self) -> Batch {
        Batch { events: self.events.events(), ..self.batch.clone() }
    }
}

impl From<Window> for Parcel {
    fn from(window: Window) -> Self {
        let mut parcel = Self { hits: window.hits, ..Self::default() };
        for ((dimension, value), row) in &window.rows {
            for (metric, n) in row.counts() {
                parcel.add(rollup::field(*dimension, value, metric), n);
            }
        }
        parcel.visitors.extend(window.visitors);
        parcel.confirmed.extend(window.confirmed);
        let json = |event| serde_json::to_string(event).unwrap_or_default();
        let events: Vec<String> = window.events.iter().map(json).collect();
        parcel.events = events.chunks(BATCH_MAX).map(|some| Pack::Plain(some.to_vec())).collect();
        parcel
    }
}

impl Parcel {
    fn add(&mut self, field: String, n: i64) {
        let text = field.len();
        let mut new = false;
        *self.fields.entry(field).or_insert_with(|| {
            new = true;
            0
        }) += n;
        self.text += if new { text } else { 0 };
    }

    /// Adds a later one.
    pub fn merge(&mut self, later: Parcel) {
        self.hits += later.hits;
        later.fields.into_iter().for_each(|(field, n)| self.add(field, n));
        self.visitors.extend(later.visitors);
        self.confirmed.extend(later.confirmed);
        for mut events in later.events {
            if let Some(last) = self.events.back_mut() {
                events = last.fill(events);
            }
            if events.count() > 0 {
                // Whoever is waited on for a second parcel may stay away for long.
                self.events.iter_mut().for_each(Pack::compress);
                self.events.push_back(events);
            }
        }
    }

    /// Parcels that merge into this one, so small that they hardly take memory beside it.
    pub fn pieces(&self) -> impl Iterator<Item = Parcel> {
        let counts = Parcel {
            hits: self.hits,
            fields: self.fields.clone(),
            visitors: self.visitors.clone(),
            confirmed: self.confirmed.clone(),
            events: VecDeque::new(),
            text: self.text,
        };
        let of = |events: &Pack| Parcel { events: [events.clone()].into(), ..Parcel::default() };
        iter::once(counts).chain(self.events.iter().map(of))
    }

    /// Forgets the oldest events beyond `cap`.
    pub fn cap_events(&mut self, cap: usize) {
        let count = self.events.iter().map(Pack::count).sum::<usize>();
        let mut excess = count.saturating_sub(cap);
        while excess > 0
            && let Some(mut oldest) = self.events.pop_front()
        {
            let count = oldest.count();
            if count > excess {
                oldest.forget(excess);
                self.events.push_front(oldest);
            }
            excess = excess.saturating_sub(count);
        }
    }

    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// About how many bytes it holds in memory, and on disk hardly more.
    pub fn weight(&self) -> usize {
        let events: usize = self.events.iter().map(Pack::size).sum();
        let visitors = self.visitors.len() + self.confirmed.len();
        self.text + self.fields.len() * ENTRY + events + visitors * 16
    }

    /// Cuts it into batches, none if it adds nothing; the last one carries the hits.
    pub fn cut(self, site: &Arc<str>, day: Day, node: &Arc<str>, first: u64) -> Vec<Cut> {
        let mut fields: Vec<(String, i64)> = self.fields.into_iter().collect();
        fields.retain(|(_, n)| *n != 0);
        fields.sort_unstable();
        let mut fields = fields.into_iter();
        let mut visitors = self.visitors.into_iter();
        let mut confirmed = self.confirmed.into_iter();
        let mut events = self.events.into_iter();
        let mut cut: Vec<Cut> = Vec::new();
        loop {
            let batch = Batch {
                site: site.clone(),
                day,
                node: node.clone(),
                number: first + cut.len() as u64,
                fields: fields.by_ref().take(BATCH_MAX).collect(),
                visitors: visitors.by_ref().take(BATCH_MAX).collect(),
                confirmed: confirmed.by_ref().take(BATCH_MAX).collect(),
                events: Vec::new(),
            };
            let events = events.next().unwrap_or_default();
            if batch.is_empty() && events.count() == 0 {
                break;
            }
            cut.push(Cut { batch, events, hits: 0 });
        }
        if let Some(last) = cut.last_mut() {
            last.hits = self.hits;
        }
        cut
    }
}
