//! A flood of crawlers under invented names: nobody who reads the site loses a row by it, and what
//! is kept of the flood stays within its caps.

use crate::common::headcount::{Headcount, SITE, today};
use crate::common::http::{self, FIREFOX, NAVIGATION};
use crate::common::load::Load;
use crate::common::redis::RedisServer;
use crate::common::wait_for;
use crate::{all_delivered, flags, times};
use headcount::model::row::RowsOf;
use headcount::store::{self, StoreUrl};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

/// Requests that a crawler sends before it reads their answers.
const AT_ONCE: usize = 100;

/// Rows of the roll-up that a dimension may have in a lane.
const ROWS: usize = 1_000;

/// People who come before the flood, in its midst, and after it.
const PEOPLE: usize = 300;

/// What the program may take: it has a limit of rows, of names and of events.
const MEMORY: i64 = 500 << 20;

/// Each sees a page of its own.
fn people(site: SocketAddr, from: usize) {
    for number in from..from + PEOPLE {
        let address = format!("10.2.{}.{}", number / 250, number % 250);
        let own = [("Host", SITE), ("User-Agent", FIREFOX), ("X-Forwarded-For", address.as_str())];
        let page = format!("/people/{number}");
        assert_eq!(http::get(site, &page, &[NAVIGATION, &own].concat()).status, 200);
    }
}

/// Crawls pages that are never the same; every tenth time under a name that was never heard.
fn crawl(site: SocketAddr, from: usize, hits: usize) {
    let mut stream = TcpStream::connect(site).unwrap();
    let end = b"Hello.\n";
    let mut buffer = vec![0; 1 << 16];
    for first in (from..from + hits).step_by(AT_ONCE) {
        let requests: String = (first..first + AT_ONCE)
            .map(|number| {
                let name = match number % 10 {
                    0 => format!("Invented{number}Bot/1.0"),
                    _ => "Mozilla/5.0 (compatible; Googlebot/2.1)".to_owned(),
                };
                format!("GET /{number} HTTP/1.1\r\nHost: {SITE}\r\nUser-Agent: {name}\r\n\r\n")
            })
            .collect();
        stream.write_all(requests.as_bytes()).unwrap();
        let (mut answers, mut held) = (0, 0);
        while answers < AT_ONCE {
            let read = stream.read(&mut buffer[held..]).unwrap();
            assert!(read > 0, "the connection ended after {answers} answers");
            let bytes = &buffer[..held + read];
            answers += bytes.windows(end.len()).filter(|part| part == end).count();
            // The end of a page may have come in part.
            let rest = bytes.len().min(end.len() - 1);
            buffer.copy_within(held + read - rest..held + read, 0);
            held = rest;
        }
    }
}

fn ask(headcount: &Headcount, question: Value) -> Value {
    let headers = [("Host", "localhost")];
    let body = question.to_string();
    let path = "/api/v2/query";
    let answer = http::send(headcount.admin(), "POST", path, &headers, body.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_slice(&answer.body).unwrap()
}

/// How many event rows the store holds of others than people.
fn rows_of_others(url: &str, folder: &Path) -> usize {
    let url: StoreUrl = url.parse().unwrap();
    let store = store::open(&url, folder).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let rows = runtime.block_on(store.rows(SITE, today(), RowsOf::Others)).unwrap();
    rows.blocks.iter().map(|block| block.len()).sum()
}

fn flood(case: &str, url: &str) {
    let hits = times(20_000, 1_000_000);
    let cap = hits / 10;
    let load = Load::new();
    let (cap_flag, rows_flag) = (cap.to_string(), ROWS.to_string());
    let mut own = flags(url, &["--limits-events-cap", &cap_flag]);
    let at = own.iter().position(|flag| *flag == "--limits-rows-per-dimension").unwrap();
    own[at + 1] = &rows_flag;
    let headcount = Headcount::start(&load.url(), &own);
    let site = headcount.site();
    let crawlers = |from| {
        std::thread::scope(|scope| {
            let share = hits / 8;
            for nth in 0..4 {
                scope.spawn(move || crawl(site, from + nth * share, share));
            }
        });
    };
    people(site, 0);
    crawlers(0);
    people(site, PEOPLE);
    crawlers(hits / 2);
    people(site, 2 * PEOPLE);
    all_delivered(&headcount);

    // Every person has their row.
    let question = json!({ "metrics": ["pageviews", "visitors"], "date_range": "day",
        "dimensions": ["event:page", "visit:browser"],
        "filters": [["contains", "event:page", ["/people/"]]] });
    let answer = ask(&headcount, question);
    assert_eq!(answer["meta"]["source"], "rows");
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), 3 * PEOPLE);
    assert!(results.iter().all(|row| row["metrics"] == json!([1, 1])), "{results:?}");

    // Every hit is counted, under few names.
    for property in ["bot:name", "bot:page"] {
        let question = json!({ "metrics": ["pageviews"], "date_range": "day",
            "dimensions": [property] });
        let answer = ask(&headcount, question);
        let rows = answer["results"].as_array().unwrap();
        let counted: i64 = rows.iter().map(|row| row["metrics"][0].as_i64().unwrap()).sum();
        assert_eq!(counted, hits as i64, "{property}");
        // Each of two lanes has its cap, and one more row as the price of a row doubles.
        assert!(rows.len() <= 2 * (ROWS + 50), "{} rows of {property}", rows.len());
    }

    // What is kept of it is trimmed a moment after it was written.
    let most = cap + cap / 4;
    let kept = wait_for("rows of others to be trimmed", || {
        let kept = rows_of_others(url, &headcount.data_dir());
        (kept <= most).then_some(kept)
    });
    let (memory, _) = headcount.memory();
    println!("case {case}: {hits} hits of crawlers, {kept} rows of them kept, {memory} bytes");
    assert!(kept > 0 && memory < MEMORY, "{memory} bytes");
}

#[test]
fn crawlers_and_invented_names_in_sqlite() {
    flood("flood, SQLite", "sqlite:headcount.db");
}

#[test]
fn crawlers_and_invented_names_in_redis() {
    let redis = RedisServer::start();
    flood("flood, Redis", &redis.url());
}
