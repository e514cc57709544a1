//! What other programs have counted: beside our own counts, and only where asked for.

use super::common::headcount::Headcount;
use super::happened::{DAY, MONDAY, Server, counted, happened};
use super::{SITE, both, command, imported, said, stored};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// Of each day: visitors, visits and pageviews, and pageviews by page.
type Told = BTreeMap<i64, (i64, i64, i64, BTreeMap<String, i64>)>;

fn date(day: i64) -> String {
    let at = chrono::DateTime::from_timestamp_millis(MONDAY + day * DAY).unwrap();
    at.format("%Y-%m-%d").to_string()
}

/// What another program may have counted over ten days.
fn told() -> Told {
    let day = |day: i64| {
        let page = |n: i64| (format!("/page/{n}"), 3 + (day * 7 + n) % 11);
        let pages: BTreeMap<String, i64> = (0..6).map(page).collect();
        (day, (10 + day, 12 + day, pages.values().sum(), pages))
    };
    (0..10).map(day).collect()
}

/// As Plausible exports it.
fn export(dir: &Path, told: &Told) -> Vec<String> {
    let mut visitors = "date,visitors,pageviews,bounces,visits,visit_duration\n".to_owned();
    let mut pages = "date,hostname,page,visits,visitors,pageviews\n".to_owned();
    for (day, (who, visits, views, by_page)) in told {
        let on = date(*day);
        writeln!(visitors, "\"{on}\",{who},{views},3,{visits},600").unwrap();
        for (page, views) in by_page {
            writeln!(pages, "\"{on}\",\"{SITE}\",\"{page}\",2,2,{views}").unwrap();
        }
    }
    let names = ["imported_visitors_x.csv", "imported_pages_x.csv"];
    for (name, text) in names.iter().zip([visitors, pages]) {
        std::fs::write(dir.join(name), text).unwrap();
    }
    names.map(str::to_owned).to_vec()
}

fn ask(headcount: &Headcount, dimensions: Value, imports: bool) -> Value {
    let question = json!({
        "site_id": SITE, "metrics": ["pageviews", "visitors", "visits"], "dimensions": dimensions,
        "date_range": [date(0), date(9)], "include": {"imports": imports},
    });
    let url = format!("http://{}/api/v2/query", headcount.admin());
    let client = reqwest::blocking::Client::new();
    client.post(url).json(&question).send().unwrap().json().unwrap()
}

fn by_name(answer: &Value) -> BTreeMap<String, i64> {
    let row = |row: &Value| {
        let name = row["dimensions"][0].as_str().unwrap_or("").to_owned();
        (name, row["metrics"][0].as_i64().unwrap())
    };
    answer["results"].as_array().unwrap().iter().map(row).collect()
}

#[test]
fn totals_are_told_where_they_are_asked_for() {
    let (told, all) = (told(), happened(41, 3, 60));
    let own = counted(&all, true);
    both(|dir, store| {
        let files = export(dir, &told);
        std::fs::write(dir.join("access.log"), Server::Combined.log(&all)).unwrap();
        imported(dir, store, &["access.log"]);
        let words = [vec!["--format".to_owned(), "plausible".to_owned()], files].concat();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        // Twice is once.
        for _ in 0..2 {
            let printed = imported(dir, store, &words);
            let views: i64 = told.values().map(|(.., views, _)| views).sum();
            assert!(printed.contains(&format!("{views} pageviews and 145 visitors of 10 days")));
        }
        assert_eq!(stored(dir, store), own, "our own counts are what they were");

        let flags = ["--timezone", "UTC", "--store", store];
        let headcount = Headcount::start_in("http://127.0.0.1:9", dir, &flags);
        let days = json!(["time:day"]);
        let plain = by_name(&ask(&headcount, days.clone(), false));
        let with = ask(&headcount, days, true);
        assert_eq!(with["meta"]["imports_included"], true, "{with}");
        let with = by_name(&with);
        let pages = by_name(&ask(&headcount, json!(["event:page"]), true));
        for (day, (.., views, _)) in &told {
            let ours = own.get(day).map_or(0, |sums| sums.views);
            assert_eq!(plain.get(&date(*day)).copied().unwrap_or_default(), ours, "day {day}");
            assert_eq!(with[&date(*day)], ours + views, "day {day}");
        }
        let mut expected: BTreeMap<String, i64> = BTreeMap::new();
        let theirs = told.values().flat_map(|(.., pages)| pages);
        for (page, n) in theirs.chain(own.values().flat_map(|sums| &sums.pages)) {
            *expected.entry(page.clone()).or_default() += n;
        }
        assert_eq!(pages, expected);
        // Two properties at once are for rows, of which they have none.
        let both = ask(&headcount, json!(["event:page", "visit:country"]), true);
        assert_eq!(both["meta"]["imports_included"], false, "{both}");
        assert_eq!(both["meta"]["imports_skip_reason"], "unsupported_query");
        let ours = |day: &i64| own.get(day).map_or(0, |sums| sums.views);
        on_the_dashboard(&headcount, &told, ours);
        drop(headcount);

        // They go over with a copy, and go with what is deleted.
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let copy = |words: &[&str]| {
            let mut copy = std::process::Command::new(env!("CARGO_BIN_EXE_headcount"));
            copy.current_dir(dir).env_clear().args(words).args([
                "--site",
                SITE,
                "--timezone",
                "UTC",
            ]);
            let output = copy.output().unwrap();
            assert!(output.status.success(), "{words:?}: {}", said(&output));
        };
        copy(&["copy", "--from", store, "--to", "sqlite:other.db"]);
        let kept = |url: &str| {
            let store = headcount::store::open(&url.parse().unwrap(), dir).unwrap();
            runtime.block_on(async {
                let days = store.kept_imported(SITE).await.unwrap();
                let counts = store.imported(SITE, &days).await.unwrap();
                let fields = counts.iter().map(|c| c.fields().collect::<BTreeMap<_, _>>());
                days.into_iter().zip(fields).collect::<Vec<_>>()
            })
        };
        assert_eq!(kept("sqlite:other.db").len(), 10);
        assert_eq!(kept("sqlite:other.db"), kept(store));
        copy(&["delete", "--yes", "--store", store, "--from", &date(8), "--to", &date(9)]);
        assert_eq!(kept(store).len(), 8);
        copy(&["delete", "--yes", "--store", store]);
        assert_eq!(kept(store), []);
    });
}

/// The dashboard shows them as a part of its own numbers, where they can be told.
fn on_the_dashboard(headcount: &Headcount, told: &Told, ours: impl Fn(&i64) -> i64) {
    let ten_days = format!("period=custom&date={},{}", date(0), date(9));
    let page_of = |time: &str, more: &str| {
        let url = format!("http://{}/?{time}&metric=pageviews{more}", headcount.admin());
        let get = reqwest::blocking::Client::new().get(url).header("accept", "text/html");
        get.send().unwrap().error_for_status().unwrap().text().unwrap()
    };
    let page = |more: &str| page_of(&ten_days, more);
    let number = |text: &str| text.replace(',', "").parse::<i64>().ok();
    // The figure of the tile, and what is said of a part of it.
    let tile = |html: &str, name: &str| {
        let from = html.find(&format!("<span class=\"name\">{name}</span>")).unwrap();
        let tile = &html[from..from + html[from..].find("</a>").unwrap()];
        let within = |class: &str| {
            let text = tile.split(&format!("<span class=\"{class}\">")).nth(1)?;
            number(text.split(['<', ' ']).next()?)
        };
        (within("figure"), within("share imported"))
    };
    let theirs = |nth: usize| -> i64 {
        told.values().map(|(who, visits, views, _)| [*who, *visits, *views][nth]).sum()
    };
    let views: i64 = theirs(2);
    let own: i64 = (0..10).map(|day| ours(&day)).sum();
    let with = page("");
    assert_eq!(tile(&with, "Pageviews"), (Some(own + views), Some(views)));
    assert_eq!(tile(&with, "Visits").1, Some(theirs(1)));
    assert_eq!(tile(&with, "Unique visitors").1, Some(theirs(0)));
    assert!(with.contains("imported from Plausible until "), "{with}");
    // Each day, and how much of it was imported.
    let table = with.split("<tbody>").nth(1).unwrap().split("</tbody>").next().unwrap();
    let cells = |row: &str| {
        let cells = row.split("<td>").skip(1);
        cells.map(|cell| number(cell.split('<').next().unwrap()).unwrap_or(0)).collect::<Vec<_>>()
    };
    let rows: Vec<Vec<i64>> = table.split("<tr>").skip(1).map(cells).collect();
    assert_eq!(rows.len(), 10);
    for (day, row) in (0..).zip(&rows) {
        assert_eq!(row[..2], [ours(&day) + told[&day].2, told[&day].2], "day {day}");
    }
    assert!(with.contains("class=\"line imported\""));

    // Left out: because somebody wants it so, or because they cannot be told.
    let left = page("&imported=false");
    assert_eq!(tile(&left, "Pageviews"), (Some(own), None));
    assert!(left.contains("Left out: totals imported from Plausible"));
    let filtered = page("&filters=event:page%3D%3D/page/1");
    assert!(filtered.contains("Not shown: totals imported from Plausible"));
    assert_eq!(tile(&filtered, "Pageviews").1, None);
    for html in [left, filtered] {
        assert!(!html.contains("class=\"line imported\""));
    }
    let other = page_of("period=day&date=2020-02-02", "").contains("imported from");
    assert!(!other, "a time that does not reach into them");
}

#[test]
fn totals_come_by_standard_input_too() {
    let dir = tempfile::tempdir().unwrap();
    let told = told();
    let file = &export(dir.path(), &told)[0];
    for more in [&["-"][..], &[]] {
        let words = [&["--format", "plausible"][..], more].concat();
        let mut import = command(dir.path(), "sqlite:headcount.db", &words);
        import.stdin(std::fs::File::open(dir.path().join(file)).unwrap());
        let output = import.output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        let views: i64 = told.values().map(|(.., views, _)| views).sum();
        let expected = format!("{views} pageviews and 145 visitors of 10 days");
        assert!(printed.contains(&expected), "{more:?}: {printed} {}", said(&output));
    }
}

#[test]
fn a_file_that_is_no_export_is_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("x.csv"), "colour\nred\n").unwrap();
    let words = ["--format", "ga4", "x.csv"];
    let output = command(dir.path(), "sqlite:headcount.db", &words).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("x.csv has no column with a date"), "{}", said(&output));
}
