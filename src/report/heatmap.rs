//! Heat maps: where a page is clicked, and how far it is read.
//!
//! Clicks lie on a grid of square cells, [`GRID`] to the page's width, so that a place keeps its
//! cell whatever the window; screen classes, whose layouts differ, are kept apart.

use super::{Days, Range};
use crate::model::rollup::{Dimension, GRID, GRID_ROWS, Metric as Stored, parts};
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

fn ranked(screens: BTreeMap<&str, i64>) -> Vec<Screen> {
    let mut screens: Vec<Screen> = screens
        .into_iter()
        .map(|(screen, count)| Screen { screen: screen.to_owned(), count })
        .collect();
    screens.sort_by_key(|screen| -screen.count);
    screens
}
