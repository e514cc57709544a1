//! Every method of `ProxyHttp` goes to the wrapped proxy.
//!
//! - By the sources: the wrapper has every method of the trait, with its condition and as many
//!   arguments, and each calls its namesake.
//! - By real requests: a wrapped proxy notes what it is asked, as many methods as HTTP/1 can bring
//!   about (those for trailers need HTTP/2, those for custom messages a protocol of one's own).

use crate::common::pingora::serve;
use crate::common::ports::free_address;
use crate::common::process::wait_for;
use crate::common::wire::{NAVIGATION, Origin, Wire, get};
use crate::noting::{Calls, Noting};
use headcount::capture::{Analytics, WithAnalytics};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::Mutex;

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
        let name = rest.split(['<', '(']).next().unwrap().to_owned();
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

/// The methods of the trait, from the source that this is built with.
fn of_the_trait() -> BTreeMap<String, Method> {
    let cargo = |arguments: &[&str]| {
        let ran = Command::new(env!("CARGO")).args(arguments).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap()
    };
    // For this platform only: what the others need was not fetched to build this.
    let about = cargo(&["-vV"]);
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let metadata = cargo(&[
        "metadata",
        "--format-version=1",
        "--offline",
        "--filter-platform",
        host,
        "--manifest-path",
        manifest,
    ]);
    let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let proxy = packages.iter().find(|p| p["name"] == "pingora-proxy").unwrap();
    let manifest = std::path::Path::new(proxy["manifest_path"].as_str().unwrap());
    let source = manifest.with_file_name("src").join("proxy_trait.rs");
    let source = std::fs::read_to_string(source).unwrap();
    methods(&source, "pub trait ProxyHttp {")
}

#[test]
fn the_wrapper_has_every_method_of_the_trait() {
    let asked = of_the_trait();
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
    let mut left = of_the_trait();
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
