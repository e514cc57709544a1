//! Stops and hand-overs under busy clients: no request is lost, none is executed twice.
//!
//! [`ledger`] is the website, which knows what it has executed, and the clients, which know what
//! they were answered. `make test` runs a short form; `make soak` a long one, of 100 stops and 30
//! hand-overs. In [`mixed`], everything happens that can: for a minute, or for an hour.

#[path = "../common/mod.rs"]
mod common;
mod direct;
mod ledger;
mod mixed;
mod nginx;

/// How often something is done: the long form is `make soak`'s.
fn rounds(short: usize, long: usize) -> usize {
    if std::env::var_os("SOAK").is_some() { long } else { short }
}
