//! Who comes: browsers with what their user agents mean, at addresses with the country they are in.

use super::common::http::{CHROME, FIREFOX};
use std::net::IpAddr;

/// A browser, and what it should be read as.
pub struct Browser {
    pub agent: &'static str,
    pub name: &'static str,
    pub os: &'static str,
    pub device: &'static str,
    /// Sends `Sec-Fetch-*`.
    pub modern: bool,
}

pub const BROWSERS: &[Browser] = &[
    Browser { agent: FIREFOX, name: "Firefox", os: "GNU/Linux", device: "Desktop", modern: true },
    Browser { agent: CHROME, name: "Chrome", os: "Windows", device: "Desktop", modern: true },
    Browser {
        agent: "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like \
                Gecko) Version/18.3 Safari/605.1.15",
        name: "Safari",
        os: "Mac",
        device: "Desktop",
        modern: false,
    },
    Browser {
        agent: "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 \
                (KHTML, like Gecko) Version/18.3 Mobile/15E148 Safari/604.1",
        name: "Safari",
        os: "iOS",
        device: "Mobile",
        modern: false,
    },
    Browser {
        agent: "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) \
                Chrome/156.0.0.0 Mobile Safari/537.36",
        name: "Chrome",
        os: "Android",
        device: "Mobile",
        modern: true,
    },
    Browser {
        agent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0",
        name: "Microsoft Edge",
        os: "Windows",
        device: "Desktop",
        modern: true,
    },
];

/// Addresses in many countries and in none; some are one household written differently.
const ADDRESSES: &[&str] = &[
    "193.0.6.139",
    "::ffff:193.0.6.139",
    "2001:67c:2e8:22::c100:68b",
    "2001:67c:2e8:22::1",
    "81.2.69.142",
    "202.12.27.33",
    "200.160.0.8",
    "196.216.2.6",
    "8.8.8.8",
    "141.1.1.1",
    "10.20.30.40",
    "fd00::7",
];

pub struct Person {
    pub address: &'static str,
    pub browser: &'static Browser,
    /// Sends `Sec-GPC: 1` or `DNT: 1`.
    pub do_not_track: Option<&'static str>,
}

/// About thirty people, every one with another address or browser as it is sent.
pub fn people() -> Vec<Person> {
    let mut people = Vec::new();
    for (a, address) in ADDRESSES.iter().enumerate() {
        for b in 0..2 + a % 2 {
            let browser = &BROWSERS[(a * 5 + b * 2) % BROWSERS.len()];
            people.push(Person { address, browser, do_not_track: None });
        }
    }
    // The same household with the same browser, in other words: no further visitors.
    for (address, browser) in [("::ffff:193.0.6.139", 0), ("2001:67c:2e8:22::1", 4)] {
        people.push(Person { address, browser: &BROWSERS[browser], do_not_track: None });
    }
    for (address, do_not_track) in [("81.2.69.142", "Sec-GPC"), ("8.8.8.8", "DNT")] {
        people.push(Person { address, browser: &BROWSERS[1], do_not_track: Some(do_not_track) });
    }
    people
}

impl Person {
    /// Who they are as far as counting may tell: household (an IPv6 /64) and browser.
    pub fn visitor(&self) -> Option<String> {
        let household = match self.ip() {
            IpAddr::V4(v4) => v4.to_string(),
            IpAddr::V6(v6) => format!("{:x?}", &v6.segments()[..4]),
        };
        self.do_not_track.is_none().then(|| format!("{household} {}", self.browser.agent))
    }

    pub fn country(&self) -> Option<String> {
        iptocc::country_code(self.ip()).map(str::to_owned)
    }

    fn ip(&self) -> IpAddr {
        self.address.parse::<IpAddr>().unwrap().to_canonical()
    }

    /// What they send with every request.
    pub fn headers(&self) -> Vec<(&'static str, &'static str)> {
        let mut headers = vec![
            ("Host", super::common::headcount::SITE),
            ("User-Agent", self.browser.agent),
            ("X-Forwarded-For", self.address),
        ];
        headers.extend(self.do_not_track.map(|name| (name, "1")));
        headers
    }
}
