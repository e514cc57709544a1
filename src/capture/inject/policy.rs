//! What a page's content security policies say of the script: may it be loaded, and may it report?
//!
//! As browsers read them (Content Security Policy Level 3), for the one case at hand: a script of
//! the page's own origin, named in the page's markup, that reports to the same origin. What is not
//! understood forbids: then the page is left as it is, and nobody sees a violation.

use std::borrow::Cow;

/// A nonce longer than this is none that anybody writes.
const NONCE_MAX: usize = 256;

/// The origin of a page, as its browser has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub https: bool,
    /// Without the port.
    pub host: String,
    /// `None`: the scheme's own.
    pub port: Option<u16>,
}

/// What is to be loaded or asked for: paths on the page's own origin.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    pub origin: &'a Origin,
    pub script: &'a str,
    pub beacon: &'a str,
}

/// What all policies of a page agree on.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    Allowed,
    /// With this nonce on the tag.
    WithNonce(String),
    Forbidden,
}

/// One policy, as it is written.
pub type Policy = str;

/// What a field, or a `meta` element, holds: policies with commas between.
pub fn policies(text: &str) -> impl Iterator<Item = &Policy> {
    text.split(',').map(str::trim_ascii).filter(|policy| !policy.is_empty())
}

/// Judges the policies in force, and those that are only reported: a nonce that satisfies these too
/// is preferred, for then nothing is reported.
pub fn judge(enforced: &[&Policy], reported: &[&Policy], wanted: Wanted<'_>) -> Verdict {
    match agreed(&[enforced, reported].concat(), wanted) {
        Verdict::Forbidden if !reported.is_empty() => agreed(enforced, wanted),
        verdict => verdict,
    }
}

fn agreed(policies: &[&Policy], wanted: Wanted<'_>) -> Verdict {
    let says = |policy: &&Policy| Scripts::of(policy, wanted);
    if policies.iter().any(|policy| says(policy) == Scripts::Forbidden) {
        return Verdict::Forbidden;
    }
    let Some(first) = policies.iter().find(|policy| says(policy) == Scripts::ByNonce) else {
        return Verdict::Allowed;
    };
    let satisfies = |nonce: &str, policy: &&Policy| {
        says(policy) == Scripts::Allowed || nonces(policy).any(|other| other == nonce)
    };
    let nonce = nonces(first).find(|nonce| policies.iter().all(|policy| satisfies(nonce, policy)));
    nonce.map_or(Verdict::Forbidden, |nonce| Verdict::WithNonce(nonce.to_owned()))
}

/// What one policy says of the script.
#[derive(Debug, PartialEq, Eq)]
enum Scripts {
    Allowed,
    /// If the tag has one of the policy's nonces.
    ByNonce,
    Forbidden,
}

impl Scripts {
    fn of(policy: &Policy, wanted: Wanted<'_>) -> Self {
        let Wanted { origin, script, beacon } = wanted;
        // A page whose origin is no longer its own may not report to where it came from.
        if let Some(allowed) = directive(policy, "sandbox") {
            let has = |flag: &str| words(allowed).any(|word| word.eq_ignore_ascii_case(flag));
            if !has("allow-scripts") || !has("allow-same-origin") {
                return Self::Forbidden;
            }
        }
        let reports = directive(policy, "connect-src").or_else(|| directive(policy, "default-src"));
        if reports.is_some_and(|list| !words(list).any(|s| matches(s, origin, beacon))) {
            return Self::Forbidden;
        }
        let Some(list) = scripts(policy) else { return Self::Allowed };
        let is_strict = words(list).any(|word| word.eq_ignore_ascii_case("'strict-dynamic'"));
        if !is_strict && words(list).any(|source| matches(source, origin, script)) {
            Self::Allowed
        } else if nonces(policy).next().is_some() {
            Self::ByNonce
        } else {
            Self::Forbidden
        }
    }
}

/// The sources of scripts that are named in markup.
fn scripts(policy: &Policy) -> Option<&str> {
    ["script-src-elem", "script-src", "default-src"]
        .into_iter()
        .find_map(|name| directive(policy, name))
}

/// The nonces that allow a script. Only what the standard's grammar has: they are written into
/// markup.
fn nonces(policy: &Policy) -> impl Iterator<Item = &str> {
    const PREFIX: &str = "'nonce-";
    let fits = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_' | b'=');
    words(scripts(policy).unwrap_or_default())
        .filter(|word| word.get(..PREFIX.len()).is_some_and(|p| p.eq_ignore_ascii_case(PREFIX)))
        .filter_map(|word| word[PREFIX.len()..].strip_suffix('\''))
        .filter(move |n| (1..=NONCE_MAX).contains(&n.len()) && n.as_bytes().iter().all(fits))
}

/// A directive's value; of several of one name the first holds.
fn directive<'p>(policy: &'p Policy, name: &str) -> Option<&'p str> {
    policy.split(';').map(str::trim_ascii).find_map(|directive| {
        let end = directive.find(|c: char| c.is_ascii_whitespace()).unwrap_or(directive.len());
        let (named, value) = directive.split_at(end);
        named.eq_ignore_ascii_case(name).then_some(value)
    })
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_ascii_whitespace()
}

/// Whether a source names a path of the page's own origin (CSP3 §6.7.2.6).
fn matches(source: &str, origin: &Origin, path: &str) -> bool {
    if source == "*" || source.eq_ignore_ascii_case("'self'") {
        return true;
    }
    if source.starts_with('\'') {
        return false;
    }
    let (scheme, rest) = match source.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => match source.strip_suffix(':') {
            // A scheme by itself.
            Some(scheme) => return scheme_matches(scheme, origin),
            None => (None, source),
        },
    };
    if scheme.is_some_and(|scheme| !scheme_matches(scheme, origin)) {
        return false;
    }
    let (authority, of_path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    host_matches(host, &origin.host) && port_matches(port, origin) && path_matches(of_path, path)
}

/// A source for http is one for https too.
fn scheme_matches(scheme: &str, origin: &Origin) -> bool {
    scheme.eq_ignore_ascii_case("https") && origin.https || scheme.eq_ignore_ascii_case("http")
}

fn host_matches(pattern: &str, host: &str) -> bool {
    let pattern = pattern.to_ascii_lowercase();
    let host = host.to_ascii_lowercase();
    match pattern.strip_prefix('*') {
        Some("") => true,
        Some(suffix) => {
            suffix.starts_with('.') && host.len() > suffix.len() && host.ends_with(suffix)
        }
        None => pattern == host,
    }
}

fn port_matches(pattern: Option<&str>, origin: &Origin) -> bool {
    let usual = if origin.https { 443 } else { 80 };
    let port = origin.port.unwrap_or(usual);
    match pattern {
        None => port == usual,
        Some("*") => true,
        // A source for port 80 is one for https too.
        Some(pattern) => pattern
            .parse::<u16>()
            .is_ok_and(|pattern| pattern == port || (pattern == 80 && origin.https && port == 443)),
    }
}

fn path_matches(pattern: &str, path: &str) -> bool {
    let decoded =
        |text| -> Cow<'_, str> { percent_encoding::percent_decode_str(text).decode_utf8_lossy() };
    let (pattern, path) = (decoded(pattern), decoded(path));
    match &*pattern {
        "" | "/" => true,
        folder if folder.ends_with('/') => path.starts_with(folder),
        file => path == file,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(url: &str) -> Origin {
        let url = url::Url::parse(url).unwrap();
        let host = url.host_str().unwrap().to_owned();
        Origin { https: url.scheme() == "https", host, port: url.port() }
    }

    fn verdict(enforced: &[&str], reported: &[&str], at: &str) -> Verdict {
        let origin = origin(at);
        let wanted = Wanted { origin: &origin, script: "/headcount.js", beacon: "/api/track" };
        judge(enforced, reported, wanted)
    }

    const SITE: &str = "https://www.example.org/";

    fn check(policy: &str, allowed: bool) {
        let expected = if allowed { Verdict::Allowed } else { Verdict::Forbidden };
        assert_eq!(verdict(&[policy], &[], SITE), expected, "{policy}");
    }

    #[test]
    fn without_a_word_of_scripts_or_reports_both_are_allowed() {
        for policy in ["", "img-src 'none'", "upgrade-insecure-requests", "frame-ancestors 'none'"]
        {
            check(policy, true);
        }
        assert_eq!(verdict(&[], &[], SITE), Verdict::Allowed);
        check("require-trusted-types-for 'script'; trusted-types 'none'", true);
    }

    #[test]
    fn the_nearest_directive_decides() {
        check("default-src 'self'", true);
        check("default-src 'none'", false);
        check("default-src 'none'; script-src 'self'", false);
        check("default-src 'none'; script-src 'self'; connect-src 'self'", true);
        check("script-src 'none'; script-src-elem 'self'", true);
        check("script-src 'self'; script-src-elem 'none'", false);
        check("script-src-attr 'none'", true);
        check("Script-Src 'SELF' ; CONNECT-SRC 'Self'", true);
        check("script-src 'self'; connect-src 'none'", false);
        check("script-src 'self'; connect-src https://api.example.com", false);
        // The first of a name holds.
        check("script-src 'self'; script-src 'none'", true);
        check("script-src 'none'; script-src 'self'", false);
        check("script-src", false);
        check("script-src 'none' 'self'", true);
    }

    #[test]
    fn a_source_names_the_pages_own_origin_in_many_ways() {
        for source in [
            "*",
            "https:",
            "http:",
            "HTTPS:",
            "https://www.example.org",
            "http://www.example.org",
            "www.example.org",
            "WWW.Example.org:443",
            "www.example.org:80",
            "www.example.org:*",
            "*.example.org",
            "https://*",
            "https://*:443",
            "www.example.org/headcount.js",
            "https://www.example.org/%68eadcount.js",
            "www.example.org/",
        ] {
            check(&format!("script-src 'sha256-x' {source}"), true);
        }
        for source in [
            "'none'",
            "'unsafe-inline'",
            "'unsafe-eval'",
            "'sha256-AAAA'",
            "data:",
            "wss:",
            "example.org",
            "*.www.example.org",
            "www.example.org:8443",
            "www.example.org/js/",
            "www.example.org/headcount.jsx",
            "https://www.example.org.evil.test",
            "ftp://www.example.org",
            "self",
            "::",
        ] {
            check(&format!("script-src {source}"), false);
        }
        let at = |policy, at| verdict(&[policy], &[], at);
        assert_eq!(at("script-src https:", "http://h/"), Verdict::Forbidden);
        assert_eq!(at("script-src http:", "http://h/"), Verdict::Allowed);
        assert_eq!(at("script-src h:8080", "http://h:8080/"), Verdict::Allowed);
        assert_eq!(at("script-src h", "http://h:8080/"), Verdict::Forbidden);
        assert_eq!(at("script-src [::1]:8080", "http://[::1]:8080/"), Verdict::Allowed);
        // The path of reports.
        let reports = "connect-src https://www.example.org/api/";
        check(reports, true);
        check("connect-src https://www.example.org/other", false);
    }

    #[test]
    fn a_nonce_is_taken_where_nothing_else_allows_the_script() {
        let with = |nonce: &str| Verdict::WithNonce(nonce.to_owned());
        let strict = "script-src 'nonce-r4nd+/=' 'strict-dynamic' 'self' https:; object-src 'none'";
        assert_eq!(verdict(&[strict], &[], SITE), with("r4nd+/="));
        assert_eq!(verdict(&["script-src 'self' 'nonce-a'"], &[], SITE), Verdict::Allowed);
        assert_eq!(verdict(&["script-src 'Nonce-a'"], &[], SITE), with("a"));
        assert_eq!(verdict(&["default-src 'nonce-a'"], &[], SITE), Verdict::Forbidden);
        assert_eq!(verdict(&["default-src 'nonce-a'; connect-src *"], &[], SITE), with("a"));
        // The nonce of another directive is of no use.
        assert_eq!(
            verdict(&["script-src 'none'; style-src 'nonce-a'"], &[], SITE),
            Verdict::Forbidden
        );
        check("script-src 'strict-dynamic' 'self'", false);
        check("script-src 'strict-dynamic' 'sha256-x'", false);
        for nonce in ["", "a b", "a\"b", "a>b", "a'b", &"a".repeat(300)] {
            check(&format!("script-src 'nonce-{nonce}'"), false);
        }
    }

    #[test]
    fn several_policies_must_agree() {
        let with = |nonce: &str| Verdict::WithNonce(nonce.to_owned());
        assert_eq!(verdict(&["script-src 'self'", "default-src *"], &[], SITE), Verdict::Allowed);
        assert_eq!(
            verdict(&["script-src 'self'", "script-src a.b"], &[], SITE),
            Verdict::Forbidden
        );
        assert_eq!(verdict(&["script-src 'nonce-a'", "script-src 'self'"], &[], SITE), with("a"));
        let two = ["script-src 'nonce-a' 'nonce-b'", "script-src 'nonce-b'"];
        assert_eq!(verdict(&two, &[], SITE), with("b"));
        let apart = ["script-src 'nonce-a'", "script-src 'nonce-b'"];
        assert_eq!(verdict(&apart, &[], SITE), Verdict::Forbidden);
        let text = "script-src 'self', default-src 'none' ,,";
        assert_eq!(policies(text).collect::<Vec<_>>(), ["script-src 'self'", "default-src 'none'"]);
    }

    #[test]
    fn what_is_only_reported_forbids_nothing_but_is_spared_where_it_can_be() {
        let with = |nonce: &str| Verdict::WithNonce(nonce.to_owned());
        assert_eq!(verdict(&[], &["script-src 'none'"], SITE), Verdict::Allowed);
        assert_eq!(verdict(&[], &["script-src 'nonce-a'"], SITE), with("a"));
        assert_eq!(verdict(&["script-src 'none'"], &["script-src *"], SITE), Verdict::Forbidden);
    }

    #[test]
    fn a_sandbox_must_leave_the_page_its_scripts_and_its_origin() {
        check("sandbox", false);
        check("sandbox allow-scripts", false);
        check("sandbox allow-same-origin allow-forms", false);
        check("sandbox allow-same-origin allow-scripts", true);
    }
}
