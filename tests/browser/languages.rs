//! The dashboard in other languages than English.
//!
//! - a language is chosen by keyboard and stays over pages, with and without script
//! - what the script says is said in it
//! - words fit every screen, those of German and Spanish too, which are longer, over rows of every
//!   topic; and axe-core finds nothing

use crate::accessible::Page;
use crate::browser::Browser;
use crate::dashboard::{AGENT, run, stage, until, visit, visit_from};
use crate::program::Headcount;
use crate::site::Site;
use fantoccini::Locator;
use serde_json::{Value, json};

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
const LANGUAGE: &str = "return document.documentElement.lang";

/// Goes from one stop of the Tab key to the next until one is found.
async fn tab_to(browser: &Browser, css: &str) {
    let found = format!("return document.activeElement.matches('{css}')");
    for _ in 0..200 {
        let at = browser.active_element().await.unwrap();
        at.send_keys(TAB).await.unwrap();
        if run(browser, &found).await == json!(true) {
            return;
        }
    }
    panic!("the Tab key never leads to {css}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_language_is_chosen_by_keyboard_and_stays() {
    let (browser, headcount) = stage().await;
    visit(&headcount, "192.0.2.1", "/a").await;
    headcount.settle().await;
    let topic = "return document.querySelector('.sections [aria-current]').textContent";
    for script in [true, false] {
        let off = json!({ "value": !script });
        browser.devtools("Emulation.setScriptExecutionDisabled", off).await;
        for (language, overview) in [("de", "Übersicht"), ("es", "Resumen"), ("en", "Overview")] {
            browser.goto(&headcount.admin_url("/?period=7d")).await.unwrap();
            let choice = format!(".language [value={language}]");
            // The way there is long, and the same for all.
            if script && language == "de" {
                tab_to(&browser, &choice).await;
            }
            browser.find(Locator::Css(&choice)).await.unwrap().send_keys(ENTER).await.unwrap();
            until(&browser, LANGUAGE, json!(language)).await;
            until(&browser, topic, json!(overview)).await;
            let search = run(&browser, "return location.search").await;
            assert_eq!(search, "?period=7d", "the page stays");
            for path in ["/", "/settings/goals", "/account", "/?period=fortnight"] {
                browser.goto(&headcount.admin_url(path)).await.unwrap();
                until(&browser, LANGUAGE, json!(language)).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_script_says_it_in_the_language() {
    let (browser, headcount) = stage().await;
    visit(&headcount, "192.0.2.1", "/a").await;
    headcount.settle().await;
    let cookie = "document.cookie = 'headcount_language=de; path=/'";
    browser.goto(&headcount.admin_url("/login")).await.unwrap();
    run(&browser, cookie).await;
    browser.goto(&headcount.admin_url("/")).await.unwrap();
    let current = "return document.querySelector('.current').textContent.trim()";
    until(&browser, current, json!("1 aktueller Besucher")).await;
    visit(&headcount, "192.0.2.2", "/a").await;
    until(&browser, current, json!("2 aktuelle Besucher")).await;
    drop(headcount);
    let stale = "return document.getElementById('stale').textContent
        .replace(/von .*?\\. headcount/, 'von … headcount')";
    let said =
        "Nicht aktuell: Dies sind die Zahlen von … headcount antwortet nicht. Neuer Versuch läuft.";
    until(&browser, stale, json!(said)).await;
}

/// Cards that have rows of what [`fetch`] asks for.
const WITH_ROWS: [(&str, &[&str]); 3] = [
    ("/?topic=bots&period=30d", &["bots", "fetched", "known"]),
    ("/?topic=errors", &["errors", "links", "status"]),
    ("/?topic=files", &["feeds", "files", "prefetches"]),
];

/// Has programs ask for a page, a feed and a file, and somebody for what is not there.
async fn fetch(headcount: &Headcount) {
    let reader = "Feedly/1.0 (+http://www.feedly.com/fetcher.html; 16 subscribers)";
    let bot = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
    for (agent, path, purpose) in [
        (reader, "/feed/news.xml", ""),
        (AGENT, "/file/a.pdf", ""),
        (bot, "/a", ""),
        (AGENT, "/gone/a", ""),
        (AGENT, "/soon", "prefetch"),
    ] {
        let request = reqwest::Client::new().get(headcount.url(path)).header("user-agent", agent);
        let request = request.header("accept", "text/html").header("sec-purpose", purpose);
        let answer = request.header("x-forwarded-for", "192.0.2.77").send().await.unwrap();
        answer.bytes().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn long_words_fit_every_screen() {
    let (browser, site) = (Browser::reader().await, Site::start().await);
    let more = ["--trusted-proxies", "127.0.0.1", "--place-headers", "CF-IPCountry"];
    let headcount = Headcount::start(&site.url(), "sqlite:counts.db", &more);
    for (nth, country) in ["DE", "US", "BA", "AE"].iter().enumerate() {
        visit_from(&headcount, &format!("192.0.2.{nth}"), Some(country), "/a").await;
    }
    fetch(&headcount).await;
    headcount.settle().await;
    browser.goto(&headcount.admin_url("/login")).await.unwrap();
    let mut found = Vec::new();
    for language in ["en", "de", "es"] {
        run(&browser, &format!("document.cookie = 'headcount_language={language}; path=/'")).await;
        for path in [
            "/?period=day",
            "/?period=7d&filters=visit:country%3D%3DDE;visit:device!%3DTablet",
            "/?period=24h",
            "/?details=pages&period=7d",
            "/?details=places&period=7d&compare=year_over_year",
            "/?topic=bots&period=30d",
            "/?topic=errors",
            "/?topic=speed&period=7d",
            "/?topic=files",
            "/?topic=realtime",
            "/?page=/a&period=7d",
            "/settings/goals",
            "/settings/sharing",
            "/settings/people",
            "/settings/tokens",
            "/account",
        ] {
            browser.goto(&headcount.admin_url(path)).await.unwrap();
            assert_eq!(run(&browser, LANGUAGE).await, language);
            if let Some((_, cards)) = WITH_ROWS.iter().find(|(of, _)| *of == path) {
                let rows =
                    "return [...document.querySelectorAll('.card:has(tbody tr)')].map((it) => it.id
                    || it.getAttribute('aria-labelledby')).sort()";
                assert_eq!(run(&browser, rows).await, json!(cards), "{path}");
            }
            let untidy = "const page = document.documentElement;
                for (const menu of document.querySelectorAll('details')) menu.open = true;
                const top = (tab) => Math.round(tab.getBoundingClientRect().top / 4);
                const wrapped = [...document.querySelectorAll('#view :is(.tabs, .sections)')].filter(
                    (tabs) => new Set([...tabs.children].filter((it) => it.checkVisibility()).map(top)).size > 1);
                const hidden = [...document.querySelectorAll('.sections > *, .sections .panel')].filter(
                    (it) => it.checkVisibility() && it.getBoundingClientRect().right > innerWidth);
                // Words that stand out of their place, or over their neighbour.
                const words = document.querySelectorAll('th, td, .tile span, .periods, .periods a, .chip, dt, dd, button');
                const out = [...words].filter((it) => it.checkVisibility() && it.clientWidth > 0
                    && !it.matches('.hidden, .hidden *') && getComputedStyle(it).overflow === 'visible'
                    && it.scrollWidth > it.clientWidth);
                const beyond = page.scrollWidth > page.clientWidth ? ['beyond the screen'] : [];
                const by = (it) => `${it.scrollWidth - it.clientWidth} px: ${it.outerHTML.slice(0, 160)}`;
                return [...beyond, ...[...wrapped, ...hidden, ...out].map(by)]";
            for width in [360, 768, 1920] {
                browser.look("light", width).await;
                let untidy: Value = run(&browser, untidy).await;
                let of_page = |what: &Value| format!("{language}, {width}, {path}: {what}");
                found.extend(untidy.as_array().unwrap().iter().map(of_page));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
    assert_eq!(browser.console().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn axe_finds_nothing_in_german_or_spanish_either() {
    let (page, site) = (Page::open().await, Site::start().await);
    let headcount =
        Headcount::start(&site.url(), "sqlite:counts.db", &["--trusted-proxies", "127.0.0.1"]);
    for nth in 1..4 {
        visit(&headcount, &format!("192.0.2.{nth}"), "/a").await;
    }
    fetch(&headcount).await;
    headcount.settle().await;
    page.go(&headcount.admin_url("/login")).await;
    for language in ["de", "es"] {
        page.run(&format!("document.cookie = 'headcount_language={language}; path=/'")).await;
        for path in [
            "/?period=7d",
            "/?details=chart&period=7d",
            "/?topic=bots",
            "/?period=fortnight",
            "/settings/people",
            "/no",
        ] {
            page.go(&headcount.admin_url(path)).await;
            assert_eq!(page.run(LANGUAGE).await, language);
            page.check(&format!("{language}, {path}")).await;
        }
    }
    page.nothing_found();
}
