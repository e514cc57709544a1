//! What it costs to add the tag to a page, by how it comes: as it is (what `inject_compressed =
//! "identity"` leaves to do), or compressed (`"recode"`); and what `compress` costs.
//!
//! `cargo bench --bench codings`

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use headcount::capture::inject::{Injector, Origin, Page, Policies, Tag};
use headcount::capture::script::tag;
use headcount::coding::{Coding, Encoder};
use std::hint::black_box;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// As large as a chunk usually is that a proxy reads.
const CHUNK: usize = 16 * 1024;

criterion_group!(parts, pages);
criterion_main!(parts);

/// Markup with words that repeat as in a language, of about so many bytes.
fn page(length: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    let words: Vec<String> = (0..2_000)
        .map(|_| (0..random.usize(2..10)).map(|_| random.lowercase()).collect())
        .collect();
    let mut page = "<!doctype html><html><head><title>A page</title></head><body>".to_owned();
    while page.len() < length {
        page.push_str("<div class=\"entry\"><p>");
        for _ in 0..random.usize(10..60) {
            page.push_str(&words[(random.f64() * random.f64() * 2_000.0) as usize]);
            page.push(' ');
        }
        page.push_str("</p></div>\n");
    }
    page.into_bytes()
}

fn coded(coding: Coding, text: &[u8]) -> Vec<u8> {
    let (mut encoder, mut out) = (Encoder::new(coding).unwrap(), Vec::new());
    encoder.write(text, &mut out).unwrap();
    encoder.finish(&mut out).unwrap();
    out
}

fn tagged(coding: Option<Coding>, sent: &Bytes) -> usize {
    let path = "/headcount.js";
    let tag = Tag { markup: tag(path).into(), script: path.into(), beacon: "/api/track".into() };
    let origin = Origin { https: true, host: "www.example.org".into(), port: None };
    let mut page = Page::new(Injector::new(tag, origin, Policies::default()), coding).unwrap();
    let (mut rest, mut length) = (sent.clone(), 0);
    loop {
        let mut body = Some(rest.split_to(CHUNK.min(rest.len())));
        page.feed(&mut body, rest.is_empty()).unwrap();
        length += body.map_or(0, |body| body.len());
        if rest.is_empty() {
            return length;
        }
    }
}

fn pages(criterion: &mut Criterion) {
    for kilobytes in [10, 100] {
        let text = page(kilobytes * 1024);
        let mut group = criterion.benchmark_group(format!("a page of {kilobytes} KB"));
        group.throughput(Throughput::Bytes(text.len() as u64));
        let plain = Bytes::from(text.clone());
        group.bench_function("tag, as it is", |b| b.iter(|| tagged(None, black_box(&plain))));
        for coding in Coding::ALL {
            let sent = Bytes::from(coded(coding, &text));
            group.bench_function(format!("tag, {}", coding.as_str()), |b| {
                b.iter(|| tagged(Some(coding), black_box(&sent)));
            });
            group.bench_function(format!("compress, {}", coding.as_str()), |b| {
                b.iter(|| coded(coding, black_box(&text)).len());
            });
        }
        group.finish();
    }
}
