//! What rows tell of a way through a funnel.

use super::scan::{self, DayRows, Expr};
use super::{Days, Range};
use crate::model::goal::{Funnel, Goal, Target};
use crate::model::rollup::{Dimension, Metric as Stored, join};
use crate::model::site::Site;
use serde::Serialize;

/// A step of a funnel.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    pub label: String,
    /// Visits that came to it, by all steps before it.
    pub visits: i64,
    /// Percent of the first step's visits, and of the step's before; unknown where there were
    /// none.
    pub of_all: Option<f64>,
    pub of_previous: Option<f64>,
}

/// The steps of a funnel, since it was configured.
pub fn funnel(days: &Days, range: Range, funnel: &Funnel) -> Vec<Step> {
    let visits: Vec<i64> = (1..=funnel.steps.len())
        .map(|nth| {
            let value = join([&*funnel.name, &nth.to_string()]);
            days.range(range.first..=range.last)
                .map(|(_, counts)| counts.row(Dimension::FunnelStep, &value).get(Stored::Visits))
                .sum()
        })
        .collect();
    steps(&visits, &funnel.steps)
}

/// The same from event rows of days, for visits that a filter lets through.
pub fn funnel_by_rows<'d>(
    site: &Site,
    days: impl IntoIterator<Item = &'d DayRows>,
    funnel: &Funnel,
    filter: Option<&Expr>,
) -> Vec<Step> {
    steps(&scan::funnel(site, days, &funnel.steps, filter), &funnel.steps)
}

/// Whether a filter asks for the goal or event that a funnel ends with. The visits that it lets
/// through would say little of the steps.
pub fn asks_for_end(funnel: &Funnel, goals: &[Goal], filter: &Expr) -> bool {
    let Some(end) = funnel.steps.last() else { return false };
    match filter {
        Expr::All(exprs) => exprs.iter().any(|expr| asks_for_end(funnel, goals, expr)),
        Expr::Has(property, wanted) if property.is_goal() => {
            let is_wanted = |goal: &&Goal| wanted.iter().any(|wanted| wanted.fits(&goal.name));
            goals.iter().filter(is_wanted).any(|goal| goal.target == *end)
        }
        Expr::Has(property, wanted) if property.as_str() == "event:name" => match end {
            Target::Event(name) => wanted.iter().any(|wanted| wanted.fits(name)),
            Target::Page(_) => false,
        },
        _ => false,
    }
}

/// The steps of a funnel, by the visits that came to each.
pub(super) fn steps(visits: &[i64], targets: &[Target]) -> Vec<Step> {
    let percent =
        |n: i64, of: i64| (of > 0).then(|| (n as f64 / of as f64 * 1000.0).round() / 10.0);
    targets
        .iter()
        .enumerate()
        .map(|(i, target)| Step {
            label: target.to_string(),
            visits: visits[i],
            of_all: percent(visits[i], visits[0]),
            of_previous: percent(visits[i], visits[i.saturating_sub(1)]),
        })
        .collect()
}
