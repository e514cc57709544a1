//! Upkeep of a Redis store.

use super::Upkeep;
use crate::site::{Day, Month};
use crate::store::redis::{LuaScript, RedisStore};
use crate::store::{Result, Secret, keys};
use ::redis::cmd;
use async_trait::async_trait;
use std::sync::LazyLock;

static FOLD: LazyLock<LuaScript> = LazyLock::new(|| LuaScript::new(include_str!("fold.lua")));
static PUT_MONTH: LazyLock<LuaScript> =
    LazyLock::new(|| LuaScript::new(include_str!("put_month.lua")));

/// Fields in one command: `unpack` in a script carries at most about 8,000 values, and a server
/// does nothing else meanwhile.
const FIELDS_MAX: usize = 1_000;

/// What was built and never put in its place is forgotten after a day.
const STAGING_SECONDS: usize = 24 * 3_600;

impl RedisStore {
    /// Fills a hash of our own, to be renamed.
    pub(super) async fn stage_fields(&self, key: &str, fields: &[(String, i64)]) -> Result<()> {
        for chunk in fields.chunks(FIELDS_MAX) {
            let mut set = cmd("HSET");
            set.arg(key);
            for (name, count) in chunk {
                set.arg(name).arg(count);
            }
            self.ask::<()>(key, set).await?;
        }
        let mut expire = cmd("EXPIRE");
        expire.arg(key).arg(STAGING_SECONDS);
        self.ask::<()>(key, expire).await
    }
}

/// A name that nobody else builds under.
pub(super) fn own_staging(key: &str) -> String {
    keys::staging(key, &format!("{:016x}", rand::random::<u64>()))
}

#[async_trait]
impl Upkeep for RedisStore {
    async fn kept(&self, site: &str) -> Result<Vec<Day>> {
        let mut days = Vec::new();
        self.scan(&keys::pattern(site), |key| days.extend(keys::kept_day(site, key))).await?;
        days.sort_unstable();
        days.dedup();
        Ok(days)
    }

    async fn fold(&self, site: &str, day: Day, moves: &[(String, String)]) -> Result<()> {
        for chunk in moves.chunks(FIELDS_MAX) {
            let from = chunk.iter().map(|(from, _)| from.as_bytes());
            let args: Vec<&[u8]> = from.chain(chunk.iter().map(|(_, to)| to.as_bytes())).collect();
            let commands = self.run(&FOLD, &[keys::daily(site, day)], &args).await?;
            self.bill(commands);
        }
        Ok(())
    }

    async fn put_month(
        &self,
        site: &str,
        month: Month,
        fields: &[(String, i64)],
        freeze: bool,
    ) -> Result<bool> {
        let key = keys::monthly(site, month);
        let staging = own_staging(&key);
        self.stage_fields(&staging, fields).await?;
        let freeze: &[u8] = if freeze { b"1" } else { b"0" };
        let (put, commands): (u64, u64) = self.run(&PUT_MONTH, &[key, staging], &[freeze]).await?;
        self.bill(commands);
        Ok(put == 1)
    }

    async fn forget(&self, site: &str, day: Day) -> Result<()> {
        let mut unlink = cmd("UNLINK");
        unlink
            .arg(keys::events(site, day))
            .arg(keys::visitors(site, day))
            .arg(keys::confirmed(site, day))
            .arg(keys::secret(&Secret::Salt { site: site.into(), day }))
            .arg(keys::daily(site, day));
        self.ask::<()>("", unlink).await
    }
}
