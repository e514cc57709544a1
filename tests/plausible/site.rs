//! A site of eleven visits in a week, as event rows.

use headcount::clock::Millis;
use headcount::model::block::{Block, RowBuilder};
use headcount::model::rollup::Dimension;
use headcount::model::row::{EventRow, Flags, Kind, RowVisit};
use headcount::model::site::{Day, Site};
use headcount::model::{Traits, VisitorHash};
use headcount::report::Rows;
use headcount::report::scan::DayRows;
use std::collections::BTreeMap;
use std::sync::Arc;

/// 2026-11-24, 15:30 in Berlin, a Tuesday.
pub const NOW: Millis = 1_795_530_600_000;

pub fn site() -> Site {
    let goals = ["Signup = event Signup", "Purchase = event Purchase", "Pricing = page /pricing"];
    Site {
        name: "example.org".into(),
        timezone: chrono_tz::Europe::Berlin,
        goals: goals.map(|goal| goal.parse().unwrap()).into(),
        currency: Some(iso_currency::Currency::USD),
        ..Site::default()
    }
}

/// When (Berlin), who, from where, and what they did: pages, and events with a property.
type Visit = (&'static str, u8, &'static [(Dimension, &'static str)], &'static [&'static str]);

const ESTONIA: [(Dimension, &str); 2] = [(Dimension::Country, "EE"), (Dimension::City, "Tallinn")];
const GERMANY: [(Dimension, &str); 2] = [(Dimension::Country, "DE"), (Dimension::City, "Berlin")];

use Dimension::{Country, Os, Source, UtmCampaign, UtmMedium, UtmSource};

/// Steps are a page, or `event NAME plan=PLAN VALUE`; a minute apart.
const VISITS: [Visit; 11] = [
    // Before the week.
    ("2026-11-10T09:00:00+01:00", 1, &[(Source, "Google"), (Country, "EE"), (Os, "macOS")], &["/"]),
    // The week: eight visitors by day.
    (
        "2026-11-17T10:00:00+01:00",
        1,
        &[
            ESTONIA[0],
            ESTONIA[1],
            (Source, "Twitter"),
            (UtmMedium, "social"),
            (UtmSource, "twitter"),
            (Os, "macOS"),
        ],
        &["/", "/pricing", "event Signup plan=pro 0"],
    ),
    (
        "2026-11-17T11:00:00+01:00",
        2,
        &[ESTONIA[0], ESTONIA[1], (Source, "Google"), (UtmSource, "google"), (Os, "Windows")],
        &["/docs/a", "event Signup plan=free 0"],
    ),
    (
        "2026-11-18T10:00:00+01:00",
        3,
        &[GERMANY[0], GERMANY[1], (Source, "Google"), (UtmCampaign, "Referral"), (Os, "Android")],
        &["/pricing", "event Signup plan=pro 0", "event Purchase plan=pro 1500500"],
    ),
    (
        "2026-11-19T10:00:00+01:00",
        4,
        &[(Source, "Direct / None"), (Os, "GNU/Linux")],
        &["/Blog/one"],
    ),
    (
        "2026-11-20T10:00:00+01:00",
        5,
        &[
            ESTONIA[0],
            ESTONIA[1],
            (Source, "Twitter"),
            (UtmMedium, "social"),
            (UtmSource, "twitter"),
            (Os, "Android"),
        ],
        &["/docs/a", "/docs/b"],
    ),
    (
        "2026-11-21T10:00:00+01:00",
        6,
        &[GERMANY[0], (Source, "Google"), (Os, "macOS")],
        &["/blog/two"],
    ),
    (
        "2026-11-23T15:00:00+01:00",
        7,
        &[GERMANY[0], GERMANY[1], (Source, "Google"), (UtmMedium, "email"), (Os, "Windows")],
        &["/", "/docs/a"],
    ),
    (
        "2026-11-23T16:10:00+01:00",
        8,
        &[GERMANY[0], GERMANY[1], (Source, "Direct / None"), (Os, "Windows")],
        &["/"],
    ),
    // Today.
    (
        "2026-11-24T09:00:00+01:00",
        9,
        &[GERMANY[0], GERMANY[1], (Os, "Windows")],
        &["/", "/pricing"],
    ),
    ("2026-11-24T15:28:00+01:00", 10, &[GERMANY[0], GERMANY[1], (Os, "Windows")], &["/"]),
];

pub fn rows() -> Rows {
    let mut days: BTreeMap<Day, RowBuilder> = BTreeMap::new();
    for (nth, visit) in VISITS.iter().enumerate() {
        let at: chrono::DateTime<chrono::FixedOffset> = visit.0.parse().unwrap();
        let day = days.entry(at.date_naive()).or_default();
        happened(nth as u64 + 1, at.timestamp_millis(), visit, day);
    }
    let whole = |rows: RowBuilder| -> Arc<DayRows> {
        let block: Block = rows.finish();
        Arc::new(DayRows::new(vec![block]))
    };
    Rows {
        days: days.into_iter().map(|(day, rows)| (day, whole(rows))).collect(),
        covered_from: None,
    }
}

fn happened(nth: u64, begins: Millis, visit: &Visit, rows: &mut RowBuilder) {
    let (_, visitor, traits, steps) = visit;
    let of = Arc::new(RowVisit {
        visitor: Some(VisitorHash::from_stored([*visitor; 8])),
        visit: nth,
        entry: steps[0].into(),
        traits: traits.iter().copied().collect::<Traits>(),
    });
    let (mut page, mut view) = (Arc::<str>::from(""), 0);
    for (minute, step) in steps.iter().enumerate() {
        let at = begins + minute as Millis * 60_000;
        let mut row = match step.strip_prefix("event ") {
            None => {
                page = (*step).into();
                view += 1;
                let mut row = EventRow::new(at, Kind::View, of.clone(), page.clone());
                row.flags = Flags::SERVER.with_if(Flags::BEGINS, view == 1);
                row
            }
            Some(event) => {
                let parts: Vec<&str> = event.split(' ').collect();
                let mut row = EventRow::new(at, Kind::Event, of.clone(), page.clone());
                row.name = parts[0].into();
                let (key, value) = parts[1].split_once('=').unwrap();
                row.properties = vec![(key.into(), value.into())];
                row.numbers[0] = parts[2].parse().unwrap();
                row
            }
        };
        row.view = view;
        rows.push(&row);
    }
}
