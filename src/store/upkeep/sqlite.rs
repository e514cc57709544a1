//! Upkeep of a SQLite file.

use super::{Rebuilt, Sketches, Upkeep};
use crate::clock::Millis;
use crate::model::rollup::DayCounts;
use crate::model::row::RowsOf;
use crate::model::site::{Day, Month};
use crate::model::{PackedRows, VisitorHash};
use crate::store::sqlite::SqliteStore;
use crate::store::tables::{CONFIRMED, Session, VISITOR, columns, is_secret_of, secret_name};
use crate::store::{Reads, Result, Secret};
use async_trait::async_trait;
use rusqlite::params;

impl Session<'_> {
    fn kept(&self, site: &str) -> rusqlite::Result<Vec<Day>> {
        let days =
            self.rows("SELECT day FROM days WHERE site = ? ORDER BY day", [site], |row| {
                row.get::<_, String>(0)
            })?;
        Ok(days.iter().filter_map(|day| day.parse().ok()).collect())
    }

    fn fold(&self, site: &str, day: Day, moves: &[(String, String)]) -> rusqlite::Result<()> {
        let Some(id) = self.day_id(site, day)? else { return Ok(()) };
        for (from, to) in moves {
            let (dimension, value, metric) = columns(from);
            let (to_dimension, to_value, to_metric) = columns(to);
            self.execute(
                "INSERT INTO counts (day_id, dimension, value, metric, count)
                 SELECT day_id, ?, ?, ?, count FROM counts
                 WHERE day_id = ? AND dimension = ? AND value = ? AND metric = ?
                 ON CONFLICT DO UPDATE SET count = count + excluded.count",
                params![to_dimension, to_value, to_metric, id, dimension, value, metric],
            )?;
            self.execute(
                "DELETE FROM counts
                 WHERE day_id = ? AND dimension = ? AND value = ? AND metric = ?",
                params![id, dimension, value, metric],
            )?;
        }
        self.execute("UPDATE days SET version = version + 1 WHERE id = ?", [id])
    }

    fn put_month(
        &self,
        site: &str,
        month: Month,
        fields: &[(String, i64)],
        freeze: bool,
    ) -> rusqlite::Result<bool> {
        let month = month.to_string();
        let id: Option<i64> = self.value(
            "INSERT INTO months (site, month, version, frozen) VALUES (?, ?, 1, ?)
             ON CONFLICT DO UPDATE SET version = version + 1, frozen = excluded.frozen
             WHERE frozen = 0 RETURNING id",
            params![site, month, freeze],
        )?;
        let Some(id) = id else { return Ok(false) };
        self.execute("DELETE FROM month_counts WHERE month_id = ?", [id])?;
        for (field, count) in fields {
            let (dimension, value, metric) = columns(field);
            self.execute(
                "INSERT INTO month_counts (month_id, dimension, value, metric, count)
                 VALUES (?, ?, ?, ?, ?)",
                params![id, dimension, value, metric, count],
            )?;
        }
        Ok(true)
    }

    fn forget(&self, site: &str, day: Day) -> rusqlite::Result<()> {
        let salt = Secret::Salt { site: site.into(), day };
        self.execute("DELETE FROM secrets WHERE name = ?", [secret_name(&salt)])?;
        let Some(id) = self.day_id(site, day)? else { return Ok(()) };
        for sql in [
            "DELETE FROM event_rows WHERE day_id = ?",
            "DELETE FROM uniques WHERE day_id = ?",
            "DELETE FROM counts WHERE day_id = ?",
            "DELETE FROM markers WHERE day_id = ?",
            "DELETE FROM days WHERE id = ?",
        ] {
            self.execute(sql, [id])?;
        }
        Ok(())
    }

    fn kept_months(&self, site: &str) -> rusqlite::Result<Vec<Month>> {
        let sql = "SELECT month FROM months WHERE site = ? ORDER BY month";
        let months = self.rows(sql, [site], |row| row.get::<_, String>(0))?;
        Ok(months.iter().filter_map(|month| month.parse().ok()).collect())
    }

    fn forget_month(&self, site: &str, month: Month) -> rusqlite::Result<()> {
        let Some((id, ..)) = self.month_version(site, month)? else { return Ok(()) };
        self.execute("DELETE FROM month_counts WHERE month_id = ?", [id])?;
        self.execute("DELETE FROM months WHERE id = ?", [id])
    }

    fn forget_rest(&self, site: &str) -> rusqlite::Result<()> {
        let names = self.rows("SELECT name FROM secrets", [], |row| row.get::<_, String>(0))?;
        for name in names.iter().filter(|name| is_secret_of(site, name)) {
            self.execute("DELETE FROM secrets WHERE name = ?", [name])?;
        }
        Ok(())
    }

    fn sketches(&self, site: &str, day: Day) -> rusqlite::Result<Sketches> {
        let id = self.day_id(site, day)?;
        let members = |kind: &str| {
            let sql = "SELECT visitor FROM uniques WHERE day_id = ? AND kind = ?";
            self.rows(sql, params![id, kind], |row| Ok(VisitorHash::from_stored(row.get(0)?)))
        };
        Ok(Sketches::Hashes([members(VISITOR)?, members(CONFIRMED)?]))
    }

    fn swap(&self, site: &str, day: Day, new: &Rebuilt, version: u64) -> rusqlite::Result<bool> {
        if self.version(site, day)? != version {
            return Ok(false);
        }
        let id: Option<i64> = self.value(
            "INSERT INTO days (site, day, version) VALUES (?, ?, 1)
             ON CONFLICT DO UPDATE SET version = version + 1 RETURNING id",
            params![site, day.to_string()],
        )?;
        self.execute("DELETE FROM counts WHERE day_id = ?", [id])?;
        for (field, count) in &new.fields {
            let (dimension, value, metric) = columns(field);
            self.execute(
                "INSERT INTO counts (day_id, dimension, value, metric, count)
                 VALUES (?, ?, ?, ?, ?)",
                params![id, dimension, value, metric, count],
            )?;
        }
        if new.keeps_visitors {
            return Ok(true);
        }
        self.execute("DELETE FROM uniques WHERE day_id = ?", [id])?;
        let visitors = new.visitors.iter().map(|visitor| (VISITOR, visitor));
        let confirmed = new.confirmed.iter().map(|visitor| (CONFIRMED, visitor));
        for (kind, visitor) in visitors.chain(confirmed) {
            self.execute(
                "INSERT OR IGNORE INTO uniques (day_id, kind, visitor) VALUES (?, ?, ?)",
                params![id, kind, visitor.bytes()],
            )?;
        }
        Ok(true)
    }

    /// As [`Upkeep::replace_rows`]; `ends` are the first and the last of `count` old blocks. The new
    /// ones take their ids, so that the order stays.
    fn replace_rows(
        &self,
        (site, day, of): (&str, Day, RowsOf),
        (from, count): (usize, usize),
        ends: [&PackedRows; 2],
        new: &[PackedRows],
    ) -> rusqlite::Result<bool> {
        let Some(day_id) = self.day_id(site, day)? else { return Ok(false) };
        let ids: Vec<i64> = self.rows(
            "SELECT id FROM event_rows WHERE day_id = ? AND of = ? ORDER BY id LIMIT ? OFFSET ?",
            params![day_id, of.as_str(), count, from],
            |row| row.get(0),
        )?;
        let (Some(first), Some(last)) = (ids.first(), ids.last()) else { return Ok(false) };
        for (id, end) in [first, last].into_iter().zip(ends) {
            let sql = "SELECT packed = ? FROM event_rows WHERE id = ?";
            if ids.len() != count || self.value(sql, params![end.bytes(), id])? != Some(true) {
                return Ok(false);
            }
        }
        for (id, packed) in ids.iter().zip(new) {
            self.execute(
                "UPDATE event_rows SET count = ?, packed = ? WHERE id = ?",
                params![packed.len(), packed.bytes(), id],
            )?;
        }
        for id in ids.iter().skip(new.len()) {
            self.execute("DELETE FROM event_rows WHERE id = ?", [id])?;
        }
        self.execute("UPDATE days SET version = version + 1 WHERE id = ?", [day_id])?;
        Ok(true)
    }

    fn forget_hashes(&self, site: &str, day: Day) -> rusqlite::Result<()> {
        let Some(id) = self.day_id(site, day)? else { return Ok(()) };
        self.execute("UPDATE uniques SET visitor = randomblob(8) WHERE day_id = ?", [id])
    }

    fn forget_rows(&self, site: &str, first: Day) -> rusqlite::Result<()> {
        self.execute(
            "DELETE FROM event_rows
             WHERE day_id IN (SELECT id FROM days WHERE site = ? AND day < ?)",
            params![site, first.to_string()],
        )
    }

    fn day_id(&self, site: &str, day: Day) -> rusqlite::Result<Option<i64>> {
        self.value("SELECT id FROM days WHERE site = ? AND day = ?", params![site, day.to_string()])
    }

    /// The version of a month, and whether it is frozen.
    fn month_version(
        &self,
        site: &str,
        month: Month,
    ) -> rusqlite::Result<Option<(i64, u64, bool)>> {
        let found = self.rows(
            "SELECT id, version, frozen FROM months WHERE site = ? AND month = ?",
            params![site, month.to_string()],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )?;
        Ok(found.into_iter().next())
    }

    pub(in crate::store) fn frozen(&self, site: &str, month: Month) -> rusqlite::Result<u64> {
        let found = self.month_version(site, month)?;
        Ok(found.filter(|(_, _, frozen)| *frozen).map_or(0, |(_, version, _)| version))
    }

    pub(in crate::store) fn month(&self, site: &str, month: Month) -> rusqlite::Result<DayCounts> {
        let mut counts = DayCounts::default();
        if let Some((id, version, _)) = self.month_version(site, month)? {
            counts.version = version;
            let sql = "SELECT dimension, value, metric, count FROM month_counts WHERE month_id = ?";
            self.counts(sql, id, &mut counts)?;
        }
        Ok(counts)
    }
}

#[async_trait]
impl Upkeep for SqliteStore {
    async fn trim(&self, site: &str, cap: usize, now: Millis) -> Result<()> {
        let name = site.to_owned();
        let rows = self.write(move |db| db.trim(&name, cap, now)).await?;
        self.tally().trimmed(site, rows);
        self.empty_log().await
    }

    fn rows_held(&self, site: &str) -> Option<u64> {
        self.tally().held(site)
    }

    async fn kept(&self, site: &str) -> Result<Vec<Day>> {
        let site = site.to_owned();
        self.read(move |db| db.kept(&site)).await
    }

    async fn fold(&self, site: &str, day: Day, moves: &[(String, String)]) -> Result<()> {
        let (site, moves) = (site.to_owned(), moves.to_vec());
        self.write(move |db| db.fold(&site, day, &moves)).await
    }

    async fn put_month(
        &self,
        site: &str,
        month: Month,
        fields: &[(String, i64)],
        freeze: bool,
    ) -> Result<bool> {
        let (site, fields) = (site.to_owned(), fields.to_vec());
        self.write(move |db| db.put_month(&site, month, &fields, freeze)).await
    }

    async fn forget(&self, site: &str, day: Day) -> Result<()> {
        let site = site.to_owned();
        self.write(move |db| db.forget(&site, day)).await
    }

    async fn kept_months(&self, site: &str) -> Result<Vec<Month>> {
        let site = site.to_owned();
        self.read(move |db| db.kept_months(&site)).await
    }

    async fn forget_month(&self, site: &str, month: Month) -> Result<()> {
        let site = site.to_owned();
        self.write(move |db| db.forget_month(&site, month)).await
    }

    async fn forget_rest(&self, site: &str) -> Result<()> {
        let site = site.to_owned();
        self.write(move |db| db.forget_rest(&site)).await
    }

    async fn sketches(&self, site: &str, day: Day) -> Result<Sketches> {
        let site = site.to_owned();
        self.read(move |db| db.sketches(&site, day)).await
    }

    async fn replace_rows(
        &self,
        site: &str,
        day: Day,
        of: RowsOf,
        from: usize,
        old: &[PackedRows],
        new: &[PackedRows],
    ) -> Result<bool> {
        let (Some(first), Some(last)) = (old.first(), old.last()) else { return Ok(false) };
        if new.is_empty() || new.len() > old.len() {
            return Ok(false);
        }
        let (site, place) = (site.to_owned(), (from, old.len()));
        let (first, last, new) = (first.clone(), last.clone(), new.to_vec());
        self.write(move |db| db.replace_rows((&site, day, of), place, [&first, &last], &new)).await
    }

    async fn forget_hashes(&self, site: &str, day: Day) -> Result<()> {
        let site = site.to_owned();
        self.write(move |db| db.forget_hashes(&site, day)).await?;
        self.empty_log().await
    }

    async fn forget_rows(&self, site: &str, first: Day) -> Result<()> {
        let site = site.to_owned();
        self.write(move |db| db.forget_rows(&site, first)).await
    }

    async fn stage(&self, site: &str, day: Day, rebuilt: &Rebuilt, _: &str) -> Result<(u64, u64)> {
        if rebuilt.keeps_visitors {
            return self.uniques(site, day).await;
        }
        Ok((rebuilt.visitors.len() as u64, rebuilt.confirmed.len() as u64))
    }

    async fn swap(
        &self,
        site: &str,
        day: Day,
        rebuilt: &Rebuilt,
        _: &str,
        version: u64,
    ) -> Result<bool> {
        let (site, rebuilt) = (site.to_owned(), rebuilt.clone());
        self.write(move |db| db.swap(&site, day, &rebuilt, version)).await
    }

    async fn unstage(&self, _: &str, _: Day, _: &str) -> Result<()> {
        Ok(())
    }
}
