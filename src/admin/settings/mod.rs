//! What owners set while the program runs: a page for each part, with forms that need no script.
//!
//! Each part says what it shows and what its forms do. A form that is refused shows the page again
//! with the reason; one that is done leads to the page, so that it is not sent twice.

mod exclusions;
mod goals;
mod notes;
mod people;
mod segments;
mod sharing;
mod tokens;

use super::body::Fields;
use super::caller::Caller;
use super::dashboard::{document, logo};
use super::error::Error;
use super::params::{InPath, Params, address};
use super::reasons::why;
use crate::language::Language;
use crate::model::site::Site;
use crate::report::Invalid;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use std::net::SocketAddr;

/// A part of the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Goals,
    Funnels,
    Notes,
    Segments,
    Exclusions,
    Sharing,
    People,
    Tokens,
}

/// What a part is drawn for.
struct Of<'a> {
    caller: &'a Caller,
    site: &'a Site,
    params: &'a Params,
    /// As the connection and its trusted proxies say.
    headers: &'a HeaderMap,
    peer: SocketAddr,
}

/// What became of a form.
enum Done {
    /// Shown is the page as it is now.
    Changed,
    /// Shown once, for it is not kept: the key of what it is, and the text to copy.
    Secret(&'static str, String),
}

impl Part {
    pub(super) const ALL: [Self; 8] = [
        Self::Goals,
        Self::Funnels,
        Self::Notes,
        Self::Segments,
        Self::Exclusions,
        Self::Sharing,
        Self::People,
        Self::Tokens,
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Goals => "goals",
            Self::Funnels => "funnels",
            Self::Notes => "notes",
            Self::Segments => "segments",
            Self::Exclusions => "exclusions",
            Self::Sharing => "sharing",
            Self::People => "people",
            Self::Tokens => "tokens",
        }
    }

    /// The key of its title.
    fn title(self) -> &'static str {
        match self {
            Self::Goals => "settings-goals",
            Self::Funnels => "settings-funnels",
            Self::Notes => "settings-notes",
            Self::Segments => "settings-segments",
            Self::Exclusions => "settings-exclusions",
            Self::Sharing => "settings-sharing",
            Self::People => "settings-people",
            Self::Tokens => "settings-tokens",
        }
    }

    fn parse(word: &str) -> Result<Self, Invalid> {
        let known = Self::ALL.map(Self::as_str);
        let part = Self::ALL.into_iter().find(|part| part.as_str() == word);
        part.ok_or_else(|| Invalid::unknown("part of the settings", word, known))
    }

    async fn draw(self, of: &Of<'_>) -> Result<Markup, Error> {
        match self {
            Self::Goals => goals::goals(of).await,
            Self::Funnels => goals::funnels(of).await,
            Self::Notes => notes::draw(of).await,
            Self::Segments => segments::draw(of).await,
            Self::Exclusions => exclusions::draw(of).await,
            Self::Sharing => sharing::draw(of).await,
            Self::People => people::draw(of).await,
            Self::Tokens => tokens::draw(of).await,
        }
    }

    async fn change(self, of: &Of<'_>) -> Result<Done, Error> {
        match self {
            Self::Goals | Self::Funnels => goals::change(of).await,
            Self::Notes => notes::change(of).await,
            Self::Segments => segments::change(of).await,
            Self::Exclusions => exclusions::change(of).await,
            Self::Sharing => sharing::change(of).await,
            Self::People => people::change(of).await,
            Self::Tokens => tokens::change(of).await,
        }
    }

    fn address(self, site: &Site) -> String {
        address(&format!("/settings/{}", self.as_str()), [("site_id", &*site.name)])
    }
}

/// A part's page.
pub(super) async fn show(
    caller: Caller,
    InPath(part): InPath<String>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    params: Params,
) -> Response {
    let page = async {
        let part = Part::parse(&part)?;
        let site = owned(&caller, &params)?;
        let of = Of { caller: &caller, site, params: &params, headers: &headers, peer };
        frame(&of, part, None, None).await
    };
    page.await.map_or_else(IntoResponse::into_response, IntoResponse::into_response)
}

/// A form of a part.
pub(super) async fn change(
    caller: Caller,
    InPath(part): InPath<String>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Fields(form): Fields,
) -> Response {
    let changed = async {
        let part = Part::parse(&part)?;
        let site = owned(&caller, &form)?;
        let of = Of { caller: &caller, site, params: &form, headers: &headers, peer };
        Ok(match part.change(&of).await {
            Ok(Done::Changed) => Redirect::to(&part.address(site)).into_response(),
            Ok(Done::Secret(what, secret)) => {
                frame(&of, part, None, Some((&of.say().t(what), &secret))).await?.into_response()
            }
            Err(Error::Question(wrong)) => {
                let page = frame(&of, part, Some(&why(of.say(), &wrong)), None).await?;
                (StatusCode::BAD_REQUEST, page).into_response()
            }
            Err(e) => return Err(e),
        })
    };
    changed.await.unwrap_or_else(|e: Error| e.into_response())
}

/// The site whose settings they are: of several the first that is theirs, if it is not said.
fn owned<'c>(caller: &'c Caller, params: &Params) -> Result<&'c Site, Error> {
    let mut own = caller.sites().map(|(_, site)| site);
    let site = match params.get("site_id") {
        Some(name) => caller.place(Some(name))?.1,
        None => own.find(|site| caller.check_owns(site).is_ok()).ok_or(Error::NoRight)?,
    };
    caller.check_owns(site)?;
    Ok(site)
}

async fn frame(
    of: &Of<'_>,
    part: Part,
    problem: Option<&Markup>,
    secret: Option<(&str, &str)>,
) -> Result<Markup, Error> {
    let (say, site) = (of.say(), of.site);
    let own: Vec<&Site> = of.caller.sites().map(|(_, site)| site).collect();
    let own = own.into_iter().filter(|site| of.caller.rights().owns(&site.name));
    let own: Vec<&Site> = own.collect();
    let body = html! {
        div.frame {
            header.top {
                div.who {
                    a.home href="/" aria-label="headcount" { (logo()) }
                    @if own.len() > 1 {
                        details.menu {
                            summary { (site.name) }
                            nav aria-label=(say.t("shell-sites")) {
                                @for other in own {
                                    a href=(part.address(other))
                                        aria-current=[(other.name == site.name).then_some("page")] { (other.name) }
                                }
                            }
                        }
                    }
                    h1 { @if of.caller.sites().count() > 1 { (say.t("shell-settings")) } @else { (say.with("settings-of", [("site", (&*site.name).into())])) } }
                }
                div.who {
                    a.quiet data-back=(site.name) href=(address("/", [("site_id", &*site.name)])) { (say.t("shell-dashboard")) }
                    a.quiet href="/account" { (say.t("shell-account")) }
                }
            }
            nav.sections aria-label=(say.t("shell-settings")) {
                @for other in Part::ALL {
                    a href=(other.address(site)) aria-current=[(other == part).then_some("page")] { (say.t(other.title())) }
                }
            }
            main.narrow {
                @if let Some(problem) = problem { p.problem.note role="alert" { (problem) } }
                @if let Some((what, secret)) = secret {
                    section.card.made role="status" {
                        h2 { (what) }
                        p { input.secret readonly aria-label=(what) value=(secret); }
                        p.quiet { (say.t("settings-copy")) }
                    }
                }
                (part.draw(of).await?)
            }
        }
    };
    Ok(document(say, &format!("{} · {} · headcount", say.t(part.title()), site.name), body))
}

impl Of<'_> {
    fn say(&self) -> Language {
        self.caller.say()
    }

    fn get(&self, name: &str) -> &str {
        self.params.get(name).unwrap_or_default()
    }

    /// A number that a form sends of what it was made for.
    fn id(&self, name: &str) -> Result<u64, Error> {
        let text = self.get(name);
        let wrong = || Invalid::new(format!("`{}` is no number", text.escape_debug()));
        Ok(text.parse().map_err(|_| wrong())?)
    }

    /// What a form of this page begins with.
    fn hidden(&self, what: &str) -> Markup {
        html! {
            input type="hidden" name="site_id" value=(self.site.name);
            input type="hidden" name="do" value=(what);
        }
    }

    /// Another button of the page, for one thing; `text` is the key of what it says.
    fn button(&self, what: &str, of: &str, text: &'static str, label: &str) -> Markup {
        html! {
            form.one method="post" {
                (self.hidden(what))
                input type="hidden" name="id" value=(of);
                button.quiet type="submit" aria-label=(label) { (self.say().t(text)) }
            }
        }
    }

    /// The button that deletes one thing.
    fn delete(&self, id: &str, name: &str) -> Markup {
        let label = self.say().with("settings-delete-one", [("name", name.into())]);
        self.button("remove", id, "settings-delete", &label)
    }

    /// The site's place among all.
    fn place(&self) -> usize {
        let sites = self.caller.admin.sites.iter();
        sites.into_iter().position(|site| site.name == self.site.name).unwrap_or_default()
    }

    fn unknown(&self) -> Error {
        Invalid::new(format!("there is no `{}` to do here", self.get("do").escape_debug())).into()
    }
}

/// Settings of the file, which are fixed here, and of the store. `empty` is the key of what stands in
/// their place.
fn list(of: &Of<'_>, file: &[String], kept: &[String], empty: &'static str) -> Markup {
    let say = of.say();
    html! {
        @if file.is_empty() && kept.is_empty() { p.empty { (say.t(empty)) } }
        ul.lines {
            @for line in file { li { span { (line) } small { (say.t("settings-file")) } } }
            @for line in kept {
                li { span { (line) } (of.delete(line, line)) }
            }
        }
    }
}
