//! What can be asked: targets, methods, fields, uploads.

use super::exchange::{Exchange, Step, bytes, chunks, noise, plain, request, send};

pub fn table() -> Vec<Exchange> {
    let mut table = Vec::new();
    for target in TARGETS {
        table.push(Exchange::new(
            target.escape_default().to_string(),
            &request("GET", target, ""),
            &plain(),
        ));
    }
    let long = format!("/{}?{}", "p".repeat(4_000), "q".repeat(4_000));
    table.push(Exchange::new("a target of 8 KB", &request("GET", &long, ""), &plain()));
    for (method, body) in METHODS {
        let fields = match body {
            Some(body) => format!("Content-Length: {}\r\n", body.len()),
            None => String::new(),
        };
        let target = if *method == "OPTIONS" && body.is_none() { "*" } else { "/x" };
        let asked = request(method, target, &fields) + body.unwrap_or_default();
        let name = format!("{method} {target} {}", body.map_or("alone", |_| "with a body"));
        let answer = if *method == "HEAD" {
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n".to_owned()
        } else {
            plain()
        };
        table.push(Exchange::new(name, &asked, &answer));
    }
    for (name, fields) in FIELDS {
        table.push(Exchange::new(
            format!("asked: {name}"),
            &request("GET", "/fields", fields),
            &plain(),
        ));
    }
    let long = format!("X-Long: {}\r\n", "v".repeat(20_000));
    let many: String = (0..200).map(|i| format!("X-Many-{i}: {i}\r\n")).collect();
    for (name, fields) in [("a field of 20 KB", long), ("200 fields", many)] {
        table.push(Exchange::new(
            format!("asked: {name}"),
            &request("POST", "/fields", &fields),
            &plain(),
        ));
    }
    for (name, host) in HOSTS {
        let asked = format!("GET /host HTTP/1.1\r\nHost: {host}\r\n\r\n");
        table.push(Exchange::new(*name, &asked, &plain()));
    }
    table.extend(uploads());
    table
}

const TARGETS: &[&str] = &[
    "/",
    "/?",
    "/?a",
    "/a?b=c&b=d&&e",
    "/a%2Fb%2fc",
    "//double//slashes/",
    "/a/./b/../c",
    "/../../etc/passwd",
    "/%2e%2e/%2E%2E/x",
    "/%00",
    "/%zz%",
    "/%E2%82%AC/%e2%82%ac",
    "/%C3%28/not-utf8",
    "/a;v=1.2/b,c",
    "/~user/(x)/!$&'*+=:@",
    "/:80",
    "/a?q=a+b%20c%2B",
    "/a?url=http://b/c?d=e",
    "/a?x[]=1&y={z}|^",
    "/a\\b",
    "/caf\u{e9}",
    "/?q=\u{e9}\u{ff}",
    "/caf\u{c3}\u{a9}?q=\u{e2}\u{82}\u{ac}",
    "/\u{80}",
    "/<script>",
    "/`backtick`",
    "/?q=\"quoted\"",
    "/\u{e9}<>`\"%20",
    "/?<>\"`",
    "http://localhost/absolute?x",
    "http://localhost",
    "http://localhost?x",
    "HTTP://localhost/loud",
];

const METHODS: &[(&str, Option<&str>)] = &[
    ("HEAD", None),
    ("GET", Some("body")),
    ("POST", Some("a=b&c=d")),
    ("POST", None),
    ("PUT", Some("body")),
    ("DELETE", None),
    ("DELETE", Some("body")),
    ("PATCH", Some("body")),
    ("OPTIONS", None),
    ("OPTIONS", Some("body")),
    ("PROPFIND", Some("<propfind/>")),
    ("REPORT", None),
    ("PURGE", None),
    ("M-SEARCH", None),
];

const FIELDS: &[(&str, &str)] = &[
    ("repeated fields", "X-A: 1\r\nX-B: 2\r\nX-A: 3\r\nX-B: 4\r\nX-A: 5\r\n"),
    ("the same line twice", "X-A: 1\r\nX-A: 1\r\n"),
    ("several cookies", "Cookie: a=1\r\nCookie: b=2; c=\"3\"\r\n"),
    ("empty values", "X-Empty:\r\nX-White: \t \r\nX-Full: 1\r\n"),
    ("white space around values", "X-A:1\r\nX-B:   2\r\nX-C: 3  \r\nX-D:\t4\t\r\n"),
    ("white space inside values", "X-A: a  b\tc\r\n"),
    ("names in every case", "x-lower: 1\r\nX-UPPER: 2\r\nx-MiXeD: 3\r\n"),
    ("one name in two cases", "X-Case: 1\r\nx-cASE: 2\r\n"),
    ("names of every kind", "1: a\r\n!#$%&'*+-.^_`|~: b\r\nX_Under_Score: c\r\nX.Dot: d\r\n"),
    ("values in Latin-1", "X-A: caf\u{e9}\r\nReferer: http://localhost/\u{fc}\r\n"),
    ("values in UTF-8", "X-A: caf\u{c3}\u{a9} \u{e2}\u{82}\u{ac}\r\nUser-Agent: \u{e6}\u{bc}\r\n"),
    ("what a browser sends", crate::common::wire::NAVIGATION),
    ("encodings", "Accept-Encoding: gzip, br;q=0.9, zstd\r\nAccept: */*\r\n"),
    ("credentials", "Authorization: Basic YTpi\r\nCookie: session=secret\r\n"),
    ("an empty agent", "User-Agent:\r\n"),
    ("another origin", "Origin: https://elsewhere.example\r\nSec-Fetch-Site: cross-site\r\n"),
    ("no cache", "Cache-Control: no-cache\r\nPragma: no-cache\r\n"),
    ("a type without a body", "Content-Type: text/plain\r\nContent-Length: 0\r\n"),
    ("a coding without a body", "Content-Encoding: gzip\r\n"),
    ("a way that it came", "Via: 1.1 elsewhere\r\nMax-Forwards: 5\r\n"),
    ("wishes", "Prefer: return=minimal\r\nPriority: u=1, i\r\nDNT: 1\r\nSec-GPC: 1\r\n"),
    ("a trace", "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"),
    ("a close", "Connection: close\r\n"),
    ("a keep-alive", "Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n"),
    (
        "fields for this connection",
        "Connection: X-Hop, x-hop2\r\nX-Hop: 1\r\nX-Hop2: 2\r\nX-No: 3\r\n",
    ),
    ("fields for this connection that are not there", "Connection: X-Hop\r\nX-No: 3\r\n"),
    (
        "an old proxy's fields",
        "Proxy-Connection: keep-alive\r\nProxy-Authorization: Basic YTpi\r\n",
    ),
    ("trailers welcome", "TE: trailers\r\nConnection: TE\r\n"),
    (
        "HTTP/2 in the clear",
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
    ),
    (
        "a stranger's X-Forwarded",
        "X-Forwarded-For: 198.51.100.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.example\r\n",
    ),
    (
        "a stranger's other X-Forwarded",
        "X-Forwarded-Port: 443\r\nX-Forwarded-Prefix: /admin\r\nX-Forwarded-Server: evil\r\nX-Forwarded: 1\r\n",
    ),
    ("a stranger's Forwarded", "Forwarded: for=198.51.100.7;proto=https\r\n"),
    (
        "a stranger's real address",
        "X-Real-IP: 198.51.100.7\r\nCF-Connecting-IP: 198.51.100.7\r\nTrue-Client-IP: 198.51.100.7\r\nX-Client-IP: 198.51.100.7\r\n",
    ),
    (
        "a stranger's underscores",
        "X_Forwarded_For: 198.51.100.7\r\nX-Forwarded_Proto: https\r\nX_Real_IP: 198.51.100.7\r\n",
    ),
];

const HOSTS: &[(&str, &str)] = &[
    ("a host with a port", "localhost:8080"),
    ("a host in capitals", "LOCALHOST"),
    ("a host with a dot", "localhost."),
    ("an address as host", "192.0.2.1:80"),
    ("an IPv6 address as host", "[::1]:80"),
    ("another's host", "elsewhere.example"),
    ("an empty host", ""),
];

fn uploads() -> Vec<Exchange> {
    let post = |name: &str, fields: &str, body: &[u8]| {
        let mut row = Exchange::new(name, &request("POST", "/upload", fields), &plain());
        let Some(Step::Send(sent)) = row.client.first_mut() else { unreachable!() };
        sent.extend_from_slice(body);
        row
    };
    const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";
    const EXPECT: &str = "Content-Length: 5\r\nExpect: 100-continue\r\n";
    let large = noise(300_000);
    let large_chunks = [chunks(&large), bytes("0\r\n\r\n")].concat();
    let form =
        "--x\r\nContent-Disposition: form-data; name=f; filename=f\r\n\r\n\u{0}\u{ff}\r\n--x--";
    let type_and_length = |kind: &str, body: &str| {
        format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", bytes(body).len())
    };
    vec![
        post("upload: in one packet", "Content-Length: 5\r\n", b"hello"),
        post("upload: nothing", "Content-Length: 0\r\n", b""),
        post("upload: a length with zeros", "Content-Length: 005\r\n", b"hello"),
        post("upload: in a second packet", "Content-Length: 5\r\n", b"")
            .then([Step::Pause, send("hello")]),
        post("upload: in slow pieces", "Content-Length: 9\r\n", b"one").then([
            Step::Pause,
            send("two"),
            Step::Pause,
            send("six"),
        ]),
        post("upload: 300 KB", "Content-Length: 300000\r\n", &large),
        post("upload: one chunk", CHUNKED, b"5\r\nhello\r\n0\r\n\r\n"),
        post("upload: chunks", CHUNKED, b"5\r\nhello\r\n006\r\n world\r\nA\r\n and more.\r\n0\r\n\r\n"),
        post("upload: no chunk but the last", CHUNKED, b"0\r\n\r\n"),
        post("upload: chunk extensions", CHUNKED, b"5;a=b;c=\"d;e\"\r\nhello\r\n0;last\r\n\r\n"),
        post("upload: chunked, in capitals", "Transfer-Encoding: Chunked\r\n", b"5\r\nhello\r\n0\r\n\r\n"),
        post("upload: slow chunks", CHUNKED, b"5\r\nhel").then([
            Step::Pause,
            send("lo\r\n"),
            Step::Pause,
            send("1\r\n!\r\n0\r\n"),
            Step::Pause,
            send("\r\n"),
        ]),
        post("upload: 300 KB in chunks", CHUNKED, &large_chunks),
        post(
            "upload: trailers",
            "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n",
            b"5\r\nhello\r\n0\r\nX-Sum: 17\r\n\r\n",
        ),
        post("upload: a form", &type_and_length("application/x-www-form-urlencoded", "a=%C3%A9&b=+"), b"a=%C3%A9&b=+"),
        post("upload: a file", &type_and_length("multipart/form-data; boundary=x", form), &bytes(form)),
        post("upload: coded", "Content-Encoding: gzip\r\nContent-Length: 5\r\n", b"\x1f\x8b\x08\x00\xff"),
        post("upload: continued", EXPECT, b"").then([Step::Interim, send("hello")]).scripted([
            send("HTTP/1.1 100 Continue\r\n\r\n"),
            Step::Body,
            send(&plain()),
        ]),
        post("upload: continued unasked", "Content-Length: 5\r\n", b"hello").scripted([
            send("HTTP/1.1 100 Continue\r\n\r\n"),
            Step::Body,
            send(&plain()),
        ]),
        post("upload: sent before it was continued", EXPECT, b"hello"),
        post("upload: not wanted", EXPECT, b"").scripted([
            send("HTTP/1.1 417 Expectation Failed\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno"),
            Step::Close,
        ]),
        post("upload: answered before it was read", "Content-Length: 5\r\n", b"hello").scripted([
            send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig"),
            Step::Discard,
        ]),
    ]
}
