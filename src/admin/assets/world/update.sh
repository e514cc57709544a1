#!/usr/bin/env bash
# Makes ../world.svg again, the map of the dashboard; needs npm, python3 and pip. Origin and licence
# are in NOTICE at the repository's root.
set -euo pipefail
cd "$(dirname "$0")"
atlas_version=2.0.2
countries_version=24.6.1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm pack --silent --pack-destination "$work" "world-atlas@$atlas_version" > /dev/null
tar -xzf "$work/world-atlas-$atlas_version.tgz" -C "$work"
python3 -m pip download --quiet --no-deps --dest "$work" "pycountry==$countries_version"
python3 -m zipfile -e "$work"/*.whl "$work"
python3 project.py "$work/package/countries-110m.json" "$work/package/countries-50m.json" \
    "$work/pycountry/databases/iso3166-1.json" > ../world.svg
