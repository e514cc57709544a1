//! Where a question is answered from: roll-ups where they suffice, else event rows.

use super::{By, Query};
use crate::model::site::{Day, Site};
use crate::report::known::Known;
use crate::report::scan::{Asked, DayRows, is_told_by_rows};
use crate::report::{Filter, Interval, Invalid, Metric, Property, Range, Selection, filter};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where from.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Plan {
    /// Roll-ups tell all of it.
    RollUps,
    /// Roll-ups tell some of its metrics; rows all that there are.
    Either,
    /// Roll-ups do not tell it, and this is why.
    Rows(Invalid),
}

/// Event rows of the days that a question is about.
#[derive(Debug, Default)]
pub struct Rows {
    /// A day without any may be missing.
    pub days: BTreeMap<Day, Arc<DayRows>>,
    /// The first day of which all rows are kept, as they are of all days after it. `None`: of all
    /// that was ever counted.
    pub covered_from: Option<Day>,
}

impl Rows {
    pub(super) fn cover(&self, range: Range) -> bool {
        self.covered_from.is_none_or(|first| first <= range.first)
    }

    /// The first day of a range that is covered, if it is not the range's own and `partial` answers
    /// are wanted. `why` the answer takes rows, if that is to be said.
    ///
    /// # Errors
    /// If the range is not covered, and a part of it does not do or there is none.
    pub(super) fn kept_part(
        &self,
        range: Range,
        partial: bool,
        why: Option<&Invalid>,
    ) -> Result<Option<Day>, Invalid> {
        let Some(first) = self.covered_from.filter(|_| !self.cover(range)) else { return Ok(None) };
        let why = why.map_or_else(String::new, |why| format!("{why}; "));
        match partial {
            _ if first > range.last => Err(Invalid::new(format!(
                "{why}event rows would tell it, and of these days there are none"
            ))),
            true => Ok(Some(first)),
            false => Err(Invalid::new(format!(
                "{why}event rows tell it, and all of them are kept from {first} on: ask for days \
                 since then, or in version 2 with include.partial for what there is"
            ))),
        }
    }
}

impl Query {
    /// Finds out where it is answered from, and what is to be said of metrics that cannot be told.
    pub(super) fn plan(&mut self, filters: &[Json], site: &Site) -> Result<Plan, Invalid> {
        let by_rows = self.check_rows();
        Ok(match (self.plan_rollups(filters, site), by_rows) {
            (Ok(()), Ok(())) if !self.warnings.is_empty() => Plan::Either,
            (Ok(()), _) => Plan::RollUps,
            (Err(why), Ok(())) => Plan::Rows(why),
            // Rows do not help either: the reason given is that of the roll-ups.
            (Err(why), Err(_)) => return Err(why),
        })
    }

    /// Checks that roll-ups can tell it.
    fn plan_rollups(&mut self, filters: &[Json], site: &Site) -> Result<(), Invalid> {
        let wrong = |line: &str| Err(Invalid::new(line));
        if self.span.times.is_some() {
            return wrong("parts of days cannot be told: counts are kept by whole days");
        }
        let by = match self.dimensions.as_slice() {
            [] => None,
            [by] => Some(by),
            _ => return wrong("counts are kept by one property at a time: ask for one dimension"),
        };
        let rows = match by {
            Some(By::Property(property)) => Some(property),
            _ => None,
        };
        let mut conditions = Vec::new();
        for filter in filters {
            filter::read(filter, false, &mut conditions)?;
        }
        let among_events = rows.is_some_and(|property| property.event_key().is_some());
        let filter = Filter::of(conditions)?;
        let filter =
            filter.map(|filter| filter.with_goals(&site.goals, among_events)).transpose()?;
        filter::check_goals(rows, &site.goals)?;
        if by == Some(&By::Time(Interval::Minute)) {
            return wrong("minutes cannot be told: counts are kept by quarters of an hour");
        }
        if by == Some(&By::Time(Interval::Hour)) && filter.is_some() {
            return wrong(
                "hours cannot be filtered: they are kept for all of a site's traffic; \
                 ask for time:day",
            );
        }
        let selection = Selection::new(rows, filter.as_ref())?;
        let property = rows.or(filter.as_ref().map(Filter::property));
        selection.check(&self.metrics, property)?;
        let why_not = |metric: &Metric| Some((*metric, selection.why_not(*metric, property)?));
        let warnings: Vec<_> = self.metrics.iter().filter_map(why_not).collect();
        for (metric, why) in warnings {
            self.warn(metric, "not_known", &why);
        }
        self.filter = filter;
        Ok(())
    }

    /// Checks that rows can tell it.
    fn check_rows(&self) -> Result<(), Invalid> {
        if let Some(property) = self.properties().find(|property| !is_told_by_rows(property)) {
            return Err(Invalid::new(format!("rows do not tell `{}`", property.as_str())));
        }
        let mut reasons = self.metrics.iter().map(|metric| self.why_not_by_rows(*metric));
        match reasons.next() {
            Some(Some(why)) if reasons.all(|why| why.is_some()) => Err(Invalid::new(why)),
            _ => Ok(()),
        }
    }

    /// Why rows do not tell a metric; `None` if they do.
    pub(super) fn why_not_by_rows(&self, metric: Metric) -> Option<String> {
        let name = metric.as_str();
        match metric {
            Metric::ConversionRate | Metric::GroupConversionRate => {
                (!self.is_of_actions()).then(|| format!("`{name}` needs `event:goal`"))
            }
            Metric::Events | Metric::Conversions => None,
            Metric::Pageviews
            | Metric::ServerPageviews
            | Metric::ConfirmedPageviews
            | Metric::BrowserPageviews
            | Metric::BlindSpot
                if self.counts_goals() =>
            {
                Some(format!("`{name}` is not known of goals: what reaches one counts as an event"))
            }
            _ if metric.is_told(self.leading(), Known::ALL) => None,
            _ => Some(format!("`{name}` is not known of such rows")),
        }
    }

    pub(super) fn warn(&mut self, metric: Metric, code: &str, warning: &str) {
        let warning = json!({ "code": code, "warning": warning });
        self.warnings.insert(metric.as_str().to_owned(), warning);
    }

    /// What is asked of the rows of a day, but for the time.
    pub(super) fn asked(&self) -> Asked {
        Asked {
            by: self.dimensions.clone(),
            filter: self.expr.clone(),
            times: None,
            with_unset: self.dimensions.len() > 1,
            as_stored: self.as_stored,
        }
    }

    pub(super) fn counts_goals(&self) -> bool {
        self.asked().counts_goals()
    }

    /// All that it is about.
    pub(super) fn properties(&self) -> impl Iterator<Item = &Property> {
        let dimensions = self.dimensions.iter().filter_map(|by| match by {
            By::Property(property) => Some(property),
            By::Time(_) => None,
        });
        dimensions.chain(self.expr.iter().flat_map(|expr| expr.properties()))
    }

    /// The property that says what metrics of rows mean; `None`: what they mean of all traffic.
    pub(super) fn leading(&self) -> Option<&Property> {
        let named = |name: &'static str| self.properties().find(move |p| p.as_str() == name);
        let responses = self.properties().find(|property| property.counts_responses());
        let exits = || match self.dimensions.as_slice() {
            [By::Property(property)] if property.as_str() == "visit:exit_page" => Some(property),
            _ => None,
        };
        responses.or_else(|| named("event:page")).or_else(exits)
    }

    /// Whether it is about goals, or what else visitors do.
    pub(super) fn is_of_actions(&self) -> bool {
        self.properties().any(Property::counts_actions)
    }
}
