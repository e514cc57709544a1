//! What is wrong, as people read it: the texts of reasons that a form can bring about.
//!
//! Apart from the rooms that find it out, which know no language. Whatever has no reason only an
//! address or a question made by hand brings about: it is told as programs are, in English, within
//! a sentence that says so.

use crate::language::Language;
use crate::model::goal::{self, STEPS_MAX};
use crate::report::{Invalid, Reason};
use maud::{Markup, html};

/// Why something cannot be taken.
pub(super) fn why(say: Language, invalid: &Invalid) -> Markup {
    match invalid.reason() {
        Some(reason) => html! { (worded(say, reason)) },
        None => untold(say, &invalid.to_string()),
    }
}

/// A line for programs, on a page.
pub(super) fn untold(say: Language, line: &str) -> Markup {
    say.markup("problem-line", [("line", html! { code lang="en" { (line) } })])
}

fn worded(say: Language, reason: &Reason) -> Markup {
    let plain = |key| html! { (say.t(key)) };
    let number = |key, name, n: usize| html! { (say.with(key, [(name, n.into())])) };
    // In whichever direction it is written, the line around it is read in its own.
    let quoted = |key, name, text: &str| say.markup(key, [(name, html! { bdi { (text) } })]);
    let of = |property| html! { (say.property(property)) };
    match reason {
        Reason::Length { most } => number("wrong-length", "most", *most),
        Reason::NameSign => plain("wrong-name-sign"),
        Reason::Taken { name } => quoted("wrong-taken", "name", name),
        Reason::Full { most } => number("wrong-full", "most", *most),
        Reason::Long { most } => number("wrong-long", "most", *most),
        Reason::Goal(goal::Wrong::NoName) => plain("wrong-no-name"),
        Reason::Goal(goal::Wrong::Path(text)) => quoted("wrong-path", "text", text),
        Reason::Goal(goal::Wrong::Target(text)) => quoted("wrong-target", "text", text),
        Reason::Goal(goal::Wrong::Steps(_)) => number("wrong-steps", "most", STEPS_MAX),
        Reason::StepSign { step } => {
            let (step, sign) = (html! { bdi { (step) } }, html! { ">" });
            say.markup("wrong-step-sign", [("step", step), ("sign", sign)])
        }
        Reason::NoteGone => plain("wrong-note-gone"),
        Reason::NoteChanged { text } => quoted("wrong-note-changed", "text", text),
        Reason::Address { text } => quoted("wrong-address", "text", text),
        Reason::Everybody => plain("wrong-everybody"),
        Reason::Origin { text } => quoted("wrong-origin", "text", text),
        Reason::Origins { most } => number("wrong-origins", "most", *most),
        Reason::LockedInFrame => plain("wrong-locked-in-frame"),
        Reason::PublicAlready => plain("wrong-public-already"),
        Reason::PersonGone => plain("wrong-person-gone"),
        Reason::InvitationGone => plain("invite-not-good"),
        Reason::TokenForNothing => plain("wrong-token-for-nothing"),
        Reason::Password { least, most } => {
            let (least, most) = ((*least).into(), (*most).into());
            html! { (say.with("wrong-password", [("least", least), ("most", most)])) }
        }
        Reason::OldPassword => plain("wrong-old-password"),
        Reason::Day { text } => quoted("wrong-day", "text", text),
        Reason::Backwards => plain("wrong-backwards"),
        Reason::LongRange { years } => number("wrong-long-range", "years", *years),
        Reason::NoValue { property } => say.markup("wrong-no-value", [("property", of(property))]),
        Reason::Pattern { text } => quoted("wrong-pattern", "text", text),
        Reason::NoGoal { name } => quoted("wrong-no-goal", "name", name),
        Reason::NoSegment { name } => quoted("wrong-no-segment", "name", name),
        Reason::Apart { one, other } => {
            say.markup("wrong-apart", [("one", of(one)), ("other", of(other))])
        }
        Reason::TellsNothing => plain("wrong-tells-nothing"),
        Reason::NoColumn => plain("wrong-no-column"),
        Reason::OnlyTotals { day } => {
            html! { (say.with("wrong-only-totals", [("day", say.date(*day).into())])) }
        }
    }
}
