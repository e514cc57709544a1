//! Certificates: chosen by name, replaced while they are in use, refused where they cannot be
//! right.

use crate::clients::{Certificate, Curl, Front, Website, curl};
use crate::common::headcount::{Headcount, SITE};
use crate::common::ports::free_port;
use crate::common::{wait_for, while_busy};
use nix::sys::signal::Signal;

/// Asks a name of this machine, trusting one certificate.
fn ask(port: u16, name: &str, trusted: &Certificate) -> Curl {
    let trusted = trusted.chain.to_str().unwrap();
    curl(&format!("https://{name}:{port}/"), &["--cacert", trusted])
}

#[test]
fn the_name_chooses() {
    let website = Website::start();
    let dir = tempfile::tempdir().unwrap();
    let one = Certificate::make(dir.path(), "one", &["one.example"]);
    let many = Certificate::make(dir.path(), "many", &["*.many.example", "other.example"]);
    // Beside the first.
    let more = format!("{},{}", one.setting(), many.setting());
    let front = Front::start(&website, &["--tls-certificates", &more]);
    let first = &front.certificate;
    for (name, certificate) in [
        ("one.example", &one),
        ("ONE.example", &one),
        ("a.many.example", &many),
        ("other.example", &many),
        (SITE, first),
    ] {
        let page = ask(front.port, name, certificate);
        assert_eq!(page.status, 200, "{name}: {page:?}");
    }
    // Names of nobody get the first, which is not theirs.
    for name in ["many.example", "a.b.many.example", "nobody.example"] {
        let page = ask(front.port, name, first);
        assert!(page.status == 0 && page.error.contains("subject name"), "{name}: {page:?}");
    }
}

#[test]
fn files_that_change_are_taken_up_and_no_handshake_fails() {
    let website = Website::start();
    let front = Front::start(&website, &[]);
    let before = std::fs::read(&front.certificate.chain).unwrap();
    let both = front.folder().join("both.pem");
    let new = tempfile::tempdir().unwrap();
    let new = Certificate::make(new.path(), "new", &[SITE]);
    let new_chain = std::fs::read(&new.chain).unwrap();
    std::fs::write(&both, [&before[..], &new_chain].concat()).unwrap();
    let both = both.to_str().unwrap();
    let url = format!("https://{SITE}:{}/", front.port);
    let visitor = || {
        || {
            let page = curl(&url, &["--cacert", both]);
            assert_eq!(page.status, 200, "{page:?}");
        }
    };
    let asked = while_busy(1, visitor, || {
        // One after the other, as most tools write them: in between they do not belong together.
        std::fs::copy(&new.chain, &front.certificate.chain).unwrap();
        wait_for("the mismatch to be noticed", || {
            front.headcount.log().contains("is not the key of").then_some(())
        });
        std::fs::copy(&new.key, &front.certificate.key).unwrap();
        wait_for("the new one to be used", || {
            let page = curl(&url, &["--cacert", new.chain.to_str().unwrap()]);
            (page.status == 200).then_some(())
        });
    });
    assert!(asked > 5);
}

#[test]
fn other_files_are_taken_up_at_once_when_settings_are_read_again() {
    let website = Website::start();
    let dir = tempfile::tempdir().unwrap();
    let one = Certificate::make(dir.path(), "one", &["one.example"]);
    let two = Certificate::make(dir.path(), "two", &["two.example"]);
    let file = dir.path().join("settings.toml");
    let port = free_port();
    let reads = |certificates: &[&Certificate]| {
        let all: Vec<String> =
            certificates.iter().map(|certificate| certificate.setting()).collect();
        let tls = format!("[tls]\nlisten = '127.0.0.1:{port}'\ncertificates = {all:?}\n");
        std::fs::write(&file, tls).unwrap();
    };
    reads(&[&one]);
    let headcount = Headcount::start(&website.url, &["--config", file.to_str().unwrap()]);
    let reload = |certificates: &[&Certificate], line: &str| {
        reads(certificates);
        let before = headcount.log().matches(line).count();
        headcount.signal(Signal::SIGHUP);
        wait_for(line, || (headcount.log().matches(line).count() > before).then_some(()));
    };
    assert_eq!(ask(port, "one.example", &one).status, 200);
    assert_eq!(ask(port, "two.example", &two).status, 0);
    reload(&[&one, &two], "read again; changed: tls.certificates");
    assert_eq!(ask(port, "two.example", &two).status, 200);
    // The same files, which have changed just now.
    let new = Certificate::make(dir.path(), "two", &["two.example"]);
    reload(&[&one, &two], "settings read again");
    assert_eq!(ask(port, "two.example", &new).status, 200);
    std::fs::write(&new.key, "no key").unwrap();
    reload(&[&two], "not taken: ");
    assert_eq!(ask(port, "one.example", &one).status, 200);
    assert_eq!(ask(port, "two.example", &new).status, 200);
}

#[test]
fn what_cannot_be_right_is_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let [one, two] = ["one", "two"].map(|name| Certificate::make(dir.path(), name, &[SITE]));
    let path = |certificate: &Certificate| certificate.chain.to_str().unwrap().to_owned();
    let empty = dir.path().join("empty.pem");
    std::fs::write(&empty, "nothing").unwrap();
    let mixed = format!("{}:{}", path(&one), two.key.display());
    let no_certificate = format!("{}:{}", empty.display(), one.key.display());
    let no_key = format!("{}:{}", path(&one), empty.display());
    let gone = format!("{}:/no/such/key", path(&one));
    let listen = ["--tls-listen", "127.0.0.1:1"];
    for (flags, line) in [
        (vec!["--tls-redirect"], "tls.redirect = true is of no use without tls.listen"),
        (listen.to_vec(), "needs tls.certificates"),
        ([&listen[..], &["--tls-certificates", "a.pem"]].concat(), "names no key"),
        ([&listen[..], &["--tls-certificates", &gone]].concat(), "is no file"),
        ([&listen[..], &["--tls-certificates", &mixed]].concat(), "is not the key of"),
        ([&listen[..], &["--tls-certificates", &no_certificate]].concat(), "no certificate in it"),
        ([&listen[..], &["--tls-certificates", &no_key]].concat(), "empty.pem"),
    ] {
        let headcount = Headcount::prepare("http://127.0.0.1:9", &flags);
        let said = headcount.refused(&[]);
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains(line), "{flags:?}: {said}");
    }
}
