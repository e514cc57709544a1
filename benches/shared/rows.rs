//! Event rows like those of a real website, always the same ones.
//!
//! Thirty days; visits of four to five rows; 2,000 pages and the values of traits are distributed
//! after Zipf: the second is seen half as often as the first, the third a third as often.

use headcount::clock::Millis;
use headcount::model::rollup::Dimension;
use headcount::model::row::{EventRow, Flags, Kind, RowVisit, depth};
use headcount::model::{Traits, VisitorHash};
use std::sync::Arc;

pub const DAYS: usize = 30;
pub const PAGES: usize = 2_000;
const DAY: Millis = 86_400_000;
/// Midnight.
const FIRST_DAY: Millis = 20_800 * DAY;

/// So many rows, day by day; those of a day in the order of their times.
pub fn days(rows: usize) -> Vec<Vec<EventRow>> {
    let mut world = World::new();
    (0..DAYS).map(|day| world.day(day, rows / DAYS)).collect()
}

struct World {
    random: fastrand::Rng,
    pages: Vec<Arc<str>>,
    page_sizes: Vec<i64>,
    screens: [Arc<str>; 4],
    vitals: [Arc<str>; 4],
    event: Arc<str>,
    property: Arc<str>,
}

impl World {
    fn new() -> Self {
        let mut random = fastrand::Rng::with_seed(7);
        let sections = ["blog", "docs", "products", "news", "help"];
        let words = ["how", "to", "measure", "pages", "without", "cookies", "fast", "release"];
        let page = |i| {
            let mut word = || words[random.usize(..words.len())];
            let (one, two, three) = (word(), word(), word());
            format!("/{}/{one}-{two}-{three}-{i}", sections[i % sections.len()]).into()
        };
        let pages: Vec<Arc<str>> = (0..PAGES).map(page).collect();
        let page_sizes = pages.iter().map(|_| random.i64(4_000..90_000)).collect();
        Self {
            random,
            pages,
            page_sizes,
            screens: ["under 576 px", "576 to 991 px", "992 to 1439 px", "1440 px and above"]
                .map(Arc::from),
            vitals: ["LCP", "INP", "CLS", "TTFB"].map(Arc::from),
            event: "Signup".into(),
            property: "plan".into(),
        }
    }

    /// A place among so many.
    fn zipf(&mut self, count: usize) -> usize {
        let place = ((count + 1) as f64).powf(self.random.f64()) as usize - 1;
        place.min(count - 1)
    }

    fn day(&mut self, day: usize, count: usize) -> Vec<EventRow> {
        let begin = FIRST_DAY + day as Millis * DAY;
        // At most 20,000 of them; some come twice.
        let visitors: Vec<u64> =
            (0..(count / 5).clamp(1, 20_000)).map(|_| self.random.u64(..)).collect();
        let mut rows = Vec::with_capacity(count + 8);
        while rows.len() < count {
            let visitor = visitors[self.random.usize(..visitors.len())];
            self.visit(begin, visitor, &mut rows);
        }
        rows.truncate(count);
        rows.sort_by_key(|row| row.at);
        rows
    }

    /// One visit: some four rows.
    fn visit(&mut self, begin: Millis, visitor: u64, rows: &mut Vec<EventRow>) {
        // The same visitor has the same device, and mostly the same place and source.
        let mut device = fastrand::Rng::with_seed(visitor);
        let screen = self.screens[device.usize(..4)].clone();
        let first = self.zipf(PAGES);
        let of = Arc::new(RowVisit {
            visitor: Some(VisitorHash::from_stored(visitor.to_le_bytes())),
            visit: self.random.u64(1..),
            entry: self.pages[first].clone(),
            traits: self.traits(&mut device),
        });
        // More in the afternoon than at night.
        let hour = (self.random.f64() + self.random.f64()) / 2.0;
        let mut at = begin + (hour * (DAY - 3_600_000) as f64) as Millis;
        let views = 1 + self.zipf(3);
        for view in 1..=views {
            let page = if view == 1 { first } else { self.zipf(PAGES) };
            let row = |at, kind| {
                let mut row = EventRow::new(at, kind, of.clone(), self.pages[page].clone());
                row.view = view as u32;
                row
            };
            let mut seen = row(at, Kind::View);
            let flags = Flags::SERVER.with_if(Flags::BEGINS, view == 1);
            seen.flags = flags;
            seen.numbers = [self.page_sizes[page], 40 + device.i64(..30)];
            rows.push(seen);
            if self.random.u8(..4) > 0 {
                let mut confirm = row(at, Kind::Confirm);
                confirm.detail = screen.clone();
                rows.push(confirm);
                let stay = self.random.i64(1_000..120_000);
                let mut read = row(at + stay, Kind::Engagement);
                read.detail = screen.clone();
                read.numbers = [stay * 3 / 4, depth(None, self.random.u8(..=100))];
                rows.push(read);
            }
            if self.random.u8(..8) == 0 {
                let mut vital = row(at + 2_000, Kind::Vital);
                vital.name = self.vitals[self.random.usize(..4)].clone();
                vital.numbers[0] = 40 + self.random.i64(..60);
                rows.push(vital);
            }
            if self.random.u8(..30) == 0 {
                let mut event = row(at + 5_000, Kind::Event);
                event.name = self.event.clone();
                let plan = ["free", "small", "large"][self.random.usize(..3)];
                event.properties = vec![(self.property.clone(), plan.into())];
                event.numbers[0] = 9_000;
                rows.push(event);
            }
            at += self.random.i64(5_000..180_000);
        }
    }

    fn traits(&mut self, device: &mut fastrand::Rng) -> Traits {
        let mut pick = |count: usize| ((count as f64).powf(device.f64()) as usize).min(count - 1);
        let browser = ["Chrome", "Safari", "Firefox", "Edge", "Samsung Internet"][pick(5)];
        let os = ["Windows", "iOS", "Android", "Mac", "Linux"][pick(5)];
        let kind = ["Desktop", "Mobile", "Tablet"][pick(3)];
        let country = pick(60);
        let (region, city) = (country * 8 + pick(8), pick(10));
        let (version, os_version, language) = (150 - pick(12), 10 + pick(6), pick(20));
        let source = self.zipf(80);
        let country = format!(
            "{}{}",
            (b'A' + country as u8 / 26) as char,
            (b'A' + country as u8 % 26) as char
        );
        Traits::from([
            (Dimension::Hostname, "www.example.org".to_owned()),
            (Dimension::Source, format!("Source {source}")),
            (Dimension::Referrer, format!("https://source-{source}.example/path/{}", self.zipf(5))),
            (Dimension::Channel, format!("Channel {}", source % 9)),
            (Dimension::Region, format!("{country}-{region}")),
            (Dimension::City, format!("City {region} {city}")),
            (Dimension::Country, country),
            (Dimension::Device, kind.to_owned()),
            (Dimension::Browser, browser.to_owned()),
            (Dimension::BrowserVersion, format!("{browser} {version}.0")),
            (Dimension::Os, os.to_owned()),
            (Dimension::OsVersion, format!("{os} {os_version}.{}", version % 3)),
            (Dimension::Language, format!("l{language}")),
        ])
    }
}
