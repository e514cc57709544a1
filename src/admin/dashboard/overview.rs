//! How much happened, how we know, and when.

use super::view::{Subject, View};
use super::{PageData, cards, chart, words};
use crate::admin::AdminState;
use crate::report::scan::By;
use crate::report::{
    AnsweredFrom, Invalid, Metric, Period, Property, QuerySet, Slice, Total, Value,
};
use maud::{Markup, html};

const TOTALS: [(Metric, &str); 6] = [
    (Metric::Visitors, "Unique visitors"),
    (Metric::Visits, "Visits"),
    (Metric::Pageviews, "Pageviews"),
    (Metric::ViewsPerVisit, "Views per visit"),
    (Metric::BounceRate, "Bounce rate"),
    (Metric::VisitDuration, "Visit duration"),
];

const ACTIONS: [(Metric, &str); 4] = [
    (Metric::Visitors, "Visitors"),
    (Metric::Conversions, "Events"),
    (Metric::ConversionRate, "Conversion rate"),
    (Metric::TotalRevenue, "Revenue"),
];

const PAGE: [(Metric, &str); 6] = [
    (Metric::Visitors, "Unique visitors"),
    (Metric::Visits, "Visits"),
    (Metric::Pageviews, "Pageviews"),
    (Metric::TimeOnPage, "Time on page"),
    (Metric::ScrollDepth, "Scroll depth"),
    (Metric::Bytes, "Sent"),
];

const RESPONSES: [(Metric, &str); 2] =
    [(Metric::Pageviews, "Responses"), (Metric::ConfirmedPageviews, "Seen by a browser")];

/// How a pageview is known: its class in the style sheet, the API's name, ours, and why.
const EVIDENCE: [(&str, &str, &str, &str); 4] = [
    (
        "server",
        "server only",
        "Server only",
        "answered by the server; no script spoke up, blocked or not",
    ),
    ("confirmed", "confirmed", "Confirmed", "answered by the server and confirmed by the browser"),
    (
        "browser",
        "browser only",
        "Browser only",
        "shown without a request: navigation in the page, or a cache",
    ),
    (
        "unverified",
        "unverified",
        "Unverified",
        "reported without a valid id: less certain than the others",
    ),
];

/// Numbers of the questions.
pub(super) struct Overview {
    tiles: &'static [(Metric, &'static str)],
    totals: usize,
    over_time: usize,
    evidence: Option<usize>,
}

impl Overview {
    pub fn ask(view: &View, questions: &mut QuerySet) -> Result<Self, Invalid> {
        let subject = view.subject();
        let tiles: &[(Metric, &str)] = match subject {
            Subject::Visits => &TOTALS,
            Subject::Page => &PAGE,
            Subject::Actions => &ACTIONS,
            Subject::Responses => &RESPONSES,
        };
        let of_views = matches!(subject, Subject::Visits | Subject::Page);
        let mut metrics: Vec<Metric> = tiles.iter().map(|(metric, _)| *metric).collect();
        if of_views {
            metrics.push(Metric::ConfirmedPageviews);
        }
        let lines: Vec<Metric> = chart::lines(subject).iter().map(|line| line.metric).collect();
        let evidence = By::Property(Property::parse("visit:evidence")?);
        Ok(Self {
            tiles,
            totals: questions.ask_totals(&metrics),
            over_time: questions.ask(By::Time(view.interval()), &lines),
            evidence: of_views.then(|| questions.ask(evidence, &[Metric::Pageviews])),
        })
    }

    /// Whether a script confirmed any view.
    pub fn any_confirmed(&self, data: &PageData<'_>) -> bool {
        let totals = data.answers.totals(self.totals).unwrap_or_default();
        let confirmed = totals.iter().find(|total| total.metric == Metric::ConfirmedPageviews);
        confirmed.is_some_and(|total| !total.value.is_nothing())
    }

    pub fn draw(&self, admin: &AdminState, view: &View, data: &PageData<'_>) -> Markup {
        let range = view.elapsed();
        let anything = data.days.range(range.first..=range.last).next().is_some();
        let totals = data.answers.totals(self.totals);
        let steps = data.answers.steps(self.over_time);
        html! {
            @if totals.is_some() || steps.is_some() {
                section.sheet aria-label="Totals" {
                    @if let Some(totals) = totals { (self.totals(view, data, &totals)) }
                    @match steps {
                        _ if !anything => (nothing_yet(admin, view)),
                        Some(steps) => (chart::chart(view, &steps)),
                        None => (no_hours(view)),
                    }
                }
            }
            @if let Some(parts) = self.evidence.and_then(|nth| data.answers.slices(nth)) {
                @if !parts.is_empty() { (evidence(view, &parts)) }
            }
        }
    }

    fn totals(&self, view: &View, data: &PageData<'_>, totals: &[Total]) -> Markup {
        // Growth from nothing is no news: "↑ 100%" on a site's first day would only look like it.
        let before = totals.iter().filter_map(|total| total.before);
        let compared = view.before.filter(|_| before.clone().any(|value| !value.is_nothing()));
        let is_unknown =
            before.clone().next().is_some() && before.clone().all(|value| value == Value::Unknown);
        let range = view.elapsed();
        let from = match data.answers.source {
            AnsweredFrom::Rows(Some(first)) => first,
            _ => range.first,
        };
        html! {
            dl.totals {
                @for (total, (_, name)) in totals.iter().zip(self.tiles) {
                    // Rows of a property know some metrics only.
                    @if view.is_all() || total.value != Value::Unknown {
                        div {
                            dt { (name) }
                            dd {
                                span.figure { (words::value(total.metric, total.value)) }
                                @if compared.is_some() { (change(total)) }
                            }
                        }
                    }
                }
            }
            p.span {
                (words::range(crate::report::Range { first: from, ..range }))
                @if range.last == view.today { " so far" }
                @match (compared, view.before) {
                    (Some(before), _) => {
                        ", compared with " (words::range(before.range))
                        @if let Some(until) = before.until { " until " (view.site.clock(until)) }
                    }
                    (None, Some(_)) if is_unknown && view.is_filtered() => "; not all event rows of the time before are kept",
                    (None, Some(_)) if is_unknown => "; with a filter, whole days are compared only",
                    (None, Some(_)) => "; there is nothing before to compare with",
                    (None, None) => {}
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
            a href=(view.link(&[("period", Some("7d"))])) { "See this over 7 days" } "."
        }
    }
}

fn change(answer: &Total) -> Markup {
    let Some(change) = answer.change.filter(|_| !answer.value.is_nothing()) else {
        return html! {};
    };
    // More bounces are worse; a longer visit is not clearly better, but nobody minds.
    let worse = matches!(answer.metric, Metric::BounceRate | Metric::BlindSpot);
    let good = (change > 0) != worse;
    let (class, arrow) = match change {
        0 => ("same", "→"),
        _ if good => ("good", if change > 0 { "↑" } else { "↓" }),
        _ => ("bad", if change > 0 { "↑" } else { "↓" }),
    };
    let unit = if answer.metric.is_percent() { " pp" } else { "%" };
    html! {
        span.change.(class) {
            span aria-hidden="true" { (arrow) " " }
            span.hidden { @if change < 0 { "down " } @else { "up " } }
            (words::grouped(change.abs())) (unit)
        }
    }
}

fn evidence(view: &View, slices: &[Slice]) -> Markup {
    let views = |of: &str| {
        let slice = slices.iter().find(|slice| slice.value == of);
        slice.and_then(|slice| slice.metrics[0].number()).unwrap_or_default() as i64
    };
    let parts = EVIDENCE.map(|(_, of, ..)| views(of));
    let all = parts.iter().sum::<i64>().max(1) as f64;
    let share = |n: i64| n as f64 / all * 100.0;
    let starts = parts.iter().scan(0.0, |at, n| {
        let start = *at;
        *at += share(*n);
        Some(start)
    });
    html! {
        section.sheet.evidence aria-labelledby="evidence-title" {
            header {
                h2 #evidence-title { "Evidence" }
                p { "How each pageview is known. Other tools see only what scripts tell them, or only what logs hold." }
            }
            svg.evidence-bar viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true" {
                @for ((start, n), (class, ..)) in starts.zip(parts).zip(EVIDENCE) {
                    rect.(class) x=(format!("{start:.3}")) width=(format!("{:.3}", share(n))) height="1" {}
                }
            }
            dl {
                @for (n, (class, value, name, why)) in parts.into_iter().zip(EVIDENCE) {
                    div {
                        dt { i.(class) {} a href=(cards::filter_link(view, "visit:evidence", value)) { (name) } }
                        dd {
                            span.figure { (words::value(Metric::Pageviews, Value::Count(n))) }
                            span.share { (format!("{:.0}%", share(n))) }
                            p { (why) }
                        }
                    }
                }
            }
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
                p { a href=(view.link(&[("period", Some("12mo")), ("date", None)])) { "Look at the last 12 months" } }
            }
        }
    }
}
