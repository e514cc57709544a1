//! The access log: a line for each request that was answered, written by a thread of its own.
//!
//! Nothing of it is in a request's way: a line goes into a queue, and where that is full (a disk
//! that is full or slow, a pipe that nobody reads) the line is dropped and counted. Whole lines are
//! written at a time, so that a process that takes over can write into the same file.

mod line;

use crate::clock::Clock;
use crate::config::{AccessLogFormat, Config};
use crate::telemetry::Telemetry;
use crate::visitor::address::client_address;
use anyhow::Context;
use chrono::DateTime;
use http::{HeaderValue, Version, header};
use ipnet::IpNet;
use line::{Entry, cut};
use pingora::proxy::Session;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Lines that may wait, and their bytes.
const QUEUE: usize = 16_384;
const QUEUE_BYTES: usize = 16 << 20;

/// Bytes that are written at a time.
const AT_A_TIME: usize = 64 * 1024;

/// How often it is looked whether the file is to be opened anew.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How often it is said that nothing can be written.
const REPORT_EVERY: Duration = Duration::from_secs(60);

/// How long the end waits for the last lines.
const PATIENCE: Duration = Duration::from_secs(1);

/// Its owner's and its group's, as web servers have it.
const MODE: u32 = 0o640;

/// The log, as requests and signals know it.
#[derive(Clone)]
pub struct AccessLog(Arc<Inner>);

struct Inner {
    format: AccessLogFormat,
    /// Whole addresses are written.
    addresses: bool,
    lines: SyncSender<String>,
    between: Arc<Between>,
    telemetry: Arc<Telemetry>,
    clock: Clock,
}

/// What requests and the thread tell each other, beside lines.
#[derive(Default)]
struct Between {
    /// Bytes of the lines that wait.
    waiting: AtomicUsize,
    /// Open the file anew.
    reopen: AtomicBool,
    /// Write what there is, and end.
    end: AtomicBool,
}

/// The thread that writes. To be ended once no request runs any more.
pub struct Writing(JoinHandle<()>, Arc<Between>);

impl AccessLog {
    /// Opens the log; `None`: there is none.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open(
        config: &Config,
        telemetry: &Arc<Telemetry>,
        clock: Clock,
    ) -> anyhow::Result<Option<(Self, Writing)>> {
        let Some(format) = config.access_log.format else { return Ok(None) };
        let target = Target::open(config.access_log.file.clone())?;
        let (lines, waiting) = sync_channel(QUEUE);
        let between = Arc::new(Between::default());
        let writer = Writer {
            target,
            waiting,
            between: between.clone(),
            telemetry: telemetry.clone(),
            buffer: Vec::with_capacity(AT_A_TIME),
            held: 0,
            is_torn: false,
            reported: None,
        };
        let thread = std::thread::Builder::new()
            .name("access log".to_owned())
            .spawn(move || writer.run())
            .context("no thread for the access log")?;
        let addresses = config.access_log.addresses;
        let telemetry = telemetry.clone();
        let inner = Inner { format, addresses, lines, between: between.clone(), telemetry, clock };
        Ok(Some((Self(Arc::new(inner)), Writing(thread, between))))
    }

    /// Adds a request's line, unless too many wait. `raw_target`: where it is not the session's.
    pub fn add(
        &self,
        session: &Session,
        raw_target: Option<&[u8]>,
        trusted: &[IpNet],
        took: Duration,
    ) {
        let request = session.req_header();
        let field = |name| request.headers.get(name).map(HeaderValue::as_bytes);
        let peer = session.client_addr().and_then(|a| a.as_inet()).map(|a| a.ip());
        let address = peer.map(|peer| client_address(peer, &request.headers, trusted));
        let authority = || request.uri.authority().map(|host| host.as_str().as_bytes());
        let entry = Entry {
            at: DateTime::from_timestamp_millis(self.0.clock.now()).unwrap_or_default(),
            address: if self.0.addresses { address } else { address.map(cut) },
            method: request.method.as_str(),
            target: raw_target.unwrap_or_else(|| request.raw_path()),
            protocol: match request.version {
                Version::HTTP_10 => "HTTP/1.0",
                Version::HTTP_2 => "HTTP/2.0",
                _ => "HTTP/1.1",
            },
            host: field(header::HOST).or_else(authority).unwrap_or_default(),
            status: session.response_written().map(|response| response.status.as_u16()),
            bytes: session.body_bytes_sent() as u64,
            referrer: field(header::REFERER),
            user_agent: field(header::USER_AGENT),
            took,
        };
        let line = match self.0.format {
            AccessLogFormat::Combined => entry.combined(),
            AccessLogFormat::Json => entry.json(),
        };
        let (length, waiting) = (line.len(), &self.0.between.waiting);
        let fits = waiting.fetch_add(length, Ordering::Relaxed) + length <= QUEUE_BYTES;
        if !fits || self.0.lines.try_send(line).is_err() {
            waiting.fetch_sub(length, Ordering::Relaxed);
            self.0.telemetry.access_log_dropped.inc();
        }
    }

    /// Has the file opened anew: somebody has moved it away.
    pub fn reopen(&self) {
        self.0.between.reopen.store(true, Ordering::Release);
    }
}

impl Writing {
    /// Waits for the last lines, but not for ever.
    pub fn end(self) {
        self.1.end.store(true, Ordering::Release);
        let deadline = Instant::now() + PATIENCE;
        while !self.0.is_finished() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Where lines go.
enum Target {
    Stdout(io::Stdout),
    File(PathBuf, std::fs::File),
}

impl Target {
    fn open(file: Option<PathBuf>) -> anyhow::Result<Self> {
        let Some(path) = file else { return Ok(Self::Stdout(io::stdout())) };
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(MODE);
        // A pipe is opened for reading too: only to write, that would wait for who reads it.
        options.read(std::fs::metadata(&path).is_ok_and(|it| it.file_type().is_fifo()));
        let opened = options.open(&path);
        let file = opened.with_context(|| format!("access_log_file {}", path.display()))?;
        Ok(Self::File(path, file))
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            // Not through the library's buffer, which keeps what could not be written.
            Self::Stdout(out) => Ok(nix::unistd::write(out, bytes)?),
            Self::File(_, file) => file.write(bytes),
        }
    }
}

struct Writer {
    target: Target,
    waiting: Receiver<String>,
    between: Arc<Between>,
    telemetry: Arc<Telemetry>,
    buffer: Vec<u8>,
    /// Lines in the buffer.
    held: u64,
    /// The last line that was written is not whole.
    is_torn: bool,
    reported: Option<Instant>,
}

impl Writer {
    fn run(mut self) {
        loop {
            // Before the lines: those that are there when it is asked for are still written.
            let end = self.between.end.load(Ordering::Acquire);
            match self.waiting.recv_timeout(if end { Duration::ZERO } else { LOOK_EVERY }) {
                Ok(line) => self.take(&line),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            // What else is there goes along.
            while let Ok(line) = self.waiting.try_recv() {
                self.take(&line);
            }
            self.write();
            if end {
                return;
            }
            if self.between.reopen.swap(false, Ordering::Acquire) {
                self.open_anew();
            }
        }
    }

    fn take(&mut self, line: &str) {
        self.between.waiting.fetch_sub(line.len(), Ordering::Relaxed);
        if self.buffer.len() + line.len() > AT_A_TIME {
            self.write();
        }
        self.buffer.extend_from_slice(line.as_bytes());
        self.held += 1;
    }

    fn write(&mut self) {
        if self.held == 0 {
            return;
        }
        if self.is_torn {
            // What was begun is ended first, so that no line goes on with another.
            self.buffer.insert(0, b'\n');
        }
        let mut written = 0;
        let failed = loop {
            match self.target.write(&self.buffer[written..]) {
                Ok(0) => break io::ErrorKind::WriteZero.into(),
                Ok(some) => written += some,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break error,
            }
            if written == self.buffer.len() {
                (self.held, self.is_torn) = (0, false);
                return self.buffer.clear();
            }
        };
        let whole = self.buffer[..written].iter().filter(|byte| **byte == b'\n').count() as u64;
        let whole = whole - u64::from(self.is_torn && written > 0);
        self.is_torn = match written {
            0 => self.is_torn,
            _ => self.buffer[written - 1] != b'\n',
        };
        self.telemetry.access_log_dropped.add(self.held - whole);
        if self.reported.is_none_or(|then| then.elapsed() >= REPORT_EVERY) {
            tracing::warn!("the access log cannot be written, its lines are lost: {failed}");
            self.reported = Some(Instant::now());
        }
        self.buffer.clear();
        self.held = 0;
    }

    fn open_anew(&mut self) {
        let Target::File(path, _) = &self.target else { return };
        match Target::open(Some(path.clone())) {
            Ok(target) => (self.target, self.is_torn) = (target, false),
            Err(error) => tracing::warn!("{error:#}; the access log goes on in the file it had"),
        }
    }
}
