//! The process's own counters, as `/metrics` shows them.
//!
//! One struct of atomics, so that the request path pays one relaxed addition and no look-up.

use crate::clock::Millis;
pub use crate::counter::Counter;
use crate::supervise::Tasks;
use crate::words::words;
use arc_swap::ArcSwap;
use once_cell::sync::Lazy;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// Upper bounds of histograms of times, in seconds: from what a cache answers in to what a browser
/// gives up on. Up to a second, each is 2 to 2.5 times the one before.
pub const BOUNDS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// How long something took: a counter for each bucket, the last for all beyond the bounds.
#[derive(Debug, Default)]
pub struct Times {
    buckets: [Counter; BOUNDS.len() + 1],
    micros: Counter,
}

impl Times {
    pub fn observe(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        self.buckets[BOUNDS.partition_point(|bound| *bound < seconds)].inc();
        self.micros.add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// Sum in seconds, and how many fell in each bucket.
    pub fn get(&self) -> (f64, [u64; BOUNDS.len() + 1]) {
        (self.micros.get() as f64 / 1e6, std::array::from_fn(|i| self.buckets[i].get()))
    }
}

words! {
    /// Why something could not be counted.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum DropReason {
        /// An aggregator's queue was full.
        QueueFull = "queue_full",
        /// Our own code panicked.
        Panic = "panic",
        /// The outbox was over its cap; oldest batches went first.
        OutboxFull = "outbox_full",
        /// The store lost batches this node no longer has.
        Gap = "gap",
        /// Too many beacons from one address or for one view.
        RateLimited = "rate_limited",
        /// An event inside a beacon that could not be read.
        Malformed = "malformed",
    }
}

words! {
    /// What became of an order for a certificate.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum OrderOutcome {
        Issued = "issued",
        /// A name could not be proven, or the authority refuses it.
        Rejected = "rejected",
        /// The authority has set a limit.
        Limited = "limited",
        /// The authority could not be asked, or failed.
        Failed = "failed",
    }
}

words! {
    /// What became of a report or an alert.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum NoticeOutcome {
        Sent = "sent",
        /// The mail server or the webhook could not be reached, or turns it down for now.
        NotNow = "not_now",
        /// It never will be taken.
        Refused = "refused",
        /// Whether it arrived is not known, and it is not sent again.
        Unknown = "unknown",
    }
}

/// What is known of reports and alerts.
#[derive(Debug, Default)]
pub struct Notices {
    counts: [Counter; NoticeOutcome::ALL.len()],
    /// Why the last of them was not sent, if it was not.
    problem: Mutex<Option<String>>,
}

impl Notices {
    /// Notes what became of one; `line` says why and to whom, unless it was sent.
    pub fn note(&self, outcome: NoticeOutcome, line: String) {
        self.counts[outcome as usize].inc();
        let problem = (outcome != NoticeOutcome::Sent).then_some(line);
        let mut last = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = problem.as_ref().filter(|line| last.as_ref() != Some(line)) {
            tracing::warn!("a report or an alert was not sent: {line}");
        }
        *last = problem;
    }

    pub fn count(&self, outcome: NoticeOutcome) -> u64 {
        self.counts[outcome as usize].get()
    }

    pub fn problem(&self) -> Option<String> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What is known of an upstream.
#[derive(Debug)]
pub struct UpstreamStatus {
    /// As it is set.
    pub name: String,
    /// Requests sent to it, repeated ones too.
    pub requests: Counter,
    /// Requests that it did not answer.
    pub failures: Counter,
    /// From when it is chosen to the head of its answer.
    pub times: Times,
    /// Requests on their way to it or being answered by it.
    pub in_flight: AtomicI64,
    /// Its checks fail.
    down: AtomicBool,
    /// Until when it is not used, in milliseconds after [`STARTED`].
    paused_until: AtomicU64,
}

static STARTED: Lazy<Instant> = Lazy::new(Instant::now);

fn since_start() -> u64 {
    u64::try_from(STARTED.elapsed().as_millis()).unwrap_or(u64::MAX)
}

impl UpstreamStatus {
    pub fn is_down(&self) -> bool {
        self.down.load(Ordering::Relaxed)
    }

    /// Notes whether its checks fail. Returns whether that is new.
    pub fn set_down(&self, down: bool) -> bool {
        self.down.swap(down, Ordering::Relaxed) != down
    }

    /// Whether it failed a moment ago.
    pub fn is_paused(&self) -> bool {
        let until = self.paused_until.load(Ordering::Relaxed);
        until > 0 && until > since_start()
    }

    /// Notes that it has failed. Returns whether it had not before.
    pub fn pause(&self, pause: Duration) -> bool {
        let (now, pause) = (since_start(), u64::try_from(pause.as_millis()).unwrap_or(u64::MAX));
        let before = self.paused_until.swap(now.saturating_add(pause), Ordering::Relaxed);
        before <= now && pause > 0
    }

    /// Notes that it works after all.
    pub fn resume(&self) {
        self.paused_until.store(0, Ordering::Relaxed);
    }
}

words! {
    /// Why a page is left without the script's tag.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Untagged {
        /// It is compressed in a way that is not undone, or is not to be.
        Coding = "coding",
        /// A content security policy forbids the script, or its reports.
        Policy = "policy",
        /// An AMP page.
        Amp = "amp",
        /// XHTML, of which a browser shows nothing if it is not well-formed.
        Xhtml = "xhtml",
        /// An encoding in which ASCII is not ASCII: UTF-16.
        Charset = "charset",
        /// `Cache-Control: no-transform`.
        NoTransform = "no_transform",
        /// There is no place for it: the page breaks off in its head, or cannot be read.
        Markup = "markup",
        /// Our own code panicked.
        Panic = "panic",
    }
}

impl Untagged {
    /// The reason in words, as a sentence goes on after "because".
    pub fn because(self) -> &'static str {
        match self {
            Self::Coding => "they come compressed",
            Self::Policy => "their content security policy forbids the script or its reports",
            Self::Amp => "they are AMP pages",
            Self::Xhtml => "they are XHTML",
            Self::Charset => "their encoding is UTF-16 or the like",
            Self::NoTransform => "they say Cache-Control: no-transform",
            Self::Markup => "their markup has no place for it",
            Self::Panic => "the program failed over them",
        }
    }
}

/// Everything the process counts about itself.
#[derive(Debug, Default)]
pub struct Telemetry {
    /// Pageviews counted: server and browser only.
    pub pageviews: Counter,
    /// Events received in beacons.
    pub beacons: Counter,
    /// Lines of the access log that could not be written.
    pub access_log_dropped: Counter,
    untagged: [Counter; Untagged::ALL.len()],
    /// Batches acknowledged by the store.
    pub flushes: Counter,
    /// Delivery attempts that failed.
    pub flush_failures: Counter,
    /// From when counts are taken to when the store has them, of flushes that deliver something.
    pub flush_times: Times,
    /// Since when the store has not taken all there is, in milliseconds; 0: the last flush
    /// delivered everything.
    behind_since: AtomicI64,
    /// Hits taken but not yet acknowledged by the store.
    pub unflushed: AtomicI64,
    /// Hits in the log that nodes share which are not counted yet: this node's, and all others'
    /// where it is the one that counts.
    pub uncounted: AtomicI64,
    /// Hits that count without being in the journal: not safe from a kill until they are sealed.
    pub journal_missed: Counter,
    /// 1 while a kill would lose nothing: journal and outbox on disk say all there is. Else 0.
    pub journal_on: AtomicI64,
    /// What runs beside requests.
    pub tasks: Tasks,
    /// Connections closed at once, for their address had as many as one may have.
    pub refused: Counter,
    /// Requests over HTTP/2 that were answered with 503, for there were as many as there may be.
    pub requests_refused: Counter,
    /// Connections of trusted proxies that did not say whom they speak for.
    pub proxy_headers_missing: Counter,
    /// Answers cut off because too many were not taken by their clients.
    pub slow_readers: Counter,
    /// Uploads that were too slow.
    pub slow_uploads: Counter,
    /// TLS connections that came to nothing before the first request.
    pub handshakes_failed: Counter,
    /// By name, until when the certificate is valid that visitors get for it.
    pub certificates: ArcSwap<Vec<(String, Millis)>>,
    orders: [Counter; OrderOutcome::ALL.len()],
    /// Reports and alerts.
    pub notices: Notices,
    /// Requests being answered now.
    pub in_flight: AtomicI64,
    /// From a request's head to the end of its answer.
    pub times: Times,
    /// Requests sent to another upstream after one had failed.
    pub retries: Counter,
    /// Those in use; locked where they change and where they are shown.
    upstreams: Mutex<Vec<Weak<UpstreamStatus>>>,
    /// What could not be counted, by reason.
    dropped: [Counter; DropReason::ALL.len()],
    requests: Requests,
}

/// Answers by status code; 0: the client left before there was one.
#[derive(Debug)]
struct Requests(Box<[Counter]>);

impl Default for Requests {
    fn default() -> Self {
        Self((0..600).map(|_| Counter::default()).collect())
    }
}

impl Telemetry {
    /// What is known of an upstream, which may be several sites'. Kept for as long as somebody has
    /// it.
    pub fn upstream(&self, name: &str) -> Arc<UpstreamStatus> {
        let mut upstreams = self.upstreams.lock().unwrap_or_else(PoisonError::into_inner);
        upstreams.retain(|upstream| upstream.strong_count() > 0);
        if let Some(known) = upstreams.iter().filter_map(Weak::upgrade).find(|u| u.name == name) {
            return known;
        }
        let new = Arc::new(UpstreamStatus {
            name: name.to_owned(),
            requests: Counter::default(),
            failures: Counter::default(),
            times: Times::default(),
            in_flight: AtomicI64::new(0),
            down: AtomicBool::new(false),
            paused_until: AtomicU64::new(0),
        });
        upstreams.push(Arc::downgrade(&new));
        new
    }

    /// The upstreams in use.
    pub fn upstreams(&self) -> Vec<Arc<UpstreamStatus>> {
        let upstreams = self.upstreams.lock().unwrap_or_else(PoisonError::into_inner);
        upstreams.iter().filter_map(Weak::upgrade).collect()
    }

    /// Pages that are left without the script's tag, for this reason.
    pub fn untagged(&self, why: Untagged) -> &Counter {
        &self.untagged[why as usize]
    }

    pub fn dropped(&self, reason: DropReason) -> &Counter {
        &self.dropped[reason as usize]
    }

    /// Orders for certificates that came to this.
    pub fn orders(&self, outcome: OrderOutcome) -> &Counter {
        &self.orders[outcome as usize]
    }

    /// Notes the end of a flush: whether all is delivered.
    pub fn flushed(&self, all: bool, now: Millis) {
        let since = |since| match (all, since) {
            (true, _) => 0,
            (false, 0) => now,
            (false, since) => since,
        };
        let _ = self
            .behind_since
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |before| Some(since(before)));
    }

    /// Since when the store is behind what is counted, if it is.
    pub fn behind_since(&self) -> Option<Millis> {
        Some(self.behind_since.load(Ordering::Relaxed)).filter(|since| *since > 0)
    }

    /// Notes an answer by its status code.
    pub fn answered(&self, status: u16) {
        if let Some(counter) = self.requests.0.get(usize::from(status)) {
            counter.inc();
        }
    }

    /// Status codes answered so far, with their counts.
    pub fn answers(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        self.requests.0.iter().map(Counter::get).enumerate().filter(|(_, n)| *n > 0)
    }
}
