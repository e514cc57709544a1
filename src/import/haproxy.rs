//! HAProxy's HTTP log (`option httplog`), with or without what syslog writes before it.
//!
//! It says nothing of a browser but what is captured, in braces and in an order that only the
//! settings know: `--format 'haproxy:Host|User-Agent|Referer'` names it.

use super::record::{Field, Record};
use super::time::{Times, Written};
use memchr::{memchr, memchr2};

/// What is captured of requests, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HaProxy {
    captured: Vec<Field>,
    tells_agent: bool,
}

impl HaProxy {
    /// `captures`: names of headers with `|` between them.
    pub fn new(captures: &str) -> Self {
        let names = captures.split('|').filter(|name| !name.is_empty());
        let captured: Vec<Field> =
            names.map(|name| Field::header(name.trim().as_bytes())).collect();
        let tells_agent = captured.contains(&Field::UserAgent);
        Self { captured, tells_agent }
    }

    /// `None`: the line does not fit.
    pub fn parse<'a>(&self, line: &'a [u8], times: &mut Times) -> Option<Record<'a>> {
        let tells_accept = self.captured.contains(&Field::Header(http::header::ACCEPT));
        let mut record = Record { tells_accept, ..Record::default() };
        let mut put = |field: &Field, value: &'a [u8]| record.put(field, value.into(), times);
        // `client:port [time] `, wherever it begins.
        let open = begin(line)?;
        let close = open + memchr(b']', &line[open..])?;
        let client = line[..open - 2].rsplit(|byte| *byte == b' ').next()?;
        // Other servers write a user here, or a dash.
        memchr(b':', client)?;
        put(&Field::Address, client)?;
        put(&Field::Time(Written::Clf), &line[open..close])?;
        let mut rest = line[close..].strip_prefix(b"] ")?;
        // frontend, backend/server, times, status, bytes, two cookies, how it ended, connections,
        // queues.
        for place in 0..10 {
            let end = memchr(b' ', rest)?;
            let word = &rest[..end];
            match place {
                2 => put(&Field::Origin(1_000), of_server(word))?,
                3 => put(&Field::Status, word)?,
                4 => put(&Field::Bytes, word)?,
                _ => {}
            }
            rest = &rest[end + 1..];
        }
        if let [b'{', captured @ ..] = rest
            && !self.captured.is_empty()
        {
            let mut inner = captured;
            for field in &self.captured {
                let end = memchr2(b'|', b'}', inner)?;
                put(field, if end == 0 { b"-" } else { &inner[..end] })?;
                if inner[end] == b'}' {
                    break;
                }
                inner = &inner[end + 1..];
            }
        }
        let quote = memchr(b'"', rest)?;
        let request = &rest[quote + 1..];
        // It is cut where it is longer than a line may be.
        let request = request.strip_suffix(b"\"").unwrap_or(request);
        put(&Field::Request, request)?;
        record.end(times)?;
        Some(record)
    }

    pub fn tells_agent(&self) -> bool {
        self.tells_agent
    }
}

/// Behind the ` [` before a time: what syslog writes has brackets too.
fn begin(line: &[u8]) -> Option<usize> {
    let is_time =
        |at: &usize| matches!(&line[*at..], [b' ', b'[', d, _, b'/', ..] if d.is_ascii_digit());
    memchr::memchr_iter(b' ', line).find(is_time).map(|at| at + 2)
}

/// Of the five times the one until the server answered.
fn of_server(times: &[u8]) -> &[u8] {
    times.split(|byte| *byte == b'/').nth(3).unwrap_or(b"-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::Tz;

    #[test]
    fn lines_are_read_with_what_is_captured() {
        let mut times = Times::new(Tz::Europe__Berlin);
        let line = br#"Nov 29 20:15:00 lb haproxy[14389]: 192.0.2.1:33317 [29/Nov/2026:20:15:00.655] http-in static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {example.org|Mozilla/5.0 (X11)|} {text/html} "GET /index.html HTTP/1.1""#;
        let record = HaProxy::new("Host|User-Agent|Referer").parse(line, &mut times).unwrap();
        assert_eq!((record.at, record.status, record.bytes), (1_795_979_700_655, 200, 2_750));
        assert_eq!((&*record.address, record.origin), (&b"192.0.2.1:33317"[..], Some(69_000)));
        assert_eq!(record.host.as_deref(), Some(&b"example.org"[..]));
        assert_eq!(record.user_agent.as_deref(), Some(&b"Mozilla/5.0 (X11)"[..]));
        assert_eq!((&*record.target, record.referrer), (&b"/index.html"[..], None));
        // Without syslog, and without knowing what is captured.
        let bare = &line[35..];
        let record = HaProxy::default().parse(bare, &mut times).unwrap();
        assert_eq!((&*record.target, record.user_agent), (&b"/index.html"[..], None));
        for line in [&b""[..], b"x [29/", b" [29/Nov/2026:20:15:00.655] a", &line[..90]] {
            assert_eq!(HaProxy::default().parse(line, &mut times), None);
        }
    }
}
