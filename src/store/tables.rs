//! What is asked of the SQLite tables, inside one transaction; `schema.sql` explains them.
//!
//! Apart from the file and its threads, which are [`super::sqlite`]'s: here is the SQL, all of it.

use super::StoredRows;
use super::fair::{self, Size};
use super::{Applied, KEPT, Secret};
use crate::clock::Millis;
use crate::model::rollup::{DayCounts, Dimension, Field, Metric};
use crate::model::row::RowsOf;
use crate::model::site::Day;
use crate::model::{Batch, VisitorHash};
use rusqlite::{OptionalExtension, Transaction, params};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Kinds of uniques.
pub const VISITOR: &str = "visitor";
pub const CONFIRMED: &str = "confirmed";

/// A transaction that counts its statements.
pub struct Session<'a> {
    pub transaction: Transaction<'a>,
    pub statements: &'a AtomicU64,
}

impl Session<'_> {
    pub fn execute(&self, sql: &str, params: impl rusqlite::Params) -> rusqlite::Result<()> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        self.transaction.prepare_cached(sql)?.execute(params).map(drop)
    }

    /// The same for each of many: a statement is looked up once.
    fn execute_all<P: rusqlite::Params>(
        &self,
        sql: &str,
        all: impl Iterator<Item = P>,
    ) -> rusqlite::Result<()> {
        let mut statement = self.transaction.prepare_cached(sql)?;
        for params in all {
            self.statements.fetch_add(1, Ordering::Relaxed);
            statement.execute(params)?;
        }
        Ok(())
    }

    pub fn rows<T>(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        self.transaction.prepare_cached(sql)?.query_map(params, read)?.collect()
    }

    pub fn value<T: rusqlite::types::FromSql>(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
    ) -> rusqlite::Result<Option<T>> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        self.transaction.prepare_cached(sql)?.query_row(params, |row| row.get(0)).optional()
    }

    pub fn ping(&self) -> rusqlite::Result<()> {
        self.value::<i64>("SELECT count(*) FROM days", []).map(drop)
    }

    pub fn apply(&self, batch: &Batch) -> rusqlite::Result<Applied> {
        let Batch { site, day, node, number, fields, visitors, confirmed, people, others } = batch;
        let have = self.marker(site, *day, node)?;
        let day = day.to_string();
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
        self.add_counts(day_id, fields)?;
        self.add_uniques(day_id, visitors, confirmed)?;
        for (of, packed) in [(RowsOf::People, people), (RowsOf::Others, others)] {
            if !packed.is_empty() {
                self.execute(
                    "INSERT INTO event_rows (day_id, of, count, packed) VALUES (?, ?, ?, ?)",
                    params![day_id, of.as_str(), packed.len(), packed.bytes()],
                )?;
            }
        }
        self.execute(
            "INSERT INTO markers (day_id, node, number) VALUES (?, ?, ?)
             ON CONFLICT DO UPDATE SET number = excluded.number",
            params![day_id, node, number],
        )?;
        Ok(Applied::Now)
    }

    pub fn add_counts(&self, day: Option<i64>, fields: &[(Field, i64)]) -> rusqlite::Result<()> {
        self.execute_all(
            "INSERT INTO counts (day_id, dimension, value, metric, count)
             VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
            fields.iter().map(|(field, count)| {
                let (dimension, value, metric) = columns(field);
                (day, dimension, value, metric, count)
            }),
        )
    }

    pub fn add_uniques(
        &self,
        day: Option<i64>,
        visitors: &[VisitorHash],
        confirmed: &[VisitorHash],
    ) -> rusqlite::Result<()> {
        let visitors = visitors.iter().map(|visitor| (VISITOR, visitor));
        let confirmed = confirmed.iter().map(|visitor| (CONFIRMED, visitor));
        self.execute_all(
            "INSERT OR IGNORE INTO uniques (day_id, kind, visitor) VALUES (?, ?, ?)",
            visitors.chain(confirmed).map(|(kind, visitor)| (day, kind, visitor.bytes())),
        )
    }

    pub fn marker(&self, site: &str, day: Day, node: &str) -> rusqlite::Result<u64> {
        let number = self.value(
            "SELECT number FROM markers JOIN days ON days.id = day_id
             WHERE site = ? AND day = ? AND node = ?",
            params![site, day.to_string(), node],
        )?;
        Ok(number.unwrap_or_default())
    }

    pub fn day(&self, site: &str, day: Day) -> rusqlite::Result<DayCounts> {
        let mut counts = DayCounts::default();
        let found = self.rows(
            "SELECT id, version FROM days WHERE site = ? AND day = ?",
            params![site, day.to_string()],
            |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)),
        )?;
        if let [(id, version)] = found[..] {
            counts.version = version;
            let sql = "SELECT dimension, value, metric, count FROM counts WHERE day_id = ?";
            self.counts(sql, id, &mut counts)?;
        }
        Ok(counts)
    }

    /// Adds the counts that `sql` finds under `id`; what is no count is left out.
    pub fn counts(&self, sql: &str, id: i64, counts: &mut DayCounts) -> rusqlite::Result<()> {
        self.rows(sql, [id], |row| {
            let dimension = Dimension::parse(row.get_ref(0)?.as_str()?);
            let metric = Metric::parse(row.get_ref(2)?.as_str()?);
            if let (Some(dimension), Some(metric)) = (dimension, metric) {
                counts.add(dimension, row.get_ref(1)?.as_str()?, metric, row.get(3)?);
            }
            Ok(())
        })
        .map(drop)
    }

    /// What another program has counted of a day.
    pub fn imported(&self, site: &str, day: Day) -> rusqlite::Result<DayCounts> {
        let mut counts = DayCounts::default();
        let sql = "SELECT dimension, value, metric, count FROM imported WHERE site = ? AND day = ?";
        self.rows(sql, params![site, day.to_string()], |row| {
            let dimension = Dimension::parse(row.get_ref(0)?.as_str()?);
            let metric = Metric::parse(row.get_ref(2)?.as_str()?);
            if let (Some(dimension), Some(metric)) = (dimension, metric) {
                counts.add(dimension, row.get_ref(1)?.as_str()?, metric, row.get(3)?);
            }
            Ok(())
        })?;
        Ok(counts)
    }

    pub fn version(&self, site: &str, day: Day) -> rusqlite::Result<u64> {
        let version = self.value(
            "SELECT version FROM days WHERE site = ? AND day = ?",
            params![site, day.to_string()],
        )?;
        Ok(version.unwrap_or_default())
    }

    pub fn uniques(&self, site: &str, day: Day) -> rusqlite::Result<(u64, u64)> {
        let count = |kind| {
            let count = self.value(
                "SELECT count(*) FROM uniques JOIN days ON days.id = day_id
                 WHERE site = ? AND day = ? AND kind = ?",
                params![site, day.to_string(), kind],
            )?;
            Ok::<u64, rusqlite::Error>(count.unwrap_or_default())
        };
        Ok((count(VISITOR)?, count(CONFIRMED)?))
    }

    /// Without the first `known` blocks.
    pub fn event_rows(
        &self,
        site: &str,
        day: Day,
        of: RowsOf,
        known: usize,
    ) -> rusqlite::Result<StoredRows> {
        let blocks = self.rows(
            "SELECT packed FROM event_rows JOIN days ON days.id = day_id
             WHERE site = ? AND day = ? AND of = ? ORDER BY event_rows.id LIMIT -1 OFFSET ?",
            params![site, day.to_string(), of.as_str(), known],
            |row| row.get(0),
        )?;
        let mut stored = StoredRows::default();
        blocks.into_iter().for_each(|block| stored.add(block));
        Ok(stored)
    }

    pub fn secret(&self, which: &Secret) -> rusqlite::Result<Option<Vec<u8>>> {
        self.value("SELECT value FROM secrets WHERE name = ?", [secret_name(which)])
    }

    pub fn put_secret(
        &self,
        which: &Secret,
        expected: Option<&[u8]>,
        new: &[u8],
        expires: Millis,
    ) -> rusqlite::Result<Vec<u8>> {
        let stored = self.secret(which)?;
        if stored.as_deref() != expected {
            return Ok(stored.unwrap_or_default());
        }
        self.execute(
            "INSERT OR REPLACE INTO secrets (name, value, expires) VALUES (?, ?, ?)",
            params![secret_name(which), new, expires],
        )?;
        Ok(new.to_vec())
    }

    /// How many rows of people and of others stay.
    pub fn trim(&self, site: &str, cap: usize, now: Millis) -> rusqlite::Result<[u64; 2]> {
        self.execute("DELETE FROM secrets WHERE expires <= ?", [now])?;
        let mut held = [0; 2];
        for of in RowsOf::BOTH {
            let oldest_first = self.rows(
                "SELECT day_id, event_rows.id, count, length(packed) FROM event_rows
                 JOIN days ON days.id = day_id WHERE site = ? AND of = ?
                 ORDER BY day DESC, event_rows.id",
                params![site, of.as_str()],
                |row| {
                    let size = Size { rows: row.get(2)?, bytes: row.get(3)? };
                    Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, size))
                },
            )?;
            let days: Vec<&[(i64, i64, Size)]> = oldest_first.chunk_by(|a, b| a.0 == b.0).collect();
            let sizes: Vec<Vec<Size>> =
                days.iter().map(|day| day.iter().map(|(.., size)| *size).collect()).collect();
            let (kept, rows) = fair::kept(&sizes, cap);
            for (day, kept) in days.iter().zip(kept) {
                for (_, id, _) in &day[..day.len() - kept] {
                    self.execute("DELETE FROM event_rows WHERE id = ?", [id])?;
                }
            }
            held[of as usize] = rows as u64;
        }
        Ok(held)
    }
}

/// A field as table columns.
pub fn columns(field: &Field) -> (&str, &str, &str) {
    (field.dimension.as_str(), &field.value, field.metric.as_str())
}

/// Whether a name is that of a secret of this site, whatever its day.
pub fn is_secret_of(site: &str, name: &str) -> bool {
    let whose = Arc::<str>::from(site);
    let of_site = [Secret::Diary { site: whose.clone() }, Secret::Spread { site: whose.clone() }];
    let kept = KEPT.map(|what| Secret::Kept { what, site: Some(whose.clone()) });
    let day = name.rsplit(' ').next().and_then(|day| day.parse().ok());
    let salt = day.map(|day| Secret::Salt { site: whose, day });
    of_site.iter().chain(&kept).chain(&salt).any(|secret| secret_name(secret) == name)
}

pub fn secret_name(which: &Secret) -> String {
    match which {
        Secret::Salt { site, day } => format!("salt of {site} on {day}"),
        Secret::ViewKeys => "view keys".to_owned(),
        Secret::Diary { site } => format!("diary of {site}"),
        Secret::Lease { node } => format!("lease of {node}"),
        Secret::Spread { site } => format!("spread of {site}"),
        Secret::Kept { what, site: Some(site) } => format!("{what} of {site}"),
        Secret::Kept { what, site: None } => (*what).to_owned(),
        Secret::Acme { name } => format!("acme {name}"),
    }
}
