-- The engine that a deleted schedule had: it is asked after the fires whose end was not heard.
-- Empty: deleted before this was kept.
ALTER TABLE deleted_schedules ADD COLUMN engine text COLLATE "C" NOT NULL DEFAULT '';
