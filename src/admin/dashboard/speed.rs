//! How long people wait.

use super::sheet::{Column, Line, Unit};
use super::view::{Subject, View};
use super::{PageData, cards, files};
use crate::language::{Language, NOTHING};
use crate::report::{AnsweredFrom, Percentiles, Rating, Timed, Timings, Value, What};
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

pub(super) fn time(say: Language, what: What, value: f64) -> String {
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

/// What is known of the time that is shown.
fn timed<'d>(view: &View, data: &PageData<'d>) -> Timed<'d> {
    match (view.is_filtered(), data.answers.source) {
        _ if view.times.is_some() => Timed::default(),
        _ if matches!(view.subject(), Subject::Actions | Subject::Responses) => Timed::default(),
        (true, AnsweredFrom::RollUps) => Timed::default(),
        (true, AnsweredFrom::Rows(_)) => {
            Timed::of_rows(&view.site, data.covered(), data.answers.filter())
        }
        (false, _) => Timed::of_days(data.days, view.elapsed()),
    }
}

/// The slowest pages, so many at most.
fn slowest(timed: &Timed<'_>, most: usize) -> Vec<(String, Timings)> {
    let by_browser = timed.timings("").contains_key(&What::Lcp);
    let rank = if by_browser { What::Lcp } else { What::Origin };
    timed.slowest(rank, LEAST_VIEWS, most)
}

/// What is known of a time: each percentile, and of how many views.
type Told = (&'static str, fn(&Percentiles) -> f64);
const TOLD: [Told; 4] =
    [("p50", |of| of.p50), ("p75", |of| of.p75), ("p95", |of| of.p95), ("p99", |of| of.p99)];

fn values(of: Option<&Percentiles>) -> impl Iterator<Item = Value> {
    let of = of.copied();
    let known = move |(_, value): Told| of.map_or(Value::Unknown, |of| Value::Ratio(value(&of)));
    let views = of.map_or(Value::Unknown, |of| Value::Count(of.count));
    TOLD.into_iter().map(known).chain([views])
}

/// In milliseconds, but for shifts of the layout.
pub(super) fn columns(say: Language) -> Vec<Column> {
    let of = |(word, _): Told| Column { word: word.into(), title: word.into(), unit: Unit::OfRow };
    let views = Column::new(say, "views", "metric-views", Unit::Count);
    TOLD.into_iter().map(of).chain([views]).collect()
}

/// Of a page's own view: of that page.
pub(super) fn rows(view: &View, data: &PageData<'_>) -> Vec<Line> {
    let timings = match view.page() {
        Some(page) => Timed::of_days(data.days, view.elapsed()).timings(page),
        None => timed(view, data).timings(""),
    };
    let line = |(what, of): (What, Percentiles)| {
        let label = view.say().t(name(what).0);
        Line::new([what.as_str().to_owned()], values(Some(&of)).collect()).called(label)
    };
    timings.into_iter().map(line).collect()
}

pub(super) fn columns_of_pages(say: Language) -> Vec<Column> {
    let of = |what: What| {
        let word = |told: &str| format!("{}_{told}", what.as_str().to_lowercase());
        let title = |told: &str| match what {
            What::Origin => format!("{} {told}", say.t(name(what).0)),
            _ => format!("{} {told}", what.as_str()),
        };
        let told = TOLD.map(|(told, _)| (word(told), title(told), Unit::Timed(what)));
        let views = (word("views"), title(&say.t("metric-views")), Unit::Count);
        told.into_iter().chain([views])
    };
    let column = |(word, title, unit): (String, String, Unit)| Column {
        word: word.into(),
        title: title.into(),
        unit,
    };
    What::ALL.into_iter().flat_map(of).map(column).collect()
}

pub(super) fn rows_of_pages(view: &View, data: &PageData<'_>) -> Vec<Line> {
    let line = |(page, timings): (String, Timings)| {
        let values = What::ALL.into_iter().flat_map(|what| values(timings.get(&what)));
        Line::new([page], values.collect())
    };
    slowest(&timed(view, data), usize::MAX).into_iter().map(line).collect()
}

pub(super) fn speed(view: &View, data: &PageData<'_>) -> Markup {
    let (say, timed) = (view.say(), timed(view, data));
    let all = timed.timings("");
    let pages = slowest(&timed, ROWS);
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
            (files::ends(view, "speed", &say.t("topic-speed")))
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
                (files::ends(view, "slowest", &say.t("speed-slowest")))
            }
        }
    }
}
