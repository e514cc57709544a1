//! What is unusual, told once a day to everybody who is to know: by mail, and by a webhook.

use crate::common::headcount::{Headcount, SITE};
use crate::common::mail::MailServer;
use crate::common::redis::RedisServer;
use crate::common::wait_for;
use crate::hook::{self, Hook};
use crate::stage::{DAY, SEMRUSH, Stage, a_while, all_notices, ask, delivered, next_monday, visit};
use headcount::clock::{HOUR, MINUTE};
use headcount::model::site::Site;

/// Requests of robots on a day from which on they are worth a word.
const MANY: usize = 1_000;

#[test]
fn a_spike_is_told_once_a_day() {
    let (stage, monday) = (Stage::new(), next_monday());
    let (mail, hook) = (MailServer::start(), Hook::start());
    // Two webhooks of one host are two.
    let to = format!("a@example.org,{},{}", hook.url(1), hook.url(2));
    let server = mail.url();
    let more = ["--mail-server", &server, "--alerts-to", &to];
    let settings = ["--alerts-secret", hook::SECRET, "--alerts-least", "10"];
    stage.set(monday, -3 * DAY + 12 * HOUR + 5 * MINUTE);
    let mut headcount = stage.headcount("sqlite:counts.db", &[more, settings].concat());
    headcount.start_again();
    // Four views at noon are usual, twelve are not.
    for (day, people) in [(-3, 4), (-2, 4), (-1, 4), (0, 11)] {
        stage.set(monday, day * DAY + 12 * HOUR + 5 * MINUTE);
        (0..people).for_each(|person| visit(&headcount, person, "/a"));
        delivered(&headcount);
        stage.set(monday, day * DAY + 13 * HOUR + 3 * MINUTE);
        a_while();
        assert_eq!(mail.mails().len() + hook.received().len(), 0, "day {day}");
    }
    stage.set(monday, DAY + 12 * HOUR + 5 * MINUTE);
    (0..12).for_each(|person| visit(&headcount, person, "/a"));
    delivered(&headcount);
    stage.set(monday, DAY + 13 * HOUR + 3 * MINUTE);
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
    stage.set(monday, DAY + 20 * HOUR + 5 * MINUTE);
    (0..15).for_each(|person| visit(&headcount, person, "/a"));
    delivered(&headcount);
    stage.set(monday, DAY + 21 * HOUR + 3 * MINUTE);
    a_while();
    assert_eq!((mail.mails().len(), hook.received().len()), (1, 2));
}

#[test]
fn a_drop_and_many_robots_are_told_once_by_two_nodes() {
    let (stage, monday) = (Stage::new(), next_monday());
    let (mail, hook, redis) = (MailServer::start(), Hook::busy_at_first(2), RedisServer::start());
    let (server, to) = (mail.url(), format!("a@example.org,{}", hook.url(1)));
    let flags = [
        ["--mail-server", &server],
        ["--alerts-to", &to],
        ["--alerts-secret", hook::SECRET],
        ["--alerts-least", "10"],
        ["--language", "es"],
    ];
    stage.set(monday, -3 * DAY + 12 * HOUR);
    let mut nodes = stage.nodes(2, &redis.url(), flags.as_flattened());
    let robots = |node: &Headcount, count: usize| {
        (0..count).for_each(|_| ask(node, 77, "/a", &[("User-Agent", SEMRUSH)], 200));
    };
    // Of people and robots: 13 and 3, 12 and 2, 14 and 4, so 13 and 3 are usual.
    for (day, people, responses) in [(-3, 13, 3), (-2, 12, 2), (-1, 14, 4)] {
        stage.set(monday, day * DAY + 12 * HOUR + 5 * MINUTE);
        (0..people).for_each(|person| visit(&nodes[person % 2], person, "/a"));
        robots(&nodes[0], responses);
        nodes.iter().for_each(delivered);
    }
    // Robots are counted until the moment at which a node looks: these come after it. Nine days are
    // read for that, each by a command at least, where all else takes one in two seconds.
    let commands = |node: &Headcount| node.metric("headcount_store_commands_total");
    let before: Vec<_> = nodes.iter().map(commands).collect();
    stage.set(monday, 12 * HOUR + 5 * MINUTE);
    for (node, before) in nodes.iter().zip(before) {
        wait_for("the last hour to be looked at", || (commands(node) >= before + 9).then_some(()));
    }
    // At the turn of an hour other jobs have commands too.
    a_while();
    (0..3).for_each(|person| visit(&nodes[person % 2], person, "/a"));
    std::thread::scope(|scope| {
        let each = |node| scope.spawn(move || robots(node, MANY / 4));
        nodes.iter().cycle().take(4).map(each).for_each(drop);
    });
    nodes.iter().for_each(delivered);
    a_while();
    assert_eq!((mail.mails().len(), hook.turned_away()), (0, 0), "the hour is not over");

    stage.set(monday, 13 * HOUR + 3 * MINUTE);
    wait_for("all to be tried", || {
        (mail.mails().len() >= 2 && hook.turned_away() == 2).then_some(())
    });
    a_while();
    assert_eq!((mail.mails().len(), hook.received().len()), (2, 0), "the webhook is busy");
    assert_eq!((all_notices(&nodes, "sent"), all_notices(&nodes, "not_now")), (2, 2));
    stage.set(monday, 13 * HOUR + 9 * MINUTE);
    wait_for("the webhook to be told", || (hook.received().len() >= 2).then_some(()));

    // Nor are they told again: an hour later, and by nodes that know nothing of it.
    stage.set(monday, 14 * HOUR + 3 * MINUTE);
    a_while();
    let sent = all_notices(&nodes, "sent");
    for node in &mut nodes {
        node.kill();
        node.start_again();
    }
    stage.set(monday, 15 * HOUR + 3 * MINUTE);
    a_while();
    let (mails, told) = (mail.mails(), hook.received());
    assert_eq!((mails.len(), told.len(), sent), (2, 2, 4));
    assert_eq!(all_notices(&nodes, "sent"), 0);

    let day = monday.format("%-d");
    for (kind, subject, text, (count, usual, since), topic) in [
        (
            "traffic.drop",
            "solo 3 vistas en seis horas",
            "3 vistas en las seis horas desde ",
            (3, 13, 7 * HOUR),
            "overview",
        ),
        (
            "traffic.robots",
            "los robots pidieron 1.000 veces hoy",
            "Se respondió a robots 1.000 veces desde ",
            (MANY, 3, 0),
            "bots",
        ),
    ] {
        let link = format!("https://stats.example.org/?site_id={SITE}&period=day&topic={topic}");
        let subject = format!("{SITE}: {subject}");
        let mail = mails.iter().find(|mail| mail.subject == subject);
        let mail = mail.unwrap_or_else(|| panic!("no {subject} in {mails:?}"));
        let [line, "", last] = mail.text.lines().collect::<Vec<_>>()[..] else {
            panic!("{}", mail.text)
        };
        assert!(line.starts_with(text) && line.ends_with(&format!(": {usual}.")), "{line}");
        assert!(line.contains(&format!("{day} ")) && line.contains(&clock(since)), "{line}");
        assert_eq!(last, link);
        assert!(mail.html.contains(line) && mail.html.contains("<html lang=\"es\">"), "{mail:?}");
        assert!(mail.html.contains(&link.replace('&', "&amp;")), "{}", mail.html);
        let told = told.iter().find(|told| told["type"] == kind);
        let told = told.unwrap_or_else(|| panic!("no {kind} in {told:?}"));
        let at = Site::default().day_start(monday) + since;
        let at = chrono::DateTime::from_timestamp_millis(at).unwrap().to_rfc3339();
        assert_eq!(told["timestamp"], at);
        let data = serde_json::json!({
            "site_id": SITE, "count": count, "usual": usual, "since": at, "text": line, "url": link,
        });
        assert_eq!(told["data"], data);
    }
}

fn clock(after_midnight: i64) -> String {
    format!("{}:00", after_midnight / HOUR)
}
