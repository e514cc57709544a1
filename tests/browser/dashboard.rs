//! The dashboard, followed by a browser.
//!
//! - numbers and the count of current visitors follow what happens, on the same document
//! - links change the page in place, and the way back works; a row filters, its chip ends that
//! - a country's row and then a page's filter every card, the form adds to them, chips take away
//! - the bar of the filters covers nothing that was followed
//! - without JavaScript the same links and forms work
//! - not a word on the console, whatever the theme and the width; nothing is wider than the screen,
//!   columns end together, and names stay apart

use crate::browser::Browser;
use crate::common::pause;
use crate::program::Headcount;
use crate::site::Site;
use fantoccini::Locator;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Firefox on Windows.
pub const AGENT: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:150.0) Gecko/20100101 Firefox/150.0";

#[tokio::test(flavor = "multi_thread")]
async fn follows_what_happens() {
    let (browser, headcount) = stage().await;
    visit(&headcount, "192.0.2.1", "/early").await;
    headcount.settle().await;

    browser.goto(&headcount.admin_url("/")).await.unwrap();
    run(&browser, "window.kept = 1").await;
    let current = "return document.getElementById('current').textContent";
    let tiles = "return [...document.querySelectorAll('.tile')].slice(0, 3)
                   .map(tile => tile.querySelector('.name').textContent + ' '
                     + tile.querySelector('.figure').textContent)";
    until(&browser, current, json!("1")).await;
    until(&browser, tiles, json!(["Unique visitors 1", "Visits 1", "Pageviews 1"])).await;

    visit(&headcount, "192.0.2.2", "/late").await;
    visit(&headcount, "192.0.2.3", "/late").await;
    visit(&headcount, "192.0.2.3", "/latest").await;
    until(&browser, current, json!("3")).await;
    until(&browser, tiles, json!(["Unique visitors 3", "Visits 3", "Pageviews 4"])).await;
    let pages = "return [...document.querySelectorAll('#pages tbody th')]
                   .map(row => row.textContent.trim())";
    until(&browser, pages, json!(["/late", "/early", "/latest"])).await;
    assert_eq!(run(&browser, "return window.kept").await, 1, "still the same document");
    assert_eq!(browser.console().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn links_work_in_place_and_without_javascript() {
    let (browser, headcount) = stage().await;
    visit(&headcount, "192.0.2.1", "/a").await;
    visit(&headcount, "192.0.2.2", "/b").await;
    headcount.settle().await;

    browser.goto(&headcount.admin_url("/")).await.unwrap();
    run(&browser, "window.kept = 1").await;
    click(&browser, "7d").await;
    let period = "return document.querySelector('.periods [aria-current]').textContent";
    until(&browser, period, json!("7d")).await;
    click(&browser, "/b").await;
    let chip = "var chip = document.querySelector('.chip'); return chip && chip.innerText";
    let chosen = "return (document.querySelector('.chip span') || {}).textContent || ''";
    until(&browser, chosen, json!("/b")).await;
    browser.back().await.unwrap();
    until(&browser, chip, Value::Null).await;
    assert_eq!(run(&browser, period).await, "7d");
    browser.back().await.unwrap();
    until(&browser, period, json!("Today")).await;
    assert_eq!(run(&browser, "return window.kept").await, 1, "still the same document");
    // Settings lead back to what was shown.
    click(&browser, "7d").await;
    until(&browser, period, json!("7d")).await;
    press(&browser, Locator::Css("a[href^='/settings']")).await;
    press(&browser, Locator::Css("a[data-back]")).await;
    until(&browser, period, json!("7d")).await;
    assert_eq!(browser.console().await, Vec::<String>::new());

    browser.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    browser.goto(&headcount.admin_url("/")).await.unwrap();
    click(&browser, "7d").await;
    click(&browser, "/b").await;
    let address = browser.current_url().await.unwrap();
    let asked: Vec<_> = address.query_pairs().into_owned().collect();
    let expected = [("period", "7d"), ("filters", "event:page==/b")];
    assert_eq!(asked, expected.map(|(k, v)| (k.into(), v.into())));
    let source = browser.source().await.unwrap();
    assert!(source.contains("is <span>/b</span>"), "the chip is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_filter_every_card() {
    let (browser, site) = (Browser::reader().await, Site::start().await);
    let more = ["--trusted-proxies", "127.0.0.1", "--place-headers", "CF-IPCountry"];
    let headcount = Headcount::start(&site.url(), "sqlite:counts.db", &more);
    for (nth, country, pages) in [
        (1, "DE", &["/", "/pricing"][..]),
        (2, "DE", &["/pricing", "/pricing"]),
        (3, "DE", &["/docs"]),
        (4, "FR", &["/pricing"]),
    ] {
        for page in pages {
            let address = format!("192.0.2.{nth}");
            visit_from(&headcount, &address, Some(country), page).await;
        }
    }
    headcount.settle().await;
    let source = async || browser.source().await.unwrap();
    let shown = "const text = (of) => [...document.querySelectorAll(of)].map((e) => e.textContent);
        const rows = (card) => [...document.querySelectorAll(`#${card} tbody tr`)].map((row) =>
            [...row.children].map((cell) => cell.textContent.trim()).join(' '));
        return [text('.totals .figure').slice(0, 3), text('.chip').length, rows('pages'),
            rows('places').map((row) => row.replace(/^.*(?=Germany|France)/u, '')),
            rows('devices'), rows('sources')]";
    let germans = json!([
        ["3", "3", "5"],
        1,
        ["/pricing 2 3", "/ 1 1", "/docs 1 1"],
        ["Germany 3 5"],
        ["Desktop 3 5"],
        ["Direct 3 3"]
    ]);
    let readers = json!([
        ["2", "2", "3"],
        2,
        ["/pricing 2 3"],
        ["Germany 2 3"],
        ["Desktop 2 3"],
        ["Direct 2 2"]
    ]);
    let others = json!([
        ["2", "2", "2"],
        2,
        ["/ 1 1", "/docs 1 1"],
        ["Germany 2 2"],
        ["Desktop 2 2"],
        ["Direct 2 2"]
    ]);
    let germany = Locator::Css("#places tbody a[href*='country%3D%3DDE']");
    let pricing = Locator::Css("#pages a[title='/pricing']");

    browser.goto(&headcount.admin_url("/")).await.unwrap();
    run(&browser, "window.kept = 1").await;
    press(&browser, germany).await;
    until(&browser, shown, germans.clone()).await;
    press(&browser, pricing).await;
    until(&browser, shown, readers.clone()).await;
    assert!(source().await.contains("kept for all of these days"));
    press(&browser, Locator::Css(".chip a[aria-label*='Page is']")).await;
    until(&browser, shown, germans.clone()).await;
    // What a refresh brings is filtered alike.
    visit_from(&headcount, "192.0.2.4", Some("FR"), "/docs").await;
    headcount.settle().await;
    // By keyboard, in the form.
    browser.find(Locator::Css("#filter summary")).await.unwrap().send_keys(" ").await.unwrap();
    // Values are suggested, of the property that is chosen.
    let suggested = "return [...document.querySelectorAll('#values option')].map((it) => it.value)";
    until(&browser, suggested, json!(["/pricing", "/", "/docs"])).await;
    for (property, expected) in
        [("visit:device", json!(["Desktop"])), ("event:page", json!(["/pricing", "/", "/docs"]))]
    {
        let choose = "const property = document.querySelector('#filter [name=property]');
            property.value = arguments[0];
            property.dispatchEvent(new Event('change', { bubbles: true }))";
        browser.execute(choose, vec![property.into()]).await.unwrap();
        until(&browser, suggested, expected).await;
    }
    run(&browser, "document.querySelector('#filter [name=operator]').value = 'is_not'").await;
    let value = browser.find(Locator::Css("#filter [name=value]")).await.unwrap();
    value.send_keys("/pricing").await.unwrap();
    press(&browser, Locator::Css("#filter button")).await;
    until(&browser, shown, others.clone()).await;
    assert_eq!(run(&browser, "return document.querySelector('#filter').open").await, false);
    // The bar stays in sight.
    let in_sight = "scrollTo(0, 1e6); const { top } = document.querySelector('.filters')
        .getBoundingClientRect(); return [scrollY > 0, top]";
    assert_eq!(run(&browser, in_sight).await, json!([true, 0]));
    press(&browser, Locator::Css(".clear")).await;
    until(&browser, "return document.querySelectorAll('.chip').length", json!(0)).await;
    assert_eq!(run(&browser, "return window.kept").await, 1, "still the same document");
    assert_eq!(browser.console().await, Vec::<String>::new());

    browser.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    browser.goto(&headcount.admin_url("/")).await.unwrap();
    press(&browser, germany).await;
    press(&browser, pricing).await;
    // Scripts of the test's own still run. A form is sent a moment after its button was pressed.
    until(&browser, shown, readers).await;
    press(&browser, Locator::Css(".chip a[aria-label*='Page is']")).await;
    until(&browser, shown, germans).await;
    press(&browser, Locator::Css("#filter summary")).await;
    run(&browser, "document.querySelector('#filter [name=operator]').value = 'is_not'").await;
    let value = browser.find(Locator::Css("#filter [name=value]")).await.unwrap();
    value.send_keys("/pricing").await.unwrap();
    press(&browser, Locator::Css("#filter button")).await;
    until(&browser, shown, others).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bar_of_filters_covers_nothing_that_was_followed() {
    let (browser, headcount) = stage().await;
    for n in 1..=30 {
        visit(&headcount, &format!("192.0.2.{n}"), &format!("/page/{n}")).await;
    }
    headcount.settle().await;
    // The row of all that there is stays where it was when it is filtered by.
    let follow = "const [card] = arguments;
        document.body.style.paddingBottom = '2000px';
        const row = document.querySelector(`#${card} tbody th a`);
        row.focus({ preventScroll: true });
        scrollTo({ top: row.getBoundingClientRect().top + scrollY - 12, behavior: 'instant' });
        const top = row.getBoundingClientRect().top;
        row.click();
        return Math.round(top)";
    let chips = "return document.querySelectorAll('.chip').length";
    let seen = "const row = document.querySelector(`#${arguments[0]} tbody th a`);
        const { left, top, height } = row.getBoundingClientRect();
        const bar = document.querySelector('.filters.on').getBoundingClientRect();
        const there = document.elementFromPoint(left + 20, top + height / 2);
        return [row === document.activeElement, row.contains(there), top >= bar.bottom]";
    for width in [1280, 390] {
        browser.look("light", width).await;
        browser.goto(&headcount.admin_url("/?period=day")).await.unwrap();
        for (nth, card) in (1..).zip(["devices", "sources"]) {
            let top = browser.execute(follow, vec![card.into()]).await.unwrap();
            assert_eq!(top, 12, "{card}");
            until(&browser, chips, json!(nth)).await;
            let seen = browser.execute(seen, vec![card.into()]).await.unwrap();
            assert_eq!(seen, json!([true, true, true]), "{card}, {width} px");
        }
    }
    assert_eq!(browser.console().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_card_that_was_clicked_in_stays_where_it_is() {
    let (browser, headcount) = stage().await;
    for n in 1..=30 {
        visit(&headcount, &format!("192.0.2.{n}"), &format!("/page/{n}")).await;
    }
    headcount.settle().await;
    browser.look("light", 390).await;
    browser.goto(&headcount.admin_url("/?period=day")).await.unwrap();
    // Something above it goes with the next answer. Chromium then holds on to what is in sight by
    // itself; Safari does not.
    let follow = "document.body.style.overflowAnchor = 'none';
        document.body.style.paddingBottom = '3000px';
        const above = document.createElement('div');
        above.style.height = '200px';
        document.querySelector('main').prepend(above);
        const card = document.querySelector('#pages');
        const row = card.querySelector('tbody tr:nth-child(2) th a');
        row.focus({ preventScroll: true });
        scrollTo({ top: card.getBoundingClientRect().top + scrollY - 300, behavior: 'instant' });
        row.click();
        return Math.round(card.getBoundingClientRect().top)";
    let place = "return Math.round(document.querySelector('#pages').getBoundingClientRect().top)";
    assert_eq!(run(&browser, follow).await, json!(300));
    until(&browser, "return document.querySelectorAll('.chip').length", json!(1)).await;
    assert_eq!(run(&browser, place).await, json!(300));
    // Nor do Chromium and the script move it twice.
    run(&browser, "document.querySelector('.chip a').click()").await;
    until(&browser, "return document.querySelectorAll('.chip').length", json!(0)).await;
    run(&browser, &follow.replace("overflowAnchor = 'none'", "overflowAnchor = ''")).await;
    until(&browser, "return document.querySelectorAll('.chip').length", json!(1)).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(run(&browser, place).await, json!(300));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_menu_stays_open_whatever_is_on_its_way() {
    let (browser, headcount) = stage().await;
    visit(&headcount, "192.0.2.1", "/a").await;
    headcount.settle().await;
    browser.goto(&headcount.admin_url("/?period=day")).await.unwrap();
    // As if the store took its time.
    let slow = "const answer = fetch; window.fetch = (url, ...more) =>
        new Promise((done) => setTimeout(() => done(answer(url, ...more)), 700))";
    run(&browser, slow).await;
    let open = "return document.querySelector('#filter').open";
    let toggle = "document.querySelector('#filter > summary').click()";

    // To another place of the same page, and back.
    for (to, hash) in [("document.querySelector('.skip').click()", true), ("history.back()", false)]
    {
        run(&browser, to).await;
        until(&browser, "return location.hash !== ''", json!(hash)).await;
        run(&browser, toggle).await;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert_eq!(run(&browser, open).await, json!(true), "{to}");
        run(&browser, toggle).await;
    }

    // One that leads elsewhere closes what is open, and not what is opened then.
    run(&browser, toggle).await;
    run(&browser, "document.querySelector('#devices tbody th a').click()").await;
    assert_eq!(run(&browser, open).await, json!(false));
    run(&browser, toggle).await;
    until(&browser, "return document.querySelectorAll('.chip').length", json!(1)).await;
    assert_eq!(run(&browser, open).await, json!(true));
    run(&browser, "history.back()").await;
    until(&browser, "return document.querySelectorAll('.chip').length", json!(0)).await;
    assert_eq!(browser.console().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn fits_every_screen_without_a_complaint() {
    let (browser, headcount) = stage().await;
    let long = format!("/{}", "a-long-path/".repeat(20));
    // Two that only their ends tell apart, and more than a card has room for.
    let ends = ["one", "other"].map(|end| format!("{long}{end}"));
    let many: Vec<String> = (1..=12).map(|n| format!("/section/of-the-site/{n}")).collect();
    let pages = ["/", &long, "/docs"].map(str::to_owned).into_iter();
    for (i, page) in pages.chain(ends).chain(many).enumerate() {
        visit(&headcount, &format!("192.0.2.{i}"), &page).await;
    }
    let robot = "Mozilla/5.0; compatible; ChatGPT-User/1.0; +https://openai.com/bot";
    for page in ["/section/of-the-site/1", "/section/of-the-site/2"] {
        let request = reqwest::Client::new().get(headcount.url(page)).header("user-agent", robot);
        assert_eq!(request.send().await.unwrap().status(), 200);
    }
    headcount.settle().await;

    let (plain, filter) = ("compare=previous_period", "filters=event:page=@a");
    let filtered = format!("{filter};visit:browser==Firefox;event:page!={long}");
    for (period, more) in [
        ("day", plain),
        ("30d", plain),
        ("12mo", plain),
        ("7d", &filtered),
        ("7d", "details=pages"),
        ("7d", "topic=bots"),
    ] {
        browser.goto(&headcount.admin_url(&format!("/?period={period}&{more}"))).await.unwrap();
        let beyond = "var page = document.documentElement;
             for (const menu of document.querySelectorAll('.menu')) menu.open = true;
             return [innerWidth, page.scrollWidth - page.clientWidth]";
        // Tabs stand in one line, and no card is higher than what it holds.
        let untidy = "const top = (tab) => tab.getBoundingClientRect().top;
             const wrapped = [...document.querySelectorAll('.tabs, .sections')].filter((tabs) =>
                 new Set([...tabs.children].filter((tab) => tab.checkVisibility())
                     .map((tab) => Math.round(top(tab) / 4))).size > 1);
             // And each is in sight.
             const beyond = [...document.querySelectorAll('.sections > *, .sections .panel')].filter(
                 (it) => it.checkVisibility() && it.getBoundingClientRect().right > innerWidth);
             const empty = [...document.querySelectorAll('.card')].filter((card) =>
                 card.getBoundingClientRect().bottom
                     - card.lastElementChild.getBoundingClientRect().bottom > 24);
             // Names are whole or cut where they differ least, and never all alike.
             const names = [...document.querySelectorAll('.card tbody th a')];
             const cut = names.filter((it) => it.scrollWidth > it.clientWidth);
             const alike = names.filter((it, nth) => nth > 0
                 && it.textContent === names[nth - 1].textContent
                 && it.closest('table') === names[nth - 1].closest('table'));
             const heads = [...document.querySelectorAll('.card:not(.details) thead th')]
                 .filter((it) => it.scrollWidth > it.clientWidth + 1);
             // Columns end together, where there are two: within less than the lowest card.
             const end = (of) => Math.max(...of.map((it) => it.getBoundingClientRect().bottom));
             const uneven = innerWidth <= 900 ? [] : [...document.querySelectorAll('.cards')]
                 .filter((cards) => cards.checkVisibility())
                 .map((cards) => ['left', 'right'].map(
                     (side) => end([...cards.children].filter((it) => it.className === side))))
                 .filter(([left, right]) => Math.abs(left - right) > 125)
                 .map((ends) => `columns end at ${ends}`);
             return [...wrapped, ...beyond, ...empty, ...cut, ...alike, ...heads]
                 .map((it) => it.outerHTML.slice(0, 200)).concat(uneven)";
        for theme in ["light", "dark"] {
            for width in [320, 360, 390, 768, 830, 1280, 1920] {
                browser.look(theme, width).await;
                assert_eq!(run(&browser, beyond).await, json!([width, 0]), "{theme}, {period}");
                assert_eq!(run(&browser, untidy).await, json!([]), "{theme}, {width}, {period}");
            }
        }
    }
    assert_eq!(browser.console().await, Vec::<String>::new());
}

/// A browser, and the program that believes what it is told of addresses.
pub async fn stage() -> (Browser, Headcount) {
    let browser = Browser::reader().await;
    let site = Site::start().await;
    let more = ["--trusted-proxies", "127.0.0.1"];
    (browser, Headcount::start(&site.url(), "sqlite:counts.db", &more))
}

/// Opens a page of the site as a browser at an address would that runs no script.
pub async fn visit(headcount: &Headcount, address: &str, page: &str) {
    visit_from(headcount, address, None, page).await;
}

pub async fn visit_from(headcount: &Headcount, address: &str, country: Option<&str>, page: &str) {
    let mut request = reqwest::Client::new()
        .get(headcount.url(page))
        .header("user-agent", AGENT)
        .header("accept", "text/html")
        .header("x-forwarded-for", address);
    if let Some(country) = country {
        request = request.header("cf-ipcountry", country);
    }
    assert_eq!(request.send().await.unwrap().status(), 200);
}

pub async fn run(browser: &Browser, script: &str) -> Value {
    browser.execute(script, vec![]).await.unwrap()
}

/// Clicks a link. The page may be refreshed between finding and clicking: then the link is found
/// anew.
async fn click(browser: &Browser, link: &str) {
    press(browser, Locator::LinkText(link)).await;
}

pub async fn press(browser: &Browser, what: Locator<'_>) {
    for _ in 0..10 {
        let found = browser.find(what).await.unwrap();
        match found.click().await {
            Ok(()) => return,
            Err(error) if error.is_stale_element_reference() => {}
            Err(error) => panic!("{what:?}: {error}"),
        }
    }
    panic!("{what:?} never stands still");
}

/// Waits until a script returns what is expected.
pub async fn until(browser: &Browser, script: &str, expected: Value) {
    let begun = Instant::now();
    loop {
        let found = run(browser, script).await;
        if found == expected {
            return;
        }
        let late = begun.elapsed() > Duration::from_secs(20);
        assert!(!late, "{found}, not {expected}, from {script}");
        tokio::time::sleep(pause(begun)).await;
    }
}
