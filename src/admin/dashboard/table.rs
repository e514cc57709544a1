//! The cards: which properties each shows, in which tabs, with which columns.

use crate::report::Metric;

pub(super) struct Card {
    /// Query parameter that holds its open tab, and its anchor.
    pub key: &'static str,
    pub title: &'static str,
    pub tabs: &'static [Tab],
}

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
const ERRORS: &[(Metric, &str)] =
    &[(Metric::Pageviews, "Responses"), (Metric::ConfirmedPageviews, "Confirmed")];
const PREFETCHES: &[(Metric, &str)] =
    &[(Metric::Pageviews, "Fetched"), (Metric::BlindSpot, "Never seen"), (Metric::Bytes, "Sent")];
const DOWNLOADS: &[(Metric, &str)] =
    &[(Metric::Pageviews, "Downloads"), (Metric::Aborted, "Aborted"), (Metric::Bytes, "Sent")];
const FEEDS: &[(Metric, &str)] =
    &[(Metric::Subscribers, "Subscribers"), (Metric::Pageviews, "Fetches")];
const BLIND: &[(Metric, &str)] =
    &[(Metric::ServerPageviews, "Served"), (Metric::BlindSpot, "Blind spot")];
const VIEWS: &[(Metric, &str)] = &[(Metric::Pageviews, "Views")];

/// Of whatever it is told by, while a goal, an event or a link is filtered by.
pub(super) const CONVERSIONS: &[(Metric, &str)] = &[
    (Metric::Visitors, "Visitors"),
    (Metric::Conversions, "Events"),
    (Metric::GroupConversionRate, "Rate"),
];

const NO_PAGES: &str = "No pages seen yet. They appear with the first pageview.";
const NO_ERRORS: &str = "No errors. Nobody met a missing page.";
const NO_FEEDS: &str = "No feed was fetched.";
const NO_SCRIPT: &str = "Nothing to compare: no server-seen views yet.";
const NO_UTM: &str =
    "No tagged links. Add utm_source, utm_medium or utm_campaign to the links you share.";
const NO_CITY: &str = "Regions and cities need a GeoIP database: set geoip to its file.";
const NO_DEVICES: &str = "No devices seen yet.";

/// What every site has.
pub(super) const CARDS: &[Card] = &[
    Card {
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
            tab("Pages", "error:page", ERRORS, NO_ERRORS),
            tab("Broken links", "error:link", ERRORS, NO_ERRORS),
            tab("Status", "error:status", ERRORS, NO_ERRORS),
        ],
    },
    Card {
        key: "files",
        title: "Files and feeds",
        tabs: &[
            tab("Downloads", "download:path", DOWNLOADS, "No files downloaded."),
            tab("Feeds", "feed:path", FEEDS, NO_FEEDS),
            tab("Readers", "feed:reader", FEEDS, NO_FEEDS),
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
        tabs: &[
            tab("Events", "event:name", EVENTS, "No custom events. The script sends them."),
            tab("Properties", "event:property", COUNTS, "No event had properties."),
            tab("Outbound", "event:outbound_link", CLICKS, "No links to elsewhere followed."),
            tab("File links", "event:file", CLICKS, "No links to files followed."),
        ],
    },
];

/// How much of what was served no script confirmed.
pub(super) static BLIND_SPOT: Card = Card {
    key: "blind",
    title: "Blind spot of scripts",
    tabs: &[
        tab("Browsers", "visit:browser", BLIND, NO_SCRIPT),
        tab("Countries", "visit:country", BLIND, NO_SCRIPT),
        tab("OS", "visit:os", BLIND, NO_SCRIPT),
        tab("Pages", "event:page", BLIND, NO_SCRIPT),
    ],
};

pub(super) static CACHES: Card = Card {
    key: "caches",
    title: "Caches and robots",
    tabs: &[
        tab("Cached views", "visit:cached", VIEWS, "No view came from a cache."),
        tab("Suspected robots", "visit:suspected", VISITORS, "Nobody behaved like a robot."),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Property;

    #[test]
    fn every_tab_asks_for_something_that_exists() {
        for card in CARDS.iter().chain([&BLIND_SPOT, &CACHES]) {
            let ids: std::collections::HashSet<_> = card.tabs.iter().map(|tab| tab.id).collect();
            assert_eq!(ids.len(), card.tabs.len(), "{}", card.key);
            for tab in card.tabs {
                Property::parse(tab.property).unwrap();
            }
        }
    }
}
