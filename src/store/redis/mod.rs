//! Redis and Valkey: the store for production and many nodes.
//!
//! Layout in [`keys`], connections in [`servers`], the exactly-once rule in `apply.lua`.
//! What is here turns questions into commands and answers into counts. A server that cannot be
//! reached is never an error of making the store, only of asking it.

mod cluster;
mod dial;
mod keys;
mod legacy;
mod link;
mod rows;
mod sentinel;
mod servers;
mod shared;
mod upkeep;
mod url;

pub(super) use self::servers::ServerAddresses;
pub(super) use self::url::addresses;

use self::link::Meter;
use self::servers::Servers;
use super::StoredRows;
use super::log::SharedLog;
use super::tally::Tally;
use super::{
    Applied, Backend, Batches, Reads, Result, Secret, SharedValues, StoreError, Trouble, Troubles,
    Upkeep,
};
use crate::clock::Millis;
use crate::model::DayCounts;
use crate::model::PackedRows;
use crate::model::row::RowsOf;
use crate::model::site::{Day, Month};
use crate::model::{BATCH_MAX, Batch};
use crate::tls;
use ::redis::{
    Cmd, ErrorKind, FromRedisValue, RedisError, Script, ServerErrorKind, Value, cmd,
    from_redis_value,
};
use async_trait::async_trait;
use once_cell::sync::OnceCell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Commands in one pipeline, at most: a long read must not hold up a server that all share.
const PIPELINE_MAX: usize = 500;

/// Whole days in one pipeline. Each may be thousands of fields, and all must arrive before the
/// answer counts as late.
const DAYS_MAX: usize = 50;

/// Keys a server looks at per step of a SCAN.
const SCAN_COUNT: usize = 1_000;

/// Counts in a Redis or Valkey server.
pub struct RedisStore {
    name: String,
    servers: Servers,
    meter: Arc<Meter>,
    pub(super) tally: Tally,
    troubles: Arc<Troubles>,
}

static APPLY: LuaScript = LuaScript::new(include_str!("apply.lua"));
static PUT_SECRET: LuaScript = LuaScript::new(include_str!("put_secret.lua"));

/// A script. It answers with a list, whose last item is how many commands it has sent.
pub(super) struct LuaScript {
    code: &'static str,
    sha: OnceCell<String>,
}

/// Connects to nobody yet.
pub(super) fn open(
    servers: &ServerAddresses,
    shown: String,
    ca: Option<Vec<u8>>,
) -> Result<Arc<dyn Upkeep>> {
    tls::install();
    Ok(Arc::new(RedisStore::new(servers.clone(), shown, ca)?))
}

impl RedisStore {
    /// Makes the store without connecting to it; `name` is its address for messages, `ca` the
    /// certificates (PEM) to trust instead of the system's.
    ///
    /// # Errors
    /// Only for settings no server could be reached with (broken TLS).
    pub fn new(named: ServerAddresses, name: String, ca: Option<Vec<u8>>) -> Result<Self> {
        let (meter, troubles) = (Arc::<Meter>::default(), Arc::<Troubles>::default());
        let servers = Servers::new(named, ca, &meter, &troubles);
        let servers = servers.map_err(|e| StoreError::Refused {
            store: name.clone(),
            reason: one_line(&e.to_string()),
        })?;
        Ok(Self { name, servers, meter, tally: Tally::default(), troubles })
    }

    pub(super) async fn ask<T: FromRedisValue>(&self, key: &str, cmd: Cmd) -> Result<T> {
        let answer = self.servers.send(key, cmd).await.map_err(|e| self.error(key, &e))?;
        self.read(answer)
    }

    /// Sends one command per key, at most `chunk` at a time, and gives the answers in order.
    pub(super) async fn ask_all<T: FromRedisValue>(
        &self,
        keys: &[String],
        chunk: usize,
        command: impl Fn(&str) -> Cmd,
    ) -> Result<Vec<T>> {
        let mut answers = Vec::with_capacity(keys.len());
        for keys in keys.chunks(chunk) {
            let commands = keys.iter().map(|key| (key.as_str(), command(key))).collect();
            let values = self.servers.send_all(commands).await;
            let values = values.map_err(|e| self.error("", &e))?;
            for (key, value) in keys.iter().zip(values) {
                answers.push(self.read(value.extract_error().map_err(|e| self.error(key, &e))?)?);
            }
        }
        Ok(answers)
    }

    /// Runs a script by its hash, and by its text where the server does not know it (any more).
    /// Gives its answer but for the number of commands, which are billed too.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        script: &LuaScript,
        keys: &[String],
        args: &[&[u8]],
    ) -> Result<T> {
        let call = |how: &str, what: &str| {
            let mut call = cmd(how);
            call.arg(what).arg(keys.len()).arg(keys).arg(args);
            call
        };
        let sha = script.sha.get_or_init(|| Script::new(script.code).get_hash().to_owned());
        let mut answer = self.servers.send(&keys[0], call("EVALSHA", sha)).await;
        if let Err(e) = &answer
            && e.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
        {
            self.troubles.note(Trouble::NoScript);
            answer = self.servers.send(&keys[0], call("EVAL", script.code)).await;
        }
        let mut answer: Vec<Value> = self.read(answer.map_err(|e| self.error(&keys[0], &e))?)?;
        let commands: u64 = self.read(answer.pop().unwrap_or_default())?;
        self.meter.commands.fetch_add(commands, Ordering::Relaxed);
        self.read(Value::Array(answer))
    }

    fn read<T: FromRedisValue>(&self, answer: Value) -> Result<T> {
        from_redis_value(answer).map_err(|e| self.refused(&format!("unexpected answer, {e}")))
    }

    fn error(&self, key: &str, error: &RedisError) -> StoreError {
        self.wrong(key, kind_of(error), &error.to_string())
    }

    /// Counts an error, and says what to do about it.
    fn wrong(&self, key: &str, trouble: Trouble, text: &str) -> StoreError {
        self.troubles.note(trouble);
        if trouble.is_of_place() {
            self.servers.doubt();
        }
        let text = format!("{text}{}", trouble.advice());
        match trouble {
            Trouble::WrongType => StoreError::WrongType { key: key.to_owned() },
            trouble if trouble.is_passing() => self.unreachable(&text),
            _ => self.refused(&text),
        }
    }

    fn refused(&self, reason: &str) -> StoreError {
        StoreError::Refused { store: self.name.clone(), reason: one_line(reason) }
    }

    fn unreachable(&self, reason: &str) -> StoreError {
        StoreError::Unreachable { store: self.name.clone(), reason: one_line(reason) }
    }
}

impl LuaScript {
    pub(super) const fn new(code: &'static str) -> Self {
        Self { code, sha: OnceCell::new() }
    }
}

fn kind_of(error: &RedisError) -> Trouble {
    let text = error.to_string();
    // A server with too many clients has no code of its own to say so.
    if text.contains("max number of clients") {
        return Trouble::Clients;
    }
    if let Some(trouble) = error.code().and_then(Trouble::from_code) {
        return trouble;
    }
    if error.code().is_some() {
        return Trouble::Other;
    }
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if error.kind() == ErrorKind::MasterNameNotFoundBySentinel {
        Trouble::Connect
    } else if error.kind() == ErrorKind::AuthenticationFailed {
        Trouble::Auth
    } else if error.is_timeout() {
        Trouble::Timeout
    } else if has(&["certificate", "UnknownIssuer", "TLS", "InvalidContentType", "handshake"]) {
        Trouble::Tls
    } else if error.is_connection_refusal() || has(&["lookup", "unreachable", "No route"]) {
        Trouble::Connect
    } else {
        Trouble::Closed
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[async_trait]
impl Backend for RedisStore {
    fn name(&self) -> &str {
        &self.name
    }

    fn commands(&self) -> &AtomicU64 {
        &self.meter.commands
    }

    fn troubles(&self) -> &Troubles {
        &self.troubles
    }

    async fn ping(&self) -> Result<()> {
        for server in self.servers.all().await.map_err(|e| self.error("", &e))? {
            server.send(cmd("PING")).await.map_err(|e| self.error("", &e))?;
        }
        Ok(())
    }

    fn connections(&self) -> u64 {
        self.meter.connections.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Batches for RedisStore {
    async fn apply(&self, batch: &Batch) -> Result<Applied> {
        let Batch { site, day, node, number, fields, visitors, confirmed, people, others } = batch;
        let sizes = [fields.len(), visitors.len(), confirmed.len()];
        if sizes.iter().any(|n| *n > BATCH_MAX) {
            return Err(self.refused(&format!("a batch of {sizes:?}, {BATCH_MAX} is the limit")));
        }
        // A list that nothing joins is not named: while a slot moves, a server that lacks one of
        // the keys turns the batch away.
        let list = |of, rows: &PackedRows| match rows.is_empty() {
            true => keys::daily(site, *day),
            false => keys::rows(site, *day, of),
        };
        let keys = [
            keys::daily(site, *day),
            keys::visitors(site, *day),
            keys::confirmed(site, *day),
            list(RowsOf::People, people),
            list(RowsOf::Others, others),
        ];

        let mut args = Vec::with_capacity(7);
        args.push(keys::marker(node));
        args.push(number.to_string());
        args.extend(sizes.iter().map(usize::to_string));
        args.extend([people, others].map(|rows| usize::from(!rows.is_empty()).to_string()));
        let names: Vec<String> = fields.iter().map(|(field, _)| field.to_string()).collect();
        let counts: Vec<String> = fields.iter().map(|(_, count)| count.to_string()).collect();
        let members: Vec<String> =
            visitors.iter().chain(confirmed).map(|visitor| visitor.to_string()).collect();
        let args: Vec<&[u8]> = args
            .iter()
            .chain(&names)
            .chain(&counts)
            .chain(&members)
            .map(String::as_bytes)
            .chain([people, others].into_iter().map(PackedRows::bytes).filter(|b| !b.is_empty()))
            .collect();

        let (verdict, detail): (String, String) = self.run(&APPLY, &keys, &args).await?;
        match verdict.as_str() {
            "now" => {
                let lengths = detail.split(' ').map(|length| length.parse().unwrap_or(0));
                for ((of, rows), length) in
                    RowsOf::ALL.into_iter().zip([people, others]).zip(lengths)
                {
                    if !rows.is_empty() {
                        self.tally.appended(site, (of, *day), rows.len() as u64, length);
                    }
                }
                Ok(Applied::Now)
            }
            "before" => Ok(Applied::Before),
            "gap" => match detail.parse() {
                Ok(have) => Ok(Applied::Gap { have }),
                Err(_) => Err(self.refused(&format!("unexpected marker {detail}"))),
            },
            "wrongtype" => Err(self.wrong(&detail, Trouble::WrongType, "")),
            _ => {
                let code = detail.split(' ').next().unwrap_or_default();
                let trouble = Trouble::from_code(code).unwrap_or(Trouble::Other);
                Err(self.wrong("", trouble, &detail))
            }
        }
    }

    async fn marker(&self, site: &str, day: Day, node: &str) -> Result<u64> {
        let key = keys::daily(site, day);
        let marker: Option<u64> =
            self.ask(&key, cmd("HGET").arg(&key).arg(keys::marker(node)).take()).await?;
        Ok(marker.unwrap_or_default())
    }

    fn shared_log(&self) -> Option<&dyn SharedLog> {
        Some(self)
    }
}

#[async_trait]
impl Reads for RedisStore {
    async fn versions(&self, site: &str, days: &[Day]) -> Result<Vec<u64>> {
        let keys: Vec<String> = days.iter().map(|day| keys::daily(site, *day)).collect();
        let versions = self
            .ask_all(&keys, PIPELINE_MAX, |key| cmd("HGET").arg(key).arg(keys::VERSION).take())
            .await?;
        Ok(versions.into_iter().map(Option::unwrap_or_default).collect())
    }

    async fn days(&self, site: &str, days: &[Day]) -> Result<Vec<DayCounts>> {
        self.rollups(days.iter().map(|day| keys::daily(site, *day))).await
    }

    async fn frozen(&self, site: &str, months: &[Month]) -> Result<Vec<u64>> {
        let keys: Vec<String> = months.iter().map(|month| keys::monthly(site, *month)).collect();
        let found: Vec<(Option<u64>, Option<u64>)> = self
            .ask_all(&keys, PIPELINE_MAX, |key| {
                cmd("HMGET").arg(key).arg(keys::FROZEN).arg(keys::VERSION).take()
            })
            .await?;
        Ok(found.into_iter().map(|(frozen, version)| frozen.and(version).unwrap_or(0)).collect())
    }

    async fn months(&self, site: &str, months: &[Month]) -> Result<Vec<DayCounts>> {
        self.rollups(months.iter().map(|month| keys::monthly(site, *month))).await
    }

    async fn imported(&self, site: &str, days: &[Day]) -> Result<Vec<DayCounts>> {
        self.rollups(days.iter().map(|day| keys::imported(site, *day))).await
    }

    async fn uniques(&self, site: &str, day: Day) -> Result<(u64, u64)> {
        let keys = [keys::visitors(site, day), keys::confirmed(site, day)];
        let counts =
            self.ask_all(&keys, PIPELINE_MAX, |key| cmd("PFCOUNT").arg(key).take()).await?;
        Ok((counts[0], counts[1]))
    }

    async fn rows_after(
        &self,
        site: &str,
        day: Day,
        of: RowsOf,
        known: usize,
    ) -> Result<StoredRows> {
        let mut stored = StoredRows::default();
        self.each_block(site, day, of, known, |item| stored.add(item)).await?;
        Ok(stored)
    }
}

#[async_trait]
impl SharedValues for RedisStore {
    async fn secret(&self, which: &Secret) -> Result<Option<Vec<u8>>> {
        let key = keys::secret(which);
        self.ask(&key, cmd("GET").arg(&key).take()).await
    }

    async fn put_secret(
        &self,
        which: &Secret,
        expected: Option<&[u8]>,
        new: &[u8],
        expires: Millis,
    ) -> Result<Vec<u8>> {
        let expires = expires.to_string();
        let args: Vec<&[u8]> = [new, expires.as_bytes()].into_iter().chain(expected).collect();
        let (stored,) = self.run(&PUT_SECRET, &[keys::secret(which)], &args).await?;
        Ok(stored)
    }
}

impl RedisStore {
    /// Hashes of counts, in the order of their keys.
    async fn rollups(&self, keys: impl Iterator<Item = String>) -> Result<Vec<DayCounts>> {
        let keys: Vec<String> = keys.collect();
        let hashes: Vec<Vec<(String, String)>> =
            self.ask_all(&keys, DAYS_MAX, |key| cmd("HGETALL").arg(key).take()).await?;
        Ok(hashes.iter().map(|fields| decode(fields)).collect())
    }

    /// Removes keys, wherever they are.
    pub(super) async fn unlink(&self, keys: &[String]) -> Result<()> {
        let unlink = |key: &str| cmd("UNLINK").arg(key).take();
        self.ask_all::<()>(keys, PIPELINE_MAX, unlink).await.map(drop)
    }

    /// What `read` makes of the keys of a site's days and months, in order.
    pub(super) async fn found<T: Ord>(
        &self,
        site: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<T>> {
        // A SCAN may name a key twice.
        let mut found = BTreeSet::new();
        self.scan(&keys::pattern(site), |key| found.extend(read(key))).await?;
        Ok(found.into_iter().collect())
    }

    /// Names every key that matches, on every server. SCAN walks in steps and never blocks one.
    pub(super) async fn scan(&self, pattern: &str, mut found: impl FnMut(&str)) -> Result<()> {
        for server in self.servers.all().await.map_err(|e| self.error("", &e))? {
            let mut cursor = 0;
            loop {
                let mut scan = cmd("SCAN");
                scan.arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(SCAN_COUNT);
                let answer = server.send(scan).await.map_err(|e| self.error("", &e))?;
                let keys: Vec<String>;
                (cursor, keys) = self.read::<(u64, Vec<String>)>(answer)?;
                keys.iter().for_each(|key| found(key));
                if cursor == 0 {
                    break;
                }
            }
        }
        Ok(())
    }
}

fn decode(fields: &[(String, String)]) -> DayCounts {
    let mut day = DayCounts::default();
    for (name, count) in fields {
        if name == keys::VERSION {
            day.version = count.parse().unwrap_or_default();
        } else if let Ok(count) = count.parse() {
            day.add_field(name, count);
        }
    }
    day
}
