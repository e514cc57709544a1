//! Cards: rows of one property each, with tabs for its relatives.

use super::columns::{AROUND, Piece};
use super::table::{CONVERSIONS, Card, Tab};
use super::values::{cut, label};
use super::view::{Subject, View};
use super::{files, filters, map};
use crate::model::rollup::PART;
use crate::page_name::shown;
use crate::report::{Answers, Condition, Invalid, Metric, Property, QuerySet, Slice};
use maud::{Markup, html};
use std::collections::{HashMap, HashSet};

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
    /// Of pages with errors, where links to them are: the question's number.
    links: Option<usize>,
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

impl CardTab {
    /// `None`: the filters tell nothing of it.
    pub fn choose(card: &'static Card, view: &View) -> Result<Option<Self>, Invalid> {
        let tells = |tab: &&Tab| Property::parse(tab.property).is_ok_and(|of| view.tells(&of));
        let mut tabs: Vec<&Tab> = card.tabs.iter().filter(tells).collect();
        // All tabs of a property have the same columns then.
        if view.subject() == Subject::Actions {
            let mut seen = HashSet::new();
            tabs.retain(|tab| seen.insert(tab.property));
            // What brought people to it comes first.
            tabs.sort_by_key(|tab| tab.property != "visit:entry_page");
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
        // Which pages of a visit, where one of its actions is asked for.
        let label = |tab: &Tab| match (view.subject(), tab.property) {
            (Subject::Actions, "event:page") => "card-tab-happened",
            (Subject::Actions, "visit:entry_page") => "card-tab-began",
            _ => tab.label,
        };
        let side_by_side = if self.tabs.len() > TABS { TABS - 1 } else { self.tabs.len() };
        let (first, others) = self.tabs.split_at(side_by_side);
        let open = others.iter().find(|tab| tab.id == self.tab.id);
        let link = |tab: &Tab| {
            html! {
                a href={ (view.link(&[(key, Some(tab.id)), ("sort", None), ("order", None)])) "#" (key) }
                    aria-current=[(tab.id == self.tab.id).then_some("true")] { (say.t(label(tab))) }
            }
        };
        html! {
            @if self.tabs.len() > 1 {
                nav.tabs aria-label=(say.t(self.card.title)) {
                    @for tab in first { (link(tab)) }
                    @if !others.is_empty() {
                        details.menu id={ (key) "-tabs" } {
                            summary aria-current=[open.map(|_| "true")] { (say.t(open.map_or("card-more", |tab| label(tab)))) }
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
        let links = match of.property.as_str() {
            "error:page" => {
                Some(questions.ask(Property::parse("error:link")?, &[Metric::Pageviews]))
            }
            _ => None,
        };
        Ok(Some(Self { of, columns, nth, links }))
    }

    pub fn key(&self) -> &'static str {
        self.of.card.key
    }

    /// Whether it has rows.
    pub fn says_anything(&self, answers: &Answers) -> bool {
        answers.slices(self.nth).is_some_and(|slices| !slices.is_empty())
    }

    /// `None`: nothing tells of it.
    pub fn piece<'a>(&'a self, view: &'a View, answers: &Answers) -> Option<Piece<'a>> {
        let mut slices = answers.slices(self.nth)?;
        if self.of.property.as_str() == "visit:suspected"
            && slices.iter().all(|slice| slice.value == "no")
        {
            slices.clear();
        }
        let map = self.of.property.as_str() == map::PROPERTY && !slices.is_empty();
        let height = AROUND + if map { map::HEIGHT } else { 0.0 };
        let linked =
            linked_from(self.links.and_then(|nth| answers.slices(nth)).unwrap_or_default());
        let (rows, key) = (slices.len(), self.key());
        let draw = move |n| self.draw(view, &slices, n, &linked);
        Some(Piece::list(height, rows, draw).called(key))
    }

    fn draw(
        &self,
        view: &View,
        slices: &[Slice],
        shown: usize,
        linked: &HashMap<String, usize>,
    ) -> Markup {
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
                        (map::map(view, &self.of.property, (self.columns[0].0, &say.t(self.columns[0].1)), slices))
                    }
                    (rows_linked(view, &self.of.property, self.columns, &slices[..slices.len().min(shown)], slices, linked))
                } @else if view.is_filtered() {
                    p.empty { (say.t("card-nothing")) }
                } @else {
                    p.empty { (say.t(self.of.tab.empty)) }
                }
                (ends(view, self.of.card, shown, slices.len()))
            }
        }
    }
}

/// Where a card's rows are told in full: on a page of its own, and in files.
pub(super) fn ends(view: &View, card: &Card, shown: usize, rows: usize) -> Markup {
    let details = details_link(view, card, shown, rows);
    files::foot(view, &details, card.key, &view.say().t(card.title))
}

/// A link to a card's own page.
fn details_link(view: &View, card: &Card, shown: usize, rows: usize) -> Markup {
    let say = view.say();
    let link = match view.page() {
        Some(_) => format!("{}&details={}", filters::as_filter(view), card.key),
        None => view.link(&[("details", Some(card.key))]),
    };
    html! {
        a.more href=(link) {
            @if rows > shown { (say.with("card-all", [("n", rows.into())])) } @else { (say.t("card-details")) }
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
    let tab = tabs
        .iter()
        .find(|tab| Some(tab.id) == chosen)
        .or_else(|| tabs.iter().find(of_filter))
        .or(tabs.first());
    tab.map(|tab| Ok((*tab, Property::parse(tab.property)?))).transpose()
}

/// A link that filters by a property's value, too.
pub(super) fn filter_link(view: &View, property: &str, value: &str) -> String {
    Property::parse(property).map(|of| row_link(view, &of, value)).unwrap_or_default()
}

/// A row filters by what it is about. That of a property of events opens its values as well.
pub(super) fn row_link(view: &View, property: &Property, value: &str) -> String {
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
    rows_linked(view, property, columns, shown, all, &HashMap::new())
}

/// From how many pages each page with an error is linked.
fn linked_from(links: Vec<Slice>) -> HashMap<String, usize> {
    let mut linked = HashMap::new();
    for link in links {
        if let Some((page, from)) = link.value.split_once(PART).filter(|(_, from)| !from.is_empty())
            && page != from
        {
            *linked.entry(page.to_owned()).or_default() += 1;
        }
    }
    linked
}

fn rows_linked(
    view: &View,
    property: &Property,
    columns: &[(Metric, &'static str)],
    shown: &[Slice],
    all: &[Slice],
    linked: &HashMap<String, usize>,
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
                        (row_head_with(view, property, &slice.value, first(slice) / largest, linked.get(&slice.value)))
                        @for ((metric, _), value) in columns.iter().zip(&slice.metrics) {
                            td { (view.figures().value(*metric, *value)) }
                        }
                    }
                }
            }
        }
    }
}

/// The head of a row: a link that filters by it, on a bar.
fn row_head_with(
    view: &View,
    property: &Property,
    value: &str,
    share: f64,
    linked: Option<&usize>,
) -> Markup {
    let name = label(view.say(), property, value);
    let linked = linked.map(|n| {
        let said = view.say().with("card-linked-from", [("n", (*n).into())]);
        html! { " " small.quiet { (said) } }
    });
    head_of_row(&name, Some(&row_link(view, property, value)), share, linked)
}

/// The same of any row, which may lead somewhere.
pub(super) fn head_of_row(
    name: &str,
    link: Option<&str>,
    share: f64,
    more: Option<Markup>,
) -> Markup {
    let more = more.unwrap_or_default();
    html! {
        th scope="row" {
            svg.bar viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true" {
                rect width=(format!("{:.1}", share * 100.0)) height="1" {}
            }
            @match link {
                Some(link) => a href=(link) title=(name) { (cut(name)) (more) },
                None => span title=(name) { (cut(name)) (more) },
            }
        }
    }
}

/// A page, as the head of a row that filters by it.
pub(super) fn page_cell(view: &View, page: &str) -> Markup {
    html! {
        th scope="row" {
            a href=(filter_link(view, "event:page", page)) title=(shown(page)) { (cut(&shown(page))) }
        }
    }
}
