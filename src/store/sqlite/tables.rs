//! The SQL of batches, days and secrets, each function inside one transaction.
//!
//! The tables are explained in `schema.sql`, `rows.sql`, `months.sql` and `imported.sql`. The file is
//! opened in [`super`]; months, retention and deletion are in [`super::upkeep`].

use crate::clock::Millis;
use crate::model::DayCounts;
use crate::model::rollup::{Dimension, Field, Metric};
use crate::model::row::RowsOf;
use crate::model::site::Day;
use crate::model::{Batch, VisitorHash};
use crate::store::fair::{self, Size};
use crate::store::{Applied, Secret, StoredRows};
use rusqlite::{OptionalExtension, Transaction, params};
use std::str::FromStr;
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
    pub fn execute_all<P: rusqlite::Params>(
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

    /// What `sql` finds of a site, each read from its text; what cannot be read is left out.
    pub fn read_all<T: FromStr>(&self, sql: &str, site: &str) -> rusqlite::Result<Vec<T>> {
        let texts = self.rows(sql, [site], |row| row.get::<_, String>(0))?;
        Ok(texts.iter().filter_map(|text| text.parse().ok()).collect())
    }

    pub fn ping(&self) -> rusqlite::Result<()> {
        self.value::<i64>("SELECT count(*) FROM days", []).map(drop)
    }

    pub fn apply(&self, batch: &Batch) -> rusqlite::Result<Applied> {
        let Batch { site, day, node, number, fields, visitors, confirmed, people, others } = batch;
        let have = self.marker(site, *day, node)?;
        if have >= *number {
            return Ok(Applied::Before);
        }
        if have + 1 < *number {
            return Ok(Applied::Gap { have });
        }

        let day_id = self.raise_version(site, *day)?;
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

    /// Raises the version of a day, or begins it, and gives its id.
    pub fn raise_version(&self, site: &str, day: Day) -> rusqlite::Result<Option<i64>> {
        self.value(
            "INSERT INTO days (site, day, version) VALUES (?, ?, 1)
             ON CONFLICT DO UPDATE SET version = version + 1 RETURNING id",
            params![site, day.to_string()],
        )
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

    /// Puts as many numbers in the place of a day's visitors, in the order of the table: it is
    /// written page by page.
    pub fn forget_hashes(&self, day: i64) -> rusqlite::Result<()> {
        // Where days of several files are added up, none is another's.
        let first = rand::random::<u64>() >> 1;
        for kind in [CONFIRMED, VISITOR] {
            let sql = "SELECT count(*) FROM uniques WHERE day_id = ? AND kind = ?";
            let many: u64 = self.value(sql, params![day, kind])?.unwrap_or_default();
            self.execute("DELETE FROM uniques WHERE day_id = ? AND kind = ?", params![day, kind])?;
            self.execute_all(
                "INSERT INTO uniques (day_id, kind, visitor) VALUES (?, ?, ?)",
                (first..first + many).map(|number| (day, kind, number.to_be_bytes())),
            )?;
        }
        Ok(())
    }

    pub fn marker(&self, site: &str, day: Day, node: &str) -> rusqlite::Result<u64> {
        let sql = "SELECT number FROM markers JOIN days ON days.id = day_id
                   WHERE site = ? AND day = ? AND node = ?";
        Ok(self.value(sql, params![site, day.to_string(), node])?.unwrap_or_default())
    }

    /// The id of a day, and its version.
    pub fn found(&self, site: &str, day: Day) -> rusqlite::Result<Option<(i64, u64)>> {
        let sql = "SELECT id, version FROM days WHERE site = ? AND day = ?";
        let params = params![site, day.to_string()];
        Ok(self.rows(sql, params, |row| Ok((row.get(0)?, row.get(1)?)))?.pop())
    }

    pub fn version(&self, site: &str, day: Day) -> rusqlite::Result<u64> {
        Ok(self.found(site, day)?.map_or(0, |(_, version)| version))
    }

    pub fn day(&self, site: &str, day: Day) -> rusqlite::Result<DayCounts> {
        let Some((id, version)) = self.found(site, day)? else { return Ok(DayCounts::default()) };
        let sql = "SELECT dimension, value, metric, count FROM counts WHERE day_id = ?";
        let mut counts = self.counts(sql, [id])?;
        counts.version = version;
        Ok(counts)
    }

    /// What another program has counted of a day.
    pub fn imported(&self, site: &str, day: Day) -> rusqlite::Result<DayCounts> {
        let sql = "SELECT dimension, value, metric, count FROM imported WHERE site = ? AND day = ?";
        self.counts(sql, params![site, day.to_string()])
    }

    /// The counts that `sql` finds; what is no count is left out.
    pub fn counts(&self, sql: &str, params: impl rusqlite::Params) -> rusqlite::Result<DayCounts> {
        let mut counts = DayCounts::default();
        self.rows(sql, params, |row| {
            let dimension = Dimension::parse(row.get_ref(0)?.as_str()?);
            let metric = Metric::parse(row.get_ref(2)?.as_str()?);
            if let (Some(dimension), Some(metric)) = (dimension, metric) {
                counts.add(dimension, row.get_ref(1)?.as_str()?, metric, row.get(3)?);
            }
            Ok(())
        })?;
        Ok(counts)
    }

    pub fn uniques(&self, site: &str, day: Day) -> rusqlite::Result<(u64, u64)> {
        let count = |kind| -> rusqlite::Result<u64> {
            let sql = "SELECT count(*) FROM uniques JOIN days ON days.id = day_id
                       WHERE site = ? AND day = ? AND kind = ?";
            Ok(self.value(sql, params![site, day.to_string(), kind])?.unwrap_or_default())
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

    /// Deletes expired secrets, and the oldest event rows beyond `cap`. Gives how many rows of people
    /// and of others stay.
    pub fn trim(&self, site: &str, cap: usize, now: Millis) -> rusqlite::Result<[u64; 2]> {
        self.execute("DELETE FROM secrets WHERE expires <= ?", [now])?;
        let mut held = [0; 2];
        for of in RowsOf::ALL {
            let newest_day_first = self.rows(
                "SELECT day_id, event_rows.id, count, length(packed) FROM event_rows
                 JOIN days ON days.id = day_id WHERE site = ? AND of = ?
                 ORDER BY day DESC, event_rows.id",
                params![site, of.as_str()],
                |row| {
                    let size = Size { rows: row.get(2)?, bytes: row.get(3)? };
                    Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, size))
                },
            )?;
            let days: Vec<&[(i64, i64, Size)]> =
                newest_day_first.chunk_by(|a, b| a.0 == b.0).collect();
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

/// Whether a name is that of a secret of this site, whatever its day: see [`secret_name`].
pub fn is_secret_of(site: &str, name: &str) -> bool {
    match name.split_once(" of ") {
        // Of a node, whose name may be that of a site.
        None | Some(("lease", _)) => false,
        Some(("salt", of)) => of.rsplit_once(" on ").is_some_and(|(of, _)| of == site),
        Some((_, of)) => of == site,
    }
}

pub fn secret_name(which: &Secret) -> String {
    match which {
        Secret::Salt { site, day } => format!("salt of {site} on {day}"),
        Secret::ViewKeys => "view keys".to_owned(),
        Secret::Diary { site } => format!("diary of {site}"),
        Secret::Lease { node } => format!("lease of {node}"),
        Secret::Spread { site } => format!("spread of {site}"),
        Secret::Notice { site, name } => format!("notice {name} of {site}"),
        Secret::Kept { what, site: Some(site) } => format!("{what} of {site}"),
        Secret::Kept { what, site: None } => (*what).to_owned(),
        Secret::Acme { name } => format!("acme {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::KEPT;
    use std::sync::Arc;

    #[test]
    fn a_sites_secrets_are_known_by_their_names() {
        let of = |site: &str| -> Vec<Secret> {
            let site = Arc::<str>::from(site);
            let day = "2026-11-24".parse().unwrap();
            let kept = KEPT.map(|what| Secret::Kept { what, site: Some(site.clone()) });
            let others = [
                Secret::Salt { site: site.clone(), day },
                Secret::Diary { site: site.clone() },
                Secret::Spread { site: site.clone() },
                Secret::Notice { site: site.clone(), name: "weekly".into() },
            ];
            others.into_iter().chain(kept).collect()
        };
        for own in of("a.com") {
            let name = secret_name(&own);
            assert!(is_secret_of("a.com", &name), "{name}");
            for other in ["com", "a.com:80", "b.a.com", ""] {
                assert!(!is_secret_of(other, &name), "{name} of {other}");
            }
        }
        for shared in [
            Secret::ViewKeys,
            Secret::Lease { node: "a.com".into() },
            Secret::Kept { what: "access", site: None },
            Secret::Acme { name: "a.com".into() },
        ] {
            assert!(!is_secret_of("a.com", &secret_name(&shared)), "{shared:?}");
        }
    }
}
