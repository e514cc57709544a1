//! A website, and headcount before it with ACME on.

use crate::common::curl::{Curl, curl};
use crate::common::headcount::Headcount;
use crate::common::http::FIREFOX;
use crate::common::ports::free_port;
use crate::common::wait_for;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Html;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio::runtime::Runtime;

pub const PAGE: &str = "<!doctype html><title>A page</title><p>Hello.\n";

/// A website that notes what it is asked for.
pub struct Website {
    pub url: String,
    paths: Arc<Mutex<Vec<String>>>,
    _runtime: Runtime,
}

impl Website {
    pub fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let paths = Arc::<Mutex<Vec<String>>>::default();
        let site = Router::new().fallback(page).with_state(paths.clone());
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, site).await });
        Self { url, paths, _runtime: runtime }
    }

    pub fn paths(&self) -> Vec<String> {
        self.paths.lock().unwrap().clone()
    }
}

async fn page(
    State(paths): State<Arc<Mutex<Vec<String>>>>,
    request: Request,
) -> Html<&'static str> {
    paths.lock().unwrap().push(request.uri().path().to_owned());
    Html(PAGE)
}

/// headcount with names to be certified by an authority at `directory`, whose port is trusted by
/// `ca`.
pub struct Scene {
    pub website: Website,
    pub headcount: Headcount,
    pub tls: u16,
    /// The authority's, once it is started.
    pub directory: String,
}

impl Scene {
    /// With ports, but not started: `http` is where the authority has to ask.
    pub fn prepare(names: &[&str], flags: &[&str]) -> Self {
        let website = Website::start();
        let tls = free_port();
        let (listen, hosts) = (format!("127.0.0.1:{tls}"), names.join(","));
        let own = ["--acme", "admin@example.org", "--tls-listen", &listen];
        let hosts = if names.is_empty() { vec![] } else { vec!["--hosts", &*hosts] };
        let own = [&own[..], &["--flush-interval", "100ms"], &hosts, flags].concat();
        let mut headcount = Headcount::prepare(&website.url, &own);
        headcount.choose_ports();
        Self { website, headcount, tls, directory: String::new() }
    }

    pub fn http(&self) -> u16 {
        self.headcount.site().port()
    }

    /// Says where the authority is, and starts it.
    pub fn start(&mut self, directory: &str, ca: &Path) {
        directory.clone_into(&mut self.directory);
        self.headcount.add(&["--acme-directory", directory]);
        self.headcount.add(&["--acme-directory-ca", ca.to_str().unwrap()]);
        self.headcount.restart_on_same_ports();
    }

    /// Asks a name by HTTPS, trusting one certificate.
    pub fn ask(&self, name: &str, root: &Path) -> Curl {
        let root = root.to_str().unwrap();
        let browser = ["-A", FIREFOX, "-H", "Sec-Fetch-Dest: document", "-H", "Accept: text/html"];
        curl(
            &format!("https://{name}:{}/", self.tls),
            &[&browser[..], &["--cacert", root]].concat(),
        )
    }

    /// The same by plain HTTP.
    pub fn ask_plain(&self, name: &str, path: &str) -> Curl {
        curl(&format!("http://{name}:{}{path}", self.http()), &["-A", FIREFOX])
    }

    /// Waits until a name is served with a certificate of the authority.
    pub fn served(&self, name: &str, root: &Path) {
        wait_for(&format!("a certificate for {name}"), || {
            (self.ask(name, root).status == 200).then_some(())
        });
    }

    pub fn said(&self, line: &str) -> bool {
        self.headcount.log().contains(line)
    }

    pub fn orders(&self, outcome: &str) -> i64 {
        self.headcount.metric(&format!("headcount_acme_orders_total{{outcome=\"{outcome}\"}}"))
    }

    /// What is kept.
    pub fn state(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.state_file()).unwrap()).unwrap()
    }

    /// Changes what a process that has ended has kept.
    pub fn change_state(&self, change: impl FnOnce(&mut Value)) {
        let mut state = self.state();
        change(&mut state);
        std::fs::write(self.state_file(), state.to_string()).unwrap();
    }

    pub fn state_file(&self) -> PathBuf {
        self.headcount.data_dir().join("acme/state.json")
    }

    /// Until when a name's certificate is valid, in seconds since 1970.
    pub fn expiry(&self, name: &str) -> i64 {
        let metric = "headcount_certificate_expiry_timestamp_seconds";
        self.headcount.metric(&format!("{metric}{{name=\"{name}\"}}"))
    }
}
