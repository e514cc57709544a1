//! The real binary, from its command line to its exit code: settings by file, variable and flag,
//! what it says when one is wrong, and the commands that only print.

use argon2::{Argon2, PasswordHash, PasswordVerifier};
use headcount::config::{Config, KEYS, Key, Settings, Value};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A folder of its own, with what some settings name.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("some.file"), "").unwrap();
    let made = rcgen::generate_simple_self_signed(["example.org".to_owned()]).unwrap();
    std::fs::write(folder.path().join("some.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.path().join("some.key"), made.signing_key.serialize_pem()).unwrap();
    std::fs::create_dir(folder.path().join("some.folder")).unwrap();
    folder
}

fn headcount(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_headcount"));
    command.env_clear().current_dir(folder).args(arguments).stdin(Stdio::null());
    command
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

/// Runs what must be refused, and gives back its one line.
fn refused(mut command: Command) -> String {
    let output = command.output().unwrap();
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert_eq!(stdout(&output), "");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    stderr.trim_end().to_owned()
}

/// Runs `check`, which must be content, and gives back what it prints.
fn checked(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    stdout(&output).to_owned()
}

/// Writes a file of settings that names a website, with `more` below.
fn site_toml(folder: &TempDir, more: &str) {
    let text = format!("upstream = \"http://127.0.0.1:3000\"\n{more}");
    std::fs::write(folder.path().join("site.toml"), text).unwrap();
}

/// A list that mostly has one item, or none.
#[test]
fn one_geoip_database_needs_no_brackets() {
    let folder = folder();
    for (written, shown) in
        [("''", "[]"), ("'some.file'", "[\"some.file\"]"), ("['some.file']", "[\"some.file\"]")]
    {
        let settings = format!("upstream = 'http://127.0.0.1:9'\ngeoip = {written}\n");
        std::fs::write(folder.path().join("h.toml"), settings).unwrap();
        let output = headcount(&folder, &["check", "--config", "h.toml"]).output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(printed.contains(&format!("geoip = {shown}  # h.toml:2")), "{printed}");
    }
}

#[test]
fn without_arguments_it_explains_itself() {
    let output = headcount(&folder(), &[]).output().unwrap();
    assert!(output.status.success());
    for word in ["run", "demo", "check", "passwd", "Examples:"] {
        assert!(stdout(&output).contains(word), "{word}");
    }
    let version = headcount(&folder(), &["--version"]).output().unwrap();
    assert_eq!(stdout(&version), format!("headcount {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn help_lists_every_flag_with_its_default() {
    let output = headcount(&folder(), &["run", "--help"]).output().unwrap();
    for key in KEYS.iter() {
        assert!(stdout(&output).contains(&format!("--{}", key.flag())), "{}", key.path);
    }
    assert!(stdout(&output).contains("[default: 1GiB]"));
}

#[test]
fn a_wrong_word_on_the_command_line() {
    for (arguments, expected) in [
        (&["run", "--flsh-interval", "1s"][..], "similar argument exists: '--flush-interval'"),
        (&["chekc"], "unrecognized subcommand 'chekc'; tip: a similar subcommand exists: 'check'"),
        (&["run", "stray"], "unexpected argument 'stray' found"),
        (&["run", "--site"], "a value is required for '--site <VALUE>'"),
        (&["demo", "--upstream", "http://h"], "unexpected argument '--upstream'"),
        (&["run"], "upstream: is not set; name your website, as in --upstream"),
    ] {
        let line = refused(headcount(&folder(), arguments));
        assert!(line.starts_with("headcount: ") && line.contains(expected), "{line}");
    }
}

#[test]
fn a_wrong_value_names_the_flag_and_the_key() {
    for (flag, value, expected) in [
        ("flush-interval", "soon", "flush_interval = \"soon\" is no duration: write 500ms"),
        ("listen", "localhost", "listen = \"localhost\" is no address with a port"),
        ("upstream", "127.0.0.1:3000", "is not a URL: write http://127.0.0.1:3000"),
        ("upstream", "http://host/app", "has a path or a query"),
        ("upstream", "gopher://host", "has a scheme other than http, https, h2c and unix"),
        ("store", "postgres://host", "store = \"postgres://host\" is none of"),
        ("site", "my{site}", "site = \"my{site}\" is no site name"),
        ("timezone", "Europe/Berln", "(did you mean Europe/Berlin?)"),
        ("trusted-proxies", "10.0.0.1,elsewhere", "has \"elsewhere\", no address or network"),
        ("geoip", "missing.mmdb", "geoip = \"missing.mmdb\" is no file"),
        ("data-dir", "missing", "data_dir = \"missing\" is no folder"),
        ("limits-queue", "many", "limits.queue must be a whole number"),
        ("log", "inof", "(did you mean info?)"),
        ("admin", "0.0.0.0:8090", "is not a loopback address, so admin_auth.password_hash"),
    ] {
        let folder = folder();
        let mut command = headcount(&folder, &["run"]);
        if flag != "upstream" {
            command.args(["--upstream", "http://h"]);
        }
        command.arg(format!("--{flag}")).arg(value);
        let line = refused(command);
        assert!(line.starts_with(&format!("headcount: --{flag}: ")), "{line}");
        assert!(line.contains(expected), "{line}");
    }
}

#[test]
fn a_wrong_file_names_line_and_key() {
    for (more, expected) in [
        (
            "[limits]\noutbx = '1MB'",
            "site.toml:3: unknown key limits.outbx (did you mean limits.outbox?)",
        ),
        ("\nlisten = 'here'", "site.toml:3: listen = \"here\" is no address"),
        ("threads = 'two'", "site.toml:2: threads must be a whole number"),
        ("threads = = 2", "site.toml:2: "),
    ] {
        let folder = folder();
        site_toml(&folder, more);
        for command in ["run", "demo", "check"] {
            let line = refused(headcount(&folder, &[command, "--config", "site.toml"]));
            assert!(line.starts_with(&format!("headcount: {expected}")), "{line}");
        }
    }
    let line = refused(headcount(&folder(), &["run", "--config", "missing.toml"]));
    assert!(line.starts_with("headcount: missing.toml: "), "{line}");
}

#[test]
fn a_wrong_variable_is_named() {
    for (name, value, expected) in [
        ("HEADCOUNT_LISTEM", "x", "unknown variable (did you mean HEADCOUNT_LISTEN?)"),
        ("HEADCOUNT_INJECT", "yes", "inject must be true or false, not \"yes\""),
        ("HEADCOUNT_TIMEOUTS_READ", "0s", "timeouts.read = \"0s\" must lie between 1ms and 86400s"),
    ] {
        let folder = folder();
        let mut command = headcount(&folder, &["run", "--upstream", "http://h"]);
        command.env(name, value);
        assert_eq!(refused(command), format!("headcount: {name}: {expected}"));
    }
}

#[test]
fn a_wrong_setting_is_found_before_a_port_is_opened() {
    // The port is taken: had it been tried, the complaint would be about that.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let arguments = ["run", "--upstream", "http://h", "--listen", &listen, "--geoip", "missing"];
    let line = refused(headcount(&folder(), &arguments));
    assert!(line.contains("--geoip"), "{line}");
}

/// A valid value other than the default.
fn another(key: &Key) -> Value {
    let text = match (key.path.as_str(), &key.default) {
        ("monthly_commands", _) => return Value::Number(500_000),
        ("retention_days", _) => return Value::Number(90),
        (_, Value::Number(number)) => return Value::Number(number + 1),
        (_, Value::Switch(on)) => return Value::Switch(!on),
        ("hosts", _) => return Value::List(vec!["a.example".into(), "b.example".into()]),
        ("place_headers", _) => return Value::List(vec!["CF-IPCountry".into()]),
        ("keep_query", _) => return Value::List(vec!["id".into(), "page".into()]),
        ("goals", _) => return Value::List(vec!["Signup = event Signup".into()]),
        ("funnels", _) => return Value::List(vec!["Buy = page /cart > event Buy".into()]),
        ("cors_origins", _) => return Value::List(vec!["https://stats.example.org".into()]),
        ("privacy.opt_out_path", _) => "/not-me",
        ("trusted_proxies", _) => return Value::List(vec!["10.0.0.0/8".into(), "::1".into()]),
        ("admin_auth.tokens", _) => return Value::List(vec!["0123456789abcdef".into()]),
        ("upstream", _) => {
            let upstreams = ["http://10.0.0.1:3000", "https://example.org:8443 weight=2"];
            return Value::List(upstreams.map(str::to_owned).to_vec());
        }
        ("paths.upstreams", _) => return Value::List(vec!["/api/ = http://10.0.0.5:4000".into()]),
        ("paths.redirects", _) => return Value::List(vec!["/old/* = /new/* 301".into()]),
        ("paths.allow" | "paths.deny", _) => return Value::List(vec!["/a/ = 10.0.0.0/8".into()]),
        ("paths.passwords", _) => return Value::List(vec!["/a/ = some.file".into()]),
        ("headers.request" | "headers.response", _) => {
            return Value::List(vec!["X-A: b".into(), "+X-C: d".into(), "-X-E".into()]);
        }
        ("exclude.pages", _) => return Value::List(vec!["/admin*".into()]),
        ("exclude.hosts", _) => return Value::List(vec!["*.preview.example.org".into()]),
        ("event_apis", _) => return Value::List(vec!["umami".into(), "plausible".into()]),
        ("exclude.countries", _) => return Value::List(vec!["DE".into(), "US".into()]),
        ("exclude.addresses", _) => return Value::List(vec!["203.0.113.0/24".into()]),
        ("canonical_host", _) => "www.example.org",
        ("limits.request_body", _) => "10MB",
        ("balance.method", _) => "path_hash",
        ("health.path", _) => "/health?full=1",
        ("listen" | "admin", _) => "127.0.0.2:7070",
        ("tls.listen", _) => "127.0.0.2:7443",
        ("h2c_listen", _) => "127.0.0.2:7082",
        ("tls.certificates", _) => return Value::List(vec!["some.pem:some.key".into()]),
        ("tls.hsts", _) => "30d",
        ("store", _) => "redis://localhost:6379",
        ("site", _) => "example.org",
        ("inject_compressed", _) => "identity",
        ("access_log", _) => "json",
        ("access_log_file", _) => "some.log",
        ("timezone", _) => "Europe/Berlin",
        ("currency", _) => "EUR",
        ("language", _) => "de",
        ("data_dir", _) => "some.folder",
        ("geoip", _) => return Value::List(vec!["some.file".into()]),
        ("store_ca" | "crawler_ranges" | "upstream_tls.ca" | "acme.directory_ca", _) => "some.file",
        ("reverse_dns", _) => "192.0.2.53",
        ("networks", _) => concat!(env!("CARGO_MANIFEST_DIR"), "/tests/geo/networks.mmdb"),
        ("hosting_networks", _) => return Value::List(vec!["AS64500".into()]),
        ("bot_signers", _) => {
            return Value::List(vec!["ChatGPT-User=https://chatgpt.com".into()]);
        }
        ("maintenance_page", _) => "some.file",
        ("log", _) => "warn,headcount=debug",
        ("script.path" | "script.beacon_path", _) => "/elsewhere",
        ("privacy.respect_gpc", _) => "ignore",
        (
            "limits.outbox" | "limits.beacon_body" | "limits.header_size" | "compress_min_size",
            _,
        ) => "1MiB",
        ("limits.upload_rate", _) => "1KB",
        ("admin_auth.password_hash", _) => {
            "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$dGhpcyBpcyBub3QgYSByZWFsIGhhc2g"
        }
        ("mail.server", _) => "smtp://mail.example.org:587?tls=required",
        ("mail.from", _) => "headcount <stats@example.org>",
        ("mail.dashboard", _) => "https://stats.example.org",
        ("reports.weekly" | "reports.monthly", _) => {
            return Value::List(vec!["a@example.org".into(), "b@example.org".into()]);
        }
        ("alerts.to", _) => {
            let all = ["a@example.org", "https://hooks.example.org"];
            return Value::List(all.map(str::to_owned).to_vec());
        }
        ("alerts.secret", _) => "a secret that only the webhook knows",
        ("acme.email", _) => "you@example.org",
        ("acme.directory", _) => "https://127.0.0.1:14000/dir",
        ("acme.profile", _) => "shortlived",
        ("acme.shared_secret", _) => "a secret that all of the nodes know",
        ("upstream_tls.sni", _) => "sni.example.org",
        ("flush_interval", _) => "2m",
        (path, _) if path.starts_with("timeouts.") || path == "limits.header_time" => "1500ms",
        ("health.interval" | "health.timeout" | "health.pause", _) => "1500ms",
        (path, _) => panic!("what is another valid value of {path}?"),
    };
    Value::Text(text.to_owned())
}

/// A value as a variable or a flag takes it.
fn typed(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::List(items) => items.join(","),
        other => other.to_string(),
    }
}

#[test]
fn every_key_can_be_set_by_file_variable_and_flag() {
    let folder = folder();
    for key in KEYS.iter() {
        let value = another(key);
        let name = key.path.rsplit('.').next().unwrap();
        let others = match key.path.as_str() {
            "upstream" => vec![],
            // Only Redis lets nodes share sessions.
            "shared_sessions" => vec!["--upstream=http://h", "--store=redis://h"],
            // Only a trusted proxy can tell places.
            "place_headers" | "proxy_protocol" => {
                vec!["--upstream=http://h", "--trusted-proxies=10.0.0.1"]
            }
            // Each is of use only with these two.
            "tls.listen" => vec!["--upstream=http://h", "--tls-certificates=some.pem:some.key"],
            "tls.certificates" => vec!["--upstream=http://h", "--tls-listen=127.0.0.1:7443"],
            path if path.starts_with("tls.") => vec![
                "--upstream=http://h",
                "--tls-listen=127.0.0.1:7443",
                "--tls-certificates=some.pem:some.key",
            ],
            "alerts.secret" => vec!["--upstream=http://h", "--alerts-to=https://h.example"],
            "alerts.to" => vec![
                "--upstream=http://h",
                "--mail-server=smtp://h",
                "--mail-from=a@h.example",
                "--alerts-secret=a secret of thirty-two characters",
            ],
            "mail.server" => vec!["--upstream=http://h", "--mail-from=a@h.example"],
            "mail.from" => vec!["--upstream=http://h", "--mail-server=smtp://h"],
            path if path.starts_with("reports.") => {
                vec!["--upstream=http://h", "--mail-server=smtp://h", "--mail-from=a@h.example"]
            }
            "acme.email" => vec!["--upstream=http://h", "--hosts=a.example"],
            path if path.starts_with("acme.") => {
                vec!["--upstream=http://h", "--hosts=a.example", "--acme=me@example.org"]
            }
            _ => vec!["--upstream=http://h"],
        };
        let check = |more: &[&str]| headcount(&folder, &[&["check"], &*others, more].concat());

        let path = folder.path().join("one.toml");
        let table = key.table().map(|table| format!("[{table}]\n")).unwrap_or_default();
        std::fs::write(&path, format!("{table}{name} = {value}\n")).unwrap();
        let line = if key.table().is_some() { 2 } else { 1 };
        let by_file = checked(check(&["--config", "one.toml"]));

        let mut command = check(&[]);
        command.env(key.variable(), typed(&value));
        let by_variable = checked(command);

        let by_flag = checked(check(&[&format!("--{}={}", key.flag(), typed(&value))]));

        for (printed, place) in [
            (by_file, format!("one.toml:{line}")),
            (by_variable, key.variable()),
            (by_flag, format!("--{}", key.flag())),
        ] {
            let expected = format!("{name} = {}  # {place}", key.shown(&value));
            let found = printed.lines().any(|line| line == expected);
            assert!(found, "{expected} is not in:\n{printed}");
        }
    }
}

#[test]
fn every_key_reaches_the_program() {
    let folder = folder();
    let config = |key: Option<&'static Key>| {
        let mut settings = Settings::defaults();
        let inside =
            |text: &str| text.replace("some.", &format!("{}/some.", folder.path().display()));
        let base = "upstream = 'http://h'\nstore = 'redis://h'\ntrusted_proxies = ['192.0.2.1']\n\
                    hosts = ['h.example']\n[acme]\nemail = 'me@example.org'\n[tls]\nlisten = '127.0.0.1:7443'\ncertificates = ['some.file:some.file']\n\
                    [mail]\nserver = 'smtp://h'\nfrom = 'a@h.example'\n\
                    [alerts]\nto = ['https://h.example']\n\
                    secret = 'a secret of thirty-two characters'";
        settings.toml("base", &inside(base)).unwrap();
        if let Some(key) = key {
            let value = inside(&typed(&another(key)));
            settings.flag(key, &value).unwrap();
        }
        Config::for_run(&settings).unwrap()
    };
    let base = config(None);
    for key in KEYS.iter() {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        if key.path == "threads" && cores == 1 {
            continue;
        }
        assert_ne!(config(Some(key)), base, "{} changes nothing", key.path);
    }
}

#[test]
fn flags_overrule_variables_and_these_the_file() {
    let folder = folder();
    site_toml(&folder, "site = 'a'\nflush_interval = '1s'\ntimezone = 'Asia/Tokyo'");
    let mut command = headcount(&folder, &["check", "--flush-interval", "3s"]);
    command.env("HEADCOUNT_CONFIG", "site.toml");
    command.env("HEADCOUNT_FLUSH_INTERVAL", "2s").env("HEADCOUNT_SITE", "b");
    let printed = checked(command);
    for line in [
        "flush_interval = \"3s\"  # --flush-interval",
        "site = \"b\"  # HEADCOUNT_SITE",
        "timezone = \"Asia/Tokyo\"  # site.toml:4",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line} is not in:\n{printed}");
    }
}

#[test]
fn a_switch_needs_no_value_and_a_list_may_be_repeated() {
    let arguments = ["check", "--upstream=http://h", "--inject", "--hosts=a", "--hosts=b,c"];
    let printed = checked(headcount(&folder(), &arguments));
    assert!(printed.contains("inject = true "), "{printed}");
    assert!(printed.contains("hosts = [\"a\", \"b\", \"c\"] "), "{printed}");
}

#[test]
fn what_check_prints_means_the_same() {
    let folder = folder();
    let mut command = headcount(&folder, &["check", "--upstream=unix:/run/site.sock"]);
    for key in KEYS.iter().filter(|key| !["upstream", "shared_sessions"].contains(&&*key.path)) {
        let hidden = key.table() == Some("admin_auth")
            || ["acme.shared_secret", "alerts.secret", "alerts.to"].contains(&&*key.path);
        if !hidden && !another_is_local(key) && key.table() != Some("tls") {
            command.env(key.variable(), typed(&another(key)));
        }
    }
    // Two ports cannot be one.
    command.env("HEADCOUNT_ADMIN", "127.0.0.3:7070").env("HEADCOUNT_SCRIPT_PATH", "/s.js");
    let printed = checked(command);

    let read = |name: &str, text: &str| {
        let mut settings = Settings::defaults();
        settings.toml(name, text).unwrap();
        settings
    };
    let first = read("first.toml", &printed);
    let second = read("second.toml", &first.to_string());
    let config = Config::for_run(&first).unwrap();
    assert_eq!(config, Config::for_run(&second).unwrap());
    assert_eq!(config.sites[0].upstreams.to_string(), "unix:/run/site.sock");
    assert_eq!(config.limits.queue, 65_537);
}

/// Whether the value names something in the test's folder, which this process is not in.
fn another_is_local(key: &Key) -> bool {
    key.path == "paths.passwords"
        || Path::new(&typed(&another(key))).starts_with("some.file")
        || Path::new(&typed(&another(key))).starts_with("some.folder")
}

#[test]
fn check_hides_secrets() {
    let folder = folder();
    let hash = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$dGhpcyBpcyBub3QgYSByZWFsIGhhc2g";
    site_toml(
        &folder,
        &format!(
            "store = 'rediss://user:hunter2@example.org/1'\n\
             hosts = ['a.example']\n\
             [admin_auth]\npassword_hash = '{hash}'\ntokens = ['hunter2hunter2hunter2']\n\
             [acme]\nemail = 'me@example.org'\nshared_secret = 'hunter2hunter2hunter2hunter2hunter2'\n\
             [mail]\nserver = 'smtps://me:hunter2@example.org'\nfrom = 'me@example.org'\n\
             [alerts]\nto = ['me@example.org', 'https://hooks.example.org/hunter2']\n\
             secret = 'hunter2hunter2hunter2hunter2hunter2'"
        ),
    );
    let printed = checked(headcount(&folder, &["check", "--config", "site.toml"]));
    assert!(printed.contains("store = \"rediss://(hidden)@example.org/1\""), "{printed}");
    assert!(printed.contains("password_hash = \"(hidden)\""), "{printed}");
    assert!(printed.contains("tokens = [\"(hidden)\"]"), "{printed}");
    assert!(printed.contains("shared_secret = \"(hidden)\""), "{printed}");
    assert!(printed.contains("server = \"smtps://(hidden)@example.org\""), "{printed}");
    let to = "to = [\"me@example.org\", \"https://hooks.example.org/(hidden)\"]";
    assert!(printed.contains(to), "{printed}");
    assert!(!printed.contains("hunter2") && !printed.contains("$argon2id"), "{printed}");
}

fn passwd(input: &str) -> Output {
    let mut child = headcount(&folder(), &["passwd"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn passwd_prints_a_line_that_the_settings_take() {
    let output = passwd("correct horse\n");
    assert!(output.status.success());
    let mut settings = Settings::defaults();
    settings.toml("base", "upstream = 'http://h'\nadmin = '0.0.0.0:8090'").unwrap();
    settings.toml("passwd", &format!("[admin_auth]\n{}", stdout(&output))).unwrap();
    let config = Config::for_run(&settings).unwrap();
    let hash = config.admin_auth.password_hash.unwrap();
    let hash = PasswordHash::new(hash.expose()).unwrap();
    let verify = |password: &str| Argon2::default().verify_password(password.as_bytes(), &hash);
    verify("correct horse").unwrap();
    verify("correct horse\n").unwrap_err();
}

#[test]
fn passwd_takes_no_empty_password() {
    let output = passwd("\n");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "headcount: the password is empty\n");
}

#[test]
fn trim_does_the_daily_job_at_once() {
    let folder = folder();
    for _ in 0..2 {
        let output = headcount(&folder, &["trim", "--site", "example.org"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said = "example.org: 0 days kept, 0 let go; 0 months rolled up";
        assert!(stdout(&output).starts_with(said), "{}", stdout(&output));
    }
    let line = refused(headcount(&folder, &["trim", "--retention-days", "7"]));
    assert!(line.contains("is less than a month"), "{line}");
}

#[test]
fn backfill_takes_a_range() {
    let folder = folder();
    let range = ["backfill", "--from", "2026-11-23", "--to", "2026-11-24"];
    let output = headcount(&folder, &range).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(stdout(&output).matches("no events, nothing stored").count(), 2);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "1/2 2026-11-23\n2/2 2026-11-24\n");
    for (arguments, expected) in [
        (&["backfill", "--from", "2026-11-24"][..], "--to <DAY>"),
        (&["backfill", "--from", "2026-11-24", "--to", "yesterday"], "'yesterday'"),
        (&["backfill", "--from", "2026-11-24", "--to", "2026-11-23"], "--from is after --to"),
    ] {
        let line = refused(headcount(&folder, arguments));
        assert!(line.contains(expected), "{line}");
    }
}
