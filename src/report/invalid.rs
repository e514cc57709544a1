//! Why a question, or what somebody filled in, cannot be taken.
//!
//! Programs get a line that names what is wrong. Where a person can bring it about, by a form or a
//! link of ours, it also says which of the [`Reason`]s it is: pages word these in their language,
//! of which this room knows nothing.

use super::Property;
use crate::config::nearest;
use crate::model::goal;
use crate::model::site::Day;

/// What cannot be taken, and one line that names why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}")]
pub struct Invalid {
    line: String,
    reason: Option<Reason>,
}

/// What people can bring about by filling in a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// A name or a text is empty, has more characters than these, or some that cannot be seen.
    Length {
        most: usize,
    },
    /// A name has a `=`.
    NameSign,
    /// Something else is called so.
    Taken {
        name: String,
    },
    /// There are as many as there may be.
    Full {
        most: usize,
    },
    /// It takes more bytes than these.
    Long {
        most: usize,
    },
    /// A goal, or a step of a funnel.
    Goal(goal::Wrong),
    /// A step of a funnel has a `>`.
    StepSign {
        step: String,
    },
    NoteGone,
    /// It was changed while the form was filled in, and says this now.
    NoteChanged {
        text: String,
    },
    Address {
        text: String,
    },
    /// A network of all addresses.
    Everybody,
    Origin {
        text: String,
    },
    Origins {
        most: usize,
    },
    /// A link has a password, and may be shown in frames.
    LockedInFrame,
    PublicAlready,
    PersonGone,
    InvitationGone,
    /// A token has no site or no right.
    TokenForNothing,
    Password {
        least: usize,
        most: usize,
    },
    /// The password so far is another.
    OldPassword,
    Day {
        text: String,
    },
    /// The first day is after the last.
    Backwards,
    LongRange {
        years: usize,
    },
    /// A filter has no value.
    NoValue {
        property: Property,
    },
    /// A value is no regular expression.
    Pattern {
        text: String,
    },
    NoGoal {
        name: String,
    },
    NoSegment {
        name: String,
    },
    /// Nothing meets filters by both.
    Apart {
        one: Property,
        other: Property,
    },
    /// What is filtered by tells nothing of a card.
    TellsNothing,
    /// Rows that are sorted by a column do not have it under these filters.
    NoColumn,
    /// Of this day only totals are left.
    OnlyTotals {
        day: Day,
    },
}

impl Invalid {
    /// `line` names what is wrong.
    pub fn new(line: impl Into<String>) -> Self {
        Self { line: line.into(), reason: None }
    }

    /// The same, which people can bring about.
    #[must_use]
    pub fn because(self, reason: Reason) -> Self {
        Self { reason: Some(reason), ..self }
    }

    /// `None`: no form and no link of ours brings it about.
    pub fn reason(&self) -> Option<&Reason> {
        self.reason.as_ref()
    }

    /// There is no such word of this `kind`: `unknown metric `visitor`; did you mean `visitors`?`.
    pub fn unknown<'k>(
        kind: &str,
        word: &str,
        known: impl IntoIterator<Item = &'k str, IntoIter: Clone>,
    ) -> Self {
        let known = known.into_iter();
        let help = match nearest(word, known.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.clone().next().is_none() => "there is none".to_owned(),
            None => format!("there are {}", known.collect::<Vec<_>>().join(", ")),
        };
        Self::new(format!("unknown {kind} `{}`; {help}", word.escape_debug()))
    }
}
