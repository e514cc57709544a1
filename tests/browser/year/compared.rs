//! What numbers are compared with: of each choice the change on the tiles, the read-outs of both
//! lines and the lines themselves, against version 2 of the API and the exported rows; and the last
//! 24 hours and 30 minutes, which go on meanwhile.

use super::exported::{Row, rows};
use super::shown::Checked;
use super::written::{is_count, number, same, unit};
use super::{SITE, Stage, agreed, days, fill, now, texts};
use crate::dashboard::run;
use chrono::{Datelike, Days, Months, NaiveDate};
use serde_json::{Value, json};
use std::collections::HashMap;

type Range = (NaiveDate, NaiveDate);

/// As the tiles have them.
const METRICS: [&str; 6] =
    ["visitors", "visits", "pageviews", "views_per_visit", "bounce_rate", "visit_duration"];

pub async fn with_what_was_before(stage: &Stage) -> Checked {
    let mut checked = Checked::default();
    // As many as there is history before.
    for length in [5, 28].into_iter().filter(|length| 2 * length + 3 < days()) {
        let (first, last) = (stage.last - Days::new(length - 1), stage.last);
        let before = |days| (first - Days::new(days), last - Days::new(days));
        stage.show(first, last).await;
        let range = (first, last);
        let previous = json!({ "mode": "previous_period" });
        checked += compared(stage, range, previous, Some(before(length))).await;

        stage.open("#compare").await;
        stage.click("#compare button.switch").await;
        let matched = json!({ "mode": "previous_period", "match_day_of_week": true });
        checked += compared(stage, range, matched, None).await;
        stage.open("#compare").await;
        stage.click("#compare button.switch").await;

        let (then, until) = before(length + 2);
        stage.open("#compare").await;
        fill(&stage.browser, "#compare input[name=compare_first]", &then.to_string()).await;
        fill(&stage.browser, "#compare input[name=compare_last]", &until.to_string()).await;
        stage.click("#compare form:has(input[name=compare_first]) button").await;
        let custom =
            json!({ "mode": "custom", "date_range": [then.to_string(), until.to_string()] });
        checked += compared(stage, range, custom, Some((then, until))).await;

        stage.open("#compare").await;
        stage.click("#compare a[href*='compare=year_over_year']").await;
        let year = json!({ "mode": "year_over_year" });
        let ago = (first - Months::new(12), last - Months::new(12));
        checked += compared(stage, range, year, Some(ago)).await;

        stage.open("#compare").await;
        stage.click("#compare a[href*='compare=none']").await;
        let left = "return document.querySelectorAll(
            '.tile .change, .line.before[d^=M], .step .tip text.n:nth-of-type(5)').length";
        assert_eq!(run(&stage.browser, left).await, 0);
        stage.open("#compare").await;
        stage.click("#compare .choices a:first-child").await;
    }
    checked
}

/// `expected`: the days that are compared with.
async fn compared(stage: &Stage, range: Range, with: Value, expected: Option<Range>) -> Checked {
    let ask = async |metrics: &[&str], by: &[&str]| {
        let question = json!({
            "site_id": SITE, "metrics": metrics, "dimensions": by,
            "date_range": [range.0.to_string(), range.1.to_string()],
            "include": { "comparisons": with },
        });
        stage.headcount.ask("/api/v2/query", &question).await
    };
    let answer = ask(&METRICS, &[]).await;
    let day = |nth: usize| -> NaiveDate {
        let text = answer["meta"]["comparison_date_range"][nth].as_str().unwrap();
        text[..10].parse().unwrap()
    };
    let before = (day(0), day(1));
    if let Some(expected) = expected {
        assert_eq!(before, expected, "{with}");
    } else {
        assert_eq!(before.0.weekday(), range.0.weekday(), "{with}");
        assert_eq!(before.1 - before.0, range.1 - range.0, "{with}");
        assert!(before.1 < range.0, "{before:?} overlaps {range:?}");
    }
    let mut checked = tiles(stage, &answer["results"][0], range, before, &with).await;
    for metric in METRICS {
        let told = ask(&[metric], &["time:day"]).await;
        checked += chart(stage, metric, &told["results"], range, before).await;
    }
    checked
}

/// How many views there are, and visits that begin, of days.
fn counted(stage: &Stage, metric: &str, range: Range) -> Option<f64> {
    let is: fn(&Row) -> bool = match metric {
        "pageviews" => Row::is_view,
        "visits" => Row::begins,
        _ => return None,
    };
    // Of days before all rows nothing is known.
    let known = stage.first <= range.0 || range.1 < stage.first;
    known.then(|| stage.rows(range).filter(|row| is(row)).count() as f64)
}

async fn tiles(stage: &Stage, told: &Value, now: Range, before: Range, with: &Value) -> Checked {
    let seen = "return [...document.querySelectorAll('.tile')].map((tile) => {
        const change = tile.querySelector('.change');
        return [tile.querySelector('.figure').textContent,
            change?.querySelector('[aria-hidden]')?.textContent.trim() ?? '',
            change?.lastChild.textContent ?? ''];
    })";
    let seen = run(&stage.browser, seen).await;
    let mut checked = Checked::default();
    // Nothing is no measure.
    let were: Vec<f64> = METRICS
        .iter()
        .enumerate()
        .filter_map(|(i, _)| told["comparison"]["metrics"][i].as_f64())
        .collect();
    let any_before = were.iter().any(|n| *n > 0.0);
    for (i, metric) in METRICS.into_iter().enumerate() {
        let [figure, arrow, text] = &texts(&seen[i])[..] else { panic!("{seen}") };
        let place = format!("{with}: {metric} {figure} {arrow} {text}");
        same(unit(metric), figure, &told["metrics"][i], &place);
        let change = told["comparison"]["change"][i].as_f64();
        let was = told["comparison"]["metrics"][i].as_f64().filter(|n| *n > 0.0);
        checked.told += 2;
        if arrow == "–" {
            // Days before all counts are no zeros.
            assert!(text.starts_with("no data before") && before.0 < stage.first, "{place}");
            continue;
        }
        let (Some(change), Some(_), true) = (change, was, any_before) else {
            assert_eq!((&**arrow, &**text), ("", ""), "{place}: there is nothing to compare with");
            continue;
        };
        let shown: String = text.chars().filter(char::is_ascii_digit).collect();
        let expected = match metric {
            "bounce_rate" => change.abs(),
            _ if change >= 900.0 => 1.0 + (change / 100.0).floor(),
            _ => change.abs(),
        };
        assert!(shown.parse() == Ok(expected) || change == 0.0, "{place}, told {change}");
        let direction = if change > 0.0 { "↑" } else { "↓" };
        assert!(arrow == direction || change == 0.0, "{place}, told {change}");
        let both = counted(stage, metric, now).zip(counted(stage, metric, before));
        if let Some((now, before)) = both {
            let is = (now - before) / before * 100.0;
            assert!((is - change).abs() <= 0.501, "{place}, told {change}, counted {is}");
            checked.counted += 1;
        }
    }
    checked
}

/// The chart once a tile has chosen its metric.
async fn chart(stage: &Stage, metric: &str, told: &Value, now: Range, before: Range) -> Checked {
    let nth = 1 + METRICS.iter().position(|own| *own == metric).unwrap();
    let tile = format!(".totals li:nth-child({nth}) .tile");
    let current = format!("return document.querySelector('{tile}[aria-current]') === null");
    if run(&stage.browser, &current).await == true {
        stage.click(&tile).await;
    }
    let seen = "return [...document.querySelectorAll('.step')].map((step) =>
        [step.dataset.at, ...[...step.querySelectorAll('.tip text.n')].map((n) => n.textContent)])";
    let seen = run(&stage.browser, seen).await;
    let by_day: HashMap<&str, &Value> = told
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["dimensions"][0].as_str().unwrap(), row))
        .collect();
    let mut checked = Checked::default();
    let days: Vec<NaiveDate> = now.0.iter_days().take_while(|day| *day <= now.1).collect();
    let steps = seen.as_array().unwrap();
    assert_eq!(steps.len(), days.len(), "{metric}: {seen}");
    let has_before = steps.iter().any(|step| step.as_array().unwrap().len() > 2);
    let (mut drawn, mut drawn_before) = (0, 0);
    for (i, (step, day)) in steps.iter().zip(&days).enumerate() {
        let step = texts(step);
        let (at, value, then) = (&step[0], &step[1], step.get(2));
        assert_eq!(*at, day.to_string());
        let place = format!("{metric} of {at}: {step:?}");
        let known = by_day.get(&**at).copied();
        drawn += usize::from(value != "–");
        drawn_before += usize::from(then.is_some_and(|then| then != "–"));
        if let Some(known) = known {
            same(unit(metric), value, &known["metrics"][0], &place);
            checked.told += 1;
        }
        if let Some(n) = counted(stage, metric, (*day, *day)) {
            assert!(is_count(value, n), "{place}, counted {n}");
            checked.counted += 1;
        }
        let Some(then) = then.filter(|then| *then != "–") else { continue };
        if let Some(known) = known {
            same(unit(metric), then, &known["comparison"]["metrics"][0], &place);
            checked.told += 1;
        }
        let day = before.0 + Days::new(i as u64);
        if let Some(n) = counted(stage, metric, (day, day)) {
            assert!(is_count(then, n), "{place}: {day}, counted {n}");
            checked.counted += 1;
        }
    }
    assert_eq!(has_before, drawn_before > 0, "{metric}: {seen}");
    // Rows that are kept tell of each day that is compared with.
    if stage.first <= before.0 && ["visits", "pageviews"].contains(&metric) {
        assert_eq!(drawn_before, days.len(), "{metric}, {before:?}: {seen}");
    }
    let points = "return ['.line.now:not(.open)', '.line.before'].map((line) =>
        document.querySelector(`.plot ${line}`)?.getAttribute('d').match(/[ML]/g)?.length ?? 0)";
    assert_eq!(run(&stage.browser, points).await, json!([drawn, drawn_before]), "{metric}");
    checked += course(stage, metric, nth, &days).await;
    checked
}

/// The small line on a tile, which has no scale: the highest value is at its top.
async fn course(stage: &Stage, metric: &str, nth: usize, days: &[NaiveDate]) -> Checked {
    let mut checked = Checked::default();
    let counts: Option<Vec<f64>> =
        days.iter().map(|day| counted(stage, metric, (*day, *day))).collect();
    let Some(counts) = counts else { return checked };
    let line = format!(
        "return document.querySelector('.totals li:nth-child({nth}) .spark path').getAttribute('d')
            .match(/[ML][^ML]+/g).map((point) => point.split(' ')[1])"
    );
    let heights = texts(&run(&stage.browser, &line).await);
    assert_eq!(heights.len(), counts.len());
    let most = counts.iter().copied().fold(0.0, f64::max);
    for (height, n) in heights.iter().zip(&counts) {
        let expected = 22.0 - 20.0 * n / most;
        assert!((number(height) - expected).abs() <= 0.06, "{metric}: {height}, not {expected}");
        checked.counted += 1;
    }
    checked
}

const FIGURES: &str =
    "return [...document.querySelectorAll('.tile .figure')].map((n) => n.textContent)";

/// Views that were exported of the last so many minutes: at least, and at most, for a moment that is
/// not known to the second, and while some are on their way to the store.
async fn lately(stage: &Stage, minutes: i64) -> (f64, f64) {
    const WAY: i64 = 30_000;
    let now = now();
    let today = now.with_timezone(&super::ZONE).date_naive();
    let rows = rows(&stage.headcount, SITE, today - Days::new(1), today).await;
    let end = now.timestamp_millis();
    let of = |from: i64, to: i64| {
        rows.iter().filter(|row| row.is_view() && from < row.time && row.time <= to).count() as f64
    };
    let begin = end - minutes * 60_000;
    (of(begin, end - WAY), of(begin - WAY, end))
}

pub async fn the_last_hours(stage: &Stage) -> Checked {
    stage.show(stage.last, stage.last).await;
    stage.open("#custom").await;
    stage.click("#custom a[data-key=h]").await;
    let metrics = ["visitors", "visits", "pageviews"];
    let question = json!({ "site_id": SITE, "metrics": metrics, "date_range": "24h" });
    let shown = agreed("24 hours", async || {
        let shown = texts(&run(&stage.browser, FIGURES).await);
        let told = stage.headcount.ask("/api/v2/query", &question).await;
        let told = told["results"][0]["metrics"].as_array().unwrap().clone();
        let shown = shown[..3].iter().map(|n| json!(number(n) as i64)).collect();
        (shown, told)
    })
    .await;
    let (least, most) = lately(stage, 24 * 60).await;
    let views = shown[2].as_f64().unwrap();
    assert!((least..=most).contains(&views), "24 hours: {views}, counted {least} to {most}");

    stage.click(".sections a[data-key=r]").await;
    let current = "return document.getElementById('current').textContent";
    agreed("now", async || {
        let told = stage.headcount.stats_now(SITE).await;
        (run(&stage.browser, current).await.as_str().unwrap().to_owned(), told.to_string())
    })
    .await;
    let half = "return [document.querySelectorAll('.tile .figure')[2].textContent,
        document.querySelectorAll('.step').length]";
    let seen = run(&stage.browser, half).await;
    let (least, most) = lately(stage, 30).await;
    let views = number(seen[0].as_str().unwrap());
    assert!((least..=most).contains(&views), "30 minutes: {views}, counted {least} to {most}");
    assert!([30, 31].contains(&seen[1].as_i64().unwrap()), "{seen}");
    stage.click(".totals li:nth-child(3) .tile").await;
    // All of its minutes are what the tile has.
    agreed("30 minutes", async || {
        let sum = "return [number(document.querySelectorAll('.tile .figure')[2].textContent),
            [...document.querySelectorAll('.step .tip text.n')].map((n) => number(n.textContent))
                .reduce((a, b) => a + b, 0)];
            function number(text) { return Number(text.replace(/\\D/g, '')); }";
        let seen = run(&stage.browser, sum).await;
        (seen[0].as_i64(), seen[1].as_i64())
    })
    .await;
    stage.click(".sections a[data-key=o]").await;
    Checked { told: 4, counted: 2 }
}
