//! The log that nodes share, in Redis: a stream of items, marks of who has written what, and a state
//! to go on from ([`crate::shared`] says what they mean).
//!
//! Apart from the [`Store`](super::Store), which keeps counts. All keys of a site lie in one slot, so
//! that what a server loses at its end, it loses from all of them alike.

use super::redis::{LuaScript, RedisStore};
use super::{Applied, Result, keys};
use crate::clock::{HOUR, Millis};
use crate::journal;
use crate::model::{Chunk, Done, Entry, Item, LogPlace};
use ::redis::{Value, cmd, from_redis_value};
use async_trait::async_trait;
use std::sync::Arc;

/// Nothing that tells of a visitor outlives the day's salt by more than its hour.
const KEEP: Millis = 25 * HOUR;

/// Bytes of a state in one field.
const PIECE: usize = 1 << 20;

/// Who counts, and until when by the store's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub who: String,
    pub until: Millis,
}

/// How things stand in the log.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogStatus {
    /// The last number of the name that asked.
    pub have: u64,
    pub lease: Option<Lease>,
    pub done: Done,
}

/// What became of an item.
#[derive(Debug)]
pub struct Appended {
    pub applied: Applied,
    pub status: LogStatus,
}

/// The answer to who asked to count.
#[derive(Debug, Clone, Copy)]
pub struct Lead {
    /// It is theirs to do.
    pub granted: bool,
    /// And was before: nobody else has led since.
    pub kept: bool,
    /// The time by the store's clock.
    pub now: Millis,
    /// The last chunk that was agreed on.
    pub chunk: u64,
}

/// A log that nodes write together. Every call is safe to repeat.
#[async_trait]
pub trait SharedLog: Send + Sync {
    /// Writes an entry, unless it was written before or one before it is missing.
    async fn append(&self, site: &str, entry: &Entry) -> Result<Appended>;

    /// Writes that a node rests. `name`: as what it numbers its entries.
    async fn rest(&self, site: &str, node: &Arc<str>, name: &str) -> Result<Appended>;

    /// How things stand for who numbers as `name`.
    async fn status(&self, site: &str, name: &str) -> Result<LogStatus>;

    /// Items after a place, or from the first on, at most `limit`; an item that makes no sense here
    /// is none.
    async fn items(
        &self,
        site: &str,
        after: Option<LogPlace>,
        limit: usize,
    ) -> Result<Vec<(LogPlace, Option<Item>)>>;

    /// Takes or renews the lease on counting for so long, and tells all what is counted, where that
    /// is known; for no time at all it is let go.
    async fn lead(&self, site: &str, who: &str, long: Millis, done: Option<&Done>) -> Result<Lead>;

    /// Writes a chunk, if it is the next. False: another one was first, or one before it is missing.
    async fn agree(&self, site: &str, chunk: &Chunk) -> Result<bool>;

    /// The last state that was saved.
    async fn state(&self, site: &str) -> Result<Option<Vec<u8>>>;

    /// Saves a state that goes up to `chunk`, unless there is one, or a newer one, already (false).
    async fn save(&self, site: &str, chunk: u64, state: &[u8], how: Save) -> Result<bool>;

    /// Forgets what numbers names have come to, which nobody uses any more.
    async fn forget(&self, site: &str, names: &[Arc<str>]) -> Result<()>;
}

/// What a state is to the one that is stored.
#[derive(Debug, Clone, Copy)]
pub enum Save {
    /// There is none yet.
    First,
    /// It is newer, and the log is needed from here on only.
    Next(Option<LogPlace>),
    /// The store has lost what went before: all goes on from here.
    Anew,
}

pub struct SharedScripts {
    append: LuaScript,
    lead: LuaScript,
    agree: LuaScript,
    save: LuaScript,
    format: u64,
}

impl Default for SharedScripts {
    fn default() -> Self {
        Self {
            append: LuaScript::new(include_str!("append.lua")),
            lead: LuaScript::new(include_str!("lead.lua")),
            agree: LuaScript::new(include_str!("agree.lua")),
            save: LuaScript::new(include_str!("save.lua")),
            format: journal::format(),
        }
    }
}

impl RedisStore {
    fn log(&self, site: &str) -> String {
        keys::shared_log(site, self.shared.format)
    }

    fn marks(&self, site: &str) -> String {
        keys::shared_marks(site, self.shared.format)
    }

    async fn write(&self, site: &str, name: &str, number: u64, item: &Item) -> Result<Appended> {
        let (number, keep) = (number.to_string(), KEEP.to_string());
        let packed = item.pack();
        let args: [&[u8]; 4] = [name.as_bytes(), number.as_bytes(), &packed, keep.as_bytes()];
        let keys = [self.log(site), self.marks(site)];
        let (verdict, have, lease, done, commands): (String, u64, String, Vec<u8>, u64) =
            self.run(&self.shared.append, &keys, &args).await?;
        self.bill(commands);
        let status = LogStatus { have, lease: parse_lease(&lease), done: Done::unpack(&done) };
        let applied = match verdict.as_str() {
            "now" => Applied::Now,
            "before" => Applied::Before,
            _ => Applied::Gap { have },
        };
        Ok(Appended { applied, status })
    }
}

#[async_trait]
impl SharedLog for RedisStore {
    async fn append(&self, site: &str, entry: &Entry) -> Result<Appended> {
        self.write(site, &entry.name, entry.number, &Item::Entry(entry.clone())).await
    }

    async fn rest(&self, site: &str, node: &Arc<str>, name: &str) -> Result<Appended> {
        self.write(site, name, 0, &Item::Rest { node: node.clone() }).await
    }

    async fn status(&self, site: &str, name: &str) -> Result<LogStatus> {
        let key = self.marks(site);
        let mut ask = cmd("HMGET");
        ask.arg(&key).arg(format!("mark:{name}")).arg("lease").arg("done");
        let (have, lease, done): (Option<u64>, Option<String>, Option<Vec<u8>>) =
            self.ask(&key, ask).await?;
        Ok(LogStatus {
            have: have.unwrap_or_default(),
            lease: lease.as_deref().and_then(parse_lease),
            done: done.as_deref().map(Done::unpack).unwrap_or_default(),
        })
    }

    async fn items(
        &self,
        site: &str,
        after: Option<LogPlace>,
        limit: usize,
    ) -> Result<Vec<(LogPlace, Option<Item>)>> {
        let key = self.log(site);
        let from = after.map_or("-".to_owned(), |LogPlace(at, n)| format!("({at}-{n}"));
        let mut ask = cmd("XRANGE");
        ask.arg(&key).arg(from).arg("+").arg("COUNT").arg(limit);
        let items: Vec<(String, Value)> = self.ask(&key, ask).await?;
        let read = |(place, fields): (String, Value)| {
            let place = parse_place(&place)?;
            let fields: Option<(String, Vec<u8>)> = from_redis_value(fields).ok();
            Some((place, fields.and_then(|(_, item)| Item::unpack(&item))))
        };
        Ok(items.into_iter().filter_map(read).collect())
    }

    async fn lead(&self, site: &str, who: &str, long: Millis, done: Option<&Done>) -> Result<Lead> {
        let (long, done) = (long.to_string(), done.map(Done::pack).unwrap_or_default());
        let args: [&[u8]; 3] = [who.as_bytes(), long.as_bytes(), &done];
        let (granted, kept, now, chunk, commands): (bool, bool, Millis, u64, u64) =
            self.run(&self.shared.lead, &[self.marks(site)], &args).await?;
        self.bill(commands);
        Ok(Lead { granted, kept, now, chunk })
    }

    async fn agree(&self, site: &str, chunk: &Chunk) -> Result<bool> {
        let (number, item) = (chunk.number.to_string(), Item::Chunk(chunk.clone()).pack());
        let keys = [self.log(site), self.marks(site)];
        let args: [&[u8]; 2] = [number.as_bytes(), &item];
        let (agreed, commands) = self.run(&self.shared.agree, &keys, &args).await?;
        self.bill(commands);
        Ok(agreed)
    }

    async fn state(&self, site: &str) -> Result<Option<Vec<u8>>> {
        let key = keys::shared_state(site, self.shared.format);
        let fields: Vec<(String, Vec<u8>)> =
            self.ask(&key, cmd("HGETALL").arg(&key).take()).await?;
        let pieces =
            fields.into_iter().filter_map(|(name, piece)| Some((name.parse().ok()?, piece)));
        let mut pieces: Vec<(usize, Vec<u8>)> = pieces.collect();
        pieces.sort_unstable_by_key(|(n, _)| *n);
        Ok((!pieces.is_empty()).then(|| pieces.into_iter().flat_map(|(_, piece)| piece).collect()))
    }

    async fn save(&self, site: &str, chunk: u64, state: &[u8], how: Save) -> Result<bool> {
        let key = keys::shared_state(site, self.shared.format);
        let built = keys::staging(&key, &crate::model::random_name());
        let (chunk, keep) = (chunk.to_string(), KEEP.to_string());
        self.ask::<()>(&built, cmd("HSET").arg(&built).arg("chunk").arg(&chunk).take()).await?;
        // What never takes its place is forgotten as it would be.
        self.ask::<()>(&built, cmd("PEXPIRE").arg(&built).arg(KEEP).take()).await?;
        for (n, piece) in state.chunks(PIECE).enumerate() {
            self.ask::<()>(&built, cmd("HSET").arg(&built).arg(n).arg(piece).take()).await?;
        }
        let (from, word) = match how {
            Save::First => (String::new(), "1"),
            Save::Next(from) => {
                (from.map(|LogPlace(at, n)| format!("{at}-{n}")).unwrap_or_default(), "")
            }
            Save::Anew => (String::new(), "2"),
        };
        let keys = [key, built, self.log(site), self.marks(site)];
        let args = [&*chunk, &*from, &*keep, word].map(str::as_bytes);
        let (saved, commands) = self.run(&self.shared.save, &keys, &args).await?;
        self.bill(commands);
        Ok(saved)
    }

    async fn forget(&self, site: &str, names: &[Arc<str>]) -> Result<()> {
        let key = self.marks(site);
        let mut forget = cmd("HDEL");
        forget.arg(&key).arg(names.iter().map(|name| format!("mark:{name}")).collect::<Vec<_>>());
        self.ask(&key, forget).await
    }
}

fn parse_lease(text: &str) -> Option<Lease> {
    let (who, until) = text.split_once(' ')?;
    Some(Lease { who: who.to_owned(), until: until.parse().ok()? })
}

fn parse_place(text: &str) -> Option<LogPlace> {
    let (at, n) = text.split_once('-')?;
    Some(LogPlace(at.parse().ok()?, n.parse().ok()?))
}
