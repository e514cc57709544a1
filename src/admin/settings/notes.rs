//! Notes pinned to days: listed, added, changed, deleted.

use super::{Done, Error, Of};
use crate::kept::Notes;
use crate::model::site::Day;
use crate::report::{Invalid, Reason};
use maud::{Markup, html};

pub(super) async fn draw(of: &Of<'_>) -> Result<Markup, Error> {
    let notes = of.caller.kept.get::<Notes>(Some(&of.site.name)).await?;
    let edited = of.params.get("edit").and_then(|id| notes.get(id.parse().ok()?));
    let today = of.site.day(of.caller.now());
    let say = of.say();
    Ok(html! {
        section.card aria-labelledby="new-title" {
            @match edited {
                Some(_) => h2 #new-title { (say.t("notes-edit")) },
                None => h2 #new-title { (say.t("notes-new")) },
            }
            p.quiet { (say.t("notes-about")) }
            form.fields method="post" {
                (of.hidden(if edited.is_some() { "edit" } else { "add" }))
                @if let Some(note) = edited {
                    input type="hidden" name="id" value=(note.id);
                    input type="hidden" name="version" value=(note.version);
                }
                label { (say.t("notes-day")) " " input type="date" name="day" required value=(edited.map_or(today, |note| note.day)); }
                label { (say.t("notes-text")) " " input name="text" required maxlength="280" autocomplete="off" value=(edited.map_or("", |note| &note.text)); }
                button type="submit" { (say.t("settings-save")) }
            }
        }
        section.card aria-labelledby="all-title" {
            h2 #all-title { (say.t("settings-notes")) }
            @if notes.iter().next().is_none() { p.empty { (say.t("notes-none")) } }
            ul.lines {
                @for note in notes.iter().rev() {
                    @let id = note.id.to_string();
                    li {
                        time datetime=(note.day) { (say.date(note.day)) }
                        span { (note.text) }
                        a.quiet href={ (super::Part::Notes.address(of.site)) "&edit=" (id) } aria-label=(say.with("settings-change-one", [("name", (&*note.text).into())])) { (say.t("settings-change")) }
                        (of.delete(&id, &note.text))
                    }
                }
            }
        }
    })
}

pub(super) async fn change(of: &Of<'_>) -> Result<Done, Error> {
    let day = || -> Result<Day, Invalid> {
        let text = of.get("day");
        text.parse().map_err(|_| {
            Invalid::new(format!("`{}` is no day", text.escape_debug()))
                .because(Reason::Day { text: text.to_owned() })
        })
    };
    let what = of.get("do");
    let (id, version, day) = match what {
        "add" => (0, 0, Some(day()?)),
        "edit" => (of.id("id")?, of.id("version")?, Some(day()?)),
        "remove" => (of.id("id")?, 0, None),
        _ => return Err(of.unknown()),
    };
    let text = of.get("text");
    let change = |notes: &mut Notes| -> Result<(), Error> {
        match (what, day) {
            ("add", Some(day)) => notes.add(day, text).map(drop)?,
            ("edit", Some(day)) => notes.edit(id, version, day, text)?,
            _ => notes.remove(id),
        }
        Ok(())
    };
    of.caller.kept.change(Some(&of.site.name), change).await?;
    Ok(Done::Changed)
}
