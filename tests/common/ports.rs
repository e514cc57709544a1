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

/// Whether the ports that flags name for TLS and for HTTP/2 without it are open. They are not called:
/// that would be a connection more.
pub fn others_listen(flags: &[impl AsRef<str>]) -> bool {
    let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let listens = |address: SocketAddr| {
        let local = format!(":{:04X}", address.port());
        sockets.lines().any(|socket| {
            let mut columns = socket.split_whitespace().skip(1);
            columns.next().is_some_and(|at| at.ends_with(&local)) && columns.nth(1) == Some("0A")
        })
    };
    flags.windows(2).all(|pair| match pair[0].as_ref() {
        "--tls-listen" | "--h2c-listen" => listens(pair[1].as_ref().parse().unwrap()),
        _ => true,
    })
}
