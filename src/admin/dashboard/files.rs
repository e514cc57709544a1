//! Cards as files: each alone, and all that a page has together.

use super::PageData;
use super::sheet::{Sheet, csv_of_all};
use super::view::View;
use crate::report::Invalid;
use maud::{Markup, html};
use serde_json::{Map, Value as Json, json};

/// What is taken away.
pub(super) enum Taken {
    Card(Sheet),
    All(Vec<Sheet>),
}

impl Taken {
    /// # Errors
    /// The writer's.
    pub fn csv(&self) -> Result<Vec<u8>, Invalid> {
        match self {
            Self::Card(sheet) => sheet.csv(),
            Self::All(sheets) => csv_of_all(sheets),
        }
    }

    /// In all of them each stands under its key as it does alone.
    pub fn json(&self, view: &View, data: &PageData<'_>) -> Json {
        let query = query(view, data);
        match self {
            Self::Card(sheet) => sheet.json(query),
            Self::All(sheets) => {
                let cards = sheets.iter().map(|of| (of.key.clone(), of.json(query.clone())));
                json!({ "cards": cards.collect::<Map<_, _>>(), "query": query })
            }
        }
    }
}

/// What it is about.
fn query(view: &View, data: &PageData<'_>) -> Map<String, Json> {
    let range = [data.answers.range.first, view.elapsed().last];
    let query = [
        ("site_id", json!(view.site.name)),
        ("date_range", json!(range)),
        ("filters", json!(view.filters())),
    ];
    query.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The name of a file: of a card, or of a topic.
pub(super) fn name(view: &View, format: &str) -> String {
    // Names of funnels are whatever somebody calls them.
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let of = view.get("details").unwrap_or(view.topic.as_str());
    let of: String = of.chars().map(|c| if is_plain(&c) { c } else { '-' }).collect();
    let range = view.elapsed();
    format!("attachment; filename=\"{of}_{}_{}.{format}\"", range.first, range.last)
}

/// Links to a card as files; `None`: to all that the page has.
pub(super) fn links(view: &View, card: Option<&str>, title: &str) -> Markup {
    html! {
        @for (format, name) in [("csv", "CSV"), ("json", "JSON")] {
            " " a href=(view.file(card, format)) download { (name) span.hidden { ": " (title) } }
        }
    }
}

/// Where a card is told in full that is not of one property.
pub(super) fn ends(view: &View, card: &str, title: &str) -> Markup {
    html! {
        div.ends {
            a.more href=(view.link(&[("details", Some(card))])) {
                (view.say().t("card-details")) span.hidden { ": " (title) }
            }
            p.take { (links(view, Some(card), title)) }
        }
    }
}
