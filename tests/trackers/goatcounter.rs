//! GoatCounter's `/count`. No registry of packages has its script: these are the requests that its
//! documentation describes, written by hand.

use crate::common::http::ASSET;
use crate::stage::{Rule, hold};
use crate::tell::SCRIPT;

const SET: &[&str] = &["--event-apis", "goatcounter"];

#[test]
fn what_its_script_sends() {
    hold(&[
        Rule {
            says: "a picture tells of a pageview; with e, of an event on the page that asks for it",
            settings: SET,
            happens: |site| {
                site.open("/a?b=1");
                site.goatcounter("/a", "p=%2Fa%3Fb%3D1&t=Title&s=1280%2C800%2C1&b=0&q=%3Fb%3D1&rnd=x");
                site.goatcounter("/a", "p=Signup&e=true&rnd=y");
                site.open("/b");
                let answer = site.send("POST", "/count?p=%2Fb&rnd=z", SCRIPT, b"");
                assert_eq!(answer.status, 200);
                site.goatcounter("/b", "p=%2Fpushed&b=153");
            },
            looks_at: &[],
            counts: "total: browser 1, confirmed 2, confirmed_visitors 1, events 1, server 2, unverified 1, visitors 1
                     page /a: confirmed 1, confirmed_visitors 1, events 1, server 1, visitors 1
                     page /b: confirmed 1, confirmed_visitors 1, server 1, visitors 1
                     page /pushed: browser 1, unverified 1, visitors 1
                     event Signup: events 1, visitors 1",
        },
        Rule {
            says: "without JavaScript; and what is wrong is a picture too, with the reason beside it",
            settings: SET,
            happens: |site| {
                site.open("/a");
                site.goatcounter("/a", "p=/a");
                for (query, why) in [("", "missing"), ("?p=/&b=7", "number")] {
                    let answer = site.send("GET", &format!("/count{query}"), ASSET, b"");
                    assert_eq!((answer.status, answer.header("content-type")), (400, Some("image/gif")));
                    assert!(answer.header("x-goatcounter").unwrap().contains(why));
                }
            },
            looks_at: &[],
            counts: "total: confirmed 1, confirmed_visitors 1, server 1, visitors 1
                     page /a: confirmed 1, confirmed_visitors 1, server 1, visitors 1",
        },
    ]);
}
