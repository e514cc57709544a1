//! How requests are shared out among upstreams.

use crate::common::ports::free_address;
use crate::common::process::{Proxy, command, refused, wait_for};
use crate::common::wire::{Origin, get, visit};
use crate::named;
use nix::sys::signal::Signal;
use std::sync::{Arc, Condvar, Mutex};

#[test]
fn requests_are_shared_by_weight() {
    let [a, b, c] = [named("a"), named("b"), named("c")];
    // As a flag has a list.
    let upstreams = format!("{} weight=2, {}, {}", a.url(), b.url(), c.url());
    let proxy = Proxy::start(&upstreams, &[]);
    for _ in 0..40 {
        assert_eq!(visit(proxy.site, "/").status(), 200);
    }
    assert_eq!([&a, &b, &c].map(|origin| origin.seen().len()), [20, 10, 10]);
    for (origin, count) in [(&a, 20.0), (&b, 10.0)] {
        let sample = |name| format!("headcount_upstream_{name}{{upstream=\"{}\"}}", origin.url());
        assert_eq!(proxy.metric(&sample("requests_total")), count);
        assert_eq!(proxy.metric(&sample("duration_seconds_count")), count);
        assert_eq!(proxy.metric(&sample("failures_total")), 0.0);
        assert_eq!(proxy.metric(&sample("up")), 1.0);
    }
    wait_for("they are counted", || proxy.total("pageviews") == 40);
    wait_for("it is told how long that took", || {
        proxy.metric("headcount_flush_duration_seconds_count") >= 1.0
    });
}

#[test]
fn a_path_always_goes_to_the_same_one() {
    let [a, b, c] = [named("a"), named("b"), named("c")];
    let urls = [&a, &b, &c].map(Origin::url);
    let flags = ["--balance-method", "path_hash"];
    let paths: Vec<String> = (0..30).map(|n| format!("/page/{n}?n={n}")).collect();
    let ask = |proxy: &Proxy| -> Vec<String> {
        paths.iter().map(|path| get(proxy.site, path, "").text()).collect()
    };
    let proxy = Proxy::start(&urls.join(","), &flags);
    let first = ask(&proxy);
    assert_eq!(first, ask(&proxy));
    let used = ["a", "b", "c"].map(|name| first.iter().filter(|by| *by == name).count());
    assert!(used.iter().all(|count| *count > 2), "{used:?}");
    // Another node, whose settings name them in another order.
    let reversed: Vec<String> = urls.iter().rev().cloned().collect();
    assert_eq!(first, ask(&Proxy::start(&reversed.join(","), &flags)));
    assert_eq!(get(proxy.site, "/page/0?other", "").text(), first[0], "whatever the query is");
}

#[test]
fn who_has_least_to_do_is_asked() {
    let stop = Arc::new((Mutex::new(true), Condvar::new()));
    let held = stop.clone();
    let busy = Origin::start(move |wire, _| {
        let (stopped, changed) = &*held;
        drop(changed.wait_while(stopped.lock().unwrap(), |stopped| *stopped).unwrap());
        wire.reply("200 OK", "", b"busy");
        true
    });
    let idle = named("idle");
    let upstreams = format!("{},{}", busy.url(), idle.url());
    let proxy = Proxy::start(&upstreams, &["--balance-method", "least_connections"]);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| get(proxy.site, "/", "").text());
        // With nobody busy, the first is the first's.
        wait_for("it has something to do", || busy.seen().len() == 1);
        let before = idle.seen().len();
        let in_flight = |origin: &Origin| {
            let name = "headcount_upstream_requests_in_flight";
            proxy.metric(&format!("{name}{{upstream=\"{}\"}}", origin.url()))
        };
        assert_eq!(in_flight(&busy), 1.0);
        for _ in 0..5 {
            // An answer is there a moment before its request is over.
            wait_for("the one before is over", || in_flight(&idle) == 0.0);
            assert_eq!(get(proxy.site, "/", "").text(), "idle");
        }
        assert_eq!(idle.seen().len(), before + 5);
        *stop.0.lock().unwrap() = false;
        stop.1.notify_all();
        first.join().unwrap();
    });
}

/// The settings are read again at SIGHUP; a mistake among them changes nothing.
#[test]
fn upstreams_are_taken_up_while_it_runs() {
    let [a, b] = [named("a"), named("b")];
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("site.toml");
    // One is written without brackets, as ever.
    std::fs::write(&file, format!("upstream = '{}'", a.url())).unwrap();
    let proxy = Proxy::start("", &["--config", file.to_str().unwrap()]);
    let reload = |settings: &str, said: &str| {
        std::fs::write(&file, settings).unwrap();
        let times = || proxy.log().iter().filter(|line| line.contains(said)).count();
        let before = times();
        proxy.signal(Signal::SIGHUP);
        wait_for("the settings are read again", || times() > before);
    };
    assert_eq!(get(proxy.site, "/", "").text(), "a");
    reload(&format!("upstream = ['{}', '{}']", a.url(), b.url()), "; changed: upstream");
    let mut both: Vec<String> = (0..2).map(|_| get(proxy.site, "/", "").text()).collect();
    both.sort();
    assert_eq!(both, ["a", "b"]);
    reload("upstream = ['http://a', 'b']", "and not taken");
    reload("upstream = 'http://a'\nmaintenance_page = '/nowhere'", "and not taken");
    let mut both: Vec<String> = (0..2).map(|_| get(proxy.site, "/", "").text()).collect();
    both.sort();
    assert_eq!(both, ["a", "b"]);
    reload(&format!("upstream = '{}'", b.url()), "; changed: upstream");
    assert!((0..4).all(|_| get(proxy.site, "/", "").text() == "b"));
    let up = format!("headcount_upstream_up{{upstream=\"{}\"}}", a.url());
    assert_eq!(proxy.metric(&up), 0.0, "it is not listed any more");
}

#[test]
fn what_is_wrong_with_a_list_is_said_in_a_line() {
    let own = free_address();
    for (upstreams, said) in [
        ("http://127.0.0.1:1, http://127.0.0.1:1 weight=2".to_owned(), "twice"),
        ("http://127.0.0.1:1,ftp://127.0.0.1:2".to_owned(), "\"ftp://127.0.0.1:2\" has a scheme"),
        ("http://127.0.0.1:1 heavy".to_owned(), "weight=2"),
        (format!("http://127.0.0.1:1,http://{own}"), "itself listens"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (code, lines) = refused(command(&dir, &upstreams, own, free_address(), &[]));
        assert_eq!(code, Some(2), "{upstreams}: {lines:?}");
        let [line] = &lines[..] else { panic!("{lines:?}") };
        assert!(line.contains("upstream") && line.contains(said), "{line}");
    }
}
