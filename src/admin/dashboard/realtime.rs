//! The last half hour: what was opened, from where, and what happens right now.

use super::PageData;
use super::cards::{self, OpenCard};
use super::view::View;
use crate::language::Language;
use maud::{Markup, html};

pub(super) fn draw(view: &View, data: &PageData<'_>, cards: &[OpenCard]) -> Markup {
    let drawn = cards.iter().map(|card| card.draw(view, &data.answers));
    // What happens comes as it is, and is not filtered.
    cards::two_columns(drawn.chain((!view.is_filtered()).then(|| stream(view.say()))))
}

/// Filled by the script, and left alone when the page is renewed.
fn stream(say: Language) -> Markup {
    html! {
        section.card #happens aria-labelledby="happens-title" {
            header { h2 #happens-title { (say.t("live-title")) } }
            noscript { p.empty { (say.t("live-noscript")) } }
            ol #stream data-keep="" {}
        }
    }
}
