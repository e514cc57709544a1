//! Keys of a Redis store that are not what this version writes: of another type, or of the first
//! layout, whose keys had no tag. They are moved aside and read in; nothing is ever deleted.
//!
//! A key moves to `legacy:` and its old name, in the slot it was in: a key without a tag becomes
//! the tag. What was moved in an earlier run is found again, so that a run that was stopped goes
//! on.

use super::upkeep::{STAGING_SECONDS, own_staging};
use super::{RedisStore, keys};
use crate::model::site::{Day, Month};
use crate::store::{Holds, Legacy, Misfit, OldKeys, Result, StoreError};
use ::redis::cmd;
use async_trait::async_trait;

/// Members or fields read at a time.
const CHUNK: usize = 1_000;

/// A key by its name: what is kept there, and the tag it carries, if it has one.
struct Name<'a> {
    kind: &'a str,
    /// What stands behind the kind: a tag without its braces, a date, or nothing.
    rest: &'a str,
    tagged: bool,
}

impl<'a> Name<'a> {
    fn parse(key: &'a str) -> Option<Self> {
        const KINDS: [&str; 9] = [
            "visits:daily",
            "visits:monthly",
            "visits:events",
            "visits:others",
            "visits:pages",
            "visits:salt",
            "unique:visits",
            "unique:confirmed",
            "sessions",
        ];
        let kind = KINDS.into_iter().find(|kind| {
            key.strip_prefix(kind).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        })?;
        let rest = key[kind.len()..].trim_start_matches(':');
        let tag = rest.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        Some(Self { kind, rest: tag.unwrap_or(rest), tagged: tag.is_some() })
    }

    /// Whether it is a key of this site, or one from before sites had names.
    fn is_of(&self, site: &str) -> bool {
        !self.tagged || self.period(site).is_some()
    }

    /// The day or month of a tagged key.
    fn period(&self, site: &str) -> Option<&'a str> {
        let period = self.rest.strip_prefix(site)?.strip_prefix(':')?;
        let known = period.parse::<Day>().is_ok() || period.parse::<Month>().is_ok();
        known.then_some(period)
    }

    /// The type Redis should say, `hyperloglog` for a string that is one.
    fn expected(&self) -> &'static str {
        match self.kind {
            "visits:daily" | "visits:monthly" | "visits:pages" | "sessions" => "hash",
            "visits:events" | "visits:others" => "list",
            "visits:salt" => "string",
            _ => "hyperloglog",
        }
    }

    fn holds(&self, site: &str) -> Holds {
        let period = if self.tagged { self.period(site) } else { Some(self.rest) };
        let day: Option<Day> = period.and_then(|period| period.parse().ok());
        match (self.kind, day) {
            ("visits:pages", _) => Holds::Pages,
            ("visits:daily", Some(day)) if self.tagged => Holds::Unreadable(day),
            ("visits:daily", Some(day)) => Holds::Counts(day),
            ("unique:visits", Some(day)) => Holds::Visitors(day, false),
            ("unique:confirmed", Some(day)) => Holds::Visitors(day, true),
            _ => Holds::Other,
        }
    }
}

/// Where a key is moved: `attempt` counts the names that were taken.
fn aside(key: &str, attempt: usize) -> String {
    let more = if attempt == 0 { String::new() } else { format!("{attempt}:") };
    if key.contains('{') {
        format!("legacy:{more}{key}")
    } else {
        format!("legacy:{more}{{{key}}}")
    }
}

/// The name a key had before it was moved aside.
fn original(aside: &str) -> Option<&str> {
    let rest = aside.strip_prefix("legacy:")?;
    let rest = match rest.split_once(':') {
        Some((n, rest)) if n.parse::<usize>().is_ok() => rest,
        _ => rest,
    };
    Some(rest.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(rest))
}

#[async_trait]
impl OldKeys for RedisStore {
    async fn misfits(&self, site: &str) -> Result<Vec<Misfit>> {
        let mut keys = Vec::new();
        for pattern in ["visits:*", "unique:*", "sessions:*"] {
            self.scan(pattern, |key| keys.push(key.to_owned())).await?;
        }
        keys.sort_unstable();
        keys.dedup();
        keys.retain(|key| Name::parse(key).is_some_and(|name| name.is_of(site)));
        let types: Vec<String> =
            self.ask_all(&keys, CHUNK, |key| cmd("TYPE").arg(key).take()).await?;
        let mut misfits = Vec::new();
        for (key, found) in keys.iter().zip(types) {
            let Some(name) = Name::parse(key) else { continue };
            let expected = name.expected();
            let why = if !name.tagged {
                Some("is from before keys were tagged with a site".to_owned())
            } else if expected == "hyperloglog" && found == "string" {
                match self.ask::<u64>(key, cmd("PFCOUNT").arg(key).take()).await {
                    Err(StoreError::WrongType { .. }) => {
                        Some("is a string where a hyperloglog belongs".to_owned())
                    }
                    other => other.map(|_| None)?,
                }
            } else if found == expected || found == "none" {
                None
            } else {
                Some(format!("is a {found} where a {expected} belongs"))
            };
            misfits.extend(why.map(|why| Misfit { key: key.clone(), why }));
        }
        Ok(misfits)
    }

    async fn set_aside(&self, misfit: &Misfit) -> Result<String> {
        let mut attempt = 0;
        loop {
            let to = aside(&misfit.key, attempt);
            let rename = cmd("RENAMENX").arg(&misfit.key).arg(&to).take();
            if self.ask::<bool>(&misfit.key, rename).await? {
                return Ok(to);
            }
            attempt += 1;
        }
    }

    async fn settle(&self, Legacy { key: legacy, .. }: &Legacy) -> Result<()> {
        let settled = legacy.replacen("legacy:", "legacy:done:", 1);
        let rename = cmd("RENAMENX").arg(legacy).arg(settled).take();
        self.ask::<bool>(legacy, rename).await.map(drop)
    }

    async fn legacy(&self, site: &str) -> Result<Vec<Legacy>> {
        let mut found = Vec::new();
        self.scan("legacy:*", |key| {
            let name = original(key).and_then(Name::parse).filter(|name| name.is_of(site));
            found.extend(name.map(|name| Legacy { key: key.to_owned(), holds: name.holds(site) }));
        })
        .await?;
        found.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        found.dedup();
        Ok(found)
    }

    async fn adopt(&self, site: &str, Legacy { key: legacy, holds }: &Legacy) -> Result<()> {
        let Holds::Visitors(day, confirmed) = *holds else { return Ok(()) };
        let to = if confirmed { keys::confirmed(site, day) } else { keys::visitors(site, day) };
        let kind: String = self.ask(legacy, cmd("TYPE").arg(legacy).take()).await?;
        match kind.as_str() {
            "set" => {
                let mut cursor = 0;
                loop {
                    let scan = cmd("SSCAN").arg(legacy).arg(cursor).arg("COUNT").arg(CHUNK).take();
                    let members: Vec<Vec<u8>>;
                    (cursor, members) = self.ask::<(u64, Vec<Vec<u8>>)>(legacy, scan).await?;
                    for chunk in members.chunks(CHUNK) {
                        self.ask::<()>(&to, cmd("PFADD").arg(&to).arg(chunk).take()).await?;
                    }
                    if cursor == 0 {
                        return Ok(());
                    }
                }
            }
            "string" => {
                // Carried over, for a cluster may keep it elsewhere than its day.
                let sketch: Vec<u8> = self.ask(legacy, cmd("GET").arg(legacy).take()).await?;
                let staged = own_staging(&to);
                let set = cmd("SET").arg(&staged).arg(sketch).arg("EX").arg(STAGING_SECONDS).take();
                self.ask::<()>(&staged, set).await?;
                let merged = self.ask::<()>(&to, cmd("PFMERGE").arg(&to).arg(&staged).take()).await;
                self.unlink(&[staged]).await?;
                match merged {
                    // A string that is no sketch: nobody to be found in it.
                    Err(StoreError::WrongType { .. }) => Ok(()),
                    merged => merged,
                }
            }
            _ => Ok(()),
        }
    }

    async fn legacy_counts(
        &self,
        Legacy { key: legacy, .. }: &Legacy,
    ) -> Result<Vec<(String, i64)>> {
        let all: Result<Vec<(Vec<u8>, Vec<u8>)>> =
            self.ask(legacy, cmd("HGETALL").arg(legacy).take()).await;
        let all = match all {
            Err(StoreError::WrongType { .. }) => return Ok(Vec::new()),
            all => all?,
        };
        let number = |(name, count): (Vec<u8>, Vec<u8>)| {
            Some((String::from_utf8(name).ok()?, String::from_utf8(count).ok()?.parse().ok()?))
        };
        let mut numbers: Vec<(String, i64)> = all.into_iter().filter_map(number).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_in_their_slot_and_are_found_again() {
        for key in ["visits:daily:{a.com:2026-11-24}", "visits:pages", "unique:visits:2026-11-24"] {
            for attempt in [0, 1, 12] {
                let aside = aside(key, attempt);
                assert_eq!(original(&aside), Some(key));
                let tag = |key: &str| {
                    let inner = key.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
                    inner.map_or(key.to_owned(), |(tag, _)| tag.to_owned())
                };
                assert_eq!(tag(&aside), tag(key));
                let settled = aside.replacen("legacy:", "legacy:done:", 1);
                assert!(original(&settled).and_then(Name::parse).is_none());
            }
        }
    }

    #[test]
    fn only_a_sites_own_keys_and_untagged_ones_are_judged() {
        let of = |key: &str| Name::parse(key).is_some_and(|name| name.is_of("a.com"));
        assert!(of("visits:daily:{a.com:2026-11-24}") && of("visits:monthly:{a.com:2026-11}"));
        assert!(of("visits:pages") && of("visits:daily:2026-11-24"));
        assert!(!of("visits:daily:{b.com:2026-11-24}") && !of("visits:key"));
        assert!(!of("visits:diary:{a.com}") && !of("visits:pagesx") && !of("visits:daily:{a.com}"));
    }
}
