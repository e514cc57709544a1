//! What a card holds, as a table: its own page, its files and the file of all cards are made of it,
//! so that they cannot tell different things.

use super::speed;
use super::values::label;
use super::view::View;
use crate::export::harmless;
use crate::language::{Language, NOTHING};
use crate::report::{Invalid, Metric, Property, Range, Value, What};
use serde_json::{Map, Value as Json, json};
use std::borrow::Cow;

/// Between the names of a row that has several, where they stand in one cell.
const JOINT: &str = " · ";

/// A table whose rows are named by one column or by several.
pub(super) struct Sheet {
    /// As it is asked for.
    pub key: String,
    /// In the reader's language.
    pub title: String,
    pub names: Vec<Name>,
    pub columns: Vec<Column>,
    pub rows: Vec<Line>,
    /// Rows come in the order of the first column, largest first.
    pub is_ranked: bool,
    pub leads: Leads,
    /// The days that it is compared with.
    pub compared_with: Option<Range>,
}

/// A column of what names a row.
pub(super) struct Name {
    /// As files call it.
    pub word: Cow<'static, str>,
    /// The key of what people call it; unless `of` says it.
    pub title: &'static str,
    /// Its values are those of a property.
    pub of: Option<Property>,
}

/// A column of numbers.
pub(super) struct Column {
    /// As files call it.
    pub word: Cow<'static, str>,
    /// In the reader's language.
    pub title: Cow<'static, str>,
    pub unit: Unit,
}

#[derive(Clone, Copy)]
pub(super) enum Unit {
    Count,
    Percent,
    /// Percent, or points.
    Change,
    Of(Metric),
    Timed(What),
    /// That of the metric, of the time or of the share that the row is named by.
    OfRow,
}

pub(super) struct Line {
    pub names: Vec<String>,
    /// What people call the first of them, where that is not said by its property.
    pub label: Option<String>,
    pub values: Vec<Value>,
}

/// Where the name of a row leads.
pub(super) enum Leads {
    Nowhere,
    /// It filters by the row.
    Filter(Property),
    /// To a page's own view.
    OwnView,
}

impl Name {
    /// Of a word of ours: `title` is the key of what people call it.
    pub fn new(word: &'static str, title: &'static str) -> Self {
        Self { word: word.into(), title, of: None }
    }

    pub fn of(property: Property) -> Self {
        Self { word: property.as_str().to_owned().into(), title: "", of: Some(property) }
    }

    pub fn title(&self, say: Language) -> Cow<'static, str> {
        match &self.of {
            Some(property) => say.property(property),
            None => say.t(self.title),
        }
    }
}

impl Column {
    /// `title` is a text's key.
    pub fn new(say: Language, word: &'static str, title: &'static str, unit: Unit) -> Self {
        Self { word: word.into(), title: say.t(title), unit }
    }
}

impl Line {
    pub fn new(names: impl Into<Vec<String>>, values: Vec<Value>) -> Self {
        Self { names: names.into(), label: None, values }
    }

    pub fn counts(names: impl Into<Vec<String>>, counts: &[i64]) -> Self {
        Self::new(names, counts.iter().map(|n| Value::Count(*n)).collect())
    }

    pub fn called(self, label: impl Into<String>) -> Self {
        Self { label: Some(label.into()), ..self }
    }

    fn number(&self, nth: usize) -> f64 {
        self.values[nth].number().unwrap_or(f64::NEG_INFINITY)
    }
}

impl Sheet {
    /// What people call a row, in one of the columns that name it.
    pub fn label(&self, say: Language, row: &Line, nth: usize) -> String {
        match (&row.label, &self.names[nth].of) {
            (Some(said), _) if nth == 0 => said.clone(),
            (_, Some(property)) => label(say, property, &row.names[nth]),
            _ => row.names[nth].clone(),
        }
    }

    /// A number as people read it.
    pub fn shown(&self, view: &View, row: &Line, nth: usize) -> String {
        let (say, figures, value) = (view.say(), view.figures(), row.values[nth]);
        let timed = |what: What| value.number().map(|n| speed::time(say, what, n));
        let said = match self.columns[nth].unit {
            Unit::Count => value.number().map(|n| say.grouped(n as i64)),
            Unit::Change => value.number().map(|n| say.points(n)),
            Unit::Percent => value.number().map(|n| say.percent(n)),
            Unit::Of(metric) => Some(figures.exact(metric, value)),
            Unit::Timed(what) => timed(what),
            Unit::OfRow => match (What::parse(&row.names[0]), Metric::parse(&row.names[0])) {
                (Some(what), _) => timed(what),
                (_, Some(metric)) => Some(figures.exact(metric, value)),
                _ if row.names[0].starts_with("percent_") => value.number().map(|n| say.percent(n)),
                _ => value.number().map(|n| say.grouped(n as i64)),
            },
        };
        said.unwrap_or_else(|| NOTHING.to_owned())
    }

    /// Searches and sorts its rows as the reader chose.
    pub fn arrange(&mut self, view: &View) {
        if let Some(search) = view.get("search").map(str::to_lowercase) {
            let mut rows = std::mem::take(&mut self.rows);
            let holds = |text: &str| text.to_lowercase().contains(&search);
            rows.retain(|row| {
                let mut names = row.names.iter().enumerate();
                names.any(|(nth, name)| holds(name) || holds(&self.label(view.say(), row, nth)))
            });
            self.rows = rows;
        }
        // They come in an order of their own.
        if view.get("sort").or(view.get("order")).is_none() {
            return;
        }
        let is_reversed = view.get("order") == Some("asc");
        match (self.sorted_by(view), view.get("sort")) {
            (Some(nth), _) => {
                self.rows.sort_by(|a, b| {
                    let order = b.number(nth).total_cmp(&a.number(nth));
                    let order = if is_reversed { order.reverse() } else { order };
                    order.then_with(|| a.names.cmp(&b.names))
                });
            }
            (None, Some(_)) => {
                self.rows.sort_by(|a, b| a.names.cmp(&b.names));
                if is_reversed {
                    self.rows.reverse();
                }
            }
            (None, None) => {}
        }
    }

    /// The column of numbers by which rows are sorted, by its place.
    pub fn sorted_by(&self, view: &View) -> Option<usize> {
        match view.get("sort") {
            Some(sort) => self.columns.iter().position(|column| column.word == *sort),
            None => self.is_ranked.then_some(0),
        }
    }

    /// Its rows as lines of a table, every number as it is. What a spreadsheet would take for a
    /// formula stands behind an apostrophe.
    ///
    /// # Errors
    /// The writer's.
    pub fn csv(&self) -> Result<Vec<u8>, Invalid> {
        written(|lines| {
            let names = self.names.iter().map(|name| &*name.word);
            lines.write_record(names.chain(self.columns.iter().map(|column| &*column.word)))?;
            for row in &self.rows {
                let names = row.names.iter().cloned().map(harmless);
                lines.write_record(names.chain(row.values.iter().map(|value| cell(*value))))?;
            }
            Ok(())
        })
    }

    /// The same in the shape of the API's version 2; `query` says what it is about.
    pub fn json(&self, mut query: Map<String, Json>) -> Json {
        let results =
            self.rows.iter().map(|row| json!({ "dimensions": row.names, "metrics": row.values }));
        let results: Vec<Json> = results.collect();
        let metrics: Vec<&str> = self.columns.iter().map(|column| &*column.word).collect();
        let dimensions: Vec<&str> = self.names.iter().map(|name| &*name.word).collect();
        query.insert("metrics".to_owned(), json!(metrics));
        query.insert("dimensions".to_owned(), json!(dimensions));
        if let Some(before) = self.compared_with {
            query.insert("compared_with".to_owned(), json!([before.first, before.last]));
        }
        json!({ "results": results, "query": query })
    }
}

/// Several as one table: a line for each number there is.
///
/// # Errors
/// The writer's.
pub(super) fn csv_of_all(sheets: &[Sheet]) -> Result<Vec<u8>, Invalid> {
    written(|lines| {
        lines.write_record(["card", "row", "metric", "value"])?;
        for sheet in sheets {
            let card = harmless(sheet.key.clone());
            for row in &sheet.rows {
                let name = harmless(row.names.join(JOINT));
                let told = sheet.columns.iter().zip(&row.values);
                for (column, value) in told.filter(|(_, value)| **value != Value::Unknown) {
                    lines.write_record([&*card, &*name, &*column.word, &*cell(*value)])?;
                }
            }
        }
        Ok(())
    })
}

fn cell(value: Value) -> String {
    match value {
        Value::Unknown => String::new(),
        Value::Count(n) => n.to_string(),
        Value::Ratio(n) => n.to_string(),
    }
}

fn written(
    write: impl FnOnce(&mut csv::Writer<Vec<u8>>) -> Result<(), csv::Error>,
) -> Result<Vec<u8>, Invalid> {
    let mut lines = csv::Writer::from_writer(Vec::new());
    let wrong = |e: &dyn std::error::Error| Invalid::new(e.to_string());
    write(&mut lines).map_err(|e| wrong(&e))?;
    lines.into_inner().map_err(|e| wrong(e.error()))
}
