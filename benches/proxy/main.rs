//! What it costs to be counted: CPU time per request through headcount and through a bare Pingora
//! proxy of the same build profile, one thread each, in turns.
//!
//! The parts are processes of their own, so that each one's CPU time can be read alone: a website
//! ([`website`]), a bare proxy ([`bare`]), and the real `headcount` binary with an embedded store.
//! This process is the visitors ([`visitors`]). Machines are noisy and rarely idle, so turns are
//! short, alternate, and each ratio is that of two neighbours; the table tells their spread.
//!
//! `cargo bench --bench proxy -- [--turns N] [--requests N] [CASE…]`

mod bare;
mod meter;
mod table;
mod visitors;
mod website;

use meter::Child;
use std::collections::HashSet;
use std::io::Write;
use std::time::{Duration, Instant};
use table::{Case, Turn};
use tempfile::TempDir;
use visitors::{Crowd, Kind};

/// As the binary does: the allocator is part of the build profile.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Long enough for the last hits of a turn to be applied and a flush to follow.
const SETTLE: Duration = Duration::from_secs(11);

struct Options {
    turns: usize,
    requests: usize,
    cases: HashSet<String>,
}

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut options = Options { turns: 60, requests: 2_000, cases: HashSet::new() };
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|n| n.parse().ok()).unwrap_or(1);
        match argument.as_str() {
            "--website" => return website::run(),
            "--bare" => bare::run(number() as u16, number() as u16),
            "--turns" => options.turns = number(),
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
    let bare = Child::bare(website.port)?;
    let folders = (TempDir::new()?, TempDir::new()?);
    let headcount = Child::headcount(website.port, &folders.0, false)?;
    let injecting = Child::headcount(website.port, &folders.1, true)?;

    let plan = [
        ("page", Kind::Page, Some(&bare), &headcount),
        ("page, tag injected", Kind::Page, Some(&bare), &injecting),
        ("page not modified", Kind::NotModified, Some(&bare), &headcount),
        ("asset", Kind::Asset, Some(&bare), &headcount),
        ("page to a bot", Kind::Bot, Some(&bare), &headcount),
        ("beacon", Kind::Beacon, None, &headcount),
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
        for turn in 0..options.turns {
            // First and second take turns too: whatever drifts, drifts for both.
            let first = (turn % 2 == 0).then(|| run(subject, &mut crowd, options.requests));
            let rival = rival.map(|bare| run(bare, &mut crowd, options.requests)).transpose()?;
            let subject = match first {
                Some(ran) => ran?,
                None => run(subject, &mut crowd, options.requests)?,
            };
            case.add(rival, subject);
            eprint!(".");
        }
        eprintln!();
        cases.push(case);
    }

    // What the turns leave out: flushes, and threads that wait.
    let before = headcount.meter.cpu();
    std::thread::sleep(SETTLE);
    let idle = (headcount.meter.cpu() - before).as_secs_f64() / SETTLE.as_secs_f64();
    let mut text = table::render(&cases, options.turns, options.requests);
    text.push_str(&format!(
        "\nCPU while idle, one flush in it: headcount {:.2} % of a core.\n\
         Memory at the end: bare {}, headcount {}, with injection {} MB.\n\
         Counted by headcount: {}.\n",
        idle * 100.0,
        bare.meter.resident_mb(),
        headcount.meter.resident_mb(),
        injecting.meter.resident_mb(),
        headcount.counted()?,
    ));
    println!("{text}");
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench");
    std::fs::create_dir_all(&folder)?;
    std::fs::File::create(folder.join("proxy.txt"))?.write_all(text.as_bytes())?;
    Ok(())
}

/// One turn: `requests` to `child`, and what they cost it.
fn run(child: &Child, crowd: &mut Crowd, requests: usize) -> anyhow::Result<Turn> {
    crowd.prepare(child.port, requests)?;
    let (cpu, wall) = (child.meter.cpu(), Instant::now());
    crowd.visit(child.port, requests)?;
    let wall = wall.elapsed();
    // Hits still in a queue are applied within a pause of the aggregator's.
    std::thread::sleep(Duration::from_millis(25));
    let each = |time: Duration| time.as_secs_f64() * 1e6 / requests as f64;
    Ok(Turn { cpu: each(child.meter.cpu() - cpu), wall: each(wall) })
}
