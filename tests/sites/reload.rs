//! What of sites is taken up while the program runs, and what by a hand-over.

use super::common::http::{self, FIREFOX, NAVIGATION};
use super::common::wait_for;
use super::stage::{BLOG, DOCS, SHOP, Stage};
use nix::sys::signal::Signal;

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
    assert!(line.contains("kept until a restart: sites, sites[2] (shop): keep_query"), "{line}");
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
    assert_eq!(stage.total(DOCS.name, "pageviews"), 1);
}
