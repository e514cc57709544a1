//! Outlines of the demo's pages, as a real browser has measured them: sample visitors have none of
//! their own. `HEADCOUNT_RECORD=1 cargo test --test browser outlined` writes them anew.

use crate::model::outline::{Outline, Part};
use serde_json::{Value, json};

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

/// The same as the script sends it.
pub fn boxes(text: &str) -> Value {
    let percent = |cells: u32| f64::from(cells) * 2.5;
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
}
