//! The reverse proxy in front of the website, and the program around it.
//!
//! - [`listen`] lets visitors in, by TLS with the certificates of [`tls`], which [`acme`] may
//!   order, and judges what they ask for.
//! - [`reverse_proxy`] forwards requests, without the [`fields`] that end here. [`rules`] say who
//!   may and what has moved, and [`instead`] answers where the website is not asked; [`website`]
//!   knows where to, [`tunnel`] how to connect for upgrades, [`small_pieces`] how while many answers
//!   are under way, [`failure`] who failed. [`compress`] may compress answers, and [`access_log`]
//!   writes a line for each.
//! - [`app`] puts all rooms together, in the order they depend on each other, and takes them down
//!   again ([`stop`]) without losing a count, perhaps for another process to go on. [`reload`]
//!   changes settings meanwhile, [`systemd`] hears of all this, and [`memory`]
//!   gives back what is free.

mod access_log;
pub(crate) mod acme;
mod app;
mod compress;
mod descriptors;
mod failure;
mod fields;
mod instead;
pub(crate) mod listen;
mod memory;
mod page;
mod reload;
mod reverse_proxy;
mod rules;
mod small_pieces;
mod stop;
mod systemd;
mod tls;
mod tunnel;
mod website;
mod websites;

pub use acme::status as acme_status;
pub use app::run;
pub use reload::{Reload, SetLog};
pub use rules::Rules;
pub use tls::Certificates;
