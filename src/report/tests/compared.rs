//! What is compared with what: the same part of the period before.

use super::*;

fn before(period: &str, date: &str, zone: &str, now: Millis) -> String {
    let (period, site) = (Period::parse(period).unwrap(), site(zone));
    let date = (!date.is_empty()).then_some(date);
    let range = period.range(date, site.day(now), false).unwrap();
    let Before { range, until } = Before::new(period, range, &site, now);
    let until = until.map_or(String::new(), |until| format!(" until {}", site.clock(until)));
    format!("{}..{}{until}", range.first, range.last)
}

fn at(text: &str) -> Millis {
    text.parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp_millis()
}

#[test]
fn the_same_part_of_the_period_before() {
    for (period, date, now, expected) in [
        // Not over yet: as much of the one before.
        ("day", "", "2026-11-24T14:30:00Z", "2026-11-23..2026-11-23 until 14:30"),
        ("month", "", "2026-11-24T14:30:00Z", "2026-10-01..2026-10-24 until 14:30"),
        ("6mo", "", "2026-11-24T14:30:00Z", "2025-12-01..2026-05-24 until 14:30"),
        ("12mo", "", "2026-11-24T14:30:00Z", "2024-12-01..2025-11-24 until 14:30"),
        ("year", "", "2026-11-24T14:30:00Z", "2025-01-01..2025-11-24 until 14:30"),
        ("month", "", "2026-11-30T14:30:00Z", "2026-10-01..2026-10-30 until 14:30"),
        // February has no such day: all of it.
        ("month", "", "2027-03-30T14:30:00Z", "2027-02-01..2027-02-28"),
        ("month", "", "2027-03-31T14:30:00Z", "2027-02-01..2027-02-28"),
        ("month", "", "2027-03-28T14:30:00Z", "2027-02-01..2027-02-28 until 14:30"),
        // Over: whole months with whole months, days with as many.
        ("month", "2026-10-15", "2026-11-24T14:30:00Z", "2026-09-01..2026-09-30"),
        ("month", "2028-02-15", "2028-11-24T14:30:00Z", "2028-01-01..2028-01-31"),
        ("6mo", "2026-10-15", "2026-11-24T14:30:00Z", "2025-11-01..2026-04-30"),
        ("year", "2025-01-01", "2026-11-24T14:30:00Z", "2024-01-01..2024-12-31"),
        ("day", "2026-11-20", "2026-11-24T14:30:00Z", "2026-11-19..2026-11-19"),
        ("7d", "", "2026-11-24T14:30:00Z", "2026-11-10..2026-11-16"),
        ("custom", "2026-10-01,2026-10-31", "2026-11-24T14:30:00Z", "2026-09-01..2026-09-30"),
        ("custom", "2026-09-01,2026-10-31", "2026-11-24T14:30:00Z", "2026-07-01..2026-08-31"),
        ("custom", "2026-10-02,2026-10-31", "2026-11-24T14:30:00Z", "2026-09-02..2026-10-01"),
        (
            "custom",
            "2026-11-20,2026-11-30",
            "2026-11-24T14:30:00Z",
            "2026-11-15..2026-11-19 until 14:30",
        ),
        ("month", "2027-01-01", "2026-11-24T14:30:00Z", "2026-12-01..2026-12-31"),
    ] {
        assert_eq!(before(period, date, "UTC", at(now)), expected, "{period} {date} {now}");
    }
}

#[test]
fn clocks_that_are_put_forward_or_back_say_the_same_time() {
    for (now, expected) in [
        ("2026-10-26T01:30:00Z", "2026-10-25..2026-10-25 until 02:30"),
        // At 2:30 of the day before there was no such time.
        ("2026-03-30T00:30:00Z", "2026-03-29..2026-03-29 until 03:30"),
        ("2026-03-30T12:00:00Z", "2026-03-29..2026-03-29 until 14:00"),
    ] {
        assert_eq!(before("day", "", "Europe/Berlin", at(now)), expected);
    }
}

proptest! {
    /// Visitors who come back do not count again, whenever the day is cut off.
    #[test]
    fn visitors_until_a_time_of_day_are_those_seen_by_then(
        views in prop::collection::vec((0..20u8, 0..96i64), 1..80),
        quarter in 0..96i64,
    ) {
        let site = site("UTC");
        let (yesterday, start) = (day("2026-11-23"), at("2026-11-23T00:00:00Z"));
        let mut seen = std::collections::HashSet::new();
        let mut in_time = views;
        in_time.sort_by_key(|(_, quarter)| *quarter);
        let mut entries: Vec<Entry> = Vec::new();
        for (visitor, quarter) in &in_time {
            let slot = (slot(start) + quarter).to_string();
            entries.push((yesterday, Dimension::Slot, slot.clone(), Stored::Server, 1));
            entries.push((yesterday, Dimension::Total, String::new(), Stored::Server, 1));
            if seen.insert(*visitor) {
                entries.push((yesterday, Dimension::FirstSeen, slot, Stored::Visitors, 1));
                entries.push((yesterday, Dimension::Total, String::new(), Stored::Visitors, 1));
            }
        }
        let days = days(&entries);
        let now = start + 24 * HOUR + quarter * SLOT + 60_000;
        let today = Range { first: day("2026-11-24"), last: day("2026-11-24") };
        let before = Before::new(Period::Day, today, &site, now);
        let sums = before.sums(&days, &site, None);
        let by_then: Vec<_> = in_time.iter().filter(|(_, of)| *of <= quarter).collect();
        let people: std::collections::HashSet<_> = by_then.iter().map(|(v, _)| *v).collect();
        prop_assert_eq!(Metric::Pageviews.of(&sums, None), Value::Count(by_then.len() as i64));
        prop_assert_eq!(Metric::Visitors.of(&sums, None), Value::Count(people.len() as i64));

        // A filter's hours are not known, nor when a day of an older version saw whom.
        let filter = Filter::parse("event:page==/").unwrap();
        let filtered = before.sums(&days, &site, filter.as_ref());
        prop_assert_eq!(Metric::Pageviews.of(&filtered, None), Value::Unknown);
        let old: Vec<Entry> =
            entries.into_iter().filter(|entry| entry.1 != Dimension::FirstSeen).collect();
        let old = before.sums(&super::days(&old), &site, None);
        prop_assert_eq!(Metric::Visitors.of(&old, None), Value::Unknown);
        prop_assert_eq!(Metric::Pageviews.of(&old, None), Value::Count(by_then.len() as i64));
    }
}
