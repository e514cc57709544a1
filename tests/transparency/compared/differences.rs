//! What differs through the proxy, and why: the whole list.
//!
//! A rule makes of what came directly what must come through the proxy. It is told what did come
//! only for values that cannot be known beforehand (the time of day, a view's id) and for the order
//! of fields.

use super::exchange::bytes;
use crate::common::wire::Message;
use headcount::capture::script::tag;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Part {
    /// What the website receives.
    Request,
    /// What the client receives.
    Answer,
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
    pub inject: bool,
    /// Of the client's request.
    pub scheme: &'static str,
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
              website's to read. An upgrade to WebSocket is asked for in the proxy's own words",
        rule: |request, seen| {
            let old = seen.asked.is_some_and(|asked| asked.start.ends_with("HTTP/1.0"));
            let websocket = !old
                && named(request, "connection", "upgrade")
                && named(request, "upgrade", "websocket");
            without_connection_fields(request);
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
        why: "the library does not pass trailers of HTTP/1 on",
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
            put(request, "x-forwarded-proto", seen.scheme);
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
        rule: |answer, _| {
            let protocols = answer.header("upgrade").map(str::to_owned);
            if answer.status() != 101 {
                without_connection_fields(answer);
                drop_fields(answer, &["trailer"]);
            }
            // It must say to what (RFC 9110 §15.5.22).
            if let (426, Some(protocols)) = (answer.status(), protocols) {
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
        why: "the library does not pass trailers of HTTP/1 on",
        rule: |answer, _| answer.trailers.clear(),
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
            if seen.inject && takes_a_tag(answer, seen) {
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
            if seen.inject {
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
            if seen.inject && answer.status() == 304 && ours == Some("W/\"v1-hc\"") {
                drop_fields(answer, &["etag"]);
                put(answer, "etag", "W/\"v1-hc\"");
            }
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
              no other end of a body",
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

/// What tells a website who asks, as proxies of all kinds write it.
const FORWARDING: &[&str] = &[
    "forwarded",
    "x-forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-forwarded-server",
    "x-real-ip",
    "x-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
];

/// Takes fields out, also where `_` stands for `-`, which many websites do not tell apart.
fn drop_fields(message: &mut Message, names: &[&str]) {
    message.headers.retain(|(name, _)| {
        let name = name.to_ascii_lowercase();
        let alike = if names == FORWARDING { name.replace('_', "-") } else { name };
        !names.contains(&alike.as_str())
    });
}

fn put(message: &mut Message, name: &str, value: &str) {
    message.headers.push((name.to_owned(), value.to_owned()));
}

/// Whether a field that is a list has this element.
fn named(message: &Message, field: &str, element: &str) -> bool {
    let all = message.all(field).join(",");
    all.split(',').any(|e| e.trim().eq_ignore_ascii_case(element))
}

fn without_connection_fields(message: &mut Message) {
    let listed = message.all("connection").join(",").to_ascii_lowercase();
    let listed: Vec<&str> = listed.split(',').map(str::trim).collect();
    drop_fields(message, &listed);
    drop_fields(message, &["connection", "keep-alive", "proxy-connection", "upgrade"]);
}

/// Puts fields into the order of another message, as far as that keeps the order within a name.
fn reorder(message: &mut Message, like: &Message) {
    let mut left = std::mem::take(&mut message.headers);
    for (name, _) in &like.headers {
        if let Some(at) = left.iter().position(|(n, _)| n.eq_ignore_ascii_case(name)) {
            message.headers.push(left.remove(at));
        }
    }
    message.headers.append(&mut left);
}

/// Whether this is a date as RFC 9110 §5.6.7 wants it, such as `Tue, 15 Nov 1994 08:12:31 GMT`.
fn httpdate(text: &str) -> bool {
    chrono::NaiveDateTime::parse_from_str(text, "%a, %d %b %Y %H:%M:%S GMT").is_ok()
}

fn takes_a_tag(answer: &Message, seen: &Seen) -> bool {
    let kind = answer.header("content-type").unwrap_or_default().to_ascii_lowercase();
    let head = seen.asked.is_some_and(|asked| asked.method() == "HEAD");
    let empty =
        if head { answer.header("content-length") == Some("0") } else { answer.body.is_empty() };
    kind.starts_with("text/html")
        && !kind.contains("utf-16")
        && matches!(answer.status(), 200 | 201 | 403 | 404 | 500)
        && answer.header("content-encoding").is_none_or(|coding| coding == "identity")
        && !named(answer, "cache-control", "no-transform")
        && answer.header("content-disposition") != Some("attachment")
        && !empty
}

fn add_tag(page: &mut Message) {
    let tag = bytes(&tag("/headcount.js"));
    for (name, value) in &mut page.headers {
        if name.eq_ignore_ascii_case("etag") {
            *name = "etag".into();
            let (opaque, mark) = match value.strip_prefix("W/") {
                Some(weak) => (weak, "-hcw"),
                None => (value.as_str(), "-hc"),
            };
            *value = format!("W/{}{mark}\"", opaque.strip_suffix('"').unwrap());
        }
    }
    drop_fields(page, &["accept-ranges", "content-digest", "content-length", "content-md5"]);
    drop_fields(page, &["digest", "repr-digest", "transfer-encoding"]);
    if page.body.is_empty() {
        return;
    }
    let text: String = page.body.iter().map(|&b| char::from(b)).collect();
    let at = ["</head>", "<body>", "<frameset>"].iter().find_map(|a| text.find(a)).unwrap_or(0);
    page.body.splice(at..at, tag);
}
