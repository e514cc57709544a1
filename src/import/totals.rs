//! What another analytics program has counted: its CSV exports, as totals by day and property.
//!
//! Apart from logs, for these are no requests: whoever was counted there cannot be told from whoever
//! is counted here. So they are kept beside our own counts and shown only where asked for. A day
//! that is imported again takes the place of what it was.
//!
//! Plausible and GA4 export totals: a line is a day and a value of a property. Umami and GoatCounter
//! export what happened: a line is a pageview, and of each day the visitors are told apart by the
//! sessions that it names.

use crate::model::DayCounts;
use crate::model::rollup::{Dimension, Field, Metric, clean};
use crate::model::site::Day;
use crate::page_name;
use anyhow::{Context, bail, ensure};
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use chrono_tz::Tz;
use csv::StringRecord;
use std::collections::{BTreeMap, HashSet};
use std::io::Read;

/// Whose export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    Plausible,
    Ga4,
    Umami,
    GoatCounter,
}

/// Names that `--format` knows, with what they are.
pub const NAMES: [(&str, &str); 4] = [
    ("plausible", "Plausible's export, unpacked: imported_*.csv"),
    ("ga4", "reports of Google Analytics 4 by date, as CSV"),
    ("umami", "Umami's export of events, as CSV"),
    ("goatcounter", "GoatCounter's export, as CSV"),
];

impl Program {
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "plausible" => Self::Plausible,
            "ga4" => Self::Ga4,
            "umami" => Self::Umami,
            "goatcounter" => Self::GoatCounter,
            _ => return None,
        })
    }

    /// As it calls itself.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plausible => "Plausible",
            Self::Ga4 => "Google Analytics",
            Self::Umami => "Umami",
            Self::GoatCounter => "GoatCounter",
        }
    }
}

/// A column of an export.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Column {
    Nothing,
    Date,
    Of(Dimension),
    /// Number of a version, with the dimension of the name that stands before it.
    Version(Dimension, Dimension),
    /// So many times as much.
    Sum(Metric, f64),
    Session,
    /// What is not empty there is no pageview.
    Event,
    /// `1` or `true`: a robot.
    Robot,
}

/// Columns by their names in lower case, letters and digits only. What is of no use is not here.
fn column(program: Program, name: &str) -> Column {
    use Column::{Date, Event, Of, Robot, Session, Sum, Version};
    let name: String = name.chars().filter(|c| c.is_alphanumeric()).collect();
    let name = name.to_lowercase();
    let is_log = matches!(program, Program::Umami | Program::GoatCounter);
    match name.as_str() {
        "date" | "day" | "createdat" => Date,
        "source" | "sessionsource" | "referrerdomain" => Of(Dimension::Source),
        "referrer" if program == Program::GoatCounter => Of(Dimension::Source),
        "referrer" => Of(Dimension::Referrer),
        "utmsource" => Of(Dimension::UtmSource),
        "utmmedium" | "sessionmedium" => Of(Dimension::UtmMedium),
        "utmcampaign" | "sessioncampaign" => Of(Dimension::UtmCampaign),
        "utmcontent" => Of(Dimension::UtmContent),
        "utmterm" => Of(Dimension::UtmTerm),
        "page" | "pagepath" | "pagepathandscreenclass" | "urlpath" | "2path" | "path" => {
            Of(Dimension::Page)
        }
        "hostname" => Of(Dimension::Hostname),
        "entrypage" | "landingpage" => Of(Dimension::EntryPage),
        "exitpage" => Of(Dimension::ExitPage),
        "country" | "countryid" | "location" => Of(Dimension::Country),
        "region" | "subdivision1" => Of(Dimension::Region),
        "device" | "devicecategory" => Of(Dimension::Device),
        "browser" => Of(Dimension::Browser),
        "browserversion" => Version(Dimension::Browser, Dimension::BrowserVersion),
        "operatingsystem" | "os" | "system" => Of(Dimension::Os),
        "operatingsystemversion" => Version(Dimension::Os, Dimension::OsVersion),
        "language" => Of(Dimension::Language),
        "name" if program == Program::Plausible => Of(Dimension::Event),
        "eventname" | "event" if is_log => Event,
        "bot" => Robot,
        "session" | "sessionid" => Session,
        "visitors" | "totalusers" | "activeusers" | "users" if !is_log => {
            Sum(Metric::Visitors, 1.0)
        }
        "pageviews" | "views" | "screenpageviews" if !is_log => Sum(Metric::Browser, 1.0),
        "visits" | "sessions" | "entrances" | "exits" if !is_log => Sum(Metric::Visits, 1.0),
        "bounces" if !is_log => Sum(Metric::Bounces, 1.0),
        "events" if !is_log => Sum(Metric::Events, 1.0),
        // Seconds.
        "visitduration" if !is_log => Sum(Metric::Duration, 1_000.0),
        _ => Column::Nothing,
    }
}

/// A value of a property; `None`: the whole day.
type Named = Option<(Dimension, String)>;

/// Totals of days, from any number of files.
pub struct Totals {
    program: Program,
    /// The site's: days are its days.
    timezone: Tz,
    /// Bytes of a value.
    value_length: usize,
    days: BTreeMap<Day, DayCounts>,
    /// By day and value: sessions that were there.
    sessions: HashSet<(Day, Named, String)>,
    pub lines: u64,
    /// Lines that were not added: without a day or a valid number, a robot's, or no pageview.
    pub left: u64,
}

impl Totals {
    pub fn new(program: Program, timezone: Tz, value_length: usize) -> Self {
        let (days, sessions) = (BTreeMap::new(), HashSet::new());
        Self { program, timezone, value_length, days, sessions, lines: 0, left: 0 }
    }

    /// Adds a file.
    ///
    /// # Errors
    /// One line: it is no such export.
    pub fn add(&mut self, name: &str, reader: impl Read) -> anyhow::Result<()> {
        let mut reader =
            csv::ReaderBuilder::new().flexible(true).comment(Some(b'#')).from_reader(reader);
        let header = reader.headers().with_context(|| name.to_owned())?.clone();
        let columns: Vec<Column> = header.iter().map(|name| column(self.program, name)).collect();
        let has = |such: fn(&Column) -> bool| columns.iter().any(such);
        ensure!(has(|c| *c == Column::Date), "{name} has no column with a date");
        let counts = match self.program {
            Program::Plausible | Program::Ga4 => has(|c| matches!(c, Column::Sum(..))),
            _ => has(|c| *c == Column::Session) && has(|c| *c == Column::Of(Dimension::Page)),
        };
        ensure!(counts, "{name} is no export with counts: it has {:?}", &header);
        for (line, record) in (2_u64..).zip(reader.records()) {
            let Ok(record) = record else { bail!("{name}, line {line}: it is no CSV") };
            self.lines += 1;
            let added = match self.program {
                Program::Plausible | Program::Ga4 => self.add_total(&columns, &record),
                _ => self.add_hit(&columns, &record),
            };
            self.left += u64::from(added.is_none());
        }
        Ok(())
    }

    /// A line that says how much.
    fn add_total(&mut self, columns: &[Column], record: &StringRecord) -> Option<()> {
        let day = self.day(columns, record)?;
        let mut sums = Vec::new();
        for (column, text) in columns.iter().zip(record) {
            if let Column::Sum(metric, times) = column {
                let number: f64 = text.trim().parse().ok().filter(|n| (0.0..1e15).contains(n))?;
                sums.push((*metric, (number * times).round() as i64));
            }
        }
        let values = self.values(columns, record);
        let counts = self.days.entry(day).or_default();
        let is_total = !columns.iter().any(|c| matches!(c, Column::Of(_)));
        for (metric, sum) in sums {
            if is_total {
                counts.add(Dimension::Total, "", metric, sum);
                if metric == Metric::Browser {
                    counts.add(Dimension::Total, "", Metric::VisitViews, sum);
                }
            }
            for (dimension, value) in &values {
                counts.add(*dimension, value, metric, sum);
            }
        }
        Some(())
    }

    /// A line that is a pageview.
    fn add_hit(&mut self, columns: &[Column], record: &StringRecord) -> Option<()> {
        let day = self.day(columns, record)?;
        let mut session = "";
        for (column, text) in columns.iter().zip(record) {
            match column {
                Column::Session => session = text,
                // GoatCounter says whether it is one, Umami which.
                Column::Event if !matches!(text, "" | "0" | "false") => return None,
                Column::Robot if !matches!(text, "" | "0" | "false") => return None,
                _ => {}
            }
        }
        let mut values: Vec<Named> = self.values(columns, record).into_iter().map(Some).collect();
        values.push(None);
        for value in values {
            let (dimension, name) =
                value.as_ref().map_or((Dimension::Total, ""), |(d, name)| (*d, name.as_str()));
            let counts = self.days.entry(day).or_default();
            counts.add(dimension, name, Metric::Browser, 1);
            let of_total = dimension == Dimension::Total;
            let new = self.sessions.insert((day, value.clone(), session.to_owned()));
            let counts = self.days.entry(day).or_default();
            if new {
                let name = value.as_ref().map_or("", |(_, name)| name.as_str());
                counts.add(dimension, name, Metric::Visitors, 1);
                counts.add(dimension, name, Metric::Visits, 1);
            }
            if of_total {
                counts.add(Dimension::Total, "", Metric::VisitViews, 1);
            }
        }
        Some(())
    }

    /// The day a line is of: the one it names, as Plausible and GA4 do, or the site's at that moment.
    fn day(&self, columns: &[Column], record: &StringRecord) -> Option<Day> {
        let place = columns.iter().position(|column| *column == Column::Date)?;
        let text = record.get(place)?.trim();
        let named = text.parse().or_else(|_| NaiveDate::parse_from_str(text, "%Y%m%d"));
        let of_moment = || Some(moment(text)?.with_timezone(&self.timezone).date_naive());
        named.ok().or_else(of_moment)
    }

    /// Values of properties, in the form in which we have them.
    fn values(&self, columns: &[Column], record: &StringRecord) -> Vec<(Dimension, String)> {
        let mut values: Vec<(Dimension, String)> = Vec::new();
        for (column, text) in columns.iter().zip(record) {
            let (dimension, value) = match column {
                Column::Of(dimension) => (*dimension, text.trim().to_owned()),
                Column::Version(of, dimension) => {
                    let name = values.iter().find(|(known, _)| known == of);
                    let Some((_, name)) = name.filter(|_| !text.is_empty()) else { continue };
                    (*dimension, format!("{name} {}", text.split('.').next().unwrap_or_default()))
                }
                _ => continue,
            };
            let value = match dimension {
                Dimension::Page | Dimension::EntryPage | Dimension::ExitPage => {
                    page_name::plain(&value).into_owned()
                }
                Dimension::Country => match value.split('-').next().unwrap_or_default() {
                    code if code.len() == 2 => code.to_ascii_uppercase(),
                    // Not the code of a country.
                    _ => continue,
                },
                _ => value,
            };
            if !matches!(value.as_str(), "" | "(not set)") {
                values.push((dimension, clean(&value, self.value_length).into_owned()));
            }
        }
        values
    }

    /// All of it, by day.
    pub fn days(&self) -> impl Iterator<Item = (Day, &DayCounts)> + Clone {
        self.days.iter().map(|(day, counts)| (*day, counts))
    }

    /// Pageviews and visitors of all days.
    pub fn sums(&self) -> (i64, i64) {
        let totals = self.days.values().map(|counts| counts.row(Dimension::Total, ""));
        totals.fold((0, 0), |(views, visitors), row| {
            (views + row.pageviews(), visitors + row.get(Metric::Visitors))
        })
    }
}

/// Counts as they are stored.
pub fn fields(counts: &DayCounts) -> Vec<(Field, i64)> {
    counts.fields().collect()
}

/// A moment, as GoatCounter (`2025-03-01T23:30:00Z`), Umami (`2025-03-01 23:30:00`, in UTC) and its
/// PostgreSQL (`2025-03-01 23:30:00.5+00`) write it.
fn moment(text: &str) -> Option<DateTime<Utc>> {
    const PLAIN: &str = "%Y-%m-%d %H:%M:%S%.f";
    let zoned = || DateTime::parse_from_str(text, &format!("{PLAIN}%#z")).map(|at| at.to_utc());
    let plain = || NaiveDateTime::parse_from_str(text, PLAIN).map(|at| at.and_utc());
    let rfc3339 = DateTime::parse_from_rfc3339(text).map(|at| at.to_utc());
    rfc3339.or_else(|_| zoned()).or_else(|_| plain()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(program: Program, files: &[&str]) -> Totals {
        let mut totals = Totals::new(program, Tz::UTC, 100);
        files.iter().for_each(|file| totals.add("file", file.as_bytes()).unwrap());
        totals
    }

    fn day(totals: &Totals, day: &str) -> DayCounts {
        let day: Day = day.parse().unwrap();
        totals.days().find(|(on, _)| *on == day).unwrap().1.clone()
    }

    #[test]
    fn plausible_tells_totals_and_properties() {
        let all = totals(
            Program::Plausible,
            &[
                "date,visitors,pageviews,bounces,visits,visit_duration\n\
                 \"2025-03-01\",10,30,4,12,600\n2025-03-02,1,2,0,1,30\nx,1,1,1,1,1\n",
                "date,page,hostname,visits,visitors,pageviews\n\
                 2025-03-01,/caf%c3%a9,e.org,7,6,20\n2025-03-01,/,e.org,5,5,10\n",
                "date,country,region,city,visitors,visits,visit_duration,bounces,pageviews\n\
                 2025-03-01,DE,DE-BE,2950159,10,12,600,4,30\n",
                "date,browser,browser_version,visitors,pageviews\n2025-03-01,Firefox,153.0,9,28\n",
            ],
        );
        assert_eq!((all.sums(), all.lines, all.left), ((32, 11), 7, 1));
        let first = day(&all, "2025-03-01");
        let total = first.row(Dimension::Total, "");
        assert_eq!((total.get(Metric::Visits), total.get(Metric::Duration)), (12, 600_000));
        let row = |dimension, value| first.row(dimension, value);
        assert_eq!(row(Dimension::Page, "/caf%C3%A9").get(Metric::Visitors), 6);
        assert_eq!(row(Dimension::Hostname, "e.org").pageviews(), 30);
        assert_eq!(row(Dimension::Country, "DE").get(Metric::Bounces), 4);
        assert_eq!(row(Dimension::BrowserVersion, "Firefox 153").pageviews(), 28);
    }

    #[test]
    fn ga4_writes_comments_and_dates_of_its_own() {
        let file = "# ----\n# Traffic\n# ----\nDate,Page path and screen class,Views,Active users\n\
                    20250301,/a,7,3\n20250301,(not set),1,1\n";
        let all = totals(Program::Ga4, &[file]);
        let row = day(&all, "2025-03-01").row(Dimension::Page, "/a");
        assert_eq!((row.pageviews(), row.get(Metric::Visitors)), (7, 3));
        assert_eq!(day(&all, "2025-03-01").row(Dimension::Total, "").pageviews(), 0);
    }

    #[test]
    fn pageviews_are_counted_by_session_and_day() {
        let goatcounter = "2Path,Title,Event,UserAgent,Browser,System,Session,Bot,Referrer,Location,Date\n\
             /a,A,false,x,Firefox 153,Linux,s1,0,google.com,DE-BE,2025-03-01T10:00:00Z\n\
             /b,B,false,x,Firefox 153,Linux,s1,0,,DE,2025-03-01T10:01:00Z\n\
             /b,B,false,x,Firefox 153,Linux,s2,0,,US,2025-03-01T11:00:00Z\n\
             /b,B,true,x,Firefox 153,Linux,s2,0,,US,2025-03-01T11:00:00Z\n\
             /b,B,false,x,Firefox 153,Linux,s3,1,,US,2025-03-01T11:00:00Z\n\
             /b,B,false,x,Firefox 153,Linux,s1,0,,DE,2025-03-02T00:00:00Z\n";
        let umami = "session_id,hostname,url_path,event_name,created_at,country\n\
                     u1,e.org,/a,,2025-03-01 10:00:00,DE\nu1,e.org,/a,signup,2025-03-01 10:00:01,DE\n";
        let all = totals(Program::GoatCounter, &[goatcounter]);
        assert_eq!((all.sums(), all.left), ((4, 3), 2));
        let first = day(&all, "2025-03-01");
        let row = first.row(Dimension::Page, "/b");
        assert_eq!((row.pageviews(), row.get(Metric::Visitors)), (2, 2));
        assert_eq!(first.row(Dimension::Country, "DE").pageviews(), 2);
        let all = totals(Program::Umami, &[umami]);
        assert_eq!((all.sums(), all.left), ((1, 1), 1));
    }

    #[test]
    fn a_moment_is_of_the_day_that_it_is_where_the_site_is() {
        let head = "session_id,url_path,event_name,created_at\n";
        for (written, utc, in_berlin) in [
            ("2025-03-01 22:59:59", "2025-03-01", "2025-03-01"),
            ("2025-03-01 23:00:00", "2025-03-01", "2025-03-02"),
            ("2025-03-01T23:30:00Z", "2025-03-01", "2025-03-02"),
            ("2025-03-02T00:30:00+01:00", "2025-03-01", "2025-03-02"),
            ("2025-03-01 23:30:00.5+00", "2025-03-01", "2025-03-02"),
            ("2025-03-02 00:30:00+01", "2025-03-01", "2025-03-02"),
            ("2025-03-02 04:30:00+05:30", "2025-03-01", "2025-03-02"),
            // In summer.
            ("2025-07-01 22:00:00.123", "2025-07-01", "2025-07-02"),
            // No moment.
            ("2025-03-01", "2025-03-01", "2025-03-01"),
        ] {
            for (zone, expected) in [(Tz::UTC, utc), (Tz::Europe__Berlin, in_berlin)] {
                let mut totals = Totals::new(Program::Umami, zone, 100);
                totals.add("file", format!("{head}s,/a,,{written}\n").as_bytes()).unwrap();
                let days: Vec<String> = totals.days().map(|(day, _)| day.to_string()).collect();
                assert_eq!(days, [expected], "{written} in {zone}");
            }
        }
        let mut totals = Totals::new(Program::Umami, Tz::UTC, 100);
        totals.add("file", format!("{head}s,/a,,2025-03-01x\n").as_bytes()).unwrap();
        assert_eq!(totals.left, 1, "what is no time is no line of a day");
    }

    #[test]
    fn what_is_no_export_is_named() {
        let mut totals = Totals::new(Program::Plausible, Tz::UTC, 100);
        for (file, why) in [
            ("", "has no column with a date"),
            ("visitors,pageviews\n1,2\n", "has no column with a date"),
            ("date,colour\n2025-03-01,red\n", "is no export with counts"),
        ] {
            let error = totals.add("x.csv", file.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with("x.csv") && error.contains(why), "{error}");
        }
        let wrong = "date,visitors\n2025-03-01,-1\n2025-03-01,NaN\n2025-03-01,1e300\n,1\n";
        totals.add("x.csv", wrong.as_bytes()).unwrap();
        assert_eq!((totals.sums(), totals.left), ((0, 0), 4));
    }
}
