//! A card's own page: every metric of every row, searched, sorted and by the page.

use super::PageData;
use super::cards;
use super::files;
use super::map;
use super::sheet::{Leads, Line, Sheet, Unit};
use super::sources::{Source, Which};
use super::view::View;
use crate::report::{Invalid, QuerySet, Reason, Slice};
use maud::{Markup, html};

/// Rows of a page.
const ROWS: usize = 100;

/// The word for sorting by name.
const NAME: &str = "name";

/// A card all of which has been asked for.
pub(super) struct Details(Source);

impl Details {
    /// # Errors
    /// If there is no such card, the filters tell nothing of it, or it is to be sorted by what it
    /// does not have.
    pub fn ask(key: &str, view: &View, questions: &mut QuerySet) -> Result<Self, Invalid> {
        let source = Which::named(key, view)?.ask(view, questions)?.ok_or_else(|| {
            let key = key.escape_debug();
            let line = format!("what is filtered by tells nothing of `{key}`: take a filter away");
            Invalid::new(line).because(Reason::TellsNothing)
        })?;
        if let Some(sort) = view.get("sort").filter(|sort| *sort != NAME) {
            let columns = source.columns(view);
            // With another time, or another that it is compared with, a chart has other columns.
            let of_time = |prefix| sort.strip_prefix(prefix).filter(|_| source.is_compared());
            let column = of_time("before_").or(of_time("imported_")).unwrap_or(sort);
            if !columns.iter().any(|known| known.word == *sort || known.word == *column) {
                let words = columns.iter().map(|column| &*column.word).collect::<Vec<_>>();
                let unknown = Invalid::unknown("column", sort, words);
                return Err(unknown.because(Reason::NoColumn));
            }
        }
        Ok(Self(source))
    }

    /// Whether it has numbers of the time before.
    pub fn is_compared(&self) -> bool {
        self.0.is_compared()
    }

    /// # Errors
    /// If of the days only totals are known.
    pub fn sheet(&self, view: &View, data: &PageData<'_>) -> Result<Sheet, Invalid> {
        let mut sheet = self.0.sheet(view, data)?;
        sheet.arrange(view);
        Ok(sheet)
    }

    /// # Errors
    /// As [`Self::sheet`].
    pub fn draw(&self, view: &View, data: &PageData<'_>) -> Result<Markup, Invalid> {
        let sheet = self.sheet(view, data)?;
        let rows = &sheet.rows;
        let pages = rows.len().div_ceil(ROWS).max(1);
        let page = view.get("at").and_then(|at| at.parse().ok()).unwrap_or(1).clamp(1, pages);
        let first = (page - 1) * ROWS;
        let shown = &rows[first..rows.len().min(first + ROWS)];
        // A column in which nothing is told says nothing.
        let says = |nth: &usize| *nth == 0 || rows.iter().any(|row| !row.values[*nth].is_nothing());
        let columns: Vec<usize> = (0..sheet.columns.len()).filter(says).collect();
        let (say, title) = (view.say(), &*sheet.title);
        let card = |key| say.with(key, [("card", title.into())]);
        let sorted = sheet.sorted_by(view);
        let by_name = view.get("sort") == Some(NAME);
        let bar = Bar::of(&sheet, sorted.unwrap_or(0));
        Ok(html! {
            section.card.details id=(sheet.key) aria-labelledby="details-title" {
                header {
                    h2 #details-title { (title) }
                    @if let Some(tabs) = self.0.tabs() { (tabs.nav(view)) }
                }
                div.beside {
                    form.search method="get" action=(view.look.base) role="search" {
                        (view.fields(&[("search", None)]))
                        input type="search" name="search" aria-label=(card("details-search-in"))
                            placeholder=(say.t("details-search")) value=[view.get("search")];
                        button type="submit" { (say.t("details-search")) }
                    }
                    p.quiet {
                        @if shown.is_empty() { (say.t("details-no-rows")) }
                        @else { (say.with("details-of", [("first", (first + 1).into()), ("last", (first + shown.len()).into()), ("all", rows.len().into())])) }
                    }
                    p.take {
                        (files::links(view, Some(&sheet.key), title)) " "
                        a href=(view.link(&[("details", None)])) { (say.t("details-back")) }
                    }
                }
                (map_of(view, &sheet))
                @if shown.is_empty() {
                    p.empty { (say.t("details-nothing")) }
                } @else {
                    div.scroll-x tabindex="0" role="region" aria-label=(card("details-rows")) {
                        table {
                            thead { tr {
                                @for (nth, name) in sheet.names.iter().enumerate() {
                                    @if nth == 0 { (head(view, NAME, &name.title(say), by_name)) }
                                    @else { th scope="col" { (name.title(say)) } }
                                }
                                @for nth in &columns {
                                    @let column = &sheet.columns[*nth];
                                    (head(view, &column.word, &column.title, sorted == Some(*nth)))
                                }
                            } }
                            tbody {
                                @for row in shown {
                                    tr {
                                        (row_head(view, &sheet, row, bar.share(row)))
                                        @for nth in 1..sheet.names.len() { td { (sheet.label(say, row, nth)) } }
                                        @for nth in &columns { td { (sheet.shown(view, row, *nth)) } }
                                    }
                                }
                            }
                        }
                    }
                }
                @if pages > 1 {
                    nav.pages aria-label=(say.t("details-pages")) {
                        @if page > 1 { a rel="prev" href=(view.link(&[("at", Some(&(page - 1).to_string()))])) { (say.t("details-before")) } }
                        span { (say.with("details-page", [("page", page.into()), ("pages", pages.into())])) }
                        @if page < pages { a rel="next" href=(view.link(&[("at", Some(&(page + 1).to_string()))])) { (say.t("details-next")) } }
                    }
                }
            }
        })
    }
}

/// The column that bars show, and the largest number in it. Numbers of several kinds have none.
struct Bar(Option<(usize, f64)>);

impl Bar {
    fn of(sheet: &Sheet, nth: usize) -> Self {
        let of_rows = |unit| !matches!(unit, Unit::OfRow);
        let is_told = sheet.columns.get(nth).is_some_and(|column| of_rows(column.unit));
        let number = |row: &Line| row.values[nth].number().unwrap_or(0.0);
        let largest = || sheet.rows.iter().map(number).fold(f64::MIN_POSITIVE, f64::max);
        Self(is_told.then(|| (nth, largest())))
    }

    fn share(&self, row: &Line) -> f64 {
        let Some((nth, largest)) = self.0 else { return 0.0 };
        row.values[nth].number().unwrap_or(0.0) / largest
    }
}

/// The head of a row, which leads where its name does.
fn row_head(view: &View, sheet: &Sheet, row: &Line, share: f64) -> Markup {
    let name = sheet.label(view.say(), row, 0);
    let link = match &sheet.leads {
        Leads::Filter(property) => Some(cards::row_link(view, property, &row.names[0])),
        Leads::OwnView => Some(view.own_view(&row.names[0])),
        Leads::Nowhere => None,
    };
    cards::head_of_row(&name, link.as_deref(), share, None)
}

/// Countries, on their map.
fn map_of(view: &View, sheet: &Sheet) -> Markup {
    let of_countries = |property: &&_| map::PROPERTY == crate::report::Property::as_str(property);
    let property = sheet.names[0].of.as_ref().filter(of_countries);
    let Some((property, column)) = property.zip(sheet.columns.first()) else { return html! {} };
    let Unit::Of(metric) = column.unit else { return html! {} };
    let slice = |row: &Line| Slice { value: row.names[0].clone(), metrics: row.values.clone() };
    let rows: Vec<Slice> = sheet.rows.iter().map(slice).collect();
    html! { @if !rows.is_empty() { (map::map(view, property, (metric, &column.title), &rows)) } }
}

fn is_reversed(view: &View) -> bool {
    view.get("order") == Some("asc")
}

/// The head of a column: a link that sorts by it, and the other way where it is sorted already.
fn head(view: &View, column: &str, name: &str, is_sorted: bool) -> Markup {
    let reverse = is_sorted && !is_reversed(view);
    // Names go up first, numbers down.
    let is_rising = (column == NAME) != is_reversed(view);
    let direction = if is_rising { "ascending" } else { "descending" };
    html! {
        th scope="col" aria-sort=[is_sorted.then_some(direction)] {
            a href=(view.link(&[("sort", Some(column)), ("order", reverse.then_some("asc"))])) {
                (name)
                @if is_sorted { span aria-hidden="true" { @if is_rising { " ↑" } @else { " ↓" } } }
            }
        }
    }
}
