//! What the cards of a page's own view hold, as tables.

use super::sheet::{Column, Line, Name, Unit};
use super::sources::Which;
use super::view::View;
use super::{PageData, journeys, of_page};
use crate::language::Language;
use crate::report::{Branch, Filter, Invalid, Metric, Property, Slice, breakdown, clicks, scrolls};

/// What is told of links to a page that is broken.
pub(super) const BROKEN: [Metric; 2] = [Metric::Pageviews, Metric::ConfirmedPageviews];

/// # Errors
/// Never: there is such a property.
pub(super) fn broken_from() -> Result<Property, Invalid> {
    Property::parse("error:referrer")
}

/// Where broken links to the page are.
pub(super) fn broken(view: &View, data: &PageData<'_>) -> Vec<Slice> {
    let page = view.page().unwrap_or_default();
    let (from, of) = (broken_from(), Property::parse("error:page"));
    let (Ok(from), Ok(of)) = (from, of) else { return Vec::new() };
    let of_page = Filter::exactly(of, page);
    breakdown(data.days, &view.site, view.elapsed(), &from, &BROKEN, Some(&of_page))
}

pub(super) fn columns(which: Which, say: Language) -> Vec<Column> {
    vec![match which {
        Which::Journeys => Column::new(say, "visits", "metric-visits", Unit::Count),
        Which::Clicks => Column::new(say, "clicks", "card-col-clicks", Unit::Count),
        Which::Scrolls => Column::new(say, "views", "metric-views", Unit::Count),
        _ => Column::new(say, "value", "sheet-value", Unit::OfRow),
    }]
}

/// The key of its title, and what its rows are named by.
///
/// # Errors
/// Never: there are such properties.
pub(super) fn names(which: Which) -> Result<(&'static str, Vec<Name>), Invalid> {
    let screen = || Property::parse("visit:screen").map(Name::of);
    Ok(match which {
        Which::Journeys => (
            "journey-title",
            vec![
                Name::new("way", "sheet-way"),
                Name::new("step", "sheet-step"),
                Name::of(Property::parse("event:page")?),
            ],
        ),
        Which::Clicks => (
            "heat-clicks",
            vec![screen()?, Name::new("row", "sheet-row"), Name::new("column", "sheet-column")],
        ),
        Which::Scrolls => ("heat-scroll-depth", vec![screen()?, Name::new("tenth", "sheet-tenth")]),
        _ => ("way-title", vec![Name::new("metric", "sheet-metric")]),
    })
}

/// # Errors
/// Never: what it asks for exists.
pub(super) fn rows(
    which: Which,
    view: &View,
    data: &PageData<'_>,
    page: &str,
) -> Result<Vec<Line>, Invalid> {
    Ok(match which {
        Which::Journeys => {
            let told = crate::report::journeys(&view.site, data.covered(), page, None);
            let ways =
                [("before", "chart-before", told.before), ("after", "sheet-after", told.after)];
            let way = |(way, key, branch): (&str, &'static str, Branch)| {
                let label = view.say().t(key);
                let line = |line: Line| line.called(label.clone());
                steps(way, &branch).into_iter().map(line).collect::<Vec<_>>()
            };
            ways.into_iter().flat_map(way).collect()
        }
        Which::Clicks => {
            let screens = clicks(data.days, view.elapsed(), page, Some("")).1;
            let of_screen = |screen: String| {
                let told = clicks(data.days, view.elapsed(), page, Some(&screen)).0;
                let line = move |((row, column), n): ((u32, u32), i64)| {
                    Line::counts([screen.clone(), row.to_string(), column.to_string()], &[n])
                };
                told.cells.into_iter().map(line)
            };
            screens.into_iter().flat_map(|of| of_screen(of.screen)).collect()
        }
        Which::Scrolls => {
            let screens = scrolls(data.days, view.elapsed(), page, Some("")).1;
            let of_screen = |screen: String| {
                let told = scrolls(data.days, view.elapsed(), page, Some(&screen)).0;
                let line = move |(nth, n): (usize, i64)| {
                    Line::counts([screen.clone(), (nth + 1).to_string()], &[n])
                };
                told.reached.into_iter().enumerate().map(line)
            };
            screens.into_iter().flat_map(|of| of_screen(of.screen)).collect()
        }
        _ => {
            let fact = |fact: of_page::Fact| {
                Line::new([fact.word.to_owned()], vec![fact.value]).called(fact.name(view.say()))
            };
            of_page::facts(view, data.days, page)?.0.into_iter().map(fact).collect()
        }
    })
}

/// The pages of each step, with the visits that viewed them there; without a page those that had
/// begun or ended before.
fn steps(way: &str, first: &Branch) -> Vec<Line> {
    let mut lines = Vec::new();
    for (nth, step) in journeys::steps(first).into_iter().enumerate() {
        let ends = (step.ends > 0).then(|| ("".into(), step.ends));
        lines.extend(step.pages.into_iter().chain(ends).map(|(page, visits)| {
            Line::counts([way.to_owned(), (nth + 1).to_string(), page.to_string()], &[visits])
        }));
    }
    lines
}
