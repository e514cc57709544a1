//! `docs/behind.md`.

use crate::common::wait_for;
use crate::page::{self, Section};
use crate::root::Root;
use crate::scene::{CLOUDFLARE, NAME, PAGE, VISITS, Website, ask, counted, expected, visit};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use serde_yaml_ng::Value;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn section(name: &str) -> Section {
    page::section("behind", name)
}

/// A certificate for the site, as chain and key.
fn certificate(root: &Root, chain: &str, key: &str) -> PathBuf {
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
    root.write(chain, &made.cert.pem());
    let both = if chain == key { made.cert.pem() } else { String::new() };
    root.write(key, &(both + &made.signing_key.serialize_pem()));
    root.file(chain)
}

/// Whether somebody at a port has a certificate of the site's that an authority vouches for.
fn greets(port: u16, authority: &Path) -> bool {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(NAME).unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    while client.is_handshaking() {
        if client.complete_io(&mut stream).is_err() {
            return false;
        }
    }
    true
}

/// The proxy in front has TLS: visits by it, what the website is told, what is counted.
fn by_tls(root: &Root, website: &Website, authority: &str) {
    let url = format!("https://{NAME}:{}", root.port(443));
    visit(&url, PAGE, &["--cacert", authority]);
    assert_eq!(website.heard(), expected("https"));
    counted(&root.headcount, 2);
    // Who comes in plain is sent on.
    let plain = ask(&format!("http://{NAME}:{}/about.html", root.port(80)), "127.0.0.2", &[]);
    let to = plain.field("location").unwrap_or_default();
    assert!((301..=308).contains(&plain.status) && to.starts_with("https://"), "{plain:?}");
    assert!(to.ends_with("/about.html"), "{plain:?}");
}

#[test]
fn caddy() {
    let mut root = Root::new(8080);
    let website = Website::start(root.port(3000));
    let section = section("Caddy");
    root.write_files(&section);
    // What has no place in a page: other ports, an authority of its own, and no HTTP/3, whose port is
    // how tests know that they may have the other.
    let options = format!(
        "{{\n admin off\n local_certs\n skip_install_trust\n http_port {}\n https_port {}\n \
         storage file_system {}\n servers {{\n protocols h1 h2\n }}\n}}\n",
        root.port(80),
        root.port(443),
        root.file("/var/lib/caddy").display()
    );
    root.write("/etc/caddy/Caddyfile", &(options + &root.read("/etc/caddy/Caddyfile")));
    root.run_commands(&section);
    let authority = root.file("/var/lib/caddy/pki/authorities/local/root.crt");
    wait_for("Caddy to have made a certificate", || {
        greets(root.port(443), &authority).then_some(())
    });
    by_tls(&root, &website, authority.to_str().unwrap());
}

#[test]
fn nginx() {
    let mut root = Root::new(8080);
    let website = Website::start(root.port(3000));
    root.debian("/etc/nginx");
    let folder = "/etc/letsencrypt/live/example.org";
    let (chain, key) = (format!("{folder}/fullchain.pem"), format!("{folder}/privkey.pem"));
    let certificate = certificate(&root, &chain, &key);
    root.follow(&section("nginx"));
    by_tls(&root, &website, certificate.to_str().unwrap());
}

/// What the page says of a proxy that is not named.
#[test]
fn without_trusted_proxies_all_count_as_one() {
    let mut root = Root::new(8080);
    let website = Website::start(root.port(3000));
    root.debian("/etc/nginx");
    let folder = "/etc/letsencrypt/live/example.org";
    let (chain, key) = (format!("{folder}/fullchain.pem"), format!("{folder}/privkey.pem"));
    let certificate = certificate(&root, &chain, &key);
    let section = section("nginx");
    root.write_files(&section);
    let settings = root.read("/etc/headcount.toml");
    let without = settings.replace("trusted_proxies = [\"127.0.0.1\"]\n", "");
    assert_ne!(without, settings);
    root.write("/etc/headcount.toml", &without);
    root.run_commands(&section);
    let url = format!("https://{NAME}:{}", root.port(443));
    visit(&url, PAGE, &["--cacert", certificate.to_str().unwrap()]);
    counted(&root.headcount, 1);
    assert!(website.heard().iter().all(|(_, from, _)| from == "127.0.0.1"));
}

/// Debian's settings, but for what only the system's own HAProxy may have.
fn haproxy(root: &Root) {
    root.debian("/etc/haproxy");
    let settings = root.read("/etc/haproxy/haproxy.cfg");
    let own = ["log /dev/log", "chroot", "stats socket", "user ", "group ", "daemon"];
    let kept = settings.lines().filter(|line| !own.iter().any(|o| line.trim().starts_with(o)));
    let kept: String = kept.map(|line| format!("{line}\n")).collect();
    root.write("/etc/haproxy/haproxy.cfg", &kept);
}

#[test]
fn haproxy_with_the_certificate() {
    let mut root = Root::new(8080);
    let website = Website::start(root.port(3000));
    haproxy(&root);
    let pem = "/etc/haproxy/example.org.pem";
    let certificate = certificate(&root, pem, pem);
    root.follow(&section("HAProxy with the certificate"));
    by_tls(&root, &website, certificate.to_str().unwrap());
}

#[test]
fn haproxy_without_the_certificate() {
    let mut root = Root::new(8080);
    let website = Website::start(root.port(3000));
    haproxy(&root);
    let (chain, key) = ("/etc/headcount/fullchain.pem", "/etc/headcount/privkey.pem");
    let certificate = certificate(&root, chain, key);
    root.follow(&section("HAProxy without the certificate"));
    by_tls(&root, &website, certificate.to_str().unwrap());
}

/// Its files hang together, and what it sends is understood. Traefik itself is not in Debian.
#[test]
fn traefik() {
    let mut root = Root::new(8080);
    let website = Website::start(root.port(3000));
    let section = section("Traefik");
    root.write_files(&section);
    let file = |path: &str| -> Value { serde_yaml_ng::from_str(&root.read(path)).unwrap() };
    let settings = file("/etc/traefik/traefik.yml");
    let folder = root.file("/etc/traefik/dynamic");
    assert_eq!(settings["providers"]["file"]["directory"], folder.to_str().unwrap());
    let site = file("/etc/traefik/dynamic/example.org.yml");
    let router = &site["http"]["routers"]["example"];
    let entry = router["entryPoints"][0].as_str().unwrap();
    let listens = settings["entryPoints"][entry]["address"].as_str();
    assert_eq!(listens, Some(&*format!(":{}", root.port(443))));
    let to = &settings["entryPoints"]["web"]["http"]["redirections"]["entryPoint"];
    assert_eq!((to["to"].as_str(), to["scheme"].as_str()), (Some(entry), Some("https")));
    let resolver = router["tls"]["certResolver"].as_str().unwrap();
    let challenge = &settings["certificatesResolvers"][resolver]["acme"]["httpChallenge"];
    assert_eq!(challenge["entryPoint"], "web");
    assert_eq!(router["rule"], format!("Host(`{NAME}`)"));
    let service = &site["http"]["services"][router["service"].as_str().unwrap()];
    let url = service["loadBalancer"]["servers"][0]["url"].as_str().unwrap();
    assert_eq!(url, root.headcount.site_url());

    let commands = section.commands();
    let (last, others) = commands.split_last().unwrap();
    assert_eq!(last, "sudo systemctl restart traefik");
    others.iter().for_each(|command| root.run(command));
    for (from, path) in VISITS {
        let sent = [
            format!("X-Forwarded-For: {from}"),
            format!("X-Forwarded-Host: {NAME}"),
            "X-Forwarded-Port: 443".to_owned(),
            "X-Forwarded-Proto: https".to_owned(),
            "X-Forwarded-Server: traefik".to_owned(),
            format!("X-Real-Ip: {from}"),
        ];
        let fields: Vec<&str> = sent.iter().flat_map(|field| ["-H", field]).collect();
        let answer = ask(&format!("{url}{path}"), "127.0.0.1", &fields);
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_eq!(website.heard(), expected("https"));
    wait_for("all views", || {
        (root.headcount.total("pageviews") == VISITS.len() as i64).then_some(())
    });
    assert_eq!(root.headcount.total("visitors"), 2);
}

/// An address of this machine is trusted as the first network of Cloudflare's is.
#[test]
fn cloudflare() {
    const STRANGER: &str = "127.0.0.8";
    let mut root = Root::new(80);
    let website = Website::start(root.port(3000));
    let certificate = certificate(&root, "/etc/headcount/origin.pem", "/etc/headcount/origin.key");
    let section = section("Cloudflare");
    root.write_files(&section);
    let settings = root.read("/etc/headcount.toml");
    let list: toml::Table = settings.parse().unwrap();
    let networks = list["trusted_proxies"].as_array().unwrap();
    let networks: Vec<ipnet::IpNet> =
        networks.iter().map(|net| net.as_str().unwrap().parse().unwrap()).collect();
    assert_eq!(networks.iter().filter(|net| net.addr().is_ipv4()).count(), 15);
    assert!(networks.iter().all(|net| net.trunc() == *net), "{networks:?}");
    let here = settings.replacen("\"173.245.48.0/20\"", &format!("\"{CLOUDFLARE}\""), 1);
    assert_ne!(here, settings);
    root.write("/etc/headcount.toml", &here);
    root.run_commands(&section);

    let url = format!("https://{NAME}:{}", root.port(443));
    let more = ["--cacert", certificate.to_str().unwrap()];
    let ask = |peer: &str, path: &str, fields: &[String]| {
        let fields: Vec<&str> = fields.iter().flat_map(|field| ["-H", &**field]).collect();
        let answer = ask(&format!("{url}{path}"), peer, &[&more[..], &fields].concat());
        assert_eq!(answer.status, 200, "{answer:?}");
    };
    // As Cloudflare tells whose a request is: by both headers, the one with what a visitor claims
    // in front; or by its own alone.
    let ways: [fn(&str) -> Vec<String>; 2] = [
        |from| {
            vec![
                format!("X-Forwarded-For: 203.0.113.9, {from}"),
                format!("CF-Connecting-IP: {from}"),
            ]
        },
        |from| vec![format!("CF-Connecting-IP: {from}")],
    ];
    let people = [("198.51.100.1", "DE"), ("198.51.100.2", "FR")];
    for way in ways {
        for (from, country) in people {
            let told = ["X-Forwarded-Proto: https".to_owned(), format!("CF-IPCountry: {country}")];
            ask(CLOUDFLARE, "/", &[way(from), told.to_vec()].concat());
        }
    }
    // Past Cloudflare, with its headers: a third visitor, from nowhere.
    for (from, country) in people {
        let told = vec![format!("CF-Connecting-IP: {from}"), format!("CF-IPCountry: {country}")];
        ask(STRANGER, "/", &told);
    }
    let heard = website.heard();
    let addresses: Vec<&str> = heard.iter().map(|(_, from, _)| &**from).collect();
    let [one, two] = people.map(|(from, _)| from);
    // Its own header goes to the website as it came.
    assert_eq!(addresses, [one, two, CLOUDFLARE, CLOUDFLARE, STRANGER, STRANGER]);
    assert!(heard.iter().all(|(_, _, scheme)| scheme == "https"), "{heard:?}");
    wait_for("all views", || (root.headcount.total("pageviews") == 6).then_some(()));
    assert_eq!(root.headcount.total("visitors"), 3);
    let rows =
        root.headcount.stats("breakdown?period=day&property=visit:country&metrics=pageviews");
    let mut rows: Vec<(String, i64)> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (row["country"].as_str().unwrap().to_owned(), row["pageviews"].as_i64().unwrap())
        })
        .collect();
    rows.retain(|(country, _)| !country.is_empty() && country != "(not set)");
    rows.sort();
    assert_eq!(rows, [("DE".to_owned(), 2), ("FR".to_owned(), 2)]);
}

/// Every section is followed by a test of this file.
#[test]
fn no_section_is_left_out() {
    let names: Vec<String> = page::sections("behind").into_iter().map(|s| s.name).collect();
    let known = [
        "",
        "Caddy",
        "nginx",
        "HAProxy with the certificate",
        "HAProxy without the certificate",
        "Traefik",
        "Cloudflare",
    ];
    assert_eq!(names, known);
}
