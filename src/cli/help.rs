//! The longer texts of `--help`.

pub const EXAMPLES: &str = "\
Examples:
  headcount demo
      Two small sites with sample traffic, to look around.
  headcount run --upstream http://127.0.0.1:3000
      Stand in front of your website: visitors at http://127.0.0.1:8080,
      numbers at http://127.0.0.1:8090, counts in headcount.db.
  headcount run --config site.toml --store redis://127.0.0.1 --inject
      Settings from a file, counts in Redis, the script's tag in every page.
  headcount check --config site.toml
      What is wrong with the file, or the settings in force.

Every setting is a key of the file, a variable and a flag; flags overrule
variables, and these the file: flush_interval, HEADCOUNT_FLUSH_INTERVAL,
--flush-interval. `headcount run --help` lists them all.
";

pub const EXPORT: &str = "\
One row a line, of people and then of others (bots, errors, prefetches, downloads, \
feeds) of each day, oldest day first, as they were counted: rows \
of a visit in their order, visitors side by side. \
Nothing in it recognises a visitor. Rows are kept up to limits.events_cap, so \
older days may have none: their roll-ups are what the dashboard shows. In CSV a \
text that begins like a formula (= + - @ or a control character), or with ', \
has a ' put before it.

  headcount export --from 2026-11-01 --to 2026-11-30 --output november.csv
  headcount export --from 2026-11-24 --to 2026-11-24 --format ndjson | jq .page";

pub const DELETE: &str = "\
Roll-ups, visitors, event rows and salts of the days go; without --from and --to \
also all months and whatever else the store has of the site. A month that has \
lost some of its days is summed up again from the others; one whose days were let \
go before stays, unless all of its days are named. What a process has counted and \
not delivered yet, it delivers afterwards: stop it first if today is to go. \
Copies of the store elsewhere (Redis' append-only file and snapshots, backups) \
keep what they have.

  headcount delete --site example.org --from 2026-11-01 --to 2026-11-30
  headcount delete --site old.example.org --yes";

pub const COPY: &str = "\
Copies days (roll-ups, visitors, event rows), months whose days are gone, and salts \
that are still in use: of all sites, or of the one that --site names. Each day is \
read back and must be the same; sums are printed. The source is not changed. Stop \
what counts in either first. A target that has counts of these days is left alone \
without --force.

Redis keeps visitors of a day as a HyperLogLog, SQLite their hashes, which no \
HyperLogLog gives back. So from Redis to SQLite the hashes come from event rows, \
where these name all visitors that were counted; other days stay without --force, \
and with it go over without hashes. No report needs them.

  headcount copy --from sqlite:headcount.db --to redis://127.0.0.1 --site example.org";

pub const IMPORT: &str = "\
Each line goes by the rules that requests go by, into the same rows: pageviews, visitors, visits, \
robots, errors, files, feeds. A log says less than a request, so a page is told by its path's \
extension, and all views are seen by the server only. Logs are read in the order of time, \
whichever way they are named. A log that names hosts is counted for the sites that have them, \
others for the one of --site.

A day that has counts already is left alone, and so is a log that was imported before: nothing \
counts twice. An import that is stopped, even by kill -9, goes on when the same command runs \
again. Addresses are not kept; what visitors are recognised by is destroyed when it ends.

  headcount import --site example.org /var/log/nginx/access.log*
  zcat old/*.gz | headcount import --format combined
  headcount import --format '$remote_addr [$time_local] $host \"$request\" $status' a.log";
