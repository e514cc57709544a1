//! Light or dark, where somebody wants it otherwise than their system has it. Kept in a cookie, and
//! told to every page by a style sheet of one line, so that no page need know.

use super::body::Fields;
use super::login::{cookie, sent};
use crate::clock::{HOUR, Millis};
use crate::language::Language;
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

/// Of the style sheet, and where the form is sent to.
pub(super) const STYLE: &str = "/theme.css";
pub(super) const CHOOSE: &str = "/theme";

const COOKIE: &str = "headcount_theme";

/// How long it is kept: a year.
const AGE: Millis = 365 * 24 * HOUR;

/// As forms and the cookie say it, and the key of how people read it.
const THEMES: [(&str, &str); 3] =
    [("auto", "shell-theme-system"), ("light", "shell-theme-light"), ("dark", "shell-theme-dark")];

/// What a cookie says of it, else as the system has it; and which button of [`form`] stands for that.
pub(super) async fn style(headers: HeaderMap) -> Response {
    let kept = sent(&headers, COOKIE);
    let chosen = THEMES.iter().find(|(word, _)| kept.as_deref() == Some(word));
    let chosen = chosen.unwrap_or(&THEMES[0]).0;
    let mut style = format!(".theme [value={chosen}] {{ color: var(--accent); }}");
    if chosen != THEMES[0].0 {
        style += &format!("\n@media screen {{ :root {{ color-scheme: {chosen}; }} }}");
    }
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], style).into_response()
}

/// Keeps a choice, and shows the page again that it was made on.
pub(super) async fn choose(headers: HeaderMap, Fields(form): Fields) -> Response {
    let known = THEMES.iter().find(|(word, _)| form.get("theme") == Some(word));
    kept(&headers, COOKIE, known.unwrap_or(&THEMES[0]).0)
}

/// Has the browser keep what was chosen at the foot of a page, and shows that page again.
pub(super) fn kept(headers: &HeaderMap, cookie_name: &'static str, choice: &str) -> Response {
    let from = headers.get(header::REFERER).and_then(|from| from.to_str().ok());
    let from = from.and_then(|from| from.parse::<Uri>().ok());
    // Never more than the path: the field may name another website.
    let path = from.as_ref().and_then(|from| from.path_and_query()).map(|path| path.as_str());
    let path = path.filter(|path| path.starts_with('/') && !path.starts_with("//")).unwrap_or("/");
    let kept = cookie(cookie_name, choice.to_owned(), AGE).path("/");
    ([(header::SET_COOKIE, kept.to_string())], Redirect::to(path)).into_response()
}

/// The form: a button for each.
pub(super) fn form(say: Language) -> Markup {
    html! {
        form.choice.theme method="post" action=(CHOOSE) {
            fieldset {
                legend { (say.t("shell-colours")) }
                @for (word, name) in THEMES { button name="theme" value=(word) { (say.t(name)) } }
            }
        }
    }
}
