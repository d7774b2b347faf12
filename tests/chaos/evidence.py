"""What a cluster leaves behind, as the checker takes it."""

from __future__ import annotations

import contextlib
import csv
import io
import sqlite3
from pathlib import Path

from tests.chaos.checker import Fire, Run, Write
from tests.harness.postgres_server import PostgresServer

_INSTANT = "timestamptz '1970-01-01Z' + %d * interval '1 microsecond'"
AFTER = f"watermark > {_INSTANT}"
BETWEEN = f"due_at >= {_INSTANT} AND due_at < {_INSTANT}"
# Notes, in the transaction itself, who writes as leader, and whose term the fence has then.  A
# write keeps the fence from being raised until it commits, so `seq` is the order of both.  A
# statement that changes no row is no write: followers prepare theirs that way.
WITNESS = """
CREATE TABLE witness (seq bigserial PRIMARY KEY, node text NOT NULL, holder text NOT NULL,
                      token bigint NOT NULL, is_raise boolean NOT NULL);
CREATE FUNCTION note_write() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO witness (node, holder, token, is_raise)
  SELECT split_part(current_setting('application_name'), ':', 3), holder, token,
         TG_TABLE_NAME = 'fence'
  FROM fence WHERE scope = 'tick' AND EXISTS (SELECT FROM changed);
  RETURN NULL;
END $$;
CREATE TRIGGER note_new AFTER INSERT ON fires
  REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_write();
CREATE TRIGGER note_fires AFTER UPDATE ON fires
  REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_write();
CREATE TRIGGER note_cursors AFTER UPDATE ON cursors
  REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_write();
CREATE TRIGGER note_fence AFTER UPDATE ON fence
  REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_write();
"""


def table(postgres: PostgresServer, query: str) -> list[list[str]]:
    """The rows of a query."""
    text = postgres.sql(f"COPY ({query}) TO STDOUT WITH (FORMAT csv)")
    return list(csv.reader(io.StringIO(text)))


def read_fires(postgres: PostgresServer, begin_us: int, end_us: int) -> list[Fire]:
    """Those that are due between the two."""
    rows = table(
        postgres,
        f"""
        SELECT fire_id, schedule_id, (extract(epoch FROM due_at) * 1000000)::bigint, state, count
        FROM fires WHERE {BETWEEN % (begin_us, end_us)}
        """,
    )
    return [Fire(row[0], row[1], int(row[2]), int(row[3]), int(row[4])) for row in rows]


def read_runs(record: Path, begin_us: int, end_us: int) -> tuple[list[Run], int]:
    """Those of fires that are due between the two, and how often fires were handed over for them;
    from what the adapters have noted."""
    with contextlib.closing(sqlite3.connect(record, timeout=30)) as file:
        within, between = "WHERE due_us >= ? AND due_us < ?", (begin_us, end_us)
        runs = file.execute(f"SELECT fire_id, schedule, due_us FROM runs {within}", between)
        found = [Run(*row) for row in runs]
        (count,) = file.execute(f"SELECT count(*) FROM handovers {within}", between).fetchone()
        return found, int(count)


def read_writes(postgres: PostgresServer) -> list[Write]:
    """All that the witness has noted, in its order."""
    rows = table(postgres, "SELECT node, holder, token, is_raise FROM witness ORDER BY seq")
    return [Write(row[0], row[1], int(row[2]), row[3] == "t") for row in rows]
