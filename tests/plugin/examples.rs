//! The programs of `examples/`, each run in front of a real website: what they have counted, and
//! by page, is what was sent through them.

use crate::common::ports::free_address;
use crate::common::process::{stats, wait_for};
use crate::common::wire::{Origin, get, visit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

const PAGE: &[u8] = b"<!doctype html><title>Bikes</title><p>Fine bikes.";

/// What one browser asks for, in this order.
const ASKED: [&str; 9] = [
    "/",
    "/bikes",
    "/internal/stock",
    "/bikes?utm_source=flyer",
    "/",
    "/repairs",
    "/",
    "/internal/stock",
    "/b%C3%ACkes",
];

/// What nobody sees: a robot's requests, and a script's.
const UNSEEN: [&str; 2] = [
    "User-Agent: Googlebot/2.1 (+http://www.google.com/bot.html)\r\nAccept: text/html\r\n",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
     Accept: */*\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n",
];

/// One of the programs, in a folder of its own.
struct Example {
    child: Child,
    listen: SocketAddr,
    admin: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Example {
    fn start(name: &str, website: SocketAddr, shows: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (listen, admin) = (free_address(), free_address());
        let mut command = Command::new(built(name));
        command.args([website.to_string(), listen.to_string()]);
        if shows {
            command.arg(admin.to_string());
        }
        let child = command.current_dir(&folder).stdout(Stdio::piped()).spawn().unwrap();
        wait_for("the example takes connections", || TcpStream::connect(listen).is_ok());
        Self { child, listen, admin, _folder: folder }
    }

    /// Asks for all there is.
    fn browse(&self) {
        for target in ASKED {
            let answer = visit(self.listen, target);
            assert_eq!((answer.status(), answer.body.as_slice()), (200, PAGE), "{target}");
        }
        for headers in UNSEEN {
            assert_eq!(get(self.listen, "/repairs", headers).body, PAGE);
        }
    }

    /// Pageviews by page, as the API has them.
    fn shown(&self) -> BTreeMap<String, i64> {
        let question = "breakdown?property=event:page&period=7d&include_today=true\
                        &metrics=pageviews";
        let answer = stats(self.admin, question);
        let row = |row: &serde_json::Value| {
            (row["page"].as_str().unwrap().to_owned(), row["pageviews"].as_i64().unwrap())
        };
        answer["results"].as_array().unwrap().iter().map(row).collect()
    }

    /// Tells it to stop: what it says then.
    fn end(mut self) -> String {
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM).unwrap();
        let mut out = self.child.stdout.take().unwrap();
        let said = std::io::read_to_string(&mut out).unwrap();
        assert!(self.child.wait().unwrap().success());
        said
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where cargo has put it, beside the tests.
fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().unwrap().with_file_name("examples").join(name);
    assert!(path.is_file(), "{} is not there: `cargo build --examples`", path.display());
    path
}

/// What was asked for, counted here: a page's name is its path as it is sent.
fn asked(counts: impl Fn(&str) -> bool) -> BTreeMap<String, i64> {
    let mut pages = BTreeMap::new();
    for target in ASKED.into_iter().filter(|target| counts(target)) {
        let page = target.split('?').next().unwrap().to_owned();
        *pages.entry(page).or_default() += 1;
    }
    pages
}

#[test]
fn five_lines_around_a_proxy_count_what_goes_through_it() {
    let website = Origin::page(PAGE);
    let around = Example::start("around", website.address, true);
    around.browse();
    wait_for("the first flush", || !around.shown().is_empty());
    assert_eq!(around.shown(), asked(|_| true));
    around.end();
}

#[test]
fn hooks_called_by_hand_count_what_they_are_called_for() {
    let website = Origin::page(PAGE);
    let by_hand = Example::start("by_hand", website.address, true);
    by_hand.browse();
    wait_for("the first flush", || !by_hand.shown().is_empty());
    assert_eq!(by_hand.shown(), asked(|target| !target.starts_with("/internal/")));
    by_hand.end();
}

/// All of it comes with the last flush, or with that and one before.
#[test]
fn a_store_of_ones_own_is_given_all_that_is_counted() {
    let website = Origin::page(PAGE);
    let own_store = Example::start("own_store", website.address, false);
    own_store.browse();
    let said = own_store.end();
    let counts = said.lines().map(|line| {
        let (pageviews, page) = line.split_once('\t').expect("a count and a page");
        (page.to_owned(), pageviews.parse().unwrap())
    });
    assert_eq!(counts.collect::<BTreeMap<String, i64>>(), asked(|_| true));
}
