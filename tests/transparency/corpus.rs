//! Pages of every kind, in every coding and delivery: what arrives is what the website sent and one
//! tag, or what the website sent.
//!
//! - 21 pages × 4 codings × 4 deliveries, by GET and by HEAD; what is left alone is told by its
//!   reason
//! - by HTTP/1.0; flush by flush; broken off and damaged; a decompression bomb
//! - 100 MB in flat memory

use crate::common::process::Proxy;
use crate::common::wire::{Message, NAVIGATION, Origin, PATIENCE, Wire, get};
use headcount::capture::script::tag;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

const CODINGS: [&str; 4] = ["identity", "gzip", "br", "zstd"];

/// How a body comes: with its length, in one chunk, in chunks of 7 bytes, up to the connection's
/// end.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Delivery {
    Length,
    Chunk,
    Chunks,
    Close,
}

const DELIVERIES: [Delivery; 4] =
    [Delivery::Length, Delivery::Chunk, Delivery::Chunks, Delivery::Close];

/// A page, with `@` where the tag belongs, and why it has none, if it has not.
struct Page {
    fields: &'static str,
    marked: &'static [u8],
    untagged: Option<&'static str>,
    status: &'static str,
}

const HTML: &str = "Content-Type: text/html; charset=utf-8\r\n";

const fn page(fields: &'static str, marked: &'static [u8]) -> Page {
    Page { fields, marked, untagged: None, status: "200 OK" }
}

const fn left(fields: &'static str, page: &'static [u8], why: &'static str) -> Page {
    Page { fields, marked: page, untagged: Some(why), status: "200 OK" }
}

const USUAL: &[u8] =
    b"<!doctype html><html lang=en><head><meta charset=utf-8><title>A page</title>\n\
    <link rel=icon href=/i>@<script src=/a.js></script></head><body>Hello</body></html>\n";
const BARE: &[u8] =
    b"<!doctype html><html lang=en><head><title>A page</title></head><body>Hello</body>";

const PAGES: &[Page] = &[
    page(HTML, USUAL),
    page("Content-Type: text/html\r\n", b"\xef\xbb\xbf<html>@<body><p>x"),
    page("Content-Type: text/html; charset=iso-8859-1\r\n", b"<title>caf\xe9</title>@<p>\xe9\xff\x00"),
    page("Content-Type: text/html; charset=Shift_JIS\r\n", b"<head><title>\x83\x5c</title>@</head>\x83\x5c"),
    page(HTML, b"@just text, and no more"),
    Page { status: "404 Not Found", ..page(HTML, USUAL) },
    Page { status: "503 Service Unavailable", ..page(HTML, USUAL) },
    page(
        "Content-Type: text/html\r\nContent-Security-Policy: default-src 'self'; img-src *\r\n",
        USUAL,
    ),
    page(
        "Content-Type: text/html\r\nContent-Security-Policy-Report-Only: default-src 'none'\r\n",
        USUAL,
    ),
    page(
        "Content-Type: text/html\r\nContent-Security-Policy: script-src 'nonce-n0' 'strict-dynamic'\r\n",
        USUAL,
    ),
    page(
        HTML,
        b"<head><meta http-equiv=Content-Security-Policy content=\"script-src 'nonce-n0'\">@</head>",
    ),
    left(
        "Content-Type: text/html\r\nContent-Security-Policy: script-src 'self'\r\n\
         Content-Security-Policy: script-src 'none'\r\n",
        BARE,
        "policy",
    ),
    left(
        "Content-Type: text/html\r\nContent-Security-Policy: img-src *, default-src 'none'\r\n",
        BARE,
        "policy",
    ),
    left(
        "Content-Type: text/html\r\nContent-Security-Policy: script-src *; connect-src 'none'\r\n",
        BARE,
        "policy",
    ),
    left(
        HTML,
        b"<head><meta http-equiv=Content-Security-Policy content=\"script-src 'none'\"></head><body>",
        "policy",
    ),
    left(HTML, "<!doctype html><html ⚡><head></head><body>AMP".as_bytes(), "amp"),
    left("Content-Type: text/html; charset=utf-16le\r\n", b"\xff\xfe<\x00p\x00>\x00", "charset"),
    left("Content-Type: text/html\r\n", b"\xfe\xff\x00<\x00p\x00>", "charset"),
    left("Content-Type: text/html\r\nCache-Control: private, no-transform\r\n", BARE, "no_transform"),
    left(HTML, b"<html><head><title>breaks off", "markup"),
    left("Content-Type: application/xhtml+xml\r\n", BARE, "xhtml"),
];

impl Page {
    fn sent(&self) -> Vec<u8> {
        match (self.untagged, self.place()) {
            (None, Some(at)) => [&self.marked[..at], &self.marked[at + 1..]].concat(),
            _ => self.marked.to_vec(),
        }
    }

    fn expected(&self) -> Vec<u8> {
        let Some(at) = self.place().filter(|_| self.untagged.is_none()) else { return self.sent() };
        let mut tag = tag("/headcount.js");
        let nonced = [self.fields.as_bytes(), self.marked].concat();
        if nonced.windows(10).any(|part| part == b"'nonce-n0'") {
            tag = tag.replace("<script ", "<script nonce=\"n0\" ");
        }
        [&self.marked[..at], tag.as_bytes(), &self.marked[at + 1..]].concat()
    }

    fn place(&self) -> Option<usize> {
        self.marked.iter().position(|byte| *byte == b'@')
    }

    /// Whether the headers alone say that it stays as it is.
    fn is_left_by_its_headers(&self) -> bool {
        match self.untagged {
            Some("policy") => self.fields.contains("Content-Security-Policy"),
            Some("charset") => self.fields.contains("utf-16"),
            Some(why) => matches!(why, "no_transform" | "xhtml"),
            None => false,
        }
    }
}

fn coded(coding: &str, text: &[u8]) -> Vec<u8> {
    match coding {
        "gzip" => {
            let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            to.write_all(text).unwrap();
            to.finish().unwrap()
        }
        "br" => {
            let mut to = brotli::CompressorWriter::new(Vec::new(), 4096, 1, 22);
            to.write_all(text).unwrap();
            to.into_inner()
        }
        "zstd" => {
            let mut to = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
            // Else a frame's literals may be any.
            to.include_checksum(true).unwrap();
            to.write_all(text).unwrap();
            to.finish().unwrap()
        }
        _ => text.to_vec(),
    }
}

fn decoded(coding: &str, bytes: &[u8]) -> Vec<u8> {
    let (text, end) = readable(coding, bytes);
    end.expect("a whole text of this coding");
    text
}

/// As much as can be decoded, and whether that is all.
fn readable(coding: &str, bytes: &[u8]) -> (Vec<u8>, std::io::Result<()>) {
    let mut text = Vec::new();
    let end = match coding {
        "gzip" => flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut text).map(drop),
        "br" => brotli::Decompressor::new(bytes, 4096).read_to_end(&mut text).map(drop),
        "zstd" => zstd::stream::copy_decode(bytes, &mut text),
        _ => std::io::copy(&mut &*bytes, &mut text).map(drop),
    };
    (text, end)
}

fn head(status: &str, coding: &str, fields: &str) -> String {
    let coding = match coding {
        "identity" => String::new(),
        coding => format!("Content-Encoding: {coding}\r\n"),
    };
    format!("HTTP/1.1 {status}\r\n{fields}{coding}ETag: \"v1\"\r\nContent-MD5: x\r\n")
}

/// Sends a body; returns whether the connection may be used again.
fn deliver(wire: &mut Wire, head: &str, body: &[u8], delivery: Delivery, is_head: bool) -> bool {
    let framing = match delivery {
        Delivery::Length => format!("Content-Length: {}\r\n", body.len()),
        Delivery::Chunk | Delivery::Chunks => "Transfer-Encoding: chunked\r\n".to_owned(),
        Delivery::Close => String::new(),
    };
    wire.send(format!("{head}{framing}\r\n"));
    if is_head {
        return delivery != Delivery::Close;
    }
    let piece = if delivery == Delivery::Chunks { 7 } else { body.len() };
    match delivery {
        Delivery::Length | Delivery::Close => wire.send(body),
        Delivery::Chunk | Delivery::Chunks => {
            for piece in body.chunks(piece) {
                wire.send(chunk(piece));
            }
            wire.send("0\r\n\r\n");
        }
    }
    delivery != Delivery::Close
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

#[test]
fn every_page_in_every_coding_and_delivery() {
    let origin = Origin::start(|wire, request| {
        let numbers: Vec<usize> =
            request.target().split('/').skip(1).map(|number| number.parse().unwrap()).collect();
        let (page, coding) = (&PAGES[numbers[0]], CODINGS[numbers[1]]);
        let head = head(page.status, coding, page.fields);
        let is_head = request.method() == "HEAD";
        deliver(wire, &head, &coded(coding, &page.sent()), DELIVERIES[numbers[2]], is_head)
    });
    let proxy = Proxy::start(&origin.url(), &["--inject"]);
    let mut untagged: BTreeMap<&str, f64> = BTreeMap::new();
    let mut wire = Wire::connect(proxy.site);
    for (p, page) in PAGES.iter().enumerate() {
        for (c, coding) in CODINGS.iter().enumerate() {
            for (d, delivery) in DELIVERIES.iter().enumerate() {
                let what = format!("page {p}, {coding}, {delivery:?}");
                let target = format!("/{p}/{c}/{d}");
                let got = wire.ask("GET", &target, NAVIGATION);
                let head = wire.ask("HEAD", &target, NAVIGATION);
                assert_eq!(decoded(coding, &got.body), page.expected(), "{what}");
                if let Some(why) = page.untagged {
                    *untagged.entry(why).or_default() += 1.0;
                }
                for answer in [&got, &head] {
                    check_fields(answer, page, coding, *delivery, &what);
                }
                if page.is_left_by_its_headers() {
                    assert!(got.body == coded(coding, &page.sent()), "{what}");
                }
            }
        }
    }
    for (why, times) in untagged {
        let sample = format!("headcount_pages_untagged_total{{reason=\"{why}\"}}");
        assert_eq!(proxy.metric(&sample), times, "{why}");
    }
}

fn check_fields(answer: &Message, page: &Page, coding: &str, delivery: Delivery, what: &str) {
    assert_eq!(format!("{}", answer.status()), page.status[..3], "{what}");
    let expected = Some(coding).filter(|coding| *coding != "identity");
    assert_eq!(answer.header("content-encoding"), expected, "{what}");
    let length = coded(coding, &page.sent()).len().to_string();
    let length = Some(length.as_str()).filter(|_| delivery == Delivery::Length);
    if page.is_left_by_its_headers() {
        assert_eq!(answer.header("etag"), Some("\"v1\""), "{what}");
        assert_eq!(answer.header("content-md5"), Some("x"), "{what}");
        assert_eq!(answer.header("content-length"), length, "{what}");
    } else {
        assert_eq!(answer.header("etag"), Some("W/\"v1-hc\""), "{what}");
        assert_eq!(answer.header("content-md5"), None, "{what}");
        assert_eq!(answer.header("content-length"), None, "{what}");
    }
}

#[test]
fn http_1_0_gets_the_page_up_to_the_end_of_the_connection() {
    let origin = Origin::start(|wire, request| {
        let coding = &request.target()[1..];
        let body = coded(coding, &PAGES[0].sent());
        deliver(wire, &head("200 OK", coding, HTML), &body, Delivery::Length, false)
    });
    let proxy = Proxy::start(&origin.url(), &["--inject"]);
    for coding in CODINGS {
        let mut wire = Wire::connect(proxy.site);
        let kept = "Connection: keep-alive\r\n";
        wire.send(format!("GET /{coding} HTTP/1.0\r\nHost: h\r\n{kept}{NAVIGATION}\r\n"));
        let answer = wire.answer("GET");
        assert_eq!(
            (answer.header("transfer-encoding"), answer.header("connection")),
            (None, Some("close"))
        );
        assert_eq!(decoded(coding, &answer.body), PAGES[0].expected(), "{coding}");
    }
}

/// What a decoder can make of the bytes so far.
fn so_far(coding: &str, bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let _ = match coding {
        "gzip" => flate2::read::GzDecoder::new(bytes).read_to_end(&mut text).map(drop),
        "br" => brotli::Decompressor::new(bytes, 4096).read_to_end(&mut text).map(drop),
        "zstd" => zstd::stream::copy_decode(bytes, &mut text),
        _ => std::io::copy(&mut &*bytes, &mut text).map(drop),
    };
    text
}

/// Parts of a page as a website flushes them.
const PARTS: [&[u8]; 4] =
    [b"<html><head><title>x</title>", b"<script src=a></script></head>", b"<p>one", b"<p>two"];

/// Takes a part, or the end, and gives what it has become.
type Flush = Box<dyn FnMut(Option<&[u8]>) -> Vec<u8>>;

fn flushed(coding: &str) -> Vec<Vec<u8>> {
    let mut to: Flush = match coding {
        "gzip" => {
            let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            Box::new(move |part| {
                match part {
                    Some(part) => to.write_all(part).and_then(|()| to.flush()).unwrap(),
                    None => to.try_finish().unwrap(),
                }
                std::mem::take(to.get_mut())
            })
        }
        "br" => {
            let mut to = Some(brotli::CompressorWriter::new(Vec::new(), 4096, 1, 22));
            Box::new(move |part| match part {
                Some(part) => {
                    let to = to.as_mut().unwrap();
                    to.write_all(part).and_then(|()| to.flush()).unwrap();
                    std::mem::take(to.get_mut())
                }
                None => to.take().unwrap().into_inner(),
            })
        }
        "zstd" => {
            let mut to = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
            Box::new(move |part| {
                match part {
                    Some(part) => to.write_all(part).and_then(|()| to.flush()).unwrap(),
                    None => to.do_finish().unwrap(),
                }
                std::mem::take(to.get_mut())
            })
        }
        _ => Box::new(|part| part.unwrap_or_default().to_vec()),
    };
    PARTS
        .iter()
        .map(|part| to(Some(part)))
        .collect::<Vec<_>>()
        .into_iter()
        .chain([to(None)])
        .collect()
}

#[test]
fn what_the_website_has_flushed_can_be_read() {
    let (next, wanted) = mpsc::channel::<()>();
    let wanted = Mutex::new(wanted);
    let origin = Origin::start(move |wire, request| {
        let coding = &request.target()[1..];
        wire.send(head("200 OK", coding, HTML) + "Transfer-Encoding: chunked\r\n\r\n");
        for part in flushed(coding).iter().filter(|part| !part.is_empty()) {
            wire.send(chunk(part));
            wanted.lock().unwrap().recv_timeout(PATIENCE).unwrap();
        }
        wire.send("0\r\n\r\n");
        true
    });
    let proxy = Proxy::start(&origin.url(), &["--inject"]);
    let whole = PARTS.concat();
    let at = PARTS[0].len();
    let expected = [&whole[..at], tag("/headcount.js").as_bytes(), &whole[at..]].concat();
    for coding in CODINGS {
        let mut wire = Wire::connect(proxy.site);
        wire.send(format!("GET /{coding} HTTP/1.1\r\nHost: h\r\n{NAVIGATION}\r\n"));
        assert_eq!(wire.head().unwrap().unwrap().status(), 200);
        let (mut bytes, mut sent) = (Vec::new(), 0);
        for part in PARTS {
            sent += part.len();
            // The next is sent only once this one is here.
            while so_far(coding, &bytes).len() < sent {
                bytes.extend(wire.chunk().unwrap().expect("more of the page"));
            }
            let text = so_far(coding, &bytes);
            assert!(expected.starts_with(&text), "{coding}: {}", String::from_utf8_lossy(&text));
            next.send(()).unwrap();
        }
        if coding != "identity" {
            next.send(()).unwrap();
        }
        while let Some(chunk) = wire.chunk().unwrap() {
            bytes.extend(chunk);
        }
        assert_eq!(decoded(coding, &bytes), expected, "{coding}");
    }
}

#[test]
fn a_page_that_breaks_off_or_is_damaged_never_looks_whole() {
    let page: Vec<u8> = (0..20_000)
        .flat_map(|i| format!("<p id={}>{i}</p>\n", i * 7919 % 9973).into_bytes())
        .collect();
    let sent = page.clone();
    let origin = Origin::start(move |wire, request| {
        let mut parts = request.target()[1..].split('/');
        let (coding, how) = (parts.next().unwrap(), parts.next().unwrap());
        let mut body = coded(coding, &sent);
        let half = body.len() / 2;
        let head = head("200 OK", coding, HTML);
        match how {
            // The website's own framing is whole.
            "truncated" => deliver(wire, &head, &body[..half], Delivery::Length, false),
            "damaged" => {
                body[half..half + 100].fill(0xa5);
                deliver(wire, &head, &body, Delivery::Chunk, false)
            }
            "cut" => {
                wire.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n"));
                wire.send(chunk(&body[..half]));
                false
            }
            _ => {
                wire.send(format!("{head}Content-Length: {}\r\n\r\n", body.len()));
                wire.send(&body[..half]);
                false
            }
        }
    });
    let proxy = Proxy::start(&origin.url(), &["--inject"]);
    for coding in CODINGS {
        for how in ["truncated", "damaged", "cut", "short"] {
            if coding == "identity" && matches!(how, "truncated" | "damaged") {
                continue;
            }
            let mut wire = Wire::connect(proxy.site);
            wire.send(format!("GET /{coding}/{how} HTTP/1.1\r\nHost: h\r\n{NAVIGATION}\r\n"));
            let mut answer = wire.head().unwrap().unwrap();
            // Nothing had been sent yet: an error page says it better.
            if matches!(how, "cut" | "short") && answer.status() != 200 {
                continue;
            }
            let framed = wire.body(&mut answer, true);
            let (text, decoded) = readable(coding, &answer.body);
            match how {
                "cut" | "short" => assert!(framed.is_err(), "{coding}, {how}"),
                _ => assert!(framed.is_ok() && decoded.is_err(), "{coding}, {how}"),
            }
            // What is damaged may stand for anything, until a decoder sees it.
            let tag = text.windows(9).position(|end| end == b"</script>");
            let text = &text[tag.map_or(0, |at| at + 9)..];
            assert!(how == "damaged" || page.starts_with(text), "{coding}, {how}");
        }
    }
}

#[test]
fn a_bomb_holds_up_nobody_and_fills_no_memory() {
    // 600 MB of nothing, in some 20 KB.
    let mut bomb = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    bomb.write_all(b"<html><head></head>").unwrap();
    let nothing = vec![0; 1 << 20];
    for _ in 0..600 {
        bomb.write_all(&nothing).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    assert!(bomb.len() < 65_536, "{}", bomb.len());
    let origin = Origin::start(move |wire, request| {
        if request.target() == "/bomb" {
            return deliver(wire, &head("200 OK", "zstd", HTML), &bomb, Delivery::Length, false);
        }
        wire.reply("200 OK", "", b"well");
        true
    });
    let proxy = Proxy::start(&origin.url(), &["--inject", "--threads", "1"]);
    get(proxy.site, "/", "");
    let before = proxy.memory();
    let mut wire = Wire::connect(proxy.site);
    wire.send(format!("GET /bomb HTTP/1.1\r\nHost: h\r\n{NAVIGATION}\r\n"));
    let mut longest = Duration::ZERO;
    for _ in 0..20 {
        let asked = Instant::now();
        assert_eq!(get(proxy.site, "/", "").text(), "well");
        longest = longest.max(asked.elapsed());
    }
    assert!(longest < Duration::from_secs(2), "{longest:?}");
    // Cut if it came in one piece, else passed on.
    let mut answer = wire.head().unwrap().unwrap();
    let _ = wire.body(&mut answer, true);
    let grown = proxy.memory().saturating_sub(before) >> 20;
    assert!(grown < 64, "{grown} MB");
}

#[test]
fn a_hundred_megabytes_pass_in_flat_memory() {
    const TIMES: usize = 110;
    let line = |i: usize| {
        format!("<p>{:016x} {:040}</p>\n", i.wrapping_mul(0x9e37_79b9_7f4a_7c15), i % 97)
    };
    // Longer than all windows but brotli's.
    let block: String = (0..15_000).map(line).collect();
    let length = block.len() * TIMES;
    assert!(length > 100_000_000, "{length}");
    let origin = Origin::start(move |wire, request| {
        let coding = request.target()[1..].to_owned();
        wire.send(head("200 OK", &coding, HTML) + "Transfer-Encoding: chunked\r\n\r\n");
        let mut out = std::io::BufWriter::with_capacity(32_768, Chunked(wire));
        let fill = |to: &mut dyn Write| {
            (0..TIMES).for_each(|_| to.write_all(block.as_bytes()).unwrap());
        };
        match coding.as_str() {
            "gzip" => {
                let mut to = flate2::write::GzEncoder::new(&mut out, flate2::Compression::fast());
                fill(&mut to);
                to.finish().unwrap();
            }
            "zstd" => {
                let mut to = zstd::stream::write::Encoder::new(&mut out, 1).unwrap();
                fill(&mut to);
                to.finish().unwrap();
            }
            "br" => fill(&mut brotli::CompressorWriter::new(&mut out, 65_536, 0, 22)),
            _ => fill(&mut out),
        }
        out.flush().unwrap();
        drop(out);
        wire.send("0\r\n\r\n");
        true
    });
    let proxy = Proxy::start(&origin.url(), &["--inject"]);
    get(proxy.site, "/warm", "");
    let before = proxy.memory();
    for coding in CODINGS {
        let mut wire = Wire::connect(proxy.site);
        wire.send(format!("GET /{coding} HTTP/1.1\r\nHost: h\r\n{NAVIGATION}\r\n"));
        assert_eq!(wire.head().unwrap().unwrap().status(), 200);
        let (mut most, mut bytes, mut counting) = (0, 0, Counting::new(coding));
        while let Some(chunk) = wire.chunk().unwrap() {
            bytes += chunk.len();
            counting.write_all(&chunk).unwrap();
            if bytes % 256 == 0 {
                most = most.max(proxy.memory());
            }
        }
        most = most.max(proxy.memory());
        assert_eq!(counting.end(), length + tag("/headcount.js").len(), "{coding}");
        let grown = most.saturating_sub(before) >> 20;
        assert!(grown < 48, "{coding}: {grown} MB more");
    }
}

/// Writes chunks of a body.
struct Chunked<'a>(&'a mut Wire);

impl Write for Chunked<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if !bytes.is_empty() {
            self.0.try_send(chunk(bytes))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// How long a text is, decoded as it comes.
enum Counting {
    Gzip(flate2::write::GzDecoder<Length>),
    Brotli(Box<brotli::DecompressorWriter<Length>>),
    Zstd(zstd::stream::write::Decoder<'static, Length>),
    Plain(Length),
}

#[derive(Default)]
struct Length(usize);

impl Write for Length {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Counting {
    fn new(coding: &str) -> Self {
        match coding {
            "gzip" => Self::Gzip(flate2::write::GzDecoder::new(Length::default())),
            "br" => {
                Self::Brotli(Box::new(brotli::DecompressorWriter::new(Length::default(), 4096)))
            }
            "zstd" => Self::Zstd(zstd::stream::write::Decoder::new(Length::default()).unwrap()),
            _ => Self::Plain(Length::default()),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Gzip(to) => to.write_all(bytes),
            Self::Brotli(to) => to.write_all(bytes),
            Self::Zstd(to) => to.write_all(bytes),
            Self::Plain(to) => to.write_all(bytes),
        }
    }

    fn end(self) -> usize {
        match self {
            Self::Gzip(to) => to.finish().expect("a whole text").0,
            Self::Brotli(mut to) => {
                to.close().expect("a whole text");
                to.get_ref().0
            }
            Self::Zstd(mut to) => {
                to.flush().expect("a whole text");
                to.into_inner().0
            }
            Self::Plain(to) => to.0,
        }
    }
}
