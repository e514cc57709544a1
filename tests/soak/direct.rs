//! Clients that speak to headcount themselves.

use super::common::headcount::Headcount;
use super::ledger::{Ledger, nothing_is_lost};
use super::rounds;

#[test]
fn stops_lose_no_request() {
    let ledger = Ledger::start();
    let mut headcount = Headcount::start(&ledger.url(), &[]);
    nothing_is_lost(&ledger, headcount.site(), rounds(5, 100), |_| {
        headcount.term();
        headcount.restart_on_same_ports();
    });
}

#[test]
fn hand_overs_lose_no_request() {
    let ledger = Ledger::start();
    let mut headcount = Headcount::start(&ledger.url(), &[]);
    nothing_is_lost(&ledger, headcount.site(), rounds(2, 30), |_| headcount.upgrade());
}
