//! The filter bar: what is filtered by, a form for more, and what filtered numbers are counted
//! from.

use super::view::{Subject, View};
use super::{cards, segments, words};
use crate::report::{AnsweredFrom, Answers, Condition, Operator, Property, Segment};
use maud::{Markup, html};

/// Properties that the form offers.
const OFFERED: [&str; 24] = [
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
    "bot:page",
    "error:page",
    "download:path",
];

pub(super) fn bar(view: &View, answers: &Answers) -> Markup {
    let conditions = &view.conditions;
    html! {
        section.filters.on[!view.is_all()] aria-label="Filters" {
            ul.chips {
                @if let Some(segment) = &view.segment { (segment_chip(view, segment)) }
                @for (nth, condition) in conditions.iter().enumerate() { (chip(view, nth, condition)) }
            }
            @if view.page().is_none() {
                (form(view))
                (segments::menu(view))
            }
            @if conditions.len() + usize::from(view.segment.is_some()) > 1 {
                a.clear href=(view.link(&[("filters", None), ("segment", None)])) { "Clear all" }
            }
        }
        @if view.page().is_some() {
            p.source {
                "This page's own view, of all visits. "
                a.deeper href=(as_filter(view)) { "Filter the overview by this page" }
            }
        } @else if view.is_of_rows() {
            p.source {
                @if view.look.limit.is_some() { "Shown is a part of the site. " }
                (source(view, answers))
                @if let Some(page) = view.only("event:page").filter(|_| view.look.limit.is_none()) {
                    " "
                    a.deeper href=(view.link(&[("page", Some(&page)), ("filters", None)])) {
                        "Heat maps and paths of this page"
                    }
                }
            }
        }
    }
}

fn segment_chip(view: &View, segment: &Segment) -> Markup {
    html! {
        li.chip title={ "Segment " (segment.name) } {
            strong { "Segment" }
            " "
            span { (segment.name) }
            a href=(view.link(&[("segment", None)])) aria-label={ "Remove the segment " (segment.name) } { "✕" }
        }
    }
}

fn chip(view: &View, nth: usize, condition: &Condition) -> Markup {
    let property = words::property(&condition.property);
    let values: Vec<String> =
        condition.texts().map(|value| cards::label(&condition.property, &value)).collect();
    let (operator, values) = (name(condition.operator), values.join(" or "));
    let without = view.filters_without(nth);
    let link = view.link(&[("filters", without.as_deref()), ("page", None)]);
    html! {
        li.chip title={ (property) " " (operator) " " (values) } {
            strong { (property) }
            " " (operator) " "
            span { (values) }
            a href=(link) aria-label={ "Remove the filter: " (property) " " (operator) " " (values) } { "✕" }
        }
    }
}

fn name(operator: Operator) -> &'static str {
    match operator {
        Operator::Is => "is",
        Operator::IsNot => "is not",
        Operator::Contains => "contains",
        Operator::ContainsNot => "does not contain",
        Operator::Matches => "matches",
        Operator::MatchesNot => "does not match",
    }
}

/// A page's own view as a filter of the overview.
fn as_filter(view: &View) -> String {
    let filters = view.filters_with(view.conditions.clone());
    view.link(&[("filters", Some(&filters)), ("page", None), ("heat", None), ("screen", None)])
}

fn form(view: &View) -> Markup {
    let offered = OFFERED.iter().filter_map(|name| Property::parse(name).ok());
    html! {
        details.menu #filter {
            summary data-key="f" { "Filter" }
            form method="get" action=(view.look.base) {
                (view.fields(&[]))
                label { "Property "
                    select name="property" {
                        @for property in offered.filter(|property| view.tells(property)) {
                            option value=(property.as_str()) { (words::property(&property)) }
                        }
                    }
                }
                label { "Operator "
                    select name="operator" {
                        @for operator in Operator::ALL {
                            option value=(operator.as_str()) { (name(operator)) }
                        }
                    }
                }
                label { "Value " input name="value" required autocomplete="off" placeholder="one | another"; }
                button type="submit" { "Add" }
            }
        }
    }
}

/// What filtered numbers are counted from, which days they cover, and what they leave out.
fn source(view: &View, answers: &Answers) -> Markup {
    html! {
        @match answers.source {
            AnsweredFrom::Rows(_) if view.times.is_some() => "Parts of days are counted from event rows.",
            AnsweredFrom::Rows(Some(first)) => {
                strong { "Filtered numbers begin on " (words::day(first)) "." }
                " They are counted from event rows, and of the days before not all are kept."
            }
            AnsweredFrom::Rows(None) => "Filtered numbers are counted from event rows, which cover all of these days.",
            AnsweredFrom::RollUps => {
                strong { "Of these days no event rows are kept, which " (if view.times.is_some() { "parts of days" } else { "filtered numbers" }) " are counted from." }
                " Shown is what is counted of one property at a time."
            }
        }
        @match view.subject() {
            Subject::Visits | Subject::Page => " Robots, errors, files and feeds belong to no visit and are left out.",
            Subject::Actions => " What is told of pageviews (evidence, speed) and of robots, errors, files and feeds is left out.",
            Subject::Responses => " These are counted apart from visits, which are left out.",
        }
    }
}
