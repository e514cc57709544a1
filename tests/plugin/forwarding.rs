//! Every method of `ProxyHttp` goes to the wrapped proxy.
//!
//! - By the sources: the wrapper has every method of the trait, with its condition and as many
//!   arguments, and each calls its namesake.
//! - By real requests: a wrapped proxy notes what it is asked, as many methods as HTTP/1 can bring
//!   about (those for trailers need HTTP/2, those for custom messages a protocol of one's own).

use crate::common::pingora::serve;
use crate::common::process::{free_address, wait_for};
use crate::common::wire::{NAVIGATION, Origin, Wire, get};
use async_trait::async_trait;
use bytes::Bytes;
use headcount::capture::{Analytics, WithAnalytics};
use pingora::cache::key::HashBinary;
use pingora::cache::{
    CacheKey, CacheMeta, CacheMetaDefaults, ForcedFreshness, HitHandler, MemCache, PurgeAction,
    RespCacheable,
};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::modules::http::HttpModules;
use pingora::prelude::*;
use pingora::protocols::Digest;
use pingora::proxy::{
    FailToProxy, ProxyHttp, ProxyWarnLogContext, PurgeStatus, RangeType, Session,
};
use std::any::Any;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

/// Where the wrapper's methods begin.
const WRAPPER: &str = "    P::CTX: Send + Sync,\n{";

/// A method's condition (`#[cfg(…)]`), its arguments and its body.
struct Method {
    condition: Option<String>,
    arguments: usize,
    body: String,
}

/// The methods of a block of Rust that is indented by four, as rustfmt leaves it.
fn methods(source: &str, opening: &str) -> BTreeMap<String, Method> {
    let block = source.split_once(opening).expect(opening).1;
    let block = &block[..block.find("\n}\n").expect("its end")];
    let mut found = BTreeMap::new();
    let mut condition = None;
    let mut lines = block.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(cfg) = line.strip_prefix("    #[cfg(") {
            condition = Some(cfg.to_owned());
        }
        let bare = line.strip_prefix("    ").unwrap_or_default();
        let Some(rest) = bare.strip_prefix("async ").unwrap_or(bare).strip_prefix("fn ") else {
            continue;
        };
        let name = rest.split('(').next().unwrap().to_owned();
        let mut text = line.to_owned();
        // To the brace that closes its body, or the semicolon in place of one.
        while !(text.ends_with("\n    }") || text.ends_with("{}"))
            && (text.contains('{') || !text.ends_with(';'))
        {
            text.push('\n');
            text.push_str(lines.next().expect("the method's end"));
        }
        let arguments = text.split_once('(').unwrap().1.split(") -> ").next().unwrap();
        let arguments = arguments.split("\n    where").next().unwrap();
        let arguments = arguments.split("\n    {").next().unwrap();
        // Windows' own variant of an argument is none here.
        let arguments = arguments.lines().filter(|l| !l.contains("cfg(windows)"));
        let arguments = arguments.map(|l| l.matches(": ").count()).sum();
        let method = Method { condition: condition.take(), arguments, body: text };
        found.insert(name, method);
    }
    found
}

#[test]
fn the_wrapper_has_every_method_of_the_trait() {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let proxy = packages.iter().find(|p| p["name"] == "pingora-proxy").unwrap();
    let manifest = std::path::Path::new(proxy["manifest_path"].as_str().unwrap());
    let source = manifest.with_file_name("src").join("proxy_trait.rs");
    let source = std::fs::read_to_string(source).unwrap();
    let asked = methods(&source, "pub trait ProxyHttp {");
    let own = include_str!("../../src/capture/wrapper.rs");
    let own = methods(own, WRAPPER);

    assert!(asked.len() >= 41, "{} methods found", asked.len());
    let names = |all: &BTreeMap<String, Method>| all.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(&asked), names(&own));
    for (name, theirs) in &asked {
        let ours = &own[name];
        assert_eq!(ours.condition, theirs.condition, "{name}");
        assert_eq!(ours.arguments, theirs.arguments, "arguments of {name}");
        assert!(ours.body.contains(&format!("self.inner.{name}(")), "{name} is not forwarded");
    }
}

static STORAGE: LazyLock<MemCache> = LazyLock::new(MemCache::new);

type Calls = Arc<Mutex<BTreeSet<&'static str>>>;

/// Notes what it is asked. It keeps what it forwards in a cache.
struct Noting {
    calls: Calls,
    origin: SocketAddr,
    nobody: SocketAddr,
}

impl Noting {
    fn note(&self, method: &'static str) {
        self.calls.lock().unwrap().insert(method);
    }
}

/// How often a peer was chosen for this request.
#[derive(Default)]
struct Choices(AtomicUsize);

#[async_trait]
impl ProxyHttp for Noting {
    type CTX = Choices;

    fn new_ctx(&self) -> Choices {
        self.note("new_ctx");
        Choices::default()
    }

    async fn upstream_peer(&self, s: &mut Session, ctx: &mut Choices) -> Result<Box<HttpPeer>> {
        self.note("upstream_peer");
        let first = ctx.0.fetch_add(1, Ordering::Relaxed) == 0;
        let lost = s.req_header().uri.path() == "/lost";
        let to = if first && lost { self.nobody } else { self.origin };
        Ok(Box::new(HttpPeer::new(to, false, String::new())))
    }

    fn init_downstream_modules(&self, _: &mut HttpModules) {
        self.note("init_downstream_modules");
    }

    #[cfg(feature = "upstream_modules")]
    fn init_upstream_modules(&self, _: &mut HttpModules) {
        self.note("init_upstream_modules");
    }

    #[cfg(feature = "upstream_modules")]
    async fn adjust_upstream_modules(
        &self,
        _: &mut Session,
        _: &ResponseHeader,
        _: bool,
        _: &mut Choices,
    ) -> Result<()> {
        self.note("adjust_upstream_modules");
        Ok(())
    }

    async fn request_filter(&self, session: &mut Session, _: &mut Choices) -> Result<bool> {
        self.note("request_filter");
        match session.req_header().uri.path() {
            "/own" => session.respond_error(418).await.map(|()| true),
            _ => Ok(false),
        }
    }

    async fn early_request_filter(&self, _: &mut Session, _: &mut Choices) -> Result<()> {
        self.note("early_request_filter");
        Ok(())
    }

    fn allow_spawning_subrequest(&self, _: &Session, _: &Choices) -> bool {
        self.note("allow_spawning_subrequest");
        false
    }

    async fn request_body_filter(
        &self,
        _: &mut Session,
        _: &mut Option<Bytes>,
        _: bool,
        _: &mut Choices,
    ) -> Result<()> {
        self.note("request_body_filter");
        Ok(())
    }

    fn request_cache_filter(&self, session: &mut Session, _: &mut Choices) -> Result<()> {
        self.note("request_cache_filter");
        if session.req_header().uri.path() != "/lost" {
            session.cache.enable(&*STORAGE, None, None, None, None);
        }
        Ok(())
    }

    fn cache_key_callback(&self, session: &Session, _: &mut Choices) -> Result<CacheKey> {
        self.note("cache_key_callback");
        Ok(CacheKey::new(session.req_header().uri.path(), ""))
    }

    fn cache_miss(&self, session: &mut Session, _: &mut Choices) {
        self.note("cache_miss");
        session.cache.cache_miss();
    }

    async fn cache_hit_filter(
        &self,
        session: &mut Session,
        _: &CacheMeta,
        _: &mut HitHandler,
        _: bool,
        _: &mut Choices,
    ) -> Result<Option<ForcedFreshness>> {
        self.note("cache_hit_filter");
        let stale = session.req_header().headers.contains_key("x-stale");
        Ok(stale.then_some(ForcedFreshness::ForceExpiredServeStale { expired_at: None }))
    }

    async fn proxy_upstream_filter(&self, _: &mut Session, _: &mut Choices) -> Result<bool> {
        self.note("proxy_upstream_filter");
        Ok(true)
    }

    fn response_cache_filter(
        &self,
        _: &Session,
        response: &ResponseHeader,
        _: &mut Choices,
    ) -> Result<RespCacheable> {
        self.note("response_cache_filter");
        let minute = CacheMetaDefaults::new(|_| Some(Duration::from_secs(60)), 60, 60);
        Ok(pingora::cache::filters::resp_cacheable(None, response.clone(), false, &minute))
    }

    fn cache_vary_filter(
        &self,
        _: &CacheMeta,
        _: &mut Choices,
        _: &RequestHeader,
    ) -> Option<HashBinary> {
        self.note("cache_vary_filter");
        None
    }

    fn cache_not_modified_filter(
        &self,
        _: &Session,
        _: &ResponseHeader,
        _: &mut Choices,
    ) -> Result<bool> {
        self.note("cache_not_modified_filter");
        Ok(false)
    }

    fn range_header_filter(
        &self,
        _: &mut Session,
        _: &mut ResponseHeader,
        _: &mut Choices,
    ) -> RangeType {
        self.note("range_header_filter");
        RangeType::None
    }

    async fn upstream_request_filter(
        &self,
        _: &mut Session,
        _: &mut RequestHeader,
        _: &mut Choices,
    ) -> Result<()> {
        self.note("upstream_request_filter");
        Ok(())
    }

    async fn upstream_response_filter(
        &self,
        _: &mut Session,
        _: &mut ResponseHeader,
        _: &mut Choices,
    ) -> Result<()> {
        self.note("upstream_response_filter");
        Ok(())
    }

    async fn response_filter(
        &self,
        _: &mut Session,
        _: &mut ResponseHeader,
        _: &mut Choices,
    ) -> Result<()> {
        self.note("response_filter");
        Ok(())
    }

    fn upstream_response_body_filter(
        &self,
        _: &mut Session,
        _: &mut Option<Bytes>,
        _: bool,
        _: &mut Choices,
    ) -> Result<Option<Duration>> {
        self.note("upstream_response_body_filter");
        Ok(None)
    }

    fn response_body_filter(
        &self,
        _: &mut Session,
        _: &mut Option<Bytes>,
        _: bool,
        _: &mut Choices,
    ) -> Result<Option<Duration>> {
        self.note("response_body_filter");
        Ok(None)
    }

    async fn logging(&self, _: &mut Session, _: Option<&Error>, _: &mut Choices) {
        self.note("logging");
    }

    fn persist_connection_context(
        &self,
        _: &Session,
        _: &Choices,
    ) -> Option<Box<dyn Any + Send + Sync>> {
        self.note("persist_connection_context");
        Some(Box::new(7_u8))
    }

    fn on_connection_reuse(
        &self,
        _: &mut Session,
        _: &mut Choices,
        previous: Box<dyn Any + Send + Sync>,
    ) {
        assert!(previous.is::<u8>());
        self.note("on_connection_reuse");
    }

    fn suppress_error_log(&self, _: &Session, _: &Choices, _: &Error) -> bool {
        self.note("suppress_error_log");
        false
    }

    fn suppress_proxy_warn_log(
        &self,
        _: &Session,
        _: &Choices,
        _: &Error,
        _: ProxyWarnLogContext,
    ) -> bool {
        self.note("suppress_proxy_warn_log");
        true
    }

    fn error_while_proxy(
        &self,
        _: &HttpPeer,
        _: &mut Session,
        error: Box<Error>,
        ctx: &mut Choices,
        _: bool,
    ) -> Box<Error> {
        self.note("error_while_proxy");
        let mut error = error;
        error.set_retry(ctx.0.load(Ordering::Relaxed) < 2);
        error
    }

    fn fail_to_connect(
        &self,
        _: &mut Session,
        _: &HttpPeer,
        _: &mut Choices,
        mut error: Box<Error>,
    ) -> Box<Error> {
        self.note("fail_to_connect");
        error.set_retry(true);
        error
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        _: &Error,
        _: &mut Choices,
    ) -> FailToProxy {
        self.note("fail_to_proxy");
        session.respond_error(521).await.unwrap();
        FailToProxy { error_code: 521, can_reuse_downstream: false }
    }

    fn should_serve_stale(&self, _: &mut Session, _: &mut Choices, _: Option<&Error>) -> bool {
        self.note("should_serve_stale");
        false
    }

    async fn connected_to_upstream(
        &self,
        _: &mut Session,
        _: bool,
        _: &HttpPeer,
        _: std::os::fd::RawFd,
        _: Option<&Digest>,
        _: &mut Choices,
    ) -> Result<()> {
        self.note("connected_to_upstream");
        Ok(())
    }

    fn request_summary(&self, _: &Session, _: &Choices) -> String {
        self.note("request_summary");
        "a request".to_owned()
    }

    fn is_purge(&self, session: &Session, _: &Choices) -> bool {
        self.note("is_purge");
        session.req_header().method == "PURGE"
    }

    fn purge_action(&self, _: &Session, _: &Choices) -> PurgeAction {
        self.note("purge_action");
        PurgeAction::Delete
    }

    fn purge_response_filter(
        &self,
        _: &Session,
        _: &mut Choices,
        _: PurgeStatus,
        response: &mut Cow<'static, ResponseHeader>,
    ) -> Result<()> {
        self.note("purge_response_filter");
        response.to_mut().insert_header("x-purged", "yes")
    }
}

#[test]
fn the_wrapped_proxy_is_asked_by_real_requests() {
    // What is logged asks for a summary, but only if somebody listens.
    tracing_subscriber::fmt().with_writer(std::io::sink).init();
    let origin = Origin::start(|wire, request| {
        wire.body(request, false).unwrap();
        if request.target() == "/breaks" || request.header("x-fail").is_some() {
            return false;
        }
        let headers = "Content-Type: text/html\r\nCache-Control: max-age=60\r\nETag: \"a\"\r\n";
        wire.reply("200 OK", headers, b"page");
        true
    });
    let calls = Calls::default();
    let inner = Noting { calls: calls.clone(), origin: origin.address, nobody: free_address() };
    let folder = tempfile::tempdir().unwrap();
    let counting = Analytics::builder("notes.example")
        .admin("127.0.0.1:0")
        .set("data_dir", folder.path().to_str().unwrap())
        .start()
        .unwrap();
    let proxy = serve(WithAnalytics::new(inner, counting.analytics()));

    let mut wire = Wire::connect(proxy);
    for _ in 0..2 {
        assert_eq!(wire.ask("GET", "/page", NAVIGATION).status(), 200);
    }
    assert_eq!(origin.seen().len(), 1, "the second comes from the cache");
    assert_eq!(wire.ask("GET", "/page", "X-Stale: 1\r\n").status(), 200);
    assert_eq!(get(proxy, "/page", "X-Stale: 1\r\nX-Fail: 1\r\n").status(), 521);
    assert_eq!(wire.ask("GET", "/page", "If-None-Match: \"a\"\r\n").status(), 200);
    assert_eq!(wire.post("/form", "", b"a=b").status(), 200);
    assert_eq!(wire.ask("PURGE", "/page", "").header("x-purged"), Some("yes"));
    assert_eq!(wire.ask("GET", "/own", "").status(), 418);
    assert_eq!(get(proxy, "/lost", "").status(), 200, "the second peer answers");
    assert_eq!(get(proxy, "/breaks", "").status(), 521);

    let out_of_reach = |name: &str| {
        name.contains("trailer")
            || name.contains("custom")
            || !cfg!(feature = "upstream_modules") && name.contains("upstream_modules")
    };
    let mut left = methods(include_str!("../../src/capture/wrapper.rs"), WRAPPER);
    left.retain(|name, _| !out_of_reach(name));
    let left = Mutex::new(left);
    let done = std::panic::catch_unwind(|| {
        wait_for("all methods are asked", || {
            left.lock().unwrap().retain(|name, _| !calls.lock().unwrap().contains(name.as_str()));
            left.lock().unwrap().is_empty()
        });
    });
    let left = left.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    assert!(done.is_ok(), "not asked: {:?}", left.keys());
}
