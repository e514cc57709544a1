//! A page's own view: where its visits came from and went, who they were, where it is clicked, how
//! far it is read, how fast it is, what AI did with it, which links to it are broken.
//!
//! Roll-ups tell it of all days, but for what is told by two properties: that is known since event
//! rows are kept.

use super::ai::{ASSISTANT, TRAINING, readers};
use super::cards::OpenCard;
use super::columns::{self, AROUND, ENDS, Piece, ROW, TITLE};
use super::goals::since;
use super::sheet::Unit;
use super::speed::tiles;
use super::table::OF_PAGE;
use super::values::word;
use super::view::View;
use super::{PageData, cards, files, heat, journeys, page_sheets};
use crate::language::{Language, NOTHING};
use crate::model::rollup::Metric as Stored;
use crate::report::{
    AiPage, Days, Filter, Invalid, Metric, Property, QuerySet, Screen, Timed, Value, ai_pages,
    clicks, outline, scrolls, sums,
};
use maud::{Markup, html};

const ERRORS: &[(Metric, &str)] =
    &[(page_sheets::BROKEN[0], "metric-responses"), (page_sheets::BROKEN[1], "metric-seen")];

/// A line of timings, and a heat map with what is said of it: pixels of the style sheet, which makes
/// higher maps scroll.
const TIMING: f64 = 150.0;
const MAP: f64 = 580.0;

/// Asks who came to it.
pub(super) fn ask(view: &View, questions: &mut QuerySet) -> Result<Vec<OpenCard>, Invalid> {
    questions.prefer_rollups();
    cards::ask_of(OF_PAGE, view, questions)
}

pub(super) fn draw(
    view: &View,
    data: &PageData<'_>,
    page: &str,
    visits: &[OpenCard],
) -> Result<Markup, Invalid> {
    let (say, range, days) = (view.say(), view.elapsed(), data.days);
    let timings = Timed::of_days(days, range).timings(page);
    let (from, broken) = (page_sheets::broken_from()?, page_sheets::broken(view, data));
    let journeys = journeys::draw(view, data, page);
    let known_since = since(view, data).filter(|_| journeys.is_some());

    let mut all: Vec<Piece<'_>> = Vec::new();
    all.extend(journeys.map(|drawn| Piece::fixed(0.0, drawn).called("journeys").wide()));
    all.push(heatmap(view, days, page).called("heat"));
    let visits = visits.iter().filter(|card| card.says_anything(&data.answers));
    all.extend(visits.filter_map(|card| card.piece(view, &data.answers)));
    all.push(way(view, days, page)?.called("way"));
    if !timings.is_empty() {
        let lines = timings.len().div_ceil(3) as f64;
        let speed = html! {
            section.card aria-labelledby="speed-title" {
                header { h2 #speed-title { (say.t("topic-speed")) } p.quiet { (say.t("way-three-of-four")) } }
                (tiles(say, &timings))
                (files::ends(view, "speed", &say.t("topic-speed")))
            }
        };
        all.push(Piece::fixed(TITLE + ENDS + lines * TIMING, speed).called("speed"));
    }
    if !broken.is_empty() {
        let shown = &broken[..broken.len().min(20)];
        let links = html! {
            section.card aria-labelledby="broken-title" {
                header { h2 #broken-title { (say.t("way-broken")) } p.quiet { (say.t("way-from")) } }
                (cards::rows(view, &from, ERRORS, shown, &broken))
                (files::ends(view, "broken", &say.t("way-broken")))
            }
        };
        all.push(Piece::fixed(AROUND + shown.len() as f64 * ROW, links).called("broken"));
    }
    Ok(html! {
        @if let Some(first) = known_since {
            p.source { (say.with("way-since", [("day", say.day(first).into())])) }
        }
        (columns::draw(all))
    })
}

fn heatmap(view: &View, days: &Days, page: &str) -> Piece<'static> {
    let (say, range) = (view.say(), view.elapsed());
    let (_, clicked) = clicks(days, range, page, Some(""));
    let (_, scrolled) = scrolls(days, range, page, Some(""));
    let depth = match view.get("heat") {
        Some(kind) => kind == "scroll",
        None => clicked.is_empty() && !scrolled.is_empty(),
    };
    let screens: &[Screen] = if depth { &scrolled } else { &clicked };
    // Layouts differ by class: one at a time, first that of most.
    let chosen = screens
        .iter()
        .find(|of| Some(of.screen.as_str()) == view.get("screen"))
        .or(screens.first())
        .map_or("", |of| of.screen.as_str());
    let height = if screens.is_empty() { MAP / 5.0 } else { MAP };
    let outline = outline(days, range, page, chosen);
    let known = outline.as_ref();
    let kinds = [("click", "heat-clicks", !depth), ("scroll", "heat-scroll-depth", depth)];
    let drawn = html! {
        section.card #heat aria-labelledby="heat-title" {
            header {
                h2 #heat-title { (say.t("heat-title")) }
                nav.tabs aria-label=(say.t("heat-title")) {
                    @for (kind, label, current) in kinds {
                        a href={ (view.link(&[("heat", Some(kind))])) "#heat" } aria-current=[current.then_some("true")] { (say.t(label)) }
                    }
                }
            }
            @if screens.len() > 1 {
                nav.tabs.screens aria-label=(say.t("heat-screen")) {
                    @for of in screens {
                        a href={ (view.link(&[("screen", Some(&of.screen))])) "#heat" } aria-current=[(of.screen == chosen).then_some("true")] {
                            (word(say, "visit:screen", &of.screen)) " " small { (say.count(of.count)) }
                        }
                    }
                }
            }
            @if screens.is_empty() {
                p.empty { (say.t("heat-nothing")) }
            } @else {
                div.frame-of-map tabindex="0" role="group" aria-labelledby="heat-title" {
                    @if depth {
                        (heat::scrolls(say, &scrolls(days, range, page, Some(chosen)).0, chosen, known))
                    } @else {
                        (heat::clicks(say, &clicks(days, range, page, Some(chosen)).0, chosen, known))
                    }
                }
            }
            @if depth { (files::ends(view, "scrolls", &say.t("heat-scroll-depth"))) }
            @else { (files::ends(view, "clicks", &say.t("heat-clicks"))) }
        }
    };
    Piece::fixed(TITLE + ENDS + height, drawn)
}

/// What is known of a page.
pub(super) struct Fact {
    /// As files call it.
    pub word: &'static str,
    /// A text's key.
    name: &'static str,
    pub value: Value,
    pub unit: Unit,
    /// Of so many views, where that is said.
    of: i64,
}

impl Fact {
    pub fn name(&self, say: Language) -> String {
        say.with(self.name, [("n", self.of.into())])
    }
}

/// What visits did around it, and what AI did with it.
pub(super) fn facts(view: &View, days: &Days, page: &str) -> Result<(Vec<Fact>, AiPage), Invalid> {
    let range = view.elapsed();
    let of = |property: &str| -> Result<_, Invalid> {
        let filter = Filter::exactly(Property::parse(property)?, page);
        Ok((sums(days, range, Some(&filter)), filter))
    };
    let (entries, _) = of("visit:entry_page")?;
    let (exits, exit) = of("visit:exit_page")?;
    let (views, views_of) = of("event:page")?;
    let rate = Metric::ExitRate.of(&exits, Some(exit.property()));
    let blind = Metric::BlindSpot.of(&views, Some(views_of.property()));
    let ai = ai_pages(days, range, Some(page)).into_iter().next().unwrap_or_default();
    let reached = scrolls(days, range, page, None).0.reached;
    let to_the_end = reached[9] as f64 / reached[0].max(1) as f64 * 100.0;
    // An error's page is scrolled, too, and nobody viewed it as the page that it stands for.
    let is_viewed = views.row.pageviews() > 0;
    let count = |word, name, n: i64, is_known: bool| {
        is_known.then_some(Fact { word, name, value: Value::Count(n), unit: Unit::Count, of: 0 })
    };
    let share = |word, name, value, unit| Some(Fact { word, name, value, unit, of: reached[0] });
    let (begun, ended) = (entries.row.get(Stored::Visits), exits.row.get(Stored::Visits));
    let to_the_end = Value::Ratio(to_the_end);
    let by_ai = !ai.page.is_empty();
    let facts = [
        count("visits_begun", "way-began", begun, true),
        count("visits_ended", "way-ended", ended, true),
        share("exit_rate", "way-exits", rate, Unit::Of(Metric::ExitRate)),
        share("percent_read_to_the_end", "way-to-the-end", to_the_end, Unit::Percent)
            .filter(|_| reached[0] > 0 && is_viewed),
        share("blind_spot", "way-unconfirmed", blind, Unit::Of(Metric::BlindSpot)),
        count("ai_training", "way-training", ai.training, by_ai),
        count("ai_assistant", "way-assistant", ai.assistant, by_ai),
        count("ai_disallowed", "way-disallowed", ai.disallowed, ai.disallowed > 0),
        count("ai_visits", "way-referral", ai.referral, by_ai),
    ];
    Ok((facts.into_iter().flatten().collect(), ai))
}

fn way(view: &View, days: &Days, page: &str) -> Result<Piece<'static>, Invalid> {
    let (say, (facts, ai)) = (view.say(), facts(view, days, page)?);
    let shown = |fact: &Fact| match (fact.unit, fact.value) {
        (Unit::Of(metric), value) => view.figures().value(metric, value),
        (Unit::Count, Value::Count(n)) => say.count(n),
        (_, value) => value.number().map_or_else(|| NOTHING.to_owned(), |n| say.percent(n)),
    };
    let drawn = html! {
        section.card aria-labelledby="way-title" {
            header { h2 #way-title { (say.t("way-title")) } }
            dl.facts {
                @for fact in &facts { div { dt { (fact.name(say)) } dd { (shown(fact)) } } }
            }
            @if ai.training + ai.assistant > 0 {
                a.more href=(readers(view, page, &[TRAINING, ASSISTANT])) { (say.t("ai-readers")) }
            }
            (files::ends(view, "around", &say.t("way-title")))
        }
    };
    Ok(Piece::fixed(TITLE + ENDS + facts.len() as f64 * ROW, drawn))
}
