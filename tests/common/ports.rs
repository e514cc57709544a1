//! Ports for programs that are told one and take it a moment later.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// Below those that a system gives to connections that go out: one of them could be gone by the time
/// the program asks for it.
const PORTS: std::ops::Range<u16> = 10_000..32_000;

/// A port that no other test has until this process ends.
pub fn free_port() -> u16 {
    let taken = std::env::temp_dir().join("headcount-test-ports");
    std::fs::create_dir_all(&taken).expect("a folder for locks");
    loop {
        let port = fastrand::u16(PORTS);
        let lock = File::create(taken.join(port.to_string())).expect("a file to lock");
        if lock.try_lock().is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            // Locked as long as it is open.
            std::mem::forget(lock);
            return port;
        }
    }
}

pub fn free_address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, free_port()).into()
}
