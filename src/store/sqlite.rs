//! SQLite: the store that needs no server.
//!
//! One file in write-ahead mode, tables as `schema.sql` explains them. Two connections, one that
//! writes and one that reads, so that a long report holds up no flush; both live on blocking
//! threads. `synchronous` is FULL: a batch leaves the outbox when it is applied, so applied must
//! mean on disk, and one sync every few seconds costs nothing.

use super::{Applied, Result, Secret, Store, StoreError};
use crate::clock::Millis;
use crate::flush::Batch;
use crate::rollup::{DayCounts, Dimension, Metric, SEPARATOR};
use crate::site::Day;
use async_trait::async_trait;
use rusqlite::{
    Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, params,
};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long to wait for another process that holds the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// `HCNT`: marks the file as ours in its header.
const APPLICATION_ID: i64 = 0x4843_4e54;

/// Version of `schema.sql`.
const SCHEMA: i64 = 1;

/// Kinds of uniques.
const VISITOR: &str = "visitor";
const CONFIRMED: &str = "confirmed";

/// Counts in a SQLite file.
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
    statements: AtomicU64,
}

/// Counts statements where they are run.
struct Session<'a> {
    transaction: Transaction<'a>,
    statements: &'a AtomicU64,
}

impl SqliteStore {
    /// Opens a file, or makes it.
    ///
    /// # Errors
    /// One line that names the file, if it cannot be read and written, is held by another process,
    /// is no database, or not one of ours.
    pub fn open(file: &Path) -> Result<Self> {
        let name = format!("sqlite:{}", file.display());
        let open = || -> rusqlite::Result<_> {
            let mut writer = connect(file)?;
            let problem = prepare(&mut writer)?;
            let reader = connect(file)?;
            reader.pragma_update(None, "query_only", true)?;
            Ok((writer, reader, problem))
        };
        let (writer, reader, problem) = open().map_err(|e| store_error(&name, &e))?;
        if let Some(reason) = problem {
            return Err(StoreError::Refused { store: name, reason });
        }
        let inner = Inner {
            name,
            writer: Mutex::new(writer),
            reader: Mutex::new(reader),
            statements: AtomicU64::new(0),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Runs `work` in one transaction that may write: all of it or nothing.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Session<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let inner = self.inner.clone();
        self.blocking(move || inner.within(&inner.writer, TransactionBehavior::Immediate, work))
            .await
    }

    /// Runs `work` over one state of the file.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Session<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let inner = self.inner.clone();
        self.blocking(move || inner.within(&inner.reader, TransactionBehavior::Deferred, work))
            .await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        match tokio::task::spawn_blocking(work).await {
            Ok(done) => done.map_err(|e| store_error(&self.inner.name, &e)),
            Err(e) => Err(StoreError::Unreachable {
                store: self.inner.name.clone(),
                reason: e.to_string(),
            }),
        }
    }
}

impl Inner {
    fn within<T>(
        &self,
        connection: &Mutex<Connection>,
        behavior: TransactionBehavior,
        work: impl FnOnce(&Session<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        // A panic in another's work left no transaction behind: it was rolled back.
        let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction_with_behavior(behavior)?;
        let session = Session { transaction, statements: &self.statements };
        let done = work(&session)?;
        session.transaction.commit()?;
        Ok(done)
    }

    /// Empties the write-ahead log, which still holds what was deleted. A reader in its way is no
    /// error and not waited for: the next trim comes by again.
    fn empty_log(&self) -> rusqlite::Result<()> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.statements.fetch_add(1, Ordering::Relaxed);
        writer.busy_timeout(Duration::ZERO)?;
        let done = writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        writer.busy_timeout(BUSY_TIMEOUT)?;
        done
    }
}

fn connect(file: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(file)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(32);
    // What is deleted is overwritten: a destroyed salt must not be found in the file.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

/// Makes the tables where there are none yet, or says why the file is not for us.
fn prepare(connection: &mut Connection) -> rusqlite::Result<Option<String>> {
    // Before anything is changed, even the journal mode: it may be another program's file.
    if let Some(problem) = foreign(connection)? {
        return Ok(Some(problem));
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if pragma(&transaction, "user_version")? == 0 {
        transaction.execute_batch(include_str!("schema.sql"))?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", SCHEMA)?;
    }
    transaction.commit()?;
    Ok(None)
}

fn foreign(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let objects: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let version = pragma(connection, "user_version")?;
    Ok(if objects > 0 && pragma(connection, "application_id")? != APPLICATION_ID {
        Some("the file is a database of another program".to_owned())
    } else if version > SCHEMA {
        Some(format!("the file has layout {version}, this headcount knows {SCHEMA}: upgrade it"))
    } else {
        None
    })
}

fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}

fn store_error(name: &str, error: &rusqlite::Error) -> StoreError {
    let store = name.to_owned();
    let reason = error.to_string().replace('\n', " ");
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::OutOfMemory,
        ) => StoreError::Unreachable { store, reason },
        _ => StoreError::Refused { store, reason },
    }
}

impl Session<'_> {
    fn execute(&self, sql: &str, params: impl rusqlite::Params) -> rusqlite::Result<()> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        self.transaction.prepare_cached(sql)?.execute(params).map(drop)
    }

    fn rows<T>(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        self.transaction.prepare_cached(sql)?.query_map(params, read)?.collect()
    }

    fn value<T: rusqlite::types::FromSql>(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
    ) -> rusqlite::Result<Option<T>> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        self.transaction.prepare_cached(sql)?.query_row(params, |row| row.get(0)).optional()
    }

    fn apply(&self, batch: &Batch) -> rusqlite::Result<Applied> {
        let Batch { site, day, node, number, fields, visitors, confirmed, events } = batch;
        let day = day.to_string();
        let have: u64 = self
            .value(
                "SELECT number FROM markers JOIN days ON days.id = day_id
                 WHERE site = ? AND day = ? AND node = ?",
                params![site, day, node],
            )?
            .unwrap_or_default();
        if have >= *number {
            return Ok(Applied::Before);
        }
        if have + 1 < *number {
            return Ok(Applied::Gap { have });
        }

        let day_id: Option<i64> = self.value(
            "INSERT INTO days (site, day, version) VALUES (?, ?, 1)
             ON CONFLICT DO UPDATE SET version = version + 1 RETURNING id",
            params![site, day],
        )?;
        for (field, count) in fields {
            let (dimension, value, metric) = columns(field);
            self.execute(
                "INSERT INTO counts (day_id, dimension, value, metric, count)
                 VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
                params![day_id, dimension, value, metric, count],
            )?;
        }
        let visitors = visitors.iter().map(|visitor| (VISITOR, visitor));
        let confirmed = confirmed.iter().map(|visitor| (CONFIRMED, visitor));
        for (kind, visitor) in visitors.chain(confirmed) {
            self.execute(
                "INSERT OR IGNORE INTO uniques (day_id, kind, visitor) VALUES (?, ?, ?)",
                params![day_id, kind, visitor.bytes()],
            )?;
        }
        for event in events {
            self.execute(
                "INSERT INTO events (day_id, event) VALUES (?, ?)",
                params![day_id, event],
            )?;
        }
        self.execute(
            "INSERT INTO markers (day_id, node, number) VALUES (?, ?, ?)
             ON CONFLICT DO UPDATE SET number = excluded.number",
            params![day_id, node, number],
        )?;
        Ok(Applied::Now)
    }

    fn day(&self, site: &str, day: Day) -> rusqlite::Result<DayCounts> {
        let mut counts = DayCounts::default();
        let found = self.rows(
            "SELECT id, version FROM days WHERE site = ? AND day = ?",
            params![site, day.to_string()],
            |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)),
        )?;
        if let [(id, version)] = found[..] {
            counts.version = version;
            self.rows(
                "SELECT dimension, value, metric, count FROM counts WHERE day_id = ?",
                [id],
                |row| {
                    let dimension = Dimension::parse(row.get_ref(0)?.as_str()?);
                    let metric = Metric::parse(row.get_ref(2)?.as_str()?);
                    if let (Some(dimension), Some(metric)) = (dimension, metric) {
                        counts.add(dimension, row.get_ref(1)?.as_str()?, metric, row.get(3)?);
                    }
                    Ok(())
                },
            )?;
        }
        Ok(counts)
    }

    fn put_secret(
        &self,
        name: &str,
        expected: Option<Vec<u8>>,
        new: Vec<u8>,
        expires: Millis,
    ) -> rusqlite::Result<Vec<u8>> {
        let stored = self.value("SELECT value FROM secrets WHERE name = ?", [name])?;
        if stored != expected {
            return Ok(stored.unwrap_or_default());
        }
        self.execute(
            "INSERT OR REPLACE INTO secrets (name, value, expires) VALUES (?, ?, ?)",
            params![name, new, expires],
        )?;
        Ok(new)
    }

    fn trim(&self, site: &str, events_cap: i64, now: Millis) -> rusqlite::Result<()> {
        self.execute("DELETE FROM secrets WHERE expires <= ?", [now])?;
        self.execute(
            "DELETE FROM events WHERE id IN (
                 SELECT events.id FROM events JOIN days ON days.id = day_id WHERE site = ?
                 ORDER BY day DESC, events.id DESC LIMIT -1 OFFSET ?)",
            params![site, events_cap],
        )
    }
}

/// A field's name as table columns. One that is no count is kept, and read as none, as in Redis.
fn columns(field: &str) -> (&str, &str, &str) {
    let (dimension, rest) = field.split_once(SEPARATOR).unwrap_or((field, ""));
    let (value, metric) = rest.rsplit_once(SEPARATOR).unwrap_or((rest, ""));
    (dimension, value, metric)
}

fn secret_name(which: &Secret) -> String {
    match which {
        Secret::Salt { site, day } => format!("salt of {site} on {day}"),
        Secret::ViewKeys => "view keys".to_owned(),
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn name(&self) -> &str {
        &self.inner.name
    }

    fn commands(&self) -> &AtomicU64 {
        &self.inner.statements
    }

    async fn ping(&self) -> Result<()> {
        self.read(|db| db.value::<i64>("SELECT count(*) FROM days", []).map(drop)).await
    }

    async fn apply(&self, batch: &Batch) -> Result<Applied> {
        let batch = batch.clone();
        self.write(move |db| db.apply(&batch)).await
    }

    async fn versions(&self, site: &str, days: &[Day]) -> Result<Vec<u64>> {
        let (site, days) = (site.to_owned(), days.to_owned());
        self.read(move |db| {
            let sql = "SELECT version FROM days WHERE site = ? AND day = ?";
            days.iter()
                .map(|day| Ok(db.value(sql, params![site, day.to_string()])?.unwrap_or_default()))
                .collect()
        })
        .await
    }

    async fn days(&self, site: &str, days: &[Day]) -> Result<Vec<DayCounts>> {
        let (site, days) = (site.to_owned(), days.to_owned());
        self.read(move |db| days.iter().map(|day| db.day(&site, *day)).collect()).await
    }

    async fn uniques(&self, site: &str, day: Day) -> Result<(u64, u64)> {
        let site = site.to_owned();
        self.read(move |db| {
            let count = |kind| {
                db.value(
                    "SELECT count(*) FROM uniques JOIN days ON days.id = day_id
                     WHERE site = ? AND day = ? AND kind = ?",
                    params![site, day.to_string(), kind],
                )
            };
            Ok((count(VISITOR)?.unwrap_or_default(), count(CONFIRMED)?.unwrap_or_default()))
        })
        .await
    }

    async fn events(&self, site: &str, day: Day, limit: usize) -> Result<Vec<String>> {
        let site = site.to_owned();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(move |db| {
            let mut newest_first = db.rows(
                "SELECT event FROM events JOIN days ON days.id = day_id
                 WHERE site = ? AND day = ? ORDER BY events.id DESC LIMIT ?",
                params![site, day.to_string(), limit],
                |row| row.get(0),
            )?;
            newest_first.reverse();
            Ok(newest_first)
        })
        .await
    }

    async fn secret(&self, which: &Secret) -> Result<Option<Vec<u8>>> {
        let name = secret_name(which);
        self.read(move |db| db.value("SELECT value FROM secrets WHERE name = ?", [name])).await
    }

    async fn put_secret(
        &self,
        which: &Secret,
        expected: Option<&[u8]>,
        new: &[u8],
        expires: Millis,
    ) -> Result<Vec<u8>> {
        let name = secret_name(which);
        let (expected, new) = (expected.map(<[u8]>::to_vec), new.to_vec());
        self.write(move |db| db.put_secret(&name, expected, new, expires)).await
    }

    async fn trim(&self, site: &str, events_cap: usize, now: Millis) -> Result<()> {
        let site = site.to_owned();
        let events_cap = i64::try_from(events_cap).unwrap_or(i64::MAX);
        self.write(move |db| db.trim(&site, events_cap, now)).await?;
        let inner = self.inner.clone();
        self.blocking(move || inner.empty_log()).await
    }
}
