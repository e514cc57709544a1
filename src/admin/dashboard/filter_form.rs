//! The form for a filter: its fields, how they are read, and the values that it suggests.
//!
//! Apart from the bar, which shows what is filtered by already.

use super::filters::name;
use super::topics::Topic;
use super::values::label;
use super::view::View;
use crate::admin::params::Params;
use crate::model::rollup::OTHER;
use crate::report::scan::is_told_by_rows;
use crate::report::{
    Answers, Condition, Invalid, Metric, Operator, Property, QuerySet, Reason, api_name,
};
use maud::{Markup, html};

/// Its fields. With the last one the values of a property are wanted, to choose one of them.
pub(super) const FIELDS: [&str; 4] = ["property", "operator", "value", SUGGEST];
const SUGGEST: &str = "suggest";

/// Properties that the form offers.
const OFFERED: [&str; 25] = [
    "event:page",
    "visit:entry_page",
    "visit:exit_page",
    "event:hostname",
    "visit:channel",
    "visit:source",
    "visit:referrer",
    "visit:utm_source",
    "visit:utm_medium",
    "visit:utm_campaign",
    "visit:country_name",
    "visit:region_name",
    "visit:city",
    "visit:device",
    "visit:browser",
    "visit:os",
    "visit:screen",
    "event:goal",
    "event:name",
    "event:outbound_link",
    "bot:name",
    "bot:proof",
    "bot:page",
    "error:page",
    "download:path",
];

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
        let of_responses = !matches!(view.topic, Topic::Overview | Topic::Realtime | Topic::Speed);
        // Parts of days are told by event rows, of people or of others.
        let is_told = view.times.is_none() || of.counts_responses() == of_responses;
        let metric = match of {
            of if of.counts_responses() => Metric::Pageviews,
            of if of.counts_actions() => Metric::Events,
            _ => Metric::Visitors,
        };
        let is_asked = is_told && view.tells(of) && view.page().is_none();
        is_asked.then(|| Self(questions.ask(of.clone(), &[metric])))
    }

    /// As somebody would type them, with what people call them.
    fn draw(&self, view: &View, of: &Property, answers: &Answers) -> Markup {
        let say = view.say();
        let slices = answers.slices(self.0).unwrap_or_default();
        let values = slices.iter().map(|slice| &*slice.value);
        let values = values.filter(|value| !["", OTHER].contains(value) && value.len() <= LONGEST);
        let options = values.take(SUGGESTED).map(|value| {
            let name = api_name(of, value);
            let typed = Condition::exactly(of.clone(), name).values.concat();
            let said = match of.as_str() {
                "visit:country_name" => super::values::country(say, value).map(str::to_owned),
                _ => Some(label(say, of, value)),
            };
            (said.filter(|said| *said != typed), typed)
        });
        html! { @for (label, value) in options { option value=(value) label=[label] {} } }
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

/// The filter that was filled in.
///
/// # Errors
/// If it is none.
pub(super) fn typed(params: &Params) -> Result<Option<Condition>, Invalid> {
    let [property, operator, value, suggest] = FIELDS.map(|name| params.get(name));
    match (property, operator, value, suggest) {
        (Some(property), Some(operator), Some(value), None) => {
            Condition::typed(property, operator, value).map(Some)
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

pub(super) fn draw(view: &View, answers: &Answers, suggestions: Option<&Suggestions>) -> Markup {
    let (say, typing) = (view.say(), view.typing.as_ref());
    let offered = OFFERED.iter().filter_map(|name| Property::parse(name).ok());
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
                        @for property in offered.filter(|property| view.tells(property)) {
                            option value=(property.as_str()) selected[is_property(&property)] { (say.property(&property)) }
                        }
                    }
                }
                label { (say.t("filter-operator")) " "
                    select name="operator" {
                        @for operator in Operator::ALL {
                            option value=(operator.as_str()) selected[is_operator(operator)] { (say.t(name(operator))) }
                        }
                    }
                }
                label { (say.t("filter-value")) " " input name="value" value=[typed] list="values" required autocomplete="off" placeholder=(say.t("filter-placeholder")); }
                // The script fills it in where it runs.
                datalist #values data-keep {
                    @if let (Some(of), Some(typing)) = (suggestions, typing) { (of.draw(view, &typing.property, answers)) }
                }
                button type="submit" { (say.t("filter-add")) }
                button.quiet.suggest type="submit" name="suggest" value="true" formnovalidate { (say.t("filter-suggest")) }
            }
        }
    }
}
