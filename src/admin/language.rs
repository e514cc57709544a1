//! The language of pages: the one that somebody chose, kept in a cookie; else what their browser asks
//! for; else the setting. Handlers take it from the request as they take its headers.

use super::App;
use super::body::Fields;
use super::login::sent;
use super::theme::kept;
use crate::language::Language;
use crate::text;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use maud::{Markup, html};
use std::convert::Infallible;
use std::sync::Arc;

/// Where the form is sent to.
pub(super) const CHOOSE: &str = "/language";

const COOKIE: &str = "headcount_language";

/// What the language of a page depends on.
const VARY: HeaderValue = HeaderValue::from_static("accept-language, cookie");

impl App {
    /// The language in which to answer a request.
    pub(super) fn say(&self, headers: &HeaderMap) -> Language {
        let chosen = sent(headers, COOKIE).and_then(|word| Language::parse(&word));
        let asked = || Language::accepted(&text::header(headers, header::ACCEPT_LANGUAGE)?);
        chosen.or_else(asked).unwrap_or(self.admin.language)
    }
}

impl FromRequestParts<Arc<App>> for Language {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        Ok(app.say(&parts.headers))
    }
}

/// Keeps a choice, and shows the page again that it was made on.
pub(super) async fn choose(say: Language, headers: HeaderMap, Fields(form): Fields) -> Response {
    let chosen = form.get("language").and_then(Language::parse);
    kept(&headers, COOKIE, chosen.unwrap_or(say).as_str())
}

/// The form: a button for each language, each named in its own language.
pub(super) fn form(say: Language) -> Markup {
    html! {
        form.choice.language method="post" action=(CHOOSE) {
            fieldset {
                legend { (say.t("shell-language")) }
                @for language in Language::ALL {
                    button name="language" value=(language.as_str()) lang=(language.as_str())
                        aria-current=[(language == say).then_some("true")] { (language.name()) }
                }
            }
        }
    }
}

/// Adds the fields of the language to pages whose handler has not set it.
pub(super) async fn add_fields(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Response {
    let say = app.say(request.headers());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let kind = headers.get(header::CONTENT_TYPE);
    if kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
        && !headers.contains_key(header::CONTENT_LANGUAGE)
    {
        headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(say.as_str()));
        headers.append(header::VARY, VARY);
    }
    response
}
