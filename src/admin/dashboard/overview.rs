//! How much happened, and when.

use super::evidence::Evidence;
use super::imported::{self, Shown};
use super::sheet::{Column, Line, Name, Unit};
use super::topics::Topic;
use super::view::{Subject, View};
use super::{PageData, chart, files, tiles};
use crate::admin::AdminState;
use crate::clock::Millis;
use crate::language::Language;
use crate::model::rollup::Dimension;
use crate::model::rollup::Metric::Responses;
use crate::model::site::Day;
use crate::report::{Interval, Invalid, Metric, Period, QuerySet, Range, TimeStep, Total, Value};
use chrono::NaiveDateTime;
use fluent_bundle::FluentValue;
use maud::{Markup, html};

/// Numbers of the questions.
pub(super) struct Overview {
    totals: usize,
    over_time: usize,
    evidence: Option<Evidence>,
}

/// What was counted, with what other programs have counted.
struct Told {
    totals: Option<Vec<Total>>,
    /// Totals without it.
    own: Option<Vec<Total>>,
    steps: Option<Vec<TimeStep>>,
    /// Of each step and tile: so much of it was imported.
    parts: Vec<Vec<Option<f64>>>,
}

impl Overview {
    pub fn ask(view: &View, questions: &mut QuerySet) -> Result<Self, Invalid> {
        let mut asked = Self::ask_alone(view, questions);
        if view.has_evidence() {
            asked.evidence = Some(Evidence::ask(view, questions)?);
        }
        Ok(asked)
    }

    /// Without how views are known.
    pub fn ask_alone(view: &View, questions: &mut QuerySet) -> Self {
        let tiles = tiles::of(view).iter().map(|(metric, _)| *metric);
        let of_views = matches!(view.subject(), Subject::Visits | Subject::Page);
        let confirmed = tiles::CONFIRMED.into_iter().filter(|_| of_views);
        let totals: Vec<Metric> = tiles.clone().chain(confirmed).collect();
        let over_time: Vec<Metric> = tiles.collect();
        Self {
            totals: questions.ask_totals(&totals),
            over_time: questions.ask_over_time(view.interval, &over_time),
            evidence: None,
        }
    }

    /// The same totals and steps of other days: the numbers of the questions.
    pub fn ask_numbers(view: &View, questions: &mut QuerySet) -> (usize, usize) {
        let metrics: Vec<Metric> = tiles::of(view).iter().map(|(metric, _)| *metric).collect();
        (questions.ask_totals(&metrics), questions.ask_over_time(view.interval, &metrics))
    }

    fn told(&self, view: &View, data: &PageData<'_>) -> Told {
        let own = data.answers.totals(self.totals);
        let part = match &data.imported {
            Shown::Part(part) => Some(part),
            _ => None,
        };
        let mut totals = match part {
            Some(part) => own.clone().map(|own| part.totals(own)),
            None => own.clone(),
        };
        let metrics: Vec<Metric> = tiles::of(view).iter().map(|(metric, _)| *metric).collect();
        let steps = data.answers.steps(self.over_time);
        let (mut steps, parts): (Option<Vec<TimeStep>>, Vec<Vec<Option<f64>>>) = match (steps, part)
        {
            (Some(own), Some(part)) => {
                let (steps, parts) = part.steps(own, &metrics).into_iter().unzip();
                (Some(steps), parts)
            }
            (own, _) => (own, Vec::new()),
        };
        let since = |metric| first_counted(view, data, metric);
        totals.iter_mut().flatten().for_each(|total| forget_total(total, since(total.metric)));
        for step in steps.iter_mut().flatten() {
            forget_step(step, metrics.iter().map(|metric| since(*metric)));
        }
        Told { totals, own, steps, parts }
    }

    pub fn draw(&self, admin: &AdminState, view: &View, data: &PageData<'_>) -> Markup {
        let range = view.elapsed();
        let has_days = data.days.range(range.first..=range.last).next().is_some();
        let anything = has_days || matches!(data.imported, Shown::Part(_));
        let Told { totals, own, steps, parts } = self.told(view, data);
        let nth = tiles::chosen(view);
        let parts: Vec<Option<f64>> = parts.iter().map(|parts| parts[nth]).collect();
        let compared = totals.as_ref().is_some_and(|totals| is_compared(view, totals));
        // Of a time that is not told whole the chart still shows what is told.
        let is_drawn = compared || steps.iter().flatten().any(has_before);
        html! {
            @if totals.is_some() || steps.is_some() {
                section.sheet #overview aria-label=(view.say().t("overview-totals")) {
                    @if let Some(totals) = &totals {
                        (tiles::draw(view, totals, own.as_deref().unwrap_or_default(), steps.as_deref(), compared, data))
                    }
                    div.beside {
                        p.span { (time(view, data, totals.as_deref().unwrap_or_default())) }
                        (intervals(view))
                    }
                    @match &steps {
                        _ if data.is_new => (first_start(admin, view, data)),
                        _ if !anything => (nothing_yet(admin, view)),
                        Some(steps) => (chart::chart(view, steps, is_drawn, &parts)),
                        None => (no_hours(view)),
                    }
                    (imported::line(view, &data.imported))
                    div.ends {
                        a.more href=(view.link(&[("details", Some("chart"))])) { (view.say().t("card-details")) span.hidden { ": " (view.say().t("sheet-chart")) } }
                        p.take {
                            (view.say().t("overview-totals")) " " (files::links(view, Some("totals"), &view.say().t("overview-totals"))) " "
                            (view.say().t("sheet-chart")) " " (files::links(view, Some("chart"), &view.say().t("sheet-chart")))
                        }
                    }
                }
            }
            @if let Some(evidence) = &self.evidence { (evidence.draw(view, data)) }
        }
    }
}

/// The same as tables: a row for each total, and one for each step of the chart.
impl Overview {
    pub fn columns_of_totals(say: Language) -> Vec<Column> {
        vec![
            Column::new(say, "value", "sheet-value", Unit::OfRow),
            Column::new(say, "before", "chart-before", Unit::OfRow),
            Column::new(say, "change", "sheet-change", Unit::Change),
            Column::new(say, "percent_confirmed", "sheet-confirmed", Unit::Percent),
            Column::new(say, "imported", "imported-legend", Unit::OfRow),
        ]
    }

    pub fn rows_of_totals(&self, view: &View, data: &PageData<'_>) -> Vec<Line> {
        let Told { totals, own, .. } = self.told(view, data);
        let (totals, own) = (totals.unwrap_or_default(), own.unwrap_or_default());
        let compared = is_compared(view, &totals);
        let part = match &data.imported {
            Shown::Part(part) => Some(part),
            _ => None,
        };
        let known = |n: Option<f64>| n.map_or(Value::Unknown, Value::Ratio);
        let line = |(total, (metric, name)): (&Total, &(Metric, &'static str))| {
            let before = total.before.filter(|_| compared).unwrap_or(Value::Unknown);
            let points = total.points().map(Value::Ratio);
            let change = points.or(total.change.map(Value::Count)).filter(|_| compared);
            let change = change.unwrap_or(Value::Unknown);
            let imported = part.and_then(|part| part.of_total(*metric)).map(|n| n as i64);
            let imported = imported.map_or(Value::Unknown, Value::Count);
            let confirmed = known(tiles::confirmed(*metric, &own));
            let values = vec![total.value, before, change, confirmed, imported];
            Line::new([metric.as_str().to_owned()], values).called(view.say().t(name))
        };
        let told = totals.iter().zip(tiles::of(view));
        let is_shown = |total: &Total| view.is_all() || total.value != Value::Unknown;
        told.filter(|(total, _)| is_shown(total)).map(line).collect()
    }

    pub fn names_of_chart(view: &View) -> Vec<Name> {
        let word = match view.interval {
            Interval::Minute => "time:minute",
            Interval::Hour => "time:hour",
            Interval::Day => "time:day",
            Interval::Week => "time:week",
            Interval::Month => "time:month",
        };
        let before = view.before.map(|_| Name::new("compared_with", "sheet-compared"));
        [Name::new(word, "chart-time")].into_iter().chain(before).collect()
    }

    /// Each metric; what it was before, where something is compared; what of it was imported, where
    /// something was.
    pub fn columns_of_chart(view: &View) -> Vec<Column> {
        let (say, tiles) = (view.say(), tiles::of(view));
        let column = |prefix: &str, suffix: Option<&'static str>| {
            let of = move |(metric, name): &(Metric, &'static str)| {
                let name = say.t(name);
                let title = match suffix {
                    Some(suffix) => format!("{name}: {}", say.t(suffix)).into(),
                    None => name,
                };
                let word = format!("{prefix}{}", metric.as_str());
                Column { word: word.into(), title, unit: Unit::Of(*metric) }
            };
            tiles.iter().map(of).collect::<Vec<_>>()
        };
        let mut columns = column("", None);
        if view.before.is_some() {
            columns.extend(column("before_", Some("chart-before")));
        }
        if view.has_imported() {
            columns.extend(column("imported_", Some("imported-legend")));
        }
        columns
    }

    pub fn rows_of_chart(&self, view: &View, data: &PageData<'_>) -> Vec<Line> {
        let Told { totals, steps, parts, .. } = self.told(view, data);
        let is_told = steps.iter().flatten().any(has_before);
        let compared = is_told || is_compared(view, &totals.unwrap_or_default());
        let (now, count) = (view.local(view.now), tiles::of(view).len());
        let time = |at: NaiveDateTime| at.format(view.interval.format()).to_string();
        let begun = steps.unwrap_or_default().into_iter().take_while(|step| step.start <= now);
        let line = |(nth, step): (usize, TimeStep)| {
            let before = step.before.filter(|_| compared);
            let mut names = vec![time(step.start)];
            let mut values = step.values;
            if view.before.is_some() {
                let (start, numbers) =
                    before.map_or((None, vec![Value::Unknown; count]), |of| (Some(of.0), of.1));
                names.push(start.map(time).unwrap_or_default());
                values.extend(numbers);
            }
            if view.has_imported() {
                let part = |i: usize| parts.get(nth)?.get(i).copied().flatten();
                let part = |i| part(i).map_or(Value::Unknown, |n| Value::Count(n as i64));
                values.extend((0..count).map(part));
            }
            let label = chart::long(view, step.start, view.interval);
            Line::new(names, values).called(label)
        };
        begun.enumerate().map(line).collect()
    }
}

/// Growth from nothing is no news: "↑ 100%" on a site's first day would only look like it.
fn is_compared(view: &View, totals: &[Total]) -> bool {
    let mut before = totals.iter().filter_map(|total| total.before);
    view.before.is_some() && before.any(|value| !value.is_nothing())
}

/// The time that is shown, in short.
pub(super) fn span(view: &View) -> String {
    match view.times {
        Some(_) if view.topic == Topic::Realtime => view.say().t("overview-last-30-minutes").into(),
        Some((first, _)) => view.say().with("overview-since", moment(view, first)),
        None if view.is_one_day() => days(view, view.elapsed()),
        None => view.say().range(view.elapsed()),
    }
}

/// The first day that was counted of a metric, if what is compared with begins before it.
pub(super) fn first_counted(view: &View, data: &PageData<'_>, metric: Metric) -> Option<Day> {
    let is_imported = match (&data.imported, view.before) {
        (Shown::Part(part), Some(before)) => part.tells_since(before.range.first, metric),
        _ => false,
    };
    data.counted_since.filter(|_| !is_imported)
}

/// Of a time that was counted in part, or not at all, there is no total to compare with.
fn forget_total(total: &mut Total, since: Option<Day>) {
    if since.is_some() {
        (total.before, total.change) = (total.before.map(|_| Value::Unknown), None);
    }
}

/// Nor steps before the first day that was counted of each value.
fn forget_step(step: &mut TimeStep, since: impl Iterator<Item = Option<Day>>) {
    let Some((start, values)) = &mut step.before else { return };
    for (value, since) in values.iter_mut().zip(since) {
        if since.is_some_and(|first| start.date() < first) {
            *value = Value::Unknown;
        }
    }
}

fn has_before(step: &TimeStep) -> bool {
    step.before.as_ref().is_some_and(|(_, values)| values.iter().any(|n| !n.is_nothing()))
}

/// What the numbers are of, and what they are compared with.
fn time(view: &View, data: &PageData<'_>, totals: &[Total]) -> String {
    let say = view.say();
    if view.topic == Topic::Realtime {
        return say.t("overview-last-30-minutes").into_owned();
    }
    let days = match view.times {
        Some((first, _)) => say.with("overview-since", moment(view, first)),
        None => days(view, Range { first: data.answers.range.first, ..view.elapsed() }),
    };
    let Some(before) = view.before else { return days };
    let days = ("days", days.into());
    let range = match (data.answers.before_from(), before.range.len()) {
        (Some(first), _) => say.with("overview-24-hours-from", moment(view, first)),
        (None, 1) => view.weekday(before.range.first),
        (None, _) => say.range(before.range),
    };
    let range = ("before", range.into());
    if let Some(first) = first_counted(view, data, tiles::of(view)[tiles::chosen(view)].0) {
        return say.with("overview-no-data", [days, range, ("day", say.date(first).into())]);
    }
    if is_compared(view, totals) {
        let line = match before.until.filter(|_| view.times.is_none()) {
            Some(until) => {
                let time = ("time", view.site.clock(until).into());
                say.with("overview-compared-until", [days, range, time])
            }
            None => say.with("overview-compared", [days, range]),
        };
        return match view.matches_weekdays() {
            true => say.with("overview-by-weekday", [("line", line.into())]),
            false => line,
        };
    }
    let mut values = totals.iter().filter_map(|total| total.before).peekable();
    let is_unknown = values.peek().is_some() && values.all(|value| value == Value::Unknown);
    let key = match is_unknown {
        true if view.is_of_rows() => "overview-rows-missing",
        true if view.page().is_some() => "overview-whole-days",
        // Hours are dropped with the rows of a month that is over.
        true => "overview-no-parts",
        false => "overview-nothing-before",
    };
    say.with(key, [days])
}

fn moment(view: &View, at: Millis) -> [(&'static str, FluentValue<'static>); 2] {
    let day = view.say().day(view.site.day(at));
    [("day", day.into()), ("time", view.site.clock(at).into())]
}

/// The days that are told, as they are called: `Today until 15:30`, `30 days and today so far`.
fn days(view: &View, told: Range) -> String {
    let say = view.say();
    let is_today = told.last == view.today;
    if told.len() == 1 && view.is_one_day() {
        return match is_today {
            true => say.with("overview-today-until", [("time", view.site.clock(view.now).into())]),
            false => view.weekday(told.first),
        };
    }
    let days = say.range(told);
    match view.period.whole_days().filter(|n| told.len().unsigned_abs() == n + 1) {
        _ if !is_today => days,
        Some(n) => say.with("overview-days-and-today", [("n", n.into()), ("days", days.into())]),
        None => say.with("overview-so-far", [("days", days.into())]),
    }
}

/// The steps that the chart may take.
fn intervals(view: &View) -> Markup {
    let say = view.say();
    let name = |interval| match interval {
        Interval::Minute => say.t("overview-minutes"),
        Interval::Hour => say.t("overview-hours"),
        Interval::Day => say.t("overview-days"),
        Interval::Week => say.t("overview-weeks"),
        Interval::Month => say.t("overview-months"),
    };
    html! {
        @if view.intervals().count() > 1 {
            nav.tabs aria-label=(say.t("overview-steps")) {
                @for interval in view.intervals() {
                    a href=(view.link(&[("interval", Some(interval.as_str()))]))
                        aria-current=[(interval == view.interval).then_some("true")] { (name(interval)) }
                }
            }
        }
    }
}

/// In the place of a chart that roll-ups do not tell.
fn no_hours(view: &View) -> Markup {
    let say = view.say();
    let weekly = view.period_link("7d", view.get("date"));
    let link = html! { a href=(weekly) { (say.t("overview-see-7-days")) } };
    html! { p.empty { (say.markup("overview-no-hours", [("link", link)])) } }
}

/// Where a site begins: what to do next.
fn first_start(admin: &AdminState, view: &View, data: &PageData<'_>) -> Markup {
    let say = view.say();
    let seconds = admin.flush_interval.as_secs().max(1);
    let place = admin.sites.iter().position(|site| site.name == view.site.name);
    let entrance = place.and_then(|place| admin.entrances.get(place)?.as_deref());
    let range = view.elapsed();
    let of_programs = data.days.range(range.first..=range.last).map(|(_, counts)| {
        counts.rows(Dimension::BotClass).map(|(_, row)| row.get(Responses)).sum::<i64>()
    });
    let of_programs: i64 = of_programs.sum();
    html! {
        div.nothing #first-start {
            h2 { (say.t("start-title")) }
            ol.steps-to-do {
                li {
                    @match entrance {
                        Some(url) => (say.markup("start-open", [("link", html! { a href=(url) { (url) } })])),
                        None => (say.t("start-open-elsewhere")),
                    }
                }
                li {
                    @let link = |page: &str, name| html! { a href={ "/docs/" (page) } { (say.t(name)) } };
                    (say.markup("start-lead", [("front", link("in-front", "start-front")), ("behind", link("behind", "start-behind"))]))
                }
            }
            p role="status" { (say.with("start-watches", [("seconds", seconds.into())])) }
            @if of_programs > 0 {
                p { (say.with("start-programs", [("n", say.grouped(of_programs).into())])) }
            }
        }
    }
}

fn nothing_yet(admin: &AdminState, view: &View) -> Markup {
    let say = view.say();
    let seconds = admin.flush_interval.as_secs().max(1);
    html! {
        div.nothing {
            @if view.range.last >= view.today {
                h2 { (say.t("overview-no-pageviews")) }
                p { (say.with("overview-first-visit", [("seconds", seconds.into())])) }
            } @else {
                h2 { (say.t("overview-none-in-period")) }
            }
            @if view.period != Period::Months12 {
                p { a href=(view.period_link("12mo", None)) { (say.t("overview-look-12-months")) } }
            }
        }
    }
}
