//! Assistants' questions, as a client of the Model Context Protocol asks them.

use super::port::{FRIEND, Port, today};
use crate::admin::Auth;
use crate::model::rollup::{Dimension, Metric as Stored};
use reqwest::StatusCode;
use serde_json::{Value as Json, json};

const TOKEN: &str = "0123456789abcdef";

async fn post(
    port: &Port,
    token: &str,
    headers: &[(&str, &str)],
    message: &Json,
) -> (StatusCode, Json) {
    let url = format!("http://{}/mcp", port.address);
    let request = port.client.post(url).bearer_auth(token).body(message.to_string());
    let request = request
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream");
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let response = request.send().await.unwrap();
    let (status, text) = (response.status(), response.text().await.unwrap());
    (status, serde_json::from_str(&text).unwrap_or(Json::String(text)))
}

async fn call(port: &Port, method: &str, params: Json) -> Json {
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let (status, mut answer) =
        post(port, TOKEN, &[("mcp-protocol-version", "2025-06-18")], &message).await;
    assert_eq!(status, StatusCode::OK, "{method}: {answer}");
    answer["result"].take()
}

async fn tool(port: &Port, name: &str, arguments: Json) -> Json {
    call(port, "tools/call", json!({ "name": name, "arguments": arguments })).await
}

async fn port() -> Port {
    let auth = Auth::new(None, &[TOKEN.into()]).unwrap();
    let port = Port::open(auth, &["example.org"]).await;
    let rows = [
        (Dimension::Total, "", Stored::Visitors, 5),
        (Dimension::Total, "", Stored::Server, 9),
        (Dimension::Country, "DE", Stored::Visitors, 4),
        (Dimension::Page, "/a", Stored::Visitors, 2),
    ];
    port.store.add("example.org", today(), &rows);
    port
}

#[tokio::test]
async fn tools_are_listed_and_give_the_apis_numbers() {
    let port = port().await;
    let client = json!({ "protocolVersion": "2025-06-18", "capabilities": {},
        "clientInfo": { "name": "test", "version": "1" } });
    let hello = call(&port, "initialize", client).await;
    assert_eq!(hello["serverInfo"]["name"], "headcount");
    assert!(hello["instructions"].as_str().unwrap().contains("site_id"));
    let tools = call(&port, "tools/list", json!({})).await;
    let mut names = Vec::new();
    for tool in tools["tools"].as_array().unwrap() {
        names.push(tool["name"].as_str().unwrap());
        assert!(!tool["description"].as_str().unwrap().is_empty(), "{tool}");
        assert_eq!(tool["annotations"]["readOnlyHint"], true, "{tool}");
        assert_eq!(tool["inputSchema"]["type"], "object", "{tool}");
    }
    names.sort_unstable();
    let all = [
        "aggregate",
        "breakdown",
        "funnel",
        "journeys",
        "query",
        "realtime_visitors",
        "sites",
        "time_to_goal",
        "timeseries",
    ];
    assert_eq!(names, all);

    for (name, arguments, expected) in [
        (
            "aggregate",
            json!({ "period": "day", "metrics": "visitors,pageviews" }),
            json!({ "results": { "visitors": { "value": 5 }, "pageviews": { "value": 9 } } }),
        ),
        (
            "timeseries",
            json!({ "period": "custom", "date": "2026-11-23,2026-11-24", "site_id": "example.org" }),
            json!({ "results": [{ "date": "2026-11-23", "visitors": 0 },
                { "date": "2026-11-24", "visitors": 5 }] }),
        ),
        (
            "breakdown",
            json!({ "property": "visit:country", "period": "7d", "include_today": true, "limit": 1 }),
            json!({ "results": [{ "country": "DE", "visitors": 4 }] }),
        ),
        ("realtime_visitors", json!({}), json!({ "visitors": 3 })),
        (
            "sites",
            json!({}),
            json!({ "sites": [{ "site_id": "example.org", "timezone": "Europe/Berlin",
                "goals": ["Signup", "Pricing", "Tried"] }] }),
        ),
    ] {
        let answer = tool(&port, name, arguments).await;
        assert_eq!(answer["isError"], false, "{answer}");
        assert_eq!(answer["structuredContent"], expected, "{name}");
        let text: Json =
            serde_json::from_str(answer["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(text, expected, "for clients that read only text");
    }
    let question = json!({ "metrics": ["visitors"], "date_range": "day",
        "dimensions": ["visit:country_name"] });
    let answer = tool(&port, "query", question).await;
    assert_eq!(
        answer["structuredContent"]["results"],
        json!([{ "dimensions": ["Germany"], "metrics": [4] }])
    );
}

#[tokio::test]
async fn what_is_wrong_is_said_to_the_assistant() {
    let port = port().await;
    for (name, arguments, names) in [
        ("aggregate", json!({ "perod": "day" }), "did you mean `period`?"),
        ("breakdown", json!({}), "`property`"),
        (
            "query",
            json!({ "metrics": ["visitor"], "date_range": "day" }),
            "did you mean `visitors`?",
        ),
        ("realtime_visitors", json!({ "site_id": "other" }), "`other`"),
    ] {
        let answer = tool(&port, name, arguments).await;
        assert_eq!(answer["isError"], true, "{name}: {answer}");
        let line = answer["content"][0]["text"].as_str().unwrap();
        assert!(line.contains(names), "{name}: {line}");
    }
}

#[tokio::test]
async fn a_token_is_needed_and_pages_elsewhere_stay_out() {
    let port = port().await;
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {} });
    let (status, _) = post(&port, "another", &[], &list).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    for origin in ["https://other.example", FRIEND] {
        let (status, _) = post(&port, TOKEN, &[("origin", origin)], &list).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{origin}");
    }
    // A token goes under any name.
    let (status, answer) = post(&port, TOKEN, &[("host", "stats.example")], &list).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
}
