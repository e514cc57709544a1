//! Asks the linker for a smaller program. Addresses that are adjusted at the start take 24 bytes
//! each, 2.7 MB in all; packed they take 40 KB. glibc reads that since 2.36, and not every linker
//! writes it, so it is tried first, on a program of one line.

use std::env;
use std::path::PathBuf;
use std::process::Command;

const PACKED: &str = "-Wl,-z,pack-relative-relocs";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // What is built to be tried out is linked as it comes.
    if variable("PROFILE") == "release" && works(PACKED) {
        println!("cargo::rustc-link-arg-bins={PACKED}");
    }
}

/// Whether a program can be linked so, and starts.
fn works(option: &str) -> bool {
    let out = PathBuf::from(variable("OUT_DIR"));
    let (source, program) = (out.join("tried.rs"), out.join("tried"));
    // An address of an address is adjusted.
    let text = "static A: &[&u8] = &[&1]; fn main() { std::process::exit(1 - i32::from(*A[0])) }";
    let written = std::fs::write(&source, text);
    let mut rustc = Command::new(variable("RUSTC"));
    rustc.arg(&source).arg("-o").arg(&program).args(["--target", &variable("TARGET")]);
    // As Cargo will link.
    let flags = variable("CARGO_ENCODED_RUSTFLAGS");
    rustc.args(flags.split('\u{1f}').filter(|flag| !flag.is_empty()));
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        rustc.args(["-C", &format!("linker={linker}")]);
    }
    rustc.args(["-C", &format!("link-arg={option}")]);
    let links = written.is_ok() && rustc.output().is_ok_and(|said| said.status.success());
    let for_another_machine = variable("HOST") != variable("TARGET");
    let starts = || Command::new(program).output().is_ok_and(|ran| ran.status.success());
    links && (for_another_machine || starts())
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}
