//! Since when a site has counts. A time that begins before that is not compared with as if it were
//! told whole: nothing counted and no counts are two things.

use super::caller::Caller;
use super::error::Error;
use crate::clock::{MINUTE, Millis};
use crate::kept::Imports;
use crate::model::site::{Day, Site};
use crate::report::{Days, Period, Range};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How long it is believed: older logs may be imported meanwhile.
const BELIEVED: Millis = 10 * MINUTE;

/// Days before a time in which there may have been nothing to count, and as far back as is looked.
const QUIET: u64 = 400;
const FARTHEST: u64 = 3_660;

/// Of each site the first day with counts, if any is known, and when the store was asked.
#[derive(Default)]
pub(super) struct FirstDays(Mutex<Known>);

type Known = HashMap<Arc<str>, (Option<Day>, Millis)>;

impl Caller {
    /// The first day that was counted or imported.
    pub(super) async fn first_day(
        &self,
        site: &Site,
        imports: &Imports,
    ) -> Result<Option<Day>, Error> {
        let all = Period::All.range(None, site.day(self.now()), true)?;
        let counted = self.counted_since(site, all, &Days::new()).await?;
        Ok(counted.into_iter().chain(imports.first()).min())
    }

    /// The first day that was counted, if `range`, of which these are the counts, begins before it.
    /// `None`, too, where that is not known: nothing is counted, or the store does not answer.
    pub(super) async fn counted_since(
        &self,
        site: &Site,
        range: Range,
        days: &Days,
    ) -> Result<Option<Day>, Error> {
        if days.contains_key(&range.first) {
            return Ok(None);
        }
        let now = self.now();
        let firsts = || self.first_days.0.lock().unwrap_or_else(PoisonError::into_inner);
        // On a budget what was found once is believed.
        let on_budget = self.admin.budget.is_some();
        let is_believed = |(first, at): &(Option<Day>, Millis)| {
            let reaches = first.is_some_and(|first| first <= range.first || on_budget);
            reaches || now - at < BELIEVED || self.is_from_last()
        };
        let known = firsts().get(&site.name).copied().filter(is_believed);
        let first = match known {
            Some((first, _)) => first,
            None if self.is_from_last() => None,
            None => {
                let (today, back) = (site.day(now), |day: Day, days| day - chrono::Days::new(days));
                let first = back(range.first, QUIET).max(back(today, FARTHEST));
                let asked = Range { first: first.min(today), last: today };
                let first = self.reader.first(&site.name, asked).await?;
                firsts().insert(site.name.clone(), (first, now));
                first
            }
        };
        Ok(first.filter(|first| *first > range.first))
    }
}
