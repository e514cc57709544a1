-- Totals that another program has counted, by day and property: beside our own, never in them.
CREATE TABLE imported (
    site      TEXT NOT NULL,
    day       TEXT NOT NULL,            -- as that program has it
    dimension TEXT NOT NULL,
    value     TEXT NOT NULL,
    metric    TEXT NOT NULL,
    count     INTEGER NOT NULL,
    PRIMARY KEY (site, day, dimension, value, metric)
) STRICT, WITHOUT ROWID;
