//! An authority that is away, talks nonsense, sets limits or forgets; a name that fails; a kill in
//! the midst of an order.

use crate::between::Between;
use crate::common::pebble::{FORBIDDEN, Pebble};
use crate::common::wait_for;
use crate::scene::Scene;
use serde_json::{Value, json};
use std::time::Duration;

const ONE: &str = "one.example";
const TWO: &str = "two.example";
const LOST: &str = "lost.example";

#[test]
fn a_name_that_fails_keeps_no_other_from_a_certificate_and_is_tried_later() {
    let mut scene = Scene::prepare(&[ONE, LOST, TWO], &[]);
    let pebble = Pebble::start(scene.http());
    pebble.lead(LOST, false);
    let between = Between::start(&pebble, |_, _| None);
    scene.start(&between.directory, &between.ca());
    for name in [ONE, TWO] {
        scene.served(name, &pebble.root());
    }
    assert_eq!((scene.orders("issued"), scene.orders("rejected")), (1, 1));
    let why = format!("no certificate for {LOST}, tried again at ");
    assert!(scene.said(&why) && scene.said("127.0.0.2"), "{}", scene.headcount.log());
    let missing = scene.ask(LOST, &pebble.root());
    assert!(missing.error.contains("subject name"), "{missing:?}");

    // Neither now nor after a restart is it tried at once.
    pebble.lead(LOST, true);
    let orders = between.asked("/order-plz").len();
    scene.headcount.term();
    scene.headcount.restart_on_same_ports();
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(between.asked("/order-plz").len(), orders);
    // As if a quarter of an hour had gone by.
    scene.headcount.term();
    scene.change_state(|state| {
        let failing = &mut state["failing"][LOST];
        for moment in ["at", "until"] {
            failing[moment] = json!(failing[moment].as_i64().unwrap() - 16 * 60_000);
        }
    });
    scene.headcount.restart_on_same_ports();
    scene.served(LOST, &pebble.root());
    let last = between.taken("/order-plz").pop().unwrap();
    let names: Vec<&str> = last.payload["identifiers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name["value"].as_str().unwrap())
        .collect();
    assert_eq!(names, [LOST], "the others have theirs");
    scene.served(ONE, &pebble.root());
}

#[test]
fn a_name_that_is_refused_is_found_among_the_others() {
    let names = [ONE, FORBIDDEN, TWO, "www.one.example", "www.two.example"];
    let mut scene = Scene::prepare(&names, &[]);
    let pebble = Pebble::start(scene.http());
    scene.start(&pebble.directory(), &pebble.ca());
    for name in names.into_iter().filter(|name| *name != FORBIDDEN) {
        scene.served(name, &pebble.root());
    }
    wait_for("the log to say which", || {
        scene.said(&format!("no certificate for {FORBIDDEN}, tried again at ")).then_some(())
    });
    let state = scene.state();
    let failing: Vec<&String> = state["failing"].as_object().unwrap().keys().collect();
    assert_eq!(failing, [FORBIDDEN]);
    let told = scene.orders("rejected");
    assert!(told <= 4, "{told} orders were refused until it was found");
}

#[test]
fn a_limit_is_respected() {
    let mut scene = Scene::prepare(&[ONE], &[]);
    let pebble = Pebble::start(scene.http());
    let between = Between::start(&pebble, |path, before| {
        let problem = json!({
            "type": "urn:ietf:params:acme:error:rateLimited",
            "detail": "too many certificates\nalready",
            "status": 429,
        });
        let fields = vec![("retry-after", "12".to_owned()), ("replay-nonce", "none".to_owned())];
        (path == "/order-plz" && before == 0).then(|| (429, fields, problem.to_string()))
    });
    scene.start(&between.directory, &between.ca());
    wait_for("the log to say so", || scene.said("nothing is ordered before ").then_some(()));
    assert!(scene.said("too many certificates already (rateLimited)"), "{}", scene.headcount.log());
    scene.served(ONE, &pebble.root());
    let asked = between.asked("");
    let limited = asked.iter().position(|asked| asked.path == "/order-plz").unwrap();
    let pause = asked[limited + 1].at - asked[limited].at;
    assert!(pause >= Duration::from_secs(12), "asked for anything after {pause:?}");
    assert_eq!((scene.orders("limited"), scene.orders("issued")), (1, 1));
}

#[test]
fn nonsense_is_survived_and_never_asked_for_in_a_hurry() {
    let mut scene = Scene::prepare(&[ONE], &[]);
    let pebble = Pebble::start(scene.http());
    let between = Between::start(&pebble, |path, before| match (path, before) {
        ("/dir", 0) => Some((500, Vec::new(), "<h1>Oh no</h1>".to_owned())),
        ("/dir", 1) => Some((200, Vec::new(), "{\"newNonce\":".to_owned())),
        ("/sign-me-up", 0) => Some((201, Vec::new(), "{}".to_owned())),
        _ => None,
    });
    scene.start(&between.directory, &between.ca());
    scene.served(ONE, &pebble.root());
    for line in ["the answer was 500", "failed to (de)serialize JSON", "failed to get account URL"]
    {
        assert!(scene.said(line), "{line}: {}", scene.headcount.log());
    }
    let asked: Vec<_> = between.asked("/dir").iter().map(|asked| asked.at).collect();
    let pauses: Vec<u64> =
        asked.windows(2).map(|two| (two[1] - two[0]).as_secs()).take(3).collect();
    assert!(pauses[0] >= 5 && pauses[1] >= 10 && pauses[2] >= 20, "{pauses:?}");
}

#[test]
fn a_kill_in_the_midst_of_an_order_costs_nothing_but_that_order() {
    let mut scene = Scene::prepare(&[ONE, TWO], &[]);
    let pebble = Pebble::start(scene.http());
    let between = Between::start(&pebble, |_, _| None);
    between.hold(Some("/finalize-order/"));
    scene.start(&between.directory, &between.ca());
    wait_for("the order to be in its midst", || {
        (!between.asked("/finalize-order/").is_empty()).then_some(())
    });
    scene.headcount.kill();
    between.hold(None);
    scene.headcount.restart_on_same_ports();
    scene.served(TWO, &pebble.root());
    assert_eq!(between.taken("/sign-me-up").len(), 1, "the account was kept");
    assert_eq!(between.taken("/order-plz").len(), 2);
}

#[test]
fn a_process_that_takes_over_in_the_midst_of_an_order_makes_its_own() {
    let mut scene = Scene::prepare(&[ONE, TWO], &[]);
    let pebble = Pebble::start(scene.http());
    let between = Between::start(&pebble, |_, _| None);
    between.hold(Some("/finalize-order/"));
    scene.start(&between.directory, &between.ca());
    wait_for("the order to be in its midst", || {
        (!between.asked("/finalize-order/").is_empty()).then_some(())
    });
    scene.headcount.upgrade();
    between.hold(None);
    scene.served(TWO, &pebble.root());
    assert_eq!(scene.orders("issued"), 1);
    assert_eq!(between.taken("/sign-me-up").len(), 1);
    scene.headcount.upgrade();
    assert_eq!(scene.ask(ONE, &pebble.root()).status, 200);
    assert_eq!(between.taken("/order-plz").len(), 2);
}

#[test]
fn an_authority_that_has_forgotten_the_account_gets_another() {
    let mut scene = Scene::prepare(&[ONE], &[]);
    let mut pebble = Pebble::start(scene.http());
    scene.start(&pebble.directory(), &pebble.ca());
    scene.served(ONE, &pebble.root());
    pebble.start_again();
    scene.headcount.term();
    scene.headcount.set("--hosts", &[ONE, TWO].join(","));
    scene.headcount.restart_on_same_ports();
    scene.served(TWO, &pebble.root());
    assert!(scene.said("the authority does not know the account"), "{}", scene.headcount.log());
}

#[test]
fn what_is_kept_may_be_damaged_or_made_up() {
    let mut scene = Scene::prepare(&[ONE], &[]);
    let pebble = Pebble::start(scene.http());
    scene.start(&pebble.directory(), &pebble.ca());
    scene.served(ONE, &pebble.root());
    let good = scene.state();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut state = good.clone();
        change(&mut state);
        state.to_string()
    };
    let failing = |at: i64| json!({ ONE: { "times": 1, "at": at, "until": at, "why": "" } });
    let damaged = [
        String::new(),
        "null".to_owned(),
        good.to_string()[..300].to_owned(),
        "\u{0}".repeat(100_000),
        "[".repeat(100_000),
        changed(&|state| state["version"] = u64::MAX.into()),
        changed(&|state| state["failing"] = failing(i64::MAX)),
        changed(&|state| state["limited"] = json!({ "until": i64::MAX, "why": "" })),
    ];
    for (nth, text) in damaged.iter().enumerate() {
        scene.headcount.term();
        std::fs::write(scene.state_file(), text).unwrap();
        scene.headcount.restart_on_same_ports();
        scene.served(ONE, &pebble.root());
        let log = scene.headcount.log();
        assert_eq!(log.matches("state.json: ").count(), nth + 1, "{log}");
        assert_eq!(
            log.matches("state.damaged: account and certificates").count(),
            nth + 1,
            "{log}"
        );
        assert_eq!(scene.orders("issued"), 1, "{text:.40}");
    }
    // What is whole but for one part needs only that part anew.
    for change in [
        &(|state: &mut Value| state["account"]["credentials"] = 7.into()) as &dyn Fn(&mut Value),
        &|state: &mut Value| state["certificates"][0]["chain"] = "no PEM".into(),
        &|state: &mut Value| state["certificates"][0]["key"] = "no PEM".into(),
    ] {
        scene.headcount.term();
        scene.change_state(|state| {
            change(state);
            state["certificates"][0]["ordered"] = 0.into();
            state["certificates"][0]["from"] = 0.into();
            state["certificates"][0]["until"] = 1.into();
        });
        scene.headcount.restart_on_same_ports();
        wait_for("another", || (scene.orders("issued") == 1).then_some(()));
        scene.served(ONE, &pebble.root());
    }
}
