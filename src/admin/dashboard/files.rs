//! Downloads as CSV and JSON: of one card, or of all cards of a page.

use super::PageData;
use super::sheet::{Sheet, csv_of_all};
use super::view::View;
use crate::report::{Invalid, Range};
use maud::{Markup, html};
use serde_json::{Map, Value as Json, json};

/// What is downloaded.
pub(super) enum Download {
    Card(Sheet),
    All(Vec<Sheet>),
}

impl Download {
    /// # Errors
    /// If the table cannot be written.
    pub fn csv(&self) -> Result<Vec<u8>, Invalid> {
        match self {
            Self::Card(sheet) => sheet.csv(),
            Self::All(sheets) => csv_of_all(sheets),
        }
    }

    /// Of all, each card is what it is alone, under its key.
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

/// The question that the file answers: site, days and filters.
fn query(view: &View, data: &PageData<'_>) -> Map<String, Json> {
    let range = [data.answers.range.first, view.elapsed().last];
    let query = [
        ("site_id", json!(view.site.name)),
        ("date_range", json!(range)),
        ("filters", json!(view.filters())),
    ];
    query.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The `Content-Disposition` of a file that a page gives, which is named after its card, or else the
/// topic.
pub(super) fn disposition_of(view: &View, format: &str) -> String {
    // Names of funnels are whatever somebody calls them.
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let of = view.get("details").unwrap_or(view.topic.as_str());
    let of: String = of.chars().map(|c| if is_plain(&c) { c } else { '-' }).collect();
    disposition(&of, view.elapsed(), format)
}

/// The `Content-Disposition` of a file about these days.
pub(super) fn disposition(of: &str, days: Range, format: &str) -> String {
    format!("attachment; filename=\"{of}_{}_{}.{format}\"", days.first, days.last)
}

/// Links to a card as files; `None`: to all that the page has.
pub(super) fn links(view: &View, card: Option<&str>, title: &str) -> Markup {
    html! {
        @for (format, name) in [("csv", "CSV"), ("json", "JSON")] {
            " " a href=(view.file(card, format)) download { (name) span.hidden { ": " (title) } }
        }
    }
}

/// The foot of a card without a property: links to its details and its files.
pub(super) fn ends(view: &View, card: &str, title: &str) -> Markup {
    let details = html! {
        a.more href=(view.link(&[("details", Some(card))])) {
            (view.say().t("card-details")) span.hidden { ": " (title) }
        }
    };
    foot(view, &details, card, title)
}

/// The same with a link to its details of its own.
pub(super) fn foot(view: &View, details: &Markup, card: &str, title: &str) -> Markup {
    html! { div.ends { (details) p.take { (links(view, Some(card), title)) } } }
}
