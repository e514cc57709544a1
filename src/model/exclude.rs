//! What a site does not count, though it is forwarded: the settings say so.

use super::glob::Glob;
use ipnet::IpNet;

/// What is left out; nothing where all are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exclude {
    /// Of pages' names.
    pub pages: Vec<Glob>,
    /// Of hosts in the form in which they are compared.
    pub hosts: Vec<Glob>,
    /// ISO 3166-1 alpha-2, upper case.
    pub countries: Vec<String>,
    pub addresses: Vec<IpNet>,
}

impl Exclude {
    /// Whether a page is left out, by its name; what follows a `#` is no part of it.
    pub fn has_page(&self, page: &str) -> bool {
        let page = page.split('#').next().unwrap_or_default();
        self.pages.iter().any(|pages| pages.matches(page))
    }

    pub fn has_host(&self, host: &str) -> bool {
        self.hosts.iter().any(|hosts| hosts.matches(host))
    }

    /// Whether it matters who the visitor is.
    pub fn has_visitors(&self) -> bool {
        !self.countries.is_empty() || !self.addresses.is_empty()
    }
}
