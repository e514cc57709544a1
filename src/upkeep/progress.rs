//! How far a long command is: a bar on a terminal, plain lines in a log, nothing in the background.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;

pub struct Progress {
    kind: Kind,
}

enum Kind {
    Silent,
    Bar(ProgressBar),
    Lines { done: u64, total: u64 },
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

    /// There are so many more steps.
    pub fn expect(&mut self, steps: usize) {
        match &mut self.kind {
            Kind::Silent => {}
            Kind::Bar(bar) => bar.inc_length(steps as u64),
            Kind::Lines { total, .. } => *total += steps as u64,
        }
    }

    /// A step is done; `what` says which, in a word or two.
    pub fn step(&mut self, what: impl std::fmt::Display) {
        match &mut self.kind {
            Kind::Silent => {}
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
            Kind::Lines { .. } => eprintln!("{what}"),
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
