//! Inputs that are like a seed.

use fastrand::Rng;

/// Bytes that readers treat in a way of their own.
const TELLING: [&[u8]; 18] = [
    b"\0",
    b"\xff",
    b"\x7f\xff\xff\xff",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\"",
    b"\\u0000",
    b"\\ud800",
    b"[[[[",
    b"{",
    b"%",
    b"%00",
    b"-1",
    b"1e999",
    b"\r\n",
    b"<!--",
    b"</head>",
    b"\xc3\xa9",
    b"\xef\xbf\xbd",
];

/// A seed, changed in a few places.
pub fn one_of(seeds: &[Vec<u8>], random: &mut Rng) -> Vec<u8> {
    let mut bytes = seeds[random.usize(..seeds.len())].clone();
    for _ in 0..random.usize(1..8) {
        let at = random.usize(..=bytes.len());
        let end = (at + random.usize(..=16)).min(bytes.len());
        match random.u8(..8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.u8(..8),
            1 if at < bytes.len() => bytes[at] = random.u8(..),
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..end)),
            4 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            5 => {
                let other = &seeds[random.usize(..seeds.len())];
                let from = random.usize(..=other.len());
                let until = random.usize(from..=other.len());
                bytes.splice(at..end, other[from..until].iter().copied());
            }
            6 => {
                let telling = TELLING[random.usize(..TELLING.len())];
                bytes.splice(at..at, telling.iter().copied());
            }
            _ => {
                let piece: Vec<u8> = (0..random.usize(..8)).map(|_| random.u8(..)).collect();
                bytes.splice(at..end, piece);
            }
        }
    }
    bytes
}
