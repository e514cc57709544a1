//! What is asked of the system: a sync a second and nothing for a hit, and memory by the page.

use crate::common::headcount::Headcount;
use crate::common::load::Load;
use crate::common::wait_for;
use crate::flags;
use std::time::Instant;

const HITS: usize = 4_000;

/// Calls that could be made for a hit, or for the disk.
const CALLS: &str = "trace=write,writev,pwrite64,pwritev,fsync,fdatasync,msync,mmap,munmap,openat,\
                     fallocate,ftruncate,madvise,rename,unlink";

fn a_page_each(number: usize) -> String {
    format!("/page/{number}")
}

#[test]
fn a_sync_a_second_and_no_call_per_hit() {
    let load = Load::new();
    let mut headcount = Headcount::prepare(&load.url(), &flags("sqlite:headcount.db", &[]));
    headcount.set("--flush-interval", "1h");
    let trace = headcount.dir.path().join("trace");
    let to = trace.to_str().unwrap().to_owned();
    // -D: the command stays our child; -y: which file it is; only these calls are stopped at.
    headcount.wrap(&["strace", "-D", "-f", "-y", "--seccomp-bpf", "-e", CALLS, "-o", &to]);
    headcount.start_again();
    let folder = headcount.data_dir().join("headcount-docs.example.org");
    let folder = folder.to_str().unwrap();
    let of_journal = || -> Vec<String> {
        let text = std::fs::read_to_string(&trace).unwrap_or_default();
        text.lines().filter(|line| line.contains(folder)).map(str::to_owned).collect()
    };
    let before = of_journal().len();
    assert!(before > 0, "the trace says nothing of the folder");

    let began = Instant::now();
    let visitors = load.start(headcount.site(), 16, a_page_each);
    let syncs = |calls: &[String]| calls.iter().filter(|call| call.contains("fdatasync(")).count();
    let mut sent = 0;
    let calls = wait_for("three seconds of syncs", || {
        visitors.let_in(HITS / 20);
        sent += HITS / 20;
        let seen = visitors.settle();
        assert!(seen.failed.is_empty(), "{:?}", seen.failed);
        let calls = of_journal().split_off(before);
        (syncs(&calls) >= 6 && sent >= HITS).then_some(calls)
    });
    let seconds = began.elapsed().as_secs() as usize + 1;
    let syncs = syncs(&calls);
    println!(
        "case strace: {sent} hits in {seconds} s, {} calls for the journal, {syncs} of them \
         fdatasync",
        calls.len()
    );
    // A sync a second in each of two lanes; new segments now and then.
    assert!(syncs <= 2 * (seconds + 1), "{calls:#?}");
    assert!(syncs >= seconds / 2, "{calls:#?}");
    assert!(calls.len() < sent / 20, "{calls:#?}");
    assert!(!calls.iter().any(|call| call.contains("write")), "{calls:#?}");
}

/// Huge pages that may be there: the allocator's first, from before the program's own first step.
const FIRST_PAGES: u64 = 4 << 10;

/// With huge pages a few small things take 2 MiB, and what an outage takes cannot be told.
#[test]
fn memory_comes_in_small_pages() {
    let load = Load::new();
    let headcount = Headcount::start(&load.url(), &flags("sqlite:headcount.db", &[]));
    let visitors = load.start(headcount.site(), 16, a_page_each);
    visitors.let_in(500);
    assert!(visitors.settle().failed.is_empty());
    let maps = format!("/proc/{}/smaps_rollup", headcount.pid());
    let maps = std::fs::read_to_string(maps).unwrap();
    let huge = maps.lines().find_map(|line| line.strip_prefix("AnonHugePages:")).unwrap();
    let huge: u64 = huge.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(huge <= FIRST_PAGES, "{maps}");
}
