//! How many files and connections the system allows the program.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is needed beside visitors' connections: the store's, the admin port's, files.
const OWN: u64 = 128;

/// Where the system sets no bound.
const MANY: u64 = 1 << 20;

/// How many connections of visitors there are descriptors for, each with one to the website. Asks
/// the system for as many as it gives: the usual 1,024 are soft, and meant for programs that
/// `select`.
pub fn connections() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let descriptors = current.unwrap_or(MANY).min(MANY);
    (descriptors.saturating_sub(OWN) / 2).max(1) as usize
}
