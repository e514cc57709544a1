//! What the kernel knows of this process, under the names that Prometheus' own libraries give it.
//!
//! Read from `/proc` at each scrape; where there is none, nothing is told.

use nix::time::{ClockId, clock_gettime};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::{MetricType, TypedMetric};
use std::fmt;
use std::fs;
use std::time::Duration;

/// The kernel tells times in hundredths of a second, whatever its own clock is (`USER_HZ`).
const TICKS: f64 = 100.0;

#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let mut gauge = |name: &str, help: &str, n: Option<f64>| match n {
            Some(n) => one(&mut to, name, help, &ConstGauge::new(n)),
            None => Ok(()),
        };
        gauge("process_start_time_seconds", "When the process started, Unix time", started())?;
        gauge("process_resident_memory_bytes", "Memory in use", status("VmRSS:").map(kib))?;
        gauge("process_virtual_memory_bytes", "Address space", status("VmSize:").map(kib))?;
        gauge("process_threads", "Threads", status("Threads:"))?;
        gauge("process_open_fds", "Open file descriptors", open_files())?;
        gauge("process_max_fds", "Most file descriptors that may be open", max_files())?;
        match cpu() {
            Some(n) => {
                let help = "CPU time, user and system";
                one(&mut to, "process_cpu_seconds", help, &ConstCounter::new(n))
            }
            None => Ok(()),
        }
    }
}

pub(super) fn one<M: EncodeMetric + TypedMetric>(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    metric: &M,
) -> fmt::Result {
    let kind: MetricType = M::TYPE;
    metric.encode(to.encode_descriptor(name, help, None, kind)?)
}

fn kib(n: f64) -> f64 {
    n * 1024.0
}

/// A field of `/proc/self/stat`, by its number in proc(5). The second, a name, may hold anything.
fn stat(field: usize) -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(field - 3)?.parse().ok()
}

fn cpu() -> Option<f64> {
    Some((stat(14)? + stat(15)?) / TICKS)
}

/// `/proc/stat`, which has the time of the boot, is hidden from a hardened service.
fn started() -> Option<f64> {
    let seconds = |clock| clock_gettime(clock).ok().map(|at| Duration::from(at).as_secs_f64());
    let (now, since_boot) = (seconds(ClockId::CLOCK_REALTIME)?, seconds(ClockId::CLOCK_BOOTTIME)?);
    Some(now - since_boot + stat(22)? / TICKS)
}

fn status(name: &str) -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn open_files() -> Option<f64> {
    // One of them is the folder itself.
    Some(fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1) as f64)
}

fn max_files() -> Option<f64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}
