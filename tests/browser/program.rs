//! The program itself: a `headcount run` of the test's own, asked over its Stats API.

use crate::common::pause;
use crate::common::ports::free_port;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long anything may take that should be done at once.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long the demo may make history up.
const HISTORY: Duration = Duration::from_secs(900);

/// A token that a test may give to the program: it is brought with every question.
pub const TOKEN: &str = "a-token-of-the-test";

/// A running proxy; stopped when dropped.
pub struct Headcount {
    /// Where visitors come in.
    pub port: u16,
    /// Where the numbers are.
    pub admin: u16,
    pub dir: TempDir,
    words: Vec<String>,
    process: Child,
    client: reqwest::Client,
}

impl Headcount {
    /// Starts it in front of `upstream`, with `--inject`, a quick flush and `more` flags.
    pub fn start(upstream: &str, store: &str, more: &[&str]) -> Self {
        Self::start_bare(upstream, store, &[&["--inject"], more].concat())
    }

    /// The same without the script's tag in pages.
    pub fn start_bare(upstream: &str, store: &str, more: &[&str]) -> Self {
        let given = ["run", "--threads", "2", "--upstream", upstream, "--store", store];
        Self::launch(&given, more)
    }

    /// Starts the demo, with so many days of its past.
    pub fn demo(days: u32, more: &[&str]) -> Self {
        Self::launch(&["demo", "--days", &days.to_string()], more)
    }

    /// Starts the demo with all of so many days of history.
    pub fn demo_of(days: u64, store: &str, more: &[&str]) -> Self {
        let given = ["demo", "--days", &days.to_string()];
        let more = [&["--store", store], more].concat();
        Self::launch_until(&["numbers:", "were made up"], &given, &more)
    }

    fn launch(given: &[&str], more: &[&str]) -> Self {
        Self::launch_until(&["numbers:"], given, more)
    }

    /// `said`: it is ready once it has said all of these.
    fn launch_until(said: &[&str], given: &[&str], more: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let (port, admin) = (free_port(), free_port());
        let (listen, numbers) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{admin}"));
        let mut words: Vec<_> = given.iter().map(ToString::to_string).collect();
        words.extend(["--listen", &listen, "--admin", &numbers].map(str::to_owned));
        if !more.contains(&"--flush-interval") {
            words.extend(["--flush-interval", "200ms"].map(str::to_owned));
        }
        words.push("--data-dir".to_owned());
        words.push(dir.path().display().to_string());
        words.extend(more.iter().map(ToString::to_string));
        let process = run(&words, port, said);
        Self { port, admin, dir, words, process, client: reqwest::Client::new() }
    }

    /// Ends it in the midst of whatever it does.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Stops it where it is: connections stay open, and nothing is answered.
    pub fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
    }

    pub fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.process.id() as i32), signal).unwrap();
    }

    /// Starts it again after it has ended, as it was.
    pub fn start_again(&mut self) {
        self.process = run(&self.words, self.port, &["numbers:"]);
    }

    /// The URL of a path on the site, through the proxy.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The URL of a path on the admin port.
    pub fn admin_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.admin)
    }

    async fn get(&self, path: &str) -> String {
        let answer = self.client.get(self.admin_url(path)).bearer_auth(TOKEN).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.text().await.unwrap()
    }

    /// The answer's `results` to a question of the Stats API: `breakdown?property=…`.
    pub async fn stats(&self, question: &str) -> Value {
        let text = self.get(&format!("/api/v1/stats/{question}")).await;
        let mut answer: Value = serde_json::from_str(&text).unwrap();
        answer["results"].take()
    }

    /// How many are on a site now.
    pub async fn stats_now(&self, site: &str) -> i64 {
        self.get(&format!("/api/v1/stats/realtime/visitors?site_id={site}")).await.parse().unwrap()
    }

    /// The answer to a question that is posted to a path of the API.
    pub async fn ask(&self, path: &str, question: &Value) -> Value {
        let post = self.client.post(self.admin_url(path)).bearer_auth(TOKEN);
        let answer = post.body(question.to_string()).send().await.unwrap();
        assert!(answer.status().is_success(), "{path} {question}: {}", answer.status());
        answer.json().await.unwrap()
    }

    /// Keeps a segment of a site.
    pub async fn put_segment(&self, site: &str, name: &str, filters: Value) {
        let body = serde_json::json!({ "site_id": site, "name": name, "filters": filters });
        let put = self.client.put(self.admin_url("/api/v1/sites/segments")).bearer_auth(TOKEN);
        assert_eq!(put.body(body.to_string()).send().await.unwrap().status(), 200);
    }

    /// One metric of the whole day.
    pub async fn total(&self, metric: &str) -> i64 {
        let all = self.stats(&format!("aggregate?period=day&metrics={metric}")).await;
        all[metric]["value"].as_i64().unwrap()
    }

    /// A property's rows: its value, and the metrics in the order asked for.
    pub async fn rows<const N: usize>(
        &self,
        property: &str,
        metrics: [&str; N],
    ) -> BTreeMap<String, [i64; N]> {
        let asked = metrics.join(",");
        let question =
            format!("breakdown?period=day&limit=1000&property={property}&metrics={asked}");
        let rows = self.stats(&question).await;
        let key = property.split(':').next_back().unwrap();
        let row = |row: &Value| {
            let counts = metrics.map(|metric| row[metric].as_i64().unwrap());
            (row[key].as_str().unwrap().to_owned(), counts)
        };
        rows.as_array().unwrap().iter().map(row).collect()
    }

    /// A sample of `/metrics`, by its whole name with labels.
    pub async fn sample(&self, name: &str) -> i64 {
        let text = self.get("/metrics").await;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in\n{text}")).parse().unwrap()
    }

    /// Waits until every request is answered and every count has reached the store.
    pub async fn settle(&self) {
        let begun = Instant::now();
        // In this order: what was sent is counted where a request ends.
        while self.sample("headcount_requests_in_flight").await != 0
            || self.sample("headcount_unflushed_events").await != 0
        {
            assert!(begun.elapsed() < PATIENCE, "counts do not reach the store");
            tokio::time::sleep(pause(begun)).await;
        }
    }
}

impl Drop for Headcount {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.process.id() as i32), Signal::SIGTERM);
        let deadline = Instant::now() + PATIENCE;
        while matches!(self.process.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                let _ = self.process.kill();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Starts it with these words, and waits until it takes visitors.
fn run(words: &[String], port: u16, until: &[&str]) -> Child {
    let mut process = Command::new(env!("CARGO_BIN_EXE_headcount"))
        .args(words)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let log = BufReader::new(process.stderr.take().expect("a piped log"));
    let (said, ready) = mpsc::channel();
    let mut wanted: Vec<String> = until.iter().map(ToString::to_string).collect();
    // Reads to the end, so that the process never waits for us.
    std::thread::spawn(move || {
        for line in log.lines().map_while(Result::ok) {
            wanted.retain(|words| !line.contains(&**words));
            if wanted.is_empty() {
                let _ = said.send(());
            }
            eprintln!("{line}");
        }
    });
    // Disconnected at once if it ends.
    ready.recv_timeout(HISTORY).expect("it starts");
    let deadline = Instant::now() + PATIENCE;
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        let ended = process.try_wait().unwrap();
        assert!(ended.is_none() && Instant::now() < deadline, "it takes nobody: {ended:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
    process
}
