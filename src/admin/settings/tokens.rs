//! Tokens of programs: made, shown once, revoked.

use super::{Done, Error, Of};
use crate::kept::{Access, Scope, Token};
use maud::{Markup, html};
use std::collections::BTreeSet;

/// Whether a token reaches no further than who looks at it.
fn is_theirs(of: &Of<'_>, token: &Token) -> bool {
    let rights = of.caller.rights();
    match &token.sites {
        None => rights.everything,
        Some(sites) => sites.iter().all(|site| rights.owns(site)),
    }
}

/// What a scope lets one do: a text's key.
fn about(scope: Scope) -> &'static str {
    match scope {
        Scope::ReadStats => "tokens-read-stats",
        Scope::ReadSites => "tokens-read-sites",
        Scope::WriteSites => "tokens-write-sites",
        Scope::ReadMetrics => "tokens-read-metrics",
    }
}

pub(super) async fn draw(of: &Of<'_>) -> Result<Markup, Error> {
    let access = of.caller.access().await?;
    let tokens: Vec<&Token> = access.tokens.iter().filter(|token| is_theirs(of, token)).collect();
    let own: Vec<&str> = of
        .caller
        .sites()
        .map(|(_, site)| &*site.name)
        .filter(|site| of.caller.rights().owns(site))
        .collect();
    let file = of.caller.admin.auth.tokens();
    let everything = of.caller.rights().everything;
    let say = of.say();
    let sites = |token: &Token| match &token.sites {
        None => say.t("tokens-sites").into_owned(),
        Some(sites) => sites.iter().cloned().collect::<Vec<_>>().join(", "),
    };
    let line = |token: &Token| {
        let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.as_str()).collect();
        let name = html! { strong { (token.name) } };
        let (scopes, sites) = (html! { (scopes.join(", ")) }, html! { (sites(token)) });
        say.markup("tokens-one", [("name", name), ("scopes", scopes), ("sites", sites)])
    };
    let used = |token: &Token| match token.used {
        Some(day) => say.with("tokens-used", [("day", say.date(day).into())]),
        None => say.t("tokens-never").into_owned(),
    };
    let revoke = |token: &Token| say.with("tokens-revoke-one", [("name", (&*token.name).into())]);
    Ok(html! {
        section.card aria-labelledby="new-title" {
            h2 #new-title { (say.t("tokens-new")) }
            p.quiet { (say.markup("tokens-about", [("header", html! { code { "Authorization: Bearer TOKEN" } })])) }
            form.fields method="post" {
                (of.hidden("add"))
                label { (say.t("settings-name")) " " input name="name" required maxlength="100" autocomplete="off" placeholder=(say.t("tokens-example")); }
                fieldset {
                    legend { (say.t("tokens-may")) }
                    @for scope in Scope::ALL {
                        @if scope != Scope::ReadMetrics || everything {
                            label.check { input type="checkbox" name="scope" value=(scope.as_str()) checked[scope == Scope::ReadStats]; span { (say.t(about(scope))) " (" code { (scope.as_str()) } ")" } }
                        }
                    }
                }
                fieldset {
                    legend { (say.t("tokens-of")) }
                    @if everything {
                        label.check { input type="checkbox" name="all" value="true"; (say.t("tokens-all-sites")) }
                    }
                    @for site in own {
                        label.check { input type="checkbox" name="site" value=(site) checked[*site == *of.site.name]; (site) }
                    }
                }
                button type="submit" { (say.t("tokens-make")) }
            }
        }
        section.card aria-labelledby="all-title" {
            h2 #all-title { (say.t("tokens-title")) }
            @if tokens.is_empty() && file == 0 { p.empty { (say.t("tokens-none")) } }
            ul.lines {
                @if file > 0 && everything { li { span { (say.with("tokens-file", [("n", file.into())])) } small { (say.t("settings-file")) } } }
                @for token in tokens {
                    li {
                        span { (line(token)) }
                        small { (used(token)) }
                        (of.button("remove", &token.id.to_string(), "tokens-revoke", &revoke(token)))
                    }
                }
            }
        }
    })
}

pub(super) async fn change(of: &Of<'_>) -> Result<Done, Error> {
    let rights = of.caller.rights();
    match of.get("do") {
        "add" => {
            let chosen: Vec<&str> = of.params.all("scope").collect();
            let scopes: BTreeSet<Scope> =
                Scope::ALL.into_iter().filter(|scope| chosen.contains(&scope.as_str())).collect();
            if scopes.contains(&Scope::ReadMetrics) && !rights.everything {
                return Err(Error::NoRight);
            }
            let sites: BTreeSet<String> = of.params.all("site").map(str::to_owned).collect();
            if !sites.iter().all(|site| of.caller.place(Some(site)).is_ok() && rights.owns(site)) {
                return Err(Error::NoRight);
            }
            let sites = match of.get("all") {
                "true" if !rights.everything => return Err(Error::NoRight),
                "true" => None,
                _ => Some(sites),
            };
            let add = |access: &mut Access| -> Result<String, Error> {
                Ok(access.add_token(of.get("name"), sites.clone(), scopes.clone())?)
            };
            Ok(Done::Secret("tokens-made", of.caller.kept.change(None, add).await?))
        }
        "remove" => {
            let id = of.id("id")?;
            let remove = |access: &mut Access| -> Result<(), Error> {
                access.tokens.retain(|token| token.id != id || !is_theirs(of, token));
                Ok(())
            };
            of.caller.kept.change(None, remove).await?;
            Ok(Done::Changed)
        }
        _ => Err(of.unknown()),
    }
}
