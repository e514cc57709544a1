//! What the settings mean to single rooms: from a [`Config`] to what capture and visitor are given.
//!
//! Apart from [`plugin`](crate::plugin), which starts the rooms with it: an import of access logs
//! needs the same and starts none of them.

#[cfg_attr(not(feature = "proofs"), path = "without_proofs.rs")]
mod proofs;
#[cfg_attr(not(feature = "script"), path = "without_script.rs")]
mod script;

use crate::capture::{self, Senders};
use crate::config::{Config, RespectGpc, SiteConfig};
use crate::tokens::Tokens;
use crate::visitor::address::Trusted;
use crate::visitor::{self, DoNotTrack, Networks, Prover, Ranges};
use std::sync::Arc;

pub fn capture_settings(
    config: &Config,
    trusted_proxies: Trusted,
    senders: Senders,
) -> capture::Settings {
    capture::Settings {
        trusted_proxies,
        senders,
        beacon_body: config.limits.beacon_body,
        beacons_per_minute: config.limits.beacons_per_minute as isize,
        value_length: config.limits.value_length,
    }
}

/// # Errors
/// What needs a script, where scripts are left out.
pub fn site_settings(site: &SiteConfig) -> anyhow::Result<capture::SiteSettings> {
    Ok(capture::SiteSettings {
        script: script::settings(site)?,
        opt_out_path: site.privacy.opt_out_path.clone(),
        exclude: site.exclude.clone(),
        left_out: Arc::default(),
        keep_query: site.keep_query.clone(),
    })
}

pub fn visitor_settings(
    config: &Config,
    trusted_proxies: Trusted,
) -> anyhow::Result<visitor::Settings> {
    Ok(visitor::Settings {
        trusted_proxies,
        do_not_track: config.sites.iter().map(do_not_track).collect(),
        place_headers: config.place_headers.clone(),
        prover: Arc::new(Prover {
            ranges: Ranges::open(config.crawler_ranges.as_deref())?,
            names: proofs::names(config)?,
            signatures: proofs::signatures(config)?,
            networks: match &config.networks {
                Some(file) => Some(Networks::open(file, &config.hosting_networks)?),
                None => None,
            },
        }),
        // Of those that nodes count together, each node knows a part.
        remembered: if config.shared_sessions { 0 } else { config.limits.visitors },
    })
}

/// Programs that may speak for visitors: those that may ask for numbers.
///
/// # Errors
/// A token that could never match.
pub fn senders(config: &Config) -> anyhow::Result<Senders> {
    let senders = Senders::default();
    senders.replace(Tokens::new(&credentials(config).1)?);
    Ok(senders)
}

/// The password's hash and the tokens of the admin port.
pub fn credentials(config: &Config) -> (Option<&str>, Vec<String>) {
    let password = config.admin_auth.password_hash.as_ref().map(|hash| hash.expose());
    (password, config.admin_auth.tokens.iter().map(|t| t.expose().to_owned()).collect())
}

fn do_not_track(site: &SiteConfig) -> DoNotTrack {
    match site.privacy.respect_gpc {
        RespectGpc::Anonymous => DoNotTrack::Anonymous,
        RespectGpc::Count => DoNotTrack::Count,
        RespectGpc::Ignore => DoNotTrack::Ignore,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    #[test]
    fn nodes_that_count_together_describe_everybody() {
        let mut config = Config::for_demo(&Settings::demo_defaults()).unwrap();
        let remembered = |config: &Config| {
            visitor_settings(config, Trusted::from(Vec::new())).unwrap().remembered
        };
        assert_eq!(remembered(&config), config.limits.visitors);
        config.shared_sessions = true;
        assert_eq!(remembered(&config), 0);
    }
}
