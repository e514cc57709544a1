//! Which site a host belongs to: the one that names it, else the one with the nearest wildcard
//! above it (`*.example.org`), else the one that takes every other host.

use super::site::Site;
use crate::host;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::iter::successors;

/// In a site's hosts: all that are no other site's.
pub const EVERY_HOST: &str = "*";

/// Whether a site takes the hosts that are no other's.
pub fn takes_every_host(site: &Site) -> bool {
    site.hosts.is_empty() || site.hosts.iter().any(|host| host == EVERY_HOST)
}

/// Whether a host, in the form they are compared in, is one that a site names; `www.` is set aside.
/// It tells a site's own links from others'.
pub fn is_own(site: &Site, other: &str) -> bool {
    site.hosts.iter().any(|own| match own.strip_prefix('*') {
        Some(above) => above.starts_with('.') && other.ends_with(above),
        None => host::is_same(own, other),
    })
}

/// Sites by host.
#[derive(Debug, Default)]
pub struct Hosts {
    exact: HashMap<String, usize, RandomState>,
    /// Of `*.example.org`, by `example.org`.
    below: HashMap<String, usize, RandomState>,
    every: Option<usize>,
}

impl Hosts {
    /// Of each site, by its place; whichever is first has a host that two name.
    pub fn new<'a>(sites: impl IntoIterator<Item = &'a Site>) -> Self {
        let mut hosts = Self::default();
        for (place, site) in sites.into_iter().enumerate() {
            if takes_every_host(site) {
                hosts.every.get_or_insert(place);
            }
            for host in site.hosts.iter().filter(|host| *host != EVERY_HOST) {
                let (map, name) = match host.strip_prefix("*.") {
                    Some(above) => (&mut hosts.below, above),
                    None => (&mut hosts.exact, host.as_str()),
                };
                map.entry(name.to_owned()).or_insert(place);
            }
        }
        hosts
    }

    /// The site that takes every host, if there is no other: then none need be read.
    pub fn only(&self) -> Option<usize> {
        self.every.filter(|_| self.exact.is_empty() && self.below.is_empty())
    }

    /// The site of a host, in the form they are compared in.
    pub fn find(&self, host: &str) -> Option<usize> {
        self.named(host).or(self.every)
    }

    /// The same of a host that a site names.
    pub fn named(&self, host: &str) -> Option<usize> {
        let above = successors(host.split_once('.'), |(_, above)| above.split_once('.'));
        let below = || above.map(|(_, above)| above).find_map(|above| self.below.get(above));
        self.exact.get(host).or_else(below).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(hosts: &[&str]) -> Site {
        Site { hosts: hosts.iter().map(|host| (*host).to_owned()).collect(), ..Site::default() }
    }

    #[test]
    fn a_host_leads_to_the_nearest() {
        let sites = [
            site(&["example.org", "*.example.org"]),
            site(&["shop.example.org"]),
            site(&["*.shop.example.org", "[::1]"]),
            site(&["other.example", "*"]),
        ];
        let hosts = Hosts::new(&sites);
        for (host, place) in [
            ("example.org", 0),
            ("www.example.org", 0),
            ("a.b.example.org", 0),
            ("shop.example.org", 1),
            ("a.shop.example.org", 2),
            ("[::1]", 2),
            ("other.example", 3),
            ("notexample.org", 3),
            ("org", 3),
            ("", 3),
        ] {
            assert_eq!(hosts.find(host), Some(place), "{host}");
        }
        let hosts = Hosts::new(&sites[..3]);
        for host in ["other.example", "notexample.org", ".example.orgx", "", "*"] {
            assert_eq!(hosts.find(host), None, "{host}");
        }
        assert_eq!((hosts.only(), Hosts::new(&[site(&[])]).only()), (None, Some(0)));
    }

    #[test]
    fn links_within_a_site_are_its_own() {
        let site = site(&["example.org", "*.shop.example", "*"]);
        for own in ["example.org", "www.example.org", "a.shop.example"] {
            assert!(is_own(&site, own), "{own}");
        }
        for other in ["shop.example", "notexample.org", "a.example.org", ""] {
            assert!(!is_own(&site, other), "{other}");
        }
    }
}
