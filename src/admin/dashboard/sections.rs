//! Sections below the cards, each there only when it has something to show: goals and funnels,
//! the quality of the numbers, speed.

use super::cards::OpenCard;
use super::table::{BLIND_SPOT, CACHES};
use super::view::{Subject, View};
use super::{PageData, cards, words};
use crate::page_name::shown;
use crate::report::scan::By;
use crate::report::{
    AnsweredFrom, Invalid, Metric, Percentiles, Property, QuerySet, Rating, Slice, Step, Timed,
    Timings, Value, What, ai_pages, funnel, funnel_by_rows,
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

/// Goals and funnels.
pub(super) struct Goals {
    property: Property,
    nth: usize,
}

impl Goals {
    /// `None`: the filters tell nothing of them.
    pub fn ask(view: &View, questions: &mut QuerySet) -> Result<Option<Self>, Invalid> {
        let property = Property::parse("event:goal")?;
        if !view.tells(&property) {
            return Ok(None);
        }
        let metrics: Vec<Metric> = GOALS.iter().map(|(metric, _)| *metric).collect();
        let nth = questions.ask(By::Property(property.clone()), &metrics);
        Ok(Some(Self { property, nth }))
    }

    pub fn draw(&self, view: &View, data: &PageData<'_>) -> Markup {
        let mut slices = data.answers.slices(self.nth).unwrap_or_default();
        let of_all = view.subject() != Subject::Actions;
        for goal in view.site.goals.iter().filter(|_| of_all) {
            if !slices.iter().any(|slice| slice.value == *goal.name) {
                let metrics =
                    vec![Value::Count(0), Value::Count(0), Value::Ratio(0.0), Value::Unknown];
                slices.push(Slice { value: goal.name.to_string(), metrics });
            }
        }
        let funnels = funnels(view, data);
        if slices.is_empty() && funnels.is_empty() {
            return html! {};
        }
        html! {
            h2.section { "Goals" }
            div.cards.filled {
                @if !slices.is_empty() {
                    section.card #goals aria-labelledby="goals-title" {
                        header { h2 #goals-title { "Conversions" } }
                        (cards::rows(view, &self.property, GOALS, &slices, &slices))
                    }
                }
                @for (name, steps) in funnels { (drawn(name, &steps)) }
            }
        }
    }
}

/// The site's funnels: under filters as event rows tell them, else since they were configured.
fn funnels<'v>(view: &'v View, data: &PageData<'_>) -> Vec<(&'v str, Vec<Step>)> {
    let steps = |of| match (view.is_filtered(), data.answers.source) {
        (true, AnsweredFrom::RollUps) => None,
        (true, AnsweredFrom::Rows(_)) => {
            Some(funnel_by_rows(&view.site, data.covered(), of, data.answers.filter()))
        }
        (false, _) => Some(funnel(data.days, view.elapsed(), of)),
    };
    let funnels = view.site.funnels.iter();
    funnels.filter_map(|of| Some((&*of.name, steps(of)?))).collect()
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

/// Cards about the numbers themselves, each where there is anything in it.
pub(super) struct Quality {
    blind: Option<OpenCard>,
    caches: Option<OpenCard>,
    /// The questions whether there is anything about caches or suspected robots.
    anything: Vec<usize>,
}

impl Quality {
    pub fn ask(view: &View, questions: &mut QuerySet) -> Result<Self, Invalid> {
        if matches!(view.subject(), Subject::Actions | Subject::Responses) {
            return Ok(Self { blind: None, caches: None, anything: Vec::new() });
        }
        let cached = By::Property(Property::parse("visit:cached")?);
        let suspected = By::Property(Property::parse("visit:suspected")?);
        Ok(Self {
            blind: OpenCard::ask(&BLIND_SPOT, view, questions)?,
            caches: OpenCard::ask(&CACHES, view, questions)?,
            anything: vec![
                questions.ask(cached, &[Metric::Pageviews]),
                questions.ask(suspected, &[Metric::Pageviews]),
            ],
        })
    }

    /// `any_confirmed`: without a script all is blind; that is no news.
    pub fn draw(&self, view: &View, data: &PageData<'_>, any_confirmed: bool) -> Markup {
        let answers = &data.answers;
        // Of every site it is told who is not suspected.
        let says = |slice: &Slice| slice.value != "no";
        let any_cached = self
            .anything
            .iter()
            .any(|nth| answers.slices(*nth).is_some_and(|slices| slices.iter().any(says)));
        let mut cards: Vec<Markup> = Vec::new();
        cards.extend(
            self.blind.iter().filter(|_| any_confirmed).map(|card| card.draw(view, answers)),
        );
        cards
            .extend(self.caches.iter().filter(|_| any_cached).map(|card| card.draw(view, answers)));
        if !view.is_filtered() {
            cards.extend(ai(view, data));
        }
        if cards.is_empty() {
            return html! {};
        }
        html! {
            h2.section { "Quality" }
            div.cards.filled { @for card in cards { (card) } }
        }
    }
}

/// What AI did with pages, where it did anything.
fn ai(view: &View, data: &PageData<'_>) -> Option<Markup> {
    let ai = ai_pages(data.days, view.elapsed(), None);
    (!ai.is_empty()).then(|| {
        html! {
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
                                    (page_cell(view, &of.page))
                                    td { (words::count(of.training)) }
                                    td { (words::count(of.assistant)) }
                                    td { (words::count(of.referral)) }
                                }
                            }
                        }
                    }
                }
        }
    })
}

/// A page, as the head of a row that filters by it.
fn page_cell(view: &View, page: &str) -> Markup {
    html! {
        th scope="row" {
            a href=(cards::filter_link(view, "event:page", page)) title=(shown(page)) { (shown(page)) }
        }
    }
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

pub(super) fn speed(view: &View, data: &PageData<'_>) -> Markup {
    let timed = match (view.is_filtered(), data.answers.source) {
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
                                (page_cell(view, page))
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
