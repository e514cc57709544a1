//! What is told beside tiles and cards: how views are known, goals and funnels, the map, what AI
//! reads, errors, files, speed, notes; each number against the API and the exported rows.

use super::exported::{Row, by_visit};
use super::shown::Checked;
use super::written::{is_count, number};
use super::{SITE, Stage, texts};
use crate::dashboard::{press, run};
use chrono::{Days, NaiveDate};
use fantoccini::Locator;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

pub fn period(stage: &Stage) -> String {
    format!("site_id={SITE}&period=custom&date={},{}", stage.first, stage.last)
}

pub fn all(stage: &Stage) -> (NaiveDate, NaiveDate) {
    (stage.first, stage.last)
}

/// What is shown is what was told, and what was counted.
#[track_caller]
pub fn equal(checked: &mut Checked, what: &str, shown: &str, told: &Value, counted: Option<usize>) {
    let n = told.as_f64().unwrap_or_else(|| panic!("{what}: {told} is told"));
    assert!(is_count(shown, n), "{what}: {shown} is shown, {n} told");
    checked.told += 1;
    if let Some(counted) = counted {
        assert!(is_count(shown, counted as f64), "{what}: {shown} is shown, {counted} counted");
        checked.counted += 1;
    }
}

/// Cells of a card's rows, as texts.
async fn table(stage: &Stage, card: &str) -> Vec<Vec<String>> {
    let script = format!(
        "return [...document.querySelectorAll('{card} tbody tr')].map((row) =>
            [...row.children].map((cell) => cell.textContent.trim()))"
    );
    run(&stage.browser, &script).await.as_array().unwrap().iter().map(texts).collect()
}

fn count_by<'r, K: Ord>(
    rows: impl Iterator<Item = &'r Row>,
    key: impl Fn(&Row) -> K,
) -> BTreeMap<K, usize> {
    let mut all = BTreeMap::new();
    rows.for_each(|row| *all.entry(key(row)).or_default() += 1);
    all
}

pub async fn evidence_and_goals(stage: &Stage) -> Checked {
    let mut checked = Checked::default();
    stage.show(stage.first, stage.last).await;
    stage.open("#evidence").await;
    let parts = "return [...document.querySelectorAll('#evidence > .sheet dl > div')].map((part) =>
        [new URL(part.querySelector('a').getAttribute('href'), location).searchParams.get('filters'),
            part.querySelector('.figure').textContent, part.querySelector('.share').textContent])";
    let seen = run(&stage.browser, parts).await;
    let asked = format!("breakdown?property=visit:evidence&metrics=pageviews&{}", period(stage));
    let told = stage.headcount.stats(&asked).await;
    let count = |is: &dyn Fn(&Row) -> bool| stage.rows(all(stage)).filter(|row| is(row)).count();
    let confirmed = count(&|row| row.kind == "confirm" || row.is_view() && row.has("confirmed"));
    let unverified = count(&|row| row.is_view() && row.has("unverified"));
    let counted = HashMap::from([
        ("confirmed", confirmed),
        ("server only", count(&|row| row.is_view() && row.has("server")) - confirmed),
        ("browser only", count(&|row| row.is_view() && row.has("browser")) - unverified),
        ("unverified", unverified),
    ]);
    let views: usize = counted.values().sum();
    assert_eq!(views, count(&Row::is_view));
    assert_eq!(seen.as_array().unwrap().len(), 4, "{seen}");
    for part in seen.as_array().unwrap() {
        let part = texts(part);
        let value = part[0].strip_prefix("visit:evidence==").unwrap();
        let row = told.as_array().unwrap().iter().find(|row| row["evidence"] == value);
        let n = row.map_or(json!(0), |row| row["pageviews"].clone());
        equal(&mut checked, value, &part[1], &n, Some(counted[value]));
        let share = counted[value] as f64 / views as f64 * 100.0;
        assert!((number(&part[2]) - share).abs() <= 0.5, "{part:?}: counted {share}");
        checked.counted += 1;
    }

    // Goals: as often as a page was viewed and an event sent.
    let order = count(&|row| row.kind == "event" && row.name == "Order");
    let directions = count(&|row| row.is_view() && row.page == "/visit");
    let goals = table(stage, "#goals").await;
    for (goal, n) in [("Order", order), ("Directions", directions)] {
        let row = goals.iter().find(|row| row[0] == goal).unwrap();
        assert!(is_count(&row[2], n as f64), "{row:?}: counted {n}");
        checked.counted += 1;
    }

    // The funnel: visits that did one after the other.
    let steps: [fn(&Row) -> bool; 3] = [
        |row| row.is_view() && row.page == "/order",
        |row| row.is_view() && row.page == "/order/pickup",
        |row| row.kind == "event" && row.name == "Order",
    ];
    let (mut counted, mut torn) = ([0; 3], 0);
    for rows in by_visit(stage.rows(all(stage))).values() {
        torn += usize::from(!rows.iter().any(|row| row.begins()));
        let mut done = 0;
        for row in rows {
            if done < 3 && steps[done](row) {
                counted[done] += 1;
                done += 1;
            }
        }
    }
    let asked = format!("funnel?name=Ordering&{}", period(stage));
    let told = stage.headcount.stats(&asked).await;
    let funnel = "return [...document.querySelectorAll('.funnel li')].map((step) =>
        [step.querySelector('span').firstChild.textContent.trim(),
            step.querySelector('small')?.textContent ?? '100%'])";
    let seen = run(&stage.browser, funnel).await;
    assert_eq!(seen.as_array().unwrap().len(), 3, "{seen}");
    let began = number(&texts(&seen[0])[0]);
    for (i, step) in seen.as_array().unwrap().iter().enumerate() {
        let (step, told) = (texts(step), &told["steps"][i]);
        // A visit across midnight is two here, and one there.
        let exact = Some(counted[i]).filter(|_| torn == 0);
        equal(&mut checked, "a step", &step[0], &told["visits"], exact);
        let off = (number(&step[0]) - counted[i] as f64).abs();
        assert!(off <= torn as f64, "{step:?}: counted {}, {torn} torn", counted[i]);
        let share = number(&step[0]) / began * 100.0;
        assert!((number(&step[1]) - share).abs() <= 0.51, "{step:?}: {share} of {began}");
    }

    // The map says of each country what its row says.
    let titles = "return [...document.querySelectorAll('#places svg.world > a')].map((country) =>
        [new URL(country.getAttribute('href'), location).searchParams.get('filters').slice(-2),
            country.querySelector('title').textContent.split(': ').pop(),
            country.querySelector('use').getAttribute('class').slice(-1)])";
    let seen = run(&stage.browser, titles).await;
    let asked =
        format!("breakdown?property=visit:country&metrics=visitors&limit=1000&{}", period(stage));
    let told = stage.headcount.stats(&asked).await;
    let told: HashMap<&str, &Value> = told
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["country"].as_str().unwrap(), &row["visitors"]))
        .collect();
    assert!(seen.as_array().unwrap().len() > 5, "{seen}");
    let most = told.values().map(|n| n.as_f64().unwrap()).fold(1.0, f64::max);
    for country in seen.as_array().unwrap() {
        let country = texts(country);
        let n = told[&*country[0]];
        equal(&mut checked, &country[0], &country[1], n, None);
        // Five shades, by the root.
        let shade = ((n.as_f64().unwrap() / most).sqrt() * 5.0).ceil().max(1.0);
        assert_eq!(number(&country[2]), shade, "{country:?}");
    }
    checked
}

pub async fn bots_errors_and_files(stage: &Stage) -> Checked {
    let mut checked = Checked::default();
    stage.show(stage.first, stage.last).await;
    stage.click(".sections a.wide[href*='topic=bots']").await;
    checked += stage.check().await;

    // What AI reads, by page: to train, to answer, and whom it sends.
    let reads = |class: &str| {
        let rows = stage.rows(all(stage));
        count_by(rows.filter(|r| r.kind == "bot" && r.has("read") && r.bot_class == class), |r| {
            r.page
        })
    };
    let (training, answers) = (reads("AI training"), reads("AI assistant"));
    let sent = stage.rows(all(stage)).filter(|row| row.begins() && row.channel == "AI Assistants");
    let sent = count_by(sent, |row| row.page);
    let read = table(stage, "#ai").await;
    assert!(read.len() > 2, "{read:?}");
    for row in &read {
        let of = |counts: &BTreeMap<&str, usize>| counts.get(&*row[0]).copied().unwrap_or(0) as f64;
        for (nth, counts) in [(1, &training), (2, &answers), (4, &sent)] {
            assert!(is_count(&row[nth], of(counts)), "{row:?}: counted {}", of(counts));
            checked.counted += 1;
        }
    }
    let sums = |nth: usize| read.iter().map(|row| number(&row[nth])).sum::<f64>();
    assert_eq!(sums(1), training.values().sum::<usize>() as f64, "all of them are there");
    // Makers by requests, files and robots.txt included.
    let makers = table(stage, "#ai-makers").await;
    let of_class = |class: &str| {
        stage
            .rows(all(stage))
            .filter(|r| r.kind == "bot" && r.has("answered") && r.bot_class == class)
            .count()
    };
    for (nth, class) in [(1, "AI training"), (2, "AI assistant")] {
        let shown: f64 = makers.iter().map(|row| number(&row[nth])).sum();
        assert_eq!(shown, of_class(class) as f64, "{class}: {makers:?}");
        let asked = format!(
            "aggregate?metrics=pageviews&filters=bot:class%3D%3D{}&{}",
            class.replace(' ', "+"),
            period(stage)
        );
        let told = stage.headcount.stats(&asked).await;
        equal(&mut checked, class, &shown.to_string(), &told["pageviews"]["value"], None);
        checked.counted += 1;
    }
    // Who they are, and how that is known.
    checked += pairs(stage, "#known", "bot:identity", ("identity", "proof")).await;

    stage.click(".sections a.wide[href*='topic=errors']").await;
    checked += stage.check().await;
    checked += pairs(stage, "#links", "error:link", ("link", "referrer")).await;
    let errors = |flag: &'static str| {
        let is = move |row: &&Row| row.kind == "error" && row.has(flag);
        count_by(stage.rows(all(stage)).filter(is), |row| row.page)
    };
    let (answered, seen) = (errors("answered"), errors("beacon"));
    for row in table(stage, "#errors").await {
        let (page, _) = row[0].split_once(" linked from ").unwrap_or((&row[0], ""));
        for (nth, counts) in [(1, &answered), (2, &seen)] {
            let n = counts.get(page).copied().unwrap_or(0);
            assert!(is_count(&row[nth], n as f64), "{row:?}: counted {n}");
            checked.counted += 1;
        }
    }

    stage.click(".sections a.wide[href*='topic=files']").await;
    checked += stage.check().await;
    let taken = stage.rows(all(stage)).filter(|row| row.kind == "download" && row.is_response());
    let taken = count_by(taken, |row| row.page);
    let fetched = count_by(stage.rows(all(stage)).filter(|row| row.kind == "feed"), |row| row.page);
    for (card, nth, counts) in [("#files", 1, &taken), ("#feeds", 2, &fetched)] {
        let rows = table(stage, card).await;
        assert_eq!(rows.len(), counts.len(), "{card}: {rows:?}");
        for row in rows {
            let n = counts[&*row[0]];
            assert!(is_count(&row[nth], n as f64), "{row:?}: counted {n}");
            checked.counted += 1;
        }
    }
    stage.click(".sections a[data-key=o]").await;
    checked
}

/// Rows of two values, whose sums are those of the API.
async fn pairs(stage: &Stage, card: &str, property: &str, keys: (&str, &str)) -> Checked {
    let mut checked = Checked::default();
    let asked =
        format!("breakdown?property={property}&metrics=pageviews&limit=1000&{}", period(stage));
    let told = stage.headcount.stats(&asked).await;
    let links = format!(
        "return [...document.querySelectorAll('{card} tbody tr')].map((row) =>
            [new URL(row.querySelector('th a').getAttribute('href'), location)
                .searchParams.get('filters'), row.querySelector('td').textContent])"
    );
    let seen = run(&stage.browser, &links).await;
    assert!(!seen.as_array().unwrap().is_empty(), "{card}");
    for row in seen.as_array().unwrap() {
        let row = texts(row);
        let values: Vec<&str> =
            row[0].split(';').map(|filter| super::exported::condition(filter).2).collect();
        let found = told
            .as_array()
            .unwrap()
            .iter()
            .find(|told| told[keys.0] == values[0] && told[keys.1] == *values.last().unwrap());
        let found = found.unwrap_or_else(|| panic!("{row:?} is not in {told}"));
        equal(&mut checked, card, &row[1], &found["pageviews"], None);
    }
    checked
}

pub async fn speed(stage: &Stage) -> Checked {
    let mut checked = Checked::default();
    stage.show(stage.first, stage.last).await;
    stage.click(".sections a.wide[href*='topic=speed']").await;
    let told = stage.headcount.stats(&format!("timings?{}", period(stage))).await;
    let names = ["origin", "TTFB", "LCP", "INP", "CLS"];
    let seen = "return [...document.querySelectorAll('.timings > div')].map((tile) =>
        [tile.querySelector('.figure').textContent,
            ...[...tile.querySelectorAll('.quantiles b')].map((n) => n.textContent),
            tile.querySelector('dd > p:last-child').textContent.replace(/[^0-9]/g, '')])";
    let seen = run(&stage.browser, seen).await;
    assert_eq!(seen.as_array().unwrap().len(), names.len(), "{seen}");
    let timed = |shown: &str, n: f64, name: &str| {
        let (digits, unit) = shown.split_once(' ').unwrap_or((shown, ""));
        let (size, step) = match unit {
            "s" => (1_000.0, 50.0),
            "ms" if digits.contains('.') => (1.0, 0.05),
            "ms" => (1.0, 0.5),
            _ => (1.0, 0.005),
        };
        assert!((number(digits) * size - n).abs() <= step * 1.01, "{name}: {shown}, told {n}");
    };
    for (name, tile) in names.iter().zip(seen.as_array().unwrap()) {
        let (tile, of) = (texts(tile), &told["timings"][*name]);
        for (shown, quantile) in tile.iter().zip(["p75", "p50", "p95", "p99"]) {
            timed(shown, of[quantile].as_f64().unwrap(), name);
            checked.told += 1;
        }
        let is: fn(&Row) -> bool = Row::is_view;
        let counted = match *name {
            // Of what the website was not asked for there is no time.
            "origin" => None,
            name => Some(
                stage
                    .rows(all(stage))
                    .filter(|r| !is(r) && r.kind == "vital" && r.name == name)
                    .count(),
            ),
        };
        equal(&mut checked, name, &tile[4], &of["count"], counted);
    }
    // The slowest pages.
    let rows = table(stage, ".slowest").await;
    assert!(rows.len() > 5, "{rows:?}");
    for row in rows {
        let page = told["slowest"].as_array().unwrap().iter().find(|of| of["page"] == row[0]);
        // The API asks for more views of a page.
        let Some(page) = page else { continue };
        for (shown, name) in row[1..].iter().zip(names) {
            timed(shown, page["timings"][name]["p75"].as_f64().unwrap(), name);
            checked.told += 1;
        }
    }
    stage.click(".sections a[data-key=o]").await;
    checked
}

/// Pinned by the form, drawn at their day, said below the chart, and gone when deleted.
pub async fn notes(stage: &Stage) -> Checked {
    let (first, day) = (stage.last - Days::new(6), stage.last - Days::new(2));
    stage.show(first, stage.last).await;
    stage.click("#overview .more a[href*='/settings/notes']").await;
    super::fill(&stage.browser, "input[name=day]", &day.to_string()).await;
    let text = stage.browser.find(Locator::Css("input[name=text]")).await.unwrap();
    text.send_keys("The oven \"went\" <cold>").await.unwrap();
    press(&stage.browser, Locator::Css("form:has(input[name=text]) button")).await;
    crate::dashboard::until(
        &stage.browser,
        "return document.querySelectorAll('.lines li').length",
        json!(1),
    )
    .await;
    stage.show(first, stage.last).await;
    let pins = "return [[...document.querySelectorAll('.step:has(circle.pin)')]
            .map((step) => [step.dataset.at, step.getAttribute('aria-label').includes('<cold>')]),
        [...document.querySelectorAll('.notes li')].map((note) =>
            [note.querySelector('time').getAttribute('datetime'), note.querySelector('span').textContent])]";
    let day = day.to_string();
    let expected = json!([[[day, true]], [[day, "The oven \"went\" <cold>"]]]);
    assert_eq!(run(&stage.browser, pins).await, expected);
    stage.click("#overview .more a[href*='/settings/notes']").await;
    press(&stage.browser, Locator::Css(".lines form:has(input[value=remove]) button")).await;
    crate::dashboard::until(
        &stage.browser,
        "return document.querySelectorAll('.lines li').length",
        json!(0),
    )
    .await;
    stage.show(first, stage.last).await;
    assert_eq!(run(&stage.browser, pins).await, json!([[], []]));
    Checked { told: 0, counted: 4 }
}
