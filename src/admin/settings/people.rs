//! People: who may see or change a site, invitations, and taking them out again.

use super::{Done, Error, Of};
use crate::admin::login::is_behind_tls;
use crate::kept::{Access, Person, Rights, Role};
use crate::report::Invalid;
use maud::{Markup, html};

pub(super) async fn draw(of: &Of<'_>) -> Result<Markup, Error> {
    let access = of.caller.access().await?;
    let (site, now) = (&*of.site.name, of.caller.now());
    let everything = of.caller.rights().everything;
    // Owners of one site learn of nobody who has nothing to do with it.
    let seen = |rights: &Rights| everything || rights.may_see(site);
    let people: Vec<&Person> = access.people.iter().filter(|person| seen(&person.rights)).collect();
    let invited = access.invitations.iter().filter(|one| now < one.expires && seen(&one.rights));
    let invited: Vec<_> = invited.collect();
    Ok(html! {
        @if of.caller.admin.auth.is_open() {
            p.note { "The settings file has no credentials, so whoever is on this machine may do everything here. Set " code { "admin_auth.password_hash" } " before you invite others." }
        }
        section.card aria-labelledby="new-title" {
            h2 #new-title { "Invite somebody" }
            p.quiet { "You get a link to hand over. It is good for seven days, once; they choose their own password." }
            form.fields method="post" {
                (of.hidden("invite"))
                label { "Name or email " input name="name" required maxlength="100" autocomplete="off"; }
                label { "May "
                    select name="role" {
                        option value="viewer" { "see " (site) }
                        option value="owner" { "see and change " (site) }
                        @if everything { option value="everything" { "see and change all sites" } }
                    }
                }
                button type="submit" { "Make an invitation" }
            }
        }
        section.card aria-labelledby="all-title" {
            h2 #all-title { "People" }
            ul.lines {
                @if everything && of.caller.admin.auth.has_password() {
                    li { span { strong { "Who has the password" } " may see and change all sites" } small { "settings file" } }
                }
                @for person in people {
                    @let id = person.id.to_string();
                    li {
                        span { strong { (person.name) } " " (may(&person.rights, site)) }
                        @if everything || !person.rights.everything {
                            form.one method="post" {
                                (of.hidden("role"))
                                input type="hidden" name="id" value=(id);
                                select name="role" aria-label={ "Rights of " (person.name) } {
                                    @for (word, text) in ROLES {
                                        @if word != "everything" || everything {
                                            option value=(word) selected[word == role(&person.rights, site)] { (text) }
                                        }
                                    }
                                }
                                button.quiet type="submit" aria-label={ "Change the rights of " (person.name) } { "Change" }
                            }
                        }
                        @if everything {
                            (of.button("remove", &id, "Take out", &format!("Take {} out", person.name)))
                        }
                    }
                }
                @for one in invited {
                    li {
                        span { strong { (one.name) } " is invited and " (may(&one.rights, site)) }
                        (of.button("withdraw", &one.id.to_string(), "Withdraw", &format!("Withdraw the invitation of {}", one.name)))
                    }
                }
            }
        }
    })
}

const ROLES: [(&str, &str); 4] = [
    ("none", "nothing of this site"),
    ("viewer", "see it"),
    ("owner", "see and change it"),
    ("everything", "all sites"),
];

fn role(rights: &Rights, site: &str) -> &'static str {
    match (rights.everything, rights.role(site)) {
        (true, _) => "everything",
        (_, Some(Role::Owner)) => "owner",
        (_, Some(Role::Viewer)) => "viewer",
        (_, None) => "none",
    }
}

fn may(rights: &Rights, site: &str) -> String {
    match role(rights, site) {
        "everything" => "may see and change all sites".into(),
        "owner" => format!("may see and change {site}"),
        "viewer" => format!("may see {site}"),
        _ => format!("may see nothing of {site}"),
    }
}

/// Rights with another role at a site.
fn changed(rights: &Rights, site: &str, role: &str) -> Result<Rights, Invalid> {
    let mut rights = rights.clone();
    rights.everything = role == "everything";
    match role {
        "none" => drop(rights.sites.remove(site)),
        "viewer" => drop(rights.sites.insert(site.to_owned(), Role::Viewer)),
        "owner" => drop(rights.sites.insert(site.to_owned(), Role::Owner)),
        "everything" => {}
        other => return Err(Invalid::unknown("role", other, ROLES.map(|(word, _)| word))),
    }
    Ok(rights)
}

pub(super) async fn change(of: &Of<'_>) -> Result<Done, Error> {
    let (site, now) = (&*of.site.name, of.caller.now());
    let everything = of.caller.rights().everything;
    let role = of.get("role");
    if role == "everything" && !everything {
        return Err(Error::NoRight);
    }
    let kept = &of.caller.kept;
    match of.get("do") {
        "invite" => {
            let rights = changed(&Rights::default(), site, role)?;
            let invite = |access: &mut Access| -> Result<String, Error> {
                Ok(access.invite(of.get("name"), rights.clone(), now)?)
            };
            let secret = kept.change(None, invite).await?;
            let host = of.headers.get("host").and_then(|host| host.to_str().ok());
            let scheme = if is_behind_tls(of.headers) { "https" } else { "http" };
            let link = format!("{scheme}://{}/invitation/{secret}", host.unwrap_or_default());
            return Ok(Done::Secret("The invitation", link));
        }
        "role" => {
            let id = of.id("id")?;
            let set = |access: &mut Access| -> Result<(), Error> {
                let person = access.person_mut(id)?;
                if person.rights.everything && !everything {
                    return Err(Error::NoRight);
                }
                person.rights = changed(&person.rights, site, role)?;
                Ok(())
            };
            kept.change(None, set).await?;
        }
        "remove" if !everything => return Err(Error::NoRight),
        "remove" => {
            let id = of.id("id")?;
            let remove = |access: &mut Access| -> Result<(), Error> {
                access.people.retain(|person| person.id != id);
                Ok(())
            };
            kept.change(None, remove).await?;
        }
        "withdraw" => {
            let id = of.id("id")?;
            let remove = |access: &mut Access| -> Result<(), Error> {
                // One for more than this site is not theirs to withdraw.
                let theirs = |rights: &Rights| everything || rights.are_only_of(site);
                access.invitations.retain(|one| one.id != id || !theirs(&one.rights));
                Ok(())
            };
            kept.change(None, remove).await?;
        }
        _ => return Err(of.unknown()),
    }
    Ok(Done::Changed)
}
