//! What differs through the proxy, and why: the whole list.
//!
//! A rule makes of what came directly what must come through the proxy. It is told what did come
//! only for values that cannot be known beforehand (the time of day, a view's id) and for the order
//! of fields. A message of which it leaves no first line does not come.

use super::changes::{
    FORWARDING, add_tag, drop_fields, encoded, end_connection, httpdate, name_fields, named,
    origin_form, put, reorder, takes_a_tag,
};
use super::{Http, Way};
use crate::common::wire::Message;
use http::StatusCode;
use std::net::SocketAddr;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Part {
    /// What the website receives.
    Request,
    /// What the client receives.
    Answer,
    /// What the client receives beside it; the rule takes its first line.
    More,
    /// What becomes of the client's connection.
    Connection,
}

pub struct Difference {
    pub name: &'static str,
    pub part: Part,
    pub why: &'static str,
    pub rule: fn(&mut Message, &Seen),
}

/// What a rule may look at beside the message.
pub struct Seen<'a> {
    /// What came through the proxy.
    pub through: &'a Message,
    /// The request, as it came directly.
    pub asked: Option<&'a Message>,
    /// The last answer, as it came directly.
    pub answer: Option<&'a Message>,
    pub way: Way,
    /// The website's own address.
    pub website: SocketAddr,
}

impl Seen<'_> {
    fn scheme(&self) -> &'static str {
        if self.way.tls { "https" } else { "http" }
    }
}

pub const DIFFERENCES: &[Difference] = &[
    Difference {
        name: "the version of a request",
        part: Part::Request,
        why: "the connection to the website is the proxy's own, and HTTP/1.1 (RFC 9112 §2.3)",
        rule: |request, _| {
            if let Some(line) = request.start.strip_suffix("HTTP/1.0") {
                request.start = format!("{line}HTTP/1.1");
            }
        },
    },
    Difference {
        name: "a request's cookies by HTTP/2",
        part: Part::Request,
        why: "clients of HTTP/2 may send them in pieces, of which websites get one (RFC 9113 §8.2.3)",
        rule: |request, seen| {
            let cookies = request.all("cookie").join("; ");
            if seen.way.client == Http::Two && !cookies.is_empty() {
                drop_fields(request, &["cookie"]);
                put(request, "Cookie", &cookies);
            }
        },
    },
    Difference {
        name: "bytes of a target that no URI has",
        part: Part::Request,
        why: "`<` and `>`, a backtick in a path and `\"` in a query are percent-encoded, as browsers \
              do it; the library takes no others. All others pass as they are, also beyond ASCII",
        rule: |request, _| {
            let (path, query) = match request.start.split_once('?') {
                Some((path, query)) => (path.to_owned(), format!("?{query}")),
                None => (request.start.clone(), String::new()),
            };
            let both = path.replace('`', "%60") + &query.replace('"', "%22");
            request.start = both.replace('<', "%3C").replace('>', "%3E");
        },
    },
    Difference {
        name: "fields of the client's connection",
        part: Part::Request,
        why: "they speak of one connection only (RFC 9110 §7.6.1); a proxy's password is not the \
              website's to read. An upgrade to WebSocket is asked for in the proxy's own words; HTTP/2 \
              has none (RFC 9113 §8.6)",
        rule: |request, seen| {
            let old = seen.asked.is_some_and(|asked| asked.start.ends_with("HTTP/1.0"));
            let websocket = !old
                && !seen.way.speaks_http2()
                && named(request, "connection", "upgrade")
                && named(request, "upgrade", "websocket");
            end_connection(request);
            drop_fields(request, &["te", "trailer", "proxy-authorization", "http2-settings"]);
            if websocket {
                put(request, "Connection", "Upgrade");
                put(request, "upgrade", "websocket");
            }
        },
    },
    Difference {
        name: "how a request's chunks are announced",
        part: Part::Request,
        why: "the proxy makes chunks of its own, and announces them in lower case",
        rule: |request, _| {
            if named(request, "transfer-encoding", "chunked") {
                drop_fields(request, &["transfer-encoding"]);
                put(request, "Transfer-Encoding", "chunked");
            }
        },
    },
    Difference {
        name: "trailers of a request",
        part: Part::Request,
        why: "the library does not pass them on",
        rule: |request, _| request.trailers.clear(),
    },
    Difference {
        name: "who asked",
        part: Part::Request,
        why: "the website is told the client's address, scheme and host; what a stranger says of \
              them is taken out, in every spelling that a website might read",
        rule: |request, seen| {
            drop_fields(request, FORWARDING);
            put(request, "x-forwarded-for", "127.0.0.1");
            put(request, "x-forwarded-proto", seen.scheme());
            if let Some(host) = request.header("host").map(str::to_owned) {
                put(request, "x-forwarded-host", &host);
            }
        },
    },
    Difference {
        name: "the way it came",
        part: Part::Request,
        why: "the proxy adds itself (RFC 8586), which is how requests that go in circles are found",
        rule: |request, _| put(request, "cdn-loop", "headcount"),
    },
    Difference {
        name: "a request from HTTP/2 or for it",
        part: Part::Request,
        why: "HTTP/2 has host and scheme beside the fields, no absolute targets, no chunks, and names in \
              lower case (RFC 9113 §8.2, §8.3); the scheme is that of the website's connection; a request for no host is for the website's own address; for HTTP/1.1 the library writes those it \
              knows with capitals. Bytes beyond ASCII that came by HTTP/1.1 are percent-encoded, for \
              the library's targets are text",
        rule: |request, seen| {
            let Way { client, website, .. } = seen.way;
            if seen.way.speaks_http2() {
                request.start = origin_form(&request.start);
            }
            if website == Http::Two {
                request.start = request.start.replace(" HTTP/1.1", " HTTP/2");
                if client == Http::One {
                    request.start = encoded(&request.start);
                }
                let host = request.header("host").map(str::to_owned);
                drop_fields(request, &["host", "transfer-encoding"]);
                put(request, ":scheme", "http");
                let host = host.filter(|host| !host.is_empty());
                put(request, ":authority", &host.unwrap_or_else(|| seen.website.to_string()));
            }
            name_fields(request, seen, website);
        },
    },
    Difference {
        name: "the order of a request's fields",
        part: Part::Request,
        why: "fields of one name keep their order; that of different names means nothing \
              (RFC 9110 §5.3)",
        rule: |request, seen| reorder(request, seen.through),
    },
    Difference {
        name: "the version of an answer",
        part: Part::Answer,
        why: "the connection to the client is the proxy's own, and HTTP/1.1",
        rule: |answer, _| {
            if let Some(rest) = answer.start.strip_prefix("HTTP/1.0") {
                answer.start = format!("HTTP/1.1{rest}");
            }
        },
    },
    Difference {
        name: "a reason phrase",
        part: Part::Answer,
        why: "one that is not ASCII is left out, and the space before it is always there \
              (RFC 9112 §4); no client reads it",
        rule: |answer, _| {
            let (line, reason) = (answer.start.clone(), answer.start.splitn(3, ' ').nth(2));
            let cut = line.len() - reason.map_or(0, str::len);
            match reason {
                None => answer.start.push(' '),
                Some(reason) if !reason.is_ascii() => answer.start.truncate(cut),
                Some(_) => {}
            }
        },
    },
    Difference {
        name: "fields of the website's connection",
        part: Part::Answer,
        why: "they speak of one connection only (RFC 9110 §7.6.1)",
        rule: |answer, seen| {
            let protocols = answer.header("upgrade").map(str::to_owned);
            if answer.status() != 101 {
                end_connection(answer);
            }
            // It must say to what (RFC 9110 §15.5.22).
            if let (426, Some(protocols), false) =
                (answer.status(), protocols, seen.way.speaks_http2())
            {
                put(answer, "Upgrade", &protocols);
            }
        },
    },
    Difference {
        name: "fields of the client's connection in the answer",
        part: Part::Answer,
        why: "whether the connection is kept is the proxy's to say; it says so in each answer",
        rule: |answer, seen| {
            let Some(said) = seen.through.header("connection") else { return };
            if matches!(said, "close" | "keep-alive") && answer.status() >= 200 {
                put(answer, "Connection", said);
            }
        },
    },
    Difference {
        name: "trailers of an answer",
        part: Part::Answer,
        why: "the library does not pass trailers of HTTP/1 on, only from HTTP/2 to HTTP/2",
        rule: |answer, seen| {
            if (seen.way.client, seen.way.website) != (Http::Two, Http::Two) {
                drop_fields(answer, &["trailer"]);
                answer.trailers.clear();
            }
        },
    },
    Difference {
        name: "where a body without a length ends",
        part: Part::Answer,
        why: "it comes in chunks, so that the connection can be kept and a cut be seen; to a client \
              of HTTP/1.0, which knows none, up to the end of the connection",
        rule: |answer, seen| {
            let Some(asked) = seen.asked else { return };
            let bodiless = matches!(answer.status(), 100..200 | 204 | 304);
            if bodiless || answer.header("content-length").is_some() {
                return;
            }
            let old = asked.start.ends_with("HTTP/1.0");
            if asked.method() == "HEAD" && !old {
                if seen.way.website == Http::Two {
                    drop_fields(answer, &["transfer-encoding"]);
                }
                return;
            }
            drop_fields(answer, &["transfer-encoding"]);
            if !old {
                put(answer, "Transfer-Encoding", "chunked");
            }
        },
    },
    Difference {
        name: "the date",
        part: Part::Answer,
        why: "the library writes its own into every answer, after all that could keep it",
        rule: |answer, seen| {
            let Some(date) = seen.through.header("date") else { return };
            if answer.status() >= 200 && httpdate(date) {
                drop_fields(answer, &["date"]);
                put(answer, "Date", date);
            }
        },
    },
    Difference {
        name: "the view's id",
        part: Part::Answer,
        why: "the script finds it in `Server-Timing`, after the website's own entries",
        rule: |answer, seen| {
            let page = answer.status() == 304
                || answer.header("content-type").is_some_and(|t| {
                    let t = t.to_ascii_lowercase();
                    t.starts_with("text/html") || t.starts_with("application/xhtml+xml")
                });
            let added = seen.through.all("server-timing");
            let Some(id) = added.last().filter(|e| e.starts_with("hc;desc=\"")) else { return };
            if page && added.len() == answer.all("server-timing").len() + 1 {
                put(answer, "server-timing", id);
            }
        },
    },
    Difference {
        name: "the script's tag",
        part: Part::Answer,
        why: "`inject` adds it to pages, whose length is not known then; their ETag says that they \
              are equivalent, not equal; what is said of their bytes would be wrong",
        rule: |answer, seen| {
            if seen.way.inject && takes_a_tag(answer, seen) {
                add_tag(answer);
                if seen.asked.is_none_or(|asked| !asked.start.ends_with("HTTP/1.0")) {
                    put(answer, "Transfer-Encoding", "chunked");
                }
            }
        },
    },
    Difference {
        name: "ETags of pages with a tag, asked for",
        part: Part::Request,
        why: "the website is asked with its own",
        rule: |request, seen| {
            if seen.way.inject {
                for (name, value) in &mut request.headers {
                    // Not If-Range: a part of the website's page is none of the client's.
                    let translated = ["if-match", "if-none-match"];
                    if translated.contains(&name.to_ascii_lowercase().as_str())
                        && value.contains("-hc")
                    {
                        *name = name.to_ascii_lowercase();
                        *value = value.replace("W/\"v1-hc\"", "\"v1\"");
                    }
                }
            }
        },
    },
    Difference {
        name: "the ETag of a confirmed page with a tag",
        part: Part::Answer,
        why: "the client's page is the one with the tag",
        rule: |answer, seen| {
            let ours = seen.asked.and_then(|a| a.header("if-none-match"));
            if seen.way.inject && answer.status() == 304 && ours == Some("W/\"v1-hc\"") {
                drop_fields(answer, &["etag"]);
                put(answer, "etag", "W/\"v1-hc\"");
            }
        },
    },
    Difference {
        name: "interim answers by HTTP/2",
        part: Part::Answer,
        why: "the library reads none of a website that speaks it, and writes none",
        rule: |answer, seen| {
            if matches!(answer.status(), 100..200) && seen.way.speaks_http2() {
                *answer = Message::default();
            }
        },
    },
    Difference {
        name: "whether a client may go on",
        part: Part::Request,
        why: "where the website speaks HTTP/2, the proxy itself says so, as its interim answer would \
              not come",
        rule: |request, seen| {
            if seen.way.website == Http::Two {
                drop_fields(request, &["expect"]);
            }
        },
    },
    Difference {
        name: "that a client may go on",
        part: Part::More,
        why: "the same",
        rule: |answer, seen| {
            let Way { client, website, .. } = seen.way;
            let waits = seen.asked.is_some_and(|asked| asked.header("expect").is_some());
            if (client, website) == (Http::One, Http::Two) && answer.status() == 100 && waits {
                answer.start.clear();
            }
        },
    },
    Difference {
        name: "an answer from HTTP/2 or by it",
        part: Part::Answer,
        why: "as in requests; and it has no reason phrases (RFC 9113 §8.3.2), for which the library \
              writes its own",
        rule: |answer, seen| {
            let Way { client, website, .. } = seen.way;
            let status = answer.status();
            if answer.start.is_empty() {
                return;
            }
            match (client, website) {
                (Http::Two, _) => {
                    answer.start = format!("HTTP/2 {status}");
                    drop_fields(answer, &["connection", "transfer-encoding"]);
                }
                (Http::One, Http::Two) => {
                    let status = StatusCode::from_u16(status).unwrap();
                    let reason = status.canonical_reason().unwrap_or_default();
                    answer.start = format!("HTTP/1.1 {} {reason}", status.as_u16());
                }
                (Http::One, Http::One) => {}
            }
            name_fields(answer, seen, client);
        },
    },
    Difference {
        name: "the order of an answer's fields",
        part: Part::Answer,
        why: "as in requests",
        rule: |answer, seen| reorder(answer, seen.through),
    },
    Difference {
        name: "how long the client's connection lasts",
        part: Part::Connection,
        why: "it is the proxy's own: it is kept if the client can and wants to keep it, whatever \
              the website does with its own. It ends, as the answer says, where the website first \
              said `100 Continue`, or refused before the body was sent, and where HTTP/1.0 has \
              no other end of a body. One of HTTP/2 is kept",
        rule: |connection, seen| {
            let Some(asked) = seen.asked else { return };
            let ends = |answer: &Message| {
                answer.header("content-length").is_some() || matches!(answer.status(), 204 | 304)
            };
            let wanted = match asked.start.ends_with("HTTP/1.0") {
                true => {
                    let ends = asked.method() == "HEAD" || seen.answer.is_some_and(ends);
                    ends && named(asked, "connection", "keep-alive")
                }
                false => !named(asked, "connection", "close"),
            };
            let wanted = wanted || seen.way.client == Http::Two;
            let waited = asked.header("expect").is_some() && seen.through.start == "closed";
            if connection.start != "its tunnel has ended" {
                connection.start = if wanted { "kept" } else { "closed" }.into();
            }
            if connection.start == "kept" && waited {
                connection.start = "closed".into();
            }
        },
    },
];
