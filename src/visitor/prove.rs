//! Whether a machine is what it says: its claim, against what its owner publishes.
//!
//! Apart from [`super::bots`], which only hears the claim. Asked for machines alone, so that pages
//! for people cost nothing; nothing here waits.

use super::bots::Bot;
use super::networks::Networks;
use super::proofs::{ReverseDns, Signatures, Signed};
use super::ranges::{Listed, Ranges};
use crate::clock::Millis;
use crate::model::{BotClass, Proof};
use http::request::Parts;
use std::net::IpAddr;

/// A machine, and how it is known that it is this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    pub bot: Bot,
    pub proof: Proof,
}

/// Checks claims.
#[derive(Default)]
pub struct Prover {
    pub ranges: Ranges,
    /// `None`: no names are looked up.
    pub names: Option<ReverseDns>,
    /// `None`: nobody's signature is trusted.
    pub signatures: Option<Signatures>,
    /// `None`: networks are not known.
    pub networks: Option<Networks>,
}

impl Prover {
    /// The machine whose request this is, by its signature or else by its user agent. `None`: it is
    /// a browser's by its own word, and signed by nobody who is trusted.
    pub fn judge(
        &self,
        claimed: Option<&Bot>,
        request: &Parts,
        address: IpAddr,
        now: Millis,
    ) -> Option<Proven> {
        let signatures = self.signatures.as_ref().filter(|s| s.is_worth_a_look(&request.headers));
        let signed = signatures.map_or(Signed::No, |s| s.judge(request, address, now));
        // A signature proves the bot whose key it is, and no other that the user agent names.
        let is_same = |bot: &Bot| claimed.is_none_or(|claimed| claimed.name == bot.name);
        match signed {
            Signed::By(bot) if is_same(bot) => {
                Some(Proven { bot: bot.clone(), proof: Proof::Signature })
            }
            Signed::Wrong(bot) if claimed.is_some_and(|claimed| claimed.name == bot.name) => {
                let proven = self.prove(bot, address);
                let is_unproven =
                    matches!(proven.proof, Proof::Claimed | Proof::Unlisted | Proof::DataCentre);
                let proof = if is_unproven { Proof::WrongSignature } else { proven.proof };
                Some(Proven { proof, ..proven })
            }
            _ => Some(self.prove(claimed?, address)),
        }
    }

    /// What a machine is that says it is `claimed`, and comes from this address.
    pub fn prove(&self, claimed: &Bot, address: IpAddr) -> Proven {
        let named = || self.names.as_ref().and_then(|names| names.judge(&claimed.name, address));
        let proof = match self.ranges.judge(&claimed.name, address) {
            Listed::Yes => Proof::Address,
            listed => match (named(), listed) {
                (Some(true), _) => Proof::ReverseDns,
                (Some(false), _) | (None, Listed::No) => Proof::Refuted,
                (None, Listed::NotThen) => Proof::Unlisted,
                (None, _) if self.is_in_data_centre(address) => Proof::DataCentre,
                (None, _) => Proof::Claimed,
            },
        };
        match proof {
            Proof::Refuted => Proven { bot: impostor(&claimed.name), proof },
            _ => Proven { bot: claimed.clone(), proof },
        }
    }

    /// Whether an address is a data centre's, as far as that is known.
    pub fn is_in_data_centre(&self, address: IpAddr) -> bool {
        self.networks.as_ref().is_some_and(|networks| networks.is_hosting(address))
    }
}

/// What is reported of those who only say that they are this bot.
fn impostor(name: &str) -> Bot {
    Bot { name: format!("claims to be {name}, isn't").into(), class: BotClass::Impostor }
}
