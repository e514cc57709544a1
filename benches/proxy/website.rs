//! The website behind the proxies: pages and a stylesheet of 10 KB each, by plain blocking
//! sockets, a thread per connection.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

/// Bytes of a body.
pub const BODY: usize = 10 * 1024;

/// Serves on a free port, which it prints, until killed.
pub fn run() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    for stream in listener.incoming() {
        let stream = stream?;
        std::thread::spawn(move || serve(stream));
    }
    Ok(())
}

fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let page = answer("text/html; charset=utf-8", page().as_bytes());
    let style = answer("text/css", style().as_bytes());
    let not_modified = [head("304 Not Modified").as_bytes(), b"\r\n"].concat();
    let mut request = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk)?;
        if read == 0 {
            return Ok(());
        }
        request.extend_from_slice(&chunk[..read]);
        let Some(end) = request.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
        let answer = match () {
            _ if text.contains("\r\nif-none-match:") => &not_modified,
            _ if text.starts_with("get /style.css ") => &style,
            _ => &page,
        };
        stream.write_all(answer)?;
        request.drain(..end + 4);
    }
}

fn head(status: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nserver: website/1.0\r\ndate: Tue, 06 Jan 2026 10:00:00 GMT\r\n\
         etag: \"695cdd80-2800\"\r\nlast-modified: Tue, 06 Jan 2026 09:00:00 GMT\r\n\
         cache-control: max-age=0\r\nvary: accept-encoding\r\n"
    )
}

fn answer(kind: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = head("200 OK");
    let more = format!("accept-ranges: bytes\r\ncontent-type: {kind}\r\ncontent-length: {length}");
    [head.as_bytes(), more.as_bytes(), b"\r\n\r\n", body].concat()
}

fn page() -> String {
    let mut page = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
                    <title>A page</title>\n<link rel=\"stylesheet\" href=\"/style.css\">\n\
                    </head>\n<body>\n<h1>A page</h1>\n"
        .to_owned();
    let paragraph = "<p>Each of these <a href=\"/other\">paragraphs</a> says the same.</p>\n";
    while page.len() + paragraph.len() < BODY {
        page.push_str(paragraph);
    }
    page.extend(std::iter::repeat_n(' ', BODY - page.len()));
    page
}

fn style() -> String {
    let rule = "p { margin: 0 0 1em; }\n";
    let mut style = rule.repeat(BODY / rule.len());
    style.extend(std::iter::repeat_n(' ', BODY - style.len()));
    style
}
