//! How far a long command is: a bar on a terminal, plain lines in a log, nothing in the background.

use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// How often a log has a line of something that is measured in bytes.
const LINE_EVERY: Duration = Duration::from_secs(10);

pub struct Progress {
    kind: Kind,
}

enum Kind {
    Silent,
    Bar(ProgressBar),
    Lines {
        done: u64,
        total: u64,
    },
    /// Of so many bytes, if that is known; when the last line was written.
    Bytes {
        total: Option<u64>,
        began: Instant,
        said: Instant,
    },
}

impl Progress {
    /// Says nothing.
    pub fn silent() -> Self {
        Self { kind: Kind::Silent }
    }

    /// Shows itself on standard error.
    pub fn shown() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self { kind: Kind::Lines { done: 0, total: 0 } };
        }
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}") {
            bar.set_style(style);
        }
        Self { kind: Kind::Bar(bar) }
    }

    /// The same of something that is read, `total` bytes of it, if that is known.
    pub fn of_bytes(total: Option<u64>) -> Self {
        if !std::io::stderr().is_terminal() {
            let now = Instant::now();
            return Self { kind: Kind::Bytes { total, began: now, said: now } };
        }
        let bar = match total {
            Some(total) => ProgressBar::new(total),
            None => ProgressBar::no_length(),
        };
        let template = match total {
            Some(_) => "{bar:30} {bytes}/{total_bytes}, {eta} left, {msg}",
            None => "{spinner} {bytes}, {msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { kind: Kind::Bar(bar) }
    }

    /// So many bytes are read; `what` says more of it.
    pub fn reach(&mut self, done: u64, what: impl FnOnce(Duration) -> String) {
        match &mut self.kind {
            Kind::Silent | Kind::Lines { .. } => {}
            Kind::Bar(bar) => {
                bar.set_position(done);
                bar.set_message(what(bar.elapsed()));
            }
            Kind::Bytes { total, began, said } => {
                if said.elapsed() < LINE_EVERY {
                    return;
                }
                *said = Instant::now();
                let what = what(began.elapsed());
                match total.filter(|total| done > 0 && *total >= done) {
                    Some(total) => {
                        let left = began.elapsed().mul_f64((total - done) as f64 / done as f64);
                        let (done, total) = (HumanBytes(done), HumanBytes(total));
                        eprintln!("{done} of {total}, {} left, {what}", HumanDuration(left));
                    }
                    None => eprintln!("{}, {what}", HumanBytes(done)),
                }
            }
        }
    }

    /// There are so many more steps.
    pub fn expect(&mut self, steps: usize) {
        match &mut self.kind {
            Kind::Silent | Kind::Bytes { .. } => {}
            Kind::Bar(bar) => bar.inc_length(steps as u64),
            Kind::Lines { total, .. } => *total += steps as u64,
        }
    }

    /// A step is done; `what` says which, in a word or two.
    pub fn step(&mut self, what: impl std::fmt::Display) {
        match &mut self.kind {
            Kind::Silent | Kind::Bytes { .. } => {}
            Kind::Bar(bar) => {
                bar.set_message(what.to_string());
                bar.inc(1);
            }
            Kind::Lines { done, total } => {
                *done += 1;
                eprintln!("{done}/{total} {what}");
            }
        }
    }

    /// Something worth a line that stays.
    pub fn say(&mut self, what: impl std::fmt::Display) {
        match &mut self.kind {
            Kind::Silent => tracing::info!("{what}"),
            Kind::Bar(bar) => bar.suspend(|| eprintln!("{what}")),
            Kind::Lines { .. } | Kind::Bytes { .. } => eprintln!("{what}"),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Kind::Bar(bar) = &self.kind {
            bar.finish_and_clear();
        }
    }
}
