//! The rules of counting, one by one, as the table of `docs/counting.md` and the script's own words
//! say them: a request, its answer, a beacon → all that is counted, and nothing else.
//!
//! - `server`: what the proxy sees by itself
//! - `script`: what beacons add to it
//! - `owner`: goals, funnels and settings
//! - `others`: headers, hosts, paths and ranges in all the ways they are written
//!
//! Each rule has a program of its own, over SQLite.

#[path = "../common/mod.rs"]
mod common;

mod others;
mod owner;
mod script;
mod server;
mod stage;
