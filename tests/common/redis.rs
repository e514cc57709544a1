//! A real redis-server of the test's own: a free port, a temporary folder, gone with the test.

use super::ports::free_port;
use ::redis::{Client, Cmd, FromRedisValue, RedisResult, Value};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use tempfile::TempDir;

/// A redis-server; killed when dropped.
pub struct RedisServer {
    pub port: u16,
    pub dir: TempDir,
    settings: Vec<String>,
    /// See [`RedisServer::start_wrapped`].
    wrapper: Vec<String>,
    process: Option<Child>,
}

impl RedisServer {
    /// Starts a server that keeps nothing on disk.
    pub fn start() -> Self {
        Self::start_with(&["--appendonly", "no"])
    }

    /// Starts a server that has every write on disk before it answers.
    pub fn start_durable() -> Self {
        Self::start_with(&["--appendonly", "yes", "--appendfsync", "always"])
    }

    /// Starts a server with settings of its own.
    pub fn start_with(settings: &[impl AsRef<str>]) -> Self {
        Self::start_wrapped(&[], settings)
    }

    /// The same by way of `wrapper`, which is given the command to run and must become it (`exec`).
    pub fn start_wrapped(wrapper: &[String], settings: &[impl AsRef<str>]) -> Self {
        let settings = settings.iter().map(|s| s.as_ref().to_owned()).collect();
        let dir = tempfile::tempdir().expect("a temporary folder");
        let (port, wrapper) = (free_port(), wrapper.to_owned());
        let mut server = Self { port, dir, settings, wrapper, process: None };
        assert!(server.launch(), "redis-server did not come up on port {port}");
        server
    }

    /// Starts a sentinel with settings of its own, which watches nothing yet.
    pub fn sentinel(settings: &[String]) -> Self {
        Self::start_with(&[&["--sentinel".to_owned()], settings].concat())
    }

    pub fn url(&self) -> String {
        let escape = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        let password = self.setting("--requirepass").map(|text| format!(":{}@", escape(text)));
        format!("redis://{}127.0.0.1:{}", password.unwrap_or_default(), self.port)
    }

    /// The port at which other servers, and clients with TLS, call it.
    pub fn peers_port(&self) -> String {
        self.setting("--tls-port").map_or_else(|| self.port.to_string(), str::to_owned)
    }

    /// What it was started with, if it was.
    fn setting(&self, name: &str) -> Option<&str> {
        let at = self.settings.iter().position(|word| word == name)?;
        self.settings.get(at + 1).map(String::as_str)
    }

    pub fn runs(&self) -> bool {
        self.process.is_some()
    }

    /// Stops the server as an operator would.
    pub fn stop(&mut self) {
        self.end(Signal::SIGTERM);
    }

    /// Kills the server in mid-work.
    pub fn kill(&mut self) {
        self.end(Signal::SIGKILL);
    }

    /// Starts a stopped server again, or a running one anew: same port, same folder.
    pub fn restart(&mut self) {
        self.stop();
        assert!(self.launch(), "redis-server did not come back on port {}", self.port);
    }

    /// Lets the server stand still, connections open; see [`Self::thaw`].
    pub fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
    }

    pub fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// Whether it is a `master` or `slave` now. While that changes it closes connections.
    pub fn is(&self, role: &str) -> bool {
        let info = self.try_command::<String>(&["INFO", "replication"]);
        info.is_ok_and(|info| info.contains(&format!("role:{role}")))
    }

    /// Sends a command over a connection of its own; panics on an error.
    pub fn command<T: FromRedisValue>(&self, words: &[&str]) -> T {
        self.try_command(words).unwrap_or_else(|e| panic!("{words:?}: {e}"))
    }

    fn try_command<T: FromRedisValue>(&self, words: &[&str]) -> RedisResult<T> {
        let mut cmd = Cmd::new();
        for word in words {
            cmd.arg(word);
        }
        let client = Client::open(self.url()).expect("a good URL");
        cmd.query(&mut client.get_connection()?)
    }

    /// All keys with their serialized values, sorted: equal means that nothing changed.
    pub fn snapshot(&self) -> Vec<(String, Vec<u8>)> {
        self.keys().into_iter().map(|key| (key.clone(), self.command(&["DUMP", &key]))).collect()
    }

    /// All keys, sorted.
    pub fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = self.command(&["KEYS", "*"]);
        keys.sort();
        keys
    }

    /// Calls of all commands since `CONFIG RESETSTAT`, those inside scripts included, those of this
    /// helper left out.
    pub fn calls(&self) -> u64 {
        let stats: String = self.command(&["INFO", "commandstats"]);
        let ours = ["config|resetstat", "info", "client|setinfo", "client"];
        stats
            .lines()
            .filter_map(|line| line.strip_prefix("cmdstat_")?.split_once(':'))
            .filter(|(name, _)| !ours.contains(name))
            .filter_map(|(_, stat)| {
                stat.strip_prefix("calls=")?.split(',').next()?.parse::<u64>().ok()
            })
            .sum()
    }

    pub fn reset_calls(&self) {
        self.command::<Value>(&["CONFIG", "RESETSTAT"]);
    }

    /// Starts the process and waits until it says that it accepts connections.
    fn launch(&mut self) -> bool {
        let program = std::env::var("REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned());
        let words = [&self.wrapper[..], std::slice::from_ref(&program)].concat();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        let file = self.dir.path().join("sentinel.conf");
        if self.settings.first().is_some_and(|first| first == "--sentinel") {
            // It keeps what it knows in its file, and starts only with one.
            if !file.exists() {
                let settings = format!("bind 127.0.0.1\nport {}\n", self.port);
                std::fs::write(&file, settings).expect("a sentinel's file");
            }
            command.arg(file);
        } else {
            let port = self.port.to_string();
            command.args(["--bind", "127.0.0.1", "--save", "", "--port", &port]);
            // A replica need not wait for others to join it.
            command.args(["--repl-diskless-sync-delay", "0"]);
            command.arg("--dir").arg(self.dir.path());
        }
        let mut process = command
            .args(&self.settings)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start {program}: {e}"));
        let log = BufReader::new(process.stdout.take().expect("a piped log"));
        let (said, ready) = mpsc::channel();
        // Reads to the end, so that the server never blocks on a full pipe.
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                if line.contains("Ready to accept connections") || line.contains("Sentinel ID is") {
                    let _ = said.send(());
                }
            }
        });
        self.process = Some(process);
        let up = ready.recv_timeout(Duration::from_secs(30)).is_ok();
        if !up {
            self.kill();
        }
        up
    }

    fn signal(&self, signal: Signal) {
        if let Some(process) = &self.process {
            kill(Pid::from_raw(process.id() as i32), signal).expect("redis-server is there");
        }
    }

    fn end(&mut self, signal: Signal) {
        self.thaw();
        if let Some(mut process) = self.process.take() {
            let _ = kill(Pid::from_raw(process.id() as i32), signal);
            process.wait().expect("redis-server ends");
        }
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
