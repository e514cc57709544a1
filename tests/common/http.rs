//! A client that sends exactly what it is told over a connection of its own, and gives back exactly
//! what came: no redirects followed, nothing decoded, no header of its own but `Connection`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(30);

pub type Headers<'a> = &'a [(&'a str, &'a str)];

pub const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0";
pub const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, \
                          like Gecko) Chrome/156.0.0.0 Safari/537.36";
pub const GOOGLEBOT: &str =
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
pub const GPTBOT: &str = "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; \
                          GPTBot/1.2; +https://openai.com/gptbot)";
pub const CURL: &str = "curl/8.12.1";

/// What a browser accepts where it expects a page.
pub const ACCEPT_PAGE: (&str, &str) =
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");

/// A link clicked or an address typed, as browsers of today tell it.
pub const NAVIGATION: Headers<'static> = &[
    ACCEPT_PAGE,
    ("Sec-Fetch-Dest", "document"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-Site", "none"),
    ("Sec-Fetch-User", "?1"),
    ("Upgrade-Insecure-Requests", "1"),
];

/// A picture of a page.
pub const ASSET: Headers<'static> = &[
    ("Accept", "image/avif,image/webp,*/*"),
    ("Sec-Fetch-Dest", "image"),
    ("Sec-Fetch-Mode", "no-cors"),
    ("Sec-Fetch-Site", "same-origin"),
];

/// A page fetched ahead.
pub const PREFETCH: Headers<'static> = &[
    ACCEPT_PAGE,
    ("Sec-Purpose", "prefetch"),
    ("Sec-Fetch-Dest", "document"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-Site", "none"),
];

/// What the script posts with.
pub const BEACON: Headers<'static> = &[
    ("Accept", "*/*"),
    ("Content-Type", "application/json"),
    ("Sec-Fetch-Dest", "empty"),
    ("Sec-Fetch-Mode", "cors"),
    ("Sec-Fetch-Site", "same-origin"),
];

/// An answer, as it came.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Status line and headers, byte for byte.
    pub head: Vec<u8>,
}

impl Answer {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The page's view id, as its script would find it.
    pub fn view_id(&self) -> Option<String> {
        let timings = self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case("server-timing"));
        timings
            .filter_map(|(_, v)| v.split_once("hc;desc=\"")?.1.split_once('"'))
            .map(|(id, _)| id.to_owned())
            .next()
    }
}

/// Sends a request and reads its whole answer.
pub fn send(to: SocketAddr, method: &str, path: &str, headers: Headers, body: &[u8]) -> Answer {
    let stream = TcpStream::connect(to).unwrap_or_else(|e| panic!("{to}: {e}"));
    exchange(stream, method, path, headers, body)
}

pub fn get(to: SocketAddr, path: &str, headers: Headers) -> Answer {
    send(to, "GET", path, headers, b"")
}

/// The same over a connection that is there already; it ends with the answer.
pub fn exchange(
    stream: TcpStream,
    method: &str,
    path: &str,
    headers: Headers,
    body: &[u8],
) -> Answer {
    let mut reader = ask(stream, method, path, headers, body);
    let mut answer = read_head(&mut reader);
    let length = answer.header("content-length").and_then(|l| l.parse::<usize>().ok());
    if method == "HEAD" || matches!(answer.status, 204 | 304) {
        return answer;
    }
    if answer.header("transfer-encoding").is_some_and(|t| t.eq_ignore_ascii_case("chunked")) {
        answer.body = read_chunks(&mut reader);
    } else if let Some(length) = length {
        answer.body = vec![0; length];
        reader.read_exact(&mut answer.body).expect("the whole body");
    } else {
        reader.read_to_end(&mut answer.body).expect("the body");
    }
    answer
}

/// Sends a GET and leaves after `bytes` of the body, with more on its way.
pub fn get_and_leave(to: SocketAddr, path: &str, headers: Headers, bytes: usize) -> Answer {
    let stream = TcpStream::connect(to).unwrap_or_else(|e| panic!("{to}: {e}"));
    let mut reader = ask(stream, "GET", path, headers, b"");
    let mut answer = read_head(&mut reader);
    answer.body = vec![0; bytes];
    reader.read_exact(&mut answer.body).expect("the beginning of the body");
    answer
}

pub fn ask(
    mut stream: TcpStream,
    method: &str,
    path: &str,
    headers: Headers,
    body: &[u8],
) -> BufReader<TcpStream> {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    let mut request = format!("{method} {path} HTTP/1.1\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        request.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    request.push_str("Connection: close\r\n\r\n");
    stream.write_all(&[request.as_bytes(), body].concat()).expect("a request goes out");
    BufReader::new(stream)
}

fn read_head(reader: &mut impl BufRead) -> Answer {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let read = reader.read_until(b'\n', &mut head).expect("an answer");
        assert!(read > 0, "closed in {:?}", String::from_utf8_lossy(&head));
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let mut lines = text.lines();
    let status = lines.next().and_then(|l| l.split(' ').nth(1)).and_then(|s| s.parse().ok());
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(n, v)| (n.to_owned(), v.trim().to_owned()))
        .collect();
    Answer { status: status.expect("a status"), headers, body: Vec::new(), head }
}

fn read_chunks(reader: &mut impl BufRead) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a chunk's length");
        let length = usize::from_str_radix(line.trim(), 16).expect("a chunk's length");
        let start = body.len();
        body.resize(start + length, 0);
        reader.read_exact(&mut body[start..]).expect("a chunk");
        reader.read_line(&mut line).expect("a chunk's end");
        if length == 0 {
            return body;
        }
    }
}
