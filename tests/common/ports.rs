//! Ports for programs that are told one and take it a moment later.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

/// Below those that a system gives to connections that go out: one of them could be gone by the
/// time the program asks for it.
const PORTS: std::ops::Range<u16> = 10_000..32_000;

/// A port that no other test has until this process ends.
pub fn free_port() -> u16 {
    loop {
        let address = (Ipv4Addr::LOCALHOST, fastrand::u16(PORTS));
        // Nothing here speaks UDP: that side of the port tells other tests that it is taken.
        if let Ok(claim) = UdpSocket::bind(address)
            && TcpListener::bind(address).is_ok()
        {
            std::mem::forget(claim);
            return address.1;
        }
    }
}

pub fn free_address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, free_port()).into()
}
