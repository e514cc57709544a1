//! The malformed requests of [`malformed`](crate::malformed) before websites of three kinds: nginx,
//! Node, and one that takes whatever it is given. None gets a request that it takes for another,
//! and whoever comes next over the same connections gets their own answer.

use crate::common::nginx::Nginx;
use crate::common::process::{Proxy, wait_for};
use crate::common::wire::{Origin, Wire};
use crate::malformed::{Website, cases};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

/// Answers with what it was asked, and prints it.
const NODE: &str = "
const server = require('http').createServer((request, response) => {
    console.log(request.method + ' ' + request.url);
    request.resume().on('end', () => response.end(request.method + ' ' + request.url));
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
";

/// A website by Node; ended when dropped.
struct Node {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    process: Child,
}

impl Node {
    fn start() -> Self {
        let mut command = Command::new("node");
        let command = command.args(["-e", NODE]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("node is installed");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.next().unwrap().unwrap().parse().unwrap();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let record = asked.clone();
        std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| record.lock().unwrap().push(line));
        });
        Self { port, asked, process }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A website behind the proxy, and what it was asked so far: method and target.
struct Behind<'a> {
    name: &'static str,
    proxy: Proxy,
    asked: &'a dyn Fn() -> Vec<String>,
}

#[test]
fn nobody_gets_the_answer_of_another() {
    let (reference, any) = (Website::start(), Website::start());
    let (nginx, node) = (Nginx::echoing(), Node::start());
    let by_reference = Proxy::start(&reference.origin.url(), &[]);
    let asked_any = || any.asked();
    let asked_node = || node.asked.lock().unwrap().clone();
    let asked_nginx = || {
        let log = nginx.access_log();
        let line = |line: &str| {
            let mut words = line.split('|').nth(1)?.split(' ');
            let asked = format!("{} {}", words.next()?, words.next()?);
            Some(asked.replace("\\x5C", "\\"))
        };
        log.lines().filter_map(line).collect()
    };
    let behind = [
        ("any", any.origin.url(), &asked_any as &dyn Fn() -> Vec<String>),
        ("nginx", nginx.url(), &asked_nginx),
        ("Node", format!("http://127.0.0.1:{}", node.port), &asked_node),
    ];
    let behind =
        behind.map(|(name, url, asked)| Behind { name, proxy: Proxy::start(&url, &[]), asked });
    let cases = cases();
    let different: BTreeSet<&[u8]> = cases.iter().map(|case| &*case.request).collect();
    println!("{} different requests before {} websites", different.len(), behind.len());
    assert!(different.len() >= 160, "{}", different.len());
    let mut faults = Vec::new();
    for (nth, case) in cases.iter().enumerate() {
        let whole = reference.verdict(by_reference.site, case).reached;
        let mut whole: Vec<String> = whole.iter().map(|words| method_and_target(words)).collect();
        if whole.is_empty() {
            // These tell of a head before they know whether its body is whole.
            whole.push(method_and_target(&String::from_utf8_lossy(&case.request)));
        }
        for Behind { name, proxy, asked } in &behind {
            let before = asked().len();
            case.send(proxy.site).rest();
            let honest = format!("/honest/{nth}");
            // One after the other over the kept connections, of which there may be two.
            for _ in 0..2 {
                let mut wire = Wire::connect(proxy.site);
                let answer = wire.ask("GET", &honest, "Connection: close\r\n");
                let right = answer.status() == 200 && answer.text() == format!("GET {honest}");
                if !right {
                    faults.push(format!("{} ({name}): the next got {answer:?}", case.name));
                }
            }
            let honest = format!("GET {honest}");
            wait_for("it tells what it was asked", || {
                asked()[before..].iter().filter(|asked| **asked == honest).count() == 2
            });
            // It may have refused some of it.
            let mut allowed = whole.iter();
            let asked = asked().split_off(before);
            let mut own = asked.iter().filter(|asked| **asked != honest && **asked != "GET /end");
            if !own.all(|asked| allowed.any(|whole| whole == asked)) {
                faults.push(format!("{} ({name}): {asked:?}, and not {whole:?}", case.name));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn method_and_target(words: &str) -> String {
    words.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// A website that answers before it has read a body takes what comes next on the connection for
/// that body: nobody else's request may come there.
#[test]
fn no_request_becomes_the_rest_of_another() {
    let origin = Origin::start(|wire, request| {
        let asked = [request.method(), request.target()].join(" ");
        wire.reply("200 OK", "", asked.as_bytes());
        wire.body(request, false).is_ok()
    });
    let proxy = Proxy::start(&origin.url(), &[]);
    let begun = [
        "Content-Length: 1000\r\n\r\n",
        "Content-Length: 1000\r\n\r\nten bytes.",
        "Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n",
        "Content-Length: 1000\r\nExpect: y 100-continue\r\n\r\n",
        "Content-Length: 1000\r\nConnection: Expect\r\nExpect: 100-continue\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n",
        "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n3e8\r\nten bytes.",
        "Transfer-Encoding: chunked\r\n\r\na\r\nten bytes.\r\n0\r\n",
    ];
    for fields in begun {
        for method in ["POST", "GET", "HEAD", "PUT"] {
            let mut wire = Wire::connect(proxy.site);
            wire.send(format!("{method} /begun HTTP/1.1\r\nHost: localhost\r\n{fields}"));
            assert_eq!(wire.head().unwrap().unwrap().status(), 200, "{method} {fields:?}");
            for honest in ["/one", "/two", "/three"] {
                let answer = Wire::connect(proxy.site).ask("GET", honest, "");
                let text = (answer.status(), answer.text());
                assert_eq!(text, (200, format!("GET {honest}")), "{method} {fields:?}");
            }
            // Who goes on as if it had been no body gets no answer of another's, either.
            let _ = wire.try_send("GET /more HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(30));
            let more = String::from_utf8_lossy(&wire.rest()).into_owned();
            let answers = more.matches("HTTP/1.1 ").count();
            assert_eq!(answers, 0, "{method} {fields:?}: {more}");
        }
    }
}
