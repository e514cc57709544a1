//! Who gets in, and what every answer carries.

use super::{App, login, stats};
use crate::{host, text};
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use std::net::IpAddr;
use std::sync::Arc;

/// Lets a request through, or answers in its place.
pub(super) async fn admit(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let auth = &app.admin.auth;
    let path = request.uri().path();
    if auth.is_open() {
        // A page elsewhere can point its own name at 127.0.0.1 and read what it gets (DNS
        // rebinding); it cannot choose the Host its visitor's browser then sends.
        if !is_local(request.headers(), request.uri()) {
            let line = "This port has no credentials, so it answers only to localhost, 127.0.0.0/8 \
                        and [::1]. Set a password or a token to use another name.";
            return (StatusCode::FORBIDDEN, line).into_response();
        }
    } else if !path.starts_with("/assets/") && path != "/login" && !knows(&app, request.headers()) {
        return if path == "/" && auth.has_password() {
            Redirect::to("/login").into_response()
        } else {
            let line = "a valid token is needed: send `Authorization: Bearer TOKEN`";
            let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
            (challenge, stats::error(StatusCode::UNAUTHORIZED, line)).into_response()
        };
    }
    next.run(request).await
}

fn knows(app: &App, headers: &HeaderMap) -> bool {
    let auth = &app.admin.auth;
    text::header(headers, header::AUTHORIZATION).is_some_and(|value| auth.token_is_valid(&value))
        || text::header(headers, header::COOKIE)
            .as_deref()
            .and_then(login::session)
            .is_some_and(|session| auth.session_is_valid(session, app.admin.clock.now()))
}

fn is_local(headers: &HeaderMap, uri: &Uri) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let authority = match (hosts.next(), hosts.next()) {
        (Some(host), None) => Authority::try_from(host.as_bytes()).ok(),
        (None, _) => uri.authority().cloned(), // HTTP/2 has it in the request line
        _ => None,
    };
    authority.is_some_and(|authority| {
        let host = host::plain(authority.host());
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        !authority.as_str().contains('@')
            && (host == "localhost" || address.is_ok_and(|a| a.is_loopback()))
    })
}

/// Pages here run only their own script, sit in no frame and stay in no cache.
pub(super) async fn harden(mut response: Response) -> Response {
    const HEADERS: [(HeaderName, &str); 5] = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
             object-src 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

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
