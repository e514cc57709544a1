//! The dashboard under filters: every card, the totals, the chart, goals and a funnel, compared
//! with a plain count of what the test has sent; on both stores.
//!
//! - one, two and three filters, of every operator, from each card's own rows and typed in the
//!   form;
//! - all cards of a page agree, and say so where numbers are not filtered;
//! - filters that cannot be met together are refused.

mod common;

use common::headcount::Headcount;
use common::http::{self, BEACON, CHROME, FIREFOX, GOOGLEBOT, NAVIGATION};
use common::load::Load;
use common::redis::RedisServer;
use common::wait_for;
use rand10::rngs::StdRng;
use rand10::seq::IndexedRandom;
use rand10::{RngExt, SeedableRng};
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};

const SAFARI: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like \
                      Gecko) Version/18.5 Safari/605.1.15";

/// A user agent, and what the dashboard calls its browser, the browser's version and the system.
const AGENTS: [(&str, [&str; 3]); 3] = [
    (FIREFOX, ["Firefox", "Firefox 153", "GNU/Linux"]),
    (CHROME, ["Chrome", "Chrome 156", "Windows"]),
    (SAFARI, ["Safari", "Safari 18", "macOS"]),
];
/// A code, and what the dashboard shows.
const COUNTRIES: [(&str, &str); 3] =
    [("DE", "🇩🇪 Germany"), ("FR", "🇫🇷 France"), ("EE", "🇪🇪 Estonia")];
/// Where a visit comes from, and its source.
const REFERRERS: [(&str, &str); 3] = [
    ("", "Direct / None"),
    ("https://www.google.com/", "Google"),
    ("https://news.ycombinator.com/", "Hacker News"),
];
const PAGES: [&str; 5] = ["/", "/pricing", "/docs", "/docs/api", "/a;c*"];

/// A visitor, with one visit.
#[derive(Debug)]
struct Visitor {
    country: usize,
    agent: usize,
    referrer: usize,
    pages: Vec<&'static str>,
    /// Pages on which they signed up, in order.
    signed_up: Vec<&'static str>,
}

fn visitors(seed: u64) -> Vec<Visitor> {
    let mut random = StdRng::seed_from_u64(seed);
    let visitor = |_| {
        let pages: Vec<_> =
            (0..random.random_range(1..5)).map(|_| *PAGES.choose(&mut random).unwrap()).collect();
        let signed_up = pages.iter().copied().filter(|_| random.random_ratio(1, 5)).collect();
        Visitor {
            country: random.random_range(0..3),
            agent: random.random_range(0..3),
            referrer: random.random_range(0..3),
            pages,
            signed_up,
        }
    };
    (0..40).map(visitor).collect()
}

/// Something a visitor did, and on which page.
#[derive(Clone, Copy)]
struct Row<'v> {
    visitor: usize,
    of: &'v Visitor,
    page: &'static str,
    is_sign_up: bool,
    /// Property of the event, if it is one.
    plan: &'static str,
}

/// The plan that a visitor signs up for, the first time and later.
fn plan(visitor: usize, nth: usize) -> &'static str {
    ["pro", "free"][(visitor + nth) % 2]
}

impl Row<'_> {
    fn value(&self, property: &str) -> &'static str {
        let [browser, version, system] = AGENTS[self.of.agent].1;
        match property {
            "event:page" => self.page,
            "visit:entry_page" => self.of.pages[0],
            "visit:exit_page" => self.of.pages[self.of.pages.len() - 1],
            "visit:country" => COUNTRIES[self.of.country].1,
            "visit:source" => REFERRERS[self.of.referrer].1,
            "visit:browser" => browser,
            "visit:browser_version" => version,
            "visit:os" => system,
            other => panic!("{other}"),
        }
    }
}

type Test = Box<dyn Fn(&Row<'_>) -> bool>;

/// A filter as the URL has it, and the same as plain code.
struct Filter {
    text: &'static str,
    lets: Test,
    /// It asks for a goal, or another event.
    of_goal: bool,
}

fn filter(text: &'static str, lets: impl Fn(&Row<'_>) -> bool + 'static) -> Filter {
    Filter {
        text,
        lets: Box::new(lets),
        of_goal: ["event:goal==", "event:props"].iter().any(|of| text.starts_with(of)),
    }
}

fn filters() -> Vec<Filter> {
    vec![
        filter("visit:country==DE", |row| row.of.country == 0),
        filter("visit:country==FR|EE", |row| row.of.country > 0),
        filter("visit:country_name!=Germany", |row| row.of.country > 0),
        filter("event:page==/docs", |row| row.page == "/docs"),
        filter("event:page==/docs*", |row| row.page.starts_with("/docs")),
        filter(r"event:page==/a\;c\*", |row| row.page == "/a;c*"),
        filter("event:page!=/", |row| row.page != "/"),
        filter("event:page=@pri", |row| row.page.contains("pri")),
        filter("event:page!@doc", |row| !row.page.contains("doc")),
        filter(r"event:page=~^/(docs\|pricing)$", |row| ["/docs", "/pricing"].contains(&row.page)),
        filter("event:page!~api$", |row| !row.page.ends_with("api")),
        filter("visit:os==macOS", |row| row.of.agent == 2),
        filter("visit:os==Mac", |row| row.of.agent == 2),
        filter("visit:browser_version==Chrome 156", |row| row.of.agent == 1),
        filter("visit:browser_version==156", |row| row.of.agent == 1),
        filter("visit:source==Google|Hacker News", |row| row.of.referrer > 0),
        filter("visit:entry_page==/", |row| row.of.pages[0] == "/"),
        filter("event:goal==Signup", |row| row.is_sign_up),
        filter("event:props:plan==pro", |row| row.plan == "pro"),
    ]
}

/// What a page says.
struct Page(String);

impl Page {
    fn get(headcount: &Headcount, pairs: &[(&str, &str)]) -> Self {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let answer = headcount.admin_get(&format!("/?{query}"));
        assert_eq!(answer.status, 200, "{pairs:?}: {}", answer.text());
        Self(answer.text())
    }

    /// The figures of the totals, by name.
    fn totals(&self) -> BTreeMap<String, String> {
        let tile =
            r#"class="name">([^<]*)</span><span class="much"><span class="figure">([^<]*)</span>"#;
        let tiles = Regex::new(tile).unwrap();
        tiles.captures_iter(&self.0).map(|c| (c[1].to_owned(), c[2].to_owned())).collect()
    }

    fn total(&self, name: &str) -> i64 {
        self.totals().get(name).map_or(-1, |n| n.replace(',', "").parse().unwrap())
    }

    fn table(&self, id: &str) -> Option<&str> {
        let card = self.0.split(&format!(r#"id="{id}""#)).nth(1)?;
        card.split("</section>").next()?.split("<tbody>").nth(1)?.split("</tbody>").next()
    }

    /// The rows of a card: what each is called, its numbers, and where it leads.
    fn rows(&self, id: &str) -> Vec<(String, Vec<String>, String)> {
        let link = Regex::new(r#"<a href="([^"]*)"[^>]*>([^<]*)</a>"#).unwrap();
        let cell = Regex::new("<td>([^<]*)</td>").unwrap();
        let rows = self.table(id).unwrap_or_default().split("</tr>");
        let read = |row: &str| {
            let link = link.captures(row)?;
            let numbers = cell.captures_iter(row).map(|cell| cell[1].to_owned()).collect();
            Some((link[2].to_owned(), numbers, link[1].replace("&amp;", "&")))
        };
        rows.filter_map(read).collect()
    }

    /// The same, by name the first two numbers.
    fn counts(&self, id: &str) -> BTreeMap<String, [i64; 2]> {
        let number = |cell: &String| cell.replace(',', "").parse().unwrap_or(-1);
        let rows = self.rows(id).into_iter();
        rows.map(|(name, cells, _)| (name, [number(&cells[0]), number(&cells[1])])).collect()
    }

    /// The sum of what the chart shows, which is also in its table.
    fn charted(&self) -> i64 {
        let cell = Regex::new("<td>([^<]*)</td>").unwrap();
        let rows = self.table("numbers").unwrap_or_default().split("</tr>");
        let value = |row: &str| cell.captures_iter(row).next().map(|cell| cell[1].replace(',', ""));
        rows.filter_map(value).map(|n| n.parse::<i64>().unwrap()).sum()
    }

    fn evidence(&self) -> i64 {
        let Some(evidence) = self.0.split(r#"id="evidence""#).nth(1) else { return 0 };
        let figure = Regex::new(r#"class="figure">([^<]*)<"#).unwrap();
        let evidence = evidence.split("</section>").next().unwrap();
        let figures = figure.captures_iter(evidence);
        figures.map(|figure| figure[1].replace(',', "").parse::<i64>().unwrap()).sum()
    }

    /// Views for which it is told how fast the website was.
    fn timed(&self) -> i64 {
        let Some(tile) = self.0.split(">Website</dt>").nth(1) else { return 0 };
        let views = tile.split(" views</p>").next().unwrap().rsplit('>').next().unwrap();
        views.replace(',', "").parse().unwrap()
    }
}

fn counted(rows: &[Row<'_>], events: bool) -> [i64; 2] {
    let visitors: BTreeSet<usize> = rows.iter().map(|row| row.visitor).collect();
    let views = rows.iter().filter(|row| events == row.is_sign_up).count();
    [visitors.len() as i64, views as i64]
}

/// By value visitors, and views or events.
fn by(rows: &[Row<'_>], property: &str, events: bool) -> BTreeMap<String, [i64; 2]> {
    let mut groups: BTreeMap<String, Vec<Row<'_>>> = BTreeMap::new();
    for row in rows {
        groups.entry(row.value(property).to_owned()).or_default().push(*row);
    }
    groups.into_iter().map(|(value, rows)| (value, counted(&rows, events))).collect()
}

/// Sends what the visitors do.
fn send(headcount: &Headcount, visitors: &[Visitor]) {
    for (nth, visitor) in visitors.iter().enumerate() {
        let address = format!("203.0.113.{nth}");
        let own = [
            ("Host", "localhost"),
            ("User-Agent", AGENTS[visitor.agent].0),
            ("X-Forwarded-For", address.as_str()),
            ("CF-IPCountry", COUNTRIES[visitor.country].0),
        ];
        for (step, page) in visitor.pages.iter().enumerate() {
            let referrer = [("Referer", REFERRERS[visitor.referrer].0)];
            let referrer = if step == 0 && !referrer[0].1.is_empty() { &referrer[..] } else { &[] };
            let answer = http::get(headcount.site(), page, &[NAVIGATION, &own, referrer].concat());
            assert_eq!(answer.status, 200);
        }
        for (n, page) in visitor.signed_up.iter().enumerate() {
            let event = serde_json::json!({ "type": "event", "name": "Signup", "pathname": page,
                "n": nth * 10 + n, "props": { "plan": plan(nth, n) } });
            let headers = [BEACON, &own].concat();
            let body = event.to_string();
            let answer =
                http::send(headcount.site(), "POST", "/api/track", &headers, body.as_bytes());
            assert_eq!(answer.status, 202, "{}", answer.text());
        }
    }
}

fn all_cards_agree(store: &str) {
    let load = Load::new();
    let flags = [
        ["--store", store],
        ["--flush-interval", "100ms"],
        ["--trusted-proxies", "127.0.0.1"],
        ["--place-headers", "CF-IPCountry"],
        ["--goals", "Signup = event Signup"],
        ["--funnels", "Way = page / > page /docs*"],
    ];
    let headcount = Headcount::start(&load.url(), &flags.concat());
    let visitors = visitors(7);
    send(&headcount, &visitors);
    let bot = [("Host", "localhost"), ("User-Agent", GOOGLEBOT)];
    http::get(headcount.site(), "/docs", &[NAVIGATION, &bot].concat());
    let views: usize = visitors.iter().map(|visitor| visitor.pages.len()).sum();
    let events: usize = visitors.iter().map(|visitor| visitor.signed_up.len()).sum();
    wait_for("all of it", || {
        let total = |metric| headcount.total(metric) as usize;
        (total("pageviews") == views && total("events") == views + events).then_some(())
    });
    let rows: Vec<Row<'_>> = visitors
        .iter()
        .enumerate()
        .flat_map(|(visitor, of)| {
            let view =
                move |page: &&'static str| Row { visitor, of, page, is_sign_up: false, plan: "" };
            let sign_up = move |(nth, page): (usize, &&'static str)| Row {
                visitor,
                of,
                page,
                is_sign_up: true,
                plan: plan(visitor, nth),
            };
            of.pages.iter().map(view).chain(of.signed_up.iter().enumerate().map(sign_up))
        })
        .collect();

    let filters = filters();
    let mut combined: Vec<Vec<&Filter>> = filters.iter().map(|one| vec![one]).collect();
    let random = &mut StdRng::seed_from_u64(1);
    for n in [2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3] {
        combined.push(filters.sample(random, n).collect());
    }
    for filters in combined {
        let text = filters.iter().map(|one| one.text).collect::<Vec<_>>().join(";");
        let of_goal = filters.iter().any(|one| one.of_goal);
        let let_through: Vec<Row<'_>> =
            rows.iter().copied().filter(|row| filters.iter().all(|one| (one.lets)(row))).collect();
        // Without a goal a visitor is there with what they view.
        let there: Vec<Row<'_>> =
            let_through.iter().copied().filter(|row| row.is_sign_up == of_goal).collect();
        agrees(&headcount, &text, of_goal, &there);
        goal_and_funnel_agree(&headcount, &text, &visitors, &let_through);
    }
    typed_and_clicked(&headcount, &rows);
    apart(&headcount);
}

/// The same for a goal and for a funnel, which visits are followed through whom a filter lets
/// through.
fn goal_and_funnel_agree(
    headcount: &Headcount,
    text: &str,
    visitors: &[Visitor],
    let_through: &[Row<'_>],
) {
    let page = Page::get(headcount, &[("filters", text)]);
    let begun: BTreeSet<usize> = let_through.iter().map(|row| row.visitor).collect();
    let way = |visitor: &usize| {
        let mut pages = visitors[*visitor].pages.iter().skip_while(|page| **page != "/");
        (pages.next().is_some(), pages.any(|page| page.starts_with("/docs")))
    };
    let steps = begun.iter().map(way).filter(|(first, _)| *first);
    let steps: Vec<bool> = steps.map(|(_, second)| second).collect();
    let done = [steps.len(), steps.iter().filter(|second| **second).count()];
    let step = Regex::new(r"</strong><span>([^<]*)").unwrap();
    let number = |text: &str| if text == "nobody" { 0 } else { text.parse().unwrap() };
    let told: Vec<usize> = step.captures_iter(&page.0).map(|step| number(&step[1])).collect();
    let expected = if done[0] == 0 { vec![] } else { done.to_vec() };
    assert_eq!(told, expected, "{text}: the funnel");
    let signed_up: Vec<Row<'_>> =
        let_through.iter().filter(|row| row.is_sign_up).copied().collect();
    let goal = page.counts("goals").get("Signup").copied();
    assert_eq!(goal.unwrap_or_default(), counted(&signed_up, true), "{text}: the goal");
}

/// Compares a page with the rows that its filters let through.
fn agrees(headcount: &Headcount, text: &str, of_goal: bool, there: &[Row<'_>]) {
    let [visitors, count] = counted(there, of_goal);
    let tabs = [
        [("pages", "event:page"), ("places", "visit:country"), ("devices", "visit:browser")],
        [
            ("devices", "visit:browser_version"),
            ("pages", "visit:entry_page"),
            ("sources", "visit:source"),
        ],
        [("devices", "visit:os"), ("pages", "visit:exit_page"), ("places", "visit:country")],
    ];
    let metric = if of_goal { "conversions" } else { "pageviews" };
    let chart = Page::get(headcount, &[("metric", metric), ("filters", text)]);
    assert_eq!(chart.charted(), count, "{text}: the chart of {metric}");
    if !of_goal {
        let speed = Page::get(headcount, &[("topic", "speed"), ("filters", text)]);
        assert_eq!(speed.timed(), count, "{text}: views whose speed is told");
    }
    for tabs in tabs {
        let mut asked = tabs.to_vec();
        asked.push(("filters", text));
        let page = Page::get(headcount, &asked);
        let names = if of_goal { ["Visitors", "Events"] } else { ["Unique visitors", "Pageviews"] };
        let totals = names.map(|name| page.total(name));
        assert_eq!(totals, [visitors, count], "{text}: {:?}", page.totals());
        if !of_goal {
            let visits = page.totals().get("Visits").map(|n| n.parse::<i64>().unwrap());
            assert_eq!(visits, Some(visitors), "{text}: each has one visit");
            assert_eq!(page.evidence(), count, "{text}: the evidence");
        }
        assert_eq!(page.charted(), visitors, "{text}: the chart");
        for (card, property) in tabs {
            let mut expected = by(there, property, of_goal);
            let told = page.counts(card);
            // Some show visits first, and what is no count behind them; each visitor has one.
            let is_visits = !of_goal
                && !matches!(property, "event:page" | "visit:country")
                && !property.starts_with("visit:browser")
                && property != "visit:os";
            let first = |counts: [i64; 2]| if is_visits { [counts[0], 0] } else { counts };
            expected = expected.into_iter().map(|(value, counts)| (value, first(counts))).collect();
            let told: BTreeMap<_, _> =
                told.into_iter().map(|(value, counts)| (value, first(counts))).collect();
            assert_eq!(told, expected, "{text}: {property}");
        }
        assert!(page.0.contains("kept for all of these days"), "{text}: it says where from");
        assert!(!page.0.contains(r#"id="bots""#), "{text}: robots have no visits");
    }
}

/// A filter is added by a row's link and by the form, and is taken out by its chip.
fn typed_and_clicked(headcount: &Headcount, rows: &[Row<'_>]) {
    let follow = |link: &str| {
        let answer = headcount.admin_get(link.split('#').next().unwrap());
        assert_eq!(answer.status, 200, "{link}");
        Page(answer.text())
    };
    let link_of = |page: &Page, card: &str, value: &str| {
        let rows = page.rows(card);
        rows.iter().find(|(name, ..)| name == value).map(|(.., link)| link.clone()).unwrap()
    };
    let everything = Page::get(headcount, &[("devices", "visit:browser")]);
    let germans = follow(&link_of(&everything, "places", "🇩🇪 Germany"));
    let readers = follow(&link_of(&germans, "pages", "/a;c*"));
    let of = |row: &&Row<'_>| row.of.country == 0 && row.page == "/a;c*" && !row.is_sign_up;
    let expected: Vec<Row<'_>> = rows.iter().filter(of).copied().collect();
    assert!(!expected.is_empty());
    assert_eq!(readers.total("Unique visitors"), counted(&expected, false)[0]);
    assert_eq!(readers.counts("devices"), by(&expected, "visit:browser", false));
    for text in
        ["<strong>Country</strong> is <span>🇩🇪 Germany</span>", "<span>/a;c*</span>", "Clear all"]
    {
        assert!(readers.0.contains(text), "{text}");
    }
    let chip = Regex::new(r#"<a href="([^"]*)" aria-label="Remove the filter: Page"#).unwrap();
    let chip = chip.captures(&readers.0).unwrap()[1].replace("&amp;", "&");
    assert_eq!(follow(&chip).counts("pages"), germans.counts("pages"));

    // A property's row opens its values, each of which filters by itself.
    let properties = Page::get(headcount, &[("events", "event:property")]);
    let plans = follow(&link_of(&properties, "events", "plan"));
    let of_plan = |plan: &str| {
        let rows: Vec<Row<'_>> = rows.iter().filter(|row| row.plan == plan).copied().collect();
        let [visitors, events] = counted(&rows, true);
        (plan.to_owned(), [events, visitors])
    };
    assert_eq!(plans.counts("events"), BTreeMap::from(["pro", "free"].map(of_plan)));
    let pro = follow(&link_of(&plans, "events", "pro"));
    assert_eq!(pro.total("Events"), of_plan("pro").1[0]);
    assert_eq!(pro.counts("events"), BTreeMap::from([of_plan("pro")]));

    let typed = |operator, value| {
        let pairs = [
            ("filters", "visit:country==DE"),
            ("property", "visit:source"),
            ("operator", operator),
            ("value", value),
        ];
        Page::get(headcount, &pairs)
    };
    for (operator, value, written) in [
        ("is", "Google|Hacker News", "visit:source==Google|Hacker News"),
        ("contains", "oogl", "visit:source=@oogl"),
        ("matches", "^(G|H)", r"visit:source=~^(G\|H)"),
    ] {
        let both = format!("visit:country==DE;{written}");
        let page = Page::get(headcount, &[("filters", &both)]);
        let typed = typed(operator, value);
        assert_eq!(typed.counts("pages"), page.counts("pages"), "{written}");
        assert_eq!(typed.rows("pages")[0].2, page.rows("pages")[0].2, "links hold what was typed");
    }
}

/// What is counted apart from visits is shown apart.
fn apart(headcount: &Headcount) {
    let robots =
        Page::get(headcount, &[("filters", "bot:name==Googlebot"), ("fetched", "bot:page")]);
    assert_eq!(robots.total("Requests"), 1);
    assert_eq!(robots.rows("fetched")[0].0, "/docs");
    assert!(robots.table("pages").is_none() && robots.0.contains("apart from visits"));
    for (filters, names) in [
        ("bot:name==Googlebot;visit:country==DE", "counted apart"),
        ("event:goal==Nope", "no goal “<bdi>Nope</bdi>”"),
        ("ai:page==/", "`ai:page`"),
        ("event:page=~(", "“<bdi>(</bdi>” is no regular expression"),
    ] {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("filters", filters)
            .finish();
        let answer = headcount.admin_get(&format!("/?{query}"));
        assert_eq!(answer.status, 400, "{filters}");
        assert!(answer.text().contains(names), "{filters}: {}", answer.text());
    }
}

#[test]
fn cards_agree_on_sqlite() {
    all_cards_agree("sqlite:counts.db");
}

#[test]
fn cards_agree_on_redis() {
    all_cards_agree(&RedisServer::start().url());
}
