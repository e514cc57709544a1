//! Certificates by ACME, from Debian's Pebble, a real authority for tests: it asks for proofs where
//! headcount listens, rejects good nonces now and then, and signs.
//!
//! - `first`: from nothing to a certificate for many names, and how visitors fare meanwhile;
//! - `renewal`: replaced in time, by the clock or when the authority would like it, of a profile;
//! - `trouble`: an authority that is away, talks nonsense, sets limits or forgets; a name that
//!   fails; a kill in the midst of an order;
//! - `nodes`: several that share one account and its certificates through Redis.
//!
//! Pebble and its name server are in `common`, `between` stands before it and adds what it lacks,
//! `scene` puts a website, headcount and these together.

#[path = "../common/mod.rs"]
mod common;

mod between;
mod first;
mod nodes;
mod renewal;
mod scene;
mod trouble;
