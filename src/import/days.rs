//! Which days an import counts: those that have nothing yet.
//!
//! Who has counted a day live has counted these very requests. So the store is asked for each day
//! when its first line comes, and what it says is kept: an import that goes on decides the same.

use super::resume::{Folder, Left, Log, Resume, Standing};
use super::summary::Why;
use crate::clock::Millis;
use crate::model::site::{Day, Month, Site};
use crate::store::{Result, Upkeep};
use chrono::Days;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use tokio::runtime::Runtime;

/// The days of an import's sites.
pub struct Calendar<'w> {
    sites: Arc<Vec<Site>>,
    store: Arc<dyn Upkeep>,
    runtime: &'w Runtime,
    folder: &'w Folder,
    resume: Resume,
    of_sites: Vec<OfSite>,
    newest: Option<Day>,
    /// Days that were left alone, by log.
    left: BTreeMap<usize, BTreeSet<(usize, Day)>>,
}

#[derive(Default)]
struct OfSite {
    /// The day that the last line was of, and how it stands.
    span: Range<Millis>,
    last: Option<(Day, Standing)>,
    newest: Option<Day>,
}

impl<'w> Calendar<'w> {
    pub fn new(
        sites: Arc<Vec<Site>>,
        store: Arc<dyn Upkeep>,
        runtime: &'w Runtime,
        folder: &'w Folder,
        resume: Resume,
    ) -> Self {
        let of_sites = sites.iter().map(|_| OfSite::default()).collect();
        let (newest, left) = (None, BTreeMap::new());
        Self { sites, store, runtime, folder, resume, of_sites, newest, left }
    }

    pub fn resume(&self) -> &Resume {
        &self.resume
    }

    /// The latest day so far, of whichever site.
    pub fn newest(&self) -> Option<Day> {
        self.newest
    }

    /// Days of a log that were left alone, for they have other counts.
    pub fn left_of(&self, log: usize) -> Vec<Left> {
        let Log { from, kept, .. } = &self.resume.logs[log];
        let more = self.left.get(&log).into_iter().flatten().map(|(site, day)| Left {
            site: self.sites[*site].name.to_string(),
            day: *day,
            from: *from,
        });
        let known = |left: &Left| kept.iter().any(|k| (&k.site, k.day) == (&left.site, left.day));
        kept.iter().cloned().chain(more.filter(|left| !known(left))).collect()
    }

    /// How many days were left alone.
    pub fn left(&self) -> usize {
        self.left.values().flatten().collect::<BTreeSet<_>>().len()
    }

    /// Whether a line counts, as far as its day decides. It is in `log` and begins at byte `from`.
    /// One that an earlier import has read counts only if its day is in the log's `left`.
    ///
    /// # Errors
    /// The store's, the disk's.
    pub fn judge(
        &mut self,
        site: usize,
        at: Millis,
        log: usize,
        from: u64,
    ) -> anyhow::Result<std::result::Result<(), Why>> {
        let (day, standing) = match &self.of_sites[site] {
            OfSite { span, last: Some(last), .. } if span.contains(&at) => *last,
            _ => self.turn(site, at)?,
        };
        let Log { from: known, left, .. } = &self.resume.logs[log];
        if from < *known {
            let name = &*self.sites[site].name;
            let is_left = |l: &Left| l.day == day && l.site == name && l.from <= from;
            if !left.iter().any(is_left) {
                return Ok(Err(Why::Before));
            }
        }
        let newest = self.of_sites[site].newest.get_or_insert(day);
        *newest = day.max(*newest);
        // A shard knows the visitors of a day and of the one before it.
        if day + Days::new(1) < *newest {
            return Ok(Err(Why::Disorder));
        }
        self.newest = self.newest.max(Some(day));
        Ok(match standing {
            Standing::Counted => Ok(()),
            Standing::Gone => Err(Why::DayGone),
            Standing::HasCounts => {
                self.left.entry(log).or_default().insert((site, day));
                Err(Why::DayCounted)
            }
        })
    }

    /// A line of another day than the last one.
    fn turn(&mut self, site: usize, at: Millis) -> anyhow::Result<(Day, Standing)> {
        let own = &self.sites[site];
        let day = own.day(at);
        let known = self.resume.days.get(&*own.name).and_then(|days| days.get(&day));
        let standing = match known {
            Some(standing) => *standing,
            None => {
                let standing = self.runtime.block_on(self.stands(own, day))?;
                let days = self.resume.days.entry(own.name.to_string()).or_default();
                days.insert(day, standing);
                // Before anything of it is sent.
                self.folder.keep(&self.resume)?;
                standing
            }
        };
        let of_site = &mut self.of_sites[site];
        of_site.span = own.day_start(day)..own.day_start(day + Days::new(1));
        of_site.last = Some((day, standing));
        Ok((day, standing))
    }

    async fn stands(&self, site: &Site, day: Day) -> Result<Standing> {
        if self.store.is_frozen(&site.name, Month::of(day)).await? {
            return Ok(Standing::Gone);
        }
        let version = self.store.versions(&site.name, &[day]).await?.pop().unwrap_or_default();
        Ok(match version == 0 || self.resume.force {
            true => Standing::Counted,
            false => Standing::HasCounts,
        })
    }
}
