#!/usr/bin/env bash
# Makes regions.tsv again, beside this file: the regions' codes and names of the crate rust_iso3166,
# whose own table takes ten times as much of the program. Needs cargo. Origin and licence are in
# NOTICE at the repository's root.
set -euo pipefail
cd "$(dirname "$0")"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo init --quiet --name regions "$work"
cargo add --quiet --manifest-path "$work/Cargo.toml" rust_iso3166@0.2.0 --no-default-features
cat >"$work/src/main.rs" <<'END'
fn main() {
    for (code, region) in &rust_iso3166::iso3166_2::SUBDIVISION_MAP {
        println!("{code}\t{}", region.name);
    }
}
END
cargo run --quiet --manifest-path "$work/Cargo.toml" | LC_ALL=C sort >regions.tsv
