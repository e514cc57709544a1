//! An outbox and the file it is kept in.
//!
//! The rule that makes counts exact: nothing is sent before all that led to it is on disk. Where
//! that cannot be (a full or read-only disk), file and journal are made to say nothing, so that a
//! restart counts nothing a second time, and the outbox goes on in memory until the disk is well.

use super::log::{Log, Version};
use super::outbox::Outbox;
use super::release2;
use crate::aggregate::Marks;
use crate::blocking::blocking;
use crate::journal::Journal;
use crate::model::random_name;
use std::io;
use std::path::Path;

/// The file is written anew when it is longer than this and twice what it had to say the last time.
const REWRITE_AFTER: u64 = 16 << 20;

/// Bytes that may wait where there is no file.
const IN_MEMORY: usize = 64 << 20;

/// What waits to be delivered, on disk if it can be.
pub struct DurableOutbox {
    pub(super) outbox: Outbox,
    disk: Option<Disk>,
}

struct Disk {
    log: Log,
    /// The file says all there is to say.
    whole: bool,
    rewritten: u64,
}

impl DurableOutbox {
    /// In memory only: what waits ends with the process. `node` must be unique per run of a
    /// process; `cap` is in bytes; at most `events_cap` events wait with the increments of one age.
    pub fn in_memory(node: String, cap: usize, events_cap: usize) -> Self {
        Self { outbox: Outbox::new(node, cap.min(IN_MEMORY), events_cap), disk: None }
    }

    /// In a file of a folder that the caller has locked, with what an earlier process left there.
    ///
    /// # Errors
    /// The disk's.
    pub fn on_disk(path: &Path, node: String, cap: usize, events_cap: usize) -> io::Result<Self> {
        let mut outbox = Outbox::new(node.clone(), cap, events_cap);
        let mut sense = true;
        let (log, version) = Log::open(path, |version, frame| {
            sense = match version.ops {
                2 => release2::translate(frame).is_some_and(|ops| outbox.redo(&ops)),
                _ => outbox.redo(frame),
            };
            sense
        })?;
        if !sense {
            outbox = Outbox::new(node, cap, events_cap);
        }
        // The size of what it holds, and not the file's length: if processes follow each other
        // quickly, none would see it double, and it would grow for ever.
        let rewritten = Log::size_of(|write| outbox.all(write))?;
        let mut disk = Disk { log, whole: true, rewritten };
        if version != Version::now() {
            outbox.translate_entries(version.hits);
            disk.rewrite(&outbox)?;
            let waiting = outbox.hits();
            tracing::info!("{}: {waiting} hits of an earlier version wait", path.display());
        }
        outbox.record(true);
        Ok(Self { outbox, disk: Some(disk) })
    }

    /// What is on disk, under a name of its own; `None`: there is not all of it.
    pub fn open_again(&self) -> Option<io::Result<Self>> {
        let disk = self.disk.as_ref().filter(|disk| disk.whole)?;
        let (node, cap, events_cap) = self.outbox.origin();
        // Of the same node, but another run: numbers begin anew.
        let node = node.split('.').next().unwrap_or(node);
        let node = format!("{node}.{}", random_name());
        Some(Self::on_disk(disk.log.path(), node, cap, events_cap))
    }

    /// The file may not say what is in memory: it is written anew before anything is sent.
    pub fn distrust(&mut self) {
        if let Some(disk) = &mut self.disk {
            disk.whole = false;
        }
    }

    /// Up to where increments are in here.
    pub fn marks(&self) -> &Marks {
        self.outbox.marks()
    }

    /// Hits that wait.
    pub fn hits(&self) -> u64 {
        self.outbox.hits()
    }

    /// Whether what waits outlives the process.
    pub fn is_safe(&self) -> bool {
        self.disk.as_ref().is_some_and(|disk| disk.whole)
    }

    /// Writes what has happened to the file. With `sync` it survives a power cut, and so does the
    /// `journal`, which goes first: no increment outlives its hit.
    ///
    /// # Errors
    /// The disk's, once. From then on all is in memory only, until a later call can write the file.
    pub fn keep(&mut self, journal: Option<&Journal>, sync: bool) -> io::Result<()> {
        let Self { outbox, disk: Some(disk) } = self else { return Ok(()) };
        let done = blocking(|| disk.keep(outbox, journal, sync));
        if done.is_err() && disk.whole {
            disk.whole = false;
            outbox.record(false);
            blocking(|| {
                if let Some(journal) = journal {
                    journal.void();
                }
                let _ = disk.log.void();
            });
            return done;
        }
        Ok(())
    }
}

impl Disk {
    fn keep(
        &mut self,
        outbox: &mut Outbox,
        journal: Option<&Journal>,
        sync: bool,
    ) -> io::Result<()> {
        if self.whole {
            if !outbox.unwritten().is_empty() {
                if let Some(journal) = journal.filter(|_| sync) {
                    journal.sync()?;
                }
                self.log.append(outbox.unwritten(), sync)?;
                outbox.forget_written();
            }
            if self.log.size() > REWRITE_AFTER.max(2 * self.rewritten) {
                self.rewrite(outbox)?;
            }
        } else {
            self.rewrite(outbox)?;
            self.whole = true;
            outbox.record(true);
            if let Some(journal) = journal {
                journal.resume();
            }
        }
        match journal.filter(|_| sync) {
            Some(journal) => journal.settle(),
            None => Ok(()),
        }
    }

    fn rewrite(&mut self, outbox: &Outbox) -> io::Result<()> {
        self.log.rewrite(|write| outbox.all(write))?;
        self.rewritten = self.log.size();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::Sealed;
    use crate::frames;
    use crate::model::Windows;
    use crate::model::rollup::{Dimension, Metric, field};
    use serde_json::json;

    /// However many processes there have been, the file is not much longer than what it has to say.
    #[test]
    fn the_file_stays_short_from_process_to_process() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("outbox");
        let open = || DurableOutbox::on_disk(&path, "node.run".to_owned(), 1 << 20, 10).unwrap();
        // Half a megabyte.
        let marks = |n| vec![u64::MAX - n; 60_000];
        for process in 0..12 {
            let mut durable = open();
            for n in 0..10 {
                let marks = marks(process * 10 + n);
                let sealed =
                    Sealed { windows: Windows::default(), marks, hits: Vec::new(), until: 0 };
                durable.outbox.add(sealed, &[]);
                durable.keep(None, false).unwrap();
            }
            let size = std::fs::metadata(&path).unwrap().len();
            assert!(size < 2 * REWRITE_AFTER, "{size} bytes after {process}");
        }
        assert_eq!(open().marks(), &marks(119));
    }

    /// A later version knows more of a batch, and its program is taken back.
    #[test]
    fn what_is_not_known_is_passed_over() {
        let batch = json!({
            "number": 1, "colour": "red", "site": "site", "day": "2026-11-29", "node": "a.b",
            "fields": [["total\u{1f}\u{1f}server", 3], ["moon\u{1f}\u{1f}server", 1]], "visitors": [[1, 2, 3, 4, 5, 6, 7, 8]],
            "confirmed": [], "events": {"count": 0, "packed": [], "layout": 4},
        });
        let ops = [
            json!({"Batches": {
                "key": ["site", "2026-11-29"], "change": {"Added": [{"hits": 3, "batch": batch}]},
            }}),
            json!({"Sealed": [7]}),
        ];
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("outbox");
        let mut bytes = [&b"hcoutbx3"[..], &[0; 8]].concat();
        for op in &ops {
            frames::write(&mut bytes, &rmp_serde::to_vec_named(op).unwrap()).unwrap();
        }
        std::fs::write(&path, bytes).unwrap();
        for _ in 0..2 {
            let mut durable =
                DurableOutbox::on_disk(&path, "node.run".to_owned(), 1 << 20, 10).unwrap();
            assert_eq!((durable.hits(), &durable.marks()[..]), (3, &[7][..]));
            let keys = durable.outbox.keys();
            let next = &durable.outbox.batches(&keys[0]).waiting()[0].batch;
            assert_eq!(next.fields, [(field(Dimension::Total, "", Metric::Server), 3)]);
            assert_eq!(next.visitors[0].bytes(), &[1, 2, 3, 4, 5, 6, 7, 8]);
        }
    }
}
