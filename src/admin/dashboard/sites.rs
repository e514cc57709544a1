//! Where there are several sites, the first page: all of them, with their numbers of today.

use super::{document, logo, words};
use crate::admin::{App, stats};
use crate::model::site::Site;
use crate::report::{Question, answer};
use maud::{Markup, html};

/// A site today. Of a number that the store does not tell there is none.
struct Today<'a> {
    site: &'a Site,
    current: u64,
    visitors: Option<i64>,
    pageviews: Option<i64>,
}

/// # Errors
/// The store's.
pub(super) async fn list(app: &App) -> Result<Markup, stats::Error> {
    let mut sites = Vec::with_capacity(app.admin.sites.len());
    for (place, site) in app.admin.sites.iter().enumerate() {
        sites.push(today(app, place, site).await?);
    }
    Ok(draw(app, &sites))
}

async fn today<'a>(app: &App, place: usize, site: &'a Site) -> Result<Today<'a>, stats::Error> {
    let asked = |name: &str| match name {
        "period" => Some("day"),
        "metrics" => Some("visitors,pageviews"),
        _ => None,
    };
    let question = Question::aggregate(asked, site, app.admin.clock.now())?;
    let days = app.reader.days(&site.name, question.days()).await?;
    let told = answer(&question, site, &days)?;
    let number = |metric: &str| told["results"][metric]["value"].as_i64();
    let current = app.admin.live.current_visitors(place);
    Ok(Today { site, current, visitors: number("visitors"), pageviews: number("pageviews") })
}

fn draw(app: &App, sites: &[Today<'_>]) -> Markup {
    let shown = |n: Option<i64>| n.map_or_else(|| words::NOTHING.to_owned(), words::grouped);
    let body = html! {
        div {
            header.top {
                div.who {
                    a.home href="/" aria-label="headcount" { (logo()) }
                    h1 { "Sites" }
                    @if app.admin.auth.has_password() {
                        form.leave method="post" action="/logout" { button type="submit" { "Sign out" } }
                    }
                }
            }
            main {
                section.card aria-label="Sites" {
                    table {
                        thead {
                            tr {
                                th scope="col" { "Site" }
                                th scope="col" { "Now" }
                                th scope="col" { "Visitors today" }
                                th scope="col" { "Pageviews today" }
                            }
                        }
                        tbody {
                            @for Today { site, current, visitors, pageviews } in sites {
                                tr {
                                    th scope="row" { a href={ "/?site_id=" (site.name) } { (site.name) } }
                                    td { (shown(i64::try_from(*current).ok())) }
                                    td { (shown(*visitors)) }
                                    td { (shown(*pageviews)) }
                                }
                            }
                        }
                    }
                }
            }
            footer { p { "A day is a day in the site's own time zone, until now." } }
        }
    };
    document("Sites · headcount", body)
}
