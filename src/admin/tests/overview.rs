//! The overview's numbers are those of the API, and of what was counted: totals, changes, steps and
//! what each is compared with, in every interval and by every comparison.

use super::port::{Port, today};
use crate::language::Language;
use crate::model::rollup::{Dimension, Metric as Stored};
use crate::model::site::Day;
use chrono::{Datelike, Days, Months};
use regex::Regex;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// Visitors of a day: something else on most.
pub(super) fn visitors(day: Day) -> i64 {
    i64::from(day.ordinal() * 7 % 23 + day.year() as u32 % 5)
}

pub(super) async fn counted() -> Port {
    let port = Port::local().await;
    let first = today() - Months::new(26);
    for day in first.iter_days().take_while(|day| *day <= today()) {
        let n = visitors(day);
        let fields = [
            (Dimension::Total, "", Stored::Visitors, n),
            (Dimension::Total, "", Stored::ConfirmedVisitors, n / 2),
            (Dimension::Total, "", Stored::Visits, n),
            (Dimension::Total, "", Stored::Bounces, n / 3),
            (Dimension::Total, "", Stored::VisitViews, 3 * n),
            (Dimension::Total, "", Stored::Duration, 61_000 * n),
            (Dimension::Total, "", Stored::Server, 2 * n),
            (Dimension::Total, "", Stored::Confirmed, n),
            (Dimension::Total, "", Stored::Browser, n),
        ];
        port.store.add("example.org", day, &fields);
    }
    port
}

/// Of each step of the chart: its value, and what it is compared with.
pub(super) fn steps(page: &str) -> BTreeMap<String, (String, Option<String>)> {
    let step =
        Regex::new(r#"class="step"[^>]*aria-label="([^"]*)"[^>]*data-at="([^"]*)""#).unwrap();
    let value = |text: &str| text.rsplit(' ').next().unwrap().to_owned();
    step.captures_iter(page)
        .map(|found| match found[1].split_once("; ") {
            Some((now, before)) => (found[2].to_owned(), (value(now), Some(value(before)))),
            None => (found[2].to_owned(), (value(&found[1]), None)),
        })
        .collect()
}

fn shown(n: &Json) -> String {
    n.as_i64().map_or_else(|| "–".into(), |n| Language::English.grouped(n))
}

#[tokio::test]
async fn every_step_is_what_the_api_answers() {
    let port = counted().await;
    let (last, far) = ("2026-11-23", "2024-10-01");
    for (first, last) in
        [("2026-11-16", last), ("2026-10-25", last), ("2026-09-01", "2026-10-31"), (far, last)]
    {
        for interval in ["day", "week", "month"] {
            for (mode, more) in [
                ("previous_period", ""),
                ("year_over_year", ""),
                ("year_over_year", "&match_day_of_week=true"),
                ("custom", "&compare_first=2026-01-05&compare_last=2026-02-10"),
            ] {
                let path = format!(
                    "/?first={first}&last={last}&interval={interval}&compare={mode}{more}&metric=pageviews"
                );
                let (status, page) = port.get(&path).await;
                if status == 400 {
                    assert!(page.contains("unknown interval of this period"), "{path}: {page}");
                    continue;
                }
                let mut comparison = json!({ "mode": mode });
                if mode == "custom" {
                    comparison["date_range"] = json!(["2026-01-05", "2026-02-10"]);
                }
                if more.starts_with("&match") {
                    comparison["match_day_of_week"] = true.into();
                }
                let question = json!({
                    "metrics": ["pageviews"],
                    "date_range": [first, last],
                    "dimensions": [format!("time:{interval}")],
                    "include": { "comparisons": comparison },
                });
                let (status, answer) = port.query(&question).await;
                assert_eq!(status, 200, "{answer}");
                let results = answer["results"].as_array().unwrap();
                let drawn = steps(&page);
                assert_eq!(drawn.len(), results.len(), "{path}");
                // Weeks and months that begin elsewhere are no match.
                let compared = drawn.values().any(|(_, before)| before.is_some());
                assert!(compared || interval != "day", "{path}");
                for row in results {
                    let at = row["dimensions"][0].as_str().unwrap();
                    let (now, before) = &drawn[at];
                    assert_eq!(*now, shown(&row["metrics"][0]), "{path}, {at}");
                    let then = row.get("comparison").map(|before| {
                        // Nothing was counted then, which is no zero here.
                        let at: Day = before["dimensions"][0].as_str().unwrap().parse().unwrap();
                        let is_told = at >= today() - Months::new(26);
                        if is_told { shown(&before["metrics"][0]) } else { "–".into() }
                    });
                    if compared {
                        assert_eq!(*before, then, "{path}, {at}");
                    }
                }
                // And what was counted.
                let range = first.parse::<Day>().unwrap();
                let days = range.iter_days().take_while(|day| day.to_string().as_str() <= last);
                let sum: i64 = days.map(|day| 3 * visitors(day)).sum();
                let whole: i64 = drawn
                    .values()
                    .map(|(now, _)| now.replace(',', "").parse::<i64>().unwrap())
                    .sum();
                assert_eq!(whole, sum, "{path}");
            }
        }
    }
}

#[tokio::test]
async fn weeks_are_compared_where_they_begin_alike() {
    let port = counted().await;
    let compared = async |more: &str| {
        let (_, page) =
            port.get(&format!("/?first=2026-10-25&last=2026-11-23&interval=week{more}")).await;
        steps(&page).values().filter(|(_, before)| before.is_some()).count()
    };
    assert_eq!(compared("").await, 0, "30 days before it is another weekday");
    assert!(compared("&match_day_of_week=true").await >= 4);
    assert_eq!(compared("&compare=none").await, 0);
}

#[tokio::test]
async fn tiles_tell_a_number_its_change_and_how_much_is_confirmed() {
    let port = counted().await;
    let (_, page) = port.get("/?first=2026-11-01&last=2026-11-20&compare=year_over_year").await;
    let sum = |first: &str| {
        let days = first.parse::<Day>().unwrap().iter_days().take(20);
        days.fold([0, 0], |[all, half], day| [all + visitors(day), half + visitors(day) / 2])
    };
    let ([now, confirmed], [before, _]) = (sum("2026-11-01"), sum("2025-11-01"));
    let change = ((now - before) as f64 / before as f64 * 100.0).round();
    let tile = Regex::new(
        r#"(?s)<a class="tile" href="([^"]*)"([^>]*)><span class="name">([^<]*)</span>(.*?)</a>"#,
    )
    .unwrap();
    let tiles: BTreeMap<String, (String, bool, String)> = tile
        .captures_iter(&page)
        .map(|found| {
            let text = Regex::new("<[^>]*>").unwrap().replace_all(&found[4], "").into_owned();
            (
                found[3].to_owned(),
                (found[1].replace("&amp;", "&"), found[2].contains("aria-current"), text),
            )
        })
        .collect();
    let text = |name: &str| tiles[name].2.as_str();
    assert!(text("Unique visitors").starts_with(&now.to_string()), "{tiles:?}");
    assert!(text("Unique visitors").contains(&format!("{}%", change.abs())), "{tiles:?} {change}");
    let share = format!("{:.0}% confirmed", confirmed as f64 / now as f64 * 100.0);
    assert!(text("Unique visitors").ends_with(&share), "{tiles:?} {share}");
    assert!(text("Pageviews").ends_with("50% confirmed"), "{tiles:?}");
    assert!(text("Visit duration").starts_with("1m 01s"), "{tiles:?}");
    assert!(!text("Bounce rate").contains("confirmed"), "of bounces it is not counted");
    // Each leads to a chart of its own.
    assert_eq!(tiles.values().filter(|(_, chosen, _)| *chosen).count(), 1);
    for (name, (link, ..)) in &tiles {
        let (_, page) = port.get(link).await;
        let label = format!(r#"role="group" aria-label="{name} over time"#);
        assert!(page.contains(&label), "{name}");
        assert_eq!(steps(&page).len(), 20);
    }
}

#[tokio::test]
async fn all_time_begins_with_the_first_day_that_was_counted() {
    let port = counted().await;
    let (_, page) = port.get("/?period=all").await;
    assert_eq!(steps(&page).keys().next().unwrap(), "2024-09-01");
    assert!(page.contains("24 Sep 2024 – 24 Nov 2026"), "{page}");
    let (_, page) = port.get("/?period=year").await;
    assert_eq!(steps(&page).len(), 11);
    let sum: i64 = (0..328).map(|n| visitors(today() - Days::new(n))).sum();
    assert!(page.contains(&format!(r#"<span class="figure">{}<"#, Language::English.grouped(sum))));
}

#[tokio::test]
async fn all_time_has_the_steps_that_fit_what_was_counted() {
    let choices = |page: &str| {
        let choice = Regex::new(r#"period=all&amp;interval=(\w+)""#).unwrap();
        choice.captures_iter(page).map(|found| found[1].to_owned()).collect::<Vec<_>>()
    };
    let (_, page) = counted().await.get("/?period=all").await;
    assert_eq!((steps(&page).len(), choices(&page)), (27, vec!["week".into(), "month".into()]));

    let port = Port::local().await;
    let fields = [(Dimension::Total, "", Stored::Server, 7)];
    for ago in [0, 1, 19] {
        port.store.add("example.org", today() - Days::new(ago), &fields);
    }
    let (_, page) = port.get("/?period=all").await;
    assert_eq!((steps(&page).len(), choices(&page)), (20, vec!["day".into(), "week".into()]));
    let (_, page) = port.get("/?period=all&interval=week").await;
    assert_eq!(steps(&page).len(), 4);
    let (status, page) = port.get("/?period=all&interval=hour").await;
    assert_eq!(status, 400);
    assert!(page.contains("day, week"), "{page}");
}

#[tokio::test]
async fn marks_of_time_are_told_apart() {
    let port = counted().await;
    let mark = Regex::new(r#"<text class="tick[^>]*>([^<]*)<"#).unwrap();
    for (path, first, last) in [
        ("/?period=day&date=2026-11-20", "00:00", "22:00"),
        ("/?period=7d&date=2026-11-20&interval=hour", "13 Nov", "19 Nov"),
        ("/?period=30d&date=2026-11-20", "21 Oct", "17 Nov"),
        ("/?period=all&interval=week", "Sep 2024", "Nov 2026"),
    ] {
        let (_, page) = port.get(path).await;
        let marks: Vec<String> =
            mark.captures_iter(&page).map(|found| found[1].to_owned()).collect();
        assert_eq!((&*marks[0], &**marks.last().unwrap()), (first, last), "{path}: {marks:?}");
        let different: BTreeSet<&String> = marks.iter().collect();
        assert_eq!(different.len(), marks.len(), "{path}: {marks:?}");
    }
}

#[tokio::test]
async fn today_says_that_it_goes_on() {
    let port = counted().await;
    let (_, page) = port.get("/?period=7d").await;
    assert!(page.contains(">Today</text>") && page.contains("Tue, 24 Nov, so far"));
    assert!(page.contains(r#"class="line now open""#), "and its line is dashed");
    let (_, page) = port.get("/?period=7d&date=2026-11-20").await;
    assert!(!page.contains(", so far") && !page.contains("line now open"));
}

/// What the chart's line says, what the menu of comparisons is called, and its choices.
pub(super) fn compared(page: &str) -> (String, String, Vec<(String, String)>) {
    let between = |from: &str, to: &str| {
        let rest = page.split(from).nth(1).unwrap_or_else(|| panic!("no {from}"));
        rest.split(to).next().unwrap().to_owned()
    };
    let (name, links) = menu(page);
    (between(r#"<p class="span">"#, "</p>"), name, links)
}

/// The name of the menu that says what is compared, and its links by their names.
pub(super) fn menu(page: &str) -> (String, Vec<(String, String)>) {
    let menu = page.split(r#"id="compare""#).nth(1).unwrap_or_else(|| panic!("no menu: {page}"));
    let menu = menu.split("</details>").next().unwrap();
    let link = Regex::new(r#"<a href="([^"]*)"[^>]*>([^<]*)</a>"#).unwrap();
    let links = link.captures_iter(menu);
    let links = links.map(|found| (found[2].to_owned(), found[1].replace("&amp;", "&")));
    let name = menu.split("<summary>").nth(1).unwrap().split('<').next().unwrap().to_owned();
    (name, links.collect())
}

#[tokio::test]
async fn where_nothing_is_compared_it_is_said_why() {
    // Of no day hours are kept.
    let port = counted().await;
    let nothing = "Thu, 22 Nov 1990: there are no data before 24 Sep 2024";
    for (path, line) in [
        ("/", "Today until 15:30; the time before is kept by whole days only"),
        ("/?period=month", "1–24 Nov 2026 so far; the time before is kept by whole days only"),
        ("/?page=/a", "Today until 15:30; of one page, whole days are compared only"),
        ("/?period=day&date=1990-11-23", nothing),
    ] {
        assert!(compared(&port.get(path).await.1).0.ends_with(line), "{path}");
    }
}

#[tokio::test]
async fn a_day_is_compared_with_the_same_day_of_the_week_before() {
    let port = Port::local().await;
    // By the hour, so that it is known how many came until a time: 3 an hour today, 2 last week.
    let hours = |day: Day, n: i64| {
        let midnight = day.and_hms_opt(0, 0, 0).unwrap().and_utc().timestamp_millis();
        let slot = move |hour: i64| {
            // Of Berlin in winter.
            crate::model::rollup::slot(midnight + (hour - 1) * crate::clock::HOUR).to_string()
        };
        let until = if day == today() { 15 } else { 24 };
        for slot in (0..until).map(slot) {
            let fields = [
                (Dimension::Slot, &*slot, Stored::Visits, n),
                (Dimension::Slot, &*slot, Stored::Server, n),
                (Dimension::FirstSeen, &*slot, Stored::Visitors, n),
                (Dimension::Total, "", Stored::Visitors, n),
                (Dimension::Total, "", Stored::Visits, n),
                (Dimension::Total, "", Stored::Server, n),
            ];
            port.store.add("example.org", day, &fields);
        }
    };
    for (ago, n) in [(0, 3), (1, 5), (2, 4), (7, 2), (8, 6), (9, 1)] {
        hours(today() - Days::new(ago), n);
    }
    let figure = Regex::new(
        r#"Unique visitors</span><span class="much"><span class="figure">(\d+)</span> <span class="change (\w+)">.*?([\d×]+%?)</span>"#,
    )
    .unwrap();
    let tile = |page: &str| -> [String; 3] {
        figure
            .captures(page)
            .unwrap_or_else(|| panic!("{page}"))
            .extract::<3>()
            .1
            .map(str::to_owned)
    };

    let (_, page) = port.get("/").await;
    let (line, name, choices) = compared(&page);
    assert_eq!(line, "Today until 15:30, compared with Mon, 23 Nov until 15:30");
    assert_eq!(name, "Compare: Yesterday");
    let names: Vec<&str> = choices.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["Yesterday", "Same day last week", "Year before", "Nothing"]);
    // 15 hours of 3 against the same hours and the begun sixteenth of 5.
    assert_eq!(tile(&page), ["45", "bad", "44%"]);
    assert!(!page.contains("Match weekdays"), "that is a choice of its own here");

    let (_, page) = port.get(&choices[1].1).await;
    let (line, name, choices) = compared(&page);
    assert_eq!(line, "Today until 15:30, compared with Tue, 17 Nov until 15:30");
    assert_eq!(name, "Compare: Same day last week");
    let before = 16 * 2;
    let change = ((45 - before) as f64 / before as f64 * 100.0).round();
    assert_eq!(tile(&page), ["45".into(), "good".to_owned(), format!("{change}%")]);
    // And back; the year before has no such day of the week by itself.
    assert_eq!(compared(&port.get(&choices[0].1).await.1).1, "Compare: Yesterday");
    let (_, page) = port.get(&choices[2].1).await;
    assert!(page.contains("Compare: Year before") && page.contains("Match weekdays"));

    // Another day is compared whole, with a whole one.
    let (_, page) = port.get("/?period=day&date=2026-11-23&match_day_of_week=true").await;
    let (line, name, choices) = compared(&page);
    assert_eq!(line, "Mon, 23 Nov, compared with Mon, 16 Nov");
    assert_eq!((&*name, &*choices[0].0), ("Compare: Same day the week before", "Day before"));
    assert_eq!(tile(&page), ["120", "bad", "17%"], "24 × 5 against 24 × 6");
    let (_, page) = port.get("/?first=2026-11-22&last=2026-11-22").await;
    let (line, name, _) = compared(&page);
    assert_eq!(
        (&*line, &*name),
        ("Sun, 22 Nov; there is nothing before to compare with", "Compare: Day before")
    );
    // Several days have the period before.
    let (_, page) = port.get("/?period=7d").await;
    assert_eq!(compared(&page).2[0].0, "Period before");
}

#[tokio::test]
async fn a_number_of_days_says_that_today_comes_on_top() {
    let port = counted().await;
    let (_, page) = port.get("/?period=30d").await;
    let line = compared(&page).0;
    assert!(line.starts_with("30 days and today so far (25 Oct – 24 Nov 2026)"), "{line}");
    assert_eq!(steps(&page).len(), 31);
    assert!(
        page.contains(r#"title="30 days and today""#) && page.contains(">28 days and today</a>")
    );
    let (_, page) = port.get("/?period=30d&date=2026-11-20").await;
    let line = compared(&page).0;
    assert!(line.starts_with("21 Oct – 19 Nov 2026, compared with 21 Sep"), "{line}");
    assert_eq!(steps(&page).len(), 30);
}

/// A view a minute, from now on back, from Germany and from France by turns.
fn views(port: &Port, count: usize) {
    let of = |nth: usize| -> (&str, &[(Dimension, &str)]) {
        match nth % 2 {
            0 => ("/even", &[(Dimension::Country, "DE")]),
            _ => ("/odd", &[(Dimension::Country, "FR")]),
        }
    };
    let views: Vec<_> = (0..count).map(of).collect();
    port.store.view("example.org", today(), &views);
}

#[tokio::test]
async fn the_last_half_hour_is_told_by_the_minute() {
    let port = Port::local().await;
    views(&port, 100);
    let question = json!({
        "metrics": ["pageviews"],
        "date_range": ["2026-11-24T15:00:00+01:00", "2026-11-24T15:29:59+01:00"],
        "dimensions": ["time:minute"],
    });
    let (status, answer) = port.query(&question).await;
    assert_eq!(status, 200, "{answer}");
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), 30, "one view in each");
    let (_, page) = port.get("/?topic=realtime&metric=pageviews").await;
    let drawn = steps(&page);
    assert_eq!(drawn.len(), 30);
    for row in results {
        let (now, before) = &drawn[row["dimensions"][0].as_str().unwrap()];
        assert_eq!((now.as_str(), before), ("1", &None));
        assert_eq!(row["metrics"][0], 1);
    }
    assert!(page.contains(
        r#"<span class="name">Visitors</span><span class="much"><span class="figure">30<"#
    ));
    let rows = Regex::new(r#"title="(/even|/odd)".*?<td>(\d+)</td><td>(\d+)</td>"#).unwrap();
    let rows: Vec<_> =
        rows.captures_iter(&page).map(|of| (of[1].to_owned(), of[3].to_owned())).collect();
    assert_eq!(rows, [("/even".into(), "15".into()), ("/odd".into(), "15".to_owned())]);
    assert!(page.contains(r#"id="stream""#) && !page.contains("compared with"));
    // Under a filter the stream would be about something else.
    let (_, page) = port.get("/?topic=realtime&filters=visit:country%3D%3DDE").await;
    assert!(!page.contains(r#"id="stream""#) && !page.contains(r#"title="/odd""#));

    let long =
        json!({ "metrics": ["visitors"], "date_range": "7d", "dimensions": ["time:minute"] });
    let (status, answer) = port.query(&long).await;
    assert!(status == 400 && answer["error"].as_str().unwrap().contains("two hours"), "{answer}");
}

#[tokio::test]
async fn the_last_day_is_told_by_the_hour() {
    let port = Port::local().await;
    views(&port, 200);
    let question =
        json!({ "metrics": ["visitors"], "date_range": "24h", "dimensions": ["time:hour"] });
    let (_, answer) = port.query(&question).await;
    let (_, page) = port.get("/?period=24h&compare=none").await;
    let drawn = steps(&page);
    assert_eq!(drawn.len(), 25, "the first begins in the midst of an hour");
    for row in answer["results"].as_array().unwrap() {
        assert_eq!(drawn[row["dimensions"][0].as_str().unwrap()].0, shown(&row["metrics"][0]));
    }
    // What is counted at this very instant is not yet of the past.
    let sum: i64 = drawn.values().map(|(now, _)| now.parse::<i64>().unwrap()).sum();
    assert_eq!(sum, 199);
    assert!(page.contains("Since 23 Nov, 15:30") && page.contains(">24 hours</summary>"), "{page}");
    // Without event rows there are no parts of days.
    let port = counted().await;
    let (_, page) = port.get("/?period=24h").await;
    assert!(
        page.contains("Of these days single visits and requests are not kept")
            && steps(&page).is_empty()
    );
}
