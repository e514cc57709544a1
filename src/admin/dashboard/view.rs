//! What the reader of the dashboard chose, and the links that change one choice and keep the rest.

use super::filter_form::{self, Typing};
use super::look::Look;
use super::time;
use super::topics::Topic;
use super::words::Figures;
use super::{goals, sources};
use crate::admin::params::Params;
use crate::clock::Millis;
use crate::language::Language;
use crate::model::rollup::Dimension;
use crate::model::site::{Day, Site};
use crate::report::scan::is_told_by_rows;
use crate::report::{
    Before, Comparison, Condition, Interval, Invalid, Metric, Operator, Period, Property, QuerySet,
    Range, Segment, Segments, Span, conditions,
};
use chrono::{DateTime, NaiveDateTime};
use maud::{Markup, html};
use serde_json::Value as Json;
use std::sync::Arc;

/// Parameters that a link keeps, in the order they are written.
const KEPT: [&str; 31] = [
    "site_id",
    "topic",
    "period",
    "date",
    "interval",
    "metric",
    "compare",
    "compare_date",
    "match_day_of_week",
    "segment",
    "filters",
    "page",
    "pages",
    "sources",
    "places",
    "devices",
    "events",
    "bots",
    "known",
    "fetched",
    "feeds",
    "unconfirmed",
    "imported",
    "heat",
    "screen",
    "details",
    "search",
    "sort",
    "order",
    "at",
    "embed",
];

/// Fields of forms for days, of which what is kept is made.
const DATES: [&str; 4] = ["first", "last", "compare_first", "compare_last"];
pub(super) struct View {
    pub site: Site,
    pub period: Period,
    pub range: Range,
    /// The first instant and the one after the last, if these are not whole days: then only event
    /// rows can answer.
    pub times: Option<(Millis, Millis)>,
    pub today: Day,
    pub now: Millis,
    /// What is compared with, if anything is, and the days of it.
    pub comparison: Option<Comparison>,
    pub before: Option<Before>,
    pub interval: Interval,
    pub topic: Topic,
    /// What the chart is to show.
    pub metric: Option<Metric>,
    /// All of them are met by what is shown, and the filters of the segment.
    pub conditions: Vec<Condition>,
    pub segment: Option<Segment>,
    /// Those of the site, to choose from.
    pub segments: Arc<Segments>,
    /// Who looks at it, and what they cannot choose.
    pub look: Look,
    /// What is being typed.
    pub typing: Option<Typing>,
    /// Why the numbers are not those of now but the last that were read.
    pub away: Option<String>,
    /// Properties in the filters of the segment and of what the reader is limited to.
    of_segment: Vec<Property>,
    chosen: Vec<(&'static str, String)>,
}

/// What is counted, which says what is worth telling of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// All that visitors do, or a part of it.
    Visits,
    /// What they do on pages.
    Page,
    /// Events, goals that are reached, links that are followed.
    Actions,
    /// What bots were answered, errors, downloads, prefetches, feeds.
    Responses,
}

impl View {
    pub fn read(
        site: &Site,
        segments: Arc<Segments>,
        look: Look,
        params: &Params,
        now: Millis,
    ) -> Result<Self, Invalid> {
        params.only(&[&KEPT, &DATES, &filter_form::FIELDS])?;
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
        if let (Some(first), Some(last)) = (params.get("compare_first"), params.get("compare_last"))
        {
            chosen.retain(|(name, _)| !matches!(*name, "compare" | "compare_date"));
            chosen.push(("compare", "custom".into()));
            chosen.push(("compare_date", format!("{first},{last}")));
        }
        let get = |name| {
            chosen.iter().find_map(|(known, value)| (*known == name).then_some(value.as_str()))
        };
        let typing = Typing::read(params)?;
        let topic = get("topic").map(Topic::parse).transpose()?;
        let Span { period, range, times } = time::span(topic, get, site, now)?;
        let conditions = match get("page") {
            Some(page) => vec![Condition::exactly(Property::parse("event:page")?, page)],
            None => {
                let read = conditions::read(get("filters").unwrap_or_default())?;
                joined(read, filter_form::typed(params, look.say)?)
            }
        };
        let comparison = time::comparison(topic, period, get, today)?;
        let before = comparison.map(|with| with.before((period, range), site, now));
        let told = time::told(range, look.since);
        let interval = time::interval(topic, times.is_some(), told, get("interval"))?;
        let metric = get("metric").map(Metric::read).transpose()?;
        if let Some(other) = get("imported").filter(|word| !["true", "false"].contains(word)) {
            return Err(Invalid::new(format!("invalid imported `{}`", other.escape_debug())));
        }
        let segment = match (get("page"), get("segment")) {
            (None, Some(id)) => Some(segments.get(id)?.clone()),
            _ => None,
        };
        // A page's own view is of all visits: who is limited to some of them has none.
        if look.limit.is_some() && get("page").is_some() {
            return Err(Invalid::new("a page's own view is not part of what is shared here"));
        }
        let mut of_segment = Vec::new();
        for segment in look.limit.iter().chain(&segment) {
            of_segment.extend(segment.properties(&site.goals)?);
        }
        let filtered_by = conditions.iter().map(|condition| &condition.property);
        let family = filtered_by.chain(&of_segment).next().map(Property::family);
        let topic = topic.unwrap_or_else(|| Topic::of_family(family.unwrap_or_default()));
        filter_form::check(
            conditions.iter().map(|condition| &condition.property).chain(&of_segment),
        )?;
        if get("page").is_none() {
            chosen.retain(|(name, _)| *name != "filters");
            chosen.push(("filters", conditions::write(&conditions)));
            chosen.retain(|(_, value)| !value.is_empty());
        }
        let site = site.clone();
        Ok(Self {
            site,
            period,
            range,
            times,
            today,
            now,
            comparison,
            before,
            interval,
            topic,
            metric,
            conditions,
            segment,
            segments,
            look,
            typing,
            away: None,
            of_segment,
            chosen,
        })
    }

    /// In the language that they read.
    pub fn say(&self) -> Language {
        self.look.say
    }

    pub fn figures(&self) -> Figures {
        Figures::new(self.look.say, &self.site)
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.chosen.iter().find_map(|(known, value)| (*known == name).then_some(value.as_str()))
    }

    /// The page whose own view this is: of all visits, from roll-ups, so for all time.
    pub fn page(&self) -> Option<&str> {
        self.get("page")
    }

    /// What is to be asked about what is shown.
    pub fn questions(&self) -> Result<QuerySet, Invalid> {
        let span = Span { period: self.period, range: self.range, times: self.times };
        QuerySet::new(&self.site, span, self.comparison, self.filters(), self.now)
    }

    /// All that has to be met, as version 2 of the API has it.
    pub fn filters(&self) -> Vec<Json> {
        let of_segment = self.look.limit.iter().chain(&self.segment);
        let of_segment = of_segment.flat_map(|segment| segment.filters.clone());
        of_segment.chain(self.conditions.iter().map(Condition::to_json)).collect()
    }

    /// Whether what other programs have counted is to be shown, where it can be.
    pub fn takes_imported(&self) -> bool {
        self.get("imported") != Some("false")
    }

    /// Whether other programs have counted some of its days.
    pub fn has_imported(&self) -> bool {
        self.look.imports.within(self.elapsed()).next().is_some()
    }

    /// Whether there are totals: responses have them where they are filtered by what tells them
    /// apart.
    pub fn has_totals(&self) -> bool {
        matches!(self.topic, Topic::Overview | Topic::Realtime)
            || self.subject() == Subject::Responses
    }

    /// Whether it is told how views are known.
    pub fn has_evidence(&self) -> bool {
        matches!(self.subject(), Subject::Visits | Subject::Page) && self.times.is_none()
    }

    /// Whether everything is shown.
    pub fn is_all(&self) -> bool {
        self.conditions.is_empty() && self.segment.is_none() && self.look.limit.is_none()
    }

    /// Whether it is filtered by what rows tell.
    pub fn is_filtered(&self) -> bool {
        !self.is_all() && self.page().is_none()
    }

    /// Whether all of it is told by event rows, if these are kept.
    pub fn is_of_rows(&self) -> bool {
        self.is_filtered() || self.times.is_some()
    }

    /// Whether event rows are asked: for what they tell, and for the hours of a page's day.
    pub fn takes_rows(&self) -> bool {
        self.is_of_rows() || self.interval == Interval::Hour
    }

    /// Whether rows of a property can meet the conditions.
    pub fn tells(&self, property: &Property) -> bool {
        let of_conditions = self.conditions.iter().map(|condition| &condition.property);
        of_conditions.chain(&self.of_segment).next().is_none_or(|first| {
            first.counted_with() == property.counted_with() && is_told_by_rows(property)
        })
    }

    pub fn subject(&self) -> Subject {
        let shown = self.conditions.iter().map(|c| (&c.property, c.operator.is_negated()));
        let shown = shown.chain(self.of_segment.iter().map(|property| (property, false)));
        let of = |is: fn((&Property, bool)) -> bool| shown.clone().any(is);
        if of(|(property, _)| property.counts_responses()) {
            Subject::Responses
        } else if of(|(property, is_negated)| property.counts_actions() && !is_negated) {
            Subject::Actions
        } else if of(|(property, _)| property.as_str() == "event:page") {
            Subject::Page
        } else {
            Subject::Visits
        }
    }

    /// The one value that a property has in all that is shown.
    pub fn only(&self, property: &str) -> Option<String> {
        let of = |c: &&Condition| c.property.as_str() == property && c.operator == Operator::Is;
        let condition = self.conditions.iter().find(of)?;
        let text = condition.texts().next()?;
        (*condition == Condition::exactly(condition.property.clone(), &text)).then_some(text)
    }

    /// Whether anyone behaved like a robot in this range.
    pub fn suspected(&self, days: &crate::report::Days) -> bool {
        let range = self.elapsed();
        days.range(range.first..=range.last)
            .any(|(_, counts)| counts.row(Dimension::Suspected, "yes").pageviews() > 0)
    }

    /// Whether one day is shown, or what has come of it.
    pub fn is_one_day(&self) -> bool {
        self.times.is_none() && self.range.len() == 1
    }

    /// What of the range has come: totals compare that much with as much before.
    pub fn elapsed(&self) -> Range {
        self.range.until(self.today)
    }

    /// A time as it is where the site is.
    pub fn local(&self, at: Millis) -> NaiveDateTime {
        let at = DateTime::from_timestamp_millis(at).unwrap_or_default();
        at.with_timezone(&self.site.timezone).naive_local()
    }

    /// The steps that a chart of this time may take.
    pub fn intervals(&self) -> impl Iterator<Item = Interval> + Clone {
        time::intervals(time::told(self.range, self.look.since), self.times.is_some())
    }

    pub fn is_last_day(&self) -> bool {
        self.times.is_some() && self.topic != Topic::Realtime
    }

    /// The parameters of this view with some changed or, where `None`, dropped.
    pub fn parameters<'a>(
        &'a self,
        changes: &'a [(&'a str, Option<&'a str>)],
    ) -> impl Iterator<Item = (&'static str, &'a str)> {
        let change = move |name| changes.iter().find(|(changed, _)| *changed == name);
        let value = move |name| change(name).map_or_else(|| self.get(name), |(_, value)| *value);
        let is_open = value("details").is_some();
        let leaves_page = self.page().is_some() && value("page").is_none();
        // What a page or a site alone has.
        let is_left = move |card: &str| {
            leaves_page && sources::is_of_page(card)
                || change("site_id").is_some() && goals::is_key(card)
        };
        KEPT.into_iter().filter_map(move |name| {
            // With another choice rows begin with the first again.
            let is_kept = match name {
                "at" => is_open && change(name).is_some(),
                "search" | "sort" | "order" => is_open,
                "details" => !value(name).is_some_and(is_left),
                _ => true,
            };
            Some((name, value(name).filter(|_| is_kept)?))
        })
    }

    /// The same as fields of a form.
    pub fn fields(&self, changes: &[(&str, Option<&str>)]) -> Markup {
        html! {
            @for (name, value) in self.parameters(changes) {
                input type="hidden" name=(name) value=(value);
            }
        }
    }

    /// A link to a card as a file; `None`: to all that the page has.
    pub fn file(&self, card: Option<&str>, format: &str) -> String {
        let base = self.look.base.trim_end_matches('/');
        let is_open = card.is_some() && card == self.get("details");
        // Only a card's own page is searched and sorted.
        let others = ["search", "sort", "order"].map(|name| (name, None));
        let dropped = if is_open { &[][..] } else { &others };
        let changes = [&[("details", card)][..], dropped].concat();
        self.address(&format!("{base}/details.{format}?"), &changes)
    }

    /// A link to it with these changes.
    pub fn link(&self, changes: &[(&str, Option<&str>)]) -> String {
        self.address(&format!("{}?", self.look.base), changes)
    }

    /// A link to a page's own view.
    pub fn own_view(&self, page: &str) -> String {
        let others = ["filters", "topic", "heat", "screen"].map(|name| (name, None));
        self.link(&[&[("page", Some(page))], &others[..]].concat())
    }

    fn address(&self, path: &str, changes: &[(&str, Option<&str>)]) -> String {
        form_urlencoded::Serializer::for_suffix(path.to_owned(), path.len())
            .extend_pairs(self.parameters(changes))
            .finish()
    }

    /// The filters with these conditions, too; of those that are there they keep what can be met
    /// together with them.
    pub fn filters_with(&self, conditions: Vec<Condition>) -> String {
        let same = |kept: &Condition| {
            let group = conditions.first().map(|new| new.property.counted_with());
            group.is_none_or(|group| kept.property.counted_with() == group)
        };
        let kept = self.conditions.iter().filter(|kept| same(kept)).cloned().collect();
        conditions::write(&joined(kept, conditions))
    }

    /// The filters without one condition, by its place.
    pub fn filters_without(&self, nth: usize) -> Option<String> {
        let others = self.conditions.iter().enumerate().filter(|(i, _)| *i != nth);
        let text = conditions::write(others.map(|(_, condition)| condition));
        (!text.is_empty()).then_some(text)
    }
}

/// Conditions with more of them, none twice.
fn joined(
    mut conditions: Vec<Condition>,
    more: impl IntoIterator<Item = Condition>,
) -> Vec<Condition> {
    for condition in more {
        if !conditions.contains(&condition) {
            conditions.push(condition);
        }
    }
    conditions
}
