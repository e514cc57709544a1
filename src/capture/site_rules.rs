//! What a site's settings make of a request: what its page is called, and whether it counts at all.
//!
//! Apart from the hooks of a proxy, for a line of a log is read by the same rules.

use crate::model::exclude::Exclude;
use crate::model::site::Site;
use crate::model::{hosts, rollup};
use crate::{host, page_name};
use ipnet::IpNet;
use std::borrow::Cow;
use std::sync::Arc;

/// A site, and what of its settings requests are read by.
#[derive(Clone, Copy)]
pub struct SiteRules<'s> {
    pub site: &'s Site,
    /// Parameters of a query that tell pages apart; all others are dropped.
    pub keep_query: &'s [String],
    pub exclude: &'s Exclude,
    /// Bytes of a path, a name …; longer ones count as `(other)`.
    pub value_length: usize,
}

impl SiteRules<'_> {
    /// The page a path names, with what of its query tells pages apart.
    pub fn page(&self, path: &str, query: Option<&str>) -> Arc<str> {
        let keep = self.keep_query;
        let (Some(query), false) = (query, keep.is_empty()) else { return self.named(path) };
        let kept = page_name::kept(query, keep);
        if kept.is_empty() {
            return self.named(path);
        }
        let path = page_name::plain(path);
        let (path, fragment) = path.split_at(path.find('#').unwrap_or(path.len()));
        self.bounded(&format!("{path}?{kept}{fragment}"))
    }

    /// What a path names, in the one form there is of it.
    pub fn named(&self, path: &str) -> Arc<str> {
        self.bounded(&page_name::plain(path))
    }

    /// Where a broken link was: host and path, or the path on the site itself.
    pub fn link_from(&self, referrer: Option<&str>, host: Option<&str>) -> Option<Arc<str>> {
        let (_, rest) = referrer?.split_once("://")?;
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        // What stands before an @ is nobody's business.
        let authority = authority.rsplit('@').next().unwrap_or_default();
        let from = host::plain(authority);
        let own =
            host.is_some_and(|own| host::is_same(own, &from)) || hosts::is_own(self.site, &from);
        let path = page_name::plain(path);
        Some(if own { self.bounded(&path) } else { self.bounded(&format!("{from}{path}")) })
    }

    /// Whether the site does not want a request counted; `is_among`: whether the visitor is in one
    /// of these networks or countries.
    pub fn excludes<'h>(
        &self,
        path: &str,
        host: impl FnOnce() -> Option<Cow<'h, str>>,
        is_among: impl FnOnce(&[IpNet], &[String]) -> bool,
    ) -> bool {
        let exclude = self.exclude;
        if *exclude == Exclude::default() {
            return false;
        }
        exclude.has_page(&page_name::plain(path))
            || host().is_some_and(|host| exclude.has_host(&host))
            || exclude.has_visitors() && is_among(&exclude.addresses, &exclude.countries)
    }

    fn bounded(&self, value: &str) -> Arc<str> {
        rollup::clean(value, self.value_length).into()
    }
}
