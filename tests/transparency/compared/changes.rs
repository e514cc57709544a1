//! What the rules of [`differences`](super::differences) do with messages.

use super::Http;
use super::differences::Seen;
use super::exchange::bytes;
use crate::common::wire::Message;
use headcount::capture::script::tag;

/// What tells a website who asks, as proxies of all kinds write it.
pub const FORWARDING: &[&str] = &[
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
pub fn drop_fields(message: &mut Message, names: &[&str]) {
    message.headers.retain(|(name, _)| {
        let name = name.to_ascii_lowercase();
        let alike = if names == FORWARDING { name.replace('_', "-") } else { name };
        !names.contains(&alike.as_str())
    });
}

pub fn put(message: &mut Message, name: &str, value: &str) {
    message.headers.push((name.to_owned(), value.to_owned()));
}

/// Whether a field that is a list has this element.
pub fn named(message: &Message, field: &str, element: &str) -> bool {
    let all = message.all(field).join(",");
    all.split(',').any(|e| e.trim().eq_ignore_ascii_case(element))
}

pub fn end_connection(message: &mut Message) {
    let listed = message.all("connection").join(",").to_ascii_lowercase();
    let listed: Vec<&str> = listed.split(',').map(str::trim).collect();
    drop_fields(message, &listed);
    drop_fields(message, &["connection", "keep-alive", "proxy-connection", "upgrade"]);
}

/// Writes names as they are written in the version that they go out by.
pub fn name_fields(message: &mut Message, seen: &Seen, by: Http) {
    if !seen.way.speaks_http2() {
        return;
    }
    for (name, _) in message.headers.iter_mut().chain(&mut message.trailers) {
        let through = seen.through.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        match (by, through) {
            (Http::Two, _) => name.make_ascii_lowercase(),
            (Http::One, Some((through, _))) => name.clone_from(through),
            (Http::One, None) => {}
        }
    }
}

/// A first line with all that is not ASCII percent-encoded.
pub fn encoded(line: &str) -> String {
    let encode = |c: char| match c.is_ascii() {
        true => c.to_string(),
        false => format!("%{:02X}", u32::from(c)),
    };
    line.chars().map(encode).collect()
}

/// A first line whose target names no host.
pub fn origin_form(line: &str) -> String {
    let Some((method, (_, rest))) = line.split_once(' ').and_then(|(method, target)| {
        target.split_once("://").filter(|_| !target.starts_with('/')).map(|parts| (method, parts))
    }) else {
        return line.to_owned();
    };
    let at = rest.find(['/', '?', ' ']).unwrap_or(rest.len());
    let slash = if rest[at..].starts_with('/') { "" } else { "/" };
    format!("{method} {slash}{}", &rest[at..])
}

/// Puts fields into the order of another message, as far as that keeps the order within a name.
pub fn reorder(message: &mut Message, like: &Message) {
    let mut left = std::mem::take(&mut message.headers);
    for (name, _) in &like.headers {
        if let Some(at) = left.iter().position(|(n, _)| n.eq_ignore_ascii_case(name)) {
            message.headers.push(left.remove(at));
        }
    }
    message.headers.append(&mut left);
}

/// Whether this is a date as RFC 9110 §5.6.7 wants it, such as `Tue, 15 Nov 1994 08:12:31 GMT`.
pub fn httpdate(text: &str) -> bool {
    chrono::NaiveDateTime::parse_from_str(text, "%a, %d %b %Y %H:%M:%S GMT").is_ok()
}

pub fn takes_a_tag(answer: &Message, seen: &Seen) -> bool {
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

pub fn add_tag(page: &mut Message) {
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
