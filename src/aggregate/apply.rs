//! A hit in its shard: which rule it falls under, and what it turns out to be.
//!
//! A server view counts when it is answered; its beacon confirms it; a beacon that confirms nothing
//! is a view only the browser saw. Nothing is ever taken back, so three sums (server, confirmed,
//! browser) tell everything.

use super::happened::LiveEvent;
use super::served::Machine;
use super::shard::Shard;
use super::visitor::Spot;
use crate::clock::MINUTE;
use crate::model::row::Flags;
use crate::model::{Hit, What};

/// What a hit turned out to be: for the live stream and the process's own counters.
pub struct Outcome {
    pub pageview: bool,
    pub event: Option<LiveEvent>,
}

impl Shard {
    /// Counts a hit.
    pub fn apply(&mut self, hit: Hit) -> Outcome {
        let received = hit.received();
        let Hit { at, site, visitor, before_midnight, what, lane } = hit;
        let Some(site) = self.sites.known(site) else {
            return Outcome { pageview: false, event: None };
        };
        let is_event = what.is_event();
        // By the time in the hits and not by the call of `seal`, so that the same hits make the
        // same shard.
        if at / MINUTE > self.newest / MINUTE {
            self.forget(at);
        }
        self.newest = self.newest.max(at);
        let day = self.sites[site].day(at);
        let spot = Spot { site, at, received, day, lane, visitor, before_midnight };
        let (kind, page, traits) = match what {
            What::Answered(answered) => self.answered(spot, answered),
            What::Shown(shown) => self.shown(spot, shown),
            What::ScriptEvent(event) => self.script_event(spot, event),
            What::Served(served) => self.served(spot, served),
            What::Download { path, first, bytes, length } => {
                self.download(spot, &path, first, bytes, length)
            }
            What::Feed { path, reader, subscribers } => self.feed(spot, &path, reader, subscribers),
            What::Bot { name, class, page, status, read, proof, allowed } => {
                let flags = Flags::default()
                    .with_if(Flags::READ, read)
                    .with_if(Flags::ALLOWED, allowed == Some(true))
                    .with_if(Flags::DISALLOWED, allowed == Some(false));
                self.bot(spot, Machine { name, class, proof }, page, status, flags)
            }
            What::BotBeacon { name, class, proof } => {
                self.bot_beacon(spot, Machine { name, class, proof })
            }
        };
        self.rollup((site, day)).hits += u64::from(is_event);
        let traits = traits.unwrap_or_default();
        let site = self.sites.place(site);
        let event = (!kind.is_empty()).then_some(LiveEvent { at, site, kind, page, traits });
        Outcome { pageview: matches!(kind, "view" | "browser" | "unverified" | "activated"), event }
    }
}
