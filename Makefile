# headcount: run it, test it, measure it. `make help` lists the ways.

SHELL := /bin/bash

# The website to stand in front of; empty: the demo.
UPSTREAM ?=
# sqlite (nothing to install) or redis (one is started).
STORE ?= sqlite
# release or dev; dist is what packages carry.
PROFILE ?= release
# Addresses of the site and of the numbers.
LISTEN ?= 127.0.0.1:8080
ADMIN ?= 127.0.0.1:8090
# Of `make fuzz`: how long each target is tried, and which one; empty: all.
SECONDS_EACH ?= 600
TARGET ?=
# Of `make trackers`: GoatCounter's script.
SCRIPT ?=
# Where `make cities` puts its database, and `make run` looks for it.
CITIES ?= $(or $(CARGO_TARGET_DIR),target)/cities
# More flags, as in ARGS=--inject.
ARGS ?=

ifeq ($(filter sqlite redis,$(STORE)),)
$(error STORE is sqlite or redis, not $(STORE))
endif

target := $(or $(CARGO_TARGET_DIR),target)
# Where a target has a profile of its own, of that.
binary = $(target)/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))/headcount
comma := ,
cities := $(subst $(eval) ,$(comma),$(sort $(wildcard $(CITIES)/*.mmdb)))
command = $(binary) $(if $(UPSTREAM),run --upstream '$(UPSTREAM)',demo) \
	--listen $(LISTEN) --admin $(ADMIN) $(if $(cities),--geoip $(cities)) $(ARGS)

build_needs := cc=build-essential cmake=cmake
redis_needs := redis-server=redis-server redis-cli=redis-tools
test_needs := $(build_needs) $(redis_needs) nginx=nginx systemd-analyze=systemd chromium=chromium \
	chromium-headless-shell=chromium-headless-shell chromedriver=chromium-driver Xvfb=xvfb \
	aiosmtpd=python3-aiosmtpd node=nodejs npm=npm \
	/usr/share/doc/python3.11/html/index.html=python3.11-doc faketime=faketime strace=strace \
	promtool=prometheus curl=curl pebble=pebble goaccess=goaccess \
	apache2=apache2 caddy=caddy haproxy=haproxy man=man-db script=bsdutils zsh=zsh fish=fish \
	sqlite3=sqlite3 unzip=unzip dnsmasq=dnsmasq-base

.PHONY: help run build test features valkey torture soak crowds year clients fuzz grafana api published trackers recipes \
	clickhouse bench import-bench data cities screenshots deb deb-test image-test

help:
	@echo 'make run                                  the demo, two small sites with sample traffic'
	@echo 'make run UPSTREAM=http://127.0.0.1:3000   in front of your website'
	@echo 'make run STORE=redis                      counts in a redis-server that it starts'
	@echo '         PROFILE=dev                      a debug build'
	@echo '         LISTEN=… ADMIN=… ARGS=…          other addresses, more flags'
	@echo 'make test                                 format, lints, all tests'
	@echo 'make features                             each feature by itself, and none, without warnings'
	@echo 'make valkey                               the tests of stores, on Valkey in place of Redis'
	@echo 'make torture                              everything killed, cut off, filled up: 12 minutes'
	@echo 'make soak                                 stops and hand-overs under busy clients, the long form'
	@echo 'make crowds                               thousands of idle and slow clients: 5 minutes'
	@echo 'make year                                 every number of the dashboard over a year of the demo'
	@echo 'make clients                              curl, h2load, nghttp, sslyze, testssl.sh and WebSockets'
	@echo 'make fuzz                                 inputs that no reader can bear, by libFuzzer; 10 minutes each'
	@echo '         SECONDS_EACH=… TARGET=…          for so long, only one'
	@echo 'make grafana                              conf/grafana-dashboard.json against Grafana'"'"'s schema'
	@echo 'make api                                  the API against its description, by schemathesis'
	@echo 'make published                            clients of Plausible'"'"'s API, and one of MCP, from registries'
	@echo 'make trackers SCRIPT=count.js             GoatCounter'"'"'s own script, in a browser'
	@echo 'make recipes                              docs step by step, those with WordPress and MariaDB too'
	@echo 'make clickhouse                           docs/column-store.md, with ClickHouse and DuckDB'
	@echo 'make bench                                what it costs'
	@echo 'make import-bench                         a log by headcount import and by GoAccess, in turns'
	@echo 'make deb                                  a Debian package, in target/deb'
	@echo 'make deb-test                             one of a debug build, installed, booted and removed in a clean Debian'
	@echo 'make image-test                           an image of a debug build, by buildah'
	@echo 'make screenshots                          the pictures of the README, taken of the demo'
	@echo 'make cities                               fetch DB-IP'"'"'s database of cities, for `make run`'
	@echo '         CITIES=FOLDER                    to there'
	@echo 'make data                                 fetch the lists of user agents and the map anew'

run: build
	@echo 'Site:  http://$(LISTEN)'
	@[ -n '$(UPSTREAM)' ] || echo 'Second site: http://handbook.localhost:$(lastword $(subst :, ,$(LISTEN)))'
	@echo 'Admin: http://$(ADMIN)'
	@[ -n '$(cities)' ] || echo 'Places are countries; cities too after `make cities`.'
ifeq ($(STORE),redis)
	@.ci/install $(redis_needs)
	@exec .ci/with-redis $(command) --store
else
	@exec $(command)
endif

build:
	@.ci/install $(build_needs)
	cargo build --profile $(PROFILE) --bin headcount

# Clippy is the compiler here, so that one build gives its lints and the tests. How many of those run at
# a time is in .config/nextest.toml, and without nextest in .ci/test-programs.
test: export RUSTC_WORKSPACE_WRAPPER := clippy-driver
test: export CLIPPY_ARGS := -Dwarnings
test:
	@.ci/install $(test_needs)
	@.ci/axe '$(target)/axe'
	@.ci/trackers '$(target)/trackers'
	cargo fmt --check
	cargo test --no-run --all-targets --features parquet
	@if cargo nextest --version >/dev/null 2>&1; then \
		set -x; cargo nextest run --features parquet; \
	else \
		set -x; .ci/test-programs; \
	fi
	cargo test --features parquet --doc

# As a user of the library compiles it. In a folder of its own: what Pingora and others are compiled
# with differs from the program, and neither throws away the other's.
features:
	@.ci/install $(build_needs)
	@for feature in '' upkeep sqlite redis script admin proofs idna parquet upstream_modules cli demo \
			admin,sqlite admin,script,sqlite admin,redis,script; do \
		echo "features: $${feature:-none}"; \
		CARGO_TARGET_DIR='$(target)/features' RUSTFLAGS=-Dwarnings \
			cargo check --lib --bins --examples --no-default-features --features "$$feature" || exit; \
	done

# The one from a package has no TLS.
valkey:
	@.ci/install $(test_needs)
	REDIS_SERVER="$$(.ci/valkey '$(target)/valkey')" cargo test \
		--test store --test topology --test torture -- --skip encrypted --skip sqlite

# A line per case; TORTURE_AWAY=60 shortens the outage of ten minutes.
torture:
	@.ci/install $(test_needs)
	TORTURE=1 cargo test --test torture --test aggregate -- --nocapture --test-threads=4

# 100 stops and 30 hand-overs, directly and behind nginx; then an hour of everything at once, which
# SOAK_SECONDS=600 shortens.
soak:
	@.ci/install $(test_needs)
	SOAK=1 cargo test --test soak -- --nocapture --test-threads=2

# 10,000 idle clients, 2,000 with slow headers, 1,000 that hardly read.
crowds:
	@.ci/install $(test_needs)
	CROWDS=1 cargo test --test front crowds -- --nocapture

# All numbers on the dashboard over a year of the demo, and whatever leads to them, in both stores, of
# which `make test` has two weeks and some.
year:
	@.ci/install $(test_needs)
	YEAR=1 cargo test --test browser year -- --include-ignored --nocapture --test-threads=1

# What others have written to use or to judge a web server.
clients: PROFILE := dev
clients: build
	@.ci/install /usr/lib/python3.11/ensurepip=python3-venv curl=curl openssl=openssl \
		h2load=nghttp2-client testssl=testssl.sh
	@.ci/clients '$(target)/clients' '$(binary)'

# Each for 10 minutes; `make test` has a short form without libFuzzer.
fuzz:
	@.ci/install $(build_needs)
	@.ci/fuzz '$(target)/fuzz' '$(SECONDS_EACH)' '$(TARGET)'

grafana:
	@.ci/install /usr/lib/python3.11/ensurepip=python3-venv
	@.ci/grafana '$(target)/grafana'

# All that the description allows, and what it forbids.
api: PROFILE := dev
api: build
	@.ci/install /usr/lib/python3.11/ensurepip=python3-venv curl=curl
	@.ci/api '$(target)/schemathesis' '$(binary)'

# Each asks a demo unchanged, and its numbers are counted from exported rows.
published: PROFILE := dev
published: build
	@.ci/install /usr/lib/python3.11/ensurepip=python3-venv openssl=openssl node=nodejs npm=npm \
		unshare=util-linux ip=iproute2
	@.ci/published '$(target)/published' '$(target)/debug/headcount'

# What `make test` does with the other trackers, with GoatCounter's: public/count.js of its repository,
# which is in no registry.
trackers:
	@test -s '$(SCRIPT)' || { echo 'SCRIPT names no file: make trackers SCRIPT=count.js' >&2; exit 1; }
	@.ci/install $(test_needs)
	@.ci/trackers '$(target)/trackers'
	GOATCOUNTER_SCRIPT="$$(realpath '$(SCRIPT)')" cargo test --test browser goatcounters_own -- --ignored

# Installs a WordPress; each page is followed in a folder of its own.
recipes:
	@.ci/install $(test_needs) mariadbd=mariadb-server /usr/share/wordpress=wordpress \
		/usr/share/wordpress/wp-content/themes/twentytwentythree=wordpress-theme-twentytwentythree \
		/usr/lib/apache2/modules/libphp8.2.so=libapache2-mod-php
	RECIPES=1 cargo test --test recipes -- --nocapture

# ClickHouse's own engine, which is half a gigabyte, and DuckDB.
clickhouse:
	@.ci/install $(build_needs) /usr/lib/python3.11/ensurepip=python3-venv
	@.ci/column-stores '$(target)/column-stores'
	COLUMN_STORES="$$(realpath '$(target)/column-stores/bin')" cargo test --features parquet \
		--test recipes column_store -- --nocapture

bench:
	@.ci/install $(build_needs)
	cargo bench

# Two million lines, three times each, on one core and on all.
import-bench: build
	@.ci/install goaccess=goaccess python3=python3 taskset=util-linux
	@.ci/import-bench '$(target)/import' '$(binary)'

screenshots: build
	@.ci/install chromium=chromium chromedriver=chromium-driver
	@.ci/screenshots '$(binary)' docs/images

deb: PROFILE := dist
deb: build
	@.ci/install dpkg-shlibdeps=dpkg-dev strip=binutils
	@.ci/deb '$(binary)' '$(target)/deb'

# As root: it changes into the Debian that it makes. PROFILE=dist tries what packages carry, as it
# does with images.
deb-test: PROFILE := dev
deb-test: build
	@.ci/install dpkg-shlibdeps=dpkg-dev strip=binutils mmdebstrap=mmdebstrap curl=curl \
		systemd-nspawn=systemd-container nsenter=util-linux python3=python3
	@.ci/deb-test "$$(.ci/deb '$(binary)' '$(target)/deb-test' --fast)" '$(target)/clean'

# The Dockerfile over a Debian that is made here, with what is built already.
image-test: PROFILE := dev
image-test: build
	@.ci/install mmdebstrap=mmdebstrap buildah=buildah curl=curl \
		/usr/lib/python3.11/ensurepip=python3-venv
	@.ci/image-test '$(binary)' '$(target)/clean'

cities:
	@.ci/install npm=npm
	@.ci/cities '$(CITIES)'

data:
	src/visitor/data/update.sh
	src/admin/assets/world/update.sh
	src/language/names/update.sh
	src/report/assets/update.sh
