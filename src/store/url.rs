//! Store URLs as typed: judged without opening anything, shown without passwords.
//!
//! Apart so that the settings can be checked, and printed, before a file or a port is touched.

use super::servers::ServerAddresses;
use super::{RedisStore, Result, SqliteStore, StoreError, Upkeep};
use ::redis::{ConnectionInfo, RedisError};
use percent_encoding::percent_decode_str;
use std::borrow::Cow;
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

    /// Whether what is sent is encrypted.
    pub fn is_tls(&self) -> bool {
        self.typed.starts_with("rediss")
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
    Ok(match &url.target {
        Target::Sqlite(file) => Arc::new(SqliteStore::open(&data_dir.join(file))?),
        Target::Redis(named) => {
            let read = |file: &PathBuf| {
                std::fs::read(file).map_err(|e| StoreError::Refused {
                    store: url.shown.clone(),
                    reason: format!("{} cannot be read: {e}", file.display()),
                })
            };
            let ca = url.ca.as_ref().map(read).transpose()?;
            Arc::new(RedisStore::new(named.as_ref().clone(), url.shown.clone(), ca)?)
        }
    })
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
                Target::Redis(Box::new(redis(scheme, typed).map_err(|problem| bad(&problem))?))
            }
            _ => return Err(bad(UNKNOWN)),
        };
        Ok(Self { typed: typed.to_owned(), shown, target, ca: None })
    }
}

/// The part of a URL's query that has a password in it.
const SENTINEL_PASSWORD: &str = "sentinel_password";

const UNKNOWN: &str = "is none of `sqlite:FILE`, `redis://HOST`, `rediss://HOST`, \
                       `redis+cluster://HOST,HOST`, `redis+sentinel://HOST,HOST/MASTER`";

/// Reads a Redis URL; those of several servers have them behind one another, and all else once.
fn redis(scheme: &str, typed: &str) -> std::result::Result<ServerAddresses, String> {
    let (plain, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
    if kind.is_empty() && matches!(plain, "redis" | "rediss") {
        return info(typed).map(ServerAddresses::One);
    }
    if !matches!((plain, kind), ("redis" | "rediss", "cluster" | "sentinel")) {
        return Err(UNKNOWN.to_owned());
    }
    let rest = typed.split_once("://").map_or("", |(_, rest)| rest);
    let at = rest.rfind('@').map_or(0, |at| at + 1);
    let (user, rest) = rest.split_at(at);
    if user.contains(['/', '?', '#']) {
        return Err("has a password that is not escaped; write %40 for an @ in it".to_owned());
    }
    let (hosts, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if hosts.split(',').any(str::is_empty) {
        return Err("names a server without a name".to_owned());
    }
    if kind == "sentinel" {
        return sentinels(plain, user, hosts, tail);
    }
    let servers = hosts.split(',').map(|host| info(&format!("{plain}://{user}{host}{tail}")));
    let servers = servers.collect::<std::result::Result<Vec<_>, _>>()?;
    if servers.iter().any(|server| server.redis_settings().db() != 0) {
        return Err("a cluster has no databases but 0".to_owned());
    }
    Ok(ServerAddresses::Cluster(servers))
}

/// Sentinels listen elsewhere than servers do, and have users of their own and no databases.
fn sentinels(
    plain: &str,
    user: &str,
    hosts: &str,
    tail: &str,
) -> std::result::Result<ServerAddresses, String> {
    let tail = tail.strip_prefix('/').unwrap_or_default();
    let (name, tail) = tail.split_at(tail.find(['/', '?', '#']).unwrap_or(tail.len()));
    if name.is_empty() {
        return Err("names no primary; write `redis+sentinel://HOST,HOST/MASTER`".to_owned());
    }
    let (before, fragment) = tail.split_at(tail.find('#').unwrap_or(tail.len()));
    let query = before.split_once('?').map_or("", |(_, query)| query);
    let given = |name: &str| -> std::result::Result<Option<Cow<'_, str>>, String> {
        let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let text = value.map(|value| percent_decode_str(value).decode_utf8()).transpose();
        text.map_err(|_| format!("has a {name} that is not UTF-8"))
    };
    let (username, password) = (given("sentinel_username")?, given(SENTINEL_PASSWORD)?);
    let sentinel = |host: &str| {
        let has_port = host.trim_end_matches(|c: char| c.is_ascii_digit()).ends_with(':');
        let port = if has_port { "" } else { ":26379" };
        let info = info(&format!("{plain}://{host}{port}{fragment}"))?;
        let mut settings = info.redis_settings().clone();
        if let Some(username) = &username {
            settings = settings.set_username(username);
        }
        if let Some(password) = &password {
            settings = settings.set_password(password);
        }
        Ok(info.set_redis_settings(settings))
    };
    let sentinels = hosts.split(',').map(sentinel).collect::<std::result::Result<_, String>>()?;
    let primary = info(&format!("{plain}://{user}127.0.0.1{tail}"))?;
    Ok(ServerAddresses::Sentinels(sentinels, name.to_owned(), primary))
}

fn info(url: &str) -> std::result::Result<ConnectionInfo, String> {
    url.parse().map_err(|e: RedisError| e.to_string())
}

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
    use ::redis::ConnectionAddr;

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
    fn servers_and_sentinels_have_passwords_of_their_own() {
        for (typed, expected) in [
            ("redis+sentinel://me:secret@a,b/main", (None, None)),
            ("redis+sentinel://a,b/main?sentinel_password=s%20e%26c+", (None, Some("s e&c+"))),
            (
                "rediss+sentinel://me:secret@a,b/main/3?sentinel_username=we&protocol=resp3\
                 &sentinel_password=sesame#insecure",
                (Some("we"), Some("sesame")),
            ),
        ] {
            let Target::Redis(named) = typed.parse::<StoreUrl>().unwrap().target else { panic!() };
            let ServerAddresses::Sentinels(sentinels, _, primary) = *named else {
                panic!("{typed}")
            };
            let who = |info: &ConnectionInfo| {
                let settings = info.redis_settings();
                [settings.username(), settings.password()].map(|text| text.map(str::to_owned))
            };
            assert_eq!(sentinels.len(), typed.matches(',').count() + 1);
            for sentinel in &sentinels {
                let insecure = |info: &ConnectionInfo| {
                    matches!(info.addr(), ConnectionAddr::TcpTls { insecure: true, .. })
                };
                assert_eq!(insecure(sentinel), insecure(&primary), "{typed}");
                assert_eq!(who(sentinel), [expected.0, expected.1].map(|t| t.map(str::to_owned)));
            }
            let named = typed.contains("me:secret@").then_some(["me", "secret"]);
            assert_eq!(who(&primary), named.map_or([None, None], |n| n.map(|t| Some(t.into()))));
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
