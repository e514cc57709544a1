//! How views are known: a quiet line, which opens.

use super::cards::OpenCard;
use super::table::{CACHES, EVIDENCE, UNCONFIRMED};
use super::view::View;
use super::{PageData, cards, columns};
use crate::report::{Invalid, Metric, Property, QuerySet, Slice};
use maud::{Markup, html};

/// How a pageview is known: its class in the style sheet, the API's name, and the keys of ours and
/// of why.
const KINDS: [(&str, &str, &str, &str); 4] = [
    ("server", "server only", "value-server-only", "evidence-why-server"),
    ("confirmed", "confirmed", "value-confirmed", "evidence-why-confirmed"),
    ("browser", "browser only", "value-browser-only", "evidence-why-browser"),
    ("unverified", "unverified", "value-unverified", "evidence-why-unverified"),
];

/// Questions about evidence.
pub(super) struct Evidence {
    parts: usize,
    unconfirmed: Option<OpenCard>,
    caches: Option<OpenCard>,
}

impl Evidence {
    pub fn ask(view: &View, questions: &mut QuerySet) -> Result<Self, Invalid> {
        Ok(Self {
            parts: questions.ask(Property::parse("visit:evidence")?, &[Metric::Pageviews]),
            unconfirmed: OpenCard::ask(&UNCONFIRMED, view, questions)?,
            caches: OpenCard::ask(&CACHES, view, questions)?,
        })
    }

    pub fn draw(&self, view: &View, data: &PageData<'_>) -> Markup {
        let slices = data.answers.slices(self.parts).unwrap_or_default();
        if slices.is_empty() {
            return html! {};
        }
        let parts = KINDS.map(|(_, of, ..)| views(&slices, of));
        let all = parts.iter().sum::<i64>().max(1) as f64;
        let share = |n: i64| n as f64 / all * 100.0;
        let starts = parts.iter().scan(0.0, |at, n| {
            let start = *at;
            *at += share(*n);
            Some(start)
        });
        let (say, confirmed, answered) = (view.say(), parts[1], parts[0] + parts[1]);
        // One of its cards was asked for.
        let is_open = view.get(UNCONFIRMED.key).is_some();
        // Without a script nothing is confirmed; that is no news.
        let unconfirmed = self.unconfirmed.iter().filter(|_| confirmed > 0);
        let caches = self.caches.iter().filter(|card| card.says_anything(&data.answers));
        html! {
            details.evidence #evidence open[is_open] {
                summary {
                    strong { (say.t("evidence-title")) }
                    " " (say.with("evidence-summary", [("share", say.percent(share(confirmed)).into())]))
                    @if answered > 0 && answered < parts.iter().sum() {
                        "; " (say.with("evidence-of-answered", [("share", say.percent(confirmed as f64 / answered as f64 * 100.0).into())]))
                    }
                }
                section.sheet aria-label=(say.t("evidence-title")) {
                    p.quiet { (say.t("evidence-about")) }
                    svg.evidence-bar viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true" {
                        @for ((start, n), (class, ..)) in starts.zip(parts).zip(KINDS) {
                            rect.(class) x=(format!("{start:.3}")) width=(format!("{:.3}", share(n))) height="1" {}
                        }
                    }
                    dl {
                        @for (n, (class, value, name, why)) in parts.into_iter().zip(KINDS) {
                            div {
                                dt { i.(class) {} a href=(cards::filter_link(view, "visit:evidence", value)) { (say.t(name)) } }
                                dd {
                                    span.figure { (say.count(n)) }
                                    span.share { (say.percent(share(n))) }
                                    p { (say.t(why)) }
                                }
                            }
                        }
                    }
                    (cards::ends(view, &EVIDENCE, 0, 0))
                }
                (columns::draw(unconfirmed.chain(caches).filter_map(|card| card.piece(view, &data.answers)).collect()))
            }
        }
    }
}

fn views(slices: &[Slice], of: &str) -> i64 {
    let slice = slices.iter().find(|slice| slice.value == of);
    slice.and_then(|slice| slice.metrics[0].number()).unwrap_or_default() as i64
}
