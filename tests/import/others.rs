//! Logs of real Apache, Caddy and HAProxy, against a list of what was asked of them.

use super::common::headcount::timezone;
use super::common::nginx::Nginx;
use super::common::ports::free_port;
use super::common::server::Server;
use super::common::wait_for;
use super::servers::{FIREFOX, GOOGLEBOT, SAFARI, TAB, ask};
use super::{Sums, command_in, said, stored};
use std::path::Path;

/// Asks the same of each server; gives how many requests that were.
fn visit(port: u16) -> usize {
    let google = "https://www.google.com/";
    let asked = [
        (2, FIREFOX, "GET", "/index.html", TAB, google),
        (2, FIREFOX, "GET", "/_static/pygments.css", TAB, ""),
        (2, FIREFOX, "GET", "/library/os.html?highlight=x", TAB, "http://docs.example.org/"),
        (2, FIREFOX, "GET", "/nowhere.html", TAB, "http://docs.example.org/library/os.html"),
        (2, FIREFOX, "GET", "/made/paper.pdf", TAB, ""),
        (3, FIREFOX, "GET", "/index.html", TAB, ""),
        (3, SAFARI, "GET", "/index.html", TAB, ""),
        (3, SAFARI, "GET", "/gone", TAB, ""),
        (3, SAFARI, "GET", "/moved", TAB, ""),
        (3, SAFARI, "HEAD", "/index.html", TAB, ""),
        (4, "Mozilla/5.0 (X11; rv:153.0) \"9\" Gecko/20100101 Firefox/153.0", "GET", "/", TAB, ""),
        (5, GOOGLEBOT, "GET", "/index.html", TAB, ""),
        (5, "curl/8.14.1", "GET", "/nowhere", TAB, ""),
        (5, "", "GET", "/", TAB, ""),
    ];
    asked.iter().for_each(|asked| ask(port, *asked, ""));
    asked.len()
}

fn expected() -> [i64; 6] {
    // Views, visitors, visits, robots, errors, downloads.
    [5, 4, 4, 3, 2, 1]
}

/// Imports a log, and compares.
fn compare(dir: &Path, log: &str, lines: usize, format: &[&str]) {
    wait_for(log, || {
        let written = std::fs::read_to_string(dir.join(log)).unwrap_or_default();
        (written.lines().filter(|line| line.contains("HTTP/")).count() == lines).then_some(())
    });
    let store = "sqlite:headcount.db";
    let words = [format, &[log]].concat();
    let output = command_in(timezone(), dir, store, &words).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let mut all = [0; 6];
    for day in stored(dir, store).values() {
        let Sums { views, visitors, visits, robots, errors, downloads, .. } = *day;
        let day = [views, visitors, visits, robots, errors, downloads];
        all.iter_mut().zip(day).for_each(|(sum, n)| *sum += n);
    }
    let written = || std::fs::read_to_string(dir.join(log)).unwrap();
    assert_eq!(all, expected(), "{}\n{}", String::from_utf8_lossy(&output.stdout), written());
}

#[test]
fn apache() {
    let (website, dir, port) = (Nginx::start(), tempfile::tempdir().unwrap(), free_port());
    let modules: String = ["mpm_event", "authz_core", "proxy", "proxy_http"]
        .map(|m| format!("LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so\n"))
        .concat();
    let conf = format!(
        r#"{modules}
ServerRoot {dir}
ServerName docs.example.org
Listen 127.0.0.1:{port}
PidFile apache.pid
DefaultRuntimeDir {dir}
ErrorLog error.log
User www-data
Group www-data
LogFormat "%h %l %u %t \"%r\" %>s %O \"%{{Referer}}i\" \"%{{User-Agent}}i\"" combined
LogFormat "%v:%p %h %l %u %t \"%r\" %>s %O \"%{{Referer}}i\" \"%{{User-Agent}}i\"" vhost
CustomLog combined.log combined
CustomLog vhost.log vhost
ProxyPass / {website}/
"#,
        dir = dir.path().display(),
        website = website.url(),
    );
    std::fs::write(dir.path().join("apache.conf"), conf).unwrap();
    let file = dir.path().join("apache.conf");
    let words = ["-DFOREGROUND", "-f", file.to_str().unwrap()];
    let _apache = Server::start("apache2", &words, dir.path(), port);
    let lines = visit(port);
    compare(dir.path(), "combined.log", lines, &[]);
    std::fs::remove_file(dir.path().join("headcount.db")).unwrap();
    std::fs::remove_dir_all(dir.path().join("headcount-import")).unwrap();
    compare(dir.path(), "vhost.log", lines, &[]);
}

#[test]
fn caddy() {
    let (website, dir, port) = (Nginx::start(), tempfile::tempdir().unwrap(), free_port());
    let conf = format!(
        "{{
    admin off
    auto_https off
    http_port {port}
}}
http://:{port} {{
    log {{
        output file {dir}/access.log
    }}
    reverse_proxy {website}
}}
",
        dir = dir.path().display(),
        website = website.url().trim_start_matches("http://"),
    );
    std::fs::write(dir.path().join("Caddyfile"), conf).unwrap();
    let words = ["run", "--config", "Caddyfile", "--adapter", "caddyfile"];
    let _caddy = Server::start("caddy", &words, dir.path(), port);
    let lines = visit(port);
    compare(dir.path(), "access.log", lines, &[]);
}

#[test]
fn haproxy() {
    let (website, dir, port) = (Nginx::start(), tempfile::tempdir().unwrap(), free_port());
    let conf = format!(
        "global
    log stdout format raw local0
defaults
    mode http
    log global
    option httplog
    timeout connect 10s
    timeout client 10s
    timeout server 10s
frontend web
    bind 127.0.0.1:{port}
    capture request header Host len 100
    capture request header User-Agent len 300
    capture request header Referer len 300
    default_backend docs
backend docs
    server docs {website}
",
        website = website.url().trim_start_matches("http://"),
    );
    std::fs::write(dir.path().join("haproxy.cfg"), conf).unwrap();
    let _haproxy = Server::start("haproxy", &["-db", "-f", "haproxy.cfg"], dir.path(), port);
    let lines = visit(port);
    compare(dir.path(), "stdout", lines, &["--format", "haproxy:Host|User-Agent|Referer"]);
}
