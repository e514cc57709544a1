//! Cards: rows of one property each, with tabs for its relatives.

use super::table::{CONVERSIONS, Card, Tab};
use super::values::label;
use super::view::{Subject, View};
use super::{PageData, filters, map};
use crate::page_name::shown;
use crate::report::{Answers, Condition, Invalid, Metric, Property, QuerySet, Slice};
use maud::{Markup, html};
use std::collections::HashSet;

/// Rows of a card.
const ROWS: usize = 8;

/// Tabs of a card that stand side by side, the menu of the others among them; more do not fit on a
/// phone.
const TABS: usize = 4;

/// A card with one of its tabs open.
pub(super) struct CardTab {
    pub card: &'static Card,
    /// Those that the filters let say something.
    tabs: Vec<&'static Tab>,
    tab: &'static Tab,
    pub property: Property,
}

/// The same once its question has been asked.
pub(super) struct OpenCard {
    of: CardTab,
    columns: &'static [(Metric, &'static str)],
    nth: usize,
}

/// The cards of a topic, as far as the filters tell of them.
pub(super) fn ask(view: &View, questions: &mut QuerySet) -> Result<Vec<OpenCard>, Invalid> {
    ask_of(view.topic.cards(), view, questions)
}

pub(super) fn ask_of(
    cards: &'static [Card],
    view: &View,
    questions: &mut QuerySet,
) -> Result<Vec<OpenCard>, Invalid> {
    let cards = cards.iter().map(|card| OpenCard::ask(card, view, questions));
    Ok(cards.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// Cards in two columns, one below the other in each, so that none is as high as its neighbour
/// only.
pub(super) fn columns<'c>(
    view: &View,
    data: &PageData<'_>,
    cards: impl Iterator<Item = &'c OpenCard>,
) -> Markup {
    two_columns(cards.map(|card| card.draw(view, &data.answers)))
}

/// On a narrow screen there is one, in the order they come.
pub(super) fn two_columns(cards: impl Iterator<Item = Markup>) -> Markup {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for (nth, card) in cards.enumerate() {
        if nth % 2 == 0 { left.push(card) } else { right.push(card) }
    }
    html! {
        @if !left.is_empty() {
            div.cards {
                div.stack { @for card in &left { (card) } }
                @if !right.is_empty() { div.stack { @for card in &right { (card) } } }
            }
        }
    }
}

impl CardTab {
    /// `None`: the filters tell nothing of it.
    pub fn choose(card: &'static Card, view: &View) -> Result<Option<Self>, Invalid> {
        let tells = |tab: &&Tab| Property::parse(tab.property).is_ok_and(|of| view.tells(&of));
        let mut tabs: Vec<&Tab> = card.tabs.iter().filter(tells).collect();
        // All tabs of a property have the same columns then.
        if view.subject() == Subject::Actions {
            let mut seen = HashSet::new();
            tabs.retain(|tab| seen.insert(tab.property));
        }
        let Some((tab, property)) = open_tab(card, &tabs, view)? else { return Ok(None) };
        Ok(Some(Self { card, tabs, tab, property }))
    }

    pub fn columns(&self, view: &View) -> &'static [(Metric, &'static str)] {
        match view.subject() {
            Subject::Actions if !self.property.counts_actions() => CONVERSIONS,
            _ => self.tab.columns,
        }
    }

    /// Its tabs: those that are wanted most, and a menu of the others.
    pub fn nav(&self, view: &View) -> Markup {
        let (say, key) = (view.say(), self.card.key);
        let side_by_side = if self.tabs.len() > TABS { TABS - 1 } else { self.tabs.len() };
        let (first, others) = self.tabs.split_at(side_by_side);
        let open = others.iter().find(|tab| tab.id == self.tab.id);
        let link = |tab: &Tab| {
            html! {
                a href={ (view.link(&[(key, Some(tab.id)), ("sort", None), ("order", None)])) "#" (key) }
                    aria-current=[(tab.id == self.tab.id).then_some("true")] { (say.t(tab.label)) }
            }
        };
        html! {
            @if self.tabs.len() > 1 {
                nav.tabs aria-label=(say.t(self.card.title)) {
                    @for tab in first { (link(tab)) }
                    @if !others.is_empty() {
                        details.menu id={ (key) "-tabs" } {
                            summary aria-current=[open.map(|_| "true")] { (say.t(open.map_or("card-more", |tab| tab.label))) }
                            div.panel { @for tab in others { (link(tab)) } }
                        }
                    }
                }
            }
        }
    }
}

impl OpenCard {
    /// `None`: the filters tell nothing of it.
    pub fn ask(
        card: &'static Card,
        view: &View,
        questions: &mut QuerySet,
    ) -> Result<Option<Self>, Invalid> {
        let Some(of) = CardTab::choose(card, view)? else { return Ok(None) };
        let columns = of.columns(view);
        let metrics: Vec<Metric> = columns.iter().map(|(metric, _)| *metric).collect();
        let nth = questions.ask(of.property.clone(), &metrics);
        Ok(Some(Self { of, columns, nth }))
    }

    pub fn key(&self) -> &'static str {
        self.of.card.key
    }

    /// Whether it has rows.
    pub fn says_anything(&self, answers: &Answers) -> bool {
        answers.slices(self.nth).is_some_and(|slices| !slices.is_empty())
    }

    pub fn draw(&self, view: &View, answers: &Answers) -> Markup {
        let Some(mut slices) = answers.slices(self.nth) else { return html! {} };
        if self.of.property.as_str() == "visit:suspected"
            && slices.iter().all(|slice| slice.value == "no")
        {
            slices.clear();
        }
        let say = view.say();
        let (key, title) = (self.of.card.key, say.t(self.of.card.title));
        html! {
            section.card id=(key) aria-labelledby={ (key) "-title" } {
                header {
                    h2 id={ (key) "-title" } { (title) }
                    (self.of.nav(view))
                }
                @if !slices.is_empty() {
                    @if self.of.property.as_str() == map::PROPERTY {
                        (map::map(view, &self.of.property, (self.columns[0].0, &say.t(self.columns[0].1)), &slices))
                    }
                    (rows(view, &self.of.property, self.columns, &slices[..slices.len().min(ROWS)], &slices))
                    (details_link(view, self.of.card, slices.len()))
                } @else if view.is_filtered() {
                    p.empty { (say.t("card-nothing")) }
                } @else {
                    p.empty { (say.t(self.of.tab.empty)) }
                }
            }
        }
    }
}

/// A link to a card's own page.
pub(super) fn details_link(view: &View, card: &Card, rows: usize) -> Markup {
    let say = view.say();
    let link = match view.page() {
        Some(_) => format!("{}&details={}", filters::as_filter(view), card.key),
        None => view.link(&[("details", Some(card.key))]),
    };
    html! {
        a.more href=(link) {
            @if rows > ROWS { (say.with("card-all", [("n", rows.into())])) } @else { (say.t("card-details")) }
            span.hidden { ": " (say.t(card.title)) }
        }
    }
}

/// The open tab and its property: of events' properties also one of them.
fn open_tab(
    card: &Card,
    tabs: &[&'static Tab],
    view: &View,
) -> Result<Option<(&'static Tab, Property)>, Invalid> {
    let chosen = view.get(card.key);
    if let Some(property) = chosen.filter(|p| card.key == "events" && p.starts_with("event:props:"))
        && let Some(tab) = tabs.iter().find(|tab| tab.property == "event:property")
    {
        return Ok(Some((tab, Property::parse(property)?)));
    }
    let of_filter =
        |tab: &&&Tab| view.conditions.iter().any(|c| c.property.as_str() == tab.property);
    // Of those who reached a goal nobody asks on which page they did.
    let brought = |tab: &&&Tab| tab.property == "visit:entry_page";
    let tab = tabs
        .iter()
        .find(|tab| Some(tab.id) == chosen)
        .or_else(|| tabs.iter().find(of_filter))
        .or_else(|| tabs.iter().find(brought).filter(|_| view.subject() == Subject::Actions))
        .or(tabs.first());
    tab.map(|tab| Ok((*tab, Property::parse(tab.property)?))).transpose()
}

/// A link that filters by a property's value, too.
pub(super) fn filter_link(view: &View, property: &str, value: &str) -> String {
    Property::parse(property).map(|of| row_link(view, &of, value)).unwrap_or_default()
}

/// A row filters by what it is about. That of a property of events opens its values as well.
fn row_link(view: &View, property: &Property, value: &str) -> String {
    let filters = view.filters_with(Condition::of_row(property, value));
    let changes = [("filters", Some(filters.as_str())), ("page", None), ("details", None)];
    match property.as_str() {
        "event:property" if !value.is_empty() => {
            let values = Property::of_events(value);
            let opened = [("events", Some(values.as_str()))];
            format!("{}#events", view.link(&[&changes[..], &opened].concat()))
        }
        _ => view.link(&changes),
    }
}

/// A table of rows with bars as long as their first value.
pub(super) fn rows(
    view: &View,
    property: &Property,
    columns: &[(Metric, &'static str)],
    shown: &[Slice],
    all: &[Slice],
) -> Markup {
    let say = view.say();
    let first = |slice: &Slice| slice.metrics.first().and_then(|v| v.number()).unwrap_or(0.0);
    let largest = all.iter().map(first).fold(1.0, f64::max);
    html! {
        table {
            thead {
                tr {
                    th scope="col" { (say.property(property)) }
                    @for (_, name) in columns { th scope="col" { (say.t(name)) } }
                }
            }
            tbody {
                @for slice in shown {
                    tr {
                        (row_head(view, property, &slice.value, first(slice) / largest))
                        @for ((metric, _), value) in columns.iter().zip(&slice.metrics) {
                            td { (say.value(*metric, *value)) }
                        }
                    }
                }
            }
        }
    }
}

/// The head of a row: a link that filters by it, on a bar.
pub(super) fn row_head(view: &View, property: &Property, value: &str, share: f64) -> Markup {
    let name = label(view.say(), property, value);
    html! {
        th scope="row" {
            svg.bar viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true" {
                rect width=(format!("{:.1}", share * 100.0)) height="1" {}
            }
            a href=(row_link(view, property, value)) title=(name) { (name) }
        }
    }
}

/// A page, as the head of a row that filters by it.
pub(super) fn page_cell(view: &View, page: &str) -> Markup {
    html! {
        th scope="row" {
            a href=(filter_link(view, "event:page", page)) title=(shown(page)) { (shown(page)) }
        }
    }
}
