//! Rows of a test's own traffic, taken out.

use super::common::headcount::{Headcount, SITE, today};
use super::common::http::{self, BEACON, CHROME, CURL, FIREFOX, NAVIGATION};
use super::common::redis::RedisServer;
use super::common::wait_for;
use super::{done, open, refused};
use axum::Router;
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::get;
use headcount::export::{COLUMNS, columns};
use headcount::model::row::RowsOf;
use regex::Regex;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use tokio::runtime::Runtime;

const PAGE: &str = "<!doctype html><title>A page</title><p>Hello.\n";

/// A website of pages, one of which is missing.
fn website(runtime: &Runtime) -> String {
    let missing = get(|| async { (StatusCode::NOT_FOUND, Html(PAGE)) });
    let site = Router::new().route("/missing", missing).fallback(get(|| async { Html(PAGE) }));
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async move { axum::serve(listener, site).await });
    format!("http://{address}")
}

/// What comes, one after the other.
fn browse(headcount: &Headcount) {
    let page = |agent, path: &str, more: &[(&str, &str)]| {
        let own = [("Host", SITE), ("User-Agent", agent)];
        http::get(headcount.site(), path, &[&own, NAVIGATION, more].concat())
    };
    let link = [("Referer", "https://www.google.com/")];
    let first = page(FIREFOX, "/?utm_campaign=%3Dcmd%7C%22calc%22,1", &link);
    let id = first.view_id().unwrap();
    page(CHROME, "/second", &[]);
    let beacon = json!([
        {"type": "pageview", "pathname": "/", "view": id, "nav": "load", "n": 1},
        {"type": "event", "pathname": "/", "view": id, "name": "=SUM(A1)", "n": 2, "value": 9.5,
         "props": {"note": "say \"hi\", please"}},
    ]);
    let own = [("Host", SITE), ("User-Agent", FIREFOX)];
    let headers = [&own, BEACON].concat();
    let body = beacon.to_string();
    let told = http::send(headcount.site(), "POST", "/api/track", &headers, body.as_bytes());
    assert_eq!(told.status, 202, "{}", told.text());
    page(CHROME, "/", &[]);
    page(CURL, "/", &[]);
    assert_eq!(page(FIREFOX, "/missing", &[]).status, 404);
}

/// The rows that follow from it: what is not here is empty. Times are looked at by themselves.
fn expected() -> [Value; 5] {
    let firefox = json!({"view": 1, "page": "/", "entry_page": "/", "hostname": SITE,
        "source": "Google", "referrer": "google.com", "channel": "Organic Search",
        "utm_campaign": "=cmd|\"calc\",1", "device": "Desktop", "browser": "Firefox",
        "browser_version": "Firefox 153", "os": "GNU/Linux", "os_version": "GNU/Linux"});
    let chrome = json!({"entry_page": "/second", "hostname": SITE,
        "source": "Direct / None", "channel": "Direct", "device": "Desktop", "browser": "Chrome",
        "browser_version": "Chrome 156", "os": "Windows", "os_version": "Windows 10"});
    let and = |base: &Value, more: Value| {
        let mut row: Map<String, Value> = base.as_object().unwrap().clone();
        row.extend(more.as_object().unwrap().clone());
        Value::Object(row)
    };
    let bytes = PAGE.len();
    [
        and(&firefox, json!({"kind": "view", "flags": "server begins", "bytes": bytes})),
        and(&firefox, json!({"kind": "confirm"})),
        and(
            &chrome,
            json!({"kind": "view", "flags": "server begins", "view": 1,
            "page": "/second", "bytes": bytes}),
        ),
        and(
            &firefox,
            json!({"kind": "event", "name": "=SUM(A1)", "value": 9.5,
            "properties": {"note": "say \"hi\", please"}}),
        ),
        and(
            &chrome,
            json!({"kind": "view", "flags": "server", "view": 2, "page": "/",
            "bytes": bytes}),
        ),
    ]
}

/// Rows as read from NDJSON, without what is empty.
fn read_ndjson(text: &str) -> Vec<Map<String, Value>> {
    let row = |line: &str| {
        let mut row: Map<String, Value> = serde_json::from_str(line).unwrap();
        assert_eq!(row.len(), COLUMNS.len(), "{line}");
        row.retain(|_, value| !value.is_null());
        row
    };
    text.lines().map(row).collect()
}

/// The same from CSV: by the columns' types.
fn read_csv(text: &str) -> Vec<Map<String, Value>> {
    let mut csv = csv::Reader::from_reader(text.as_bytes());
    let names: Vec<String> = csv.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(names, COLUMNS.iter().map(|column| column.name).collect::<Vec<_>>());
    let row = |record: csv::StringRecord| {
        let cells = COLUMNS.iter().zip(&record).filter(|(_, cell)| !cell.is_empty());
        cells
            .map(|(column, cell)| {
                assert!(!cell.starts_with(['=', '+', '@']), "{cell}");
                let value = match column.holds {
                    columns::Type::Integer | columns::Type::Number | columns::Type::Object => {
                        serde_json::from_str(cell).unwrap()
                    }
                    _ => cell.strip_prefix('\'').unwrap_or(cell).into(),
                };
                (column.name.to_owned(), value)
            })
            .collect()
    };
    csv.records().map(|record| row(record.unwrap())).collect()
}

fn are_as_expected(mut rows: Vec<Map<String, Value>>) {
    for row in &mut rows {
        let time = row.remove("time").unwrap();
        let time = time.as_str().unwrap();
        chrono::DateTime::parse_from_rfc3339(time).unwrap();
        assert!(time.ends_with('Z'), "{time}");
        assert_eq!(row.remove("day"), Some(today().to_string().into()));
        if row["kind"] == "view" {
            assert!(row.remove("answer_ms").unwrap().as_f64().unwrap() > 0.0);
        }
    }
    let mut others = rows.split_off(5);
    // Numbered as they appear; the same number is the same visit.
    let visits: Vec<Option<Value>> = rows.iter_mut().map(|row| row.remove("visit")).collect();
    let mut visit_of = BTreeMap::new();
    for (row, visit) in rows.iter().zip(visits) {
        let visit = visit.unwrap().as_u64().unwrap();
        let next = visit_of.len() as u64 + 1;
        let known = visit_of.entry(row["browser"].to_string()).or_insert(next);
        assert_eq!(*known, visit, "{rows:?}");
    }
    // Visitors are counted side by side, each in order.
    let mut rows: Vec<Value> = rows.into_iter().map(Value::Object).collect();
    let mut expected = expected();
    rows.sort_by_key(|row| row["browser"].to_string());
    expected.sort_by_key(|row| row["browser"].to_string());
    assert_eq!(rows, expected);
    others.sort_by_key(|row| row["kind"].to_string());
    // People first: then the bot and the error, which have no visit.
    let kinds: Vec<&str> = others.iter().map(|row| row["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["bot", "error"], "{others:?}");
    assert_eq!((&others[0]["name"], &others[0]["status"]), (&json!("curl"), &json!(200)));
    assert_eq!((&others[1]["page"], &others[1]["status"]), (&json!("/missing"), &json!(404)));
    assert!(others.iter().all(|row| !row.contains_key("visit")), "{others:?}");
}

/// Neither a hash nor a key, in whatever spelling.
fn recognise_nobody(text: &str, store: &str, dir: &Path) {
    let hash = Regex::new("[0-9a-fA-F]{16}").unwrap();
    assert!(!hash.is_match(text), "{:?} in {text}", hash.find(text));
    let runtime = Runtime::new().unwrap();
    let read = async { open(store, dir).rows(SITE, today(), RowsOf::People).await.unwrap() };
    let blocks = runtime.block_on(read).blocks;
    let rows: Vec<_> =
        blocks.iter().flat_map(|b| b.block().unwrap().rows().collect::<Vec<_>>()).collect();
    assert!(rows.iter().filter(|row| row.of.visitor.is_some()).count() == 5);
    for row in rows {
        let visitor = row.of.visitor.unwrap();
        let number = visitor.as_u64();
        for key in [
            visitor.to_string(),
            number.to_string(),
            number.swap_bytes().to_string(),
            row.of.visit.to_string(),
            format!("{:x}", row.of.visit),
        ] {
            assert!(!text.contains(&key), "{key} in {text}");
        }
    }
}

fn exports(store: &str, dir: &Path) -> Headcount {
    let runtime = Runtime::new().unwrap();
    let website = website(&runtime);
    let flags = ["--store", store, "--flush-interval", "100ms"];
    let headcount = Headcount::start_in(&website, dir, &flags);
    browse(&headcount);
    wait_for("all to be counted", || {
        (headcount.metric("headcount_unflushed_events") == 0).then_some(())
    });
    let day = today().to_string();
    let out = |format| {
        let words = ["export", "--from", &day, "--to", &day, "--store", store, "--format", format];
        wait_for("all rows", || {
            let text = done(dir, &words);
            (text.matches(&day).count() > 0 && text.contains("404")).then_some(text)
        })
    };
    for (format, read) in [("ndjson", read_ndjson as fn(&str) -> _), ("csv", read_csv)] {
        let text = out(format);
        are_as_expected(read(&text));
        recognise_nobody(&text, store, dir);
        let path = format!("/api/v1/export?date_from={day}&date_to={day}&format={format}");
        let answer = headcount.admin_get(&path);
        assert_eq!((answer.status, answer.text()), (200, text.clone()));
        let kind = answer.header("content-type").unwrap();
        assert!(kind.starts_with(if format == "csv" {
            "text/csv"
        } else {
            "application/x-ndjson"
        }));
        // To a file, in the same words, and nothing left beside it.
        let to_file = ["export", "--from", &day, "--to", &day, "--store", store];
        let to_file = [&to_file[..], &["--format", format, "--output", "out"]].concat();
        assert_eq!(done(dir, &to_file), "");
        assert_eq!(std::fs::read_to_string(dir.join("out")).unwrap(), text);
        assert!(!dir.join("out.part").exists());
    }
    #[cfg(feature = "parquet")]
    {
        let to_file = ["export", "--from", &day, "--to", &day, "--store", store];
        done(dir, &[&to_file[..], &["--format", "parquet", "--output", "out"]].concat());
        let file = std::fs::read(dir.join("out")).unwrap();
        assert!(file.starts_with(b"PAR1") && file.ends_with(b"PAR1"));
        let path = format!("/api/v1/export?date_from={day}&date_to={day}&format=parquet");
        assert!(headcount.admin_get(&path).body == file);
    }
    // Days without rows: a header, or nothing.
    for (format, lines) in [("csv", 1), ("ndjson", 0)] {
        let words = ["export", "--from", "2020-01-01", "--to", "2020-01-31", "--format", format];
        let text = done(dir, &[&words[..], &["--store", store]].concat());
        assert_eq!(text.lines().count(), lines, "{text}");
    }
    for (query, line) in [
        ("", "`date_from` is missing: a day, like 2026-11-24"),
        (
            "date_from=2026-11-24&date_to=2026-11-01",
            "invalid date `2026-11-24,2026-11-01`: the first day is after the last",
        ),
        (
            "date_from=2026-11-24&date_to=2026-11-24&format=xlsx",
            "unknown format `xlsx`; there are csv, ndjson",
        ),
        (
            "date_from=2026-11-24&date_to=2026-11-24&limit=1",
            "unknown parameter `limit`; there are site_id, date_from, date_to, format",
        ),
    ] {
        let answer = headcount.admin_get(&format!("/api/v1/export?{query}"));
        let said: Value = serde_json::from_slice(&answer.body).unwrap();
        let said = said["error"].as_str().unwrap();
        assert!(answer.status == 400 && said.starts_with(line), "{said}");
    }
    headcount
}

/// The day's rows from another store, which must be the same.
fn same_from(backup: &str, live: &str, dir: &Path) {
    let day = today().to_string();
    let out = |store| done(dir, &["export", "--from", &day, "--to", &day, "--store", store]);
    let rows = out(live);
    assert_eq!(rows.lines().count(), 8, "{rows}");
    assert_eq!(out(backup), rows);
}

#[test]
fn rows_come_out_of_sqlite_exactly_and_again_from_a_backup() {
    let dir = tempfile::tempdir().unwrap();
    let mut headcount = exports("sqlite:headcount.db", dir.path());
    // While it runs.
    let file = rusqlite::Connection::open(dir.path().join("headcount.db")).unwrap();
    file.execute("VACUUM INTO ?", [dir.path().join("backup.db").to_str().unwrap()]).unwrap();
    same_from("sqlite:backup.db", "sqlite:headcount.db", dir.path());
    // And back: the file in the place of the one that is lost, with its logs gone.
    drop(file);
    headcount.term();
    for lost in ["headcount.db", "headcount.db-wal", "headcount.db-shm"] {
        let _ = std::fs::remove_file(dir.path().join(lost));
    }
    std::fs::rename(dir.path().join("backup.db"), dir.path().join("headcount.db")).unwrap();
    headcount.start_again();
    assert_eq!(headcount.total("pageviews"), 3);
}

#[test]
fn rows_come_out_of_redis_exactly_and_again_from_a_backup() {
    let (dir, redis) = (tempfile::tempdir().unwrap(), RedisServer::start());
    let headcount = exports(&redis.url(), dir.path());
    // While it runs.
    redis.command::<()>(&["SAVE"]);
    let mut other = RedisServer::start();
    other.kill();
    std::fs::copy(redis.dir.path().join("dump.rdb"), other.dir.path().join("dump.rdb")).unwrap();
    other.restart();
    same_from(&other.url(), &redis.url(), dir.path());
    drop(headcount);
}

#[test]
fn the_api_gives_rows_to_those_with_a_token_only() {
    let runtime = Runtime::new().unwrap();
    let website = website(&runtime);
    let token = "0123456789abcdef0123";
    let headcount = Headcount::start(&website, &["--admin-auth-tokens", token]);
    let path = "/api/v1/export?date_from=2026-11-24&date_to=2026-11-24";
    assert_eq!(headcount.admin_get(path).status, 401);
    let bearer = format!("Bearer {token}");
    let headers = [("Host", "localhost"), ("Authorization", bearer.as_str())];
    let answer = http::get(headcount.admin(), path, &headers);
    assert_eq!((answer.status, answer.text().lines().count()), (200, 1));
}

#[test]
fn an_export_that_cannot_be_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let export = |more: &[&'static str]| [&["export", "--from", "2026-11-24"], more].concat();
    let line = refused(dir.path(), 2, &export(&["--to", "2026-11-01"]));
    assert_eq!(line, "headcount: --from is after --to\n");
    let line = refused(dir.path(), 2, &export(&["--to", "2026-11-24", "--format", "xls"]));
    assert!(line.contains("csv, ndjson"), "{line}");
    let line = refused(dir.path(), 1, &export(&["--to", "2026-11-24", "--output", "no/such/file"]));
    assert!(line.contains("no/such/file"), "{line}");
}

#[test]
fn help_and_the_docs_describe_the_columns() {
    let dir = tempfile::tempdir().unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_headcount"))
        .args(["export", "--help"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for column in COLUMNS {
        assert!(help.contains(&format!("{} (", column.name)), "{} is not in {help}", column.name);
    }
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/stores.md")).unwrap();
    let table = columns::table();
    assert!(text.contains(&table), "docs/stores.md does not have this table:\n\n{table}");
}
