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
    let sites = |token: &Token| match &token.sites {
        None => "all sites".to_owned(),
        Some(sites) => sites.iter().cloned().collect::<Vec<_>>().join(", "),
    };
    Ok(html! {
        section.card aria-labelledby="new-title" {
            h2 #new-title { "Make a token" }
            p.quiet { "A program sends it as " code { "Authorization: Bearer TOKEN" } "." }
            form.fields method="post" {
                (of.hidden("add"))
                label { "Name " input name="name" required maxlength="100" autocomplete="off" placeholder="Weekly report"; }
                fieldset {
                    legend { "May" }
                    @for scope in Scope::ALL {
                        @if scope != Scope::ReadMetrics || everything {
                            label.check { input type="checkbox" name="scope" value=(scope.as_str()) checked[scope == Scope::ReadStats]; span { (scope.about()) " (" code { (scope.as_str()) } ")" } }
                        }
                    }
                }
                fieldset {
                    legend { "Of" }
                    @if everything {
                        label.check { input type="checkbox" name="all" value="true"; "all sites, those to come included" }
                    }
                    @for site in own {
                        label.check { input type="checkbox" name="site" value=(site) checked[*site == *of.site.name]; (site) }
                    }
                }
                button type="submit" { "Make the token" }
            }
        }
        section.card aria-labelledby="all-title" {
            h2 #all-title { "Tokens" }
            @if tokens.is_empty() && file == 0 { p.empty { "There are no tokens yet." } }
            ul.lines {
                @if file > 0 && everything { li { span { (file) @if file == 1 { " token" } @else { " tokens" } " for everything" } small { "settings file" } } }
                @for token in tokens {
                    li {
                        span {
                            strong { (token.name) } " may "
                            (token.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", "))
                            " of " (sites(token))
                        }
                        small { @match token.used { Some(day) => { "last used on " (day.format("%-d %b %Y")) }, None => "never used" } }
                        (of.button("remove", &token.id.to_string(), "Revoke", &format!("Revoke {}", token.name)))
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
            Ok(Done::Secret("The new token", of.caller.kept.change(None, add).await?))
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
