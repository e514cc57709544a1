//! The demo's history on screen, in both stores: every number is what the API says, and what a
//! plain count of the exported event rows gives, wherever it is reached by clicks and keys.
//!
//! - here: tiles, cards and cards' own pages, whatever is filtered
//! - `compared`: changes, read-outs and lines of what is compared with; the last 24 hours and 30
//!   minutes
//! - `filtered`: a click on rows of each kind of card, chips, the form's operators, segments
//! - `told`: evidence, goals, funnels, the map, AI, errors, files, speed, notes; `paged`: a page's
//!   own view with journeys and heat maps
//! - `carded`: a card's own page, and the same as CSV and JSON
//! - `given`: the list of sites, public page, shared link, frame, roles, tokens, odd time zones
//! - `keyed`: all by keys alone, on paper, and how much is fetched
//!
//! `make test` has two weeks of it and some of what is clicked, in SQLite; `make year` has all, in
//! both, over more than a year.

mod carded;
mod compared;
mod exported;
mod filtered;
mod given;
mod keyed;
mod paged;
mod shown;
mod told;
mod written;

use crate::browser::Browser;
use crate::common::redis::RedisServer;
use crate::dashboard::{press, run};
use crate::program::{Headcount, TOKEN};
use argon2::{Argon2, PasswordHasher};
use chrono::{DateTime, Days, NaiveDate};
use chrono_tz::Tz;
use exported::Row;
use fantoccini::Locator;
use futures_util::FutureExt;
use headcount::clock::Clock;
use serde_json::Value;
use shown::{Checked, check};
use std::fmt::Debug;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The website whose numbers these are, where it is, and what its neighbour is called.
const SITE: &str = "demo";
const ZONE: Tz = chrono_tz::Europe::Berlin;
const NEIGHBOUR: &str = "handbook";
const NEIGHBOURS_ZONE: Tz = chrono_tz::Asia::Kolkata;

const SITES: &str = "
[[sites]]
name = 'demo'
hosts = ['*']
timezone = 'Europe/Berlin'
[[sites]]
name = 'handbook'
hosts = ['handbook.localhost']
timezone = 'Asia/Kolkata'
goals = ['Helpful = event Helpful']
funnels = []
";

/// A year under a filter that nobody has asked for before takes a while.
const PATIENCE: Duration = Duration::from_secs(60);

const PASSWORD: &str = "correct horse";

/// Beyond a year there is something to compare this month with.
fn days() -> u64 {
    if std::env::var_os("YEAR").is_some() { 400 } else { 14 }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_numbers_of_the_demo_in_sqlite() {
    let stage = Stage::start("sqlite:headcount.db").await;
    all_numbers(&stage).await;
    some_features(&stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_numbers_of_the_demo_in_redis() {
    let redis = RedisServer::start();
    all_numbers(&Stage::start(&redis.url()).await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "`make year` has it: it takes long"]
async fn other_features_of_the_demo_in_sqlite() {
    other_features(&Stage::start("sqlite:headcount.db").await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "`make year` has it: it takes long"]
async fn all_features_of_the_demo_in_redis() {
    let redis = RedisServer::start();
    let stage = Stage::start(&redis.url()).await;
    some_features(&stage).await;
    other_features(&stage).await;
}

/// What is done with the dashboard, one after the other. One that fails does not hide what is wrong
/// with others.
macro_rules! drive {
    ($stage:expr, $($feature:path),* $(,)?) => {
        let (stage, begun): (&Stage, _) = ($stage, Instant::now());
        let (mut all, mut failed) = (Checked::default(), Vec::new());
        $(
            let feature = stringify!($feature);
            let driven = AssertUnwindSafe(async {
                stage.begin().await;
                $feature(stage).await
            });
            match driven.catch_unwind().await {
                Ok(checked) => {
                    println!("{feature}: {checked:?}, after {:.0?}", begun.elapsed());
                    all += checked;
                }
                Err(_) => failed.push(feature),
            }
        )*
        assert_eq!(failed, Vec::<&str>::new(), "these failed");
        assert_eq!(stage.browser.console().await, Vec::<String>::new());
        println!("{}: {all:?}, by clicks and keys", stage.store);
    };
}

async fn some_features(stage: &Stage) {
    drive!(
        stage,
        compared::with_what_was_before,
        filtered::by_a_segment,
        told::evidence_and_goals,
        told::notes,
        carded::the_next_hundred,
        given::odd_hours,
        keyed::by_keys_alone,
        keyed::on_paper,
        keyed::small_and_at_once,
    );
}

async fn other_features(stage: &Stage) {
    drive!(
        stage,
        compared::the_last_hours,
        filtered::by_rows,
        filtered::by_the_form,
        paged::a_page_of_its_own,
        told::bots_errors_and_files,
        told::speed,
        carded::details,
        given::sites,
        given::links,
        given::roles_and_tokens,
    );
}

/// The demo, its rows, and somebody who looks at it.
struct Stage {
    store: String,
    headcount: Headcount,
    browser: Browser,
    /// All of its days that are over.
    first: NaiveDate,
    last: NaiveDate,
    rows: Vec<Row>,
    _config: TempDir,
}

impl Stage {
    async fn start(store: &str) -> Self {
        let config = tempfile::tempdir().unwrap();
        let file = config.path().join("headcount.toml");
        std::fs::write(&file, SITES).unwrap();
        let hash = Argon2::default().hash_password(PASSWORD.as_bytes()).unwrap().to_string();
        let more = [
            "--config",
            file.to_str().unwrap(),
            "--admin-auth-password-hash",
            &hash,
            "--admin-auth-tokens",
            TOKEN,
            "--flush-interval",
            "3s",
        ];
        let headcount = Headcount::demo_of(days(), store, &more);
        // Today goes on.
        let last = now().with_timezone(&ZONE).date_naive() - Days::new(1);
        let first = last - Days::new(days() - 2);
        let rows = exported::rows_of_visitors(&headcount, store, SITE, (first, last)).await;
        let browser = Browser::reader().await;
        browser.goto(&headcount.admin_url("/")).await.unwrap();
        let stage = Self {
            store: store.to_owned(),
            headcount,
            browser,
            first,
            last,
            rows,
            _config: config,
        };
        sign_in(&stage.browser, "", PASSWORD).await;
        stage
    }

    /// The list of sites, and the site on it.
    async fn begin(&self) {
        self.browser.goto(&self.headcount.admin_url("/")).await.unwrap();
        self.click(&format!(".sites a.card[href*='site_id={SITE}']")).await;
    }

    /// Rows of days.
    fn rows(&self, (first, last): (NaiveDate, NaiveDate)) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| first <= row.day && row.day <= last)
    }

    /// Compares what is on the screen.
    async fn check(&self) -> Checked {
        check(self, &self.browser, &[]).await
    }

    async fn click(&self, what: &str) {
        follow(&self.browser, what).await;
    }

    async fn open(&self, menu: &str) {
        open(&self.browser, menu).await;
    }

    /// Shows days, by the form.
    async fn show(&self, first: NaiveDate, last: NaiveDate) {
        if run(&self.browser, "return !document.querySelector('#custom')").await == true {
            self.begin().await;
        }
        show(&self.browser, first, last).await;
    }
}

/// Chooses days by the form.
async fn show(browser: &Browser, first: NaiveDate, last: NaiveDate) {
    open(browser, "#custom").await;
    fill(browser, "#custom input[name=first]", &first.to_string()).await;
    fill(browser, "#custom input[name=last]", &last.to_string()).await;
    // They may be what is shown.
    press(browser, Locator::Css("#custom form button")).await;
    until_in(browser, &format!("first={first}&last={last}")).await;
}

/// Follows a link or sends a form, and waits until it is shown.
async fn follow(browser: &Browser, what: &str) {
    let before = address(browser).await;
    // Somebody would scroll until no bar is above it.
    let show = "document.querySelector(arguments[0])?.scrollIntoView({ block: 'center' })";
    browser.execute(show, vec![what.into()]).await.unwrap();
    press(browser, Locator::Css(what)).await;
    let begun = Instant::now();
    while address(browser).await == before {
        assert!(begun.elapsed() < PATIENCE, "{what} leads nowhere from {before}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn until_in(browser: &Browser, part: &str) {
    let begun = Instant::now();
    loop {
        let shown = address(browser).await;
        if shown.contains(part) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{shown} has no {part}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn address(browser: &Browser) -> String {
    browser.current_url().await.unwrap().to_string()
}

/// Opens a menu, unless it is open.
async fn open(browser: &Browser, menu: &str) {
    let closed = format!("return !document.querySelector(\"{menu}\").open");
    if run(browser, &closed).await == true {
        press(browser, Locator::Css(&format!("{menu} > summary"))).await;
    }
}

async fn fill(browser: &Browser, field: &str, text: &str) {
    let set = "const field = document.querySelector(arguments[0]);
        field.value = arguments[1];
        field.dispatchEvent(new Event('input'))";
    browser.execute(set, vec![field.into(), text.into()]).await.unwrap();
}

async fn sign_in(browser: &Browser, name: &str, password: &str) {
    if !name.is_empty() {
        fill(browser, "#name", name).await;
    }
    fill(browser, "#password", password).await;
    follow(browser, ".login button").await;
}

/// Asks twice until both say the same: what goes on may be counted in between.
async fn agreed<T: PartialEq + Debug>(what: &str, mut ask: impl AsyncFnMut() -> (T, T)) -> T {
    let begun = Instant::now();
    loop {
        let (shown, told) = ask().await;
        if shown == told {
            return shown;
        }
        let late = begun.elapsed() > Duration::from_secs(60);
        assert!(!late, "{what}: {shown:?} is shown, and {told:?} told");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

fn now() -> DateTime<chrono::Utc> {
    DateTime::from_timestamp_millis(Clock::system().now()).unwrap()
}

fn texts(of: &Value) -> Vec<String> {
    of.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// What is asked for, beside the time: filters, and what the cards show.
const VIEWS: [&str; 12] = [
    "",
    "filters=visit:country%3D%3DDE",
    "filters=event:page%3D%3D/cakes",
    "filters=visit:country%3D%3DDE%7CUS;visit:device!%3DDesktop&pages=visit:entry_page",
    "filters=event:page%3D@recipes;visit:channel%3D%3DOrganic+Search&devices=visit:os",
    "filters=visit:source%3D~^Goo;visit:browser!%3DSafari&sources=visit:source&pages=reading",
    "filters=event:goal%3D%3DOrder&pages=visit:exit_page&devices=visit:browser",
    "pages=visit:exit_page&sources=visit:utm_campaign&devices=visit:browser",
    "pages=visit:entry_page&sources=visit:source&devices=visit:os",
    "pages=reading&filters=visit:device%3D%3DMobile",
    "details=pages&sort=pageviews&filters=visit:country%3D%3DUS",
    "details=sources&sources=visit:source",
];

/// How much is on the screen at least, of all views together.
const NUMBERS: usize = 1_000;

async fn all_numbers(stage: &Stage) {
    let (browser, headcount) = (&stage.browser, &stage.headcount);
    let period = format!("/?site_id={SITE}&period=custom&date={},{}", stage.first, stage.last);
    let mut checked = Checked::default();
    for view in VIEWS {
        browser.goto(&headcount.admin_url(&format!("{period}&{view}"))).await.unwrap();
        checked += stage.check().await;
    }
    // A page's own view tells its hours, and those of the day before, as a filter does.
    let hours = "return [...document.querySelectorAll('#numbers tbody tr')]
        .map((row) => [...row.children].map((cell) => cell.textContent))";
    let mut seen = Vec::new();
    for shown in ["page=/", "filters=event:page%3D%3D/"] {
        let last = stage.last;
        let day = format!("/?site_id={SITE}&period=day&date={last}&interval=hour&{shown}");
        browser.goto(&headcount.admin_url(&day)).await.unwrap();
        seen.push(run(browser, hours).await);
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0].as_array().unwrap().len(), 24);
    let Checked { told, counted } = checked;
    println!(
        "{}: {told} numbers as the API has them, {counted} counted from {} rows",
        stage.store,
        stage.rows.len()
    );
    assert!(told > NUMBERS && counted > NUMBERS / 5, "{told} and {counted} numbers on the screen");
}
