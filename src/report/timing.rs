//! Speed: how long the website took to answer, and what the browser made of the same views.
//!
//! Times are kept as sketches ([`crate::model::sketch`]), so a percentile of any days and pages is
//! within 5 % of the true one. Ratings follow Google's thresholds of the web vitals, which judge
//! the 75th percentile.

use super::scan::{self, DayRows, Expr};
use super::{Days, Range};
use crate::model::rollup::{Dimension, Metric as Stored, parts};
use crate::model::site::Site;
use crate::model::sketch;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// What is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum What {
    /// Until the website answered the proxy, for pageviews, milliseconds.
    Origin,
    /// Until the browser had the first byte, milliseconds; so for the next two.
    Ttfb,
    /// Until the largest part of the page was painted.
    Lcp,
    /// From an input to the next paint.
    Inp,
    /// How much the page shifted while it was read: a score.
    Cls,
}

impl What {
    pub const ALL: [Self; 5] = [Self::Origin, Self::Ttfb, Self::Lcp, Self::Inp, Self::Cls];

    /// As stored, and as the API says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Origin => "origin",
            Self::Ttfb => "TTFB",
            Self::Lcp => "LCP",
            Self::Inp => "INP",
            Self::Cls => "CLS",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|what| what.as_str().eq_ignore_ascii_case(word))
    }

    /// Up to where it is good, and from where it is poor.
    fn thresholds(self) -> Option<(f64, f64)> {
        match self {
            Self::Origin => None,
            Self::Ttfb => Some((800.0, 1_800.0)),
            Self::Lcp => Some((2_500.0, 4_000.0)),
            Self::Inp => Some((200.0, 500.0)),
            Self::Cls => Some((0.1, 0.25)),
        }
    }

    fn rounded(self, value: f64) -> f64 {
        match self {
            Self::Cls => (value * 1000.0).round() / 1000.0,
            _ if value < 10.0 => (value * 10.0).round() / 10.0,
            _ => value.round(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Rating {
    #[serde(rename = "good")]
    Good,
    #[serde(rename = "needs improvement")]
    Fair,
    #[serde(rename = "poor")]
    Poor,
}

/// Percentiles of one thing timed: milliseconds, for CLS a score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Percentiles {
    pub p50: f64,
    pub p75: f64,
    pub p95: f64,
    pub p99: f64,
    /// Views it is made of.
    pub count: i64,
    /// `None` for what has no thresholds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating: Option<Rating>,
}

/// Counts by bucket.
type Sketch = HashMap<u32, i64>;

fn percentiles(what: What, sketch: &Sketch) -> Option<Percentiles> {
    let of = |q: f64| {
        let value = sketch::quantile(sketch.iter().map(|(bucket, n)| (*bucket, *n)), q)?;
        // The lowest bucket holds what is next to nothing.
        Some(if value < sketch::value(1) { 0.0 } else { what.rounded(value) })
    };
    let p75 = of(0.75)?;
    let rating = what.thresholds().map(|(good, poor)| match p75 {
        n if n <= good => Rating::Good,
        n if n <= poor => Rating::Fair,
        _ => Rating::Poor,
    });
    let count = sketch.values().filter(|n| **n > 0).sum();
    Some(Percentiles { p50: of(0.5)?, p75, p95: of(0.95)?, p99: of(0.99)?, count, rating })
}

/// What is known of a page, or of all.
pub type Timings = BTreeMap<What, Percentiles>;

/// How long things took, by page; under the empty one of all views.
#[derive(Debug, Default)]
pub struct Timed<'d> {
    pages: HashMap<&'d str, HashMap<What, Sketch>>,
}

impl<'d> Timed<'d> {
    /// What roll-ups tell.
    pub fn of_days(days: &'d Days, range: Range) -> Self {
        let mut timed = Self::default();
        for (_, counts) in days.range(range.first..=range.last) {
            for (value, row) in counts.rows(Dimension::Timing) {
                let mut parts = parts(value, 3);
                let what = parts.next().and_then(What::parse);
                let bucket = parts.next().and_then(|bucket| bucket.parse().ok());
                if let (Some(what), Some(bucket)) = (what, bucket) {
                    let page = parts.next().unwrap_or_default();
                    timed.add(what, bucket, page, row.get(Stored::Events));
                }
            }
        }
        timed
    }

    /// What the event rows of days tell that a filter lets through.
    pub fn of_rows(
        site: &Site,
        days: impl IntoIterator<Item = &'d DayRows>,
        filter: Option<&Expr>,
    ) -> Self {
        let mut timed = Self::default();
        scan::each_time(site, days, filter, |what, bucket, page, n| {
            if let Some(what) = What::parse(what) {
                timed.add(what, bucket, page, n);
                timed.add(what, bucket, "", n);
            }
        });
        timed
    }

    fn add(&mut self, what: What, bucket: u32, page: &'d str, n: i64) {
        let sketch = self.pages.entry(page).or_default().entry(what).or_default();
        *sketch.entry(bucket).or_default() += n;
    }

    /// Of one page; the empty one: of all views.
    pub fn timings(&self, page: &str) -> Timings {
        self.pages.get(page).map(told).unwrap_or_default()
    }

    /// Pages with what is known of each, slowest first by the `rank`ing time's 75th percentile; at
    /// most `limit`. Pages of fewer than `least` views are left out: one slow view is chance.
    pub fn slowest(&self, rank: What, least: i64, limit: usize) -> Vec<(String, Timings)> {
        let mut ranked: Vec<(f64, &str)> = self
            .pages
            .iter()
            .filter(|(page, _)| !page.is_empty())
            .filter_map(|(page, sketches)| {
                let of = percentiles(rank, sketches.get(&rank)?)?;
                (of.count >= least).then_some((of.p75, *page))
            })
            .collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        ranked.truncate(limit);
        ranked.into_iter().map(|(_, page)| (page.to_owned(), self.timings(page))).collect()
    }
}

fn told(sketches: &HashMap<What, Sketch>) -> Timings {
    sketches
        .iter()
        .filter_map(|(what, sketch)| Some((*what, percentiles(*what, sketch)?)))
        .collect()
}
