//! A website that takes only what can be read in one way, and says what it got.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// What the website got.
#[derive(Default)]
pub struct Seen {
    /// Requests that came whole: method, target, host, body.
    pub whole: Vec<String>,
    /// What could be read in another way.
    pub faults: Vec<String>,
}

/// A website that keeps its connections, and takes only what can be read in one way.
pub struct Strict {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    seen: Arc<Mutex<Seen>>,
}

impl Strict {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (accepted, seen) = (Arc::<AtomicUsize>::default(), Arc::<Mutex<Seen>>::default());
        let website = Self { address, accepted: accepted.clone(), seen: seen.clone() };
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                accepted.fetch_add(1, Ordering::SeqCst);
                let seen = seen.clone();
                std::thread::spawn(move || serve(stream, &seen));
            }
        });
        website
    }

    /// Connections taken so far.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// What it got since it was last asked.
    pub fn take_seen(&self) -> Seen {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn serve(stream: TcpStream, seen: &Mutex<Seen>) {
    let mut answers = stream.try_clone().unwrap();
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_until(b'\n', &mut head) {
                Ok(read) if read > 0 => {}
                _ if head.is_empty() => return,
                _ => return seen.lock().unwrap().faults.push("half a head".to_owned()),
            }
        }
        let read = read(&head, &mut stream);
        let mut seen = seen.lock().unwrap();
        match read {
            Err(fault) => return seen.faults.push(format!("{fault}: {}", head.escape_ascii())),
            Ok(None) => return,
            Ok(Some(request)) => {
                seen.whole.push(request.clone());
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n", request.len());
                let _ = answers.write_all(format!("{head}\r\n{request}").as_bytes());
            }
        }
    }
}

/// Judges a head, and reads its body. `None`: that did not come whole.
fn read(head: &[u8], body: &mut impl BufRead) -> Result<Option<String>, &'static str> {
    let head: String = head.iter().copied().map(char::from).collect();
    let mut lines = head.strip_suffix("\r\n\r\n").ok_or("no end")?.split("\r\n");
    let words: Vec<&str> = lines.next().ok_or("no line")?.split(' ').collect();
    let &[method, target, "HTTP/1.1"] = &words[..] else { return Err("not three words") };
    let (mut host, mut length, mut chunked) = (None, None, false);
    for line in lines {
        let (name, value) = line.split_once(':').ok_or("no colon")?;
        let value = value.trim_matches([' ', '\t']);
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        {
            return Err("no name");
        }
        if value.chars().any(|c| (c < ' ' && c != '\t') || c == '\u{7f}') {
            return Err("a control");
        }
        let again = match name.to_ascii_lowercase().as_str() {
            "host" => host.replace(value).is_some(),
            "content-length" => {
                let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
                let number = value.parse().ok().filter(|_| digits).ok_or("no length")?;
                length.replace(number).is_some()
            }
            "transfer-encoding" if value == "chunked" => std::mem::replace(&mut chunked, true),
            "transfer-encoding" | "te" | "trailer" | "upgrade" | "keep-alive"
            | "proxy-connection" | "http2-settings" => return Err("of the visitor's connection"),
            "connection" if value != "keep-alive" => return Err("of the visitor's connection"),
            _ => false,
        };
        if again {
            return Err("twice");
        }
    }
    let host = host.filter(|host| !host.is_empty()).ok_or("no host")?;
    let body = match (length, chunked) {
        (Some(_), true) => return Err("two lengths"),
        (length, false) => {
            let mut whole = vec![0; length.unwrap_or(0)];
            body.read_exact(&mut whole).ok().map(|()| whole)
        }
        (None, true) => chunks(body)?,
    };
    let text = |body| String::from_utf8(body).map_err(|_| "no text");
    body.map(|body| Ok(format!("{method} {target} {host} {}", text(body)?))).transpose()
}

/// A chunked body without extensions and trailers. `None`: it did not come whole.
fn chunks(from: &mut impl BufRead) -> Result<Option<Vec<u8>>, &'static str> {
    let mut whole = Vec::new();
    loop {
        let mut line = Vec::new();
        if from.read_until(b'\n', &mut line).is_err() || !line.ends_with(b"\n") {
            return Ok(None);
        }
        let size = std::str::from_utf8(&line).ok().and_then(|line| line.strip_suffix("\r\n"));
        let size = size.and_then(|size| usize::from_str_radix(size, 16).ok()).ok_or("no size")?;
        let mut chunk = vec![0; size + 2];
        if from.read_exact(&mut chunk).is_err() {
            return Ok(None);
        }
        if chunk.split_off(size) != b"\r\n" {
            return Err("no end of a chunk");
        }
        if size == 0 {
            return Ok(Some(whole));
        }
        whole.extend(chunk);
    }
}
