//! In the place of `proofs`: nobody is asked for names or keys, so none of these is ever made.

use super::bots::Bot;
use crate::clock::Millis;
use http::HeaderMap;
use http::request::Parts;
use std::net::IpAddr;

/// No names are looked up.
pub enum ReverseDns {}

impl ReverseDns {
    pub fn judge(&self, _: &str, _: IpAddr) -> Option<bool> {
        match *self {}
    }

    pub async fn run(&self, _: impl Fn()) {
        match *self {}
    }
}

/// What a request's signature says.
pub enum Signed<'s> {
    No,
    Wrong(&'s Bot),
    By(&'s Bot),
}

/// No keys are known.
pub enum Signatures {}

impl Signatures {
    pub fn is_worth_a_look(&self, _: &HeaderMap) -> bool {
        match *self {}
    }

    pub fn judge(&self, _: &Parts, _: IpAddr, _: Millis) -> Signed<'_> {
        match *self {}
    }

    pub async fn keep_keys(&self, _: impl Fn()) {
        match *self {}
    }
}
