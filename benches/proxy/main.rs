//! What it costs to be counted: CPU time per request through headcount and through a bare Pingora
//! proxy of the same build profile, one thread each, in turns.
//!
//! The parts are processes of their own, so that each one's CPU time can be read alone: a website
//! ([`website`]), a bare proxy ([`bare`]), and the real `headcount` binary with an embedded store.
//! This process is the visitors ([`visitors`]). Machines are noisy and rarely idle, so turns are
//! short and alternate, but longer than the aggregator's pauses, so that it works beside those who
//! serve as it does elsewhere. What counts is all that a process uses in a round of them, which
//! lasts as long as it is between two flushes; the table tells how much rounds differ.
//!
//! `cargo bench --bench proxy -- [--rounds N] [--requests N] [--against HEADCOUNT] [CASE…]`, where
//! HEADCOUNT is the binary of another version: it is the rival then, in the place of bare Pingora.

mod bare;
mod meter;
mod table;
mod visitors;
mod website;
mod wire;

use meter::Child;
use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use table::{Case, Cost};
use tempfile::TempDir;
use visitors::{Crowd, Kind};
use wire::{Certificate, Wire};

/// As the binary does: the allocator is part of the build profile.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// As often as headcount flushes: there is one in every round.
const ROUND: Duration = Duration::from_secs(10);

/// Hits still in a queue are applied within a pause of the aggregator's.
pub const SETTLE: Duration = Duration::from_millis(300);

struct Options {
    rounds: usize,
    /// Of a turn.
    requests: usize,
    /// Another headcount to compare with.
    against: Option<PathBuf>,
    cases: HashSet<String>,
}

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut options = Options { rounds: 5, requests: 5_000, against: None, cases: HashSet::new() };
    while let Some(argument) = arguments.next() {
        if argument == "--against" {
            options.against = arguments.next().map(PathBuf::from);
            continue;
        }
        let mut number = || arguments.next().and_then(|n| n.parse().ok()).unwrap_or(1);
        match argument.as_str() {
            "--website" => return website::run(),
            "--bare" => {
                let [port, tls, website] = [(); 3].map(|()| number() as u16);
                let [chain, key] = [(); 2].map(|()| arguments.next().unwrap_or_default());
                bare::run(port, tls, website, &chain, &key)?;
            }
            "--rounds" => options.rounds = number(),
            "--requests" => options.requests = number(),
            // What cargo adds.
            "--bench" => {}
            case => {
                options.cases.insert(case.to_owned());
            }
        }
    }
    bench(&options)
}

fn bench(options: &Options) -> anyhow::Result<()> {
    let (website, certificate) = (Child::website()?, Certificate::new()?);
    let (port, folders) = (website.port(Wire::Plain), [(); 3].map(|()| TempDir::new()));
    let [plain, injected, other] = folders;
    let (plain, injected, other) = (plain?, injected?, other?);
    let ours = Path::new(env!("CARGO_BIN_EXE_headcount"));
    let rival = match &options.against {
        Some(binary) => Child::headcount(binary, port, &other, false, None)?,
        None => Child::bare(port, &certificate)?,
    };
    let headcount = Child::headcount(ours, port, &plain, false, Some(&certificate))?;
    let injecting = Child::headcount(ours, port, &injected, true, None)?;

    let plan = [
        ("page", Kind::Page, Wire::Plain, &headcount),
        ("page, tag injected", Kind::Page, Wire::Plain, &injecting),
        ("page not modified", Kind::NotModified, Wire::Plain, &headcount),
        ("asset", Kind::Asset, Wire::Plain, &headcount),
        ("page to a bot", Kind::Bot, Wire::Plain, &headcount),
        ("beacon", Kind::Beacon, Wire::Plain, &headcount),
        ("page to a newcomer", Kind::Newcomer, Wire::Plain, &headcount),
        ("page over TLS", Kind::Page, Wire::Tls, &headcount),
        ("page over HTTP/2", Kind::Page, Wire::Http2, &headcount),
    ];
    let mut cases = Vec::new();
    for (name, kind, wire, subject) in plan {
        // Earlier versions have no TLS.
        let both = options.against.is_none() || wire == Wire::Plain;
        if !both || !options.cases.is_empty() && !options.cases.contains(name) {
            continue;
        }
        eprint!("{name} ");
        let rival = Some(&rival).filter(|_| kind != Kind::Beacon);
        let mut crowd = Crowd::new(kind, wire, certificate.chain());
        // Caches fill, connections open.
        for child in rival.into_iter().chain([subject]) {
            run(child, &mut crowd, options.requests)?;
        }
        let mut case = Case::new(name);
        for _ in 0..options.rounds {
            case.add(&round(rival, subject, &mut crowd, options.requests)?);
            eprint!(".");
        }
        eprintln!();
        cases.push(case);
    }

    // The last hits are flushed, then nobody comes.
    std::thread::sleep(ROUND);
    let before = headcount.meter.cpu();
    std::thread::sleep(ROUND);
    let idle = (headcount.meter.cpu() - before).as_secs_f64() / ROUND.as_secs_f64();
    let name = if options.against.is_some() { "the other headcount" } else { "bare Pingora" };
    let mut text = table::render(&cases, name, options.rounds, options.requests);
    text.push_str(&format!(
        "\nCPU while idle: headcount {:.2} % of a core.\n\
         Memory at the end: {name} {}, headcount {}, with injection {} MB.\n\
         Counted by headcount: {}.\n",
        idle * 100.0,
        rival.meter.resident_mb(),
        headcount.meter.resident_mb(),
        injecting.meter.resident_mb(),
        headcount.counted()?,
    ));
    println!("{text}");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench");
    std::fs::create_dir_all(&folder)?;
    std::fs::File::create(folder.join("proxy.txt"))?.write_all(text.as_bytes())?;
    Ok(())
}

/// A round of turns: what a request cost the rival, if there is one, and the subject.
fn round(
    rival: Option<&Child>,
    subject: &Child,
    crowd: &mut Crowd,
    requests: usize,
) -> anyhow::Result<Vec<Cost>> {
    let children: Vec<&Child> = rival.into_iter().chain([subject]).collect();
    let before: Vec<Duration> = children.iter().map(|child| child.meter.cpu()).collect();
    let mut walls = vec![Duration::ZERO; children.len()];
    // What preparing takes is no cost of theirs.
    let mut asides = walls.clone();
    let (began, mut turns) = (Instant::now(), 0);
    while began.elapsed() < ROUND {
        // First and second take turns too: whatever drifts, drifts for both.
        for i in 0..children.len() {
            let i = (turns + i) % children.len();
            let (wall, aside) = run(children[i], crowd, requests)?;
            walls[i] += wall;
            asides[i] += aside;
        }
        turns += 1;
    }
    let each = |time: Duration| time.as_secs_f64() * 1e6 / (turns * requests) as f64;
    let costs = (0..children.len()).map(|i| Cost {
        cpu: each(children[i].meter.cpu() - before[i] - asides[i]),
        wall: each(walls[i]),
    });
    Ok(costs.collect())
}

/// One turn: `requests` to `child`. How long it took, and the CPU time that preparing took before.
fn run(child: &Child, crowd: &mut Crowd, requests: usize) -> anyhow::Result<(Duration, Duration)> {
    let before = child.meter.cpu();
    crowd.prepare(child, requests)?;
    let aside = child.meter.cpu() - before;
    let began = Instant::now();
    crowd.visit(child, requests)?;
    let wall = began.elapsed();
    // Not in the rival's turn.
    std::thread::sleep(SETTLE);
    Ok((wall, aside))
}
