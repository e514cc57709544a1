//! The PROXY protocol: who a proxy speaks for, said before the first byte of the connection itself.
//!
//! Read to its last byte and no further, for what follows may be TLS. See HAProxy's
//! proxy-protocol.txt.

use proxy_protocol_rs::parse;
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncReadExt};

/// What version 2 begins with, and its head with the length of the rest.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
const HEAD: usize = 16;

/// Bytes after that head, at most: addresses, and what a load balancer adds of TLS.
const REST_MAX: usize = 4_096;

/// Bytes of version 1, a line.
const LINE_MAX: usize = 107;

/// Reads a header of either version. `None`: the proxy speaks for itself, or does not say for whom.
///
/// # Errors
/// The connection's; what is no such header.
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<SocketAddr>> {
    let mut header = vec![0; SIGNATURE.len()];
    stream.read_exact(&mut header).await?;
    if header == SIGNATURE {
        header.resize(HEAD, 0);
        stream.read_exact(&mut header[SIGNATURE.len()..]).await?;
        let rest = usize::from(u16::from_be_bytes([header[HEAD - 2], header[HEAD - 1]]));
        if rest > REST_MAX {
            return Err(wrong("it is too long"));
        }
        header.resize(HEAD + rest, 0);
        stream.read_exact(&mut header[HEAD..]).await?;
    } else {
        while !header.ends_with(b"\n") {
            if header.len() == LINE_MAX || !header.starts_with(b"PROXY ") {
                return Err(wrong("it is none"));
            }
            header.push(stream.read_u8().await?);
        }
    }
    let (told, length) = parse(&header).map_err(|error| wrong(&error.to_string()))?;
    match length == header.len() {
        true => Ok(told.source_inet()),
        false => Err(wrong("it ends elsewhere than it says")),
    }
}

fn wrong(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proxy_protocol_rs::HeaderBuilder;

    async fn told(bytes: &[u8]) -> (io::Result<Option<SocketAddr>>, Vec<u8>) {
        let mut left = bytes;
        let told = read(&mut left).await;
        (told, left.to_vec())
    }

    #[tokio::test]
    async fn both_versions_are_read_to_their_end() {
        let to: SocketAddr = "192.0.2.1:443".parse().unwrap();
        for from in ["203.0.113.7:4711", "[2001:db8::7]:1"] {
            let from: SocketAddr = from.parse().unwrap();
            let to = if from.is_ipv4() { to } else { "[2001:db8::1]:443".parse().unwrap() };
            for header in [HeaderBuilder::v1_proxy(from, to), HeaderBuilder::v2_proxy(from, to)] {
                let bytes = [&header.build()[..], b"GET / HTTP/1.1"].concat();
                let (told, left) = told(&bytes).await;
                assert_eq!((told.unwrap(), &left[..]), (Some(from), &b"GET / HTTP/1.1"[..]));
            }
        }
        let more = HeaderBuilder::v2_proxy(to, to).with_authority("example.org").with_crc32c();
        assert_eq!(told(&more.build()).await.0.unwrap(), Some(to));
        for header in [HeaderBuilder::v2_local().build(), HeaderBuilder::v1_unknown().build()] {
            let (told, left) = told(&header).await;
            assert_eq!((told.unwrap(), left.len()), (None, 0));
        }
    }

    #[tokio::test]
    async fn what_is_none_is_refused() {
        let long = format!("PROXY TCP4 {} 192.0.2.1 1 2\r\n", "1".repeat(100));
        let huge = [&SIGNATURE[..], b"\x21\x11\xff\xff"].concat();
        let short = [&SIGNATURE[..], b"\x21\x11\x00\x04abcd"].concat();
        for bytes in [
            b"GET / HTTP/1.1\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00",
            b"PROXY TCP4 a b 1 2\r\n",
            b"PROXY TCP4 192.0.2.1\r\n",
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1 99999\r\n",
            b"PROXY",
            b"",
            long.as_bytes(),
            &huge,
            &short,
        ] as [&[u8]; 10]
        {
            assert!(told(bytes).await.0.is_err(), "{}", bytes.escape_ascii());
        }
    }
}
