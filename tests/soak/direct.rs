//! Clients that speak to headcount themselves.

use super::common::headcount::Headcount;
use super::ledger::{Clients, Ledger};
use super::rounds;

#[test]
fn stops_lose_no_request() {
    let ledger = Ledger::start();
    let mut headcount = Headcount::start(&ledger.url(), &[]);
    let clients = Clients::start(headcount.site());
    for _ in 0..rounds(5, 100) {
        clients.more(500);
        headcount.term();
        headcount.restart_on_same_ports();
    }
    clients.more(500);
    ledger.agrees_with(&clients.leave());
}

#[test]
fn hand_overs_lose_no_request() {
    let ledger = Ledger::start();
    let mut headcount = Headcount::start(&ledger.url(), &[]);
    let clients = Clients::start(headcount.site());
    for _ in 0..rounds(2, 30) {
        clients.more(500);
        headcount.upgrade();
    }
    clients.more(500);
    ledger.agrees_with(&clients.leave());
}
