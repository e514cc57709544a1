//! How many files and connections the system allows the program.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// What is needed beside visitors' connections: the store's, the admin port's, files.
const OWN: u64 = 128;

/// Where the system sets no bound.
const MANY: u64 = 1 << 20;

/// How many connections of visitors there are descriptors for, each with one to the website. Asks
/// the system for as many as it gives: the usual 1,024 are soft, and meant for programs that
/// `select`.
pub fn connections() -> usize {
    // A bound that is not set reads as the largest number.
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((MANY, MANY));
    let raised = setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok();
    let descriptors = if raised { hard } else { soft }.min(MANY);
    (descriptors.saturating_sub(OWN) / 2).max(1) as usize
}
