//! What is on the screen, read from the document and compared: tiles and cards with the API, and
//! what a row tells by itself with a count of the exported ones.

use super::exported::{Row, Visits, condition, plain, visitors};
use super::written::{column, is_count, metrics, named, number, property, same, seconds};
use super::{Stage, address};
use crate::browser::Browser;
use crate::dashboard::run;
use crate::program::Headcount;
use chrono::NaiveDate;
use serde::Deserialize;
use url::Url;

/// So many numbers were as the API has them, and as they were counted.
#[derive(Debug, Default, Clone, Copy)]
pub struct Checked {
    pub told: usize,
    pub counted: usize,
}

impl std::ops::AddAssign for Checked {
    fn add_assign(&mut self, more: Self) {
        self.told += more.told;
        self.counted += more.counted;
    }
}

/// What is on a page.
#[derive(Debug, Deserialize)]
pub struct Seen {
    tiles: Vec<(String, String)>,
    cards: Vec<Card>,
}

#[derive(Debug, Deserialize)]
struct Card {
    id: String,
    columns: Vec<String>,
    rows: Vec<Shown>,
}

/// A row that filters.
#[derive(Debug, Deserialize)]
struct Shown {
    link: String,
    cells: Vec<String>,
}

const SEEN: &str = "
    const text = (of) => of.textContent.replace(/[↑↓]/, '').trim();
    const cards = [...document.querySelectorAll('.card[id], .details')].map((card) => ({
        id: card.classList.contains('details') ? 'details' : card.id,
        columns: [...card.querySelectorAll('thead th')].map(text),
        rows: [...card.querySelectorAll('tbody tr')]
            .filter((row) => row.querySelector('th a')?.href.includes('filters='))
            .map((row) => ({
                link: row.querySelector('th a').href,
                cells: [...row.querySelectorAll('td')].map(text),
            })),
    // Rows of two values are told elsewhere.
    })).filter((card) => !/^(ai|ai-makers|links|known)$/.test(card.id));
    const tiles = [...document.querySelectorAll('.tile')].map((tile) =>
        [text(tile.querySelector('.name')), text(tile.querySelector('.figure'))]);
    return { tiles, cards };";

/// Compares all of what a browser shows, of days that are over. `more`: filters that its address
/// does not name.
pub async fn check(stage: &Stage, browser: &Browser, more: &[String]) -> Checked {
    let view = address(browser).await;
    let link = Url::parse(&view).unwrap();
    let get = |name: &str| {
        link.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    // As a form sends them, or as links have them.
    let date = match get("first").zip(get("last")) {
        Some((first, last)) => format!("{first},{last}"),
        None => get("date").unwrap_or_else(|| panic!("{view} names no days")),
    };
    let (first, last) = date.split_once(',').unwrap();
    let days: (NaiveDate, NaiveDate) = (first.parse().unwrap(), last.parse().unwrap());
    let question = format!("site_id={}&period=custom&date={date}", super::SITE);
    // A page's own view is all that was done there.
    let own = get("page").map(|page| format!("event:page=={page}"));
    let filters = [more, &filters_of(&view), &Vec::from_iter(own)].concat();
    let seen: Seen = serde_json::from_value(run(browser, SEEN).await).unwrap();
    let asked = Asked { stage, days, question, view, filters };
    let mut checked = asked.check_tiles(&seen.tiles).await;
    for card in &seen.cards {
        checked += asked.check_card(card).await;
    }
    checked
}

/// What a page was asked for.
struct Asked<'s> {
    stage: &'s Stage,
    days: (NaiveDate, NaiveDate),
    question: String,
    view: String,
    filters: Vec<String>,
}

impl Asked<'_> {
    fn headcount(&self) -> &Headcount {
        &self.stage.headcount
    }

    fn rows(&self) -> impl Iterator<Item = &Row> {
        self.stage.rows(self.days)
    }

    async fn check_tiles(&self, tiles: &[(String, String)]) -> Checked {
        let mut checked = Checked::default();
        if tiles.is_empty() {
            return checked;
        }
        let view = &self.view;
        let columns: Vec<_> = tiles.iter().map(|(name, _)| column(name)).collect();
        let asked = format!(
            "aggregate?{}&{}&metrics={}",
            self.question,
            filter(&self.filters),
            metrics(&columns)
        );
        let answer = self.headcount().stats(&asked).await;
        for ((name, metric, unit), (_, shown)) in columns.iter().zip(tiles) {
            same(*unit, shown, &answer[*metric]["value"], &format!("{view}: {name}"));
            checked.told += 1;
        }
        let Some(is) = plain(&self.filters) else { return checked };
        let of_events = self.filters.iter().any(|filter| filter.starts_with("event:"));
        let views = self.rows().filter(|row| row.is_view() && is(row)).count() as f64;
        let responses = self.rows().filter(|row| row.is_response() && is(row)).count() as f64;
        let people = visitors(self.rows().filter(|row| row.is_view() && is(row))) as f64;
        let visits = Visits::of(self.rows(), &is);
        for (name, shown) in tiles {
            let bounces = visits.bounces / visits.visits * 100.0;
            let n = number(shown);
            let is_so = match &**name {
                "Unique visitors" => is_count(shown, people),
                "Pageviews" => is_count(shown, views),
                "Requests" => is_count(shown, responses),
                "Visits" => is_count(shown, visits.visits),
                "Views per visit" => (n - visits.views / visits.visits).abs() <= 0.006,
                // Of a page it is told of those who came to it first.
                "Bounce rate" if !of_events => (n - bounces).abs() <= 0.51,
                "Visit duration" => {
                    let mean = visits.seconds / visits.visits;
                    (seconds(shown) - mean).abs() <= 1.5
                }
                _ => continue,
            };
            assert!(
                is_so,
                "{view}: {name} {shown}, counted {people} visitors, {views} views, {responses} responses, {visits:?}"
            );
            checked.counted += 1;
        }
        checked
    }

    async fn check_card(&self, card: &Card) -> Checked {
        let mut checked = Checked::default();
        let Some(first) = card.rows.first() else { return checked };
        let (view, filters) = (&self.view, &self.filters);
        let property = property(&card.columns[0], &first.link);
        let mut columns: Vec<_> = card.columns.iter().skip(1).map(|name| column(name)).collect();
        if card.id != "goals" {
            // Of those in the row who reached the goal that is filtered by.
            let rates = columns.iter_mut().filter(|own| own.0 == "Rate");
            rates.for_each(|own| own.1 = "group_conversion_rate");
        }
        let asked = format!(
            "breakdown?{}&property={property}&limit=1000&{}&metrics={}",
            self.question,
            filter(filters),
            metrics(&columns)
        );
        let answer = self.headcount().stats(&asked).await;
        let key = property.split(':').next_back().unwrap();
        for shown in &card.rows {
            let own = filters_of(&shown.link);
            let own = own.iter().rfind(|own| {
                let (of, operator, _) = condition(own);
                of == property && operator == "=="
            });
            let own = own.unwrap_or_else(|| panic!("{} has no {property}", shown.link));
            let value = condition(own).2;
            let place = format!("{view}: {}, {property} {value}", card.id);
            let found = answer.as_array().unwrap().iter().find(|row| row[key] == named(value));
            // Goals are there before anybody reaches them.
            let Some(found) = found else {
                let nothing = shown.cells.iter().all(|cell| ["0", "0%", "–"].contains(&&**cell));
                assert!(property == "event:goal" && nothing, "{place} is not in {answer}");
                continue;
            };
            for ((name, metric, unit), text) in columns.iter().zip(&shown.cells) {
                same(*unit, text, &found[*metric], &format!("{place}: {name}"));
                checked.told += 1;
                let is_meant = |own: &Row| match *name {
                    "Views" | "Visitors" => own.is_view(),
                    "Visits" => own.begins(),
                    "Served" => own.is_view() && own.has("server"),
                    "Requests" => own.is_response(),
                    _ => false,
                };
                // The last page is known once all of a visit is, and a page's visits began elsewhere.
                let of_all = !["visit:exit_page", "event:goal", "event:name"].contains(&&*property);
                let of_visits = *name == "Visits"
                    && (property == "event:page"
                        || filters.iter().any(|f| f.starts_with("event:")));
                let is_plain = ["Visitors", "Views", "Visits", "Served", "Requests"].contains(name)
                    && of_all
                    && !of_visits;
                if let Some(is) = plain(&[&filters[..], std::slice::from_ref(own)].concat())
                    && is_plain
                {
                    let meant = self.rows().filter(|row| is_meant(row) && is(row));
                    let n = if *name == "Visitors" { visitors(meant) } else { meant.count() };
                    assert!(is_count(text, n as f64), "{place}: {name} {text}, counted {n}");
                    checked.counted += 1;
                }
            }
        }
        checked
    }
}

/// The conditions of a link, each as it stands there, and what the form for one has sent.
pub fn filters_of(link: &str) -> Vec<String> {
    let link = Url::parse(link).unwrap();
    let get = |name: &str| {
        link.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    let mut all: Vec<String> =
        get("filters").iter().flat_map(|all| all.split(';')).map(str::to_owned).collect();
    if let (Some(property), Some(operator), Some(value)) =
        (get("property"), get("operator"), get("value"))
    {
        let sign = match &*operator {
            "is" => "==",
            "is_not" => "!=",
            "contains" => "=@",
            "contains_not" => "!@",
            "matches" => "=~",
            "matches_not" => "!~",
            other => panic!("what is {other}?"),
        };
        // Alternatives of a regular expression are its own.
        let value = if sign.ends_with('~') { value.replace('|', "\\|") } else { value };
        all.push(format!("{property}{sign}{value}"));
    }
    all
}

fn filter(filters: &[String]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .append_pair("filters", &filters.join(";"))
        .finish()
}
