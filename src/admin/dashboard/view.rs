//! What the reader of the dashboard chose, and the links that change one choice and keep the rest.

use crate::admin::params::Params;
use crate::clock::Millis;
use crate::model::rollup::Dimension;
use crate::model::site::{Day, Site};
use crate::report::{Before, Filter, Interval, Invalid, Period, Property, Range};
use chrono::{DateTime, Days, Months, NaiveDateTime};

/// Parameters that a link keeps, in the order they are written.
const KEPT: [&str; 19] = [
    "site_id", "period", "date", "compare", "filters", "page", "pages", "sources", "places",
    "devices", "bots", "errors", "files", "events", "blind", "caches", "heat", "screen", "more",
];

/// Filter that leaves robots out that are only suspected.
pub(super) const WITHOUT_SUSPECTED: &str = "visit:suspected==no";

/// Days up to which a chart shows each.
const DAILY_MAX: i64 = 100;

pub(super) struct View {
    pub site: Site,
    pub period: Period,
    pub range: Range,
    pub today: Day,
    pub now: Millis,
    pub filter: Option<Filter>,
    /// What the totals are compared with, if they are.
    pub before: Option<Before>,
    chosen: Vec<(&'static str, String)>,
}

impl View {
    pub fn read(site: &Site, params: &Params, now: Millis) -> Result<Self, Invalid> {
        params.only(&[&KEPT, &["first", "last"]])?;
        let today = site.day(now);
        let mut chosen: Vec<(&'static str, String)> = KEPT
            .into_iter()
            .filter_map(|name| Some((name, params.get(name)?.to_owned())))
            .filter(|(_, value)| !value.is_empty())
            .collect();
        // The form for a custom period has a field for each end.
        if let (Some(first), Some(last)) = (params.get("first"), params.get("last")) {
            chosen.retain(|(name, _)| !matches!(*name, "period" | "date"));
            chosen.push(("period", "custom".into()));
            chosen.push(("date", format!("{first},{last}")));
        }
        let get = |name| {
            chosen.iter().find_map(|(known, value)| (*known == name).then_some(value.as_str()))
        };
        let period = get("period").map_or(Ok(Period::Day), Period::parse)?;
        let range = period.range(get("date"), today, true)?;
        let filter = match get("page") {
            Some(page) => Some(Filter::exactly(Property::parse("event:page")?, page)),
            None => get("filters")
                .map_or(Ok(None), Filter::parse)?
                .map(|filter| filter.with_goals(&site.goals, false))
                .transpose()?,
        };
        let before = match get("compare") {
            Some("none") => None,
            None | Some("previous_period") => Some(Before::new(period, range, site, now)),
            Some(other) => {
                return Err(Invalid::unknown("compare", other, ["previous_period", "none"]));
            }
        };
        Ok(Self { site: site.clone(), period, range, today, now, filter, before, chosen })
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.chosen.iter().find_map(|(known, value)| (*known == name).then_some(value.as_str()))
    }

    /// The page whose own view this is.
    pub fn page(&self) -> Option<&str> {
        self.get("page")
    }

    /// Whether anyone behaved like a robot in this range.
    pub fn suspected(&self, days: &crate::report::Days) -> bool {
        let range = self.elapsed();
        days.range(range.first..=range.last)
            .any(|(_, counts)| counts.row(Dimension::Suspected, "yes").pageviews() > 0)
    }

    /// What of the range has come: totals compare that much with as much before.
    pub fn elapsed(&self) -> Range {
        self.range.until(self.today)
    }

    /// The days whose counts are needed.
    pub fn days(&self) -> Range {
        let range = self.elapsed();
        match &self.before {
            Some(before) => Range { first: before.range.first, ..range },
            None => range,
        }
    }

    /// A time as it is where the site is.
    pub fn local(&self, at: Millis) -> NaiveDateTime {
        let at = DateTime::from_timestamp_millis(at).unwrap_or_default();
        at.with_timezone(&self.site.timezone).naive_local()
    }

    pub fn interval(&self) -> Interval {
        match self.range.len() {
            1 => Interval::Hour,
            2..=DAILY_MAX => Interval::Day,
            _ => Interval::Month,
        }
    }

    /// The property filtered by.
    pub fn property(&self) -> Option<&Property> {
        self.filter.as_ref().map(Filter::property)
    }

    /// The parameters of this view with some changed or, where `None`, dropped.
    pub fn parameters<'a>(
        &'a self,
        changes: &'a [(&'a str, Option<&'a str>)],
    ) -> impl Iterator<Item = (&'static str, &'a str)> {
        KEPT.into_iter().filter_map(|name| {
            let value = match changes.iter().find(|(changed, _)| *changed == name) {
                Some((_, value)) => *value,
                None => self.get(name),
            };
            Some((name, value?))
        })
    }

    /// A link to it with these changes.
    pub fn link(&self, changes: &[(&str, Option<&str>)]) -> String {
        form_urlencoded::Serializer::for_suffix(String::from("/?"), 2)
            .extend_pairs(self.parameters(changes))
            .finish()
    }

    /// Links to the periods before and after; `None` where there is nothing to go to.
    pub fn neighbours(&self) -> (Option<String>, Option<String>) {
        if self.period == Period::Custom {
            return (None, None);
        }
        let Range { first, last } = self.range;
        // A number of days ends before its anchor.
        let before = match self.period.whole_days() {
            Some(_) => first,
            None => first - Days::new(1),
        };
        let before = before.to_string();
        let after = match self.period {
            Period::Months6 => last + Months::new(6),
            Period::Months12 => last + Months::new(12),
            period => last + Days::new(period.whole_days().map_or(1, |days| days + 1)),
        };
        let after = (last < self.today).then(|| {
            let date = (after < self.today).then(|| after.to_string());
            self.link(&[("date", date.as_deref())])
        });
        (Some(self.link(&[("date", Some(&before))])), after)
    }
}
