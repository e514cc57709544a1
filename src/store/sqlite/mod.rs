//! SQLite: the store that needs no server.
//!
//! One file in write-ahead mode; what is asked of its tables is in [`tables`]. Two
//! connections, one that writes and one that reads, so that a long report holds up no flush. Both
//! are used where they are asked ([`blocking`]): nothing has to be copied for another thread.
//! `synchronous` is FULL: a batch leaves the outbox when it is applied, so applied must mean on
//! disk, and one sync every few seconds costs nothing.

mod tables;
mod upkeep;

use self::tables::Session;
use super::StoredRows;
use super::tally::Tally;
use super::{Applied, Backend, Batches, Reads, Result, Secret, SharedValues, StoreError, Upkeep};
use crate::blocking::blocking;
use crate::clock::Millis;
use crate::model::Batch;
use crate::model::DayCounts;
use crate::model::row::RowsOf;
use crate::model::site::{Day, Month};
use crate::private;
use async_trait::async_trait;
use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long to wait for another process that holds the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Pages of the file that its writer keeps in memory, in KiB. A day's counts are written again with
/// every flush, and the rows that are written between them would push them out of less.
const WRITER_CACHE: i64 = 16_384;

/// `HCNT`: marks the file as ours in its header.
const APPLICATION_ID: i64 = 0x4843_4e54;

/// Layouts of the file, each made from the one before; a file has as many as its `user_version`.
const LAYOUTS: [&str; 5] = [
    include_str!("schema.sql"),
    include_str!("months.sql"),
    // Only changed a table that the next one lets go.
    "",
    include_str!("rows.sql"),
    include_str!("imported.sql"),
];
const SCHEMA: i64 = LAYOUTS.len() as i64;

/// Counts in a SQLite file.
pub struct SqliteStore {
    name: String,
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
    statements: AtomicU64,
    pub(super) tally: Tally,
}

pub(super) fn open(file: &Path) -> Result<Arc<dyn Upkeep>> {
    Ok(Arc::new(SqliteStore::open(file)?))
}

impl SqliteStore {
    /// Opens a file, or makes it.
    ///
    /// # Errors
    /// One line that names the file, if it cannot be read and written, is held by another process,
    /// is no database, or not one of ours.
    pub fn open(file: &Path) -> Result<Self> {
        let name = format!("sqlite:{}", file.display());
        // SQLite would make it with the umask's permissions. What is wrong with it, SQLite says.
        let _ = private::options().write(true).create_new(true).open(file);
        let open = || -> rusqlite::Result<_> {
            let mut writer = connect(file)?;
            let problem = prepare(&mut writer)?;
            writer.pragma_update(None, "cache_size", -WRITER_CACHE)?;
            let reader = connect(file)?;
            reader.pragma_update(None, "query_only", true)?;
            Ok((writer, reader, problem))
        };
        let (writer, reader, problem) = open().map_err(|e| store_error(&name, &e))?;
        if let Some(reason) = problem {
            return Err(StoreError::Refused { store: name, reason });
        }
        // The day's salt is in it. Logs that SQLite makes beside it have its permissions.
        for suffix in ["", "-wal", "-shm"] {
            let mut path = file.as_os_str().to_owned();
            path.push(suffix);
            private::tighten(Path::new(&path));
        }
        let (writer, reader) = (Mutex::new(writer), Mutex::new(reader));
        Ok(Self { name, writer, reader, statements: AtomicU64::new(0), tally: Tally::default() })
    }

    /// Runs `work` in one transaction that may write: all of it or nothing.
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&Session<'_>) -> rusqlite::Result<T>,
    ) -> Result<T> {
        self.within(&self.writer, TransactionBehavior::Immediate, work)
    }

    /// Runs `work` over one state of the file.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&Session<'_>) -> rusqlite::Result<T>,
    ) -> Result<T> {
        self.within(&self.reader, TransactionBehavior::Deferred, work)
    }

    fn within<T>(
        &self,
        connection: &Mutex<Connection>,
        behavior: TransactionBehavior,
        work: impl FnOnce(&Session<'_>) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let done = || {
            // A panic in another's work left no transaction behind: it was rolled back.
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let transaction = connection.transaction_with_behavior(behavior)?;
            let session = Session { transaction, statements: &self.statements };
            let done = work(&session)?;
            session.transaction.commit()?;
            Ok(done)
        };
        blocking(done).map_err(|e| store_error(&self.name, &e))
    }

    /// Empties the write-ahead log, which still holds what was deleted or overwritten. A reader in
    /// its way is no error and not waited for: the next trim comes by again.
    pub(super) fn empty_log(&self) -> Result<()> {
        let empty = || {
            let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            self.statements.fetch_add(1, Ordering::Relaxed);
            writer.busy_timeout(Duration::ZERO)?;
            let done = writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
            writer.busy_timeout(BUSY_TIMEOUT)?;
            done
        };
        blocking(empty).map_err(|e| store_error(&self.name, &e))
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
    let layout = pragma(&transaction, "user_version")?;
    if layout < SCHEMA {
        for sql in LAYOUTS.iter().skip(layout as usize) {
            transaction.execute_batch(sql)?;
        }
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

#[async_trait]
impl Backend for SqliteStore {
    fn name(&self) -> &str {
        &self.name
    }

    fn commands(&self) -> &AtomicU64 {
        &self.statements
    }

    async fn ping(&self) -> Result<()> {
        self.read(|db| db.ping())
    }
}

#[async_trait]
impl Batches for SqliteStore {
    async fn apply(&self, batch: &Batch) -> Result<Applied> {
        let applied = self.apply_some(&[batch]).await?;
        applied.into_iter().next().ok_or_else(|| StoreError::Refused {
            store: self.name.clone(),
            reason: "nothing was applied".to_owned(),
        })
    }

    /// In one transaction: what is counted in the same rows is written once, and synced once.
    async fn apply_some(&self, batches: &[&Batch]) -> Result<Vec<Applied>> {
        let all: Vec<Applied> = self.write(|db| batches.iter().map(|b| db.apply(b)).collect())?;
        for (batch, _) in batches.iter().zip(&all).filter(|(_, done)| **done == Applied::Now) {
            // Other processes that append to the file trim it themselves.
            for (of, rows) in [(RowsOf::People, &batch.people), (RowsOf::Others, &batch.others)] {
                self.tally.added(&batch.site, of, rows.len() as u64);
            }
        }
        Ok(all)
    }

    async fn marker(&self, site: &str, day: Day, node: &str) -> Result<u64> {
        self.read(|db| db.marker(site, day, node))
    }
}

#[async_trait]
impl Reads for SqliteStore {
    async fn versions(&self, site: &str, days: &[Day]) -> Result<Vec<u64>> {
        self.read(|db| days.iter().map(|day| db.version(site, *day)).collect())
    }

    async fn days(&self, site: &str, days: &[Day]) -> Result<Vec<DayCounts>> {
        self.read(|db| days.iter().map(|day| db.day(site, *day)).collect())
    }

    async fn frozen(&self, site: &str, months: &[Month]) -> Result<Vec<u64>> {
        self.read(|db| months.iter().map(|month| db.frozen(site, *month)).collect())
    }

    async fn months(&self, site: &str, months: &[Month]) -> Result<Vec<DayCounts>> {
        self.read(|db| months.iter().map(|month| db.month(site, *month)).collect())
    }

    async fn uniques(&self, site: &str, day: Day) -> Result<(u64, u64)> {
        self.read(|db| db.uniques(site, day))
    }

    async fn imported(&self, site: &str, days: &[Day]) -> Result<Vec<DayCounts>> {
        self.read(|db| days.iter().map(|day| db.imported(site, *day)).collect())
    }

    async fn rows_after(
        &self,
        site: &str,
        day: Day,
        of: RowsOf,
        known: usize,
    ) -> Result<StoredRows> {
        self.read(|db| db.event_rows(site, day, of, known))
    }
}

#[async_trait]
impl SharedValues for SqliteStore {
    async fn secret(&self, which: &Secret) -> Result<Option<Vec<u8>>> {
        self.read(|db| db.secret(which))
    }

    async fn put_secret(
        &self,
        which: &Secret,
        expected: Option<&[u8]>,
        new: &[u8],
        expires: Millis,
    ) -> Result<Vec<u8>> {
        self.write(|db| db.put_secret(which, expected, new, expires))
    }
}
