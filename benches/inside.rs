//! What the parts of counting cost, each by itself.
//!
//! `cargo bench --bench inside`; `make bench` writes a line per part into `target/bench`.

#[path = "shared/rows.rs"]
mod event_rows;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use headcount::aggregate::{Limits, Shard};
use headcount::capture::asked::Asked;
use headcount::capture::beacon;
use headcount::capture::classify::{Answer, classify};
use headcount::clock::{Clock, Millis};
use headcount::journal::{Journal, encoded};
use headcount::model::block::{Block, RowBuilder};
use headcount::model::rollup::{Dimension, Metric, field};
use headcount::model::site::{Day, Site, SiteId};
use headcount::model::{
    Answered, BATCH_MAX, Batch, DaySalt, Hit, IdVerdict, Nav, PackedRows, PageKind, Shown, Tracker,
    Traits, ViewKey, VisitorHash, What,
};
use headcount::store::Batches;
use headcount::store::SqliteStore;
use headcount::telemetry::Telemetry;
use headcount::visitor::{Agents, DoNotTrack, Places, Secrets, Visitors, arrival};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NOW: Millis = 1_800_000_000_000;
const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 \
                      (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

criterion_group!(parts, aggregate, journal, view_id, visitor, headers, beacons, store, rows);
criterion_main!(parts);

fn sites() -> Arc<Vec<Site>> {
    let timezone = "Europe/Berlin".parse().unwrap();
    Arc::new(vec![Site {
        name: "example.org".into(),
        hosts: Vec::new(),
        timezone,
        ..Site::default()
    }])
}

/// Three views in four are followed by their beacon; visitors see some five pages each, of 500.
fn hits(count: usize) -> Vec<Hit> {
    let mut random = fastrand::Rng::with_seed(7);
    let pages: Vec<Arc<str>> = (0..500).map(|i| format!("/articles/{i}").into()).collect();
    let all_traits: Vec<Traits> = (0..200).map(traits).collect();
    let mut hits = Vec::with_capacity(count);
    while hits.len() < count {
        let who = random.usize(..count / 10);
        let visitor = Some(VisitorHash::from_stored((who as u64 * 0x9e37_79b9).to_le_bytes()));
        let page = pages[(random.f64() * random.f64() * 500.0) as usize].clone();
        let (nonce, traits) = (random.u64(..), all_traits[who % 200].clone());
        let hit = |what| Hit {
            at: NOW,
            site: Default::default(),
            lane: 1,
            visitor,
            before_midnight: None,
            what,
        };
        let answered = Answered {
            page: page.clone(),
            nonce,
            kind: PageKind::View,
            status: 200,
            traits: Some(traits.clone()),
            from: None,
            bytes: 10_240,
            origin: Some(1_500),
        };
        hits.push(hit(What::Answered(answered)));
        if random.usize(..4) > 0 {
            hits.push(hit(What::Shown(Shown {
                by: Tracker::Own,
                page,
                traits,
                received: NOW,
                screen: Some("1440 px and above".into()),
                nav: Nav::Load,
                id: IdVerdict::Fresh { nonce, issued: NOW, kind: PageKind::View },
                n: Some(random.u64(..)),
            })));
        }
    }
    hits
}

fn traits(i: usize) -> Traits {
    let value = |name: &str, of: usize| format!("{name} {}", i % of);
    Traits::from([
        (Dimension::Device, value("device", 3)),
        (Dimension::Browser, value("browser", 5)),
        (Dimension::BrowserVersion, value("version", 40)),
        (Dimension::Os, value("os", 5)),
        (Dimension::OsVersion, value("os version", 12)),
        (Dimension::Source, value("source", 30)),
        (Dimension::Channel, value("channel", 7)),
        (Dimension::Referrer, value("referrer", 100)),
        (Dimension::Country, value("country", 60)),
        (Dimension::Language, value("language", 20)),
        (Dimension::Hostname, "www.example.org".to_owned()),
    ])
}

fn aggregate(c: &mut Criterion) {
    const HITS: usize = 10_000;
    let plan = hits(HITS);
    c.bench_function("a hit in the aggregator", |b| {
        let mut shard = Shard::new(sites(), Limits { visitors: 200_000, rows: 10_000 });
        let mut round = 0;
        b.iter_custom(|iterations| {
            let (mut left, mut spent) = (iterations as usize, Duration::ZERO);
            while left > 0 {
                round += 1;
                let hits = later(&plan[..left.min(HITS)], round);
                left -= hits.len();
                let start = Instant::now();
                for hit in hits {
                    black_box(shard.apply(hit));
                }
                spent += start.elapsed();
                drop(shard.seal());
            }
            spent
        });
    });
}

/// CPU of the thread that serves the request, page faults and all. The promise is half a
/// microsecond a hit.
fn journal(c: &mut Criterion) {
    const HITS: usize = 5_000;
    let plan = hits(HITS);
    let dir = tempfile::tempdir_in(".").unwrap();
    let telemetry = Arc::new(Telemetry::default());
    let (journal, _) = Journal::open(dir.path(), 1, 0, telemetry.clone()).unwrap();
    let cpu = || {
        let clock = nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID;
        Duration::from(nix::time::clock_gettime(clock).unwrap())
    };
    let mut ticket = 0;
    c.bench_function("a hit into the journal", |b| {
        b.iter_custom(|iterations| {
            let (mut left, mut spent) = (iterations as usize, Duration::ZERO);
            while left > 0 {
                let hits = &plan[..left.min(HITS)];
                left -= hits.len();
                let start = cpu();
                for hit in hits {
                    encoded(black_box(hit), None, None, |bytes| journal.append(0, ticket, bytes));
                    ticket += 1;
                }
                spent += cpu() - start;
                // As when increments are sealed; and time to make the next segment.
                for _ in 0..2 {
                    journal.offer(0, ticket, ticket, |_| Ok(()));
                }
                journal.settle().unwrap();
                std::thread::sleep(Duration::from_millis(2));
            }
            spent
        });
    });
    assert_eq!(telemetry.journal_missed.get(), 0, "this would have measured nothing");
}

/// The same again, ten seconds on for each round, by new ids.
fn later(plan: &[Hit], round: i64) -> Vec<Hit> {
    let mut hits = plan.to_vec();
    for hit in &mut hits {
        hit.at += round * 10_000;
        let other = (round as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        match &mut hit.what {
            What::Answered(answered) => answered.nonce ^= other,
            What::Shown(shown) => {
                shown.n = shown.n.map(|n| n ^ other);
                if let IdVerdict::Fresh { nonce, issued, .. } = &mut shown.id {
                    *nonce ^= other;
                    *issued += round * 10_000;
                }
            }
            _ => {}
        }
    }
    hits
}

fn view_id(c: &mut Criterion) {
    let key = ViewKey::new(&[7; 32]);
    let (site, visitor) = (SiteId::of("example.org"), Some(VisitorHash::from_stored([3; 8])));
    let issue = || key.issue(site, NOW, PageKind::View, black_box(42), visitor, "/articles/17");
    c.bench_function("a view id issued", |b| b.iter(issue));
    let text = String::from_utf8(issue().to_vec()).unwrap();
    c.bench_function("a view id read", |b| b.iter(|| key.read(site, black_box(&text))));
}

fn visitor(c: &mut Criterion) {
    let salt = DaySalt { day: Day::default(), bytes: [9; 32] };
    let address: IpAddr = "198.51.100.7".parse().unwrap();
    c.bench_function("a visitor's hash", |b| {
        b.iter(|| VisitorHash::new(&salt, "example.org", black_box(address), CHROME.as_bytes()))
    });
    let referrer = Some("https://www.google.com/");
    c.bench_function("an arrival from a search engine", |b| {
        b.iter(|| arrival(black_box(referrer), None, |_| false))
    });
    let agents = Agents::new();
    c.bench_function("a user agent seen before", |b| b.iter(|| agents.read(CHROME, Some(false))));

    let sites = sites();
    let secrets = Arc::new(Secrets::new(sites.clone(), Clock::system().now(), None));
    let places = Arc::new(Places::open(&[]).unwrap());
    let settings = headcount::visitor::Settings {
        trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()].into(),
        do_not_track: vec![DoNotTrack::Anonymous],
        place_headers: Vec::new(),
        prover: Arc::default(),
        remembered: 0,
    };
    let visitors = Visitors::new(sites, places, secrets, settings);
    let (headers, peer) = (navigation(), "127.0.0.1".parse().ok());
    let now = Clock::system().now();
    c.bench_function("a visitor, whole: address, hash, lane, traits", |b| {
        b.iter(|| {
            let who = visitors.identify(0, peer, black_box(&headers));
            let traits = who.traits(Some("www.example.org"), referrer, None);
            (who.at(now), who.lane(), traits)
        })
    });
}

fn navigation() -> HeaderMap {
    header_map(&[
        ("host", "www.example.org"),
        ("user-agent", CHROME),
        ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("accept-language", "de-DE,de;q=0.9,en;q=0.8"),
        ("sec-ch-ua-mobile", "?0"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
        ("cookie", "theme=dark"),
        ("x-forwarded-for", "198.51.100.7"),
    ])
}

fn header_map(list: &[(&'static str, &'static str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &'static str)| {
        (HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    list.iter().map(pair).collect()
}

fn headers(c: &mut Criterion) {
    let asked = navigation();
    for (name, kind) in [("a page", "text/html; charset=utf-8"), ("an asset", "text/css")] {
        let answer = header_map(&[("content-type", kind), ("content-length", "10240")]);
        c.bench_function(&format!("{name} classified"), |b| {
            b.iter(|| {
                let asked = Asked::of(black_box(&asked));
                let answer = Answer::of(StatusCode::OK, &answer);
                classify(&Method::GET, asked, "/articles/17", answer, None)
            })
        });
    }
}

fn beacons(c: &mut Criterion) {
    let body = br#"[{"nav":"load","referrer":"https://www.google.com/","title":"A page",
        "type":"pageview","pathname":"/articles/17","timestamp":"2027-01-15T08:00:00.000Z",
        "view":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","n":4503599627370495,
        "screen":"1280x720"}]"#;
    c.bench_function("a beacon read", |b| b.iter(|| beacon::parse(black_box(body), NOW, 1024)));
}

fn store(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("counts.db")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut number = 0;
    let mut batch = || {
        number += 1;
        let row = |i| (field(Dimension::Page, &format!("/articles/{i}"), Metric::Server), 1);
        Batch {
            site: "example.org".into(),
            day: Day::default(),
            node: "bench".into(),
            number,
            fields: (0..BATCH_MAX).map(row).collect(),
            visitors: Vec::new(),
            confirmed: Vec::new(),
            people: PackedRows::default(),
            others: PackedRows::default(),
        }
    };
    let mut group = c.benchmark_group("SQLite");
    group.sample_size(20);
    group.bench_function("a batch of 1,000 rows on disk", |b| {
        b.iter_batched(
            &mut batch,
            |batch| runtime.block_on(store.apply(&batch)).unwrap(),
            BatchSize::PerIteration,
        )
    });
    group.finish();
}

/// A million event rows: how many bytes they take, and how long it takes to pack and unpack them.
fn rows(c: &mut Criterion) {
    let days = event_rows::days(1_000_000);
    let count: usize = days.iter().map(Vec::len).sum();
    for size in [1_000, 8_000] {
        let mut group = c.benchmark_group(format!("rows in blocks of {size}"));
        group.sample_size(10).throughput(Throughput::Elements(count as u64));
        let build = || {
            let chunks = days.iter().flat_map(|day| day.chunks(size));
            chunks.map(|rows| {
                let mut builder = RowBuilder::default();
                rows.iter().for_each(|row| builder.push(row));
                builder.finish()
            })
        };
        let blocks: Vec<Block> = build().collect();
        let packed: Vec<Vec<u8>> = blocks.iter().map(Block::encode).collect();
        let bytes: usize = packed.iter().map(Vec::len).sum();
        println!("rows in blocks of {size}: {:.1} bytes a row", bytes as f64 / count as f64);
        group.bench_function("build", |b| {
            b.iter(|| build().map(|block| block.len()).sum::<usize>())
        });
        group.bench_function("encode", |b| {
            b.iter(|| blocks.iter().map(|block| block.encode().len()).sum::<usize>());
        });
        group.bench_function("decode", |b| {
            b.iter(|| {
                packed.iter().map(|bytes| Block::decode(bytes).unwrap().len()).sum::<usize>()
            });
        });
        group.finish();
    }
}
