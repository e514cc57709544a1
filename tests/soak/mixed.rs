//! Everything at once: visitors of two sites in every way there is to come, while settings are read
//! again, processes hand over, certificates are replaced and renewed, upstreams are killed and come
//! back, and the store is away. No request fails that an upstream could have answered, and what is
//! counted of each site is what its visitors were answered.

use crate::common::busy::{Busy, Way};
use crate::common::followed::{Followed, status};
use crate::common::headcount::Headcount;
use crate::common::pebble::Pebble;
use crate::common::ports::free_port;
use crate::common::redis::RedisServer;
use crate::common::wait_for;
use nix::sys::signal::Signal;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::Value;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long one certificate of the authority is valid: it is renewed at two thirds. The long form
/// runs beside other work, which may hold an order up for half a minute.
fn life() -> Duration {
    Duration::from_secs(if length() > Duration::from_secs(120) { 180 } else { 45 })
}

/// How long an upstream or the store is away.
const AWAY: Duration = Duration::from_secs(1);

/// The site whose certificate the authority brings, and the one that has files.
const ORDERED: &str = "one.example";
const FILED: &str = "a.two.example";
const FILED_NAME: &str = "*.two.example";

/// How long it goes on. `make soak` has the long form, of an hour or of `SOAK_SECONDS`.
fn length() -> Duration {
    let asked = std::env::var("SOAK_SECONDS").ok().map(|seconds| seconds.parse().unwrap());
    let usual = if std::env::var_os("SOAK").is_some() { 3_600 } else { 60 };
    Duration::from_secs(asked.unwrap_or(usual))
}

/// A website's server that can be killed, and started again where it was.
struct Upstream {
    port: u16,
    dir: TempDir,
    process: Option<Child>,
}

impl Upstream {
    fn start(website: &str) -> Self {
        let (port, dir) = (free_port(), tempfile::tempdir().unwrap());
        let conf = format!(
            "daemon off; master_process off; pid nginx.pid;
             events {{ worker_connections 1024; }}
             http {{
                 access_log off;
                 keepalive_requests 1000000;
                 client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
                 uwsgi_temp_path uwsgi; scgi_temp_path scgi;
                 server {{
                     listen 127.0.0.1:{port};
                     default_type text/html;
                     location / {{ return 200 '<!doctype html><title>A page</title><p>{website} as $host\n'; }}
                 }}
             }}"
        );
        std::fs::write(dir.path().join("nginx.conf"), conf).unwrap();
        let mut upstream = Self { port, dir, process: None };
        upstream.come_back();
        upstream
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    fn come_back(&mut self) {
        let process = Command::new("nginx")
            .arg("-p")
            .arg(self.dir.path())
            .args(["-c", "nginx.conf", "-e", "error.log"])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.process = Some(process.expect("nginx is installed"));
        wait_for("nginx to come up", || {
            TcpStream::connect(("127.0.0.1", self.port)).ok().map(drop)
        });
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.kill();
    }
}

/// An authority of the test's own, whose certificates are written into files.
struct Files {
    authority: Issuer<'static, KeyPair>,
    authority_pem: String,
    dir: TempDir,
    written: u32,
}

impl Files {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority_pem = params.self_signed(&key).unwrap().pem();
        let (authority, dir) = (Issuer::new(params, key), tempfile::tempdir().unwrap());
        let mut files = Self { authority, authority_pem, dir, written: 0 };
        files.replace();
        files
    }

    /// Writes another certificate, valid until another day.
    fn replace(&mut self) {
        self.written += 1;
        let mut params = CertificateParams::new([FILED_NAME.to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2100 + self.written as i32, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        std::fs::write(self.chain(), certificate.pem()).unwrap();
        std::fs::write(self.key(), key.serialize_pem()).unwrap();
    }

    fn chain(&self) -> PathBuf {
        self.dir.path().join("chain.pem")
    }

    fn key(&self) -> PathBuf {
        self.dir.path().join("key.pem")
    }
}

/// What clients trust.
fn trust(pems: &[String]) -> Arc<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    for pem in pems {
        roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

/// What settings say now one way, now another: what can change while the process runs, and what
/// cannot.
#[derive(Debug, Clone, Copy, Default)]
struct Said {
    method: usize,
    goal: usize,
}

/// All of it.
struct Scene {
    headcount: Headcount,
    followed: Followed,
    redis: RedisServer,
    /// Two of each site.
    upstreams: [[Upstream; 2]; 2],
    files: Files,
    settings: PathBuf,
    tls: u16,
    pebble: Pebble,
    said: Said,
}

impl Scene {
    fn start() -> Self {
        let redis = RedisServer::start_durable();
        let upstreams = ["one", "two"].map(|site| [(); 2].map(|()| Upstream::start(site)));
        let mut headcount = Headcount::prepare("http://127.0.0.1:9", &[]);
        headcount.choose_ports();
        let mut pebble = Pebble::prepare(headcount.site().port(), life());
        pebble.start_again();
        headcount.list_sites("");
        let settings = headcount.dir.path().join("sites.toml");
        let (files, tls) = (Files::new(), free_port());
        write(&settings, &redis, &upstreams, &files, &pebble, tls, Said::default());
        let followed = Followed::start_by(&mut headcount, &["env"]);
        let said = Said::default();
        Self { headcount, followed, redis, upstreams, files, settings, tls, pebble, said }
    }

    fn change_settings(&mut self, change: impl FnOnce(&mut Said)) {
        let Self { settings, redis, upstreams, files, pebble, tls, said, .. } = self;
        change(said);
        write(settings, redis, upstreams, files, pebble, *tls, *said);
    }

    fn expiry(&self, name: &str) -> i64 {
        let metric = "headcount_certificate_expiry_timestamp_seconds";
        self.headcount.metric(&format!("{metric}{{name=\"{name}\"}}"))
    }

    /// Waits until the store has taken what had to wait for it.
    fn caught_up(&self) {
        wait_for("the store to be used again", || {
            (self.headcount.metric("headcount_store_behind_seconds") == 0).then_some(())
        });
    }

    fn delivered(&self) {
        wait_for("all to be flushed", || {
            (self.headcount.metric("headcount_unflushed_events") == 0).then_some(())
        });
    }

    /// Kills an upstream, and soon after its return the other.
    fn kill_both(&mut self, site: usize, busy: &Busy) {
        for nth in 0..2 {
            let upstream = &mut self.upstreams[site][nth];
            upstream.kill();
            busy.more(50);
            std::thread::sleep(AWAY);
            upstream.come_back();
            if site == 1 {
                // It is checked, and not used before it is found to work.
                let name = format!("headcount_upstream_up{{upstream=\"{}\"}}", upstream.url());
                let up = || (self.headcount.metric(&name) == 1).then_some(());
                wait_for("it to be found up", up);
            }
        }
    }

    fn memory(&self) -> i64 {
        let told = status(self.followed.main(), "VmRSS:").unwrap();
        told.trim_end_matches(" kB").trim().parse::<i64>().unwrap() / 1_024
    }

    fn total(&self, site: &str, metric: &str) -> i64 {
        let question =
            format!("/api/v1/stats/aggregate?period=day&site_id={site}&metrics={metric}");
        let answer = self.headcount.admin_get(&question);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let answer: Value = serde_json::from_slice(&answer.body).unwrap();
        answer["results"][metric]["value"].as_i64().unwrap()
    }
}

fn write(
    settings: &Path,
    redis: &RedisServer,
    upstreams: &[[Upstream; 2]; 2],
    files: &Files,
    pebble: &Pebble,
    tls: u16,
    said: Said,
) {
    let [one, two] = upstreams.each_ref().map(|of| of.each_ref().map(Upstream::url));
    let Said { method, goal } = said;
    let method = ["round_robin", "least_connections"][method % 2];
    let text = format!(
        "store = '{}'\nflush_interval = '100ms'\ntrusted_proxies = ['127.0.0.1']\n\
         [acme]\nemail = 'admin@example.org'\ndirectory = '{}'\ndirectory_ca = '{}'\n\
         [tls]\nlisten = '127.0.0.1:{tls}'\ncertificates = ['{}:{}']\n\
         [[sites]]\nname = 'one'\nhosts = ['{ORDERED}']\nupstream = {one:?}\n\
         goals = ['Page = page /page/{goal}']\n[sites.balance]\nmethod = '{method}'\n\
         [[sites]]\nname = 'two'\nhosts = ['{FILED_NAME}']\nupstream = {two:?}\ninject = true\n\
         [sites.health]\npath = '/'\ninterval = '200ms'\n",
        redis.url(),
        pebble.directory(),
        pebble.ca().display(),
        files.chain().display(),
        files.key().display(),
    );
    std::fs::write(settings, text).unwrap();
}

#[test]
fn nothing_is_lost_whatever_happens() {
    let mut scene = Scene::start();
    wait_for("a certificate", || {
        scene.headcount.log().contains("certificate until ").then_some(())
    });
    let pebble_root = std::fs::read_to_string(scene.pebble.root()).unwrap();
    let trust = trust(&[pebble_root, scene.files.authority_pem.clone()]);
    let (plain, tls) = (scene.headcount.site(), ([127, 0, 0, 1], scene.tls).into());
    let ways = [Way::Plain(plain), Way::Tls1(tls, trust.clone()), Way::Tls2(tls, trust)];
    let busy = Busy::enter(&ways, &[ORDERED, FILED]);
    busy.more(500);

    let (begun, length, first) = (Instant::now(), length(), scene.expiry(ORDERED));
    let (mut rounds, mut renewed, memory) = (0, false, scene.memory());
    while begun.elapsed() < length || !renewed {
        // Without another process.
        let main = scene.followed.main();
        scene.change_settings(|said| said.method += 1);
        assert_eq!(scene.followed.reload(Signal::SIGHUP), main);
        busy.more(100);
        scene.kill_both(0, &busy);
        // Files that are found to be others, and those that are said to be.
        let before = scene.expiry(FILED_NAME);
        scene.files.replace();
        if rounds % 2 == 1 {
            scene.followed.reload(Signal::SIGHUP);
        }
        wait_for("the new certificate", || (scene.expiry(FILED_NAME) != before).then_some(()));
        busy.more(100);
        // By another process.
        scene.change_settings(|said| said.goal += 1);
        assert_ne!(scene.followed.reload(Signal::SIGHUP), main);
        busy.more(100);
        scene.kill_both(1, &busy);
        scene.redis.stop();
        busy.more(200);
        std::thread::sleep(AWAY);
        scene.redis.restart();
        scene.caught_up();
        let main = scene.followed.main();
        assert_ne!(scene.followed.reload(Signal::SIGUSR2), main);
        busy.more(100);
        renewed |= scene.expiry(ORDERED) != first;
        rounds += 1;
        println!("{:?}: round {rounds}, {} MiB", begun.elapsed(), scene.memory());
    }
    let (ledger, slowest) = busy.leave();
    scene.delivered();
    println!(
        "{rounds} rounds in {:?}, the slowest of {} pages after {slowest:?}; {memory} MiB at the \
         start, {} MiB at the end",
        begun.elapsed(),
        ledger.values().map(|answered| answered.pages).sum::<i64>(),
        scene.memory(),
    );
    assert_eq!(ledger.keys().collect::<Vec<_>>(), ["one", "two"]);
    for (site, answered) in ledger {
        // What came to a process that had handed over is counted by the one that is left, a little
        // later.
        wait_for("what came late to be counted", || {
            (scene.total(&site, "pageviews") >= answered.pages).then_some(())
        });
        let told = ["pageviews", "visitors", "visits"].map(|metric| scene.total(&site, metric));
        let visitors = answered.visitors.len() as i64;
        assert_eq!(told, [answered.pages, visitors, visitors], "{site}");
    }
}
