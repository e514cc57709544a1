//! A node that ends between its claim and the server's word.

use crate::common::mail::MailServer;
use crate::common::redis::RedisServer;
use crate::common::wait_for;
use crate::stage::{DAY, Stage, a_while, all_notices, delivered, next_monday, visit};
use headcount::clock::{HOUR, MINUTE};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// A mail server that takes a message and never says that it has. Its address, and a word of each
/// message.
fn silent() -> (String, Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let (taken, takes) = channel();
    std::thread::spawn(move || takes_without_a_word(listener, taken));
    (url, takes)
}

fn takes_without_a_word(listener: TcpListener, taken: Sender<()>) {
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        stream.write_all(b"220 here\r\n").unwrap();
        let mut in_message = false;
        while let Some(Ok(line)) = lines.next() {
            let answer: &[u8] = match &*line {
                "." if in_message => {
                    taken.send(()).unwrap();
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

/// `others` run when it has ended; the one that ended is one of them where there is no other.
fn what_a_killed_node_may_have_sent_is_not_sent_again(store: &str, others: usize) {
    let (stage, monday, mail) = (Stage::new(), next_monday(), MailServer::start());
    let (url, taken) = silent();
    stage.set(monday, -DAY);
    let to = ["--reports-weekly", "a@example.org", "--mail-server", &url];
    let mut nodes = stage.nodes(1, store, &to);
    visit(&nodes[0], 1, "/a");
    delivered(&nodes[0]);
    stage.set(monday, 8 * HOUR);
    // It is on its way, and stays there.
    taken.recv_timeout(Duration::from_secs(60)).expect("a message is sent");
    nodes[0].kill();
    if others > 0 {
        nodes = (0..others).map(|_| stage.headcount(store, &to)).collect();
    }
    for node in &mut nodes {
        node.set("--mail-server", &mail.url());
        node.start_again();
    }
    a_while();
    assert_eq!((mail.mails().len(), all_notices(&nodes, "unknown")), (0, 0), "it may go on");
    stage.set(monday, 8 * HOUR + 11 * MINUTE);
    wait_for("it to be told", || (all_notices(&nodes, "unknown") > 0).then_some(()));
    a_while();
    assert_eq!(mail.mails().len(), 0, "it may have arrived");
    // One of them says so, in its log and on its dashboard.
    assert_eq!((all_notices(&nodes, "unknown"), all_notices(&nodes, "sent")), (1, 0));
    let lost = "whether that arrived is not known, and it is not sent again";
    let logged: usize = nodes.iter().map(|node| node.log().matches(lost).count()).sum();
    let shown = nodes.iter().filter(|node| node.admin_get("/").text().contains(lost)).count();
    assert_eq!((logged, shown), (1, 1));
    let line = nodes
        .iter()
        .find_map(|node| node.log().lines().find(|line| line.contains(lost)).map(str::to_owned));
    let line = line.unwrap();
    assert!(line.contains("WARN") && line.contains("a@example.org"), "{line}");
    assert!(line.contains("the week of "), "{line}");
}

#[test]
fn what_a_killed_node_may_have_sent_is_not_sent_again_sqlite() {
    what_a_killed_node_may_have_sent_is_not_sent_again("sqlite:counts.db", 0);
}

#[test]
fn what_a_killed_node_may_have_sent_is_not_sent_again_by_two_others() {
    what_a_killed_node_may_have_sent_is_not_sent_again(&RedisServer::start().url(), 2);
}
