//! What others write, in their own way: header values, hosts, paths, queries, lists, ranges.

use crate::common::http::{self, ACCEPT_PAGE, BEACON, CHROME, NAVIGATION};
use crate::stage::{PAGE, Rule, Stage, hold};
use serde_json::json;

/// Facebook's app, with the name of a Chinese carrier.
const FACEBOOK: &str = "Mozilla/5.0 (Linux; Android 15; V2309A) AppleWebKit/537.36 (KHTML, like \
                        Gecko) Version/4.0 Chrome/140.0.0.0 Mobile Safari/537.36 \
                        [FB_IAB/FB4A;FBAV/500.0.0.1;FBCR/中国移动;]";

impl Stage {
    fn open_with(&self, path: &str, header: (&str, &str)) {
        self.get(path, &[NAVIGATION, &[header]].concat(), PAGE);
    }

    /// As if it were asked of another host.
    fn open_at(&mut self, host: &'static str, path: &str, referrer: &str) {
        self.client[0].1 = host;
        self.open_with(path, ("Referer", referrer));
    }

    /// A part of a file of 11 bytes, or all of it.
    fn part(&self, path: &str, range: Option<&str>) {
        let answer = match range {
            Some(range) => {
                let (first, last) = range.split_once('-').unwrap();
                let length = last.parse::<u64>().unwrap() - first.parse::<u64>().unwrap() + 1;
                format!(
                    "206 | content-type: audio/mpeg | content-range: bytes {range}/11 | \
                     content-length: {length}"
                )
            }
            None => "200 | content-type: audio/mpeg".to_owned(),
        };
        self.get(path, NAVIGATION, &answer);
    }
}

#[test]
fn header_values_are_bytes() {
    hold(&[
        Rule {
            says: "an agent with letters beyond ASCII is the browser it says",
            settings: &[],
            happens: |site| {
                site.come_as(FACEBOOK);
                site.open("/a");
            },
            looks_at: &["os"],
            counts: "total: server 1, visitors 1
                     page /a: server 1, visitors 1
                     os Android: server 1, visitors 1",
        },
        Rule {
            says: "a page with such a parameter in its Content-Type is a page",
            settings: &[],
            happens: |site| {
                site.get("/a", NAVIGATION, "200 | content-type: text/html; title=café");
                site.get("/a", &[("Accept", "text/html;title=café")], PAGE);
            },
            looks_at: &[],
            counts: "total: server 2, visitors 1
                     page /a: server 2, visitors 1",
        },
        Rule {
            says: "a referrer is read in any encoding, and named as pages are",
            settings: &[],
            happens: |site| {
                for path in ["größe", "gr%c3%b6%C3%9fe", "gr%C3%B6%C3%9Fe;jsessionid=1"] {
                    site.open_with("/a", ("Referer", &format!("https://example.com/{path}")));
                }
            },
            looks_at: &["referrer"],
            counts: "total: server 3, visitors 1
                     page /a: server 3, visitors 1
                     referrer example.com/gr%C3%B6%C3%9Fe: server 3, visitors 1",
        },
        Rule {
            says: "a city's name comes as bytes or percent-encoded",
            settings: &[
                "--trusted-proxies",
                "127.0.0.1",
                "--place-headers",
                "CF-IPCountry,CF-Region,CF-IPCity",
            ],
            happens: |site| {
                site.with("CF-IPCountry", "BR");
                site.open_with("/a", ("CF-IPCity", "São Paulo"));
                site.come_as(CHROME);
                site.open_with("/a", ("CF-IPCity", "S%C3%A3o%20Paulo"));
            },
            looks_at: &["country", "city"],
            counts: "total: server 2, visitors 2
                     page /a: server 2, visitors 2
                     country BR: server 2, visitors 2
                     city São Paulo: server 2, visitors 2",
        },
    ]);
}

#[test]
fn events_of_a_beacon_are_read_one_by_one() {
    hold(&[Rule {
        says: "what is wrong with one event costs no other",
        settings: &[],
        happens: |site| {
            let page = |path: &str| format!(r#"{{"type":"pageview","pathname":"{path}"}}"#);
            let named =
                |name: &str| format!(r#"{{"type":"event","pathname":"/","name":"{name}"}}"#);
            let bodies: [Vec<u8>; 4] = [
                format!("[{},{},{}]", page("/a"), named(r"\ud83d"), page("/b")).into(),
                format!("[{},{{\"type\":}},{}]", page("/a"), page("/b")).into(),
                [format!("[{},", page("/a")).into_bytes(), b"\"\xff\"]".to_vec()].concat(),
                format!("[{},{{\"type\":\"page", page("/a")).into(),
            ];
            for body in bodies {
                let all = [&site.client[..], BEACON].concat();
                let to = site.headcount.site();
                let answer = http::send(to, "POST", "/api/track", &all, &body);
                assert_eq!(answer.status, 400, "{}", answer.text());
                assert!(answer.text().contains("event 1: "), "{}", answer.text());
            }
            site.tell(json!({ "pathname": "/c", "title": "half of a pair" }));
        },
        looks_at: &[],
        counts: "total: browser 7, unverified 7, visitors 1
                 page /a: browser 4, unverified 4, visitors 1
                 page /b: browser 2, unverified 2, visitors 1
                 page /c: browser 1, unverified 1, visitors 1",
    }]);
}

#[test]
fn hosts_are_compared_in_one_form() {
    hold(&[
        Rule {
            says: "a dot at the end, capitals, a port, punycode: the same host; www is another",
            settings: &["--hosts", "example.org,münchen.example"],
            happens: |site| {
                for host in ["example.org.", "EXAMPLE.org.:8080"] {
                    site.open_at(host, "/a", "");
                }
                for host in ["xn--mnchen-3ya.example", "MÜNCHEN.example"] {
                    site.open_at(host, "/b", "");
                }
                site.open_at("www.example.org", "/no", "");
                site.open_at("example.org.example.com", "/no", "");
            },
            looks_at: &["hostname"],
            counts: "total: server 4, visitors 1
                     page /a: server 2, visitors 1
                     page /b: server 2, visitors 1
                     hostname example.org: server 4, visitors 1",
        },
        Rule {
            says: "a site with and without www sends itself nobody, and keeps both its hosts",
            settings: &[],
            happens: |site| {
                site.open_at("www.example.org", "/a", "https://example.org/b");
                site.come_as(CHROME);
                site.open_at("Example.org.", "/b", "https://www.example.org./a");
                let gone = "404 | content-type: text/html";
                let link = [NAVIGATION, &[("Referer", "https://WWW.example.org:443/c")]].concat();
                site.get("/gone", &link, gone);
            },
            looks_at: &["source", "referrer", "hostname"],
            counts: "total: server 2, visitors 2
                     page /a: server 1, visitors 1
                     page /b: server 1, visitors 1
                     source Direct / None: server 2, visitors 2
                     hostname example.org: server 1, visitors 1
                     hostname www.example.org: server 1, visitors 1
                     error_page /gone: responses 1
                     error_status 404: responses 1
                     error_link /gone | /c: responses 1",
        },
        Rule {
            says: "a beacon's origin is the site's in any of its forms",
            settings: &["--hosts", "example.org"],
            happens: |site| {
                site.client[0].1 = "example.org.";
                let event = json!({ "type": "pageview", "pathname": "/a" });
                for (origin, status) in [
                    ("https://EXAMPLE.org:8443", 202),
                    ("https://example.org.", 202),
                    ("https://www.example.org", 403),
                ] {
                    assert_eq!(site.post_beacon(&event, &[("Origin", origin)]).status, status);
                }
            },
            looks_at: &[],
            counts: "total: browser 2, unverified 2, visitors 1
                     page /a: browser 2, unverified 2, visitors 1",
        },
    ]);
}

#[test]
fn a_page_has_one_name() {
    hold(&[
        Rule {
            says: "spellings of a path that RFC 3986 calls equivalent are one page",
            settings: &["--goals", "Coffee = page /café*"],
            happens: |site| {
                for path in ["/caf%C3%A9", "/caf%c3%a9", "/%63af%C3%A9", "/x/../caf%C3%A9"] {
                    site.open(path);
                }
                let id = site.open("/caf%C3%A9;JSESSIONID=0A1B?x=1");
                site.tell(json!({ "view": id, "pathname": "/café;phpsessid=7" }));
                site.open("/a%2Fb");
                site.open("/a%2fb");
                site.open("/a;jsessionid=1/b");
                site.get("/d%c3%a9.pdf", NAVIGATION, "200 | content-type: application/pdf");
                site.come_as(http::GOOGLEBOT);
                site.open("/caf%c3%a9");
            },
            looks_at: &[],
            counts: "total: confirmed 1, confirmed_visitors 1, server 8, visitors 1
                     page /caf%C3%A9: confirmed 1, confirmed_visitors 1, server 5, visitors 1
                     page /a%2Fb: server 2, visitors 1
                     page /a/b: server 1, visitors 1
                     goal Coffee: events 5, visitors 1
                     download /d%C3%A9.pdf: complete 1, responses 1
                     bot_name Googlebot: responses 1
                     bot_class Search engine: responses 1
                     bot_proof Googlebot | claimed, address not listed: responses 1
                     bot_page /caf%C3%A9: responses 1
                     bot_status 200: responses 1",
        },
        Rule {
            says: "kept parameters are found in any spelling of their name",
            settings: &["--keep-query", "id"],
            happens: |site| {
                for query in ["id=%c3%a9", "ID=%C3%A9", "%69d=é", "x=1&amp;id=%C3%A9"] {
                    let id = site.open(&format!("/a?{}", query.replace('é', "%C3%A9")));
                    site.tell(json!({ "view": id, "pathname": format!("/a?{query}") }));
                }
            },
            looks_at: &[],
            counts: "total: confirmed 4, confirmed_visitors 1, server 4, visitors 1
                     page /a?id=%C3%A9: confirmed 4, confirmed_visitors 1, server 4, visitors 1",
        },
    ]);
}

#[test]
fn campaigns_are_read_as_forms_are() {
    hold(&[Rule {
        says: "names of parameters are decoded, in any case, also after an HTML ampersand",
        settings: &["--trusted-proxies", "127.0.0.1"],
        happens: |site| {
            let queries = [
                "utm_source=News",
                "utm%5Fsource=News",
                "UTM_SOURCE=News",
                "x=1&amp;utm_source=News",
                "x=1&amp;amp;Utm_Source=%4eews",
            ];
            for (query, client) in queries.iter().zip(["1", "2", "3", "4", "5"]) {
                let client = format!("192.0.2.{client}");
                site.open_with(&format!("/a?{query}"), ("X-Forwarded-For", &client));
            }
        },
        looks_at: &["utm_source"],
        counts: "total: server 5, visitors 5
                 page /a: server 5, visitors 5
                 utm_source News: server 5, visitors 5",
    }]);
}

#[test]
fn who_asks_by_lists_of_addresses() {
    hold(&[Rule {
        says: "empty elements, quotes, ports: the client is the last address of no proxy",
        settings: &["--trusted-proxies", "127.0.0.1,10.0.0.0/8"],
        happens: |site| {
            for (name, list) in [
                ("X-Forwarded-For", "203.0.113.5"),
                ("X-Forwarded-For", "203.0.113.5,"),
                ("X-Forwarded-For", ", 203.0.113.5 , ,10.0.0.1,,"),
                ("X-Forwarded-For", "\"203.0.113.5:80\", 10.0.0.1"),
                ("X-Forwarded-For", "é, 203.0.113.5"),
                ("X-Forwarded-For", "\", 203.0.113.5"),
                ("Forwarded", "for=198.51.100.1, ,For=\"203.0.113.5:80\";by=\"a,b\","),
            ] {
                site.open_with("/a", (name, list));
            }
        },
        looks_at: &[],
        counts: "total: server 7, visitors 1
                 page /a: server 7, visitors 1",
    }]);
}

#[test]
fn markers_are_judged_by_value() {
    hold(&[
        Rule {
            says: "what htmx and others fetch ahead is a prefetch",
            settings: &[],
            happens: |site| {
                let boosted = [ACCEPT_PAGE, ("Sec-Fetch-Dest", "empty"), ("HX-Boosted", "true")];
                site.get("/a", &[&boosted[..], &[("HX-Preloaded", "true")]].concat(), PAGE);
                site.get("/a", &[("Accept", "*/*"), ("HX-Preloaded", "true")], PAGE);
                site.get("/a", &[ACCEPT_PAGE, ("Moz-Purpose", "prefetch")], PAGE);
                site.get("/a", &[ACCEPT_PAGE, ("Sec-Fetch-Purpose", "prefetch")], PAGE);
                site.open_with("/b", ("HX-Preloaded", "false"));
                let fragment = [("HX-Request", "true"), ("HX-Preloaded", "true")];
                site.get("/c", &[&[ACCEPT_PAGE], &fragment[..]].concat(), PAGE);
            },
            looks_at: &[],
            counts: "prefetch /a: responses 4
                     total: server 1, visitors 1
                     page /b: server 1, visitors 1",
        },
        Rule {
            says: "a web view names its app where a script says XMLHttpRequest",
            settings: &[],
            happens: |site| {
                let asked = |by| [ACCEPT_PAGE, ("X-Requested-With", by)];
                for app in ["com.facebook.katana", "com.tencent.mm", ""] {
                    site.get("/a", &asked(app), PAGE);
                }
                for script in ["XMLHttpRequest", "xmlhttprequest", "fetch"] {
                    site.get("/b", &asked(script), PAGE);
                }
            },
            looks_at: &[],
            counts: "total: server 3, visitors 1
                     page /a: server 3, visitors 1",
        },
        Rule {
            says: "parts of pages that a library fetches are none on plain HTTP either",
            settings: &[],
            happens: |site| {
                site.get("/a", &[ACCEPT_PAGE, ("HX-Request", "true")], PAGE);
                let frame = [ACCEPT_PAGE, ("X-Turbo-Request-Id", "1"), ("Turbo-Frame", "b")];
                site.get("/b", &frame, PAGE);
                site.get("/c", &frame[..2], PAGE);
            },
            looks_at: &[],
            counts: "total: server 1, visitors 1
                     page /c: server 1, visitors 1",
        },
    ]);
}

#[test]
fn a_download_is_one_visitor_and_one_file() {
    hold(&[
        Rule {
            says: "its parts are one, complete when they cover the file",
            settings: &[],
            happens: |site| {
                site.part("/whole.mp3", Some("0-1"));
                site.part("/whole.mp3", Some("6-10"));
                site.part("/whole.mp3", Some("2-5"));
                site.part("/again.mp3", None);
                site.part("/again.mp3", None);
                site.part("/broken.mp3", Some("0-4"));
                site.part("/broken.mp3", Some("6-10"));
                site.come_as(CHROME);
                site.part("/again.mp3", None);
            },
            looks_at: &["bytes"],
            counts: "download /whole.mp3: bytes 11, complete 1, responses 1
                     download /again.mp3: bytes 33, complete 2, responses 2
                     download /broken.mp3: bytes 10, responses 1",
        },
        Rule {
            says: "without a visitor each request is one",
            settings: &[],
            happens: |site| {
                site.with("Sec-GPC", "1");
                site.part("/a.mp3", Some("0-4"));
                site.part("/a.mp3", Some("5-10"));
                site.part("/a.mp3", None);
            },
            looks_at: &["bytes"],
            counts: "download /a.mp3: bytes 22, complete 1, responses 3",
        },
    ]);
}
