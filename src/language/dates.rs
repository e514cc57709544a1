//! Days and times as people read them. Names and their order are texts.

use super::Language;
use chrono::{Datelike, NaiveDate, NaiveDateTime};

impl Language {
    /// `24 Nov`.
    pub fn day(self, day: NaiveDate) -> String {
        let month = self.with("date-month-short", [("month", day.month().into())]);
        self.with("date-day", [("day", day.day().into()), ("month", month.into())])
    }

    /// `24 Nov 2026`.
    pub fn date(self, day: NaiveDate) -> String {
        let year = day.year().to_string();
        self.with("date-full", [("date", self.day(day).into()), ("year", year.into())])
    }

    /// `Tue, 24 Nov`.
    pub fn weekday(self, day: NaiveDate) -> String {
        let weekday = day.weekday().number_from_monday();
        let weekday = self.with("date-weekday-short", [("day", weekday.into())]);
        format!("{weekday}, {}", self.day(day))
    }

    /// `Nov 2026`.
    pub fn month_short(self, day: NaiveDate) -> String {
        let month = self.with("date-month-short", [("month", day.month().into())]);
        format!("{month} {}", day.year())
    }

    /// `November 2026`.
    pub fn month(self, day: NaiveDate) -> String {
        let month = self.with("date-month", [("month", day.month().into())]);
        let year = day.year().to_string();
        self.with("date-month-of-year", [("month", month.into()), ("year", year.into())])
    }

    /// `24 Nov 2026`, `1–24 Nov 2026`, `26 Oct – 24 Nov 2026`.
    pub fn days(self, first: NaiveDate, last: NaiveDate) -> String {
        let end = self.date(last);
        if first == last {
            end
        } else if (first.year(), first.month()) == (last.year(), last.month()) {
            let first = self.with("date-day-alone", [("day", first.day().into())]);
            format!("{first}–{end}")
        } else if first.year() == last.year() {
            format!("{} – {end}", self.day(first))
        } else {
            format!("{} – {end}", self.date(first))
        }
    }

    /// `15:30`.
    pub fn time(self, at: NaiveDateTime) -> String {
        at.format("%H:%M").to_string()
    }

    /// `Tue, 24 Nov, 15:30:05`.
    pub fn moment(self, at: NaiveDateTime) -> String {
        format!("{}, {}", self.weekday(at.date()), at.format("%H:%M:%S"))
    }
}

#[cfg(test)]
mod tests {
    use super::Language::{self, English, German, Spanish};
    use chrono::NaiveDate;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn ranges_say_no_more_than_needed() {
        for (first, last, text) in [
            ("2026-11-24", "2026-11-24", "24 Nov 2026"),
            ("2026-11-01", "2026-11-24", "1–24 Nov 2026"),
            ("2026-10-26", "2026-11-24", "26 Oct – 24 Nov 2026"),
            ("2025-12-01", "2026-11-30", "1 Dec 2025 – 30 Nov 2026"),
        ] {
            assert_eq!(English.days(day(first), day(last)), text);
        }
        let (first, last) = (day("2026-03-01"), day("2026-03-24"));
        assert_eq!(German.days(first, last), "1.–24. März 2026");
        assert_eq!(Spanish.days(first, last), "1–24 mar 2026");
    }

    #[test]
    fn all_days_and_months_have_names() {
        let english = |pattern: &str, day: NaiveDate| day.format(pattern).to_string();
        for ago in 0..365 {
            let day = day("2026-11-24") - chrono::Days::new(ago);
            assert_eq!(English.weekday(day), english("%a, %-d %b", day));
            assert_eq!(English.month(day), english("%B %Y", day));
            assert_eq!(English.month_short(day), english("%b %Y", day));
        }
        let day = day("2026-10-06");
        let all = |say: Language| [say.weekday(day), say.date(day), say.month(day)];
        assert_eq!(all(German), ["Di., 6. Okt.", "6. Okt. 2026", "Oktober 2026"]);
        assert_eq!(all(Spanish), ["mar, 6 oct", "6 oct 2026", "octubre de 2026"]);
        assert_eq!(German.moment(day.and_hms_opt(9, 5, 1).unwrap()), "Di., 6. Okt., 09:05:01");
    }
}
