#!/usr/bin/env bash
# Makes countries.tsv and languages.tsv again, beside this file: names in German and Spanish of the
# codes that src/report/countries.rs knows in English. Needs npm and python3. Origin and licence are
# in NOTICE at the repository's root.
set -euo pipefail
cd "$(dirname "$0")"
version=48.2.0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm pack --silent --pack-destination "$work" "cldr-localenames-full@$version" > /dev/null
tar -xzf "$work/cldr-localenames-full-$version.tgz" -C "$work"
python3 - "$work/package/main" ../../report <<'PYTHON'
import json, re, sys

main, report = sys.argv[1:]

def names(language, kind):
    with open(f"{main}/{language}/{kind}.json", encoding="utf-8") as file:
        return json.load(file)["main"][language]["localeDisplayNames"][kind]

def write(kind, file, codes):
    both = [names(language, kind) for language in ("de", "es")]
    with open(file, "w", encoding="utf-8") as out:
        for code in codes:
            # "Hongkong", where there is more to the full name; but not "USA".
            short = code if code in ("US", "GB") else f"{code}-alt-short"
            known = [of.get(short, of.get(code)) for of in both]
            if all(known):
                known = [name[0].upper() + name[1:] for name in known]
                print(code, *known, sep="\t", file=out)

with open(f"{report}/assets/countries.tsv", encoding="utf-8") as file:
    write("territories", "countries.tsv", [line.split("\t")[0] for line in file])
with open(f"{report}/countries.rs", encoding="utf-8") as file:
    write("languages", "languages.tsv", re.findall(r'^    \("(\w+)", "', file.read(), re.M))
PYTHON
