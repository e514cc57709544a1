//! curl, and what it has to say of an answer.

use std::process::{Command, Output};

/// An answer as curl tells it.
#[derive(Debug)]
pub struct Curl {
    /// `1.1`, `2`; empty: there was none.
    pub version: String,
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
    /// What went wrong.
    pub error: String,
}

impl Curl {
    pub fn field(&self, name: &str) -> Option<&str> {
        let is_it = |line: &&str| {
            line.split_once(':').is_some_and(|(known, _)| known.eq_ignore_ascii_case(name))
        };
        self.head.lines().find(is_it).map(|line| line[name.len() + 1..].trim())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// Fetches a URL whose host is this machine, whatever its name.
pub fn curl(url: &str, more: &[&str]) -> Curl {
    let dir = tempfile::tempdir().unwrap();
    let [head, body] = ["head", "body"].map(|file| dir.path().join(file));
    let Output { stdout, stderr, .. } = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "50", "--connect-to", "::127.0.0.1:"])
        .args(["--write-out", "%{http_version} %{http_code}"])
        .arg("--dump-header")
        .arg(&head)
        .arg("--output")
        .arg(&body)
        .args(more)
        .arg(url)
        .output()
        .expect("curl is there");
    let told = String::from_utf8(stdout).unwrap();
    let (version, status) = told.split_once(' ').unwrap_or_default();
    Curl {
        version: version.to_owned(),
        status: status.parse().unwrap_or_default(),
        head: std::fs::read_to_string(head).unwrap_or_default(),
        body: std::fs::read(body).unwrap_or_default(),
        error: String::from_utf8(stderr).unwrap(),
    }
}
