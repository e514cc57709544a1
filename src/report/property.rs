//! Properties: what rows are told apart by, in the Stats API's words.

use super::Invalid;
use crate::model::rollup::{Dimension, Metric as Stored, Row};
use std::borrow::Cow;

/// A property as the API names it, `visit:source`; only those of [`Property::parse`] exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    name: Cow<'static, str>,
    home: Place,
}

/// Where a property's values stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// They are the values of a dimension.
    Value(Dimension),
    /// They are one part of a dimension's values, which have several.
    Part(Dimension, usize),
    /// How pageviews are known: rows made from the total's sums, see [`evidence`].
    Evidence,
    /// Whether a visitor behaves like a robot: the total, and what of it is set apart.
    Suspected,
}

use Place::{Evidence, Part, Suspected, Value};

const NAMES: &[(&str, Place)] = &[
    ("event:page", Value(Dimension::Page)),
    ("event:hostname", Value(Dimension::Hostname)),
    ("event:name", Value(Dimension::Event)),
    ("event:goal", Value(Dimension::Goal)),
    ("event:property", Part(Dimension::EventProperty, 1)),
    ("event:outbound_link", Value(Dimension::Outbound)),
    ("event:file", Value(Dimension::File)),
    ("visit:entry_page", Value(Dimension::EntryPage)),
    ("visit:exit_page", Value(Dimension::ExitPage)),
    ("visit:source", Value(Dimension::Source)),
    ("visit:referrer", Value(Dimension::Referrer)),
    ("visit:channel", Value(Dimension::Channel)),
    ("visit:utm_source", Value(Dimension::UtmSource)),
    ("visit:utm_medium", Value(Dimension::UtmMedium)),
    ("visit:utm_campaign", Value(Dimension::UtmCampaign)),
    ("visit:utm_content", Value(Dimension::UtmContent)),
    ("visit:utm_term", Value(Dimension::UtmTerm)),
    ("visit:country", Value(Dimension::Country)),
    ("visit:region", Value(Dimension::Region)),
    ("visit:city", Value(Dimension::City)),
    ("visit:device", Value(Dimension::Device)),
    ("visit:browser", Value(Dimension::Browser)),
    ("visit:browser_version", Value(Dimension::BrowserVersion)),
    ("visit:os", Value(Dimension::Os)),
    ("visit:os_version", Value(Dimension::OsVersion)),
    ("visit:screen", Value(Dimension::Screen)),
    ("visit:language", Value(Dimension::Language)),
    ("visit:network", Value(Dimension::Network)),
    ("visit:evidence", Evidence),
    ("visit:cached", Value(Dimension::Cached)),
    ("visit:suspected", Suspected),
    ("bot:name", Value(Dimension::BotName)),
    ("bot:class", Value(Dimension::BotClass)),
    ("bot:page", Value(Dimension::BotPage)),
    ("bot:status", Value(Dimension::BotStatus)),
    ("bot:identity", Value(Dimension::BotProof)),
    ("bot:proof", Part(Dimension::BotProof, 1)),
    ("bot:robots_txt", Part(Dimension::BotRules, 1)),
    ("error:page", Value(Dimension::ErrorPage)),
    ("error:status", Value(Dimension::ErrorStatus)),
    ("error:link", Value(Dimension::ErrorLink)),
    ("error:referrer", Part(Dimension::ErrorLink, 1)),
    ("download:path", Value(Dimension::Download)),
    ("prefetch:page", Value(Dimension::Prefetch)),
    ("feed:path", Part(Dimension::Feed, 0)),
    ("feed:reader", Part(Dimension::Feed, 1)),
    ("ai:purpose", Part(Dimension::AiPage, 0)),
    ("ai:page", Part(Dimension::AiPage, 1)),
];

/// Properties that say the same of a visit as others, in other words: names for codes (see
/// [`super::names`]), and the host of the page on which it began, by which visits are counted.
const NAMED: &[(&str, Place)] = &[
    ("visit:country_name", Value(Dimension::Country)),
    ("visit:region_name", Value(Dimension::Region)),
    ("visit:city_name", Value(Dimension::City)),
    ("visit:entry_page_hostname", Value(Dimension::Hostname)),
];

/// Names that published clients of Plausible's API use, and what they mean by them.
const ALIASES: &[(&str, &str)] = &[
    ("event:entry_page", "visit:entry_page"),
    ("event:exit_page", "visit:exit_page"),
    ("visit:campaign", "visit:utm_campaign"),
    ("visit:medium", "visit:utm_medium"),
];

/// Properties that can also be read from the parts of another dimension. A goal stands there for
/// the event of its name, as Plausible's goals of events do.
const ALSO: &[(&str, Place)] = &[
    ("event:name", Part(Dimension::EventProperty, 0)),
    ("event:goal", Part(Dimension::EventProperty, 0)),
    ("error:page", Part(Dimension::ErrorLink, 0)),
    ("bot:name", Part(Dimension::BotProof, 0)),
    ("bot:name", Part(Dimension::BotRules, 0)),
];

const PROPS: &str = "event:props:";

/// Of how many parts a dimension's values are made.
pub(super) fn parts_of(dimension: Dimension) -> usize {
    match dimension {
        Dimension::EventProperty => 3,
        Dimension::ErrorLink | Dimension::Feed | Dimension::AiPage => 2,
        Dimension::BotProof | Dimension::BotRules => 2,
        _ => 1,
    }
}

impl Property {
    /// # Errors
    /// If there is no such property.
    pub fn parse(name: &str) -> Result<Self, Invalid> {
        if name.strip_prefix(PROPS).is_some_and(|key| !key.is_empty()) {
            return Ok(Self {
                name: name.to_owned().into(),
                home: Part(Dimension::EventProperty, 2),
            });
        }
        if name == "visit:exit_page_hostname" {
            return Err(Invalid::new(format!(
                "`{name}` is not kept: visits are counted by the host on which they began; ask for \
                 `visit:entry_page_hostname`"
            )));
        }
        let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
        let name = alias.map_or(name, |(_, meant)| *meant);
        let found = NAMES.iter().chain(NAMED).find(|(known, _)| *known == name);
        found
            .map(|&(name, home)| Self { name: name.into(), home })
            .ok_or_else(|| Invalid::unknown("property", name, Self::names()))
    }

    /// The names there are, beside `event:props:` and the key of a property of events.
    pub fn names() -> impl Iterator<Item = &'static str> + Clone {
        NAMES.iter().chain(NAMED).map(|(name, _)| *name)
    }

    /// Whether its values are goals.
    pub(super) fn is_goal(&self) -> bool {
        self.home == Value(Dimension::Goal)
    }

    /// `event:props:plan` for `plan`: the values of a property of events.
    pub fn of_events(key: &str) -> Self {
        Self { name: format!("{PROPS}{key}").into(), home: Part(Dimension::EventProperty, 2) }
    }

    /// Its full name, `visit:source`.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// What a row calls its value: the name's last part, `source`.
    pub fn key(&self) -> &str {
        match self.name.strip_prefix(PROPS) {
            Some(key) => key,
            None => self.name.split_once(':').map_or(&self.name, |(_, key)| key),
        }
    }

    /// What a row calls the second part of its value, where it shows two.
    pub fn second_key(&self) -> Option<&'static str> {
        match self.home {
            Value(Dimension::ErrorLink) => Some("referrer"),
            Value(Dimension::BotProof) => Some("proof"),
            _ => None,
        }
    }

    /// The properties of these two parts.
    pub(super) fn halves(&self) -> Option<[&'static str; 2]> {
        match self.home {
            Value(Dimension::ErrorLink) => Some(["error:page", "error:referrer"]),
            Value(Dimension::BotProof) => Some(["bot:name", "bot:proof"]),
            _ => None,
        }
    }

    pub(super) fn home(&self) -> Place {
        self.home
    }

    /// Places it can be read from, its own first.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> + '_ {
        let also = ALSO.iter().filter(|(name, _)| *name == self.name).map(|(_, place)| *place);
        std::iter::once(self.home).chain(also)
    }

    /// For `event:props:plan` the key that rows must have in their second part.
    pub(super) fn event_key(&self) -> Option<&str> {
        self.name.strip_prefix(PROPS)
    }

    /// Rows of this property count responses, not views of people.
    pub fn counts_responses(&self) -> bool {
        matches!(self.family(), "bot" | "error" | "download" | "prefetch" | "feed" | "ai")
    }

    /// What its rows are counted with, and not with others: visits and what is done in them, bots,
    /// errors, downloads …
    pub fn counted_with(&self) -> &str {
        if self.counts_responses() { self.family() } else { "visit" }
    }

    /// The part of the name before the colon.
    pub fn family(&self) -> &str {
        self.name.split_once(':').map_or("", |(family, _)| family)
    }

    /// Rows are of what visitors did: events, conversions, clicks on links.
    pub fn counts_actions(&self) -> bool {
        use Dimension::{Event, EventProperty, File, Goal, Outbound};
        matches!(self.home, Value(Event | Goal | Outbound | File) | Part(EventProperty, _))
    }

    /// Only pageviews are known of its rows, no visitors or visits.
    pub fn knows_only_pageviews(&self) -> bool {
        matches!(self.home, Evidence | Value(Dimension::Cached))
    }

    /// Values are paths, hosts or URLs, in which a `*` stands for anything.
    pub fn takes_wildcards(&self) -> bool {
        let wild = ["page", "entry_page", "exit_page", "path", "hostname", "outbound_link", "file"];
        self.event_key().is_none() && (wild.contains(&self.key()) || self.name == "error:referrer")
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
            assert!(seen.insert(format!("{:?}", property.home)), "{name}");
        }
        for (name, home) in NAMED {
            let property = Property::parse(name).unwrap();
            assert_eq!((property.as_str(), property.home), (*name, *home));
        }
        for wrong in ["event:mood", "event:props:", "event:props", "visit:exit_page_hostname", ""] {
            let error = Property::parse(wrong).unwrap_err().to_string();
            assert!(error.contains(&format!("`{wrong}`")));
        }
        let plan = Property::parse("event:props:a:b").unwrap();
        assert_eq!((plan.key(), plan.event_key()), ("a:b", Some("a:b")));
        assert_eq!(plan, Property::of_events("a:b"));
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
