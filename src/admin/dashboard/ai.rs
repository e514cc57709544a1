//! What AI did with pages.

use super::PageData;
use super::view::View;
use crate::page_name::shown;
use crate::report::ai_pages;
use maud::{Markup, html};

/// Rows, at most.
const ROWS: usize = 50;

/// What AI did with pages, where it did anything.
pub(super) fn draw(view: &View, data: &PageData<'_>) -> Option<Markup> {
    let say = view.say();
    let ai = ai_pages(data.days, view.elapsed(), None);
    (!ai.is_empty()).then(|| {
        html! {
                section.card #ai aria-labelledby="ai-title" {
                    header {
                        h2 #ai-title { (say.t("ai-title")) }
                    }
                    table {
                        thead { tr {
                            th scope="col" { (say.t("property-page")) }
                            th scope="col" { (say.t("ai-training")) }
                            th scope="col" { (say.t("ai-answers")) }
                            th scope="col" { (say.t("ai-disallowed")) }
                            th scope="col" { (say.t("ai-sent")) }
                        } }
                        tbody {
                            @for of in ai.iter().take(ROWS) {
                                tr {
                                    // A filter by visits' pages would leave AI out.
                                    th scope="row" {
                                        a href=(view.own_view(&of.page)) title=(shown(&of.page)) { (shown(&of.page)) }
                                    }
                                    td { (say.count(of.training)) }
                                    td { (say.count(of.assistant)) }
                                    td { (say.count(of.disallowed)) }
                                    td { (say.count(of.referral)) }
                                }
                            }
                        }
                    }
                }
        }
    })
}
