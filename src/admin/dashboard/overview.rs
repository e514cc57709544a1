//! How much happened, and when.

use super::evidence::Evidence;
use super::topics::Topic;
use super::view::{Subject, View};
use super::{PageData, chart, tiles, words};
use crate::admin::AdminState;
use crate::report::{Interval, Invalid, Metric, Period, QuerySet, Range, Total, Value};
use maud::{Markup, html};

/// Numbers of the questions.
pub(super) struct Overview {
    totals: usize,
    over_time: usize,
    evidence: Option<Evidence>,
}

impl Overview {
    pub fn ask(view: &View, questions: &mut QuerySet) -> Result<Self, Invalid> {
        let tiles = tiles::of(view).iter().map(|(metric, _)| *metric);
        let of_views = matches!(view.subject(), Subject::Visits | Subject::Page);
        let confirmed = tiles::CONFIRMED.into_iter().filter(|_| of_views);
        let totals: Vec<Metric> = tiles.clone().chain(confirmed).collect();
        let over_time: Vec<Metric> = tiles.collect();
        Ok(Self {
            totals: questions.ask_totals(&totals),
            over_time: questions.ask_over_time(view.interval, &over_time),
            evidence: (of_views && view.times.is_none())
                .then(|| Evidence::ask(view, questions))
                .transpose()?,
        })
    }

    pub fn draw(&self, admin: &AdminState, view: &View, data: &PageData<'_>) -> Markup {
        let range = view.elapsed();
        let anything = data.days.range(range.first..=range.last).next().is_some();
        let totals = data.answers.totals(self.totals);
        let steps = data.answers.steps(self.over_time);
        let compared = totals.as_ref().is_some_and(|totals| is_compared(view, totals));
        html! {
            @if totals.is_some() || steps.is_some() {
                section.sheet #overview aria-label="Totals" {
                    @if let Some(totals) = &totals {
                        (tiles::draw(view, totals, steps.as_deref(), compared))
                    }
                    div.beside {
                        p.span { (time(view, data, totals.as_deref().unwrap_or_default())) }
                        (intervals(view))
                    }
                    @match &steps {
                        _ if !anything => (nothing_yet(admin, view)),
                        Some(steps) => (chart::chart(view, steps, compared)),
                        None => (no_hours(view)),
                    }
                }
            }
            @if let Some(evidence) = &self.evidence { (evidence.draw(view, data)) }
        }
    }
}

/// Growth from nothing is no news: "↑ 100%" on a site's first day would only look like it.
fn is_compared(view: &View, totals: &[Total]) -> bool {
    let mut before = totals.iter().filter_map(|total| total.before);
    view.before.is_some() && before.any(|value| !value.is_nothing())
}

/// What the numbers are of, and what they are compared with.
fn time(view: &View, data: &PageData<'_>, totals: &[Total]) -> Markup {
    let before = totals.iter().filter_map(|total| total.before);
    let is_unknown =
        before.clone().next().is_some() && before.clone().all(|value| value == Value::Unknown);
    let told = Range { first: data.answers.range.first, ..view.elapsed() };
    html! {
        @match (view.times, view.topic) {
            (Some(_), Topic::Realtime) => "The last 30 minutes",
            (Some((first, _)), _) => {
                "Since " (words::day(view.site.day(first))) ", " (view.site.clock(first))
                @if is_compared(view, totals) { ", compared with the 24 hours before" }
            }
            (None, _) => {
                (words::range(told))
                @if told.last == view.today { " so far" }
            }
        }
        @match view.before.filter(|_| view.times.is_none()) {
            Some(before) if is_compared(view, totals) => {
                ", compared with " (words::range(before.range))
                @if let Some(until) = before.until { " until " (view.site.clock(until)) }
            }
            Some(_) if is_unknown && view.is_filtered() => "; not all event rows of the time before are kept",
            Some(_) if is_unknown => "; with a filter, whole days are compared only",
            Some(_) => "; there is nothing before to compare with",
            None => {}
        }
    }
}

/// The steps that the chart may take.
fn intervals(view: &View) -> Markup {
    let name = |interval| match interval {
        Interval::Minute => "Minutes",
        Interval::Hour => "Hours",
        Interval::Day => "Days",
        Interval::Week => "Weeks",
        Interval::Month => "Months",
    };
    html! {
        @if view.intervals().count() > 1 {
            nav.tabs aria-label="Steps of the chart" {
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
    html! {
        p.empty {
            "Hours are counted for all traffic together. "
            a href=(view.link(&[("period", Some("7d")), ("interval", None)])) { "See this over 7 days" } "."
        }
    }
}

fn nothing_yet(admin: &AdminState, view: &View) -> Markup {
    let seconds = admin.flush_interval.as_secs().max(1);
    html! {
        div.nothing {
            @if view.range.last >= view.today {
                h2 { "No pageviews yet" }
                p { "Counts appear within " (seconds) " s of the first visit. Open the site through the proxy to see one." }
            } @else {
                h2 { "No pageviews in this period" }
            }
            @if view.period != Period::Months12 {
                p { a href=(view.link(&[("period", Some("12mo")), ("date", None), ("interval", None)])) { "Look at the last 12 months" } }
            }
        }
    }
}
