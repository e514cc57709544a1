//! The target that the variable `FUZZ_TARGET` names, for libFuzzer.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static TARGET: LazyLock<String> =
    LazyLock::new(|| std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET names a target"));

fuzz_target!(
    // What is made once, as the patterns of agents are, is none of an input's time.
    init: headcount::fuzz::run(&TARGET, b""),
    |bytes: &[u8]| headcount::fuzz::run(&TARGET, bytes)
);
