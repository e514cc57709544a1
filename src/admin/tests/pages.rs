//! The dashboard: what it shows, whatever values it is given.

use super::port::{NOW, Port, today};
use crate::admin::{Auth, assets};
use crate::language::Language;
use crate::model::rollup::{Dimension, Metric as Stored};
use crate::telemetry::Untagged;
use regex::Regex;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

const HOSTILE: [&str; 6] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "/a|b;c*d\\e",
    "' onmouseover='alert(1)",
    "&lt;already&gt;",
];

/// A port with every hostile value in every dimension.
async fn attacked() -> Port {
    let port = Port::local().await;
    let mut fields = vec![
        (Dimension::Total, "", Stored::Visitors, 12),
        (Dimension::Total, "", Stored::Server, 30),
        (Dimension::Total, "", Stored::Confirmed, 10),
        (Dimension::Total, "", Stored::Browser, 5),
    ];
    let kept = |d: &&Dimension| !matches!(d, Dimension::Total | Dimension::Slot);
    for dimension in Dimension::ALL.iter().filter(kept) {
        for value in HOSTILE {
            for metric in [Stored::Visitors, Stored::Visits, Stored::Server, Stored::Responses] {
                fields.push((*dimension, value, metric, 2));
            }
        }
    }
    port.store.add("example.org", today(), &fields);
    port
}

fn links(page: &str) -> BTreeSet<String> {
    // What changes something leads nowhere.
    let page = Regex::new(r#"<form[^>]*method="post"[^>]*>"#).unwrap().replace_all(page, "");
    let href = Regex::new(r#"(?:href|src|action)="([^"]*)""#).unwrap();
    href.captures_iter(&page).map(|c| c[1].replace("&amp;", "&")).collect()
}

#[tokio::test]
async fn every_link_leads_somewhere_and_every_value_is_only_text() {
    let port = attacked().await;
    let tag = Regex::new(r"<(/?[a-zA-Z0-9]+)([^>]*)>").unwrap();
    let quoted = Regex::new(r#"="[^"]*""#).unwrap();
    let [icon, script] = ["icon.svg", "dashboard.js"].map(assets::path);
    let mut seen = BTreeSet::new();
    let mut ahead = vec!["/".to_owned(), "/?period=30d".to_owned()];
    while let Some(path) = ahead.pop() {
        // Tabs, filters and periods multiply; this many pages have seen each of them.
        if !seen.insert(path.clone()) || seen.len() > 150 {
            continue;
        }
        let (status, page) = port.get(path.split('#').next().unwrap()).await;
        assert!(status.is_success(), "{path}: {status}");
        // The documentation's are looked at where it is made.
        if !page.starts_with("<!DOCTYPE html>") || path.starts_with("/docs") {
            continue;
        }
        for found in tag.captures_iter(&page) {
            let (name, attributes) = (&found[1], &found[2]);
            assert!(name != "img" || attributes.contains(&icon), "{path}: {found:?}");
            assert!(name != "script" || attributes.contains(&script), "{path}");
            let names = quoted.replace_all(attributes, "");
            let scripted = |name: &str| name.starts_with("on") || name.starts_with("style");
            assert!(!names.split_whitespace().any(scripted), "{path}: {found:?}");
            assert!(!names.contains(['"', '\'', '=', '&']), "{path}: {found:?}");
        }
        for link in links(&page).into_iter().filter(|link| link != "#numbers-of-all") {
            assert!(link.starts_with('/') && !link.starts_with("//"), "{path}: {link}");
            ahead.push(link);
        }
    }
    assert!(seen.len() > 50, "{}", seen.len());
}

#[tokio::test]
async fn a_row_filters_by_its_own_value() {
    let port = attacked().await;
    let row = Regex::new(r#"(?s)id="pages".*?<tbody>(.*?)</tbody>"#).unwrap();
    for value in HOSTILE {
        let page = crate::report::Property::parse("event:page").unwrap();
        let filter =
            crate::report::conditions::write(&crate::report::Condition::of_row(&page, value));
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("filters", &filter)
            .append_pair("period", "7d")
            .finish();
        let (_, shown) = port.get(&format!("/?{query}")).await;
        let rows = &row.captures(&shown).unwrap()[1];
        assert_eq!(rows.matches("<tr>").count(), 1, "{value}");
        assert!(shown.contains("Remove the filter"), "{value}");
    }
}

#[tokio::test]
async fn totals_evidence_and_notes_are_there() {
    let port = attacked().await;
    let (_, page) = port.get("/").await;
    for text in [
        "example.org",
        "current ",
        "Unique visitors",
        ">12<",
        ">35<",
        "Server only",
        ">20<",
        "57%",
        "Days are days in Europe/Berlin",
        "a sum of days",
        "Show as a table",
    ] {
        assert!(page.contains(text), "no {text}");
    }
}

#[tokio::test]
async fn an_empty_site_says_what_to_do() {
    let port = Port::open(Auth::new(None, &[]).unwrap(), &["a.example", "b.example"]).await;
    let (status, page) = port.get("/?site_id=a.example").await;
    assert_eq!(status, 200);
    assert!(
        page.contains("Waiting for the first pageview")
            && page.contains("within 10 s of the first visit")
    );
    assert!(page.contains("site_id=b.example"), "the other site is a click away");
}

#[tokio::test]
async fn where_there_are_several_sites_they_come_first() {
    let port = Port::open(Auth::new(None, &[]).unwrap(), &["a.example", "b.example"]).await;
    let (status, page) = port.get("/").await;
    assert_eq!(status, 200);
    for link in ["/?site_id=a.example", "/?site_id=b.example"] {
        assert!(page.contains(link), "no {link}");
    }
    let (status, page) = port.get("/?period=7d").await;
    assert!(status == 400 && page.contains("There is more than one site"), "{page}");
}

#[tokio::test]
async fn what_cannot_be_shown_says_why() {
    let port = Port::local().await;
    for (path, status, names) in [
        ("/?period=fortnight", 400, "`fortnight`"),
        ("/?filters=nonsense", 400, "`nonsense`"),
        ("/?first=2026-11-02&last=2026-11-01", 400, "first day is after the last"),
        ("/?site_id=other.example", 401, "no site <code>other.example</code>"),
        ("/?perod=7d", 400, "did you mean `period`?"),
        ("/?compare=year", 400, "`year`"),
        ("/?compare=custom", 400, "needs `date=FIRST,LAST`"),
        ("/?period=30d&interval=hour", 400, "`hour`"),
        ("/?metric=visitor", 400, "did you mean `visitors`?"),
        ("/?topic=bot", 400, "did you mean `bots`?"),
        ("/?filters=event:goal%3D%3DNope", 400, "There is no goal “<bdi>Nope</bdi>”"),
    ] {
        let (got, page) = port.get(path).await;
        assert_eq!(got, status, "{path}");
        assert!(page.contains(names) && page.contains("Back to the dashboard"), "{path}: {page}");
    }
    assert!(!port.request("/?period=no").send().await.unwrap().headers().contains_key("refresh"));
    let (status, page) = port.get("/?first=2026-11-01&last=2026-11-02").await;
    assert_eq!(status, 200);
    assert!(page.contains("1–2 Nov 2026"));
}

#[tokio::test]
async fn pages_without_the_tag_are_spoken_of() {
    let port = Port::local().await;
    assert!(!port.get("/").await.1.contains("without the script"));
    port.telemetry.untagged(Untagged::Policy).add(3);
    port.telemetry.untagged(Untagged::Amp).add(2);
    let (_, page) = port.get("/").await;
    for line in ["policy forbids the script or its reports: 3 since", "they are AMP pages: 2 since"]
    {
        assert!(page.contains(line), "{page}");
    }
    assert!(!page.contains("compressed"));
    let (_, metrics) = port.get("/metrics").await;
    for (reason, n) in [("policy", 3), ("amp", 2), ("coding", 0)] {
        let line = format!("headcount_pages_untagged_total{{reason=\"{reason}\"}} {n}");
        assert!(metrics.contains(&line), "{metrics}");
    }
}

#[tokio::test]
async fn a_store_out_of_reach_is_asked_again_and_nothing_is_promised() {
    let port = Port::local().await;
    port.store.down.store(true, Ordering::Relaxed);
    let away = port.request("/?period=7d").send().await.unwrap();
    assert_eq!(away.status(), 503);
    // Without an address: the same page, whatever it shows.
    assert_eq!(away.headers()["refresh"], "5");
    assert_eq!(away.headers()["retry-after"], "5");
    let page = away.text().await.unwrap();
    assert!(page.contains("it is down") && page.contains("again every 5 s"), "{page}");
    assert!(!page.contains("Nothing is lost"), "a store may come back without what it had");
    port.store.down.store(false, Ordering::Relaxed);
    assert_eq!(port.get("/?period=7d").await.0, 200);
}

#[tokio::test]
async fn a_page_says_when_it_was_read() {
    let port = attacked().await;
    let (_, page) = port.get("/").await;
    assert!(page.contains(r#"<time id="read">Tue, 24 Nov, 15:30:00</time>"#), "{page}");
    assert!(page.contains(r#"<p id="stale" role="status"></p>"#) && !page.contains("pulse quiet"));
    // The store can be read, and takes nothing.
    port.telemetry.flushed(false, NOW - 1_000);
    port.telemetry.flushed(false, NOW);
    let (_, page) = port.get("/").await;
    assert!(page.contains("what was counted since Tue, 24 Nov, 15:29:59."), "{page}");
    assert!(page.contains("pulse quiet"));
    port.telemetry.flushed(true, NOW);
    assert!(!port.get("/").await.1.contains("counted since"));
}

#[tokio::test]
async fn numbers_of_before_say_so_in_the_language_of_the_page() {
    for (say, frame, why) in [
        (
            Language::English,
            "Not up to date: these are the numbers of Tue, 24 Nov, 15:30:00. The store cannot be read. Trying again.",
            "The store cannot be read",
        ),
        (
            Language::German,
            "Nicht aktuell: Dies sind die Zahlen von Di., 24. Nov., 15:30:00. Der Speicher lässt sich nicht lesen. Neuer Versuch läuft.",
            "Der Speicher lässt sich nicht lesen",
        ),
        (
            Language::Spanish,
            "Sin actualizar: estos son los números de mar, 24 nov, 15:30:00. No se puede leer el almacén. Reintentando.",
            "No se puede leer el almacén",
        ),
    ] {
        for sites in [&["example.org"][..], &["a.example", "b.example"]] {
            let port = Port::open(Auth::new(None, &[]).unwrap(), sites).await;
            assert_eq!(port.get_in(say, "/").await.0, 200);
            port.store.down.store(true, Ordering::Relaxed);
            let (status, page) = port.get_in(say, "/").await;
            assert_eq!(status, 200, "{page}");
            // What the store says itself stands behind it, as what it is.
            let stale = page.split(r#"<p id="stale" role="status">"#).nth(1).unwrap();
            let stale = stale.split("</p>").next().unwrap();
            let detail = stale.strip_prefix(&format!("{frame} <code lang=\"en\">"));
            let detail = detail.and_then(|detail| detail.strip_suffix("</code>"));
            assert!(detail.is_some_and(|detail| detail.contains("it is down")), "{stale}");
        }
        // So does a page without numbers, from which the script takes both.
        let port = Port::local().await;
        port.store.down.store(true, Ordering::Relaxed);
        let (status, page) = port.get_in(say, "/").await;
        assert_eq!(status, 503);
        assert!(page.contains(&format!(r#"<p id="why">{why}</p>"#)), "{page}");
        let detail = page.split(r#"<code id="detail" lang="en">"#).nth(1).unwrap();
        assert!(detail.split('<').next().unwrap().contains("it is down"), "{page}");
    }
}

#[tokio::test]
async fn the_map_shows_the_countries_of_the_table() {
    let port = Port::local().await;
    let of = |code: &'static str, n| (Dimension::Country, code, Stored::Visitors, n);
    let fields = [of("DE", 9), of("FR", 1), of("(unknown)", 5), of("\"x", 3)];
    port.store.add("example.org", today(), &fields);
    for path in ["/", "/?details=places"] {
        let (_, page) = port.get(path).await;
        let shape = r##"<title>([^<]*)</title><use class="(shade-\d)" href="[^"#]*#(\w+)""##;
        let shape = Regex::new(shape).unwrap();
        let shaded: Vec<_> = shape.captures_iter(&page).map(|found| found.extract().1).collect();
        let germany = ["🇩🇪 Germany · Visitors: 9", "shade-5", "DE"];
        assert_eq!(shaded, [germany, ["🇫🇷 France · Visitors: 1", "shade-2", "FR"]], "{path}");
    }
}

/// As its licence wants it, wherever places may be shown.
#[tokio::test]
async fn whose_places_are_shown_is_said_where_it_must_be() {
    let link = r#"<a href="https://db-ip.com/" rel="noreferrer">IP Geolocation by DB-IP</a>"#;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/geo");
    for (file, said) in [("dbip-city-ipv4.mmdb", 1), ("cities.mmdb", 0)] {
        let port = Port::with_places(&format!("{folder}/{file}")).await;
        for path in ["/", "/?period=30d", "/?details=places"] {
            let (_, page) = port.get(path).await;
            assert_eq!(page.matches(link).count(), said, "{file}: {path}: {page}");
        }
    }
}
