//! From nothing to a certificate for many names, and how visitors fare meanwhile.

use crate::common::curl::curl;
use crate::common::headcount::Headcount;
use crate::common::pebble::Pebble;
use crate::common::wait_for;
use crate::scene::{PAGE, Scene};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);
const NAMES: [&str; 3] = ["one.example", "two.example", "www.one.example"];

#[test]
fn an_authority_that_is_away_at_the_start_brings_one_certificate_for_many_names() {
    let mut scene = Scene::prepare(&NAMES, &["--tls-redirect"]);
    let mut pebble = Pebble::prepare(scene.http(), YEAR);
    scene.start(&pebble.directory(), &pebble.ca());
    wait_for("the log to say why", || {
        (scene.said("certificates cannot be ordered, tried again in ")
            && scene.said("Connection refused"))
        .then_some(())
    });
    // Meanwhile the website is there, and TLS fails with an alert of its own, not with a reset.
    assert_eq!(scene.ask_plain(NAMES[0], "/").text(), PAGE);
    let nothing = curl(&format!("https://{}:{}/", NAMES[0], scene.tls), &["--insecure"]);
    assert!(nothing.error.contains("alert"), "{nothing:?}");
    assert!(status(&scene).contains("# one.example: none yet\n"), "{}", status(&scene));
    assert_eq!(scene.orders("issued"), 0);

    pebble.start_again();
    for name in NAMES {
        scene.served(name, &pebble.root());
        assert_eq!(scene.ask(name, &pebble.root()).text(), PAGE);
    }
    assert_eq!(scene.orders("issued"), 1, "one order for all of them");
    // From now on it is no dead end to send visitors there.
    assert_eq!(scene.ask_plain(NAMES[0], "/").status, 308);
    assert_eq!(scene.ask_plain("other.example", "/").status, 200);
    let expiry = scene.expiry(NAMES[0]);
    assert!(NAMES.iter().all(|name| scene.expiry(name) == expiry));
    assert!(scene.said("certificate until "), "{}", scene.headcount.log());
    let told = status(&scene);
    assert!(told.contains("# www.one.example: valid until "), "{told}");
    // A name that is not ours gets none that could be taken for its own.
    let other = scene.ask("other.example", &pebble.root());
    assert!(other.error.contains("subject name"), "{other:?}");

    let folder = scene.headcount.data_dir().join("acme");
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for entry in std::fs::read_dir(&folder).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }

    // The next process has it from its first moment, and orders nothing.
    let kept = scene.state();
    scene.headcount.term();
    pebble.stop();
    scene.headcount.restart_on_same_ports();
    assert_eq!(scene.ask(NAMES[1], &pebble.root()).status, 200);
    assert_eq!(scene.state(), kept);
    assert_eq!(scene.expiry(NAMES[0]), expiry);
}

#[test]
fn proofs_are_answered_where_all_else_is_sent_to_https_and_nobody_counts_them() {
    let mut scene = Scene::prepare(&NAMES[..1], &["--tls-redirect"]);
    let pebble = Pebble::start(scene.http());
    scene.start(&pebble.directory(), &pebble.ca());
    scene.served(NAMES[0], &pebble.root());
    // Our own view came after them, and is the only one.
    wait_for("our view", || (scene.headcount.total("pageviews") == 1).then_some(()));
    assert_eq!(scene.headcount.metric("headcount_pageviews_total"), 1);
    let known = scene.headcount.admin_get("/api/v1/stats/breakdown?period=day&property=bot:name");
    assert!(known.text().contains("\"results\":[]"), "{}", known.text());
    assert_eq!(scene.website.paths(), ["/"]);
    // Any other token is the website's affair.
    let path = "/.well-known/acme-challenge/of-somebody-else";
    let other = scene.ask_plain(NAMES[0], path);
    let to = format!("https://{}:{}{path}", NAMES[0], scene.tls);
    assert_eq!((other.status, other.field("location")), (308, Some(&*to)));
    assert!(pebble.log().contains("/.well-known/acme-challenge/"), "{}", pebble.log());
}

#[test]
fn files_serve_until_there_is_a_certificate_and_names_of_others_after() {
    let dir = tempfile::tempdir().unwrap();
    let names = ["one.example".to_owned(), "filed.example".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let [chain, key] = ["chain.pem", "key.pem"].map(|file| dir.path().join(file));
    std::fs::write(&chain, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let files = format!("{}:{}", chain.display(), key.display());
    let mut scene = Scene::prepare(&NAMES[..1], &["--tls-certificates", &files]);
    let mut pebble = Pebble::prepare(scene.http(), YEAR);
    scene.start(&pebble.directory(), &pebble.ca());
    assert_eq!(scene.ask(NAMES[0], &chain).status, 200);
    pebble.start_again();
    scene.served(NAMES[0], &pebble.root());
    assert_eq!(scene.ask("filed.example", &chain).status, 200);
    let other = scene.ask("other.example", &chain);
    assert!(other.error.contains("subject name"), "{other:?}");
}

#[test]
fn the_names_of_all_sites_are_certified() {
    let mut scene = Scene::prepare(&[], &[]);
    let pebble = Pebble::start(scene.http());
    let sites = NAMES.map(|name| format!("[[sites]]\nname = '{name}'\nhosts = ['{name}']\n"));
    scene.headcount.list_sites(&sites.concat());
    scene.start(&pebble.directory(), &pebble.ca());
    for name in NAMES {
        scene.served(name, &pebble.root());
    }
    assert_eq!(scene.orders("issued"), 1);
}

#[test]
fn what_cannot_be_right_is_one_line() {
    let upstream = "http://127.0.0.1:9";
    let tls = ["--tls-listen", "127.0.0.1:1"];
    let mail = ["--acme", "admin@example.org"];
    for (flags, line) in [
        (vec!["--acme", "nobody"], "write you@example.org"),
        ([&mail[..], &tls].concat(), "needs hosts"),
        ([&mail[..], &tls, &["--hosts", "192.0.2.1"]].concat(), "cannot be for 192.0.2.1 of hosts"),
        ([&mail[..], &tls, &["--hosts", "a.example,*.b.example"]].concat(), "proves no wildcards"),
        ([&mail[..], &tls, &["--acme-directory", "http://a"]].concat(), "begins with https://"),
        (
            [&mail[..], &tls, &["--acme-shared-secret", "brief"]].concat(),
            "\"(hidden)\" needs at least 32",
        ),
        (vec!["--acme-profile", "short"], "is of no use without acme.email"),
        (tls.to_vec(), "or acme.email"),
    ] {
        let headcount = Headcount::prepare(upstream, &flags);
        let said = headcount.refused(&[]);
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains(line), "{flags:?}: {said}");
    }
}

#[test]
fn an_address_of_mail_is_enough_to_listen_where_visitors_come() {
    let check = |more: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_headcount"))
            .args(["check", "--upstream=http://127.0.0.1:9", "--hosts=one.example"])
            .args(["--acme", "admin@example.org"])
            .args(more)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let printed = check(&[]);
    for (key, port) in [("listen", 80), ("listen", 443)] {
        let found = printed.lines().any(|line| {
            line.starts_with(&format!("{key} = "))
                && line.ends_with(&format!(":{port}\"  # acme.email"))
        });
        assert!(found, "{port}: {printed}");
    }
    let printed = check(&["--listen", "127.0.0.1:8088"]);
    assert!(printed.contains("listen = \"127.0.0.1:8088\"  # --listen"), "{printed}");
}

/// What `headcount check` says of the names.
fn status(scene: &Scene) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_headcount"))
        .args(["check", "--upstream=http://127.0.0.1:9", "--tls-listen=127.0.0.1:1"])
        .args(["--acme=admin@example.org", &format!("--hosts={}", NAMES.join(","))])
        .args(["--acme-directory", &scene.directory])
        .arg("--data-dir")
        .arg(scene.headcount.data_dir())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    let at = printed.find("# Certificates by ACME:").expect("what it says of names");
    printed[at..].to_owned()
}
