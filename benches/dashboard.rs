//! How long a browser waits for the dashboard: from a request to the first byte of the answer, which
//! has all of the page's numbers, of the real `headcount` over a million event rows of thirty days.
//!
//! One request after another over one connection, as somebody looks at it: the days before today are
//! held in memory then, which those asked for first are not.
//!
//! Beside that, how long somebody waits for the demo: until its dashboard answers, and until its year
//! is made up.
//!
//! `cargo bench --bench dashboard`; `make bench` writes a table into `target/bench`.

mod shared;

use headcount::clock::Clock;
use headcount::model::site::Site;
use headcount::store::{Batches, SqliteStore};
use shared::stored::{batches, rollup};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const ROWS: usize = 1_000_000;
const ROUNDS: usize = 200;
/// What is done at a start is done by then.
const WARM: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(20);
const DAY: i64 = 86_400_000;

/// What is asked for, in words and as a query.
const PAGES: [(&str, &str); 6] = [
    ("30 days", "period=30d&compare=none"),
    ("30 days, and the 30 before", "period=30d"),
    ("30 days, and the year before", "period=30d&compare=year_over_year"),
    ("30 days, a filter that keeps a fifth", "period=30d&filters=visit:language%3D%3Dl1"),
    ("30 days, a filter that keeps nine tenths", "period=30d&filters=visit:source!%3DSource+1"),
    ("today", "period=day"),
];

fn main() {
    let folder = tempfile::tempdir().unwrap();
    fill(&folder.path().join("counts.db"));
    let (mut headcount, admin) = start(folder.path());
    let mut connection = connect(admin);
    let mut table = format!(
        "From a request to the first byte of the dashboard's answer, {ROWS} event rows of 30 days \
         in SQLite, {ROUNDS} requests\n\n\
         | page | first of all, ms | median, ms | p99, ms | KB |\n| --- | ---: | ---: | ---: | ---: |\n"
    );
    for (name, query) in PAGES {
        let (first, _) = ask(&mut connection, query);
        let begun = Instant::now();
        while begun.elapsed() < WARM {
            ask(&mut connection, query);
        }
        let mut times: Vec<(Duration, usize)> =
            (0..ROUNDS).map(|_| ask(&mut connection, query)).collect();
        times.sort();
        let millis = |of: Duration| of.as_secs_f64() * 1_000.0;
        let at = |percent: usize| millis(times[(ROUNDS * percent).div_ceil(100) - 1].0);
        let (first, kilobytes) = (millis(first), times[0].1 as f64 / 1_000.0);
        let (median, slowest) = (at(50), at(99));
        writeln!(table, "| {name} | {first:.1} | {median:.1} | {slowest:.1} | {kilobytes:.1} |")
            .unwrap();
    }
    headcount.kill().unwrap();
    headcount.wait().unwrap();
    for (name, taken) in demo() {
        let millis = taken.as_secs_f64() * 1_000.0;
        writeln!(table, "| `headcount demo`, until {name} | {millis:.0} | | | |").unwrap();
    }
    print!("{table}");
    let target = Path::new(env!("CARGO_BIN_EXE_headcount")).ancestors().nth(2).unwrap();
    std::fs::create_dir_all(target.join("bench")).unwrap();
    std::fs::write(target.join("bench/dashboard.txt"), table).unwrap();
}

/// Stores the rows and their roll-ups; the last of the days is yesterday.
fn fill(file: &Path) {
    let site = Site { name: "example.org".into(), ..Site::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let store = SqliteStore::open(file).unwrap();
    let midnight = Clock::system().now() / DAY * DAY;
    let days = shared::rows::days(ROWS);
    let later = midnight - DAY - days.last().unwrap()[0].at / DAY * DAY;
    for mut rows in days {
        rows.iter_mut().for_each(|row| row.at += later);
        let day = site.day(rows[0].at);
        for batch in batches(&site, day, &rows, &rollup(&site, day, &rows)) {
            runtime.block_on(store.apply(&batch)).unwrap();
        }
    }
}

fn start(folder: &Path) -> (Child, u16) {
    let [site, admin] = [(); 2].map(|()| free_port());
    let headcount = Command::new(env!("CARGO_BIN_EXE_headcount"))
        .args(["run", "--upstream=http://127.0.0.1:9", "--site=example.org", "--log=warn"])
        .arg(format!("--listen=127.0.0.1:{site}"))
        .arg(format!("--admin=127.0.0.1:{admin}"))
        .arg(format!("--store=sqlite:{}", folder.join("counts.db").display()))
        .arg("--data-dir")
        .arg(folder)
        .spawn()
        .unwrap();
    (headcount, admin)
}

/// How long the demo takes until each of what it says.
fn demo() -> [(&'static str, Duration); 2] {
    let (folder, [site, admin]) = (tempfile::tempdir().unwrap(), [(); 2].map(|()| free_port()));
    let begun = Instant::now();
    let mut demo = Command::new(env!("CARGO_BIN_EXE_headcount"))
        .arg("demo")
        .arg(format!("--listen=127.0.0.1:{site}"))
        .arg(format!("--admin=127.0.0.1:{admin}"))
        .arg(format!("--store=sqlite:{}", folder.path().join("counts.db").display()))
        .arg("--data-dir")
        .arg(folder.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(demo.stderr.take().unwrap()).lines();
    let (mut answers, mut sites) = (None, 0);
    // One of its two sites after the other.
    while sites < 2 {
        let line = lines.next().expect("it says when it is ready").unwrap();
        answers = answers.or_else(|| line.contains("numbers:").then(|| begun.elapsed()));
        sites += usize::from(line.contains("were made up in"));
    }
    let made_up = begun.elapsed();
    // It may have been done before it answered.
    let answers = answers.unwrap_or_else(|| {
        connect(admin);
        begun.elapsed()
    });
    demo.kill().unwrap();
    demo.wait().unwrap();
    [("its dashboard answers", answers), ("all of its year is made up", made_up)]
}

fn connect(port: u16) -> BufReader<TcpStream> {
    let begun = Instant::now();
    loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => return BufReader::new(stream),
            Err(e) => assert!(begun.elapsed() < PATIENCE, "nothing answers on port {port}: {e}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Time to the first byte, and how long the body is.
fn ask(connection: &mut BufReader<TcpStream>, query: &str) -> (Duration, usize) {
    let request = format!(
        "GET /?{query} HTTP/1.1\r\nhost: localhost\r\naccept: text/html\r\naccept-encoding: gzip\r\n\r\n"
    );
    let begun = Instant::now();
    connection.get_mut().write_all(request.as_bytes()).unwrap();
    connection.fill_buf().unwrap();
    let first = begun.elapsed();
    let mut line = String::new();
    connection.read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 200 "), "{query}: {line}");
    let mut chunked = false;
    let mut length = 0;
    loop {
        line.clear();
        connection.read_line(&mut line).unwrap();
        let (name, value) = line.trim().split_once(':').unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "" => break,
            "transfer-encoding" => chunked = true,
            "content-length" => length = value.trim().parse().unwrap(),
            _ => {}
        }
    }
    let mut all = 0;
    loop {
        if chunked {
            line.clear();
            connection.read_line(&mut line).unwrap();
            length = usize::from_str_radix(line.trim(), 16).unwrap();
        }
        let mut piece = vec![0; length + if chunked { 2 } else { 0 }];
        connection.read_exact(&mut piece).unwrap();
        all += length;
        if !chunked || length == 0 {
            return (first, all);
        }
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
