//! Who visits, without knowing who: address and user agent go in, an anonymous visitor comes out.
//!
//! **The raw address ends here.** Nothing that leaves this room holds it or can be turned back
//! into it: a [`VisitorHash`] needs the day's salt, which is destroyed after the day. The room
//! knows salts, user-agent data, geography and referrer lists; it knows nothing of counting.

pub mod address;
pub mod agent;
#[cfg(feature = "admin")]
pub mod ai;
pub mod bots;
mod channel;
mod database;
mod device;
mod grammar;
mod introduced;
mod kept;
mod known_sources;
mod language;
mod networks;
pub mod place;
#[cfg_attr(not(feature = "proofs"), path = "without_proofs.rs")]
mod proofs;
pub mod prove;
pub mod ranges;
mod repeated;
pub mod secrets;
pub mod source;
pub mod who;

pub use address::client_address;
pub use agent::{Agent, Agents, untold};
pub use bots::Bot;
pub use introduced::Introduced;
pub use language::language;
pub use networks::Networks;
pub use place::{Place, Places};
#[cfg(feature = "proofs")]
pub use proofs::{Resolver, Signer};
pub use proofs::{ReverseDns, Signatures};
pub use prove::{Proven, Prover};
pub use ranges::Ranges;
pub use repeated::Repeated;
pub use secrets::Secrets;
pub use source::{Arrival, arrival};
pub use who::{DoNotTrack, Settings, Visitors, Who};
