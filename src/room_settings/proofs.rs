//! From the settings to what others are asked about robots.

use crate::config::{Config, NameServer};
use crate::visitor::{Resolver, ReverseDns, Signatures, Signer};

/// # Errors
/// None, in a program that may ask.
pub fn names(config: &Config) -> anyhow::Result<Option<ReverseDns>> {
    Ok(config.reverse_dns.map(|server| {
        ReverseDns::new(match server {
            NameServer::System => Resolver::System,
            NameServer::At(address) => Resolver::At(address),
        })
    }))
}

/// # Errors
/// As [`names`].
pub fn signatures(config: &Config) -> anyhow::Result<Option<Signatures>> {
    let signers = config.bot_signers.iter();
    let signers: Vec<_> = signers.map(|(name, url)| Signer::new(name, url.clone())).collect();
    Ok((!signers.is_empty()).then(|| Signatures::new(signers)))
}
