//! A month of steady traffic on a metered Redis, under an injected clock: what the server itself
//! has counted, commands inside scripts included.
//!
//! - `monthly_commands = 500000` costs at most 270,000 commands in 30 days of one site, flushes,
//!   daily job and secrets together, and what the program says of itself is what the server has
//!   seen;
//! - nothing is lost by being frugal: every pageview of the month is counted.

mod common;

use common::redis::RedisServer;
use headcount::aggregate::{Engine, Limits};
use headcount::budget::Budget;
use headcount::clock::{Clock, HOUR, Millis, SECOND};
use headcount::flush::{DurableOutbox, FlushSettings, Flusher};
use headcount::model::rollup::{Dimension, Metric};
use headcount::model::site::{Day, Site};
use headcount::model::{Answered, Hit, PageKind, Traits, VisitorHash, What};
use headcount::store::{self, Store};
use headcount::telemetry::Telemetry;
use headcount::upkeep::{Daily, Keep};
use headcount::visitor::Secrets;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

const DAYS: i64 = 30;
/// 2033-05-18, so that no salt has expired on the server's own clock.
const START: Millis = 2_000_000_000_000;
const STEP: Millis = 40 * SECOND;

fn hit(at: Millis, i: i64) -> Hit {
    let visitor = VisitorHash::from_stored((i / 3).to_be_bytes());
    let page = ["/", "/about", "/pricing", "/docs", "/blog"][(i % 5) as usize];
    Hit {
        at,
        site: Default::default(),
        lane: 0,
        visitor: Some(visitor),
        before_midnight: None,
        what: What::Answered(Answered {
            page: page.into(),
            nonce: i as u64,
            kind: PageKind::View,
            status: 200,
            from: None,
            bytes: 10_240,
            origin: Some(1_500),
            traits: Some(Traits::from([
                (Dimension::Country, ["DE", "FR", "US"][(i % 3) as usize]),
                (Dimension::Browser, "Firefox"),
            ])),
        }),
    }
}

#[tokio::test]
async fn a_month_of_steady_traffic_stays_below_270_000_commands() {
    let server = RedisServer::start();
    let kept = store::open(&server.url().parse().unwrap(), server.dir.path()).unwrap();
    let store: Arc<dyn Store> = kept.clone();
    let site = Site {
        name: "example.com".into(),
        hosts: Vec::new(),
        timezone: chrono_tz::UTC,
        ..Site::default()
    };
    let sites = Arc::new(vec![site.clone()]);
    let clock = Clock::fixed(START);
    let telemetry = Arc::new(Telemetry::default());
    let limits = Limits { visitors: 10_000, rows: 10_000 };
    let engine = Engine::start(sites.clone(), limits, 1, 1_000, telemetry.clone(), clock.clone());
    let engine = Arc::new(engine);
    let spent = {
        let store = store.clone();
        move || store.commands().load(Ordering::Relaxed)
    };
    let budget = Arc::new(Budget::new(500_000, clock.clone(), spent));
    let settings =
        FlushSettings { interval: Duration::from_secs(10), last: Duration::from_secs(1) };
    let mut flusher = Flusher::new(
        engine.clone(),
        store.clone(),
        sites.clone(),
        telemetry.clone(),
        clock.clone(),
        DurableOutbox::in_memory("node".into(), 64_000_000, 10_000),
        settings,
    )
    .within(Some(budget.clone()));
    let keep = Keep { events: 10_000, rows: 10_000, rows_days: None, days: None };
    let mut daily = Daily::new(kept, sites.clone(), clock.clone(), vec![keep], "node".into());
    let secrets = Secrets::new(sites.clone(), START, None);

    let steps = DAYS * 24 * HOUR / STEP;
    for i in 0..steps {
        let now = START + i * STEP;
        clock.set(now);
        engine.push(&hit(now, i));
        secrets.share(store.as_ref(), now).await.unwrap();
        daily.look().await;
        flusher.tick().await;
    }
    // What the program says while it runs is within its budget, too.
    let projection = budget.projection();
    assert!(flusher.flush().await);

    let calls = server.calls();
    println!("{calls} commands in {DAYS} days, {} flushes", telemetry.flushes.get());
    assert!((200_000..=270_000).contains(&calls), "{calls} commands");
    // Connecting is all that only the server sees.
    let said = store.commands().load(Ordering::Relaxed);
    assert!(calls.abs_diff(said) <= 10, "{said} said, {calls} seen");
    assert!(projection.abs_diff(calls) < 5_000, "{projection} projected");

    let first = site.day(START);
    let days: Vec<Day> = first.iter_days().take(DAYS as usize + 1).collect();
    let counts = store.days("example.com", &days).await.unwrap();
    let views: i64 = counts.iter().map(|c| c.row(Dimension::Total, "").get(Metric::Server)).sum();
    assert_eq!(views, steps);
    assert_eq!(telemetry.unflushed.load(Ordering::Relaxed), 0);
}
