//! Segments in the dashboard: chosen from a menu, made of the filters that are shown, and
//! forgotten.

use super::look::Look;
use super::view::View;
use crate::admin::body::Fields;
use crate::admin::caller::Caller;
use crate::admin::error::Error;
use crate::admin::params::Params;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

/// Where the forms are sent to.
pub const KEEP: &str = "/segments/keep";
pub const FORGET: &str = "/segments/forget";

/// The menu: which segments there are, and a form that keeps what is shown as one.
pub(super) fn menu(view: &View) -> Markup {
    let (say, shown) = (view.say(), view.segment.as_ref());
    let (any, filtered) = (view.segments.iter().next().is_some(), !view.conditions.is_empty());
    if view.look.by_link || !any && (!filtered || !view.look.owns) {
        return html! {};
    }
    html! {
        details.menu #segments {
            summary { (say.t("segment-menu")) }
            div.panel {
                @if any {
                    ul.rows {
                        @for segment in view.segments.iter() {
                            @let id = segment.id.to_string();
                            @let current = shown.is_some_and(|shown| shown.id == segment.id);
                            li {
                                a href=(view.link(&[("segment", Some(&id))])) aria-current=[current.then_some("true")] {
                                    (segment.name)
                                }
                                @if view.look.owns { form method="post" action=(FORGET) {
                                    (view.fields(&[("segment", Some(&id))]))
                                    button.quiet type="submit" aria-label=(say.with("segment-delete", [("name", (&*segment.name).into())])) { "✕" }
                                } }
                            }
                        }
                    }
                }
                @if filtered && view.look.owns {
                    form method="post" action=(KEEP) {
                        (view.fields(&[]))
                        label { (say.t("segment-name")) " " input name="name" required maxlength="100" autocomplete="off"; }
                        button type="submit" { (say.t("segment-save")) }
                    }
                }
            }
        }
    }
}

/// Keeps what is filtered by as a segment, and shows it.
pub async fn keep(app: Caller, Fields(form): Fields) -> Response {
    shown(keep_filters(&app, &form).await)
}

async fn keep_filters(app: &Caller, form: &Params) -> Result<String, Error> {
    let view = view(app, form).await?;
    app.check_owns(&view.site)?;
    let name = form.get("name").unwrap_or_default();
    let id = app.put_segment(&view.site, name, &view.filters()).await?.to_string();
    Ok(view.link(&[("filters", None), ("segment", Some(&id))]))
}

/// Forgets a segment.
pub async fn forget(app: Caller, Fields(form): Fields) -> Response {
    shown(forget_one(&app, &form).await)
}

async fn forget_one(app: &Caller, form: &Params) -> Result<String, Error> {
    let view = view(app, form).await?;
    app.check_owns(&view.site)?;
    app.delete_segment(&view.site, form.get("segment").unwrap_or_default()).await?;
    Ok(view.link(&[("segment", None)]))
}

/// The view from which a form was sent.
async fn view(app: &Caller, form: &Params) -> Result<View, Error> {
    let fields = form.without("name");
    let (_, site) = app.site(&fields).await?;
    let segments = app.segments(&site).await?;
    let look = Look::of(app, &site, &fields).await?;
    Ok(View::read(&site, segments, look, &fields, app.now())?)
}

fn shown(page: Result<String, Error>) -> Response {
    match page {
        Ok(page) => Redirect::to(&page).into_response(),
        Err(e) => e.into_response(),
    }
}
