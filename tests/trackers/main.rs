//! The trackers that a site had before, by what they send: each beacon, its answer and all that is
//! then counted. (In a real browser, with the trackers' own scripts: `tests/browser/trackers.rs`.)
//!
//! - `plausible`, `umami`, `goatcounter`: what each API takes, counts and answers
//! - `beside`: several trackers on a page: nothing is counted twice, nothing is lost
//! - `senders`: programs that speak for visitors: whose address, whose user agent
//! - `node`: `@umami/node` as it is published, in Node
//! - `hosts`: pages of the site's other hosts, and of strangers
//! - `refused`: malformed, too large, too many; and an API that is not switched on
//! - `scripts`: the paths of the trackers' scripts
//!
//! Each rule has a program of its own, over SQLite.

#[path = "../common/mod.rs"]
mod common;

mod beside;
mod goatcounter;
mod hosts;
mod node;
mod plausible;
mod refused;
mod scripts;
mod senders;
#[path = "../rules/stage.rs"]
mod stage;
mod tell;
mod umami;
