//! Websites that speak HTTP/2, with TLS and without, and what only HTTP/2 can carry.

use crate::common::ports::free_address;
use crate::common::process::{Proxy, wait_for};
use crate::common::wire::{Origin, Wire, get, self_signed, visit};
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

/// A website that speaks nothing else.
struct Website {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    runtime: Runtime,
}

impl Website {
    fn start(tls: Option<TlsAcceptor>) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = accepted.clone();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let tls = tls.clone();
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, accepted, runtime }
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        tokio::spawn(answer(request, respond));
    }
}

/// Ends within its head: what follows a comment is held back up to the end.
const UNENDED: &str = "<html><head><title>t</title><!-- it ends here -->";

/// Tells what was asked, with a trailer where it may be.
async fn answer(request: Request<h2::RecvStream>, mut to: h2::server::SendResponse<Bytes>) {
    let (head, mut body) = request.into_parts();
    let mut length = 0;
    while let Some(Ok(data)) = body.data().await {
        length += data.len();
        let _ = body.flow_control().release_capacity(data.len());
    }
    if head.uri.path() == "/mute" {
        return std::future::pending().await;
    }
    if head.uri.path() == "/known" {
        let response = Response::builder().header("content-length", "5").body(()).unwrap();
        if let Ok(mut stream) = to.send_response(response, false) {
            let _ = stream.send_data("known".into(), true);
        }
        return;
    }
    if let Some(coding) = head.uri.path().strip_prefix("/page/") {
        let mut response = Response::builder().header("content-type", "text/html");
        let mut page = UNENDED.as_bytes().to_vec();
        match coding {
            "gzip" => {
                let mut gzip = flate2::read::GzEncoder::new(&*page, Default::default());
                let mut coded = Vec::new();
                std::io::copy(&mut gzip, &mut coded).unwrap();
                (page, response) = (coded, response.header("content-encoding", "gzip"));
            }
            "announced" => response = response.header("trailer", "x-sum"),
            _ => {}
        }
        let Ok(mut stream) = to.send_response(response.body(()).unwrap(), false) else { return };
        let _ = stream.send_data(page.into(), false);
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", "42".parse().unwrap());
        let _ = stream.send_trailers(trailers);
        return;
    }
    let te = head.headers.get("te").map_or("none", |te| te.to_str().unwrap());
    let told = format!("{} {} {:?} te {te} body {length}", head.method, head.uri, head.version);
    let response = Response::builder().header("content-type", "text/html").body(()).unwrap();
    let Ok(mut stream) = to.send_response(response, false) else { return };
    let _ = stream.send_data(told.into(), false);
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "42".parse().unwrap());
    let _ = stream.send_trailers(trailers);
}

#[test]
fn websites_are_asked_by_http2() {
    let (config, certificate) = self_signed("localhost");
    let mut config = (*config).clone();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let [plain, encrypted] = [None, Some(TlsAcceptor::from(Arc::new(config)))].map(Website::start);
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, certificate).unwrap();
    let by_tls = ["--upstream-tls-ca", ca.to_str().unwrap(), "--upstream-tls-http2"];
    for (website, upstream, flags, scheme) in [
        (&plain, format!("h2c://{}", plain.address), &[][..], "http"),
        (&encrypted, format!("https://localhost:{}", encrypted.address.port()), &by_tls, "https"),
    ] {
        let proxy = Proxy::start(&upstream, flags);
        let told = |method: &str, target: &str, length| {
            format!("{method} {scheme}://localhost{target} HTTP/2.0 te none body {length}")
        };
        for _ in 0..10 {
            let page = visit(proxy.site, "/a?b=c");
            assert_eq!((page.status(), page.text()), (200, told("GET", "/a?b=c", 0)));
        }
        wait_for("they are counted", || proxy.total("pageviews") == 10);
        let large = vec![b'x'; 3 << 20];
        for body in [&b"12345"[..], &large] {
            let echo = Wire::connect(proxy.site).post("/echo", "", body);
            assert_eq!(echo.text(), told("POST", "/echo", body.len()));
        }
        // It has no way to say raw Latin-1.
        let latin = Wire::connect(proxy.site).ask("GET", "/caf\u{e9}", "");
        assert_eq!(latin.text(), told("GET", "/caf%C3%A9", 0));
        // One for each of the proxy's threads, and who is asked for an upgrade.
        let accepted = website.accepted.load(Ordering::SeqCst);
        assert!(accepted <= 3, "{accepted} connections");
    }
}

#[test]
fn a_website_that_has_no_http2_is_asked_by_http1() {
    let (config, certificate) = self_signed("localhost");
    let origin = Origin::tls(config, |wire, _| {
        wire.reply("200 OK", "", b"by HTTP/1.1");
        true
    });
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, certificate).unwrap();
    let flags = ["--upstream-tls-ca", ca.to_str().unwrap(), "--upstream-tls-http2"];
    let proxy = Proxy::start(&format!("https://localhost:{}", origin.address.port()), &flags);
    for _ in 0..3 {
        assert_eq!(get(proxy.site, "/", "").text(), "by HTTP/1.1");
    }
}

/// Written into a request line, they would be another request than the one that was judged.
#[test]
fn targets_that_are_no_path_are_refused() {
    let origin = Origin::start(|wire, _| {
        wire.reply("200 OK", "", b"");
        true
    });
    let h2c = free_address();
    let _proxy = Proxy::start(&origin.url(), &["--h2c-listen", &h2c.to_string()]);
    wait_for("it takes connections", || std::net::TcpStream::connect(h2c).is_ok());
    let ask = |request: Request<()>| {
        Runtime::new().unwrap().block_on(async {
            let stream = TcpStream::connect(h2c).await.unwrap();
            let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
            tokio::spawn(connection);
            let (answer, _) = client.send_request(request, true).unwrap();
            answer.await.unwrap().status().as_u16()
        })
    };
    let uri = |path| {
        let uri = http::Uri::builder().scheme("http").authority("localhost");
        uri.path_and_query(path).build().unwrap()
    };
    for (method, path, status) in
        [("GET", "/", 200), ("OPTIONS", "*", 200), ("GET", "*", 400), ("GET", "?a", 400)]
    {
        let request = Request::builder().method(method).uri(uri(path)).body(()).unwrap();
        assert_eq!(ask(request), status, "{method} {path}");
    }
    let connect = Request::builder().method("CONNECT").uri("localhost:443").body(()).unwrap();
    assert_eq!(ask(connect), 405);
    assert_eq!(origin.seen().len(), 2);
}

/// HTTP/1.0 has no form for an answer whose length is not known ahead on a connection that stays.
#[test]
fn an_answer_without_length_is_no_answer_to_http_1_0() {
    let website = Website::start(None);
    let proxy = Proxy::start(&format!("h2c://{}", website.address), &[]);
    let ask = |path: &str| {
        let mut old = Wire::connect(proxy.site);
        old.send(format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n"));
        old.answer("GET")
    };
    let unknown = ask("/");
    assert_eq!((unknown.status(), unknown.header("transfer-encoding")), (505, None));
    assert!(unknown.text().contains("Please use HTTP/1.1"), "{}", unknown.text());
    let known = ask("/known");
    assert_eq!((known.status(), known.header("content-length")), (200, Some("5")));
    assert_eq!(known.text(), "known");
}

/// A visitor that speaks HTTP/2 without TLS: what a request is answered with, and the trailers.
async fn ask(to: SocketAddr, path: &str) -> (u16, String, Option<HeaderMap>) {
    let (head, body, trailers) = asked(to, path, "").await;
    (head.status.as_u16(), String::from_utf8(body).unwrap(), trailers)
}

/// The same whole. Firefox says `TE: trailers` with each request.
async fn asked(
    to: SocketAddr,
    path: &str,
    accepts: &str,
) -> (http::response::Parts, Vec<u8>, Option<HeaderMap>) {
    let stream = TcpStream::connect(to).await.unwrap();
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get(format!("http://example.org{path}")).header("te", "trailers");
    let request = request.header("accept-encoding", accepts).header("accept", "text/html");
    let (answer, _) = client.send_request(request.body(()).unwrap(), true).unwrap();
    let (head, mut body) = answer.await.unwrap().into_parts();
    let mut text = Vec::new();
    while let Some(data) = body.data().await {
        text.extend_from_slice(&data.unwrap());
    }
    let trailers = body.trailers().await.unwrap();
    (head, text, trailers)
}

#[test]
fn trailers_arrive_where_both_sides_speak_http2() {
    let website = Website::start(None);
    let h2c = free_address();
    let flags = ["--h2c-listen", &h2c.to_string(), "--timeouts-read", "1s"];
    let proxy = Proxy::start(&format!("h2c://{}", website.address), &flags);
    let (status, text, trailers) = website.runtime.block_on(ask(h2c, "/a"));
    let told = "GET http://example.org/a HTTP/2.0 te trailers body 0";
    assert_eq!((status, text.as_str()), (200, told));
    assert_eq!(trailers.unwrap()["x-sum"], "42");

    let asked = Instant::now();
    let (status, text, _) = website.runtime.block_on(ask(h2c, "/mute"));
    assert_eq!(status, 504, "{text}");
    assert!(asked.elapsed() < Duration::from_secs(4));
    assert!(text.contains("took too long"), "{text}");
    assert_eq!(proxy.metric("headcount_upstream_retries_total"), 0.0);
}

/// The library sends the end of a body, or the trailers: a page that is not whole is worth nothing.
#[test]
fn a_page_that_ends_with_trailers_is_whole() {
    let website = Website::start(None);
    let h2c = free_address();
    let h2c_flag = h2c.to_string();
    let flags = ["--inject", "--h2c-listen", &h2c_flag];
    let compressing = [&flags[..], &["--compress", "--compress-min-size=1B"]].concat();
    let tag = headcount::capture::script::tag("/headcount.js");
    let whole = UNENDED.replace("<!--", &format!("{tag}<!--"));
    for (flags, path, coding, has_trailers) in [
        (&flags[..], "/page/plain", None, false),
        (&flags[..], "/page/gzip", Some("gzip"), false),
        (&compressing[..], "/page/plain", Some("gzip"), false),
        (&compressing[..], "/page/gzip", Some("gzip"), false),
        (&compressing[..], "/page/announced", None, false),
        // Not in the way of a page that passes as it is.
        (&compressing[1..], "/page/announced", None, true),
    ] {
        let proxy = Proxy::start(&format!("h2c://{}", website.address), flags);
        wait_for("it takes connections", || std::net::TcpStream::connect(h2c).is_ok());
        let (head, body, trailers) = website.runtime.block_on(asked(h2c, path, "gzip"));
        let coded = head.headers.get("content-encoding").map(|coding| coding.to_str().unwrap());
        assert_eq!((coded, trailers.is_some()), (coding, has_trailers), "{path} {flags:?}");
        let text = match coded {
            None => String::from_utf8(body).unwrap(),
            // Which fails where the end is missing.
            Some(_) => std::io::read_to_string(flate2::read::GzDecoder::new(&*body)).unwrap(),
        };
        let expected = if flags.contains(&"--inject") { &whole } else { UNENDED };
        assert_eq!(text, expected, "{path} {flags:?}");
        let old = Wire::connect(proxy.site).ask("GET", path, "Accept: text/html\r\n");
        if coded.is_none() {
            assert_eq!(old.text(), expected, "over HTTP/1.1");
        }
    }
}
