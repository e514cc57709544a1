//! The cards: which properties each shows, in which tabs, with which columns.

use crate::report::Metric;

#[derive(Clone, Copy)]
pub(super) struct Card {
    /// Query parameter that holds its open tab, and its anchor.
    pub key: &'static str,
    /// Keys of texts, as the names of tabs and columns are.
    pub title: &'static str,
    pub tabs: &'static [Tab],
}

#[derive(Clone, Copy)]
pub(super) struct Tab {
    /// Value of the parameter: the property, or where two tabs share one a word.
    pub id: &'static str,
    pub label: &'static str,
    pub property: &'static str,
    pub columns: &'static [(Metric, &'static str)],
    /// Said where there are no rows; a text's key.
    pub empty: &'static str,
}

const fn tab(
    label: &'static str,
    property: &'static str,
    columns: &'static [(Metric, &'static str)],
    empty: &'static str,
) -> Tab {
    Tab { id: property, label, property, columns, empty }
}

const VISITORS: &[(Metric, &str)] =
    &[(Metric::Visitors, "metric-visitors"), (Metric::Pageviews, "metric-views")];
const ARRIVALS: &[(Metric, &str)] =
    &[(Metric::Visitors, "metric-visitors"), (Metric::Visits, "metric-visits")];
const ENTRIES: &[(Metric, &str)] =
    &[(Metric::Visits, "metric-visits"), (Metric::BounceRate, "card-col-bounce")];
const EXITS: &[(Metric, &str)] =
    &[(Metric::Visits, "metric-visits"), (Metric::ExitRate, "metric-exit-rate")];
const READING: &[(Metric, &str)] = &[
    (Metric::Pageviews, "metric-views"),
    (Metric::TimeOnPage, "card-col-time"),
    (Metric::ScrollDepth, "card-col-scroll"),
];
const WEIGHT: &[(Metric, &str)] =
    &[(Metric::Bytes, "metric-sent"), (Metric::Pageviews, "metric-views")];
const EVENTS: &[(Metric, &str)] = &[
    (Metric::Events, "metric-events"),
    (Metric::Visitors, "metric-visitors"),
    (Metric::TotalRevenue, "metric-revenue"),
];
const COUNTS: &[(Metric, &str)] =
    &[(Metric::Events, "metric-events"), (Metric::Visitors, "metric-visitors")];
const CLICKS: &[(Metric, &str)] =
    &[(Metric::Events, "card-col-clicks"), (Metric::Visitors, "metric-visitors")];
const RESPONSES: &[(Metric, &str)] = &[(Metric::Pageviews, "metric-responses")];
const FAILURES: &[(Metric, &str)] =
    &[(Metric::Pageviews, "metric-responses"), (Metric::ConfirmedPageviews, "metric-seen")];
const PREFETCHES: &[(Metric, &str)] = &[
    (Metric::Pageviews, "card-col-fetched"),
    (Metric::BlindSpot, "card-col-never-seen"),
    (Metric::Bytes, "metric-sent"),
];
const DOWNLOADS: &[(Metric, &str)] = &[
    (Metric::Pageviews, "card-col-downloads"),
    (Metric::Aborted, "metric-aborted"),
    (Metric::Bytes, "metric-sent"),
];
const FEEDS: &[(Metric, &str)] =
    &[(Metric::Subscribers, "metric-subscribers"), (Metric::Pageviews, "card-col-fetches")];
const SERVED: &[(Metric, &str)] =
    &[(Metric::ServerPageviews, "metric-served"), (Metric::BlindSpot, "metric-unconfirmed")];
const VIEWS: &[(Metric, &str)] = &[(Metric::Pageviews, "metric-views")];

pub(super) const CONVERTED: &[(Metric, &str)] = &[
    (Metric::Visitors, "metric-visitors"),
    (Metric::Conversions, "card-col-total"),
    (Metric::ConversionRate, "card-col-rate"),
    (Metric::TotalRevenue, "metric-revenue"),
];

/// Of whatever it is told by, while a goal, an event or a link is filtered by.
pub(super) const CONVERSIONS: &[(Metric, &str)] = &[
    (Metric::Visitors, "metric-visitors"),
    (Metric::Conversions, "metric-events"),
    (Metric::GroupConversionRate, "card-col-rate"),
];

const PAGES: Card = Card {
    key: "pages",
    title: "card-pages",
    tabs: &[
        tab("card-tab-top", "event:page", VISITORS, "empty-pages"),
        Tab { id: "reading", ..tab("card-tab-reading", "event:page", READING, "empty-pages") },
        tab("card-tab-entry", "visit:entry_page", ENTRIES, "empty-visits"),
        tab("card-tab-exit", "visit:exit_page", EXITS, "empty-visits"),
        Tab { id: "weight", ..tab("card-tab-weight", "event:page", WEIGHT, "empty-pages") },
        tab("card-tab-hosts", "event:hostname", VISITORS, "empty-pages"),
    ],
};

const SOURCES: Card = Card {
    key: "sources",
    title: "card-sources",
    tabs: &[
        tab("card-tab-channels", "visit:channel", ARRIVALS, "empty-visits"),
        tab("card-sources", "visit:source", ARRIVALS, "empty-visits"),
        tab("card-tab-referrers", "visit:referrer", ARRIVALS, "empty-referrers"),
        tab("card-tab-campaigns", "visit:utm_campaign", ARRIVALS, "empty-utm"),
        tab("card-tab-utm-source", "visit:utm_source", ARRIVALS, "empty-utm"),
        tab("card-tab-medium", "visit:utm_medium", ARRIVALS, "empty-utm"),
        tab("card-tab-content", "visit:utm_content", ARRIVALS, "empty-utm"),
        tab("card-tab-term", "visit:utm_term", ARRIVALS, "empty-utm"),
    ],
};

const PLACES: Card = Card {
    key: "places",
    title: "card-places",
    tabs: &[
        tab("card-tab-countries", "visit:country", VISITORS, "empty-places"),
        tab("card-tab-regions", "visit:region", VISITORS, "empty-city"),
        tab("card-tab-cities", "visit:city", VISITORS, "empty-city"),
        tab("card-tab-languages", "visit:language", VISITORS, "empty-languages"),
    ],
};

const DEVICES: Card = Card {
    key: "devices",
    title: "card-devices",
    tabs: &[
        tab("card-tab-types", "visit:device", VISITORS, "empty-devices"),
        tab("card-tab-browsers", "visit:browser", VISITORS, "empty-devices"),
        tab("card-tab-os", "visit:os", VISITORS, "empty-devices"),
        tab("card-tab-screens", "visit:screen", VISITORS, "empty-screens"),
        tab("card-tab-browser-versions", "visit:browser_version", VISITORS, "empty-devices"),
        tab("card-tab-os-versions", "visit:os_version", VISITORS, "empty-devices"),
    ],
};

const EVENT_CARD: Card = Card {
    key: "events",
    title: "card-events",
    tabs: &[
        tab("card-events", "event:name", EVENTS, "empty-events"),
        tab("card-tab-properties", "event:property", COUNTS, "empty-properties"),
        tab("card-tab-outbound", "event:outbound_link", CLICKS, "empty-outbound"),
        tab("card-tab-file-links", "event:file", CLICKS, "empty-file-links"),
    ],
};

/// What people come for.
pub(super) const OVERVIEW: &[Card] = &[PAGES, SOURCES, PLACES, DEVICES, EVENT_CARD];

/// What visits of a page were like.
pub(super) const OF_PAGE: &[Card] = &[SOURCES, PLACES, DEVICES];

pub(super) const REALTIME: &[Card] = &[PAGES, SOURCES, PLACES];

pub(super) const BOTS: &[Card] = &[
    Card {
        key: "bots",
        title: "card-bots",
        tabs: &[
            tab("card-tab-names", "bot:name", RESPONSES, "empty-bots"),
            tab("card-tab-kinds", "bot:class", RESPONSES, "empty-bots"),
        ],
    },
    Card {
        key: "known",
        title: "card-known",
        tabs: &[
            tab("card-tab-names", "bot:identity", RESPONSES, "empty-proof"),
            tab("card-tab-proof", "bot:proof", RESPONSES, "empty-proof"),
        ],
    },
    Card {
        key: "fetched",
        title: "card-fetched",
        tabs: &[
            tab("card-pages", "bot:page", RESPONSES, "empty-bots"),
            tab("card-status", "bot:status", RESPONSES, "empty-bots"),
            tab("card-tab-robots-txt", "bot:robots_txt", RESPONSES, "empty-robots-txt"),
        ],
    },
    Card {
        key: "suspected",
        title: "card-suspected",
        tabs: &[tab("card-tab-suspected", "visit:suspected", VISITORS, "empty-suspected")],
    },
    Card {
        key: "networks",
        title: "card-networks",
        tabs: &[tab("card-tab-networks", "visit:network", SERVED, "empty-networks")],
    },
];

pub(super) const ERRORS: &[Card] = &[
    Card {
        key: "errors",
        title: "card-pages",
        tabs: &[tab("card-pages", "error:page", FAILURES, "empty-errors")],
    },
    Card {
        key: "links",
        title: "card-links",
        tabs: &[tab("card-links", "error:link", FAILURES, "empty-errors")],
    },
    Card {
        key: "status",
        title: "card-status",
        tabs: &[tab("card-status", "error:status", FAILURES, "empty-errors")],
    },
];

pub(super) const FILES: &[Card] = &[
    Card {
        key: "files",
        title: "card-downloads",
        tabs: &[tab("card-downloads", "download:path", DOWNLOADS, "empty-downloads")],
    },
    Card {
        key: "feeds",
        title: "card-feeds",
        tabs: &[
            tab("card-feeds", "feed:path", FEEDS, "empty-feeds"),
            tab("card-tab-readers", "feed:reader", FEEDS, "empty-feeds"),
        ],
    },
    Card {
        key: "prefetches",
        title: "card-prefetches",
        tabs: &[tab("card-tab-prefetches", "prefetch:page", PREFETCHES, "empty-prefetches")],
    },
];

/// How much of what the server answered no script confirmed.
pub(super) static UNCONFIRMED: Card = Card {
    key: "unconfirmed",
    title: "card-unconfirmed",
    tabs: &[
        tab("card-tab-browsers", "visit:browser", SERVED, "empty-script"),
        tab("card-tab-countries", "visit:country", SERVED, "empty-script"),
        tab("card-tab-os", "visit:os", SERVED, "empty-script"),
        tab("card-pages", "event:page", SERVED, "empty-script"),
    ],
};

/// How views are known; the overview draws it.
pub(super) static EVIDENCE: Card = Card {
    key: "evidence",
    title: "evidence-title",
    tabs: &[tab("evidence-title", "visit:evidence", VIEWS, "empty-pages")],
};

pub(super) static CACHES: Card = Card {
    key: "caches",
    title: "card-caches",
    tabs: &[tab("card-tab-cached", "visit:cached", VIEWS, "empty-cached")],
};

/// Goals; the overview draws them with their funnels.
pub(super) static GOALS: Card = Card {
    key: "goals",
    title: "card-goals",
    tabs: &[tab("card-goals", "event:goal", CONVERTED, "empty-goals")],
};

/// Every card there is.
pub(super) fn all() -> impl Iterator<Item = &'static Card> {
    let topics = OVERVIEW.iter().chain(BOTS).chain(ERRORS).chain(FILES);
    topics.chain([&GOALS, &EVIDENCE, &UNCONFIRMED, &CACHES])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Property;
    use std::collections::HashSet;

    #[test]
    fn every_tab_asks_for_something_that_exists() {
        let keys: HashSet<_> = all().map(|card| card.key).collect();
        assert_eq!(keys.len(), all().count());
        for card in all() {
            let ids: HashSet<_> = card.tabs.iter().map(|tab| tab.id).collect();
            assert_eq!(ids.len(), card.tabs.len(), "{}", card.key);
            for tab in card.tabs {
                Property::parse(tab.property).unwrap();
            }
        }
    }
}
