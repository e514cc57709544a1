//! The last half hour: what was opened, from where, and what happens right now.

use super::PageData;
use super::cards::{self, OpenCard};
use super::view::View;
use maud::{Markup, html};

pub(super) fn draw(view: &View, data: &PageData<'_>, cards: &[OpenCard]) -> Markup {
    let drawn = cards.iter().map(|card| card.draw(view, &data.answers));
    // What happens comes as it is, and is not filtered.
    cards::two_columns(drawn.chain((!view.is_filtered()).then(stream)))
}

/// Filled by the script, and left alone when the page is renewed.
fn stream() -> Markup {
    html! {
        section.card #happens aria-labelledby="happens-title" {
            header { h2 #happens-title { "Right now" } }
            noscript { p.empty { "With JavaScript, what happens is shown here at once." } }
            ol #stream data-keep="" {}
        }
    }
}
