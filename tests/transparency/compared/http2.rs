//! Both ends of an exchange in HTTP/2. The table is written in HTTP/1.1, and said here as a library
//! of HTTP/2 says the same: what HTTP/2 has no form for (RFC 9113 §8.2.2) is left out.

use super::changes::{drop_fields, end_connection};
use super::exchange::{Exchange, Step, bytes};
use super::pieces::{Piece, Pieces, State};
use super::{Http, PROBE, Recorder};
use crate::common::wire::{Message, Trust};
use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri};
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}

/// Why an exchange cannot be had where a client or a website speaks HTTP/2.
pub fn impossible(exchange: &Exchange, client: Http, website: Http) -> Option<&'static str> {
    if (client, website) == (Http::One, Http::One) {
        return None;
    }
    let sent = |steps: &[Step]| -> Vec<u8> {
        let parts = steps.iter().map(|step| match step {
            Step::Send(bytes) => bytes.as_slice(),
            _ => &[],
        });
        parts.flatten().copied().collect()
    };
    let mut asked = Pieces::of_requests();
    asked.push(&sent(&exchange.client));
    let Some(Piece::Head(head, _)) = asked.next() else { return Some("there is no request") };
    let said = exchange.website.first().map(|steps| sent(steps)).unwrap_or_default();
    let mut answer = Pieces::of_answers(head.method());
    answer.push(&said);
    let answer_lasts = matches!(answer.next(), Some(Piece::Head(..)))
        && matches!(answer.state, State::ToEnd | State::NextChunk);
    if said.starts_with(b"HTTP/1.1 101 ") {
        return Some("HTTP/2 has no upgrades (RFC 9113 §8.6)");
    }
    if head.start.ends_with("HTTP/1.0") && (client == Http::Two || answer_lasts) {
        return Some("HTTP/1.0 cannot be had by HTTP/2, nor answers without a length by HTTP/1.0");
    }
    if client == Http::Two && request("http", &head).is_none() {
        return Some("no library has such a target or host");
    }
    None
}

/// Has an exchange over a connection of its own; what came of it, and of the connection.
pub fn visit(
    to: SocketAddr,
    tls: Option<(&'static str, &Trust)>,
    exchange: &Exchange,
) -> (Vec<Message>, &'static str) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stream = TcpStream::connect(to).await.expect("a connection");
        stream.set_nodelay(true).unwrap();
        match tls {
            None => visit_over(stream, "http", exchange).await,
            Some((host, trust)) => {
                let mut config = (**trust).clone();
                config.alpn_protocols = vec![b"h2".to_vec()];
                let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
                let stream = connector.connect(host.try_into().unwrap(), stream).await.unwrap();
                visit_over(stream, "https", exchange).await
            }
        }
    })
}

async fn visit_over(
    stream: impl Stream,
    scheme: &'static str,
    exchange: &Exchange,
) -> (Vec<Message>, &'static str) {
    let (client, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
    tokio::spawn(connection);
    let mut client = Client { client, scheme, asked: None, answers: Vec::new() };
    let mut pieces = Pieces::of_requests();
    for step in &exchange.client {
        match step {
            Step::Send(bytes) => {
                pieces.push(bytes);
                while let Some(piece) = pieces.next() {
                    client.say(piece).await;
                }
            }
            Step::Interim => client.interim().await,
            _ => pause().await,
        }
    }
    client.answer().await;
    let answers = std::mem::take(&mut client.answers);
    // What was asked before may have no end.
    let mut pieces = Pieces::of_requests();
    pieces.push(&bytes(&super::exchange::request("GET", PROBE, "")));
    while let Some(piece) = pieces.next() {
        client.say(piece).await;
    }
    client.answer().await;
    let kept = client.answers.last().is_some_and(|answer| answer.status() == 204);
    (answers, if kept { "kept" } else { "closed" })
}

/// A client that asks for one thing after the other: a pipeline is no form of HTTP/2, and streams
/// at a time have no order.
struct Client {
    client: SendRequest<Bytes>,
    scheme: &'static str,
    asked: Option<Asked>,
    answers: Vec<Message>,
}

struct Asked {
    answer: ResponseFuture,
    body: SendStream<Bytes>,
}

impl Client {
    async fn say(&mut self, piece: Piece) {
        match piece {
            Piece::Head(head, ends) => {
                self.answer().await;
                let request = request(self.scheme, &head).expect("a request of HTTP/2");
                let Ok(mut ready) = self.client.clone().ready().await else { return };
                let asked = ready.send_request(request, ends);
                self.asked = asked.ok().map(|(answer, body)| Asked { answer, body });
            }
            piece => {
                // It may have been refused already; the answer tells.
                let Some(Asked { body, .. }) = &mut self.asked else { return };
                say(body, piece);
            }
        }
    }

    async fn interim(&mut self) {
        let Some(Asked { answer, .. }) = &mut self.asked else { return };
        let limit = Duration::from_millis(500);
        let next = poll_fn(|cx| answer.poll_informational(cx));
        if let Ok(Some(Ok(interim))) = timeout(limit, next).await {
            self.answers.push(heard(&interim));
        }
    }

    /// Reads all answers to what was asked last.
    async fn answer(&mut self) {
        let Some(Asked { mut answer, body: _body }) = self.asked.take() else { return };
        let next = poll_fn(|cx| {
            while let Poll::Ready(Some(Ok(interim))) = answer.poll_informational(cx) {
                self.answers.push(heard(&interim));
            }
            Pin::new(&mut answer).poll(cx)
        });
        let (head, mut body) = match next.await {
            Ok(last) => last.into_parts(),
            Err(error) => {
                let start = format!("no answer: {error}");
                self.answers.push(Message { start, ..Message::default() });
                return;
            }
        };
        let mut message = heard(&Response::from_parts(head, ()));
        if read(&mut body, &mut message).await.is_err() {
            message.start += " (cut)";
        }
        self.answers.push(message);
    }
}

/// A website on a thread of its own, which speaks HTTP/2 without TLS and does what `recorder` has
/// for it to do.
pub fn website(recorder: Recorder) -> SocketAddr {
    let runtime = Runtime::new().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        runtime.block_on(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                tokio::spawn(serve(stream, recorder.clone()));
            }
        });
    });
    address
}

async fn serve(stream: TcpStream, recorder: Recorder) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((request, to))) = connection.accept().await {
        tokio::spawn(respond(request, to, recorder.clone()));
    }
}

async fn respond(
    request: Request<RecvStream>,
    mut to: h2::server::SendResponse<Bytes>,
    recorder: Recorder,
) {
    let (head, mut body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("", |path| path.as_str());
    let mut request = Message {
        start: latin(format!("{} {path} HTTP/2", head.method).as_bytes()),
        headers: fields(&head.headers),
        ..Message::default()
    };
    let parts = [
        (":scheme", head.uri.scheme_str()),
        (":authority", head.uri.authority().map(|authority| authority.as_str())),
    ];
    for (name, value) in parts {
        request.headers.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    }
    if path == PROBE {
        let _ = to.send_response(Response::builder().status(204).body(()).unwrap(), true);
        return;
    }
    let (at, script) = recorder.begin(&request);
    let mut pieces = Pieces::of_answers(head.method.as_str());
    let mut sent = None;
    for step in script {
        match step {
            Step::Send(bytes) => {
                pieces.push(&bytes);
                while let Some(piece) = pieces.next() {
                    answer(&mut to, &mut sent, piece);
                }
            }
            Step::Pause | Step::Interim => pause().await,
            Step::Body | Step::Discard => {
                let mut read_to = request.clone();
                if read(&mut body, &mut read_to).await.is_err() {
                    read_to.start += " (cut)";
                }
                if matches!(step, Step::Body) {
                    request = read_to;
                    recorder.amend(at, &request);
                }
            }
            Step::Echo => {}
            Step::Close => {
                if let Some(piece) = pieces.end() {
                    answer(&mut to, &mut sent, piece);
                }
            }
        }
    }
}

fn answer(
    to: &mut h2::server::SendResponse<Bytes>,
    sent: &mut Option<SendStream<Bytes>>,
    piece: Piece,
) {
    match (piece, sent) {
        (Piece::Head(head, ends), sent) => {
            let mut response = Response::builder().status(head.status());
            *response.headers_mut().unwrap() = said(&head.headers);
            let response = response.body(()).unwrap();
            if head.status() < 200 {
                let _ = to.send_informational(response);
            } else {
                *sent = to.send_response(response, ends).ok();
            }
        }
        (piece, Some(body)) => say(body, piece),
        (_, None) => {}
    }
}

/// Sends on what belongs to a body, or nothing any more where that was refused.
fn say(body: &mut SendStream<Bytes>, piece: Piece) {
    let _ = match piece {
        Piece::Head(..) => unreachable!("a head begins a stream"),
        Piece::Data(data) => body.send_data(data.into(), false),
        Piece::End(trailers) if trailers.is_empty() => body.send_data(Bytes::new(), true),
        Piece::End(trailers) => body.send_trailers(said(&trailers)),
    };
}

async fn read(body: &mut RecvStream, to: &mut Message) -> Result<(), h2::Error> {
    while let Some(data) = body.data().await {
        let data = data?;
        let _ = body.flow_control().release_capacity(data.len());
        to.body.extend(data);
    }
    to.trailers = body.trailers().await?.map(|all| fields(&all)).unwrap_or_default();
    Ok(())
}

async fn pause() {
    sleep(super::PAUSE).await;
}

/// `None`: the library has no form for it.
fn request(scheme: &str, head: &Message) -> Option<Request<()>> {
    let (target, host) = (head.target(), head.header("host")?);
    let uri: Uri = match target.find("://") {
        Some(_) => {
            let given: Uri = Uri::try_from(bytes(target)).ok()?;
            let path = given.path_and_query().map_or("/", |path| path.as_str());
            let path = if path.starts_with('?') { format!("/{path}") } else { path.to_owned() };
            Uri::builder()
                .scheme(scheme)
                .authority(given.authority()?.as_str())
                .path_and_query(path)
        }
        None => Uri::builder().scheme(scheme).authority(host).path_and_query(bytes(target)),
    }
    .build()
    .ok()?;
    let mut request = Request::builder().method(head.method()).uri(uri);
    *request.headers_mut()? = said(&head.headers);
    request.headers_mut()?.remove("host");
    request.body(()).ok()
}

/// The fields that HTTP/2 has.
fn said(all: &[(String, String)]) -> HeaderMap {
    let mut message = Message { headers: all.to_vec(), ..Message::default() };
    end_connection(&mut message);
    drop_fields(&mut message, &["transfer-encoding"]);
    let fields = message.headers.into_iter().map(|(name, value)| {
        let value = HeaderValue::from_bytes(&bytes(&value)).expect("a value");
        (name.parse::<HeaderName>().expect("a name"), value)
    });
    fields.collect()
}

fn heard(answer: &Response<()>) -> Message {
    Message {
        start: format!("HTTP/2 {}", answer.status().as_u16()),
        headers: fields(answer.headers()),
        ..Message::default()
    }
}

fn fields(map: &HeaderMap) -> Vec<(String, String)> {
    map.iter().map(|(name, value)| (name.to_string(), latin(value.as_bytes()))).collect()
}

fn latin(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}
