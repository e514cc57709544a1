//! What is sent, and what is right for it.

use super::Case;
use super::Right::{self, Broken, Perhaps, Status, Whole};
use crate::common::headcount::SITE;
use crate::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, block, frame, headers, usual,
};

type Fields<'a> = [(&'a str, &'a str)];

/// A request of the usual fields and these, with a body where there is one.
fn ask(name: &'static str, method: &str, more: &Fields, body: &[&str], right: Right) -> Case {
    let fields = [&usual(method, right.late_target().unwrap_or("/a"))[..], more].concat();
    raw(name, &fields, body, right)
}

/// A request of these fields alone.
fn raw(name: &'static str, fields: &Fields, body: &[&str], right: Right) -> Case {
    let end = if body.is_empty() { END_STREAM } else { 0 };
    let mut frames = headers(1, end, fields);
    for (nth, piece) in body.iter().enumerate() {
        let end = if nth + 1 == body.len() { END_STREAM } else { 0 };
        frames.extend(frame(DATA, end, 1, piece.as_bytes()));
    }
    Case { name, frames, right }
}

/// The usual request, with another value of one of its pseudo-fields; `None`: without it.
fn pseudo(name: &'static str, which: &str, value: Option<&str>, right: Right) -> Case {
    let fields: Vec<(&str, &str)> = usual("GET", "/a")
        .into_iter()
        .filter_map(|(known, old)| match known == which {
            true => value.map(|value| (known, value)),
            false => Some((known, old)),
        })
        .collect();
    raw(name, &fields, &[], right)
}

const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: docs.example.org\r\n\r\n";

/// RFC 9113 §8.1.1: a length that is not that of the body is an error of the stream.
pub fn lengths() -> Vec<Case> {
    let post = |name, length: &str, body: &[&str], right| {
        ask(name, "POST", &[("content-length", length)], body, right)
    };
    vec![
        post("a length that is right", "3", &["abc"], Whole("POST /a docs.example.org abc")),
        post("a length that is larger", "10", &["abc"], Broken),
        post("a length that is smaller", "3", &["abcdef"], Broken),
        // The website gets as much as was announced, and no more.
        post(
            "a length that is smaller, with another request behind it",
            "3",
            &["abc", HIDDEN],
            Perhaps("POST /shorter docs.example.org abc"),
        ),
        post("no length, and a body", "0", &[HIDDEN], Perhaps("POST /empty docs.example.org ")),
        post("a length without a body", "3", &[], Broken),
        post("a list of lengths", "3, 3", &["abc"], Broken),
        post("a list of two lengths", "3, 4", &["abc"], Broken),
        post("a length with a sign", "+3", &["abc"], Broken),
        post("a negative length", "-3", &["abc"], Broken),
        post("a hexadecimal length", "0x3", &["abc"], Broken),
        post("an empty length", "", &["abc"], Broken),
        post("a length with a space", " 3", &["abc"], Broken),
        post("a length that overflows", "18446744073709551619", &["abc"], Broken),
        ask(
            "a length twice",
            "POST",
            &[("content-length", "3"), ("content-length", "3")],
            &["abc"],
            Broken,
        ),
        ask(
            "two lengths",
            "POST",
            &[("content-length", "3"), ("content-length", "0")],
            &["abc"],
            Broken,
        ),
        ask("no length at all", "POST", &[], &["abc"], Whole("POST /a docs.example.org abc")),
        ask(
            "a body that looks like chunks",
            "POST",
            &[],
            &["0\r\n\r\n", HIDDEN],
            Whole(
                "POST /a docs.example.org 0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: docs.example.org\r\n\r\n",
            ),
        ),
        ask(
            "a body that GET does not expect",
            "GET",
            &[],
            &[HIDDEN],
            Whole("GET /a docs.example.org GET /hidden HTTP/1.1\r\nHost: docs.example.org\r\n\r\n"),
        ),
    ]
}

/// RFC 9113 §8.2.2: what speaks of a connection is malformed, but for `te: trailers`.
pub fn connections() -> Vec<Case> {
    let post = |name, field, value: &str| {
        ask(name, "POST", &[(field, value)], &["0\r\n\r\n", HIDDEN], Broken)
    };
    vec![
        post("chunked", "transfer-encoding", "chunked"),
        post("gzip, chunked", "transfer-encoding", "gzip, chunked"),
        post("identity", "transfer-encoding", "identity"),
        post("chunked before a space", "transfer-encoding", "chunked "),
        post("no coding", "transfer-encoding", ""),
        ask(
            "chunked and a length",
            "POST",
            &[("transfer-encoding", "chunked"), ("content-length", "5")],
            &["0\r\n\r\n"],
            Broken,
        ),
        // Another name: it is not chunked to anybody who tells `_` from `-`.
        ask(
            "chunked, with an underscore",
            "POST",
            &[("transfer_encoding", "chunked")],
            &["abc"],
            Whole("POST /a docs.example.org abc"),
        ),
        post("a connection's fields", "connection", "x-forwarded-for"),
        post("the end of a connection", "connection", "close"),
        post("a connection to keep", "keep-alive", "timeout=5"),
        post("a proxy's connection", "proxy-connection", "keep-alive"),
        post("an upgrade", "upgrade", "h2c"),
        post("a WebSocket", "upgrade", "websocket"),
        post("te that is a coding", "te", "chunked"),
        post("te that is a list", "te", "trailers, chunked"),
        ask("te", "GET", &[("te", "trailers")], &[], Whole("GET /a docs.example.org ")),
        ask("settings of h2c", "GET", &[("http2-settings", "AAMAAABk")], &[], {
            Whole("GET /a docs.example.org ")
        }),
    ]
}

/// RFC 9113 §8.2.1: neither name nor value may hold what ends them in HTTP/1.1.
pub fn fields() -> Vec<Case> {
    let with =
        |name, field: &str, value: &str, right| ask(name, "GET", &[(field, value)], &[], right);
    let broken = |name, field, value| with(name, field, value, Broken);
    let hidden = format!("1\r\n\r\n{HIDDEN}");
    vec![
        broken("CR and LF in a value", "x-a", "1\r\nx-b: 2"),
        broken("LF in a value", "x-a", "1\nx-b: 2"),
        broken("CR in a value", "x-a", "1\rx-b: 2"),
        broken("NUL in a value", "x-a", "1\0"),
        broken("a request in a value", "x-a", &hidden),
        broken("a control in a value", "x-a", "1\u{1}"),
        broken("DEL in a value", "x-a", "1\u{7f}"),
        broken("CR and LF in a name", "x-a: 1\r\nx-b", "2"),
        broken("LF in a name", "x-a\n", "1"),
        broken("NUL in a name", "x-a\0", "1"),
        broken("a colon in a name", "transfer-encoding: chunked\r\nx", "1"),
        broken("a colon at a name's end", "transfer-encoding:", "chunked"),
        broken("a space in a name", "transfer-encoding ", "chunked"),
        broken("a tab in a name", "\ttransfer-encoding", "chunked"),
        broken("an empty name", "", "1"),
        broken("a name in upper case", "X-A", "1"),
        broken("a length in upper case", "Content-Length", "3"),
        broken("a name in Latin-1", "x-\u{e9}", "1"),
        with("a value in Latin-1", "x-a", "caf\u{e9}", Whole("GET /a docs.example.org ")),
        with("an empty value", "x-a", "", Whole("GET /a docs.example.org ")),
        with("spaces around a value", "x-a", " 1 ", Whole("GET /a docs.example.org ")),
    ]
}

/// RFC 9113 §8.3: the fields that are a request line in HTTP/1.1.
pub fn lines() -> Vec<Case> {
    let path = |name, path, right| pseudo(name, ":path", Some(path), right);
    let method = |name, method, right| pseudo(name, ":method", Some(method), right);
    let host = |name, host, right| pseudo(name, ":authority", Some(host), right);
    let scheme = |name, scheme, right| pseudo(name, ":scheme", Some(scheme), right);
    let request = usual("GET", "/a");
    let twice = |field| [&request[..], &[field]].concat();
    let late = [&[("x-a", "1")], &request[..]].concat();
    vec![
        path(
            "a path with a request behind it",
            "/a HTTP/1.1\r\nHost: x\r\n\r\nGET /hidden",
            Broken,
        ),
        path("a path with a version", "/a HTTP/1.1", Broken),
        path("a path with LF", "/a\nb", Broken),
        path("a path with CR", "/a\rb", Broken),
        path("a path with NUL", "/a\0b", Broken),
        path("a path with a tab", "/a\tb", Broken),
        path("a path with a control", "/a\u{1}b", Broken),
        path("a path with DEL", "/a\u{7f}b", Broken),
        path("an empty path", "", Broken),
        path("a path without a slash", "a", Broken),
        path("a path that is a host", "@evil.example/a", Broken),
        path("a whole URL as the path", "https://evil.example/a", Broken),
        path(
            "a host as the path",
            "//evil.example/a",
            Whole("GET //evil.example/a docs.example.org "),
        ),
        path("* of GET", "*", Broken),
        // As nginx has it.
        path("a fragment", "/a#b", Whole("GET /a docs.example.org ")),
        pseudo("no path", ":path", None, Broken),
        method("a method with a line behind it", "GET /hidden HTTP/1.1\r\nx:", Broken),
        method("a method with a space", "GET /b", Broken),
        method("a method with LF", "GET\n", Broken),
        method("a method with a colon", "GET:", Broken),
        method("an empty method", "", Broken),
        method("a method in lower case", "get", Whole("get /a docs.example.org ")),
        pseudo("no method", ":method", None, Broken),
        host("a host with a line behind it", "docs.example.org\r\nx-a: 1", Broken),
        host("a host with a space", "docs.example.org evil", Broken),
        host("a host with a path", "docs.example.org/b", Broken),
        host("a host with a user", "evil@docs.example.org", Broken),
        host("a host with a port that is none", "docs.example.org:a", Broken),
        host("a list of hosts", "docs.example.org,evil.example", Broken),
        host("an empty host", "", Broken),
        pseudo("no host", ":authority", None, Broken),
        scheme("a scheme that is none", "https://evil.example/?", Broken),
        scheme("a scheme with a line behind it", "https\r\nx-a: 1", Broken),
        scheme("another scheme", "ftp", Broken),
        pseudo("no scheme", ":scheme", None, Broken),
        raw("a path twice", &twice((":path", "/b")), &[], Broken),
        raw("a method twice", &twice((":method", "POST")), &[], Broken),
        raw("a host twice", &twice((":authority", "evil.example")), &[], Broken),
        raw("a pseudo-field that is unknown", &twice((":x", "1")), &[], Broken),
        raw("an answer's status", &twice((":status", "200")), &[], Broken),
        raw("a pseudo-field behind a field", &late, &[], Broken),
        ask("another host as a field", "GET", &[("host", "evil.example")], &[], Broken),
        ask("the same host as a field", "GET", &[("host", SITE)], &[], {
            Whole("GET /a docs.example.org ")
        }),
        ask("two hosts as fields", "GET", &[("host", SITE), ("host", "evil.example")], &[], Broken),
        raw(
            "a tunnel",
            &[(":method", "CONNECT"), (":authority", "docs.example.org:80")],
            &[],
            Status(405),
        ),
        raw(
            "a tunnel with a path",
            &[
                (":method", "CONNECT"),
                (":authority", "a:80"),
                (":scheme", "https"),
                (":path", "/a"),
            ],
            &[],
            Broken,
        ),
        ask("a tunnel's protocol with GET", "GET", &[(":protocol", "websocket")], &[], Broken),
        raw(
            "a tunnel for a WebSocket, which was not offered",
            &[&usual("CONNECT", "/a")[..], &[(":protocol", "websocket")]].concat(),
            &[],
            Broken,
        ),
    ]
}

/// What comes after the first fields.
pub fn endings() -> Vec<Case> {
    let post = headers(1, 0, &usual("POST", "/a"));
    let body = frame(DATA, 0, 1, b"abc");
    let trailers = |name, fields: &Fields, right| Case {
        name,
        frames: [&post[..], &body, &headers(1, END_STREAM, fields)].concat(),
        right,
    };
    let then = |name, more: &[u8], right: Right| {
        let begun = headers(1, 0, &usual("POST", right.late_target().unwrap_or("/a")));
        Case { name, frames: [&begun[..], more].concat(), right }
    };
    let [first, second] = {
        let fields = block(&[&usual("GET", "/a")[..], &[("x-a", "1")]].concat());
        let (first, second) = fields.split_at(fields.len() / 2);
        [first.to_vec(), second.to_vec()]
    };
    let begun = frame(HEADERS, END_STREAM, 1, &first);
    let ended = frame(CONTINUATION, END_HEADERS, 1, &second);
    const ABC: &str = "POST /a docs.example.org abc";
    vec![
        // They have no place in HTTP/1.1 with a known length, and Pingora sends none.
        trailers("trailers", &[("x-sum", "1")], Whole(ABC)),
        trailers("a trailer that is a length", &[("content-length", "9")], Whole(ABC)),
        trailers("a trailer with a coding", &[("transfer-encoding", "chunked")], Broken),
        trailers("a trailer that is a path", &[(":path", "/b")], Whole(ABC)),
        trailers("a trailer with a line behind it", &[("x-a", "1\r\nx-b: 2")], Broken),
        Case {
            name: "trailers that do not end it",
            frames: [&post[..], &body, &headers(1, 0, &[("x-a", "1")])].concat(),
            right: Broken,
        },
        then(
            "a body beyond the end",
            &[frame(DATA, END_STREAM, 1, b"abc"), frame(DATA, 0, 1, HIDDEN.as_bytes())].concat(),
            Perhaps("POST /more-body docs.example.org abc"),
        ),
        then(
            "fields beyond the end",
            &[frame(DATA, END_STREAM, 1, b"abc"), headers(1, END_STREAM, &usual("GET", "/hidden"))]
                .concat(),
            Perhaps("POST /more-fields docs.example.org abc"),
        ),
        then("padding longer than its frame", &frame(DATA, 8 | END_STREAM, 1, b"\xffabc"), Broken),
        Case {
            name: "fields in two frames",
            frames: [&begun[..], &ended].concat(),
            right: Whole("GET /a docs.example.org "),
        },
        Case {
            name: "a frame between fields",
            frames: [&begun[..], &frame(DATA, 0, 1, b"abc"), &ended].concat(),
            right: Broken,
        },
        Case { name: "fields of nobody", frames: ended, right: Broken },
        Case {
            name: "a body of nobody",
            frames: frame(DATA, END_STREAM, 1, b"abc"),
            right: Broken,
        },
        Case {
            name: "fields that cannot be decoded",
            frames: frame(HEADERS, END_STREAM | END_HEADERS, 1, &[0xff; 20]),
            right: Broken,
        },
        Case {
            name: "a stream of the server's",
            frames: headers(2, END_STREAM, &usual("GET", "/a")),
            right: Broken,
        },
        Case {
            name: "the stream of the connection",
            frames: headers(0, END_STREAM, &usual("GET", "/a")),
            right: Broken,
        },
        large("fields of 60 KB", 60_000, Whole("GET /a docs.example.org ")),
        large("fields of 70 KB", 70_000, Status(431)),
        large("fields of 1 MB", 1_000_000, Broken),
        {
            let mut many = usual("GET", "/a");
            many.extend([("x-a", "1")].repeat(300));
            raw("300 fields", &many, &[], Status(431))
        },
    ]
}

/// A request with one field of so many bytes, in frames as large as may be.
pub fn large(name: &'static str, bytes: usize, right: Right) -> Case {
    let fields = block(&[&usual("GET", "/a")[..], &[("x-a", &"a".repeat(bytes))]].concat());
    let pieces: Vec<&[u8]> = fields.chunks(16_384).collect();
    let mut frames = Vec::new();
    for (nth, piece) in pieces.iter().enumerate() {
        let (kind, begins) = if nth == 0 { (HEADERS, END_STREAM) } else { (CONTINUATION, 0) };
        let ends = if nth + 1 == pieces.len() { END_HEADERS } else { 0 };
        frames.extend(frame(kind, begins | ends, 1, piece));
    }
    Case { name, frames, right }
}
