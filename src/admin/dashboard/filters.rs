//! The filter bar: what is filtered by, a form for more, and what filtered numbers are counted
//! from.

use super::segments;
use super::topics::Topic;
use super::values::label;
use super::view::{Subject, View};
use crate::model::rollup::OTHER;
use crate::report::{
    AnsweredFrom, Answers, Condition, Metric, Operator, Property, QuerySet, Segment, api_name,
};
use maud::{Markup, html};

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

pub(super) fn bar(view: &View, answers: &Answers, suggestions: Option<&Suggestions>) -> Markup {
    let (say, conditions) = (view.say(), &view.conditions);
    html! {
        section.filters.on[!view.is_all()] aria-label=(say.t("filter-title")) {
            ul.chips {
                @if let Some(segment) = &view.segment { (segment_chip(view, segment)) }
                @for (nth, condition) in conditions.iter().enumerate() { (chip(view, nth, condition)) }
            }
            @if view.page().is_none() {
                (form(view, answers, suggestions))
                (segments::menu(view))
            }
            @if conditions.len() + usize::from(view.segment.is_some()) > 1 {
                a.clear href=(view.link(&[("filters", None), ("segment", None)])) { (say.t("filter-clear")) }
            }
        }
        @if view.page().is_some() {
            p.source {
                (say.t("filter-own-view")) " "
                a.deeper href=(as_filter(view)) { (say.t("filter-by-page")) }
            }
        } @else if view.is_of_rows() {
            p.source {
                @if view.look.limit.is_some() { (say.t("filter-limited")) " " }
                (source(view, answers))
                @if let Some(page) = view.only("event:page").filter(|_| view.look.limit.is_none()) {
                    " "
                    a.deeper href=(view.own_view(&page)) {
                        (say.t("filter-heat-maps"))
                    }
                }
            }
        }
    }
}

fn segment_chip(view: &View, segment: &Segment) -> Markup {
    let say = view.say();
    let named = |key| say.with(key, [("name", (&*segment.name).into())]);
    html! {
        li.chip title=(named("segment-title")) {
            strong { (say.t("segment-menu")) }
            " "
            span { (segment.name) }
            a href=(view.link(&[("segment", None)])) aria-label=(named("segment-remove")) { "✕" }
        }
    }
}

fn chip(view: &View, nth: usize, condition: &Condition) -> Markup {
    let say = view.say();
    let property = say.property(&condition.property);
    let values: Vec<String> =
        condition.texts().map(|value| label(say, &condition.property, &value)).collect();
    let values = values.join(&format!(" {} ", say.t("filter-or")));
    let operator = say.t(name(condition.operator));
    let all = format!("{property} {operator} {values}");
    let without = view.filters_without(nth);
    let link = view.link(&[("filters", without.as_deref()), ("page", None)]);
    html! {
        li.chip title=(all) {
            strong { (property) }
            " " (operator) " "
            span { (values) }
            a href=(link) aria-label=(say.with("filter-remove", [("filter", (&*all).into())])) { "✕" }
        }
    }
}

/// The key of its name.
fn name(operator: Operator) -> &'static str {
    match operator {
        Operator::Is => "filter-is",
        Operator::IsNot => "filter-is-not",
        Operator::Contains => "filter-contains",
        Operator::ContainsNot => "filter-contains-not",
        Operator::Matches => "filter-matches",
        Operator::MatchesNot => "filter-matches-not",
    }
}

/// A page's own view as a filter of the overview.
pub(super) fn as_filter(view: &View) -> String {
    let filters = view.filters_with(view.conditions.clone());
    view.link(&[("filters", Some(&filters)), ("page", None), ("heat", None), ("screen", None)])
}

fn form(view: &View, answers: &Answers, suggestions: Option<&Suggestions>) -> Markup {
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

/// What filtered numbers are counted from, which days they cover, and what they leave out.
fn source(view: &View, answers: &Answers) -> Markup {
    let say = view.say();
    html! {
        @match answers.source {
            AnsweredFrom::Rows(_) if view.times.is_some() => (say.t("filter-from-parts")),
            AnsweredFrom::Rows(Some(first)) => {
                strong { (say.with("filter-from-day", [("day", say.day(first).into())])) }
                " " (say.t("filter-from-day-why"))
            }
            AnsweredFrom::Rows(None) => (say.t("filter-from-rows")),
            AnsweredFrom::RollUps => {
                strong { (say.t(if view.times.is_some() { "filter-no-rows-parts" } else { "filter-no-rows" })) }
                " " (say.t("filter-one-property"))
            }
        }
        " "
        (say.t(match view.subject() {
            Subject::Visits | Subject::Page => "filter-without-visits",
            Subject::Actions => "filter-without-views",
            Subject::Responses => "filter-without-people",
        }))
    }
}
