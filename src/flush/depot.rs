//! An outbox and the file it is kept in.
//!
//! The rule that makes counts exact: nothing is sent before all that led to it is on disk. Where
//! that cannot be (a full or read-only disk), file and journal are made to say nothing, so that a
//! restart counts nothing a second time, and the outbox goes on in memory until the disk is well.

use super::log::Log;
use super::outbox::Outbox;
use crate::aggregate::Marks;
use crate::blocking::blocking;
use crate::journal::Journal;
use crate::node::random_name;
use std::io;
use std::path::Path;

/// The file is written anew when it is longer than this and twice what it was the last time.
const REWRITE_AFTER: u64 = 16 << 20;

/// Bytes that may wait where there is no file.
const IN_MEMORY: usize = 64 << 20;

/// What waits to be delivered, on disk if it can be.
pub struct Depot {
    pub(super) outbox: Outbox,
    disk: Option<Disk>,
}

struct Disk {
    log: Log,
    /// The file says all there is to say.
    whole: bool,
    rewritten: u64,
}

impl Depot {
    /// In memory only: what waits ends with the process. `node` must be unique per run of a
    /// process; `cap` is in bytes; at most `events_cap` events wait per parcel.
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
        let log = Log::open(path, |frame| {
            sense = outbox.redo(frame);
            sense
        })?;
        if !sense {
            outbox = Outbox::new(node, cap, events_cap);
        }
        outbox.write(true);
        let rewritten = log.size();
        Ok(Self { outbox, disk: Some(Disk { log, whole: true, rewritten }) })
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

    /// Puts on disk what has happened; with `sync` also past a power cut, and `journal`'s hits
    /// first, so that no increment outlives what the shards know of its hit.
    ///
    /// # Errors
    /// The disk's, when things went wrong; what happens from then on is not on disk.
    pub fn keep(&mut self, journal: Option<&Journal>, sync: bool) -> io::Result<()> {
        let Self { outbox, disk: Some(disk) } = self else { return Ok(()) };
        let done = blocking(|| disk.keep(outbox, journal, sync));
        if done.is_err() && disk.whole {
            disk.whole = false;
            outbox.write(false);
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
                outbox.is_written();
            }
            if self.log.size() > REWRITE_AFTER.max(2 * self.rewritten) {
                self.rewrite(outbox)?;
            }
        } else {
            self.rewrite(outbox)?;
            self.whole = true;
            outbox.write(true);
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
