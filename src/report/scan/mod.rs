//! Answers from event rows: any filter, told apart by any properties.
//!
//! What roll-ups hold is one property a row. Here a question is asked of what happened itself:
//! sums of events over the rows that match, measures of visits over the visits that have a matching
//! row, and visitors once each, by day. The sums are those that a roll-up's row holds, so whoever
//! computes metrics of them need not know where they come from.
//!
//! - `column`: the values that rows have of a property;
//! - `day`: the rows of a day, and what only the whole day tells of a visit or a view;
//! - `test`: a filter, made ready for one day's rows;
//! - `count`: what a row counts, and who is there with it;
//! - `groups`: the sums, told apart by `dimension`s: values, or steps of time (`times`);
//! - `pieces`: the same of many days at once;
//! - `sequence`: what visits did one after the other;
//! - `speed`: how long things took;
//! - `ai`: what AI read.

mod ai;
mod column;
mod count;
mod day;
mod dimension;
mod groups;
mod pieces;
mod sequence;
mod speed;
mod test;
#[cfg(test)]
mod tests;
mod times;

use super::{Interval, Invalid, Property, Reason};
use crate::clock::Millis;
use crate::model::glob::Glob;
use crate::model::row::RowsOf;
use regex::{Regex, RegexBuilder};
use std::borrow::Cow;

pub use ai::{AiRead, each_ai_read};
pub use column::is_told_by_rows;
pub use day::DayRows;
pub use groups::Groups;
pub use pieces::scan;
pub use sequence::{Branch, JOURNEY_STEPS, Journeys, funnel, journeys, times_to_goal};
pub use speed::each_time;

/// What rows have to be like.
#[derive(Debug, Clone)]
pub enum Expr {
    All(Vec<Expr>),
    Any(Vec<Expr>),
    Not(Box<Expr>),
    /// The value of a property.
    Has(Property, Vec<Wanted>),
    /// The day's visitor has some row that is like this.
    HasDone(Box<Expr>),
}

/// What a value has to be like: one of these.
#[derive(Debug, Clone)]
pub struct Wanted {
    like: Like,
    ignores_case: bool,
}

#[derive(Debug, Clone)]
enum Like {
    Whole(String),
    Contains(String),
    Glob(Glob),
    Regex(Regex),
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

/// What rows are told apart by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    Property(Property),
    Time(Interval),
}

/// What is asked of a day's rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Asked {
    pub by: Vec<By>,
    pub filter: Option<Expr>,
    /// Rows from the first instant to before the second; of a visit it is enough that one is.
    pub times: Option<(Millis, Millis)>,
    /// Visits that have no value of a property are told apart as `(not set)`; else they are in no
    /// group.
    pub with_unset: bool,
    /// Values are told as they are stored, as roll-ups' rows have them: not by the API's names, and
    /// pageviews are no events.
    pub as_stored: bool,
}

impl Asked {
    /// Whose rows it is about.
    pub fn of(&self) -> RowsOf {
        match self.properties().any(Property::counts_responses) {
            true => RowsOf::Others,
            false => RowsOf::People,
        }
    }

    /// Every property it is about.
    pub fn properties(&self) -> impl Iterator<Item = &Property> {
        let by = self.by.iter().filter_map(|by| match by {
            By::Property(property) => Some(property),
            By::Time(_) => None,
        });
        by.chain(self.filter.iter().flat_map(Expr::properties))
    }

    /// It is about goals that are reached: of these a view is one, and counts as an event.
    pub fn counts_goals(&self) -> bool {
        let is_goal = |by: &By| matches!(by, By::Property(p) if p.is_goal());
        self.by.iter().any(is_goal) || self.filter.iter().any(Expr::reaches_goals)
    }
}

impl Wanted {
    /// This text.
    pub fn whole(text: &str, case_sensitive: bool) -> Self {
        Self::new(text, case_sensitive, Like::Whole)
    }

    /// A text that contains this one.
    pub fn containing(part: &str, case_sensitive: bool) -> Self {
        Self::new(part, case_sensitive, Like::Contains)
    }

    /// A text of this pattern.
    pub fn of_glob(glob: Glob) -> Self {
        Self { like: Like::Glob(glob), ignores_case: false }
    }

    /// A text in which a regular expression is found.
    ///
    /// # Errors
    /// If it is none, or takes too much memory.
    pub fn matching(pattern: &str, case_sensitive: bool) -> Result<Self, Invalid> {
        let regex = RegexBuilder::new(pattern).case_insensitive(!case_sensitive).build();
        let regex = regex.map_err(|error| {
            let why = error.to_string();
            let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
            let escaped = pattern.escape_debug();
            Invalid::new(format!("invalid regular expression `{escaped}`: {why}"))
                .because(Reason::Pattern { text: pattern.to_owned() })
        })?;
        Ok(Self { like: Like::Regex(regex), ignores_case: false })
    }

    fn new(text: &str, case_sensitive: bool, like: fn(String) -> Like) -> Self {
        let text = if case_sensitive { text.to_owned() } else { text.to_lowercase() };
        Self { like: like(text), ignores_case: !case_sensitive }
    }

    pub fn fits(&self, value: &str) -> bool {
        let value = match self.ignores_case {
            true => Cow::from(value.to_lowercase()),
            false => value.into(),
        };
        match &self.like {
            Like::Whole(text) => *text == *value,
            Like::Contains(part) => value.contains(part),
            Like::Glob(glob) => glob.matches(&value),
            Like::Regex(regex) => regex.is_match(&value),
        }
    }
}

impl Expr {
    /// Every property that rows are judged by; what else a visitor has done says nothing of the
    /// rows.
    pub fn properties(&self) -> Vec<&Property> {
        match self {
            Self::All(exprs) | Self::Any(exprs) => {
                exprs.iter().flat_map(Self::properties).collect()
            }
            Self::Not(expr) => expr.properties(),
            Self::HasDone(_) => Vec::new(),
            Self::Has(property, _) => vec![property],
        }
    }

    /// Whether it asks for rows that reach a goal.
    fn reaches_goals(&self) -> bool {
        match self {
            Self::All(exprs) | Self::Any(exprs) => exprs.iter().any(Self::reaches_goals),
            Self::Has(property, _) => property.is_goal(),
            Self::Not(_) | Self::HasDone(_) => false,
        }
    }
}
