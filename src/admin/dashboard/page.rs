//! The page: who is here, which time is shown, and everything below that.

use super::cards::OpenCard;
use super::columns::{self, Piece};
use super::details::Details;
use super::files::{self, Download};
use super::filter_form::Suggestions;
use super::goals::Goals;
use super::overview::Overview;
use super::sources::{Source, Which};
use super::time::LAST_DAY;
use super::topics::{self, Topic};
use super::view::View;
use super::{
    PageData, ai, cards, compare, document_that, filters, keys, logo, of_page, realtime, speed,
};
use crate::admin::params::address;
use crate::admin::reasons::why;
use crate::admin::{AdminState, language, theme};
use crate::demo_status::DemoStatus;
use crate::language::Language;
use crate::report::{Condition, Days, Invalid, Operator, Period, Property, QuerySet, only_totals};
use crate::telemetry::Untagged;
use chrono::{Datelike, NaiveDateTime};
use maud::{Markup, html};

/// Each with the key of its name.
const PERIODS: [(Period, &str); 5] = [
    (Period::Day, "period-today"),
    (Period::Days7, "period-7d"),
    (Period::Days30, "period-30d"),
    (Period::Month, "period-month"),
    (Period::Months12, "period-12mo"),
];

/// Those in the menu.
const MORE_PERIODS: [(Period, &str); 5] = [
    (Period::Days28, "period-28-days"),
    (Period::Days91, "period-91-days"),
    (Period::Months6, "period-6-months"),
    (Period::Year, "period-year"),
    (Period::All, "period-all"),
];

/// A page whose questions have been asked.
pub(super) struct Page {
    pub view: View,
    /// `None`: the topic has no totals.
    overview: Option<Overview>,
    cards: Vec<OpenCard>,
    goals: Option<Goals>,
    /// Of one card all there is, in the place of everything else.
    details: Option<Details>,
    /// Of all cards all there is, to be taken away.
    all: Vec<Source>,
    suggestions: Option<Suggestions>,
}

impl Page {
    pub fn ask(view: View) -> Result<(Self, QuerySet), Invalid> {
        let mut questions = view.questions()?;
        if view.get("details").is_some() {
            return Self::ask_for_details(view, questions);
        }
        let overview =
            view.has_totals().then(|| Overview::ask(&view, &mut questions)).transpose()?;
        let cards = match view.page() {
            Some(_) => of_page::ask(&view, &mut questions)?,
            None => cards::ask(&view, &mut questions)?,
        };
        let has_goals = view.topic == Topic::Overview && view.page().is_none();
        let goals = if has_goals { Goals::ask(&view, &mut questions)? } else { None };
        let suggestions = Suggestions::ask(&view, &mut questions);
        let (details, all) = Default::default();
        Ok((Self { view, overview, cards, goals, details, all, suggestions }, questions))
    }

    /// A page to be taken away: a card of it, or all.
    pub fn ask_for_file(view: View) -> Result<(Self, QuerySet), Invalid> {
        let mut questions = view.questions()?;
        if view.get("details").is_some() {
            return Self::ask_for_details(view, questions);
        }
        if view.page().is_some() {
            questions.prefer_rollups();
        }
        let mut all = Vec::new();
        for which in Which::of(&view) {
            all.extend(which.ask(&view, &mut questions)?);
        }
        let (overview, cards, goals, details, suggestions) = Default::default();
        Ok((Self { view, overview, cards, goals, details, all, suggestions }, questions))
    }

    fn ask_for_details(view: View, mut questions: QuerySet) -> Result<(Self, QuerySet), Invalid> {
        if view.page().is_some() {
            questions.prefer_rollups();
        }
        let key = view.get("details").unwrap_or_default();
        let details = Some(Details::ask(key, &view, &mut questions)?);
        let suggestions = Suggestions::ask(&view, &mut questions);
        let (overview, cards, goals, all) = Default::default();
        Ok((Self { view, overview, cards, goals, details, all, suggestions }, questions))
    }

    pub fn draw(&self, admin: &AdminState, data: &PageData<'_>, current: u64) -> Markup {
        let (view, say) = (&self.view, self.view.say());
        let body = html! {
            a.skip href="#numbers-of-all" { (say.t("shell-skip")) }
            div #view data-refresh=(admin.flush_interval.as_millis().max(1_000))
                data-site=(view.site.name) data-base=(view.look.base)
                data-live=(live(view)) data-stale=(for_script(say, "script-stale"))
                data-answer=(for_script(say, "script-answer")) data-silent=(say.t("script-silent"))
                data-loading=(say.t("script-loading")) {
                (header(admin, view, data.days, current, self.is_compared()))
                (topics::nav(view))
                // Also where the script says that it could not renew the numbers.
                p #busy role="status" data-keep {}
                p #stale role="status" {
                    @if let Some(detail) = &view.away {
                        (stale(say, view.local(view.now), detail))
                    } @else if let Some(since) = admin.telemetry.behind_since() {
                        (say.with("shell-behind", [("time", say.moment(view.local(since)).into())]))
                    }
                }
                (made_up(say, admin))
                main #numbers-of-all tabindex="-1" {
                    (filters::bar(view, data, self.suggestions.as_ref()))
                    @if let Some(about) = view.topic.about() { p.about { (say.t(about)) } }
                    @if let Some(overview) = &self.overview { (overview.draw(admin, view, data)) }
                    @match self.draw_body(data) {
                        Ok(body) => (body),
                        Err(e) => p.problem { (why(say, &e)) },
                    }
                }
                (footer(admin, view))
            }
        };
        let waits = data.is_new || view.away.is_some();
        document_that(say, &format!("{} · headcount", view.site.name), waits, body)
    }

    /// What is taken away of it.
    ///
    /// # Errors
    /// If of the days only totals are known, and something else is asked for.
    pub fn taken(&self, data: &PageData<'_>) -> Result<Download, Invalid> {
        if let Some(details) = &self.details {
            return Ok(Download::Card(details.sheet(&self.view, data)?));
        }
        // Of such days the page has totals only, too.
        let sheets = self.all.iter().filter_map(|source| source.sheet(&self.view, data).ok());
        Ok(Download::All(sheets.collect()))
    }

    /// Whether it has numbers of the time before.
    fn is_compared(&self) -> bool {
        self.overview.is_some() || self.details.as_ref().is_some_and(Details::is_compared)
    }

    fn draw_body(&self, data: &PageData<'_>) -> Result<Markup, Invalid> {
        let view = &self.view;
        if let Some(details) = &self.details {
            return details.draw(view, data);
        }
        if !view.is_of_rows() {
            only_totals(data.days, view.elapsed())?;
        }
        if let Some(page) = view.page() {
            return of_page::draw(view, data, page, &self.cards);
        }
        if view.topic == Topic::Realtime {
            return Ok(realtime::draw(view, data, &self.cards));
        }
        if view.topic == Topic::Speed {
            return Ok(speed::speed(view, data));
        }
        let mut cards: Vec<Piece<'_>> = Vec::new();
        if view.topic == Topic::Bots {
            cards.extend(ai::draw(view, data));
        }
        let mut goals: Vec<Piece<'_>> =
            self.goals.iter().flat_map(|goals| goals.draw(view, data)).collect();
        for card in &self.cards {
            // Before the events that some of them are.
            if card.key() == "events" {
                cards.append(&mut goals);
            }
            cards.extend(card.piece(view, &data.answers));
        }
        cards.append(&mut goals);
        Ok(columns::draw(cards))
    }
}

/// Where the stream of what happens is; nowhere for those who may see a part of the site.
fn live(view: &View) -> String {
    match (view.look.by_link, view.look.limit.is_some()) {
        (true, true) => String::new(),
        (true, false) => format!("{}/live", view.look.base),
        (false, _) => address("/api/live", [("site_id", &*view.site.name)]),
    }
}

/// Says that the numbers are those of a time that is over, since the store cannot be read. What it
/// says itself is for programs, and stands behind that.
pub(super) fn stale(say: Language, time: NaiveDateTime, detail: &str) -> Markup {
    let (time, why) = (say.moment(time), say.t("problem-store"));
    html! {
        (say.with("script-stale", [("time", time.into()), ("why", why.into())])) " "
        code lang="en" { (detail) }
    }
}

/// Says that the demo has not made up all of its past yet.
pub(super) fn made_up(say: Language, admin: &AdminState) -> Markup {
    let percent = admin.demo.as_ref().and_then(DemoStatus::percent);
    html! {
        @if let Some(percent) = percent {
            p #made-up role="status" { (say.with("shell-made-up", [("n", percent.into())])) }
        }
    }
}

/// A text with gaps that the script fills: `{time}` where the time goes.
pub(super) fn for_script(say: Language, key: &'static str) -> String {
    let gaps = ["time", "why", "status"].map(|name| (name, format!("{{{name}}}").into()));
    say.with(key, gaps)
}

/// `is_compared`: it has numbers of the time before.
fn header(admin: &AdminState, view: &View, days: &Days, current: u64, is_compared: bool) -> Markup {
    let say = view.say();
    let (before, after) = view.neighbours();
    let visitors = |n: u64| say.with("shell-current", [("n", n.into())]);
    html! {
        header.top {
            div.who {
                @if view.get("embed").is_none() {
                    a.home href=(view.look.base) aria-label="headcount" { (logo()) }
                }
                @if view.look.sites.len() > 1 {
                    h1.hidden { (view.site.name) }
                    details.menu id="sites" {
                        summary { (view.site.name) }
                        nav aria-label=(say.t("shell-sites")) {
                            @for site in &view.look.sites {
                                @let change = [("site_id", Some(&**site)), ("filters", None), ("page", None)];
                                a href=(view.link(&change))
                                    aria-current=[(*site == view.site.name).then_some("page")] { (site) }
                            }
                        }
                    }
                } @else {
                    h1 { (view.site.name) }
                }
                // Of all of the site: not for those who may see a part of it.
                @if view.look.limit.is_none() { a.current title=(say.t("shell-current-title")) href=(Topic::Realtime.link(view)) {
                    i.pulse.quiet[current == 0 || admin.telemetry.behind_since().is_some()] {}
                    span #current { (say.grouped(i64::try_from(current).unwrap_or(i64::MAX))) }
                    " " span #current-noun data-one=(visitors(1)) data-many=(visitors(2)) { (visitors(current)) }
                } }
            }
            // At the same place on every page, whatever stands at the left.
            div.who.own {
                @if view.look.owns { a.quiet href=(settings(view)) { (say.t("shell-settings")) } }
                @if view.look.is_somebody && (admin.auth.has_password() || view.look.name.is_some()) {
                    a.quiet href="/account" { @match &view.look.name { Some(name) => (name), None => (say.t("shell-account")) } }
                    form.leave method="post" action="/logout" { button type="submit" { (say.t("shell-sign-out")) } }
                }
            }
            div.when {
                @if view.topic != Topic::Realtime { (periods(view)) }
                div.steps {
                    @if let Some(link) = &before { a href=(link) data-key="ArrowLeft" aria-label=(say.t("shell-period-before")) { "‹" } }
                    @if let Some(link) = &after { a href=(link) data-key="ArrowRight" aria-label=(say.t("shell-period-after")) { "›" } }
                }
                @if is_compared && view.topic != Topic::Realtime { (compare::menu(view)) }
                (without_suspected(view, days))
            }
        }
    }
}

/// The key that leads to a period.
fn key(period: &str) -> Option<&'static str> {
    match period {
        "day" => Some("d"),
        LAST_DAY => Some("h"),
        "7d" => Some("w"),
        "30d" => Some("t"),
        "month" => Some("m"),
        "12mo" => Some("y"),
        "all" => Some("a"),
        _ => None,
    }
}

/// Where an owner sets what is kept of the site.
fn settings(view: &View) -> String {
    address("/settings/goals", [("site_id", &*view.site.name)])
}

fn periods(view: &View) -> Markup {
    let say = view.say();
    // As in the API these are whole days; here today comes on top of them.
    let days = |word: &str| {
        let days = Period::parse(word).ok().and_then(Period::whole_days);
        days.map(|n| say.with("period-days-and-today", [("n", n.into())]))
    };
    let choice = |word: &str, date: Option<&str>, name: &'static str, is_current: bool| {
        html! {
            a href=(view.period_link(word, date)) data-key=[key(word).filter(|_| date.is_none())]
                title=[days(word)] aria-current=[is_current.then_some("true")] { (say.t(name)) }
        }
    };
    let others = match view.is_one_day() && view.is_by_weekday() {
        true => &[("match_day_of_week", None)][..],
        false => &[],
    };
    let today = view.site.day(view.now);
    let yesterday = today.pred_opt().unwrap_or(today);
    let last_month = today.with_day(1).and_then(|first| first.pred_opt()).unwrap_or(today);
    let is_of = |period| view.times.is_none() && view.period == period;
    // Another day is not today.
    let is_current = |period| is_of(period) && (period != Period::Day || view.range.first == today);
    let is_yesterday = is_of(Period::Day) && view.range.first == yesterday;
    let is_last_month =
        is_of(Period::Month) && (view.range.first..=view.range.last).contains(&last_month);
    let link = |(period, name): (Period, &'static str)| {
        choice(period.as_str(), None, name, is_current(period) && !is_last_month)
    };
    let more = MORE_PERIODS.iter().find(|(period, _)| is_current(*period));
    let name = match more {
        Some((_, name)) => Some(say.t(name)),
        None if view.is_last_day() => Some(say.t("period-24-hours")),
        None if is_current(Period::Custom) => Some(say.t("period-custom")),
        None if is_yesterday => Some(say.t("period-yesterday")),
        None if is_last_month => Some(say.t("period-last-month")),
        None if is_of(Period::Day) && view.range.first != today => {
            Some(say.weekday(view.range.first).into())
        }
        None => None,
    };
    html! {
        nav.periods aria-label=(say.t("period-title")) {
            @for period in PERIODS { (link(period)) }
            details.menu id="custom" {
                summary aria-current=[name.as_ref().map(|_| "true")] { (name.unwrap_or_else(|| say.t("period-more"))) }
                div.panel {
                    div.choices {
                        (choice(LAST_DAY, None, "period-24-hours", view.is_last_day()))
                        (choice("day", Some(&yesterday.to_string()), "period-yesterday", is_yesterday))
                        (choice("month", Some(&last_month.to_string()), "period-last-month", is_last_month))
                        @for period in MORE_PERIODS { (link(period)) }
                    }
                    form method="get" action=(view.look.base) {
                        (view.fields(&[&[("period", None), ("date", None), ("interval", None)], others].concat()))
                        label { (say.t("period-from")) " " input type="date" name="first" required value=(view.range.first); }
                        label { (say.t("period-to")) " " input type="date" name="last" required value=(view.elapsed().last); }
                        button type="submit" { (say.t("period-show")) }
                    }
                }
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
    switch(view, "shell-without-suspected", at.is_some(), &change)
}

/// Turns something on or off; `name` is a text's key. A button, so that it obeys the keys of one,
/// with a form around it, so that it needs no script.
pub(super) fn switch(
    view: &View,
    name: &'static str,
    on: bool,
    change: &[(&str, Option<&str>)],
) -> Markup {
    html! {
        form method="get" action=(view.look.base) {
            (view.fields(change))
            button.switch type="submit" role="switch" aria-checked=(on) { (view.say().t(name)) }
        }
    }
}

fn footer(admin: &AdminState, view: &View) -> Markup {
    let say = view.say();
    let count = |n: u64| say.count(i64::try_from(n).unwrap_or(i64::MAX));
    let read = html! { time #read { (say.moment(view.local(view.now))) } };
    let seconds = html! { (admin.flush_interval.as_secs().max(1)) };
    let untagged = |why: Untagged, n: u64| {
        say.with("shell-untagged", [("why", say.t(because(why)).into()), ("n", count(n).into())])
    };
    let all = say.t("sheet-all");
    html! {
        footer {
            p.take { (all) (files::links(view, None, &all)) }
            p {
                (say.with("shell-days", [("zone", view.site.timezone.name().into())])) " "
                (say.t("shell-sum")) " "
                (say.markup("shell-read", [("time", read), ("seconds", seconds)]))
                // What of the process is nobody's business who has only a link.
                @for why in Untagged::ALL.into_iter().filter(|_| !view.look.by_link) {
                    @if admin.telemetry.untagged(why).get() > 0 {
                        " " (untagged(why, admin.telemetry.untagged(why).get()))
                    }
                }
                @if let Some(problem) = admin.telemetry.notices.problem().filter(|_| view.look.owns) {
                    " " (say.with("shell-notice", [("why", problem.into())]))
                }
                @if let Some(budget) = admin.budget.as_ref().filter(|_| !view.look.by_link) {
                    " " (say.with("shell-budget", [("n", count(budget.projection()).into()), ("most", count(budget.monthly()).into())]))
                }
                @if admin.places.by_dbip() {
                    " " a href="https://db-ip.com/" rel="noreferrer" { "IP Geolocation by DB-IP" } "."
                }
            }
            div.preferences {
                a href="/docs" { (say.t("shell-docs")) }
                (keys::list(say)) (theme::form(say)) (language::form(say))
            }
        }
    }
}

/// Why pages have no tag: a text's key.
fn because(why: Untagged) -> &'static str {
    match why {
        Untagged::Coding => "untagged-coding",
        Untagged::Policy => "untagged-policy",
        Untagged::Amp => "untagged-amp",
        Untagged::Xhtml => "untagged-xhtml",
        Untagged::Charset => "untagged-charset",
        Untagged::NoTransform => "untagged-no-transform",
        Untagged::Markup => "untagged-markup",
        Untagged::Panic => "untagged-panic",
    }
}
