-- Closed days of a month rolled up: top values, the rest under (other). Frozen once its days are
-- gone.
CREATE TABLE months (
    id      INTEGER PRIMARY KEY,
    site    TEXT NOT NULL,
    month   TEXT NOT NULL,              -- 2026-11
    version INTEGER NOT NULL,
    frozen  INTEGER NOT NULL,           -- 1: its days are gone
    UNIQUE (site, month)
) STRICT;

CREATE TABLE month_counts (
    month_id  INTEGER NOT NULL REFERENCES months (id),
    dimension TEXT NOT NULL,
    value     TEXT NOT NULL,
    metric    TEXT NOT NULL,
    count     INTEGER NOT NULL,
    PRIMARY KEY (month_id, dimension, value, metric)
) STRICT, WITHOUT ROWID;

CREATE VIEW monthly AS
    SELECT site, month, dimension, value, metric, count
    FROM month_counts JOIN months ON months.id = month_counts.month_id;
