//! The cards: which properties each shows, in which tabs, with which columns.

use crate::report::Metric;

#[derive(Clone, Copy)]
pub(super) struct Card {
    /// Query parameter that holds its open tab, and its anchor.
    pub key: &'static str,
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
    /// Said where there are no rows.
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

const VISITORS: &[(Metric, &str)] = &[(Metric::Visitors, "Visitors"), (Metric::Pageviews, "Views")];
const ARRIVALS: &[(Metric, &str)] = &[(Metric::Visitors, "Visitors"), (Metric::Visits, "Visits")];
const ENTRIES: &[(Metric, &str)] = &[(Metric::Visits, "Visits"), (Metric::BounceRate, "Bounce")];
const EXITS: &[(Metric, &str)] = &[(Metric::Visits, "Visits"), (Metric::ExitRate, "Exit rate")];
const READING: &[(Metric, &str)] =
    &[(Metric::Pageviews, "Views"), (Metric::TimeOnPage, "Time"), (Metric::ScrollDepth, "Scroll")];
const WEIGHT: &[(Metric, &str)] = &[(Metric::Bytes, "Sent"), (Metric::Pageviews, "Views")];
const EVENTS: &[(Metric, &str)] = &[
    (Metric::Events, "Events"),
    (Metric::Visitors, "Visitors"),
    (Metric::TotalRevenue, "Revenue"),
];
const COUNTS: &[(Metric, &str)] = &[(Metric::Events, "Events"), (Metric::Visitors, "Visitors")];
const CLICKS: &[(Metric, &str)] = &[(Metric::Events, "Clicks"), (Metric::Visitors, "Visitors")];
const RESPONSES: &[(Metric, &str)] = &[(Metric::Pageviews, "Responses")];
const FAILURES: &[(Metric, &str)] =
    &[(Metric::Pageviews, "Responses"), (Metric::ConfirmedPageviews, "Confirmed")];
const PREFETCHES: &[(Metric, &str)] =
    &[(Metric::Pageviews, "Fetched"), (Metric::BlindSpot, "Never seen"), (Metric::Bytes, "Sent")];
const DOWNLOADS: &[(Metric, &str)] =
    &[(Metric::Pageviews, "Downloads"), (Metric::Aborted, "Aborted"), (Metric::Bytes, "Sent")];
const FEEDS: &[(Metric, &str)] =
    &[(Metric::Subscribers, "Subscribers"), (Metric::Pageviews, "Fetches")];
const SERVED: &[(Metric, &str)] =
    &[(Metric::ServerPageviews, "Served"), (Metric::BlindSpot, "Unconfirmed")];
const VIEWS: &[(Metric, &str)] = &[(Metric::Pageviews, "Views")];

pub(super) const CONVERTED: &[(Metric, &str)] = &[
    (Metric::Visitors, "Visitors"),
    (Metric::Conversions, "Total"),
    (Metric::ConversionRate, "Rate"),
    (Metric::TotalRevenue, "Revenue"),
];

/// Of whatever it is told by, while a goal, an event or a link is filtered by.
pub(super) const CONVERSIONS: &[(Metric, &str)] = &[
    (Metric::Visitors, "Visitors"),
    (Metric::Conversions, "Events"),
    (Metric::GroupConversionRate, "Rate"),
];

const NO_PAGES: &str = "No pages seen yet. They appear with the first pageview.";
const NO_BOTS: &str = "No bots came by.";
const NO_ERRORS: &str = "No errors. Nobody met a missing page.";
const NO_FEEDS: &str = "No feed was fetched.";
const NO_SCRIPT: &str = "Nothing to compare: no server-seen views yet.";
const NO_UTM: &str =
    "No tagged links. Add utm_source, utm_medium or utm_campaign to the links you share.";
const NO_CITY: &str = "Regions and cities need a GeoIP database: set geoip to its file.";
const NO_DEVICES: &str = "No devices seen yet.";

const PAGES: Card = Card {
    key: "pages",
    title: "Pages",
    tabs: &[
        tab("Top", "event:page", VISITORS, NO_PAGES),
        Tab { id: "reading", ..tab("Reading", "event:page", READING, NO_PAGES) },
        tab("Entry", "visit:entry_page", ENTRIES, "No visits yet."),
        tab("Exit", "visit:exit_page", EXITS, "No visits yet."),
        Tab { id: "weight", ..tab("Weight", "event:page", WEIGHT, NO_PAGES) },
        tab("Hosts", "event:hostname", VISITORS, NO_PAGES),
    ],
};

const SOURCES: Card = Card {
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
};

const PLACES: Card = Card {
    key: "places",
    title: "Places",
    tabs: &[
        tab("Countries", "visit:country", VISITORS, "No places known yet."),
        tab("Regions", "visit:region", VISITORS, NO_CITY),
        tab("Cities", "visit:city", VISITORS, NO_CITY),
        tab("Languages", "visit:language", VISITORS, "No languages known yet."),
    ],
};

const DEVICES: Card = Card {
    key: "devices",
    title: "Devices",
    tabs: &[
        tab("Types", "visit:device", VISITORS, NO_DEVICES),
        tab("Browsers", "visit:browser", VISITORS, NO_DEVICES),
        tab("OS", "visit:os", VISITORS, NO_DEVICES),
        tab(
            "Screens",
            "visit:screen",
            VISITORS,
            "Screens are told by the script: add its tag, or set inject = true.",
        ),
        tab("Browser versions", "visit:browser_version", VISITORS, NO_DEVICES),
        tab("OS versions", "visit:os_version", VISITORS, NO_DEVICES),
    ],
};

const EVENT_CARD: Card = Card {
    key: "events",
    title: "Events",
    tabs: &[
        tab("Events", "event:name", EVENTS, "No custom events. The script sends them."),
        tab("Properties", "event:property", COUNTS, "No event had properties."),
        tab("Outbound", "event:outbound_link", CLICKS, "No links to elsewhere followed."),
        tab("File links", "event:file", CLICKS, "No links to files followed."),
    ],
};

/// What people come for.
pub(super) const OVERVIEW: &[Card] = &[PAGES, SOURCES, PLACES, DEVICES, EVENT_CARD];

pub(super) const REALTIME: &[Card] = &[PAGES, SOURCES, PLACES];

pub(super) const BOTS: &[Card] = &[
    Card {
        key: "bots",
        title: "Who they are",
        tabs: &[
            tab("Names", "bot:name", RESPONSES, NO_BOTS),
            tab("Kinds", "bot:class", RESPONSES, NO_BOTS),
        ],
    },
    Card {
        key: "fetched",
        title: "What they fetch",
        tabs: &[
            tab("Pages", "bot:page", RESPONSES, NO_BOTS),
            tab("Status", "bot:status", RESPONSES, NO_BOTS),
        ],
    },
    Card {
        key: "suspected",
        title: "Visitors who behave like robots",
        tabs: &[tab("Suspected", "visit:suspected", VISITORS, "Nobody behaved like a robot.")],
    },
];

pub(super) const ERRORS: &[Card] = &[
    Card {
        key: "errors",
        title: "Pages",
        tabs: &[tab("Pages", "error:page", FAILURES, NO_ERRORS)],
    },
    Card {
        key: "links",
        title: "Broken links",
        tabs: &[tab("Broken links", "error:link", FAILURES, NO_ERRORS)],
    },
    Card {
        key: "status",
        title: "Status",
        tabs: &[tab("Status", "error:status", FAILURES, NO_ERRORS)],
    },
];

pub(super) const FILES: &[Card] = &[
    Card {
        key: "files",
        title: "Downloads",
        tabs: &[tab("Downloads", "download:path", DOWNLOADS, "No files downloaded.")],
    },
    Card {
        key: "feeds",
        title: "Feeds",
        tabs: &[
            tab("Feeds", "feed:path", FEEDS, NO_FEEDS),
            tab("Readers", "feed:reader", FEEDS, NO_FEEDS),
        ],
    },
    Card {
        key: "prefetches",
        title: "Pages fetched ahead",
        tabs: &[tab(
            "Prefetches",
            "prefetch:page",
            PREFETCHES,
            "No pages fetched ahead. Those that were, and never seen, would be no pageviews.",
        )],
    },
];

/// How much of what the server answered no script confirmed.
pub(super) static UNCONFIRMED: Card = Card {
    key: "unconfirmed",
    title: "Views no script confirmed",
    tabs: &[
        tab("Browsers", "visit:browser", SERVED, NO_SCRIPT),
        tab("Countries", "visit:country", SERVED, NO_SCRIPT),
        tab("OS", "visit:os", SERVED, NO_SCRIPT),
        tab("Pages", "event:page", SERVED, NO_SCRIPT),
    ],
};

pub(super) static CACHES: Card = Card {
    key: "caches",
    title: "Views from caches",
    tabs: &[tab("Cached views", "visit:cached", VIEWS, "No view came from a cache.")],
};

/// Goals; the overview draws them with their funnels.
pub(super) static GOALS: Card = Card {
    key: "goals",
    title: "Goals",
    tabs: &[tab("Goals", "event:goal", CONVERTED, "No goal was reached.")],
};

/// Every card there is.
pub(super) fn all() -> impl Iterator<Item = &'static Card> {
    let topics = OVERVIEW.iter().chain(BOTS).chain(ERRORS).chain(FILES);
    topics.chain([&GOALS, &UNCONFIRMED, &CACHES])
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
