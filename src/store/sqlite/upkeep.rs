//! Upkeep of a SQLite file.

use super::SqliteStore;
use super::tables::{CONFIRMED, Session, VISITOR, columns, is_secret_of, secret_name};
use crate::clock::Millis;
use crate::model::DayCounts;
use crate::model::VisitorHash;
use crate::model::rollup::Field;
use crate::model::row::RowsOf;
use crate::model::site::{Day, Month};
use crate::store::{Reads, Rebuilt, Result, Rewrite, Secret, Sketches, Upkeep};
use async_trait::async_trait;
use rusqlite::params;

impl Session<'_> {
    fn day_id(&self, site: &str, day: Day) -> rusqlite::Result<Option<i64>> {
        Ok(self.found(site, day)?.map(|(id, _)| id))
    }

    /// The id of a month, its version, and whether it is frozen.
    fn found_month(&self, site: &str, month: Month) -> rusqlite::Result<Option<(i64, u64, bool)>> {
        let sql = "SELECT id, version, frozen FROM months WHERE site = ? AND month = ?";
        let params = params![site, month.to_string()];
        Ok(self.rows(sql, params, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.pop())
    }

    pub(super) fn frozen(&self, site: &str, month: Month) -> rusqlite::Result<u64> {
        let found = self.found_month(site, month)?;
        Ok(found.filter(|(_, _, frozen)| *frozen).map_or(0, |(_, version, _)| version))
    }

    pub(super) fn month(&self, site: &str, month: Month) -> rusqlite::Result<DayCounts> {
        let Some((id, version, _)) = self.found_month(site, month)? else {
            return Ok(DayCounts::default());
        };
        let sql = "SELECT dimension, value, metric, count FROM month_counts WHERE month_id = ?";
        let mut counts = self.counts(sql, [id])?;
        counts.version = version;
        Ok(counts)
    }
}

#[async_trait]
impl Upkeep for SqliteStore {
    async fn trim(&self, site: &str, cap: usize, now: Millis) -> Result<()> {
        let rows = self.write(|db| db.trim(site, cap, now))?;
        self.tally.trimmed(site, rows);
        self.empty_log()
    }

    fn rows_held(&self, site: &str) -> Option<u64> {
        self.tally.held(site)
    }

    async fn kept(&self, site: &str) -> Result<Vec<Day>> {
        self.read(|db| db.read_all("SELECT day FROM days WHERE site = ? ORDER BY day", site))
    }

    async fn fold(&self, site: &str, day: Day, moves: &[(Field, Field)]) -> Result<()> {
        self.write(|db| {
            let Some(id) = db.day_id(site, day)? else { return Ok(()) };
            for (from, to) in moves {
                let (dimension, value, metric) = columns(from);
                let (to_dimension, to_value, to_metric) = columns(to);
                db.execute(
                    "INSERT INTO counts (day_id, dimension, value, metric, count)
                     SELECT day_id, ?, ?, ?, count FROM counts
                     WHERE day_id = ? AND dimension = ? AND value = ? AND metric = ?
                     ON CONFLICT DO UPDATE SET count = count + excluded.count",
                    params![to_dimension, to_value, to_metric, id, dimension, value, metric],
                )?;
                db.execute(
                    "DELETE FROM counts
                     WHERE day_id = ? AND dimension = ? AND value = ? AND metric = ?",
                    params![id, dimension, value, metric],
                )?;
            }
            db.execute("UPDATE days SET version = version + 1 WHERE id = ?", [id])
        })
    }

    async fn put_month(
        &self,
        site: &str,
        month: Month,
        fields: &[(Field, i64)],
        freeze: bool,
    ) -> Result<bool> {
        self.write(|db| {
            let month = month.to_string();
            let id: Option<i64> = db.value(
                "INSERT INTO months (site, month, version, frozen) VALUES (?, ?, 1, ?)
                 ON CONFLICT DO UPDATE SET version = version + 1, frozen = excluded.frozen
                 WHERE frozen = 0 RETURNING id",
                params![site, month, freeze],
            )?;
            let Some(id) = id else { return Ok(false) };
            db.execute("DELETE FROM month_counts WHERE month_id = ?", [id])?;
            db.execute_all(
                "INSERT INTO month_counts (month_id, dimension, value, metric, count)
                 VALUES (?, ?, ?, ?, ?)",
                fields.iter().map(|(field, count)| {
                    let (dimension, value, metric) = columns(field);
                    (id, dimension, value, metric, count)
                }),
            )?;
            Ok(true)
        })
    }

    async fn kept_imported(&self, site: &str) -> Result<Vec<Day>> {
        let sql = "SELECT DISTINCT day FROM imported WHERE site = ? ORDER BY day";
        self.read(|db| db.read_all(sql, site))
    }

    async fn put_imported(&self, site: &str, day: Day, fields: &[(Field, i64)]) -> Result<()> {
        self.write(|db| {
            let day = day.to_string();
            db.execute("DELETE FROM imported WHERE site = ? AND day = ?", params![site, day])?;
            db.execute_all(
                "INSERT INTO imported (site, day, dimension, value, metric, count)
                 VALUES (?, ?, ?, ?, ?, ?)",
                fields.iter().map(|(field, count)| {
                    let (dimension, value, metric) = columns(field);
                    (site, &day, dimension, value, metric, count)
                }),
            )
        })
    }

    async fn forget(&self, site: &str, day: Day) -> Result<()> {
        self.write(|db| {
            let salt = Secret::Salt { site: site.into(), day };
            db.execute("DELETE FROM secrets WHERE name = ?", [secret_name(&salt)])?;
            let other = "DELETE FROM imported WHERE site = ? AND day = ?";
            db.execute(other, params![site, day.to_string()])?;
            let Some(id) = db.day_id(site, day)? else { return Ok(()) };
            for sql in [
                "DELETE FROM event_rows WHERE day_id = ?",
                "DELETE FROM uniques WHERE day_id = ?",
                "DELETE FROM counts WHERE day_id = ?",
                "DELETE FROM markers WHERE day_id = ?",
                "DELETE FROM days WHERE id = ?",
            ] {
                db.execute(sql, [id])?;
            }
            Ok(())
        })
    }

    async fn kept_months(&self, site: &str) -> Result<Vec<Month>> {
        self.read(|db| db.read_all("SELECT month FROM months WHERE site = ? ORDER BY month", site))
    }

    async fn forget_month(&self, site: &str, month: Month) -> Result<()> {
        self.write(|db| {
            let Some((id, ..)) = db.found_month(site, month)? else { return Ok(()) };
            db.execute("DELETE FROM month_counts WHERE month_id = ?", [id])?;
            db.execute("DELETE FROM months WHERE id = ?", [id])
        })
    }

    async fn forget_rest(&self, site: &str) -> Result<()> {
        self.write(|db| {
            let names = db.rows("SELECT name FROM secrets", [], |row| row.get::<_, String>(0))?;
            for name in names.iter().filter(|name| is_secret_of(site, name)) {
                db.execute("DELETE FROM secrets WHERE name = ?", [name])?;
            }
            Ok(())
        })
    }

    async fn sketches(&self, site: &str, day: Day) -> Result<Sketches> {
        self.read(|db| {
            let id = db.day_id(site, day)?;
            let members = |kind: &str| {
                let sql = "SELECT visitor FROM uniques WHERE day_id = ? AND kind = ?";
                db.rows(sql, params![id, kind], |row| Ok(VisitorHash::from_stored(row.get(0)?)))
            };
            Ok(Sketches::Hashes([members(VISITOR)?, members(CONFIRMED)?]))
        })
    }

    async fn replace_rows(&self, site: &str, day: Day, of: RowsOf, with: &Rewrite) -> Result<bool> {
        let (Some((begin, end)), Rewrite { from, old, new }) = (with.ends(), with) else {
            return Ok(false);
        };
        self.write(|db| {
            let Some(day_id) = db.day_id(site, day)? else { return Ok(false) };
            let ids: Vec<i64> = db.rows(
                "SELECT id FROM event_rows WHERE day_id = ? AND of = ? ORDER BY id LIMIT ? OFFSET ?",
                params![day_id, of.as_str(), old.len(), from],
                |row| row.get(0),
            )?;
            let (Some(first), Some(last)) = (ids.first(), ids.last()) else { return Ok(false) };
            for (id, packed) in [first, last].into_iter().zip([begin, end]) {
                let sql = "SELECT packed = ? FROM event_rows WHERE id = ?";
                if ids.len() != old.len() || db.value(sql, params![packed.bytes(), id])? != Some(true) {
                    return Ok(false);
                }
            }
            // They take the ids of the old ones, so that the order stays.
            for (id, packed) in ids.iter().zip(new) {
                db.execute(
                    "UPDATE event_rows SET count = ?, packed = ? WHERE id = ?",
                    params![packed.len(), packed.bytes(), id],
                )?;
            }
            for id in ids.iter().skip(new.len()) {
                db.execute("DELETE FROM event_rows WHERE id = ?", [id])?;
            }
            db.execute("UPDATE days SET version = version + 1 WHERE id = ?", [day_id])?;
            Ok(true)
        })
    }

    async fn forget_hashes(&self, site: &str, day: Day) -> Result<()> {
        self.write(|db| db.day_id(site, day)?.map_or(Ok(()), |id| db.forget_hashes(id)))?;
        self.empty_log()
    }

    async fn forget_rows(&self, site: &str, first: Day) -> Result<()> {
        self.write(|db| {
            db.execute(
                "DELETE FROM event_rows
                 WHERE day_id IN (SELECT id FROM days WHERE site = ? AND day < ?)",
                params![site, first.to_string()],
            )
        })
    }

    async fn stage(&self, site: &str, day: Day, rebuilt: &Rebuilt) -> Result<(u64, u64)> {
        if rebuilt.keeps_visitors {
            return self.uniques(site, day).await;
        }
        Ok((rebuilt.visitors.len() as u64, rebuilt.confirmed.len() as u64))
    }

    async fn swap(&self, site: &str, day: Day, rebuilt: &Rebuilt, version: u64) -> Result<bool> {
        self.write(|db| {
            if db.version(site, day)? != version {
                return Ok(false);
            }
            let id = db.raise_version(site, day)?;
            db.execute("DELETE FROM counts WHERE day_id = ?", [id])?;
            db.add_counts(id, &rebuilt.fields)?;
            if rebuilt.keeps_visitors {
                return Ok(true);
            }
            db.execute("DELETE FROM uniques WHERE day_id = ?", [id])?;
            db.add_uniques(id, &rebuilt.visitors, &rebuilt.confirmed)?;
            Ok(true)
        })
    }

    async fn unstage(&self, _: &str, _: Day, _: &Rebuilt) -> Result<()> {
        Ok(())
    }
}
