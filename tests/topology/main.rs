//! Stores and processes as they are in life, under load, with a ledger of what visitors were told:
//! every answered page is counted once, every visitor and visit too.
//!
//! - `crowd`: visitors as browsers are, and their ledger;
//! - `stores`: a Redis Cluster whose primary dies and whose slot moves, a primary that sentinels
//!   replace, both also encrypted and behind passwords;
//! - `together`: nodes that share sessions, which join, leave and are replaced;
//! - `upgrade`: one process takes over from another;
//! - `drain`: what still runs when it has;
//! - `systemd`: the same under systemd;
//! - `reload`: settings change while it runs.

#[path = "../common/mod.rs"]
mod common;

mod crowd;
mod drain;
mod reload;
mod stores;
mod systemd;
mod together;
mod upgrade;
