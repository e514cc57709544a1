//! What visits did one after the other: the steps of a funnel, the pages before and after a page,
//! and the time until a goal.
//!
//! A visit is followed on the day it began on, past midnight too; a visitor within one day. Under a
//! filter a visit (for the time to a goal: a visitor) is looked at if one of its rows meets it.

use super::count::{Matching, Rules};
use super::day::DayRows;
use super::{Asked, Expr};
use crate::clock::Millis;
use crate::model::goal::{Reached, Target};
use crate::model::rollup::{FILE_DOWNLOAD, OUTBOUND_LINK};
use crate::model::row::{Flags, Kind};
use crate::model::site::Site;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Pages of a journey that are told apart, each way.
pub const JOURNEY_STEPS: usize = 3;

/// Pages at one distance before or after a page, and in each the pages one step further.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Branch {
    /// Visits that came by here.
    pub visits: i64,
    /// Visits that began, or ended, here.
    pub ends: i64,
    pub pages: BTreeMap<Arc<str>, Branch>,
}

/// Pages that visits viewed before their first view of a page, and after it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Journeys {
    pub before: Branch,
    pub after: Branch,
}

/// Of each step of a funnel, the visits that did it and, earlier, all steps before it.
pub fn funnel<'d>(
    site: &Site,
    days: impl IntoIterator<Item = &'d DayRows>,
    steps: &[Target],
    filter: Option<&Expr>,
) -> Vec<i64> {
    let mut visits = vec![0; steps.len()];
    for day in days {
        each_visit(site, day, filter, |rows| {
            let done = rows.iter().fold(0, |done, i| {
                let next = steps.get(done).zip(reached(day, *i));
                done + usize::from(next.is_some_and(|(next, what)| next.is(what)))
            });
            visits[..done].iter_mut().for_each(|visits| *visits += 1);
        });
    }
    visits
}

/// The journeys of visits that viewed a page. Views of one page in a row count as one.
pub fn journeys<'d>(
    site: &Site,
    days: impl IntoIterator<Item = &'d DayRows>,
    page: &str,
    filter: Option<&Expr>,
) -> Journeys {
    let mut journeys = Journeys::default();
    for day in days {
        let rows = &day.block;
        let Some(page) = rows.texts.iter().position(|text| **text == *page) else { continue };
        each_visit(site, day, filter, |visit| {
            let mut views: Vec<usize> =
                visit.iter().map(|i| *i as usize).filter(|i| is_view(day, *i)).collect();
            // A browser reports some views late.
            views.sort_by_key(|i| rows.at[*i]);
            let mut pages: Vec<usize> = views.iter().map(|i| rows.page[*i] as usize).collect();
            pages.dedup();
            let Some(at) = pages.iter().position(|viewed| *viewed == page) else { return };
            let text = |page: &usize| rows.texts[*page].clone();
            journeys.before.add(pages[..at].iter().rev().map(text));
            journeys.after.add(pages[at + 1..].iter().map(text));
        });
    }
    journeys
}

/// Milliseconds from a visitor's first view of a day until it first reached a goal, shortest first:
/// one for each visitor and day with a conversion that followed a view.
pub fn times_to_goal<'d>(
    site: &Site,
    days: impl IntoIterator<Item = &'d DayRows>,
    goal: &Target,
    filter: Option<&Expr>,
) -> Vec<Millis> {
    let mut times = Vec::new();
    for day in days {
        let visitor = |i: u32| day.visitor_of[day.block.of[i as usize] as usize];
        let lets = chosen(day.visitors, site, day, filter, visitor);
        // A visit's activity after midnight belongs to the next day's visitor.
        let of_day =
            (0..day.people as u32).filter(|i| day.block.kind[*i as usize] != Kind::Activity);
        let of_visitors: Vec<(u32, usize)> = of_day
            .filter_map(|i| Some((i, visitor(i)? as usize)))
            .filter(|(_, visitor)| lets[*visitor])
            .collect();
        let mut first_view = vec![Millis::MAX; day.visitors];
        for (i, visitor) in &of_visitors {
            if day.block.kind[*i as usize] == Kind::View {
                first_view[*visitor] = first_view[*visitor].min(day.block.at[*i as usize]);
            }
        }
        let mut first_goal = vec![Millis::MAX; day.visitors];
        for (i, visitor) in &of_visitors {
            let at = day.block.at[*i as usize];
            if first_view[*visitor] <= at && reached(day, *i).is_some_and(|what| goal.is(what)) {
                first_goal[*visitor] = first_goal[*visitor].min(at);
            }
        }
        let both = first_view.iter().zip(&first_goal);
        times
            .extend(both.filter(|(_, goal)| **goal != Millis::MAX).map(|(view, goal)| goal - view));
    }
    times.sort_unstable();
    times
}

impl Branch {
    /// Adds a visit that went on from here to these pages.
    fn add(&mut self, pages: impl Iterator<Item = Arc<str>>) {
        self.visits += 1;
        let (mut branch, mut steps) = (self, 0);
        for page in pages.take(JOURNEY_STEPS) {
            branch = branch.pages.entry(page).or_default();
            branch.visits += 1;
            steps += 1;
        }
        branch.ends += i64::from(steps < JOURNEY_STEPS);
    }
}

/// Calls `show` with the rows of each visit that began on the day and passes the filter, in the
/// order in which they were written.
fn each_visit(site: &Site, day: &DayRows, filter: Option<&Expr>, mut show: impl FnMut(&[u32])) {
    let visit = |i: u32| day.visit_of[day.block.of[i as usize] as usize];
    let lets = chosen(day.visits.len(), site, day, filter, visit);
    let rows: Vec<u32> = (0..day.people as u32).collect();
    for rows in rows.chunk_by(|a, b| visit(*a) == visit(*b)) {
        let of = visit(rows[0]).map(|visit| visit as usize);
        if of.is_some_and(|visit| lets[visit] && day.visits[visit].begun) {
            show(rows);
        }
    }
}

/// By number, who has a row that meets the filter and counts as being there. `of` tells whose a row
/// is.
fn chosen(
    numbers: usize,
    site: &Site,
    day: &DayRows,
    filter: Option<&Expr>,
    of: impl Fn(u32) -> Option<u32>,
) -> Vec<bool> {
    let Some(filter) = filter else { return vec![true; numbers] };
    let mut chosen = vec![false; numbers];
    let asked = Asked { filter: Some(filter.clone()), ..Asked::default() };
    let rules = Rules::new(&asked);
    for i in Matching::new(site, day, &asked, None).rows {
        if let Some(number) = of(i).filter(|_| rules.appearance(day, i as usize).is_present()) {
            chosen[number as usize] = true;
        }
    }
    chosen
}

fn is_view(day: &DayRows, i: usize) -> bool {
    day.block.kind[i] == Kind::View || day.block.flags[i].has(Flags::VIEWED)
}

/// The page or event that a row reaches.
fn reached(day: &DayRows, i: u32) -> Option<Reached<'_>> {
    let (rows, i) = (&day.block, i as usize);
    let text = |text: u32| &*rows.texts[text as usize];
    match rows.kind[i] {
        _ if is_view(day, i) => Some(Reached::Page(text(rows.page[i]))),
        Kind::Event => Some(Reached::Event(text(rows.name[i]))),
        Kind::Outbound => Some(Reached::Event(OUTBOUND_LINK)),
        Kind::File => Some(Reached::Event(FILE_DOWNLOAD)),
        Kind::Activity if rows.flags[i].is_event() => Some(Reached::Event(text(rows.name[i]))),
        _ => None,
    }
}
