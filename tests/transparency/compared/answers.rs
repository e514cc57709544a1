//! What can be answered: statuses, framings, fields; conditional and range requests.

use super::exchange::{Exchange, Step, answer, chunks, noise, request, send};

pub fn table() -> Vec<Exchange> {
    let mut table = Vec::new();
    for status in STATUSES {
        let name = format!("status: {status}");
        table.push(Exchange::new(name, &request("GET", "/", ""), &answer(status, TEXT, "text")));
    }
    for status in BODILESS {
        let said = format!("HTTP/1.1 {status}\r\nX-Why: no body\r\n\r\n");
        table.push(Exchange::new(format!("status: {status}"), &request("GET", "/", ""), &said));
    }
    for (name, fields) in FIELDS {
        let said = answer("200 OK", &format!("{TEXT}{fields}"), "text");
        let closes = fields.contains("Connection: close").then_some(Step::Close);
        table.push(
            Exchange::new(format!("answered: {name}"), &request("GET", "/", ""), &said)
                .answered(closes),
        );
    }
    let long = format!("X-Long: {}\r\n", "v".repeat(16_000));
    let many: String = (0..200).map(|i| format!("X-Many-{i}: {i}\r\n")).collect();
    for (name, fields) in [("a field of 16 KB", long), ("200 fields", many)] {
        let said = answer("200 OK", &fields, "text");
        table.push(Exchange::new(format!("answered: {name}"), &request("GET", "/", ""), &said));
    }
    for (name, location) in REDIRECTS {
        let said = answer("302 Found", &format!("Location: {location}\r\n"), "");
        table.push(Exchange::new(format!("redirect: {name}"), &request("GET", "/", ""), &said));
    }
    for (name, method, fields, said) in CONDITIONS {
        table.push(Exchange::new(*name, &request(method, "/file", fields), said));
    }
    table.extend(framings());
    table
}

const TEXT: &str = "Content-Type: text/plain\r\n";

const STATUSES: &[&str] = &[
    "200 Quite Fine",
    "200 d\u{e9}j\u{e0} vu",
    "200 ",
    "200",
    "201 Created",
    "202 Accepted",
    "203 Non-Authoritative Information",
    "226 IM Used",
    "299 Odd",
    "300 Multiple Choices",
    "301 Moved Permanently",
    "303 See Other",
    "307 Temporary Redirect",
    "308 Permanent Redirect",
    "400 Bad Request",
    "401 Unauthorized",
    "402 Payment Required",
    "403 Forbidden",
    "404 Not Found",
    "405 Method Not Allowed",
    "408 Request Timeout",
    "410 Gone",
    "413 Content Too Large",
    "418 I'm a teapot",
    "421 Misdirected Request",
    "422 Unprocessable Content",
    "429 Too Many Requests",
    "451 Unavailable For Legal Reasons",
    "499 Odd",
    "500 Internal Server Error",
    "502 Bad Gateway",
    "503 Service Unavailable",
    "504 Gateway Timeout",
    "599 Odd",
];

const BODILESS: &[&str] = &["204 No Content", "304 Not Modified"];

const FIELDS: &[(&str, &str)] = &[
    ("repeated fields", "X-A: 1\r\nX-B: 2\r\nX-A: 3\r\nX-B: 4\r\nX-A: 5\r\n"),
    (
        "cookies",
        "Set-Cookie: a=1; Path=/; Expires=Wed, 21 Oct 2037 07:28:00 GMT\r\nX-A: 1\r\nSet-Cookie: b=2; HttpOnly; SameSite=Lax\r\nset-cookie: c=\"3, 4\"\r\n",
    ),
    ("a cookie in Latin-1", "Set-Cookie: caf\u{e9}=\u{ff}; Path=/\r\n"),
    ("empty values", "X-Empty:\r\nX-White: \t \r\nX-Full: 1\r\n"),
    ("white space around values", "X-A:1\r\nX-B:   2\r\nX-C: 3  \r\nX-D:\t4\t\r\n"),
    ("white space inside values", "X-A: a  b\tc\r\n"),
    ("names in every case", "x-lower: 1\r\nX-UPPER: 2\r\nx-MiXeD: 3\r\nETAG: \"x\"\r\n"),
    ("one name in two cases", "X-Case: 1\r\nx-cASE: 2\r\n"),
    ("names of every kind", "1: a\r\n!#$%&'*+-.^_`|~: b\r\nX_Under_Score: c\r\n"),
    ("values in Latin-1", "X-A: caf\u{e9}\r\n"),
    ("values in UTF-8", "X-A: caf\u{c3}\u{a9} \u{e2}\u{82}\u{ac}\r\n"),
    ("its own date and server", "Date: Tue, 15 Nov 1994 08:12:31 GMT\r\nServer: mine\r\n"),
    ("a way that it came", "Via: 1.1 elsewhere\r\nAge: 60\r\nX-Cache: HIT\r\n"),
    (
        "a cache's fields",
        "Cache-Control: public, max-age=60\r\nCache-Control: s-maxage=600\r\nVary: Cookie\r\nVary: Accept\r\nExpires: 0\r\nPragma: no-cache\r\n",
    ),
    (
        "policies",
        "Content-Security-Policy: default-src 'self'\r\nContent-Security-Policy: img-src *\r\nStrict-Transport-Security: max-age=1\r\nPermissions-Policy: camera=()\r\nReferrer-Policy: same-origin\r\nX-Frame-Options: DENY\r\n",
    ),
    (
        "cross-origin fields",
        "Access-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: X-A\r\nCross-Origin-Opener-Policy: same-origin\r\nTiming-Allow-Origin: *\r\n",
    ),
    (
        "links",
        "Link: </a.css>; rel=preload\r\nLink: </b>; rel=\"next\"\r\nAlt-Svc: h3=\":443\"\r\nRefresh: 5; url=/\r\n",
    ),
    ("timings of its own", "Server-Timing: db;dur=5\r\nServer-Timing: hc;desc=\"mine\"\r\n"),
    (
        "validators",
        "ETag: W/\"weak\"\r\nLast-Modified: Tue, 15 Nov 1994 08:12:31 GMT\r\nAccept-Ranges: bytes\r\n",
    ),
    ("digests", "Content-MD5: x\r\nDigest: sha-256=x\r\nContent-Digest: sha-256=:x:\r\n"),
    ("a language and a place", "Content-Language: de, en\r\nContent-Location: /a.de\r\n"),
    ("an attachment", "Content-Disposition: attachment; filename*=UTF-8''caf%C3%A9\r\n"),
    ("a coding with a plain body", "Content-Encoding: identity\r\n"),
    (
        "questions for a password",
        "WWW-Authenticate: Basic realm=\"a, b\"\r\nWWW-Authenticate: Negotiate\r\nProxy-Authenticate: Basic realm=p\r\n",
    ),
    ("a retry and methods", "Retry-After: 120\r\nAllow: GET, HEAD\r\nX-Powered-By: PHP/4\r\n"),
    ("a close", "Connection: close\r\n"),
    ("a keep-alive", "Connection: keep-alive\r\nKeep-Alive: timeout=5, max=100\r\n"),
    (
        "fields for this connection",
        "Connection: X-Hop, x-hop2\r\nX-Hop: 1\r\nX-Hop2: 2\r\nX-No: 3\r\n",
    ),
    ("an old proxy's field", "Proxy-Connection: keep-alive\r\n"),
    ("an offer to upgrade", "Connection: Upgrade\r\nUpgrade: h2,h2c\r\n"),
];

const REDIRECTS: &[(&str, &str)] = &[
    ("relative", "../a?b#c"),
    ("absolute", "https://elsewhere.example:8443/a"),
    ("to the website itself", "http://localhost/next"),
    ("without a scheme", "//elsewhere.example/"),
    ("in Latin-1", "/caf\u{e9} au lait"),
    ("empty", ""),
];

const NOT_MODIFIED: &str = "HTTP/1.1 304 Not Modified\r\nETag: \"v1\"\r\nVary: Accept\r\nCache-Control: max-age=60\r\n\r\n";
const PART: &str = "HTTP/1.1 206 Partial Content\r\nContent-Type: image/png\r\nContent-Range: bytes 2-5/9\r\nETag: \"v1\"\r\nContent-Length: 4\r\n\r\n2345";
const FAILED: &str = "HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n";

/// Name, method, fields, answer.
const CONDITIONS: &[(&str, &str, &str, &str)] = &[
    ("If-None-Match", "GET", "If-None-Match: \"v1\"\r\n", NOT_MODIFIED),
    (
        "If-None-Match, a list",
        "GET",
        "If-None-Match: \"v0\", W/\"v1\"\r\nIf-None-Match: \"v2\"\r\n",
        NOT_MODIFIED,
    ),
    ("If-None-Match, any", "PUT", "If-None-Match: *\r\nContent-Length: 0\r\n", FAILED),
    ("If-Match", "PUT", "If-Match: \"v1\"\r\nContent-Length: 0\r\n", FAILED),
    (
        "If-Modified-Since",
        "GET",
        "If-Modified-Since: Tue, 15 Nov 1994 08:12:31 GMT\r\n",
        NOT_MODIFIED,
    ),
    (
        "If-Unmodified-Since",
        "GET",
        "If-Unmodified-Since: Tue, 15 Nov 1994 08:12:31 GMT\r\n",
        FAILED,
    ),
    (
        "304 with a length",
        "GET",
        "If-None-Match: \"v1\"\r\n",
        "HTTP/1.1 304 Not Modified\r\nContent-Type: image/png\r\nETag: \"v1\"\r\nContent-Length: 90\r\n\r\n",
    ),
    ("Range", "GET", "Range: bytes=2-5\r\n", PART),
    ("Range, the end", "GET", "Range: bytes=-4\r\n", PART),
    ("Range, of POST", "POST", "Range: bytes=2-5\r\nContent-Length: 0\r\n", PART),
    ("If-Range", "GET", "Range: bytes=2-5\r\nIf-Range: \"v1\"\r\n", PART),
    (
        "Range, not to be had",
        "GET",
        "Range: bytes=99-\r\n",
        "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */9\r\nContent-Length: 0\r\n\r\n",
    ),
    (
        "Range, several",
        "GET",
        "Range: bytes=0-0,-1\r\n",
        "HTTP/1.1 206 Partial Content\r\nContent-Type: multipart/byteranges; boundary=B\r\nContent-Length: 83\r\n\r\n--B\r\nContent-Range: bytes 0-0/9\r\n\r\n0\r\n--B\r\nContent-Range: bytes 8-8/9\r\n\r\n8\r\n--B--\r\n",
    ),
];

fn framings() -> Vec<Exchange> {
    let get = |name: &str, said: &str| Exchange::new(name, &request("GET", "/", ""), said);
    let head = |name: &str, said: &str| Exchange::new(name, &request("HEAD", "/", ""), said);
    const OK: &str = "HTTP/1.1 200 OK\r\n";
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n";
    let large = noise(300_000);
    vec![
        get("framing: nothing, with a length", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        get("framing: one chunk", &format!("{CHUNKED}\r\n4\r\nbody\r\n0\r\n\r\n")),
        get(
            "framing: chunks with extensions",
            &format!("{CHUNKED}\r\n4;a=\"b;c\"\r\nbody\r\n001\r\n!\r\n0;d\r\n\r\n"),
        ),
        get("framing: no chunk but the last", &format!("{CHUNKED}\r\n0\r\n\r\n")),
        get(
            "framing: trailers",
            &format!("{CHUNKED}Trailer: X-Sum\r\n\r\n4\r\nbody\r\n0\r\nX-Sum: 17\r\n\r\n"),
        ),
        get("framing: up to the end", &format!("{OK}\r\nbody")).answered([Step::Close]),
        get("framing: nothing up to the end", &format!("{OK}\r\n")).answered([Step::Close]),
        get("framing: an end that was announced", &format!("{OK}Connection: close\r\n\r\nbody"))
            .answered([Step::Close]),
        get("framing: 300 KB with a length", &format!("{OK}Content-Length: 300000\r\n\r\n"))
            .answered([Step::Send(large.clone())]),
        get("framing: 300 KB in chunks", &format!("{CHUNKED}\r\n"))
            .answered([Step::Send(chunks(&large)), send("0\r\n\r\n")]),
        get("framing: 300 KB up to the end", &format!("{OK}\r\n"))
            .answered([Step::Send(large), Step::Close]),
        get("framing: slow, with a length", &format!("{OK}Content-Length: 9\r\n\r\none"))
            .answered([Step::Pause, send("two"), Step::Pause, send("six")]),
        get("framing: slow chunks", &format!("{CHUNKED}\r\n3\r\none\r\n")).answered([
            Step::Pause,
            send("3\r\nt"),
            Step::Pause,
            send("wo\r\n0\r\n"),
            Step::Pause,
            send("\r\n"),
        ]),
        get("framing: slow up to the end", &format!("{OK}\r\none")).answered([
            Step::Pause,
            send("two"),
            Step::Pause,
            Step::Close,
        ]),
        get("framing: a head in pieces", "HTTP/1.1 2").answered([
            Step::Pause,
            send("00 OK\r\nContent-Le"),
            Step::Pause,
            send("ngth: 4\r\n\r"),
            Step::Pause,
            send("\nbody"),
        ]),
        get("framing: HTTP/1.0 with a length", "HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nbody")
            .answered([Step::Close]),
        get("framing: HTTP/1.0 up to the end", "HTTP/1.0 200 OK\r\n\r\nbody")
            .answered([Step::Close]),
        get(
            "framing: HTTP/1.0, kept",
            "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 4\r\n\r\nbody",
        ),
        head("framing: HEAD with a length", &format!("{OK}Content-Length: 4096\r\n\r\n")),
        head("framing: HEAD in chunks", &format!("{CHUNKED}\r\n")),
        head("framing: HEAD without a length", &format!("{OK}\r\n")),
        head("framing: HEAD of nothing", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
        get(
            "framing: 204 with a length of 0",
            "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
        ),
        get("framing: 205", "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n"),
        coded("gzip"),
        coded("br"),
        coded("zstd"),
    ]
}

/// Bytes that claim to be coded pass untouched.
fn coded(coding: &str) -> Exchange {
    let asked = request("GET", "/coded", &format!("Accept-Encoding: {coding}\r\n"));
    let said = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: {coding}\r\n\
         Vary: Accept-Encoding\r\nETag: \"c\"\r\nContent-Length: 5000\r\n\r\n"
    );
    Exchange::new(format!("coded: {coding}"), &asked, &said).answered([Step::Send(noise(5_000))])
}
