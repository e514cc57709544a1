//! What the counts of a period do not tell, though the question as such can be answered: rows of
//! days of which only totals are left, and names that may be among those counted as `(other)`.
//!
//! Such a number is never told as if it were whole: a question about a whole period is refused, and
//! what is only a part of an answer is `null`.

use super::rows::{Selection, Source};
use super::{Days, Interval, Invalid, Range, Reason};
use crate::model::{DayCounts, Detail};

/// # Errors
/// If of a day only totals are left.
pub fn only_totals(days: &Days, range: Range) -> Result<(), Invalid> {
    let mut in_range = days.range(range.first..=range.last);
    match in_range.find(|(_, counts)| counts.detail == Detail::None) {
        Some((day, _)) => Err(Invalid::new(format!(
            "of {day} only totals are left, and those of every property for its whole month: ask \
             for whole months"
        ))
        .because(Reason::OnlyTotals { day: *day })),
        None => Ok(()),
    }
}

impl Selection<'_> {
    /// # Errors
    /// If days of a period do not tell all that it is about.
    pub(super) fn check_days(&self, days: &Days, range: Range) -> Result<(), Invalid> {
        if matches!(self.source, Source::Total | Source::Evidence) {
            return Ok(());
        }
        only_totals(days, range)?;
        let mut in_range = days.range(range.first..=range.last);
        match in_range.find(|(_, counts)| self.hides(counts)) {
            Some((day, _)) => Err(Invalid::new(format!(
                "of {day} it is not known what the filter matches: it had more names than have rows \
                 of their own, and the others, which are counted as `(other)`, may match as well; \
                 ask for single values"
            ))),
            None => Ok(()),
        }
    }

    /// Whether a day tells all that it is about, in steps of `interval`.
    pub(super) fn is_told_by(&self, counts: &DayCounts, interval: Interval) -> bool {
        match (self.source, counts.detail) {
            (Source::Total | Source::Evidence, _) => true,
            (_, Detail::None) => false,
            (_, Detail::Month) if interval != Interval::Month => false,
            (_, Detail::Month | Detail::Rows) => !self.hides(counts),
        }
    }
}
