//! Invitations that become people, and what people change of themselves.

use super::body::Fields;
use super::caller::{Caller, Who};
use super::dashboard::{document, logo};
use super::error::Error;
use super::login::{entered, left, tried};
use super::params::{InPath, Params};
use super::reasons::why;
use super::sessions::Of;
use super::{App, passwords};
use crate::kept::{Access, Person};
use crate::language::Language;
use crate::report::{Invalid, Reason};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use std::net::SocketAddr;
use std::sync::Arc;

pub(super) async fn invited(
    State(app): State<Arc<App>>,
    say: Language,
    InPath(secret): InPath<String>,
) -> Response {
    let access = match app.access().await {
        Ok(access) => access,
        Err(e) => return Error::from(e).into_response(),
    };
    match access.invitation(&secret, app.admin.clock.now()) {
        Some(invitation) => welcome(say, &secret, &invitation.name, None).into_response(),
        None => Error::NoInvitation.into_response(),
    }
}

pub(super) async fn accept(
    State(app): State<Arc<App>>,
    say: Language,
    InPath(secret): InPath<String>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Fields(form): Fields,
) -> Response {
    let name = form.get("name").unwrap_or_default().to_owned();
    let password = form.get("password").unwrap_or_default().to_owned();
    let now = app.admin.clock.now();
    match app.access().await {
        Ok(access) if access.invitation(&secret, now).is_none() => {
            return Error::NoInvitation.into_response();
        }
        Ok(_) => {}
        Err(e) => return Error::from(e).into_response(),
    }
    let refused = |status: StatusCode, problem: Markup| -> Response {
        (status, welcome(say, &secret, &name, Some(&problem))).into_response()
    };
    if let Err(wrong) = passwords::check(&password) {
        return refused(StatusCode::BAD_REQUEST, why(say, &wrong));
    }
    // Hashing waits for its turn like any password that is tried.
    let hash = move || passwords::hash(&password).ok();
    let tried = match tried(&app, peer, &headers, None, hash).await {
        Ok(tried) => tried,
        Err(seconds) => {
            let line = say.with("invite-too-many", [("seconds", seconds.into())]);
            let page = refused(StatusCode::TOO_MANY_REQUESTS, html! { (line) });
            return ([(header::RETRY_AFTER, seconds)], page).into_response();
        }
    };
    let Some(hash) = tried.answer else { return Error::Lost.into_response() };
    let become_one = |access: &mut Access| -> Result<Person, Error> {
        Ok(access.accept(&secret, &name, hash.clone(), now)?)
    };
    match app.kept.change(None, become_one).await {
        Ok(person) => {
            app.attempts.refund(tried.origin);
            let of = Of::Person { id: person.id, epoch: person.epoch };
            entered(&app, &headers, of, tried.known, "/")
        }
        Err(Error::Question(wrong)) => refused(StatusCode::BAD_REQUEST, why(say, &wrong)),
        Err(e) => e.into_response(),
    }
}

fn welcome(say: Language, secret: &str, name: &str, problem: Option<&Markup>) -> Markup {
    document(
        say,
        &format!("{} · headcount", say.t("invite-page")),
        html! {
            main.login {
                form method="post" action={ "/invitation/" (secret) } {
                    (logo())
                    h1 { (say.t("invite-title")) }
                    @if let Some(problem) = problem { p.problem role="alert" { (problem) } }
                    label for="name" { (say.t("invite-name")) }
                    input #name name="name" value=(name) required maxlength="100" autocomplete="username";
                    label for="password" { (say.t("invite-password")) }
                    input #password type="password" name="password" required
                        minlength=(passwords::SHORTEST) maxlength="200" autocomplete="new-password";
                    button type="submit" { (say.t("login-title")) }
                }
            }
        },
    )
}

/// Who one is here, and what one may change of that.
pub(super) async fn show(caller: Caller) -> Response {
    page(&caller, None).into_response()
}

pub(super) async fn change(
    caller: Caller,
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Fields(form): Fields,
) -> Response {
    let say = caller.say();
    let refused = |status: StatusCode, problem: Markup| -> Response {
        (status, page(&caller, Some(&problem))).into_response()
    };
    let own = match &caller.granted().who {
        Who::Person { id, .. } => Some(*id),
        _ => None,
    };
    let hash = match (form.get("do").unwrap_or_default(), own) {
        ("sign-out", _) => Ok(None),
        ("password", Some(id)) => match chosen(&app, id, &form, peer, &headers).await {
            Ok(hash) => hash.map(Some),
            Err(seconds) => {
                let line = say.with("invite-too-many", [("seconds", seconds.into())]);
                return refused(StatusCode::TOO_MANY_REQUESTS, html! { (line) });
            }
        },
        _ => Err(Invalid::new("there is no such change").into()),
    };
    let changed = match hash {
        Ok(hash) => end_sessions(&caller, own, hash).await,
        Err(e) => Err(e),
    };
    match changed {
        Ok(()) => left(),
        Err(Error::Question(wrong)) => refused(StatusCode::BAD_REQUEST, why(say, &wrong)),
        Err(e) => e.into_response(),
    }
}

/// The hash of the password that a person has chosen, who has to know the one before: a browser may
/// have been left open.
///
/// # Errors
/// Too many have been tried: in how many seconds one more may.
async fn chosen(
    app: &Arc<App>,
    id: u64,
    form: &Params,
    peer: SocketAddr,
    headers: &HeaderMap,
) -> Result<Result<String, Error>, u64> {
    let [old, new] = ["old", "password"].map(|name| form.get(name).unwrap_or_default().to_owned());
    let known = match app.access().await {
        Ok(access) => access.person_by_id(id).map(|person| person.password.clone()),
        Err(e) => return Ok(Err(e.into())),
    };
    if let Err(why) = passwords::check(&new) {
        return Ok(Err(why.into()));
    }
    let judge = move || passwords::is(known.as_deref(), &old).then(|| passwords::hash(&new));
    let tried = tried(app, peer, headers, None, judge).await?;
    let Some(hash) = tried.answer else {
        let wrong = Invalid::new("this is not your password so far");
        return Ok(Err(wrong.because(Reason::OldPassword).into()));
    };
    app.attempts.refund(tried.origin);
    Ok(hash.map_err(Error::from))
}

/// Ends every session of theirs, on all nodes; `hash` is of the password that is good from then on.
async fn end_sessions(
    caller: &Caller,
    own: Option<u64>,
    hash: Option<String>,
) -> Result<(), Error> {
    let end = |access: &mut Access| -> Result<(), Error> {
        match own {
            Some(id) => {
                let person = access.person_mut(id)?;
                person.epoch += 1;
                if let Some(hash) = &hash {
                    person.password = hash.clone();
                }
            }
            None => access.epoch += 1,
        }
        Ok(())
    };
    caller.kept.change(None, end).await?;
    if own.is_none() {
        caller.admin.auth.sessions.close_of_file();
    }
    Ok(())
}

fn page(caller: &Caller, problem: Option<&Markup>) -> Markup {
    let say = caller.say();
    let name = match &caller.granted().who {
        Who::Person { name, .. } => Some(name),
        _ => None,
    };
    let body = html! {
        div.frame {
            header.top {
                div.who {
                    a.home href="/" aria-label="headcount" { (logo()) }
                    h1 { (say.t("shell-account")) }
                }
                div.who {
                    a.quiet href="/" { (say.t("shell-dashboard")) }
                    @if !caller.admin.auth.is_open() {
                        form.leave method="post" action="/logout" { button type="submit" { (say.t("shell-sign-out")) } }
                    }
                }
            }
            main.narrow {
                @if let Some(problem) = problem { p.problem.note role="alert" { (problem) } }
                section.card aria-labelledby="who-title" {
                    h2 #who-title { @match name { Some(name) => (name), None => (say.t("account-file")) } }
                    p.quiet {
                        @if caller.rights().everything { (say.t("account-everything")) }
                        @else if caller.rights().sites.is_empty() { (say.t("account-nothing")) }
                        @else {
                            @let sites = caller.rights().sites.keys().cloned().collect::<Vec<_>>().join(", ");
                            (say.with("account-sites", [("sites", sites.into())]))
                        }
                    }
                    form.fields method="post" {
                        input type="hidden" name="do" value="sign-out";
                        button.second type="submit" { (say.t("account-sign-out")) }
                    }
                }
                @if name.is_some() {
                    section.card aria-labelledby="password-title" {
                        h2 #password-title { (say.t("account-another")) }
                        p.quiet { (say.t("account-ends")) }
                        form.fields method="post" {
                            input type="hidden" name="do" value="password";
                            label { (say.t("account-old")) " " input type="password" name="old" required
                                maxlength="200" autocomplete="current-password"; }
                            label { (say.t("account-new")) " " input type="password" name="password" required
                                minlength=(passwords::SHORTEST) maxlength="200" autocomplete="new-password"; }
                            button type="submit" { (say.t("account-change")) }
                        }
                    }
                }
            }
        }
    };
    document(say, &format!("{} · headcount", say.t("shell-account")), body)
}
