//! What numbers, metrics and properties are called and how they are written, in a language.

use crate::language::{Language, NOTHING};
use crate::model::site::Site;
use crate::report::{Metric, Property, Range, Total, Value};
use iso_currency::Currency;
use std::borrow::Cow;
use std::cmp::Ordering;

/// How a site's figures are written: in a language, and money in a currency.
#[derive(Clone, Copy)]
pub(crate) struct Figures {
    say: Language,
    currency: Option<Currency>,
}

impl Figures {
    pub(crate) fn new(say: Language, site: &Site) -> Self {
        Self { say, currency: site.currency }
    }

    /// A metric's value with its unit; a dash where it is unknown.
    pub(crate) fn value(self, metric: Metric, value: Value) -> String {
        let Self { say, currency } = self;
        match (metric, value) {
            (_, Value::Unknown) => NOTHING.into(),
            (metric, Value::Count(n)) if metric.is_percent() => say.percent(n as f64),
            (metric, Value::Ratio(n)) if metric.is_percent() => say.percent(n),
            (Metric::VisitDuration | Metric::TimeOnPage, Value::Count(seconds)) => {
                say.duration(seconds)
            }
            (Metric::Bytes, Value::Count(n)) => say.bytes(n),
            // A zero is a dash too: such a row may be unable to have revenue.
            (metric, value) if metric.is_money() => match value.number() {
                Some(n) if n != 0.0 => say.money(n, currency),
                _ => NOTHING.into(),
            },
            (_, Value::Count(n)) => say.count(n),
            (_, Value::Ratio(n)) => say.decimal(n, 2),
        }
    }

    /// The same with every digit of a count or an amount.
    pub(crate) fn exact(self, metric: Metric, of: Value) -> String {
        let Self { say, currency } = self;
        match of {
            Value::Count(n) if self.value(metric, of) == say.count(n) => say.grouped(n),
            Value::Ratio(n) if metric.is_money() && n != 0.0 => say.exact_money(n, currency),
            _ => self.value(metric, of),
        }
    }

    /// A mark of a chart's axis.
    pub(super) fn mark(self, metric: Metric, n: f64) -> String {
        let (say, whole) = (self.say, n.fract() == 0.0);
        if metric.is_money() {
            return say.short_money(n, self.currency);
        }
        if whole && self.value(metric, Value::Count(n as i64)) == say.count(n as i64) {
            return say.short(n as i64);
        }
        self.value(
            metric,
            if whole { Value::Count(n as i64) } else { Value::Ratio((n * 100.0).round() / 100.0) },
        )
    }
}

impl Language {
    /// By how much a total changed, and in which direction: `12%`, or `×12` from tenfold on.
    /// Percentages change in points: `3 points`, below ten with one decimal.
    pub(crate) fn change(self, total: &Total) -> Option<(Ordering, String)> {
        let change = total.change?;
        if !total.metric.is_percent() {
            let text = match change {
                900.. => format!("×{}", self.grouped(1 + change / 100)),
                _ => self.as_percent(&self.grouped(change.abs())),
            };
            return Some((change.cmp(&0), text));
        }
        let points = total.points()?;
        let shown = self.points(points.abs());
        let words = [("n", points.abs().into()), ("shown", shown.into())];
        Some((points.partial_cmp(&0.0)?, self.with("metric-change-points", words)))
    }

    /// With a decimal where there is one.
    pub(super) fn points(self, points: f64) -> String {
        match points.fract() == 0.0 {
            true => self.grouped(points as i64),
            false => {
                let sign = if points < 0.0 { "−" } else { "" };
                format!("{sign}{}", self.decimal(points.abs(), 1))
            }
        }
    }

    /// What a metric of a property's rows is called.
    pub(super) fn metric(self, metric: Metric, property: &Property) -> Cow<'static, str> {
        self.t(match metric {
            Metric::Pageviews if property.counts_responses() => "metric-responses",
            Metric::ConfirmedPageviews if property.counts_responses() => "metric-seen",
            Metric::Visitors => "metric-visitors",
            Metric::Visits => "metric-visits",
            Metric::Pageviews => "metric-views",
            Metric::ViewsPerVisit => "metric-views-per-visit",
            Metric::BounceRate => "metric-bounce-rate",
            Metric::VisitDuration => "metric-visit-duration",
            Metric::Events | Metric::Conversions => "metric-events",
            Metric::ServerPageviews => "metric-served",
            Metric::ConfirmedPageviews => "metric-confirmed",
            Metric::BrowserPageviews => "metric-browser-only",
            Metric::ConfirmedVisitors => "metric-confirmed-visitors",
            Metric::ScrollDepth => "metric-scroll-depth",
            Metric::TimeOnPage => "metric-time-on-page",
            Metric::ExitRate => "metric-exit-rate",
            Metric::BlindSpot => "metric-unconfirmed",
            Metric::Bytes => "metric-sent",
            Metric::Complete => "metric-complete",
            Metric::Aborted => "metric-aborted",
            Metric::Subscribers => "metric-subscribers",
            Metric::ConversionRate | Metric::GroupConversionRate => "metric-conversion-rate",
            Metric::Percentage => "metric-of-all",
            Metric::TotalRevenue => "metric-revenue",
            Metric::AverageRevenue => "metric-average-revenue",
        })
    }

    /// `1–24 Nov 2026`.
    pub(crate) fn range(self, range: Range) -> String {
        self.days(range.first, range.last)
    }

    /// A property's name: `Entry page`, `Kind of bot`; an event's property is named by its key.
    pub(in crate::admin) fn property(self, property: &Property) -> Cow<'static, str> {
        self.t(match property.as_str() {
            "event:page" => "property-page",
            "event:hostname" => "property-hostname",
            "event:name" => "property-event",
            "event:goal" => "property-goal",
            "event:property" => "property-property",
            "event:outbound_link" => "property-outbound-link",
            "event:file" => "property-file",
            "visit:entry_page" => "property-entry-page",
            "visit:entry_page_hostname" => "property-entry-page-hostname",
            "visit:exit_page" => "property-exit-page",
            "visit:source" => "property-source",
            "visit:referrer" => "property-referrer",
            "visit:channel" => "property-channel",
            "visit:utm_source" => "property-utm-source",
            "visit:utm_medium" => "property-utm-medium",
            "visit:utm_campaign" => "property-utm-campaign",
            "visit:utm_content" => "property-utm-content",
            "visit:utm_term" => "property-utm-term",
            "visit:country" | "visit:country_name" => "property-country",
            "visit:region" | "visit:region_name" => "property-region",
            "visit:city" | "visit:city_name" => "property-city",
            "visit:device" => "property-device",
            "visit:browser" => "property-browser",
            "visit:browser_version" => "property-browser-version",
            "visit:os" => "property-os",
            "visit:os_version" => "property-os-version",
            "visit:screen" => "property-screen",
            "visit:language" => "property-language",
            "visit:evidence" => "property-evidence",
            "visit:cached" => "property-cached",
            "visit:suspected" => "property-suspected",
            "visit:network" => "property-network",
            "bot:name" => "property-bot-name",
            "bot:class" => "property-bot-class",
            "bot:page" => "property-bot-page",
            "bot:status" => "property-bot-status",
            "bot:identity" => "property-bot-identity",
            "bot:proof" => "property-bot-proof",
            "bot:robots_txt" => "property-bot-robots-txt",
            "error:page" => "property-error-page",
            "error:status" => "property-error-status",
            "error:link" => "property-broken-link",
            "error:referrer" => "property-error-referrer",
            "download:path" => "property-download-path",
            "prefetch:page" => "property-prefetch-page",
            "feed:path" => "property-feed-path",
            "feed:reader" => "property-feed-reader",
            "ai:purpose" => "property-ai-purpose",
            "ai:page" => "property-ai-page",
            _ => return capitalised(&property.key().replace('_', " ")).into(),
        })
    }
}

fn capitalised(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use Language::{English, German, Spanish};

    #[test]
    fn values_are_written_by_their_metric() {
        let figures = |say| Figures { say, currency: None };
        let english = figures(English);
        assert_eq!(english.value(Metric::BlindSpot, Value::Ratio(12.7)), "13%");
        assert_eq!(english.exact(Metric::Visitors, Value::Count(1_234_567)), "1,234,567");
        assert_eq!(english.exact(Metric::VisitDuration, Value::Count(61)), "1m 01s");
        let change = |say: Language, metric, before, value, change| {
            let total = Total { metric, value, before: Some(before), change: Some(change) };
            say.change(&total).unwrap()
        };
        let changed = |say, metric, before, by| {
            change(say, metric, Value::Count(before), Value::Count(before + by), by).1
        };
        assert_eq!(changed(English, Metric::BounceRate, 41, -1), "1 point");
        let rate = |before: f64, now: f64| {
            let (metric, round) = (Metric::ConversionRate, (now - before).round() as i64);
            change(English, metric, Value::Ratio(before), Value::Ratio(now), round)
        };
        assert_eq!(rate(5.5, 5.1), (Ordering::Less, "0.4 points".to_owned()));
        for (points, text) in [(-0.4, "−0.4"), (0.0, "0"), (-3.0, "−3"), (12_345.0, "12,345")] {
            assert_eq!(English.points(points), text);
        }
        assert_eq!(rate(5.5, 5.52), (Ordering::Equal, "0 points".to_owned()));
        let (metric, change) = (Metric::ConversionRate, Some(0));
        let (value, before) = (Value::Ratio(5.48), Some(Value::Ratio(5.5)));
        let points = Total { metric, value, before, change }.points();
        assert_eq!(points.map(|points| points.to_string()).as_deref(), Some("0"), "not -0");
        assert_eq!(rate(1.25, 2.25), (Ordering::Greater, "1 point".to_owned()));
        assert_eq!(rate(80.4, 2.0), (Ordering::Less, "78 points".to_owned()));
        for (by, text) in [(-1_200, "1,200%"), (899, "899%"), (900, "×10"), (106_989, "×1,070")] {
            assert_eq!(changed(English, Metric::Visitors, 0, by), text);
        }
        assert_eq!(figures(German).value(Metric::ViewsPerVisit, Value::Ratio(1.5)), "1,50");
        let euros = Figures { say: German, currency: Some(Currency::EUR) };
        let revenue = Metric::TotalRevenue;
        assert_eq!(euros.value(revenue, Value::Ratio(12_345.6)), "12.346\u{a0}€");
        assert_eq!(euros.exact(revenue, Value::Ratio(12_345.6)), "12.345,60\u{a0}€");
        assert_eq!(euros.value(Metric::AverageRevenue, Value::Ratio(1.5)), "1,50\u{a0}€");
        assert_eq!(
            [euros.mark(revenue, 200.0), euros.mark(revenue, 0.5)],
            ["200\u{a0}€", "0,50\u{a0}€"]
        );
        assert_eq!(euros.value(revenue, Value::Ratio(0.0)), NOTHING);
        assert_eq!(euros.value(Metric::Visitors, Value::Count(5)), "5");
        assert_eq!(changed(German, Metric::Visitors, 0, -1_200), "1.200\u{a0}%");
        assert_eq!(changed(Spanish, Metric::BounceRate, 40, 2), "2 puntos");
    }

    #[test]
    fn properties_have_names() {
        for (name, text) in [
            ("event:page", "Page"),
            ("event:name", "Event"),
            ("visit:utm_source", "UTM source"),
            ("visit:os_version", "OS version"),
            ("visit:os", "OS"),
            ("bot:class", "Kind of bot"),
            ("download:path", "File"),
            ("visit:country_name", "Country"),
            ("event:outbound_link", "Outbound link"),
            ("event:props:plan_name", "Plan name"),
        ] {
            assert_eq!(English.property(&Property::parse(name).unwrap()), text);
        }
        // What a new property is called is not left to its API's word.
        for name in Property::names() {
            let said = Language::Marked.property(&Property::parse(name).unwrap());
            assert!(said.starts_with('⟦'), "{name} is called {said}");
        }
    }
}
