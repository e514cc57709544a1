//! Numbers and dates as people read them.

use crate::model::site::Day;
use crate::report::{Metric, Property, Range, Value};
use chrono::{Datelike, NaiveDateTime};

/// `1,234`, from a hundred thousand on `123k`, `1.2M`.
pub(super) fn count(n: i64) -> String {
    let scaled = |unit: f64, letter| {
        let n = n as f64 / unit;
        // 999,950 and more would round up to a thousand of the unit; that is still readable.
        if n.abs() < 99.95 { format!("{n:.1}{letter}") } else { format!("{n:.0}{letter}") }
    };
    match n.abs() {
        0..100_000 => grouped(n),
        100_000..1_000_000 => scaled(1e3, "k"),
        1_000_000..1_000_000_000 => scaled(1e6, "M"),
        _ => scaled(1e9, "G"),
    }
}

/// `1,234,567`.
pub(crate) fn grouped(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut out = String::from(if n < 0 { "−" } else { "" });
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// What stands where there is no number.
pub(super) const NOTHING: &str = "–";

/// A metric's value with its unit; a dash where it is unknown.
pub(super) fn value(metric: Metric, value: Value) -> String {
    match (metric, value) {
        (_, Value::Unknown) => NOTHING.into(),
        (metric, Value::Count(n)) if metric.is_percent() => percent(n as f64),
        (metric, Value::Ratio(n)) if metric.is_percent() => percent(n),
        (Metric::VisitDuration | Metric::TimeOnPage, Value::Count(seconds)) => duration(seconds),
        (Metric::Bytes, Value::Count(n)) => bytes(n),
        (Metric::TotalRevenue | Metric::AverageRevenue, Value::Ratio(n)) => money(n),
        (_, Value::Count(n)) => count(n),
        (_, Value::Ratio(n)) => format!("{n:.2}"),
    }
}

/// The same with every digit of a count.
pub(crate) fn exact(metric: Metric, of: Value) -> String {
    match of {
        Value::Count(n) if value(metric, of) == count(n) => grouped(n),
        _ => value(metric, of),
    }
}

/// A mark of a chart's axis.
pub(super) fn mark(metric: Metric, n: f64) -> String {
    let whole = n.fract() == 0.0;
    value(
        metric,
        if whole { Value::Count(n as i64) } else { Value::Ratio((n * 100.0).round() / 100.0) },
    )
}

/// `81%`, `4.5%`, `<0.1%`: one decimal below ten.
pub(super) fn percent(n: f64) -> String {
    match n.abs() {
        0.0 => "0%".into(),
        ..0.05 => "<0.1%".into(),
        ..9.95 => format!("{}%", (n * 10.0).round() / 10.0),
        _ => format!("{n:.0}%"),
    }
}

/// What a metric of a property's rows is called.
pub(super) fn metric(metric: Metric, property: &Property) -> &'static str {
    match metric {
        Metric::Pageviews if property.counts_responses() => "Responses",
        Metric::ConfirmedPageviews if property.counts_responses() => "Seen by a browser",
        Metric::Visitors => "Visitors",
        Metric::Visits => "Visits",
        Metric::Pageviews => "Views",
        Metric::ViewsPerVisit => "Views per visit",
        Metric::BounceRate => "Bounce rate",
        Metric::VisitDuration => "Visit duration",
        Metric::Events | Metric::Conversions => "Events",
        Metric::ServerPageviews => "Served",
        Metric::ConfirmedPageviews => "Confirmed",
        Metric::BrowserPageviews => "Browser only",
        Metric::ConfirmedVisitors => "Confirmed visitors",
        Metric::ScrollDepth => "Scroll depth",
        Metric::TimeOnPage => "Time on page",
        Metric::ExitRate => "Exit rate",
        Metric::BlindSpot => "Unconfirmed",
        Metric::Bytes => "Sent",
        Metric::Complete => "Complete",
        Metric::Aborted => "Aborted",
        Metric::Subscribers => "Subscribers",
        Metric::ConversionRate | Metric::GroupConversionRate => "Conversion rate",
        Metric::Percentage => "Of all visitors",
        Metric::TotalRevenue => "Revenue",
        Metric::AverageRevenue => "Average revenue",
    }
}

/// By how much a metric changed: `12%`, from ten times on `×12`; of a percentage `3 points`.
pub(crate) fn change(metric: Metric, change: i64) -> String {
    match (metric.is_percent(), change.abs()) {
        (true, 1) => "1 point".into(),
        (true, points) => format!("{} points", grouped(points)),
        (false, percent) if change >= 900 => format!("×{}", grouped(1 + percent / 100)),
        (false, percent) => format!("{}%", grouped(percent)),
    }
}

/// `999 B`, `1.5 kB`, `20 MB`.
fn bytes(n: i64) -> String {
    let units = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    let unit = units.into_iter().find(|(unit, _)| n as f64 >= *unit * 0.9995);
    match unit.map(|(unit, name)| (n as f64 / unit, name)) {
        Some((n, name)) if n < 9.95 => format!("{n:.1} {name}"),
        Some((n, name)) => format!("{n:.0} {name}"),
        None => format!("{n} B"),
    }
}

/// An amount in whatever currency the site uses: cents up to ten thousand.
fn money(n: f64) -> String {
    match n.abs() {
        0.0 => "0".into(),
        0.0..10_000.0 => {
            let cents = (n * 100.0).round() as i64;
            let sign = if cents < 0 { "−" } else { "" };
            format!("{sign}{}.{:02}", grouped(cents.abs() / 100), cents.abs() % 100)
        }
        _ => count(n.round() as i64),
    }
}

/// Milliseconds: `85 ms`, `1.2 s`.
pub(super) fn millis(ms: f64) -> String {
    match ms {
        ..9.95 => format!("{ms:.1} ms"),
        ..999.5 => format!("{ms:.0} ms"),
        _ => format!("{:.1} s", ms / 1000.0),
    }
}

fn duration(seconds: i64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m {s:02}s"),
        (h, m, _) => format!("{h}h {m:02}m"),
    }
}

/// `24 Nov 2026`, `1–24 Nov 2026`, `26 Oct – 24 Nov 2026`.
pub(crate) fn range(range: Range) -> String {
    let Range { first, last } = range;
    let end = last.format("%-d %b %Y");
    if first == last {
        end.to_string()
    } else if (first.year(), first.month()) == (last.year(), last.month()) {
        format!("{}–{end}", first.day())
    } else if first.year() == last.year() {
        format!("{} – {end}", first.format("%-d %b"))
    } else {
        format!("{} – {end}", first.format("%-d %b %Y"))
    }
}

/// `Tue, 24 Nov`.
pub(crate) fn weekday(day: Day) -> String {
    day.format("%a, %-d %b").to_string()
}

/// `24 Nov`.
pub(super) fn day(day: Day) -> String {
    day.format("%-d %b").to_string()
}

/// `Tue, 24 Nov, 15:30:05`.
pub(super) fn moment(at: NaiveDateTime) -> String {
    format!("{}, {}", weekday(at.date()), at.format("%H:%M:%S"))
}

/// What a row of a property is: `Entry page`, `Bot class`.
pub(super) fn property(property: &Property) -> String {
    let words = match property.as_str().split_once(':') {
        Some(("event", "name")) => "event".to_owned(),
        Some(("error", "link")) => "broken link".to_owned(),
        Some((_, "os")) => "OS".to_owned(),
        Some(("visit", key)) => {
            let key = key.strip_suffix("_name").unwrap_or(key);
            key.replace('_', " ").replace("utm", "UTM").replace("os ", "OS ")
        }
        Some((family, key)) if property.counts_responses() => format!("{family} {key}"),
        _ => property.key().replace('_', " "),
    };
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        for (n, text) in [
            (0, "0"),
            (999, "999"),
            (1_234, "1,234"),
            (-1_234, "−1,234"),
            (99_999, "99,999"),
            (123_456, "123k"),
            (1_234_567, "1.2M"),
            (234_567_890, "235M"),
            (5_000_000_000, "5.0G"),
        ] {
            assert_eq!(count(n), text);
        }
        assert_eq!(grouped(1_234_567), "1,234,567");
        for (n, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_500, "1.5 kB"),
            (9_999, "10 kB"),
            (999_999, "1.0 MB"),
            (20_000_000, "20 MB"),
        ] {
            assert_eq!(bytes(n), text);
        }
        for (n, text) in [(0.0, "0"), (19.9, "19.90"), (-1_234.5, "−1,234.50"), (123_456.0, "123k")]
        {
            assert_eq!(money(n), text);
        }
        for (ms, text) in [(0.4, "0.4 ms"), (85.2, "85 ms"), (1_240.0, "1.2 s")] {
            assert_eq!(millis(ms), text);
        }
        for (n, text) in [
            (0.0, "0%"),
            (0.01, "<0.1%"),
            (4.56, "4.6%"),
            (9.96, "10%"),
            (12.5, "12%"),
            (100.0, "100%"),
        ] {
            assert_eq!(percent(n), text);
        }
        assert_eq!(value(Metric::BlindSpot, Value::Ratio(12.7)), "13%");
        assert_eq!(exact(Metric::Visitors, Value::Count(1_234_567)), "1,234,567");
        assert_eq!(exact(Metric::VisitDuration, Value::Count(61)), "1m 01s");
        assert_eq!(change(Metric::BounceRate, -1), "1 point");
        for (by, text) in [(-1_200, "1,200%"), (899, "899%"), (900, "×10"), (106_989, "×1,070")] {
            assert_eq!(change(Metric::Visitors, by), text);
        }
        for (seconds, text) in [(0, "0s"), (59, "59s"), (61, "1m 01s"), (3_660, "1h 01m")] {
            assert_eq!(value(Metric::VisitDuration, Value::Count(seconds)), text);
        }
    }

    #[test]
    fn properties_have_names() {
        for (name, text) in [
            ("event:page", "Page"),
            ("event:name", "Event"),
            ("visit:utm_source", "UTM source"),
            ("visit:os_version", "OS version"),
            ("visit:os", "OS"),
            ("bot:class", "Bot class"),
            ("download:path", "Download path"),
            ("visit:country_name", "Country"),
            ("event:outbound_link", "Outbound link"),
        ] {
            assert_eq!(property(&Property::parse(name).unwrap()), text);
        }
    }

    #[test]
    fn ranges_say_no_more_than_needed() {
        for (first, last, text) in [
            ("2026-11-24", "2026-11-24", "24 Nov 2026"),
            ("2026-11-01", "2026-11-24", "1–24 Nov 2026"),
            ("2026-10-26", "2026-11-24", "26 Oct – 24 Nov 2026"),
            ("2025-12-01", "2026-11-30", "1 Dec 2025 – 30 Nov 2026"),
        ] {
            let r = Range { first: first.parse().unwrap(), last: last.parse().unwrap() };
            assert_eq!(range(r), text);
        }
    }
}
