//! Upkeep of a Redis store.

use super::{LuaScript, RedisStore, keys};
use crate::clock::Millis;
use crate::model::rollup::Field;
use crate::model::row::RowsOf;
use crate::model::site::{Day, Month};
use crate::model::{PackedRows, VisitorHash, random_name};
use crate::store::{OldKeys, Reads, Rebuilt, Result, Rewrite, Secret, Sketches, Upkeep};
use ::redis::cmd;
use async_trait::async_trait;

static FOLD: LuaScript = LuaScript::new(include_str!("fold.lua"));
static PUT_MONTH: LuaScript = LuaScript::new(include_str!("put_month.lua"));
static SWAP: LuaScript = LuaScript::new(include_str!("swap.lua"));
static REPLACE_ROWS: LuaScript = LuaScript::new(include_str!("replace_rows.lua"));

/// Fields in one command: `unpack` in a script carries at most about 8,000 values, and a server
/// does nothing else meanwhile.
const FIELDS_MAX: usize = 1_000;

/// Blocks in one command: together a megabyte or two.
const BLOCKS_MAX: usize = 4;

/// What was built and never put in its place is forgotten after a day.
pub(super) const STAGING_SECONDS: usize = 24 * 3_600;

impl RedisStore {
    /// Fills a hash of our own, to be renamed.
    pub(super) async fn stage_fields(&self, key: &str, fields: &[(Field, i64)]) -> Result<()> {
        for chunk in fields.chunks(FIELDS_MAX) {
            let mut set = cmd("HSET");
            set.arg(key);
            for (name, count) in chunk {
                set.arg(name.to_string()).arg(count);
            }
            self.ask::<()>(key, set).await?;
        }
        self.expire_staging(key).await
    }

    /// Fills a sketch of our own, to be renamed, and gives its estimate.
    async fn stage_sketch(&self, key: &str, visitors: &[VisitorHash]) -> Result<u64> {
        for chunk in visitors.chunks(FIELDS_MAX) {
            let mut add = cmd("PFADD");
            add.arg(key);
            for visitor in chunk {
                add.arg(visitor.to_string());
            }
            self.ask::<()>(key, add).await?;
        }
        self.expire_staging(key).await?;
        self.ask(key, cmd("PFCOUNT").arg(key).take()).await
    }

    /// Fills a list of our own, to be renamed.
    async fn stage_rows(&self, key: &str, blocks: &[PackedRows]) -> Result<()> {
        for some in blocks.chunks(BLOCKS_MAX) {
            let blocks: Vec<&[u8]> = some.iter().map(PackedRows::bytes).collect();
            self.ask::<()>(key, cmd("RPUSH").arg(key).arg(blocks).take()).await?;
        }
        self.expire_staging(key).await
    }

    async fn expire_staging(&self, key: &str) -> Result<()> {
        self.ask(key, cmd("EXPIRE").arg(key).arg(STAGING_SECONDS).take()).await
    }
}

/// The keys of a day that are counted in: roll-up, visitors, confirmed visitors.
fn counted(site: &str, day: Day) -> [String; 3] {
    [keys::daily(site, day), keys::visitors(site, day), keys::confirmed(site, day)]
}

/// The same of a day that is built beside it.
fn staged(site: &str, day: Day, rebuilt: &Rebuilt) -> [String; 3] {
    counted(site, day).map(|key| keys::staging(&key, &rebuilt.run))
}

/// A name that nobody else builds under.
pub(super) fn own_staging(key: &str) -> String {
    keys::staging(key, &random_name())
}

#[async_trait]
impl Upkeep for RedisStore {
    async fn trim(&self, site: &str, cap: usize, _now: Millis) -> Result<()> {
        // Secrets expire by themselves.
        let mut rows = [0; 2];
        for of in RowsOf::ALL {
            rows[of as usize] = self.trim_rows(site, of, cap).await? as u64;
        }
        self.tally.trimmed(site, rows);
        Ok(())
    }

    fn rows_held(&self, site: &str) -> Option<u64> {
        self.tally.held(site)
    }

    async fn kept(&self, site: &str) -> Result<Vec<Day>> {
        self.found(site, |key| keys::kept_day(site, key)).await
    }

    async fn fold(&self, site: &str, day: Day, moves: &[(Field, Field)]) -> Result<()> {
        for chunk in moves.chunks(FIELDS_MAX) {
            let (from, to) = (chunk.iter().map(|(from, _)| from), chunk.iter().map(|(_, to)| to));
            let fields: Vec<String> = from.chain(to).map(Field::to_string).collect();
            let args: Vec<&[u8]> = fields.iter().map(String::as_bytes).collect();
            self.run::<()>(&FOLD, &[keys::daily(site, day)], &args).await?;
        }
        Ok(())
    }

    async fn put_month(
        &self,
        site: &str,
        month: Month,
        fields: &[(Field, i64)],
        freeze: bool,
    ) -> Result<bool> {
        let key = keys::monthly(site, month);
        let staging = own_staging(&key);
        self.stage_fields(&staging, fields).await?;
        let freeze: &[u8] = if freeze { b"1" } else { b"0" };
        let (put,) = self.run(&PUT_MONTH, &[key, staging], &[freeze]).await?;
        Ok(put)
    }

    async fn kept_imported(&self, site: &str) -> Result<Vec<Day>> {
        self.found(site, |key| keys::imported_day(site, key)).await
    }

    async fn put_imported(&self, site: &str, day: Day, fields: &[(Field, i64)]) -> Result<()> {
        let key = keys::imported(site, day);
        if fields.is_empty() {
            return self.unlink(&[key]).await;
        }
        let staging = own_staging(&key);
        self.stage_fields(&staging, fields).await?;
        self.ask::<()>(&key, cmd("PERSIST").arg(&staging).take()).await?;
        self.ask::<()>(&key, cmd("RENAME").arg(&staging).arg(&key).take()).await
    }

    async fn forget(&self, site: &str, day: Day) -> Result<()> {
        let daily = keys::daily(site, day);
        let mut unlink = cmd("UNLINK");
        unlink
            .arg(keys::imported(site, day))
            .arg(keys::rows(site, day, RowsOf::People))
            .arg(keys::rows(site, day, RowsOf::Others))
            .arg(keys::visitors(site, day))
            .arg(keys::confirmed(site, day))
            .arg(keys::secret(&Secret::Salt { site: site.into(), day }))
            .arg(&daily);
        self.ask::<()>(&daily, unlink).await
    }

    async fn kept_months(&self, site: &str) -> Result<Vec<Month>> {
        self.found(site, |key| keys::kept_month(site, key)).await
    }

    async fn forget_month(&self, site: &str, month: Month) -> Result<()> {
        self.unlink(&[keys::monthly(site, month)]).await
    }

    async fn forget_rest(&self, site: &str) -> Result<()> {
        let mut rest = Vec::new();
        for pattern in [keys::pattern(site), keys::shared_pattern(site)] {
            let own = |key: &str| keys::is_of_site(site, key).then(|| key.to_owned());
            self.scan(&pattern, |key| rest.extend(own(key))).await?;
        }
        self.unlink(&rest).await
    }

    async fn sketches(&self, site: &str, day: Day) -> Result<Sketches> {
        let get = async |key: String| {
            let sketch: Option<Vec<u8>> = self.ask(&key, cmd("GET").arg(&key).take()).await?;
            Ok(sketch.unwrap_or_default())
        };
        let [_, visitors, confirmed] = counted(site, day);
        Ok(Sketches::HyperLogLogs([get(visitors).await?, get(confirmed).await?]))
    }

    async fn put_sketches(&self, site: &str, day: Day, sketches: &[Vec<u8>; 2]) -> Result<bool> {
        let [_, visitors, confirmed] = counted(site, day);
        for (key, sketch) in [visitors, confirmed].iter().zip(sketches) {
            if !sketch.is_empty() {
                self.ask::<()>(key, cmd("SET").arg(key).arg(sketch).take()).await?;
            }
        }
        Ok(true)
    }

    async fn stage(&self, site: &str, day: Day, rebuilt: &Rebuilt) -> Result<(u64, u64)> {
        self.unstage(site, day, rebuilt).await?;
        let built = staged(site, day, rebuilt);
        self.stage_fields(&built[0], &rebuilt.fields).await?;
        if rebuilt.keeps_visitors {
            return self.uniques(site, day).await;
        }
        let visitors = self.stage_sketch(&built[1], &rebuilt.visitors).await?;
        let confirmed = self.stage_sketch(&built[2], &rebuilt.confirmed).await?;
        Ok((visitors, confirmed))
    }

    async fn swap(&self, site: &str, day: Day, rebuilt: &Rebuilt, version: u64) -> Result<bool> {
        let keys = [counted(site, day), staged(site, day, rebuilt)].concat();
        let keep: &[u8] = if rebuilt.keeps_visitors { b"1" } else { b"0" };
        let version = version.to_string();
        let args = [version.as_bytes(), keep];
        let (put,) = self.run(&SWAP, &keys, &args).await?;
        Ok(put)
    }

    async fn replace_rows(&self, site: &str, day: Day, of: RowsOf, with: &Rewrite) -> Result<bool> {
        let Some((first, last)) = with.ends() else { return Ok(false) };
        let key = keys::rows(site, day, of);
        let staging = own_staging(&key);
        self.stage_rows(&staging, &with.new).await?;
        let (from, count) = (with.from.to_string(), with.old.len().to_string());
        let args = [from.as_bytes(), count.as_bytes(), first.bytes(), last.bytes()];
        let keys = [key, staging, keys::daily(site, day)];
        let (put,) = self.run(&REPLACE_ROWS, &keys, &args).await?;
        Ok(put)
    }

    async fn forget_rows(&self, site: &str, first: Day) -> Result<()> {
        let day = |key: &str| RowsOf::ALL.into_iter().find_map(|of| keys::rows_day(site, key, of));
        let is_old = |key: &&str| day(key).is_some_and(|day| day < first);
        let old = self.found(site, |key| Some(key).filter(is_old).map(str::to_owned)).await?;
        self.unlink(&old).await
    }

    async fn unstage(&self, site: &str, day: Day, rebuilt: &Rebuilt) -> Result<()> {
        let staged = staged(site, day, rebuilt);
        self.ask::<()>(&staged[0], cmd("UNLINK").arg(&staged).take()).await
    }

    fn old_keys(&self) -> Option<&dyn OldKeys> {
        Some(self)
    }
}
