//! What trackers send, in our words; and how they are answered.

use super::*;
use crate::capture::beacon::Kind;
use crate::model::{Nav, ScriptEventKind};
use serde_json::json;

const NOW: Millis = 1_800_000_000_000;

fn read(api: Api, query: Option<&str>, headers: &HeaderMap, body: &[u8]) -> Vec<Message> {
    let currency = Some(Currency::EUR);
    api.read(Beacon { query, headers, body, received: NOW, value_max: 64, currency })
}

fn one(api: Api, body: &Value) -> Result<BeaconEvent, String> {
    let mut messages = read(api, None, &HeaderMap::new(), body.to_string().as_bytes());
    assert_eq!(messages.len(), 1);
    let message = messages.remove(0);
    match message.wrong {
        Some(wrong) => Err(wrong),
        None => Ok(message.events.into_iter().next().unwrap()),
    }
}

fn plausible(more: &Value) -> Result<BeaconEvent, String> {
    let mut body =
        json!({ "n": "pageview", "u": "https://a.example/p?utm_source=x#y", "d": "a.example" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    one(Api::Plausible, &body)
}

fn custom(event: BeaconEvent) -> (String, Vec<(String, String)>, Option<i64>, bool) {
    let Kind::Script(ScriptEventKind::Custom { name, properties, value, interactive }) = event.kind
    else {
        panic!("{event:?}")
    };
    let properties = properties.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    (name.to_string(), properties, value, interactive)
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

#[test]
fn plausible_pageviews() {
    let event = plausible(&json!({ "r": "https://news.example/x", "w": 1400, "v": 36 })).unwrap();
    assert_eq!(event.kind, Kind::Pageview(Nav::Load));
    assert_eq!((&*event.path, event.query.as_deref()), ("/p", Some("utm_source=x")));
    assert_eq!(event.referrer.as_deref(), Some("https://news.example/x"));
    assert_eq!(event.screen.as_deref(), Some("992 to 1439 px"));
    assert_eq!((event.view, event.n, event.at), (None, None, NOW));
    let path = |more| plausible(&more).unwrap().path;
    assert_eq!(path(json!({ "h": 1 })), "/p#y");
    assert_eq!(path(json!({ "u": "https://a.example", "h": 1 })), "/");
    assert_eq!(path(json!({ "u": "app://localhost/login" })), "/login");
    let documented = json!({
        "name": "pageview", "url": "http://dummy.site/a", "domain": "dummy.site", "referrer": null,
        "hashMode": 0,
    });
    assert_eq!(one(Api::Plausible, &documented).unwrap().path, "/a");
    // Without a domain, the URL's.
    assert!(one(Api::Plausible, &json!({ "n": "pageview", "u": "https://a.example/" })).is_ok());
}

#[test]
fn plausible_events() {
    let props = [("plan", "pro"), ("seats", "3"), ("trial", "true")];
    let object =
        json!({ "plan": "pro", "seats": 3, "trial": true, "none": null, "empty": "", "deep": {} });
    let revenue = json!({ "currency": "EUR", "amount": "19.99" });
    for more in [
        json!({ "n": "Signup", "p": object, "$": revenue }),
        json!({ "n": "Signup", "props": object.to_string(), "revenue": revenue.to_string() }),
        json!({ "n": "Signup", "m": object, "$": { "currency": "eur", "amount": 19.99 } }),
    ] {
        let told = custom(plausible(&more).unwrap());
        assert_eq!(told, ("Signup".to_owned(), pairs(&props), Some(19_990), true));
    }
    let other = json!({ "n": "Buy", "$": { "currency": "USD", "amount": 5 }, "i": false });
    let told = custom(plausible(&other).unwrap());
    assert_eq!(told, ("Buy".to_owned(), Vec::new(), None, false), "dollars are no euros");
}

#[test]
fn plausible_attention_and_links() {
    let event = plausible(&json!({ "n": "engagement", "sd": 40, "e": 5_200 })).unwrap();
    let Kind::Script(ScriptEventKind::Engagement { millis, scroll, .. }) = event.kind else {
        panic!()
    };
    assert_eq!((millis, scroll), (5_200, Some(40)));
    let event = plausible(&json!({ "n": "engagement", "sd": 255, "e": 1 })).unwrap();
    assert!(matches!(event.kind, Kind::Script(ScriptEventKind::Engagement { scroll: None, .. })));
    let link = |name: &str, url: &str| match plausible(&json!({ "n": name, "p": { "url": url } }))
        .unwrap()
        .kind
    {
        Kind::Script(ScriptEventKind::Outbound { url }) => format!("out {url}"),
        Kind::Script(ScriptEventKind::File { url }) => format!("file {url}"),
        other => format!("{other:?}"),
    };
    assert_eq!(
        link("Outbound Link: Click", "https://b.example/x?y=1#z"),
        "out https://b.example/x"
    );
    assert_eq!(link("Outbound Link: Click", "https://b.example"), "out https://b.example/");
    assert_eq!(link("File Download", "https://a.example/f.pdf"), "file /f.pdf");
    assert_eq!(link("File Download", "/f.pdf"), "file /f.pdf");
    let named = custom(plausible(&json!({ "n": "Outbound Link: Click" })).unwrap());
    assert_eq!(named.0, "Outbound Link: Click");
}

#[test]
fn what_plausible_refuses() {
    for (more, wrong) in [
        (json!({ "n": "" }), "event_name: can't be blank"),
        (json!({ "u": null }), "url: is required"),
        (json!({ "u": 7 }), "url: must be a string"),
        (json!({ "u": "data:text/html,x" }), "url: scheme is not allowed"),
        (json!({ "d": " " }), "domain: can't be blank"),
        (json!({ "d": null, "u": "/p" }), "domain: can't be blank"),
    ] {
        assert_eq!(plausible(&more).unwrap_err(), wrong);
    }
    for body in [&b"x"[..], b"[]", b"\xff", b""] {
        let message = read(Api::Plausible, None, &HeaderMap::new(), body).remove(0);
        assert_eq!(message.wrong.as_deref(), Some("request: Unable to parse request body as json"));
    }
    let taken = |status, reason: &str, dropped| Taken {
        status,
        reason: reason.to_owned(),
        dropped,
        bot: false,
        address: None,
    };
    let shown = |taken| {
        let answer = Api::Plausible.answer(&[taken]);
        (answer.status, String::from_utf8(answer.body).unwrap(), answer.more)
    };
    assert_eq!(shown(taken(202, "ok", 0)), (202, "ok".to_owned(), vec![]));
    let dropped = vec![("x-plausible-dropped", "1".to_owned())];
    assert_eq!(shown(taken(202, "ok", 1)), (202, "ok".to_owned(), dropped.clone()));
    let errors = r#"{"errors":{"url":["is required"]}}"#.to_owned();
    assert_eq!(shown(taken(400, "url: is required", 0)), (400, errors, dropped));
}

#[test]
fn umami_says() {
    let said = |payload: Value| json!({ "type": "event", "payload": payload });
    let page = json!({
        "website": "x", "hostname": "a.example", "url": "/caf%25C3%25A9?utm_source=x",
        "referrer": "https://news.example/", "screen": "1280x800", "title": "t", "language": "de",
    });
    let event = one(Api::Umami, &said(page)).unwrap();
    assert_eq!(event.kind, Kind::Pageview(Nav::Load));
    assert_eq!((&*event.path, event.query.as_deref()), ("/caf%C3%A9", Some("utm_source=x")));
    assert_eq!((event.referrer.as_deref(), event.screen), (Some("https://news.example/"), None));
    let whole = one(Api::Umami, &said(json!({ "url": "https://a.example/b#part" }))).unwrap();
    assert_eq!(whole.path, "/b");
    let data = json!({ "plan": "pro", "revenue": 9.5, "currency": "EUR" });
    let event = one(Api::Umami, &said(json!({ "url": "/", "name": "Buy", "data": data }))).unwrap();
    assert_eq!(custom(event), ("Buy".to_owned(), pairs(&[("plan", "pro")]), Some(9_500), true));
    let at = json!({ "url": "/", "timestamp": (NOW - 60_000) / 1_000 });
    assert_eq!(one(Api::Umami, &said(at)).unwrap().at, NOW - 60_000);
    let vitals =
        json!({ "type": "performance", "payload": { "url": "/", "lcp": 1200, "cls": 0.1 } });
    let message =
        read(Api::Umami, None, &HeaderMap::new(), vitals.to_string().as_bytes()).remove(0);
    assert_eq!((message.events.len(), message.wrong), (2, None));
    let known =
        json!({ "type": "identify", "payload": { "website": "x", "data": { "name": "me" } } });
    let message = read(Api::Umami, None, &HeaderMap::new(), known.to_string().as_bytes()).remove(0);
    assert_eq!((message.events.len(), message.wrong), (0, None));
    let told = said(json!({ "url": "/", "ip": "198.51.100.7", "userAgent": "me" }));
    let message = read(Api::Umami, None, &HeaderMap::new(), told.to_string().as_bytes()).remove(0);
    let whose = (message.address.unwrap().to_string(), message.user_agent.unwrap());
    assert_eq!(whose, ("198.51.100.7".to_owned(), "me".to_owned()));
}

#[test]
fn umami_answers() {
    let wrong = |body: Value| one(Api::Umami, &body).unwrap_err();
    assert_eq!(wrong(json!([])), "payload is no object");
    assert_eq!(
        wrong(json!({ "type": "event", "payload": {} })),
        "payload has neither url nor name"
    );
    assert!(wrong(json!({ "type": "x", "payload": {} })).starts_with("type is none of"));
    let batch = json!([
        { "type": "event", "payload": { "url": "/a" } },
        { "type": "event" },
    ]);
    let messages = read(Api::UmamiBatch, None, &HeaderMap::new(), batch.to_string().as_bytes());
    let taken: Vec<Taken> = messages
        .iter()
        .map(|message| Taken {
            status: if message.wrong.is_some() { 400 } else { 202 },
            reason: message.wrong.clone().unwrap_or_default(),
            dropped: 0,
            bot: false,
            address: None,
        })
        .collect();
    let answer = Api::UmamiBatch.answer(&taken);
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(
        (&body["size"], &body["processed"], &body["errors"]),
        (&json!(2), &json!(1), &json!(1))
    );
    assert_eq!(body["details"][0]["index"], 1);
    assert_eq!(body["details"][0]["response"]["error"]["message"], "payload is no object");
    let many = json!(vec![json!({ "type": "event", "payload": { "url": "/" } }); 101]);
    let messages = read(Api::UmamiBatch, None, &HeaderMap::new(), many.to_string().as_bytes());
    assert!(messages[0].wrong.as_ref().unwrap().contains("101 events"));
}

#[test]
fn goatcounter_says() {
    let mut headers = HeaderMap::new();
    headers.insert("referer", "https://a.example/from?x=1".parse().unwrap());
    let count = |query: &str| {
        let mut message = read(Api::GoatCounter, Some(query), &headers, b"").remove(0);
        message.wrong.map_or_else(|| Ok(message.events.remove(0)), Err)
    };
    let event =
        count("p=%2Fa%3Fb%3D1&r=https%3A%2F%2Fnews.example%2F&t=x&s=1,2,3&b=153&q=%3Fb%3D1")
            .unwrap();
    assert_eq!(event.kind, Kind::Pageview(Nav::Load));
    assert_eq!((&*event.path, event.query.as_deref()), ("/a", Some("b=1")));
    assert_eq!(event.referrer.as_deref(), Some("https://news.example/"));
    assert_eq!(count("p=/a&q=?utm_source=x").unwrap().query.as_deref(), Some("utm_source=x"));
    let event = count("p=Signup&e=true").unwrap();
    assert_eq!(event.path, "/from");
    assert_eq!(custom(event).0, "Signup");
    assert!(count("").unwrap_err().contains("missing") && count("p=/&b=7").is_err());
    let answer = Api::GoatCounter.answer(&[Taken::default()]);
    assert_eq!((answer.status, answer.content_type), (200, "image/gif"));
    assert_eq!((&answer.body[..6], answer.body.len()), (&b"GIF89a"[..], 42 + 1));
}

#[test]
fn scripts_by_their_paths() {
    use crate::capture::script::ScriptOptions;
    use script::Manner;
    let all = Manner::all(
        &[Tracker::Plausible, Tracker::Umami, Tracker::GoatCounter],
        &ScriptOptions::default(),
        Some("EUR"),
    );
    for (tracker, path) in [
        (Tracker::Plausible, "/js/script.js"),
        (Tracker::Plausible, "/js/script.outbound-links.js"),
        (Tracker::Plausible, "/js/script.hash.outbound-links.tagged-events.js"),
        (Tracker::Plausible, "/js/script.manual.pageview-props.revenue.js"),
        (Tracker::Plausible, "/js/plausible.js"),
        (Tracker::Plausible, "/js/plausible.hash.js"),
        (Tracker::Plausible, "/js/pa-Ab3_x-Y.js"),
        (Tracker::Umami, "/script.js"),
        (Tracker::GoatCounter, "/count.js"),
    ] {
        assert!(all.contains_key(&Manner::at(tracker, path).unwrap()), "{path}");
    }
    for path in [
        "/js/script",
        "/js/script.nonsense.js",
        "/js/other.js",
        "/js/pa-.js",
        "/js/pa-a/b.js",
        "/script.js",
    ] {
        assert_eq!(Manner::at(Tracker::Plausible, path), None, "{path}");
    }
    let mut checks = String::new();
    for script in all.values() {
        let text = str::from_utf8(&script.body).unwrap();
        assert!(
            !text.contains("START") && !text.contains("CURRENCY") && !text.contains('\n'),
            "{text}"
        );
        checks.push_str(&format!("new Function({});\n", json!(text)));
    }
    let mut node = std::process::Command::new("node")
        .arg("-")
        .stdin(std::process::Stdio::piped())
        .spawn()
        .expect("node is not installed: `make test` installs it");
    std::io::Write::write_all(&mut node.stdin.take().unwrap(), checks.as_bytes()).unwrap();
    assert!(node.wait().unwrap().success());
}
