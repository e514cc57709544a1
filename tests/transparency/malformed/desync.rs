//! What is known to have set proxies and websites at odds: lengths, codings, chunks, connections,
//! targets and names that one of two readers takes for something else.

use super::{
    BOUNDED, CONTROL, Case, HIDDEN, LENGTH, LINE, NAME, NO_HOST, OPTION, THEIRS, TWO_HOSTS,
    VERSION, WHOLE, chunks, fields, line, post, raw,
};

const LAST: &str = "0\r\n\r\n";
const HOST: &str = "Host: localhost\r\n";

/// A length, and a body of one byte.
fn length(name: &'static str, value: &str) -> Case {
    post(name, &format!("Content-Length: {value}\r\n"), "x")
}

/// A coding, and a body that is over at once.
fn coding(name: &'static str, value: &str) -> Case {
    post(name, &format!("Transfer-Encoding: {value}\r\n"), LAST)
}

/// Lengths beside which a reader may find no length, or another (CL.TE, CL.0, 0.CL).
pub fn lengths() -> Vec<Case> {
    let length_of_hidden = HIDDEN.len();
    let hidden = |name, method: &str, more: &str| {
        let fields = format!("{HOST}Content-Length: {length_of_hidden}\r\n{more}");
        raw(name, &format!("{method} /a HTTP/1.1\r\n{fields}\r\n{HIDDEN}"))
    };
    vec![
        length("a length with zeros before it", "0001"),
        length("a length with a fraction", "1.0"),
        length("a length with an exponent", "1e0"),
        length("a length with a semicolon", "1;"),
        length("a length with a comma", "1,"),
        length("a comma before a length", ",1"),
        length("a length in quotes", "\"1\""),
        length("a length in Arabic digits", "\u{d9}\u{a1}"),
        length("a length with an underscore", "1_0"),
        length("a length with a vertical tab", "1\u{b}"),
        length("a length with a form feed", "\u{c}1"),
        length("a length with NUL", "1\0"),
        length("a length with a non-breaking space", "\u{a0}1"),
        length("a length that is a list of one", "[1]"),
        post("a length of 30 zeros", &format!("Content-Length: {}\r\n", "0".repeat(30)), ""),
        post("a length behind a tab and a colon", "Content-Length\t: 1\r\n", "x"),
        post("a length with an underscore in its name", "Content_Length: 1\r\n", ""),
        post("a length behind CR in another field", "X-A: 1\rContent-Length: 1\r\n", "x"),
        post("a length behind a space at the start", " Content-Length: 1\r\n", "x"),
        post("a length behind NUL in its name", "Content-Length\0: 1\r\n", "x"),
        post("a length without a colon", "Content-Length 1\r\n", "x"),
        post("a length and an empty one", "Content-Length: 1\r\nContent-Length:\r\n", "x"),
        post("no length, and a request behind it", "", ""),
        hidden("a body of HEAD", "HEAD", ""),
        hidden("a body of OPTIONS", "OPTIONS", ""),
        hidden("a body of DELETE", "DELETE", ""),
        hidden("a body of a method that nobody knows", "BREW", ""),
        hidden("a body that is waited for", "POST", "Expect: 100-continue\r\n"),
        hidden("a body of GET that is waited for", "GET", "Expect: 100-continue\r\n"),
        hidden("an expectation behind another", "POST", "Expect: y 100-continue\r\n"),
        hidden("an expectation in upper case", "POST", "EXPECT: 100-CONTINUE\r\n"),
        hidden("an expectation twice", "POST", "Expect: 100-continue\r\nExpect: 100-continue\r\n"),
        hidden("an expectation with a parameter", "POST", "Expect: 100-continue;x=y\r\n"),
        hidden("an expectation on a folded line", "POST", "Expect:\r\n 100-continue\r\n"),
        hidden("another expectation", "POST", "Expect: 200-ok\r\n"),
        hidden("an empty expectation", "POST", "Expect:\r\n"),
        hidden("a method to be taken for another", "GET", "X-HTTP-Method-Override: HEAD\r\n"),
        raw(
            "a body in HTTP/1.0",
            &format!("POST /a HTTP/1.0\r\n{HOST}Content-Length: 1\r\n\r\nx{HIDDEN}"),
        ),
        raw(
            "a kept connection in HTTP/1.0",
            &format!(
                "POST /a HTTP/1.0\r\n{HOST}Connection: keep-alive\r\nContent-Length: 1\r\n\r\nx{HIDDEN}"
            ),
        ),
    ]
}

/// Codings that one reader takes for `chunked` and the other does not (TE.CL, TE.TE, TE.0).
pub fn codings() -> Vec<Case> {
    let hidden = |name, te: &str| {
        let body = format!("{:x}\r\n{HIDDEN}\r\n{LAST}", HIDDEN.len());
        let fields = format!("{HOST}{te}");
        raw(name, &format!("POST /a HTTP/1.1\r\n{fields}\r\n{body}"))
    };
    let both = |name, te: &str| post(name, &format!("Content-Length: 5\r\n{te}"), LAST);
    vec![
        coding("chunked in upper case", "CHUNKED"),
        coding("chunked, chunked", "chunked, chunked"),
        coding("chunked, identity", "chunked, identity"),
        coding("identity, chunked", "identity, chunked"),
        coding("a comma before chunked", ",chunked"),
        coding("chunked before a comma", "chunked,"),
        coding("chunked with a parameter", "chunked;q=1"),
        coding("chunked in single quotes", "'chunked'"),
        coding("chunked in brackets", "[chunked]"),
        coding("half of chunked", "chunk"),
        coding("chunked with a letter behind it", "chunkedx"),
        coding("chunked with a form feed", "\u{c}chunked").differs(400, &[], CONTROL),
        coding("chunked with a vertical tab behind it", "chunked\u{b}").differs(400, &[], CONTROL),
        coding("chunked with NUL behind it", "chunked\0"),
        coding("chunked with a non-breaking space", "\u{a0}chunked"),
        coding("chunked with a byte beyond ASCII", "chunked\u{ff}"),
        coding("chunked in letters that look like it", "chun\u{e2}\u{84}\u{aa}ed"),
        coding("no coding", ""),
        coding("deflate", "deflate"),
        coding("trailers", "trailers"),
        both("a length and xchunked", "Transfer-Encoding: xchunked\r\n"),
        both("a length and identity", "Transfer-Encoding: identity\r\n"),
        both("a length and no coding", "Transfer-Encoding:\r\n"),
        both("a length and chunked behind LF", "X-A: 1\nTransfer-Encoding: chunked\r\n"),
        both("a length and chunked behind CR", "X-A: 1\rTransfer-Encoding: chunked\r\n"),
        both("a length and chunked behind a tab and a colon", "Transfer-Encoding\t: chunked\r\n"),
        both("a length and chunked without a colon", "Transfer-Encoding chunked\r\n"),
        both("a length and chunked behind a semicolon", "Transfer-Encoding; chunked\r\n"),
        both("a length and chunked in a name with NUL", "Transfer-Encoding\0: chunked\r\n"),
        both("a length and chunked in a name with a tab", "Transfer\tEncoding: chunked\r\n"),
        both("a length and chunked in a name with a space", "Transfer Encoding: chunked\r\n"),
        both("a length and chunked in a name behind CR", "\rTransfer-Encoding: chunked\r\n"),
        both(
            "a length and chunked in a name behind a control",
            "\u{1}Transfer-Encoding: chunked\r\n",
        ),
        both("a length and chunked in a name behind a dot", "Transfer.Encoding: chunked\r\n"),
        both("a length and chunked behind a space at the start", " Transfer-Encoding: chunked\r\n"),
        both("a length and chunked on a line of its own", "Transfer-Encoding\r\n : chunked\r\n"),
        both("a length and a folded tab", "Transfer-Encoding:\r\n\tchunked\r\n"),
        both("a length and chunked of te", "TE: chunked\r\n"),
        both("a length and chunked as a content's coding", "Content-Encoding: chunked\r\n"),
        hidden("a request in a chunk", "Transfer-Encoding: chunked\r\n"),
        hidden("a request in a chunk that nobody announced", ""),
        hidden(
            "a request in a chunk that an option names",
            "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n",
        ),
        raw(
            "chunks of GET",
            &format!("GET /a HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n{LAST}{HIDDEN}"),
        ),
        raw(
            "chunks of OPTIONS",
            &format!(
                "OPTIONS /a HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n{LAST}{HIDDEN}"
            ),
        ),
        raw(
            "chunks and a length in HTTP/1.0",
            &format!(
                "POST /a HTTP/1.0\r\n{HOST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n{LAST}{HIDDEN}"
            ),
        ),
    ]
}

/// Chunks whose lines or data end elsewhere for another reader.
pub fn chunking() -> Vec<Case> {
    let long = "x".repeat(100_000);
    vec![
        chunks("two bytes in the place of a line end", "3\r\nabcXX0\r\n\r\n"),
        chunks("CR after a chunk", "3\r\nabc\r0\r\n\r\n"),
        chunks("CR and a byte after a chunk", "3\r\nabc\rX0\r\n\r\n"),
        chunks("two LF after a chunk", "3\r\nabc\n\n0\r\n\r\n"),
        chunks("an empty line after a chunk", "3\r\nabc\r\n\r\n0\r\n\r\n"),
        chunks("two CR after a size", "3\r\r\nabc\r\n0\r\n\r\n"),
        chunks("CR after a size", "3\rabc\r\n0\r\n\r\n"),
        chunks("a space after the last size", "0 \r\n\r\n"),
        chunks("a tab after a size", "3\t\r\nabc\r\n0\r\n\r\n"),
        chunks("a tab before an extension", "3\t;a\r\nabc\r\n0\r\n\r\n"),
        chunks("spaces in an extension", "3; a = b\r\nabc\r\n0\r\n\r\n"),
        chunks("an extension without a name", "3;\r\nabc\r\n0\r\n\r\n"),
        chunks("two semicolons", "3;;a\r\nabc\r\n0\r\n\r\n"),
        chunks("a quoted extension with a line end", "3;a=\"\r\n\"\r\nabc\r\n0\r\n\r\n"),
        chunks("an open quote in an extension", "3;a=\"b\r\nabc\r\n0\r\n\r\n"),
        chunks("an extension of the last chunk", "0;a=b\r\n\r\n"),
        chunks("LF in the last chunk's extension", "0;\n\r\n").differs(400, &[], LINE),
        chunks("LF in an extension, with a request behind it", "5;\nxx\r\n4c\r\n0\r\n\r\n"),
        chunks("an extension of 100 KB", &format!("3;{long}\r\nabc\r\n0\r\n\r\n")).differs(
            400,
            &[],
            BOUNDED,
        ),
        chunks("a vertical tab after a size", "3\u{b}\r\nabc\r\n0\r\n\r\n"),
        chunks("NUL after a size", "3\0\r\nabc\r\n0\r\n\r\n"),
        chunks("a byte beyond ASCII after a size", "3\u{a0}\r\nabc\r\n0\r\n\r\n"),
        chunks("a size with a fraction", "3.0\r\nabc\r\n0\r\n\r\n"),
        chunks("a size with an underscore", "0_3\r\nabc\r\n0\r\n\r\n"),
        chunks("a list of sizes", "3,3\r\nabc\r\n0\r\n\r\n"),
        chunks("two sizes", "3 3\r\nabc\r\n0\r\n\r\n").differs(
            400,
            &[],
            "nothing but an extension stands behind a size (RFC 9112 §7.1)",
        ),
        chunks("a size in quotes", "\"3\"\r\nabc\r\n0\r\n\r\n"),
        chunks("a size that ends with h", "3h\r\nabc\r\n0\r\n\r\n"),
        chunks("a size with 0X", "0X3\r\nabc\r\n0\r\n\r\n"),
        chunks("the largest size of 64 bits", "ffffffffffffffff\r\nabc\r\n0\r\n\r\n"),
        chunks("the largest size of 63 bits", "7fffffffffffffff\r\nabc\r\n0\r\n\r\n")
            .unfinished()
            .differs(0, &[], LENGTH),
        chunks("a size that is negative in 64 bits", "fffffffffffffffd\r\nabc\r\n0\r\n\r\n"),
        chunks("a size of 33 bits", "100000003\r\nabc\r\n0\r\n\r\n").unfinished().differs(
            0,
            &[],
            LENGTH,
        ),
        chunks("a last chunk of many zeros", "0000000000000000\r\n\r\n"),
        chunks("an end in the place of trailers", "3\r\nabc\r\n0\r\n"),
        chunks("less than its size", "5\r\nabc\r\n0\r\n\r\n"),
        chunks("a trailer that is a coding", "0\r\nTransfer-Encoding: chunked\r\n\r\n"),
        chunks("a trailer that is the host", "0\r\nHost: evil.example\r\n\r\n"),
        chunks("a trailer that says who asks", "0\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n"),
        chunks("a folded trailer", "0\r\nX-A: 1\r\n 2\r\n\r\n").differs(
            400,
            &[],
            "no line may be folded (RFC 9112 §5.2)",
        ),
        chunks("a trailer without a colon", "0\r\nX-A\r\n\r\n"),
        chunks("a trailer with a space before its colon", "0\r\nX-A : 1\r\n\r\n"),
        chunks("a trailer with CR", "0\r\nX-A: 1\rX-B: 2\r\n\r\n"),
        chunks("a trailer with LF", "0\r\nX-A: 1\nX-B: 2\r\n\r\n").differs(400, &[], LINE),
        chunks("trailers of 100 KB", &format!("0\r\nX-A: {long}\r\n\r\n")).differs(
            400,
            &[],
            BOUNDED,
        ),
        chunks("CR at the end", "0\r\n\r"),
    ]
}

/// What speaks of one connection only.
pub fn connections() -> Vec<Case> {
    let with = |name, more: &str| post(name, &format!("Content-Length: 1\r\n{more}"), "x");
    let get = |name, more: &str| raw(name, &format!("GET /a HTTP/1.1\r\n{HOST}{more}\r\n{HIDDEN}"));
    vec![
        with("a length that an option names", "Connection: Content-Length\r\n"),
        with("a length that an option names, and the end", "Connection: close, Content-Length\r\n"),
        with("a length that an option names in quotes", "Connection: \"Content-Length\"\r\n")
            .differs(400, &[], OPTION),
        with("an option that is the expectation", "Connection: Expect\r\nExpect: 100-continue\r\n"),
        with("an option twice", "Connection: X-A\r\nConnection: X-B\r\nX-A: 1\r\nX-B: 2\r\n"),
        with("options that are none", "Connection: ,,;\r\n").differs(400, &[], OPTION),
        with("an option with a space in it", "Connection: keep alive\r\n").differs(
            400,
            &[],
            OPTION,
        ),
        with("a proxy's connection", "Proxy-Connection: keep-alive\r\n"),
        with("an option that says who asks", "Connection: X-Forwarded-For\r\n").differs(
            400,
            &[],
            OPTION,
        ),
        get(
            "an upgrade to h2c",
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
        ),
        get("an upgrade to h2c without settings", "Connection: Upgrade\r\nUpgrade: h2c\r\n"),
        get(
            "settings of h2c that no option names",
            "Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
        ),
        get("an upgrade that no option names", "Upgrade: websocket\r\n"),
        get("an upgrade to TLS", "Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n"),
        get(
            "a WebSocket of an unknown version, and a request behind it",
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 777\r\n",
        ),
        get("two upgrades", "Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n"),
        with(
            "an upgrade with a body",
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
        ),
        raw("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").differs(505, &[], VERSION),
        raw(
            "a kept connection that HTTP/1.0 has an option name",
            &format!("GET /a HTTP/1.0\r\n{HOST}Connection: Host\r\n\r\n{HIDDEN}"),
        )
        .differs(400, &[], OPTION),
    ]
}

/// Request lines that name another target, host or version to another reader.
pub fn targets() -> Vec<Case> {
    let method = "A".repeat(10_000);
    let ends = |name, end: &str| raw(name, &format!("GET /a HTTP/1.1{end}{HOST}\r\n"));
    vec![
        line("a URL of the same host", "GET http://localhost/a HTTP/1.1").differs(
            200,
            &["GET http://localhost/a"],
            WHOLE,
        ),
        line("a URL with a port", "GET http://localhost:80/a HTTP/1.1").differs(
            400,
            &[],
            TWO_HOSTS,
        ),
        line("a URL with another port", "GET http://localhost:81/a HTTP/1.1").differs(
            400,
            &[],
            TWO_HOSTS,
        ),
        line("a URL with a port that is none", "GET http://localhost:a/a HTTP/1.1"),
        line("a URL of HTTPS", "GET https://localhost/a HTTP/1.1").differs(
            200,
            &["GET https://localhost/a"],
            WHOLE,
        ),
        line("a URL in upper case", "GET HTTP://LOCALHOST/a HTTP/1.1").differs(400, &[], TWO_HOSTS),
        line("a URL with a query and no path", "GET http://localhost?a HTTP/1.1").differs(
            200,
            &["GET http://localhost?a"],
            WHOLE,
        ),
        line("a URL with backslashes", "GET http:\\\\localhost\\a HTTP/1.1"),
        line("a URL with two hosts", "GET http://localhost@evil.example/a HTTP/1.1"),
        line("a URL in a URL", "GET http://localhost/http://evil.example/ HTTP/1.1").differs(
            200,
            &["GET http://localhost/http://evil.example/"],
            WHOLE,
        ),
        line("a target with two slashes", "GET //evil.example/a HTTP/1.1"),
        line("a target with a backslash", "GET /\\evil.example/a HTTP/1.1"),
        line("a fragment", "GET /a#b HTTP/1.1").differs(
            200,
            &["GET /a"],
            "a fragment is no part of a target (RFC 9112 §3.2)",
        ),
        line("a version in a target", "GET /a?HTTP/1.1 HTTP/1.1"),
        line("a version twice", "GET /a HTTP/1.1 HTTP/1.1"),
        line("a version twice without a space", "GET /a HTTP/1.1HTTP/1.1"),
        line("a version with a byte behind it", "GET /a HTTP/1.1x"),
        line("a version with NUL behind it", "GET /a HTTP/1.1\0"),
        line("a version without a minor one", "GET /a HTTP/1."),
        line("a version with a comma", "GET /a HTTP/1,1"),
        line("HTTP/0.9", "GET /a HTTP/0.9").differs(505, &[], VERSION),
        line("HTTP/1.1 in letters that look like it", "GET /a HTTP/1.\u{b9}"),
        line("a non-breaking space before a version", "GET /a\u{a0}HTTP/1.1").differs(
            400,
            &[],
            VERSION,
        ),
        line("a vertical tab before a version", "GET /a\u{b}HTTP/1.1"),
        line("a form feed before a target", "GET\u{c}/a HTTP/1.1"),
        line("CR before a version", "GET /a\rHTTP/1.1"),
        line("an encoded line end", "GET /a%0d%0aX-A:%201 HTTP/1.1"),
        line("an encoded space", "GET /a%20HTTP/1.1 HTTP/1.1"),
        line("a method with a colon", "GET: /a HTTP/1.1"),
        line("a method of 10 KB", &format!("{method} /a HTTP/1.1")).differs(
            200,
            &[&format!("{method} /a")],
            THEIRS,
        ),
        line("a method with NUL", "GE\0T /a HTTP/1.1"),
        line("a method with a byte beyond ASCII", "G\u{c9}T /a HTTP/1.1"),
        line("a method in quotes", "\"GET\" /a HTTP/1.1"),
        line("NUL before a method", "\0GET /a HTTP/1.1"),
        line("a byte order mark before a method", "\u{ef}\u{bb}\u{bf}GET /a HTTP/1.1"),
        line("CR before a method", "\rGET /a HTTP/1.1"),
        line("an empty line before a method", "\r\nGET /a HTTP/1.1"),
        line("LF before a method", "\nGET /a HTTP/1.1"),
        ends("LF after the line", "\n"),
        ends("CR after the line", "\r"),
        ends("two CR after the line", "\r\r\n"),
        raw("LF everywhere", "GET /a HTTP/1.1\nHost: localhost\n\n"),
        raw("LF and CR LF at the end", "GET /a HTTP/1.1\r\nHost: localhost\n\r\n"),
        raw("CR LF and LF at the end", "GET /a HTTP/1.1\r\nHost: localhost\r\n\n"),
        raw("CR everywhere", "GET /a HTTP/1.1\rHost: localhost\r\r"),
        raw("an answer", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        raw("a head without its end", "GET /a HTTP/1.1\r\nHost: localhost\r\nX-A: "),
    ]
}

/// Fields that have another name, another value or another host to another reader.
pub fn names() -> Vec<Case> {
    let host = |name, value: &str| fields(name, &format!("Host: {value}\r\n"));
    let with = |name, more: &str| fields(name, &format!("{HOST}{more}"));
    vec![
        host("a host with two ports", "localhost:80:80").differs(400, &[], NO_HOST),
        host("a host with an empty port", "localhost:"),
        host("a host with a port beyond 65535", "localhost:65536").differs(400, &[], NO_HOST),
        host("a host with a negative port", "localhost:-1").differs(400, &[], NO_HOST),
        host("a host with a port with a sign", "localhost:+80").differs(400, &[], NO_HOST),
        host("a host with a hexadecimal port", "localhost:0x50").differs(400, &[], NO_HOST),
        host("a host with a port of 30 digits", "localhost:000000000000000000000000000080"),
        host("a host with a port that is a host", "localhost:evil.example").differs(
            400,
            &[],
            NO_HOST,
        ),
        host("a host with a port and a user", "localhost:80@evil.example").differs(
            400,
            &[],
            NO_HOST,
        ),
        host("a port without a host", ":80"),
        host("a host with a tab", "local\thost"),
        host("a host with a fragment", "localhost#@evil.example").differs(400, &[], NO_HOST),
        host("a host with a query", "localhost?evil.example").differs(400, &[], NO_HOST),
        host("a host with a backslash", "localhost\\evil.example").differs(400, &[], NO_HOST),
        host("a host with a semicolon", "localhost;evil.example"),
        host("a host in brackets that are not closed", "[::1").differs(400, &[], NO_HOST),
        host("a host of IPv6", "[::1]:80"),
        host("a host of IPv6 with text behind it", "[::1]evil.example").differs(400, &[], NO_HOST),
        host("a host that is encoded", "local%68ost"),
        host("a host in upper case", "LOCALHOST"),
        host("a host with a dot at its end", "localhost."),
        host("a host with two dots at its end", "localhost.."),
        host("a host in Latin-1", "caf\u{e9}.example"),
        host("a URL as a host", "http://localhost"),
        fields("two hosts, one behind a space", "Host: localhost\r\nHost : evil.example\r\n"),
        fields("two hosts, one folded", "Host: localhost\r\n Host: evil.example\r\n"),
        fields("two hosts, one behind CR", "Host: localhost\r\n\rHost: evil.example\r\n"),
        fields("two hosts, one behind LF", "Host: localhost\nHost: evil.example\r\n"),
        fields("two hosts, one empty", "Host: localhost\r\nHost:\r\n"),
        fields("a host whose name ends with NUL", "Host\0: localhost\r\n"),
        with("a name with a tab", "X\tA: 1\r\n"),
        with("a name with DEL", "X-A\u{7f}: 1\r\n"),
        with("a name in parentheses", "(X-A): 1\r\n").differs(400, &[], NAME),
        with("a name in quotes", "\"X-A\": 1\r\n").differs(400, &[], NAME),
        with("a name with an @", "X@A: 1\r\n").differs(400, &[], NAME),
        with("a name with a slash", "X/A: 1\r\n").differs(400, &[], NAME),
        with("a name with an underscore", "X_A: 1\r\n"),
        with("a name with a dot", "X.A: 1\r\n"),
        with("two colons", "X-A:: 1\r\n"),
        with("a value in UTF-8", "X-A: \u{c3}\u{a9}\r\n"),
        with("a value with DEL", "X-A: a\u{7f}b\r\n").differs(400, &[], CONTROL),
        with("a value with a vertical tab", "X-A: a\u{b}b\r\n").differs(400, &[], CONTROL),
        with("a value with ESC", "X-A: a\u{1b}[2J\r\n").differs(400, &[], CONTROL),
        with("a value that ends with CR", "X-A: 1\r\r\n").differs(400, &[], CONTROL),
        with("a line of spaces", "X-A: 1\r\n  \r\n"),
        with("a line of a tab", "X-A: 1\r\n\t\r\n"),
        with("a folded line that is a field", "X-A: 1\r\n\tContent-Length: 5\r\n"),
        with("a name of 10 KB", &format!("{}: 1\r\n", "X".repeat(10_000))).differs(
            200,
            &["GET /a"],
            "limits.header_size bounds a head as a whole",
        ),
    ]
}
