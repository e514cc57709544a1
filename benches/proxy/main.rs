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

use meter::Child;
use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use table::{Case, Cost};
use tempfile::TempDir;
use visitors::{Crowd, Kind};

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
            "--bare" => bare::run(number() as u16, number() as u16),
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
    let website = Child::website()?;
    let folders = (TempDir::new()?, TempDir::new()?, TempDir::new()?);
    let ours = Path::new(env!("CARGO_BIN_EXE_headcount"));
    let rival = match &options.against {
        Some(other) => Child::headcount(other, website.port, &folders.2, false)?,
        None => Child::bare(website.port)?,
    };
    let headcount = Child::headcount(ours, website.port, &folders.0, false)?;
    let injecting = Child::headcount(ours, website.port, &folders.1, true)?;

    let plan = [
        ("page", Kind::Page, Some(&rival), &headcount),
        ("page, tag injected", Kind::Page, Some(&rival), &injecting),
        ("page not modified", Kind::NotModified, Some(&rival), &headcount),
        ("asset", Kind::Asset, Some(&rival), &headcount),
        ("page to a bot", Kind::Bot, Some(&rival), &headcount),
        ("beacon", Kind::Beacon, None, &headcount),
        ("page to a newcomer", Kind::Newcomer, Some(&rival), &headcount),
    ];
    let mut cases = Vec::new();
    for (name, kind, rival, subject) in plan {
        if !options.cases.is_empty() && !options.cases.contains(name) {
            continue;
        }
        eprint!("{name} ");
        let mut crowd = Crowd::new(kind);
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
    crowd.prepare(child.port, requests)?;
    let aside = child.meter.cpu() - before;
    let began = Instant::now();
    crowd.visit(child.port, requests)?;
    let wall = began.elapsed();
    // Not in the rival's turn.
    std::thread::sleep(SETTLE);
    Ok((wall, aside))
}
