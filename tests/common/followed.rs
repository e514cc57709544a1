//! What systemd does for a service of `Type=notify`: hears what the program tells it, and follows its main
//! process from one to the next.

use super::headcount::Headcount;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;
use tempfile::TempDir;

/// A program that is followed. All its processes are ended with it.
pub struct Followed {
    socket: UnixDatagram,
    /// All that have been the main one.
    processes: Vec<i32>,
    dir: TempDir,
}

impl Followed {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(dir.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Self { socket, processes: Vec::new(), dir }
    }

    /// The variable that a program is started with.
    pub fn variable(&self) -> String {
        format!("NOTIFY_SOCKET={}", self.dir.path().join("notify").display())
    }

    /// Starts a program that has been prepared.
    pub fn start(headcount: &mut Headcount) -> Self {
        let mut followed = Self::new();
        headcount.wrap(&["env", &followed.variable()]);
        headcount.start_again();
        assert_eq!(followed.ready(), headcount.pid() as i32);
        followed
    }

    pub fn next(&self) -> String {
        let mut bytes = [0; 256];
        let length = self.socket.recv(&mut bytes).expect("something is told");
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    /// Which process lets visitors in.
    pub fn ready(&mut self) -> i32 {
        let told = self.next();
        self.is_ready(&told)
    }

    fn is_ready(&mut self, told: &str) -> i32 {
        let (main, ready) = told.split_once('\n').expect(told);
        assert_eq!(ready, "READY=1");
        let main = main.strip_prefix("MAINPID=").unwrap().parse().unwrap();
        if self.processes.last() != Some(&main) {
            self.processes.push(main);
        }
        main
    }

    pub fn main(&self) -> i32 {
        *self.processes.last().expect("one is ready")
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.main()), signal).unwrap();
    }

    /// Sends a signal after which settings are read again, and waits until they are in force. The main
    /// process after that.
    pub fn reload(&mut self, signal: Signal) -> i32 {
        self.signal(signal);
        let mut reloads = 0;
        loop {
            let told = self.next();
            let Some(since) = told.strip_prefix("RELOADING=1\nMONOTONIC_USEC=") else {
                assert!(reloads > 0, "{told}");
                return self.is_ready(&told);
            };
            assert!(since.parse::<u64>().unwrap() > 0, "{told}");
            reloads += 1;
        }
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        let program = std::path::Path::new(env!("CARGO_BIN_EXE_headcount"));
        let runs = |process: &&i32| {
            std::fs::read_link(format!("/proc/{process}/exe")).is_ok_and(|exe| exe == program)
        };
        for process in self.processes.iter().filter(runs) {
            let _ = kill(Pid::from_raw(*process), Signal::SIGKILL);
        }
    }
}
