//! Store URLs as typed: judged without opening anything, shown without passwords.
//!
//! Apart so that the settings can be checked, and printed, before a file or a port is touched.

use super::redis::{self, ServerAddresses};
use super::{Result, StoreError, Upkeep, sqlite};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

/// Where counts are to be kept. One that exists names a store we can open.
#[derive(Clone)]
pub struct StoreUrl {
    typed: String,
    /// As typed, without a password.
    shown: String,
    target: Target,
    /// Certificates to trust instead of the system's.
    ca: Option<PathBuf>,
}

#[derive(Clone)]
enum Target {
    Sqlite(PathBuf),
    Redis(Box<ServerAddresses>),
}

/// One line that names the URL and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("store `{url}`: {problem}")]
pub struct BadStoreUrl {
    url: String,
    problem: String,
}

impl BadStoreUrl {
    /// What is wrong, without the URL.
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

impl StoreUrl {
    /// Trusts the certificates in a file (PEM) instead of the system's.
    pub fn trusting(self, ca: Option<PathBuf>) -> Self {
        Self { ca, ..self }
    }

    /// Trusts what another store's URL trusts.
    #[must_use]
    pub fn trusting_as(self, other: &Self) -> Self {
        self.trusting(other.ca.clone())
    }

    /// Whether several nodes can use it at once.
    pub fn is_shared(&self) -> bool {
        matches!(self.target, Target::Redis(_))
    }
}

/// Opens a store. A relative SQLite file lies in `data_dir`.
///
/// # Errors
/// A SQLite file that cannot be used. A Redis that cannot be reached is no error: it is connected
/// to when first asked, and tried again at every call. Needs no runtime.
pub fn open(url: &StoreUrl, data_dir: &Path) -> Result<Arc<dyn Upkeep>> {
    match &url.target {
        Target::Sqlite(file) => sqlite::open(&data_dir.join(file)),
        Target::Redis(named) => {
            let read = |file: &PathBuf| {
                std::fs::read(file).map_err(|e| StoreError::Refused {
                    store: url.shown.clone(),
                    reason: format!("{} cannot be read: {e}", file.display()),
                })
            };
            let ca = url.ca.as_ref().map(read).transpose()?;
            redis::open(named, url.shown.clone(), ca)
        }
    }
}

impl PartialEq for StoreUrl {
    fn eq(&self, other: &Self) -> bool {
        (&self.typed, &self.ca) == (&other.typed, &other.ca)
    }
}

impl FromStr for StoreUrl {
    type Err = BadStoreUrl;

    fn from_str(typed: &str) -> std::result::Result<Self, BadStoreUrl> {
        let shown = without_password(typed);
        let bad = |problem: &str| BadStoreUrl { url: shown.clone(), problem: problem.to_owned() };
        // The URL parser would drop them in silence.
        if typed.contains(char::is_control) {
            return Err(bad("has a line break or another control character in it"));
        }
        let target = match typed.split_once(':') {
            Some(("sqlite", file)) => match file.strip_prefix("//").unwrap_or(file) {
                "" => return Err(bad("names no file; write `sqlite:headcount.db`")),
                ":memory:" => return Err(bad("has to be a file: counts are there to stay")),
                file => Target::Sqlite(file.into()),
            },
            Some((scheme, _)) if scheme.starts_with("redis") => {
                Target::Redis(Box::new(redis::addresses(scheme, typed).map_err(|why| bad(&why))?))
            }
            _ => return Err(bad(UNKNOWN)),
        };
        Ok(Self { typed: typed.to_owned(), shown, target, ca: None })
    }
}

/// What is wrong with any other URL.
pub(super) const UNKNOWN: &str = "is none of `sqlite:FILE`, `redis://HOST`, `rediss://HOST`, \
                       `redis+cluster://HOST,HOST`, `redis+sentinel://HOST,HOST/MASTER`";

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
}

/// The URL in one line without its password. Works on text, because a URL may be bad just because
/// its password was not escaped: all that comes before the last `@` is taken for credentials.
fn without_password(typed: &str) -> String {
    let typed = &hide_passwords(typed);
    let shown = match (typed.split_once("://"), typed.rsplit_once('@')) {
        (Some((scheme, rest)), Some((_, place))) if rest.contains('@') => {
            let user = rest.split([':', '@']).next().unwrap_or_default();
            let at = if user.is_empty() { "" } else { "@" };
            format!("{scheme}://{user}{at}{place}")
        }
        (None, Some((_, place))) => format!("(hidden)@{place}"),
        _ => typed.to_owned(),
    };
    shown.escape_debug().to_string()
}

/// The text with the password in a URL's query hidden, and all that follows: it may not be escaped.
pub fn hide_passwords(typed: &str) -> String {
    let query = typed.find('?').unwrap_or(typed.len());
    let password = typed[query..].find("pass").map(|at| query + at);
    match password {
        Some(at) => {
            let value = typed[at..].find('=').map_or(at, |equals| at + equals + 1);
            format!("{}(hidden)", &typed[..value])
        }
        None => typed.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_urls_are_shown_without_password() {
        for (typed, shown) in [
            ("sqlite:headcount.db", "sqlite:headcount.db"),
            ("sqlite:///var/lib/headcount/a.db", "sqlite:///var/lib/headcount/a.db"),
            ("redis://127.0.0.1", "redis://127.0.0.1"),
            ("redis://[::1]:6380/3", "redis://[::1]:6380/3"),
            ("redis://:secret@db.example/1", "redis://db.example/1"),
            ("rediss://me:sec%40ret@db.example:6380", "rediss://me@db.example:6380"),
            (
                "redis+cluster://me:secret@a,b:7001,[::1]:7002",
                "redis+cluster://me@a,b:7001,[::1]:7002",
            ),
            ("rediss+cluster://a/0", "rediss+cluster://a/0"),
            (
                "redis+sentinel://:secret@a,[::1],b:5000/main/3",
                "redis+sentinel://a,[::1],b:5000/main/3",
            ),
            (
                "rediss+sentinel://me:secret@a/main/3?sentinel_username=we&sentinel_password=se%26cret",
                "rediss+sentinel://me@a/main/3?sentinel_username=we&sentinel_password=(hidden)",
            ),
        ] {
            let url: StoreUrl = typed.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?}").contains("ret"));
        }
    }

    #[test]
    fn bad_urls_are_named_in_one_line_without_password() {
        for (typed, named) in [
            ("", "``"),
            ("headcount.db", "`headcount.db`"),
            ("postgres://me:secret@db/x", "`postgres://me@db/x`"),
            ("sqlite:", "`sqlite:`"),
            ("sqlite::memory:", "`sqlite::memory:`"),
            ("redis://", "`redis://`"),
            ("redis://me:secret@db:99999", "`redis://me@db:99999`"),
            ("redis://me:sec/r@et@db:6379/0", "`redis://me@db:6379/0`"),
            ("redis://db/not-a-number", "`redis://db/not-a-number`"),
            ("redis+cluster://me:secret@db/3", "`redis+cluster://me@db/3`"),
            ("redis+cluster://a,,b", "`redis+cluster://a,,b`"),
            ("redis+sentinel://me:secret@a,b", "`redis+sentinel://me@a,b`"),
            ("redis+sentinel://a,b:99999/main", "`redis+sentinel://a,b:99999/main`"),
            (
                "redis+sentinel://a/?sentinel_password=s@ec/r?et",
                "`redis+sentinel://a/?sentinel_password=(hidden)`",
            ),
            ("redis:me:secret@db", "`(hidden)@db`"),
            ("redis+unix:///s?db=1&pass=secret", "`redis+unix:///s?db=1&pass=(hidden)`"),
            ("redis+pigeon://a", "`redis+pigeon://a`"),
            ("redis://a\nb", r"`redis://a\nb`"),
        ] {
            let line = typed.parse::<StoreUrl>().unwrap_err().to_string();
            assert!(line.contains(named), "{line}");
            assert!(!line.contains('\n') && !line.contains("sec"), "{line}");
        }
    }
}
