//! Several sites in one process: each gets its own requests, and its counts are what was sent to it
//! and nothing else, whatever is tried.
//!
//! - `stage`: three sites with three websites, and a plain list of what visitors did;
//! - `counted`: what the API says of each site is what the list says, on SQLite and Redis, with one
//!   node and with two that count together;
//! - `crossing`: hosts that name two sites, beacons with another site's view, live events;
//! - `reload`: what of sites is taken up while it runs, and what by a hand-over;
//! - `documented`: the example of two sites in `docs/proxy.md`, as written.

#[path = "../common/mod.rs"]
mod common;

mod counted;
mod crossing;
mod documented;
mod reload;
mod stage;
