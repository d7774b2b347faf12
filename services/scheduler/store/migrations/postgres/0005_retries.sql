-- Which run of its due time a fire is, and the fire that it repeats; zero: it is the first.  The
-- defaults are constants, so that no row is written anew.
ALTER TABLE fires
  ADD COLUMN run integer NOT NULL DEFAULT 1,
  ADD COLUMN retry_of uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000';
COMMENT ON COLUMN fires.kind IS '1 scheduled, 2 catch-up, 3 manual, 4 backfill, 5 retry';
