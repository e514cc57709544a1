//! The menu that says what numbers are compared with.

use super::page::switch;
use super::view::View;
use crate::report::ComparisonMode;
use maud::{Markup, html};

pub(super) fn menu(view: &View) -> Markup {
    let say = view.say();
    let mode = view.comparison.map(|with| with.mode);
    let weekdays = view.comparison.is_some_and(|with| with.match_day_of_week);
    let choices = [
        ("compare-before", None, mode == Some(ComparisonMode::PreviousPeriod)),
        ("compare-year", Some("year_over_year"), mode == Some(ComparisonMode::YearOverYear)),
        ("compare-nothing", Some("none"), mode.is_none()),
    ];
    let name =
        choices.iter().find(|(.., current)| *current).map_or("compare-other", |(name, ..)| name);
    html! {
        details.menu.compare #compare {
            summary { (say.with("compare-menu", [("with", say.t(name).into())])) }
            div.panel {
                div.choices {
                    @for (name, mode, current) in choices {
                        a href=(view.link(&[("compare", mode), ("compare_date", None)]))
                            aria-current=[current.then_some("true")] { (say.t(name)) }
                    }
                }
                @if let Some(before) = view.before {
                    (switch(view, "compare-weekdays", weekdays, &[("match_day_of_week", (!weekdays).then_some("true"))]))
                    form method="get" action=(view.look.base) {
                        (view.fields(&[("compare", None), ("compare_date", None)]))
                        label { (say.t("period-from")) " " input type="date" name="compare_first" required value=(before.range.first); }
                        label { (say.t("period-to")) " " input type="date" name="compare_last" required value=(before.range.last); }
                        button type="submit" { (say.t("compare-do")) }
                    }
                }
            }
        }
    }
}
