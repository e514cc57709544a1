//! Reports and alerts, from a real mail server and a webhook's receiver.
//!
//! - a report says what its week had, to each who gets it, once: from two nodes, after restarts and
//!   kills, in both stores, in the language that is set
//! - a mail server that is away gets it later; one that may have it does not get it again
//! - a spike is told once a day, by mail and to a webhook, which can tell that it is ours

#[path = "../common/mod.rs"]
mod common;
mod hook;

use common::false_time::FalseTime;
use common::headcount::{Headcount, SITE};
use common::http::{self, ACCEPT_PAGE};
use common::load::Load;
use common::mail::MailServer;
use common::redis::RedisServer;
use common::wait_for;
use headcount::clock::{Clock, HOUR, MINUTE, Millis};
use headcount::model::site::{Day, Site};
use hook::Hook;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::time::Duration;

const AGENT: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:150.0) Gecko/20100101 Firefox/150.0";

/// No test waits for a morning: it is made to be Monday.
struct Stage {
    time: FalseTime,
    load: Load,
    /// The next Monday that there is no report of yet.
    monday: Day,
}

impl Stage {
    fn new() -> Self {
        let today = Site::default().day(Clock::system().now());
        let monday = (1..8).map(|n| today + chrono::Days::new(n));
        let monday = monday.into_iter().find(|day| day.format("%u").to_string() == "1").unwrap();
        Self { time: FalseTime::new(), load: Load::new(), monday }
    }

    /// From now on it is so long after that Monday's midnight (UTC).
    fn set(&self, after: Millis) {
        let at = Site::default().day_start(self.monday) + after;
        self.time.set(at - Clock::system().now());
    }

    fn headcount(&self, store: &str, flags: &[&str]) -> Headcount {
        let common = [
            ["--store", store],
            ["--timezone", "UTC"],
            ["--flush-interval", "200ms"],
            ["--trusted-proxies", "127.0.0.1"],
            ["--mail-from", "headcount <stats@example.org>"],
            ["--mail-dashboard", "https://stats.example.org/"],
        ];
        let mut headcount = Headcount::prepare(&self.load.url(), common.as_flattened());
        headcount.add(flags);
        let wrapper = self.time.wrapper();
        headcount.wrap(&wrapper.iter().map(String::as_str).collect::<Vec<_>>());
        headcount
    }
}

/// A page as a person at an address opens it.
fn visit(headcount: &Headcount, person: usize, page: &str) {
    let address = format!("192.0.2.{person}");
    let headers =
        [("Host", SITE), ("User-Agent", AGENT), ACCEPT_PAGE, ("X-Forwarded-For", &*address)];
    assert_eq!(http::get(headcount.site(), page, &headers).status, 200);
}

/// What the script says where somebody buys something.
fn buy(headcount: &Headcount, person: usize, page: &str, worth: f64) {
    let address = format!("192.0.2.{person}");
    let headers = [
        ("Host", SITE),
        ("User-Agent", AGENT),
        ("X-Forwarded-For", &*address),
        ("Content-Type", "text/plain"),
    ];
    let event =
        format!(r#"[{{"type":"event","pathname":"{page}","name":"Order","value":{worth}}}]"#);
    let answer = http::send(headcount.site(), "POST", "/api/track", &headers, event.as_bytes());
    assert_eq!(answer.status, 202);
}

fn delivered(headcount: &Headcount) {
    wait_for("all to be delivered", || {
        (headcount.metric("headcount_unflushed_events") == 0).then_some(())
    });
}

fn notices(headcount: &Headcount, outcome: &str) -> i64 {
    headcount.metric(&format!("headcount_notices_total{{outcome=\"{outcome}\"}}"))
}

/// Long enough for a mistake to be seen.
fn a_while() {
    std::thread::sleep(Duration::from_secs(4));
}

fn a_week_is_told_once(store: &str, nodes: usize) {
    let (stage, mail) = (Stage::new(), MailServer::start());
    let server = mail.url();
    let to = ["--mail-server", &server, "--reports-weekly", "b@example.org,a@example.org"];
    stage.set(-5 * 24 * HOUR + 12 * HOUR);
    let mut all: Vec<_> = (0..nodes).map(|_| stage.headcount(store, &to)).collect();
    all.iter_mut().for_each(Headcount::start_again);
    // Three people, six views; who counts is the first.
    for (person, page) in
        [(1, "/a"), (1, "/b"), (2, "/a"), (2, "/a"), (3, "/a?utm_source=%3Cb%3E"), (3, "/c")]
    {
        visit(&all[0], person, page);
    }
    delivered(&all[0]);
    a_while();
    assert_eq!(mail.mails().len(), 0, "it is Wednesday");

    stage.set(8 * HOUR + 1_000);
    wait_for("both reports", || (mail.mails().len() >= 2).then_some(()));
    a_while();
    let mails = mail.mails();
    let to: Vec<_> = mails.iter().map(|mail| &*mail.to).collect();
    assert_eq!(to, ["a@example.org", "b@example.org"]);
    for mail in &mails {
        assert!(mail.subject.starts_with(&format!("{SITE}: the week of ")), "{}", mail.subject);
        let lines: Vec<_> =
            mail.text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
        for expected in [
            &["Unique", "visitors", "3"][..],
            &["Visits", "3"],
            &["Pageviews", "6"],
            &["Views", "per", "visit", "2.00"],
            // One person saw one page only, twice.
            &["3", "/a"],
            &["1", "/b"],
        ] {
            assert!(lines.iter().any(|line| line == expected), "{expected:?} in {}", mail.text);
        }
        let wednesday = stage.monday - chrono::Days::new(5);
        let day = wednesday.format("%a, %-d %b").to_string();
        let days: Vec<_> = mail
            .text
            .lines()
            .filter(|line| line.contains(" visitors ") && line.contains("views"))
            .collect();
        assert_eq!(days.len(), 7, "{}", mail.text);
        let busy = days.iter().filter(|line| line.starts_with(&day));
        let words: Vec<_> = busy.flat_map(|line| line[day.len()..].split_whitespace()).collect();
        assert_eq!(words, ["3", "visitors", "6", "views"]);
        assert!(
            mail.text.contains("https://stats.example.org/?site_id=docs.example.org&period=custom")
        );
        assert!(mail.html.contains("&lt;b&gt;") && !mail.html.contains("<b>"), "{}", mail.html);
    }
    let sent: i64 = all.iter().map(|node| notices(node, "sent")).sum();
    assert_eq!(sent, 2, "once, by whichever node was first");

    for node in &mut all {
        node.kill();
        node.start_again();
    }
    stage.set(2 * 24 * HOUR);
    a_while();
    assert_eq!(mail.mails().len(), 2, "not again");
}

#[test]
fn a_week_is_told_once_sqlite() {
    a_week_is_told_once("sqlite:counts.db", 1);
}

#[test]
fn a_week_is_told_once_by_two_nodes() {
    a_week_is_told_once(&RedisServer::start().url(), 2);
}

#[test]
fn a_week_is_told_in_the_language_that_is_set() {
    let (stage, mail) = (Stage::new(), MailServer::start());
    let server = mail.url();
    let to = ["--mail-server", &server, "--reports-weekly", "a@example.org", "--language", "de"];
    let in_euros = [&to[..], &["--currency", "EUR"]].concat();
    stage.set(-5 * 24 * HOUR + 12 * HOUR);
    let mut headcount = stage.headcount("sqlite:counts.db", &in_euros);
    headcount.start_again();
    for person in 1..4 {
        visit(&headcount, person, "/a");
        buy(&headcount, person, "/a", 411.5);
    }
    delivered(&headcount);
    stage.set(8 * HOUR + 1_000);
    let mail = wait_for("the report", || mail.mails().into_iter().next());
    assert!(mail.subject.starts_with(&format!("{SITE}: die Woche vom ")), "{}", mail.subject);
    let lines: Vec<String> = mail
        .text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    for expected in [
        "Eindeutige Besucher 3",
        "Aufrufe pro Besuch 1,00",
        "Umsatz 1.234,50 €",
        "Seiten (Besucher)",
        "3 /a",
    ] {
        assert!(lines.iter().any(|line| line == expected), "{expected:?} in {}", mail.text);
    }
    let day = lines.iter().find(|line| line.ends_with("3 Besucher 3 Aufrufe"));
    assert!(day.is_some_and(|line| line.starts_with("Mi., ")), "{}", mail.text);
    assert!(mail.html.contains("<html lang=\"de\">") && mail.html.contains("Dashboard öffnen"));
    // In columns, though some words are longer than English ones.
    let ends: Vec<_> =
        mail.text.lines().skip(3).take(7).map(|line| line.trim_end().chars().count()).collect();
    assert!(ends.windows(2).all(|pair| pair[0] == pair[1]), "{}", mail.text);
}

#[test]
fn nothing_is_told_of_a_week_without_a_view() {
    let (stage, mail) = (Stage::new(), MailServer::start());
    let server = mail.url();
    stage.set(8 * HOUR + 1_000);
    let to = ["--mail-server", &server, "--reports-weekly", "a@example.org"];
    let mut headcount = stage.headcount("sqlite:counts.db", &to);
    headcount.start_again();
    visit(&headcount, 1, "/of-this-week");
    delivered(&headcount);
    a_while();
    assert_eq!(mail.mails().len(), 0);
}

#[test]
fn a_server_that_is_away_gets_it_later() {
    let (stage, mut mail) = (Stage::new(), MailServer::prepare());
    let server = mail.url();
    let to = ["--mail-server", &server, "--reports-weekly", "a@example.org"];
    stage.set(-24 * HOUR);
    let mut headcount = stage.headcount("sqlite:counts.db", &to);
    headcount.start_again();
    visit(&headcount, 1, "/a");
    delivered(&headcount);
    stage.set(8 * HOUR);
    wait_for("a try", || (notices(&headcount, "not_now") > 0).then_some(()));
    let page = headcount.admin_get("/").text();
    assert!(page.contains("was not sent: a@example.org: "), "{page}");
    mail.open();
    stage.set(8 * HOUR + 6 * MINUTE);
    wait_for("the report", || (mail.mails().len() == 1).then_some(()));
    wait_for("the page to say so", || {
        (!headcount.admin_get("/").text().contains("was not sent")).then_some(())
    });
    assert_eq!(notices(&headcount, "sent"), 1);
}

/// Takes a message, and never says that it has.
fn takes_without_a_word(listener: TcpListener) {
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        stream.write_all(b"220 here\r\n").unwrap();
        let mut in_message = false;
        while let Some(Ok(line)) = lines.next() {
            let answer: &[u8] = match &*line {
                "." if in_message => {
                    std::thread::sleep(Duration::from_secs(600));
                    return;
                }
                _ if in_message => continue,
                "DATA" => {
                    in_message = true;
                    b"354 go on\r\n"
                }
                "QUIT" => b"221 bye\r\n",
                _ => b"250 fine\r\n",
            };
            if stream.write_all(answer).is_err() {
                break;
            }
        }
    }
}

#[test]
fn what_a_killed_node_may_have_sent_is_not_sent_again() {
    let (stage, mail) = (Stage::new(), MailServer::start());
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", silent.local_addr().unwrap());
    std::thread::spawn(move || takes_without_a_word(silent));
    stage.set(-24 * HOUR);
    let to = ["--reports-weekly", "a@example.org", "--mail-server", &url];
    let mut headcount = stage.headcount("sqlite:counts.db", &to);
    headcount.start_again();
    visit(&headcount, 1, "/a");
    delivered(&headcount);
    stage.set(8 * HOUR);
    // It is on its way, and stays there.
    a_while();
    headcount.kill();
    headcount.set("--mail-server", &mail.url());
    headcount.start_again();
    a_while();
    assert_eq!((mail.mails().len(), notices(&headcount, "unknown")), (0, 0), "it may go on");
    stage.set(8 * HOUR + 11 * MINUTE);
    wait_for("it to be told", || (notices(&headcount, "unknown") == 1).then_some(()));
    let page = headcount.admin_get("/").text();
    assert!(page.contains("whether that arrived is not known"), "{page}");
    a_while();
    assert_eq!(mail.mails().len(), 0, "it may have arrived");
}

#[test]
fn a_spike_is_told_once_a_day() {
    let (stage, mail, hook) = (Stage::new(), MailServer::start(), Hook::start());
    // Two webhooks of one host are two.
    let to = format!("a@example.org,{},{}", hook.url(1), hook.url(2));
    let server = mail.url();
    let more = ["--mail-server", &server, "--alerts-to", &to];
    let settings = ["--alerts-secret", hook::SECRET, "--alerts-least", "10"];
    stage.set(-3 * 24 * HOUR + 12 * HOUR + 5 * MINUTE);
    let mut headcount = stage.headcount("sqlite:counts.db", &[more, settings].concat());
    headcount.start_again();
    // Four views at noon are usual, twelve are not.
    for (day, people) in [(-3, 4), (-2, 4), (-1, 4), (0, 11)] {
        stage.set(day * 24 * HOUR + 12 * HOUR + 5 * MINUTE);
        (0..people).for_each(|person| visit(&headcount, person, "/a"));
        delivered(&headcount);
        stage.set(day * 24 * HOUR + 13 * HOUR + 3 * MINUTE);
        a_while();
        assert_eq!(mail.mails().len() + hook.received().len(), 0, "day {day}");
    }
    stage.set(24 * HOUR + 12 * HOUR + 5 * MINUTE);
    (0..12).for_each(|person| visit(&headcount, person, "/a"));
    delivered(&headcount);
    stage.set(24 * HOUR + 13 * HOUR + 3 * MINUTE);
    wait_for("all to be told", || {
        (mail.mails().len() == 1 && hook.received().len() == 2).then_some(())
    });
    let mails = mail.mails();
    assert_eq!(mails[0].subject, format!("{SITE}: 12 views in an hour"));
    assert!(mails[0].text.contains("usual at this time of day: 4."), "{}", mails[0].text);
    let told = &hook.received()[0];
    assert_eq!(told["type"], "traffic.spike");
    assert_eq!((&told["data"]["count"], &told["data"]["usual"]), (&12.into(), &4.into()));
    assert_eq!(told["data"]["site_id"], SITE);

    // Another in the evening is the same day's.
    stage.set(24 * HOUR + 20 * HOUR + 5 * MINUTE);
    (0..15).for_each(|person| visit(&headcount, person, "/a"));
    delivered(&headcount);
    stage.set(24 * HOUR + 21 * HOUR + 3 * MINUTE);
    a_while();
    assert_eq!((mail.mails().len(), hook.received().len()), (1, 2));
}
