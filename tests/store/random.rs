//! Random batches from several nodes, delivered as a network would, against a plain sum.

use super::common::redis::RedisServer;
use super::*;
use headcount::store::Applied;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::runtime::Runtime;

const NODES: usize = 4;

/// What one node does next.
#[derive(Debug, Clone)]
enum Step {
    /// Seals a batch with these counts (by field), visitors and rows of people and of others, and
    /// delivers it.
    Deliver { counts: BTreeMap<u8, i64>, visitors: BTreeSet<u64>, rows: [u8; 2] },
    /// Delivers a batch again that is so many numbers back.
    Repeat { back: u64 },
    /// Delivers a batch whose predecessor never came.
    Skip { ahead: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let counts = prop::collection::btree_map(0u8..24, -1_000i64..1_000_000_000_000, 0..12);
    let visitors = prop::collection::btree_set(0u64..40, 0..8);
    prop_oneof![
        3 => (counts, visitors, [0u8..3, 0u8..3])
            .prop_map(|(counts, visitors, rows)| Step::Deliver { counts, visitors, rows }),
        2 => (0u64..3).prop_map(|back| Step::Repeat { back }),
        1 => (1u64..3).prop_map(|ahead| Step::Skip { ahead }),
    ]
}

fn steps() -> impl Strategy<Value = Vec<(usize, Step)>> {
    prop::collection::vec((0..NODES, step()), 1..40)
}

/// The field a small number stands for; several dimensions, values and metrics.
fn name(i: u8) -> (Dimension, String, Metric) {
    let dimension = [Dimension::Page, Dimension::Total, Dimension::Country][usize::from(i % 3)];
    let metric = [Metric::Server, Metric::Duration][usize::from(i / 3 % 2)];
    (dimension, format!("v{}", i / 6), metric)
}

fn check(runtime: &Runtime, store: &dyn Store, site: &str, steps: &[(usize, Step)]) {
    let mut sum: BTreeMap<(Dimension, String, Metric), i64> = BTreeMap::new();
    let mut all_rows: [Vec<String>; 2] = Default::default();
    let mut applied = 0;
    let mut sealed: [Vec<Batch>; NODES] = Default::default();

    for (node, step) in steps {
        let next = sealed[*node].len() as u64 + 1;
        let empty = Batch { site: site.into(), ..batch(&format!("node-{node}"), next) };
        let deliver = |batch: &Batch| runtime.block_on(store.apply(batch)).unwrap();
        match step {
            Step::Deliver { counts, visitors, rows: [people, others] } => {
                let fields = counts.iter().map(|(i, count)| {
                    let (dimension, value, metric) = name(*i);
                    (field(dimension, &value, metric), *count)
                });
                let members = visitors.iter().map(|v| VisitorHash::from_stored(v.to_be_bytes()));
                let names = |n: &u8| (0..*n).map(|i| format!("{node} {next} {i}"));
                all_rows[0].extend(names(people));
                all_rows[1].extend(names(others));
                let batch = Batch {
                    fields: fields.collect(),
                    visitors: members.collect(),
                    people: rows(Kind::View, names(people)),
                    others: rows(Kind::Bot, names(others)),
                    ..empty
                };
                assert_eq!(deliver(&batch), Applied::Now);
                for (i, count) in counts {
                    *sum.entry(name(*i)).or_default() += count;
                }
                applied += 1;
                sealed[*node].push(batch);
            }
            Step::Repeat { back } => {
                if let Some(batch) = sealed[*node].iter().rev().nth(*back as usize) {
                    assert_eq!(deliver(batch), Applied::Before);
                }
            }
            Step::Skip { ahead } => {
                let early = Batch { number: next + ahead, ..empty };
                assert_eq!(deliver(&early), Applied::Gap { have: next - 1 });
            }
        }
    }

    let days = runtime.block_on(store.days(site, &[today()])).unwrap();
    let mut counts = BTreeMap::new();
    for dimension in Dimension::ALL {
        for (value, row) in days[0].rows(dimension) {
            for (metric, count) in row.counts() {
                counts.insert((dimension, value.to_owned(), metric), count);
            }
        }
    }
    sum.retain(|_, count| *count != 0);
    assert_eq!(counts, sum);
    assert_eq!(days[0].version, applied);
    for (of, all) in RowsOf::ALL.into_iter().zip(all_rows) {
        assert_eq!(runtime.block_on(pages(store, site, today(), of)), all);
    }
}

fn prove(store: &dyn Store, runtime: &Runtime) {
    let cases = AtomicUsize::new(0);
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) };
    proptest!(config, |(steps in steps())| {
        // A site of its own for each case, so that all share one store.
        let site = format!("site-{}", cases.fetch_add(1, Ordering::Relaxed));
        check(runtime, store, &site, &steps);
    });
}

#[test]
fn redis_holds_the_sum_of_what_was_delivered() {
    let server = RedisServer::start();
    prove(open(&server.url(), server.dir.path()).as_ref(), &Runtime::new().unwrap());
}

#[test]
fn sqlite_holds_the_sum_of_what_was_delivered() {
    let dir = tempfile::tempdir().unwrap();
    prove(open("sqlite:test.db", dir.path()).as_ref(), &Runtime::new().unwrap());
}
