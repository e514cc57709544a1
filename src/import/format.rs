//! Formats by name, and which one a log has.

use super::haproxy::HaProxy;
use super::json::Server;
use super::pattern::Pattern;
use super::record::Record;
use super::time::Times;
use super::w3c::W3c;
use once_cell::sync::Lazy;

/// How the lines of a log are written.
#[derive(Debug, Clone, PartialEq)]
pub enum Format {
    Pattern(Pattern),
    Json(Server),
    HaProxy(HaProxy),
    W3c(W3c),
}

/// What a line is.
#[expect(clippy::large_enum_variant, reason = "nearly all are, and none is kept")]
pub enum Line<'a> {
    Request(Record<'a>),
    /// It says something of the log, or nothing.
    Comment,
    Misfit,
}

const COMBINED: &str = "$remote_addr - $remote_user [$time_local] \"$request\" $status \
                        $body_bytes_sent \"$http_referer\" \"$http_user_agent\"";
const MAIN: &str = "$remote_addr - $remote_user [$time_local] \"$request\" $status \
                    $body_bytes_sent \"$http_referer\" \"$http_user_agent\" \
                    \"$http_x_forwarded_for\"";
const COMMON: &str = "%h %l %u %t \"%r\" %>s %b";
const VHOST: &str = "%v:%p %h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\"";
const TRAEFIK: &str = "$remote_addr - $user [$time_local] \"$request\" $status $body_bytes_sent \
                       \"$http_referer\" \"$http_user_agent\" $count \"$router\" \"$server\" ${took}ms";
/// More is behind it, and more every other year.
const ALB: &str = "$type $time_iso8601 $elb $remote_addr $target $waited $upstream_response_time \
                   $sent $status $target_status $received $body_bytes_sent \"$request\" \
                   \"$http_user_agent\"";

/// Names that `--format` knows, with what they are.
pub const NAMES: [(&str, &str); 11] = [
    ("combined", "nginx, Apache, Caddy before 2, and most others"),
    ("common", "the same without referrer and user agent"),
    ("vhost", "Apache's vhost_combined: combined behind HOST:PORT"),
    ("main", "nginx's package: combined and the X-Forwarded-For header"),
    ("caddy", "Caddy's JSON"),
    ("traefik", "Traefik's JSON"),
    ("traefik-common", "Traefik's own combined"),
    ("haproxy", "HAProxy's option httplog; haproxy:Host|User-Agent|Referer names its captures"),
    ("cloudfront", "Amazon CloudFront's standard logs"),
    ("alb", "Amazon's application load balancer"),
    ("w3c", "W3C extended, as IIS writes it"),
];

/// Formats to try on a log, the most telling first.
static KNOWN: Lazy<Vec<(&str, Format)>> = Lazy::new(|| {
    let names = [
        "caddy",
        "traefik",
        "alb",
        "traefik-common",
        "haproxy",
        "vhost",
        "main",
        "combined",
        "common",
    ];
    let mut known: Vec<(&str, Format)> =
        names.iter().filter_map(|name| Some((*name, Format::new(name).ok()?))).collect();
    // With more fields of its own behind it.
    let more = Pattern::open(&format!("{COMBINED} ")).map(Format::Pattern);
    known.extend(more.ok().map(|format| ("combined and more", format)));
    known
});

impl Format {
    /// By its name, or by a pattern of nginx or Apache.
    ///
    /// # Errors
    /// In words, what is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        let pattern = |text| Pattern::new(text).map(Self::Pattern);
        match text {
            "combined" => pattern(COMBINED),
            "main" => pattern(MAIN),
            "common" => pattern(COMMON),
            "vhost" => pattern(VHOST),
            "traefik-common" => pattern(TRAEFIK),
            "alb" => Pattern::open(ALB).map(Self::Pattern),
            "caddy" => Ok(Self::Json(Server::Caddy)),
            "traefik" => Ok(Self::Json(Server::Traefik)),
            "haproxy" => Ok(Self::HaProxy(HaProxy::default())),
            "w3c" | "cloudfront" => Ok(Self::W3c(W3c::default())),
            _ => match text.strip_prefix("haproxy:") {
                Some(captures) => Ok(Self::HaProxy(HaProxy::new(captures))),
                None if text.contains(['$', '%']) => pattern(text),
                None => {
                    let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
                    Err(format!("is none of {}, and no pattern", names.join(", ")))
                }
            },
        }
    }

    /// What most of the first lines of a log fit, and its name.
    pub fn found(lines: &[&[u8]], times: &Times) -> Option<(&'static str, Self)> {
        let lines: Vec<&[u8]> = lines.iter().copied().filter(|line| !line.is_empty()).collect();
        if lines.first()?.starts_with(b"#") {
            return Some(("w3c", Self::W3c(W3c::default())));
        }
        let fitting = |format: &Self| {
            let (mut format, mut times) = (format.clone(), times.clone());
            let fits = |line: &&&[u8]| matches!(format.read(line, &mut times), Line::Request(_));
            lines.iter().filter(fits).count()
        };
        let mut best: Option<(usize, &(&'static str, Self))> = None;
        for known in KNOWN.iter() {
            let fit = fitting(&known.1);
            if fit == lines.len() {
                return Some(known.clone());
            }
            if best.is_none_or(|(most, _)| fit > most) {
                best = Some((fit, known));
            }
        }
        best.filter(|(fit, _)| 2 * fit >= lines.len()).map(|(_, known)| known.clone())
    }

    /// Reads a line, without what ends it.
    pub fn read<'a>(&mut self, line: &'a [u8], times: &mut Times) -> Line<'a> {
        let record = match self {
            _ if line.is_empty() => return Line::Comment,
            Self::W3c(w3c) => {
                if w3c.direct(line) {
                    return Line::Comment;
                }
                w3c.parse(line, times)
            }
            Self::Pattern(pattern) => pattern.parse(line, times),
            Self::Json(server) => server.parse(line, times),
            Self::HaProxy(haproxy) => haproxy.parse(line, times),
        };
        record.map_or(Line::Misfit, Line::Request)
    }

    /// Whether robots can be told from people, as far as is known before a line is read.
    pub fn tells_agent(&self) -> bool {
        match self {
            Self::Pattern(pattern) => pattern.tells_agent(),
            Self::HaProxy(haproxy) => haproxy.tells_agent(),
            Self::W3c(w3c) => w3c.tells_agent(),
            Self::Json(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::Tz;

    fn found(lines: &[&str]) -> Option<&'static str> {
        let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
        Format::found(&lines, &Times::new(Tz::UTC)).map(|(name, _)| name)
    }

    #[test]
    fn every_name_is_a_format() {
        for (name, _) in NAMES {
            assert!(Format::new(name).is_ok(), "{name}");
        }
        assert!(Format::new("combine").unwrap_err().contains("combined"));
        assert_eq!(KNOWN.len(), 10);
    }

    #[test]
    fn a_log_says_what_it_is() {
        const REQUEST: &str = "[29/Nov/2026:20:15:00 +0100] \"GET / HTTP/1.1\" 200 5";
        let common = format!("192.0.2.1 - - {REQUEST}");
        let combined = format!("{common} \"-\" \"Mozilla/5.0\"");
        for (line, name) in [
            (common.clone(), Some("common")),
            (combined.clone(), Some("combined")),
            (format!("2001:db8::1 - - {REQUEST} \"-\" \"x\""), Some("combined")),
            // As many words as HAProxy writes.
            (
                format!(
                    "{common} \"-\" \"Mozilla/5.0 (X11; Linux x86_64; rv:153.0) \
                     Gecko/20100101 Firefox/153.0\""
                ),
                Some("combined"),
            ),
            (format!("example.org:443 {combined}"), Some("vhost")),
            (format!("{combined} \"203.0.113.7\""), Some("main")),
            (format!("{combined} 0.012 \"x\""), Some("combined and more")),
            (
                format!("{combined} 12 \"a@file\" \"http://10.0.0.2:80\" 3ms"),
                Some("traefik-common"),
            ),
            ("#Version: 1.0".to_owned(), Some("w3c")),
            (
                "h2 2026-11-29T19:15:00.186641Z app/lb/50dc6c495c0c9188 192.0.2.1:2817 \
                 10.0.0.1:80 0.000 0.001 0.000 200 200 34 366 \"GET https://example.org:443/ \
                 HTTP/2.0\" \"Mozilla/5.0\" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn \"Root=1\""
                    .to_owned(),
                Some("alb"),
            ),
            ("hello world".to_owned(), None),
        ] {
            assert_eq!(found(&[&line]), name, "{line}");
        }
        // What some lines lack does not matter.
        assert_eq!(found(&[&combined, "\\x16\\x03", &combined, ""]), Some("combined"));
        assert_eq!(found(&[]), None);
    }
}
