//! Segments: listed and deleted here; they are made where filters are, in the dashboard.

use super::{Done, Error, Of};
use crate::admin::params::address;
use maud::{Markup, html};

pub(super) async fn draw(of: &Of<'_>) -> Result<Markup, Error> {
    let segments = of.caller.segments(of.site).await?;
    let shown = |id: &str| address("/", [("site_id", &*of.site.name), ("segment", id)]);
    let say = of.say();
    Ok(html! {
        section.card aria-labelledby="all-title" {
            h2 #all-title { (say.t("settings-segments")) }
            p.quiet { (say.t("segments-about")) }
            @if segments.iter().next().is_none() { p.empty { (say.t("segments-none")) } }
            ul.lines {
                @for segment in segments.iter() {
                    @let id = segment.id.to_string();
                    li {
                        a href=(shown(&id)) { (segment.name) }
                        (of.delete(&id, &segment.name))
                    }
                }
            }
        }
    })
}

pub(super) async fn change(of: &Of<'_>) -> Result<Done, Error> {
    match of.get("do") {
        "remove" => of.caller.delete_segment(of.site, of.get("id")).await?,
        _ => return Err(of.unknown()),
    }
    Ok(Done::Changed)
}
