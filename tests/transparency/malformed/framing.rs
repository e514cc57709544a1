//! Where a request's body ends: lengths, codings and chunks that could be read in two ways.

use super::{CONTROL, Case, HIDDEN, LINE, SPACE, chunks, post, raw};

pub fn framing() -> Vec<Case> {
    let size = "0\r\n\r\n";
    vec![
        post("a length and chunks", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", size),
        post("chunks and a length", "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", size),
        post("one length twice", "Content-Length: 1\r\nContent-Length: 1\r\n", "x"),
        post("two lengths", "Content-Length: 1\r\nContent-Length: 2\r\n", "xx"),
        post("a list of lengths", "Content-Length: 1, 1\r\n", "x"),
        post("a length with a sign", "Content-Length: +1\r\n", "x"),
        post("a negative length", "Content-Length: -1\r\n", "x"),
        post("a hexadecimal length", "Content-Length: 0x1\r\n", "x"),
        post("no length", "Content-Length:\r\n", ""),
        post("a length in two words", "Content-Length: 1 1\r\n", "x"),
        post("a length that overflows", "Content-Length: 18446744073709551617\r\n", "x"),
        post("a length beyond 63 bits", "Content-Length: 9223372036854775808\r\n", "x"),
        post("a length with white space around", "Content-Length: \t1 \t\r\n", "x").differs(
            200,
            &["POST /a x", "GET /hidden"],
            SPACE,
        ),
        post("a length before a space and a colon", "Content-Length : 1\r\n", "x"),
        post("a length on a folded line", "X: a\r\n Content-Length: 1\r\n", "x"),
        post("gzip, chunked", "Transfer-Encoding: gzip, chunked\r\n", size),
        post("chunked, gzip", "Transfer-Encoding: chunked, gzip\r\n", size),
        post("identity", "Transfer-Encoding: identity\r\n", ""),
        post("xchunked", "Transfer-Encoding: xchunked\r\n", size),
        post("chunked in quotes", "Transfer-Encoding: \"chunked\"\r\n", size),
        post("chunked with a vertical tab", "Transfer-Encoding: \u{b}chunked\r\n", size).differs(
            400,
            &[],
            "no field's value may have a vertical tab (RFC 9110 §5.5)",
        ),
        post("chunked with white space around", "Transfer-Encoding: \tchunked \t\r\n", size)
            .differs(200, &["POST /a", "GET /hidden"], SPACE),
        post("chunked twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", size),
        post(
            "chunked and identity",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
            size,
        ),
        post("chunked before a space and a colon", "Transfer-Encoding : chunked\r\n", size),
        post("chunked on a folded line", "Transfer-Encoding:\r\n chunked\r\n", size),
        post(
            "chunked with an underscore",
            "Transfer_Encoding: chunked\r\nContent-Length: 5\r\n",
            size,
        ),
        raw(
            "chunked in HTTP/1.0",
            &format!("POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n{size}{HIDDEN}"),
        ),
        raw(
            "a body that GET does not expect",
            &format!(
                "GET /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{HIDDEN}",
                HIDDEN.len()
            ),
        ),
    ]
}

pub fn bodies() -> Vec<Case> {
    vec![
        chunks("a chunk extension", "3;a=\"b\"\r\nabc\r\n0\r\n\r\n"),
        chunks("LF after a size", "3\nabc\r\n0\r\n\r\n").differs(400, &[], LINE),
        chunks("LF in an extension", "3;a\nabc\r\n0\r\n\r\n").differs(400, &[], LINE),
        chunks("CR in an extension", "3;a\rb\r\nabc\r\n0\r\n\r\n"),
        chunks("NUL in an extension", "3;a\0b\r\nabc\r\n0\r\n\r\n").differs(400, &[], CONTROL),
        chunks("an empty size", "\r\n0\r\n\r\n"),
        chunks("an extension without a size", ";a\r\n0\r\n\r\n"),
        chunks("a space before a size", " 3\r\nabc\r\n0\r\n\r\n"),
        chunks("a space after a size", "3 \r\nabc\r\n0\r\n\r\n"),
        chunks("a size with 0x", "0x3\r\nabc\r\n0\r\n\r\n"),
        chunks("a size with a sign", "+3\r\nabc\r\n0\r\n\r\n"),
        chunks("a negative size", "-3\r\nabc\r\n0\r\n\r\n"),
        chunks("a size that is none", "g\r\nabc\r\n0\r\n\r\n"),
        chunks("a size that overflows", "10000000000000003\r\nabc\r\n0\r\n\r\n"),
        chunks("a size with many zeros", "00000000000000000003\r\nabc\r\n0\r\n\r\n").differs(
            400,
            &[],
            "Pingora takes no size of more than 16 digits, which no client sends",
        ),
        chunks("more than its size", "3\r\nabcd\r\n0\r\n\r\n"),
        chunks("no line end after a chunk", "3\r\nabc0\r\n\r\n"),
        chunks("LF after a chunk", "3\r\nabc\n0\r\n\r\n").differs(400, &[], LINE),
        chunks("LF at the end", "3\r\nabc\r\n0\r\n\n").differs(400, &[], LINE),
        chunks("a trailer", "3\r\nabc\r\n0\r\nX-A: 1\r\n\r\n"),
        chunks("a trailer that is a length", "3\r\nabc\r\n0\r\nContent-Length: 9\r\n\r\n"),
        chunks("a trailer that ends with LF", "3\r\nabc\r\n0\r\nX-A: 1\n\r\n").differs(
            400,
            &[],
            LINE,
        ),
        chunks("a trailer with NUL", "3\r\nabc\r\n0\r\nX-A: \0\r\n\r\n").differs(400, &[], CONTROL),
    ]
}
