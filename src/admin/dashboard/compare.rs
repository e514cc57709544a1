//! The menu that says what numbers are compared with.

use super::page::switch;
use super::view::View;
use crate::report::ComparisonMode;
use maud::{Markup, html};

/// What may be compared with.
struct Choice {
    /// A text's key.
    name: &'static str,
    mode: Option<&'static str>,
    /// By days of the week; `None`: as it was chosen before.
    weekdays: Option<bool>,
    is_current: bool,
}

pub(super) fn menu(view: &View) -> Markup {
    let say = view.say();
    let weekdays = view.matches_weekdays();
    let choices = choices(view);
    let current = choices.iter().find(|choice| choice.is_current);
    let name = say.t(current.map_or("compare-other", |choice| choice.name));
    let name = match weekdays {
        true => say.with("compare-by-weekday", [("with", name.into())]),
        false => name.into_owned(),
    };
    // The same day of another week is a choice of its own.
    let has_switch = !view.is_one_day() || mode(view) != Some(ComparisonMode::PreviousPeriod);
    let link = |choice: &Choice| {
        let matched = choice.weekdays.map(|on| on.then_some("true"));
        let changes = [("compare", choice.mode), ("compare_date", None)];
        let matched = matched.map(|matched| ("match_day_of_week", matched));
        view.link(&changes.into_iter().chain(matched).collect::<Vec<_>>())
    };
    html! {
        details.menu.compare #compare {
            summary { (say.with("compare-menu", [("with", name.into())])) }
            div.panel {
                div.choices {
                    @for choice in &choices {
                        a href=(link(choice)) aria-current=[choice.is_current.then_some("true")] { (say.t(choice.name)) }
                    }
                }
                @if let Some(before) = view.before {
                    @if has_switch {
                        (switch(view, "compare-weekdays", weekdays, &[("match_day_of_week", (!weekdays).then_some("true"))]))
                    }
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

fn mode(view: &View) -> Option<ComparisonMode> {
    view.comparison.map(|with| with.mode)
}

fn choices(view: &View) -> Vec<Choice> {
    let mode = mode(view);
    let matched = view.is_by_weekday();
    let before = mode == Some(ComparisonMode::PreviousPeriod);
    let is_today = view.range.last == view.today;
    let first = match view.is_one_day() {
        true => {
            let of_day = |name, matches: bool| Choice {
                name,
                mode: None,
                weekdays: Some(matches),
                is_current: before && matched == matches,
            };
            let [day, week] = match is_today {
                true => ["period-yesterday", "compare-last-week"],
                false => ["compare-day-before", "compare-week-before"],
            };
            vec![of_day(day, false), of_day(week, true)]
        }
        false => {
            let name = "compare-before";
            vec![Choice { name, mode: None, weekdays: None, is_current: before }]
        }
    };
    let others = [
        ("compare-year", "year_over_year", mode == Some(ComparisonMode::YearOverYear)),
        ("compare-nothing", "none", mode.is_none()),
    ];
    let others = others.into_iter().map(|(name, mode, is_current)| Choice {
        name,
        mode: Some(mode),
        // For one day, weekdays are matched by a choice above: these turn it off.
        weekdays: (view.is_one_day() && before).then_some(false),
        is_current,
    });
    first.into_iter().chain(others).collect()
}
