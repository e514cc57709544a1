//! The real binary in front of a website: free ports, a temporary folder, gone with the test.

use super::ports::{free_address, others_listen};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longer than anything a test waits for on purpose.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running `headcount run`; killed when dropped.
pub struct Proxy {
    pub site: SocketAddr,
    pub admin: SocketAddr,
    pub dir: TempDir,
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts it with further flags, and waits until it takes connections.
    pub fn start(upstream: &str, flags: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (site, admin) = (free_address(), free_address());
        let mut child = command(&dir, upstream, site, admin, flags)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let log = Arc::new(Mutex::new(Vec::new()));
        let (stderr, lines) = (child.stderr.take().unwrap(), log.clone());
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                lines.lock().unwrap().push(line);
            }
        });
        let mut proxy = Self { site, admin, dir, child, log, reader: Some(reader) };
        wait_for("the proxy takes connections", || {
            if let Some(status) = proxy.child.try_wait().unwrap() {
                panic!("it ended with {status}: {:?}", proxy.log());
            }
            TcpStream::connect(site).is_ok() && others_listen(flags)
        });
        proxy
    }

    /// What it has written to standard error.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// An answer of the Stats API: `aggregate?metrics=pageviews`.
    pub fn stats(&self, question: &str) -> Value {
        stats(self.admin, question)
    }

    /// One number of the Stats API's aggregate over today.
    pub fn total(&self, metric: &str) -> i64 {
        total(self.admin, metric)
    }

    /// A sample of `/metrics`, by its name with its labels; 0 where it is not there.
    pub fn metric(&self, sample: &str) -> f64 {
        metric(self.admin, sample)
    }

    /// Memory in use, in bytes.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// Asks it to stop.
    pub fn terminate(&self) {
        self.signal(Signal::SIGTERM);
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }

    /// Waits until it has ended, and has said all it had to say.
    pub fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        wait_for("the proxy ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        self.reader.take().into_iter().for_each(|reader| reader.join().unwrap());
        status.unwrap()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the proxy's log: {:#?}", self.log());
        }
    }
}

/// `headcount run`, not started yet.
pub fn command(
    dir: &TempDir,
    upstream: &str,
    site: SocketAddr,
    admin: SocketAddr,
    flags: &[&str],
) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_headcount"));
    command
        .env_clear()
        .current_dir(dir)
        // Variables, so that a test's flags overrule them.
        .env("HEADCOUNT_THREADS", "2")
        .env("HEADCOUNT_FLUSH_INTERVAL", "50ms")
        .arg("run")
        // Empty: a file among the flags says it.
        .args((!upstream.is_empty()).then_some(["--upstream", upstream]).iter().flatten())
        .args(["--listen", &site.to_string(), "--admin", &admin.to_string()])
        .args(flags)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

/// Runs what must not come up: its exit code (none: it did, and was ended) and the lines it wrote.
pub fn refused(mut command: Command) -> (Option<i32>, Vec<String>) {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut said = String::new();
        stderr.read_to_string(&mut said).map(|_| said)
    });
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if Instant::now() > deadline => child.kill().unwrap(),
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    let said = reader.join().unwrap().unwrap();
    (status.code(), said.lines().map(str::to_owned).collect())
}

/// An answer of the Stats API on an admin port.
pub fn stats(admin: SocketAddr, question: &str) -> Value {
    let answer = reqwest::blocking::get(format!("http://{admin}/api/v1/stats/{question}")).unwrap();
    assert!(answer.status().is_success(), "{question}: {}", answer.text().unwrap());
    answer.json().unwrap()
}

/// One number of the aggregate over today and yesterday, so that midnight breaks no test.
pub fn total(admin: SocketAddr, metric: &str) -> i64 {
    let answer = stats(admin, &format!("aggregate?period=7d&include_today=true&metrics={metric}"));
    answer["results"][metric]["value"].as_i64().unwrap_or_else(|| panic!("{answer}"))
}

/// A sample of an admin port's `/metrics`; 0 where it is not there.
pub fn metric(admin: SocketAddr, sample: &str) -> f64 {
    let page = reqwest::blocking::get(format!("http://{admin}/metrics")).unwrap().text().unwrap();
    let value = page.lines().find_map(|l| l.strip_prefix(sample)?.trim().parse().ok());
    value.unwrap_or_default()
}

/// Polls until `done`, or fails.
pub fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    super::wait_for(what, || done().then_some(()));
}
