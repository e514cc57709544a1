//! Cards: rows of one property each, with tabs for its relatives.

use super::table::{CARDS, Card, QUALITY, Tab};
use super::view::View;
use super::words;
use crate::model::rollup::PART;
use crate::page_name::shown;
use crate::report::{Condition, conditions, countries};
use crate::report::{Days, Invalid, Metric, Property, Slice, breakdown};
use maud::{Markup, html};

/// Rows of a card, closed and open.
const ROWS: usize = 8;
const ROWS_OPEN: usize = 200;

/// What every site has.
pub(super) fn cards(view: &View, days: &Days) -> Result<Markup, Invalid> {
    let cards = CARDS.iter().map(|card| show(card, view, days)).collect::<Result<Vec<_>, _>>()?;
    Ok(html! { div.cards { @for card in cards { (card) } } })
}

/// Cards about the numbers themselves, where there is anything in them.
pub(super) fn quality(view: &View, days: &Days) -> Result<Vec<Markup>, Invalid> {
    let mut cards = Vec::new();
    for card in QUALITY {
        let anything = card.tabs.iter().any(|tab| match tab.property {
            // The total says yes and no of every site.
            "visit:suspected" => view.suspected(days),
            property => Property::parse(property).is_ok_and(|property| {
                let metrics = if card.key == "blind" {
                    // Without a script all is blind; that is no news.
                    [Metric::ConfirmedPageviews]
                } else {
                    [tab.columns[0].0]
                };
                !breakdown(days, view.elapsed(), &property, &metrics, None).is_empty()
            }),
        });
        if anything {
            cards.push(show(card, view, days)?);
        }
    }
    Ok(cards)
}

/// The open tab and its property: of events' properties also one of them.
fn open_tab<'c>(card: &'c Card, view: &View) -> Result<(&'c Tab, Property), Invalid> {
    let chosen = view.get(card.key);
    if let Some(property) = chosen.filter(|p| card.key == "events" && p.starts_with("event:props:"))
        && let Some(tab) = card.tabs.iter().find(|tab| tab.property == "event:property")
    {
        return Ok((tab, Property::parse(property)?));
    }
    let by_filter = |tab: &&Tab| view.property().is_some_and(|p| p.as_str() == tab.property);
    let tab = card
        .tabs
        .iter()
        .find(|tab| Some(tab.id) == chosen)
        .or_else(|| card.tabs.iter().find(by_filter))
        .unwrap_or(&card.tabs[0]);
    Ok((tab, Property::parse(tab.property)?))
}

fn show(card: &Card, view: &View, days: &Days) -> Result<Markup, Invalid> {
    let (tab, property) = open_tab(card, view)?;
    let filter = view.filter.as_ref().filter(|filter| filter.applies_to(&property));
    let metrics: Vec<Metric> = tab.columns.iter().map(|(metric, _)| *metric).collect();
    let slices = breakdown(days, view.elapsed(), &property, &metrics, filter);
    let open = view.get("more") == Some(card.key);
    let shown = if open { ROWS_OPEN } else { ROWS };
    let anchor = |link: String| format!("{link}#{}", card.key);

    Ok(html! {
        section.card id=(card.key) aria-labelledby={ (card.key) "-title" } {
            header {
                h2 id={ (card.key) "-title" } { (card.title) }
                @if card.tabs.len() > 1 {
                    nav.tabs aria-label=(card.title) {
                        @for other in card.tabs {
                            a href=(anchor(view.link(&[(card.key, Some(other.id)), ("more", None)])))
                                aria-current=[(other.id == tab.id).then_some("true")] {
                                (other.label)
                            }
                        }
                    }
                }
            }
            @if view.filter.is_some() && filter.is_none() && !slices.is_empty() {
                p.unfiltered { "All traffic: counts are kept by one property at a time." }
            }
            @if slices.is_empty() {
                p.empty { (tab.empty) }
            } @else {
                (rows(view, &property, tab.columns, &slices[..slices.len().min(shown)], &slices))
            }
            @if slices.len() > shown && !open {
                a.more href=(anchor(view.link(&[("more", Some(card.key))]))) {
                    "Show all " (words::grouped(slices.len() as i64))
                }
            } @else if open {
                a.more href=(anchor(view.link(&[("more", None)]))) {
                    @if slices.len() > shown { "Show fewer (the first " (ROWS_OPEN) " are here)" }
                    @else { "Show fewer" }
                }
            }
        }
    })
}

/// Where a row leads: to a page's own view, to a property's values, else to its filter.
fn row_link(view: &View, property: &Property, value: &str) -> String {
    let filter = conditions::write(&Condition::of_row(property, value));
    match property.as_str() {
        "event:page" => view.link(&[("page", Some(value)), ("filters", None), ("more", None)]),
        "event:property" if !value.is_empty() => {
            let values = Property::of_events(value);
            let link = view.link(&[("events", Some(values.as_str())), ("more", None)]);
            format!("{link}#events")
        }
        _ => view.link(&[("filters", Some(&filter)), ("page", None), ("more", None)]),
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
