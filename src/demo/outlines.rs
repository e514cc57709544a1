//! Outlines of the demo's pages, as a real browser has measured them: sample visitors have none of
//! their own. `HEADCOUNT_RECORD=1 cargo test --test browser outlined` writes them anew.

use crate::model::outline::{Outline, Part, Thing};
use crate::model::rollup::GRID;
use fastrand::Rng;
use serde_json::{Value, json};

/// The width of a cell, in percent of the page's.
const CELL: f64 = 100.0 / GRID as f64;

/// On each line a website's name, a page, the width of a viewport and the outline's text, with tabs
/// between them.
pub const RECORDED: &str = include_str!("outlines.tsv");

/// The text of a page's outline in such a viewport, `WIDTHxHEIGHT`; empty: it was not recorded.
pub fn recorded(website: &str, page: &str, viewport: &str) -> &'static str {
    let width = viewport.split('x').next().unwrap_or_default();
    let lines = RECORDED.lines().filter_map(|line| {
        let mut fields = line.split('\t');
        Some(([fields.next()?, fields.next()?, fields.next()?], fields.next()?))
    });
    let mut found = lines.filter(|(of, _)| *of == [website, page, width]);
    found.next().map_or("", |(_, text)| text)
}

/// The cell of a page's outline, column and row, that somebody clicks: on what is there, mostly on
/// what there is to click. Where nothing is known of the page, where links tend to be: in the menu,
/// and down the middle.
pub fn click(text: &str, random: &mut Rng) -> (u32, u32) {
    let things = Outline::parse(text).unwrap_or_default().things;
    let weight = |it: &Thing| match it.part {
        Part::Control => 12,
        Part::Image | Part::Heading => 4,
        // The menu is the frame at the top.
        Part::Frame if it.top < GRID / 4 => 8,
        Part::Frame | Part::Text => 1,
    };
    let mut left = random.u32(..things.iter().map(weight).sum::<u32>().max(1));
    let chosen = things.iter().find(|it| match left.checked_sub(weight(it)) {
        Some(less) => {
            left = less;
            false
        }
        None => true,
    });
    let (columns, rows) = match chosen {
        Some(it) => (it.left..it.left + it.width, it.top..it.top + it.height),
        None if random.bool() => (2..24, 1..3),
        None => (8..20, 8..36),
    };
    (random.u32(columns), random.u32(rows))
}

/// The same as the script sends it.
pub fn boxes(text: &str) -> Value {
    let percent = |cells: u32| f64::from(cells) * CELL;
    let things = Outline::parse(text).unwrap_or_default().things;
    let boxes = things.iter().map(|it| {
        let element = match it.part {
            Part::Frame => "header",
            Part::Image => "img",
            Part::Text => "p",
            Part::Heading => "h1",
            Part::Control => "button",
        };
        let place = [it.left, it.top, it.width, it.height].map(percent);
        json!([element, place])
    });
    boxes.collect()
}

/// A click as the script tells it, in percent of the page's width, with the outline of the page if
/// it is the first.
pub fn told_click(text: &str, is_first: bool, random: &mut Rng) -> Value {
    let (column, row) = click(text, random);
    // In the middle of its cell.
    let [x, y] = [column, row].map(|cell| (f64::from(cell) + 0.5) * CELL);
    let boxes = if is_first { boxes(text) } else { json!([]) };
    json!({ "x": x, "y": y, "boxes": boxes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::beacon::{Kind, parse};
    use crate::demo::WEBSITES;
    use crate::demo::people::VIEWPORTS;
    use crate::model::ScriptEventKind;

    #[test]
    fn every_page_is_recorded_and_is_told_as_it_was_measured() {
        for website in WEBSITES {
            for page in (website.pages)() {
                for viewport in VIEWPORTS {
                    let text = recorded(website.frame.name, page.path, viewport);
                    assert!(Outline::parse(text).is_some(), "{} {viewport}: {text}", page.path);
                    let told = json!({ "type": "click", "pathname": "/", "screen": viewport,
                        "props": { "x": 1, "y": 1, "boxes": boxes(text) } });
                    let (events, wrong) = parse(told.to_string().as_bytes(), 0, 1_024);
                    let Kind::Script(ScriptEventKind::Click { outline, .. }) = &events[0].kind
                    else {
                        panic!("{wrong:?}");
                    };
                    assert_eq!(&**outline, text, "{} {viewport}", page.path);
                }
            }
        }
    }

    /// As the proxy takes it from the beacon of a sample visitor.
    #[test]
    fn clicks_are_where_the_outline_has_something() {
        let mut random = Rng::with_seed(7);
        for website in WEBSITES {
            for page in (website.pages)() {
                for viewport in VIEWPORTS {
                    let text = recorded(website.frame.name, page.path, viewport);
                    let things = Outline::parse(text).unwrap().things;
                    for nth in 0..200 {
                        let told = json!({ "type": "click", "pathname": "/", "screen": viewport,
                            "props": told_click(text, nth == 0, &mut random) });
                        let (events, wrong) = parse(told.to_string().as_bytes(), 0, 1_024);
                        let Kind::Script(ScriptEventKind::Click { column, row, outline, .. }) =
                            &events[0].kind
                        else {
                            panic!("{wrong:?}");
                        };
                        let (x, y) = (u32::from(*column), u32::from(*row));
                        let within = |it: &Thing| {
                            (it.left..it.left + it.width).contains(&x)
                                && (it.top..it.top + it.height).contains(&y)
                        };
                        let path = page.path;
                        assert!(things.iter().any(within), "{path} {viewport}: {x}, {y}");
                        assert_eq!(outline.is_empty(), nth > 0, "it is told once");
                    }
                }
            }
        }
        // A page that nobody measured.
        for _ in 0..200 {
            let (column, row) = click("", &mut random);
            assert!(column < GRID && row < GRID, "{column}, {row}");
        }
    }
}
