//! Analytics that panics costs nobody a page.
//!
//! - A panic in each hook, and in all of them at once: pages arrive byte for byte, with `inject` as
//!   they were or with the tag and the right length; what the website gets is what was sent.
//! - The script and beacons are answered, if only with an error; nothing hangs.
//! - `headcount_events_dropped_total{reason="panic"}` says so, and requests under way are counted
//!   right, so that a stop waits for nobody.
//! - Once it panics no more, everything is counted again.
//! - A panic in one background task ends no other: it is counted, begun again, and no view is lost
//!   or counted twice, also where it strikes between a seal and the delivery.
//! - A flush that takes long holds up no reader of the admin port, nor does that port hold up a
//!   flush.

mod common;

use common::pingora::serve;
use common::process::{metric, total, wait_for};
use common::wire::{NAVIGATION, Origin, Wire, beacon, visit};
use headcount::capture::{Analytics, Hook, WithAnalytics};
use headcount::plugin::Counting;
use headcount::supervise::{self, Task, Tasks};
use pingora::prelude::*;
use pingora::proxy::{FailToProxy, ProxyHttp, Session};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, Ordering};
use std::time::{Duration, Instant};

const PAGE: &[u8] =
    b"<!doctype html><html><head><title>A page</title></head><body>Hello</body></html>";

/// What the proxy around analytics shows when something fails.
const OWN_PAGE: &str = "the proxy's own page";

const HOOKS: [Hook; 6] =
    [Hook::Begin, Hook::Answer, Hook::UpstreamRequest, Hook::Response, Hook::Body, Hook::Finish];

/// The hooks that panic now, a bit for each.
static PANICKING: AtomicU8 = AtomicU8::new(0);

/// There is one set of panicking hooks, so one test at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn bit(hook: Hook) -> u8 {
    1 << HOOKS.iter().position(|h| *h == hook).unwrap()
}

fn probe(hook: Hook) {
    if PANICKING.load(Ordering::SeqCst) & bit(hook) != 0 {
        panic!("on purpose, in {hook:?}");
    }
}

/// The tasks that panic at their next turn, a bit for each.
static NEXT_TO_PANIC: AtomicU16 = AtomicU16::new(0);

/// The tasks that stand still at their next turn and take up their thread, a bit for each.
static NEXT_TO_STAND: AtomicU16 = AtomicU16::new(0);
/// One does, for as long as this is true.
static STANDS: AtomicBool = AtomicBool::new(false);
/// And no longer than this, so that a test that fails comes to its end.
const STANDSTILL: Duration = Duration::from_secs(10);

/// Those of scenes that are over. The proxy of each stands on, and what counts for it.
static OVER: Mutex<Vec<usize>> = Mutex::new(Vec::new());

fn place_of(tasks: &Tasks) -> usize {
    std::ptr::from_ref(tasks) as usize
}

fn task_probe(tasks: &Tasks, task: Task) {
    if OVER.lock().unwrap().contains(&place_of(tasks)) {
        return;
    }
    let bit = 1 << task as u16;
    if NEXT_TO_STAND.fetch_and(!bit, Ordering::SeqCst) & bit != 0 {
        STANDS.store(true, Ordering::SeqCst);
        let began = Instant::now();
        while STANDS.load(Ordering::SeqCst) && began.elapsed() < STANDSTILL {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    if NEXT_TO_PANIC.fetch_and(!bit, Ordering::SeqCst) & bit != 0 {
        panic!("on purpose, in {task}");
    }
}

/// Forwards, and nothing else.
struct Plain(SocketAddr);

#[async_trait::async_trait]
impl ProxyHttp for Plain {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn upstream_peer(&self, _: &mut Session, (): &mut ()) -> Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.0, false, String::new())))
    }

    async fn fail_to_proxy(&self, session: &mut Session, _: &Error, (): &mut ()) -> FailToProxy {
        session.respond_error_with_body(500, OWN_PAGE.into()).await.unwrap();
        FailToProxy { error_code: 500, can_reuse_downstream: false }
    }
}

/// A website, a proxy in front of it, and what counts there.
struct Scene {
    origin: Origin,
    proxy: SocketAddr,
    counting: Counting,
    _folder: tempfile::TempDir,
}

impl Scene {
    fn new(inject: bool) -> Self {
        let origin = Origin::start(|wire, request| {
            wire.body(request, false).unwrap();
            match request.target() {
                "/echo" => wire.reply("200 OK", "Content-Type: text/plain\r\n", &request.body),
                "/chunks" => {
                    wire.send("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n");
                    wire.send("Transfer-Encoding: chunked\r\n\r\n");
                    for piece in PAGE.chunks(9) {
                        wire.send(format!("{:x}\r\n", piece.len()));
                        wire.send(piece);
                        wire.send("\r\n");
                    }
                    wire.send("0\r\n\r\n");
                }
                _ => wire.reply("200 OK", "Content-Type: text/html\r\nETag: \"a\"\r\n", PAGE),
            }
            true
        });
        let folder = tempfile::tempdir().unwrap();
        let counting = Analytics::builder("fragile.example")
            .admin("127.0.0.1:0")
            .set("data_dir", folder.path().to_str().unwrap())
            .set("flush_interval", "50ms")
            .set("inject", if inject { "true" } else { "false" })
            .start()
            .unwrap();
        let analytics = counting.analytics();
        analytics.probe(probe);
        let proxy = serve(WithAnalytics::new(Plain(origin.address), analytics));
        Self { origin, proxy, counting, _folder: folder }
    }

    fn panics(&self) -> f64 {
        metric(self.counting.admin().unwrap(), "headcount_events_dropped_total{reason=\"panic\"}")
    }

    /// One request of every kind, on one connection as far as it is kept.
    fn browse(&self, inject: bool) {
        let tag = headcount::capture::script::tag("/headcount.js");
        let whole = |page: &[u8]| {
            let text = String::from_utf8(page.to_vec()).unwrap();
            text.as_bytes() == PAGE || inject && text.replacen(&tag, "", 1).as_bytes() == PAGE
        };
        let mut wire = Wire::connect(self.proxy);
        for target in ["/page", "/chunks", "/page"] {
            let page = wire.ask("GET", target, NAVIGATION);
            assert_eq!(page.status(), 200);
            assert!(whole(&page.body), "{target}: {}", page.text());
        }
        let head = wire.ask("HEAD", "/page", NAVIGATION);
        assert_eq!(head.status(), 200);
        assert_eq!(wire.post("/echo", "", b"a form").body, b"a form");
        assert_eq!(self.origin.last().header("content-length"), Some("6"));
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        OVER.lock().unwrap().push(place_of(&self.counting.telemetry().tasks));
    }
}

fn drive(inject: bool) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let scene = Scene::new(inject);
    let all = HOOKS.iter().fold(0, |all, hook| all | bit(*hook));
    for hooks in HOOKS.iter().map(|hook| bit(*hook)).chain([all]) {
        let before = scene.panics();
        PANICKING.store(hooks, Ordering::SeqCst);
        scene.browse(inject);

        // Ours: answered as ever or as an error; only where it is not even known what a request is
        // for does it go to the website.
        let script = visit(scene.proxy, "/headcount.js");
        assert!(script.status() == 200 || script.text() == OWN_PAGE, "{}", script.text());
        let script = script.status();
        assert!(matches!(script, 200 | 500), "{script}");
        let event = br#"{"type":"pageview","pathname":"/page"}"#;
        let taken = beacon(scene.proxy, event, "").status();
        assert!(matches!(taken, 200 | 202 | 500), "{taken}");
        if hooks == bit(Hook::Answer) {
            assert_eq!((script, taken), (500, 500));
        }
        PANICKING.store(0, Ordering::SeqCst);
        assert!(scene.panics() > before, "a panic in {hooks:b} is counted");
    }

    // Nothing of it stays: neither in the handle nor in the shards.
    let in_flight = &scene.counting.telemetry().in_flight;
    let all_answered = || in_flight.load(Ordering::Relaxed) == 0;
    wait_for("no request is under way", all_answered);
    let pageviews = || total(scene.counting.admin().unwrap(), "pageviews");
    // A panic is counted a moment after the request that it ended is under way no more.
    let mut stood = (-1, 0.0);
    wait_for("all hits and panics are counted", || {
        let (last, unflushed) = (stood, "headcount_unflushed_events");
        stood = (pageviews(), scene.panics());
        metric(scene.counting.admin().unwrap(), unflushed) == 0.0 && stood == last
    });
    let (pages, before) = stood;
    scene.browse(inject);
    wait_for("three more pages", || pageviews() == pages + 3);
    assert_eq!(scene.panics(), before);
    wait_for("no request is under way", all_answered);
}

#[test]
fn pages_arrive_whole_whatever_panics() {
    drive(false);
}

#[test]
fn pages_arrive_whole_whatever_panics_with_the_tag_added() {
    drive(true);
}

/// Those that run wherever the plugin does.
const TASKS: [Task; 8] = [
    Task::Aggregate,
    Task::Journal,
    Task::Flush,
    Task::Admin,
    Task::Secrets,
    Task::Places,
    Task::Daily,
    Task::Exclusions,
];

#[test]
fn a_background_task_that_panics_is_begun_again_and_the_others_go_on() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    supervise::probe(task_probe);
    let all = TASKS.iter().fold(0, |all, task| all | 1 << *task as u16);
    NEXT_TO_PANIC.store(all, Ordering::SeqCst);
    let scene = Scene::new(false);
    let tasks = &scene.counting.telemetry().tasks;
    wait_for("each to panic at its first turn", || TASKS.iter().all(|t| tasks.restarts(*t) > 0));
    let name = |task: Task| format!("headcount_task_restarts_total{{task=\"{task}\"}}");
    for task in TASKS {
        assert_eq!(tasks.restarts(task), 1, "{task}");
        assert_eq!(metric(scene.counting.admin().unwrap(), &name(task)), 1.0);
    }

    // Each by itself, at work, and none of the others with it.
    let mut views = 0;
    for task in [Task::Flush, Task::Aggregate, Task::Journal, Task::Secrets, Task::Daily] {
        for round in 2..=3 {
            NEXT_TO_PANIC.store(1 << task as u16, Ordering::SeqCst);
            scene.browse(false);
            views += 3;
            wait_for("it to be begun again", || tasks.restarts(task) == round);
        }
    }
    for task in TASKS {
        let at_rest = matches!(task, Task::Admin | Task::Places | Task::Exclusions);
        let panicked = if at_rest { 1 } else { 3 };
        assert_eq!(tasks.restarts(task), panicked, "{task}");
    }
    let admin = scene.counting.admin().unwrap();
    wait_for("all to be delivered", || metric(admin, "headcount_unflushed_events") == 0.0);
    let path = "/api/v1/stats/aggregate?period=day&metrics=pageviews,visitors";
    let answer = visit(admin, path).text();
    let expected = format!("\"pageviews\":{{\"value\":{views}}}");
    assert!(
        answer.contains(&expected) && answer.contains("\"visitors\":{\"value\":1}"),
        "{answer}"
    );
    assert_eq!(scene.panics(), 0.0);
}

#[test]
fn a_flush_that_takes_long_holds_up_no_reader() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    supervise::probe(task_probe);
    let scene = Scene::new(false);
    NEXT_TO_STAND.store(1 << Task::Flush as u16, Ordering::SeqCst);
    wait_for("a flush that stands still", || STANDS.load(Ordering::SeqCst));
    let admin = scene.counting.admin().unwrap();
    let asked = Instant::now();
    let status = ["/healthz", "/metrics", "/api/v1/stats/aggregate?period=day", "/"]
        .map(|path| visit(admin, path).status());
    let took = asked.elapsed();
    STANDS.store(false, Ordering::SeqCst);
    assert_eq!(status, [200; 4]);
    assert!(took < STANDSTILL / 2, "{took:?}");
}

#[test]
fn an_admin_port_that_stands_still_holds_up_no_flush() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    supervise::probe(task_probe);
    NEXT_TO_STAND.store(1 << Task::Admin as u16, Ordering::SeqCst);
    let scene = Scene::new(false);
    wait_for("an admin port that stands still", || STANDS.load(Ordering::SeqCst));
    let began = Instant::now();
    scene.browse(false);
    let telemetry = scene.counting.telemetry();
    wait_for("all to be delivered", || {
        telemetry.pageviews.get() == 3 && telemetry.unflushed.load(Ordering::Relaxed) == 0
    });
    let took = began.elapsed();
    STANDS.store(false, Ordering::SeqCst);
    assert!(took < STANDSTILL / 2, "{took:?}");
}
