//! Plain bookkeeping of what was sent, by the rules of counting, and what reports should then say.
//!
//! Nothing is summed up on the way: every view is kept, and every number is counted out at the end.

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Rows of a breakdown: value, then metric.
pub type Rows = BTreeMap<String, BTreeMap<String, Value>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    Server,
    Browser,
    Unverified,
}

/// A pageview.
#[derive(Debug, Clone)]
pub struct View {
    /// Nobody: asked not to be followed.
    pub visitor: Option<String>,
    pub page: String,
    /// Property to value, as this view's request says.
    pub traits: BTreeMap<&'static str, String>,
    pub evidence: Evidence,
    pub confirmed: bool,
    pub screen: Option<&'static str>,
}

/// Answers that are no pageviews, in one row.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    responses: i64,
    seen: i64,
}

#[derive(Default)]
pub struct Book {
    /// In the order they happened.
    pub views: Vec<View>,
    tallies: BTreeMap<(&'static str, String), Tally>,
    /// Visitors who did something interactive in their visit.
    active: BTreeSet<String>,
    /// Custom events by name.
    pub events: BTreeMap<&'static str, i64>,
    /// By visitor and path: whether all of it was sent.
    downloads: BTreeMap<(String, &'static str), bool>,
    /// Downloads sent whole.
    pub complete: i64,
    /// Beacons of machines.
    pub bot_beacons: i64,
    /// What the list of recent events should hold.
    pub listed: i64,
}

/// A visit: in a test shorter than half an hour, all a visitor's views.
struct Visit<'a> {
    views: Vec<&'a View>,
    bounce: bool,
}

impl Book {
    /// Notes a pageview; gives its place.
    pub fn view(&mut self, view: View) -> usize {
        self.listed += 1;
        self.views.push(view);
        self.views.len() - 1
    }

    pub fn confirm(&mut self, view: usize, screen: Option<&'static str>) {
        assert!(self.views[view].evidence == Evidence::Server && !self.views[view].confirmed);
        self.listed += 1;
        self.views[view].confirmed = true;
        self.views[view].screen = screen;
    }

    pub fn response(&mut self, property: &'static str, value: impl ToString) {
        self.tallies.entry((property, value.to_string())).or_default().responses += 1;
    }

    /// Notes that a file was asked for. All of it takes less than half an hour: of a visitor it is
    /// one download, however often they ask, and complete once all was sent.
    pub fn download(&mut self, path: &'static str, visitor: Option<String>, complete: bool) {
        let before = visitor.and_then(|visitor| self.downloads.insert((visitor, path), complete));
        if before.is_none() {
            self.listed += 1;
            self.response("download:path", path);
        }
        self.complete += i64::from(complete && before != Some(true));
    }

    pub fn seen(&mut self, property: &'static str, value: impl ToString) {
        self.tallies.entry((property, value.to_string())).or_default().seen += 1;
    }

    /// Notes an event; an interactive one ends the bounce of a visit that runs.
    pub fn event(&mut self, name: &'static str, visitor: Option<String>) {
        self.listed += 1;
        *self.events.entry(name).or_default() += 1;
        let runs = |v: &String| self.views.iter().any(|view| view.visitor.as_ref() == Some(v));
        self.active.extend(visitor.filter(runs));
    }

    fn visits(&self) -> Vec<Visit<'_>> {
        let mut visits: BTreeMap<&str, Vec<&View>> = BTreeMap::new();
        for view in &self.views {
            if let Some(visitor) = &view.visitor {
                visits.entry(visitor).or_default().push(view);
            }
        }
        let bounces = |visitor, views: &[&View]| views.len() == 1 && !self.active.contains(visitor);
        visits
            .into_iter()
            .map(|(visitor, views)| Visit { bounce: bounces(visitor, &views), views })
            .collect()
    }

    /// Views by how they are known.
    pub fn evidence(&self) -> Rows {
        let count = |test: &dyn Fn(&View) -> bool| {
            json!(self.views.iter().filter(|view| test(view)).count())
        };
        let server = |v: &View| v.evidence == Evidence::Server;
        [
            ("server only", count(&|v| server(v) && !v.confirmed)),
            ("confirmed", count(&|v| server(v) && v.confirmed)),
            ("browser only", count(&|v| v.evidence == Evidence::Browser)),
            ("unverified", count(&|v| v.evidence == Evidence::Unverified)),
        ]
        .into_iter()
        .map(|(name, n)| (name.to_owned(), BTreeMap::from([("pageviews".to_owned(), n)])))
        .collect()
    }

    /// Totals as the aggregate gives them.
    pub fn totals(&self) -> BTreeMap<String, Value> {
        let views: Vec<&View> = self.views.iter().collect();
        let mut row = of_views(&views);
        row.extend(of_visits(&self.visits().iter().collect::<Vec<_>>()));
        let events = views.len() as i64 + self.events.values().sum::<i64>();
        row.insert("events".into(), json!(events));
        let confirmed = views.iter().filter(|v| v.confirmed);
        row.insert("confirmed_visitors".into(), json!(visitors(confirmed.copied())));
        row
    }

    /// Rows of a property of visits: a view counts where the visit it belongs to began.
    pub fn by_trait(&self, property: &'static str) -> Rows {
        let first = |view: &View| {
            let same = |other: &&View| view.visitor.is_some() && other.visitor == view.visitor;
            self.views.iter().find(same).unwrap_or(view).traits.get(property).cloned()
        };
        let mut rows = rows(&self.views, |view| first(view));
        self.add_visits(&mut rows, |visit| visit.views[0].traits.get(property).cloned());
        rows
    }

    pub fn by_entry_page(&self) -> Rows {
        let mut all = Rows::new();
        let entry = |view: &View| {
            let visitor = view.visitor.as_ref()?;
            let mut views = self.views.iter();
            views.find(|v| v.visitor.as_ref() == Some(visitor)).map(|v| v.page.clone())
        };
        all.extend(rows(&self.views, entry));
        self.add_visits(&mut all, |visit| Some(visit.views[0].page.clone()));
        all
    }

    /// Only visits are known by their last page.
    pub fn by_exit_page(&self) -> Rows {
        let mut rows = Rows::new();
        self.add_visits(&mut rows, |visit| visit.views.last().map(|view| view.page.clone()));
        for row in rows.values_mut() {
            let visits = row["visits"].clone();
            row.insert("visitors".into(), visits);
        }
        rows
    }

    /// By page: a visit counts once in each page it saw.
    pub fn by_page(&self) -> Rows {
        let mut rows = rows(&self.views, |view| Some(view.page.clone()));
        for (page, row) in &mut rows {
            let visits =
                self.visits().iter().filter(|v| v.views.iter().any(|v| v.page == *page)).count();
            row.insert("visits".into(), json!(visits));
        }
        rows
    }

    pub fn by_screen(&self) -> Rows {
        rows(&self.views, |view| view.screen.map(str::to_owned))
    }

    /// Rows of answers that are no pageviews.
    pub fn responses(&self, property: &str) -> Rows {
        let of = self.tallies.iter().filter(|((p, _), _)| *p == property);
        of.map(|((_, value), tally)| {
            let mut row = BTreeMap::from([("pageviews".to_owned(), json!(tally.responses))]);
            if matches!(property, "error:page" | "prefetch:page") {
                row.insert("confirmed_pageviews".into(), json!(tally.seen));
            }
            (value.clone(), row)
        })
        .collect()
    }

    fn add_visits(&self, rows: &mut Rows, value: impl Fn(&Visit) -> Option<String>) {
        let visits = self.visits();
        let mut by_value: BTreeMap<String, Vec<&Visit>> = BTreeMap::new();
        for visit in &visits {
            if let Some(value) = value(visit) {
                by_value.entry(value).or_default().push(visit);
            }
        }
        for value in by_value.keys() {
            rows.entry(value.clone()).or_default();
        }
        for (value, row) in rows {
            row.extend(of_visits(by_value.get(value).map_or(&[], Vec::as_slice)));
        }
    }
}

fn rows(views: &[View], value: impl Fn(&View) -> Option<String>) -> Rows {
    let mut by_value: BTreeMap<String, Vec<&View>> = BTreeMap::new();
    for view in views {
        if let Some(value) = value(view) {
            by_value.entry(value).or_default().push(view);
        }
    }
    by_value.into_iter().map(|(value, views)| (value, of_views(&views))).collect()
}

fn of_views(views: &[&View]) -> BTreeMap<String, Value> {
    let count = |test: &dyn Fn(&View) -> bool| json!(views.iter().filter(|v| test(v)).count());
    let server = |v: &View| v.evidence == Evidence::Server;
    [
        ("visitors", json!(visitors(views.iter().copied()))),
        ("pageviews", json!(views.len())),
        ("server_pageviews", count(&server)),
        ("confirmed_pageviews", count(&|v| v.confirmed)),
        ("browser_pageviews", count(&|v| !server(v))),
    ]
    .map(|(name, n)| (name.to_owned(), n))
    .into()
}

fn of_visits(visits: &[&Visit]) -> BTreeMap<String, Value> {
    let n = visits.len() as f64;
    let bounces = visits.iter().filter(|visit| visit.bounce).count() as f64;
    let views: usize = visits.iter().map(|visit| visit.views.len()).sum();
    let ratio = |value: Value| if visits.is_empty() { Value::Null } else { value };
    [
        ("visits", json!(visits.len())),
        ("bounce_rate", ratio(json!((100.0 * bounces / n).round() as i64))),
        ("views_per_visit", ratio(json!((100.0 * views as f64 / n).round() / 100.0))),
    ]
    .map(|(name, n)| (name.to_owned(), n))
    .into()
}

fn visitors<'a>(views: impl Iterator<Item = &'a View>) -> usize {
    views.filter_map(|view| view.visitor.as_deref()).collect::<BTreeSet<_>>().len()
}
