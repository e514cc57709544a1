//! Every number of a month's report, compared with what the test noted of each request it sent. Names
//! of pages, sources and goals are hostile, and stay text.

use crate::common::headcount::SITE;
use crate::common::http::CURL;
use crate::common::mail::{Mail, MailServer};
use crate::common::redis::RedisServer;
use crate::common::wait_for;
use crate::stage::{FIREFOX, SEMRUSH, Stage, a_while, all_notices, ask, delivered, today, visit};
use chrono::{Datelike, Months};
use headcount::clock::{HOUR, MINUTE};
use headcount::model::site::Day;
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};

const GOAL: &str = "Read \"<i>\" & more";

/// Sources: as links have them, and as they are told.
const IMAGE: (&str, &str) =
    ("?utm_source=%22%3E%3Cimg+src%3Dx+onerror%3Dalert(1)%3E", "\"><img src=x onerror=alert(1)>");
const FIELD: (&str, &str) =
    ("?utm_source=a%0D%0ABcc:%20victim@example.org%0D%0A%0D%0A", "aBcc: victim@example.org");
const TURNED: (&str, &str) = ("?utm_source=safe%E2%80%AEgpj.exe", "safegpj.exe");
const DIRECT: (&str, &str) = ("", "Direct / None");

/// Pages: as they are asked for, and as they are told.
const CAFE: (&str, &str) = ("/caf%C3%A9", "/café");
const LINES: (&str, &str) =
    ("/x%0D%0ABcc:%20victim@example.org", "/x%0D%0ABcc:%20victim@example.org");
const MARKUP: (&str, &str) = ("/it's&amp;\"%3Cb%3E", "/it's&amp;%22%3Cb%3E");
const A: (&str, &str) = ("/a", "/a");
const B: (&str, &str) = ("/b", "/b");

/// What somebody saw on a day, in one visit.
struct Visit {
    day: Day,
    person: usize,
    country: (&'static str, &'static str),
    source: (&'static str, &'static str),
    pages: Vec<(String, String)>,
    /// One more of them, two minutes later.
    later: Option<(&'static str, &'static str)>,
}

/// What a month had.
struct Month {
    visits: Vec<Visit>,
    /// Requests of robots, by class.
    robots: BTreeMap<&'static str, i64>,
    /// Requests for pages that are gone, by page and where from.
    links: BTreeMap<&'static str, i64>,
}

impl Month {
    fn of(&self, day: Day) -> impl Iterator<Item = &Visit> {
        self.visits.iter().filter(move |visit| visit.day == day)
    }

    fn views(visit: &Visit) -> i64 {
        visit.pages.len() as i64 + i64::from(visit.later.is_some())
    }

    /// Visitors (a person is another one on another day), visits, views, views of a visit, bounces in
    /// percent.
    fn totals(&self) -> [f64; 5] {
        let visits = self.visits.len() as f64;
        let views: i64 = self.visits.iter().map(Self::views).sum();
        let bounces = self.visits.iter().filter(|visit| Self::views(visit) == 1).count();
        [visits, visits, views as f64, views as f64 / visits, 100.0 * bounces as f64 / visits]
    }

    /// Visits by what they have, most first.
    fn by(&self, names: impl Fn(&Visit) -> BTreeSet<String>) -> Vec<(String, i64)> {
        let mut count = BTreeMap::<String, i64>::new();
        for name in self.visits.iter().flat_map(names) {
            *count.entry(name).or_default() += 1;
        }
        ranked(count)
    }
}

fn ranked(count: BTreeMap<String, i64>) -> Vec<(String, i64)> {
    let mut rows: Vec<_> = count.into_iter().collect();
    rows.sort_by_key(|(_, n)| -n);
    rows.truncate(10);
    rows
}

fn named((path, name): (&str, &str)) -> (String, String) {
    (path.to_owned(), name.to_owned())
}

fn seen(visit: &Visit) -> BTreeSet<String> {
    let later = visit.later.map(|(_, name)| name.to_owned());
    visit.pages.iter().map(|(_, name)| name.clone()).chain(later).collect()
}

/// By how much a total changed, as it is told.
fn change(nth: usize, before: f64, now: f64) -> String {
    let (by, unit) = match nth {
        4 => (now - before, " points"),
        _ => ((now - before) / before * 100.0, "%"),
    };
    match by.round() as i64 {
        0 => "as before".to_owned(),
        by if by > 0 => format!("+{by}{unit}"),
        by => format!("−{}{unit}", -by),
    }
}

/// The texts of a report, in their order: those of HTML, and those of lines with words of their own.
fn expected(
    month: &Month,
    before: &Month,
    first: Day,
    duration: &str,
) -> (Vec<String>, Vec<String>) {
    let mut html = Vec::new();
    let mut lines = Vec::new();
    let about = format!("{}, compared with the month before", first.format("%B %Y"));
    // The title of the document, and its heading.
    html.extend([SITE, SITE, &about].map(str::to_owned));
    lines.extend([SITE.to_owned(), about]);
    let (now, then) = (month.totals(), before.totals());
    let names = ["Unique visitors", "Visits", "Pageviews", "Views per visit", "Bounce rate"];
    for (nth, name) in names.into_iter().enumerate() {
        let value = match nth {
            3 => format!("{:.2}", now[nth]),
            4 => format!("{:.0}%", now[nth]),
            _ => now[nth].to_string(),
        };
        let change = change(nth, then[nth], now[nth]);
        lines.push(format!("{name} {value} {change}"));
        html.extend([name.to_owned(), value, change]);
    }
    // Before, nobody stayed for a second page.
    lines.push(format!("Visit duration {duration}"));
    html.extend(["Visit duration", duration, "Visitors by day"].map(str::to_owned));
    for day in first.iter_days().take_while(|day| day.month() == first.month()) {
        let views: i64 = month.of(day).map(Month::views).sum();
        let (visitors, name) = (month.of(day).count(), day.format("%a, %-d %b").to_string());
        lines.push(format!("{name} {visitors} visitors {views} views"));
        html.extend([name, visitors.to_string()]);
    }
    let one = |name: &str| BTreeSet::from([name.to_owned()]);
    let goal = |visit: &Visit| match seen(visit).contains("/a") {
        true => one(GOAL),
        false => BTreeSet::new(),
    };
    let counted = |count: &BTreeMap<&'static str, i64>| {
        ranked(count.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect())
    };
    let (visitors, responses) = (("visitors", "Visitors"), ("requests", "Requests"));
    for (title, (inline, head), rows) in [
        ("Pages", visitors, month.by(seen)),
        ("Sources", visitors, month.by(|visit| one(visit.source.1))),
        ("Countries", visitors, month.by(|visit| one(visit.country.1))),
        ("Goals", visitors, month.by(goal)),
        ("Broken links", responses, counted(&month.links)),
        ("Robots", responses, counted(&month.robots)),
    ] {
        lines.push(format!("{title} ({inline})"));
        html.extend([title, head].map(str::to_owned));
        for (name, n) in rows {
            lines.push(format!("{n} {name}"));
            html.extend([name, n.to_string()]);
        }
    }
    html.push("Open the dashboard".to_owned());
    (html, lines)
}

/// What stands between the tags of a page, but for blanks; and the names of its tags.
fn read(html: &str) -> (Vec<String>, BTreeSet<String>) {
    let tag = Regex::new(r"<[^>]*>").unwrap();
    let name = Regex::new(r"</?([^\s>/]*)").unwrap();
    let plain = |text: &str| {
        let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
        text.replace("&amp;", "&").trim().to_owned()
    };
    let texts = tag.split(html).map(plain).filter(|text| !text.is_empty()).collect();
    let names = tag.find_iter(html).map(|tag| name.captures(tag.as_str()).unwrap()[1].to_owned());
    (texts, names.collect())
}

fn check(mail: &Mail, month: &Month, before: &Month, first: Day) {
    assert_eq!(mail.subject, format!("{SITE}: {}", first.format("%B %Y")));
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut lines: Vec<String> =
        mail.text.lines().map(words).filter(|line| !line.is_empty()).collect();
    // Two minutes of one of the visits, and what it takes to send its requests.
    let duration = lines.iter().find_map(|line| line.strip_prefix("Visit duration "));
    let duration = duration.unwrap_or_else(|| panic!("{}", mail.text)).to_owned();
    let seconds: i64 = duration.trim_end_matches('s').parse().expect("less than a minute");
    let least = 120 / month.visits.len() as i64;
    assert!((least..=least + 3).contains(&seconds), "{duration}, not {least}s");

    let (html, text) = expected(month, before, first, &duration);
    let link = lines.pop().unwrap_or_default();
    let last = first + Months::new(1) - chrono::Days::new(1);
    let to =
        format!("https://stats.example.org/?site_id={SITE}&period=custom&date={first}%2C{last}");
    assert_eq!(link, format!("All numbers: {to}"));
    assert_eq!(lines, text);
    let (texts, tags) = read(&mail.html);
    assert_eq!(texts, html);
    let own = ["!DOCTYPE", "a", "body", "h1", "h2", "head", "html", "meta", "p", "table"];
    let own = own.into_iter().chain(["td", "title", "tr"]).map(str::to_owned).collect();
    assert_eq!(tags, own, "{}", mail.html);
    assert!(mail.html.contains(&format!("href=\"{}\"", to.replace('&', "&amp;"))), "{}", mail.html);
    // One receiver, and no field that a page or a source had made.
    let fields = [
        "Content-Type",
        "Date",
        "From",
        "MIME-Version",
        "Message-ID",
        "Subject",
        "To",
        // Of the server's own.
        "X-MailFrom",
        "X-Peer",
        "X-RcptTo",
    ];
    assert_eq!(mail.fields, fields);
}

#[test]
fn a_month_is_told_as_it_was_counted() {
    let (stage, mail, redis) = (Stage::new(), MailServer::start(), RedisServer::start());
    let server = mail.url();
    let goals = format!("{GOAL} = page /a");
    let flags = [
        ["--mail-server", &server],
        ["--reports-monthly", "b@example.org,a@example.org"],
        ["--place-headers", "CF-IPCountry"],
        ["--goals", &goals],
    ];
    let next = today().with_day(1).unwrap() + Months::new(1);
    let (first, end) = (next + Months::new(1), next + Months::new(2));
    let day = |n| first.with_day(n).unwrap();
    let last = end - chrono::Days::new(1);
    let (germany, france) = (("DE", "Germany"), ("FR", "France"));
    let visit_of = |day, person, country, source, pages: &[(&str, &str)]| Visit {
        day,
        person,
        country,
        source,
        pages: pages.iter().copied().map(named).collect(),
        later: None,
    };
    let before = Month {
        visits: vec![
            visit_of(next, 1, germany, DIRECT, &[A]),
            visit_of(first - chrono::Days::new(1), 2, germany, DIRECT, &[B]),
        ],
        robots: BTreeMap::from([("SEO", 1)]),
        links: BTreeMap::new(),
    };
    // Nothing in its first days, when the report of the month before would be due.
    let mut month = Month {
        visits: vec![
            visit_of(day(5), 2, france, TURNED, &[A]),
            Visit { later: Some(B), ..visit_of(day(7), 1, germany, IMAGE, &[A, CAFE, LINES]) },
            visit_of(day(7), 2, france, DIRECT, &[A]),
            visit_of(day(9), 1, germany, DIRECT, &[LINES]),
            visit_of(day(9), 3, germany, FIELD, &[MARKUP, B]),
            visit_of(last, 4, ("US", "United States"), DIRECT, &[A]),
        ],
        robots: BTreeMap::from([("SEO", 3), ("Library or tool", 2)]),
        links: BTreeMap::from([("/gone/a ← no referrer", 1), ("/gone/a ← /a", 2)]),
    };
    // More pages than a report has room for.
    let more = (1..10).map(|n| (format!("/p{n}"), format!("/p{n}")));
    month.visits[4].pages.extend(more);

    stage.set(next, HOUR);
    let nodes = stage.nodes(2, &redis.url(), flags.as_flattened());
    let view = |visit: &Visit, page: &str| {
        let fields = [("User-Agent", FIREFOX), ("CF-IPCountry", visit.country.0)];
        ask(&nodes[visit.person % 2], visit.person, page, &fields, 200);
    };
    for (nth, visit) in (0..).zip(before.visits.iter().chain(&month.visits)) {
        let at = 23 * HOUR + nth * 5 * MINUTE;
        stage.set(visit.day, at);
        for (nth, (path, _)) in visit.pages.iter().enumerate() {
            let source = if nth == 0 { visit.source.0 } else { "" };
            view(visit, &format!("{path}{source}"));
        }
        if let Some((path, _)) = visit.later {
            stage.set(visit.day, at + 2 * MINUTE);
            view(visit, path);
        }
        if visit.day == next {
            ask(&nodes[0], 77, "/a", &[("User-Agent", SEMRUSH)], 200);
        }
    }
    for nth in 0..3 {
        ask(&nodes[nth % 2], 77, "/a", &[("User-Agent", SEMRUSH)], 200);
    }
    for node in &nodes {
        ask(node, 77, "/a", &[("User-Agent", CURL)], 200);
        let from = ("Referer", "http://docs.example.org/a");
        ask(node, 5, "/gone/a", &[("User-Agent", FIREFOX), from], 404);
    }
    ask(&nodes[1], 5, "/gone/a", &[("User-Agent", FIREFOX)], 404);
    nodes.iter().for_each(delivered);
    // Of the month that has begun nothing is told.
    stage.set(end, 7 * HOUR);
    visit(&nodes[0], 9, "/later");
    nodes.iter().for_each(delivered);
    a_while();
    assert_eq!(mail.mails().len(), 0, "it is early");

    stage.set(end, 8 * HOUR + 1_000);
    wait_for("both reports", || (mail.mails().len() >= 2).then_some(()));
    a_while();
    let mails = mail.mails();
    let to: Vec<_> = mails.iter().map(|mail| &*mail.to).collect();
    assert_eq!(to, ["a@example.org", "b@example.org"]);
    mails.iter().for_each(|mail| check(mail, &month, &before, first));
    assert_eq!(all_notices(&nodes, "sent"), 2, "once, by whichever node was first");
}
