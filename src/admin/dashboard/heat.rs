//! Heat maps as drawings: clicks on a canvas shaped like the page, scroll depth as a fading sheet.
//!
//! The content security policy allows no inline styles; heat is an attribute of its own.

use crate::language::Language;
use crate::model::rollup::GRID;
use crate::report::{Clicks, Scrolls};
use maud::{Markup, html};

/// Rows of a drawing: at least a screenful, at most six page widths.
const LEAST: u32 = 24;
const MOST: u32 = GRID * 6;

pub(super) fn clicks(say: Language, clicks: &Clicks, screen: &str) -> Markup {
    let lowest = clicks.cells.keys().map(|(row, _)| row + 3).max().unwrap_or(0);
    let rows = lowest.clamp(LEAST, MOST);
    let hottest = clicks.cells.values().copied().max().unwrap_or(1).max(1) as f64;
    let below: i64 =
        clicks.cells.iter().filter(|((row, _), _)| *row >= rows).map(|(_, n)| *n).sum();
    let n_clicks = |n: i64| say.with("heat-n-clicks", [("n", n.into())]);
    let all = match (n_clicks(clicks.total), below) {
        (all, 0) => all,
        (all, below) => say.with("heat-below", [("clicks", all.into()), ("n", below.into())]),
    };
    let grid = [("n", clicks.total.into()), ("columns", GRID.into())];
    html! {
        figure.heat.narrow[screen.eq_ignore_ascii_case("mobile")] {
            svg viewBox=(format!("0 0 {GRID} {rows}")) role="img"
                aria-label=(say.with("heat-grid", grid)) {
                rect.paper width=(GRID) height=(rows) rx="0.6" {}
                @for fold in (1..rows.div_ceil(GRID)).map(|n| n * GRID) {
                    line.fold x1="0" x2=(GRID) y1=(fold) y2=(fold) {}
                }
                @for ((row, column), n) in clicks.cells.iter().filter(|((row, _), _)| *row < rows) {
                    // By area the eye would take 100 for hardly more than 10: by root it sees both.
                    @let heat = (*n as f64 / hottest).sqrt();
                    circle.spot.hot[heat > 0.7] cx=(format!("{}.5", column)) cy=(format!("{}.5", row))
                        r=(format!("{:.2}", 0.45 + heat * 0.75)) fill-opacity=(format!("{:.2}", 0.25 + heat * 0.6)) {
                        title { (n_clicks(*n)) }
                    }
                }
            }
            figcaption { (say.with("heat-places", [("clicks", all.into())])) }
        }
    }
}

pub(super) fn scrolls(say: Language, scrolls: &Scrolls, screen: &str) -> Markup {
    let all = scrolls.reached[0].max(1) as f64;
    let share = |i: usize| scrolls.reached[i] as f64 / all;
    let percent = |i: usize| say.percent(share(i) * 100.0);
    let n = scrolls.reached[0];
    let reached = [("n", n.into()), ("middle", percent(4).into()), ("end", percent(9).into())];
    html! {
        figure.heat.narrow[screen.eq_ignore_ascii_case("mobile")] {
            svg.depth role="img" aria-label=(say.with("heat-reached", reached)) {
                defs {
                    linearGradient id="depth" x1="0" x2="0" y1="0" y2="1" {
                        @for i in 0..10 {
                            stop offset=(format!("{}%", i * 10 + 5)) stop-opacity=(format!("{:.3}", share(i) * 0.5)) {}
                        }
                    }
                }
                rect.paper width="100%" height="100%" rx="8" {}
                rect.fade width="100%" height="100%" rx="8" fill="url(#depth)" {}
                @for i in 0..10 {
                    @if i > 0 { line.fold x1="0" x2="100%" y1=(format!("{}%", i * 10)) y2=(format!("{}%", i * 10)) {} }
                    @let y = format!("{}%", i * 10 + 5);
                    text.to x="2%" y=(y) { (say.with("heat-depth", [("depth", say.percent((i + 1) as f64 * 10.0).into())])) }
                    text.share x="50%" y=(y) { (percent(i)) }
                    text.views x="98%" y=(y) { (say.count(scrolls.reached[i])) }
                }
            }
            figcaption { (say.with("heat-tenths", [("n", n.into())])) }
        }
    }
}
