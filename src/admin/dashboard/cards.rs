//! Cards: rows of one property each, with tabs for its relatives.

use super::table::{CARDS, CONVERSIONS, Card, Tab};
use super::view::{Subject, View};
use super::words;
use crate::model::rollup::PART;
use crate::page_name::shown;
use crate::report::scan::By;
use crate::report::{Answers, Condition, Invalid, Metric, Property, QuerySet, Slice, countries};
use maud::{Markup, html};
use std::collections::HashSet;

/// Rows of a card, closed and open.
const ROWS: usize = 8;
const ROWS_OPEN: usize = 200;

/// A card with one of its tabs open, whose question has been asked.
pub(super) struct OpenCard {
    card: &'static Card,
    /// Those that the filters let say something.
    tabs: Vec<&'static Tab>,
    tab: &'static Tab,
    property: Property,
    columns: &'static [(Metric, &'static str)],
    nth: usize,
}

/// What every site has, as far as the filters tell it.
pub(super) fn ask(view: &View, questions: &mut QuerySet) -> Result<Vec<OpenCard>, Invalid> {
    let cards = CARDS.iter().map(|card| OpenCard::ask(card, view, questions));
    Ok(cards.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

impl OpenCard {
    /// `None`: the filters tell nothing of it.
    pub fn ask(
        card: &'static Card,
        view: &View,
        questions: &mut QuerySet,
    ) -> Result<Option<Self>, Invalid> {
        let tells = |tab: &&Tab| Property::parse(tab.property).is_ok_and(|of| view.tells(&of));
        let mut tabs: Vec<&Tab> = card.tabs.iter().filter(tells).collect();
        // All tabs of a property have the same columns then.
        if view.subject() == Subject::Actions {
            let mut seen = HashSet::new();
            tabs.retain(|tab| seen.insert(tab.property));
        }
        let Some((tab, property)) = open_tab(card, &tabs, view)? else { return Ok(None) };
        let columns = match view.subject() {
            Subject::Actions if !property.counts_actions() => CONVERSIONS,
            _ => tab.columns,
        };
        let metrics: Vec<Metric> = columns.iter().map(|(metric, _)| *metric).collect();
        let nth = questions.ask(By::Property(property.clone()), &metrics);
        Ok(Some(Self { card, tabs, tab, property, columns, nth }))
    }

    pub fn draw(&self, view: &View, answers: &Answers) -> Markup {
        let Some(slices) = answers.slices(self.nth) else { return html! {} };
        let key = self.card.key;
        let open = view.get("more") == Some(key);
        let shown = if open { ROWS_OPEN } else { ROWS };
        let anchor = |link: String| format!("{link}#{key}");
        html! {
            section.card id=(key) aria-labelledby={ (key) "-title" } {
                header {
                    h2 id={ (key) "-title" } { (self.card.title) }
                    @if self.tabs.len() > 1 {
                        nav.tabs aria-label=(self.card.title) {
                            @for other in &self.tabs {
                                a href=(anchor(view.link(&[(key, Some(other.id)), ("more", None)])))
                                    aria-current=[(other.id == self.tab.id).then_some("true")] {
                                    (other.label)
                                }
                            }
                        }
                    }
                }
                @if !slices.is_empty() {
                    (rows(view, &self.property, self.columns, &slices[..slices.len().min(shown)], &slices))
                } @else if view.is_filtered() {
                    p.empty { "Nothing that the filters let through." }
                } @else {
                    p.empty { (self.tab.empty) }
                }
                @if slices.len() > shown && !open {
                    a.more href=(anchor(view.link(&[("more", Some(key))]))) {
                        "Show all " (words::grouped(slices.len() as i64))
                    }
                } @else if open {
                    a.more href=(anchor(view.link(&[("more", None)]))) {
                        @if slices.len() > shown { "Show fewer (the first " (ROWS_OPEN) " are here)" }
                        @else { "Show fewer" }
                    }
                }
            }
        }
    }
}

/// The open tab and its property: of events' properties also one of them.
fn open_tab(
    card: &Card,
    tabs: &[&'static Tab],
    view: &View,
) -> Result<Option<(&'static Tab, Property)>, Invalid> {
    let chosen = view.get(card.key);
    if let Some(property) = chosen.filter(|p| card.key == "events" && p.starts_with("event:props:"))
        && let Some(tab) = tabs.iter().find(|tab| tab.property == "event:property")
    {
        return Ok(Some((tab, Property::parse(property)?)));
    }
    let of_filter =
        |tab: &&&Tab| view.conditions.iter().any(|c| c.property.as_str() == tab.property);
    let tab = tabs
        .iter()
        .find(|tab| Some(tab.id) == chosen)
        .or_else(|| tabs.iter().find(of_filter))
        .or(tabs.first());
    tab.map(|tab| Ok((*tab, Property::parse(tab.property)?))).transpose()
}

/// A link that filters by a property's value, too.
pub(super) fn filter_link(view: &View, property: &str, value: &str) -> String {
    Property::parse(property).map(|of| row_link(view, &of, value)).unwrap_or_default()
}

/// A row filters by what it is about. That of a property of events opens its values as well.
fn row_link(view: &View, property: &Property, value: &str) -> String {
    let filters = view.filters_with(Condition::of_row(property, value));
    let changes = [("filters", Some(filters.as_str())), ("page", None), ("more", None)];
    match property.as_str() {
        "event:property" if !value.is_empty() => {
            let values = Property::of_events(value);
            let opened = [("events", Some(values.as_str()))];
            format!("{}#events", view.link(&[&changes[..], &opened].concat()))
        }
        _ => view.link(&changes),
    }
}

/// A table of rows with bars as long as their first value.
pub(super) fn rows(
    view: &View,
    property: &Property,
    columns: &[(Metric, &str)],
    shown: &[Slice],
    all: &[Slice],
) -> Markup {
    let first = |slice: &Slice| slice.metrics.first().and_then(|v| v.number()).unwrap_or(0.0);
    let largest = all.iter().map(first).fold(1.0, f64::max);
    html! {
        table {
            thead {
                tr {
                    th scope="col" { (words::property(property)) }
                    @for (_, name) in columns { th scope="col" { (name) } }
                }
            }
            tbody {
                @for slice in shown {
                    @let name = label(property, &slice.value);
                    tr {
                        th scope="row" {
                            svg.bar viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true" {
                                rect width=(format!("{:.1}", first(slice) / largest * 100.0)) height="1" {}
                            }
                            a href=(row_link(view, property, &slice.value)) title=(name) { (name) }
                        }
                        @for ((metric, _), value) in columns.iter().zip(&slice.metrics) {
                            td { (words::value(*metric, *value)) }
                        }
                    }
                }
            }
        }
    }
}

/// A row's value as people know it.
pub(super) fn label(property: &Property, value: &str) -> String {
    match property.as_str() {
        "visit:country" => match (countries::flag(value), countries::country(value)) {
            (Some(flag), Some(name)) => format!("{flag} {name}"),
            _ => value.to_owned(),
        },
        "visit:region" => match value.split_once('-').and_then(|(code, _)| countries::flag(code)) {
            Some(flag) => format!("{flag} {value}"),
            None => value.to_owned(),
        },
        "visit:language" => countries::language(value).unwrap_or(value).to_owned(),
        "visit:suspected" if value == "yes" => "behaves like a robot".to_owned(),
        "visit:suspected" => "behaves like people".to_owned(),
        "error:link" => {
            let (page, referrer) = value.split_once(PART).unwrap_or((value, ""));
            let referrer = if referrer.is_empty() { "no referrer".into() } else { shown(referrer) };
            format!("{} ← {referrer}", shown(page))
        }
        "error:referrer" if value.is_empty() => "no referrer".to_owned(),
        _ if value.is_empty() => "(none)".to_owned(),
        "visit:referrer" => shown(value).into_owned(),
        _ if property.takes_wildcards() => shown(value).into_owned(),
        _ => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_names() {
        let label = |property, value| label(&Property::parse(property).unwrap(), value);
        assert_eq!(label("visit:country", "FR"), "🇫🇷 France");
        assert_eq!(label("visit:country", "(unknown)"), "(unknown)");
        assert_eq!(label("visit:region", "DE-BY"), "🇩🇪 DE-BY");
        assert_eq!(label("visit:language", "fr"), "French");
        assert_eq!(label("visit:language", "tlh"), "tlh");
        assert_eq!(label("event:page", ""), "(none)");
        assert_eq!(label("event:page", "/caf%C3%A9%2F"), "/café%2F");
        assert_eq!(label("download:path", "/%E2%80%AEfdp"), "/%E2%80%AEfdp");
        assert_eq!(label("visit:referrer", "a.example/%C3%A9"), "a.example/é");
        assert_eq!(label("visit:utm_term", "%C3%A9"), "%C3%A9");
        assert_eq!(label("error:link", "/a\u{1e}/b"), "/a ← /b");
        assert_eq!(label("error:link", "/a\u{1e}"), "/a ← no referrer");
    }
}
