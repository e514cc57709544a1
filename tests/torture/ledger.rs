//! What visitors were told, against what is stored.
//!
//! Each view has a page of its own, so the store can be asked about every single one. A request
//! that was sent and never answered may have been counted or not, but once; everything else is
//! certain. Visitors and visits are counted out naively, from the views that are stored.

use std::collections::{BTreeMap, BTreeSet, HashMap};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Never sent.
    Nothing,
    /// Answered: it counts.
    Yes,
    /// Sent, and the connection ended before the answer.
    Unknown,
}

#[derive(Debug)]
pub struct View {
    pub visitor: String,
    pub page: String,
    pub view: Told,
    /// Its beacon.
    pub beacon: Told,
}

/// What a store has of a day.
#[derive(Default)]
pub struct Day {
    /// `dimension␟value␟metric` and its count.
    pub counts: HashMap<String, i64>,
    /// Visitors by the sketch, which may be off by a few.
    pub sketch: i64,
}

/// What visitors were told, each in the order they were.
#[derive(Default)]
pub struct Ledger {
    /// So far apart that all visits end between.
    eras: Vec<Vec<View>>,
}

impl Ledger {
    pub fn new(views: Vec<View>) -> Self {
        Self { eras: vec![views] }
    }

    /// More of the same time.
    pub fn extend(&mut self, more: Ledger) {
        let mut more = more.eras.into_iter();
        match (self.eras.last_mut(), more.next()) {
            (Some(last), Some(first)) => last.extend(first),
            (None, Some(first)) => self.eras.push(first),
            (_, None) => {}
        }
        self.eras.extend(more);
    }

    /// More, from so much later that all visits have ended.
    pub fn later(&mut self, more: Ledger) {
        self.eras.extend(more.eras);
    }

    /// Prints how it came out, in one line; panics on any difference.
    pub fn check(&self, case: &str, times: usize, days: &[Day]) {
        let mut wrong = Vec::new();
        let mut tally = Tally::new(days.len());
        let mut expected = vec![BTreeMap::<&str, i64>::new(); days.len()];
        let mut visitors = vec![BTreeSet::new(); days.len()];
        for (era, views) in self.eras.iter().enumerate() {
            // Of each visitor's visit: the day it is booked on, and its views.
            let mut visits: BTreeMap<&str, (usize, i64)> = BTreeMap::new();
            for view in views {
                let Some(day) = tally.add(view, days, &mut wrong) else { continue };
                visitors[day].insert(view.visitor.as_str());
                visits.entry(view.visitor.as_str()).or_insert((day, 0)).1 += 1;
            }
            assert!(!visits.is_empty(), "nothing was counted in era {era} of {case}: {wrong:#?}");
            for (day, views) in visits.into_values() {
                let expected = &mut expected[day];
                *expected.entry("visits").or_default() += 1;
                *expected.entry("visit_views").or_default() += views;
                *expected.entry("bounces").or_default() += i64::from(views == 1);
            }
        }
        let mut differ = |what: String, stored: i64, told: i64| {
            if stored != told {
                wrong.push(format!("{what}: {stored} stored, {told} expected"));
            }
        };
        let mut visits = 0;
        for (i, day) in days.iter().enumerate() {
            let mut expected = std::mem::take(&mut expected[i]);
            visits += expected.get("visits").copied().unwrap_or_default();
            let whose = visitors[i].len() as i64;
            expected.extend([("visitors", whose), ("browser", 0)]);
            expected.extend([("server", tally.server[i]), ("confirmed", tally.confirmed[i])]);
            for (metric, expected) in &expected {
                differ(format!("day {i}: {metric}"), day.total(metric), *expected);
            }
            for metric in ["server", "visits", "bounces"] {
                let sum = day.slots(metric);
                differ(format!("day {i}: {metric} in all slots"), sum, day.total(metric));
            }
            if (day.sketch - whose).abs() > 1 + whose / 25 {
                differ(format!("day {i}: the sketch"), day.sketch, whose);
            }
        }
        let people = visitors.iter().map(BTreeSet::len).sum::<usize>();
        let Tally { told, beacons, unknown, unknown_counted, server, confirmed } = tally;
        println!(
            "case {case}: {times} times, told {told} views and {beacons} beacons, counted {} and \
             {} ({unknown_counted} of {unknown} in flight), {people} visitors, {visits} visits, \
             difference {}",
            server.iter().sum::<i64>(),
            confirmed.iter().sum::<i64>(),
            wrong.len(),
        );
        wrong.truncate(20);
        assert!(wrong.is_empty(), "{case}: {wrong:#?}");
    }

    /// As [`Ledger::check`], for a case in which things are dropped: nothing is counted twice, and
    /// told = counted + `dropped`, in hits.
    pub fn check_with_dropped(&self, case: &str, times: usize, days: &[Day], dropped: i64) {
        let (mut told, mut counted) = (0, 0);
        for view in self.eras.iter().flatten() {
            for (what, metric) in [(view.view, "server"), (view.beacon, "confirmed")] {
                assert_ne!(what, Told::Unknown, "{case}: {view:?}");
                let has: i64 = days.iter().map(|day| day.page(&view.page, metric)).sum();
                assert!((0..=1).contains(&has), "{case}: {has} {metric} of {view:?}");
                told += i64::from(what == Told::Yes);
                counted += has;
            }
        }
        let difference = told - counted - dropped;
        println!(
            "case {case}: {times} times, told {told}, counted {counted}, dropped {dropped}, \
             difference {difference}"
        );
        assert!(dropped > 0, "nothing was dropped");
        assert_eq!(difference, 0, "{case}");
    }

    /// Checks that each view that was told is stored so many times. Gives their number.
    pub fn check_pages(&self, case: &str, days: &[Day], times: i64) -> usize {
        let told = self.eras.iter().flatten().filter(|view| view.view == Told::Yes);
        let checked = told.inspect(|view| {
            let has: i64 = days.iter().map(|day| day.page(&view.page, "server")).sum();
            assert_eq!(has, times, "{case}: {view:?}");
        });
        checked.count()
    }
}

/// Sums over all views.
struct Tally {
    told: usize,
    beacons: usize,
    unknown: usize,
    unknown_counted: i64,
    /// By day.
    server: Vec<i64>,
    confirmed: Vec<i64>,
}

impl Tally {
    fn new(days: usize) -> Self {
        let (server, confirmed) = (vec![0; days], vec![0; days]);
        Self { told: 0, beacons: 0, unknown: 0, unknown_counted: 0, server, confirmed }
    }

    /// Judges one view and its beacon. Gives the day it is stored on.
    fn add(&mut self, view: &View, days: &[Day], wrong: &mut Vec<String>) -> Option<usize> {
        self.told += usize::from(view.view == Told::Yes);
        self.beacons += usize::from(view.beacon == Told::Yes);
        let mut found = None;
        for (told, metric) in [(view.view, "server"), (view.beacon, "confirmed")] {
            let by_day: Vec<i64> = days.iter().map(|day| day.page(&view.page, metric)).collect();
            let has: i64 = by_day.iter().sum();
            let good = match told {
                Told::Nothing => has == 0,
                Told::Yes => has == 1,
                Told::Unknown => (0..=1).contains(&has),
            };
            if !good {
                wrong.push(format!("{has} {metric} of {view:?}"));
            }
            if told == Told::Unknown {
                self.unknown += 1;
                self.unknown_counted += has;
            }
            let sums = if metric == "server" { &mut self.server } else { &mut self.confirmed };
            sums.iter_mut().zip(&by_day).for_each(|(sum, n)| *sum += n);
            if metric == "server" {
                found = by_day.iter().position(|n| *n > 0);
            }
        }
        found
    }
}

impl Day {
    fn get(&self, dimension: &str, value: &str, metric: &str) -> i64 {
        let field = format!("{dimension}\u{1f}{value}\u{1f}{metric}");
        self.counts.get(&field).copied().unwrap_or_default()
    }

    fn page(&self, page: &str, metric: &str) -> i64 {
        self.get("page", page, metric)
    }

    pub fn total(&self, metric: &str) -> i64 {
        self.get("total", "", metric)
    }

    fn slots(&self, metric: &str) -> i64 {
        let of = format!("\u{1f}{metric}");
        let slots =
            self.counts.iter().filter(|(f, _)| f.starts_with("slot\u{1f}") && f.ends_with(&of));
        slots.map(|(_, n)| n).sum()
    }
}
