//! Countries on a map of the world, the darker the more there is of them. What it shows is in the
//! table below it too, so it is nothing to those who cannot see it.

use super::cards::filter_link;
use super::values::label;
use super::view::View;
use crate::admin::assets;
use crate::report::{Metric, Property, Slice};
use maud::{Markup, html};

/// Shades there are.
const SHADES: f64 = 5.0;

/// How high it is in a card, in pixels: see [`columns`](super::columns).
pub(super) const HEIGHT: f64 = 238.0;

/// The property whose values are on the map.
pub(super) const PROPERTY: &str = "visit:country";

/// `first` is the metric that shades a country, with its name; each row's first value is of it.
pub(super) fn map(
    view: &View,
    property: &Property,
    (metric, name): (Metric, &str),
    rows: &[Slice],
) -> Markup {
    let value = |row: &Slice| row.metrics.first().and_then(|value| value.number()).unwrap_or(0.0);
    let largest = rows.iter().map(value).fold(1.0, f64::max);
    let world = assets::path("world.svg");
    html! {
        svg.world viewBox="0 0 1000 435" aria-hidden="true" {
            use.land href={ (world) "#land" } {}
            @for row in rows.iter().filter(|row| is_code(&row.value) && value(row) > 0.0) {
                a href=(filter_link(view, PROPERTY, &row.value)) tabindex="-1" {
                    title {
                        (label(view.say(), property, &row.value)) " · " (name) ": "
                        (view.figures().value(metric, row.metrics[0]))
                    }
                    use class={ "shade-" (shade(value(row) / largest)) }
                        href={ (world) "#" (row.value) } {}
                }
            }
        }
    }
}

/// From 1, for the least, to [`SHADES`]. A few countries have most of a website's visitors, so
/// shares are told apart by their root.
fn shade(share: f64) -> u32 {
    (share.sqrt() * SHADES).ceil().clamp(1.0, SHADES) as u32
}

/// What else a country may be called is not on the map.
fn is_code(value: &str) -> bool {
    value.len() == 2 && value.bytes().all(|letter| letter.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shades_go_from_one_to_five() {
        assert_eq!([0.0, 0.01, 0.05, 0.3, 0.5, 1.0].map(shade), [1, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn only_codes_are_on_the_map() {
        let known = ["DE", "de", "(unknown)", "", "D1", "A\""].map(is_code);
        assert_eq!(known, [true, false, false, false, false, false]);
    }
}
