//! What answers cost: a dashboard's overview of thirty days with all its break-downs. From a
//! million event rows under a filter, warm and cold, and from roll-ups without one.
//!
//! `cargo bench --bench answers`; `make bench` writes a line per part into `target/bench`.

mod shared;

use criterion::{Criterion, criterion_group, criterion_main};
use headcount::model::DayCounts;
use headcount::model::row::RowsOf;
use headcount::model::site::{Day, Site};
use headcount::report::scan::DayRows;
use headcount::report::{
    Condition, DaySum, Days, Interval, Metric, Period, Property, QuerySet, Range, Rows, Span,
};
use headcount::store::{Batches, Reads, SqliteStore};
use shared::stored::{batches, rollup};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

criterion_group!(all, answers);
criterion_main!(all);

/// Property, operator, value.
type Filter = [&'static str; 3];
const FIFTH: Filter = ["visit:language", "is", "l1"];

const TOTALS: [Metric; 6] = [
    Metric::Visitors,
    Metric::Visits,
    Metric::Pageviews,
    Metric::ViewsPerVisit,
    Metric::BounceRate,
    Metric::VisitDuration,
];

const PROPERTIES: [&str; 14] = [
    "event:page",
    "visit:entry_page",
    "visit:exit_page",
    "visit:source",
    "visit:channel",
    "visit:referrer",
    "visit:country",
    "visit:city",
    "visit:device",
    "visit:browser",
    "visit:os",
    "visit:screen",
    "visit:evidence",
    "event:name",
];

/// What the page asks for before a tab is opened.
const FIRST_TABS: [&str; 6] = [
    "event:page",
    "visit:channel",
    "visit:country",
    "visit:device",
    "visit:evidence",
    "event:name",
];

fn answers(c: &mut Criterion) {
    let site = Site { name: "example.org".into(), ..Site::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("counts.db")).unwrap();
    let mut days = Days::new();
    let (mut count, mut bytes) = (0, 0);
    for rows in shared::rows::days(1_000_000) {
        let day = site.day(rows[0].at);
        let rollup = rollup(&site, day, &rows);
        for batch in batches(&site, day, &rows, &rollup) {
            (count, bytes) = (count + batch.people.len(), bytes + batch.people.size());
            runtime.block_on(store.apply(&batch)).unwrap();
        }
        let mut counts = DayCounts::default();
        for ((dimension, value), row) in &rollup.rows {
            counts.add_row(*dimension, value, row);
        }
        days.insert(day, Arc::new(counts));
    }
    println!("{count} rows, {:.1} bytes each", bytes as f64 / count as f64);
    let range = Range { first: *days.keys().next().unwrap(), last: *days.keys().last().unwrap() };

    // As the admin port holds it while today goes on.
    let over = Range { last: range.last - chrono::Days::new(1), ..range };
    days.use_sum(Arc::new(DaySum::of_days(&days, over)));

    let before = resident();
    let rows = read(&runtime, &store, &site, range);
    let held: usize = rows.days.values().map(|rows| rows.size()).sum();
    println!("{} MB held, {} MB more of the process", held >> 20, (resident() - before) >> 20);

    let mut group = c.benchmark_group("overview of 30 days");
    group.sample_size(10);
    for (name, properties) in [
        ("roll-ups, no filter, as the page opens", &FIRST_TABS[..]),
        ("roll-ups, no filter, all break-downs", &PROPERTIES),
    ] {
        group.bench_function(name, |b| {
            b.iter(|| overview(&site, range, None, properties, (&days, None)))
        });
    }
    for (name, filter) in [
        ("rows, a fifth of them", FIFTH),
        ("rows, nine tenths of them", ["visit:source", "is_not", "Source 1"]),
        ("rows, by page", ["event:page", "is", "/blog/*"]),
    ] {
        let all = ["visit:source", "is_not", "none"];
        let [views, all] = [filter, all].map(|filter| views(&site, range, filter, &days, &rows));
        println!("{name}: {views} of {all} pageviews");
        group.bench_function(name, |b| {
            b.iter(|| overview(&site, range, Some(filter), &PROPERTIES, (&days, Some(&rows))))
        });
    }
    drop(rows);
    group.measurement_time(Duration::from_secs(10));
    group.bench_function("rows, a fifth of them, cold", |b| {
        b.iter_custom(|times| {
            let one = |_| {
                let started = Instant::now();
                let rows = read(&runtime, &store, &site, range);
                overview(&site, range, Some(FIFTH), &PROPERTIES, (&days, Some(&rows)));
                started.elapsed()
            };
            (0..times).map(one).sum()
        })
    });
    group.finish();
}

fn read(runtime: &Runtime, store: &SqliteStore, site: &Site, range: Range) -> Rows {
    let day = |day: Day| {
        let stored = runtime.block_on(store.rows(&site.name, day, RowsOf::People)).unwrap();
        let blocks = stored.blocks.iter().map(|packed| packed.block().unwrap());
        (day, Arc::new(DayRows::new(blocks)))
    };
    Rows { days: range.days().map(day).collect(), covered_from: None }
}

fn ask(site: &Site, range: Range, filter: Option<Filter>) -> QuerySet {
    let condition = |[property, operator, value]: Filter| {
        Condition::typed(property, operator, value).unwrap().to_json()
    };
    let filters = filter.into_iter().map(condition).collect();
    let now = site.day_start(range.last + chrono::Days::new(2));
    QuerySet::new(site, Span::days(Period::Custom, range), None, filters, now).unwrap()
}

/// How many values there are.
fn overview(
    site: &Site,
    range: Range,
    filter: Option<Filter>,
    properties: &[&str],
    (days, rows): (&Days, Option<&Rows>),
) -> usize {
    let mut questions = ask(site, range, filter);
    questions.ask_totals(&TOTALS);
    questions.ask_over_time(Interval::Day, &[Metric::Visitors, Metric::Pageviews]);
    let ask = |name: &&str| {
        questions.ask(Property::parse(name).unwrap(), &[Metric::Visitors, Metric::Pageviews])
    };
    let asked: Vec<usize> = properties.iter().map(ask).collect();
    let rows = rows.map(|rows| (RowsOf::People, rows));
    let answers = questions.answer(days, rows.as_slice());
    asked.iter().filter_map(|nth| answers.slices(*nth)).map(|slices| slices.len()).sum()
}

fn views(site: &Site, range: Range, filter: Filter, days: &Days, rows: &Rows) -> f64 {
    let mut questions = ask(site, range, Some(filter));
    let nth = questions.ask_totals(&[Metric::Pageviews]);
    let totals = questions.answer(days, &[(RowsOf::People, rows)]).totals(nth).unwrap();
    totals[0].value.number().unwrap()
}

/// Bytes of memory that the process has.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}
