//! The log counted: what becomes of the hits of all nodes, chunk by chunk.
//!
//! Pure but for the memory it keeps. Whoever follows the same log from the same state gets the same
//! batches under the same numbers, and so does a node that takes over in mid-work: the store
//! applies none twice, whoever sends it.
//!
//! A hit that panics while it is counted has changed half of what it changes. Nobody goes on from
//! there: counting begins again from the stored state, and leaves the hit out ([`LeftOut`]).

use super::site_day::SiteDay;
use crate::aggregate::{Limits, Shard};
use crate::clock::{HOUR, MINUTE, Micros, Millis, SECOND};
use crate::model;
use crate::model::site::{Day, Site};
use crate::model::{Batch, Chunk, Done, Entry, Hit, Item, LogPlace, unpack_lz4};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// A silent node may have died with hits in its journal. It is waited for this long: a restart takes
/// less. Its hits count whenever they come; waiting only keeps them in their place among the others'.
pub const AWAITED: Millis = 30 * SECOND;

/// A node whose entries are older than [`AWAITED`] has much to deliver after an outage, and is waited
/// for, but no longer than this: its clock may be wrong.
const CATCHES_UP: Millis = 5 * MINUTE;

/// From the moment hits are due until they are in the log.
const DELIVERY: Millis = 2 * SECOND;

/// Chunks kept for a store that loses some: those of two minutes, however often there is one.
const RECENT: usize = 1_200;

/// Names that have numbered no entry for so long are forgotten: their process ended a month ago.
const FORGOTTEN: Micros = 30 * 24 * HOUR * 1_000;

/// How many hits of a chunk are left out because they panic. A further one may stay half counted:
/// if every hit panics, counting must still go on. The limit is per chunk, not per node, so that
/// whoever counts a chunk leaves out the same hits.
const LEFT_OUT_MAX: usize = 16;

/// How long the number of a day's last batch is kept after that day.
const NUMBERS_KEPT: Millis = 48 * HOUR;

/// A hit's turn: when it came, who numbered its entry, the entry's number, its place in there.
type Turn = (Micros, Arc<str>, u64, u32);

/// A hit in the log: who numbered its entry, the entry's number, its place in there.
type HitId = (Arc<str>, u64, u32);

/// A hit of a chunk panicked while it was counted. The count is of no use any more.
#[derive(Debug)]
pub struct Panicked {
    chunk: u64,
    hit: HitId,
}

/// Hits that panic when they are counted, by the chunk they are in.
#[derive(Debug, Clone, Default)]
pub struct LeftOut(BTreeMap<u64, BTreeSet<HitId>>);

impl LeftOut {
    pub fn insert(&mut self, panicked: Panicked) {
        self.0.entry(panicked.chunk).or_default().insert(panicked.hit);
    }

    /// Forgets those up to a chunk, which nobody counts again.
    fn forget(&mut self, chunk: u64) {
        self.0.retain(|number, _| *number > chunk);
    }
}

/// All that is known of a site's hits.
pub struct Count {
    sites: Arc<Vec<Site>>,
    base: Base,
    shard: Shard,
    /// Hits that are in no chunk yet.
    pool: BTreeMap<Turn, Hit>,
    /// Of each name the last entry that was read.
    read: BTreeMap<Arc<str>, u64>,
    /// Entries in the log with hits in the pool: their place, and when their last hit came.
    open: BTreeMap<(Arc<str>, u64), (LogPlace, Micros)>,
    /// When nodes that do not rest were last heard of, by the store's clock.
    heard: BTreeMap<Arc<str>, Millis>,
    /// Since when nodes have been behind.
    behind: BTreeMap<Arc<str>, Millis>,
    /// Chunks that tell of entries which are still to be told again, next one first.
    ahead: VecDeque<Chunk>,
    /// Chunks that were counted last, for a store that loses its last moments.
    recent: VecDeque<Chunk>,
    /// The last item that was read.
    at: Option<LogPlace>,
    left_out: LeftOut,
    /// Hits that panicked, since somebody last asked.
    panics: u64,
}

/// What a state says beside the shard's memory.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Base {
    /// Under which batches are numbered, the same for all nodes.
    name: Arc<str>,
    /// What the shard numbers claims with.
    seed: u64,
    /// The last chunk that was counted.
    chunk: u64,
    until: Micros,
    /// By name: the last entry of which hits were counted, and the `until` of the chunk that
    /// counted them.
    upto: BTreeMap<Arc<str>, (u64, Micros)>,
    /// The number of the last batch of each day.
    numbers: BTreeMap<SiteDay, u64>,
    /// Up to when each node that does not rest has said all.
    nodes: BTreeMap<Arc<str>, Micros>,
    /// Where the log begins with hits that are not counted. If it does not, it was cut since, and
    /// there is a newer state.
    begins: Option<LogPlace>,
}

/// What an item led to.
#[derive(Debug)]
pub enum Followed {
    /// It was noted.
    Noted,
    /// A chunk was counted.
    Counted(Vec<Batch>),
    /// A hit panicked.
    Panicked(Panicked),
    /// Something before this item is missing: counting begins anew from the stored state.
    Missing,
}

impl Count {
    /// Nothing is known; the last chunk was `chunk`. `name` has to be of its own.
    pub fn new(
        sites: Arc<Vec<Site>>,
        limits: Limits,
        name: Arc<str>,
        seed: u64,
        chunk: u64,
    ) -> Self {
        let base = Base { name, seed, chunk, until: Micros::MIN, ..Base::default() };
        let shard = Shard::seeded(sites.clone(), limits, seed);
        Self::of(sites, base, shard)
    }

    fn of(sites: Arc<Vec<Site>>, base: Base, shard: Shard) -> Self {
        Self {
            sites,
            base,
            shard,
            pool: BTreeMap::new(),
            read: BTreeMap::new(),
            open: BTreeMap::new(),
            heard: BTreeMap::new(),
            behind: BTreeMap::new(),
            ahead: VecDeque::new(),
            recent: VecDeque::new(),
            at: None,
            left_out: LeftOut::default(),
            panics: 0,
        }
    }

    /// Goes on from what was saved. None if it cannot be read.
    pub fn restore(
        sites: Arc<Vec<Site>>,
        limits: Limits,
        saved: &[u8],
        now: Millis,
    ) -> Option<Self> {
        let bytes = unpack_lz4(saved)?;
        let (base, memory): (Base, &[u8]) = postcard::take_from_bytes(&bytes).ok()?;
        let mut shard = Shard::seeded(sites.clone(), limits, base.seed);
        if !shard.restore(memory) {
            return None;
        }
        let mut count = Self::of(sites, base, shard);
        count.hear_anew(now);
        Some(count)
    }

    /// Leaves these hits out, which panicked before. Those of chunks already counted are forgotten.
    pub fn leave_out(&mut self, panicked: &mut LeftOut) {
        panicked.forget(self.base.chunk);
        self.left_out = panicked.clone();
    }

    /// How many hits panicked since this was last asked.
    pub fn take_panics(&mut self) -> u64 {
        std::mem::take(&mut self.panics)
    }

    /// What [`Count::restore`] goes on from. The log is still needed from [`Count::needed`] on.
    pub fn save(&mut self) -> Vec<u8> {
        let until = self.base.until;
        let days = self.sites.iter().map(|site| site.day(until / 1_000 - NUMBERS_KEPT)).min();
        self.base.numbers.retain(|of, _| Some(of.day) >= days);
        self.base.begins = self.open.values().map(|(place, _)| *place).min();
        let mut bytes = postcard::to_stdvec(&self.base).unwrap_or_default();
        if let Err(error) = self.shard.save(&mut bytes) {
            tracing::error!("shared sessions cannot be written down: {error}");
        }
        lz4_flex::compress_prepend_size(&bytes)
    }

    /// Forgets the names that have numbered nothing for long, and gives them.
    pub fn forget_names(&mut self) -> Vec<Arc<str>> {
        let until = self.base.until;
        let old = |then: &Micros| until.saturating_sub(*then) >= FORGOTTEN;
        let names = self.base.upto.iter().filter(|(_, (_, then))| old(then));
        let names: Vec<Arc<str>> = names.map(|(name, _)| name.clone()).collect();
        self.base.upto.retain(|_, (_, then)| !old(then));
        names
    }

    /// The first item of the log that is still needed beside what [`Count::save`] gives: the oldest
    /// entry with uncounted hits, or the item after the last one read.
    pub fn needed(&self) -> Option<LogPlace> {
        let open = self.open.values().map(|(place, _)| *place).min();
        open.or(self.at.map(|LogPlace(at, n)| LogPlace(at, n + 1)))
    }

    /// Reads the next item of the log. Without `strict` what is missing is gone, and counting goes
    /// on without.
    pub fn follow(&mut self, place: LogPlace, item: Item, strict: bool) -> Followed {
        let begins = self.base.begins.filter(|_| self.at.is_none());
        if strict && begins.is_some_and(|begins| begins != place) {
            return Followed::Missing;
        }
        self.at = Some(place);
        match item {
            Item::Entry(entry) if !self.take_in(place, &entry, strict) => return Followed::Missing,
            Item::Entry(_) => {}
            Item::Rest { node } => {
                self.base.nodes.remove(&node);
                self.heard.remove(&node);
                self.behind.remove(&node);
            }
            Item::Chunk(chunk) => {
                let next = self.base.chunk + self.ahead.len() as u64 + 1;
                if chunk.number > next && strict {
                    return Followed::Missing;
                }
                if chunk.number >= next {
                    self.ahead.push_back(chunk);
                }
            }
        }
        let mut batches = Vec::new();
        while self.ahead.front().is_some_and(|chunk| self.has_all(chunk)) {
            match self.count_next() {
                Ok(more) => batches.extend(more),
                Err(panicked) => return Followed::Panicked(panicked),
            }
        }
        if batches.is_empty() { Followed::Noted } else { Followed::Counted(batches) }
    }

    /// Counts a chunk that was proposed here and agreed on.
    ///
    /// # Errors
    /// A hit panicked.
    pub fn adopt(&mut self, chunk: Chunk) -> Result<Vec<Batch>, Panicked> {
        self.ahead.push_back(chunk);
        self.count_next()
    }

    /// Counts the next chunk that was agreed on, though entries may be missing of which it tells.
    ///
    /// # Errors
    /// A hit panicked.
    pub fn count_next(&mut self) -> Result<Vec<Batch>, Panicked> {
        self.ahead.pop_front().map_or(Ok(Vec::new()), |chunk| self.count(&chunk))
    }

    /// Whether a chunk waits for entries to be told again.
    pub fn is_ahead(&self) -> bool {
        !self.ahead.is_empty()
    }

    fn has_all(&self, chunk: &Chunk) -> bool {
        let known = |name| self.read.get(name).copied().unwrap_or_default().max(self.counted(name));
        chunk.upto.iter().all(|(name, number)| known(name) >= *number)
    }

    fn take_in(&mut self, place: LogPlace, entry: &Entry, strict: bool) -> bool {
        let Entry { node, name, number, until, .. } = entry;
        self.base.nodes.insert(node.clone(), *until);
        self.heard.insert(node.clone(), place.0);
        if place.0 - until / 1_000 > AWAITED {
            self.behind.entry(node.clone()).or_insert(place.0);
        } else {
            self.behind.remove(node);
        }
        let counted = self.counted(name);
        let known = self.read.get(name).copied();
        if known.is_some_and(|read| *number <= read) {
            // Told again: only its place is another.
            if let Some((known, _)) = self.open.get_mut(&(name.clone(), *number)) {
                *known = place;
            }
            return true;
        }
        if strict && *number > known.unwrap_or(counted) + 1 {
            return false;
        }
        self.read.insert(name.clone(), *number);
        let Some(hits) = entry.hits() else {
            tracing::error!("hits of {name} in the shared log are damaged and cannot be read");
            return true;
        };
        // A clock that is ahead of the store's would keep its hits waiting for as long.
        let latest = place.0.saturating_mul(1_000).saturating_add(999);
        let before = if *number <= counted { self.base.until } else { Micros::MIN };
        let mut last = None;
        for (i, arrived) in (0..).zip(hits) {
            let at = arrived.at.min(latest);
            if at >= before {
                last = last.max(Some(at));
                self.pool.insert((at, name.clone(), *number, i), arrived.hit);
            }
        }
        if let Some(last) = last {
            self.open.insert((name.clone(), *number), (place, last));
        }
        true
    }

    /// The last entry of a name of which hits were counted.
    fn counted(&self, name: &Arc<str>) -> u64 {
        self.base.upto.get(name).map_or(0, |(number, _)| *number)
    }

    fn count(&mut self, chunk: &Chunk) -> Result<Vec<Batch>, Panicked> {
        for (name, number) in &chunk.upto {
            self.base.upto.insert(name.clone(), (*number, chunk.until));
        }
        self.base.until = self.base.until.max(chunk.until);
        self.base.chunk = chunk.number;
        self.recent.push_back(chunk.clone());
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
        let left_out = self.left_out.0.remove(&chunk.number).unwrap_or_default();
        let later = self.pool.split_off(&(self.base.until, "".into(), 0, 0));
        for (turn, hit) in std::mem::replace(&mut self.pool, later) {
            // In an entry that the chunk did not know of yet.
            if turn.2 > self.counted(&turn.1) {
                self.pool.insert(turn, hit);
                continue;
            }
            let (_, name, number, place) = turn;
            let id = (name, number, place);
            if left_out.contains(&id) {
                continue;
            }
            if catch_unwind(AssertUnwindSafe(|| self.shard.apply(hit))).is_err() {
                self.panics += 1;
                if left_out.len() < LEFT_OUT_MAX {
                    return Err(Panicked { chunk: chunk.number, hit: id });
                }
                tracing::error!("a hit could not be counted, and half of it may have been");
            }
        }
        let (base, open) = (&self.base, &mut self.open);
        open.retain(|(name, number), (_, last)| {
            *last >= base.until || base.upto.get(name).is_none_or(|(upto, _)| number > upto)
        });
        let mut windows: Vec<_> = self.shard.seal().into_iter().collect();
        windows.sort_unstable_by_key(|((site, day), _)| (*site, *day));
        let mut batches = Vec::new();
        for ((site, day), window) in windows {
            let (site, name) = (&self.sites[site].name, &self.base.name);
            let of = SiteDay { day, site: (self.sites.len() > 1).then(|| site.clone()) };
            let number = self.base.numbers.entry(of).or_default();
            let more = model::batches(window, site, day, name, *number + 1);
            *number += more.len() as u64;
            batches.extend(more);
        }
        Ok(batches)
    }

    /// The chunk to agree on next, of hits that came before `until`; none if there are no such.
    pub fn propose(&self, until: Micros) -> Option<Chunk> {
        if self.is_ahead() {
            return None;
        }
        let until = until.max(self.base.until);
        self.pool.first_key_value().filter(|((at, ..), _)| *at < until)?;
        let read = self.read.iter().filter(|(name, number)| **number > self.counted(name));
        let upto = read.map(|(name, number)| (name.clone(), *number)).collect();
        Some(Chunk { number: self.base.chunk + 1, until, upto })
    }

    /// Up to when all is in the log that can be expected to come, at `now` by the store's clock,
    /// where nodes deliver every `interval`.
    pub fn horizon(&self, now: Millis, interval: Millis) -> Micros {
        // A silent node had no hits: it would have delivered them by now.
        self.awaited(now, (now - interval - DELIVERY) * 1_000)
    }

    /// The same for the last node that runs: nobody else will say anything.
    pub fn last_horizon(&self, now: Millis) -> Micros {
        self.awaited(now, (now + MINUTE) * 1_000)
    }

    fn awaited(&self, now: Millis, latest: Micros) -> Micros {
        let speaks = |node: &Arc<str>| {
            let behind = self.behind.get(node).is_some_and(|since| now - since > CATCHES_UP);
            !behind && self.heard.get(node).is_some_and(|at| now - at <= AWAITED)
        };
        let said = self.base.nodes.iter().filter(|(node, _)| speaks(node));
        said.map(|(_, until)| *until).fold(latest, Micros::min)
    }

    /// After an outage or a change of leader: each node that has not said it rests counts as heard of
    /// `now`.
    pub fn hear_anew(&mut self, now: Millis) {
        self.heard = self.base.nodes.keys().map(|node| (node.clone(), now)).collect();
    }

    /// Goes on under a name of its own, under which batches of days that are not in the store yet
    /// have these numbers: for a store that has lost what went before.
    pub fn rename(&mut self, name: Arc<str>, numbers: BTreeMap<(Arc<str>, Day), u64>) {
        let several = self.sites.len() > 1;
        let numbers = numbers
            .into_iter()
            .map(|((site, day), number)| (SiteDay { day, site: several.then_some(site) }, number));
        (self.base.name, self.base.numbers) = (name, numbers.collect());
    }

    /// What is counted once all batches so far are in the store.
    pub fn done(&self) -> Done {
        let upto = self.base.upto.iter().map(|(name, (number, _))| (name.clone(), *number));
        Done { until: self.base.until, upto: upto.collect() }
    }

    /// Passes over an item that makes no sense here.
    pub fn skip(&mut self, place: LogPlace) {
        self.at = Some(place);
    }

    /// Chunks after number `have`, to be agreed on again; `None` if they are not known any more.
    pub fn since(&self, have: u64) -> Option<Vec<Chunk>> {
        let since = self.recent.iter().filter(|chunk| chunk.number > have).cloned();
        let since: Vec<Chunk> = since.collect();
        (since.first()?.number == have + 1).then_some(since)
    }

    /// Under which batches are numbered.
    pub fn name(&self) -> &Arc<str> {
        &self.base.name
    }

    /// The last chunk that was counted.
    pub fn chunk(&self) -> u64 {
        self.base.chunk
    }

    /// The last chunk that was agreed on, as far as the log was read.
    pub fn agreed(&self) -> u64 {
        self.base.chunk + self.ahead.len() as u64
    }

    /// The last item that was read.
    pub fn at(&self) -> Option<LogPlace> {
        self.at
    }

    /// Hits that wait for a chunk.
    pub fn waiting(&self) -> usize {
        self.pool.len()
    }
}
