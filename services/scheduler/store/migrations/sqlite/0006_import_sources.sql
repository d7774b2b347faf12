-- Where a schedule was imported from, as the definition says; empty: it was made here.
ALTER TABLE schedules ADD COLUMN source_kind TEXT NOT NULL DEFAULT '';
ALTER TABLE schedules ADD COLUMN source_locator TEXT NOT NULL DEFAULT '';
CREATE INDEX schedules_source ON schedules (project, source_kind, source_locator, name)
  WHERE source_kind <> '';
