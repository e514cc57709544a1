//! Which cards there are, and where what they hold comes from.
//!
//! Every card that a page draws is named here, so that each has its own page and its files, and the
//! file of all of them has it.

use super::cards::CardTab;
use super::goals::{self, Goals};
use super::overview::Overview;
use super::sheet::{Column, Leads, Line, Name, Sheet, Unit};
use super::table::{self, CACHES, Card, EVIDENCE, GOALS, UNCONFIRMED};
use super::topics::Topic;
use super::view::{Subject, View};
use super::{PageData, ai, page_sheets, speed};
use crate::report::{Invalid, Metric, Property, QuerySet, Slice, only_totals};
use std::borrow::Cow;

/// Those of a page's own view, which are asked for together with it.
const OF_PAGE: [Which; 5] =
    [Which::Journeys, Which::Clicks, Which::Scrolls, Which::Around, Which::Broken];

/// Which card.
#[derive(Clone, Copy)]
pub(super) enum Which {
    /// Rows of a property.
    Property(&'static Card),
    Totals,
    Chart,
    AiMakers,
    AiPages,
    Speed,
    Slowest,
    /// By its place among the site's.
    Funnel(usize),
    Journeys,
    Clicks,
    Scrolls,
    Around,
    Broken,
}

/// A card that has been asked for.
pub(super) struct Source {
    which: Which,
    asked: Asked,
}

/// The numbers of its questions.
enum Asked {
    /// It is told without any.
    Nothing,
    Property(CardTab, Vec<Metric>, usize),
    Goals(Goals, Vec<Metric>),
    Overview(Overview),
}

impl Which {
    /// All that a page draws, in its order.
    pub fn of(view: &View) -> Vec<Self> {
        let cards = |cards: &'static [Card]| cards.iter().map(Self::Property);
        let mut all = Vec::new();
        if view.has_totals() {
            all.extend([Self::Totals, Self::Chart]);
            if view.has_evidence() {
                all.extend([&EVIDENCE, &UNCONFIRMED, &CACHES].map(Self::Property));
            }
        }
        if view.page().is_some() {
            all.push(Self::Journeys);
            all.extend(cards(table::OF_PAGE));
            all.extend([Self::Clicks, Self::Scrolls, Self::Around, Self::Speed, Self::Broken]);
            return all;
        }
        match view.topic {
            Topic::Speed => all.extend([Self::Speed, Self::Slowest]),
            Topic::Bots => all.extend([Self::AiMakers, Self::AiPages]),
            _ => {}
        }
        all.extend(cards(view.topic.cards()));
        if view.topic == Topic::Overview {
            all.push(Self::Property(&GOALS));
            all.extend((0..view.site.funnels.len()).map(Self::Funnel));
        }
        all
    }

    /// # Errors
    /// If there is none of that name.
    pub fn named(key: &str, view: &View) -> Result<Self, Invalid> {
        let own = [Self::Totals, Self::Chart, Self::AiMakers, Self::AiPages];
        let own = own.into_iter().chain([Self::Speed, Self::Slowest]).chain(OF_PAGE);
        let funnels = (0..view.site.funnels.len()).map(Self::Funnel);
        let all: Vec<Self> = table::all().map(Self::Property).chain(own).chain(funnels).collect();
        let found = all.iter().find(|which| which.key(view) == key).ok_or_else(|| {
            let keys: Vec<_> = all.iter().map(|which| which.key(view)).collect();
            Invalid::unknown("card", key, keys.iter().map(|key| &**key))
        })?;
        match is_of_page(key) && view.page().is_none() {
            true => Err(Invalid::new(format!("`{key}` is of a page: `page` is missing"))),
            false => Ok(*found),
        }
    }

    pub fn key(self, view: &View) -> Cow<'static, str> {
        match self {
            Self::Property(card) => card.key.into(),
            Self::Totals => "totals".into(),
            Self::Chart => "chart".into(),
            Self::AiMakers => "ai-makers".into(),
            Self::AiPages => "ai".into(),
            Self::Speed => "speed".into(),
            Self::Slowest => "slowest".into(),
            Self::Funnel(nth) => goals::key(&view.site.funnels[nth].name).into(),
            Self::Journeys => "journeys".into(),
            Self::Clicks => "clicks".into(),
            Self::Scrolls => "scrolls".into(),
            Self::Around => "around".into(),
            Self::Broken => "broken".into(),
        }
    }

    /// `None`: the filters tell nothing of it.
    ///
    /// # Errors
    /// If a property cannot be told.
    pub fn ask(self, view: &View, questions: &mut QuerySet) -> Result<Option<Source>, Invalid> {
        let asked = match self {
            Self::Property(card) => asked_of(card, view, questions)?,
            Self::Totals | Self::Chart => {
                Some(Asked::Overview(Overview::ask_alone(view, questions)))
            }
            Self::AiMakers | Self::AiPages => ai::ask(view, questions)?.then_some(Asked::Nothing),
            Self::Funnel(nth) => {
                if view.site.funnels[nth].is_kept {
                    questions.require_rows();
                }
                view.tells(&Property::parse("event:goal")?).then_some(Asked::Nothing)
            }
            Self::Speed | Self::Slowest => Some(Asked::Nothing),
            Self::Journeys | Self::Clicks | Self::Scrolls | Self::Around | Self::Broken => {
                Some(Asked::Nothing)
            }
        };
        Ok(asked.map(|asked| Source { which: self, asked }))
    }
}

/// Whether only a page's own view has this card.
pub(super) fn is_of_page(key: &str) -> bool {
    ["journeys", "clicks", "scrolls", "around", "broken"].contains(&key)
}

/// Every metric that a property's rows have.
fn asked_of(
    card: &'static Card,
    view: &View,
    questions: &mut QuerySet,
) -> Result<Option<Asked>, Invalid> {
    let Some(of) = CardTab::choose(card, view)? else { return Ok(None) };
    let first = of.columns(view)[0].0;
    let of_actions = of.property.counts_actions();
    // What says the same as another does not stand beside it.
    let is_needed = |metric: &Metric| match metric {
        Metric::Events => of_actions,
        Metric::Conversions => !of_actions,
        Metric::GroupConversionRate => view.subject() == Subject::Actions && !of_actions,
        _ => true,
    };
    let others = Metric::ALL.into_iter().filter(is_needed);
    let others = others.filter(|metric| *metric != first && metric.means_something(&of.property));
    let metrics: Vec<Metric> = std::iter::once(first).chain(others).collect();
    if card.key == GOALS.key {
        let goals = Goals::ask_of(&metrics, view, questions)?;
        return Ok(goals.map(|goals| Asked::Goals(goals, metrics)));
    }
    let nth = questions.ask(of.property.clone(), &metrics);
    Ok(Some(Asked::Property(of, metrics, nth)))
}

impl Source {
    /// The other tabs that its card has.
    pub fn tabs(&self) -> Option<&CardTab> {
        match &self.asked {
            Asked::Property(of, ..) => Some(of),
            _ => None,
        }
    }

    /// Whether it has numbers of the time before.
    pub fn is_compared(&self) -> bool {
        matches!(self.asked, Asked::Overview(_))
    }

    /// The columns of numbers that it has, whatever was counted.
    pub fn columns(&self, view: &View) -> Vec<Column> {
        let say = view.say();
        let of_property = |metrics: &[Metric], property: &Property| {
            let column = |metric: &Metric| Column {
                word: metric.as_str().into(),
                title: say.metric(*metric, property),
                unit: Unit::Of(*metric),
            };
            metrics.iter().map(column).collect()
        };
        match (&self.asked, self.which) {
            (Asked::Property(of, metrics, _), _) => of_property(metrics, &of.property),
            (Asked::Goals(goals, metrics), _) => of_property(metrics, &goals.property),
            (Asked::Overview(_), Which::Totals) => Overview::columns_of_totals(say),
            (Asked::Overview(_), _) => Overview::columns_of_chart(view),
            (_, Which::AiMakers) => ai::columns_of_makers(view),
            (_, Which::AiPages) => ai::columns_of_pages(view),
            (_, Which::Speed) => speed::columns(say),
            (_, Which::Slowest) => speed::columns_of_pages(say),
            (_, Which::Funnel(_)) => goals::columns(say),
            (_, Which::Broken) => {
                let property = page_sheets::broken_from();
                property.map(|of| of_property(&page_sheets::BROKEN, &of)).unwrap_or_default()
            }
            (_, which) => page_sheets::columns(which, say),
        }
    }

    /// # Errors
    /// If of the days only totals are known.
    pub fn sheet(&self, view: &View, data: &PageData<'_>) -> Result<Sheet, Invalid> {
        if !view.is_of_rows() && !matches!(self.asked, Asked::Overview(_)) {
            only_totals(data.days, view.elapsed())?;
        }
        let (say, columns) = (view.say(), self.columns(view));
        let key = self.which.key(view).into_owned();
        let sheet = |title: Cow<'_, str>, names: Vec<Name>, rows: Vec<Line>| Sheet {
            key,
            title: title.into_owned(),
            names,
            columns,
            rows,
            is_ranked: false,
            leads: Leads::Nowhere,
            compared_with: None,
        };
        let of_slices = |slices: Vec<Slice>| {
            let line = |slice: Slice| Line::new([slice.value], slice.metrics);
            slices.into_iter().map(line).collect()
        };
        let by_property = |sheet: Sheet, property: &Property| Sheet {
            names: vec![Name::of(property.clone())],
            is_ranked: true,
            leads: Leads::Filter(property.clone()),
            ..sheet
        };
        Ok(match (&self.asked, self.which) {
            (Asked::Property(of, _, nth), _) => {
                let rows = of_slices(data.answers.slices(*nth).unwrap_or_default());
                by_property(sheet(say.t(of.card.title), Vec::new(), rows), &of.property)
            }
            (Asked::Goals(goals, metrics), _) => {
                let rows = of_slices(goals.slices(metrics, view, data));
                by_property(sheet(say.t(GOALS.title), Vec::new(), rows), &goals.property)
            }
            (Asked::Overview(overview), Which::Totals) => {
                let names = vec![Name::new("metric", "sheet-metric")];
                let rows = overview.rows_of_totals(view, data);
                let sheet = sheet(say.t("overview-totals"), names, rows);
                Sheet { compared_with: view.before.map(|before| before.range), ..sheet }
            }
            (Asked::Overview(overview), _) => {
                let rows = overview.rows_of_chart(view, data);
                let sheet = sheet(say.t("sheet-chart"), Overview::names_of_chart(view), rows);
                Sheet { compared_with: view.before.map(|before| before.range), ..sheet }
            }
            (_, Which::AiMakers) => {
                let names = vec![Name::new("maker", "ai-maker")];
                sheet(say.t("ai-makers"), names, ai::rows_of_makers(view, data))
            }
            (_, Which::AiPages) => {
                let names = vec![Name::of(Property::parse("event:page")?)];
                let rows = ai::rows_of_pages(view, data);
                let title = if view.is_of_rows() { "ai-read" } else { "ai-title" };
                let leads = if view.look.limit.is_some() { Leads::Nowhere } else { Leads::OwnView };
                Sheet { leads, ..sheet(say.t(title), names, rows) }
            }
            (_, Which::Speed) => {
                let names = vec![Name::new("timing", "sheet-timing")];
                sheet(say.t("topic-speed"), names, speed::rows(view, data))
            }
            (_, Which::Slowest) => {
                let page = Property::parse("event:page")?;
                let rows = speed::rows_of_pages(view, data);
                let sheet = sheet(say.t("speed-slowest"), Vec::new(), rows);
                Sheet { is_ranked: false, ..by_property(sheet, &page) }
            }
            (_, Which::Funnel(nth)) => {
                let names = [("step", "sheet-step"), ("target", "sheet-target")];
                let names = names.map(|(word, title)| Name::new(word, title)).into();
                let title = view.site.funnels[nth].name.to_string();
                sheet(title.into(), names, goals::rows_of_funnel(view, data, nth))
            }
            (_, Which::Broken) => {
                let rows = of_slices(page_sheets::broken(view, data));
                let sheet = sheet(say.t("way-broken"), Vec::new(), rows);
                by_property(sheet, &page_sheets::broken_from()?)
            }
            (_, which) => {
                let page = view.page().unwrap_or_default();
                let (title, names) = page_sheets::names(which)?;
                sheet(say.t(title), names, page_sheets::rows(which, view, data, page)?)
            }
        })
    }
}
