//! Where there are several sites, the first page: each with its last 30 days, and all together.

use super::page::{for_script, made_up, stale};
use super::sheet::{Column, Leads, Line, Name, Sheet, Unit};
use super::{document_that, logo, tiles};
use crate::admin::caller::{Caller, Who};
use crate::admin::error::Error;
use crate::admin::params::address;
use crate::clock::Millis;
use crate::language::NOTHING;
use crate::model::site::Site;
use crate::report::{Interval, Metric, Period, QuerySet, Range, Span, Value};
use chrono::{DateTime, NaiveDateTime};
use maud::{Markup, html};
use serde_json::{Map, Value as Json, json};

const METRICS: [Metric; 2] = [Metric::Visitors, Metric::Pageviews];

/// A site's last 30 days, today included. Of a number that the store does not tell there is none.
struct Lately<'a> {
    site: &'a Site,
    current: u64,
    /// As [`METRICS`].
    totals: [Option<f64>; 2],
    /// Visitors by day.
    course: Vec<Option<f64>>,
}

/// # Errors
/// The store's.
pub(super) async fn list(app: &Caller) -> Result<Markup, Error> {
    let sites = all(app).await?;
    let lasts = app.sites().filter_map(|(_, site)| app.reader.last_time(&site.name));
    let last = lasts.min().filter(|_| app.is_from_last());
    // As it is where the first of them is.
    let read = app.sites().next().map(|(_, site)| local(site, last.unwrap_or(app.now())));
    let away = app.away().zip(read).map(|(why, time)| stale(app.say(), time, why));
    Ok(draw(app, &sites, away.as_ref(), read))
}

async fn all(app: &Caller) -> Result<Vec<Lately<'_>>, Error> {
    let mut sites = Vec::new();
    for (place, site) in app.sites() {
        sites.push(lately(app, place, site).await?);
    }
    Ok(sites)
}

/// The same as a table, with its days and the question that it answers.
///
/// # Errors
/// The store's.
pub(super) async fn sheet(app: &Caller) -> Result<(Range, Sheet, Map<String, Json>), Error> {
    let say = app.say();
    let line = |of: Lately<'_>| {
        let known = |n: Option<f64>| n.map_or(Value::Unknown, |n| Value::Count(n as i64));
        let now = Value::Count(of.current.try_into().unwrap_or(i64::MAX));
        Line::new([of.site.name.to_string()], vec![known(of.totals[0]), known(of.totals[1]), now])
    };
    let sheet = Sheet {
        key: "sites".to_owned(),
        title: say.t("shell-sites").into_owned(),
        names: vec![Name::new("site_id", "shell-sites")],
        columns: vec![
            Column::new(say, "visitors", "metric-visitors", Unit::Count),
            Column::new(say, "pageviews", "metric-pageviews", Unit::Count),
            Column::new(say, "visitors_now", "sites-now", Unit::Count),
        ],
        rows: all(app).await?.into_iter().map(line).collect(),
        is_ranked: false,
        leads: Leads::Nowhere,
        compared_with: None,
    };
    let now = app.sites().next().map(|(_, site)| site.day(app.now())).unwrap_or_default();
    let range = Period::Days30.range(None, now, true)?;
    let query = [("date_range".to_owned(), json!([range.first, range.last]))];
    Ok((range, sheet, query.into_iter().collect()))
}

/// A time as it is where a site is.
fn local(site: &Site, at: Millis) -> NaiveDateTime {
    let at = DateTime::from_timestamp_millis(at).unwrap_or_default();
    at.with_timezone(&site.timezone).naive_local()
}

async fn lately<'a>(app: &Caller, place: usize, site: &'a Site) -> Result<Lately<'a>, Error> {
    let last = app.reader.last_time(&site.name).filter(|_| app.is_from_last());
    let now = last.unwrap_or(app.now());
    let range = Period::Days30.range(None, site.day(now), true)?;
    let span = Span::days(Period::Days30, range);
    let mut questions = QuerySet::new(site, span, None, Vec::new(), now)?;
    let totals = questions.ask_totals(&METRICS);
    let course = questions.ask_over_time(Interval::Day, &METRICS[..1]);
    let days = app.days(&site.name, range).await?;
    let answers = tokio::task::spawn_blocking(move || questions.answer(&days, &[]));
    let answers = answers.await.map_err(|_| Error::Lost)?;
    let all = answers.totals(totals).unwrap_or_default();
    let number = |nth: usize| all.get(nth).and_then(|total| total.value.number());
    let steps = answers.steps(course).unwrap_or_default();
    Ok(Lately {
        site,
        current: app.admin.live.current_visitors(place),
        totals: [number(0), number(1)],
        course: steps.iter().map(|step| step.values.first()?.number()).collect(),
    })
}

fn draw(
    app: &Caller,
    sites: &[Lately<'_>],
    away: Option<&Markup>,
    read: Option<NaiveDateTime>,
) -> Markup {
    let say = app.say();
    let shown = |n: Option<f64>| n.map_or_else(|| NOTHING.to_owned(), |n| say.grouped(n as i64));
    let sum = |nth: usize| sites.iter().filter_map(|site| site.totals[nth]).reduce(|a, b| a + b);
    let current: u64 = sites.iter().map(|site| site.current).sum();
    let numbers = |current: u64, totals: [Option<f64>; 2]| {
        html! {
            dl {
                div { dt { (say.t("metric-visitors")) } dd { (shown(totals[0])) } }
                div { dt { (say.t("metric-pageviews")) } dd { (shown(totals[1])) } }
                div { dt { (say.t("sites-now")) } dd { (shown(Some(current as f64))) } }
            }
        }
    };
    // By day, as far as all of them have it.
    let course = (0..sites.iter().map(|site| site.course.len()).max().unwrap_or(0)).map(|day| {
        let on = sites.iter().filter_map(|site| site.course.get(day).copied().flatten());
        on.reduce(|a, b| a + b)
    });
    let course: Vec<Option<f64>> = course.collect();
    let link = |site: &Site| address("/", [("site_id", &*site.name), ("period", "30d")]);
    let granted = app.granted();
    let body = html! {
        div.frame #view data-refresh=(app.admin.flush_interval.as_millis().max(1_000)) data-base="/"
            data-site="" data-live="" data-stale=(for_script(say, "script-stale"))
            data-answer=(for_script(say, "script-answer")) data-silent=(say.t("script-silent"))
            data-loading=(say.t("script-loading")) {
            header.top {
                div.who {
                    a.home href="/" aria-label="headcount" { (logo()) }
                    h1 { (say.t("shell-sites")) }
                }
                div.who {
                    @if sites.iter().any(|one| app.rights().owns(&one.site.name)) && granted.is_somebody() {
                        a.quiet href="/settings/goals" { (say.t("shell-settings")) }
                    }
                    @if granted.is_somebody() && !matches!(granted.who, Who::Anyone) {
                        a.quiet href="/account" { (say.t("shell-account")) }
                        form.leave method="post" action="/logout" { button type="submit" { (say.t("shell-sign-out")) } }
                    }
                }
            }
            p #busy role="status" data-keep {}
            p #stale role="status" { @if let Some(away) = away { (away) } }
            (made_up(say, &app.admin))
            main {
                div.sites {
                    @if sites.is_empty() {
                        p.empty { (say.t("sites-none")) }
                    } @else {
                        section.card.total aria-labelledby="total" {
                            h2 #total { (say.t("sites-all")) }
                            (tiles::spark_of(&course))
                            (numbers(current, [sum(0), sum(1)]))
                            p.take {
                                a href="/details.csv" download { "CSV" span.hidden { ": " (say.t("shell-sites")) } } " "
                                a href="/details.json" download { "JSON" span.hidden { ": " (say.t("shell-sites")) } }
                            }
                        }
                    }
                    @for one in sites {
                        a.card href=(link(one.site)) {
                            h2 { (one.site.name) }
                            (tiles::spark_of(&one.course))
                            (numbers(one.current, one.totals))
                        }
                    }
                }
            }
            footer {
                p {
                    (say.t("sites-about"))
                    @if let Some(read) = read {
                        @let read = html! { time #read { (say.moment(read)) } };
                        @let seconds = html! { (app.admin.flush_interval.as_secs().max(1)) };
                        " " (say.markup("shell-read", [("time", read), ("seconds", seconds)]))
                    }
                }
            }
        }
    };
    document_that(say, &format!("{} · headcount", say.t("shell-sites")), away.is_some(), body)
}
