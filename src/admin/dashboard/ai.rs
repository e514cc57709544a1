//! What AI did with pages.

use super::view::View;
use super::{PageData, cards, words};
use crate::report::ai_pages;
use maud::{Markup, html};

/// Rows, at most.
const ROWS: usize = 50;

/// What AI did with pages, where it did anything.
pub(super) fn draw(view: &View, data: &PageData<'_>) -> Option<Markup> {
    let ai = ai_pages(data.days, view.elapsed(), None);
    (!ai.is_empty()).then(|| {
        html! {
                section.card #ai aria-labelledby="ai-title" {
                    header {
                        h2 #ai-title { "What AI reads, and whom it sends" }
                    }
                    table {
                        thead { tr {
                            th scope="col" { "Page" }
                            th scope="col" { "For training" }
                            th scope="col" { "For answers" }
                            th scope="col" { "Visitors sent" }
                        } }
                        tbody {
                            @for of in ai.iter().take(ROWS) {
                                tr {
                                    (cards::page_cell(view, &of.page))
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
