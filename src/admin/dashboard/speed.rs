//! How long people wait.

use super::view::{Subject, View};
use super::{PageData, cards};
use crate::language::{Language, NOTHING};
use crate::report::{AnsweredFrom, Rating, Timed, Timings, What};
use maud::{Markup, html};

/// Pages that are called slow, at most, and the views that such a page must have.
const ROWS: usize = 20;
const LEAST_VIEWS: i64 = 5;

/// What is timed, as people call it, and how it is: keys of texts.
pub(super) fn name(what: What) -> (&'static str, &'static str) {
    match what {
        What::Origin => ("speed-website", "speed-website-why"),
        What::Ttfb => ("speed-ttfb", "speed-ttfb-why"),
        What::Lcp => ("speed-lcp", "speed-lcp-why"),
        What::Inp => ("speed-inp", "speed-inp-why"),
        What::Cls => ("speed-cls", "speed-cls-why"),
    }
}

fn time(say: Language, what: What, value: f64) -> String {
    if what == What::Cls { say.decimal(value, 2) } else { say.millis(value) }
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
pub(super) fn tiles(say: Language, timings: &Timings) -> Markup {
    let word = |rating: Rating| match rating {
        Rating::Good => "speed-good",
        Rating::Fair => "speed-fair",
        Rating::Poor => "speed-poor",
    };
    html! {
        dl.timings {
            @for (what, of) in timings {
                @let (name, why) = name(*what);
                @let (name, why) = (say.t(name), say.t(why));
                div {
                    dt title=(why) { (name) }
                    dd {
                        span.figure.(class(of.rating)) { (time(say, *what, of.p75)) }
                        @if let Some(rating) = of.rating { span.rating.(class(of.rating)) { (say.t(word(rating))) } }
                        p { (why) }
                        p.quantiles {
                            @for (name, value) in [("p50", of.p50), ("p95", of.p95), ("p99", of.p99)] {
                                span { (name) " " b { (time(say, *what, value)) } }
                            }
                        }
                        p { (say.with("speed-views", [("n", say.count(of.count).into())])) }
                    }
                }
            }
        }
    }
}

pub(super) fn speed(view: &View, data: &PageData<'_>) -> Markup {
    let say = view.say();
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
            _ if view.times.is_some() => "speed-whole-days",
            Subject::Actions => "speed-of-views",
            _ => "speed-nothing",
        };
        return html! { section.sheet { p.empty { (say.t(line)) } } };
    }
    html! {
        section.sheet aria-label=(say.t("topic-speed")) {
            (tiles(say, &all))
            p.span { (say.t("speed-large")) }
            @if !pages.is_empty() {
                div.scroll-x tabindex="0" role="region" aria-label=(say.t("speed-slowest")) { table.slowest {
                    thead { tr {
                        th scope="col" { (say.t("speed-slowest")) }
                        th scope="col" { (say.t("speed-website")) }
                        @for what in &What::ALL[1..] { th scope="col" { (what.as_str()) } }
                    } }
                    tbody {
                        @for (page, timings) in &pages {
                            tr {
                                (cards::page_cell(view, page))
                                @for what in What::ALL {
                                    td {
                                        @if let Some(of) = timings.get(&what) {
                                            span.(class(of.rating)) { (time(say, what, of.p75)) }
                                        } @else { (NOTHING) }
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
