//! The filter bar: what is filtered by, and what filtered numbers are counted from.

use super::filter_form::{self, Suggestions};
use super::values::label;
use super::view::{Subject, View};
use super::{PageData, overview, segments};
use crate::report::{AnsweredFrom, Answers, Condition, Operator, Segment};
use maud::{Markup, html};

pub(super) fn bar(view: &View, data: &PageData<'_>, suggestions: Option<&Suggestions>) -> Markup {
    let (say, conditions, answers) = (view.say(), &view.conditions, &data.answers);
    html! {
        section.filters.on[!view.is_all()] aria-label=(say.t("filter-title")) {
            ul.chips {
                @if let Some(segment) = &view.segment { (segment_chip(view, segment)) }
                @for (nth, condition) in conditions.iter().enumerate() { (chip(view, nth, condition)) }
            }
            @if view.page().is_none() {
                (filter_form::draw(view, data, suggestions))
                (segments::menu(view))
            }
            @if conditions.len() + usize::from(view.segment.is_some()) > 1 {
                a.clear href=(view.link(&[("filters", None), ("segment", None)])) { (say.t("filter-clear")) }
            }
            // The bar stays in sight, and what chose the time does not.
            @if !view.is_all() { span.span { (overview::span(view)) } }
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
pub(super) fn name(operator: Operator) -> &'static str {
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
