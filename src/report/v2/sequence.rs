//! Questions about what visits did one after the other: journeys through a page, funnels, the time
//! until a goal. Event rows answer them, so they apply to the past and take any filter.

use super::read::{list, wrong};
use super::{Include, Rows, Span, filters};
use crate::clock::{Millis, SECOND};
use crate::model::goal::{Goal, STEPS_MAX, Target};
use crate::model::site::{Day, Site};
use crate::report::filter::plain_part;
use crate::report::funnel::steps;
use crate::report::scan::{self, Branch, Expr};
use crate::report::{Invalid, Property, Range};
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;

/// Pages of one step of a journey, if the question does not say; and at most.
const PAGES: usize = 10;
const PAGES_MAX: usize = 100;

/// Such a question.
#[derive(Debug, Clone, PartialEq)]
pub struct Sequence {
    ask: Ask,
    span: Span,
    filter: Option<Expr>,
    partial: bool,
    today: Day,
}

#[derive(Debug, Clone, PartialEq)]
enum Ask {
    Journeys { page: String, limit: usize },
    Funnel { name: Option<Arc<str>>, steps: Vec<Target> },
    TimeToGoal(Goal),
}

impl Sequence {
    /// Which pages visits viewed before a page, and after it: `page`, `limit`.
    ///
    /// # Errors
    /// One line that names what is wrong; so for the others.
    pub fn journeys(body: &Json, site: &Site, now: Millis) -> Result<Self, Invalid> {
        Self::read(body, &["page", "limit"], site, now, |body| {
            let Some(Json::String(page)) = body.get("page") else {
                return wrong("`page` is missing, for example \"/pricing\"");
            };
            let page = plain_part(page, &Property::parse("event:page")?);
            let limit = match body.get("limit") {
                None | Some(Json::Null) => PAGES,
                Some(value) => match value.as_u64().map(|n| n as usize) {
                    Some(n) if (1..=PAGES_MAX).contains(&n) => n,
                    _ => {
                        return wrong(format!(
                            "invalid limit `{value}`: it is a whole number from 1 to {PAGES_MAX}"
                        ));
                    }
                },
            };
            Ok(Ask::Journeys { page, limit })
        })
    }

    /// How many visits did the steps of a funnel: that of a `name`, or `steps` like those in the
    /// settings.
    pub fn funnel(body: &Json, site: &Site, now: Millis) -> Result<Self, Invalid> {
        Self::read(body, &["name", "steps"], site, now, |body| match body.get("name") {
            Some(Json::String(name)) if !body.contains_key("steps") => {
                let known = site.funnels.iter().find(|funnel| *funnel.name == **name);
                let known = known.ok_or_else(|| {
                    Invalid::unknown("funnel", name, site.funnels.iter().map(|f| &*f.name))
                })?;
                Ok(Ask::Funnel { name: Some(known.name.clone()), steps: known.steps.clone() })
            }
            None => {
                let read = |step: &Json| match step.as_str().map(str::parse) {
                    Some(Ok(target)) => Ok(target),
                    Some(Err(why)) => wrong(format!("invalid step {why}")),
                    None => wrong("a step is a text like \"page /cart\" or \"event Purchase\""),
                };
                let steps = list(body.get("steps"), "steps")?;
                let steps = steps.iter().map(read).collect::<Result<Vec<Target>, _>>()?;
                match steps.len() {
                    2..=STEPS_MAX => Ok(Ask::Funnel { name: None, steps }),
                    0 => wrong("`name` or `steps` is missing"),
                    n => wrong(format!("there are {n} steps; a funnel has 2 to {STEPS_MAX}")),
                }
            }
            _ => wrong("a funnel has a `name`, which is text, or `steps`, not both"),
        })
    }

    /// How long visitors took from their first view of a day until they reached a goal: `goal`.
    pub fn time_to_goal(body: &Json, site: &Site, now: Millis) -> Result<Self, Invalid> {
        Self::read(body, &["goal"], site, now, |body| {
            let Some(Json::String(name)) = body.get("goal") else {
                return wrong("`goal` is missing: the name of one");
            };
            let known = site.goals.iter().find(|goal| *goal.name == **name);
            known.cloned().map(Ask::TimeToGoal).ok_or_else(|| {
                Invalid::unknown("goal", name, site.goals.iter().map(|goal| &*goal.name))
            })
        })
    }

    fn read(
        body: &Json,
        own: &[&str],
        site: &Site,
        now: Millis,
        ask: impl FnOnce(&Map<String, Json>) -> Result<Ask, Invalid>,
    ) -> Result<Self, Invalid> {
        let Some(body) = body.as_object() else { return wrong("the question is no JSON object") };
        let known = || ["site_id", "date_range", "filters", "include"].iter().chain(own).copied();
        if let Some(key) = body.keys().find(|key| !known().any(|known| known == *key)) {
            return Err(Invalid::unknown("key", key, known().collect::<Vec<_>>()));
        }
        let include = Include::read_some(body.get("include"), &["today", "partial"])?;
        let span = Span::read(body.get("date_range"), site, now, include.today)?;
        if span.times.is_some() {
            return wrong("what visits did is told by whole days: ask for days");
        }
        let filter = filters::read(list(body.get("filters"), "filters")?, &site.goals)?;
        if filter.iter().flat_map(Expr::properties).any(Property::counts_responses) {
            return wrong("what visits did is filtered by properties of events and visits only");
        }
        Ok(Self { ask: ask(body)?, span, filter, partial: include.partial, today: site.day(now) })
    }

    /// The days that it is about.
    pub fn range(&self) -> Range {
        self.span.range
    }

    /// The JSON object of the response.
    ///
    /// # Errors
    /// If not all rows of its days are kept.
    pub fn answer(&self, site: &Site, rows: &Rows) -> Result<Json, Invalid> {
        let mut meta = Map::new();
        let mut range = self.span.counted(rows.days.keys(), self.today);
        if let Some(first) = rows.kept_part(range, self.partial, None)? {
            range.first = first;
            meta.insert("partial_from".into(), json!(first));
        }
        let days = rows.days.range(range.first..=range.last).map(|(_, day)| &**day);
        let filter = self.filter.as_ref();
        let results = match &self.ask {
            Ask::Journeys { page, limit } => {
                let told = scan::journeys(site, days, page, filter);
                json!({
                    "page": page,
                    "visits": told.before.visits,
                    "entries": told.before.ends,
                    "exits": told.after.ends,
                    "before": pages(&told.before, ("entries", "before"), *limit),
                    "after": pages(&told.after, ("exits", "after"), *limit),
                })
            }
            Ask::Funnel { name, steps: targets } => {
                let visits = scan::funnel(site, days, targets, filter);
                let steps = steps(&visits, targets);
                let conversion = steps.last().and_then(|step| step.of_all);
                json!({ "name": name, "conversion_rate": conversion, "steps": steps })
            }
            Ask::TimeToGoal(goal) => {
                let times = scan::times_to_goal(site, days, &goal.target, filter);
                let seconds = |share: f64| quantile(&times, share).map(|time| time / SECOND);
                let [p25, median, p75, p90] = [0.25, 0.5, 0.75, 0.9].map(seconds);
                json!({ "goal": *goal.name, "visitors": times.len(),
                    "seconds": { "p25": p25, "median": median, "p75": p75, "p90": p90 } })
            }
        };
        let query = json!({ "date_range": self.span.echo(range, site) });
        Ok(json!({ "results": results, "meta": meta, "query": query }))
    }
}

/// The pages of a step, those with most visits first, and in each the pages one step further.
fn pages(branch: &Branch, (ends, further): (&str, &str), limit: usize) -> Json {
    let mut all: Vec<_> = branch.pages.iter().collect();
    // Pages come in the order of their names, which stays among those with as many visits.
    all.sort_by_key(|(_, branch)| std::cmp::Reverse(branch.visits));
    let page = |(page, branch): (&Arc<str>, &Branch)| {
        let inner = pages(branch, (ends, further), limit);
        let mut told = json!({ "page": **page, "visits": branch.visits, ends: branch.ends });
        if inner.as_array().is_some_and(|inner| !inner.is_empty()) {
            told[further] = inner;
        }
        told
    };
    all.into_iter().take(limit).map(page).collect()
}

/// The smallest of sorted times that a share of all, from 0 to 1, does not exceed.
fn quantile(times: &[Millis], share: f64) -> Option<Millis> {
    let rank = (times.len() as f64 * share).ceil() as usize;
    times.get(rank.saturating_sub(1)).copied()
}
