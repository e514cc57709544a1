//! Signing in and out: the form and its answers.

use super::attempts::Origin;
use super::sessions::SESSION;
use super::{App, dashboard};
use crate::clock::{HOUR, Millis};
use crate::text;
use crate::visitor::address::{client_address, is_trusted, network};
use axum::extract::{ConnectInfo, Form, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use cookie::{Cookie, CookieBuilder, SameSite};
use maud::{Markup, html};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

const SESSION_COOKIE: &str = "headcount_session";

/// Tells a browser that has signed in before, so that nobody's guesses stand in its way.
const BROWSER_COOKIE: &str = "headcount_browser";

/// How long it does: a year.
const BROWSER_AGE: Millis = 365 * 24 * HOUR;

#[derive(serde::Deserialize)]
pub(super) struct Credentials {
    password: String,
}

pub(super) async fn show(State(app): State<Arc<App>>) -> Response {
    if app.admin.auth.has_password() {
        page(None).into_response()
    } else {
        Redirect::to("/").into_response()
    }
}

pub(super) async fn enter(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Form(credentials): Form<Credentials>,
) -> Response {
    let auth = &app.admin.auth;
    let known = sent(&headers, BROWSER_COOKIE).and_then(|mark| auth.marked(&mark));
    let origin = match known {
        Some(browser) => Origin::Browser(browser),
        None => {
            let trusted = app.admin.trusted.now();
            Origin::Network(network(client_address(peer.ip(), &headers, &trusted)))
        }
    };
    match app.attempts.turn(origin, app.admin.clock.now()) {
        Ok(wait) => tokio::time::sleep(Duration::from_millis(wait.unsigned_abs())).await,
        Err(wait) => return too_many(&app, peer, &headers, wait.unsigned_abs().div_ceil(1_000)),
    }
    let place = app.attempts.place(origin).await;
    let judge = app.clone();
    let right = tokio::task::spawn_blocking(move || {
        let _place = place;
        judge.admin.auth.password_is(&credentials.password)
    });
    if !right.await.unwrap_or(false) {
        return (StatusCode::UNAUTHORIZED, page(Some("That is not the password."))).into_response();
    }
    app.attempts.forgive(origin);
    // Plain HTTP on loopback is common here; behind TLS the cookies stay there.
    let tls = headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    let mark = auth.mark(known.unwrap_or_else(rand::random)).unwrap_or_default();
    let cookies = [
        cookie(SESSION_COOKIE, auth.sessions.open(app.admin.clock.now()), SESSION).path("/"),
        cookie(BROWSER_COOKIE, mark, BROWSER_AGE).path("/login").same_site(SameSite::Strict),
    ];
    let cookies = cookies.map(|cookie| (header::SET_COOKIE, cookie.secure(tls).to_string()));
    (AppendHeaders(cookies), Redirect::to("/")).into_response()
}

/// So many wait for their turn that one more is told when to come back.
fn too_many(app: &App, peer: SocketAddr, headers: &HeaderMap, seconds: u64) -> Response {
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
    let line = format!("Too many wrong passwords from your address. Try again in {seconds} s.");
    let retry = [(header::RETRY_AFTER, seconds)];
    (StatusCode::TOO_MANY_REQUESTS, retry, page(Some(&line))).into_response()
}

pub(super) async fn leave(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    if let Some(session) = session(&headers) {
        app.admin.auth.sessions.close(&session);
    }
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

fn page(problem: Option<&str>) -> Markup {
    dashboard::document(
        "Sign in",
        html! {
            main.login {
                form method="post" action="/login" {
                    (dashboard::logo())
                    h1 { "Sign in" }
                    @if let Some(problem) = problem {
                        p.problem role="alert" { (problem) }
                    }
                    label for="password" { "Password" }
                    input #password type="password" name="password" required
                        autocomplete="current-password" autofocus;
                    button type="submit" { "Sign in" }
                }
            }
        },
    )
}
