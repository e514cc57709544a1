//! Access control for the admin port, and the security headers of every answer.

use super::caller::{self, Refusal};
use super::error::Error;
use super::refusal::is_for_people;
use super::routes::{Need, Needs};
use super::{App, assets, login, theme};
use crate::host;
use axum::extract::{MatchedPath, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tower_http::cors::{AllowOrigin, CorsLayer};

/// Routes of assets and of the theme's style sheet. Served for any `Host`, since pages that refuse
/// need them too; they hold nothing about any site.
const LOOK: [&str; 2] = [assets::PATH, theme::STYLE];

/// Lets a request through, or answers in its place.
pub(super) async fn admit(
    State((app, needs)): State<(Arc<App>, Arc<Needs>)>,
    mut request: Request,
    next: Next,
) -> Response {
    let auth = &app.admin.auth;
    let matched = request.extensions().get::<MatchedPath>();
    let matched = matched.map(|path| path.as_str().to_owned());
    // A page elsewhere can point its own name at 127.0.0.1 and read what it gets (DNS rebinding);
    // it cannot choose the Host its visitor's browser then sends.
    let is_look = matched.as_deref().is_some_and(|path| LOOK.contains(&path));
    if auth.is_open() && !is_look && !is_local(request.headers(), request.uri()) {
        return Error::NotLocal.into_response();
    }
    let method = match request.method() {
        &Method::HEAD => Method::GET,
        other => other.clone(),
    };
    let need = matched.clone().and_then(|path| needs.get(&(path, method)).copied());
    if need != Some(Need::Nothing) {
        match caller::grant(&app, request.headers()).await {
            Ok(granted) if need.is_some_and(|need| !need.is_met_by(&granted)) => {
                return Error::NoRight.into_response();
            }
            Ok(granted) => {
                request.extensions_mut().insert(Arc::new(granted));
            }
            Err(Refusal::Away(error)) => return Error::from(error).into_response(),
            Err(_) => {
                if is_for_people(request.uri(), request.headers()) && app.has_passwords().await {
                    let door = login::door(request.method(), request.uri());
                    return Redirect::to(&door).into_response();
                }
                let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
                return (challenge, Error::SignedOut).into_response();
            }
        }
    }
    // A form on another website's page must change nothing here, nor sign anybody in or out.
    let (headers, path) = (request.headers(), request.uri().path());
    let is_let_in = || {
        path.starts_with("/api/")
            && headers.get(header::ORIGIN).is_some_and(|o| app.admin.cors_origins.contains(o))
    };
    if !request.method().is_safe() && is_from_elsewhere(headers) && !is_let_in() {
        return Error::Elsewhere.into_response();
    }
    // A method for which the route declares no need is refused.
    if need.is_none() && matched.is_some() {
        return Error::WrongMethod.into_response();
    }
    next.run(request).await
}

/// What scripts of other origins may ask, if there are any that may. They bring a token: browsers
/// send no cookies along.
pub(super) fn cors(origins: &[HeaderValue]) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins.iter().cloned()))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
        .max_age(Duration::from_secs(3_600))
}

/// Whether a page of another origin sent a request: browsers say so in `Sec-Fetch-Site`, and older
/// ones, or on plain HTTP, in `Origin`. A program sends neither.
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let of = |name| headers.get(name).map(HeaderValue::as_bytes);
    if let Some(site) = of(HeaderName::from_static("sec-fetch-site")) {
        return !matches!(site, b"same-origin" | b"none");
    }
    let Some(origin) = of(header::ORIGIN) else { return false };
    // `null`, which a sandboxed page sends, has no host: it is from elsewhere.
    let host = origin.windows(3).position(|w| w == b"://").map(|at| &origin[at + 3..]);
    !host.is_some_and(|host| of(header::HOST).is_some_and(|own| own.eq_ignore_ascii_case(host)))
}

fn is_local(headers: &HeaderMap, uri: &Uri) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let authority = match (hosts.next(), hosts.next()) {
        (Some(host), None) => Authority::try_from(host.as_bytes()).ok(),
        (None, _) => uri.authority().cloned(), // HTTP/2 sends it as ":authority"
        _ => None,
    };
    authority.is_some_and(|authority| {
        let host = host::plain(authority.host());
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        !authority.as_str().contains('@')
            && (host == "localhost" || address.is_ok_and(|a| a.is_loopback()))
    })
}

/// Put into an answer: the origins whose pages may show it in a frame.
#[derive(Clone)]
pub(super) struct Framed(pub Vec<String>);

/// Pages here run only their own script, sit in no frame but where they are made for it, and stay
/// in no cache.
pub(super) async fn harden(mut response: Response) -> Response {
    const HEADERS: [(HeaderName, &str); 4] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Other sites get no referrer; our own forms still send `Origin`.
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in HEADERS {
        // An asset says itself how long it is kept.
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    let framed = response.extensions().get::<Framed>();
    let ancestors = framed.map(|Framed(origins)| origins.join(" "));
    let ancestors = ancestors.filter(|origins| !origins.is_empty());
    let policy = format!(
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors {}; \
         object-src 'none'",
        ancestors.as_deref().unwrap_or("'none'")
    );
    // Origins are checked before they are kept.
    let policy = HeaderValue::from_str(&policy);
    let policy = policy.unwrap_or(HeaderValue::from_static("default-src 'none'"));
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_other_origins_are_told_apart() {
        let elsewhere = |headers: &[(&'static str, &'static str)]| {
            let own = [("host", "stats.example:8090")];
            let headers = own.iter().chain(headers).map(|(name, value)| {
                (HeaderName::from_static(name), HeaderValue::from_static(value))
            });
            is_from_elsewhere(&headers.collect())
        };
        for own in [
            &[][..],
            &[("sec-fetch-site", "same-origin"), ("origin", "null")],
            &[("sec-fetch-site", "none")],
            &[("origin", "http://stats.example:8090")],
            &[("origin", "https://STATS.example:8090")],
        ] {
            assert!(!elsewhere(own), "{own:?}");
        }
        for other in [
            &[("sec-fetch-site", "cross-site")][..],
            &[("sec-fetch-site", "same-site"), ("origin", "http://stats.example:8090")],
            &[("origin", "http://stats.example")],
            &[("origin", "http://other.example:8090")],
            &[("origin", "null")],
            &[("origin", "")],
        ] {
            assert!(elsewhere(other), "{other:?}");
        }
    }

    #[test]
    fn only_local_hosts_are_local() {
        let local = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            is_local(&headers, &Uri::from_static("/"))
        };
        for host in [
            "localhost",
            "LOCALHOST:8090",
            "localhost.:80",
            "127.0.0.1:1",
            "127.9.9.9",
            "[::1]:80",
            "[::1]",
        ] {
            assert!(local(host), "{host}");
        }
        for host in [
            "example.org",
            "localhost.example.org",
            "127.0.0.1.example.org",
            "192.0.2.1",
            "[::2]",
            "localhost@example.org",
            "example.org@localhost",
            "0.0.0.0",
            "",
        ] {
            assert!(!local(host), "{host}");
        }
        assert!(!is_local(&HeaderMap::new(), &Uri::from_static("/")));
        let mut two = HeaderMap::new();
        two.append(header::HOST, HeaderValue::from_static("localhost"));
        two.append(header::HOST, HeaderValue::from_static("example.org"));
        assert!(!is_local(&two, &Uri::from_static("/")));
    }
}
