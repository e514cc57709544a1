-- Recent anonymous events, as they came, packed by the hundreds: an LZ4 block of JSON, one object a
-- line, with its unpacked size in front (4 bytes, little-endian). Those of the layout before are let
-- go; counts are not touched.
DROP TABLE events;
CREATE TABLE events (
    id     INTEGER PRIMARY KEY,
    day_id INTEGER NOT NULL REFERENCES days (id),
    count  INTEGER NOT NULL,            -- how many
    packed BLOB NOT NULL
) STRICT;
CREATE INDEX events_by_day ON events (day_id);
