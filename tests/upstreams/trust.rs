//! Whose certificates are trusted, of websites behind TLS.

use crate::common::ports::free_address;
use crate::common::process::{Proxy, command, refused, wait_for};
use crate::common::wire::{Origin, Wire, self_signed};
use nix::sys::signal::Signal;

#[test]
fn each_site_trusts_its_own_authority() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one", "two"].map(|name| {
        let (config, certificate) = self_signed("localhost");
        let origin = Origin::tls(config, move |wire, _| {
            wire.reply("200 OK", "", name.as_bytes());
            true
        });
        let file = folder.path().join(name);
        std::fs::write(&file, certificate).unwrap();
        (origin.address.port(), file.display().to_string())
    });
    let site = |name: &str, port: u16, ca: &str| {
        format!(
            "[[sites]]\nname = '{name}.example'\nhosts = ['{name}.example']\n\
             upstream = 'https://localhost:{port}'\nupstream_tls.ca = '{ca}'\n"
        )
    };
    let sites =
        [site("one", one.0, &one.1), site("two", two.0, &two.1), site("mix", one.0, &two.1)];
    let file = folder.path().join("sites.toml");
    std::fs::write(&file, sites.concat()).unwrap();
    let proxy = Proxy::start("", &["--config", file.to_str().unwrap()]);
    let ask = |site: &str| {
        let mut wire = Wire::connect(proxy.site);
        wire.send(format!("GET / HTTP/1.1\r\nHost: {site}.example\r\n\r\n"));
        let answer = wire.answer("GET");
        (answer.status(), answer.text())
    };
    // Neither takes a connection that was made for the other.
    for _ in 0..2 {
        assert_eq!(ask("one"), (200, "one".to_owned()));
        assert_eq!(ask("two"), (200, "two".to_owned()));
        assert_eq!(ask("mix").0, 502);
    }

    // Another trust is taken up while it runs.
    let sites =
        [site("one", one.0, &one.1), site("two", two.0, &two.1), site("mix", one.0, &one.1)];
    std::fs::write(&file, sites.concat()).unwrap();
    proxy.signal(Signal::SIGHUP);
    let changed = "; changed: sites[3] (mix.example): upstream_tls.ca";
    wait_for("the settings are read again", || {
        proxy.log().iter().any(|line| line.ends_with(changed))
    });
    assert_eq!(ask("mix"), (200, "one".to_owned()));

    std::fs::write(&one.1, "no certificate").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let flags = ["--upstream-tls-ca", &one.1];
    let upstream = format!("https://localhost:{}", one.0);
    let (_, lines) = refused(command(&dir, &upstream, free_address(), free_address(), &flags));
    let [line] = &lines[..] else { panic!("{lines:?}") };
    assert!(line.contains("upstream_tls.ca") && line.contains(&one.1), "{line}");
}
