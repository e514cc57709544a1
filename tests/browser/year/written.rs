//! How the dashboard writes numbers and calls columns, in English, as a reader understands it.

use super::exported::condition;
use super::shown::filters_of;
use serde_json::Value;

/// How a number is written.
#[derive(Debug, Clone, Copy)]
pub enum Unit {
    Count,
    Decimal,
    Percent,
    Time,
    Bytes,
    Money,
}

pub type Column = (&'static str, &'static str, Unit);

/// Tiles and columns by their names.
const COLUMNS: [Column; 35] = [
    ("Unique visitors", "visitors", Unit::Count),
    ("Pageviews", "pageviews", Unit::Count),
    ("Conversion rate", "conversion_rate", Unit::Percent),
    ("Visitors", "visitors", Unit::Count),
    ("Visits", "visits", Unit::Count),
    ("Views", "pageviews", Unit::Count),
    ("Events", "conversions", Unit::Count),
    ("Total", "conversions", Unit::Count),
    ("Served", "server_pageviews", Unit::Count),
    ("Confirmed", "confirmed_pageviews", Unit::Count),
    ("Browser only", "browser_pageviews", Unit::Count),
    ("Confirmed visitors", "confirmed_visitors", Unit::Count),
    ("Views per visit", "views_per_visit", Unit::Decimal),
    ("Unconfirmed", "blind_spot", Unit::Percent),
    ("Bounce", "bounce_rate", Unit::Percent),
    ("Bounce rate", "bounce_rate", Unit::Percent),
    ("Exit rate", "exit_rate", Unit::Percent),
    ("Rate", "conversion_rate", Unit::Percent),
    ("Of all visitors", "percentage", Unit::Percent),
    ("Scroll", "scroll_depth", Unit::Percent),
    ("Scroll depth", "scroll_depth", Unit::Percent),
    ("Time", "time_on_page", Unit::Time),
    ("Time on page", "time_on_page", Unit::Time),
    ("Visit duration", "visit_duration", Unit::Time),
    ("Sent", "bytes", Unit::Bytes),
    ("Revenue", "total_revenue", Unit::Money),
    ("Average revenue", "average_revenue", Unit::Money),
    ("Requests", "pageviews", Unit::Count),
    ("In a browser", "confirmed_pageviews", Unit::Count),
    ("Downloads", "pageviews", Unit::Count),
    ("Fetched", "pageviews", Unit::Count),
    ("Fetches", "pageviews", Unit::Count),
    ("Aborted", "aborted", Unit::Count),
    ("Subscribers", "subscribers", Unit::Count),
    ("Never seen", "blind_spot", Unit::Percent),
];

/// What rows are about, by the name of their first column. A link adds nothing to filters that name
/// it already.
const PROPERTIES: [(&str, &str); 16] = [
    ("Page", "event:page"),
    ("Entry page", "visit:entry_page"),
    ("Exit page", "visit:exit_page"),
    ("Source", "visit:source"),
    ("Channel", "visit:channel"),
    ("UTM campaign", "visit:utm_campaign"),
    ("Country", "visit:country"),
    ("Device", "visit:device"),
    ("Browser", "visit:browser"),
    ("OS", "visit:os"),
    ("Goal", "event:goal"),
    ("Event", "event:name"),
    ("Bot", "bot:name"),
    ("Page that bots asked for", "bot:page"),
    ("Missing or failed page", "error:page"),
    ("File", "download:path"),
];

pub fn property(name: &str, link: &str) -> String {
    let known = PROPERTIES.iter().find(|own| own.0 == name).map(|own| own.1.to_owned());
    let last = || condition(filters_of(link).last().unwrap()).0.to_owned();
    known.unwrap_or_else(last)
}

pub fn column(name: &str) -> Column {
    *COLUMNS.iter().find(|own| own.0 == name).unwrap_or_else(|| panic!("what is {name}?"))
}

/// How a metric of the API is written.
pub fn unit(metric: &str) -> Unit {
    let found = COLUMNS.iter().find(|own| own.1 == metric);
    match metric {
        "events" | "complete" => Unit::Count,
        "group_conversion_rate" => Unit::Percent,
        _ => found.unwrap_or_else(|| panic!("what is {metric}?")).2,
    }
}

pub fn metrics(columns: &[Column]) -> String {
    columns.iter().map(|own| own.1).collect::<Vec<_>>().join(",")
}

/// Names that the API has as Plausible has them.
pub fn named(value: &str) -> &str {
    match value {
        "macOS" => "Mac",
        "Edge" => "Microsoft Edge",
        "File download" => "File Download",
        "Outbound link" => "Outbound Link: Click",
        same => same,
    }
}

/// Whether a number of the API is shown so.
#[track_caller]
pub fn same(unit: Unit, shown: &str, told: &Value, what: &str) {
    let Some(n) = told.as_f64() else {
        assert!(told.is_null() && shown == "–", "{what}: {shown} for {told}");
        return;
    };
    let is_same = match unit {
        Unit::Count => is_count(shown, n),
        Unit::Decimal => (number(shown) - n).abs() <= 0.005_1,
        Unit::Percent => (number(shown) - n).abs() <= 0.5,
        // Rows of days gone by know whole seconds, the roll-ups that may answer instead know more.
        Unit::Time => (seconds(shown) - n).abs() <= 1.0,
        Unit::Bytes => {
            let (digits, unit) = shown.split_once(' ').unwrap();
            let units = ["B", "kB", "MB", "GB"];
            let power = units.iter().position(|own| *own == unit).unwrap();
            let size = 1_000_f64.powi(power as i32);
            (number(digits) * size - n).abs() <= size / 2.0
        }
        Unit::Money if shown == "–" => n == 0.0,
        // In the demo's currency; large sums are told in whole units.
        Unit::Money => {
            let step = if shown.contains('.') { 0.005_1 } else { 0.5 };
            shown.strip_prefix('€').is_some_and(|shown| (number(shown) - n).abs() <= step)
        }
    };
    assert!(is_same, "{what}: {shown} for {n}");
}

/// A number without its separators and its sign for percent.
pub fn number(shown: &str) -> f64 {
    shown.replace(',', "").trim_end_matches('%').parse().unwrap_or(f64::NAN)
}

/// `1h 02m`, `1m 05s`.
pub fn seconds(shown: &str) -> f64 {
    let part = |of: &str| match of.split_at(of.len() - 1) {
        (hours, "h") => number(hours) * 3_600.0,
        (minutes, "m") => number(minutes) * 60.0,
        (seconds, _) => number(seconds),
    };
    shown.split(' ').map(part).sum()
}

/// A count is written out, or from a hundred thousand on in thousands.
pub fn is_count(shown: &str, n: f64) -> bool {
    match shown.strip_suffix('k') {
        Some(thousands) => n >= 100_000.0 && (number(thousands) * 1e3 - n).abs() <= 500.0,
        None => number(shown) == n,
    }
}
