//! Upstreams that do not work, and what is known of them.

use crate::common::ports::free_address;
use crate::common::process::{Proxy, wait_for};
use crate::common::wire::{NAVIGATION, Origin, Wire, get, visit};
use crate::named;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A website that says by `/health` whether it works; its pages bear its name either way.
fn switched(name: &'static str) -> (Origin, Arc<AtomicBool>) {
    let works = Arc::new(AtomicBool::new(true));
    let switch = works.clone();
    let origin = Origin::start(move |wire, request| {
        let status = match request.target() {
            "/health?of=all" if !switch.load(Ordering::SeqCst) => "503 Service Unavailable",
            _ => "200 OK",
        };
        wire.reply(status, "", name.as_bytes());
        true
    });
    (origin, works)
}

fn up(origin: &str) -> String {
    format!("headcount_upstream_up{{upstream=\"{origin}\"}}")
}

const CHECKED: [&str; 6] =
    ["--health-path", "/health?of=all", "--health-interval", "50ms", "--health-failures", "2"];

#[test]
fn one_whose_checks_fail_is_not_used() {
    let ((a, a_works), (b, b_works)) = (switched("a"), switched("b"));
    let proxy = Proxy::start(&format!("{},{}", a.url(), b.url()), &CHECKED);
    let by = || -> String { (0..10).map(|_| get(proxy.site, "/", "").text()).collect() };
    let both = by();
    assert!(both.contains('a') && both.contains('b'), "{both}");
    wait_for("it is asked", || a.seen().iter().any(|seen| seen.target() == "/health?of=all"));
    let check = a.seen().into_iter().find(|seen| seen.target() == "/health?of=all").unwrap();
    assert_eq!(check.header("host"), Some(a.address.to_string().as_str()));

    a_works.store(false, Ordering::SeqCst);
    wait_for("it is known to be down", || proxy.metric(&up(&a.url())) == 0.0);
    assert_eq!(by(), "bbbbbbbbbb");
    assert_eq!(proxy.metric(&up(&b.url())), 1.0);

    b_works.store(false, Ordering::SeqCst);
    wait_for("both are known to be down", || proxy.metric(&up(&b.url())) == 0.0);
    let both = by();
    assert!(both.contains('a') && both.contains('b'), "better than none: {both}");

    a_works.store(true, Ordering::SeqCst);
    wait_for("it works again", || proxy.metric(&up(&a.url())) == 1.0);
    assert_eq!(by(), "aaaaaaaaaa");
    for said in ["is down: /health?of=all is answered with 503", "works again"] {
        let said = |line: &String| line.contains(&a.url()) && line.contains(said);
        assert_eq!(proxy.log().iter().filter(|line| said(line)).count(), 1, "{:?}", proxy.log());
    }
}

#[test]
fn a_website_that_is_away_has_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("maintenance.html");
    std::fs::write(&page, "<h1>Back at noon</h1>").unwrap();
    let gone = [free_address(), free_address()].map(|gone| format!("http://{gone}"));
    let flags = [&CHECKED[..], &["--maintenance-page", page.to_str().unwrap()]].concat();
    let proxy = Proxy::start(&gone.join(","), &flags);
    wait_for("they are known to be down", || {
        gone.iter().all(|gone| proxy.metric(&up(gone)) == 0.0)
    });
    for _ in 0..3 {
        let answer = visit(proxy.site, "/away");
        assert_eq!((answer.status(), answer.text().as_str()), (502, "<h1>Back at noon</h1>"));
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("retry-after"), Some("10"));
    }
    let head = Wire::connect(proxy.site).ask("HEAD", "/", NAVIGATION);
    assert_eq!((head.status(), head.body.len()), (502, 0));
    wait_for("they are errors", || {
        let errors = "breakdown?period=7d&include_today=true&property=error:page&metrics=pageviews";
        let errors = proxy.stats(errors);
        errors["results"][0]["page"] == "/away" && errors["results"][0]["pageviews"] == 3
    });
    assert_eq!(proxy.total("pageviews"), 0, "no page was one of the website's");
}

/// It is asked all the same, where there is no other.
#[test]
fn a_check_that_is_not_answered_fails() {
    let mute = Origin::start(|wire, request| {
        if request.target() == "/health?of=all" {
            wire.rest();
            return false;
        }
        wire.reply("200 OK", "", b"mute");
        true
    });
    let flags = [&CHECKED[..], &["--health-timeout", "100ms"]].concat();
    let proxy = Proxy::start(&mute.url(), &flags);
    wait_for("it is known to be down", || proxy.metric(&up(&mute.url())) == 0.0);
    let answer = visit(proxy.site, "/");
    assert_eq!((answer.status(), answer.text().as_str()), (200, "mute"));
}

/// Without checks, too, nobody waits for one that is gone.
#[test]
fn one_that_cannot_be_reached_is_not_used_for_a_while() {
    let (gone, works) = (free_address(), named("works"));
    let gone = format!("http://{gone}");
    let upstreams = format!("{gone},{}", works.url());
    let proxy = Proxy::start(&upstreams, &["--health-pause", "1h"]);
    for _ in 0..10 {
        assert_eq!(get(proxy.site, "/", "").text(), "works");
        // Nothing of it was sent, so it is not sent twice.
        assert_eq!(Wire::connect(proxy.site).post("/", "", &[b'x'; 100_000]).text(), "works");
    }
    let failures = format!("headcount_upstream_failures_total{{upstream=\"{gone}\"}}");
    assert_eq!(proxy.metric(&failures), 1.0, "one visitor finds out for all");
    let answers = format!("headcount_upstream_duration_seconds_count{{upstream=\"{gone}\"}}");
    assert_eq!(proxy.metric(&answers), 0.0);
    assert_eq!(proxy.metric("headcount_upstream_retries_total"), 1.0);
    assert_eq!((proxy.metric(&up(&gone)), proxy.metric(&up(&works.url()))), (0.0, 1.0));
    let said = |line: &&String| line.contains(&gone) && line.contains("others are used for");
    assert_eq!(proxy.log().iter().filter(said).count(), 1, "{:?}", proxy.log());
}

#[test]
fn one_that_is_back_is_used_again() {
    let (address, works) = (free_address(), named("works"));
    let upstreams = format!("http://{address},{}", works.url());
    let proxy = Proxy::start(&upstreams, &["--health-pause", "500ms"]);
    for _ in 0..3 {
        assert_eq!(get(proxy.site, "/", "").text(), "works");
    }
    let back = std::net::TcpListener::bind(address).unwrap();
    std::thread::spawn(move || {
        while let Ok((stream, _)) = back.accept() {
            let mut wire = Wire::over(stream);
            if let Ok(Some(_)) = wire.head() {
                wire.reply("200 OK", "Connection: close\r\n", b"back");
            }
        }
    });
    wait_for("it is asked again", || get(proxy.site, "/", "").text() == "back");
}

#[test]
fn all_that_failed_a_moment_ago_are_tried_all_the_same() {
    let upstreams = [free_address(), free_address()].map(|gone| format!("http://{gone}"));
    let proxy = Proxy::start(&upstreams.join(","), &["--health-pause", "1h"]);
    for _ in 0..3 {
        let asked = Instant::now();
        let answer = visit(proxy.site, "/");
        assert_eq!((answer.status(), answer.header("retry-after")), (502, Some("10")));
        assert!(asked.elapsed() < Duration::from_secs(5));
    }
    let failures = format!("headcount_upstream_failures_total{{upstream=\"{}\"}}", upstreams[0]);
    assert_eq!(proxy.metric(&failures), 3.0);
}
