//! Real Chromium to drive, as two kinds of people have it:
//!
//! - A **visitor**'s is headed, on a screen of its own: headless ones behave otherwise and call
//!   themselves bots.
//! - A **reader**'s shows the numbers. It is Chromium's headless shell, which takes half of the
//!   processor time.
//!
//! Needs Debian's `xvfb`, `chromium`, `chromium-headless-shell` and `chromium-driver`; a test fails
//! without them. Include it from a test with `#[path = "common/browser.rs"] mod browser;`.

// Each test program uses its own part of this.
#![allow(dead_code)]

use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::ops::Deref;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use url::{ParseError, Url};

/// A running browser with nothing remembered; derefs to its WebDriver client. All of it ends with
/// the value.
pub struct Browser {
    client: Client,
    /// Where its WebDriver session is.
    port: u16,
    session: String,
    // Dropped in this order: the driver before its browser's screen, the profile last.
    _driver: Process,
    _screen: Option<Process>,
    _profile: TempDir,
}

impl Browser {
    pub async fn visitor() -> Self {
        Self::visitor_with(&[]).await
    }

    /// Starts it with further command-line arguments.
    pub async fn visitor_with(arguments: &[&str]) -> Self {
        Self::headed(arguments, json!({ "browser": "ALL" })).await
    }

    /// Starts one that can say what [`Browser::requests`] it sent, which costs it much time.
    pub async fn visitor_noting_requests() -> Self {
        Self::headed(&[], json!({ "performance": "ALL" })).await
    }

    pub async fn reader() -> Self {
        Self::reader_with(&[]).await
    }

    /// Starts it with further command-line arguments.
    pub async fn reader_with(arguments: &[&str]) -> Self {
        // What Debian has in the path is a script around it, and dies without it.
        let folder = OsStr::new("/usr/lib/chromium");
        let shell = json!({
            "browserName": "chrome-headless-shell",
            "goog:chromeOptions": { "binary": program(&["chromium-headless-shell"], folder) },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let all = [arguments, &["--headless", "--window-size=1280,900"]].concat();
        Self::launch(shell, &all, None).await
    }

    async fn headed(arguments: &[&str], logs: Value) -> Self {
        // It picks a free number for itself and tells it.
        let mut screen = Command::new(installed(&["Xvfb"]));
        screen.args(["-displayfd", "1", "-screen", "0", "1280x900x24", "-nolisten", "tcp"]);
        let screen = Process::spawn(screen, |line| line.trim().parse::<u32>().ok());
        let binary = installed(&["chromium", "chromium-browser", "google-chrome"]);
        let browser = json!({
            "browserName": "chrome",
            "goog:chromeOptions": { "binary": binary },
            "goog:loggingPrefs": logs,
        });
        Self::launch(browser, arguments, Some(screen)).await
    }

    /// Starts what `capabilities` name, on the screen of a number if there is one.
    async fn launch(
        mut capabilities: Value,
        arguments: &[&str],
        screen: Option<(Process, u32)>,
    ) -> Self {
        let mut driver = Command::new(installed(&["chromedriver"]));
        driver.arg("--port=0");
        let screen = screen.map(|(screen, display)| {
            driver.env("DISPLAY", format!(":{display}"));
            screen
        });
        let (driver, port) = Process::spawn(driver, |line| {
            line.split_once("successfully on port ")?
                .1
                .trim_end_matches(['.', '\n'])
                .parse::<u16>()
                .ok()
        });

        let profile = tempfile::tempdir().unwrap();
        let folder = format!("--user-data-dir={}", profile.path().display());
        let all = [
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            &folder,
        ];
        capabilities["goog:chromeOptions"]["args"] = json!([&all[..], arguments].concat());
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.as_object().unwrap().clone())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("a browser session");
        let session = client.session_id().await.unwrap().expect("a session's name");
        Self { client, port, session, _driver: driver, _screen: screen, _profile: profile }
    }

    /// A command of the DevTools protocol to the current tab.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.client.issue_cmd(Extra("goog/cdp/execute", body)).await.unwrap()
    }

    /// Shows the current tab in a theme, `light` or `dark`, on a screen so many pixels wide.
    pub async fn look(&self, theme: &str, width: u32) {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": theme }] });
        self.devtools("Emulation.setEmulatedMedia", features).await;
        let screen = json!({
            "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", screen).await;
    }

    /// Takes the current tab off the net, or back on it.
    pub async fn offline(&self, offline: bool) {
        let conditions = json!({ "network_conditions": {
            "offline": offline, "latency": 0, "throughput": -1,
        } });
        self.client.issue_cmd(Extra("chromium/network_conditions", conditions)).await.unwrap();
    }

    /// What the console was told since it was last asked for, as `LEVEL message`.
    pub async fn console(&self) -> Vec<String> {
        let line = |entry: &Value| {
            format!("{} {}", entry["level"].as_str().unwrap(), entry["message"].as_str().unwrap())
        };
        self.log("browser").await.iter().map(line).collect()
    }

    /// Requests that were sent since they were last asked for: address, and why it failed, if it
    /// did.
    pub async fn requests(&self) -> Vec<(String, Option<String>)> {
        let mut requests: Vec<(Value, String, Option<String>)> = Vec::new();
        for entry in self.log("performance").await {
            let entry: Value = serde_json::from_str(entry["message"].as_str().unwrap()).unwrap();
            let (method, of) = (&entry["message"]["method"], &entry["message"]["params"]);
            if method == "Network.requestWillBeSent" {
                let url = of["request"]["url"].as_str().unwrap().to_owned();
                requests.push((of["requestId"].clone(), url, None));
            } else if method == "Network.loadingFailed"
                && let Some(failed) = requests.iter_mut().find(|(id, ..)| *id == of["requestId"])
            {
                failed.2 = Some(of["errorText"].as_str().unwrap_or_default().to_owned());
            }
        }
        requests.into_iter().map(|(_, url, failed)| (url, failed)).collect()
    }

    /// A log's entries since they were last asked for.
    async fn log(&self, kind: &str) -> Vec<Value> {
        let entries = self.client.issue_cmd(Extra("se/log", json!({ "type": kind }))).await;
        entries.unwrap().as_array().unwrap().clone()
    }
}

/// A command of chromedriver's own: the end of its path in the session, and its body.
#[derive(Debug)]
struct Extra(&'static str, Value);

impl WebDriverCompatibleCommand for Extra {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.0))
    }

    fn method_and_body(&self, _: &Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.1.to_string()))
    }
}

impl Deref for Browser {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for Browser {
    /// Ends the session, and with it the browser, which outlives its driver otherwise.
    fn drop(&mut self) {
        let end = format!("DELETE /session/{} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", self.session);
        let driver = TcpStream::connect(("127.0.0.1", self.port));
        // It answers once the browser has ended.
        let ended = driver.and_then(|mut driver| {
            driver.set_read_timeout(Some(Duration::from_secs(10)))?;
            driver.write_all(end.as_bytes())?;
            let mut answer = [0; 15];
            driver.read_exact(&mut answer)?;
            Ok(answer)
        });
        let ended = ended.is_ok_and(|answer| &answer == b"HTTP/1.1 200 OK");
        assert!(ended || std::thread::panicking(), "the browser may have been left running");
    }
}

/// A child that is asked to end when it is dropped, and made to if it won't.
struct Process(Child);

impl Process {
    /// Starts it and reads its output up to the line that `find` takes something from. Again if it
    /// ends at once: a number that one of two finds free may be the other's a moment later.
    fn spawn<T>(mut command: Command, find: impl Fn(&str) -> Option<T>) -> (Self, T) {
        let started = (0..5).find_map(|_| Self::spawn_once(&mut command, &find));
        started.unwrap_or_else(|| panic!("{command:?} ended at once, five times"))
    }

    fn spawn_once<T>(command: &mut Command, find: impl Fn(&str) -> Option<T>) -> Option<(Self, T)> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let process = Self(child);
        let mut line = String::new();
        let found = loop {
            line.clear();
            if output.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            if let Some(found) = find(&line) {
                break found;
            }
        };
        // Keep reading, so that it never waits for us nor finds its output closed.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        Some((process, found))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.0.id() as i32), Signal::SIGTERM);
        let patience = Instant::now() + Duration::from_secs(5);
        while matches!(self.0.try_wait(), Ok(None)) {
            if Instant::now() > patience {
                let _ = self.0.kill();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The first of these programs that is installed.
fn installed(names: &[&str]) -> PathBuf {
    program(names, &std::env::var_os("PATH").unwrap_or_default())
}

/// The first of these programs that is in one of the folders of `path`. Fails where there is none:
/// a test without its tool has tested nothing.
fn program(names: &[&str], path: &OsStr) -> PathBuf {
    names
        .iter()
        .flat_map(|name| std::env::split_paths(path).map(move |folder| folder.join(name)))
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("{} is not installed: `make test` installs it", names[0]))
}

#[test]
#[should_panic(expected = "chromedriver is not installed")]
fn a_missing_program_fails_its_test() {
    program(&["chromedriver"], OsStr::new("/nowhere:/nothing"));
}
