//! What stands behind a site: one or several upstreams, how requests are shared out among them, and
//! what is known of their health.
//!
//! Apart from the other settings because a site has its own: everything here is one value, read
//! from one table of settings.

use super::error::ConfigError;
use super::settings::{Settings, Typed};
use super::validate::{WAIT, duration};
use super::{Config, SiteConfig, UpstreamTls, rules, values};
use std::fmt;
use std::net::{Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;
use url::{Host, Url};

/// Upstreams of one site, at most: those that a request was sent to are remembered as bits.
const MOST: usize = 64;

/// Largest weight: above, a share is a slip of the finger.
const HEAVIEST: u32 = 1_000;

/// What stands behind a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstreams {
    /// At least one, at most 64, each another address.
    pub all: Vec<Weighted>,
    /// Others for what is under a path; the longest path that fits holds.
    pub routes: Vec<Route>,
    pub tls: UpstreamTls,
    pub method: Method,
    pub health: Health,
    /// HTML to show while none can be reached.
    pub maintenance_page: Option<PathBuf>,
}

/// Upstreams for what is under a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub path: String,
    /// As [`Upstreams::all`].
    pub all: Vec<Weighted>,
}

/// An upstream with its share of the requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weighted {
    pub upstream: Upstream,
    /// At least 1.
    pub weight: u32,
}

/// Where a website is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upstream {
    /// `host` is a name or an address, an IPv6 one without brackets.
    Tcp { scheme: Scheme, host: String, port: u16 },
    /// HTTP without TLS over a Unix socket.
    Unix(PathBuf),
}

/// What is spoken with a website.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Http,
    Https,
    /// HTTP/2 without TLS.
    H2c,
}

/// How requests are shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// In turn, by weight.
    RoundRobin,
    /// To the one with the fewest requests on their way, by weight.
    LeastConnections,
    /// Every path to the same one.
    PathHash,
}

/// How it is found out whether an upstream works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// `None`: upstreams are not asked.
    pub path: Option<String>,
    pub interval: Duration,
    pub timeout: Duration,
    /// Checks in a row that fail until it counts as down …
    pub failures: u32,
    /// … and that succeed until it counts as up again.
    pub successes: u32,
    /// How long one is not used that a request could not reach. May be zero: it is used all the
    /// same.
    pub pause: Duration,
}

impl Upstreams {
    /// `forwards`: there must be a website.
    pub(super) fn of_site(settings: &Settings, forwards: bool) -> Result<Self, ConfigError> {
        let get = |path| settings.get(path);
        let all = upstreams_of(get("upstream"), forwards)?;
        let mut routes: Vec<Route> = Vec::new();
        for (path, weighted) in
            get("paths.upstreams").read_each(|line| rules::under(line, weighted_in_list))?
        {
            match routes.iter_mut().find(|route| route.path == path) {
                Some(route) => route.all.push(weighted),
                None => routes.push(Route { path, all: vec![weighted] }),
            }
        }
        group(&all).map_err(|why| get("upstream").error(why))?;
        for route in &routes {
            group(&route.all).map_err(|why| get("paths.upstreams").error(why))?;
        }
        let count = |path| Ok(get(path).number(1..=1_000)? as u32);
        Ok(Self {
            all,
            routes,
            tls: UpstreamTls {
                verify: get("upstream_tls.verify").on(),
                sni: get("upstream_tls.sni").read_optional(values::host)?,
                ca: get("upstream_tls.ca").read_optional(values::file)?,
                http2: get("upstream_tls.http2").on(),
            },
            method: get("balance.method").read(|text| {
                let words = [
                    ("round_robin", Method::RoundRobin),
                    ("least_connections", Method::LeastConnections),
                    ("path_hash", Method::PathHash),
                ];
                values::word(text, &words)
            })?,
            health: Health {
                path: get("health.path").read_optional(values::target)?,
                interval: duration(settings, "health.interval", WAIT)?,
                timeout: duration(settings, "health.timeout", WAIT)?,
                failures: count("health.failures")?,
                successes: count("health.successes")?,
                pause: duration(settings, "health.pause", Duration::ZERO..=*WAIT.end())?,
            },
            maintenance_page: get("maintenance_page").read_optional(values::file)?,
        })
    }
}

/// What stands behind a site; nothing that can be reached where it is not forwarded to.
fn upstreams_of(upstream: &Typed, forwards: bool) -> Result<Vec<Weighted>, ConfigError> {
    if !forwards {
        let (scheme, host, port) = (Scheme::Http, "127.0.0.1".to_owned(), 0);
        return Ok(vec![Weighted { upstream: Upstream::Tcp { scheme, host, port }, weight: 1 }]);
    }
    if upstream.value.is_empty() {
        let why = match upstream.of {
            None => "is not set; name your website, as in --upstream http://127.0.0.1:3000",
            Some(_) => "is not set; name the site's website: upstream = \"http://127.0.0.1:3000\"",
        };
        let place = upstream.of.as_ref().map_or_else(String::new, |site| format!("{site}: "));
        return Err(ConfigError::new(format!("{place}upstream"), why));
    }
    upstream.read_each_alone(weighted)
}

/// What of a site's upstreams other settings forbid.
pub(super) fn together(
    config: &Config,
    site: &SiteConfig,
    settings: &Settings,
) -> Result<(), ConfigError> {
    let wrong = |path: &str, why: &str| Err(settings.get(path).error(why));
    for (nth, upstream) in site.upstreams.each().enumerate() {
        if let Upstream::Tcp { host, port, .. } = upstream
            && [config.listen, config.admin].into_iter().any(|own| is_own(own, host, *port))
        {
            let why = "is where this program itself listens: nobody would ever answer";
            let routed = nth >= site.upstreams.all.len();
            return wrong(if routed { "paths.upstreams" } else { "upstream" }, why);
        }
    }
    Ok(())
}

/// Whether a website's address is one that this program listens at, under whatever name.
fn is_own(listen: SocketAddr, host: &str, port: u16) -> bool {
    // Names are looked up only where the answer matters.
    if port != listen.port() || port == 0 {
        return false;
    }
    let Ok(mut found) = (host.trim_matches(['[', ']']), port).to_socket_addrs() else {
        return false;
    };
    let listens = listen.ip().to_canonical();
    found.any(|address| {
        let to = address.ip().to_canonical();
        // Who connects to "any address" reaches this machine.
        let here = to.is_unspecified() || UdpSocket::bind((to, 0)).is_ok();
        to == listens || (here && (listens.is_unspecified() || to.is_unspecified()))
    })
}

/// What upstreams that share requests cannot be.
fn group(all: &[Weighted]) -> Result<(), String> {
    if all.len() > MOST {
        return Err("has more than 64 upstreams".into());
    }
    for (i, Weighted { upstream, .. }) in all.iter().enumerate() {
        if all[..i].iter().any(|before| before.upstream == *upstream) {
            return Err(format!("has {upstream} twice; write weight=2"));
        }
    }
    Ok(())
}

impl Upstreams {
    /// All upstreams, with those of single paths.
    pub fn each(&self) -> impl Iterator<Item = &Upstream> {
        let routed = self.routes.iter().flat_map(|route| &route.all);
        self.all.iter().chain(routed).map(|weighted| &weighted.upstream)
    }
}

impl fmt::Display for Upstreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, Weighted { upstream, .. }) in self.all.iter().enumerate() {
            f.write_str(if i > 0 { ", " } else { "" })?;
            upstream.fmt(f)?;
        }
        Ok(())
    }
}

impl Upstream {
    /// Host and port, as a URL and `Host` have them. `None`: it has none.
    pub fn authority(&self) -> Option<String> {
        let Self::Tcp { host, port, .. } = self else { return None };
        Some(match host.parse::<Ipv6Addr>() {
            Ok(_) => format!("[{host}]:{port}"),
            Err(_) => format!("{host}:{port}"),
        })
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { scheme, .. } => {
                let scheme = match scheme {
                    Scheme::Http => "http",
                    Scheme::Https => "https",
                    Scheme::H2c => "h2c",
                };
                write!(f, "{scheme}://{}", self.authority().unwrap_or_default())
            }
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Reads `URL` or `URL weight=N`.
pub(super) fn weighted(text: &str) -> Result<Weighted, String> {
    let (url, weight) = match text.split_once(char::is_whitespace) {
        None => (text, 1),
        Some((url, rest)) => {
            let weight = rest.trim().strip_prefix("weight=").and_then(|n| n.parse().ok());
            let weight = weight.filter(|weight| (1..=HEAVIEST).contains(weight)).ok_or(
                "has more than a URL and its weight: write http://10.0.0.2:3000 weight=2, with 1 to \
                 1000",
            )?;
            (url, weight)
        }
    };
    Ok(Weighted { upstream: upstream(url)?, weight })
}

fn weighted_in_list(text: &str) -> Result<Weighted, String> {
    weighted(text).map_err(|why| format!("has {text:?}, which {why}"))
}

fn upstream(text: &str) -> Result<Upstream, String> {
    if let Some(path) = text.strip_prefix("unix:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        return if path.starts_with('/') {
            Ok(Upstream::Unix(path.into()))
        } else {
            Err("needs an absolute path: write unix:/run/site.sock".into())
        };
    }
    if !text.contains("://") {
        // Without what may be a password.
        let host = text.rsplit('@').next().unwrap_or(text);
        return Err(format!("is not a URL: write http://{host} or https://{host}"));
    }
    let url = Url::parse(text).map_err(|e| format!("is not a URL: {e}"))?;
    let scheme = match url.scheme() {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        "h2c" => Scheme::H2c,
        _ => return Err("has a scheme other than http, https, h2c and unix".into()),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds credentials; they belong to the website's own log-in".into());
    }
    // The path of a scheme that the URL standard does not know may be empty.
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err("has a path or a query; requests are forwarded with their own, \
                    so write scheme, host and port only"
            .into());
    }
    let host = match url.host() {
        // As typed, under such a scheme.
        Some(Host::Domain(name)) => match Host::parse(name).map_err(|e| e.to_string())? {
            Host::Domain(name) => name,
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        },
        Some(Host::Ipv4(address)) => address.to_string(),
        Some(Host::Ipv6(address)) => address.to_string(),
        None => return Err("names no host".into()),
    };
    match url.port_or_known_default().or(Some(80)) {
        Some(port) if port > 0 => Ok(Upstream::Tcp { scheme, host, port }),
        _ => Err("names port 0, where nothing can be reached".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upstreams() {
        use Scheme::{H2c, Http, Https};
        let tcp = |scheme, host: &str, port| Ok(Upstream::Tcp { scheme, host: host.into(), port });
        assert_eq!(upstream("http://127.0.0.1:3000"), tcp(Http, "127.0.0.1", 3000));
        assert_eq!(upstream("https://Example.org/"), tcp(Https, "example.org", 443));
        assert_eq!(upstream("h2c://Example.org"), tcp(H2c, "example.org", 80));
        assert_eq!(upstream("h2c://127.0.0.1:50051/"), tcp(H2c, "127.0.0.1", 50_051));
        assert_eq!(upstream("http://[::1]"), tcp(Http, "::1", 80));
        assert_eq!(upstream("unix:/run/s.sock"), Ok(Upstream::Unix("/run/s.sock".into())));
        assert_eq!(upstream("unix:///run/s.sock"), Ok(Upstream::Unix("/run/s.sock".into())));
        for (wrong, why) in [
            ("127.0.0.1:3000", "write http://127.0.0.1:3000 or"),
            ("ftp://host", "scheme other than"),
            ("http://", "is not a URL"),
            ("http://host:99999", "invalid port"),
            ("http://host:0", "port 0"),
            ("h2c://host:0", "port 0"),
            ("http://host/app", "path or a query"),
            ("h2c://host/app", "path or a query"),
            ("http://host?x", "path or a query"),
            ("http://host#x", "path or a query"),
            ("http://u:p@host", "credentials"),
            ("unix:run/s.sock", "absolute path"),
        ] {
            let error = upstream(wrong).unwrap_err();
            assert!(error.contains(why), "{wrong}: {error}");
        }
    }

    #[test]
    fn an_upstream_prints_as_it_is_read() {
        for text in ["http://h:80", "https://h:8443", "h2c://h:80", "http://[::1]:80", "unix:/s"] {
            assert_eq!(upstream(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn weights() {
        for (text, weight) in [("http://h", 1), ("http://h weight=3", 3), ("unix:/s  weight=1", 1)]
        {
            assert_eq!(weighted(text).map(|w| w.weight), Ok(weight), "{text}");
        }
        for wrong in
            ["http://h 3", "http://h weight=0", "http://h weight=1001", "http://h weight=x"]
        {
            assert!(weighted(wrong).unwrap_err().contains("weight=2"), "{wrong}");
        }
    }
}
