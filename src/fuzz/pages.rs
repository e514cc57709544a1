//! Pages on their way: however they are cut, what comes out is what went in and at most one tag.

use super::split_byte;
use crate::capture::inject::{Injector, Origin, Page, Policies, Tag};
use crate::coding::{Coding, Decoder, Encoder};
use bytes::Bytes;

const TAG: &[u8] = b"<script defer src=\"/headcount.js\"></script>";

/// Larger pages than anybody sends: what decodes to more is a bomb, and is left after so much.
const ENOUGH: usize = 8 << 20;

const POLICIES: [&str; 6] = [
    "",
    "script-src 'self'",
    "script-src 'nonce-abc' 'strict-dynamic'",
    "default-src 'none'",
    "script-src 'sha256-AAAA'; connect-src 'none'",
    "sandbox; script-src *",
];

fn injector(policy: usize) -> Injector {
    let tag = Tag {
        markup: Bytes::from_static(TAG),
        script: "/headcount.js".into(),
        beacon: "/api/track".into(),
    };
    let origin = Origin { https: true, host: "example.org".into(), port: None };
    let enforced = vec![POLICIES[policy % POLICIES.len()].to_owned()];
    Injector::new(tag, origin, Policies { enforced, reported: Vec::new() })
}

/// Pieces whose lengths are from this number.
fn pieces(bytes: &[u8], mut lengths: usize) -> Vec<&[u8]> {
    let (mut pieces, mut left) = (Vec::new(), bytes);
    while !left.is_empty() {
        lengths = lengths.wrapping_mul(31).wrapping_add(7) % 251;
        let (piece, rest) = left.split_at((lengths % 97 + 1).min(left.len()));
        pieces.push(piece);
        left = rest;
    }
    pieces
}

fn tagged(page: &[u8], lengths: usize, policy: usize) -> Vec<u8> {
    let mut injector = injector(policy);
    let mut out = Vec::new();
    for piece in pieces(page, lengths) {
        let mut body = Some(Bytes::copy_from_slice(piece));
        injector.feed(&mut body, false);
        out.extend(body.unwrap_or_default());
    }
    let mut body = None;
    injector.feed(&mut body, true);
    out.extend(body.unwrap_or_default());
    out
}

/// Whether one is the other with at most one tag in it, which may have a nonce.
fn has_one_tag_more(out: &[u8], page: &[u8]) -> bool {
    if out == page {
        return true;
    }
    let more = out.len().saturating_sub(page.len());
    let same = out.iter().zip(page).take_while(|(a, b)| a == b).count();
    // Its first bytes may be those of what follows it.
    (0..=same.min(TAG.len())).any(|back| {
        let at = same - back;
        let added = &out[at..(at + more).min(out.len())];
        added.starts_with(b"<script")
            && added.ends_with(b" defer src=\"/headcount.js\"></script>")
            && out.get(at + more..) == page.get(at..)
    })
}

pub fn injection(bytes: &[u8]) {
    let (policy, rest) = split_byte(bytes);
    let (lengths, page) = split_byte(rest);
    let out = tagged(page, lengths, policy);
    assert!(has_one_tag_more(&out, page), "{}", out.escape_ascii());
    let whole = tagged(page, 0, policy);
    assert_eq!(whole, out, "however it is cut");
}

/// By the first byte: a page that is coded well, or bytes that say so.
pub fn recoding(bytes: &[u8]) {
    let (form, rest) = split_byte(bytes);
    let (lengths, page) = split_byte(rest);
    let coding = [Coding::Gzip, Coding::Brotli, Coding::Zstd][form % 3];
    let well = form / 3 % 2 == 0;
    let coded = if well { encoded(page, coding) } else { page.to_vec() };
    let mut way = Page::new(injector(0), Some(coding)).expect("memory");
    let (mut out, mut broken) = (Vec::new(), false);
    for piece in pieces(&coded, lengths) {
        let mut body = Some(Bytes::copy_from_slice(piece));
        broken |= way.feed(&mut body, false).is_err();
        if broken || out.len() > ENOUGH {
            break;
        }
        out.extend(body.unwrap_or_default());
    }
    if broken || out.len() > ENOUGH {
        assert!(!well, "it was coded well");
        return;
    }
    let mut body = None;
    if way.feed(&mut body, true).is_err() {
        assert!(!well, "it was coded well");
        return;
    }
    out.extend(body.unwrap_or_default());
    if well {
        let decoded = decoded(&out, coding);
        assert_eq!(decoded, tagged(page, lengths, 0), "as if it had not been coded");
    }
}

fn encoded(page: &[u8], coding: Coding) -> Vec<u8> {
    let (mut out, mut encoder) = (Vec::new(), Encoder::new(coding).expect("memory"));
    encoder.write(page, &mut out).expect("in memory");
    encoder.finish(&mut out).expect("in memory");
    out
}

fn decoded(mut bytes: &[u8], coding: Coding) -> Vec<u8> {
    let mut decoder = Decoder::new(coding).expect("memory");
    let (mut out, mut piece) = (Vec::new(), vec![0; 16 << 10]);
    loop {
        let step = decoder.step(bytes, &mut piece).expect("what we coded");
        out.extend_from_slice(&piece[..step.written]);
        bytes = &bytes[step.read..];
        if bytes.is_empty() && step.written == 0 {
            assert!(decoder.is_whole(), "it has an end");
            return out;
        }
    }
}
