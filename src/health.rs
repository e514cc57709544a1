//! `headcount health`: asks the process that runs here whether it lives.
//!
//! For health checks of containers, whose images have no other program to ask with.

use anyhow::{Context, bail};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// How long each step may take.
const PATIENCE: Duration = Duration::from_secs(5);

const QUESTION: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
const WELL: &[u8] = b"HTTP/1.1 200 ";

/// Asks at the address of the admin port.
///
/// # Errors
/// If nothing answers there, or something else than a headcount that is well.
pub fn run(admin: SocketAddr) -> anyhow::Result<()> {
    let address = reachable(admin);
    let mut answer = [0; WELL.len()];
    let asked = TcpStream::connect_timeout(&address, PATIENCE).and_then(|mut stream| {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.write_all(QUESTION)?;
        stream.read_exact(&mut answer)
    });
    asked.with_context(|| format!("nothing answers at {address}"))?;
    if answer != WELL {
        bail!("{address} answers something else");
    }
    println!("ok");
    Ok(())
}

/// An address of this machine, where the port is open on all of them.
fn reachable(admin: SocketAddr) -> SocketAddr {
    let ip = match admin.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, admin.port())
}
