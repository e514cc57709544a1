//! Who may ask: hosts, tokens, the password and the sessions it opens.

use super::port::{NOW, Port};
use crate::admin::Auth;
use argon2::password_hash::PasswordHasher;
use argon2::{Argon2, Params};
use reqwest::header::{AUTHORIZATION, COOKIE, HOST, LOCATION, SET_COOKIE, WWW_AUTHENTICATE};
use reqwest::{Response, StatusCode};

const TOKEN: &str = "a-token-for-programs";

/// A port with the password `correct horse` and a token.
async fn guarded() -> Port {
    let quick = Params::new(8, 1, 1, None).unwrap();
    let argon2 = Argon2::new(Default::default(), Default::default(), quick);
    let hash = argon2.hash_password(b"correct horse").unwrap().to_string();
    Port::open(Auth::new(Some(&hash), &[TOKEN.into()]).unwrap(), &["example.org"]).await
}

async fn sign_in(port: &Port, password: &str) -> Response {
    let body =
        form_urlencoded::Serializer::new(String::new()).append_pair("password", password).finish();
    port.client
        .post(format!("http://{}/login", port.address))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
        .send()
        .await
        .unwrap()
}

#[tokio::test]
async fn without_credentials_only_local_names_are_answered() {
    let port = Port::local().await;
    for path in ["/", "/metrics", "/api/v1/stats/aggregate", "/api/live", "/login", "/nothing"] {
        let response = port.request(path).header(HOST, "rebound.example").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path}");
        let line = response.text().await.unwrap();
        assert!(line.contains("no credentials") && !line.contains('\n'), "{line}");
    }
    for host in ["localhost:1", "127.0.0.9", "[::1]:8090"] {
        let response = port.request("/").header(HOST, host).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{host}");
    }
    for probe in ["/healthz", "/readyz"] {
        let response = port.request(probe).header(HOST, "10.0.0.7:8090").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{probe}");
    }
}

#[tokio::test]
async fn programs_show_a_token() {
    let port = guarded().await;
    for path in ["/api/v1/stats/aggregate", "/metrics", "/api/live", "/nothing"] {
        for wrong in [None, Some("Bearer wrong"), Some("Basic YTpi")] {
            let mut request = port.request(path);
            if let Some(value) = wrong {
                request = request.header(AUTHORIZATION, value);
            }
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{path} {wrong:?}");
            assert_eq!(response.headers()[WWW_AUTHENTICATE], "Bearer");
        }
    }
    for path in ["/api/v1/stats/aggregate", "/metrics", "/"] {
        let request = port.request(path).header(HOST, "stats.example");
        let response = request.bearer_auth(TOKEN).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn people_sign_in_and_their_session_ends() {
    let port = guarded().await;
    let response = port.request("/").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(response.headers()[LOCATION], "/login");
    assert!(port.get("/login").await.1.contains("Sign in"));
    assert_eq!(port.get("/assets/headcount.css").await.0, StatusCode::OK);

    let wrong = sign_in(&port, "correct hors").await;
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    assert!(wrong.headers().get(SET_COOKIE).is_none());

    let right = sign_in(&port, "correct horse").await;
    assert_eq!(right.status(), StatusCode::SEE_OTHER);
    let cookie = right.headers()[SET_COOKIE].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let status = async |cookie: &str| {
        port.request("/").header(COOKIE, format!("a=b; {cookie}")).send().await.unwrap().status()
    };
    assert_eq!(status(cookie).await, StatusCode::OK);
    assert_eq!(status(&cookie.replacen('1', "2", 1)).await, StatusCode::SEE_OTHER);
    port.clock.set(NOW + 8 * 24 * crate::clock::HOUR);
    assert_eq!(status(cookie).await, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn guessing_is_slowed_down() {
    let port = guarded().await;
    let mut last = StatusCode::OK;
    for _ in 0..11 {
        last = sign_in(&port, "guess").await.status();
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(sign_in(&port, "correct horse").await.status(), StatusCode::TOO_MANY_REQUESTS);
    port.clock.set(NOW + crate::clock::MINUTE);
    assert_eq!(sign_in(&port, "correct horse").await.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn every_answer_is_hardened() {
    let port = Port::local().await;
    for path in ["/", "/assets/dashboard.js", "/api/v1/stats/aggregate", "/nothing", "/healthz"] {
        let response = port.request(path).send().await.unwrap();
        let header = |name: &str| response.headers()[name].to_str().unwrap();
        assert!(header("content-security-policy").starts_with("default-src 'self'"), "{path}");
        assert!(header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("cache-control"), "no-store", "{path}");
    }
}
