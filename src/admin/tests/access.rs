//! Who may ask: hosts, tokens, the password and the sessions it opens.

use super::port::{NOW, Port};
use crate::admin::{Auth, assets};
use argon2::password_hash::PasswordHasher;
use argon2::{Argon2, Params};
use reqwest::header::{
    AUTHORIZATION, COOKIE, HOST, LOCATION, RETRY_AFTER, SET_COOKIE, WWW_AUTHENTICATE,
};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use std::net::IpAddr;
use std::time::Duration;
use tokio::task::JoinSet;

const TOKEN: &str = "a-token-for-programs";

/// A port with the password `correct horse` and a token.
async fn guarded() -> Port {
    let quick = Params::new(8, 1, 1, None).unwrap();
    let argon2 = Argon2::new(Default::default(), Default::default(), quick);
    let hash = argon2.hash_password(b"correct horse").unwrap().to_string();
    Port::open(Auth::new(Some(&hash), &[TOKEN.into()]).unwrap(), &["example.org"]).await
}

async fn sign_in(port: &Port, password: &str) -> Response {
    form(&port.client, port, password).send().await.unwrap()
}

/// The form, filled in and not sent yet.
fn form(client: &Client, port: &Port, password: &str) -> RequestBuilder {
    let body =
        form_urlencoded::Serializer::new(String::new()).append_pair("password", password).finish();
    client
        .post(format!("http://{}/login", port.address))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
}

/// A cookie that an answer sets, as it is sent back.
fn cookie(response: &Response, name: &str) -> String {
    let all = response.headers().get_all(SET_COOKIE);
    let mut all = all.iter().map(|value| value.to_str().unwrap());
    let set = all.find(|cookie| cookie.starts_with(name)).unwrap_or_else(|| panic!("no {name}"));
    set.split(';').next().unwrap().to_owned()
}

/// Guesses until no more may wait; those that do, wait on.
async fn guess(client: &Client, port: &Port, headers: &[(&'static str, &'static str)]) {
    let mut guesses = JoinSet::new();
    loop {
        let mut guess = form(client, port, "guess");
        for (name, value) in headers {
            guess = guess.header(*name, *value);
        }
        guesses.spawn(async { guess.send().await.unwrap().status() });
        while let Ok(Some(judged)) =
            tokio::time::timeout(Duration::from_millis(50), guesses.join_next()).await
        {
            match judged.unwrap() {
                StatusCode::UNAUTHORIZED => {}
                StatusCode::TOO_MANY_REQUESTS => return,
                other => panic!("{other}"),
            }
        }
    }
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
    // The page that says so has its look.
    for path in [&*assets::path("headcount.css"), &assets::path("icon.svg"), "/theme.css"] {
        let response = port.request(path).header(HOST, "rebound.example").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
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
    assert_eq!(port.get(&assets::path("headcount.css")).await.0, StatusCode::OK);

    let wrong = sign_in(&port, "correct hors").await;
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    assert!(wrong.headers().get(SET_COOKIE).is_none());

    let right = sign_in(&port, "correct horse").await;
    assert_eq!(right.status(), StatusCode::SEE_OTHER);
    for set in right.headers().get_all(SET_COOKIE) {
        let set = set.to_str().unwrap();
        assert!(set.contains("; HttpOnly; SameSite=") && !set.contains("; Secure"), "{set}");
    }
    let behind_tls =
        form(&port.client, &port, "correct horse").header("x-forwarded-proto", "https");
    for set in behind_tls.send().await.unwrap().headers().get_all(SET_COOKIE) {
        assert!(set.to_str().unwrap().contains("; Secure"), "{set:?}");
    }
    let cookie = &cookie(&right, "headcount_session");
    let status = async |cookie: &str| {
        port.request("/").header(COOKIE, format!("a=é; {cookie}")).send().await.unwrap().status()
    };
    assert_eq!(status(cookie).await, StatusCode::OK);
    assert_eq!(status(&format!("{cookie}A")).await, StatusCode::SEE_OTHER);
    port.clock.set(NOW + 8 * 24 * crate::clock::HOUR);
    assert_eq!(status(cookie).await, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn who_signs_in_gets_the_page_that_was_asked_for() {
    let port = guarded().await;
    let door = async |path: &str| {
        let asked = port.request(path).header("accept", "text/html").send().await.unwrap();
        assert_eq!(asked.status(), StatusCode::SEE_OTHER, "{path}");
        asked.headers()[LOCATION].to_str().unwrap().to_owned()
    };
    let enter = async |next: &str, password: &str| {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.append_pair("password", password).append_pair("next", next);
        let form = port.client.post(format!("http://{}/login", port.address));
        let form = form.header("content-type", "application/x-www-form-urlencoded");
        form.body(body.finish()).send().await.unwrap()
    };
    for path in
        ["/?period=7d&filters=event:page%3D%3D%2Fa%26b", "/settings/goals?site_id=example.org"]
    {
        let door = door(path).await;
        let (_, form) = port.get(&door).await;
        let field = r#"<input type="hidden" name="next" value=""#;
        let next = form.split(field).nth(1).unwrap().split('"').next().unwrap();
        let next = next.replace("&amp;", "&");
        assert_eq!(next, path);
        // A wrong password forgets nothing.
        let again = enter(&next, "wrong").await;
        assert_eq!(again.status(), StatusCode::UNAUTHORIZED);
        assert!(again.text().await.unwrap().contains(field));
        let entered = enter(&next, "correct horse").await;
        assert_eq!(entered.headers()[LOCATION], path);
        let session = cookie(&entered, "headcount_session");
        let shown = port.request(path).header(COOKIE, session).send().await.unwrap();
        assert_eq!(shown.status(), StatusCode::OK);
    }
    assert_eq!(door("/").await, "/login");
    // Elsewhere nobody is led, whoever wrote the link or the form.
    for hostile in
        ["//evil.example", "https://evil.example/", "/\\evil.example", "/\t/evil.example"]
    {
        let link = form_urlencoded::byte_serialize(hostile.as_bytes()).collect::<String>();
        let (_, form) = port.get(&format!("/login?next={link}")).await;
        assert!(!form.contains("evil.example"), "{hostile}");
        assert_eq!(enter(hostile, "correct horse").await.headers()[LOCATION], "/", "{hostile}");
    }
}

#[tokio::test]
async fn signing_out_ends_the_session_and_its_streams() {
    let port = guarded().await;
    let here = cookie(&sign_in(&port, "correct horse").await, "headcount_session");
    let elsewhere = cookie(&sign_in(&port, "correct horse").await, "headcount_session");
    let get = async |path: &str, session: &str| {
        port.request(path).header(COOKIE, session).send().await.unwrap()
    };
    let mut stream = get("/api/live", &here).await;
    assert_eq!(stream.status(), StatusCode::OK);
    let leave = port.client.post(format!("http://{}/logout", port.address));
    let left = leave.header(COOKIE, &here).send().await.unwrap();
    assert_eq!(left.headers()[LOCATION], "/login");
    assert_eq!(cookie(&left, "headcount_session"), "headcount_session=");
    assert_eq!(get("/api/v1/stats/aggregate", &here).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(get("/api/v1/stats/aggregate", &elsewhere).await.status(), StatusCode::OK);
    let end = async { while stream.chunk().await.unwrap().is_some() {} };
    tokio::time::timeout(Duration::from_secs(20), end).await.expect("the stream goes on");
}

#[tokio::test]
async fn forms_of_other_websites_sign_nobody_in_or_out() {
    let port = guarded().await;
    let session = cookie(&sign_in(&port, "correct horse").await, "headcount_session");
    let own = format!("http://{}", port.address);
    for (header, value, allowed) in [
        ("sec-fetch-site", "cross-site", false),
        ("sec-fetch-site", "same-site", false),
        ("origin", "https://elsewhere.example", false),
        ("origin", "null", false),
        ("sec-fetch-site", "same-origin", true),
        ("origin", &own, true),
    ] {
        let expected = if allowed { StatusCode::SEE_OTHER } else { StatusCode::FORBIDDEN };
        let entered = form(&port.client, &port, "correct horse").header(header, value);
        let entered = entered.send().await.unwrap();
        assert_eq!(entered.status(), expected, "{header}: {value}");
        assert_eq!(entered.headers().contains_key(SET_COOKIE), allowed);
        if !allowed {
            let leave = port.client.post(format!("{own}/logout")).header(COOKIE, &session);
            let left = leave.header(header, value).send().await.unwrap();
            assert_eq!(left.status(), StatusCode::FORBIDDEN);
            assert!(!left.headers().contains_key(SET_COOKIE));
        }
    }
    let kept = port.request("/").header(COOKIE, &session).send().await.unwrap();
    assert_eq!(kept.status(), StatusCode::OK);
}

#[tokio::test]
async fn guessing_is_slowed_down_and_keeps_nobody_else_out() {
    let port = guarded().await;
    let browser = cookie(&sign_in(&port, "correct horse").await, "headcount_browser");
    guess(&port.client, &port, &[]).await;
    let refused = sign_in(&port, "correct horse").await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers().contains_key(RETRY_AFTER));
    // A browser that has signed in before is known, from wherever it comes.
    let known = form(&port.client, &port, "correct horse").header(COOKIE, &browser);
    assert_eq!(known.send().await.unwrap().status(), StatusCode::SEE_OTHER);
    // Whoever waits gets in.
    port.clock.set(NOW + 2 * crate::clock::MINUTE);
    assert_eq!(sign_in(&port, "correct horse").await.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn behind_a_proxy_each_client_has_tries_of_its_own() {
    let port = guarded().await;
    let proxy =
        Client::builder().redirect(Policy::none()).local_address(IpAddr::from([127, 0, 0, 2]));
    let proxy = proxy.build().unwrap();
    guess(&proxy, &port, &[("x-forwarded-for", "198.51.100.66")]).await;
    let from = async |client: &Client, address: &str| {
        let form = form(client, &port, "correct horse").header("x-forwarded-for", address);
        form.send().await.unwrap().status()
    };
    assert_eq!(from(&proxy, "198.51.100.66").await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(from(&proxy, "203.0.113.5").await, StatusCode::SEE_OTHER);
    // Who is no proxy of ours gains nothing by other addresses.
    guess(&port.client, &port, &[("x-forwarded-for", "198.51.100.66")]).await;
    assert_eq!(from(&port.client, "203.0.113.5").await, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn every_answer_is_hardened() {
    let port = Port::local().await;
    for path in ["/", "/assets/0/dashboard.js", "/api/v1/stats/aggregate", "/nothing", "/healthz"] {
        let response = port.request(path).send().await.unwrap();
        let header = |name: &str| response.headers()[name].to_str().unwrap();
        assert!(header("content-security-policy").starts_with("default-src 'self'"), "{path}");
        assert!(header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("cache-control"), "no-store", "{path}");
    }
}

#[tokio::test]
async fn assets_are_kept_for_good_under_their_own_address() {
    let port = Port::local().await;
    let kept = async |path: &str| {
        let response = port.request(path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.headers()["cache-control"].to_str().unwrap().to_owned()
    };
    let current = assets::path("patch.js");
    assert!(kept(&current).await.contains("immutable"));
    assert_eq!(kept("/assets/of-another-version/patch.js").await, "no-store");
    let nothing = current.replace("patch.js", "nothing.js");
    assert_eq!(port.get(&nothing).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_large_is_compressed_but_no_stream() {
    let port = Port::local().await;
    let coded = async |path: &str| {
        let asked = port.request(path).header("accept-encoding", "gzip");
        let answer = asked.send().await.unwrap();
        answer.headers().get("content-encoding").map(|coding| coding.to_str().unwrap().to_owned())
    };
    for path in ["/", &assets::path("world.svg"), "/api/openapi.json"] {
        assert_eq!(coded(path).await.as_deref(), Some("gzip"), "{path}");
    }
    assert_eq!(coded("/api/live").await, None);
}
