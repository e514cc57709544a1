//! The language of pages: which one is spoken, and that nothing is left in another.

use super::port::{Port, today};
use crate::admin::Auth;
use crate::language::Language;
use crate::model::rollup::{Dimension, Metric as Stored};
use crate::telemetry::Untagged;
use regex::Regex;
use reqwest::header::{ACCEPT_LANGUAGE, COOKIE};
use std::collections::BTreeSet;

/// Of the page at a path, as somebody sees it who sends these: status, fields of the head, page.
async fn seen(
    port: &Port,
    path: &str,
    cookie: &str,
    accepts: &str,
) -> (u16, reqwest::header::HeaderMap, String) {
    let request = port.request(path).header(COOKIE, cookie).header(ACCEPT_LANGUAGE, accepts);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.headers().clone(), answer.text().await.unwrap())
}

#[tokio::test]
async fn the_choice_goes_before_the_browser_and_that_before_the_setting() {
    let port = Port::local().await;
    for (cookie, accepts, language, title) in [
        ("", "", "en", "Overview"),
        ("", "fr", "en", "Overview"),
        ("", "de-AT, en;q=0.5", "de", "Übersicht"),
        ("headcount_language=es", "de", "es", "Resumen"),
        ("headcount_language=tlh; headcount_theme=dark", "de", "de", "Übersicht"),
    ] {
        for (path, title) in [("/", title), ("/?period=fortnight", "headcount")] {
            let (_, head, page) = seen(&port, path, cookie, accepts).await;
            assert!(page.contains(&format!("<html lang=\"{language}\">")), "{path}: {page}");
            assert!(page.contains(title), "{path}: {page}");
            assert_eq!(head["content-language"], language);
            let vary: Vec<_> = head.get_all("vary").iter().map(|v| v.to_str().unwrap()).collect();
            let vary = vary.join(",").to_lowercase();
            assert!(vary.contains("accept-language") && vary.contains("cookie"), "{vary}");
        }
    }
    // What programs read does not change, nor does the documentation.
    let (_, head, page) = seen(&port, "/docs/dashboard", "headcount_language=es", "de").await;
    assert!(page.contains("<html lang=\"en\">"));
    assert_eq!(head["content-language"], "en");
    for path in ["/api/v1/stats/aggregate?period=fortnight", "/metrics", "/details.json"] {
        let english = seen(&port, path, "", "").await;
        let other = seen(&port, path, "headcount_language=es", "de").await;
        assert_eq!(english.0, other.0);
        let values = |page: &str| page.lines().filter(|line| line.starts_with('{')).count();
        assert_eq!(values(&english.2), values(&other.2), "{path}");
        assert!(!other.1.contains_key("content-language"), "{path}");
        if !path.starts_with("/metrics") {
            assert_eq!(english.2, other.2, "{path}");
        }
    }
}

#[tokio::test]
async fn a_choice_is_kept_and_leads_back() {
    let port = Port::local().await;
    let choose = async |language: &str, from: &str| {
        let post = port.client.post(format!("http://{}/language", port.address));
        let post = post.header("content-type", "application/x-www-form-urlencoded");
        let answer = post
            .header("referer", format!("http://{}{from}", port.address))
            .header(ACCEPT_LANGUAGE, "es")
            .body(format!("language={language}"))
            .send()
            .await
            .unwrap();
        let [cookie, to] = ["set-cookie", "location"].map(|name| {
            answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap()
        });
        (cookie.split(';').next().unwrap().to_owned(), to)
    };
    let (cookie, to) = choose("de", "/?period=7d&topic=bots").await;
    assert_eq!((&*cookie, &*to), ("headcount_language=de", "/?period=7d&topic=bots"));
    let (_, _, page) = seen(&port, &to, &cookie, "en").await;
    let button = r#"<button name="language" value="de" lang="de" aria-current="true">Deutsch<"#;
    assert!(page.contains("Bots und KI") && page.contains(button), "{page}");
    assert_eq!(choose("klingon", "/").await.0, "headcount_language=es");
}

#[tokio::test]
async fn numbers_dates_and_forms_follow_the_language() {
    let port = Port::local().await;
    let total = |metric, n| (Dimension::Total, "", metric, n);
    port.store.add(
        "example.org",
        today(),
        &[
            total(Stored::Visitors, 1_234),
            total(Stored::Visits, 1_500),
            total(Stored::Server, 2_345),
            total(Stored::Confirmed, 1_000),
            (Dimension::Channel, "Organic Search", Stored::Visitors, 1_200),
        ],
    );
    let (_, _, german) = seen(&port, "/", "headcount_language=de", "").await;
    for text in [
        ">1.234<",
        "Eindeutige Besucher",
        "Organische Suche",
        "aktuelle Besucher",
        "Di., 24. Nov., 15:30:00",
        "Heute bis 15:30",
        "43\u{a0}% bestätigt",
    ] {
        assert!(german.contains(text), "no {text}: {german}");
    }
    let (_, _, spanish) = seen(&port, "/", "headcount_language=es", "").await;
    for text in [">1.234<", "Visitantes únicos", "mar, 24 nov, 15:30:00", "Hoy hasta las 15:30"] {
        assert!(spanish.contains(text), "no {text}: {spanish}");
    }
}

/// What a page shows or reads out that has not come from the texts.
pub(super) fn unmarked(page: &str) -> BTreeSet<String> {
    let spoken = Regex::new(
        r#" (?:aria-label|title|placeholder|alt|data-(?:stale|answer|silent|one|many))="([^"]*)""#,
    )
    .unwrap();
    // What is not ours to say: code, other languages' names, keys, names of files' formats.
    let other = Regex::new(
        r#"(?s)<(?:code|kbd|style)[^>]*>.*?</(?:code|kbd|style)>|<button name="language".*?</button>|<a [^>]*download[^>]*>[^<]*|<textarea.*?</textarea>"#,
    )
    .unwrap();
    let page = other.replace_all(page, "");
    let attributes = spoken.captures_iter(&page).map(|found| found[1].to_owned());
    let mut all: Vec<String> = attributes.collect();
    let marked = Regex::new("⟦[^⟧]*⟧").unwrap();
    let tags = Regex::new("<[^>]*>").unwrap();
    all.push(tags.replace_all(&page, "\n").into_owned());
    let known = Regex::new(
        r"^(headcount|example\.org|[ab]\.example|Europe/Berlin|\{\w+\}|TTFB|LCP|INP|CLS|p\d\d|[km]?s|[kMGT]?B|&\w+;?|Signup|Pricing|Tried|Checkout|Purchase|event|page|Trial|France|French|Somebody|192\.0\.2\.0/24|https?:\S*|[a-z]+:read\S*)$",
    )
    .unwrap();
    let letters = Regex::new(r"[A-Za-z]{2}").unwrap();
    let mut found = BTreeSet::new();
    for text in all {
        for line in marked.replace_all(&text, " ").lines() {
            let words = line
                .split_whitespace()
                .map(|word| word.trim_matches(['(', ')', '.', ',', ':', ';', '·']));
            found.extend(
                words
                    .filter(|w| letters.is_match(w) && !w.contains('/') && !known.is_match(w))
                    .map(|_| line.trim().to_owned()),
            );
        }
    }
    found
}

/// A port on which something of everything was counted, all of it without a word.
async fn busy() -> Port {
    let port = Port::local().await;
    let mut fields = vec![
        (Dimension::Total, "", Stored::Visitors, 12),
        (Dimension::Total, "", Stored::Visits, 13),
        (Dimension::Total, "", Stored::Server, 30),
        (Dimension::Total, "", Stored::Confirmed, 10),
        (Dimension::Total, "", Stored::Browser, 5),
        (Dimension::Country, "FR", Stored::Visitors, 5),
        (Dimension::Language, "fr", Stored::Visitors, 5),
        (Dimension::Channel, "Organic Search", Stored::Visitors, 5),
        (Dimension::Device, "Desktop", Stored::Visitors, 5),
        (Dimension::BotClass, "SEO", Stored::Responses, 5),
    ];
    let kept = |d: &&Dimension| !matches!(d, Dimension::Total | Dimension::Slot);
    for dimension in Dimension::ALL.iter().filter(kept) {
        for value in ["/1", "/2", "(other)", "", "1\u{1e}2", "1\u{1e}2\u{1e}3"] {
            for metric in [Stored::Visitors, Stored::Visits, Stored::Server, Stored::Responses] {
                fields.push((*dimension, value, metric, 2));
            }
        }
    }
    port.store.add("example.org", today(), &fields);
    port.telemetry.untagged(Untagged::Policy).add(3);
    port
}

/// Reads pages in the language whose texts are marked, and says what of them is no text.
async fn left_over(port: &Port, paths: &[&str]) -> Vec<String> {
    let marked = format!("headcount_language={}", Language::Marked.as_str());
    let mut left = Vec::new();
    for path in paths {
        let (_, _, page) = seen(port, path, &marked, "").await;
        assert!(page.contains("lang=\"en-x-marked\""), "{path}: {page}");
        left.extend(unmarked(&page).into_iter().map(|text| format!("{path}: {text}")));
    }
    left
}

#[tokio::test]
async fn every_word_of_the_dashboard_is_one_of_the_texts() {
    let port = busy().await;
    let pages = [
        "/",
        "/?period=7d",
        "/?period=30d&interval=week&compare=year_over_year",
        "/?period=12mo&metric=bounce_rate",
        "/?period=all&compare=none",
        "/?period=24h",
        "/?first=2026-11-01&last=2026-11-24",
        "/?period=12mo&date=2020-01-01",
        "/?topic=realtime",
        "/?topic=bots",
        "/?topic=bots&bots=bot:class",
        "/?topic=errors",
        "/?topic=speed",
        "/?topic=files",
        "/?details=pages",
        "/?details=sources&sources=visit:channel&sort=name",
        "/?details=places&search=nowhere",
        "/?details=bots&bots=bot:class",
        "/?page=/1",
        "/?page=/1&heat=scroll",
        "/?filters=visit:country%3D%3DFR",
        "/?period=7d&filters=visit:country%3D%3DFR;visit:device!%3DTablet",
        "/?filters=event:goal%3D%3DSignup",
        "/?filters=bot:class%3D%3DSEO",
        "/?unconfirmed=visit:country",
        "/?period=fortnight",
        "/settings/goals",
        "/settings/funnels",
        "/settings/notes",
        "/settings/segments",
        "/settings/exclusions",
        "/settings/sharing",
        "/settings/people",
        "/settings/tokens",
        "/settings/nothing",
        "/account",
        "/invitation/none",
        "/share/none",
    ];
    let left = left_over(&port, &pages).await;
    assert!(left.is_empty(), "not from the texts: {left:#?}");
}

#[tokio::test]
async fn every_word_about_what_owners_set_is_one_of_the_texts() {
    let port = busy().await;
    let marked = format!("headcount_language={}", Language::Marked.as_str());
    let mut left = Vec::new();
    let secret = Regex::new(r#"<input class="secret"[^>]*>"#).unwrap();
    for (path, form) in [
        ("/settings/goals", "do=goal&name=1&kind=page&target=/1"),
        ("/settings/funnels", "do=funnel&name=1&steps=page+/1%0Apage+/2"),
        ("/settings/notes", "do=add&day=2026-11-24&text=1"),
        ("/settings/exclusions", "do=add&network=192.0.2.0/24"),
        ("/settings/sharing", "do=public&origins=https://friend.example"),
        ("/settings/sharing", "do=link&name=1&password=12345678&origins="),
        ("/settings/people", "do=invite&name=1&role=viewer"),
        ("/settings/tokens", "do=add&name=1&all=true&scope=stats:read"),
        ("/segments/keep", "name=1&filters=event:page%3D%3D/1"),
    ] {
        let post =
            port.client.post(format!("http://{}{path}", port.address)).header(COOKIE, &marked);
        let post = post.header("content-type", "application/x-www-form-urlencoded");
        let answer = post.body(form).send().await.unwrap();
        let (status, page) = (answer.status().as_u16(), answer.text().await.unwrap());
        assert!(status == 200 || status == 303, "{path}: {page}");
        // A secret has no words.
        let found = unmarked(&secret.replace_all(&page, ""));
        left.extend(found.into_iter().map(|text| format!("{path}: {text}")));
    }
    let pages = [
        "/?period=7d",
        "/?period=7d&filters=event:page%3D%3D/1",
        "/?segment=1",
        "/settings/goals",
        "/settings/funnels",
        "/settings/notes",
        "/settings/notes?edit=1",
        "/settings/segments",
        "/settings/exclusions",
        "/settings/sharing",
        "/settings/people",
        "/settings/tokens",
        "/public/example.org",
    ];
    left.extend(left_over(&port, &pages).await);
    let several = Port::open(Auth::new(None, &[]).unwrap(), &["a.example", "b.example"]).await;
    left.extend(left_over(&several, &["/", "/?site_id=a.example", "/settings/goals"]).await);
    let hash = crate::admin::passwords::hash("correct horse").unwrap();
    let guarded = Port::open(Auth::new(Some(&hash), &[]).unwrap(), &["example.org"]).await;
    left.extend(left_over(&guarded, &["/login"]).await);
    assert!(left.is_empty(), "not from the texts: {left:#?}");
}

#[tokio::test]
async fn a_demo_says_for_how_long_its_past_is_made_up() {
    let port = Port::open(Auth::new(None, &[]).unwrap(), &["example.org", "b.example"]).await;
    let pages = [
        "/",
        "/?site_id=example.org&period=12mo",
        "/?site_id=b.example&topic=speed",
        "/?site_id=b.example&details=pages",
    ];
    let said = async |language: &str, text: &str| {
        for path in pages {
            let (status, _, page) = seen(&port, path, "", language).await;
            assert_eq!(status, 200, "{path}");
            assert_eq!(page.contains(text), page.contains("made-up"), "{path}: {page}");
            assert_eq!(page.contains("made-up"), port.demo.percent().is_some(), "{path}: {page}");
        }
    };
    said("en", "still being made up").await;
    port.demo.makes_up(300);
    port.demo.makes_up(100);
    port.demo.made_up(170);
    said("en", "still being made up: 42%. Until then").await;
    said("de", "wird noch erfunden: 42\u{a0}%. Bis dahin").await;
    said("es", "se está inventando: 42\u{a0}%. Hasta entonces").await;
    port.demo.made_up(230);
    said("en", "still being made up").await;

    // And it is told where somebody begins to watch.
    assert_eq!([port.demo.looks(0), port.demo.looks(1)], [0, 0]);
    let stream = port.request("/api/live?site_id=b.example").send().await.unwrap();
    assert_eq!(stream.status(), 200);
    assert_eq!([port.demo.looks(0), port.demo.looks(1)], [0, 1]);
}
