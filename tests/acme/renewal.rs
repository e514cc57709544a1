//! Replaced in time: by the clock, or when the authority would like it; and of which profile.

use crate::between::Between;
use crate::common::pebble::Pebble;
use crate::common::{wait_for, while_busy};
use crate::scene::Scene;
use chrono::DateTime;
use std::sync::OnceLock;
use std::time::Duration;

const NAME: &str = "one.example";

#[test]
fn a_short_life_is_renewed_at_two_thirds_and_no_handshake_fails() {
    let mut scene = Scene::prepare(&[NAME], &[]);
    let mut pebble = Pebble::prepare(scene.http(), Duration::from_secs(45));
    pebble.start_again();
    scene.start(&pebble.directory(), &pebble.ca());
    let root = pebble.root();
    scene.served(NAME, &root);
    let first = scene.expiry(NAME);
    let visitor = || {
        || {
            let page = scene.ask(NAME, &root);
            assert_eq!(page.status, 200, "{page:?}");
            std::thread::sleep(Duration::from_millis(30));
        }
    };
    let asked = while_busy(1, visitor, || {
        let renewed = wait_for("the next one", || {
            let expiry = scene.expiry(NAME);
            (expiry != first).then_some(expiry)
        });
        // Thirty seconds after the first, fifteen before its end.
        assert!((25..45).contains(&(renewed - first)), "{} s later", renewed - first);
    });
    assert!(asked > 5);
    assert_eq!(scene.orders("issued"), 2);
    assert_eq!(scene.state()["certificates"].as_array().unwrap().len(), 1, "the first is let go");
}

#[test]
fn when_the_authority_would_like_it_and_as_what_it_replaces() {
    let mut scene = Scene::prepare(&[NAME], &["--acme-profile", "short"]);
    let pebble = Pebble::start(scene.http());
    // For the first certificate a window that is over, as after a revocation; then one to come.
    let first = OnceLock::<String>::new();
    let between = Between::start(&pebble, move |path, _| {
        let id = path.strip_prefix("/renewal/")?;
        let is_first = first.get_or_init(|| id.to_owned()) == id;
        let [start, end] = if is_first { [-20, -10] } else { [10, 20] };
        Some((200, vec![("retry-after", "21600".to_owned())], window(start, end)))
    });
    scene.start(&between.directory, &between.ca());
    scene.served(NAME, &pebble.root());
    wait_for("its window", || (!between.asked("/renewal/").is_empty()).then_some(()));
    assert!(scene.said("the authority would renew from "), "{}", scene.headcount.log());
    // Whatever it says, what was ordered just now is not ordered again at once.
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(scene.orders("issued"), 1);
    // As if an hour had gone by.
    scene.headcount.term();
    scene.change_state(|state| {
        let ordered = &mut state["certificates"][0]["ordered"];
        *ordered = (ordered.as_i64().unwrap() - 3_600_000).into();
    });
    scene.headcount.restart_on_same_ports();
    wait_for("the second", || (scene.orders("issued") == 1).then_some(()));
    let windows = wait_for("the second one's window", || {
        let windows = between.asked("/renewal/");
        (windows.last()?.path != windows[0].path).then_some(windows)
    });
    let orders = between.taken("/order-plz");
    assert_eq!(orders.len(), 2, "{orders:?}");
    assert!(orders.iter().all(|order| order.payload["profile"] == "short"), "{orders:?}");
    assert_eq!(orders[0].payload.get("replaces"), None);
    let replaced = orders[1].payload["replaces"].as_str().unwrap();
    assert_eq!(windows[0].path, format!("/renewal/{replaced}"));
    scene.served(NAME, &pebble.root());
}

#[test]
fn a_profile_that_the_authority_does_not_have_is_not_asked_for() {
    let mut scene = Scene::prepare(&[NAME], &["--acme-profile", "long"]);
    let pebble = Pebble::start(scene.http());
    let between = Between::start(&pebble, |_, _| None);
    scene.start(&between.directory, &between.ca());
    wait_for("the log to say so", || {
        scene.said("the authority has no profile long; it has: ").then_some(())
    });
    assert_eq!(between.asked("/order-plz").len(), 0);
}

/// A renewal window, days from now.
fn window(start: i64, end: i64) -> String {
    let now = ::headcount::clock::Clock::system().now();
    let day = |days: i64| {
        let at = DateTime::from_timestamp_millis(now + days * 86_400_000).unwrap();
        at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    };
    serde_json::json!({ "suggestedWindow": { "start": day(start), "end": day(end) } }).to_string()
}
