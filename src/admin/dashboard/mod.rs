//! The dashboard: one page, rendered here, complete without JavaScript.
//!
//! Everything it can show has an address: period, filter, and which tab of a card is open are
//! query parameters, named as in the Stats API where it has them. The small module only fetches
//! the same page again and swaps it in. Values come from whoever visits the site, attackers
//! included: maud escapes them, and links are made of our own paths only.

mod cards;
mod chart;
mod detail;
mod heat;
mod page;
mod sections;
mod table;
mod view;
mod words;

use super::params::Params;
use super::{App, stats};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};
use std::sync::Arc;
use view::View;

pub(super) async fn show(State(app): State<Arc<App>>, params: Params) -> Response {
    match render(app, &params).await {
        Ok(page) => page.into_response(),
        Err(e) => problem(e.status(), &e.line()).into_response(),
    }
}

async fn render(app: Arc<App>, params: &Params) -> Result<Markup, stats::Error> {
    let admin = &app.admin;
    let (index, site) = match params.get("site_id") {
        None => (0, admin.sites.first().ok_or(stats::Error::NoSiteId)?),
        Some(_) => app.site(params)?,
    };
    let view = View::read(site, params, admin.clock.now())?;
    let days = app.reader.days(&site.name, view.days()).await?;
    let current = admin.live.current_visitors(index);
    tokio::task::spawn_blocking(move || page::page(&app.admin, &view, &days, current))
        .await
        .map_err(|_| stats::Error::Lost)
}

/// A page that says why there is nothing else to see.
fn problem(status: StatusCode, line: &str) -> (StatusCode, Markup) {
    let page = document(
        "headcount",
        html! {
            main.login {
                div.sheet role="alert" {
                    (logo())
                    h1 {
                        @if status == StatusCode::SERVICE_UNAVAILABLE { "The counts are out of reach" }
                        @else { "That cannot be shown" }
                    }
                    p { (line) }
                    @if status == StatusCode::SERVICE_UNAVAILABLE {
                        p.quiet { "Nothing is lost: what is counted waits in the process and is written when the store is back." }
                    }
                    p { a href="/" { "Back to the dashboard" } }
                }
            }
        },
    );
    (status, page)
}

pub(super) fn document(title: &str, body: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) }
                link rel="icon" href="/assets/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/assets/headcount.css";
                script type="module" src="/assets/dashboard.js" {}
            }
            body { (body) }
        }
    }
}

pub(super) fn logo() -> Markup {
    html! {
        span.logo { img src="/assets/icon.svg" alt="" width="28" height="28"; "headcount" }
    }
}
