//! In the place of `proofs`, where nobody is asked about robots.

use crate::config::Config;
use crate::visitor::{ReverseDns, Signatures};
use anyhow::bail;

/// # Errors
/// Somebody is to be asked.
pub fn names(config: &Config) -> anyhow::Result<Option<ReverseDns>> {
    match config.reverse_dns {
        Some(_) => bail!("reverse_dns needs the feature `proofs`, which was left out"),
        None => Ok(None),
    }
}

/// # Errors
/// As [`names`].
pub fn signatures(config: &Config) -> anyhow::Result<Option<Signatures>> {
    match config.bot_signers.is_empty() {
        true => Ok(None),
        false => bail!("bot_signers needs the feature `proofs`, which was left out"),
    }
}
