//! Request lines and fields that are malformed, or nearly.

use super::{
    CONTROL, Case, NAME, NO_HOST, SIZE, SPACES, THEIRS, TWO_HOSTS, VERSION, fields, line, raw,
};

pub fn lines() -> Vec<Case> {
    let long = "a".repeat(100_000);
    vec![
        line("a target with an @", "GET @evil/a HTTP/1.1"),
        line("a target without a slash", "GET a HTTP/1.1"),
        line("a target that is a query", "GET ?a HTTP/1.1"),
        line("two spaces before a target", "GET  /a HTTP/1.1").differs(400, &[], SPACES),
        line("two spaces after a target", "GET /a  HTTP/1.1").differs(400, &[], SPACES),
        line("a tab before a target", "GET\t/a HTTP/1.1"),
        line("a space in a target", "GET /a b HTTP/1.1"),
        line("a tab in a target", "GET /a\tb HTTP/1.1"),
        line("a control in a target", "GET /a\u{1}b HTTP/1.1"),
        line("DEL in a target", "GET /a\u{7f} HTTP/1.1"),
        line("NUL in a target", "GET /a\0 HTTP/1.1"),
        line("CR in a target", "GET /a\rb HTTP/1.1"),
        line("a target above the root", "GET /../../etc/passwd HTTP/1.1").differs(
            200,
            &["GET /../../etc/passwd"],
            THEIRS,
        ),
        line("an encoded NUL", "GET /a%00b HTTP/1.1").differs(200, &["GET /a%00b"], THEIRS),
        line("a broken escape", "GET /a%zz HTTP/1.1").differs(200, &["GET /a%zz"], THEIRS),
        line("a URL without a host", "GET http:/// HTTP/1.1"),
        line("a URL with one slash", "GET http:/a HTTP/1.1"),
        line("a URL of FTP", "GET ftp://localhost/a HTTP/1.1").differs(
            400,
            &[],
            "a website is not asked over FTP",
        ),
        line("a URL with a user", "GET http://user@localhost/a HTTP/1.1"),
        line("a URL of another host", "GET http://evil.example/a HTTP/1.1").differs(
            400,
            &[],
            TWO_HOSTS,
        ),
        line("* of GET", "GET * HTTP/1.1"),
        line("a tunnel", "CONNECT localhost:80 HTTP/1.1").differs(
            405,
            &[],
            "it is well-formed, and 405 says that it is not for a website",
        ),
        line("a trace", "TRACE /a HTTP/1.1").differs(200, &["TRACE /a"], THEIRS),
        line("a method in lower case", "get /a HTTP/1.1").differs(200, &["get /a"], THEIRS),
        line("a method that is none", "GE(T /a HTTP/1.1"),
        line("no target", "GET HTTP/1.1"),
        line("one word", "GET"),
        line("a space first", " GET /a HTTP/1.1"),
        line("a space last", "GET /a HTTP/1.1 ").differs(400, &[], SPACES),
        line("a word too many", "GET /a HTTP/1.1 b"),
        line("no version", "GET /a").differs(400, &[], VERSION),
        line("HTTP/1.2", "GET /a HTTP/1.2").differs(505, &[], VERSION),
        line("HTTP/2.0", "GET /a HTTP/2.0"),
        line("HTTP/9.9", "GET /a HTTP/9.9"),
        line("HTTP/1", "GET /a HTTP/1"),
        line("HTTP/1.10", "GET /a HTTP/1.10").differs(400, &[], VERSION),
        line("HTTP/01.1", "GET /a HTTP/01.1"),
        line("a version in lower case", "GET /a http/1.1"),
        line("another protocol", "GET /a ICY/1.1"),
        line("a target of 100 KB", &format!("GET /{long} HTTP/1.1")).differs(431, &[], SIZE),
        raw("TLS", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\u{fc}\u{3}\u{3}\r\n\r\n"),
    ]
}

pub fn headers() -> Vec<Case> {
    const HOST: &str = "Host: localhost\r\n";
    let with = |name, more: &str| fields(name, &format!("{HOST}{more}"));
    let long = "a".repeat(100_000);
    vec![
        fields("no host", ""),
        fields("an empty host", "Host:\r\n").differs(
            200,
            &["GET /a"],
            "RFC 9112 §3.2 lets it be empty",
        ),
        fields("two hosts", "Host: localhost\r\nHost: evil.example\r\n"),
        fields("one host twice", "Host: localhost\r\nHost: localhost\r\n"),
        fields("a host with a path", "Host: localhost/a\r\n"),
        fields("a host with a user", "Host: user@localhost\r\n").differs(400, &[], NO_HOST),
        fields("a host with a space", "Host: local host\r\n"),
        fields("a host with NUL", "Host: local\0host\r\n"),
        fields("a list of hosts", "Host: localhost, evil.example\r\n"),
        fields("a host with a port that is none", "Host: localhost:a\r\n").differs(
            400,
            &[],
            NO_HOST,
        ),
        fields("a host before a space and a colon", "Host : localhost\r\n"),
        fields("a space before the first field", " Host: localhost\r\nHost: localhost\r\n"),
        with("a space before a colon", "X-A : 1\r\n"),
        with("a folded line", "X-A: 1\r\n 2\r\n"),
        with("a name with a space", "X A: 1\r\n"),
        with("a name in Latin-1", "X-\u{e9}: 1\r\n").differs(400, &[], NAME),
        with("a name with NUL", "X-\0: 1\r\n"),
        with("no name", ": 1\r\n"),
        with("no colon", "X-A\r\n").differs(400, &[], NAME),
        with("NUL in a value", "X-A: a\0b\r\n"),
        with("CR in a value", "X-A: a\rb\r\n"),
        with("a control in a value", "X-A: a\u{1}b\r\n").differs(400, &[], CONTROL),
        with("LF at the end of a field", "X-A: 1\nX-B: 2\r\n"),
        with("300 fields", &"X-A: 1\r\n".repeat(300)).differs(
            431,
            &[],
            "Pingora takes 256 fields at most",
        ),
        with("a field of 100 KB", &format!("X-A: {long}\r\n")).differs(431, &[], SIZE),
        with("a connection's field that is the host", "Connection: Host\r\n").differs(
            400,
            &[],
            "without its host the website would not know for whom the request is",
        ),
    ]
}
