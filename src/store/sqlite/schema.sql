-- A headcount file, for whoever opens it. Start with:  SELECT * FROM daily WHERE day = '2026-11-24';

-- A day of a site. Every batch applied raises its version.
CREATE TABLE days (
    id      INTEGER PRIMARY KEY,
    site    TEXT NOT NULL,
    day     TEXT NOT NULL,              -- 2026-11-24, in the site's time zone
    version INTEGER NOT NULL,
    UNIQUE (site, day)
) STRICT;

-- Roll-ups: how often what. A day lies together on disk, as it is read.
CREATE TABLE counts (
    day_id    INTEGER NOT NULL REFERENCES days (id),
    dimension TEXT NOT NULL,            -- page, country, browser …
    value     TEXT NOT NULL,            -- /about, DE, Firefox …
    metric    TEXT NOT NULL,            -- server, confirmed, browser, visitors …
    count     INTEGER NOT NULL,
    PRIMARY KEY (day_id, dimension, value, metric)
) STRICT, WITHOUT ROWID;

-- Anonymous visitors of a day, so that each is counted once.
CREATE TABLE uniques (
    day_id  INTEGER NOT NULL REFERENCES days (id),
    kind    TEXT NOT NULL,              -- visitor, confirmed
    visitor BLOB NOT NULL,              -- 8 bytes
    PRIMARY KEY (day_id, kind, visitor)
) STRICT, WITHOUT ROWID;

-- Number of the last batch of a node that was applied to a day: none is applied twice.
CREATE TABLE markers (
    day_id INTEGER NOT NULL REFERENCES days (id),
    node   TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (day_id, node)
) STRICT, WITHOUT ROWID;

-- Daily salts and view-id keys; destroyed when they expire.
CREATE TABLE secrets (
    name    TEXT PRIMARY KEY,
    value   BLOB NOT NULL,
    expires INTEGER NOT NULL            -- milliseconds since 1970
) STRICT, WITHOUT ROWID;

CREATE VIEW daily AS
    SELECT site, day, dimension, value, metric, count
    FROM counts JOIN days ON days.id = counts.day_id;
