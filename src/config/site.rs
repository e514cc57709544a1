//! A site's part of the settings, in force: everything that one site may have otherwise than
//! another.
//!
//! Apart from the rest of a [`Config`](super::Config) because there are as many of it as sites.

use super::error::ConfigError;
use super::rules::Rules;
use super::settings::Settings;
use super::upstreams::Upstreams;
use super::{InjectCompressed, NotifySettings, Privacy, RespectGpc, Script, values};
use crate::model::Tracker;
use crate::model::exclude::Exclude;
use crate::model::glob::Glob;
use crate::model::goal::Wrong;
use crate::model::hosts::{EVERY_HOST, takes_every_host};
use crate::model::site::Site;
use std::collections::HashMap;
use std::str::FromStr;

/// Days that may be set: a hundred years.
const DAYS_MAX: usize = 36_500;

/// A site, what stands behind it, and how it is counted.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteConfig {
    pub site: Site,
    pub upstreams: Upstreams,
    pub rules: Rules,
    pub inject: bool,
    pub inject_compressed: InjectCompressed,
    pub exclude: Exclude,
    pub keep_query: Vec<String>,
    pub script: Script,
    pub privacy: Privacy,
    pub notify: NotifySettings,
    /// 0: for ever.
    pub retention_days: u32,
    /// 0: as long as their day.
    pub rows_days: u32,
}

impl SiteConfig {
    /// All sites; at least one.
    pub(super) fn all(settings: &Settings, forwards: bool) -> Result<Vec<Self>, ConfigError> {
        let each = settings.of_sites()?;
        let sites: Vec<Self> =
            each.iter().map(|own| Self::new(own, forwards)).collect::<Result<_, _>>()?;
        apart(&sites, &each)?;
        Ok(sites)
    }

    fn new(settings: &Settings, forwards: bool) -> Result<Self, ConfigError> {
        let get = |path| settings.get(path);
        Ok(Self {
            site: Site {
                name: get("site").read(values::site_name)?.into(),
                hosts: get("hosts").read_each(values::site_host)?,
                timezone: get("timezone").read(values::timezone)?,
                goals: get("goals").read_each(written)?,
                funnels: get("funnels").read_each(written)?,
                new_visit_on_source: get("new_visit_on_source").on(),
                currency: get("currency").read_optional(values::currency)?,
                event_apis: get("event_apis")
                    .read_each(|name| values::one_of(name, &Tracker::OTHERS))?,
            },
            upstreams: Upstreams::of_site(settings, forwards)?,
            rules: Rules::new(settings)?,
            inject: get("inject").on(),
            inject_compressed: get("inject_compressed").read(|text| {
                let words = [
                    ("recode", InjectCompressed::Recode),
                    ("identity", InjectCompressed::Identity),
                    ("off", InjectCompressed::Off),
                ];
                values::word(text, &words)
            })?,
            exclude: Exclude {
                pages: get("exclude.pages").read_each(values::page_pattern)?,
                hosts: get("exclude.hosts")
                    .read_each(|host| values::site_host(host).map(|host| Glob::new(&host)))?,
                countries: get("exclude.countries").read_each(values::country)?,
                addresses: get("exclude.addresses").read_each(values::network)?,
            },
            keep_query: get("keep_query").read_each(values::parameter)?,
            script: script(settings)?,
            privacy: Privacy {
                respect_gpc: get("privacy.respect_gpc").read(|text| {
                    let words = [
                        ("anonymous", RespectGpc::Anonymous),
                        ("count", RespectGpc::Count),
                        ("ignore", RespectGpc::Ignore),
                    ];
                    values::word(text, &words)
                })?,
                opt_out_path: get("privacy.opt_out_path").read_optional(values::url_path)?,
            },
            notify: NotifySettings::read(settings)?,
            retention_days: get("retention_days").number(0..=DAYS_MAX)? as u32,
            rows_days: get("rows_days").number(0..=DAYS_MAX)? as u32,
        })
    }
}

/// A goal or a funnel.
fn written<T: FromStr<Err = Wrong>>(line: &str) -> Result<T, String> {
    line.parse().map_err(|why: Wrong| why.to_string())
}

fn script(settings: &Settings) -> Result<Script, ConfigError> {
    let on = |name: &str| settings.get(&format!("script.{name}")).on();
    Ok(Script {
        path: settings.get("script.path").read(values::url_path)?,
        beacon_path: settings.get("script.beacon_path").read(values::url_path)?,
        history: on("history"),
        hash: on("hash"),
        engagement: on("engagement"),
        scroll: on("scroll"),
        outbound: on("outbound"),
        downloads: on("downloads"),
        forms: on("forms"),
        events: on("events"),
        clicks: on("clicks"),
        vitals: on("vitals"),
    })
}

/// Each has a name of its own, and a host leads to one.
fn apart(sites: &[SiteConfig], each: &[Settings]) -> Result<(), ConfigError> {
    let (mut names, mut hosts) = (HashMap::new(), HashMap::new());
    for (SiteConfig { site, .. }, settings) in sites.iter().zip(each) {
        if names.insert(&*site.name, ()).is_some() {
            return Err(settings.get("site").error("is the name of two sites"));
        }
        let every = takes_every_host(site).then_some(EVERY_HOST);
        let named = site.hosts.iter().map(String::as_str).filter(|host| *host != EVERY_HOST);
        for host in named.chain(every) {
            let Some(other) = hosts.insert(host, &site.name) else { continue };
            let why = match host {
                _ if *other == site.name => format!("has {host:?} twice"),
                EVERY_HOST => format!("takes every host, as {other} does already: one site may"),
                _ => format!("has {host:?}, which is a host of {other}"),
            };
            return Err(settings.get("hosts").error(why));
        }
    }
    Ok(())
}
