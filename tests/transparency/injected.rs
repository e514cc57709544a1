//! With `inject`, a page gains its tag and nothing else changes: through a real nginx.

use crate::common::ports::free_address;
use crate::common::process::{Proxy, wait_for};
use crate::common::wire::{Message, NAVIGATION, Wire, get};
use headcount::capture::script::tag;
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

const PAGE: &str =
    "<!doctype html>\n<html><head><title>Page</title></head><body>\nHello\n</body></html>\n";

/// nginx with a page, a picture, and compression for who asks for it.
struct Nginx {
    address: SocketAddr,
    dir: tempfile::TempDir,
    process: Child,
}

impl Nginx {
    fn start() -> Self {
        let (address, dir) = (free_address(), tempfile::tempdir().unwrap());
        let root = dir.path();
        std::fs::write(root.join("page.html"), PAGE).unwrap();
        std::fs::write(root.join("picture.png"), (0..=255).collect::<Vec<u8>>()).unwrap();
        let conf = format!(
            "daemon off; master_process off; pid nginx.pid; error_log error.log;
            events {{}}
            http {{
                types {{ text/html html; image/png png; }}
                log_format seen '$request|$http_if_none_match|$status';
                access_log access.log seen;
                client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
                uwsgi_temp_path uwsgi; scgi_temp_path scgi;
                gzip on; gzip_min_length 1;
                server {{ listen {address}; root {}; }}
            }}",
            root.display()
        );
        std::fs::write(root.join("nginx.conf"), conf).unwrap();
        let process = Command::new("nginx")
            .arg("-p")
            .arg(root)
            .args(["-c", "nginx.conf", "-e", "error.log"])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx is installed");
        let nginx = Self { address, dir, process };
        wait_for("nginx takes connections", || TcpStream::connect(address).is_ok());
        nginx
    }

    /// The last request with a line of its own: request line, `If-None-Match`, status.
    fn saw(&self, number: usize) -> String {
        let mut line = None;
        wait_for("nginx has logged it", || {
            let log = std::fs::read_to_string(self.dir.path().join("access.log"));
            line = log.unwrap_or_default().lines().nth(number - 1).map(str::to_owned);
            line.is_some()
        });
        line.unwrap()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn with_tag() -> String {
    PAGE.replace("</head>", &format!("{}</head>", tag("/headcount.js")))
}

fn names(message: &Message) -> Vec<String> {
    let mut names: Vec<_> =
        message.headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    names.sort();
    names
}

#[test]
fn a_page_gains_its_tag() {
    let nginx = Nginx::start();
    let proxy = Proxy::start(&format!("http://{}", nginx.address), &["--inject"]);
    let mut wire = Wire::connect(proxy.site);
    let page = wire.ask("GET", "/page.html", NAVIGATION);
    assert_eq!(page.text(), with_tag());
    assert_eq!(page.text().matches("<script").count(), 1);
    // What the page's own markup says of scripts decides how long it becomes.
    assert_eq!(page.header("content-length"), None);
    assert_eq!(page.header("accept-ranges"), None);
    let etag = page.header("etag").unwrap().to_owned();
    let theirs = get(nginx.address, "/page.html", "").header("etag").unwrap().to_owned();
    assert!(etag.starts_with("W/\"") && etag != theirs && etag != format!("W/{theirs}"), "{etag}");

    // What HEAD announces is what GET brings.
    let head = wire.ask("HEAD", "/page.html", NAVIGATION);
    assert_eq!(names(&head), names(&page));
    for name in ["content-length", "etag", "content-type", "last-modified"] {
        assert_eq!(head.header(name), page.header(name), "{name}");
    }

    // The client's ETag is ours; the website is asked with its own, and confirms ours.
    let headers = format!("{NAVIGATION}If-None-Match: {etag}\r\n");
    let same = wire.ask("GET", "/page.html", &headers);
    assert_eq!(same.status(), 304);
    assert_eq!(same.header("etag"), Some(etag.as_str()));
    assert!(same.view().is_some());
    // nginx compares weakly and writes a weak one for what it may code.
    let saw = nginx.saw(4);
    let asked = saw.split('|').nth(1).unwrap();
    assert_eq!(asked.trim_start_matches("W/"), theirs.replace('"', "\\x22"), "{saw}");
    assert!(saw.ends_with("|304"), "{saw}");
    // Who has the website's own page in its cache keeps it.
    let headers = format!("{NAVIGATION}If-None-Match: {theirs}\r\n");
    assert_eq!(wire.ask("GET", "/page.html", &headers).status(), 304);
    wait_for("each is a pageview", || proxy.total("pageviews") == 3);
}

#[test]
fn a_compressed_page_gains_it_too() {
    const CODED: &str = "Accept-Encoding: gzip\r\n";
    let nginx = Nginx::start();
    let url = format!("http://{}", nginx.address);
    let direct = get(nginx.address, "/page.html", CODED);
    assert_eq!(direct.header("content-encoding"), Some("gzip"));
    let unzipped = |page: &Message| {
        let mut text = String::new();
        flate2::read::GzDecoder::new(&page.body[..]).read_to_string(&mut text).unwrap();
        text
    };
    let fields = format!("{NAVIGATION}{CODED}");

    let proxy = Proxy::start(&url, &["--inject"]);
    let mut wire = Wire::connect(proxy.site);
    let page = wire.ask("GET", "/page.html", &fields);
    assert_eq!((page.header("content-encoding"), unzipped(&page)), (Some("gzip"), with_tag()));
    assert_eq!(page.header("vary"), direct.header("vary"));
    let (etag, theirs) = (page.header("etag").unwrap(), direct.header("etag").unwrap());
    assert_eq!(etag, theirs.replace("\"", "").replace("W/", "W/\"") + "-hcw\"");
    let same = wire.ask("GET", "/page.html", &format!("{fields}If-None-Match: {etag}\r\n"));
    assert_eq!((same.status(), same.header("etag")), (304, Some(etag)));

    // Asked for without compression, it comes without.
    let proxy = Proxy::start(&url, &["--inject", "--inject-compressed", "identity"]);
    let page = get(proxy.site, "/page.html", &fields);
    assert_eq!((page.header("content-encoding"), page.text()), (None, with_tag()));
    let other = get(proxy.site, "/page.html", CODED);
    assert_eq!(other.header("content-encoding"), Some("gzip"), "no navigation");

    // Left alone, it is said once, and counted.
    let proxy = Proxy::start(&url, &["--inject", "--inject-compressed", "off"]);
    for _ in 0..2 {
        let page = get(proxy.site, "/page.html", &fields);
        assert_eq!((page.body == direct.body, page.header("etag")), (true, direct.header("etag")));
    }
    assert_eq!(proxy.metric("headcount_pages_untagged_total{reason=\"coding\"}"), 2.0);
    let warned = || proxy.log().iter().filter(|line| line.contains("they come compressed")).count();
    wait_for("it is said", || warned() > 0);
    assert_eq!(warned(), 1, "{:?}", proxy.log());
}

#[test]
fn what_is_no_page_is_left_alone() {
    let nginx = Nginx::start();
    let proxy = Proxy::start(&format!("http://{}", nginx.address), &["--inject"]);
    let mut wire = Wire::connect(proxy.site);
    let whole = wire.ask("GET", "/picture.png", "");
    assert_eq!(whole.body, (0..=255).collect::<Vec<u8>>());
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    let etag = whole.header("etag").unwrap();
    let range =
        wire.ask("GET", "/picture.png", &format!("Range: bytes=10-19\r\nIf-Range: {etag}\r\n"));
    assert_eq!((range.status(), range.body), (206, (10..20).collect()));
    assert_eq!(
        range.headers.iter().find(|(n, _)| n == "Content-Range").unwrap().1,
        "bytes 10-19/256"
    );
    let beyond = wire.ask("GET", "/picture.png", "Range: bytes=999-\r\n");
    assert_eq!(beyond.status(), 416);
    // A range of a page is the website's own bytes.
    let range = wire.ask("GET", "/page.html", "Range: bytes=0-14\r\n");
    assert_eq!((range.status(), range.text()), (206, PAGE[..15].to_owned()));
}
