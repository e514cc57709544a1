//! What the script tells of a page beside its views: events, attention, depth, clicks, speed.

use super::claims::Claim;
use super::shard::{Counted, Shard, Spot};
use crate::model::goal::Reached;
use crate::model::rollup::{Dimension, FILE_DOWNLOAD, Metric, OUTBOUND_LINK, join};
use crate::model::{Event, Told, Traits, sketch};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Showings of pages remembered per visitor, for how far they were read.
const SHOWINGS_MAX: usize = 16;

/// A page shown to a visitor, as far as it was read.
#[derive(Serialize, Deserialize)]
pub(super) struct Showing {
    /// Of page and view, hashed.
    key: u64,
    /// As it has counted: a later depth adds to the same rows.
    page: Arc<str>,
    screen: Option<Arc<str>>,
    /// The deepest percent.
    depth: u8,
}

impl Shard {
    pub(super) fn told(&mut self, spot: Spot, told: Told) -> Counted {
        let Told { page: path, event, n, .. } = told;
        if !self.is_new(n, spot) {
            return ("", path, None);
        }
        let page = self.admit(spot, Dimension::Page, &path);
        match event {
            Event::Custom { name, properties, value } => {
                self.event(spot, page, name, properties, value)
            }
            Event::Outbound { url } => {
                self.link(spot, Dimension::Outbound, &url);
                self.event(spot, page, OUTBOUND_LINK.into(), Vec::new(), None)
            }
            Event::File { url } => {
                self.link(spot, Dimension::File, &url);
                self.event(spot, page, FILE_DOWNLOAD.into(), Vec::new(), None)
            }
            Event::Engagement { millis, scroll, screen, view } => {
                self.act(spot, false);
                self.count_on_page(spot, &page, Metric::Engagement, millis.into());
                if let Some(depth) = scroll {
                    let key = self.number((&*path, view));
                    self.read_to(spot, Showing { key, page: page.clone(), screen, depth });
                }
                ("", page, None)
            }
            Event::Click { screen, column, row } => {
                self.act(spot, false);
                let cell = join([&screen, &column.to_string(), &row.to_string(), &page]);
                let cell = self.admit_parts(spot, Dimension::ClickMap, &cell);
                self.book(spot).gather(spot.at, Dimension::ClickMap, &cell, Metric::Events, 1);
                ("", page, None)
            }
            Event::Vital { name, value } => {
                let book = self.book(spot);
                let place = book.place(Dimension::Page, &page);
                book.time(spot.at, name.as_str(), place, sketch::bucket(value.into()));
                ("", page, None)
            }
        }
    }

    /// A custom event: ends a bounce.
    fn event(
        &mut self,
        spot: Spot,
        page: Arc<str>,
        name: Arc<str>,
        properties: Vec<(Arc<str>, Arc<str>)>,
        value: Option<i64>,
    ) -> Counted {
        self.act(spot, true);
        let row = self.admit(spot, Dimension::Event, &name);
        let worth = value.unwrap_or(0);
        self.count_on_page(spot, &page, Metric::Events, 1);
        self.count_on_page(spot, &page, Metric::Revenue, worth);
        self.count_action(spot, Dimension::Event, &row, worth);
        for (property, value) in properties {
            let value = join([&row, &property, &value]);
            let value = self.admit_parts(spot, Dimension::EventProperty, &value);
            self.count_action(spot, Dimension::EventProperty, &value, 0);
        }
        self.reached(spot, Reached::Event(&name), worth);
        ("event", page, Some(Traits::from([(Dimension::Event, row)])))
    }

    fn link(&mut self, spot: Spot, dimension: Dimension, url: &Arc<str>) {
        let url = self.admit(spot, dimension, url);
        self.count_action(spot, dimension, &url, 0);
    }

    /// Something a visitor did, in its own row.
    fn count_action(&mut self, spot: Spot, dimension: Dimension, value: &Arc<str>, worth: i64) {
        let visitors = self.claim(spot, dimension, value, Claim::Seen);
        let book = self.book(spot);
        book.add(dimension, value, Metric::Events, 1);
        book.add(dimension, value, Metric::Visitors, i64::from(visitors));
        book.add(dimension, value, Metric::Revenue, worth);
    }

    /// Adds to the total, its slot and the page.
    fn count_on_page(&mut self, spot: Spot, page: &Arc<str>, metric: Metric, by: i64) {
        let book = self.book(spot);
        let page = book.place(Dimension::Page, page);
        book.add_on_page(spot.at, page, metric, by);
    }

    /// Goals that a page or an event is, and steps of funnels that it takes the visit.
    pub(super) fn reached(&mut self, spot: Spot, what: Reached<'_>, worth: i64) {
        let sites = self.sites.clone();
        let site = &sites[spot.site];
        for goal in site.goals.iter().filter(|goal| goal.target.is(what)) {
            self.count_action(spot, Dimension::Goal, &goal.name, worth);
        }
        if !site.funnels.is_empty() {
            self.in_running_visit(spot, |visit, book| visit.advance(book, &site.funnels, what));
        }
    }

    /// How far a page was read. Told more than once for a showing; only what goes deeper counts.
    fn read_to(&mut self, spot: Spot, told: Showing) {
        let Some(visitor) = spot.visitor else { return };
        let showings = &mut self.visitor(visitor, spot).showings;
        let depth = told.depth;
        let (before, page, screen) = match showings.iter_mut().find(|s| s.key == told.key) {
            Some(known) if depth <= known.depth => return,
            Some(known) => {
                let before = std::mem::replace(&mut known.depth, depth);
                (Some(before), known.page.clone(), known.screen.clone())
            }
            None => {
                let of = (None, told.page.clone(), told.screen.clone());
                if showings.len() >= SHOWINGS_MAX {
                    showings.remove(0);
                }
                showings.push(told);
                of
            }
        };
        if before.is_none() {
            self.count_on_page(spot, &page, Metric::ScrollViews, 1);
        }
        let deeper = i64::from(depth) - i64::from(before.unwrap_or(0));
        self.count_on_page(spot, &page, Metric::ScrollDepth, deeper);
        let Some(screen) = screen else { return };
        let (from, to) = (before.map(tenth), tenth(depth));
        if from == Some(to) {
            return;
        }
        for (tenth, by) in from.map(|from| (from, -1)).into_iter().chain([(to, 1)]) {
            let value = join([&screen, &tenth.to_string(), &page]).into();
            self.book(spot).add(Dimension::ScrollMap, &value, Metric::Events, by);
        }
    }
}

/// The tenth of a page that a depth in percent lies in, 1 to 10.
fn tenth(depth: u8) -> u8 {
    depth.div_ceil(10).clamp(1, 10)
}
