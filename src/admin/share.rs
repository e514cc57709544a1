//! What is seen without a name: the pages of links and the public pages, each under an address of
//! its own. Nothing of them is remembered elsewhere: other addresses know no links.

use super::body::Fields;
use super::caller::{Caller, LinkKey, Refusal, Shown};
use super::dashboard::{self, document, logo};
use super::error::Error;
use super::guard::Framed;
use super::login::{self, cookie, is_behind_tls, sent};
use super::params::{InPath, Params};
use super::refusal::AsPage;
use super::sessions::{Of, SESSION};
use super::{App, passwords};
use crate::kept::Link;
use crate::language::Language;
use axum::extract::{ConnectInfo, FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::sync::Arc;

const LINK_COOKIE: &str = "headcount_link";

/// Which of the two kinds of address it is.
pub(super) trait Kind: Send + 'static {
    fn key(text: String) -> LinkKey;
}

pub(super) struct Shared;
pub(super) struct Public;

impl Kind for Shared {
    fn key(text: String) -> LinkKey {
        LinkKey::Shared(text)
    }
}

impl Kind for Public {
    fn key(text: String) -> LinkKey {
        LinkKey::Public(text)
    }
}

/// Who comes by a link.
pub(super) struct ByLink<K>(Caller, PhantomData<K>);

impl<K: Kind> FromRequestParts<Arc<App>> for ByLink<K> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        let key = InPath::<String>::from_request_parts(parts, app).await;
        let InPath(key) = key.map_err(IntoResponse::into_response)?;
        let shown = Shown::Link(K::key(key), sent(&parts.headers, LINK_COOKIE));
        let say = app.say(&parts.headers);
        let granted = app.judge(shown).await.map_err(|why| refused(say, why))?;
        Ok(Self(Caller::of(app.clone(), Arc::new(granted), say), PhantomData))
    }
}

/// A page that says why there is nothing to see.
fn refused(say: Language, why: Refusal) -> Response {
    match why {
        Refusal::Unknown => Error::NoLink.into_response(),
        Refusal::Locked(link) => {
            (StatusCode::UNAUTHORIZED, locked(say, &link, None)).into_response()
        }
        Refusal::Away(e) => Error::from(e).into_response(),
    }
}

pub(super) async fn show<K: Kind>(
    ByLink(caller, _): ByLink<K>,
    as_page: AsPage,
    params: Params,
) -> Response {
    let mut page = dashboard::show(caller.clone(), as_page, params.clone()).await;
    let origins = caller.link().map(|link| link.origins.clone()).unwrap_or_default();
    if params.get("embed") == Some("true") {
        page.extensions_mut().insert(Framed(origins));
    }
    page
}

pub(super) async fn csv<K: Kind>(ByLink(caller, _): ByLink<K>, params: Params) -> Response {
    dashboard::as_csv(caller, params).await
}

pub(super) async fn json<K: Kind>(ByLink(caller, _): ByLink<K>, params: Params) -> Response {
    dashboard::as_json(caller, params).await
}

/// Who is there now and what happens, of all of a site: not for those who may see a part of it.
pub(super) async fn live<K: Kind>(ByLink(caller, _): ByLink<K>) -> Response {
    if caller.limit().is_some() {
        return Error::NoRight.into_response();
    }
    let place = caller.place(None).map(|(place, _)| place);
    place.and_then(|place| caller.streamed(place)).unwrap_or_else(IntoResponse::into_response)
}

/// The password of a link.
pub(super) async fn enter<K: Kind>(
    State(app): State<Arc<App>>,
    InPath(key): InPath<String>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    say: Language,
    headers: HeaderMap,
    Fields(form): Fields,
) -> Response {
    let link = match app.judge(Shown::Link(K::key(key), None)).await {
        Err(Refusal::Locked(link)) => link,
        Ok(granted) => match &granted.who {
            super::caller::Who::Link(link) => return Redirect::to(&link.path()).into_response(),
            _ => return refused(say, Refusal::Unknown),
        },
        Err(why) => return refused(say, why),
    };
    let hash = link.password.clone();
    let password = form.get("password").unwrap_or_default().to_owned();
    let judge = move || passwords::is(hash.as_deref(), &password);
    match login::tried(&app, peer, &headers, None, judge).await {
        Err(seconds) => {
            let line = say.with("link-too-many", [("seconds", seconds.into())]);
            let retry = [(header::RETRY_AFTER, seconds)];
            (StatusCode::TOO_MANY_REQUESTS, retry, locked(say, &link, Some(&line))).into_response()
        }
        Ok(tried) if tried.answer => {
            app.attempts.refund(tried.origin);
            let of = Of::Link { id: link.id };
            let session = app.link_sessions.open(of, app.admin.clock.now());
            let cookie = cookie(LINK_COOKIE, session, SESSION).path(link.path());
            let cookie = cookie.secure(is_behind_tls(&headers)).to_string();
            ([(header::SET_COOKIE, cookie)], Redirect::to(&link.path())).into_response()
        }
        Ok(_) => {
            let line = say.t("link-wrong");
            (StatusCode::UNAUTHORIZED, locked(say, &link, Some(&line))).into_response()
        }
    }
}

fn locked(say: Language, link: &Link, problem: Option<&str>) -> Markup {
    document(
        say,
        "headcount",
        html! {
            main.login {
                form method="post" action=(link.path()) {
                    (logo())
                    h1 { (say.t("link-locked")) }
                    @if let Some(problem) = problem { p.problem role="alert" { (problem) } }
                    label for="password" { (say.t("login-password")) }
                    input #password type="password" name="password" required autocomplete="off" autofocus;
                    button type="submit" { (say.t("period-show")) }
                }
            }
        },
    )
}
