//! The form for a filter: its fields, how they are read, and the values that it suggests.
//!
//! Apart from the bar, which shows what is filtered by already.

use super::PageData;
use super::filters;
use super::meant::Meaning;
use super::values::name;
use super::view::View;
use crate::admin::params::Params;
use crate::language::Language;
use crate::model::rollup::{Dimension, Metric as Stored, OTHER, parts};
use crate::report::scan::is_told_by_rows;
use crate::report::{Answers, Condition, Invalid, Metric, Operator, Property, QuerySet, Reason};
use maud::{Markup, html};
use std::cmp::Reverse;
use std::collections::HashMap;

/// Its fields. With the last one the values of a property are wanted, to choose one of them.
pub(super) const FIELDS: [&str; 4] = ["property", "operator", "value", SUGGEST];
const SUGGEST: &str = "suggest";

/// Properties that the form offers, in groups, each with the key of its name. Some say the same as
/// others, or are of two parts, by each of which can be filtered: these it leaves out.
const OFFERED: [(&str, &[&str]); 9] = [
    ("card-pages", &["event:page", "visit:entry_page", "visit:exit_page", "event:hostname"]),
    (
        "card-sources",
        &[
            "visit:channel",
            "visit:source",
            "visit:referrer",
            "visit:utm_campaign",
            "visit:utm_source",
            "visit:utm_medium",
            "visit:utm_content",
            "visit:utm_term",
        ],
    ),
    ("card-places", &["visit:country", "visit:region_name", "visit:city", "visit:language"]),
    (
        "card-devices",
        &[
            "visit:device",
            "visit:browser",
            "visit:browser_version",
            "visit:os",
            "visit:os_version",
            "visit:screen",
        ],
    ),
    (EVENTS, &["event:goal", "event:name", "event:outbound_link", "event:file", "event:property"]),
    ("evidence-title", &["visit:evidence", "visit:cached", "visit:suspected", "visit:network"]),
    (
        "topic-bots",
        &["bot:name", "bot:class", "bot:proof", "bot:robots_txt", "bot:page", "bot:status"],
    ),
    ("topic-errors", &["error:page", "error:status", "error:referrer"]),
    ("topic-files", &["download:path", "feed:path", "feed:reader", "prefetch:page"]),
];

/// The group to which events' properties belong, each with its own name.
const EVENTS: &str = "card-events";

/// Properties of events that are offered, and days that are looked at for them.
const OF_EVENTS: usize = 30;
const DAYS: usize = 31;

/// Values that are suggested, and how long one may be.
const SUGGESTED: usize = 50;
const LONGEST: usize = 200;

/// A filter that is not one yet: values of its property are to be suggested.
pub(super) struct Typing {
    pub property: Property,
    pub operator: Operator,
    pub value: String,
}

/// The values of the property that somebody filters by, most frequent first: the question's number.
pub(super) struct Suggestions(usize);

impl Suggestions {
    /// `None`: nobody is about to filter, or what is shown tells nothing of the property.
    pub fn ask(view: &View, questions: &mut QuerySet) -> Option<Self> {
        let of = &view.typing.as_ref()?.property;
        let metric = match of {
            of if of.counts_responses() => Metric::Pageviews,
            of if of.counts_actions() => Metric::Events,
            _ => Metric::Visitors,
        };
        let is_asked = view.tells(of) && view.page().is_none();
        is_asked.then(|| Self(questions.ask(of.clone(), &[metric])))
    }

    /// As pages call them, with what is stored where that is another word.
    fn draw(&self, view: &View, of: &Property, answers: &Answers) -> Markup {
        let say = view.say();
        let slices = answers.slices(self.0).unwrap_or_default();
        let values = slices.iter().map(|slice| &*slice.value);
        let values = values.filter(|value| !["", OTHER].contains(value) && value.len() <= LONGEST);
        let meaning = Meaning::new(say, of);
        let options = values
            .take(SUGGESTED)
            .map(|value| (meaning.as_typed(value, &name(say, of, value)), value));
        html! {
            @for (typed, value) in options { option value=(typed) label=[(*typed != *value).then_some(value)] {} }
        }
    }
}

impl Typing {
    /// # Errors
    /// If there is no such property or operator.
    pub fn read(params: &Params) -> Result<Option<Self>, Invalid> {
        match params.get(SUGGEST) {
            None => return Ok(None),
            Some("true") => {}
            Some(other) => return Err(Invalid::unknown(SUGGEST, other, ["true"])),
        }
        let property = params.get("property").map(Property::parse).transpose()?;
        let operator = params.get("operator").map(Operator::parse).transpose()?;
        Ok(property.map(|property| Self {
            property,
            operator: operator.unwrap_or(Operator::Is),
            value: params.get("value").unwrap_or_default().to_owned(),
        }))
    }
}

/// The filter that was filled in, on a page in this language.
///
/// # Errors
/// If it is none.
pub(super) fn typed(params: &Params, say: Language) -> Result<Option<Condition>, Invalid> {
    let [property, operator, value, suggest] = FIELDS.map(|name| params.get(name));
    match (property, operator, value, suggest) {
        (Some(property), Some(operator), Some(value), None) => {
            let typed = Condition::typed(property, operator, value)?;
            let property = typed.property.clone();
            Ok(Some(Meaning::new(say, &property).of(typed)))
        }
        _ => Ok(None),
    }
}

/// # Errors
/// If conditions by these cannot be met together, or rows do not tell one.
pub(super) fn check<'p>(
    mut properties: impl Iterator<Item = &'p Property> + Clone,
) -> Result<(), Invalid> {
    if let Some(other) = properties.clone().find(|property| !is_told_by_rows(property)) {
        let name = other.as_str();
        return Err(Invalid::new(format!("the dashboard cannot be filtered by `{name}`")));
    }
    let Some(first) = properties.next() else { return Ok(()) };
    match properties.find(|property| property.counted_with() != first.counted_with()) {
        None => Ok(()),
        Some(other) => {
            let (one, other) = (first.clone(), other.clone());
            let [first, second] = [&one, &other].map(Property::as_str);
            let line = format!("`{first}` and `{second}` are counted apart: nothing meets both");
            Err(Invalid::new(line).because(Reason::Apart { one, other }))
        }
    }
}

/// What can be filtered by beside what is filtered by already. What is being typed is among it,
/// however its property is called.
fn groups(view: &View, data: &PageData<'_>) -> Vec<(&'static str, Vec<Property>)> {
    let mut groups: Vec<(&str, Vec<Property>)> = OFFERED
        .into_iter()
        .map(|(group, names)| {
            let known = names.iter().filter_map(|name| Property::parse(name).ok());
            let own = if group == EVENTS { of_events(view, data) } else { Vec::new() };
            (group, known.chain(own).filter(|property| view.tells(property)).collect())
        })
        .filter(|(_, properties): &(_, Vec<Property>)| !properties.is_empty())
        .collect();
    let typed = view.typing.as_ref().map(|typing| &typing.property);
    let typed = typed.filter(|typed| view.tells(typed));
    let is_there = |typed: &Property| groups.iter().any(|(_, all)| all.contains(typed));
    if let Some(typed) = typed.filter(|typed| !is_there(typed))
        && let Some((_, first)) = groups.first_mut()
    {
        first.insert(0, typed.clone());
    }
    groups
}

/// The properties that most events of the last days had. Who may see a part of the site is not told
/// what there is in the others.
fn of_events(view: &View, data: &PageData<'_>) -> Vec<Property> {
    if view.look.limit.is_some() {
        return Vec::new();
    }
    let range = view.elapsed();
    let mut events: HashMap<&str, i64> = HashMap::new();
    for (_, counts) in data.days.range(range.first..=range.last).rev().take(DAYS) {
        for (value, row) in counts.rows(Dimension::EventProperty) {
            let key = parts(value, 3).nth(1).unwrap_or_default();
            if !["", OTHER].contains(&key) && key.len() <= LONGEST {
                *events.entry(key).or_default() += row.get(Stored::Events);
            }
        }
    }
    let mut keys: Vec<(&str, i64)> = events.into_iter().collect();
    keys.sort_unstable_by_key(|(key, n)| (Reverse(*n), *key));
    keys.into_iter().take(OF_EVENTS).map(|(key, _)| Property::of_events(key)).collect()
}

pub(super) fn draw(view: &View, data: &PageData<'_>, suggestions: Option<&Suggestions>) -> Markup {
    let (say, typing) = (view.say(), view.typing.as_ref());
    let groups = groups(view, data);
    let is_property = |of: &Property| typing.is_some_and(|typing| typing.property == *of);
    let is_operator = |of: Operator| typing.is_some_and(|typing| typing.operator == of);
    let typed = typing.map(|typing| &*typing.value).filter(|value| !value.is_empty());
    html! {
        details.menu #filter open[typing.is_some()] {
            summary data-key="f" { (say.t("filter-menu")) }
            form method="get" action=(view.look.base) {
                (view.fields(&[]))
                label { (say.t("filter-property")) " "
                    select name="property" {
                        @for (group, properties) in &groups {
                            optgroup label=(say.t(group)) {
                                @for property in properties {
                                    option value=(property.as_str()) selected[is_property(property)] { (say.property(property)) }
                                }
                            }
                        }
                    }
                }
                label { (say.t("filter-operator")) " "
                    select name="operator" {
                        @for operator in Operator::ALL {
                            option value=(operator.as_str()) selected[is_operator(operator)] { (say.t(filters::name(operator))) }
                        }
                    }
                }
                label { (say.t("filter-value")) " " input name="value" value=[typed] list="values" required autocomplete="off" placeholder=(say.t("filter-placeholder")); }
                // The script fills it in where it runs.
                datalist #values data-keep {
                    @if let (Some(of), Some(typing)) = (suggestions, typing) { (of.draw(view, &typing.property, &data.answers)) }
                }
                button type="submit" { (say.t("filter-add")) }
                button.quiet.suggest type="submit" name="suggest" value="true" formnovalidate { (say.t("filter-suggest")) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What it leaves out says the same as what it has, is of two parts that it has, or is not told
    /// of single visits and requests.
    #[test]
    fn everything_that_rows_tell_is_offered_once() {
        let offered: Vec<&str> = OFFERED.iter().flat_map(|(_, names)| *names).copied().collect();
        let left_out = Property::names().filter(|name| !offered.contains(name));
        let expected = [
            "visit:region",
            "bot:identity",
            "error:link",
            "ai:purpose",
            "ai:page",
            "visit:country_name",
            "visit:city_name",
            "visit:entry_page_hostname",
        ];
        assert_eq!(left_out.collect::<Vec<_>>(), expected);
        let mut once = offered.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), offered.len());
        for name in offered {
            assert!(is_told_by_rows(&Property::parse(name).unwrap()), "{name}");
        }
    }
}
