//! Clients of an nginx that keeps its connections to headcount.

use super::common::headcount::Headcount;
use super::common::ports::free_port;
use super::common::wait_for;
use super::ledger::{Ledger, nothing_is_lost};
use super::rounds;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// nginx in front of headcounts; ended when dropped.
struct Front {
    address: SocketAddr,
    process: Child,
    _dir: TempDir,
}

impl Front {
    fn start(of: &[SocketAddr]) -> Self {
        let (port, dir) = (free_port(), tempfile::tempdir().unwrap());
        let servers = of.iter().map(|address| format!("server {address} max_fails=0;"));
        let servers: String = servers.collect();
        let conf = format!(
            "daemon off; master_process off; pid nginx.pid;
             events {{ worker_connections 1024; }}
             http {{
                 access_log off;
                 client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
                 uwsgi_temp_path uwsgi; scgi_temp_path scgi;
                 keepalive_requests 1000000;
                 upstream headcount {{ {servers} keepalive 16; keepalive_requests 1000000; }}
                 server {{
                     listen 127.0.0.1:{port};
                     location / {{
                         proxy_pass http://headcount;
                         proxy_http_version 1.1;
                         proxy_set_header Connection \"\";
                     }}
                 }}
             }}"
        );
        std::fs::write(dir.path().join("nginx.conf"), conf).unwrap();
        let process = Command::new("nginx")
            .arg("-p")
            .arg(dir.path())
            .args(["-c", "nginx.conf", "-e", "error.log"])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx is installed");
        let address = ([127, 0, 0, 1], port).into();
        wait_for("nginx to come up", || TcpStream::connect(address).is_ok().then_some(()));
        Self { address, process, _dir: dir }
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Two headcounts, of which one always runs: nginx asks the other where a connection is refused.
#[test]
fn stops_lose_no_request() {
    let ledger = Ledger::start();
    let mut both = [0, 1].map(|_| Headcount::start(&ledger.url(), &[]));
    let front = Front::start(&[both[0].site(), both[1].site()]);
    nothing_is_lost(&ledger, front.address, rounds(5, 100), |round| {
        let one = &mut both[round % 2];
        one.term();
        one.restart_on_same_ports();
    });
}

#[test]
fn hand_overs_lose_no_request() {
    let ledger = Ledger::start();
    let mut headcount = Headcount::start(&ledger.url(), &[]);
    let front = Front::start(&[headcount.site()]);
    nothing_is_lost(&ledger, front.address, rounds(2, 30), |_| headcount.upgrade());
}
