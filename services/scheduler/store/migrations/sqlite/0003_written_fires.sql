-- Which fires each transaction wrote, for whoever watches them: 40 bytes each (16 schedule, 8 due
-- time in big endian, 16 trigger).  There is one writer, so that the numbers follow each other as
-- the commits do; the newest row is never deleted, so that none comes twice.
CREATE TABLE written_fires (
  number INTEGER PRIMARY KEY,
  at     INTEGER NOT NULL,
  refs   BLOB    NOT NULL
) STRICT;
