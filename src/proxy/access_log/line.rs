//! A line of the access log: what stands in it, and how it is written so that nothing a visitor has
//! sent can be taken for another line or field.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// One request and its answer.
pub struct Entry<'a> {
    pub at: DateTime<Utc>,
    /// Whole or [`cut`]; none on a Unix socket.
    pub address: Option<IpAddr>,
    pub method: &'a str,
    /// As it is asked for at the website.
    pub target: &'a [u8],
    pub protocol: &'static str,
    pub host: &'a [u8],
    /// `None`: the visitor left before there was an answer.
    pub status: Option<u16>,
    /// Of the body, as they were sent.
    pub bytes: u64,
    pub referrer: Option<&'a [u8]>,
    pub user_agent: Option<&'a [u8]>,
    pub took: Duration,
}

/// What servers write where the visitor left before there was an answer.
const LEFT: u16 = 499;

/// The network of an address: an IPv4 /24, an IPv6 /48.
pub fn cut(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() & (u32::MAX << 8)).into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 80)).into(),
    }
}

impl Entry<'_> {
    /// As Apache and nginx write it, with the latter's way to escape.
    pub fn combined(&self) -> String {
        let mut line = String::with_capacity(256);
        // Writing to a text cannot fail.
        let _ = match self.address {
            Some(address) => write!(line, "{address}"),
            None => write!(line, "-"),
        };
        let _ = write!(line, " - - [{}] \"", self.at.format("%d/%b/%Y:%H:%M:%S %z"));
        escape(self.method.as_bytes(), &mut line);
        line.push(' ');
        escape(self.target, &mut line);
        let status = self.status.unwrap_or(LEFT);
        let _ = write!(line, " {}\" {status} {}", self.protocol, self.bytes);
        for field in [self.referrer, self.user_agent] {
            line.push_str(" \"");
            escape(field.unwrap_or(b"-"), &mut line);
            line.push('"');
        }
        line.push('\n');
        line
    }

    /// An object to a line.
    pub fn json(&self) -> String {
        #[derive(Serialize)]
        struct Line<'a> {
            time: String,
            address: Option<IpAddr>,
            method: &'a str,
            host: &'a str,
            target: &'a str,
            protocol: &'a str,
            status: Option<u16>,
            bytes: u64,
            seconds: f64,
            referrer: Option<&'a str>,
            user_agent: Option<&'a str>,
        }
        let [host, target] = [self.host, self.target].map(crate::text::lenient);
        let [referrer, agent] =
            [self.referrer, self.user_agent].map(|f| f.map(crate::text::lenient));
        let line = Line {
            time: self.at.to_rfc3339_opts(SecondsFormat::Millis, true),
            address: self.address,
            method: self.method,
            host: &host,
            target: &target,
            protocol: self.protocol,
            status: self.status,
            bytes: self.bytes,
            seconds: (self.took.as_secs_f64() * 1e6).round() / 1e6,
            referrer: referrer.as_deref(),
            user_agent: agent.as_deref(),
        };
        let json = serde_json::to_string(&line).unwrap_or_default();
        let mut line = String::with_capacity(json.len() + 1);
        for c in json.chars() {
            match c {
                // JSON lets them stand; terminals obey some, and some readers begin a line at them.
                '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' => {
                    let _ = write!(line, "\\u{:04x}", u32::from(c));
                }
                c => line.push(c),
            }
        }
        line.push('\n');
        line
    }
}

/// All that is not plain ASCII, and what ends a field, as `\xHH`.
fn escape(bytes: &[u8], line: &mut String) {
    for byte in bytes {
        match byte {
            b'"' | b'\\' | 0..0x20 | 0x7f.. => {
                let _ = write!(line, "\\x{byte:02X}");
            }
            plain => line.push(char::from(*plain)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry<'static> {
        Entry {
            at: "2026-11-29T13:38:12.5Z".parse().unwrap(),
            address: Some("192.0.2.0".parse().unwrap()),
            method: "GET",
            target: b"/a?b=c",
            protocol: "HTTP/1.1",
            host: b"example.org",
            status: Some(200),
            bytes: 1234,
            referrer: Some(b"https://example.com/\"\n\\"),
            user_agent: Some(b"caf\xe9 \x00\x7f<script>"),
            took: Duration::from_micros(1500),
        }
    }

    #[test]
    fn combined_is_one_line_whatever_was_sent() {
        assert_eq!(
            entry().combined(),
            "192.0.2.0 - - [29/Nov/2026:13:38:12 +0000] \"GET /a?b=c HTTP/1.1\" 200 1234 \
             \"https://example.com/\\x22\\x0A\\x5C\" \"caf\\xE9 \\x00\\x7F<script>\"\n"
        );
        let none =
            Entry { address: None, status: None, referrer: None, user_agent: None, ..entry() };
        assert!(
            none.combined().starts_with("- - - [")
                && none.combined().ends_with(" 499 1234 \"-\" \"-\"\n")
        );
    }

    #[test]
    fn json_is_one_line_whatever_was_sent() {
        let line = Entry { target: "/\u{9b}31m\u{85}\u{2028}".as_bytes(), ..entry() }.json();
        assert!(line.contains(r"/\u009b31m\u0085\u2028"), "{line}");
        let line = entry().json();
        assert_eq!(line.matches('\n').count(), 1);
        assert!(line.trim_end().bytes().all(|byte| byte >= b' ') && !line.contains('\x7f'));
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        let expected = serde_json::json!({
            "time": "2026-11-29T13:38:12.500Z", "address": "192.0.2.0", "method": "GET",
            "host": "example.org", "target": "/a?b=c", "protocol": "HTTP/1.1", "status": 200,
            "bytes": 1234, "seconds": 0.0015, "referrer": "https://example.com/\"\n\\",
            "user_agent": "café \u{0}\u{7f}<script>",
        });
        assert_eq!(read, expected);
    }

    #[test]
    fn addresses_are_cut_to_their_network() {
        for (address, network) in [
            ("192.0.2.77", "192.0.2.0"),
            ("::ffff:192.0.2.77", "192.0.2.0"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
            ("::1", "::"),
        ] {
            assert_eq!(cut(address.parse().unwrap()).to_string(), network);
        }
    }
}
