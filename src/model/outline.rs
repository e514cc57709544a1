//! A page's outline: which kinds of things are where on it, in the cells of its heat maps.
//!
//! One layout has one text, so that outlines can be counted like any other value: what is measured
//! is brought to whole cells, put in order and bounded here. It says nothing of what a page says.

use super::rollup::{GRID, GRID_ROWS};
use crate::words::words;
use std::cmp::Reverse;

/// Things in an outline.
pub const THINGS_MAX: usize = 60;

/// Digits of a number in the text; all of them are the same in a URL, a CSV file and HTML.
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Bytes that the height takes, and each thing: kind, left, width, two each for top and height.
const HEAD: usize = 2;
const THING: usize = 7;

words! {
    /// What something on a page is, in the order in which they lie on each other.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
    pub enum Part {
        /// What holds others: header, navigation, form, footer.
        Frame = "frame",
        Image = "image",
        Text = "text",
        Heading = "heading",
        /// Something to click or to fill in.
        Control = "control",
    }
}

impl Part {
    fn letter(self) -> char {
        match self {
            Self::Frame => 'f',
            Self::Image => 'i',
            Self::Text => 't',
            Self::Heading => 'h',
            Self::Control => 'c',
        }
    }

    /// The least width and height that is worth showing.
    fn least(self) -> (u32, u32) {
        match self {
            Self::Image => (2, 2),
            Self::Frame => (2, 1),
            Self::Text | Self::Heading | Self::Control => (1, 1),
        }
    }
}

/// Something on a page, in cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Thing {
    pub part: Part,
    pub top: u32,
    pub left: u32,
    pub width: u32,
    pub height: u32,
}

/// What is known of a page's layout.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outline {
    /// Rows down to the end of the lowest thing.
    pub height: u32,
    /// In the order in which they are to be drawn.
    pub things: Vec<Thing>,
}

impl Thing {
    /// Something that is measured in cells and parts of them: its edges are brought to the nearest
    /// ones, and what is outside of the page is cut off. `None`: nothing to be seen is left.
    pub fn measured(part: Part, [left, top, width, height]: [f64; 4]) -> Option<Self> {
        if !(width > 0.0 && height > 0.0) {
            return None;
        }
        // What is not a number becomes 0.
        let edges = |from: f64, length: f64, end: u32| {
            let edge = |at: f64| at.round().clamp(0.0, f64::from(end)) as u32;
            (edge(from), edge(from + length))
        };
        let (x, right) = edges(left, width, GRID);
        let (y, mut bottom) = edges(top, height, GRID_ROWS);
        // A line of text is often less than half a cell high.
        if bottom == y && top + height > 0.0 && y < GRID_ROWS {
            bottom += 1;
        }
        let (width, height) = (right - x, bottom - y);
        let (least_width, least_height) = part.least();
        let thing = Self { part, top: y, left: x, width, height };
        (width >= least_width && height >= least_height).then_some(thing)
    }

    fn bottom(&self) -> u32 {
        self.top + self.height
    }

    /// By what things are kept when there are too many.
    fn weight(&self) -> u32 {
        // Small things that people look for, and click on.
        let more = if matches!(self.part, Part::Heading | Part::Control) { 4 } else { 1 };
        self.width * self.height * more
    }
}

impl Outline {
    /// Of what is on a page; at most `bytes` as text.
    pub fn new(mut things: Vec<Thing>, bytes: usize) -> Self {
        let height = things.iter().map(Thing::bottom).max().unwrap_or_default();
        things.sort_unstable_by_key(|it| (it.part, it.left, it.width, it.top, it.height));
        // Lines below each other are one text.
        things.dedup_by(|next, before| {
            let column = |it: &Thing| (it.part, it.left, it.width);
            let is_next = column(next) == column(before) && next.top <= before.bottom() + 1;
            let same = next == before || (next.part == Part::Text && is_next);
            if same {
                before.height = before.bottom().max(next.bottom()) - before.top;
            }
            same
        });
        let room = THINGS_MAX.min(bytes.saturating_sub(HEAD) / THING);
        things.sort_unstable_by_key(|it| (Reverse(it.weight()), *it));
        things.truncate(room);
        things.sort_unstable();
        Self { height, things }
    }

    /// The text it is stored as; empty for one of nothing.
    pub fn text(&self) -> String {
        let mut text = String::new();
        if self.things.is_empty() {
            return text;
        }
        let digit = |n: u32| char::from(DIGITS[n as usize % DIGITS.len()]);
        let two = |text: &mut String, n: u32| text.extend([digit(n / 64), digit(n)]);
        two(&mut text, self.height);
        for Thing { part, top, left, width, height } in &self.things {
            text.extend([part.letter(), digit(*left), digit(*width)]);
            two(&mut text, *top);
            two(&mut text, *height);
        }
        text
    }

    /// The way back from [`text`](Self::text). `None`: it is none, or not one of this version.
    pub fn parse(text: &str) -> Option<Self> {
        let digit = |byte: u8| DIGITS.iter().position(|digit| *digit == byte).map(|n| n as u32);
        let two = |high, low| Some(digit(high)? * 64 + digit(low)?);
        let (head, rest) = text.as_bytes().split_first_chunk::<HEAD>()?;
        let (rows, left_over) = rest.as_chunks::<THING>();
        let height = two(head[0], head[1])?;
        let thing = |[letter, left, width, top, top2, height, height2]: &[u8; THING]| {
            let part = Part::ALL.into_iter().find(|part| part.letter() == char::from(*letter))?;
            let (left, width) = (digit(*left)?, digit(*width)?);
            let (top, height) = (two(*top, *top2)?, two(*height, *height2)?);
            let inside = left + width <= GRID && top + height <= GRID_ROWS;
            inside.then_some(Thing { part, top, left, width, height })
        };
        let things: Vec<Thing> = rows.iter().map(thing).collect::<Option<_>>()?;
        let whole = left_over.is_empty() && !things.is_empty() && things.len() <= THINGS_MAX;
        (whole && height <= GRID_ROWS).then_some(Self { height, things })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn thing(part: Part, [left, top, width, height]: [u32; 4]) -> Thing {
        Thing { part, top, left, width, height }
    }

    #[test]
    fn edges_go_to_the_nearest_cell_and_stay_on_the_page() {
        let text = |place| Thing::measured(Part::Text, place).map(|it| thing_of(&it));
        for (place, cells) in [
            ([0.4, 0.6, 9.8, 3.0], Some([0, 1, 10, 3])),
            ([-5.0, 2.0, 10.0, 1.0], Some([0, 2, 5, 1])),
            ([35.0, 2.0, 1e300, 1e300], Some([35, 2, 5, GRID_ROWS - 2])),
            ([1.0, 3.1, 4.0, 0.2], Some([1, 3, 4, 1])),
            ([1.0, 3.0, 0.0, 5.0], None),
            ([1.0, 3.0, 5.0, -1.0], None),
            ([1.0, -9.0, 5.0, 4.0], None),
            ([41.0, 1.0, 5.0, 4.0], None),
            ([1.0, 1e9, 5.0, 4.0], None),
            ([f64::NAN, f64::NAN, f64::NAN, f64::NAN], None),
            ([f64::NAN, f64::INFINITY, f64::INFINITY, f64::INFINITY], None),
        ] {
            assert_eq!(text(place), cells, "{place:?}");
        }
        assert_eq!(Thing::measured(Part::Image, [1.0, 1.0, 1.0, 1.0]), None, "an icon");
    }

    fn thing_of(it: &Thing) -> [u32; 4] {
        [it.left, it.top, it.width, it.height]
    }

    #[test]
    fn one_layout_has_one_text() {
        let things = vec![
            thing(Part::Heading, [2, 3, 20, 2]),
            thing(Part::Text, [2, 6, 20, 1]),
            thing(Part::Text, [2, 8, 20, 4]),
            thing(Part::Text, [30, 8, 9, 4]),
            thing(Part::Frame, [0, 0, 40, 2]),
        ];
        let outline = Outline::new(things.clone(), 1_024);
        assert_eq!(outline.text(), "AMfAoAAACtCUAGAGteJAIAEhCUADAC");
        let backwards: Vec<Thing> = things.iter().rev().chain(&things).copied().collect();
        assert_eq!(Outline::new(backwards, 1_024), outline);
        let joined = thing(Part::Text, [2, 6, 20, 6]);
        assert!(outline.things.contains(&joined) && outline.height == 12, "{outline:?}");
    }

    #[test]
    fn the_largest_stay_and_small_headings_with_them() {
        let columns = (0..20).flat_map(|x| (0..50).map(move |y| [2 * x, 20 + 4 * y, 2, 2]));
        let mut things: Vec<Thing> = columns.map(|place| thing(Part::Image, place)).collect();
        let heading = thing(Part::Heading, [1, 1, 2, 1]);
        let large = thing(Part::Image, [0, 500, 40, 100]);
        things.extend([heading, large]);
        let outline = Outline::new(things.clone(), 1_024);
        assert_eq!((outline.things.len(), outline.height), (THINGS_MAX, 600));
        assert!(outline.things.contains(&heading) && outline.things.contains(&large));
        assert!(outline.text().len() <= HEAD + THINGS_MAX * THING);
        for bytes in [0, 8, 9, 16, 100] {
            let short = Outline::new(things.clone(), bytes).text();
            assert!(short.len() <= bytes, "{short}");
        }
    }

    #[test]
    fn what_is_no_outline_is_none() {
        for text in [
            "",
            "AA",
            "(other)",
            "AMfAoAAAC ",
            "AMxAoAAAC",
            "AMfAoAAA",
            "AMfBoAAAC",
            "__fAoAAAC",
            "AMfAoP_AC",
        ] {
            assert_eq!(Outline::parse(text), None, "{text}");
        }
        assert!(Outline::parse("AMfAoAAAC").is_some());
    }

    proptest! {
        #[test]
        fn an_outline_comes_back(places in prop::collection::vec(
            (0..5_usize, prop::array::uniform4(-50.0..1_200.0_f64)), 0..200,
        ), bytes in 0..2_000_usize) {
            let measured = |(part, at): &(usize, _)| Thing::measured(Part::ALL[*part], *at);
            let outline = Outline::new(places.iter().filter_map(measured).collect(), bytes);
            let text = outline.text();
            prop_assert!(text.len() <= bytes && text.len() <= HEAD + THINGS_MAX * THING);
            let back = Outline::parse(&text);
            prop_assert_eq!(back.unwrap_or_default().things, outline.things);
        }
    }
}
