//! How long people wait.

use super::view::{Subject, View};
use super::{PageData, cards, words};
use crate::report::{AnsweredFrom, Percentiles, Rating, Timed, Timings, What};
use maud::{Markup, html};

/// Pages that are called slow, at most, and the views that such a page must have.
const ROWS: usize = 20;
const LEAST_VIEWS: i64 = 5;

/// What is timed, as people call it.
pub(super) fn name(what: What) -> (&'static str, &'static str) {
    match what {
        What::Origin => ("Website", "until it answered the proxy"),
        What::Ttfb => ("First byte", "TTFB, in the browser"),
        What::Lcp => ("Largest paint", "LCP, in the browser"),
        What::Inp => ("Interaction", "INP, in the browser"),
        What::Cls => ("Layout shift", "CLS, in the browser"),
    }
}

fn time(what: What, value: f64) -> String {
    if what == What::Cls { format!("{value:.2}") } else { words::millis(value) }
}

fn class(rating: Option<Rating>) -> &'static str {
    match rating {
        Some(Rating::Good) => "good",
        Some(Rating::Fair) => "fair",
        Some(Rating::Poor) => "poor",
        None => "plain",
    }
}

/// Tiles of what is timed, each rated.
pub(super) fn tiles(timings: &Timings) -> Markup {
    let word = |of: &Percentiles| match of.rating {
        Some(Rating::Good) => "good",
        Some(Rating::Fair) => "needs improvement",
        Some(Rating::Poor) => "poor",
        None => "",
    };
    html! {
        dl.timings {
            @for (what, of) in timings {
                @let (name, why) = name(*what);
                div {
                    dt title=(why) { (name) }
                    dd {
                        span.figure.(class(of.rating)) { (time(*what, of.p75)) }
                        @if of.rating.is_some() { span.rating.(class(of.rating)) { (word(of)) } }
                        p { (why) }
                        p.quantiles {
                            @for (name, value) in [("p50", of.p50), ("p95", of.p95), ("p99", of.p99)] {
                                span { (name) " " b { (time(*what, value)) } }
                            }
                        }
                        p { (words::count(of.count)) " views" }
                    }
                }
            }
        }
    }
}

pub(super) fn speed(view: &View, data: &PageData<'_>) -> Markup {
    let timed = match (view.is_filtered(), data.answers.source) {
        _ if view.times.is_some() => Timed::default(),
        _ if matches!(view.subject(), Subject::Actions | Subject::Responses) => Timed::default(),
        (true, AnsweredFrom::RollUps) => Timed::default(),
        (true, AnsweredFrom::Rows(_)) => {
            Timed::of_rows(&view.site, data.covered(), data.answers.filter())
        }
        (false, _) => Timed::of_days(data.days, view.elapsed()),
    };
    let all = timed.timings("");
    let by_browser = all.contains_key(&What::Lcp);
    let rank = if by_browser { What::Lcp } else { What::Origin };
    let pages = timed.slowest(rank, LEAST_VIEWS, ROWS);
    if all.is_empty() && pages.is_empty() {
        let line = match view.subject() {
            _ if view.times.is_some() => "Speed is told of whole days.",
            Subject::Actions => "Speed is told of views, and not of goals and events.",
            _ => "No view was timed.",
        };
        return html! { section.sheet { p.empty { (line) } } };
    }
    html! {
        section.sheet aria-label="Speed" {
            (tiles(&all))
            p.span {
                "Large figures: three of four views were at most this slow. "
                "The website's time is counted for the same views as the browser's."
            }
            @if !pages.is_empty() {
                div.scroll-x tabindex="0" role="region" aria-label="Slowest pages" { table.slowest {
                    thead { tr {
                        th scope="col" { "Slowest pages" }
                        th scope="col" { "Website" }
                        @for what in &What::ALL[1..] { th scope="col" { (what.as_str()) } }
                    } }
                    tbody {
                        @for (page, timings) in &pages {
                            tr {
                                (cards::page_cell(view, page))
                                @for what in What::ALL {
                                    td {
                                        @if let Some(of) = timings.get(&what) {
                                            span.(class(of.rating)) { (time(what, of.p75)) }
                                        } @else { (words::NOTHING) }
                                    }
                                }
                            }
                        }
                    }
                } }
            }
        }
    }
}
