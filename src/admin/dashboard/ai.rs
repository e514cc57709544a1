//! What AI reads, who is behind it, and whom it sends.
//!
//! Of all of a site roll-ups tell it: makers by requests and visits, pages by reads. Of one maker,
//! or one page, event rows do, which know both at once; visits are people's, so they are a link
//! away there.

use super::columns::{AROUND, Piece, ROW};
use super::sheet::{Column, Line, Unit};
use super::values::cut;
use super::view::View;
use super::{PageData, files};
use crate::model::BotClass;
use crate::model::rollup::OTHER;
use crate::page_name::shown;
use crate::report::Metric;
use crate::report::scan::Asked;
use crate::report::{
    AiMaker, AiPage, AnsweredFrom, Condition, Invalid, Property, QuerySet, ai_makers, ai_pages,
    ai_reads, conditions,
};
use maud::{Markup, html};
use std::collections::BTreeSet;

/// Rows, at most.
const ROWS: usize = 50;

/// What the line that explains a card takes, in pixels.
const SAID: f64 = 26.0;

/// Classes of what reads for AI: to train, to answer.
pub(super) const TRAINING: &str = BotClass::AiTraining.as_str();
pub(super) const ASSISTANT: &str = BotClass::AiAssistant.as_str();

/// What AI did.
#[derive(Default)]
struct Told {
    makers: Vec<AiMaker>,
    pages: Vec<AiPage>,
    /// Requests of programs that stand under no name.
    unnamed: i64,
}

impl Told {
    fn of(view: &View, data: &PageData<'_>) -> Self {
        if view.is_of_rows() {
            return Self::by_rows(view, data);
        }
        let (makers, unnamed) = ai_makers(data.days, view.elapsed());
        Self { makers, pages: ai_pages(data.days, view.elapsed(), None), unnamed }
    }

    fn by_rows(view: &View, data: &PageData<'_>) -> Self {
        if !is_told(view) || !matches!(data.answers.source, AnsweredFrom::Rows(_)) {
            return Self::default();
        }
        let filter = data.answers.filter().cloned();
        let asked = Asked { filter, times: view.times, ..Asked::default() };
        let (makers, pages) = ai_reads(&view.site, data.covered(), &asked);
        Self { makers, pages, unnamed: 0 }
    }
}

/// Whether event rows can tell it, under what is filtered by.
fn is_told(view: &View) -> bool {
    let bots = Property::parse("bot:name").is_ok_and(|property| view.tells(&property));
    bots && view.look.limit.is_none()
}

/// What AI did, where it did anything: who it was, and which pages it was about.
pub(super) fn draw(view: &View, data: &PageData<'_>) -> Vec<Piece<'static>> {
    let (Told { makers, pages, unnamed }, with_visits) = (Told::of(view, data), !view.is_of_rows());
    let mut cards = Vec::new();
    if !makers.is_empty() {
        let drawn = of_makers(view, &makers, with_visits, unnamed);
        cards.push(piece("ai-makers", makers.len(), drawn));
    }
    if !pages.is_empty() {
        cards.push(piece("ai", pages.len(), of_pages(view, &pages, with_visits)));
    }
    cards
}

/// Asks for robots' rows, where these are to tell it. `false`: they cannot.
pub(super) fn ask(view: &View, questions: &mut QuerySet) -> Result<bool, Invalid> {
    if view.is_of_rows() && is_told(view) {
        questions.ask(Property::parse("bot:name")?, &[Metric::Pageviews]);
    }
    Ok(!view.is_of_rows() || is_told(view))
}

pub(super) fn columns_of_makers(view: &View) -> Vec<Column> {
    let (training, answers) = match view.is_of_rows() {
        true => ("ai-training", "ai-answers"),
        false => ("ai-requests-training", "ai-requests-answers"),
    };
    columns(view, [("training", training), ("assistant", answers)])
}

pub(super) fn columns_of_pages(view: &View) -> Vec<Column> {
    let read = [("training", "ai-training"), ("assistant", "ai-answers")];
    columns(view, read.into_iter().chain([("disallowed", "ai-disallowed")]))
}

/// With the visits that were sent, where these are told.
fn columns(
    view: &View,
    names: impl IntoIterator<Item = (&'static str, &'static str)>,
) -> Vec<Column> {
    let sent = (!view.is_of_rows()).then_some(("visits", "ai-sent"));
    let column = |(word, title)| Column::new(view.say(), word, title, Unit::Count);
    names.into_iter().chain(sent).map(column).collect()
}

pub(super) fn rows_of_makers(view: &View, data: &PageData<'_>) -> Vec<Line> {
    let columns = columns_of_makers(view).len();
    let line = |of: AiMaker| {
        let counts = [of.training, of.assistant, of.visits];
        Line::counts([of.name], &counts[..columns])
    };
    Told::of(view, data).makers.into_iter().map(line).collect()
}

pub(super) fn rows_of_pages(view: &View, data: &PageData<'_>) -> Vec<Line> {
    let columns = columns_of_pages(view).len();
    let line = |of: AiPage| {
        let counts = [of.training, of.assistant, of.disallowed, of.referral];
        Line::counts([of.page], &counts[..columns])
    };
    Told::of(view, data).pages.into_iter().map(line).collect()
}

fn piece(id: &str, rows: usize, markup: Markup) -> Piece<'static> {
    Piece::fixed(AROUND + SAID + rows.min(ROWS) as f64 * ROW, markup).called(id)
}

/// `with_visits`: requests and visits of all of a site; else pages that were read.
fn of_makers(view: &View, makers: &[AiMaker], with_visits: bool, unnamed: i64) -> Markup {
    let say = view.say();
    html! {
        section.card #ai-makers aria-labelledby="ai-makers-title" {
            header {
                h2 #ai-makers-title { (say.t("ai-makers")) }
                p.quiet { (say.t(if with_visits { "ai-makers-about" } else { "ai-reads-about" })) }
            }
            table {
                thead { tr {
                    th scope="col" { (say.t("ai-maker")) }
                    @if with_visits {
                        th scope="col" { (say.t("ai-requests-training")) }
                        th scope="col" { (say.t("ai-requests-answers")) }
                        th scope="col" { (say.t("ai-sent")) }
                    } @else {
                        th scope="col" { (say.t("ai-training")) }
                        th scope="col" { (say.t("ai-answers")) }
                    }
                } }
                tbody {
                    @for of in makers.iter().take(ROWS) {
                        tr {
                            th scope="row" {
                                @if of.bots.is_empty() {
                                    a href=(sent(view, of)) title=(of.name) { (of.name) }
                                } @else {
                                    @let programs = of.bots.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
                                    a href=(read_by(view, of)) title={ (of.name) ": " (programs) } { (of.name) }
                                }
                            }
                            td { (say.count(of.training)) }
                            td { (say.count(of.assistant)) }
                            @if with_visits {
                                td {
                                    @if of.visits > 0 {
                                        a href=(sent(view, of)) title=(say.with("ai-sent-by", [("name", (&*of.name).into())])) { (say.count(of.visits)) }
                                    } @else { (say.count(0)) }
                                }
                            }
                        }
                    }
                }
            }
            @if unnamed > 0 {
                p.quiet { (say.with("ai-unnamed", [("n", say.grouped(unnamed).into())])) }
            }
            (files::ends(view, "ai-makers", &say.t("ai-makers")))
        }
    }
}

fn of_pages(view: &View, pages: &[AiPage], with_visits: bool) -> Markup {
    let say = view.say();
    let read = |of: &AiPage, class, n: i64| {
        html! {
            td {
                // Of names without a row of their own nothing is known.
                @if n > 0 && of.page != OTHER && !view.is_of_rows() {
                    a href=(readers(view, &of.page, &[class])) title=(say.t("ai-readers")) { (say.count(n)) }
                } @else { (say.count(n)) }
            }
        }
    };
    html! {
        section.card #ai aria-labelledby="ai-title" {
            header {
                h2 #ai-title { (say.t(if with_visits { "ai-title" } else { "ai-read" })) }
            }
            table {
                thead { tr {
                    th scope="col" { (say.t("property-page")) }
                    th scope="col" { (say.t("ai-training")) }
                    th scope="col" { (say.t("ai-answers")) }
                    th scope="col" { (say.t("ai-disallowed")) }
                    @if with_visits { th scope="col" { (say.t("ai-sent")) } }
                } }
                tbody {
                    @for of in pages.iter().take(ROWS) {
                        tr {
                            // A filter by visits' pages would leave AI out.
                            th scope="row" {
                                a href=(view.own_view(&of.page)) title=(shown(&of.page)) { (cut(&shown(&of.page))) }
                            }
                            (read(of, TRAINING, of.training))
                            (read(of, ASSISTANT, of.assistant))
                            td { (say.count(of.disallowed)) }
                            @if with_visits { td { (say.count(of.referral)) } }
                        }
                    }
                }
            }
            (files::ends(view, "ai", &say.t("ai-title")))
        }
    }
}

/// What the programs of a maker ask for.
fn read_by(view: &View, of: &AiMaker) -> String {
    let filters = one_of("bot:name", &of.bots).map(|names| {
        let others = view.conditions.iter().filter(|c| c.property != names.property);
        conditions::write(others.chain([&names]))
    });
    view.link(&[("filters", filters.as_deref())])
}

/// The visits that a maker's assistants sent, and the pages on which they began.
fn sent(view: &View, of: &AiMaker) -> String {
    let filters = one_of("visit:source", &of.sources).map(|names| conditions::write([&names]));
    view.link(&[
        ("topic", None),
        ("filters", filters.as_deref()),
        ("pages", Some("visit:entry_page")),
        ("sources", Some("visit:source")),
    ])
}

/// Who reads a page for AI: which programs, and how often.
pub(super) fn readers(view: &View, page: &str, classes: &[&str]) -> String {
    let classes = classes.iter().map(|class| (*class).to_owned()).collect();
    let page = Property::parse("bot:page").ok().map(|of| Condition::exactly(of, page));
    let all: Vec<Condition> = page.into_iter().chain(one_of("bot:class", &classes)).collect();
    let filters = conditions::write(&all);
    let others = ["page", "segment", "heat", "screen"].map(|name| (name, None));
    let changes = [("topic", Some("bots")), ("filters", Some(&*filters))];
    view.link(&[&changes[..], &others[..]].concat())
}

/// A property has one of these values.
fn one_of(property: &str, values: &BTreeSet<String>) -> Option<Condition> {
    let of = Property::parse(property).ok()?;
    let mut all = values.iter().map(|value| Condition::exactly(of.clone(), value));
    let first = all.next()?;
    Some(all.fold(first, |mut joined, more| {
        joined.values.extend(more.values);
        joined
    }))
}
