//! What an import has counted, and what not and why: for people, at its end.

use crate::model::rollup::{Metric, Row};
use crate::model::{Hit, PageKind, What};
use std::collections::BTreeMap;
use std::fmt;

/// Lines that fit nothing, of which so many are shown.
const SHOWN: usize = 5;

/// Characters of such a line.
const SHOWN_MAX: usize = 120;

/// Why a line counts as nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    Asset,
    Redirect,
    Method,
    Part,
    Status,
    Fetched,
    Ours,
    Excluded,
    OtherHost,
    NoHost,
    NoRequest,
    TimeBeyond,
    Disorder,
    DayCounted,
    DayGone,
    Before,
    Misfit,
    TooLong,
}

impl Why {
    fn words(self) -> &'static str {
        match self {
            Self::Asset => "assets: styles, scripts, images, data",
            Self::Redirect => "redirects",
            Self::Method => "other methods than GET",
            Self::Part => "parts of files",
            Self::Status => "statuses that no report is of (401, 403 …), or of no page",
            Self::Fetched => "fetched by a script or for a frame, as the request's headers say",
            Self::Ours => "headcount's own script and beacons",
            Self::Excluded => "left out by the settings (exclude, privacy)",
            Self::OtherHost => "of hosts that no site has",
            Self::NoHost => "of no host that is told: --site says which site they are of",
            Self::NoRequest => "no request: a scan, a broken connection",
            Self::TimeBeyond => "from the future, or before 1995",
            Self::Disorder => "of a day before the last one: the log is not in the order of time",
            Self::DayCounted => "of days that have counts already: --force adds to them",
            Self::DayGone => "of months whose days were let go",
            Self::Before => "imported before",
            Self::Misfit => "lines that do not fit the format",
            Self::TooLong => "lines that are longer than 64 KiB",
        }
    }
}

/// What was read so far.
#[derive(Debug, Default)]
pub struct Summary {
    pub lines: u64,
    pub views: u64,
    pub errors: u64,
    pub downloads: u64,
    pub feeds: u64,
    pub bots: u64,
    pub prefetches: u64,
    pub not: BTreeMap<Why, u64>,
    misfits: Vec<String>,
    /// Robots could not be told from people in some of the logs.
    pub without_agents: bool,
}

impl Summary {
    /// A line counts as this.
    pub fn counted(&mut self, hit: &Hit) {
        match &hit.what {
            What::Answered(answered) => match answered.kind {
                PageKind::Error => self.errors += 1,
                PageKind::Prefetch => self.prefetches += 1,
                _ => self.views += 1,
            },
            What::Download { .. } => self.downloads += 1,
            What::Feed { .. } => self.feeds += 1,
            _ => self.bots += 1,
        }
    }

    /// A line counts as nothing.
    pub fn not(&mut self, why: Why) {
        *self.not.entry(why).or_default() += 1;
    }

    /// A line fits nothing.
    pub fn misfit(&mut self, log: &str, number: u64, line: &[u8]) {
        self.not(Why::Misfit);
        if self.misfits.len() < SHOWN {
            self.misfits.push(format!("{log}, line {number}: {}", shown(line)));
        }
    }

    /// With lines that follow.
    pub fn add(&mut self, next: Self) {
        self.lines += next.lines;
        for (why, n) in next.not {
            *self.not.entry(why).or_default() += n;
        }
        let room = SHOWN - self.misfits.len();
        self.misfits.extend(next.misfits.into_iter().take(room));
    }

    /// All of it, with the sums of what was counted.
    pub fn told<'s>(&'s self, sums: &'s Row, days: usize) -> Told<'s> {
        Told { summary: self, sums, days }
    }
}

/// See [`Summary::told`].
pub struct Told<'s> {
    summary: &'s Summary,
    sums: &'s Row,
    days: usize,
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { summary, sums, days } = self;
        let Summary { lines, views, errors, downloads, feeds, bots, prefetches, .. } = summary;
        let (visitors, visits) = (sums.get(Metric::Visitors), sums.get(Metric::Visits));
        writeln!(f, "{lines} lines of {days} days were counted as")?;
        writeln!(f, "{views:>12} pageviews, of {visitors} visitors in {visits} visits")?;
        for (n, what) in [
            (bots, "answers to robots"),
            (errors, "broken links and errors"),
            (downloads, "requests for files"),
            (feeds, "fetches of feeds"),
            (prefetches, "pages fetched ahead"),
        ] {
            if *n > 0 {
                writeln!(f, "{n:>12} {what}")?;
            }
        }
        let not: u64 = summary.not.values().sum();
        if not > 0 {
            writeln!(f, "and {not} as nothing:")?;
        }
        for (why, n) in &summary.not {
            writeln!(f, "{n:>12} {}", why.words())?;
        }
        for misfit in &summary.misfits {
            writeln!(f, "{:>12} {misfit}", "")?;
        }
        if summary.without_agents {
            writeln!(
                f,
                "The log has no user agents: robots are counted as people, and people by address."
            )?;
        }
        Ok(())
    }
}

/// A line as a terminal may show it.
pub fn shown(line: &[u8]) -> String {
    let text: String = line.escape_ascii().to_string().chars().take(SHOWN_MAX).collect();
    if text.len() == SHOWN_MAX { format!("{text} …") } else { text }
}
