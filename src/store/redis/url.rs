//! URLs of one Redis server, or of several: who is to be asked, and as whom.

use super::servers::ServerAddresses;
use crate::store::url::UNKNOWN;
use percent_encoding::percent_decode_str;
use redis::{ConnectionInfo, RedisError};
use std::borrow::Cow;

/// The part of a URL's query that has a password in it.
const SENTINEL_PASSWORD: &str = "sentinel_password";

/// Reads a Redis URL; those of several servers have them behind one another, and all else once.
pub fn addresses(scheme: &str, typed: &str) -> Result<ServerAddresses, String> {
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
    let servers = servers.collect::<Result<Vec<_>, _>>()?;
    if servers.iter().any(|server| server.redis_settings().db() != 0) {
        return Err("a cluster has no databases but 0".to_owned());
    }
    Ok(ServerAddresses::Cluster(servers))
}

/// Sentinels listen elsewhere than servers do, and have users of their own and no databases.
fn sentinels(plain: &str, user: &str, hosts: &str, tail: &str) -> Result<ServerAddresses, String> {
    let tail = tail.strip_prefix('/').unwrap_or_default();
    let (name, tail) = tail.split_at(tail.find(['/', '?', '#']).unwrap_or(tail.len()));
    if name.is_empty() {
        return Err("names no primary; write `redis+sentinel://HOST,HOST/MASTER`".to_owned());
    }
    let (before, fragment) = tail.split_at(tail.find('#').unwrap_or(tail.len()));
    let query = before.split_once('?').map_or("", |(_, query)| query);
    let given = |name: &str| -> Result<Option<Cow<'_, str>>, String> {
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
    let sentinels = hosts.split(',').map(sentinel).collect::<Result<_, String>>()?;
    let primary = info(&format!("{plain}://{user}127.0.0.1{tail}"))?;
    Ok(ServerAddresses::Sentinels(sentinels, name.to_owned(), primary))
}

fn info(url: &str) -> Result<ConnectionInfo, String> {
    url.parse().map_err(|e: RedisError| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use redis::ConnectionAddr;

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
            let scheme = typed.split_once(':').unwrap().0;
            let Ok(ServerAddresses::Sentinels(sentinels, _, primary)) = addresses(scheme, typed)
            else {
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
}
