-- Where a schedule was imported from, as the definition says; empty: it was made here.  The defaults
-- are constants, so that no row is written anew.  Few lists ask for it, and an import asks once.
ALTER TABLE schedules
  ADD COLUMN source_kind text COLLATE "C" NOT NULL DEFAULT '',
  ADD COLUMN source_locator text COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX schedules_source ON schedules (project, source_kind, source_locator, name)
  WHERE source_kind <> '';
COMMENT ON COLUMN schedules.state IS '1 enabled, 2 paused, 3 finished, 4 quarantined, 5 shadow';
