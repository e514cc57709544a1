//! Logs in the order of time.
//!
//! Of a rotated set one log begins where another ends, so one is read after the other. Logs of the
//! same time (of two servers, of two hosts) are read side by side, the oldest line first.

use super::format::{Format, Line};
use super::record::Record;
use super::resume::Log;
use super::source::{Next, Source};
use super::summary::{Summary, Why, shown};
use super::time::Times;
use crate::clock::Millis;
use anyhow::{Context, bail};
use chrono_tz::Tz;
use std::io;
use std::path::Path;

/// Lines by which a format is found.
const FIRST_LINES: usize = 50;

/// A log that is read.
pub struct Opened {
    pub source: Source,
    format: Format,
    times: Times,
    /// What is to be read of it.
    pub log: Log,
    /// The next line's time, where it is known.
    head: Option<Millis>,
    /// What went wrong.
    pub failed: Option<io::Error>,
}

/// Reads logs.
pub struct Reading {
    /// By their first lines' times.
    logs: Vec<Opened>,
    /// Those that have begun and not ended.
    open: Vec<usize>,
    /// The first that has not begun.
    next: usize,
}

impl Opened {
    /// Opens a log; `None`: it has no lines. `zone`: of times that name none.
    ///
    /// # Errors
    /// One line: it cannot be read, or its lines fit no format, or not this one.
    pub fn new(path: &Path, format: Option<&Format>, zone: Tz) -> anyhow::Result<Option<Self>> {
        let named = || path.display().to_string();
        let mut source = Source::open(path).with_context(named)?;
        let mut times = Times::new(zone);
        let lines = source.first_lines(FIRST_LINES).with_context(named)?;
        let Some(line) = lines.iter().find(|line| !line.is_empty()) else { return Ok(None) };
        let mut format = match format {
            Some(format) => format.clone(),
            None => match Format::found(&lines, &times) {
                Some((_, format)) => format,
                None => bail!(
                    "{}: no format is known that its lines fit; name it by --format. The first \
                     line is: {}",
                    named(),
                    shown(line)
                ),
            },
        };
        let mut first = None;
        let mut misfit = None;
        for (number, line) in (1..).zip(&lines) {
            match format.read(line, &mut times) {
                Line::Request(record) => first = first.or(Some(record.at)),
                Line::Misfit => misfit = misfit.or(Some((number, *line))),
                Line::Comment => {}
            }
        }
        let Some(first) = first else {
            let Some((number, line)) = misfit else { return Ok(None) };
            let line = shown(line);
            bail!("{}: the format does not fit, first in line {number}: {line}", named());
        };
        let mark = source.mark(first).with_context(named)?;
        let log = Log {
            name: source.name.clone(),
            mark,
            from: 0,
            left: Vec::new(),
            kept: Vec::new(),
            to: source.limit(),
        };
        let (head, failed) = (None, None);
        Ok(Some(Self { source, format, times, log, head, failed }))
    }

    /// Passes over what was imported before, unless some of it is still to be counted.
    fn begin(&mut self) -> io::Result<()> {
        if let Some(to) = self.log.to {
            self.source.end_at(to);
        }
        while self.log.left.is_empty() && self.source.at() < self.log.from {
            match self.source.next()? {
                Next::Line(from, to) => {
                    let line = self.source.line(from, to);
                    if line.starts_with(b"#") {
                        self.format.read(line, &mut self.times);
                    }
                    self.source.consume(to);
                }
                Next::TooLong => {}
                Next::End => break,
            }
        }
        Ok(())
    }

    /// Whether robots can be told from people, as far as is known.
    pub fn tells_agent(&self) -> bool {
        self.format.tells_agent()
    }

    /// Finds out of when the next line is that is a request's; `None`: there is none.
    fn peek(&mut self, summary: &mut Summary) -> Option<()> {
        loop {
            let (from, to) = self.line(summary)?;
            let line = self.source.line(from, to);
            match self.format.read(line, &mut self.times) {
                Line::Request(record) => {
                    self.head = Some(record.at);
                    return Some(());
                }
                Line::Comment => {}
                Line::Misfit => summary.misfit(&self.source.name, self.source.lines + 1, line),
            }
            self.source.consume(to);
        }
    }

    /// The next line's place; `None`: there is none.
    fn line(&mut self, summary: &mut Summary) -> Option<(usize, usize)> {
        loop {
            match self.source.next() {
                Ok(Next::Line(from, to)) => return Some((from, to)),
                Ok(Next::TooLong) => summary.not(Why::TooLong),
                Ok(Next::End) => return None,
                Err(error) => {
                    self.failed = Some(error);
                    return None;
                }
            }
        }
    }
}

/// A request's line, and where it stands.
pub struct Taken<'l> {
    pub record: Record<'l>,
    /// Which of the logs.
    pub log: usize,
    /// The byte of the log that it begins with.
    pub at: u64,
}

impl Reading {
    pub fn new(mut logs: Vec<Opened>) -> Self {
        logs.sort_by(|one, other| one.log.mark.cmp(&other.log.mark));
        Self { logs, open: Vec::new(), next: 0 }
    }

    pub fn logs(&self) -> &[Opened] {
        &self.logs
    }

    pub fn into_logs(self) -> Vec<Opened> {
        self.logs
    }

    /// Bytes that are read of the files as they are, and how many they have.
    pub fn progress(&self) -> (u64, Option<u64>) {
        let all = self.logs.iter().map(|log| log.source.progress());
        all.fold((0, Some(0)), |(done, total), (read, size)| {
            (done + read, total.zip(size).map(|(total, size)| total + size))
        })
    }

    /// Calls `take` with the next line that is a request's. False: all are read.
    pub fn next(
        &mut self,
        summary: &mut Summary,
        take: impl FnOnce(Taken<'_>, &mut Summary),
    ) -> bool {
        loop {
            let Some(which) = self.oldest() else { return false };
            let soon = self.logs.get(self.next).map(|next| next.log.mark.first);
            if self.open.len() > 1 && self.logs[which].head.is_none() {
                self.peek(which, summary);
                continue;
            }
            let log = &mut self.logs[which];
            let Some((from, to)) = log.line(summary) else {
                self.open.retain(|open| *open != which);
                continue;
            };
            let Opened { source, format, times, head, .. } = log;
            let line = source.line(from, to);
            match format.read(line, times) {
                Line::Request(record) if soon.is_some_and(|soon| soon <= record.at) => {
                    self.open_next();
                    continue;
                }
                Line::Request(record) => {
                    take(Taken { record, log: which, at: source.at() }, summary);
                    (*head, summary.lines) = (None, summary.lines + 1);
                    source.consume(to);
                    return true;
                }
                Line::Comment => {}
                Line::Misfit => summary.misfit(&source.name, source.lines + 1, line),
            }
            source.consume(to);
        }
    }

    /// Finds out of when a log's next line is.
    fn peek(&mut self, which: usize, summary: &mut Summary) {
        if self.logs[which].peek(summary).is_none() {
            self.open.retain(|open| *open != which);
        }
    }

    /// The log whose next line is the oldest.
    fn oldest(&mut self) -> Option<usize> {
        if self.open.is_empty() && self.next < self.logs.len() {
            self.open_next();
        }
        match self.open.as_slice() {
            [only] => Some(*only),
            // Those whose next line is not known are looked at first.
            several => several.iter().copied().min_by_key(|open| self.logs[*open].head),
        }
    }

    fn open_next(&mut self) {
        let log = &mut self.logs[self.next];
        if let Err(error) = log.begin() {
            log.failed = Some(error);
        } else {
            self.open.push(self.next);
        }
        self.next += 1;
    }
}
