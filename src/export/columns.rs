//! The columns of an export: name, type, meaning and where each comes from.

use crate::clock::Millis;
use crate::model::Proof;
use crate::model::rollup::Dimension;
use crate::model::row::{EventRow, Flags, Kind, read_depth};
use crate::model::site::Day;
use crate::model::sketch;
use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value};
use std::fmt::Write;

/// What a column holds, where it is not empty (in NDJSON: `null`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// RFC 3339, UTC.
    Time,
    /// `2026-11-24`.
    Day,
    /// Words of ours.
    Word,
    /// Whatever a visitor, a website or a browser sent.
    Text,
    Integer,
    Number,
    /// In CSV its text.
    Object,
}

impl Type {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Day => "day",
            Self::Word | Self::Text => "text",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Object => "JSON object",
        }
    }
}

/// A row with what only its day knows.
pub struct Told<'r> {
    pub row: &'r EventRow,
    pub day: Day,
    /// Number of its visit within the day, from 1, in the order of appearance.
    pub visit: Option<u32>,
}

/// A column, and how it is read.
pub struct Column {
    pub name: &'static str,
    pub holds: Type,
    pub meaning: &'static str,
    pub(super) read: fn(&Told<'_>) -> Value,
}

macro_rules! columns {
    ($($name:ident: $holds:ident, $meaning:literal, $read:expr;)*) => {
        /// All columns, in their order. Never rename one: only add, at the end.
        pub const COLUMNS: &[Column] = &[$(Column {
            name: stringify!($name),
            holds: Type::$holds,
            meaning: $meaning,
            read: $read,
        },)*];
    };
}

columns! {
    time: Time, "When it happened, UTC; whole seconds once the day's salt is gone",
        |t| time(t.row.at);
    day: Day, "The day it counts for, in the site's time zone", |t| t.day.to_string().into();
    kind: Word, "`view`, `confirm` (a beacon confirms a view that the server saw), `sent` (more or less of a view was sent than its head had said), `activity` (on a visit's first day: it goes on after midnight), `engagement`, `event`, `outbound`, `file`, `click`, `vital`, `bot`, `error`, `prefetch`, `download`, `feed`",
        |t| t.row.kind.as_str().into();
    flags: Word, "Words with spaces between them. Of a view: `server` or `browser` (who saw it), `confirmed`, `unverified`, `cached`, `cached_by_others`, `begins` (a visit begins with it). Of an activity: `viewed`, `interactive`. Of an event or activity: `passive` (it ends no bounce). Of bots, errors and prefetches: `answered`, `beacon`; of a bot also `read` (it was given a page). Of a download: `begins` (its first request), `complete`",
        |t| flags(t.row.flags);
    visit: Integer, "Rows with the same number on the same day are of one visit. Numbered within its day, from 1, in the order of appearance: it says nothing of who it was. Empty: of no visit",
        |t| t.visit.into();
    view: Integer, "Which view of its visit it is, or is about, from 1",
        |t| number(t.row.view.into(), t.row.view > 0);
    page: Text, "Path", |t| text(&t.row.page);
    entry_page: Text, "Path of the visit's first view", |t| text(&t.row.of.entry);
    hostname: Text, "Host that was asked", |t| of(t, Dimension::Hostname);
    source: Text, "Where the visit came from, `Google`", |t| of(t, Dimension::Source);
    referrer: Text, "The page it came from", |t| of(t, Dimension::Referrer);
    channel: Text, "`Organic Search`, `AI Assistants` …", |t| of(t, Dimension::Channel);
    utm_source: Text, "Of the visit's first URL", |t| of(t, Dimension::UtmSource);
    utm_medium: Text, "Likewise", |t| of(t, Dimension::UtmMedium);
    utm_campaign: Text, "Likewise", |t| of(t, Dimension::UtmCampaign);
    utm_content: Text, "Likewise", |t| of(t, Dimension::UtmContent);
    utm_term: Text, "Likewise", |t| of(t, Dimension::UtmTerm);
    country: Text, "ISO 3166-1 alpha-2", |t| of(t, Dimension::Country);
    region: Text, "ISO 3166-2, or a name", |t| of(t, Dimension::Region);
    city: Text, "Name", |t| of(t, Dimension::City);
    device: Text, "`Desktop`, `Mobile`, `Tablet` …", |t| of(t, Dimension::Device);
    browser: Text, "`Firefox`", |t| of(t, Dimension::Browser);
    browser_version: Text, "`Firefox 153`", |t| of(t, Dimension::BrowserVersion);
    os: Text, "`Windows`", |t| of(t, Dimension::Os);
    os_version: Text, "Its version; only the first number once the day's salt is gone",
        |t| of(t, Dimension::OsVersion);
    language: Text, "Primary language, `de`", |t| of(t, Dimension::Language);
    suspected: Word, "`yes`: from here on the visit behaves like a robot's", |t| of(t, Dimension::Suspected);
    screen: Text, "Class of the viewport's width, where the script told it", screen;
    name: Text, "Of an event or activity its name; of outbound and file links the URL; of a vital `LCP` …; of a bot its name; of an error the page that had the link; of a feed the reader",
        name;
    bot_class: Text, "What a bot is for, `Search engine`, `AI training` …", bot_class;
    properties: Object, "An event's properties and their values", properties;
    value: Number, "Of an event what it is worth; of a vital the measure (milliseconds, `CLS` a score), within about 5 %",
        value;
    bytes: Integer, "Of a view, prefetch or download the body's; of `sent` those beyond the view's row", bytes;
    answer_ms: Number, "Of a view: milliseconds until the answer began, within about 5 %", answer_ms;
    engagement_ms: Integer, "Milliseconds of attention", engagement_ms;
    depth: Integer, "How far the page was read, in percent; the largest of a view counts", depth;
    click_column: Integer, "Of a click: cell from the left, 40 to the page's width", click_column;
    click_row: Integer, "Of a click: cell of the same size from the top", click_row;
    status: Integer, "HTTP status answered to a bot or as an error", status;
    subscribers: Integer, "Of a feed: subscribers beyond those its reader had named that day", subscribers;
    proof: Word, "How it is known that a bot is what it says: `claimed`, `claimed, address not listed`, `claimed, data centre`, `published address`, `reverse DNS`, `signature`, `wrong signature`, `refuted`", proof;
    robots_txt: Word, "Of a bot: what the website's robots.txt says of its request, `allowed` or `disallowed`; empty where it is not known", robots_txt;
    network: Text, "`Data centre`, where networks are known", |t| of(t, Dimension::Network);
    outline: Text, "Of a click, where it brought the page's outline: two digits of base 64 (`A`–`Z`, `a`–`z`, `0`–`9`, `-`, `_`) for the height, then for each thing a letter (`f`rame, `i`mage, `t`ext, `h`eading, `c`ontrol), left, width, two for the top and two for the height, in cells as clicks are", outline;
}

fn time(at: Millis) -> Value {
    DateTime::from_timestamp_millis(at)
        .map(|time| time.to_rfc3339_opts(SecondsFormat::Millis, true))
        .into()
}

const FLAGS: [(Flags, &str); 14] = [
    (Flags::SERVER, "server"),
    (Flags::CONFIRMED, "confirmed"),
    (Flags::BROWSER, "browser"),
    (Flags::UNVERIFIED, "unverified"),
    (Flags::CACHED, "cached"),
    (Flags::CACHED_BY_OTHERS, "cached_by_others"),
    (Flags::BEGINS, "begins"),
    (Flags::VIEWED, "viewed"),
    (Flags::INTERACTIVE, "interactive"),
    (Flags::PASSIVE, "passive"),
    (Flags::ANSWERED, "answered"),
    (Flags::BEACON, "beacon"),
    (Flags::READ, "read"),
    (Flags::COMPLETE, "complete"),
];

fn flags(flags: Flags) -> Value {
    let words = FLAGS.iter().filter(|(flag, _)| flags.has(*flag)).map(|(_, word)| *word);
    text(&words.collect::<Vec<_>>().join(" "))
}

fn text(text: &str) -> Value {
    match text {
        "" => Value::Null,
        text => text.into(),
    }
}

fn number(number: i64, known: bool) -> Value {
    if known { number.into() } else { Value::Null }
}

fn of(told: &Told<'_>, dimension: Dimension) -> Value {
    text(told.row.of.traits.get(dimension).unwrap_or_default())
}

fn screen(told: &Told<'_>) -> Value {
    match told.row.kind {
        Kind::Bot => Value::Null,
        _ => text(&told.row.detail),
    }
}

fn name(told: &Told<'_>) -> Value {
    match told.row.kind {
        Kind::Click => Value::Null,
        _ => text(&told.row.name),
    }
}

fn outline(told: &Told<'_>) -> Value {
    match told.row.kind {
        Kind::Click => text(&told.row.name),
        _ => Value::Null,
    }
}

fn bot_class(told: &Told<'_>) -> Value {
    match told.row.kind {
        Kind::Bot => text(&told.row.detail),
        _ => Value::Null,
    }
}

fn properties(told: &Told<'_>) -> Value {
    let properties = &told.row.properties;
    let pair = |(name, value): &(std::sync::Arc<str>, std::sync::Arc<str>)| {
        (name.to_string(), Value::from(&**value))
    };
    match properties.as_slice() {
        [] => Value::Null,
        properties => properties.iter().map(pair).collect::<Map<_, _>>().into(),
    }
}

fn value(told: &Told<'_>) -> Value {
    let first = told.row.numbers[0];
    match told.row.kind {
        Kind::Event if first != 0 => thousandths(first),
        Kind::Vital => measured(first),
        _ => Value::Null,
    }
}

/// A decimal as it is written: a float of it would be printed the same only by chance.
fn thousandths(number: i64) -> Value {
    let mut written = String::new();
    let sign = if number < 0 { "-" } else { "" };
    let (whole, rest) = (number.unsigned_abs() / 1_000, number.unsigned_abs() % 1_000);
    let _ = write!(written, "{sign}{whole}.{rest:03}");
    let written = written.trim_end_matches('0').trim_end_matches('.');
    serde_json::from_str(written).unwrap_or(Value::Null)
}

/// What stands for a bucket, with no more digits than it is exact to.
fn measured(bucket: i64) -> Value {
    let value = u32::try_from(bucket).map(sketch::value);
    let short = value.ok().and_then(|value| format!("{value:.3e}").parse::<f64>().ok());
    short.map_or(Value::Null, Value::from)
}

fn bytes(told: &Told<'_>) -> Value {
    let has = matches!(told.row.kind, Kind::View | Kind::Sent | Kind::Prefetch | Kind::Download);
    number(told.row.numbers[0], has)
}

fn answer_ms(told: &Told<'_>) -> Value {
    match (told.row.kind, told.row.numbers[1]) {
        (Kind::View, bucket) if bucket > 0 => measured(bucket - 1),
        _ => Value::Null,
    }
}

fn engagement_ms(told: &Told<'_>) -> Value {
    number(told.row.numbers[0], told.row.kind == Kind::Engagement)
}

fn depth(told: &Told<'_>) -> Value {
    let depth = match told.row.kind {
        Kind::Engagement => read_depth(told.row.numbers[1]),
        _ => None,
    };
    depth.map(|(_, depth)| depth).into()
}

fn click_column(told: &Told<'_>) -> Value {
    number(told.row.numbers[0], told.row.kind == Kind::Click)
}

fn click_row(told: &Told<'_>) -> Value {
    number(told.row.numbers[1], told.row.kind == Kind::Click)
}

fn status(told: &Told<'_>) -> Value {
    number(told.row.numbers[0], matches!(told.row.kind, Kind::Bot | Kind::Error))
}

fn robots_txt(told: &Told<'_>) -> Value {
    match told.row.flags {
        _ if told.row.kind != Kind::Bot => Value::Null,
        flags if flags.has(Flags::ALLOWED) => "allowed".into(),
        flags if flags.has(Flags::DISALLOWED) => "disallowed".into(),
        _ => Value::Null,
    }
}

fn proof(told: &Told<'_>) -> Value {
    let proof = Proof::from_number(told.row.numbers[1]).filter(|_| told.row.kind == Kind::Bot);
    proof.map(Proof::as_str).into()
}

fn subscribers(told: &Told<'_>) -> Value {
    number(told.row.numbers[0], told.row.kind == Kind::Feed)
}

/// The columns as a table in Markdown.
pub fn table() -> String {
    let mut table = String::from("| column | type | meaning |\n| --- | --- | --- |\n");
    for Column { name, holds, meaning, .. } in COLUMNS {
        let _ = writeln!(table, "| `{name}` | {} | {meaning} |", holds.as_str());
    }
    table
}

/// The same for a terminal.
pub fn list() -> String {
    let mut list = String::new();
    for Column { name, holds, meaning, .. } in COLUMNS {
        let _ = writeln!(list, "  {name} ({}): {meaning}", holds.as_str());
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_are_known() {
        for (number, written) in [(9_500, "9.5"), (-20, "-0.02"), (1_000, "1"), (12_345, "12.345")]
        {
            assert_eq!(thousandths(number).to_string(), written);
        }
        let value = measured(i64::from(sketch::bucket(1_234.0))).as_f64().unwrap();
        assert!((value / 1_234.0 - 1.0).abs() < 0.055, "{value}");
        assert!(value.to_string().len() <= 5, "{value}");
    }

    #[test]
    fn no_name_comes_twice() {
        let names: std::collections::BTreeSet<&str> = COLUMNS.iter().map(|c| c.name).collect();
        assert_eq!(names.len(), COLUMNS.len());
    }
}
