//! The malformed requests of [`malformed`](crate::malformed) before websites of three kinds: nginx,
//! Node, and one that takes whatever it is given. None gets a request that it takes for another,
//! and whoever comes next over the same connections gets their own answer.

use crate::common::nginx::Nginx;
use crate::common::process::{Proxy, wait_for};
use crate::common::wire::Wire;
use crate::malformed::{Website, cases};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
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

/// Sends a request as it is and one that ends the connection, and reads to its end.
fn send(to: SocketAddr, request: &[u8]) {
    let mut wire = Wire::connect(to);
    // It may be refused before all of it was taken.
    let _ = wire.try_send(request);
    let _ = wire.try_send("GET /end HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    wire.rest();
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
            Some(format!("{} {}", words.next()?, words.next()?))
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
    let mut faults = Vec::new();
    for (nth, case) in cases().iter().enumerate() {
        let whole = reference.verdict(by_reference.site, &case.request).reached;
        let mut whole: Vec<String> = whole.iter().map(|words| method_and_target(words)).collect();
        if whole.is_empty() {
            // These tell of a head before they know whether its body is whole.
            whole.push(method_and_target(&String::from_utf8_lossy(&case.request)));
        }
        for Behind { name, proxy, asked } in &behind {
            let before = asked().len();
            send(proxy.site, &case.request);
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
