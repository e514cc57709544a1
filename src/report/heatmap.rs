//! Heat maps: where a page is clicked, how far it is read, and the outline they are drawn over.
//!
//! Clicks lie on a grid of square cells, [`GRID`] to the page's width, so that a place keeps its
//! cell whatever the window; screen classes, whose layouts differ, are kept apart.

use super::{Days, Range};
use crate::model::outline::Outline;
use crate::model::rollup::{Dimension, GRID, GRID_ROWS, Metric as Stored, parts};
use crate::model::site::Day;
use serde::Serialize;
use std::collections::BTreeMap;

/// Clicks of a page by cell (row, then column), from the top.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Clicks {
    pub cells: BTreeMap<(u32, u32), i64>,
    pub total: i64,
}

/// How far views of a page were scrolled.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scrolls {
    /// Views that got into each tenth of the page, from the top: never more than in the one above.
    pub reached: [i64; 10],
}

/// A screen class and how much is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Screen {
    pub screen: String,
    pub count: i64,
}

/// Cells that were clicked, and the screen classes there are, most clicks first. `screen`: only
/// that class.
pub fn clicks(
    days: &Days,
    range: Range,
    page: &str,
    screen: Option<&str>,
) -> (Clicks, Vec<Screen>) {
    let mut clicks = Clicks::default();
    let mut screens = BTreeMap::new();
    for (_, counts) in days.range(range.first..=range.last) {
        for (value, row) in counts.rows(Dimension::ClickMap) {
            let mut parts = parts(value, 4);
            let class = parts.next().unwrap_or_default();
            let mut cell = || parts.next()?.parse::<u32>().ok();
            let (Some(column), Some(line)) = (cell(), cell()) else { continue };
            let n = row.get(Stored::Events);
            if parts.next() != Some(page) || column >= GRID || n <= 0 {
                continue;
            }
            *screens.entry(class).or_default() += n;
            if screen.is_none_or(|screen| screen == class) {
                *clicks.cells.entry((line.min(GRID_ROWS - 1), column)).or_default() += n;
                clicks.total += n;
            }
        }
    }
    (clicks, ranked(screens))
}

/// As [`clicks`], for scroll depths.
pub fn scrolls(
    days: &Days,
    range: Range,
    page: &str,
    screen: Option<&str>,
) -> (Scrolls, Vec<Screen>) {
    let mut scrolls = Scrolls::default();
    let mut screens = BTreeMap::new();
    for (_, counts) in days.range(range.first..=range.last) {
        for (value, row) in counts.rows(Dimension::ScrollMap) {
            let mut parts = parts(value, 3);
            let class = parts.next().unwrap_or_default();
            let tenth = parts.next().and_then(|tenth| tenth.parse::<usize>().ok());
            let n = row.get(Stored::Events);
            let Some(tenth) = tenth.filter(|tenth| (1..=10).contains(tenth) && n > 0) else {
                continue;
            };
            if parts.next() != Some(page) {
                continue;
            }
            *screens.entry(class).or_default() += n;
            if screen.is_none_or(|screen| screen == class) {
                // Stored is where views ended; on the way they saw all above.
                scrolls.reached[..tenth].iter_mut().for_each(|reached| *reached += n);
            }
        }
    }
    (scrolls, ranked(screens))
}

/// The page as most visitors with such a screen had it laid out; of layouts that were told equally
/// often the one told last. One beacon can say what it likes: others outvote it.
pub fn outline(days: &Days, range: Range, page: &str, screen: &str) -> Option<Outline> {
    let mut told: BTreeMap<&str, (i64, Day)> = BTreeMap::new();
    for (day, counts) in days.range(range.first..=range.last) {
        for (value, row) in counts.rows(Dimension::Outline) {
            let mut parts = parts(value, 3);
            let (class, layout) = (parts.next(), parts.next().unwrap_or_default());
            if class == Some(screen) && parts.next() == Some(page) {
                let (n, last) = told.entry(layout).or_insert((0, *day));
                (*n, *last) = (*n + row.get(Stored::Events), *day);
            }
        }
    }
    let known = told.into_iter().filter_map(|(layout, rank)| Some((rank, Outline::parse(layout)?)));
    known.max_by_key(|(rank, _)| *rank).map(|(_, outline)| outline)
}

fn ranked(screens: BTreeMap<&str, i64>) -> Vec<Screen> {
    let mut screens: Vec<Screen> = screens
        .into_iter()
        .map(|(screen, count)| Screen { screen: screen.to_owned(), count })
        .collect();
    screens.sort_by_key(|screen| -screen.count);
    screens
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::DayCounts;
    use crate::model::rollup::{OTHER, join};
    use std::sync::Arc;

    const OLD: &str = "AKfAoAAAC";
    const NEW: &str = "AUfAoAAAC";

    /// What is shown of layouts told on two days, so often each.
    fn shown(told: [&[(&str, i64)]; 2]) -> Option<u32> {
        let first = Day::from_ymd_opt(2026, 11, 24).unwrap();
        let mut days = Days::new();
        for (day, told) in [first, first.succ_opt().unwrap()].into_iter().zip(told) {
            let mut counts = DayCounts::default();
            for (layout, n) in told {
                let value = join(["1440 px and above", layout, "/a"]);
                counts.add(Dimension::Outline, &value, Stored::Events, *n);
            }
            // Of others, and what had no room.
            for of in [["Below 576 px", NEW, "/a"], ["1440 px and above", NEW, "/b"]] {
                counts.add(Dimension::Outline, &join(of), Stored::Events, 99);
            }
            counts.add(Dimension::Outline, OTHER, Stored::Events, 99);
            days.insert(day, Arc::new(counts));
        }
        let range = Range { first, last: first.succ_opt().unwrap() };
        outline(&days, range, "/a", "1440 px and above").map(|outline| outline.height)
    }

    #[test]
    fn the_layout_that_most_had_is_shown() {
        let (old, new) = (Some(10), Some(20));
        for (told, expected) in [
            ([&[(OLD, 3), (NEW, 2)][..], &[(NEW, 2)]], new),
            ([&[(OLD, 9), (NEW, 2)], &[(NEW, 2)]], old),
            // As often: the newer one.
            ([&[(OLD, 2)], &[(NEW, 2)]], new),
            ([&[(NEW, 2)], &[(OLD, 2)]], old),
            // One that is none, however often.
            ([&[("AKfzzAAAC", 50), ("nonsense", 50), (OLD, 1)], &[]], old),
            ([&[], &[]], None),
        ] {
            assert_eq!(shown(told), expected, "{told:?}");
        }
    }
}
