//! The real binary in front of real websites changes nothing that it has not promised to change.
//!
//! - `bodies`: every method's body both ways, byte for byte, streamed; chunks, trailers, coded
//!   bodies, server-sent events, `100 Continue`, WebSocket.
//! - `heads`: targets and headers as they came, `X-Forwarded-*` as documented, connections kept on
//!   both sides.
//! - `upstreams`: Unix sockets, TLS with and without verification, websites that are down, take
//!   nobody in, are mute or die in the middle; clients that are slow or mute; stopping while
//!   answers are under way.
//! - `layer`: what happens under Pingora: odd targets, framing, refused requests, slow answers, the
//!   last answer of a connection.
//! - `failures`: who is blamed for what, silent streams, requests that go in circles.
//! - `compared`: some 300 exchanges, each directly and through the proxy, over every version of
//!   HTTP on either side; the whole list of what differs, and why, is in `compared/differences.rs`.
//! - `malformed`: some 350 malformed requests, with a real nginx as the judge; `origins`: the same
//!   before websites of three kinds, none of which takes one for another.
//! - `injected`: what `inject` changes of a page, and that it changes nothing else; `corpus`: the
//!   same of pages of every kind, coding and delivery, of broken ones and of 100 MB.
//! - `compressed`: what `compress` changes.
//! - `access_log`: what is written of all this, and that it is in nobody's way.
//! - `half_closed`: clients that end their side after the request, with and without
//!   `answer_half_closed`.

#[path = "../common/mod.rs"]
mod common;

mod access_log;
mod bodies;
mod compared;
mod compressed;
mod corpus;
mod failures;
mod half_closed;
mod heads;
mod injected;
mod layer;
mod malformed;
mod origins;
mod upstreams;
