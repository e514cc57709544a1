//! A server of Debian's, with a folder and a log of its own.

use super::headcount::timezone;
use super::wait_for;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Ended when dropped; what it writes is in `stdout` and `stderr` of its folder.
pub struct Server {
    process: Child,
    dir: PathBuf,
}

impl Server {
    /// Starts a program in a folder, and waits until a port takes connections.
    pub fn start(program: &str, words: &[&str], dir: &Path, port: u16) -> Self {
        let log = |name: &str| File::create(dir.join(name)).unwrap();
        let process = Command::new(program)
            .args(words)
            .current_dir(dir)
            .env("HOME", dir)
            .env("TZ", timezone())
            .stdin(Stdio::null())
            .stdout(log("stdout"))
            .stderr(log("stderr"))
            // Some end their whole group.
            .process_group(0)
            .spawn()
            .unwrap_or_else(|e| panic!("{program}: {e}"));
        let mut server = Self { process, dir: dir.to_owned() };
        wait_for(program, || {
            let ended = server.process.try_wait().unwrap();
            assert_eq!(ended, None, "{program} ended: {}", server.said("stderr"));
            TcpStream::connect(("127.0.0.1", port)).is_ok().then_some(())
        });
        server
    }

    /// What is in a file of its folder.
    pub fn said(&self, file: &str) -> String {
        std::fs::read_to_string(self.dir.join(file)).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Not killed: its own processes end with it.
        let _ = kill(Pid::from_raw(self.process.id() as i32), Signal::SIGTERM);
        let _ = self.process.wait();
        if std::thread::panicking() {
            println!("--- {} ---\n{}", self.dir.display(), self.said("stderr"));
        }
    }
}
