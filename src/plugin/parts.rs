//! What the rooms behind a handle share while they are at work.

use super::stored::Stored;
use crate::aggregate::Engine;
use crate::budget::Budget;
use crate::capture::LeftOut;
use crate::clock::Clock;
use crate::model::site::Site;
use crate::telemetry::Telemetry;
use crate::visitor::Places;
use crate::visitor::address::Trusted;
use std::sync::Arc;

#[derive(Clone)]
pub struct Parts {
    pub stored: Stored,
    pub sites: Arc<Vec<Site>>,
    pub engine: Arc<Engine>,
    pub telemetry: Arc<Telemetry>,
    /// Peers that are believed about the client's address.
    pub trusted: Trusted,
    pub places: Arc<Places>,
    pub clock: Clock,
    pub budget: Option<Arc<Budget>>,
    /// A name of this run of the process.
    pub node: String,
    /// Of each site, what its owners leave out.
    pub left_out: Vec<(Arc<str>, Arc<LeftOut>)>,
}
