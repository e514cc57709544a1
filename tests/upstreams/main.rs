//! What stands behind a site: several upstreams of which some fail, and websites that speak HTTP/2.
//!
//! - `balance`: how requests are shared out, and settings that are read again while it runs;
//! - `health`: checks, and upstreams that are not used for a while;
//! - `retries`: what is sent to another upstream, and what never twice;
//! - `rules`: what holds for single paths: other upstreams, redirects, who may see what;
//! - `exclude`: what is forwarded and not counted;
//! - `trust`: whose certificates each site trusts;
//! - `http2`: websites that speak HTTP/2, and trailers; `grpc` is what they are for.

#[path = "../common/mod.rs"]
mod common;

mod balance;
mod exclude;
mod grpc;
mod health;
mod http2;
mod retries;
mod rules;
mod trust;

use common::wire::Origin;

/// A website whose pages bear its name.
fn named(name: &'static str) -> Origin {
    Origin::start(move |wire, request| {
        if wire.body(request, false).is_ok() {
            wire.reply("200 OK", "Content-Type: text/html\r\n", name.as_bytes());
        }
        true
    })
}
