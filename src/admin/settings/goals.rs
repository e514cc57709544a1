//! Goals and funnels: those of the settings file, which are fixed, and those added here.

use super::{Done, Error, Of, list};
use crate::kept::{Kind, SiteSettings};
use crate::model::goal::Target;
use maud::{Markup, html};

/// A target as the settings write it.
fn written(target: &Target) -> String {
    match target {
        Target::Page(_) => format!("page {target}"),
        Target::Event(_) => format!("event {target}"),
    }
}

pub(super) async fn goals(of: &Of<'_>) -> Result<Markup, Error> {
    let kept = of.caller.kept.get::<SiteSettings>(Some(&of.site.name)).await?;
    let file: Vec<String> = of
        .site
        .goals
        .iter()
        .map(|goal| format!("{} = {}", goal.name, written(&goal.target)))
        .collect();
    let say = of.say();
    Ok(html! {
        section.card aria-labelledby="new-title" {
            h2 #new-title { (say.t("goals-new")) }
            p.quiet { (say.t("goals-about")) }
            form.fields method="post" {
                (of.hidden("goal"))
                label { (say.t("settings-name")) " " input name="name" required maxlength="100" autocomplete="off" placeholder=(say.t("goals-example")); }
                label { (say.t("goals-reached-by")) " "
                    select name="kind" {
                        option value="page" { (say.t("goals-page")) }
                        option value="event" { (say.t("goals-event")) }
                    }
                }
                label { (say.t("goals-target")) " " input name="target" required maxlength="300" autocomplete="off" placeholder="/thanks*"; }
                button type="submit" { (say.t("settings-add")) }
            }
        }
        section.card aria-labelledby="all-title" {
            h2 #all-title { (say.t("settings-goals")) }
            (list(of, &file, kept.list(Kind::Goal), "goals-none"))
        }
    })
}

pub(super) async fn funnels(of: &Of<'_>) -> Result<Markup, Error> {
    let kept = of.caller.kept.get::<SiteSettings>(Some(&of.site.name)).await?;
    let steps = |targets: &[Target]| targets.iter().map(written).collect::<Vec<_>>().join(" > ");
    let file: Vec<String> = of
        .site
        .funnels
        .iter()
        .map(|funnel| format!("{} = {}", funnel.name, steps(&funnel.steps)))
        .collect();
    let say = of.say();
    Ok(html! {
        section.card aria-labelledby="new-title" {
            h2 #new-title { (say.t("funnels-new")) }
            p.quiet { (say.markup("funnels-about", [("page", html! { code { "page /cart" } }), ("event", html! { code { "event Purchase" } })])) }
            form.fields method="post" {
                (of.hidden("funnel"))
                label { (say.t("settings-name")) " " input name="name" required maxlength="100" autocomplete="off" placeholder=(say.t("funnels-example")); }
                label { (say.t("funnels-steps")) " " textarea name="steps" required rows="4" maxlength="400" placeholder="page /cart" {} }
                button type="submit" { (say.t("settings-add")) }
            }
        }
        section.card aria-labelledby="all-title" {
            h2 #all-title { (say.t("settings-funnels")) }
            (list(of, &file, kept.list(Kind::Funnel), "funnels-none"))
        }
    })
}

pub(super) async fn change(of: &Of<'_>) -> Result<Done, Error> {
    let (what, name) = (of.get("do"), of.get("name"));
    let target = format!("{} {}", of.get("kind"), of.get("target"));
    let change = |settings: &mut SiteSettings| -> Result<(), Error> {
        match what {
            "goal" => settings.add_goal(of.site, name, &target)?,
            "funnel" => settings.add_funnel(of.site, name, of.get("steps"))?,
            "remove" => {
                settings.remove(Kind::Goal, of.get("id"));
                settings.remove(Kind::Funnel, of.get("id"));
            }
            _ => return Err(of.unknown()),
        }
        Ok(())
    };
    of.caller.kept.change(Some(&of.site.name), change).await?;
    Ok(Done::Changed)
}
