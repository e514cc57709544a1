//! The example in `docs/proxy.md` of two sites, as written but for the websites' addresses, and
//! with ports of the test's own.

use super::common::headcount::Headcount;
use super::common::http::{self, FIREFOX, NAVIGATION};
use super::common::wait_for;
use super::stage::Origins;
use serde_json::Value;

#[test]
fn the_example_of_two_sites_works() {
    let text = include_str!("../../docs/proxy.md");
    let section = text.split("### Several sites").nth(1).expect("a section");
    let example = section.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let origins = Origins::start(&["first", "second", "third"]);
    let mut settings = example.to_owned();
    for (address, url) in
        ["http://127.0.0.1:3000", "http://127.0.0.1:4000", "http://127.0.0.1:4001"]
            .iter()
            .zip(&origins.urls)
    {
        assert!(settings.contains(address), "{settings}");
        settings = settings.replace(address, url);
    }
    let mut headcount = Headcount::prepare("http://127.0.0.1:9", &["--flush-interval", "100ms"]);
    headcount.list_sites(&settings);
    headcount.start_again();

    let get = |host: &str, path: &str| {
        let mut headers = vec![("Host", host), ("User-Agent", FIREFOX)];
        headers.extend(NAVIGATION);
        http::get(headcount.site(), path, &headers)
    };
    assert!(get("www.example.org", "/").text().contains("<title>first</title>"));
    let shop = [get("shop.example.org", "/"), get("eu.shop.example.org", "/")].map(|a| a.text());
    assert!(shop.iter().any(|page| page.contains("<title>second</title>")), "{shop:?}");
    assert!(shop.iter().any(|page| page.contains("<title>third</title>")), "{shop:?}");
    assert!(shop.iter().all(|page| page.contains("/shop.js")), "{shop:?}");
    assert_eq!(get("shop.example.org", "/shop.js").status, 200);
    assert_eq!(get("example.net", "/").status, 421);
    for (site, views) in [("example.org", 1), ("shop.example.org", 2)] {
        let path = format!("/api/v1/stats/aggregate?period=day&metrics=pageviews&site_id={site}");
        wait_for(site, || {
            let answer = headcount.admin_get(&path);
            let answer: Value = serde_json::from_slice(&answer.body).unwrap();
            (answer["results"]["pageviews"]["value"] == views).then_some(())
        });
    }
}
