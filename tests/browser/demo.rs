//! The demo: two websites behind one listener, each a site of its own, and alive.

use crate::browser::Browser;
use crate::dashboard::{run, until};
use crate::program::Headcount;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Of each card of the list: its name, pageviews, and whether there is a line.
const CARDS: &str = "return [...document.querySelectorAll('.sites .card')].map((card) => [
    card.querySelector('h2').textContent,
    ...[0, 1].map((n) => Number(card.querySelectorAll('dd')[n].textContent.replace(/\\D/g, ''))),
    /L/.test(card.querySelector('.spark path').getAttribute('d'))])";

#[tokio::test(flavor = "multi_thread")]
async fn two_websites_live_side_by_side() {
    let browser = Browser::reader().await;
    let headcount = Headcount::demo(8, &["--crowd"]);
    for (host, title) in
        [("127.0.0.1", "Crumb & Ember"), ("handbook.localhost", "The Sourdough Handbook")]
    {
        browser.goto(&format!("http://{host}:{}/", headcount.port)).await.unwrap();
        let shown = run(&browser, "return document.title").await;
        assert!(shown.as_str().unwrap().ends_with(title), "{host}: {shown}");
    }

    let list = headcount.admin_url("/");
    browser.goto(&list).await.unwrap();
    let first = cards(&run(&browser, CARDS).await);
    let names: Vec<&str> = first.iter().map(|card| &*card.0).collect();
    assert_eq!(names, ["All sites, 30 days", "demo", "handbook"]);
    let sum = |cards: &[Card], n: usize| cards[1].1[n] + cards[2].1[n] == cards[0].1[n];
    assert!(sum(&first, 0) && sum(&first, 1), "{first:?}");
    assert!(first.iter().all(|card| card.2), "each has a line: {first:?}");
    assert!(first[1].1[1] > first[2].1[1] && first[2].1[1] > 300, "{first:?}");

    // Somebody comes, to both.
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        browser.goto(&list).await.unwrap();
        let now = cards(&run(&browser, CARDS).await);
        assert!(sum(&now, 0) && sum(&now, 1), "{now:?}");
        if (1..3).all(|site| now[site].1[1] >= first[site].1[1] + 20) {
            break;
        }
        assert!(Instant::now() < deadline, "{first:?}, {now:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    // None of them is counted at the other's.
    let pages = async |site: &str| -> BTreeSet<String> {
        let question = format!(
            "breakdown?site_id={site}&period=30d&include_today=true&property=event:page&limit=1000"
        );
        let rows = headcount.stats(&question).await;
        rows.as_array().unwrap().iter().map(|row| row["page"].as_str().unwrap().into()).collect()
    };
    let (bakery, handbook) = (pages("demo").await, pages("handbook").await);
    assert!(bakery.contains("/breads/brioche") && handbook.contains("/starter/rescue"));
    assert_eq!(bakery.intersection(&handbook).collect::<Vec<_>>(), ["/"]);

    // Each leads to its own numbers.
    run(&browser, "document.querySelector('.sites a.card:last-child').click()").await;
    until(&browser, "return document.title", json!("handbook · headcount")).await;
    assert_eq!(browser.console().await, Vec::<String>::new());
}

type Card = (String, [i64; 2], bool);

fn cards(told: &Value) -> Vec<Card> {
    serde_json::from_value::<Vec<(String, i64, i64, bool)>>(told.clone())
        .unwrap()
        .into_iter()
        .map(|(name, visitors, views, line)| (name, [visitors, views], line))
        .collect()
}
