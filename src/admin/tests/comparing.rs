//! What is compared with what on the dashboard, and what is said of it: by weekday, before the first
//! day that was counted, under a filter, on a page's own view; and how far visits came in funnels.

use super::details::rows;
use super::overview::{compared, counted, menu, steps, visitors};
use super::port::{Port, today};
use crate::model::rollup::{Dimension, Metric as Stored, slot};
use crate::model::row::Kind;
use crate::model::site::Day;
use chrono::Days;
use regex::Regex;
use std::sync::atomic::Ordering::Relaxed;

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

/// Visitors of the days from one to another, as [`counted`] has them.
fn sum(first: &str, last: &str) -> i64 {
    day(first).iter_days().take_while(|at| *at <= day(last)).map(visitors).sum()
}

/// What a tile says, without markup.
fn tile(page: &str, name: &str) -> String {
    let tile = page.split(&format!(r#"<span class="name">{name}</span>"#)).nth(1);
    let tile = tile.unwrap_or_else(|| panic!("no {name}: {page}")).split("</a>").next().unwrap();
    Regex::new("<[^>]*>")
        .unwrap()
        .replace_all(tile, " ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

/// The address of a period in the bar of periods.
fn period(page: &str, name: &str) -> String {
    let link = Regex::new(&format!(r#"<a href="([^"]*)"[^>]*>{name}</a>"#)).unwrap();
    let found = link.captures(page).unwrap_or_else(|| panic!("no {name}: {page}"));
    found[1].replace("&amp;", "&")
}

#[tokio::test]
async fn weekdays_are_matched_without_days_on_both_sides() {
    let port = counted().await;
    // 30 days before it is a Friday, and the nearest Sunday two days later.
    let path = "/?first=2026-10-25&last=2026-11-23&match_day_of_week=true";
    let (_, page) = port.get(path).await;
    let (line, name, _) = compared(&page);
    assert_eq!(line, "25 Oct – 23 Nov 2026, compared with 20 Sep – 19 Oct 2026, weekdays matched");
    assert_eq!(name, "Compare: Period before, weekdays matched");
    let before = format!("before: {}", sum("2026-09-20", "2026-10-19"));
    assert!(tile(&page, "Unique visitors").contains(&before), "{before}: {page}");
    let (_, page) = port.get("/?period=month&date=2026-10-05&match_day_of_week=true").await;
    let line = compared(&page).0;
    assert!(line.ends_with("compared with 27 Aug – 25 Sep 2026, weekdays matched"), "{line}");
    // Also what is moved by itself is not moved into itself.
    let (_, page) = port
        .get("/?first=2025-01-01&last=2025-12-31&compare=year_over_year&match_day_of_week=true")
        .await;
    let line = compared(&page).0;
    assert!(line.contains("compared with 27 Dec 2023 – 26 Dec 2024"), "{line}");
}

#[tokio::test]
async fn the_same_day_of_last_week_is_not_carried_to_other_periods() {
    let port = counted().await;
    let (_, page) = port.get("/?match_day_of_week=true").await;
    assert_eq!(compared(&page).1, "Compare: Same day last week");
    for name in ["7d", "30d", "Month", "12mo", "24 hours"] {
        assert!(!period(&page, name).contains("match_day"), "{name}");
    }
    assert!(period(&page, "Yesterday").contains("match_day_of_week=true"));
    let (_, of_week) = port.get(&period(&page, "7d")).await;
    assert_eq!(compared(&of_week).1, "Compare: Period before");
    // What is said in the menu stays where it is said, and goes where it would be another choice.
    let (_, page) = port.get("/?period=7d&match_day_of_week=true").await;
    assert!(
        period(&page, "30d").contains("match_day") && !period(&page, "Today").contains("match_day")
    );
    let (_, page) = port.get("/?compare=year_over_year&match_day_of_week=true").await;
    assert!(period(&page, "7d").contains("match_day_of_week=true"));
}

/// A site that was first counted on a day.
async fn counted_from(first: Day) -> Port {
    let port = Port::local().await;
    for at in first.iter_days().take_while(|at| *at <= today()) {
        let n = visitors(at);
        let of_total = |metric, n| (Dimension::Total, "", metric, n);
        let fields = [
            of_total(Stored::Visitors, n),
            of_total(Stored::Visits, n),
            of_total(Stored::Bounces, n / 3),
            of_total(Stored::VisitViews, 2 * n),
            of_total(Stored::Server, 2 * n),
        ];
        port.store.add("example.org", at, &fields);
    }
    port
}

/// The texts of a table's heads, but for the arrow of the one that it is sorted by.
fn heads(page: &str) -> Vec<String> {
    let head = Regex::new(r#"(?s)<th scope="col"[^>]*>(.*?)</th>"#).unwrap();
    let tag = Regex::new(r"<[^>]*>").unwrap();
    let text = |of: &str| tag.replace_all(of, "").trim_end_matches([' ', '↓', '↑']).to_owned();
    head.captures_iter(page).map(|of| text(&of[1])).collect()
}

#[tokio::test]
async fn a_charts_own_page_is_compared_as_its_menu_says() {
    let port = counted().await;
    let (first, last) = (day("2026-11-16"), day("2026-11-22"));
    let path = format!("/?details=chart&first={first}&last={last}&interval=day");
    // Visitors of each day, now and before, as the page's table has them.
    let told = |page: &str| -> Vec<(String, Option<String>)> {
        let heads = heads(page);
        let at = |name: &str| heads.iter().position(|head| head == name);
        let (now, before) = (at("Unique visitors").unwrap(), at("Unique visitors: Before"));
        rows(page)
            .into_iter()
            .map(|row| (row[now].clone(), before.map(|at| row[at].clone())))
            .collect()
    };
    let counted = |before: Option<Day>| -> Vec<(String, Option<String>)> {
        let days = first.iter_days().take_while(|day| *day <= last);
        (0..)
            .zip(days)
            .map(|(nth, day)| {
                let before = before.map(|first| visitors(first + Days::new(nth)).to_string());
                (visitors(day).to_string(), before)
            })
            .collect()
    };
    let (_, page) = port.get(&path).await;
    let (name, links) = menu(&page);
    assert_eq!(name, "Compare: Period before");
    assert_eq!(told(&page), counted(Some(day("2026-11-09"))));
    let names: Vec<_> = links.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["Period before", "Year before", "Nothing"]);
    for (name, link) in &links {
        let before = match &**name {
            "Period before" => Some(day("2026-11-09")),
            "Year before" => Some(day("2025-11-16")),
            _ => None,
        };
        // Also where it is sorted by what is not there without a comparison.
        for link in [link.clone(), format!("{link}&sort=before_visitors&search=2026")] {
            let (status, page) = port.get(&link).await;
            assert_eq!(status, 200, "{link}: {page}");
            assert_eq!(menu(&page).0, format!("Compare: {name}"));
            let (mut told, mut counted) = (told(&page), counted(before));
            told.sort();
            counted.sort();
            assert_eq!(told, counted, "{link}");
        }
    }
    // Its form stays on the page, as do others of its kind; without numbers of before there is none.
    let form = page.split(r#"id="compare""#).nth(1).unwrap().split("</details>").next().unwrap();
    assert!(form.contains(r#"name="details" value="chart""#), "{form}");
    let other = format!("{path}&compare_first=2026-01-05&compare_last=2026-01-11");
    let (_, page) = port.get(&other).await;
    assert_eq!(menu(&page).0, "Compare: Other days");
    assert_eq!(told(&page), counted(Some(day("2026-01-05"))));
    let (_, page) = port.get(&path.replace("chart", "totals")).await;
    assert_eq!(menu(&page).0, "Compare: Period before");
    let before = sum("2026-11-09", "2026-11-15").to_string();
    assert_eq!(rows(&page)[0][2], before, "{page}");
    let (_, page) = port.get(&path.replace("chart", "pages")).await;
    assert!(!page.contains(r#"id="compare""#), "{page}");
}

#[tokio::test]
async fn what_was_not_counted_is_no_zero_to_compare_with() {
    let port = counted_from(day("2025-11-15")).await;
    let path = "/?first=2026-10-25&last=2026-11-23&compare=year_over_year&metric=visitors";
    let (_, page) = port.get(path).await;
    assert_eq!(
        compared(&page).0,
        "25 Oct – 23 Nov 2026; not compared with 25 Oct – 23 Nov 2025: there are no data before 15 Nov 2025"
    );
    let now = sum("2026-10-25", "2026-11-23");
    for (name, value) in [("Unique visitors", now.to_string()), ("Bounce rate", String::new())] {
        let tile = tile(&page, name);
        assert!(
            tile.starts_with(&value) && tile.contains("– no data before 15 Nov 2025"),
            "{tile}"
        );
        assert!(!tile.contains("before:"), "{tile}");
    }
    assert!(!page.contains("change good") && !page.contains("change bad"), "{page}");
    // The chart shows what there is of it, and of which year.
    let drawn = steps(&page);
    let before = |at: &str| drawn[at].1.clone().unwrap();
    assert_eq!(before("2026-11-14"), "–");
    for at in ["2026-11-15", "2026-11-23"] {
        let then = day(at) - chrono::Months::new(12);
        assert_eq!(before(at), visitors(then).to_string(), "{at}");
    }
    assert!(page.contains("; Sat, 15 Nov 2025: "), "{page}");

    // Nothing of it was counted.
    let (_, page) = port.get("/?first=2025-11-15&last=2025-11-20").await;
    assert_eq!(
        compared(&page).0,
        "15–20 Nov 2025; not compared with 9–14 Nov 2025: there are no data before 15 Nov 2025"
    );
    // All of it was.
    let (_, page) = port.get("/?first=2025-11-21&last=2025-11-26").await;
    let before = format!("before: {}", sum("2025-11-15", "2025-11-20"));
    assert!(tile(&page, "Unique visitors").contains(&before), "{page}");
}

#[tokio::test]
async fn a_day_without_visitors_is_no_day_without_data() {
    let port = Port::local().await;
    let of = |ago: u64, n| {
        let fields = [
            (Dimension::Total, "", Stored::Visitors, n),
            (Dimension::Total, "", Stored::Server, n),
        ];
        port.store.add("example.org", today() - Days::new(ago), &fields);
    };
    // Of 11 to 17 days ago nobody came on the first three.
    for (ago, n) in [(200, 1), (14, 10), (7, 30), (1, 2)] {
        of(ago, n);
    }
    let week = "/?period=7d&date=2026-11-23";
    let (_, page) = port.get(week).await;
    let line = compared(&page).0;
    assert_eq!(line, "16–22 Nov 2026, compared with 9–15 Nov 2026");
    assert!(tile(&page, "Unique visitors").contains("↑ up 200% before: 10"), "{page}");
    // The store was asked how far back it goes, and is not asked again at once.
    port.store.versions_asked.store(0, Relaxed);
    port.get(week).await;
    assert_eq!(port.store.versions_asked.load(Relaxed), 14);
}

#[tokio::test]
async fn no_change_is_called_unchanged() {
    let port = Port::local().await;
    for at in ["2026-11-20", "2026-11-21"] {
        let fields = [
            (Dimension::Total, "", Stored::Visitors, 7),
            (Dimension::Total, "", Stored::Server, 9),
        ];
        port.store.add("example.org", day(at), &fields);
    }
    let (_, page) = port.get("/?period=day&date=2026-11-21").await;
    assert!(tile(&page, "Unique visitors").starts_with("7 → 0% unchanged before: 7"), "{page}");
    assert!(!page.contains(">up <"), "{page}");
}

#[tokio::test]
async fn the_last_day_so_far_is_compared_with_the_same_part_of_another() {
    let port = Port::local().await;
    let hours = |at: Day, until: i64, n: i64| {
        let midnight = at.and_hms_opt(0, 0, 0).unwrap().and_utc().timestamp_millis();
        for hour in 0..until {
            // Of Berlin in winter.
            let slot = slot(midnight + (hour - 1) * crate::clock::HOUR).to_string();
            let fields = [
                (Dimension::Slot, &*slot, Stored::Server, n),
                (Dimension::FirstSeen, &*slot, Stored::Visitors, n),
                (Dimension::Total, "", Stored::Visitors, n),
                (Dimension::Total, "", Stored::Server, n),
            ];
            port.store.add("example.org", at, &fields);
        }
    };
    for ago in 1..20 {
        hours(today() - Days::new(ago), 24, 2);
    }
    hours(today(), 15, 3);
    for (interval, at, before) in
        [("day", "2026-11-24", 16 * 2), ("hour", "2026-11-24 15:00:00", 2)]
    {
        let path = format!("/?period=7d&interval={interval}&metric=pageviews");
        let (_, page) = port.get(&path).await;
        assert_eq!(steps(&page)[at].1, Some(before.to_string()), "{interval}");
        assert_eq!(page.contains("; Mon, 16 Nov until 15:30: 32"), interval == "day", "{page}");
    }
    let totals = 7 * 24 * 2 + 16 * 2;
    let (_, page) = port.get("/?period=7d").await;
    assert!(tile(&page, "Pageviews").contains(&format!("before: {totals}")), "{page}");
}

#[tokio::test]
async fn a_page_is_compared_on_its_own_view_as_under_a_filter() {
    let port = Port::local().await;
    // One of each day is at this time of day, which is over when the others are not.
    for (ago, n) in [(0, 3), (1, 3), (2, 4), (3, 1)] {
        let at = today() - Days::new(ago);
        port.store.view("example.org", at, &[("/a", &[][..]); 5][..n]);
        let n = n as i64;
        let fields = [
            (Dimension::Page, "/a", Stored::Server, n),
            (Dimension::Page, "/a", Stored::Visits, n),
            (Dimension::Page, "/a", Stored::Visitors, n),
        ];
        port.store.add("example.org", at, &fields);
    }
    for (time, now, change, before) in
        [("period=day", 3, "50%", 2), ("first=2026-11-23&last=2026-11-24", 6, "50%", 4)]
    {
        let (_, own) = port.get(&format!("/?page=/a&{time}")).await;
        let (_, filtered) = port.get(&format!("/?filters=event:page%3D%3D/a&{time}")).await;
        let line = compared(&own).0;
        assert_eq!(line, compared(&filtered).0);
        assert!(line.contains("until 15:30"), "{line}");
        for page in [&own, &filtered] {
            let tile = tile(page, "Pageviews");
            assert!(tile.starts_with(&now.to_string()) && tile.contains(change), "{tile}");
            assert!(tile.contains(&format!("before: {before}")), "{tile}");
        }
    }
    let (_, own) = port.get("/?page=/a&first=2026-11-23&last=2026-11-24&metric=pageviews").await;
    let before: Vec<_> = steps(&own).into_values().map(|(_, before)| before.unwrap()).collect();
    assert_eq!(before, ["1", "3"], "of each day, the last one until now");
}

#[tokio::test]
async fn the_menu_stands_where_it_has_an_effect() {
    let port = counted().await;
    for path in
        ["/?topic=bots", "/?topic=errors", "/?topic=speed", "/?topic=files", "/?details=pages"]
    {
        assert!(!port.get(path).await.1.contains(r#"id="compare""#), "{path}");
    }
    for path in ["/", "/?page=/a", "/?filters=bot:class%3D%3Dseo"] {
        assert!(port.get(path).await.1.contains(r#"id="compare""#), "{path}");
    }
}

/// What a card holds, by its heading.
fn card<'p>(page: &'p str, heading: &str) -> &'p str {
    let card = page.split(&format!("<h2>{heading}</h2>")).nth(1);
    card.unwrap_or_else(|| panic!("no {heading}: {page}")).split("</section>").next().unwrap()
}

/// Visits at each step of a funnel.
fn funnel(card: &str) -> Vec<String> {
    let step = Regex::new("</strong><span>([^<]*)<").unwrap();
    step.captures_iter(card).map(|found| found[1].to_owned()).collect()
}

#[tokio::test]
async fn funnels_say_what_they_count_and_lead_to_it() {
    use Kind::{Event, View};
    let port = Port::local().await;
    let (cart, pay, bought) = ((View, "/cart"), (View, "/checkout"), (Event, "Purchase"));
    let visits = [&[cart, pay, bought][..], &[cart, pay], &[cart], &[cart]];
    for (nth, did) in (1..).zip(visits) {
        port.store.visit("example.org", today(), nth, did);
    }
    let all = "filters=visit:suspected!%3Dyes";
    let (_, page) = port.get(&format!("/?{all}")).await;
    let shown = card(&page, "Checkout");
    assert_eq!(funnel(shown), ["4", "2", "1"]);
    assert!(shown.contains("Visits that took these steps in this order."), "{shown}");
    // Each step filters by it.
    let links = Regex::new(r#"<strong title="[^"]*"><a href="([^"]*)""#).unwrap();
    let links: Vec<_> =
        links.captures_iter(shown).map(|found| found[1].replace("&amp;", "&")).collect();
    for (link, visitors) in links.iter().zip(["4", "2", "1"]) {
        let (_, page) = port.get(link).await;
        let name = if link.contains("event%3Aname") { "Visitors" } else { "Unique visitors" };
        assert!(tile(&page, name).starts_with(visitors), "{link}: {}", tile(&page, name));
    }
    assert_eq!(links.len(), 3);

    // All that bought have come to the end: of them a funnel says nothing.
    let (_, page) = port.get("/?filters=event:name%3D%3DPurchase").await;
    let shown = card(&page, "Checkout");
    assert_eq!(funnel(shown), ["4", "2", "1"]);
    assert!(shown.contains("Shown without the filter by its goal"), "{shown}");
    let pages = page.split(r#"id="pages""#).nth(1).unwrap().split("</section>").next().unwrap();
    let tabs = pages.split("</nav>").next().unwrap();
    let [began, happened] = ["Where visits began", "Where it happened"].map(|tab| tabs.find(tab));
    assert!(began.is_some() && began < happened, "{tabs}");
    assert!(tabs[..began.unwrap()].ends_with(r#"aria-current="true">"#), "{tabs}");
    assert!(!port.get("/").await.1.contains("Where visits began"));

    // Who is shown these only is not shown the others so.
    let send = async |action: &str, form: &str| {
        let url = format!("http://{}{action}", port.address);
        let form = port.client.post(url).body(form.to_owned());
        form.send().await.unwrap().headers()["location"].to_str().unwrap().to_owned()
    };
    send("/segments/keep", "name=Buyers&filters=event:name%3D%3DPurchase").await;
    let settings = send("/settings/sharing", "do=link&name=Some&segment=1").await;
    let (_, settings) = port.get(&settings).await;
    let link = Regex::new(r#"href="(/share/[^"?]*)"#).unwrap();
    let link =
        link.captures(&settings).unwrap_or_else(|| panic!("no link: {settings}"))[1].to_owned();
    let (_, page) = port.get(&link).await;
    assert_eq!(funnel(card(&page, "Checkout")), ["1", "1", "1"]);

    // Of those who did something else it does.
    port.store.visit("example.org", today(), 9, &[cart, (Event, "Signup")]);
    let (_, page) = port.get("/?filters=event:goal%3D%3DSignup").await;
    let shown = card(&page, "Checkout");
    assert_eq!(funnel(shown), ["1", "nobody", "nobody"]);
    assert!(shown.contains("Nobody got through") && !shown.contains(">0%"), "{shown}");
}

#[tokio::test]
async fn how_far_a_page_was_read_says_of_which_views() {
    let port = Port::local().await;
    let depth =
        |page: &str, tenth: u8| crate::model::rollup::join(["desktop", &tenth.to_string(), page]);
    let (read, left, error) = (depth("/a", 10), depth("/a", 3), depth("/gone", 10));
    let fields = [
        (Dimension::Total, "", Stored::Server, 9),
        (Dimension::Page, "/a", Stored::Server, 9),
        (Dimension::ScrollMap, &*read, Stored::Events, 2),
        (Dimension::ScrollMap, &*left, Stored::Events, 6),
        (Dimension::ScrollMap, &*error, Stored::Events, 4),
    ];
    port.store.add("example.org", today(), &fields);
    let (_, page) = port.get("/?page=/a").await;
    assert!(
        page.contains(
            "<dt>Read to the end, of 8 views whose scroll depth is known</dt><dd>25%</dd>"
        ),
        "{page}"
    );
    // Nobody viewed what is not there.
    let (_, page) = port.get("/?page=/gone").await;
    assert!(!page.contains("Read to the end"), "{page}");
}
