//! The chart over time: SVG made here, so that it needs no script.
//!
//! Lines live in a stretched inner drawing, words in the outer one that is placed by percentages:
//! so the chart fits any width and its letters keep their size. The content security policy
//! allows no style attributes; positions are attributes of their own.

use super::view::{Subject, View};
use super::words;
use crate::report::{Interval, Metric, TimeStep};
use chrono::NaiveDateTime;
use maud::{Markup, html};
use std::fmt::Write;

/// Height of the plot, of 100; below it stand the labels.
const PLOT: f64 = 90.0;

/// Room above the highest value.
const TOP: f64 = 4.0;

/// Labels along the time axis, at most.
const LABELS: usize = 12;

/// What a line shows.
pub(super) struct Series {
    pub metric: Metric,
    name: &'static str,
    class: &'static str,
}

const fn series(metric: Metric, name: &'static str, class: &'static str) -> Series {
    Series { metric, name, class }
}

/// Pageviews first: visitors are drawn over them.
pub(super) fn lines(subject: Subject) -> &'static [Series] {
    const VISITORS: Series = series(Metric::Visitors, "Visitors", "visitors");
    const VIEWS: &[Series] = &[series(Metric::Pageviews, "Pageviews", "pageviews"), VISITORS];
    const EVENTS: &[Series] = &[series(Metric::Conversions, "Events", "pageviews"), VISITORS];
    const RESPONSES: &[Series] = &[series(Metric::Pageviews, "Responses", "visitors")];
    match subject {
        Subject::Visits | Subject::Page => VIEWS,
        Subject::Actions => EVENTS,
        Subject::Responses => RESPONSES,
    }
}

struct Line {
    name: &'static str,
    class: &'static str,
    /// Up to now; the time to come has no value.
    values: Vec<i64>,
}

pub(super) fn chart(view: &View, buckets: &[TimeStep]) -> Markup {
    let now = view.local(view.now);
    let passed = buckets.iter().take_while(|bucket| bucket.start <= now).count();
    let lines = known(&buckets[..passed], lines(view.subject()));
    let interval = view.interval();
    let steps = steps(lines.iter().flat_map(|line| &line.values).copied().max().unwrap_or(0));
    let top = steps.last().copied().unwrap_or(1) as f64;
    let y = |n: i64| PLOT - n as f64 / top * (PLOT - TOP);
    let width = 100.0 / buckets.len().max(1) as f64;
    let x = |i: usize| (i as f64 + 0.5) * width;
    // The step that is still going on ends lower than it will: its line is dashed.
    let whole = if view.range.last >= view.today { passed.saturating_sub(1) } else { passed };
    let every = buckets.len().div_ceil(LABELS).max(1);

    html! {
        ul.legend {
            @for line in lines.iter().rev() { li { i.(line.class) {} (line.name) } }
        }
        div.chart {
            svg.axis aria-hidden="true" {
                @for n in &steps {
                    text x="100%" y=(percent(y(*n))) { (words::count(*n)) }
                }
            }
            svg.plot role="img" aria-label=(summary(&lines)) {
                @for n in &steps {
                    line.grid x1="0" x2="100%" y1=(percent(y(*n))) y2=(percent(y(*n))) {}
                }
                svg viewBox="0 0 100 100" preserveAspectRatio="none" width="100%" height="100%" {
                    @for line in &lines {
                        @let (all, done) = (0..passed, 0..whole.max(1).min(passed));
                        path.area.(line.class) d=(path(&line.values, all, x, y, true)) {}
                        path.line.(line.class) d=(path(&line.values, done, x, y, false)) {}
                        @if (1..passed).contains(&whole) {
                            @let rest = whole - 1..passed;
                            path.line.open.(line.class) d=(path(&line.values, rest, x, y, false)) {}
                        }
                    }
                }
                @for (i, bucket) in buckets.iter().enumerate().step_by(every) {
                    text.tick.minor[(i / every) % 2 == 1] x=(percent(x(i))) y="99%" {
                        (short(bucket.start, interval))
                    }
                }
                @for (i, bucket) in buckets[..passed].iter().enumerate() {
                    g.step {
                        rect x=(percent(i as f64 * width)) width=(percent(width)) y="0" height=(percent(PLOT)) {}
                        @for line in &lines {
                            circle.(line.class) cx=(percent(x(i))) cy=(percent(y(line.values[i]))) r="4" {}
                        }
                        (tip(x(i), &long(bucket.start, interval), &lines, i))
                    }
                }
            }
        }
        details.numbers id="numbers" {
            summary { "Show as a table" }
            div.scroll tabindex="0" role="region" aria-label="Numbers of the chart" {
                table {
                    thead {
                        tr {
                            th scope="col" { "Time" }
                            @for line in &lines { th scope="col" { (line.name) } }
                        }
                    }
                    tbody {
                        @for (i, bucket) in buckets[..passed].iter().enumerate() {
                            tr {
                                th scope="row" { (long(bucket.start, interval)) }
                                @for line in &lines { td { (words::grouped(line.values[i])) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What is not known has no line.
fn known(buckets: &[TimeStep], series: &[Series]) -> Vec<Line> {
    let line = |(nth, of): (usize, &Series)| {
        let value = |step: &TimeStep| Some(step.values[nth].number()? as i64);
        let values = buckets.iter().map(value).collect::<Option<_>>()?;
        Some(Line { name: of.name, class: of.class, values })
    };
    series.iter().enumerate().filter_map(line).collect()
}

/// Round numbers from 0 to above the highest value, at most six.
fn steps(highest: i64) -> Vec<i64> {
    let mut unit = 1;
    let step = loop {
        match [1, 2, 5].into_iter().map(|n| n * unit).find(|step| step * 4 >= highest) {
            Some(step) => break step,
            None => unit *= 10,
        }
    };
    let count = (highest + step - 1) / step;
    (0..=count.max(1)).map(|n| n * step).collect()
}

/// A line through some of the values, or the area below it.
fn path(
    values: &[i64],
    steps: std::ops::Range<usize>,
    x: impl Fn(usize) -> f64,
    y: impl Fn(i64) -> f64,
    closed: bool,
) -> String {
    let mut d = String::new();
    for i in steps.clone() {
        let start = if i == steps.start { 'M' } else { 'L' };
        let _ = write!(d, "{start}{:.3} {:.2}", x(i), y(values[i]));
    }
    match steps.len() {
        0 => {}
        _ if closed => {
            let _ = write!(d, "L{:.3} {PLOT}L{:.3} {PLOT}Z", x(steps.end - 1), x(steps.start));
        }
        1 => d.push_str("h0"), // a line of one point is a dot, given round ends
        _ => {}
    }
    d
}

/// What a step holds, shown beside it while the pointer is there.
fn tip(x: f64, when: &str, lines: &[Line], i: usize) -> Markup {
    let left = if x < 50.0 { 12 } else { -172 };
    let height = 30 + 20 * lines.len();
    html! {
        svg.tip x=(percent(x)) y="6%" overflow="visible" {
            rect x=(left) y="0" width="160" height=(height) rx="8" {}
            text x=(left + 12) y="20" { (when) }
            @for (nth, line) in lines.iter().rev().enumerate() {
                text.name x=(left + 12) y=(40 + 20 * nth) { (line.name) }
                text.n x=(left + 148) y=(40 + 20 * nth) { (words::grouped(line.values[i])) }
            }
        }
    }
}

fn summary(lines: &[Line]) -> String {
    let totals = lines.iter().rev().map(|line| {
        let highest = line.values.iter().copied().max().unwrap_or(0);
        format!("{}: at most {} at a time", line.name, words::grouped(highest))
    });
    format!("Chart over time. {}.", totals.collect::<Vec<_>>().join(", "))
}

fn short(start: NaiveDateTime, interval: Interval) -> String {
    let format = match interval {
        Interval::Hour => "%H:%M",
        Interval::Day | Interval::Week => "%-d %b",
        Interval::Month => "%b %Y",
    };
    start.format(format).to_string()
}

fn long(start: NaiveDateTime, interval: Interval) -> String {
    match interval {
        Interval::Hour => format!("{}, {}", words::weekday(start.date()), start.format("%H:%M")),
        Interval::Day => words::weekday(start.date()),
        Interval::Week => format!("week of {}", start.format("%-d %B")),
        Interval::Month => start.format("%B %Y").to_string(),
    }
}

fn percent(n: f64) -> String {
    format!("{n:.3}%")
}

#[cfg(test)]
mod tests {
    use super::steps;

    #[test]
    fn axes_end_on_round_numbers_above_the_highest() {
        for (highest, expected) in [
            (0, vec![0, 1]),
            (1, vec![0, 1]),
            (3, vec![0, 1, 2, 3]),
            (7, vec![0, 2, 4, 6, 8]),
            (20, vec![0, 5, 10, 15, 20]),
            (21, vec![0, 10, 20, 30]),
            (1_234, vec![0, 500, 1_000, 1_500]),
        ] {
            assert_eq!(steps(highest), expected);
        }
    }
}
