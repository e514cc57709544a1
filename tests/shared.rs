//! Nodes that count as one, against one that had seen everything.
//!
//! Random traffic is spread at random over nodes that flush, die with hits in their journal, lose
//! answers and come back; whoever leads stops in mid-work, saves, takes over, believes to lead
//! beside another; the store goes back in time. What is stored in the end is what one shard makes
//! of all hits in the order in which they came, to the last field and visitor.
//!
//! The log and the store here keep the promises that the real ones do (`tests/store`), and nothing
//! else.

mod common {
    pub mod traffic;
}

use common::traffic::Traffic;
use headcount::aggregate::{Limits, Shard};
use headcount::clock::{Micros, Millis};
use headcount::model::rollup::Field;
use headcount::model::site::{Day, Site};
use headcount::model::{Arrived, Batch, Chunk, Entry, Item, LogPlace, VisitorHash, batches};
use headcount::shared::{Count, Followed};
use proptest::prelude::*;
use rand10::rngs::StdRng;
use rand10::{RngExt, SeedableRng};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

const LIMITS: Limits = Limits { visitors: 100_000, rows: 10_000 };

/// Time between flushes, and between two hits.
const INTERVAL: Millis = 10_000;
const PACE: Millis = 400;

/// When the first hit comes.
const BEGIN: Millis = 1_790_000_000_000;

#[derive(Debug, Clone, Default, PartialEq)]
struct Stored {
    fields: BTreeMap<(Day, Field), i64>,
    visitors: BTreeSet<(Day, VisitorHash)>,
    confirmed: BTreeSet<(Day, VisitorHash)>,
}

impl Stored {
    fn add(&mut self, batch: &Batch) {
        for (field, n) in &batch.fields {
            *self.fields.entry((batch.day, field.clone())).or_default() += n;
        }
        self.visitors.extend(batch.visitors.iter().map(|v| (batch.day, *v)));
        self.confirmed.extend(batch.confirmed.iter().map(|v| (batch.day, *v)));
    }

    /// What nothing was added to is not there.
    fn settled(mut self) -> Self {
        self.fields.retain(|_, n| *n != 0);
        self
    }
}

/// What nodes have between them.
#[derive(Clone, Default)]
struct Common {
    stored: Stored,
    /// All batches, by day and name.
    batches: BTreeMap<(Day, Arc<str>), Vec<Batch>>,
    items: Vec<(LogPlace, Item)>,
    marks: BTreeMap<Arc<str>, u64>,
    chunk: u64,
    state: Option<(u64, Vec<u8>)>,
    last: (Millis, u64),
}

impl Common {
    fn write(&mut self, now: Millis, item: Item) {
        self.last = if now > self.last.0 { (now, 0) } else { (self.last.0, self.last.1 + 1) };
        self.items.push((LogPlace(self.last.0, self.last.1), item));
    }

    fn append(&mut self, now: Millis, entry: &Entry) {
        let have = self.marks.entry(entry.name.clone()).or_default();
        assert!(entry.number <= *have + 1, "a gap before {} of {}", entry.number, entry.name);
        if entry.number == *have + 1 {
            *have += 1;
            self.write(now, Item::Entry(entry.clone()));
        }
    }

    fn agree(&mut self, now: Millis, chunk: &Chunk) -> bool {
        let next = chunk.number == self.chunk + 1;
        if next {
            self.chunk += 1;
            self.write(now, Item::Chunk(chunk.clone()));
        }
        next
    }

    fn apply(&mut self, batch: &Batch) {
        let known = self.batches.entry((batch.day, batch.node.clone())).or_default();
        assert!(batch.number <= known.len() as u64 + 1, "a gap before {}", batch.number);
        match known.get(batch.number as usize - 1) {
            // Whoever counted it.
            Some(known) => assert!(batch == known, "batch {} is another now", batch.number),
            None => {
                known.push(batch.clone());
                self.stored.add(batch);
            }
        }
    }

    fn save(&mut self, chunk: u64, state: Vec<u8>, needed: Option<LogPlace>) {
        if self.state.as_ref().is_some_and(|(have, _)| *have > chunk) {
            return;
        }
        self.state = Some((chunk, state));
        self.items.retain(|(place, _)| needed.is_none_or(|needed| *place >= needed));
    }
}

struct Node {
    id: Arc<str>,
    runs: usize,
    number: u64,
    /// In the journal, and nowhere else.
    hits: Vec<Arrived>,
    /// In the outbox, and in the ring, of all runs.
    waiting: VecDeque<Entry>,
    ring: Vec<Entry>,
    rests: bool,
    flushed: Millis,
    /// Until when it is dead.
    dead: Millis,
}

impl Node {
    fn name(&self) -> Arc<str> {
        format!("{}.{}", self.id, self.runs).into()
    }

    /// Seals and delivers; `lost` answers stay for the next time.
    fn flush(&mut self, now: Millis, common: &mut Common, lost: bool) {
        self.flushed = now;
        if !self.hits.is_empty() {
            self.number += 1;
            let hits = std::mem::take(&mut self.hits);
            let until = now * 1_000;
            let (id, name) = (self.id.clone(), self.name());
            self.waiting.push_back(Entry::new(id, name, self.number, until, &hits));
            self.rests = false;
        } else if self.waiting.is_empty() && !self.rests {
            common.write(now, Item::Rest { node: self.id.clone() });
            self.rests = true;
        }
        while let Some(entry) = self.waiting.front() {
            common.append(now, entry);
            if lost {
                return;
            }
            self.ring.extend(self.waiting.pop_front());
        }
    }

    /// The store has gone back in time: it is told again what it has lost.
    fn look(&mut self, now: Millis, common: &mut Common) {
        for entry in &self.ring {
            if common.marks.get(&entry.name).is_none_or(|have| *have < entry.number) {
                common.append(now, entry);
            }
        }
        self.rests = false;
        self.flush(now, common, false);
    }
}

struct Leader {
    count: Count,
    pending: VecDeque<Batch>,
}

impl Leader {
    fn load(sites: &Arc<Vec<Site>>, common: &mut Common, now: Millis) -> Self {
        if common.state.is_none() {
            let name = format!("shared.{now}").into();
            let mut first = Count::new(sites.clone(), LIMITS, name, 7, common.chunk);
            common.state = Some((common.chunk, first.save()));
        }
        let (_, saved) = common.state.as_ref().unwrap();
        let count = Count::restore(sites.clone(), LIMITS, saved, now).unwrap();
        Self { count, pending: VecDeque::new() }
    }

    /// Reads on, `limit` items at most. False: it has been left behind.
    fn read(&mut self, common: &Common, limit: usize) -> bool {
        let at = self.count.at();
        let items = common.items.iter().filter(|(place, _)| at.is_none_or(|at| *place > at));
        for (place, item) in items.take(limit) {
            match self.count.follow(*place, item.clone(), true) {
                Followed::Noted => {}
                Followed::Counted(batches) => self.pending.extend(batches),
                Followed::Missing => return false,
                Followed::Panicked(panicked) => panic!("{panicked:?}"),
            }
        }
        true
    }

    fn deliver(&mut self, common: &mut Common, limit: usize) {
        for batch in self.pending.drain(..limit.min(self.pending.len())) {
            common.apply(&batch);
        }
    }

    fn agree(&mut self, common: &mut Common, now: Millis, horizon: Micros) {
        if let Some(chunk) = self.count.propose(horizon)
            && common.agree(now, &chunk)
        {
            self.pending.extend(self.count.adopt(chunk).unwrap());
        }
    }
}

/// What one process that sees everything would store.
fn alone(sites: &Arc<Vec<Site>>, hits: &[Arrived]) -> Stored {
    let mut shard = Shard::seeded(sites.clone(), LIMITS, 7);
    hits.iter().for_each(|arrived| drop(shard.apply(arrived.hit.clone())));
    let mut stored = Stored::default();
    for ((site, day), window) in shard.seal() {
        let (site, node) = (&sites[site].name, "alone".into());
        batches(window, site, day, &node, 1).iter().for_each(|batch| stored.add(batch));
    }
    stored.settled()
}

fn agree(seed: u64, length: usize, nodes: usize) -> Result<(), TestCaseError> {
    let mut rng = StdRng::seed_from_u64(seed);
    let traffic = Traffic::new(seed, length);
    let sites = Arc::new(vec![traffic.site.clone()]);
    let mut hits: Vec<Arrived> = Vec::new();
    for (i, (_, hit)) in (0..).zip(&traffic.hits) {
        hits.push(Arrived { at: (BEGIN + i * PACE) * 1_000, hit: hit.clone() });
    }
    let mut common = Common::default();
    let mut nodes: Vec<Node> = (0..nodes)
        .map(|i| Node {
            id: format!("node-{i}").into(),
            runs: 0,
            number: 0,
            hits: Vec::new(),
            waiting: VecDeque::new(),
            ring: Vec::new(),
            rests: true,
            flushed: BEGIN,
            dead: 0,
        })
        .collect();
    let mut leaders: Vec<Leader> = Vec::new();
    let mut kept: Option<Common> = None;
    let mut now = BEGIN;
    for arrived in &hits {
        now = arrived.at / 1_000;
        loop {
            let node = rng.random_range(0..nodes.len());
            if nodes[node].dead <= now {
                nodes[node].hits.push(arrived.clone());
                break;
            }
            if nodes.iter().all(|node| node.dead > now) {
                nodes[node].dead = now;
            }
        }
        // What follows happens before the next hit comes.
        now += PACE / 2;
        for node in &mut nodes {
            if node.dead > now {
                continue;
            }
            let due = now - node.flushed >= INTERVAL - PACE;
            if due || rng.random_bool(0.1) {
                let lost = !due && rng.random_bool(0.1);
                node.flush(now, &mut common, lost);
            }
            if node.dead > 0 {
                // It has come back, as another run.
                (node.dead, node.runs, node.number) = (0, node.runs + 1, 0);
                node.flush(now, &mut common, false);
            } else if !node.rests && rng.random_bool(0.02) {
                node.dead = now + rng.random_range(0..15_000);
            }
        }
        match rng.random_range(0..12) {
            0 if leaders.len() < 2 => leaders.push(Leader::load(&sites, &mut common, now)),
            1 if !leaders.is_empty() && rng.random_bool(0.3) => drop(leaders.swap_remove(0)),
            2 if rng.random_bool(0.2) => kept = Some(common.clone()),
            3 if rng.random_bool(0.3) && nodes.iter().all(|node| node.dead <= now) => {
                // The store has lost its last moments, and whoever led does not live any more.
                if let Some(before) = kept.take() {
                    common = before;
                    leaders.clear();
                    nodes.iter_mut().for_each(|node| node.look(now, &mut common));
                }
            }
            _ => {}
        }
        let mut i = 0;
        while i < leaders.len() {
            let leader = &mut leaders[i];
            if rng.random_bool(0.5) {
                i += 1;
                continue;
            }
            if !leader.read(&common, rng.random_range(0..20)) {
                leaders.swap_remove(i);
                continue;
            }
            leader.deliver(&mut common, rng.random_range(0..3));
            if leader.pending.is_empty() && leader.read(&common, usize::MAX) {
                let horizon = leader.count.horizon(now, INTERVAL);
                leader.agree(&mut common, now, horizon);
                leader.deliver(&mut common, rng.random_range(0..3));
                if leader.pending.is_empty() && rng.random_bool(0.2) {
                    let state = leader.count.save();
                    common.save(leader.count.chunk(), state, leader.count.needed());
                }
            }
            i += 1;
        }
    }
    // All come back, and end in order.
    now += 1_000;
    for node in &mut nodes {
        (node.runs, node.number) = (node.runs + 1, 0);
        node.flush(now, &mut common, false);
        node.flush(now, &mut common, false);
        prop_assert!(node.rests);
    }
    let mut last = Leader::load(&sites, &mut common, now);
    prop_assert!(last.read(&common, usize::MAX));
    let horizon = last.count.last_horizon(now);
    last.agree(&mut common, now, horizon);
    last.deliver(&mut common, usize::MAX);
    prop_assert_eq!((last.count.waiting(), last.count.is_ahead()), (0, false));

    let (got, expected) = (common.stored.settled(), alone(&sites, &hits));
    let wrong: Vec<String> = (expected.fields.keys().chain(got.fields.keys()))
        .filter(|key| expected.fields.get(key) != got.fields.get(key))
        .map(|key| {
            format!(
                "{key:?}: {:?} alone, {:?} together",
                expected.fields.get(key),
                got.fields.get(key)
            )
        })
        .collect();
    prop_assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    prop_assert_eq!(got.visitors, expected.visitors);
    prop_assert_eq!(got.confirmed, expected.confirmed);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nodes_count_as_one(seed: u64, length in 1..400_usize, nodes in 2..5_usize) {
        agree(seed, length, nodes)?;
    }
}

#[test]
fn and_over_a_long_run() {
    for seed in 0..4 {
        agree(seed, 3_000, 4).unwrap();
    }
}

/// Entries of one hit each, read in this order.
fn read(count: &mut Count, entries: &[(&str, u64, Millis, Micros)]) {
    let traffic = Traffic::new(1, 1);
    for (node, number, place, until) in entries {
        let hit = Arrived { at: *until - 1, hit: traffic.hits[0].1.clone() };
        let (id, name) = ((*node).into(), format!("{node}.0").into());
        let entry = Entry::new(id, name, *number, *until, &[hit]);
        let followed = count.follow(LogPlace(*place, 0), Item::Entry(entry), true);
        assert!(matches!(followed, Followed::Noted));
    }
}

/// Who has died is waited for as long as a restart takes, who has a wrong clock as long as catching
/// up does, and who rests not at all.
#[test]
fn nobody_is_waited_for_for_ever() {
    let sites = Arc::new(vec![Traffic::new(1, 1).site]);
    let new = || Count::new(sites.clone(), LIMITS, "shared".into(), 7, 0);
    let (now, second) = (BEGIN + 3_600_000, 1_000);
    let micros = |at: Millis| at * 1_000;
    let unhindered = micros(now - INTERVAL - 2 * second);

    // All speak: up to where the last one has.
    let mut count = new();
    assert_eq!(count.horizon(now, INTERVAL), unhindered);
    let said = now - 20 * second;
    read(&mut count, &[("a", 1, now - second, micros(now - second)), ("b", 1, said, micros(said))]);
    assert_eq!(count.horizon(now, INTERVAL), micros(said));
    assert_eq!(count.horizon(now + 11 * second, INTERVAL), micros(now - second), "b is dead");
    count.follow(LogPlace(now, 1), Item::Rest { node: "b".into() }, true);
    assert_eq!(count.horizon(now, INTERVAL), unhindered, "b rests");

    // One delivers what it has from an outage of an hour, or has a clock that is as much behind.
    let mut count = new();
    let hour = 3_600 * second;
    for n in 0..40 {
        let at = now + n as i64 * 10 * second;
        read(&mut count, &[("slow", n + 1, at, micros(at - hour))]);
        let horizon = count.horizon(at, INTERVAL);
        let free = micros(at - INTERVAL - 2 * second);
        assert_eq!(horizon, if n <= 30 { micros(at - hour) } else { free }, "{n}");
    }
    // It has caught up.
    let at = now + 400 * second;
    read(&mut count, &[("slow", 41, at, micros(at - second))]);
    assert_eq!(count.horizon(at + 15 * second, INTERVAL), micros(at - second));
}
