//! `docs/queries.md`: each question, asked of a store whose counts follow from what was sent.

use crate::common::headcount::{Headcount, today};
use crate::common::http::{self, BEACON, FIREFOX, GOOGLEBOT, GPTBOT, NAVIGATION};
use crate::common::ports::free_port;
use crate::common::redis::RedisServer;
use crate::common::wait_for;
use crate::page;
use crate::scene::{NAME, PAGE};
use axum::Router;
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::get;
use chrono::DateTime;
use headcount::clock::Clock;
use serde_json::json;
use std::process::Command;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A site with its counts delivered, and what is needed to ask for them.
pub struct Counted {
    pub headcount: Headcount,
    pub dir: TempDir,
    /// The hours in which it was visited, with their views.
    hours: Vec<String>,
    _runtime: Runtime,
}

/// Everything that happens: address and country, agent, path, where from.
const ASKED: [(&str, &str, &str, &str, &str); 9] = [
    ("198.51.100.1", "DE", FIREFOX, "/", "https://www.google.com/"),
    ("198.51.100.1", "DE", FIREFOX, "/pricing", "https://example.org/"),
    ("198.51.100.2", "FR", FIREFOX, "/", ""),
    ("198.51.100.3", "DE", FIREFOX, "/pricing", ""),
    ("198.51.100.3", "DE", FIREFOX, "/pricing", ""),
    ("198.51.100.2", "FR", FIREFOX, "/missing", "https://example.org/"),
    ("198.51.100.8", "US", GPTBOT, "/", ""),
    ("198.51.100.9", "US", GOOGLEBOT, "/", ""),
    ("198.51.100.9", "US", GOOGLEBOT, "/pricing", ""),
];
const VIEWS: i64 = 5;

pub fn counted(store: &str) -> Counted {
    let runtime = Runtime::new().unwrap();
    let missing = get(|| async { (StatusCode::NOT_FOUND, Html(PAGE)) });
    let site = Router::new().route("/missing", missing).fallback(get(|| async { Html(PAGE) }));
    let port = free_port();
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port));
    let listener = runtime.block_on(listener).unwrap();
    runtime.spawn(async move { axum::serve(listener, site).await });
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("headcount.toml");
    let settings = format!(
        "upstream = 'http://127.0.0.1:{port}'\nsite = '{NAME}'\nstore = '{store}'\n\
         trusted_proxies = ['127.0.0.1']\nplace_headers = ['X-Country']\nflush_interval = '100ms'\n"
    );
    std::fs::write(&file, settings).unwrap();
    let mut headcount = Headcount::by_file(&file);
    headcount.start_again();

    let mut hours = Vec::new();
    for (nth, (address, country, agent, path, from)) in ASKED.into_iter().enumerate() {
        let own = [("Host", NAME), ("User-Agent", agent)];
        let told = [("X-Forwarded-For", address), ("X-Country", country), ("Referer", from)];
        let told = if from.is_empty() { &told[..2] } else { &told[..] };
        let answer = http::get(headcount.site(), path, &[&own, told, NAVIGATION].concat());
        if nth < VIEWS as usize {
            let now = DateTime::from_timestamp_millis(Clock::system().now()).unwrap();
            hours.push(now.format("%H:00").to_string());
        }
        if nth == 1 {
            let beacon = json!([
                {"type": "pageview", "pathname": path, "view": answer.view_id().unwrap(), "n": 1},
                {"type": "event", "pathname": path, "view": answer.view_id().unwrap(),
                 "name": "Signup", "n": 2, "value": 9.5, "props": {"plan": "pro"}},
            ]);
            let headers = [&own, &told[..2], BEACON].concat();
            let body = beacon.to_string();
            let told =
                http::send(headcount.site(), "POST", "/api/track", &headers, body.as_bytes());
            assert_eq!(told.status, 202, "{}", told.text());
        }
    }
    wait_for("all of it", || {
        let robots = headcount.stats("breakdown?period=day&property=bot:name&metrics=pageviews");
        let robots: i64 =
            robots.as_array().unwrap().iter().map(|row| row["pageviews"].as_i64().unwrap()).sum();
        let all = headcount.total("pageviews") == VIEWS && headcount.total("events") == VIEWS + 1;
        (all && robots == 3).then_some(())
    });
    Counted { headcount, dir, hours, _runtime: runtime }
}

/// What a command of the page prints, a line each.
pub fn printed(command: &mut Command) -> Vec<String> {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// With today in the place of the page's days.
pub fn of_today(text: &str) -> String {
    let today = today().to_string();
    ["2026-11-24", "2026-11-01", "2026-11-30"]
        .iter()
        .fold(text.to_owned(), |text, day| text.replace(day, &today))
}

#[test]
fn sqlite() {
    let counted = counted("sqlite:headcount.db");
    let file = counted.headcount.data_dir().join("headcount.db");
    let mut hours: Vec<String> = Vec::new();
    for hour in &counted.hours {
        let n = counted.hours.iter().filter(|other| *other == hour).count();
        hours.push(format!("{hour}|{n}"));
    }
    hours.sort();
    hours.dedup();
    let texts = |rows: &[&str]| rows.iter().map(ToString::to_string).collect::<Vec<_>>();
    let expected = [
        vec![format!("{}|5|3|3", today())],
        texts(&["/pricing|3", "/|2"]),
        texts(&["Direct / None|2|50.0", "Google|1|0.0"]),
        texts(&["80.0"]),
        hours,
        texts(&["Signup|1|9.5"]),
        texts(&["pro|1"]),
        texts(&["/missing|/|1"]),
        texts(&["Googlebot|2", "GPTBot|1"]),
    ];
    let section = page::section("queries", "SQLite");
    let questions = section.in_language("sql");
    assert_eq!(questions.len(), expected.len());
    for (question, expected) in questions.iter().zip(expected) {
        let mut sqlite = Command::new("sqlite3");
        let rows = printed(sqlite.arg("-readonly").arg(&file).arg(of_today(question)));
        assert_eq!(rows, expected, "{question}");
    }
    // Event rows, unpacked.
    let dir = counted.dir.path();
    let store = format!("sqlite:{}", file.display());
    let commands = page::section("queries", "Two properties at once").commands();
    let mut last = Vec::new();
    for command in commands {
        let command = of_today(&command).replace(
            "headcount export",
            &format!(
                "{} export --timezone {} --store {store}",
                env!("CARGO_BIN_EXE_headcount"),
                crate::common::headcount::timezone()
            ),
        );
        last = printed(Command::new("bash").current_dir(dir).args(["-c", &command]));
    }
    assert_eq!(last, ["/pricing|3", "/|1"]);
}

#[test]
fn redis() {
    let server = RedisServer::start();
    let counted = counted(&server.url());
    let section = page::section("queries", "Redis");
    let blocks = section.in_language("sh");
    let key = format!("visits:daily:{{{NAME}:{}}}", today());
    let expected = [vec!["5"], vec!["3"], vec!["3 /pricing", "2 /"], vec![&*key]];
    assert_eq!(blocks.len(), expected.len());
    for (block, expected) in blocks.iter().zip(expected) {
        let command =
            of_today(block).replace("redis-cli", &format!("redis-cli -p {}", server.port));
        let rows = printed(Command::new("bash").args(["-c", &command]));
        assert_eq!(rows, expected, "{block}");
    }
    drop(counted);
}

/// Every word of the tables is one of the store's.
#[test]
fn dimensions_and_metrics_are_those_of_the_store() {
    use headcount::model::rollup::{Dimension, Metric};
    let text = include_str!("../../docs/queries.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once(" | "));
    let words: Vec<&str> = rows.flat_map(|(words, _)| words.split('`')).collect();
    let words: Vec<&str> =
        words.into_iter().filter(|word| word.starts_with(char::is_alphabetic)).collect();
    assert!(words.len() > 50, "{words:?}");
    for word in words {
        let known = Dimension::parse(word).is_some() || Metric::parse(word).is_some();
        assert!(known, "{word}");
    }
}

/// What each number of the dashboard and the API is made of stands in the table of metrics.
#[test]
fn every_metric_is_explained() {
    use headcount::report::Metric;
    let text = include_str!("../../docs/api.md");
    let section = text.split("## Metrics").nth(1).expect("a section").split("\n## ").next();
    for metric in Metric::ALL {
        let name = format!("`{}`", metric.as_str());
        assert!(section.unwrap().contains(&name), "{name}");
    }
}
