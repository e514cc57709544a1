//! Sections below the cards, each there only when it has something to show: goals and funnels,
//! the quality of the numbers, speed.

use super::view::View;
use super::{cards, words};
use crate::admin::AdminState;
use crate::page_name::shown;
use crate::report::{
    Days, Invalid, Metric, Percentiles, Property, Rating, Slice, Step, Timed, Timings, Value, What,
    ai_pages, breakdown, funnel,
};
use maud::{Markup, html};

/// Rows of tables without a card's button to open them.
const ROWS: usize = 10;

/// Views a page must have to be called slow.
const LEAST_VIEWS: i64 = 5;

const GOALS: &[(Metric, &str)] = &[
    (Metric::Visitors, "Visitors"),
    (Metric::Conversions, "Total"),
    (Metric::ConversionRate, "Rate"),
    (Metric::TotalRevenue, "Revenue"),
];

pub(super) fn goals(admin: &AdminState, view: &View, days: &Days) -> Result<Markup, Invalid> {
    let property = Property::parse("event:goal")?;
    let filter = view.filter.as_ref().filter(|filter| filter.applies_to(&property));
    let metrics: Vec<Metric> = GOALS.iter().map(|(metric, _)| *metric).collect();
    let mut slices = breakdown(days, view.elapsed(), &property, &metrics, filter);
    for goal in view.site.goals.iter().filter(|_| filter.is_none()) {
        if !slices.iter().any(|slice| slice.value == *goal.name) {
            let metrics = vec![Value::Count(0), Value::Count(0), Value::Ratio(0.0), Value::Unknown];
            slices.push(Slice { value: goal.name.to_string(), metrics });
        }
    }
    let funnels = &admin.funnels;
    if slices.is_empty() && funnels.is_empty() {
        return Ok(html! {});
    }
    Ok(html! {
        h2.section { "Goals" }
        div.cards.filled {
            @if !slices.is_empty() {
                section.card #goals aria-labelledby="goals-title" {
                    header { h2 #goals-title { "Conversions" } }
                    (cards::rows(view, &property, GOALS, &slices, &slices))
                }
            }
            @for (name, labels) in funnels {
                (drawn(name, &funnel(days, view.elapsed(), name, labels)))
            }
        }
    })
}

/// A funnel: a bar for each step, narrowing to the next.
fn drawn(name: &str, steps: &[Step]) -> Markup {
    let of_all = |i: usize| steps.get(i).and_then(|step| step.of_all).unwrap_or(0.0);
    html! {
        section.card aria-label=(name) {
            header {
                h2 { (name) }
                @if let Some(rate) = steps.last().and_then(|step| step.of_all) {
                    p.quiet { (rate) "% get through" }
                }
            }
            @if steps.first().is_none_or(|step| step.visits == 0) {
                p.empty { "No visit has begun this yet." }
            } @else {
                ol.funnel {
                    @for (i, step) in steps.iter().enumerate() {
                        @let (width, next) = (of_all(i), of_all(i + 1));
                        li {
                            svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true" {
                                rect width=(format!("{width:.1}")) height="62" {}
                                @if i + 1 < steps.len() {
                                    polygon points=(format!("0,62 {width:.1},62 {next:.1},100 0,100")) {}
                                }
                            }
                            strong title=(step.label) { (step.label) }
                            span { (words::count(step.visits)) @if i > 0 { small { (width) "%" } } }
                            @if let Some(lost) = steps.get(i + 1).and_then(|next| next.of_previous) {
                                em { (format!("{:.1}", 100.0 - lost)) "% leave here" }
                            }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn quality(view: &View, days: &Days) -> Result<Markup, Invalid> {
    let mut cards = cards::quality(view, days)?;
    let ai = ai_pages(days, view.elapsed(), None);
    if !ai.is_empty() {
        cards.push(html! {
            section.card #ai aria-labelledby="ai-title" {
                header {
                    h2 #ai-title { "AI loop" }
                    p.quiet { "what AI read, and whom it sent" }
                }
                table {
                    thead { tr {
                        th scope="col" { "Page" }
                        th scope="col" { "Training" }
                        th scope="col" { "Asked" }
                        th scope="col" { "Sent" }
                    } }
                    tbody {
                        @for of in ai.iter().take(ROWS) {
                            tr {
                                th scope="row" {
                                    a href=(view.link(&[("page", Some(&of.page)), ("filters", None)])) title=(shown(&of.page)) { (shown(&of.page)) }
                                }
                                td { (words::count(of.training)) }
                                td { (words::count(of.assistant)) }
                                td { (words::count(of.referral)) }
                            }
                        }
                    }
                }
            }
        });
    }
    if cards.is_empty() {
        return Ok(html! {});
    }
    Ok(html! {
        h2.section { "Quality" }
        div.cards.filled { @for card in cards { (card) } }
    })
}

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

pub(super) fn speed(view: &View, days: &Days) -> Markup {
    let range = view.elapsed();
    let timed = Timed::of_days(days, range);
    let all = timed.timings("");
    let by_browser = all.contains_key(&What::Lcp);
    let rank = if by_browser { What::Lcp } else { What::Origin };
    let pages = timed.slowest(rank, LEAST_VIEWS, ROWS);
    if all.is_empty() && pages.is_empty() {
        return html! {};
    }
    html! {
        h2.section { "Speed" }
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
                                th scope="row" {
                                    a href=(view.link(&[("page", Some(page)), ("filters", None)])) title=(shown(page)) { (shown(page)) }
                                }
                                @for what in What::ALL {
                                    td {
                                        @if let Some(of) = timings.get(&what) {
                                            span.(class(of.rating)) { (time(what, of.p75)) }
                                        } @else { "–" }
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
