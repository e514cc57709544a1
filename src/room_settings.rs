//! What the settings mean to single rooms: from a [`Config`] to what capture and visitor are given.
//!
//! Apart from [`plugin`](crate::plugin), which starts the rooms with it: an import of access logs
//! needs the same and starts none of them.

use crate::capture::foreign::script::Manner;
use crate::capture::inject::Compressed;
use crate::capture::script::{Script, ScriptOptions};
use crate::capture::{self, Senders};
use crate::config::{Config, InjectCompressed, NameServer, RespectGpc, SiteConfig};
use crate::visitor::address::Trusted;
use crate::visitor::{
    self, DoNotTrack, Networks, Prover, Ranges, Resolver, ReverseDns, Signatures, Signer,
};
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

pub fn site_settings(site: &SiteConfig) -> capture::SiteSettings {
    let options = script_options(site);
    let currency = site.site.currency.as_ref().map(|currency| currency.code());
    capture::SiteSettings {
        script_path: site.script.path.clone(),
        scripts_of: Manner::all(&site.site.event_apis, &options, currency),
        script: Script::new(&options),
        beacon_path: site.script.beacon_path.clone(),
        inject: site.inject,
        inject_compressed: compressed(site.inject_compressed),
        opt_out_path: site.privacy.opt_out_path.clone(),
        exclude: site.exclude.clone(),
        left_out: Arc::default(),
        keep_query: site.keep_query.clone(),
    }
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
            names: config.reverse_dns.map(|server| {
                ReverseDns::new(match server {
                    NameServer::System => Resolver::System,
                    NameServer::At(address) => Resolver::At(address),
                })
            }),
            signatures: (!config.bot_signers.is_empty()).then(|| {
                let signers = config.bot_signers.iter();
                let signers = signers.map(|(name, url)| Signer::new(name, url.clone()));
                Signatures::new(signers.collect())
            }),
            networks: match &config.networks {
                Some(file) => Some(Networks::open(file, &config.hosting_networks)?),
                None => None,
            },
        }),
        // Of those that nodes count together, each node knows a part.
        remembered: if config.shared_sessions { 0 } else { config.limits.visitors },
    })
}

fn script_options(site: &SiteConfig) -> ScriptOptions {
    let script = &site.script;
    ScriptOptions {
        track: script.beacon_path.clone(),
        query: site.keep_query.clone(),
        history: script.history,
        hash: script.hash,
        engagement: script.engagement,
        scroll: script.scroll,
        outbound: script.outbound,
        downloads: script.downloads,
        events: script.events,
        forms: script.forms,
        clicks: script.clicks,
        vitals: script.vitals,
        others: !site.site.event_apis.is_empty(),
    }
}

fn compressed(pages: InjectCompressed) -> Compressed {
    match pages {
        InjectCompressed::Recode => Compressed::Recode,
        InjectCompressed::Identity => Compressed::Identity,
        InjectCompressed::Off => Compressed::Leave,
    }
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
