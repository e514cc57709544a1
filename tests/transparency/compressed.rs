//! With `compress`, what the website sends as it is comes compressed to whom accepts it, and
//! nothing else changes.
//!
//! - each coding by the client's wish; HEAD; ETags and what confirms them; with the script's tag
//! - what stays as it is: ranges, `no-transform`, coded, short, pictures, HTTP/1.0, no wish
//! - event streams, event by event; an answer that breaks off

use crate::common::process::Proxy;
use crate::common::wire::{Message, NAVIGATION, Origin, PATIENCE, Wire, get};
use headcount::capture::script::tag;
use std::io::Read;
use std::sync::{Mutex, mpsc};

const TEXT: &[u8] = &[b'x'; 3000];
const FIELDS: &str = "ETag: \"v1\"\r\nContent-MD5: x\r\nAccept-Ranges: bytes\r\n";

fn decoded(answer: &Message) -> Vec<u8> {
    let (bytes, mut text) = (&answer.body[..], Vec::new());
    match answer.header("content-encoding") {
        Some("gzip") => flate2::read::GzDecoder::new(bytes).read_to_end(&mut text).map(drop),
        Some("br") => brotli::Decompressor::new(bytes, 4096).read_to_end(&mut text).map(drop),
        Some("zstd") => zstd::stream::copy_decode(bytes, &mut text),
        _ => std::io::copy(&mut &*bytes, &mut text).map(drop),
    }
    .unwrap();
    text
}

fn origin() -> Origin {
    Origin::start(|wire, request| {
        let (status, fields, body) = match request.target() {
            "/text" if request.header("if-none-match").is_some() => {
                wire.send(format!("HTTP/1.1 304 Not Modified\r\n{FIELDS}\r\n"));
                return true;
            }
            "/text" => ("200 OK", "Content-Type: text/plain\r\n", TEXT),
            "/page" => ("200 OK", "Content-Type: text/html\r\n", &b"<html><body>"[..]),
            "/short" => ("200 OK", "Content-Type: text/plain\r\n", &TEXT[..1000]),
            "/picture" => ("200 OK", "Content-Type: image/png\r\n", TEXT),
            "/fixed" => (
                "200 OK",
                "Content-Type: text/plain\r\nCache-Control: private, no-transform\r\n",
                TEXT,
            ),
            "/coded" => ("200 OK", "Content-Type: text/plain\r\nContent-Encoding: br\r\n", TEXT),
            "/varies" => ("200 OK", "Content-Type: text/css\r\nVary: Cookie\r\n", TEXT),
            "/missing" => ("404 Not Found", "Content-Type: text/plain\r\n", TEXT),
            _ => {
                let part = "Content-Type: text/plain\r\nContent-Range: bytes 0-2999/9000\r\n";
                ("206 Partial Content", part, TEXT)
            }
        };
        if request.method() == "HEAD" {
            let length = body.len();
            wire.send(format!(
                "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{fields}{FIELDS}\r\n"
            ));
        } else {
            wire.reply(status, &format!("{fields}{FIELDS}"), body);
        }
        true
    })
}

#[test]
fn each_client_gets_what_it_likes_best() {
    let origin = origin();
    let proxy = Proxy::start(&origin.url(), &["--compress"]);
    let mut wire = Wire::connect(proxy.site);
    for (accepts, coding) in [
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, br", "br"),
        ("gzip", "gzip"),
        ("gzip;q=0.9, br;q=0.1", "gzip"),
        // As Firefox asks over HTTP/2.
        ("br\r\nTE: trailers", "br"),
    ] {
        for target in ["/text", "/missing", "/varies"] {
            let accepts = format!("Accept-Encoding: {accepts}\r\n");
            let answer = wire.ask("GET", target, &accepts);
            let head = wire.ask("HEAD", target, &accepts);
            assert!(decoded(&answer) == TEXT && answer.body.len() < 100, "{coding}");
            for answer in [&answer, &head] {
                assert_eq!(answer.header("content-encoding"), Some(coding), "{target}");
                assert_eq!(answer.header("etag"), Some("W/\"v1\""));
                assert!(answer.all("vary").contains(&"Accept-Encoding"), "{answer:?}");
                assert_eq!(answer.all("vary").len(), if target == "/varies" { 2 } else { 1 });
                for gone in ["content-length", "content-md5", "accept-ranges"] {
                    assert_eq!(answer.header(gone), None);
                }
            }
        }
    }
    // What confirms a compressed copy, and what another.
    for (asked, confirmed, varies) in
        [("W/\"v1\"", "W/\"v1\"", Some("Accept-Encoding")), ("\"v1\"", "\"v1\"", None)]
    {
        let fields = format!("Accept-Encoding: br\r\nIf-None-Match: {asked}\r\n");
        let answer = wire.ask("GET", "/text", &fields);
        assert_eq!((answer.status(), answer.header("etag")), (304, Some(confirmed)));
        assert_eq!(answer.header("vary"), varies);
        // What it says of bytes is said of those that the website sent.
        let of_bytes = answer.header("content-md5").is_some();
        assert_eq!(of_bytes, varies.is_none());
    }
}

#[test]
fn all_else_stays_as_it_is() {
    let origin = origin();
    let proxy = Proxy::start(&origin.url(), &["--compress"]);
    let mut wire = Wire::connect(proxy.site);
    let accepts = "Accept-Encoding: gzip, br, zstd\r\n";
    for target in ["/range", "/fixed", "/coded", "/short", "/picture"] {
        let (direct, through) =
            (get(origin.address, target, accepts), wire.ask("GET", target, accepts));
        assert!(direct.body == through.body, "{target}");
        for name in ["etag", "content-length", "content-md5", "content-encoding", "vary"] {
            assert_eq!(direct.header(name), through.header(name), "{target} {name}");
        }
    }
    // It would have been compressed for another, which caches must know.
    for accepts in ["", "Accept-Encoding: identity\r\n", "Accept-Encoding: gzip;q=0\r\n"] {
        let answer = wire.ask("GET", "/text", accepts);
        assert!(answer.body == TEXT);
        assert_eq!(answer.header("etag"), Some("\"v1\""));
        assert_eq!(answer.header("content-length"), Some("3000"));
        assert_eq!(answer.header("vary"), Some("Accept-Encoding"));
    }
    let mut old = Wire::connect(proxy.site);
    old.send(format!("GET /text HTTP/1.0\r\nHost: h\r\n{accepts}\r\n"));
    assert!(old.answer("GET").body == TEXT);
    // Off, as it comes.
    let proxy = Proxy::start(&origin.url(), &[]);
    let answer = get(proxy.site, "/text", accepts);
    assert_eq!((answer.body == TEXT, answer.header("vary")), (true, None));
}

#[test]
fn a_page_has_its_tag_when_it_is_compressed() {
    let origin = origin();
    let proxy =
        Proxy::start(&origin.url(), &["--compress", "--compress-min-size=1B", "--inject=true"]);
    let page = get(proxy.site, "/page", &format!("{NAVIGATION}Accept-Encoding: br\r\n"));
    assert_eq!(page.header("content-encoding"), Some("br"));
    assert_eq!(page.header("etag"), Some("W/\"v1-hc\""));
    let expected = format!("<html>{}<body>", tag("/headcount.js"));
    assert_eq!(String::from_utf8(decoded(&page)).unwrap(), expected);
}

#[test]
fn events_arrive_one_by_one() {
    let (next, wanted) = mpsc::channel::<()>();
    let wanted = Mutex::new(wanted);
    let origin = Origin::start(move |wire, _| {
        wire.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
        for i in 0..5 {
            let event = format!("data: {i}\n\n");
            wire.send(format!("{:x}\r\n{event}\r\n", event.len()));
            wanted.lock().unwrap().recv_timeout(PATIENCE).unwrap();
        }
        // And breaks off.
        false
    });
    let proxy = Proxy::start(&origin.url(), &["--compress"]);
    let mut wire = Wire::connect(proxy.site);
    wire.send("GET /events HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n");
    let head = wire.head().unwrap().unwrap();
    assert_eq!(head.header("content-encoding"), Some("gzip"));
    let mut bytes = Vec::new();
    for i in 0..5 {
        bytes.extend(wire.chunk().unwrap().unwrap());
        let mut text = Vec::new();
        let _ = flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut text);
        let expected: String = (0..=i).map(|i| format!("data: {i}\n\n")).collect();
        assert_eq!(String::from_utf8(text).unwrap(), expected);
        next.send(()).unwrap();
    }
    wire.chunk().expect_err("it never ends as if it were whole");
}
