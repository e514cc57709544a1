//! Properties: what rows are told apart by, in the Stats API's words.

use super::Invalid;
use crate::rollup::{Dimension, Metric as Stored, Row};

/// A property as the API names it, `visit:source`; only those of [`Property::parse`] exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Property {
    name: &'static str,
    pub(super) rows: Rows,
}

/// Where a property's rows come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    Stored(Dimension),
    /// How pageviews are known: four rows made from the total's sums, see [`evidence`].
    Evidence,
}

const NAMES: &[(&str, Rows)] = &[
    ("event:page", Rows::Stored(Dimension::Page)),
    ("event:hostname", Rows::Stored(Dimension::Hostname)),
    ("event:name", Rows::Stored(Dimension::Event)),
    ("visit:entry_page", Rows::Stored(Dimension::EntryPage)),
    ("visit:exit_page", Rows::Stored(Dimension::ExitPage)),
    ("visit:source", Rows::Stored(Dimension::Source)),
    ("visit:referrer", Rows::Stored(Dimension::Referrer)),
    ("visit:channel", Rows::Stored(Dimension::Channel)),
    ("visit:utm_source", Rows::Stored(Dimension::UtmSource)),
    ("visit:utm_medium", Rows::Stored(Dimension::UtmMedium)),
    ("visit:utm_campaign", Rows::Stored(Dimension::UtmCampaign)),
    ("visit:utm_content", Rows::Stored(Dimension::UtmContent)),
    ("visit:utm_term", Rows::Stored(Dimension::UtmTerm)),
    ("visit:country", Rows::Stored(Dimension::Country)),
    ("visit:region", Rows::Stored(Dimension::Region)),
    ("visit:city", Rows::Stored(Dimension::City)),
    ("visit:device", Rows::Stored(Dimension::Device)),
    ("visit:browser", Rows::Stored(Dimension::Browser)),
    ("visit:browser_version", Rows::Stored(Dimension::BrowserVersion)),
    ("visit:os", Rows::Stored(Dimension::Os)),
    ("visit:os_version", Rows::Stored(Dimension::OsVersion)),
    ("visit:screen", Rows::Stored(Dimension::Screen)),
    ("visit:language", Rows::Stored(Dimension::Language)),
    ("visit:evidence", Rows::Evidence),
    ("bot:name", Rows::Stored(Dimension::BotName)),
    ("bot:class", Rows::Stored(Dimension::BotClass)),
    ("bot:page", Rows::Stored(Dimension::BotPage)),
    ("bot:status", Rows::Stored(Dimension::BotStatus)),
    ("error:page", Rows::Stored(Dimension::ErrorPage)),
    ("error:status", Rows::Stored(Dimension::ErrorStatus)),
    ("download:path", Rows::Stored(Dimension::Download)),
    ("prefetch:page", Rows::Stored(Dimension::Prefetch)),
];

impl Property {
    /// # Errors
    /// If there is no such property.
    pub fn parse(name: &str) -> Result<Self, Invalid> {
        NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|&(name, rows)| Self { name, rows })
            .ok_or_else(|| Invalid(format!("unknown property `{name}`")))
    }

    /// Its full name, `visit:source`.
    pub fn as_str(self) -> &'static str {
        self.name
    }

    /// What a row calls its value: the name's last part, `source`.
    pub fn key(self) -> &'static str {
        self.name.split_once(':').map_or(self.name, |(_, key)| key)
    }

    /// Rows of this property count responses, not views of people.
    pub fn counts_responses(self) -> bool {
        ["bot:", "error:", "download:", "prefetch:"]
            .iter()
            .any(|family| self.name.starts_with(family))
    }

    /// Only pageviews are known of its rows, no visitors or visits.
    pub fn is_evidence(self) -> bool {
        self.rows == Rows::Evidence
    }

    /// Values are paths or hosts, in which a `*` stands for anything.
    pub fn takes_wildcards(self) -> bool {
        matches!(self.key(), "page" | "entry_page" | "exit_page" | "path" | "hostname")
    }
}

/// The rows of `visit:evidence` in their order: each holds its share of a total as if
/// nothing else had been counted, so that metrics of pageviews read it like any other row.
pub fn evidence(total: &Row) -> [(&'static str, Row); 4] {
    let share = |parts: &[(Stored, i64)]| {
        let mut row = Row::default();
        parts.iter().for_each(|(metric, n)| row.add(*metric, *n));
        row
    };
    let confirmed = total.get(Stored::Confirmed);
    let unverified = total.get(Stored::Unverified);
    [
        ("server only", share(&[(Stored::Server, total.get(Stored::Server) - confirmed)])),
        ("confirmed", share(&[(Stored::Server, confirmed), (Stored::Confirmed, confirmed)])),
        ("browser only", share(&[(Stored::Browser, total.get(Stored::Browser) - unverified)])),
        ("unverified", share(&[(Stored::Browser, unverified), (Stored::Unverified, unverified)])),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_property_has_its_own_rows() {
        let mut seen = std::collections::HashSet::new();
        for (name, _) in NAMES {
            let property = Property::parse(name).unwrap();
            assert_eq!(property.as_str(), *name);
            assert_eq!(Some(property.key()), name.split(':').nth(1));
            assert!(seen.insert(format!("{:?}", property.rows)), "{name}");
        }
        let error = Property::parse("event:props:x").unwrap_err().to_string();
        assert!(error.contains("`event:props:x`"));
    }

    #[test]
    fn evidence_adds_up_to_the_pageviews() {
        let mut total = Row::default();
        total.add(Stored::Server, 10);
        total.add(Stored::Confirmed, 4);
        total.add(Stored::Browser, 3);
        total.add(Stored::Unverified, 1);
        let rows = evidence(&total).map(|(name, row)| (name, row.pageviews()));
        assert_eq!(
            rows,
            [("server only", 6), ("confirmed", 4), ("browser only", 2), ("unverified", 1)]
        );
    }
}
