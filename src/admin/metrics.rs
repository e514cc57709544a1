//! `/metrics`: the process's own counters, for Prometheus: in its text format, or as OpenMetrics to
//! those who would rather have that.

use super::process::one;
use super::{App, process};
use crate::budget::Budget;
use crate::clock::{Clock, SECOND};
use crate::store::{Store, Trouble};
use crate::supervise::Task;
use crate::telemetry::{
    BOUNDS, DropReason, NoticeOutcome, OrderOutcome, Telemetry, Times, Untagged, UpstreamStatus,
};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode_registry;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Reads the counters at each scrape: they live in [`Telemetry`], where counting costs least.
struct Counts {
    telemetry: Arc<Telemetry>,
    store: Arc<dyn Store>,
    budget: Option<Arc<Budget>>,
    clock: Clock,
}

impl fmt::Debug for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counts").finish_non_exhaustive()
    }
}

impl Collector for Counts {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let t = &self.telemetry;
        let counters = [
            ("pageviews", "Pageviews counted", t.pageviews.get()),
            ("beacons", "Events received in beacons", t.beacons.get()),
            ("flushes", "Batches acknowledged by the store", t.flushes.get()),
            ("flush_failures", "Deliveries to the store that failed", t.flush_failures.get()),
            ("journal_missed", "Hits that a kill would lose until sealed", t.journal_missed.get()),
            (
                "access_log_dropped",
                "Lines of the access log that could not be written",
                t.access_log_dropped.get(),
            ),
            ("connections_refused", "Connections beyond those of one address", t.refused.get()),
            (
                "requests_refused",
                "Requests over HTTP/2 beyond limits.connections",
                t.requests_refused.get(),
            ),
            (
                "proxy_headers_missing",
                "Connections of trusted proxies without a PROXY header that can be read",
                t.proxy_headers_missing.get(),
            ),
            (
                "tls_handshakes_failed",
                "TLS connections that ended before their first request",
                t.handshakes_failed.get(),
            ),
            (
                "slow_readers_closed",
                "Answers cut off because too many were not taken by their clients",
                t.slow_readers.get(),
            ),
            ("slow_uploads", "Uploads slower than limits.upload_rate", t.slow_uploads.get()),
            ("upstream_retries", "Requests sent to another upstream as well", t.retries.get()),
            ("store_commands", "Commands sent to the store", self.store.commands().load(Relaxed)),
        ];
        for (name, help, n) in counters {
            one(&mut to, name, help, &ConstCounter::new(n))?;
        }
        let gauges = [
            ("unflushed_events", "Hits not yet acknowledged by the store", &t.unflushed),
            ("uncounted_events", "Hits in the shared log, not yet counted", &t.uncounted),
            ("journal_on", "1 while a kill would lose nothing", &t.journal_on),
            ("requests_in_flight", "Requests being answered", &t.in_flight),
        ];
        for (name, help, n) in gauges {
            one(&mut to, name, help, &ConstGauge::new(n.load(Relaxed)))?;
        }
        // A clock that was put back makes nothing negative.
        let behind = t.behind_since().map_or(0, |since| (self.clock.now() - since).max(0));
        let help = "How long the store has not taken all there is; 0: it has";
        let seconds = behind as f64 / SECOND as f64;
        one(&mut to, "store_behind_seconds", help, &ConstGauge::new(seconds))?;
        if let Some(budget) = &self.budget {
            for (name, help, n) in [
                ("store_commands_budget", "Commands allowed in 30 days", budget.monthly()),
                (
                    "store_commands_projected",
                    "Commands of this process in 30 days, at the pace since its start",
                    budget.projection(),
                ),
            ] {
                let n = i64::try_from(n).unwrap_or(i64::MAX);
                one(&mut to, name, help, &ConstGauge::new(n))?;
            }
        }
        let dropped = DropReason::ALL.map(|why| (why.as_str(), t.dropped(why).get()));
        family(&mut to, "events_dropped", "What could not be counted", "reason", dropped)?;
        let untagged = Untagged::ALL.map(|why| (why.as_str(), t.untagged(why).get()));
        family(
            &mut to,
            "pages_untagged",
            "Pages left without the script's tag",
            "reason",
            untagged,
        )?;
        let tasks = Task::ALL.map(|task| (task.as_str(), t.tasks.restarts(task)));
        let help = "Background tasks that panicked and were begun again";
        family(&mut to, "task_restarts", help, "task", tasks)?;
        let orders = OrderOutcome::ALL.map(|came| (came.as_str(), t.orders(came).get()));
        family(&mut to, "acme_orders", "Orders for certificates", "outcome", orders)?;
        let notices = NoticeOutcome::ALL.map(|came| (came.as_str(), t.notices.count(came)));
        family(&mut to, "notices", "Reports and alerts", "outcome", notices)?;
        let name = "certificate_expiry_timestamp_seconds";
        let help = "Until when the certificate that visitors get for a name is valid";
        let mut expiry = to.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (name, until) in t.certificates.load().iter() {
            let until = until / SECOND;
            ConstGauge::new(until).encode(expiry.encode_family(&[("name", name.as_str())])?)?;
        }
        let troubles = self.store.troubles();
        let errors = Trouble::ALL.map(|kind| (kind.as_str(), troubles.count(kind)));
        family(&mut to, "store_errors", "What went wrong with the store", "kind", errors)?;
        // 0: the client left before there was an answer.
        let answers = t.answers().map(|(code, n)| (code.to_string(), n));
        family(&mut to, "requests", "Requests answered by status code", "code", answers)?;
        let upstreams = t.upstreams();
        let each = |n: fn(&UpstreamStatus) -> u64| {
            upstreams.iter().map(move |upstream| (upstream.name.as_str(), n(upstream)))
        };
        let help = "Requests sent to an upstream";
        family(&mut to, "upstream_requests", help, "upstream", each(|u| u.requests.get()))?;
        let help = "Requests that an upstream did not answer";
        family(&mut to, "upstream_failures", help, "upstream", each(|u| u.failures.get()))?;
        let mut gauge = |name, help, n: fn(&UpstreamStatus) -> i64| {
            let mut gauge = to.encode_descriptor(name, help, None, MetricType::Gauge)?;
            upstreams.iter().try_for_each(|upstream| {
                let label = [("upstream", upstream.name.as_str())];
                ConstGauge::new(n(upstream)).encode(gauge.encode_family(&label)?)
            })
        };
        let help = "1 while an upstream is used, 0 while its checks fail or it failed a moment ago";
        let is_up = |u: &UpstreamStatus| i64::from(!u.is_down() && !u.is_paused());
        gauge("upstream_up", help, is_up)?;
        let help = "Requests that an upstream is answering";
        gauge("upstream_requests_in_flight", help, |u| u.in_flight.load(Relaxed))?;
        let name = "upstream_duration_seconds";
        let help = "From when an upstream is chosen for a request to the head of its answer";
        let mut took = to.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for upstream in &upstreams {
            let label = [("upstream", upstream.name.as_str())];
            histogram(&mut took.encode_family(&label)?, &upstream.times)?;
        }
        for (name, help, times) in [
            (
                "request_duration_seconds",
                "From a request's head to the end of its answer",
                &t.times,
            ),
            (
                "flush_duration_seconds",
                "From when counts are taken to when the store has them",
                &t.flush_times,
            ),
        ] {
            histogram(&mut to.encode_descriptor(name, help, None, MetricType::Histogram)?, times)?;
        }
        let mut info =
            to.encode_descriptor("build_info", "The program's version", None, MetricType::Gauge)?;
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        ConstGauge::new(1u32).encode(info.encode_family(&version)?)
    }
}

fn family(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    label: &str,
    counts: impl IntoIterator<Item = (impl AsRef<str>, u64)>,
) -> fmt::Result {
    let mut encoder = to.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (value, n) in counts {
        ConstCounter::new(n).encode(encoder.encode_family(&[(label, value.as_ref())])?)?;
    }
    Ok(())
}

fn histogram(to: &mut MetricEncoder<'_>, times: &Times) -> fmt::Result {
    let (sum, counts) = times.get();
    let bounds = BOUNDS.into_iter().chain([f64::INFINITY]);
    let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
    to.encode_histogram::<NoLabelSet>(sum, counts.iter().sum(), &buckets, None)
}

pub(super) async fn show(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let mut own = Registry::with_prefix("headcount");
    own.register_collector(Box::new(Counts {
        telemetry: app.admin.telemetry.clone(),
        store: app.admin.store.clone(),
        budget: app.admin.budget.clone(),
        clock: app.admin.clock.clone(),
    }));
    let mut of_process = Registry::default();
    of_process.register_collector(Box::new(process::Process));
    let mut body = String::new();
    let written = [own, of_process].iter().try_for_each(|all| encode_registry(&mut body, all));
    if written.is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let media_type = if wants_open_metrics(&headers) {
        body.push_str("# EOF\n");
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    } else {
        body = plain(&body);
        "text/plain; version=0.0.4; charset=utf-8"
    };
    ([(header::CONTENT_TYPE, media_type)], body).into_response()
}

/// Whether `Accept` names OpenMetrics, and nothing that is text as readily.
fn wants_open_metrics(headers: &HeaderMap) -> bool {
    let mut quality = [0.0_f32; 2];
    for range in headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()) {
        for range in range.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let kind = match parts.next().unwrap_or_default() {
                "application/openmetrics-text" => 0,
                "text/plain" | "text/*" => 1,
                _ => continue,
            };
            let given = parts.find_map(|part| part.strip_prefix("q=")).map_or(Ok(1.0), str::parse);
            quality[kind] = quality[kind].max(given.unwrap_or(0.0));
        }
    }
    quality[0] > 0.0 && quality[0] >= quality[1]
}

/// OpenMetrics as the older format has it: there a counter's family bears its sample's name.
fn plain(open_metrics: &str) -> String {
    let counter = |line: &str| {
        let name = line.strip_prefix("# TYPE ")?.strip_suffix(" counter")?;
        Some(name.to_owned())
    };
    let counters: HashSet<String> = open_metrics.lines().filter_map(counter).collect();
    let mut text = String::with_capacity(open_metrics.len());
    for line in open_metrics.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some(kind), Some(name), Some(rest)) if counters.contains(name) => {
                text.push_str(&format!("# {kind} {name}_total {rest}\n"));
            }
            _ => text.extend([line, "\n"]),
        }
    }
    text
}
