//! What the API says of each site is what was sent to it.

use super::common::headcount::Headcount;
use super::common::redis::RedisServer;
use super::common::wait_for;
use super::stage::{ALL, BLOG, DOCS, Origins, SHOP, Stage, zones};
use headcount::clock::Clock;
use headcount::model::site::Site;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The same visitors look at pages of the same name on all sites, not equally often.
fn visit(stage: &mut Stage) {
    for round in 0..12 {
        let node = round % stage.nodes.len();
        stage.view_by(node, &BLOG, round % 3, &format!("/read/{}", round % 5));
        if round % 2 == 0 {
            stage.view_by(node, &SHOP, round % 3, &format!("/item?id={}", round % 4));
        }
        if round % 4 == 1 {
            stage.view_by(node, &DOCS, 1, "/");
        }
    }
}

fn check_what_is_own(stage: &mut Stage) {
    // Injection and scripts.
    let page = stage.view(&BLOG, 0, "/read/0").text();
    assert!(page.contains("/headcount.js"), "{page}");
    let page = stage.view(&SHOP, 0, "/item?id=0").text();
    assert!(!page.contains("<script"), "{page}");
    // What of a query is kept is of the shop alone.
    stage.view(&DOCS, 1, "/?id=1");
    stage.views.get_mut(DOCS.name).unwrap().last_mut().unwrap().1 = "/".to_owned();
    // A beacon at another's path is a request like any other, which the website answers.
    let order = json!({ "type": "event", "name": "Order", "pathname": "/item?id=0", "n": 1 });
    assert_eq!(stage.beacon(&SHOP, SHOP.beacons, 0, &order), 202);
    assert_eq!(stage.beacon(&SHOP, BLOG.beacons, 0, &order), 200);
    assert_eq!(stage.beacon(&BLOG, SHOP.beacons, 0, &order), 200);
    stage.compare();
    // Pageviews are events, too.
    wait_for("the order", || (stage.total(SHOP.name, "events") == 8).then_some(()));
    let goals = |site: &str| stage.ask(site, "breakdown?property=event:goal&metrics=events");
    assert_eq!(goals(SHOP.name), json!([{ "goal": "Order", "events": 1 }]));
    let read = goals(BLOG.name);
    assert_eq!(read.as_array().unwrap().len(), 1, "{read}");
    assert_eq!(read[0]["goal"], "Read");
    assert_eq!(goals(DOCS.name), json!([]));
    // Each in its own time.
    let now = Clock::system().now();
    for (known, zone) in ALL.iter().zip(zones()) {
        let site = Site { timezone: zone.parse().unwrap(), ..Site::default() };
        let hours = stage.ask(known.name, "timeseries?interval=hour&metrics=pageviews");
        let hours: Vec<u32> = hours
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|hour| {
                let label = hour["date"].as_str().unwrap();
                (hour["pageviews"].as_i64() > Some(0)).then(|| label[11..13].parse().unwrap())
            })
            .collect();
        let hour = site.hour(now);
        assert!(hours.iter().all(|h| *h == hour || (*h + 1) % 24 == hour), "{zone}: {hours:?}");
    }
}

fn check_the_admin_port(stage: &Stage) {
    let get = |path: &str| stage.nodes[0].admin_get(path);
    let sites: Value = serde_json::from_slice(&get("/api/v1/sites").body).unwrap();
    let named: Vec<&str> =
        sites["sites"].as_array().unwrap().iter().map(|s| s["domain"].as_str().unwrap()).collect();
    assert_eq!(named, ALL.map(|known| known.name));
    let without = get("/api/v1/stats/aggregate?period=day");
    assert_eq!(without.status, 400);
    assert!(without.text().contains("site_id"), "{}", without.text());
    assert_eq!(get("/api/v1/stats/aggregate?period=day&site_id=nobody").status, 401);
    assert_eq!(get("/api/v1/sites/nobody").status, 404);
    // The start page lists the sites with today's numbers; each has a page of its own.
    let start = get("/").text();
    for known in &ALL {
        let views = stage.total(known.name, "pageviews");
        let visitors = stage.total(known.name, "visitors");
        let row = start.split("<tr").find(|row| row.contains(&format!("site_id={}", known.name)));
        let row = row.unwrap_or_else(|| panic!("{} is not in {start}", known.name));
        assert!(row.contains(&format!(">{views}<")), "{views}: {row}");
        assert!(row.contains(&format!(">{visitors}<")), "{visitors}: {row}");
        let page = get(&format!("/?site_id={}", known.name));
        assert_eq!(page.status, 200);
        assert!(page.text().contains(&format!("<title>{} · headcount", known.name)));
    }
    assert_eq!(get("/?site_id=nobody").status, 401);
}

#[test]
fn each_site_has_its_own_counts_in_sqlite() {
    let mut stage = Stage::start(None, 1, "");
    visit(&mut stage);
    check_what_is_own(&mut stage);
    check_the_admin_port(&stage);
    // What is counted, and who was here, outlives the process.
    stage.nodes[0].kill();
    stage.nodes[0].start_again();
    stage.view(&BLOG, 0, "/read/again");
    stage.compare();
    assert!(stage.nodes[0].data_dir().join("headcount").is_dir());
}

#[test]
fn each_site_has_its_own_counts_in_redis() {
    let redis = RedisServer::start();
    let mut stage = Stage::start(Some(&redis), 1, "");
    visit(&mut stage);
    check_what_is_own(&mut stage);
    // A salt for each.
    let salts: Vec<String> =
        redis.keys().into_iter().filter(|key| key.starts_with("visits:salt:")).collect();
    for known in &ALL {
        let own = salts.iter().filter(|key| key.contains(&format!("{{{}:", known.name)));
        let own: Vec<Vec<u8>> = own.map(|key| redis.command(&["GET", key])).collect();
        assert!(!own.is_empty(), "{salts:?}");
        for other in salts.iter().filter(|key| !key.contains(&format!("{{{}:", known.name))) {
            assert!(!own.contains(&redis.command(&["GET", other])), "{other}");
        }
    }
}

/// Visitors go from node to node; the nodes list their sites in another order.
#[test]
fn nodes_that_count_together_count_each_site_once() {
    let redis = RedisServer::start();
    let mut stage = Stage::start(Some(&redis), 2, "");
    visit(&mut stage);
    stage.compare();
    stage.nodes[1].term();
    stage.view(&SHOP, 2, "/item?id=9");
    stage.compare();
}

/// A process that had one of the sites alone leaves what it knows to the one that has all.
#[test]
fn a_site_that_gains_others_goes_on_with_its_visits() {
    let origins = Origins::start(&ALL.map(|known| known.name));
    let mut headcount = Headcount::prepare(&origins.urls[0], &[]);
    let (file, data) = (headcount.dir.path().join("sites.toml"), headcount.data_dir());
    let name = BLOG.name;
    let alone =
        format!("flush_interval = '1h'\ntrusted_proxies = ['127.0.0.1']\nsite = '{name}'\n");
    headcount.list_sites(&alone);
    headcount.start_again();
    let mut stage = Stage { nodes: vec![headcount], views: BTreeMap::new(), origins };
    stage.view(&BLOG, 0, "/read/first");
    stage.nodes[0].kill();
    let settings = stage.settings(None, false, false, "");
    let settings: Vec<&str> =
        settings.lines().filter(|line| !line.starts_with("timezone")).collect();
    std::fs::write(&file, settings.join("\n")).unwrap();
    stage.nodes[0].start_again();
    stage.view(&BLOG, 0, "/read/second");
    stage.view(&SHOP, 0, "/");
    stage.compare();
    assert!(data.join("headcount").is_dir() && !data.join(format!("headcount-{name}")).exists());
}
