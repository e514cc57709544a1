//! How visitors' requests reach a proxy: HTTP/1.1, the same over TLS, or HTTP/2 over TLS.

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use h2::client::SendRequest;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const CONNECTIONS: usize = 16;

/// The website's name, in its certificate too.
pub const HOST: &str = "www.example.org";

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    Plain,
    Tls,
    Http2,
}

/// A certificate that signs itself, and its key, as files.
pub struct Certificate {
    folder: TempDir,
}

impl Certificate {
    pub fn new() -> anyhow::Result<Self> {
        let certificate = Self { folder: TempDir::new()? };
        let made = rcgen::generate_simple_self_signed([HOST.to_owned()])?;
        std::fs::write(certificate.chain(), made.cert.pem())?;
        std::fs::write(certificate.key(), made.signing_key.serialize_pem())?;
        Ok(certificate)
    }

    pub fn chain(&self) -> PathBuf {
        self.folder.path().join("chain.pem")
    }

    pub fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }
}

/// What came back. Of HTTP/2 the head is empty.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: usize,
}

/// All connections to one proxy, kept open.
pub enum Connections {
    Http1(Vec<Connection>),
    Http2(Runtime, Vec<SendRequest<Bytes>>),
}

impl Connections {
    /// `chain`: the certificate to trust.
    pub fn open(wire: Wire, port: u16, chain: &Path) -> anyhow::Result<Self> {
        let tcp = || -> anyhow::Result<TcpStream> {
            let stream = TcpStream::connect(("127.0.0.1", port))?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        if wire == Wire::Plain {
            let plain = || Ok(Connection::new(Box::new(tcp()?)));
            let all: anyhow::Result<_> = (0..CONNECTIONS).map(|_| plain()).collect();
            return Ok(Self::Http1(all?));
        }
        let (config, name) = (client(wire, chain)?, ServerName::try_from(HOST)?);
        if wire == Wire::Tls {
            let secure = || -> anyhow::Result<_> {
                let session = ClientConnection::new(config.clone(), name.clone())?;
                Ok(Connection::new(Box::new(StreamOwned::new(session, tcp()?))))
            };
            let all: anyhow::Result<_> = (0..CONNECTIONS).map(|_| secure()).collect();
            return Ok(Self::Http1(all?));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let all: anyhow::Result<_> = runtime.block_on(async {
            let mut all = Vec::new();
            for _ in 0..CONNECTIONS {
                let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
                stream.set_nodelay(true)?;
                let connector = tokio_rustls::TlsConnector::from(config.clone());
                let stream = connector.connect(name.clone(), stream).await?;
                ensure!(stream.get_ref().1.alpn_protocol() == Some(b"h2"), "HTTP/2 is not spoken");
                let (send, connection) = h2::client::handshake(stream).await?;
                tokio::spawn(connection);
                all.push(send);
            }
            Ok(all)
        });
        Ok(Self::Http2(runtime, all?))
    }

    /// Sends requests, written as in HTTP/1.1, one per connection at a time, and looks at each
    /// answer, in order.
    pub fn exchange<'a>(
        &mut self,
        mut requests: impl Iterator<Item = &'a Vec<u8>>,
        mut look: impl FnMut(Answer) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        loop {
            let some: Vec<_> = requests.by_ref().take(CONNECTIONS).collect();
            if some.is_empty() {
                return Ok(());
            }
            match self {
                Self::Http1(all) => {
                    for (connection, request) in all.iter_mut().zip(&some) {
                        connection.stream.write_all(request)?;
                    }
                    for connection in &mut all[..some.len()] {
                        look(connection.receive()?)?;
                    }
                }
                Self::Http2(runtime, all) => runtime.block_on(async {
                    let mut sent = Vec::new();
                    for (send, request) in all.iter_mut().zip(&some) {
                        std::future::poll_fn(|context| send.poll_ready(context)).await?;
                        sent.push(send.send_request(http2(request)?, true)?.0);
                    }
                    for answer in sent {
                        let (head, mut data) = answer.await?.into_parts();
                        let mut body = 0;
                        while let Some(chunk) = data.data().await {
                            let chunk = chunk?;
                            body += chunk.len();
                            data.flow_control().release_capacity(chunk.len())?;
                        }
                        look(Answer { status: head.status.as_u16(), head: String::new(), body })?;
                    }
                    anyhow::Ok(())
                })?,
            }
        }
    }
}

fn client(wire: Wire, chain: &Path) -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(chain)?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = match wire {
        Wire::Http2 => vec![b"h2".to_vec()],
        Wire::Plain | Wire::Tls => vec![b"http/1.1".to_vec()],
    };
    Ok(Arc::new(config))
}

/// The same request in HTTP/2. Without a body.
fn http2(text: &[u8]) -> anyhow::Result<http::Request<()>> {
    let mut fields = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Request::new(&mut fields);
    ensure!(head.parse(text)?.is_complete(), "half a request");
    let (Some(method), Some(path)) = (head.method, head.path) else { bail!("no request") };
    let mut request = http::Request::builder().method(method).uri(format!("https://{HOST}{path}"));
    for field in head.headers.iter().filter(|field| !field.name.eq_ignore_ascii_case("host")) {
        request = request.header(field.name, field.value);
    }
    Ok(request.body(())?)
}

trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

/// A connection that speaks HTTP/1.1.
pub struct Connection {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
}

impl Connection {
    fn new(stream: Box<dyn Stream>) -> Self {
        Self { stream, buffer: vec![0; 64 * 1024] }
    }

    fn receive(&mut self) -> anyhow::Result<Answer> {
        let mut filled = 0;
        let end = loop {
            filled += self.read(filled)?;
            if let Some(end) = self.buffer[..filled].windows(4).position(|w| w == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let head = std::str::from_utf8(&self.buffer[..end])?.to_ascii_lowercase();
        let status: u16 = head.get(9..12).context("no status")?.parse()?;
        let length = head.split_once("content-length: ").and_then(|(_, rest)| {
            rest.split("\r\n").next().and_then(|length| length.parse::<usize>().ok())
        });
        let body = length.filter(|_| status != 304).unwrap_or(0);
        while filled < end + body {
            filled += self.read(filled)?;
        }
        let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        Ok(Answer { status, head, body })
    }

    fn read(&mut self, from: usize) -> anyhow::Result<usize> {
        let read = self.stream.read(&mut self.buffer[from..])?;
        ensure!(read > 0, "the connection was closed");
        Ok(read)
    }
}
