//! What there is to ask: sites, goals, properties; the API's description; scripts of other origins.

use super::port::{FRIEND, NOW, Port, today};
use crate::admin::Auth;
use crate::model::rollup::{Dimension, Metric as Stored};
use reqwest::{Method, StatusCode};
use serde_json::{Value as Json, json};
use std::sync::atomic::Ordering::Relaxed;

#[tokio::test]
async fn sites_goals_and_properties_are_listed() {
    let port = Port::open(Auth::new(None, &[]).unwrap(), &["a.example", "b.example"]).await;
    let property = |event: &str, key: &str| format!("{event}\u{1e}{key}\u{1e}pro");
    let rows = [property("Signup", "plan"), property("Trial", "plan"), property("Trial", "age")];
    for row in &rows {
        let day = today() - chrono::Days::new(30);
        port.store.add("b.example", day, &[(Dimension::EventProperty, row, Stored::Events, 1)]);
    }
    let site = |name: &str| json!({ "domain": name, "timezone": "Europe/Berlin" });
    let meta = |after: Json, before: Json, limit: u64| json!({ "after": after, "before": before, "limit": limit });
    let get = async |path: &str| {
        let (status, body) = port.json(&format!("/api/v1/sites{path}")).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    };
    assert_eq!(
        get("").await,
        json!({ "sites": [site("a.example"), site("b.example")],
            "meta": meta(Json::Null, Json::Null, 100) })
    );
    assert_eq!(
        get("?limit=1").await,
        json!({ "sites": [site("a.example")], "meta": meta("1".into(), Json::Null, 1) })
    );
    assert_eq!(
        get("?limit=1&after=1").await,
        json!({ "sites": [site("b.example")], "meta": meta(Json::Null, "1".into(), 1) })
    );
    assert_eq!(get("?limit=1&before=1").await, get("?limit=1").await);
    assert_eq!(
        get("/b.example").await,
        json!({ "domain": "b.example", "timezone": "Europe/Berlin",
            "custom_properties": ["age", "plan"] })
    );
    assert_eq!(
        get("/custom-props?site_id=b.example").await,
        json!({ "custom_properties": [{ "property": "age" }, { "property": "plan" }] })
    );
    let goals = get("/goals?site_id=a.example&limit=2").await;
    assert_eq!(
        goals,
        json!({ "goals": [
            { "id": "1", "goal_type": "event", "display_name": "Signup", "event_name": "Signup",
                "page_path": null, "custom_props": {} },
            { "id": "2", "goal_type": "page", "display_name": "Pricing", "event_name": null,
                "page_path": "/pricing", "custom_props": {} },
        ], "meta": meta("2".into(), Json::Null, 2) })
    );
    for (path, status, names) in [
        ("/c.example", 404, "`c.example`"),
        ("/goals?site_id=c.example", 401, "`c.example`"),
        ("/goals", 400, "`site_id`"),
        ("?limit=x", 400, "`x`"),
        ("?limit=0", 400, "`0`"),
        ("?after=3", 400, "`3`"),
        ("?after=1&before=1", 400, "together"),
        ("?team_id=1", 400, "`team_id`"),
    ] {
        let (got, body) = port.json(&format!("/api/v1/sites{path}")).await;
        assert_eq!(got, status, "{path}: {body}");
        assert!(body["error"].as_str().unwrap().contains(names), "{path}: {body}");
    }
}

#[tokio::test]
async fn health_needs_no_token_and_names_no_store() {
    let port = Port::open(Auth::new(None, &["0123456789abcdef".into()]).unwrap(), &["a"]).await;
    assert_eq!(port.json("/api/health").await, (200, json!({ "store": "ok" })));
    port.clock.set(NOW + 60_000);
    let down = Port::open(Auth::new(None, &["0123456789abcdef".into()]).unwrap(), &["a"]).await;
    down.store.down.store(true, Relaxed);
    let told = json!({ "store": "the store is unreachable" });
    assert_eq!(down.json("/api/health").await, (503, told));
}

#[tokio::test]
async fn every_route_is_described() {
    let port = Port::local().await;
    let (status, text) = port.get("/api/openapi.json").await;
    assert_eq!(status, 200);
    let spec = oas3::from_json(&text).unwrap();
    assert!(spec.openapi.starts_with("3.1."), "{}", spec.openapi);
    let described: Json = serde_json::from_str(&text).unwrap();
    let paths = described["paths"].as_object().unwrap();
    for path in [
        "/api/v1/stats/realtime/visitors",
        "/api/v1/stats/aggregate",
        "/api/v1/stats/timeseries",
        "/api/v1/stats/breakdown",
        "/api/v1/stats/heatmap",
        "/api/v1/stats/timings",
        "/api/v1/stats/funnel",
        "/api/v1/sites",
        "/api/v1/sites/{site_id}",
        "/api/v1/sites/goals",
        "/api/v1/sites/custom-props",
        "/api/v1/sites/segments",
        "/api/v1/sites/segments/{id}",
        "/api/v2/query",
        "/api/v2/journeys",
        "/api/v2/funnel",
        "/api/v2/time-to-goal",
        "/api/v1/export",
        "/api/live",
        "/api/health",
        "/api/openapi.json",
    ] {
        assert!(paths.contains_key(path), "{path} is not described");
    }
    // A route of the API can be made in one place only, where it is described as well.
    let elsewhere = include_str!("../mod.rs").lines().filter(|line| line.contains(".route(\"/api"));
    assert_eq!(elsewhere.collect::<Vec<_>>(), [""; 0]);
    let mut names = Vec::new();
    references(&described, &mut names);
    assert!(!names.is_empty());
    for name in names {
        let at = name.strip_prefix('#').unwrap();
        assert!(described.pointer(at).is_some(), "{name} leads nowhere");
    }
    // It names the words there are.
    let pattern = |at: &str| described.pointer(at).and_then(|of| of["pattern"].as_str()).unwrap();
    let question = "/components/schemas/Question/properties";
    for (at, word) in [
        (&*format!("{question}/metrics/items"), "bounce_rate"),
        (&*format!("{question}/dimensions/items"), "visit:source"),
        ("/components/schemas/DateRange/oneOf/0", "91d"),
    ] {
        assert!(pattern(at).contains(word), "{at}: {}", pattern(at));
    }
    for (path, name, word) in [
        ("aggregate", "metrics", "bounce_rate"),
        ("breakdown", "property", "visit:source"),
        ("timeseries", "metrics", "bounce_rate"),
    ] {
        let all = described["paths"][format!("/api/v1/stats/{path}")]["get"]["parameters"]
            .as_array()
            .unwrap();
        let parameter = all.iter().find(|parameter| parameter["name"] == name).unwrap();
        let pattern = parameter["schema"]["pattern"].as_str().unwrap_or_default();
        assert!(pattern.contains(word), "{path}: {pattern}");
    }
    // So that there is one to forget.
    let segment = json!({ "name": "Home", "filters": [["is", "event:page", ["/"]]] }).to_string();
    let url = format!("http://{}/api/v1/sites/segments", port.address);
    port.client.put(url).body(segment).send().await.unwrap().error_for_status().unwrap();
    for (path, item) in paths {
        for (method, operation) in item.as_object().unwrap() {
            let summary = operation["summary"].as_str().unwrap_or_default();
            assert!(!summary.is_empty(), "{method} {path} says nothing");
            // What is described is there.
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let path = path.replace("{site_id}", "example.org").replace("{id}", "1");
            let url = format!("http://{}{path}", port.address);
            let response = port.client.request(method, url).send().await.unwrap();
            let status = response.status();
            assert_ne!(status, StatusCode::NOT_FOUND, "{path}");
            let known = operation["responses"].as_object().unwrap();
            assert!(known.contains_key(status.as_str()), "{path} answers {status}");
        }
    }
}

fn references<'j>(json: &'j Json, names: &mut Vec<&'j str>) {
    match json {
        Json::Object(object) => {
            names.extend(object.get("$ref").and_then(Json::as_str));
            object.values().for_each(|value| references(value, names));
        }
        Json::Array(list) => list.iter().for_each(|value| references(value, names)),
        _ => {}
    }
}

/// A browser asks first what it may send, without a token, and reads only what it may.
#[tokio::test]
async fn scripts_of_named_origins_may_ask() {
    let token = "0123456789abcdef";
    let port = Port::open(Auth::new(None, &[token.into()]).unwrap(), &["example.org"]).await;
    let url = format!("http://{}/api/v2/query", port.address);
    let preflight = async |origin: &str| {
        let request = port.client.request(Method::OPTIONS, &url).header("origin", origin);
        let request = request
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type");
        request.send().await.unwrap()
    };
    let of = |response: &reqwest::Response, name: &str| {
        response.headers().get(name).map(|value| value.to_str().unwrap().to_lowercase())
    };
    let allowed = preflight(FRIEND).await;
    assert_eq!(allowed.status(), StatusCode::OK);
    assert_eq!(of(&allowed, "access-control-allow-origin").as_deref(), Some(FRIEND));
    let headers = of(&allowed, "access-control-allow-headers").unwrap();
    assert!(headers.contains("authorization") && headers.contains("content-type"), "{headers}");
    assert_eq!(of(&allowed, "access-control-allow-credentials"), None);
    let other = preflight("https://other.example").await;
    assert_eq!(of(&other, "access-control-allow-origin"), None);

    let ask = async |origin: &str, token: &str| {
        let request = port.client.post(&url).header("origin", origin).bearer_auth(token);
        let request = request.header("sec-fetch-site", "cross-site");
        let body = json!({ "metrics": ["visitors"], "date_range": "day" });
        request.body(body.to_string()).send().await.unwrap()
    };
    let answer = ask(FRIEND, token).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(of(&answer, "access-control-allow-origin").as_deref(), Some(FRIEND));
    assert_eq!(ask(FRIEND, "another").await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(ask("https://other.example", token).await.status(), StatusCode::FORBIDDEN);
    // Nobody is signed in from there.
    let url = format!("http://{}/login", port.address);
    let login = port.client.post(url).header("origin", FRIEND).send().await.unwrap();
    assert_eq!(login.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn another_method_is_refused_in_json() {
    let port = Port::local().await;
    let url = format!("http://{}/api/v2/query", port.address);
    let response = port.client.get(url).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(response.headers()["allow"], "POST");
    let body: Json = response.json().await.unwrap();
    assert!(body["error"].is_string(), "{body}");
}

#[tokio::test]
async fn a_body_that_is_too_long_or_no_json_is_told_as_described() {
    let port = Port::open(Auth::new(None, &[]).unwrap(), &["a.example"]).await;
    let long = format!("{{\"site_id\": \"{}\"}}", "a".repeat(64 * 1024));
    for (method, path) in [
        (Method::POST, "/api/v2/query"),
        (Method::POST, "/api/v2/funnel"),
        (Method::PUT, "/api/v1/sites/segments"),
    ] {
        for (body, status, line) in [
            (long.clone(), 413, "the body is longer than 65536 bytes"),
            ("{".to_owned(), 400, "the body is no JSON: EOF while parsing an object"),
        ] {
            let url = format!("http://{}{path}", port.address);
            let request = port.client.request(method.clone(), url).body(body);
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), status, "{path}");
            let told: Json = answer.json().await.unwrap();
            assert!(told["error"].as_str().unwrap().starts_with(line), "{path}: {told}");
        }
    }
}
