//! One connection, request by request: reads each head, judges it, and lets Pingora answer.

use super::connections::{Connections, LAST_REQUEST};
use super::head::{self, Head, Refused};
use super::pace::Pace;
use super::wire::Wire;
use crate::proxy::acme::{self, Challenges};
use crate::proxy::page;
use crate::telemetry::Telemetry;
use crate::visitor::address::Trusted;
use arc_swap::ArcSwap;
use bytes::{Bytes, BytesMut};
use pingora::apps::HttpServerApp;
use pingora::protocols::http::ServerSession;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// What a usual head fits in.
const HEAD: usize = 4096;

/// What a client is allowed before its request is forwarded.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For a head to arrive, from its first byte on.
    pub header_time: Duration,
    /// Bytes of a head.
    pub header_size: usize,
    /// For the first byte of a request.
    pub idle: Duration,
    /// For a piece of what it is sent to be taken.
    pub write: Duration,
    /// A client that has ended its side is still answered.
    pub answer_half_closed: bool,
    /// Trusted proxies say first whom they speak for.
    pub proxy_protocol: bool,
    /// How slowly an upload may come.
    pub upload: Pace,
    /// Of one connection; `None`: as many as it likes.
    pub requests: Option<usize>,
}

/// What all connections share.
pub struct Shared<A> {
    pub app: Arc<A>,
    /// May change meanwhile.
    pub limits: Arc<ArcSwap<Limits>>,
    pub connections: Arc<Connections>,
    pub trusted: Trusted,
    pub telemetry: Arc<Telemetry>,
    /// What an authority is answered, which asks whether a name is ours.
    pub challenges: Option<Arc<Challenges>>,
}

/// What the proxy has to know of a request that Pingora cannot tell it.
pub struct Asked {
    /// The target for the website.
    pub raw_target: Bytes,
}

/// Answers a client until either side ends.
pub async fn serve<A>(mut wire: Wire, shared: Arc<Shared<A>>)
where
    A: HttpServerApp + Send + Sync + 'static,
{
    let mut closing = shared.connections.watch();
    // Pingora's own watch would end keep-alive before the listening socket is closed.
    let stop = shared.connections.watch();
    for nth in 1.. {
        let mut bytes = match next_head(&mut wire, &shared, &mut closing).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) | Err(Ended::Broken) => return,
            Err(Ended::Refused(refused)) => return refuse(wire, &shared, refused).await,
        };
        let Head { framing, upgrade, raw_target } = match head::judge(&mut bytes) {
            Ok(head) => head,
            Err(refused) => return refuse(wire, &shared, refused).await,
        };
        if let Some(challenges) = &shared.challenges
            && let Some(token) = acme::token(&bytes)
            // In a box, so that connections that ask for something else have no room for it.
            && let Some(answer) = Box::pin(challenges.answer(token)).await
        {
            return end(wire, &shared, 200, &answer).await;
        }
        wire.begin(framing, upgrade);
        wire.is_last = shared.limits.load().requests.is_some_and(|most| nth >= most);
        let mut session = ServerSession::new_http1(Box::new(wire));
        // How long, the proxy says; without it, that this is the last answer.
        session.set_keepalive(Some(0));
        session.set_pipelined_prefix(bytes);
        if let Some(raw_target) = raw_target {
            session.set_connection_user_context(Some(Box::new(Asked { raw_target })));
        }
        let Some(reusable) = shared.app.process_new_http(session, &stop).await else { return };
        let (stream, _) = reusable.consume();
        match stream.into_any().downcast::<Wire>() {
            Ok(same) => wire = *same,
            Err(_) => return,
        }
    }
}

/// Why there is no next request.
enum Ended {
    /// Nobody is there to read an answer.
    Broken,
    Refused(Refused),
}

impl From<io::Error> for Ended {
    fn from(_: io::Error) -> Self {
        Self::Broken
    }
}

/// Reads the next head whole. `None`: the client has nothing more to say.
async fn next_head<A>(
    wire: &mut Wire,
    shared: &Shared<A>,
    closing: &mut watch::Receiver<bool>,
) -> Result<Option<BytesMut>, Ended> {
    if wire.input.capacity() < HEAD {
        wire.input.reserve(HEAD);
    }
    if wire.input.is_empty() && !first_bytes(wire, shared, closing).await? {
        return Ok(None);
    }
    let limits = **shared.limits.load();
    // From its first byte on: a client that sends one byte a minute never sends a whole head.
    let mut deadline = None;
    let mut searched = 0;
    loop {
        let blank = head::blank_lines(&wire.input);
        if blank > 0 {
            let _ = wire.input.split_to(blank);
            searched = 0;
        }
        let end = head::end(&wire.input, searched);
        if end.unwrap_or(wire.input.len()) > limits.header_size {
            return Err(Ended::Refused(Refused(431)));
        }
        if let Some(end) = end {
            // A whole buffer is cheaper than a part of one: that would have to be shared.
            let rest =
                if end == wire.input.len() { BytesMut::new() } else { wire.input.split_off(end) };
            return Ok(Some(std::mem::replace(&mut wire.input, rest)));
        }
        searched = wire.input.len();
        let deadline = *deadline.get_or_insert_with(|| Instant::now() + limits.header_time);
        tokio::select! {
            biased;
            read = wire.read_more() => if read? == 0 {
                return if searched == 0 { Ok(None) } else { Err(Ended::Refused(Refused(400))) };
            },
            () = sleep_until(deadline) => return Err(Ended::Refused(Refused(408))),
        }
    }
}

/// Waits for the first bytes of a request. Returns whether there are any.
async fn first_bytes<A>(
    wire: &mut Wire,
    shared: &Shared<A>,
    closing: &mut watch::Receiver<bool>,
) -> io::Result<bool> {
    let idle = sleep_until(Instant::now() + shared.limits.load().idle);
    tokio::pin!(idle);
    let mut last = *closing.borrow_and_update();
    if last {
        idle.as_mut().reset(Instant::now() + LAST_REQUEST);
    }
    loop {
        tokio::select! {
            biased;
            read = wire.read_more() => return Ok(read? > 0),
            () = &mut idle => return Ok(false),
            _ = closing.changed(), if !last => {
                last = true;
                idle.as_mut().reset(Instant::now() + LAST_REQUEST);
            }
        }
    }
}

/// Answers with a page of our own, and ends the connection.
async fn refuse<A>(wire: Wire, shared: &Shared<A>, Refused(status): Refused) {
    end(wire, shared, status, &page::answer(status)).await;
}

/// Gives an answer that is the connection's last.
async fn end<A>(mut wire: Wire, shared: &Shared<A>, status: u16, answer: &[u8]) {
    shared.telemetry.answered(status);
    // A client that is gone is no error: the connection ends either way.
    let _ = wire.write_all(answer).await;
    let _ = wire.shutdown().await;
}
