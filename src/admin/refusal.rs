//! Answers that say why there is nothing else: a page for people, JSON for programs.
//!
//! Apart from the handlers, which only say what is wrong. How it is told, whoever asks decides: a
//! browser names `text/html` among what it accepts, a program `application/json`. Who names neither
//! is told as fits the path; what lies under the API's is always a program's.

use super::App;
use super::dashboard::{RETRY, document, logo};
use super::error::Error;
use super::stats::Problem;
use crate::language::Language;
use crate::text;
use axum::Json;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use std::convert::Infallible;
use std::sync::Arc;

/// Put into an answer: why there is nothing else.
#[derive(Clone)]
struct Refusal(Error);

/// Paths that programs ask.
const OF_PROGRAMS: [&str; 5] = ["/api/", "/metrics", "/mcp", "/healthz", "/readyz"];

/// Paths that people ask.
const OF_PEOPLE: [&str; 8] = [
    "/settings/",
    "/account",
    "/share/",
    "/public/",
    "/invitation/",
    "/login",
    "/docs",
    "/segments/",
];

/// An answer with nothing but the reason, told once it is known to whom.
pub(super) fn refusal(error: Error) -> Response {
    let mut response = error.status().into_response();
    response.extensions_mut().insert(Refusal(error));
    response
}

/// Whether a page is asked for, and not something for programs.
pub(super) fn is_for_people(uri: &Uri, headers: &HeaderMap) -> bool {
    let path = uri.path();
    let is_of = |paths: &[&str]| paths.iter().any(|own| path.starts_with(own));
    let accepts = text::header(headers, header::ACCEPT).unwrap_or_default();
    !is_of(&OF_PROGRAMS)
        && (accepts.contains("text/html")
            || !accepts.contains("application/json") && (path == "/" || is_of(&OF_PEOPLE)))
}

/// Whether a page is asked for.
pub(super) struct AsPage(pub bool);

impl<S: Sync> FromRequestParts<S> for AsPage {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(is_for_people(&parts.uri, &parts.headers)))
    }
}

/// Tells it.
pub(super) async fn told(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let as_page = is_for_people(request.uri(), request.headers());
    let say = app.say(request.headers());
    let mut response = next.run(request).await;
    let refusal = response.extensions_mut().remove::<Refusal>();
    let Some(Refusal(error)) = refusal else { return response };
    let status = response.status();
    let away = status == StatusCode::SERVICE_UNAVAILABLE;
    let mut told = match as_page {
        true => (status, page(say, away, &error)).into_response(),
        false => (status, Json(Problem { error: error.line() })).into_response(),
    };
    let headers = told.headers_mut();
    headers.extend(response.headers().clone().into_iter().filter_map(|(name, value)| {
        let name = name.filter(|name| *name != header::CONTENT_LENGTH)?;
        Some((name, value))
    }));
    headers.append(header::VARY, HeaderValue::from(header::ACCEPT));
    if away {
        headers.entry(header::RETRY_AFTER).or_insert(HeaderValue::from_static(RETRY));
        // By a header, which needs no script.
        if as_page {
            headers.insert(header::REFRESH, HeaderValue::from_static(RETRY));
        }
    }
    told
}

/// A page that says why there is nothing else to see. Where that may pass, it asks again by itself.
fn page(say: Language, away: bool, error: &Error) -> Markup {
    let limit = html! { code { "limits.outbox" } };
    let title = say.t(error.heading());
    document(
        say,
        &format!("{title} · headcount"),
        html! {
            main.login {
                div.sheet role="alert" {
                    (logo())
                    h1 { (title) }
                    p #why { (error.said(say)) }
                    @if let Some(detail) = error.detail() { p { code #detail lang="en" { (detail) } } }
                    @if away {
                        p.quiet {
                            (say.markup("problem-waits", [("limit", limit), ("seconds", html! { (RETRY) })]))
                        }
                    }
                    p { a href="/" { (say.t("problem-back")) } }
                }
            }
        },
    )
}
