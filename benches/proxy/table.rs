//! Rounds, and the table they become.

use std::fmt::Write;

/// What a request cost in one round, in microseconds.
#[derive(Clone, Copy)]
pub struct Cost {
    pub cpu: f64,
    pub wall: f64,
}

/// A row of the table.
pub struct Case {
    name: &'static str,
    bare: Vec<f64>,
    headcount: Vec<f64>,
    wall: Vec<f64>,
    /// Of each round.
    ratios: Vec<f64>,
}

impl Case {
    pub fn new(name: &'static str) -> Self {
        Self { name, bare: Vec::new(), headcount: Vec::new(), wall: Vec::new(), ratios: Vec::new() }
    }

    /// The rival's, if there is one, then headcount's.
    pub fn add(&mut self, costs: &[Cost]) {
        let [rival @ .., headcount] = costs else { return };
        self.headcount.push(headcount.cpu);
        self.wall.push(headcount.wall);
        for bare in rival {
            self.bare.push(bare.cpu);
            self.ratios.push(headcount.cpu / bare.cpu);
        }
    }
}

pub fn render(cases: &[Case], rival: &str, rounds: usize, requests: usize) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "CPU time per request, one proxy thread each, {rounds} rounds of 10 s, turns of {requests} \
         requests, 16 connections\n{}\n\n\
         | case | {rival}, µs | headcount, µs | ratio (from – to) | requests/s |\n\
         | --- | ---: | ---: | ---: | ---: |",
        machine()
    );
    for case in cases {
        let (bare, ratio) = match case.bare.is_empty() {
            true => ("–".to_owned(), "–".to_owned()),
            false => {
                let (least, most) = spread(&case.ratios);
                let ratio = median(&case.ratios);
                let ratio = format!("{ratio:.3} ({least:.2} – {most:.2})");
                (format!("{:.1}", median(&case.bare)), ratio)
            }
        };
        let headcount = median(&case.headcount);
        let rate = 1e6 / median(&case.wall);
        let name = case.name;
        let _ = writeln!(out, "| {name} | {bare} | {headcount:.1} | {ratio} | {rate:.0} |");
    }
    out
}

/// Processor and cores.
fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|l| l.strip_prefix("model name")?.split(": ").nth(1));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{}, {cores} cores", model.unwrap_or("unknown processor"))
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn spread(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, m), v| (l.min(*v), m.max(*v)))
}
