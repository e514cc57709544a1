//! `docs/in-front.md`, but for the section that needs a database.

use crate::common::pebble::Pebble;
use crate::common::wait_for;
use crate::page;
use crate::root::Root;
use crate::scene::{NAME, VISITS, ask, counted, visit};

/// A machine on which headcount has all ports that visitors know, and gets its certificates from
/// Pebble.
pub struct Front {
    pub root: Root,
    pub pebble: Pebble,
}

impl Front {
    pub fn new() -> Self {
        let mut root = Root::new(80);
        let pebble = Pebble::start(root.port(80));
        let tls = format!("127.0.0.1:{}", root.port(443));
        let ca = pebble.ca();
        root.headcount.add(&["--tls-listen", &tls, "--acme-directory", &pebble.directory()]);
        root.headcount.add(&["--acme-directory-ca", ca.to_str().unwrap()]);
        Self { root, pebble }
    }

    fn follow(&mut self, name: &str) {
        self.root.follow(&page::section("in-front", name));
    }

    /// Waits for the certificate, and does all visits by HTTPS.
    fn visit(&self, page: &str) {
        let (url, authority) = (self.url(), self.pebble.root());
        let more = ["--cacert", authority.to_str().unwrap()];
        wait_for("the certificate", || {
            // Not as a browser would: nothing to count.
            let asset = crate::common::curl::curl(&format!("{url}/headcount.js"), &more);
            (asset.status == 200).then_some(())
        });
        visit(&url, page, &more);
        counted(&self.root.headcount, 2);
        let plain =
            ask(&format!("http://{NAME}:{}/about.html", self.root.port(80)), "127.0.0.2", &[]);
        assert_eq!(plain.status, 308, "{plain:?}");
        assert_eq!(plain.field("location"), Some(&*format!("{url}/about.html")), "{plain:?}");
    }

    pub fn url(&self) -> String {
        format!("https://{NAME}:{}", self.root.port(443))
    }
}

#[test]
fn a_static_site_by_nginx() {
    const PAGE: &str = "<!doctype html><title>A file</title><p>Hello.\n";
    let mut front = Front::new();
    front.root.debian("/etc/nginx");
    front.root.write("/var/www/html/index.html", PAGE);
    front.root.write("/var/www/html/about.html", PAGE);
    front.root.write("/var/www/html/folder/index.html", PAGE);
    front.follow("A static site by nginx");
    front.visit(PAGE);
    // It knows who they are.
    let log = front.root.read("/var/log/nginx/access.log");
    let seen: Vec<(&str, &str)> = log
        .lines()
        .filter_map(|line| Some((line.split(' ').next()?, line.split(' ').nth(6)?)))
        .collect();
    assert_eq!(seen, VISITS, "{log}");
    // A folder: sent on by nginx, without the port that only this machine knows.
    let more = ["--cacert", front.pebble.root().to_str().unwrap()].map(str::to_owned);
    let more = more.each_ref().map(String::as_str);
    let folder = ask(&format!("{}/folder", front.url()), "127.0.0.2", &more);
    assert_eq!((folder.status, folder.field("location")), (301, Some("/folder/")), "{folder:?}");
}

#[test]
fn a_node_app() {
    const PAGE: &str = "<!doctype html><title>An app</title><p>Hello.\n";
    let mut front = Front::new();
    front.follow("A Node app");
    front.visit(PAGE);
    let said = front.root.said("app", "stdout");
    let expected = VISITS.map(|(from, path)| format!("{from} https {path}"));
    assert_eq!(said.lines().collect::<Vec<_>>(), expected);
}

/// Every section is followed by a test.
#[test]
fn no_section_is_left_out() {
    let names: Vec<String> = page::sections("in-front").into_iter().map(|s| s.name).collect();
    assert_eq!(names, ["", "WordPress", "A static site by nginx", "A Node app"]);
}
