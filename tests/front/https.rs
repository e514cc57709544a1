//! Both versions of HTTP over TLS: what the website hears, what is counted, and how it ends.

use crate::clients::{Front, LARGE, PAGE, Website, curl};
use crate::common::headcount::{Headcount, SITE};
use crate::common::http::{BEACON, FIREFOX};
use crate::common::ports::free_address;
use crate::common::wait_for;
use crate::common::wire::certificate;
use nix::sys::signal::Signal;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, kx_group};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, NamedGroup, RootCertStore};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

const VERSIONS: [(&str, &str); 2] = [("--http1.1", "1.1"), ("--http2", "2")];

#[test]
fn pages_are_forwarded_and_counted() {
    let website = Website::start();
    let front = Front::start(&website, &["--tls-hsts", "365d"]);
    for (flag, version) in VERSIONS {
        let page = front.curl(&format!("/{version}"), &[flag]);
        assert_eq!((page.version.as_str(), page.status), (version, 200), "{page:?}");
        assert_eq!(page.text(), PAGE);
        assert!(page.field("server-timing").unwrap().starts_with("hc;desc="), "{}", page.head);
        assert_eq!(page.field("strict-transport-security"), Some("max-age=31536000"));
        let echo = front.curl("/echo?a=b", &[flag, "--data-binary", "12345"]);
        let told = echo.text();
        assert!(told.starts_with("POST /echo?a=b HTTP/1.1\n"), "{told}");
        for line in [
            format!("host: {SITE}:{}", front.port),
            "x-forwarded-proto: https".to_owned(),
            "x-forwarded-for: 127.0.0.1".to_owned(),
            "body: 5".to_owned(),
        ] {
            assert!(told.lines().any(|told| *told == *line), "{line} is not in {told}");
        }
    }
    // As before where there is no TLS.
    let plain = curl(&format!("{}/plain", front.headcount.site_url()), &["-A", FIREFOX]);
    assert_eq!((plain.status, plain.field("strict-transport-security")), (200, None));
    let echo = curl(&format!("{}/echo", front.headcount.site_url()), &["-A", FIREFOX]);
    assert!(echo.text().contains("x-forwarded-proto: http\n"), "{}", echo.text());
    wait_for("the views", || (front.headcount.total("pageviews") == 2).then_some(()));
}

/// Browsers of today prefer keys that no quantum computer finds, and older clients know none.
#[test]
fn keys_are_agreed_on_as_the_client_can() {
    let website = Website::start();
    let front = Front::start(&website, &[]);
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&front.certificate.chain).unwrap()).unwrap();
    let usual = aws_lc_rs::default_provider().kx_groups;
    for (can, agreed) in [
        (usual, NamedGroup::X25519MLKEM768),
        (vec![kx_group::X25519], NamedGroup::X25519),
        (vec![kx_group::SECP256R1], NamedGroup::secp256r1),
    ] {
        let provider = CryptoProvider { kx_groups: can, ..aws_lc_rs::default_provider() };
        let config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        let mut session =
            ClientConnection::new(Arc::new(config), SITE.try_into().unwrap()).unwrap();
        let mut socket = TcpStream::connect(("127.0.0.1", front.port)).unwrap();
        session.complete_io(&mut socket).unwrap();
        assert_eq!(session.negotiated_key_exchange_group().unwrap().name(), agreed);
    }
}

/// They offer HTTP/1.0 alone in the handshake, and are answered as it was: the connection ends.
#[test]
fn old_clients_are_answered() {
    let website = Website::start();
    let front = Front::start(&website, &[]);
    let page = front.curl("/", &["--http1.0"]);
    assert_eq!((page.status, page.text(), page.field("connection")), (200, PAGE, Some("close")));
}

#[test]
fn a_beacon_confirms_its_view() {
    let website = Website::start();
    let front = Front::start(&website, &[]);
    for (nth, (flag, _)) in VERSIONS.into_iter().enumerate() {
        let page = front.curl("/", &[flag]);
        let timing = page.field("server-timing").unwrap();
        let id = timing.split('"').nth(1).unwrap();
        let beacon = json!({ "type": "pageview", "pathname": "/", "view": id, "nav": "load",
            "n": nth + 1 });
        let mut more = vec![flag.to_owned(), "--data-binary".into(), beacon.to_string()];
        for (name, value) in BEACON {
            more.extend(["-H".to_owned(), format!("{name}: {value}")]);
        }
        let more: Vec<&str> = more.iter().map(String::as_str).collect();
        let url = format!("https://{SITE}:{}/api/track", front.port);
        let told = front.fetch(&url, &[&["-A", FIREFOX], &more[..]].concat());
        assert_eq!((told.status, told.text()), (202, "ok"), "{told:?}");
    }
    wait_for("the confirmations", || {
        (front.headcount.total("confirmed_pageviews") == 2).then_some(())
    });
    assert_eq!(front.headcount.total("pageviews"), 2);
}

#[test]
fn large_bodies_pass_both_ways() {
    let website = Website::start();
    let front = Front::start(&website, &[]);
    let upload = front.folder().join("upload");
    std::fs::write(&upload, vec![b'y'; LARGE]).unwrap();
    let from = format!("@{}", upload.display());
    for (flag, _) in VERSIONS {
        let large = front.curl("/large", &[flag]);
        assert!(large.body.len() == LARGE && large.body.iter().all(|byte| *byte == b'x'));
        let echo = front.curl("/echo", &[flag, "--data-binary", &from]);
        assert!(echo.text().ends_with(&format!("body: {LARGE}\n")), "{}", echo.text());
    }
}

/// What TLS has encrypted and the socket does not take yet is not forgotten.
#[test]
fn who_reads_slowly_gets_all_of_it() {
    let website = Website::start();
    let dir = tempfile::tempdir().unwrap();
    let (certificate, trust) = certificate(SITE, dir.path());
    let address = free_address();
    let flags = ["--tls-listen", &address.to_string(), "--tls-certificates", &certificate];
    let headcount = Headcount::start(&website.url, &flags);
    // Sockets that take little: some of these answers end just where theirs is full.
    let clients: Vec<_> = (1..=100)
        .map(|nth| {
            let (domain, kind) = (socket2::Domain::IPV4, socket2::Type::STREAM);
            let socket = socket2::Socket::new(domain, kind, None).unwrap();
            socket.set_recv_buffer_size(4_096).unwrap();
            socket.set_tcp_mss(1_000).unwrap();
            socket.connect(&address.into()).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            let name = SITE.try_into().unwrap();
            let tls = rustls::ClientConnection::new(trust.clone(), name).unwrap();
            let mut client = rustls::StreamOwned::new(tls, TcpStream::from(socket));
            let size = nth * 8 * 1024;
            write!(client, "GET /large/{size} HTTP/1.1\r\nHost: {SITE}\r\n\r\n").unwrap();
            (client, size)
        })
        .collect();
    std::thread::sleep(Duration::from_millis(500));
    for (mut client, size) in clients {
        let (mut answer, mut chunk, mut whole) = (Vec::new(), vec![0; 32 * 1024], usize::MAX);
        while answer.len() < whole {
            let read = client.read(&mut chunk);
            let read = read.unwrap_or_else(|e| panic!("{} of {size} bytes: {e}", answer.len()));
            assert!(read > 0, "{} of {size} bytes, and the end", answer.len());
            answer.extend_from_slice(&chunk[..read]);
            if whole == usize::MAX {
                let head = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
                whole = head.map_or(usize::MAX, |end| end + 4 + size);
            }
        }
    }
    drop(headcount);
}

#[test]
fn plain_requests_are_sent_to_https() {
    let website = Website::start();
    let front = Front::start(&website, &["--tls-redirect"]);
    let from = front.headcount.site();
    let url = format!("http://{SITE}:{}/a/b?c=d&e=%20", from.port());
    let there = format!("https://{SITE}:{}/a/b?c=d&e=%20", front.port);
    for more in [&[][..], &["--data-binary", "x"]] {
        let answer = curl(&url, more);
        assert_eq!((answer.status, answer.field("location")), (308, Some(there.as_str())));
        assert_eq!(answer.field("content-length"), Some("0"));
    }
    let headers = ["-H", "Sec-Fetch-Dest: document", "-A", FIREFOX, "--location"];
    let page = front.fetch(&url, &headers);
    assert_eq!((page.status, page.text()), (200, PAGE), "{page:?}");
    // Requests without a host, or with one that no URL can have.
    for head in ["GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"] {
        let mut stream = TcpStream::connect(from).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let mut nowhere = String::new();
        stream.read_to_string(&mut nowhere).unwrap();
        assert!(nowhere.starts_with("HTTP/1.1 400 "), "{head}: {nowhere}");
        assert!(nowhere.contains("<h1>Bad request</h1>"), "{head}: {nowhere}");
        assert!(!nowhere.to_lowercase().contains("server: pingora"), "{nowhere}");
    }
    wait_for("the view", || (front.headcount.total("pageviews") == 1).then_some(()));
}

#[test]
fn what_is_under_way_is_finished_at_the_end() {
    let website = Website::start();
    for (flag, version) in VERSIONS {
        let mut front = Front::start(&website, &[]);
        let slow = std::thread::scope(|scope| {
            let download = scope.spawn(|| front.curl("/slow", &[flag]));
            let in_flight = || front.headcount.metric("headcount_requests_in_flight") == 1;
            wait_for("it is asked for", || in_flight().then_some(()));
            front.headcount.signal(Signal::SIGTERM);
            download.join().unwrap()
        });
        assert_eq!((slow.version.as_str(), slow.status), (version, 200), "{slow:?}");
        assert_eq!(slow.text().lines().count(), 10, "{slow:?}");
        front.headcount.ended();
    }
}

#[test]
fn another_process_takes_over() {
    let website = Website::start();
    let mut front = Front::start(&website, &[]);
    assert_eq!(front.curl("/before", &[]).status, 200);
    front.headcount.upgrade();
    assert_eq!(front.curl("/after", &[]).status, 200);
    wait_for("both views", || (front.headcount.total("pageviews") == 2).then_some(()));
}

#[test]
fn who_makes_no_handshake_is_let_go() {
    let website = Website::start();
    let front = Front::start(&website, &["--limits-header-time", "1s"]);
    let connect = || {
        let stream = TcpStream::connect(("127.0.0.1", front.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    };
    let (mut silent, began) = (connect(), Instant::now());
    assert_eq!(silent.read(&mut [0; 100]).unwrap(), 0, "it is closed");
    assert!(began.elapsed() >= Duration::from_millis(900), "{:?}", began.elapsed());
    let mut plain = connect();
    plain.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    // An alert of TLS, and no page.
    assert!(answer.len() < 20, "{answer:?}");
    // A name that is an address, which no library sends.
    let mut odd = connect();
    odd.write_all(&hello_to_an_address()).unwrap();
    assert!(odd.read(&mut [0; 100]).unwrap() > 5, "it is answered");
    drop(odd);
    wait_for("all to be counted", || {
        let failed = front.headcount.metric("headcount_tls_handshakes_failed_total");
        (failed == 3).then_some(())
    });
    let log = front.headcount.log();
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "clients write the log: {log}");
    assert_eq!(front.curl("/", &[]).status, 200);
}

/// The first message of a handshake with 127.0.0.1 in the place of a name.
fn hello_to_an_address() -> Vec<u8> {
    let (address, name) = ("127.0.0.1", "localhost");
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let mut session = ClientConnection::new(Arc::new(config), name.try_into().unwrap()).unwrap();
    let mut hello = Vec::new();
    session.write_tls(&mut hello).unwrap();
    let at = hello.windows(name.len()).position(|bytes| bytes == name.as_bytes()).unwrap();
    hello[at..][..address.len()].copy_from_slice(address.as_bytes());
    hello
}
