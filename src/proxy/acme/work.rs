//! The task: looks what is due, orders it and keeps what comes of it. When something fails it
//! waits, longer each time.

use super::order::{Authority, Failure};
use super::plan::{self, Fingerprint, Plan, Wanted};
use super::shared::Shared;
use super::state::{self, Limited, State, spread};
use super::windows::Windows;
use super::{Acme, Certificate, date, usable};
use crate::clock::{HOUR, MINUTE, Millis, SECOND};
use crate::supervise::{Task, Tasks};
use crate::telemetry::OrderOutcome;
use instant_acme::Account;
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// An order that takes longer has failed; shorter than nodes believe each other to be at it.
const ORDER: Duration = Duration::from_secs(150);

/// The clock may be set, and the machine may sleep: it is looked at this often.
const LOOK: Millis = 30 * SECOND;

/// When another process or node is at it.
const AGAIN: Millis = 5 * SECOND;

/// How often it is looked what other nodes have, when there is no other reason.
const SHARED: Millis = HOUR;

/// The pause after the authority could not be asked; each further one takes twice as long.
const FIRST_PAUSE: Millis = 5 * SECOND;
const LONGEST_PAUSE: Millis = HOUR;

/// How long to leave an authority alone that has set a limit and does not say for how long.
const LIMIT: Millis = HOUR;

/// After an order that ended in a panic.
const PANICKED: Millis = 5 * MINUTE;

pub async fn run(acme: &Acme, tasks: &Tasks) {
    let work = || async {
        let mut work = Work::begin(acme);
        loop {
            tasks.turn(Task::Acme);
            let next = work.turn().await;
            let pause = (next - acme.clock.now()).clamp(SECOND, LOOK);
            sleep(Duration::from_millis(pause.unsigned_abs())).await;
        }
    };
    tasks.keep(Task::Acme, work).await
}

struct Work<'a> {
    acme: &'a Acme,
    state: State,
    /// Those of the state, the newest first.
    usable: Vec<(Fingerprint, Certificate)>,
    windows: Windows,
    /// It has changed, and is not kept yet.
    unsaved: bool,
    /// Nothing is done before.
    rest: Millis,
    /// In a row.
    failures: u32,
    /// When to look what other nodes have.
    look_shared: Millis,
}

/// Whether to go on with the orders that are left.
enum Then {
    GoOn,
    Stop,
}

impl<'a> Work<'a> {
    fn begin(acme: &'a Acme) -> Self {
        let panicked = acme.ordering.swap(0, Ordering::Relaxed);
        let mut work = Self {
            acme,
            state: State::default().begun(&acme.settings.directory),
            usable: Vec::new(),
            windows: Windows::default(),
            unsaved: false,
            rest: if panicked > 0 { panicked + PANICKED } else { 0 },
            failures: 0,
            look_shared: 0,
        };
        // Where it cannot be read, the first turn says so.
        if let Ok(Some(kept)) = acme.folder.read() {
            work.take_up(kept.begun(&acme.settings.directory));
        }
        work
    }

    /// Does what is due. Gives when to look again.
    async fn turn(&mut self) -> Millis {
        if self.acme.clock.now() < self.rest {
            return self.rest;
        }
        match self.look().await {
            Ok(next) => next,
            Err(error) => {
                self.away(&format!("{error:#}"));
                self.rest
            }
        }
    }

    async fn look(&mut self) -> anyhow::Result<Millis> {
        let now = self.acme.clock.now();
        self.ask_windows(now).await;
        let plan = self.plan();
        let shared_due = self.acme.shared.is_some() && now >= self.look_shared;
        if plan.orders.is_empty() && !shared_due && !self.unsaved {
            return Ok(self.next(&plan));
        }
        let Some(_lock) = self.acme.folder.lock()? else { return Ok(now + AGAIN) };
        match self.acme.folder.read() {
            Ok(Some(kept)) => self.take_up_newer(kept),
            Ok(None) => {}
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                let aside = self.acme.folder.put_aside()?;
                let now = "account and certificates are ordered anew";
                tracing::warn!("{error}; it is damaged, and now {}: {now}", aside.display());
            }
            Err(error) => return Err(error.into()),
        }
        if self.unsaved {
            self.save().await?;
        }
        match &self.acme.shared {
            None => self.order_due().await?,
            Some(shared) => {
                self.share(shared).await?;
                self.look_shared = now + SHARED;
                if !self.plan().orders.is_empty() {
                    if !shared.lease(now).await? {
                        return Ok(now + AGAIN);
                    }
                    let done = self.order_shared(shared).await;
                    shared.release(self.acme.clock.now()).await?;
                    done?;
                }
            }
        }
        // Of those that came just now.
        self.ask_windows(now).await;
        let plan = self.plan();
        let next = if plan.orders.is_empty() { self.next(&plan) } else { now };
        Ok(self.rest.max(next))
    }

    async fn order_due(&mut self) -> anyhow::Result<()> {
        let orders = self.plan().orders;
        if orders.is_empty() {
            return Ok(());
        }
        self.acme.ordering.store(self.acme.clock.now(), Ordering::Relaxed);
        let done = self.order_all(orders.into()).await;
        self.acme.ordering.store(0, Ordering::Relaxed);
        done
    }

    /// The same with the lease.
    async fn order_shared(&mut self, shared: &Shared) -> anyhow::Result<()> {
        // The node before may have ended in between.
        self.share(shared).await?;
        self.order_due().await
    }

    /// Takes up what other nodes have, or gives them what is newer here.
    async fn share(&mut self, shared: &Shared) -> anyhow::Result<()> {
        let (other, stored) = shared.state().await?;
        let version = other.as_ref().map(|other| other.version);
        if version < Some(self.state.version) && self.state.version > 0 {
            shared.put_state(&stored, &self.state).await?;
        } else if let Some(other) = other {
            let before = self.state.version;
            self.take_up_newer(other);
            if self.state.version != before {
                self.acme.folder.write(&self.state)?;
            }
        }
        Ok(())
    }

    fn plan(&self) -> Plan {
        let window = |certificate: &state::Certificate| self.windows.of(certificate);
        plan::plan(&self.acme.names, &self.state, window, self.acme.clock.now())
    }

    fn next(&self, plan: &Plan) -> Millis {
        let shared = self.acme.shared.is_some().then_some(self.look_shared);
        let next = [plan.next, self.windows.next(), shared].into_iter().flatten().min();
        next.unwrap_or(Millis::MAX)
    }

    /// Goes on with another state than the one in use.
    fn take_up(&mut self, state: State) {
        if state.certificates != self.state.certificates {
            self.usable = usable(&state);
            let certificates = self.usable.iter().map(|(_, certificate)| certificate.clone());
            self.acme.certificates.issue(certificates.collect());
        }
        self.state = state;
    }

    fn take_up_newer(&mut self, other: State) {
        if other.directory == self.state.directory && other.version > self.state.version {
            self.take_up(other);
        }
    }

    /// Keeps the state, which has changed.
    async fn keep(&mut self) -> anyhow::Result<()> {
        self.state.version += 1;
        self.unsaved = true;
        self.save().await
    }

    async fn save(&mut self) -> anyhow::Result<()> {
        self.acme.folder.write(&self.state)?;
        if let Some(shared) = &self.acme.shared {
            let (other, stored) = shared.state().await?;
            // What another authority's nodes have left, or a node before us, is replaced.
            let newer = other.is_some_and(|other| {
                other.directory == self.state.directory && other.version > self.state.version
            });
            if newer || !shared.put_state(&stored, &self.state).await? {
                tracing::warn!("another node has ordered certificates meanwhile");
                self.look_shared = 0;
            }
        }
        self.unsaved = false;
        Ok(())
    }

    /// Asks when certificates are to be renewed, those whose turn it is.
    async fn ask_windows(&mut self, now: Millis) {
        let due = self.windows.due(&self.state, now);
        if due.is_empty() {
            return;
        }
        let authority = self.authority();
        // Whether there is to be a new account is decided when something is ordered.
        let account = match (&authority, &self.state.account) {
            (Ok(authority), Some(_)) => authority.account(&mut self.state.clone()).await.ok(),
            _ => None,
        };
        for own in due {
            let told = match (&authority, &account, self.usable(own)) {
                (Ok(authority), Some((account, _)), Some(certificate)) => {
                    authority.window(account, certificate).await
                }
                _ => Err(Failure::Away("the authority cannot be asked".to_owned())),
            };
            self.windows.told(own, told, now);
        }
    }

    fn authority(&self) -> anyhow::Result<Authority<'a>> {
        let Acme { settings, clock, challenges, shared, .. } = self.acme;
        Authority::new(settings, clock, challenges, shared.as_ref())
    }

    async fn order_all(&mut self, mut orders: VecDeque<Wanted>) -> anyhow::Result<()> {
        let acme = self.acme;
        let authority = self.authority()?;
        let mut account = None;
        while let Some(wanted) = orders.pop_front() {
            if let Some(shared) = &acme.shared
                && !shared.lease(acme.clock.now()).await?
            {
                return Ok(());
            }
            let ordered = timeout(ORDER, self.order(&authority, &mut account, &wanted)).await;
            let ordered = ordered.unwrap_or_else(|_| {
                Err(Failure::Away(format!("the order was not done within {ORDER:?}")))
            });
            acme.telemetry.orders(outcome(&ordered)).inc();
            let before = self.state.clone();
            let then = match ordered {
                Ok(certificate) => self.issued(certificate, &wanted),
                Err(failure) => self.failed(failure, wanted, &mut orders),
            };
            if self.state != before {
                self.keep().await?;
            }
            if let Then::Stop = then {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn order(
        &mut self,
        authority: &Authority<'_>,
        account: &mut Option<Account>,
        wanted: &Wanted,
    ) -> Result<state::Certificate, Failure> {
        let replaced = wanted.replaces.and_then(|replaced| self.usable(replaced)).cloned();
        let mut second = false;
        loop {
            let known = match account.take() {
                Some(known) => known,
                None => self.account(authority).await?,
            };
            match authority.order(&known, wanted, replaced.as_ref()).await {
                Err(Failure::NoAccount) if !second => {
                    tracing::warn!("the authority does not know the account; it gets a new one");
                    self.state.account = None;
                    second = true;
                }
                ordered => {
                    *account = Some(known);
                    let (chain, key) = ordered?;
                    return self.made(chain, key);
                }
            }
        }
    }

    async fn account(&mut self, authority: &Authority<'_>) -> Result<Account, Failure> {
        let (account, changed) = authority.account(&mut self.state).await?;
        if changed {
            let kept = self.keep().await;
            kept.map_err(|error| Failure::Away(format!("{error:#}")))?;
        }
        Ok(account)
    }

    fn usable(&self, fingerprint: Fingerprint) -> Option<&Certificate> {
        self.usable.iter().find(|(own, _)| *own == fingerprint).map(|(_, certificate)| certificate)
    }

    fn made(&self, chain: String, key: String) -> Result<state::Certificate, Failure> {
        let read = Certificate::from_pem(&chain, &key);
        let read = read.map_err(|error| Failure::Away(format!("its certificate: {error:#}")))?;
        let ordered = self.acme.clock.now();
        let Certificate { names, from, until, .. } = read;
        if until <= ordered {
            return Err(Failure::Away("its certificate is not valid any more".to_owned()));
        }
        let directory = self.state.directory.clone();
        Ok(state::Certificate { directory, names, from, until, ordered, chain, key })
    }

    fn issued(&mut self, certificate: state::Certificate, wanted: &Wanted) -> Then {
        let (names, until) = (certificate.names.clone(), certificate.until);
        let mut state = self.state.clone();
        state.issued(certificate, &self.acme.names);
        self.take_up(state);
        tracing::info!("certificate until {}: {}", date(until), names.join(", "));
        for name in wanted.names.iter().filter(|name| !names.contains(name)) {
            self.name_failed(name, "the authority has left it out".to_owned());
        }
        self.failures = 0;
        Then::GoOn
    }

    fn failed(&mut self, failure: Failure, wanted: Wanted, orders: &mut VecDeque<Wanted>) -> Then {
        let Wanted { names, replaces } = wanted;
        match failure {
            Failure::Names(failed) => {
                let left: Vec<String> =
                    names.iter().filter(|name| !failed.contains_key(*name)).cloned().collect();
                if left.len() == names.len() {
                    self.away("the authority blames names that were not ordered");
                    return Then::Stop;
                }
                for (name, why) in failed.into_iter().filter(|(name, _)| names.contains(name)) {
                    self.name_failed(&name, why);
                }
                if !left.is_empty() {
                    orders.push_front(Wanted { names: left, replaces });
                }
                Then::GoOn
            }
            Failure::Refused(why) if names.len() == 1 => {
                self.name_failed(&names[0], why);
                Then::GoOn
            }
            // It is found out which of them is the reason.
            Failure::Refused(why) => {
                tracing::warn!("refused, and tried in halves: {}: {why}", names.join(", "));
                for half in names.chunks(names.len().div_ceil(2)).rev() {
                    orders.push_front(Wanted { names: half.to_vec(), replaces });
                }
                Then::GoOn
            }
            Failure::Limited { why, until } => {
                let now = self.acme.clock.now();
                let pause = until.map_or(LIMIT, |until| (until - now).max(SECOND));
                let until = now + spread(pause, fastrand::f64());
                tracing::warn!("nothing is ordered before {}: {why}", date(until));
                self.state.limited = Some(Limited { until, why });
                Then::Stop
            }
            Failure::NoAccount => {
                self.away("the authority does not know the account that it has just opened");
                Then::Stop
            }
            Failure::Away(why) => {
                self.away(&why);
                Then::Stop
            }
        }
    }

    fn name_failed(&mut self, name: &str, why: String) {
        let now = self.acme.clock.now();
        let until = date(self.state.failed(name, why.clone(), now, fastrand::f64()));
        tracing::warn!("no certificate for {name}, tried again at {until}: {why}");
    }

    /// The authority, the store or the disk is away: everything waits for a while.
    fn away(&mut self, why: &str) {
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(16)).min(LONGEST_PAUSE);
        let pause = spread(pause, fastrand::f64());
        self.failures += 1;
        self.rest = self.acme.clock.now() + pause;
        let seconds = pause / SECOND;
        tracing::warn!("certificates cannot be ordered, tried again in {seconds} s: {why}");
    }
}

fn outcome<T>(ordered: &Result<T, Failure>) -> OrderOutcome {
    match ordered {
        Ok(_) => OrderOutcome::Issued,
        Err(Failure::Names(_) | Failure::Refused(_)) => OrderOutcome::Rejected,
        Err(Failure::Limited { .. }) => OrderOutcome::Limited,
        Err(Failure::NoAccount | Failure::Away(_)) => OrderOutcome::Failed,
    }
}
