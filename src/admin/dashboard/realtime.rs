//! The last half hour: what was opened, from where, and what happens right now.

use super::PageData;
use super::cards::OpenCard;
use super::columns::{self, Piece};
use super::view::View;
use crate::language::Language;
use maud::{Markup, html};

pub(super) fn draw(view: &View, data: &PageData<'_>, cards: &[OpenCard]) -> Markup {
    let drawn = cards.iter().filter_map(|card| card.piece(view, &data.answers));
    // What happens comes as it is, and is not filtered.
    let stream = (!view.is_filtered()).then(|| Piece::fixed(0.0, stream(view.say())));
    columns::draw(drawn.chain(stream.map(|of| of.called("happens").wide())).collect())
}

/// Filled by the script, and left alone when the page is renewed.
fn stream(say: Language) -> Markup {
    html! {
        section.card #happens aria-labelledby="happens-title" {
            header { h2 #happens-title { (say.t("live-title")) } }
            noscript { p.empty { (say.t("live-noscript")) } }
            ol #stream data-keep="" {}
            p.empty { (say.t("live-quiet")) }
        }
    }
}
