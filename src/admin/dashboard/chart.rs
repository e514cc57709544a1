//! The chart over time: SVG made here, so that it needs no script.
//!
//! Lines live in a stretched inner drawing, words in the outer one that is placed by percentages:
//! so the chart fits any width and its letters keep their size. The content security policy
//! allows no style attributes; positions are attributes of their own.
//!
//! Each step is told where the pointer or the focus is; with the script, arrow keys go from one to
//! the next.

use super::topics::Topic;
use super::view::View;
use super::{axis, tiles};
use crate::admin::params::address;
use crate::kept::Note;
use crate::language::{Language, NOTHING};
use crate::model::site::Day;
use crate::report::{Interval, Metric, TimeStep, Value};
use chrono::{Datelike, Months, NaiveDateTime};
use maud::{Markup, html};
use std::borrow::Cow;
use std::fmt::Write;
use std::ops::Range;

/// Height of the plot, of 100; below it stand the labels.
const PLOT: f64 = 90.0;

/// Room above the highest value.
const TOP: f64 = 4.0;

/// Labels along the time axis, at most.
const LABELS: usize = 12;

/// Width of what is told of a step.
const TIP: f64 = 216.0;

/// What the chart shows: a metric over time, and over the time that it is compared with.
struct Chart<'v> {
    view: &'v View,
    say: Language,
    metric: Metric,
    name: Cow<'static, str>,
    steps: &'v [TimeStep],
    /// Notes pinned to days of this time, by the step they are shown at.
    notes: Vec<(usize, &'v Note)>,
    /// Of all steps; `None`: not known, or still to come.
    values: Vec<Option<f64>>,
    before: Vec<Option<f64>>,
    /// Of each step: so much of its value was counted by another program.
    imported: &'v [Option<f64>],
    /// Steps that have begun.
    begun: usize,
    /// Steps that are over, of these.
    over: usize,
    top: f64,
}

/// `is_compared`: there is something before to compare with.
pub(super) fn chart(
    view: &View,
    steps: &[TimeStep],
    is_compared: bool,
    imported: &[Option<f64>],
) -> Markup {
    let nth = tiles::chosen(view);
    let say = view.say();
    let (metric, name) = tiles::of(view)[nth];
    let name = say.t(name);
    let now = view.local(view.now);
    let begun = steps.iter().take_while(|step| step.start <= now).count();
    let number = |values: &Vec<Value>| values.get(nth)?.number();
    let value = |(i, step): (usize, &TimeStep)| number(&step.values).filter(|_| i < begun);
    let values: Vec<Option<f64>> = steps.iter().enumerate().map(value).collect();
    let compared = |step: &TimeStep| number(&step.before.as_ref().filter(|_| is_compared)?.1);
    let before: Vec<Option<f64>> = steps.iter().map(compared).collect();
    let highest = values.iter().chain(&before).flatten().copied().fold(0.0, f64::max);
    let marks = axis::marks(metric, highest);
    let top = marks.last().copied().unwrap_or(1.0);
    let unfinished = usize::from(view.range.last >= view.today);
    let over = begun.saturating_sub(unfinished);
    let notes = notes(view, steps);
    Chart { view, say, metric, name, steps, notes, values, before, imported, begun, over, top }
        .draw(&marks)
}

impl Chart<'_> {
    fn draw(&self, marks: &[f64]) -> Markup {
        let say = self.say;
        let is_compared = self.before.iter().any(Option::is_some);
        html! {
            ul.legend {
                li { i.now {} (self.name) }
                @if self.has_imported() { li { i.imported-mark {} (say.t("imported-legend")) } }
                @if let Some(before) = self.view.before.filter(|_| is_compared) {
                    li { i.before {} (say.range(before.range)) }
                }
            }
            div.chart {
                svg.axis aria-hidden="true" {
                    @for n in marks {
                        text x="100%" y=(percent(self.y(*n))) { (self.view.figures().mark(self.metric, *n)) }
                    }
                }
                svg.plot role="group" aria-label=(self.summary()) {
                    @for n in marks {
                        line.grid x1="0" x2="100%" y1=(percent(self.y(*n))) y2=(percent(self.y(*n))) {}
                    }
                    svg viewBox="0 0 100 100" preserveAspectRatio="none" width="100%" height="100%" aria-hidden="true" {
                        path.line.before d=(self.path(&self.before, 0..self.steps.len(), false)) {}
                        path.area.now d=(self.path(&self.values, 0..self.begun, true)) {}
                        @if self.has_imported() {
                            path.area.imported d=(self.path(self.imported, 0..self.begun, true)) {}
                            path.line.imported d=(self.path(&self.touched(true), 0..self.begun, false)) {}
                        }
                        path.line.now d=(self.path(&self.touched(false), 0..self.over.max(1).min(self.begun), false)) {}
                        // The step that is still going on ends lower than it will.
                        @if (1..self.begun).contains(&self.over) {
                            path.line.now.open d=(self.path(&self.values, self.over - 1..self.begun, false)) {}
                        }
                    }
                    g aria-hidden="true" {
                        @for (nth, (i, label)) in self.ticks().into_iter().enumerate() {
                            text.tick.minor[nth % 2 == 1] x=(percent(self.x(i))) y="99%" { (label) }
                        }
                    }
                    @for (i, step) in self.steps[..self.begun].iter().enumerate() { (self.step(i, step)) }
                }
            }
            (self.list_of_notes())
            (self.table(is_compared))
        }
    }

    fn has_imported(&self) -> bool {
        self.imported.iter().any(Option::is_some)
    }

    fn imported_at(&self, i: usize) -> Option<f64> {
        self.imported.get(i).copied().flatten()
    }

    /// Values of steps of which something was imported, or nothing; the first with the step after,
    /// so that the line does not break.
    fn touched(&self, is: bool) -> Vec<Option<f64>> {
        let has = |i: usize| self.imported_at(i).is_some();
        let here = |i: usize| has(i) == is || (is && i > 0 && has(i - 1));
        self.values.iter().enumerate().map(|(i, value)| value.filter(|_| here(i))).collect()
    }

    /// What is pinned to a step.
    fn notes_at(&self, i: usize) -> impl Iterator<Item = &'_ Note> {
        self.notes.iter().filter(move |(at, _)| *at == i).map(|(_, note)| *note)
    }

    /// The notes in words, and the way to change them.
    fn list_of_notes(&self) -> Markup {
        let say = self.say;
        let all = address("/settings/notes", [("site_id", &*self.view.site.name)]);
        html! {
            @if !self.notes.is_empty() {
                ul.notes aria-label=(say.t("chart-notes")) {
                    @for (_, note) in &self.notes {
                        li { time datetime=(note.day) { (say.day(note.day)) } " " span { (note.text) } }
                    }
                }
            }
            // Nobody pins a note to the last half hour.
            @if self.view.look.owns && self.view.topic != Topic::Realtime {
                p.more.quiet { a href=(all) { (say.t(if self.notes.is_empty() { "chart-pin" } else { "chart-all-notes" })) } }
            }
        }
    }

    fn width(&self) -> f64 {
        100.0 / self.steps.len().max(1) as f64
    }

    fn x(&self, i: usize) -> f64 {
        (i as f64 + 0.5) * self.width()
    }

    fn y(&self, n: f64) -> f64 {
        PLOT - n / self.top * (PLOT - TOP)
    }

    /// The steps with a label along the axis: of the hours of several days those that begin a day.
    fn ticks(&self) -> Vec<(usize, String)> {
        let all: Vec<usize> = (0..self.steps.len()).collect();
        let days: Vec<usize> = all.iter().copied().filter(|i| self.begins_day(*i)).collect();
        let of = match self.view.interval {
            Interval::Hour if days.len() > 2 => days,
            _ => all,
        };
        let every = of.len().div_ceil(LABELS).max(1);
        of.into_iter().step_by(every).map(|i| (i, self.tick(i))).collect()
    }

    /// The step that goes on says so.
    fn tick(&self, i: usize) -> String {
        let (say, start) = (self.say, self.steps[i].start);
        match self.view.interval {
            Interval::Day if self.is_open(i) => say.t("chart-today").into_owned(),
            Interval::Minute | Interval::Hour if self.is_open(i) => say.t("chart-now").into_owned(),
            // Midnight, unless it begins a day that is shown alone.
            Interval::Hour if self.begins_day(i) && self.view.range.len() > 1 => {
                say.day(start.date())
            }
            Interval::Minute | Interval::Hour => say.time(start),
            Interval::Day | Interval::Week if self.is_of_years() => say.month_short(start.date()),
            Interval::Day | Interval::Week => say.day(start.date()),
            Interval::Month => say.month_short(start.date()),
        }
    }

    /// Whether it is the first step of its day.
    fn begins_day(&self, i: usize) -> bool {
        let day = |i: usize| self.steps[i].start.date();
        i == 0 || day(i) != day(i - 1)
    }

    /// Whether a day of the year comes twice.
    fn is_of_years(&self) -> bool {
        let start = |step: Option<&TimeStep>| step.map(|step| step.start.date());
        let year_on = start(self.steps.first()).map(|first| first + Months::new(12));
        year_on < start(self.steps.last())
    }

    fn is_open(&self, i: usize) -> bool {
        (self.over..self.begun).contains(&i)
    }

    /// When a step is.
    fn when(&self, i: usize) -> String {
        match long(self.view, self.steps[i].start, self.view.interval) {
            when if self.is_open(i) => self.say.with("chart-so-far", [("when", when.into())]),
            when => when,
        }
    }

    fn value(&self, i: usize) -> String {
        self.shown(self.steps[i].values.get(tiles::chosen(self.view)))
    }

    /// The step that a step is compared with: when it was, and its value.
    fn compared(&self, i: usize) -> Option<(String, String)> {
        self.before.iter().any(Option::is_some).then_some(())?;
        let (start, values) = self.steps[i].before.as_ref()?;
        let value = self.shown(values.get(tiles::chosen(self.view)));
        let when = long(self.view, *start, self.view.interval);
        let (until, interval) =
            (self.view.before.and_then(|before| before.until), self.view.interval);
        let when = match until.filter(|_| self.is_open(i) && self.view.times.is_none()) {
            Some(at) if !matches!(interval, Interval::Minute | Interval::Hour) => {
                let day = self.view.weekday(self.view.site.day(at));
                let time = self.view.site.clock(at);
                let time = if interval == Interval::Day { time } else { format!("{day}, {time}") };
                self.say.with("chart-until", [("when", when.into()), ("time", time.into())])
            }
            _ => when,
        };
        Some((when, value))
    }

    fn shown(&self, value: Option<&Value>) -> String {
        self.view.figures().exact(self.metric, value.copied().unwrap_or(Value::Unknown))
    }

    /// A line through the values that are known, or the area below it.
    fn path(&self, values: &[Option<f64>], steps: Range<usize>, closed: bool) -> String {
        let mut d = String::new();
        for run in runs(values, steps) {
            for i in run.clone() {
                let start = if i == run.start { 'M' } else { 'L' };
                let y = self.y(values[i].unwrap_or_default());
                let _ = write!(d, "{start}{:.3} {y:.2}", self.x(i));
            }
            if closed {
                let (first, last) = (self.x(run.start), self.x(run.end - 1));
                let _ = write!(d, "L{last:.3} {PLOT}L{first:.3} {PLOT}Z");
            } else if run.len() == 1 {
                d.push_str("h0"); // a line of one point is a dot, given round ends
            }
        }
        d
    }

    /// A step: where the pointer or the focus is, it shows what it holds.
    fn step(&self, i: usize, step: &TimeStep) -> Markup {
        let (x, width) = (self.x(i), self.width());
        let (when, value, compared) = (self.when(i), self.value(i), self.compared(i));
        let mut label = match &compared {
            Some((then, before)) => format!("{when}: {} {value}; {then}: {before}", self.name),
            None => format!("{when}: {} {value}", self.name),
        };
        if let Some(part) = self.imported_at(i) {
            let part = self.shown(Some(&Value::Count(part as i64)));
            let _ = write!(label, "; {}", say_imported(self.say, part));
        }
        let notes: Vec<&Note> = self.notes_at(i).collect();
        for note in &notes {
            let _ = write!(
                label,
                "; {}",
                self.say.with("chart-note", [("text", (&*note.text).into())])
            );
        }
        let height = if compared.is_some() { 70 } else { 52 };
        let told = notes.first().map(|note| match notes.len() {
            1 => cut(&note.text),
            n => format!("{} (+{})", cut(&note.text), n - 1),
        });
        // Left of its middle as far as the step is in the chart: so it never leaves it.
        let left = -TIP * x / 100.0;
        let (start, end) = (format!("{:.0}", left + 12.0), format!("{:.0}", left + TIP - 12.0));
        html! {
            g.step role="img" tabindex=(if i + 1 == self.begun { "0" } else { "-1" }) aria-label=(label)
                data-at=(step.start.format(self.view.interval.format())) {
                rect x=(percent(x - width / 2.0)) width=(percent(width)) y="0" height=(percent(PLOT)) {}
                @if !notes.is_empty() {
                    line.pin x1=(percent(x)) x2=(percent(x)) y1="0" y2=(percent(PLOT)) {}
                    circle.pin cx=(percent(x)) cy="6" r="5" {}
                }
                @if let Some(n) = self.values[i] { circle.value cx=(percent(x)) cy=(percent(self.y(n))) r="4" {} }
                svg.tip x=(percent(x)) y="1%" overflow="visible" {
                    rect x=(format!("{left:.0}")) width=(TIP) height=(if told.is_some() { height + 18 } else { height }) rx="8" {}
                    text x=(start) y="20" { (when) }
                    text.name x=(start) y="40" { (self.name) }
                    text.n x=(end) y="40" { (value) }
                    @if let Some((then, before)) = &compared {
                        text.name x=(start) y="58" { (then) }
                        text.name.n x=(end) y="58" { (before) }
                    }
                    @if let Some(told) = &told { text.note x=(start) y=(height + 6) { "⚑ " (told) } }
                }
            }
        }
    }

    fn table(&self, is_compared: bool) -> Markup {
        let say = self.say;
        html! {
            details.numbers id="numbers" {
                summary { (say.t("chart-table")) }
                div.scroll tabindex="0" role="region" aria-label=(say.t("chart-numbers")) {
                    table {
                        thead {
                            tr {
                                th scope="col" { (say.t("chart-time")) }
                                th scope="col" { (self.name) }
                                @if self.has_imported() { th scope="col" { (say.t("imported-legend")) } }
                                @if is_compared { th scope="col" { (say.t("chart-before")) } }
                            }
                        }
                        tbody {
                            @for i in 0..self.begun {
                                tr {
                                    th scope="row" { (self.when(i)) }
                                    td { (self.value(i)) }
                                    @if self.has_imported() {
                                        td { (self.imported_at(i).map_or_else(|| NOTHING.to_owned(), |n| self.shown(Some(&Value::Count(n as i64))))) }
                                    }
                                    @if is_compared {
                                        td { (self.compared(i).map_or_else(|| NOTHING.into(), |(_, before)| before)) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    fn summary(&self) -> String {
        let highest = self.values.iter().flatten().copied().fold(0.0, f64::max);
        let (name, most) = (&*self.name, self.view.figures().mark(self.metric, highest));
        self.say.with("chart-summary", [("name", name.into()), ("most", most.into())])
    }
}

fn say_imported(say: Language, part: String) -> String {
    say.with("imported-of", [("n", part.into())])
}

/// Notes of the days of a chart, each at the first step that its day has, or at the one that its day
/// lies in.
fn notes<'v>(view: &'v View, steps: &[TimeStep]) -> Vec<(usize, &'v Note)> {
    let range = view.elapsed();
    let step = |note: &Note| {
        let first = steps.iter().position(|step| step.start.date() == note.day);
        first.or_else(|| steps.iter().rposition(|step| step.start.date() <= note.day))
    };
    let shown =
        view.look.notes.iter().filter(|note| range.first <= note.day && note.day <= range.last);
    shown.filter_map(|note| Some((step(note)?, note))).collect()
}

/// As much of a text as a read-out has room for.
fn cut(text: &str) -> String {
    match text.char_indices().nth(26) {
        Some((end, _)) if text.chars().count() > 28 => format!("{}…", text[..end].trim_end()),
        _ => text.to_owned(),
    }
}

/// Values that stand side by side and are known.
fn runs(values: &[Option<f64>], within: Range<usize>) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for i in within.filter(|i| values[*i].is_some()) {
        match runs.last_mut() {
            Some(run) if run.end == i => run.end += 1,
            _ => runs.push(i..i + 1),
        }
    }
    runs
}

/// At most so many points: averages of those that are known.
pub(super) fn smooth(values: &[Option<f64>], most: usize) -> Vec<Option<f64>> {
    let each = values.len().div_ceil(most).max(1);
    let average = |chunk: &[Option<f64>]| {
        let known = chunk.iter().flatten();
        let count = known.clone().count();
        (count > 0).then(|| known.sum::<f64>() / count as f64)
    };
    values.chunks(each).map(average).collect()
}

/// With its year where that is another.
pub(super) fn long(view: &View, start: NaiveDateTime, interval: Interval) -> String {
    let (say, day) = (view.say(), start.date());
    let date = |day: Day| match day.year() == view.today.year() {
        true => say.day(day),
        false => say.date(day),
    };
    match interval {
        Interval::Minute => say.time(start),
        Interval::Hour => format!("{}, {}", view.weekday(day), say.time(start)),
        Interval::Day => view.weekday(day),
        Interval::Week => say.with("date-week", [("day", date(day).into())]),
        Interval::Month => say.month(day),
    }
}

fn percent(n: f64) -> String {
    format!("{n:.3}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_breaks_a_line() {
        let values = [Some(1.0), None, Some(2.0), Some(3.0), None, None, Some(4.0)];
        assert_eq!(runs(&values, 0..7), [0..1, 2..4, 6..7]);
        assert_eq!(runs(&values, 3..6), [Range { start: 3, end: 4 }]);
        assert_eq!(smooth(&values, 4), [Some(1.0), Some(2.5), None, Some(4.0)]);
        assert_eq!(smooth(&values, 7), values);
    }
}
