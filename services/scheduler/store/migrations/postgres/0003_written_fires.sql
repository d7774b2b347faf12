-- Which fires each transaction wrote, for whoever watches them: every transaction that inserts or
-- changes rows of `fires` adds their keys here (as outbox_batches.refs), unless they are PENDING and
-- stand in outbox_batches, which is read as well.  A batch goes from there once all its fires have
-- been changed, and each change of them stands here.
--
-- Transactions end in another order than they begin, so no number that one gets while it runs says
-- what a reader has seen: a reader that saw 5 may meet 4 later.  So a reader's position is a
-- snapshot (pg_snapshot), which names the transactions that it saw, and the next read takes the rows
-- of all others that are visible by then.  That is complete whatever the writers do.
CREATE TABLE written_fires (
  xid  xid8 NOT NULL DEFAULT pg_current_xact_id(),
  id   bigserial,
  refs bytea NOT NULL,
  PRIMARY KEY (xid, id)
) WITH (autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE written_fires ALTER COLUMN refs SET STORAGE EXTERNAL;

ALTER TABLE outbox_batches ADD COLUMN xid xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX outbox_batches_xid ON outbox_batches (xid);

-- Rows below `gone_below` may be deleted: a snapshot that could miss one of them is too old.  Next
-- it will be `next_below`, below which all had ended at `next_at`: so every snapshot of later than
-- that is good until then.
CREATE TABLE written_fires_kept (
  one        boolean PRIMARY KEY DEFAULT true CHECK (one),
  gone_below xid8 NOT NULL,
  next_below xid8 NOT NULL,
  next_at    timestamptz NOT NULL
) WITH (fillfactor = 50);
INSERT INTO written_fires_kept
VALUES (true, '0', pg_snapshot_xmin(pg_current_snapshot()), clock_timestamp());
