//! Nodes that count together, over a real Redis, while hits panic in the middle: all that counts is
//! as if these had never come, whichever node counts.

#[path = "../../tests/common/ports.rs"]
#[allow(dead_code)]
mod ports;
#[path = "../../tests/common/redis.rs"]
#[allow(dead_code)]
mod redis;

use super::{Counter, CountingSettings};
use crate::aggregate::{Limits, PANICS, hush};
use crate::clock::{Clock, Millis};
use crate::model::rollup::{Dimension, Field, Metric, field};
use crate::model::site::Site;
use crate::model::{Answered, Arrived, Entry, Hit, PageKind, Traits, VisitorHash, What};
use crate::store::{self, Store, StoreUrl};
use crate::telemetry::{DropReason, Telemetry};
use redis::RedisServer;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const SITE: &str = "example.org";

fn view(at: Millis, nonce: u64, visitor: u8, page: &str) -> Arrived {
    let traits = Some(Traits::from([(Dimension::Browser, "Firefox")]));
    let (kind, status, bytes) = (PageKind::View, 200, 100);
    let (page, from, origin) = (page.into(), None, None);
    let what = What::Answered(Answered { page, nonce, kind, status, traits, from, bytes, origin });
    let visitor = Some(VisitorHash::from_stored([visitor; 8]));
    let hit = Hit { at, site: Default::default(), lane: 0, visitor, before_midnight: None, what };
    Arrived { at: at * 1_000, hit }
}

/// People who come back; in each of ten chunks, so many views panic between theirs. Two nodes take
/// turns in counting, of which each begins where the other stopped. All that is stored, and how
/// many hits were dropped.
async fn count(panicking: u64) -> (BTreeMap<Field, i64>, (u64, u64), u64) {
    hush();
    let redis = RedisServer::start();
    let url: StoreUrl = redis.url().parse().unwrap();
    let store: Arc<dyn Store> = store::open(&url, redis.dir.path()).unwrap();
    let sites = Arc::new(vec![Site { name: SITE.into(), ..Site::default() }]);
    let limits = Limits { visitors: 100, rows: 100 };
    let settings = CountingSettings { interval: Duration::from_millis(1), limits };
    let telemetry = Arc::new(Telemetry::default());
    let counter = |who: &str| {
        let (store, sites, telemetry) = (store.clone(), sites.clone(), telemetry.clone());
        Counter::new(store, sites, telemetry, settings.clone(), who.into())
    };
    let mut nodes = [counter("a"), counter("b")];
    // Noon, so that no day ends.
    let noon = sites[0].day_start(sites[0].day(Clock::system().now())) - 12 * 3_600_000;
    let mut nonce = 0;
    for chunk in 1..=10 {
        let mut hits = Vec::new();
        for i in 0..5 {
            nonce += 1;
            let at = noon + nonce as i64 * 10;
            hits.push(view(at, nonce, (nonce % 3) as u8, &format!("/{}", nonce % 4)));
            // Of somebody known, and of somebody new.
            for n in (0..panicking).filter(|n| n % 5 == i) {
                hits.push(view(at + 1, 1_000 * (n + 1) + nonce, (n % 6) as u8, PANICS));
            }
        }
        let until = (noon + 1_000 * nonce as i64) * 1_000;
        let entry = Entry::new("n".into(), "n.1".into(), chunk, until, &hits);
        store.shared_log().unwrap().append(SITE, &entry).await.unwrap();
        let node = &mut nodes[usize::from(chunk % 4 > 1)];
        node.work(chunk == 7).await.unwrap();
        assert!(node.is_busy() && node.waiting() == 0, "it has counted all");
        if chunk % 2 == 1 {
            node.leave().await.unwrap();
        }
    }
    let day = sites[0].day(noon);
    let counts = store.days(SITE, &[day]).await.unwrap().remove(0);
    let uniques = store.uniques(SITE, day).await.unwrap();
    (counts.fields().collect(), uniques, telemetry.dropped(DropReason::Panic).get())
}

#[tokio::test]
async fn nothing_is_left_of_hits_that_panic() {
    let (expected, visitors, none) = count(0).await;
    assert_eq!((none, visitors), (0, (3, 0)));
    for panicking in [1, 4] {
        let (got, uniques, dropped) = count(panicking).await;
        // Another node finds out again what the one before has left out and not saved.
        assert!(dropped >= 10 * panicking, "{dropped}");
        assert_eq!((&got, uniques), (&expected, visitors));
        let total = field(Dimension::Total, "", Metric::Server);
        assert_eq!(got[&total], 50);
    }
}

/// Where many more panic than are left out, counting still comes to an end.
#[tokio::test]
async fn a_flood_of_hits_that_panic_is_got_through() {
    let (got, _, dropped) = count(100).await;
    assert!(dropped >= 1_000, "{dropped}");
    let field = |n| field(Dimension::Page, &format!("/{n}"), Metric::Server);
    assert_eq!((0..4).map(|n| got[&field(n)]).sum::<i64>(), 50);
}
