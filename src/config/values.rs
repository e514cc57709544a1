//! Single values, from their text: durations, sizes, addresses, names.
//!
//! Each reader says what is wrong and how it is written right, as the end of a sentence that
//! begins with the value. Which setting it belongs to is not known here.

use super::error::did_you_mean;
use super::{CertificateFiles, NameServer};
use crate::host;
use crate::model::glob::Glob;
use crate::model::hosts::EVERY_HOST;
use crate::page_name;
use crate::store::{BadStoreUrl, StoreUrl};
use chrono_tz::Tz;
use http::{HeaderName, HeaderValue, Uri};
use ipnet::IpNet;
use iso_currency::{Country, Currency};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

type Read<T> = Result<T, String>;

pub(super) fn store(text: &str) -> Read<StoreUrl> {
    text.parse().map_err(|bad: BadStoreUrl| bad.problem().to_owned())
}

pub(super) fn socket(text: &str) -> Read<SocketAddr> {
    text.parse().map_err(|_| {
        "is no address with a port: write 127.0.0.1:8080, 0.0.0.0:80 or [::]:80".into()
    })
}

/// `system`, or the address of a server, by default at DNS's port.
pub(super) fn name_server(text: &str) -> Read<NameServer> {
    let with_port = || text.parse::<SocketAddr>().ok();
    let alone = || Some(SocketAddr::new(text.parse().ok()?, 53));
    match (text, with_port().or_else(alone)) {
        ("system", _) => Ok(NameServer::System),
        (_, Some(address)) => Ok(NameServer::At(address)),
        _ => Err("is neither system nor an address: write 192.0.2.53 or 127.0.0.1:5353".into()),
    }
}

/// The number of an autonomous system, `AS64500`.
pub(super) fn as_number(text: &str) -> Read<u32> {
    let digits = text.trim_start_matches(['A', 'S', 'a', 's']);
    digits.parse().map_err(|_| format!("has {text:?}, no number of a network: write AS64500"))
}

/// A machine and where its keys are: `NAME=URL`.
pub(super) fn bot_signer(text: &str) -> Read<(String, Uri)> {
    let wrong = || format!("has {text:?}: write NAME=https://HOST");
    let (name, url) = text.split_once('=').ok_or_else(wrong)?;
    let url: Uri = url.trim().parse().map_err(|_| wrong())?;
    let name = name.trim();
    let is_name = (1..=40).contains(&name.len()) && !name.contains(|c: char| c.is_control());
    if is_web(&url) && is_name { Ok((name.to_owned(), url)) } else { Err(wrong()) }
}

/// A network, or a single address as a network of one.
pub(super) fn network(text: &str) -> Read<IpNet> {
    let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network
        .map(|network| network.trunc())
        .map_err(|_| format!("has {text:?}, no address or network: write 10.0.0.1 or 10.0.0.0/8"))
}

/// A site's name, in lower case. It becomes part of keys, so it is kept plain.
pub(super) fn site_name(text: &str) -> Read<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    match text.len() {
        1..=253 if text.chars().all(plain) => Ok(text.to_ascii_lowercase()),
        _ => Err("is no site name: 1 to 253 letters, digits, dots and dashes".into()),
    }
}

/// A host as a `Host` header names it, without its port, in the form hosts are compared in.
pub(super) fn host(text: &str) -> Read<String> {
    let host = host::plain(text);
    let is_name = (1..=253).contains(&host.len()) && host::is_plain(&host);
    match host::parsed(text) {
        Some(parsed) if is_name || parsed.starts_with('[') => Ok(host.into_owned()),
        _ => Err(format!("has {text:?}, no host: write www.example.org, without port")),
    }
}

/// The same of a site: also `*.example.org`, all names below one, and `*`, all that are no other
/// site's.
pub(super) fn site_host(text: &str) -> Read<String> {
    if text == EVERY_HOST {
        return Ok(text.to_owned());
    }
    let Some(parent) = text.strip_prefix("*.") else { return host(text) };
    host(parent).map(|parent| format!("*.{parent}")).map_err(|_| {
        format!("has {text:?}, no host: write www.example.org, *.example.org or *, without port")
    })
}

pub(super) fn timezone(text: &str) -> Read<Tz> {
    text.parse().map_err(|_| {
        let hint = did_you_mean(text, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()));
        format!("is no IANA time zone{hint}")
    })
}

/// As browsers write it in `Origin`.
pub(super) fn origin(text: &str) -> Read<HeaderValue> {
    let plain = |uri: &Uri| {
        let (scheme, authority) = uri.scheme_str().zip(uri.authority())?;
        let usual = ["http", "https"].iter().position(|known| *known == scheme)?;
        let port = authority.port_u16().filter(|port| *port != [80, 443][usual]);
        let port = port.map_or_else(String::new, |port| format!(":{port}"));
        Some(format!("{scheme}://{}{port}", host::parsed(authority.host())?))
    };
    let is_origin = text.parse().is_ok_and(|uri| plain(&uri).as_deref() == Some(text));
    match HeaderValue::from_str(text) {
        Ok(value) if is_origin => Ok(value),
        _ => Err("is no origin, such as https://stats.example.org or http://localhost:3000".into()),
    }
}

/// An address that mail can be sent to, as far as that can be seen.
pub(super) fn email(text: &str) -> Read<String> {
    let plain = |c: char| c.is_ascii_graphic() && !"<>(),;:\"".contains(c);
    match text.split_once('@') {
        Some((user, host)) if !user.is_empty() && host::parsed(host).is_some() => {}
        _ => return Err("is no address: write you@example.org".into()),
    }
    match text.chars().all(plain) {
        true => Ok(text.to_owned()),
        false => Err("has what no address of mail has".into()),
    }
}

pub(super) fn https_url(text: &str) -> Read<String> {
    match text.parse::<Uri>() {
        Ok(uri) if uri.scheme_str() == Some("https") && has_host(&uri) => Ok(text.to_owned()),
        _ => Err("is no URL that begins with https://".into()),
    }
}

/// The URL of a website of ours, without a slash at its end.
pub(super) fn web_url(text: &str) -> Read<String> {
    match text.parse::<Uri>() {
        Ok(uri) if is_web(&uri) => Ok(text.trim_end_matches('/').to_owned()),
        _ => Err("is no URL: write https://stats.example.org".into()),
    }
}

fn is_web(uri: &Uri) -> bool {
    matches!(uri.scheme_str(), Some("http" | "https")) && has_host(uri)
}

fn has_host(uri: &Uri) -> bool {
    uri.host().is_some_and(|host| !host.is_empty())
}

/// A word of another program.
pub(super) fn plain_word(text: &str) -> Read<String> {
    match text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
        true => Ok(text.to_owned()),
        false => Err("is no word of letters, digits, dots and dashes".into()),
    }
}

/// What a key is made of. Nothing slows down who tries secrets, so it is long.
pub(super) fn shared_secret(text: &str) -> Read<String> {
    match text.len() >= 32 {
        true => Ok(text.to_owned()),
        false => Err("needs at least 32 characters: `openssl rand -base64 32` makes some".into()),
    }
}

pub(super) fn currency(code: &str) -> Read<Currency> {
    Currency::from_code(code)
        .ok_or_else(|| "is no ISO 4217 code of a currency, such as EUR or USD".to_owned())
}

/// One of several words.
pub(super) fn word<T: Copy>(text: &str, words: &[(&str, T)]) -> Read<T> {
    words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning).ok_or_else(|| {
        let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        format!("must be one of {}{}", all.join(", "), did_you_mean(text, all.iter().copied()))
    })
}

/// The same of an item of a list.
pub(super) fn one_of<T: Copy>(text: &str, words: &[(&str, T)]) -> Read<T> {
    word(text, words).map_err(|why| format!("has {text:?}, which {why}"))
}

/// Log levels: one for all, others for single parts. Strict, because to the subscriber a
/// misspelt level is a part's name.
pub(super) fn log(text: &str) -> Read<String> {
    let levels = ["off", "error", "warn", "info", "debug", "trace"].map(|level| (level, ()));
    for directive in text.split(',') {
        let level = directive.rsplit_once('=').map_or(directive, |(_, level)| level);
        word(level, &levels).map_err(|why| format!("has {level:?}, which {why}"))?;
    }
    Ok(text.to_owned())
}

/// A path as a request line has it.
pub(super) fn url_path(text: &str) -> Read<String> {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '"' | '<' | '>');
    if text.len() > 1 && text.starts_with('/') && text.chars().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("is no path: write /name, without query".into())
    }
}

/// A path with its query, if it has one.
pub(super) fn target(text: &str) -> Read<String> {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '#' | '"' | '<' | '>');
    if text.starts_with('/') && text.chars().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("is no path: write /health or /health?full=1".into())
    }
}

/// A pattern of pages' names.
pub(super) fn page_pattern(text: &str) -> Read<Glob> {
    if text.starts_with(['/', '*']) {
        Ok(Glob::between(
            text.split('*')
                .map(page_name::plain_part)
                .collect::<Vec<_>>()
                .iter()
                .map(String::as_str),
        ))
    } else {
        Err(format!("has {text:?}, which no page is called: write /page or /folder/*"))
    }
}

/// A country's code.
pub(super) fn country(text: &str) -> Read<String> {
    match !text.is_empty() && text.parse::<Country>().is_ok() {
        true => Ok(text.to_owned()),
        false => Err(format!("has {text:?}, no country's code: write DE or US")),
    }
}

/// The name of a header.
pub(super) fn header_name(text: &str) -> Read<HeaderName> {
    text.parse().map_err(|_| format!("has {text:?}, which is no header's name"))
}

/// The name of a parameter in a query, as it is written there.
pub(super) fn parameter(text: &str) -> Read<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._~-%[]".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => Ok(text.to_owned()),
        false => Err(format!("has {text:?}, which is no parameter's name")),
    }
}

/// A file that is there.
pub(super) fn file(text: &str) -> Read<PathBuf> {
    let path = PathBuf::from(text);
    if path.is_file() { Ok(path) } else { Err("is no file".into()) }
}

pub(super) fn file_or_folder(text: &str) -> Read<PathBuf> {
    let path = PathBuf::from(text);
    if path.is_file() || path.is_dir() { Ok(path) } else { Err("is no file and no folder".into()) }
}

/// A file that is there, or can be made in a folder that is.
pub(super) fn new_file(text: &str) -> Read<PathBuf> {
    let path = PathBuf::from(text);
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    if path.file_name().is_none() || path.is_dir() {
        Err("is no file".into())
    } else if folder.is_some_and(|folder| !folder.is_dir()) {
        Err("lies in a folder that is not there".into())
    } else {
        Ok(path)
    }
}

/// `CERT.pem:KEY.pem`: two files that are there.
pub(super) fn certificate(text: &str) -> Read<CertificateFiles> {
    let (chain, key) = text
        .split_once(':')
        .ok_or_else(|| format!("has {text:?}, which names no key: write CERT.pem:KEY.pem"))?;
    let file = |text: &str| file(text).map_err(|why| format!("has {text:?}, which {why}"));
    Ok(CertificateFiles { chain: file(chain)?, key: file(key)? })
}

/// A folder that is there.
pub(super) fn folder(text: &str) -> Read<PathBuf> {
    let path = PathBuf::from(text);
    if path.is_dir() { Ok(path) } else { Err("is no folder".into()) }
}

/// A bearer token as RFC 6750 spells one, long enough that it cannot be guessed.
pub(super) fn token(text: &str) -> Read<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~+/=".contains(c);
    if text.len() >= 16 && text.chars().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("needs at least 16 letters, digits and -._~+/= in each".into())
    }
}

/// `500ms`, `10s`, `2m`, `1h`.
pub(super) fn duration(text: &str) -> Read<Duration> {
    quantity(text, &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)])
        .map(Duration::from_millis)
        .ok_or_else(|| "is no duration: write 500ms, 10s, 2m, 1h or 1d".into())
}

/// `64KB`, `64KiB`, `64MB`, `64MiB`, `1GB`, `1GiB`: bytes.
pub(super) fn size(text: &str) -> Read<usize> {
    let (kb, kib) = (1_000, 1_024);
    let units = [
        ("B", 1),
        ("KB", kb),
        ("KiB", kib),
        ("MB", kb * kb),
        ("MiB", kib * kib),
        ("GB", kb * kb * kb),
        ("GiB", kib * kib * kib),
    ];
    quantity(text, &units)
        .and_then(|bytes| usize::try_from(bytes).ok())
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| "is no size: write 64KB, 64KiB, 64MB or 1GiB".into())
}

/// A whole number with a unit.
fn quantity(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks() {
        assert_eq!(network("10.1.2.3/8").unwrap().to_string(), "10.0.0.0/8");
        assert_eq!(network("::1").unwrap().to_string(), "::1/128");
        for wrong in ["", "10.0.0.0/33", "proxy.example.org", "10.0.0"] {
            network(wrong).unwrap_err();
        }
    }

    #[test]
    fn names_and_hosts() {
        assert_eq!(site_name("WWW.Example-1.org"), Ok("www.example-1.org".into()));
        let long = "a".repeat(254);
        for wrong in ["", "a{b}", "a b", "a:80", "bücher.de", "a_b", &long] {
            site_name(wrong).unwrap_err();
        }
        assert_eq!(host("[::0001]"), Ok("[::1]".into()));
        assert_eq!(host("WWW.Example.org."), Ok("www.example.org".into()));
        assert_eq!(host("Bücher.example"), Ok("xn--bcher-kva.example".into()));
        for wrong in ["a.org:80", "[::1]:80", "[x]", "", ".", "*.a.org", "a b", &long] {
            host(wrong).unwrap_err();
        }
    }

    #[test]
    fn durations_and_sizes() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2 m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("1d"), Ok(Duration::from_secs(86_400)));
        for wrong in ["", "10", "s", "-1s", "1.5s", "1w", "99999999999999999h"] {
            duration(wrong).unwrap_err();
        }
        assert_eq!(size("64MB"), Ok(64_000_000));
        assert_eq!(size("64KiB"), Ok(65_536));
        for wrong in ["", "64", "MB", "0MB", "64mb", "99999999999GiB"] {
            size(wrong).unwrap_err();
        }
    }

    #[test]
    fn words_suggest() {
        assert!(timezone("Europe/Berln").unwrap_err().ends_with("(did you mean Europe/Berlin?)"));
        assert_eq!(log("info,headcount::flush=debug"), Ok("info,headcount::flush=debug".into()));
        assert!(log("inof").unwrap_err().contains("did you mean info?"));
        for wrong in ["", "info,", "a=b", "5"] {
            log(wrong).unwrap_err();
        }
    }

    #[test]
    fn tokens() {
        token("0123456789abcdef").unwrap();
        for wrong in ["short", "0123456789 abcdef", ""] {
            token(wrong).unwrap_err();
        }
    }
}
