//! The dashboard: one page, rendered here, complete without JavaScript.
//!
//! Everything it can show has an address: period, filters, and which tab of a card is open are
//! query parameters, named as in the Stats API where it has them. The small module only fetches
//! the same page again and patches it in. Values come from whoever visits the site, attackers
//! included: maud escapes them, and links are made of our own paths only.
//!
//! A page first asks its questions, then all of them are answered together, then it is drawn. So
//! every part of it is about the same days and the same filters.

mod ai;
mod axis;
mod cards;
mod chart;
mod columns;
mod compare;
mod details;
mod evidence;
mod files;
mod filter_form;
mod filters;
mod goals;
mod heat;
pub(super) mod imported;
mod journeys;
mod keys;
pub(super) mod look;
mod map;
mod meant;
mod of_page;
mod overview;
mod page;
mod page_sheets;
mod realtime;
pub(super) mod segments;
mod sheet;
mod sites;
mod sources;
mod speed;
mod table;
mod tiles;
mod time;
mod topics;
mod values;
mod view;
mod words;

use super::caller::Caller;
use super::error::Error;
use super::params::Params;
use super::refusal::AsPage;
use super::{App, assets, theme};
use crate::language::Language;
use crate::model::site::Day;
use crate::report::scan::DayRows;
use crate::report::{Answers, Days, Invalid, QuerySet, Rows, Segments};
use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use look::Look;
use maud::{DOCTYPE, Markup, html};
use page::Page;
use std::sync::Arc;
pub(crate) use tiles::TOTALS;
pub(crate) use values::{country, label};
use view::View;
pub(crate) use words::Figures;

/// Seconds until a page that could not be shown asks again.
pub(super) const RETRY: &str = "5";

/// What a page is drawn from.
struct PageData<'d> {
    days: &'d Days,
    rows: &'d Rows,
    answers: Answers,
    /// Nobody has seen a page of the site yet.
    is_new: bool,
    imported: imported::Shown,
    /// The first day that was counted, if what is compared with begins before it.
    counted_since: Option<Day>,
}

impl<'d> PageData<'d> {
    /// The event rows of the days that are told.
    fn covered(&self) -> impl Iterator<Item = &'d DayRows> {
        let range = self.answers.range;
        self.rows.days.range(range.first..=range.last).map(|(_, rows)| &**rows)
    }
}

/// The page for people; for programs all that it has, as JSON.
pub(super) async fn show(app: Caller, AsPage(as_page): AsPage, params: Params) -> Response {
    let answer = match as_page {
        true => render(&app, &params).await.map(IntoResponse::into_response),
        false => taken(&app, &params, Format::Json).await.map(|(_, file)| file),
    };
    let mut answer = answer.unwrap_or_else(IntoResponse::into_response);
    answer.headers_mut().append(header::VARY, HeaderValue::from(header::ACCEPT));
    answer
}

/// While the store does not answer, the numbers that were read last, if all of them are known.
async fn render(app: &Caller, params: &Params) -> Result<Markup, Error> {
    match drawn(app, params).await {
        Err(Error::Store(away)) => {
            let before = drawn(&app.with_last(&away), params).await;
            before.map_err(|_| Error::Store(away))
        }
        drawn => drawn,
    }
}

async fn drawn(app: &Caller, params: &Params) -> Result<Markup, Error> {
    if is_of_sites(app, params) {
        return sites::list(app).await;
    }
    answered(app, params, Page::ask, |app, page, data, current| {
        page.draw(&app.admin, data, current)
    })
    .await
}

/// Whether it is the list of sites that is asked for.
fn is_of_sites(app: &Caller, params: &Params) -> bool {
    app.sites().count() != 1 && params.is_empty()
}

#[derive(Clone, Copy)]
enum Format {
    Csv,
    Json,
}

/// A card as a file, or all that a page has.
pub(super) async fn as_csv(app: Caller, params: Params) -> Response {
    file(&app, &params, Format::Csv).await
}

pub(super) async fn as_json(app: Caller, params: Params) -> Response {
    file(&app, &params, Format::Json).await
}

async fn file(app: &Caller, params: &Params, format: Format) -> Response {
    let named = |(name, file)| ([(header::CONTENT_DISPOSITION, name)], file).into_response();
    taken(app, params, format).await.map_or_else(IntoResponse::into_response, named)
}

/// The same with the name of the file. It is never what was read last: a file does not say so.
async fn taken(app: &Caller, params: &Params, format: Format) -> Result<(String, Response), Error> {
    let csv = |csv: Vec<u8>| {
        let kind = [(header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present")];
        (kind, csv).into_response()
    };
    if is_of_sites(app, params) {
        let (days, sheet, query) = sites::sheet(app).await?;
        let name = |format| files::disposition("sites", days, format);
        return Ok(match format {
            Format::Csv => (name("csv"), csv(sheet.csv()?)),
            Format::Json => (name("json"), Json(sheet.json(query)).into_response()),
        });
    }
    let make = move |_: &App, page: &Page, data: &PageData<'_>, _| -> Result<_, Invalid> {
        let taken = page.taken(data)?;
        Ok(match format {
            Format::Csv => (files::disposition_of(&page.view, "csv"), csv(taken.csv()?)),
            Format::Json => {
                let json = taken.json(&page.view, data);
                (files::disposition_of(&page.view, "json"), Json(json).into_response())
            }
        })
    };
    Ok(answered(app, params, Page::ask_for_file, make).await??)
}

/// What is made of a page once its questions have been answered.
async fn answered<T: Send + 'static>(
    app: &Caller,
    params: &Params,
    ask: impl FnOnce(View) -> Result<(Page, QuerySet), Invalid>,
    make: impl FnOnce(&App, &Page, &PageData<'_>, u64) -> T + Send + 'static,
) -> Result<T, Error> {
    let admin = &app.admin;
    let (index, site) = app.site(params).await?;
    let look = Look::of(app, &site, params).await?;
    let segments = match look.by_link {
        true => Arc::default(),
        false if app.is_from_last() => app.document::<Segments>(Some(&site.name)).await?,
        false => app.segments_to_choose_from(&site).await?,
    };
    let now = app.reader.last_time(&site.name).filter(|_| app.is_from_last());
    let view = View::read(&site, segments, look, params, now.unwrap_or(admin.clock.now()))?;
    let (mut page, questions) = ask(view)?;
    let wanted = page.view.takes_rows() || questions.requires_rows();
    let mut kinds = questions.takes_rows_of().into_iter().filter(|_| wanted);
    let of = kinds.next();
    let (days, rows) = app.read(&site, questions.ranges(), of).await?;
    // Of the last hours a page about robots tells of people, too.
    let others = match kinds.next() {
        Some(of) => Some((of, app.read(&site, questions.ranges(), Some(of)).await?.1)),
        None => None,
    };
    if let Some(away) = app.away() {
        page.view.now = app.reader.read_at(&site.name, questions.ranges()).unwrap_or(page.view.now);
        page.view.away = Some(away.to_owned());
    }
    let counted_since = match questions.range_before() {
        Some(before) => app.counted_since(&site, before, &days).await?,
        None => None,
    };
    let imported = imported::read(app, &site, &page.view, &days).await?;
    let has_imports = !matches!(imported, imported::Shown::Nothing);
    let may_be_new = page.view.is_all() && page.view.away.is_none() && !has_imports;
    let is_new = may_be_new && app.is_new(&site, &days).await?;
    let current = admin.live.current_visitors(index);
    let app = app.app().clone();
    tokio::task::spawn_blocking(move || {
        let all = of.map(|of| (of, &rows)).into_iter();
        let all: Vec<_> = all.chain(others.iter().map(|(of, rows)| (*of, rows))).collect();
        let answers = questions.answer(&days, &all);
        make(
            &app,
            &page,
            &PageData { days: &days, rows: &rows, answers, is_new, imported, counted_since },
            current,
        )
    })
    .await
    .map_err(|_| Error::Lost)
}

pub(super) fn document(say: Language, title: &str, body: Markup) -> Markup {
    document_that(say, title, false, body)
}

/// `waits`: without a script it is asked for again, since something else may be there soon.
fn document_that(say: Language, title: &str, waits: bool, body: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(say.as_str()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) }
                link rel="icon" href=(assets::path("icon.svg")) type="image/svg+xml";
                link rel="stylesheet" href=(assets::path("headcount.css"));
                link rel="stylesheet" href=(theme::STYLE);
                script type="module" src=(assets::path("dashboard.js")) {}
                @if waits { noscript { meta http-equiv="refresh" content=(RETRY); } }
            }
            body { (body) }
        }
    }
}

pub(super) fn logo() -> Markup {
    html! {
        span.logo { img src=(assets::path("icon.svg")) alt="" width="28" height="28"; "headcount" }
    }
}
