//! Reports and alerts, from a real mail server and a webhook's receiver.
//!
//! - a report says what its week had, to each who gets it, once: from two nodes, after restarts and
//!   kills, in both stores, in the language that is set
//! - `month`: every number of a month's report, as it was counted beside, whatever pages and sources
//!   are called
//! - a mail server that is away gets it later; `killed`: one that may have it does not get it again
//! - `alerts`: what is unusual is told once a day, by mail and to a webhook, which can tell that it is
//!   ours, by whichever of two nodes

mod alerts;
#[path = "../common/mod.rs"]
mod common;
mod hook;
mod killed;
mod month;
mod stage;

use common::headcount::SITE;
use common::http::{self, ACCEPT_PAGE};
use common::mail::MailServer;
use common::redis::RedisServer;
use common::wait_for;
use headcount::clock::{HOUR, MINUTE};
use stage::{
    DAY, FIREFOX, Stage, a_while, all_notices, buy, delivered, next_monday, notices, visit,
};

fn a_week_is_told_once(store: &str, nodes: usize) {
    let (stage, monday, mail) = (Stage::new(), next_monday(), MailServer::start());
    let server = mail.url();
    let to = ["--mail-server", &server, "--reports-weekly", "b@example.org,a@example.org"];
    stage.set(monday, -5 * DAY + 12 * HOUR);
    let mut all = stage.nodes(nodes, store, &to);
    // Three people, six views; who counts is the first.
    for (person, page) in
        [(1, "/a"), (1, "/b"), (2, "/a"), (2, "/a"), (3, "/a?utm_source=%3Cb%3E"), (3, "/c")]
    {
        visit(&all[0], person, page);
    }
    delivered(&all[0]);
    a_while();
    assert_eq!(mail.mails().len(), 0, "it is Wednesday");

    stage.set(monday, 8 * HOUR + 1_000);
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
        let wednesday = monday - chrono::Days::new(5);
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
    assert_eq!(all_notices(&all, "sent"), 2, "once, by whichever node was first");

    for node in &mut all {
        node.kill();
        node.start_again();
    }
    stage.set(monday, 2 * DAY);
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
fn a_week_is_told_in_the_language_of_the_site() {
    let (stage, monday, mail) = (Stage::new(), next_monday(), MailServer::start());
    let server = mail.url();
    let to = ["--mail-server", &server, "--reports-weekly", "a@example.org", "--language", "de"];
    stage.set(monday, -5 * DAY + 12 * HOUR);
    let in_euros = [&to[..], &["--currency", "EUR"]].concat();
    let mut headcount = stage.headcount("sqlite:counts.db", &in_euros);
    headcount.list_sites(&format!(
        "[[sites]]\nname = '{SITE}'\nhosts = ['*']\n\
         [[sites]]\nname = 'tienda.test'\nhosts = ['tienda.test']\nlanguage = 'es'\n"
    ));
    headcount.start_again();
    let browser = [("Host", "tienda.test"), ("User-Agent", FIREFOX), ACCEPT_PAGE];
    assert_eq!(http::get(headcount.site(), "/a", &browser).status, 200);
    for person in 1..4 {
        visit(&headcount, person, "/a");
        buy(&headcount, person, "/a", 411.5);
    }
    delivered(&headcount);
    stage.set(monday, 8 * HOUR + 1_000);
    let mut mails =
        wait_for("both sites' reports", || Some(mail.mails()).filter(|all| all.len() == 2));
    mails.sort_by(|a, b| a.subject.cmp(&b.subject));
    let [mail, other] = &mails[..] else { unreachable!() };
    assert!(other.subject.starts_with("tienda.test: la semana del "), "{}", other.subject);
    assert!(other.html.contains("<html lang=\"es\">"), "{}", other.html);
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
    let (stage, monday, mail) = (Stage::new(), next_monday(), MailServer::start());
    let server = mail.url();
    stage.set(monday, 8 * HOUR + 1_000);
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
    let (stage, monday, mut mail) = (Stage::new(), next_monday(), MailServer::prepare());
    let server = mail.url();
    let to = ["--mail-server", &server, "--reports-weekly", "a@example.org"];
    stage.set(monday, -DAY);
    let mut headcount = stage.headcount("sqlite:counts.db", &to);
    headcount.start_again();
    visit(&headcount, 1, "/a");
    delivered(&headcount);
    stage.set(monday, 8 * HOUR);
    wait_for("a try", || (notices(&headcount, "not_now") > 0).then_some(()));
    let page = headcount.admin_get("/").text();
    assert!(page.contains("was not sent: a@example.org: "), "{page}");
    mail.open();
    stage.set(monday, 8 * HOUR + 6 * MINUTE);
    wait_for("the report", || (mail.mails().len() == 1).then_some(()));
    wait_for("the page to say so", || {
        (!headcount.admin_get("/").text().contains("was not sent")).then_some(())
    });
    assert_eq!(notices(&headcount, "sent"), 1);
}
