//! What the journal adds to a hit, in CPU of the thread that serves the request, page faults and
//! all. The promise is half a microsecond.

use criterion::{Criterion, criterion_group, criterion_main};
use headcount::capture::{Answered, Hit, PageKind, What};
use headcount::journal::Journal;
use headcount::rollup::Dimension;
use headcount::telemetry::Telemetry;
use headcount::visitor::VisitorHash;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

/// A view as capture makes them.
fn view() -> Hit {
    let traits = [
        (Dimension::Device, "Desktop"),
        (Dimension::Browser, "Firefox"),
        (Dimension::BrowserVersion, "Firefox 153"),
        (Dimension::Os, "Windows"),
        (Dimension::OsVersion, "Windows 11"),
        (Dimension::Source, "Google"),
        (Dimension::Channel, "Organic Search"),
        (Dimension::Referrer, "google.com"),
        (Dimension::Country, "DE"),
        (Dimension::Language, "de"),
        (Dimension::Hostname, "www.example.org"),
    ];
    let traits = traits.map(|(d, value)| (d, value.into())).to_vec();
    let (page, kind) = ("/docs/getting-started.html".into(), PageKind::View);
    let answered = Answered { page, nonce: 1 << 60, kind, status: 200, traits, from: None };
    Hit {
        at: 1_800_000_000_000,
        site: 0,
        lane: 0,
        visitor: Some(VisitorHash::from_stored([7; 8])),
        before_midnight: None,
        what: What::Answered(answered),
    }
}

/// CPU time of this thread.
fn cpu() -> Duration {
    let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap();
    Duration::from(time)
}

fn hit(c: &mut Criterion) {
    let dir = tempfile::tempdir_in(".").unwrap();
    let telemetry = Arc::new(Telemetry::default());
    let (journal, _) = Journal::open(dir.path(), 1, 0, telemetry.clone()).unwrap();
    let (view, mut ticket) = (view(), 0);
    c.bench_function("a hit into the journal, CPU", |b| {
        b.iter_custom(|n| {
            let mut spent = Duration::ZERO;
            let mut left = n;
            while left > 0 {
                let some = left.min(5_000);
                let began = cpu();
                for _ in 0..some {
                    journal.append(0, ticket, black_box(&view));
                    ticket += 1;
                }
                spent += cpu() - began;
                left -= some;
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

criterion_group!(benches, hit);
criterion_main!(benches);
