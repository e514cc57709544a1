//! Many days at once: no day's rows say anything of another's, so threads look through some of them
//! each, and their sums are added up.

use super::Asked;
use super::day::DayRows;
use super::groups::{Groups, scan_days};
use crate::model::site::{Day, Site};
use crate::report::{Range, rows::merge_day};
use once_cell::sync::Lazy;
use std::iter;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::thread;
use tokio::sync::Semaphore;

/// Fewer rows are not worth a thread of their own.
const WORTH_IT: usize = 50_000;

/// Threads beside the one that answers a question, for all questions of the process: half of the
/// cores are left to visitors.
static HELPERS: Lazy<Semaphore> = Lazy::new(|| {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    Semaphore::new(cores / 2)
});

/// What is asked of the rows of several days. `range` is all that is asked about: steps of time begin
/// in it.
pub fn scan<'d>(
    site: &Site,
    range: Range,
    days: impl IntoIterator<Item = (Day, &'d DayRows)>,
    asked: &[Asked],
) -> Vec<Groups> {
    let days: Vec<_> = days.into_iter().collect();
    let rows: usize = days.iter().map(|(_, rows)| rows.len()).sum();
    let free = iter::from_fn(|| HELPERS.try_acquire().ok());
    let helpers: Vec<_> = free.take(rows / WORTH_IT).collect();
    scan_pieces(site, range, &days, rows.div_ceil(helpers.len() + 1).max(1), asked)
}

/// The same in pieces of about so many rows, all at once.
pub(super) fn scan_pieces(
    site: &Site,
    range: Range,
    days: &[(Day, &DayRows)],
    rows_each: usize,
    asked: &[Asked],
) -> Vec<Groups> {
    thread::scope(|scope| {
        let mut pieces = pieces(days, rows_each).into_iter();
        let first = pieces.next().unwrap_or_default();
        let scan = move |days| scan_days(site, range, days, asked);
        let spawn = |days| thread::Builder::new().spawn_scoped(scope, move || scan(days));
        let others: Vec<_> = pieces.map(|days| (days, spawn(days))).collect();
        let mut all = scan(first);
        for (days, other) in others {
            let more = match other {
                Ok(other) => other.join().unwrap_or_else(|panic| resume_unwind(panic)),
                // There are no more threads to be had.
                Err(_) => scan(days),
            };
            for (groups, more) in all.iter_mut().zip(more) {
                more.iter().for_each(|(key, row)| match groups.get_mut(key) {
                    Some(sum) => merge_day(sum, row),
                    None => drop(groups.insert(key.clone(), *row)),
                });
            }
        }
        all
    })
}

/// Days one after the other, of about so many rows together.
fn pieces<'s, 'd>(
    days: &'s [(Day, &'d DayRows)],
    rows_each: usize,
) -> Vec<&'s [(Day, &'d DayRows)]> {
    let mut pieces = Vec::new();
    let (mut begin, mut rows) = (0, 0);
    for (nth, (_, day)) in days.iter().enumerate() {
        rows += day.len();
        if rows >= rows_each {
            pieces.push(&days[begin..=nth]);
            (begin, rows) = (nth + 1, 0);
        }
    }
    pieces.extend(Some(&days[begin..]).filter(|rest| !rest.is_empty()));
    pieces
}
