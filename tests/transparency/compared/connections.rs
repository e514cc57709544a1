//! Versions, connections that are kept, pipelines, interim answers, upgrades.

use super::exchange::{Exchange, Step, answer, bytes, plain, request, send};

pub fn table() -> Vec<Exchange> {
    let mut table = old_clients();
    table.extend(pipelines());
    table.extend(interim());
    table.extend(upgrades());
    table
}

fn old_clients() -> Vec<Exchange> {
    let old = |name: &str, method: &str, fields: &str, said: &str| {
        Exchange::new(
            format!("HTTP/1.0: {name}"),
            &format!("{method} /old HTTP/1.0\r\n{fields}\r\n"),
            said,
        )
    };
    const HOST: &str = "Host: localhost\r\n";
    const KEPT: &str = "Host: localhost\r\nConnection: keep-alive\r\n";
    const CHUNKS: &str =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n";
    vec![
        old("without a host", "GET", "", &plain()),
        old("with a host", "GET", HOST, &plain()),
        old("kept", "GET", KEPT, &plain()),
        old(
            "kept, an answer of 1.0",
            "GET",
            KEPT,
            "HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nbody",
        ),
        old("HEAD", "HEAD", HOST, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"),
        old(
            "HEAD, in chunks",
            "HEAD",
            HOST,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        ),
        old("204", "GET", HOST, "HTTP/1.1 204 No Content\r\n\r\n"),
        old("304", "GET", HOST, "HTTP/1.1 304 Not Modified\r\nETag: \"v1\"\r\n\r\n"),
        old("chunks", "GET", HOST, CHUNKS),
        old("chunks, kept", "GET", KEPT, CHUNKS),
        old("up to the end", "GET", HOST, "HTTP/1.1 200 OK\r\n\r\nbody").answered([Step::Close]),
        old("up to the end, kept", "GET", KEPT, "HTTP/1.1 200 OK\r\n\r\nbody")
            .answered([Step::Close]),
        old("an upload", "POST", "Host: localhost\r\nContent-Length: 5\r\n", &plain())
            .then([send("hello")]),
        old(
            "no upgrade",
            "GET",
            "Host: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n",
            &plain(),
        ),
    ]
}

fn pipelines() -> Vec<Exchange> {
    let get = |target: &str, fields: &str| {
        Exchange::new("", &request("GET", target, fields), &answer("200 OK", "", target))
    };
    let post = |target: &str, body: &str| {
        let length = format!("Content-Length: {}\r\n", body.len());
        let asked = request("POST", target, &length) + body;
        Exchange::new("", &asked, &answer("200 OK", "", target))
    };
    let head = |target: &str| {
        let said = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";
        Exchange::new("", &request("HEAD", target, ""), said)
    };
    let named = |name: &str, all: Exchange| Exchange { name: format!("pipeline: {name}"), ..all };
    let asked = bytes(&request("GET", "/pieces", "X-A: 1\r\n"));
    let pieces = asked.chunks(7).flat_map(|piece| [Step::Send(piece.to_vec()), Step::Pause]);
    let split = Exchange { client: pieces.collect(), ..get("/pieces", "") };
    vec![
        named("three", get("/1", "").pipelined(get("/2", "")).pipelined(get("/3", ""))),
        named(
            "a body between",
            get("/1", "").pipelined(post("/2", "body")).pipelined(get("/3", "")),
        ),
        named("HEAD first", head("/1").pipelined(get("/2", ""))),
        named("a close at the end", get("/1", "").pipelined(get("/2", "Connection: close\r\n"))),
        named("a line between", {
            let mut next = get("/2", "");
            next.client.insert(0, send("\r\n"));
            get("/1", "").pipelined(next)
        }),
        Exchange { name: "a head in small pieces".into(), ..split },
        Exchange {
            name: "lines that end without CR".into(),
            ..Exchange::new("", "GET /bare HTTP/1.1\nHost: localhost\nX-A: 1\n\n", &plain())
        },
        Exchange {
            name: "an empty line first".into(),
            ..Exchange::new("", &format!("\r\n{}", request("GET", "/late", "")), &plain())
        },
    ]
}

fn interim() -> Vec<Exchange> {
    const HINTS: &str = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n";
    let get = |name: &str, first: &str, last: &str| {
        Exchange::new(name, &request("GET", "/hints", ""), &format!("{first}{last}"))
    };
    vec![
        get("103", HINTS, &plain()),
        get("103, twice", &format!("{HINTS}{HINTS}"), &plain()),
        get("103, then 304", HINTS, "HTTP/1.1 304 Not Modified\r\nETag: \"v1\"\r\n\r\n"),
        get("102", "HTTP/1.1 102 Processing\r\n\r\n", &plain()),
        get("103, then nothing for a while", HINTS, "").answered([Step::Pause, send(&plain())]),
    ]
}

fn upgrades() -> Vec<Exchange> {
    const WEBSOCKET: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat\r\n";
    const AGREED: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    let upgrade = |name: &str, fields: &str, said: &str| {
        Exchange::new(format!("upgrade: {name}"), &request("GET", "/chat", fields), said)
    };
    let kept = "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    vec![
        upgrade("WebSocket", WEBSOCKET, AGREED).answered([Step::Echo, Step::Close]),
        upgrade("WebSocket, as Firefox asks", kept, AGREED).answered([Step::Echo, Step::Close]),
        upgrade("WebSocket, not agreed to", WEBSOCKET, &plain()),
        upgrade(
            "WebSocket, another version",
            WEBSOCKET,
            "HTTP/1.1 426 Upgrade Required\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 7\r\nContent-Length: 0\r\n\r\n",
        ),
        upgrade("another protocol", "Connection: Upgrade\r\nUpgrade: chat/2\r\n", &plain()),
    ]
}
