//! The websites behind the proxy, and which of them a request is for: its host says so.

use super::website::{Prepared, Website};
use crate::config::Config;
use crate::host;
use crate::model::hosts::Hosts;
use crate::supervise::Tasks;
use crate::telemetry::Telemetry;
use futures_util::future::{join_all, try_join_all};
use pingora::connectors::ConnectorOptions;
use pingora::http::RequestHeader;
use std::sync::Arc;

/// At least one.
pub struct Websites {
    all: Vec<Of>,
    /// `None`: there is one, which gets all requests.
    hosts: Option<Hosts>,
}

/// The website of a site.
struct Of {
    site: Arc<str>,
    website: Website,
}

/// Why a request is for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForNone {
    /// It names several hosts.
    Unclear,
    /// No site has its host.
    Unknown,
}

impl Websites {
    /// Know no address until [`Websites::resolve`].
    ///
    /// # Errors
    /// As of [`Website::new`].
    pub fn new(
        config: &Config,
        connector: &ConnectorOptions,
        telemetry: &Arc<Telemetry>,
    ) -> anyhow::Result<Self> {
        let of = |own: &crate::config::SiteConfig| {
            let (connector, telemetry) = (connector.clone(), telemetry.clone());
            let website = Website::new(own, &config.timeouts, connector, telemetry)?;
            Ok(Of { site: own.site.name.clone(), website })
        };
        let all = config.sites.iter().map(of).collect::<anyhow::Result<_>>()?;
        let hosts = config.lists_sites.then(|| Hosts::new(config.sites.iter().map(|s| &s.site)));
        Ok(Self { all, hosts })
    }

    /// The place of the website that a request is for. What counts asks the same way, of the same
    /// host.
    ///
    /// # Errors
    /// Its host is no site's.
    pub fn find(&self, request: &RequestHeader) -> Result<usize, ForNone> {
        let Some(hosts) = &self.hosts else { return Ok(0) };
        // The website must not take it for another's.
        if !host::is_clear(&request.headers, &request.uri) {
            return Err(ForNone::Unclear);
        }
        let host = host::of(&request.headers, &request.uri).unwrap_or_default();
        hosts.find(&host).ok_or(ForNone::Unknown)
    }

    pub fn get(&self, place: usize) -> &Website {
        &self.all[place].website
    }

    /// What is to be in force from [`Websites::change`] on, for each site that is known.
    ///
    /// # Errors
    /// As of [`Website::prepare`].
    pub async fn prepare(&self, config: &Config) -> anyhow::Result<Vec<(usize, Prepared)>> {
        let known = self.all.iter().enumerate().filter_map(|(place, of)| {
            let own = config.sites.iter().find(|own| own.site.name == of.site)?;
            Some(async move { of.website.prepare(own).await.map(|new| (place, new)) })
        });
        try_join_all(known).await
    }

    /// Do as was prepared.
    pub fn change(&self, prepared: Vec<(usize, Prepared)>) {
        prepared.into_iter().for_each(|(place, new)| self.get(place).change(new));
    }

    /// Looks all names up once. Those without an address are logged.
    pub async fn resolve(&self) {
        join_all(self.all.iter().map(|of| of.website.resolve())).await;
    }

    /// Keeps addresses fresh, for ever.
    pub async fn keep_resolved(&self, tasks: &Tasks) {
        join_all(self.all.iter().map(|of| of.website.keep_resolved(tasks))).await;
    }

    /// Asks all upstreams whether they work, for ever.
    pub async fn keep_checked(&self, tasks: &Tasks) {
        join_all(self.all.iter().map(|of| of.website.keep_checked(tasks))).await;
    }
}
