//! The page: who is here, how much happened, how we know, and when.

use super::view::View;
use super::view::WITHOUT_SUSPECTED;
use super::{cards, chart, detail, document, logo, sections, words};
use crate::admin::AdminState;
use crate::model::rollup::Row;
use crate::report::{
    Aggregated, Before, Days, Interval, Invalid, Metric, Period, Sums, Value, aggregate, evidence,
    only_totals, sums, timeseries,
};
use maud::{Markup, html};

const PERIODS: [(Period, &str); 6] = [
    (Period::Day, "Today"),
    (Period::Days7, "7d"),
    (Period::Days30, "30d"),
    (Period::Month, "Month"),
    (Period::Months6, "6mo"),
    (Period::Months12, "12mo"),
];

const TOTALS: [(Metric, &str); 6] = [
    (Metric::Visitors, "Unique visitors"),
    (Metric::Visits, "Visits"),
    (Metric::Pageviews, "Pageviews"),
    (Metric::ViewsPerVisit, "Views per visit"),
    (Metric::BounceRate, "Bounce rate"),
    (Metric::VisitDuration, "Visit duration"),
];

const ACTIONS: [(Metric, &str); 4] = [
    (Metric::Visitors, "Visitors"),
    (Metric::Conversions, "Events"),
    (Metric::ConversionRate, "Of all visitors"),
    (Metric::TotalRevenue, "Revenue"),
];

const PAGE: [(Metric, &str); 6] = [
    (Metric::Visitors, "Unique visitors"),
    (Metric::Visits, "Visits"),
    (Metric::Pageviews, "Pageviews"),
    (Metric::TimeOnPage, "Time on page"),
    (Metric::ScrollDepth, "Scroll depth"),
    (Metric::Bytes, "Sent"),
];

const RESPONSES: [(Metric, &str); 2] =
    [(Metric::Pageviews, "Responses"), (Metric::ConfirmedPageviews, "Seen by a browser")];

/// How a pageview is known, in a line each.
const EVIDENCE: [(&str, &str, &str); 4] = [
    ("server", "Server only", "answered by the server; no script spoke up, blocked or not"),
    ("confirmed", "Confirmed", "answered by the server and confirmed by the browser"),
    ("browser", "Browser only", "shown without a request: navigation in the page, or a cache"),
    ("unverified", "Unverified", "reported without a valid id: take it with a grain of salt"),
];

pub(super) fn page(admin: &AdminState, view: &View, days: &Days, current: u64) -> Markup {
    let range = view.elapsed();
    let filter = view.filter.as_ref();
    let sums = sums(days, range, filter);
    let anything = days.range(range.first..=range.last).next().is_some();
    let property = view.property();
    let body = html! {
        div #view data-refresh=(admin.flush_interval.as_millis().max(1_000))
            data-site=(view.site.name) {
            (header(admin, view, days, current))
            // Also where the script says that it could not renew the numbers.
            p #stale role="status" {
                @if let Some(since) = admin.telemetry.behind_since() {
                    "Not up to date: the store has not taken what was counted since "
                    (words::moment(view.local(since))) "."
                }
            }
            main {
                (filter_chip(view))
                section.sheet aria-label="Totals" {
                    (totals(view, days))
                    @if anything {
                        (over_time(view, days))
                    } @else {
                        (nothing_yet(admin, view))
                    }
                }
                @if !property.is_some_and(|p| p.counts_responses())
                    && !Metric::Pageviews.of(&sums, property).is_nothing() {
                    (evidence_bar(&sums.row))
                }
                @match body_of(admin, view, days) {
                    Ok(body) => (body),
                    Err(e) => p.problem { (e) },
                }
            }
            (footer(admin, view))
        }
    };
    document(&format!("{} · headcount", view.site.name), body)
}

fn body_of(admin: &AdminState, view: &View, days: &Days) -> Result<Markup, Invalid> {
    only_totals(days, view.elapsed())?;
    if let Some(page) = view.page() {
        return detail::detail(view, days, page);
    }
    Ok(html! {
        (cards::cards(view, days)?)
        (sections::goals(admin, view, days)?)
        (sections::quality(view, days)?)
        (sections::speed(view, days))
    })
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
                @let without = view.get("filters") == Some(WITHOUT_SUSPECTED) && view.page().is_none();
                @if without || view.suspected(days) {
                    @let change = [("filters", (!without).then_some(WITHOUT_SUSPECTED)), ("page", None)];
                    (switch(view, "Without suspected robots", without, &change))
                }
            }
        }
    }
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

fn filter_chip(view: &View) -> Markup {
    let Some(filter) = &view.filter else { return html! {} };
    let text = match filter.only() {
        Some(value) => format!("is {}", cards::label(filter.property(), value)),
        None => view.get("filters").unwrap_or_default().to_owned(),
    };
    html! {
        p.chip {
            strong { (words::property(filter.property())) }
            span title=(text) { (text) }
            a href=(view.link(&[("filters", None), ("page", None)])) aria-label="Remove the filter" { "✕" }
        }
        @if view.page().is_none() && filter.property().as_str() == "event:page"
            && let Some(page) = filter.only() {
            a.deeper href=(view.link(&[("page", Some(page)), ("filters", None)])) {
                "Heat maps and speed of this page"
            }
        }
    }
}

fn totals(view: &View, days: &Days) -> Markup {
    let tiles: &[(Metric, &str)] = match view.property() {
        Some(p) if p.counts_responses() => &RESPONSES,
        Some(p) if p.counts_actions() => &ACTIONS,
        Some(p) if p.as_str() == "event:page" => &PAGE,
        _ => &TOTALS,
    };
    let metrics: Vec<Metric> = tiles.iter().map(|(metric, _)| *metric).collect();
    let range = view.elapsed();
    let filter = view.filter.as_ref();
    let before = view.before.map(|before| (before, before.sums(days, &view.site, filter)));
    // Growth from nothing is no news: "↑ 100%" on a site's first day would only look like it.
    // Of what a filter asks no hours are known, so no part of a day.
    let known = |(before, sums): &(Before, Sums)| {
        sums.row != Row::default() && (filter.is_none() || before.until.is_none())
    };
    let compared = before.filter(known);
    let answers = aggregate(days, range, &metrics, filter, compared.as_ref().map(|(_, sums)| sums));
    html! {
        dl.totals {
            @for (answer, (_, name)) in answers.iter().zip(tiles) {
                // Rows of a property know some metrics only.
                @if view.filter.is_none() || !answer.value.is_nothing() {
                    div {
                        dt { (name) }
                        dd {
                            span.figure { (words::value(answer.metric, answer.value)) }
                            (change(answer))
                        }
                    }
                }
            }
        }
        p.span {
            (words::range(range))
            @if range.last == view.today { " so far" }
            @match (compared, view.before) {
                (Some((before, _)), _) => {
                    ", compared with " (words::range(before.range))
                    @if let Some(until) = before.until { " until " (view.site.clock(until)) }
                }
                (None, Some(before)) if filter.is_some() && before.until.is_some() => {
                    "; with a filter, whole days are compared only"
                }
                (None, Some(_)) => "; there is nothing before to compare with",
                (None, None) => {}
            }
        }
    }
}

fn change(answer: &Aggregated) -> Markup {
    let Some(change) = answer.change.filter(|_| !answer.value.is_nothing()) else {
        return html! {};
    };
    // More bounces are worse; a longer visit is not clearly better, but nobody minds.
    let worse = matches!(answer.metric, Metric::BounceRate | Metric::BlindSpot);
    let good = (change > 0) != worse;
    let (class, arrow) = match change {
        0 => ("same", "→"),
        _ if good => ("good", if change > 0 { "↑" } else { "↓" }),
        _ => ("bad", if change > 0 { "↑" } else { "↓" }),
    };
    let unit = if answer.metric.is_percent() { " pp" } else { "%" };
    html! {
        span.change.(class) {
            span aria-hidden="true" { (arrow) " " }
            span.hidden { @if change < 0 { "down " } @else { "up " } }
            (words::grouped(change.abs())) (unit)
        }
    }
}

fn over_time(view: &View, days: &Days) -> Markup {
    let interval = view.interval();
    if view.filter.is_some() && interval == Interval::Hour {
        let longer = view.link(&[("period", Some("7d"))]);
        return html! {
            p.empty {
                "Hours are counted for all traffic together. "
                a href=(longer) { "See this filter over 7 days" } "."
            }
        };
    }
    let buckets = timeseries(days, &view.site, view.range, interval, view.filter.as_ref());
    html! {
        (chart::legend(&buckets, view.property()))
        (chart::chart(view, &buckets))
    }
}

fn evidence_bar(sum: &Row) -> Markup {
    let all = sum.pageviews().max(1) as f64;
    let parts = evidence(sum).map(|(_, row)| row.pageviews());
    let share = |n: i64| n as f64 / all * 100.0;
    let starts = parts.iter().scan(0.0, |at, n| {
        let start = *at;
        *at += share(*n);
        Some(start)
    });
    html! {
        section.sheet.evidence aria-labelledby="evidence-title" {
            header {
                h2 #evidence-title { "Evidence" }
                p { "How each pageview is known. Other tools see only what scripts tell them, or only what logs hold." }
            }
            svg.evidence-bar viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true" {
                @for ((start, n), (class, ..)) in starts.zip(parts).zip(EVIDENCE) {
                    rect.(class) x=(format!("{start:.3}")) width=(format!("{:.3}", share(n))) height="1" {}
                }
            }
            dl {
                @for (n, (class, name, why)) in parts.into_iter().zip(EVIDENCE) {
                    div {
                        dt { i.(class) {} (name) }
                        dd {
                            span.figure { (words::value(Metric::Pageviews, Value::Count(n))) }
                            span.share { (format!("{:.0}%", share(n))) }
                            p { (why) }
                        }
                    }
                }
            }
        }
    }
}

fn nothing_yet(admin: &AdminState, view: &View) -> Markup {
    let seconds = admin.flush_interval.as_secs().max(1);
    html! {
        div.nothing {
            @if view.range.last >= view.today {
                h2 { "No pageviews yet" }
                p { "Counts appear within " (seconds) " s of the first visit. Open the site through the proxy to see one." }
            } @else {
                h2 { "No pageviews in this period" }
            }
            @if view.period != Period::Months12 {
                p { a href=(view.link(&[("period", Some("12mo")), ("date", None)])) { "Look at the last 12 months" } }
            }
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
                @if admin.telemetry.untagged.get() > 0 {
                    " The website sends compressed pages, which do not get the script's tag: "
                    (words::value(Metric::Pageviews, Value::Count(admin.telemetry.untagged.get() as i64)))
                    " since the start."
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
