//! The real binary, running on ports and in a folder of its own.

use super::http::{self, Answer};
use super::ports::{free_port, others_listen};
use super::wait_for;
use ::headcount::clock::{Clock, MINUTE};
use ::headcount::model::site::{Day, Site};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use once_cell::sync::Lazy;
use serde_json::Value;
use std::fs::OpenOptions;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use tempfile::TempDir;

/// The name every test's site has.
pub const SITE: &str = "docs.example.org";

/// `headcount run`; killed when dropped.
pub struct Headcount {
    pub dir: TempDir,
    data: PathBuf,
    upstream: String,
    flags: Vec<String>,
    /// See [`Headcount::wrap`].
    wrapper: Vec<String>,
    ports: (u16, u16),
    process: Option<Child>,
    /// Its sites are `[[sites]]` of a file, which a flag names.
    lists_sites: bool,
}

impl Headcount {
    /// Starts it in front of `upstream` with more flags, and waits until both ports answer.
    pub fn start(upstream: &str, flags: &[&str]) -> Self {
        let mut headcount = Self::prepare(upstream, flags);
        headcount.start_again();
        headcount
    }

    /// The same with files in `data`, which is the caller's.
    pub fn start_in(upstream: &str, data: &Path, flags: &[&str]) -> Self {
        let mut headcount = Self::prepare(upstream, flags);
        headcount.keep_in(data);
        headcount.start_again();
        headcount
    }

    /// Has it keep its files in `data`, which is the caller's, from its first start.
    pub fn keep_in(&mut self, data: &Path) {
        data.clone_into(&mut self.data);
    }

    /// Its folder and flags, without starting it.
    pub fn prepare(upstream: &str, flags: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let flags = flags.iter().map(ToString::to_string).collect();
        let (upstream, ports, process) = (upstream.to_owned(), (0, 0), None);
        let (wrapper, lists_sites) = (Vec::new(), false);
        Self { dir, data, upstream, flags, wrapper, ports, process, lists_sites }
    }

    /// From now on `wrapper` is started and given the command to run, which it must become
    /// (`exec`).
    pub fn wrap(&mut self, wrapper: &[&str]) {
        self.wrapper = wrapper.iter().map(ToString::to_string).collect();
    }

    /// Gives a flag that it has another value, from the next start.
    pub fn set(&mut self, flag: &str, value: &str) {
        let at = self.flags.iter().position(|has| has == flag).expect("a flag that it has");
        value.clone_into(&mut self.flags[at + 1]);
    }

    /// Gives it more flags, from the next start.
    pub fn add(&mut self, flags: &[&str]) {
        self.flags.extend(flags.iter().map(ToString::to_string));
    }

    /// Gives it several sites, as a file tells them.
    pub fn list_sites(&mut self, text: &str) {
        let file = self.dir.path().join("sites.toml");
        std::fs::write(&file, text).unwrap();
        self.add(&["--config", file.to_str().unwrap()]);
        self.lists_sites = true;
    }

    /// Has it do as a file says, without a website or a site of its own, once that is written.
    pub fn by_file(file: &Path) -> Self {
        let mut headcount = Self::prepare("", &["--config", file.to_str().unwrap()]);
        headcount.lists_sites = true;
        headcount
    }

    /// Gives it ports before its first start, which is then [`Headcount::restart_on_same_ports`].
    pub fn choose_ports(&mut self) {
        self.ports = (free_port(), free_port());
    }

    /// Starts it again after it has ended: same folder and flags, new ports.
    pub fn start_again(&mut self) {
        self.choose_ports();
        self.restart_on_same_ports();
    }

    /// The same on the ports it had before.
    pub fn restart_on_same_ports(&mut self) {
        assert!(self.process.is_none(), "it still runs");
        let before = self.log().len();
        self.launch(&[]);
        wait_for("headcount to come up", || {
            if let Some(status) = self.process.as_mut()?.try_wait().unwrap() {
                panic!("{status}: {}", &self.log()[before..]);
            }
            let connects = |port| TcpStream::connect(("127.0.0.1", port)).is_ok();
            // In this order: a socket of systemd's starts it.
            let ready =
                connects(self.ports.0) && connects(self.ports.1) && others_listen(&self.flags);
            (ready && self.admin_get("/healthz").status == 200).then_some(())
        });
    }

    /// Has another process, with the same settings, take over from it, and waits until that counts
    /// and this one has ended.
    pub fn upgrade(&mut self) {
        let mut before = self.hand_over();
        let ended = wait_for("the one before to end", || before.try_wait().unwrap());
        assert!(ended.success(), "{ended}: {}", self.log());
    }

    /// Has another process, with the same settings, take over from it; gives the one before, which
    /// may still have requests to answer.
    pub fn hand_over(&mut self) -> Child {
        let before = self.process.take().expect("it runs");
        let starts = self.log().matches("counting ").count();
        self.launch(&["--upgrade"]);
        wait_for("the other to be ready", || {
            let of = if self.lists_sites { String::new() } else { format!("-{SITE}") };
            let ready = self.data_dir().join(format!("headcount{of}/upgrade"));
            ready.exists().then_some(())
        });
        kill(Pid::from_raw(before.id() as i32), Signal::SIGQUIT).unwrap();
        wait_for("the other to count", || {
            (self.log().matches("counting ").count() > starts).then_some(())
        });
        before
    }

    pub fn signal(&self, signal: Signal) {
        let process = self.process.as_ref().expect("it runs");
        kill(Pid::from_raw(process.id() as i32), signal).unwrap();
    }

    /// Starts another with the same settings and more, which must end by itself; what it says.
    pub fn refused(&self, more: &[&str]) -> String {
        let output = self.command(more).stderr(Stdio::piped()).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    }

    fn launch(&mut self, more: &[&str]) {
        self.process = Some(self.command(more).spawn().unwrap());
    }

    /// One in which no day ends soon, unless the test has chosen.
    fn timezone(&self) -> Option<&'static str> {
        (!self.flags.iter().any(|flag| flag == "--timezone")).then(timezone)
    }

    fn command(&self, more: &[&str]) -> Command {
        let file = OpenOptions::new().create(true).append(true).open(self.log_file()).unwrap();
        let mut words = self.wrapper.clone();
        words.push(env!("CARGO_BIN_EXE_headcount").to_owned());
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .env_clear()
            .current_dir(self.dir.path())
            .arg("run")
            .args(
                (!self.upstream.is_empty())
                    .then_some(["--upstream", &self.upstream])
                    .into_iter()
                    .flatten(),
            )
            .args(["--listen", &self.site().to_string(), "--admin", &self.admin().to_string()])
            .args(self.timezone().map(|zone| ["--timezone", zone]).into_iter().flatten())
            .args((!self.lists_sites).then_some(["--site", SITE]).into_iter().flatten())
            .arg("--data-dir")
            .arg(self.data_dir())
            .args(&self.flags)
            .args(more)
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file);
        command
    }

    pub fn site(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.ports.0).into()
    }

    pub fn admin(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.ports.1).into()
    }

    pub fn site_url(&self) -> String {
        format!("http://{}", self.site())
    }

    pub fn admin_url(&self) -> String {
        format!("http://{}", self.admin())
    }

    /// Where it keeps its files.
    pub fn data_dir(&self) -> PathBuf {
        self.data.clone()
    }

    /// What it has said so far, over all its starts.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.dir.path().join("headcount.log")
    }

    pub fn admin_get(&self, path: &str) -> Answer {
        http::get(self.admin(), path, &[("Host", "localhost")])
    }

    /// With the token that it was started with, if it was.
    fn admin_get_as_program(&self, path: &str) -> Answer {
        let given = self.flags.iter().skip_while(|flag| *flag != "--admin-auth-tokens").nth(1);
        let token = given.map(|token| format!("Bearer {token}"));
        let token = token.iter().map(|token| ("Authorization", token.as_str()));
        let headers: Vec<_> = [("Host", "localhost")].into_iter().chain(token).collect();
        http::get(self.admin(), path, &headers)
    }

    /// An answer of the Stats API, `aggregate?period=day&metrics=pageviews`: its results.
    pub fn stats(&self, path: &str) -> Value {
        let answer = self.admin_get(&format!("/api/v1/stats/{path}"));
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        serde_json::from_slice::<Value>(&answer.body).unwrap()["results"].take()
    }

    /// One total of today.
    pub fn total(&self, metric: &str) -> i64 {
        let answer = self.stats(&format!("aggregate?period=day&metrics={metric}"));
        answer[metric]["value"].as_i64().unwrap()
    }

    /// A value of `/metrics`, by its whole name with labels.
    pub fn metric(&self, name: &str) -> i64 {
        let metrics = self.admin_get_as_program("/metrics").text();
        let line = metrics.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(' '));
        let line = line.unwrap_or_else(|| panic!("no {name} in {metrics}"));
        line.trim().parse::<f64>().unwrap() as i64
    }

    /// Memory it has to itself, and that of files it maps, in bytes.
    pub fn memory(&self) -> (i64, i64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse::<i64>().unwrap() * 1024
        };
        (bytes("RssAnon:"), bytes("RssFile:"))
    }

    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("it runs").id()
    }

    pub fn runs(&self) -> bool {
        self.process.is_some()
    }

    /// Ends it in the midst of whatever it does.
    pub fn kill(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Waits until it has ended by itself.
    pub fn ended(&mut self) {
        let mut process = self.process.take().expect("it runs");
        let ended = wait_for("headcount to end", || process.try_wait().unwrap());
        assert!(ended.success(), "{ended}: {}", self.log());
    }

    /// Asks it to end and waits until it has.
    pub fn term(&mut self) -> ExitStatus {
        let mut process = self.process.take().expect("it runs");
        kill(Pid::from_raw(process.id() as i32), Signal::SIGTERM).unwrap();
        let ended = wait_for("headcount to end", || process.try_wait().unwrap());
        assert!(ended.success(), "{ended}: {}", self.log());
        ended
    }
}

impl Drop for Headcount {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
        if std::thread::panicking() {
            println!("--- headcount's log ---\n{}", self.log());
        }
    }
}

/// A time zone in which neither a day nor an hour ends soon, so that what a test counts falls on
/// one day and into one hour. Chosen once, so that all parts of a test agree.
pub fn timezone() -> &'static str {
    static CHOSEN: Lazy<&str> = Lazy::new(|| {
        let now = Clock::system().now();
        let zones = ["UTC", "Etc/GMT+8", "Asia/Kolkata", "Pacific/Marquesas"];
        let good = zones.into_iter().find(|zone| {
            let site = site(zone);
            let minute = (now - site.day_start(site.day(now))) / MINUTE;
            (120..22 * 60).contains(&minute) && (1..45).contains(&(minute % 60))
        });
        good.expect("these zones leave no moment without")
    });
    &CHOSEN
}

/// Today where the tests' site is.
pub fn today() -> Day {
    site(timezone()).day(Clock::system().now())
}

fn site(zone: &str) -> Site {
    Site {
        name: SITE.into(),
        hosts: Vec::new(),
        timezone: zone.parse().unwrap(),
        ..Site::default()
    }
}
