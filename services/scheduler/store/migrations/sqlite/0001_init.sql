-- Times are microseconds since 1970 UTC; the least and greatest integers are the infinities.  Ids
-- are 16 bytes.  Texts compare by their bytes.

-- Who may write as leader, until when one is known to have been live, and the last batch's number.
CREATE TABLE fence (
  one        INTEGER PRIMARY KEY CHECK (one = 1),
  token      INTEGER NOT NULL,
  holder     TEXT    NOT NULL,
  live_at    INTEGER NOT NULL,
  last_batch INTEGER NOT NULL
) STRICT;
INSERT INTO fence VALUES (1, 0, '', -9223372036854775808, 0);

-- `definition` is the whole schedule; the other columns repeat what is searched for.
CREATE TABLE schedules (
  number     INTEGER PRIMARY KEY,
  id         BLOB    NOT NULL UNIQUE,
  project    TEXT    NOT NULL,
  name       TEXT    NOT NULL,
  engine     TEXT    NOT NULL,
  kind       TEXT    NOT NULL,
  state      INTEGER NOT NULL,  -- 1 enabled, 2 paused, 3 finished, 4 quarantined
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  definition TEXT    NOT NULL,
  UNIQUE (project, name)
) STRICT;
CREATE INDEX schedules_created ON schedules (project, created_at, name);
CREATE INDEX schedules_updated ON schedules (project, updated_at, name);

-- Names of all schedules there ever were: fires and audit entries outlive their schedule.
CREATE TABLE names (
  id      BLOB NOT NULL PRIMARY KEY,
  project TEXT NOT NULL,
  name    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE labels (
  schedule_id BLOB NOT NULL,
  name        TEXT NOT NULL,
  value       TEXT NOT NULL,
  PRIMARY KEY (schedule_id, name)
) STRICT, WITHOUT ROWID;

-- How far each schedule is decided.  Written with every fire, so it stands apart and is narrow.
CREATE TABLE cursors (
  schedule_id BLOB    NOT NULL PRIMARY KEY,
  watermark   INTEGER NOT NULL,
  fires       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row per due time.  In due order, so that a commit appends and pruning deletes from the front.
CREATE TABLE fires (
  due_at         INTEGER NOT NULL,
  schedule_id    BLOB    NOT NULL,
  trigger_id     BLOB    NOT NULL,  -- Empty for automatic fires.
  fire_id        BLOB    NOT NULL,
  batch_id       INTEGER NOT NULL,
  kind           INTEGER NOT NULL,  -- 1 scheduled, 2 catch-up, 3 manual, 4 backfill
  state          INTEGER NOT NULL,  -- 1 pending, 2 dispatched, 3 running, 4 succeeded, 5 failed,
                                    -- 6 cancelled, 7 lost, 8 skipped
  reason         INTEGER NOT NULL,
  dispatch_after INTEGER NOT NULL,
  decided_at     INTEGER NOT NULL,
  dispatched_at  INTEGER,           -- Null: not yet.
  started_at     INTEGER,
  finished_at    INTEGER,
  attempts       INTEGER NOT NULL,
  error          TEXT    NOT NULL,
  adapter        TEXT    NOT NULL,
  count          INTEGER NOT NULL,
  first_due_at   INTEGER NOT NULL,
  args_json      TEXT    NOT NULL,
  kwargs_json    TEXT    NOT NULL,
  PRIMARY KEY (due_at, schedule_id, trigger_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX fires_by_schedule ON fires (schedule_id, due_at);
CREATE INDEX fires_by_id ON fires (fire_id);
CREATE INDEX fires_open ON fires (schedule_id) WHERE state <= 3;
CREATE INDEX fires_pending ON fires (batch_id) WHERE state = 1;

CREATE TABLE audit_entries (
  seq          INTEGER PRIMARY KEY,
  at           INTEGER NOT NULL,
  actor        TEXT    NOT NULL,
  source       TEXT    NOT NULL,
  action       TEXT    NOT NULL,
  resource     TEXT    NOT NULL,
  schedule_id  BLOB    NOT NULL,  -- Empty if it is about no schedule.
  before       TEXT    NOT NULL,
  after        TEXT    NOT NULL,
  request_id   TEXT    NOT NULL,
  key_id       TEXT    NOT NULL,
  previous_mac BLOB    NOT NULL,
  mac          BLOB    NOT NULL
) STRICT;
CREATE TRIGGER audit_entries_keep BEFORE DELETE ON audit_entries
  BEGIN SELECT RAISE(ABORT, 'audit entries are never deleted'); END;
CREATE TRIGGER audit_entries_fix BEFORE UPDATE ON audit_entries
  BEGIN SELECT RAISE(ABORT, 'audit entries are never changed'); END;

CREATE TABLE audit_head (
  one    INTEGER PRIMARY KEY CHECK (one = 1),
  seq    INTEGER NOT NULL,
  mac    BLOB    NOT NULL,
  seal   BLOB    NOT NULL,
  key_id TEXT    NOT NULL
) STRICT;
INSERT INTO audit_head VALUES (1, 0, x'', x'', '');

CREATE TABLE requests (
  id      TEXT    NOT NULL PRIMARY KEY,
  hash    BLOB    NOT NULL,
  outcome BLOB    NOT NULL,
  at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX requests_at ON requests (at);
