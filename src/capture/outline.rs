//! The outline of a page as the script tells it: elements by name, each with its place in percent
//! of the page's width. Only read here; what becomes of it, [`Outline`] says.

use crate::model::outline::{Outline, Part, Thing};
use crate::model::rollup::GRID;
use crate::text::quoted;
use serde_json::Value;
use std::sync::Arc;

/// Boxes in one event: as many as the script sends.
const BOXES_MAX: usize = 200;

/// The outline's text, of at most so many bytes; empty if nothing is told.
///
/// # Errors
/// What is wrong with it, and in which box.
pub fn read(boxes: Option<&Value>, bytes: usize) -> Result<Arc<str>, String> {
    let boxes = match boxes {
        None | Some(Value::Null) => return Ok(Arc::default()),
        Some(Value::Array(boxes)) => boxes,
        Some(_) => return Err("boxes that are no list".to_owned()),
    };
    if boxes.len() > BOXES_MAX {
        return Err(format!("{} boxes, and {BOXES_MAX} are the most", boxes.len()));
    }
    let mut things = Vec::with_capacity(boxes.len());
    for (nth, one) in boxes.iter().enumerate() {
        let (part, place) = one_box(one).map_err(|why| format!("box {nth}: {why}"))?;
        things.extend(Thing::measured(part, place));
    }
    Ok(Outline::new(things, bytes).text().into())
}

fn one_box(one: &Value) -> Result<(Part, [f64; 4]), String> {
    let wrong = || "not [ELEMENT, [LEFT, TOP, WIDTH, HEIGHT]]".to_owned();
    let (name, place) = match one.as_array().map(Vec::as_slice) {
        Some([Value::String(name), Value::Array(place)]) => (name, place),
        _ => return Err(wrong()),
    };
    let [left, top, width, height] = place.as_slice() else { return Err(wrong()) };
    let cells = |percent: &Value| percent.as_f64().map(|n| n * f64::from(GRID) / 100.0);
    let cells = [cells(left), cells(top), cells(width), cells(height)];
    let [Some(left), Some(top), Some(width), Some(height)] = cells else { return Err(wrong()) };
    let part = part(name).ok_or_else(|| format!("unknown element {}", quoted(name)))?;
    Ok((part, [left, top, width, height]))
}

fn part(element: &str) -> Option<Part> {
    Some(match element {
        "header" | "nav" | "form" | "footer" => Part::Frame,
        "img" | "svg" => Part::Image,
        "p" | "ul" | "ol" | "table" => Part::Text,
        "h1" | "h2" | "h3" => Part::Heading,
        "button" => Part::Control,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(boxes: Value) -> Result<String, String> {
        read(Some(&boxes), 1_024).map(|text| text.to_string())
    }

    #[test]
    fn boxes_become_an_outline() {
        let boxes = json!([
            ["h1", [5, 10, 50, 5]],
            ["p", [5, 20, 50, 10]],
            ["header", [0, 0, 100, 8]],
            ["svg", [70, 10, 1, 1]],
            ["ul", [0, 0, 0, 0]],
        ]);
        let outline = Outline::parse(&told(boxes).unwrap()).unwrap();
        let things: Vec<_> = outline
            .things
            .iter()
            .map(|it| (it.part, it.left, it.top, it.width, it.height))
            .collect();
        assert_eq!(
            things,
            [(Part::Frame, 0, 0, 40, 3), (Part::Text, 2, 8, 20, 4), (Part::Heading, 2, 4, 20, 2)]
        );
        assert_eq!(outline.height, 12);
        for nothing in [json!([]), Value::Null, json!([["p", [0, 0, 0, 0]]])] {
            assert_eq!(told(nothing), Ok(String::new()));
        }
        assert_eq!(read(None, 1_024), Ok("".into()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let shape = "not [ELEMENT, [LEFT, TOP, WIDTH, HEIGHT]]";
        for (boxes, why) in [
            (json!("p"), "boxes that are no list".to_owned()),
            (json!({ "0": ["p", [1, 2, 3, 4]] }), "boxes that are no list".to_owned()),
            (json!([["p", [1, 2, 3, 4]], 7]), format!("box 1: {shape}")),
            (json!([["p", 1, 2, 3, 4]]), format!("box 0: {shape}")),
            (json!([["p", [1, 2, 3]]]), format!("box 0: {shape}")),
            (json!([["p", [1, 2, 3, "4"]]]), format!("box 0: {shape}")),
            (json!([["p", [1, 2, 3, null]]]), format!("box 0: {shape}")),
            (json!([["p", [1, 2, [3], 4]]]), format!("box 0: {shape}")),
            (json!([[1, [1, 2, 3, 4]]]), format!("box 0: {shape}")),
            (json!([["x-secret", [1, 2, 3, 4]]]), "box 0: unknown element “x-secret”".to_owned()),
            (json!(vec![["p", "x"]; 201]), "201 boxes, and 200 are the most".to_owned()),
        ] {
            assert_eq!(told(boxes), Err(why));
        }
    }

    #[test]
    fn no_number_is_too_large_to_be_bounded() {
        for n in [1e308, -1e308, 33_554_400.0, -9_999.0, 0.0001] {
            for place in [[n, 1.0, 50.0, 5.0], [1.0, n, 50.0, 5.0], [1.0, 1.0, n, 5.0], [n; 4]] {
                let text = told(json!(vec![json!(["p", place]); 200])).unwrap();
                assert!(text.len() <= 9, "{place:?}: {text}");
            }
        }
    }
}
