//! Answers from rows against a plain count of the same rows, written with texts and loops only.

use super::pieces::scan_pieces;
use super::*;
use crate::clock::{HOUR, MINUTE};
use crate::model::block::{Block, RowBuilder};
use crate::model::rollup::{Dimension, Metric, Row};
use crate::model::row::{EventRow, Flags, Kind, RowVisit, depth};
use crate::model::site::{Day, Site};
use crate::model::{Traits, VisitorHash};
use crate::report::Range;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const DAY: Millis = 20_800 * 24 * HOUR;

fn site() -> Site {
    Site {
        goals: ["Read = page /a*", "Plans = event Plan"].map(|goal| goal.parse().unwrap()).into(),
        ..Site::default()
    }
}

fn date() -> Day {
    Site::default().day(DAY)
}

/// A day of a few visitors: some visits go on from the day before, some past midnight.
fn rows(seed: u64, visits: usize) -> Vec<EventRow> {
    let mut random = fastrand::Rng::with_seed(seed);
    let pages = ["/a", "/ab", "/b", "/c"];
    let mut all = Vec::new();
    for visit in 0..visits {
        let followed = random.u8(..6) > 0;
        let visitor = random.u64(1..4);
        let mut traits = vec![(Dimension::Source, ["Google", "Bing"][random.usize(..2)])];
        if random.bool() {
            traits.push((Dimension::Country, ["DE", "FR", "PL"][random.usize(..3)]));
        }
        let of = |traits: &[(Dimension, &str)], entry: &str| {
            Arc::new(RowVisit {
                visitor: followed.then(|| VisitorHash::from_stored(visitor.to_le_bytes())),
                visit: if followed { visit as u64 + 1 } else { 0 },
                entry: if followed { entry.into() } else { Arc::default() },
                traits: traits.iter().copied().collect::<Traits>(),
            })
        };
        let entry = pages[random.usize(..4)];
        let mut whose = of(&traits, entry);
        let goes_on = random.u8(..5) == 0;
        let mut at = DAY + random.i64(0..20) * HOUR;
        for view in 1..random.u32(2..6) {
            at += random.i64(0..30) * MINUTE;
            let page: Arc<str> = if view == 1 { entry } else { pages[random.usize(..4)] }.into();
            let row = |at, kind| EventRow {
                view: if followed { view } else { 0 },
                ..EventRow::new(at, kind, whose.clone(), page.clone())
            };
            let mut seen = row(at, Kind::View);
            seen.flags = [Flags::SERVER, Flags::BROWSER, Flags::BROWSER.with(Flags::UNVERIFIED)]
                [random.usize(..3)]
            .with_if(Flags::BEGINS, followed && view == 1 && !goes_on);
            seen.numbers[0] = random.i64(0..1000);
            all.push(seen.clone());
            if followed && seen.flags.has(Flags::SERVER) && random.bool() {
                all.push(row(at / 1000 * 1000, Kind::Confirm));
            }
            let mut more = row(at + MINUTE, Kind::Engagement);
            match random.u8(..6) {
                0 => more.numbers = [random.i64(0..9000), depth(None, random.u8(..100))],
                1 => more.kind = Kind::Outbound,
                2 => {
                    (more.kind, more.name) =
                        (Kind::Event, ["Plan", "Other"][random.usize(..2)].into());
                    more.numbers[0] = random.i64(0..500);
                    let plan = ["free", "large"][random.usize(..2)];
                    more.properties = vec![("plan".into(), plan.into())];
                }
                3 if followed => {
                    (more.kind, more.at) =
                        (Kind::Activity, DAY + 24 * HOUR + random.i64(0..MINUTE));
                    more.flags = Flags::VIEWED;
                }
                _ => continue,
            }
            all.push(more);
        }
        if followed && random.u8(..4) == 0 {
            traits.push((Dimension::Suspected, "yes"));
            whose = of(&traits, entry);
            all.push(EventRow {
                flags: Flags::SERVER,
                ..EventRow::new(at + 2 * MINUTE, Kind::View, whose, "/b".into())
            });
        }
    }
    all
}

/// Filters, as they are asked and as they are counted plainly.
#[derive(Debug, Clone)]
enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Is(&'static str, &'static str),
    Contains(&'static str, &'static str),
    Matches(&'static str, &'static str),
    HasDone(Box<Filter>),
}

impl Filter {
    fn expr(&self) -> Expr {
        let has = |name: &str, wanted| Expr::Has(Property::parse(name).unwrap(), vec![wanted]);
        let all = |filters: &[Self]| filters.iter().map(Self::expr).collect();
        match self {
            Self::And(filters) => Expr::All(all(filters)),
            Self::Or(filters) => Expr::Any(all(filters)),
            Self::Not(filter) => Expr::Not(Box::new(filter.expr())),
            Self::Is(name, value) => has(name, Wanted::whole(value, true)),
            Self::Contains(name, part) => has(name, Wanted::containing(part, false)),
            Self::Matches(name, text) => has(name, Wanted::matching(text, true).unwrap()),
            Self::HasDone(filter) => Expr::HasDone(Box::new(filter.expr())),
        }
    }

    fn lets(&self, rows: &[EventRow], row: &EventRow) -> bool {
        let any = |name: &str, fits: &dyn Fn(&str) -> bool| {
            values(rows, row, name).iter().any(|value| fits(value))
        };
        match self {
            Self::And(filters) => filters.iter().all(|filter| filter.lets(rows, row)),
            Self::Or(filters) => filters.iter().any(|filter| filter.lets(rows, row)),
            Self::Not(filter) => !filter.lets(rows, row),
            Self::Is(name, text) => any(name, &|value| value == *text),
            Self::Contains(name, text) => {
                any(name, &|value| value.to_lowercase().contains(&text.to_lowercase()))
            }
            Self::Matches(name, text) => {
                let pattern = Regex::new(text).unwrap();
                any(name, &|value| pattern.is_match(value))
            }
            Self::HasDone(filter) => {
                row.of.visitor.is_some()
                    && rows.iter().any(|other| {
                        other.of.visitor == row.of.visitor
                            && other.kind != Kind::Activity
                            && filter.lets(rows, other)
                    })
            }
        }
    }

    fn names(&self) -> Vec<&'static str> {
        match self {
            Self::And(filters) | Self::Or(filters) => {
                filters.iter().flat_map(Self::names).collect()
            }
            Self::Not(filter) => filter.names(),
            Self::Is(name, _) | Self::Contains(name, _) | Self::Matches(name, _) => vec![name],
            Self::HasDone(_) => Vec::new(),
        }
    }
}

fn filters() -> impl Strategy<Value = Filter> {
    use Filter::{And, Contains, HasDone, Is, Matches, Not, Or};
    let leaf = prop::sample::select(vec![
        Is("event:page", "/a"),
        Contains("event:page", "B"),
        Matches("event:page", "^/[ac]$"),
        Is("visit:source", "Google"),
        Is("visit:country", "DE"),
        Matches("visit:country", "DE|FR"),
        Is("visit:entry_page", "/b"),
        Is("visit:exit_page", "/b"),
        Is("visit:evidence", "confirmed"),
        Is("visit:suspected", "no"),
        Is("event:name", "Plan"),
        Is("event:props:plan", "free"),
        Is("event:goal", "Read"),
    ]);
    leaf.prop_recursive(3, 12, 3, |inner| {
        let some = || prop::collection::vec(inner.clone(), 1..3);
        prop_oneof![
            some().prop_map(And),
            some().prop_map(Or),
            inner.clone().prop_map(|filter| Not(Box::new(filter))),
            inner.clone().prop_map(|filter| HasDone(Box::new(filter))),
        ]
    })
}

fn of_visit<'r>(rows: &'r [EventRow], row: &EventRow) -> Vec<&'r EventRow> {
    let visit = row.of.visit;
    rows.iter().filter(|other| visit != 0 && other.of.visit == visit).collect()
}

fn is_view(row: &EventRow) -> bool {
    row.kind == Kind::View || row.flags.has(Flags::VIEWED)
}

fn first_view<'r>(rows: &'r [EventRow], row: &EventRow) -> Option<&'r EventRow> {
    of_visit(rows, row).into_iter().find(|row| row.flags.has(Flags::BEGINS))
}

/// What a row has of a property, as the API names it.
fn values(rows: &[EventRow], row: &EventRow, name: &str) -> Vec<String> {
    let one = |value: &str| vec![value.to_owned()];
    let of_trait = |dimension| row.of.traits.get(dimension).map(one).unwrap_or_default();
    match name {
        "event:page" => one(&row.page),
        "event:name" if is_view(row) => one("pageview"),
        "event:name" if row.kind == Kind::Outbound => one("Outbound Link: Click"),
        "event:name" if row.kind == Kind::Event => one(&row.name),
        "event:goal" if is_view(row) && row.page.starts_with("/a") => one("Read"),
        "event:goal" if row.kind == Kind::Event && *row.name == *"Plan" => one("Plans"),
        "event:props:plan" => row.properties.iter().map(|(_, value)| value.to_string()).collect(),
        "visit:source" => of_trait(Dimension::Source),
        "visit:country" => of_trait(Dimension::Country),
        "visit:entry_page" if row.of.visit != 0 => one(&row.of.entry),
        "visit:exit_page" if first_view(rows, row).is_some() => {
            let views = of_visit(rows, row).into_iter().filter(|row| is_view(row));
            one(&views.max_by_key(|view| view.at).unwrap().page)
        }
        "visit:suspected" => {
            let yes = |row: &&EventRow| row.of.traits.get(Dimension::Suspected).is_some();
            one(if of_visit(rows, row).iter().any(yes) { "yes" } else { "no" })
        }
        "visit:evidence" if row.kind == Kind::View => one(match row.flags {
            flags if flags.has(Flags::UNVERIFIED) => "unverified",
            flags if flags.has(Flags::BROWSER) => "browser only",
            _ if is_confirmed(rows, row) => "confirmed",
            _ => "server only",
        }),
        "time:hour" => {
            let at = if row.kind == Kind::Activity { row.at - 24 * HOUR } else { row.at };
            one(&format!("{} {:02}:00:00", date(), (at - DAY) / HOUR))
        }
        _ => Vec::new(),
    }
}

fn is_confirmed(rows: &[EventRow], row: &EventRow) -> bool {
    let confirms = |other: &&EventRow| other.kind == Kind::Confirm && other.view == row.view;
    row.flags.has(Flags::SERVER) && of_visit(rows, row).iter().any(confirms)
}

/// Every way to take one value of each property.
fn keys(rows: &[EventRow], row: &EventRow, names: &[&str]) -> Vec<Vec<String>> {
    names.iter().fold(vec![Vec::new()], |keys, name| {
        let values = values(rows, row, name);
        let longer = |key: &Vec<String>| {
            values
                .iter()
                .map(|value| [&key[..], std::slice::from_ref(value)].concat())
                .collect::<Vec<_>>()
        };
        keys.iter().flat_map(longer).collect()
    })
}

fn plain(rows: &[EventRow], names: &[&str], filter: &Filter) -> BTreeMap<Vec<String>, Row> {
    let mut groups: BTreeMap<Vec<String>, Row> = BTreeMap::new();
    let mut sets: [BTreeSet<(Vec<String>, String)>; 3] = Default::default();
    let asked = [names.to_vec(), filter.names()].concat();
    let about = |some: &[&str]| asked.iter().any(|name| some.contains(name));
    let of_actions = about(&["event:name", "event:goal", "event:props:plan"]);
    let of_goals = super::Asked {
        by: names.iter().map(|name| by(name)).collect(),
        filter: Some(filter.expr()),
        ..Asked::default()
    }
    .counts_goals();
    for row in rows.iter().filter(|row| filter.lets(rows, row)) {
        let acts = of_actions && matches!(row.kind, Kind::Event | Kind::Outbound);
        let confirmed = row.kind == Kind::View && is_confirmed(rows, row);
        for key in keys(rows, row, names) {
            let visitor = row.of.visitor.map(|visitor| visitor.to_string());
            if let Some(visitor) = visitor.clone().filter(|_| row.kind == Kind::View || acts) {
                sets[0].insert((key.clone(), visitor));
            }
            if let Some(visitor) = visitor.filter(|_| confirmed) {
                sets[1].insert((key.clone(), visitor));
            }
            if let Some(first) = first_view(rows, row).filter(|_| is_view(row) || acts) {
                let mut key = key.clone();
                for (value, name) in key.iter_mut().zip(names) {
                    if *name == "time:hour" {
                        *value = values(rows, first, name).remove(0);
                    }
                }
                sets[2].insert((key, row.of.visit.to_string()));
            }
            let [first, second] = row.numbers;
            let mut add = |metric, by| groups.entry(key.clone()).or_default().add(metric, by);
            match row.kind {
                Kind::View if of_goals => add(Metric::Events, 1),
                Kind::View => {
                    row.flags.view_metrics().iter().for_each(|metric| add(*metric, 1));
                    add(Metric::Confirmed, i64::from(confirmed));
                    add(Metric::Bytes, first);
                }
                Kind::Engagement => {
                    add(Metric::Engagement, first);
                    add(Metric::ScrollViews, 1);
                    add(Metric::ScrollDepth, second - 1);
                }
                Kind::Event | Kind::Outbound => {
                    add(Metric::Events, 1);
                    add(Metric::Revenue, first);
                }
                _ => {}
            }
        }
    }
    for (key, _) in &sets[0] {
        groups.entry(key.clone()).or_default().add(Metric::Visitors, 1);
    }
    for (key, _) in &sets[1] {
        groups.entry(key.clone()).or_default().add(Metric::ConfirmedVisitors, 1);
    }
    for (key, visit) in &sets[2] {
        let of: Vec<_> = rows.iter().filter(|r| r.of.visit.to_string() == *visit).collect();
        let views = of.iter().filter(|row| is_view(row)).count() as i64;
        let acted = of.iter().any(|row| matches!(row.kind, Kind::Event | Kind::Outbound));
        let begun = of.iter().find(|row| row.flags.has(Flags::BEGINS)).unwrap().at;
        let acts = of.iter().filter(|row| row.kind != Kind::Confirm);
        let group = groups.entry(key.clone()).or_default();
        group.add(Metric::Visits, 1);
        group.add(Metric::Bounces, i64::from(views == 1 && !acted));
        group.add(Metric::Duration, acts.map(|row| row.at).max().unwrap() - begun);
        group.add(Metric::VisitViews, views);
    }
    groups.retain(|_, row| *row != Row::default());
    groups
}

fn by(name: &str) -> By {
    match name {
        "time:hour" => By::Time(Interval::Hour),
        name => By::Property(Property::parse(name).unwrap()),
    }
}

/// In blocks of a few rows each, as they come from several batches.
fn day_of(rows: &[EventRow], size: usize) -> DayRows {
    DayRows::new(blocks(rows, size))
}

fn blocks(rows: &[EventRow], size: usize) -> impl Iterator<Item = Block> {
    rows.chunks(size).map(|rows| {
        let mut builder = RowBuilder::default();
        rows.iter().for_each(|row| builder.push(row));
        builder.finish()
    })
}

const NAMES: [&str; 12] = [
    "event:page",
    "event:name",
    "event:goal",
    "event:props:plan",
    "visit:source",
    "visit:country",
    "visit:entry_page",
    "visit:exit_page",
    "visit:suspected",
    "visit:evidence",
    "time:hour",
    "visit:browser",
];

/// The pages of visits that began on the day, each with whether one of its rows meets the filter.
fn visits_with_pages(rows: &[EventRow], filter: &Filter) -> Vec<Vec<String>> {
    let begun = rows.iter().filter(|row| row.of.visit != 0 && row.flags.has(Flags::BEGINS));
    let chosen = begun.filter(|first| {
        let of_actions = filter.names().iter().any(|name| {
            name.starts_with("event:n")
                || name.starts_with("event:g")
                || name.starts_with("event:pr")
        });
        of_visit(rows, first).into_iter().any(|row| {
            let acts = of_actions && matches!(row.kind, Kind::Event | Kind::Outbound);
            (is_view(row) || acts) && filter.lets(rows, row)
        })
    });
    chosen
        .map(|first| {
            let mut views: Vec<_> =
                of_visit(rows, first).into_iter().filter(|row| is_view(row)).collect();
            views.sort_by_key(|row| row.at);
            let mut pages: Vec<String> = views.iter().map(|row| row.page.to_string()).collect();
            pages.dedup();
            pages
        })
        .collect()
}

/// How many visits went these ways from a page, backwards or onwards, by the pages of the way.
fn plain_branches(ways: &[Vec<String>]) -> BTreeMap<Vec<String>, (i64, i64)> {
    let mut branches = BTreeMap::new();
    for way in ways {
        for steps in 0..=way.len().min(JOURNEY_STEPS) {
            let (visits, ends) = branches.entry(way[..steps].to_vec()).or_insert((0, 0));
            *visits += 1;
            *ends += i64::from(steps == way.len() && steps < JOURNEY_STEPS);
        }
    }
    branches
}

fn flat(branch: &Branch, way: &[String], all: &mut BTreeMap<Vec<String>, (i64, i64)>) {
    if branch.visits > 0 {
        all.insert(way.to_vec(), (branch.visits, branch.ends));
    }
    for (page, branch) in &branch.pages {
        flat(branch, &[way, &[page.to_string()]].concat(), all);
    }
}

fn plain_times(rows: &[EventRow], filter: &Filter) -> Vec<Millis> {
    let of_day = |visitor| {
        let of =
            move |row: &&EventRow| row.of.visitor == Some(visitor) && row.kind != Kind::Activity;
        rows.iter().filter(of)
    };
    let visitors: BTreeSet<_> = rows.iter().filter_map(|row| row.of.visitor).collect();
    let mut times = Vec::new();
    for visitor in visitors {
        let of_actions = filter.names().iter().any(|name| {
            name.starts_with("event:n")
                || name.starts_with("event:g")
                || name.starts_with("event:pr")
        });
        let all = rows.iter().filter(|row| row.of.visitor == Some(visitor));
        let lets = all.clone().any(|row| {
            let acts = of_actions && matches!(row.kind, Kind::Event | Kind::Outbound);
            (is_view(row) || acts) && filter.lets(rows, row)
        });
        let first = of_day(visitor).filter(|row| row.kind == Kind::View).map(|row| row.at).min();
        let Some(first) = first.filter(|_| lets) else { continue };
        let plans = of_day(visitor).filter(|row| *row.name == *"Plan" && row.at >= first);
        times.extend(plans.map(|row| row.at - first).min());
    }
    times.sort_unstable();
    times
}

#[test]
fn of_subscribers_the_day_that_had_most_counts_in_whatever_pieces() {
    let days = [5, 3, 4].map(|subscribers| {
        let whose = Arc::new(RowVisit::default());
        let mut row = EventRow::new(DAY, Kind::Feed, whose, "/feed.xml".into());
        row.numbers[0] = subscribers;
        day_of(&[row], 1)
    });
    let asked = [Asked { by: vec![by("feed:path")], ..Asked::default() }];
    let days = days.each_ref().map(|day| (date(), day));
    let range = Range { first: date(), last: date() };
    for rows_each in [1, 2, 3] {
        let told = scan_pieces(&site(), range, &days, rows_each, &asked);
        let sums: Vec<_> = told[0].values().collect();
        let counts = [Metric::Responses, Metric::Subscribers].map(|metric| sums[0].get(metric));
        assert_eq!((sums.len(), counts), (1, [3, 5]), "{rows_each}");
    }
}

fn scan_day(day: &DayRows, asked: &Asked) -> Groups {
    let range = Range { first: date(), last: date() };
    scan(&site(), range, [(date(), day)], std::slice::from_ref(asked)).pop().unwrap()
}

fn named(groups: Groups) -> BTreeMap<Vec<String>, Row> {
    let name = |key: Vec<Arc<str>>| key.iter().map(|value| value.to_string()).collect();
    groups.into_iter().map(|(key, row)| (name(key), row)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn groups_are_what_a_plain_count_says(
        seed: u64, visits in 1..12_usize, size in 1..40_usize,
        names in prop::collection::vec(prop::sample::select(NAMES.to_vec()), 0..4),
        filter in filters(),
    ) {
        let rows = rows(seed, visits);
        let asked = Asked {
            by: names.iter().map(|name| by(name)).collect(),
            filter: Some(filter.expr()),
            ..Asked::default()
        };
        let told = named(scan_day(&day_of(&rows, size), &asked));
        prop_assert_eq!(told, plain(&rows, &names, &filter));
    }

    #[test]
    fn days_in_pieces_are_added_up(
        seed: u64, visits in prop::collection::vec(0..6_usize, 1..5), rows_each in 1..60_usize,
        names in prop::sample::subsequence(&NAMES[..], 0..3), filter in filters(),
    ) {
        let days = (0..).zip(visits).map(|(nth, visits)| rows(seed ^ nth, visits));
        let days: Vec<_> = days.map(|rows| (day_of(&rows, 40), rows)).collect();
        let asked = Asked {
            by: names.iter().map(|name| by(name)).collect(),
            filter: Some(filter.expr()),
            ..Asked::default()
        };
        let mut sums = BTreeMap::<_, Row>::new();
        for (_, rows) in &days {
            for (key, row) in plain(rows, &names, &filter) {
                sums.entry(key).or_default().merge(&row);
            }
        }
        let all: Vec<_> = days.iter().map(|(day, _)| (date(), day)).collect();
        let range = Range { first: date(), last: date() };
        let told = scan_pieces(&site(), range, &all, rows_each, &[Asked::default(), asked]);
        prop_assert_eq!(told.into_iter().nth(1).map(named), Some(sums));
    }

    #[test]
    fn a_day_that_is_extended_answers_like_one_that_is_read_anew(
        seed: u64, visits in 1..12_usize, size in 1..40_usize, part in 0..=10_usize,
        names in prop::sample::subsequence(&NAMES[..], 0..3), filter in filters(),
    ) {
        let rows = rows(seed, visits);
        let (before, after) = rows.split_at(rows.len() * part / 10);
        let day = day_of(before, size).extended(blocks(after, size));
        let asked = Asked {
            by: names.iter().map(|name| by(name)).collect(),
            filter: Some(filter.expr()),
            ..Asked::default()
        };
        prop_assert_eq!(scan_day(&day, &asked), scan_day(&day_of(&rows, size), &asked));
    }

    #[test]
    fn sequences_are_what_a_plain_count_says(
        seed: u64, visits in 1..12_usize, size in 1..40_usize, filter in filters(),
        page in prop::sample::select(vec!["/a", "/ab", "/b", "/c", "/none"]),
    ) {
        let rows = rows(seed, visits);
        let (day, expr) = (day_of(&rows, size), filter.expr());
        let told = journeys(&site(), [&day], page, Some(&expr));
        let by_page = visits_with_pages(&rows, &filter);
        let through = by_page.iter().filter_map(|pages| {
            let at = pages.iter().position(|viewed| viewed == page)?;
            let before: Vec<String> = pages[..at].iter().rev().cloned().collect();
            Some((before, pages[at + 1..].to_vec()))
        });
        let (before, after): (Vec<_>, Vec<_>) = through.unzip();
        for (branch, ways) in [(&told.before, before), (&told.after, after)] {
            let mut all = BTreeMap::new();
            flat(branch, &[], &mut all);
            prop_assert_eq!(all, plain_branches(&ways));
        }
        let goal = &site().goals[1].target;
        let times = times_to_goal(&site(), [&day], goal, Some(&expr));
        prop_assert_eq!(times, plain_times(&rows, &filter));
    }
}
