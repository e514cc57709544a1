//! Why there is no answer: its status, a line for programs, and what a page says in its language.

use super::body::LONGEST;
use super::reasons::{untold, why};
use super::refusal::refusal;
use crate::kept::{self, Lost};
use crate::language::Language;
use crate::report::Invalid;
use crate::store::StoreError;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

#[derive(Debug, Clone)]
pub(super) enum Error {
    Question(Invalid),
    /// The request's body.
    TooLong,
    NoSiteId,
    UnknownSite(String),
    /// The path names it.
    NoSuchSite(String),
    NoSuchSegment(String),
    /// There is no such page.
    NotFound,
    WrongMethod,
    /// No link has this key, and no site this public page.
    NoLink,
    NoInvitation,
    /// Nothing was shown that is good, where programs come with tokens.
    SignedOut,
    /// They may see the site, but not change what is kept of it, or not in this way.
    NoRight,
    /// A page of another website sent it.
    Elsewhere,
    /// The port has no credentials, and was asked under a name that may be another website's.
    NotLocal,
    Store(StoreError),
    Kept(Lost),
    /// As many as may be are under way.
    Busy(String),
    /// The sums panicked, or the process ends.
    Lost,
}

impl From<Invalid> for Error {
    fn from(e: Invalid) -> Self {
        Self::Question(e)
    }
}

impl From<StoreError> for Error {
    fn from(e: StoreError) -> Self {
        Self::Store(e)
    }
}

impl From<kept::Error> for Error {
    fn from(e: kept::Error) -> Self {
        match e {
            kept::Error::Store(e) => Self::Store(e),
            kept::Error::Invalid(e) => Self::Question(e),
            kept::Error::Lost(lost) => Self::Kept(lost),
        }
    }
}

impl Error {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Question(_) | Self::NoSiteId => StatusCode::BAD_REQUEST,
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            // As Plausible has it: a site one may not see and one that is not there look alike.
            Self::UnknownSite(_) | Self::SignedOut => StatusCode::UNAUTHORIZED,
            Self::NoSuchSite(_) | Self::NoSuchSegment(_) | Self::NotFound => StatusCode::NOT_FOUND,
            Self::NoLink | Self::NoInvitation => StatusCode::NOT_FOUND,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::Store(_) | Self::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::NoRight | Self::Elsewhere | Self::NotLocal => StatusCode::FORBIDDEN,
            Self::Lost | Self::Kept(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// As programs read it.
    pub(super) fn line(&self) -> String {
        match self {
            Self::Question(e) => e.to_string(),
            Self::TooLong => format!("the body is longer than {LONGEST} bytes"),
            Self::NoSiteId => "`site_id` is missing: there is more than one site".into(),
            Self::UnknownSite(name) | Self::NoSuchSite(name) => {
                format!("unknown site_id `{}`", name.escape_debug())
            }
            Self::NoSuchSegment(id) => format!("there is no segment `{}`", id.escape_debug()),
            Self::NotFound => "there is nothing here".into(),
            Self::WrongMethod => "this is asked with another method".into(),
            Self::NoLink => "there is no such link, or not any more".into(),
            Self::NoInvitation => {
                "this invitation is not good: it was used, withdrawn, or is older than seven days"
                    .into()
            }
            Self::SignedOut => "a valid token is needed: send `Authorization: Bearer TOKEN`".into(),
            Self::NoRight => "your rights do not reach so far; an owner can give you more".into(),
            Self::Elsewhere => "this request comes from a page of another website".into(),
            Self::NotLocal => "This port has no credentials, so it answers only to localhost, \
                               127.0.0.0/8 and [::1]. Set a password or a token to use another \
                               name."
                .into(),
            Self::Store(e) => e.to_string(),
            Self::Kept(lost) => lost.to_string(),
            Self::Busy(line) => line.clone(),
            Self::Lost => "this answer was lost; ask again".into(),
        }
    }

    /// What it says itself, for programs: more than a page says in its language.
    pub(super) fn detail(&self) -> Option<String> {
        matches!(self, Self::Store(_)).then(|| self.line())
    }

    /// As a page says it.
    pub(super) fn said(&self, say: Language) -> Markup {
        let code = |text: &str| html! { code { (text) } };
        let key = match self {
            Self::Question(e) => return why(say, e),
            Self::UnknownSite(name) | Self::NoSuchSite(name) => {
                return say.markup("problem-no-such-site", [("site", code(name))]);
            }
            Self::NotLocal => {
                let hosts = ["localhost", "127.0.0.0/8", "[::1]"].map(code);
                let [name, network, address] = hosts;
                let hosts = [("name", name), ("network", network), ("address", address)];
                return say.markup("problem-not-local", hosts);
            }
            Self::SignedOut => {
                let header = code("Authorization: Bearer TOKEN");
                return say.markup("problem-token", [("header", header)]);
            }
            Self::Store(_) => "problem-store",
            Self::TooLong | Self::Busy(_) | Self::Kept(Lost::Unwritable) => {
                return untold(say, &self.line());
            }
            Self::NoSiteId => "problem-no-site",
            Self::NoSuchSegment(_) => "problem-no-segment",
            Self::NotFound => "problem-no-page",
            Self::WrongMethod => "problem-method",
            Self::NoLink => "link-unknown",
            Self::NoInvitation => "invite-not-good",
            Self::NoRight => "problem-no-right",
            Self::Elsewhere => "problem-elsewhere",
            Self::Kept(Lost::Full) => "problem-full",
            Self::Kept(Lost::Overtaken) => "problem-overtaken",
            Self::Kept(Lost::Unreadable) => "problem-unreadable",
            Self::Lost => "problem-lost",
        };
        html! { (say.t(key)) }
    }

    /// The key of the heading of its page.
    pub(super) fn heading(&self) -> &'static str {
        match self.status() {
            _ if matches!(self, Self::SignedOut) => "problem-signed-out",
            StatusCode::SERVICE_UNAVAILABLE => "problem-away",
            StatusCode::FORBIDDEN => "problem-forbidden",
            StatusCode::NOT_FOUND => "problem-not-found",
            _ => "problem-other",
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        refusal(self)
    }
}
