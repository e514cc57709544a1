//! Times as logs write them.
//!
//! Many lines of a log have the same time, so the last one is remembered as it was written.

use crate::clock::{Millis, SECOND};
use chrono::{DateTime, LocalResult, NaiveDate, NaiveDateTime, TimeZone};
use chrono_tz::Tz;

/// How a time is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// `29/Nov/2026:20:15:00 +0100`, also with a fraction of a second, also without a zone.
    Clf,
    /// `2026-11-29T20:15:00.123+01:00`, also with a blank for the T, also without a zone.
    Iso,
    /// Since 1970, in so many units a second; a fraction may follow.
    Since1970(u32),
    /// Whatever of these it looks like.
    Any,
}

/// Reads times.
#[derive(Debug, Clone)]
pub struct Times {
    /// Of times that name no zone.
    zone: Tz,
    last: Vec<u8>,
    at: Option<Millis>,
}

const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

impl Times {
    /// `zone`: of times that name none.
    pub fn new(zone: Tz) -> Self {
        Self { zone, last: Vec::new(), at: None }
    }

    /// `None`: it is no time, or none after 1970.
    pub fn read(&mut self, written: Written, text: &[u8]) -> Option<Millis> {
        if text != self.last {
            self.at = self.parse(written, text).filter(|at| *at > 0);
            self.last.clear();
            self.last.extend_from_slice(text);
        }
        self.at
    }

    /// `2026-11-29` and `20:15:00`, in UTC.
    pub fn of_day(&mut self, day: &[u8], time: &[u8]) -> Option<Millis> {
        let both = self.last.strip_prefix(day).and_then(|rest| rest.strip_prefix(b" "));
        if both != Some(time) {
            self.last = [day, b" ", time].concat();
            self.at = iso(&self.last, Tz::UTC).filter(|at| *at > 0);
        }
        self.at
    }

    fn parse(&self, written: Written, text: &[u8]) -> Option<Millis> {
        match written {
            Written::Clf => clf(text, self.zone),
            Written::Iso => iso(text, self.zone),
            Written::Since1970(units) => {
                let number: f64 = str::from_utf8(text).ok()?.parse().ok()?;
                let millis = number * SECOND as f64 / f64::from(units);
                (millis.abs() < 1e15).then_some(millis.round() as Millis)
            }
            Written::Any => {
                let as_number = || self.parse(Written::Since1970(1), text);
                iso(text, self.zone).or_else(|| clf(text, self.zone)).or_else(as_number)
            }
        }
    }
}

/// `29/Nov/2026:20:15:00.123 +0100`.
fn clf(text: &[u8], zone: Tz) -> Option<Millis> {
    let [d, e, b'/', m, o, n, b'/', rest @ ..] = text else { return None };
    let month = MONTHS.iter().position(|known| **known == [*m, *o, *n])? as u32 + 1;
    let (year, rest) = rest.split_at_checked(4)?;
    let date = NaiveDate::from_ymd_opt(number(year)? as i32, month, number(&[*d, *e])?)?;
    let (millis, rest) = time_of_day(rest.strip_prefix(b":")?)?;
    at(date, millis, rest.strip_prefix(b" ").unwrap_or(rest), zone)
}

/// `2026-11-29T20:15:00.123+01:00`.
fn iso(text: &[u8], zone: Tz) -> Option<Millis> {
    let (date, rest) = text.split_at_checked(10)?;
    let [y, e, a, r, b'-', m, o, b'-', d, t] = date else { return None };
    let year = number(&[*y, *e, *a, *r])? as i32;
    let date = NaiveDate::from_ymd_opt(year, number(&[*m, *o])?, number(&[*d, *t])?)?;
    let [b'T' | b't' | b' ', rest @ ..] = rest else { return None };
    let (millis, rest) = time_of_day(rest)?;
    at(date, millis, rest.strip_prefix(b" ").unwrap_or(rest), zone)
}

/// `20:15:00`, perhaps with a fraction; and what follows.
fn time_of_day(text: &[u8]) -> Option<(u32, &[u8])> {
    let [h, i, b':', m, j, b':', s, t, rest @ ..] = text else { return None };
    let [hours, minutes, seconds] =
        [number(&[*h, *i])?, number(&[*m, *j])?, number(&[*s, *t])?.min(59)];
    if hours > 23 || minutes > 59 {
        return None;
    }
    let whole = ((hours * 60 + minutes) * 60 + seconds) * 1_000;
    let [b'.' | b',', fraction @ ..] = rest else { return Some((whole, rest)) };
    let digits = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
    let millis = (0..3).fold(0, |sum, place| {
        let digit = fraction[..digits].get(place).map_or(0, |digit| u32::from(digit - b'0'));
        sum * 10 + digit
    });
    Some((whole + millis, &fraction[digits..]))
}

/// A date, milliseconds of the day, and a zone: `Z`, `+0100`, `+01:00` or none.
fn at(date: NaiveDate, millis: u32, offset: &[u8], zone: Tz) -> Option<Millis> {
    let seconds = millis / 1_000;
    let local = date.and_hms_opt(seconds / 3_600, seconds / 60 % 60, seconds % 60)?;
    let fraction = Millis::from(millis % 1_000);
    let plain = local.and_utc().timestamp_millis() + fraction;
    let [h, i, m, j] = match offset {
        b"" => return Some(of_zone(local, zone)? + fraction),
        b"Z" | b"z" | b"UTC" => return Some(plain),
        [b'+' | b'-', h, i, b':', m, j] | [b'+' | b'-', h, i, m, j] => [*h, *i, *m, *j],
        _ => return None,
    };
    let east = Millis::from(number(&[h, i])? * 60 + number(&[m, j])?) * 60 * SECOND;
    Some(if offset[0] == b'-' { plain + east } else { plain - east })
}

/// A clock that is put back shows an hour twice: it is taken for the first. One that is put
/// forward never shows an hour: it is taken for the next.
fn of_zone(local: NaiveDateTime, zone: Tz) -> Option<Millis> {
    let known = |at: DateTime<Tz>| at.timestamp_millis();
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Some(known(at)),
        LocalResult::None => {
            let later = local.checked_add_signed(chrono::TimeDelta::hours(1))?;
            zone.from_local_datetime(&later).earliest().map(known)
        }
    }
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |sum, digit| {
        digit.is_ascii_digit().then(|| sum * 10 + u32::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-29 19:15:00 UTC.
    const EVENING: Millis = 1_795_979_700_000;

    #[test]
    fn times_are_read_with_their_zones() {
        let berlin = Tz::Europe__Berlin;
        for (written, text, at) in [
            (Written::Clf, "29/Nov/2026:20:15:00 +0100", EVENING),
            (Written::Clf, "29/Nov/2026:19:15:00 +0000", EVENING),
            (Written::Clf, "29/Nov/2026:14:00:00 -0515", EVENING),
            (Written::Clf, "29/Nov/2026:20:15:00.250", EVENING + 250),
            (Written::Iso, "2026-11-29T20:15:00+01:00", EVENING),
            (Written::Iso, "2026-11-29T19:15:00.123456789Z", EVENING + 123),
            (Written::Iso, "2026-11-29 20:15:00", EVENING),
            (Written::Iso, "2026-11-29 20:15:00,5 +0100", EVENING + 500),
            (Written::Since1970(1), "1795979700.042", EVENING + 42),
            (Written::Since1970(1_000), "1795979700042", EVENING + 42),
            (Written::Since1970(1_000_000), "1795979700042000", EVENING + 42),
            (Written::Any, "1795979700", EVENING),
            (Written::Any, "29/Nov/2026:20:15:00 +0100", EVENING),
            (Written::Any, "2026-11-29T19:15:00Z", EVENING),
            // A leap second.
            (Written::Clf, "29/Nov/2026:19:14:60 +0000", EVENING - 1_000),
        ] {
            assert_eq!(Times::new(berlin).read(written, text.as_bytes()), Some(at), "{text}");
        }
        let mut times = Times::new(berlin);
        assert_eq!(times.of_day(b"2026-11-29", b"19:15:00"), Some(EVENING));
        assert_eq!(times.of_day(b"2026-11-29", b"19:15:01"), Some(EVENING + 1_000));
    }

    #[test]
    fn an_hour_that_a_clock_shows_twice_or_never() {
        let mut times = Times::new(Tz::Europe__Berlin);
        let mut of = |text: &str| times.read(Written::Clf, text.as_bytes()).unwrap();
        let hour = 3_600 * SECOND;
        assert_eq!(of("25/Oct/2026:03:30:00") - of("25/Oct/2026:02:30:00"), 2 * hour);
        assert_eq!(of("29/Mar/2026:03:30:00"), of("29/Mar/2026:02:30:00"));
    }

    #[test]
    fn what_is_no_time_is_none() {
        let mut times = Times::new(Tz::UTC);
        for text in [
            "",
            "-",
            "29/Nov/2026",
            "31/Feb/2026:00:00:00 +0000",
            "29/Nov/2026:24:00:00 +0000",
            "29/Nov/2026:20:15:00 +01",
            "29/Foo/2026:20:15:00 +0000",
            "1/Nov/2026:20:15:00 +0000",
            "29/Nov/1912:20:15:00 +0000",
        ] {
            assert_eq!(times.read(Written::Clf, text.as_bytes()), None, "{text}");
        }
        for text in ["2026-13-01T00:00:00Z", "2026-11-29", "é026-11-29T00:00:00Z", "9"] {
            assert_eq!(times.read(Written::Iso, text.as_bytes()), None, "{text}");
        }
        for text in ["1e300", "NaN", "-5", "0", "x"] {
            assert_eq!(times.read(Written::Since1970(1), text.as_bytes()), None, "{text}");
        }
    }
}
