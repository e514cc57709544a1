//! Heat maps as drawings: clicks on a canvas shaped like the page, scroll depth as a fading sheet,
//! both over the page's outline where the script has told it.
//!
//! The content security policy allows no inline styles; heat is an attribute of its own.

use crate::language::Language;
use crate::model::outline::{Outline, Part, Thing};
use crate::model::rollup::GRID;
use crate::report::{Clicks, Scrolls};
use maud::{Markup, html};

/// Rows of a drawing: at least a screenful, at most six page widths.
const LEAST: u32 = 24;
const MOST: u32 = GRID * 6;

/// Phones' pages are narrow, and many times as long as they are wide.
fn is_narrow(screen: &str) -> bool {
    screen.starts_with("Below")
}

pub(super) fn clicks(
    say: Language,
    clicks: &Clicks,
    screen: &str,
    outline: Option<&Outline>,
) -> Markup {
    let lowest = clicks.cells.keys().map(|(row, _)| row + 3).max().unwrap_or(0);
    // Of what lies below the lowest click no more than a page width.
    let page = outline.map_or(0, |outline| outline.height.min(lowest + GRID));
    let rows = lowest.max(page).clamp(LEAST, MOST);
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
        figure.heat.narrow[is_narrow(screen)] {
            svg viewBox=(format!("0 0 {GRID} {rows}")) role="img"
                aria-label=(say.with("heat-grid", grid)) {
                rect.paper width=(GRID) height=(rows) rx="0.6" {}
                @if let Some(outline) = outline { (page_outline(outline, rows, 1.0)) }
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
            (caption(say, &say.with("heat-places", [("clicks", all.into())]), outline))
        }
    }
}

pub(super) fn scrolls(
    say: Language,
    scrolls: &Scrolls,
    screen: &str,
    outline: Option<&Outline>,
) -> Markup {
    let all = scrolls.reached[0].max(1) as f64;
    let share = |i: usize| scrolls.reached[i] as f64 / all;
    let percent = |i: usize| say.percent(share(i) * 100.0);
    let n = scrolls.reached[0];
    let reached = [("n", n.into()), ("middle", percent(4).into()), ("end", percent(9).into())];
    // The sheet has the page's proportions, unless its tenths would be too low for their numbers or
    // the end too far away.
    let most = if is_narrow(screen) { MOST } else { MOST / 2 };
    let rows = outline.map_or(LEAST + LEAST / 2, |outline| outline.height.clamp(LEAST, most));
    html! {
        figure.heat.narrow[is_narrow(screen)] {
            div.over {
                svg viewBox=(format!("0 0 {GRID} {rows}")) aria-hidden="true" {
                    rect.paper width=(GRID) height=(rows) rx="0.6" {}
                    @if let Some(outline) = outline {
                        (page_outline(outline, rows, f64::from(rows) / f64::from(outline.height.max(1))))
                    }
                }
                svg.depth role="img" aria-label=(say.with("heat-reached", reached)) {
                    defs {
                        linearGradient id="depth" x1="0" x2="0" y1="0" y2="1" {
                            @for i in 0..10 {
                                stop offset=(format!("{}%", i * 10 + 5)) stop-opacity=(format!("{:.3}", share(i) * 0.5)) {}
                            }
                        }
                    }
                    rect.fade width="100%" height="100%" rx="8" fill="url(#depth)" {}
                    @for i in 0..10 {
                        @if i > 0 { line.fold x1="0" x2="100%" y1=(format!("{}%", i * 10)) y2=(format!("{}%", i * 10)) {} }
                        @let y = format!("{}%", i * 10 + 5);
                        text.to x="2%" y=(y) { (say.with("heat-depth", [("depth", say.percent((i + 1) as f64 * 10.0).into())])) }
                        text.share x="50%" y=(y) { (percent(i)) }
                        text.views x="98%" y=(y) { (say.count(scrolls.reached[i])) }
                    }
                }
            }
            (caption(say, &say.with("heat-tenths", [("n", n.into())]), outline))
        }
    }
}

fn caption(say: Language, what: &str, outline: Option<&Outline>) -> Markup {
    let beneath = if outline.is_some() { "heat-outline" } else { "heat-no-outline" };
    html! { figcaption { (what) " " (say.t(beneath)) } }
}

/// What lies in these rows of the page, each row so many units high. Nothing of it is read out: it
/// has no words.
fn page_outline(outline: &Outline, rows: u32, row: f64) -> Markup {
    let seen = |it: &&Thing| f64::from(it.top) * row < f64::from(rows);
    html! {
        g.outline aria-hidden="true" {
            defs {
                // Lines of text, at the same height in all of it.
                pattern id="text-lines" width=(GRID) height="1" patternUnits="userSpaceOnUse" {
                    rect.rule width=(GRID) height=".34" y=".33" {}
                }
            }
            @for it in outline.things.iter().filter(seen) {
                @let top = f64::from(it.top) * row;
                @let bottom = (f64::from(it.top + it.height) * row).min(f64::from(rows));
                (thing(it, top, bottom - top))
            }
        }
    }
}

fn thing(it: &Thing, top: f64, height: f64) -> Markup {
    let (left, width) = (f64::from(it.left), f64::from(it.width));
    // A little smaller than its cells, so that neighbours are told apart.
    let gap = match it.part {
        Part::Frame | Part::Text => 0.0,
        Part::Image | Part::Control => 0.1,
        Part::Heading => 0.15,
    };
    let short = |n: f64| format!("{n:.2}");
    let (x, y, w, h) = (left + gap, top + gap, width - 2.0 * gap, height - 2.0 * gap);
    let (right, bottom) = (x + w, y + h);
    html! {
        rect class={ "is-" (it.part.as_str()) } x=(short(x)) y=(short(y)) width=(short(w)) height=(short(h.max(0.2)))
            rx=[(it.part != Part::Text).then_some(if it.part == Part::Control { ".4" } else { ".15" })]
            fill=[(it.part == Part::Text).then_some("url(#text-lines)")] {}
        @if it.part == Part::Image {
            path d=(format!("M{x:.2} {y:.2}L{right:.2} {bottom:.2}M{right:.2} {y:.2}L{x:.2} {bottom:.2}")) {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(height: u32) -> Outline {
        let thing = |part, top, height| Thing { part, top, left: 2, width: 20, height };
        let things = vec![
            thing(Part::Frame, 0, 2),
            thing(Part::Image, 3, 4),
            thing(Part::Text, height - 2, 2),
        ];
        Outline { height, things }
    }

    fn boxes(drawn: &Markup) -> Vec<String> {
        let view = regex::Regex::new(r#"viewBox="([^"]+)""#).unwrap();
        view.captures_iter(&drawn.0).map(|found| found[1].to_owned()).collect()
    }

    #[test]
    fn clicks_are_over_the_outline() {
        let say = Language::English;
        let mut told = Clicks { total: 3, ..Clicks::default() };
        told.cells.insert((30, 5), 3);
        let bare = clicks(say, &told, "1440 px and above", None);
        assert_eq!(boxes(&bare), ["0 0 40 33"]);
        assert!(bare.0.contains("is not known yet") && !bare.0.contains("is-frame"), "{}", bare.0);
        // Down to the end of the page, but no further below the last click than a page's width.
        for (height, rows) in [(20, 33), (60, 60), (999, 73)] {
            let drawn = clicks(say, &told, "1440 px and above", Some(&outline(height)));
            assert_eq!(boxes(&drawn), [format!("0 0 40 {rows}")]);
            let seen = |part: &str| drawn.0.matches(&format!("class=\"is-{part}\"")).count();
            assert_eq!((seen("frame"), seen("image")), (1, 1), "{}", drawn.0);
            assert_eq!(seen("text"), usize::from(height < 100), "what is below is not drawn");
            let (page, heat) = (drawn.0.find("is-frame"), drawn.0.find("spot hot"));
            assert!(page < heat && page.is_some(), "the page is beneath");
            assert!(drawn.0.contains("aria-label=\"3 clicks on a grid of 40 columns\""));
            assert!(drawn.0.contains("<g class=\"outline\" aria-hidden=\"true\">"));
            assert!(!drawn.0.contains("is not known yet") && !drawn.0.contains("style="));
        }
    }

    #[test]
    fn the_sheet_of_depths_has_the_proportions_of_the_page() {
        let told = Scrolls { reached: [9, 8, 7, 6, 5, 4, 3, 2, 1, 1] };
        let rows = |screen: &str, height: Option<u32>| {
            let outline = height.map(outline);
            let drawn = scrolls(Language::English, &told, screen, outline.as_ref());
            assert_eq!(drawn.0.contains("is-frame"), height.is_some());
            assert!(
                drawn.0.contains("aria-label=\"Of 9 views, 56% reached the middle"),
                "{}",
                drawn.0
            );
            // The lowest thing ends where the page does, however high a row is.
            if let Some(height) = height {
                let of =
                    f64::from(boxes(&drawn)[0].rsplit(' ').next().unwrap().parse::<u32>().unwrap());
                let row = of / f64::from(height);
                let text = format!(
                    "y=\"{:.2}\" width=\"20.00\" height=\"{:.2}\"",
                    f64::from(height - 2) * row,
                    (2.0 * row).max(0.2)
                );
                assert!(drawn.0.contains(&text), "{text}: {}", drawn.0);
            }
            boxes(&drawn)
        };
        assert_eq!(rows("1440 px and above", None), ["0 0 40 36"]);
        for (height, wide, narrow) in [(60, 60, 60), (10, 24, 24), (200, 120, 200), (999, 120, 240)]
        {
            assert_eq!(rows("1440 px and above", Some(height)), [format!("0 0 40 {wide}")]);
            assert_eq!(rows("Below 576 px", Some(height)), [format!("0 0 40 {narrow}")]);
        }
    }
}
