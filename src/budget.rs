//! A month's allowance of store commands, for a store that bills each.
//!
//! Half of it is for flushes: each is paid from credit that grows evenly, so the interval stretches
//! to what the budget bears and no count is lost, only later. Two fifths are for whoever reads the
//! numbers; what is left is for the daily job, secrets and the unforeseen. Credit saved in quiet
//! hours makes the first flushes after them prompt. Knows no store and no reader: both ask.

use crate::clock::{Clock, HOUR, Millis};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What a budget is for, and what a projection tells: 30 days.
const MONTH: Millis = 30 * 24 * HOUR;

/// Commands that one batch costs at most, those inside the script included.
pub const PER_BATCH: u64 = 8;

/// Shares of the budget, in percent.
const FLUSHES: u64 = 50;
const READS: u64 = 40;

/// Flushes that may be saved up.
const SAVED: u64 = 60;

/// A budget below this would keep counts for more than half an hour.
pub const LEAST: u64 = 25_000;

pub struct Budget {
    monthly: u64,
    clock: Clock,
    started: Millis,
    flushes: Mutex<Credit>,
    reads: Mutex<Credit>,
    /// Commands of this process so far, for the projection.
    spent: Box<dyn Fn() -> u64 + Send + Sync>,
}

/// Grows evenly with time, up to a limit.
struct Credit {
    /// In a month.
    rate: u64,
    most: f64,
    now: f64,
    at: Millis,
}

impl Credit {
    fn new(rate: u64, most: u64, now: u64, at: Millis) -> Self {
        Self { rate, most: most as f64, now: now as f64, at }
    }

    fn grow(&mut self, at: Millis) {
        // A clock put back gives nothing twice.
        let passed = (at - self.at).max(0);
        self.at = self.at.max(at);
        self.now = (self.now + self.rate as f64 * passed as f64 / MONTH as f64).min(self.most);
    }
}

impl Budget {
    /// `spent` gives the commands this process has sent.
    pub fn new(
        monthly: u64,
        clock: Clock,
        spent: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Self {
        let now = clock.now();
        let (flushes, reads) = (monthly * FLUSHES / 100, monthly * READS / 100);
        Self {
            monthly,
            started: now,
            flushes: Mutex::new(Credit::new(flushes, SAVED * PER_BATCH, PER_BATCH, now)),
            // A day's worth: the first look at a year.
            reads: Mutex::new(Credit::new(reads, reads / 30, reads / 30, now)),
            spent: Box::new(spent),
            clock,
        }
    }

    /// How far apart flushes of one (site, day) are while traffic is steady.
    pub fn interval(&self) -> Duration {
        let flushes = (self.monthly * FLUSHES / 100 / PER_BATCH).max(1);
        Duration::from_millis(MONTH as u64 / flushes)
    }

    /// Whether a flush can be paid for.
    pub fn may_flush(&self) -> bool {
        let mut credit = self.flushes.lock().unwrap_or_else(PoisonError::into_inner);
        credit.grow(self.clock.now());
        credit.now >= PER_BATCH as f64
    }

    /// So many batches were sent. More than there was credit for is paid off before the next.
    pub fn flushed(&self, batches: u64) {
        let mut credit = self.flushes.lock().unwrap_or_else(PoisonError::into_inner);
        credit.now -= (batches * PER_BATCH) as f64;
    }

    /// Whether the store may be asked for `commands`; then they are paid for.
    pub fn may_read(&self, commands: u64) -> bool {
        let mut credit = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        credit.grow(self.clock.now());
        let may = credit.now >= commands as f64;
        if may {
            credit.now -= commands as f64;
        }
        may
    }

    /// Commands were sent that could not be foreseen: days that had changed.
    pub fn read(&self, commands: u64) {
        let mut credit = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        credit.now -= commands as f64;
    }

    pub fn monthly(&self) -> u64 {
        self.monthly
    }

    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Commands of this process in 30 days, if it goes on as since its start.
    pub fn projection(&self) -> u64 {
        // What a start costs is not what every hour costs.
        let passed = (self.clock.now() - self.started).max(HOUR) as f64;
        ((self.spent)() as f64 * MONTH as f64 / passed) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SECOND;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    fn budget(monthly: u64) -> (Budget, Clock, Arc<AtomicU64>) {
        let (clock, spent) = (Clock::fixed(0), Arc::new(AtomicU64::new(0)));
        let counted = spent.clone();
        let budget = Budget::new(monthly, clock.clone(), move || counted.load(Ordering::Relaxed));
        (budget, clock, spent)
    }

    #[test]
    fn steady_traffic_is_flushed_as_often_as_half_the_budget_bears() {
        let (budget, clock, _) = budget(500_000);
        assert_eq!(budget.interval().as_secs(), 82);
        let mut batches = 0;
        for tick in 0..MONTH / (10 * SECOND) {
            clock.set(tick * 10 * SECOND);
            if budget.may_flush() {
                budget.flushed(1);
                batches += 1;
            }
        }
        assert!((31_000..=31_251).contains(&batches), "{batches}");
    }

    #[test]
    fn after_quiet_hours_flushes_are_prompt_and_a_large_one_is_paid_off() {
        let (budget, clock, _) = budget(500_000);
        clock.set(10 * HOUR);
        for _ in 0..SAVED {
            assert!(budget.may_flush());
            budget.flushed(1);
        }
        assert!(!budget.may_flush());
        budget.flushed(10);
        let wait = budget.interval().as_millis() as Millis;
        clock.set(10 * HOUR + 10 * wait);
        assert!(!budget.may_flush());
        clock.set(10 * HOUR + 11 * wait + SECOND);
        assert!(budget.may_flush());
        // A clock put back and forth again.
        budget.flushed(1);
        clock.set(0);
        budget.may_flush();
        clock.set(10 * HOUR + 11 * wait + SECOND);
        assert!(!budget.may_flush());
    }

    #[test]
    fn reads_are_refused_when_their_share_is_spent() {
        let (budget, clock, spent) = budget(300_000);
        assert!(budget.may_read(4_000) && !budget.may_read(1));
        clock.set(6 * HOUR);
        assert!(budget.may_read(1_000) && !budget.may_read(1));
        budget.read(1_000);
        clock.set(12 * HOUR);
        assert!(!budget.may_read(1));
        spent.store(700, Ordering::Relaxed);
        clock.set(24 * HOUR);
        assert_eq!(budget.projection(), 21_000);
    }
}
