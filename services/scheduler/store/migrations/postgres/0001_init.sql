-- Who may write as leader.  Leader writes lock this row FOR SHARE; a raise updates it and so waits
-- for them.  The live times stand apart, because an update here would wait for every writer.
CREATE TABLE fence (
  scope     text PRIMARY KEY,
  token     bigint NOT NULL,
  holder    text NOT NULL,
  raised_at timestamptz NOT NULL
);
INSERT INTO fence VALUES ('tick', 0, '', now());

CREATE TABLE liveness (
  scope   text PRIMARY KEY,
  live_at timestamptz NOT NULL
) WITH (fillfactor = 50);
INSERT INTO liveness VALUES ('tick', '-infinity');

-- The lease of the postgres elector; other electors leave it alone.
CREATE TABLE lease (
  scope      text PRIMARY KEY,
  token      bigint NOT NULL,
  holder     text NOT NULL,
  expires_at timestamptz NOT NULL
) WITH (fillfactor = 50);
INSERT INTO lease VALUES ('tick', 0, '', '-infinity');

-- `definition` is the whole schedule; the other columns repeat what is searched for.
CREATE TABLE schedules (
  id         uuid PRIMARY KEY,
  project    text COLLATE "C" NOT NULL,
  name       text COLLATE "C" NOT NULL,
  engine     text COLLATE "C" NOT NULL,
  kind       text COLLATE "C" NOT NULL,
  state      smallint NOT NULL,
  revision   bigint NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  labels     jsonb NOT NULL,
  definition text NOT NULL,
  UNIQUE (project, name)
);
CREATE INDEX schedules_created ON schedules (project, created_at, name);
CREATE INDEX schedules_updated ON schedules (project, updated_at, name);
CREATE INDEX schedules_labels ON schedules USING gin (labels jsonb_path_ops);
COMMENT ON COLUMN schedules.state IS '1 enabled, 2 paused, 3 finished, 4 quarantined';

-- What deleted schedules were called: for their fires, and as long as the audit speaks of them.
CREATE TABLE deleted_schedules (
  id         uuid PRIMARY KEY,
  project    text COLLATE "C" NOT NULL,
  name       text COLLATE "C" NOT NULL,
  deleted_at timestamptz NOT NULL
);

-- How far each schedule is decided.  Written with every fire: no other index, and room in each
-- page, so that updates stay in their page (HOT).
CREATE TABLE cursors (
  schedule_id uuid PRIMARY KEY,
  watermark   timestamptz NOT NULL,
  fires       bigint NOT NULL
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

-- One row per due time.  No index may hold a column that changes (state, reason, the times), or
-- updates would no longer be HOT; what is still PENDING is found through outbox_batches.  Half of
-- each page is left free, because a whole batch is inserted and soon after updated at once (at 75 %
-- a third of the updates stayed in their page, at 50 % nine tenths).
CREATE TABLE fires (
  schedule_id    uuid NOT NULL,
  due_at         timestamptz NOT NULL,
  trigger_id     uuid NOT NULL,
  fire_id        uuid NOT NULL,
  dispatch_after timestamptz NOT NULL,
  decided_at     timestamptz NOT NULL,
  dispatched_at  timestamptz,
  started_at     timestamptz,
  finished_at    timestamptz,
  first_due_at   timestamptz NOT NULL,
  count          bigint NOT NULL,
  kind           smallint NOT NULL,
  state          smallint NOT NULL,
  reason         smallint NOT NULL,
  attempts       integer NOT NULL DEFAULT 0,
  error          text,
  adapter        text,
  args           text,
  kwargs         text,
  -- In the order in which fires come: new ones go to the end of the index, and pages of a list
  -- are read straight from it.
  PRIMARY KEY (due_at, schedule_id, trigger_id)
) PARTITION BY RANGE (due_at);
CREATE INDEX fires_schedule ON fires (schedule_id, due_at);
CREATE INDEX fires_fire_id ON fires (fire_id);
COMMENT ON TABLE fires IS 'partitioned by UTC day of due_at; other days are in fires_default';
COMMENT ON COLUMN fires.trigger_id IS 'zero for automatic fires';
COMMENT ON COLUMN fires.kind IS '1 scheduled, 2 catch-up, 3 manual, 4 backfill';
COMMENT ON COLUMN fires.state IS
  '1 pending, 2 dispatched, 3 running, 4 succeeded, 5 failed, 6 cancelled, 7 lost, 8 skipped';
CREATE TABLE fires_default PARTITION OF fires DEFAULT WITH (fillfactor = 50);

-- The keys of the PENDING fires of each commit (16 bytes schedule, 8 bytes due time as PostgreSQL
-- sends it, 16 bytes trigger), until all of them are handed over.
CREATE TABLE outbox_batches (
  id         bigserial PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT now(),
  oldest_due timestamptz NOT NULL,
  refs       bytea NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE outbox_batches ALTER COLUMN refs SET STORAGE EXTERNAL;

-- The first call of every leader write (law 3): fails unless `mine` is the token of the fence, and
-- keeps the fence from being raised until the transaction ends.  FOR KEY SHARE would not.
-- `not_before` guards against firing early: the database's own clock must have reached it.
CREATE FUNCTION require_leader(mine bigint, not_before timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM fence WHERE scope = 'tick' AND token = mine FOR SHARE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'fenced: token % is not the current one', mine USING ERRCODE = 'Z4J01';
  END IF;
  IF not_before > clock_timestamp() THEN
    RAISE EXCEPTION 'too early: the clock of the database says %, not yet %',
      clock_timestamp(), not_before USING ERRCODE = 'Z4J02';
  END IF;
END $$;

CREATE TABLE audit_entries (
  seq          bigint PRIMARY KEY,
  at           timestamptz NOT NULL,
  actor        text NOT NULL,
  source       text NOT NULL,
  action       text NOT NULL,
  resource     text NOT NULL,
  schedule_id  uuid NOT NULL,
  before       text NOT NULL,
  after        text NOT NULL,
  request_id   text NOT NULL,
  key_id       text NOT NULL,
  previous_mac bytea NOT NULL,
  mac          bytea NOT NULL
);
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'audit entries are never changed or deleted' USING ERRCODE = '42501';
END $$;
CREATE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- One row; its lock makes mutations of the whole cluster one at a time.
CREATE TABLE audit_head (
  one    boolean PRIMARY KEY DEFAULT true CHECK (one),
  seq    bigint NOT NULL,
  mac    bytea NOT NULL,
  seal   bytea NOT NULL,
  key_id text NOT NULL
) WITH (fillfactor = 50);
INSERT INTO audit_head VALUES (true, 0, '', '', '');

CREATE TABLE requests (
  id      text COLLATE "C" PRIMARY KEY,
  hash    bytea NOT NULL,
  outcome bytea NOT NULL,
  at      timestamptz NOT NULL
);
CREATE INDEX requests_at ON requests (at);
