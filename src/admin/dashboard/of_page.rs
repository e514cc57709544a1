//! A page's own view: where it is clicked, how far it is read, how fast it is, what AI did with
//! it, which links to it are broken.

use super::speed::tiles;
use super::view::View;
use super::{cards, heat, words};
use crate::model::rollup::Metric as Stored;
use crate::report::{
    Days, Filter, Invalid, Metric, Property, Screen, Timed, ai_pages, breakdown, clicks, scrolls,
    sums,
};
use maud::{Markup, html};

const ERRORS: &[(Metric, &str)] =
    &[(Metric::Pageviews, "Responses"), (Metric::ConfirmedPageviews, "Confirmed")];

pub(super) fn draw(view: &View, days: &Days, page: &str) -> Result<Markup, Invalid> {
    let range = view.elapsed();
    let timings = Timed::of_days(days, range).timings(page);
    let from = Property::parse("error:referrer")?;
    let of_page = Filter::exactly(Property::parse("error:page")?, page);
    let metrics: Vec<Metric> = ERRORS.iter().map(|(metric, _)| *metric).collect();
    let broken = breakdown(days, range, &from, &metrics, Some(&of_page));
    Ok(html! {
        div.cards {
            (heatmap(view, days, page))
            div.stack {
                (way(view, days, page)?)
                @if !timings.is_empty() {
                    section.card aria-labelledby="speed-title" {
                        header { h2 #speed-title { "Speed" } p.quiet { "three of four views at most" } }
                        (tiles(&timings))
                    }
                }
                @if !broken.is_empty() {
                    section.card aria-labelledby="broken-title" {
                        header { h2 #broken-title { "Broken links to it" } p.quiet { "where people came from" } }
                        (cards::rows(view, &from, ERRORS, &broken[..broken.len().min(20)], &broken))
                    }
                }
            }
        }
    })
}

fn heatmap(view: &View, days: &Days, page: &str) -> Markup {
    let range = view.elapsed();
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
    let kinds = [("click", "Clicks", !depth), ("scroll", "Scroll depth", depth)];
    html! {
        section.card #heat aria-labelledby="heat-title" {
            header {
                h2 #heat-title { "Heat map" }
                nav.tabs aria-label="Heat map" {
                    @for (kind, label, current) in kinds {
                        a href={ (view.link(&[("heat", Some(kind))])) "#heat" } aria-current=[current.then_some("true")] { (label) }
                    }
                }
            }
            @if screens.len() > 1 {
                nav.tabs.screens aria-label="Screen" {
                    @for of in screens {
                        a href={ (view.link(&[("screen", Some(&of.screen))])) "#heat" } aria-current=[(of.screen == chosen).then_some("true")] {
                            (of.screen) " " small { (words::count(of.count)) }
                        }
                    }
                }
            }
            @if screens.is_empty() {
                p.empty { "Nothing yet. Clicks and scroll depth are told by the script, where they are switched on." }
            } @else if depth {
                (heat::scrolls(&scrolls(days, range, page, Some(chosen)).0, chosen))
            } @else {
                (heat::clicks(&clicks(days, range, page, Some(chosen)).0, chosen))
            }
        }
    }
}

/// What visits did around it, and what AI did with it.
fn way(view: &View, days: &Days, page: &str) -> Result<Markup, Invalid> {
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
    let facts = [
        ("Visits that began here", words::count(entries.row.get(Stored::Visits)), true),
        ("Visits that ended here", words::count(exits.row.get(Stored::Visits)), true),
        ("Of its views ended a visit", words::value(Metric::ExitRate, rate), true),
        ("Of its views no script confirmed", words::value(Metric::BlindSpot, blind), true),
        ("Read to train AI", words::count(ai.training), !ai.page.is_empty()),
        ("Fetched by an assistant", words::count(ai.assistant), !ai.page.is_empty()),
        ("Visits an assistant sent", words::count(ai.referral), !ai.page.is_empty()),
    ];
    Ok(html! {
        section.card aria-labelledby="way-title" {
            header { h2 #way-title { "Around it" } }
            dl.facts {
                @for (what, n, known) in facts {
                    @if known { div { dt { (what) } dd { (n) } } }
                }
            }
        }
    })
}
