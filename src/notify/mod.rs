//! What people are told without looking: a report by mail each week or month, and an alert where
//! traffic rises, falls, or robots come in numbers.
//!
//! Beside the line of rooms, after [`crate::report`], whose answers it writes out. [`due`] says when
//! a report is to be sent and [`alert`] what is unusual, both without a clock or a store; [`message`]
//! writes it; [`send`] delivers it by SMTP or to a webhook. Before a message is sent it is claimed in
//! the store ([`claim`]), so only one node sends it. If a node dies while it sends, the message may
//! have arrived: it is not sent again, and the log and the dashboard say so.

mod alert;
mod claim;
mod due;
mod message;
mod send;

pub use send::Sender;

use crate::budget::Budget;
use crate::clock::{Clock, HOUR, MINUTE, Millis};
use crate::config::{Address, NotifySettings, Reports};
use crate::model::site::Site;
use crate::report::{Days, Range};
use crate::store::{Reads, Result, SharedValues, Store};
use crate::supervise::{Task, Tasks};
use crate::telemetry::{NoticeOutcome, Telemetry};
use claim::{Claim, Mine, Taken};
use due::Due;
use message::Message;
use send::Outcome;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// How often it is looked whether anything is to be sent. Nothing is asked of the store for that.
const LOOK: Duration = Duration::from_secs(1);

/// How long after a full hour it is looked at: its last counts are in the store by then.
const AFTER_HOUR: Millis = 2 * MINUTE;

/// The pause after something could not be done.
const AGAIN: Millis = 5 * MINUTE;

/// Sends reports and alerts of all sites.
pub struct Notifier {
    store: Arc<dyn Store>,
    sites: Arc<Vec<Site>>,
    /// Of each of `sites`, in their order.
    settings: Vec<NotifySettings>,
    sender: Arc<Sender>,
    clock: Clock,
    telemetry: Arc<Telemetry>,
    budget: Option<Arc<Budget>>,
    /// Unique per run of a process.
    node: String,
    /// Names of what was written once.
    written: HashSet<String>,
    /// What is written and neither sent nor given up.
    waiting: Vec<Waiting>,
    /// By site: the hour that was looked at for alerts.
    looked: Vec<Option<Millis>>,
    /// Until when nothing is tried, because the store could not be asked.
    rest: Millis,
}

/// What is told of which sites, from where, and by which way.
#[derive(Clone)]
pub struct Parts {
    pub store: Arc<dyn Store>,
    pub sites: Arc<Vec<Site>>,
    /// Of each of `sites`, in their order.
    pub settings: Vec<NotifySettings>,
    pub sender: Arc<Sender>,
}

/// A message to somebody.
struct Waiting {
    site: usize,
    /// The same on all nodes.
    name: String,
    message: Arc<Message>,
    to: Address,
    /// When it is tried next.
    next: Millis,
    /// What became of it, until the store knows.
    came: Option<(Mine, Outcome)>,
}

/// What is left to do for a message.
enum Next {
    Nothing,
    Later,
    /// The mail server cannot be reached: no mail can be sent now.
    MailLater,
}

impl Notifier {
    /// `node` must be unique per run of a process. `None`: nobody is to be told anything.
    pub fn new(
        parts: Parts,
        clock: Clock,
        telemetry: Arc<Telemetry>,
        node: String,
    ) -> Option<Self> {
        let Parts { store, sites, settings, sender } = parts;
        let anybody = settings.iter().any(NotifySettings::tells_anybody);
        let looked = vec![None; sites.len()];
        let (written, waiting, rest, budget) = Default::default();
        anybody.then_some(Self {
            store,
            sites,
            settings,
            sender,
            clock,
            telemetry,
            budget,
            node,
            written,
            waiting,
            looked,
            rest,
        })
    }

    /// With so many commands to spend.
    #[must_use]
    pub fn within(self, budget: Option<Arc<Budget>>) -> Self {
        Self { budget, ..self }
    }

    /// Sends whatever is due, for ever.
    pub async fn run(mut self, tasks: &Tasks) {
        loop {
            tasks.turn(Task::Notify);
            self.look().await;
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Writes and sends what is due now.
    async fn look(&mut self) {
        let now = self.clock.now();
        if now < self.rest {
            return;
        }
        let looked = async {
            for i in 0..self.sites.len() {
                self.write_reports(i, now).await?;
                self.write_alerts(i, now).await?;
            }
            self.send_waiting().await
        };
        if let Err(error) = looked.await {
            tracing::debug!("reports and alerts wait: {error}");
            self.rest = now + AGAIN;
        }
    }

    async fn write_reports(&mut self, i: usize, now: Millis) -> Result<()> {
        let site = self.sites[i].clone();
        let NotifySettings { reports: Reports { weekly, monthly }, language, .. } =
            self.settings[i].clone();
        for (due, to) in [(due::weekly(&site, now), weekly), (due::monthly(&site, now), monthly)] {
            let Some(due) = due else { continue };
            let name = |to: &Address| {
                let Due { kind, range } = due;
                format!("{}:{}:{}:{}", site.name, kind.as_str(), range.first, to.whole())
            };
            let to: Vec<_> =
                to.into_iter().filter(|to| !self.written.contains(&name(to))).collect();
            if to.is_empty() {
                continue;
            }
            let days = self.days(&site, due.with_before()).await?;
            // Where nothing was counted there is nothing to tell, now or later.
            let message =
                message::report(language, &site, &due, &days, now, self.sender.dashboard());
            let message = message.map(Arc::new);
            for to in to {
                match &message {
                    Some(message) => self.add(i, name(&to), message, to, now),
                    None => drop(self.written.insert(name(&to))),
                }
            }
        }
        Ok(())
    }

    async fn write_alerts(&mut self, i: usize, now: Millis) -> Result<()> {
        let site = self.sites[i].clone();
        let NotifySettings { alerts: settings, language, .. } = self.settings[i].clone();
        let hour = (now - AFTER_HOUR).div_euclid(HOUR);
        if settings.to.is_empty() || self.looked[i] == Some(hour) {
            return Ok(());
        }
        let end = hour * HOUR;
        let range = alert::range(&site, end);
        if self.budget.as_ref().is_some_and(|budget| !budget.may_read(range.len() as u64)) {
            return Ok(());
        }
        let days = self.days(&site, range).await?;
        self.looked[i] = Some(hour);
        for unusual in alert::find(&site, &settings, &days, end) {
            let message = message::alert(language, &site, &unusual, self.sender.dashboard());
            let message = Arc::new(message);
            for to in &settings.to {
                let name = format!("{}:{}", unusual.name(&site, end), to.whole());
                self.add(i, name, &message, to.clone(), now);
            }
        }
        Ok(())
    }

    /// A message is to be sent to somebody, unless one of this name was before.
    fn add(&mut self, i: usize, name: String, message: &Arc<Message>, to: Address, now: Millis) {
        if self.written.insert(name.clone()) {
            let message = message.clone();
            self.waiting.push(Waiting { site: i, name, message, to, next: now, came: None });
        }
    }

    async fn send_waiting(&mut self) -> Result<()> {
        let mut i = 0;
        while i < self.waiting.len() {
            let now = self.clock.now();
            if now < self.waiting[i].next {
                i += 1;
                continue;
            }
            match self.send(i).await? {
                Next::Nothing => drop(self.waiting.swap_remove(i)),
                Next::Later => {
                    self.waiting[i].next = now + AGAIN;
                    i += 1;
                }
                // Webhooks do not wait for it.
                Next::MailLater => {
                    let mails = self.waiting.iter_mut();
                    mails
                        .filter(|waiting| matches!(waiting.to, Address::Mail(_)))
                        .for_each(|waiting| waiting.next = now + AGAIN);
                }
            }
        }
        Ok(())
    }

    /// Sends a message, unless that is done or another node's to do.
    async fn send(&mut self, nth: usize) -> Result<Next> {
        let Waiting { site, name, message, to, came, .. } = &mut self.waiting[nth];
        let notices = &self.telemetry.notices;
        let store: &dyn SharedValues = self.store.as_ref();
        let claim = Claim::new(store, &self.sites[*site], name, &self.node);
        if came.is_none() {
            if let Err(why) = self.sender.reach(to).await {
                // Not claimed yet: whoever reaches it first sends it.
                notices.note(NoticeOutcome::NotNow, format!("{to}: {why}"));
                return Ok(Next::MailLater);
            }
            let mine = match claim.take(self.clock.now()).await? {
                Taken::Now(mine) => mine,
                Taken::Later => return Ok(Next::Later),
                Taken::Done => return Ok(Next::Nothing),
                Taken::Lost { node } => {
                    let line = format!(
                        "a node ({node}) ended while it sent {:?} to {to}: whether that arrived \
                         is not known, and it is not sent again",
                        message.subject
                    );
                    notices.note(NoticeOutcome::Unknown, line);
                    return Ok(Next::Nothing);
                }
            };
            let outcome = self.sender.send(name, message, to, self.clock.now()).await;
            notices.note(outcome.kind(), format!("{to}: {outcome}"));
            *came = Some((mine, outcome));
        }
        let Some((mine, outcome)) = came else { return Ok(Next::Later) };
        claim.settle(mine, outcome, self.clock.now()).await?;
        let is_over = !matches!(outcome, Outcome::NotNow(_));
        *came = None;
        Ok(if is_over { Next::Nothing } else { Next::Later })
    }

    async fn days(&self, site: &Site, range: Range) -> Result<Days> {
        let asked: Vec<_> = range.days().collect();
        let found = Reads::days(self.store.as_ref(), &site.name, &asked).await?;
        let counted = asked.into_iter().zip(found).filter(|(_, counts)| counts.version > 0);
        let mut days = Days::new();
        for (day, counts) in counted {
            days.insert(day, Arc::new(counts));
        }
        Ok(days)
    }
}
