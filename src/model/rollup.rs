//! The words of a roll-up: dimension, value, metric, and how one stored field names them.
//!
//! A day's roll-up is a flat map `dimension␟value␟metric → count`, the same in every store (␟ is
//! the ASCII unit separator, 0x1F). Rooms that never meet, `aggregate` which writes and `report`
//! which reads, agree here and nowhere else. Every count is a sum, so any number of writers add
//! up.

use crate::clock::{MINUTE, Millis};
use crate::words::words;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::sync::Arc;

/// Separates the parts of a field. Values never contain it: see [`clean`].
pub const SEPARATOR: char = '\u{1f}';

/// Where what does not fit goes: too long a value, one row too many.
pub const OTHER: &str = "(other)";

/// Events that the script sends by itself, as stored.
pub const OUTBOUND_LINK: &str = "Outbound link";
/// The same of files.
pub const FILE_DOWNLOAD: &str = "File download";

/// Length of a slot of the total, in milliseconds. A quarter of an hour fits every time zone.
pub const SLOT: Millis = 15 * MINUTE;

words! {
    /// What rows are told apart by.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
    pub enum Dimension {
        /// One row, the empty value: everything.
        Total = "total",
        /// Value: the slot's start, in slots of 15 minutes since the epoch, UTC.
        Slot = "slot",
        /// Only in months: the totals of its days. Value: `2026-11-24`.
        Day = "day",
        /// A page's path.
        Page = "page",
        /// The host that was asked for.
        Hostname = "hostname",
        /// The first page of a visit.
        EntryPage = "entry_page",
        /// Its last page.
        ExitPage = "exit_page",
        /// Where a visit came from, by name.
        Source = "source",
        /// The page that led here.
        Referrer = "referrer",
        /// The kind of source: `Direct`, `Organic Search` ….
        Channel = "channel",
        /// The campaign's source, as the link has it.
        UtmSource = "utm_source",
        /// Its medium.
        UtmMedium = "utm_medium",
        /// Its name.
        UtmCampaign = "utm_campaign",
        /// What was clicked.
        UtmContent = "utm_content",
        /// The term that was searched for.
        UtmTerm = "utm_term",
        /// ISO 3166-1 alpha-2.
        Country = "country",
        /// ISO 3166-2 where the database has it, else a name.
        Region = "region",
        /// A city's name.
        City = "city",
        /// `Desktop`, `Mobile`, `Tablet`, `TV`, `Console` …
        Device = "device",
        /// `Firefox` ….
        Browser = "browser",
        /// Browser and major version, `Firefox 153`.
        BrowserVersion = "browser_version",
        /// `Windows`, `Android` ….
        Os = "os",
        /// The same with its version.
        OsVersion = "os_version",
        /// Class of the viewport's width, from the script.
        Screen = "screen",
        /// Primary language, `de`.
        Language = "language",
        /// Name of a custom event.
        Event = "event",
        /// `yes` for views of a visitor that behaves like a robot.
        Suspected = "suspected",
        /// Name of a robot.
        BotName = "bot_name",
        /// Its class, `AI training` ….
        BotClass = "bot_class",
        /// A page that robots asked for.
        BotPage = "bot_page",
        /// Status that robots were answered with.
        BotStatus = "bot_status",
        /// A path that was answered with an error.
        ErrorPage = "error_page",
        /// Its status.
        ErrorStatus = "error_status",
        /// A broken link: path, referrer (see [`join`]; empty: none was sent).
        ErrorLink = "error_link",
        /// Path of a file.
        Download = "download",
        /// A page that was fetched ahead and never seen.
        Prefetch = "prefetch",
        /// Feed's path, reader.
        Feed = "feed",
        /// What came from a cache: `same visitor` (back, HTTP cache) or `other visitor` (a CDN in
        /// front of this proxy replays pages).
        Cached = "cached",
        /// URL of a link that leads away from the site.
        Outbound = "outbound",
        /// URL or path of a file whose link was clicked.
        File = "file",
        /// Event, property, value.
        EventProperty = "event_property",
        /// Name of a configured goal.
        Goal = "goal",
        /// Funnel, step (from 1).
        FunnelStep = "funnel_step",
        /// Screen class, column, row (of [`GRID`] cells to a page's width), page: clicks.
        ClickMap = "click_map",
        /// Screen class, tenth reached (1 to 10), page: views that got that far and no further.
        ScrollMap = "scroll_map",
        /// What was timed (`origin`, `TTFB`, `LCP`, `INP`, `CLS`), bucket, page (empty: all): see
        /// [`super::sketch`].
        Timing = "timing",
        /// What for (`training`, `assistant`, `referral`), page: how AI reads a page and whom it
        /// sends there. Also `disallowed`: so many of those it read against robots.txt.
        AiPage = "ai_page",
        /// Visitors by the slot in which they were first seen on the day: up to any time of a day
        /// they add up to its visitors until then.
        FirstSeen = "first_seen",
        /// Bot's name, how it is known: see [`super::Proof`].
        BotProof = "bot_proof",
        /// Bot's name, and what the website's robots.txt says of its request: `allowed`,
        /// `disallowed`.
        BotRules = "bot_rules",
        /// `Data centre` for visits from one; others have none.
        Network = "network",
        /// Screen class, [outline](super::outline), page: how often a page was seen laid out so.
        Outline = "outline",
    }
}

words! {
    /// What is counted in a row.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
    pub enum Metric {
        /// Pageviews the server saw, confirmed or not.
        Server = "server",
        /// Of these, confirmed by their beacon.
        Confirmed = "confirmed",
        /// Pageviews only the browser saw.
        Browser = "browser",
        /// Of these, without a valid view id.
        Unverified = "unverified",
        /// First-seen claims (visitor, row, day).
        Visitors = "visitors",
        /// Visitors with at least one view that the server saw and their browser confirmed.
        ConfirmedVisitors = "confirmed_visitors",
        /// Sessions, booked on their first day.
        Visits = "visits",
        /// Sessions of one pageview and no interactive event.
        Bounces = "bounces",
        /// Sum of session lengths, milliseconds.
        Duration = "duration",
        /// Pageviews within sessions, booked like `Visits`: views per visit = this ÷ visits.
        VisitViews = "visit_views",
        /// Custom events.
        Events = "events",
        /// Engaged time, milliseconds.
        Engagement = "engagement",
        /// Pageviews whose scroll depth is known.
        ScrollViews = "scroll_views",
        /// Sum of these depths, in percent.
        ScrollDepth = "scroll_depth",
        /// Sum of events' values, in thousandths.
        Revenue = "revenue",
        /// Subscribers a feed reader says it fetches for.
        Subscribers = "subscribers",
        /// Responses: of bots, errors, downloads, prefetches.
        Responses = "responses",
        /// Of these, confirmed by a beacon (errors), activated (prefetches).
        Seen = "seen",
        /// Downloads sent to the last byte.
        Complete = "complete",
        /// Body bytes sent.
        Bytes = "bytes",
        /// Beacons sent by bots.
        Beacons = "beacons",
    }
}

/// Counts of one row, by [`Metric`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Row([i64; Metric::ALL.len()]);

impl Row {
    /// 0 where nothing was counted.
    pub fn get(&self, metric: Metric) -> i64 {
        self.0[metric as usize]
    }

    /// Counts more.
    pub fn add(&mut self, metric: Metric, by: i64) {
        self.0[metric as usize] += by;
    }

    /// Adds another row.
    pub fn merge(&mut self, other: &Row) {
        self.0.iter_mut().zip(other.0).for_each(|(count, by)| *count += by);
    }

    /// Counts more of several metrics.
    pub fn add_all(&mut self, counts: &[(Metric, i64)]) {
        counts.iter().for_each(|(metric, by)| self.add(*metric, *by));
    }

    /// Seen by the server, or by the browser only.
    pub fn pageviews(&self) -> i64 {
        self.get(Metric::Server) + self.get(Metric::Browser)
    }

    /// The metrics that are not zero.
    pub fn counts(&self) -> impl Iterator<Item = (Metric, i64)> + '_ {
        Metric::ALL.iter().map(|m| (*m, self.get(*m))).filter(|(_, n)| *n != 0)
    }

    /// The same, found once: they are few, and what a hit adds goes to a dozen rows.
    pub fn nonzero(&self) -> Vec<(Metric, i64)> {
        self.counts().collect()
    }
}

/// What a count is of. Written as text (`dimension␟value␟metric`) by Redis and by what waits on
/// disk.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Field {
    /// What rows are told apart by.
    pub dimension: Dimension,
    /// The row's value.
    pub value: Arc<str>,
    /// What is counted in it.
    pub metric: Metric,
}

/// A field by its parts.
pub fn field(dimension: Dimension, value: &str, metric: Metric) -> Field {
    Field { dimension, value: value.into(), metric }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dimension, value, metric } = self;
        write!(f, "{}{SEPARATOR}{value}{SEPARATOR}{}", dimension.as_str(), metric.as_str())
    }
}

impl Serialize for Field {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// Reads fields with their counts, from `R`. One that only a later version knows is left out.
pub fn known_fields<'de, R, D, C>(from: D) -> Result<C, D::Error>
where
    R: Deserialize<'de> + IntoIterator<Item = (String, i64)>,
    D: Deserializer<'de>,
    C: FromIterator<(Field, i64)>,
{
    let known = |(text, n): (String, i64)| {
        let (dimension, value, metric) = parse_field(&text)?;
        Some((field(dimension, value, metric), n))
    };
    Ok(R::deserialize(from)?.into_iter().filter_map(known).collect())
}

/// The parts of a field's name, or `None` for a field that is not a count (the day's version,
/// flush markers) or not ours.
pub fn parse_field(field: &str) -> Option<(Dimension, &str, Metric)> {
    let (dimension, rest) = field.split_once(SEPARATOR)?;
    let (value, metric) = rest.rsplit_once(SEPARATOR)?;
    Some((Dimension::parse(dimension)?, value, Metric::parse(metric)?))
}

/// Separates the parts of a value that has several.
pub const PART: char = '\u{1e}';

/// Cells of a heat map to the width of a page.
pub const GRID: u32 = 40;

/// Rows of a heat map that are told apart: 25 page widths. What lies below is in the last.
pub const GRID_ROWS: u32 = GRID * 25;

/// A value of several parts. Parts that come from outside are [`clean`], so they cannot hold
/// the separator.
pub fn join<const N: usize>(parts: [&str; N]) -> String {
    parts.join("\u{1e}")
}

/// The parts of a value; the last takes what is left.
pub fn parts(value: &str, n: usize) -> impl Iterator<Item = &str> {
    value.splitn(n, PART)
}

/// Where a value without a row of its own counts. Of values in parts the last is given up first,
/// so that a page that is not told apart does not take a histogram's buckets with it; of a bot its
/// name, of which there are many.
pub fn rest(dimension: Dimension, value: &str) -> String {
    if let (Dimension::BotProof | Dimension::BotRules, Some((_, word))) =
        (dimension, value.rsplit_once(PART))
    {
        return join([OTHER, word]);
    }
    let parts = matches!(
        dimension,
        Dimension::Timing
            | Dimension::ClickMap
            | Dimension::ScrollMap
            | Dimension::AiPage
            | Dimension::EventProperty
    );
    match value.rsplit_once(PART) {
        Some((first, last)) if parts && !last.is_empty() => format!("{first}{PART}{OTHER}"),
        Some(_) if parts => value.to_owned(),
        _ => OTHER.to_owned(),
    }
}

/// Of so many rows that a dimension may have, those that this one may: outlines are long, and of
/// a page the few that come often are enough.
pub fn rows(dimension: Dimension, rows: usize) -> usize {
    if dimension == Dimension::Outline { (rows / 5).max(1) } else { rows }
}

/// Makes a value fit to be stored: control characters go, with them those that turn the direction
/// of the text around them, and what is longer than `max` bytes becomes [`OTHER`].
pub fn clean(value: &str, max: usize) -> std::borrow::Cow<'_, str> {
    let unfit = |c: char| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    // Paths and hosts are ASCII: their characters need not be made out.
    let plain = value.bytes().all(|b| matches!(b, 0x20..=0x7e));
    if value.len() > max {
        OTHER.into()
    } else if !plain && value.contains(unfit) {
        value.chars().filter(|c| !unfit(*c)).collect::<String>().into()
    } else {
        value.into()
    }
}

/// The slot `at` falls in.
pub fn slot(at: Millis) -> i64 {
    at.div_euclid(SLOT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_cleaned() {
        for (value, clean_value) in [
            ("/plain", "/plain"),
            ("zähler", "zähler"),
            ("a\u{1f}b\nc", "abc"),
            ("a\u{85}b", "ab"),
            ("/\u{202e}fdp.exe\u{2069}", "/fdp.exe"),
            ("seventeen letters", OTHER),
        ] {
            assert_eq!(clean(value, 16), clean_value);
        }
    }
}
