//! What a program takes along that only counts: asked of cargo, with the versions of `Cargo.lock`.
//! (`make features` compiles it, and each feature by itself.)

use std::collections::BTreeSet;
use std::process::Command;

/// Crates that may be needed, most of them Pingora's.
const MOST: usize = 200;

/// Crates of a build with these flags, each in each version once; `more`: flags of `cargo tree`.
fn crates(flags: &[&str], more: &[&str]) -> BTreeSet<String> {
    let mut tree = Command::new(env!("CARGO"));
    tree.args(["tree", "--offline", "--locked", "--edges", "normal", "--prefix", "none"]);
    let tree = tree.current_dir(env!("CARGO_MANIFEST_DIR")).args(flags).args(more);
    let answer = tree.output().unwrap();
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    let lines = String::from_utf8(answer.stdout).unwrap();
    let lines = lines.lines().map(|line| line.trim_end_matches(" (*)").to_owned());
    lines.filter(|line| !line.is_empty()).collect()
}

fn names(crates: &BTreeSet<String>) -> BTreeSet<&str> {
    crates.iter().filter_map(|line| line.split(' ').next()).collect()
}

#[test]
fn counting_alone_takes_few_crates_along() {
    let bare = crates(&["--no-default-features"], &[]);
    assert!(bare.len() > 100, "cargo says something else: {bare:?}");
    assert!(bare.len() <= MOST, "{} crates: {bare:#?}", bare.len());
    let heavy = [
        "aws-lc-rs",
        "axum",
        "clap_complete",
        "domain",
        "fluent-bundle",
        "hyper-rustls",
        "indicatif",
        "instant-acme",
        "lettre",
        "lol_html",
        "maud",
        "mimalloc",
        "redis",
        "ring",
        "rmcp",
        "rusqlite",
        "rustls",
        "url",
        "utoipa",
        "web-bot-auth",
    ];
    let names = names(&bare);
    let found: Vec<&str> = heavy.into_iter().filter(|heavy| names.contains(heavy)).collect();
    assert!(found.is_empty(), "{found:?}");
}

/// Pingora reads its own command line with clap, so clap is there, and not by us.
#[test]
fn counting_alone_has_no_command_line() {
    let own = crates(&["--no-default-features"], &["--depth", "1"]);
    assert!(names(&own).contains("pingora"), "cargo says something else: {own:?}");
    assert!(!names(&own).contains("clap"), "{own:?}");
}

/// Each feature brings what it is for, and not what another is for.
#[test]
fn features_are_apart() {
    for (feature, brings, not) in [
        ("sqlite", "rusqlite", &["axum", "redis", "lol_html"][..]),
        ("redis", "redis", &["axum", "rusqlite", "lol_html"]),
        ("script", "lol_html", &["axum", "rusqlite", "redis"]),
        ("proofs", "web-bot-auth", &["axum", "rusqlite", "redis", "lol_html"]),
        ("admin", "axum", &["rusqlite", "redis", "lol_html", "instant-acme"]),
        ("parquet", "parquet", &["axum", "rusqlite", "redis"]),
    ] {
        let crates = crates(&["--no-default-features", "--features", feature], &[]);
        let names = names(&crates);
        assert!(names.contains(brings), "{feature}");
        let found: Vec<_> = not.iter().filter(|not| names.contains(*not)).collect();
        assert!(found.is_empty(), "{feature}: {found:?}");
    }
}
