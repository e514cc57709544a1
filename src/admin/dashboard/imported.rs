//! What other programs have counted, beside our own numbers: where the time reaches into days that
//! were imported.
//!
//! It is told as totals of days. So it is part of what totals of days tell, visitors, visits and
//! pageviews, and of nothing that is filtered or of hours. What is said of it is always said apart.

use super::overview::Overview;
use super::topics::Topic;
use super::view::View;
use crate::admin::caller::Caller;
use crate::admin::error::Error;
use crate::kept::Imported;
use crate::model::DayCounts;
use crate::model::rollup::{Dimension, Metric as Counted};
use crate::model::site::{Day, Site};
use crate::report::{Answers, Days, Interval, Metric, Range, TimeStep, Total};
use maud::{Markup, html};
use quick_cache::sync::Cache;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Ranges of which it is held what was imported.
const HELD: usize = 16;

/// What was imported of ranges, as it was read; with the number of the import that was the last.
pub(in crate::admin) struct ImportedDays(Cache<(Arc<str>, Range, u64), Arc<Days>>);

impl Default for ImportedDays {
    fn default() -> Self {
        Self(Cache::new(HELD))
    }
}

/// What is shown of it.
pub(super) enum Shown {
    /// The time reaches into no such days.
    Nothing,
    /// It is left out because what is shown is filtered, or of hours.
    Untold(Vec<Imported>),
    /// It is left out because somebody wants it so.
    Left(Vec<Imported>),
    Part(Box<Part>),
}

/// It is part of the totals.
pub(super) struct Part {
    pub of: Vec<Imported>,
    /// Of all, and of what was imported.
    all: Answers,
    alone: Answers,
    totals: usize,
    steps: usize,
    /// The first imported day, in the time shown or in what it is compared with.
    first: Option<Day>,
    /// Metrics that every imported day with views has.
    told: Vec<Metric>,
}

const TOLD: [(Metric, Counted); 3] = [
    (Metric::Visitors, Counted::Visitors),
    (Metric::Visits, Counted::Visits),
    (Metric::Pageviews, Counted::Browser),
];

/// Reads what there is to show of it beside `own` days.
///
/// # Errors
/// The store's.
pub(super) async fn read(
    app: &Caller,
    site: &Site,
    view: &View,
    own: &Days,
) -> Result<Shown, Error> {
    let elapsed = view.elapsed();
    let of: Vec<Imported> = view.look.imports.within(elapsed).cloned().collect();
    let is_of_rows = !matches!(view.get("details"), None | Some("totals" | "chart"));
    if of.is_empty() || is_of_rows || view.topic != Topic::Overview {
        return Ok(Shown::Nothing);
    }
    let is_of_days = view.times.is_none() && view.interval != Interval::Hour;
    if !view.is_all() || view.page().is_some() || !is_of_days || app.is_from_last() {
        return Ok(Shown::Untold(of));
    }
    if !view.takes_imported() {
        return Ok(Shown::Left(of));
    }
    let mut alone = Days::new();
    for range in view.questions()?.ranges() {
        alone.join(app.imported(site, range, view).await?);
    }
    let (mut all, first) = (own.clone(), alone.keys().next().copied());
    for (day, counts) in alone.iter() {
        let mut sum = own.get(day).map(|own| (**own).clone()).unwrap_or_default();
        counts.fields().for_each(|(f, n)| sum.add(f.dimension, &f.value, f.metric, n));
        all.insert(*day, Arc::new(sum));
    }
    let total = |counts: &Arc<DayCounts>, metric| counts.row(Dimension::Total, "").get(metric);
    let has = |counted: Counted| {
        let days = alone.range(elapsed.first..=elapsed.last).map(|(_, counts)| counts);
        let mut viewed = days.filter(|counts| total(counts, Counted::Browser) > 0).peekable();
        viewed.peek().is_some() && viewed.all(|counts| total(counts, counted) > 0)
    };
    let told: Vec<Metric> =
        TOLD.into_iter().filter(|(_, counted)| has(*counted)).map(|(metric, _)| metric).collect();
    if told.is_empty() {
        return Ok(Shown::Nothing);
    }
    let mut questions = view.questions()?;
    let (totals, steps) = Overview::ask_numbers(view, &mut questions);
    let all = questions.answer(&all, &[]);
    let mut questions = view.questions()?;
    Overview::ask_numbers(view, &mut questions);
    let alone = questions.answer(&alone, &[]);
    Ok(Shown::Part(Box::new(Part { of, all, alone, totals, steps, first, told })))
}

impl Caller {
    /// The totals that were imported of the days of a range.
    async fn imported(&self, site: &Site, range: Range, view: &View) -> Result<Days, Error> {
        let imports = &view.look.imports;
        let key = (site.name.clone(), range, imports.times);
        if let Some(known) = self.imported_days.0.get(&key) {
            return Ok((*known).clone());
        }
        let told = imports.within(range).flat_map(|told| {
            let part =
                Range { first: told.first.max(range.first), last: told.last.min(range.last) };
            part.days().collect::<Vec<Day>>()
        });
        let days: Vec<Day> = told.collect::<BTreeSet<_>>().into_iter().collect();
        let read = self.admin.store.imported(&site.name, &days).await?;
        let of_total = |counts: DayCounts| {
            let mut total = DayCounts::default();
            let fields = counts
                .fields()
                .filter(|(field, _)| field.dimension == Dimension::Total && field.value.is_empty());
            fields.for_each(|(f, n)| total.add(f.dimension, &f.value, f.metric, n));
            total
        };
        let read = days.into_iter().zip(read.into_iter().map(of_total));
        let known: Days = read
            .filter(|(_, counts)| counts.fields().next().is_some())
            .map(|(day, counts)| (day, Arc::new(counts)))
            .collect();
        self.imported_days.0.insert(key, Arc::new(known.clone()));
        Ok(known)
    }
}

impl Part {
    /// Totals with what was imported, where it is told of a metric.
    pub fn totals(&self, own: Vec<Total>) -> Vec<Total> {
        let all = self.all.totals(self.totals).unwrap_or_default();
        let with = |own: Total| match self.told.contains(&own.metric) {
            true => all.iter().find(|total| total.metric == own.metric).copied().unwrap_or(own),
            false => own,
        };
        own.into_iter().map(with).collect()
    }

    /// Whether it is told of a metric from a day on.
    pub fn tells_since(&self, day: Day, metric: Metric) -> bool {
        self.told.contains(&metric) && self.first.is_some_and(|first| first <= day)
    }

    /// So much of a total was imported.
    pub fn of_total(&self, metric: Metric) -> Option<f64> {
        let alone = self.alone.totals(self.totals)?;
        let total = alone.iter().find(|total| total.metric == metric)?;
        total.value.number().filter(|n| *n > 0.0 && self.told.contains(&metric))
    }

    /// The same over time, of a metric by its place: of each step, with how much of it was imported.
    pub fn steps(
        &self,
        own: Vec<TimeStep>,
        metrics: &[Metric],
    ) -> Vec<(TimeStep, Vec<Option<f64>>)> {
        let all = self.all.steps(self.steps).unwrap_or_default();
        let alone = self.alone.steps(self.steps).unwrap_or_default();
        let with = |mut own: TimeStep| {
            let at = |steps: &[TimeStep]| steps.iter().position(|step| step.start == own.start);
            let (all, alone) = (at(&all).map(|i| &all[i]), at(&alone).map(|i| &alone[i]));
            let mut parts = Vec::with_capacity(metrics.len());
            for (nth, metric) in metrics.iter().enumerate() {
                let number = alone.and_then(|step| step.values.get(nth)?.number());
                let part = number.filter(|n| *n > 0.0 && self.told.contains(metric));
                let before = own.before.as_mut().zip(all.and_then(|all| all.before.as_ref()));
                if let Some((own, all)) = before.filter(|_| self.told.contains(metric)) {
                    own.1[nth] = all.1[nth];
                }
                if let (Some(_), Some(all)) = (part, all) {
                    own.values[nth] = all.values[nth];
                }
                parts.push(part);
            }
            (own, parts)
        };
        own.into_iter().map(with).collect()
    }
}

/// What is said of it below the numbers, with the way to the other choice.
pub(super) fn line(view: &View, shown: &Shown) -> Markup {
    let say = view.say();
    let names = |of: &[Imported]| {
        let name = |told: &Imported| {
            let until = ("day", say.date(told.last).into());
            say.with("imported-until", [("program", (&*told.program).into()), until])
        };
        of.iter().map(name).collect::<Vec<_>>().join(", ")
    };
    let (key, of, to) = match shown {
        Shown::Nothing => return html! {},
        Shown::Untold(of) => ("imported-untold", of, None),
        Shown::Left(of) => ("imported-left", of, Some(("imported-take", None))),
        Shown::Part(part) => ("imported-part", &part.of, Some(("imported-leave", Some("false")))),
    };
    html! {
        p.more.quiet #imported {
            @if matches!(shown, Shown::Part(_)) { i.imported-mark {} " " }
            (say.with(key, [("from", names(of).into())]))
            @if let Some((name, value)) = to { " " a href=(view.link(&[("imported", value)])) { (say.t(name)) } }
        }
    }
}
