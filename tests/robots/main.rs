//! How robots are known, by what the dashboard's API tells of it: the real binary, a website, and
//! where names of addresses matter a real DNS server (dnsmasq).
//!
//! - `names`: reverse DNS, true and false names, and a server that is away;
//! - `signed`: Web Bot Auth, right, wrong, over and replayed;
//! - `robots_txt`: what the website's robots.txt says of their requests;
//! - `networks`: data centres.

#[path = "../common/mod.rs"]
mod common;
mod names;
mod networks;
mod robots_txt;
mod signed;

use common::headcount::Headcount;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;

/// How bots are known, by name and proof.
fn known(headcount: &Headcount) -> BTreeMap<(String, String), i64> {
    let rows = headcount.stats("breakdown?period=day&property=bot:identity&metrics=pageviews");
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| {
        ((text(&row["identity"]), text(&row["proof"])), row["pageviews"].as_i64().unwrap())
    })
    .collect()
}

/// Rows of a property by their values: what was answered today.
fn counts(headcount: &Headcount, property: &str, filters: &str) -> BTreeMap<String, i64> {
    let key = property.split(':').next_back().unwrap();
    let question = format!("breakdown?period=day&property={property}&metrics=pageviews");
    let rows = headcount.stats(&format!("{question}&filters={filters}"));
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| (row[key].as_str().unwrap().to_owned(), row["pageviews"].as_i64().unwrap()))
        .collect()
}

/// Serves these paths, each with a type and a body, and 404 for others; gives its URL.
fn website(paths: &[(&str, &str, &str)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let paths: Vec<_> = paths
        .iter()
        .map(|(path, kind, body)| {
            (format!("GET {path} "), format!("200 OK\r\nContent-Type: {kind}"), body.to_string())
        })
        .collect();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n > 0) {
                head.extend(byte);
            }
            let found = paths.iter().find(|(line, ..)| head.starts_with(line.as_bytes()));
            let none = ("404 Not Found\r\nContent-Type: text/html", "");
            let (status, body) = found.map_or(none, |(_, status, body)| (status, body));
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
        }
    });
    url
}
