//! Reverse DNS: the names that dnsmasq gives, to addresses that a trusted proxy tells.

use crate::common::headcount::Headcount;
use crate::common::http::{CURL, GOOGLEBOT, get};
use crate::common::nginx::Nginx;
use crate::common::wait_for;
use crate::known;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const BINGBOT: &str = "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)";

/// A name server that knows these names and no others.
struct NameServer {
    process: Child,
    port: u16,
}

impl NameServer {
    fn start(records: &[&str]) -> Self {
        wait_for("dnsmasq", || Self::try_start(records))
    }

    /// `None`: its port is somebody's already, for it needs the same by UDP and by TCP.
    fn try_start(records: &[&str]) -> Option<Self> {
        // By UDP, which `free_port` keeps for itself.
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        drop(TcpListener::bind(("127.0.0.1", port)).ok()?);
        let process = Command::new("dnsmasq")
            .args(["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts"])
            .args(["--user=root", "--pid-file=", "--bind-interfaces", "--listen-address=127.0.0.1"])
            .arg(format!("--port={port}"))
            // What it does not know is not there.
            .args(["--local=/arpa/", "--local=/com/", "--local=/example/"])
            .args(records)
            .stdin(Stdio::null())
            .spawn()
            .expect("dnsmasq is installed");
        let mut server = Self { process, port };
        wait_for("dnsmasq to listen or to end", || {
            let listens = TcpStream::connect(("127.0.0.1", port)).is_ok();
            (listens || server.process.try_wait().unwrap().is_some()).then_some(())
        });
        server.process.try_wait().unwrap().is_none().then_some(server)
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn come(headcount: &Headcount, agent: &str, from: &str) -> Duration {
    let headers = [("Host", "docs.example.org"), ("User-Agent", agent), ("X-Forwarded-For", from)];
    let began = Instant::now();
    assert_eq!(get(headcount.site(), "/index.html", &headers).status, 200);
    began.elapsed()
}

/// Comes from an address until it is known how. How often that was.
fn come_until(headcount: &Headcount, agent: &str, from: &str, name: &str, proof: &str) -> i64 {
    let key = (name.to_owned(), proof.to_owned());
    let count = || known(headcount).get(&key).copied().unwrap_or_default();
    let (before, mut times) = (count(), 0);
    wait_for(&format!("{from} to be known as {name}, {proof}"), || {
        come(headcount, agent, from);
        times += 1;
        (count() > before).then_some(())
    });
    times
}

#[test]
fn a_name_in_the_owners_domain_that_leads_back_proves_a_claim_and_others_refute_it() {
    let server = NameServer::start(&[
        "--host-record=crawl-1.googlebot.com,198.51.100.1",
        "--host-record=crawl-6.googlebot.com,2001:db8::6",
        // Whoever has an address can give it any name: these do not lead back to it.
        "--ptr-record=2.100.51.198.in-addr.arpa,crawl-1.googlebot.com",
        "--ptr-record=3.100.51.198.in-addr.arpa,crawl-3.googlebot.com",
        // Domains that only look like the owner's.
        "--host-record=crawl-4.googlebot.com.rented.example,198.51.100.4",
        "--host-record=crawl-notgooglebot.com,198.51.100.5",
        "--host-record=msnbot-1.search.msn.com,198.51.100.7",
    ]);
    let site = Nginx::start();
    let flags = ["--flush-interval", "100ms", "--trusted-proxies", "127.0.0.1"];
    let address = server.address();
    let flags = [&flags[..], &["--reverse-dns", &address]].concat();
    let headcount = Headcount::start(&site.url(), &flags);
    let refuted = "claims to be Googlebot, isn't";
    let mut came = 0;
    for (agent, from, name, proof) in [
        (GOOGLEBOT, "198.51.100.1", "Googlebot", "reverse DNS"),
        (GOOGLEBOT, "::ffff:198.51.100.1", "Googlebot", "reverse DNS"),
        (GOOGLEBOT, "2001:db8::6", "Googlebot", "reverse DNS"),
        ("Googlebot-Image/1.0", "198.51.100.1", "Googlebot-Image", "reverse DNS"),
        (BINGBOT, "198.51.100.7", "Bingbot", "reverse DNS"),
        (GOOGLEBOT, "198.51.100.2", refuted, "refuted"),
        (GOOGLEBOT, "198.51.100.3", refuted, "refuted"),
        (GOOGLEBOT, "198.51.100.4", refuted, "refuted"),
        (GOOGLEBOT, "198.51.100.5", refuted, "refuted"),
        (GOOGLEBOT, "198.51.100.9", refuted, "refuted"),
        // Bing's name is none of Google's.
        (GOOGLEBOT, "198.51.100.7", refuted, "refuted"),
        // An address that its owner publishes needs no name.
        (GOOGLEBOT, "66.249.66.1", "Googlebot", "published address"),
        (CURL, "198.51.100.1", "curl", "claimed"),
    ] {
        came += come_until(&headcount, agent, from, name, proof);
    }
    let all = |count: i64| {
        let known = known(&headcount);
        (known.values().sum::<i64>() == count).then_some(known)
    };
    let before = wait_for("all of them to be counted", || all(came));
    // Once an address is known, each of its requests is counted so at once.
    let expected = |key: &(String, String)| {
        before.get(key).copied().unwrap_or_default()
            + match (&*key.0, &*key.1) {
                ("Googlebot", "reverse DNS") => 5,
                (name, "refuted") if name == refuted => 5,
                _ => 0,
            }
    };
    for _ in 0..5 {
        come(&headcount, GOOGLEBOT, "198.51.100.1");
        come(&headcount, GOOGLEBOT, "198.51.100.2");
    }
    let after = wait_for("them to be counted", || all(came + 10));
    for (key, count) in after {
        assert_eq!(count, expected(&key), "{key:?}");
    }
    let classes = headcount.stats("breakdown?period=day&property=bot:class&metrics=pageviews");
    assert!(classes.to_string().contains("False claim"), "{classes}");
}

#[test]
fn a_name_server_that_is_silent_delays_no_request_and_refutes_nobody() {
    // It takes every question, and answers none.
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let server = silent.local_addr().unwrap().to_string();
    let site = Nginx::start();
    let flags = ["--flush-interval", "100ms", "--trusted-proxies", "127.0.0.1"];
    let flags = [&flags[..], &["--reverse-dns", &server]].concat();
    let headcount = Headcount::start(&site.url(), &flags);
    // More than may wait.
    let mut slowest = Duration::ZERO;
    for i in 0..600 {
        let from = format!("198.51.{}.{}", 100 + i / 250, i % 250);
        slowest = slowest.max(come(&headcount, GOOGLEBOT, &from));
    }
    // A look-up is given up after five seconds.
    assert!(slowest < Duration::from_secs(4), "a request took {slowest:?}");
    let all = ("Googlebot".to_owned(), "claimed, address not listed".to_owned());
    wait_for("all of them to be counted", || {
        (known(&headcount).get(&all) == Some(&600)).then_some(())
    });
    let mut question = [0; 512];
    assert!(silent.recv(&mut question).unwrap() > 12, "it was asked");
    assert_eq!(known(&headcount).len(), 1);
}
