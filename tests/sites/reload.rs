//! What of sites is taken up while the program runs, and what by a hand-over.

use super::common::busy::{Busy, Way};
use super::common::followed::Followed;
use super::common::headcount::Headcount;
use super::common::http::{self, FIREFOX, NAVIGATION};
use super::common::wait_for;
use super::stage::{BLOG, DOCS, Origins, SHOP, Stage, zones};
use ::headcount::clock::Clock;
use ::headcount::model::site::Site;
use nix::sys::signal::Signal;
use serde_json::Value;

/// Has the settings read again, and gives the line that this leaves.
fn reload(stage: &Stage) -> String {
    let node = &stage.nodes[0];
    let lines = || -> Vec<String> {
        let log = node.log();
        log.lines().filter(|l| l.contains("settings read again")).map(str::to_owned).collect()
    };
    let before = lines().len();
    node.signal(Signal::SIGHUP);
    wait_for("a line about it", || lines().into_iter().nth(before))
}

fn page_of(stage: &Stage, host: &str) -> (u16, String) {
    let mut headers = vec![("Host", host), ("User-Agent", FIREFOX)];
    headers.extend(NAVIGATION);
    let answer = http::get(stage.nodes[0].site(), "/", &headers);
    (answer.status, answer.text())
}

#[test]
fn a_new_site_is_taken_up_by_a_hand_over_and_an_upstream_at_once() {
    let mut stage = Stage::start(None, 1, "");
    let file = stage.nodes[0].dir.path().join("sites.toml");
    let settings = std::fs::read_to_string(&file).unwrap();
    for n in 0..3 {
        stage.view(&BLOG, n, "/before");
        stage.view(&SHOP, n, "/before");
    }
    let [_, shop, docs] = &stage.origins.urls[..] else { panic!("three websites") };
    // The shop moves, and changes its zone; a fourth site comes.
    let moved = settings.replace(shop, docs).replace("keep_query = ['id']", "keep_query = []");
    let more = format!(
        "{moved}[[sites]]\nname = 'fourth'\nhosts = ['fourth.example']\nupstream = '{shop}'\n"
    );
    std::fs::write(&file, &more).unwrap();
    let line = reload(&stage);
    assert!(line.contains("changed: sites[2] (shop): upstream"), "{line}");
    assert!(line.contains("or a restart: sites, sites[2] (shop): keep_query"), "{line}");
    let (status, page) = page_of(&stage, SHOP.host);
    assert!(status == 200 && page.contains("<title>docs</title>"), "{page}");
    assert_eq!(page_of(&stage, "fourth.example").0, 421);
    // Once more: only what is still another than at the start is named.
    let line = reload(&stage);
    assert!(!line.contains("changed:") && line.contains("restart: sites,"), "{line}");
    // A mistake changes nothing.
    std::fs::write(&file, moved.replace("hosts = ['shop.blog.example']", "hosts = []") + "x = 1")
        .unwrap();
    let line = reload(&stage);
    assert!(
        line.contains("not taken: ") && line.contains("sites[3] (docs): unknown key x"),
        "{line}"
    );

    std::fs::write(&file, &more).unwrap();
    stage.nodes[0].upgrade();
    let (status, page) = page_of(&stage, "fourth.example");
    assert!(status == 200 && page.contains("<title>shop</title>"), "{page}");
    stage.view(&BLOG, 0, "/after");
    stage.view(&DOCS, 0, "/after");
    wait_for("the fourth site's view", || (stage.total("fourth", "pageviews") == 1).then_some(()));
    // The page of the moved shop was looked at by another visitor.
    wait_for("the shop's views", || (stage.total(SHOP.name, "pageviews") == 4).then_some(()));
    wait_for("the blog's views", || (stage.total(BLOG.name, "pageviews") == 4).then_some(()));
    assert_eq!(stage.total(BLOG.name, "visits"), 3, "the visit goes on");
    wait_for("the docs' view", || (stage.total(DOCS.name, "pageviews") == 1).then_some(()));
}

/// Two time zones in which it is the same day, and will be for a while.
fn zones_of_one_day() -> [&'static str; 2] {
    let zones = zones();
    let day = |zone: &str| {
        let site = Site { timezone: zone.parse().unwrap(), ..Site::default() };
        site.day(Clock::system().now())
    };
    let pairs = zones.iter().flat_map(|one| zones.iter().map(move |other| [*one, *other]));
    let mut pairs = pairs.filter(|[one, other]| one != other && day(one) == day(other));
    pairs.next().expect("of three zones two have the same day")
}

#[test]
fn where_systemd_follows_all_of_sites_is_taken_up_and_no_busy_visitor_notices() {
    let [zone, other_zone] = zones_of_one_day();
    let origins = Origins::start(&["one", "two", "three", "four"]);
    // By a flag, which overrules the file's: the helper's own zone may be a day ahead of the other.
    let mut headcount = Headcount::prepare("http://127.0.0.1:9", &["--timezone", zone]);
    let site = |nth: usize, name: &str, hosts: &str, more: &str| {
        let upstream = &origins.urls[nth];
        format!("[[sites]]\nname = '{name}'\nhosts = {hosts}\nupstream = '{upstream}'\n{more}\n")
    };
    let all = |sites: &[String]| {
        let always = "flush_interval = '100ms'\ntrusted_proxies = ['127.0.0.1']\n";
        [always, &sites.concat()].concat()
    };
    let moving = "moving.example";
    let before = [
        site(0, "one", "['one.example', 'moving.example']", ""),
        site(1, "two", "['two.example']", ""),
        site(2, "three", "['three.example']", ""),
    ];
    headcount.list_sites(&all(&before));
    let file = headcount.dir.path().join("sites.toml");
    let mut followed = Followed::start(&mut headcount);
    let first = followed.main();
    let way = Way::Plain(headcount.site());
    let busy = Busy::enter(&[way.clone(), way], &["one.example", moving, "two.example"]);
    busy.more(300);

    // One site in the place of a list has another folder.
    std::fs::write(&file, all(&["site = 'alone'\n".to_owned()])).unwrap();
    assert_eq!(followed.reload(Signal::SIGHUP), first);
    assert!(headcount.log().contains("; kept until a restart: "), "{}", headcount.log());

    // Of two other zone, goal and script; a host that moves; a new site; one that goes.
    let new = "timezone = 'ZONE'\ngoals = ['Page = page /page/1']\nkeep_query = ['id']\n\
               [sites.script]\npath = '/t.js'\n"
        .replace("ZONE", other_zone);
    let after = [
        site(1, "two", "['two.example', 'moving.example']", &new),
        site(0, "one", "['one.example']", "[sites.exclude]\npages = ['/office']"),
        site(3, "four", "['four.example']", ""),
    ];
    std::fs::write(&file, all(&after)).unwrap();
    let second = followed.reload(Signal::SIGHUP);
    assert_ne!(second, first);
    headcount.ended();
    let log = headcount.log();
    let line = log.lines().find(|line| line.contains("handing over for: sites")).expect(&log);
    for name in ["(one): hosts", "(two): hosts", "(two): goals", "(two): timezone"] {
        assert!(line.contains(name), "{line}");
    }
    busy.visit(&["one.example", moving, "two.example", "four.example"]);
    busy.more(300);
    let host = [("Host", "three.example"), ("User-Agent", FIREFOX)];
    assert_eq!(http::get(headcount.site(), "/", &host).status, 421);
    // Excluded by now.
    let mut navigation = vec![("Host", "one.example"), ("User-Agent", FIREFOX)];
    navigation.extend(NAVIGATION);
    assert_eq!(http::get(headcount.site(), "/office", &navigation).status, 200);
    let script = http::get(headcount.site(), "/t.js", &[("Host", moving)]);
    assert!(script.status == 200 && script.text().contains("/api/track"), "{}", script.text());
    // Comes back, with what was counted of it.
    let back = [&after[..], &[site(2, "three", "['three.example']", "")]].concat();
    std::fs::write(&file, all(&back)).unwrap();
    assert_ne!(followed.reload(Signal::SIGHUP), second);
    busy.visit(&["one.example", moving, "three.example", "four.example"]);
    busy.more(300);

    let (ledger, slowest) = busy.leave();
    println!("the slowest waited {slowest:?}");
    wait_for("all to be flushed", || {
        (headcount.metric("headcount_unflushed_events") == 0).then_some(())
    });
    let ask = |site: &str, question: &str| {
        let question = format!("/api/v1/stats/{question}&period=day&site_id={site}");
        let answer = headcount.admin_get(&question);
        assert_eq!(answer.status, 200, "{question}: {}", answer.text());
        serde_json::from_slice::<Value>(&answer.body).unwrap()["results"].take()
    };
    let total = |site: &str, metric: &str| {
        let answer = ask(site, &format!("aggregate?metrics={metric}"));
        answer[metric]["value"].as_i64().unwrap()
    };
    assert_eq!(ledger.keys().collect::<Vec<_>>(), ["four", "one", "three", "two"]);
    for (site, answered) in &ledger {
        let visitors = answered.visitors.len() as i64;
        assert_eq!(total(site, "pageviews"), answered.pages, "{site}");
        assert_eq!(total(site, "visitors"), visitors, "{site}");
        assert_eq!(total(site, "visits"), visitors, "{site}");
    }
    let goals = ask("two", "breakdown?property=event:goal&metrics=events");
    assert!(goals[0]["events"].as_i64().is_some_and(|events| events > 0), "{goals}");
}
