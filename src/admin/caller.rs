//! Who asks, and what they may see.
//!
//! Handlers get a [`Caller`], and reach a site only through it: what a caller may not see looks
//! like what is not there. What a route needs beyond that, [`super::routes`] says.

use super::error::Error;
use super::params::Params;
use super::sessions::Of;
use super::{App, login};
use crate::clock::Millis;
use crate::kept::{self, Access, Document, Kind, Link, Rights, Role, Scope, SiteSettings};
use crate::language::Language;
use crate::model::site::{Day, Site};
use crate::report::{Days, Range, Segment, Segments};
use crate::store::StoreError;
use crate::text;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::Arc;

/// Who asks. It derefs to what handlers share.
#[derive(Clone)]
pub(super) struct Caller {
    app: Arc<App>,
    granted: Arc<Granted>,
    /// The language they read.
    say: Language,
    /// The store's error, if it does not answer and what was read last is shown.
    away: Option<Arc<str>>,
}

/// What a request brought to be let in.
#[derive(Clone)]
pub(super) enum Shown {
    Nothing,
    /// The value of an `Authorization` header.
    Authorization(String),
    /// A session's name.
    Session(String),
    /// A link, and the name of the session that its password opened.
    Link(LinkKey, Option<String>),
}

/// How a link is asked for.
#[derive(Clone)]
pub(super) enum LinkKey {
    Shared(String),
    /// The public page of a site.
    Public(String),
}

/// Who is let in, and with what rights.
pub(super) struct Granted {
    shown: Shown,
    pub who: Who,
    pub rights: Rights,
    /// `None`: whatever the rights allow.
    scopes: Option<BTreeSet<Scope>>,
    /// Of a link: the segment that it is limited to.
    limit: Option<Segment>,
}

#[derive(Clone)]
pub(super) enum Who {
    /// Nobody is asked for a name: the port has no credentials.
    Anyone,
    /// Who has the settings file's password, or one of its tokens.
    File,
    Person {
        id: u64,
        name: String,
    },
    Token,
    Link(Arc<Link>),
}

/// Why nobody is let in.
pub(super) enum Refusal {
    /// Nothing that was shown is good.
    Unknown,
    /// A link that wants its password.
    Locked(Arc<Link>),
    /// Whether it is good only the store knows, which does not answer.
    Away(kept::Error),
}

impl Shown {
    /// What a request brings, but for links, whose address says so.
    fn all_of(headers: &HeaderMap) -> [Self; 2] {
        [
            text::header(headers, header::AUTHORIZATION)
                .map_or(Self::Nothing, |value| Self::Authorization(value.into_owned())),
            login::session(headers).map_or(Self::Nothing, Self::Session),
        ]
    }
}

impl Granted {
    fn everything(shown: Shown, who: Who) -> Self {
        Self { shown, who, rights: Rights::all(), scopes: None, limit: None }
    }

    pub(super) fn has(&self, scope: Scope) -> bool {
        self.scopes.as_ref().is_none_or(|scopes| scopes.contains(&scope))
    }

    /// Somebody whose page it may be to change settings: no program with a token of the store, and
    /// no link.
    pub(super) fn is_somebody(&self) -> bool {
        matches!(self.who, Who::Anyone | Who::File | Who::Person { .. })
    }
}

/// Judges a request by its credentials.
pub(super) async fn grant(app: &App, headers: &HeaderMap) -> Result<Granted, Refusal> {
    let mut why = Refusal::Unknown;
    for shown in Shown::all_of(headers) {
        match app.judge(shown).await {
            Ok(granted) => return Ok(granted),
            Err(Refusal::Unknown) => {}
            Err(other) => why = other,
        }
    }
    Err(why)
}

impl App {
    pub(super) async fn judge(&self, shown: Shown) -> Result<Granted, Refusal> {
        let auth = &self.admin.auth;
        match &shown {
            Shown::Link(key, session) => {
                let (key, session) = (key.clone(), session.clone());
                return self.judge_link(shown, &key, session.as_deref()).await;
            }
            _ if auth.is_open() => return Ok(Granted::everything(shown, Who::Anyone)),
            Shown::Nothing => {}
            Shown::Authorization(value) if auth.token_is_valid(value) => {
                return Ok(Granted::everything(shown, Who::File));
            }
            Shown::Authorization(value) => {
                let Some(token) = bearer(value) else { return Err(Refusal::Unknown) };
                let access = self.access().await.map_err(Refusal::Away)?;
                let token = access.token(token).ok_or(Refusal::Unknown)?;
                self.used(token.id, token.used);
                let role = |site: &Site| {
                    let sites = token.sites.as_ref();
                    let is_in = sites.is_none_or(|sites| sites.contains(&*site.name));
                    is_in.then(|| (site.name.to_string(), Role::Viewer))
                };
                let sites = self.admin.sites.iter().filter_map(role).collect();
                // The process is of nobody's site: its metrics are told to those who see all.
                let everything = Rights { everything: token.sites.is_none(), sites };
                return Ok(Granted {
                    who: Who::Token,
                    rights: everything,
                    scopes: Some(token.scopes.clone()),
                    limit: None,
                    shown,
                });
            }
            Shown::Session(name) => {
                let now = self.admin.clock.now();
                match auth.sessions.of(name, now) {
                    None => {}
                    Some(Of::File { epoch }) => {
                        // While the store is away the password of the file is good all the same.
                        let known = match self.access().await {
                            Ok(access) => Some(access.epoch),
                            Err(_) => self.kept.last::<Access>(None).map(|access| access.epoch),
                        };
                        match (epoch, known) {
                            (Some(epoch), Some(known)) if epoch != known => {}
                            (None, Some(known)) => {
                                auth.sessions.adopt(name, known);
                                return Ok(Granted::everything(shown, Who::File));
                            }
                            _ => return Ok(Granted::everything(shown, Who::File)),
                        }
                    }
                    Some(Of::Person { id, epoch }) => {
                        let access = self.access().await.map_err(Refusal::Away)?;
                        let person = access.person_by_id(id);
                        if let Some(person) = person.filter(|person| person.epoch == epoch) {
                            let who = Who::Person { id, name: person.name.clone() };
                            let rights = person.rights.clone();
                            return Ok(Granted { shown, who, rights, scopes: None, limit: None });
                        }
                    }
                    // It opens that link only.
                    Some(Of::Link { .. }) => {}
                }
            }
        }
        Err(Refusal::Unknown)
    }

    async fn judge_link(
        &self,
        shown: Shown,
        key: &LinkKey,
        session: Option<&str>,
    ) -> Result<Granted, Refusal> {
        let access = self.access().await.map_err(Refusal::Away)?;
        let link = match key {
            LinkKey::Shared(key) => access.link_by_key(key),
            LinkKey::Public(site) => access.public(site),
        };
        let link = Arc::new(link.ok_or(Refusal::Unknown)?.clone());
        let site = self.admin.sites.iter().find(|site| *site.name == *link.site);
        let site = site.ok_or(Refusal::Unknown)?;
        if link.password.is_some() {
            let now = self.admin.clock.now();
            let of = session.and_then(|name| self.link_sessions.of(name, now));
            if !of.is_some_and(|of| of == Of::Link { id: link.id }) {
                return Err(Refusal::Locked(link));
            }
        }
        let limit = match link.segment {
            None => None,
            Some(id) => {
                let segments = self.kept.get::<Segments>(Some(&site.name)).await;
                let segments = segments.map_err(Refusal::Away)?;
                // A link whose segment is gone shows nothing: never more than it was made for.
                Some(segments.get(&id.to_string()).map_err(|_| Refusal::Unknown)?.clone())
            }
        };
        let sites = [(link.site.clone(), Role::Viewer)].into();
        let rights = Rights { everything: false, sites };
        Ok(Granted { shown, who: Who::Link(link), rights, scopes: None, limit })
    }

    /// Who may look, as the store has it.
    pub(super) async fn access(&self) -> Result<Arc<Access>, kept::Error> {
        self.kept.get::<Access>(None).await
    }

    /// Notes that a token is used today, which nobody waits for.
    fn used(&self, id: u64, known: Option<Day>) {
        let today = chrono::DateTime::from_timestamp_millis(self.admin.clock.now());
        let today = today.unwrap_or_default().date_naive();
        if known == Some(today) || !self.is_first_use(id, today) {
            return;
        }
        let kept = self.kept.clone();
        tokio::spawn(async move {
            let noted = kept.change::<Access, (), kept::Error>(None, |access| {
                if let Some(token) = access.tokens.iter_mut().find(|token| token.id == id) {
                    token.used = Some(today);
                }
                Ok(())
            });
            if let Err(error) = noted.await {
                tracing::debug!("a token's last use was not noted: {error}");
            }
        });
    }
}

fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

impl Caller {
    pub(super) fn of(app: Arc<App>, granted: Arc<Granted>, say: Language) -> Self {
        Self { app, granted, say, away: None }
    }

    /// The same, to be shown what was read last.
    pub(super) fn with_last(&self, away: &StoreError) -> Self {
        Self { away: Some(away.to_string().into()), ..self.clone() }
    }

    pub(super) fn is_from_last(&self) -> bool {
        self.away.is_some()
    }

    pub(super) fn away(&self) -> Option<&str> {
        self.away.as_deref()
    }

    /// A document of the store.
    pub(super) async fn document<D: Document>(
        &self,
        site: Option<&Arc<str>>,
    ) -> Result<Arc<D>, Error> {
        match self.is_from_last() {
            true => Ok(self.kept.last(site).unwrap_or_default()),
            false => Ok(self.kept.get(site).await?),
        }
    }

    /// The days of a range that have counts.
    pub(super) async fn days(&self, site: &Arc<str>, range: Range) -> Result<Days, Error> {
        match &self.away {
            Some(_) => {
                let last = self.reader.last(site, range);
                last.map(|(days, _)| days).ok_or(Error::Lost)
            }
            None => Ok(self.reader.days(site, range).await?),
        }
    }

    pub(super) fn say(&self) -> Language {
        self.say
    }

    pub(super) fn app(&self) -> &Arc<App> {
        &self.app
    }

    pub(super) fn granted(&self) -> &Granted {
        &self.granted
    }

    pub(super) fn rights(&self) -> &Rights {
        &self.granted.rights
    }

    /// The link by which they came.
    pub(super) fn link(&self) -> Option<&Arc<Link>> {
        match &self.granted.who {
            Who::Link(link) => Some(link),
            _ => None,
        }
    }

    /// What all that they see has to meet.
    pub(super) fn limit(&self) -> Option<&Segment> {
        self.granted.limit.as_ref()
    }

    /// Whether what they showed is good now, and still for this site.
    pub(super) async fn may_still_see(&self, site: &str) -> bool {
        let judged = self.app.judge(self.granted.shown.clone()).await;
        judged.is_ok_and(|granted| {
            granted.rights.may_see(site) && granted.limit.is_some() == self.limit().is_some()
        })
    }

    /// The sites they may see, each with its place.
    pub(super) fn sites(&self) -> impl Iterator<Item = (usize, &Site)> {
        let all = self.app.admin.sites.iter().enumerate();
        all.filter(|(_, site)| self.rights().may_see(&site.name))
    }

    /// The site a request is about, as the file has it: the only one if it does not say.
    pub(super) fn place(&self, name: Option<&str>) -> Result<(usize, &Site), Error> {
        let mut sites = self.sites();
        match name {
            Some(name) => sites
                .find(|(_, site)| *site.name == *name)
                .ok_or_else(|| Error::UnknownSite(name.to_owned())),
            None => match (sites.next(), sites.next()) {
                (Some(only), None) => Ok(only),
                _ => Err(Error::NoSiteId),
            },
        }
    }

    /// The same with what is set of it in the store.
    pub(super) async fn site_named(&self, name: Option<&str>) -> Result<(usize, Arc<Site>), Error> {
        let (place, site) = self.place(name)?;
        let settings = self.document::<SiteSettings>(Some(&site.name)).await?;
        let is_plain =
            settings.list(Kind::Goal).is_empty() && settings.list(Kind::Funnel).is_empty();
        let site = if is_plain { site.clone() } else { settings.applied_to(site) };
        Ok((place, Arc::new(site)))
    }

    pub(super) async fn site(&self, params: &Params) -> Result<(usize, Arc<Site>), Error> {
        self.site_named(params.get("site_id")).await
    }

    /// The site that a question of version 2, or what is sent of one, is about.
    pub(super) async fn site_of(&self, question: &Json) -> Result<Arc<Site>, Error> {
        let name = match question.get("site_id") {
            None | Some(Json::Null) => None,
            Some(Json::String(name)) => Some(name.as_str()),
            Some(other) => {
                let line = format!("invalid site_id `{other}`: it is a text");
                return Err(crate::report::Invalid::new(line).into());
            }
        };
        Ok(self.site_named(name).await?.1)
    }

    /// # Errors
    /// They may see the site, but not change what is kept of it.
    pub(super) fn check_owns(&self, site: &Site) -> Result<(), Error> {
        let by_scope = self.granted.scopes.is_some() && self.granted.has(Scope::WriteSites);
        match self.rights().owns(&site.name) || by_scope {
            true => Ok(()),
            false => Err(Error::NoRight),
        }
    }

    pub(super) fn now(&self) -> Millis {
        self.app.admin.clock.now()
    }
}

impl Deref for Caller {
    type Target = App;

    fn deref(&self) -> &App {
        &self.app
    }
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        match parts.extensions.get::<Arc<Granted>>() {
            Some(granted) => Ok(Self::of(app.clone(), granted.clone(), app.say(&parts.headers))),
            None => Err(Error::SignedOut.into_response()),
        }
    }
}
