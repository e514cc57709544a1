//! What lies in the store, read as anyone with its documentation would.

use super::book::Book;
use super::common::headcount::{Headcount, SITE, today};
use super::common::redis::RedisServer;
use headcount::aggregate::Recount;
use headcount::model::PackedRows;
use headcount::model::row::{EventRow, Flags, Kind};
use headcount::model::site::Site;
use std::collections::BTreeMap;

/// Dimension, value, metric → count.
type Counts = BTreeMap<(String, String, String), i64>;

/// The day's keys, the shared secrets, what nodes agree on, and nothing else; and in them what the
/// book and the API say.
pub fn redis(redis: &RedisServer, headcount: &Headcount, book: &Book) {
    let tag = format!("{{{SITE}:{}}}", today());
    let mut keys =
        ["unique:confirmed", "unique:visits", "visits:daily", "visits:events", "visits:others"]
            .map(|name| format!("{name}:{tag}"))
            .to_vec();
    keys.extend([
        format!("visits:diary:{{{SITE}}}"),
        "visits:key".to_owned(),
        format!("visits:salt:{tag}"),
    ]);
    keys.sort_unstable();
    let (leases, others): (Vec<_>, Vec<_>) =
        redis.keys().into_iter().partition(|key| key.starts_with("visits:node:"));
    assert_eq!(others, keys);
    assert_eq!(leases.len(), 1, "one process, one lease: {leases:?}");

    let stored: Vec<String> = redis.command(&["HGETALL", &format!("visits:daily:{tag}")]);
    let mut others = Vec::new();
    let mut counts = Counts::new();
    for pair in stored.chunks(2) {
        match pair[0].split('\u{1f}').collect::<Vec<_>>()[..] {
            [dimension, value, metric] => {
                let name = (dimension.to_owned(), value.to_owned(), metric.to_owned());
                counts.insert(name, pair[1].parse().unwrap());
            }
            _ => others.push(pair[0].split('\u{1f}').next().unwrap()),
        }
    }
    others.sort_unstable();
    assert_eq!(others, ["marker", "version"]);
    check(headcount, book, &counts);

    let sketch = |name: &str| redis.command::<i64>(&["PFCOUNT", &format!("unique:{name}:{tag}")]);
    let near = |sketch: i64, total: i64| (sketch - total).abs() <= 1;
    assert!(near(sketch("visits"), headcount.total("visitors")));
    assert!(near(sketch("confirmed"), headcount.total("confirmed_visitors")));
    let blocks = ["events", "others"].map(|list| {
        redis.command::<Vec<Vec<u8>>>(&["LRANGE", &format!("visits:{list}:{tag}"), "0", "-1"])
    });
    check_rows(&blocks.concat(), book, &counts);
}

/// The same of the file, while the program runs.
pub fn sqlite(headcount: &Headcount, book: &Book) {
    let file = rusqlite::Connection::open(headcount.data_dir().join("headcount.db")).unwrap();
    let mut query = file.prepare("SELECT dimension, value, metric, count FROM daily").unwrap();
    let rows =
        query.query_map([], |row| Ok(((row.get(0)?, row.get(1)?, row.get(2)?), row.get(3)?)));
    let counts: Counts = rows.unwrap().map(Result::unwrap).collect();
    check(headcount, book, &counts);

    let number = |sql: &str| file.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let visitors = "SELECT count(*) FROM uniques WHERE kind = ";
    assert_eq!(number(&format!("{visitors} 'visitor'")), headcount.total("visitors"));
    assert_eq!(number(&format!("{visitors} 'confirmed'")), headcount.total("confirmed_visitors"));
    let mut query = file.prepare("SELECT packed FROM event_rows ORDER BY id").unwrap();
    let blocks: Vec<Vec<u8>> =
        query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    check_rows(&blocks, book, &counts);
}

/// What happened is there once, and adds up to what was counted.
fn check_rows(blocks: &[Vec<u8>], book: &Book, counts: &Counts) {
    let blocks = blocks.iter().map(|b| PackedRows::from_bytes(b.clone()).unwrap().block().unwrap());
    let rows: Vec<EventRow> = blocks.flat_map(|b| b.rows().collect::<Vec<_>>()).collect();
    assert_eq!(rows.iter().filter(|row| is_told(row)).count() as i64, book.listed);
    let views = rows.iter().filter(|row| row.kind == Kind::View).count();
    assert_eq!(views, book.views.len());

    let site = Site { name: SITE.into(), ..Site::default() };
    let mut recount = Recount::new(&site, today(), 10_000);
    rows.iter().for_each(|row| recount.count(row));
    let mut again = Counts::new();
    for ((dimension, value), row) in recount.finish().rows {
        for (metric, n) in row.counts().filter(|(_, n)| *n != 0) {
            let name = (dimension.as_str().into(), value.to_string(), metric.as_str().into());
            again.insert(name, n);
        }
    }
    let counts: Counts = counts.clone().into_iter().filter(|(_, n)| *n != 0).collect();
    let differs = |name: &&_| again.get(*name) != counts.get(*name);
    let wrong: Vec<_> = again.keys().chain(counts.keys()).filter(differs).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What the book has of it, which leaves out what a row only adds to another's.
fn is_told(row: &EventRow) -> bool {
    match row.kind {
        Kind::View | Kind::Confirm | Kind::Event | Kind::Outbound | Kind::File => true,
        Kind::Bot | Kind::Prefetch => row.flags.has(Flags::ANSWERED),
        Kind::Download => row.flags.has(Flags::BEGINS),
        Kind::Error => true,
        _ => false,
    }
}

fn check(headcount: &Headcount, book: &Book, counts: &Counts) {
    let sum = |dimension: &str, metrics: &[&str]| -> i64 {
        let of = counts.iter().filter(|((d, _, m), _)| d == dimension && metrics.contains(&&**m));
        of.map(|(_, count)| count).sum()
    };
    let pageviews = headcount.total("pageviews");
    assert_eq!(pageviews, book.views.len() as i64);
    for dimension in ["total", "slot", "page", "source", "browser"] {
        assert_eq!(sum(dimension, &["server", "browser"]), pageviews, "{dimension}");
    }
    // Every row of the API is the sum of its fields.
    let pages =
        headcount.stats("breakdown?period=day&property=event:page&metrics=pageviews&limit=1000");
    for row in pages.as_array().unwrap() {
        let count = |metric: &str| {
            let name = ("page".to_owned(), row["page"].as_str().unwrap().to_owned(), metric.into());
            counts.get(&name).copied().unwrap_or_default()
        };
        assert_eq!(count("server") + count("browser"), row["pageviews"], "{row}");
    }
    // What the API does not tell.
    assert_eq!(sum("download", &["complete"]), book.complete);
    assert_eq!(sum("bot_name", &["beacons"]), book.bot_beacons);
    assert_eq!(sum("bot_class", &["beacons"]), book.bot_beacons);
    for (name, count) in &book.events {
        // The API names these two as Plausible does.
        let stored = match *name {
            "Outbound Link: Click" => "Outbound link",
            "File Download" => "File download",
            name => name,
        };
        let name = ("event".to_owned(), stored.to_owned(), "events".to_owned());
        assert_eq!(counts.get(&name), Some(count), "{name:?}");
    }
}
