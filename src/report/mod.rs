//! Answers: pure functions over stored counts.
//!
//! A [`Question`] is what someone may ask, already checked: a [`Question`] that exists can be
//! answered. It says which days it needs; whoever reads stores brings them as [`Days`], and
//! [`answer`] does the sums. The room knows what a stored count means and how Plausible's Stats
//! API v1 words its questions and answers; it knows no HTTP, no store and no clock.
//!
//! Roll-ups hold one dimension a row. So a filter on one property can be answered for totals, for
//! days and for that property's own rows; a combination of two only where both are parts of the
//! same values (an event, its property), and else it is refused.

mod ai;
mod answer;
mod before;
pub mod conditions;
pub mod countries;
mod days;
mod filter;
mod funnel;
mod gaps;
mod heatmap;
mod invalid;
mod known;
mod metric;
mod money;
mod names;
mod period;
mod property;
mod question;
mod rows;
pub mod scan;
mod segment;
#[cfg(test)]
mod tests;
mod timing;
mod v2;

pub use ai::{AiMaker, AiPage, ai_makers, ai_pages, ai_reads};
pub use answer::{Aggregated, Bucket, Slice, aggregate, answer, breakdown, sums, timeseries};
pub use before::Before;
pub use conditions::{Condition, Operator};
pub use days::{DaySum, Days};
pub use filter::Filter;
pub use funnel::{Step, asks_for_end, funnel, funnel_by_rows};
pub use gaps::only_totals;
pub use heatmap::{Clicks, Screen, Scrolls, clicks, outline, scrolls};
pub use invalid::{Invalid, Reason};
pub use metric::{Metric, Sums, Value};
pub use names::name as api_name;
pub use period::{Interval, Period, Range};
pub use property::{Property, evidence};
pub use question::{Question, Shape};
pub use rows::Selection;
pub use scan::{Branch, JOURNEY_STEPS, journeys};
pub use segment::{Segment, Segments, asks_for_segment};
pub use timing::{Percentiles, Rating, Timed, Timings, What};
pub use v2::{
    AnsweredFrom, Answers, Comparison, ComparisonMode, Query, QuerySet, Reworded, Rows, Sequence,
    Span, TimeStep, Total, Weekdays,
};

/// What Plausible calls the event of a pageview.
const PAGEVIEW: &str = "pageview";
