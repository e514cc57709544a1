//! What holds for single paths: other upstreams, redirects, who may see what, header fields.

use crate::common::ports::free_address;
use crate::common::process::{Proxy, command, refused, wait_for};
use crate::common::wire::{Message, Origin, Wire, get, visit};
use crate::named;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Instant;

#[test]
fn paths_have_upstreams_of_their_own() {
    let [site, api, inner, twin] = [named("site"), named("api"), named("inner"), named("twin")];
    let routes = format!(
        "/api = {}, /api/inner/ = {}, /api/inner/ = {} weight=1",
        api.url(),
        inner.url(),
        twin.url()
    );
    let proxy = Proxy::start(&site.url(), &["--paths-upstreams", &routes]);
    for (path, by) in [
        ("/", "site"),
        ("/apis", "site"),
        ("/api", "api"),
        ("/api/a?b=/api/inner/", "api"),
        ("/api/inner", "api"),
        ("/x/../api/a", "api"),
        ("/%61pi/a", "api"),
        ("/api/../a", "site"),
    ] {
        assert_eq!(get(proxy.site, path, "").text(), by, "{path}");
    }
    assert_eq!(api.last().target(), "/%61pi/a", "it is passed on as it was sent");
    let mut both: Vec<String> = (0..4).map(|_| get(proxy.site, "/api/inner/", "").text()).collect();
    both.sort();
    assert_eq!(both, ["inner", "inner", "twin", "twin"]);
    let up = format!("headcount_upstream_up{{upstream=\"{}\"}}", twin.url());
    assert_eq!(proxy.metric(&up), 1.0);
}

#[test]
fn pages_that_have_moved_are_found() {
    let site = named("site");
    let redirects = "/old = /new, /blog/* = https://blog.example.org/*, /sale = /summer 302";
    let flags = ["--paths-redirects", redirects, "--canonical-host", "www.example.org"];
    let flags = [&flags[..], &["--trusted-proxies", "127.0.0.1"]].concat();
    let proxy = Proxy::start(&site.url(), &flags);
    let moved = |target: &str, host: &str, more: &str| {
        let mut wire = Wire::connect(proxy.site);
        wire.send(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n"));
        let answer = wire.answer("GET");
        (answer.status(), answer.header("location").unwrap_or_default().to_owned())
    };
    let to = |status, location: &str| (status, location.to_owned());
    let www = "www.example.org";
    assert_eq!(moved("/old?a=b", www, ""), to(308, "/new?a=b"));
    assert_eq!(moved("/blog/a/b", www, ""), to(308, "https://blog.example.org/a/b"));
    assert_eq!(moved("/sale", www, ""), to(302, "/summer"));
    assert_eq!(moved("/old/", www, ""), to(200, ""));
    assert_eq!(moved("/a?b", "Example.org", ""), to(308, "http://www.example.org/a?b"));
    assert_eq!(moved("/a", "example.org:8080", ""), to(308, "http://www.example.org:8080/a"));
    let https = "X-Forwarded-Proto: https\r\n";
    assert_eq!(moved("/a", "example.org", https), to(308, "https://www.example.org/a"));
    assert_eq!(moved("/a", "other.example.org", ""), to(200, ""));
    assert_eq!(site.seen().len(), 2);
    // A body that comes along is no next request.
    let mut wire = Wire::connect(proxy.site);
    let moved = wire.post("/old", "", b"GET /sale HTTP/1.1\r\nHost: www.example.org\r\n\r\n");
    assert_eq!(moved.status(), 308);
    assert_eq!(wire.rest(), b"");
}

#[test]
fn addresses_are_kept_out() {
    let site = named("site");
    let flags = ["--paths-allow", "/admin/ = 10.0.0.0/8", "--paths-deny", "/ = 203.0.113.0/24"];
    let flags = [&flags[..], &["--trusted-proxies", "127.0.0.1"]].concat();
    let proxy = Proxy::start(&site.url(), &flags);
    let ask = |path: &str, from: &str| {
        get(proxy.site, path, &format!("X-Forwarded-For: {from}\r\n")).status()
    };
    assert_eq!([ask("/", "192.0.2.1"), ask("/", "203.0.113.7")], [200, 403]);
    let outside = [
        "/admin/",
        "//admin/x",
        "/a/../admin/x",
        "/%61dmin/",
        "/%61%64%6d%69%6e/",
        "/admin%2fx",
        "/admin%2Fx",
        "/%2fadmin/",
        "/.%2fadmin/",
        "/./admin/",
        "/.//./admin//x",
        "/a/%2e%2e/admin/",
        "/a/.%2e/admin/",
        "/a/..%2fadmin/",
        "/a%2f..%2fadmin/",
        "/a\\..\\admin/",
        "/a%5c..%5cadmin/",
        "/../admin/",
        "/admin/..;/x",
        "/a/..;/admin/",
        "/a;b/../admin/",
        "/admin/;a=b",
        "/admin/?a=b",
        "/admin/#a",
        "/admin/../admin/",
        "/admin/x/../../a/../admin/",
        "http://localhost/admin/",
        "http://localhost//admin/",
        "http://localhost/%61dmin/",
    ];
    for path in outside {
        assert_eq!([ask(path, "10.1.2.3"), ask(path, "192.0.2.1")], [200, 403], "{path}");
    }
    assert_eq!(ask("/admin/", "::ffff:10.1.2.3"), 200);
    let page = visit(proxy.site, "/admin/");
    assert_eq!(page.status(), 403);
    assert!(page.text().contains("<h1>Forbidden</h1>"), "{}", page.text());
}

/// As `headcount passwd` makes it.
fn hash(password: &str) -> String {
    let mut made = Command::new(env!("CARGO_BIN_EXE_headcount"))
        .arg("passwd")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(made.stdin.take().unwrap(), "{password}").unwrap();
    let line = String::from_utf8(made.wait_with_output().unwrap().stdout).unwrap();
    line.split('"').nth(1).expect("a hash").to_owned()
}

#[test]
fn names_and_passwords_are_asked_for() {
    let site = named("site");
    let folder = tempfile::tempdir().unwrap();
    let people = folder.path().join("people");
    let file = format!("# The editors.\nalice:{}\n\nbob:{}\n", hash("wonder:land"), hash("b"));
    std::fs::write(&people, file).unwrap();
    let passwords = format!("/admin = {}", people.display());
    let proxy = Proxy::start(&site.url(), &["--paths-passwords", &passwords]);
    let ask = |path: &str, who: &str| -> Message {
        let who = data_encoding::BASE64.encode(who.as_bytes());
        get(proxy.site, path, &format!("Authorization: Basic {who}\r\n"))
    };
    let nobody = visit(proxy.site, "/admin/x");
    assert_eq!(nobody.status(), 401);
    assert_eq!(
        nobody.header("www-authenticate"),
        Some("Basic realm=\"website\", charset=\"UTF-8\"")
    );
    assert_eq!(nobody.header("cache-control"), Some("no-store"));
    assert_eq!(visit(proxy.site, "/").text(), "site");
    for wrong in ["alice:b", "carol:b", "alice", "", ":"] {
        assert_eq!(ask("/admin", wrong).status(), 401, "{wrong}");
    }
    assert_eq!(get(proxy.site, "/%61dmin", "").status(), 401);
    for other in ["Authorization: Bearer x\r\n", "Authorization: Basic !\r\n"] {
        assert_eq!(get(proxy.site, "/admin", other).status(), 401, "{other}");
    }
    assert_eq!(ask("/admin", "bob:b").text(), "site");
    assert_eq!(ask("/admin/x", "alice:wonder:land").text(), "site");
    // Who was let in is not worked out again, which takes some 20 ms.
    let asked = Instant::now();
    for _ in 0..200 {
        assert_eq!(ask("/admin/x", "alice:wonder:land").status(), 200);
    }
    assert!(asked.elapsed().as_millis() < 200 * 15, "{:?}", asked.elapsed());
    let seen = site.seen().iter().filter(|seen| seen.target().starts_with("/admin")).count();
    assert_eq!(seen, 202, "others were not passed on");
    wait_for("what was shown counts", || proxy.total("pageviews") == 1);

    std::fs::write(&people, "alice:hunter2\n").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let flags = ["--paths-passwords", &passwords];
    let run = command(&dir, &site.url(), free_address(), free_address(), &flags);
    let (code, lines) = refused(run);
    assert_eq!(code, Some(2), "{lines:?}");
    let [line] = &lines[..] else { panic!("{lines:?}") };
    assert!(line.contains("paths.passwords") && line.contains("people:1"), "{line}");
    assert!(!line.contains("hunter2"), "{line}");
}

#[test]
fn header_fields_are_changed() {
    let site = Origin::start(|wire, _| {
        let fields = "Server: Old/1.0\r\nX-Twice: a\r\nX-Twice: b\r\nContent-Type: text/html\r\n";
        wire.reply("200 OK", fields, b"site");
        true
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("site.toml");
    let toml = format!(
        "upstream = '{}'\n[headers]\nrequest = ['Host: inner.example', '-Cookie', '+X-Env: a, b']\n\
         response = ['-Server', 'X-Twice: c', '+Vary: Cookie', 'X-Frame-Options: DENY']",
        site.url()
    );
    std::fs::write(&file, toml).unwrap();
    let proxy = Proxy::start("", &["--config", file.to_str().unwrap()]);
    let answer = visit(proxy.site, "/");
    assert_eq!(answer.all("x-twice"), ["c"]);
    assert_eq!(answer.header("x-frame-options"), Some("DENY"));
    assert_eq!((answer.header("server"), answer.header("vary")), (None, Some("Cookie")));
    get(proxy.site, "/", "Cookie: a=b\r\nX-Env: mine\r\n");
    let asked = site.last();
    assert_eq!(asked.header("host"), Some("inner.example"));
    assert_eq!(asked.header("x-forwarded-host"), Some("localhost"));
    assert_eq!((asked.header("cookie"), asked.all("x-env")), (None, vec!["mine", "a, b"]));
}

#[test]
fn bodies_have_a_limit() {
    let site = named("site");
    let proxy = Proxy::start(&site.url(), &["--limits-request-body", "100KB"]);
    let small = Wire::connect(proxy.site).post("/", "", &[b'x'; 100_000]);
    assert_eq!(small.text(), "site");
    let seen = site.seen().len();
    let mut wire = Wire::connect(proxy.site);
    wire.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100001\r\n\r\n");
    let large = wire.answer("POST");
    assert_eq!(large.status(), 413);
    assert!(large.text().contains("<h1>Request too large</h1>"), "{}", large.text());
    assert_eq!(site.seen().len(), seen, "the website is not even asked");

    let chunked = |chunks: usize, fields: &str| {
        let mut wire = Wire::connect(proxy.site);
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n";
        wire.send(format!("{head}{fields}\r\n"));
        for _ in 0..chunks {
            // It may have been answered already.
            let _ = wire.try_send([b"2710\r\n".as_slice(), &[b'x'; 10_000], b"\r\n"].concat());
        }
        let _ = wire.try_send("0\r\n\r\n");
        wire.answer("POST")
    };
    assert_eq!(chunked(10, "").text(), "site");
    assert_eq!(chunked(11, "").status(), 413);
    // An upgrade that is asked for and not given changes nothing.
    let upgrade = "Connection: upgrade\r\nUpgrade: foo\r\n";
    assert_eq!(chunked(10, upgrade).text(), "site");
    assert_eq!(chunked(11, upgrade).status(), 413);
}

/// What is said through a tunnel is no request's body.
#[test]
fn a_tunnel_has_no_limit() {
    const AGREED: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    let site = Origin::start(|wire, _| {
        wire.send(format!("HTTP/1.1 101 Switching Protocols\r\n{AGREED}\r\n"));
        while let Ok(bytes) = wire.bytes(10_000) {
            wire.send(bytes);
        }
        false
    });
    let proxy = Proxy::start(&site.url(), &["--limits-request-body", "15KB"]);
    let mut wire = Wire::connect(proxy.site);
    wire.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{AGREED}\r\n"));
    assert_eq!(wire.head().unwrap().unwrap().status(), 101);
    for _ in 0..5 {
        wire.send([b'x'; 10_000]);
        assert_eq!(wire.bytes(10_000).unwrap().len(), 10_000);
    }
}

/// Each of several sites has rules of its own.
#[test]
fn a_site_has_rules_of_its_own() {
    let [one, two, api] = [named("one"), named("two"), named("api")];
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sites.toml");
    let toml = format!(
        "[[sites]]\nname = 'one.example'\nhosts = ['one.example', 'www.one.example']\n\
         upstream = '{}'\ncanonical_host = 'one.example'\n\
         [sites.paths]\nupstreams = ['/api/ = {}']\nallow = ['/admin/ = 10.0.0.0/8']\n\
         [sites.limits]\nrequest_body = '1KB'\n\
         [[sites]]\nname = 'two.example'\nhosts = ['two.example']\nupstream = '{}'\n\
         [sites.headers]\nresponse = ['X-Site: two']\n",
        one.url(),
        api.url(),
        two.url()
    );
    std::fs::write(&file, &toml).unwrap();
    let proxy = Proxy::start("", &["--config", file.to_str().unwrap()]);
    let ask = |host: &str, target: &str, body: usize| {
        let mut wire = Wire::connect(proxy.site);
        wire.send(format!(
            "POST {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {body}\r\n\r\n"
        ));
        let _ = wire.try_send(vec![b'x'; body]);
        wire.answer("POST")
    };
    for (target, status, by) in [
        ("/", 200, "one"),
        ("/api/", 200, "api"),
        ("/admin/", 403, ""),
        ("/admin//../secret", 403, ""),
        ("/admin/%5c..%5cx", 403, ""),
    ] {
        let answer = ask("one.example", target, 1);
        assert_eq!((answer.status(), answer.header("x-site")), (status, None), "{target}");
        assert!(answer.text().contains(by), "{target}: {}", answer.text());
        let answer = ask("two.example", target, 2_000);
        assert_eq!((answer.text().as_str(), answer.header("x-site")), ("two", Some("two")));
    }
    assert_eq!(ask("one.example", "/", 1_001).status(), 413);
    assert_eq!(ask("www.one.example", "/", 1).header("location"), Some("http://one.example/"));
    // Taken up while it runs.
    std::fs::write(&file, toml.replace("'X-Site: two'", "'X-Site: 2'")).unwrap();
    proxy.signal(nix::sys::signal::Signal::SIGHUP);
    wait_for("the settings are read again", || {
        ask("two.example", "/", 1).header("x-site") == Some("2")
    });
}
