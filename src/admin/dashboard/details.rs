//! A card's own page: every metric of every row, searched, sorted and by the page; and the same as
//! a file.

use super::cards::CardTab;
use super::table;
use super::values::label;
use super::view::{Subject, View};
use super::{cards, map};
use crate::export::harmless;
use crate::report::{Answers, Invalid, Metric, QuerySet, Reason, Slice, Value};
use maud::{Markup, html};
use std::cmp::Ordering;

/// Rows of a page.
const ROWS: usize = 100;

/// A card whose every metric has been asked for.
pub(super) struct Details {
    of: CardTab,
    metrics: Vec<Metric>,
    nth: usize,
}

impl Details {
    /// # Errors
    /// If there is no such card, the filters tell nothing of it, or it is to be sorted by what it
    /// does not have.
    pub fn ask(key: &str, view: &View, questions: &mut QuerySet) -> Result<Self, Invalid> {
        let known = || table::all().map(|card| card.key);
        let card = table::all()
            .find(|card| card.key == key)
            .ok_or_else(|| Invalid::unknown("card", key, known().collect::<Vec<_>>()))?;
        let of = CardTab::choose(card, view)?.ok_or_else(|| {
            let line = format!("what is filtered by tells nothing of `{key}`: take a filter away");
            Invalid::new(line).because(Reason::TellsNothing)
        })?;
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
        let others =
            others.filter(|metric| *metric != first && metric.means_something(&of.property));
        let metrics: Vec<Metric> = std::iter::once(first).chain(others).collect();
        if let Some(sort) = view.get("sort").filter(|sort| *sort != NAME) {
            let sort = Metric::parse(sort)?;
            if !metrics.contains(&sort) {
                let words = metrics.iter().map(|metric| metric.as_str()).collect::<Vec<_>>();
                let unknown = Invalid::unknown("column", sort.as_str(), words);
                return Err(unknown.because(Reason::NoColumn));
            }
        }
        if of.property.as_str() == "event:goal" && view.site.goals.iter().any(|goal| goal.is_kept) {
            questions.ask_for_rows();
        }
        let nth = questions.ask(of.property.clone(), &metrics);
        Ok(Self { of, metrics, nth })
    }

    /// The rows that are searched for, in their order.
    fn rows(&self, view: &View, answers: &Answers) -> Vec<Slice> {
        let mut rows = answers.slices(self.nth).unwrap_or_default();
        if let Some(search) = view.get("search").map(str::to_lowercase) {
            rows.retain(|row| {
                let label = label(view.say(), &self.of.property, &row.value).to_lowercase();
                label.contains(&search) || row.value.to_lowercase().contains(&search)
            });
        }
        let number =
            |row: &Slice, nth: usize| row.metrics[nth].number().unwrap_or(f64::NEG_INFINITY);
        let order = |a: &Slice, b: &Slice| match self.sorted_by(view) {
            Some(nth) => number(b, nth).total_cmp(&number(a, nth)),
            None => a.value.cmp(&b.value),
        };
        let directed = |order: Ordering| if is_reversed(view) { order.reverse() } else { order };
        rows.sort_by(|a, b| directed(order(a, b)).then_with(|| a.value.cmp(&b.value)));
        rows
    }

    /// The column, by its place; `None`: the name.
    fn sorted_by(&self, view: &View) -> Option<usize> {
        match view.get("sort") {
            Some(NAME) => None,
            Some(sort) => self.metrics.iter().position(|metric| metric.as_str() == sort),
            None => Some(0),
        }
    }

    pub fn draw(&self, view: &View, answers: &Answers) -> Markup {
        let rows = self.rows(view, answers);
        let pages = rows.len().div_ceil(ROWS).max(1);
        let page = view.get("at").and_then(|at| at.parse().ok()).unwrap_or(1).clamp(1, pages);
        let first = (page - 1) * ROWS;
        let shown = &rows[first..rows.len().min(first + ROWS)];
        // A column in which nothing is told says nothing.
        let says =
            |nth: &usize| *nth == 0 || rows.iter().any(|row| !row.metrics[*nth].is_nothing());
        let columns: Vec<usize> = (0..self.metrics.len()).filter(says).collect();
        let (say, title) = (view.say(), view.say().t(self.of.card.title));
        let card = |key| say.with(key, [("card", (&*title).into())]);
        let sorted = self.sorted_by(view);
        let bar = sorted.unwrap_or(0);
        let number = |row: &Slice| row.metrics[bar].number().unwrap_or(0.0);
        let largest = rows.iter().map(number).fold(f64::MIN_POSITIVE, f64::max);
        html! {
            section.card.details id=(self.of.card.key) aria-labelledby="details-title" {
                header {
                    h2 #details-title { (title) }
                    (self.of.nav(view))
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
                        a href=(view.file("csv")) download { "CSV" } " "
                        a href=(view.file("json")) download { "JSON" } " "
                        a href=(view.link(&[("details", None)])) { (say.t("details-back")) }
                    }
                }
                @if self.of.property.as_str() == map::PROPERTY && !rows.is_empty() {
                    @let name = say.metric(self.metrics[0], &self.of.property);
                    (map::map(view, &self.of.property, (self.metrics[0], &name), &rows))
                }
                @if shown.is_empty() {
                    p.empty { (say.t("details-nothing")) }
                } @else {
                    div.scroll-x tabindex="0" role="region" aria-label=(card("details-rows")) {
                        table {
                            thead { tr {
                                (head(view, NAME, &say.property(&self.of.property), sorted.is_none()))
                                @for nth in &columns {
                                    @let metric = self.metrics[*nth];
                                    (head(view, metric.as_str(), &say.metric(metric, &self.of.property), sorted == Some(*nth)))
                                }
                            } }
                            tbody {
                                @for row in shown {
                                    tr {
                                        (cards::row_head(view, &self.of.property, &row.value, number(row) / largest))
                                        @for nth in &columns {
                                            td { (say.exact(self.metrics[*nth], row.metrics[*nth])) }
                                        }
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
        }
    }

    /// All rows, as they are stored, as lines of a table. What a spreadsheet would take for a
    /// formula stands behind an apostrophe.
    pub fn csv(&self, view: &View, answers: &Answers) -> Result<Vec<u8>, csv::Error> {
        let mut lines = csv::Writer::from_writer(Vec::new());
        let names = self.metrics.iter().map(|metric| metric.as_str());
        lines.write_record(std::iter::once(self.of.property.as_str()).chain(names))?;
        for row in self.rows(view, answers) {
            let value = |value: &Value| match value {
                Value::Unknown => String::new(),
                Value::Count(n) => n.to_string(),
                Value::Ratio(n) => n.to_string(),
            };
            let name = harmless(row.value);
            lines.write_record(std::iter::once(name).chain(row.metrics.iter().map(value)))?;
        }
        lines.into_inner().map_err(|e| e.into_error().into())
    }

    /// The same in the shape of the API's version 2.
    pub fn json(&self, view: &View, answers: &Answers) -> serde_json::Value {
        let row =
            |row: Slice| serde_json::json!({ "dimensions": [row.value], "metrics": row.metrics });
        let metrics: Vec<&str> = self.metrics.iter().map(|metric| metric.as_str()).collect();
        serde_json::json!({
            "results": self.rows(view, answers).into_iter().map(row).collect::<Vec<_>>(),
            "query": {
                "site_id": view.site.name,
                "metrics": metrics,
                "dimensions": [self.of.property.as_str()],
                "date_range": [answers.range.first, view.elapsed().last],
                "filters": view.filters(),
            },
        })
    }
}

/// The word for sorting by name.
const NAME: &str = "name";

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
