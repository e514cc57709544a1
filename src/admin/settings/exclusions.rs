//! Addresses whose visitors are not counted: the owners' own.

use super::{Done, Error, Of, list};
use crate::kept::{Kind, SiteSettings};
use crate::visitor::address::client_address;
use maud::{Markup, html};
use std::net::IpAddr;

pub(super) async fn draw(of: &Of<'_>) -> Result<Markup, Error> {
    let kept = of.caller.kept.get::<SiteSettings>(Some(&of.site.name)).await?;
    let file: Vec<String> =
        of.caller.admin.excluded[of.place()].iter().map(ToString::to_string).collect();
    let own = network_of(client_address(of.peer.ip(), of.headers, &of.caller.admin.trusted.now()));
    let say = of.say();
    Ok(html! {
        section.card aria-labelledby="new-title" {
            h2 #new-title { (say.t("exclusions-new")) }
            p.quiet { (say.t("exclusions-about")) }
            form.fields method="post" {
                (of.hidden("add"))
                label { (say.t("exclusions-address")) " " input name="network" required maxlength="50" autocomplete="off" placeholder="192.0.2.0/24"; }
                button type="submit" { (say.t("exclusions-do")) }
            }
            form.fields method="post" {
                (of.hidden("add"))
                input type="hidden" name="network" value=(own);
                button.second type="submit" { (say.with("exclusions-here", [("network", (&*own).into())])) }
            }
        }
        section.card aria-labelledby="all-title" {
            h2 #all-title { (say.t("exclusions-title")) }
            (list(of, &file, kept.list(Kind::Exclude), "exclusions-none"))
        }
    })
}

/// The network that somebody is likely to keep: of an IPv6 address its /64.
fn network_of(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("{address}/64"),
    }
}

pub(super) async fn change(of: &Of<'_>) -> Result<Done, Error> {
    let change = |settings: &mut SiteSettings| -> Result<(), Error> {
        match of.get("do") {
            "add" => settings.add_exclusion(of.get("network"))?,
            "remove" => settings.remove(Kind::Exclude, of.get("id")),
            _ => return Err(of.unknown()),
        }
        Ok(())
    };
    of.caller.kept.change(Some(&of.site.name), change).await?;
    Ok(Done::Changed)
}
