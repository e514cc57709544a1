//! Signing in and out: the form and its answers.

use super::attempts::Origin;
use super::body::Fields;
use super::params::{Params, address};
use super::sessions::{Of, SESSION};
use super::{App, dashboard, passwords};
use crate::clock::{HOUR, Millis};
use crate::language::Language;
use crate::text;
use crate::visitor::address::{client_address, is_trusted, network};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use cookie::{Cookie, CookieBuilder, SameSite};
use maud::{Markup, html};
use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

const SESSION_COOKIE: &str = "headcount_session";

/// Tells a browser that has signed in before, so that nobody's guesses stand in its way.
const BROWSER_COOKIE: &str = "headcount_browser";

/// Somebody who asked for a longer path gets the first page after signing in.
const LONGEST_PATH: usize = 4_000;

/// How long a browser keeps [`BROWSER_COOKIE`]: a year.
const BROWSER_AGE: Millis = 365 * 24 * HOUR;

/// What the form says above its fields.
#[derive(Default)]
struct Sheet<'s> {
    problem: Option<Cow<'static, str>>,
    name: &'s str,
    /// The page to show then, if it is not the first.
    next: Option<&'s str>,
    /// Whether people sign in by a name.
    named: bool,
    /// Whether the store, which knows the people, is away.
    away: bool,
}

pub(super) async fn show(State(app): State<Arc<App>>, say: Language, params: Params) -> Response {
    if !app.has_passwords().await {
        return Redirect::to("/").into_response();
    }
    let next = params.get("next").and_then(own_page);
    page(say, Sheet { next, ..app.sheet().await }).into_response()
}

/// Where somebody signs in who asked for a page, and gets it then.
pub(super) fn door(method: &Method, asked: &Uri) -> String {
    let asked = asked.path_and_query().map(|asked| asked.as_str());
    // What is sent is not sent again.
    match asked.filter(|_| method == Method::GET).and_then(own_page) {
        Some(next) => address("/login", [("next", next)]),
        None => "/login".to_owned(),
    }
}

/// The path of a page here, but for the first and the form itself. It may come from anybody: what a
/// browser could take for another website's address is none.
fn own_page(path: &str) -> Option<&str> {
    // Browsers read `\\` as `/`, and leave out control characters and blanks.
    let is_plain = |byte: u8| matches!(byte, 0x21..=0x7e) && byte != b'\\';
    let is_own = path.starts_with('/') && !path.starts_with("//") && path.bytes().all(is_plain);
    let is_form = path.starts_with("/login");
    (is_own && !is_form && path != "/" && path.len() <= LONGEST_PATH).then_some(path)
}

impl App {
    /// Whether there is a password that somebody can sign in with.
    pub(super) async fn has_passwords(&self) -> bool {
        self.admin.auth.has_password() || self.access().await.is_ok_and(|all| all.has_people())
    }

    async fn sheet(&self) -> Sheet<'static> {
        match self.access().await {
            Ok(access) => Sheet { named: access.has_people(), ..Sheet::default() },
            Err(_) => Sheet { named: true, away: true, ..Sheet::default() },
        }
    }
}

pub(super) async fn enter(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    say: Language,
    headers: HeaderMap,
    Fields(form): Fields,
) -> Response {
    // Without a name the password is the settings file's.
    let name = form.get("name").unwrap_or_default().trim().to_owned();
    let password = form.get("password").unwrap_or_default().to_owned();
    let next = form.get("next").and_then(own_page);
    let access = app.access().await;
    let person = match (name.is_empty(), &access) {
        (true, _) => None,
        (false, Ok(access)) => Some(access.person(&name).cloned()),
        (false, Err(_)) => {
            let problem = Some(say.t("login-no-people"));
            let sheet = Sheet { problem, name: &name, next, named: true, ..Sheet::default() };
            return (StatusCode::SERVICE_UNAVAILABLE, page(say, sheet)).into_response();
        }
    };
    let judge = {
        let (app, person) = (app.clone(), person.clone());
        move || match person {
            None => app.admin.auth.password_is(&password),
            Some(person) => {
                let hash = person.as_ref().map(|person| person.password.as_str());
                passwords::is(hash, &password)
            }
        }
    };
    let of = match &person {
        None => Some(Of::File { epoch: access.as_ref().ok().map(|access| access.epoch) }),
        Some(Some(person)) => Some(Of::Person { id: person.id, epoch: person.epoch }),
        Some(None) => None,
    };
    let named = person.is_some() || access.as_ref().is_ok_and(|all| all.has_people());
    let tried = match tried(&app, peer, &headers, of, judge).await {
        Ok(tried) => tried,
        Err(seconds) => {
            let problem = Some(say.with("login-too-many", [("seconds", seconds.into())]).into());
            let sheet = Sheet { problem, name: &name, next, named, ..Sheet::default() };
            let retry = [(header::RETRY_AFTER, seconds)];
            return (StatusCode::TOO_MANY_REQUESTS, retry, page(say, sheet)).into_response();
        }
    };
    let Some(of) = of.filter(|_| tried.answer) else {
        let problem = Some(say.t(if named { "login-wrong-name" } else { "login-wrong" }));
        let sheet = Sheet { problem, name: &name, next, named, ..Sheet::default() };
        return (StatusCode::UNAUTHORIZED, page(say, sheet)).into_response();
    };
    app.attempts.refund(tried.origin);
    entered(&app, &headers, of, tried.known, next.unwrap_or("/"))
}

/// A password that was looked at.
pub(super) struct Tried<T> {
    pub answer: T,
    pub origin: Origin,
    /// The browser, if whose password it is has signed in there before.
    pub known: Option<u64>,
}

/// Has `judge`, which hashes, look at a password once it is its turn. `of`: whose it would be.
///
/// # Errors
/// Too many wait already: in how many seconds one more may.
pub(super) async fn tried<T: Send + Default + 'static>(
    app: &Arc<App>,
    peer: SocketAddr,
    headers: &HeaderMap,
    of: Option<Of>,
    judge: impl FnOnce() -> T + Send + 'static,
) -> Result<Tried<T>, u64> {
    let auth = &app.admin.auth;
    let mark = sent(headers, BROWSER_COOKIE).zip(of);
    let known = mark.and_then(|(mark, of)| auth.marked(&mark, &of.whose()));
    let origin = match known {
        Some(browser) => Origin::Browser(browser),
        None => {
            let trusted = app.admin.trusted.now();
            Origin::Network(network(client_address(peer.ip(), headers, &trusted)))
        }
    };
    match app.attempts.turn(origin, app.admin.clock.now()) {
        Ok(wait) => tokio::time::sleep(Duration::from_millis(wait.unsigned_abs())).await,
        Err(wait) => {
            too_many(app, peer, headers);
            return Err(wait.unsigned_abs().div_ceil(1_000));
        }
    }
    let place = app.attempts.place(origin).await;
    let judged = tokio::task::spawn_blocking(move || {
        let _place = place;
        judge()
    });
    Ok(Tried { answer: judged.await.unwrap_or_default(), origin, known })
}

/// Signs somebody in, and shows a page of ours.
pub(super) fn entered(
    app: &App,
    headers: &HeaderMap,
    of: Of,
    known: Option<u64>,
    next: &str,
) -> Response {
    let auth = &app.admin.auth;
    let tls = is_behind_tls(headers);
    let (whose, session) = (of.whose(), auth.sessions.open(of, app.admin.clock.now()));
    let session = cookie(SESSION_COOKIE, session, SESSION).path("/");
    let mark = auth.mark(known.unwrap_or_else(rand::random), &whose);
    let mark = mark.map(|mark| {
        cookie(BROWSER_COOKIE, mark, BROWSER_AGE).path("/login").same_site(SameSite::Strict)
    });
    let cookies = std::iter::once(session).chain(mark);
    let cookies = cookies.map(|cookie| (header::SET_COOKIE, cookie.secure(tls).to_string()));
    (AppendHeaders(cookies), Redirect::to(next)).into_response()
}

/// Plain HTTP on loopback is common here; behind TLS the cookies stay there.
pub(super) fn is_behind_tls(headers: &HeaderMap) -> bool {
    headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https")
}

/// So many wait for their turn that one more is told when to come back.
fn too_many(app: &App, peer: SocketAddr, headers: &HeaderMap) {
    let proxied = ["x-forwarded-for", "forwarded"].iter().any(|name| headers.contains_key(*name));
    if proxied && !is_trusted(peer.ip(), &app.admin.trusted.now()) {
        // Without its address: who sends such a field need not be a proxy.
        app.attempts.warn_once(|| {
            tracing::warn!(
                "too many wrong passwords through a proxy that `trusted_proxies` does not name: \
                 all who come through it share one limit"
            );
        });
    }
}

pub(super) async fn leave(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    if let Some(session) = session(&headers) {
        app.admin.auth.sessions.close(&session);
    }
    left()
}

/// The form, for somebody whose session has ended.
pub(super) fn left() -> Response {
    let cookie = Cookie::build(SESSION_COOKIE).path("/").removal().to_string();
    ([(header::SET_COOKIE, cookie)], Redirect::to("/login")).into_response()
}

/// The session that a request belongs to.
pub(super) fn session(headers: &HeaderMap) -> Option<String> {
    sent(headers, SESSION_COOKIE)
}

/// The value of a cookie that the browser sent. Those of others need not be ASCII.
pub(super) fn sent(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter();
    let mut cookies =
        all.flat_map(|value| Cookie::split_parse(text::lenient(value.as_bytes()))).flatten();
    cookies.find(|cookie| cookie.name() == name).map(|cookie| cookie.value().to_owned())
}

/// A cookie that no script reads.
pub(super) fn cookie(name: &'static str, value: String, age: Millis) -> CookieBuilder<'static> {
    let age = cookie::time::Duration::milliseconds(age);
    Cookie::build((name, value)).max_age(age).http_only(true).same_site(SameSite::Lax)
}

fn page(say: Language, sheet: Sheet<'_>) -> Markup {
    dashboard::document(
        say,
        &say.t("login-title"),
        html! {
            main.login {
                form method="post" action="/login" {
                    (dashboard::logo())
                    @if let Some(next) = sheet.next { input type="hidden" name="next" value=(next); }
                    h1 { (say.t("login-title")) }
                    @if let Some(problem) = sheet.problem {
                        p.problem role="alert" { (problem) }
                    }
                    @if sheet.away {
                        p.quiet { (say.t("login-away")) }
                    }
                    @if sheet.named {
                        label for="name" { (say.t("login-name")) }
                        input #name name="name" value=(sheet.name) autocomplete="username" autofocus
                            aria-describedby="name-help";
                        p.quiet #name-help { (say.t("login-name-help")) }
                    }
                    label for="password" { (say.t("login-password")) }
                    input #password type="password" name="password" required
                        autocomplete="current-password" autofocus[!sheet.named];
                    button type="submit" { (say.t("login-title")) }
                }
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_this_port_are_led_to() {
        for own in ["/?period=7d", "/settings/goals?site_id=a", "/?page=%2F%2Fa", "/a//b", "/."] {
            assert_eq!(own_page(own), Some(own));
        }
        let long = format!("/{}", "a".repeat(LONGEST_PATH));
        for other in [
            "",
            "/",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "\t//evil.example",
            " //evil.example",
            "/\n/evil.example",
            "/a\r\nset-cookie: b=c",
            "https://evil.example",
            "https:evil.example",
            "javascript:alert(1)",
            "evil.example",
            "/é",
            "/login",
            "/login?next=/login",
            &long,
        ] {
            assert_eq!(own_page(other), None, "{other:?}");
        }
    }
}
