//! The counts that the lists make, and the answers to filtered questions.

use super::{Download, Model, Traits};
use headcount::clock::Millis;
use headcount::model::rollup::{Dimension, Metric, join, slot};
use headcount::model::site::Day;
use std::collections::{BTreeMap, BTreeSet};

type Counts = BTreeMap<(Day, Dimension, String, Metric), i64>;

/// What a filter on one dimension lets through: each visitor of a day and each visit once.
#[derive(Debug, Default)]
pub struct Truth {
    pub views: usize,
    pub visitors: usize,
    pub visits: usize,
    pub bounces: usize,
    pub duration: Millis,
    pub events: usize,
}

impl Model {
    /// All counts, made from the lists.
    pub fn counts(&self) -> Counts {
        let mut sums = Counts::new();
        let mut add = |day: Day, dimension: Dimension, value: &str, metric: Metric, n: i64| {
            *sums.entry((day, dimension, value.to_owned(), metric)).or_default() += n;
        };
        let mut people = BTreeSet::new();
        for view in &self.views {
            let day = self.site.day(view.at);
            let mut rows =
                vec![(Dimension::Total, String::new()), (Dimension::Page, view.page.clone())];
            rows.extend(view.entry.clone().map(|e| (Dimension::EntryPage, e)));
            rows.extend(view.traits.iter().cloned());
            rows.push((Dimension::Slot, slot(view.at).to_string()));
            for (dimension, value) in rows {
                // In an hour a person counts once, in the slot seen first.
                let unique = match dimension {
                    Dimension::Slot => format!("hour {}", self.site.hour(view.at)),
                    _ => value.clone(),
                };
                for (metric, counted, who) in [
                    (Metric::Visitors, Metric::Visitors, true),
                    (Metric::ConfirmedVisitors, Metric::ConfirmedVisitors, view.confirmed),
                ] {
                    let first = who
                        && view.client.is_some_and(|client| {
                            people.insert((day, dimension, unique.clone(), metric, client))
                        });
                    add(day, dimension, &value, counted, i64::from(first));
                    if first && (dimension, metric) == (Dimension::Total, Metric::Visitors) {
                        add(day, Dimension::FirstSeen, &slot(view.at).to_string(), counted, 1);
                    }
                }
                add(day, dimension, &value, Metric::Server, i64::from(view.server));
                add(day, dimension, &value, Metric::Browser, i64::from(!view.server));
                add(
                    day,
                    dimension,
                    &value,
                    Metric::Confirmed,
                    i64::from(view.server && view.confirmed),
                );
                add(day, dimension, &value, Metric::Unverified, i64::from(view.unverified));
            }
        }
        for visit in &self.visits {
            let day = self.site.day(visit.start);
            let latest = visit.pages.iter().max_by_key(|(at, _)| *at).unwrap();
            let exit = latest.1.clone();
            let mut rows = vec![
                (Dimension::Total, String::new()),
                (Dimension::Slot, slot(visit.start).to_string()),
                (Dimension::EntryPage, visit.pages[0].1.clone()),
                (Dimension::ExitPage, exit.clone()),
            ];
            rows.extend(visit.traits());
            let bounced = visit.pages.len() == 1 && !visit.interacted;
            for (dimension, value) in rows {
                add(day, dimension, &value, Metric::Visits, 1);
                add(day, dimension, &value, Metric::Bounces, i64::from(bounced));
                add(day, dimension, &value, Metric::Duration, visit.last - visit.start);
                add(day, dimension, &value, Metric::VisitViews, visit.pages.len() as i64);
            }
            let first = people.insert((
                day,
                Dimension::ExitPage,
                exit.clone(),
                Metric::Visitors,
                visit.client,
            ));
            add(day, Dimension::ExitPage, &exit, Metric::Visitors, i64::from(first));
            let pages: BTreeSet<&String> = visit.pages.iter().map(|(_, page)| page).collect();
            for page in pages {
                add(day, Dimension::Page, page, Metric::Visits, 1);
            }
            for (funnel, done) in self.site.funnels.iter().zip(&visit.steps) {
                for step in 1..=*done {
                    let step = join([&funnel.name, &step.to_string()]);
                    add(day, Dimension::FunnelStep, &step, Metric::Visits, 1);
                }
            }
        }
        for (client, day, dimension, value, worth) in &self.actions {
            add(*day, *dimension, value, Metric::Events, 1);
            add(*day, *dimension, value, Metric::Revenue, *worth);
            let first = client.is_some_and(|c| {
                people.insert((*day, *dimension, value.clone(), Metric::Visitors, c))
            });
            add(*day, *dimension, value, Metric::Visitors, i64::from(first));
        }
        for (client, day, metric) in &self.suspects {
            let dimension = Dimension::Suspected;
            let first = people.insert((*day, dimension, "yes".to_owned(), *metric, *client));
            add(*day, dimension, "yes", *metric, i64::from(first));
        }
        for showing in &self.showings {
            if let Some(screen) = &showing.screen {
                let tenth = showing.depth.div_ceil(10).max(1).to_string();
                let row = join([screen, &tenth, &showing.page]);
                add(showing.day, Dimension::ScrollMap, &row, Metric::Events, 1);
            }
        }
        for ((day, feed), most) in &self.subscribers {
            add(*day, Dimension::Feed, feed, Metric::Subscribers, (*most).into());
        }
        for (client, day, screen, metrics) in &self.screens {
            for metric in *metrics {
                add(*day, Dimension::Screen, screen, *metric, 1);
            }
            let first = client.is_some_and(|c| {
                people.insert((*day, Dimension::Screen, screen.clone(), Metric::Visitors, c))
            });
            add(*day, Dimension::Screen, screen, Metric::Visitors, i64::from(first));
        }
        for Download { day, path, complete, .. } in &self.downloads {
            add(*day, Dimension::Download, path, Metric::Responses, 1);
            add(*day, Dimension::Download, path, Metric::Complete, i64::from(*complete));
        }
        for (day, dimension, value, metric, n) in &self.others {
            add(*day, *dimension, value, *metric, *n);
        }
        sums.retain(|_, n| *n != 0);
        sums
    }

    /// `takes` judges the value; what has none has the empty one.
    pub fn matching(&self, dimension: Dimension, takes: impl Fn(&str) -> bool) -> Truth {
        let mut truth = Truth::default();
        let mut people = BTreeSet::new();
        let of_traits = |traits: &Traits| {
            takes(traits.iter().find(|(d, _)| *d == dimension).map_or("", |(_, value)| value))
        };
        let of_actions =
            matches!(dimension, Dimension::Event | Dimension::Goal | Dimension::EventProperty);
        for view in self.views.iter().filter(|_| !of_actions) {
            let takes = match dimension {
                Dimension::Page => takes(&view.page),
                Dimension::EntryPage => takes(view.entry.as_deref().unwrap_or_default()),
                Dimension::ExitPage => false,
                _ => of_traits(&view.traits),
            };
            truth.views += usize::from(takes);
            if let Some(client) = view.client.filter(|_| takes) {
                people.insert((self.site.day(view.at), client));
            }
        }
        for visit in self.visits.iter().filter(|_| !of_actions) {
            let exit = &visit.pages.iter().max_by_key(|(at, _)| *at).unwrap().1;
            let takes = match dimension {
                Dimension::Page => visit.pages.iter().any(|(_, page)| takes(page)),
                Dimension::EntryPage => takes(&visit.pages[0].1),
                Dimension::ExitPage => takes(exit),
                _ => of_traits(&visit.traits()),
            };
            if takes {
                truth.visits += 1;
                truth.bounces += usize::from(visit.pages.len() == 1 && !visit.interacted);
                truth.duration += visit.last - visit.start;
                if dimension == Dimension::ExitPage {
                    people.insert((self.site.day(visit.start), visit.client));
                }
            }
        }
        for (client, day, of, value, _) in &self.actions {
            if *of == dimension && takes(value) {
                truth.events += 1;
                people.extend(client.map(|client| (*day, client)));
            }
        }
        // Events of a page have no row of their own.
        if dimension == Dimension::Page {
            let of = |row: &&(_, Dimension, String, Metric, i64)| {
                row.1 == dimension && row.3 == Metric::Events && takes(&row.2)
            };
            truth.events = self.others.iter().filter(of).map(|row| row.4 as usize).sum();
        }
        truth.visitors = people.len();
        truth
    }
}
