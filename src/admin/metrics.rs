//! `/metrics`: the process's own counters, for Prometheus.

use super::App;
use crate::budget::Budget;
use crate::store::{Store, Trouble};
use crate::supervise::Task;
use crate::telemetry::{DropReason, Telemetry};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Reads the counters at each scrape: they live in [`Telemetry`], where counting costs least.
struct Process {
    telemetry: Arc<Telemetry>,
    store: Arc<dyn Store>,
    budget: Option<Arc<Budget>>,
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").finish_non_exhaustive()
    }
}

impl Collector for Process {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let t = &self.telemetry;
        let counters = [
            ("pageviews", "Pageviews counted", t.pageviews.get()),
            ("beacons", "Events received in beacons", t.beacons.get()),
            ("flushes", "Batches acknowledged by the store", t.flushes.get()),
            ("flush_failures", "Deliveries to the store that failed", t.flush_failures.get()),
            ("journal_missed", "Hits that a kill would lose until sealed", t.journal_missed.get()),
            ("connections_refused", "Connections beyond those of one address", t.refused.get()),
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
        let tasks = Task::ALL.map(|task| (task.as_str(), t.tasks.restarts(task)));
        let help = "Background tasks that panicked and were begun again";
        family(&mut to, "task_restarts", help, "task", tasks)?;
        let troubles = self.store.troubles();
        let errors = Trouble::ALL.map(|kind| (kind.as_str(), troubles.count(kind)));
        family(&mut to, "store_errors", "What went wrong with the store", "kind", errors)?;
        // 0: the client left before there was an answer.
        let answers = t.answers().map(|(code, n)| (code.to_string(), n));
        family(&mut to, "requests", "Requests answered by status code", "code", answers)
    }
}

fn one<M: EncodeMetric + TypedMetric>(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    metric: &M,
) -> fmt::Result {
    metric.encode(to.encode_descriptor(name, help, None, M::TYPE)?)
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

pub(super) async fn show(State(app): State<Arc<App>>) -> Response {
    let mut registry = Registry::with_prefix("headcount");
    registry.register_collector(Box::new(Process {
        telemetry: app.admin.telemetry.clone(),
        store: app.admin.store.clone(),
        budget: app.admin.budget.clone(),
    }));
    let mut body = String::new();
    match prometheus_client::encoding::text::encode(&mut body, &registry) {
        Ok(()) => {
            let media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, media_type)], body).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
