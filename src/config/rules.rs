//! What holds for single paths of a site, and for its hosts: where it moved, who may see it, which
//! header fields are changed.
//!
//! Apart from the other settings because a site has its own: everything here is one value.

use super::error::ConfigError;
use super::settings::Settings;
use super::values;
use http::{HeaderName, HeaderValue, StatusCode};
use ipnet::IpNet;
use std::path::PathBuf;

/// What holds for a site's requests, whichever upstream answers them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// The host to send visitors to that come by its twin, with `www.` or without.
    pub canonical_host: Option<String>,
    /// The first that fits holds.
    pub redirects: Vec<Redirect>,
    /// Networks that alone may see what is under a path.
    pub allow: Vec<(String, IpNet)>,
    /// Networks that may not.
    pub deny: Vec<(String, IpNet)>,
    /// Files with the people who may see what is under a path.
    pub passwords: Vec<(String, PathBuf)>,
    pub request_fields: Vec<Field>,
    pub response_fields: Vec<Field>,
    /// Bytes of a request's body, at most.
    pub request_body: Option<usize>,
}

/// Where a path has moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    pub from: String,
    /// `from` is how the path begins; what comes then is put at the end of `to`.
    pub open: bool,
    pub to: String,
    pub status: u16,
}

/// A change to header fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// In the place of all of that name.
    Set(HeaderName, HeaderValue),
    Add(HeaderName, HeaderValue),
    Remove(HeaderName),
}

impl Rules {
    pub(super) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        let get = |path| settings.get(path);
        let under_network = |line: &str| under(line, values::network);
        Ok(Self {
            canonical_host: get("canonical_host").read_optional(values::host)?,
            redirects: get("paths.redirects").read_each(redirect)?,
            allow: get("paths.allow").read_each(under_network)?,
            deny: get("paths.deny").read_each(under_network)?,
            passwords: get("paths.passwords").read_each(|line| {
                under(line, |file| {
                    values::file(file).map_err(|why| format!("has {file}, which {why}"))
                })
            })?,
            request_fields: get("headers.request").read_each(field)?,
            response_fields: get("headers.response").read_each(field)?,
            request_body: get("limits.request_body").read_optional(values::size)?,
        })
    }
}

/// Reads `/PATH = WHAT`, for everything under a path.
pub(super) fn under<T>(
    line: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<(String, T), String> {
    let (path, what) = line
        .split_once('=')
        .map(|(path, what)| (path.trim(), what.trim()))
        .filter(|(path, what)| path.starts_with('/') && !what.is_empty())
        .ok_or_else(|| format!("has {line:?}, which is not written /PATH/ = …"))?;
    let path = values::target(path).map_err(|why| format!("has {path:?}, which {why}"))?;
    if path.contains('*') {
        return Err(format!("has {path:?}; write /PATH/ for all that begins so, without a star"));
    }
    if path.contains(['?', '%', '\\', ';']) || path.contains("//") || path.contains("/.") {
        return Err(format!(
            "has {path:?}; write the path decoded, without query, dots, `;` and backslashes"
        ));
    }
    Ok((path, read(what)?))
}

/// Reads `/FROM = /TO`, `/FROM/* = https://HOST/TO/*`, perhaps with a status behind it.
fn redirect(line: &str) -> Result<Redirect, String> {
    let wrong =
        || format!("has {line:?}, which is not written /FROM = /TO or /FROM/* = https://HOST/*");
    let (from, to) = line.split_once(" = ").ok_or_else(wrong)?;
    let (from, to) = (from.trim(), to.trim());
    let (to, status) = match to.split_once(' ') {
        None => (to, StatusCode::PERMANENT_REDIRECT.as_u16()),
        Some((to, status)) => {
            let status = status.trim().parse().ok();
            let status = status.filter(|status| [301, 302, 303, 307, 308].contains(status));
            (to, status.ok_or_else(|| format!("has {line:?}, whose status is no redirect's"))?)
        }
    };
    let (from, open) = from.strip_suffix('*').map_or((from, false), |from| (from, true));
    let (start, takes_rest) = to.strip_suffix('*').map_or((to, false), |to| (to, true));
    let url = start.split_once("://").filter(|(scheme, _)| ["http", "https"].contains(scheme));
    // What comes behind must not become a part of the host.
    let has_path = start.starts_with('/') || url.is_some_and(|(_, rest)| rest.contains('/'));
    let is_place = !start.starts_with("//") && (has_path || (url.is_some() && !takes_rest));
    let has_host = url.is_none_or(|(_, rest)| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        !host.is_empty() && !host.contains('@')
    });
    let plain = [from, start].iter().all(|text| text.bytes().all(|b| b.is_ascii_graphic()));
    if !from.starts_with('/')
        || from.contains(['*', '?'])
        || start.contains('*')
        || !plain
        || !is_place
        || !has_host
        || (takes_rest && !open)
    {
        return Err(wrong());
    }
    if (from == start && open == takes_rest) || (takes_rest && start.starts_with(from)) {
        return Err(format!("has {line:?}, which leads to itself"));
    }
    // Without a star at its end all of them lead to one place.
    let to = if takes_rest { to } else { start };
    Ok(Redirect { from: from.to_owned(), open, to: to.to_owned(), status })
}

/// Fields that say how a message is sent, which the proxy does itself.
const OWN: [&str; 9] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "date",
];

/// Reads `Name: value`, `+Name: value` or `-Name`.
fn field(line: &str) -> Result<Field, String> {
    let name = |text: &str| {
        let name = values::header_name(text.trim())?;
        if OWN.contains(&name.as_str()) {
            return Err(format!("has {name}, which the proxy itself writes"));
        }
        Ok(name)
    };
    if let Some(removed) = line.strip_prefix('-') {
        return name(removed).map(Field::Remove);
    }
    let (kind, rest): (fn(_, _) -> _, _) = match line.strip_prefix('+') {
        Some(rest) => (Field::Add, rest),
        None => (Field::Set, line),
    };
    let wrong =
        || format!("has {line:?}, which is not written `Name: value`, `+Name: value` or `-Name`");
    let (named, value) = rest.split_once(':').ok_or_else(wrong)?;
    let value = HeaderValue::from_str(value.trim()).map_err(|_| wrong())?;
    Ok(kind(name(named)?, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_written_plainly() {
        let read = |line| under(line, values::network).map(|(path, _)| path);
        assert_eq!(read("/admin/ = 10.0.0.0/8"), Ok("/admin/".into()));
        for (line, why) in [
            ("/admin/* = 10.0.0.0/8", "without a star"),
            ("/a%64min = 10.0.0.0/8", "decoded"),
            ("/a\\b = 10.0.0.0/8", "backslashes"),
            ("/a/../b = 10.0.0.0/8", "dots"),
            ("admin = 10.0.0.0/8", "not written"),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn redirects() {
        let read = |line| redirect(line).map(|r| (r.from, r.open, r.to, r.status));
        let moved = |from: &str, open, to: &str, status| Ok((from.into(), open, to.into(), status));
        assert_eq!(read("/old = /new"), moved("/old", false, "/new", 308));
        assert_eq!(read("/a = /b?c=d 302"), moved("/a", false, "/b?c=d", 302));
        assert_eq!(read("/b/* = https://b.org/*"), moved("/b/", true, "https://b.org/*", 308));
        assert_eq!(read("/shop/* = /closed"), moved("/shop/", true, "/closed", 308));
        assert_eq!(read("/x = https://b.org"), moved("/x", false, "https://b.org", 308));
        for wrong in [
            "/old",
            "old = /new",
            "/old = new",
            "/old = //evil.org",
            "/old = /new/*",
            "/o*d = /new",
            "/o/* = https://b.org*",
            "/o/* = ftp://b.org/*",
            "/o = /n 200",
            "/o = /o",
            "/o/* = /o/*",
            "/o/* = /o/new/*",
            "/o/* = https:///*",
            "/o = https://user@/",
        ] {
            redirect(wrong).unwrap_err();
        }
    }

    #[test]
    fn fields() {
        let name = HeaderName::from_static("x-a");
        let value = HeaderValue::from_static("b: c");
        assert_eq!(field("X-A: b: c"), Ok(Field::Set(name.clone(), value.clone())));
        assert_eq!(field("+X-A:b: c"), Ok(Field::Add(name.clone(), value)));
        assert_eq!(field("-X-A"), Ok(Field::Remove(name)));
        for wrong in ["", "X-A", "X A: b", "-", "-Content-Length", "Connection: close", "X-A: b\nc"]
        {
            field(wrong).unwrap_err();
        }
    }

    #[test]
    fn paths() {
        let read = |line| under(line, values::network);
        let (path, network) = read("/admin/ = 10.0.0.0/8").unwrap();
        assert_eq!((path.as_str(), network.to_string().as_str()), ("/admin/", "10.0.0.0/8"));
        for wrong in ["10.0.0.0/8", "admin = ::1", "/a =", "/a = x", "/a%20b = ::1", "/../ = ::1"] {
            read(wrong).unwrap_err();
        }
    }
}
