//! The process itself: its metrics, what happens now, and its end.

use super::port::Port;
use crate::admin::Auth;
use crate::aggregate::Happened;
use crate::telemetry::DropReason;
use reqwest::StatusCode;
use serde_json::{Value, json};
use socket2::SockRef;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

#[tokio::test]
async fn metrics_are_what_was_counted_in_prometheus_own_format() {
    let port = Port::local().await;
    let t = &port.telemetry;
    t.pageviews.add(41);
    t.beacons.add(5);
    t.flushes.add(2);
    t.unflushed.store(7, Relaxed);
    t.flushed(false, port.clock.now() - 90_500);
    t.dropped(DropReason::Malformed).add(3);
    (0..4).for_each(|_| t.answered(304));
    for millis in [1, 2, 2, 40_000] {
        t.times.observe(Duration::from_millis(millis));
    }
    let upstream = t.upstream("127.0.0.1:3000");
    upstream.times.observe(Duration::from_millis(7));
    t.flush_times.observe(Duration::from_millis(300));
    let scrape = async |accept: &str| {
        let response = port.request("/metrics").header("accept", accept).send().await.unwrap();
        let media_type = response.headers()["content-type"].to_str().unwrap().to_owned();
        (media_type, response.text().await.unwrap())
    };
    let samples = [
        "headcount_pageviews_total 41",
        "headcount_beacons_total 5",
        "headcount_flushes_total 2",
        "headcount_store_commands_total 0",
        "headcount_unflushed_events 7",
        "headcount_store_behind_seconds 90.5",
        "headcount_events_dropped_total{reason=\"malformed\"} 3",
        "headcount_events_dropped_total{reason=\"panic\"} 0",
        "headcount_requests_total{code=\"304\"} 4",
        "headcount_request_duration_seconds_bucket{le=\"0.001\"} 1",
        "headcount_request_duration_seconds_bucket{le=\"0.0025\"} 3",
        "headcount_request_duration_seconds_bucket{le=\"30.0\"} 3",
        "headcount_request_duration_seconds_bucket{le=\"+Inf\"} 4",
        "headcount_request_duration_seconds_sum 40.005",
        "headcount_request_duration_seconds_count 4",
        "headcount_upstream_duration_seconds_bucket{le=\"0.005\",upstream=\"127.0.0.1:3000\"} 0",
        "headcount_upstream_duration_seconds_bucket{le=\"0.01\",upstream=\"127.0.0.1:3000\"} 1",
        "headcount_upstream_duration_seconds_sum{upstream=\"127.0.0.1:3000\"} 0.007",
        "headcount_flush_duration_seconds_bucket{le=\"0.25\"} 0",
        "headcount_flush_duration_seconds_bucket{le=\"0.5\"} 1",
        concat!("headcount_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
        "# TYPE headcount_unflushed_events gauge",
        "# TYPE headcount_request_duration_seconds histogram",
        "# TYPE process_resident_memory_bytes gauge",
    ];
    // Every line is a comment, or a name with labels and a number.
    let sample = regex::Regex::new(
        r#"^(headcount|process)_[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")?\})? -?[0-9.]+$"#,
    )
    .unwrap();
    let check = |body: &str| {
        for line in samples {
            assert!(body.lines().any(|l| l == line), "no {line} in\n{body}");
        }
        for line in body.lines().filter(|line| *line != "# EOF") {
            let comment = line.starts_with("# HELP ") || line.starts_with("# TYPE ");
            assert!(comment || sample.is_match(line), "{line}");
        }
        let cpu = body.lines().find_map(|line| line.strip_prefix("process_cpu_seconds_total "));
        assert!(cpu.unwrap().parse::<f64>().unwrap() >= 0.0);
    };
    // As Prometheus asks, and as a scraper of the older format, curl or a browser does.
    let prometheus =
        "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1";
    for accept in [prometheus, "application/openmetrics-text"] {
        let (media_type, body) = scrape(accept).await;
        assert!(media_type.starts_with("application/openmetrics-text"), "{accept}: {media_type}");
        check(&body);
        assert!(body.contains("# TYPE headcount_pageviews counter\n"));
        assert!(body.ends_with("# EOF\n"));
    }
    for accept in [
        "*/*",
        "text/plain;version=0.0.4",
        "text/html",
        "application/openmetrics-text;q=0",
        "application/openmetrics-text;q=0.2, text/plain",
    ] {
        let (media_type, body) = scrape(accept).await;
        assert_eq!(media_type, "text/plain; version=0.0.4; charset=utf-8", "{accept}");
        check(&body);
        assert!(body.contains("# TYPE headcount_pageviews_total counter\n"));
        assert!(body.contains("# HELP headcount_pageviews_total Pageviews counted"));
        assert!(!body.contains("# EOF"));
        promtool(&body);
    }
    t.flushed(true, port.clock.now());
    let (_, body) = scrape("*/*").await;
    assert!(body.contains("\nheadcount_store_behind_seconds 0.0\n"), "{body}");
}

/// Prometheus' own judge: names, types, help.
fn promtool(metrics: &str) {
    let mut child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is not installed: `make test` installs it");
    child.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success() && said.is_empty(), "{said}\n{metrics}");
}

const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/conf/prometheus-rules.yml");

#[tokio::test]
async fn the_alert_rules_are_about_metrics_there_are() {
    check_rules(Path::new(RULES)).await;
}

#[test]
fn each_alert_is_raised_when_it_is_due() {
    const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/admin/tests/alerts.yml");
    let judged = Command::new("promtool").args(["test", "rules", CASES]).output();
    let judged = judged.expect("promtool is not installed: `make test` installs it");
    let said = String::from_utf8([judged.stdout, judged.stderr].concat()).unwrap();
    assert!(judged.status.success() && said.contains("SUCCESS"), "{said}");
    let [rules, cases] = [RULES, CASES].map(|file| std::fs::read_to_string(file).unwrap());
    let alerts: Vec<_> = rules.split("- alert: ").skip(1).map(|rule| rule.lines().next()).collect();
    assert!(alerts.len() >= 10, "{alerts:?}");
    for alert in alerts.into_iter().flatten() {
        let raised = format!("- alertname: {alert}\n");
        assert!(cases.contains(&raised), "{alert} is never raised");
    }
}

/// Each question of the dashboard for Grafana, as a rule that Prometheus can judge.
#[tokio::test]
async fn grafanas_dashboard_asks_for_metrics_there_are() {
    const DASHBOARD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/conf/grafana-dashboard.json");
    let dashboard = std::fs::read_to_string(DASHBOARD).unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let targets = dashboard["panels"].as_array().unwrap().iter().flat_map(|panel| {
        panel["targets"].as_array().into_iter().flatten().map(|target| &target["expr"])
    });
    let rules: Vec<Value> = (targets.enumerate())
        .map(|(n, expr)| {
            let expr = expr.as_str().unwrap().replace("$__rate_interval", "5m");
            json!({ "record": format!("question:{n}"), "expr": expr })
        })
        .collect();
    assert!(rules.len() >= 20, "{}", rules.len());
    let file = tempfile::NamedTempFile::new().unwrap();
    let rules = json!({ "groups": [{ "name": "dashboard", "rules": rules }] });
    // JSON is YAML.
    std::fs::write(file.path(), rules.to_string()).unwrap();
    check_rules(file.path()).await;
}

/// Prometheus takes the rules, and all they ask for is told.
async fn check_rules(file: &Path) {
    let judged = Command::new("promtool").args(["check", "rules"]).arg(file).output();
    let judged = judged.expect("promtool is not installed: `make test` installs it");
    assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stderr));
    let (_, metrics) = Port::local().await.get("/metrics").await;
    let rules = std::fs::read_to_string(file).unwrap();
    let name = regex::Regex::new(r"\b(headcount|process)_[a-z_]+").unwrap();
    for name in name.find_iter(&rules) {
        let (name, of) = (name.as_str(), name.as_str().strip_suffix("_bucket"));
        let told = [Some(name), of].into_iter().flatten().map(|name| format!("# TYPE {name} "));
        assert!(told.into_iter().any(|told| metrics.contains(&told)), "no {name}");
    }
}

#[tokio::test]
async fn what_happens_is_streamed_until_the_end() {
    let port = Port::open(Auth::new(None, &[]).unwrap(), &["a.example", "b.example"]).await;
    let mut response = port.request("/api/live?site_id=a.example").send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut next = async || {
        let bytes = response.chunk().await.unwrap()?;
        Some(String::from_utf8(bytes.to_vec()).unwrap())
    };
    assert_eq!(next().await.as_deref(), Some("event: visitors\ndata: 3\n\n"));
    port.happens(1, r#"{"page":"/of-another-site"}"#);
    port.happens(0, r#"{"page":"/"}"#);
    assert_eq!(next().await.as_deref(), Some("data: {\"page\":\"/\"}\n\n"));
    let refused = port.request("/api/live?site_id=a.example&period=day").send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    let line = refused.text().await.unwrap();
    assert!(line.contains("period") && !line.contains('\n'), "{line}");
    // A stream that would never end does not keep the process from ending.
    port.stop.send(()).unwrap();
    assert_eq!(next().await, None);
    port.served.await.unwrap().unwrap();
}

#[tokio::test]
async fn streams_are_bounded_and_share_what_is_written() {
    let port = Port::local().await;
    let mut open = Vec::new();
    let refused = loop {
        let response = port.request("/api/live").send().await.unwrap();
        match response.status() {
            StatusCode::OK => {
                open.push(response);
                assert!(open.len() <= 100, "they are not bounded");
            }
            _ => break response,
        }
    };
    assert_eq!((open.len(), refused.status()), (100, StatusCode::SERVICE_UNAVAILABLE));
    assert!(refused.headers().contains_key("retry-after"));
    assert!(refused.text().await.unwrap().contains("100 live streams"));

    // What happens is written once for all of them.
    let written = Arc::new(AtomicUsize::new(0));
    let count = written.clone();
    let write = move || format!("{{\"n\":{}}}", count.fetch_add(1, Relaxed));
    port.live.happened.send(Happened::new(0, write)).unwrap();
    for response in &mut open {
        let mut read = String::new();
        while !read.ends_with("data: {\"n\":0}\n\n") {
            read += str::from_utf8(&response.chunk().await.unwrap().unwrap()).unwrap();
        }
    }
    assert_eq!(written.load(Relaxed), 1);

    // Whoever leaves makes room.
    open.clear();
    let deadline = Instant::now() + Duration::from_secs(20);
    while port.request("/api/live").send().await.unwrap().status() != StatusCode::OK {
        assert!(Instant::now() < deadline, "no room again");
    }
}

#[tokio::test]
async fn a_stream_that_nobody_reads_is_dropped() {
    let port = Port::local().await;
    let mut unread = TcpStream::connect(port.address).await.unwrap();
    SockRef::from(&unread).set_recv_buffer_size(4_096).unwrap();
    unread.write_all(b"GET /api/live HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let readers = || port.live.happened.receiver_count();
    while readers() == 0 {
        assert!(Instant::now() < deadline, "no stream");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    while readers() > 0 {
        assert!(Instant::now() < deadline, "it is still there");
        let _ = port.live.happened.send(Happened::new(0, || "x".repeat(100_000)));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
