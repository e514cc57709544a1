//! HTTP/1.1 by hand, both ends: a client and a website that say exactly what a test wants, and show
//! exactly what arrived. Whoever waits longer than [`PATIENCE`] fails.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Longer than anything a test waits for on purpose.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// As a browser asks for a page.
pub const NAVIGATION: &str = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 \
     Firefox/128.0\r\nAccept: text/html,*/*;q=0.8\r\nSec-Fetch-Mode: navigate\r\n\
     Sec-Fetch-Dest: document\r\n";

/// A request or a response. In its lines, each character is a byte (Latin-1): nothing of what came
/// is lost, whatever it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Message {
    /// Its first line.
    pub start: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub trailers: Vec<(String, String)>,
}

impl Message {
    pub fn status(&self) -> u16 {
        self.start.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or_default()
    }

    pub fn method(&self) -> &str {
        self.start.split(' ').next().unwrap_or_default()
    }

    /// The request's target, as it came.
    pub fn target(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    pub fn all(&self, name: &str) -> Vec<&str> {
        let same = |(n, _): &&(String, String)| n.eq_ignore_ascii_case(name);
        self.headers.iter().filter(same).map(|(_, value)| value.as_str()).collect()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The view id of a page.
    pub fn view(&self) -> Option<&str> {
        let entries = self.all("server-timing");
        entries.iter().find_map(|e| e.strip_prefix("hc;desc=\"")?.strip_suffix('"'))
    }

    fn is_chunked(&self) -> bool {
        self.header("transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked"))
    }

    fn length(&self) -> Option<u64> {
        self.header("content-length").and_then(|v| v.parse().ok())
    }
}

/// What a client of TLS believes.
pub type Trust = Arc<rustls::ClientConfig>;

pub trait Stream: Read + Write + Send {}
impl<S: Read + Write + Send> Stream for S {}

/// One connection, as either end has it.
pub struct Wire(BufReader<Box<dyn Stream>>);

impl Wire {
    pub fn over(stream: impl Stream + 'static) -> Self {
        Self(BufReader::new(Box::new(stream)))
    }

    pub fn connect(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream)
    }

    /// The same over TLS, to a website of this name.
    pub fn connect_tls(to: SocketAddr, host: &'static str, trust: &Trust) -> Self {
        let stream = TcpStream::connect(to).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let name = rustls::pki_types::ServerName::try_from(host).unwrap();
        let tls = rustls::ClientConnection::new(trust.clone(), name).unwrap();
        Self::over(rustls::StreamOwned::new(tls, stream))
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("the other end takes it");
    }

    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        let stream = self.0.get_mut();
        stream.write_all(bytes.as_ref())?;
        stream.flush()
    }

    /// Sends a request without a body; `headers` are whole lines.
    pub fn ask(&mut self, method: &str, target: &str, headers: &str) -> Message {
        self.send(format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"));
        self.answer(method)
    }

    /// Sends a request with a body of known length.
    pub fn post(&mut self, target: &str, headers: &str, body: &[u8]) -> Message {
        let length = body.len();
        self.send(format!(
            "POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n{headers}\r\n"
        ));
        self.send(body);
        self.answer("POST")
    }

    /// Reads the final response to a request with this method, whole.
    pub fn answer(&mut self, method: &str) -> Message {
        let mut message = self.head().expect("a response").expect("no end before the response");
        while message.status() < 200 && message.status() != 101 {
            message = self.head().expect("a response").expect("no end before the response");
        }
        if method != "HEAD" && !matches!(message.status(), 101 | 204 | 304) {
            self.body(&mut message, true).expect("a whole body");
        }
        message
    }

    /// Reads first line and headers. `None`: the other end closed the connection instead.
    pub fn head(&mut self) -> io::Result<Option<Message>> {
        let Some(start) = self.line()? else { return Ok(None) };
        Ok(Some(Message { start, headers: self.fields()?, ..Message::default() }))
    }

    /// The same of a request, before which there may be an empty line (RFC 9112 §2.2).
    fn request(&mut self) -> io::Result<Option<Message>> {
        while self.0.fill_buf()?.first().is_some_and(|b| matches!(b, b'\r' | b'\n')) {
            self.0.consume(1);
        }
        self.head()
    }

    /// Reads the body that a head announced. `to_end`: one without a length lasts to the end.
    pub fn body(&mut self, message: &mut Message, to_end: bool) -> io::Result<()> {
        if message.is_chunked() {
            while let Some(chunk) = self.chunk()? {
                message.body.extend(chunk);
            }
            message.trailers = self.fields()?;
        } else if let Some(length) = message.length() {
            let read = self.0.by_ref().take(length).read_to_end(&mut message.body)? as u64;
            if read < length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        } else if to_end {
            self.0.read_to_end(&mut message.body)?;
        }
        Ok(())
    }

    /// Reads one chunk. `None`: the last one; trailers are yet to come.
    pub fn chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let line = self.line()?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
        if size == 0 {
            return Ok(None);
        }
        let mut chunk = vec![0; size + 2];
        self.0.read_exact(&mut chunk)?;
        chunk.truncate(size);
        Ok(Some(chunk))
    }

    /// Reads exactly so many bytes.
    pub fn bytes(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads up to the end of the connection, however it ends.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = self.0.read_to_end(&mut bytes);
        bytes
    }

    /// Answers a request.
    pub fn reply(&mut self, status: &str, headers: &str, body: &[u8]) {
        let length = body.len();
        let mut reply =
            format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{headers}\r\n").into_bytes();
        reply.extend_from_slice(body);
        let _ = self.try_send(reply);
    }

    fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        if self.0.read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        let line: String = line.into_iter().map(char::from).collect();
        Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned()))
    }

    fn fields(&mut self) -> io::Result<Vec<(String, String)>> {
        let mut fields = Vec::new();
        loop {
            let line = self.line()?.ok_or(io::ErrorKind::UnexpectedEof)?;
            match line.split_once(':') {
                Some((name, value)) => {
                    // No other white space, as Latin-1 has some (RFC 9112 §5).
                    fields.push((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()));
                }
                None => return Ok(fields),
            }
        }
    }
}

/// One request over a connection of its own.
pub fn get(to: SocketAddr, target: &str, headers: &str) -> Message {
    Wire::connect(to).ask("GET", target, &format!("{headers}Connection: close\r\n"))
}

/// One navigation, as a browser's, over a connection of its own.
pub fn visit(to: SocketAddr, target: &str) -> Message {
    get(to, target, NAVIGATION)
}

/// One beacon from the browser of [`visit`].
pub fn beacon(to: SocketAddr, body: &[u8], headers: &str) -> Message {
    let headers = format!("{NAVIGATION}{headers}Connection: close\r\n");
    Wire::connect(to).post("/api/track", &headers, body)
}

/// A website; its thread ends with the test program.
pub struct Origin {
    pub address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Message>>>,
}

impl Origin {
    /// `answer` gets each request's head, reads the body itself if it wants it, and says whether
    /// the connection may be used again.
    pub fn start(answer: impl Fn(&mut Wire, &mut Message) -> bool + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = Self::new(listener.local_addr().unwrap());
        origin.serve(answer, move || {
            let (stream, _) = listener.accept()?;
            stream.set_nodelay(true)?;
            Ok(Wire::over(stream))
        });
        origin
    }

    /// The same on a Unix socket; its `address` means nothing.
    pub fn unix(
        path: &Path,
        answer: impl Fn(&mut Wire, &mut Message) -> bool + Send + Sync + 'static,
    ) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let origin = Self::new(([127, 0, 0, 1], 0).into());
        origin.serve(answer, move || Ok(Wire::over(listener.accept()?.0)));
        origin
    }

    /// The same behind TLS.
    pub fn tls(
        config: Arc<rustls::ServerConfig>,
        answer: impl Fn(&mut Wire, &mut Message) -> bool + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = Self::new(listener.local_addr().unwrap());
        origin.serve(answer, move || {
            let tls = rustls::ServerConnection::new(config.clone()).unwrap();
            Ok(Wire::over(rustls::StreamOwned::new(tls, listener.accept()?.0)))
        });
        origin
    }

    /// Answers every GET with this page.
    pub fn page(page: &'static [u8]) -> Self {
        Self::start(move |wire, _| {
            wire.reply("200 OK", "Content-Type: text/html; charset=utf-8\r\n", page);
            true
        })
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Connections taken so far.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Requests seen so far: their heads.
    pub fn seen(&self) -> Vec<Message> {
        self.seen.lock().unwrap().clone()
    }

    /// The head of the last request.
    pub fn last(&self) -> Message {
        self.seen().pop().expect("a request")
    }

    fn new(address: SocketAddr) -> Self {
        Self { address, accepted: Arc::default(), seen: Arc::default() }
    }

    fn serve(
        &self,
        answer: impl Fn(&mut Wire, &mut Message) -> bool + Send + Sync + 'static,
        mut accept: impl FnMut() -> io::Result<Wire> + Send + 'static,
    ) {
        let (accepted, seen) = (self.accepted.clone(), self.seen.clone());
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            while let Ok(mut wire) = accept() {
                accepted.fetch_add(1, Ordering::SeqCst);
                let (seen, answer) = (seen.clone(), answer.clone());
                std::thread::spawn(move || {
                    while let Ok(Some(mut request)) = wire.request() {
                        seen.lock().unwrap().push(request.clone());
                        if !answer(&mut wire, &mut request) {
                            break;
                        }
                    }
                });
            }
        });
    }
}

/// A certificate for a name and its key, as files of a folder, and a client that trusts only it.
pub fn certificate(host: &str, folder: &Path) -> (String, Trust) {
    let signed = rcgen::generate_simple_self_signed([host.to_owned()]).unwrap();
    let [chain, key] = ["chain.pem", "key.pem"].map(|file| folder.join(file));
    std::fs::write(&chain, signed.cert.pem()).unwrap();
    std::fs::write(&key, signed.signing_key.serialize_pem()).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(signed.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let trust = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (format!("{}:{}", chain.display(), key.display()), Arc::new(trust))
}

/// What a website behind TLS needs: its side of the connection, and its certificate as a file's
/// text for who is to trust it.
pub fn self_signed(host: &str) -> (Arc<rustls::ServerConfig>, String) {
    let signed = rcgen::generate_simple_self_signed([host.to_owned()]).unwrap();
    let key =
        rustls::pki_types::PrivateKeyDer::try_from(signed.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![signed.cert.der().clone()], key)
        .unwrap();
    (Arc::new(config), signed.cert.pem())
}
