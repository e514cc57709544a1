-- Event rows, as they came: what happened, in blocks (src/model/block has their format), people's
-- apart from those of others (bots, errors, downloads …). Events of the layouts before are let go;
-- counts are not touched.
DROP TABLE IF EXISTS events;
CREATE TABLE event_rows (
    id     INTEGER PRIMARY KEY,
    day_id INTEGER NOT NULL REFERENCES days (id),
    of     TEXT NOT NULL,               -- people, others
    count  INTEGER NOT NULL,            -- how many
    packed BLOB NOT NULL
) STRICT;
CREATE INDEX event_rows_by_day ON event_rows (day_id, of);
