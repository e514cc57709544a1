//! The log that nodes share, in Redis: a stream of items, marks of who has written what, and a
//! state to go on from. All keys of a site lie in one slot, so that what a server loses at its end,
//! it loses from all of them alike.

use super::{LuaScript, RedisStore, keys};
use crate::clock::{HOUR, Millis};
use crate::journal;
use crate::model::{Chunk, Done, Entry, Item, LogPlace};
use crate::store::log::{Appended, Lead, Lease, LogStatus, Save, SharedLog};
use crate::store::{Applied, Result};
use ::redis::{Value, cmd, from_redis_value};
use async_trait::async_trait;
use std::sync::Arc;

/// Nothing that tells of a visitor outlives the day's salt by more than its hour.
const KEEP: Millis = 25 * HOUR;

/// Bytes of a state in one field.
const PIECE: usize = 1 << 20;

static APPEND: LuaScript = LuaScript::new(include_str!("append.lua"));
static LEAD: LuaScript = LuaScript::new(include_str!("lead.lua"));
static SAVE: LuaScript = LuaScript::new(include_str!("save.lua"));

/// By which name the last chunk is kept, beside the marks of those who write entries.
const CHUNK: &str = "chunk";

impl RedisStore {
    fn log(&self, site: &str) -> String {
        keys::shared_log(site, journal::format())
    }

    fn marks(&self, site: &str) -> String {
        keys::shared_marks(site, journal::format())
    }

    async fn write(&self, site: &str, mark: &str, number: u64, item: &Item) -> Result<Appended> {
        let (number, keep) = (number.to_string(), KEEP.to_string());
        let packed = item.pack();
        let args: [&[u8]; 4] = [mark.as_bytes(), number.as_bytes(), &packed, keep.as_bytes()];
        let keys = [self.log(site), self.marks(site)];
        let (verdict, have, lease, done): (String, u64, String, Vec<u8>) =
            self.run(&APPEND, &keys, &args).await?;
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
        self.write(site, &mark(&entry.name), entry.number, &Item::Entry(entry.clone())).await
    }

    async fn rest(&self, site: &str, node: &Arc<str>, name: &str) -> Result<Appended> {
        self.write(site, &mark(name), 0, &Item::Rest { node: node.clone() }).await
    }

    async fn status(&self, site: &str, name: &str) -> Result<LogStatus> {
        let key = self.marks(site);
        let ask = cmd("HMGET").arg(&key).arg(mark(name)).arg("lease").arg("done").take();
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
        let ask = cmd("XRANGE").arg(&key).arg(from).arg("+").arg("COUNT").arg(limit).take();
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
        let (granted, kept, now, chunk) = self.run(&LEAD, &[self.marks(site)], &args).await?;
        Ok(Lead { granted, kept, now, chunk })
    }

    async fn agree(&self, site: &str, chunk: &Chunk) -> Result<bool> {
        let item = Item::Chunk(chunk.clone());
        let written = self.write(site, CHUNK, chunk.number, &item).await?;
        Ok(written.applied == Applied::Now)
    }

    async fn state(&self, site: &str) -> Result<Option<Vec<u8>>> {
        let key = keys::shared_state(site, journal::format());
        let fields: Vec<(String, Vec<u8>)> =
            self.ask(&key, cmd("HGETALL").arg(&key).take()).await?;
        let pieces =
            fields.into_iter().filter_map(|(name, piece)| Some((name.parse().ok()?, piece)));
        let mut pieces: Vec<(usize, Vec<u8>)> = pieces.collect();
        pieces.sort_unstable_by_key(|(n, _)| *n);
        Ok((!pieces.is_empty()).then(|| pieces.into_iter().flat_map(|(_, piece)| piece).collect()))
    }

    async fn save(&self, site: &str, chunk: u64, state: &[u8], how: Save) -> Result<bool> {
        let key = keys::shared_state(site, journal::format());
        let built = keys::staging(&key, &crate::model::random_name());
        let (chunk, keep) = (chunk.to_string(), KEEP.to_string());
        self.ask::<()>(&built, cmd("HSET").arg(&built).arg(CHUNK).arg(&chunk).take()).await?;
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
        let (saved,) = self.run(&SAVE, &keys, &args).await?;
        Ok(saved)
    }

    async fn forget(&self, site: &str, names: &[Arc<str>]) -> Result<()> {
        let key = self.marks(site);
        let marks: Vec<String> = names.iter().map(|name| mark(name)).collect();
        self.ask(&key, cmd("HDEL").arg(&key).arg(marks).take()).await
    }
}

/// Where the last number of a name is kept.
fn mark(name: &str) -> String {
    format!("mark:{name}")
}

fn parse_lease(text: &str) -> Option<Lease> {
    let (who, until) = text.split_once(' ')?;
    Some(Lease { who: who.to_owned(), until: until.parse().ok()? })
}

fn parse_place(text: &str) -> Option<LogPlace> {
    let (at, n) = text.split_once('-')?;
    Some(LogPlace(at.parse().ok()?, n.parse().ok()?))
}
