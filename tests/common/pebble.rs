//! Debian's Pebble with its name server, on free ports.

use super::curl::curl;
use super::ports::free_port;
use super::wait_for;
use serde_json::json;
use std::fs::File;
use std::net::{TcpListener, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A name that it has no certificate for, whoever can prove it.
pub const FORBIDDEN: &str = "forbidden.example";

/// An authority; killed when dropped.
pub struct Pebble {
    dir: TempDir,
    pub port: u16,
    management: u16,
    names: u16,
    names_management: u16,
    processes: Vec<Child>,
}

impl Pebble {
    /// Asks for proofs at `http_port` of this machine, whatever the name; its certificates are
    /// valid for `life`.
    pub fn prepare(http_port: u16, life: Duration) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let [port, management, names_management] = [(); 3].map(|()| free_port());
        let file = |name: &str| dir.path().join(name);
        std::fs::write(file("ca.pem"), made.cert.pem()).unwrap();
        std::fs::write(file("key.pem"), made.signing_key.serialize_pem()).unwrap();
        let config = json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{port}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": file("ca.pem"),
            "privateKey": file("key.pem"),
            "httpPort": http_port,
            "tlsPort": free_port(),
            "certificateValidityPeriod": life.as_secs(),
            "domainBlocklist": [FORBIDDEN],
        } });
        std::fs::write(file("pebble.json"), config.to_string()).unwrap();
        let names = both_ways();
        Self { dir, port, management, names, names_management, processes: Vec::new() }
    }

    pub fn start(http_port: u16) -> Self {
        let mut pebble = Self::prepare(http_port, Duration::from_secs(90 * 24 * 3_600));
        pebble.start_again();
        pebble
    }

    /// Starts it, without any memory of what was before.
    pub fn start_again(&mut self) {
        self.stop();
        let log = File::create(self.dir.path().join("log")).unwrap();
        let mut start = |command: &mut Command| {
            let log = log.try_clone().unwrap();
            let command = command.stdin(Stdio::null()).stderr(log.try_clone().unwrap()).stdout(log);
            self.processes.push(command.spawn().expect("Debian's package `pebble` is installed"));
        };
        start(
            Command::new("pebble-challtestsrv")
                .args(["-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""])
                .args(["-http01", "", "-https01", "", "-tlsalpn01", ""])
                .args(["-dns01", &format!("127.0.0.1:{}", self.names)])
                .args(["-management", &format!("127.0.0.1:{}", self.names_management)]),
        );
        start(
            Command::new("pebble")
                .args(["-dnsserver", &format!("127.0.0.1:{}", self.names)])
                .arg("-config")
                .arg(self.dir.path().join("pebble.json"))
                .env("PEBBLE_VA_NOSLEEP", "1")
                // Of a hundred good nonces one is refused, as real authorities do now and then.
                // With Pebble's usual five, all of a client's three tries fail in one of 8,000
                // requests.
                .env("PEBBLE_WFE_NONCEREJECT", "1"),
        );
        wait_for("Pebble to answer", || (self.ask(self.port, "/dir").0 == 200).then_some(()));
        wait_for("its name server to answer", || {
            std::net::TcpStream::connect(("127.0.0.1", self.names_management)).ok().map(drop)
        });
        let root = self.ask(self.management, "/roots/0").1;
        std::fs::write(self.root(), root).unwrap();
    }

    pub fn stop(&mut self) {
        for mut process in self.processes.drain(..) {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    fn ask(&self, port: u16, path: &str) -> (u16, Vec<u8>) {
        let ca = self.ca();
        let url = format!("https://127.0.0.1:{port}{path}");
        let answer = curl(&url, &["--cacert", ca.to_str().unwrap()]);
        (answer.status, answer.body)
    }

    /// Where the authority is.
    pub fn directory(&self) -> String {
        format!("https://127.0.0.1:{}/dir", self.port)
    }

    /// The certificate of its own port.
    pub fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// What its certificates are to be checked with, since its last start.
    pub fn root(&self) -> PathBuf {
        self.dir.path().join("root.pem")
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Has a name lead to where nobody listens, or back here.
    pub fn lead(&self, name: &str, here: bool) {
        let set = json!({ "host": format!("{name}."), "addresses": ["127.0.0.2"] }).to_string();
        let what = if here { "clear-a" } else { "add-a" };
        let url = format!("http://127.0.0.1:{}/{what}", self.names_management);
        let answer = curl(&url, &["--data-binary", &set]);
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            println!("--- Pebble's log ---\n{}", self.log());
        }
    }
}

/// A port that is free for TCP and UDP, as a name server's must be.
fn both_ways() -> u16 {
    loop {
        let names = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = names.local_addr().unwrap().port();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
