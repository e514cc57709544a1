//! People: who may see or change a site, invitations, and taking them out again.

use super::{Done, Error, Of};
use crate::admin::login::is_behind_tls;
use crate::kept::{Access, Person, Rights, Role};
use crate::language::Language;
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
    let say = of.say();
    let named = |key, name: &str| say.with(key, [("name", name.into())]);
    let at = |key| say.with(key, [("site", site.into())]);
    Ok(html! {
        @if of.caller.admin.auth.is_open() {
            p.note { (say.markup("people-open", [("key", html! { code { "admin_auth.password_hash" } })])) }
        }
        section.card aria-labelledby="new-title" {
            h2 #new-title { (say.t("people-new")) }
            p.quiet { (say.t("people-about")) }
            form.fields method="post" {
                (of.hidden("invite"))
                label { (say.t("people-name")) " " input name="name" required maxlength="100" autocomplete="off"; }
                label { (say.t("people-may")) " "
                    select name="role" {
                        option value="viewer" { (at("people-see")) }
                        option value="owner" { (at("people-change")) }
                        @if everything { option value="everything" { (say.t("people-everything")) } }
                    }
                }
                button type="submit" { (say.t("people-invite")) }
            }
        }
        section.card aria-labelledby="all-title" {
            h2 #all-title { (say.t("settings-people")) }
            ul.lines {
                @if everything && of.caller.admin.auth.has_password() {
                    @let who = html! { strong { (say.t("people-file-who")) } };
                    li { span { (say.markup("people-file", [("who", who)])) } small { (say.t("settings-file")) } }
                }
                @for person in people {
                    @let id = person.id.to_string();
                    li {
                        span { (may(say, &MAY, &person.name, &person.rights, site)) }
                        @if everything || !person.rights.everything {
                            form.one method="post" {
                                (of.hidden("role"))
                                input type="hidden" name="id" value=(id);
                                select name="role" aria-label=(named("people-rights", &person.name)) {
                                    @for (word, text) in ROLES {
                                        @if word != "everything" || everything {
                                            option value=(word) selected[word == role(&person.rights, site)] { (say.t(text)) }
                                        }
                                    }
                                }
                                button.quiet type="submit" aria-label=(named("people-change-rights", &person.name)) { (say.t("settings-change")) }
                            }
                        }
                        @if everything {
                            (of.button("remove", &id, "people-take-out", &named("people-take-out-one", &person.name)))
                        }
                    }
                }
                @for one in invited {
                    li {
                        span { (may(say, &INVITED, &one.name, &one.rights, site)) }
                        (of.button("withdraw", &one.id.to_string(), "people-withdraw", &named("people-withdraw-one", &one.name)))
                    }
                }
            }
        }
    })
}

/// As forms say it, and the key of how people read it.
const ROLES: [(&str, &str); 4] = [
    ("none", "people-role-none"),
    ("viewer", "people-role-viewer"),
    ("owner", "people-role-owner"),
    ("everything", "people-role-everything"),
];

/// What somebody may, or may once they have accepted: a text for each of [`ROLES`], in their order.
const MAY: [&str; 4] =
    ["people-may-nothing", "people-may-see", "people-may-change", "people-may-everything"];
const INVITED: [&str; 4] = [
    "people-invited-nothing",
    "people-invited-see",
    "people-invited-change",
    "people-invited-everything",
];

fn role(rights: &Rights, site: &str) -> &'static str {
    match (rights.everything, rights.role(site)) {
        (true, _) => "everything",
        (_, Some(Role::Owner)) => "owner",
        (_, Some(Role::Viewer)) => "viewer",
        (_, None) => "none",
    }
}

fn may(
    say: Language,
    texts: &[&'static str; 4],
    name: &str,
    rights: &Rights,
    site: &str,
) -> Markup {
    let role = role(rights, site);
    let nth = ROLES.iter().position(|(word, _)| *word == role).unwrap_or_default();
    let name = html! { strong { (name) } };
    say.markup(texts[nth], [("name", name), ("site", html! { (site) })])
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
            return Ok(Done::Secret("people-invitation", link));
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
