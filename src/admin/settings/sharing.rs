//! Who may see a site without a name: its public page, and links that one hands out.

use super::{Done, Error, Of};
use crate::admin::passwords;
use crate::kept::{Access, Link, origins};
use crate::report::Invalid;
use maud::{Markup, html};

pub(super) async fn draw(of: &Of<'_>) -> Result<Markup, Error> {
    let access = of.caller.access().await?;
    let segments = of.caller.segments(of.site).await?;
    let site = &*of.site.name;
    let links = access.links.iter().filter(|link| link.site == *site && link.key.is_some());
    let links: Vec<&Link> = links.collect();
    let shows = |link: &Link| match link.segment {
        None => "everything".to_owned(),
        Some(id) => match segments.get(&id.to_string()) {
            Ok(segment) => format!("the segment {}", segment.name),
            Err(_) => "nothing: its segment is gone".to_owned(),
        },
    };
    Ok(html! {
        section.card aria-labelledby="public-title" {
            h2 #public-title { "Public page" }
            @match access.public(site) {
                Some(link) => {
                    p { "Everybody may see this site at " a.deeper href=(link.path()) { (link.path()) } "." }
                    (framing(of, link))
                    (of.button("remove", &link.id.to_string(), "Make it private", "Make it private"))
                },
                None => {
                    p.quiet { "Nobody sees this site without a name or a link." }
                    form.fields method="post" {
                        (of.hidden("public"))
                        label { "May be framed by " input name="origins" maxlength="600" autocomplete="off" placeholder="https://www.example.org"; }
                        button type="submit" { "Make it public" }
                    }
                },
            }
        }
        section.card aria-labelledby="new-title" {
            h2 #new-title { "Make a link" }
            p.quiet { "Who has the link sees this site and nothing else, and changes nothing. What is limited to a segment shows only that, in every number." }
            form.fields method="post" {
                (of.hidden("link"))
                label { "Name " input name="name" required maxlength="100" autocomplete="off" placeholder="For the agency"; }
                label { "Password (optional) " input type="password" name="password" maxlength="200" autocomplete="new-password"; }
                label { "Shows "
                    select name="segment" {
                        option value="" { "everything" }
                        @for segment in segments.iter() { option value=(segment.id) { (segment.name) } }
                    }
                }
                label { "May be framed by (optional) " input name="origins" maxlength="600" autocomplete="off" placeholder="https://www.example.org"; }
                button type="submit" { "Make the link" }
            }
        }
        section.card aria-labelledby="all-title" {
            h2 #all-title { "Links" }
            @if links.is_empty() { p.empty { "There are no links yet." } }
            ul.lines {
                @for link in links {
                    li.wide {
                        span { strong { (link.name) } " shows " (shows(link)) @if link.password.is_some() { ", with a password" } }
                        a.deeper href=(link.path()) { (link.path()) }
                        (framing(of, link))
                        (of.button("remove", &link.id.to_string(), "Delete", &format!("Delete the link {}", link.name)))
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
    html! {
        @if !link.origins.is_empty() {
            small { "In frames of " (link.origins.join(", ")) ": "
                code { "<iframe src=\"" (scheme) "://" (host) (link.path()) "?embed=true\" width=\"100%\" height=\"900\"></iframe>" }
            }
        }
    }
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
    Ok(hash.await.map_err(|_| Invalid::new("the password was not hashed; try again"))??)
}
