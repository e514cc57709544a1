//! Clients that end their side of the connection after the request.

use crate::common::process::Proxy;
use crate::common::wire::{Origin, PATIENCE, Wire};
use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// What such a client hears in all.
fn heard(proxy: &Proxy, fields: &str) -> String {
    let mut stream = TcpStream::connect(proxy.site).unwrap();
    stream
        .write_all(format!("GET / HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n").as_bytes())
        .unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    String::from_utf8(Wire::over(stream).rest()).unwrap()
}

#[test]
fn they_are_answered_where_that_is_wanted() {
    let origin = Origin::start(|wire, request| {
        if request.header("x-mute").is_some() {
            drop(wire.rest());
            return false;
        }
        // Not before the proxy knows that the client has ended its side.
        std::thread::sleep(Duration::from_millis(200));
        if request.header("upgrade").is_some() {
            let _ = wire.try_send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n");
            let _ = wire.try_send("Upgrade: websocket\r\n\r\n");
            std::thread::sleep(Duration::from_millis(200));
            let _ = wire.try_send("well");
        } else {
            wire.reply("200 OK", "", b"well");
        }
        false
    });
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    let proxy = Proxy::start(&origin.url(), &[]);
    assert_eq!([heard(&proxy, ""), heard(&proxy, upgrade)], ["", ""]);
    let settings = ["--answer-half-closed=true", "--timeouts-read", "2s"];
    let proxy = Proxy::start(&origin.url(), &settings);
    for fields in ["", upgrade] {
        let heard = heard(&proxy, fields);
        assert!(heard.starts_with("HTTP/1.1 ") && heard.ends_with("\r\n\r\nwell"), "{heard:?}");
    }
    // They wait as long as others do.
    let heard = heard(&proxy, "X-Mute: 1\r\n");
    assert!(heard.starts_with("HTTP/1.1 504 "), "{heard:?}");
}
