//! Processes, and what they use.

use super::wire::{Certificate, Wire};
use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a process may take to serve.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server in a process of its own; killed when dropped.
pub struct Child {
    plain: u16,
    tls: u16,
    pub meter: Meter,
    admin: u16,
    process: std::process::Child,
}

impl Child {
    pub fn website() -> anyhow::Result<Self> {
        let mut process = ourselves()?.arg("--website").stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        if let Some(out) = process.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        Self::new(process, line.trim().parse()?, 0, 0)
    }

    pub fn bare(website: u16, certificate: &Certificate) -> anyhow::Result<Self> {
        let (port, tls) = (free_port()?, free_port()?);
        let process = ourselves()?
            .arg("--bare")
            .args([port, tls, website].map(|port| port.to_string()))
            .args([certificate.chain(), certificate.key()])
            .spawn()?;
        Self::new(process, port, tls, 0)
    }

    /// A real binary, in its own folder, as it comes but for a single thread. The visitors'
    /// addresses are in `X-Forwarded-For`. Without a certificate there is no TLS: earlier versions
    /// know none.
    pub fn headcount(
        binary: &Path,
        website: u16,
        folder: &TempDir,
        inject: bool,
        certificate: Option<&Certificate>,
    ) -> anyhow::Result<Self> {
        let (port, tls, admin) = (free_port()?, free_port()?, free_port()?);
        let mut command = Command::new(binary);
        command
            .arg("run")
            .arg(format!("--upstream=http://127.0.0.1:{website}"))
            .arg(format!("--listen=127.0.0.1:{port}"))
            .arg(format!("--admin=127.0.0.1:{admin}"))
            .arg(format!("--inject={inject}"))
            .args(["--threads=1", "--trusted-proxies=127.0.0.0/8", "--log=warn"])
            // As many as there can be, of everybody.
            .args(["--limits-beacons-per-minute=1000000", "--limits-requests-per-connection=0"])
            .arg("--data-dir")
            .arg(folder.path());
        if let Some(certificate) = certificate {
            let pair =
                [certificate.chain(), certificate.key()].map(|path| path.display().to_string());
            command.arg(format!("--tls-listen=127.0.0.1:{tls}"));
            command.arg(format!("--tls-certificates={}", pair.join(":")));
        }
        Self::new(command.spawn()?, port, tls, admin)
    }

    /// Where it is reached so.
    pub fn port(&self, wire: Wire) -> u16 {
        if wire == Wire::Plain { self.plain } else { self.tls }
    }

    fn new(process: std::process::Child, plain: u16, tls: u16, admin: u16) -> anyhow::Result<Self> {
        let meter = Meter::new(process.id())?;
        let child = Self { plain, tls, meter, admin, process };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", plain)).is_err() {
            anyhow::ensure!(Instant::now() < deadline, "nothing serves on port {plain}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(child)
    }

    /// What headcount says it has counted and dropped.
    pub fn counted(&self) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.admin))?;
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        let sum = |name: &str| -> f64 {
            let lines = text.lines().filter(|l| l.starts_with(name));
            lines.filter_map(|l| l.rsplit(' ').next()?.parse::<f64>().ok()).sum()
        };
        Ok(format!(
            "{} requests, {} pageviews, {} beacons; {} dropped",
            sum("headcount_requests_total"),
            sum("headcount_pageviews_total"),
            sum("headcount_beacons_total"),
            sum("headcount_events_dropped_total"),
        ))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads what a process uses.
pub struct Meter {
    pid: u32,
    clock: ClockId,
}

impl Meter {
    fn new(pid: u32) -> anyhow::Result<Self> {
        Ok(Self { pid, clock: clock_getcpuclockid(Pid::from_raw(pid as i32))? })
    }

    /// CPU time of all its threads so far, in the program and in the kernel.
    pub fn cpu(&self) -> Duration {
        self.clock.now().map(Duration::from).unwrap_or_default()
    }

    pub fn resident_mb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid));
        let kilobytes = status.ok().and_then(|s| {
            let line = s.lines().find_map(|l| l.strip_prefix("VmRSS:"))?.trim().to_owned();
            line.split(' ').next()?.parse::<u64>().ok()
        });
        kilobytes.unwrap_or_default() / 1024
    }
}

fn ourselves() -> anyhow::Result<Command> {
    Ok(Command::new(std::env::current_exe()?))
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
