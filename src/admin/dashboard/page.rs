//! The page: who is here, which time is shown, and everything below that.

use super::cards::OpenCard;
use super::overview::Overview;
use super::sections::{Goals, Quality};
use super::view::View;
use super::{PageData, cards, detail, document, filters, logo, sections, words};
use crate::admin::AdminState;
use crate::report::{
    Condition, Days, Invalid, Metric, Operator, Period, Property, QuerySet, Value, only_totals,
};
use crate::telemetry::Untagged;
use maud::{Markup, html};

const PERIODS: [(Period, &str); 6] = [
    (Period::Day, "Today"),
    (Period::Days7, "7d"),
    (Period::Days30, "30d"),
    (Period::Month, "Month"),
    (Period::Months6, "6mo"),
    (Period::Months12, "12mo"),
];

/// A page whose questions have been asked.
pub(super) struct Page {
    pub view: View,
    overview: Overview,
    /// `None` in a page's own view.
    body: Option<Body>,
}

struct Body {
    cards: Vec<OpenCard>,
    goals: Option<Goals>,
    quality: Quality,
}

impl Page {
    pub fn ask(view: View) -> Result<(Self, QuerySet), Invalid> {
        let mut questions = view.questions()?;
        let overview = Overview::ask(&view, &mut questions)?;
        let mut ask_body = || -> Result<Body, Invalid> {
            Ok(Body {
                cards: cards::ask(&view, &mut questions)?,
                goals: Goals::ask(&view, &mut questions)?,
                quality: Quality::ask(&view, &mut questions)?,
            })
        };
        let body = if view.page().is_none() { Some(ask_body()?) } else { None };
        Ok((Self { view, overview, body }, questions))
    }

    pub fn draw(&self, admin: &AdminState, data: &PageData<'_>, current: u64) -> Markup {
        let view = &self.view;
        let body = html! {
            div #view data-refresh=(admin.flush_interval.as_millis().max(1_000))
                data-site=(view.site.name) {
                (header(admin, view, data.days, current))
                // Also where the script says that it could not renew the numbers.
                p #stale role="status" {
                    @if let Some(since) = admin.telemetry.behind_since() {
                        "Not up to date: the store has not taken what was counted since "
                        (words::moment(view.local(since))) "."
                    }
                }
                main {
                    (filters::bar(view, &data.answers))
                    (self.overview.draw(admin, view, data))
                    @match self.draw_body(data) {
                        Ok(body) => (body),
                        Err(e) => p.problem { (e) },
                    }
                }
                (footer(admin, view))
            }
        };
        document(&format!("{} · headcount", view.site.name), body)
    }

    fn draw_body(&self, data: &PageData<'_>) -> Result<Markup, Invalid> {
        let view = &self.view;
        if !view.is_filtered() {
            only_totals(data.days, view.elapsed())?;
        }
        let Some(body) = &self.body else {
            return detail::detail(view, data.days, view.page().unwrap_or_default());
        };
        Ok(html! {
            div.cards.filled { @for card in &body.cards { (card.draw(view, &data.answers)) } }
            @if let Some(goals) = &body.goals { (goals.draw(view, data)) }
            (body.quality.draw(view, data, self.overview.any_confirmed(data)))
            (sections::speed(view, data))
        })
    }
}

fn header(admin: &AdminState, view: &View, days: &Days, current: u64) -> Markup {
    let (before, after) = view.neighbours();
    let custom = view.period == Period::Custom;
    html! {
        header.top {
            div.who {
                a.home href="/" aria-label="headcount" { (logo()) }
                @if admin.sites.len() > 1 {
                    details.menu id="sites" {
                        summary { (view.site.name) }
                        nav aria-label="Sites" {
                            @for site in admin.sites.iter() {
                                @let change = [("site_id", Some(&*site.name)), ("filters", None), ("page", None)];
                                a href=(view.link(&change))
                                    aria-current=[(site.name == view.site.name).then_some("page")] { (site.name) }
                            }
                        }
                    }
                } @else {
                    h1 { (view.site.name) }
                }
                p.current title="Seen in the last five minutes" {
                    i.pulse.quiet[current == 0 || admin.telemetry.behind_since().is_some()] {}
                    span #current { (words::grouped(i64::try_from(current).unwrap_or(i64::MAX))) }
                    " current " span #current-noun { @if current == 1 { "visitor" } @else { "visitors" } }
                }
                @if admin.auth.has_password() {
                    form.leave method="post" action="/logout" { button type="submit" { "Sign out" } }
                }
            }
            div.when {
                nav.periods aria-label="Period" {
                    @for (period, name) in PERIODS {
                        a href=(view.link(&[("period", Some(period.as_str())), ("date", None)]))
                            aria-current=[(view.period == period).then_some("true")] { (name) }
                    }
                    details.menu id="custom" {
                        summary aria-current=[custom.then_some("true")] { "Custom" }
                        form method="get" action="/" {
                            @for name in ["site_id", "compare", "filters", "page"] {
                                @if let Some(value) = view.get(name) {
                                    input type="hidden" name=(name) value=(value);
                                }
                            }
                            label { "From " input type="date" name="first" required value=(view.range.first); }
                            label { "To " input type="date" name="last" required value=(view.elapsed().last); }
                            button type="submit" { "Show" }
                        }
                    }
                }
                div.steps {
                    @if let Some(link) = &before { a href=(link) aria-label="Period before" { "‹" } }
                    @if let Some(link) = &after { a href=(link) aria-label="Period after" { "›" } }
                }
                (switch(view, "Compare", view.before.is_some(), &[("compare", view.before.map(|_| "none"))]))
                (without_suspected(view, days))
            }
        }
    }
}

/// Leaves robots out that are only suspected.
fn without_suspected(view: &View, days: &Days) -> Markup {
    let Ok(suspected) = Property::parse("visit:suspected") else { return html! {} };
    let condition =
        Condition { property: suspected, operator: Operator::Is, values: vec!["no".into()] };
    let at = view.conditions.iter().position(|known| *known == condition);
    if !view.tells(&condition.property) || at.is_none() && !view.suspected(days) {
        return html! {};
    }
    let filters = match at {
        Some(nth) => view.filters_without(nth),
        None => Some(view.filters_with(vec![condition])),
    };
    let change = [("filters", filters.as_deref()), ("page", None)];
    switch(view, "Without suspected robots", at.is_some(), &change)
}

/// Turns something on or off. A button, so that it obeys the keys of one, with a form around it, so that
/// it needs no script.
fn switch(view: &View, name: &str, on: bool, change: &[(&str, Option<&str>)]) -> Markup {
    html! {
        form method="get" action="/" {
            @for (name, value) in view.parameters(change) {
                input type="hidden" name=(name) value=(value);
            }
            button.switch type="submit" role="switch" aria-checked=(on) { (name) }
        }
    }
}

fn footer(admin: &AdminState, view: &View) -> Markup {
    html! {
        footer {
            p {
                "Days are days in " (view.site.timezone.name()) ". "
                "Visitors over several days are a sum of days: nobody is recognised the day after. "
                "Read at " time #read { (words::moment(view.local(view.now))) }
                "; counts are as of the flush before that, every "
                (admin.flush_interval.as_secs().max(1)) " s."
                @for why in Untagged::ALL {
                    @if admin.telemetry.untagged(why).get() > 0 {
                        " Pages without the script's tag, because " (why.because()) ": "
                        (words::value(
                            Metric::Pageviews,
                            Value::Count(admin.telemetry.untagged(why).get() as i64),
                        ))
                        " since the start."
                    }
                }
                @if let Some(budget) = &admin.budget {
                    " Store commands: "
                    (words::value(Metric::Pageviews, Value::Count(budget.projection() as i64)))
                    " in 30 days at this pace, of "
                    (words::value(Metric::Pageviews, Value::Count(budget.monthly() as i64))) "."
                }
            }
        }
    }
}
