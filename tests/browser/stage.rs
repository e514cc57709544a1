//! Everything a test browses with: a browser, a relay, the program and a website, one behind the
//! other; and what the program counted.

use crate::browser::Browser;
use crate::program::Headcount;
use crate::relay::Relay;
use crate::site::Site;
use fantoccini::Locator;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long anything may take that should be done at once: the script's own clock included, which
/// goes round every 10 s.
const PATIENCE: Duration = Duration::from_secs(90);

/// Whether the browser shows a page's view id to the script.
#[derive(Clone, Copy, PartialEq)]
pub enum Ids {
    Shown,
    Hidden,
}

pub struct Stage {
    pub browser: Browser,
    pub relay: Relay,
    pub headcount: Headcount,
    pub site: Site,
}

/// What was counted.
#[derive(Debug, PartialEq)]
pub struct Counted {
    /// By page: server only, confirmed, browser only (the unverified among them).
    pub pages: BTreeMap<String, [i64; 3]>,
    pub unverified: i64,
}

impl Counted {
    pub fn new(pages: &[(&str, [i64; 3])], unverified: i64) -> Self {
        let pages = pages.iter().map(|(page, counts)| ((*page).to_owned(), *counts)).collect();
        Self { pages, unverified }
    }
}

impl Stage {
    pub async fn set(ids: Ids, more: &[&str]) -> Self {
        let names = "--host-resolver-rules=MAP site.test 127.0.0.1";
        let browser = Browser::visitor_with(&[names]).await;
        let site = Site::start().await;
        let headcount = Headcount::start(&site.url(), "sqlite:counts.db", more);
        let relay = Relay::start(headcount.url(""), ids == Ids::Hidden).await;
        Self { browser, relay, headcount, site }
    }

    /// Opens a page as if its address were typed.
    pub async fn open(&self, path: &str) {
        self.browser.goto(&self.relay.url(path)).await.unwrap();
    }

    /// Opens a page, and waits until its beacon has been taken.
    pub async fn show(&self, path: &str) {
        let told = self.views(path);
        self.open(path).await;
        self.until(|| self.views(path) > told, path).await;
    }

    /// Follows a link to a page, and waits until its beacon has been taken.
    pub async fn follow(&self, path: &str) {
        let told = self.views(path);
        let link = "var link = document.createElement('a');
             link.href = arguments[0]; link.id = 'link'; link.textContent = 'link';
             document.body.prepend(link)";
        self.browser.execute(link, vec![path.into()]).await.unwrap();
        self.click("#link").await;
        self.until(|| self.views(path) > told, path).await;
    }

    pub async fn click(&self, selector: &str) {
        self.browser.find(Locator::Css(selector)).await.unwrap().click().await.unwrap();
    }

    pub async fn run(&self, script: &str) -> Value {
        self.browser.execute(script, vec![]).await.unwrap()
    }

    /// Pageview beacons about a page that the proxy has got.
    pub fn views(&self, path: &str) -> usize {
        self.relay.events("pageview", path).len()
    }

    /// Waits for something, which `what` says.
    pub async fn until(&self, such: impl Fn() -> bool, what: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !such() {
            assert!(Instant::now() < deadline, "waited in vain: {what}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// What has been counted in the end, after the last page has been left.
    pub async fn counted(&self) -> Counted {
        // What is sent on leaving has arrived once a later page's beacon has.
        self.browser.goto("about:blank").await.unwrap();
        self.show("/last").await;
        counted(&self.headcount, &["/last"]).await
    }
}

/// What has been counted so far, but for pages that only the test needed. Each was confirmed once.
pub async fn counted(headcount: &Headcount, besides: &[&str]) -> Counted {
    headcount.settle().await;
    let metrics = ["server_pageviews", "confirmed_pageviews", "browser_pageviews", "pageviews"];
    let rows = headcount.rows("event:page", metrics).await;
    let mut pages: BTreeMap<String, [i64; 3]> = rows
        .into_iter()
        .map(|(page, [server, confirmed, browser, all])| {
            assert_eq!(all, server + browser, "{page}");
            (page, [server - confirmed, confirmed, browser])
        })
        .collect();
    for page in besides {
        assert_eq!(pages.remove(*page), Some([0, 1, 0]), "{page}");
    }

    // The same sums, read otherwise.
    let mut sums = pages.values().fold([0, 0, 0], |sums: [i64; 3], row| {
        [sums[0] + row[0], sums[1] + row[1], sums[2] + row[2]]
    });
    sums[1] += besides.len() as i64;
    let evidence = headcount.rows("visit:evidence", ["pageviews"]).await;
    let of = |name| evidence.get(name).map_or(0, |row| row[0]);
    let unverified = of("unverified");
    assert_eq!([of("server only"), of("confirmed"), of("browser only") + unverified], sums);
    assert_eq!(headcount.total("pageviews").await, sums.iter().sum::<i64>());
    Counted { pages, unverified }
}
