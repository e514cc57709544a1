//! The values that rows have of a property.

use super::day::{DayRows, Evidence};
use crate::model::Proof;
use crate::model::block::{NONE, Text};
use crate::model::goal::{Goal, Reached};
use crate::model::rollup::{Dimension, FILE_DOWNLOAD, OUTBOUND_LINK};
use crate::model::row::{Flags, Kind};
use crate::report::property::Place;
use crate::report::{PAGEVIEW, Property};
use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;

/// What Plausible calls a value that a visit does not have.
const UNSET: &str = "(not set)";

/// A property's values: numbers, and the text of each.
pub(super) struct Column<'d> {
    day: &'d DayRows,
    source: Source<'d>,
    /// Texts that are none of the block's; numbered from [`Column::own`] on.
    more: Vec<Arc<str>>,
}

enum Source<'d> {
    /// A text of the row, where it is of these kinds.
    Page(&'static [Kind]),
    Name(Kind),
    Detail(Kind),
    /// The first of the row's numbers, as text: its number.
    Status(Kind, HashMap<i64, u32>),
    /// Where the link of an error was; with the page in front.
    Link(HashMap<(Text, Text), u32>),
    /// How a bot is known.
    Proof,
    /// What robots.txt says of a bot's request.
    Rules,
    /// The same with its name in front.
    Identity(HashMap<(Text, i64), u32>),
    Trait(&'d [Text]),
    Entry,
    Exit,
    Screen,
    Suspected,
    Evidence,
    Cached,
    /// Whether pageviews are among them.
    Event(bool),
    PropertyNames,
    PropertyValues(Option<Text>),
    Goals(&'d [Goal], Reaches),
    Nothing,
}

/// Goals that texts reach, as names of pages and of events; judged when a text first comes.
#[derive(Default)]
struct Reaches {
    pages: Vec<OnceCell<Box<[u32]>>>,
    events: Vec<OnceCell<Box<[u32]>>>,
}

impl Reaches {
    fn new(texts: usize) -> Self {
        let unknown = || vec![OnceCell::new(); texts];
        Self { pages: unknown(), events: unknown() }
    }
}

fn reached(goals: &[Goal], what: Reached<'_>) -> Box<[u32]> {
    let numbers = (0..).zip(goals);
    numbers.filter(|(_, goal)| goal.target.is(what)).map(|(nth, _)| nth).collect()
}

/// Rows of people that are about a page.
const ON_PAGE: &[Kind] = &[
    Kind::View,
    Kind::Confirm,
    Kind::Sent,
    Kind::Activity,
    Kind::Engagement,
    Kind::Event,
    Kind::Outbound,
    Kind::File,
    Kind::Click,
    Kind::Vital,
];

/// What rows of a property are of.
pub(super) fn kinds(property: &Property) -> &'static [Kind] {
    match property.family() {
        "bot" => &[Kind::Bot],
        "error" => &[Kind::Error],
        "download" => &[Kind::Download],
        "prefetch" => &[Kind::Prefetch],
        "feed" => &[Kind::Feed],
        _ => ON_PAGE,
    }
}

/// Whether rows can tell it.
pub fn is_told_by_rows(property: &Property) -> bool {
    property.family() != "ai"
}

impl<'d> Column<'d> {
    pub fn new(day: &'d DayRows, property: &Property, goals: &'d [Goal]) -> Self {
        use Dimension as D;
        let mut more: Vec<Arc<str>> = Vec::new();
        let place = |text: &str| day.block.texts.iter().position(|known| **known == *text);
        let source = match (property.event_key(), property.home()) {
            (Some(key), _) => Source::PropertyValues(place(key).map(|place| place as Text)),
            (None, Place::Evidence) => {
                more = ["server only", "confirmed", "browser only", "unverified"]
                    .map(Into::into)
                    .into();
                Source::Evidence
            }
            (None, Place::Suspected) => {
                more = ["yes".into(), "no".into()].into();
                Source::Suspected
            }
            (None, Place::Part(D::EventProperty, _)) => Source::PropertyNames,
            (None, Place::Value(dimension) | Place::Part(dimension, _)) => match dimension {
                D::Page => Source::Page(ON_PAGE),
                D::EntryPage => Source::Entry,
                D::ExitPage => Source::Exit,
                D::Screen => Source::Screen,
                D::Event => {
                    more = [OUTBOUND_LINK, FILE_DOWNLOAD, PAGEVIEW].map(Into::into).into();
                    Source::Event(true)
                }
                D::Goal => {
                    more = goals.iter().map(|goal| goal.name.clone()).collect();
                    Source::Goals(goals, Reaches::new(day.block.texts.len()))
                }
                D::Outbound => Source::Name(Kind::Outbound),
                D::File => Source::Name(Kind::File),
                D::Cached => {
                    more = ["same visitor".into(), "other visitor".into()].into();
                    Source::Cached
                }
                D::BotName => Source::Name(Kind::Bot),
                D::BotClass => Source::Detail(Kind::Bot),
                D::BotPage => Source::Page(&[Kind::Bot]),
                D::BotStatus => Source::status(day, Kind::Bot, &mut more),
                D::BotProof if property.second_key().is_some() => {
                    Source::identities(day, &mut more)
                }
                D::BotRules => {
                    more = ["allowed".into(), "disallowed".into()].into();
                    Source::Rules
                }
                D::BotProof => {
                    more = Proof::ALL.map(|proof| proof.as_str().into()).into();
                    Source::Proof
                }
                D::ErrorPage => Source::Page(&[Kind::Error]),
                D::ErrorStatus => Source::status(day, Kind::Error, &mut more),
                D::ErrorLink if property.second_key().is_none() => Source::Name(Kind::Error),
                D::ErrorLink => Source::links(day, &mut more),
                D::Download => Source::Page(&[Kind::Download]),
                D::Prefetch => Source::Page(&[Kind::Prefetch]),
                D::Feed if property.key() == "path" => Source::Page(&[Kind::Feed]),
                D::Feed => Source::Name(Kind::Feed),
                dimension => day.traits(dimension).map_or(Source::Nothing, Source::Trait),
            },
        };
        Self { day, source, more }
    }

    /// Where it is a trait of visits, those that do not have it get a value that says so.
    pub fn with_unset(mut self) -> Self {
        if matches!(self.source, Source::Trait(_) | Source::Nothing) {
            self.more = vec![UNSET.into()];
        }
        self
    }

    /// As roll-ups' rows have it: pageviews are no events.
    pub fn without_views(mut self) -> Self {
        if matches!(self.source, Source::Event(_)) {
            self.source = Source::Event(false);
        }
        self
    }

    /// Number of the first text that is not the block's.
    fn own(&self) -> u32 {
        self.day.block.texts.len() as u32
    }

    /// How many numbers there are.
    pub fn len(&self) -> usize {
        self.day.block.texts.len() + self.more.len()
    }

    /// The text of a number.
    pub fn text(&self, number: u32) -> &Arc<str> {
        let texts = &self.day.block.texts;
        texts.get(number as usize).unwrap_or_else(|| &self.more[number as usize - texts.len()])
    }

    /// Whether all rows of one of the block's visits have the same values.
    pub fn is_of_visits(&self) -> bool {
        use Source::{Entry, Exit, Nothing, Suspected, Trait};
        matches!(self.source, Trait(_) | Nothing | Entry | Exit | Suspected)
    }

    /// The value that all rows of a visit have, by its place in the block's visits.
    pub fn of_visit(&self, of: usize) -> Option<u32> {
        let (day, visits) = (self.day, &self.day.block.visits);
        match &self.source {
            Source::Trait(column) if column[of] != NONE => Some(column[of]),
            Source::Trait(_) | Source::Nothing if !self.more.is_empty() => Some(self.own()),
            Source::Entry if visits.visit[of] != 0 => Some(visits.entry[of]),
            Source::Exit => {
                let visit = &day.visits[day.visit_of[of]? as usize];
                visit.begun.then_some(visit.exit)
            }
            Source::Suspected => Some(self.own() + u32::from(!day.is_suspected(of))),
            _ => None,
        }
    }

    /// Shows each value that a row has.
    pub fn each(&self, i: usize, mut show: impl FnMut(u32)) {
        let (day, rows, own) = (self.day, &self.day.block, self.own());
        let kind = rows.kind[i];
        let of = rows.of[i] as usize;
        let word = |nth: u32| own + nth;
        match &self.source {
            Source::Page(kinds) if kinds.contains(&kind) => show(rows.page[i]),
            Source::Name(of) if *of == kind && rows.name[i] != 0 => show(rows.name[i]),
            Source::Detail(of) if *of == kind => show(rows.detail[i]),
            Source::Status(of, known) if *of == kind => {
                known.get(&rows.numbers[0][i]).into_iter().for_each(|number| show(word(*number)));
            }
            Source::Link(known) if kind == Kind::Error => {
                let link = known.get(&(rows.page[i], rows.name[i]));
                link.into_iter().for_each(|number| show(word(*number)));
            }
            Source::Rules if rows.flags[i].has(Flags::ALLOWED) => show(word(0)),
            Source::Rules if rows.flags[i].has(Flags::DISALLOWED) => show(word(1)),
            Source::Proof if kind == Kind::Bot => {
                let proof = Proof::from_number(rows.numbers[1][i]);
                proof.into_iter().for_each(|proof| show(word(proof as u32)));
            }
            Source::Identity(known) if kind == Kind::Bot => {
                let identity = known.get(&(rows.name[i], rows.numbers[1][i]));
                identity.into_iter().for_each(|number| show(word(*number)));
            }
            Source::Screen => {
                let screen = match (kind, day.visit_of[of]) {
                    (Kind::View | Kind::Confirm, _) | (_, None) => day.screen[i],
                    (_, Some(visit)) => day.visits[visit as usize].screen,
                };
                if screen != 0 {
                    show(screen);
                }
            }
            Source::Evidence if matches!(kind, Kind::View | Kind::Confirm) => {
                match day.evidence[i] {
                    Evidence::ServerOnly => show(word(0)),
                    Evidence::Confirmed | Evidence::OfAnother => show(word(1)),
                    Evidence::BrowserOnly => show(word(2)),
                    Evidence::Unverified => show(word(3)),
                    Evidence::Told => {}
                }
            }
            Source::Cached if rows.flags[i].has(Flags::CACHED) => show(word(0)),
            Source::Cached if rows.flags[i].has(Flags::CACHED_BY_OTHERS) => show(word(1)),
            Source::Event(views) => match kind {
                Kind::Event => show(rows.name[i]),
                Kind::Outbound => show(word(0)),
                Kind::File => show(word(1)),
                Kind::View if *views => show(word(2)),
                // After midnight, of a visit that is counted on this day.
                Kind::Activity if *views && rows.flags[i].has(Flags::VIEWED) => show(word(2)),
                Kind::Activity if rows.name[i] != 0 => show(rows.name[i]),
                _ => {}
            },
            Source::PropertyNames => {
                let list = &rows.lists[rows.properties[i] as usize];
                list.iter().for_each(|(property, _)| show(*property));
            }
            Source::PropertyValues(Some(key)) => {
                let list = &rows.lists[rows.properties[i] as usize];
                list.iter().filter(|(of, _)| of == key).for_each(|(_, value)| show(*value));
            }
            Source::Goals(goals, known) => {
                let text = |text: Text| &*rows.texts[text as usize];
                let (page, name) = (rows.page[i], rows.name[i]);
                let of_event = |name: &str| reached(goals, Reached::Event(name));
                let links;
                let viewed = rows.flags[i].has(Flags::VIEWED);
                let nths = match kind {
                    // After midnight, of a visit that is counted on this day.
                    Kind::Activity if !viewed && name == 0 => return,
                    Kind::View | Kind::Activity if kind == Kind::View || viewed => known.pages
                        [page as usize]
                        .get_or_init(|| reached(goals, Reached::Page(text(page)))),
                    Kind::Event | Kind::Activity => {
                        known.events[name as usize].get_or_init(|| of_event(text(name)))
                    }
                    Kind::Outbound | Kind::File => {
                        let outbound = kind == Kind::Outbound;
                        links = of_event(if outbound { OUTBOUND_LINK } else { FILE_DOWNLOAD });
                        &links
                    }
                    _ => return,
                };
                nths.iter().for_each(|nth| show(word(*nth)));
            }
            _ => self.of_visit(of).into_iter().for_each(show),
        }
    }
}

impl Source<'_> {
    fn status(day: &DayRows, kind: Kind, more: &mut Vec<Arc<str>>) -> Self {
        let rows = &day.block;
        let mut known = HashMap::new();
        for i in (0..rows.len()).filter(|i| rows.kind[*i] == kind) {
            let status = rows.numbers[0][i];
            if status != 0 && !known.contains_key(&status) {
                known.insert(status, more.len() as u32);
                more.push(status.to_string().into());
            }
        }
        Self::Status(kind, known)
    }

    fn identities(day: &DayRows, more: &mut Vec<Arc<str>>) -> Self {
        let rows = &day.block;
        let mut known = HashMap::new();
        for i in (0..rows.len()).filter(|i| rows.kind[*i] == Kind::Bot) {
            let identity = (rows.name[i], rows.numbers[1][i]);
            if let Some(proof) = Proof::from_number(identity.1)
                && !known.contains_key(&identity)
            {
                known.insert(identity, more.len() as u32);
                let name = &*rows.texts[identity.0 as usize];
                more.push(crate::model::rollup::join([name, proof.as_str()]).into());
            }
        }
        Self::Identity(known)
    }

    fn links(day: &DayRows, more: &mut Vec<Arc<str>>) -> Self {
        let rows = &day.block;
        let mut known = HashMap::new();
        for i in (0..rows.len()).filter(|i| rows.kind[*i] == Kind::Error) {
            let link = (rows.page[i], rows.name[i]);
            if rows.numbers[0][i] != 0 && !known.contains_key(&link) {
                known.insert(link, more.len() as u32);
                let [page, from] = [link.0, link.1].map(|text| &*rows.texts[text as usize]);
                more.push(crate::model::rollup::join([page, from]).into());
            }
        }
        Self::Link(known)
    }
}
