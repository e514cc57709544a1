//! A question, checked: what the Stats API may be asked.

use super::filter;
use super::{Before, Filter, Interval, Invalid, Metric, Period, Property, Range, Selection};
use crate::clock::Millis;
use crate::model::site::Site;

/// Rows of a breakdown, if the question does not say how many; and at most.
const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1_000;

/// A question that can be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub range: Range,
    pub metrics: Vec<Metric>,
    pub filter: Option<Filter>,
    pub shape: Shape,
}

/// What the answer looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// One number a metric; with `compare`, also how it changed since then.
    Aggregate { compare: Option<Before> },
    /// A row for every step of the range.
    Timeseries { interval: Interval },
    /// A row for every value of a property, `page` counted from 1.
    Breakdown { property: Property, limit: usize, page: usize },
}

impl Question {
    /// Reads a question about totals of a site. `param` gives a query parameter by name.
    ///
    /// # Errors
    /// One line that names the parameter that is wrong; so for the others.
    pub fn aggregate<'a>(
        param: impl Fn(&str) -> Option<&'a str>,
        site: &Site,
        now: Millis,
    ) -> Result<Self, Invalid> {
        let compare = Self::compares(&param)?;
        Self::read(param, site, now, |period, range| {
            let before = || Before::new(period, range, site, now);
            Ok(Shape::Aggregate { compare: compare.then(before) })
        })
    }

    pub fn timeseries<'a>(
        param: impl Fn(&str) -> Option<&'a str>,
        site: &Site,
        now: Millis,
    ) -> Result<Self, Invalid> {
        let asked = param("interval").map(Interval::parse).transpose()?;
        let question = Self::read(param, site, now, |period, _| {
            let interval = asked.unwrap_or_else(|| period.default_interval());
            Ok(Shape::Timeseries { interval })
        })?;
        match (&question.filter, &question.shape) {
            (Some(filter), Shape::Timeseries { interval: Interval::Hour }) => {
                Err(Invalid::new(format!(
                    "hours cannot be filtered by `{}`: they are kept for all of a site's traffic; \
                     ask for interval=day",
                    filter.property().as_str()
                )))
            }
            _ => Ok(question),
        }
    }

    pub fn breakdown<'a>(
        param: impl Fn(&str) -> Option<&'a str>,
        site: &Site,
        now: Millis,
    ) -> Result<Self, Invalid> {
        let (property, limit, page) = Self::rows_of(&param)?;
        Self::read(param, site, now, |_, _| Ok(Shape::Breakdown { property, limit, page }))
    }

    /// Whether totals are to be compared.
    pub(super) fn compares<'a>(param: &impl Fn(&str) -> Option<&'a str>) -> Result<bool, Invalid> {
        match param("compare") {
            None => Ok(false),
            Some("previous_period") => Ok(true),
            Some(other) => Err(Invalid::new(format!(
                "invalid compare `{other}`: only previous_period can be compared with"
            ))),
        }
    }

    /// What a breakdown is by, how many rows it has, and which page of them is asked for.
    pub(super) fn rows_of<'a>(
        param: &impl Fn(&str) -> Option<&'a str>,
    ) -> Result<(Property, usize, usize), Invalid> {
        let name = param("property").ok_or_else(|| {
            Invalid::new("a breakdown needs `property`, for example property=event:page")
        })?;
        let property = Property::parse(name)?;
        let limit = number(param("limit"), "limit", LIMIT, LIMIT_MAX)?;
        let page = number(param("page"), "page", 1, usize::MAX / LIMIT_MAX)?;
        Ok((property, limit, page))
    }

    fn read<'a>(
        param: impl Fn(&str) -> Option<&'a str>,
        site: &Site,
        now: Millis,
        shape: impl FnOnce(Period, Range) -> Result<Shape, Invalid>,
    ) -> Result<Self, Invalid> {
        // There is nothing imported to leave out.
        flag(&param, "with_imported")?;
        let (period, range) = Period::read(&param, site.day(now))?;
        let shape = shape(period, range)?;
        let filter = param("filters").map_or(Ok(None), Filter::parse)?;
        let question = Self { range, metrics: Vec::new(), filter, shape };
        let among_events = question.rows().is_some_and(|by| by.event_key().is_some());
        let filter = question.filter.clone();
        let filter = filter.map(|filter| filter.with_goals(&site.goals, among_events));
        let question = Self { filter: filter.transpose()?, ..question };
        filter::check_goals(question.rows(), &site.goals)?;
        let selection = question.selection()?;
        let default = Metric::default_of(question.property());
        let metrics = param("metrics").map_or(Ok(vec![default]), Metric::parse_list)?;
        selection.check(&metrics, question.property())?;
        Ok(Self { metrics, ..question })
    }

    /// The rows that it is about.
    pub(super) fn selection(&self) -> Result<Selection<'_>, Invalid> {
        Selection::new(self.rows(), self.filter.as_ref())
    }

    /// What is to be said of metrics that are `null` in the answer.
    pub fn warning(&self) -> Option<String> {
        let selection = self.selection().ok()?;
        let why_not = |metric: &Metric| selection.why_not(*metric, self.property());
        let reasons: Vec<String> = self.metrics.iter().filter_map(why_not).collect();
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }

    /// The property that rows are told apart by.
    fn rows(&self) -> Option<&Property> {
        match &self.shape {
            Shape::Breakdown { property, .. } => Some(property),
            _ => None,
        }
    }

    /// The property whose rows the answer is made of; `None`: the totals.
    pub fn property(&self) -> Option<&Property> {
        self.rows().or(self.filter.as_ref().map(Filter::property))
    }

    /// The days whose counts are needed.
    pub fn days(&self) -> Range {
        match self.shape {
            Shape::Aggregate { compare: Some(before) } => {
                Range { first: before.range.first, last: self.range.last }
            }
            _ => self.range,
        }
    }
}

/// A parameter that is `true` or, as if it were left out, `false`.
pub(super) fn flag<'a>(
    param: impl Fn(&str) -> Option<&'a str>,
    name: &str,
) -> Result<bool, Invalid> {
    match param(name) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(Invalid::new(format!("invalid {name} `{other}`: it is true or false"))),
    }
}

fn number(text: Option<&str>, name: &str, default: usize, max: usize) -> Result<usize, Invalid> {
    let Some(text) = text else { return Ok(default) };
    text.parse().ok().filter(|n| (1..=max).contains(n)).ok_or_else(|| {
        Invalid::new(format!("invalid {name} `{text}`: it is a whole number from 1 to {max}"))
    })
}
