//! A Redis Cluster: all that is promised of a store, over many slots; and every batch once while
//! slots move and primaries die.

use super::common::cluster::RedisCluster;
use super::common::wait_for;
use super::*;
use ::redis::Value;
use headcount::store::{Applied, StoreError, Trouble};
use std::time::Duration;

/// Sites, so that all primaries have some.
const SITES: usize = 12;

/// One who numbers, delivers and repeats as `flush` does, for one site.
struct Sender {
    site: String,
    acknowledged: u64,
}

impl Sender {
    fn all() -> Vec<Self> {
        (0..SITES).map(|i| Self { site: format!("site-{i}"), acknowledged: 0 }).collect()
    }

    fn batch(&self, number: u64) -> Batch {
        Batch { site: self.site.as_str().into(), ..pageview("n", number) }
    }

    /// Delivers the next batch. False: not now.
    async fn deliver(&mut self, store: &dyn Store) -> bool {
        match store.apply(&self.batch(self.acknowledged + 1)).await {
            Ok(Applied::Now | Applied::Before) => {
                self.acknowledged += 1;
                true
            }
            Ok(Applied::Gap { have }) => {
                for number in have + 1..=self.acknowledged {
                    assert_eq!(store.apply(&self.batch(number)).await.unwrap(), Applied::Now);
                }
                true
            }
            Err(StoreError::Unreachable { .. }) => false,
            Err(error) => panic!("{error}"),
        }
    }

    /// Delivers one more for sure, and again what was lost; then all are there, once.
    async fn settle(&mut self, store: &dyn Store) {
        let target = self.acknowledged + 1;
        let deadline = std::time::Instant::now() + Duration::from_secs(60);
        while self.acknowledged < target {
            assert!(std::time::Instant::now() < deadline, "{} never came through", self.site);
            self.deliver(store).await;
        }
        let days = store.days(&self.site, &[today()]).await.unwrap();
        let counted = days[0].row(Dimension::Page, "/").get(Metric::Server);
        assert_eq!(counted, self.acknowledged as i64, "{}", self.site);
        for of in RowsOf::ALL {
            let rows = pages(store, &self.site, today(), of).await;
            assert_eq!(rows.len() as u64, self.acknowledged, "{}", self.site);
        }
    }
}

/// A round of deliveries; how many came through.
async fn round(senders: &mut [Sender], store: &dyn Store) -> usize {
    let mut through = 0;
    for sender in senders {
        through += usize::from(sender.deliver(store).await);
    }
    through
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_keeps_every_promise_of_a_store() {
    let cluster = RedisCluster::start();
    let dir = tempfile::tempdir().unwrap();
    let fresh = || {
        cluster.clear();
        open(&cluster.url(), dir.path())
    };
    contract::on_each(&fresh).await;
    upkeep::on_each(&fresh).await;
    backfill::on_each(&fresh).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn days_on_all_servers_are_read_in_the_order_asked_and_listed_whole() {
    let cluster = RedisCluster::start();
    let store = open(&cluster.url(), cluster.servers[0].dir.path());
    let days: Vec<Day> = today().iter_days().take(700).collect();
    for (n, day) in (1..).zip(&days).step_by(10) {
        let fields = vec![(field(Dimension::Country, "DE", Metric::Server), n)];
        store.apply(&Batch { day: *day, fields, ..batch("n", 1) }).await.unwrap();
    }
    let read = store.days(SITE, &days).await.unwrap();
    for (n, counts) in (1..).zip(read) {
        let count = counts.row(Dimension::Country, "DE").get(Metric::Server);
        assert_eq!(count, if n % 10 == 1 { n } else { 0 });
    }
    assert_eq!(store.versions(SITE, &days).await.unwrap().iter().sum::<u64>(), 70);
    let kept: Vec<Day> = days.iter().copied().step_by(10).collect();
    assert_eq!(store.kept(SITE).await.unwrap(), kept);
    for server in &cluster.servers[..3] {
        assert!(!server.keys().is_empty(), "all servers have a part");
    }
    assert_eq!(store.troubles().count(Trouble::Moved), 0, "who has which slot is known ahead");
}

#[tokio::test(flavor = "multi_thread")]
async fn visitors_of_the_first_layout_are_read_in_wherever_they_lie() {
    let cluster = RedisCluster::start();
    let store = open(&cluster.url(), cluster.servers[0].dir.path());
    for day in today().iter_days().take(6) {
        let key = format!("unique:visits:{day}");
        let server = &cluster.servers[cluster.owner(&key)];
        server.command::<Value>(&["PFADD", &key, "a", "b", "c"]);
    }
    for misfit in store.old_keys().unwrap().misfits(SITE).await.unwrap() {
        store.old_keys().unwrap().set_aside(&misfit).await.unwrap();
    }
    let legacy = store.old_keys().unwrap().legacy(SITE).await.unwrap();
    assert_eq!(legacy.len(), 6);
    for legacy in legacy {
        store.old_keys().unwrap().adopt(SITE, &legacy).await.unwrap();
        store.old_keys().unwrap().settle(&legacy).await.unwrap();
    }
    for day in today().iter_days().take(6) {
        assert_eq!(store.uniques(SITE, day).await.unwrap(), (3, 0), "{day}");
    }
    assert!(store.old_keys().unwrap().legacy(SITE).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_moves_under_batches_costs_none() {
    let cluster = RedisCluster::start();
    let store = open(&cluster.url(), cluster.servers[0].dir.path());
    let mut senders = Sender::all();
    assert_eq!(round(&mut senders, store.as_ref()).await, SITES);
    let tag = |site: &str| format!("{{{site}:{}}}", today());
    let keys = [
        "visits:daily:",
        "unique:visits:",
        "unique:confirmed:",
        "visits:events:",
        "visits:others:",
    ];
    for i in 0..SITES {
        let tag = tag(&senders[i].site);
        let to = (cluster.owner(&tag) + 1) % 3;
        cluster.begin_move(&tag, to);
        for key in keys {
            // With half of its keys gone a batch has to wait; a read is sent on.
            round(&mut senders[i..=i], store.as_ref()).await;
            cluster.move_key(&format!("{key}{tag}"), to);
            let days = store.days(&senders[i].site, &[today()]).await.unwrap();
            let counted = days[0].row(Dimension::Page, "/").get(Metric::Server);
            assert_eq!(counted, senders[i].acknowledged as i64);
        }
        cluster.end_move(&tag, to);
        // At once: who still asks the old server is sent on.
        assert!(senders[i].deliver(store.as_ref()).await);
    }
    for sender in &mut senders {
        sender.settle(store.as_ref()).await;
    }
    assert!(store.troubles().count(Trouble::Moved) > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_dies_among_batches_costs_none() {
    let mut cluster = RedisCluster::start();
    let store = open(&cluster.url(), cluster.servers[0].dir.path());
    let mut senders = Sender::all();
    // Whoever has the first site's slot is one of those the URL names, or not.
    for killed in 0..2 {
        for _ in 0..20 {
            assert_eq!(round(&mut senders, store.as_ref()).await, SITES);
        }
        let connections = store.connections();
        cluster.servers[killed].kill();
        let through = round(&mut senders, store.as_ref()).await;
        assert!((1..SITES).contains(&through), "{through}: the others' slots are served");
        cluster.replaced(killed);
        for sender in &mut senders {
            sender.settle(store.as_ref()).await;
        }
        assert!(store.connections() > connections, "who asks for markers must hear of it");
        cluster.come_back(killed);
    }
    for sender in &mut senders {
        sender.settle(store.as_ref()).await;
    }
    assert!(store.troubles().count(Trouble::Connect) > 0);
}

/// No connection ends, and yet the new primary may lack what the old one had acknowledged.
#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_is_replaced_and_lives_on_is_noticed() {
    let cluster = RedisCluster::start();
    let store = open(&cluster.url(), cluster.servers[0].dir.path());
    let mut senders = Sender::all();
    assert_eq!(round(&mut senders, store.as_ref()).await, SITES);
    let connections = store.connections();
    let old = cluster.owner(&format!("{{{}:{}}}", senders[0].site, today()));
    cluster.servers[cluster.partner(old)].command::<Value>(&["CLUSTER", "FAILOVER", "TAKEOVER"]);
    // Until it is told, the old one takes batches that nobody will ever see.
    round(&mut senders, store.as_ref()).await;
    cluster.replaced(old);
    wait_for("the old one to be a replica", || cluster.servers[old].is("slave").then_some(()));
    for sender in &mut senders {
        sender.settle(store.as_ref()).await;
    }
    assert!(store.connections() > connections, "who asks for markers must hear of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_of_few_rights_is_enough() {
    let cluster = RedisCluster::start();
    let rights = |more: &[&str]| {
        for server in &cluster.servers {
            server.command::<Value>(&[troubles::USER, more].concat());
        }
    };
    rights(&[]);
    let url = cluster.url().replace("://", "://counter:open%20sesame@");
    let store = open(&url, cluster.servers[0].dir.path());
    let error = store.apply(&pageview("n", 1)).await.unwrap_err();
    assert!(error.to_string().contains("+cluster|slots"), "{error}");
    rights(&["+cluster|slots"]);
    assert_eq!(store.apply(&full("n", 1)).await.unwrap(), Applied::Now);
    store.trim(SITE, 10, 0).await.unwrap();
    assert_eq!(store.kept(SITE).await.unwrap(), [today()]);
    // Sent on to a server that must be told so.
    let key = format!("visits:daily:{{{SITE}:{}}}", today());
    let to = (cluster.owner(&key) + 1) % 3;
    cluster.begin_move(&key, to);
    cluster.move_key(&key, to);
    assert_eq!(store.versions(SITE, &[today()]).await.unwrap(), [1]);
    assert_eq!(store.troubles().count(Trouble::Moved), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_of_a_cluster_says_what_to_write() {
    let cluster = RedisCluster::start();
    let key = format!("visits:daily:{{{SITE}:{}}}", today());
    let other = &cluster.servers[(cluster.owner(&key) + 1) % 3];
    let store = open(&other.url(), other.dir.path());
    let error = store.apply(&pageview("n", 1)).await.unwrap_err();
    assert!(error.to_string().contains("redis+cluster://"), "{error}");
    assert_eq!(store.troubles().count(Trouble::Moved), 1);
}
