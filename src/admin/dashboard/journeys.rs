//! Before and after a page: what visits viewed on their way to it and on from it, three pages each
//! way, from event rows.

use super::values::cut;
use super::view::View;
use super::{PageData, files};
use crate::page_name::shown;
use crate::report::{Branch, JOURNEY_STEPS, journeys};
use maud::{Markup, html};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Pages of a step.
const ROWS: usize = 5;

/// One step away: visits by page, most first, and those that had begun or ended before.
pub(super) struct Step {
    pub pages: Vec<(Arc<str>, i64)>,
    pub ends: i64,
}

/// Nothing, where no row tells of it.
pub(super) fn draw(view: &View, data: &PageData<'_>, page: &str) -> Option<Markup> {
    let told = journeys(&view.site, data.covered(), page, None);
    let (say, visits) = (view.say(), told.before.visits);
    let ways = [
        ("journey-before", "journey-began", steps(&told.before)),
        ("journey-after", "journey-ended", steps(&told.after)),
    ];
    (visits > 0).then(|| {
        html! {
            section.card #journeys aria-labelledby="journeys-title" {
                header {
                    h2 #journeys-title { (say.t("journey-title")) }
                    p.quiet { (say.with("journey-of", [("n", say.count(visits).into())])) }
                }
                p.quiet { (say.t("journey-about")) }
                @for (name, end, steps) in &ways {
                    div.journey {
                        @for (nth, step) in steps.iter().enumerate() {
                            div {
                                h3 { (say.with(name, [("n", (nth + 1).into())])) }
                                ol {
                                    @for (page, visits) in step.pages.iter().take(ROWS) { (row(view, page, *visits)) }
                                    @let others = step.pages.iter().skip(ROWS).map(|(_, visits)| visits).sum::<i64>();
                                    @if others > 0 {
                                        li.others.quiet { span { (say.t("journey-others")) } " " b { (say.count(others)) } }
                                    }
                                    @if step.ends > 0 {
                                        li.quiet { span { (say.t(end)) } " " b { (say.count(step.ends)) } }
                                    }
                                }
                            }
                        }
                    }
                }
                (files::ends(view, "journeys", &say.t("journey-title")))
            }
        }
    })
}

/// A page, with a link to its own view.
fn row(view: &View, page: &str, visits: i64) -> Markup {
    let name = shown(page);
    html! {
        li {
            a href=(view.own_view(page)) title=(name) {
                @for part in cut(&name).split_inclusive('/') { (part) wbr; }
            }
            " " b { (view.say().count(visits)) }
        }
    }
}

/// Those that any visit took.
pub(super) fn steps(way: &Branch) -> Vec<Step> {
    let mut branches = vec![way];
    let mut steps = Vec::new();
    for _ in 0..JOURNEY_STEPS {
        let mut pages: BTreeMap<&Arc<str>, i64> = BTreeMap::new();
        for (page, branch) in branches.iter().flat_map(|branch| &branch.pages) {
            *pages.entry(page).or_default() += branch.visits;
        }
        let ends = branches.iter().map(|branch| branch.ends).sum();
        let mut pages: Vec<_> = pages.into_iter().map(|(page, n)| (page.clone(), n)).collect();
        pages.sort_by_key(|(_, visits)| Reverse(*visits));
        if pages.is_empty() && ends == 0 {
            break;
        }
        steps.push(Step { pages, ends });
        branches = branches.iter().flat_map(|branch| branch.pages.values()).collect();
    }
    steps
}
