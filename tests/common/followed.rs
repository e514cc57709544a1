//! What systemd does for a service of `Type=notify`: hears what the program tells it, and follows
//! its main process from one to the next.

use super::headcount::Headcount;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;
use tempfile::TempDir;

const ALIVE: &str = "WATCHDOG=1";

/// A program that is followed. All its processes are ended with it.
pub struct Followed {
    socket: UnixDatagram,
    /// All that have been the main one.
    processes: Vec<i32>,
    dir: TempDir,
}

impl Followed {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(dir.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Self { socket, processes: Vec::new(), dir }
    }

    /// The variable that a program is started with.
    fn variable(&self) -> String {
        format!("NOTIFY_SOCKET={}", self.dir.path().join("notify").display())
    }

    /// Starts a program that has been prepared.
    pub fn start(headcount: &mut Headcount) -> Self {
        headcount.choose_ports();
        Self::start_by(headcount, &["env"])
    }

    /// The same with a wrapper, which takes variables and passes them on.
    pub fn start_by(headcount: &mut Headcount, wrapper: &[&str]) -> Self {
        let mut followed = Self::new();
        headcount.wrap(&[wrapper, &[&*followed.variable()]].concat());
        headcount.restart_on_same_ports();
        assert_eq!(followed.ready(), headcount.pid() as i32);
        followed
    }

    /// What is told next, but for signs of life.
    pub fn next(&self) -> String {
        loop {
            let told = self.told();
            if told != ALIVE {
                return told;
            }
        }
    }

    /// Waits for a sign of life.
    pub fn lives(&self) {
        assert_eq!(self.told(), ALIVE);
    }

    /// Whether nothing comes for a second, once what was on its way has.
    pub fn is_silent(&self) -> bool {
        std::thread::sleep(Duration::from_millis(100));
        self.socket.set_nonblocking(true).unwrap();
        while self.socket.recv(&mut [0; 256]).is_ok() {}
        std::thread::sleep(Duration::from_secs(1));
        let silent = self.socket.recv(&mut [0; 256]).is_err();
        self.socket.set_nonblocking(false).unwrap();
        silent
    }

    fn told(&self) -> String {
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
        self.is_main(main)
    }

    fn is_main(&mut self, told: &str) -> i32 {
        let main = told.strip_prefix("MAINPID=").expect(told).parse().unwrap();
        if self.processes.last() != Some(&main) {
            if let Some(before) = self.processes.last() {
                assert!(runs(*before), "the main process has ended, and so has the service");
            }
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

    /// Sends a signal after which settings are read again, and waits until they are in force. The
    /// main process after that.
    pub fn reload(&mut self, signal: Signal) -> i32 {
        self.signal(signal);
        let mut reloads = 0;
        loop {
            let told = self.next();
            if let Some(since) = told.strip_prefix("RELOADING=1\nMONOTONIC_USEC=") {
                assert!(since.parse::<u64>().unwrap() > 0, "{told}");
                reloads += 1;
                continue;
            }
            assert!(reloads > 0, "{told}");
            if told.ends_with("READY=1") {
                return self.is_ready(&told);
            }
            self.is_main(&told);
        }
    }
}

/// A line of what the system says of a process.
pub fn status(process: i32, of: &str) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    Some(status.lines().find_map(|line| line.strip_prefix(of))?.trim().to_owned())
}

/// Whether it has not ended, or waits for its parent to notice.
pub fn runs(process: i32) -> bool {
    status(process, "State:").is_some_and(|state| !state.starts_with('Z'))
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
