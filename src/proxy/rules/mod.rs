//! What holds for single paths of a site, before any upstream is asked: redirects, who may see
//! what, and changes to header fields.
//!
//! A site without such rules pays one look for all of them.

mod passwords;
mod path;

pub use path::{is_under, plain, readings};

use crate::config;
use crate::config::{Field, Redirect};
use crate::host;
use anyhow::Context;
use http::HeaderMap;
use ipnet::IpNet;
use passwords::{Passwords, Verdict};
use percent_encoding::{AsciiSet, CONTROLS, percent_encode};
use pingora::Result;
use pingora::http::{RequestHeader, ResponseHeader};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

/// What is encoded of a path that had to be decoded.
const ENCODED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'\\')
    .add(b'`')
    .add(b'{')
    .add(b'}');

/// The rules of a site, as they are set at one time.
pub struct Rules {
    rules: config::Rules,
    /// By path.
    passwords: Vec<(String, Passwords)>,
}

/// What a request is answered with instead of the website's answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Instead {
    Moved(u16, String),
    Malformed,
    Forbidden,
    /// Name and password are asked for.
    Unknown,
    /// Too many are working on that.
    Busy,
    TooLarge,
}

impl Rules {
    /// # Errors
    /// A file of people that cannot be read.
    pub fn new(rules: &config::Rules) -> anyhow::Result<Self> {
        let mut paths: Vec<&str> = rules.passwords.iter().map(|(path, _)| path.as_str()).collect();
        paths.sort_unstable();
        paths.dedup();
        let passwords = paths.into_iter().map(|path| {
            let files = rules.passwords.iter().filter(|(of, _)| of == path);
            let files: Vec<&Path> = files.map(|(_, file)| file.as_path()).collect();
            let passwords = Passwords::read(&files).context("paths.passwords")?;
            Ok((path.to_owned(), passwords))
        });
        Ok(Self { passwords: passwords.collect::<anyhow::Result<_>>()?, rules: rules.clone() })
    }

    /// The host to send somebody to who came by this one.
    pub fn canonical(&self, authority: &str) -> Option<&str> {
        let canonical = self.rules.canonical_host.as_deref()?;
        let came_by = host::plain(authority);
        (came_by != canonical && host::is_same(&came_by, canonical)).then_some(canonical)
    }

    /// Where a path has moved; `query` as it was sent.
    pub fn moved(&self, path: &str, query: Option<&str>) -> Option<Instead> {
        if self.rules.redirects.is_empty() {
            return None;
        }
        // As routes read it, or `/blog/../admin` would be sent where `/blog/*` is.
        let plain = plain(path);
        let fits = |redirect: &&Redirect| match redirect.open {
            true => plain.starts_with(redirect.from.as_bytes()),
            false => *plain == *redirect.from.as_bytes(),
        };
        let Redirect { from, to, status, .. } = self.rules.redirects.iter().find(fits)?;
        let mut location = match (to.strip_suffix('*'), path.strip_prefix(from.as_str())) {
            (Some(start), Some(rest)) => format!("{start}{rest}"),
            (Some(start), None) => {
                format!("{start}{}", percent_encode(&plain[from.len()..], ENCODED))
            }
            (None, _) => to.clone(),
        };
        if location.starts_with('/') {
            // `//host` would be another website.
            let path = location.trim_start_matches(['/', '\\']);
            location = format!("/{path}");
        }
        if let Some(query) = query.filter(|_| !location.contains('?')) {
            location = format!("{location}?{query}");
        }
        Some(Instead::Moved(*status, location))
    }

    /// Whether somebody may not see what is at a path, in one of its readings, as told by the
    /// address.
    pub fn forbids(&self, readings: &[Cow<'_, [u8]>], address: IpAddr) -> bool {
        readings.iter().any(|path| self.forbids_one(path, address))
    }

    fn forbids_one(&self, path: &[u8], address: IpAddr) -> bool {
        let contains = |(_, network): &&(String, IpNet)| network.contains(&address);
        let mut denied = self.rules.deny.iter().filter(|(rule, _)| is_under(path, rule));
        if denied.any(|rule| contains(&rule)) {
            return true;
        }
        let mut allowed =
            self.rules.allow.iter().filter(|(rule, _)| is_under(path, rule)).peekable();
        allowed.peek().is_some() && !allowed.any(|rule| contains(&rule))
    }

    /// Whether addresses matter at all.
    pub fn has_addresses(&self) -> bool {
        !self.rules.allow.is_empty() || !self.rules.deny.is_empty()
    }

    /// Whether it matters who somebody is.
    pub fn protects(&self) -> bool {
        self.has_addresses() || !self.passwords.is_empty()
    }

    /// The same as told by name and password: of each reading the longest path that has any asks.
    pub async fn asks_who(
        &self,
        readings: &[Cow<'_, [u8]>],
        headers: &HeaderMap,
    ) -> Option<Instead> {
        let asks = |path: &Cow<'_, [u8]>| {
            let rules = self.passwords.iter().enumerate();
            let under = rules.filter(|(_, (rule, _))| is_under(path, rule));
            under.max_by_key(|(_, (rule, _))| rule.len()).map(|(nth, _)| nth)
        };
        let asking: BTreeSet<usize> = readings.iter().filter_map(asks).collect();
        for nth in asking {
            let Some(authorization) = headers.get(http::header::AUTHORIZATION) else {
                return Some(Instead::Unknown);
            };
            match self.passwords[nth].1.judge(authorization.as_bytes()).await {
                Verdict::Known => {}
                Verdict::Unknown => return Some(Instead::Unknown),
                Verdict::Busy => return Some(Instead::Busy),
            }
        }
        None
    }

    /// Bytes of a request's body, at most.
    pub fn request_body(&self) -> Option<u64> {
        self.rules.request_body.map(|bytes| bytes as u64)
    }

    pub fn change_request(&self, request: &mut RequestHeader) -> Result<()> {
        for field in &self.rules.request_fields {
            match field {
                Field::Set(name, value) => request.insert_header(name, value)?,
                Field::Add(name, value) => drop(request.append_header(name, value)?),
                Field::Remove(name) => drop(request.remove_header(name)),
            }
        }
        Ok(())
    }

    pub fn change_response(&self, response: &mut ResponseHeader) -> Result<()> {
        for field in &self.rules.response_fields {
            match field {
                Field::Set(name, value) => response.insert_header(name, value)?,
                Field::Add(name, value) => drop(response.append_header(name, value)?),
                Field::Remove(name) => drop(response.remove_header(name)),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Settings};

    fn rules(toml: &str) -> Rules {
        let mut settings = Settings::defaults();
        settings.toml("test", &format!("upstream = 'http://h'\n{toml}")).unwrap();
        Rules::new(&Config::for_run(&settings).unwrap().sites[0].rules).unwrap()
    }

    #[test]
    fn paths_that_moved() {
        let rules = rules(
            "paths.redirects = ['/old = /new', '/a/* = /b/* 301', '/all/* = /one?x=y 302',\
             '/blog/* = https://blog.example.org/*', '/root/* = /*']",
        );
        let moved = |path, query| match rules.moved(path, query) {
            Some(Instead::Moved(status, to)) => format!("{status} {to}"),
            other => format!("{other:?}"),
        };
        assert_eq!(moved("/old", None), "308 /new");
        assert_eq!(moved("/old", Some("a=b")), "308 /new?a=b");
        assert_eq!(moved("/old/x", None), "None");
        assert_eq!(moved("/a/b/c", Some("d")), "301 /b/b/c?d");
        assert_eq!(moved("/all/x", Some("d")), "302 /one?x=y");
        assert_eq!(moved("/blog/1", None), "308 https://blog.example.org/1");
        // No way to another website.
        assert_eq!(moved("/root//evil.example", None), "308 /evil.example");
        assert_eq!(moved("/root/\\evil.example", None), "308 /evil.example");
        assert_eq!(moved("/%72oot/%2fevil.example", None), "308 /evil.example");
        // A path has one reading, the same as for routes.
        for old in ["/%6fld", "//old", "/./old", "/x/../old", "/%2e/old", "/x/%2e%2e/old"] {
            assert_eq!(moved(old, None), "308 /new", "{old}");
        }
        assert_eq!(moved("/a/../b", None), "None");
        assert_eq!(moved("/x/../a/b%2Fc%20d?", None), "301 /b/b/c%20d%3F");
        assert_eq!(moved("/a/b%2Fc%20d", None), "301 /b/b%2Fc%20d");
        assert_eq!(moved("/Old", None), "None", "letters have their case");
    }

    #[test]
    fn addresses() {
        let rules = rules(
            "paths.deny = ['/ = 203.0.113.0/24']\n\
             paths.allow = ['/admin/ = 10.0.0.0/8', '/admin/ = ::1', '/admin/x = 10.9.0.0/16']",
        );
        let may =
            |path: &str, address: &str| !rules.forbids(&readings(path), address.parse().unwrap());
        assert!(may("/", "192.0.2.1") && !may("/", "203.0.113.9"));
        assert!(
            may("/admin/", "10.1.2.3") && may("/admin/", "::1") && !may("/admin/", "192.0.2.1")
        );
        assert!(!may("/admin/", "203.0.113.9"));
    }

    #[test]
    fn hosts_that_have_a_twin() {
        let rules = rules("canonical_host = 'www.example.org'");
        assert_eq!(rules.canonical("Example.org:8080"), Some("www.example.org"));
        for other in ["www.example.org", "www.example.org:80", "a.example.org", "127.0.0.1"] {
            assert_eq!(rules.canonical(other), None, "{other}");
        }
    }
}
