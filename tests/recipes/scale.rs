//! `docs/scale.md`: its table, from the figures it names; those that it has measured, measured.

use crate::common::redis::RedisServer;
use headcount::aggregate::{Engine, Limits};
use headcount::budget::PER_BATCH;
use headcount::clock::{Clock, Millis};
use headcount::config::DEFAULTS;
use headcount::model::rollup::{Dimension, Metric, field};
use headcount::model::site::Site;
use headcount::model::{
    Answered, BATCH_MAX, Batch, Hit, PackedRows, PageKind, Traits, VisitorHash, What,
};
use headcount::store::{self, Applied};
use headcount::telemetry::Telemetry;
use std::collections::BTreeMap;
use std::sync::Arc;

const PAGE: &str = include_str!("../../docs/scale.md");
const COSTS: &str = include_str!("../../docs/costs.md");
const SECONDS: f64 = 30.0 * 86_400.0;
const VIEWS: [f64; 4] = [1e6, 1e7, 1e8, 1e9];

/// What the page assumes.
const ASSETS: f64 = 10.0;
const BEACONS: f64 = 2.0;
const ROWS: f64 = 3.0;
const VIEWS_OF_A_VISITOR: f64 = 3.0;
const PEAK: f64 = 5.0;
const COUNTS_A_DAY: f64 = 3_000.0 * 8.0;

/// Dollars a month, of a vCPU and of a GB; of a million commands.
const VCPU: f64 = 16.0;
const GB_OF_MEMORY: f64 = 2.20;
const GB_OF_DISK: f64 = 0.10;
const MILLION_COMMANDS: f64 = 2.0;
/// What `monthly_commands` is set to, in millions.
const BUDGET: f64 = 0.5;

/// Bytes, as measured below.
const COUNT_IN_REDIS: f64 = 110.0;
const COUNT_IN_SQLITE: f64 = 60.0;
const VISITOR_IN_SQLITE: f64 = 25.0;
const VISITOR_IN_MEMORY: f64 = 2_000.0;
/// Of a HyperLogLog and of an event row, as the page names them.
const UNIQUES: f64 = 12_304.0;
const ROW: f64 = 19.0;

/// headcount's microseconds in a row of the table of costs.
fn cost(case: &str) -> f64 {
    let row = COSTS.lines().find(|line| line.starts_with(&format!("| {case} |"))).expect(case);
    row.split('|').nth(3).unwrap().trim().parse().unwrap()
}

/// A number among the defaults.
fn default(key: &str) -> f64 {
    let line = DEFAULTS.lines().find_map(|line| line.strip_prefix(&format!("{key} = ")));
    line.expect(key).trim_matches(['"', 's']).parse().unwrap()
}

/// With commas by the thousand.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// What is in the table's rows, by their names.
fn expected() -> Vec<(&'static str, [String; 4])> {
    let per_view = cost("page, tag added") + ASSETS * cost("asset") + BEACONS * cost("beacon");
    let interval = default("flush_interval");
    let batches = |views: f64| (views / SECONDS * interval * ROWS / BATCH_MAX as f64).ceil();
    let visitors = |views: f64| views / 30.0 / VIEWS_OF_A_VISITOR;
    let rows_a_day = |views: f64| views / 30.0 * ROWS;
    let cores = |views: f64| PEAK * views / SECONDS * per_view / 1e6;
    let vcpus = |views: f64| (2.0 * cores(views)).ceil();
    let memory = |views: f64| visitors(views) * VISITOR_IN_MEMORY;
    let commands = |views: f64| SECONDS / interval * batches(views) * PER_BATCH as f64;
    let redis =
        365.0 * (COUNTS_A_DAY * COUNT_IN_REDIS + 2.0 * UNIQUES) + 2.0 * default("events_cap") * ROW;
    let sqlite = |views: f64| {
        365.0 * (COUNTS_A_DAY * COUNT_IN_SQLITE + 2.0 * visitors(views) * VISITOR_IN_SQLITE)
    };
    let machine = |views: f64, more: f64| {
        vcpus(views) * VCPU + (1.0 + (memory(views) + more) / 1e9) * GB_OF_MEMORY
    };
    let each = |of: &dyn Fn(f64) -> String| VIEWS.map(of);
    vec![
        ("views a second, on average", each(&|v| format!("{:.1}", v / SECONDS))),
        (
            "requests a second, busiest hour",
            each(&|v| grouped(PEAK * v / SECONDS * (1.0 + ASSETS + BEACONS))),
        ),
        ("cores, busiest hour", each(&|v| format!("{:.2}", cores(v)))),
        ("visitors a day", each(&|v| grouped(visitors(v)))),
        ("memory for visitors", each(&|v| format!("{} MB", grouped(memory(v) / 1e6)))),
        ("batches a flush", each(&|v| grouped(batches(v)))),
        ("Redis commands a month, at most", each(&|v| grouped(commands(v)))),
        ("Redis memory, a year of days", each(&|_| format!("{} MB", grouped(redis / 1e6)))),
        ("SQLite file, a year of days", each(&|v| format!("{:.1} GB", sqlite(v) / 1e9))),
        ("vCPUs, at most half busy in that hour", each(&|v| grouped(vcpus(v)))),
        (
            "a machine with SQLite costs a month",
            each(&|v| format!("${:.0}", machine(v, 0.0) + sqlite(v) / 1e9 * GB_OF_DISK)),
        ),
        (
            "a machine with a Redis of its own costs a month",
            each(&|v| format!("${:.0}", machine(v, 2.0 * redis))),
        ),
        (
            "a Redis billed by commands, in place of one's own, costs a month, at most",
            each(&|v| format!("${:.0}", commands(v) / 1e6 * MILLION_COMMANDS)),
        ),
        (
            "the same with `monthly_commands = 500_000`",
            each(&|_| format!("${:.0}", BUDGET * MILLION_COMMANDS)),
        ),
        (
            "filtered questions reach back, as it comes",
            each(&|v| format!("{:.1} days", default("events_cap") / rows_a_day(v))),
        ),
        (
            "the same with the most rows there may be",
            each(&|v| {
                let most = f64::from(256 << 20) / ROW;
                format!("{:.1} days", most / rows_a_day(v))
            }),
        ),
    ]
}

#[test]
fn scale_table_follows_from_what_it_names() {
    let rows: BTreeMap<&str, Vec<&str>> = PAGE
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .map(|line| line.split(" | ").collect::<Vec<_>>())
        .filter(|cells| cells.len() == 5)
        .map(|cells| (cells[0], cells[1..].to_vec()))
        .collect();
    let expected = expected();
    // Beside them its head, and the line under that.
    assert_eq!(rows.len(), expected.len() + 2, "{rows:#?}");
    for (name, cells) in expected {
        let said = rows.get(name).unwrap_or_else(|| panic!("no row {name}: {rows:#?}"));
        assert_eq!(*said, cells, "{name}");
    }
    // Figures that it repeats.
    for (figure, at) in [
        (format!("page with the tag {} µs", cost("page, tag added")), PAGE),
        (format!("asset {} µs", cost("asset")), PAGE),
        (format!("beacon {} µs", cost("beacon")), PAGE),
        (format!("They take {ROW} bytes each"), COSTS),
        (format!("two HyperLogLogs of {} bytes", grouped(UNIQUES)), PAGE),
        (format!("rows of a site: {}", grouped(default("events_cap"))), PAGE),
        (format!("visitors remembered: {}", grouped(default("visitors"))), PAGE),
        (
            format!(
                "at most {} rows or fields takes at most {PER_BATCH} ",
                grouped(BATCH_MAX as f64)
            ),
            PAGE,
        ),
        (format!("{COUNT_IN_REDIS} bytes in Redis (*m*), {COUNT_IN_SQLITE} in SQLite"), PAGE),
        (format!("{VISITOR_IN_SQLITE} bytes in SQLite (*m*)"), PAGE),
        (
            format!(
                "${VCPU} for a vCPU, ${GB_OF_MEMORY:.2} for a GB of memory and ${GB_OF_DISK:.2} for a GB"
            ),
            PAGE,
        ),
        (format!("${MILLION_COMMANDS} for a million Redis commands"), PAGE),
        (format!("{} bytes of memory (*m*)", grouped(VISITOR_IN_MEMORY)), PAGE),
    ] {
        assert!(at.contains(&figure), "{figure}");
    }
}

/// 20,000 counts under names of a usual length, and as many visitors.
fn batches() -> Vec<Batch> {
    let metrics = [
        Metric::Server,
        Metric::Confirmed,
        Metric::Browser,
        Metric::Visitors,
        Metric::ConfirmedVisitors,
        Metric::Visits,
        Metric::Bounces,
        Metric::Duration,
        Metric::Engagement,
        Metric::Bytes,
    ];
    let count = |n: usize| {
        let path = format!("/blog/2026/a-usual-title-{}", n / metrics.len());
        (field(Dimension::Page, &path, metrics[n % metrics.len()]), 1_000 + n as i64)
    };
    let batch = |nth: usize| Batch {
        site: "example.org".into(),
        day: "2026-11-24".parse().unwrap(),
        node: "node".into(),
        number: nth as u64 + 1,
        fields: (nth * BATCH_MAX..(nth + 1) * BATCH_MAX).map(count).collect(),
        visitors: (nth * BATCH_MAX..(nth + 1) * BATCH_MAX).map(visitor).collect(),
        confirmed: Vec::new(),
        people: PackedRows::default(),
        others: PackedRows::default(),
    };
    (0..20).map(batch).collect()
}

fn visitor(n: usize) -> VisitorHash {
    VisitorHash::from_stored((n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes())
}

#[tokio::test]
async fn scale_of_a_redis() {
    let server = RedisServer::start();
    let store = store::open(&server.url().parse().unwrap(), server.dir.path()).unwrap();
    for batch in batches() {
        assert_eq!(store.apply(&batch).await.unwrap(), Applied::Now);
    }
    let key = "visits:daily:{example.org:2026-11-24}";
    let memory: f64 = server.command(&["MEMORY", "USAGE", key, "SAMPLES", "0"]);
    let each = memory / 20_000.0;
    println!("{each:.1} bytes a count");
    assert!(each > COUNT_IN_REDIS / 2.0 && each <= COUNT_IN_REDIS, "{each}");
}

#[tokio::test]
async fn scale_of_a_sqlite_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("headcount.db");
    let store = store::open(&"sqlite:headcount.db".parse().unwrap(), dir.path()).unwrap();
    for batch in batches() {
        assert_eq!(store.apply(&batch).await.unwrap(), Applied::Now);
    }
    drop(store);
    let db = rusqlite::Connection::open(&file).unwrap();
    for (table, most) in [("counts", COUNT_IN_SQLITE), ("uniques", VISITOR_IN_SQLITE)] {
        let sql = "SELECT count(*) FROM counts";
        let n: f64 = db.query_row(&sql.replace("counts", table), [], |row| row.get(0)).unwrap();
        // What a table takes, by itself.
        db.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        let before = std::fs::metadata(&file).unwrap().len() as f64;
        db.execute_batch(&format!("DELETE FROM {table}; VACUUM; PRAGMA wal_checkpoint(TRUNCATE)"))
            .unwrap();
        let each = (before - std::fs::metadata(&file).unwrap().len() as f64) / n;
        println!("{each:.1} bytes a row of {table}");
        assert!(each > most / 2.0 && each <= most, "{table}: {each}");
    }
}

/// Memory that this process has to itself, in bytes.
fn memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1024.0
}

/// In a process of its own, so that no other test's memory is taken for it.
#[test]
fn scale_of_memory() {
    const ALONE: &str = "SCALE_ALONE";
    if std::env::var_os(ALONE).is_none() {
        let alone = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "scale::scale_of_memory", "--nocapture"])
            .env(ALONE, "1")
            .output()
            .unwrap();
        println!("{}", String::from_utf8_lossy(&alone.stdout));
        assert!(alone.status.success(), "{}", String::from_utf8_lossy(&alone.stderr));
        return;
    }
    const MANY: usize = 20_000;
    const NOON: Millis = 1_795_953_600_000;
    let sites = Arc::new(vec![Site { name: "example.org".into(), ..Site::default() }]);
    let telemetry = Arc::new(Telemetry::default());
    let limits = Limits { visitors: 10 * MANY, rows: 10_000 };
    let engine = Engine::start(sites, limits, 1, 65_536, telemetry.clone(), Clock::fixed(NOON));
    let hit = |n: usize| Hit {
        at: NOON + n as Millis,
        site: Default::default(),
        lane: 0,
        visitor: Some(visitor(n)),
        before_midnight: None,
        what: What::Answered(Answered {
            page: format!("/page/{}", n % 500).into(),
            nonce: n as u64,
            kind: PageKind::View,
            status: 200,
            from: None,
            bytes: 10_240,
            origin: Some(1_500),
            traits: Some(Traits::from([
                (Dimension::Country, ["DE", "FR", "US"][n % 3]),
                (Dimension::Browser, "Firefox"),
                (Dimension::Source, "Google"),
            ])),
        }),
    };
    let counted = || telemetry.pageviews.get();
    let push = |from: usize, to: usize| {
        (from..to).for_each(|n| assert!(engine.push(&hit(n))));
        crate::common::wait_for("all hits", || (counted() == to as u64).then_some(()));
    };
    // What is there once.
    push(0, MANY / 10);
    let before = memory();
    push(MANY / 10, MANY / 10 + MANY);
    let each = (memory() - before) / MANY as f64;
    println!("{each:.0} bytes a visitor");
    assert!(each > VISITOR_IN_MEMORY / 4.0 && each <= VISITOR_IN_MEMORY, "{each}");
}
