//! Cards: rows of one property each, with tabs for its relatives.

use super::view::View;
use super::words;
use crate::admin::countries;
use crate::report::{Days, Filter, Invalid, Metric, Property, Slice, breakdown};
use maud::{Markup, html};

/// Rows of a card, closed and open.
const ROWS: usize = 8;
const ROWS_OPEN: usize = 200;

struct Card {
    /// Query parameter that holds its open tab, and its anchor.
    key: &'static str,
    title: &'static str,
    tabs: &'static [Tab],
}

struct Tab {
    label: &'static str,
    property: &'static str,
    columns: &'static [(Metric, &'static str)],
    empty: &'static str,
}

const fn tab(
    label: &'static str,
    property: &'static str,
    columns: &'static [(Metric, &'static str)],
    empty: &'static str,
) -> Tab {
    Tab { label, property, columns, empty }
}

const VISITORS: &[(Metric, &str)] = &[(Metric::Visitors, "Visitors"), (Metric::Pageviews, "Views")];
const ARRIVALS: &[(Metric, &str)] = &[(Metric::Visitors, "Visitors"), (Metric::Visits, "Visits")];
const ENTRIES: &[(Metric, &str)] = &[(Metric::Visits, "Visits"), (Metric::BounceRate, "Bounce")];
const EXITS: &[(Metric, &str)] = &[(Metric::Visits, "Visits")];
const EVENTS: &[(Metric, &str)] = &[(Metric::Events, "Events"), (Metric::Visitors, "Visitors")];
const RESPONSES: &[(Metric, &str)] = &[(Metric::Pageviews, "Responses")];
const ERRORS: &[(Metric, &str)] =
    &[(Metric::Pageviews, "Responses"), (Metric::ConfirmedPageviews, "Confirmed")];
const PREFETCHES: &[(Metric, &str)] =
    &[(Metric::Pageviews, "Fetched"), (Metric::ConfirmedPageviews, "Seen")];

const NO_PAGES: &str = "No pages seen yet. They appear with the first pageview.";
const NO_UTM: &str =
    "No tagged links. Add utm_source, utm_medium or utm_campaign to the links you share.";
const NO_CITY: &str = "Regions and cities need a GeoIP database: set geoip to its file.";
const NO_DEVICES: &str = "No devices seen yet.";

const CARDS: &[Card] = &[
    Card {
        key: "pages",
        title: "Pages",
        tabs: &[
            tab("Top", "event:page", VISITORS, NO_PAGES),
            tab("Entry", "visit:entry_page", ENTRIES, "No visits yet."),
            tab("Exit", "visit:exit_page", EXITS, "No visits yet."),
            tab("Hosts", "event:hostname", VISITORS, NO_PAGES),
        ],
    },
    Card {
        key: "sources",
        title: "Sources",
        tabs: &[
            tab("Channels", "visit:channel", ARRIVALS, "No visits yet."),
            tab("Sources", "visit:source", ARRIVALS, "No visits yet."),
            tab("Referrers", "visit:referrer", ARRIVALS, "No links from other sites followed yet."),
            tab("Campaigns", "visit:utm_campaign", ARRIVALS, NO_UTM),
            tab("UTM source", "visit:utm_source", ARRIVALS, NO_UTM),
            tab("Medium", "visit:utm_medium", ARRIVALS, NO_UTM),
            tab("Content", "visit:utm_content", ARRIVALS, NO_UTM),
            tab("Term", "visit:utm_term", ARRIVALS, NO_UTM),
        ],
    },
    Card {
        key: "places",
        title: "Places",
        tabs: &[
            tab("Countries", "visit:country", VISITORS, "No places known yet."),
            tab("Regions", "visit:region", VISITORS, NO_CITY),
            tab("Cities", "visit:city", VISITORS, NO_CITY),
            tab("Languages", "visit:language", VISITORS, "No languages known yet."),
        ],
    },
    Card {
        key: "devices",
        title: "Devices",
        tabs: &[
            tab("Types", "visit:device", VISITORS, NO_DEVICES),
            tab("Browsers", "visit:browser", VISITORS, NO_DEVICES),
            tab("Versions", "visit:browser_version", VISITORS, NO_DEVICES),
            tab("OS", "visit:os", VISITORS, NO_DEVICES),
            tab("OS versions", "visit:os_version", VISITORS, NO_DEVICES),
            tab(
                "Screens",
                "visit:screen",
                VISITORS,
                "Screens are told by the script: add its tag, or set inject = true.",
            ),
        ],
    },
    Card {
        key: "bots",
        title: "Bots",
        tabs: &[
            tab("Names", "bot:name", RESPONSES, "No bots came by."),
            tab("Kinds", "bot:class", RESPONSES, "No bots came by."),
            tab("Pages", "bot:page", RESPONSES, "No bots came by."),
            tab("Status", "bot:status", RESPONSES, "No bots came by."),
        ],
    },
    Card {
        key: "errors",
        title: "Errors",
        tabs: &[
            tab("Pages", "error:page", ERRORS, "No errors. Nobody met a missing page."),
            tab("Status", "error:status", ERRORS, "No errors. Nobody met a missing page."),
        ],
    },
    Card {
        key: "files",
        title: "Files and fetches",
        tabs: &[
            tab("Downloads", "download:path", RESPONSES, "No files downloaded."),
            tab(
                "Prefetches",
                "prefetch:page",
                PREFETCHES,
                "No pages fetched ahead. Those that were, and never seen, would be no pageviews.",
            ),
        ],
    },
    Card {
        key: "events",
        title: "Events",
        tabs: &[tab(
            "Events",
            "event:name",
            EVENTS,
            "No custom events. The script sends them, and outbound links and downloads.",
        )],
    },
];

pub(super) fn cards(view: &View, days: &Days) -> Result<Markup, Invalid> {
    let cards = CARDS.iter().map(|card| show(card, view, days)).collect::<Result<Vec<_>, _>>()?;
    Ok(html! { div.cards { @for card in cards { (card) } } })
}

fn show(card: &Card, view: &View, days: &Days) -> Result<Markup, Invalid> {
    let chosen = view.get(card.key);
    let by_filter = |tab: &&Tab| view.property().is_some_and(|p| p.as_str() == tab.property);
    let tab = card
        .tabs
        .iter()
        .find(|tab| Some(tab.property) == chosen)
        .or_else(|| card.tabs.iter().find(by_filter))
        .unwrap_or(&card.tabs[0]);
    let property = Property::parse(tab.property)?;
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
                            a href=(anchor(view.link(&[(card.key, Some(other.property)), ("more", None)])))
                                aria-current=[(other.property == tab.property).then_some("true")] {
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
                (rows(view, &property, tab, &slices[..slices.len().min(shown)], &slices))
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

fn rows(view: &View, property: &Property, tab: &Tab, shown: &[Slice], all: &[Slice]) -> Markup {
    let first = |slice: &Slice| slice.metrics.first().and_then(|v| v.number()).unwrap_or(0.0);
    let largest = all.iter().map(first).fold(1.0, f64::max);
    html! {
        table {
            thead {
                tr {
                    th scope="col" { (words::property(property)) }
                    @for (_, name) in tab.columns { th scope="col" { (name) } }
                }
            }
            tbody {
                @for slice in shown {
                    @let name = label(property, &slice.value);
                    @let filter = Filter::text_for(property, &slice.value);
                    tr {
                        th scope="row" {
                            svg.bar viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true" {
                                rect width=(format!("{:.1}", first(slice) / largest * 100.0)) height="1" {}
                            }
                            a href=(view.link(&[("filters", Some(&filter)), ("more", None)])) title=(name) { (name) }
                        }
                        @for ((metric, _), value) in tab.columns.iter().zip(&slice.metrics) {
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
        _ if value.is_empty() => "(none)".to_owned(),
        _ => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tab_asks_for_something_that_exists() {
        for tab in CARDS.iter().flat_map(|card| card.tabs) {
            Property::parse(tab.property).unwrap();
        }
    }

    #[test]
    fn values_have_names() {
        let label = |property, value| label(&Property::parse(property).unwrap(), value);
        assert_eq!(label("visit:country", "FR"), "🇫🇷 France");
        assert_eq!(label("visit:country", "(unknown)"), "(unknown)");
        assert_eq!(label("visit:region", "DE-BY"), "🇩🇪 DE-BY");
        assert_eq!(label("visit:language", "fr"), "French");
        assert_eq!(label("visit:language", "tlh"), "tlh");
        assert_eq!(label("event:page", ""), "(none)");
    }
}
