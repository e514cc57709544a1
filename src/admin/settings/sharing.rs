//! Who may see a site without a name: its public page, and links that one hands out.

use super::{Done, Error, Of};
use crate::admin::passwords;
use crate::kept::{Access, Link, origins};
use maud::{Markup, html};

pub(super) async fn draw(of: &Of<'_>) -> Result<Markup, Error> {
    let access = of.caller.access().await?;
    let segments = of.caller.segments(of.site).await?;
    let site = &*of.site.name;
    let links = access.links.iter().filter(|link| link.site == *site && link.key.is_some());
    let links: Vec<&Link> = links.collect();
    let say = of.say();
    let shows = |link: &Link| match link.segment.map(|id| segments.get(&id.to_string())) {
        None => say.t("sharing-everything").into_owned(),
        Some(Ok(segment)) => say.with("sharing-segment", [("name", (&*segment.name).into())]),
        Some(Err(_)) => say.t("sharing-gone").into_owned(),
    };
    let line = |link: &Link| {
        let key = match link.password {
            Some(_) => "sharing-link-locked",
            None => "sharing-link",
        };
        let name = html! { strong { (link.name) } };
        say.markup(key, [("name", name), ("what", html! { (shows(link)) })])
    };
    Ok(html! {
        section.card aria-labelledby="public-title" {
            h2 #public-title { (say.t("sharing-public")) }
            @match access.public(site) {
                Some(link) => {
                    p { (say.markup("sharing-everybody", [("link", html! { a.deeper href=(link.path()) { (link.path()) } })])) }
                    (framing(of, link))
                    (of.button("remove", &link.id.to_string(), "sharing-private", &say.t("sharing-private")))
                },
                None => {
                    p.quiet { (say.t("sharing-nobody")) }
                    form.fields method="post" {
                        (of.hidden("public"))
                        label { (say.t("sharing-framed")) " " input name="origins" maxlength="600" autocomplete="off" placeholder="https://www.example.org"; }
                        button type="submit" { (say.t("sharing-publish")) }
                    }
                },
            }
        }
        section.card aria-labelledby="new-title" {
            h2 #new-title { (say.t("sharing-new")) }
            p.quiet { (say.t("sharing-about")) }
            form.fields method="post" {
                (of.hidden("link"))
                label { (say.t("settings-name")) " " input name="name" required maxlength="100" autocomplete="off" placeholder=(say.t("sharing-example")); }
                label { (say.t("sharing-password")) " " input type="password" name="password" maxlength="200" autocomplete="new-password"; }
                label { (say.t("sharing-shows")) " "
                    select name="segment" {
                        option value="" { (say.t("sharing-everything")) }
                        @for segment in segments.iter() { option value=(segment.id) { (segment.name) } }
                    }
                }
                label { (say.t("sharing-framed-optional")) " " input name="origins" maxlength="600" autocomplete="off" placeholder="https://www.example.org"; }
                button type="submit" { (say.t("sharing-make")) }
            }
        }
        section.card aria-labelledby="all-title" {
            h2 #all-title { (say.t("sharing-links")) }
            @if links.is_empty() { p.empty { (say.t("sharing-none")) } }
            ul.lines {
                @for link in links {
                    li.wide {
                        span { (line(link)) }
                        a.deeper href=(link.path()) { (link.path()) }
                        (framing(of, link))
                        (of.button("remove", &link.id.to_string(), "settings-delete", &say.with("sharing-delete", [("name", (&*link.name).into())])))
                    }
                }
            }
        }
    })
}

/// Where it may be shown in a frame, and how.
fn framing(of: &Of<'_>, link: &Link) -> Markup {
    let host = of.headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
    let scheme = if crate::admin::login::is_behind_tls(of.headers) { "https" } else { "http" };
    if link.origins.is_empty() {
        return html! {};
    }
    let code = html! { code { "<iframe src=\"" (scheme) "://" (host) (link.path()) "?embed=true\" width=\"100%\" height=\"900\"></iframe>" } };
    let origins = html! { (link.origins.join(", ")) };
    html! { small { (of.say().markup("sharing-frames", [("origins", origins), ("code", code)])) } }
}

pub(super) async fn change(of: &Of<'_>) -> Result<Done, Error> {
    let site = of.site.name.to_string();
    let link = |name: &str| -> Result<Link, Error> {
        let origins = origins(of.get("origins"))?;
        let (name, site) = (name.to_owned(), site.clone());
        Ok(Link { id: 0, key: None, site, name, password: None, segment: None, origins })
    };
    match of.get("do") {
        "public" => {
            let link = link("Public page")?;
            let add = |access: &mut Access| -> Result<(), Error> {
                Ok(access.add_public(link.clone()).map(drop)?)
            };
            of.caller.kept.change(None, add).await?;
        }
        "link" => {
            let segment = match of.get("segment") {
                "" => None,
                id => Some(of.caller.segments(of.site).await?.get(id)?.id),
            };
            let password = match of.get("password") {
                "" => None,
                password => Some(hashed(password).await?),
            };
            let link = Link { segment, password, ..link(of.get("name"))? };
            let add = |access: &mut Access| -> Result<(), Error> {
                Ok(access.add_link(link.clone()).map(drop)?)
            };
            of.caller.kept.change(None, add).await?;
        }
        "remove" => {
            let id = of.id("id")?;
            let remove = |access: &mut Access| -> Result<(), Error> {
                access.links.retain(|link| link.id != id || link.site != site);
                Ok(())
            };
            of.caller.kept.change(None, remove).await?;
        }
        _ => return Err(of.unknown()),
    }
    Ok(Done::Changed)
}

/// The hash of a password that somebody chose.
async fn hashed(password: &str) -> Result<String, Error> {
    passwords::check(password)?;
    let password = password.to_owned();
    let hash = tokio::task::spawn_blocking(move || passwords::hash(&password));
    Ok(hash.await.map_err(|_| Error::Lost)??)
}
