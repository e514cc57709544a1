//! What is shown to whom: the list of sites and its lines, a public page, a link with a password
//! that is limited to a segment, the same in a frame, somebody who may look only, a token of one
//! site; and days of another length or with half an hour.

use super::exported::rows;
use super::shown::{Checked, check};
use super::written::{is_count, number};
use super::{
    NEIGHBOUR, NEIGHBOURS_ZONE, SITE, Stage, ZONE, address, agreed, fill, filtered, follow, now,
    open, show, texts,
};
use crate::browser::Browser;
use crate::dashboard::{press, run, until};
use chrono::{Days, NaiveDate, TimeZone};
use chrono_tz::Tz;
use fantoccini::Locator;
use serde_json::{Value, json};
use std::collections::HashMap;

const DAY: i64 = 86_400_000;
const HOUR: i64 = 3_600_000;

/// The list has what the API has of each site, and the sum.
pub async fn sites(stage: &Stage) -> Checked {
    stage.click("a.home").await;
    let seen = "return [...document.querySelectorAll('.sites .card')].map((card) =>
        [...card.querySelectorAll('dd')].map((n) => Number(n.textContent.replace(/[^0-9]/g, ''))))";
    agreed("the list of sites", async || {
        let shown = run(&stage.browser, seen).await;
        let mut told = Vec::new();
        for site in [SITE, NEIGHBOUR] {
            let asked = format!(
                "aggregate?site_id={site}&period=30d&include_today=true&metrics=visitors,pageviews"
            );
            let all = stage.headcount.stats(&asked).await;
            let of = |metric: &str| all[metric]["value"].as_i64().unwrap();
            told.push([of("visitors"), of("pageviews"), stage.headcount.stats_now(site).await]);
        }
        told.insert(0, [0, 1, 2].map(|nth| told.iter().map(|site| site[nth]).sum()));
        (shown, json!(told))
    })
    .await;
    let mut checked = Checked { told: 9, counted: 0 };
    // Visitors by day as lines, the highest at the top.
    for (nth, site) in [(2, SITE), (3, NEIGHBOUR)] {
        let points = agreed("a line", async || {
            let line = format!(
                "return document.querySelector('.sites > .card:nth-child({nth}) .spark path')
                    .getAttribute('d').match(/[ML][^MLh]+/g).map((point) => point.slice(1))"
            );
            let shown = texts(&run(&stage.browser, &line).await);
            let question = json!({ "site_id": site, "metrics": ["visitors"], "date_range": "30d",
                "dimensions": ["time:day"], "include": { "today": true } });
            let told = stage.headcount.ask("/api/v2/query", &question).await;
            let first: NaiveDate =
                told["query"]["date_range"][0].as_str().unwrap()[..10].parse().unwrap();
            let rows = told["results"].as_array().unwrap();
            let by_day: HashMap<&str, f64> = rows
                .iter()
                .map(|row| {
                    (row["dimensions"][0].as_str().unwrap(), row["metrics"][0].as_f64().unwrap())
                })
                .collect();
            let most = by_day.values().copied().fold(0.0, f64::max);
            let expected = shown.iter().map(|point| {
                let x = number(point.split(' ').next().unwrap());
                let day = first + Days::new((x * 30.0 / 100.0).round() as u64);
                let n = by_day.get(&*day.to_string()).copied().unwrap_or(0.0);
                format!("{x:.1} {:.1}", 22.0 - 20.0 * n / most)
            });
            let expected: Vec<String> = expected.collect();
            (shown, expected)
        })
        .await;
        assert!(points.len() as u64 >= super::days().min(31), "{points:?}");
        checked.told += points.len();
    }
    stage.click(&format!(".sites a.card[href*='site_id={SITE}']")).await;
    checked
}

/// A page of the settings, from wherever one is.
async fn settings(stage: &Stage, part: &str) {
    if run(&stage.browser, "return !document.querySelector('main.narrow')").await == true {
        stage.click("header a[href*='/settings/']").await;
    }
    let link = format!("nav.sections a[href*='/settings/{part}']");
    let current = format!("return document.querySelector(\"{link}[aria-current]\") === null");
    if run(&stage.browser, &current).await == true {
        stage.click(&link).await;
    }
}

pub async fn links(stage: &Stage) -> Checked {
    let mut checked = Checked::default();
    let range = (stage.last - Days::new(6), stage.last);
    let inside = ["visit:device==Mobile".to_owned()];
    stage.show(range.0, range.1).await;
    filtered::add(&stage.browser, "visit:device", "is", "Mobile").await;
    filtered::save(&stage.browser, "Phones").await;

    settings(stage, "sharing").await;
    press(&stage.browser, Locator::Css("form:has(input[value=public]) button")).await;
    let public = "return document.querySelector(\"a.deeper[href^='/public/']\")?.href ?? ''";
    until(&stage.browser, &format!("{public} !== ''").replace("?.href ?? ''", ""), json!(true))
        .await;
    let public = run(&stage.browser, public).await;
    fill(&stage.browser, "input[name=name]", "For the printer's").await;
    fill(&stage.browser, "input[name=password]", "open sesame").await;
    let option = "select[name=segment] option:nth-child(2)";
    stage.browser.find(Locator::Css(option)).await.unwrap().click().await.unwrap();
    press(&stage.browser, Locator::Css("form:has(input[value=link]) button")).await;
    let count = "return document.querySelectorAll('.lines a.deeper').length";
    until(&stage.browser, count, json!(1)).await;
    let link = run(&stage.browser, "return document.querySelector('.lines a.deeper').href").await;

    // Somebody who knows nothing but these two addresses.
    let stranger = Browser::reader().await;
    stranger.goto(public.as_str().unwrap()).await.unwrap();
    show(&stranger, range.0, range.1).await;
    checked += check(stage, &stranger, &[]).await;
    follow(&stranger, "#places tbody tr:first-child th a").await;
    checked += check(stage, &stranger, &[]).await;

    let link = link.as_str().unwrap();
    stranger.goto(link).await.unwrap();
    let shown = "return document.querySelectorAll('.figure').length";
    assert_eq!(run(&stranger, shown).await, 0, "it asks for its password first");
    let asks = stranger.console().await;
    assert!(asks.iter().all(|line| line.contains("401 (Unauthorized)")), "{asks:?}");
    fill(&stranger, "#password", "open sesame").await;
    press(&stranger, Locator::Css("button")).await;
    until(&stranger, "return document.querySelectorAll('.tile').length", json!(6)).await;
    show(&stranger, range.0, range.1).await;
    checked += check(stage, &stranger, &inside).await;
    follow(&stranger, "#pages tbody tr:nth-child(2) th a").await;
    checked += check(stage, &stranger, &inside).await;
    assert!(address(&stranger).await.starts_with(link), "it leads nowhere else");

    // As a website has it in a frame.
    stranger.goto(&format!("{link}?embed=true")).await.unwrap();
    assert_eq!(run(&stranger, "return document.querySelectorAll('a.home').length").await, 0);
    show(&stranger, range.0, range.1).await;
    assert!(address(&stranger).await.contains("embed=true"));
    checked += check(stage, &stranger, &inside).await;
    assert_eq!(stranger.console().await, Vec::<String>::new());
    checked
}

pub async fn roles_and_tokens(stage: &Stage) -> Checked {
    settings(stage, "people").await;
    fill(&stage.browser, "input[name=name]", "Ann").await;
    press(&stage.browser, Locator::Css("form:has(input[value=invite]) button")).await;
    let secret = "return document.querySelector('.secret')?.value ?? ''";
    let made = "return !!document.querySelector('.secret')";
    until(&stage.browser, made, json!(true)).await;
    let invitation = run(&stage.browser, secret).await;
    let ann = Browser::reader().await;
    ann.goto(invitation.as_str().unwrap()).await.unwrap();
    fill(&ann, "#password", "a password of Ann").await;
    follow(&ann, "button").await;
    until(&ann, "return !!document.querySelector('#custom')", json!(true)).await;
    show(&ann, stage.last - Days::new(6), stage.last).await;
    let mut checked = check(stage, &ann, &[]).await;
    let doors =
        "return document.querySelectorAll(\"a[href*='/settings'], [action^='/segments']\").length";
    assert_eq!(run(&ann, doors).await, 0, "nothing can be changed");
    let status = "const [path, body, done] = arguments;
        fetch(path, body ? { method: 'POST', body: new URLSearchParams(body) } : {})
            .then((answer) => done(answer.status))";
    for (path, body) in [
        (format!("/settings/goals?site_id={SITE}"), Value::Null),
        (
            "/settings/notes".to_owned(),
            json!(format!("site_id={SITE}&do=add&day=2026-01-01&text=x")),
        ),
        (
            "/segments/keep".to_owned(),
            json!(format!("site_id={SITE}&filters=visit:os%3D%3DiOS&name=x")),
        ),
    ] {
        let answered = ann.execute_async(status, vec![path.clone().into(), body]).await.unwrap();
        assert_eq!(answered, 403, "{path}");
    }
    let other = ann
        .execute_async(status, vec![format!("/?site_id={NEIGHBOUR}").into(), Value::Null])
        .await
        .unwrap();
    assert!(other.as_i64().unwrap() >= 400, "{other}");

    // A token of one site, which reads numbers and nothing else.
    settings(stage, "tokens").await;
    fill(&stage.browser, "input[name=name]", "Report").await;
    press(&stage.browser, Locator::Css("form:has(input[value=add]) button")).await;
    until(&stage.browser, made, json!(true)).await;
    let token = run(&stage.browser, secret).await.as_str().unwrap().to_owned();
    let get = async |path: &str| {
        let get = reqwest::Client::new().get(stage.headcount.admin_url(path)).bearer_auth(&token);
        let answer = get.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let aggregate = |site: &str| {
        let (first, last) = (stage.first, stage.last);
        format!(
            "/api/v1/stats/aggregate?site_id={site}&period=custom&date={first},{last}&metrics=pageviews"
        )
    };
    let (code, text) = get(&aggregate(SITE)).await;
    let told: Value = serde_json::from_str(&text).unwrap();
    let views = stage.rows.iter().filter(|row| row.is_view()).count();
    assert_eq!((code, &told["results"]["pageviews"]["value"]), (200, &json!(views)));
    checked.counted += 1;
    for path in [&*aggregate(NEIGHBOUR), "/api/v1/sites", "/metrics", "/settings/goals"] {
        let (code, text) = get(path).await;
        assert!([401, 403].contains(&code), "{path}: {code} {text}");
    }
    checked
}

/// The chart's hours of one day, each with its views, in order.
async fn hours(browser: &Browser) -> Vec<(String, String)> {
    follow(browser, ".totals li:nth-child(3) .tile").await;
    let steps = "return [...document.querySelectorAll('.step')].map((step) =>
        [step.dataset.at, step.querySelector('.tip text.n').textContent])";
    let steps = run(browser, steps).await;
    let pair = |step: &Value| {
        let step = texts(step);
        (step[0].clone(), step[1].clone())
    };
    steps.as_array().unwrap().iter().map(pair).collect()
}

fn midnight(zone: Tz, day: NaiveDate) -> i64 {
    let midnight = day.and_hms_opt(0, 0, 0).unwrap();
    zone.from_local_datetime(&midnight).earliest().unwrap().timestamp_millis()
}

pub async fn odd_hours(stage: &Stage) -> Checked {
    let mut checked = Checked::default();
    // Half an hour beside the clock.
    stage.show(stage.last, stage.last).await;
    stage.click("a.home").await;
    stage.click(&format!(".sites a.card[href*='site_id={NEIGHBOUR}']")).await;
    stage.open("#custom").await;
    stage.click("#custom .choices a[href*='period=day'][href*='date=']").await;
    let day = now().with_timezone(&NEIGHBOURS_ZONE).date_naive() - Days::new(1);
    assert!(address(&stage.browser).await.contains(&format!("date={day}")));
    let begin = midnight(NEIGHBOURS_ZONE, day);
    assert_eq!(begin % HOUR, HOUR / 2);
    let of_day = rows(&stage.headcount, NEIGHBOUR, day, day).await;
    let times: Vec<i64> = of_day.iter().filter(|row| row.is_view()).map(|row| row.time).collect();
    let asked = format!(
        "timeseries?site_id={NEIGHBOUR}&period=day&date={day}&interval=hour&metrics=pageviews"
    );
    let told = stage.headcount.stats(&asked).await;
    let seen = hours(&stage.browser).await;
    assert_eq!((seen.len(), told.as_array().unwrap().len()), (24, 24), "{seen:?}");
    for (nth, ((at, views), told)) in (0..).zip(seen.iter().zip(told.as_array().unwrap())) {
        let hour = (begin + nth * HOUR)..(begin + (nth + 1) * HOUR);
        let counted = times.iter().filter(|time| hour.contains(time)).count();
        assert!(at.contains(&format!("{day} {nth:02}:00")), "{at}");
        assert!(is_count(views, counted as f64), "{at}: {views}, counted {counted}");
        assert!(
            is_count(views, told["pageviews"].as_f64().unwrap_or(0.0)),
            "{at}: {views}, {told}"
        );
        checked += Checked { told: 1, counted: 1 };
    }

    // The days on which the clock is changed, as far as there is history of them.
    let changed = stage.first.iter_days().take_while(|day| *day <= stage.last);
    let length = |day: NaiveDate| midnight(ZONE, day + Days::new(1)) - midnight(ZONE, day);
    for day in changed.filter(|day| length(*day) != DAY) {
        stage.begin().await;
        stage.show(day, day).await;
        checked += stage.check().await;
        let begin = midnight(ZONE, day);
        let views = stage.rows((day, day)).filter(|row| row.is_view());
        let times: Vec<i64> = views.map(|row| row.time).collect();
        let seen = hours(&stage.browser).await;
        // An hour that comes twice has one place, and what is of both.
        let of = |nth: i64| ZONE.timestamp_millis_opt(begin + nth * HOUR).unwrap();
        let mut counted: Vec<(String, usize)> = Vec::new();
        for nth in 0..length(day) / HOUR {
            let hour = (begin + nth * HOUR)..(begin + (nth + 1) * HOUR);
            let n = times.iter().filter(|time| hour.contains(time)).count();
            let at = of(nth).format("%Y-%m-%d %H:00:00").to_string();
            match counted.last_mut() {
                Some(last) if last.0 == at => last.1 += n,
                _ => counted.push((at, n)),
            }
        }
        assert_eq!(seen.len(), counted.len(), "{day}: {seen:?}");
        for ((at, views), (hour, n)) in seen.iter().zip(&counted) {
            assert!(
                at == hour && is_count(views, *n as f64),
                "{at}: {views}, counted {n} in {hour}"
            );
            checked.counted += 1;
        }
        println!("{day} has {} hours", length(day) / HOUR);
    }
    open(&stage.browser, "#custom").await;
    checked
}
