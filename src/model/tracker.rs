//! Whose script tells of a page: ours, or one that a site had before.

use serde::{Deserialize, Serialize};

/// A tracker, by what its beacons are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Tracker {
    Own,
    Plausible,
    Umami,
    GoatCounter,
}

impl Tracker {
    /// All but our own, as settings name them.
    pub const OTHERS: [(&'static str, Self); 3] = [
        ("plausible", Self::Plausible),
        ("umami", Self::Umami),
        ("goatcounter", Self::GoatCounter),
    ];

    /// Paths that are its own; Plausible has more, below `/js/`.
    pub fn paths(self) -> &'static [&'static str] {
        match self {
            Self::Own => &[],
            Self::Plausible => &["/api/event"],
            Self::Umami => &["/api/send", "/api/batch", "/script.js"],
            Self::GoatCounter => &["/count", "/count.js"],
        }
    }
}
