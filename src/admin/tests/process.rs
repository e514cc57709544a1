//! The process itself: its metrics, what happens now, and its end.

use super::port::Port;
use crate::admin::Auth;
use crate::aggregate::Happened;
use crate::telemetry::DropReason;
use reqwest::StatusCode;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

#[tokio::test]
async fn metrics_are_what_was_counted_in_prometheus_own_format() {
    let port = Port::local().await;
    let t = &port.telemetry;
    t.pageviews.add(41);
    t.beacons.add(5);
    t.flushes.add(2);
    t.unflushed.store(7, Relaxed);
    t.dropped(DropReason::Malformed).add(3);
    (0..4).for_each(|_| t.answered(304));
    let response = port.request("/metrics").send().await.unwrap();
    let media_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(media_type.starts_with("application/openmetrics-text"), "{media_type}");
    let body = response.text().await.unwrap();
    for line in [
        "headcount_pageviews_total 41",
        "headcount_beacons_total 5",
        "headcount_flushes_total 2",
        "headcount_store_commands_total 0",
        "headcount_unflushed_events 7",
        "headcount_events_dropped_total{reason=\"malformed\"} 3",
        "headcount_events_dropped_total{reason=\"panic\"} 0",
        "headcount_requests_total{code=\"304\"} 4",
        "# TYPE headcount_pageviews counter",
        "# TYPE headcount_unflushed_events gauge",
    ] {
        assert!(body.lines().any(|l| l == line), "no {line} in\n{body}");
    }
    // Every line is a comment, or a name with labels and a number.
    let sample = regex::Regex::new(r#"^headcount_[a-z_]+(\{[a-z]+="[^"]*"\})? -?[0-9]+$"#).unwrap();
    for line in body.lines() {
        let comment =
            ["# HELP headcount_", "# TYPE headcount_"].iter().any(|c| line.starts_with(c));
        assert!(comment || sample.is_match(line) || line == "# EOF", "{line}");
    }
    assert_eq!(body.lines().last(), Some("# EOF"));
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
            StatusCode::OK => open.push(response),
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
