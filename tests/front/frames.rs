//! HTTP/2 by hand, as a client has it: frames and fields of any bytes, also those that no library
//! would send.

use crate::common::headcount::SITE;
use crate::common::wire::{PATIENCE, Stream, Trust};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Answers are to use no table, so that a status can be read without one.
const NO_TABLE: [u8; 6] = [0, 1, 0, 0, 0, 0];

/// A frame (RFC 9113 §4.1).
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// Fields as they are, none of them from a table (RFC 7541 §6.2.2). Each character is one byte.
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            let text: Vec<u8> = text.chars().map(|c| u8::try_from(c).expect("Latin-1")).collect();
            length(&mut block, text.len());
            block.extend(text);
        }
    }
    block
}

/// An integer with a prefix of seven bits (RFC 7541 §5.1).
fn length(block: &mut Vec<u8>, length: usize) {
    let Some(mut rest) = length.checked_sub(127) else { return block.push(length as u8) };
    block.push(127);
    while rest >= 128 {
        block.push((rest % 128) as u8 | 128);
        rest /= 128;
    }
    block.push(rest as u8);
}

/// A request's fields in one frame.
pub fn headers(stream: u32, flags: u8, fields: &[(&str, &str)]) -> Vec<u8> {
    frame(HEADERS, flags | END_HEADERS, stream, &block(fields))
}

/// A request of this method for this path, with nothing unusual.
pub fn usual<'a>(method: &'a str, path: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![(":method", method), (":scheme", "https"), (":authority", SITE), (":path", path)]
}

/// How a stream ended.
#[derive(Debug, PartialEq)]
pub enum End {
    /// Status and body.
    Answer(u16, Vec<u8>),
    /// By RST_STREAM, with its code.
    Reset(u32),
    /// The whole connection, by GOAWAY with its code.
    GoAway(u32),
    /// The whole connection, without a word.
    Closed,
}

/// A connection.
pub struct Frames(Box<dyn Stream>);

impl Frames {
    /// Without TLS.
    pub fn connect(to: SocketAddr) -> Self {
        Self::over(connect(to))
    }

    pub fn connect_tls(to: SocketAddr, trust: &Trust) -> Self {
        let mut trust = (**trust).clone();
        trust.alpn_protocols = vec![b"h2".to_vec()];
        let name = rustls::pki_types::ServerName::try_from(SITE).unwrap();
        let mut tls = rustls::ClientConnection::new(Arc::new(trust), name).unwrap();
        let mut stream = connect(to);
        tls.complete_io(&mut stream).expect("a handshake");
        assert_eq!(tls.alpn_protocol(), Some(&b"h2"[..]));
        Self::over(rustls::StreamOwned::new(tls, stream))
    }

    fn over(stream: impl Stream + 'static) -> Self {
        let mut frames = Self(Box::new(stream));
        frames.send(&[PREFACE, &frame(SETTINGS, 0, 0, &NO_TABLE)].concat()).unwrap();
        frames
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)?;
        self.0.flush()
    }

    /// Reads up to the end of a stream, or of all.
    pub fn end(&mut self, stream: u32) -> End {
        let (mut status, mut body) = (0, Vec::new());
        while let Ok((kind, flags, of, payload)) = self.read() {
            match (kind, of == stream) {
                (GOAWAY, _) if code(&payload[4..]) != 0 => return End::GoAway(code(&payload[4..])),
                (RST_STREAM, true) => return End::Reset(code(&payload)),
                // Trailers have none.
                (HEADERS, true) if status == 0 => status = read_status(&payload),
                (DATA, true) => body.extend(payload),
                _ => {}
            }
            if of == stream && matches!(kind, HEADERS | DATA) && flags & END_STREAM > 0 {
                return End::Answer(status, body);
            }
        }
        End::Closed
    }

    /// Reads one frame: its kind, flags, stream and payload.
    pub fn read(&mut self) -> io::Result<(u8, u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head)?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        self.0.read_exact(&mut payload)?;
        Ok((head[3], head[4], code(&head[5..]), payload))
    }
}

fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn code(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes[..4].try_into().unwrap())
}

/// The status at the beginning of an answer's fields: an entry of the static table, or three
/// digits.
pub fn read_status(block: &[u8]) -> u16 {
    // Changes of the table's size come first.
    let at = block.iter().position(|byte| byte & 0xe0 != 0x20).expect("fields");
    match block[at..] {
        [entry @ 0x88..=0x8e, ..] => [200, 204, 206, 304, 400, 404, 500][usize::from(entry - 0x88)],
        // A literal with the name of entry 8, whatever becomes of it in the table.
        [0x08 | 0x18 | 0x48, 3, ref digits @ ..] => {
            std::str::from_utf8(&digits[..3]).unwrap().parse().unwrap()
        }
        [0x08 | 0x18 | 0x48, length @ 0x80..=0xff, ref coded @ ..] => {
            digits(&coded[..usize::from(length & 0x7f)])
        }
        _ => panic!("no status in {block:x?}"),
    }
}

/// Three digits in the Huffman code of RFC 7541, appendix B: 0 to 2 have five bits, the others six.
fn digits(coded: &[u8]) -> u16 {
    let bits = coded.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte));
    let mut left = coded.len() * 8;
    let mut number = 0;
    for _ in 0..3 {
        let next = |count: usize| bits >> (left - count) & ((1 << count) - 1);
        let (digit, count) = match next(5) {
            short @ 0..=2 => (short, 5),
            _ => (next(6) - 0x19 + 3, 6),
        };
        left -= count;
        number = number * 10 + digit as u16;
    }
    number
}
