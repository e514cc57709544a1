//! The tiles: each a metric with its change, its course, and how much of it scripts confirmed. One
//! of them is chosen, and the chart shows it.

use super::PageData;
use super::chart::smooth;
use super::imported::Shown;
use super::overview::first_counted;
use super::topics::Topic;
use super::view::{Subject, View};
use crate::language::NOTHING;
use crate::model::site::Day;
use crate::report::{Metric, TimeStep, Total, Value};
use maud::{Markup, html};
use std::fmt::Write;

/// Of all visits of a time: each metric with the key of its name, as in all of these lists.
pub(crate) const TOTALS: [(Metric, &str); 6] = [
    (Metric::Visitors, "metric-unique-visitors"),
    (Metric::Visits, "metric-visits"),
    (Metric::Pageviews, "metric-pageviews"),
    (Metric::ViewsPerVisit, "metric-views-per-visit"),
    (Metric::BounceRate, "metric-bounce-rate"),
    (Metric::VisitDuration, "metric-visit-duration"),
];

/// Within half an hour few visits end.
const REALTIME: [(Metric, &str); 3] = [
    (Metric::Visitors, "metric-visitors"),
    (Metric::Visits, "metric-visits-begun"),
    (Metric::Pageviews, "metric-pageviews"),
];

const ACTIONS: [(Metric, &str); 4] = [
    (Metric::Visitors, "metric-visitors"),
    (Metric::Conversions, "metric-events"),
    (Metric::ConversionRate, "metric-conversion-rate"),
    (Metric::TotalRevenue, "metric-revenue"),
];

const PAGE: [(Metric, &str); 6] = [
    (Metric::Visitors, "metric-unique-visitors"),
    (Metric::Visits, "metric-visits"),
    (Metric::Pageviews, "metric-pageviews"),
    (Metric::TimeOnPage, "metric-time-on-page"),
    (Metric::ScrollDepth, "metric-scroll-depth"),
    (Metric::Bytes, "metric-sent"),
];

const RESPONSES: [(Metric, &str); 2] =
    [(Metric::Pageviews, "metric-responses"), (Metric::ConfirmedPageviews, "metric-seen")];

/// What confirmed shares are made of.
pub(super) const CONFIRMED: [Metric; 3] =
    [Metric::ConfirmedVisitors, Metric::ConfirmedPageviews, Metric::BlindSpot];

/// Points of a sparkline, at most.
const POINTS: usize = 60;

/// The tiles of what is shown.
pub(super) fn of(view: &View) -> &'static [(Metric, &'static str)] {
    match view.subject() {
        Subject::Visits | Subject::Page if view.topic == Topic::Realtime => &REALTIME,
        Subject::Visits => &TOTALS,
        Subject::Page => &PAGE,
        Subject::Actions => &ACTIONS,
        Subject::Responses => &RESPONSES,
    }
}

/// The chosen one, by its place: the first, unless what is shown has what was asked for.
pub(super) fn chosen(view: &View) -> usize {
    let tiles = of(view);
    tiles.iter().position(|(metric, _)| Some(*metric) == view.metric).unwrap_or(0)
}

/// `steps` have a value for each tile, `totals` besides those of [`CONFIRMED`]; `own` are the same
/// without what was `imported`.
pub(super) fn draw(
    view: &View,
    totals: &[Total],
    own: &[Total],
    steps: Option<&[TimeStep]>,
    compared: bool,
    data: &PageData<'_>,
) -> Markup {
    let (say, chosen) = (view.say(), chosen(view));
    html! {
        ul.totals {
            @for (nth, (total, (metric, name))) in totals.iter().zip(of(view)).enumerate() {
                // Rows of a property know some metrics only.
                @if view.is_all() || total.value != Value::Unknown {
                    li {
                        a.tile href=(view.link(&[("metric", (nth > 0).then_some(metric.as_str()))]))
                            aria-current=[(nth == chosen).then_some("true")] {
                            span.name { (say.t(name)) }
                            span.much {
                                span.figure { (view.figures().value(*metric, total.value)) }
                                @if let Some(first) = first_counted(view, data, *metric).filter(|_| total.value != Value::Unknown) {
                                    " " (no_data(view, first))
                                } @else if compared { " " (change(view, total)) }
                            }
                            @if let Some(before) = total.before.filter(|before| compared && *before != Value::Unknown) {
                                span.was { (say.with("overview-before", [("n", view.figures().value(*metric, before).into())])) }
                            }
                            @if let Shown::Part(part) = &data.imported {
                                @if let Some(n) = part.of_total(*metric) {
                                    span.share.imported { (say.with("imported-of", [("n", view.figures().value(*metric, Value::Count(n as i64)).into())])) }
                                }
                            }
                            @if let Some(steps) = steps { (spark(view, steps, nth)) }
                            @if let Some(share) = confirmed(*metric, own) {
                                span.share title=(say.t("overview-confirmed-title")) {
                                    (say.with("overview-confirmed", [("share", say.percent(share).into())]))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// How much of a tile's number a script confirmed; `None` where that is not counted.
pub(super) fn confirmed(metric: Metric, totals: &[Total]) -> Option<f64> {
    let of = |metric| totals.iter().find(|total| total.metric == metric)?.value.number();
    match metric {
        Metric::Visitors => {
            let visitors = of(Metric::Visitors).filter(|n| *n > 0.0)?;
            Some(of(Metric::ConfirmedVisitors)? / visitors * 100.0)
        }
        Metric::Pageviews => Some(100.0 - of(Metric::BlindSpot)?),
        _ => None,
    }
}

fn change(view: &View, total: &Total) -> Markup {
    let say = view.say();
    let Some((change, by)) = say.change(total).filter(|_| !total.value.is_nothing()) else {
        return html! {};
    };
    if change.is_eq() {
        return html! {
            span.change.same {
                span aria-hidden="true" { "→ " (by) }
                span.hidden { (say.t("overview-unchanged")) }
            }
        };
    }
    let errors = view.conditions.iter().any(|c| c.property.as_str().starts_with("error:"));
    // More bounces are worse, and more errors; a longer visit is not clearly better, but nobody
    // minds. More robots are neither.
    let worse = errors || matches!(total.metric, Metric::BounceRate | Metric::BlindSpot);
    let neither = !errors && view.subject() == Subject::Responses;
    let class = match change {
        _ if neither => "same",
        _ if change.is_gt() != worse => "good",
        _ => "bad",
    };
    let arrow = if change.is_gt() { "↑" } else { "↓" };
    html! {
        span.change.(class) {
            span aria-hidden="true" { (arrow) " " }
            span.hidden { (say.t(if change.is_lt() { "overview-down" } else { "overview-up" })) " " }
            (by)
        }
    }
}

/// In the place of a change: what it would be compared with was not counted.
fn no_data(view: &View, first: Day) -> Markup {
    let say = view.say();
    let why = say.with("overview-no-data-before", [("day", say.date(first).into())]);
    html! {
        span.change.same title=(why) {
            span aria-hidden="true" { (NOTHING) }
            span.hidden { (why) }
        }
    }
}

/// A tile's values over time, without a scale.
fn spark(view: &View, steps: &[TimeStep], nth: usize) -> Markup {
    let now = view.local(view.now);
    let steps = steps.iter().filter(|step| step.start <= now);
    let values: Vec<Option<f64>> = steps.map(|step| step.values.get(nth)?.number()).collect();
    spark_of(&values)
}

/// Values over time, without a scale. Where there is none, as of a rate while nobody came, the line
/// goes straight on to the next.
pub(super) fn spark_of(values: &[Option<f64>]) -> Markup {
    let values = smooth(values, POINTS);
    let highest = values.iter().flatten().copied().fold(0.0, f64::max);
    let width = 100.0 / (values.len().max(2) - 1) as f64;
    let mut d = String::new();
    for (i, value) in values.iter().enumerate() {
        let Some(value) = value else { continue };
        let height = value / if highest > 0.0 { highest } else { 1.0 };
        let start = if d.is_empty() { 'M' } else { 'L' };
        let _ = write!(d, "{start}{:.1} {:.1}", i as f64 * width, 22.0 - height * 20.0);
    }
    // One point alone is drawn as a dot.
    if values.iter().flatten().count() == 1 {
        d.push_str("h0");
    }
    html! {
        svg.spark viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true" { path d=(d) {} }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sparkline_has_no_gaps() {
        let line = |values: &[Option<f64>]| spark_of(values).into_string();
        let drawn = line(&[Some(1.0), None, Some(0.0), Some(1.0)]);
        assert!(drawn.contains(r#"d="M0.0 2.0L66.7 22.0L100.0 2.0""#), "{drawn}");
        assert!(line(&[None, Some(0.0), None]).contains(r#"d="M50.0 22.0h0""#), "a dot");
        assert!(line(&[None, None]).contains(r#"d="""#));
    }
}
