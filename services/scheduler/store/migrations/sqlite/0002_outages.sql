-- Times in which no leader was live, while what was due in them is not all decided.
CREATE TABLE outages (
  began_at INTEGER NOT NULL PRIMARY KEY,
  ended_at INTEGER NOT NULL
) STRICT;
