//! Pages, of every kind that `inject` has to tell apart.

use super::exchange::{Exchange, Step, answer, bytes, chunks, request, send};
use crate::common::wire::NAVIGATION;

pub fn table() -> Vec<Exchange> {
    let mut table = Vec::new();
    for (name, status, fields, body) in PAGES {
        let said = answer(status, fields, body);
        table.push(Exchange::new(format!("page: {name}"), &request("GET", "/", NAVIGATION), &said));
    }
    for (name, asked, said) in CONDITIONS {
        let asked = request("GET", "/", &format!("{NAVIGATION}{asked}"));
        table.push(Exchange::new(format!("page: {name}"), &asked, said));
    }
    table.extend(framings());
    table
}

pub const PAGE: &str = "<!doctype html>\n<html><head><title>Page</title></head><body>\nHello\n";
const HTML: &str = "Content-Type: text/html; charset=utf-8\r\n";

/// Name, status, fields, body.
const PAGES: &[(&str, &str, &str, &str)] = &[
    ("usual", "200 OK", HTML, PAGE),
    (
        "with validators",
        "200 OK",
        "Content-Type: text/html\r\nETag: \"v1\"\r\nLast-Modified: Tue, 15 Nov 1994 08:12:31 GMT\r\nAccept-Ranges: bytes\r\n",
        PAGE,
    ),
    ("with a weak ETag", "200 OK", "Content-Type: text/html\r\nETag: W/\"v1\"\r\n", PAGE),
    (
        "with digests",
        "200 OK",
        "Content-Type: text/html\r\nDigest: sha-256=x\r\nContent-MD5: x\r\nContent-Digest: sha-256=:x:\r\nRepr-Digest: sha-256=:x:\r\n",
        PAGE,
    ),
    ("with timings", "200 OK", "Content-Type: text/html\r\nServer-Timing: db;dur=5\r\n", PAGE),
    ("without a head", "200 OK", HTML, "just text"),
    ("in Latin-1", "200 OK", "Content-Type: text/html; charset=iso-8859-1\r\n", "<body>caf\u{e9}"),
    ("in UTF-16", "200 OK", "Content-Type: text/html; charset=utf-16\r\n", "\u{fe}\u{ff}\0<\0p\0>"),
    ("XHTML", "200 OK", "Content-Type: application/xhtml+xml\r\n", PAGE),
    (
        "not to be changed",
        "200 OK",
        "Content-Type: text/html\r\nCache-Control: no-transform\r\n",
        PAGE,
    ),
    (
        "an attachment",
        "200 OK",
        "Content-Type: text/html\r\nContent-Disposition: attachment\r\n",
        PAGE,
    ),
    ("not found", "404 Not Found", HTML, PAGE),
    ("broken", "500 Internal Server Error", HTML, PAGE),
    ("created", "201 Created", HTML, PAGE),
    ("moved", "301 Moved Permanently", "Content-Type: text/html\r\nLocation: /b\r\n", PAGE),
    ("empty", "200 OK", HTML, ""),
    ("empty, forbidden", "403 Forbidden", HTML, ""),
    ("empty, not found", "404 Not Found", HTML, ""),
    ("empty, broken", "500 Internal Server Error", HTML, ""),
    ("reset", "205 Reset Content", HTML, ""),
    ("a type in capitals", "200 OK", "Content-Type: TEXT/HTML\r\n", PAGE),
    ("a type with Latin-1", "200 OK", "Content-Type: text/html; x=\"\u{e9}\"\r\n", PAGE),
    (
        "in the root of a frame",
        "200 OK",
        "Content-Type: text/html\r\nContent-Security-Policy: default-src 'self'\r\n",
        "<frameset><frame src=/a></frameset>",
    ),
];

/// Name, fields of the request, answer.
const CONDITIONS: &[(&str, &str, &str)] = &[
    (
        "confirmed by its own ETag",
        "If-None-Match: \"v1\"\r\n",
        "HTTP/1.1 304 Not Modified\r\nETag: \"v1\"\r\n\r\n",
    ),
    (
        "confirmed by the tagged page's ETag",
        "If-None-Match: W/\"v1-hc\"\r\n",
        "HTTP/1.1 304 Not Modified\r\nETag: \"v1\"\r\n\r\n",
    ),
    (
        "If-Match with the tagged page's ETag",
        "If-Match: W/\"v1-hc\"\r\n",
        "HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n",
    ),
    (
        "a range of it",
        "Range: bytes=0-4\r\n",
        "HTTP/1.1 206 Partial Content\r\nContent-Type: text/html\r\nContent-Range: bytes 0-4/90\r\nContent-Length: 5\r\n\r\n<!doc",
    ),
    (
        "a range from the tagged page's ETag",
        "Range: bytes=0-4\r\nIf-Range: W/\"v1-hc\"\r\n",
        "HTTP/1.1 206 Partial Content\r\nContent-Type: text/html\r\nContent-Range: bytes 0-4/90\r\nContent-Length: 5\r\n\r\n<!doc",
    ),
];

fn framings() -> Vec<Exchange> {
    let get = |name: &str, fields: &str| {
        let said = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n{fields}\r\n");
        Exchange::new(format!("page: {name}"), &request("GET", "/", NAVIGATION), &said)
    };
    let in_chunks = chunks(&bytes(PAGE));
    let halves = bytes(PAGE);
    let (first, second) = halves.split_at(20);
    let long = format!("{PAGE}{}", "long ".repeat(20_000));
    let head = format!("HTTP/1.1 200 OK\r\n{HTML}ETag: \"v1\"\r\nContent-Length: 90\r\n\r\n");
    vec![
        get("in chunks", "Transfer-Encoding: chunked\r\n")
            .answered([Step::Send(in_chunks), send("0\r\n\r\n")]),
        get("in chunks, empty", "Transfer-Encoding: chunked\r\n").answered([send("0\r\n\r\n")]),
        get("up to the end", "").answered([send(PAGE), Step::Close]),
        get("empty, up to the end", "").answered([Step::Close]),
        get("slow", &format!("Content-Length: {}\r\n", PAGE.len())).answered([
            Step::Pause,
            Step::Send(first.to_vec()),
            Step::Pause,
            Step::Send(second.to_vec()),
        ]),
        get("long", &format!("Content-Length: {}\r\n", long.len())).answered([send(&long)]),
        Exchange::new("page: HEAD", &request("HEAD", "/", NAVIGATION), &head),
        Exchange::new(
            "page: HEAD, empty",
            &request("HEAD", "/", NAVIGATION),
            &format!("HTTP/1.1 404 Not Found\r\n{HTML}Content-Length: 0\r\n\r\n"),
        ),
        Exchange::new(
            "page: to HTTP/1.0",
            &format!("GET / HTTP/1.0\r\n{NAVIGATION}\r\n"),
            &answer("200 OK", HTML, PAGE),
        ),
        Exchange::new(
            "page: answer to POST",
            &request("POST", "/", &format!("{NAVIGATION}Content-Length: 0\r\n")),
            &answer("200 OK", HTML, PAGE),
        ),
    ]
}
