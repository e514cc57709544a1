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
mod compare;
mod details;
mod evidence;
mod filters;
mod goals;
mod heat;
mod journeys;
mod keys;
pub(super) mod look;
mod map;
mod of_page;
mod overview;
mod page;
mod realtime;
pub(super) mod segments;
mod sites;
mod speed;
mod table;
mod tiles;
mod time;
mod topics;
mod values;
mod view;
mod words;

use super::caller::Caller;
use super::params::Params;
use super::{App, assets, stats, theme};
use crate::language::Language;
use crate::report::scan::DayRows;
use crate::report::{Answers, Days, Invalid, Rows};
use axum::Json;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};

use look::Look;
use maud::{DOCTYPE, Markup, html};
use page::Page;
use std::sync::Arc;
pub(crate) use tiles::TOTALS;
pub(crate) use values::{country, label};
use view::View;

/// Seconds until a page that could not be shown asks again.
const RETRY: &str = "5";

/// What a page is drawn from.
struct PageData<'d> {
    days: &'d Days,
    rows: &'d Rows,
    answers: Answers,
}

impl<'d> PageData<'d> {
    /// The event rows of the days that are told.
    fn covered(&self) -> impl Iterator<Item = &'d DayRows> {
        let range = self.answers.range;
        self.rows.days.range(range.first..=range.last).map(|(_, rows)| &**rows)
    }
}

pub(super) async fn show(app: Caller, params: Params) -> Response {
    match render(&app, &params).await {
        Ok(page) => page.into_response(),
        Err(e) => problem(app.say(), e.status(), &e.line()),
    }
}

pub(super) async fn render(app: &Caller, params: &Params) -> Result<Markup, stats::Error> {
    if app.sites().count() != 1 && params.is_empty() {
        return sites::list(app).await;
    }
    answered(app, params, |app, page, data, current| page.draw(&app.admin, data, current)).await
}

/// The rows of a card as a file.
pub(super) async fn rows_as_csv(app: Caller, params: Params) -> Response {
    let file = answered(&app, &params, |_, page, data, _| -> Result<Response, Invalid> {
        let csv = page.rows_as_csv(data)?;
        let kind = (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present");
        let name = (header::CONTENT_DISPOSITION, page.file_name("csv"));
        Ok(([kind], [name], csv).into_response())
    });
    file.await.and_then(|file| Ok(file?)).unwrap_or_else(IntoResponse::into_response)
}

pub(super) async fn rows_as_json(app: Caller, params: Params) -> Response {
    let file = answered(&app, &params, |_, page, data, _| -> Result<Response, Invalid> {
        let name = (header::CONTENT_DISPOSITION, page.file_name("json"));
        Ok(([name], Json(page.rows_as_json(data)?)).into_response())
    });
    file.await.and_then(|file| Ok(file?)).unwrap_or_else(IntoResponse::into_response)
}

/// What is made of a page once its questions have been answered.
async fn answered<T: Send + 'static>(
    app: &Caller,
    params: &Params,
    make: impl FnOnce(&App, &Page, &PageData<'_>, u64) -> T + Send + 'static,
) -> Result<T, stats::Error> {
    let admin = &app.admin;
    let (index, site) = app.site(params).await?;
    let look = Look::of(app, &site).await?;
    let segments = match look.by_link {
        true => Arc::default(),
        false => app.segments_to_choose_from(&site).await?,
    };
    let view = View::read(&site, segments, look, params, admin.clock.now())?;
    let (page, questions) = Page::ask(view)?;
    let wanted = page.view.takes_rows() || questions.asks_for_rows();
    let of = questions.takes_rows_of().filter(|_| wanted);
    let (days, rows) = app.read(&site, questions.ranges(), of).await?;
    let current = admin.live.current_visitors(index);
    let app = app.app().clone();
    tokio::task::spawn_blocking(move || {
        let answers = questions.answer(&days, of.map(|_| &rows));
        make(&app, &page, &PageData { days: &days, rows: &rows, answers }, current)
    })
    .await
    .map_err(|_| stats::Error::Lost)
}

/// A page that says why there is nothing else to see. Where that may pass, it asks again by itself.
/// The line is as the API says it, in English.
pub(super) fn problem(say: Language, status: StatusCode, line: &str) -> Response {
    let line = html! { p #why lang=[lang_of_api(say)] { (line) } };
    problem_page(say, status, line)
}

/// The language of a line of the API's, where its page is in another.
pub(super) fn lang_of_api(say: Language) -> Option<&'static str> {
    (say != Language::English).then_some(Language::English.as_str())
}

/// The same with a line in the language of the page.
pub(super) fn problem_said(say: Language, status: StatusCode, line: &str) -> Response {
    problem_page(say, status, html! { p #why { (line) } })
}

fn problem_page(say: Language, status: StatusCode, line: Markup) -> Response {
    let away = status == StatusCode::SERVICE_UNAVAILABLE;
    let limit = html! { code { "limits.outbox" } };
    let page = document(
        say,
        "headcount",
        html! {
            main.login {
                div.sheet role="alert" {
                    (logo())
                    h1 {
                        @if away { (say.t("problem-away")) }
                        @else if status == StatusCode::FORBIDDEN { (say.t("problem-forbidden")) }
                        @else { (say.t("problem-other")) }
                    }
                    (line)
                    @if away {
                        p.quiet {
                            (say.markup("problem-waits", [("limit", limit), ("seconds", html! { (RETRY) })]))
                        }
                    }
                    p { a href="/" { (say.t("problem-back")) } }
                }
            }
        },
    );
    // By a header, which needs no script.
    let again = [("refresh", RETRY), ("retry-after", RETRY)]
        .map(|(name, value)| (HeaderName::from_static(name), value));
    if away { (status, again, page).into_response() } else { (status, page).into_response() }
}

pub(super) fn document(say: Language, title: &str, body: Markup) -> Markup {
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
