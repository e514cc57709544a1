//! Signing in: the form, its answer, and how often one may try.

use super::{App, auth, dashboard};
use crate::clock::{MINUTE, Millis};
use axum::extract::{ConnectInfo, Form, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

const COOKIE: &str = "headcount_session";

/// Tries an address has in a minute.
const TRIES: u32 = 10;

/// Addresses remembered; beyond that nobody new may try until a minute has gone.
const ADDRESSES: usize = 10_000;

/// Passwords hashed at one time: each takes a core and 19 MiB.
const HASHING: usize = 2;

/// Who tried how often, and how many tries are being judged.
pub(super) struct Attempts {
    by_address: Mutex<HashMap<IpAddr, (Millis, u32)>>,
    hashing: Arc<Semaphore>,
}

impl Default for Attempts {
    fn default() -> Self {
        Self { by_address: Mutex::default(), hashing: Arc::new(Semaphore::new(HASHING)) }
    }
}

impl Attempts {
    fn may_try(&self, address: IpAddr, now: Millis) -> bool {
        let mut tries = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if tries.len() >= ADDRESSES {
            tries.retain(|_, (since, _)| now - *since < MINUTE);
        }
        if tries.len() >= ADDRESSES && !tries.contains_key(&address) {
            return false;
        }
        let (since, count) = tries.entry(address).or_insert((now, 0));
        if now - *since >= MINUTE {
            (*since, *count) = (now, 0);
        }
        *count += 1;
        *count <= TRIES
    }
}

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
    let now = app.admin.clock.now();
    if !app.attempts.may_try(peer.ip(), now) {
        let retry = [(header::RETRY_AFTER, "60")];
        let page = page(Some("Too many tries. Wait a minute."));
        return (StatusCode::TOO_MANY_REQUESTS, retry, page).into_response();
    }
    let permit = app.attempts.hashing.clone().acquire_owned().await;
    let judge = app.clone();
    let right = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        judge.admin.auth.password_is(&credentials.password)
    });
    if !right.await.unwrap_or(false) {
        return (StatusCode::UNAUTHORIZED, page(Some("That is not the password."))).into_response();
    }
    // Plain HTTP on loopback is common here; behind TLS the cookie stays there.
    let tls = headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    let cookie = format!(
        "{COOKIE}={}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{}",
        app.admin.auth.open_session(now),
        auth::SESSION / 1000,
        if tls { "; Secure" } else { "" },
    );
    ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response()
}

pub(super) async fn leave() -> Response {
    let cookie = format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    ([(header::SET_COOKIE, cookie)], Redirect::to("/login")).into_response()
}

/// The session in a `Cookie` header's value.
pub(super) fn session(cookies: &str) -> Option<&str> {
    cookies
        .split(';')
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find_map(|(name, value)| (name == COOKIE).then_some(value))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_run_out_and_come_back() {
        let attempts = Attempts::default();
        let address = |n: u32| IpAddr::from(n.to_be_bytes());
        assert!((0..TRIES).all(|_| attempts.may_try(address(1), 0)));
        assert!(!attempts.may_try(address(1), MINUTE - 1));
        assert!(attempts.may_try(address(2), MINUTE - 1));
        assert!(attempts.may_try(address(1), MINUTE));
    }

    #[test]
    fn many_addresses_do_not_fill_the_memory() {
        let attempts = Attempts::default();
        for n in 0..2 * ADDRESSES as u32 {
            attempts.may_try(IpAddr::from(n.to_be_bytes()), 0);
        }
        assert_eq!(attempts.by_address.lock().unwrap().len(), ADDRESSES);
        assert!(attempts.may_try(IpAddr::from([255, 0, 0, 1]), MINUTE));
        assert_eq!(attempts.by_address.lock().unwrap().len(), 1);
    }
}
